package text

import (
	"slices"
	"strings"

	"aihub/evaluator/metric"
)

func init() {
	metric.RegisterUnits("rouge_lsum@1", func(p metric.Params) (metric.Measure, string) { return ROUGELsum(p.Str("tokenize")), "f" })
	metric.RegisterUnits("distinct_n@1", func(p metric.Params) (metric.Measure, string) {
		return Distinct(p.Int("n"), p.Str("tokenize")), "distinct"
	})
	metric.RegisterUnits("self_bleu@1", func(p metric.Params) (metric.Measure, string) { return SelfBLEU(p.Str("tokenize")), "bleu" })
}

// ROUGELsum is the mean over passages of the F score of ROUGE-L over sentences,
// which line breaks part: of each reference sentence what any sentence of the
// other side has in common with it, no token twice; the best of several
// references. As rouge_score.
func ROUGELsum(tok string) metric.Measure {
	sentences := func(s string) (out [][]string, n int64) {
		for line := range strings.SplitSeq(s, "\n") {
			if t := Tokenize(tok, line); len(t) > 0 {
				out = append(out, t)
				n += int64(len(t))
			}
		}
		return out, n
	}
	return &metric.Additive[*Passage]{
		ID: "text.rouge lsum " + tok, Sums: 1,
		Of: func(p *Passage, s *metric.Stats) {
			hyp, h := sentences(p.Hyp)
			var best float64
			for _, r := range p.Refs {
				ref, n := sentences(r)
				if hit := unionHits(ref, hyp); hit > 0 {
					best = max(best, metric.Quo(2*hit, h+n))
				}
			}
			s.Sums[0].Add(best)
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"f": func(s *metric.Stats) metric.Result {
			return metric.OK(s.Sums[0].Mean(s.N), s.N)
		}},
	}
}

func unionHits(ref, hyp [][]string) (hits int64) {
	left := map[string]int64{} // of the other side; of the reference no token is met twice
	for _, s := range hyp {
		for _, t := range s {
			left[t]++
		}
	}
	for _, r := range ref {
		in := make([]bool, len(r))
		for _, h := range hyp {
			markCommon(r, h, in)
		}
		for i, yes := range in {
			if yes && left[r[i]] > 0 {
				hits++
				left[r[i]]--
			}
		}
	}
	return hits
}

// markCommon marks the places of a in one longest common subsequence.
func markCommon(a, b []string, in []bool) {
	w := len(b) + 1
	t := make([]int32, (len(a)+1)*w)
	for i := 1; i <= len(a); i++ {
		for j := 1; j < w; j++ {
			if a[i-1] == b[j-1] {
				t[i*w+j] = t[(i-1)*w+j-1] + 1
			} else {
				t[i*w+j] = max(t[(i-1)*w+j], t[i*w+j-1])
			}
		}
	}
	for i, j := len(a), len(b); i > 0 && j > 0; {
		switch {
		case a[i-1] == b[j-1]:
			i, j = i-1, j-1
			in[i] = true
		case t[i*w+j-1] > t[(i-1)*w+j]:
			j--
		default:
			i--
		}
	}
}

// Generated is one text that was written, to be compared with the others. Unit of
// distinct_n@1 and self_bleu@1.
type Generated struct{ Text string }

// MaxTexts is how many texts these metrics keep: each has up to a thousand characters,
// and self_bleu@1 keeps its n-grams of four orders. Of more they are undefined.
var MaxTexts = map[string]int{"distinct_n@1": 10_000, "self_bleu@1": 2_000}

// Distinct is the measure of *Generated: the different n-grams of all texts over
// all of them (Li et al., 2016). It keeps every different one, and has no
// intervals.
func Distinct(n int, tok string) metric.Measure {
	return &corpus{id: "text.distinct " + metric.Number(float64(n)) + " " + tok, tok: tok, most: MaxTexts["distinct_n@1"], value: func(texts [][]string) metric.Result {
		seen := map[string]bool{}
		var all int64
		for _, t := range texts {
			for g, k := range Grams(t, n) {
				seen[g] = true
				all += k
			}
		}
		if all == 0 {
			return metric.Undefined(int64(len(texts)), metric.Nothing)
		}
		return metric.OK(metric.Quo(int64(len(seen)), all), int64(len(texts)))
	}}
}

