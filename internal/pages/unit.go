package pages

import (
	"context"
	"io"
	"sync"
)

// Pages of dealt rows have at most so many entries and bytes.
const (
	dealtEntries = 1 << 16
	dealtBytes   = 1 << 20
)

// unitState is what the columns of a unit share.
type unitState struct {
	once sync.Once
	rows [][]uint32 // by part: rows of the unit, in the order of output
	err  error
}

// deal gives the rows of a unit to the parts, once.
func (j *job) deal(i int) ([][]uint32, error) {
	s, u := &j.state[i], j.units[i]
	s.once.Do(func() {
		part := make([]uint8, u.Rows)
		if j.p.Deal != nil {
			if s.err = j.p.Deal(u, part); s.err != nil {
				return
			}
		}
		var count [256]int
		for _, p := range part {
			count[p]++
		}
		s.rows = make([][]uint32, 256)
		for _, o := range j.outs {
			if s.rows[o.Part] == nil {
				s.rows[o.Part] = make([]uint32, 0, count[o.Part])
			}
		}
		for row, p := range part {
			if s.rows[p] != nil {
				s.rows[p] = append(s.rows[p], uint32(row))
			}
		}
		if j.p.Shuffle == nil {
			return
		}
		for p, rows := range s.rows {
			if rows == nil {
				continue
			}
			r := keyed(j.p.Shuffle, "rows", u.First, uint8(p))
			r.Shuffle(len(rows), func(a, b int) { rows[a], rows[b] = rows[b], rows[a] })
		}
	})
	return s.rows, s.err
}

// unitStore is a column of a whole unit: levels of every entry, and for each
// value a reference into a pool, where a dictionary's value lies once.
type unitStore struct {
	def, rep []byte
	hasDef   bool
	starts   []uint32 // of rows among entries, when rows repeat
	refs     []uint32 // of values; nullIndex: became null
	place    []uint32 // of entries among values, when there are nulls
	pool     Builder
	coded    int // values that came from dictionaries
	levels   []byte
	remap    []uint32
}

// load reads and maps a leaf of a unit.
func (k *worker) load(ctx context.Context, u Unit, leaf int) error {
	s, r, p, l := &k.store, &k.r, &k.pg, &k.j.f.leaves[leaf]
	typ, width := k.j.typeOf(leaf)
	mapped := k.j.p.Columns[leaf].Op == Map
	s.pool.reset(typ, width)
	s.def, s.rep, s.refs, s.hasDef, s.coded = s.def[:0], s.rep[:0], s.refs[:0], false, 0
	most := byte(l.MaxDef)
	for g := u.From; g < u.To; g++ {
		if err := r.reset(k.j.f, g, leaf); err != nil {
			return err
		}
		base, dictIn := uint32(0), false
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := r.next(p)
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			if most > 0 {
				n := len(s.def)
				if s.def = append(s.def, p.def...); p.def == nil {
					s.def = append(s.def, make([]byte, p.entries)...)
					for i := n; i < len(s.def); i++ {
						s.def[i] = most
					}
				}
				s.hasDef = s.hasDef || p.valid < p.entries
			}
			s.rep = append(s.rep, p.rep...)
			if !p.coded {
				from := uint32(s.pool.n)
				if err := k.fillPool(leaf, &p.values, mapped); err != nil {
					return err
				}
				for i := range p.values.n {
					s.refs = append(s.refs, from+uint32(i))
				}
				continue
			}
			if !dictIn {
				dictIn, base = true, uint32(s.pool.n)
				if err := k.fillPool(leaf, &r.dict, mapped); err != nil {
					return err
				}
			}
			s.coded += len(p.index)
			for _, x := range p.index {
				s.refs = append(s.refs, base+x)
			}
		}
	}
	if len(s.pool.data) > 1<<32-1 {
		return tooLarge("column "+clip(l.Name()), int64(len(s.pool.data)), 1<<32-1)
	}
	if len(s.pool.null) > 0 {
		// Places in the pool count nulls; values do not.
		isNull := make([]uint32, s.pool.n)
		for _, i := range s.pool.null {
			isNull[i] = 1
		}
		before := uint32(0)
		for i := range isNull {
			if isNull[i] == 1 {
				before++
				isNull[i] = nullIndex
			} else {
				isNull[i] = before
			}
		}
		for i, x := range s.refs {
			if isNull[x] == nullIndex {
				s.refs[i] = nullIndex
			} else {
				s.refs[i] = x - isNull[x]
			}
		}
	}
	entries := len(s.refs)
	if most > 0 {
		entries = len(s.def)
	}
	if s.hasDef {
		s.place = resize(s.place, entries)
		v := uint32(0)
		for i, d := range s.def {
			s.place[i] = v
			if d == most {
				v++
			}
		}
	}
	rows := entries
	if l.MaxRep > 0 {
		s.starts = s.starts[:0]
		for i, x := range s.rep {
			if x == 0 {
				s.starts = append(s.starts, uint32(i))
			}
		}
		rows = len(s.starts)
		s.starts = append(s.starts, uint32(entries))
	}
	if rows != u.Rows {
		return damaged(r.where(), "%d rows where the footer says %d", rows, u.Rows)
	}
	return nil
}

