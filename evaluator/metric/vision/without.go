package vision

import (
	"slices"
	"strings"

	"aihub/evaluator/metric"
)

// averaged says what one of the values averages: over which thresholds and detections.
type averaged struct {
	area  int
	at    []int // of overlaps
	most  uint16
	hits  bool // recalls, not precisions
	often string
}

var allAt = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}

var averages = map[string]averaged{
	"ap": {at: allAt}, "ap50": {at: []int{0}}, "ap75": {at: []int{5}},
	"ap_small": {area: 1, at: allAt}, "ap_medium": {area: 2, at: allAt}, "ap_large": {area: 3, at: allAt},
	"ap_rare": {at: allAt, often: "r"}, "ap_common": {at: allAt, often: "c"}, "ap_frequent": {at: allAt, often: "f"},
	"ar1": {at: allAt, hits: true, most: 1}, "ar10": {at: allAt, hits: true, most: 10}, "ar100": {at: allAt, hits: true, most: 1<<16 - 1},
	"ar_small": {area: 1, at: allAt, hits: true, most: 1<<16 - 1}, "ar_medium": {area: 2, at: allAt, hits: true, most: 1<<16 - 1}, "ar_large": {area: 3, at: allAt, hits: true, most: 1<<16 - 1},
}

// Without values c without each of parts, which were merged into it in this order, from
// the detections that are sorted already: for every part only what is right is looked
// at again.
func (c *cocoImages) Without(name string, parts []metric.Gather) []metric.Result {
	c.Result(name) // sorts
	of, known := averages[name]
	var part []uint8 // of each image
	for i, p := range parts {
		part = append(part, slices.Repeat([]uint8{uint8(i)}, len(p.(*cocoImages).order.images))...)
	}
	if c.bad || !known || len(parts) > 256 || len(part) != len(c.order.images) {
		return nil
	}
	sum, n := make([]float64, len(parts)), make([]int64, len(parts))
	truth := make([]int64, len(parts))
	var e events
	for i := range c.classes {
		k := &c.classes[i]
		if of.often != "" && (i >= len(c.frequency) || !strings.Contains(of.often, c.frequency[i:i+1])) {
			continue
		}
		for p := range parts {
			truth[p] = k.truth[of.area]
			if x := parts[p].(*cocoImages).classes; i < len(x) {
				truth[p] -= x[i].truth[of.area]
			}
		}
		if k.truth[of.area] == 0 {
			continue
		}
		for _, t := range of.at {
			e.read(k, of, t, part, len(parts))
			for p := range parts {
				switch {
				case truth[p] == 0:
				case of.hits:
					n[p]++
					sum[p] += metric.Quo(int64(len(e.right))-e.own[p], truth[p])
				default:
					n[p] += recalls
					sum[p] += e.precision(p, truth[p])
				}
			}
		}
	}
	out := make([]metric.Result, len(parts))
	for p := range out {
		images := c.images - parts[p].(*cocoImages).images
		if out[p] = metric.Undefined(images, metric.NoReference); n[p] > 0 {
			out[p] = metric.OK(sum[p]/float64(n[p]), images)
		}
	}
	return out
}

// events are the detections of a class that are right at one threshold, and the wrong
// ones between them.
type events struct {
	right []uint8   // the part of each
	wrong []int64   // before each
	own   []int64   // right ones, of each part
	at    [][]int64 // of each part, for each wrong one of it the right ones before it
	of    []float64
	need  map[int64]*[recalls]int
}

// needs says which right one, of n objects, has each of the recalls first.
func (e *events) needs(n int64) *[recalls]int {
	if need := e.need[n]; need != nil {
		return need
	}
	need, i := new([recalls]int), 0
	for j, r := range recallAt {
		for metric.Quo(int64(i+1), n) < r {
			i++
		}
		need[j] = i
	}
	if e.need == nil {
		e.need = map[int64]*[recalls]int{}
	}
	e.need[n] = need
	return need
}

func (e *events) read(k *cocoClass, of averaged, t int, part []uint8, parts int) {
	e.right, e.wrong = e.right[:0], e.wrong[:0]
	e.own = append(e.own[:0], make([]int64, parts)...)
	for len(e.at) < parts {
		e.at = append(e.at, nil)
	}
	for p := range e.at {
		e.at[p] = e.at[p][:0]
	}
	wrong := int64(0)
	for i := range k.dets {
		d := &k.dets[i]
		p := part[d.image]
		switch {
		case of.hits && d.place >= of.most:
		case d.tp[of.area]>>t&1 == 1:
			e.right, e.wrong = append(e.right, p), append(e.wrong, wrong)
			e.own[p]++
		case d.ig[of.area]>>t&1 == 0:
			e.at[p] = append(e.at[p], int64(len(e.right)))
			wrong++
		}
	}
}

// precision is that of cocoClass without a part, of whose class there are n objects in
// the others.
func (e *events) precision(p int, n int64) (sum float64) {
	at, out := e.at[p], e.of[:0]
	own, wrong := int64(0), int64(0)
	for j, q := range e.right {
		for len(at) > 0 && at[0] <= int64(j) {
			at = at[1:]
			wrong++
		}
		if int(q) == p {
			own++
			continue
		}
		tp := int64(j) + 1 - own
		out = append(out, float64(tp)/(float64(e.wrong[j]-wrong+tp)+0x1p-52))
	}
	e.of = out
	for i := len(out) - 2; i >= 0; i-- {
		out[i] = max(out[i], out[i+1])
	}
	for _, i := range e.needs(n) {
		if i >= len(out) {
			break
		}
		sum += out[i]
	}
	return sum
}
