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
// them: a slice without two groups that may be shown, or groups of two slices whose
// difference is too small to be shown.
func countGroups(ctx context.Context, spec scenarios.Spec, key, truth, input string) ([]aihub.Fault, error) {
	g, err := newGrouping(spec, key, truth, input)
	if g == nil || err != nil {
		return faultsOr(err)
	}
	defer g.Close()
	r, err := openColumns(truth, append([]string{key}, g.own...), "")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	both := newCrossing(len(g.of))
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		keys := b.Col(key)
		if keys == nil {
			return nil, fmt.Errorf("evaluator: the truth lost a column while it was read")
		}
		for i := range b.Rows {
			k, _ := keys.Text(i)
			code, err := g.next(b, i, k)
			if err != nil {
				return faultsOr(err)
			}
			both.add(code)
		}
	}
	var faults []aihub.Fault
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
					EN: fmt.Sprintf("a group of one of this and slices[%d] is made of groups of the other and %d rows more, so that these could be computed: keep one of the two slices, or raise min", j, rows),
					ZH: fmt.Sprintf("本切片与 slices[%d] 中，一方的某组恰由另一方的若干组加上 %d 行组成，相减即可得出这些行：请只保留其一，或调高 min", j, rows),
				}})
			}
		}
	}
	return faults, nil
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

// difference is how many rows are left of a set that slice j or k shows without
// those of the other that lie inside it, where these are fewer than may be shown;
// 0 if there is no such set.
func (c *crossing) difference(g *grouping, j, k int) int64 {
	rows := c.rows[j*c.slices+k]
	at := func(a, b int) int64 { return rows[a*scenarios.MaxGroups+b] }
	min := int64(max(g.spec.Slices[j].Min, g.spec.Slices[k].Min))
	if n := left(g.of[j], g.of[k], g.spec.Slices[j], g.spec.Slices[k], min, at); n > 0 {
		return n
	}
	return left(g.of[k], g.of[j], g.spec.Slices[k], g.spec.Slices[j], min, func(a, b int) int64 { return at(b, a) })
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
