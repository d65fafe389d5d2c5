package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"aihub"
	"aihub/evaluator/metric"
)

// Whatever the order of series and the shards they are gathered in, the same bits.
func TestLevelsSameBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	number := func() float64 { return math.Ldexp(rng.NormFloat64(), rng.IntN(50)) }
	var all []*Series
	for i := range 60 {
		s := &Series{Weight: rng.Float64(), IDs: map[string]string{"side": fmt.Sprint(i % 2), "kind": fmt.Sprint(i % 7)}}
		for range 3 + i%5 {
			s.Past = append(s.Past, number())
		}
		for range 3 {
			s.Truth, s.Pred = append(s.Truth, number()), append(s.Pred, number())
		}
		all = append(all, s)
	}
	measure := Hierarchy("total;side;side,kind;series", false)
	var first metric.Result
	for try := range 40 {
		shards := make([]metric.Gather, 1+try%4)
		for i := range shards {
			shards[i] = measure.New(nil)
		}
		for _, i := range rng.Perm(len(all)) {
			shards[rng.IntN(len(shards))].Add(all[i], 0)
		}
		for _, s := range shards[1:] {
			shards[0].Merge(s)
		}
		r := shards[0].Result("wrmsse")
		if try == 0 {
			first = r
		}
		if math.Float64bits(r.Value) != math.Float64bits(first.Value) || r.Status != aihub.MetricOK {
			t.Fatalf("%d shards: %+v, not %+v", len(shards), r, first)
		}
	}
}

// What is left of sums whose large parts cancel keeps every digit: of 2^60 and 1, -2^60
// and 2, and so on, the sums are 3, 5 and 8, steps 2 and 3, and the forecast is 1 off.
func TestLevelsAreExact(t *testing.T) {
	const much = 1 << 60
	g := Hierarchy("total", false).New(nil)
	for _, s := range []*Series{
		{Weight: 1, Past: []float64{much, much, much}, Truth: []float64{much}, Pred: []float64{much}},
		{Weight: 1, Past: []float64{3, 5, 8}, Truth: []float64{9}, Pred: []float64{8}},
		{Weight: 1, Past: []float64{-much, -much, -much}, Truth: []float64{-much}, Pred: []float64{-much}},
	} {
		g.Add(s, 0)
	}
	if r := g.Result("wrmsse"); r.Value != math.Sqrt(1/6.5) {
		t.Errorf("%+v, not √(1/6.5)", r)
	}
}

// Names that run together are others, and a series that no level leaves without what it
// needs says so whatever comes first.
func TestLevelsApart(t *testing.T) {
	one := func(a, b string) *Series {
		return &Series{Weight: 1, Past: []float64{0, 1}, Truth: []float64{2}, Pred: []float64{3}, IDs: map[string]string{"a": a, "b": b}}
	}
	g := Hierarchy("a,b", false).New(nil)
	g.Add(one("x\n", "y"), 0)
	g.Add(one("x", "\ny"), 0)
	if got, ok := grouped(g.(*kept).all, []string{"a", "b"}); !ok || len(got) != 2 {
		t.Errorf("%d groups %v, want 2", len(got), ok)
	}
	flat := &Series{Weight: 1, Past: []float64{4, 4}, Truth: []float64{2}, Pred: []float64{3}}
	bad := &Series{Weight: 1, Past: []float64{1, 2}, Truth: []float64{2}, Pred: []float64{math.NaN()}}
	for _, order := range [][]*Series{{flat, bad}, {bad, flat}} {
		g := Hierarchy("series", false).New(nil)
		for _, s := range order {
			g.Add(s, 0)
		}
		if r := g.Result("wrmsse"); r.Reason != metric.NotFinite {
			t.Errorf("%+v, want %s", r, metric.NotFinite)
		}
	}
}
