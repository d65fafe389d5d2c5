package catalog

import (
	"fmt"
	"slices"
	"strings"

	"aihub/catalog/mask"
	"aihub/catalog/risk/lattice"
	"aihub/internal/table"
)

// ladder is a quasi-identifier whose generalisation is a rule with a parameter:
// bands of twice the width, months, quarters and years, a district and its city;
// of texts that are kept, the rare ones are suppressed, and then all; what is kept
// because of something stays. Its rules are the levels of a search.
type ladder struct {
	field  table.Field
	rules  []mask.Rule       // finest first
	codes  map[string]uint32 // of what the finest makes of a value
	values *table.Batch      // a raw value for each code
	rows   []int64           // of each code
	n      int64             // of all
	fixed  bool              // however it is masked it has too many values: it stays as the manifest masks it
}

// open reports whether there is a level to choose.
func (l *ladder) open() bool { return l != nil && !l.fixed }

// maxSteps bounds how often a band is made twice as wide, maxFine how many values
// the finest rule of a ladder may leave apart: the next is the finest then.
const (
	maxSteps = 16
	maxFine  = 32_768
)

// rareShares are those of the rows that a text must have not to be suppressed.
var rareShares = [...]float64{0.01, 0.05}

// newLadder returns the rules that a search may choose from instead of r; nil when
// r is none that a ladder has. A column that the manifest needs is not dropped, nor
// are values of labels suppressed or of what is counted with noise.
func (m *Manifest) newLadder(f table.Field, r mask.Rule) *ladder {
	keep, drop := mask.Rule{Use: "keep"}, mask.Rule{Use: "drop"}
	l := &ladder{field: f}
	truth := slices.Contains(m.Truth, f.Name)
	defer func() {
		if truth || f.Name == m.Split.Column || f.Name == m.Parent.Column {
			l.rules = slices.DeleteFunc(l.rules, func(r mask.Rule) bool { return r.Use == "drop" })
		}
		if truth || m.Privacy.budget() != nil {
			l.rules = slices.DeleteFunc(l.rules, func(r mask.Rule) bool { return r.Use == "suppress" })
		}
	}()
	switch r.Use {
	case "keep":
		if r.Because != "" { // somebody has decided
			return nil
		}
		l.rules = []mask.Rule{r}
		if f.Type == table.String {
			for range rareShares {
				l.rules = append(l.rules, mask.Rule{Use: "suppress"})
			}
		}
		l.rules = append(l.rules, drop)
	case "band":
		l.rules = []mask.Rule{keep}
		for range maxSteps {
			l.rules = append(l.rules, r)
			r.Width *= 2
		}
		l.rules = append(l.rules, drop)
	case "date":
		l.rules = []mask.Rule{keep}
		for _, to := range []string{"month", "quarter", "year", "5years"} {
			r.To = to
			l.rules = append(l.rules, r)
		}
		l.rules = append(l.rules, drop)
	case "address":
		for _, to := range []string{"district", "city"} {
			r.To = to
			l.rules = append(l.rules, r)
		}
		l.rules = append(l.rules, drop)
	default:
		return nil
	}
	l.clear()
	return l
}

func (l *ladder) clear() {
	l.codes, l.values = map[string]uint32{}, table.NewBatch([]table.Field{l.field}, 0)
	l.rows, l.n = nil, 0
}

// code numbers the value that the finest rule makes of a raw one; false when it
// makes none. over reports that there are more of them than a search takes.
func (l *ladder) code(masked, raw *table.Column, row int) (code uint32, ok, over bool) {
	l.n++
	v, ok := masked.Text(row)
	if !ok {
		return 0, false, false
	}
	code, known := l.codes[v]
	if !known {
		if len(l.codes) >= maxFine {
			return 0, true, true
		}
		code = uint32(len(l.codes))
		l.codes[v] = code
		l.values.Cols[0].AppendFrom(raw, row)
		l.values.Rows++
		l.rows = append(l.rows, 0)
	}
	l.rows[code]++
	return code, true, false
}

// coarser gives the finest rule up; where no other is left but to suppress rare
// values or all, the column stays as it is.
func (l *ladder) coarser() {
	l.rules = l.rules[1:]
	l.clear()
	l.fixed = len(l.rules) == 0 || l.rules[0].Use == "suppress" || l.rules[0].Use == "drop"
}

// hierarchy returns what each code becomes under the other rules, and keeps those
// rules that tell fewer values apart than the one before. missing is the code of a
// row without a value.
func (l *ladder) hierarchy() (h *lattice.Hierarchy, missing func() uint32, _ error) {
	lines := make([][]string, l.values.Rows)
	for i := range lines {
		lines[i] = []string{fmt.Sprint(i)}
	}
	apart := len(lines)
	rules := l.rules[:1]
	rare := rareShares[:]
	for _, r := range l.rules[1:] {
		if apart <= 1 { // nothing is left to generalise
			break
		}
		names := map[string]uint32{}
		codes := make([]uint32, len(lines))
		switch r.Use {
		case "drop":
			names[""] = 0
		case "suppress":
			r.FewerThan = int(nice(rare[0] * float64(l.n)))
			rare = rare[1:]
			for i := range codes {
				if codes[i] = uint32(i) + 1; l.rows[i] < int64(r.FewerThan) {
					codes[i] = 0
				}
				names[fmt.Sprint(codes[i])] = 0
			}
		default:
			m, err := mask.Plan{Columns: map[string]mask.Rule{l.field.Name: r}}.Compile([]table.Field{l.field}, make([]byte, 32))
			if err != nil {
				return nil, nil, err
			}
			out := m.Apply(l.values)
			for i := range codes {
				codes[i] = nameCode(names, &out.Cols[0], i)
			}
		}
		if len(names) >= apart {
			continue
		}
		apart, rules = len(names), append(rules, r)
		for i := range lines {
			lines[i] = append(lines[i], fmt.Sprint(codes[i]))
		}
	}
	l.rules = rules
	if len(rules) == 1 {
		return lattice.Fixed(l.field.Name, len(lines)+1), func() uint32 { return uint32(len(lines)) }, nil
	}
	text := make([]string, len(lines))
	for i, cells := range lines {
		text[i] = strings.Join(cells, ";")
	}
	h, fs := lattice.Parse(l.field.Name, strings.Join(text, "\n"))
	if fs != nil {
		return nil, nil, fmt.Errorf("the rules for %s are not nested: %s", l.field.Name, fs[0].Message.EN)
	}
	return h, h.Missing, nil
}
