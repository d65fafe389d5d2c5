package main

import (
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"aihub/evaluator/metric/vision"
)

// objectCase is an object or a detection as cases hold it.
type objectCase struct {
	Class     int
	Box       [4]float64
	RLE       string
	Area      float64
	Crowd     bool
	Score     float64
	Difficult bool
	Points    [][3]float64 // x, y, whether labelled
}

type imageCase struct {
	H, W   int
	Images []struct {
		ID                      int64
		Truth, Pred             []objectCase
		Negative, NotExhaustive []int
	}
}

// Names of the values, in the order of pycocotools.
var cocoNames = []string{"ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"}

func drawImages(kind string) func(r *rng) (*imageCase, []string) {
	return func(r *rng) (*imageCase, []string) {
		k := pick(r, 1, 1, 2)
		c := &imageCase{H: pick(r, 4, 8), W: pick(r, 5, 9)}
		box := func() [4]float64 {
			if r.chance(0.3) {
				return [4]float64{float64(r.IntN(60)), float64(r.IntN(60)), pick(r, 10.0, 32, 96, 100), pick(r, 10.0, 32, 96)}
			}
			return [4]float64{200 * r.Float64(), float64(r.IntN(200)), 1 + 120*r.Float64(), 1 + 120*r.Float64()}
		}
		near := func(b [4]float64) [4]float64 {
			switch r.IntN(4) {
			case 0:
				return b
			case 1:
				return box()
			}
			e := pick(r, 1, 4, 15)
			move := func(x float64) float64 { return x + float64(r.IntN(2*e+1)-e) }
			return [4]float64{move(b[0]), move(b[1]), max(1, move(b[2])), max(1, b[3]+float64(e)*r.Float64())}
		}
		mask := func() string {
			px := make([]bool, c.H*c.W)
			y, x := r.IntN(c.H), r.IntN(c.W)
			h, w := 1+r.IntN(c.H), 1+r.IntN(c.W)
			for i := range px {
				px[i] = i/c.W >= y && i/c.W < y+h && i%c.W >= x && i%c.W < x+w && !r.chance(0.1)
			}
			return encode(px, c.H, c.W)
		}
		points := func(b [4]float64, blur float64) (out [][3]float64) {
			for range 3 {
				out = append(out, [3]float64{b[0] + b[2]*r.Float64() + blur*(r.Float64()-0.5), b[1] + b[3]*r.Float64(), float64(r.IntN(3))})
			}
			return out
		}
		for i := range pick(r, 1, 1, 2) {
			c.Images = append(c.Images, struct {
				ID                      int64
				Truth, Pred             []objectCase
				Negative, NotExhaustive []int
			}{ID: int64(i + 1)})
			im := &c.Images[i]
			for range pick(r, 0, 1, 2, 3) {
				o := objectCase{Class: r.IntN(k), Box: box(), Crowd: r.chance(0.1) && kind != "lvis" && kind != "voc", Difficult: kind == "voc" && r.chance(0.2)}
				o.Area = o.Box[2] * o.Box[3] * pick(r, 1, 1, 0.7)
				switch kind {
				case "segm":
					o.RLE = mask()
					o.Area = float64(areaOf(o.RLE, c.H, c.W))
				case "keypoints":
					o.Points = points(o.Box, 0)
					if r.chance(0.15) {
						for j := range o.Points {
							o.Points[j][2] = 0
						}
					}
				}
				im.Truth = append(im.Truth, o)
			}
			for range pick(r, 0, 1, 3, 5) {
				d := objectCase{Class: r.IntN(k), Box: box(), Score: pick(r, r.Float64(), float64(r.IntN(4))/4)}
				if kind == "segm" {
					d.RLE = mask()
				}
				if kind == "keypoints" {
					d.Points = points(d.Box, 0)
				}
				if len(im.Truth) > 0 && r.chance(0.8) {
					o := im.Truth[r.IntN(len(im.Truth))]
					d.Box = near(o.Box)
					if r.chance(0.9) {
						d.Class = o.Class
					}
					if kind == "segm" && r.chance(0.7) {
						d.RLE = o.RLE
					}
					if kind == "keypoints" {
						d.Points = nil
						blur := pick(r, 0.0, 3, 30)
						for _, p := range o.Points {
							d.Points = append(d.Points, [3]float64{p[0] + blur*r.Float64(), p[1] + blur*r.Float64(), 1})
						}
					}
				}
				im.Pred = append(im.Pred, d)
			}
			if kind == "lvis" {
				for j := range k {
					if r.chance(0.3) {
						im.Negative = append(im.Negative, j)
					}
					if r.chance(0.2) {
						im.NotExhaustive = append(im.NotExhaustive, j)
					}
				}
			}
		}
		var keys []string
		switch kind {
		case "coco", "segm":
			for _, v := range cocoNames {
				keys = append(keys, "coco_"+v+"@1"+map[string]string{"segm": " iou=segm"}[kind])
			}
		case "keypoints":
			for _, v := range []string{"ap", "ap50", "ap75", "ap_medium", "ap_large", "ar"} {
				keys = append(keys, "oks_"+v+"@1 sigmas=0.05,0.1,0.2")
			}
		case "lvis":
			for _, v := range []string{"ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ap_rare", "ap_common", "ap_frequent", "ar300"} {
				keys = append(keys, "lvis_"+v+"@1 frequency=rcf")
			}
		case "voc":
			keys = append(keys, "voc_ap@1 points="+pick(r, "all", "eleven")+" plus_one="+pick(r, "yes", "no"))
		}
		return c, keys
	}
}

