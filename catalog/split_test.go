package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
	"aihub/internal/table"
)

func texts(c *table.Column, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i], _ = c.Text(i)
	}
	return out
}

func readCSV(t testing.TB, s string) *table.Batch {
	t.Helper()
	r, err := table.OpenCSV(strings.NewReader(s), table.CSVOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := table.ReadAll(r, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const numbersManifest = `
name: numbers
title: {zh: 数, en: Numbers}
description: {zh: 数, en: Numbers}
license: CC0-1.0
key: row
key_from: rows
mask: {default: keep}
truth: [y]
`

// numbers is a table with a day and a year for each row, and no key of its own.
func numbers(n int) string {
	var b strings.Builder
	b.WriteString("day,year,x,y\n")
	for i := range n {
		year := 2018 + i%6
		fmt.Fprintf(&b, "%d-%02d-%02d,%d,%d,%d\n", year, 1+i%12, 1+i%28, year, i, i%3)
	}
	return b.String()
}

func TestSplitByTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v, err := w.publish(numbersManifest+`
split: {sample: 0.3, train: 0.7, column: day, ranges: {test: {from: 2022-01-01, to: 2023-01-01}, final: {from: 2023-01-01}}}
`, numbers(1200))
	w.must(err)
	for _, f := range v.Parts {
		in := w.part(f.Input)
		for _, y := range in.Col("year").Int {
			want := f.Part
			switch {
			case y == 2022:
				want = aihub.Test
			case y == 2023:
				want = aihub.Final
			case f.Part.Hidden():
				want = "not hidden"
			}
			if want != f.Part {
				t.Fatalf("a row of %d is in %s", y, f.Part)
			}
		}
	}
	// The rows are numbered: a key of 32 digits that the file did not have.
	if in := w.part(v.Parts[0].Input); in.Cols[0].Name != "row" || len(in.Cols[0].Str[0]) != 32 {
		t.Error(in.Schema())
	}
}

func TestSplitByValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v, err := w.publish(numbersManifest+`
split: {sample: 1, column: year, values: {test: ["2022"], final: ["2023"], train: ["2018", "2019"]}}
`, numbers(600))
	w.must(err)
	got := map[aihub.Part][]int64{}
	for _, f := range v.Parts {
		years := w.part(f.Input).Col("year").Int
		slices.Sort(years)
		got[f.Part] = slices.Compact(years)
	}
	want := map[aihub.Part][]int64{aihub.Sample: {2020, 2021}, aihub.Train: {2018, 2019}, aihub.Test: {2022}, aihub.Final: {2023}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestSplitLint(t *testing.T) {
	t.Parallel()
	for split, says := range map[string]string{
		"{sample: 0.5, test: 0.4}":                                     "add up to 0.9",
		"{train: 0.5, test: 0.5}":                                      "the sample part gets no rows",
		"{sample: 1}":                                                  "the test part gets no rows",
		"{sample: 2, test: -1}":                                        "a share is 0 to 1",
		"{sample: 1, values: {test: [a]}}":                             "neither works alone",
		"{sample: 1, column: day}":                                     "neither works alone",
		"{sample: 1, column: day, values: {tests: []}}":                "is not a part",
		"{sample: 1, column: day, ranges: {test: {from: 2023-02-30}}}": "YYYY-MM-DD",
		"{sample: 1, column: day, ranges: {test: {from: 2022-01-01}, final: {from: 2023-01-01}}}": "overlaps",
		"{sample: 1, column: day, ranges: {test: {from: 2022-01-01}}, values: {final: [a]}}":      "not both",
		"{sample: 1, column: day, values: {test: [a], final: [a]}}":                               "goes to",
	} {
		_, err := ParseManifest([]byte(numbersManifest + "split: " + split + "\n"))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: no %q in %v", split, says, err)
		}
	}
}

func TestLeakReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var raw strings.Builder
	raw.WriteString("colour,size,label\n")
	for i := range 600 {
		fmt.Fprintf(&raw, "%s,%d,%d\n", []string{"red", "blue"}[i%2], i%10, i%2)
	}
	v, err := w.publish(strings.Replace(numbersManifest, "truth: [y]", "truth: [label]", 1)+"split: {sample: 0.5, test: 0.5}\n", raw.String())
	w.must(err)
	p := w.profile(v)
	test, _ := v.File(aihub.Test)
	want := []Leak{
		{Check: "duplicate_rows", From: aihub.Sample, To: aihub.Test, Rows: test.Rows, Of: test.Rows},
		{Check: "determined_label", Column: "colour", Truth: "label", Rows: 600, Of: 600},
		{Check: "determined_label", Column: "size", Truth: "label", Rows: 600, Of: 600},
	}
	if d := cmp.Diff(want, p.Leaks); d != "" {
		t.Error(d)
	}
	if en := CardIn(string(w.blobs()[v.Card]), aihub.EN); !strings.Contains(en, "100% of the rows of test have the same inputs as a row of sample") || !strings.Contains(en, "`colour` determines `label`") {
		t.Error(en)
	}
}

func TestSuppression(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := numbers(600) + "2018-01-01,1950,1,1\n2018-01-01,1951,1,2\n" // two unique years
	v, err := w.publish(numbersManifest+"split: {sample: 0.5, test: 0.5}\nrisk: {quasi: [year], k: 5, max_suppression: 0.05}\n", raw)
	w.must(err)
	rows := int64(0)
	for _, f := range v.Parts {
		rows += f.Rows
		for _, y := range w.part(f.Input).Col("year").Int {
			if y < 2018 {
				t.Errorf("a row of a class of one was published: %d", y)
			}
		}
	}
	if r := w.profile(v).Risk; rows != 600 || r.Suppressed != 2 || r.After.K != 100 || r.Before.Unique != 2 {
		t.Errorf("%d rows, %+v", rows, r)
	}
}

// The numbers of a profile stand for ten rows at least, and those of a label
// are of the sample.
func TestProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var raw strings.Builder
	raw.WriteString("x,s,empty,y\n")
	for i := range 1000 {
		s := "common"
		if i < 9 {
			s = "CANARY"
		}
		fmt.Fprintf(&raw, "%d,%s,,%d\n", i, s, i%2)
	}
	v, err := w.publish(numbersManifest+"split: {sample: 0.5, test: 0.5}\n", raw.String())
	w.must(err)
	p := w.profile(v)
	cols := map[string]ColumnProfile{}
	for _, c := range p.Columns {
		cols[c.Name] = c
	}
	if s := cols["s"]; s.Small != 1 || len(s.Top) != 1 || s.Top[0] != (Group{"common", 991}) || s.Distinct != 2 {
		t.Errorf("%+v", s)
	}
	if x := cols["x"]; x.Min != "" || x.Max != "" || len(x.Quantiles) != 7 || x.Quantiles[3] != (Quantile{0.5, "499"}) || len(x.Top) != 0 || x.Small != 1000 {
		t.Errorf("%+v", x)
	}
	if e := cols["empty"]; e.Nulls != 1000 || e.RawNulls != 1000 {
		t.Errorf("%+v", e)
	}
	sample, _ := v.File(aihub.Sample)
	if y := cols["y"]; !y.Truth || y.Rows != sample.Rows {
		t.Errorf("%+v", y)
	}
	for _, d := range []aihub.Digest{v.Profile, v.Card} {
		if b := w.blobs()[d]; strings.Contains(string(b), "CANARY") {
			t.Errorf("a group of nine is shown:\n%s", b)
		}
	}
}

