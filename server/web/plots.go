package web

import (
	"math"
	"strings"

	"aihub/catalog"
	"aihub/catalog/risk"
	"aihub/catalog/risk/utility"
	"aihub/internal/i18n"
)

// percent renders n of a whole, and never 0 % or 100 % for what is not.
func percent(n, of int64) string {
	switch {
	case n <= 0 || of <= 0:
		return "0 %"
	case n >= of:
		return "100 %"
	}
	return i18n.Number(min(99.9, max(0.1, 100*float64(n)/float64(of))), 1) + " %"
}

// hbar is a line of a plot of bars that lie: what, how much, and up to two bars.
type hbar struct {
	label        string
	plain        bool // label is ours, not a value: a rest, not a group
	value        string
	width, other string // 0 to 100; other "" is one bar
}

func width(n, most int64) string { return num(100 * float64(n) / float64(max(most, 1))) }

// groupBars are the largest groups of a column, what else there is, and nulls.
func (p *page) groupBars(c catalog.ColumnPlot) (out []hbar) {
	most := max(c.Other, c.Nulls)
	for _, g := range c.Groups {
		most = max(most, g.Rows)
	}
	for _, g := range c.Groups {
		out = append(out, hbar{label: g.Value, value: percent(g.Rows, c.Rows), width: width(g.Rows, most)})
	}
	for key, n := range map[string]int64{"web.plots.other": c.Other, "web.plots.missing": c.Nulls} {
		if n > 0 {
			out = append(out, hbar{label: p.t(key), plain: true, value: percent(n, c.Rows), width: width(n, most)})
		}
	}
	if k := len(out); c.Other > 0 && c.Nulls > 0 && out[k-1].label == p.t("web.plots.other") {
		out[k-2], out[k-1] = out[k-1], out[k-2]
	}
	return out
}

// sizeBars are the classes over the quasi-identifiers, by their size.
func (p *page) sizeBars(bands []risk.Band) (out []hbar) {
	most, all := int64(0), int64(0)
	for _, b := range bands {
		most, all = max(most, b.Rows), all+b.Rows
	}
	for _, b := range bands {
		size := i18n.Int(b.From)
		if b.To != b.From {
			size += " – " + i18n.Int(b.To)
		}
		out = append(out, hbar{label: p.t("web.plots.size", i18n.Args{"Size": size}), value: percent(b.Rows, all), width: width(b.Rows, most)})
	}
	return out
}

// pairBars are the values of a column before masking and after.
func (p *page) pairBars(c utility.Column) (out []hbar) {
	most, raw, masked := int64(0), int64(0), int64(0)
	for _, b := range c.Bins {
		most = max(most, int64(b.Raw), int64(b.Masked))
		raw, masked = raw+int64(b.Raw), masked+int64(b.Masked)
	}
	for _, b := range c.Bins {
		x := hbar{label: b.Label, width: width(int64(b.Masked), most), other: width(int64(b.Raw), most),
			value: percent(int64(b.Raw), raw) + " → " + percent(int64(b.Masked), masked)}
		if b.Label == "" {
			x.label, x.plain = p.t("web.plots.other"), true
		}
		out = append(out, x)
	}
	return out
}

// histogram is a plot of upright bars, in the units of its view box: 360 by 140,
// the bars from 4 to 356 and from 110 up to 6.
type histogram struct {
	bars       []column
	from, to   string // labels below, where the tails begin
	fromX, toX float64
	mid        string // the median
	text       string // all of it in words
}

type column struct {
	x, y, w, h float64
	label      string
}

// histogram lays out the bins of a column. The first and the last are tails.
func (p *page) histogram(c catalog.ColumnPlot) (h histogram) {
	most, best := int64(1), 0
	for i, b := range c.Bins {
		if b.Rows > c.Bins[best].Rows {
			best = i
		}
		most = max(most, b.Rows)
	}
	step := 352 / float64(len(c.Bins))
	for i, b := range c.Bins {
		tall := 104 * float64(b.Rows) / float64(most)
		if b.Rows > 0 {
			tall = math.Max(tall, 1)
		}
		label := p.stretch(b) + ": " + percent(b.Rows, c.Rows)
		if b.Rows == 0 {
			label = p.stretch(b) + ": " + p.t("web.plots.few")
		}
		h.bars = append(h.bars, column{4 + step*float64(i) + 1, 110 - tall, step - 2, tall, label})
	}
	last := len(c.Bins) - 1
	h.from, h.to = c.Bins[0].To, c.Bins[last].From
	h.fromX, h.toX = 4.0, 356.0
	if c.Bins[0].From == "" { // the tails lie outside
		h.fromX, h.toX = 4+step, 356-step
	}
	if c.Median != "" {
		h.mid = p.t("web.plots.median", i18n.Args{"Value": c.Median})
	}
	h.text = strings.TrimSpace(p.t("web.plots.histogram", i18n.Args{
		"Column": c.Name, "Bins": i18n.Int(len(c.Bins)), "Most": p.stretch(c.Bins[best]), "Share": percent(c.Bins[best].Rows, c.Rows),
	}) + " " + h.mid)
	return h
}

// stretch names the values of a bin.
func (p *page) stretch(b catalog.Bin) string {
	switch {
	case b.From == b.To:
		return b.From
	case b.From == "":
		return "< " + b.To
	case b.To == "":
		return "≥ " + b.From
	}
	return b.From + " – " + b.To
}

// compared are the columns that masking changed and whose distributions can be
// laid on one another.
func compared(u *utility.Report) (out []utility.Column) {
	if u == nil {
		return nil
	}
	for _, c := range u.Columns {
		if len(c.Bins) > 1 && (c.TV > 0 || c.Kept < 1) {
			out = append(out, c)
		}
	}
	return out
}
