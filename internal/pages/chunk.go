package pages

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"aihub"
)

// page is a decoded data page. Its slices are views of the buffers of its
// chunkReader.
type page struct {
	h       pageHeader
	entries int
	rep     []byte // nil when all are 0
	def     []byte // nil when all are the greatest
	repRaw  []byte // the levels as they stand in the page, with the lengths of v1
	defRaw  []byte
	valid   int  // entries that have a value
	coded   bool // by dictionary: coder has the indices, and index holds them where they were asked for
	coder   hybrid[uint32]
	index   []uint32
	values  Values
}

// chunkReader reads the pages of one chunk after another, in buffers that it
// keeps.
type chunkReader struct {
	f     *File
	leaf  *Leaf
	c     *chunk
	g     int
	pager pager
	left  int64 // values not yet read
	rest  int   // of them those of a page that nextPart has begun

	whole    bool // payloads stay as they are: they are to be copied
	hasDict  bool
	dict     Values
	dictData []byte // the dictionary page, decompressed
	dictDec  valueDecoder

	plain    []byte
	repBuf   []byte
	defBuf   []byte
	indexBuf []uint32
	dec      valueDecoder
}

func (r *chunkReader) where() string {
	return fmt.Sprintf("row group %d, column %s", r.g, clip(r.leaf.Name()))
}

// wrap gives err the place, unless it has one.
func (r *chunkReader) wrap(err error) error {
	var known *aihub.Error
	switch {
	case err == nil || err == io.EOF || errors.As(err, &known):
		return err
	case errors.Is(err, ErrUnsupported):
		return unsupported(r.where(), "%v", err)
	}
	return damaged(r.where(), "%v", err)
}

// reset begins chunk (g, leaf) and reads its dictionary, if it has one.
func (r *chunkReader) reset(f *File, g, leaf int) error {
	r.f, r.g, r.leaf, r.c = f, g, &f.leaves[leaf], &f.meta.groups[g].chunks[leaf]
	r.left, r.rest, r.hasDict, r.whole = r.c.values, 0, false, false
	r.dict.n = 0
	r.pager.reset(f.r, span{r.c.start(), r.c.size})
	if r.leaf.MaxDef > 255 || r.leaf.MaxRep > 255 {
		return unsupported(r.where(), "levels above 255")
	}
	if !Codec(r.c.codec).known() {
		return unsupported(r.where(), "%s", Codec(r.c.codec))
	}
	return nil
}

// raw reads the next page as it is. A dictionary page is not decoded. After the
// last value it returns io.EOF.
func (r *chunkReader) raw() (pageHeader, []byte, error) {
	h, err := r.head()
	if err != nil {
		return h, nil, err
	}
	b, err := r.pager.payload(&h)
	return h, b, r.wrap(err)
}

// head reads the header of the next page.
func (r *chunkReader) head() (pageHeader, error) {
	for {
		if r.left == 0 {
			return pageHeader{}, io.EOF
		}
		h, err := r.pager.header()
		if err != nil {
			return h, r.wrap(err)
		}
		switch h.kind {
		case kindV1, kindV2:
			if int64(h.values) > r.left {
				return h, damaged(r.where(), "more values than the footer says")
			}
			r.left -= int64(h.values)
		case kindDict:
			if r.hasDict || r.left != r.c.values {
				return h, damaged(r.where(), "a dictionary that is not the first page")
			}
			r.hasDict = true
		case 1:
			r.pager.skip(&h)
			continue
		default:
			return h, unsupported(r.where(), "pages of kind %d", h.kind)
		}
		return h, nil
	}
}

// next decodes the next data page, and a dictionary before it.
func (r *chunkReader) next(p *page) error {
	if err := r.nextCoded(p); err != nil || !p.coded {
		return err
	}
	return r.wrap(r.allIndices(p))
}

// nextCoded is next, and leaves the indices where they are.
func (r *chunkReader) nextCoded(p *page) error {
	h, err := r.dataHead()
	if err != nil {
		return err
	}
	return r.body(p, &h)
}

// partBytes is how much of a page nextPart reads at once: of several columns, a near
// cache has what is read until it is used.
const partBytes = 64 << 10

// nextPart is nextCoded, but gives a page whose payload is nothing but the values in
// parts, as if each were a page.
func (r *chunkReader) nextPart(p *page) error {
	if r.rest == 0 {
		h, err := r.dataHead()
		if err != nil {
			return err
		}
		if h.hasCRC || h.encoding != encPlain || r.leaf.MaxDef+r.leaf.MaxRep > 0 || r.leaf.Type == Boolean || r.leaf.Width == 0 ||
			h.repLen+h.defLen+h.nulls > 0 || !(h.kind == kindV2 && h.plain) && Codec(r.c.codec) != Uncompressed ||
			h.size != h.uncompressed || int64(h.size) != int64(h.values)*int64(r.leaf.Width) {
			return r.body(p, &h)
		}
		r.rest = int(h.values)
	}
	n := min(r.rest, max(1, partBytes/r.leaf.Width))
	r.rest -= n
	b, err := r.pager.payload(&pageHeader{size: int32(n * r.leaf.Width)})
	if err == nil {
		*p = page{entries: n, valid: n}
		p.values, err = r.dec.decode(r.leaf, encPlain, b, n)
	}
	return r.wrap(err)
}

// dataHead is the header of the next data page; a dictionary before it is read.
func (r *chunkReader) dataHead() (pageHeader, error) {
	h, err := r.head()
	if err == nil && h.kind == kindDict {
		var b []byte
		if b, err = r.pager.payload(&h); err != nil {
			return h, r.wrap(err)
		}
		if err = r.readDict(&h, b); err != nil {
			return h, err
		}
		h, err = r.head()
	}
	return h, err
}

