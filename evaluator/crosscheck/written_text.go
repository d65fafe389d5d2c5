package main

import (
	"math"
	"slices"
	"strings"
	"unicode"

	"aihub/evaluator/metric/text"
)

var someWords = []string{"a", "b", "the", "cat", "sat", "on", "mat", "x"}

// sentence draws some words, or Chinese characters.
func (r *rng) sentence(zh bool) (out []string) {
	few := pick(r, 2, 8)
	for range pick(r, 0, 1, 2, 4, 7, 11) {
		if zh {
			out = append(out, string([]rune("的一是了我不人在")[r.IntN(few)]))
		} else {
			out = append(out, someWords[r.IntN(few)])
		}
	}
	return out
}

// noisy changes some tokens.
func (r *rng) noisy(s []string, zh bool) (out []string) {
	p := pick(r, 0, 0.1, 0.3, 0.9)
	other := func() string { return append(r.sentence(zh), "q")[0] }
	for _, w := range s {
		switch {
		case !r.chance(p):
			out = append(out, w)
		case r.chance(0.33):
			out = append(out, other())
		case r.chance(0.5):
			out = append(out, w, other())
		}
	}
	if len(out) > 3 && r.chance(0.3) { // a stretch moves
		i, j := 1+r.IntN(len(out)-2), r.IntN(len(out)-1)
		w := slices.Clone(out[i : i+1])
		out = slices.Insert(slices.Delete(out, i, i+1), j, w...)
	}
	return out
}

func (r *rng) passage() (ref, hyp string) {
	zh := r.chance(0.5)
	join := " "
	if zh {
		join = ""
	}
	s := r.sentence(zh)
	return strings.Join(s, join), strings.Join(r.noisy(s, zh), join)
}

func drawPassages(keys func(r *rng) []string) func(r *rng) (*passageCase, []string) {
	return func(r *rng) (*passageCase, []string) {
		c := &passageCase{}
		two := r.chance(0.3)
		for range pick(r, 1, 1, 2, 4) {
			a, b := r.passage()
			if r.chance(0.2) {
				x, y := r.passage()
				a, b = a+"\n"+x, b+"\n"+y
			}
			refs := []string{a}
			if two {
				x, _ := r.passage()
				refs = append(refs, x)
			}
			c.Refs, c.Hyp = append(c.Refs, refs), append(c.Hyp, b)
		}
		return c, keys(r)
	}
}

// short cuts the texts of a case to 20 tokens.
func short(c *passageCase, keys []string) (*passageCase, []string) {
	cut := func(s *string) {
		if t, _ := cutPlain("han", *s); len(t) > 20 {
			*s = strings.Join(t[:20], " ")
		}
	}
	for i := range c.Hyp {
		cut(&c.Hyp[i])
		for j := range c.Refs[i] {
			cut(&c.Refs[i][j])
		}
	}
	return c, keys
}

// cutPlain cuts texts of letters and Chinese characters alone; false for others,
// whose tokenizers are the library's to check.
func cutPlain(tok, s string) ([]string, bool) {
	var out []string
	word := ""
	flush := func() {
		if word != "" {
			out = append(out, word)
		}
		word = ""
	}
	for _, c := range s {
		han := unicode.Is(unicode.Han, c)
		switch {
		case c == ' ' || c == '\n':
			flush()
		case !han && (c < 'a' || c > 'z'):
			return nil, false
		case han && tok == "word": // nothing of it
			flush()
		case han && (tok == "zh" && c <= 0xffff || tok == "han") || tok == "char": // zh has no characters beyond
			flush()
			out = append(out, string(c))
		default:
			word += string(c)
		}
	}
	flush()
	return out, true
}

// plainTokens cuts a case.
func plainTokens(c *passageCase, tok string) (hyp [][]string, refs [][][]string, ok bool) {
	for i, h := range c.Hyp {
		x, ok := cutPlain(tok, h)
		if !ok {
			return nil, nil, false
		}
		hyp = append(hyp, x)
		var rs [][]string
		for _, r := range c.Refs[i] {
			x, ok := cutPlain(tok, r)
			if !ok {
				return nil, nil, false
			}
			rs = append(rs, x)
		}
		refs = append(refs, rs)
	}
	return hyp, refs, true
}

func runsOf(t []string, n int) (out []string) {
	for i := 0; i+n <= len(t); i++ {
		out = append(out, strings.Join(t[i:i+n], " "))
	}
	return out
}

func wantBLEU(c *passageCase, key string) (float64, bool) {
	_, p := params(key)
	tok := "13a"
	if s, ok := p["tokenize"].(string); ok {
		tok = s
	}
	hyp, refs, ok := plainTokens(c, tok)
	if !ok {
		return 0, false
	}
	v, length := bleuOf(hyp, refs, p["effective_order"] == "yes")
	if length == 0 {
		return none, true
	}
	return v, true
}

