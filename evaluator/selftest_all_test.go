package evaluator

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/scenarios"
)

// As a primary metric, every metric that a spec may name passes the self-test on
// sound labels, but for those that a constant answer wins: they cannot rank alone.
func TestEveryMetricPassesSelfTest(t *testing.T) {
	t.Parallel()
	won, declared := []string{}, map[string]int{}
	for _, use := range slices.Sorted(maps.Keys(scenarios.KnownMetrics)) {
		info := scenarios.KnownMetrics[use]
		if info.Needs.Scorer() {
			continue
		}
		spec, ok := anySpec(t, use)
		if !ok {
			continue
		}
		truth := anyTruth(spec, info)
		results, faults, err := SelfTest(t.Context(), spec, truth, t.TempDir(), nil)
		// A number, in a column or within a cell, may not be NaN; names, words, yes and no
		// and lists of texts have none.
		kind := cellsOf(spec)
		numbers := kind == nil && spec.Output.Columns[0].Type == "float64" || kind != nil && !kind.Words && info.Needs != scenarios.NeedsDecisions && info.Needs != scenarios.NeedsSolutions
		if tried := slices.ContainsFunc(results, func(r aihub.SelfTest) bool { return r.Predictions == aihub.TrialNaN && r.Passed }); tried != numbers {
			t.Errorf("%s: NaN was tried %v, want %v", use, tried, numbers)
		}
		for _, r := range results {
			if r.Declared != aihub.DeclaredWorse && r.Declared != aihub.DeclaredNothing && !r.Passed && !slices.ContainsFunc(faults, func(f aihub.Fault) bool {
				return f.Where == r.Predictions && strings.Contains(f.Message.EN, "as good for such")
			}) {
				t.Errorf("%s: of %s predictions %s is declared, and it is %s", use, r.Predictions, r.Wanted(), r.Got())
			}
			if r.Declared == aihub.DeclaredValue && (r.Predictions == aihub.TrialConstant || r.Predictions == aihub.TrialRandom || r.Predictions == aihub.TrialBlank) {
				declared[r.Predictions]++
			}
		}
		for _, f := range faults {
			if f.Where == "perfect" || f.Where == "shuffled" || f.Where == "NaN" || f.Where == "empty" {
				t.Errorf("%s: %v", use, lines(t, faults))
			}
		}
		if values, err := perfect(t.Context(), spec, truthFile(t, spec, truth), "key", t.TempDir()); err != nil || len(values) != 1 || values[0].Status == aihub.MetricUndefined {
			t.Errorf("%s: the truth against itself is %+v, %v", use, values, err)
		}
		if err != nil {
			t.Errorf("%s: %v", use, err)
		} else if len(faults) > 0 {
			won = append(won, use)
		}
	}
	// Specificity and the rate of false alarms are won by never raising one, width
	// by saying one number, and the two best of two classes always hold the truth.
	// Of units: one track or cluster for everything associates perfectly, clusters of
	// one are homogeneous, silence confuses nobody and raises no alarm. Who says no to
	// everybody treats all groups alike. One false alarm an hour, of trials of an hour
	// each, allows all of them. Who says nothing substitutes and inserts nothing, and of
	// one word for another nothing is deleted. Slices of which all is wrong are alike. How likely a text is the algorithm says itself,
	// and texts in another order are as diverse.
	want := []string{"assa@1", "bits_per_byte@1", "cer_ins@1", "cer_sub@1", "completeness@1", "der_confusion@1", "der_false_alarm@1", "distinct_n@1", "equal_opportunity@1", "equalized_odds@1", "equalized_odds_mean@1", "er_pairwise_recall@1", "fpr@1", "fragments@1", "homogeneity@1", "idsw@1",
		"interval_width@1", "kws_frr@1", "loca@1", "partly_tracked@1", "perplexity@1", "self_bleu@1", "slice_gap@1", "specificity@1", "top_k@1", "wer_del@1", "wer_ins@1", "wer_sub@1"}
	// Of these many metrics it is declared what such predictions come to.
	if declared[aihub.TrialConstant] < 65 || declared[aihub.TrialRandom] < 35 || declared[aihub.TrialBlank] < 100 {
		t.Errorf("declared: %v", declared)
	}
	if !slices.Equal(won, want) {
		t.Errorf("a constant answer wins %v, want %v", won, want)
	}
}

