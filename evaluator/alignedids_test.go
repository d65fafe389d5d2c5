package evaluator

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"aihub/internal/table"

	"github.com/google/go-cmp/cmp"
)

// Predictions under the ids of a run, in their order, are scored from the pages,
// with the same bits as when they are joined, and as under the dataset's keys; and
// only those that have no fault.
func TestAlignedIDs(t *testing.T) {
	t.Parallel()
	spec := outSpec("parquet")
	plan, err := NewPlan(spec, "aligned")
	if err != nil {
		t.Fatal(err)
	}
	rowKey := []byte("the row key of a run")
	for keys, rows := range map[string]int{"texts": 70_000, "numbers": 3_000} { // of texts two row groups, and several piles
		key := func(i int) any {
			if keys == "numbers" {
				return 3*i - 500
			}
			return fmt.Sprintf("K%06d", i)
		}
		typ := map[string]table.Type{"texts": table.String, "numbers": table.Int64}[keys]
		fields := []table.Field{{Name: "id", Type: typ}, {Name: "label", Type: "string"}, {Name: "p_red", Type: "float64"}, {Name: "p_blue", Type: "float64"}, {Name: "count", Type: "int64"}}
		named := append([]table.Field{{Name: "id", Type: table.String}}, fields[1:]...)
		var truth, plain, good [][]any
		for i := range rows {
			p := float64(i*7919%1000) / 1000
			truth = append(truth, []any{key(i), []string{"red", "蓝"}[i*31%7/4]})
			plain = append(plain, []any{key(i), []string{"red", "蓝"}[i%2], p, 1 - p, i % 100})
			good = append(good, append([]any{table.RowID(rowKey, fmt.Sprint(key(i)))}, plain[i][1:]...))
		}
		slices.SortFunc(good, func(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) })
		truthPath := aTable(t, fields[:2], truth)
		s := Scoring{Plan: plan, Key: "id", Dir: t.TempDir(), RowKey: rowKey}
		score := func(name, truthPath string, rows [][]any, want bool) Scored {
			t.Helper()
			path := aTable(t, named, rows)
			got, ok, err := s.aligned(t.Context(), truthPath, path)
			if err != nil || ok != want {
				t.Errorf("%s, %s: %v %v, want %v", keys, name, ok, err, want)
			}
			if !want {
				return got
			}
			joined, err := s.joined(t.Context(), truthPath, path)
			if d := cmp.Diff(joined, got); d != "" || err != nil {
				t.Errorf("%s, %s: %v, joined (-) and aligned (+) differ: %s", keys, name, err, d)
			}
			return got
		}
		kept := s
		kept.RowKey = nil
		under, err := kept.Run(t.Context(), truthPath, aTable(t, fields, plain))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(under, score("good", truthPath, good, true)); d != "" {
			t.Errorf("%s: under keys (-) and under ids (+) differ: %s", keys, d)
		}
		other := func(at, column int, v any) [][]any {
			out := slices.Clone(good)
			out[at] = slices.Clone(out[at])
			out[at][column] = v
			return out
		}
		swap := func(i, j int) [][]any {
			out := slices.Clone(good)
			out[i], out[j] = out[j], out[i]
			return out
		}
		if keys == "texts" {
			score("two rows swapped over row groups", truthPath, swap(1<<16-1, 1<<16), false)
			score("an id of nobody", truthPath, other(60_000, 0, good[60_000][0].(string)[:31]+"g"), false)
			continue
		}
		at, id := 2_000, good[2_000][0].(string)
		score("two of the first rows swapped", truthPath, swap(5, 6), false)
		score("two of the last rows swapped", truthPath, swap(rows-1, rows-2), false)
		score("a row is missing", truthPath, good[1:], false)
		score("an id twice", truthPath, other(at, 0, good[at-1][0]), false)
		score("an id in capitals", truthPath, other(at, 0, strings.ToUpper(id)), strings.ToUpper(id) == id)
		another := func(of string) string { return of[:31] + map[bool]string{true: "1", false: "0"}[of[31] == '0'] }
		score("an id that ends otherwise", truthPath, other(at, 0, another(id)), false)
		ends := other(at, 0, id[:16]+good[at+1][0].(string)[16:])
		ends[at+1] = append([]any{good[at+1][0].(string)[:16] + id[16:]}, good[at+1][1:]...)
		score("two ids whose ends are swapped", truthPath, ends, false)
		score("a short id", truthPath, other(at, 0, id[:31]), false)
		score("an unknown class", truthPath, other(at, 1, "green"), false)
		score("an empty value", truthPath, other(3, 2, nil), false)
		score("no sum of one", truthPath, other(3, 2, 0.9999), false)
		twice := slices.Clone(truth)
		twice[9] = truth[8]
		score("a key of the truth twice", aTable(t, fields[:2], twice), good, false)
		few := good[:0:0]
		for i := range 3 {
			few = append(few, append([]any{table.RowID(rowKey, fmt.Sprint(key(i)))}, plain[i][1:]...))
		}
		slices.SortFunc(few, func(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) })
		score("three rows", aTable(t, fields[:2], truth[:3]), few, true)
	}
}
