package metric

import (
	"math/bits"
	"slices"
)

// markBins are marks alone in bins that are linear where nearly all of the first are,
// as those of narrow: fewer of them, and of twice the bytes.
type markBins struct {
	scale  float32
	at     [markBinCount]uint32 // of each bin, where its next mark goes: a slab, a block in it, a mark in that
	slabs  []*[slabMarks]uint64
	before []uint32 // of each block, the one of the same bin that was full before it
	buf    [2][]uint64
	slot   [markSlots]uint32
}

const (
	markBinCount = 1 << 9
	slabMarks    = 1 << 14
	markSlots    = 1 << 13
	markMoves    = 4 // of a mark, on average, that insertion is worth
)

// newMarkBins takes the scale that narrowScale makes.
func newMarkBins(scale float32) *markBins {
	return &markBins{scale: scale / (narrowBins / markBinCount), before: []uint32{noBlock}, slabs: []*[slabMarks]uint64{new([slabMarks]uint64)}}
}

// take puts marks away, of which it knows what narrowBin says.
func (s *markBins) take(keys []uint64, bins []uint32) {
	bins = bins[:len(keys)]
	for i, k := range keys {
		here := &s.at[min(bins[i], markBinCount-1)]
		to := *here
		if to%blockKeys == 0 {
			to = s.block(to)
		}
		s.slabs[to/slabMarks][to%slabMarks] = k
		*here = to + 1
	}
}

// deal is take for marks of which it does not know the bins.
func (s *markBins) deal(keys []uint64) {
	var bins [dealt]uint32
	for len(keys) > 0 {
		part := keys[:min(len(keys), dealt)]
		for i, k := range part {
			bins[i] = narrowBin(uint32(k>>bucketBits), s.scale)
		}
		s.take(part, bins[:len(part)])
		keys = keys[len(part):]
	}
}

// block gives a bin a new block; at is the end of its last one.
func (s *markBins) block(at uint32) uint32 {
	b := uint32(len(s.before))
	s.before = append(s.before, at/blockKeys-1) // of at 0: noBlock
	if b*blockKeys%slabMarks == 0 {
		s.slabs = append(s.slabs, new([slabMarks]uint64))
	}
	return b * blockKeys
}

// bin returns all marks of a bin, in no order.
func (s *markBins) bin(bin int) []uint64 {
	keys := s.buf[0][:0]
	if s.at[bin] > 0 {
		end := s.at[bin]
		n := (end-1)%blockKeys + 1
		for b := (end - 1) / blockKeys; b != noBlock; b, n = s.before[b], blockKeys {
			at := b * blockKeys
			keys = append(keys, s.slabs[at/slabMarks][at%slabMarks:][:n]...)
		}
	}
	s.buf[0] = keys
	return keys
}

// each calls yield for all marks, in no order.
func (s *markBins) each(yield func(keys []uint64)) {
	for bin := range s.at {
		yield(s.bin(bin))
	}
}

// inOrder calls yield for the marks of each bin in the order of their scores.
func (s *markBins) inOrder(yield func(keys []uint64)) {
	for bin := range s.at {
		if keys := s.bin(bin); len(keys) > 0 {
			s.buf[1] = slices.Grow(s.buf[1][:0], len(keys))
			yield(s.sort(keys, s.buf[1][:len(keys)]))
		}
	}
}

// sort returns keys sorted by score, there or in tmp: they are dealt to slots, of which
// there are as many, and what is left to do is done by insertion.
func (s *markBins) sort(keys, tmp []uint64) []uint64 {
	differ := uint64(0)
	for _, k := range keys {
		differ |= k ^ keys[0]
	}
	width := bits.Len64(differ >> markBits)
	if width == 0 {
		return keys
	}
	n := min(bits.Len(uint(len(keys))), bits.Len(markSlots-1), width)
	by, mask := uint(width-n+markBits)&63, uint64(1)<<n-1
	slot := &s.slot
	for _, k := range keys {
		slot[k>>by&mask%markSlots]++
	}
	sum := uint32(0)
	for i, n := range slot[:1<<n] {
		slot[i] = sum
		sum += n
	}
	for _, k := range keys {
		at := &slot[k>>by&mask%markSlots]
		tmp[*at] = k
		*at++
	}
	clear(slot[:1<<n])
	if by == markBits {
		return tmp
	}
	moves := markMoves * len(tmp)
	for i, k := range tmp {
		j := i
		for ; j > 0 && keys[j-1]>>markBits > k>>markBits; j-- {
			keys[j] = keys[j-1]
		}
		keys[j] = k
		if moves -= i - j; moves < 0 { // too many have one slot
			return radixSortAbove(tmp, markBits)
		}
	}
	return keys
}
