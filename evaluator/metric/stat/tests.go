package stat

import (
	"math"
	"slices"

	"aihub/evaluator/metric"
)

// McNemar compares two algorithms on the same rows: b rows only the first had
// right, c only the second. It returns the two-sided p value, exact or mid-p.
// Without a row that tells them apart it is 1.
func McNemar(b, c int64, midP bool) float64 {
	n, k := b+c, min(b, c)
	if n == 0 {
		return 1
	}
	// Binomial(n, ½) up to k, from logarithms of factorials.
	var p metric.Sum
	for i := int64(0); i <= k; i++ {
		p.Add(binomial(n, i))
	}
	v := 2 * p.Float()
	if midP {
		v -= binomial(n, k)
	}
	return min(1, v)
}

// binomial is C(n, k)/2^n.
func binomial(n, k int64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(a - b - c - float64(n)*math.Ln2)
}

// SignTest is the exact two-sided sign test of paired differences; zeros are left
// out. Without a difference p is 1.
func SignTest(differences []float64) float64 {
	var plus, minus int64
	for _, d := range differences {
		switch {
		case d > 0:
			plus++
		case d < 0:
			minus++
		}
	}
	return McNemar(plus, minus, false)
}

// Wilcoxon is the signed rank test of paired differences: zeros are left out,
// equal sizes share their ranks, and p comes from the normal distribution with
// the correction for ties. W is the smaller rank sum. Without a difference p is 1.
func Wilcoxon(differences []float64) (w, p float64) {
	d := slices.DeleteFunc(slices.Clone(differences), func(x float64) bool { return x == 0 })
	n := int64(len(d))
	if n == 0 {
		return 0, 1
	}
	slices.SortFunc(d, func(a, b float64) int {
		switch x, y := math.Abs(a), math.Abs(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	var plus, ties int64 // plus: twice the ranks of positive differences
	for lo := 0; lo < len(d); {
		hi := lo
		for hi < len(d) && math.Abs(d[hi]) == math.Abs(d[lo]) {
			hi++
		}
		for _, x := range d[lo:hi] {
			if x > 0 {
				plus += int64(lo + hi + 1)
			}
		}
		t := int64(hi - lo)
		ties += t*t*t - t
		lo = hi
	}
	all := n * (n + 1)
	w = metric.Quo(min(plus, all-plus), 2)
	variance := float64(n*(n+1)*(2*n+1))/24 - float64(ties)/48
	if variance == 0 {
		return w, 1
	}
	z := (w - float64(all)/4) / math.Sqrt(variance)
	return w, min(1, math.Erfc(-z/math.Sqrt2))
}

// Holm adjusts p values for being many (Holm, Scandinavian Journal of Statistics
// 6 (1979) 65): whoever rejects those below α is wrong about any of them with
// probability α at most, however they depend on one another.
func Holm(p []float64) []float64 {
	order, out := sorted(p), make([]float64, len(p))
	var most float64
	for i, j := range order {
		most = max(most, min(1, float64(len(p)-i)*p[j]))
		out[j] = most
	}
	return out
}

// BenjaminiHochberg adjusts p values for the rate of false discoveries.
func BenjaminiHochberg(p []float64) []float64 {
	order, out := sorted(p), make([]float64, len(p))
	least := 1.0
	for i := len(order) - 1; i >= 0; i-- {
		j := order[i]
		least = min(least, p[j]*float64(len(p))/float64(i+1))
		out[j] = least
	}
	return out
}

func sorted(p []float64) []int {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case p[i] < p[j]:
			return -1
		case p[i] > p[j]:
			return 1
		}
		return 0
	})
	return order
}

// Friedman compares k treatments, the columns, over blocks, the rows: larger is
// ranked higher, equals share. It returns the χ² statistic with the correction
// for ties, and the mean rank of every treatment. ok is false when it is not
// defined: fewer than two rows or columns, or no row tells them apart.
func Friedman(scores [][]float64) (chi2 float64, ranks []float64, ok bool) {
	if len(scores) < 2 || len(scores[0]) < 2 {
		return 0, nil, false
	}
	k, n := len(scores[0]), len(scores)
	sums := make([]int64, k) // twice the ranks
	var ties int64
	for _, row := range scores {
		order := sorted(row)
		for lo := 0; lo < k; {
			hi := lo
			for hi < k && row[order[hi]] == row[order[lo]] {
				hi++
			}
			for _, j := range order[lo:hi] {
				sums[j] += int64(lo + hi + 1)
			}
			t := int64(hi - lo)
			ties += t*t*t - t
			lo = hi
		}
	}
	var squares int64
	ranks = make([]float64, k)
	for j, s := range sums {
		squares += s * s
		ranks[j] = metric.Quo(s, int64(2*n))
	}
	K, N := float64(k), float64(n)
	c := 1 - float64(ties)/(N*K*(K*K-1))
	if c == 0 {
		return 0, ranks, false
	}
	return (float64(12*float64(squares)/4/(N*K*(K+1))) - float64(3*N*(K+1))) / c, ranks, true
}

// nemenyi05 is the studentised range at .05 over √2, by the number of
// treatments from 2.
var nemenyi05 = []float64{1.960, 2.344, 2.569, 2.728, 2.850, 2.948, 3.031, 3.102, 3.164}

// Nemenyi is the critical difference of mean ranks at .05, of k treatments (2
// to 10) over n blocks; NaN for other k.
func Nemenyi(k, n int) float64 {
	if k < 2 || k > 10 || n < 1 {
		return math.NaN()
	}
	return nemenyi05[k-2] * math.Sqrt(float64(k*(k+1))/float64(6*n))
}

// Percentile is the smallest of the values that at least the share q of them do
// not exceed (nearest rank, as MLPerf's LoadGen). NaN without values.
func Percentile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Clone(values)
	slices.Sort(s)
	i := int(math.Ceil(q*float64(len(s)))) - 1
	return s[max(0, min(len(s)-1, i))]
}
