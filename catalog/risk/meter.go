package risk

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"aihub"
	"aihub/catalog/risk/classes"
	"aihub/internal/table"
)

// Bounds of what a Meter remembers. A masked table that reaches them has almost
// as many classes as rows.
const (
	maxClasses = 16_000_000
	maxValues  = 4_000_000  // of a quasi-identifier or a sensitive column
	maxHeld    = 32_000_000 // pairs of a class and a sensitive value
)

// Meter measures a masked table of any number of rows that comes in batches: it
// remembers the classes, not the rows. Add takes each row once; Gate decides;
// Keep then says of each row whether it may be published.
type Meter struct {
	p     Policy
	quasi []*dict
	at    []int // of the quasi-identifiers in the schema
	size  []int64
	part  [4][]int64 // rows of each class by part
	parts bool       // whether parts are known
	good  []bool
	sens  []*sensitive
	moved map[int32]int32 // classes whose rows lose cells, and where they stand then
	took  []moved

	people *headcount // of a policy with a subject; size, part and held are theirs once Gate has counted them

	key   [][2]uint64 // of each class: a field of bits a quasi-identifier
	field []field
	slots []int32 // open hash table of class + 1
	rows  []int   // all of a batch
}

// field is where a quasi-identifier's code stands in a key.
type field struct{ word, shift, width uint }

type sensitive struct {
	*dict
	at   int
	held map[uint64]int64 // class<<32 | code to rows
}

// NewMeter returns a Meter for tables of the schema, which has the policy's columns.
func NewMeter(p Policy, schema []table.Field) *Meter {
	if p.Action == "" {
		p.Action = "suppress"
	}
	m := &Meter{p: p, slots: make([]int32, 1<<10)}
	find := func(name string) int {
		return slices.IndexFunc(schema, func(f table.Field) bool { return f.Name == name })
	}
	for _, q := range p.Quasi {
		i := find(q)
		m.at, m.quasi = append(m.at, i), append(m.quasi, newDict(schema[i]))
	}
	for _, s := range p.Sensitive {
		i := find(s)
		m.sens = append(m.sens, &sensitive{newDict(schema[i]), i, map[uint64]int64{}})
	}
	m.field = make([]field, len(p.Quasi))
	m.layout()
	return m
}

// Columns returns the columns of the schema that Add and Keep look at.
func (m *Meter) Columns() []int {
	cols := slices.Clone(m.at)
	for _, s := range m.sens {
		cols = append(cols, s.at)
	}
	return cols
}

// Add counts the given rows of b (all when nil). part is the part of each row of
// b as an index of aihub.Parts; nil when there are no parts. subject names whose
// each row of b is, where the policy has a subject: any column that tells them
// apart. The error is Refused when there are more classes than can be remembered.
func (m *Meter) Add(b *table.Batch, rows []int, part []uint8, subject *table.Column) error {
	rows = m.of(b, rows)
	m.parts = m.parts || part != nil
	for _, r := range rows {
		key, ok := m.keyOf(b, r, true)
		if !ok {
			return tooMany()
		}
		id := m.find(key)
		if id < 0 {
			if id = m.insert(key); len(m.key) > maxClasses {
				return tooMany()
			}
		}
		m.size[id]++
		if m.people != nil {
			of := uint8(0)
			if part != nil {
				of = part[r]
			}
			if err := m.addPerson(m.people.hash(subject, r), id, of, func(i int) uint32 {
				code, _ := m.sens[i].code(&b.Cols[m.sens[i].at], r, true)
				return code
			}); err != nil {
				return err
			}
			continue
		}
		if part != nil {
			m.part[part[r]][id]++
		}
		for _, s := range m.sens {
			code, _ := s.code(&b.Cols[s.at], r, true)
			s.held[uint64(id)<<32|uint64(code)]++
			if len(s.held) > maxHeld || s.n > maxValues {
				return tooMany()
			}
		}
	}
	return nil
}

func tooMany() error {
	return aihub.Errorf(aihub.Refused, aihub.Text{
		EN: fmt.Sprintf("the quasi-identifiers make more than %d classes", maxClasses), ZH: fmt.Sprintf("准标识符产生的等价类超过 %d 个", maxClasses),
	}).WithHint(aihub.Text{EN: "generalise them further: hardly a row hides among others", ZH: "请进一步泛化：几乎每一行都无法隐藏于其他行"})
}

