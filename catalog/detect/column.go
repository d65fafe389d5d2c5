package detect

import (
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"aihub/internal/table"
)

// Class is what a column is to a reader who looks for a person.
type Class string

// The classes, the gravest first.
const (
	Direct    Class = "direct"
	Quasi     Class = "quasi"
	Sensitive Class = "sensitive"
	None      Class = "none"
)

// Further kinds, of columns as a whole.
const (
	KindDistrict  Kind = "district"
	KindNamed     Kind = "column_name" // the column's name says what it holds
	KindUnique    Kind = "unique_code" // codes of one length, each of one row: for whoever knows the register
	KindDescribed Kind = "described"   // a description that came with the data says so
	KindLives     Kind = "long_span"   // days over thirty years and more, as those of birth
)

// Finding is what was found in one column. It holds no value: Shape is what one
// of them looks like (table.Shape).
type Finding struct {
	Column  string  `json:"column"`
	Class   Class   `json:"class"`
	Kind    Kind    `json:"kind,omitempty"`
	Inside  bool    `json:"inside,omitempty"` // within longer texts
	Values  int64   `json:"values"`           // not null
	Matches int64   `json:"matches"`
	Share   float64 `json:"share"`
	Shape   string  `json:"shape,omitempty"`
	Use     string  `json:"use,omitempty"` // masking technique proposed
}

// Column gathers evidence about one column, batch by batch.
type Column struct {
	name     string
	text     bool // of type String
	float    bool
	bool     bool
	named    bool // its name says that it identifies people, whatever its values are
	axis     bool // its name says that it is a latitude or a longitude
	values   int64
	whole    [kinds]int64 // values that are an identifier and nothing else
	inside   [kinds]int64 // values that contain one
	shape    [kinds]string
	distinct map[uint64]struct{} // hashes, up to maxDistinct
	seed     maphash.Seed
	rounded  int64   // resident numbers that a float rounded
	cards    int64   // bank cards that it rounded
	exact    int64   // degrees with four decimals or more, of an axis
	found    []Match // memory kept from value to value
	recent   []recent
	hits     int64 // values found among the recent, and not
	misses   int64
}

// Kinds by number, for counting: those of columnRules.
var numberOf = func() map[Kind]int {
	m := map[Kind]int{}
	for i, r := range columnRules {
		m[r.kind] = i
	}
	return m
}()

const kinds = 16 // no fewer than columnRules has

// recent is what was found in a value, kept for when it comes again.
type recent struct {
	value         string
	whole, inside uint16 // bits by number of kind
	known         bool
}

// maxRecent values are kept, of up to 64 bytes each.
const maxRecent = 512

// maxDistinct bounds what is remembered of a column's values.
const maxDistinct = 10_000

// NewColumn starts with nothing seen.
func NewColumn(f table.Field) *Column {
	class, _ := classByName(f.Name)
	return &Column{name: f.Name, text: f.Type == table.String, float: f.Type == table.Float64, bool: f.Type == table.Bool,
		named: class == Direct, axis: isAxis(f.Name), distinct: map[uint64]struct{}{}, seed: maphash.MakeSeed(), recent: make([]recent, maxRecent)}
}

// Add looks at the values of c; only text and whole numbers can be identifiers, and
// numbers only from ten digits on. c may have the numbers of a column in digits.
func (d *Column) Add(c *table.Column) {
	var buf [20]byte
	for i := range c.Len() {
		if c.Null(i) {
			continue
		}
		d.values++
		switch c.Type {
		case table.String:
			if d.text || len(c.Str[i]) >= 10 { // a number in digits, as a decimal is
				d.addText(c.Str[i])
			}
		case table.Int64:
			if v := c.Int[i]; v >= 1e9 || v <= -1e9 || d.named {
				d.addText(string(strconv.AppendInt(buf[:0], v, 10)))
			}
		case table.Float64: // a column of whole numbers with gaps, as many a tool reads it
			if v := c.Flt[i]; d.axis && math.Abs(v) < 180 && math.Abs(v*1e3-math.Round(v*1e3)) > 1e-6 {
				d.exact++
			} else if math.Abs(v) >= 1e9 && math.Abs(v) < 1<<63 && v == math.Trunc(v) {
				s := strconv.AppendInt(buf[:0], int64(v), 10)
				if v >= 1<<53 && rounded(string(s)) {
					d.rounded++
					d.show(numberOf[KindResident], string(s))
					continue
				}
				if v >= 1<<53 && roundedCard(string(s)) {
					d.cards++
					if i := numberOf[KindCard]; d.shape[i] == "" {
						d.show(i, string(s))
					}
				}
				d.addText(string(s))
			}
		}
	}
}

