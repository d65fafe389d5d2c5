package metric

import (
	"math"
	"slices"
)

// narrow are scores that are float32 numbers and not negative, as most
// probabilities are: the bits of the number, then 1 for a positive. As integers
// they are ordered as the scores are, and of equal scores the negatives come first.
//
// While they come they are dealt to bins that are linear where nearly all of the
// first are; each bin is then counted, or sorted, in the cache.
type narrow struct {
	n, ones int
	few     []uint32            // all keys, as long as they are few
	scale   float32             // of the bins
	at      *[narrowBins]uint32 // of each bin, where its next key goes: a slab, a block in it, a key in that
	slabs   []*[slabKeys]uint32
	before  []uint32 // of each block, the one of the same bin that was full before it
	others  []*narrow
}

const (
	narrowBits = 11
	narrowBins = 1 << narrowBits
	narrowFew  = 1 << 18
	blockKeys  = 1 << 7
	slabKeys   = 1 << 16
	noBlock    = math.MaxUint32
)

// narrowBin never falls where the key rises. Below the power of two that is
// narrowBins/scale it is linear; all above are in the last bin.
func narrowBin(k uint32, scale float32) uint32 {
	if v := math.Float32frombits(k>>1) * scale; v < narrowBins {
		return uint32(v)
	}
	return narrowBins - 1
}

// narrowScale makes bins linear to the power of two above 99 % of keys: a few that
// are far above the others, which anybody can predict, have the last bin to
// themselves instead of the others the first.
func narrowScale(keys []uint32) float32 {
	var of [1 << 8]int // by exponent
	for _, k := range keys {
		of[k>>24]++
	}
	exp, below := 0, 0
	for below += of[0]; 100*below < 99*len(keys); below += of[exp] {
		exp++
	}
	// Scores are below 2^(exp-126). Of the least ones the scale would be infinite.
	return float32(math.Ldexp(narrowBins, min(126-exp, 127-narrowBits)))
}

// dealt are how many rows are looked at before their keys are put away.
const dealt = 512

// add takes rows up to the first whose score does not fit, and returns how many.
func (s *narrow) add(truth []Code, score []float64, positive Code) int {
	var keys, bins [dealt]uint32
	took := 0
	for took < len(truth) {
		n := min(len(truth)-took, dealt)
		t, v := truth[took:][:n], score[took:][:n]
		fit, ones := keysOf(t, v, positive, s.scale, &keys, &bins)
		s.n += fit
		s.ones += ones
		s.take(keys[:fit], bins[:fit])
		if took += fit; fit < n {
			break
		}
	}
	return took
}

// keysOf makes the keys of rows, of which there are dealt at most, up to the first
// whose score does not fit, finds their bins, and counts the positives.
func keysOf(truth []Code, score []float64, positive Code, scale float32, keys, bins *[dealt]uint32) (fit, ones int) {
	fit, ones = narrowLanes(truth, score, positive, scale, keys, bins)
	for ; fit < len(truth); fit++ {
		v := score[fit]
		f := float32(v)
		if !(v >= 0 && float64(f) == v && f <= math.MaxFloat32) {
			break
		}
		d := int32(truth[fit] ^ positive)
		one := 1 + uint32((d|-d)>>31) // 1 when they are the same, without a branch
		ones += int(one)
		k := math.Float32bits(f)<<1 | one // the sign of -0 falls out
		keys[fit], bins[fit] = k, narrowBin(k, scale)
	}
	return fit, ones
}

// take puts keys away, of which it knows the bins.
func (s *narrow) take(keys, bins []uint32) {
	if s.at == nil {
		if s.few = append(s.few, keys...); len(s.few) >= narrowFew {
			s.spread()
		}
		return
	}
	for done := 0; ; {
		done += scatter(s.at, s.slabs, keys[done:], bins[done:])
		if done == len(keys) {
			return
		}
		here := &s.at[bins[done]%narrowBins]
		*here = s.block(*here)
		s.slabs[*here/slabKeys][*here%slabKeys] = keys[done]
		*here++
		done++
	}
}

// scatterRows puts keys where their bins have room for the next, up to the first of
// a bin that needs a new block, and returns how many.
func scatterRows(at *[narrowBins]uint32, slabs []*[slabKeys]uint32, keys, bins []uint32) int {
	bins = bins[:len(keys)]
	for i, k := range keys {
		here := &at[bins[i]%narrowBins]
		to := *here
		if to%blockKeys == 0 {
			return i
		}
		slabs[to/slabKeys][to%slabKeys] = k
		*here = to + 1
	}
	return len(keys)
}