func (m *Meter) of(b *table.Batch, rows []int) []int {
	if rows != nil {
		return rows
	}
	for len(m.rows) < b.Rows {
		m.rows = append(m.rows, len(m.rows))
	}
	return m.rows[:b.Rows]
}

// keyOf returns the key of a row's class. New values get a code when learn is
// set; false without, or when there are too many.
func (m *Meter) keyOf(b *table.Batch, r int, learn bool) (key [2]uint64, ok bool) {
	for i, d := range m.quasi {
		code, known := d.code(&b.Cols[m.at[i]], r, learn)
		if !known {
			return key, false
		}
		if code>>m.field[i].width != 0 {
			if m.widen(); m.field[len(m.field)-1].word > 1 || d.n > maxValues {
				return key, false
			}
			return m.keyOf(b, r, learn)
		}
		f := m.field[i]
		key[f.word] |= uint64(code) << f.shift
	}
	return key, true
}

// layout gives every quasi-identifier a field as wide as its values need, with
// room to grow.
func (m *Meter) layout() {
	word, shift := uint(0), uint(0)
	for i, d := range m.quasi {
		width := uint(4)
		for d.n > 1<<width*3/4 {
			width++
		}
		if shift+width > 64 {
			word, shift = word+1, 0
		}
		m.field[i] = field{word, shift, width}
		shift += width
	}
}

// widen makes room for new codes, and moves those that stand in keys.
func (m *Meter) widen() {
	old := slices.Clone(m.field)
	m.layout()
	if m.field[len(m.field)-1].word > 1 {
		return
	}
	for c, k := range m.key {
		var key [2]uint64
		for i, f := range old {
			code := k[f.word] >> f.shift & (1<<f.width - 1)
			key[m.field[i].word] |= code << m.field[i].shift
		}
		m.key[c] = key
	}
	m.rehash(len(m.slots))
}

func hash(k [2]uint64) uint64 {
	x := (k[0] ^ k[1]*0x9e3779b97f4a7c15) * 0xd6e8feb86659fd93
	x ^= x >> 32
	return x * 0x9e3779b97f4a7c15 >> 16
}

// find returns the class of a key, or -1.
func (m *Meter) find(key [2]uint64) int {
	mask := uint64(len(m.slots) - 1)
	for i := hash(key); ; i++ {
		at := m.slots[i&mask]
		if at == 0 {
			return -1
		}
		if m.key[at-1] == key {
			return int(at - 1)
		}
	}
}

func (m *Meter) insert(key [2]uint64) int {
	if len(m.key) >= len(m.slots)/2 {
		m.rehash(2 * len(m.slots))
	}
	m.key, m.size = append(m.key, key), append(m.size, 0)
	for p := range m.part {
		m.part[p] = append(m.part[p], 0)
	}
	m.place(len(m.key) - 1)
	return len(m.key) - 1
}

func (m *Meter) place(class int) {
	mask := uint64(len(m.slots) - 1)
	for i := hash(m.key[class]); ; i++ {
		if m.slots[i&mask] == 0 {
			m.slots[i&mask] = int32(class + 1)
			return
		}
	}
}

func (m *Meter) rehash(size int) {
	m.slots = make([]int32, size)
	for c := range m.key {
		m.place(c)
	}
}

// Told hears how far a stage is: cells (sets of columns) or linkage (rows).
type Told func(stage string, done, total int64)

func (t Told) say(stage string, done, total int) {
	if t != nil {
		t(stage, int64(done), int64(total))
	}
}

