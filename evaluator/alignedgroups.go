package evaluator

import (
	"bytes"
	"slices"
	"strconv"
	"sync"

	"aihub/internal/pages"
	"aihub/scenarios"
)

// pageGroups numbers the groups of rows that are read page by page. Goroutines share
// it, and each remembers what it met.
type pageGroups struct {
	sync.Mutex
	g     *grouping
	own   []int       // of the columns of g, the leaf of the truth; -1: the input has it
	file  *pages.File // the input; nil: the truth has all
	input []int       // its leaves: the key, then those columns
}

// pageGroupsOf finds the columns that rows are grouped by, and reports whether this
// path reads them.
func (a *alignment) pageGroupsOf(g *grouping, key string, input *pages.File) bool {
	p := &pageGroups{g: g, file: input}
	groupable := func(f *pages.File, name string) (leaf int, ok bool) {
		if leaf = f.Leaf(name); leaf < 0 {
			return leaf, false
		}
		l := f.Leaves()[leaf]
		return leaf, isText(l) || isWhole(l) || l.Flat() && l.Type == pages.Boolean
	}
	if input != nil {
		k := input.Leaf(key)
		x, y := a.truth.Leaves()[a.tl[0]], pages.Leaf{}
		if k >= 0 {
			y = input.Leaves()[k]
		}
		if k < 0 || x.Type != y.Type || x.Text != y.Text || !isKey(y) || input.RowGroups() != a.truth.RowGroups() {
			return false
		}
		for i := range input.RowGroups() {
			if input.GroupRows(i) != a.truth.GroupRows(i) {
				return false
			}
		}
		p.input = []int{k}
	}
	for _, name := range g.cols {
		f := a.truth
		if !slices.Contains(g.own, name) {
			f = input
		}
		if f == nil {
			return false
		}
		leaf, ok := groupable(f, name)
		if !ok {
			return false
		}
		if f == a.truth {
			p.own, a.tl = append(p.own, leaf), append(a.tl, leaf)
		} else {
			p.own, p.input = append(p.own, -1), append(p.input, leaf)
		}
	}
	a.by = p
	return true
}

// A value of a column is a number below groupValues, of which there are more than
// groups that a slice may have.
const (
	groupValueBits = 6
	groupValues    = 1 << groupValueBits
	noValue        = groupValues
	noGroup        = 1<<16 - 1
)

// groupCoder is one goroutine's part of pageGroups.
type groupCoder struct {
	of    *pageGroups
	cols  []groupColumn
	table [][]uint16 // of each slice, the group by the values of its columns
	rows  [][]int64  // of each slice, of each group
	codes [][]uint16 // of each slice, the groups of a block of rows
	scan  *pages.Scan
}

// groupColumn has the values of a column that were met, and those of a block of rows.
type groupColumn struct {
	number map[string]uint8
	names  []string
	dict   []uint8 // of each value of a dictionary; noValue: not looked up yet
	some   []uint8 // of rows that have one
	row    []uint8
	text   []byte
}

func (p *pageGroups) coder() *groupCoder {
	if p == nil {
		return nil
	}
	c := &groupCoder{of: p}
	for range p.g.cols {
		c.cols = append(c.cols, groupColumn{number: map[string]uint8{}, row: make([]uint8, blockRows)})
	}
	for _, s := range p.g.of {
		c.table = append(c.table, slices.Repeat([]uint16{noGroup}, 1<<(groupValueBits*len(s.cols))))
		c.rows = append(c.rows, make([]int64, scenarios.MaxGroups))
		c.codes = append(c.codes, make([]uint16, blockRows))
	}
	return c
}

// begin has the input read from a row group on.
func (c *groupCoder) begin(from, to int) bool {
	if c == nil || c.of.file == nil {
		return true
	}
	_, err := again(&c.scan, c.of.file, from, to, c.of.input)
	return err == nil
}

// code finds the groups of the rows of a block of the truth.
func (c *groupCoder) code(l []pages.Run) bool {
	if c == nil {
		return true
	}
	n, leaf := l[0].N, 2
	for i, own := range c.of.own {
		if own >= 0 {
			if !c.cols[i].read(l[leaf], c.cols[i].row[:n]) {
				return false
			}
			leaf++
		}
	}
	for at := 0; c.of.file != nil && at < n; {
		r, err := c.scan.Next(n - at)
		if err != nil || nulls(r[:1]) || !sameKeys(l[0].Part(at, r[0].N), r[0]) {
			return false
		}
		leaf := 1
		for i, own := range c.of.own {
			if own < 0 {
				if !c.cols[i].read(r[leaf], c.cols[i].row[at:at+r[0].N]) {
					return false
				}
				leaf++
			}
		}
		at += r[0].N
	}
	for k := range c.codes {
		if !c.slice(k, n) {
			return false
		}
	}
	return true
}

