package pages

import "golang.org/x/sys/cpu"

//go:noescape
func risingAVX2(xs *int64, n int) bool

//go:noescape
func widenAVX2(dst *float64, src *float32, n int, most *[8]uint32)

//go:noescape
func lookAVX2(index *uint32, table *[8]int32, out *int16, n int, most *[8]uint32)

//go:noescape
func renumberAVX2(index, numbers *uint32, n int)

//go:noescape
func unpackAVX2(dst *uint32, src *byte, n int, w *bitPlaces, most *[8]uint32)

//go:noescape
func packAVX2(dst *byte, src *uint32, n, width int)

// packLanes packs the first n values, a multiple of eight, of at most 15 bits into dst,
// which has room for packSlack bytes behind them.
func packLanes(dst []byte, src []uint32, width int) (n int) {
	n = len(src) &^ 7
	if !wide || !shifts || n == 0 || width == 0 || width > 15 {
		return 0
	}
	packAVX2(&dst[:n/8*width+packSlack][0], &src[0], n, width)
	return n
}

// bitPlaces say where eight values of one width, which are as many bytes, lie.
type bitPlaces struct {
	bytes [32]uint8 // of each value: the four bytes that hold it, from its half's beginning
	shift [8]uint32 // where it begins in them
	mask  uint32
	width int32
	half  int64 // the byte with the fifth value's first bit
}

// packedWidths are the widths whose values lie in four bytes, wherever they begin.
var packedWidths = func() (t [26]bitPlaces) {
	for width := range t {
		w := &t[width]
		*w = bitPlaces{mask: 1<<width - 1, width: int32(width), half: int64(width / 2)}
		for i := range 8 {
			bit := i%4*width + i/4*(width&1)*4
			w.shift[i] = uint32(bit % 8)
			for k := range 4 {
				w.bytes[4*i+k] = uint8(bit/8 + k)
			}
		}
	}
	return t
}()

// unpackLanes unpacks the first n values, a multiple of eight, and returns the
// greatest of them.
func unpackLanes(dst []uint32, src []byte, width int) (n int, most uint32) {
	if !wide || width == 0 || width >= len(packedWidths) {
		return 0, 0
	}
	w := &packedWidths[width]
	// Of each eight the last sixteen bytes read begin at half.
	n = min(len(dst)/8, (len(src)-int(w.half)-16)/width+1) * 8
	if len(src) < int(w.half)+16 || n == 0 {
		return 0, 0
	}
	var lanes [8]uint32
	unpackAVX2(&dst[:n][0], &src[0], n, w, &lanes)
	return n, greatest(&lanes)
}

var wide, shifts = cpu.X86.HasAVX2, cpu.X86.HasBMI2

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

// renumberLanes is renumber for the first n of index, of which none is behind numbers.
func renumberLanes(index, numbers []uint32) (n int) {
	n = len(index) &^ 15
	if !wide || n == 0 {
		return 0
	}
	renumberAVX2(&index[0], &numbers[0], n)
	return n
}

func greatest(lanes *[8]uint32) (most uint32) {
	for _, x := range lanes {
		most = max(most, x)
	}
	return most
}
