package metric

//go:noescape
func narrowAVX2(truth *Code, score *float64, n int, positive int64, scale float32, keys, bins *uint32, ones *[8]uint32) (took int)

//go:noescape
func scatterAMD64(at *[narrowBins]uint32, slabs **[slabKeys]uint32, keys, bins *uint32, n int) (took int)

//go:noescape
func spanAVX2(keys *uint32, n int, out *[2][8]uint32)

//go:noescape
func sweepAVX2(table *[countSlots]uint16, out *sweep)

//go:noescape
func sweepSquaresAVX2(table *[countSlots]uint16, base *[2][countLanes]uint16, out *squareSweep)

// narrowLanes makes keys, and finds their bins, of as many rows as it returns, up to
// the first whose score does not fit, and counts the positives.
func narrowLanes(truth []Code, score []float64, positive Code, scale float32, keys, bins *[dealt]uint32) (took, positives int) {
	n := min(len(truth), len(score), dealt) &^ 7
	if !fourLanes || n == 0 {
		return 0, 0
	}
	var ones [8]uint32
	took = narrowAVX2(&truth[0], &score[0], n, int64(positive), scale, &keys[0], &bins[0], &ones)
	for _, x := range ones {
		positives += int(x)
	}
	return took, positives
}

// scatter is scatterRows, and asks for the memory that a bin writes to next.
func scatter(at *[narrowBins]uint32, slabs []*[slabKeys]uint32, keys, bins []uint32) int {
	if len(keys) == 0 {
		return 0
	}
	return scatterAMD64(at, &slabs[0], &keys[0], &bins[:len(keys)][0], len(keys))
}

// spanOf returns the least and the greatest key; there is one.
func spanOf(keys []uint32) (least, most uint32) {
	least, most = keys[0], keys[0]
	if n := len(keys) &^ 7; fourLanes && n > 0 {
		var out [2][8]uint32
		spanAVX2(&keys[0], n, &out)
		for l := range 8 {
			least, most = min(least, out[0][l]), max(most, out[1][l])
		}
		keys = keys[n:]
	}
	for _, k := range keys {
		least, most = min(least, k), max(most, k)
	}
	return least, most
}

func sweepSlots(table *[countSlots]uint16, out *sweep) {
	if fourLanes {
		sweepAVX2(table, out)
		return
	}
	sweepRows(table, out)
}

func sweepSquares(table *[countSlots]uint16, base *[2][countLanes]uint16, out *squareSweep) {
	if fourLanes {
		sweepSquaresAVX2(table, base, out)
		return
	}
	sweepSquareRows(table, base, out)
}
