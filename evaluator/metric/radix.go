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
	const digit, passes = 11, 6
	var count [passes][1 << digit]int
	for _, k := range keys {
		for p := range count {
			count[p][k>>(p*digit)&(1<<digit-1)]++
		}
	}
	other := make([]uint64, len(keys))
	for p := range count {
		c := &count[p]
		if c[keys[0]>>(p*digit)&(1<<digit-1)] == len(keys) {
			continue
		}
		at := 0
		for i, n := range c {
			c[i] = at
			at += n
		}
		for _, k := range keys {
			d := k >> (p * digit) & (1<<digit - 1)
			other[c[d]] = k
			c[d]++
		}
		keys, other = other, keys
	}
	return keys
}
