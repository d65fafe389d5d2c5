package vision

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"aihub/evaluator/metric"
)

// What is left without a part is what the others come to when they are merged, for
// every number of COCO and LVIS: with ties, crowds, empty images, and classes that one
// part alone has.
func TestWithout(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	for _, measure := range []metric.Measure{COCO(false), LVIS(false, "rcfr")} {
		var parts []metric.Gather
		for p := range 6 {
			g := measure.New(nil)
			for i := range 25 {
				im := &Image{ID: int64(r.IntN(1000))*100 + int64(p*25+i)}
				for range r.IntN(6) {
					side := []float64{20, 60, 200}[r.IntN(3)]
					x, y := math.Floor(400*r.Float64()), math.Floor(400*r.Float64())
					class := r.IntN(3)
					if p == 2 && r.IntN(4) == 0 {
						class = 3
					}
					o := Object{Class: class, Box: [4]float64{x, y, side, side}, Area: side * side, Crowd: r.IntN(12) == 0}
					if r.IntN(6) > 0 {
						im.Truth = append(im.Truth, o)
					}
					o.Box[0] += side * 0.3 * r.Float64()
					o.Score = float64(r.IntN(20)) / 20
					if r.IntN(6) > 0 {
						im.Pred = append(im.Pred, o)
					}
				}
				g.Add(im, 0)
			}
			parts = append(parts, g)
		}
		merged := func(out int) metric.Gather {
			g := measure.New(nil)
			for i, p := range parts {
				if i != out {
					g.Merge(p)
				}
			}
			return g
		}
		all := merged(-1).(metric.Leaver)
		for _, name := range slices.Sorted(maps.Keys(averages)) {
			left := all.Without(name, parts)
			for i := range parts {
				want := merged(i).Result(name)
				if len(left) != len(parts) || left[i].Status != want.Status || left[i].N != want.N || math.Abs(left[i].Value-want.Value) > 1e-12 {
					t.Fatalf("%s of %s without part %d: %+v, merged %+v", name, measure.Key(), i, left, want)
				}
			}
		}
		if all.Without("nothing", parts) != nil {
			t.Error("an unknown value has values")
		}
	}
}
