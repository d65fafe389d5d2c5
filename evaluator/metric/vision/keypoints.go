package vision

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"aihub/evaluator/metric"
)

// cocoSigmas are the widths of COCO's 17 points of a person.
const cocoSigmas = ".026,.025,.025,.035,.035,.079,.079,.072,.072,.062,.062,.107,.107,.087,.087,.089,.089"

// Keypoints is the measure of *Image by object keypoint similarity, as
// pycocotools: 20 detections an image, objects without a labelled point are
// ignored, and the area of a detection is that of its points' bounding box.
// sigmas has a width for each point, with commas; "coco" means those of COCO.
// Values are those of COCO; ar100 is the average recall.
func Keypoints(sigmas string) metric.Measure {
	c := coco{sigmas: sigmas, most: 20, vars: []float64{}}
	for _, v := range widths(sigmas) {
		v *= 2
		c.vars = append(c.vars, v*v)
	}
	return c
}

// widths reads sigmas; one that is no width is NaN, and every similarity then
// undefined.
func widths(sigmas string) (out []float64) {
	if sigmas == "coco" {
		sigmas = cocoSigmas
	}
	for f := range strings.SplitSeq(sigmas, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
		if err != nil || !(v > 0 && v < 1e6) {
			v = math.NaN()
		}
		out = append(out, v)
	}
	return out
}

// Points is how many points the objects of Keypoints have, 0 when sigmas are no
// widths.
func Points(sigmas string) int {
	w := widths(sigmas)
	if slices.ContainsFunc(w, func(v float64) bool { return v != v }) {
		return 0
	}
	return len(w)
}

func seen(points []Point) (n int) {
	for _, p := range points {
		if p.Seen {
			n++
		}
	}
	return n
}

// keypoints fills iou with similarities, and the areas of detections. An object
// without a labelled point is near what lies in its box and half around it.
func (c *cocoImages) keypoints() {
	for d := range c.dts {
		c.dts[d].Area = 0
		if p := c.dts[d].Points; len(p) > 0 {
			left, top, right, bottom := p[0].X, p[0].Y, p[0].X, p[0].Y
			for _, q := range p {
				left, right = min(left, q.X), max(right, q.X)
				top, bottom = min(top, q.Y), max(bottom, q.Y)
			}
			c.dts[d].Area = (right - left) * (bottom - top)
		}
		for g := range c.gts {
			v := c.similarity(&c.gts[g], c.dts[d].Points)
			if v != v {
				c.bad = true
				return
			}
			c.iou[d*len(c.gts)+g] = v
		}
	}
}

func (c *cocoImages) similarity(o *Object, points []Point) float64 {
	if len(points) != len(c.vars) || len(o.Points) != len(c.vars) {
		return math.NaN()
	}
	labelled := seen(o.Points)
	b := o.Box
	x0, x1, y0, y1 := b[0]-b[2], b[0]+float64(2*b[2]), b[1]-b[3], b[1]+float64(2*b[3])
	var sum metric.Sum
	n := int64(0)
	for i, p := range points {
		if labelled > 0 && !o.Points[i].Seen {
			continue
		}
		var dx, dy float64
		if labelled > 0 {
			dx, dy = p.X-o.Points[i].X, p.Y-o.Points[i].Y
		} else {
			dx = max(0, x0-p.X) + max(0, p.X-x1)
			dy = max(0, y0-p.Y) + max(0, p.Y-y1)
		}
		e := (float64(dx*dx) + float64(dy*dy)) / c.vars[i] / (o.Area + 0x1p-52) / 2
		sum.Add(metric.Exp(-e))
		n++
	}
	if !sum.Finite() {
		return math.NaN()
	}
	return sum.Mean(n)
}

// LVIS is the measure of *Image with LVIS's rules (Gupta et al., 2019): only
// classes that an image's truth holds or that are known not to be in it count;
// where the truth may not be exhaustive, what finds nothing is not wrong; 300
// detections of all classes an image; no crowds. frequency has a letter for each
// class: r, c or f. ar100 is the average recall with 300.
func LVIS(masks bool, frequency string) metric.Measure {
	return coco{masks: masks, federated: true, frequency: frequency, most: 300}
}

// known keeps the detections that count in an image.
func (c *cocoImages) known(im *Image, dt []int32) []int32 {
	slices.SortStableFunc(dt, func(i, j int32) int { return cmp.Compare(im.Pred[j].Score, im.Pred[i].Score) })
	dt = dt[:min(len(dt), c.most)]
	return slices.DeleteFunc(dt, func(i int32) bool {
		class := im.Pred[i].Class
		return !slices.Contains(im.Negative, class) && !slices.ContainsFunc(im.Truth, func(o Object) bool { return o.Class == class })
	})
}
