package evaluator

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"aihub/internal/table"
	"aihub/scenarios"

	"github.com/google/go-cmp/cmp"
)

// Values, intervals and draws are the same bits whatever the number of goroutines, the
// order of rows in both files, the format, the names of rows and the piles they are
// dealt to.
func TestSameBits(t *testing.T) { // not parallel: it says how many processors there are
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	const rows = 66_000 // two row groups, which goroutines share
	rng := rand.New(rand.NewPCG(11, 12))
	rowKey, cipherKey := []byte("the row key of a run"), []byte("a row key of so many bytes as that of a run, 48.")
	kinds := []string{"red", "蓝"}
	var truth, pred [][]any
	for i := range rows {
		y, p := rng.IntN(2), rng.Float64()
		if rng.IntN(8) == 0 {
			p = float64(rng.IntN(9)) / 8 // ties
		}
		p = (p + 0.3*float64(1-y)) / 1.3
		label := kinds[y]
		if rng.IntN(3) == 0 {
			label = kinds[rng.IntN(2)]
		}
		truth = append(truth, []any{3*i + 100, kinds[y], rng.NormFloat64() + p})
		pred = append(pred, []any{3*i + 100, label, p, 1 - p, rng.IntN(101)})
	}
	truthFields := []table.Field{{Name: "id", Type: table.Int64}, {Name: "label", Type: table.String}, {Name: "amount", Type: table.Float64}}
	fields := []table.Field{{Name: "id", Type: table.Int64}, {Name: "label", Type: table.String}, {Name: "p_red", Type: table.Float64}, {Name: "p_blue", Type: table.Float64}, {Name: "count", Type: table.Int64}}
	named := append([]table.Field{{Name: "id", Type: table.String}}, fields[1:]...)
	namedBy := func(rowKey []byte) (under, rising [][]any) {
		under = slices.Clone(pred)
		name := table.RowIDs(rowKey)
		for i, r := range pred {
			under[i] = append([]any{string(name(nil, fmt.Sprint(r[0])))}, r[1:]...)
		}
		return under, slices.SortedFunc(slices.Values(under), func(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) })
	}
	under, rising := namedBy(rowKey)
	telling, tellingRising := namedBy(cipherKey)
	shuffled := func(rows [][]any) [][]any {
		out := slices.Clone(rows)
		rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out
	}
	dir := t.TempDir()
	file := func(format, name string, fields []table.Field, rows [][]any) string {
		path := filepath.Join(dir, name+"."+format)
		if format == "parquet" {
			if err := os.Rename(aTable(t, fields, rows), path); err != nil {
				t.Fatal(err)
			}
			return path
		}
		var b strings.Builder
		for i, f := range fields {
			b.WriteString(strings.Repeat(",", min(i, 1)) + f.Name)
		}
		for _, r := range rows {
			b.WriteByte('\n')
			for i, v := range r {
				fmt.Fprint(&b, strings.Repeat(",", min(i, 1)), v)
			}
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inOrder, mixed := file("parquet", "truth", truthFields, truth), file("parquet", "mixed", truthFields, shuffled(truth))
	ways := []struct {
		name, truth, pred string
		rowKey            []byte
		aligned           bool
	}{
		{"Parquet in order", inOrder, file("parquet", "order", fields, pred), nil, true},
		{"Parquet in no order", mixed, file("parquet", "no order", fields, shuffled(pred)), nil, false},
		{"Parquet, ids rising", inOrder, file("parquet", "rising", named, rising), rowKey, true},
		{"Parquet, ids rising, truth in no order", mixed, filepath.Join(dir, "rising.parquet"), rowKey, true},
		{"Parquet, ids in no order", inOrder, file("parquet", "ids", named, shuffled(under)), rowKey, false},
		{"CSV in order", inOrder, file("csv", "order", fields, pred), nil, false},
		{"CSV in no order", mixed, file("csv", "no order", fields, shuffled(pred)), nil, false},
		{"CSV, ids rising", mixed, file("csv", "rising", named, rising), rowKey, false},
		{"CSV, ids in no order", inOrder, file("csv", "ids", named, shuffled(under)), rowKey, false},
		{"Parquet, ids that tell, rising", inOrder, file("parquet", "telling rising", named, tellingRising), cipherKey, true},
		{"Parquet, ids that tell, rising, truth in no order", mixed, filepath.Join(dir, "telling rising.parquet"), cipherKey, true},
		{"Parquet, ids that tell, in no order", inOrder, file("parquet", "telling", named, shuffled(telling)), cipherKey, false},
	}
	positive := map[string]any{"positive": "red"}
	for _, c := range []struct {
		truth   scenarios.Truth
		metrics []scenarios.Metric // the first is the primary one, which has draws
		ways    []int
	}{
		{scenarios.Truth{Column: "label", Type: "string", Classes: kinds}, []scenarios.Metric{
			{Use: "accuracy@1", Prediction: "label"}, {Use: "f1@1", Prediction: "label"}, {Use: "mcc@1", Prediction: "label"},
			{Use: "log_loss@1", Prediction: "p_red"}, {Use: "brier@1", Prediction: "p_red"}, {Use: "roc_auc@1", Prediction: "p_red", Params: positive}},
			[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		{scenarios.Truth{Column: "label", Type: "string", Classes: kinds}, []scenarios.Metric{
			{Use: "roc_auc@1", Prediction: "p_red", Params: positive}}, []int{0, 2, 4, 6, 9}},
		{scenarios.Truth{Column: "label", Type: "string", Classes: kinds}, []scenarios.Metric{
			{Use: "average_precision@1", Prediction: "p_red", Params: positive}}, []int{0, 2, 4, 6, 9}},
		{scenarios.Truth{Column: "amount", Type: "float64"}, []scenarios.Metric{
			{Use: "mae@1", Prediction: "p_red"}, {Use: "rmse@1", Prediction: "p_red"}, {Use: "r2@1", Prediction: "p_red"}},
			[]int{0, 2, 4, 6, 9}},
	} {
		var want *Scored
		for _, at := range c.ways {
			w := ways[at]
			spec := outSpec(strings.TrimPrefix(filepath.Ext(w.pred), "."))
			spec.Truth, spec.Metrics = c.truth, slices.Clone(c.metrics)
			for i := range spec.Metrics {
				m := &spec.Metrics[i]
				m.ID, m.Primary, m.Direction, m.OnUndefined = m.Use, i == 0, "max", "worst"
			}
			plan, err := NewPlan(spec, "the same bits")
			if err != nil {
				t.Fatal(err)
			}
			for i, threads := range []int{1, 2, 3, 7} {
				if !w.aligned && i%3 != 0 { // each takes a while
					continue
				}
				runtime.GOMAXPROCS(threads)
				s := Scoring{Plan: plan, Key: "id", RowKey: w.rowKey, Dir: t.TempDir(), pile: []int64{0, 5000}[i/2]}
				got, aligned, err := s.aligned(t.Context(), w.truth, w.pred)
				if err != nil || aligned != w.aligned {
					t.Fatalf("%s: aligned %v %v, want %v", w.name, aligned, err, w.aligned)
				}
				if !aligned {
					got, err = s.joined(t.Context(), w.truth, w.pred)
				}
				if err != nil || got.Faults != nil {
					t.Fatalf("%s: %v %v", w.name, err, got.Faults)
				}
				if want == nil {
					for _, v := range got.Values {
						if !(v.Lo < v.Value && v.Value < v.Hi) {
							t.Fatalf("%s has no interval: %+v", v.ID, v)
						}
					}
					if len(got.Sample) == 0 {
						t.Fatalf("%s has no draws", spec.Metrics[0].Use)
					}
					want = &got
				}
				if d := cmp.Diff(*want, got); d != "" {
					t.Errorf("%s by %d goroutines, not as the first: %s", w.name, threads, d)
				}
			}
		}
	}
}
