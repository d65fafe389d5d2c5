package metric

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
)

// Sum adds float64 values exactly: it is a fixed-point number wide enough for
// every finite float64, so that neither order nor grouping changes a bit of the
// total. Only Float and Mean round, once, to nearest even.
//
// Limb i counts units of 2^(32i-1074). A value lands in three neighbouring
// limbs, each part below 2^32, so an int64 limb takes 2^31 values before
// carries must move; R. M. Neal, "Fast exact summation using small and large
// superaccumulators" (arXiv 1505.05571) describes the idea.
type Sum struct {
	limb [limbs]int64
	adds int64 // since carries last moved
	bad  bool  // a NaN or an infinity was added
}

const (
	limbs    = 69 // 2098 bits of float64, and room for 2^60 values
	maxAdds  = 1 << 30
	lowBits  = 1<<32 - 1
	unitExp  = -1074
	mantBits = 52
)

// Add adds x.
func (s *Sum) Add(x float64) {
	b := math.Float64bits(x)
	e := uint(b>>mantBits) & 0x7ff
	m := b & (1<<mantBits - 1)
	switch e {
	case 0:
		e = 1 // subnormal
	case 0x7ff:
		s.bad = true
		return
	default:
		m |= 1 << mantBits
	}
	i, sh := (e-1)>>5, (e-1)&31
	sign := int64(b) >> 63 // 0 or -1
	lo := m << sh
	l := s.limb[i : i+3 : i+3]
	l[0] += (int64(lo&lowBits) ^ sign) - sign
	l[1] += (int64(lo>>32) ^ sign) - sign
	l[2] += (int64(m>>(64-sh)) ^ sign) - sign
	if s.adds++; s.adds >= maxAdds {
		s.carry()
	}
}

// AddSquare adds x·x, without rounding the square (as long as it neither
// overflows nor underflows).
func (s *Sum) AddSquare(x float64) {
	hi := x * x
	s.Add(hi)
	s.Add(math.FMA(x, x, -hi))
}

// quick holds values that a Sum is still to get, as integers: for most values
// that metrics add, this is several times faster than Sum.Add and as exact. For
// plain values they are hi·2^-40 and lo·2^-92.
type quick struct {
	hi, lo uint64
	n      uint32
}

// maxQuick is how many values fit a quick: lo takes 2^52 of each.
const maxQuick = 1 << 10

// add adds x to q, or to s when q cannot hold all its bits.
func (q *quick) add(s *Sum, x float64, rows *int64) {
	if x >= 0x1p-40 && x < 0x1p12 {
		t := int64(x * 0x1p40)
		q.hi += uint64(t)
		q.lo += uint64(int64((x - float64(float64(t)*0x1p-40)) * 0x1p92)) // every step is exact
	} else if x != 0 {
		s.Add(x)
	}
	if q.n++; q.n == maxQuick {
		*rows += maxQuick
		q.flush(s)
	}
}

// wholeOf is |x|·2^53, when that is a whole number and x in [-2, 2], or else 0.
func wholeOf(x float64) (m uint64, ok bool) {
	if !(x >= -2 && x <= 2) {
		return 0, false
	}
	t := int64(x * 0x1p53)
	if float64(float64(t)*0x1p-53) != x {
		return 0, false
	}
	return uint64(max(t, -t)), true
}

// cells are the quicks, the sums and the rows of each cell; the sum of cell c is
// sums[c*k]. Every value counts one in its quick, whose rows count when it is full.
type cells struct {
	q    []quick
	sums []Sum
	k    int
	rows []int64
}

// add adds each of at most maxQuick values to its cell. hi and lo are scratch.
func (t *cells) add(cell []uint16, xs []float64, hi, lo *[maxQuick]uint64) {
	n, odd := splitLanes(xs, hi, lo)
	cell = cell[:len(xs)]
	for i, c := range cell[:n] {
		x := &t.q[c]
		x.hi += hi[i]
		x.lo += lo[i]
		if x.n++; x.n == maxQuick {
			t.rows[c] += maxQuick
			x.flush(&t.sums[int(c)*t.k])
		}
	}
	for i := 0; odd && i < n; i++ {
		if x := xs[i]; !(x >= 0x1p-40 && x < 0x1p12) && x != 0 {
			t.sums[int(cell[i])*t.k].Add(x)
		}
	}
	for i := n; i < len(xs); i++ {
		c := cell[i]
		t.q[c].add(&t.sums[int(c)*t.k], xs[i], &t.rows[c])
	}
}

// addQuick adds at most maxQuick values by a quick in registers.
func (s *Sum) addQuick(xs []float64) {
	done, odd := s.sumLanes(xs)
	if odd {
		for _, x := range xs[:done] {
			if !(x >= 0x1p-40 && x < 0x1p12) && x != 0 {
				s.Add(x)
			}
		}
	}
	xs = xs[done:]
	var hi, lo int64
	for _, x := range xs {
		if !(x >= 0x1p-40 && x < 0x1p12) {
			if x != 0 {
				s.Add(x)
			}
			continue
		}
		t := int64(x * 0x1p40)
		hi += t
		lo += int64((x - float64(float64(t)*0x1p-40)) * 0x1p92)
	}
	s.addBits(uint64(hi), unitExp40)
	s.addBits(uint64(lo), unitExp92)
}

