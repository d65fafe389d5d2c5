package text

import (
	"cmp"
	"slices"
	"strings"

	"aihub/evaluator/metric"
)

// Span is a typed stretch [Start, End) of a text.
type Span struct {
	Type       string
	Start, End int
}

// Spans are those of one text: the truth's and the found ones. Unit of
// span_f1@1. A span found twice counts once; a truth that holds one twice is
// the same as once.
type Spans struct {
	Ref, Hyp []Span
}

func init() {
	metric.RegisterUnits("span_f1@1", func(p metric.Params) (metric.Measure, string) {
		var types []string
		if t := p.Str("types"); t != "" {
			types = strings.Split(t, ",")
		}
		return SpanF1(types), p.Str("average")
	})
	metric.RegisterUnits("qa_em@1", func(p metric.Params) (metric.Measure, string) { return QA(p.Str("units")), "em" })
	metric.RegisterUnits("qa_f1@1", func(p metric.Params) (metric.Measure, string) { return QA(p.Str("units")), "f1" })
	metric.RegisterUnits("pass_at_k@1", func(p metric.Params) (metric.Measure, string) { return PassAt(p.Int("k")), "rate" })
}

// SpanF1 is the measure of *Spans: a span is right when type and both ends are.
// Values: micro, from summed counts; macro, the mean over the declared types
// (each spelt in the spec: types found by an algorithm must not change what is
// averaged); precision, recall. Without any span in the truth it is undefined,
// where seqeval says 0.
func SpanF1(types []string) metric.Measure {
	f1 := func(c []int64) float64 {
		if c[0] == 0 {
			return 0
		}
		return metric.Quo(2*c[0], c[1]+c[2])
	}
	guard := func(of func(s *metric.Stats) metric.Result) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			if s.Counts[1] == 0 {
				return metric.Undefined(s.N, metric.NoReference)
			}
			return of(s)
		}
	}
	ratio := func(den int) func(s *metric.Stats) metric.Result {
		return guard(func(s *metric.Stats) metric.Result {
			if s.Counts[den] == 0 {
				return metric.Degenerate(0, s.N, metric.NonePredicted)
			}
			return metric.OK(metric.Quo(s.Counts[0], s.Counts[den]), s.N)
		})
	}
	return &metric.Additive[*Spans]{
		ID: "text.spans " + strings.Join(types, ","), Counts: 3 * (1 + len(types)), // hits, truth, found: of all, of each type
		Of: func(u *Spans, s *metric.Stats) {
			ref, hyp := distinct(u.Ref), distinct(u.Hyp)
			add := func(x Span, place int) {
				s.Counts[place]++
				if t := slices.Index(types, x.Type); t >= 0 {
					s.Counts[3*(t+1)+place]++
				}
			}
			for _, x := range ref {
				add(x, 1)
			}
			for _, x := range hyp {
				add(x, 2)
				if _, ok := slices.BinarySearchFunc(ref, x, bySpan); ok {
					add(x, 0)
				}
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"precision": ratio(2),
			"recall":    ratio(1),
			"micro":     guard(func(s *metric.Stats) metric.Result { return metric.OK(f1(s.Counts[:3]), s.N) }),
			"macro": guard(func(s *metric.Stats) metric.Result {
				var sum float64
				empty := false
				for t := range types {
					c := s.Counts[3*(t+1) : 3*(t+2)]
					sum += f1(c)
					empty = empty || c[1]+c[2] == 0
				}
				if len(types) == 0 {
					return metric.Undefined(s.N, metric.AbsentClass)
				}
				if v := sum / float64(len(types)); empty {
					return metric.Degenerate(v, s.N, metric.AbsentClass)
				}
				return metric.OK(sum/float64(len(types)), s.N)
			}),
		},
	}
}

func bySpan(a, b Span) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), strings.Compare(a.Type, b.Type))
}

func distinct(s []Span) []Span {
	s = slices.Clone(s)
	slices.SortFunc(s, bySpan)
	return slices.Compact(s)
}

// StrictSpans reads IOB2 tags: a span is a B and the I of its type that follow;
// an I that follows nothing of its type is no span.
func StrictSpans(tags []string) []Span {
	var out []Span
	for i := 0; i < len(tags); i++ {
		prefix, t := tag(tags[i])
		if prefix != 'B' {
			continue
		}
		j := i + 1
		for j < len(tags) {
			if p, u := tag(tags[j]); p != 'I' || u != t {
				break
			}
			j++
		}
		out = append(out, Span{t, i, j})
		i = j - 1
	}
	return out
}

