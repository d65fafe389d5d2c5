package evaluator

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/evaluator/board"
	"aihub/evaluator/metric"
	"aihub/evaluator/metric/speech"
	"aihub/internal/table"
	"aihub/scenarios"

	"github.com/google/go-cmp/cmp"
)

// specHead is what scenarios of these tests begin with: what they are about is below it.
const specHead = `apiVersion: aihub/v1
kind: Scenario
name: any
title: {zh: 测, en: Any}
summary: {zh: 测, en: Any}
description: {zh: 测, en: Any}
field: big-data
area: governance
agency: {zh: 市, en: City}
dataset: any@1
input: {key: id, columns: [x]}
`

// textSpec is a scenario of texts with these metrics, in YAML.
func textSpec(t testing.TB, format, metrics string) scenarios.Spec {
	t.Helper()
	return textSpecIn(t, format, metrics, "[0, 1]")
}

func textSpecIn(t testing.TB, format, metrics, shown string) scenarios.Spec {
	t.Helper()
	spec, _, err := scenarios.Parse("text", []byte(fmt.Sprintf(specHead+`output: {format: %s, columns: [{name: heard, type: string}, {name: sure, type: float64}]}
truth: {column: said}
metrics: [%s]
sharing: {score: {step: 0.1, range: %s}}
rounds: [{name: main, bits: 100}]
agreement: {zh: 同意, en: agreed}
`, format, metrics, shown)))
	if err != nil {
		t.Fatal(err, lines(t, faultsOf(err)))
	}
	return spec
}

const errorRates = "{use: cer@1, primary: true}, {use: wer@1}, {use: mixed_error_rate@1}, {use: ser@1, params: {units: chars}}, {use: qa_em@1}"

var said = [][2]string{{"a", "今天天气很好"}, {"b", "Turn LEFT"}, {"c", "开灯"}, {"d", "前进"}}

func saidParquet(t testing.TB, rows [][2]string) string {
	b := table.NewBatch([]table.Field{{Name: "id", Type: "string"}, {Name: "said", Type: "string"}}, 0)
	for _, r := range rows {
		b.Cols[0].AppendStr(r[0])
		b.Cols[1].AppendStr(r[1])
		b.Rows++
	}
	return writeParquet(t, b)
}

// By hand, of characters without blanks, marks and case: a has 6 and a
// substitution and a deletion, b 8 and none, c 2 deletions, d 2 and an insertion.
// Of words: a, c and d are one, and wrong; b are two.
func TestScoreTexts(t *testing.T) {
	t.Parallel()
	want := []float64{5.0 / 18, 3.0 / 5, 5.0 / 12, 3.0 / 4, 1.0 / 4}
	files := map[string][]string{
		"csv":   {"id,heard,sure\n", "a,今天天汽好,1\n", "b,turn left!,1\n", "c,,1\n", "d,\" 向前进\",1\n"},
		"jsonl": {"", `{"id":"a","heard":"今天天汽好","sure":1}` + "\n", `{"id":"b","heard":"turn left!","sure":1}` + "\n", `{"id":"c","heard":"","sure":1}` + "\n", `{"id":"d","heard":" 向前进","sure":1}` + "\n"},
	}
	var first []aihub.MetricValue
	for _, format := range []string{"csv", "jsonl"} {
		spec, f := textSpec(t, format, errorRates), files[format]
		sample := []string{"id,said"}
		for _, r := range said {
			sample = append(sample, r[0]+","+r[1])
		}
		for _, truth := range []string{write(t, strings.Join(sample, "\n")+"\n"), saidParquet(t, said)} {
			for _, order := range [][]int{{1, 2, 3, 4}, {3, 1, 4, 2}} {
				content := f[0]
				for _, i := range order {
					content += f[i]
				}
				got, _, err := ScoreLocal(t.Context(), spec, write(t, content), truth, nil, nil)
				if err != nil {
					t.Fatal(err, lines(t, faultsOf(err)))
				}
				for i, v := range got {
					if math.Abs(v.Value-want[i]) > 1e-15 || v.Status != aihub.MetricOK || v.N != 4 {
						t.Errorf("%s: %+v, want %v", format, v, want[i])
					}
				}
				if first == nil {
					first = got
				}
				if d := cmp.Diff(first, got); d != "" {
					t.Error(d)
				}
			}
		}

		// Faults, which no label is in.
		for _, c := range []struct{ code, row string }{
			{"duplicate_ids", f[1]}, {"conflicting_ids", strings.Replace(f[1], "好", "坏", 1)},
			{"extra_ids", strings.Replace(f[1], "a", "e", 1)},
		} {
			_, _, err := ScoreLocal(t.Context(), spec, write(t, strings.Join(f, "")+c.row), saidParquet(t, said), nil, nil)
			if found := faultsOf(err); len(found) != 1 || found[0].Code != c.code {
				t.Errorf("%s: %v, want %s", format, lines(t, found), c.code)
			}
		}
	}
	if s := first[0].Signature; s != "cer@1|align=levenshtein|case=lower|normalize=nfkc|punctuation=strip" || first[0].ID != "cer" {
		t.Errorf("%+v", first[0])
	}
}