// Gate applies the policy's k, l and t, after local suppression where the policy
// names cells for it; it is called once. t compares a class with the whole table,
// dropped rows included. The error is Refused, with the numbers and what would
// help, when more rows would have to go than the policy allows. The policy's
// other limits are checked by Exceeded, when the rest of the report is filled in.
func (m *Meter) Gate(ctx context.Context, told Told) (rep Report, err error) {
	p := m.p
	rep.Policy = p
	if m.people != nil {
		if err := m.tally(ctx); err != nil {
			return rep, err
		}
	}
	rep.Before = m.numbers(m.size)
	if err := m.local(ctx, told); err != nil {
		return rep, err
	}
	m.follow()
	below := 0 // rows
	m.good = make([]bool, len(m.size))
	for id, n := range m.size {
		if m.good[id] = n >= int64(p.K); !m.good[id] {
			below += int(m.rowsOf(id))
		}
	}
	measured := make([]spread, len(m.sens))
	for i, s := range m.sens {
		measured[i] = spreads(s.ordered(m.size), m.size, int(p.L))
		for id := range m.good {
			if m.good[id] && p.fails(measured[i], id) {
				m.good[id] = false
				rep.Diverse += int(m.rowsOf(id))
			}
		}
	}
	if below > 0 && len(p.Quasi) > 1 && m.people == nil { // people of classes that merge may be the same
		rep.Without = map[string]int{}
		for i, q := range p.Quasi {
			rep.Without[q] = m.without(i)
		}
	}
	rep.Suppressed = below + rep.Diverse
	if rep.share() > p.allowance() {
		return rep, refusal(rep, int(p.allowance()*float64(rep.Before.Rows)), m.tooFew())
	}
	// Whole classes go, so the others keep their size.
	left := slices.Clone(m.size)
	for id, ok := range m.good {
		if !ok {
			left[id] = 0
			for p := range m.part {
				m.part[p][id] = 0
			}
		}
	}
	rep.Cells = m.cells()
	h := classes.Of(left)
	rep.After, rep.Sizes = m.numbers(left), bands(h)
	for i, s := range p.Sensitive {
		rep.Sensitive = append(rep.Sensitive, measured[i].worst(s, m.good))
	}
	if p.Population > 0 {
		if n := h.Rows(); p.Population < n {
			return rep, aihub.Errorf(aihub.Refused, aihub.Text{
				EN: fmt.Sprintf("risk.population is %d, but %d rows are published: they are a sample of the population, and it cannot be smaller", p.Population, n),
				ZH: fmt.Sprintf("risk.population 为 %d，但发布 %d 行：各行是总体的样本，总体不可能更小", p.Population, n),
			}).WithHint(aihub.Text{EN: "write how many people the rows are a sample of", ZH: "请写明这些行所抽取的总体人数"})
		}
		u := PopulationUniques(h, p.Population)
		rep.Uniques = &u
	}
	if m.parts && (m.people == nil || m.people.none == 0) {
		sample, train := m.part[slices.Index(aihub.Parts, aihub.Sample)], m.part[slices.Index(aihub.Parts, aihub.Train)]
		a, in := attacks(sample, left), overlap(sample, train)
		rep.Attack = &a
		if slices.Max(append([]int64{0}, train...)) > 0 {
			rep.InTrain = &in
		}
	}
	return rep, nil
}

// tooFew says which sensitive columns have fewer different values in the whole table
// than l asks of every class, whichever diversity it is of: no class can reach it.
func (m *Meter) tooFew() (out []aihub.Text) {
	for i, s := range m.sens {
		values := uint32(s.n) - s.missing()
		if m.p.L <= float64(values) {
			continue
		}
		name := m.p.Sensitive[i]
		t := aihub.Text{
			EN: fmt.Sprintf("%s has %d different values in the whole table, so no class can reach l = %g: leave it out of sensitive", name, values, m.p.L),
			ZH: fmt.Sprintf("%s 在全表中共有 %d 个不同取值，任何等价类都达不到 l = %g：请将其移出 sensitive", name, values, m.p.L),
		}
		if values > 0 {
			t.EN += fmt.Sprintf(", or ask for an l of at most %d", values)
			t.ZH += fmt.Sprintf("，或将 l 设为不超过 %d", values)
		}
		out = append(out, t)
	}
	return out
}

// numbers are those of classes of which some, of size 0, are left out.
func (m *Meter) numbers(size []int64) Numbers {
	n := count(classes.Of(size), m.p.K)
	if m.people != nil {
		n.People, n.Rows, n.Below = n.Rows, 0, 0
		for id, s := range size {
			if s > 0 {
				n.Rows += int(m.people.rows[id])
			}
			if s > 0 && s < int64(m.p.K) {
				n.Below += int(m.people.rows[id])
			}
		}
	}
	return n
}

