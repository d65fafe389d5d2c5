package metric

import (
	"math/bits"
	"slices"
)

// A counter sums the placements of a few thousand keys without sorting them: it
// counts the negatives and the positives of each slot of a table that the first
// cache holds, slots rise with the keys, and one pass over the table sums for each
// positive what lies below it. Where keys differ by so much that different ones
// share a slot, those of slots with both kinds are sorted after all.
type counter struct {
	// Of each slot its negatives, and 256 times its positives. Slot s is at
	// s%countRows·countLanes + s/countRows: a lane of a vector has neighbours one
	// behind the other.
	slot  [countSlots]uint16
	keys  []uint32 // of a bin
	mixed []uint32
	tmp   [4][]uint32
}

const (
	countLanes = 16
	countRows  = 1 << 10
	countSlots = countRows * countLanes
	countLeast = 1 << 8    // keys that are not sorted
	countMost  = 1<<14 - 1 // of which twice as many fit 15 bits
)

// place adds keys, in any order, to p. It changes their order.
func (c *counter) place(keys []uint32, p *placed, all uint64, squares bool) {
	c.placeAt(0, keys, p, all, squares)
}

func (c *counter) placeAt(depth int, keys []uint32, p *placed, all uint64, squares bool) {
	if len(keys) == 0 {
		return
	}
	least, most := spanOf(keys)
	switch width := most>>1 - least>>1; {
	case width == 0:
		pos := uint64(0)
		for _, k := range keys {
			pos += uint64(k & 1)
		}
		neg := uint64(len(keys)) - pos
		s := inBin{pos: pos, neg: neg, sum: pos * neg, sumNeg: pos * neg}
		s.sqPos.addSquare(pos, neg)
		s.sqNeg.addSquare(neg, pos)
		p.addBin(&s, all, squares)
		return
	case len(keys) < countLeast:
	case len(keys) <= countMost:
		if s, ok := c.count(keys, least>>1, bits.Len32(width>>14), squares); ok {
			p.addBin(&s, all, squares)
			return
		}
	case depth < len(c.tmp)-1:
		c.split(depth, keys, least>>1, width, p, all, squares)
		return
	}
	tmp := c.room(depth, len(keys))
	sortNear(keys, tmp)
	p.add(keys, all, squares)
}

func (c *counter) room(depth, n int) []uint32 {
	c.tmp[depth] = slices.Grow(c.tmp[depth][:0], n)[:n]
	return c.tmp[depth]
}

// split places parts of keys that are too many to be counted together.
func (c *counter) split(depth int, keys []uint32, least, width uint32, p *placed, all uint64, squares bool) {
	const most = 10
	n := min(most, bits.Len(uint(len(keys)>>12)))
	shift := uint(max(0, bits.Len32(width)-n)) & 31
	var end [1<<most + 1]int
	for _, k := range keys {
		end[(k>>1-least)>>shift%(1<<most)+1]++
	}
	for i := range 1 << most {
		end[i+1] += end[i]
	}
	to := c.room(depth, len(keys))
	at := end
	for _, k := range keys {
		i := (k>>1 - least) >> shift % (1 << most)
		to[at[i]] = k
		at[i]++
	}
	for i := range 1 << most {
		c.placeAt(depth+1, to[end[i]:end[i+1]], p, all, squares)
	}
}

// inBin are the sums over keys of which nothing else is known: as if none were
// below them and none above.
type inBin struct {
	pos, neg     uint64
	sum, sumNeg  uint64 // of the positives' placements; of twice the positives below each negative, and those equal
	sqPos, sqNeg u128   // of their squares
}

// count is false when a slot cannot count that many, or squares are wanted of keys
// that share slots.
func (c *counter) count(keys []uint32, least uint32, shift int, squares bool) (s inBin, ok bool) {
	if squares && shift > 0 {
		return s, false
	}
	table := &c.slot
	defer clear(table[:])
	by := uint(shift) & 31
	if by == 0 {
		for _, k := range keys {
			i, one := k>>1-least, k&1
			table[(i<<4|i>>10)%countSlots] += uint16(one<<8 - one + 1)
		}
	} else {
		for _, k := range keys {
			i, one := (k>>1-least)>>by, k&1
			table[(i<<4|i>>10)%countSlots] += uint16(one<<8 - one + 1)
		}
	}
	var t sweep
	sweepSlots(table, &t)
	for _, x := range t.sum {
		s.sum += uint64(x)
	}
	var base [2][countLanes]uint16
	for l := range countLanes {
		base[0][l], base[1][l] = uint16(2*s.neg), uint16(2*s.pos)
		s.sum += uint64(t.pos[l]) * 2 * s.neg
		s.pos += uint64(t.pos[l])
		s.neg += uint64(t.neg2[l]) / 2
	}
	if s.pos+s.neg != uint64(len(keys)) { // whatever ran over is missing
		return s, false
	}
	if squares {
		var q squareSweep
		sweepSquares(table, &base, &q)
		for _, x := range q.sumNeg {
			s.sumNeg += uint64(x)
		}
		for l := range q.sqPos {
			s.sqPos.add(q.sqPos[l], 1)
			s.sqNeg.add(q.sqNeg[l], 1)
		}
	}
	if by > 0 {
		s.sum += c.untie(keys, least, by)
	}
	return s, true
}

