package pages

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
)

// Bounds of the dictionaries that are written. Beyond them values are written
// plain.
const (
	maxDictEntries = 1 << 16
	maxDictBytes   = 1 << 20
	dictSample     = 8192 // values looked at to decide whether one is worth it
)

// location is a page of a written chunk.
type location struct {
	At    int64 // from the chunk's beginning
	Size  int32 // with its header
	First int64 // row in its row group; -1 when not known
}

// written is a finished chunk.
type written struct {
	head, body []byte // dictionary page; data pages
	raw        []raw  // what of the data pages is not in body
	meta       chunkMeta
}

// raw are bytes that stand before a place in a body: those of a buffer of their own,
// or, where it has none, of a span of the source.
type raw struct {
	at   int
	data []byte
	span
}

func (w *written) size() int64 {
	n := int64(len(w.head) + len(w.body))
	for _, r := range w.raw {
		n += r.n
	}
	return n
}

// held is how much memory the chunk takes, what its buffers have to spare included.
func (w *written) held() int64 {
	n := int64(cap(w.head) + cap(w.body))
	for _, r := range w.raw {
		n += int64(cap(r.data))
	}
	return n
}

// chunkMeta is what the footer says about a chunk, with places counted from the
// chunk's beginning.
type chunkMeta struct {
	Codec        Codec
	Encodings    []int32
	Values       int64
	Uncompressed int64
	Size         int64
	Dict, Data   int64 // Dict -1: none
	Stats        []byte
	EncStats     []byte
	Sizes        []byte
	Pages        []location // nil: no offset index
	ColumnIndex  []byte
	CRC          uint32
}

// chunkWriter makes one chunk after another, in buffers that it keeps.
type chunkWriter struct {
	z        compressor
	typ      Type
	width    int
	codec    Codec
	kind     int32 // of the pages to write
	maxDef   int
	maxRep   int
	pool     *bodies
	expect   int64 // about how long body becomes
	body     []byte
	raw      []raw // what stands between the bytes of body
	rawBytes int64
	plain    int64 // bytes before compression, headers counted
	dataAt   int
	entries  int64
	rows     int64
	pages    []location
	used     uint32 // bit e: encoding e
	decided  bool   // whether to compress
	dict     dictionary
	dictMode int // 0 not decided, 1 dictionary, 2 plain
	indices  []uint32
	remap    []uint32 // what a value refers to -> index+1, or 0
	levels   []byte
	scratch  []byte
	whole    []byte
	packed   []byte
}

// reset begins a chunk of about expect bytes.
func (w *chunkWriter) reset(t Type, width int, codec Codec, kind int32, maxDef, maxRep int, expect int64) {
	w.typ, w.width, w.codec, w.kind, w.maxDef, w.maxRep = t, width, codec.writable(), kind, maxDef, maxRep
	w.expect, w.plain, w.entries, w.rows, w.used = min(expect, 32<<20), 0, 0, 0, 0
	w.drop()
	w.pages, w.decided, w.dictMode = nil, false, 0
	w.dict.reset(t, width)
}

// drop gives up what is written of a chunk.
func (w *chunkWriter) drop() {
	w.pool.put(w.body)
	for _, r := range w.raw {
		w.pool.put(r.data)
	}
	w.body, w.raw, w.rawBytes = nil, nil, 0
}

// pageOf is a page to be written: levels as the bytes of the page kind.
type pageOf struct {
	rep, def       []byte
	entries, nulls int
	rows           int // -1: not known
	encoding       int32
}

