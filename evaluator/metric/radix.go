package metric

import "slices"

// radixSort sorts keys and returns them, in keys' memory or in its own. It
// takes 11 bits a pass and skips passes in which all keys agree, as they do
// in the low bits of values that were once float32.
func radixSort(keys []uint64) []uint64 {
	if len(keys) < 1<<12 {
		slices.Sort(keys)
		return keys
	}
	return radixSortAbove(keys, 0)
}

// radixSortAbove sorts keys by all bits but the low ones; of equal ones the order stays.
func radixSortAbove(keys []uint64, low uint) []uint64 {
	const digit = 11
	if len(keys) == 0 {
		return keys
	}
	differ := uint64(0)
	for _, k := range keys {
		differ |= k ^ keys[0]
	}
	other := make([]uint64, len(keys))
	for ; low < 64; low += digit {
		if differ>>low&(1<<digit-1) == 0 {
			continue
		}
		var c [1 << digit]int
		for _, k := range keys {
			c[k>>(low&63)&(1<<digit-1)]++
		}
		at := 0
		for i, n := range c {
			c[i] = at
			at += n
		}
		for _, k := range keys {
			d := k >> (low & 63) & (1<<digit - 1)
			other[c[d]] = k
			c[d]++
		}
		keys, other = other, keys
	}
	return keys
}
