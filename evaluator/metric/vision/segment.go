package vision

import (
	"aihub/evaluator/metric"
)

// Labelled is one image with a class for each pixel, the truth and the
// prediction, of equal length. A true class outside the declared ones is not
// scored (the ignore label); a predicted one outside them is wrong. Unit of
// miou@1, fw_iou@1, pixel_accuracy@1, mean_dice@1 and dice_per_case@1.
type Labelled struct {
	Truth, Pred []int32
}

func init() {
	for use, value := range map[string]string{"miou@1": "miou", "fw_iou@1": "fwiou", "pixel_accuracy@1": "accuracy", "mean_dice@1": "dice"} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return Segmentation(p.Int("classes")), value })
	}
	metric.RegisterUnits("dice_per_case@1", func(p metric.Params) (metric.Measure, string) {
		return DicePerCase(p.Int("class"), p.Str("empty")), "dice"
	})
	for _, v := range []string{"pq", "sq", "rq"} {
		metric.RegisterUnits("panoptic_"+v+"@1", func(p metric.Params) (metric.Measure, string) { return PQ(p.Int("classes")), v })
	}
}

// Segmentation is the measure of *Labelled with k classes: ratios of one table
// over all images, never a mean of images. A class that is on neither side is
// not averaged.
func Segmentation(k int) metric.Measure {
	// counts: hits, truth, predicted of each class
	classes := func(c []int64, of func(hit, truth, pred int64) float64) (sum metric.Sum, n int64) {
		for i := range k {
			if hit, t, p := c[i], c[k+i], c[2*k+i]; t+p > 0 {
				sum.Add(of(hit, t, p))
				n++
			}
		}
		return sum, n
	}
	iou := func(hit, truth, pred int64) float64 { return metric.Quo(hit, truth+pred-hit) }
	guard := func(of func(c []int64, pixels int64) float64) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			var pixels int64
			for _, t := range s.Counts[k : 2*k] {
				pixels += t
			}
			if pixels == 0 {
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(of(s.Counts, pixels), s.N)
		}
	}
	return &metric.Additive[*Labelled]{
		ID: "vision.segments " + metric.Number(float64(k)), Counts: 3 * k,
		Of: func(u *Labelled, s *metric.Stats) {
			hit, truth, pred := s.Counts[:k], s.Counts[k:2*k], s.Counts[2*k:]
			for i, t := range u.Truth {
				if t < 0 || int(t) >= k {
					continue
				}
				truth[t]++
				p := u.Pred[i]
				if p == t {
					hit[t]++
				}
				if p >= 0 && int(p) < k {
					pred[p]++
				}
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"miou": guard(func(c []int64, _ int64) float64 { sum, n := classes(c, iou); return sum.Mean(n) }),
			"dice": guard(func(c []int64, _ int64) float64 {
				sum, n := classes(c, func(hit, t, p int64) float64 { return metric.Quo(2*hit, t+p) })
				return sum.Mean(n)
			}),
			"fwiou": guard(func(c []int64, pixels int64) float64 {
				sum, _ := classes(c, func(hit, t, p int64) float64 { return float64(t) * iou(hit, t, p) })
				return sum.Mean(pixels)
			}),
			"accuracy": guard(func(c []int64, pixels int64) float64 {
				var hit int64
				for _, h := range c[:k] {
					hit += h
				}
				return metric.Quo(hit, pixels)
			}),
		},
	}
}

// DicePerCase is the mean over images of the Dice coefficient of one class. An
// image that holds it on neither side counts 1, or with empty = skip not at all.
func DicePerCase(class int, empty string) metric.Measure {
	return &metric.Additive[*Labelled]{
		ID: "vision.dice " + metric.Number(float64(class)) + " " + empty, Counts: 1, Sums: 1,
		Of: func(u *Labelled, s *metric.Stats) {
			var both, all int64
			for i, t := range u.Truth {
				p := u.Pred[i]
				if int(t) == class {
					all++
				}
				if int(p) == class {
					all++
					if int(t) == class {
						both++
					}
				}
			}
			switch {
			case all > 0:
				s.Sums[0].Add(metric.Quo(2*both, all))
			case empty == "skip":
				return
			default:
				s.Sums[0].Add(1)
			}
			s.Counts[0]++
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"dice": func(s *metric.Stats) metric.Result {
			if s.Counts[0] == 0 {
				return metric.Undefined(s.N, metric.Nothing)
			}
			return metric.OK(s.Sums[0].Mean(s.Counts[0]), s.N)
		}},
	}
}

