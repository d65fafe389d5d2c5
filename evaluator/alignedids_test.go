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
	rowKey, cipherKey := []byte("the row key of a run"), []byte("a row key of so many bytes as that of a run, 48.")
	for _, c := range []struct {
		keys   string
		rows   int // of 70,000 two row groups, and several piles
		rowKey []byte
		key    func(i int) any
		told   bool // by the ids
	}{
		{"texts", 70_000, rowKey, func(i int) any { return fmt.Sprintf("K%06d", i) }, false},
		{"texts under a cipher", 70_000, cipherKey, func(i int) any { return fmt.Sprintf("K%06d", i) }, false},
		{"numbers", 3_000, rowKey, func(i int) any { return 3*i - 500 }, false},
		{"numbers under a cipher", 3_000, cipherKey, func(i int) any { return 3*i - 500 }, false},
		{"numbers that are told", 3_000, cipherKey, func(i int) any { return 3*i + 7 }, true},
		{"many numbers that are told", 70_000, cipherKey, func(i int) any { return i + i/9 }, true},
		{"numbers far apart", 3_000, cipherKey, func(i int) any { return 5 * i }, false},
		{"numbers of up to 16 digits", 3_000, cipherKey, func(i int) any { return 999_999_999_999_990 + i }, false},
	} {
		keys, rows, rowKey, key := c.keys, c.rows, c.rowKey, c.key
		typ := table.Int64
		if strings.HasPrefix(keys, "texts") {
			typ = table.String
		}
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
		checkTold(t, s, truthPath, aTable(t, named, good), c.told)
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
		if rows == 70_000 {
			score("two rows swapped over row groups", truthPath, swap(1<<16-1, 1<<16), false)
			score("an id twice, behind the first rows", truthPath, other(30_000, 0, good[29_999][0]), false)
			score("an id of nobody", truthPath, other(60_000, 0, good[60_000][0].(string)[:31]+"g"), false)
			continue
		}
		at, id := 2_000, good[2_000][0].(string)
		none := table.RowID(rowKey, "8") // a key between two
		at = slices.IndexFunc(good, func(r []any) bool { return r[0].(string) > none })
		score("the id of a key that there is not", truthPath, other(max(1, at)-1, 0, none), false)
		at = 2_000
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

// checkTold checks whether the ids of predictions tell the rows of a truth.
func checkTold(t *testing.T, s Scoring, truthPath, predictionsPath string, want bool) {
	t.Helper()
	truth, _, done, err := openPages(truthPath)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	pred, _, done, err := openPages(predictionsPath)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	a := &alignment{spec: s.Plan.spec, plan: s.Plan, truth: truth, pred: pred, rows: truth.Rows(), progress: func(int64) {}}
	if !a.match(s.Key, true) {
		t.Fatal("columns do not match")
	}
	if _, ok, err := a.tellTruth(t.Context(), s.RowKey); ok != want || err != nil {
		t.Errorf("the truth is told: %v %v, want %v", ok, err, want)
	}
}
