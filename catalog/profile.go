package catalog

import (
	"cmp"
	"encoding/binary"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"aihub/catalog/detect"
	"aihub/catalog/mask"
	"aihub/catalog/risk"
	"aihub/catalog/risk/utility"
	"aihub/catalog/sketch"
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
	Detected []detect.Finding `json:"detected"`          // in the raw table, gravest first within a column
	Orphans  int64            `json:"orphans,omitempty"` // rows that were left out because their parent is not in the dataset they refer to
	Dropped  []string         `json:"dropped"`           // raw columns of which nothing is published
	Risk     *risk.Report     `json:"risk,omitempty"`
	Utility  *utility.Report  `json:"utility,omitempty"` // of a sample of the rows
	Leaks    []Leak           `json:"leaks"`
	Media    *MediaProfile    `json:"media,omitempty"`
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
	Unmet     int        `json:"unmet,omitempty"`  // values that suppress names and no row has; which, only the steward is told
	Rows      int64      `json:"rows"`             // counted
	Nulls     int64      `json:"nulls"`
	Distinct  int64      `json:"distinct"`            // counted up to keptValues, estimated (0.8 %) beyond
	Lengths   *Lengths   `json:"lengths,omitempty"`   // of texts, in characters
	Min       string     `json:"min,omitempty"`       // when at least minGroup rows have it
	Max       string     `json:"max,omitempty"`       //
	Quantiles []Quantile `json:"quantiles,omitempty"` // with at least minGroup rows on either side
	Bins      []Bin      `json:"bins,omitempty"`      // of numbers and times with many values
	Top       []Group    `json:"top,omitempty"`       // the largest groups of equal values
	Small     int64      `json:"small_groups"`        // groups of fewer than minGroup rows, not shown
}

// Lengths says how long the texts of a column are: the lengths that shares of
// them do not exceed, each with at least minGroup texts on either side.
type Lengths struct {
	Mean      float64    `json:"mean"`
	Quantiles []Quantile `json:"quantiles,omitempty"`
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
	keptValues = 20_000 // whose rows are counted one by one
	keptRanks  = 4096   // of a sketch of quantiles
	maxTop     = 20
	maxValue   = 64 // characters of a value that is shown
)

// unshown begins what stands for a text that is too long to be shown.
const unshown = "\x00"

// shares are those of which quantiles are shown.
var shares = []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}

// columnStats gathers a ColumnProfile, batch by batch, in bounded memory.
type columnStats struct {
	table.Field
	rows, nulls int64
	distinct    sketch.Distinct
	texts       *sketch.Top[string]
	ints        *sketch.Top[int64] // of Int64, Date, Timestamp and Bool
	floats      *sketch.Top[float64]
	length      int64 // of all texts together
	lengths     *sketch.Quantiles[int64]
	intRanks    *sketch.Quantiles[int64]
	floatRanks  *sketch.Quantiles[float64]
	min, max    extreme
}

// extreme is the least or greatest value and how many rows have it.
type extreme struct {
	i    int64
	f    float64
	rows int64
}

func newColumnStats(f table.Field) *columnStats {
	s := &columnStats{Field: f}
	switch f.Type {
	case table.String:
		s.texts, s.lengths = sketch.NewTop[string](keptValues), sketch.NewQuantiles[int64](keptRanks)
	case table.Float64:
		s.floats, s.floatRanks = sketch.NewTop[float64](keptValues), sketch.NewQuantiles[float64](keptRanks)
	default:
		s.ints, s.intRanks = sketch.NewTop[int64](keptValues), sketch.NewQuantiles[int64](keptRanks)
	}
	return s
}

// add looks at the values of c that rows names.
func (s *columnStats) add(c *table.Column, rows []int) {
	s.rows += int64(len(rows))
	for _, r := range rows {
		if c.Null(r) {
			s.nulls++
			continue
		}
		switch c.Type {
		case table.String:
			v := c.Str[r]
			n := int64(utf8.RuneCountInString(v))
			s.length += n
			s.lengths.Add(n)
			if n > maxValue { // counted by its hash, for it is never shown
				v = string(binary.BigEndian.AppendUint64([]byte(unshown), sketch.Hash(v)))
			}
			if s.texts.Add(v) {
				s.distinct.Add(sketch.Hash(v))
			}
		case table.Float64:
			v := c.Flt[r]
			if v != v {
				s.distinct.Add(0) // all that is no number is one value
				continue
			}
			if s.floats.Add(v) {
				s.distinct.Add(sketch.Mix(math.Float64bits(v + 0))) // -0 is 0
			}
			s.floatRanks.Add(v)
			s.min.see(0, v, s.min.rows == 0 || v < s.min.f, v == s.min.f)
			s.max.see(0, v, s.max.rows == 0 || v > s.max.f, v == s.max.f)
		case table.Bool:
			v := int64(0)
			if c.Bool[r] {
				v = 1
			}
			s.ints.Add(v)
		default:
			v := c.Int[r]
			if s.ints.Add(v) {
				s.distinct.Add(sketch.Mix(uint64(v)))
			}
			s.intRanks.Add(v)
			s.min.see(v, 0, s.min.rows == 0 || v < s.min.i, v == s.min.i)
			s.max.see(v, 0, s.max.rows == 0 || v > s.max.i, v == s.max.i)
		}
	}
}

