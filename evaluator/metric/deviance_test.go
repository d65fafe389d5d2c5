package metric_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"aihub/evaluator/metric"
)

// digits is enough for what is left of numbers that agree in 53 bits, squared.
const digits = 400

func exactly(x float64) *big.Float { return new(big.Float).SetPrec(digits).SetFloat64(x) }

// bigLog is ln x = m·ln 2 + 2·atanh((x-1)/(x+1)).
func bigLog(x *big.Float) *big.Float {
	atanh := func(x *big.Float) *big.Float {
		s := exactly(0).Quo(exactly(0).Sub(x, exactly(1)), exactly(0).Add(x, exactly(1)))
		z, sum := exactly(0).Mul(s, s), exactly(0)
		for n := 1.0; n < 300; n += 2 {
			sum.Add(sum, exactly(0).Quo(s, exactly(n)))
			s.Mul(s, z)
		}
		return sum.Mul(sum, exactly(2))
	}
	m := new(big.Float).SetPrec(digits)
	e := x.MantExp(m) // m in [0.5, 1)
	return exactly(0).Add(atanh(m), exactly(0).Mul(exactly(float64(e)), atanh(exactly(2))))
}

// bigPow is x^e, by (e^(e·ln x / 2^16))^(2^16).
func bigPow(x, e *big.Float) *big.Float {
	y := exactly(0).Mul(e, bigLog(x))
	y.SetMantExp(y, -16)
	sum, term := exactly(1), exactly(1)
	for k := 1.0; k < 60; k++ {
		term.Quo(term.Mul(term, y), exactly(k))
		sum.Add(sum, term)
	}
	for range 16 {
		sum.Mul(sum, sum)
	}
	return sum
}

// bigDeviance is the deviance of one row by its definition.
func bigDeviance(use string, y, f, power float64) float64 {
	a, b, two := exactly(y), exactly(f), exactly(2)
	sub := func(x, y *big.Float) *big.Float { return exactly(0).Sub(x, y) }
	mul := func(x, y *big.Float) *big.Float { return exactly(0).Mul(x, y) }
	quo := func(x, y *big.Float) *big.Float { return exactly(0).Quo(x, y) }
	var d *big.Float
	switch use {
	case "poisson_deviance@1":
		d = sub(mul(a, sub(bigLog(a), bigLog(b))), sub(a, b))
	case "gamma_deviance@1":
		d = sub(sub(bigLog(b), bigLog(a)), sub(exactly(1), quo(a, b)))
	default:
		p1, p2 := sub(exactly(1), exactly(power)), sub(two, exactly(power))
		d = quo(bigPow(a, p2), mul(p1, p2))
		d.Sub(d, quo(mul(a, bigPow(b, p1)), p1))
		d.Add(d, quo(bigPow(b, p2), p2))
	}
	v, _ := d.Mul(d, two).Float64()
	return v
}

// Deviances keep their digits where what is predicted is near what comes, however large
// both are: the definition in 400 bits answers, to 2e-14 of the value.
func TestDeviancesKeepDigits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	worst := map[string]float64{}
	ask := func(use string, power, y, f float64) {
		s := metric.Setup{Column: "p"}
		if use == "tweedie_deviance@1" {
			s.Params = map[string]any{"power": power}
		}
		got := scoreRows(t, use, s, &metric.Block{Rows: 1, Truth: metric.Column{Flt: []float64{y}}, Pred: []metric.Column{{Flt: []float64{f}}}}).Value
		want := 0.0 // of equal numbers, whose terms leave but rounding
		if y != f {
			want = bigDeviance(use, y, f, power)
		}
		off := math.Abs(got-want) / max(want, math.SmallestNonzeroFloat64)
		if worst[use] = max(worst[use], off); !(off < 2e-14) {
			t.Errorf("%s, power %v, of %v where %v comes: %v, not %v", use, power, f, y, got, want)
		}
	}
	for i := range 400 {
		y := math.Ldexp(1+rng.Float64(), []int{0, 3, 29, 30, -20, 60}[i%6])
		f := y * (1 + math.Ldexp(rng.Float64()-0.5, -rng.IntN(52))) // from half as large to the next number
		if i%8 == 7 {
			f = y * math.Ldexp(1+rng.Float64(), rng.IntN(20)-10)
		}
		for _, use := range []string{"poisson_deviance@1", "gamma_deviance@1"} {
			ask(use, 0, y, f)
		}
		ask("tweedie_deviance@1", []float64{1.5, 1.01, 1.99, 1.25}[i%4], y, f)
	}
	for _, use := range []string{"poisson_deviance@1", "gamma_deviance@1", "tweedie_deviance@1"} {
		ask(use, 1.5, 1e9, 1e9+1)
		ask(use, 1.5, 1e9+1, 1e9)
		for _, edge := range []float64{0.75, 1.25, 0.7500001, 1.2500001} { // on both sides of where the series ends
			ask(use, 1.5, 1e9, edge*1e9)
		}
	}
	t.Logf("largest relative deviation: %v", worst)
}