// add writes a page of levels and values: buf, whose first head bytes are the
// levels, and behind it the bytes of more, which may be nil. own is the buffer at
// whose beginning the last of them lies. It may be kept until the chunk is written,
// and is nil then.
func (w *chunkWriter) add(p pageOf, buf []byte, head int, more []byte, own *[]byte) error {
	size := len(buf) + len(more)
	if size > math.MaxInt32/2 {
		return tooLarge("page", int64(size), math.MaxInt32/2)
	}
	h := pageHeader{kind: w.kind, uncompressed: int32(size), values: int32(p.entries), encoding: p.encoding}
	if w.kind == kindV1 {
		h.defEnc, h.repEnc = encRLE, encRLE
	} else {
		h.nulls, h.rows = int32(p.nulls), int32(p.rows)
		h.repLen, h.defLen = int32(len(p.rep)), int32(len(p.def))
		h.plain = w.codec == Uncompressed
	}
	if w.codec == Uncompressed {
		h.size = int32(size)
		last := buf
		if more != nil {
			last = more
		}
		if len(last) < rawLeast || cap(last) > 2*len(last) {
			w.emit(&h, p.rows, buf, more)
			return nil
		}
		h.crc, h.hasCRC = checksum(buf, more), true
		at, header := w.begin(&h)
		if more != nil {
			w.body = append(w.body, buf...)
		}
		w.keep(last, span{n: int64(len(last))})
		*own = nil
		w.end(&h, p.rows, at, header)
		return nil
	}
	if more != nil {
		w.whole = append(append(w.whole[:0], buf...), more...)
		buf = w.whole
	}
	if w.kind == kindV1 {
		head = 0 // the levels are compressed as well
	}
	var err error
	w.packed = append(w.packed[:0], buf[:head]...)
	if w.packed, err = w.z.append(w.codec, w.packed, buf[head:]); err != nil {
		return err
	}
	payload := w.packed
	if w.kind != kindV1 && len(payload) >= size {
		h.plain, payload = true, buf
	}
	h.size = int32(len(payload))
	w.emit(&h, p.rows, payload)
	return nil
}

// addOf is add of a page whose last bytes are those of b.
func (w *chunkWriter) addOf(b *Builder, p pageOf, buf []byte, head int, more []byte) error {
	size := cap(b.data)
	err := w.add(p, buf, head, more, &b.data)
	if b.data == nil {
		b.data = w.pool.make(size) // rather than grow into it
	}
	return err
}

// emit writes a page whose payload is ready, in parts.
func (w *chunkWriter) emit(h *pageHeader, rows int, payload ...[]byte) {
	h.crc, h.hasCRC = checksum(payload...), true
	at, header := w.begin(h)
	for _, b := range payload {
		if need := len(w.body) + len(b); need > cap(w.body) { // rather than grow into it page by page
			w.body = append(w.pool.make(max(need, int(w.expect))), w.body...)
		}
		w.body = append(w.body, b...)
	}
	w.end(h, rows, at, header)
}

// A payload of rawLeast bytes or more is not copied into the body: its buffer is kept
// until the chunk is written, or, beyond rawMost bytes a chunk, those of the source
// are read again then.
const (
	rawLeast = 64 << 10
	rawMost  = 8 << 20
)

// keep puts b, or, if it is nil, a span of the source behind the body.
func (w *chunkWriter) keep(b []byte, s span) {
	w.raw = append(w.raw, raw{len(w.body), b, s})
	w.rawBytes += s.n
}

// emitRaw writes a page whose payload, with the checksum of h, stands in the source
// and at the beginning of own, which may be kept.
func (w *chunkWriter) emitRaw(h *pageHeader, rows int, s span, own *[]byte) {
	h.hasCRC = true
	at, header := w.begin(h)
	if w.rawBytes+s.n > rawMost {
		w.keep(nil, s)
	} else {
		w.keep((*own)[:s.n], s)
		*own = nil
	}
	w.end(h, rows, at, header)
}

// begin writes a page's header, and returns where, and how long it is.
func (w *chunkWriter) begin(h *pageHeader) (at int64, header int) {
	n := len(w.body)
	at = int64(n) + w.rawBytes
	w.body = h.write(w.body)
	return at, len(w.body) - n
}

// end notes the page that began at a place of the chunk.
func (w *chunkWriter) end(h *pageHeader, rows int, at int64, header int) {
	w.plain += int64(header) + int64(h.uncompressed)
	w.used |= 1<<h.encoding | 1<<encRLE
	w.entries += int64(h.values)
	if rows < 0 {
		w.rows = -1
	}
	w.pages = append(w.pages, location{at, int32(int64(len(w.body)) + w.rawBytes - at), w.rows})
	if w.rows >= 0 {
		w.rows += int64(rows)
	}
}