func sameKeys(x, y pages.Run) bool {
	if !x.Coded && !y.Coded && x.Values.Type == pages.Int64 {
		return slices.Equal(x.Values.Int64s(), y.Values.Int64s())
	}
	for i := range x.N {
		if !bytes.Equal(x.Bytes(i), y.Bytes(i)) {
			return false
		}
	}
	return true
}

// slice finds the groups of n rows, of one slice.
func (c *groupCoder) slice(k, n int) bool {
	cols, table, rows, codes := c.of.g.of[k].cols, c.table[k], c.rows[k], c.codes[k][:n]
	for i := range codes {
		at := 0
		for _, j := range cols {
			at = at<<groupValueBits | int(c.cols[j].row[i])
		}
		group := table[at]
		if group == noGroup {
			var ok bool
			if group, ok = c.number(k, i); !ok {
				return false
			}
			table[at] = group
		}
		rows[group]++
		codes[i] = group
	}
	return true
}

// number is the group of row i, of one slice, that this goroutine did not meet yet.
func (c *groupCoder) number(k, i int) (uint16, bool) {
	c.of.Lock()
	defer c.of.Unlock()
	g := c.of.g
	for _, j := range g.of[k].cols {
		g.cell[j] = c.cols[j].names[c.cols[j].row[i]]
	}
	n, err := g.of[k].numbered(g, g.spec.Slices[k])
	return n, err == nil
}

// end adds the rows that were met to those of the groups.
func (c *groupCoder) end() {
	if c == nil {
		return
	}
	c.of.Lock()
	defer c.of.Unlock()
	for k, rows := range c.rows {
		for group := range c.of.g.of[k].rows {
			c.of.g.of[k].rows[group] += rows[group]
		}
		clear(rows)
	}
}

// read writes the number of the value of each row to out. It is false where there are
// too many values for a slice, or one is too long.
func (c *groupColumn) read(r pages.Run, out []uint8) bool {
	some := out
	if r.Valid != nil {
		none := 0
		for _, v := range r.Valid {
			none += 1 - int(v)
		}
		c.some = sized(c.some, r.N-none)
		some = c.some
	}
	if !c.values(r, some) {
		return false
	}
	if r.Valid == nil {
		return true
	}
	empty, ok := c.of(nil) // no value is one, too
	for i, v := range r.Valid {
		if out[i] = empty; v == 1 {
			out[i], some = some[0], some[1:]
		}
	}
	return ok
}

// values finds the values of those rows that have one.
func (c *groupColumn) values(r pages.Run, out []uint8) (ok bool) {
	switch {
	case r.Coded:
		c.dict = sized(c.dict, r.Dict.Len())
		for i := range c.dict {
			c.dict[i] = noValue
		}
		for i, x := range r.Index {
			v := c.dict[x]
			if v == noValue {
				if v, ok = c.of(c.plain(r.Dict, int(x))); !ok {
					return false
				}
				c.dict[x] = v
			}
			out[i] = v
		}
	case r.Values.Type == pages.Boolean:
		for i, b := range r.Values.Bools() {
			if out[i], ok = c.of(strconv.AppendBool(c.text[:0], b)); !ok {
				return false
			}
		}
	default:
		for i := range out {
			if out[i], ok = c.of(c.plain(&r.Values, i)); !ok {
				return false
			}
		}
	}
	return true
}

// plain is the text of a value.
func (c *groupColumn) plain(v *pages.Values, i int) []byte {
	if b := v.Bytes(i); v.Type == pages.ByteArray {
		return b
	} else {
		c.text = strconv.AppendInt(c.text[:0], number(b), 10)
		return c.text
	}
}

// of numbers a value.
func (c *groupColumn) of(text []byte) (uint8, bool) {
	if v, ok := c.number[string(text)]; ok {
		return v, true
	}
	if len(text) > maxGroupName || len(c.names) == groupValues {
		return 0, false
	}
	v := uint8(len(c.names))
	c.names = append(c.names, string(text))
	c.number[c.names[v]] = v
	return v, true
}
