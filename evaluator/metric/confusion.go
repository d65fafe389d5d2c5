package metric

import (
	"math/big"
	"slices"

	"aihub"
)

func init() {
	register("precision@1", func(s Setup, a args) Metric {
		return rates(s, a, func(t table, k int) (int64, int64) { return t.hit[k], t.pred[k] })
	})
	register("recall@1", func(s Setup, a args) Metric {
		return rates(s, a, func(t table, k int) (int64, int64) { return t.hit[k], t.truth[k] })
	})
	register("jaccard@1", func(s Setup, a args) Metric {
		return rates(s, a, func(t table, k int) (int64, int64) { return t.hit[k], t.truth[k] + t.pred[k] - t.hit[k] })
	})
	// (1+β²)·TP / ((1+β²)·TP + β²·FN + FP), which needs no case for P+R = 0.
	register("fbeta@1", func(s Setup, a args) Metric {
		b2 := float64(a.num["beta"] * a.num["beta"])
		f := func(hit, truth, pred int64) float64 {
			den := float64(b2*float64(truth)) + float64(pred)
			return float64((1+b2)*float64(hit)) / den
		}
		return byClass(s, a, func(n int64, t table) Result {
			return average(n, t, a, func(k int) (float64, bool) {
				return f(t.hit[k], t.truth[k], t.pred[k]), t.truth[k]+t.pred[k] > 0
			}, func(hit, truth, pred int64) (float64, bool) { return f(hit, truth, pred), true })
		})
	})

	// One class against the rest, from one table: positive is a parameter.
	positive := func(use, reason string, rate func(tp, fp, fn, tn int64) (int64, int64)) {
		register(use, func(s Setup, a args) Metric {
			return byClass(s, a, func(n int64, t table) Result {
				k := a.one
				tp := t.hit[k]
				num, den := rate(tp, t.pred[k]-tp, t.truth[k]-tp, n-t.truth[k]-t.pred[k]+tp)
				if den == 0 {
					return undefined(n, reason)
				}
				return Result{Value: quo(num, den)}
			})
		})
	}
	positive("sensitivity@1", OneClass, func(tp, fp, fn, tn int64) (int64, int64) { return tp, tp + fn })
	positive("specificity@1", OneClass, func(tp, fp, fn, tn int64) (int64, int64) { return tn, tn + fp })
	positive("fpr@1", OneClass, func(tp, fp, fn, tn int64) (int64, int64) { return fp, tn + fp })
	positive("fnr@1", OneClass, func(tp, fp, fn, tn int64) (int64, int64) { return fn, tp + fn })
	positive("positive_precision@1", NonePredicted, func(tp, fp, fn, tn int64) (int64, int64) { return tp, tp + fp })
	positive("positive_f1@1", AbsentClass, func(tp, fp, fn, tn int64) (int64, int64) { return 2 * tp, 2*tp + fp + fn })

	register("kappa@1", func(s Setup, a args) Metric { return byCell(s, a, kappa(a.str["weights"])) })
	// An answer of no declared class is as bad as the worst, or an abstention.
	register("cost@1", func(s Setup, a args) Metric {
		k := len(s.Classes)
		return expectedCost(s, a, func(t int) float64 { return slices.Max(a.costs[t*k : t*k+k]) })
	})
	register("abstain_cost@1", func(s Setup, a args) Metric {
		return expectedCost(s, a, func(int) float64 { return a.num["abstain"] })
	})
}

// expectedCost is the mean of what each prediction costs; other is the cost of one
// that is no declared class, of a row of class t.
func expectedCost(s Setup, a args, other func(t int) float64) Metric {
	c := a.costs
	return byCell(s, a, func(n int64, k int, cell []int64) Result {
		var sum Sum
		for i, x := range cell[:k*(k+1)] {
			t, p := i/(k+1), i%(k+1)
			w := 0.0
			if p < k {
				w = c[t*k+p]
			} else {
				w = other(t)
			}
			hi := float64(w * float64(x))
			sum.Add(hi)
			sum.Add(fmaErr(w, float64(x), hi))
		}
		return Result{Value: sum.Mean(n)}
	})
}

// rates is a ratio of counts of each class, averaged.
func rates(s Setup, a args, of func(t table, k int) (num, den int64)) Metric {
	one := func(t table, k int) (float64, bool) {
		num, den := of(t, k)
		if den == 0 {
			return 0, false
		}
		return quo(num, den), true
	}
	return byClass(s, a, func(n int64, t table) Result {
		return average(n, t, a, func(k int) (float64, bool) { return one(t, k) },
			func(hit, truth, pred int64) (float64, bool) {
				return one(table{1, []int64{hit}, []int64{truth}, []int64{pred}}, 0)
			})
	})
}

