package metric

import (
	"math"
	"math/big"
	"sync"
)

// ln is the natural logarithm of a normal x > 0, to about one unit in the last
// place; makeLn must have run. math.Log is not used because its result differs
// between processors, and a score must not: every operation here is one that
// IEEE 754 defines.
//
// x = 2^k·m, m in [0.6875, 1.375); a table gives 1/c and ln c for a c near m,
// and a series the rest: ln x = k·ln2 + ln c + ln(1+r), r = m/c - 1, |r| < 2^-7.
func ln(x float64) float64 {
	one := [1]float64{x}
	lns(one[:])
	return one[0]
}

// lns makes every x its ln; a NaN stays.
func lns(xs []float64) {
	for i, x := range xs {
		if x != x {
			continue
		}
		b := math.Float64bits(x)
		off := b - lnFrom
		k := float64(int64(off) >> mantBits)
		m := math.Float64frombits(b - off&(0xfff<<mantBits))
		t := &lnTable[off>>(mantBits-7)&127]
		r := math.FMA(m, t.inv, -1)
		r2 := float64(r * r)
		// ln(1+r) = r - r²/2 + r³(1/3 - r/4 + r²/5 - r³/6 + r⁴/7 - r⁵/8)
		p := math.FMA(r, -1.0/4, 1.0/3)
		q := math.FMA(r, -1.0/6, 1.0/5)
		s := math.FMA(r, -1.0/8, 1.0/7)
		p = math.FMA(r2, math.FMA(r2, s, q), p)
		p = math.FMA(r2, -0.5, float64(float64(r2*r)*p))
		hi := math.FMA(k, ln2Hi, t.lnHi) // exact
		xs[i] = hi + (r + (p + math.FMA(k, ln2Lo, t.lnLo)))
	}
}

// minusLns makes every x -ln x, after it was brought into [least, most]; a NaN
// stays one.
func minusLns(xs []float64, least, most float64) {
	xs = xs[minusLnsLanes(xs, least, most):]
	for i, v := range xs {
		// max and min keep a NaN.
		xs[i] = max(least, min(most, v))
	}
	lns(xs)
	for i, v := range xs {
		xs[i] = -v
	}
}

const (
	lnFrom = 0x3fe6 << 48         // 0.6875; seen from there, 1 begins a step of the table
	ln2Hi  = 0x1.62e42fefa38p-01  // ln 2 with room for k times it
	ln2Lo  = 0x1.ef35793c7673p-45 // the rest of ln 2
)

// lnStep is what ln needs of one step of its table.
type lnStep struct{ inv, lnHi, lnLo float64 }

var lnTable [128]lnStep

// makeLn fills the table from a series in 140-bit arithmetic. In the two steps
// next to 1, c is 1, so that ln is as exact there as the series.
var makeLn = sync.OnceFunc(func() {
	for i := range lnTable {
		from := math.Float64frombits(lnFrom + uint64(i)<<(mantBits-7))
		to := math.Float64frombits(lnFrom + uint64(i+1)<<(mantBits-7))
		t := &lnTable[i]
		if t.inv = 2 / (from + to); from == 1 || to == 1 {
			t.inv = 1
		}
		l := bigLn(t.inv)
		l.Neg(l)
		t.lnHi, _ = new(big.Float).SetPrec(30).Set(l).Float64() // so that k·ln2Hi + lnHi is exact
		t.lnLo, _ = l.Sub(l, big.NewFloat(t.lnHi)).Float64()
	}
})

// bigLn returns ln x = 2·atanh((x-1)/(x+1)) to 140 bits, for x in [0.5, 2].
func bigLn(x float64) *big.Float {
	f := func(v float64) *big.Float { return new(big.Float).SetPrec(140).SetFloat64(v) }
	s := f(0).Quo(f(0).Sub(f(x), f(1)), f(0).Add(f(x), f(1)))
	z := f(0).Mul(s, s)
	sum := f(0)
	for n := 1; n < 90; n += 2 {
		sum.Add(sum, f(0).Quo(s, f(float64(n))))
		s.Mul(s, z)
	}
	return sum.Mul(sum, f(2))
}
