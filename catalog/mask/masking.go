package mask

import (
	"fmt"
	"slices"

	"aihub"
	"aihub/catalog/mask/block"
	"aihub/internal/table"
)

// Masker is one technique at work on one column.
type Masker interface {
	// Type is the type of the masked column.
	Type() table.Type

	// Mask returns the masked values of c, as many and in the same order; a null
	// stays null. bad are the values that the technique cannot take: they are
	// null in out. raw is the batch that c is a column of.
	Mask(c *table.Column, raw *table.Batch) (out table.Column, bad []int)
}

// Masking is a Plan compiled for a schema and a key. Where NeedsAll, all batches
// go through Observe first, then Seal, then all of them again through Records
// and Apply, in the same order.
type Masking struct {
	cols    []masked
	rows    int64 // seen so far
	dropped int64
	rowOf   []int64 // rows of the batch that Records returned, where it left out some
	sealed  bool
	refused []aihub.Fault
}

type masked struct {
	in     int // index in the raw schema
	name   string
	typ    table.Type // of the raw column
	rule   Rule
	masker Masker
	count  int64
}

// byRow reports whether a value is not masked by itself alone.
func (c *masked) byRow() bool {
	switch m := c.masker.(type) {
	case shift, noise, redact, *permute:
		return true
	case *suppress:
		return m.fewer > 0 || c.rule.Record
	}
	_, ok := c.masker.(whole)
	return ok
}

// needsAll reports whether the technique must see the column beforehand.
func (c *masked) needsAll() (whole, bool) {
	if s, ok := c.masker.(*suppress); ok && s.fewer == 0 {
		return nil, false
	}
	w, ok := c.masker.(whole)
	return w, ok
}

// Compile returns the Masking of p for raw columns of the schema. The key must
// belong to the plan's scope alone (keys.Ring derives it). Faults are those of
// Lint.
func (p Plan) Compile(schema []table.Field, key []byte) (*Masking, error) {
	if fs := p.Lint(schema); fs != nil {
		return nil, aihub.Errorf(aihub.Contract, aihub.Text{EN: "the mask plan does not fit the data", ZH: "脱敏方案与数据不符"}).WithFaults(fs)
	}
	m := &Masking{}
	identifying := p.identifying(schema)
	su := suites[p.crypto()]
	for i, f := range schema {
		r, _ := p.Of(f.Name)
		if r.Use == "drop" {
			continue
		}
		c, err := su.cipher(su.subkey(key, r.Use, r.Domain))
		if err == nil {
			by := slices.IndexFunc(schema, func(f table.Field) bool { return f.Name == r.By })
			var k Masker
			if k, err = r.masker(f.Type, c, by, identifying); err == nil {
				m.cols = append(m.cols, masked{in: i, name: f.Name, typ: f.Type, rule: r, masker: k})
				continue
			}
		}
		return nil, fmt.Errorf("mask: column %s: %w", f.Name, err)
	}
	return m, nil
}

// identifying are the columns whose values name a person or thing: redact looks
// for a row's own values of them in its texts.
func (p Plan) identifying(schema []table.Field) map[int]string {
	out := map[int]string{}
	for i, f := range schema {
		r, _ := p.Of(f.Name)
		if label, ok := placeholders[r.Use]; ok {
			out[i] = label
		}
	}
	return out
}