// encode and areaOf use the mask format alone; what is measured is decoded.
func encode(px []bool, h, w int) string { return rleString(vision.Encode(h, w, px).Counts) }

// rleString is COCO's text of runs.
func rleString(runs []uint32) string {
	var b strings.Builder
	for i, n := range runs {
		x := int64(n)
		if i > 2 {
			x -= int64(runs[i-2])
		}
		for more := true; more; {
			c := byte(x & 31)
			x >>= 5
			if more = !(x == 0 && c&16 == 0 || x == -1 && c&16 != 0); more {
				c |= 32
			}
			b.WriteByte(c + 48)
		}
	}
	return b.String()
}

func pixelsOf(rle string, h, w int) []bool {
	m, err := vision.ParseRLE(h, w, rle)
	if err != nil {
		panic(err)
	}
	px := make([]bool, 0, h*w)
	for i, n := range m.Counts {
		for range n {
			px = append(px, i%2 == 1)
		}
	}
	return px
}

func areaOf(rle string, h, w int) (n int) {
	for _, p := range pixelsOf(rle, h, w) {
		if p {
			n++
		}
	}
	return n
}

// likeness is the overlap or similarity of a detection and an object.
func (c *imageCase) likeness(kind string, d, o *objectCase, sigmas []float64) float64 {
	switch kind {
	case "segm":
		var both, a, b float64
		p, q := pixelsOf(d.RLE, c.H, c.W), pixelsOf(o.RLE, c.H, c.W)
		for i := range p {
			if p[i] {
				a++
			}
			if q[i] {
				b++
			}
			if p[i] && q[i] {
				both++
			}
		}
		union := a + b - both
		if o.Crowd {
			union = a
		}
		if union == 0 {
			return 0
		}
		return both / union
	case "keypoints":
		labelled := slices.ContainsFunc(o.Points, func(p [3]float64) bool { return p[2] > 0 })
		var s, n float64
		for i, p := range d.Points {
			if labelled && o.Points[i][2] == 0 {
				continue
			}
			dx, dy := p[0]-o.Points[i][0], p[1]-o.Points[i][1]
			if !labelled {
				dx = max(0, o.Box[0]-o.Box[2]-p[0]) + max(0, p[0]-o.Box[0]-2*o.Box[2])
				dy = max(0, o.Box[1]-o.Box[3]-p[1]) + max(0, p[1]-o.Box[1]-2*o.Box[3])
			}
			v := 2 * sigmas[i]
			s += math.Exp(-(dx*dx + dy*dy) / (v * v) / o.Area / 2)
			n++
		}
		return s / n
	}
	w := max(0, min(d.Box[0]+d.Box[2], o.Box[0]+o.Box[2])-max(d.Box[0], o.Box[0]))
	h := max(0, min(d.Box[1]+d.Box[3], o.Box[1]+o.Box[3])-max(d.Box[1], o.Box[1]))
	a := d.Box[2] * d.Box[3]
	if o.Crowd {
		return w * h / a
	}
	return w * h / (a + o.Box[2]*o.Box[3] - w*h)
}

type verdict struct {
	score float64
	place int
	state int // 1 right, 0 wrong, -1 ignored
}

