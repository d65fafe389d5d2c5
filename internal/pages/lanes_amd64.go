package pages

import "golang.org/x/sys/cpu"

//go:noescape
func risingAVX2(xs *int64, n int) bool

//go:noescape
func widenAVX2(dst *float64, src *float32, n int, most *[8]uint32)

//go:noescape
func lookAVX2(index *uint32, table *[8]int32, out *int16, n int, most *[8]uint32)

var wide = cpu.X86.HasAVX2

// risingLanes compares the first n of xs with their next.
func risingLanes(xs []int64) (n int, rise bool) {
	n = (len(xs) - 1) &^ 3
	if !wide || n <= 0 {
		return 0, true
	}
	return n, risingAVX2(&xs[0], n)
}

func widenLanes(dst []float64, src []float32) (n int, most uint32) {
	n = len(src) &^ 7
	if !wide || n == 0 {
		return 0, 0
	}
	var lanes [8]uint32
	widenAVX2(&dst[:n][0], &src[0], n, &lanes)
	return n, greatest(&lanes)
}

func lookLanes(index []uint32, table *[8]int32, out []int16) (n int, most uint32) {
	n = len(index) &^ 15
	if !wide || n == 0 {
		return 0, 0
	}
	var lanes [8]uint32
	lookAVX2(&index[0], table, &out[:n][0], n, &lanes)
	return n, greatest(&lanes)
}

func greatest(lanes *[8]uint32) (most uint32) {
	for _, x := range lanes {
		most = max(most, x)
	}
	return most
}
