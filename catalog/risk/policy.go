package risk

import (
	"fmt"
	"slices"

	"aihub"
)

// Policy is what a dataset must reach before it is published. A limit that is not
// there is none; one of 0 is the strictest.
type Policy struct {
	Quasi          []string `json:"quasi" yaml:"quasi"`                     // columns of the masked table
	K              int      `json:"k" yaml:"k"`                             // least size of a class
	Subject        string   `json:"subject,omitempty" yaml:"subject"`       // column of the raw table that says whose a row is: classes then count people, not rows
	MaxSuppression float64  `json:"max_suppression" yaml:"max_suppression"` // share of rows that may be dropped for k, l and t
	Action         string   `json:"action" yaml:"action"`                   // suppress (default): drop rows of failing classes; refuse: publish all or nothing

	Cells    []string `json:"cells,omitempty" yaml:"cells"`         // quasi-identifiers whose cells may be suppressed for k before a row is dropped, the least needed first
	MaxCells float64  `json:"max_cells,omitempty" yaml:"max_cells"` // share of their cells

	Sensitive []string `json:"sensitive,omitempty" yaml:"sensitive"` // columns of the masked table that l and t are about
	L         float64  `json:"l,omitempty" yaml:"l"`                 // least diversity of a class's sensitive values
	Diversity string   `json:"diversity,omitempty" yaml:"diversity"` // of l: distinct (default), entropy, recursive
	C         float64  `json:"c,omitempty" yaml:"c"`                 // of recursive (c,l)-diversity
	T         *float64 `json:"t,omitempty" yaml:"t"`                 // greatest distance of a class's values from the table's
	Distance  string   `json:"distance,omitempty" yaml:"distance"`   // of t: equal (default), ordered

	MaxRisk     *float64 `json:"max_risk,omitempty" yaml:"max_risk"`         // average chance to name a published row
	Population  int64    `json:"population,omitempty" yaml:"population"`     // people of whom the rows are a sample
	MaxUniques  *float64 `json:"max_uniques,omitempty" yaml:"max_uniques"`   // share of the population estimated to be alone in their class
	MaxLinkage  *float64 `json:"max_linkage,omitempty" yaml:"max_linkage"`   // share of raw rows that the linkage test finds again
	MaxPresence *float64 `json:"max_presence,omitempty" yaml:"max_presence"` // how sure one may be that a person is in the public sample
}

// Declared reports whether there is a policy at all.
func (p Policy) Declared() bool {
	return len(p.Quasi) > 0 || len(p.Sensitive) > 0 || p.Subject != "" || p.Action != "" || p.Diversity != "" || p.Distance != "" || p.Population != 0 ||
		len(p.Cells) > 0 || p.MaxCells != 0 || p.K != 0 || p.MaxSuppression != 0 || p.L != 0 || p.C != 0 || p.T != nil ||
		p.MaxRisk != nil || p.MaxUniques != nil || p.MaxLinkage != nil || p.MaxPresence != nil
}

