package evaluator

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"aihub/evaluator/metric"
	"aihub/internal/pages"
)

// coder gives each class its index; those that are whole numbers in decimal, as
// a column of numbers may have them, by number too.
type coder struct {
	text   map[string]metric.Code
	number map[int64]metric.Code
	small  [256]metric.Code // of the numbers from 0: -1 is none
	short  [256]metric.Code // of the texts of one byte
}

func newCoder(classes []string) coder {
	c := coder{text: map[string]metric.Code{}, number: map[int64]metric.Code{}}
	for i := range c.small {
		c.small[i], c.short[i] = -1, -1
	}
	for i, name := range classes {
		if c.text[name] = metric.Code(i); len(name) == 1 {
			c.short[name[0]] = metric.Code(i)
		}
		if v, err := strconv.ParseInt(name, 10, 64); err == nil && strconv.FormatInt(v, 10) == name {
			c.number[v] = metric.Code(i)
			if v >= 0 && int(v) < len(c.small) {
				c.small[v] = metric.Code(i)
			}
		}
	}
	return c
}

func (c *coder) of(v int64) metric.Code {
	if uint64(v) < uint64(len(c.small)) {
		return c.small[v]
	}
	if i, ok := c.number[v]; ok {
		return i
	}
	return -1
}

func (c *coder) ofText(v string) metric.Code {
	if len(v) == 1 {
		return c.short[v[0]]
	}
	if i, ok := c.text[v]; ok {
		return i
	}
	return -1
}

// number reads the little-endian bytes of an INT32 or INT64.
func number(b []byte) int64 {
	if len(b) == 4 {
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

// values writes a run to a column: classes, or numbers in a range. It is false
// when one is none of them.
func (s *stretch) values(r pages.Run, to metric.Column, c *coder, limits []float64) bool {
	if to.Class != nil {
		return s.classes(r, to.Class[:r.N], c)
	}
	lo, hi := -math.MaxFloat64, math.MaxFloat64
	if len(limits) == 2 {
		lo, hi = max(lo, limits[0]), min(hi, limits[1])
	}
	out, bad := to.Flt[:r.N], false
	set := func(i int, v float64) {
		out[i] = v
		bad = bad || !(v >= lo && v <= hi) // a NaN is neither
	}
	switch {
	case r.Coded:
		for i := range out {
			b := r.Bytes(i)
			switch r.Dict.Type {
			case pages.Float:
				set(i, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
			case pages.Double:
				set(i, math.Float64frombits(binary.LittleEndian.Uint64(b)))
			default:
				set(i, float64(number(b)))
			}
		}
	case r.Values.Type == pages.Float:
		most := pages.Widen(out, r.Values.Floats())
		if bad = most > math.Float32bits(1) || lo > 0 || hi < 1; bad {
			bad = slices.ContainsFunc(out, func(f float64) bool { return !(f >= lo && f <= hi) })
		}
	case r.Values.Type == pages.Double:
		for i, v := range r.Values.Doubles() {
			out[i] = v
			bad = bad || !(v >= lo && v <= hi)
		}
	default:
		for i := range out {
			set(i, float64(number(r.Values.Bytes(i))))
		}
	}
	return !bad
}

func (s *stretch) classes(r pages.Run, out []metric.Code, c *coder) bool {
	code := func(v *pages.Values, i int) metric.Code {
		b := v.Bytes(i)
		if v.Type != pages.ByteArray {
			return c.of(number(b))
		}
		if k, ok := c.text[string(b)]; ok {
			return k
		}
		return -1
	}
	all := metric.Code(0)
	switch {
	case r.Coded && r.Dict.Len() <= blockRows:
		s.dict = sized(s.dict, r.Dict.Len())
		for i := range s.dict {
			s.dict[i] = code(r.Dict, i)
		}
		out = out[:len(r.Index)]
		if look(r.Index, s.dict, out) {
			return true
		}
		if len(s.dict) <= len(c.small) {
			var few [len(c.small)]metric.Code
			copy(few[:], s.dict)
			for i, x := range r.Index {
				out[i] = few[uint8(x)]
				all |= out[i]
			}
			break
		}
		for i, x := range r.Index {
			out[i] = s.dict[x]
			all |= out[i]
		}
	case r.Values.Type == pages.Int32:
		if look(r.Values.Bits32(), c.small[:], out) {
			return true
		}
		values := r.Values.Int32s()
		out = out[:len(values)]
		beyond := int32(0) // the table of small numbers
		for i, v := range values {
			out[i] = c.small[uint8(v)]
			all |= out[i]
			beyond |= v &^ int32(len(c.small)-1)
		}
		if beyond != 0 {
			all = 0
			for i, v := range values {
				out[i] = c.of(int64(v))
				all |= out[i]
			}
		}
	case r.Coded:
		for i, x := range r.Index {
			out[i] = code(r.Dict, int(x))
			all |= out[i]
		}
	default:
		for i := range out {
			out[i] = code(&r.Values, i)
			all |= out[i]
		}
	}
	return all >= 0
}

// look writes the class of each index to out, where all are below the first of the
// table, or the ninth, that has none.
func look(index []uint32, table, out []metric.Code) bool {
	var few [8]metric.Code
	n := copy(few[:], table)
	for i, c := range few[:n] {
		if c < 0 {
			n = i
			break
		}
	}
	return n > 0 && pages.Look(index, &few, out) < uint32(n)
}
