// Package risk counts how well the rows of a masked table hide among each
// other. Rows that agree on the quasi-identifiers (准标识符, what an outsider may
// know of a person: age, sex, district) form a class; k is the size of the
// smallest. A row alone in its class is a sample unique, the one easiest to
// find. Counting is exact.
package risk

import (
	"fmt"
	"slices"
	"strings"

	"aihub"
	"aihub/internal/table"
)

// Policy is what a dataset must reach before it is published.
type Policy struct {
	Quasi          []string `json:"quasi" yaml:"quasi"`                     // columns of the masked table
	K              int      `json:"k" yaml:"k"`                             // least size of a class
	MaxSuppression float64  `json:"max_suppression" yaml:"max_suppression"` // share of rows that may be dropped for it
	Action         string   `json:"action" yaml:"action"`                   // suppress (default): drop rows of small classes; refuse: publish all or nothing
}

// Declared reports whether there is a policy at all.
func (p Policy) Declared() bool {
	return len(p.Quasi) > 0 || p.K != 0 || p.MaxSuppression != 0 || p.Action != ""
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
	for i, q := range p.Quasi {
		if !slices.Contains(columns, q) {
			add(fmt.Sprintf("quasi[%d]", i), fmt.Sprintf("the masked table has no column %q", q), fmt.Sprintf("脱敏后的表没有列 %q", q))
		}
		if slices.Contains(p.Quasi[:i], q) {
			add(fmt.Sprintf("quasi[%d]", i), fmt.Sprintf("%q is named twice", q), fmt.Sprintf("%q 重复", q))
		}
	}
	if p.K < 2 || p.K > 1000 {
		add("k", "k is 2 to 1000", "k 应为 2 至 1000")
	}
	if p.MaxSuppression < 0 || p.MaxSuppression > 0.5 {
		add("max_suppression", "max_suppression is a share of rows, 0 to 0.5", "max_suppression 是行数占比，0 至 0.5")
	}
	if p.Action != "" && p.Action != "suppress" && p.Action != "refuse" {
		add("action", "action is suppress or refuse", "action 应为 suppress 或 refuse")
	}
	return fs
}

// Numbers are the class counts of one table.
type Numbers struct {
	Rows    int     `json:"rows"`
	Classes int     `json:"classes"`
	K       int     `json:"k"`       // size of the smallest class; 0 for an empty table
	Below   int     `json:"below_k"` // rows in classes smaller than the policy's k
	Unique  int     `json:"uniques"` // rows alone in their class
	Largest int     `json:"largest"` // size of the largest class
	Risk    float64 `json:"risk"`    // highest chance to pick the right row for a known person: 1/K
}

// Report is what a gate found and did.
type Report struct {
	Policy     Policy         `json:"policy"`
	Before     Numbers        `json:"before"`            // of the masked table
	After      Numbers        `json:"after"`             // of what is published
	Suppressed int            `json:"suppressed"`        // rows dropped
	Without    map[string]int `json:"without,omitempty"` // rows below k, were this column left out
}

// Count returns the numbers of b over the columns quasi for classes of at least
// k, and for every row the size of its class. A null is a value like any other.
func Count(b *table.Batch, quasi []string, k int) (Numbers, []int) {
	cols := make([]*table.Column, len(quasi))
	for i, q := range quasi {
		cols[i] = b.Col(q)
	}
	class := map[string]int{} // values to class number
	of := make([]int, b.Rows)
	var sizes []int
	var key []byte
	for r := range b.Rows {
		key = key[:0]
		for _, c := range cols {
			v, ok := c.Text(r)
			if !ok {
				key = append(key, 0)
				continue
			}
			key = fmt.Appendf(key, "%d:", len(v)+1)
			key = append(key, v...)
		}
		n, ok := class[string(key)]
		if !ok {
			n = len(sizes)
			class[string(key)] = n
			sizes = append(sizes, 0)
		}
		sizes[n]++
		of[r] = n
	}
	num := Numbers{Rows: b.Rows, Classes: len(sizes)}
	for _, s := range sizes {
		if num.K == 0 || s < num.K {
			num.K = s
		}
		num.Largest = max(num.Largest, s)
		if s < k {
			num.Below += s
		}
		if s == 1 {
			num.Unique++
		}
	}
	if num.K > 0 {
		num.Risk = 1 / float64(num.K)
	}
	for r := range of {
		of[r] = sizes[of[r]]
	}
	return num, of
}

