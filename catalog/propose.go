package catalog

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"aihub/catalog/detect"
	"aihub/internal/table"
)

// Bounds of a proposed hierarchy of codes: a value that fewer rows than minGroup
// have is not listed, and becomes missing.
const (
	minCode  = 4 // characters
	maxCode  = 12
	maxCodes = 2000
	listed   = 0.8 // of the rows, at least
)

// generalise makes the rule of a quasi-identifier one that hides rows: bands as
// wide as a sixteenth of what most values span, codes by their first characters.
// What a search may do with dates, addresses and kept columns needs no more.
func generalise(s *columnStats, p *detect.Proposal) {
	if p.Use != "keep" && p.Use != "band" {
		return
	}
	if rule := codeRule(s); rule != "" {
		p.Use, p.Rule = "hierarchy", rule
		return
	}
	if rule := bandRule(s); rule != "" {
		p.Use, p.Rule = "band", rule
	}
}

// bandRule cuts a number into bands, the first and last of them open when at
// least minGroup rows are in each.
func bandRule(s *columnStats) string {
	n := float64(s.rows - s.nulls)
	if n == 0 {
		return ""
	}
	var q []float64
	shares := []float64{0.01, 0.05, 0.95, 0.99}
	switch {
	case s.Type == table.Float64:
		q = s.floatRanks.At(shares...)
	case s.Type == table.Int64:
		for _, v := range s.intRanks.At(shares...) {
			q = append(q, float64(v))
		}
	default:
		return ""
	}
	width := nice((q[2] - q[1]) / 16)
	if s.Type == table.Int64 {
		width = max(1, width)
	}
	if !(width >= 1e-6) || // clean writes nine digits
		math.IsInf(width, 0) || math.Abs(q[0]) > 1e12 || math.Abs(q[3]) > 1e12 {
		return ""
	}
	rule := "{use: band, width: " + clean(width)
	lo, hi := math.Floor(q[0]/width)*width, math.Ceil(q[3]/width)*width
	if n*shares[0] >= minGroup && lo < hi {
		rule += ", min: " + clean(lo) + ", max: " + clean(hi)
	}
	return rule + "}"
}

// clean writes a number that is a multiple of a nice one without the dust of
// binary fractions.
func clean(v float64) string {
	return table.FormatFloat(math.Round(v*1e9) / 1e9)
}

// nice is the least of 1, 2 and 5 times a power of ten that is not below x.
func nice(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	p := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= x {
			return m * p
		}
	}
	return 10 * p
}

// codeRule is the hierarchy of a column of codes, numbers of one length such as
// those of regions and post offices; "" when it is none.
func codeRule(s *columnStats) string {
	rows := map[string]int64{}
	switch {
	case s.Type == table.String && s.texts.Exact():
		rows = s.texts.Counts
	case s.Type == table.Int64 && s.ints.Exact():
		for v, n := range s.ints.Counts {
			rows[fmt.Sprint(v)] = n
		}
	}
	var codes []string
	var known int64
	length := 0
	for v, n := range rows {
		if length == 0 {
			length = len(v)
		}
		if len(v) != length || strings.Trim(v, "0123456789") != "" {
			return ""
		}
		if n >= minGroup {
			codes, known = append(codes, v), known+n
		}
	}
	if length < minCode || length > maxCode || s.Type == table.Int64 && length <= minCode || // a year is a number
		len(codes) < 2 || len(codes) > maxCodes || float64(known) < listed*float64(s.rows-s.nulls) {
		return ""
	}
	sort.Strings(codes)
	step := 1
	if length%2 == 0 {
		step = 2
	}
	var b strings.Builder
	b.WriteString("use: hierarchy\nlevel: 1\non_invalid: missing\nhierarchy: |")
	for _, c := range codes {
		b.WriteString("\n  " + c)
		for n := length - step; n > 0; n -= step {
			b.WriteString(";" + c[:n] + strings.Repeat("*", length-n))
		}
		b.WriteString(";*")
	}
	return b.String()
}
