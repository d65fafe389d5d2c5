package evaluator

import (
	"fmt"
	"testing"

	"aihub/evaluator/metric"
	"aihub/internal/table"
	"aihub/scenarios"

	"github.com/google/go-cmp/cmp"
)

// aTable writes a Parquet file.
func aTable(t *testing.T, fields []table.Field, rows [][]any) string {
	t.Helper()
	b := table.NewBatch(fields, 0)
	for _, row := range rows {
		for i, v := range row {
			switch v := v.(type) {
			case nil:
				b.Cols[i].AppendNull()
			case string:
				b.Cols[i].AppendStr(v)
			case int:
				b.Cols[i].AppendInt(int64(v))
			case float64:
				b.Cols[i].AppendFlt(v)
			}
		}
		b.Rows++
	}
	return writeParquet(t, b)
}

// Predictions in the order of the truth are scored from the pages, with the same
// bits as when they are joined; and only those that have no fault.
func TestAligned(t *testing.T) {
	t.Parallel()
	spec := outSpec("parquet")
	plan, err := NewPlan(spec, "aligned")
	if err != nil {
		t.Fatal(err)
	}
	const rows = 70_000 // two row groups
	for _, keys := range []string{"texts", "numbers"} {
		key := func(i int) any {
			if keys == "numbers" {
				return 3*i - 500
			}
			return fmt.Sprintf("K%06d", i)
		}
		typ := map[string]table.Type{"texts": table.String, "numbers": table.Int64}[keys]
		fields := []table.Field{{Name: "id", Type: typ}, {Name: "label", Type: "string"}, {Name: "p_red", Type: "float64"}, {Name: "p_blue", Type: "float64"}, {Name: "count", Type: "int64"}}
		var truth, good [][]any
		for i := range rows {
			p := float64(i*7919%1000) / 1000
			truth = append(truth, []any{key(i), []string{"red", "蓝"}[i*31%7/4]})
			good = append(good, []any{key(i), []string{"red", "蓝"}[i%2], p, 1 - p, i % 100})
		}
		truthPath := aTable(t, fields[:2], truth)
		s := Scoring{Plan: plan, Key: "id", Dir: t.TempDir()}
		score := func(name string, fields []table.Field, rows [][]any, want bool) {
			t.Helper()
			path := aTable(t, fields, rows)
			got, ok, err := s.aligned(t.Context(), truthPath, path)
			if err != nil || ok != want {
				t.Errorf("%s, %s: %v %v, want %v", keys, name, ok, err, want)
			}
			joined, err := s.joined(t.Context(), truthPath, path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(joined, got); want && d != "" {
				t.Errorf("%s, %s: joined (-) and aligned (+) differ: %s", keys, name, d)
			}
			if whole, err := s.Run(t.Context(), truthPath, path); err != nil || cmp.Diff(joined, whole) != "" {
				t.Errorf("%s, %s: %v %s", keys, name, err, cmp.Diff(joined, whole))
			}
		}
		score("good", fields, good, true)
		other := func(at, column int, v any) [][]any {
			out := append([][]any(nil), good...)
			out[at] = append([]any(nil), out[at]...)
			out[at][column] = v
			return out
		}
		swapped := append([][]any(nil), good...)
		swapped[5], swapped[6] = swapped[6], swapped[5]
		score("two rows swapped", fields, swapped, false)
		swapped = append([][]any(nil), good...)
		swapped[1<<16-1], swapped[1<<16] = swapped[1<<16], swapped[1<<16-1]
		score("two rows swapped over row groups", fields, swapped, false)
		score("a row is missing", fields, good[1:], false)
		score("a key twice", fields, other(7, 0, key(6)), false)
		score("an unknown class", fields, other(30_000, 1, "green"), false)
		score("an empty value", fields, other(3, 2, nil), false)
		score("out of range", fields, other(3, 2, 1.5), false)
		score("no sum of one", fields, other(3, 2, 0.9999), false)
		wider := append(append([]table.Field(nil), fields...), table.Field{Name: "more", Type: "int64"})
		var more [][]any
		for _, r := range good {
			more = append(more, append(append([]any(nil), r...), 1))
		}
		score("one column more", wider, more, false)
	}
}

// Files are ranked by bounds where those tell them apart, and exactly where not.
func TestCompare(t *testing.T) {
	t.Parallel()
	spec := outSpec("parquet")
	spec.Metrics = []scenarios.Metric{{ID: "auc", Use: "roc_auc@1", Prediction: "p_red", Direction: "max", Primary: true, OnUndefined: "worst", Params: map[string]any{"positive": "red"}}}
	plan, err := NewPlan(spec, "compare")
	if err != nil {
		t.Fatal(err)
	}
	fields := []table.Field{{Name: "id", Type: table.Int64}, {Name: "label", Type: "string"}, {Name: "p_red", Type: "float64"}, {Name: "p_blue", Type: "float64"}, {Name: "count", Type: "int64"}}
	const rows = 3000
	file := func(p func(i int, red bool) float64) string {
		var all [][]any
		for i := range rows {
			v := p(i, i%3 == 0)
			all = append(all, []any{i, "red", v, 1 - v, 0})
		}
		return aTable(t, fields, all)
	}
	var truth [][]any
	for i := range rows {
		truth = append(truth, []any{i, map[bool]string{true: "red", false: "蓝"}[i%3 == 0]})
	}
	truthPath := aTable(t, fields[:2], truth)
	noise := func(i int) float64 { return float64(i*7919%rows) / rows }
	good := file(func(i int, red bool) float64 { return noise(i)/2 + map[bool]float64{true: .4, false: 0}[red] })
	bad := file(func(i int, red bool) float64 { return noise(i) })
	// All in one bin: bounds say nothing.
	close1 := file(func(i int, red bool) float64 { return 0.5 + noise(i)*1e-9 })
	close2 := file(func(i int, red bool) float64 { return 0.5 + (noise(i)+map[bool]float64{true: .01, false: 0}[red])*1e-9 })
	broken := file(func(i int, red bool) float64 { return 1.5 })

	s := Scoring{Plan: plan, Key: "id", Dir: t.TempDir(), quickRows: 100}
	all, err := s.Compare(t.Context(), truthPath, []string{broken, bad, good})
	if err != nil {
		t.Fatal(err)
	}
	if all[0].Path != good || all[1].Path != bad || all[2].Path != broken || len(all[2].Faults) == 0 {
		t.Errorf("order %+v", all)
	}
	for _, x := range all[:2] {
		exact, err := s.Run(t.Context(), truthPath, x.Path)
		if err != nil {
			t.Fatal(err)
		}
		got := x.Values[0]
		if got.Reason != metric.Bounded || got.Lo > exact.Values[0].Value || got.Hi < exact.Values[0].Value || got.Signature != exact.Values[0].Signature {
			t.Errorf("%+v does not bound %+v", got, exact.Values[0])
		}
	}
	all, err = s.Compare(t.Context(), truthPath, []string{close1, close2})
	if err != nil {
		t.Fatal(err)
	}
	if all[0].Path != close2 || all[0].Values[0].Reason != "" || all[1].Values[0].Reason != "" {
		t.Errorf("not scored exactly: %+v", all)
	}
}
