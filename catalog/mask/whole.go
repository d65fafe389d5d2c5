package mask

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"

	"aihub"
	"aihub/catalog/mask/block"
	"aihub/internal/table"
)

// whole is a Masker that must see all values of its column before it masks any:
// observe takes every batch in order, seal follows the last one.
type whole interface {
	Masker
	observe(c *table.Column) error
	seal()
}

// maxDistinct bounds the different values of a column that a whole remembers.
const maxDistinct = 1 << 22

func tooMany(column string) error {
	return aihub.Errorf(aihub.Quota, aihub.Text{
		EN: fmt.Sprintf("column %q has more than %d different values: too many to permute, aggregate or count", column, maxDistinct),
		ZH: fmt.Sprintf("列 %q 的不同取值超过 %d 个，无法置换、聚合或计数", column, maxDistinct)}).
		WithHint(aihub.Text{EN: "round the column to fewer values first, or use another technique", ZH: "请先将该列取整为较少的取值，或改用其他技术"})
}

// tally counts the values of a column. A value is known by 64 bits (numbers) or
// by its text.
type tally struct {
	t     table.Type
	texts map[string]int64
	bits  map[uint64]int64
	nulls int64
}

func newTally(t table.Type) tally {
	if t == table.String {
		return tally{t: t, texts: map[string]int64{}}
	}
	return tally{t: t, bits: map[uint64]int64{}}
}

// number is a value of a column that is no text.
func number(c *table.Column, i int) uint64 {
	switch c.Type {
	case table.Float64:
		return math.Float64bits(c.Flt[i])
	case table.Bool:
		if c.Bool[i] {
			return 1
		}
		return 0
	}
	return uint64(c.Int[i])
}

func appendNumber(c *table.Column, v uint64) {
	switch c.Type {
	case table.Float64:
		c.AppendFlt(math.Float64frombits(v))
	case table.Bool:
		c.AppendBool(v == 1)
	default:
		c.AppendInt(int64(v))
	}
}

func (t *tally) observe(c *table.Column) error {
	for i := range c.Len() {
		switch {
		case c.Null(i):
			t.nulls++
		case t.t == table.String:
			if _, ok := t.texts[c.Str[i]]; !ok && len(t.texts) >= maxDistinct {
				return tooMany(c.Name)
			}
			t.texts[c.Str[i]]++
		default:
			v := number(c, i)
			if _, ok := t.bits[v]; !ok && len(t.bits) >= maxDistinct {
				return tooMany(c.Name)
			}
			t.bits[v]++
		}
	}
	return nil
}

func (t *tally) of(c *table.Column, i int) int64 {
	if t.t == table.String {
		return t.texts[c.Str[i]]
	}
	return t.bits[number(c, i)]
}

// numbers are the values that are numbers, in their order.
func (t *tally) numbers() []uint64 {
	vs := make([]uint64, 0, len(t.bits))
	for v := range t.bits {
		vs = append(vs, v)
	}
	slices.SortFunc(vs, func(a, b uint64) int {
		if t.t == table.Float64 {
			return cmp.Or(cmp.Compare(math.Float64frombits(a), math.Float64frombits(b)), cmp.Compare(a, b))
		}
		return cmp.Compare(int64(a), int64(b))
	})
	return vs
}

// permute deals the values of a column to other rows: each comes as often as it
// did, and nothing ties it to its row. Row i gets the value whose rank is the
// image of i under a keyed permutation of the rows.
type permute struct {
	tally
	block  block.Cipher
	values []uint64 // in order, when numbers
	words  []string // in order, when texts
	upTo   []int64  // how many rows the values up to this one have; nulls come last
	image  func(rows []uint64)
	rows   int64
	row    int64 // masked so far
}

func (p *permute) Type() table.Type { return p.t }