// A raw Parquet file makes the same dataset as the CSV it came from, but for
// the raw digest.
func TestPublishParquet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := people(200, 9).csv
	r, err := table.OpenCSV(strings.NewReader(raw), table.CSVOptions{Types: map[string]table.Type{"born": table.Date}})
	w.must(err)
	b, err := table.ReadAll(r, 1000)
	w.must(err)
	path := filepath.Join(t.TempDir(), "raw.parquet")
	f, err := os.Create(path)
	w.must(err)
	pw, err := table.NewParquetWriter(f, b.Schema())
	w.must(err)
	w.must(pw.Write(b))
	w.must(pw.Close())
	w.must(f.Close())
	v, err := w.Publish(w.ctx, w.steward, []byte(peopleManifest), path, nil)
	w.must(err)
	c, err := w.publish(peopleManifest, raw)
	w.must(err)
	if v.Content != c.Content || v.Raw == c.Raw {
		t.Errorf("%s from Parquet, %s from CSV", v.Content, c.Content)
	}
	bad := strings.Replace(peopleManifest, "{born: date}", "{born: int64}", 1)
	if _, err := w.Publish(w.ctx, w.steward, []byte(bad), path, nil); aihub.KindOf(err) != aihub.Contract || !strings.Contains(err.Error(), "is date, not int64") {
		t.Error(err)
	}
}