// spread deals the few keys to bins, where all that follow go.
func (s *narrow) spread() {
	s.scale = narrowScale(s.few)
	s.at = new([narrowBins]uint32)
	s.before = []uint32{noBlock} // block 0 is nobody's, so that 0 is no place
	s.slabs = []*[slabKeys]uint32{new([slabKeys]uint32)}
	s.deal(s.few)
	s.few = nil
}

// deal is take for keys of which it does not know the bins.
func (s *narrow) deal(keys []uint32) {
	var bins [dealt]uint32
	for len(keys) > 0 {
		part := keys[:min(len(keys), dealt)]
		for i, k := range part {
			bins[i] = narrowBin(k, s.scale)
		}
		s.take(part, bins[:len(part)])
		keys = keys[len(part):]
	}
}

// block gives a bin a new block; at is the end of its last one.
func (s *narrow) block(at uint32) uint32 {
	b := uint32(len(s.before))
	s.before = append(s.before, at/blockKeys-1) // of at 0: noBlock
	if b*blockKeys%slabKeys == 0 {
		s.slabs = append(s.slabs, new([slabKeys]uint32))
	}
	return b * blockKeys
}

// merge adds the keys of o, which must not be used again.
func (s *narrow) merge(o *narrow) {
	s.n += o.n
	s.ones += o.ones
	if s.at == nil && o.at != nil { // s takes the bins of o
		few := s.few
		s.few, s.scale, s.at, s.slabs, s.before, s.others = nil, o.scale, o.at, o.slabs, o.before, o.others
		s.deal(few)
		return
	}
	s.deal(o.few)
	if o.at == nil {
		return
	}
	for _, x := range append(o.others, &narrow{scale: o.scale, at: o.at, slabs: o.slabs, before: o.before}) {
		if x.scale == s.scale {
			s.others = append(s.others, x)
			continue
		}
		x.drain(s.deal)
	}
}

// drain calls yield for all keys, in no order, and gives up each slab once it is
// empty: who deals them anew holds few of them twice.
func (s *narrow) drain(yield func(keys []uint32)) {
	last := map[uint32]uint32{} // the last block of each bin, and the keys in it
	for _, end := range s.at {
		if end > 0 {
			last[(end-1)/blockKeys] = (end-1)%blockKeys + 1
		}
	}
	for b := uint32(1); b < uint32(len(s.before)); b++ {
		n := uint32(blockKeys)
		if some, ok := last[b]; ok {
			n = some
		}
		at := b * blockKeys
		yield(s.slabs[at/slabKeys][at%slabKeys:][:n])
		if at%slabKeys == slabKeys-blockKeys {
			s.slabs[at/slabKeys] = nil
		}
	}
}

// blocks calls yield for all keys of a bin, in no order.
func (s *narrow) blocks(bin int, yield func(keys []uint32)) {
	if s.at[bin] > 0 {
		end := s.at[bin]
		n := (end-1)%blockKeys + 1
		for b := (end - 1) / blockKeys; b != noBlock; b, n = s.before[b], blockKeys {
			at := b * blockKeys
			yield(s.slabs[at/slabKeys][at%slabKeys:][:n])
		}
	}
	for _, o := range s.others {
		o.blocks(bin, yield)
	}
}

// bin returns all keys of a bin, in no order and in the memory of keys.
func (s *narrow) bin(bin int, keys []uint32) []uint32 {
	keys = keys[:0]
	s.blocks(bin, func(b []uint32) { keys = append(keys, b...) })
	return keys
}

// each calls yield for all keys in order, some at once. Equal scores are together.
func (s *narrow) each(yield func(keys []uint32)) {
	var keys, tmp []uint32
	sorted := func() {
		if len(keys) > 0 {
			tmp = slices.Grow(tmp[:0], len(keys))[:len(keys)]
			sortNear(keys, tmp)
			yield(keys)
		}
	}
	if s.at == nil {
		keys = slices.Clone(s.few)
		sorted()
		return
	}
	for bin := range narrowBins {
		keys = s.bin(bin, keys)
		sorted()
	}
}
