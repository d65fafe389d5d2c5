package sharing

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"aihub"
	"aihub/scenarios"
)

// The keys that TermsOf reads are those that a spec has.
func TestTermsOfASpec(t *testing.T) {
	spec := scenarios.Spec{
		Metrics: []scenarios.Metric{
			{ID: "acc", Use: "accuracy@1", Direction: "max", Step: 0.01, Range: []float64{0, 1}},
			{ID: "mae", Use: "mae@1", Direction: "min", Primary: true},
		},
		Sharing: scenarios.Sharing{Score: scenarios.ScoreSharing{Step: 0.5, Range: []float64{0, 60}}},
	}
	b, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	got, err := TermsOf(b)
	if err != nil {
		t.Fatal(err)
	}
	want := Terms{Metrics: []Metric{{ID: "acc", Step: 0.01, Hi: 1}, {ID: "mae", Primary: true, Min: true, Step: 0.5, Lo: 0, Hi: 60}}}
	if a, b := jsonOf(t, got), jsonOf(t, want); a != b {
		t.Errorf("got %s, want %s", a, b)
	}
	bits, err := Price(got)
	if want := math.Log2(100) + math.Log2(121+2) + math.Log2(101+2); err != nil || math.Abs(bits-want) > 1e-12 {
		t.Errorf("Price = %v, %v; want %v", bits, err, want)
	}
}

// The linter of specs promises the price that is charged here.
func TestPriceIsWhatTheLinterSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tm := drawTerms(t)
		m := tm.Metrics[0]
		spec := scenarios.Spec{
			Metrics: []scenarios.Metric{{ID: "s"}, {ID: "p", Primary: true}},
			Sharing: scenarios.Sharing{Score: scenarios.ScoreSharing{Step: m.Step, Range: []float64{
				float64(int(m.Lo/m.Step)) * m.Step, float64(int(m.Hi/m.Step)) * m.Step, // ends on the grid, with binary dust
			}}},
		}
		// What a person writes has no dust.
		for i, x := range spec.Sharing.Score.Range {
			spec.Sharing.Score.Range[i], _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 12, 64), 64)
		}
		for i := range tm.Metrics {
			tm.Metrics[i].Lo, tm.Metrics[i].Hi = spec.Sharing.Score.Range[0], spec.Sharing.Score.Range[1]
		}
		bits, err := Price(tm)
		said, ok := spec.ReleaseBits()
		if (err == nil) != ok || ok && math.Abs(bits-said) > 1e-9 {
			t.Fatalf("Price = %v, %v; the linter says %v, %v", bits, err, said, ok)
		}
	})
}