// bleuOf also gives the length of the references.
func bleuOf(hyp [][]string, refs [][][]string, effective bool) (float64, float64) {
	var lenH, lenR float64
	var hits, all [5]float64
	for i, h := range hyp {
		lenH += float64(len(h))
		near := math.Inf(1)
		for _, r := range refs[i] {
			n := float64(len(r))
			if d, e := math.Abs(n-float64(len(h))), math.Abs(near-float64(len(h))); d < e || d == e && n < near {
				near = n
			}
		}
		lenR += near
		for n := 1; n <= 4; n++ {
			for g, k := range counts(runsOf(h, n)) {
				most := 0
				for _, r := range refs[i] {
					most = max(most, counts(runsOf(r, n))[g])
				}
				hits[n] += float64(min(k, most))
				all[n] += float64(k)
			}
		}
	}
	if sum(hits[:]) == 0 {
		return 0, lenR
	}
	logs, half, orders := 0.0, 1.0, 0.0
	for n := 1; n <= 4 && all[n] > 0; n++ {
		x := hits[n] / all[n]
		if hits[n] == 0 {
			half /= 2
			x = half / all[n]
		}
		logs += math.Log(x)
		orders++
	}
	if !effective && orders < 4 {
		return 0, lenR
	}
	return 100 * math.Exp(logs/orders+min(0, 1-lenR/lenH)), lenR
}

func wantROUGE(c *passageCase, key string) (float64, bool) {
	use, p := params(key)
	tok := p["tokenize"].(string)
	var v []float64
	if use == "rouge_lsum@1" {
		for i := range c.Hyp {
			h, ok := sentences(tok, c.Hyp[i])
			if !ok {
				return 0, false
			}
			top := 0.0
			for _, r := range c.Refs[i] {
				s, ok := sentences(tok, r)
				if !ok {
					return 0, false
				}
				top = max(top, unionF(s, h))
			}
			v = append(v, top)
		}
		return meanOver(v), true
	}
	hyp, refs, ok := plainTokens(c, tok)
	if !ok {
		return 0, false
	}
	for i, h := range hyp {
		top := 0.0
		for _, r := range refs[i] {
			var hit, a, b float64
			if use == "rouge_l@1" {
				hit, a, b = float64(len(commonPlaces(r, h))), float64(len(h)), float64(len(r))
			} else {
				n := int(use[5] - '0')
				x, y := counts(runsOf(h, n)), counts(runsOf(r, n))
				for g, k := range x {
					hit += float64(min(k, y[g]))
					a += float64(k)
				}
				for _, k := range y {
					b += float64(k)
				}
			}
			if hit > 0 {
				top = max(top, 2*hit/(a+b))
			}
		}
		v = append(v, top)
	}
	return meanOver(v), true
}

func sentences(tok, s string) (out [][]string, ok bool) {
	for _, line := range strings.Split(s, "\n") {
		t, ok := cutPlain(tok, line)
		if !ok {
			return nil, false
		}
		out = append(out, t)
	}
	return out, true
}

// commonPlaces are the places in a of a longest common subsequence: that of the
// library, which from the end matches when it can and else drops the last of a
// unless more is left when it drops the last of b.
func commonPlaces(a, b []string) []int {
	memo := map[[2]int]int{}
	var length func(i, j int) int
	length = func(i, j int) int {
		if i == 0 || j == 0 {
			return 0
		}
		if v, ok := memo[[2]int{i, j}]; ok {
			return v
		}
		v := max(length(i-1, j), length(i, j-1))
		if a[i-1] == b[j-1] {
			v = length(i-1, j-1) + 1
		}
		memo[[2]int{i, j}] = v
		return v
	}
	var out []int
	for i, j := len(a), len(b); i > 0 && j > 0; {
		switch {
		case a[i-1] == b[j-1]:
			i, j = i-1, j-1
			out = append(out, i)
		case length(i, j-1) > length(i-1, j):
			j--
		default:
			i--
		}
	}
	return out
}

func unionF(refs, hyps [][]string) float64 {
	left, other := counts(slices.Concat(refs...)), counts(slices.Concat(hyps...))
	hits := 0.0
	for _, r := range refs {
		in := map[int]bool{}
		for _, h := range hyps {
			for _, i := range commonPlaces(r, h) {
				in[i] = true
			}
		}
		for i, t := range r {
			if in[i] && left[t] > 0 && other[t] > 0 {
				hits++
				left[t]--
				other[t]--
			}
		}
	}
	n := len(slices.Concat(refs...)) + len(slices.Concat(hyps...))
	if hits == 0 {
		return 0
	}
	return 2 * hits / float64(n)
}

