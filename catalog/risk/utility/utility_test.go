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
	got := Measure(raw, masked, nil, []string{"ill"}, 42)
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
	got := Measure(raw, raw, []string{"area"}, []string{"ill"}, 1)
	if len(got.Columns) != 3 {
		t.Errorf("%+v", got.Columns)
	}
	for _, c := range got.Columns {
		if c.Kept < 1-1e-9 || !c.Same || c.TV != 0 || c.JS != 0 || c.Wasserstein != 0 {
			t.Errorf("%+v", c)
		}
	}
	if got.Relation.Change != 0 || got.Baseline[0].Before != got.Baseline[0].After {
		t.Errorf("%+v %+v", got.Relation, got.Baseline)
	}
	if got := Measure(&table.Batch{}, &table.Batch{}, nil, nil, 0); got.Rows != 0 || got.Relation != nil {
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
	got := Measure(make(0), make(10), nil, []string{"y"}, 1)
	if got.Columns[0].TV < 1-1e-9 || got.Columns[0].JS < 1-1e-9 || got.Columns[0].Kept > 1e-9 || got.Columns[1].Kept != 1 || got.Baseline != nil {
		t.Errorf("%+v", got)
	}
}
