package forecast

import (
	"math"
	"slices"

	"aihub/evaluator/metric"
)

// Distribution is one number and the distribution that was forecast for it, in
// the form that the metric reads. Unit of crps_ensemble@1, crps_quantile@1 and
// crps_gaussian@1.
type Distribution struct {
	Truth     float64
	Members   []float64 // of an ensemble, in any order
	Levels    []float64 // of quantiles, in (0, 1)
	Quantiles []float64
	Mean, SD  float64 // of a normal distribution
}

func init() {
	metric.RegisterUnits("crps_ensemble@1", func(p metric.Params) (metric.Measure, string) { return CRPS(p.Str("estimator") == "fair"), "ensemble" })
	for use, value := range map[string]string{"crps_quantile@1": "quantile", "crps_gaussian@1": "gaussian"} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return CRPS(true), value })
	}
}

// CRPS is the measure of *Distribution, the mean of continuous ranked
// probability scores (Gneiting and Raftery, 2007). Values: ensemble, E|X-y| less
// half of E|X-X'|, where fair divides by m(m-1) pairs and not by m² (Ferro,
// 2014; it may be negative); of one member it is the absolute error. quantile,
// twice the mean pinball loss. gaussian, the closed form; a deviation of 0 is
// the absolute error.
func CRPS(fair bool) metric.Measure {
	const ensemble, quantile, gaussian = 0, 1, 2 // of sums, and of counts that have none
	const bad = 3
	id := "forecast.crps biased"
	if fair {
		id = "forecast.crps fair"
	}
	m := &metric.Additive[*Distribution]{
		ID: id, Counts: 4, Sums: 3, Values: map[string]func(s *metric.Stats) metric.Result{},
		Of: func(u *Distribution, s *metric.Stats) {
			if !finite([]float64{u.Truth, u.Mean, u.SD}, u.Members, u.Quantiles) {
				s.Counts[bad]++
				return
			}
			if len(u.Members) > 0 {
				s.Sums[ensemble].Add(crpsEnsemble(u.Truth, u.Members, fair))
			} else {
				s.Counts[ensemble]++
			}
			ok := len(u.Levels) > 0 && len(u.Levels) == len(u.Quantiles)
			for _, q := range u.Levels {
				ok = ok && q > 0 && q < 1
			}
			if ok {
				s.Sums[quantile].Add(2 * meanOf(len(u.Levels), func(i int) float64 { return pinball(u.Levels[i], u.Truth-u.Quantiles[i]) }))
			} else {
				s.Counts[quantile]++
			}
			if u.SD >= 0 {
				s.Sums[gaussian].Add(crpsGaussian(u.Truth, u.Mean, u.SD))
			} else {
				s.Counts[gaussian]++
			}
		},
	}
	for i, name := range []string{"ensemble", "quantile", "gaussian"} {
		m.Values[name] = func(s *metric.Stats) metric.Result {
			switch {
			case s.Counts[bad] > 0:
				return metric.Undefined(s.N, metric.NotFinite)
			case s.Counts[i] > 0:
				return metric.Undefined(s.N, metric.OutOfDomain)
			}
			return metric.OK(s.Sums[i].Mean(s.N), s.N)
		}
	}
	return m
}

func crpsEnsemble(y float64, members []float64, fair bool) float64 {
	x := slices.Clone(members)
	slices.Sort(x)
	m := int64(len(x))
	near := meanOf(len(x), func(i int) float64 { return math.Abs(x[i] - y) })
	if m == 1 {
		return near
	}
	var pairs metric.Sum // the sum of differences of all pairs, gap by gap
	for i := 1; i < len(x); i++ {
		pairs.Add(float64(int64(i)*(m-int64(i))) * (x[i] - x[i-1]))
	}
	if fair {
		return near - pairs.Mean(m*(m-1))
	}
	return near - pairs.Mean(m*m)
}

func crpsGaussian(y, mean, sd float64) float64 {
	if sd == 0 {
		return math.Abs(y - mean)
	}
	z := (y - mean) / sd
	if math.Abs(z) > 1e8 {
		return math.Abs(y - mean)
	}
	density := metric.Exp(float64(-z*z)/2) / math.Sqrt(2*math.Pi)
	return sd * (float64(z*erf(z/math.Sqrt2)) + float64(2*density) - 1/math.Sqrt(math.Pi))
}

// erf is the error function by Kummer's series, whose terms are all positive;
// the standard library's may fuse products with sums on some processors.
func erf(x float64) float64 {
	if x < 0 {
		return -erf(-x)
	}
	if x > 6 {
		return 1
	}
	sum, term := x, x
	for n := 1; term > sum*0x1p-56; n++ {
		term = term * float64(2*x*x) / float64(2*n+1)
		sum += term
	}
	return min(1, 2/math.Sqrt(math.Pi)*float64(metric.Exp(-float64(x*x))*sum))
}