// SelfBLEU is the measure of *Generated: the mean of the BLEU of each text with
// all others as its references (Zhu et al., 2018), with smoothing and effective
// order, 0 to 100: high when texts are alike. Of one text it is undefined.
func SelfBLEU(tok string) metric.Measure {
	return &corpus{id: "text.selfbleu " + tok, tok: tok, most: MaxTexts["self_bleu@1"], value: selfBLEU}
}

// corpus keeps all texts, in an order of their own.
type corpus struct {
	id, tok string
	most    int // texts
	value   func(texts [][]string) metric.Result
}

func (c *corpus) Key() string                         { return c.id }
func (c *corpus) New(*metric.Bootstrap) metric.Gather { return &texts{c: c} }

type texts struct {
	c   *corpus
	all [][]string // nil behind the most
	n   int
}

func (t *texts) Add(unit any, _ uint16) {
	if t.n++; t.n > t.c.most {
		t.all = nil
		return
	}
	t.all = append(t.all, Tokenize(t.c.tok, strings.Clone(unit.(*Generated).Text)))
}

func (t *texts) Merge(o metric.Gather) {
	x := o.(*texts)
	if t.n += x.n; t.n > t.c.most {
		t.all = nil
		return
	}
	t.all = append(t.all, x.all...)
}

func (t *texts) Result(string) metric.Result {
	switch {
	case t.n == 0:
		return metric.Undefined(0, metric.NoRows)
	case t.n > t.c.most:
		return metric.Undefined(int64(t.n), metric.TooManyRows)
	}
	return t.c.value(t.all)
}

func selfBLEU(all [][]string) metric.Result {
	if len(all) < 2 {
		return metric.Undefined(int64(len(all)), metric.NoReference)
	}
	// Of each n-gram the text with most of it, and the most of any other.
	type top struct {
		owner       int
		most, other int64
	}
	grams := map[string]*top{}
	lengths := make([]int, len(all))
	for i, t := range all {
		lengths[i] = len(t)
		for n := 1; n <= 4; n++ {
			for g, k := range Grams(t, n) {
				x := grams[g]
				switch {
				case x == nil:
					grams[g] = &top{owner: i, most: k}
				case k > x.most:
					x.owner, x.most, x.other = i, k, x.most
				case k > x.other:
					x.other = k
				}
			}
		}
	}
	slices.Sort(lengths)
	var sum metric.Sum
	for i, t := range all {
		var c [8]int64
		for n := 1; n <= 4; n++ {
			for g, k := range Grams(t, n) {
				x := grams[g]
				most := x.most
				if x.owner == i {
					most = x.other
				}
				c[n-1] += min(k, most)
				c[3+n] += k
			}
		}
		v := 0.0
		if c[0] > 0 {
			v = geometric(c[:4], c[4:])
			if ref := closest(lengths, len(t)); len(t) < ref {
				v -= metric.Quo(int64(ref), int64(len(t))) - 1
			}
			v = 100 * metric.Exp(v)
		}
		sum.Add(v)
	}
	return metric.OK(sum.Mean(int64(len(all))), int64(len(all)))
}

// geometric is the logarithm of the geometric mean of precisions, those of 0
// taken as ½, ¼, …, over the orders that there are.
func geometric(hits, all []int64) float64 {
	var logs float64
	half, orders := 1.0, 0
	for n := range hits {
		if all[n] == 0 {
			break
		}
		p := metric.Quo(hits[n], all[n])
		if hits[n] == 0 {
			half *= 2
			p = 1 / (half * float64(all[n]))
		}
		orders++
		logs += metric.Ln(p)
	}
	return logs / float64(orders)
}

// closest is the length nearest to n, the shorter of two, of all but one n.
func closest(sorted []int, n int) int {
	i, _ := slices.BinarySearch(sorted, n)
	best := -1
	for _, j := range []int{i - 1, i + 1} { // the text itself is at i
		if j >= 0 && j < len(sorted) && (best < 0 || dist(sorted[j], n) < dist(best, n)) {
			best = sorted[j]
		}
	}
	return best
}
