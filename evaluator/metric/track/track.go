// Package track measures multiple object tracking: HOTA, CLEAR (MOTA) and
// identity (IDF1), after TrackEval.
package track

import (
	"math"

	"aihub/evaluator/metric"
)

// Sequence is one video. Unit of hota@1, deta@1, assa@1, loca@1, mota@1, motp@1,
// idsw@1 and idf1@1. A reader leaves out what is not to be scored.
type Sequence struct {
	Frames []Frame
}

// Frame holds the boxes of one frame; in each list an ID occurs once.
type Frame struct {
	Truth, Pred []Box
}

// Box is where an object is: x, y, width, height.
type Box struct {
	ID  int64
	Box [4]float64
}

const (
	alphas = 19
	eps    = 0x1p-52
	half   = 0.5 // the overlap that CLEAR and identity ask for
)

var alpha = func() (a [alphas]float64) {
	step := 0.05
	for i := range a {
		a[i] = step + float64(float64(i)*step) // numpy.arange
	}
	return a
}()

// Counters: TP, FN, FP of each alpha, then these.
const (
	tp = 0
	fn = alphas
	fp = 2 * alphas
)

const (
	clrTP = 3*alphas + iota
	clrFN
	clrFP
	switches
	mostly
	partly
	lost
	fragments
	idTP
	idFN
	idFP
	truths
	counters
)

// Sums: association and localisation of each alpha, then overlap of CLEAR.
const (
	assA = 0
	locA = alphas
	motp = 2 * alphas
	sums = 2*alphas + 1
)

func init() {
	for use, value := range map[string]string{
		"hota@1": "hota", "deta@1": "deta", "assa@1": "assa", "loca@1": "loca",
		"mota@1": "mota", "motp@1": "motp", "idsw@1": "idsw", "idf1@1": "idf1", "idp@1": "idp", "idr@1": "idr",
		"mostly_tracked@1": "mt", "partly_tracked@1": "pt", "mostly_lost@1": "ml", "fragments@1": "frag",
	} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return Tracking(), value })
	}
}

// Tracking is the measure of *Sequence; sequences are summed as TrackEval
// combines them. Where several matchings are equally good, which one is taken
// is ours, not scipy's.
func Tracking() metric.Measure {
	mean := func(of func(s *metric.Stats, a int) float64) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			var sum metric.Sum
			for a := range alphas {
				sum.Add(of(s, a))
			}
			return metric.OK(sum.Mean(alphas), s.N)
		}
	}
	det := func(s *metric.Stats, a int) float64 {
		c := s.Counts
		return metric.Quo(c[tp+a], max(1, c[tp+a]+c[fn+a]+c[fp+a]))
	}
	ass := func(s *metric.Stats, a int) float64 { return s.Sums[assA+a].Mean(max(1, s.Counts[tp+a])) }
	ratio := func(of func(c []int64) (int64, int64)) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			num, den := of(s.Counts)
			return metric.OK(metric.Quo(num, max(1, den)), s.N)
		}
	}
	m := &metric.Additive[*Sequence]{ID: "track", Counts: counters, Sums: sums, Plain: true, Of: sequence,
		Values: map[string]func(s *metric.Stats) metric.Result{
			"deta": mean(det),
			"assa": mean(ass),
			"hota": mean(func(s *metric.Stats, a int) float64 { return math.Sqrt(det(s, a) * ass(s, a)) }),
			"loca": mean(func(s *metric.Stats, a int) float64 {
				if s.Counts[tp+a] == 0 {
					return 1
				}
				return s.Sums[locA+a].Mean(s.Counts[tp+a])
			}),
			"mota": ratio(func(c []int64) (int64, int64) { return c[clrTP] - c[clrFP] - c[switches], c[clrTP] + c[clrFN] }),
			"motp": func(s *metric.Stats) metric.Result {
				return metric.OK(s.Sums[motp].Mean(max(1, s.Counts[clrTP])), s.N)
			},
			"idf1": ratio(func(c []int64) (int64, int64) { return 2 * c[idTP], 2*c[idTP] + c[idFP] + c[idFN] }),
			"idp":  ratio(func(c []int64) (int64, int64) { return c[idTP], c[idTP] + c[idFP] }),
			"idr":  ratio(func(c []int64) (int64, int64) { return c[idTP], c[idTP] + c[idFN] }),
			"mt":   ratio(func(c []int64) (int64, int64) { return c[mostly], c[mostly] + c[partly] + c[lost] }),
			"pt":   ratio(func(c []int64) (int64, int64) { return c[partly], c[mostly] + c[partly] + c[lost] }),
			"ml":   ratio(func(c []int64) (int64, int64) { return c[lost], c[mostly] + c[partly] + c[lost] }),
			"idsw": func(s *metric.Stats) metric.Result { return metric.OK(float64(s.Counts[switches]), s.N) },
			"frag": func(s *metric.Stats) metric.Result { return metric.OK(float64(s.Counts[fragments]), s.N) },
		},
	}
	for name, of := range m.Values {
		m.Values[name] = func(s *metric.Stats) metric.Result {
			if s.Counts[truths] == 0 {
				return metric.Undefined(s.N, metric.NoReference)
			}
			return of(s)
		}
	}
	return m
}

// frame is a Frame with dense ids and the overlap of every pair that overlaps.
type frame struct {
	t, p  []int32
	pairs []pair
}

// pair is a true box and a predicted one, by their places in the frame.
type pair struct {
	i, j int32
	iou  float64
}