// untie returns what is missing, or too much, modulo 2^64, because all keys of a
// slot were counted as equal.
func (c *counter) untie(keys []uint32, least uint32, by uint) (sum uint64) {
	c.mixed = slices.Grow(c.mixed[:0], 2*len(keys)+1)[:2*len(keys)+1]
	m, n := c.mixed, 0
	for _, k := range keys {
		i := (k>>1 - least) >> by
		v := uint32(c.slot[(i<<4|i>>10)%countSlots])
		m[n] = k
		n += 1 - int(((v&0xff-1)|(v>>8-1))>>31)
	}
	tmp := m[n : 2*n]
	m = m[:n]
	sortNear(m, tmp)
	for at := 0; at < n; {
		var pos, neg, exact uint64
		for i := (m[at]>>1 - least) >> by; at < n && (m[at]>>1-least)>>by == i; {
			var one, zero uint64
			for v := m[at] >> 1; at < n && m[at]>>1 == v; at++ {
				one += uint64(m[at] & 1)
				zero += uint64(m[at]&1 ^ 1)
			}
			exact += one * (2*neg + zero)
			pos, neg = pos+one, neg+zero
		}
		sum += exact - pos*neg
	}
	return sum
}

// addBin adds keys that lie above all that were added.
func (p *placed) addBin(s *inBin, all uint64, squares bool) {
	p.sum.add(s.sum, 1)
	p.sum.add(2*p.neg, s.pos)
	if squares {
		p.sqPos.plus(s.sqPos)
		p.sqPos.add(4*p.neg, s.sum)
		p.sqPos.add(p.neg*p.neg, 4*s.pos)
		above := all - p.pos // and in the bin
		p.sumNeg.add(2*above, s.neg)
		p.sumNeg.minus(s.sumNeg, 1)
		p.sqNeg.plus(s.sqNeg)
		p.sqNeg.add(above*above, 4*s.neg)
		p.sqNeg.minus(4*above, s.sumNeg)
	}
	p.pos, p.neg = p.pos+s.pos, p.neg+s.neg
}

func (u *u128) plus(o u128) {
	var c uint64
	u.lo, c = bits.Add64(u.lo, o.lo, 0)
	u.hi += o.hi + c
}

// minus subtracts a·b.
func (u *u128) minus(a, b uint64) {
	hi, lo := bits.Mul64(a, b)
	var c uint64
	u.lo, c = bits.Sub64(u.lo, lo, 0)
	u.hi -= hi + c
}

// sweep is what a table holds, by lane: the sums of the positives' placements
// (lanes 2i and 2i+1 together) as if nothing were below the lane, the positives,
// and twice the negatives.
type sweep struct {
	sum       [8]uint32
	pos, neg2 [countLanes]uint16
}

// squareSweep has the sums that squares take, with what lies below each lane.
type squareSweep struct {
	sumNeg       [8]uint32
	sqPos, sqNeg [4]uint64
}

func sweepRows(table *[countSlots]uint16, out *sweep) {
	for row := 0; row < countSlots; row += countLanes {
		for l, v := range table[row:][:countLanes] {
			pos, neg := v>>8, v&0xff
			x := out.neg2[l] + neg
			out.sum[l/2] += uint32(pos) * uint32(x)
			out.neg2[l] = x + neg
			out.pos[l] += pos
		}
	}
}

func sweepSquareRows(table *[countSlots]uint16, base *[2][countLanes]uint16, out *squareSweep) {
	neg2, pos2 := base[0], base[1]
	for row := 0; row < countSlots; row += countLanes {
		for l, v := range table[row:][:countLanes] {
			pos, neg := v>>8, v&0xff
			x, y := uint64(neg2[l]+neg), uint64(pos2[l]+pos)
			neg2[l], pos2[l] = neg2[l]+2*neg, pos2[l]+2*pos
			out.sumNeg[l/2] += uint32(neg) * uint32(y)
			out.sqPos[l/4] += uint64(pos) * x * x
			out.sqNeg[l/4] += uint64(neg) * y * y
		}
	}
}
