package metric

import (
	"math/bits"
	"slices"
)

// flat are the stats of all buckets as digits of 15 bits, which a processor
// multiplies and adds sixteen at a time: the rows, the counts, and those limbs of
// sums that are in use. A negative number has negative digits. The digits of one
// place stand together, bucket after bucket.
type flat struct {
	rows     func(counts []int64) int64 // nil: their digits are the first
	counters []counterDigits            // the rows, unless counts say how many; then the counts
	sum      int                        // place of the first sum
	size     int                        // digits of a sum
	first    int                        // the limb that the lowest begins at
	buckets  int
	digits   []int16 // of each place, of each bucket
	places   int     // of digits: two, or four at a time
	wide     []int16 // what draw widens weights to, where it does
	acc      []int32 // of each place, in some draws
}

type counterDigits struct{ at, size int }

// atOnce is how many draws are made at once, so that digits are read less often.
const atOnce = 8

const (
	digitBits = 15
	maxDigit  = 1<<digitBits - 1
)

// digitsOf is how many digits n bits take.
func digitsOf(n int) int { return max(1, (n+digitBits-1)/digitBits) }

func (t *tally) flatten() *flat {
	f := &flat{buckets: len(t.n), rows: t.m.rows}
	own := 0 // places of the rows
	if f.rows == nil {
		own = 1
	}
	used := make([]uint64, own+t.m.counts) // bits
	if own > 0 {
		for _, n := range t.n {
			used[0] |= magnitude(n)
		}
	}
	for i := 0; i < len(t.counts); i += t.m.counts {
		for j, c := range t.counts[i:][:t.m.counts] {
			used[own+j] |= magnitude(c)
		}
	}
	for _, u := range used {
		d := digitsOf(bits.Len64(u))
		f.counters = append(f.counters, counterDigits{f.sum, d})
		f.sum += d
	}
	first, last := limbs-1, 0
	var m Sum
	for i := range t.sums {
		m.magnitude(&t.sums[i])
		for j, v := range m.limb {
			if v != 0 {
				first, last = min(first, j), max(last, j)
			}
		}
	}
	f.first = min(first, last)
	f.size = digitsOf(32 * (last - f.first + 1))
	if f.places = f.sum + t.m.sums*f.size; f.places != 2 {
		f.places = (f.places + 3) &^ 3
	}
	f.digits, f.acc = make([]int16, f.places*f.buckets), make([]int32, atOnce*f.places)
	if own > 0 {
		f.put(f.counters[0], t.n, 0, 1)
	}
	for j, d := range f.counters[own:] {
		f.put(d, t.counts, j, t.m.counts)
	}
	if t.m.sums == 0 {
		return f
	}
	for i := range t.n {
		row := f.digits[i:] // a place is f.buckets further on than the one before
		for j := range t.m.sums {
			negative := m.magnitude(&t.sums[i*t.m.sums+j])
			at := f.sum + j*f.size
			var have int
			var acc uint64
			limb := f.first
			for k := range f.size {
				for ; have < digitBits && limb < limbs; limb++ {
					acc |= uint64(m.limb[limb]) << have
					have += 32
				}
				row[(at+k)*f.buckets] = signed15(acc&maxDigit, negative)
				acc >>= digitBits
				have -= digitBits
			}
		}
	}
	return f
}

// put sets the digits of a counter, of which values has one for each bucket: from
// value first on, one in every step.
func (f *flat) put(d counterDigits, values []int64, first, step int) {
	for k := range d.size {
		place, at := f.digits[(d.at+k)*f.buckets:][:f.buckets], first
		for i := range place {
			c := values[at]
			place[i] = signed15(magnitude(c)>>(digitBits*k)&maxDigit, c < 0)
			at += step
		}
	}
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func signed15(d uint64, negative bool) int16 {
	if negative {
		return -int16(d)
	}
	return int16(d)
}

// magnitude sets m to the absolute value of s, all limbs in [0, 2^32), and reports whether s is negative.
func (m *Sum) magnitude(s *Sum) (negative bool) {
	s.carry()
	*m = *s
	if negative = s.limb[limbs-1] < 0; negative {
		for i := range m.limb {
			m.limb[i] = -m.limb[i]
		}
		m.carry()
	}
	return negative
}

// draws calls yield with what the buckets sum to, each counted as often as each of w
// says: less often than 2^15 times in all.
func (f *flat) draws(w [][]uint8, rep *stats, yield func()) {
	for len(w) > 0 {
		n := min(len(w), atOnce)
		draw(f.digits, w[:n], &f.wide, f.acc[:n*f.places])
		for i := range n {
			f.set(rep, f.acc[i*f.places:])
			yield()
		}
		w = w[n:]
	}
}

// set sets rep to what the digits of all places say.
func (f *flat) set(rep *stats, acc []int32) {
	get := func(d counterDigits) (c int64) {
		for k, v := range acc[d.at:][:d.size] {
			c += int64(v) << (digitBits * k)
		}
		return c
	}
	own := len(f.counters) - len(rep.counts)
	for j := range rep.counts {
		rep.counts[j] = get(f.counters[own+j])
	}
	if f.rows != nil {
		rep.n = f.rows(rep.counts)
	} else {
		rep.n = get(f.counters[0])
	}
	for j := range rep.sums {
		s := &rep.sums[j]
		*s = Sum{}
		for k, v := range acc[f.sum+j*f.size:][:f.size] {
			if v != 0 {
				s.addDigit(int64(v), 32*f.first+digitBits*k)
			}
		}
		s.carry()
	}
}

// addDigit adds v·2^(at+unitExp), for |v| below 2^31.
func (s *Sum) addDigit(v int64, at int) {
	i, x := at>>5, v<<(at&31)
	if i == limbs-1 {
		s.limb[i] += x
		return
	}
	s.limb[i] += x & lowBits
	s.limb[i+1] += x >> 32
}

// widened is room for n weights.
func widened(wide *[]int16, n int) []int16 {
	*wide = slices.Grow((*wide)[:0], n)[:n]
	return *wide
}

// drawRows sets acc, for each of w, to the sums over buckets of digits times weights,
// and wide to the weights.
func drawRows(digits []int16, w [][]uint8, wider *[]int16, acc []int32) {
	places, n := len(acc)/len(w), len(w[0])
	wide := widened(wider, n*len(w))
	for k, w := range w {
		wide := wide[k*n:][:n]
		for i, x := range w {
			wide[i] = int16(x)
		}
		for at := range places {
			sum := int32(0)
			for i, d := range digits[at*n:][:n] {
				sum += int32(d) * int32(wide[i])
			}
			acc[k*places+at] = sum
		}
	}
}
