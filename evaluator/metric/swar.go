package metric

import "unsafe"

// fours views classes four at a time, lowest first on every processor that Go
// knows of as little-endian; what is counted of them does not depend on it.
func fours(c []Code) []uint64 {
	p := unsafe.Pointer(unsafe.SliceData(c))
	if len(c) < 4 || uintptr(p)%8 != 0 {
		return nil
	}
	return unsafe.Slice((*uint64)(p), len(c)/4)
}

// equalCodes counts the rows in which a and b agree.
func equalCodes(a, b []Code) int64 {
	b = b[:len(a)]
	took, equal := equalLanes(a, b)
	return equal + equalFours(a[took:], b[took:])
}

// equalFours is equalCodes, four at a time.
func equalFours(a, b []Code) int64 {
	var differ int64
	x, y := fours(a), fours(b)
	if x == nil || y == nil {
		x, y = nil, nil
	}
	done := 4 * len(x)
	const low, high = 0x7fff7fff7fff7fff, 0x0001000100010001
	for len(x) > 0 {
		n := min(len(x), 1<<15) // what a lane can count
		var lanes uint64
		ys := y[:n]
		for i, v := range x[:n] {
			d := v ^ ys[i]
			lanes += ((d&low + low) | d) >> 15 & high // 1 where they differ
		}
		differ += int64(lanes&0xffff + lanes>>16&0xffff + lanes>>32&0xffff + lanes>>48)
		x, y = x[n:], y[n:]
	}
	for i := done; i < len(a); i++ {
		if a[i] != b[i] {
			differ++
		}
	}
	return int64(len(a)) - differ
}

// fewClasses is how many classes fewCounts takes: with none of them, 2^5.
const fewClasses = 31

// fewCounts counts a table of all pairs and adds it up: one counter a row, of
// four copies, so that equal rows in a row need not wait for one another.
func fewCounts(k int, truth, pred []Code, counts []int64) {
	var pairs [4][1 << 10]uint32 // truth, then 5 bits of the prediction: none is 31
	pred = pred[:len(truth)]
	x, y := fours(truth), fours(pred)
	if x == nil || y == nil {
		x, y = nil, nil
	}
	y = y[:len(x)]
	for i, t := range x {
		at := t<<5 | y[i]&0x001f001f001f001f
		pairs[0][at&1023]++
		pairs[1][at>>16&1023]++
		pairs[2][at>>32&1023]++
		pairs[3][at>>48&1023]++
	}
	for i := 4 * len(x); i < len(truth); i++ {
		pairs[0][int(truth[i])<<5|int(pred[i])&31]++
	}
	add := func(t, p, at int) {
		n := int64(pairs[0][at]) + int64(pairs[1][at]) + int64(pairs[2][at]) + int64(pairs[3][at])
		counts[k+t] += n
		counts[2*k+p] += n
		if t == p {
			counts[t] += n
		}
	}
	for t := range k {
		for p := range k {
			add(t, p, t<<5|p)
		}
		add(t, k, t<<5|31)
	}
}
