package metric

import "math"

// missed is how many rows are looked at before those that were predicted wrongly are
// counted.
const missed = 1 << 9

// wrongRows has the wrong ones of some rows.
type wrongRows struct {
	truth, pred [missed + 8]Code // and room for what is written behind the last
	cell        [missed + 32]uint16
}

// find takes rows of which it looks at missed at most, and returns how many are wrong.
func (w *wrongRows) find(truth, pred []Code, cell []uint16) int {
	done, n := wrongLanes(truth, pred, cell, w)
	for i := done; i < len(truth); i++ {
		t, p := truth[i], pred[i]
		w.truth[n], w.pred[n], w.cell[n] = t, p, cell[i]
		d := int32(t ^ p)
		n -= int((d | -d) >> 31)
	}
	return n
}

// besideRight counts, of each cell, the wrong rows in a table that the first cache
// holds.
type besideRight struct {
	censused
	wrong []uint32 // of a power of two of cells
	rows  int64    // since they were settled
	queue [2][rightRows + 32]uint16
}

// rightRows is how many rows are looked at while the wrong ones of as many before them
// are counted.
const rightRows = 1 << 11

func newBesideRight(cells int) *besideRight { return &besideRight{wrong: make([]uint32, cells)} }

func (s *besideRight) add(b *Block, cell []uint16, counts []int64) {
	if s.rows += int64(b.Rows); s.rows > math.MaxUint32 {
		s.give(counts)
		s.rows = int64(b.Rows)
	}
	s.censused.add(b, cell, len(s.wrong), 1)
	truth, pred := b.Truth.Class[:b.Rows], b.Pred[0].Class[:b.Rows]
	for at := s.countLanes(truth, pred, cell); at < b.Rows; {
		n := 0
		for ; at < b.Rows && n < rightRows; at++ {
			s.queue[0][n] = cell[at]
			d := int32(truth[at] ^ pred[at])
			n -= int((d | -d) >> 31)
		}
		s.count(s.queue[0][:n])
	}
}

// count counts the cells of wrong rows.
func (s *besideRight) count(cells []uint16) {
	wrong, mask := s.wrong, uint(len(s.wrong)-1)
	for _, c := range cells {
		wrong[uint(c)&mask]++
	}
}

// give adds the wrong rows to counters as accuracy has them: right rows follow them.
func (s *besideRight) give(counts []int64) {
	for i, n := range s.wrong {
		counts[2*i] += int64(n)
		counts[2*i+1] -= int64(n)
	}
	clear(s.wrong)
	s.rows = 0
}

func (s *besideRight) settle(counts []int64) {
	s.give(counts)
	s.censused.settle(func(c *Census) {
		c.eachBucket(func(bucket int, rows int64) { counts[2*bucket+1] += rows })
	})
}

// besideClasses counts, of each cell, the rows of each class that were predicted to be
// of another, and those that were taken for it. Counters are bytes, for what every row
// touches must fit a near cache: whenever one begins anew, 256 are given.
type besideClasses struct {
	censused
	k, cells int
	shift    uint    // 1<<shift places for each cell: k of wrong rows by truth, and k+1 by prediction
	table    []uint8 // of a power of two of cells
	found    wrongRows

	first, second [missed + 8]uint32 // where wrong rows are counted, by truth and by prediction
	full          [2 * missed]uint32
}

func newBesideClasses(k, cells int) *besideClasses {
	shift := shiftOf(2*k + 1)
	return &besideClasses{k: k, cells: cells, shift: shift, table: make([]uint8, cells<<shift)}
}

func (s *besideClasses) add(b *Block, cell []uint16, counts []int64) {
	s.censused.add(b, cell, s.cells, s.k)
	for lo := 0; lo < b.Rows; lo += missed {
		hi := min(lo+missed, b.Rows)
		n := s.found.find(b.Truth.Class[lo:hi], b.Pred[0].Class[lo:hi], cell[lo:hi])
		s.places(n)
		for _, at := range s.full[:countBytes(s.first[:n], s.second[:n], s.table, &s.full)] {
			s.give(counts, int(at), 256)
		}
	}
}

// places says where n wrong rows are counted.
func (s *besideClasses) places(n int) {
	for i := s.placeLanes(n); i < n; i++ {
		base := uint32(s.found.cell[i]) << s.shift
		s.first[i] = base + uint32(s.found.truth[i])
		s.second[i] = base + uint32(s.k) + min(uint32(s.found.pred[i]), uint32(s.k)) // of no class: the last
	}
}

// countByteRows counts, and returns how many counters began anew, which are in full.
func countByteRows(first, second []uint32, table []uint8, full *[2 * missed]uint32) (over int) {
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

// give adds n rows that were counted at a place to counters as countClass has them:
// right rows follow them.
func (s *besideClasses) give(counts []int64, at int, n int64) {
	c := counts[at>>s.shift*(3*s.k+1):][:3*s.k+1]
	if i := at & (1<<s.shift - 1); i < s.k {
		c[i] -= n
		c[2*s.k+i] -= n
	} else {
		c[s.k+i] += n
	}
}

func (s *besideClasses) settle(counts []int64) {
	for at, n := range s.table {
		if n > 0 {
			s.give(counts, at, int64(n))
		}
	}
	clear(s.table)
	s.censused.settle(func(c *Census) {
		c.each(func(bucket, class int, rows int64) {
			c := counts[bucket*(3*s.k+1):][:3*s.k+1]
			c[class] += rows
			c[s.k+class] += rows
			c[2*s.k+class] += rows
		})
	})
}
