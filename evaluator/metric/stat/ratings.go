package stat

import (
	"math"
	"slices"

	"aihub/evaluator/metric"
)

// Rated is one thing and the ratings it got: of people, and at the end of the
// algorithm, which is taken for one more rater. NaN is a rating that is missing.
// Unit of krippendorff@1, icc@1, fleiss@1, gwet_ac1@1 and kendall_w@1.
type Rated struct{ Ratings []float64 }

// MaxRated is how many things these metrics keep, and maxValues how many different
// ratings there may be. Of more they are undefined.
const (
	MaxRated  = 100_000
	maxValues = 10_000
)

func init() {
	register := func(use, key string, of func(p metric.Params) func(rows [][]float64) metric.Result) {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) {
			return &ratings{id: "stat." + key + " " + p.Sig(), value: of(p)}, ""
		})
	}
	register("krippendorff@1", "krippendorff", func(p metric.Params) func([][]float64) metric.Result {
		level := p.Str("level")
		return func(rows [][]float64) metric.Result {
			units := make([][]float64, len(rows))
			for i, r := range rows {
				units[i] = slices.DeleteFunc(slices.Clone(r), func(v float64) bool { return v != v })
			}
			return Krippendorff(units, level)
		}
	})
	register("icc@1", "icc", func(p metric.Params) func([][]float64) metric.Result {
		form, average := p.Int("form"), p.Str("average") == "yes"
		return whole(func(rows [][]float64) float64 { return ICC(rows, form, average) })
	})
	register("kendall_w@1", "kendall", func(metric.Params) func([][]float64) metric.Result {
		return whole(func(rows [][]float64) float64 {
			raters := make([][]float64, len(rows[0]))
			for _, r := range rows {
				for j, v := range r {
					raters[j] = append(raters[j], v)
				}
			}
			return KendallW(raters)
		})
	})
	for use, which := range map[string]int{"fleiss@1": 0, "gwet_ac1@1": 1} {
		register(use, "fleiss", func(p metric.Params) func([][]float64) metric.Result {
			k := p.Int("categories")
			return whole(func(rows [][]float64) float64 {
				counts := make([][]int64, len(rows))
				for i, r := range rows {
					counts[i] = make([]int64, k)
					for _, v := range r {
						if v != math.Trunc(v) || v < 0 || v >= float64(k) {
							return math.NaN()
						}
						counts[i][int(v)]++
					}
				}
				kappa, gwet := Fleiss(counts)
				return []float64{kappa, gwet}[which]
			})
		})
	}
}

// whole has a statistic of tables without holes: of others it is undefined.
func whole(of func(rows [][]float64) float64) func([][]float64) metric.Result {
	return func(rows [][]float64) metric.Result {
		n := int64(len(rows))
		for _, r := range rows {
			if len(r) != len(rows[0]) || len(r) < 2 || slices.ContainsFunc(r, func(v float64) bool { return v-v != 0 }) {
				return metric.Undefined(n, metric.OutOfDomain)
			}
		}
		if v := of(rows); v-v == 0 {
			return metric.OK(v, n)
		}
		return metric.Undefined(n, metric.Nothing)
	}
}

// ratings is the measure of *Rated. It keeps every thing, and has no intervals of
// its own.
type ratings struct {
	id    string
	value func(rows [][]float64) metric.Result
}

func (m *ratings) Key() string                         { return m.id }
func (m *ratings) New(*metric.Bootstrap) metric.Gather { return &rated{m: m} }

type rated struct {
	m    *ratings
	n    int64
	rows [][]float64
}

func (g *rated) Add(unit any, _ uint16) {
	if g.n++; g.n <= MaxRated {
		g.rows = append(g.rows, slices.Clone(unit.(*Rated).Ratings))
	}
}

func (g *rated) Merge(o metric.Gather) {
	x := o.(*rated)
	g.n, g.rows = g.n+x.n, append(g.rows, x.rows...)
}

func (g *rated) Result(string) metric.Result {
	switch {
	case g.n == 0:
		return metric.Undefined(0, metric.NoRows)
	case g.n > MaxRated:
		return metric.Undefined(g.n, metric.TooManyRows)
	}
	// Sums are of rows in one order, whatever order they came in.
	slices.SortFunc(g.rows, slices.Compare[[]float64])
	return g.m.value(g.rows)
}
