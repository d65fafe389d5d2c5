package utility

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aihub/internal/table"
)

// pairs reads testdata/pairs.csv: a raw column and, with _m, its masked one.
func pairs(t *testing.T) (raw, masked *table.Batch) {
	t.Helper()
	f, err := os.Open("testdata/pairs.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := table.OpenCSV(f, table.CSVOptions{Types: map[string]table.Type{"age": table.Int64, "age_m": table.String, "pay": table.Float64, "pay_m": table.Float64}})
	if err != nil {
		t.Fatal(err)
	}
	all, err := table.ReadAll(r, 1000)
	if err != nil {
		t.Fatal(err)
	}
	raw, masked = &table.Batch{Rows: all.Rows}, &table.Batch{Rows: all.Rows}
	for _, c := range all.Cols {
		if name, ok := strings.CutSuffix(c.Name, "_m"); ok {
			c.Name = name
			masked.Cols = append(masked.Cols, c)
		} else {
			raw.Cols = append(raw.Cols, c)
		}
	}
	return raw, masked
}

func TestMeasureAgreesWithTheReference(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var want Report
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	raw, masked := pairs(t)
	got := Measure(raw, masked, Options{Truth: []string{"ill"}, Seed: 42, General: []string{"age"}})
	for i := range got.Columns {
		got.Columns[i].Bins = nil // for drawing; see TestBins
	}
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 1e-12)); d != "" {
		t.Error(d)
	}
}

// Nothing changed: no distance anywhere, and the same score.
func TestMeasureOfTheSame(t *testing.T) {
	t.Parallel()
	raw, _ := pairs(t)
	got := Measure(raw, raw, Options{Truth: []string{"ill"}, Seed: 1, General: []string{"age", "area"}})
	if len(got.Columns) != 4 {
		t.Errorf("%+v", got.Columns)
	}
	for _, c := range got.Columns {
		if c.Kept < 1-1e-9 || !c.Same || c.TV > 1e-12 || c.JS > 1e-12 || c.Wasserstein != 0 {
			t.Errorf("%+v", c)
		}
	}
	if got.Relation.Change != 0 || got.Baseline[0].Before != got.Baseline[0].After {
		t.Errorf("%+v %+v", got.Relation, got.Baseline)
	}
	if got := Measure(&table.Batch{}, &table.Batch{}, Options{}); got.Rows != 0 || got.Relation != nil {
		t.Errorf("%+v", got)
	}
}

// Missing and constant values are counted, not divided by.
func TestMeasureNulls(t *testing.T) {
	t.Parallel()
	make := func(null int) *table.Batch {
		b := table.NewBatch([]table.Field{{Name: "x", Type: table.Float64}, {Name: "y", Type: table.String}}, 0)
		for i := range 10 {
			if i < null {
				b.Cols[0].AppendNull()
			} else {
				b.Cols[0].AppendFlt(float64(i))
			}
			b.Cols[1].AppendStr("same")
			b.Rows++
		}
		return b
	}
	got := Measure(make(0), make(10), Options{Truth: []string{"y"}, Seed: 1})
	if got.Columns[0].TV < 1-1e-9 || got.Columns[0].JS < 1-1e-9 || got.Columns[0].Kept > 1e-9 || got.Columns[1].Kept != 1 || got.Baseline != nil {
		t.Errorf("%+v", got)
	}
}

// A generalised column moves as far as the even spread of its classes is from the
// raw values, not by the names of the classes; rows that are not published count.
func TestMeasureOfClasses(t *testing.T) {
	t.Parallel()
	column := func(typ table.Type, vs ...string) *table.Batch {
		b := table.NewBatch([]table.Field{{Name: "x", Type: typ}}, len(vs))
		for _, v := range vs {
			if v == "" {
				b.Cols[0].AppendNull()
			} else if !b.Cols[0].ParseText(v) {
				t.Fatal(v)
			}
			b.Rows++
		}
		return b
	}
	texts := func(vs ...string) *table.Batch { return column(table.String, vs...) }
	for name, c := range map[string]struct {
		raw, masked, whole *table.Batch
		tv                 float64
	}{
		// X holds a and b, two rows each when spread, where raw has three and one.
		"two values in a class":    {texts("a", "a", "a", "b", "c"), texts("X", "X", "X", "X", "Y"), nil, 0.2},
		"evenly used classes":      {texts("a", "b", "c", "d"), texts("X", "X", "Y", "Y"), nil, 0},
		"one class, even values":   {texts("a", "b", "c", "d"), texts("*", "*", "*", "*"), nil, 0},
		"a suppressed row":         {texts("a", "b", "c", "d"), texts("X", "X", "Y", ""), nil, 0.25},
		"a raw value is missing":   {texts("a", "", "c", "d"), texts("X", "", "Y", "Y"), nil, 0},
		"a row is not published":   {texts("a", "b", "c"), texts("X", "X", "Y"), texts("a", "b", "c", "d"), 0.25},
		"a class has a raw name":   {texts("a", "a", "b", "b"), texts("a", "a", "a", "a"), nil, 0},
		"numbers spread evenly":    {column(table.Int64, "10", "11", "12", "13", "20", "21"), texts("10-19", "10-19", "10-19", "10-19", "20-29", "20-29"), nil, 0},
		"numbers in a heap":        {column(table.Int64, "10", "10", "10", "10", "10", "19"), texts("10-19", "10-19", "10-19", "10-19", "10-19", "10-19"), nil, 0}, // the deciles do not tell, the distance does
		"numbers that are missing": {column(table.Int64, "1", "2", "3", "4"), texts("1-4", "", "1-4", ""), nil, 0.5},
	} {
		got := Measure(c.raw, c.masked, Options{General: []string{"x"}, Whole: c.whole}).Columns[0]
		if !got.Spread || got.TV < c.tv-1e-9 || got.TV > c.tv+1e-9 {
			t.Errorf("%s: %+v, want %g", name, got, c.tv)
		}
		if heap := name == "numbers in a heap"; heap != (got.Wasserstein > 0.5) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := Measure(texts("a"), texts("X"), Options{}).Columns[0]; got.TV != 1 || got.Spread {
		t.Errorf("not generalised: %+v", got)
	}
}
