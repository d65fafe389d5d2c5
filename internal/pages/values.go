package pages

import (
	"unsafe"
)

// Values are values of one physical type, nulls left out. They are views of
// buffers that the next step of a reader overwrites.
type Values struct {
	Type  Type
	Width int // bytes of a value of Int32, Int64, Int96, Float, Double, Fixed; 1 of Boolean

	// Data holds the values little-endian, one behind the other; a Boolean is a
	// byte. Of a ByteArray value i lies between off[i] and off[i+1]-gap.
	Data []byte
	off  []uint32
	gap  uint32
	n    int
}

// Len is the number of values.
func (v *Values) Len() int { return v.n }

// Bytes returns value i of a ByteArray, Fixed or Int96, or the little-endian
// bytes of any other.
func (v *Values) Bytes(i int) []byte {
	if v.Type == ByteArray {
		return v.Data[v.off[i] : v.off[i+1]-v.gap]
	}
	return v.Data[i*v.Width : (i+1)*v.Width]
}

// texts fills dst with the values from number from on.
func (v *Values) texts(dst [][]byte, from int) {
	if v.Type != ByteArray {
		for i := range dst {
			dst[i] = v.Bytes(from + i)
		}
		return
	}
	off := v.off[from : from+len(dst)+1]
	for i := range dst {
		dst[i] = v.Data[off[i] : off[i+1]-v.gap]
	}
}

func view[T any](b []byte, n int) []T {
	if n == 0 {
		return nil
	}
	_ = b[n*int(unsafe.Sizeof(*new(T)))-1]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

func bytesOf[T any](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
}

// Int32s is a view of the values of type Int32.
func (v *Values) Int32s() []int32 { return view[int32](v.Data, v.is(Int32)) }

// Int64s is a view of the values of type Int64.
func (v *Values) Int64s() []int64 { return view[int64](v.Data, v.is(Int64)) }

// Floats is a view of the values of type Float.
func (v *Values) Floats() []float32 { return view[float32](v.Data, v.is(Float)) }

// Doubles is a view of the values of type Double.
func (v *Values) Doubles() []float64 { return view[float64](v.Data, v.is(Double)) }

// Bools is a view of the values of type Boolean.
func (v *Values) Bools() []bool { return view[bool](v.Data, v.is(Boolean)) }

// is returns the length; views of another type are a mistake of the caller.
func (v *Values) is(t Type) int {
	if v.Type != t {
		panic("pages: " + v.Type.String() + " values seen as " + t.String())
	}
	return v.n
}

// Pick returns the values at the indices, in memory of their own.
func (v *Values) Pick(at []uint32) Values { return new(gatherer).gather(v, at) }

// slice returns values [i, j).
func (v *Values) slice(i, j int) Values {
	s := *v
	s.n = j - i
	if v.Type == ByteArray {
		s.off = v.off[i : j+1]
	} else {
		s.Data = v.Data[i*v.Width : j*v.Width]
	}
	return s
}

// gather appends the values of dict at the indices, which have been checked, to
// buffers kept in g.
func (g *gatherer) gather(dict *Values, index []uint32) Values {
	out := Values{Type: dict.Type, Width: dict.Width, n: len(index)}
	switch {
	case dict.Type == ByteArray:
		g.off = resize(g.off, len(index)+1)
		total := 0
		for _, x := range index {
			total += int(dict.off[x+1]-dict.gap) - int(dict.off[x])
		}
		g.data = resize(g.data, total)
		at := 0
		for i, x := range index {
			g.off[i] = uint32(at)
			at += copy(g.data[at:], dict.Data[dict.off[x]:dict.off[x+1]-dict.gap])
		}
		g.off[len(index)] = uint32(at)
		out.Data, out.off = g.data, g.off
	case dict.Width == 4:
		g.data = resize(g.data, 4*len(index))
		gatherOf(view[uint32](g.data, len(index)), view[uint32](dict.Data, dict.n), index)
		out.Data = g.data
	case dict.Width == 8:
		g.data = resize(g.data, 8*len(index))
		gatherOf(view[uint64](g.data, len(index)), view[uint64](dict.Data, dict.n), index)
		out.Data = g.data
	default:
		w := dict.Width
		g.data = resize(g.data, w*len(index))
		for i, x := range index {
			copy(g.data[i*w:(i+1)*w], dict.Data[int(x)*w:])
		}
		out.Data = g.data
	}
	return out
}

func gatherOf[T any](dst, src []T, index []uint32) {
	dst = dst[:len(index)]
	for i, x := range index {
		dst[i] = src[x]
	}
}

// gatherer holds the buffers of gathered values.
type gatherer struct {
	data []byte
	off  []uint32
}

// resize returns a slice of length n, of b's memory where it suffices; what it
// holds is undefined.
func resize[T any](b []T, n int) []T {
	if cap(b) < n {
		return make([]T, n, n+n/4)
	}
	return b[:n]
}
