package main

import (
	"math"
	"math/big"
	"slices"
	"strings"

	"aihub/evaluator/metric/forecast"
)

// Sums of series by levels, in rational numbers.

func drawLevels(r *rng) (*seriesCase, []string) {
	c := &seriesCase{}
	style, h := r.IntN(4), pick(r, 1, 2, 4)
	list := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = r.value(style)
		}
		return x
	}
	for range pick(r, 1, 2, 4, 7) {
		s := forecast.Series{
			Weight: pick(r, 0, 1, r.Float64()), Past: append(make([]float64, pick(r, 0, 0, 3)), list(pick(r, 1, 3, 8))...), Truth: list(h), Pred: list(h),
			IDs: map[string]string{"side": pick(r, "a", "b"), "kind": pick(r, "x", "y", "x\n"), "deep": pick(r, "s", "t")},
		}
		if r.chance(0.05) {
			s.Past = []float64{7, 7, 7}
		}
		if r.chance(0.2) {
			s.Pred = s.Truth
		}
		c.Series = append(c.Series, s)
	}
	return c, []string{
		"wrmsse@1 by=total;side;side,kind;series", "wrmsse@1 by=" + pick(r, "kind", "deep,side,kind;side", "total;series"),
		"wrmsse@1 by=" + pick(r, "side;kind;deep;total", "kind,deep;series") + " on_undefined=skip",
	}
}

func wantLevels(c *seriesCase, key string) (float64, bool) {
	_, p := params(key)
	exact := func(x float64) *big.Rat { return new(big.Rat).SetFloat64(x) }
	mean := func(of []*big.Rat) float64 {
		s := new(big.Rat)
		for _, x := range of {
			s.Add(s, new(big.Rat).Mul(x, x))
		}
		v, _ := s.Quo(s, new(big.Rat).SetInt64(int64(len(of)))).Float64()
		return v
	}
	var levels []float64
	for level := range strings.SplitSeq(p["by"].(string), ";") {
		left := slices.Clone(c.Series)
		for i := range left {
			left[i].Levels = []float64{float64(i)} // which one it is
		}
		same := func(a, b forecast.Series) bool {
			if level == "series" {
				return a.Levels[0] == b.Levels[0]
			}
			for id := range strings.SplitSeq(level, ",") {
				if a.IDs[id] != b.IDs[id] {
					return false
				}
			}
			return true
		}
		var sum, weights float64
		some := false
		for len(left) > 0 {
			first := left[0]
			weight, past, errors := new(big.Rat), make([]*big.Rat, 20), make([]*big.Rat, len(first.Truth)) // past from its end
			for i := range past {
				past[i] = new(big.Rat)
			}
			for i := range errors {
				errors[i] = new(big.Rat)
			}
			left = slices.DeleteFunc(slices.Clone(left), func(s forecast.Series) bool {
				if !same(first, s) {
					return false
				}
				weight.Add(weight, exact(s.Weight))
				for i, x := range s.Past {
					to := past[len(s.Past)-1-i]
					to.Add(to, exact(x))
				}
				for i := range s.Truth {
					errors[i].Add(errors[i], exact(s.Truth[i])).Sub(errors[i], exact(s.Pred[i]))
				}
				return true
			})
			for len(past) > 0 && past[len(past)-1].Sign() == 0 {
				past = past[:len(past)-1]
			}
			var steps []*big.Rat
			changes := false
			for i := range max(0, len(past)-1) {
				steps = append(steps, new(big.Rat).Sub(past[i], past[i+1]))
				changes = changes || steps[i].Sign() != 0
			}
			if !changes {
				if p["on_undefined"] != "skip" {
					return none, true
				}
				continue
			}
			some = true
			w, _ := weight.Float64()
			weights += w
			sum += w * math.Sqrt(mean(errors)/mean(steps))
		}
		if !some || weights == 0 {
			return none, true
		}
		levels = append(levels, sum/weights)
	}
	return meanOver(levels), true
}
