package pages

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// worker makes chunks. It keeps its buffers from one to the next.
type worker struct {
	j     *job
	r     chunkReader
	w     chunkWriter
	funcs map[funcKey]MapFunc
	pg    page
	b     Builder
	dict  Builder  // the mapped dictionary
	remap []uint32 // index of the source's dictionary -> new index+1, or 0
	fresh int      // entries of remap that are 0
	told  []uint32 // what an entry of dict refers to -> new index+1, or 0
	index []uint32
	def   []byte
	lev   []byte
	store unitStore

	copied []byte // bytes of the source on their way
}

func newWorker(j *job) *worker {
	k := &worker{j: j, funcs: map[funcKey]MapFunc{}}
	k.w.pool, k.r.pager.pool = &j.bodies, &j.bodies
	return k
}

const nullIndex = ^uint32(0)

// funcKey is a leaf, and whether its function may refer to texts.
type funcKey struct {
	leaf  int
	alike bool
}

func (k *worker) mapFunc(leaf int, alike bool) MapFunc {
	c := &k.j.p.Columns[leaf]
	key := funcKey{leaf, alike && c.Alike != nil}
	f := k.funcs[key]
	if f == nil {
		if key.alike {
			f = c.Alike()
		} else {
			f = c.New()
		}
		k.funcs[key] = f
	}
	return f
}

// apply maps values behind what out holds already. With alike, out may come to refer
// to texts.
func (k *worker) apply(leaf int, in *Values, out *Builder, alike bool) error {
	before := out.n
	if err := k.mapFunc(leaf, alike)(in, out); err != nil {
		return err
	}
	if out.n-before != in.n {
		return fmt.Errorf("pages: column %s: the function made %d values of %d", clip(k.r.leaf.Name()), out.n-before, in.n)
	}
	if len(out.null) > 0 && !k.j.p.Columns[leaf].Nullable {
		return fmt.Errorf("pages: column %s: the function made nulls and did not say so", clip(k.r.leaf.Name()))
	}
	return nil
}

// copyChunk finds the pages of an untouched chunk. Only they are copied, not
// what may lie between them and the chunk's declared end.
func (k *worker) copyChunk(g, leaf int, strip bool) (written, error) {
	r := &k.r
	if err := r.reset(k.j.f, g, leaf); err != nil {
		return written{}, err
	}
	c := r.c
	m := chunkMeta{Codec: Codec(c.codec), Encodings: slices.Clone(c.encodings), Values: c.values, Uncompressed: c.uncompressed,
		EncStats: c.encStats, Dict: -1, Data: -1}
	if strip {
		k.w.reset(r.leaf.Type, r.leaf.Width, m.Codec, 0, 0, 0, c.size)
		k.w.codec = m.Codec // pages are not compressed again
	} else {
		m.Sizes = c.sizes
		if k.j.f.meta.orders {
			m.Stats = cleanStats(c.stats)
		}
	}
	start := r.pager.pos
	rows := int64(0)
	m.Pages = []location{}
	for {
		if r.left == 0 {
			break
		}
		at := r.pager.pos - start
		h, err := r.pager.header()
		if err != nil {
			return written{}, r.wrap(err)
		}
		switch h.kind {
		case kindV1, kindV2:
			if int64(h.values) > r.left {
				return written{}, damaged(r.where(), "%d values where %d are left", h.values, r.left)
			}
			r.left -= int64(h.values)
			if m.Data < 0 {
				m.Data = at
			}
			m.Pages = append(m.Pages, location{at, int32(h.header) + h.size, rows})
			if h.kind == kindV2 {
				rows += int64(h.rows)
			} else if rows += int64(h.values); !r.leaf.Flat() {
				m.Pages = nil
				rows = -1 << 40
			}
		case kindDict:
			if m.Dict >= 0 || m.Data >= 0 {
				return written{}, damaged(r.where(), "a dictionary that is not the first page")
			}
			m.Dict = at
		default:
			return written{}, unsupported(r.where(), "pages of kind %d", h.kind)
		}
		if !h.hasCRC && !strip {
			r.pager.skip(&h)
			continue
		}
		b, err := r.pager.payload(&h)
		if err != nil {
			return written{}, r.wrap(err)
		}
		if strip {
			k.copyPage(&h, 0, b, checksum(b))
		}
	}
	if rows < 0 {
		m.Pages = nil
	}
	if m.Data < 0 {
		m.Data = 0
	}
	out := written{meta: m}
	if strip {
		return k.stripped(out, m)
	}
	out.raw = []raw{{span: span{start, r.pager.pos - start}}}
	out.meta.Size = out.size()
	if c.columnIndex.n > 0 && m.Pages != nil {
		out.meta.ColumnIndex = k.j.f.columnIndex(c)
	}
	return out, nil
}

