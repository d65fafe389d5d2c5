package evaluator

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"aihub/internal/table"
	"aihub/scenarios"

	"github.com/google/go-cmp/cmp"
)

// Slices are scored from the pages, with the same bits as when rows are joined: by
// columns of the truth and of the input, with empty values, under the dataset's keys and
// under the ids of a run; and whatever cannot be is joined.
func TestAlignedSlices(t *testing.T) {
	t.Parallel()
	spec := outSpec("parquet")
	spec.Slices = []scenarios.Slice{{By: []string{"district"}, Min: 40}, {By: []string{"year", "label"}, Min: 300}, {By: []string{"year", "district", "label"}, Min: 100}}
	plan, err := NewPlan(spec, "aligned slices")
	if err != nil {
		t.Fatal(err)
	}
	rowKey, cipherKey := []byte("the row key of a run"), []byte("a row key of so many bytes as that of a run, 48.")
	const rows = 70_000 // two row groups, and several piles
	columns := []table.Field{{Name: "id", Type: table.Int64}, {Name: "label", Type: table.String}, {Name: "p_red", Type: table.Float64}, {Name: "p_blue", Type: table.Float64}, {Name: "count", Type: table.Int64}}
	named := append([]table.Field{{Name: "id", Type: table.String}}, columns[1:]...)
	var truth, input, plain, ids, telling [][]any
	for i := range rows {
		p := float64(i*7919%1000) / 1000
		var district any
		if d := i * 31 % 97 % 12; d > 0 {
			district = fmt.Sprint("区", d)
		}
		truth = append(truth, []any{3 * i, []string{"red", "蓝"}[i*31%7/4], district})
		input = append(input, []any{3 * i, 2020 + i%101%2})
		plain = append(plain, []any{3 * i, []string{"red", "蓝"}[i%2], p, 1 - p, i % 100})
		ids = append(ids, append([]any{table.RowID(rowKey, fmt.Sprint(3*i))}, plain[i][1:]...))
		telling = append(telling, append([]any{table.RowID(cipherKey, fmt.Sprint(3*i))}, plain[i][1:]...))
	}
	for _, rows := range [][][]any{ids, telling} {
		slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) })
	}
	truthFields := append(slices.Clone(columns[:2]), table.Field{Name: "district", Type: table.String})
	inputFields := []table.Field{{Name: "id", Type: table.Int64}, {Name: "year", Type: table.Int64}}
	truthPath, inputPath := aTable(t, truthFields, truth), aTable(t, inputFields, input)
	plainPath, idsPath, tellingPath := aTable(t, columns, plain), aTable(t, named, ids), aTable(t, named, telling)
	other := func(rows [][]any, at, column int, v any) [][]any {
		out := slices.Clone(rows)
		out[at] = slices.Clone(out[at])
		out[at][column] = v
		return out
	}
	many := slices.Clone(truth)
	for i := range many {
		many[i] = []any{many[i][0], many[i][1], fmt.Sprint(i % 60)}
	}
	for _, c := range []struct {
		name, truth, input string
		want               bool
	}{
		{"good", truthPath, inputPath, true},
		{"an input of other rows", truthPath, aTable(t, inputFields, other(input, 66_000, 0, 1)), false},
		{"a long value", aTable(t, truthFields, other(truth, 66_000, 2, strings.Repeat("x", maxGroupName+1))), inputPath, false},
		{"too many groups", aTable(t, truthFields, many), inputPath, false},
		{"no input", truthPath, "", false},
	} {
		for _, key := range [][]byte{nil, rowKey, cipherKey} {
			path := plainPath
			if key != nil {
				path = idsPath
			}
			if len(key) == len(cipherKey) {
				path = tellingPath
			}
			s := Scoring{Plan: plan, Key: "id", Input: c.input, Dir: t.TempDir(), RowKey: key}
			got, ok, err := s.aligned(t.Context(), c.truth, path)
			if err != nil || ok != c.want {
				t.Errorf("%s, key %q: %v %v", c.name, key, ok, err)
			}
			joined, err := s.joined(t.Context(), c.truth, path)
			if (err == nil) != c.want {
				t.Errorf("%s, key %q: joined %v", c.name, key, err)
			}
			if d := cmp.Diff(joined, got); c.want && d != "" {
				t.Errorf("%s, key %q: joined (-) and aligned (+) differ: %s", c.name, key, d)
			}
			if c.want && (len(got.Values[0].Slices) != 3 || len(got.Values[0].Slices[0].Groups) != 12 || got.Values[0].Slices[0].Groups[0].Of[0] != "") {
				t.Errorf("%s: %+v", c.name, got.Values[0].Slices)
			}
		}
	}
}
