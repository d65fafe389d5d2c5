package metric

import (
	"math"

	"golang.org/x/sys/cpu"
)

// Four rows at a time. Every operation is the one that ln.go and sum.go spell
// out, so that every bit is the same; tests compare them.

//go:noescape
func minusLnsAVX2(xs *float64, n int, c *lnConstants, table *lnStep)

//go:noescape
func sumAVX2(xs *float64, n int, c *sumConstants, out *[3][4]uint64)

//go:noescape
func splitAVX2(xs *float64, n int, c *sumConstants, hi, lo *uint64, odd *[4]uint64)

//go:noescape
func squaresAVX2(xs *float64, n int, c *squareConstants, out *[4][4]uint64)

//go:noescape
func eitherAVX2(truth *Code, p *float64, n int, class, flip int64, out *float64)

//go:noescape
func equalAVX2(a, b *Code, n int, out *[16]uint16)

//go:noescape
func wholeAVX2(xs *float64, n int, c *squareConstants, out *uint64, none *[4]uint64)

//go:noescape
func countWrongAVX2(rows *wrongStretch, n int, squeezes *[256][16]uint8) (wrong int)

//go:noescape
func countWrongAVX512(rows *wrongStretch, n int) (wrong int)

//go:noescape
func wrongRowsAVX2(truth, pred *Code, cell *uint16, n int, squeezes *[256][16]uint8, out *wrongRows) (wrong int)

//go:noescape
func wrongPlacesAVX2(w *wrongRows, n int, k, shift, mask int64, first, second *uint32)

//go:noescape
func countBytesAMD64(first, second *uint32, n int, table *uint8, full *uint32) (over int)

//go:noescape
func drawTileAVX512(digits *int16, w *[4]*uint8, n int, acc *[4][4][8]int32)

//go:noescape
func drawPairAVX512(digits *int16, w *[8]*uint8, n int, acc *[8][2][8]int32)

//go:noescape
func addWholesAMD64(cell *uint16, whole *uint64, n int, q *square, mask int64, full *uint16) (over int)

//go:noescape
func fineAVX2(xs *float64, n int, out *uint64, odd *uint8) (odds int)

//go:noescape
func addFineAMD64(cell *uint16, square *uint64, n int, sums *uint64, rows *uint32, mask int64, over *uint16) (overs int)

//go:noescape
func mixAVX512(xs *uint64, n int, by, with uint64)

//go:noescape
func widenAVX2(w *uint8, n int, out *int16)

//go:noescape
func drawAVX2(digits, w *int16, n int, acc *[8]int32)

//go:noescape
func drawFourAVX2(digits, w *int16, n int, acc *[4][8]int32)

var (
	fourLanes = cpu.X86.HasAVX2 && cpu.X86.HasFMA
	squeezing = fourLanes && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VBMI2
	mixing    = fourLanes && cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ
	tiles     = fourLanes && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512VNNI
)

type lanes [4]uint64

func four(x float64) lanes      { return fourBits(math.Float64bits(x)) }
func fourBits(x uint64) lanes   { return lanes{x, x, x, x} }
func (l lanes) sum() (n uint64) { return l[0] + l[1] + l[2] + l[3] }

// The constants that the functions in assembly read, in their order.
type (
	lnConstants     [19]lanes
	sumConstants    [5]lanes
	squareConstants [6]lanes
)

const lnBias = 1023 << mantBits

var (
	lnOf = lnConstants{
		{}, {}, // least, most
		fourBits(lnBias - lnFrom),
		four(0x1p52), four(0x1p52 + 1023),
		fourBits(0xfff << mantBits), fourBits(lnBias),
		fourBits(127),
		four(1),
		four(-1.0 / 4), four(1.0 / 3), four(-1.0 / 6), four(1.0 / 5), four(-1.0 / 8), four(1.0 / 7),
		four(-0.5),
		four(ln2Hi), four(ln2Lo),
		fourBits(1 << 63),
	}
	sumOf    = sumConstants{four(0x1p-40), four(0x1p12), four(0x1p40), four(0x1p92), four(0x1p52)}
	squareOf = squareConstants{fourBits(1<<63 - 1), four(1), four(0x1p26), four(0x1p-26), four(0x1p53), four(0x1p52)}
)

// minusLnsLanes is minusLns for as many of xs as it returns.
func minusLnsLanes(xs []float64, least, most float64) int {
	n := len(xs) &^ 3
	if !fourLanes || n == 0 {
		return 0
	}
	c := lnOf
	c[0], c[1] = four(least), four(most)
	minusLnsAVX2(&xs[0], n, &c, &lnTable[0])
	return n
}

// sumLanes is addQuick for as many of xs as it returns; those that do not fit a
// quick are still to add when odd.
func (s *Sum) sumLanes(xs []float64) (n int, odd bool) {
	n = len(xs) &^ 3
	if !fourLanes || n == 0 {
		return 0, false
	}
	var out [3][4]uint64
	sumAVX2(&xs[0], n, &sumOf, &out)
	s.addBits(lanes(out[0]).sum(), unitExp40)
	s.addBits(lanes(out[1]).sum(), unitExp92)
	return n, out[2] != [4]uint64{}
}