// masker makes the technique; by is the raw column that r.By names.
func (r Rule) masker(t table.Type, c block.Cipher, by int, identifying map[int]string) (Masker, error) {
	fp := func(f fpe, err error) (Masker, error) { return textMasker{f}, err }
	switch r.Use {
	case "keep":
		return keep{t}, nil
	case "pseudonym":
		return textMasker{pseudonym{newPRF(c)}}, nil
	case "phone":
		p, err := newPhone(c)
		return textMasker{p}, err
	case "resident":
		return fp(newResident(c, r.Area))
	case "card":
		return fp(newCard(c))
	case "uscc":
		return fp(newUSCC(c))
	case "plate":
		return fp(newPlate(c))
	case "name":
		return textMasker{names{newPRF(c)}}, nil
	case "band":
		return newBand(r.Width, r.Min, r.Max, t == table.Int64), nil
	case "round":
		return round{t, newSteps(0, r.Width)}, nil
	case "clip":
		return clip{t, r.Min, r.Max}, nil
	case "shift":
		return shift{bySubject{newPRF(c), by}, t, r.Days}, nil
	case "noise":
		return noise{bySubject{newPRF(c), by}, t, r.Scale}, nil
	case "permute":
		return &permute{tally: newTally(t), block: c}, nil
	case "aggregate":
		return &aggregate{tally: newTally(t), k: int64(r.K)}, nil
	case "suppress":
		s := &suppress{tally: newTally(t), min: r.Min, max: r.Max, fewer: int64(r.FewerThan)}
		for _, v := range r.Values {
			if s.values == nil {
				s.values = map[string]*listed{}
			}
			if text, ok := ValueOf(t, v); ok {
				s.values[text] = &listed{as: v}
			}
		}
		return s, nil
	case "hierarchy":
		h, _ := parseHierarchy(r.Hierarchy, r.Level)
		return textMasker{each(h.up)}, nil
	case "date":
		return date{r.To, t == table.Timestamp}, nil
	case "address":
		return textMasker{address{r.To == "city"}}, nil
	case "redact":
		return redact{identifying}, nil
	}
	return nil, fmt.Errorf("no technique %q", r.Use)
}

// Schema returns the columns of the masked table.
func (m *Masking) Schema() []table.Field {
	fs := make([]table.Field, len(m.cols))
	for i, c := range m.cols {
		fs[i] = table.Field{Name: c.name, Type: c.masker.Type()}
	}
	return fs
}

// NeedsAll reports whether a technique must see every row before the first one
// can be masked.
func (m *Masking) NeedsAll() bool {
	return slices.ContainsFunc(m.cols, func(c masked) bool { _, ok := c.needsAll(); return ok })
}