// worthwhile decides by the first page whether compression saves an eighth or
// more; what is random by design is stored as it is.
func (w *chunkWriter) worthwhile(buf []byte) {
	if w.decided || w.codec == Uncompressed {
		return
	}
	w.decided = true
	s := buf[:min(len(buf), 1<<16)]
	out, err := w.z.append(w.codec, w.packed[:0], s)
	if err == nil && len(out) > len(s)-len(s)/8 && len(s) > 1024 {
		w.codec = Uncompressed
	}
	w.packed = out[:0]
}

// finish returns the chunk.
func (w *chunkWriter) finish() (written, error) {
	out := written{body: w.body, raw: w.raw}
	m := &out.meta
	m.Dict = -1
	w.body, w.raw = nil, nil
	if w.used>>encDict&1 == 1 {
		v := w.dict.vals.values()
		w.scratch = plain(w.scratch[:0], &v)
		h := pageHeader{kind: kindDict, uncompressed: int32(len(w.scratch)), values: int32(v.n), encoding: encPlain, hasCRC: true}
		payload := w.scratch
		if w.codec != Uncompressed && len(payload) > 0 {
			var err error
			if payload, err = w.z.append(w.codec, w.packed[:0], w.scratch); err != nil {
				return out, err
			}
			w.packed = payload
		}
		h.size, h.crc = int32(len(payload)), crc32.ChecksumIEEE(payload)
		out.head = append(h.write(make([]byte, 0, len(payload)+64)), payload...)
		w.plain += int64(len(out.head)-len(payload)) + int64(len(w.scratch))
		w.used |= 1 << encPlain
		m.Dict = 0
		m.Data = int64(len(out.head))
		for i := range w.pages {
			w.pages[i].At += m.Data
		}
	}
	for u := w.used; u != 0; u &= u - 1 {
		m.Encodings = append(m.Encodings, int32(bits.TrailingZeros32(u)))
	}
	m.Codec, m.Values, m.Uncompressed, m.Size = w.codec, w.entries, w.plain, out.size()
	if w.rows >= 0 {
		m.Pages = w.pages
	}
	return out, nil
}

// values writes a page of b's values: as indices while the dictionary is worth
// it, else plain. Values of a fixed width have their levels before them in b.
func (w *chunkWriter) values(p pageOf, b *Builder) error {
	if w.dictMode == 0 {
		w.decide(b)
	}
	levels := append(append(w.levels[:0], p.rep...), p.def...)
	w.levels = levels
	if w.dictMode == 1 {
		v := b.values()
		if b.refer {
			w.addReferred(b)
		} else {
			w.indices = resize(w.indices, v.n)
			w.dict.addAll(w.indices, &v)
		}
		if w.dict.full() {
			w.dictMode = 2 // this page is the last of indices
		}
		return w.coded(p, w.indices, levels)
	}
	if b.refer {
		b.spread()
	}
	v := b.values()
	p.encoding = encPlain
	switch {
	case w.typ == Boolean:
		s := append(w.scratch[:0], levels...)
		w.scratch = pack(s, v.Data, 1)[:len(s)+(v.n+7)/8]
		return w.add(p, w.scratch, len(levels), nil, &w.scratch)
	case w.typ != ByteArray:
		w.worthwhile(b.data)
		return w.addOf(b, p, b.data, b.head, nil)
	}
	if s, ok := equalLengths(append(w.scratch[:0], levels...), &v); ok {
		w.scratch = s
		p.encoding = encDeltaLength
		more := v.Data[v.off[0] : v.off[v.n]-v.gap]
		w.worthwhile(more)
		return w.addOf(b, p, s, len(levels), more)
	}
	w.scratch = plain(append(w.scratch[:0], levels...), &v)
	w.worthwhile(w.scratch)
	return w.add(p, w.scratch, len(levels), nil, &w.scratch)
}

