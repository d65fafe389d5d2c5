package catalog

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"aihub"
	"aihub/catalog/mask"
	"aihub/catalog/risk/lattice"
	"aihub/internal/table"
	"aihub/internal/yamlx"
)

// Search is the best choice of levels for the manifest's hierarchies.
type Search struct {
	Columns []SearchColumn `json:"columns"` // in the order of the nodes' levels
	Rows    int64          `json:"rows"`
	lattice.Result
}

// SearchColumn is a quasi-identifier of a search.
type SearchColumn struct {
	Name   string      `json:"name"`
	Levels int         `json:"levels"` // 0 to Levels-1 may be chosen; 1: masked as the manifest says
	Rules  []mask.Rule `json:"rules"`  // of each level, without the table of a hierarchy
}

// SearchLevels looks, in the raw table at rawPath, for the levels of the quasi-
// identifiers that lose least under the manifest's k, l, t and max_suppression:
// those of a hierarchy, and of a band, date, address or kept column the rules of
// its ladder. The others are masked as the manifest says. It stores and sends
// nothing. keep is how many nodes to return; report may be nil.
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
	if m.Risk.Subject != "" {
		l.add("risk", "risk.subject", "the search counts rows, and subject asks for people: take the line out to search, put it back to publish, and search for a greater k where people are then too few",
			"搜索按行计数，而 subject 按人计：搜索时请去掉此行，发布时再写回；若届时人数不足，请以更大的 k 重新搜索")
	}
	levels := make([]*lattice.Hierarchy, len(m.Risk.Quasi))
	ladders := make([]*ladder, len(m.Risk.Quasi))
	some := false
	for i, q := range m.Risk.Quasi {
		switch r, _ := m.Mask.Of(q); r.Use {
		case "keep", "band", "date", "address":
			some = true // its ladder waits for the column's type
		case "hierarchy":
			h, fs := lattice.Parse(q, r.Hierarchy)
			for _, f := range fs {
				l.add(f.Code, "mask.columns."+q+".hierarchy", f.Where+": "+f.Message.EN, f.Where+"："+f.Message.ZH)
			}
			levels[i], some = h, true
		}
	}
	if l.fs == nil && !some {
		l.add("risk", "risk", "there is nothing to search: list quasi-identifiers under risk, at least one of them with use: hierarchy, band, date, address or keep",
			"没有可搜索的内容：请在 risk 中列出准标识符，并至少对其中一列使用 use: hierarchy、band、date、address 或 keep")
	}
	if l.fs != nil {
		return s, badManifest(l.fs)
	}
	b, err := m.searchTable(ctx, rawPath, levels, ladders, &problem)
	if err != nil {
		return s, err
	}
	for i, q := range m.Risk.Quasi {
		r, _ := m.Mask.Of(q)
		r.Hierarchy = ""
		c := SearchColumn{Name: q, Levels: 1, Rules: []mask.Rule{r}}
		switch {
		case ladders[i].open():
			c.Rules = ladders[i].rules
			c.Levels = len(c.Rules)
		case levels[i] != nil:
			c.Levels, c.Rules[0] = levels[i].Levels(), mask.Rule{Use: "keep"}
			for r.Level = 1; r.Level < c.Levels; r.Level++ {
				c.Rules = append(c.Rules, r)
			}
		default:
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
	if m.Risk.L > 0 || m.Risk.T != nil {
		for _, name := range m.Risk.Sensitive {
			codes, n, fails := m.Risk.Judge(b.Col(name))
			problem.Sensitive = append(problem.Sensitive, lattice.Sensitive{Codes: codes, N: n, Fails: fails})
		}
	}
	s.Rows = int64(b.Rows)
	s.Result, err = lattice.Search(ctx, problem)
	return s, err
}

// Step names a level of a column in a word or two.
func (c SearchColumn) Step(level int) string {
	switch r := c.Rules[level]; r.Use {
	case "band":
		return "width " + table.FormatFloat(r.Width)
	case "suppress":
		return fmt.Sprintf("≥%d rows", r.FewerThan)
	case "date", "address":
		return r.To
	case "hierarchy":
		return fmt.Sprintf("level %d", r.Level)
	default:
		return r.Use
	}
}

// Rule is the rule of a level as YAML; of a hierarchy, without its table.
func (c SearchColumn) Rule(level int) string {
	r := c.Rules[level]
	var b strings.Builder
	b.WriteString("{use: " + r.Use)
	put := func(key, v string) {
		if v != "" {
			b.WriteString(", " + key + ": " + v)
		}
	}
	if r.Level > 0 {
		put("level", fmt.Sprint(r.Level))
	}
	if r.Width > 0 {
		put("width", table.FormatFloat(r.Width))
	}
	if r.Min != nil {
		put("min", table.FormatFloat(*r.Min))
	}
	if r.Max != nil {
		put("max", table.FormatFloat(*r.Max))
	}
	put("to", r.To)
	if r.FewerThan > 0 {
		put("fewer_than", fmt.Sprint(r.FewerThan))
	}
	if r.OnInvalid == "missing" {
		put("on_invalid", r.OnInvalid)
	}
	if r.Because != "" {
		put("because", yamlText(r.Because))
	}
	return b.String() + "}"
}

// Write returns the manifest with the levels of node: a column that is dropped is
// no quasi-identifier any more.
func (s Search) Write(manifestYAML []byte, node lattice.Node) (out []byte, err error) {
	m, err := ParseManifest(manifestYAML)
	if err != nil {
		return nil, err
	}
	out = manifestYAML
	left := func(names []string, gone string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == gone })
	}
	for i, c := range s.Columns {
		if c.Levels == 1 {
			continue
		}
		level := node.Levels[i]
		rule, path := c.Rule(level), []string{"mask", "columns", c.Name}
		if r := c.Rules[level]; r.Use == "hierarchy" {
			rule, path = fmt.Sprint(r.Level), append(path, "level")
		}
		if _, named := m.Mask.Columns[c.Name]; !named { // kept by default: it stays, or a rule cannot be put in its place
			if c.Rules[level].Use == "keep" {
				continue
			}
			return nil, aihub.Errorf(aihub.Contract, aihub.Text{
				EN: fmt.Sprintf("column %q has no rule of its own in the manifest: write %s under mask.columns", c.Name, rule),
				ZH: fmt.Sprintf("清单中列 %q 没有自己的规则：请在 mask.columns 下写 %s", c.Name, rule),
			})
		}
		if out, err = yamlx.Replace(out, rule, path...); err != nil {
			return nil, err
		}
		if c.Rules[level].Use != "drop" {
			continue
		}
		m.Risk.Quasi = left(m.Risk.Quasi, c.Name)
		if out, err = yamlx.Replace(out, yamlList(m.Risk.Quasi), "risk", "quasi"); err == nil && slices.Contains(m.Risk.Cells, c.Name) {
			m.Risk.Cells = left(m.Risk.Cells, c.Name)
			out, err = yamlx.Replace(out, yamlList(m.Risk.Cells), "risk", "cells")
		}
		if err != nil {
			return nil, err
		}
	}
	if len(m.Risk.Quasi) == 0 {
		return nil, aihub.Errorf(aihub.Refused, aihub.Text{EN: "the limits hold only when every quasi-identifier is dropped", ZH: "只有删除全部准标识符才能满足限值"}).
			WithHint(aihub.Text{EN: "lower k or raise max_suppression; or drop them by hand, and risk with them", ZH: "请降低 k 或提高 max_suppression；或手工删除这些列与 risk"})
	}
	_, err = ParseManifest(out)
	return out, err
}