// rounded reports whether s is a resident number but for its check digit, which a
// float loses with a digit or two before it.
func rounded(s string) bool {
	return len(s) == 18 && AreaForm(s[:6]) && residentDate(s[6:14]) && !Resident(s)
}

// roundedCard reports whether s may be a bank card whose last digits a float has
// lost: 17 to 19 digits of an issuer in China (62 UnionPay, 60, 68 and 95 before it),
// for cards of others have 16 digits, which a float keeps.
func roundedCard(s string) bool {
	if len(s) < 17 || len(s) > 19 {
		return false
	}
	switch s[:2] {
	case "62", "60", "68", "95":
		return true
	}
	return false
}

func (d *Column) addText(v string) {
	h := maphash.String(d.seed, v)
	e := &d.recent[h%maxRecent]
	if !e.known || e.value != v {
		if len(d.distinct) < maxDistinct {
			d.distinct[h] = struct{}{}
		}
		whole, inside := d.look(v)
		d.misses++
		// Where values seldom come again, keeping them would only cost.
		if len(v) > 64 || d.misses > 4*maxRecent && d.misses > 4*d.hits {
			d.count(whole, inside)
			return
		}
		*e = recent{strings.Clone(v), whole, inside, true}
		d.count(whole, inside)
		return
	}
	d.hits++
	d.count(e.whole, e.inside)
}

func (d *Column) count(whole, inside uint16) {
	for ; whole != 0; whole &= whole - 1 {
		d.whole[bits.TrailingZeros16(whole)]++
	}
	for ; inside != 0; inside &= inside - 1 {
		d.inside[bits.TrailingZeros16(inside)]++
	}
}

// look says which kinds v is and contains.
func (d *Column) look(v string) (whole, inside uint16) {
	trimmed := strings.TrimSpace(v)
	ms := AppendScan(d.found, trimmed)
	d.found = ms
	for _, m := range ms {
		k := numberOf[m.Kind]
		if (whole|inside)>>k&1 == 1 {
			continue
		}
		if nearlyAll(trimmed, m) {
			whole |= 1 << k
		} else {
			inside |= 1 << k
		}
		d.show(k, trimmed[m.Start:m.End])
	}
	if len(ms) == 0 && trimmed != "" {
		k := -1
		switch {
		case trimmed[0] < utf8.RuneSelf && LatinName(trimmed), trimmed[0] >= utf8.RuneSelf && (ChineseName(trimmed) || LatinName(trimmed)):
			k = numberOf[KindName]
		case len(trimmed) >= 9 && (strings.Contains(trimmed, "区") || strings.Contains(trimmed, "县")) && District(trimmed):
			k = numberOf[KindDistrict]
		default:
			return whole, inside
		}
		whole |= 1 << k
		d.show(k, trimmed)
	}
	return whole, inside
}

// nearlyAll reports whether a match is all there is but for a prefix as +86.
func nearlyAll(s string, m Match) bool { return len(s)-(m.End-m.Start) <= 5 }

func (d *Column) show(k int, v string) {
	if d.shape[k] == "" {
		d.shape[k] = table.Shape(v)
	}
}

// rule says from which share of a column's values on a kind counts, and what is
// proposed then.
type rule struct {
	kind   Kind
	class  Class
	whole  float64 // share of values that are one
	inside float64 // share of values that contain one
	use    string
}

