package evaluator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"

	"github.com/google/go-cmp/cmp"
)

// outSpec is a complete spec with one column of each kind.
func outSpec(format string) scenarios.Spec {
	return scenarios.Spec{
		Input: scenarios.Input{Key: "id"},
		Output: scenarios.Output{File: "predictions." + format, Format: format, Columns: []scenarios.OutputColumn{
			{Name: "label", Type: "string", Classes: []string{"red", "蓝"}},
			{Name: "p_red", Type: "float64", Range: []float64{0, 1}, SumsToOne: []string{"p_blue"}},
			{Name: "p_blue", Type: "float64", Range: []float64{0, 1}},
			{Name: "count", Type: "int64", Range: []float64{0, 100}},
		}},
		Truth: scenarios.Truth{Column: "label", Type: "string", Classes: []string{"red", "蓝"}},
		Metrics: []scenarios.Metric{
			{ID: "acc", Use: "accuracy@1", Prediction: "label", Direction: "max", Primary: true, OnUndefined: "worst"},
			{ID: "ll", Use: "log_loss@1", Prediction: "p_red", Direction: "min", OnUndefined: "worst"},
		},
	}
}

func mustIDs(t testing.TB, ids ...string) *IDs {
	t.Helper()
	s, err := NewIDs(ids)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "predictions")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// lines renders faults as the CLI does, and insists on both languages.
func lines(t testing.TB, faults []aihub.Fault) (s []string) {
	t.Helper()
	for _, f := range faults {
		if f.Message.EN == "" || f.Message.ZH == "" || f.Code == "" {
			t.Errorf("fault without code, or in one language: %+v", f)
		}
		s = append(s, f.In(aihub.EN))
	}
	return s
}

const header = "id,label,p_red,p_blue,count\n"

func TestCheckPredictionsCSV(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		file string
		want []string
	}{
		{"good, in another order", header + "b,蓝,0,1,0\na,red,0.25,0.75,100\n", nil},
		{"good: BOM, semicolons, CRLF, column order, exponents", "\ufeffp_blue;count;id;label;p_red\r\n7.5e-1;3;a;red;2.5E-1\r\n1;3;b;蓝;0\r\n", nil},
		{"good: sum within tolerance", header + "a,red,0.3333333,0.6666666,1\nb,红,1,0,1\n", []string{
			`unknown_class (row 2, column label): the value is none of the classes: red, 蓝: row 2 "红"`}},
		{"every fault of values, in one pass", header +
			"a,Red,nan,0.5,1.5\n" + // unknown class, not finite, bad type
			"b, red,1.5,-0.1,101\n" + // near class, two out of range, count out of range
			"a,red,0.5,0.6,\n" + // again a; sum; empty
			"A,red,1,0,1\n" + // differs in case
			"x,red,zero,1,1\n" + // unknown id, bad type
			",red,1,0,1\n" + // no id
			"b,red,1e999,0,0x1\n", // again b; overflow; hexadecimal
			[]string{
				`conflicting_ids (row 3, column id): the id has more than one row, with different values [×2]: row 3 "a", row 7 "b"`,
				`empty_value (row 6, column id): the row has no id: row 6`,
				`extra_ids (row 5, column id): the input has no such id; read and write the key column as text: row 5 "x"`,
				`extra_ids (row 4, column id): the id is one of the input but for blanks or case: copy it as it is: row 4 "A"`,
				`unknown_class (row 1, column label): the value is none of the classes: red, 蓝: row 1 "Red"`,
				`unknown_class (row 2, column label): the value is a class but for blanks around it: row 2 " red"`,
				`bad_type (row 5, column p_red): expected a number of type float64: row 5 "zero"`,
				`not_finite (row 1, column p_red): the value is not a finite number [×2]: row 1 "nan", row 7 "1e999"`,
				`out_of_range (row 2, column p_red): the value is outside [0, 1]: row 2 "1.5"`,
				`sums_to_one (row 3, column p_red): these columns must sum to 1 ± 1e-6: p_red, p_blue: row 3 "1.1"`,
				`out_of_range (row 2, column p_blue): the value is outside [0, 1]: row 2 "-0.1"`,
				`bad_type (row 1, column count): expected a number of type int64 [×2]: row 1 "1.5", row 7 "0x1"`,
				`empty_value (row 3, column count): the value is empty: row 3`,
				`out_of_range (row 2, column count): the value is outside [0, 100]: row 2 "101"`,
			}},
		{"missing and duplicate", header + "a,red,1,0,1\na,red,1,0,1\n", []string{
			`missing_ids (column id): 1 of 2 ids have no row: "b"`,
			`duplicate_ids (row 2, column id): the id has more than one row, with equal values: write each once: row 2 "a"`}},
		{"header: case, width, an extra and a missing column", "ID,Label,Ｐ＿red,count,note\na,red,1,1,x\n", []string{
			`wrong_header (column ID): the column must be named exactly "id"`,
			`wrong_header (column Label): the column must be named exactly "label"`,
			`wrong_header (column Ｐ＿red): the column must be named exactly "p_red"`,
			`missing_column (column p_blue): there is no column "p_blue"; the file has: ID, Label, Ｐ＿red, count, note`,
			`extra_column (column note): the output schema has no such column: leave it out`,
			`missing_ids (column id): 1 of 2 ids have no row: "b"`}},
		{"no header", "a,red,1,0,2\n", []string{
			`missing_column (column id): there is no column "id"; the file has: a, red, 1, 0, 2`,
			`missing_column (column label): there is no column "label"; the file has: a, red, 1, 0, 2`,
			`missing_column (column p_red): there is no column "p_red"; the file has: a, red, 1, 0, 2`,
			`missing_column (column p_blue): there is no column "p_blue"; the file has: a, red, 1, 0, 2`,
			`missing_column (column count): there is no column "count"; the file has: a, red, 1, 0, 2`,
			`extra_column (column a): the output schema has no such column: leave it out`,
			`extra_column (column red): the output schema has no such column: leave it out`,
			`extra_column (column 1): the output schema has no such column: leave it out`,
			`extra_column (column 0): the output schema has no such column: leave it out`,
			`extra_column (column 2): the output schema has no such column: leave it out`,
			`empty_file: the file has a header but no rows; 2 are expected`}},
		{"header only", header, []string{`empty_file: the file has a header but no rows; 2 are expected`}},
		{"no bytes", "", []string{`empty_file: the file has no bytes`}},
		{"Parquet in place of CSV", "PAR1xxxxPAR1", []string{`bad_file: the file looks like parquet; output.format is csv`}},
	} {
		_, faults, err := CheckPredictions(t.Context(), outSpec("csv"), write(t, c.file), mustIDs(t, "a", "b"))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if d := cmp.Diff(c.want, lines(t, faults)); d != "" {
			t.Errorf("%s: -want +got\n%s", c.name, d)
		}
	}
}

