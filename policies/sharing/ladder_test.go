package sharing

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"aihub"
)

func ok(id string, v float64) aihub.MetricValue {
	return aihub.MetricValue{ID: id, Signature: id + "@1", Value: v, N: 2000, Status: aihub.MetricOK, Lo: v - 0.01, Hi: v + 0.01}
}

func undefined(id string) aihub.MetricValue {
	return aihub.MetricValue{ID: id, Signature: id + "@1", N: 2000, Status: aihub.MetricUndefined, Reason: "the truth has one class, 公园"}
}

func terms(step, lo, hi float64, min bool, others ...string) Terms {
	var t Terms
	for _, id := range others {
		t.Metrics = append(t.Metrics, Metric{ID: id, Step: step, Lo: lo, Hi: hi})
	}
	t.Metrics = append(t.Metrics, Metric{ID: "p", Primary: true, Min: min, Step: step, Lo: lo, Hi: hi})
	return t
}

// apply asks without a paired test.
func apply(t Terms, sealed, best []aihub.MetricValue) ([]aihub.MetricValue, string, error) {
	a, err := t.Answer(Question{Sealed: sealed, Best: best})
	return a.Values, a.Note, err
}

func TestLadder(t *testing.T) {
	acc, mae := terms(0.01, 0, 1, false), terms(0.5, 0, 60, true)
	type step struct {
		sealed float64
		shown  string // as JSON prints it
		note   string
	}
	for name, c := range map[string]struct {
		terms Terms
		steps []step
	}{
		"up by a step": {acc, []step{
			{0.8312, "0.83", ""},
			{0.8399, "0.83", NoImprovement}, // rounds up to 0.84 but does not gain a step
			{0.84, "0.84", ""},
			{0.8399999999999999, "0.84", NoImprovement},
			{0.2, "0.84", NoImprovement},
			{0.8549, "0.85", ""},
			{1, "1", ""},
			{1, "1", NoImprovement},
		}},
		"binary dust is no gain and no loss": {acc, []step{
			{0.1, "0.1", ""},
			{0.1 + 0.01, "0.11", ""}, // 0.11 in binary is a hair off
			{0.7999999999999999, "0.8", ""},
			{0.1 + 0.7 + 0.01, "0.81", ""},
		}},
		"smaller is better": {mae, []step{
			{12.34, "12.5", ""},
			{12.1, "12.5", NoImprovement},
			{11.9, "12", ""},
			{3.25, "3.5", ""}, // a tie goes to the larger multiple
			{0.1, "0", ""},
			{0, "0", NoImprovement},
		}},
		"beyond the range": {mae, []step{
			{1e9, "60", ""},
			{80, "60", NoImprovement},
			{59.4, "59.5", ""},
			{-5, "0", ""},
			{-500, "0", NoImprovement},
		}},
		"three decimals": {terms(0.005, 0, 1, false), []step{{0.83499, "0.835", ""}, {0.8401, "0.84", ""}}},
		"whole numbers":  {terms(5, -20, 20, false), []step{{-3, "-5", ""}, {-2, "-5", NoImprovement}, {0.2, "0", ""}, {7.4, "5", ""}}},
	} {
		var best []aihub.MetricValue
		for i, s := range c.steps {
			shown, note, err := apply(c.terms, []aihub.MetricValue{ok("p", s.sealed)}, best)
			if err != nil {
				t.Fatalf("%s, step %d: %v", name, i, err)
			}
			if got := jsonOf(t, shown[0].Value); got != s.shown || note != s.note {
				t.Errorf("%s, step %d: sealed %v shown as %s %q, want %s %q", name, i, s.sealed, got, note, s.shown, s.note)
			}
			best = shown
		}
	}
}

func TestNothingElseLeaves(t *testing.T) {
	tm := terms(0.01, 0, 1, false, "f1", "auc")
	deg := ok("f1", 0)
	deg.Status, deg.Reason = aihub.MetricDegenerate, "nothing predicted as 公园"
	shown, note, err := apply(tm, []aihub.MetricValue{ok("secret", 0.123456), ok("p", 0.83123), undefined("auc"), deg}, nil)
	if err != nil || note != "" {
		t.Fatal(note, err)
	}
	want := `[{"id":"p","signature":"p@1","value":0.83,"n":0,"status":"ok"},` +
		`{"id":"f1","signature":"f1@1","value":0,"n":0,"status":"ok"},` +
		`{"id":"auc","signature":"auc@1","value":0,"n":0,"status":"undefined","reason":"undefined_on_hidden_part"}]`
	if got := jsonOf(t, shown); got != want {
		t.Errorf("shown\n%s\nwant\n%s", got, want)
	}
	// Even when the caller hands in a best that says more than it may.
	best := slices.Clone(shown)
	best[0].Lo, best[0].Hi, best[0].N, best[0].Reason = 0.82, 0.84, 99, "x"
	again, note, err := apply(tm, []aihub.MetricValue{ok("p", 0.831), ok("f1", 0.999), ok("auc", 0.999)}, best)
	if err != nil || note != NoImprovement || jsonOf(t, again) != want {
		t.Errorf("without improvement: %s %q %v", jsonOf(t, again), note, err)
	}
	if n := Note(note); n.EN == "" || n.ZH == "" || !Note("").IsZero() {
		t.Errorf("note texts: %+v", n)
	}
}

