package catalog

import (
	"fmt"
	"math"

	"aihub"
	"aihub/catalog/sketch"
	"aihub/internal/table"
)

// Leak is something that one part of a dataset says about another.
type Leak struct {
	Check  string     `json:"check"` // duplicate_rows, determined_label, near_duplicate_rows, single_feature, label_in_text, raw_order, duplicate_files, near_duplicate_files
	From   aihub.Part `json:"from,omitempty"`
	To     aihub.Part `json:"to,omitempty"`
	Column string     `json:"column,omitempty"`
	Truth  string     `json:"truth,omitempty"`
	Rows   int64      `json:"rows"`            // how many are concerned
	Of     int64      `json:"of"`              //
	Share  float64    `json:"share,omitempty"` // of all rows that were looked at, when not all were
}

// leaks looks, row by row, for rows of hidden parts whose inputs also stand in a
// visible one, and for input columns that give a label away.
type leaks struct {
	m            *Manifest
	schema       []table.Field
	input, truth []int // without the key
	rows         map[uint64]*[4]int32
	shift        int // rows are looked at whose hash ends in so many zeros
	hash         []uint64
	tells        []tell
}

// Bounds of what leaks remember.
const (
	leakRows   = 1 << 18
	leakValues = 20_000 // of a column that may determine a label
)

// tell is an input column beside a truth column.
type tell struct {
	in, truth int
	equal     bool // in every row so far
	open      bool // may still determine it
	label     map[string]string
	labels    map[string]bool
	n         int64
}

func (m *Manifest) newLeaks(schema []table.Field) *leaks {
	input, truth := m.sides(schema)
	l := &leaks{m: m, schema: schema, input: input[1:], truth: truth[1:], rows: map[uint64]*[4]int32{}}
	for _, t := range l.truth {
		for _, i := range l.input {
			l.tells = append(l.tells, tell{in: i, truth: t, equal: true, open: true, label: map[string]string{}, labels: map[string]bool{}})
		}
	}
	return l
}

// add looks at rows of the masked table that go to the given parts.
func (l *leaks) add(b *table.Batch, rows []int, part []uint8) {
	l.hash = l.hash[:0]
	for range rows {
		l.hash = append(l.hash, 0)
	}
	for _, i := range l.input {
		hashColumn(l.hash, &b.Cols[i], rows, 0)
	}
	for k, r := range rows {
		l.row(l.hash[k], part[r])
	}
	for i := range l.tells {
		l.tells[i].add(&b.Cols[l.tells[i].in], &b.Cols[l.tells[i].truth], rows)
	}
}

// hashColumn mixes the values of c into the hashes of rows. Another seed gives
// hashes that know nothing of these.
func hashColumn(h []uint64, c *table.Column, rows []int, seed uint64) {
	for k, r := range rows {
		v := uint64(1)
		if c.Null(r) {
			v = 0
		} else {
			switch c.Type {
			case table.String:
				v = sketch.HashSeed(c.Str[r], seed)
			case table.Float64:
				v = sketch.Mix(math.Float64bits(c.Flt[r] + 0)) // -0 is 0
			case table.Bool:
				if c.Bool[r] {
					v = 2
				}
			default:
				v = sketch.Mix(uint64(c.Int[r]))
			}
		}
		h[k] = sketch.Mix(h[k] ^ v + seed)
	}
}

// row counts a row by the hash of its inputs. When too many are different, a
// fixed share of the hashes is looked at from then on, and was so far: what is
// counted is then exact about that share.
func (l *leaks) row(h uint64, part uint8) {
	if len(l.input) == 0 || h&(1<<l.shift-1) != 0 {
		return
	}
	n := l.rows[h]
	if n == nil {
		n = new([4]int32)
		l.rows[h] = n
	}
	if n[part] < math.MaxInt32 {
		n[part]++
	}
	for len(l.rows) > leakRows {
		l.shift++
		for h := range l.rows {
			if h&(1<<l.shift-1) != 0 {
				delete(l.rows, h)
			}
		}
	}
}

func (t *tell) add(x, y *table.Column, rows []int) {
	if !t.equal && !t.open {
		return
	}
	for _, r := range rows {
		v, ok := x.Text(r)
		if !ok {
			v = "\x00"
		}
		w, _ := y.Text(r)
		t.equal = t.equal && v == w
		if t.open {
			t.n++
			if was, ok := t.label[v]; !ok && len(t.label) == leakValues {
				t.open = false // values that hardly repeat say nothing
			} else if ok && was != w {
				t.open = false
			} else {
				t.label[v] = w
				t.labels[w] = true
			}
			if !t.open {
				t.label, t.labels = nil, nil
			}
		}
		if !t.equal && !t.open {
			return
		}
	}
}

// report returns what was found among the parts that have rows. A column that is
// a copy of a label is refused; the rest is for the second person to judge.
func (l *leaks) report(rows map[aihub.Part]int64) ([]Leak, error) {
	var out []Leak
	for f, from := range aihub.Parts[:2] {
		for t := 2; t < 4; t++ {
			to := aihub.Parts[t]
			if rows[from] == 0 || rows[to] == 0 {
				continue
			}
			k := Leak{Check: "duplicate_rows", From: from, To: to}
			if len(l.input) == 0 {
				k.Rows = rows[to] // rows without inputs are all the same
			}
			for _, n := range l.rows {
				if k.Of += int64(n[t]); n[f] > 0 {
					k.Rows += int64(n[t])
				}
			}
			if k.Of = max(k.Of, k.Rows); l.shift > 0 {
				k.Share = 1 / float64(int64(1)<<l.shift)
			}
			out = append(out, k)
		}
	}
	lint := &linter{doc: l.m.doc}
	for i := range l.tells {
		t := &l.tells[i]
		in, truth := l.schema[t.in].Name, l.schema[t.truth].Name
		switch {
		case t.open && len(t.labels) < 2: // a constant label says nothing about its columns
		case t.equal:
			lint.add("label_in_inputs", "mask.columns."+in,
				fmt.Sprintf("column %q holds the label %q in every row: drop it, or list it under truth", in, truth),
				fmt.Sprintf("列 %q 的每一行都等于标签 %q：请删除，或列入 truth", in, truth))
		case t.open && t.n >= 5*int64(len(t.label)): // else its values hardly repeat: a text, an id
			out = append(out, Leak{Check: "determined_label", Column: in, Truth: truth, Rows: t.n, Of: t.n})
		}
	}
	if lint.fs != nil {
		return nil, aihub.Errorf(aihub.Refused, aihub.Text{EN: "the inputs would hold the labels", ZH: "输入数据中含有标签"}).WithFaults(lint.fs)
	}
	return out, nil
}
