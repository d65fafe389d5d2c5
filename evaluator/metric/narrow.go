package metric

import (
	"math"
	"math/bits"
	"slices"
)

// narrow are scores that are float32 numbers and not negative, as most
// probabilities are: the bits of the number, then 1 for a positive. As integers
// they are ordered as the scores are, and of equal scores the negatives come first.
//
// While they come they are dealt to bins that are linear in [0, 1]; each bin is
// then sorted and read in the cache. That is all the memory they ever take, and
// less than half the time of sorting them in one piece.
type narrow struct {
	n, ones int
	few     []uint32            // all keys, as long as they are few
	at      *[narrowBins]uint32 // of each bin, where its next key goes: a slab, a block in it, a key in that
	slabs   []*[slabKeys]uint32
	before  []uint32 // of each block, the one of the same bin that was full before it
	others  []*narrow
}

const (
	narrowBins = 1 << 11
	narrowFew  = 1 << 14
	blockKeys  = 1 << 8
	slabKeys   = 1 << 16
	noBlock    = math.MaxUint32
)

// narrowBin never falls where the key rises.
func narrowBin(k uint32) uint32 {
	if v := math.Float32frombits(k >> 1); v <= 1 {
		return uint32(v * (narrowBins - 2))
	}
	return narrowBins - 1
}

// add takes rows up to the first whose score does not fit, and returns how many.
func (s *narrow) add(truth []Code, score []float64, positive Code) int {
	score = score[:len(truth)]
	ones, at, slabs := 0, s.at, s.slabs
	i := 0
	for ; i < len(truth); i++ {
		v := score[i]
		f := float32(v)
		if !(v >= 0 && float64(f) == v && v <= math.MaxFloat32) {
			break
		}
		d := int32(truth[i] ^ positive)
		one := 1 + uint32((d|-d)>>31) // 1 when they are the same, without a branch
		ones += int(one)
		k := math.Float32bits(f)<<1 | one // the sign of -0 falls out
		if at == nil {
			s.put(k)
			at, slabs = s.at, s.slabs
			continue
		}
		// deal, in registers
		here := &at[narrowBin(k)%narrowBins]
		to := *here
		if to%blockKeys == 0 {
			to = s.block(to)
			slabs = s.slabs
		}
		slabs[to/slabKeys][to%slabKeys] = k
		*here = to + 1
	}
	s.n += i
	s.ones += ones
	return i
}

// put takes a key, but does not count it.
func (s *narrow) put(k uint32) {
	if s.at == nil {
		if s.few = append(s.few, k); len(s.few) == narrowFew {
			s.at = new([narrowBins]uint32)
			s.before = []uint32{noBlock} // block 0 is nobody's, so that 0 is no place
			s.slabs = []*[slabKeys]uint32{new([slabKeys]uint32)}
			for _, k := range s.few {
				s.deal(k)
			}
			s.few = nil
		}
		return
	}
	s.deal(k)
}

func (s *narrow) deal(k uint32) {
	bin := narrowBin(k) % narrowBins
	at := s.at[bin]
	if at%blockKeys == 0 {
		at = s.block(at)
	}
	s.slabs[at/slabKeys][at%slabKeys] = k
	s.at[bin] = at + 1
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
	if o.at == nil {
		for _, k := range o.few {
			s.put(k)
		}
	} else {
		s.others = append(s.others, &narrow{at: o.at, slabs: o.slabs, before: o.before})
	}
	s.others = append(s.others, o.others...)
}

// bin appends the keys of a bin to dst.
func (s *narrow) bin(dst []uint32, bin int) []uint32 {
	if s.at == nil {
		return dst
	}
	end := s.at[bin]
	if end == 0 {
		return dst
	}
	n := (end-1)%blockKeys + 1
	for b := (end - 1) / blockKeys; b != noBlock; b, n = s.before[b], blockKeys {
		at := b * blockKeys
		dst = append(dst, s.slabs[at/slabKeys][at%slabKeys:][:n]...)
	}
	return dst
}

