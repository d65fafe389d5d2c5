package evaluator

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/policies"
	"aihub/scenarios"
)

const timedMetrics = `
  - {use: latency@1, range: [0, 10]}
  - {use: throughput@1, range: [0, 10]}
  - {use: rtf@1, range: [0, 1], params: {media: seconds}}
`

// The record of the run is what metrics of timings read: 20 rows of 40 seconds of
// media in 8 seconds, released like any other value.
func TestWorkerTimes(t *testing.T) {
	t.Parallel()
	const roc = "\n  - {use: roc_auc@1, prediction: p, on_undefined: worst}\n"
	h := newHub(t, setup{edit: []string{roc, roc + timedMetrics[1:]}})
	h.usage = aihub.Usage{WallMS: 8000}
	sub := h.enter(h.alice, "main", h.right(20))
	h.score()
	h.toTick()
	if n := h.release(); n != 1 {
		t.Fatalf("%d were released", n)
	}
	got, err := h.db.Score(h.ctx, policies.ScopeOf(h.alice), sub.ID)
	h.must(err)
	want := map[string]float64{"accuracy": 1, "latency": 8, "throughput": 2.5, "rtf": 0.2}
	for _, v := range got.Released {
		if w, ok := want[v.ID]; ok && (math.Abs(v.Value-w) > 1e-12 || v.Status != aihub.MetricOK) {
			t.Errorf("%+v, want %v", v, w)
		}
		delete(want, v.ID)
	}
	if len(want) > 0 {
		t.Errorf("no value of %v", want)
	}
}

// Of what nobody timed there is no value, nor of media without numbers; a column of
// the truth will do for them, and the order of the spec is kept.
func TestTimings(t *testing.T) {
	t.Parallel()
	spec := textSpec(t, "jsonl", "{use: rtf@1, range: [0, 1], params: {media: said}}, {use: cer@1, primary: true}, {use: throughput@1, range: [0, 9]}, {use: latency@1, range: [0, 9], params: {q: 0.99}}")
	plan, err := NewPlan(spec, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		took time.Duration
		said string
		want string
	}{
		{0, "7", "rtf:not_measured cer:0 throughput:not_measured latency:not_measured"},
		{4 * time.Second, "7", "rtf:0.4 cer:0 throughput:0.5 latency:4"},
		{4 * time.Second, "x", "rtf:" + metric.OutOfDomain + " cer:0 throughput:0.5 latency:4"},
		{4 * time.Second, "-7", "rtf:" + metric.OutOfDomain + " cer:0 throughput:0.5 latency:4"},
	} {
		s := Scoring{Plan: plan, Key: "id", Dir: t.TempDir(), Took: c.took}
		got, err := s.Run(t.Context(), saidParquet(t, [][2]string{{"k0", c.said}, {"k1", "3"}}), write(t, heardLines([]string{c.said, "3"})))
		if err != nil || got.Faults != nil {
			t.Fatal(err, got.Faults)
		}
		var line []string
		for _, v := range got.Values {
			value := fmt.Sprint(v.ID, ":", v.Value)
			if v.Status == aihub.MetricUndefined {
				value = v.ID + ":" + v.Reason
			}
			if line = append(line, value); v.N != 2 {
				t.Errorf("%+v", v)
			}
		}
		if x := strings.Join(line, " "); x != c.want {
			t.Errorf("%v of %q: %s, want %s", c.took, c.said, x, c.want)
		}
	}
	if got, want := plan.timed[3].Signature(), "latency@1|q=0.99|warmup=0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What an algorithm writes cannot be a timing, and a timing cannot rank.
func TestTimingsAreLinted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ metrics, want string }{
		{"{use: latency@1, primary: true}", "latency@1 cannot rank"},
		{"{use: cer@1, primary: true}, {use: latency@1, prediction: sure, range: [0, 9]}", "latency@1 reads the platform's own clock, no prediction"},
		{"{use: cer@1, primary: true}, {use: latency@1, range: [0, 9], params: {warmup: 1}}", "a run is one request"},
		{"{use: cer@1, primary: true}, {use: latency@1, range: [0, 9], params: {q: 0.5}}", "of which every percentile is the same"},
		{"{use: cer@1, primary: true}, {use: latency@1, range: [0, 9], step: 0.1}", "the range holds 91 multiples of the step; how long a run took is shown in at most 64"},
		{"{use: cer@1, primary: true}, {use: rtf@1, range: [0, 9]}", "missing: write the column of the dataset"},
		{"{use: cer@1, primary: true}, {use: latency@1, range: [0, 5000]}", "[]"}, // without a step it has few levels
	} {
		_, _, err := scenarios.Parse("text", []byte(fmt.Sprintf(specHead+`output: {format: csv, columns: [{name: heard, type: string}, {name: sure, type: float64}]}
truth: {column: said}
metrics: [%s]
sharing: {score: {step: 0.01, range: [0, 1]}}
rounds: [{name: main, bits: 100}]
agreement: {zh: 同意, en: agreed}
`, c.metrics)))
		said := lines(t, faultsOf(err))
		if !strings.Contains(fmt.Sprint(said), c.want) {
			t.Errorf("%s: %v, want %s", c.metrics, said, c.want)
		}
	}
}
