package metric

// UnitMean is scorer_mean@1: the mean of a number that a scorer gave for each
// unit, which is its column of "predictions". Truth does not matter here, the
// scorer has met it. What a scorer gives is declared in a spec, so the metric is
// not in the registry.
func UnitMean(column string, boot *Bootstrap) Metric {
	return &additive{
		signed: signed{sig: "scorer_mean@1|column=" + column, cols: []string{column}, perfect: nan}, boot: boot, sums: 1,
		terms: []term{{rows: func(b *Block, lo, hi int, out []float64) { copy(out, b.Pred[0].Flt[lo:hi]) }}},
		value: func(s *stats) Result { return Result{Value: s.sums[0].Mean(s.n)} },
	}
}