func yamlList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = yamlText(n)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// searchTable reads the raw table: the codes of the columns with a hierarchy or a
// ladder, and the others that matter as they are masked. What is left apart by the
// finest rules of ladders may be too much: then it is read once more without them.
func (m *Manifest) searchTable(ctx context.Context, path string, levels []*lattice.Hierarchy, ladders []*ladder, p *lattice.Problem) (*table.Batch, error) {
	for {
		b, again, err := m.searchOnce(ctx, path, levels, ladders, p)
		if err != nil || !again {
			return b, err
		}
	}
}

func (m *Manifest) searchOnce(ctx context.Context, path string, levels []*lattice.Hierarchy, ladders []*ladder, p *lattice.Problem) (_ *table.Batch, again bool, _ error) {
	r, err := openRaw(path, m)
	if err != nil {
		return nil, false, err
	}
	defer r.Close()
	schema := r.Schema()
	if fs := m.check(schema); len(fs) > 0 {
		return nil, false, badManifest(fs)
	}
	plan := m.Mask
	plan.Columns = maps.Clone(plan.Columns)
	if plan.Columns == nil {
		plan.Columns = map[string]mask.Rule{}
	}
	for i, q := range m.Risk.Quasi {
		if ladders[i] == nil {
			rule, _ := m.Mask.Of(q)
			ladders[i] = m.newLadder(schema[slices.IndexFunc(schema, func(f table.Field) bool { return f.Name == q })], rule)
		}
		if ladders[i].open() {
			plan.Columns[q] = ladders[i].rules[0]
		}
	}
	// Classes do not depend on the key: any will do.
	masking, err := plan.Compile(schema, make([]byte, 32))
	if err != nil {
		return nil, false, err
	}
	if err := m.observe(ctx, path, masking, math.MaxInt64); err != nil {
		return nil, false, err
	}
	var fields []table.Field
	for _, f := range masking.Schema() {
		i := slices.Index(m.Risk.Quasi, f.Name)
		if i >= 0 && !ladders[i].open() && levels[i] == nil || slices.Contains(m.Risk.Sensitive, f.Name) {
			fields = append(fields, f)
		}
	}
	out := table.NewBatch(fields, 0)
	p.Codes = make([][]uint32, len(levels))
	none := make([][]int, len(levels)) // rows without a value on a ladder
	over := make([]bool, len(levels))
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
			return nil, false, err
		}
		b = masking.Records(b)
		masked := masking.Apply(b)
		for i, q := range m.Risk.Quasi {
			c := b.Col(q)
			switch l := ladders[i]; {
			case l.open() && !over[i]:
				made := masked.Col(q)
				for row := range b.Rows {
					code, ok, more := l.code(made, c, row)
					if over[i] = over[i] || more; !ok {
						none[i] = append(none[i], len(p.Codes[i]))
					}
					p.Codes[i] = append(p.Codes[i], code)
				}
			case levels[i] != nil:
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
		}
		for i := range out.Cols {
			c := masked.Col(out.Cols[i].Name)
			for row := range masked.Rows {
				out.Cols[i].AppendFrom(c, row)
			}
		}
		if out.Rows += b.Rows; out.Rows > maxRows {
			return nil, false, aihub.Errorf(aihub.Quota, aihub.Text{EN: fmt.Sprintf("the table has more than %d rows", maxRows), ZH: fmt.Sprintf("表格超过 %d 行", maxRows)})
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
		return nil, false, badManifest(l.fs)
	}
	if err := masking.Err(); err != nil {
		return nil, false, err
	}
	if slices.Contains(over, true) {
		for i, l := range ladders {
			if over[i] {
				l.coarser()
			} else if l != nil {
				l.clear()
			}
		}
		return nil, true, nil
	}
	for i, l := range ladders {
		if !l.open() {
			continue
		}
		var gone func() uint32
		if levels[i], gone, err = l.hierarchy(); err != nil {
			return nil, false, err
		}
		for _, row := range none[i] {
			p.Codes[i][row] = gone()
		}
	}
	return out, false, nil
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