// each calls yield for all keys in order, some at once. Equal scores are together.
func (s *narrow) each(yield func(keys []uint32)) {
	var keys, tmp []uint32
	few := slices.Clone(s.few)
	sortNear(few, make([]uint32, len(few)))
	if len(s.others) == 0 && s.at == nil {
		if len(few) > 0 {
			yield(few)
		}
		return
	}
	for bin := range narrowBins {
		keys = s.bin(keys[:0], bin)
		for _, o := range s.others {
			keys = o.bin(keys, bin)
		}
		n := 0
		for n < len(few) && narrowBin(few[n]) == uint32(bin) {
			n++
		}
		keys, few = append(keys, few[:n]...), few[n:]
		if len(keys) == 0 {
			continue
		}
		tmp = slices.Grow(tmp[:0], len(keys))[:len(keys)]
		sortNear(keys, tmp)
		yield(keys)
	}
}

// sorted returns all keys in order.
func (s *narrow) sorted() []uint32 {
	out := make([]uint32, 0, s.n)
	s.each(func(keys []uint32) { out = append(out, keys...) })
	return out
}

// sortNear sorts keys of which the highest bits agree: by digits from the lowest,
// as few as what differs needs.
func sortNear(keys, tmp []uint32) {
	if len(keys) < 64 {
		slices.Sort(keys)
		return
	}
	least, most := keys[0], keys[0]
	for _, k := range keys {
		least, most = min(least, k), max(most, k)
	}
	width := bits.Len32(most - least)
	if width == 0 {
		return
	}
	const digit = 10 // at most
	passes := (width + digit - 1) / digit
	shift := uint((width + passes - 1) / passes)
	mask := uint32(1)<<shift - 1
	var count [4][1 << digit]uint32
	from, to := keys, tmp[:len(keys)]
	for p := range passes {
		by := uint(p) * shift
		c := count[p][:]
		for _, k := range from {
			c[(k-least)>>(by&31)&mask&(1<<digit-1)]++
		}
		sum := uint32(0)
		for i, n := range c[:mask+1] {
			c[i] = sum
			sum += n
		}
		for _, k := range from {
			d := (k - least) >> (by & 31) & mask & (1<<digit - 1)
			to[c[d]] = k
			c[d]++
		}
		from, to = to, from
	}
	if passes&1 == 1 {
		copy(keys, tmp)
	}
}

// placed sums, over rows in the order of their scores, the placements of the
// positives: each is above v half-negatives, two for each that is below it and one
// for each that equals it. With squares it sums v², too, and the squares of the
// negatives' placements, each of which is below w half-positives.
type placed struct {
	pos, neg          uint64 // so far
	sum, sqPos, sqNeg u128
}

// add takes the next keys, with all rows of each score. all is the number of
// positives. Nothing in it waits for a comparison.
func (p *placed) add(keys []uint32, all uint64, squares bool) {
	neg, equal := p.neg, uint64(0)
	before := ^keys[0] // another score
	for rest := keys; len(rest) > 0; {
		part := rest[:min(len(rest), 1<<20)] // of which the sum fits 64 bits
		rest = rest[len(part):]
		var sum uint64
		for _, k := range part {
			one := uint64(k & 1)
			equal = equal&-same(k, before) + 1 - one
			before = k
			neg += 1 - one
			v := (2*neg - equal) & -one
			sum += v
			if squares {
				p.sqPos.addSquare1(v)
			}
		}
		p.sum.add(sum, 1)
	}
	p.pos, p.neg = p.pos+uint64(len(keys))-(neg-p.neg), neg
	if !squares {
		return
	}
	pos, equal := all-p.pos, uint64(0) // above these keys
	before = ^keys[len(keys)-1]
	for i := len(keys) - 1; i >= 0; i-- {
		k := keys[i]
		one := uint64(k & 1)
		equal = equal&-same(k, before) + one
		before = k
		pos += one
		p.sqNeg.addSquare1((2*pos - equal) & -(1 - one))
	}
}

// same is 1 for keys of one score, else 0.
func same(a, b uint32) uint64 { return (uint64((a^b)>>1) - 1) >> 63 }

// ones counts the positives among keys.
func ones(keys []uint32) (n int64) {
	for _, k := range keys {
		n += int64(k & 1)
	}
	return n
}
