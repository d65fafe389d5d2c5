package vision

import (
	"cmp"
	"slices"

	"aihub/evaluator/metric"
)

func init() {
	metric.RegisterUnits("voc_ap@1", func(p metric.Params) (metric.Measure, string) {
		return VOC(p.Num("iou_threshold"), p.Str("points") == "eleven", p.Str("plus_one") == "yes"), "ap"
	})
}

// VOC is the measure of *Image of the PASCAL challenges: the mean over the
// classes that the truth holds of average precision, as the area under the
// falling envelope (2010 on) or, with eleven, the mean of its height at 11
// recalls (2007). A detection is right when the object that it overlaps most,
// the first of equals, overlaps it by at least least and was not found by one of
// a higher score; of a difficult object it is neither right nor wrong. Boxes are
// x, y, width, height; with plusOne sides are a pixel longer, as the devkit
// counts corners.
func VOC(least float64, eleven, plusOne bool) metric.Measure { return voc{least, eleven, plusOne} }

type voc struct {
	least           float64
	eleven, plusOne bool
}

func (v voc) Key() string {
	key := "vision.voc " + metric.Number(v.least)
	if v.eleven {
		key += " 11"
	}
	if v.plusOne {
		key += " +1"
	}
	return key
}

// New gives no intervals.
func (v voc) New(*metric.Bootstrap) metric.Gather { return &vocImages{v: v} }

type vocDetection struct {
	score float64
	image int32
	place int
	right bool
}

type vocClass struct {
	dets  []vocDetection // without those of difficult objects
	truth int64
}

type vocImages struct {
	v       voc
	images  int64
	bad     bool
	classes []vocClass
	order   imageOrder
}

func (g *vocImages) class(k int) *vocClass {
	for len(g.classes) <= k {
		g.classes = append(g.classes, vocClass{})
	}
	return &g.classes[k]
}

func (g *vocImages) Add(unit any, _ uint16) {
	im := unit.(*Image)
	g.images++
	image := g.order.add(im)
	for _, o := range im.Truth {
		if !o.Difficult {
			g.class(o.Class).truth++
		}
	}
	order := byClass(nil, im.Pred)
	slices.SortStableFunc(order, func(i, j int32) int { return cmp.Compare(im.Pred[j].Score, im.Pred[i].Score) })
	taken := make([]bool, len(im.Truth))
	for place, i := range order {
		d := &im.Pred[i]
		if d.Score-d.Score != 0 {
			g.bad = true
			return
		}
		best, most := -1, 0.0
		for j := range im.Truth {
			if o := &im.Truth[j]; o.Class == d.Class {
				if x := g.v.overlap(d.Box, o.Box); best < 0 || x > most {
					best, most = j, x
				}
			}
		}
		right := false
		if best >= 0 && most >= g.v.least {
			if im.Truth[best].Difficult {
				continue
			}
			right, taken[best] = !taken[best], true
		}
		k := g.class(d.Class)
		k.dets = append(k.dets, vocDetection{d.Score, image, place, right})
	}
}

func (v voc) overlap(a, b [4]float64) float64 {
	one := 0.0
	if v.plusOne {
		one = 1
	}
	w := min(a[0]+a[2], b[0]+b[2]) - max(a[0], b[0]) + one
	h := min(a[1]+a[3], b[1]+b[3]) - max(a[1], b[1]) + one
	if w <= 0 || h <= 0 {
		return 0
	}
	both := float64(w * h)
	return both / (float64((a[2]+one)*(a[3]+one)) + float64((b[2]+one)*(b[3]+one)) - both)
}

func (g *vocImages) Merge(o metric.Gather) {
	x := o.(*vocImages)
	g.images += x.images
	first := g.order.merge(&x.order)
	g.bad = g.bad || x.bad
	for i, k := range x.classes {
		c := g.class(i)
		for _, d := range k.dets {
			d.image += first
			c.dets = append(c.dets, d)
		}
		c.truth += k.truth
	}
}

func (g *vocImages) Result(string) metric.Result {
	var sum metric.Sum
	var n int64
	rank := g.order.ranks()
	for i := range g.classes {
		if k := &g.classes[i]; k.truth > 0 {
			sum.Add(g.v.average(k, rank))
			n++
		}
	}
	switch {
	case g.images == 0:
		return metric.Undefined(0, metric.NoRows)
	case g.bad:
		return metric.Undefined(g.images, metric.NotFinite)
	case n == 0:
		return metric.Undefined(g.images, metric.NoReference)
	}
	return metric.OK(sum.Mean(n), g.images)
}

func (v voc) average(k *vocClass, rank []int32) float64 {
	slices.SortFunc(k.dets, func(a, b vocDetection) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(rank[a.image], rank[b.image]), cmp.Compare(a.place, b.place))
	})
	var at []float64 // the precision at each right detection
	for i, d := range k.dets {
		if d.right {
			at = append(at, metric.Quo(int64(len(at)+1), int64(i+1)))
		}
	}
	for i := len(at) - 2; i >= 0; i-- {
		at[i] = max(at[i], at[i+1])
	}
	var sum metric.Sum
	if !v.eleven {
		for _, p := range at {
			sum.Add(p)
		}
		return sum.Mean(k.truth)
	}
	for t := range int64(11) {
		// the first right detection with a recall of t/10 or more
		i := (t*k.truth+9)/10 - 1
		if i = max(i, 0); i < int64(len(at)) {
			sum.Add(at[i])
		}
	}
	return sum.Mean(11)
}
