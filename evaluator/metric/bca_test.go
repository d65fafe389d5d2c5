package metric

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// The interval of given replicates is that of scipy.stats.bootstrap; see
// testdata/bca.py.
func TestBCaLikeScipy(t *testing.T) {
	raw, err := os.ReadFile("testdata/bca.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Values, Jackknife []float64
		Estimate, Lo, Hi  float64
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 30 {
		t.Fatalf("%d cases", len(cases))
	}
	for i, c := range cases {
		lo, hi, ok := bca(c.Values, c.Estimate, c.Jackknife)
		if !ok || math.Abs(lo-c.Lo) > 1e-9 || math.Abs(hi-c.Hi) > 1e-9 {
			t.Errorf("case %d: [%v, %v] %v, scipy says [%v, %v]", i, lo, hi, ok, c.Lo, c.Hi)
		}
	}
	if _, _, ok := bca([]float64{1, 2, 3}, 9, []float64{1, 2}); ok {
		t.Error("replicates that are all below say nothing of the bias")
	}
}

// A skewed sample of few rows has an interval that leans to its long tail, as a
// percentile interval of the same draws does not.
func TestFewRowsAreCorrected(t *testing.T) {
	boot := NewBootstrap("few")
	score := func(rows int) (value, lo, hi, plainLo, plainHi float64) {
		m, faults := Bind("mae@1", Setup{Column: "p", Boot: boot})
		if faults != nil {
			t.Fatal(faults)
		}
		b := &Block{Rows: rows, Pred: []Column{{Flt: make([]float64, rows)}}}
		for i := range rows {
			key := string(rune('a'+i%26)) + Number(float64(i))
			b.Truth.Flt = append(b.Truth.Flt, Exp(3*float64(i%17)/16))
			b.Bucket = append(b.Bucket, boot.Bucket(key))
		}
		acc := m.New()
		acc.Add(b)
		r := acc.Result()
		sample := acc.(Sampler).Sample()
		plainLo, plainHi = interval(append([]float64{}, sample...))
		return r.Value, r.Lo, r.Hi, plainLo, plainHi
	}
	value, lo, hi, plainLo, plainHi := score(60)
	if !(lo < value && value < hi && lo > plainLo && hi > plainHi) {
		t.Errorf("[%v, %v] around %v; of the percentiles [%v, %v]", lo, hi, value, plainLo, plainHi)
	}
	if _, lo, hi, plainLo, plainHi := score(fewRows); lo != plainLo || hi != plainHi {
		t.Errorf("%d rows: [%v, %v], of the percentiles [%v, %v]", fewRows, lo, hi, plainLo, plainHi)
	}
}

// Differences whose squares vanish or overflow do not make an interval of nothing.
func TestBCaOfAnySize(t *testing.T) {
	for _, scale := range []float64{1, 1e-122, 1e-300, 1e150, 1e300} {
		values, jackknife := make([]float64, 0, 100), make([]float64, 0, 40)
		for i := range 100 {
			values = append(values, scale*float64(i*i))
		}
		for i := range 40 {
			jackknife = append(jackknife, scale*(1000+float64(i*i)/40))
		}
		lo, hi, ok := bca(values, scale*1600, jackknife)
		if !ok || !(lo < scale*1600 && scale*1600 < hi) {
			t.Errorf("at %g: %g to %g, %v", scale, lo, hi, ok)
		}
	}
}

// Many rows of few units are few: the interval is corrected where rows of a unit belong
// together, by the number of units.
func TestFewUnitsAreCorrected(t *testing.T) {
	rows := NewBootstrap("few")
	score := func(boot *Bootstrap, units, each int) (corrected bool) {
		m, faults := Bind("mae@1", Setup{Column: "p", Boot: boot})
		if faults != nil {
			t.Fatal(faults)
		}
		b := &Block{Rows: units * each, Pred: []Column{{Flt: make([]float64, units*each)}}}
		for i := range b.Rows {
			unit := i / each
			b.Truth.Flt = append(b.Truth.Flt, Exp(3*float64(unit%17)/16))
			bucket := boot.Bucket("unit " + Number(float64(unit)))
			if boot.coarse {
				bucket = CoarseBucket(bucket)
			}
			b.Bucket = append(b.Bucket, bucket)
		}
		acc := m.New()
		acc.Add(b)
		r := acc.Result()
		lo, hi := interval(append([]float64{}, acc.(Sampler).Sample()...))
		return r.Lo != lo || r.Hi != hi
	}
	for _, c := range []struct {
		boot        *Bootstrap
		units, each int
		want        bool
	}{
		{rows, 60, 20, false}, {rows.ByUnits(), 60, 20, true}, {rows.ByUnits().Coarse(), 60, 20, true},
		{rows.ByUnits(), 450, 20, true}, {rows.ByUnits(), 550, 2, false}, {rows.ByUnits().Coarse(), 800, 2, false}, {rows.ByUnits(), 30, 1, true},
	} {
		if got := score(c.boot, c.units, c.each); got != c.want {
			t.Errorf("%d units of %d rows, known %v, coarse %v: corrected %v", c.units, c.each, c.boot.units, c.boot.coarse, got)
		}
	}
}
