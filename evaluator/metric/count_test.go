package metric

import (
	"math"
	"math/big"
	"slices"
	"testing"
)

// keyShapes draw scores that are numbers of float32 and not negative.
func keyShapes(r *splitmix) map[string]func() float32 {
	return map[string]func() float32{
		"uniform":      func() float32 { return float32(r.unit()) },
		"one":          func() float32 { return 0.3 },
		"two":          func() float32 { return float32(r.next() & 1) },
		"two clusters": func() float32 { return float32(r.next()&1)*1e30 + float32(r.unit()) },
		"an outlier":   func() float32 { return max(float32(r.unit()*1e-3), float32(r.next()%1000/999)*1e38) },
		"close":        func() float32 { return math.Float32frombits(0x3f000000 + uint32(r.next()%(1<<14))) },
		"two digits":   func() float32 { return float32(r.next()%101) / 100 },
		"four digits":  func() float32 { return float32(r.next()%10001) / 10000 },
		"small":        func() float32 { return float32(r.unit() / 50) },
		"geometric":    func() float32 { return float32(math.Ldexp(1, -int(r.next()%140))) },
		"scales":       func() float32 { return float32(math.Ldexp(r.unit(), -int(r.next()%140))) },
		"denormal":     func() float32 { return math.Float32frombits(uint32(r.next() % (1 << 23))) },
		"any bits":     func() float32 { return math.Float32frombits(uint32(r.next()) % 0x7f800000) },
		"many and few": func() float32 { return float32(r.next()%8/7) * float32(r.next()%3000) / 3000 },
	}
}

// Counting gives what sorting gives, of any scores.
func TestCounter(t *testing.T) {
	t.Parallel()
	r := splitmix(23)
	c := new(counter)
	mix := []func() uint32{ // positives
		func() uint32 { return uint32(r.next() % 3 / 2) },
		func() uint32 { return uint32(min(1, r.next()%200)) },
		func() uint32 { return 1 - uint32(min(1, r.next()%200)) },
	}
	mixed, squared := 0, 0
	for name, draw := range keyShapes(&r) {
		for _, n := range []int{1, 2, countLeast - 1, countLeast, 5000, 5000, 5000, countMost, countMost, countMost, countMost + 1, 70_000} {
			mixed++
			var keys []uint32
			pos := uint64(0)
			for range n {
				one := mix[mixed%len(mix)]()
				keys = append(keys, math.Float32bits(draw())<<1|one)
				pos += uint64(one)
			}
			sorted := slices.Clone(keys)
			slices.Sort(sorted)
			for _, squares := range []bool{false, true} {
				got, want := placed{pos: 3, neg: 4}, placed{pos: 3, neg: 4}
				want.add(sorted, pos+10, squares)
				c.place(slices.Clone(keys), &got, pos+10, squares)
				if got != want {
					t.Errorf("%s, %d keys, squares %v: counted %+v, sorted %+v", name, n, squares, got, want)
				}
			}
			if name == "close" && n >= countLeast && n <= countMost {
				if _, ok := c.count(slices.Clone(keys), slices.Min(keys)>>1, 0, true); ok {
					squared++
				}
			}
			if c.slot != [countSlots]uint16{} {
				t.Fatalf("%s, %d keys: the table is not empty", name, n)
			}
			if n <= countLeast {
				sum := uint64(0)
				for _, p := range keys {
					for _, q := range keys {
						if p&1 == 1 && q&1 == 0 && q>>1 <= p>>1 {
							sum += 1 + min(1, uint64(p>>1-q>>1))
						}
					}
				}
				got := placed{}
				c.place(keys, &got, pos, false)
				if got.sum.big().Cmp(new(big.Int).SetUint64(sum)) != 0 {
					t.Errorf("%s, %d keys: %v, each by each %d", name, n, got.sum.big(), sum)
				}
			}
		}
	}
	if squared != 7 {
		t.Errorf("squares were counted of %d piles of close keys, want all 7", squared)
	}
}

