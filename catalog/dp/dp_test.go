package dp

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"aihub"
)

// seeded is a sampler that draws the same each time.
func seeded(n byte) *Sampler {
	return newSampler(rand.NewChaCha8([32]byte{n}))
}

// chiSquare compares counts with chances, tails put together so that every cell
// expects 5 or more, and returns the statistic and the number of cells.
func chiSquare(count map[int64]int, n int, p func(x int64) float64) (stat float64, cells int) {
	seen, expected := 0, 0.0
	rest := float64(n)
	restSeen := n
	for x := int64(0); ; x++ {
		for _, v := range []int64{x, -x} {
			if x == 0 && v == 0 && expected > 0 {
				continue
			}
			e := p(v) * float64(n)
			if rest-e < 5 || e < 5 {
				d := float64(restSeen) - rest
				return stat + d*d/rest, cells + 1
			}
			seen, expected = count[v], e
			d := float64(seen) - expected
			stat += d * d / expected
			cells++
			rest -= e
			restSeen -= seen
			if x == 0 {
				break
			}
		}
	}
}

// normalizer sums a density over the integers.
func normalizer(f func(x float64) float64) float64 {
	sum := f(0)
	for x := 1.0; x < 100_000 && f(x) > 0; x++ {
		sum += 2 * f(x)
	}
	return sum
}

// What is drawn fits the distributions it should be from, and not others near by:
// the chi-square of a fixed seed is below the 99.9 % point, that against a scale a
// tenth larger is far above.
func TestDistributions(t *testing.T) {
	t.Parallel()
	const n = 40_000
	for _, c := range []struct {
		name     string
		num, den int64
		gauss    bool
	}{
		{"laplace 1/2", 1, 2, false}, {"laplace 3", 3, 1, false}, {"laplace 7/3", 7, 3, false}, {"laplace 40", 40, 1, false},
		{"gaussian 1/4", 1, 4, true}, {"gaussian 1", 1, 1, true}, {"gaussian 10", 10, 1, true}, {"gaussian 1000/3", 1000, 3, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, param := seeded(1), big.NewRat(c.num, c.den)
			count := map[int64]int{}
			for range n {
				draw := s.Laplace
				if c.gauss {
					draw = s.Gaussian
				}
				x, err := draw(param)
				if err != nil {
					t.Fatal(err)
				}
				count[x.Int64()]++
			}
			density := func(scale float64) func(int64) float64 {
				f := func(x float64) float64 { return math.Exp(-math.Abs(x) / scale) }
				if c.gauss {
					f = func(x float64) float64 { return math.Exp(-x * x / (2 * scale)) }
				}
				z := normalizer(f)
				return func(x int64) float64 { return f(float64(x)) / z }
			}
			right := float64(c.num) / float64(c.den)
			stat, cells := chiSquare(count, n, density(right))
			df := float64(cells - 1)
			limit := df * math.Pow(1-2/(9*df)+3.09*math.Sqrt(2/(9*df)), 3) // Wilson and Hilferty
			if stat > limit || cells < 3 {
				t.Errorf("chi-square %.1f over %d cells, at most %.1f", stat, cells, limit)
			}
			if wrong, _ := chiSquare(count, n, density(right*1.1)); wrong < 1.2*limit && cells > 3 {
				t.Errorf("a scale a tenth larger fits as well: %.1f", wrong)
			}
		})
	}
}

// Scales whose numbers need more than 64 bits are drawn alike.
func TestLargeScale(t *testing.T) {
	t.Parallel()
	s := seeded(2)
	scale, _ := new(big.Rat).SetString("100000000000000000000000000000/33333333333333333333333333333") // 3 and a little
	sum := 0.0
	for range 20_000 {
		x, err := s.Laplace(scale)
		if err != nil {
			t.Fatal(err)
		}
		sum += math.Abs(float64(x.Int64()))
	}
	q := math.Exp(-1.0 / 3)
	if want := 2 * q / (1 - q*q); math.Abs(sum/20_000-want) > 0.1 {
		t.Errorf("mean of |x| is %.3f, want %.3f", sum/20_000, want)
	}
}