// Of characters, by hand, of 18 that were said: a has a substitution and a deletion, c two
// deletions, d an insertion. Of words, of 5: a, c and d are one each; a and d are another,
// c is none. Together they are the rate.
func TestScorePartsOfErrors(t *testing.T) {
	t.Parallel()
	spec := textSpec(t, "csv", "{use: cer_sub@1, primary: true}, {use: cer_del@1}, {use: cer_ins@1}, {use: wer_sub@1}, {use: wer_del@1}, {use: wer_ins@1}, {use: cer@1}, {use: wer@1}")
	got, _, err := ScoreLocal(t.Context(), spec, write(t, "id,heard,sure\nd,向前进,1\na,今天天汽好,1\nb,turn left!,1\nc,,1\n"), saidParquet(t, said), nil, nil)
	if err != nil {
		t.Fatal(err, lines(t, faultsOf(err)))
	}
	for i, want := range []float64{1.0 / 18, 3.0 / 18, 1.0 / 18, 2.0 / 5, 1.0 / 5, 0, 5.0 / 18, 3.0 / 5} {
		if v := got[i]; math.Abs(v.Value-want) > 1e-15 || v.Status != aihub.MetricOK || v.N != 4 {
			t.Errorf("%+v, want %v", v, want)
		}
	}
	if s := got[3].Signature; s != "wer_sub@1|align=levenshtein|case=lower|normalize=nfkc|punctuation=strip" {
		t.Error(s)
	}
}

// How long a text may be is the same whatever the truth is.
func TestTextTooLong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		metric, text, want string
	}{
		{"cer@1", strings.Repeat("一", speech.MaxTokens), ""},
		{"cer@1", strings.Repeat("一", speech.MaxTokens+1), "text_too_long (row 1, column heard): the text has more than 50000 characters"},
		{"cer@1", strings.Repeat("ﷺ", speech.MaxTokens/18+1), "text_too_long (row 1, column heard): the text has more than 50000 characters"},
		{"rouge_l@1", strings.Repeat("一", slowText+1), "text_too_long (row 1, column heard): the text has more than 5000 characters"},
		{"wer@1, params: {align: sclite}", strings.Repeat("一", slowText+1), "text_too_long (row 1, column heard): the text has more than 5000 characters"},
	} {
		spec := textSpec(t, "csv", "{use: "+c.metric+"}")
		_, faults, err := CheckPredictions(t.Context(), spec, write(t, "id,heard,sure\na,"+c.text+",1\n"), mustIDs(t, "a"))
		got := strings.Join(lines(t, faults), "\n")
		if err != nil || !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %v %.200s", c.metric, err, got)
		}
		_, err = ReadTruth(t.Context(), saidParquet(t, [][2]string{{"a", c.text}, {"b", ""}}), "id", spec)
		codes := []string{}
		for _, f := range faultsOf(err) {
			codes = append(codes, f.Code)
		}
		if want := []string{"empty_label", "text_too_long"}; !slices.Equal(codes, want[:len(codes)]) || len(codes) == 2 != (c.want != "") {
			t.Errorf("%s: truth: %v", c.metric, codes)
		}
	}
	spec := textSpec(t, "jsonl", "{use: cer@1}")
	_, faults, err := CheckPredictions(t.Context(), spec, write(t, `{"id":"a","heard":null,"sure":1}`+"\n"), mustIDs(t, "a"))
	if err != nil || len(faults) != 1 || faults[0].Code != "empty_value" {
		t.Errorf("null: %v %v", err, lines(t, faults))
	}
}

