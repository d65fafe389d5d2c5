package metric

import (
	"math/big"

	"aihub"
)

func init() {
	register("accuracy@1", func(s Setup, a args) Metric {
		return &additive{
			signed: a.signed, boot: s.Boot, counts: 2, // wrong, right
			count: func(b *Block, _ []uint16, counts []int64) {
				right := equalCodes(b.Truth.Class[:b.Rows], b.Pred[0].Class[:b.Rows])
				counts[0] += int64(b.Rows) - right
				counts[1] += right
			},
			beside: func(cells int) beside { return newBesideRight(cells) },
			rows:   func(counts []int64) int64 { return counts[0] + counts[1] },
			value:  func(s *stats) Result { return Result{Value: quo(s.counts[1], s.n)} },
		}
	})
	// Recall averaged over the classes that the truth holds: a class without a
	// row has no recall. scikit-learn agrees (and warns).
	register("balanced_accuracy@1", func(s Setup, a args) Metric {
		return byClass(s, a, func(n int64, t table) Result {
			var sum float64
			var present int64
			for k := range t.k {
				if t.truth[k] > 0 {
					sum += quo(t.hit[k], t.truth[k])
					present++
				}
			}
			return Result{Value: sum / float64(present)}
		})
	})
	// Classes are the declared ones: scikit-learn's default, the classes seen,
	// lets a prediction change the average.
	register("f1@1", func(s Setup, a args) Metric {
		return byClass(s, a, func(n int64, t table) Result { return f1(n, t, a.str["average"], a.num["zero_division"], a.skip) })
	})
	// Gorodkin's R_K; 0 by convention when either side holds one class only.
	register("mcc@1", func(s Setup, a args) Metric { return byClass(s, a, mcc) })
}

// table is what all class metrics need of a confusion table: for each of k
// declared classes the rows that hold it in truth, in predictions (with one
// more place for predictions outside the declared classes), and in both.
type table struct {
	k                int
	hit, truth, pred []int64
}

// maxBucketClasses bounds the memory of class counts per bucket; with more
// declared classes there is no interval.
const maxBucketClasses = 256

func byClass(s Setup, a args, value func(n int64, t table) Result) Metric {
	k := len(s.Classes)
	m := &additive{signed: a.signed, boot: s.Boot, counts: 3*k + 1}
	if k > maxBucketClasses {
		m.boot = nil
	}
	m.count = func(b *Block, _ []uint16, counts []int64) {
		truth, pred := b.Truth.Class[:b.Rows], b.Pred[0].Class[:b.Rows]
		if k <= fewClasses {
			fewCounts(k, truth, pred, counts)
			return
		}
		for i, t := range truth {
			countClass(k, t, pred[i], counts)
		}
	}
	m.beside = func(cells int) beside { return newBesideClasses(k, cells) }
	m.rows = func(counts []int64) (n int64) {
		for _, c := range counts[k : 2*k] {
			n += c
		}
		return n
	}
	m.value = func(s *stats) Result {
		return value(s.n, table{k, s.counts[:k], s.counts[k : 2*k], s.counts[2*k:]})
	}
	return m
}

// countClass counts a row of class t, predicted as p, in a table of k classes.
func countClass(k int, t, p Code, c []int64) {
	if p < 0 {
		p = Code(k)
	}
	c[k+int(t)]++
	c[2*k+int(p)]++
	d := int32(p) ^ int32(t)
	c[t] += int64(1 + (d|-d)>>31) // without a branch
}

func f1(n int64, t table, average string, zero float64, skip bool) Result {
	var r Result
	var hit, all int64
	var macro, weighted float64
	in := t.k
	for k := range t.k {
		hit += t.hit[k]
		all += t.truth[k] + t.pred[k]
		if skip && t.truth[k] == 0 {
			in--
			continue
		}
		if t.truth[k]+t.pred[k] == 0 {
			macro += zero
			r.Status, r.Reason = aihub.MetricDegenerate, AbsentClass
			continue
		}
		f := quo(2*t.hit[k], t.truth[k]+t.pred[k])
		macro += f
		weighted += float64(f * quo(t.truth[k], n))
	}
	switch average {
	case "macro":
		r.Value = macro / float64(in)
	case "weighted":
		return Result{Value: min(weighted, 1)}
	case "micro":
		return Result{Value: quo(2*hit, all)}
	}
	return r
}

func mcc(n int64, t table) Result {
	dot := func(a, b []int64) *big.Int {
		s, x := new(big.Int), new(big.Int)
		for i := range a {
			s.Add(s, x.Mul(big.NewInt(a[i]), big.NewInt(b[i])))
		}
		return s
	}
	var hit int64
	for _, h := range t.hit {
		hit += h
	}
	nn := new(big.Int).Mul(big.NewInt(n), big.NewInt(n))
	cov := new(big.Int).Mul(big.NewInt(hit), big.NewInt(n))
	cov.Sub(cov, dot(t.truth, t.pred[:t.k]))
	vt := new(big.Int).Sub(nn, dot(t.truth, t.truth))
	vp := new(big.Int).Sub(nn, dot(t.pred, t.pred))
	if vt.Sign() == 0 || vp.Sign() == 0 {
		return Result{Status: aihub.MetricDegenerate, Reason: ConstantEither}
	}
	den := new(big.Float).SetPrec(128).SetInt(vt.Mul(vt, vp))
	v, _ := new(big.Float).SetPrec(128).Quo(new(big.Float).SetPrec(128).SetInt(cov), den.Sqrt(den)).Float64()
	return Result{Value: max(-1, min(1, v))}
}

// quo is a/b. Counts stay below 2^53, so both are exact.
func quo(a, b int64) float64 { return float64(a) / float64(b) }