// splitLanes gives what each of xs adds to the two halves of a quick, for as many
// as it returns; 0 for those that do not fit one, which are still to add when odd.
func splitLanes(xs []float64, hi, lo *[maxQuick]uint64) (n int, odd bool) {
	n = min(len(xs), maxQuick) &^ 3
	if !fourLanes || n == 0 {
		return 0, false
	}
	var out [4]uint64
	splitAVX2(&xs[0], n, &sumOf, &hi[0], &lo[0], &out)
	return n, out != [4]uint64{}
}

// squareLanes is addSquaresQuick for as many of xs as it returns; those beyond
// [-1, 1], or finer than 2^-53, are still to add when odd.
func (s *Sum) squareLanes(xs []float64) (n int, odd bool) {
	n = len(xs) &^ 3
	if !fourLanes || n == 0 {
		return 0, false
	}
	// x = a·2^-26 + b·2^-53, a ≤ 2^26 and b < 2^27
	var out [4][4]uint64
	squaresAVX2(&xs[0], n, &squareOf, &out)
	s.addBits(lanes(out[0]).sum(), -52-unitExp)
	s.addBits(lanes(out[1]).sum(), -78-unitExp)
	s.addBits(lanes(out[2]).sum(), -106-unitExp)
	return n, out[3] != [4]uint64(fourBits(1<<64-1))
}

// wholeLanes gives wholeOf for as many of xs as it returns; 0 for those that have
// none, which are still to add when odd.
func wholeLanes(xs []float64, out *[maxQuick]uint64) (n int, odd bool) {
	n = min(len(xs), maxQuick) &^ 3
	if !fourLanes || n == 0 {
		return 0, false
	}
	c := squareOf
	c[1] = four(2)
	var all [4]uint64
	wholeAVX2(&xs[0], n, &c, &out[0], &all)
	return n, all != [4]uint64(fourBits(1<<64-1))
}

// addWholes is addWholeRows.
func addWholes(cell []uint16, whole []uint64, q []square, full *[maxQuick]uint16) int {
	n := min(len(whole), maxQuick)
	if n == 0 {
		return 0
	}
	_ = cell[n-1]
	return addWholesAMD64(&cell[0], &whole[0], n, &q[0], int64(len(q)-1), &full[0])
}

// fineLanes gives the squares of all xs in units of 2^-60, and a bit for each that has no
// whole number of them, which is 0. Of a number of xs that is no multiple of 8 it gives none.
func fineLanes(xs []float64, out *[maxQuick]uint64, odd *[maxQuick / 8]uint8) (odds int, ok bool) {
	n := len(xs)
	if !fourLanes || n == 0 || n%8 != 0 || n > maxQuick {
		return 0, false
	}
	return fineAVX2(&xs[0], n, &out[0], &odd[0]), true
}

// addFine adds squares to the cells of sums and counts their rows; over are the cells
// whose sum ran over, as often as it did.
func addFine(cell []uint16, squares, sums []uint64, rows []uint32, over *[maxQuick]uint16) []uint16 {
	n := min(len(squares), maxQuick)
	_, _ = cell[n-1], rows[len(sums)-1]
	return over[:addFineAMD64(&cell[0], &squares[0], n, &sums[0], &rows[0], int64(len(sums)-1), &over[0])]
}

// wrongLanes is find for as many rows as it returns first; then, how many are wrong.
func wrongLanes(truth, pred []Code, cell []uint16, w *wrongRows) (took, wrong int) {
	n := min(len(truth), missed) &^ 15
	if !fourLanes || n == 0 {
		return 0, 0
	}
	_, _ = pred[n-1], cell[n-1]
	return n, wrongRowsAVX2(&truth[0], &pred[0], &cell[0], n, &squeezes, w)
}

// wrongStretch is what is looked at for wrong rows, whose cells are put behind found,
// while waiting ones are counted in a table of mask+1 places: an even number of them
// for every 32 rows. Counting takes turns with reading, so that it costs the less.
type wrongStretch struct {
	truth, pred          *Code
	cell, found, waiting *uint16
	each                 uint64
	table                *uint32
	mask                 uint64
}

// countLanes counts as many rows as it returns.
func (s *besideRight) countLanes(truth, pred []Code, cell []uint16) (took int) {
	if !fourLanes {
		return 0
	}
	found, waiting, wait := &s.queue[0], &s.queue[1], 0
	for ; took+rightRows <= len(truth); took += rightRows {
		const turns = rightRows / 32
		_, _, _ = truth[took+rightRows-1], pred[took+rightRows-1], cell[took+rightRows-1]
		each := (wait + 2*turns - 1) / (2 * turns) * 2
		clear(waiting[wait : each*turns])
		s.wrong[0] -= uint32(each*turns - wait) // counted in vain
		x := wrongStretch{&truth[took], &pred[took], &cell[took], &found[0], &waiting[0], uint64(each), &s.wrong[0], uint64(len(s.wrong) - 1)}
		if squeezing {
			wait = countWrongAVX512(&x, rightRows)
		} else {
			wait = countWrongAVX2(&x, rightRows, &squeezes)
		}
		found, waiting = waiting, found
	}
	s.count(waiting[:wait])
	return took
}

