package pages

import (
	"encoding/binary"
	"hash/maphash"
	"math"
)

// Builder takes the values that a MapFunc makes. What it holds is laid out as a
// page is, so that a page need not be copied together.
type Builder struct {
	typ   Type
	width int
	data  []byte // the values as PLAIN, behind head bytes of levels
	head  int
	off   []uint32 // of ByteArray: where values begin in data
	n     int      // values and nulls
	null  []uint32 // which are null
	spare []byte
}

func (b *Builder) reset(t Type, width int) {
	b.typ, b.width, b.n, b.head = t, width, 0, 0
	b.data, b.off, b.null = b.data[:0], b.off[:0], b.null[:0]
}

// Bytes appends a value of a ByteArray column, or of a Fixed one of its width.
func (b *Builder) Bytes(v []byte) {
	if b.typ == ByteArray {
		b.data = binary.LittleEndian.AppendUint32(b.data, uint32(len(v)))
		b.off = append(b.off, uint32(len(b.data)))
	} else if len(v) != b.width || b.typ == Boolean {
		panic("pages: a value of another width than its column's")
	}
	b.data = append(b.data, v...)
	b.n++
}

// all appends values.
func (b *Builder) all(v [][]byte) {
	if b.typ != ByteArray {
		for _, x := range v {
			b.Bytes(x)
		}
		return
	}
	total := 4 * len(v)
	for _, x := range v {
		total += len(x)
	}
	b.grow(total)
	at := len(b.data)
	data := b.data[:at+total]
	if cap(b.off)-len(b.off) < len(v) {
		b.off = append(make([]uint32, 0, 2*len(b.off)+len(v)), b.off...)
	}
	off := b.off[len(b.off) : len(b.off)+len(v)]
	for i, x := range v {
		binary.LittleEndian.PutUint32(data[at:], uint32(len(x)))
		off[i] = uint32(at + 4)
		at += 4 + copy(data[at+4:], x)
	}
	b.data, b.off = data, b.off[:len(b.off)+len(v)]
	b.n += len(v)
}

// Extend appends n values of w bytes and returns where they are to be written:
// value i is at i*step, w bytes long. w is the column's width unless it is a
// ByteArray. For kernels that make all values at once.
func (b *Builder) Extend(n, w int) (at []byte, step int) {
	from := len(b.data)
	if b.typ != ByteArray {
		if w != b.width || b.typ == Boolean {
			panic("pages: a value of another width than its column's")
		}
		b.grow(n * w)
		b.data = b.data[:from+n*w]
		b.n += n
		return b.data[from:], w
	}
	b.grow(n * (w + 4))
	b.data = b.data[:from+n*(w+4)]
	for i, p := 0, from; i < n; i, p = i+1, p+w+4 {
		binary.LittleEndian.PutUint32(b.data[p:], uint32(w))
		b.off = append(b.off, uint32(p+4))
	}
	b.n += n
	if n == 0 {
		return nil, w + 4
	}
	return b.data[from+4:], w + 4
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
	v := Values{Type: b.typ, Width: b.width, n: b.n - len(b.null)}
	if b.typ == ByteArray {
		v.Data, v.off, v.gap = b.data, append(b.off, uint32(len(b.data)+4)), 4
		return v
	}
	v.Data = b.data[b.head:]
	return v
}

// dictionary numbers values in the order of their first use.
type dictionary struct {
	seed  maphash.Seed
	table []slot
	vals  Builder
}

type slot struct{ hash, index uint32 } // index+1; 0: free

func (d *dictionary) reset(t Type, width int) {
	if d.table == nil {
		d.seed = maphash.MakeSeed()
		d.table = make([]slot, 256)
	}
	d.table = d.table[:256]
	clear(d.table)
	d.vals.reset(t, width)
}

// at is the value of an index.
func (d *dictionary) at(i uint32) []byte {
	if d.vals.typ != ByteArray {
		return d.vals.data[int(i)*d.vals.width:][:d.vals.width]
	}
	o := d.vals.off[i]
	return d.vals.data[o:][:binary.LittleEndian.Uint32(d.vals.data[o-4:])]
}

func (d *dictionary) add(v []byte) uint32 {
	h64 := maphash.Bytes(d.seed, v)
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

func (d *dictionary) rehash() {
	if n := 4 * len(d.table); cap(d.table) >= n {
		d.table = d.table[:n]
		clear(d.table)
	} else {
		d.table = make([]slot, n)
	}
	mask := uint32(len(d.table) - 1)
	for k := range uint32(d.vals.n) {
		h64 := maphash.Bytes(d.seed, d.at(k))
		i := uint32(h64) & mask
		for d.table[i].index != 0 {
			i = (i + 1) & mask
		}
		d.table[i] = slot{uint32(h64 >> 32), k + 1}
	}
}