// A final part shows every digit, but not of how long a run took: an algorithm sets it.
func TestFinalTimings(t *testing.T) {
	for use, info := range scenarios.KnownMetrics {
		if info.Needs.Timed() != slices.Contains(timings, use) {
			t.Errorf("%s: the linter and the terms are of two minds whether it is a timing", use)
		}
	}
	terms, err := TermsOf([]byte(`{"metrics":[{"id":"acc","use":"accuracy@1","primary":true,"direction":"max"},{"id":"slow","use":"latency@1","direction":"min","step":5,"range":[0,60]}],
		"sharing":{"score":{"step":0.01,"range":[0,1]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	a, err := terms.Final([]aihub.MetricValue{ok("acc", 0.83123), ok("slow", 13.042)})
	if err != nil || len(a.Values) != 2 || a.Values[0].Value != 0.83123 || a.Values[1].Value != 15 || a.Values[1].Lo != 0 || a.Values[1].N != 0 {
		t.Errorf("%+v %v", a, err)
	}
	if a, err = terms.Final([]aihub.MetricValue{ok("acc", 0.83123), undefined("slow")}); err != nil || a.Values[1].Status != aihub.MetricUndefined {
		t.Errorf("%+v %v", a, err)
	}
}

func TestTermsRefused(t *testing.T) {
	a := Metric{ID: "a", Primary: true, Step: 0.01, Hi: 1}
	good := Terms{Metrics: []Metric{a}}
	if _, err := Price(good); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(*Terms){
		"no step":         func(t *Terms) { t.Metrics[0].Step = 0 },
		"negative step":   func(t *Terms) { t.Metrics[0].Step = -0.1 },
		"step not number": func(t *Terms) { t.Metrics[0].Step = math.NaN() },
		"endless step":    func(t *Terms) { t.Metrics[0].Step = math.Inf(1) },
		"too fine":        func(t *Terms) { t.Metrics[0].Step = 1e-7 },
		"empty range":     func(t *Terms) { t.Metrics[0].Lo, t.Metrics[0].Hi = 1, 1 },
		"turned range":    func(t *Terms) { t.Metrics[0].Lo, t.Metrics[0].Hi = 1, 0 },
		"one grid point":  func(t *Terms) { t.Metrics[0].Step = 0.6; t.Metrics[0].Lo = 0.1 },
		"endless range":   func(t *Terms) { t.Metrics[0].Hi = math.Inf(1) },
		"no metrics":      func(t *Terms) { t.Metrics = nil },
		"no primary":      func(t *Terms) { t.Metrics[0].Primary = false },
		"two primaries":   func(t *Terms) { t.Metrics = append(t.Metrics, Metric{ID: "b", Primary: true, Step: 0.01, Hi: 1}) },
		"an id twice":     func(t *Terms) { t.Metrics = append(t.Metrics, Metric{ID: "a", Step: 0.01, Hi: 1}) },
		"no id":           func(t *Terms) { t.Metrics[0].ID = "" },
	} {
		terms := Terms{Metrics: slices.Clone(good.Metrics)}
		f(&terms)
		if _, err := Price(terms); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%s: %v", name, err)
		}
		if shown, _, err := apply(terms, []aihub.MetricValue{ok("a", 0.5), ok("b", 0.5)}, nil); err == nil || shown != nil {
			t.Errorf("%s: shown %v", name, shown)
		}
	}
	for _, s := range []string{"", "null", "{}", `{"sharing":{"score":{"step":0.1,"range":[0]}}}`,
		`{"metrics":[{"id":"a","primary":true,"direction":"up"}],"sharing":{"score":{"step":0.1,"range":[0,1]}}}`} {
		if _, err := TermsOf([]byte(s)); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("TermsOf(%q): %v", s, err)
		}
	}
}

func TestPriceOfTwoDecimals(t *testing.T) {
	// Accuracy in steps of 0.01: 101 grid points, undefined, refused, failed in two ways; improvements are rare.
	bits, err := Price(Terms{Metrics: []Metric{{ID: "a", Primary: true, Step: 0.01, Hi: 1}}})
	if err != nil || math.Abs(bits-math.Log2(100*105)) > 1e-12 {
		t.Errorf("Price = %v, %v; want log2(100 * 105) = %v", bits, err, math.Log2(100*105))
	}
}

func FuzzTermsOf(f *testing.F) {
	f.Add([]byte(`{"metrics":[{"id":"a","primary":true,"direction":"max"}],"sharing":{"score":{"step":0.01,"range":[0,1]}}}`), 0.835)
	f.Add([]byte(`{"metrics":[{"id":"a","primary":true,"direction":"min"}],"sharing":{"score":{"step":1e-9,"range":[-1e12,1e12]}}}`), -1e300)
	f.Fuzz(func(t *testing.T, b []byte, v float64) {
		terms, err := TermsOf(b)
		if err != nil {
			return
		}
		bits, err := Price(terms)
		if err != nil || !(bits > 0) || bits > float64(len(terms.Metrics))*21+7 {
			t.Fatalf("Price = %v, %v", bits, err)
		}
		var sealed []aihub.MetricValue
		for _, m := range terms.Metrics {
			sealed = append(sealed, ok(m.ID, v))
		}
		shown, _, err := apply(terms, sealed, nil)
		if bad := math.IsNaN(v) || math.IsInf(v, 0); (err != nil) != bad || !bad && len(shown) != len(sealed) {
			t.Fatalf("Apply = %v, %v", shown, err)
		}
	})
}

func TestNextTick(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		now  string
		tick time.Duration
		want string
	}{
		{"2026-11-22T08:03:00Z", 15 * time.Minute, "2026-11-22T08:15:00Z"},
		{"2026-11-22T08:15:00Z", 15 * time.Minute, "2026-11-22T08:30:00Z"}, // strictly after
		{"2026-11-22T08:14:59.999999999Z", 15 * time.Minute, "2026-11-22T08:15:00Z"},
		{"2026-11-22T08:03:00+08:00", 24 * time.Hour, "2026-11-23T00:00:00Z"},
		{"1969-12-31T23:59:59.5Z", time.Second, "1970-01-01T00:00:00Z"},
		{"1969-12-31T23:59:59Z", time.Second, "1970-01-01T00:00:00Z"},
		{"2026-11-22T08:03:00Z", 0, "2026-11-22T08:03:00Z"},
	} {
		if got := NextTick(at(c.now), c.tick); !got.Equal(at(c.want)) {
			t.Errorf("NextTick(%s, %v) = %v, want %s", c.now, c.tick, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, rapid.Int64Range(-1<<60, 1<<61).Draw(t, "now"))
		tick := time.Duration(rapid.Int64Range(1, int64(48*time.Hour)).Draw(t, "tick"))
		got := NextTick(now, tick)
		if !got.After(now) || got.Sub(now) > tick || got.UnixNano()%int64(tick) != 0 {
			t.Fatalf("NextTick(%v, %v) = %v", now, tick, got)
		}
	})
}

func everyReason(t *testing.T) (out []aihub.Reason) {
	t.Helper()
	// The constants are read from the source, so that a new one without a text
	// fails here.
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "run.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		if id, is := v.Type.(*ast.Ident); is && id.Name == "Reason" {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, aihub.Reason(s))
		}
		return true
	})
	if len(out) < 14 {
		t.Fatalf("found only the reasons %v", out)
	}
	return out
}

func TestEveryReasonHasATextInBothLanguages(t *testing.T) {
	seen := map[string]aihub.Reason{}
	for _, r := range everyReason(t) {
		text, known := reasons[r]
		if !known || text.EN == "" || text.ZH == "" || text.EN == text.ZH {
			t.Errorf("%q: %+v", r, text)
		}
		if !strings.ContainsAny(text.EN, ";:") {
			t.Errorf("%q says what happened but no next step: %s", r, text.EN)
		}
		if first, again := seen[text.EN]; again {
			t.Errorf("%q and %q have the same text", first, r)
		}
		seen[text.EN] = r
	}
	if got := Reason("brand-new"); !strings.Contains(got.EN, "brand-new") || !strings.Contains(got.ZH, "brand-new") {
		t.Errorf("an unknown reason: %+v", got)
	}
}

// Threats V6 and V7: of a hidden run a vendor sees at most two failures, byte
// for byte.
func TestHiddenFailuresCollapse(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range []aihub.RunKind{aihub.RunTrain, aihub.RunInfer, aihub.RunScore} {
		for _, owner := range []aihub.FaultOwner{aihub.FaultVendor, aihub.FaultScenario, aihub.FaultData, aihub.FaultPlatform, aihub.FaultPolicy, ""} {
			for _, r := range everyReason(t) {
				f := Failure(kind, aihub.Failure{Owner: owner, Reason: r, Detail: "exit code 37"})
				seen[jsonOf(t, f)] = true
				if (f.Owner == aihub.FaultVendor) != (owner == aihub.FaultVendor) {
					t.Errorf("%s became %s: who pays must not change", owner, f.Owner)
				}
			}
		}
		if f := Failure(kind, aihub.Failure{}); f != (aihub.Failure{}) {
			t.Errorf("a good run became %+v", f)
		}
	}
	want := map[string]bool{`{"owner":"vendor","reason":"run_failed"}`: true, `{"owner":"platform","reason":"run_failed"}`: true}
	if len(seen) != len(want) {
		t.Errorf("seen %v", seen)
	}
	for s := range want {
		if !seen[s] {
			t.Errorf("no %s in %v", s, seen)
		}
	}
	smoke := aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonExit, Detail: "exit code 37"}
	if got := Failure(aihub.RunSmoke, smoke); got != smoke {
		t.Errorf("a smoke run's failure became %+v", got)
	}
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
