package web

import (
	"strings"

	"aihub"
	"aihub/internal/i18n"
	"aihub/server/wire"
)

// slicesOf are the values whose groups a page may show: those that were released,
// else the sealed ones of who sees them.
func slicesOf(s *aihub.Score) (values []aihub.MetricValue, sealed bool) {
	if len(s.Released) > 0 && len(s.Released[0].Slices) > 0 || len(s.Sealed) == 0 {
		return s.Released, false
	}
	return s.Sealed, len(s.Sealed[0].Slices) > 0
}

// group names a group.
func (p *page) group(g aihub.GroupValue) string {
	if len(g.Of) == 0 {
		return p.t("slices.merged", i18n.Args{"Count": g.Merged})
	}
	var out []string
	for _, v := range g.Of {
		if v == "" {
			v = p.t("slices.empty")
		}
		out = append(out, v)
	}
	return strings.Join(out, " · ")
}

// groupValue renders the value of a group, with its interval when it has one: four
// digits, for a table has many of them.
func (p *page) groupValue(g aihub.GroupValue) string {
	if g.Status == aihub.MetricUndefined {
		return p.t("web.board.undefined")
	}
	out := i18n.Number(g.Value, 4)
	if g.Lo != 0 || g.Hi != 0 {
		out += " [" + i18n.Number(g.Lo, 3) + ", " + i18n.Number(g.Hi, 3) + "]"
	}
	return out
}

// slicesOfBoard are the slices of a final board; none when there are none.
func slicesOfBoard(b wire.Board) []aihub.Slice {
	for _, r := range b.Rows {
		if m, ok := valueOf(r.Values, b.Primary); ok && len(m.Slices) > 0 {
			return m.Slices
		}
	}
	return nil
}

// worst names the worst group of a row by slice k, and its value.
func (p *page) worst(r wire.BoardRow, metric string, k int) string {
	m, _ := valueOf(r.Values, metric)
	if k >= len(m.Slices) {
		return "—"
	}
	g, ok := m.Slices[k].WorstGroup()
	if !ok {
		return "—"
	}
	return p.group(g) + ": " + p.groupValue(g)
}
