package sketch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestDistinct: over many sets the error has the standard deviation that the
// paper states, 1.04/√m, and no bias, from one value to millions.
func TestDistinct(t *testing.T) {
	t.Parallel()
	const std = 1.04 / 128
	for _, n := range []int{1, 10, 1000, 20_000, 60_000, 400_000} {
		sets := 20
		var sum, squares float64
		for s := range sets {
			var d, half Distinct
			for i := range n {
				v := fmt.Sprintf("%d/%d", s, i)
				if i%2 == 0 {
					d.Add(Hash(v))
				} else {
					half.Add(Hash(v))
				}
				d.Add(Hash(fmt.Sprintf("%d/%d", s, i/2*2))) // again
			}
			d.Merge(&half)
			e := float64(d.Count())/float64(n) - 1
			sum += e
			squares += e * e
		}
		mean, rms := sum/float64(sets), math.Sqrt(squares/float64(sets))
		if math.Abs(mean) > 4*std/math.Sqrt(float64(sets)) || rms > 1.6*std {
			t.Errorf("%d: mean error %.4f, rms %.4f", n, mean, rms)
		}
	}
	var none Distinct
	if none.Count() != 0 {
		t.Error(none.Count())
	}
}

// TestTop: counts are exact below the size, low by at most Lost beyond, and
// every value more frequent than Lost is there.
func TestTop(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(rng, 1.2, 1, 50_000)
	top, exact := NewTop[uint64](500), map[uint64]int64{}
	for range 300_000 {
		v := z.Uint64()
		top.Add(v)
		exact[v]++
	}
	if top.Exact() || top.Lost > 300_000/500 || len(top.Counts) > 1000 {
		t.Fatalf("lost %d, %d values", top.Lost, len(top.Counts))
	}
	for v, n := range exact {
		if got := top.Counts[v]; got > n || got < n-top.Lost {
			t.Fatalf("%d: %d of %d, lost %d", v, got, n, top.Lost)
		}
	}
	few := NewTop[string](10)
	for i := range 100 {
		few.Add(fmt.Sprint(i % 9))
	}
	if !few.Exact() || few.Counts["0"] != 12 || len(few.Counts) != 9 {
		t.Error(few)
	}
}

// TestQuantiles: exact for few values; a small error of rank for many in any
// order, merged or not.
func TestQuantiles(t *testing.T) {
	t.Parallel()
	ps := []float64{0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1}
	few := NewQuantiles[int64](4096)
	for i := range int64(4096) {
		few.Add((i * 1009) % 4096)
	}
	for i, v := range few.At(ps...) {
		if v != int64(ps[i]*4095) {
			t.Errorf("%g is %d", ps[i], v)
		}
	}
	const n = 500_000
	rng := rand.New(rand.NewPCG(3, 4))
	for name, order := range map[string]func(i int) float64{
		"rising":  func(i int) float64 { return float64(i) },
		"falling": func(i int) float64 { return float64(n - 1 - i) },
		"random":  func(int) float64 { return rng.Float64() * n },
	} {
		a, b := NewQuantiles[float64](4096), NewQuantiles[float64](4096)
		var all []float64
		for i := range n {
			v := order(i)
			all = append(all, v)
			if i%3 == 0 {
				b.Add(v)
			} else {
				a.Add(v)
			}
		}
		a.Merge(b)
		slices.Sort(all)
		held := 0
		for _, l := range a.levels {
			held += len(l)
		}
		for i, v := range a.At(ps[1:8]...) {
			rank, _ := slices.BinarySearch(all, v)
			if e := math.Abs(float64(rank)/n - ps[i+1]); e > 0.002 {
				t.Errorf("%s: %g is off by %.4f", name, ps[i+1], e)
			}
		}
		if held > 4*4096 {
			t.Errorf("%s: %d values are held", name, held)
		}
	}
	if NewQuantiles[int64](8).At(0.5) != nil {
		t.Error("a quantile of nothing")
	}
}