func (p *permute) seal() {
	p.values = p.numbers()
	for w := range p.texts {
		p.words = append(p.words, w)
	}
	slices.Sort(p.words)
	for _, w := range p.words {
		p.rows += p.texts[w]
		p.upTo = append(p.upTo, p.rows)
	}
	for _, v := range p.values {
		p.rows += p.bits[v]
		p.upTo = append(p.upTo, p.rows)
	}
	p.rows += p.nulls
	p.texts, p.bits = nil, nil
	p.image = p.permutation(uint64(p.rows))
}

// permutation is one of the numbers below n. A small table is shuffled; for a
// large one FF1 computes each image by itself.
func (p *permute) permutation(n uint64) func([]uint64) {
	if n >= minDomain {
		if ix, err := newIndex(p.block, n, 0); err == nil { // it only fails for a smaller domain
			return func(rows []uint64) { ix.permute(rows, nil, false) }
		}
	}
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[24:], 1)
	p.block.Encrypt(seed[:], seed[:])
	to := rand.New(rand.NewChaCha8(seed)).Perm(int(n))
	return func(rows []uint64) {
		for i, r := range rows {
			rows[i] = uint64(to[r])
		}
	}
}

func (p *permute) Mask(c *table.Column, _ *table.Batch) (out table.Column, bad []int) {
	n := c.Len()
	out = table.NewColumn(table.Field{Type: p.t}, n)
	if p.row+int64(n) > p.rows {
		panic("mask: more rows are masked than were observed")
	}
	ranks := make([]uint64, n)
	for i := range ranks {
		ranks[i] = uint64(p.row) + uint64(i)
	}
	p.row += int64(n)
	p.image(ranks)
	for _, r := range ranks {
		switch k := sort.Search(len(p.upTo), func(k int) bool { return p.upTo[k] > int64(r) }); {
		case k == len(p.upTo):
			out.AppendNull()
		case p.words != nil:
			out.AppendStr(p.words[k])
		default:
			appendNumber(&out, p.values[k])
		}
	}
	return out, nil
}

// aggregate is univariate micro-aggregation: the values in order fall into groups of
// k rows or more, all rows of one value into the same, and each becomes the mean of
// its group, to the digits that the column's values have: more would tell how many
// rows the group has, and of what. The last group takes what would be fewer than k. A NaN is in no group
// and stays one, as a null does; an infinite number, of which there is no mean, is
// bad, and so are all numbers of a table that has fewer than k.
type aggregate struct {
	tally
	k    int64
	mean map[uint64]uint64
}

func (a *aggregate) Type() table.Type { return a.t }

func (a *aggregate) seal() {
	a.mean = make(map[uint64]uint64, len(a.bits))
	vs := a.numbers()
	if a.t == table.Float64 {
		vs = slices.DeleteFunc(vs, func(v uint64) bool { f := math.Float64frombits(v); return f-f != 0 })
	}
	left := int64(0)
	for _, v := range vs {
		left += a.bits[v]
	}
	if left < a.k {
		vs = nil
	}
	digits, unit := a.precision(vs)
	for from := 0; from < len(vs); {
		to, n := from, int64(0)
		for to < len(vs) && (n < a.k || left-n < a.k) {
			n += a.bits[vs[to]]
			to++
		}
		m := a.meanOf(vs[from:to], n, digits, unit)
		for _, v := range vs[from:to] {
			a.mean[v] = m
		}
		from, left = to, left-n
	}
	a.bits = nil
}

// maxDigits is how many decimals a float64 near 1 has at most that say something.
const maxDigits = 17

// precision is that of values, none of them NaN or infinite: the most decimals that
// one of them has, of floats; else the largest unit that all are multiples of, of
// numbers a power of ten, of instants a day, an hour, a minute, a second, a
// millisecond or a microsecond.
func (a *aggregate) precision(vs []uint64) (digits int, unit int64) {
	if a.t == table.Float64 {
		for _, v := range vs {
			t := strconv.FormatFloat(math.Float64frombits(v), 'f', -1, 64)
			if dot := strings.IndexByte(t, '.'); dot >= 0 {
				digits = max(digits, len(t)-dot-1)
			}
		}
		return digits, 1
	}
	units := []int64{1}
	switch a.t {
	case table.Int64:
		for range 18 {
			units = append([]int64{10 * units[0]}, units...)
		}
	case table.Timestamp:
		units = []int64{86400 * 1e6, 3600 * 1e6, 60 * 1e6, 1e6, 1e3, 1}
	}
	for _, v := range vs {
		for int64(v)%units[0] != 0 {
			units = units[1:]
		}
	}
	return 0, units[0]
}

