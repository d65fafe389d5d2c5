package text

import (
	"strings"

	"aihub/evaluator/metric"
)

// Passage is what was written and what may be written. Unit of bleu@1, chrf@1,
// rouge1@1, rouge2@1 and rouge_l@1.
type Passage struct {
	Refs []string
	Hyp  string
}

func init() {
	metric.RegisterUnits("bleu@1", func(p metric.Params) (metric.Measure, string) {
		return BLEU(p.Str("tokenize"), p.Str("smooth") == "exp", p.Str("effective_order") == "yes"), "bleu"
	})
	metric.RegisterUnits("chrf@1", func(p metric.Params) (metric.Measure, string) {
		return ChrF(p.Int("char_order"), p.Int("word_order"), p.Num("beta")), "chrf"
	})
	for n, use := range []string{"rouge_l@1", "rouge1@1", "rouge2@1"} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) {
			return ROUGE(n, p.Str("tokenize")), "f"
		})
	}
}

// BLEU is the corpus score, 0 to 100, of n-grams up to 4 (Papineni et al.,
// 2002), as sacrebleu computes it: the closest reference length, and with
// smoothing a precision of 0 taken as ½, ¼, … of one. Without effective order,
// a corpus too short for 4-grams scores 0, however right it is.
func BLEU(tok string, smooth, effective bool) metric.Measure {
	const order, sys, ref = 4, 8, 9 // counts: 4 matches, 4 totals, two lengths
	return &metric.Additive[*Passage]{
		ID: "text.bleu " + tok + flag(smooth, " exp") + flag(effective, " effective"), Counts: 10,
		Of: func(p *Passage, s *metric.Stats) {
			hyp := Tokenize(tok, p.Hyp)
			refs := make([][]string, len(p.Refs))
			closest := -1
			for i, r := range p.Refs {
				refs[i] = Tokenize(tok, r)
				n, d := len(refs[i]), dist(len(refs[i]), len(hyp))
				if closest < 0 || d < dist(closest, len(hyp)) || d == dist(closest, len(hyp)) && n < closest {
					closest = n
				}
			}
			s.Counts[sys] += int64(len(hyp))
			s.Counts[ref] += int64(max(closest, 0))
			for n := 1; n <= order; n++ {
				most := map[string]int64{}
				for _, r := range refs {
					for g, k := range Grams(r, n) {
						most[g] = max(most[g], k)
					}
				}
				for g, k := range Grams(hyp, n) {
					s.Counts[n-1] += min(k, most[g])
					s.Counts[order+n-1] += k
				}
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"bleu": func(s *metric.Stats) metric.Result {
			c := s.Counts
			if c[ref] == 0 {
				return metric.Undefined(s.N, metric.NoReference)
			}
			if c[0]+c[1]+c[2]+c[3] == 0 {
				return metric.OK(0, s.N)
			}
			var logs float64
			half, orders := 1.0, 0
			for n := range order {
				if c[order+n] == 0 {
					break
				}
				p := metric.Quo(c[n], c[order+n])
				if c[n] == 0 {
					if !smooth {
						return metric.OK(0, s.N)
					}
					half *= 2
					p = 1 / (half * float64(c[order+n]))
				}
				orders++
				logs += metric.Ln(p)
			}
			if !effective {
				if orders < order {
					return metric.OK(0, s.N)
				}
			}
			logs /= float64(orders)
			if c[sys] < c[ref] {
				logs += 1 - metric.Quo(c[ref], c[sys])
			}
			return metric.OK(100*metric.Exp(logs), s.N)
		}},
	}
}

func dist(a, b int) int { return max(a-b, b-a) }

func flag(on bool, s string) string {
	if on {
		return s
	}
	return ""
}

// ChrF is the corpus score, 0 to 100, of character n-grams without white space,
// and with a word order also of word n-grams (Popović, 2015, 2017), averaged
// over the orders that both sides have. Of several references the one with the
// best score counts, as in sacrebleu.
func ChrF(chars, words int, beta float64) metric.Measure {
	b2 := beta * beta
	score := func(c []int64) float64 {
		var p, r float64
		orders := 0
		for i := 0; i < len(c); i += 3 {
			if c[i] > 0 && c[i+1] > 0 {
				p += metric.Quo(c[i+2], c[i])
				r += metric.Quo(c[i+2], c[i+1])
				orders++
			}
		}
		if orders == 0 || p+r == 0 {
			return 0
		}
		p, r = p/float64(orders), r/float64(orders)
		return 100 * (float64(float64((1+b2)*p)*r) / (float64(b2*p) + r))
	}
	grams := func(s string) []map[string]int64 {
		var out []map[string]int64
		var all []string
		for _, c := range strings.Join(strings.FieldsFunc(s, space), "") {
			all = append(all, string(c))
		}
		for n := 1; n <= chars; n++ {
			out = append(out, Grams(all, n))
		}
		if words > 0 {
			w := partPunctuation(s)
			for n := 1; n <= words; n++ {
				out = append(out, Grams(w, n))
			}
		}
		return out
	}
	return &metric.Additive[*Passage]{
		ID: "text.chrf " + metric.Number(float64(chars)) + " " + metric.Number(float64(words)) + " " + metric.Number(beta), Counts: 3*(chars+words) + 1,
		Of: func(p *Passage, s *metric.Stats) {
			hyp := grams(p.Hyp)
			var best []int64
			top := -1.0
			for _, r := range p.Refs {
				ref := grams(r)
				c := make([]int64, 3*len(ref))
				for i := range ref {
					for g, k := range hyp[i] {
						if len(ref[i]) > 0 {
							c[3*i] += k
						}
						c[3*i+2] += min(k, ref[i][g])
					}
					for _, k := range ref[i] {
						c[3*i+1] += k
					}
				}
				if f := score(c); f > top {
					top, best = f, c
				}
			}
			for i, k := range best {
				s.Counts[i] += k
			}
			if len(best) > 0 {
				s.Counts[len(s.Counts)-1] += best[1]
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"chrf": func(s *metric.Stats) metric.Result {
			last := len(s.Counts) - 1
			if s.Counts[last] == 0 {
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(score(s.Counts[:last]), s.N)
		}},
	}
}

const ascii = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

// partPunctuation cuts one mark off the end of each word, or else its beginning.
func partPunctuation(s string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(s, space) {
		switch last := w[len(w)-1]; {
		case len([]rune(w)) == 1:
			out = append(out, w)
		case strings.IndexByte(ascii, last) >= 0:
			out = append(out, w[:len(w)-1], w[len(w)-1:])
		case strings.IndexByte(ascii, w[0]) >= 0:
			out = append(out, w[:1], w[1:])
		default:
			out = append(out, w)
		}
	}
	return out
}

// ROUGE is the mean over passages of the F score, 0 to 1, of n-grams that occur
// on both sides (Lin, 2004), or with n = 0 of the longest common subsequence;
// the best of several references.
func ROUGE(n int, tok string) metric.Measure {
	return &metric.Additive[*Passage]{
		ID: "text.rouge " + metric.Number(float64(n)) + " " + tok, Sums: 1,
		Of: func(p *Passage, s *metric.Stats) {
			hyp := Tokenize(tok, p.Hyp)
			var best float64
			for _, r := range p.Refs {
				ref := Tokenize(tok, r)
				var hit, h, f int64
				if n == 0 {
					hit, h, f = common(ref, hyp), int64(len(hyp)), int64(len(ref))
				} else {
					g := Grams(ref, n)
					for x, k := range Grams(hyp, n) {
						hit += min(k, g[x])
					}
					h, f = int64(max(0, len(hyp)-n+1)), int64(max(0, len(ref)-n+1))
				}
				if hit > 0 {
					best = max(best, metric.Quo(2*hit, h+f))
				}
			}
			s.Sums[0].Add(best)
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"f": func(s *metric.Stats) metric.Result {
			return metric.OK(s.Sums[0].Mean(s.N), s.N)
		}},
	}
}

// common is the length of the longest common subsequence.
func common(a, b []string) int64 {
	row := make([]int64, len(b)+1)
	for _, x := range a {
		var diagonal int64
		for j, y := range b {
			up := row[j+1]
			if x == y {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(up, row[j])
			}
			diagonal = up
		}
	}
	return row[len(b)]
}