// addSquaresQuick is addQuick for the squares of xs.
func (s *Sum) addSquaresQuick(xs []float64) {
	done, odd := s.squareLanes(xs)
	if odd {
		for _, x := range xs[:done] {
			if !(x >= -1 && x <= 1) || float64(float64(int64(x*0x1p53))*0x1p-53) != x {
				s.AddSquare(x)
			}
		}
	}
	xs = xs[done:]
	var hi, lo uint64
	for _, x := range xs {
		t := int64(x * 0x1p53)
		if !(x >= -4 && x <= 4) || float64(float64(t)*0x1p-53) != x {
			s.AddSquare(x)
			continue
		}
		m := uint64(max(t, -t))
		h, l := bits.Mul64(m, m)
		var c uint64
		lo, c = bits.Add64(lo, l, 0)
		hi += h + c
	}
	s.addBits(lo, unitExp106)
	s.addBits(hi, unitExp106+64)
}

func (q *quick) flush(s *Sum) {
	s.addBits(q.hi, unitExp40)
	s.addBits(q.lo, unitExp92)
	*q = quick{}
}

// Places of bits in a Sum.
const (
	unitExp40  = -40 - unitExp
	unitExp60  = -60 - unitExp
	unitExp92  = -92 - unitExp
	unitExp106 = -106 - unitExp
)

// addBits adds v·2^(at+unitExp).
func (s *Sum) addBits(v uint64, at uint) {
	i, sh := at>>5, at&31
	lo := v << sh
	l := s.limb[i : i+3 : i+3]
	l[0] += int64(lo & lowBits)
	l[1] += int64(lo >> 32)
	l[2] += int64(v >> (64 - sh))
	if s.adds++; s.adds >= maxAdds {
		s.carry()
	}
}

// Merge adds the total of t.
func (s *Sum) Merge(t *Sum) {
	s.bad = s.bad || t.bad
	for i, v := range t.limb {
		s.limb[i] += v
	}
	if s.adds += t.adds; s.adds >= maxAdds {
		s.carry()
	}
}

// carry moves carries up, until every limb but the last is in [0, 2^32).
func (s *Sum) carry() {
	var c int64
	for i := range limbs - 1 {
		v := s.limb[i] + c
		s.limb[i], c = v&lowBits, v>>32
	}
	s.limb[limbs-1] += c
	s.adds = 1 // what is left in the limbs counts as one value
}

// Finite reports whether every added value was finite.
func (s *Sum) Finite() bool { return !s.bad }

// big returns the exact total, in units of 2^unitExp.
func (s *Sum) big() *big.Int {
	t, low := s.digits()
	return t.Lsh(t, uint(32*low))
}

// digits returns the exact total, in units of 2^(32·low+unitExp), without the zeros below.
func (s *Sum) digits() (t *big.Int, low int) {
	s.carry()
	x := s.limb
	negative := x[limbs-1] < 0
	if negative {
		var c int64
		for i, v := range x[:limbs-1] {
			v = c - v
			x[i], c = v&lowBits, v>>32
		}
		x[limbs-1] = c - x[limbs-1]
	}
	for low < limbs-1 && x[low] == 0 {
		low++
	}
	var b [4*limbs + 4]byte
	binary.BigEndian.PutUint64(b[:], uint64(x[limbs-1]))
	n := 8
	for i := limbs - 2; i >= low; i-- {
		binary.BigEndian.PutUint32(b[n:], uint32(x[i]))
		n += 4
	}
	t = new(big.Int).SetBytes(b[:n])
	if negative {
		t.Neg(t)
	}
	return t, low
}

// Float returns the total, rounded once. It is infinite when the total is
// beyond float64.
func (s *Sum) Float() float64 { return s.Mean(1) }

// Mean returns total/n, rounded once.
func (s *Sum) Mean(n int64) float64 {
	t, low := s.digits()
	return toFloat(t, n, unitExp+32*low)
}

// toFloat returns num/den·2^exp rounded to nearest even. den > 0.
func toFloat(num *big.Int, den int64, exp int) float64 {
	if num.Sign() == 0 {
		return 0
	}
	q, _ := ratio(num, big.NewInt(den), exp).Float64()
	return q
}

// ratio returns num/den·2^exp with 64 bits more than a float64 has, sticky in
// the last bit, so that rounding it to float64 rounds the true quotient.
func ratio(num, den *big.Int, exp int) *big.Float {
	shift := den.BitLen() - num.BitLen() + 120
	var n, r big.Int
	if shift > 0 {
		n.Lsh(num, uint(shift))
	} else {
		n.Set(num)
		shift = 0
	}
	q, _ := n.QuoRem(&n, den, &r)
	if r.Sign() != 0 {
		q.Lsh(q, 1)
		q.SetBit(q.Abs(q), 0, 1)
		if num.Sign() < 0 {
			q.Neg(q)
		}
		exp--
	}
	f := new(big.Float).SetPrec(uint(max(q.BitLen(), 64))).SetInt(q)
	return f.SetMantExp(f, exp-shift)
}