// judge matches what was detected of one class in one image at one threshold.
func (c *imageCase) judge(kind string, im, class int, least, from, to float64, most int, sigmas []float64) (out []verdict, truths int) {
	I := &c.Images[im]
	var gts, dts []*objectCase
	for i := range I.Truth {
		if I.Truth[i].Class == class {
			gts = append(gts, &I.Truth[i])
		}
	}
	ignored := func(o *objectCase) bool {
		return o.Crowd || o.Area < from || o.Area > to || kind == "keypoints" && !slices.ContainsFunc(o.Points, func(p [3]float64) bool { return p[2] > 0 })
	}
	free := false
	if kind == "lvis" {
		if len(gts) == 0 && !slices.Contains(I.Negative, class) {
			return nil, 0
		}
		free = slices.Contains(I.NotExhaustive, class)
	}
	for i := range I.Pred {
		if I.Pred[i].Class == class {
			dts = append(dts, &I.Pred[i])
		}
	}
	sort.SliceStable(dts, func(i, j int) bool { return dts[i].Score > dts[j].Score })
	dts = dts[:min(len(dts), most)]
	for _, o := range gts {
		if !ignored(o) {
			truths++
		}
	}
	taken := map[*objectCase]bool{}
	for place, d := range dts {
		area := d.Box[2] * d.Box[3]
		switch kind {
		case "segm":
			area = float64(areaOf(d.RLE, c.H, c.W))
		case "keypoints":
			x, y := []float64{}, []float64{}
			for _, p := range d.Points {
				x, y = append(x, p[0]), append(y, p[1])
			}
			area = (slices.Max(x) - slices.Min(x)) * (slices.Max(y) - slices.Min(y))
		}
		v := verdict{d.Score, place, 0}
		if free || area < from || area > to {
			v.state = -1
		}
		// What counts first; of those the nearest; of equals the last.
		for _, ign := range []bool{false, true} {
			var match *objectCase
			nearest := least
			for _, o := range gts {
				if ignored(o) != ign || taken[o] && !o.Crowd {
					continue
				}
				if x := c.likeness(kind, d, o, sigmas); x >= nearest {
					match, nearest = o, x
				}
			}
			if match != nil {
				taken[match] = true
				if v.state = 1; ign {
					v.state = -1
				}
				break
			}
		}
		out = append(out, v)
	}
	return out, truths
}

var cocoAreas = map[string][2]float64{"": {0, 1e10}, "small": {0, 1024}, "medium": {1024, 9216}, "large": {9216, 1e10}}

func wantImages(kind string) func(c *imageCase, key string) (float64, bool) {
	return func(c *imageCase, key string) (float64, bool) {
		use, p := params(key)
		_, name, _ := strings.Cut(strings.TrimSuffix(use, "@1"), "_")
		var sigmas []float64
		if s, ok := p["sigmas"].(string); ok {
			for _, f := range strings.Split(s, ",") {
				v, _ := strconv.ParseFloat(f, 64)
				sigmas = append(sigmas, v)
			}
		}
		value, area, _ := strings.Cut(name, "_")
		classes := 0
		for _, im := range c.Images {
			for _, list := range [][]objectCase{im.Truth, im.Pred} {
				for _, o := range list {
					classes = max(classes, o.Class+1)
				}
			}
		}
		most := map[string]int{"coco": 100, "segm": 100, "keypoints": 20, "lvis": 300}[kind]
		if n, err := strconv.Atoi(strings.TrimPrefix(value, "ar")); err == nil {
			most = n
		}
		only := -1
		if i := slices.Index([]string{"rare", "common", "frequent"}, area); i >= 0 {
			only, area = i, ""
		}
		thresholds := []float64{}
		for i := range 10 {
			thresholds = append(thresholds, 0.5+float64(i)*0.05)
		}
		switch value {
		case "ap50":
			thresholds = thresholds[:1]
		case "ap75":
			thresholds = thresholds[5:6]
		}
		var values []float64
		for class := range classes {
			if only >= 0 && class != only {
				continue
			}
			for _, t := range thresholds {
				var all []verdict
				truths := 0
				for im := range c.Images {
					v, n := c.judge(kind, im, class, t-1e-12, cocoAreas[area][0], cocoAreas[area][1], most, sigmas)
					all = append(all, v...)
					truths += n
				}
				if truths == 0 {
					continue
				}
				sort.SliceStable(all, func(i, j int) bool { return all[i].score > all[j].score })
				var right, wrong float64
				var curve [][2]float64 // recall, precision
				for _, v := range all {
					switch v.state {
					case 1:
						right++
						curve = append(curve, [2]float64{right / float64(truths), right / (right + wrong)})
					case 0:
						wrong++
					}
				}
				if strings.HasPrefix(value, "ar") {
					values = append(values, right/float64(truths))
					continue
				}
				var s float64
				for i := range 101 {
					best := 0.0
					for _, x := range curve {
						// As the reference, to the last bit: 7 of 20 are less than its 0.35.
						if x[0] >= float64(i)*0.01 {
							best = max(best, x[1])
						}
					}
					s += best
				}
				values = append(values, s/101)
			}
		}
		return meanOver(values), true
	}
}

