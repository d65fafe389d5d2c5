package stat

import (
	"math"
	"slices"

	"aihub/evaluator/metric"
)

// Levels of measurement of Krippendorff's alpha.
const (
	Nominal  = "nominal"
	Ordinal  = "ordinal"
	Interval = "interval"
	Ratio    = "ratio"
)

// Krippendorff is his alpha of reliability. units holds, for each thing that
// was rated, the ratings it got, in any number; things with fewer than two do
// not count. It is undefined when nothing could disagree: all ratings equal.
func Krippendorff(units [][]float64, level string) metric.Result {
	count := map[float64]int64{}
	var n int64
	for _, u := range units {
		if len(u) < 2 {
			continue
		}
		for _, v := range u {
			if v-v != 0 {
				return metric.Undefined(int64(len(units)), metric.NotFinite)
			}
			count[v]++
			n++
		}
	}
	values := make([]float64, 0, len(count))
	for v := range count {
		values = append(values, v)
	}
	slices.Sort(values)
	if len(values) < 2 {
		return metric.Undefined(int64(len(units)), metric.Nothing)
	}
	if len(values) > maxValues {
		return metric.Undefined(int64(len(units)), metric.TooManyRows)
	}
	at := map[float64]int{}
	counts, below := make([]int64, len(values)), make([]int64, len(values)+1)
	for i, v := range values {
		at[v], counts[i] = i, count[v]
		below[i+1] = below[i] + count[v]
	}
	distance := func(i, j int) float64 {
		if i == j {
			return 0
		}
		a, b := values[i], values[j]
		switch level {
		case Ordinal:
			i, j = min(i, j), max(i, j)
			d := float64(below[j+1]-below[i]) - float64(counts[i]+counts[j])/2
			return d * d
		case Interval:
			return (a - b) * (a - b)
		case Ratio:
			if a+b == 0 {
				return 0
			}
			d := (a - b) / (a + b)
			return d * d
		}
		return 1
	}
	var observed, expected metric.Sum
	for _, u := range units {
		if len(u) < 2 {
			continue
		}
		for x, a := range u {
			for _, b := range u[:x] {
				observed.Add(2 * distance(at[a], at[b]) / float64(len(u)-1))
			}
		}
	}
	for i := range values {
		for j := range i {
			w := 2 * distance(i, j)
			expected.Add(w * float64(counts[i]*counts[j]))
		}
	}
	if e := expected.Mean(n - 1); e > 0 {
		return metric.OK(1-observed.Float()/e, int64(len(units)))
	}
	return metric.Undefined(int64(len(units)), metric.Nothing)
}

// ICC is an intraclass correlation of Shrout and Fleiss (1979): form 1, 2 or 3,
// of one rater or, with average, of the mean of all. rows are the things rated,
// columns the raters; no rating is missing. NaN when it is not defined.
func ICC(rows [][]float64, form int, average bool) float64 {
	n := len(rows)
	if n < 2 || len(rows[0]) < 2 {
		return math.NaN()
	}
	k := len(rows[0])
	var all metric.Sum
	col, row := make([]metric.Sum, k), make([]metric.Sum, n)
	for i, r := range rows {
		for j, v := range r {
			row[i].Add(v)
			col[j].Add(v)
			all.Add(v)
		}
	}
	grand := all.Mean(int64(n) * int64(k))
	var rowSquares, within, colSquares, rest metric.Sum
	for i, r := range rows {
		mean := row[i].Mean(int64(k))
		rowSquares.AddSquare(mean - grand)
		for j, v := range r {
			within.AddSquare(v - mean)
			rest.AddSquare(v - mean - col[j].Mean(int64(n)) + grand)
		}
	}
	for j := range col {
		colSquares.AddSquare(col[j].Mean(int64(n)) - grand)
	}
	K, N := float64(k), float64(n)
	b := K * rowSquares.Mean(int64(n-1))
	w := within.Mean(int64(n) * int64(k-1))
	e := rest.Mean(int64(n-1) * int64(k-1))
	over := b + float64((K-1)*e)
	switch d := float64(N*colSquares.Mean(int64(k-1))) - e; {
	case form == 1 && average:
		return (b - w) / b
	case form == 1:
		return (b - w) / (b + float64((K-1)*w))
	case form == 2 && average:
		return (b - e) / (b + d/N)
	case form == 2:
		return (b - e) / (over + float64(K*d/N))
	case average:
		return (b - e) / b
	}
	return (b - e) / over
}

// Fleiss is Fleiss' kappa, and gwet Gwet's AC1, which does not fall when nearly
// all ratings are alike. counts are, for each thing, how many raters gave each
// category; every thing has the same number of raters, two at least.
func Fleiss(counts [][]int64) (kappa, gwet float64) {
	if len(counts) == 0 {
		return math.NaN(), math.NaN()
	}
	k, n := len(counts[0]), int64(len(counts))
	var raters int64
	for _, c := range counts[0] {
		raters += c
	}
	share := make([]int64, k)
	var agree int64
	for _, row := range counts {
		for j, c := range row {
			share[j] += c
			agree += c * (c - 1)
		}
	}
	p := metric.Quo(agree, n*raters*(raters-1))
	var chance, spread float64
	for _, s := range share {
		q := metric.Quo(s, n*raters)
		chance += float64(q * q)
		spread += float64(q * (1 - q))
	}
	spread /= float64(k - 1)
	return (p - chance) / (1 - chance), (p - spread) / (1 - spread)
}

// KendallW is the concordance of raters (rows) over things (columns), with the
// correction for ties; NaN when it is not defined.
func KendallW(ratings [][]float64) float64 {
	chi2, ranks, ok := Friedman(ratings)
	if !ok {
		return math.NaN()
	}
	return chi2 / float64(len(ratings)*(len(ranks)-1))
}
