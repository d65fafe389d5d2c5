package evaluator

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"aihub/internal/table"
	"aihub/scenarios"
)

// Every metric that can be primary has draws, by which submissions are compared and those
// that are nearly the same are found.
func TestEveryMetricHasDraws(t *testing.T) {
	t.Parallel()
	var without []string
	for _, use := range slices.Sorted(maps.Keys(scenarios.KnownMetrics)) {
		info := scenarios.KnownMetrics[use]
		if info.Needs.Scorer() || info.Needs.Timed() {
			continue // one number; nothing that ranks
		}
		spec, ok := anySpec(t, use)
		if !ok {
			continue
		}
		truth := anyTruth(spec, info)
		plan, err := NewPlan(spec, "a seed")
		if err != nil {
			t.Fatal(use, err)
		}
		// A third of the rows have the truth of another.
		rng := rand.New(rand.NewPCG(5, 6))
		from := make([]int, len(truth.Keys))
		for i := range from {
			if from[i] = i; i%3 == 0 {
				from[i] = rng.IntN(len(from))
			}
		}
		s := &selfTest{plan: plan, spec: plan.spec, truth: truth}
		b := s.answers(truth.Label, from)
		s.name(b)
		path := filepath.Join(t.TempDir(), "predictions")
		f, err := os.Create(path)
		if err == nil {
			err = writeTable(f, table.FormatCSV, b)
		}
		if err != nil {
			t.Fatal(use, err)
		}
		got, err := Scoring{Plan: plan, Key: "key", Dir: t.TempDir()}.Run(t.Context(), truthFile(t, spec, truth), path)
		if err != nil || got.Faults != nil {
			t.Fatal(use, err, lines(t, got.Faults))
		}
		if len(got.Sample) == 0 {
			without = append(without, use+" "+string(got.Values[0].Status)+" "+got.Values[0].Reason)
		}
	}
	if len(without) > 0 {
		t.Errorf("no draws: %q", without)
	}
}