// copyPage writes the page read last, of payload b with a checksum, as it stands in
// the source.
func (k *worker) copyPage(h *pageHeader, rows int, b []byte, crc uint32) {
	if h.crc = crc; len(b) < rawLeast {
		k.w.emit(h, rows, b)
		return
	}
	k.w.emitRaw(h, rows, span{k.r.pager.pos - int64(len(b)), int64(len(b))}, &k.r.pager.buf)
}

// stripped turns the copied pages of k.w into a chunk.
func (k *worker) stripped(out written, m chunkMeta) (written, error) {
	out.body, out.raw = k.w.body, k.w.raw
	k.w.body, k.w.raw = nil, nil
	pages := k.w.pages
	if m.Dict >= 0 {
		m.Data = int64(pages[0].Size)
		pages = pages[1:]
	}
	if m.Pages != nil {
		for i := range pages {
			pages[i].First = m.Pages[i].First
		}
		m.Pages = pages
	}
	m.Size, m.Uncompressed = out.size(), k.w.plain
	out.meta = m
	return out, nil
}

// columnIndex is the bytes of a chunk's column index, or nil if they are not one.
func (f *File) columnIndex(c *chunk) []byte {
	s := c.columnIndex
	if s.off < 4 || s.n > maxIndex || s.off > f.size-s.n {
		return nil
	}
	b := make([]byte, s.n)
	if readFull(f.r, b, s.off) != nil {
		return nil
	}
	d := decoder{b: b}
	if d.skip(ctStruct, 0); d.bad || d.pos != len(b) {
		return nil
	}
	return b
}

// cleanStats keeps what is known of a chunk's statistics; the deprecated
// minimum and maximum, whose order no one knows, are left out.
func cleanStats(raw []byte) []byte {
	if raw == nil {
		return nil
	}
	d := decoder{b: raw}
	e := encoder{}
	e.begin()
	d.fields(func(id int16, typ byte) bool {
		switch {
		case (id == 3 || id == 4) && typ == ctI64:
			e.i64(id, d.i64())
		case (id == 5 || id == 6) && typ == ctBinary:
			e.str(id, d.string())
		case (id == 7 || id == 8) && (typ == ctTrue || typ == ctFalse):
			e.bool(id, typ == ctTrue)
		default:
			return false
		}
		return true
	})
	e.end()
	if d.bad {
		return nil
	}
	return e.b
}

var errRewrite = errors.New("indices must be rewritten")

// mapChunk maps a chunk of row group g whose rows all stay in place.
func (k *worker) mapChunk(ctx context.Context, g, leaf int) (written, error) {
	out, err := k.mapPages(ctx, g, leaf, !k.j.wider(leaf))
	if err == errRewrite {
		out, err = k.mapPages(ctx, g, leaf, false)
	}
	return out, err
}

