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
	if len(spec.GroupColumns()) == 0 {
		return nil, 0, nil
	}
	var count *unitCount
	if spec.Unit != "" {
		count = new(unitCount)
		faults, _, err := eachGrouped(ctx, spec, key, truth, input, func(_ []uint16, unit string) { count.add(unit) })
		if faults != nil || err != nil {
			return faults, 0, err
		}
		units = count.worth()
		if len(spec.Slices) == 0 {
			return nil, units, nil
		}
	}
	both, all := newCrossing(len(spec.Slices)), together{}
	faults, g, err := eachGrouped(ctx, spec, key, truth, input, func(code []uint16, unit string) {
		w := rowWeight(count, unit)
		both.add(code, w)
		all.add(code, w)
	})
	if faults != nil || err != nil {
		return faults, 0, err
	}
	en, zh := g.nouns()
	for k, x := range spec.Slices {
		if g.of[k].shown(int64(x.Min)) == nil {
			faults = append(faults, aihub.Fault{Code: "too_few_rows", Where: fmt.Sprintf("slices[%d]", k), Message: aihub.Text{
				EN: fmt.Sprintf("no two groups by %s have %d %s: lower min, or leave the slice out", clip(strings.Join(x.By, ", ")), x.Min, en),
				ZH: fmt.Sprintf("按 %s 分组没有两个组达到 %d %s：请调低 min 或去掉该切片", clip(strings.Join(x.By, "、")), x.Min, zh),
			}})
		}
	}
	for k := range g.of {
		for j := range k {
			if n := both.difference(g, j, k); n > 0 {
				faults = append(faults, aihub.Fault{Code: "nested_slices", Where: fmt.Sprintf("slices[%d]", k), Message: aihub.Text{
					EN: fmt.Sprintf("some groups of this and some of slices[%d] differ by %d %s, so that these could be computed: keep one of the two slices, or raise min", j, g.whole(n), en),
					ZH: fmt.Sprintf("本切片的若干组与 slices[%d] 的若干组仅相差 %d %s，相减即可得出：请只保留其一，或调高 min", j, g.whole(n), zh),
				}})
			}
		}
	}
	if len(faults) == 0 { // what two of them tell is said of these two
		faults = all.faults(g)
	}
	return faults, units, nil
}

// eachGrouped calls row with the groups and the unit of every row of a part.
func eachGrouped(ctx context.Context, spec scenarios.Spec, key, truth, input string, row func(code []uint16, unit string)) ([]aihub.Fault, *grouping, error) {
	fail := func(err error) ([]aihub.Fault, *grouping, error) {
		faults, err := faultsOr(err)
		return faults, nil, err
	}
	g, err := newGrouping(spec, key, truth, input)
	if err != nil {
		return fail(err)
	}
	defer g.Close()
	r, err := openColumns(truth, append([]string{key}, g.own...), "")
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		b, err := r.Next()
		if err == io.EOF {
			return nil, g, nil
		}
		if err != nil {
			return nil, nil, err
		}
		keys := b.Col(key)
		if keys == nil {
			return nil, nil, fmt.Errorf("evaluator: the truth lost a column while it was read")
		}
		for i := range b.Rows {
			k, _ := keys.Text(i)
			code, err := g.next(b, i, k)
			if err != nil {
				return fail(err)
			}
			row(code, g.unitOf(k))
		}
	}
}

// unitScale is what a whole unit weighs.
const unitScale = 1 << 20

// rowWeight is what a row adds to the size of a difference of groups: 1, or, where
// there are units, its share of its own. As many units at least have a row in some
// rows as these weigh together.
func rowWeight(count *unitCount, unit string) int64 {
	if count == nil {
		return 1
	}
	return max(1, unitScale/count.of(unit))
}

// scale is what one of what min counts weighs, and nouns say what that is.
func (g *grouping) scale() int64 {
	if g.spec.Unit == "" {
		return 1
	}
	return unitScale
}

// whole is how many of them a weight is, rounded up.
func (g *grouping) whole(weight int64) int64 { return (weight + g.scale() - 1) / g.scale() }

func (g *grouping) nouns() (en, zh string) {
	if g.spec.Unit == "" {
		return "rows", "行"
	}
	return "units", "个单元"
}

// crossing counts the rows of each group of one slice that are in each of another, by
// what each weighs.
type crossing struct {
	slices int
	all    [][]int64 // of a slice: of each group
	rows   [][]int64 // of two slices, the first before the second: of each two groups
}

func newCrossing(n int) *crossing {
	c := &crossing{slices: n, rows: make([][]int64, n*n)}
	for k := range n {
		c.all = append(c.all, make([]int64, scenarios.MaxGroups))
		for j := range k {
			c.rows[j*n+k] = make([]int64, scenarios.MaxGroups*scenarios.MaxGroups)
		}
	}
	return c
}

func (c *crossing) add(code []uint16, weight int64) {
	for k, b := range code {
		c.all[k][b] += weight
		for j, a := range code[:k] {
			c.rows[j*c.slices+k][int(a)*scenarios.MaxGroups+int(b)] += weight
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
	least := [2]int64{int64(g.spec.Slices[j].Min), int64(g.spec.Slices[k].Min)}
	min, union := max(least[0], least[1])*g.scale(), min(least[0], least[1])*g.scale()
	one, other := g.of[j].shown(least[0]), g.of[k].shown(least[1])
	if n := left(one, other, c.all[j], c.all[k], min, at); n > 0 {
		return n
	}
	if n := left(other, one, c.all[k], c.all[j], min, func(a, b int) int64 { return at(b, a) }); n > 0 {
		return n
	}
	w := make([][]int64, len(one)+len(other)) // rows of two sets
	for i := range w {
		w[i] = make([]int64, len(w))
	}
	for x, set := range one {
		for y, part := range other {
			var both, all int64
			for _, a := range set {
				all += c.all[j][a]
				for _, b := range part {
					both += at(a, b)
				}
			}
			for _, b := range part {
				all += c.all[k][b]
			}
			if n := all - 2*both; n > 0 && n < min {
				return n
			}
			w[x][len(one)+y], w[len(one)+y][x] = both, both
		}
	}
	// Where a union of one slice and one of the other differ, a row is in a set on one
	// side and in a set not on it: a cut of the graph whose edges are rows.
	if n := leastCut(w); n < union {
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
// set are in none. rows and others are what the groups of the two weigh.
func left(outer, inner [][]int, rows, others []int64, min int64, at func(a, b int) int64) int64 {
	for _, set := range outer {
		rest, some := int64(0), false
		for _, a := range set {
			rest += rows[a]
		}
		for _, part := range inner {
			all, inside := int64(0), int64(0)
			for _, b := range part {
				all += others[b]
				for _, a := range set {
					inside += at(a, b)
				}
			}
			if inside == all {
				rest, some = rest-all, true
			}
		}
		if some && rest > 0 && rest < min {
			return rest
		}
	}
	return 0
}
