package main

import (
	"strings"
	"unicode"

	"aihub/evaluator/metric/text"
)

func drawErrors(r *rng) (*utteranceCase, []string) {
	zh := r.chance(0.5)
	c := &utteranceCase{Units: "words"}
	join := " "
	if zh {
		c.Units, join = "chars", ""
	}
	for range pick(r, 1, 1, 2, 4) {
		s := r.sentence(zh)
		h := r.noisy(s, zh)
		if r.chance(0.1) {
			h = r.sentence(zh)
		}
		c.Ref, c.Hyp = append(c.Ref, strings.Join(s, join)), append(c.Hyp, strings.Join(h, join))
	}
	if r.chance(0.2) { // both in one
		s := append(r.sentence(true), r.sentence(false)...)
		c.Ref[0], c.Hyp[0] = strings.Join(s, " "), strings.Join(r.noisy(s, false), " ")
	}
	plain := " normalize=none case=keep punctuation=keep"
	units := " units=" + pick(r, "words", "chars", "mixed")
	return c, []string{"cer@1" + plain, "cer_sub@1" + plain, "cer_del@1" + plain, "cer_ins@1" + plain,
		"wer@1" + plain, "wer_sub@1" + plain, "wer_del@1" + plain, "wer_ins@1" + plain, "mixed_error_rate@1" + plain, "mer@1" + plain + units, "wil@1" + plain + units, "wip@1" + plain + units, "ser@1" + plain + units}
}

// wantErrors counts hits and errors of the alignment that jiwer's engine takes:
// what both begin and end with is matched first; then, from the end, a deletion
// goes first, and an insertion only where a deletion before it would cost more.
func wantErrors(c *utteranceCase, key string) (float64, bool) {
	use, p := params(key)
	units, _ := p["units"].(string)
	switch {
	case strings.HasPrefix(use, "cer"):
		units = "chars"
	case use == "mixed_error_rate@1":
		units = "mixed"
	case strings.HasPrefix(use, "#"):
		units = c.Units
	case units == "":
		units = "words"
	}
	var n, m, errors, hits, wrong, subs, dels, inss float64
	for i := range c.Ref {
		a, b := tokensOf(c.Ref[i], units), tokensOf(c.Hyp[i], units)
		h, s, d, in := align(a, b)
		n, m = n+float64(len(a)), m+float64(len(b))
		hits, subs, dels, inss = hits+h, subs+s, dels+d, inss+in
		errors += s + d + in
		if s+d+in > 0 {
			wrong++
		}
	}
	switch use {
	case "#sub":
		return subs, true
	case "#del":
		return dels, true
	case "#ins":
		return inss, true
	case "ser@1":
		return wrong / float64(len(c.Ref)), true
	}
	if n == 0 {
		return none, true
	}
	wip := 0.0
	if m > 0 {
		wip = hits / n * (hits / m)
	}
	switch use {
	case "mer@1":
		return errors / (errors + hits), true
	case "wip@1":
		return wip, true
	case "wil@1":
		return 1 - wip, true
	case "cer_sub@1", "wer_sub@1":
		return subs / n, true
	case "cer_del@1", "wer_del@1":
		return dels / n, true
	case "cer_ins@1", "wer_ins@1":
		return inss / n, true
	}
	return errors / n, true
}

func tokensOf(s, units string) (out []string) {
	if units == "words" {
		return strings.Fields(s)
	}
	word := ""
	for _, c := range s + " " {
		han := unicode.Is(unicode.Han, c)
		if units == "mixed" && !han && c != ' ' {
			word += string(c)
			continue
		}
		if word != "" {
			out = append(out, word)
			word = ""
		}
		if han || units == "chars" && c != ' ' {
			out = append(out, string(c))
		}
	}
	return out
}

func align(a, b []string) (hits, subs, dels, inss float64) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b, hits = a[1:], b[1:], hits+1
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b, hits = a[:len(a)-1], b[:len(b)-1], hits+1
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
			case a[i-1] == b[j-1]:
				d[i][j] = d[i-1][j-1]
			default:
				d[i][j] = 1 + min(d[i-1][j-1], d[i-1][j], d[i][j-1])
			}
		}
	}
	for i, j := len(a), len(b); i > 0 || j > 0; {
		switch {
		case i > 0 && d[i][j] == d[i-1][j]+1:
			dels, i = dels+1, i-1
		case i == 0 || j > 1 && d[i][j-1] == d[i-1][j-1]-1:
			inss, j = inss+1, j-1
		default:
			if a[i-1] == b[j-1] {
				hits++
			} else {
				subs++
			}
			i, j = i-1, j-1
		}
	}
	return hits, subs, dels, inss
}

