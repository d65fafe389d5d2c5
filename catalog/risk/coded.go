package risk

import (
	"slices"

	"aihub/internal/table"
)

// Coded is a column of masked rows as a file with dictionaries has it: row r has
// the value Dict[Index[r]]. Several batches may share a Dict; what a Meter made of
// its values is kept, so that each is looked up once.
type Coded struct {
	Dict  *table.Column // nulls are allowed
	Index []uint32
	*learnt
}

// learnt is what a Meter knows of a dictionary; who made it leaves it alone.
type learnt struct {
	codes []uint32 // code+1 of each value of Dict; 0 is not known yet
	who   []uint64 // of subjects, the hash of each value of Dict
}

// NewCoded returns a batch of a column; before, which may be nil, is the one before
// it, whose dictionary may be the same.
func NewCoded(dict *table.Column, index []uint32, before *Coded) Coded {
	c := Coded{dict, index, &learnt{}}
	if before != nil && before.Dict == dict {
		c.learnt = before.learnt
	}
	return c
}

// subject is the hash of the subject in row r.
func (c *Coded) subject(p *headcount, r int) uint64 {
	for len(c.who) < c.Dict.Len() {
		c.who = append(c.who, p.hash(c.Dict, len(c.who)))
	}
	return c.who[c.Index[r]]
}

// AddCoded is Add for rows that come as dictionary indices: cols are those of
// Columns, in that order, and behind them the subjects where the policy has one; all
// of one length. Values of a dictionary that no row has do not count.
func (m *Meter) AddCoded(cols []Coded) error {
	for i := range cols {
		if n := cols[i].Dict.Len(); len(cols[i].codes) < n {
			cols[i].codes = append(cols[i].codes, make([]uint32, n-len(cols[i].codes))...)
		}
	}
	for r := range cols[0].Index {
		id, err := m.codedClass(cols, r)
		if err != nil {
			return err
		}
		m.size[id]++
		if m.people != nil {
			if err := m.addPerson(cols[len(cols)-1].subject(m.people, r), id, 0, func(i int) uint32 {
				return m.learn(&cols[len(m.quasi)+i], m.sens[i].dict, r)
			}); err != nil {
				return err
			}
			continue
		}
		for i, s := range m.sens {
			code := m.learn(&cols[len(m.quasi)+i], s.dict, r)
			s.held[uint64(id)<<32|uint64(code)]++
			if len(s.held) > maxHeld || s.n > maxValues {
				return tooMany()
			}
		}
	}
	return nil
}

func (m *Meter) learn(c *Coded, d *dict, r int) uint32 {
	at := c.Index[r]
	if c.codes[at] == 0 {
		code, _ := d.code(c.Dict, int(at), true)
		c.codes[at] = code + 1
	}
	return c.codes[at] - 1
}

// codedClass finds or makes the class of row r.
func (m *Meter) codedClass(cols []Coded, r int) (int, error) {
	for {
		var key [2]uint64
		wide := false
		for i, d := range m.quasi {
			f := m.field[i]
			code := m.learn(&cols[i], d, r)
			wide = wide || code>>f.width != 0
			key[f.word] |= uint64(code) << f.shift
			if d.n > maxValues {
				return 0, tooMany()
			}
		}
		if wide {
			if m.widen(); m.field[len(m.field)-1].word > 1 {
				return 0, tooMany()
			}
			continue
		}
		id := m.find(key)
		if id < 0 {
			if id = m.insert(key); len(m.key) > maxClasses {
				return 0, tooMany()
			}
		}
		return id, nil
	}
}

// KeepCoded is Keep for rows that come as dictionary indices: keep[r] is set for
// the rows that may be published. It may be called from several goroutines.
func (m *Meter) KeepCoded(cols []Coded, keep []bool) {
	fields := len(m.quasi)
	codes := make([][]uint32, fields)
	for i, d := range m.quasi {
		codes[i] = make([]uint32, cols[i].Dict.Len())
		for at := range codes[i] {
			if code, known := d.code(cols[i].Dict, at, false); known {
				codes[i][at] = code + 1
			}
		}
	}
	for r := range keep {
		var key [2]uint64
		known := true
		for i := range fields {
			code, f := codes[i][cols[i].Index[r]], m.field[i]
			known = known && code != 0
			key[f.word] |= uint64(code-1) & (1<<f.width - 1) << f.shift
		}
		keep[r] = false
		if known {
			id := m.find(key)
			keep[r] = id >= 0 && m.good[id]
		}
	}
}

// Full reports whether every row that was added may be published, once Gate has
// let the table through.
func (m *Meter) Full() bool { return !slices.Contains(m.good, false) }

// Alone is a Meter's Report for a table that is published whole, not in parts:
// what the public sample would be is all of it.
func (m *Meter) Alone(rep *Report) {
	left := slices.Clone(m.size)
	for id, ok := range m.good {
		if !ok {
			left[id] = 0
		}
	}
	a := attacks(left, left)
	a.PresenceLeast, a.PresenceMost = 0, 0 // everyone of the table is in it
	rep.Attack = &a
}
