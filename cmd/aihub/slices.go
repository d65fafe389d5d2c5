package main

import (
	"fmt"
	"strings"

	"aihub"
)

// slices prints the values of every metric on groups of rows. The worst group of
// a metric has a star.
func (p *process) slices(values []aihub.MetricValue) {
	if len(values) == 0 {
		return
	}
	for k, s := range values[0].Slices {
		by := strings.Join(s.By, ", ")
		if len(s.Groups) == 0 {
			fmt.Fprintf(p.Out, "%s: %s\n", p.t("slices.title", "By", printable(by)), p.t("slices.none"))
			continue
		}
		head := []string{printable(by), p.t("slices.rows")}
		for _, m := range values {
			head = append(head, m.ID)
		}
		var rows [][]string
		for g, group := range s.Groups {
			row := []string{p.groupName(group), fmt.Sprint(group.N)}
			for _, m := range values {
				cell := "-"
				if k < len(m.Slices) && g < len(m.Slices[k].Groups) {
					x := m.Slices[k].Groups[g]
					cell = number(aihub.MetricValue{Value: x.Value, Status: x.Status})
					if x.Status != aihub.MetricUndefined && (x.Lo != 0 || x.Hi != 0) {
						cell += fmt.Sprintf(" [%.3g, %.3g]", x.Lo, x.Hi)
					}
					if m.Slices[k].Worst == g {
						cell += " *"
					}
				}
				row = append(row, cell)
			}
			rows = append(rows, row)
		}
		p.table(head, rows)
	}
}

// groupName names a group.
func (p *process) groupName(g aihub.GroupValue) string {
	if len(g.Of) == 0 {
		return p.t("slices.merged", "Count", g.Merged)
	}
	var out []string
	for _, v := range g.Of {
		if v == "" {
			v = p.t("slices.empty")
		}
		out = append(out, printable(v))
	}
	return strings.Join(out, " · ")
}
