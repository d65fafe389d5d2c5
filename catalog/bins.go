package catalog

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"aihub/catalog/sketch"
)

// Bin is a stretch of values, From on and before To, or one value, and about how
// many rows are in it; an end that is "" is open. Fewer than minGroup rows are told
// as none.
type Bin struct {
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	Rows int64  `json:"rows"`
}

// maxBins is how many bins a column has between its tails; up to maxSingle
// values have a bin each, up to fewValues are shown as groups.
const (
	maxBins   = 16
	maxSingle = 32
	fewValues = 12
)

// singles counts each value by itself, in order; one of few rows is left out.
func singles[T cmp.Ordered](counts map[T]int64, text func(T) string) (out []Bin) {
	for _, v := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[v]; n >= minGroup {
			out = append(out, Bin{From: text(v), To: text(v), Rows: n})
		}
	}
	return out
}

// evenly cuts the stretch from lo to hi into equal bins.
func evenly(lo, hi float64) (edges []float64) {
	for i := range maxBins + 1 {
		if e := lo + (hi-lo)*float64(i)/maxBins; len(edges) == 0 || e > edges[len(edges)-1] {
			edges = append(edges, e)
		}
	}
	return edges
}

// rounded is v to about four digits of a range.
func rounded(v, wide float64) float64 {
	if wide <= 0 || math.IsInf(wide, 0) {
		return v
	}
	unit := math.Pow(10, math.Floor(math.Log10(wide))-3)
	return math.Round(v/unit) * unit
}

// bins counts n values between the edges and in the two tails.
func bins[T cmp.Ordered](q *sketch.Quantiles[T], n int64, edges []T, text func(T) string) []Bin {
	below := append(q.Below(edges...), n)
	var out []Bin
	last, from := int64(0), ""
	for i, b := range below {
		bin := Bin{From: from, Rows: max(0, b-last)}
		if i < len(edges) {
			bin.To = text(edges[i])
			from = bin.To
		}
		if bin.Rows < minGroup {
			bin.Rows = 0
		}
		last = max(last, b)
		out = append(out, bin)
	}
	return out
}
