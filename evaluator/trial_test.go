package evaluator

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aihub/scenarios"
)

// A scorer's self-test finds the value of each metric wherever the spec has its
// metrics of timings, which nothing gives a value there.
func TestTrialOfScorerTimed(t *testing.T) {
	t.Parallel()
	const timed, points = "{use: latency@1, range: [0, 9]}", "{id: points, use: scorer_value@1, prediction: points, primary: true}, {use: accuracy@1, prediction: p}"
	for _, metrics := range []string{points + ", " + timed, timed + ", " + points} {
		spec, _, err := scenarios.Parse("x", []byte(specHead+`output: {columns: [{name: p, type: string}]}
truth: {column: label, classes: [a, b, c]}
scorer:
  image: sha256:`+strings.Repeat("0", 64)+`
  scores: [{name: points, range: [0, 1], direction: max}]
metrics: [`+metrics+`]
sharing: {score: {step: 0.1}}
rounds: [{name: main, bits: 64}]
agreement: {zh: 同意, en: agreed}
`))
		if err != nil {
			t.Fatal(metrics, lines(t, faultsOf(err)))
		}
		truth := &Truth{Keys: strings.Fields("1 2 3 4 5 6 7 8")}
		truth.Label.Class = []int16{0, 1, 2, 0, 1, 2, 0, 0}
		right := "" // the first to be judged are perfect
		judge := func(_ context.Context, j Judging) (string, error) {
			b, err := os.ReadFile(j.Predictions)
			if err != nil {
				return "", err
			}
			rows := strings.Split(string(b), "\n")
			slices.Sort(rows)
			said := strings.Join(rows, "\n")
			if right == "" {
				right = said
			}
			path := filepath.Join(j.Dir, "packed")
			f, err := os.Create(path)
			if err != nil {
				return "", err
			}
			defer f.Close()
			scores := fmt.Sprintf(`{"points": %d}`, b2i(said == right))
			w := tar.NewWriter(f)
			if err := w.WriteHeader(&tar.Header{Name: scenarios.ScoresFile, Mode: 0o600, Size: int64(len(scores))}); err != nil {
				return "", err
			}
			if _, err := w.Write([]byte(scores)); err != nil {
				return "", err
			}
			return path, w.Close()
		}
		path := truthFile(t, spec, truth)
		results, faults, err := SelfTest(t.Context(), spec, truth, t.TempDir(), trialJudge(judge, spec, "key", path, "", t.TempDir()))
		if err != nil || len(faults) > 0 {
			t.Errorf("%s: %v %v", metrics, lines(t, faults), err)
		}
		for _, r := range results {
			if r.Metric == "latency" || !r.Passed {
				t.Errorf("%s: %+v", metrics, r)
			}
		}
	}
}
