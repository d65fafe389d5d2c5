package catalog

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"aihub"
	"aihub/catalog/sketch"
	"aihub/internal/table"
)

// hints looks, in a sample of the rows, for what the exact checks of leaks do not
// see: a label that one column nearly gives away (by its value, by a range of it,
// by the two characters a text begins or ends with, by holding the label's text),
// a label that follows the order of the raw file, and rows of hidden parts that nearly stand in a visible
// one. Rows come in the order of a keyed hash: the first are a random sample.
type hints struct {
	schema       []table.Field
	input, truth []int
	rows         *table.Batch
	raw          []int64
	part         []uint8
}

// Bounds and limits of hints.
const (
	hintRows   = 20_000
	hintLabels = 100 // labels that are numbers are judged by their ranks when more are different
	hintBins   = 64  // ranges of numbers
	hintSkill  = 0.9 // share of the majority's mistakes that a column avoids
	hintJudged = 100 // rows that a rule is judged on, at least
	hintNear   = .05 // a label that is a number is named rightly when its rank is so near, as a share of the rows
	hintWords  = 128 // of a row
	hintFew    = 10  // rows of fewer words are alike by chance
	hintAlike  = 0.9 // Jaccard similarity of words
	hintBands  = 8   // of hintHashes hashes each: pairs of 0.9 are found with 99.98 %
	hintHashes = 4   //
)

func (m *Manifest) newHints(schema []table.Field) *hints {
	input, truth := m.sides(schema)
	return &hints{schema: schema, input: input[1:], truth: truth[1:], rows: table.NewBatch(schema, 0)}
}

// add takes rows of b into the sample; raw says where they stood in the raw file.
func (h *hints) add(b *table.Batch, rows []int, part []uint8, raw []int64) {
	for _, r := range rows {
		if h.rows.Rows == hintRows {
			return
		}
		for i := range b.Cols {
			h.rows.Cols[i].AppendFrom(&b.Cols[i], r)
		}
		h.rows.Rows++
		h.part, h.raw = append(h.part, part[r]), append(h.raw, raw[r])
	}
}

// report returns what was found but for columns that are known to determine a label.
func (h *hints) report(known []Leak) []Leak {
	var out []Leak
	for _, t := range h.truth {
		labels, n := codes(&h.rows.Cols[t], h.rows.Rows)
		judge := func(feature []int) (right, of int64, ok bool) { return h.rule(labels, feature) }
		switch {
		case n < 2:
			continue
		case n > hintLabels && h.schema[t].Type != table.String:
			ranked := ranks(&h.rows.Cols[t], h.rows.Rows)
			judge = func(feature []int) (right, of int64, ok bool) { return ruleOfNumbers(ranked, feature) }
		}
		truth := h.schema[t].Name
		if right, of, ok := judge(ranges(func(r int) (float64, bool) { return float64(h.raw[r]), true }, h.rows.Rows)); ok {
			out = append(out, Leak{Check: "raw_order", Truth: truth, Rows: right, Of: of})
		}
		for _, c := range h.input {
			name := h.schema[c].Name
			if slices.ContainsFunc(known, func(l Leak) bool { return l.Check == "determined_label" && l.Column == name && l.Truth == truth }) {
				continue
			}
			best := Leak{Check: "single_feature", Column: name, Truth: truth}
			for _, f := range features(&h.rows.Cols[c], h.rows.Rows) {
				if right, of, ok := judge(f); ok && right > best.Rows {
					best.Rows, best.Of = right, of
				}
			}
			if best.Of == 0 && h.schema[c].Type == table.String {
				best.Check = "label_in_text"
				best.Rows, best.Of = h.holds(c, t)
			}
			if best.Of > 0 {
				out = append(out, best)
			}
		}
	}
	return append(out, h.alike()...)
}

