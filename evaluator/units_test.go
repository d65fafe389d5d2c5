package evaluator

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

// unitSpec is a scenario whose truth column holds cells.
func unitSpec(t *testing.T, format, metrics string) scenarios.Spec {
	t.Helper()
	yaml := strings.NewReplacer(
		"truth: {column: label, classes: [red, blue]}", "truth: {column: label}",
		"  columns:\n    - {name: label, type: string}\n    - {name: p, type: float64}\n", "  format: "+format+"\n  columns: [{name: answer, type: string}]\n",
		"  - {use: accuracy@1, primary: true}\n  - {use: roc_auc@1, prediction: p, on_undefined: ONUNDEFINED}\n", metrics,
		"RELEASE", "policy", "step: 0.05", "step: 0.05, range: [0, 1]",
	).Replace(specYAML)
	spec, _, err := scenarios.Parse("units.yaml", []byte(yaml))
	if err != nil {
		var e *aihub.Error
		if errors.As(err, &e) {
			t.Fatalf("%v %+v", err, e.Faults)
		}
		t.Fatal(err)
	}
	return spec
}

var unitCases = []struct {
	name, format, metrics string
	truth                 []string // cells
}{
	{"objects as COCO results", scenarios.FormatCOCO, "  - {use: coco_ap50@1, primary: true}\n  - {use: coco_ap@1}\n", []string{
		`[{"category_id":1,"bbox":[0,0,10,10],"area":100}]`, `[{"category_id":2,"bbox":[5,5,20,20],"area":400},{"category_id":1,"bbox":[0,0,5,5],"area":25}]`,
		`[{"category_id":2,"bbox":[1,1,9,9],"area":81}]`, `[]`}},
	{"objects in a table", "jsonl", "  - {use: coco_ap@1, primary: true, params: {iou: bbox}}\n", []string{
		`[{"category_id":1,"bbox":[0,0,10,10],"area":100}]`, `[{"category_id":2,"bbox":[5,5,20,20],"area":400}]`}},
	{"masks as COCO results", scenarios.FormatCOCO, "  - {use: coco_ap50@1, primary: true, params: {iou: segm}}\n", []string{
		`[{"category_id":1,"segmentation":{"size":[2,2],"counts":"04"},"area":4}]`, `[{"category_id":1,"segmentation":{"size":[2,2],"counts":"31"},"area":1}]`}},
	{"speakers as RTTM", scenarios.FormatRTTM, "  - {use: der@1, primary: true}\n", []string{"0 1 ann\n1 3 bob", "0 2 ann", "0.5 2 eve\n3 1 ann"}},
	{"words as CTM", scenarios.FormatCTM, "  - {use: cer@1, primary: true}\n", []string{"你好 世界", "深圳 开放 创新", "一二 三四"}},
	{"a TREC run", scenarios.FormatTREC, "  - {use: map@1, primary: true}\n  - {use: ndcg@1}\n", []string{"d1 1\nd2 0", "d3 1\nd4 1\nd5 0", "d6 2"}},
	{"pixels as PNG", scenarios.FormatMasks, "  - {use: miou@1, primary: true, params: {classes: 3}}\n  - {use: mean_dice@1, params: {classes: 3}}\n", []string{"2 3 0*4 1*2", "2 2 2*4", "1 4 0*1 2*3"}},
	{"tracks in a table", "csv", "  - {use: idf1@1, primary: true}\n  - {use: hota@1}\n", []string{"1 7 0 0 4 4\n2 7 0 0 4 4", "1 1 5 5 9 9\n2 2 0 0 4 4"}},
	{"spans in a table", "parquet", "  - {use: span_f1@1, primary: true}\n", []string{`[["PER",0,3]]`, `[["LOC",4,6],["PER",0,2]]`, `[]`}},
	{"links in a table", "jsonl", "  - {use: link_mrr@1, primary: true}\n  - {use: link_hits@1}\n", []string{`{"true":"Q1","known":["Q2"],"of":50}`, `{"true":"Q3","of":50}`, `{"true":"Q4","of":50}`}},
	{"clusters in a table", "csv", "  - {use: b_cubed_f1@1, primary: true}\n  - {use: ari@1}\n", []string{"a", "a", "b", "b", "c"}},
}

