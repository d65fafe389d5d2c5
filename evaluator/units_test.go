package evaluator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aihub"
	"aihub/evaluator/intake"
	"aihub/evaluator/metric/vision"
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
	{"polygons as COCO results", scenarios.FormatCOCO, "  - {use: coco_ap50@1, primary: true, params: {iou: segm}}\n", []string{
		`[{"category_id":1,"segmentation":{"size":[20,20],"polygons":[[2,2,12,2,12,12,2,12],[14,14,19,14,19,19]]},"area":115}]`,
		`[{"category_id":1,"segmentation":{"size":[2,2],"counts":[1,2,1]},"area":2}]`}},
	{"key points in a table", "jsonl", "  - {use: oks_ap@1, primary: true, params: {sigmas: '0.1,0.05'}}\n  - {use: oks_ar@1, params: {sigmas: '0.1,0.05'}}\n", []string{
		`[{"category_id":1,"bbox":[0,0,60,60],"area":3600,"num_keypoints":2,"keypoints":[5,5,2,50,40,1]}]`,
		`[{"category_id":1,"bbox":[0,0,90,90],"area":8100,"keypoints":[50,5,2,0,0,0]},{"category_id":1,"bbox":[9,9,50,50],"keypoints":[0,0,0,0,0,0]}]`}},
	{"objects as LVIS has them", scenarios.FormatCOCO, "  - {use: lvis_ap@1, primary: true, params: {frequency: rcf}}\n  - {use: lvis_ap_common@1, params: {frequency: rcf}}\n", []string{
		`{"annotations":[{"category_id":1,"bbox":[0,0,10,10],"area":100}],"neg_category_ids":[0]}`,
		`{"annotations":[{"category_id":2,"bbox":[0,0,10,10],"area":100},{"category_id":1,"bbox":[50,50,9,9],"area":81}],"not_exhaustive_category_ids":[2]}`,
		`{"annotations":[],"neg_category_ids":[1]}`}},
	{"segments in a table", "csv", "  - {use: panoptic_pq@1, primary: true, params: {classes: 3}}\n  - {use: panoptic_rq@1, params: {classes: 3}}\n  - {use: panoptic_sq@1, params: {classes: 3}}\n", []string{
		"2 4 7*4 0*1 2*3\n7 1\n2 2", "2 3 1*3 9*3\n1 0\n9 1 crowd", "2 2 5*4\n5 2"}},
	{"speakers as RTTM", scenarios.FormatRTTM, "  - {use: der@1, primary: true}\n", []string{"0 1 ann\n1 3 bob", "0 2 ann", "0.5 2 eve\n3 1 ann"}},
	{"speakers in scored stretches", "csv", "  - {use: der@1, primary: true}\n  - {use: jer@1}\n", []string{"0 1 ann\n1 3 bob\nscored 0.5 1", "0 2 ann", "0.5 2 eve\n3 1 ann\nscored 0 9"}},
	{"words as CTM", scenarios.FormatCTM, "  - {use: cer@1, primary: true}\n", []string{"你好 世界", "深圳 开放 创新", "一二 三四"}},
	{"a TREC run", scenarios.FormatTREC, "  - {use: map@1, primary: true}\n  - {use: ndcg@1}\n", []string{"d1 1\nd2 0", "d3 1\nd4 1\nd5 0", "d6 2"}},
	{"pixels as PNG", scenarios.FormatMasks, "  - {use: miou@1, primary: true, params: {classes: 3}}\n  - {use: mean_dice@1, params: {classes: 3}}\n", []string{"2 3 0*4 1*2", "2 2 2*4", "1 4 0*1 2*3"}},
	{"pictures as PNG", scenarios.FormatPictures, "  - {use: ssim@1, primary: true, params: {range: 255}}\n  - {use: psnr@1, params: {range: 255, cap: 60}}\n", []string{"7 8 0*20 9*36", "8 7 1,1,1*6 250,3,7*50", "7 7 300 7*48"}},
	{"sounds in a table", "jsonl", "  - {use: si_sdr@1, primary: true, params: {cap: 1}}\n", []string{"0.5 -0.25 1e-3", "3 2 1 0 -1"}},
	{"keywords in recordings", "csv", "  - {use: atwv@1, primary: true}\n  - {use: mtwv@1}\n", []string{"60\n1 2 open the door\n5 5.5 stop", "30.5\n2 2.5 stop", "10"}},
	{"solutions in a table", "jsonl", "  - {use: pass_at_k@1, primary: true, params: {k: 3}}\n  - {use: pass_at_k@1, id: first}\n", []string{`["x=1","x = 1"]`, `["y"]`}},
	{"slices in a table", "csv", "  - {use: worst_slice_max@1, primary: true, params: {min_n: 1}}\n", []string{"cat north side", "dog south", "cat south"}},
	{"ratings in a table", "csv", "  - {use: krippendorff@1, primary: true}\n  - {use: fleiss@1, params: {categories: 3}}\n  - {use: gwet_ac1@1, params: {categories: 3}}\n  - {use: kendall_w@1}\n  - {use: icc@1}\n", []string{"0 0", "1 2", "2 2", "1 1"}},
	{"errors in slices", "csv", "  - {use: worst_slice_min@1, primary: true, params: {min_n: 1}}\n  - {use: slice_gap@1, params: {min_n: 1, value: squared}}\n", []string{"1.5 north side", "7 south", "-2 south"}},
	{"tracks in a table", "csv", "  - {use: idf1@1, primary: true}\n  - {use: hota@1}\n", []string{"1 7 0 0 4 4\n2 7 0 0 4 4", "1 1 5 5 9 9\n2 2 0 0 4 4"}},
	{"spans in a table", "parquet", "  - {use: span_f1@1, primary: true}\n", []string{`[["PER",0,3]]`, `[["LOC",4,6],["PER",0,2]]`, `[]`}},
	{"links in a table", "jsonl", "  - {use: link_mrr@1, primary: true}\n  - {use: link_hits@1}\n", []string{`{"true":"Q1","known":["Q2"],"of":50}`, `{"true":"Q3","of":50}`, `{"true":"Q4","of":50}`}},
	{"series in a table", "jsonl", "  - {use: series_mase@1, primary: true, params: {horizon: 2, period: 2}}\n  - {use: owa@1, params: {horizon: 2, period: 2}}\n  - {use: wrmsse@1, params: {horizon: 2}}\n", []string{
		`{"past":[1,5,2,7,1],"truth":[6,2],"weight":0.25,"naive2":[7,1]}`, `{"past":[0,0,3,4,9],"truth":[8,8],"naive2":[9,9]}`}},
	{"quantiles of series", "csv", "  - {use: wspl@1, primary: true, params: {horizon: 3, levels: '0.1,0.5,0.9'}}\n", []string{
		`{"past":[1,5,2,7,1],"truth":[6,2,3],"weight":2}`, `{"past":[3,4,9],"truth":[8,8,7]}`}},
	{"a forecast and its quantiles", "parquet", "  - {use: series_smape@1, primary: true}\n  - {use: wspl@1}\n", []string{`{"past":[1,5],"truth":[6]}`, `{"past":[3,4,9],"truth":[8]}`}},
	{"trials in a table", "csv", "  - {use: eer@1, primary: true}\n  - {use: min_dcf@1}\n  - {use: act_dcf@1}\n  - {use: cllr@1}\n", []string{"target", "other", "target", "other", "other"}},
	{"keywords in a table", "csv", "  - {use: kws_frr@1, primary: true, params: {fa_per_hour: 0.4}}\n", []string{"target 0.5", "other 0.5", "other 0.25", "other 0.25", "target 0.25", "other 0.25", "target 0.5"}},
	{"labels in a table", "jsonl", "  - {use: subset_accuracy@1, primary: true}\n  - {use: hamming_loss@1}\n  - {use: multilabel_jaccard@1}\n  - {use: lrap@1}\n  - {use: label_ranking_loss@1}\n  - {use: label_map@1}\n", []string{"1 0 1", "0 1 0", "0 1 1"}},
	{"decisions in a table", "csv", "  - {use: worst_group_accuracy@1, primary: true, params: {min_n: 2}}\n  - {use: equalized_odds@1, params: {min_n: 2}}\n", []string{"yes north side", "no north side", "yes south", "no south", "yes south", "no north side"}},
	{"survival in a table", "csv", "  - {use: c_index@1, primary: true}\n", []string{"5 end", "5 lost", "7.5 end", "1 end", "9 lost"}},
	{"clusters in a table", "csv", "  - {use: b_cubed_f1@1, primary: true}\n  - {use: ari@1}\n", []string{"a", "a", "b", "b", "c"}},
}