// holds counts the rows whose text in column c holds their label, letters and
// digits alone, or has nearly its words; of is 0 when that is not much oftener
// than with the label of the next row.
func (h *hints) holds(c, t int) (right, of int64) {
	n := h.rows.Rows
	bare := func(col, r int) string {
		v, _ := h.rows.Cols[col].Text(r)
		return strings.Map(func(c rune) rune {
			if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
				return -1
			}
			return unicode.ToLower(c)
		}, v)
	}
	labels, words := make([]string, n), make([][]uint64, n)
	for r := range n {
		labels[r] = bare(t, r)
		if v, ok := h.rows.Cols[t].Text(r); ok && h.schema[t].Type == table.String {
			words[r] = distinctWords(wordsOf(v, 0, nil))
		}
	}
	plain := int64(0)
	for r := range n {
		if utf8.RuneCountInString(labels[r]) < 2 {
			continue
		}
		text, raw := bare(c, r), h.rows.Cols[c].Str[r]
		var mine []uint64
		held := func(o int) int64 {
			if len(labels[o]) > 0 && strings.Contains(text, labels[o]) {
				return 1
			}
			if len(words[o]) < hintFew {
				return 0
			}
			if mine == nil {
				mine = distinctWords(wordsOf(raw, 0, nil))
			}
			return int64(btoi(jaccard(mine, words[o]) >= hintAlike))
		}
		of++
		right += held(r)
		plain += held((r + 1) % n)
	}
	if of < hintJudged || of-plain < minGroup || float64(right-plain) < hintSkill*float64(of-plain) {
		return 0, 0
	}
	return right, of
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rule learns, from every other row, the commonest label for each value of a
// feature, and counts how often it is right on the rest. ok reports whether it
// avoids hintSkill of the mistakes of whoever always names the commonest label.
func (h *hints) rule(labels, feature []int) (right, of int64, ok bool) {
	type cell struct{ feature, label int }
	counts, best, all := map[cell]int{}, map[int]int{}, map[int]int{}
	common := labels[0]
	for r := 0; r < len(labels); r += 2 {
		c := cell{feature[r], labels[r]}
		counts[c]++
		if b, some := best[feature[r]]; !some || counts[c] > counts[cell{feature[r], b}] {
			best[feature[r]] = labels[r]
		}
		if all[labels[r]]++; all[labels[r]] > all[common] {
			common = labels[r]
		}
	}
	plain := int64(0)
	for r := 1; r < len(labels); r += 2 {
		guess, some := best[feature[r]]
		if !some {
			guess = common
		}
		of++
		if guess == labels[r] {
			right++
		}
		if common == labels[r] {
			plain++
		}
	}
	return right, of, of >= hintJudged && of-plain >= minGroup && float64(right-plain) >= hintSkill*float64(of-plain)
}

// ruleOfNumbers is rule for labels that are numbers, by their ranks: it learns the
// mean rank for each value of a feature, and is right where the label's is within
// hintNear of it. Whoever always names the middle is right as often as ranks lie there.
func ruleOfNumbers(rank []float64, feature []int) (right, of int64, ok bool) {
	type mean struct{ sum, n float64 }
	means := map[int]mean{}
	for r := 0; r < len(rank); r += 2 {
		if rank[r] >= 0 {
			m := means[feature[r]]
			means[feature[r]] = mean{m.sum + rank[r], m.n + 1}
		}
	}
	plain := int64(0)
	for r := 1; r < len(rank); r += 2 {
		if rank[r] < 0 {
			continue
		}
		of++
		guess := 0.5
		if m := means[feature[r]]; m.n > 0 {
			guess = m.sum / m.n
		}
		if math.Abs(rank[r]-guess) <= hintNear {
			right++
		}
		if math.Abs(rank[r]-0.5) <= hintNear {
			plain++
		}
	}
	return right, of, of >= hintJudged && of-plain >= minGroup && float64(right-plain) >= hintSkill*float64(of-plain)
}

// ranks are the places of a column's numbers among them, 0 to 1, equal ones in
// the middle of their places; -1 is none.
func ranks(c *table.Column, rows int) []float64 {
	value := func(r int) (float64, bool) {
		if c.Type == table.Float64 {
			return c.Flt[r], !c.Null(r) && c.Flt[r] == c.Flt[r]
		}
		return float64(c.Int[r]), !c.Null(r)
	}
	var sorted []float64
	for r := range rows {
		if v, ok := value(r); ok {
			sorted = append(sorted, v)
		}
	}
	slices.Sort(sorted)
	out := make([]float64, rows)
	for r := range out {
		out[r] = -1
		if v, ok := value(r); ok {
			from, _ := slices.BinarySearch(sorted, v)
			to, _ := slices.BinarySearchFunc(sorted, v, func(x, v float64) int {
				if x <= v {
					return -1
				}
				return 1
			})
			out[r] = float64(from+to) / 2 / float64(len(sorted))
		}
	}
	return out
}

// codes numbers the different values of a column; n is how many there are.
func codes(c *table.Column, rows int) (out []int, n int) {
	return numbered(rows, func(r int) string {
		v, ok := c.Text(r)
		if !ok {
			return "\x00"
		}
		return v
	})
}

func numbered(rows int, value func(r int) string) (out []int, n int) {
	seen := map[string]int{}
	for r := range rows {
		v := value(r)
		if _, ok := seen[v]; !ok {
			seen[v] = len(seen)
		}
		out = append(out, seen[v])
	}
	return out, len(seen)
}

