package metric

import "math"

func init() {
	// Mean of -ln p(true class), p first brought into [eps, 1-eps] — each class's
	// own p, so that with one column the negative class has 1-p brought there.
	// scikit-learn derives eps from the dtype of the predictions, so that the
	// same file scores differently as float32; here it is declared. The worst
	// value is -ln eps, at most -ln 1e-300.
	register("log_loss@1", func(s Setup, a args) Metric {
		makeLn()
		eps := a.num["eps"]
		a.perfect = -ln(1 - eps)
		p := ofTruth(s, a)
		return mean(s, a, func(b *Block, lo, hi int, out []float64) {
			p(b, lo, hi, out)
			minusLns(out, eps, 1-eps) // the sum reports a NaN
		})
	})
	// Binary: mean of (p-y)², in [0, 1]. One column per class: the sum over
	// classes, in [0, 2], as Brier defined it.
	register("brier@1", func(s Setup, a args) Metric {
		m := &additive{signed: a.signed, boot: s.Boot, sums: 1}
		for j := range a.cols {
			class := Code(a.Class(j))
			m.terms = append(m.terms, term{square: true, rows: func(b *Block, lo, hi int, out []float64) {
				either(b.Truth.Class[lo:hi], b.Pred[j].Flt[lo:hi], class, true, out)
			}})
		}
		m.value = func(s *stats) Result { return Result{Value: s.sums[0].Mean(s.n)} }
		return m
	})
}

// ofTruth gives the probability that was predicted for each row's true class.
func ofTruth(s Setup, a args) func(b *Block, lo, hi int, out []float64) {
	if len(a.cols) > 1 {
		return func(b *Block, lo, hi int, out []float64) {
			for i, t := range b.Truth.Class[lo:hi] {
				out[i] = b.Pred[t].Flt[lo+i]
			}
		}
	}
	one := Code(a.one)
	return func(b *Block, lo, hi int, out []float64) {
		either(b.Truth.Class[lo:hi], b.Pred[0].Flt[lo:hi], one, false, out)
	}
}

// either writes p of the rows whose truth is class, and 1-p of the rest; or, with
// other, 1-p of the former and p of the rest. It has no branch, which a processor
// would guess wrong for every second row.
func either(truth []Code, p []float64, class Code, other bool, out []float64) {
	done := eitherLanes(truth, p, class, other, out)
	truth, p, out = truth[done:], p[done:], out[done:]
	flip := uint64(0)
	if other {
		flip--
	}
	p, out = p[:len(truth)], out[:len(truth)]
	for i, t := range truth {
		d := int64(t) ^ int64(class)
		mask := uint64((d|-d)>>63) ^ flip // all ones unless t is class
		a := math.Float64bits(p[i])
		out[i] = math.Float64frombits(a ^ (a^math.Float64bits(1-p[i]))&mask)
	}
}

// mean is the metric that averages one term a row.
func mean(s Setup, a args, rows func(b *Block, lo, hi int, out []float64)) *additive {
	return &additive{
		signed: a.signed, boot: s.Boot, sums: 1,
		terms: []term{{rows: rows}},
		value: func(s *stats) Result { return Result{Value: s.sums[0].Mean(s.n)} },
	}
}
