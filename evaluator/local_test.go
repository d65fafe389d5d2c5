package evaluator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/internal/table"
	"aihub/scenarios"
	"aihub/scenarios/packs"

	"github.com/google/go-cmp/cmp"
)

func labels(t testing.TB, rows ...string) string {
	t.Helper()
	return write(t, "id,label\n"+strings.Join(rows, "\n")+"\n")
}

func faultsOf(err error) []aihub.Fault {
	var e *aihub.Error
	if errors.As(err, &e) {
		return e.Faults
	}
	return nil
}

func TestReadTruth(t *testing.T) {
	t.Parallel()
	spec := outSpec("csv")
	got, err := ReadTruth(t.Context(), write(t, "extra,id,label\n1,007,red\n2,b,蓝\n"), "id", spec)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&Truth{Keys: []string{"007", "b"}, Label: metric.Column{Class: []metric.Code{0, 1}}}, got); d != "" {
		t.Error(d)
	}
	if id := got.RowIDs([]byte("key"))[0]; id != table.RowID([]byte("key"), "007") || got.RowIDs(nil)[0] != "007" {
		t.Errorf("row id %s", id)
	}

	// Faults count rows; no label is in them.
	_, err = ReadTruth(t.Context(), labels(t, "a,red", "b,SECRET", "c,", "d,SECRET"), "id", spec)
	want := []string{
		"empty_label (column label): the label is empty: row 3",
		"bad_label (column label): the label is none of truth.classes [×2]: row 2, row 4",
	}
	if d := cmp.Diff(want, lines(t, faultsOf(err))); d != "" || aihub.KindOf(err) != aihub.Contract || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%v\n%s", err, d)
	}
	if _, err := ReadTruth(t.Context(), write(t, "id,other\na,red\n"), "id", spec); aihub.KindOf(err) != aihub.Contract {
		t.Errorf("no label column: %v", err)
	}

	// Numbers, from Parquet with integers and from CSV.
	spec.Truth = scenarios.Truth{Column: "y", Type: "float64"}
	b := table.NewBatch([]table.Field{{Name: "y", Type: "int64"}, {Name: "id", Type: "int64"}}, 0)
	b.Cols[0].Int, b.Cols[1].Int, b.Rows = []int64{3, -4}, []int64{10, 11}, 2
	for _, path := range []string{writeParquet(t, b), write(t, "id,y\n10,3\n11,-4.0\n")} {
		got, err := ReadTruth(t.Context(), path, "id", spec)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&Truth{Keys: []string{"10", "11"}, Label: metric.Column{Flt: []float64{3, -4}}}, got); d != "" {
			t.Error(d)
		}
	}
	b = table.NewBatch([]table.Field{{Name: "id", Type: "string"}, {Name: "y", Type: "float64"}}, 0)
	b.Cols[0].Str, b.Cols[1].Flt, b.Rows = []string{"a", "b"}, []float64{1, math.Inf(1)}, 2
	if _, err := ReadTruth(t.Context(), writeParquet(t, b), "id", spec); len(faultsOf(err)) != 1 || faultsOf(err)[0].Code != "bad_label" {
		t.Errorf("infinite label: %v", err)
	}
}

