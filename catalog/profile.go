package catalog

import (
	"slices"
	"sort"

	"aihub"
	"aihub/catalog/detect"
	"aihub/catalog/mask"
	"aihub/catalog/risk"
	"aihub/internal/table"
)

// minGroup is the least number of rows that a number shown about the data
// stands for.
const minGroup = 10

// Profile is what is known about a dataset version. It holds counts about the
// raw table and values of the masked one, no group of fewer than minGroup rows.
type Profile struct {
	Rows     int64            `json:"rows"` // raw
	Parts    map[string]int64 `json:"parts"`
	Columns  []ColumnProfile  `json:"columns"`
	Detected []detect.Finding `json:"detected"` // in the raw table, gravest first within a column
	Dropped  []string         `json:"dropped"`  // raw columns of which nothing is published
	Risk     *risk.Report     `json:"risk,omitempty"`
	Leaks    []Leak           `json:"leaks"`
	Examples []mask.Example   `json:"examples"` // what masking does, shown on made-up values
	Split    Split            `json:"split"`
}

// ColumnProfile describes one column: what it was, what was done, and what its
// masked values are. Those of a truth column are counted in the sample alone.
type ColumnProfile struct {
	Name      string     `json:"name"`
	Type      table.Type `json:"type"`
	Truth     bool       `json:"truth,omitempty"`
	Use       string     `json:"use"`
	Because   string     `json:"because,omitempty"`
	RawNulls  int64      `json:"raw_nulls"`
	Nulled    int64      `json:"nulled,omitempty"` // by masking: values that the technique could not take
	Rows      int64      `json:"rows"`             // counted
	Nulls     int64      `json:"nulls"`
	Distinct  int64      `json:"distinct"`            // at most maxDistinct
	Min       string     `json:"min,omitempty"`       // when at least minGroup rows have it
	Max       string     `json:"max,omitempty"`       //
	Quantiles []Quantile `json:"quantiles,omitempty"` // with at least minGroup rows on either side
	Top       []Group    `json:"top,omitempty"`       // the largest groups of equal values
	Small     int64      `json:"small_groups"`        // groups of fewer than minGroup rows, not shown
}

// Quantile is the value that a share P of the rows do not exceed.
type Quantile struct {
	P     float64 `json:"p"`
	Value string  `json:"value"`
}

// Group is a value and how many rows have it.
type Group struct {
	Value string `json:"value"`
	Rows  int64  `json:"rows"`
}

// Bounds of a column's profile.
const (
	maxDistinct = 100_000
	maxTop      = 20
	maxValue    = 64 // characters of a value that is shown
)

// profile describes the masked table that is published.
func (m *Manifest) profile(in *ingested, c cut) []ColumnProfile {
	var all []int
	for _, p := range aihub.Parts {
		all = append(all, c[p]...)
	}
	var out []ColumnProfile
	for i := range in.table.Cols {
		col := &in.table.Cols[i]
		rule, _ := m.Mask.Of(col.Name)
		cp := ColumnProfile{Name: col.Name, Type: col.Type, Use: rule.Use, Because: rule.Because, RawNulls: in.nulls[col.Name], Nulled: in.nulled[col.Name]}
		rows := all
		if slices.Contains(m.Truth, col.Name) {
			cp.Truth, rows = true, c[aihub.Sample]
		}
		if i == 0 {
			cp.Rows, cp.Distinct = int64(len(rows)), int64(len(rows)) // keys are unique and say nothing
			if m.KeyFrom == "rows" {
				cp.Use = "numbered"
			}
		} else {
			cp.count(col, rows)
		}
		out = append(out, cp)
	}
	return out
}

func (cp *ColumnProfile) count(col *table.Column, rows []int) {
	cp.Rows = int64(len(rows))
	groups := map[string]int64{}
	var present []int
	for _, r := range rows {
		v, ok := col.Text(r)
		if !ok {
			cp.Nulls++
			continue
		}
		present = append(present, r)
		if _, known := groups[v]; known || len(groups) < maxDistinct {
			groups[v]++
		}
	}
	cp.Distinct = int64(len(groups))
	for v, n := range groups {
		if n < minGroup {
			cp.Small++
			continue
		}
		if len([]rune(v)) <= maxValue {
			cp.Top = append(cp.Top, Group{v, n})
		}
	}
	sort.Slice(cp.Top, func(i, j int) bool {
		if cp.Top[i].Rows != cp.Top[j].Rows {
			return cp.Top[i].Rows > cp.Top[j].Rows
		}
		return cp.Top[i].Value < cp.Top[j].Value
	})
	cp.Top = cp.Top[:min(len(cp.Top), maxTop)]
	if col.Type == table.String || col.Type == table.Bool || len(present) == 0 {
		return
	}
	less := func(a, b int) int {
		if col.Type == table.Float64 {
			return compare(col.Flt[a], col.Flt[b])
		}
		return compare(col.Int[a], col.Int[b])
	}
	slices.SortStableFunc(present, less)
	n := len(present)
	text := func(i int) string { v, _ := col.Text(present[i]); return v }
	if n >= minGroup && text(0) == text(minGroup-1) {
		cp.Min = text(0)
	}
	if n >= minGroup && text(n-1) == text(n-minGroup) {
		cp.Max = text(n - 1)
	}
	for _, p := range []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99} {
		if float64(n)*min(p, 1-p) >= minGroup {
			cp.Quantiles = append(cp.Quantiles, Quantile{p, text(int(p * float64(n-1)))})
		}
	}
}

func compare[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