func cellsFile(t *testing.T, cells []string) string {
	t.Helper()
	b := table.NewBatch([]table.Field{{Name: "id", Type: table.String}, {Name: "label", Type: table.String}}, 0)
	for i, c := range cells {
		b.Cols[0].AppendStr(fmt.Sprintf("unit-%d", i))
		b.Cols[1].AppendStr(c)
		b.Rows++
	}
	return writeParquet(t, b)
}

// Every kind of unit, in every format that can carry it: the self-test passes,
// and a vendor's file is checked and scored.
func TestUnits(t *testing.T) {
	t.Parallel()
	for _, c := range unitCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			metrics := c.metrics
			spec := unitSpec(t, c.format, metrics)
			path := cellsFile(t, c.truth)
			truth, err := ReadTruth(t.Context(), path, "id", spec)
			if err != nil {
				t.Fatal(err)
			}
			faults, err := SelfTest(t.Context(), spec, truth, t.TempDir(), nil)
			if err != nil || len(faults) > 0 {
				t.Fatalf("self-test: %+v %v", faults, err)
			}

			// Answers that say the truth, for every unit and for all but the first.
			answer := func(s string) string {
				if k := cellsOf(spec); k != nil {
					return k.Answer(s)
				}
				return s
			}
			score := func(from int) ([]aihub.MetricValue, error) {
				b := table.NewBatch([]table.Field{{Name: "id", Type: table.String}, {Name: "answer", Type: table.String}}, 0)
				for i := len(c.truth) - 1; i >= from; i-- {
					b.Cols[0].AppendStr(fmt.Sprintf("unit-%d", i))
					b.Cols[1].AppendStr(answer(c.truth[i]))
					b.Rows++
				}
				name := filepath.Join(t.TempDir(), "predictions")
				f, err := os.Create(name)
				if err == nil {
					err = writeTable(f, c.format, b)
				}
				if err != nil {
					t.Fatal(err)
				}
				values, _, err := ScoreLocal(t.Context(), spec, name, path, nil, nil)
				return values, err
			}
			all, err := score(0)
			if err != nil {
				t.Fatal(err, faultsOf(err))
			}
			some, err := score(1)
			if scenarios.UnitFormats[c.format].Missing {
				if err != nil || some[0].Value == all[0].Value || some[0].N != all[0].N {
					t.Errorf("a unit of which nothing was found: %+v, all %+v (%v)", some, all, err)
				}
			} else if f := faultsOf(err); len(f) != 1 || f[0].Code != "missing_ids" {
				t.Errorf("a unit without an answer: %v %+v", err, f)
			}
		})
	}
}

// A format can only carry what it is made for, and one truth column is of one kind.
func TestUnitFormatsLint(t *testing.T) {
	t.Parallel()
	for metrics, format := range map[string]string{
		"  - {use: map@1, primary: true}\n":                           scenarios.FormatCOCO,
		"  - {use: span_f1@1, primary: true}\n":                       scenarios.FormatRTTM,
		"  - {use: coco_ap@1, primary: true}\n  - {use: span_f1@1}\n": "csv",
		"  - {use: miou@1, primary: true}\n":                          scenarios.FormatMasks, // without classes
		"  - {use: cer@1, primary: true}\n  - {use: coco_ap@1}\n":     scenarios.FormatCTM,
	} {
		yaml := strings.NewReplacer(
			"truth: {column: label, classes: [red, blue]}", "truth: {column: label}",
			"  columns:\n    - {name: label, type: string}\n    - {name: p, type: float64}\n", "  format: "+format+"\n  columns: [{name: answer, type: string}]\n",
			"  - {use: accuracy@1, primary: true}\n  - {use: roc_auc@1, prediction: p, on_undefined: ONUNDEFINED}\n", metrics,
			"RELEASE", "policy",
		).Replace(specYAML)
		if _, _, err := scenarios.Parse("units.yaml", []byte(yaml)); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%s with %s: %v", format, strings.TrimSpace(metrics), err)
		}
	}
}