type solutionCase struct{ Of []text.Problem }

func solutions(c *solutionCase) (out []*text.Problem) {
	for i := range c.Of {
		out = append(out, &c.Of[i])
	}
	return out
}

func drawSolutions(r *rng) (*solutionCase, []string) {
	c := &solutionCase{}
	for range pick(r, 1, 2, 5) {
		n := int64(pick(r, 1, 3, 10, 20))
		c.Of = append(c.Of, text.Problem{N: n, C: int64(r.IntN(int(n) + 1))})
	}
	return c, []string{"pass_at_k@1 k=" + pick(r, "1", "2", "5")}
}

func wantSolutions(c *solutionCase, key string) (float64, bool) {
	_, p := params(key)
	k := int(p["k"].(float64))
	var v []float64
	for _, x := range c.Of {
		if int(x.N) < k {
			return none, true
		}
		miss := 0.0
		if wrong := int(x.N - x.C); wrong >= k {
			miss = choose(wrong, k) / choose(int(x.N), k)
		}
		v = append(v, 1-miss)
	}
	return meanOver(v), true
}

func drawAnswers(r *rng) (*answerCase, []string) {
	c := &answerCase{}
	for range pick(r, 1, 2, 4) {
		a, b := r.passage()
		golds := []string{a}
		if r.chance(0.3) {
			x, _ := r.passage()
			golds = append(golds, x)
		}
		if r.chance(0.1) {
			golds, b = []string{""}, pick(r, "", b)
		}
		c.Golds, c.Hyp = append(c.Golds, golds), append(c.Hyp, b)
	}
	units := " units=" + pick(r, "words", "mixed")
	return c, []string{"qa_em@1" + units, "qa_f1@1" + units}
}

func wantAnswers(c *answerCase, key string) (float64, bool) {
	use, p := params(key)
	if p["units"] == "cmrc" {
		return 0, false // the reference is a writing of its own
	}
	cut := func(s string) (out []string, ok bool) {
		if p["units"] == "mixed" {
			return cutPlain("han", s)
		}
		for _, w := range strings.Fields(s) {
			if strings.ContainsFunc(w, func(c rune) bool { return !unicode.Is(unicode.Han, c) && (c < 'a' || c > 'z') }) {
				return nil, false
			}
			if w != "a" && w != "an" && w != "the" {
				out = append(out, w)
			}
		}
		return out, true
	}
	var v []float64
	for i, h := range c.Hyp {
		hyp, ok := cut(h)
		if !ok {
			return 0, false
		}
		top := 0.0
		for _, g := range c.Golds[i] {
			gold, ok := cut(g)
			if !ok {
				return 0, false
			}
			x := 0.0
			switch {
			case strings.Join(gold, " ") == strings.Join(hyp, " "):
				x = 1
			case use == "qa_f1@1":
				other := counts(hyp)
				for w, k := range counts(gold) {
					x += 2 * float64(min(k, other[w])) / float64(len(gold)+len(hyp))
				}
			}
			top = max(top, x)
		}
		v = append(v, top)
	}
	return meanOver(v), true
}

func drawChrF(r *rng) (*passageCase, []string) {
	return drawPassages(func(r *rng) []string { return []string{"chrf@1 word_order=" + pick(r, "0", "2")} })(r)
}

