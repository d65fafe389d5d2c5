package utility

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"aihub/internal/table"
)

// Bin is how many rows of the pairs have a value, or one in a stretch, before and
// after. Fewer than minShown rows are told as none.
type Bin struct {
	Label  string `json:"label"` // a masked value, or from–to; "" is everything else
	Raw    int    `json:"raw"`
	Masked int    `json:"masked"`
}

const (
	maxBins  = 10
	minShown = 10
)

// bins compares the distributions of a column whose type stayed the same: numbers
// in equal bins, texts by their commonest masked values. No raw value is named
// that is not a masked one too, and of numbers only where bins begin and end.
func bins(raw, masked *table.Column) []Bin {
	var out []Bin
	if a, ok := values(raw); ok {
		b, _ := values(masked)
		s := finite(a)
		if len(s) < 4*minShown {
			return nil
		}
		slices.Sort(s)
		lo, hi := s[len(s)/20], s[len(s)-1-len(s)/20]
		if hi <= lo {
			return nil
		}
		edge := func(i int) string {
			t := table.NewColumn(table.Field{Type: raw.Type}, 1)
			v := lo + (hi-lo)*float64(i)/maxBins
			if raw.Type == table.Float64 {
				t.AppendFlt(round(v, hi-lo))
			} else {
				t.AppendInt(int64(math.Round(v)))
			}
			text, _ := t.Text(0)
			return text
		}
		for i := range maxBins {
			label := edge(i) + " – " + edge(i+1)
			switch i {
			case 0:
				label = "< " + edge(1)
			case maxBins - 1:
				label = "≥ " + edge(i)
			}
			out = append(out, Bin{Label: label})
		}
		at := func(v float64) int {
			return max(0, min(maxBins-1, int(math.Floor((v-lo)/(hi-lo)*maxBins))))
		}
		for _, v := range s {
			out[at(v)].Raw++
		}
		for _, v := range finite(b) {
			out[at(v)].Masked++
		}
		return shown(out)
	}
	rows := map[string]*Bin{}
	other := Bin{}
	for i := range masked.Len() {
		if v, ok := masked.Text(i); ok {
			if rows[v] == nil {
				rows[v] = &Bin{Label: v}
			}
			rows[v].Masked++
		}
	}
	for _, b := range rows {
		if b.Masked >= minShown && len([]rune(b.Label)) <= 64 {
			out = append(out, *b)
		}
	}
	slices.SortFunc(out, func(a, b Bin) int { return cmp.Or(cmp.Compare(b.Masked, a.Masked), cmp.Compare(a.Label, b.Label)) })
	out = out[:min(len(out), maxBins)]
	place := map[string]int{}
	for i := range out {
		place[out[i].Label] = i
		other.Masked -= out[i].Masked
	}
	for _, b := range rows {
		other.Masked += b.Masked
	}
	for i := range raw.Len() {
		if v, ok := raw.Text(i); ok {
			if k, named := place[v]; named {
				out[k].Raw++
			} else {
				other.Raw++
			}
		}
	}
	if other.Raw+other.Masked > 0 {
		out = append(out, other)
	}
	return shown(out)
}

func shown(bins []Bin) []Bin {
	for i := range bins {
		for _, n := range []*int{&bins[i].Raw, &bins[i].Masked} {
			if *n < minShown {
				*n = 0
			}
		}
	}
	return bins
}

// round is v to about three digits of a range.
func round(v, wide float64) float64 {
	x, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', max(0, 2-int(math.Floor(math.Log10(wide)))), 64), 64)
	if err != nil {
		return v
	}
	return x
}
