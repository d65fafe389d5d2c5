package evaluator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

func truthFile(t *testing.T, spec scenarios.Spec, truth *Truth) string {
	t.Helper()
	b := table.NewBatch([]table.Field{{Name: "key", Type: table.String}, {Name: spec.Truth.Column, Type: table.String}}, 0)
	if truth.Label.Flt != nil {
		b = table.NewBatch([]table.Field{{Name: "key", Type: table.String}, {Name: spec.Truth.Column, Type: table.Float64}}, 0)
	}
	for i, key := range truth.Keys {
		b.Cols[0].AppendStr(key)
		switch l := truth.Label; {
		case l.Flt != nil:
			b.Cols[1].AppendFlt(l.Flt[i])
		case l.Class != nil:
			b.Cols[1].AppendStr(spec.Truth.Classes[l.Class[i]])
		default:
			b.Cols[1].AppendStr(l.Str[i])
		}
		b.Rows++
	}
	return writeParquet(t, b)
}

// Of numbers, with a metric that is undefined for constant predictions and for constant truth.
func correlationSpec(t *testing.T, columns string) scenarios.Spec {
	t.Helper()
	spec, _, err := scenarios.Parse("any", []byte(specHead+`output: {columns: [`+columns+`]}
truth: {column: label, type: float64}
metrics:
  - {use: mae@1, prediction: p, primary: true}
  - {use: pearson@1, prediction: p, on_undefined: error}
  - {use: spearman@1, prediction: p, on_undefined: error}
sharing: {score: {step: 0.1, range: [0, 1]}}
rounds: [{name: main, bits: 64}]
agreement: {zh: 同意, en: agreed}
`))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// The same undefined values are the vendor's fault or the scenario's, as perfect
// predictions have it: of more rows than are written at once.
func TestBlame(t *testing.T) {
	t.Parallel()
	values := []aihub.MetricValue{{ID: "mae"}, {ID: "pearson", Status: aihub.MetricUndefined, Reason: "why"}, {ID: "spearman", Status: aihub.MetricOK}}
	for _, c := range []struct {
		name, column string
		truth        func(i int) float64
		owner        aihub.FaultOwner
	}{
		{"any truth", "{name: p, type: float64}", func(i int) float64 { return float64(i % 7) }, aihub.FaultVendor},
		{"constant truth", "{name: p, type: float64}", func(int) float64 { return 3 }, aihub.FaultScenario},
		{"rows of which only the last differs", "{name: p, type: float64}", func(i int) float64 { return float64(b2i(i == 2*pileRows)) }, aihub.FaultVendor},
		{"a schema that refuses the truth", "{name: p, type: float64, range: [0, 1]}", func(i int) float64 { return float64(i) }, aihub.FaultScenario},
	} {
		spec, truth := correlationSpec(t, c.column), &Truth{}
		for i := range 2*pileRows + 1 {
			truth.Keys = append(truth.Keys, fmt.Sprint("row", i))
			truth.Label.Flt = append(truth.Label.Flt, c.truth(i))
		}
		path, asked := truthFile(t, spec, truth), 0
		err := undefined(t.Context(), spec, values, func(ctx context.Context, s scenarios.Spec) ([]aihub.MetricValue, error) {
			if asked++; len(s.Metrics) != 1 || s.Metrics[0].ID != "pearson" {
				t.Errorf("%s: asked for %v", c.name, s.Metrics)
			}
			return perfect(ctx, s, path, "key", t.TempDir())
		})
		var f *failure
		if !errors.As(err, &f) || f.Owner != c.owner || f.Reason != aihub.ReasonUndefined || !strings.Contains(f.Detail, "pearson is undefined: why") || asked != 1 {
			t.Errorf("%s: %v, asked %d times; want the fault of %s", c.name, err, asked, c.owner)
		}
	}
	// Nobody is to blame, and nothing is read.
	values[1].Status = aihub.MetricOK
	if err := undefined(t.Context(), correlationSpec(t, "{name: p, type: float64}"), values, nil); err != nil {
		t.Error(err)
	}
}
