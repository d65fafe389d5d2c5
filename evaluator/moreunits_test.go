package evaluator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/evaluator/metric/text"
	"aihub/internal/blob"
	"aihub/scenarios"

	"github.com/google/go-cmp/cmp"
)

// heardLines is a file of predictions in JSON Lines, the last row first.
func heardLines(heard []string) (file string) {
	for i, h := range heard {
		b, _ := json.Marshal(map[string]any{"id": fmt.Sprint("k", i), "heard": h, "sure": 0.5})
		file = string(b) + "\n" + file
	}
	return file
}

// Units that are neither boxes nor turns, from a spec that names their metrics to values
// computed by hand.
func TestScoreMoreUnits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, metrics string
		truth, heard  []string
		want          []float64
	}{
		// 9 true words, three unknown, and 10 found ones. Right are 今天 and 好 of the first, all
		// of the third; the second spells something else. Of the unknown ones 吧 is right.
		{"words", "{use: segmentation_f1@1, primary: true}, {use: segmentation_precision@1}, {use: segmentation_recall@1}, {use: segmentation_oov_recall@1}, {use: segmentation_iv_recall@1}",
			[]string{"今天 天气 好\n天气", "深圳 欢迎 你\n深圳", "开 灯 吧\n吧"}, []string{"今天 天 气 好", "深圳  欢迎 你们", "开 灯 吧"},
			[]float64{10.0 / 19, 5.0 / 10, 5.0 / 9, 1.0 / 3, 4.0 / 6}},
		// Members: 1 less 1, and 1. Quantiles: twice the mean of 0.25 and 0.5, and of 0 and 1.
		// Without a deviation: the errors 0 and 3.
		{"distributions", `{use: crps_ensemble@1}, {use: crps_quantile@1, primary: true, params: {levels: "0.25,0.5"}}, {use: crps_gaussian@1}`,
			[]string{"2", "0"}, []string{`{"members":[3,1],"quantiles":[1,3],"mean":2,"sd":0}`, `{"members":[1,1],"quantiles":[0,2],"mean":-3,"sd":0}`},
			[]float64{0.5, 0.875, 1.5}},
		// 6 nats of 8 bytes and 4 tokens.
		{"likelihoods", "{use: bits_per_byte@1, primary: true}, {use: perplexity@1, range: [1, 100]}",
			[]string{"今天", "ab"}, []string{"4 2", "2 2"}, []float64{0.75 / math.Ln2, math.Exp(1.5)}},
		// The first is found at once: what is junk does not count. Of the second one match is at
		// place 2 of 4, and the other was not listed: at 4.
		{"probes", "{use: cmc@1, primary: true}, {use: minp@1}, {use: reid_map@1}, {use: cmc@1, id: cmc2, params: {k: 2}}",
			[]string{`{"matches":["m"],"junk":["j"],"of":3}`, `{"matches":["m","n"],"of":4}`}, []string{`{"j":9,"m":2,"x":1}`, `{"x":3,"m":2.5,"y":-1}`},
			[]float64{0.5, 0.75, 0.75, 1}},
		// A pixel that was found two to the right, and three of which the last was not: distances of
		// 2 and 2; of 0, 0 and 1, and of 0 and 0. Percentiles: 2, and 0.9 of the way from 0 to 1.
		// Of both, 2 of 5 pixels are common; a pixel is its own edge.
		{"shapes", "{use: hausdorff95@1, primary: true}, {use: assd@1}, {use: boundary_iou@1}, {use: mean_dice@1, params: {classes: 2}}",
			[]string{"1 4 1*1 0*3", "1 4 1*3 0*1"}, []string{"1 4 0*2 1*1 0*1", "1 4 1*2 0*2"},
			[]float64{(2 + 0.9) / 2, (2 + 0.2) / 2, 2.0 / 5, (4.0/7 + 6.0/9) / 2}},
		// Errors of 255 in one of four pixels: 10·log10(4); none: the cap. Another shape: the
		// opposite of each value, 255 and 205.
		{"pictures", "{use: psnr@1, primary: true, params: {range: 255, cap: 60}}",
			[]string{"2 2 0*4", "1 1 9", "1 2 0 50"}, []string{"2 2 255 0*3", "1 1 9", "1 1 0"},
			[]float64{(10*math.Log10(4) + 60 + 10*math.Log10(255*255/((255.0*255+205*205)/2))) / 3}},
		// (1, 1) of (1, 1, 0, 0) and a wrong sample of 1, not centred: a = 1, 2 to 1. A longer sound
		// has noise of 1 behind a reference of 4: 16 to 1. Silence: the least.
		{"signals", "{use: si_sdr@1, primary: true, params: {mean: keep, cap: 60}}",
			[]string{"1 1 0 0", "4", "1 2"}, []string{"1 1 1", "4 1", ""},
			[]float64{(10*math.Log10(2) + 10*math.Log10(16) - 60) / 3}},
		// 100 seconds. "go" is said twice, and found once, 0.4 s behind its end; the other detection of
		// it is 0.6 s behind; "stop" is found, but not decided for; "no" was never said.
		{"terms", "{use: atwv@1, primary: true, params: {beta: 9.8}}, {use: mtwv@1, params: {beta: 9.8}}",
			[]string{"60\n1 2 go\n5 6 stop", "40\n1 2 go"}, []string{"2.3 2.5 0.5 yes go\n5 6 0.9 no stop\n9 9 1 yes no", "2.5 2.7 0.25 yes go"},
			[]float64{(0.5 - 9.8/98 + 0) / 2, (0.5 + 1) / 2}},
		// One of three is right: a third at one, all at three. Blanks at the ends do not matter.
		{"solutions", "{use: pass_at_k@1, primary: true}, {use: pass_at_k@1, id: three, params: {k: 3}}",
			[]string{`["a","b"]`, `["c"]`}, []string{`["x"," a\n","y"]`, `["C","","cc"]`},
			[]float64{1.0 / 6, 0.5}},
		// North: right, wrong. South: right. East has one thing only.
		{"slices", "{use: worst_slice_max@1, primary: true, params: {min_n: 2}}, {use: slice_gap@1, params: {min_n: 1}}",
			[]string{"cat north", "dog north", "cat south side", "cat  south side", "dog east"}, []string{"cat", "cat", "cat", "cat", "x"}, []float64{0.5, 1}},
		{"errors of slices", "{use: worst_slice_min@1, primary: true, params: {min_n: 1}}, {use: slice_gap@1, params: {min_n: 1, value: squared}}, {use: worst_slice_min@1, id: dearest, params: {min_n: 1, value: predicted}}",
			[]string{"1 a", "2 a", "-1.5 b"}, []string{"2", "5", "0"}, []float64{2, 5 - 2.25, 3.5}},
		// Two people and the algorithm, of two categories: 7 pairs of 9 agree, and 4 of 9 ratings are 0.
		// Kappa: chance (16 + 25)/81; AC1: 2·20/81. Alpha: 1 - 8·2/(2·4·5).
		{"ratings", "{use: krippendorff@1, primary: true}, {use: fleiss@1, params: {categories: 2}}, {use: gwet_ac1@1, params: {categories: 2}}",
			[]string{"0 0", "1 1", "1 0"}, []string{"0", "1", "1"},
			[]float64{1 - 8*2.0/40, (7.0/9 - 41.0/81) / (1 - 41.0/81), (7.0/9 - 40.0/81) / (1 - 40.0/81)}},
		// Of 1.5 scored seconds, a quarter is missed of each; x is b, and speaks a quarter of a's.
		// What is said beside them, and at 5, does not count.
		{"stretches of turns", "{use: der@1, primary: true}, {use: der_missed@1}",
			[]string{"0 2 a\n4 1 b\nscored 0.5 0.5\nscored 4 1"}, []string{"0.75 4 x\n5 1 y"},
			[]float64{0.75 / 1.5, 0.5 / 1.5}},
		// Sums: of all (2, 4, 6), 10 and 8: √(4/4) = 1; of north (1, 3, 4), 7 and 7: 0, weight 3, and of
		// south (1, 1, 2), 3 and 1: √(4/0.5), weight 1; of each series √(1/2.5), √(1/0.5) and √8.
		{"levels of series", `{use: wrmsse@1, primary: true, params: {by: "total;side;series"}}, {use: wrmsse@1, id: sides, params: {by: "side"}}`,
			[]string{`{"past":[1,2,4],"truth":[5],"weight":1,"ids":{"side":"north"}}`, `{"past":[1,0],"truth":[2],"weight":2,"ids":{"side":"north"}}`, `{"past":[1,1,2],"truth":[3],"ids":{"side":"south"}}`},
			[]string{"[4]", "[3]", "[1]"},
			[]float64{(1 + math.Sqrt(8)/4 + (math.Sqrt(1/2.5)+2*1+math.Sqrt(8))/4) / 3, math.Sqrt(8) / 4}},
		// 4 different words of 6; two texts are alike, and the third has nothing of them.
		{"generated", "{use: distinct_n@1, primary: true, params: {n: 1, tokenize: space}}, {use: self_bleu@1, params: {tokenize: space}}",
			[]string{"x", "y", "z"}, []string{"a b", "a b", "c d"}, []float64{4.0 / 6, 200.0 / 3}},
	} {
		shown := "[0, 1]"
		if strings.Contains(c.metrics, "cap") {
			shown = "[0, 60]"
		}
		spec := textSpecIn(t, "jsonl", c.metrics, shown)
		var truth [][2]string
		for i, v := range c.truth {
			truth = append(truth, [2]string{fmt.Sprint("k", i), v})
		}
		got, _, err := ScoreLocal(t.Context(), spec, write(t, heardLines(c.heard)), saidParquet(t, truth), nil, nil)
		if err != nil {
			t.Fatal(c.name, err, lines(t, faultsOf(err)))
		}
		for i, v := range got {
			if math.Abs(v.Value-c.want[i]) > 1e-13 || v.Status != aihub.MetricOK || v.N != int64(len(c.truth)) {
				t.Errorf("%s: %+v, want %v", c.name, v, c.want[i])
			}
		}
	}
}

