package pages

import (
	"encoding/binary"
	"math"
)

// Types of Thrift's compact protocol.
const (
	ctStop   = 0
	ctTrue   = 1
	ctFalse  = 2
	ctByte   = 3
	ctI16    = 4
	ctI32    = 5
	ctI64    = 6
	ctDouble = 7
	ctBinary = 8
	ctList   = 9
	ctSet    = 10
	ctMap    = 11
	ctStruct = 12
)

// decoder reads Thrift's compact protocol from b. After damage it reads zeros:
// callers look at bad at the end. It allocates nothing of its own.
type decoder struct {
	b   []byte
	pos int
	bad bool
}

func (d *decoder) fail() { d.bad, d.pos = true, len(d.b) }

func (d *decoder) byte() byte {
	if d.pos >= len(d.b) {
		d.fail()
		return 0
	}
	v := d.b[d.pos]
	d.pos++
	return v
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b[d.pos:])
	if n <= 0 {
		d.fail()
		return 0
	}
	d.pos += n
	return v
}

func (d *decoder) i64() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (d *decoder) i32() int32 {
	v := d.i64()
	if v != int64(int32(v)) {
		d.fail()
		return 0
	}
	return int32(v)
}

// bytes returns a view.
func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)-d.pos) {
		d.fail()
		return nil
	}
	v := d.b[d.pos : d.pos+int(n) : d.pos+int(n)]
	d.pos += int(n)
	return v
}

func (d *decoder) string() string { return string(d.bytes()) }

// list reads a list's header: the number of elements, which is at most the
// number of bytes left, and their type.
func (d *decoder) list() (n int, typ byte) {
	h := d.byte()
	size := uint64(h >> 4)
	if size == 15 {
		size = d.uvarint()
	}
	if size > uint64(len(d.b)-d.pos) || size > math.MaxInt32 {
		d.fail()
		return 0, 0
	}
	return int(size), h & 15
}

// structs calls f for each element of a list of structs.
func (d *decoder) structs(f func()) {
	n, typ := d.list()
	if n > 0 && typ != ctStruct {
		d.fail()
	}
	for range n {
		if d.bad {
			return
		}
		f()
	}
}

// fields calls f for each field of a struct; f reads the value or returns
// false to have it skipped. A boolean's value is its type.
func (d *decoder) fields(f func(id int16, typ byte) bool) {
	id := int16(0)
	for !d.bad {
		h := d.byte()
		if d.bad || h == ctStop {
			return
		}
		if delta := h >> 4; delta != 0 {
			id += int16(delta)
		} else {
			id = int16(d.i32())
		}
		if !f(id, h&15) {
			d.skip(h&15, 0)
		}
	}
}

// raw skips a struct and returns its bytes.
func (d *decoder) raw(typ byte) []byte {
	from := d.pos
	d.skip(typ, 0)
	if d.bad {
		return nil
	}
	return d.b[from:d.pos:d.pos]
}

func (d *decoder) skip(typ byte, depth int) {
	if depth > maxDepth || d.bad {
		d.fail()
		return
	}
	switch typ {
	case ctTrue, ctFalse:
	case ctByte:
		d.byte()
	case ctI16, ctI32, ctI64:
		d.uvarint()
	case ctDouble:
		if len(d.b)-d.pos < 8 {
			d.fail()
			return
		}
		d.pos += 8
	case ctBinary:
		d.bytes()
	case ctList, ctSet:
		n, t := d.list()
		for range n {
			if d.bad {
				return
			}
			d.skipElement(t, depth)
		}
	case ctMap:
		n := d.uvarint()
		if n == 0 {
			return
		}
		kv := d.byte()
		if n > uint64(len(d.b)-d.pos) {
			d.fail()
			return
		}
		for range n {
			if d.bad {
				return
			}
			d.skipElement(kv>>4, depth)
			d.skipElement(kv&15, depth)
		}
	case ctStruct:
		for !d.bad {
			h := d.byte()
			if d.bad || h == ctStop {
				return
			}
			if h>>4 == 0 {
				d.uvarint()
			}
			d.skip(h&15, depth+1)
		}
	default:
		d.fail()
	}
}

// skipElement skips a value inside a list or map, where a boolean has a byte.
func (d *decoder) skipElement(typ byte, depth int) {
	if typ == ctTrue || typ == ctFalse {
		d.byte()
		return
	}
	d.skip(typ, depth+1)
}

// encoder writes Thrift's compact protocol.
type encoder struct {
	b    []byte
	last []int16 // the last field id of each open struct
}

func (e *encoder) begin() { e.last = append(e.last, 0) }

func (e *encoder) end() {
	e.b = append(e.b, ctStop)
	e.last = e.last[:len(e.last)-1]
}

func (e *encoder) field(id int16, typ byte) {
	l := &e.last[len(e.last)-1]
	if delta := id - *l; delta > 0 && delta < 16 {
		e.b = append(e.b, byte(delta)<<4|typ)
	} else {
		e.b = append(e.b, typ)
		e.zigzag(int64(id))
	}
	*l = id
}

func (e *encoder) zigzag(v int64) { e.b = binary.AppendUvarint(e.b, uint64(v)<<1^uint64(v>>63)) }

func (e *encoder) i32(id int16, v int32) { e.field(id, ctI32); e.zigzag(int64(v)) }
func (e *encoder) i64(id int16, v int64) { e.field(id, ctI64); e.zigzag(v) }

func (e *encoder) bool(id int16, v bool) {
	if v {
		e.field(id, ctTrue)
	} else {
		e.field(id, ctFalse)
	}
}

func (e *encoder) str(id int16, v string) {
	e.field(id, ctBinary)
	e.rawStr(v)
}

func (e *encoder) rawStr(v string) {
	e.b = binary.AppendUvarint(e.b, uint64(len(v)))
	e.b = append(e.b, v...)
}

func (e *encoder) list(id int16, n int, typ byte) {
	e.field(id, ctList)
	if n < 15 {
		e.b = append(e.b, byte(n)<<4|typ)
		return
	}
	e.b = append(e.b, 0xf0|typ)
	e.b = binary.AppendUvarint(e.b, uint64(n))
}

// raw writes the bytes of a struct or list that decoder.raw took.
func (e *encoder) raw(id int16, typ byte, b []byte) {
	e.field(id, typ)
	e.b = append(e.b, b...)
}
