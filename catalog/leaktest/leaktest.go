// Package leaktest is the leak audit of the tests: every test that makes a masked
// file hands it the raw table, the plan and the file, and it searches the file's
// bytes, and those of its pages decompressed, for every raw value that the plan
// masks. Values that masked rows may hold rightly (a class that is named as a raw
// value, a text in which nothing was to be masked, what stands in a kept column)
// are not looked for.
package leaktest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"index/suffixarray"
	"io"
	"math"
	"strconv"
	"testing"

	"aihub/catalog/mask"
	"aihub/internal/pages"
	"aihub/internal/table"
)

// Raw are the raw values that must not stand in what a plan makes of a table.
type Raw struct {
	values [][]byte
	column []string // of each
}

// Bounds of what is looked for.
const (
	shortest = 5      // bytes of a text: shorter ones stand anywhere
	most     = 20_000 // values of a column; the first ones
)

// Of reads the raw table to its end. What the masked rows may hold is found out by
// masking them once more, under the key of the plan's scope: among many masked
// phones some are another's raw one.
func Of(plan mask.Plan, key []byte, r table.Reader) (*Raw, error) {
	masking, err := plan.Compile(r.Schema(), key)
	if err != nil {
		return nil, err
	}
	var batches []*table.Batch
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		own := table.NewBatch(b.Schema(), b.Rows)
		rows := make([]int, b.Rows)
		for i := range rows {
			rows[i] = i
		}
		own.AppendRows(b, rows)
		if err := masking.Observe(own); err != nil {
			return nil, err
		}
		batches = append(batches, own)
	}
	masking.Seal()
	var texts bytes.Buffer // in which others may stand
	whole := map[string]bool{}
	for _, b := range batches {
		out := masking.Apply(masking.Records(b))
		for i := range out.Cols {
			c := &out.Cols[i]
			rule, _ := plan.Of(c.Name)
			for k := range c.Len() {
				v, ok := c.Text(k)
				if !ok || whole[v] {
					continue
				}
				whole[v], whole[string(binaryOf(c, k))] = true, true
				if c.Type == table.String && !hides(rule) || rule.Use == "redact" || rule.Use == "hierarchy" || rule.Use == "suppress" {
					texts.WriteString(v)
					texts.WriteByte(0)
				}
			}
		}
	}
	within := suffixarray.New(texts.Bytes())
	rightly := func(v string) bool { return whole[v] || len(within.Lookup([]byte(v), 1)) > 0 }
	out := &Raw{}
	seen, count := map[string]bool{}, map[string]int{}
	for _, b := range batches {
		for i := range b.Cols {
			c := &b.Cols[i]
			rule, _ := plan.Of(c.Name)
			if !hides(rule) {
				continue
			}
			for k := range c.Len() {
				v, ok := c.Text(k)
				if !ok || count[c.Name] >= most {
					continue
				}
				add := func(v []byte) {
					if !seen[string(v)] {
						seen[string(v)] = true
						count[c.Name]++
						out.values, out.column = append(out.values, v), append(out.column, c.Name)
					}
				}
				if c.Type != table.String {
					if n := binaryOf(c, k); n != nil && !whole[string(n)] {
						add(n)
					}
				}
				if (c.Type == table.String || c.Type == table.Int64 && len(v) > 8) && len(v) >= shortest && !rightly(v) {
					add([]byte(v))
				}
			}
		}
	}
	return out, nil
}

// hides reports whether a rule is to leave no raw value but those that masked rows
// have: of a clipped or suppressed column those that were left as they are. A kept
// column is none of it; permuted and moved values are raw ones, of another row or
// the very same; a name is drawn from those that people have.
func hides(r mask.Rule) bool {
	switch r.Use {
	case "keep", "permute", "shift", "noise", "round", "name":
		return false
	}
	return true
}

// binaryOf is a number as Parquet writes it, when it has bytes enough to be told
// from others.
func binaryOf(c *table.Column, i int) []byte {
	switch c.Type {
	case table.Int64, table.Timestamp:
		if v := c.Int[i]; v >= 1<<32 || v <= -1<<32 {
			return binary.LittleEndian.AppendUint64(nil, uint64(v))
		}
	case table.Float64:
		if v := math.Float64bits(c.Flt[i]); v&0xffffff != 0 {
			return binary.LittleEndian.AppendUint64(nil, v)
		}
	}
	return nil
}

// Len is how many values are looked for.
func (r *Raw) Len() int { return len(r.values) }

// In returns a line for each raw value that stands in b, a Parquet file or any
// other bytes: where, and which column it is of.
func (r *Raw) In(b []byte) ([]string, error) {
	leaks := pages.Find(b, r.values)
	if bytes.HasPrefix(b, []byte("PAR1")) {
		var err error
		if leaks, err = pages.Audit(bytes.NewReader(b), int64(len(b)), r.values); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, l := range leaks {
		out = append(out, fmt.Sprintf("%s: a raw value of column %s: %s", l.Where, r.column[l.Value], strconv.Quote(string(r.values[l.Value]))))
	}
	return out, nil
}

// Report searches files, by what they are called, and fails the test with what it
// finds; of each file a few.
func (r *Raw) Report(t testing.TB, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		found, err := r.In(b)
		if err != nil {
			t.Fatal(name, err)
		}
		for i, f := range found {
			if i == 5 {
				t.Errorf("… and %d more", len(found)-i)
				break
			}
			t.Errorf("%s, %s", name, f)
		}
	}
}

// File is Of for the table in a file; types are those that its manifest declares.
func File(plan mask.Plan, key []byte, path string, types map[string]table.Type) (*Raw, error) {
	o := table.Options{Unread: func(column string) bool {
		r, ok := plan.Of(column)
		return ok && r.Use == "drop"
	}}
	o.Types, o.Encoding = types, table.Auto
	r, err := table.Open(path, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return Of(plan, key, r)
}
