// Package vision measures detection (COCO), segmentation and panoptic
// segmentation. Its units are images.
package vision

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"aihub/evaluator/metric"
)

// Image is one image: its objects, and the detected ones. Unit of the coco_*,
// oks_*, lvis_* and voc_* metrics. ID, and of equal ones Name, orders images:
// equal scores of different images stand in that order, those of one image as they
// are listed. No two images share both.
type Image struct {
	ID    int64
	Name  string
	Truth []Object
	Pred  []Object

	// Read by lvis_*: the classes that are known not to be in the image, and those
	// of which the truth may not hold every object.
	Negative, NotExhaustive []int
}

// Object is an object or a detection. Class counts from 0 in the declared order.
type Object struct {
	Class int
	Box   [4]float64 // x, y, width, height
	Mask  RLE        // only read by the segm metrics
	Area  float64    // of the truth, as annotated; of a detection it is computed
	Crowd bool       // of the truth: a region that any number of detections may match
	Score float64    // of a detection

	Points    []Point // only read by oks_*
	Difficult bool    // of the truth, only read by voc_ap@1: finding it is neither right nor wrong
}

// Point is a keypoint. Seen is of the truth: whether it is labelled at all.
type Point struct {
	X, Y float64
	Seen bool
}

// cocoValues are the twelve numbers, in pycocotools' order.
var cocoValues = []string{"ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"}

func init() {
	for _, v := range cocoValues {
		metric.RegisterUnits("coco_"+v+"@1", func(p metric.Params) (metric.Measure, string) { return COCO(p.Str("iou") == "segm"), v })
	}
	for _, v := range []string{"ap", "ap50", "ap75", "ap_medium", "ap_large", "ar"} {
		name := v
		if v == "ar" {
			name = "ar100" // as the list is full, here with 20
		}
		metric.RegisterUnits("oks_"+v+"@1", func(p metric.Params) (metric.Measure, string) { return Keypoints(p.Str("sigmas")), name })
	}
	for _, v := range []string{"ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ap_rare", "ap_common", "ap_frequent", "ar300"} {
		name := v
		if v == "ar300" {
			name = "ar100"
		}
		metric.RegisterUnits("lvis_"+v+"@1", func(p metric.Params) (metric.Measure, string) {
			return LVIS(p.Str("iou") == "segm", p.Str("frequency")), name
		})
	}
}

// COCO is the measure of *Image: average precision over 10 IoU thresholds, .5 to
// .95, and 101 recalls; average recall with 1, 10 and 100 detections an image.
// A class without an object in the truth is not averaged, and what was detected
// of it does not count. A detection takes the object it overlaps most; of equal
// overlaps the later one. Objects need no ids: pycocotools never matches the
// one whose id is 0. More than 100 detections of a class in an image are cut.
func COCO(masks bool) metric.Measure { return coco{masks: masks, most: 100} }

// coco says what overlaps and how many detections count.
type coco struct {
	masks     bool
	sigmas    string // of keypoints
	vars      []float64
	federated bool   // LVIS
	frequency string // a letter for each class
	most      int    // detections of a class in an image; LVIS: of all classes
}

func (c coco) Key() string {
	switch {
	case c.vars != nil:
		return "vision.oks " + c.sigmas
	case c.federated && c.masks:
		return "vision.lvis segm " + c.frequency
	case c.federated:
		return "vision.lvis bbox " + c.frequency
	case c.masks:
		return "vision.coco segm"
	}
	return "vision.coco bbox"
}

// New gives no intervals.
func (c coco) New(*metric.Bootstrap) metric.Gather {
	return &cocoImages{coco: c}
}

const (
	areas    = 4 // all, small, medium, large
	steps    = 10
	recalls  = 101
	allSteps = 1<<steps - 1
)

var (
	areaRange = [areas][2]float64{{0, 1e10}, {0, 1024}, {1024, 9216}, {9216, 1e10}}
	overlaps  = linspace(0.5, 0.95, steps)
	recallAt  = linspace(0, 1, recalls)
)