// What such cells may not be is a fault of the row, which says what is expected.
func TestMoreUnitsAtFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ metrics, heard, want string }{
		{`{use: crps_quantile@1, params: {levels: "0.25,0.5"}}`, `{"quantiles":[1]}`, "quantiles must hold 2 numbers, one for each of params.levels"},
		{"{use: crps_gaussian@1, primary: true}, {use: crps_ensemble@1}", `{"members":[1],"mean":1}`, `expected {"members": […], "mean": …, "sd": …}, finite numbers`},
		{"{use: crps_gaussian@1}", `{"mean":1,"sd":-1}`, "sd must not be below 0"},
		{"{use: bits_per_byte@1}", "-1 5", `expected "nats tokens"`},
		{"{use: ssim@1, params: {range: 255}}", "1 2 7", "expected height, width and the values of the pixels"},
		{"{use: si_sdr@1, params: {cap: 1}}", "1 x", "expected samples with blanks between"},
		{"{use: atwv@1}", "1 2 0.5 go", `expected lines "start end score yes|no keyword"`},
		{"{use: pass_at_k@1, params: {k: 3}}", `["a","b"]`, "expected a list of 3 to 10000 texts"},
		{"{use: worst_slice_min@1}", "near", "expected a finite number"},
		{"{use: cmc@1}", `{"a":"near"}`, "expected {candidate: score}, finite numbers"},
	} {
		spec := textSpec(t, "jsonl", c.metrics)
		_, faults, err := CheckPredictions(t.Context(), spec, write(t, heardLines([]string{c.heard})), mustIDs(t, "k0"))
		if err != nil || len(faults) != 1 || !strings.Contains(faults[0].Message.EN, c.want) {
			t.Errorf("%s: %v %v, want %s", c.metrics, err, lines(t, faults), c.want)
		}
	}
}

