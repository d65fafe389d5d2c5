package catalog

import (
	"aihub/catalog/risk"
)

// Plots is what a data card draws of a profile: counts of masked values, no group
// of fewer than minGroup rows. Whoever sees the card may see them.
type Plots struct {
	Columns []ColumnPlot
	Sizes   []risk.Band // of the classes over the quasi-identifiers
}

// ColumnPlot is a column's values: Bins of numbers and times that have many, else
// the largest groups of equal ones.
type ColumnPlot struct {
	Name   string
	Truth  bool
	Rows   int64 // counted; of a truth column those of the sample
	Nulls  int64
	Bins   []Bin
	Groups []Group
	Other  int64 // rows whose values are not shown: of small groups, or beyond the largest
	Median string
}

// plotGroups is how many groups a plot shows.
const plotGroups = 10

// Plots returns what may be drawn of p, without columns of which nothing may.
func (p Profile) Plots() (out Plots) {
	for i, c := range p.Columns {
		if i == 0 || c.Use == "media" {
			continue // keys and paths are of one row alone
		}
		x := ColumnPlot{Name: c.Name, Truth: c.Truth, Rows: c.Rows, Nulls: c.Nulls, Bins: c.Bins}
		for _, q := range c.Quantiles {
			if q.P == 0.5 {
				x.Median = q.Value
			}
		}
		if len(c.Bins) == 0 {
			x.Groups = c.Top[:min(plotGroups, len(c.Top))]
			x.Other = c.Rows - c.Nulls
			for _, g := range x.Groups {
				x.Other -= g.Rows
			}
		}
		if len(x.Bins)+len(x.Groups) > 0 {
			out.Columns = append(out.Columns, x)
		}
	}
	if p.Risk != nil {
		out.Sizes = p.Risk.Sizes
	}
	return out
}
