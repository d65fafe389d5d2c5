package risk

import (
	"encoding/gob"
	"fmt"

	"aihub/internal/table"
)

// keeper is what Keep and Publish need of a Meter, before its classes.
type keeper struct {
	Values  []table.Column // of each quasi-identifier, by code
	Fields  [][3]uint      // word, shift and width
	Classes int
	Moved   map[int32]int32
}

// keeperClasses are classes of a keeper.
type keeperClasses struct {
	Key  [][2]uint64
	Good []bool
}

const keptTogether = 1 << 14 // classes of one message

// Save writes what Keep and Publish need, of a Meter whose Gate let the table through.
func (m *Meter) Save(e *gob.Encoder) error {
	h := keeper{Classes: len(m.key), Moved: m.moved}
	for i, d := range m.quasi {
		h.Values = append(h.Values, d.first)
		h.Fields = append(h.Fields, [3]uint{m.field[i].word, m.field[i].shift, m.field[i].width})
	}
	if err := e.Encode(h); err != nil {
		return err
	}
	for from := 0; from < len(m.key); from += keptTogether {
		to := min(from+keptTogether, len(m.key))
		if err := e.Encode(keeperClasses{m.key[from:to], m.good[from:to]}); err != nil {
			return err
		}
	}
	return nil
}

// Restore reads what Save wrote into a new Meter of the same policy and schema, which
// is then good for Keep and Publish alone.
func (m *Meter) Restore(d *gob.Decoder) error {
	var h keeper
	if err := d.Decode(&h); err != nil {
		return err
	}
	if len(h.Values) != len(m.quasi) || len(h.Fields) != len(m.quasi) {
		return fmt.Errorf("risk: %d quasi-identifiers of %d", len(h.Values), len(m.quasi))
	}
	for i, q := range m.quasi {
		for r := range h.Values[i].Len() {
			q.code(&h.Values[i], r, true)
		}
		m.field[i] = field{h.Fields[i][0], h.Fields[i][1], h.Fields[i][2]}
	}
	for len(m.key) < h.Classes {
		var c keeperClasses
		if err := d.Decode(&c); err != nil {
			return err
		}
		if len(c.Key) == 0 || len(c.Good) != len(c.Key) {
			return fmt.Errorf("risk: %d classes, %d of them judged", len(c.Key), len(c.Good))
		}
		m.key, m.good = append(m.key, c.Key...), append(m.good, c.Good...)
	}
	m.moved = h.Moved
	size := len(m.slots)
	for size < 2*len(m.key) {
		size *= 2
	}
	m.rehash(size)
	return nil
}