// average is the mean over the declared classes, plain or weighted by the rows
// that hold them, or the value of the summed counts. A class whose ratio is 0/0
// counts as zero_division, and the result says so. With skip, classes that no row of
// the truth has are left out: what was predicted has no say in it.
func average(n int64, t table, a args, of func(k int) (float64, bool), micro func(hit, truth, pred int64) (float64, bool)) Result {
	var r Result
	zero := func() float64 {
		r.Status, r.Reason = aihub.MetricDegenerate, AbsentClass
		return a.num["zero_division"]
	}
	if a.str["average"] == "micro" {
		var hit, pred int64
		for k := range t.k {
			hit += t.hit[k]
		}
		for _, p := range t.pred {
			pred += p
		}
		v, ok := micro(hit, n, pred)
		if !ok {
			v = zero()
		}
		r.Value = v
		return r
	}
	var sum float64
	in := t.k
	for _, rows := range t.truth[:t.k] {
		if a.skip && rows == 0 {
			in--
		}
	}
	for k := range t.k {
		if a.skip && t.truth[k] == 0 {
			continue
		}
		v, ok := of(k)
		weight := 1 / float64(in)
		if a.str["average"] == "weighted" {
			weight = quo(t.truth[k], n)
		}
		if weight == 0 {
			continue
		}
		if !ok {
			v = zero()
		}
		sum += float64(v * weight)
	}
	r.Value = min(sum, 1)
	return r
}

// maxCellClasses bounds the memory of whole confusion tables per bucket.
const maxCellClasses = 32

// byCell is a metric of the whole confusion table, k rows of k+1 places: the
// last is for predictions of no declared class.
func byCell(s Setup, a args, value func(n int64, k int, cell []int64) Result) Metric {
	k := len(s.Classes)
	m := &additive{signed: a.signed, boot: s.Boot, counts: k * (k + 1)}
	if k > maxCellClasses {
		m.boot = nil
	}
	m.count = func(b *Block, cell []uint16, counts []int64) {
		truth, pred := b.Truth.Class[:b.Rows], b.Pred[0].Class[:b.Rows]
		c := counts
		for i, t := range truth {
			if cell != nil {
				at := int(cell[i]) * m.counts
				c = counts[at : at+m.counts]
			}
			p := int(pred[i])
			if p < 0 || p > k { // none of the declared classes
				p = k
			}
			c[int(t)*(k+1)+p]++
		}
	}
	m.value = func(s *stats) Result { return value(s.n, k, s.counts) }
	return m
}

// kappa is Cohen's: 1 - Σ w·O / Σ w·E, in integers. When both sides hold the
// same one class, 0/0, it is 1 by convention; scikit-learn gives NaN.
func kappa(weights string) func(n int64, k int, cell []int64) Result {
	weight := func(i, j, k int) int64 {
		if j == k { // of no declared class: as far as can be
			j = 0
			if i < k-1-i {
				j = k - 1
			}
			if weights == "none" {
				return 1
			}
		}
		d := int64(i - j)
		switch {
		case weights == "quadratic":
			return d * d
		case d < 0:
			d = -d
		}
		if weights == "none" {
			return min(d, 1)
		}
		return d
	}
	return func(n int64, k int, cell []int64) Result {
		truth, pred := make([]int64, k), make([]int64, k+1)
		for i, x := range cell {
			truth[i/(k+1)] += x
			pred[i%(k+1)] += x
		}
		num, den, x := new(big.Int), new(big.Int), new(big.Int)
		for i := range k {
			for j := range k + 1 {
				w := weight(i, j, k)
				if w == 0 {
					continue
				}
				num.Add(num, x.Mul(big.NewInt(w), big.NewInt(cell[i*(k+1)+j])))
				x.Mul(big.NewInt(truth[i]), big.NewInt(pred[j]))
				den.Add(den, x.Mul(x, big.NewInt(w)))
			}
		}
		if den.Sign() == 0 {
			return Result{Value: 1, Status: aihub.MetricDegenerate, Reason: ConstantEither}
		}
		num.Mul(num, big.NewInt(n))
		v, _ := ratio(num.Sub(den, num), den, 0).Float64()
		return Result{Value: v}
	}
}

func abs(i int) int {
	if i < 0 {
		return -i
	}
	return i
}
