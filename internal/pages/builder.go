package pages

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// Builder takes the values that a MapFunc makes, one behind the other. Those of a
// fixed width stand behind the levels of their page, so that the page need not be
// copied together.
type Builder struct {
	typ   Type
	width int
	data  []byte
	head  int      // bytes of levels before the values; 0 of a ByteArray
	off   []uint32 // of ByteArray: 0, and where each value ends
	n     int      // values and nulls
	null  []uint32 // which are null
	refer bool     // data and off are texts to which refs refers
	refs  []uint32 // which of them each value is that is not null
	spare []byte
}

func (b *Builder) reset(t Type, width int) {
	b.typ, b.width, b.n, b.head = t, width, 0, 0
	b.data, b.off, b.null = b.data[:0], append(b.off[:0], 0), b.null[:0]
	b.refer, b.refs = false, b.refs[:0]
}

// alike appends texts to which f refers.
func (b *Builder) alike(f AlikeFunc, src [][]byte) (bad []int, err error) {
	if b.typ != ByteArray {
		panic("pages: texts in a column of " + b.typ.String())
	}
	from, fresh := len(b.refs), !b.refer
	b.refer = true
	b.data, b.off, b.refs, bad = f(fresh, b.data, b.off, b.refs, src)
	if len(b.refs)-from != len(src)-len(bad) {
		return bad, fmt.Errorf("pages: %d texts of %d, of which %d are bad", len(b.refs)-from, len(src), len(bad))
	}
	for _, i := range bad {
		b.null = append(b.null, uint32(b.n+i))
	}
	b.n += len(src)
	return bad, nil
}

// referred are the texts to which refs refers.
func (b *Builder) referred() Values {
	return Values{Type: b.typ, n: len(b.off) - 1, Data: b.data, off: b.off}
}

// spread turns values that refer to texts into those texts, one behind the other.
func (b *Builder) spread() {
	v, size := b.referred(), 0
	for _, x := range b.refs {
		size += len(v.Bytes(int(x)))
	}
	data, off := slices.Grow(b.spare[:0], size), make([]uint32, 1, len(b.refs)+1)
	for _, x := range b.refs {
		data = append(data, v.Bytes(int(x))...)
		off = append(off, uint32(len(data)))
	}
	b.data, b.spare, b.off, b.refer = data, b.data, off, false
}

// Bytes appends a value of a ByteArray column, or of a Fixed one of its width.
func (b *Builder) Bytes(v []byte) {
	if b.typ != ByteArray && (len(v) != b.width || b.typ == Boolean) {
		panic("pages: a value of another width than its column's")
	}
	b.data = append(b.data, v...)
	if b.typ == ByteArray {
		b.off = append(b.off, uint32(len(b.data)))
	}
	b.n++
}

// texts appends what f appends: texts, and where each of them ends. Those that f
// calls bad, in ascending order, are empty and become null.
func (b *Builder) texts(f TextFunc, src [][]byte) (bad []int, err error) {
	if b.typ != ByteArray {
		panic("pages: texts in a column of " + b.typ.String())
	}
	from := len(b.off)
	b.data, b.off, bad = f(b.data, b.off, src)
	if len(b.off)-from != len(src) {
		return bad, fmt.Errorf("pages: %d texts of %d", len(b.off)-from, len(src))
	}
	if len(bad) > 0 {
		ends, k, n := b.off[from:], 0, 0
		last := b.off[from-1]
		for i, end := range ends {
			if k < len(bad) && bad[k] == i {
				if end != last {
					return bad, fmt.Errorf("pages: a text without an image has %d bytes of one", end-last)
				}
				b.null = append(b.null, uint32(b.n+i))
				k++
				continue
			}
			ends[n], last = end, end
			n++
		}
		if k < len(bad) {
			return bad, fmt.Errorf("pages: bad texts %v of %d", bad, len(src))
		}
		b.off = b.off[:from+n]
	}
	b.n += len(src)
	return bad, nil
}

// Extend appends n values of w bytes, one behind the other, and returns where
// they are to be written. w is the column's width unless it is a ByteArray. For
// kernels that make all values at once.
func (b *Builder) Extend(n, w int) []byte {
	if b.typ != ByteArray && (w != b.width || b.typ == Boolean) {
		panic("pages: a value of another width than its column's")
	}
	from := len(b.data)
	b.grow(n * w)
	b.data = b.data[:from+n*w]
	if b.typ == ByteArray {
		for i := range n {
			b.off = append(b.off, uint32(from+(i+1)*w))
		}
	}
	b.n += n
	return b.data[from:]
}

func (b *Builder) grow(n int) {
	if cap(b.data)-len(b.data) < n {
		b.data = append(make([]byte, 0, 2*len(b.data)+n), b.data...)
	}
}

// Int32 appends a value of an Int32 column.
func (b *Builder) Int32(v int32) {
	b.want(Int32)
	b.data = binary.LittleEndian.AppendUint32(b.data, uint32(v))
}

// Int64 appends a value of an Int64 column.
func (b *Builder) Int64(v int64) {
	b.want(Int64)
	b.data = binary.LittleEndian.AppendUint64(b.data, uint64(v))
}

// Bool appends a value of a Boolean column.
func (b *Builder) Bool(v bool) {
	b.want(Boolean)
	x := byte(0)
	if v {
		x = 1
	}
	b.data = append(b.data, x)
}

