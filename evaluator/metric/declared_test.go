package metric

import (
	"math"
	"testing"

	"aihub"
)

// What is declared of numbers that are large beside how far apart they are is what
// they are without that.
func TestDeclaredDigits(t *testing.T) {
	t.Parallel()
	near := func(at float64, n int) Trial {
		tr := Trial{Number: at + 3}
		for i := range n {
			tr.Numbers = append(tr.Numbers, at+float64(i%7))
		}
		return tr
	}
	// Of one number and another far from it the deviance is (y-c)²/c, but for 1/c².
	d := Constant("poisson_deviance@1", Setup{}, near(1e9, 7))
	if want := 4e-9; d == nil || math.Abs((d.Lo+d.Hi)/2-want) > 1e-15 || d.Hi-d.Lo > 1e-4 {
		t.Errorf("poisson_deviance: %+v, want %v", d, want)
	}
	if d := Constant("poisson_deviance@1", Setup{}, Trial{Numbers: []float64{0, 1, 2}, Number: 1}); d == nil || math.Abs((d.Lo+d.Hi)/2-(2+0+2*(2*math.Ln2-1))/3) > 1e-12 {
		t.Errorf("poisson_deviance of 0, 1 and 2: %+v", d)
	}
	// Terms of 1e11 that differ by less than their digits: the metric may be off by these.
	tr, setup := near(1e9, 700), Setup{Column: "p", Params: map[string]any{"power": 1.01}}
	m, faults := Bind("tweedie_deviance@1", setup)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	said := make([]float64, len(tr.Numbers))
	for i := range said {
		said[i] = tr.Number
	}
	acc := m.New()
	acc.Add(&Block{Rows: len(said), Truth: Column{Flt: tr.Numbers}, Pred: []Column{{Flt: said}}})
	r, d := acc.Result(), Constant("tweedie_deviance@1", setup, tr)
	if v := (aihub.MetricValue{Value: r.Value, Status: r.Status}); d == nil || !d.Keeps(v) || d.Hi-d.Lo > 0.01 {
		t.Errorf("tweedie_deviance: %+v, declared %+v", v, d)
	}
	for _, n := range []int{7, 7000} {
		far, by := Chance("mae@1", Setup{}, near(1e12, n)), Chance("mae@1", Setup{}, near(0, n))
		if far == nil || by == nil || math.Abs(far.Lo-by.Lo) > 1e-6 || math.Abs(far.Hi-by.Hi) > 1e-6 {
			t.Errorf("mae of %d: %+v, want %+v", n, far, by)
		}
	}
	// What may be off by any amount is not declared.
	if d := around(0, math.Inf(1)); d != nil {
		t.Errorf("%+v", d)
	}
}
