package speech

import (
	"cmp"
	"math"
	"slices"

	"aihub/evaluator/metric"
)

// Turn is when a speaker speaks, in seconds.
type Turn struct {
	Speaker    string
	Start, End float64
}

// Recording is one file to diarise: who speaks when, the truth and the
// hypothesis, whose speaker names mean nothing beyond the file. Unit of der@1
// and jer@1. Turns of one speaker that overlap count once for each, as in
// pyannote; a reader may merge them.
type Recording struct {
	Ref, Hyp []Turn
	Scored   [][2]float64 // stretches from, to that alone are scored; nil: all is
}

func init() {
	build := func(value string) func(p metric.Params) (metric.Measure, string) {
		return func(p metric.Params) (metric.Measure, string) {
			return Diarisation(p.Num("collar"), p.Str("overlap") == "skip"), value
		}
	}
	metric.RegisterUnits("der@1", build("der"))
	metric.RegisterUnits("der_missed@1", build("missed"))
	metric.RegisterUnits("der_false_alarm@1", build("false_alarm"))
	metric.RegisterUnits("der_confusion@1", build("confusion"))
}

// Diarisation is the measure of *Recording: (missed + false alarm + confusion)
// over the reference's speech, in seconds, summed over recordings. Speakers are
// mapped, one to one, so that most time agrees. Around each boundary of the
// reference, collar seconds on either side are not scored (md-eval's -c; half
// of pyannote's collar). skip leaves out where reference speakers overlap.
func Diarisation(collar float64, skip bool) metric.Measure {
	const total, missed, alarm, confused = 0, 1, 2, 3
	part := func(of ...int) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			var sum metric.Sum
			for _, i := range of {
				sum.Merge(&s.Sums[i])
			}
			t, v := s.Sums[total].Float(), sum.Float()
			if t == 0 {
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(v/t, s.N)
		}
	}
	key := "speech.der"
	if skip {
		key += " skip"
	}
	return &metric.Additive[*Recording]{
		ID:   key + " " + metric.Number(collar),
		Sums: 4,
		Of: func(r *Recording, s *metric.Stats) {
			pieces, refs, hyps := cut(r, collar, skip)
			together := make([][]float64, refs)
			for i := range together {
				together[i] = make([]float64, hyps)
			}
			for _, p := range pieces {
				for _, i := range p.ref {
					for _, j := range p.hyp {
						together[i][j] += p.length
					}
				}
			}
			var of []int
			if hyps > 0 {
				of = metric.Assign(together)
			}
			for _, p := range pieces {
				right := 0
				for _, i := range p.ref {
					if of != nil && of[i] >= 0 && slices.Contains(p.hyp, of[i]) {
						right++
					}
				}
				nr, nh := len(p.ref), len(p.hyp)
				add := func(sum, n int) {
					if n > 0 {
						x := p.length * float64(n)
						s.Sums[sum].Add(x)
					}
				}
				add(total, nr)
				add(missed, nr-nh)
				add(alarm, nh-nr)
				add(confused, min(nr, nh)-right)
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"der":         part(missed, alarm, confused),
			"missed":      part(missed),
			"false_alarm": part(alarm),
			"confusion":   part(confused),
		},
	}
}

// piece is a stretch in which the same speakers speak; a speaker may be there
// more than once.
type piece struct {
	length   float64
	ref, hyp []int
}

// cut parts the time at every boundary, and leaves out what is not scored.
func cut(r *Recording, collar float64, skip bool) (out []piece, refs, hyps int) {
	type turn struct {
		start, end float64
		who        int
	}
	number := func(turns []Turn) ([]turn, int) {
		id := map[string]int{}
		var out []turn
		for _, t := range turns {
			if !(t.End > t.Start) {
				continue
			}
			if _, ok := id[t.Speaker]; !ok {
				id[t.Speaker] = len(id)
			}
			out = append(out, turn{t.Start, t.End, id[t.Speaker]})
		}
		return out, len(id)
	}
	ref, refs := number(r.Ref)
	hyp, hyps := number(r.Hyp)
	var at []float64
	for _, t := range ref {
		at = append(at, t.start, t.end)
		if collar > 0 {
			at = append(at, t.start-collar, t.start+collar, t.end-collar, t.end+collar)
		}
	}
	edges := []float64{}
	for _, t := range ref {
		edges = append(edges, t.start, t.end)
	}
	for _, t := range hyp {
		at = append(at, t.start, t.end)
	}
	for _, s := range r.Scored {
		at = append(at, s[0], s[1])
	}
	slices.Sort(at)
	at = slices.Compact(at)
	slices.Sort(edges)
	byStart := func(a, b turn) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end), cmp.Compare(a.who, b.who))
	}
	slices.SortFunc(ref, byStart)
	slices.SortFunc(hyp, byStart)
	var liveR, liveH []turn
	nr, nh := 0, 0
	for k := 0; k+1 < len(at); k++ {
		from, to := at[k], at[k+1]
		step := func(live []turn, all []turn, n int) ([]turn, int) {
			live = slices.DeleteFunc(live, func(t turn) bool { return t.end <= from })
			for n < len(all) && all[n].start <= from {
				if all[n].end > from {
					live = append(live, all[n])
				}
				n++
			}
			return live, n
		}
		liveR, nr = step(liveR, ref, nr)
		liveH, nh = step(liveH, hyp, nh)
		if len(liveR)+len(liveH) == 0 || skip && len(liveR) > 1 {
			continue
		}
		if r.Scored != nil && !slices.ContainsFunc(r.Scored, func(s [2]float64) bool { return s[0] <= from && to <= s[1] }) {
			continue
		}
		if collar > 0 && near(edges, from, to, collar) {
			continue
		}
		p := piece{length: to - from}
		for _, t := range liveR {
			p.ref = append(p.ref, t.who)
		}
		for _, t := range liveH {
			p.hyp = append(p.hyp, t.who)
		}
		out = append(out, p)
	}
	return out, refs, hyps
}

// near reports whether [from, to] lies within collar of an edge.
func near(edges []float64, from, to, collar float64) bool {
	middle := from + (to-from)/2
	i, _ := slices.BinarySearch(edges, middle)
	return i < len(edges) && edges[i]-middle <= collar || i > 0 && middle-edges[i-1] <= collar || math.IsNaN(middle)
}