func wantVOC(c *imageCase, key string) (float64, bool) {
	_, p := params(key)
	one := map[any]float64{"yes": 1.0, "no": 0.0}[p["plus_one"]]
	var values []float64
	for class := range 4 {
		type hit struct {
			score float64
			right bool
		}
		var hits []hit
		truths := 0.0
		for _, im := range c.Images {
			taken := map[int]bool{}
			for _, o := range im.Truth {
				if o.Class == class && !o.Difficult {
					truths++
				}
			}
			dets := slices.Clone(im.Pred)
			sort.SliceStable(dets, func(i, j int) bool { return dets[i].Score > dets[j].Score })
			for _, d := range dets {
				if d.Class != class {
					continue
				}
				at, most := -1, -1.0
				for i, o := range im.Truth {
					if o.Class != class {
						continue
					}
					w := max(0, min(d.Box[0]+d.Box[2], o.Box[0]+o.Box[2])-max(d.Box[0], o.Box[0])+one)
					h := max(0, min(d.Box[1]+d.Box[3], o.Box[1]+o.Box[3])-max(d.Box[1], o.Box[1])+one)
					v := w * h / ((d.Box[2]+one)*(d.Box[3]+one) + (o.Box[2]+one)*(o.Box[3]+one) - w*h)
					if v > most {
						at, most = i, v
					}
				}
				switch {
				case most < 0.5:
					hits = append(hits, hit{d.Score, false})
				case im.Truth[at].Difficult:
				default:
					hits = append(hits, hit{d.Score, !taken[at]})
					taken[at] = true
				}
			}
		}
		if truths == 0 {
			continue
		}
		sort.SliceStable(hits, func(i, j int) bool { return hits[i].score > hits[j].score })
		var curve [][2]float64
		right := 0.0
		for i, h := range hits {
			if h.right {
				right++
			}
			curve = append(curve, [2]float64{right / truths, right / float64(i+1)})
		}
		height := func(recall float64) (best float64) {
			for _, x := range curve {
				if x[0] >= recall-1e-12 {
					best = max(best, x[1])
				}
			}
			return best
		}
		var ap float64
		if p["points"] == "eleven" {
			for i := range 11 {
				ap += height(float64(i)/10) / 11
			}
		} else {
			before := 0.0
			for _, x := range curve {
				ap += (x[0] - before) * height(x[0])
				before = x[0]
			}
		}
		values = append(values, ap)
	}
	return meanOver(values), true
}

func drawPixels(r *rng) (*pixelCase, []string) {
	k := pick(r, 2, 3, 5)
	c := &pixelCase{}
	for range pick(r, 1, 1, 2, 3) {
		var t, p []int32
		top := 1 + r.IntN(k)
		for range pick(r, 1, 4, 12) {
			y := int32(r.IntN(top+1) - 1)
			x := max(y, 0)
			if r.chance(0.4) {
				x = int32(r.IntN(k))
			}
			t, p = append(t, y), append(p, x)
		}
		c.Truth, c.Pred = append(c.Truth, t), append(c.Pred, p)
	}
	classes := "@1 classes=" + strconv.Itoa(k)
	return c, []string{"miou" + classes, "fw_iou" + classes, "pixel_accuracy" + classes, "mean_dice" + classes, "dice_per_case@1 class=1 empty=" + pick(r, "one", "skip")}
}

func wantPixels(c *pixelCase, key string) (float64, bool) {
	use, p := params(key)
	if use == "dice_per_case@1" {
		var ds []float64
		for i, t := range c.Truth {
			var both, all float64
			for j, y := range t {
				x := c.Pred[i][j]
				if y == 1 {
					all++
				}
				if x == 1 {
					all++
				}
				if x == 1 && y == 1 {
					both++
				}
			}
			if all > 0 {
				ds = append(ds, 2*both/all)
			} else if p["empty"] == "one" {
				ds = append(ds, 1)
			}
		}
		return meanOver(ds), true
	}
	var ious, dices []float64
	var weighted, right, n float64
	for k := range int32(p["classes"].(float64)) {
		var both, truth, pred float64
		for i, t := range c.Truth {
			for j, y := range t {
				if y < 0 {
					continue
				}
				x := c.Pred[i][j]
				if y == k {
					truth++
				}
				if x == k {
					pred++
				}
				if x == k && y == k {
					both++
				}
			}
		}
		right += both
		n += truth
		if truth+pred > 0 {
			iou := both / (truth + pred - both)
			ious, dices = append(ious, iou), append(dices, 2*both/(truth+pred))
			weighted += truth * iou
		}
	}
	if n == 0 {
		return none, true
	}
	return map[string]float64{"miou@1": meanOver(ious), "fw_iou@1": weighted / n, "pixel_accuracy@1": right / n, "mean_dice@1": meanOver(dices)}[use], true
}