// wantTER is Tercom as sacrebleu has it, without its cache and, the texts being
// short, without its beam.
func wantTER(c *passageCase, key string) (float64, bool) {
	_, p := params(key)
	hyp, refs, ok := plainTokens(c, p["tokenize"].(string))
	if !ok {
		return 0, false
	}
	var edits, length float64
	for i, h := range hyp {
		least, all := math.Inf(1), 0.0
		for _, r := range refs[i] {
			if len(r) > 20 || len(h) > 20 {
				return 0, false // the library looks near the diagonal only
			}
			least = min(least, tercomEdits(h, r))
			all += float64(len(r))
		}
		edits += least
		length += all / float64(len(refs[i]))
	}
	return over(edits, length), true
}

func tercomEdits(h, r []string) float64 {
	if len(r) == 0 {
		return float64(len(h))
	}
	for shifts := 0; ; shifts++ {
		d, ops := editOps(h, r)
		bestGain, bestKey := 0, [3]int{}
		var bestWords []string
		align := []int{}
		wrongR, wrongH := []bool{}, []bool{}
		at := -1
		for _, op := range ops {
			if op != 'i' {
				at++
				wrongH = append(wrongH, op != '=')
			}
			if op != 'd' {
				align, wrongR = append(align, at), append(wrongR, op != '=')
			}
		}
		for i := range h {
			for j := range r {
				for n := 1; n <= 10 && i+n <= len(h) && j+n <= len(r) && slices.Equal(h[i:i+n], r[j:j+n]); n++ {
					if !slices.Contains(wrongH[i:i+n], true) || !slices.Contains(wrongR[j:j+n], true) || align[j] >= i && align[j] < i+n {
						continue
					}
					for k := -1; k < n; k++ {
						to := 0
						if j+k >= 0 {
							to = align[j+k] + 1
						}
						words := shifted(h, i, n, to)
						e, _ := editOps(words, r)
						gain, key := d-e, [3]int{n, -i, -to}
						if gain > bestGain || gain == bestGain && bestGain > 0 && slices.Compare(key[:], bestKey[:]) > 0 {
							bestGain, bestKey, bestWords = gain, key, words
						}
					}
				}
			}
		}
		if bestGain <= 0 {
			return float64(shifts + d)
		}
		h = bestWords
	}
}

// shifted moves n words from i to before the place to of what they stood in.
func shifted(h []string, i, n, to int) []string {
	part := h[i : i+n]
	rest := slices.Concat(h[:i], h[i+n:])
	switch {
	case to < i:
		return slices.Concat(rest[:to], part, rest[to:])
	case to > i+n:
		return slices.Concat(rest[:to-n], part, rest[to-n:])
	}
	to = min(to, len(rest)) // inside itself
	return slices.Concat(rest[:to], part, rest[to:])
}

func editOps(h, r []string) (int, []byte) {
	cost := make([][]int, len(h)+1)
	op := make([][]byte, len(h)+1)
	for i := range cost {
		cost[i], op[i] = make([]int, len(r)+1), make([]byte, len(r)+1)
		for j := range cost[i] {
			switch {
			case i == 0:
				cost[i][j], op[i][j] = j, 'i'
			case j == 0:
				cost[i][j], op[i][j] = i, 'd'
			default:
				c, o := cost[i-1][j-1], byte('=')
				if h[i-1] != r[j-1] {
					c, o = c+1, 's'
				}
				if cost[i-1][j]+1 < c {
					c, o = cost[i-1][j]+1, 'd'
				}
				if cost[i][j-1]+1 < c {
					c, o = cost[i][j-1]+1, 'i'
				}
				cost[i][j], op[i][j] = c, o
			}
		}
	}
	var ops []byte
	for i, j := len(h), len(r); i > 0 || j > 0; {
		o := op[i][j]
		ops = append(ops, o)
		if o != 'i' {
			i--
		}
		if o != 'd' {
			j--
		}
	}
	slices.Reverse(ops)
	return cost[len(h)][len(r)], ops
}

type generatedCase struct{ Texts []string }

func generated(c *generatedCase) (out []*text.Generated) {
	for _, t := range c.Texts {
		out = append(out, &text.Generated{Text: t})
	}
	return out
}

func drawGenerated(r *rng) (*generatedCase, []string) {
	c := &generatedCase{}
	for range pick(r, 1, 2, 3, 5) {
		a, _ := r.passage()
		c.Texts = append(c.Texts, a)
	}
	return c, []string{"distinct_n@1 n=" + pick(r, "1", "2", "3"), "self_bleu@1"}
}

