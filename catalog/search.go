package catalog

import (
	"context"
	"fmt"
	"io"
	"slices"

	"aihub"
	"aihub/catalog/risk/lattice"
	"aihub/internal/table"
)

// Search is the best choice of levels for the manifest's hierarchies.
type Search struct {
	Columns []SearchColumn `json:"columns"` // in the order of the nodes' levels
	Rows    int64          `json:"rows"`
	lattice.Result
}

// SearchColumn is a quasi-identifier of a search.
type SearchColumn struct {
	Name   string `json:"name"`
	Levels int    `json:"levels"` // 0 to Levels-1 may be chosen; 1: masked as the manifest says
}

// SearchLevels looks, in the raw table at rawPath, for the levels of the quasi-
// identifiers with a hierarchy that lose least under the manifest's k, l, t and
// max_suppression. The others are masked as the manifest says. It stores and
// sends nothing. keep is how many nodes to return; report may be nil.
func SearchLevels(ctx context.Context, manifestYAML []byte, rawPath string, keep int, report func(done, total uint64)) (Search, error) {
	var s Search
	m, err := ParseManifest(manifestYAML)
	if err != nil {
		return s, err
	}
	problem := lattice.Problem{K: m.Risk.K, MaxSuppression: m.Risk.MaxSuppression, Keep: keep, Progress: report}
	if m.Risk.Action == "refuse" {
		problem.MaxSuppression = 0
	}
	l := &linter{doc: m.doc}
	levels := make([]*lattice.Hierarchy, len(m.Risk.Quasi))
	some := false
	for i, q := range m.Risk.Quasi {
		if r, _ := m.Mask.Of(q); r.Use == "hierarchy" {
			h, fs := lattice.Parse(q, r.Hierarchy)
			for _, f := range fs {
				l.add(f.Code, "mask.columns."+q+".hierarchy", f.Where+": "+f.Message.EN, f.Where+"："+f.Message.ZH)
			}
			levels[i], some = h, true
		}
	}
	if l.fs == nil && !some {
		l.add("risk", "risk", "there is nothing to search: list quasi-identifiers under risk and mask at least one with use: hierarchy",
			"没有可搜索的内容：请在 risk 中列出准标识符，并至少对其中一列使用 use: hierarchy")
	}
	if l.fs != nil {
		return s, badManifest(l.fs)
	}
	b, err := m.searchTable(ctx, rawPath, levels, &problem)
	if err != nil {
		return s, err
	}
	for i, q := range m.Risk.Quasi {
		c := SearchColumn{Name: q, Levels: 1}
		if levels[i] != nil {
			c.Levels = levels[i].Levels()
		} else {
			names := map[string]uint32{}
			codes := make([]uint32, b.Rows)
			for r := range codes {
				codes[r] = nameCode(names, b.Col(q), r)
			}
			levels[i], problem.Codes[i] = lattice.Fixed(q, max(1, len(names))), codes
		}
		s.Columns = append(s.Columns, c)
	}
	problem.Dims = levels
	if m.Risk.L > 0 || m.Risk.T > 0 {
		for _, name := range m.Risk.Sensitive {
			codes, n, fails := m.Risk.Judge(b.Col(name))
			problem.Sensitive = append(problem.Sensitive, lattice.Sensitive{Codes: codes, N: n, Fails: fails})
		}
	}
	s.Rows = int64(b.Rows)
	s.Result, err = lattice.Search(ctx, problem)
	return s, err
}

// searchTable reads the raw table once: the codes of the columns with a
// hierarchy, and the others that matter as they are masked.
func (m *Manifest) searchTable(ctx context.Context, path string, levels []*lattice.Hierarchy, p *lattice.Problem) (*table.Batch, error) {
	r, err := openRaw(path, m)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	schema := r.Schema()
	if fs := m.check(schema); len(fs) > 0 {
		return nil, badManifest(fs)
	}
	// Classes do not depend on the key: any will do.
	masking, err := m.Mask.Compile(schema, make([]byte, 32))
	if err != nil {
		return nil, err
	}
	if err := m.observe(ctx, path, masking); err != nil {
		return nil, err
	}
	var fields []table.Field
	for _, f := range masking.Schema() {
		if slices.Contains(m.Risk.Quasi, f.Name) || slices.Contains(m.Risk.Sensitive, f.Name) {
			fields = append(fields, f)
		}
	}
	out := table.NewBatch(fields, 0)
	p.Codes = make([][]uint32, len(levels))
	unknown := map[string]int64{}
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		b = masking.Records(b)
		for i, q := range m.Risk.Quasi {
			if levels[i] == nil {
				continue
			}
			c := b.Col(q)
			rule, _ := m.Mask.Of(q)
			for row := range b.Rows {
				v, ok := c.Text(row)
				code, known := levels[i].Code(v)
				if ok && !known && rule.OnInvalid != "missing" {
					unknown[q]++
					continue
				}
				if !ok || !known {
					code = levels[i].Missing()
				}
				p.Codes[i] = append(p.Codes[i], code)
			}
		}
		masked := masking.Apply(b)
		for i := range out.Cols {
			c := masked.Col(out.Cols[i].Name)
			for row := range masked.Rows {
				out.Cols[i].AppendFrom(c, row)
			}
		}
		if out.Rows += b.Rows; out.Rows > maxRows {
			return nil, aihub.Errorf(aihub.Quota, aihub.Text{EN: fmt.Sprintf("the table has more than %d rows", maxRows), ZH: fmt.Sprintf("表格超过 %d 行", maxRows)})
		}
	}
	l := &linter{doc: m.doc}
	for _, q := range m.Risk.Quasi {
		if n := unknown[q]; n > 0 {
			l.add("hierarchy", "mask.columns."+q+".hierarchy", fmt.Sprintf("%d values of %q are not in its hierarchy: add them, or write on_invalid: missing", n, q),
				fmt.Sprintf("%q 有 %d 个值不在层级表中：请补充，或写 on_invalid: missing", q, n))
		}
	}
	if l.fs != nil {
		return nil, badManifest(l.fs)
	}
	return out, masking.Err()
}

// nameCode numbers the values of a column by first appearance.
func nameCode(names map[string]uint32, c *table.Column, row int) uint32 {
	v, ok := c.Text(row)
	if ok {
		v = "=" + v
	}
	code, known := names[v]
	if !known {
		code = uint32(len(names))
		names[v] = code
	}
	return code
}