// linspace is numpy's, so that thresholds are equal to the last bit.
func linspace(from, to float64, n int) []float64 {
	out := make([]float64, n)
	step := (to - from) / float64(n-1)
	for i := range out {
		out[i] = float64(float64(i)*step) + from
	}
	out[n-1] = to
	return out
}

// detected is what is kept of a detection: at which thresholds it is right or
// ignored, for each range of areas.
type detected struct {
	score  float64
	image  int32  // as imageOrder numbers it
	place  uint16 // in its image, by score
	tp, ig [areas]uint16
}

type cocoClass struct {
	dets  []detected
	truth [areas]int64 // objects that count
}

type cocoImages struct {
	coco
	images  int64
	bad     bool
	classes []cocoClass
	order   imageOrder
	result  map[string]metric.Result // of what was gathered so far

	// Scratch of one image.
	gt, dt       []int32
	gts, dts     []Object
	iou          []float64
	match        []match
	taken        []uint16
	gtIgnored    []bool
	gtBox, dtBox [][4]float64
}

// match is an object that a detection overlaps by at least half.
type match struct {
	g   int
	iou float64
}

func (c *cocoImages) Add(unit any, _ uint16) {
	im := unit.(*Image)
	c.images++
	c.result = nil
	image := c.order.add(im)
	c.gt, c.dt = byClass(c.gt[:0], im.Truth), byClass(c.dt[:0], im.Pred)
	for _, o := range im.Pred {
		if o.Score-o.Score != 0 {
			c.bad = true
			return
		}
	}
	if c.federated {
		c.dt = c.known(im, c.dt)
	}
	slices.SortStableFunc(c.dt, func(i, j int32) int {
		a, b := &im.Pred[i], &im.Pred[j]
		if a.Class != b.Class {
			return a.Class - b.Class
		}
		return cmp.Compare(b.Score, a.Score)
	})
	slices.SortStableFunc(c.gt, func(i, j int32) int { return im.Truth[i].Class - im.Truth[j].Class })
	for i, j := 0, 0; i < len(c.gt) || j < len(c.dt); {
		class := math.MaxInt
		if i < len(c.gt) {
			class = im.Truth[c.gt[i]].Class
		}
		if j < len(c.dt) {
			class = min(class, im.Pred[c.dt[j]].Class)
		}
		c.gts, c.dts = c.gts[:0], c.dts[:0]
		for ; i < len(c.gt) && im.Truth[c.gt[i]].Class == class; i++ {
			c.gts = append(c.gts, im.Truth[c.gt[i]])
		}
		for ; j < len(c.dt) && im.Pred[c.dt[j]].Class == class; j++ {
			if c.federated || len(c.dts) < c.most {
				c.dts = append(c.dts, im.Pred[c.dt[j]])
			}
		}
		for len(c.classes) <= class {
			c.classes = append(c.classes, cocoClass{})
		}
		c.one(&c.classes[class], image, c.federated && slices.Contains(im.NotExhaustive, class))
	}
}

func byClass(out []int32, objects []Object) []int32 {
	for i := range objects {
		out = append(out, int32(i))
	}
	return out
}

