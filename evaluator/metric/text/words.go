package text

import (
	"strings"

	"aihub/evaluator/metric"
)

func init() {
	for _, v := range []string{"f1", "precision", "recall", "oov_recall", "iv_recall"} {
		metric.RegisterUnits("segmentation_"+v+"@1", func(metric.Params) (metric.Measure, string) { return Segmentation(), v })
	}
	metric.RegisterUnits("bits_per_byte@1", func(metric.Params) (metric.Measure, string) { return Likelihood(), "bits" })
	metric.RegisterUnits("perplexity@1", func(metric.Params) (metric.Measure, string) { return Likelihood(), "perplexity" })
	metric.RegisterUnits("span_relaxed_f1@1", func(p metric.Params) (metric.Measure, string) { return Relaxed(p.Str("scheme")), p.Str("value") })
}

// Words is one sentence cut into words, the true ones and the found ones. Unknown
// says which true words the training vocabulary, declared with the truth, does
// not hold; nil: all are known. Unit of the segmentation_* metrics.
type Words struct {
	Ref, Hyp []string
	Unknown  []bool
}

// Segmentation is the measure of *Words after SIGHAN's script: a word is right
// when both its ends are; precision, recall and f1 are ratios of sums, and
// oov_recall and iv_recall the recall of unknown and of known words. Where the
// found words do not spell the sentence, none of them is right.
func Segmentation() metric.Measure {
	const hit, ref, hyp, oovHit, oov = 0, 1, 2, 3, 4
	ratio := func(num, den func(c []int64) int64) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			d := den(s.Counts)
			switch {
			case d == 0 && s.Counts[ref] > 0 && s.Counts[hyp] == 0:
				return metric.Degenerate(0, s.N, metric.NonePredicted)
			case d == 0 || s.Counts[ref] == 0:
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(metric.Quo(num(s.Counts), d), s.N)
		}
	}
	at := func(i int) func(c []int64) int64 { return func(c []int64) int64 { return c[i] } }
	known := func(all, unknown int) func(c []int64) int64 {
		return func(c []int64) int64 { return c[all] - c[unknown] }
	}
	undefinedWithout := func(den func(c []int64) int64, of func(s *metric.Stats) metric.Result) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			if den(s.Counts) == 0 {
				return metric.Undefined(s.N, metric.NoReference)
			}
			return of(s)
		}
	}
	return &metric.Additive[*Words]{
		ID: "text.segmentation", Counts: 5,
		Of: func(u *Words, s *metric.Stats) {
			found := map[[2]int]bool{}
			end := 0
			for _, w := range u.Hyp {
				if w != "" {
					found[[2]int{end, end + len(w)}] = true
					end += len(w)
					s.Counts[hyp]++
				}
			}
			if strings.Join(u.Hyp, "") != strings.Join(u.Ref, "") {
				clear(found)
			}
			end = 0
			for i, w := range u.Ref {
				if w == "" {
					continue
				}
				right := found[[2]int{end, end + len(w)}]
				end += len(w)
				unknown := i < len(u.Unknown) && u.Unknown[i]
				s.Counts[ref]++
				if unknown {
					s.Counts[oov]++
				}
				if right {
					s.Counts[hit]++
					if unknown {
						s.Counts[oovHit]++
					}
				}
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"precision":  ratio(at(hit), at(hyp)),
			"recall":     ratio(at(hit), at(ref)),
			"f1":         ratio(func(c []int64) int64 { return 2 * c[hit] }, func(c []int64) int64 { return c[ref] + c[hyp] }),
			"oov_recall": undefinedWithout(at(oov), ratio(at(oovHit), at(oov))),
			"iv_recall":  undefinedWithout(known(ref, oov), ratio(known(hit, oovHit), known(ref, oov))),
		},
	}
}

// Likely is how likely a model found one text: the negative logarithm of its
// probability, in nats; how many bytes the text has in UTF-8, and how many tokens
// the model. Unit of bits_per_byte@1 and perplexity@1.
type Likely struct {
	Nats   float64
	Bytes  int64 // of the truth
	Tokens int64
}