// What the reference implementations say of polygons, key points and LVIS's lists
// comes out of a scenario, from cells and from files of their own format; see
// testdata/objects.py. Polygons are drawn pixel for pixel.
func TestObjectsLikeTheirReferences(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/objects.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Polygons []struct {
			Size     [2]int
			Polygons [][]float64
			Counts   string
			Area     int64
		}
		Cases []struct {
			Name             string
			Metrics          map[string]float64
			Params           map[string]string
			Truth, Predicted []string
			Keys             []string // of the images; unit-0 and on
			File             json.RawMessage
		}
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	for i, c := range golden.Polygons {
		want, err := vision.ParseRLE(c.Size[0], c.Size[1], c.Counts)
		if err != nil {
			t.Fatal(err)
		}
		got := vision.RLE{H: c.Size[0], W: c.Size[1], Counts: []uint32{uint32(c.Size[0] * c.Size[1])}}
		for _, p := range c.Polygons {
			got = vision.Union(got, vision.Polygon(c.Size[0], c.Size[1], p))
		}
		pixels := func(m vision.RLE) (out []byte) {
			for i, n := range m.Counts {
				out = append(out, bytes.Repeat([]byte{byte(i & 1)}, int(n))...)
			}
			return out
		}
		if !bytes.Equal(pixels(got), pixels(want)) || got.Area() != c.Area {
			t.Errorf("polygon %d has %d pixels, want %d, or others", i, got.Area(), c.Area)
		}
	}
	for _, c := range golden.Cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			metrics := ""
			for i, use := range slices.Sorted(maps.Keys(c.Metrics)) {
				params, _ := json.Marshal(c.Params)
				metrics += fmt.Sprintf("  - {use: %s, primary: %v, params: %s}\n", use, i == 0, strings.ReplaceAll(string(params), ":", ": "))
			}
			spec := unitSpec(t, "jsonl", metrics)
			b := table.NewBatch([]table.Field{{Name: "id", Type: table.String}, {Name: "answer", Type: table.String}}, 0)
			at := map[string]int{}
			if c.Keys == nil {
				for i := range c.Truth {
					c.Keys = append(c.Keys, fmt.Sprintf("unit-%d", i))
					at[strconv.Itoa(i+1)] = i
				}
			}
			for i, key := range c.Keys {
				at[key] = i
			}
			for i, cell := range c.Predicted {
				b.Cols[0].AppendStr(c.Keys[i])
				b.Cols[1].AppendStr(cell)
				b.Rows++
			}
			path := filepath.Join(t.TempDir(), "predictions")
			f, err := os.Create(path)
			if err == nil {
				err = writeTable(f, "jsonl", b)
			}
			if err != nil {
				t.Fatal(err)
			}
			// The annotation file of the format gives the same cells.
			file := filepath.Join(t.TempDir(), "annotations.json")
			if err := os.WriteFile(file, c.File, 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := intake.OpenTruth(file, "", scenarios.FormatCOCO, "id", "label")
			if err != nil {
				t.Fatal(err)
			}
			read := make([]string, len(c.Truth))
			for {
				b, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err, faultsOf(err))
				}
				for i := range b.Rows {
					read[at[b.Cols[0].Str[i]]] = b.Cols[1].Str[i]
				}
			}
			// Under the row ids of a run, dealt to piles, it is the same.
			key, run := []byte("0123456789abcdef0123456789abcdef"), table.NewBatch(b.Schema(), b.Rows)
			for i := range b.Rows {
				run.Cols[0].AppendStr(table.RowID(key, c.Keys[i]))
				run.Cols[1].AppendStr(c.Predicted[i])
				run.Rows++
			}
			hidden := filepath.Join(t.TempDir(), "hidden")
			if f, err = os.Create(hidden); err == nil {
				err = writeTable(f, "jsonl", run)
			}
			if err != nil {
				t.Fatal(err)
			}
			plan, err := NewPlan(spec, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, pile := range []int64{0, 4} {
				got, err := Scoring{Plan: plan, Key: "id", RowKey: key, Dir: t.TempDir(), pile: pile}.Run(t.Context(), keyedFile(t, c.Keys, c.Truth), hidden)
				if err != nil || got.Faults != nil {
					t.Fatal(err, got.Faults)
				}
				for i, v := range got.Values {
					if want := c.Metrics[spec.Metrics[i].Use]; math.Abs(v.Value-want) > 1e-12 {
						t.Errorf("under row ids, piles of %d: %s is %v, the reference says %v", pile, v.ID, v.Value, want)
					}
				}
			}
			for name, cells := range map[string][]string{"cells": c.Truth, "file": read} {
				values, _, err := ScoreLocal(t.Context(), spec, path, keyedFile(t, c.Keys, cells), nil, nil)
				if err != nil {
					t.Fatal(name, err, faultsOf(err))
				}
				for i, v := range values {
					if want := c.Metrics[spec.Metrics[i].Use]; math.Abs(v.Value-want) > 1e-12 || v.Status != aihub.MetricOK {
						t.Errorf("%s: %s is %v (%s), the reference says %v", name, v.ID, v.Value, v.Status, want)
					}
				}
			}
		})
	}
}

