package pages

import "math"

// Values several at a time, where the processor can: what takes as long as reading
// when it is done one by one.

// Rising reports whether each of xs is above the one before.
func Rising(xs []int64) bool {
	done, rise := risingLanes(xs)
	for i := done + 1; i < len(xs); i++ {
		rise = rise && xs[i-1] < xs[i]
	}
	return rise
}

// Widen writes src to dst, which is as long, and returns the greatest bits of any:
// of numbers from 0 to 1 these rise with the number, and all others' are above.
func Widen(dst []float64, src []float32) (most uint32) {
	dst = dst[:len(src)]
	done, most := widenLanes(dst, src)
	for i := done; i < len(src); i++ {
		dst[i] = float64(src[i])
		most = max(most, math.Float32bits(src[i]))
	}
	return most
}

// Look writes table[x%8] of each x of index to out, which is as long, and returns the
// greatest x.
func Look[C ~int16](index []uint32, table *[8]C, out []C) (most uint32) {
	out = out[:len(index)]
	var entries [8]int32
	for i, c := range table {
		entries[i] = int32(c)
	}
	done, most := lookLanes(index, &entries, view[int16](bytesOf(out), len(out)))
	for i := done; i < len(index); i++ {
		out[i] = table[index[i]%8]
		most = max(most, index[i])
	}
	return most
}

// Bits32 is a view of the bits of values of type Int32.
func (v *Values) Bits32() []uint32 { return view[uint32](v.Data, v.is(Int32)) }

// renumber puts numbers[x]-1 in the place of each x of index, all of which are below
// len(numbers).
func renumber(index, numbers []uint32) {
	for i := renumberLanes(index, numbers); i < len(index); i++ {
		index[i] = numbers[index[i]] - 1
	}
}
