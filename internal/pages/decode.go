package pages

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unsafe"
)

var (
	errShort = errors.New("values are cut off")
	errDelta = errors.New("a delta stream is damaged")
)

// valueDecoder decodes the values of pages into buffers of its own.
type valueDecoder struct {
	data  []byte
	off   []uint32
	ints  []int64
	ints2 []int64
	seen  bool
}

// decode returns n values of the leaf's type. Where it can it returns views of
// b.
func (d *valueDecoder) decode(l *Leaf, encoding int32, b []byte, n int) (Values, error) {
	v := Values{Type: l.Type, Width: l.Width, n: n}
	if l.Type == Boolean {
		v.Width = 1
	}
	switch {
	case encoding == encPlain && l.Type == ByteArray:
		d.off = resize(d.off, n+1)
		v.Data, v.off, v.gap = b, d.off, 4
		return v, plainStrings(d.off, b)
	case encoding == encPlain && l.Type == Boolean:
		if len(b) < (n+7)/8 {
			return v, errShort
		}
		d.data = resize(d.data, n)
		unpack(d.data, b, 1)
		v.Data = d.data
	case encoding == encPlain:
		if len(b)/l.Width < n {
			return v, errShort
		}
		v.Data = d.aligned(b[:n*l.Width], l.Width)
	case encoding == encRLE && l.Type == Boolean:
		if len(b) < 4 {
			return v, errShort
		}
		d.data = resize(d.data, n)
		v.Data = d.data
		return v, unpackRLE(d.data, b[4:], 1)
	case encoding == encDelta && (l.Type == Int32 || l.Type == Int64):
		var err error
		if d.ints, _, err = unpackDelta(d.ints, b, n); err != nil {
			return v, err
		}
		if l.Type == Int64 {
			v.Data = bytesOf(d.ints)
			break
		}
		d.data = resize(d.data, 4*n)
		for i, x := range d.ints {
			binary.LittleEndian.PutUint32(d.data[4*i:], uint32(x))
		}
		v.Data = d.data
	case encoding == encDeltaLength && l.Type == ByteArray:
		var err error
		var rest []byte
		if d.ints, rest, err = unpackDelta(d.ints, b, n); err != nil {
			return v, err
		}
		d.off = resize(d.off, n+1)
		at := uint32(0)
		for i, x := range d.ints {
			d.off[i] = at
			if x < 0 || x > int64(len(rest)-int(at)) {
				return v, errShort
			}
			at += uint32(x)
		}
		d.off[n] = at
		v.Data, v.off = rest, d.off
	case encoding == encDeltaBytes && (l.Type == ByteArray || l.Type == Fixed):
		return v, d.deltaBytes(&v, b, n)
	case encoding == encSplit && l.Width > 0 && l.Type != Int96:
		w := l.Width
		if len(b)/w < n {
			return v, errShort
		}
		d.data = resize(d.data, n*w)
		for k := range w {
			s := b[k*n : (k+1)*n]
			for i, x := range s {
				d.data[i*w+k] = x
			}
		}
		v.Data = d.data
	default:
		return v, fmt.Errorf("encoding %d of %s: %w", encoding, l.Type, ErrUnsupported)
	}
	return v, nil
}

// aligned returns b where values of w bytes may be viewed.
func (d *valueDecoder) aligned(b []byte, w int) []byte {
	if len(b) == 0 || w != 4 && w != 8 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%uintptr(w) == 0 {
		return b
	}
	d.data = resize(d.data, len(b))
	copy(d.data, b)
	return d.data
}

// plainStrings finds where values behind 4-byte lengths begin. off has one
// element more than there are values.
func plainStrings(off []uint32, b []byte) error {
	at := 4
	n := len(off) - 1
	last, equal := 0, 0 // the length before, and how many in a row had it
	for i := 0; i < n; i++ {
		if at > len(b) {
			return errShort
		}
		size := int(binary.LittleEndian.Uint32(b[at-4:]))
		off[i] = uint32(at)
		if size > len(b)-at {
			return errShort
		}
		at += size + 4
		if size != last {
			last, equal = size, 0
			continue
		}
		// Where each begins depends on the length before: as long as lengths stay
		// the same, go on as if they did, without waiting for them to be read.
		if equal++; equal < 8 {
			continue
		}
		step := size + 4
		for ; i+1 < n && at+size <= len(b) && int(binary.LittleEndian.Uint32(b[at-4:])) == size; at += step {
			i++
			off[i] = uint32(at)
		}
		equal = 0
	}
	off[n] = uint32(at)
	return nil
}

