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
	raw        span   // instead of both: bytes of the source
	meta       chunkMeta
}

func (w *written) size() int64 {
	if w.raw.n > 0 {
		return w.raw.n
	}
	return int64(len(w.head) + len(w.body))
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
	body     []byte
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
	scratch  []byte
	packed   []byte
}

func (w *chunkWriter) reset(t Type, width int, codec Codec, kind int32, maxDef, maxRep int, buf []byte) {
	w.typ, w.width, w.codec, w.kind, w.maxDef, w.maxRep = t, width, codec.writable(), kind, maxDef, maxRep
	w.body, w.plain, w.entries, w.rows, w.used = buf[:0], 0, 0, 0, 0
	w.pages, w.decided, w.dictMode = nil, false, 0
	w.dict.reset(t, width)
}

// pageOf is a page to be written: levels as the bytes of the page kind.
type pageOf struct {
	rep, def       []byte
	entries, nulls int
	rows           int // -1: not known
	encoding       int32
}

// add writes a page from buf, whose first head bytes are the levels.
func (w *chunkWriter) add(p pageOf, buf []byte, head int) error {
	h := pageHeader{kind: w.kind, uncompressed: int32(len(buf)), values: int32(p.entries), encoding: p.encoding, hasCRC: true}
	var payload []byte
	var err error
	if len(buf) > math.MaxInt32/2 {
		return tooLarge("page", int64(len(buf)), math.MaxInt32/2)
	}
	if w.kind == kindV1 {
		h.defEnc, h.repEnc = encRLE, encRLE
		payload = buf
		if w.codec != Uncompressed {
			if w.packed, err = w.z.append(w.codec, w.packed[:0], buf); err != nil {
				return err
			}
			payload = w.packed
		}
	} else {
		h.nulls, h.rows = int32(p.nulls), int32(p.rows)
		h.repLen, h.defLen = int32(len(p.rep)), int32(len(p.def))
		h.plain = w.codec == Uncompressed
		payload = buf
		if !h.plain {
			w.packed = append(w.packed[:0], buf[:head]...)
			if w.packed, err = w.z.append(w.codec, w.packed, buf[head:]); err != nil {
				return err
			}
			if payload = w.packed; len(payload) >= len(buf) {
				h.plain, payload = true, buf
			}
		}
	}
	h.size = int32(len(payload))
	w.emit(&h, payload, p.rows)
	return nil
}

// emit writes a page whose payload is ready.
func (w *chunkWriter) emit(h *pageHeader, payload []byte, rows int) {
	h.crc, h.hasCRC = crc32.ChecksumIEEE(payload), true
	at := len(w.body)
	w.body = h.write(w.body)
	header := len(w.body) - at
	w.body = append(w.body, payload...)
	w.plain += int64(header) + int64(h.uncompressed)
	w.used |= 1<<h.encoding | 1<<encRLE
	w.entries += int64(h.values)
	if rows < 0 {
		w.rows = -1
	}
	w.pages = append(w.pages, location{int64(at), int32(len(w.body) - at), w.rows})
	if w.rows >= 0 {
		w.rows += int64(rows)
	}
}

// worthwhile decides by the first page whether compression saves anything; what
// is random by design is stored as it is.
func (w *chunkWriter) worthwhile(buf []byte) {
	if w.decided || w.codec == Uncompressed {
		return
	}
	w.decided = true
	s := buf[:min(len(buf), 1<<16)]
	out, err := w.z.append(w.codec, w.packed[:0], s)
	if err == nil && len(out) > len(s)-len(s)/16 && len(s) > 1024 {
		w.codec = Uncompressed
	}
	w.packed = out[:0]
}

