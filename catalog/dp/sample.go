// Package dp publishes aggregates with differential privacy (差分隐私): counts,
// sums and histograms with noise that hides any one unit, which is a person or
// whatever else one row set stands for.
//
// The noise is drawn exactly: discrete Laplace and discrete Gaussian over the
// integers by the methods of Canonne, Kamath and Steinke (The Discrete Gaussian
// for Differential Privacy, 2020), from rational parameters and random bits, with
// no floating point, whose rounding has broken samplers before. An Accountant
// keeps what a dataset may spend, in pure ε or in ρ of zero-concentrated privacy
// (zCDP; Bun and Steinke 2016), and refuses what goes beyond.
package dp

import (
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
)

// Sampler draws noise from random bytes.
type Sampler struct {
	r   io.Reader
	err error
	buf [8]byte
}

// NewSampler reads its bits from the operating system.
func NewSampler() *Sampler { return &Sampler{r: rand.Reader} }

// newSampler reads its bits from r: for tests, which must repeat.
func newSampler(r io.Reader) *Sampler { return &Sampler{r: r} }

// Laplace draws an integer with a chance proportional to exp(-|x|/scale).
func (s *Sampler) Laplace(scale *big.Rat) (*big.Int, error) {
	if scale.Sign() <= 0 {
		return nil, fmt.Errorf("dp: a scale of %s is not above 0", scale.RatString())
	}
	x := s.laplace(scale.Num(), scale.Denom())
	return x, s.fail()
}

// Gaussian draws an integer with a chance proportional to exp(-x²/(2·variance)).
func (s *Sampler) Gaussian(variance *big.Rat) (*big.Int, error) {
	if variance.Sign() <= 0 {
		return nil, fmt.Errorf("dp: a variance of %s is not above 0", variance.RatString())
	}
	// Algorithm 3: Laplace of scale t = floor(σ)+1, kept with a chance of
	// exp(-(|x| - σ²/t)² / 2σ²).
	t := new(big.Int).Sqrt(new(big.Int).Quo(variance.Num(), variance.Denom()))
	t.Add(t, one)
	centre := new(big.Rat).Quo(variance, new(big.Rat).SetInt(t))
	twice := new(big.Rat).Mul(variance, big.NewRat(2, 1))
	for s.err == nil {
		x := s.laplace(t, one)
		d := new(big.Rat).SetInt(new(big.Int).Abs(x))
		d.Sub(d, centre)
		d.Mul(d, d)
		if s.bernoulliExp(d.Quo(d, twice)) {
			return x, s.fail()
		}
	}
	return nil, s.fail()
}

func (s *Sampler) fail() error {
	if s.err != nil {
		return fmt.Errorf("dp: random bits: %w", s.err)
	}
	return nil
}

var one = big.NewInt(1)

// laplace is algorithm 2 for a scale of num/den: u + num·v is geometric with a
// ratio of exp(-1/num), and a den-th of it has the scale.
func (s *Sampler) laplace(num, den *big.Int) *big.Int {
	for s.err == nil {
		u := s.below(num)
		if !s.bernoulliExp(new(big.Rat).SetFrac(u, num)) {
			continue
		}
		v := int64(0)
		for s.err == nil && s.bernoulliExp(big.NewRat(1, 1)) {
			v++
		}
		x := new(big.Int).Mul(num, big.NewInt(v))
		x.Quo(x.Add(x, u), den)
		negative := s.below(big.NewInt(2)).Sign() > 0
		if negative && x.Sign() == 0 {
			continue // or 0 would come twice as often
		}
		if negative {
			x.Neg(x)
		}
		return x
	}
	return new(big.Int)
}

// bernoulliExp is true with a chance of exp(-g), g ≥ 0 (algorithm 1).
func (s *Sampler) bernoulliExp(g *big.Rat) bool {
	whole := new(big.Int).Quo(g.Num(), g.Denom())
	for ; whole.Sign() > 0; whole.Sub(whole, one) {
		if s.err != nil || !s.bernoulliExpSmall(one, one) {
			return false
		}
	}
	return s.bernoulliExpSmall(new(big.Int).Rem(g.Num(), g.Denom()), g.Denom())
}

// bernoulliExpSmall is bernoulliExp of num/den ≤ 1: the first k for which a coin
// of num/(den·k) fails is odd with a chance of exp(-num/den).
func (s *Sampler) bernoulliExpSmall(num, den *big.Int) bool {
	limit := new(big.Int).Set(den)
	for odd := true; ; odd = !odd {
		if s.err != nil || s.below(limit).Cmp(num) >= 0 {
			return odd
		}
		limit.Add(limit, den)
	}
}

// below draws an integer from 0 to n-1, each with the same chance: bits enough
// for n-1, again until they are below n.
func (s *Sampler) below(n *big.Int) *big.Int {
	if n.IsUint64() {
		m := n.Uint64() - 1
		mask := ^uint64(0)
		for mask>>1 >= m && mask > 0 {
			mask >>= 1
		}
		for {
			if v := s.bits() & mask; v <= m {
				return new(big.Int).SetUint64(v)
			}
		}
	}
	size := new(big.Int).Sub(n, one).BitLen()
	b := make([]byte, (size+7)/8)
	for {
		if _, err := io.ReadFull(s.r, b); err != nil {
			s.err = err
			return new(big.Int)
		}
		if size%8 != 0 {
			b[0] &= 1<<(size%8) - 1
		}
		if v := new(big.Int).SetBytes(b); v.Cmp(n) < 0 {
			return v
		}
	}
}

// bits returns 64 random bits, or 0 when there are none: 0 ends every loop that
// waits for a small number, and err says that the result is not to be used.
func (s *Sampler) bits() uint64 {
	if s.err == nil {
		_, s.err = io.ReadFull(s.r, s.buf[:])
	}
	if s.err != nil {
		return 0
	}
	v := uint64(0)
	for _, b := range s.buf {
		v = v<<8 | uint64(b)
	}
	return v
}