// Metrics that keep every text take no more of them than they may: publishing refuses the
// part, and of a file they are undefined.
func TestTooManyTexts(t *testing.T) {
	t.Parallel()
	spec := textSpec(t, "jsonl", "{use: distinct_n@1, primary: true}, {use: self_bleu@1}")
	most := text.MaxTexts["self_bleu@1"]
	var got []string
	for _, f := range keptRows(spec, aihub.PartFile{Part: aihub.Test, Rows: int64(most) + 1}) {
		got = append(got, f.Code+" "+f.Where)
	}
	if d := cmp.Diff([]string{"too_many_rows test: metrics[1].use"}, got); d != "" {
		t.Error(d)
	}
	if f := keptRows(spec, aihub.PartFile{Part: aihub.Test, Rows: int64(most)}); f != nil {
		t.Errorf("%v", f)
	}
	for _, n := range []int{most, most + 1} {
		one, other := text.SelfBLEU("space").New(nil), text.SelfBLEU("space").New(nil)
		for i := range n {
			[]metric.Gather{one, other}[i%2].Add(&text.Generated{Text: "a b"}, 0)
		}
		one.Merge(other)
		if r := one.Result(""); r.N != int64(n) || (r.Reason == metric.TooManyRows) != (n > most) {
			t.Errorf("%d texts: %+v", n, r)
		}
	}
}

// WRMSSE with levels keeps every number: publishing counts those of the whole part, once
// more for each slice, and refuses too many; by series it keeps none.
func TestTooManyNumbers(t *testing.T) {
	t.Parallel()
	store, err := blob.OpenLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	raw, err := os.ReadFile(saidParquet(t, [][2]string{{"a", `{"past":[1,2,4],"truth":[5],"ids":{"side":"x"}}`}, {"b", `{"past":[1,0],"truth":[2],"ids":{"side":"y"}}`}}))
	if err != nil {
		t.Fatal(err)
	}
	truth, _, err := store.Put(t.Context(), bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	const kept = 3 + 2 + 2*2 // pasts, what came and what was forecast
	for _, c := range []struct {
		by     string
		slices int
		most   int64
		want   bool
	}{{"side", 0, kept, false}, {"side", 0, kept - 1, true}, {"side", 1, 2*kept - 1, true}, {"side", 1, 2 * kept, false}, {"series", 0, 1, false}} {
		spec := textSpec(t, "jsonl", "{use: series_rmsse@1}, {use: wrmsse@1, primary: true, params: {by: "+c.by+"}}")
		spec.Slices = make([]scenarios.Slice, c.slices)
		faults, err := keptNumbers(t.Context(), store, aihub.DatasetVersion{Key: "id"}, spec, aihub.PartFile{Part: aihub.Test, Truth: truth}, t.TempDir(), c.most)
		if err != nil || (len(faults) == 1) != c.want || c.want && (faults[0].Code != metric.TooManyRows || faults[0].Where != "test: metrics[1].params.by") {
			t.Errorf("%+v: %v %v", c, lines(t, faults), err)
		}
	}
}