// What the table package refuses comes as faults too, with its place.
func TestCheckPredictionsBadFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, code, where string }{
		{header + "a,red,1,0\n", "ragged", "line 2"},
		{header + "a,\"red,1,0,1\n", "open_quote", "line 2, column 3"},
		{header + "a,r\xff,1,0,1\n", "encoding", "line 2"},
		{"id,id\na,b\n", "duplicate_column", "line 1"},
	} {
		_, faults, err := CheckPredictions(t.Context(), outSpec("csv"), write(t, c.file), mustIDs(t, "a"))
		if err != nil || len(faults) == 0 || faults[0].Code != c.code || !strings.HasPrefix(faults[0].Where, c.where) {
			t.Errorf("%q: faults %v, error %v; want %s at %s", c.file, lines(t, faults), err, c.code, c.where)
		}
	}
	spec := outSpec("parquet")
	for _, file := range []string{"PAR1" + strings.Repeat("x", 100) + "PAR1", "id,label\n"} {
		_, faults, err := CheckPredictions(t.Context(), spec, write(t, file), mustIDs(t, "a"))
		if err != nil || len(faults) != 1 || faults[0].Code != "bad_file" {
			t.Errorf("%.10q as Parquet: %v, %v", file, lines(t, faults), err)
		}
	}
	if _, _, err := CheckPredictions(t.Context(), spec, filepath.Join(t.TempDir(), "none"), mustIDs(t, "a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	_, faults, err := CheckPredictions(t.Context(), spec, t.TempDir(), mustIDs(t, "a"))
	if err != nil || len(faults) != 1 || faults[0].Code != "bad_file" {
		t.Errorf("a directory: %v, %v", lines(t, faults), err)
	}
}

func TestCheckPredictionsBounds(t *testing.T) {
	t.Parallel()
	spec := outSpec("csv")
	spec.Limits.Output = 40
	_, faults, err := CheckPredictions(t.Context(), spec, write(t, header+strings.Repeat("a,red,1,0,1\n", 10)), mustIDs(t, "a"))
	if err != nil || len(faults) != 1 || faults[0].Code != "too_large" {
		t.Errorf("bytes: %v, %v", lines(t, faults), err)
	}

	// A Parquet file of few bytes can hold any number of rows.
	spec = outSpec("parquet")
	b := table.NewBatch([]table.Field{{Name: "id", Type: "string"}, {Name: "label", Type: "string"}, {Name: "p_red", Type: "float64"}, {Name: "p_blue", Type: "float64"}, {Name: "count", Type: "int64"}}, 0)
	for range 50_000 {
		b.Cols[0].AppendStr("a")
		b.Cols[1].AppendStr("red")
		b.Cols[2].AppendFlt(1)
		b.Cols[3].AppendFlt(0)
		b.Cols[4].AppendInt(1)
		b.Rows++
	}
	_, faults, err = CheckPredictions(t.Context(), spec, writeParquet(t, b), mustIDs(t, "a"))
	if err != nil || len(faults) == 0 || faults[len(faults)-1].Code != "too_many_rows" {
		t.Errorf("rows: %v, %v", lines(t, faults), err)
	}
	if n := len(faults[0].Examples); faults[0].Code != "duplicate_ids" || n != maxExamples || faults[0].Count < 1000 {
		t.Errorf("%d examples of %d %s", n, faults[0].Count, faults[0].Code)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := CheckPredictions(ctx, spec, writeParquet(t, b), mustIDs(t, "a")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func writeParquet(t testing.TB, b *table.Batch) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "predictions.parquet")
	f, err := os.Create(path)
	if err == nil {
		err = writeTable(f, "parquet", b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckPredictionsParquet(t *testing.T) {
	t.Parallel()
	b := table.NewBatch([]table.Field{{Name: "id", Type: "string"}, {Name: "label", Type: "string"}, {Name: "p_red", Type: "int64"}, {Name: "p_blue", Type: "float64"}, {Name: "count", Type: "int64"}}, 0)
	b.Cols[0].Str = []string{"b", "a"}
	b.Cols[1].Str = []string{"蓝", "red"}
	b.Cols[2].Int = []int64{0, 1} // integers are numbers too
	b.Cols[3].Flt = []float64{1, 0}
	b.Cols[4].Int = []int64{5, 6}
	b.Rows = 2
	p, faults, err := CheckPredictions(t.Context(), outSpec("parquet"), writeParquet(t, b), mustIDs(t, "a", "b"))
	if err != nil || faults != nil {
		t.Fatal(lines(t, faults), err)
	}
	if !slices.Equal(p.columns["label"].Class, []int16{0, 1}) || !slices.Equal(p.columns["p_red"].Flt, []float64{1, 0}) || !slices.Equal(p.columns["count"].Flt, []float64{6, 5}) {
		t.Errorf("not in the order of ids: %+v", p.columns)
	}

	// Wrong types of columns, NaN and nulls.
	b = table.NewBatch([]table.Field{{Name: "id", Type: "int64"}, {Name: "label", Type: "string"}, {Name: "p_red", Type: "float64"}, {Name: "p_blue", Type: "bool"}, {Name: "count", Type: "float64"}}, 0)
	b.Cols[0].AppendInt(1)
	b.Cols[1].AppendNull()
	b.Cols[2].AppendFlt(math.NaN())
	b.Cols[3].AppendBool(true)
	b.Cols[4].AppendFlt(1)
	b.Rows = 1
	_, faults, err = CheckPredictions(t.Context(), outSpec("parquet"), writeParquet(t, b), mustIDs(t, "1"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`bad_type (column id): the column is int64; string is expected`,
		`bad_type (column p_blue): the column is bool; float64 is expected`,
		`bad_type (column count): the column is float64; int64 is expected`,
		`empty_value (row 1, column label): the value is empty: row 1`,
		`not_finite (row 1, column p_red): the value is not a finite number: row 1 "NaN"`,
	}
	if d := cmp.Diff(want, lines(t, faults)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// The order of rows changes neither the predictions nor the faults' totals.
func TestCheckPredictionsAnyOrder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	var ids, rows []string
	for i := range 500 {
		id := fmt.Sprintf("%032x", i*7919)
		ids = append(ids, id)
		rows = append(rows, fmt.Sprintf("%s,red,%v,%v,%d\n", id, 0.25, 0.75, i%100))
	}
	set := mustIDs(t, ids...)
	var first *Predictions
	for range 5 {
		p, faults, err := CheckPredictions(t.Context(), outSpec("csv"), write(t, header+strings.Join(rows, "")), set)
		if err != nil || faults != nil {
			t.Fatal(lines(t, faults), err)
		}
		if first == nil {
			first = p
		} else if d := cmp.Diff(first.columns, p.columns); d != "" {
			t.Fatal(d)
		}
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	var list []string
	for i := range 10_000 {
		list = append(list, fmt.Sprint("row", i))
	}
	s := mustIDs(t, list...)
	for i, id := range list {
		if at, ok := s.index(id); !ok || at != i {
			t.Fatalf("%s is at %d, %v", id, at, ok)
		}
	}
	if _, ok := s.index("row10000"); ok {
		t.Error("found what is not there")
	}
	_, err := NewIDs([]string{"secret-a", "", "secret-a", "secret-a"})
	var e *aihub.Error
	if !errors.As(err, &e) || e.Kind != aihub.Contract || e.Faults[0].Count != 3 || strings.Contains(err.Error(), "secret") {
		t.Errorf("empty and repeated keys: %v", err)
	}
}

// No file makes the check panic, and what it accepts is what it says: every id
// once, finite, in range.
func FuzzCheckPredictions(f *testing.F) {
	for _, s := range []string{
		header + "a,red,1,0,1\nb,蓝,0,1,0\n", header, "", "id\n", "ID;label\na;red\n", header + "a,red,nan,0,9\n", header + "b,\"re\"\"d\",1e-3,0.999,+1\n",
	} {
		f.Add([]byte(s), false)
	}
	b := table.NewBatch([]table.Field{{Name: "id", Type: "string"}, {Name: "label", Type: "string"}, {Name: "p_red", Type: "float64"}, {Name: "p_blue", Type: "float64"}, {Name: "count", Type: "int64"}}, 0)
	for _, id := range []string{"a", "b"} {
		b.Cols[0].AppendStr(id)
		b.Cols[1].AppendStr("red")
		b.Cols[2].AppendFlt(1)
		b.Cols[3].AppendFlt(0)
		b.Cols[4].AppendInt(1)
		b.Rows++
	}
	raw, err := os.ReadFile(writeParquet(f, b))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, true)
	ids := mustIDs(f, "a", "b")
	path := filepath.Join(f.TempDir(), "predictions")
	f.Fuzz(func(t *testing.T, data []byte, parquet bool) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		spec := outSpec(map[bool]string{true: "parquet", false: "csv"}[parquet])
		p, faults, err := CheckPredictions(context.Background(), spec, path, ids)
		if err != nil {
			t.Fatal(err)
		}
		if (p == nil) == (len(faults) == 0) {
			t.Fatalf("predictions %v with faults %v", p, faults)
		}
		lines(t, faults)
		for _, x := range faults {
			if len(x.Examples) > maxExamples {
				t.Fatalf("%d examples", len(x.Examples))
			}
		}
		if p == nil {
			return
		}
		for i := range 2 {
			c, r, b, n := p.columns["label"].Class[i], p.columns["p_red"].Flt[i], p.columns["p_blue"].Flt[i], p.columns["count"].Flt[i]
			if c < 0 || c > 1 || !(r >= 0 && r <= 1 && b >= 0 && b <= 1 && math.Abs(r+b-1) <= sumTolerance) || !(n >= 0 && n <= 100 && n == math.Trunc(n)) {
				t.Fatalf("accepted %d %v %v %v from %q", c, r, b, n, data)
			}
		}
		for _, id := range []string{"a", "b"} {
			if !parquet && !bytes.Contains(data, []byte(id)) {
				t.Fatalf("accepted %q without %s", data, id)
			}
		}
	})
}

// Rows that are none hide neither the faults of the others nor ids without a row,
// and rows are named as they stand in the file: on both ways to a score.
func TestEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	text := scenarios.OutputColumn{Name: "o", Type: "string"}
	for _, c := range []struct {
		name, format, in string
		column           scenarios.OutputColumn
		use              string
		want             []string
	}{
		{"csv", "csv", "id,v\na,1,9\nb,x\nc,1,2\nzz,nan\n", scenarios.OutputColumn{Name: "v", Type: "float64"}, "mse@1", []string{
			"ragged (line 2): row 1 has 3 fields, the header has 2", "ragged (line 4): row 3 has 3 fields, the header has 2",
			`missing_ids (column id): 3 of 4 ids have no row, or only one that could not be read [×3]: "a", "c", "d"`,
			`extra_ids (row 4, column id): the input has no such id; read and write the key column as text: row 4 "zz"`,
			`bad_type (row 2, column v): expected a number of type float64: row 2 "x"`, `not_finite (row 4, column v): the value is not a finite number: row 4 "nan"`}},
		{"jsonl", "jsonl", "{\"id\":\"a\",\"v\":1}\n{\"id\":\"b\",\"v\":}\n{\"id\":\"c\",\"v\":\"x\"}\n{\"id\":\"zz\",\"v\":1}\n", scenarios.OutputColumn{Name: "v", Type: "float64"}, "mse@1", []string{
			"json (line 2, column 15): expected a value (JSON has no NaN: write null)",
			`missing_ids (column id): 2 of 4 ids have no row, or only one that could not be read [×2]: "b", "d"`,
			`extra_ids (row 4, column id): the input has no such id; read and write the key column as text: row 4 "zz"`,
			`bad_type (row 3, column v): expected a number of type float64: row 3 "x"`}},
		{"coco", scenarios.FormatCOCO, `[{"image_id":"a","category_id":1,"bbox":[0,0,-5,1],"score":1},{"image_id":"zzz","category_id":-3,"bbox":[0,0,1,1]}]`, text, "coco_ap@1", []string{
			`bad_item (item 1): bbox must be [x, y, width, height] with sizes not below 0: item 1 "{\"image_id\":\"a\",\"category_id\":1,\"bbox\":[0,0,-5,1],\"score\":1}"`,
			`bad_item (item 2): category_id must be a whole number from 0 to 9999: item 2 "{\"image_id\":\"zzz\",\"category_id\":-3,\"bbox\":[0,0,1,1]}"`,
			`bad_item (item 2): score must be a finite number: item 2 "{\"image_id\":\"zzz\",\"category_id\":-3,\"bbox\":[0,0,1,1]}"`,
			`extra_ids (item 2, column id): the input has no such id; read and write the key column as text: item 2 "zzz"`}},
		{"trec", scenarios.FormatTREC, "a Q0 d1 1 nan t\nb Q0 d1 1 0.5 t\nb Q0 d1 1 0.6 t\nq Q1 x\nnope Q0 d1 1 3 t\n", text, "map@1", []string{
			`bad_value (line 1): score must be a finite number: line 1 "a Q0 d1 1 nan t"`,
			`bad_value (line 3): a document stands twice for one id: line 3 "b Q0 d1 1 0.6 t"`,
			`bad_line (line 4): expected: id Q0 document rank score tag: line 4 "q Q1 x"`,
			`extra_ids (line 5, column id): the input has no such id; read and write the key column as text: line 5 "nope"`}},
		{"cells", "jsonl", `{"id":"a","o":"[{\"category_id\":-1,\"bbox\":[0,0,1,1]}]"}` + "\n" + `{"id":"b","o":"["}` + "\n" + `{"id":"c","o":"[]"}` + "\n" + `{"id":"d","o":"[]"}` + "\n", text, "coco_ap@1", []string{
			`bad_cell (row 1, column o): category_id must be a whole number from 0 to 9999: row 1 "[{\"category_id\":-1,\"bbox\":[0,0,1,1]}]"`,
			`bad_cell (row 2, column o): expected a JSON list of objects with category_id, bbox, segmentation, keypoints, area, iscrowd, score: row 2 "["`,
			`bad_cell (row 1, column o): score must be a finite number: row 1 "[{\"category_id\":-1,\"bbox\":[0,0,1,1]}]"`}},
	} {
		truthType, truths := "string", []string{"", "", "", ""}
		if c.use == "mse@1" {
			truthType, truths = "float64", []string{"1", "2", "3", "4"}
		} else if c.use == "coco_ap@1" {
			truths = []string{"[]", "[]", "[]", "[]"}
		}
		spec := scenarios.Spec{Input: scenarios.Input{Key: "id"}, Output: scenarios.Output{Format: c.format, File: "p", Columns: []scenarios.OutputColumn{c.column}},
			Truth: scenarios.Truth{Column: "y", Type: truthType}, Metrics: []scenarios.Metric{{ID: "m", Use: c.use, Prediction: c.column.Name, Direction: "min", Primary: true}}}
		path := write(t, c.in)
		_, faults, err := CheckPredictions(t.Context(), spec, path, mustIDs(t, "a", "b", "c", "d"))
		if err != nil {
			t.Fatal(c.name, err)
		}
		if d := cmp.Diff(c.want, lines(t, faults)); d != "" {
			t.Errorf("%s: -want +got\n%s", c.name, d)
		}
		plan, err := NewPlan(spec, "")
		if err != nil {
			t.Fatal(err)
		}
		truth := filepath.Join(t.TempDir(), "truth.csv")
		text := "id,y\n"
		for i, v := range truths {
			text += string(rune('a'+i)) + "," + v + "\n"
		}
		if err := os.WriteFile(truth, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Scoring{Plan: plan, Key: "id", Dir: t.TempDir()}.Run(t.Context(), truth, path)
		if err != nil {
			t.Fatal(c.name, err)
		}
		if d := cmp.Diff(c.want, lines(t, got.Faults)); d != "" {
			t.Errorf("%s, scored: -want +got\n%s", c.name, d)
		}
	}
}