// mixLanes is mixAll for as many as it returns.
func mixLanes(xs []uint64, by, with uint64) int {
	n := len(xs) &^ 7
	if !mixing || n == 0 {
		return 0
	}
	mixAVX512(&xs[0], n, by, with)
	return n
}

// placeLanes is places for as many rows as it returns. There is a power of two of cells.
func (s *besideClasses) placeLanes(n int) int {
	// Behind the last row there is room, and what lies there is not counted.
	if !fourLanes || n == 0 {
		return 0
	}
	wrongPlacesAVX2(&s.found, (n+7)&^7, int64(s.k), int64(s.shift), int64(s.cells-1), &s.first[0], &s.second[0])
	return n
}

// countBytes is countByteRows.
func countBytes(first, second []uint32, table []uint8, full *[2 * missed]uint32) int {
	if len(first) == 0 {
		return 0
	}
	return countBytesAMD64(&first[0], &second[:len(first)][0], len(first), &table[0], &full[0])
}

// squeezes[m] moves those of eight numbers of 16 bits whose bits of m are set to the
// front.
var squeezes = func() (t [256][16]uint8) {
	for m := range t {
		to := 0
		for i := range 8 {
			if m>>i&1 == 1 {
				t[m][to], t[m][to+1] = uint8(2*i), uint8(2*i+1)
				to += 2
			}
		}
	}
	return t
}()

// eitherLanes is either for as many rows as it returns.
func eitherLanes(truth []Code, p []float64, class Code, other bool, out []float64) int {
	n := min(len(truth), len(p), len(out)) &^ 3
	if !fourLanes || n == 0 {
		return 0
	}
	flip := int64(0)
	if other {
		flip = -1
	}
	eitherAVX2(&truth[0], &p[0], n, int64(class), flip, &out[0])
	return n
}

// equalLanes is equalCodes for as many rows as it took.
func equalLanes(a, b []Code) (took int, equal int64) {
	if !fourLanes {
		return 0, 0
	}
	b = b[:len(a)]
	for len(a)-took >= 16 {
		n := min((len(a)-took)&^15, 1<<19) // what 16 bits can count
		var out [16]uint16
		equalAVX2(&a[took], &b[took], n, &out)
		for _, c := range out {
			equal += int64(c)
		}
		took += n
	}
	return took, equal
}

// draw is drawRows.
func draw(digits []int16, w [][]uint8, wider *[]int16, acc []int32) {
	n := len(w[0])
	if !fourLanes || n%32 != 0 || n == 0 || len(acc) == 0 {
		drawRows(digits, w, wider, acc)
		return
	}
	places := len(acc) / len(w)
	_ = digits[n*places-1]
	if tiles && len(w) == 8 && places == 2 {
		var weights [8]*uint8
		for i := range w {
			weights[i] = &w[i][:n][0]
		}
		var out [8][2][8]int32
		drawPairAVX512(&digits[0], &weights, n, &out)
		for i := range out {
			acc[2*i], acc[2*i+1] = eight(&out[i][0]), eight(&out[i][1])
		}
		return
	}
	if tiles && len(w) == 8 && places%4 == 0 {
		draw(digits, w[:4], wider, acc[:4*places])
		draw(digits, w[4:], wider, acc[4*places:])
		return
	}
	if tiles && len(w) == 4 && places%4 == 0 {
		weights := [4]*uint8{&w[0][0], &w[1][:n][0], &w[2][:n][0], &w[3][:n][0]}
		for at := 0; at < places; at += 4 {
			var out [4][4][8]int32
			drawTileAVX512(&digits[at*n], &weights, n, &out)
			for i := range out {
				for j := range out[i] {
					acc[i*places+at+j] = eight(&out[i][j])
				}
			}
		}
		return
	}
	wide := widened(wider, n*len(w))
	for i, x := range w {
		widenAVX2(&x[0], n, &wide[i*n])
	}
	for i := range w {
		acc, wide := acc[i*places:][:places], wide[i*n:]
		at := 0
		for ; places-at >= 4; at += 4 {
			var out [4][8]int32
			drawFourAVX2(&digits[at*n], &wide[0], n, &out)
			for i := range out {
				acc[at+i] = eight(&out[i])
			}
		}
		for ; at < places; at++ {
			var out [8]int32
			drawAVX2(&digits[at*n], &wide[0], n, &out)
			acc[at] = eight(&out)
		}
	}
}

func eight(x *[8]int32) int32 { return x[0] + x[1] + x[2] + x[3] + x[4] + x[5] + x[6] + x[7] }