// Lint returns the faults of p. Where is a path below the policy. columns are
// those of the masked table.
func (p Policy) Lint(columns []string) (fs []aihub.Fault) {
	if !p.Declared() {
		return nil
	}
	add := func(where, en, zh string) {
		fs = append(fs, aihub.Fault{Code: "risk", Where: where, Message: aihub.Text{EN: en, ZH: zh}})
	}
	if len(p.Quasi) == 0 {
		add("quasi", "name the quasi-identifiers", "请列出准标识符")
	}
	named := func(key string, list []string) {
		for i, q := range list {
			where := fmt.Sprintf("%s[%d]", key, i)
			if !slices.Contains(columns, q) {
				add(where, fmt.Sprintf("the masked table has no column %q", q), fmt.Sprintf("脱敏后的表没有列 %q", q))
			}
			if slices.Contains(list[:i], q) {
				add(where, fmt.Sprintf("%q is named twice", q), fmt.Sprintf("%q 重复", q))
			}
		}
	}
	named("quasi", p.Quasi)
	if p.K < 2 || p.K > 1000 {
		add("k", "k is 2 to 1000", "k 应为 2 至 1000")
	}
	if p.MaxSuppression < 0 || p.MaxSuppression > 0.5 {
		add("max_suppression", "max_suppression is a share of rows, 0 to 0.5", "max_suppression 是行数占比，0 至 0.5")
	}
	if p.Action != "" && p.Action != "suppress" && p.Action != "refuse" {
		add("action", "action is suppress or refuse", "action 应为 suppress 或 refuse")
	}
	named("cells", p.Cells)
	for i, c := range p.Cells {
		if !slices.Contains(p.Quasi, c) {
			add(fmt.Sprintf("cells[%d]", i), fmt.Sprintf("%q is no quasi-identifier: suppressing its cells helps no class", c), fmt.Sprintf("%q 不是准标识符：隐藏其单元格无助于等价类", c))
		}
	}
	if len(p.Cells) > maxCells {
		add("cells", fmt.Sprintf("cells names at most %d columns", maxCells), fmt.Sprintf("cells 至多 %d 列", maxCells))
	}
	if p.MaxCells < 0 || p.MaxCells > 0.5 || (p.MaxCells > 0) != (len(p.Cells) > 0) {
		add("max_cells", "max_cells is the share of the cells of the columns in cells that may be suppressed, above 0 up to 0.5; the two go together", "max_cells 是 cells 所列各列中可隐藏单元格的占比，大于 0 且不超过 0.5；两者须一同给出")
	}
	named("sensitive", p.Sensitive)
	for i, s := range p.Sensitive {
		if slices.Contains(p.Quasi, s) {
			add(fmt.Sprintf("sensitive[%d]", i), fmt.Sprintf("%q is a quasi-identifier: within a class all rows share its value", s), fmt.Sprintf("%q 是准标识符：同一等价类内取值相同", s))
		}
	}
	if p.Subject != "" {
		if slices.Contains(p.Quasi, p.Subject) {
			add("subject", fmt.Sprintf("%q says whose a row is: as a quasi-identifier it would leave everybody alone", p.Subject), fmt.Sprintf("%q 标识行所属的人：作为准标识符会使每人独成一类", p.Subject))
		}
		if slices.Contains(p.Sensitive, p.Subject) {
			add("subject", fmt.Sprintf("%q says whose a row is: it is no sensitive value of theirs", p.Subject), fmt.Sprintf("%q 标识行所属的人，不是其敏感取值", p.Subject))
		}
		if len(p.Cells) > 0 {
			add("cells", "cells are suppressed until a class has k rows, and subject asks for k people: leave one of the two out", "cells 使等价类达到 k 行，而 subject 要求 k 人：请去掉其一")
		}
		if p.MaxLinkage != nil {
			add("max_linkage", "the linkage test looks for rows, and subject counts people: leave max_linkage out", "链接测试查找的是行，而 subject 按人计：请去掉 max_linkage")
		}
	}
	return append(fs, p.lintLimits()...)
}

// lintLimits checks the limits that need no columns.
func (p Policy) lintLimits() (fs []aihub.Fault) {
	add := func(where, en, zh string) {
		fs = append(fs, aihub.Fault{Code: "risk", Where: where, Message: aihub.Text{EN: en, ZH: zh}})
	}
	oneOf := func(where, v string, allowed ...string) {
		if v != "" && !slices.Contains(allowed, v) {
			add(where, fmt.Sprintf("%q is not a value of %s: use %v", v, where, allowed), fmt.Sprintf("%q 不是 %s 的合法取值：请用 %v", v, where, allowed))
		}
	}
	oneOf("diversity", p.Diversity, "distinct", "entropy", "recursive")
	oneOf("distance", p.Distance, "equal", "ordered")
	if p.L != 0 && (p.L < 1 || p.L > 1000) {
		add("l", "l is 1 to 1000", "l 应为 1 至 1000")
	}
	if p.L != float64(int(p.L)) && p.Diversity != "entropy" {
		add("l", "l is a whole number, unless diversity is entropy", "l 应为整数（diversity: entropy 除外）")
	}
	if (p.L != 0 || p.T != nil) && len(p.Sensitive) == 0 {
		add("sensitive", "l and t are about sensitive columns: name them", "l 与 t 针对敏感属性：请在 sensitive 中列出")
	}
	if p.Diversity != "" && p.L == 0 {
		add("diversity", "diversity goes with l", "diversity 须与 l 一同给出")
	}
	if p.Distance != "" && p.T == nil {
		add("distance", "distance goes with t", "distance 须与 t 一同给出")
	}
	if (p.Diversity == "recursive") != (p.C > 0) {
		add("c", "c is above 0 and goes with diversity: recursive", "c 应大于 0，且与 diversity: recursive 一同给出")
	}
	if p.MaxUniques != nil && p.Population == 0 {
		add("population", "max_uniques needs population: of how many people the rows are a sample", "max_uniques 需要 population：数据所抽取的总体人数")
	}
	if p.Population < 0 {
		add("population", "population is a number of people", "population 是人数")
	}
	for _, s := range []struct {
		key string
		v   *float64
	}{{"t", p.T}, {"max_risk", p.MaxRisk}, {"max_uniques", p.MaxUniques}, {"max_linkage", p.MaxLinkage}, {"max_presence", p.MaxPresence}} {
		if s.v != nil && !(*s.v >= 0 && *s.v <= 1) {
			add(s.key, s.key+" is 0 to 1", s.key+" 应为 0 至 1")
		}
	}
	return fs
}
