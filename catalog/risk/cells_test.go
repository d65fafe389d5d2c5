package risk

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"aihub"
	"aihub/internal/table"
)

// suppressSlowly is the rule of local suppression told over rows: what is left of
// each row (nil: dropped).
func suppressSlowly(rows [][]string, k int, cells []int) [][]string {
	sizes := func(rows [][]string) map[string]int {
		n := map[string]int{}
		for _, r := range rows {
			n[strings.Join(r, "|")]++
		}
		return n
	}
	out := make([][]string, len(rows))
	for i, r := range rows {
		out[i] = slices.Clone(r)
	}
	n := sizes(rows)
	var small []int
	for i, r := range rows {
		if n[strings.Join(r, "|")] < k {
			small = append(small, i)
		}
	}
	var order [][]int // sets of places in cells
	for s := 1; s < 1<<len(cells); s++ {
		var set []int
		for i := range cells {
			if s>>i&1 == 1 {
				set = append(set, i)
			}
		}
		order = append(order, set)
	}
	sort.SliceStable(order, func(a, b int) bool {
		if len(order[a]) != len(order[b]) {
			return len(order[a]) < len(order[b])
		}
		return slices.Compare(order[a], order[b]) < 0
	})
	for _, set := range order {
		hidden := func(i int) []string {
			r := slices.Clone(rows[i])
			for _, c := range set {
				r[cells[c]] = "∅"
			}
			return r
		}
		settled := map[string]int{} // rows that stand there for good
		waits := map[int]bool{}
		for _, i := range small {
			waits[i] = true
		}
		for i, r := range out {
			if !waits[i] {
				settled[strings.Join(r, "|")]++
			}
		}
		come := map[string]int{}
		for _, i := range small {
			come[strings.Join(hidden(i), "|")]++
		}
		var left []int
		for _, i := range small {
			key := strings.Join(hidden(i), "|")
			if come[key]+settled[key] >= k {
				out[i] = hidden(i)
			} else {
				left = append(left, i)
			}
		}
		small = left
	}
	for _, i := range small {
		out[i] = nil
	}
	return out
}

