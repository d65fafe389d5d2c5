package main

import (
	"strings"
)

type spanCase struct{ Ref, Hyp [][]string }

// aSpan is a span: text, type, first and last place.
type aSpan struct {
	at    int
	kind  string
	from  int
	until int
}

func drawSpans(relaxed bool) func(r *rng) (*spanCase, []string) {
	return func(r *rng) (*spanCase, []string) {
		tags := []string{"O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"}
		c := &spanCase{}
		for range pick(r, 1, 1, 2, 3) {
			var a, b []string
			for range pick(r, 1, 2, 5, 9) {
				x := tags[r.IntN(len(tags))]
				a, b = append(a, x), append(b, x)
				if r.chance(0.4) {
					b[len(b)-1] = tags[r.IntN(len(tags))]
				}
			}
			c.Ref, c.Hyp = append(c.Ref, a), append(c.Hyp, b)
		}
		if relaxed {
			return c, []string{"span_relaxed_f1@1 scheme=" + pick(r, "strict", "exact", "partial", "type") + " value=" + pick(r, "f1", "precision", "recall") + " strict"}
		}
		return c, []string{"span_f1@1 average=" + pick(r, "micro", "precision", "recall", "macro types=PER,LOC,ORG") + pick(r, " strict", " lenient")}
	}
}

// spansIn reads tags: strictly a span is a B and the I of its type behind it;
// leniently an I that continues nothing begins one.
func spansIn(rows [][]string, strict bool) (out []aSpan) {
	for at, tags := range rows {
		open := -1 // of out
		for i, t := range tags {
			prefix, kind, _ := strings.Cut(t, "-")
			switch {
			case prefix == "O":
				open = -1
			case prefix == "I" && open >= 0 && out[open].kind == kind:
				out[open].until = i
			case prefix == "B" || !strict:
				out = append(out, aSpan{at, kind, i, i})
				open = len(out) - 1
			default:
				open = -1
			}
		}
	}
	return out
}

func wantSpans(c *spanCase, key string) (float64, bool) {
	key, strict := strings.CutSuffix(key, " strict")
	use, p := params(strings.TrimSuffix(key, " lenient"))
	ref, hyp := spansIn(c.Ref, strict), spansIn(c.Hyp, strict)
	if len(ref) == 0 {
		return none, true
	}
	if use == "span_relaxed_f1@1" {
		return wantRelaxed(ref, hyp, p["scheme"].(string), p["value"].(string)), true
	}
	f := func(kind string) (hit, r, h float64) {
		for _, x := range ref {
			if kind == "" || x.kind == kind {
				r++
			}
		}
		for _, y := range hyp {
			if kind == "" || y.kind == kind {
				h++
			}
		}
		for _, x := range ref {
			for _, y := range hyp {
				if x == y && (kind == "" || x.kind == kind) {
					hit++
				}
			}
		}
		return hit, r, h
	}
	f1 := func(hit, r, h float64) float64 {
		if hit == 0 {
			return 0
		}
		return 2 * hit / (r + h)
	}
	hit, r, h := f("")
	switch p["average"] {
	case "precision":
		if h == 0 {
			return 0, true
		}
		return hit / h, true
	case "recall":
		return hit / r, true
	case "macro":
		return (f1(f("PER")) + f1(f("LOC")) + f1(f("ORG"))) / 3, true
	}
	return f1(hit, r, h), true
}

// wantRelaxed is SemEval-2013's, text by text, as nervaluate matches.
func wantRelaxed(ref, hyp []aSpan, scheme, value string) float64 {
	taken := map[int]bool{}
	points := 0.0
	for _, y := range hyp {
		exact, over, sameType := -1, -1, -1
		for i, x := range ref {
			if taken[i] || x.at != y.at {
				continue
			}
			ends := x.from == y.from && x.until == y.until
			overlap := min(x.until, y.until) >= max(x.from, y.from)
			if ends && (scheme != "strict" || x.kind == y.kind) && exact < 0 {
				exact = i
			}
			if overlap && x.kind == y.kind && (sameType < 0 || off(x, y) < off(ref[sameType], y)) {
				sameType = i
			}
			if overlap && over < 0 && (scheme != "type" || x.kind != y.kind) {
				over = i
			}
		}
		if scheme == "type" {
			exact = sameType
		}
		switch {
		case exact >= 0:
			taken[exact] = true
			points++
		case over >= 0:
			taken[over] = true
			if scheme == "partial" {
				points += 0.5
			}
		}
	}
	r, h := float64(len(ref)), float64(len(hyp))
	switch {
	case value == "recall":
		return points / r
	case h == 0:
		return 0
	case value == "precision":
		return points / h
	}
	return 2 * points / (r + h)
}

func off(x, y aSpan) int {
	abs := func(v int) int { return max(v, -v) }
	return abs(x.from-y.from) + abs(x.until-y.until)
}
