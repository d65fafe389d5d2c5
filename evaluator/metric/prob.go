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
			for i, v := range out {
				// max and min keep a NaN, which the sum then reports.
				out[i] = max(eps, min(1-eps, v))
			}
			lns(out)
			for i, v := range out {
				out[i] = -v
			}
		})
	})
	// Binary: mean of (p-y)², in [0, 1]. One column per class: the sum over
	// classes, in [0, 2], as Brier defined it.
	register("brier@1", func(s Setup, a args) Metric {
		m := &additive{signed: a.signed, boot: s.Boot, sums: 1}
		for j := range a.cols {
			class := int32(a.Class(j))
			m.terms = append(m.terms, term{square: true, rows: func(b *Block, lo, hi int, out []float64) {
				p := b.Pred[j].Flt[lo:hi]
				for i, t := range b.Truth.Class[lo:hi] {
					out[i] = either(t, class, 1-p[i], p[i])
				}
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
	one := int32(a.one)
	return func(b *Block, lo, hi int, out []float64) {
		p := b.Pred[0].Flt[lo:hi]
		for i, t := range b.Truth.Class[lo:hi] {
			out[i] = either(t, one, p[i], 1-p[i])
		}
	}
}

// either is same when t is class, else other; without a branch, which a
// processor would guess wrong for every second row.
func either(t, class int32, same, other float64) float64 {
	d := int64(t) ^ int64(class)
	mask := uint64((d | -d) >> 63) // all ones unless t is class
	a := math.Float64bits(same)
	return math.Float64frombits(a ^ (a^math.Float64bits(other))&mask)
}

// mean is the metric that averages one term a row.
func mean(s Setup, a args, rows func(b *Block, lo, hi int, out []float64)) *additive {
	return &additive{
		signed: a.signed, boot: s.Boot, sums: 1,
		terms: []term{{rows: rows}},
		value: func(s *stats) Result { return Result{Value: s.sums[0].Mean(s.n)} },
	}
}