// finish returns the chunk.
func (w *chunkWriter) finish() (written, error) {
	out := written{body: w.body}
	m := &out.meta
	m.Dict = -1
	w.body = nil
	if w.used>>encDict&1 == 1 {
		v := &w.dict.vals
		h := pageHeader{kind: kindDict, uncompressed: int32(len(v.data)), values: int32(v.n), encoding: encPlain, hasCRC: true}
		payload := v.data
		if w.codec != Uncompressed && len(payload) > 0 {
			var err error
			if payload, err = w.z.append(w.codec, w.packed[:0], v.data); err != nil {
				return out, err
			}
			w.packed = payload
		}
		h.size, h.crc = int32(len(payload)), crc32.ChecksumIEEE(payload)
		out.head = append(h.write(make([]byte, 0, len(payload)+64)), payload...)
		w.plain += int64(len(out.head)-len(payload)) + int64(len(v.data))
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

// values writes a page of b's values, whose first b.head bytes are the levels:
// as indices while the dictionary is worth it, else plain.
func (w *chunkWriter) values(p pageOf, b *Builder) error {
	v := b.values()
	if w.dictMode == 0 {
		w.dictMode = 2
		if w.typ != Boolean && v.n > 0 && w.dict.vals.n == 0 {
			seen := &w.dict
			for i := range min(v.n, dictSample) {
				seen.add(v.Bytes(i))
			}
			// Few of many, or all of few: a short chunk is not known to repeat.
			if 2*seen.vals.n <= min(v.n, dictSample) {
				w.dictMode = 1
			}
			seen.reset(w.typ, w.width)
		}
	}
	if w.dictMode == 1 {
		w.indices = resize(w.indices, v.n)
		for i := range w.indices {
			w.indices[i] = w.dict.add(v.Bytes(i))
		}
		if w.dict.vals.n > maxDictEntries || len(w.dict.vals.data) > maxDictBytes {
			w.dictMode = 2 // this page is the last of indices
		}
		return w.coded(p, w.indices, b.data[:b.head])
	}
	p.encoding = encPlain
	if w.typ == Boolean {
		s := append(w.scratch[:0], b.data[:b.head]...)
		w.scratch = pack(s, b.data[b.head:], 1)[:len(s)+(v.n+7)/8]
		return w.add(p, w.scratch, b.head)
	}
	if s, ok := equalLengths(w.scratch[:0], &v, b.data[:b.head]); ok {
		w.scratch = s
		p.encoding = encDeltaLength
		w.worthwhile(s[b.head:])
		return w.add(p, s, b.head)
	}
	w.worthwhile(b.data)
	return w.add(p, b.data, b.head)
}

// equalLengths appends levels and texts that are all of one length, as
// pseudonyms and numbers are, as DELTA_LENGTH_BYTE_ARRAY: without a length
// before each they take less room uncompressed than plain ones compressed.
func equalLengths(s []byte, v *Values, levels []byte) ([]byte, bool) {
	if v.Type != ByteArray || v.n < 2 {
		return s, false
	}
	step := v.off[1] - v.off[0]
	for i := range v.n {
		if v.off[i+1]-v.off[i] != step {
			return s, false
		}
	}
	const block, minis = 128, 4
	s = append(s, levels...)
	s = append(s, block&0x7f|0x80, block>>7, minis)
	s = binary.AppendUvarint(s, uint64(v.n))
	n := int(step - v.gap)
	s = binary.AppendUvarint(s, uint64(n)<<1)
	for left := v.n - 1; left > 0; left -= block {
		s = append(s, 0, 0, 0, 0, 0) // least delta 0, widths 0
	}
	at := len(s)
	s = slices.Grow(s, n*v.n)[:at+n*v.n]
	for _, o := range v.off[:v.n] {
		copy(s[at:at+n], v.Data[o:])
		at += n
	}
	return s, true
}

// coded writes a page of indices into w.dict, which holds all of them.
func (w *chunkWriter) coded(p pageOf, index []uint32, levels []byte) error {
	width := bitsFor(max(w.dict.vals.n-1, 0))
	w.decided = true // indices and plain pages share a codec
	s := append(w.scratch[:0], levels...)
	s = append(s, byte(width))
	s = packRLE(s, index, width)
	w.scratch = s
	p.encoding = encDict
	return w.add(p, s, len(levels))
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
