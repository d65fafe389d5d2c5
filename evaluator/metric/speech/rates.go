package speech

import (
	"strings"
	"sync"

	"aihub/evaluator/metric"
)

// Utterance is one reference text and what was recognised. Unit of the metrics
// cer@1, wer@1, their parts cer_sub@1 to wer_ins@1, mixed_error_rate@1, mer@1,
// wil@1, wip@1 and ser@1.
type Utterance struct {
	Ref, Hyp string
}

func init() {
	rate := func(use, units, value string) {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) {
			r := Rules{NFKC: p.Str("normalize") == "nfkc", Lower: p.Str("case") == "lower", Strip: p.Str("punctuation") == "strip", Units: units}
			if u := p.Str("units"); u != "" {
				r.Units = u
			}
			return Errors(r, p.Str("align")), value
		})
	}
	rate("cer@1", Chars, "rate")
	rate("wer@1", Words, "rate")
	rate("mer@1", Words, "mer")
	rate("wil@1", Words, "wil")
	rate("wip@1", Words, "wip")
	rate("ser@1", Words, "ser")
	rate("mixed_error_rate@1", Mixed, "rate")
	for _, part := range []string{"sub", "del", "ins"} {
		rate("cer_"+part+"@1", Chars, part)
		rate("wer_"+part+"@1", Words, part)
	}
}

// Errors is the measure of *Utterance under these rules. align is levenshtein,
// or sclite: the weights of NIST's tool, which find another alignment, often
// with more errors. Values: rate (S+D+I)/N, mer (S+D+I)/(H+S+D+I), wip
// H²/(N·M), wil 1-wip, ser the share of utterances with an error, and the parts of
// rate: sub S/N, del D/N, ins I/N. The corpus is one sum: the insertions of an utterance whose
// reference is empty count, and only a corpus without any reference token is
// undefined.
func Errors(r Rules, align string) metric.Measure {
	const sub, del, ins, hit, wrong = 0, 1, 2, 3, 4
	ratio := func(num func(c []int64) int64, den func(c []int64) int64) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			d := den(s.Counts)
			if d == 0 {
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(metric.Quo(num(s.Counts), d), s.N)
		}
	}
	count := func(of ...int) func(c []int64) int64 {
		return func(c []int64) (n int64) {
			for _, i := range of {
				n += c[i]
			}
			return n
		}
	}
	wip := func(s *metric.Stats) float64 {
		c := s.Counts
		n, m := c[hit]+c[sub]+c[del], c[hit]+c[sub]+c[ins]
		if n == 0 || m == 0 {
			return 0
		}
		return metric.Quo(c[hit], n) * metric.Quo(c[hit], m)
	}
	ref := count(sub, del, hit)
	return &metric.Additive[*Utterance]{
		ID:     "speech.errors " + r.sig() + " " + align,
		Counts: 5,
		Of: func(u *Utterance, s *metric.Stats) {
			var e Edits
			a := aligners.Get().(*Aligner)
			switch {
			case align == "sclite":
				e = Sclite(r.Tokens(u.Ref), r.Tokens(u.Hyp))
			default:
				e = a.Align(r.Tokens(u.Ref), r.Tokens(u.Hyp))
			}
			aligners.Put(a)
			s.Counts[sub] += e.Sub
			s.Counts[del] += e.Del
			s.Counts[ins] += e.Ins
			s.Counts[hit] += e.Hit
			if e.Errors() > 0 {
				s.Counts[wrong]++
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"rate": ratio(count(sub, del, ins), ref),
			"mer": func(s *metric.Stats) metric.Result {
				if ref(s.Counts) == 0 {
					return metric.Undefined(s.N, metric.NoReference)
				}
				return ratio(count(sub, del, ins), count(sub, del, ins, hit))(s)
			},
			"sub": ratio(count(sub), ref),
			"del": ratio(count(del), ref),
			"ins": ratio(count(ins), ref),
			"ser": func(s *metric.Stats) metric.Result { return metric.OK(metric.Quo(s.Counts[wrong], s.N), s.N) },
			"wip": func(s *metric.Stats) metric.Result {
				if ref(s.Counts) == 0 {
					return metric.Undefined(s.N, metric.NoReference)
				}
				return metric.OK(wip(s), s.N)
			},
			"wil": func(s *metric.Stats) metric.Result {
				if ref(s.Counts) == 0 {
					return metric.Undefined(s.N, metric.NoReference)
				}
				return metric.OK(1-wip(s), s.N)
			},
		},
	}
}

// aligners are reused: one is half a megabyte.
var aligners = sync.Pool{New: func() any { return new(Aligner) }}

func (r Rules) sig() string {
	s := []string{r.Units}
	for _, x := range []struct {
		on   bool
		name string
	}{{r.NFKC, "nfkc"}, {r.Lower, "lower"}, {r.Strip, "strip"}} {
		if x.on {
			s = append(s, x.name)
		}
	}
	return strings.Join(s, "+")
}

// Sclite aligns with NIST sclite's weights, 4 for a substitution and 3 for a
// deletion or an insertion: a pair of edits of 6 is cheaper than two
// substitutions of 8, so that there may be more errors than Levenshtein's.
// Of equal costs, from the end, a substitution goes before an insertion before
// a deletion.
func Sclite(ref, hyp []string) Edits {
	const s, d, i = 4, 3, 3
	w := len(hyp) + 1
	cost := make([]int32, (len(ref)+1)*w)
	for x := 1; x < w; x++ {
		cost[x] = int32(x) * i
	}
	for y := 1; y <= len(ref); y++ {
		cost[y*w] = int32(y) * d
		for x := 1; x < w; x++ {
			c := cost[(y-1)*w+x-1]
			if ref[y-1] != hyp[x-1] {
				c += s
			}
			cost[y*w+x] = min(c, cost[(y-1)*w+x]+d, cost[y*w+x-1]+i)
		}
	}
	var e Edits
	for y, x := len(ref), len(hyp); y > 0 || x > 0; {
		c := cost[y*w+x]
		switch {
		case y > 0 && x > 0 && ref[y-1] == hyp[x-1] && c == cost[(y-1)*w+x-1]:
			e.Hit++
			y, x = y-1, x-1
		case y > 0 && x > 0 && ref[y-1] != hyp[x-1] && c == cost[(y-1)*w+x-1]+s:
			e.Sub++
			y, x = y-1, x-1
		case x > 0 && c == cost[y*w+x-1]+i:
			e.Ins++
			x--
		default:
			e.Del++
			y--
		}
	}
	return e
}
