package evaluator

import (
	"encoding/binary"
	"math"
	"unsafe"

	"aihub/evaluator/metric"
)

// accepted are the values of the current ids.
func (c *check) accepted() map[string]metric.Column {
	columns := map[string]metric.Column{}
	for _, k := range c.columns {
		columns[k.Name] = metric.Column{Class: k.class, Flt: k.flt, Str: k.str}
	}
	return columns
}

// pack appends the current row to dst; unpack makes it current again, and
// returns its id.
func (c *check) pack(dst []byte, id string) []byte {
	dst = binary.AppendUvarint(dst, uint64(c.row))
	for _, k := range c.columns {
		if !k.ok {
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, 1)
		switch {
		case k.codes != nil:
			dst = binary.AppendUvarint(dst, uint64(k.newCls))
		case k.text > 0:
			dst = binary.AppendUvarint(dst, uint64(len(k.newStr)))
			dst = append(dst, k.newStr...)
		case k.Type != "string":
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(k.newFlt))
		}
	}
	return append(dst, id...)
}

func (c *check) unpack(r []byte) (id string) {
	uvarint := func() uint64 {
		v, n := binary.Uvarint(r)
		r = r[n:]
		return v
	}
	c.row = int64(uvarint())
	for _, k := range c.columns {
		k.ok, r = r[0] == 1, r[1:]
		if !k.ok {
			continue
		}
		switch {
		case k.codes != nil:
			k.newCls = metric.Code(uvarint())
		case k.text > 0:
			n := uvarint()
			k.newStr, r = view(r[:n]), r[n:]
		case k.Type != "string":
			k.newFlt, r = math.Float64frombits(binary.LittleEndian.Uint64(r)), r[8:]
		}
	}
	return view(r)
}

// view is b as a string, for as long as nobody writes to b.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
