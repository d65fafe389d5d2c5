package mask

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"aihub"
	"aihub/internal/table"
)

// band replaces a number by the interval it lies in: 20-29 for integers and a
// whole width, [20,30) otherwise; <20 and >=90 beyond the ends.
type band struct {
	steps
	min, max *float64
	integers bool
	whole    bool // of integers, with whole ends and width: intervals are computed exactly
}

func newBand(width float64, min, max *float64, integers bool) band {
	origin := 0.0
	if min != nil {
		origin = *min
	}
	whole := integers
	for _, v := range []*float64{&width, min, max} {
		whole = whole && (v == nil || *v == math.Trunc(*v) && math.Abs(*v) <= 1<<53)
	}
	return band{newSteps(origin, width), min, max, integers, whole}
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
		if b.whole {
			out.AppendStr(b.ofInt(c.Int[i]))
			continue
		}
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

// ofInt is the interval of an integer. One that would reach beyond the integers ends
// with them.
func (b band) ofInt(v int64) string {
	if b.min != nil && v < int64(*b.min) {
		return "<" + strconv.FormatInt(int64(*b.min), 10)
	}
	if b.max != nil && v >= int64(*b.max) {
		return ">=" + strconv.FormatInt(int64(*b.max), 10)
	}
	w := int64(b.width)
	into := (v%w - int64(b.origin)%w) % w
	if into < 0 {
		into += w
	}
	lo, hi := v-into, v+(w-1-into)
	if lo > v {
		lo = math.MinInt64
	}
	if hi < v {
		hi = math.MaxInt64
	}
	if b.max != nil {
		hi = min(hi, int64(*b.max)-1)
	}
	if lo == hi {
		return strconv.FormatInt(lo, 10)
	}
	return strconv.FormatInt(lo, 10) + "-" + strconv.FormatInt(hi, 10)
}

// plain writes v without an exponent where people would.
func plain(v float64) string {
	if a := math.Abs(v); a >= 1e-4 && a < 1e21 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return table.FormatFloat(v)
}

func (b band) of(v float64) string {
	if b.min != nil && v < *b.min {
		return "<" + plain(*b.min)
	}
	if b.max != nil && v >= *b.max {
		return ">=" + plain(*b.max)
	}
	n := b.below(v)
	lo, hi := b.at(n), b.at(n+1)
	if b.max != nil {
		hi = min(hi, *b.max)
	}
	return "[" + plain(lo) + "," + plain(hi) + ")"
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

// date replaces an instant by the first day of its year, quarter, month or five years.
type date struct {
	to      string
	instant bool
}

func (date) Type() table.Type { return table.Date }

func (d date) Mask(c *table.Column, _ *table.Batch) (out table.Column, bad []int) {
	out = table.NewColumn(table.Field{Type: table.Date}, c.Len())
	if c.Valid == nil && d.all(out.Int[:c.Len()], c.Int) {
		out.Int = out.Int[:c.Len()]
		return out, nil
	}
	for i := range c.Len() {
		if c.Null(i) {
			out.AppendNull()
			continue
		}
		day, ok := d.of(c.Int[i])
		if !ok {
			bad = append(bad, i)
			out.AppendNull()
			continue
		}
		out.AppendInt(day)
	}
	return out, bad
}

// all puts what of returns for each of v into days, and says whether that is all:
// false, where a value is out of the years, or needs more than a table.
func (d date) all(days, v []int64) bool {
	firsts := &yearStart
	switch {
	case d.instant || d.to == "month" || d.to == "quarter":
		return false
	case d.to == "5years":
		firsts = &fiveYearStart
	}
	days = days[:len(v)]
	for i, day := range v {
		if day < int64(yearStart[1]) || day >= int64(yearStart[10000]) {
			return false
		}
		days[i] = int64(firsts[year(day)])
	}
	return true
}

// year is that of a day from the years 0 to 9999.
func year(day int64) int {
	y := int(uint64(day-int64(yearStart[0])) * 400 / 146097) // or one beside
	if int64(yearStart[y]) > day {
		y--
	}
	if int64(yearStart[y+1]) <= day {
		y++
	}
	return y
}

// of is the first day of what v, in days or microseconds, lies in; false outside
// of the years 1 to 9999.
func (d date) of(v int64) (day int64, ok bool) {
	if d.instant {
		v = floorDiv(v, 86400_000_000)
	}
	if v < int64(yearStart[1]) || v >= int64(yearStart[10000]) {
		return 0, false
	}
	day = v
	y := year(day)
	switch d.to {
	case "month", "quarter":
		m := 1 + int(day-int64(yearStart[y]))/31
		if m < 12 && civil(y, m+1, 1) <= day {
			m++
		}
		if d.to == "quarter" {
			m -= (m - 1) % 3
		}
		return civil(y, m, 1), true
	case "5years":
		y -= y % 5
	}
	return int64(yearStart[y]), true
}

// yearStart are the first days of the years 0 to 10000.
var yearStart = func() (t [10001]int32) {
	for y := range t {
		t[y] = int32(civil(y+400, 1, 1) - 146097) // civil takes no year 0
	}
	return t
}()

// fiveYearStart are, for each year, the first days of the five that it is one of.
var fiveYearStart = func() (t [10001]int32) {
	for y := range t {
		t[y] = yearStart[y-y%5]
	}
	return t
}()

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// address cuts an address behind its district (区, 县, 旗, or a city of county
// rank), or behind its city where it names no district. One without either is
// left to on_invalid.
type address struct{ city bool }

// mask cuts v. certain says that whatever else begins with the result has the same
// one.
func (a address) mask(v string) (place string, ok, certain bool) {
	place, ok, certain = a.cut(v)
	return place, ok && bareName(place), certain
}

func (a address) cut(v string) (place string, ok, certain bool) {
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
		kind := uint8(notHan)
		if i := uint32(r) - '一'; i < uint32(len(addressKind)) {
			kind = addressKind[i]
		} else if unicode.Is(unicode.Han, r) {
			kind = plainHan
		}
		if kind == plainHan || i == 0 {
			han = han && kind != notHan
			prev = r
			continue
		}
		switch kind {
		case notHan:
			han = false
			if '0' <= r && r <= '9' { // the street has begun
				return v[:city], cityHan, false
			}
		case streetMark:
			return v[:city], cityHan, false
		case cityMark:
			if prev != '超' && prev != '菜' && prev != '夜' && prev != '市' { // not a market, nor the beginning of 市中区
				cities, city, cityHan = cities+1, at, han
				if a.city || cities == 2 {
					return v[:at], han, true
				}
			}
		case districtMark:
			switch prev {
			case '小', '社', '园', '校', '景', '厂', '库', '片': // an estate
			default:
				if !a.city && i >= 2 {
					return v[:at], han, true
				}
			}
		}
		prev = r
	}
	return v[:city], cityHan, false
}

// run cuts addresses. Those of one table lie in few districts: a value that
// begins with what another was cut to needs no look at its characters.
func (a address) run(out *texts, src [][]byte) {
	var known [64]string
	for _, b := range src {
		v := text(b)
		var last *string
		if len(v) >= 12 {
			last = &known[nearness(b)]
			if *last != "" && strings.HasPrefix(v, *last) {
				out.data = append(out.data, *last...)
				out.end()
				continue
			}
		}
		place, ok, certain := a.mask(v)
		if !ok {
			out.fail()
			continue
		}
		if certain && last != nil && strings.HasPrefix(v, place) {
			*last = place
		}
		out.data = append(out.data, place...)
		out.end()
	}
}

// What a character of an address says.
const (
	plainHan   = iota // nothing
	notHan            // no Han character, so no part of a place's name
	streetMark        // the street has begun
	cityMark
	districtMark
)

// addressKind is what the characters from U+4E00 to U+9FFF say.
var addressKind = func() (t [0x5200]uint8) {
	for kind, marks := range map[uint8]string{streetMark: "路街号", cityMark: "市", districtMark: "区县旗"} {
		for _, r := range marks {
			t[r-'一'] = kind
		}
	}
	return t
}()