func cellsFile(t *testing.T, cells []string) string {
	t.Helper()
	var keys []string
	for i := range cells {
		keys = append(keys, fmt.Sprintf("unit-%d", i))
	}
	return keyedFile(t, keys, cells)
}

func keyedFile(t *testing.T, keys, cells []string) string {
	t.Helper()
	b := table.NewBatch([]table.Field{{Name: "id", Type: table.String}, {Name: "label", Type: table.String}}, 0)
	for i, c := range cells {
		b.Cols[0].AppendStr(keys[i])
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
			_, faults, err := SelfTest(t.Context(), spec, truth, t.TempDir(), nil)
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
	if got := strings.Join(codes, ", "); got != "extra_ids 1, bad_cell 1, bad_cell 1" {
		t.Errorf("%v: %s", err, got)
	}
	// So are polygons, key points and segments that are none.
	for cell, metrics := range map[string]string{
		`[{"category_id":1,"score":1,"segmentation":{"size":[9,9],"polygons":[[1,1,2,2]]}}]`:                   "coco_ap@1, params: {iou: segm}",
		`[{"category_id":1,"score":1,"segmentation":{"size":[9,9],"polygons":[[1,1,2,2,1e7,3]]}}]`:             "coco_ap@1, params: {iou: segm}",
		`[{"category_id":1,"score":1,"segmentation":{"size":[9,9],"counts":[80]}}]`:                            "coco_ap@1, params: {iou: segm}",
		`[{"category_id":1,"score":1,"segmentation":{"size":[9,9],"counts":[81],"polygons":[[1,1,2,2,3,1]]}}]`: "coco_ap@1, params: {iou: segm}",
		`[{"category_id":1,"score":1,"bbox":[0,0,1,1]}]`:                                                       "oks_ap@1",
		`[{"category_id":1,"score":1,"keypoints":[1,2,1]}]`:                                                    "oks_ap@1",
		`{"annotations":[]}`:  "lvis_ap@1",
		"2 2 1*4":             "panoptic_pq@1, params: {classes: 2}",
		"2 2 1*4\\n1 0\\n1 1": "panoptic_pq@1, params: {classes: 2}",
		"2 2 1*4\\n1 0 crowd": "panoptic_pq@1, params: {classes: 2}",
		"2 2 1*4\\n1 0\\n2 1": "panoptic_pq@1, params: {classes: 2}",
	} {
		spec := unitSpec(t, "jsonl", "  - {use: "+metrics+", primary: true}\n")
		ids := mustIDs(t, "unit-0")
		line := fmt.Sprintf(`{"id":"unit-0","answer":%q}`, cell)
		if strings.Contains(cell, "\\") {
			line = `{"id":"unit-0","answer":"` + cell + `"}`
		}
		_, faults, err := CheckPredictions(t.Context(), spec, write(t, line+"\n"), ids)
		if err != nil || len(faults) != 1 || faults[0].Code != "bad_cell" {
			t.Errorf("%s: %v %+v", cell, err, faults)
		}
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

// What a vendor's cells are worth, by hand; a forecast of another shape than the
// spec says is a fault, and so are metrics that would want two shapes.
func TestForecastsAndTrials(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		metric           string
		truth, predicted []string
		want             float64
	}{
		{"series_mase@1, params: {horizon: 2}", []string{`{"past":[1,2,4],"truth":[6,8]}`}, []string{"[5,9]"}, 1 / 1.5},
		{"wrmsse@1", []string{`{"past":[1,3],"truth":[6],"weight":3}`, `{"past":[0,0,1,2],"truth":[6]}`}, []string{"[4]", "[6]"}, 0.75},
		{"wspl@1, params: {levels: '0.25,0.75'}", []string{`{"past":[1,3],"truth":[6]}`}, []string{`{"quantiles":[[2],[10]]}`}, 0.5},
		{"eer@1", []string{"target", "other", "target", "other"}, []string{"0.9", "0.1", "0.2", "0.3"}, 0.5},
		{"kws_frr@1, params: {fa_per_hour: 0}", []string{"target 1", "other 1", "target 1"}, []string{"0.9", "0.3", "0.2"}, 0.5},
		{"hamming_loss@1", []string{"1 0", "0 1"}, []string{"0.9 0.8", "0.1"}, 0.75},
		{"lrap@1", []string{"1 0", "0 1"}, []string{"0.9 0.8", "0.4 0.3"}, 0.75},
		{"worst_group_accuracy@1, params: {min_n: 2}", []string{"yes a", "no a", "yes b c", "no b c"}, []string{"yes", "no", "yes", "yes"}, 0.5},
		{"c_index@1", []string{"1 end", "2 lost", "3 end"}, []string{"0.5", "0.7", "0.1"}, 0.5},
	} {
		spec := unitSpec(t, "jsonl", "  - {use: "+c.metric+", primary: true}\n")
		if bad := intake.Kinds[spec.CellsOf("answer")]; bad == nil || cellsOf(spec).Predicted(spec.EmptyCell("answer")) != nil {
			t.Errorf("%s: the empty cell %q is none", c.metric, spec.EmptyCell("answer"))
		}
		file := ""
		for i, p := range c.predicted {
			file += fmt.Sprintf("{\"id\":\"unit-%d\",\"answer\":%q}\n", i, p)
		}
		values, _, err := ScoreLocal(t.Context(), spec, write(t, file), cellsFile(t, c.truth), nil, nil)
		if err != nil {
			t.Errorf("%s: %v", c.metric, err)
		} else if math.Abs(values[0].Value-c.want) > 1e-12 || values[0].Status == aihub.MetricUndefined {
			t.Errorf("%s is %+v, want %v", c.metric, values[0], c.want)
		}
	}
	spec := unitSpec(t, "csv", "  - {use: series_mase@1, primary: true, params: {horizon: 3}}\n")
	_, faults, err := CheckPredictions(t.Context(), spec, write(t, "id,answer\nunit-0,\"[1,2]\"\nunit-1,\"[1,null,2]\"\n"), mustIDs(t, "unit-0", "unit-1"))
	if err != nil || len(faults) != 2 || faults[0].Code != "bad_cell" || faults[1].Code != "bad_cell" {
		t.Errorf("%v %+v", err, faults)
	}
	for _, c := range []struct {
		metrics string
		at      int
		param   string
		value   any
	}{
		{"  - {use: series_mase@1, primary: true, params: {horizon: 3}}\n  - {use: series_smape@1, params: {horizon: 3}}\n", 1, "horizon", 4.0},
		{"  - {use: wspl@1, primary: true, params: {levels: '0.1,0.5'}}\n", 0, "levels", "0.5,0.1"},
	} {
		spec := unitSpec(t, "csv", c.metrics)
		if _, err := NewPlan(spec, ""); err != nil {
			t.Errorf("%s: %v", c.metrics, err)
		}
		spec.Metrics[c.at].Params[c.param] = c.value // as a spec of an earlier release may have it
		if _, err := NewPlan(spec, ""); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%s with %s %v: %v", c.metrics, c.param, c.value, err)
		}
	}
}
