package mask

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"aihub"
	"aihub/internal/table"
)

// band replaces a number by the interval it lies in: 20-29 for integers and a
// whole width, [20,30) otherwise; <20 and >=90 beyond the ends.
type band struct {
	width    float64
	min, max *float64
	integers bool
}

func (band) Type() table.Type { return table.String }

func (b band) Mask(c *table.Column, _ *table.Batch) (out table.Column, bad []int) {
	out = table.NewColumn(table.Field{Type: table.String}, c.Len())
	for i := range c.Len() {
		if c.Null(i) {
			out.AppendNull()
			continue
		}
		var v float64
		if b.integers {
			v = float64(c.Int[i])
		} else if v = c.Flt[i]; math.IsNaN(v) {
			out.AppendNull()
			continue
		}
		out.AppendStr(b.of(v))
	}
	return out, nil
}

func (b band) of(v float64) string {
	origin := 0.0
	if b.min != nil {
		origin = *b.min
		if v < origin {
			return "<" + table.FormatFloat(origin)
		}
	}
	if b.max != nil && v >= *b.max {
		return ">=" + table.FormatFloat(*b.max)
	}
	lo := origin + math.Floor((v-origin)/b.width)*b.width
	hi := lo + b.width
	if b.max != nil {
		hi = min(hi, *b.max)
	}
	if b.integers && lo == math.Trunc(lo) && hi == math.Trunc(hi) && math.Abs(hi) < 1e15 {
		if hi-1 == lo {
			return fmt.Sprintf("%d", int64(lo))
		}
		return fmt.Sprintf("%d-%d", int64(lo), int64(hi)-1)
	}
	return "[" + table.FormatFloat(lo) + "," + table.FormatFloat(hi) + ")"
}

// hierarchy replaces a value by its ancestor.
type hierarchy map[string]string

const maxHierarchy = 100_000 // lines

// parseHierarchy reads lines of value;level 1;level 2;… and returns what each
// value is at the level. All lines have as many levels, no value comes twice,
// and what is one at a level is one above it.
func parseHierarchy(text string, level int) (hierarchy, []aihub.Fault) {
	var fs []aihub.Fault
	add := func(param, en, zh string) {
		if len(fs) < 20 {
			fs = append(fs, aihub.Fault{Code: "hierarchy", Where: param, Message: aihub.Text{EN: en, ZH: zh}})
		}
	}
	h := hierarchy{}
	width := 0
	parent := map[string]string{} // "level;value" to its value one level up
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if strings.TrimSpace(text) == "" || len(lines) > maxHierarchy {
		add(".hierarchy", fmt.Sprintf("a hierarchy of 1 to %d lines value;level 1;level 2 is expected", maxHierarchy), fmt.Sprintf("需要 1 至 %d 行 值;第一级;第二级", maxHierarchy))
		return h, fs
	}
	for i, line := range lines {
		cells := strings.Split(strings.TrimSpace(line), ";")
		for k := range cells {
			cells[k] = strings.TrimSpace(cells[k])
		}
		if i == 0 {
			width = len(cells)
		}
		switch _, twice := h[cells[0]]; {
		case len(cells) != width || width < 2:
			add(".hierarchy", fmt.Sprintf("line %d of the hierarchy has %d cells; all need the same number, 2 or more", i+1, len(cells)), fmt.Sprintf("层级表第 %d 行有 %d 个单元格；各行须相同且不少于 2", i+1, len(cells)))
			continue
		case twice:
			add(".hierarchy", fmt.Sprintf("line %d of the hierarchy repeats a value", i+1), fmt.Sprintf("层级表第 %d 行的值重复", i+1))
			continue
		}
		for k := 1; k+1 < width; k++ {
			at := fmt.Sprintf("%d;%s", k, cells[k])
			if up, ok := parent[at]; ok && up != cells[k+1] {
				add(".hierarchy", fmt.Sprintf("line %d of the hierarchy puts %q under %q, an earlier line under %q", i+1, cells[k], cells[k+1], up), fmt.Sprintf("层级表第 %d 行将 %q 归入 %q，之前归入 %q", i+1, cells[k], cells[k+1], up))
			}
			parent[at] = cells[k+1]
		}
		if level >= 1 && level < width {
			h[cells[0]] = cells[level]
		} else {
			h[cells[0]] = ""
		}
	}
	if level < 1 || level >= width {
		add(".level", fmt.Sprintf("level %d is not in the hierarchy, which has 1 to %d", level, width-1), fmt.Sprintf("层级表没有第 %d 级，仅有 1 至 %d 级", level, width-1))
	}
	return h, fs
}

func (h hierarchy) up(v string) (string, bool) {
	up, ok := h[strings.TrimSpace(v)]
	return up, ok
}

// date replaces an instant by the first day of its year, month or five years.
type date struct {
	to      string
	instant bool
}

func (date) Type() table.Type { return table.Date }

func (d date) Mask(c *table.Column, _ *table.Batch) (out table.Column, bad []int) {
	out = table.NewColumn(table.Field{Type: table.Date}, c.Len())
	for i := range c.Len() {
		if c.Null(i) {
			out.AppendNull()
			continue
		}
		t := time.Unix(c.Int[i]*86400, 0).UTC()
		if d.instant {
			t = time.UnixMicro(c.Int[i]).UTC()
		}
		y, m := t.Year(), time.January
		if y < 1 || y > 9999 {
			bad = append(bad, i)
			out.AppendNull()
			continue
		}
		switch d.to {
		case "month":
			m = t.Month()
		case "5years":
			y -= y % 5
		}
		out.AppendInt(time.Date(y, m, 1, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	}
	return out, bad
}

// address cuts an address behind its district (区, 县, 旗, or a city of county
// rank), or behind its city where it names no district. One without either is
// left to on_invalid.
type address struct{ city bool }

func (a address) mask(v string) (string, bool) {
	v = trim(v)
	// Anything but Han characters before the district is no part of its name.
	han, cityHan := true, false
	cities, city := 0, 0
	var prev rune
	for i, at := 0, 0; i < 24 && at < len(v); i++ {
		// Nearly all are three bytes: not worth a call.
		r, n := rune(v[at]), 3
		if r>>4 == 0xe && at+2 < len(v) && v[at+1]>>6 == 2 && v[at+2]>>6 == 2 {
			r = r&15<<12 | rune(v[at+1])&63<<6 | rune(v[at+2])&63
		} else {
			r, n = utf8.DecodeRuneInString(v[at:])
		}
		at += n
		if (r < 0x4e00 || r > 0x9fff) && !unicode.Is(unicode.Han, r) {
			han = false
		}
		if i == 0 {
			prev = r
			continue
		}
		switch r {
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '路', '街', '号': // the street has begun
			return v[:city], cityHan
		case '市':
			if prev != '超' && prev != '菜' && prev != '夜' { // not a market
				cities, city, cityHan = cities+1, at, han
				if a.city || cities == 2 {
					return v[:at], han
				}
			}
		case '区', '县', '旗':
			switch prev {
			case '小', '社', '园', '校', '景', '厂', '库', '片': // an estate
			default:
				if !a.city && i >= 2 {
					return v[:at], han
				}
			}
		}
		prev = r
	}
	return v[:city], cityHan
}