// A cell that is none is named with its row, and says nothing of the truth.
func TestBadCells(t *testing.T) {
	t.Parallel()
	spec := unitSpec(t, "csv", "  - {use: idf1@1, primary: true}\n")
	path := cellsFile(t, []string{"1 7 0 0 4 4", "1 1 5 5 9 9"})
	_, _, err := ScoreLocal(t.Context(), spec, write(t, "id,answer\nunit-0,1 2 3\nunit-1,1 1 NaN 0 1 1\nunit-9,\n"), path, nil, nil)
	var codes []string
	for _, f := range faultsOf(err) {
		codes = append(codes, fmt.Sprintf("%s %d", f.Code, f.Count))
	}
	if got := strings.Join(codes, ", "); got != "extra_ids 1, bad_cell 2" {
		t.Errorf("%v: %s", err, got)
	}
	// A truth that is none is the data's fault, and its value is not shown.
	_, err = ReadTruth(t.Context(), cellsFile(t, []string{"1 7 0 0 4 4", "secret"}), "id", spec)
	if f := faultsOf(err); len(f) != 1 || f[0].Code != "bad_label" || strings.Contains(fmt.Sprintf("%+v", f), "secret") {
		t.Errorf("%v %+v", err, f)
	}
}

// scores.json holds exactly what was declared.
func TestReadScores(t *testing.T) {
	t.Parallel()
	declared := []scenarios.ScorerValue{{Name: "a", Range: []float64{0, 1}, Direction: "max"}, {Name: "b", Range: []float64{-5, 5}, Direction: "min"}}
	for in, want := range map[string]string{
		`{"a": 0.5, "b": -1}`:           "",
		` {"b":-1e0,"a":1} ` + "\n":     "",
		`{"a": 0.5}`:                    "missing_key",
		`{"a": 0.5, "b": 1, "c": 2}`:    "extra_key",
		`{"a": 0.5, "b": 1, "a": 0.25}`: "duplicate_key",
		`{"a": NaN, "b": 1}`:            "bad_file",
		`{"a": "0.5", "b": 1}`:          "bad_type",
		`{"a": null, "b": 1}`:           "bad_type",
		`{"a": 1e999, "b": 1}`:          "not_finite",
		`{"a": 2, "b": 1}`:              "out_of_range",
		`{"a": 0.5, "b": 1} {}`:         "bad_file",
		`{"a": 0.5, "b": 1`:             "bad_file",
		`[1]`:                           "bad_file",
		``:                              "bad_file",
	} {
		got, faults := ReadScores([]byte(in), declared)
		codes := ""
		for _, f := range faults {
			codes += f.Code
		}
		if codes != want && !(want == "bad_file" && strings.HasPrefix(codes, want)) || (want == "") != (len(got) == 2) {
			t.Errorf("%s: %v, faults %q, want %q", in, got, codes, want)
		}
	}
}

func FuzzReadScores(f *testing.F) {
	declared := []scenarios.ScorerValue{{Name: "a", Range: []float64{0, 1}, Direction: "max"}}
	f.Add([]byte(`{"a": 0.5}`))
	f.Add([]byte(`{"a": 0.5, "a": 1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, faults := ReadScores(b, declared)
		if (got == nil) == (faults == nil) {
			t.Fatalf("%q: %v %v", b, got, faults)
		}
		if v, ok := got["a"]; got != nil && (!ok || len(got) != 1 || v < 0 || v > 1 || !bytes.Contains(b, []byte("a")) && !bytes.Contains(b, []byte(`\u0061`))) {
			t.Fatalf("%q: %v", b, got)
		}
	})
}