// body reads and decodes the page whose header was read last.
func (r *chunkReader) body(p *page, h *pageHeader) error {
	b, err := r.pager.payload(h)
	if err != nil {
		return r.wrap(err)
	}
	return r.wrap(r.decode(p, *h, b))
}

// expand returns the payload decompressed: b itself when it is not compressed, and
// in its place when it is large and Snappy found nothing to shorten in it.
func (r *chunkReader) expand(buf *[]byte, b []byte, n int, packed bool) ([]byte, error) {
	if !packed || Codec(r.c.codec) == Uncompressed {
		if len(b) != n {
			return nil, errLength
		}
		return b, nil
	}
	if Codec(r.c.codec) == Snappy && !r.whole && len(b) >= rawLeast && unsnapped(b, n) {
		return b[:n], nil
	}
	*buf = resize(*buf, n)
	if n == 0 { // some writers compress nothing into nothing
		return *buf, nil
	}
	return *buf, decompress(Codec(r.c.codec), *buf, b)
}

// readDict decodes the dictionary into memory of its own.
func (r *chunkReader) readDict(h *pageHeader, b []byte) error {
	if h.encoding != encPlain && h.encoding != encPlainDict {
		return unsupported(r.where(), "a dictionary of encoding %d", h.encoding)
	}
	plain, err := r.expand(&r.dictData, b, int(h.uncompressed), true)
	if err != nil {
		return r.wrap(err)
	}
	if len(plain) > 0 && len(b) > 0 && &plain[0] == &b[0] { // the pager's buffer
		r.dictData = append(r.dictData[:0], plain...)
		plain = r.dictData
	}
	if int(h.values) > len(plain) {
		// Only empty values take no byte, and strings have a length.
		return damaged(r.where(), "a dictionary of %d values in %d bytes", h.values, len(plain))
	}
	r.dict, err = r.dictDec.decode(r.leaf, encPlain, plain, int(h.values))
	return r.wrap(err)
}

// decode fills p from a page's header and payload, but for the indices.
func (r *chunkReader) decode(p *page, h pageHeader, b []byte) error {
	n := int(h.values)
	*p = page{h: h, entries: n}
	l := r.leaf
	var rep, def []byte
	var err error
	if h.kind == kindV1 {
		if b, err = r.expand(&r.plain, b, int(h.uncompressed), true); err != nil {
			return err
		}
		whole := b
		cut := func(most int, enc int32) ([]byte, error) {
			if most == 0 {
				return nil, nil
			}
			if enc != encRLE {
				return nil, fmt.Errorf("levels of encoding %d: %w", enc, ErrUnsupported)
			}
			if len(b) < 4 {
				return nil, errRLE
			}
			k := binary.LittleEndian.Uint32(b)
			if uint64(k) > uint64(len(b)-4) {
				return nil, errRLE
			}
			s := b[4 : 4+k]
			b = b[4+k:]
			return s, nil
		}
		if rep, err = cut(l.MaxRep, h.repEnc); err != nil {
			return err
		}
		p.repRaw = whole[:len(whole)-len(b)]
		if def, err = cut(l.MaxDef, h.defEnc); err != nil {
			return err
		}
		p.defRaw = whole[len(p.repRaw) : len(whole)-len(b)]
	} else {
		k := int(h.repLen + h.defLen)
		rep, def = b[:h.repLen], b[h.repLen:k]
		p.repRaw, p.defRaw = rep, def
		if b, err = r.expand(&r.plain, b[k:], int(h.uncompressed)-k, !h.plain); err != nil {
			return err
		}
	}
	if l.MaxRep > 0 {
		if p.rep, err = levelsOrZero(&r.repBuf, rep, n, l.MaxRep); err != nil {
			return err
		}
	}
	p.valid = n
	if l.MaxDef > 0 {
		if p.def, err = levels(&r.defBuf, def, n, l.MaxDef); err != nil {
			return err
		}
		if p.def != nil {
			p.valid = bytes.Count(p.def, []byte{byte(l.MaxDef)})
		}
	}
	if h.kind == kindV2 && l.Flat() && int(h.nulls) != n-p.valid {
		return fmt.Errorf("%d nulls where the header says %d", n-p.valid, h.nulls)
	}
	if h.encoding != encDict && h.encoding != encPlainDict {
		p.values, err = r.dec.decode(l, h.encoding, b, p.valid)
		return err
	}
	p.coded = true
	if p.valid == 0 {
		p.coder.src = b[min(len(b), 1):]
		return nil
	}
	if !r.hasDict {
		return errors.New("no dictionary")
	}
	if len(b) == 0 || b[0] > 32 {
		return errors.New("indices of no or too large a width")
	}
	p.coder = hybrid[uint32]{src: b[1:], width: int(b[0])}
	return nil
}

// indices fills index with the next indices of page p.
func (r *chunkReader) indices(p *page, index []uint32) error {
	if err := p.coder.fill(index); err != nil {
		return err
	}
	if len(index) > 0 && int64(p.coder.most) >= int64(r.dict.n) {
		return errors.New("an index behind the dictionary")
	}
	return nil
}

// allIndices holds all indices of the page in memory.
func (r *chunkReader) allIndices(p *page) error {
	r.indexBuf = resize(r.indexBuf, p.valid)
	p.index = r.indexBuf
	return r.indices(p, p.index)
}

// levelsOrZero is levels for repetition: nothing is nil.
func levelsOrZero(buf *[]byte, b []byte, n, most int) ([]byte, error) {
	out, err := levels(buf, b, n, most)
	if err == nil && out == nil {
		*buf = resize(*buf, n)
		out = *buf
		for i := range out {
			out[i] = byte(most)
		}
	}
	return out, err
}
