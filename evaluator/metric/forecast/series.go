// Package forecast measures forecasts of series as the M4 and M5 competitions
// do, forecasts that are distributions (CRPS), and predicted risks (concordance).
package forecast

import (
	"fmt"
	"math"

	"aihub/evaluator/metric"
)

// Series is one series: what was known when the forecast was made, what came,
// and what was forecast. Unit of series_mase@1, series_smape@1, series_rmsse@1,
// owa@1, wrmsse@1 and wspl@1.
type Series struct {
	Weight    float64           // of wrmsse@1 and wspl@1: M5's is the revenue of the last 28 days; not negative
	IDs       map[string]string // of wrmsse@1 with levels: what the series belongs to
	Past      []float64         // in order of time
	Truth     []float64
	Pred      []float64   // as long as Truth
	Naive2    []float64   // of owa@1: the frozen forecast of the baseline
	Levels    []float64   // of wspl@1, in (0, 1)
	Quantiles [][]float64 // of wspl@1: a forecast for each level; they may cross
}

func init() {
	for use, value := range map[string]string{"series_smape@1": "smape", "series_rmsse@1": "rmsse", "wspl@1": "wspl"} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return Competition(1, p.Skip()), value })
	}
	metric.RegisterUnits("wrmsse@1", func(p metric.Params) (metric.Measure, string) {
		if groups := p.Str("by"); groups != "series" {
			return Hierarchy(groups, p.Skip()), "wrmsse"
		}
		return Competition(1, p.Skip()), "wrmsse"
	})
	for use, value := range map[string]string{"series_mase@1": "mase", "owa@1": "owa"} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return Competition(p.Int("period"), p.Skip()), value })
	}
}