// Gate applies the policy to the masked table b. keep says for every row whether
// it may be published. The error is Refused, with the numbers and what would
// help, when more rows would have to go than the policy allows.
func Gate(b *table.Batch, p Policy) (rep Report, keep []bool, err error) {
	if p.Action == "" {
		p.Action = "suppress"
	}
	rep.Policy = p
	size := make([]int, 0)
	rep.Before, size = Count(b, p.Quasi, p.K)
	keep = make([]bool, b.Rows)
	for r, s := range size {
		keep[r] = s >= p.K
	}
	allowed := int(p.MaxSuppression * float64(b.Rows))
	if p.Action == "refuse" {
		allowed = 0
	}
	if rep.Before.Below > 0 && len(p.Quasi) > 1 {
		rep.Without = map[string]int{}
		for i, q := range p.Quasi {
			rest := slices.Delete(slices.Clone(p.Quasi), i, i+1)
			n, _ := Count(b, rest, p.K)
			rep.Without[q] = n.Below
		}
	}
	if rep.Before.Below > allowed {
		return rep, nil, refusal(rep, allowed)
	}
	// Whole classes go, so the others keep their size.
	rep.Suppressed = rep.Before.Below
	rep.After = rep.Before
	rep.After.Rows -= rep.Suppressed
	rep.After.Below, rep.After.Unique = 0, 0
	rep.After.Classes, rep.After.K = 0, 0
	count := map[int]int{} // class size to rows
	for r, s := range size {
		if keep[r] {
			count[s]++
		}
	}
	for s, rows := range count {
		rep.After.Classes += rows / s
		if rep.After.K == 0 || s < rep.After.K {
			rep.After.K = s
		}
	}
	rep.After.Risk = 0
	if rep.After.K > 0 {
		rep.After.Risk = 1 / float64(rep.After.K)
	}
	if rep.After.Rows == 0 {
		rep.After.Largest = 0
	}
	return rep, keep, nil
}

func refusal(rep Report, allowed int) error {
	p, n := rep.Policy, rep.Before
	en, zh := []string{}, []string{}
	for _, q := range p.Quasi {
		if w, ok := rep.Without[q]; ok {
			en, zh = append(en, fmt.Sprintf("without %s: %d", q, w)), append(zh, fmt.Sprintf("去掉 %s：%d", q, w))
		}
	}
	hint := aihub.Text{
		EN: "generalise a quasi-identifier further (a wider band, a higher level of its hierarchy, a year for a day)",
		ZH: "请进一步泛化准标识符（更宽的区间、更高的层级、以年代日）",
	}
	if len(en) > 0 {
		hint.EN += fmt.Sprintf("; rows in classes below %d, were one column dropped: %s", p.K, strings.Join(en, ", "))
		hint.ZH += fmt.Sprintf("；若去掉某列，小于 %d 的等价类所含行数：%s", p.K, strings.Join(zh, "，"))
	}
	return aihub.Errorf(aihub.Refused, aihub.Text{
		EN: fmt.Sprintf("%d of %d rows are in classes smaller than %d over %s (%d are unique); at most %d may be dropped",
			n.Below, n.Rows, p.K, strings.Join(p.Quasi, ", "), n.Unique, allowed),
		ZH: fmt.Sprintf("按 %[3]s 划分，%[2]d 行中有 %[1]d 行所在等价类小于 %[4]d（其中 %[5]d 行唯一）；最多可舍弃 %[6]d 行",
			n.Below, n.Rows, strings.Join(p.Quasi, "、"), p.K, n.Unique, allowed),
	}).WithHint(hint)
}
