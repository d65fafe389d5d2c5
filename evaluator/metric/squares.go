package metric

import "math/bits"

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

// squareCells are the squares, the sums and the rows of each cell, as cells are for
// values. Of squares, there are as many as a power of two.
type squareCells struct {
	q    []square
	sums []Sum
	k    int
	rows []int64
	full *[maxQuick]uint16
}

// add adds the square of each of at most maxQuick values to its cell. whole is
// scratch.
func (t *squareCells) add(cell []uint16, xs []float64, whole *[maxQuick]uint64) {
	n, odd := wholeLanes(xs, whole)
	cell = cell[:len(xs)]
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
