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

	"aihub"
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
		path := truthFile(t, spec, truth)
		results, faults, err := SelfTest(t.Context(), spec, truth, t.TempDir(), trialJudge(onlyRight(), spec, "key", path, "", t.TempDir()))
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

// onlyRight gives 1 point to the first predictions that it judges, which are perfect, and
// to what says the same, and 0 to all others.
func onlyRight() Judge {
	right := ""
	return func(_ context.Context, j Judging) (string, error) {
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
}

// What a scorer's values must come to where predictions are constant, random or blank is
// the spec's to declare, and tried; metrics of the platform beside it have theirs.
func TestTrialOfDeclaredScorer(t *testing.T) {
	t.Parallel()
	for declared, want := range map[string]string{
		"":                                   "",
		"constant: [0, 0.2], random: [0, 0]": "",
		"constant: [0.5, 0.6]":               "points is 0 for such predictions, and must be 0.5 … 0.6",
		"random: [0.1, 1]":                   "points is 0 for such predictions, and must be 0.1 … 1",
		"constant: [0, 2]":                   "scorer.scores[0].constant: must lie in range",
		"random: [1, 0]":                     "scorer.scores[0].random: two numbers [lo, hi]",
		"perfect: 0.5":                       "points is 1 for perfect predictions, not 0.5",
	} {
		spec, _, err := scenarios.Parse("x", []byte(specHead+`output: {columns: [{name: p, type: string}]}
truth: {column: label, classes: [a, b, c]}
scorer:
  image: sha256:`+strings.Repeat("0", 64)+`
  scores: [{name: points, range: [0, 1], direction: max, `+declared+`}]
metrics: [{id: points, use: scorer_value@1, prediction: points, primary: true}, {use: accuracy@1, prediction: p}]
sharing: {score: {step: 0.1}}
rounds: [{name: main, bits: 64}]
agreement: {zh: 同意, en: agreed}
`))
		if err != nil {
			if said := fmt.Sprint(lines(t, faultsOf(err))); want == "" || !strings.Contains(said, want) {
				t.Errorf("%s: %s, want %s", declared, said, want)
			}
			continue
		}
		truth := &Truth{Keys: strings.Fields("1 2 3 4 5 6 7 8")}
		truth.Label.Class = []int16{0, 1, 2, 0, 1, 2, 0, 0}
		results, faults, err := SelfTest(t.Context(), spec, truth, t.TempDir(), trialJudge(onlyRight(), spec, "key", truthFile(t, spec, truth), "", t.TempDir()))
		if said := fmt.Sprint(lines(t, faults)); err != nil || (want == "") != (len(faults) == 0) || !strings.Contains(said, want) {
			t.Errorf("%s: %s %v, want %s", declared, said, err, want)
		}
		if i := slices.IndexFunc(results, func(r aihub.SelfTest) bool { return r.Predictions == aihub.TrialConstant && r.Metric == "accuracy" }); i < 0 || results[i].Declared != aihub.DeclaredValue || results[i].Hi < 0.5 || results[i].Lo > 0.5 {
			if !strings.Contains(want, "perfect predictions") {
				t.Errorf("%s: accuracy of the most frequent class, 4 of 8: %+v", declared, results)
			}
		}
	}
}

// In a file in which units lie mixed no number may be NaN either.
func TestTrialOfNaNInFiles(t *testing.T) {
	t.Parallel()
	for format, c := range map[string][3]string{
		"rttm": {"der@1", "0 1.5 a\n2 2 b", "0 3 b"},
		"trec": {"mrr@1", "d1 1", "d2 2"},
		"coco": {"coco_ap@1", `[{"category_id":1,"bbox":[0,0,9,9],"area":81}]`, `[{"category_id":1,"bbox":[5,0,9,9],"area":81}]`},
		"ctm":  {"wer@1", "turn left", "3 right"},
	} {
		spec, _, err := scenarios.Parse("x", []byte(fmt.Sprintf(specHead+`output: {format: %s, columns: [{name: heard, type: string}]}
truth: {column: said, type: string}
metrics: [{use: %s, prediction: heard, primary: true}]
sharing: {score: {step: 0.1, range: [0, 1]}}
rounds: [{name: main, bits: 64}]
agreement: {zh: 同意, en: agreed}
`, format, c[0])))
		if err != nil {
			t.Fatal(format, lines(t, faultsOf(err)))
		}
		truth := &Truth{Keys: []string{"k1", "k2"}}
		truth.Label.Str = []string{c[1], c[2]}
		results, faults, err := SelfTest(t.Context(), spec, truth, t.TempDir(), nil)
		if i := slices.IndexFunc(results, func(r aihub.SelfTest) bool { return r.Predictions == aihub.TrialNaN }); err != nil || i < 0 || !results[i].Passed {
			t.Errorf("%s: %+v %v %v", format, results, lines(t, faults), err)
		}
	}
}
