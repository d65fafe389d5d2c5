package metric

import (
	"math"

	"aihub"
)

// Metrics of a ranking of rows by one score. They walk the groups of equal
// scores, so that neither the order of rows nor the order inside a tie can matter.
func init() {
	curve := func(use string, of func(a args) func(c *curved) Result) {
		register(use, func(s Setup, a args) Metric {
			return &curveMetric{auc: auc{signed: a.signed, positive: Code(a.one), interval: s.Boot != nil}, gini: use == "gini@1", precision: use == "average_precision@1", value: of(a)}
		})
	}
	// Σ (R_i - R_{i-1})·P_i over groups of equal scores. Without positives it is
	// undefined; scikit-learn gives -0.
	curve("average_precision@1", func(a args) func(c *curved) Result {
		return func(c *curved) Result {
			if c.pos == 0 {
				return undefined(c.rows, OneClass)
			}
			var sum Sum
			c.groups(func(tp, fp, pos, neg int64) {
				sum.Add(float64(float64(pos)*float64(tp)) / float64(float64(c.pos)*float64(tp+fp)))
			})
			return Result{Value: min(1, sum.Float())}
		}
	})
	curve("ks@1", func(a args) func(c *curved) Result {
		return both(func(c *curved) Result {
			var most int64
			c.groups(func(tp, fp, pos, neg int64) {
				d := tp*c.neg - fp*c.pos
				most = max(most, d, -d)
			})
			return Result{Value: quo(most, c.pos) / float64(c.neg)}
		})
	})
	curve("gini@1", func(a args) func(c *curved) Result {
		return both(func(c *curved) Result {
			r := c.keys.auc(uint64(c.pos), uint64(c.neg))
			r.Value = 2*r.Value - 1
			if r.Lo != 0 || r.Hi != 0 {
				r.Lo, r.Hi = 2*r.Lo-1, 2*r.Hi-1
			}
			for i, x := range c.keys.sample {
				c.keys.sample[i] = 2*x - 1
			}
			return r
		})
	})
	// The area left of max_fpr, the last trapezoid cut there, standardised after
	// McClish (1989) to ½ for chance and 1 at best.
	curve("partial_auc@1", func(a args) func(c *curved) Result {
		limit := a.num["max_fpr"]
		return both(func(c *curved) Result {
			var sum Sum
			c.groups(func(tp, fp, pos, neg int64) {
				x0, x1 := quo(fp-neg, c.neg), quo(fp, c.neg)
				y0, y1 := quo(tp-pos, c.pos), quo(tp, c.pos)
				if x0 >= limit {
					return
				}
				if x1 > limit {
					y1 = y0 + float64((y1-y0)*((limit-x0)/(x1-x0)))
					x1 = limit
				}
				sum.Add(float64((x1 - x0) * (float64(0.5*y0) + float64(0.5*y1))))
			})
			least := float64(0.5 * float64(limit*limit))
			v := 0.5 * (1 + (sum.Float()-least)/(limit-least))
			return Result{Value: max(0, min(1, v))}
		})
	})
	// Among the ceil(q·n) rows of the highest scores; a tie across the cut gives
	// its share.
	top := func(use string, value func(c *curved, hits float64, m int64) float64) {
		curve(use, func(a args) func(c *curved) Result {
			return func(c *curved) Result {
				if c.pos == 0 {
					return undefined(c.rows, OneClass)
				}
				m := min(c.rows, max(1, int64(math.Ceil(float64(a.num["q"]*float64(c.rows))))))
				var hits float64
				c.groups(func(tp, fp, pos, neg int64) {
					switch before := tp + fp - pos - neg; {
					case tp+fp <= m:
						hits = max(hits, float64(tp))
					case before < m:
						hits = float64(tp-pos) + float64(pos)*float64(m-before)/float64(pos+neg)
					}
				})
				return Result{Value: value(c, hits, m)}
			}
		})
	}
	top("precision_at@1", func(c *curved, hits float64, m int64) float64 { return hits / float64(m) })
	top("recall_at@1", func(c *curved, hits float64, m int64) float64 { return hits / float64(c.pos) })
	top("lift@1", func(c *curved, hits float64, m int64) float64 { return hits * float64(c.rows) / float64(m*c.pos) })
}

// both refuses a truth of one class.
func both(of func(c *curved) Result) func(c *curved) Result {
	return func(c *curved) Result {
		if c.pos == 0 || c.neg == 0 {
			return undefined(c.rows, OneClass)
		}
		return of(c)
	}
}

type curveMetric struct {
	auc
	gini      bool // 2·auc - 1, with all that an AUC has
	precision bool // drawn by the derivatives of its rows' weights
	value     func(c *curved) Result
}

// Perfect is NaN where the best value depends on the truth.
func (m *curveMetric) Perfect() float64 { return m.perfect }

func (m *curveMetric) New() Accumulator { return &curveRows{*newAUCRows(&m.auc), m} }

type curveRows struct {
	aucRows
	m *curveMetric
}

func (c *curveRows) Merge(o Accumulator) { c.aucRows.Merge(&o.(*curveRows).aucRows) }

// curved is what the value of a curve needs: sorted keys, and their numbers.
type curved struct {
	keys           *aucRows
	rows, pos, neg int64
}

// groups calls yield for each group of equal scores, from the lowest, with the
// totals of it and all above it, and its own numbers.
func (c *curved) groups(yield func(tp, fp, pos, neg int64)) {
	tp, fp := c.pos, c.neg
	c.keys.groups(func(pos, neg uint64) {
		yield(tp, fp, int64(pos), int64(neg))
		tp -= int64(pos)
		fp -= int64(neg)
	})
}

func (c *curveRows) Result() Result {
	p, n, none := c.settle()
	if none != nil {
		return *none
	}
	v := c.m.value(&curved{&c.aucRows, int64(p + n), int64(p), int64(n)})
	v.N = int64(p + n)
	if v.Status == "" {
		v.Status = aihub.MetricOK
	}
	if c.m.precision && c.aucRows.m.boot != nil && v.Status == aihub.MetricOK {
		var se float64
		if c.sample, se = c.marks.drawPrecision(c.aucRows.m.boot, v.Value); c.sample != nil {
			v.Lo, v.Hi = max(0, v.Value-float64(1.959963984540054*se)), min(1, v.Value+float64(1.959963984540054*se))
		}
	}
	return v
}