// features returns what of a column a rule may look at.
func features(c *table.Column, rows int) (out [][]int) {
	values, _ := codes(c, rows)
	out = append(out, values)
	switch c.Type {
	case table.String:
		for _, last := range []bool{false, true} {
			ends, _ := numbered(rows, func(r int) string {
				if c.Null(r) {
					return "\x00"
				}
				v := []rune(c.Str[r])
				if last {
					return string(v[max(0, len(v)-2):])
				}
				return string(v[:min(2, len(v))])
			})
			out = append(out, ends)
		}
	case table.Float64:
		out = append(out, ranges(func(r int) (float64, bool) { return c.Flt[r], !c.Null(r) && c.Flt[r] == c.Flt[r] }, rows))
	case table.Bool:
	default:
		out = append(out, ranges(func(r int) (float64, bool) { return float64(c.Int[r]), !c.Null(r) }, rows))
	}
	return out
}

// ranges numbers values by hintBins ranges with about equally many; -1 is none.
func ranges(value func(r int) (float64, bool), rows int) []int {
	var sorted []float64
	for r := range rows {
		if v, ok := value(r); ok {
			sorted = append(sorted, v)
		}
	}
	slices.Sort(sorted)
	out := make([]int, rows)
	for r := range out {
		out[r] = -1
		if v, ok := value(r); ok {
			i, _ := slices.BinarySearch(sorted, v)
			out[r] = i * hintBins / len(sorted)
		}
	}
	return out
}

// alike counts rows of hidden parts whose words are nearly those of a visible one,
// but not the very same: candidates by MinHash, judged by their words.
func (h *hints) alike() (out []Leak) {
	words := make([][]uint64, h.rows.Rows)
	bands := map[uint64][]int{} // rows of visible parts
	var keys [hintBands]uint64
	sign := func(r int) {
		for b := range keys {
			k := uint64(b)
			for i := range hintHashes {
				least, seed := uint64(math.MaxUint64), uint64(b*hintHashes+i+1)*0x9e3779b97f4a7c15
				for _, w := range words[r] {
					least = min(least, sketch.Mix(w^seed))
				}
				k = sketch.Mix(k ^ least)
			}
			keys[b] = k
		}
	}
	for r := range h.rows.Rows {
		if words[r] = h.words(r); len(words[r]) >= hintFew && h.part[r] < 2 {
			sign(r)
			for _, k := range keys {
				if len(bands[k]) < 16 { // more say the same
					bands[k] = append(bands[k], r)
				}
			}
		}
	}
	var near [2][4]int64
	var rows [4]int64
	for r := range h.rows.Rows {
		p := h.part[r]
		if rows[p]++; p < 2 || len(words[r]) < hintFew {
			continue
		}
		sign(r)
		var found [2]bool
		for _, k := range keys {
			for _, o := range bands[k] {
				if j := jaccard(words[r], words[o]); j >= hintAlike && j < 1 {
					found[h.part[o]] = true
				}
			}
		}
		for f := range found {
			if found[f] {
				near[f][p]++
			}
		}
	}
	for f := range near {
		for t, n := range near[f] {
			if n > 0 {
				out = append(out, Leak{Check: "near_duplicate_rows", From: aihub.Parts[f], To: aihub.Parts[t], Rows: n, Of: rows[t]})
			}
		}
	}
	return out
}

// words returns the different words of the inputs of a row, sorted, at most
// hintWords: a number is one, a text has those between its spaces and signs, and
// pairs of ideographs.
func (h *hints) words(r int) (out []uint64) {
	for _, c := range h.input {
		col := &h.rows.Cols[c]
		v, ok := col.Text(r)
		if !ok {
			continue
		}
		seed := uint64(c + 1)
		if col.Type != table.String {
			out = append(out, sketch.HashSeed(v, seed))
			continue
		}
		out = wordsOf(v, seed, out)
	}
	return distinctWords(out)
}

// wordsOf appends the words of a text.
func wordsOf(v string, seed uint64, out []uint64) []uint64 {
	for _, w := range strings.FieldsFunc(v, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		if run := []rune(w); len(run) > 1 && unicode.Is(unicode.Han, run[0]) {
			for i := range len(run) - 1 {
				out = append(out, sketch.HashSeed(string(run[i:i+2]), seed))
			}
		} else {
			out = append(out, sketch.HashSeed(w, seed))
		}
		if len(out) > 4*hintWords {
			break
		}
	}
	return out
}

func distinctWords(out []uint64) []uint64 {
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.Clip(out[:min(len(out), hintWords)])
}

// jaccard is the share of common elements of two sorted sets.
func jaccard(a, b []uint64) float64 {
	common := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			common, i, j = common+1, i+1, j+1
		}
	}
	return float64(common) / float64(len(a)+len(b)-common)
}
