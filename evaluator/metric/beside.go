package metric

import (
	"math"
	"math/bits"
)

// besideRight counts, of each cell, the wrong rows and the right ones, in a table
// that the first cache holds.
type besideRight struct {
	counts []uint32
	rows   int64 // since they were settled
}

func (s *besideRight) add(b *Block, cell []uint16, counts []int64) {
	if s.rows += int64(b.Rows); s.rows > math.MaxUint32 {
		s.settle(counts)
		s.rows = int64(b.Rows)
	}
	truth, pred, cell := b.Truth.Class[:b.Rows], b.Pred[0].Class[:b.Rows], cell[:b.Rows]
	done := rightLanes(truth, pred, cell, s.counts)
	rightRows(truth[done:], pred[done:], cell[done:], s.counts)
}

func (s *besideRight) settle(counts []int64) {
	for i, c := range s.counts {
		counts[i] += int64(c)
	}
	clear(s.counts)
	s.rows = 0
}

// rightRows counts rows of cell c in counts[2c+1] where pred is right, else in
// counts[2c].
func rightRows(truth, pred []Code, cell []uint16, counts []uint32) {
	for i, t := range truth {
		d := int32(t ^ pred[i])
		counts[2*int(cell[i])+int(1+(d|-d)>>31)]++
	}
}

// besideClasses counts, of each cell, the rows of each class that were predicted
// to be of it, those that were not, and those that were wrongly. Counters are bytes,
// for what every row touches must fit a near cache: whenever one begins anew, 256
// are added elsewhere.
type besideClasses struct {
	k             int
	shift         uint    // 1<<shift places for each cell: k right, k missed, k+1 wrong, and one for nothing
	table         []uint8 // of a power of two of cells
	first, second [classRows]uint32
	full          [2 * classRows]uint32
}

// classRows is how many rows are looked at before they are counted.
const classRows = 512

func newBesideClasses(k, cells int) *besideClasses {
	shift := uint(bits.Len(uint(3*k + 1)))
	return &besideClasses{k: k, shift: shift, table: make([]uint8, cells<<shift)}
}

func (s *besideClasses) add(b *Block, cell []uint16, counts []int64) {
	for lo := 0; lo < b.Rows; lo += classRows {
		hi := min(lo+classRows, b.Rows)
		truth, pred, cell := b.Truth.Class[lo:hi], b.Pred[0].Class[lo:hi], cell[lo:hi]
		n := classLanes(s.k, s.shift, truth, pred, cell, len(s.table)>>s.shift, &s.first, &s.second)
		classPlaces(s.k, s.shift, truth[n:], pred[n:], cell[n:], s.first[n:], s.second[n:])
		over := countBytes(s.first[:hi-lo], s.second[:hi-lo], s.table, &s.full)
		for _, at := range s.full[:over] {
			s.give(counts, int(at), 256)
		}
	}
}

// classPlaces says where a row is counted: as one of its class that was found or
// missed, and as wrongly found or nothing.
func classPlaces(k int, shift uint, truth, pred []Code, cell []uint16, first, second []uint32) {
	for i, t := range truth {
		base, p := uint32(cell[i])<<shift, pred[i]
		if p < 0 {
			p = Code(k)
		}
		if t == p {
			first[i], second[i] = base+uint32(t), base+uint32(3*k+1)
		} else {
			first[i], second[i] = base+uint32(k)+uint32(t), base+uint32(2*k)+uint32(p)
		}
	}
}

// countByteRows counts, and returns how many counters began anew, which are in full.
func countByteRows(first, second []uint32, table []uint8, full *[2 * classRows]uint32) (over int) {
	for i := range first {
		for _, at := range [2]uint32{first[i], second[i]} {
			if table[at]++; table[at] == 0 {
				full[over] = at
				over++
			}
		}
	}
	return over
}

// give adds n rows that were counted at a place to counters as countClass has them.
func (s *besideClasses) give(counts []int64, at int, n int64) {
	c := counts[at>>s.shift*(3*s.k+1):][:3*s.k+1]
	switch i := at & (1<<s.shift - 1); {
	case i < s.k: // right
		c[i] += n
		c[s.k+i] += n
		c[2*s.k+i] += n
	case i < 2*s.k: // missed
		c[i] += n
	case i <= 3*s.k: // wrong
		c[i] += n
	}
}

func (s *besideClasses) settle(counts []int64) {
	for at, n := range s.table {
		if n > 0 {
			s.give(counts, at, int64(n))
		}
	}
	clear(s.table)
}
