package metric

import (
	"cmp"
	"math"
	"math/big"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
	narrowBins = 1 << 9
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

// blocks calls yield for all keys of a bin, in no order.
func (s *narrow) blocks(bin int, yield func(keys []uint32)) {
	if s.at != nil && s.at[bin] > 0 {
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

// settled are keys that no more come to.
type settled struct {
	*narrow
	few []uint32 // in order
}

func (s *narrow) settle() settled {
	few := slices.Clone(s.few)
	sortNear(few, make([]uint32, len(few)))
	return settled{s, few}
}

// each calls yield for all keys in order, some at once. Equal scores are together.
func (s *narrow) each(yield func(keys []uint32)) { s.settle().bins(0, narrowBins, yield) }

// fewOf are those of the few keys that lie in the bins [from, to).
func (s settled) fewOf(from, to int) []uint32 {
	at := func(bin int) int {
		i, _ := slices.BinarySearchFunc(s.few, uint32(bin), func(k, bin uint32) int { return cmp.Compare(narrowBin(k), bin) })
		return i
	}
	return s.few[at(from):at(to)]
}

// bins is each for the bins [from, to).
func (s settled) bins(from, to int, yield func(keys []uint32)) {
	few := s.fewOf(from, to)
	if len(s.others) == 0 && s.at == nil {
		if len(few) > 0 {
			yield(few)
		}
		return
	}
	var keys, tmp []uint32
	for bin := from; bin < to; bin++ {
		keys = keys[:0]
		s.blocks(bin, func(b []uint32) { keys = append(keys, b...) })
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

// place sums the placements of all rows, in several goroutines where they are many.
// all is the number of positives.
func (s *narrow) place(all uint64, squares bool) (sum, sqPos, sqNeg *big.Int) {
	sorted := s.settle()
	pieces := 64
	if s.n < 1<<18 {
		pieces = 1
	}
	piece := make([]placed, pieces)
	together(pieces, func(i int) {
		p := placed{}
		sorted.bins(i*narrowBins/pieces, (i+1)*narrowBins/pieces, func(keys []uint32) { p.add(keys, all, squares) })
		piece[i] = p
	})
	// A piece did not know what lies below it: n negatives, so that each of its
	// placements is 2n more, and p positives, so that those of negatives are 2p less.
	sum, sqPos, sqNeg = new(big.Int), new(big.Int), new(big.Int)
	n, p := new(big.Int), new(big.Int)
	term := func(x *big.Int, factors ...*big.Int) *big.Int {
		for _, f := range factors {
			x = new(big.Int).Mul(x, f)
		}
		return x
	}
	two, four := big.NewInt(2), big.NewInt(4)
	for _, x := range piece {
		pos, neg := new(big.Int).SetUint64(x.pos), new(big.Int).SetUint64(x.neg)
		sqPos.Add(sqPos, x.sqPos.big())
		sqPos.Add(sqPos, term(four, n, x.sum.big()))
		sqPos.Add(sqPos, term(four, n, n, pos))
		sqNeg.Add(sqNeg, x.sqNeg.big())
		sqNeg.Sub(sqNeg, term(four, p, x.sumNeg.big()))
		sqNeg.Add(sqNeg, term(four, p, p, neg))
		sum.Add(sum, x.sum.big())
		sum.Add(sum, term(two, n, pos))
		n.Add(n, neg)
		p.Add(p, pos)
	}
	return sum, sqPos, sqNeg
}

// together does n things in as many goroutines as there are processors, to four.
func together(n int, do func(i int)) {
	var next atomic.Int64
	var g sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 4) {
		g.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	g.Wait()
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
	pos, neg      uint64 // so far
	sum, sqPos    u128
	sumNeg, sqNeg u128
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
		w := (2*pos - equal) & -(1 - one)
		p.sumNeg.add(w, 1)
		p.sqNeg.addSquare1(w)
	}
}

// same is 1 for keys of one score, else 0.
func same(a, b uint32) uint64 { return (uint64((a^b)>>1) - 1) >> 63 }
