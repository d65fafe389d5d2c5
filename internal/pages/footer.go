package pages

import (
	"encoding/binary"
	"slices"
)

// close writes the page index and footer behind the chunks of o.
func (j *job) close(o *output) error {
	e := &encoder{}
	type place struct{ offset, column span }
	var places []place
	at := o.end
	// Column indices first, then offset indices, as other writers do.
	for _, g := range o.groups {
		for _, c := range g.Chunks {
			var p place
			if len(c.ColumnIndex) > 0 && len(c.Pages) > 0 {
				p.column = span{at + int64(len(e.b)), int64(len(c.ColumnIndex))}
				e.b = append(e.b, c.ColumnIndex...)
			}
			places = append(places, p)
		}
	}
	i := 0
	for _, g := range o.groups {
		start := g.Start
		for _, c := range g.Chunks {
			if len(c.Pages) > 0 {
				from := len(e.b)
				e.begin()
				e.list(1, len(c.Pages), ctStruct)
				for _, p := range c.Pages {
					e.begin()
					e.i64(1, start+p.At)
					e.i32(2, p.Size)
					e.i64(3, p.First)
					e.end()
				}
				e.end()
				places[i].offset = span{at + int64(from), int64(len(e.b) - from)}
			}
			start += c.Size
			i++
		}
	}
	begin := len(e.b)
	rows := int64(0)
	for _, g := range o.groups {
		rows += g.Rows
	}
	leaves := []int{}
	for _, l := range j.leaf {
		if o.has[l] {
			leaves = append(leaves, l)
		}
	}
	e.begin()
	e.i32(1, 2)
	schema := j.schema(o)
	e.list(2, len(schema), ctStruct)
	for _, s := range schema {
		s.write(e)
	}
	e.i64(3, rows)
	e.list(4, len(o.groups), ctStruct)
	i = 0
	for n, g := range o.groups {
		var plain, size int64
		e.begin()
		e.list(1, len(g.Chunks), ctStruct)
		start := g.Start
		for k := range g.Chunks {
			c := &g.Chunks[k]
			j.writeChunk(e, c, leaves[k], start, places[i].offset, places[i].column)
			start += c.Size
			plain += c.Uncompressed
			size += c.Size
			i++
		}
		e.i64(2, plain)
		e.i64(3, g.Rows)
		e.i64(5, g.Start)
		e.i64(6, size)
		if n < 1<<15 {
			e.field(7, ctI16)
			e.zigzag(int64(n))
		}
		e.end()
	}
	var kv []keyValue
	for _, v := range j.f.meta.kv {
		if slices.Contains(j.p.Metadata, v.key) {
			kv = append(kv, v)
		}
	}
	if len(kv) > 0 {
		e.list(5, len(kv), ctStruct)
		for _, v := range kv {
			e.begin()
			e.str(1, v.key)
			e.str(2, v.value)
			e.end()
		}
	}
	e.str(6, "aihub")
	if j.f.meta.orders {
		e.list(7, len(leaves), ctStruct)
		for range leaves {
			e.begin()
			e.field(1, ctStruct)
			e.begin()
			e.end()
			e.end()
		}
	}
	e.end()
	e.b = binary.LittleEndian.AppendUint32(e.b, uint32(len(e.b)-begin))
	e.b = append(e.b, "PAR1"...)
	if _, err := o.File.WriteAt(e.b, at); err != nil {
		return err
	}
	return o.File.Truncate(at + int64(len(e.b)))
}

func (j *job) writeChunk(e *encoder, c *chunkMeta, leaf int, start int64, offset, column span) {
	typ, _ := j.typeOf(leaf)
	e.begin()
	e.i64(2, 0)
	e.field(3, ctStruct)
	e.begin()
	e.i32(1, int32(typ))
	e.list(2, len(c.Encodings), ctI32)
	for _, x := range c.Encodings {
		e.zigzag(int64(x))
	}
	path := j.f.leaves[leaf].Path
	e.list(3, len(path), ctBinary)
	for _, p := range path {
		e.rawStr(p)
	}
	e.i32(4, int32(c.Codec))
	e.i64(5, c.Values)
	e.i64(6, c.Uncompressed)
	e.i64(7, c.Size)
	e.i64(9, start+c.Data)
	if c.Dict >= 0 {
		e.i64(11, start+c.Dict)
	}
	if c.Stats != nil {
		e.raw(12, ctStruct, c.Stats)
	}
	if c.EncStats != nil {
		e.raw(13, ctList, c.EncStats)
	}
	if c.Sizes != nil {
		e.raw(16, ctStruct, c.Sizes)
	}
	e.end()
	if offset.n > 0 {
		e.i64(4, offset.off)
		e.i32(5, int32(offset.n))
	}
	if column.n > 0 {
		e.i64(6, column.off)
		e.i32(7, int32(column.n))
	}
	e.end()
}

// schema is the schema of an output: without the leaves it does not get, and
// with the types of mapped ones.
func (j *job) schema(o *output) []element {
	src := j.f.meta.schema
	byElement := map[int]int{}
	for i, l := range j.f.leaves {
		byElement[l.element] = i
	}
	var out []element
	pos := 0
	var walk func() bool
	walk = func() bool {
		i := pos
		e := src[i]
		pos++
		leaf, isLeaf := byElement[i]
		if isLeaf {
			if !o.has[leaf] {
				return false
			}
			out = append(out, j.retype(e, leaf))
			return true
		}
		at := len(out)
		out = append(out, e)
		n := int32(0)
		for range e.children {
			if walk() {
				n++
			}
		}
		if n == 0 && i > 0 {
			out = out[:at]
			return false
		}
		out[at].children = n
		return true
	}
	walk()
	return out
}

// retype is the schema element of a leaf as it is written.
func (j *job) retype(e element, leaf int) element {
	c := &j.p.Columns[leaf]
	if c.Op != Map {
		return e
	}
	if j.wider(leaf) {
		e.rep = 1
	}
	if c.Logical == Same {
		return e
	}
	e.typ, e.width = int32(c.Type), int32(c.Width)
	e.has &^= 1<<1 | 1<<5 | 1<<6 | 1<<7 | 1<<9 // width, converted type, scale, precision, logical type
	if c.Type == Fixed {
		e.has |= 1 << 1
	}
	e.has |= 1
	annotate := func(logical byte, converted int32) {
		e.logical = []byte{logical<<4 | ctStruct, ctStop, ctStop} // a union of empty structs
		e.has |= 1 << 9
		if converted >= 0 {
			e.converted = converted
			e.has |= 1 << 5
		}
	}
	switch c.Logical {
	case String:
		annotate(1, 0)
	case Date:
		annotate(6, 6)
	case UUID:
		annotate(14, -1)
	}
	return e
}

func (s *element) write(e *encoder) {
	e.begin()
	put := func(id int, v int32) {
		if s.present(id) {
			e.i32(int16(id), v)
		}
	}
	put(1, s.typ)
	put(2, s.width)
	put(3, s.rep)
	e.str(4, s.name)
	if s.children > 0 || !s.present(1) {
		e.i32(5, s.children)
	}
	put(6, s.converted)
	put(7, s.scale)
	put(8, s.prec)
	put(9, s.fieldID)
	if s.present(10) {
		e.raw(10, ctStruct, s.logical)
	}
	e.end()
}