func (k *worker) fillPool(leaf int, v *Values, mapped bool) error {
	b := &k.store.pool
	if mapped {
		return k.apply(leaf, v, b, false)
	}
	if v.Type == ByteArray {
		for i := range v.n {
			b.Bytes(v.Bytes(i))
		}
		return nil
	}
	b.data = append(b.data, v.Data[:v.n*b.width]...)
	b.n += v.n
	return nil
}

// dealt writes the rows given of the loaded column as a chunk of about expect bytes.
func (k *worker) dealt(leaf int, rows []uint32, codec Codec, expect int64) (written, error) {
	s, w, l := &k.store, &k.w, &k.j.f.leaves[leaf]
	typ, width := k.j.typeOf(leaf)
	wider := k.j.wider(leaf)
	top := l.MaxDef
	if wider {
		top++
	}
	w.reset(typ, width, codec, kindV1, top, l.MaxRep, expect)
	pool := s.pool.values()
	coded := typ != Boolean && s.coded > 0 && 2*s.coded >= len(s.refs)
	if coded {
		s.remap = resize(s.remap, pool.n)
		clear(s.remap)
	}
	var def, rep []byte
	b := &k.b
	for at := 0; at < len(rows); {
		b.reset(typ, width)
		def, rep, k.index = def[:0], rep[:0], k.index[:0]
		out := pageOf{}
		size := 0
		from := at
		if coded && l.MaxRep == 0 && !s.hasDef && len(s.pool.null) == 0 {
			// Every row has a value: the common case, without a branch a row.
			at += min(len(rows)-at, dealtEntries)
			out.entries = at - from
			k.gatherCoded(rows[from:at], &pool)
			if top > 0 {
				def = resize(def, out.entries)
				for i := range def {
					def[i] = byte(top)
				}
			}
		}
		for at < len(rows) && out.entries < dealtEntries && size < dealtBytes {
			e0, e1 := rows[at], rows[at]+1
			if l.MaxRep > 0 {
				e0, e1 = s.starts[rows[at]], s.starts[rows[at]+1]
				rep = append(rep, s.rep[e0:e1]...)
			}
			at++
			out.entries += int(e1 - e0)
			for e := e0; e < e1; e++ {
				v := e
				if s.hasDef {
					if s.def[e] < byte(l.MaxDef) {
						def = append(def, s.def[e])
						continue
					}
					v = s.place[e]
				}
				x := s.refs[v]
				if x == nullIndex {
					def = append(def, byte(top-1))
					continue
				}
				if top > 0 {
					def = append(def, byte(top))
				}
				if !coded {
					k.index = append(k.index, x)
					if typ == ByteArray {
						size += int(pool.off[x+1] - pool.off[x])
					} else {
						size += width
					}
					continue
				}
				y := s.remap[x]
				if y == 0 {
					y = w.dict.add(pool.Bytes(int(x))) + 1
					s.remap[x] = y
				}
				k.index = append(k.index, y-1)
			}
		}
		out.rows = at - from
		out.nulls = out.entries - len(k.index)
		s.levels = appendLevels(s.levels[:0], w.kind, rep, l.MaxRep)
		n := len(s.levels)
		s.levels = appendLevels(s.levels, w.kind, def, top)
		out.rep, out.def = s.levels[:n], s.levels[n:]
		if coded {
			if err := w.coded(out, k.index, s.levels); err != nil {
				return written{}, err
			}
			continue
		}
		if typ != ByteArray {
			b.data = append(b.data, s.levels...)
			b.head = len(b.data)
		}
		b.take(&pool, k.index)
		if err := w.values(out, b); err != nil {
			return written{}, err
		}
	}
	return w.finish()
}

// gatherCoded puts the indices of the rows' values into k.index, in the order of
// their first use.
func (k *worker) gatherCoded(rows []uint32, pool *Values) {
	s := &k.store
	index := resize(k.index, len(rows))
	refs := s.refs
	for i, row := range rows {
		index[i] = refs[row]
	}
	remap := s.remap
	for i, x := range index {
		y := remap[x]
		if y == 0 {
			y = k.w.dict.add(pool.Bytes(int(x))) + 1
			remap[x] = y
		}
		index[i] = y - 1
	}
	k.index = index
}

// take appends values of v.
func (b *Builder) take(v *Values, index []uint32) {
	switch {
	case v.Type == ByteArray:
		for _, x := range index {
			b.Bytes(v.Data[v.off[x] : v.off[x+1]-v.gap])
		}
		return
	case v.Width == 4 || v.Width == 8:
		// The levels before may leave data unaligned: gather beside and append.
		var g gatherer
		g.data = b.spare
		got := g.gather(v, index)
		b.spare = g.data
		b.data = append(b.data, got.Data...)
	default:
		for _, x := range index {
			b.data = append(b.data, v.Data[int(x)*v.Width:(int(x)+1)*v.Width]...)
		}
	}
	b.n += len(index)
}