func TestUndefinedPrimary(t *testing.T) {
	tm := terms(0.01, 0, 1, false, "f1")
	first, note, err := apply(tm, []aihub.MetricValue{undefined("p"), ok("f1", 0.7)}, nil)
	if err != nil || note != "" || len(first) != 1 || first[0].Status != aihub.MetricUndefined || first[0].Reason != UndefinedReason {
		t.Fatalf("first: %s %q %v", jsonOf(t, first), note, err)
	}
	again, note, err := apply(tm, []aihub.MetricValue{undefined("p"), ok("f1", 0.9)}, first)
	if err != nil || note != NoImprovement || jsonOf(t, again) != jsonOf(t, first) {
		t.Errorf("again: %s %q %v", jsonOf(t, again), note, err)
	}
	better, note, err := apply(tm, []aihub.MetricValue{ok("p", 0), ok("f1", 0.9)}, first)
	if err != nil || note != "" || len(better) != 2 {
		t.Errorf("a value after undefined: %s %q %v", jsonOf(t, better), note, err)
	}
	stays, note, err := apply(tm, []aihub.MetricValue{undefined("p"), undefined("f1")}, better)
	if err != nil || note != NoImprovement || jsonOf(t, stays) != jsonOf(t, better) {
		t.Errorf("undefined after a value: %s %q %v", jsonOf(t, stays), note, err)
	}
}

func TestMixedUpIsAnError(t *testing.T) {
	tm := terms(0.01, 0, 1, false, "f1")
	good := []aihub.MetricValue{ok("p", 0.8), ok("f1", 0.7)}
	with := func(v aihub.MetricValue) []aihub.MetricValue { return []aihub.MetricValue{v, ok("f1", 0.7)} }
	strange := ok("p", 0.8)
	strange.Status = ""
	for name, c := range map[string]struct{ sealed, best []aihub.MetricValue }{
		"no primary":             {[]aihub.MetricValue{ok("f1", 1)}, nil},
		"no secondary":           {[]aihub.MetricValue{ok("p", 1)}, nil},
		"not a number":           {with(ok("p", math.NaN())), nil},
		"endless":                {with(ok("p", math.Inf(1))), nil},
		"no status":              {with(strange), nil},
		"best without primary":   {good, []aihub.MetricValue{ok("f1", 0.5)}},
		"best of other terms":    {good, with(ok("p", 0.795))},
		"best outside the range": {good, with(ok("p", 1.01))},
		"best that is no number": {good, with(ok("p", 1e300))},
		"secondary not a number": {[]aihub.MetricValue{ok("p", 1), ok("f1", math.NaN())}, nil},
		"best with no f1 in it":  {with(ok("p", 0.5)), []aihub.MetricValue{ok("p", 0.8)}},
	} {
		shown, note, err := apply(tm, c.sealed, c.best)
		if err == nil || shown != nil || note != "" {
			t.Errorf("%s: shown %s %q", name, jsonOf(t, shown), note)
		}
	}
}

// drawTerms draws steps of 1, 2, 2.5 or 5 times a power of ten.
func drawTerms(t *rapid.T) Terms {
	step, err := strconv.ParseFloat(rapid.SampledFrom([]string{"1", "2", "2.5", "5"}).Draw(t, "mantissa")+
		"e"+strconv.Itoa(rapid.IntRange(-5, 2).Draw(t, "exponent")), 64)
	if err != nil {
		t.Fatal(err)
	}
	lo := rapid.Float64Range(-5, 5).Draw(t, "lo") * step
	hi := lo + step*rapid.Float64Range(2.1, 900).Draw(t, "width")
	return terms(step, lo, hi, rapid.Bool().Draw(t, "min"), "s")
}

func drawSealed(t *rapid.T, tm Terms) []aihub.MetricValue {
	one := func(id string) aihub.MetricValue {
		if rapid.IntRange(0, 9).Draw(t, id+" undefined") == 0 {
			return undefined(id)
		}
		v := ok(id, rapid.Float64Range(tm.Metrics[0].Lo-2*tm.Metrics[0].Step, tm.Metrics[0].Hi+2*tm.Metrics[0].Step).Draw(t, id))
		v.Lo = rapid.Float64().Draw(t, id+" lo")
		v.N = rapid.Int64().Draw(t, id+" n")
		return v
	}
	return []aihub.MetricValue{one("s"), one("p")}
}

