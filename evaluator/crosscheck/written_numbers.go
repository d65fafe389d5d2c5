package main

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"strings"
)

func drawNumbers(r *rng) (*rowCase, []string) {
	n, s, sp, mode := r.size(), r.IntN(5), r.IntN(5), r.IntN(4)
	c := &rowCase{}
	for range n {
		y, f := r.value(s), r.value(sp)
		switch mode {
		case 0:
			f = y
		case 1:
			f = y + f
		}
		c.Truth, c.Pred = append(c.Truth, y), append(c.Pred, f)
	}
	keys := strings.Fields("mae@1 mse@1 rmse@1 medae@1 smape@1 wape@1 r2@1 mape@1 max_error@1 explained_variance@1 pearson@1 spearman@1 kendall@1")
	if n > 0 && r.chance(0.05) { // beyond what a square can hold
		for i := range c.Truth {
			c.Truth[i] = pick(r, 0, 1e300, -1e300, 1e-300, 1, -1)
		}
		keys = strings.Fields("mae@1 medae@1 smape@1 wape@1 max_error@1 kendall@1")
	}
	return c, append(keys, "mape@1 eps=0.5", "mase@1 scale=2.5", "pinball@1 quantile="+pick(r, "0.1", "0.5"), "rmsse@1 scale=2.5")
}

func wide(x float64) *big.Float { return new(big.Float).SetPrec(2200).SetFloat64(x) }

// wideMean is the mean of what of gives, with 2,200 bits.
func wideMean(n int, of func(i int) *big.Float) *big.Float {
	s := wide(0)
	for i := range n {
		s.Add(s, of(i))
	}
	return s.Quo(s, wide(float64(n)))
}

// cov is the covariance of x and y.
func cov(x, y []float64) *big.Float {
	mx := wideMean(len(x), func(i int) *big.Float { return wide(x[i]) })
	my := wideMean(len(y), func(i int) *big.Float { return wide(y[i]) })
	return wideMean(len(x), func(i int) *big.Float {
		a, b := wide(x[i]), wide(y[i])
		return a.Mul(a.Sub(a, mx), b.Sub(b, my))
	})
}

func wantNumbers(c *rowCase, key string) (float64, bool) {
	use, p := params(key)
	n := len(c.Truth)
	if n == 0 {
		return none, true
	}
	e := make([]float64, n)
	size := make([]float64, n)
	for i, y := range c.Truth {
		e[i] = y - c.Pred[i]
		size[i] = math.Abs(e[i])
	}
	f := func(x *big.Float) float64 { v, _ := x.Float64(); return v }
	mean := func(of func(i int) *big.Float) float64 { return f(wideMean(n, of)) }
	square := func(i int) *big.Float { x := wide(e[i]); return x.Mul(x, x) }
	correlation := func(x, y []float64) float64 {
		vx, vy := cov(x, x), cov(y, y)
		if constant(x) || constant(y) {
			return none
		}
		d := vx.Mul(vx, vy)
		return f(new(big.Float).Quo(cov(x, y), d.Sqrt(d)))
	}
	for i := range e {
		if v := e[i] * e[i]; v-v != 0 && (use == "mse@1" || use == "rmse@1" || use == "rmsse@1") {
			return none, true
		}
	}
	switch use {
	case "mae@1":
		return mean(func(i int) *big.Float { return wide(size[i]) }), true
	case "mase@1":
		return mean(func(i int) *big.Float { return wide(size[i]) }) / 2.5, true
	case "mse@1":
		return mean(square), true
	case "rmse@1":
		return math.Sqrt(mean(square)), true
	case "rmsse@1":
		return math.Sqrt(mean(square)) / 2.5, true
	case "medae@1":
		s := sortedDown(size)
		return s[n/2]/2 + s[(n-1)/2]/2, true
	case "max_error@1":
		return slices.Max(size), true
	case "smape@1":
		return mean(func(i int) *big.Float {
			y, g := math.Abs(c.Truth[i]), math.Abs(c.Pred[i])
			if y+g == 0 {
				return wide(0)
			}
			d := wide(c.Truth[i])
			d.Abs(d.Sub(d, wide(c.Pred[i])))
			return d.Quo(d.Mul(d, wide(200)), new(big.Float).Add(wide(y), wide(g)))
		}), true
	case "wape@1":
		a := wideMean(n, func(i int) *big.Float { return wide(size[i]) })
		b := wideMean(n, func(i int) *big.Float { return wide(math.Abs(c.Truth[i])) })
		if b.Sign() == 0 {
			return none, true
		}
		return f(a.Quo(a, b)), true
	case "mape@1":
		eps, _ := p["eps"].(float64)
		for _, y := range c.Truth {
			if y == 0 && eps == 0 {
				return none, true
			}
		}
		return mean(func(i int) *big.Float {
			return new(big.Float).Quo(wide(size[i]), wide(max(eps, math.Abs(c.Truth[i]))))
		}), true
	case "pinball@1":
		q := p["quantile"].(float64)
		return mean(func(i int) *big.Float { return wide(max(q*e[i], (q-1)*e[i])) }), true
	case "r2@1", "explained_variance@1":
		v := cov(c.Truth, c.Truth)
		if constant(c.Truth) {
			return none, true
		}
		m := wideMean(n, square)
		if use != "r2@1" {
			m = cov(e, e)
		}
		return f(m.Sub(wide(1), m.Quo(m, v))), true
	case "pearson@1":
		return correlation(c.Truth, c.Pred), true
	case "spearman@1":
		return correlation(midranks(c.Truth), midranks(c.Pred)), true
	case "kendall@1":
		var s, tx, ty float64
		for i := range n {
			for j := range i {
				a, b := cmp.Compare(c.Truth[i], c.Truth[j]), cmp.Compare(c.Pred[i], c.Pred[j])
				s += float64(a * b)
				tx += float64(a * a)
				ty += float64(b * b)
			}
		}
		return over(s, math.Sqrt(tx*ty)), true
	}
	return 0, false
}

