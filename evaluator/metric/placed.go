package metric

import (
	"math/big"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// place sums the placements of all rows, in several goroutines where they are many.
// all is the number of positives.
func (s *narrow) place(all uint64, squares bool) (sum, sqPos, sqNeg *big.Int) {
	pieces := 64
	if s.at == nil {
		pieces = 1
	}
	piece := make([]placed, pieces)
	together(pieces, func(c *counter, i int) {
		p := placed{}
		if s.at == nil {
			c.place(slices.Clone(s.few), &p, all, squares)
		} else {
			for bin := i * narrowBins / pieces; bin < (i+1)*narrowBins/pieces; bin++ {
				c.keys = s.bin(bin, c.keys)
				c.place(c.keys, &p, all, squares)
			}
		}
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

// together does n things in as many goroutines as there are processors, to four,
// each with a counter of its own.
func together(n int, do func(c *counter, i int)) {
	var next atomic.Int64
	var g sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 4, n) {
		g.Go(func() {
			c := new(counter)
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(c, i)
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
	least, most := spanOf(keys)
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