// Panoptic is one image whose pixels belong to segments, the truth's and the
// predicted ones; 0 is none (void in the truth). Unit of panoptic_pq@1,
// panoptic_sq@1 and panoptic_rq@1.
type Panoptic struct {
	Truth, Pred []uint32 // the segment of each pixel
	TruthClass  map[uint32]Segment
	PredClass   map[uint32]Segment
}

// Segment is the class of a segment, from 0. A crowd of the truth can not be
// found, and what lies in it is not wrong.
type Segment struct {
	Class int
	Crowd bool
}

// PQ is the measure of *Panoptic with k classes (Kirillov et al., 2019): a
// predicted segment finds a true one of its class when they overlap by more than
// half, pixels of void not counted; then there is one such at most. One that
// finds none is not wrong when more than half of it is void or a crowd of its
// class. Means are over the classes that either side holds.
func PQ(k int) metric.Measure {
	const tp, fp, fn = 0, 1, 2 // places of a class in counts
	mean := func(of func(iou float64, c []int64) float64) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			var sum metric.Sum
			var n int64
			for i := range k {
				if c := s.Counts[3*i : 3*i+3]; c[tp]+c[fp]+c[fn] > 0 {
					sum.Add(of(s.Sums[i].Float(), c))
					n++
				}
			}
			if n == 0 {
				return metric.Undefined(s.N, metric.Nothing)
			}
			return metric.OK(sum.Mean(n), s.N)
		}
	}
	return &metric.Additive[*Panoptic]{
		ID: "vision.panoptic " + metric.Number(float64(k)), Counts: 3 * k, Sums: k,
		Of: func(u *Panoptic, s *metric.Stats) {
			type pair struct{ t, p uint32 }
			both := map[pair]int64{}
			truth, pred := map[uint32]int64{}, map[uint32]int64{}
			for i, t := range u.Truth {
				p := u.Pred[i]
				both[pair{t, p}]++
				truth[t]++
				pred[p]++
			}
			foundT, foundP := map[uint32]bool{}, map[uint32]bool{}
			for x, n := range both {
				t, okT := u.TruthClass[x.t]
				p, okP := u.PredClass[x.p]
				if x.t == 0 || x.p == 0 || !okT || !okP || t.Crowd || t.Class != p.Class || t.Class < 0 || t.Class >= k {
					continue
				}
				union := truth[x.t] + pred[x.p] - n - both[pair{0, x.p}]
				if 2*n > union {
					s.Counts[3*t.Class+tp]++
					s.Sums[t.Class].Add(metric.Quo(n, union))
					foundT[x.t], foundP[x.p] = true, true
				}
			}
			crowd := map[int][]uint32{}
			for id, t := range u.TruthClass {
				switch {
				case t.Class < 0 || t.Class >= k:
				case t.Crowd:
					crowd[t.Class] = append(crowd[t.Class], id)
				case !foundT[id]:
					s.Counts[3*t.Class+fn]++
				}
			}
			for id, p := range u.PredClass {
				if foundP[id] || p.Class < 0 || p.Class >= k || pred[id] == 0 {
					continue
				}
				free := both[pair{0, id}]
				for _, c := range crowd[p.Class] {
					free += both[pair{c, id}]
				}
				if 2*free <= pred[id] {
					s.Counts[3*p.Class+fp]++
				}
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"pq": mean(func(iou float64, c []int64) float64 {
				return iou / (float64(c[tp]) + float64(c[fp]+c[fn])/2)
			}),
			"sq": mean(func(iou float64, c []int64) float64 {
				if c[tp] == 0 {
					return 0
				}
				return iou / float64(c[tp])
			}),
			"rq": mean(func(iou float64, c []int64) float64 {
				return float64(c[tp]) / (float64(c[tp]) + float64(c[fp]+c[fn])/2)
			}),
		},
	}
}
