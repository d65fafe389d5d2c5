package metric

import "math"

func init() {
	// Twice the log likelihood lost against a perfect prediction. Where 0 is certain and
	// 0 comes nothing is lost, the limit of small rates; scikit-learn refuses a
	// prediction of 0, which would leave no perfect one for counts. Where something else
	// comes the loss is infinite: there is no value.
	zero := func(y, f float64) bool { return y >= 0 && (f > 0 || f == 0 && y == 0) }
	deviance := func(use string, ok func(y, f float64) bool, of func(y, f float64) float64) {
		register(use, func(s Setup, a args) Metric {
			makeLn()
			return inDomain(deviances(s, a, ok, of), OutOfDomain, ok)
		})
	}
	deviance("poisson_deviance@1", zero, func(y, f float64) float64 {
		if v := (f - y) / y; isNear(v) {
			return 2 * float64(y*near(v, 1))
		}
		var l float64
		if y > 0 {
			l = float64(y * lnRatio(y, f))
		}
		return 2 * (l + (f - y))
	})
	deviance("gamma_deviance@1", func(y, f float64) bool { return y > 0 && f > 0 }, func(y, f float64) float64 {
		if v := (f - y) / y; isNear(v) {
			return 2 * near(v, 2)
		}
		return 2 * (lnRatio(f, y) + (y/f - 1))
	})
	register("tweedie_deviance@1", func(s Setup, a args) Metric {
		makeLn()
		p := a.num["power"] // between Poisson's 1 and Gamma's 2
		return inDomain(deviances(s, a, zero, func(y, f float64) float64 {
			switch {
			case f == 0:
				return 0
			case y == 0:
				return 2 * pow(f, 2-p) / (2 - p)
			}
			if v := (f - y) / y; isNear(v) {
				return 2 * float64(pow(y, 2-p)*near(v, p))
			}
			// y^(2-p)/((1-p)(2-p)) - y·f^(1-p)/(1-p) + f^(2-p)/(2-p), taken by pairs: with p near 1
			// or 2 two of the three are large, and nearly equal.
			l := lnRatio(f, y)
			if (2-p)*l > 600 { // the other terms are nothing beside it
				return 2 * pow(f, 2-p) / (2 - p)
			}
			return 2 * float64(pow(y, 2-p)*(expm1((2-p)*l)/(2-p)-expm1((1-p)*l)/(1-p)))
		}), OutOfDomain, zero)
	})
}

// isNear reports whether f = y·(1+v) is so near y that the terms of a deviance would
// cancel; f-y is exact then.
func isNear(v float64) bool { return v >= -0.25 && v <= 0.25 }

// near is half of the deviance of f = y·(1+v) over y^(2-p), for v that isNear: the
// integral of s·(1+s)^-p from 0 to v, term by term of the binomial series. Between
// numbers near 10^9 that are 1 apart the terms of the definition lose all 16 digits.
func near(v, p float64) float64 {
	sum, c, vk := 0.5, 1.0, 1.0
	for k := 1.0; k < 32; k++ {
		c *= (1 - k - p) / k
		vk *= v
		was := sum
		if sum += float64(c*vk) / (k + 2); sum == was {
			break
		}
	}
	return float64(v*v) * sum
}

// expm1 is e^x - 1.
func expm1(x float64) float64 {
	if x < -0.35 || x > 0.35 {
		return exp(x, 0) - 1
	}
	s := 1.0
	for i := 16.0; i >= 2; i-- {
		s = math.FMA(s, x/i, 1)
	}
	return x * s
}

func deviances(s Setup, a args, ok func(y, f float64) bool, of func(y, f float64) float64) *additive {
	return mean(s, a, func(b *Block, lo, hi int, out []float64) {
		pred := b.Pred[0].Flt[lo:hi]
		for i, y := range b.Truth.Flt[lo:hi] {
			if f := pred[i]; y-y != 0 || f-f != 0 {
				out[i] = math.NaN()
			} else if out[i] = 0; ok(y, f) {
				out[i] = max(0, of(y, f)) // it is never below 0, but for rounding
			}
		}
	})
}

// lnRatio is ln(a/b), which neither overflows nor underflows.
func lnRatio(a, b float64) float64 {
	if q := a / b; q >= 0x1p-1022 && q <= math.MaxFloat64 {
		return ln(q)
	}
	return lnAny(a) - lnAny(b)
}

// lnAny is ln of any x > 0, subnormals too.
func lnAny(x float64) float64 {
	if x < 0x1p-1022 {
		return ln(x*0x1p60) - float64(60*0.6931471805599453)
	}
	return ln(x)
}

// ln1p is ln(1+x) for x ≥ 0: what 1+x rounds away is put back to first order.
func ln1p(x float64) float64 {
	u := 1 + x
	if !(u <= math.MaxFloat64) {
		return x // not finite: the sum reports it
	}
	return ln(u) + (x-(u-1))/u
}

// pow is x^e for x > 0, by the logarithm in two parts so that the error of a
// large exponent stays near one unit in the last place of the result.
func pow(x, e float64) float64 {
	l := lnAny(x)
	hi := float64(e * l)
	return exp(hi, math.FMA(e, l, -hi))
}

// exp is e^(x+lo), |lo| tiny, with no operation but those of IEEE 754: x is
// k·ln2 + r, |r| ≤ ½ ln2, and a series of 14 terms.
func exp(x, lo float64) float64 {
	switch {
	case x != x:
		return x
	case x > 709.78:
		return math.Inf(1)
	case x < -745.2:
		return 0
	}
	k := math.Floor(x/0.6931471805599453 + 0.5)
	r := math.FMA(-k, ln2Hi, x)
	r = math.FMA(-k, ln2Lo, r) + lo
	s := 1.0
	for i := 14.0; i >= 1; i-- {
		s = math.FMA(s, r/i, 1)
	}
	return math.Ldexp(s, int(k))
}