// meanOf is the mean of n rows, rounded to a precision: of integers exact to the
// nearest one, of floats as the sum of their shares, which cannot overflow.
func (a *aggregate) meanOf(vs []uint64, n int64, digits int, unit int64) uint64 {
	base := vs[len(vs)/2]
	if a.t == table.Float64 {
		b, sum := math.Float64frombits(base), 0.0
		for _, v := range vs {
			sum += float64((math.Float64frombits(v) - b) * (float64(a.bits[v]) / float64(n)))
		}
		mean := float64(b + sum)
		if digits < maxDigits {
			if r, err := strconv.ParseFloat(strconv.FormatFloat(mean, 'f', digits, 64), 64); err == nil {
				mean = r
			}
		}
		return math.Float64bits(mean)
	}
	sum := 0.0
	for _, v := range vs {
		sum += float64(float64(int64(v)-int64(base)) * (float64(a.bits[v]) / float64(n)))
	}
	return uint64(int64(base) + int64(math.Round(sum/float64(unit)))*unit)
}

func (a *aggregate) Mask(c *table.Column, _ *table.Batch) (table.Column, []int) {
	return mapNumbers(c, func(i int, v int64) (int64, bool) {
		m, ok := a.mean[uint64(v)]
		return int64(m), ok
	}, func(i int, v float64) (float64, bool) {
		m, ok := a.mean[math.Float64bits(v)]
		if v != v {
			return v, true
		}
		return math.Float64frombits(m), ok
	})
}

// suppress replaces values by null: those of a list, those beyond an end, those
// that come in fewer rows of the table than they should. Or it leaves out the
// whole record (see Masking.Records).
type suppress struct {
	tally
	values   map[string]*listed // by the text that Column.Text gives them
	min, max *float64
	fewer    int64
}

// listed is a value that suppress names, and whether a row had it: workers see rows
// beside one another.
type listed struct {
	as  string // in the plan
	met atomic.Bool
}

// ValueOf is the text of the value that v is in a column of type t, which Column.Text
// gives it: 1 for the float64 1.0. False if it is none; the empty text is none already.
func ValueOf(t table.Type, v string) (string, bool) {
	c := table.NewColumn(table.Field{Type: t}, 1)
	if t == table.String || v == "" {
		return v, v != ""
	}
	if !c.ParseText(v) {
		return "", false
	}
	return c.Text(0)
}

func (s *suppress) Type() table.Type { return s.t }
func (s *suppress) seal()            {}

// hides reports whether value i of c is to go.
func (s *suppress) hides(c *table.Column, i int) bool {
	if c.Null(i) {
		return false
	}
	if s.values != nil { // before the others, so that each value that is there is met
		v, _ := c.Text(i)
		if l := s.values[v]; l != nil {
			if !l.met.Load() {
				l.met.Store(true)
			}
			return true
		}
	}
	if s.fewer > 0 && s.of(c, i) < s.fewer {
		return true
	}
	if s.min == nil && s.max == nil {
		return false
	}
	v := 0.0
	if c.Type == table.Float64 {
		v = c.Flt[i]
	} else {
		v = float64(c.Int[i])
	}
	return s.min != nil && v < *s.min || s.max != nil && v > *s.max
}

func (s *suppress) Mask(c *table.Column, _ *table.Batch) (table.Column, []int) {
	out := table.NewColumn(table.Field{Type: s.t}, c.Len())
	for i := range c.Len() {
		if s.hides(c, i) {
			out.AppendNull()
		} else {
			out.AppendFrom(c, i)
		}
	}
	return out, nil
}