func constant(x []float64) bool { return slices.Min(x) == slices.Max(x) }

func drawPositive(r *rng) (*rowCase, []string) {
	z := func() float64 { return pick(r, 0, r.Float64(), 1, 100*r.Float64(), float64(r.IntN(9))) }
	c := &rowCase{}
	floor := pick(r, 0, 0.5)
	for range r.size() {
		c.Truth, c.Pred = append(c.Truth, max(z(), floor*float64(r.IntN(2)))), append(c.Pred, max(z(), floor))
	}
	return c, []string{"msle@1", "rmsle@1", "poisson_deviance@1", "gamma_deviance@1", "tweedie_deviance@1 power=1.5"}
}

func wantPositive(c *rowCase, key string) (float64, bool) {
	use, _ := params(key)
	var s float64
	for i, y := range c.Truth {
		f := c.Pred[i]
		if use == "gamma_deviance@1" && min(y, f) <= 0 || (use == "poisson_deviance@1" || use == "tweedie_deviance@1") && f == 0 && y > 0 {
			return none, true
		}
		switch use {
		case "msle@1", "rmsle@1":
			d := math.Log1p(y) - math.Log1p(f)
			s += d * d
		case "poisson_deviance@1":
			if y > 0 {
				s += 2 * y * math.Log(y/f)
			}
			s += 2 * (f - y)
		case "gamma_deviance@1":
			s += 2 * (math.Log(f/y) + y/f - 1)
		case "tweedie_deviance@1":
			if f > 0 {
				s += 2 * (-4*math.Sqrt(y) + 2*y/math.Sqrt(f) + 2*math.Sqrt(f))
			}
		default:
			return 0, false
		}
	}
	if s = over(s, float64(len(c.Truth))); use == "rmsle@1" {
		s = math.Sqrt(s)
	}
	return s, true
}

func drawBounds(r *rng) (*rowCase, []string) {
	c := &rowCase{}
	z := func() float64 {
		if r.chance(0.5) {
			return float64(r.IntN(5))
		}
		return 4 * r.Float64()
	}
	for range r.size() {
		a, b := z(), z()
		c.Truth, c.Pred, c.Upper = append(c.Truth, z()), append(c.Pred, min(a, b)), append(c.Upper, max(a, b))
	}
	if len(c.Truth) > 0 && r.chance(0.05) {
		c.Pred[0] = c.Upper[0] + 1
	}
	return c, []string{"interval_coverage@1 upper=u", "interval_width@1 upper=u", "winkler@1 alpha=0.2 upper=u"}
}

func wantBounds(c *rowCase, key string) (float64, bool) {
	use, _ := params(key)
	var s float64
	for i, y := range c.Truth {
		lo, hi := c.Pred[i], c.Upper[i]
		switch {
		case lo > hi:
			return none, true
		case use == "interval_coverage@1":
			if lo <= y && y <= hi {
				s++
			}
		case use == "interval_width@1":
			s += hi - lo
		case use == "winkler@1":
			s += hi - lo + 2/0.2*max(0, lo-y, y-hi)
		default:
			return 0, false
		}
	}
	return over(s, float64(len(c.Truth))), true
}