// anyTruth has rows that anySpec can score.
func anyTruth(spec scenarios.Spec, info scenarios.MetricInfo) *Truth {
	truth, rows := &Truth{}, 300
	if info.Needs.Cells() && info.Needs != scenarios.NeedsDecisions {
		rows = 60 // more would take long to match
	}
	for i := range rows {
		truth.Keys = append(truth.Keys, fmt.Sprint("row", i))
		if n := int16(len(spec.Truth.Classes)); n > 0 {
			truth.Label.Class = append(truth.Label.Class, int16(i*7%11)%n)
		} else if info.Needs.Cells() {
			truth.Label.Str = append(truth.Label.Str, someCell(info.Needs, i))
		} else if info.Needs.Texts() {
			truth.Label.Str = append(truth.Label.Str, fmt.Sprintf("第%d句 of some words", i))
		} else {
			truth.Label.Flt = append(truth.Label.Flt, float64(1+i*37%101))
		}
	}
	return truth
}

// anySpec has one metric, and columns that it can score; false when no spec can name it.
func anySpec(t *testing.T, use string) (spec scenarios.Spec, ok bool) {
	t.Helper()
	info, _ := scenarios.Spec{}.Info(scenarios.Metric{Use: use, Params: map[string]any{"cap": 1000.0}})
	classes, columns, truthType := "", "{name: p, type: float64, range: [0, 1]}", "string"
	switch info.Needs {
	case scenarios.NeedsUtterances, scenarios.NeedsPassages, scenarios.NeedsAnswers, scenarios.NeedsObjects, scenarios.NeedsTurns, scenarios.NeedsRuns,
		scenarios.NeedsPixels, scenarios.NeedsTracks, scenarios.NeedsSpans, scenarios.NeedsLinks, scenarios.NeedsClusters, scenarios.NeedsSegments,
		scenarios.NeedsSeries, scenarios.NeedsTrials, scenarios.NeedsLabels, scenarios.NeedsDecisions, scenarios.NeedsSurvival,
		scenarios.NeedsDistributions, scenarios.NeedsWords, scenarios.NeedsLikelihoods, scenarios.NeedsProbes, scenarios.NeedsGenerated, scenarios.NeedsShapes,
		scenarios.NeedsPictures, scenarios.NeedsSignals, scenarios.NeedsTerms, scenarios.NeedsSolutions, scenarios.NeedsSlices, scenarios.NeedsRatings:
		columns = "{name: p, type: string}"
	case scenarios.NeedsClass:
		classes, columns = "classes: [a, b, c], ", "{name: p, type: string}"
	case scenarios.NeedsScore, scenarios.NeedsProbability:
		classes = "classes: [a, b], "
	default:
		columns, truthType = "{name: p, type: float64, range: [0, 1000]}, {name: q, type: float64, range: [0, 1000]}", "float64"
	}
	params := []string{}
	for _, p := range info.Params {
		switch {
		case p.Name == "upper" || p.Name == "up":
			params = append(params, p.Name+": q")
		case p.Name == "positive" && info.Needs == scenarios.NeedsClass:
			params = append(params, "positive: b")
		case p.Name == "min_n" && info.Needs == scenarios.NeedsSlices:
			params = append(params, "min_n: 5")
		case p.Name == "cap":
			params = append(params, "cap: 1000")
		case p.Name == "range":
			params = append(params, "range: 255")
		case p.Name == "frequency":
			params = append(params, "frequency: rcf")
		case p.Name == "costs":
			params = append(params, `costs: "0,1,2;1,0,1;2,1,0"`)
		case p.Required && p.Whole:
			params = append(params, p.Name+": 2")
		case p.Required:
			params = append(params, p.Name+": 2.5")
		}
	}
	src := fmt.Sprintf(specHead+`output: {columns: [%s]}
truth: {column: label, %stype: %s}
metrics: [{use: %s, prediction: p, primary: true, params: {%s}}]
sharing: {score: {step: 0.1, range: [0, 1]}}
rounds: [{name: main, bits: 64}]
agreement: {zh: 同意, en: agreed}
`, columns, classes, truthType, use, strings.Join(params, ", "))
	spec, _, err := scenarios.Parse(use, []byte(src))
	if err != nil && !strings.Contains(err.Error(), "sharing.score.range") {
		t.Logf("%s cannot be named here: %v", use, err)
		return spec, false
	}
	if err != nil {
		lo, hi := info.Range[0], info.Range[1]
		if math.IsInf(lo, 0) {
			lo = hi - 10
		}
		if math.IsInf(hi, 0) {
			hi = lo + 10
		}
		if spec, _, err = scenarios.Parse(use, []byte(strings.Replace(src, "range: [0, 1]}}", fmt.Sprintf("range: [%g, %g]}}", lo, hi), 1))); err != nil {
			t.Logf("%s cannot be named here: %v", use, err)
			return spec, false
		}
	}
	return spec, true
}

