package evaluator

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/policies"
	"aihub/policies/sharing"
	"aihub/scenarios"
)

// skip leaves out of a mean what the truth leaves undefined, and nothing that was
// predicted has a say in it; a number stands in the place of no value. Both are in the
// signature.
func TestOnUndefined(t *testing.T) {
	t.Parallel()
	series := []string{`{"past":[3,3],"truth":[4],"weight":5,"naive2":[3]}`, `{"past":[1,3],"truth":[4],"weight":1,"naive2":[8]}`, `{"past":[0,2,6],"truth":[5],"weight":3,"naive2":[6]}`}
	guess := []string{"[9]", "[6]", "[5]"}
	// Without the first: scales 2 and 3 (mase), 2 and 4 (from the first sale); errors 2 and 0.
	smape := func(y, f float64) float64 { return 200 * math.Abs(y-f) / (y + f) }
	for _, c := range []struct {
		metric       string
		truth, heard []string
		want         float64
		signature    string
	}{
		{"{use: series_mase@1, on_undefined: skip}", series, guess, 0.5, "series_mase@1|horizon=1|period=1|on_undefined=skip"},
		{"{use: series_rmsse@1, on_undefined: skip}", series, guess, 0.5, "series_rmsse@1|horizon=1|on_undefined=skip"},
		{"{use: wrmsse@1, on_undefined: skip}", series, guess, 0.25, "wrmsse@1|by=series|horizon=1|on_undefined=skip"},
		{"{use: owa@1, on_undefined: skip}", series, guess, (1/(2+1/3.0) + (smape(4, 9)+smape(4, 6))/(smape(4, 3)+smape(4, 8)+smape(5, 6))) / 2, "owa@1|horizon=1|period=1|on_undefined=skip"},
		{`{use: series_mase@1, on_undefined: "7.5"}`, series, guess, 7.5, "series_mase@1|horizon=1|period=1|on_undefined=7.5"},
		{`{use: series_mase@1, on_undefined: "7.5"}`, series[1:], guess[1:], 0.5, "series_mase@1|horizon=1|period=1|on_undefined=7.5"},
	} {
		spec := textSpecIn(t, "jsonl", c.metric, "[0, 10]")
		var truth [][2]string
		for i, v := range c.truth {
			truth = append(truth, [2]string{fmt.Sprint("k", i), v})
		}
		got, _, err := ScoreLocal(t.Context(), spec, write(t, heardLines(c.heard)), saidParquet(t, truth), nil, nil)
		if err != nil {
			t.Fatal(c.metric, err)
		}
		if v := got[0]; math.Abs(v.Value-c.want) > 1e-12 || v.Status == aihub.MetricUndefined || v.Signature != c.signature || v.N != int64(len(truth)) {
			t.Errorf("%s: %+v, want %v, %s", c.metric, v, c.want, c.signature)
		}
	}
}

// Of three declared classes the truth holds two; one prediction is of the third.
func TestSkippedClasses(t *testing.T) {
	t.Parallel()
	for use, want := range map[string][2]float64{
		"f1@1": {(0.5 + 2.0/3) / 2, (0.5 + 2.0/3) / 3}, "precision@1": {(0.5 + 1) / 2, (0.5 + 1) / 3}, "recall@1": {0.5, 1.0 / 3},
		"jaccard@1": {(1.0/3 + 0.5) / 2, (1.0/3 + 0.5) / 3}, "fbeta@1": {(0.5 + 5.0/9) / 2, (0.5 + 5.0/9) / 3},
	} {
		for i, how := range []string{scenarios.UndefinedSkip, scenarios.UndefinedWorst} {
			spec, _, err := scenarios.Parse(use, []byte(fmt.Sprintf(specHead+`output: {columns: [{name: p, type: string}]}
truth: {column: label, classes: [a, b, c]}
metrics: [{use: %s, on_undefined: %s}]
sharing: {score: {step: 0.1}}
rounds: [{name: main, bits: 64}]
agreement: {zh: 同意, en: agreed}
`, use, how)))
			if err != nil {
				t.Fatal(err)
			}
			plan, err := NewPlan(spec, "")
			if err != nil {
				t.Fatal(err)
			}
			truth := &Truth{Keys: strings.Fields("1 2 3 4")}
			truth.Label.Class = []int16{0, 0, 1, 1}
			pred := map[string][]int16{"p": {0, 2, 1, 0}}
			v, err := plan.Score(t.Context(), truth, classes(pred))
			if err != nil || math.Abs(v[0].Value-want[i]) > 1e-12 || strings.HasSuffix(v[0].Signature, "|on_undefined=skip") != (i == 0) {
				t.Errorf("%s, %s: %+v %v, want %v", use, how, v, err, want[i])
			}
			// Without skip perfect predictions are not perfect: zero_division is 0.
			_, faults, err := SelfTest(t.Context(), spec, truth, t.TempDir(), nil)
			if err != nil || (len(faults) > 0) != (i == 1) {
				t.Errorf("%s, %s: the self-test: %v %v", use, how, lines(t, faults), err)
			}
		}
	}
}

func TestOnUndefinedIsLinted(t *testing.T) {
	t.Parallel()
	for how, want := range map[string]string{
		"skip": "accuracy@1 has no parts that could be left out", `"1.5"`: "must lie within the values of accuracy@1, 0 to 1", "zero": `"zero" is not one of: error, skip, worst`, `"NaN"`: `"NaN" is not one of`,
	} {
		_, _, err := scenarios.Parse("x", []byte(fmt.Sprintf(specHead+`output: {columns: [{name: p, type: string}]}
truth: {column: label, classes: [a, b, c]}
metrics: [{use: accuracy@1, on_undefined: %s}]
sharing: {score: {step: 0.1}}
rounds: [{name: main, bits: 64}]
agreement: {zh: 同意, en: agreed}
`, how)))
		if said := fmt.Sprint(lines(t, faultsOf(err))); !strings.Contains(said, want) {
			t.Errorf("%s: %s, want %s", how, said, want)
		}
	}
}

