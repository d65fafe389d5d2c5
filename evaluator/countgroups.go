package evaluator

import (
	"context"
	"fmt"
	"io"
	"strings"

	"aihub"
	"aihub/scenarios"
)

// countGroups reads the groups of a whole part, and returns what is wrong with
// them: a slice without two groups that may be shown, or groups of two slices that
// differ by too few rows to be shown. units is what the part's units are worth, 0
// when every row is one.
func countGroups(ctx context.Context, spec scenarios.Spec, key, truth, input string) (faults []aihub.Fault, units int64, err error) {
	g, err := newGrouping(spec, key, truth, input)
	if g == nil || err != nil {
		faults, err = faultsOr(err)
		return faults, 0, err
	}
	count := new(unitCount)
	defer g.Close()
	r, err := openColumns(truth, append([]string{key}, g.own...), "")
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	both, all := newCrossing(len(g.of)), together{}
	for {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		keys := b.Col(key)
		if keys == nil {
			return nil, 0, fmt.Errorf("evaluator: the truth lost a column while it was read")
		}
		for i := range b.Rows {
			k, _ := keys.Text(i)
			code, err := g.next(b, i, k)
			if err != nil {
				faults, err = faultsOr(err)
				return faults, 0, err
			}
			both.add(code)
			all.add(code)
			count.add(g.unitOf(k))
		}
	}
	for k, x := range spec.Slices {
		if g.of[k].shown(int64(x.Min)) == nil {
			faults = append(faults, aihub.Fault{Code: "too_few_rows", Where: fmt.Sprintf("slices[%d]", k), Message: aihub.Text{
				EN: fmt.Sprintf("no two groups by %s have %d rows: lower min, or leave the slice out", clip(strings.Join(x.By, ", ")), x.Min),
				ZH: fmt.Sprintf("按 %s 分组没有两个组达到 %d 行：请调低 min 或去掉该切片", clip(strings.Join(x.By, "、")), x.Min),
			}})
		}
	}
	for k := range g.of {
		for j := range k {
			if rows := both.difference(g, j, k); rows > 0 {
				faults = append(faults, aihub.Fault{Code: "nested_slices", Where: fmt.Sprintf("slices[%d]", k), Message: aihub.Text{
					EN: fmt.Sprintf("some groups of this and some of slices[%d] differ by %d rows, so that these could be computed: keep one of the two slices, or raise min", j, rows),
					ZH: fmt.Sprintf("本切片的若干组与 slices[%d] 的若干组仅相差 %d 行，相减即可得出这些行：请只保留其一，或调高 min", j, rows),
				}})
			}
		}
	}
	if len(faults) == 0 { // what two of them tell is said of these two
		faults = all.faults(g)
	}
	if spec.Unit != "" {
		units = count.worth()
	}
	return faults, units, nil
}

// crossing counts the rows of each group of one slice that are in each of another.
type crossing struct {
	slices int
	rows   [][]int64 // of two slices, the first before the second: of each two groups
}

func newCrossing(n int) *crossing {
	c := &crossing{slices: n, rows: make([][]int64, n*n)}
	for k := range n {
		for j := range k {
			c.rows[j*n+k] = make([]int64, scenarios.MaxGroups*scenarios.MaxGroups)
		}
	}
	return c
}

func (c *crossing) add(code []uint16) {
	for k, b := range code {
		for j, a := range code[:k] {
			c.rows[j*c.slices+k][int(a)*scenarios.MaxGroups+int(b)]++
		}
	}
}

// difference is how many rows tell unions of sets that slice j shows from unions of
// those that k shows, where these are fewer than may be shown; 0 if there are none.
// By the stricter min of the two no set leaves few rows without those of the other
// slice inside it, and no two sets are nearly equal; by the other, no two unions are.
func (c *crossing) difference(g *grouping, j, k int) int64 {
	rows := c.rows[j*c.slices+k]
	at := func(a, b int) int64 { return rows[a*scenarios.MaxGroups+b] }
	min := int64(max(g.spec.Slices[j].Min, g.spec.Slices[k].Min))
	if n := left(g.of[j], g.of[k], g.spec.Slices[j], g.spec.Slices[k], min, at); n > 0 {
		return n
	}
	if n := left(g.of[k], g.of[j], g.spec.Slices[k], g.spec.Slices[j], min, func(a, b int) int64 { return at(b, a) }); n > 0 {
		return n
	}
	one, other := g.of[j].shown(int64(g.spec.Slices[j].Min)), g.of[k].shown(int64(g.spec.Slices[k].Min))
	w := make([][]int64, len(one)+len(other)) // rows of two sets
	for i := range w {
		w[i] = make([]int64, len(w))
	}
	for x, set := range one {
		for y, part := range other {
			var both, all int64
			for _, a := range set {
				all += g.of[j].rows[a]
				for _, b := range part {
					both += at(a, b)
				}
			}
			for _, b := range part {
				all += g.of[k].rows[b]
			}
			if n := all - 2*both; n > 0 && n < min {
				return n
			}
			w[x][len(one)+y], w[len(one)+y][x] = both, both
		}
	}
	// Where a union of one slice and one of the other differ, a row is in a set on one
	// side and in a set not on it: a cut of the graph whose edges are rows.
	if n := leastCut(w); n < int64(g.spec.Slices[j].Min) && n < int64(g.spec.Slices[k].Min) {
		return n
	}
	return 0
}

// leastCut is the least weight, but 0, of all edges between some nodes of a graph and
// the others (Stoer and Wagner, 1997); 0 if there is none. It changes w, the weights,
// which are symmetric.
func leastCut(w [][]int64) (least int64) {
	for n := len(w); n > 1; n-- {
		sum, in := make([]int64, n), make([]bool, n)
		var s, t int // the last two
		for range n {
			next := -1
			for v := range n {
				if !in[v] && (next < 0 || sum[v] > sum[next]) {
					next = v
				}
			}
			in[next] = true
			s, t = t, next
			for v := range n {
				if !in[v] {
					sum[v] += w[next][v]
				}
			}
		}
		if sum[t] > 0 && (least == 0 || sum[t] < least) {
			least = sum[t]
		}
		// s takes the edges of t, and the last node its place.
		for v := range n {
			w[s][v] += w[t][v]
			w[v][s] = w[s][v]
		}
		w[s][s] = 0
		for v := range n {
			w[t][v] = w[n-1][v]
			w[v][t] = w[t][v]
		}
		w[t][t] = 0
	}
	return least
}

// left looks at the sets of outer without those of inner. Rows of inner without a
// set are in none.
func left(outer, inner slicing, o, i scenarios.Slice, min int64, at func(a, b int) int64) int64 {
	for _, set := range outer.shown(int64(o.Min)) {
		rest, some := int64(0), false
		for _, a := range set {
			rest += outer.rows[a]
		}
		for _, part := range inner.shown(int64(i.Min)) {
			rows, inside := int64(0), int64(0)
			for _, b := range part {
				rows += inner.rows[b]
				for _, a := range set {
					inside += at(a, b)
				}
			}
			if inside == rows {
				rest, some = rest-rows, true
			}
		}
		if some && rest > 0 && rest < min {
			return rest
		}
	}
	return 0
}