// mapPages maps a chunk. With copying set the pages of indices are copied still
// compressed, unless values of the dictionary fell together or became null, so that
// indices would tell apart what the values no longer do. errRewrite says that they may
// not be: because the dictionary is not in the order of first use, or holds values of
// no row, and so would tell more than the rows.
func (k *worker) mapPages(ctx context.Context, g, leaf int, copying bool) (written, error) {
	r, w, p := &k.r, &k.w, &k.pg
	if err := r.reset(k.j.f, g, leaf); err != nil {
		return written{}, err
	}
	typ, width := k.j.typeOf(leaf)
	codec := Codec(r.c.codec)
	copying = copying && codec.writable() == codec
	maxDef := r.leaf.MaxDef
	if k.j.wider(leaf) {
		maxDef++
	}
	started, coded := false, false
	next := uint32(0)
	for {
		if err := ctx.Err(); err != nil {
			return written{}, err
		}
		h, b, err := r.raw()
		if err == io.EOF {
			break
		}
		if err != nil {
			return written{}, err
		}
		if h.kind == kindDict {
			if err := r.readDict(&h, b); err != nil {
				return written{}, err
			}
			if err := k.mapDict(leaf, typ, width); err != nil {
				return written{}, err
			}
			coded = true
			continue
		}
		if !started {
			started = true
			w.reset(typ, width, codec, h.kind, maxDef, r.leaf.MaxRep, ((r.c.size+r.c.size/16+4096)>>19+1)<<19) // chunks differ by little
			if coded && copying && k.distinct() {
				w.decided = true
			} else if coded && copying {
				copying = false // the indices would tell apart what the values no longer do
				w.dict.reset(typ, width)
			}
		}
		r.whole = coded && copying
		if err := r.decode(p, h, b); err != nil {
			return written{}, r.wrap(err)
		}
		if p.coded && copying && h.kind == w.kind {
			if next, err = k.inOrder(next); err != nil {
				return written{}, err
			}
			h.encoding = encDict
			k.copyPage(&h, k.rowsOf(&h), b, checksum(b))
			continue
		}
		if p.coded && copying {
			return written{}, errRewrite // pages of both versions in one chunk
		}
		if err := k.mapPage(leaf); err != nil {
			return written{}, err
		}
	}
	if !started {
		w.reset(typ, width, codec, kindV1, maxDef, r.leaf.MaxRep, 0)
	}
	if coded && copying && started {
		if int(next) != r.dict.n {
			return written{}, errRewrite
		}
	}
	return w.finish()
}

// rowsOf is how many rows a page has, or -1.
func (k *worker) rowsOf(h *pageHeader) int {
	switch {
	case k.r.leaf.Flat():
		return int(h.values)
	case h.kind == kindV2:
		return int(h.rows)
	}
	return -1
}

// mapDict maps the dictionary of the chunk into k.dict.
func (k *worker) mapDict(leaf int, typ Type, width int) error {
	k.dict.reset(typ, width)
	if err := k.apply(leaf, &k.r.dict, &k.dict, true); err != nil {
		return err
	}
	if k.dict.refer {
		k.told = resize(k.told, len(k.dict.off)-1)
		clear(k.told)
	}
	k.remap = resize(k.remap, k.r.dict.n)
	clear(k.remap)
	for _, i := range k.dict.null {
		k.remap[i] = nullIndex
	}
	k.fresh = k.r.dict.n - len(k.dict.null)
	return nil
}

// number is the index, from 1, of what became of entry x of the source's dictionary
// among the values that are used so far, of which it is one from now on.
func (k *worker) number(x uint32) uint32 {
	i := k.skipNulls(x)
	if !k.dict.refer {
		v := k.dict.values()
		return k.w.dict.add(v.Bytes(i)) + 1
	}
	y := &k.told[k.dict.refs[i]]
	if *y == 0 {
		v := k.dict.referred()
		*y = k.w.dict.add(v.Bytes(int(k.dict.refs[i]))) + 1
	}
	return *y
}

// distinct puts the mapped dictionary into k.w.dict and says whether no two of
// its values are equal and none is null.
func (k *worker) distinct() bool {
	if len(k.dict.null) > 0 || k.dict.refer && len(k.dict.off)-1 < len(k.dict.refs) {
		return false
	}
	if k.dict.refer {
		k.dict.spread()
	}
	v := k.dict.values()
	k.w.dict.expect(v.n)
	for i := range v.n {
		if int(k.w.dict.add(v.Bytes(i))) != i {
			return false
		}
	}
	return true
}

