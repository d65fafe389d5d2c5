package evaluator

import (
	"fmt"
	"math"
	"testing"

	"aihub/internal/table"

	"github.com/google/go-cmp/cmp"
)

// With a unit, rows of one are drawn together, which takes them joined: the pages
// decline, although the same files without a unit are scored from them. Values are
// the same; units are counted, and intervals wider where whole units are wrong.
func TestAlignedUnits(t *testing.T) {
	t.Parallel()
	const units, each = 50, 40
	columns := []table.Field{{Name: "id", Type: table.String}, {Name: "label", Type: table.String}, {Name: "p_red", Type: table.Float64}, {Name: "p_blue", Type: table.Float64}, {Name: "count", Type: table.Int64}}
	var truth, rows [][]any
	for i := range units * each {
		u := i / each
		label, p := "red", 0.8
		if u%5 == 0 {
			p = 0.3
		}
		if u%2 == 0 {
			label, p = "蓝", 1-p
		}
		answer := "red"
		if p < 0.5 {
			answer = "蓝"
		}
		id := fmt.Sprintf("K%06d", i)
		truth = append(truth, []any{id, label, fmt.Sprint("区", u)})
		rows = append(rows, []any{id, answer, p, 1 - p, i % 100})
	}
	truthPath := aTable(t, append(columns[:2:2], table.Field{Name: "district", Type: table.String}), truth)
	predictions := aTable(t, columns, rows)
	spec := outSpec("parquet")
	run := func(unit string) (whole, paged Scored, ok bool) {
		t.Helper()
		spec := spec
		spec.Unit = unit
		plan, err := NewPlan(spec, "aligned units")
		if err != nil {
			t.Fatal(err)
		}
		s := Scoring{Plan: plan, Key: "id", Dir: t.TempDir()}
		if paged, ok, err = s.aligned(t.Context(), truthPath, predictions); err != nil {
			t.Fatal(err)
		}
		if whole, err = s.Run(t.Context(), truthPath, predictions); err != nil || whole.Faults != nil {
			t.Fatal(err, whole.Faults)
		}
		return whole, paged, ok
	}
	plain, paged, ok := run("")
	if d := cmp.Diff(plain, paged); !ok || d != "" {
		t.Fatalf("without a unit the pages are taken: %v %s", ok, d)
	}
	by, _, ok := run("district")
	if ok {
		t.Error("with a unit the pages were taken")
	}
	// A fifth of the districts is wrong.
	want := map[string]float64{"acc": 0.8, "ll": -(0.8*math.Log(0.8) + 0.2*math.Log(0.3))}
	if len(by.Values) != len(want) {
		t.Errorf("%+v", by.Values)
	}
	for i, v := range by.Values {
		w := plain.Values[i]
		if math.Abs(v.Value-want[v.ID]) > 1e-12 || v.Value != w.Value || v.N != units*each || v.N != w.N || v.Units != units || w.Units != 0 {
			t.Errorf("%+v, by row %+v; want %v", v, w, want[v.ID])
		}
		if x := (v.Hi - v.Lo) / (w.Hi - w.Lo); x < 4 || x > 10 { // about √40
			t.Errorf("%s: the interval of units is %.2f times that of rows: %+v, by row %+v", v.ID, x, v, w)
		}
	}
}