// In many piles, in any order, texts score as in one.
func TestTextPiles(t *testing.T) {
	t.Parallel()
	const rows = 600
	rng := rand.New(rand.NewPCG(1, 2))
	var truth [][2]string
	text := func() string {
		s := ""
		for range 1 + rng.IntN(9) {
			s += string([]rune("一二三四 ab")[rng.IntN(7)])
		}
		return "起" + s
	}
	file := []string{}
	key := []byte("0123456789abcdef0123456789abcdef")
	for i := range rows {
		id := fmt.Sprint("K", i)
		truth = append(truth, [2]string{id, text()})
		file = append(file, table.RowID(key, id)+","+text()+",1\n")
	}
	path := saidParquet(t, truth)
	plan, err := NewPlan(textSpec(t, "csv", errorRates+", {use: bleu@1, params: {tokenize: char}}, {use: chrf@1}, {use: rouge_l@1}"), "round")
	if err != nil {
		t.Fatal(err)
	}
	sorted := slices.Sorted(slices.Values(file))
	var want Scored
	for _, order := range [][]string{file, sorted, slices.Concat(sorted[1:], sorted[:1])} {
		for _, pile := range []int64{0, 50} {
			dir := t.TempDir()
			got, err := Scoring{Plan: plan, Key: "id", RowKey: key, Dir: dir, pile: pile}.Run(t.Context(), path, write(t, "id,heard,sure\n"+strings.Join(order, "")))
			if err != nil || len(got.Faults) > 0 {
				t.Fatal(err, lines(t, got.Faults))
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if want.Values == nil {
				want = got
				if v := got.Values[0]; !(v.Lo < v.Value && v.Value < v.Hi) || len(got.Sample) == 0 {
					t.Errorf("no interval: %+v, %d draws", v, len(got.Sample))
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		}
	}
}

// Metrics of texts refuse a truth of classes also where no linter was asked.
func TestTextPlan(t *testing.T) {
	spec := outSpec("csv")
	spec.Metrics = []scenarios.Metric{{ID: "cer", Use: "cer@1", Prediction: "label", Primary: true}}
	if _, err := NewPlan(spec, ""); len(faultsOf(err)) != 1 {
		t.Errorf("%v", err)
	}
	spec = textSpec(t, "csv", "{use: cer@1}")
	spec.Metrics[0].Prediction = "sure"
	if _, err := NewPlan(spec, ""); len(faultsOf(err)) != 1 || faultsOf(err)[0].Where != "metrics[0].prediction" {
		t.Errorf("%v", err)
	}
	// The self-test at publication passes in every kind of format.
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		truth, err := ReadTruth(t.Context(), saidParquet(t, said), "id", textSpec(t, format, errorRates))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		_, faults, err := SelfTest(t.Context(), textSpec(t, format, errorRates), truth, dir, nil)
		if err != nil || len(faults) > 0 {
			t.Errorf("%s: %v %v", format, err, lines(t, faults))
		}
	}
}

// Texts from predictions to a board: sealed, shown at the tick on the grid of
// sharing, the lower rate first.
func TestWorkerScoresTexts(t *testing.T) {
	t.Parallel()
	truth := make([]string, 20)
	for i := range truth {
		truth[i] = fmt.Sprintf("第%c句话", 'a'+i) // 4 characters
	}
	h := newHub(t, setup{truth: truth, edit: []string{
		", classes: [red, blue]", "",
		"- {use: accuracy@1, primary: true}", "- {use: cer@1, primary: true}",
		"- {use: roc_auc@1, prediction: p, on_undefined: worst}", "- {use: wer@1}",
		"step: 0.05,", "step: 0.05, range: [0, 1],",
	}})
	heard := func(text func(i int) string) func(func(string) string) string {
		return func(id func(string) string) string {
			out := "id,label,p\n"
			for i, k := range h.keys {
				out += fmt.Sprintf("%s,%s,0\n", id(k), text(i))
			}
			return out
		}
	}
	h.enter(h.alice, "main", heard(func(i int) string { return truth[i][:len(truth[i])-len("话")] })) // 1 of 4 deleted
	h.enter(h.bob, "main", heard(func(i int) string { return truth[i] + "一二三四五" }))                  // 5 for 4: above the range
	h.score()
	h.score()
	h.toTick()
	if n := h.release(); n != 2 {
		t.Fatalf("released: %d", n)
	}
	entries, err := h.db.Board(h.ctx, h.ref, "main")
	h.must(err)
	var got []string
	for _, r := range board.Rank(Entries(entries), []string{"cer", "wer"}, "min") {
		got = append(got, fmt.Sprintf("%d %s %v %v", r.Rank, r.Org.ID, r.Values[0].Value, r.Values[1].Value))
	}
	if d := cmp.Diff([]string{"1 acme 0.25 1", "2 bits 1 1"}, got); d != "" {
		t.Error(d)
	}
}

// At publication every hidden part is tried: a true text that is too long is a
// fault of the data, which names rows and no text.
func TestTrialOfTexts(t *testing.T) {
	t.Parallel()
	h := newHub(t, setup{})
	spec := textSpec(t, "csv", errorRates)
	trial := func(rows [][2]string) ([]aihub.Fault, error) {
		raw, err := os.ReadFile(saidParquet(t, rows))
		h.must(err)
		_, faults, err := Trial(t.Context(), h.blob, aihub.DatasetVersion{Key: "id", Parts: []aihub.PartFile{{Part: aihub.Test, Rows: int64(len(rows)), Truth: h.put(raw)}}}, spec, t.TempDir(), nil)
		return faults, err
	}
	if faults, err := trial(said); err != nil || len(faults) > 0 {
		t.Errorf("%v %v", err, lines(t, faults))
	}
	if _, err := trial(append(slices.Clone(said), [2]string{"e", strings.Repeat("密", speech.MaxTokens+1)})); len(faultsOf(err)) != 1 || faultsOf(err)[0].Code != "text_too_long" || strings.Contains(err.Error(), "密") {
		t.Errorf("%v", err)
	}
	// What cannot be told from a blank cannot rank.
	if faults, err := trial([][2]string{{"a", "。"}, {"b", "！"}}); err != nil || len(faults) == 0 {
		t.Errorf("marks alone: %v %v", err, faults)
	}
}

// Metrics that gather the same gather it once, and give what each gives alone.
func TestGatheredOnce(t *testing.T) {
	t.Parallel()
	spec := scenarios.Spec{Truth: scenarios.Truth{Column: "y", Type: "string"}}
	var metrics []metric.Metric
	for _, v := range []string{"ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"} {
		m, faults := bindTexts(scenarios.Metric{Use: "coco_" + v + "@1"}, scenarios.NeedsObjects, spec, "p", nil)
		if faults != nil {
			t.Fatal(faults)
		}
		metrics = append(metrics, m)
	}
	parsed := 0
	for _, m := range metrics {
		x := m.(*textMetric)
		unit := x.unit
		x.unit = func(key, ref, hyp string) any { parsed++; return unit(key, ref, hyp) }
	}
	b := &metric.Block{Rows: 2,
		Truth: metric.Column{Str: []string{`[{"category_id": 1, "bbox": [0, 0, 10, 10]}, {"category_id": 1, "bbox": [50, 50, 160, 160]}, {"category_id": 1, "bbox": [300, 300, 60, 60]}]`, `[{"category_id": 2, "bbox": [0, 0, 5, 5]}]`}},
		Pred:  []metric.Column{{Str: []string{`[{"category_id": 1, "bbox": [0, 1, 10, 10], "score": 0.9}, {"category_id": 1, "bbox": [50, 52, 160, 160], "score": 0.3}, {"category_id": 1, "bbox": [300, 301, 60, 60], "score": 0.2}]`, `[{"category_id": 2, "bbox": [1, 0, 5, 5], "score": 0.4}]`}}},
	}
	one, other := accumulators(metrics), accumulators(metrics)
	for i := range one {
		one[i].Add(b)
		other[i].Add(b)
	}
	if parsed != 2*b.Rows {
		t.Errorf("%d units were made of %d rows, twice", parsed, b.Rows)
	}
	for i, m := range metrics {
		one[i].Merge(other[i])
		alone := m.New()
		alone.Add(b)
		alone.Add(b)
		if got, want := one[i].Result(), alone.Result(); got != want || got.Value == 0 {
			t.Errorf("%s: %+v, alone %+v", m.Signature(), got, want)
		}
	}
}

// Scoring of texts says how far it is: it rises, and ends when every value is computed.
func TestProgressOfTexts(t *testing.T) {
	t.Parallel()
	const rows = 3000
	var truth [][2]string
	content := "id,heard,sure\n"
	for i := range rows {
		truth = append(truth, [2]string{fmt.Sprintf("row%05d", i), fmt.Sprintf("第%d句话", i)})
		content += fmt.Sprintf("row%05d,第%d句,0.5\n", i, i)
	}
	plan, err := NewPlan(textSpec(t, "csv", errorRates), "round")
	if err != nil {
		t.Fatal(err)
	}
	var last, calls int64
	s := Scoring{Plan: plan, Key: "id", Dir: t.TempDir(), Progress: func(done, of int64) {
		if of != 4*rows || done <= last || done > of {
			t.Errorf("%d of %d after %d", done, of, last)
		}
		last = done
		calls++
	}}
	if _, err := s.Run(t.Context(), saidParquet(t, truth), write(t, content)); err != nil {
		t.Fatal(err)
	}
	if last != 4*rows || calls < 2 {
		t.Errorf("%d calls, the last of %d", calls, last)
	}
}
