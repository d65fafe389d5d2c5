package speech

import (
	"slices"

	"aihub/evaluator/metric"
)

func init() {
	metric.RegisterUnits("jer@1", func(p metric.Params) (metric.Measure, string) {
		return JER(p.Num("collar"), p.Str("overlap") == "skip"), "jer"
	})
}

// JER is the measure of *Recording of the second DIHARD challenge: the mean over
// all true speakers of (missed + false alarm) / union, between the speaker and
// the found one it is mapped to, 1 when to none. Speakers are mapped, one to one,
// so that the sum of errors is smallest, as in dscore; pyannote maps by the time
// shared, which may leave more. What is scored is as in Diarisation.
func JER(collar float64, skip bool) metric.Measure {
	key := "speech.jer"
	if skip {
		key += " skip"
	}
	return &metric.Additive[*Recording]{
		ID: key + " " + metric.Number(collar), Counts: 1, Sums: 1,
		Of: func(r *Recording, s *metric.Stats) {
			pieces, refs, hyps := cut(r, collar, skip)
			both := make([][]metric.Sum, refs)
			for i := range both {
				both[i] = make([]metric.Sum, hyps)
			}
			ref, hyp := make([]metric.Sum, refs), make([]metric.Sum, hyps)
			for _, p := range pieces {
				slices.Sort(p.ref)
				slices.Sort(p.hyp)
				p.ref, p.hyp = slices.Compact(p.ref), slices.Compact(p.hyp)
				for _, j := range p.hyp {
					hyp[j].Add(p.length)
				}
				for _, i := range p.ref {
					ref[i].Add(p.length)
					for _, j := range p.hyp {
						both[i][j].Add(p.length)
					}
				}
			}
			var weight [][]float64
			speakers := int64(0)
			for i := range ref {
				total := ref[i].Float()
				if total == 0 { // none of it is scored
					continue
				}
				speakers++
				row := make([]float64, hyps)
				for j := range row {
					shared := both[i][j].Float()
					row[j] = shared / (total + hyp[j].Float() - shared)
				}
				weight = append(weight, row)
			}
			s.Counts[0] += speakers
			s.Sums[0].Add(float64(speakers))
			if hyps == 0 {
				return
			}
			for i, j := range metric.Assign(weight) {
				if j >= 0 {
					s.Sums[0].Add(-weight[i][j])
				}
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"jer": func(s *metric.Stats) metric.Result {
			if s.Counts[0] == 0 {
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(max(0, s.Sums[0].Mean(s.Counts[0])), s.N)
		}},
	}
}