// Without random bits there is an error, not a number and not a hang.
func TestNoBits(t *testing.T) {
	t.Parallel()
	for _, scale := range []*big.Rat{big.NewRat(3, 1), new(big.Rat).SetFrac(new(big.Int).Lsh(one, 90), one)} {
		if _, err := newSampler(strings.NewReader("few")).Laplace(scale); err == nil {
			t.Error("Laplace without bits")
		}
		if _, err := newSampler(strings.NewReader("few")).Gaussian(scale); err == nil {
			t.Error("Gaussian without bits")
		}
	}
	if _, err := seeded(1).Laplace(new(big.Rat)); err == nil {
		t.Error("a scale of 0 was taken")
	}
	if _, err := seeded(1).Gaussian(big.NewRat(-1, 2)); err == nil {
		t.Error("a negative variance was taken")
	}
}

// Whatever is asked in whatever order, the costs of what was answered never add
// up to more than the budget, a refusal costs nothing, and past spendings count.
func TestAccountant(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		measure := rapid.SampledFrom([]Measure{Pure, ZCDP}).Draw(t, "measure")
		a, err := NewAccountant(measure, "1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r := &Release{a, seeded(3)}
		sum := new(big.Rat)
		for range 12 {
			cost := rapid.SampledFrom([]string{"0.1", "1/3", "0.25", "2", "1/7"}).Draw(t, "cost")
			c, _ := new(big.Rat).SetString(cost)
			fits := new(big.Rat).Add(sum, c).Cmp(big.NewRat(1, 1)) <= 0
			_, err := r.Count("rows", cost, 100, 1)
			if (err == nil) != fits {
				t.Fatalf("%s after %s: %v", cost, sum.RatString(), err)
			}
			if e := new(aihub.Error); err != nil && (!errors.As(err, &e) || e.Kind != aihub.Quota) {
				t.Fatal(err)
			}
			if fits {
				sum.Add(sum, c)
			}
			if left := a.Left(); left.Add(left, sum).Cmp(big.NewRat(1, 1)) != 0 {
				t.Fatalf("spent and left are %s", left.RatString())
			}
		}
		again, err := NewAccountant(measure, "1", a.Spendings())
		if err != nil || again.Left().Cmp(a.Left()) != 0 {
			t.Fatalf("after a restart %v is left, was %v (%v)", again.Left(), a.Left(), err)
		}
	})
}

func TestBudgetText(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "0", "-1", "1e9", "1e999999999", "x", "1/0", "1001", strings.Repeat("1", 50), "0x10", "NaN"} {
		if _, err := NewAccountant(Pure, s, nil); err == nil {
			t.Errorf("a budget of %q was taken", s)
		}
	}
	if _, err := NewAccountant("none", "1", nil); err == nil {
		t.Error("a measure of none was taken")
	}
}

// The margin holds the noise in 95 of 100 draws, the mean of many is the truth,
// and ε of zCDP is what the formula says.
func TestReleases(t *testing.T) {
	t.Parallel()
	for _, m := range []Measure{Pure, ZCDP} {
		a, err := NewAccountant(m, "1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		r := &Release{a, seeded(4)}
		const n = 4000
		out, err := r.Histogram("cells", "0.5", make([]int64, n), 2)
		if err != nil {
			t.Fatal(err)
		}
		within, sum := 0, 0.0
		for _, x := range out {
			if x.Value >= -x.Margin && x.Value <= x.Margin {
				within++
			}
			sum += float64(x.Value)
		}
		if within < n*94/100 || within == n || math.Abs(sum/n) > 0.5 {
			t.Errorf("%s: %d of %d within the margin, mean %.3f", m, within, n, sum/n)
		}
		s, err := r.Sum("sum", "100", []int64{5, 1000, -1000}, 0, 10, 1)
		if err != nil || s.Value < 15-10 || s.Value > 15+10 {
			t.Errorf("%s: the sum is %+v, %v", m, s, err)
		}
		if _, err := r.Sum("sum", "1", nil, 5, 4, 1); err == nil {
			t.Error("bounds in the wrong order were taken")
		}
		if _, err := r.Count("rows", "1", 1, 0); err == nil {
			t.Error("units without rows were taken")
		}
	}
	a, _ := NewAccountant(ZCDP, "1", []Spending{{"x", "1/2"}})
	if e, err := a.Epsilon(1e-5); err != nil || math.Abs(e-(0.5+2*math.Sqrt(0.5*math.Log(1e5)))) > 2e-6 {
		t.Error(e, err)
	}
	if _, err := a.Epsilon(0); err == nil {
		t.Error("a delta of 0 was taken")
	}
}

func BenchmarkGaussian(b *testing.B) {
	s := NewSampler()
	for b.Loop() {
		if _, err := s.Gaussian(big.NewRat(100, 1)); err != nil {
			b.Fatal(err)
		}
	}
}
