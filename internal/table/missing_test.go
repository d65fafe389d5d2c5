package table

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What stands for no value is null, and says nothing of a column's type; what only looks
// alike stays, and a column's own list is instead of the others'.
func TestMissing(t *testing.T) {
	t.Parallel()
	missing := Missing{"*": {"NA", "-99", ""}, "town": {"未知"}, "none": {}}
	want := [][]string{
		{"30", "∅", "NA", "2020-01-31", "NA"}, {"∅", "1.5", "∅", "∅", "-99"}, {"-99.5", "-990", "NAB", "2020-02-01", "x"},
	}
	for name, in := range map[string]string{
		"csv": "age,income,town,day,none\n30,NA,NA,2020-01-31,NA\n-99,1.5,未知,NA,-99\n-99.5,-990,NAB,2020-02-01,x\n",
		"jsonl": `{"age":30,"income":"NA","town":"NA","day":"2020-01-31","none":"NA"}
{"age":-99,"income":1.5,"town":"未知","day":"NA","none":"-99"}
{"age":-99.5,"income":-990,"town":"NAB","day":"2020-02-01","none":"x"}
`} {
		o := Options{CSVOptions: CSVOptions{Missing: missing}}
		r, err := OpenCSV(strings.NewReader(in), o.CSVOptions)
		if name == "jsonl" {
			r, err = OpenJSONL(strings.NewReader(in), o)
		}
		b := readAll(t, r, err)
		if got := schemaText(b); got != "age float64,income float64,town string,day date,none string" {
			t.Errorf("%s: %s", name, got)
		}
		if d := cmp.Diff(want, rows(b)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		// A declared type is not broken by it either.
		o.Types = map[string]Type{"age": Float64, "day": Date}
		r, err = OpenCSV(strings.NewReader(in), o.CSVOptions)
		if name == "jsonl" {
			r, err = OpenJSONL(strings.NewReader(in), o)
		}
		if d := cmp.Diff(want, rows(readAll(t, r, err))); d != "" {
			t.Errorf("%s, declared: %s", name, d)
		}
	}
}

// In files that have types a text stands for the value that it is in the column's.
func TestMissingTyped(t *testing.T) {
	t.Parallel()
	missing := Missing{"*": {"值1", "-3", "false", "2020-03-01", "no value of any type"}, "dict": {"k1"}, "st.a": nil}
	files, err := filepath.Glob("testdata/formats/*_*")
	if err != nil || len(files) < 24 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		plain, err := Open(f, Options{})
		want := readAll(t, plain, err)
		r, err := Open(f, Options{CSVOptions: CSVOptions{Missing: missing}})
		if n, ok := r.(Counted); ok != func() bool { _, ok := plain.(Counted); return ok }() || ok && n.Rows() != plain.(Counted).Rows() {
			t.Errorf("%s: the rows are not counted", f)
		}
		got, nulled := readAll(t, r, err), map[string]int{}
		for i := range want.Cols {
			c := &want.Cols[i]
			for row := range want.Rows {
				a, had := c.Text(row)
				b, has := got.Cols[i].Text(row)
				gone := had && slices.Contains(missing.Of(c.Name), a)
				if gone {
					nulled[c.Name]++
				}
				if has != (had && !gone) || has && a != b {
					t.Fatalf("%s: row %d of %s is %q (%v), want %q (%v)", f, row, c.Name, b, has, a, had && !gone)
				}
			}
		}
		for _, n := range []string{"s", "f", "b", "d", "dict"} {
			if nulled[n] == 0 {
				t.Errorf("%s: no value of %s stands for none: the test asks nothing", f, n)
			}
		}
	}
}