func (e *extreme) see(i int64, f float64, beyond, same bool) {
	switch {
	case beyond:
		*e = extreme{i, f, 1}
	case same:
		e.rows++
	}
}

// profile fills in what was seen. Nothing stands for fewer than minGroup rows.
func (s *columnStats) profile(cp *ColumnProfile) {
	cp.Rows, cp.Nulls = s.rows, s.nulls
	one := table.NewColumn(s.Field, 1)
	text := func(i int64, f float64) string {
		one.Reset()
		switch s.Type {
		case table.Float64:
			one.AppendFlt(f)
		case table.Bool:
			one.AppendBool(i == 1)
		default:
			one.AppendInt(i)
		}
		v, _ := one.Text(0)
		return v
	}
	switch {
	case s.texts != nil:
		top(cp, s.texts, func(v string) string { return v }, s.distinct.Count())
		if n := s.rows - s.nulls; n >= minGroup {
			cp.Lengths = &Lengths{Mean: math.Round(10*float64(s.length)/float64(n)) / 10}
			cp.Lengths.Quantiles = quantiles(s.lengths, n, func(v int64) string { return strconv.FormatInt(v, 10) })
		}
	case s.floats != nil:
		top(cp, s.floats, func(v float64) string { return text(0, v) }, s.distinct.Count())
		cp.Quantiles = quantiles(s.floatRanks, s.rows-s.nulls, func(v float64) string { return text(0, v) })
		if n := len(s.floats.Counts); s.floats.Exact() && n > fewValues && n <= maxSingle {
			cp.Bins = singles(s.floats.Counts, func(v float64) string { return text(0, v) })
		} else if cp.Distinct > maxSingle && len(cp.Quantiles) > 1 {
			lo, hi := s.floatRanks.At(cp.Quantiles[0].P)[0], s.floatRanks.At(cp.Quantiles[len(cp.Quantiles)-1].P)[0]
			cp.Bins = bins(s.floatRanks, s.rows-s.nulls, evenly(lo, hi), func(v float64) string { return table.FormatFloat(rounded(v, hi-lo)) })
		}
	default:
		top(cp, s.ints, func(v int64) string { return text(v, 0) }, s.distinct.Count())
		cp.Quantiles = quantiles(s.intRanks, s.rows-s.nulls, func(v int64) string { return text(v, 0) })
		if n := len(s.ints.Counts); s.ints.Exact() && n > fewValues && n <= maxSingle {
			cp.Bins = singles(s.ints.Counts, func(v int64) string { return text(v, 0) })
		} else if cp.Distinct > maxSingle && len(cp.Quantiles) > 1 {
			lo, hi := s.intRanks.At(cp.Quantiles[0].P)[0], s.intRanks.At(cp.Quantiles[len(cp.Quantiles)-1].P)[0]
			var edges []int64
			for _, e := range evenly(float64(lo), float64(hi)) {
				if v := int64(math.Round(e)); len(edges) == 0 || v > edges[len(edges)-1] {
					edges = append(edges, v)
				}
			}
			cp.Bins = bins(s.intRanks, s.rows-s.nulls, edges, func(v int64) string { return text(v, 0) })
		}
	}
	if s.min.rows >= minGroup {
		cp.Min = text(s.min.i, s.min.f)
	}
	if s.max.rows >= minGroup {
		cp.Max = text(s.max.i, s.max.f)
	}
}

// top fills in the groups of equal values.
func top[K cmp.Ordered](cp *ColumnProfile, t *sketch.Top[K], text func(K) string, distinct int64) {
	if cp.Distinct = min(distinct, cp.Rows-cp.Nulls); t.Exact() {
		cp.Distinct = int64(len(t.Counts))
	}
	large := int64(0)
	for v, n := range t.Counts {
		if n < minGroup {
			continue
		}
		large++
		if s := text(v); !strings.HasPrefix(s, unshown) {
			cp.Top = append(cp.Top, Group{s, n})
		}
	}
	cp.Small = max(0, cp.Distinct-large)
	sort.Slice(cp.Top, func(i, j int) bool {
		if cp.Top[i].Rows != cp.Top[j].Rows {
			return cp.Top[i].Rows > cp.Top[j].Rows
		}
		return cp.Top[i].Value < cp.Top[j].Value
	})
	cp.Top = cp.Top[:min(len(cp.Top), maxTop)]
}

// quantiles returns those of n values that at least minGroup lie on either side of.
func quantiles[T cmp.Ordered](q *sketch.Quantiles[T], n int64, text func(T) string) (out []Quantile) {
	for i, v := range q.At(shares...) {
		if p := shares[i]; float64(n)*min(p, 1-p) >= minGroup {
			out = append(out, Quantile{p, text(v)})
		}
	}
	return out
}