func TestScoreLocal(t *testing.T) {
	t.Parallel()
	spec := outSpec("csv")
	sample := labels(t, "a,red", "b,蓝", "c,蓝", "d,red")
	rowKey := []byte("0123456789abcdef0123456789abcdef")
	var rows strings.Builder
	rows.WriteString(header)
	for _, r := range []struct {
		key, label string
		p          float64
	}{{"d", "red", 0.5}, {"b", "red", 1}, {"a", "red", 1}, {"c", "蓝", 0}} {
		fmt.Fprintf(&rows, "%s,%s,%v,%v,1\n", table.RowID(rowKey, r.key), r.label, r.p, 1-r.p)
	}
	values, _, err := ScoreLocal(t.Context(), spec, write(t, rows.String()), sample, rowKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v := values[0]; v.ID != "acc" || v.Signature != "accuracy@1" || v.Value != 0.75 || v.N != 4 || v.Status != aihub.MetricOK || !(v.Lo < v.Value && v.Value < v.Hi) {
		t.Errorf("accuracy %+v", v)
	}
	// -(ln ½ + ln eps + 2 ln(1-eps))/4: one row is certain of the wrong class.
	if v := values[1]; v.Signature != "log_loss@1|columns=p_red,p_blue|eps=2.220446049250313e-16" || math.Abs(v.Value-(math.Ln2+52*math.Ln2)/4) > 1e-12 {
		t.Errorf("log loss %+v", v)
	}

	_, _, err = ScoreLocal(t.Context(), spec, write(t, rows.String()), sample, nil, nil)
	if fs := faultsOf(err); aihub.KindOf(err) != aihub.Contract || len(fs) != 2 || fs[0].Code != "missing_ids" || fs[1].Code != "extra_ids" {
		t.Errorf("ids of another run: %v", err)
	}
	if _, _, err = ScoreLocal(t.Context(), spec, write(t, rows.String()), labels(t, "a,red", "a,red"), rowKey, nil); len(faultsOf(err)) != 1 || faultsOf(err)[0].Code != "bad_keys" {
		t.Errorf("a sample with a key twice: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err = ScoreLocal(ctx, spec, write(t, rows.String()), sample, rowKey, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNewPlanFaults(t *testing.T) {
	t.Parallel()
	spec := outSpec("csv")
	spec.Metrics = []scenarios.Metric{
		{ID: "a", Use: "accuracy@9", Prediction: "label"},
		{ID: "b", Use: "f1@1", Prediction: "p_red"},
		{ID: "c", Use: "f1@1", Prediction: "label", Params: map[string]any{"average": "none"}},
		{ID: "d", Use: "mae@1", Prediction: "count"},
		{ID: "e", Use: "log_loss@1", Prediction: "p_red", Params: map[string]any{"columns": []any{"p_red", "label"}}},
	}
	_, err := NewPlan(spec, "")
	var where []string
	for _, f := range faultsOf(err) {
		where = append(where, f.Where)
	}
	want := []string{"metrics[0].use", "metrics[1].prediction", "metrics[2].params.average", "metrics[3].use", "metrics[4].prediction"}
	if d := cmp.Diff(want, where); d != "" || aihub.KindOf(err) != aihub.Contract {
		t.Errorf("%v\n%s", err, d)
	}
}

func TestSelfTest(t *testing.T) {
	t.Parallel()
	truth := &Truth{}
	for i := range 60 {
		truth.Keys = append(truth.Keys, fmt.Sprint("row", i))
		truth.Label.Class = append(truth.Label.Class, metric.Code(i%2))
	}
	numbers := &Truth{Keys: truth.Keys, Label: metric.Column{Flt: make([]float64, 60)}}
	for i := range numbers.Label.Flt {
		numbers.Label.Flt[i] = float64(i) / 8
	}
	constant := &Truth{Keys: truth.Keys, Label: metric.Column{Class: make([]metric.Code, 60)}}
	third := outSpec("csv")
	third.Truth.Classes = []string{"red", "蓝", "never"}
	third.Output.Columns[0].Classes = third.Truth.Classes
	third.Metrics = []scenarios.Metric{{ID: "f1", Use: "f1@1", Prediction: "label", Primary: true}}
	absent := third
	absent.Metrics = []scenarios.Metric{{ID: "f1", Use: "f1@1", Prediction: "label", Primary: true, Params: map[string]any{"zero_division": 1.0}}}
	number := func(typ string, rng ...float64) scenarios.Spec {
		s := outSpec("csv")
		s.Output.Columns = []scenarios.OutputColumn{{Name: "y", Type: typ, Range: rng}}
		s.Truth = scenarios.Truth{Column: "y", Type: "float64"}
		s.Metrics = []scenarios.Metric{{ID: "mae", Use: "mae@1", Prediction: "y", Primary: true}, {ID: "r2", Use: "r2@1", Prediction: "y"}}
		return s
	}
	auc := outSpec("csv")
	auc.Metrics = append(auc.Metrics, scenarios.Metric{ID: "auc", Use: "roc_auc@1", Prediction: "p_blue", Params: map[string]any{"positive": "蓝"}})
	for _, c := range []struct {
		name string
		spec scenarios.Spec
		t    *Truth
		want []string
	}{
		{"classes and probabilities, CSV", auc, truth, nil},
		{"Parquet", outSpec("parquet"), truth, nil},
		{"numbers", number("float64"), numbers, nil},
		{"a class that never occurs spoils macro F1", third, truth, []string{"self_test (perfect): f1 is 0.6667 for perfect predictions, not 1: a class has no row in this part and counts as zero_division; write params: {zero_division: 1}, or declare only classes with enough rows"}},
		{"and does not with zero_division 1", absent, truth, nil},
		{"whole numbers cannot say it", number("int64"), numbers, []string{
			"self_test (perfect): mae is 0.24583333333333332 for perfect predictions, not 0", "self_test (perfect): r2 is 0.9821061405946097 for perfect predictions, not 1"}},
		{"the range shuts the truth out", number("float64", 0, 1), numbers, []string{
			"self_test (perfect): the output schema refuses such predictions: out_of_range",
			"self_test (shuffled): the output schema refuses such predictions: out_of_range",
			"self_test (constant): the output schema refuses such predictions: out_of_range",
			"self_test (random): the output schema refuses such predictions: out_of_range"}},
		{"one class only: AUC is undefined", auc, constant, []string{"self_test (perfect): auc is undefined for perfect predictions: one_class"}},
		{"no rows", auc, &Truth{}, []string{"self_test (perfect): the part has no rows"}},
	} {
		dir := t.TempDir()
		_, faults, err := SelfTest(t.Context(), c.spec, c.t, dir, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if d := cmp.Diff(c.want, lines(t, faults)); d != "" {
			t.Errorf("%s: -want +got\n%s", c.name, d)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left %s", c.name, filepath.Join(dir, left[0].Name()))
		}
	}
}

// The built-in scenarios can be scored: their metrics bind, and come out as
// they must on the labels that their generators make.
func TestPacksPassSelfTest(t *testing.T) {
	t.Parallel()
	for _, p := range packs.All() {
		spec, _, err := scenarios.Parse(p.Name, p.Spec)
		if err != nil {
			t.Fatal(err)
		}
		var raw bytes.Buffer
		if err := p.Generate(&raw, 1, 2000); err != nil {
			t.Fatal(err)
		}
		truth, err := ReadTruth(t.Context(), write(t, raw.String()), spec.Input.Key, spec)
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		_, faults, err := SelfTest(t.Context(), spec, truth, t.TempDir(), nil)
		if err != nil || len(faults) > 0 {
			t.Errorf("%s: %v, %v", p.Name, lines(t, faults), err)
		}
	}
}

// A class of the output column behind those of the truth abstains, at the cost
// that the spec says; other metrics of classes do not take such a column.
func TestAbstain(t *testing.T) {
	t.Parallel()
	parse := func(metrics string) (scenarios.Spec, error) {
		spec, _, err := scenarios.Parse("abstain", []byte(strings.NewReplacer(
			"    - {name: label, type: string}\n    - {name: p, type: float64}\n", "    - {name: label, type: string, classes: [red, blue, unsure]}\n",
			"  - {use: accuracy@1, primary: true}\n  - {use: roc_auc@1, prediction: p, on_undefined: ONUNDEFINED}\n", metrics,
			"RELEASE", "policy", "step: 0.05", "step: 0.05, range: [0, 5]").Replace(specYAML)))
		return spec, err
	}
	spec, err := parse("  - {use: abstain_cost@1, primary: true, params: {costs: '0,1;5,0', abstain: 0.5}}\n")
	if err != nil {
		t.Fatal(err, faultsOf(err))
	}
	values, _, err := ScoreLocal(t.Context(), spec, write(t, "id,label\na,red\nb,unsure\nc,unsure\nd,red\n"), labels(t, "a,red", "b,red", "c,blue", "d,blue"), nil, nil)
	if err != nil || values[0].Value != (0.5+0.5+5)/4 {
		t.Errorf("%+v %v", values, err)
	}
	if _, err := parse("  - {use: f1@1, primary: true}\n"); len(faultsOf(err)) == 0 {
		t.Error("f1 takes a class that the truth does not have")
	}
}