// Along any sequence of submissions: values lie on the grid and in the range,
// print as short decimals, and the best shown never gets worse, nor better by
// less than a step.
func TestAlongASequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tm := drawTerms(t)
		var best []aihub.MetricValue
		for range rapid.IntRange(1, 12).Draw(t, "submissions") {
			sealed := drawSealed(t, tm)
			kept, keptBest := slices.Clone(sealed), slices.Clone(best)
			shown, note, err := apply(tm, sealed, best)
			if err != nil {
				t.Fatal(err)
			}
			again, note2, _ := apply(tm, sealed, best)
			same := func(a, b []aihub.MetricValue) bool { return slices.EqualFunc(a, b, aihub.MetricValue.Equal) }
			if !same(shown, again) || note != note2 || !same(sealed, kept) || !same(best, keptBest) {
				t.Fatal("not a function of its arguments, or it changed them")
			}
			for _, v := range shown {
				if v.Status == aihub.MetricUndefined {
					if v.Value != 0 {
						t.Fatalf("undefined, yet it says %v", v.Value)
					}
					continue
				}
				k := new(big.Rat).Quo(exact(v.Value), exact(tm.Metrics[0].Step))
				if !k.IsInt() || v.Value < tm.Metrics[0].Lo || v.Value > tm.Metrics[0].Hi {
					t.Fatalf("%v is not a multiple of %v in [%v, %v]", v.Value, tm.Metrics[0].Step, tm.Metrics[0].Lo, tm.Metrics[0].Hi)
				}
				if decimals(v.Value) > decimals(tm.Metrics[0].Step) {
					t.Fatalf("%v has more decimals than the step %v", v.Value, tm.Metrics[0].Step)
				}
				if v.Lo != 0 || v.Hi != 0 || v.N != 0 || v.Slices != nil {
					t.Fatalf("more than a value left: %+v", v)
				}
			}
			if note == NoImprovement && !same(shown, best) {
				t.Fatal("something changed without improvement")
			}
			if note == "" && len(best) > 0 && best[0].Status == aihub.MetricOK {
				gain := new(big.Rat).Sub(exact(shown[0].Value), exact(best[0].Value))
				if tm.Metrics[1].Min {
					gain.Neg(gain)
				}
				if gain.Cmp(exact(tm.Metrics[0].Step)) < 0 {
					t.Fatalf("%v replaced %v: less than a step of %v", shown[0].Value, best[0].Value, tm.Metrics[0].Step)
				}
			}
			best = shown
		}
	})
}

// Two sealed scores that fall on the same symbol give the same bytes.
func TestOnlyTheSymbolLeaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tm := drawTerms(t)
		a := drawSealed(t, tm)
		shown, _, err := apply(tm, a, nil)
		if err != nil {
			t.Fatal(err)
		}
		// A second score: the first one's symbols as values, everything else new.
		b := slices.Clone(shown)
		for i := range b {
			b[i].N, b[i].Lo, b[i].Hi = 7, -1, 1
			if b[i].Status == aihub.MetricUndefined {
				b[i].Reason = "another reason"
			}
		}
		if len(b) == 1 {
			b = append(b, ok("s", rapid.Float64Range(-9, 9).Draw(t, "unseen")))
		}
		again, _, err := apply(tm, b, nil)
		if err != nil || !slices.EqualFunc(shown, again, aihub.MetricValue.Equal) {
			t.Fatalf("%+v and %+v (%v)", shown, again, err)
		}
	})
}

// The price is honest: over every sealed score on a fine net and every best,
// Apply answers in no more ways than 2^Price.
func TestPriceCountsEverySymbol(t *testing.T) {
	for _, min := range []bool{false, true} {
		tm := terms(0.25, 0, 1, min, "s")
		bits, err := Price(tm)
		if err != nil {
			t.Fatal(err)
		}
		var values []func(string) aihub.MetricValue
		for i := -8; i <= 72; i++ {
			v := float64(i) / 64
			values = append(values, func(id string) aihub.MetricValue { return ok(id, v) })
		}
		values = append(values, undefined, func(id string) aihub.MetricValue {
			d := ok(id, 0.5)
			d.Status, d.Reason = aihub.MetricDegenerate, "by convention"
			return d
		})
		bests := [][]aihub.MetricValue{nil}
		for _, p := range []float64{0, 0.25, 0.5, 0.75, 1} {
			shown, _, err := apply(tm, []aihub.MetricValue{ok("p", p), ok("s", 0.5)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			bests = append(bests, shown)
		}
		for _, best := range bests {
			answers := map[string]bool{}
			for _, p := range values {
				for _, s := range values {
					shown, note, err := apply(tm, []aihub.MetricValue{p("p"), s("s")}, best)
					if err != nil {
						t.Fatal(err)
					}
					b, _ := json.Marshal(shown)
					answers[string(b)+note] = true
				}
			}
			if float64(len(answers)) > math.Exp2(bits)+1e-9 {
				t.Errorf("after %v: %d answers, but a price of %.2f bits allows %.0f", best, len(answers), bits, math.Exp2(bits))
			}
			if best == nil && len(answers) != 5*6+1 { // values × (values and undefined), or undefined alone
				t.Errorf("as a first answer there are %d symbols, want 31", len(answers))
			}
		}
	}
}