// LenientSpans reads IOB2 tags as conlleval and seqeval's default do: an I that
// follows nothing of its type begins a span.
func LenientSpans(tags []string) []Span {
	var out []Span
	start, open := 0, ""
	prev := byte('O')
	for i := 0; i <= len(tags); i++ {
		p, t := byte('O'), ""
		if i < len(tags) {
			p, t = tag(tags[i])
		}
		if prev != 'O' && (p == 'O' || p == 'B' || t != open) {
			out = append(out, Span{open, start, i})
		}
		if p != 'O' && (p == 'B' || prev == 'O' || t != open) {
			start = i
		}
		prev, open = p, t
	}
	return out
}

// tag parts "B-PER"; anything but B and I is O.
func tag(s string) (byte, string) {
	if p, t, ok := strings.Cut(s, "-"); ok && (p == "B" || p == "I") {
		return p[0], t
	}
	return 'O', ""
}

// Answer is what was answered and what is right; "" for no answer. Unit of
// qa_em@1 and qa_f1@1.
type Answer struct {
	Golds []string
	Hyp   string
}

// QA is the measure of *Answer, as SQuAD scores: both sides lower case, without
// ASCII punctuation and English articles; em, whether they are equal; f1, of
// the bags of tokens; the best over the golds, averaged over answers. units
// words cuts at white space as SQuAD; mixed also cuts every Han character off,
// and drops all punctuation. cmrc is CMRC 2018's script: see cmrcTokens; f1 is of the
// longest run of tokens that both have. Two empty answers are equal by all of them,
// where that script gives an F1 of 0.
func QA(units string) metric.Measure {
	const em, f1 = 0, 0
	return &metric.Additive[*Answer]{
		ID: "text.qa " + units, Counts: 1, Sums: 1,
		Of: func(a *Answer, s *metric.Stats) {
			hyp := answerTokens(units, a.Hyp)
			exact, best := false, 0.0
			for _, g := range a.Golds {
				gold := answerTokens(units, g)
				if units == "cmrc" {
					exact = exact || cmrcPlain(g) == cmrcPlain(a.Hyp)
					best = max(best, runF1(gold, hyp))
					continue
				}
				exact = exact || slices.Equal(gold, hyp)
				best = max(best, bagF1(gold, hyp))
			}
			if exact {
				s.Counts[em]++
			}
			s.Sums[f1].Add(best)
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"em": func(s *metric.Stats) metric.Result { return metric.OK(metric.Quo(s.Counts[em], s.N), s.N) },
			"f1": func(s *metric.Stats) metric.Result { return metric.OK(s.Sums[f1].Mean(s.N), s.N) },
		},
	}
}

func answerTokens(units, s string) []string {
	switch units {
	case "mixed":
		return tokHan(s)
	case "cmrc":
		return cmrcTokens(s)
	}
	s = strings.Map(func(c rune) rune {
		if c < 128 && strings.ContainsRune(ascii, c) {
			return -1
		}
		return c
	}, strings.ToLower(s))
	return slices.DeleteFunc(strings.FieldsFunc(s, space), func(w string) bool { return w == "a" || w == "an" || w == "the" })
}

// bagF1 is 1 when both bags are empty, 0 when one is.
func bagF1(a, b []string) float64 {
	if len(a) == 0 || len(b) == 0 {
		if len(a) == len(b) {
			return 1
		}
		return 0
	}
	g := Grams(a, 1)
	var hit int64
	for x, k := range Grams(b, 1) {
		hit += min(k, g[x])
	}
	return metric.Quo(2*hit, int64(len(a)+len(b)))
}

// Problem is a task with n sampled solutions, c of them right. Unit of
// pass_at_k@1.
type Problem struct{ N, C int64 }

// PassAt is the mean over problems of 1 - C(n-c,k)/C(n,k), the chance that one
// of k solutions is right (Chen et al., 2021). A problem with fewer than k
// solutions makes it undefined.
func PassAt(k int) metric.Measure {
	return &metric.Additive[*Problem]{
		ID: "text.pass " + metric.Number(float64(k)), Counts: 1, Sums: 1,
		Of: func(p *Problem, s *metric.Stats) {
			if p.N < int64(k) || p.C < 0 || p.C > p.N {
				s.Counts[0]++
				return
			}
			miss := 1.0
			for i := range int64(k) {
				miss *= metric.Quo(max(0, p.N-p.C-i), p.N-i)
			}
			s.Sums[0].Add(1 - miss)
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"rate": func(s *metric.Stats) metric.Result {
			if s.Counts[0] > 0 {
				return metric.Undefined(s.N, metric.OutOfDomain)
			}
			return metric.OK(s.Sums[0].Mean(s.N), s.N)
		}},
	}
}