// one matches the detections of one class in one image. With free, those that
// find nothing are not wrong.
func (c *cocoImages) one(k *cocoClass, image int32, free bool) {
	first := len(k.dets)
	k.dets = slices.Grow(k.dets, len(c.dts))[:first+len(c.dts)]
	dets := k.dets[first:]
	c.overlap()
	c.match = c.match[:0]
	from := make([]int32, len(c.dts)+1)
	for d := range c.dts {
		for g := range c.gts {
			if v := c.iou[d*len(c.gts)+g]; v >= overlaps[0] {
				c.match = append(c.match, match{g, v})
			}
		}
		from[d+1] = int32(len(c.match))
		area := c.dts[d].Area
		dets[d] = detected{score: c.dts[d].Score, image: image, place: uint16(d)}
		for a, r := range areaRange {
			if free || area < r[0] || area > r[1] {
				dets[d].ig[a] = allSteps
			}
		}
	}
	c.taken = slices.Grow(c.taken[:0], len(c.gts))[:len(c.gts)]
	c.gtIgnored = slices.Grow(c.gtIgnored[:0], len(c.gts))[:len(c.gts)]
	for a, r := range areaRange {
		for g, o := range c.gts {
			c.taken[g] = 0
			c.gtIgnored[g] = o.Crowd || o.Area < r[0] || o.Area > r[1] || c.vars != nil && seen(o.Points) == 0
			if !c.gtIgnored[g] {
				k.truth[a]++
			}
		}
		for d := range dets {
			near := c.match[from[d]:from[d+1]]
			if len(near) == 0 {
				continue
			}
			for t, least := range overlaps {
				bit := uint16(1) << t
				if m := c.best(near, least, bit); m >= 0 {
					c.taken[m] |= bit
					if c.gtIgnored[m] {
						dets[d].ig[a] |= bit
					} else {
						dets[d].tp[a] |= bit
						dets[d].ig[a] &^= bit
					}
				}
			}
		}
	}
}

// best is the object that a detection takes: of those that count the one it
// overlaps most, else of the ignored ones; the later of equals.
func (c *cocoImages) best(near []match, least float64, bit uint16) int {
	for _, ignored := range [2]bool{false, true} {
		m, most := -1, min(least, 1-1e-10)
		for _, x := range near {
			if c.gtIgnored[x.g] != ignored || c.taken[x.g]&bit != 0 && !c.gts[x.g].Crowd || x.iou < most {
				continue
			}
			m, most = x.g, x.iou
		}
		if m >= 0 {
			return m
		}
	}
	return -1
}

// overlap fills iou, by detections, and the areas of detections. For a crowd it
// is the share of the detection that lies in it.
func (c *cocoImages) overlap() {
	n := len(c.gts)
	c.iou = slices.Grow(c.iou[:0], len(c.dts)*n)[:len(c.dts)*n]
	clear(c.iou)
	if c.vars != nil {
		c.keypoints()
		return
	}
	if !c.masks {
		for d := range c.dts {
			b := &c.dts[d].Box
			area := float64(b[2] * b[3])
			c.dts[d].Area = area
			right, bottom := b[0]+b[2], b[1]+b[3]
			for g := range c.gts {
				o := &c.gts[g].Box
				w := min(right, o[0]+o[2]) - max(b[0], o[0])
				if w <= 0 {
					continue
				}
				h := min(bottom, o[1]+o[3]) - max(b[1], o[1])
				if h <= 0 {
					continue
				}
				i := float64(w * h)
				u := area
				if !c.gts[g].Crowd {
					u = area + float64(o[2]*o[3]) - i
				}
				c.iou[d*n+g] = i / u
			}
		}
		return
	}
	c.gtBox, c.dtBox = c.gtBox[:0], c.dtBox[:0]
	for i := range c.gts {
		c.gtBox = append(c.gtBox, c.gts[i].Mask.box())
	}
	for d := range c.dts {
		m := c.dts[d].Mask
		c.dts[d].Area = float64(m.Area())
		box := m.box()
		for g := range c.gts {
			if o := c.gtBox[g]; min(box[2], o[2]) > max(box[0], o[0]) && min(box[3], o[3]) > max(box[1], o[1]) {
				c.iou[d*n+g] = m.iou(c.gts[g].Mask, c.gts[g].Crowd)
			}
		}
	}
}

func (c *cocoImages) Merge(o metric.Gather) {
	x := o.(*cocoImages)
	c.result = nil
	first := c.order.merge(&x.order)
	c.images += x.images
	c.bad = c.bad || x.bad
	for len(c.classes) < len(x.classes) {
		c.classes = append(c.classes, cocoClass{})
	}
	for i := range x.classes {
		k := &c.classes[i]
		for _, d := range x.classes[i].dets {
			d.image += first
			k.dets = append(k.dets, d)
		}
		for a, n := range x.classes[i].truth {
			k.truth[a] += n
		}
	}
}