func wantGenerated(c *generatedCase, key string) (float64, bool) {
	use, p := params(key)
	var all [][]string
	for _, t := range c.Texts {
		x, ok := cutPlain("han", t)
		if !ok {
			return 0, false
		}
		all = append(all, x)
	}
	if use == "distinct_n@1" {
		var grams []string
		for _, t := range all {
			grams = append(grams, runsOf(t, int(p["n"].(float64)))...)
		}
		return over(float64(len(counts(grams))), float64(len(grams))), true
	}
	if len(all) < 2 {
		return none, true
	}
	var v []float64
	for i := range all {
		others := slices.Concat(all[:i], all[i+1:])
		b, _ := bleuOf(all[i:i+1], [][][]string{others}, true)
		v = append(v, b)
	}
	return meanOver(v), true
}

type wordCase struct {
	Ref, Hyp [][]string
	Unknown  [][]bool
}

func words(c *wordCase) (out []*text.Words) {
	for i := range c.Ref {
		out = append(out, &text.Words{Ref: c.Ref[i], Hyp: c.Hyp[i], Unknown: c.Unknown[i]})
	}
	return out
}

func drawWords(r *rng) (*wordCase, []string) {
	c := &wordCase{}
	cut := func(s string, p float64) (out []string) {
		out = []string{}
		for _, ch := range s {
			if len(out) == 0 || r.chance(p) {
				out = append(out, "")
			}
			out[len(out)-1] += string(ch)
		}
		return out
	}
	for range pick(r, 1, 2, 4) {
		s := strings.Join(r.sentence(true), "")
		ref := cut(s, 0.5)
		hyp := slices.Clone(ref)
		if r.chance(0.7) {
			hyp = cut(s, 0.5)
		}
		if r.chance(0.05) {
			hyp = append(hyp, "错")
		}
		if r.chance(0.05) {
			hyp = []string{}
		}
		unknown := []bool{}
		for range ref {
			unknown = append(unknown, r.chance(0.2))
		}
		c.Ref, c.Hyp, c.Unknown = append(c.Ref, ref), append(c.Hyp, hyp), append(c.Unknown, unknown)
	}
	return c, strings.Fields("segmentation_f1@1 segmentation_precision@1 segmentation_recall@1 segmentation_oov_recall@1 segmentation_iv_recall@1")
}

func wantWords(c *wordCase, key string) (float64, bool) {
	use, _ := params(key)
	var hit, ref, hyp, unknown, unknownHit float64
	for i, words := range c.Ref {
		sentence := strings.Join(words, "")
		right := strings.Join(c.Hyp[i], "") == sentence
		hyp += float64(len(c.Hyp[i]))
		ref += float64(len(words))
		before := ""
		for k, w := range words {
			found := false
			start := ""
			for _, h := range c.Hyp[i] {
				found = found || start == before && h == w
				start += h
			}
			before += w
			if c.Unknown[i][k] {
				unknown++
			}
			if found && right {
				hit++
				if c.Unknown[i][k] {
					unknownHit++
				}
			}
		}
	}
	if ref == 0 {
		return none, true
	}
	switch use {
	case "segmentation_f1@1":
		return 2 * hit / (ref + hyp), true
	case "segmentation_precision@1":
		if hyp == 0 {
			return 0, true
		}
		return hit / hyp, true
	case "segmentation_recall@1":
		return hit / ref, true
	case "segmentation_oov_recall@1":
		return over(unknownHit, unknown), true
	}
	return over(hit-unknownHit, ref-unknown), true
}

type likelyCase struct {
	Nats          []float64
	Bytes, Tokens []int64
}

func likelihoods(c *likelyCase) (out []*text.Likely) {
	for i := range c.Nats {
		out = append(out, &text.Likely{Nats: c.Nats[i], Bytes: c.Bytes[i], Tokens: c.Tokens[i]})
	}
	return out
}

func drawLikelihoods(r *rng) (*likelyCase, []string) {
	c := &likelyCase{}
	for range pick(r, 1, 2, 5) {
		c.Nats, c.Bytes, c.Tokens = append(c.Nats, pick(r, 0, 50*r.Float64())), append(c.Bytes, int64(r.IntN(30))), append(c.Tokens, int64(r.IntN(9)))
	}
	return c, []string{"bits_per_byte@1", "perplexity@1"}
}

func wantLikelihoods(c *likelyCase, key string) (float64, bool) {
	var bytes, tokens float64
	for i := range c.Nats {
		bytes += float64(c.Bytes[i])
		tokens += float64(c.Tokens[i])
	}
	if strings.HasPrefix(key, "bits") {
		return over(sum(c.Nats), bytes*math.Ln2), true
	}
	return math.Exp(over(sum(c.Nats), tokens)), true
}