// decide says by the first values whether a dictionary is worth it.
func (w *chunkWriter) decide(b *Builder) {
	w.dictMode = 2
	v := b.values()
	some := min(v.n, dictSample)
	if w.typ == Boolean || some == 0 || w.dict.vals.n > 0 {
		return
	}
	different := 0
	if b.refer { // in the order of first use
		for _, x := range b.refs[:some] {
			different = max(different, int(x)+1)
		}
	} else {
		for i := range some {
			w.dict.add(v.Bytes(i))
		}
		different = w.dict.vals.n
		w.dict.reset(w.typ, w.width)
	}
	// Few of many, or all of few: a short chunk is not known to repeat.
	if 2*different <= some {
		w.dictMode = 1
	}
}

// addReferred puts the indices of b's values into w.indices.
func (w *chunkWriter) addReferred(b *Builder) {
	v := b.referred()
	w.remap = resize(w.remap, v.n)
	clear(w.remap)
	w.indices = resize(w.indices, len(b.refs))
	for i, x := range b.refs {
		y := w.remap[x]
		if y == 0 {
			y = w.dict.add(v.Bytes(int(x))) + 1
			w.remap[x] = y
		}
		w.indices[i] = y - 1
	}
}

// plain appends values as PLAIN has them.
func plain(s []byte, v *Values) []byte {
	if v.Type != ByteArray {
		return append(s, v.Data[:v.n*v.Width]...)
	}
	if v.n == 0 {
		return s
	}
	at := len(s)
	s = slices.Grow(s, 4*v.n+int(v.off[v.n]-v.off[0]))
	s = s[:cap(s)]
	from := v.off[0]
	for _, next := range v.off[1 : v.n+1] {
		x := v.Data[from : next-v.gap]
		binary.LittleEndian.PutUint32(s[at:], uint32(len(x)))
		at += 4 + copy(s[at+4:], x)
		from = next
	}
	return s[:at]
}

// equalLengths appends what stands before texts that are all of one length, as
// pseudonyms and numbers are, in DELTA_LENGTH_BYTE_ARRAY: without a length before
// each they take less room uncompressed than plain ones compressed.
func equalLengths(s []byte, v *Values) ([]byte, bool) {
	if v.n < 2 || v.gap != 0 {
		return s, false
	}
	n := v.off[1] - v.off[0]
	for i, next := range v.off[1 : v.n+1] {
		if next-v.off[i] != n {
			return s, false
		}
	}
	const block, minis = 128, 4
	s = append(s, block&0x7f|0x80, block>>7, minis)
	s = binary.AppendUvarint(s, uint64(v.n))
	s = binary.AppendUvarint(s, uint64(n)<<1)
	for left := v.n - 1; left > 0; left -= block {
		s = append(s, 0, 0, 0, 0, 0) // least delta 0, widths 0
	}
	return s, true
}

// coded writes a page of indices into w.dict, which holds all of them.
func (w *chunkWriter) coded(p pageOf, index []uint32, levels []byte) error {
	s, width := w.indexPage(len(index), levels)
	return w.putIndices(p, packRLE(s, index, width), len(levels))
}

// indexPage begins a page of n indices: behind it, they are to be appended with a width.
func (w *chunkWriter) indexPage(n int, levels ...[]byte) (s []byte, width int) {
	width = bitsFor(max(w.dict.vals.n-1, 0))
	if room := n*width/8 + n/some*8 + 4096; cap(w.scratch) < room { // rather than grow into it
		w.pool.put(w.scratch)
		w.scratch = w.pool.make(room)
	}
	s = w.scratch[:0]
	for _, l := range levels {
		s = append(s, l...)
	}
	return append(s, byte(width)), width
}

// putIndices writes the page s, which begins with levels bytes of them.
func (w *chunkWriter) putIndices(p pageOf, s []byte, levels int) error {
	w.scratch = s
	p.encoding = encDict
	if 4*w.dict.size() <= len(s) { // else the dictionary is what compression is for
		w.worthwhile(s[levels:])
	}
	w.decided = true // indices and plain pages share a codec
	return w.add(p, s, levels, nil, &w.scratch)
}

// appendLevels appends levels as a page of the kind has them.
func appendLevels(b []byte, kind int32, v []byte, most int) []byte {
	if most == 0 {
		return b
	}
	at := len(b)
	if kind == kindV1 {
		b = append(b, 0, 0, 0, 0)
	}
	b = packRLE(b, v, bits.Len(uint(most)))
	if kind == kindV1 {
		binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	return b
}
