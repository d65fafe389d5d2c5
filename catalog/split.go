package catalog

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"aihub"
	"aihub/internal/table"
)

// cut says which rows of the masked table each part has, in the order in which
// they are stored: that of a keyed hash of their keys, which says nothing.
type cut map[aihub.Part][]int

// cut deals the rows for which keep is true (all when it is nil). The key
// belongs to the dataset's scope.
func (m *Manifest) cut(in *ingested, keep []bool, key []byte) (cut, error) {
	h := hmac.New(sha256.New, key)
	var sums [][16]byte
	ids := in.table.Cols[0]
	out := cut{}
	for r := range in.table.Rows {
		h.Reset()
		fmt.Fprintf(h, "%d %s", m.Split.Seed, ids.Str[r])
		var sum [16]byte
		copy(sum[:], h.Sum(nil))
		sums = append(sums, sum)
		if keep != nil && !keep[r] {
			continue
		}
		p := aihub.Part("")
		if i := in.rule[r]; i >= 0 {
			p = aihub.Parts[i]
		} else {
			p = m.Split.deal(binary.BigEndian.Uint64(sum[:8]))
		}
		out[p] = append(out[p], r)
	}
	for _, p := range aihub.Parts {
		slices.SortFunc(out[p], func(a, b int) int { return bytes.Compare(sums[a][8:], sums[b][8:]) })
		_, ranged := m.Split.Ranges[p]
		if len(out[p]) == 0 && (m.Split.share(p) > 0 || ranged || len(m.Split.Values[p]) > 0) {
			return nil, aihub.Errorf(aihub.Contract, aihub.Text{
				EN: fmt.Sprintf("the %s part would have no rows", p), ZH: fmt.Sprintf("%s 分区将没有数据", p)}).
				WithHint(aihub.Text{EN: "give it a larger share, a wider range, or publish more rows", ZH: "请增大占比、放宽范围，或提供更多数据"})
		}
	}
	return out, nil
}

// deal turns 64 random bits into a part, by the shares.
func (s Split) deal(x uint64) aihub.Part {
	at := float64(x>>11) / (1 << 53) // 0 to 1, exact
	sum, last := 0.0, aihub.Sample
	for _, p := range aihub.Parts {
		if v := s.share(p); v > 0 {
			if sum += v; at < sum {
				return p
			}
			last = p
		}
	}
	return last // the shares add up to a hair less than 1
}

// checkKeys refuses keys that are missing or not unique. Places are counted,
// not shown: rows are named by the raw file's order.
func (in *ingested) checkKeys(key string) error {
	var missing, repeated int64
	var first string
	seen := make(map[string]struct{}, in.table.Rows)
	c := &in.table.Cols[0]
	for r := range in.table.Rows {
		_, twice := seen[c.Str[r]]
		switch {
		case c.Null(r):
			missing++
		case twice:
			repeated++
		default:
			seen[c.Str[r]] = struct{}{}
			continue
		}
		if first == "" {
			first = fmt.Sprintf("row %d, column %s", r+1, key)
		}
	}
	if missing+repeated == 0 {
		return nil
	}
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "the key does not name each row", ZH: "主键不能唯一标识每一行"}).
		WithFaults([]aihub.Fault{{Code: "key", Where: first, Count: missing + repeated, Message: aihub.Text{
			EN: fmt.Sprintf("%d rows have no key, %d repeat one; the first is here", missing, repeated),
			ZH: fmt.Sprintf("%d 行缺少主键，%d 行主键重复；首个在此", missing, repeated)}}}).
		WithHint(aihub.Text{EN: "mend the column, or number the rows with key_from: rows and a new key", ZH: "请修正该列，或用新的 key 与 key_from: rows 为行编号"})
}

// columns returns the input columns (key first) and the truth columns (key
// first) of the masked table.
func (m *Manifest) columns(b *table.Batch) (input, truth []int) {
	input, truth = []int{0}, []int{0}
	for i := 1; i < len(b.Cols); i++ {
		if slices.Contains(m.Truth, b.Cols[i].Name) {
			truth = append(truth, i)
		} else {
			input = append(input, i)
		}
	}
	return input, truth
}