// What a scorer's undefined value counts as lies in the range that the spec declares of
// it, and is in the signature.
func TestOnUndefinedOfScorer(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{"0.25": "", "7": "must lie within the values of scorer_value@1, -1 to 1", "-1": "", "Inf": "is not one of"} {
		spec, _, err := scenarios.Parse("x", []byte(specHead+`output: {columns: [{name: p, type: string}]}
truth: {column: label, classes: [a, b, c]}
scorer:
  image: sha256:`+strings.Repeat("0", 64)+`
  scores: [{name: points, range: [-1, 1], direction: max}]
metrics: [{id: points, use: scorer_value@1, prediction: points, primary: true, on_undefined: "`+number+`"}]
sharing: {score: {step: 0.1}}
rounds: [{name: main, bits: 64}]
agreement: {zh: 同意, en: agreed}
`))
		if said := fmt.Sprint(lines(t, faultsOf(err))); (err != nil) != (want != "") || !strings.Contains(said, want) {
			t.Errorf("%s: %s, want %q", number, said, want)
		}
		if err != nil {
			continue
		}
		truth := &Truth{Keys: []string{"1"}}
		truth.Label.Class = []int16{0}
		judge := trialJudge(onlyRight(), spec, "key", truthFile(t, spec, truth), "", t.TempDir())
		v, err := judge.score(t.Context(), write(t, "id,p\n"+truth.RowIDs(judge.rowKey)[0]+",a\n"))
		if err != nil || len(v) != 1 || !strings.HasSuffix(v[0].Signature, "|name=points|on_undefined="+number) {
			t.Errorf("%s: %+v %v %v", number, v, err, lines(t, faultsOf(err)))
		}
	}
}

// A number that stands for no value is never as good as perfect answers: not where the
// spec is read, not in the self-test, and a submission that it stands for improves nothing.
func TestStandInNeverWins(t *testing.T) {
	t.Parallel()
	const src = specHead + `output: {columns: [{name: p, type: float64, range: [0, 9]}]}
truth: {column: y, type: float64}
metrics: [{use: %s, primary: true, on_undefined: "%s"}]
sharing: {score: {step: 0.1, range: [0, 1]}}
rounds: [{name: main, bits: 64}]
agreement: {zh: 同意, en: agreed}
`
	for _, c := range [][3]string{{"pearson@1", "1", "1 is the best value of pearson@1"}, {"pearson@1", "0", ""}, {"wape@1", "0", "0 is the best value of wape@1"}, {"wape@1", "1", ""}} {
		_, _, err := scenarios.Parse("x", fmt.Appendf(nil, src, c[0], c[1]))
		if said := fmt.Sprint(lines(t, faultsOf(err))); !strings.Contains(said, c[2]) || (err != nil) != (c[2] != "") {
			t.Errorf("%s: %s %v", c, said, err)
		}
	}
	spec, _, err := scenarios.Parse("x", fmt.Appendf(nil, src, "pearson@1", "0"))
	if err != nil {
		t.Fatal(lines(t, faultsOf(err)))
	}
	truth := &Truth{Keys: strings.Fields("1 2 3 4 5 6 7 8")}
	truth.Label.Flt = []float64{1, 2, 3, 4, 5, 6, 7, 9}
	for number, want := range map[string]bool{"0": true, "1": false} {
		spec.Metrics[0].OnUndefined = number
		results, faults, err := SelfTest(t.Context(), spec, truth, t.TempDir(), nil)
		if said := fmt.Sprint(lines(t, faults)); err != nil || (len(faults) == 0) != want || !want && !strings.Contains(said, "counts as 1, and is as good") {
			t.Errorf("%s: %s %v", number, said, err)
		}
		for _, r := range results {
			if r.Predictions == aihub.TrialConstant && (r.Passed != want || r.Status != aihub.MetricUndefined) {
				t.Errorf("%s: %+v", number, r)
			}
		}
	}

	h := newHub(t, setup{edit: []string{"{use: accuracy@1, primary: true}", `{use: positive_precision@1, prediction: label, primary: true, on_undefined: "0.95"}`}})
	allRed := func(id func(string) string) string {
		out := "id,label,p\n"
		for _, k := range h.keys {
			out += id(k) + ",red,0\n"
		}
		return out
	}
	for i, rows := range []func(func(string) string) string{h.right(12), allRed, h.right(20)} {
		sub := h.enter(h.alice, "main", rows)
		h.score()
		h.toTick()
		if n := h.release(); n != 1 {
			t.Fatalf("%d were released", n)
		}
		got, err := h.db.Score(h.ctx, policies.ScopeOf(policies.Platform()), sub.ID)
		h.must(err)
		shown, sealed := valueOf(got.Released, "positive_precision"), valueOf(got.Sealed, "positive_precision")
		if want := []float64{0.6, 0.6, 1}[i]; shown.Value != want || (got.Note == sharing.NoImprovement) != (i == 1) || (sealed.Value == 0.95) != (i == 1) {
			t.Errorf("%d: %q %+v of %+v, want %v", i, got.Note, shown, sealed, want)
		}
	}
}

func classes(columns map[string][]int16) *Predictions {
	p := &Predictions{columns: map[string]metric.Column{}}
	for name, c := range columns {
		p.rows, p.columns[name] = len(c), metric.Column{Class: c}
	}
	return p
}