// Competition is the measure of *Series. Values: smape, mean of 200·|e|/(|y|+|f|)
// with 0/0 as 0; mase, mean of the mean |e| over that of the naive forecast with
// this period in the past; owa, ½ of the ratios of both to those of Naive2,
// after averaging over series (M4); rmsse, √(mean e² over that of the naive
// forecast of the past from its first value that is not 0), wrmsse, the same
// weighted (M5); wspl, the weighted mean over levels of the pinball loss, over
// the mean |difference| in that past (M5). A past that does not change has no
// scale: then what needs one is undefined, or, with skip, of the series that have one.
func Competition(period int, skip bool) metric.Measure {
	const mase, smape, mase2, smape2, rmsse, wrmsse, wspl, weight = 0, 1, 2, 3, 4, 5, 6, 7
	const bad, flat, noNaive, flatDay, noLevels = 0, 1, 2, 3, 4
	guard := func(of func(s *metric.Stats) metric.Result, faults ...int) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			if s.Counts[bad] > 0 {
				return metric.Undefined(s.N, metric.NotFinite)
			}
			for _, f := range faults {
				if none := s.Counts[f] == s.N; s.Counts[f] > 0 && (none || !skip || f == noNaive || f == noLevels) {
					return metric.Undefined(s.N, map[int]string{flat: metric.ConstantTruth, flatDay: metric.ConstantTruth, noNaive: metric.NoReference, noLevels: metric.NoReference}[f])
				}
			}
			return of(s)
		}
	}
	mean := func(sum int, without ...int) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			n := s.N
			for _, f := range without {
				n -= s.Counts[f]
			}
			return metric.OK(s.Sums[sum].Mean(n), s.N)
		}
	}
	weighted := func(sum int) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			w := s.Sums[weight].Float()
			if w == 0 {
				return metric.Undefined(s.N, metric.ZeroTruth)
			}
			return metric.OK(s.Sums[sum].Float()/w, s.N)
		}
	}
	return &metric.Additive[*Series]{
		ID: fmt.Sprint("forecast.series ", period, skip), Counts: 5, Sums: 8,
		Of: func(u *Series, s *metric.Stats) {
			if !u.sound() {
				s.Counts[bad]++
				return
			}
			s.Sums[smape].Add(symmetric(u.Truth, u.Pred))
			absolute := func(pred []float64) float64 {
				return meanOf(len(u.Truth), func(i int) float64 { return math.Abs(u.Truth[i] - pred[i]) })
			}
			scale := meanOf(len(u.Past)-period, func(i int) float64 { return math.Abs(u.Past[i+period] - u.Past[i]) })
			if scale > 0 {
				s.Sums[mase].Add(absolute(u.Pred) / scale)
			} else {
				s.Counts[flat]++
			}
			if len(u.Naive2) != len(u.Truth) {
				s.Counts[noNaive]++
			} else {
				s.Sums[smape2].Add(symmetric(u.Truth, u.Naive2))
				if scale > 0 {
					s.Sums[mase2].Add(absolute(u.Naive2) / scale)
				}
			}
			past := u.Past
			for len(past) > 0 && past[0] == 0 {
				past = past[1:]
			}
			square := meanOf(len(past)-1, func(i int) float64 { d := past[i+1] - past[i]; return d * d })
			if !(square > 0) {
				s.Counts[flatDay]++
				return
			}
			s.Sums[weight].Add(u.Weight)
			r := math.Sqrt(meanOf(len(u.Truth), func(i int) float64 { d := u.Truth[i] - u.Pred[i]; return d * d }) / square)
			s.Sums[rmsse].Add(r)
			s.Sums[wrmsse].Add(u.Weight * r)
			if len(u.Levels) == 0 || len(u.Quantiles) != len(u.Levels) {
				s.Counts[noLevels]++
				return
			}
			day := meanOf(len(past)-1, func(i int) float64 { return math.Abs(past[i+1] - past[i]) })
			var loss metric.Sum
			for k, q := range u.Levels {
				if len(u.Quantiles[k]) != len(u.Truth) || !(q > 0 && q < 1) {
					s.Counts[noLevels]++
					return
				}
				loss.Add(meanOf(len(u.Truth), func(i int) float64 { return pinball(q, u.Truth[i]-u.Quantiles[k][i]) }))
			}
			s.Sums[wspl].Add(u.Weight * (loss.Mean(int64(len(u.Levels))) / day))
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"smape":  guard(mean(smape)),
			"mase":   guard(mean(mase, flat), flat),
			"rmsse":  guard(mean(rmsse, flatDay), flatDay),
			"wrmsse": guard(weighted(wrmsse), flatDay),
			"wspl":   guard(weighted(wspl), flatDay, noLevels),
			"owa": guard(func(s *metric.Stats) metric.Result {
				a, b := s.Sums[mase2].Float(), s.Sums[smape2].Float()
				if a == 0 || b == 0 {
					return metric.Undefined(s.N, metric.NoReference)
				}
				return metric.OK((s.Sums[mase].Float()/a+s.Sums[smape].Float()/b)/2, s.N)
			}, flat, noNaive),
		},
	}
}

// sound reports whether u is what Series says, and finite.
func (u *Series) sound() bool {
	return len(u.Truth) > 0 && len(u.Pred) == len(u.Truth) && u.Weight >= 0 && finite(u.Past, u.Truth, u.Pred, u.Naive2, []float64{u.Weight}) && finite(u.Quantiles...)
}

// pinball is the loss of a forecast of quantile q that is e too low.
func pinball(q, e float64) float64 { return max(q*e, (q-1)*e) }

func symmetric(truth, pred []float64) float64 {
	return meanOf(len(truth), func(i int) float64 {
		y, f := truth[i], pred[i]
		if y == 0 && f == 0 {
			return 0
		}
		return 200 * (math.Abs(y-f) / (math.Abs(y) + math.Abs(f)))
	})
}

// meanOf is the exact mean of n terms, 0 of none.
func meanOf(n int, of func(i int) float64) float64 {
	if n < 1 {
		return 0
	}
	var s metric.Sum
	for i := range n {
		s.Add(of(i))
	}
	return s.Mean(int64(n))
}

func finite(lists ...[]float64) bool {
	for _, l := range lists {
		for _, v := range l {
			if v-v != 0 {
				return false
			}
		}
	}
	return true
}
