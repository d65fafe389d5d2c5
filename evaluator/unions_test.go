package evaluator

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"aihub/scenarios"
)

// bruteSupport is the least support over all ways to leave cells out: a function is
// 0 on some cells and not on all when these have a lower rank than all.
func bruteSupport(cells []crossedCell, n, columns int) (least int64) {
	rank := func(side int) int {
		b := newBasis(n, columns)
		for i, c := range cells {
			if side>>i&1 == 1 {
				b.add(c.at)
			}
		}
		return b.size
	}
	full := rank(1<<len(cells) - 1)
	for side := range 1 << len(cells) {
		rows := int64(0)
		for i, c := range cells {
			if side>>i&1 == 0 {
				rows += c.rows
			}
		}
		if rows > 0 && (least == 0 || rows < least) && rank(side) < full {
			least = rows
		}
	}
	return least
}

// Whatever is called sure is what all ways to combine groups give: a support that is
// found is there and small, and where there is none, every one has enough rows.
func TestLeastSupport(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 3))
	small, safe, open := 0, 0, 0
	for round := range 2500 {
		n := 2 + round%3
		// Cells of a row each are where a support may meet every basis twice.
		size, most := 3+r.IntN(8), int64(12)
		if round >= 1500 {
			n, size, most = n+1, 11, 1
		}
		groups, columns := make([]int, n), 0
		for k := range groups {
			groups[k] = 2 + r.IntN(2)
			if most == 1 {
				groups[k] = 2
			}
			columns += groups[k]
		}
		rows := map[combination]int64{}
		for range size {
			var at combination
			first := 0
			for k, g := range groups {
				at[k] = uint8(first + r.IntN(g))
				first += g
			}
			rows[at] += 1 + r.Int64N(most)
		}
		var cells []crossedCell
		for at, x := range rows {
			cells = append(cells, crossedCell{at, x})
		}
		least := bruteSupport(cells, n, columns)
		for _, enough := range []int64{2, 3, 5, 9, 14, 25} {
			got, sure := leastSupport(cells, n, columns, enough, true)
			switch {
			case got > 0 && sure && got >= least && got < enough:
				small++
			case got == 0 && sure && least >= enough:
				safe++
			case got == 0 && !sure:
				open++
			default:
				t.Fatalf("round %d, %v: %d rows (sure %v) of fewer than %d, and the least is %d", round, cells, got, sure, enough, least)
			}
		}
		if _, sure := leastSupport(cells, n, columns, 2, false); sure && rankOf(cells, n, columns) < columns-n+1 {
			t.Fatalf("round %d: cells that were not counted may be of a group of their own", round)
		}
	}
	if small < 500 || safe < 500 || open > (small+safe)/10 {
		t.Errorf("%d small, %d safe, %d not known", small, safe, open)
	}
	// Of two slices the least support is the least cut.
	for range 200 {
		a, b := 2+r.IntN(5), 2+r.IntN(5)
		w := make([][]int64, a+b)
		for i := range w {
			w[i] = make([]int64, a+b)
		}
		var cells []crossedCell
		for i := range a {
			for j := range b {
				if x := max(0, r.Int64N(60)-20); x > 0 {
					cells = append(cells, crossedCell{combination{uint8(i), uint8(a + j)}, x})
					w[i][a+j], w[a+j][i] = x, x
				}
			}
		}
		least := leastCut(w)
		for _, enough := range []int64{10, 40} {
			if got, sure := leastSupport(cells, 2, a+b, enough, true); sure && (got > 0) != (least > 0 && least < enough) || got > 0 && got < least {
				t.Fatalf("%v: %d rows (sure %v) of fewer than %d, and the least cut is %d", cells, got, sure, enough, least)
			}
		}
	}
}

func rankOf(cells []crossedCell, n, columns int) int {
	b := newBasis(n, columns)
	for _, c := range cells {
		b.add(c.at)
	}
	return b.size
}

// A row's third group is the sum of the other two, but for a few rows: any two of the
// slices tell nothing, all three do. Publishing finds it; of columns that have nothing
// to do with one another it lets all pass that has rows enough.
func TestThreeSlices(t *testing.T) {
	t.Parallel()
	sum := func(but int) func(*rand.Rand, int, []int) int {
		return func(r *rand.Rand, i int, before []int) int {
			switch {
			case len(before) < 2:
				return r.IntN(2)
			case i < but:
				return (before[0] + before[1] + 1) % 3
			}
			return before[0] + before[1]
		}
	}
	apart := func(groups int) func(*rand.Rand, int, []int) int {
		return func(r *rand.Rand, _ int, _ []int) int { return r.IntN(groups) }
	}
	for _, c := range []struct {
		name  string
		rows  int
		group func(r *rand.Rand, row int, before []int) int
		mins  []int
		want  string
	}{
		{"a sum but for five rows", 4000, sum(5), []int{100, 100, 100}, "nested_slices"},
		{"a sum of all rows", 4000, sum(0), []int{100, 100, 100}, ""},
		{"a sum but for enough rows", 4000, sum(100), []int{100, 100, 100}, ""},
		{"the lesser min", 4000, sum(30), []int{100, 20, 100}, ""},
		{"more than the lesser min", 4000, sum(19), []int{100, 20, 100}, "nested_slices"},
		{"three", 4000, apart(7), []int{100, 100, 100}, ""},
		{"five", 8000, apart(6), []int{100, 100, 100, 100, 100}, ""},
		{"five of many groups", 20_000, apart(20), []int{100, 100, 100, 100, 100}, ""},
		{"five of groups that are hardly shown", 540, apart(5), []int{90, 90, 90, 90, 90}, "too_few_rows"},
	} {
		r := rand.New(rand.NewPCG(8, 8))
		n := len(c.mins)
		g := &grouping{of: make([]slicing, n), cell: make([]string, n), unit: -1}
		for k := range g.of {
			g.of[k] = slicing{cols: []int{k}, number: map[string]uint16{}}
			g.spec.Slices = append(g.spec.Slices, scenarios.Slice{By: []string{fmt.Sprint("c", k)}, Min: c.mins[k]})
		}
		both, all := newCrossing(n), together{}
		code, value := make([]uint16, n), make([]int, n)
		for i := range c.rows {
			for k := range n {
				value[k] = c.group(r, i, value[:k])
				g.cell[k] = fmt.Sprint(value[k])
			}
			for k := range n {
				code[k], _ = g.of[k].group(g, g.spec.Slices[k])
			}
			both.add(code, 1)
			all.add(code, 1)
		}
		for k := range g.of {
			if g.of[k].shown(int64(c.mins[k])) == nil {
				t.Errorf("%s: slice %d is not shown", c.name, k)
			}
			for j := range k {
				if n := both.difference(g, j, k); n > 0 {
					t.Errorf("%s: slices %d and %d differ by %d rows", c.name, j, k, n)
				}
			}
		}
		faults := all.faults(g)
		if c.want == "" && faults != nil || c.want != "" && (len(faults) != 1 || faults[0].Code != c.want || faults[0].Message.ZH == "") {
			t.Errorf("%s: %v", c.name, faults)
		}
	}
}