// deltaBytes decodes values that share prefixes with the value before.
func (d *valueDecoder) deltaBytes(v *Values, b []byte, n int) error {
	var err error
	if d.ints, b, err = unpackDelta(d.ints, b, n); err != nil {
		return err
	}
	if d.ints2, b, err = unpackDelta(d.ints2, b, n); err != nil {
		return err
	}
	total := int64(0)
	for i := range n {
		p, s := d.ints[i], d.ints2[i]
		if p < 0 || s < 0 || p > maxPage || s > maxPage {
			return errDelta
		}
		if total += p + s; total > 2*maxPage {
			return tooLarge("page", total, 2*maxPage)
		}
	}
	d.data = resize(d.data, int(total))
	d.off = resize(d.off, n+1)
	at, last := 0, 0
	for i := range n {
		p, s := int(d.ints[i]), int(d.ints2[i])
		if p > at-last || s > len(b) {
			return errDelta
		}
		d.off[i] = uint32(at)
		copy(d.data[at:], d.data[last:last+p])
		copy(d.data[at+p:], b[:s])
		b = b[s:]
		last, at = at, at+p+s
		if v.Type == Fixed && p+s != v.Width {
			return errDelta
		}
	}
	d.off[n] = uint32(at)
	v.Data = d.data[:at]
	if v.Type == ByteArray {
		v.off = d.off
	}
	return nil
}

// unpackDelta decodes a DELTA_BINARY_PACKED stream of exactly n values into dst
// and returns what follows it.
func unpackDelta(dst []int64, b []byte, n int) ([]int64, []byte, error) {
	d := decoder{b: b}
	block, minis, total, value := d.uvarint(), d.uvarint(), d.uvarint(), d.i64()
	const most = 1 << 16
	if d.bad || block == 0 || minis == 0 || minis > most || block%minis != 0 || block/minis > most || total != uint64(n) {
		return dst, nil, errDelta
	}
	if n == 0 {
		return dst[:0], b[d.pos:], nil
	}
	per := int(block / minis)
	if per%8 != 0 {
		return dst, nil, errDelta
	}
	dst = resize(dst, n)
	dst[0] = value
	out := dst[1:]
	for len(out) > 0 {
		least := d.i64()
		if d.bad || uint64(len(b)-d.pos) < minis {
			return dst, nil, errDelta
		}
		widths := b[d.pos : d.pos+int(minis)]
		d.pos += int(minis)
		for _, w := range widths {
			if len(out) == 0 {
				break // miniblocks behind the last value are not written
			}
			k := min(per, len(out))
			if w > 64 || (k*int(w)+7)/8 > len(b)-d.pos {
				return dst, nil, errDelta
			}
			u := view[uint64](bytesOf(out), k)
			unpack(u, b[d.pos:], int(w))
			for i := range k {
				value += least + out[i]
				out[i] = value
			}
			// The last miniblock may be cut off behind its last value.
			d.pos = min(d.pos+per*int(w)/8, len(b))
			out = out[k:]
		}
	}
	return dst, b[d.pos:], nil
}

// levels decodes n levels up to most from an RLE stream. It returns nil when all
// are most.
func levels(buf *[]byte, b []byte, n, most int) ([]byte, error) {
	width := bits.Len(uint(most))
	if head, k := binary.Uvarint(b); k > 0 && head&1 == 0 && head>>1 >= uint64(n) && k < len(b) && int(b[k]) == most {
		return nil, nil
	}
	*buf = resize(*buf, n)
	if err := unpackRLE(*buf, b, width); err != nil {
		return nil, err
	}
	for _, l := range *buf {
		if int(l) > most {
			return nil, errors.New("a level above its column's")
		}
	}
	return *buf, nil
}