// Sixteen slots at a time are summed as one at a time are.
func TestSweep(t *testing.T) {
	t.Parallel()
	r := splitmix(29)
	for round := range 40 {
		var table [countSlots]uint16
		for left := uint64(countMost); left > 0; {
			x := 1 + r.next()%(1<<(r.next()%9))
			pos, neg := min(left, x, 255), min(left-min(left, x, 255), r.next()%256)
			if round%4 == 0 {
				pos, neg = min(left, 1), 0
			}
			table[r.next()%countSlots] = uint16(pos<<8 | neg)
			left -= pos + neg
		}
		var a, b sweep
		sweepSlots(&table, &a)
		sweepRows(&table, &b)
		if a != b {
			t.Fatalf("round %d: %+v, want %+v", round, a, b)
		}
		var base [2][countLanes]uint16
		neg2, pos2 := uint16(0), uint16(0)
		for l := range countLanes {
			base[0][l], base[1][l] = neg2, pos2
			neg2, pos2 = neg2+a.neg2[l], pos2+2*a.pos[l]
		}
		var c, d squareSweep
		sweepSquares(&table, &base, &c)
		sweepSquareRows(&table, &base, &d)
		total := func(x [4]uint64) uint64 { return x[0] + x[1] + x[2] + x[3] }
		if c.sumNeg != d.sumNeg || total(c.sqPos) != total(d.sqPos) || total(c.sqNeg) != total(d.sqNeg) {
			t.Fatalf("round %d: squares %+v, want %+v", round, c, d)
		}
	}
}

// Eight rows at a time make the keys and bins that one makes, up to the first score
// that does not fit, wherever it is.
func TestNarrowLanes(t *testing.T) {
	t.Parallel()
	r := splitmix(31)
	odd := []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1), 0.1, 1e300, -math.SmallestNonzeroFloat64, 0x1p128}
	fine := []float64{0, math.Copysign(0, -1), 1, float64(math.Nextafter32(1, 2)), math.MaxFloat32, math.SmallestNonzeroFloat32, 2, 0.5, 1 << 20, 1 << 31, 1 << 40}
	for n := range 90 {
		truth, score := make([]Code, n), make([]float64, n)
		for i := range score {
			truth[i] = Code(r.next()%4) - 1
			if score[i] = float64(float32(r.unit())); r.next()%3 == 0 {
				score[i] = fine[r.next()%uint64(len(fine))]
			}
		}
		want := n
		if n > 0 && n%3 > 0 {
			want = int(r.next() % uint64(n))
			score[want] = odd[r.next()%uint64(len(odd))]
		}
		var s narrow
		if got := s.add(truth, score, 2); got != want || s.n != want {
			t.Fatalf("%d rows: took %d (%d), want %d", n, got, s.n, want)
		}
		ones := 0
		for i, k := range s.few {
			one := uint32(0)
			if truth[i] == 2 {
				one = 1
				ones++
			}
			if want := math.Float32bits(float32(math.Abs(score[i])))<<1 | one; k != want {
				t.Fatalf("%d rows: key %d of %v is %#x, want %#x", n, i, score[i], k, want)
			}
		}
		if s.ones != ones {
			t.Fatalf("%d rows: %d positives, want %d", n, s.ones, ones)
		}
		var keys, bins [dealt]uint32
		scale := narrowScale([]uint32{math.Float32bits(float32(math.Ldexp(float64(n), 3*n-150))) << 1})
		if scale-scale != 0 {
			t.Fatalf("%d: the scale is %v", n, scale)
		}
		fit, _ := narrowLanes(truth, score, 2, scale, &keys, &bins)
		for i, b := range bins[:fit] {
			if want := narrowBin(keys[i], scale); b != want {
				t.Fatalf("%v is in bin %d, want %d", score[i], b, want)
			}
		}
	}
}

// Keys are dealt to the same places whoever does it.
func TestScatter(t *testing.T) {
	t.Parallel()
	r := splitmix(37)
	var keys, bins [dealt]uint32
	for i := range keys {
		keys[i], bins[i] = uint32(r.next()), uint32(r.next()%3)+uint32(r.next()%2*(narrowBins-3))
	}
	var at [2][narrowBins]uint32
	var slabs [2][]*[slabKeys]uint32
	for k := range at {
		slabs[k] = []*[slabKeys]uint32{new([slabKeys]uint32), new([slabKeys]uint32)}
	}
	all := 0 // rounds in which no bin ran out of room
	for n := range dealt {
		for k := range at {
			for i := range narrowBins {
				at[k][i] = uint32(i%8*slabKeys/4 + 60) // the six that are written to lie apart
			}
		}
		a, b := scatter(&at[0], slabs[0], keys[:n], bins[:n]), scatterRows(&at[1], slabs[1], keys[:n], bins[:n])
		if a != b || at[0] != at[1] || *slabs[0][0] != *slabs[1][0] || *slabs[0][1] != *slabs[1][1] {
			t.Fatalf("%d keys: took %d, want %d", n, a, b)
		}
		if a == n {
			all++
		}
	}
	if all < dealt/2 || all == dealt {
		t.Errorf("all keys had room in %d rounds of %d", all, dealt)
	}
}
