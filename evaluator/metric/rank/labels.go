package rank

import (
	"cmp"
	"slices"

	"aihub/evaluator/metric"
)

// Labels is one thing that may have several of n labels: which it has, which it
// was given, and, for the ranked metrics, how sure the algorithm was of each.
// Unit of hamming_loss@1, subset_accuracy@1, multilabel_jaccard@1, lrap@1,
// coverage_error@1 and label_ranking_loss@1; a reader gives all units the same
// number of labels.
type Labels struct {
	Truth []bool
	Pred  []bool    // for the first three
	Score []float64 // for the last three
}

func init() {
	for use, value := range map[string]string{
		"hamming_loss@1": "hamming", "subset_accuracy@1": "subset", "multilabel_jaccard@1": "jaccard",
		"lrap@1": "lrap", "coverage_error@1": "coverage", "label_ranking_loss@1": "loss",
	} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return Multilabel(), value })
	}
}

// Multilabel is the measure of *Labels, with scikit-learn's definitions. Two
// empty sets are equal: their Jaccard index is 1, where scikit-learn warns and
// gives 0.
func Multilabel() metric.Measure {
	const jaccard, lrap, coverage, loss = 0, 1, 2, 3
	const cells, wrong, same, bad = 0, 1, 2, 3
	mean := func(sum int) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			if s.Counts[bad] > 0 {
				return metric.Undefined(s.N, metric.NotFinite)
			}
			return metric.OK(s.Sums[sum].Mean(s.N), s.N)
		}
	}
	return &metric.Additive[*Labels]{
		ID: "rank.labels", Counts: 4, Sums: 4,
		Of: func(l *Labels, s *metric.Stats) {
			s.Counts[cells] += int64(len(l.Truth))
			if l.Pred != nil {
				var both, either, off int64
				for i, t := range l.Truth {
					switch p := l.Pred[i]; {
					case t && p:
						both++
						either++
					case t || p:
						either++
						off++
					}
				}
				s.Counts[wrong] += off
				if off == 0 {
					s.Counts[same]++
				}
				if either == 0 {
					s.Sums[jaccard].Add(1)
				} else {
					s.Sums[jaccard].Add(metric.Quo(both, either))
				}
			}
			if l.Score == nil {
				return
			}
			for _, v := range l.Score {
				if v-v != 0 {
					s.Counts[bad]++
					return
				}
			}
			a, c, x := ranked(l)
			s.Sums[lrap].Add(a)
			s.Sums[coverage].Add(c)
			s.Sums[loss].Add(x)
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"hamming": func(s *metric.Stats) metric.Result {
				if s.Counts[cells] == 0 {
					return metric.Undefined(s.N, metric.Nothing)
				}
				return metric.OK(metric.Quo(s.Counts[wrong], s.Counts[cells]), s.N)
			},
			"subset":   func(s *metric.Stats) metric.Result { return metric.OK(metric.Quo(s.Counts[same], s.N), s.N) },
			"jaccard":  mean(jaccard),
			"lrap":     mean(lrap),
			"coverage": mean(coverage),
			"loss":     mean(loss),
		},
	}
}

// ranked gives label ranking average precision, coverage error and ranking loss
// of one thing; equal scores take the worst place for the first two.
func ranked(l *Labels) (ap, coverage, loss float64) {
	order := make([]int, len(l.Truth))
	var relevant int64
	for i, t := range l.Truth {
		order[i] = i
		if t {
			relevant++
		}
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(l.Score[j], l.Score[i]) })
	n := int64(len(order))
	if relevant == 0 || relevant == n {
		ap = 1
	}
	var sum metric.Sum
	var seen, hits, wrong, ties int64 // pairs in the wrong order, or equal: those count whole, as in scikit-learn
	for lo := 0; lo < len(order); {
		hi, own := lo, int64(0)
		for hi < len(order) && l.Score[order[hi]] == l.Score[order[lo]] {
			if l.Truth[order[hi]] {
				own++
			}
			hi++
		}
		size := int64(hi - lo)
		others := seen - hits // not relevant, above
		wrong += own * others
		ties += own * (size - own)
		seen, hits = seen+size, hits+own
		if own > 0 {
			coverage = float64(seen)
			for range own {
				sum.Add(metric.Quo(hits, seen))
			}
		}
		lo = hi
	}
	if ap == 0 {
		ap = sum.Mean(relevant)
		loss = metric.Quo(wrong+ties, relevant*(n-relevant))
	}
	return ap, coverage, loss
}