// someCell is a true cell of unit i.
func someCell(n scenarios.Needs, i int) string {
	switch n {
	case scenarios.NeedsObjects:
		size := []int{10, 50, 150}[i%3]
		points := ""
		for p := range 17 {
			points += fmt.Sprintf(",%d,%d,2", i+p*size/17, 2*i+p*p*size/289)
		}
		return fmt.Sprintf(`[{"category_id":%d,"bbox":[%d,%d,%d,%d],"area":%d,"keypoints":[%s]}]`, i%3, i, 2*i, size, size, size*size, points[1:])
	case scenarios.NeedsSegments:
		return fmt.Sprintf("2 4 1*%d 2*%d\n1 %d\n2 0", 2+i%3, 6-i%3, i%2)
	case scenarios.NeedsTurns:
		return fmt.Sprintf("0 %d.5 a\n%d 2 b", 1+i%7, 20+i%5)
	case scenarios.NeedsRuns:
		return fmt.Sprintf("d%d 1\ne%d 2", i, i)
	case scenarios.NeedsShapes:
		return fmt.Sprintf("2 9 0*%d 1*2 0*%d", 1+i%15, 15-i%15)
	case scenarios.NeedsPixels:
		return fmt.Sprintf("2 4 %d*3 %d*5", i%2, (i/2)%2)
	case scenarios.NeedsTracks:
		return fmt.Sprintf("1 1 %d 0 9 9\n2 1 %d 0 9 9\n2 2 0 %d 9 9", i, i+1, 20+i)
	case scenarios.NeedsSpans:
		return fmt.Sprintf(`[["T",%d,%d]]`, i%50, i%50+2)
	case scenarios.NeedsLinks:
		return fmt.Sprintf(`{"true":"Q%d","of":50}`, i)
	}
	switch n {
	case scenarios.NeedsSeries:
		return fmt.Sprintf(`{"past":[%d,2,%d],"truth":[%d],"naive2":[%d]}`, 3+i, i%2, 1+i%11, 2+i%9)
	case scenarios.NeedsTrials:
		return []string{"target 1", "other 1", "other 1"}[i%3]
	case scenarios.NeedsLabels:
		return []string{"1 0 0", "0 1 1", "1 1 0", "0 0 1"}[i%4]
	case scenarios.NeedsDecisions:
		return []string{"yes a", "no a", "no b", "yes b", "yes b"}[i%5]
	case scenarios.NeedsDistributions:
		return fmt.Sprint(i * 7 % 61)
	case scenarios.NeedsWords:
		return fmt.Sprintf("第 %d 句\n句", i)
	case scenarios.NeedsProbes:
		return fmt.Sprintf(`{"matches":["m%d","n%d"],"of":50}`, i, i)
	case scenarios.NeedsRatings:
		return fmt.Sprint(i%2, i%2, []int{0, 1, 1}[i%3])
	case scenarios.NeedsPictures:
		return fmt.Sprintf("8 8 %d*20 %d*40 7*4", i%7*30, 255-i%11*20)
	case scenarios.NeedsSignals:
		return fmt.Sprint(1+i%7, " ", -i%5, " ", i%3, " ", i%2)
	case scenarios.NeedsTerms:
		return fmt.Sprintf("900\n%d %d.5 stop\n1 2 word %d", i, i, i%5)
	case scenarios.NeedsSolutions:
		return fmt.Sprintf(`["x=%d"]`, i)
	case scenarios.NeedsSlices:
		return fmt.Sprint(i*7%61, " ", []string{"a", "b", "c"}[i%3])
	case scenarios.NeedsSurvival:
		return fmt.Sprint(i*7%61, " ", []string{"end", "lost"}[i%3/2])
	}
	return fmt.Sprint("cluster ", i%40)
}
