package metric

import (
	"math"
	"slices"
)

// fewRows is how many rows a percentile interval needs at least: below, it is
// corrected for the bias and the skew of the replicates (BCa; Efron, 1987).
const fewRows = 500

// bca returns the 95 % BCa interval of an estimate: values are its replicates,
// jackknife its values with each row (or bucket of rows) left out. It is false when
// the replicates say nothing of the bias. As scipy.stats.bootstrap.
func bca(values []float64, estimate float64, jackknife []float64) (lo, hi float64, ok bool) {
	slices.Sort(values)
	var below, most float64
	for _, v := range values {
		if v < estimate {
			below++
		}
		if v <= estimate {
			most++
		}
	}
	z0 := normalQuantile((below + most) / float64(2*len(values)))
	if math.IsInf(z0, 0) || len(jackknife) < 2 {
		return 0, 0, false
	}
	var s Sum
	for _, v := range jackknife {
		s.Add(v)
	}
	mean := s.Mean(int64(len(jackknife)))
	scale := 0.0 // the acceleration does not change with it, and squares of it neither vanish nor overflow
	for _, v := range jackknife {
		scale = max(scale, math.Abs(mean-v))
	}
	if math.IsNaN(scale) || math.IsInf(scale, 0) {
		return 0, 0, false
	}
	var cubes, squares Sum
	for _, v := range jackknife {
		if scale == 0 {
			break
		}
		d := (mean - v) / scale
		squares.Add(float64(d * d))
		cubes.Add(float64(float64(d*d) * d))
	}
	a := 0.0
	if q := squares.Float(); q > 0 {
		a = cubes.Float() / (6 * q * math.Sqrt(q))
	}
	at := func(p float64) float64 {
		z := z0 + normalQuantile(p)
		return percentile(values, normal(z0+z/(1-float64(a*z))))
	}
	lo, hi = at(0.025), at(0.975)
	return lo, hi, !math.IsNaN(lo) && !math.IsNaN(hi)
}

// percentile is the value below which the share p of sorted values lies, between
// two of them in their distance.
func percentile(sorted []float64, p float64) float64 {
	x := float64(p * float64(len(sorted)-1))
	i := min(max(int(x), 0), len(sorted)-1)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + float64((sorted[i+1]-sorted[i])*(x-float64(i)))
}

func normal(z float64) float64         { return math.Erfc(-z/math.Sqrt2) / 2 }
func normalQuantile(p float64) float64 { return -math.Sqrt2 * math.Erfcinv(2*p) }