// without returns how many rows would be in small classes without column i.
func (m *Meter) without(i int) (rows int) {
	f := m.field[i]
	merged := map[[2]uint64]int64{}
	for c, k := range m.key {
		k[f.word] &^= (1<<f.width - 1) << f.shift
		merged[k] += m.size[c]
	}
	for _, n := range merged {
		if n < int64(m.p.K) {
			rows += int(n)
		}
	}
	return rows
}

// Keep says of the given rows of b (all when nil) whether they may be published.
// It is to be called when Gate has let the table through.
func (m *Meter) Keep(b *table.Batch, rows []int) []bool {
	rows = m.of(b, rows)
	out := make([]bool, len(rows))
	for i, r := range rows {
		if key, ok := m.keyOf(b, r, false); ok {
			id := m.find(key)
			out[i] = id >= 0 && m.good[id]
		}
	}
	return out
}

// ordered returns the values by class, in their order.
func (s *sensitive) ordered(size []int64) held {
	rank := s.ranks()
	h := held{missing: s.missing(), start: make([]int64, len(size)+1), whole: make([]float64, s.n)}
	total := int64(0)
	for _, n := range size {
		total += n
	}
	type entry struct {
		class int
		value uint32
		n     int64
	}
	all, rows := make([]entry, 0, len(s.held)), make([]int64, s.n)
	for k, n := range s.held {
		v := rank[uint32(k)]
		all = append(all, entry{int(k >> 32), v, n})
		rows[v] += n
	}
	for v, n := range rows { // counted whole: a map has no order to add fractions in
		h.whole[v] = float64(n) / float64(total)
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Or(a.class-b.class, int(a.value)-int(b.value)) })
	for _, e := range all {
		h.start[e.class+1]++
		h.value, h.count = append(h.value, e.value), append(h.count, e.n)
	}
	for i := range size {
		h.start[i+1] += h.start[i]
	}
	return h
}

// dict numbers the values of a column by first appearance; a null is one of them.
type dict struct {
	first table.Column // the value of each code
	n     int
	null  int64 // its code, or -1
	str   map[string]uint32
	num   map[uint64]uint32
}

func newDict(f table.Field) *dict {
	return &dict{first: table.NewColumn(f, 0), null: -1, str: map[string]uint32{}, num: map[uint64]uint32{}}
}

// code returns the number of value r of c, a new one when learn is set.
func (d *dict) code(c *table.Column, r int, learn bool) (uint32, bool) {
	if c.Null(r) {
		if d.null < 0 && learn {
			d.null = int64(d.n)
			d.n++
			d.first.AppendNull()
		}
		return uint32(d.null), d.null >= 0
	}
	if c.Type == table.String {
		code, ok := d.str[c.Str[r]]
		if !ok && learn {
			v := strings.Clone(c.Str[r])
			code, ok = uint32(d.n), true
			d.str[v] = code
			d.n++
			d.first.AppendStr(v)
		}
		return code, ok
	}
	v := bitsOf(c, r)
	code, ok := d.num[v]
	if !ok && learn {
		code, ok = uint32(d.n), true
		d.num[v] = code
		d.n++
		d.first.AppendFrom(c, r)
	}
	return code, ok
}

// ranks returns the place of each code in the order of the values: numbers,
// dates and truth values by size, texts by bytes, a null first.
func (d *dict) ranks() []uint32 {
	order := make([]int, d.n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compareRows(&d.first, a, b) })
	rank := make([]uint32, d.n)
	for r, code := range order {
		rank[code] = uint32(r)
	}
	return rank
}

// missing returns how many of the codes are no value, a null and a NaN: the first
// ranks are theirs.
func (d *dict) missing() (n uint32) {
	for code := range d.n {
		if d.first.Null(code) || d.first.Type == table.Float64 && d.first.Flt[code] != d.first.Flt[code] {
			n++
		}
	}
	return n
}

// bitsOf returns a number that two values of a column share when they are equal:
// a float's zeros are one value, and so are its missing ones.
func bitsOf(c *table.Column, r int) uint64 {
	switch c.Type {
	case table.Float64:
		v := c.Flt[r]
		if v == 0 {
			return 0
		}
		if v != v {
			v = math.NaN()
		}
		return math.Float64bits(v)
	case table.Bool:
		return uint64(btoi(c.Bool[r]))
	}
	return uint64(c.Int[r])
}
