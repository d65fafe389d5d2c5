package evaluator

import (
	"math"
	"strings"
	"testing"

	"aihub"
	"aihub/scenarios"
)

// goldSpec is textSpec with more said of its truth.
func goldSpec(t *testing.T, truth, metrics string) scenarios.Spec {
	t.Helper()
	spec := textSpec(t, "jsonl", metrics)
	spec.Truth.Separator, spec.Truth.Empty = "", false
	for _, f := range strings.Fields(truth) {
		if f == "empty" {
			spec.Truth.Empty = true
		} else {
			spec.Truth.Separator = f
		}
	}
	if faults := scenarios.Lint(spec); len(faults) > 0 {
		t.Fatal(lines(t, faults))
	}
	return spec
}

// Several right texts of a row, and none: by hand.
func TestScoreGolds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		truth, metrics string
		said, heard    []string
		want           []float64
	}{
		// Of the first the second gold is said, but for its article; of the second the best gold
		// shares one of 1 and 2 words: 2/3; of the third there is no answer, and none is given; of
		// the fourth one is.
		{"| empty", "{use: qa_em@1, primary: true, params: {units: words}}, {use: qa_f1@1, params: {units: words}}", []string{"the cat | a dog", "red | black cat", "", ""}, []string{"dog", "cat", "", "cat"}, []float64{2.0 / 4, (1 + 2.0/3 + 1) / 4}},
		// The second reference is said word by word; without it half of the words are wrong.
		{"||", "{use: rouge1@1, primary: true, params: {tokenize: space}}, {use: bleu@1, params: {tokenize: space}}, {use: ter@1, params: {tokenize: space}}",
			[]string{"a b x y||a b c d"}, []string{"a b c d"}, []float64{1, 100, 0}},
		{"", "{use: ter@1, primary: true, params: {tokenize: space}}", []string{"a b x y"}, []string{"a b c d"}, []float64{0.5}},
		// Two words for an utterance in which nothing was said, of four that were.
		{"empty", "{use: wer@1, primary: true}, {use: wer_ins@1}, {use: ser@1}", []string{"", "a b c d"}, []string{"x y", "a b c d"}, []float64{0.5, 0.5, 0.5}},
	} {
		spec := goldSpec(t, c.truth, c.metrics)
		var truth [][2]string
		for i, v := range c.said {
			truth = append(truth, [2]string{"k" + string(rune('0'+i)), v})
		}
		got, _, err := ScoreLocal(t.Context(), spec, write(t, heardLines(c.heard)), saidParquet(t, truth), nil, nil)
		if err != nil {
			t.Fatal(c.truth, err, lines(t, faultsOf(err)))
		}
		for i, v := range got {
			if math.Abs(v.Value-c.want[i]) > 1e-12 || v.Status != aihub.MetricOK || v.N != int64(len(c.said)) {
				t.Errorf("%s: %+v, want %v", c.truth, v, c.want[i])
			}
		}
		plan, err := NewPlan(spec, "golds")
		if err != nil {
			t.Fatal(err)
		}
		hidden, err := Scoring{Plan: plan, Key: "id", Dir: t.TempDir()}.Run(t.Context(), saidParquet(t, truth), write(t, heardLines(c.heard)))
		if err != nil || len(hidden.Faults) > 0 {
			t.Fatal(err, lines(t, hidden.Faults))
		}
		for i, v := range hidden.Values {
			if v.Value != got[i].Value {
				t.Errorf("%s: hidden %+v, want %+v", c.truth, v, got[i])
			}
		}
		loaded, err := ReadTruth(t.Context(), saidParquet(t, truth), "id", spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, faults, err := SelfTest(t.Context(), spec, loaded, t.TempDir(), nil); err != nil || len(c.said) > 1 && len(faults) > 0 {
			t.Errorf("%s: self-test: %v %v", c.truth, err, lines(t, faults))
		}
	}
	// Without truth.empty no text may be, nor one of several.
	for truth, label := range map[string]string{"": "", "|": "a||b"} {
		_, err := ReadTruth(t.Context(), saidParquet(t, [][2]string{{"a", label}}), "id", goldSpec(t, truth, "{use: qa_em@1}"))
		if f := faultsOf(err); len(f) != 1 || f[0].Code != "empty_label" {
			t.Errorf("%q: %v", truth, err)
		}
	}
}