// Where a check digit or a domain speaks, one value is enough inside a text. Of
// codes of the right length, chance gives 7 % of mobile numbers and 4 % of bank
// cards: whole columns of numbers need more than that (see atLeast).
var columnRules = []rule{
	{KindResident, Direct, 0, 0, "resident"},
	{KindMobile, Direct, 0.01, 0, "phone"},
	{KindCard, Direct, 0.10, 0, "card"},
	{KindUSCC, Direct, 0.05, 0, "uscc"},
	{KindEmail, Direct, 0, 0, "pseudonym"},
	{KindLandline, Direct, 0.01, 0, "pseudonym"},
	{KindPlate, Direct, 0.01, 0, "plate"},
	{KindResident15, Direct, 0.05, 0.005, "resident"},
	{KindPassport, Direct, 0.5, 0.005, "pseudonym"},
	{KindIP, Direct, 0.2, 0.005, "pseudonym"},
	{KindName, Direct, 0.6, 0.005, "name"},
	{KindAddress, Direct, 0.005, 0.005, "address"},
	{KindPlace, Quasi, 0.1, 0.05, "drop"},
	{KindDistrict, Quasi, 0.5, 1, "address"},
}

func (r rule) atLeast(d *Column) float64 {
	if !d.text && (r.kind == KindMobile || r.kind == KindLandline) {
		return 0.2 // a column of integers is more often an amount or a counter
	}
	return r.whole
}

// Findings returns what the values say, gravest first, and then what the
// column's name says. A column with nothing to say has one Finding of class None.
func (d *Column) Findings() []Finding {
	var out []Finding
	for i, r := range columnRules {
		w, in := d.whole[i], d.inside[i]
		n := float64(d.values)
		if r.kind == KindResident && float64(d.rounded) >= 0.05*n { // no check digit: chance gives 0.01 %
			w += d.rounded
		}
		if r.kind == KindCard && float64(d.cards) >= 0.2*n { // no check digit: chance gives 2 to 5 %
			w = max(w, d.cards)
		}
		isWhole := w > 0 && float64(w) >= r.atLeast(d)*n
		if r.kind == KindName && isWhole && !d.nameLike() {
			isWhole = false
		}
		if r.kind == KindPassport && isWhole && contains(d.name, serialNames...) {
			continue
		}
		f := Finding{Column: d.name, Class: r.class, Kind: r.kind, Values: d.values, Shape: d.shape[i], Use: r.use}
		switch {
		case isWhole && w >= in:
			f.Matches, f.Share = w+in, float64(w+in)/n
		case in > 0 && float64(in) >= r.inside*n:
			f.Inside, f.Matches, f.Share, f.Use = true, in, float64(in)/n, "redact"
			if isWhole {
				f.Matches, f.Share = w+in, float64(w+in)/n
			}
		default:
			continue
		}
		if d.float {
			f.Use = "drop" // no technique for identifiers takes it
		}
		out = append(out, f)
	}
	c, ok := classByName(d.name)
	switch {
	case d.exact > 0 && 2*d.exact >= d.values: // half of a pair that the value alone does not tell
		out = append(out, Finding{Column: d.name, Class: Quasi, Kind: KindPlace, Values: d.values, Matches: d.exact, Share: float64(d.exact) / float64(d.values), Use: "keep"})
	case !ok, len(out) > 0 && c != Sensitive:
	case c == Direct && (d.bool || d.float || !d.many()): // whether somebody has one, or how much of it
	case c == Direct:
		out = append(out, Finding{Column: d.name, Class: c, Kind: KindNamed, Values: d.values, Matches: d.values, Share: 1, Use: "pseudonym"})
	default:
		out = append(out, Finding{Column: d.name, Class: c, Kind: KindNamed, Values: d.values})
	}
	if out == nil {
		out = []Finding{{Column: d.name, Class: None, Values: d.values}}
	}
	return out
}

// nameLike tells names of people from a category whose words look like them:
// people are many.
func (d *Column) nameLike() bool {
	if contains(d.name, "姓名", "name") && !contains(d.name, "filename", "username", "名称") {
		return true
	}
	return d.many()
}

// many reports whether a column has as many values as people have: no few kinds or
// states of something.
func (d *Column) many() bool {
	n := len(d.distinct)
	return n >= 5 && (n >= 300 || 10*n >= int(d.values))
}

func contains(name string, words ...string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
}