// Leak is something that one part of a dataset says about another.
type Leak struct {
	Check  string     `json:"check"` // duplicate_rows, determined_label
	From   aihub.Part `json:"from,omitempty"`
	To     aihub.Part `json:"to,omitempty"`
	Column string     `json:"column,omitempty"`
	Truth  string     `json:"truth,omitempty"`
	Rows   int64      `json:"rows"` // how many are concerned
	Of     int64      `json:"of"`
}

// leaks looks for rows of hidden parts whose inputs also stand in a visible
// one, and for input columns that give the label away. A column that is a copy
// of a label is refused; the rest is for the second person to judge.
func (m *Manifest) leaks(b *table.Batch, c cut) ([]Leak, error) {
	input, truth := m.columns(b)
	out := duplicates(b, input[1:], c)
	l := &linter{doc: m.doc}
	for _, t := range truth[1:] {
		for _, i := range input[1:] {
			equal, determined := tells(&b.Cols[i], &b.Cols[t], c)
			switch {
			case equal:
				l.add("label_in_inputs", "mask.columns."+b.Cols[i].Name,
					fmt.Sprintf("column %q holds the label %q in every row: drop it, or list it under truth", b.Cols[i].Name, b.Cols[t].Name),
					fmt.Sprintf("列 %q 的每一行都等于标签 %q：请删除，或列入 truth", b.Cols[i].Name, b.Cols[t].Name))
			case determined > 0:
				out = append(out, Leak{Check: "determined_label", Column: b.Cols[i].Name, Truth: b.Cols[t].Name, Rows: determined, Of: determined})
			}
		}
	}
	if l.fs != nil {
		return nil, aihub.Errorf(aihub.Refused, aihub.Text{EN: "the inputs would hold the labels", ZH: "输入数据中含有标签"}).WithFaults(l.fs)
	}
	return out, nil
}

// duplicates counts, for each visible and hidden part, the hidden rows whose
// inputs are those of a visible row.
func duplicates(b *table.Batch, input []int, c cut) (out []Leak) {
	rowHash := func(r int) (sum [16]byte) {
		h := sha256.New()
		for _, i := range input {
			v, ok := b.Cols[i].Text(r)
			fmt.Fprintf(h, "%v %d %s", ok, len(v), v)
		}
		copy(sum[:], h.Sum(nil))
		return sum
	}
	for _, from := range []aihub.Part{aihub.Sample, aihub.Train} {
		seen := map[[16]byte]struct{}{}
		for _, r := range c[from] {
			seen[rowHash(r)] = struct{}{}
		}
		for _, to := range []aihub.Part{aihub.Test, aihub.Final} {
			n := int64(0)
			for _, r := range c[to] {
				if _, ok := seen[rowHash(r)]; ok {
					n++
				}
			}
			if len(c[from]) > 0 && len(c[to]) > 0 {
				out = append(out, Leak{Check: "duplicate_rows", From: from, To: to, Rows: n, Of: int64(len(c[to]))})
			}
		}
	}
	return out
}

// tells reports whether x equals y in every row, and else, when every value of
// x goes with one value of y though values of x repeat, in how many rows.
func tells(x, y *table.Column, c cut) (equal bool, determined int64) {
	label := map[string]string{}
	labels := map[string]bool{}
	n := int64(0)
	equal = true
	for _, p := range aihub.Parts {
		for _, r := range c[p] {
			v, ok := x.Text(r)
			if !ok {
				v = "\x00"
			}
			w, _ := y.Text(r)
			equal = equal && v == w
			if was, ok := label[v]; ok && was != w {
				return false, 0
			}
			label[v] = w
			labels[w] = true
			n++
		}
	}
	if len(labels) < 2 {
		return false, 0 // a constant label says nothing about its columns
	}
	if equal || n < 5*int64(len(label)) { // values hardly repeat: a text, an id
		return equal, 0
	}
	return false, n
}
