package metric

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// square holds squares that a Sum is still to get, as quick holds values: the sum
// of m² of whole numbers m (wholeOf) modulo 2^118, and above it their number modulo
// squareFull, which no more of them can reach.
type square struct{ lo, hi uint64 }

const (
	squareOne  = 1 << 54
	squareFull = 1 << 10
)

// add adds m², and reports whether s is full: it must be flushed before 1,024 more
// follow.
func (s *square) add(m uint64) (full bool) {
	hi, lo := bits.Mul64(m, m)
	var c uint64
	s.lo, c = bits.Add64(s.lo, lo, 0)
	s.hi, c = bits.Add64(s.hi, hi+squareOne, c)
	return c != 0
}

// flush gives the squares to sum; the number stays.
func (s *square) flush(sum *Sum) {
	sum.addBits(s.lo, unitExp106)
	sum.addBits(s.hi%squareOne, unitExp106+64)
	s.lo, s.hi = 0, s.hi&^(squareOne-1)
}

// fineSquares are the squares of numbers that 30 bits behind the point hold, as
// differences of most float32 probabilities are: their sums, by cell, in units of 2^-60
// modulo 2^64. They take half the memory of squares, which a near cache does not hold.
type fineSquares struct {
	sums  []uint64
	times []uint32 // a sum ran over
	rows  []uint32
	since int64 // rows, of all cells, since they were given
	odd   [maxQuick / 8]uint8
}

func newFineSquares(cells int) *fineSquares {
	return &fineSquares{sums: make([]uint64, cells), times: make([]uint32, cells), rows: make([]uint32, cells)}
}

// fineTried are the first rows of some: where more than one in eight of them is odd, the
// others need not be looked at.
const fineTried = 64

// add takes all rows, and gives those that are odd to t; or it takes none.
func (f *fineSquares) add(t *squareCells, cell []uint16, xs []float64, scratch *[maxQuick]uint64) bool {
	if odds, ok := fineLanes(xs[:min(len(xs), fineTried)], scratch, &f.odd); !ok || odds > fineTried/8 {
		return false
	}
	odds, ok := fineLanes(xs, scratch, &f.odd)
	if !ok || odds > len(xs)/8 {
		return false
	}
	if f.since += int64(len(xs)); f.since > math.MaxUint32 {
		f.flush(t)
		f.since = int64(len(xs))
	}
	for _, c := range addFine(cell, scratch[:len(xs)], f.sums, f.rows, t.full) {
		f.times[c]++
	}
	for lo := 0; odds > 0; lo += 64 {
		odd := binary.LittleEndian.Uint64(f.odd[lo/8:])
		for ; odd != 0 && odds > 0; odd &= odd - 1 { // what is behind the last row is of rows before
			i := lo + bits.TrailingZeros64(odd)
			f.rows[cell[i]]-- // t counts it
			t.one(cell[i], xs[i])
			odds--
		}
	}
	return true
}

// flush gives sums and rows to those of t.
func (f *fineSquares) flush(t *squareCells) {
	for c, sum := range f.sums {
		s := &t.sums[c*t.k]
		s.addBits(sum, unitExp60)
		s.addBits(uint64(f.times[c]), unitExp60+64)
		t.rows[c] += int64(f.rows[c])
	}
	clear(f.sums)
	clear(f.times)
	clear(f.rows)
	f.since = 0
}

// squareCells are the squares, the sums and the rows of each cell, as cells are for
// values. Of squares, there are as many as a power of two.
type squareCells struct {
	q    []square
	sums []Sum
	k    int
	rows []int64
	fine *fineSquares
	full *[maxQuick]uint16
}

// add adds the square of each of at most maxQuick values to its cell. whole is
// scratch.
func (t *squareCells) add(cell []uint16, xs []float64, whole *[maxQuick]uint64) {
	cell = cell[:len(xs)]
	if t.fine.add(t, cell, xs, whole) {
		return
	}
	n, odd := wholeLanes(xs, whole)
	for i := n; i < len(xs); i++ {
		m, ok := wholeOf(xs[i])
		whole[i], odd = m, odd || !ok
	}
	for _, c := range t.full[:addWholes(cell, whole[:len(xs)], t.q, t.full)] {
		t.rows[c] += squareFull
		t.q[c].flush(&t.sums[int(c)*t.k])
	}
	for i := 0; odd && i < len(xs); i++ {
		if _, ok := wholeOf(xs[i]); !ok {
			t.sums[int(cell[i])*t.k].AddSquare(xs[i])
		}
	}
}

// one adds the square of one value.
func (t *squareCells) one(c uint16, x float64) {
	m, ok := wholeOf(x)
	if t.q[c].add(m) {
		t.rows[c] += squareFull
		t.q[c].flush(&t.sums[int(c)*t.k])
	}
	if !ok {
		t.sums[int(c)*t.k].AddSquare(x)
	}
}

// addWholeRows adds the square of each whole number to its cell, and returns how
// many cells became full, which full lists.
func addWholeRows(cell []uint16, whole []uint64, q []square, full *[maxQuick]uint16) (over int) {
	for i, m := range whole {
		if q[cell[i]].add(m) {
			full[over] = cell[i]
			over++
		}
	}
	return over
}