// Likelihood is the measure of *Likely, ratios of sums. Values: bits, the bits
// a byte, which does not depend on how a model cuts text; perplexity, that of a
// token, which does: it only compares models with one tokenizer.
func Likelihood() metric.Measure {
	const size, tokens, bad = 0, 1, 2
	value := func(den int, of func(x float64) float64) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			switch {
			case s.Counts[bad] > 0:
				return metric.Undefined(s.N, metric.OutOfDomain)
			case s.Counts[den] == 0:
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(of(s.Sums[0].Mean(s.Counts[den])), s.N)
		}
	}
	return &metric.Additive[*Likely]{
		ID: "text.likelihood", Counts: 3, Sums: 1,
		Of: func(u *Likely, s *metric.Stats) {
			if !(u.Nats >= 0) || u.Nats-u.Nats != 0 || u.Bytes < 0 || u.Tokens < 0 {
				s.Counts[bad]++
				return
			}
			s.Counts[size] += u.Bytes
			s.Counts[tokens] += u.Tokens
			s.Sums[0].Add(u.Nats)
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"bits":       value(size, func(x float64) float64 { return x / metric.Ln(2) }),
			"perplexity": value(tokens, metric.Exp),
		},
	}
}

// Relaxed is the measure of *Spans of SemEval-2013's task 9.1, as nervaluate: of
// the found spans in their order each takes a true one that is left. strict: the
// same ends and type; exact: the same ends; type: the same type and an overlap,
// the nearest ends first; partial: the same ends, or half for an overlap. What
// only overlaps is wrong otherwise. Values: precision, recall and f1, of sums.
func Relaxed(scheme string) metric.Measure {
	const right, half, ref, hyp = 0, 1, 2, 3
	points := func(c []int64) int64 { return 2*c[right] + c[half] }
	guard := func(of func(c []int64) (num, den int64)) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			if s.Counts[ref] == 0 {
				return metric.Undefined(s.N, metric.NoReference)
			}
			num, den := of(s.Counts)
			if den == 0 {
				return metric.Degenerate(0, s.N, metric.NonePredicted)
			}
			return metric.OK(metric.Quo(num, den), s.N)
		}
	}
	return &metric.Additive[*Spans]{
		ID: "text.relaxed " + scheme, Counts: 4,
		Of: func(u *Spans, s *metric.Stats) {
			truth, found := distinct(u.Ref), distinct(u.Hyp)
			s.Counts[ref] += int64(len(truth))
			s.Counts[hyp] += int64(len(found))
			taken := make([]bool, len(truth))
			for _, p := range found {
				match, other, nearest := -1, -1, 0
				for i, t := range truth {
					if taken[i] {
						continue
					}
					ends := p.Start == t.Start && p.End == t.End
					over := 100*(min(p.End, t.End)-max(p.Start, t.Start)) >= max(1, t.End-t.Start)
					if scheme == "type" {
						d := dist(p.Start, t.Start) + dist(p.End, t.End)
						if over && p.Type == t.Type && (match < 0 || d < nearest) {
							match, nearest = i, d
						}
						over = over && p.Type != t.Type
					} else if ends && (scheme != "strict" || p.Type == t.Type) && match < 0 {
						match = i
					}
					if over && other < 0 {
						other = i
					}
				}
				switch {
				case match >= 0:
					taken[match] = true
					s.Counts[right]++
				case other >= 0:
					taken[other] = true
					if scheme == "partial" {
						s.Counts[half]++
					}
				}
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"precision": guard(func(c []int64) (int64, int64) { return points(c), 2 * c[hyp] }),
			"recall":    guard(func(c []int64) (int64, int64) { return points(c), 2 * c[ref] }),
			"f1":        guard(func(c []int64) (int64, int64) { return points(c), c[ref] + c[hyp] }),
		},
	}
}