func (c *cocoImages) Result(name string) metric.Result {
	if c.result == nil {
		c.result = c.all()
	}
	return c.result[name]
}

// all averages over classes.
func (c *cocoImages) all() map[string]metric.Result {
	type mean struct {
		sum metric.Sum
		n   int64
	}
	var ap [areas]mean
	var ap50, ap75 mean
	var ar [areas]mean
	var few [2]mean
	var often [3]mean
	rank := c.order.ranks()
	for i := range c.classes {
		k := &c.classes[i]
		slices.SortFunc(k.dets, func(a, b detected) int {
			switch {
			case a.score > b.score:
				return -1
			case a.score < b.score:
				return 1
			}
			return cmp.Or(cmp.Compare(rank[a.image], rank[b.image]), int(a.place)-int(b.place))
		})
		for a := range areas {
			n := k.truth[a]
			if n == 0 {
				continue
			}
			for t := range steps {
				sum, hits := k.precision(a, t)
				ap[a].sum.Merge(&sum)
				ap[a].n += recalls
				ar[a].sum.Add(metric.Quo(hits, n))
				ar[a].n++
				if a > 0 {
					continue
				}
				if i < len(c.frequency) {
					if f := strings.IndexByte("rcf", c.frequency[i]); f >= 0 {
						often[f].sum.Merge(&sum)
						often[f].n += recalls
					}
				}
				for _, x := range []struct {
					t int
					m *mean
				}{{0, &ap50}, {5, &ap75}} {
					if x.t == t {
						x.m.sum.Merge(&sum)
						x.m.n += recalls
					}
				}
				for f, most := range [2]uint16{1, 10} {
					var h int64
					for _, d := range k.dets {
						if d.place < most && d.tp[0]>>t&1 == 1 {
							h++
						}
					}
					few[f].sum.Add(metric.Quo(h, n))
					few[f].n++
				}
			}
		}
	}
	out := map[string]metric.Result{}
	names := slices.Concat(cocoValues, []string{"ap_rare", "ap_common", "ap_frequent"})
	for i, m := range []*mean{&ap[0], &ap50, &ap75, &ap[1], &ap[2], &ap[3], &few[0], &few[1], &ar[0], &ar[1], &ar[2], &ar[3], &often[0], &often[1], &often[2]} {
		switch {
		case c.images == 0:
			out[names[i]] = metric.Undefined(0, metric.NoRows)
		case c.bad:
			out[names[i]] = metric.Undefined(c.images, metric.NotFinite)
		case m.n == 0: // pycocotools says -1
			out[names[i]] = metric.Undefined(c.images, metric.NoReference)
		default:
			out[names[i]] = metric.OK(m.sum.Mean(m.n), c.images)
		}
	}
	return out
}

// precision sums the 101 precisions at one threshold, each the largest at that
// recall or beyond, and counts the right detections.
func (k *cocoClass) precision(area, t int) (sum metric.Sum, hits int64) {
	var at []float64 // precision where the recall grows
	var tp, fp int64
	for i := range k.dets {
		d := &k.dets[i]
		switch {
		case d.tp[area]>>t&1 == 1:
			tp++
			at = append(at, float64(tp)/(float64(fp+tp)+0x1p-52))
		case d.ig[area]>>t&1 == 0:
			fp++
		}
	}
	for i := len(at) - 2; i >= 0; i-- {
		at[i] = max(at[i], at[i+1])
	}
	i := 0
	for _, r := range recallAt {
		for i < len(at) && metric.Quo(int64(i+1), k.truth[area]) < r {
			i++
		}
		if i == len(at) {
			break
		}
		sum.Add(at[i])
	}
	return sum, tp
}