// Local suppression against the rule told over rows: the same rows lose the same
// cells, every class that is published has k rows, nobody else loses anything,
// and the counts are those of the rows.
func TestCellsAgainstBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cols := rapid.IntRange(1, 4).Draw(t, "columns")
		n := rapid.IntRange(1, 60).Draw(t, "rows")
		k := rapid.IntRange(2, 6).Draw(t, "k")
		var fields []table.Field
		var names []string
		for c := range cols {
			names = append(names, fmt.Sprint("q", c))
			fields = append(fields, table.Field{Name: names[c], Type: table.String})
		}
		fields = append(fields, table.Field{Name: "ill", Type: table.String})
		b, rows := table.NewBatch(fields, n), make([][]string, n)
		part := make([]uint8, n)
		for r := range n {
			for c := range cols {
				v := rapid.IntRange(-1, 3).Draw(t, "value")
				if v < 0 {
					b.Cols[c].AppendNull()
					rows[r] = append(rows[r], "∅")
				} else {
					b.Cols[c].AppendStr(fmt.Sprint(v))
					rows[r] = append(rows[r], fmt.Sprint(v))
				}
			}
			b.Cols[cols].AppendStr(fmt.Sprint(r % 3))
			part[r] = uint8(r % 3)
			b.Rows++
		}
		cells := rapid.Permutation(names).Draw(t, "cells")[:rapid.IntRange(1, cols).Draw(t, "how many")]
		var at []int
		for _, c := range cells {
			at = append(at, slices.Index(names, c))
		}
		p := Policy{Quasi: names, K: k, MaxSuppression: 1, Cells: cells, MaxCells: 0.5, Sensitive: []string{"ill"}}
		m := NewMeter(p, fields)
		if err := m.Add(b, nil, part, nil); err != nil {
			t.Fatal(err)
		}
		rep, err := m.Gate(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := suppressSlowly(rows, k, at)
		keep := m.Publish(b)
		dropped, lost, sizes, ills := 0, make([]int64, len(cells)), map[string]int{}, map[string]map[string]bool{}
		for r := range n {
			if keep[r] != (want[r] != nil) {
				t.Fatalf("row %d %v: kept %v, want %v", r, rows[r], keep[r], want[r])
			}
			if !keep[r] {
				dropped++
				continue
			}
			var got []string
			for c := range cols {
				v, ok := b.Cols[c].Text(r)
				if !ok {
					v = "∅"
				}
				got = append(got, v)
			}
			if !slices.Equal(got, want[r]) {
				t.Fatalf("row %d: %v became %v, want %v", r, rows[r], got, want[r])
			}
			key := strings.Join(got, "|")
			sizes[key]++
			if ills[key] == nil {
				ills[key] = map[string]bool{}
			}
			v, _ := b.Cols[cols].Text(r)
			ills[key][v] = true
			for i, c := range at {
				if got[c] != rows[r][c] {
					lost[i]++
				}
			}
		}
		least, few := 0, 0
		for key, size := range sizes {
			if size < k {
				t.Fatalf("class %s has %d rows, k is %d", key, size, k)
			}
			if least == 0 || size < least {
				least = size
			}
			if few == 0 || len(ills[key]) < few {
				few = len(ills[key])
			}
		}
		if rep.Suppressed != dropped || rep.After.Rows != n-dropped || rep.After.Classes != len(sizes) || rep.After.K != least || rep.Sensitive[0].Distinct != few {
			t.Fatalf("%+v: %d dropped, %d classes, least %d, %d values", rep, dropped, len(sizes), least, few)
		}
		for i, c := range rep.Cells {
			if c.Column != cells[i] || c.Rows != lost[i] {
				t.Fatalf("%+v, want %d cells of %s", c, lost[i], cells[i])
			}
		}
		if rep.Attack != nil && rep.Attack.Population != int64(n-dropped) {
			t.Fatalf("%+v of %d rows", rep.Attack, n-dropped)
		}
	})
}

func TestSetsAreInOrder(t *testing.T) {
	t.Parallel()
	if got := fmt.Sprint(sets(3)); got != "[1 2 4 3 5 6 7]" {
		t.Error(got)
	}
	for i, s := range sets(maxCells) {
		if i > 0 && bits.OnesCount(s) < bits.OnesCount(sets(maxCells)[i-1]) {
			t.Fatal(i, s)
		}
	}
}

func TestLintCells(t *testing.T) {
	t.Parallel()
	ok := Policy{Quasi: []string{"age", "town"}, K: 2, Cells: []string{"age"}, MaxCells: 0.1}
	if fs := ok.Lint([]string{"age", "town", "job"}); fs != nil {
		t.Fatal(fs)
	}
	for want, change := range map[string]func(*Policy){
		"cells[0]":  func(p *Policy) { p.Cells = []string{"job"} },
		"cells[1]":  func(p *Policy) { p.Cells = []string{"age", "age"} },
		"max_cells": func(p *Policy) { p.MaxCells = 0 },
		"quasi":     func(p *Policy) { *p = Policy{Cells: []string{"age"}, MaxCells: 0.1, K: 2} },
	} {
		p := ok
		change(&p)
		fs := p.Lint([]string{"age", "town", "job"})
		if !slices.ContainsFunc(fs, func(f aihub.Fault) bool { return f.Where == want && f.Message.ZH != "" }) {
			t.Errorf("%s: %v", want, fs)
		}
	}
	rep := Report{Policy: ok, Before: Numbers{Rows: 100}, After: Numbers{Rows: 100, K: 2}, Cells: []Cells{{"age", 11}}}
	if fs := rep.Exceeded(); len(fs) != 1 || fs[0].Where != "max_cells" || !strings.Contains(fs[0].Message.EN, "0.11, the limit 0.1") {
		t.Error(fs)
	}
}
