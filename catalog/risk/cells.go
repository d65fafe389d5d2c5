package risk

import (
	"cmp"
	"context"
	"math/bits"
	"slices"

	"aihub/internal/table"
)

// Cells counts what local suppression (局部隐藏) took out of a column.
type Cells struct {
	Column string `json:"column"`
	Rows   int64  `json:"rows"` // whose value was there and is not published
}

// maxCells bounds the columns whose cells may be suppressed: every set of them is
// tried.
const maxCells = 8

// stepClasses is how many classes are looked at between two looks at the context.
const stepClasses = 1 << 16

// local is k-anonymising local suppression: rows of classes smaller than k lose
// cells of the policy's columns until they stand in a class of k or more. A row
// of a class that is large enough loses nothing, and the rows of one class lose
// the same cells.
//
// The sets of columns are tried by their number, then in the order in which the
// policy names them. A set is tried on all small classes that are left: those that
// agree without the set's cells go together, with the class that stands there
// already, when they are k rows or more then. What no set helps stays small, and
// its rows are dropped as ever. (The same rule for microdata in sdcMicro's
// localSuppression, Templ et al. 2015, is greedy by row.)
//
// An outsider who knows a person's values finds at least k rows that may be
// theirs: a missing value is one like any other here.
func (m *Meter) local(ctx context.Context, told Told) error {
	if len(m.p.Cells) == 0 {
		return nil
	}
	at := make([]int, len(m.p.Cells)) // in quasi
	for i, c := range m.p.Cells {
		at[i] = slices.Index(m.p.Quasi, c)
		d := m.quasi[at[i]]
		if d.null < 0 {
			d.null = int64(d.n)
			d.n++
			d.first.AppendNull()
		}
	}
	if m.widen(); m.field[len(m.field)-1].word > 1 {
		return tooMany()
	}
	var small []int
	for id, n := range m.size {
		if n > 0 && n < int64(m.p.K) {
			small = append(small, id)
		}
	}
	m.moved = map[int32]int32{}
	all := sets(len(at))
	for tried, set := range all {
		if len(small) == 0 {
			break
		}
		told.say("cells", tried, len(all))
		if err := ctx.Err(); err != nil {
			return err
		}
		together, order, left := map[[2]uint64][]int{}, [][2]uint64{}, small[:0]
		for i, id := range small {
			if i%stepClasses == stepClasses-1 && ctx.Err() != nil {
				return ctx.Err()
			}
			key := m.key[id]
			for i, q := range at {
				if set>>i&1 == 1 {
					f := m.field[q]
					key[f.word] &^= (1<<f.width - 1) << f.shift
					key[f.word] |= uint64(m.quasi[q].null) << f.shift
				}
			}
			if together[key] == nil {
				order = append(order, key)
			}
			together[key] = append(together[key], id)
		}
		settled := map[int]bool{}
		for _, key := range order {
			ids, total := together[key], int64(0)
			for _, id := range ids {
				total += m.size[id]
			}
			to := m.find(key)
			if to >= 0 && m.size[to] >= int64(m.p.K) {
				total += m.size[to]
			}
			if total < int64(m.p.K) {
				continue
			}
			if to < 0 {
				to = m.insert(key)
			}
			for _, id := range ids {
				settled[id] = true
				if id != to {
					m.move(id, to)
				}
			}
		}
		for _, id := range small {
			if !settled[id] {
				left = append(left, id)
			}
		}
		small = left
	}
	return nil
}

// moved is that the rows of a class went to another.
type moved struct {
	from, to int32
	rows     int64
}

// move counts the rows of a class where they go.
func (m *Meter) move(from, to int) {
	m.moved[int32(from)] = int32(to)
	m.took = append(m.took, moved{int32(from), int32(to), m.size[from]})
	m.size[to] += m.size[from]
	m.size[from] = 0
	for p := range m.part {
		m.part[p][to] += m.part[p][from]
		m.part[p][from] = 0
	}
}

// follow brings the sensitive values of moved classes along.
func (m *Meter) follow() {
	if len(m.moved) == 0 {
		return
	}
	for _, s := range m.sens {
		held := make(map[uint64]int64, len(s.held))
		for k, n := range s.held {
			if to, ok := m.moved[int32(k>>32)]; ok {
				k = uint64(to)<<32 | k&0xffffffff
			}
			held[k] += n
		}
		s.held = held
	}
}

// cells counts the suppressed cells of the rows that are published.
func (m *Meter) cells() (out []Cells) {
	for _, c := range m.p.Cells {
		i := slices.Index(m.p.Quasi, c)
		f, n := m.field[i], Cells{Column: c}
		code := func(id int32) uint64 { return m.key[id][f.word] >> f.shift & (1<<f.width - 1) }
		for _, v := range m.took {
			if m.good[v.to] && code(v.from) != code(v.to) {
				n.Rows += v.rows
			}
		}
		out = append(out, n)
	}
	return out
}

// sets returns the non-empty sets of n things, as bits, in the order in which
// local tries them.
func sets(n int) []uint {
	var out []uint
	for s := uint(1); s < 1<<n; s++ {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b uint) int {
		return cmp.Or(bits.OnesCount(a)-bits.OnesCount(b), cmp.Compare(bits.Reverse(b), bits.Reverse(a)))
	})
	return out
}

// Publish says of the rows of b whether they may be published, as Keep does, and
// takes from b the cells that local suppression takes. It is to be called when
// Gate has let the table through, once for a row.
func (m *Meter) Publish(b *table.Batch) []bool {
	if len(m.moved) == 0 {
		return m.Keep(b, nil)
	}
	keep, hide := make([]bool, b.Rows), make([]int32, b.Rows) // to which class, or -1
	for r := range keep {
		hide[r] = -1
		key, ok := m.keyOf(b, r, false)
		if !ok {
			continue
		}
		id := m.find(key)
		if id < 0 {
			continue
		}
		if to, ok := m.moved[int32(id)]; ok {
			id, hide[r] = int(to), to
		}
		keep[r] = m.good[id]
	}
	for _, c := range m.p.Cells {
		i := slices.Index(m.p.Quasi, c)
		f, null := m.field[i], uint64(m.quasi[i].null)
		col := &b.Cols[m.at[i]]
		out := table.NewColumn(col.Field, b.Rows)
		for r := range keep {
			if hide[r] >= 0 && m.key[hide[r]][f.word]>>f.shift&(1<<f.width-1) == null {
				out.AppendNull()
			} else {
				out.AppendFrom(col, r)
			}
		}
		*col = out
	}
	return keep
}