// mapPage maps the page k.pg and writes it.
func (k *worker) mapPage(leaf int) error {
	r, w, p, b := &k.r, &k.w, &k.pg, &k.b
	wider := k.j.wider(leaf)
	out := pageOf{entries: p.entries, nulls: p.entries - p.valid, rows: k.rowsOf(&p.h), rep: p.repRaw, def: p.defRaw}
	if p.h.kind != w.kind {
		out.rep = appendLevels(nil, w.kind, p.rep, r.leaf.MaxRep)
		out.def = k.defs(nil, nil, wider)
	}
	if p.coded && !wider && len(k.dict.null) == 0 {
		return k.recodePage(out)
	}
	if p.coded {
		if err := r.allIndices(p); err != nil {
			return r.wrap(err)
		}
		nulls := k.lev[:0] // a byte for each value: 1 became null
		if len(k.dict.null) > 0 {
			nulls = resize(k.lev, p.valid)
			clear(nulls)
		}
		k.index = resize(k.index, p.valid)
		to, n := k.index, 0
		for i, x := range p.index {
			y := k.remap[x]
			if y == 0 {
				y = k.number(x)
				k.remap[x] = y
			}
			if y == nullIndex {
				nulls[i] = 1
				continue
			}
			to[n] = y - 1
			n++
		}
		k.lev = nulls
		if n < p.valid || wider {
			out.def = k.defs(out.def[:0:0], nulls, wider)
			out.nulls += p.valid - n
		}
		k.b.data = append(append(k.b.data[:0], out.rep...), out.def...)
		return w.coded(out, to[:n], k.b.data)
	}
	typ, width := k.j.typeOf(leaf)
	b.reset(typ, width)
	if !wider && typ != ByteArray {
		b.data = append(append(b.data, out.rep...), out.def...)
		b.head = len(b.data)
	}
	if err := k.apply(leaf, &p.values, b, true); err != nil {
		return err
	}
	if !wider && len(b.null) == 0 {
		return w.values(out, b)
	}
	// The levels change: put the new ones in front.
	nulls := resize(k.lev, p.valid)
	k.lev = nulls
	clear(nulls)
	for _, i := range b.null {
		nulls[i] = 1
	}
	out.nulls += len(b.null)
	out.def = k.defs(nil, nulls, wider)
	if typ != ByteArray {
		b.data = slices.Concat(out.rep, out.def, b.data[b.head:])
		b.head = len(out.rep) + len(out.def)
	}
	return w.values(out, b)
}

// skipNulls is the place of entry x of the mapped dictionary among its values.
func (k *worker) skipNulls(x uint32) int {
	if len(k.dict.null) == 0 {
		return int(x)
	}
	i, _ := slices.BinarySearch(k.dict.null, x)
	return int(x) - i
}

// defs encodes the definition levels of the page k.pg anew. nulls tells of each
// value whether it became null; wider, that values lie one level higher.
func (k *worker) defs(dst, nulls []byte, wider bool) []byte {
	p, most := &k.pg, byte(k.r.leaf.MaxDef)
	k.def = resize(k.def, p.entries)
	top := most
	if wider {
		top++
	}
	i := 0
	for e := range k.def {
		d := most
		if p.def != nil {
			d = p.def[e]
		}
		if d == most {
			d = top
			if i < len(nulls) && nulls[i] == 1 {
				d--
			}
			i++
		}
		k.def[e] = d
	}
	return appendLevels(dst, k.w.kind, k.def, int(top))
}

func checksum(parts ...[]byte) (crc uint32) {
	for _, p := range parts {
		crc = updateSum(crc, p)
	}
	return crc
}

func updateSum(crc uint32, b []byte) uint32 { return crc32.Update(crc, crc32.IEEETable, b) }