// Observe shows m the next batch of raw rows, where NeedsAll. Rows that Records
// will leave out count for nothing: a value of theirs is dealt to no other row, and
// hides no other. It fails with a Quota error when a column has more different
// values than can be remembered.
func (m *Masking) Observe(raw *table.Batch) error {
	raw, _ = m.leaveOut(raw, func(s *suppress) bool { return s.fewer == 0 }) // Lint: with fewer it is the only technique that counts
	for i := range m.cols {
		if w, ok := m.cols[i].needsAll(); ok {
			if err := w.observe(&raw.Cols[m.cols[i].in]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Seal ends observation.
func (m *Masking) Seal() {
	for i := range m.cols {
		if w, ok := m.cols[i].needsAll(); ok {
			w.seal()
		}
	}
	m.sealed = true
}

// Records returns raw without the rows whose whole record is suppressed; raw
// itself when there are none. What it returns is what Apply must be given next.
func (m *Masking) Records(raw *table.Batch) *table.Batch {
	out, rows := m.leaveOut(raw, func(*suppress) bool { return true })
	if m.rowOf = nil; rows != nil {
		for _, r := range rows {
			m.rowOf = append(m.rowOf, m.rows+m.dropped+int64(r))
		}
		m.dropped += int64(raw.Rows - out.Rows)
	}
	return out
}

// leaveOut returns raw without the rows whose record one of the rules suppresses,
// and which rows it kept; raw and nil when it kept them all.
func (m *Masking) leaveOut(raw *table.Batch, which func(*suppress) bool) (out *table.Batch, rows []int) {
	var rules []*suppress
	var cols []*table.Column
	for i := range m.cols {
		if s, ok := m.cols[i].masker.(*suppress); ok && m.cols[i].rule.Record && which(s) {
			rules, cols = append(rules, s), append(cols, &raw.Cols[m.cols[i].in])
		}
	}
	if rules == nil {
		return raw, nil
	}
	rows = make([]int, 0, raw.Rows)
	for r := range raw.Rows {
		gone := false
		for i, s := range rules {
			gone = gone || s.hides(cols[i], r)
		}
		if !gone {
			rows = append(rows, r)
		}
	}
	if len(rows) == raw.Rows {
		return raw, nil
	}
	out = table.NewBatch(raw.Schema(), len(rows))
	out.AppendRows(raw, rows)
	return out, rows
}

// Dropped returns how many records were left out so far.
func (m *Masking) Dropped() int64 { return m.dropped }

// Apply masks the next batch of raw rows. Values that a technique cannot take
// are null in the result; Err tells whether that may be.
func (m *Masking) Apply(raw *table.Batch) *table.Batch {
	if !m.sealed && m.NeedsAll() {
		panic("mask: Apply before Observe and Seal, which this plan needs")
	}
	out := &table.Batch{Rows: raw.Rows}
	for i := range m.cols {
		c := &m.cols[i]
		col, bad := c.masker.Mask(&raw.Cols[c.in], raw)
		col.Field = table.Field{Name: c.name, Type: c.masker.Type()}
		out.Cols = append(out.Cols, col)
		for _, b := range bad {
			if c.count++; c.rule.OnInvalid == refuse && c.count <= 20 {
				v, _ := raw.Cols[c.in].Text(b)
				m.refused = append(m.refused, aihub.Fault{
					Code: "invalid_value", Where: fmt.Sprintf("row %d, column %s", m.place(b)+1, c.name),
					Message: aihub.Text{
						EN: fmt.Sprintf("%s cannot mask text that looks like %q", c.rule.Use, table.Shape(v)),
						ZH: fmt.Sprintf("%s 无法处理形如 %q 的内容", c.rule.Use, table.Shape(v))},
				})
			}
		}
	}
	m.rows += int64(raw.Rows)
	m.rowOf = nil
	return out
}

// place returns the row of the raw table that row i of this batch is.
func (m *Masking) place(i int) int64 {
	if m.rowOf != nil {
		return m.rowOf[i]
	}
	return m.rows + m.dropped + int64(i)
}

// Nulled returns how many values of each column became null because its
// technique could not take them.
func (m *Masking) Nulled() map[string]int64 {
	out := map[string]int64{}
	for _, c := range m.cols {
		if c.count > 0 {
			out[c.name] = c.count
		}
	}
	return out
}

// Unmet returns the values, as the plan writes them and in order, that a column's
// suppress names and no row so far had: a slip of the pen hides nothing, and looks
// like a value that happens not to be there.
func (m *Masking) Unmet() map[string][]string {
	out := map[string][]string{}
	for _, c := range m.cols {
		s, ok := c.masker.(*suppress)
		if !ok {
			continue
		}
		for _, l := range s.values {
			if !l.met.Load() {
				out[c.name] = append(out[c.name], l.as)
			}
		}
		slices.Sort(out[c.name])
	}
	return out
}

// Err returns a Contract error with the first places when a column that does
// not say on_invalid: missing had values its technique could not take.
func (m *Masking) Err() error {
	if m.refused == nil {
		return nil
	}
	fs := m.refused
	for _, c := range m.cols {
		if c.rule.OnInvalid == refuse && c.count > 20 {
			fs = append(fs, aihub.Fault{Code: "invalid_value", Where: "column " + c.name, Count: c.count, Message: aihub.Text{
				EN: fmt.Sprintf("%d values in all; the first 20 are shown", c.count), ZH: fmt.Sprintf("共 %d 个值；以上为前 20 个", c.count)}})
		}
	}
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "some values cannot be masked", ZH: "部分值无法脱敏"}).
		WithHint(aihub.Text{EN: "mend the values, or write on_invalid: missing beside use: in the manifest to publish them as missing",
			ZH: "请修正这些值，或在清单的 use: 旁写 on_invalid: missing，使其以缺失值发布"}).WithFaults(fs)
}

// keep leaves a column as it is.
type keep struct{ t table.Type }

func (k keep) Type() table.Type { return k.t }

func (keep) Mask(c *table.Column, _ *table.Batch) (table.Column, []int) {
	out := table.NewColumn(c.Field, c.Len())
	for i := range c.Len() {
		out.AppendFrom(c, i)
	}
	return out, nil
}