// Float appends a value of a Float column.
func (b *Builder) Float(v float32) {
	b.want(Float)
	b.data = binary.LittleEndian.AppendUint32(b.data, math.Float32bits(v))
}

// Double appends a value of a Double column.
func (b *Builder) Double(v float64) {
	b.want(Double)
	b.data = binary.LittleEndian.AppendUint64(b.data, math.Float64bits(v))
}

func (b *Builder) want(t Type) {
	if b.typ != t {
		panic("pages: a value of " + t.String() + " in a column of " + b.typ.String())
	}
	b.n++
}

// Null appends a null. The column's Out must say Nullable.
func (b *Builder) Null() {
	b.null = append(b.null, uint32(b.n))
	b.n++
}

// Len is the number of values and nulls appended.
func (b *Builder) Len() int { return b.n }

// values are what was appended, without the nulls.
func (b *Builder) values() Values {
	v := Values{Type: b.typ, Width: b.width, n: b.n - len(b.null), Data: b.data[b.head:]}
	if b.typ == ByteArray {
		v.off = b.off
	}
	return v
}

// dictionary numbers values in the order of their first use.
type dictionary struct {
	seed  uint64 // of this run: nobody can choose values that share a place
	table []slot
	vals  Builder
}

type slot struct{ hash, index uint32 } // index+1; 0: free

func (d *dictionary) reset(t Type, width int) {
	if d.table == nil {
		d.seed = rand.Uint64()
		d.table = make([]slot, 256)
	}
	d.table = d.table[:256]
	clear(d.table)
	d.vals.reset(t, width)
}

// expect makes room for n values in a dictionary that is empty, rather than grow to it.
func (d *dictionary) expect(n int) {
	size := len(d.table)
	for size < 2*n {
		size *= 2
	}
	if cap(d.table) < size {
		d.table = make([]slot, size)
		return
	}
	d.table = d.table[:size]
	clear(d.table)
}

// hash mixes the words of v, the last two of which may overlap.
func (d *dictionary) hash(v []byte) uint64 {
	h := d.seed ^ uint64(len(v))
	switch n := len(v); {
	case n >= 8:
		last := binary.LittleEndian.Uint64(v[n-8:])
		for ; len(v) > 8; v = v[8:] {
			h = mix(h ^ binary.LittleEndian.Uint64(v))
		}
		return mix(mix(h^last) ^ d.seed)
	case n >= 4:
		return mix(h ^ uint64(binary.LittleEndian.Uint32(v)) ^ uint64(binary.LittleEndian.Uint32(v[n-4:]))<<32)
	}
	for i, c := range v {
		h ^= uint64(c) << (16 + 8*i)
	}
	return mix(h)
}

// mix is a product of 128 bits, folded.
func mix(x uint64) uint64 {
	hi, lo := bits.Mul64(x^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	return hi ^ lo
}

// at is the value of an index.
func (d *dictionary) at(i uint32) []byte {
	if d.vals.typ != ByteArray {
		return d.vals.data[int(i)*d.vals.width:][:d.vals.width]
	}
	return d.vals.data[d.vals.off[i]:d.vals.off[i+1]]
}

// full says that the dictionary may not grow further.
func (d *dictionary) full() bool { return d.vals.n > maxDictEntries || d.size() > maxDictBytes }

// size is how many bytes the dictionary takes as a page.
func (d *dictionary) size() int {
	if d.vals.typ == ByteArray {
		return len(d.vals.data) + 4*d.vals.n
	}
	return len(d.vals.data)
}

func (d *dictionary) add(v []byte) uint32 {
	h64 := d.hash(v)
	h := uint32(h64 >> 32)
	mask := uint32(len(d.table) - 1)
	i := uint32(h64) & mask
	for ; d.table[i].index != 0; i = (i + 1) & mask {
		if s := d.table[i]; s.hash == h && string(d.at(s.index-1)) == string(v) {
			return s.index - 1
		}
	}
	index := uint32(d.vals.n)
	d.vals.Bytes(v)
	d.table[i] = slot{h, index + 1}
	if 2*d.vals.n > len(d.table) {
		d.rehash()
	}
	return index
}

// addAll puts the index of each of v into to.
func (d *dictionary) addAll(to []uint32, v *Values) {
	if v.Type == ByteArray || v.Width != 4 {
		for i := range to {
			to[i] = d.add(v.Bytes(i))
		}
		return
	}
	// Numbers of one table repeat: those seen last need no look at the table.
	var last [256]struct{ value, index uint32 } // index+1
	for i := range to {
		x := binary.LittleEndian.Uint32(v.Data[4*i:])
		s := &last[x*0x9e3779b1>>24]
		if s.index == 0 || s.value != x {
			s.value, s.index = x, d.add(v.Data[4*i:4*i+4])+1
		}
		to[i] = s.index - 1
	}
}

func (d *dictionary) rehash() {
	if n := 4 * len(d.table); cap(d.table) >= n {
		d.table = d.table[:n]
		clear(d.table)
	} else {
		d.table = make([]slot, n)
	}
	mask := uint32(len(d.table) - 1)
	for k := range uint32(d.vals.n) {
		h64 := d.hash(d.at(k))
		i := uint32(h64) & mask
		for d.table[i].index != 0 {
			i = (i + 1) & mask
		}
		d.table[i] = slot{uint32(h64 >> 32), k + 1}
	}
}
