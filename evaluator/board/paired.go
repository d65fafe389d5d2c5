package board

import (
	"math"

	"aihub"
)

// PairedSE is the standard error of the difference of two values of the same
// metric over the same rows. With a sample of both under the same bootstrap draws
// the two are paired, row by row; without, their intervals are combined as if
// they were independent, which overstates it. It reports false when neither is
// known.
func PairedSE(a, b aihub.MetricValue, sampleA, sampleB []float64) (float64, bool) {
	if n := len(sampleA); n > 1 && n == len(sampleB) {
		d := make([]float64, n)
		for i := range d {
			d[i] = sampleA[i] - sampleB[i]
		}
		return deviation(d), true
	}
	hasA, hasB := a.Lo != 0 || a.Hi != 0, b.Lo != 0 || b.Hi != 0
	if !hasA || !hasB {
		return 0, false
	}
	return math.Hypot(a.Hi-a.Lo, b.Hi-b.Lo) / (2 * normal975), true
}

// normal975 is the 97.5 % point of the normal distribution.
const normal975 = 1.959963984540054

// deviation is the standard deviation of the values.
func deviation(x []float64) float64 {
	var mean, sum float64
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		sum += float64((v - mean) * (v - mean))
	}
	return math.Sqrt(sum / float64(len(x)-1))
}