func wantChrF(c *passageCase, key string) (float64, bool) {
	_, p := params(key)
	orders := 6 + int(p["word_order"].(float64))
	grams := func(s string, order int) (map[string]int, bool) {
		chars, ok := cutPlain("char", s)
		if order >= 6 {
			return counts(runsOf(strings.Fields(s), order-5)), ok
		}
		return counts(runsOf(chars, order+1)), ok
	}
	score := func(hit, hyp, ref []float64) float64 {
		var ps, rs, n float64
		for i := range hit {
			if hyp[i] > 0 && ref[i] > 0 {
				ps, rs, n = ps+hit[i]/hyp[i], rs+hit[i]/ref[i], n+1
			}
		}
		if n == 0 || ps+rs == 0 {
			return 0
		}
		ps, rs = ps/n, rs/n
		return 100 * (5 * ps * rs / (4*ps + rs)) // rounded as sacrebleu rounds: it decides between equally good references
	}
	hit, hyp, ref := make([]float64, orders), make([]float64, orders), make([]float64, orders)
	for i, h := range c.Hyp {
		top := -1.0
		var bestHit, bestHyp, bestRef []float64
		for _, r := range c.Refs[i] {
			a, b, d := make([]float64, orders), make([]float64, orders), make([]float64, orders)
			for o := range orders {
				x, ok := grams(h, o)
				y, ok2 := grams(r, o)
				if !ok || !ok2 {
					return 0, false
				}
				for g, k := range x {
					a[o] += float64(min(k, y[g]))
					if len(y) > 0 {
						b[o] += float64(k)
					}
				}
				for _, k := range y {
					d[o] += float64(k)
				}
			}
			if s := score(a, b, d); s > top {
				top, bestHit, bestHyp, bestRef = s, a, b, d
			}
		}
		for o := range orders {
			hit[o], hyp[o], ref[o] = hit[o]+bestHit[o], hyp[o]+bestHyp[o], ref[o]+bestRef[o]
		}
	}
	if ref[0] == 0 {
		return none, true
	}
	return score(hit, hyp, ref), true
}

func drawPanoptic(r *rng) (*panopticCase, []string) {
	c := &panopticCase{}
	for range pick(r, 1, 2) {
		c.Images = append(c.Images, aPanoptic{TClass: map[uint32]int{}, PClass: map[uint32]int{}})
		im := &c.Images[len(c.Images)-1]
		ids := 1 + r.IntN(4)
		for range pick(r, 4, 8, 16) {
			t := uint32(r.IntN(ids + 1))
			p := uint32(pick(r, 0, 11, 12))
			if t > 0 && r.chance(0.8) {
				p = t + 10
			}
			im.Truth, im.Pred = append(im.Truth, t), append(im.Pred, p)
			if _, ok := im.TClass[t]; t > 0 && !ok {
				if im.TClass[t] = r.IntN(3); r.chance(0.15) {
					im.Crowd = append(im.Crowd, t)
				}
			}
			if _, ok := im.PClass[p]; p > 0 && !ok {
				im.PClass[p] = r.IntN(3)
				if k, ok := im.TClass[p-10]; ok && r.chance(0.8) {
					im.PClass[p] = k
				}
			}
		}
	}
	return c, []string{"panoptic_pq@1 classes=3", "panoptic_sq@1 classes=3", "panoptic_rq@1 classes=3"}
}

func wantPanoptic(c *panopticCase, key string) (float64, bool) {
	use, _ := params(key)
	var iou, tp, fp, fn [3]float64
	for _, im := range c.Images {
		crowd := func(id uint32) bool {
			for _, x := range im.Crowd {
				if x == id {
					return true
				}
			}
			return false
		}
		area := func(of func(t, p uint32) bool) (n float64) {
			for i, t := range im.Truth {
				if of(t, im.Pred[i]) {
					n++
				}
			}
			return n
		}
		found := map[uint32]bool{}
		for t, k := range im.TClass {
			if crowd(t) {
				continue
			}
			hit := false
			for p, l := range im.PClass {
				both := area(func(a, b uint32) bool { return a == t && b == p })
				either := area(func(a, b uint32) bool { return a == t || b == p && a != 0 })
				if k == l && both > either/2 {
					iou[k] += both / either
					hit, found[p] = true, true
				}
			}
			if hit {
				tp[k]++
			} else {
				fn[k]++
			}
		}
		for p, k := range im.PClass {
			free := area(func(a, b uint32) bool { return b == p && (a == 0 || crowd(a) && im.TClass[a] == k) })
			if !found[p] && free <= area(func(a, b uint32) bool { return b == p })/2 {
				fp[k]++
			}
		}
	}
	var v []float64
	for k := range iou {
		n := tp[k] + fp[k]/2 + fn[k]/2
		if n == 0 {
			continue
		}
		switch use {
		case "panoptic_pq@1":
			v = append(v, iou[k]/n)
		case "panoptic_rq@1":
			v = append(v, tp[k]/n)
		default:
			v = append(v, iou[k]/max(1, tp[k]))
		}
	}
	return meanOver(v), true
}
