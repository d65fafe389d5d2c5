package evaluator

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/internal/table"
	"aihub/scenarios"

	"github.com/google/go-cmp/cmp"
)

// Every metric that asks more of a prediction than that it is finite.
func domainSpec(format string) scenarios.Spec {
	s := scenarios.Spec{Input: scenarios.Input{Key: "id"}, Truth: scenarios.Truth{Column: "label", Type: "float64"}}
	s.Output = scenarios.Output{Format: format}
	for _, name := range []string{"p", "d", "lower", "upper"} {
		s.Output.Columns = append(s.Output.Columns, scenarios.OutputColumn{Name: name, Type: "float64"})
	}
	upper := map[string]any{"upper": "upper"}
	for _, m := range []scenarios.Metric{
		{Use: "rmsle@1", Prediction: "p"}, {Use: "msle@1", Prediction: "p"}, {Use: "mae@1", Prediction: "lower"},
		{Use: "poisson_deviance@1", Prediction: "d"}, {Use: "gamma_deviance@1", Prediction: "d"}, {Use: "tweedie_deviance@1", Prediction: "d"},
		{Use: "interval_coverage@1", Prediction: "lower", Params: upper}, {Use: "interval_width@1", Prediction: "lower", Params: upper},
		{Use: "winkler@1", Prediction: "lower", Params: upper},
	} {
		m.ID, _, _ = strings.Cut(m.Use, "@")
		m.OnUndefined, m.Direction = "worst", scenarios.KnownMetrics[m.Use].Direction
		s.Metrics = append(s.Metrics, m)
	}
	s.Metrics[0].Primary = true
	return s
}

// What no truth could make defined is a fault of its row and value, beside the others,
// wherever predictions are checked.
func TestDomains(t *testing.T) {
	t.Parallel()
	ids := []string{"a", "b", "c", "d", "e"}
	path := write(t, "id,p,d,lower,upper\na,-1e-300,1,0,0\nb,-0,0,-7,-7.5\nc,0,-2,1,2\nd,1,NaN,3,2\ne,2,5e-324,-1,-0\n")
	want := []string{
		`out_of_domain (row 1, column p): rmsle@1 takes no values below 0: row 1 "-1e-300"`,
		`not_finite (row 4, column d): the value is not a finite number: row 4 "NaN"`,
		`out_of_domain (row 2, column d): gamma_deviance@1 takes only values above 0 [×2]: row 2 "0", row 3 "-2"`,
		`crossed (row 2, column lower): the lower bound is above the upper one, of column upper [×2]: row 2 "-7 > -7.5", row 4 "3 > 2"`,
	}
	faults, err := CheckTrial(t.Context(), domainSpec("csv"), ids, path)
	if d := cmp.Diff(want, lines(t, faults)); d != "" || err != nil {
		t.Errorf("%v: -want +got\n%s", err, d)
	}
}

// FuzzDomains holds intake and metrics to one opinion: predictions that pass leave
// no metric undefined, and those that do not, for a domain, would have. Files that
// are scored page by page have the same faults.
func FuzzDomains(f *testing.F) {
	add := func(v ...float64) {
		var b []byte
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		f.Add(b)
	}
	tiny := math.SmallestNonzeroFloat64
	for _, x := range []float64{0, math.Copysign(0, -1), tiny, -tiny, 1, -1, 1e99, 1e-99, math.NaN(), math.Inf(1)} {
		for _, bad := range [][4]float64{{x, 1, 0, 0}, {0, x, 0, 0}, {0, 1, x, 0}, {0, 1, 0, x}} {
			add(append(bad[:], 1, 2, 3, 4)...)
		}
	}
	spec := domainSpec(table.FormatParquet)
	plan, err := NewPlan(spec, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		const most = 1e100 // beyond, squares overflow, and so does the ratio of a truth to less than 1/most
		fields := []table.Field{{Name: "id", Type: table.String}, {Name: "p", Type: table.Float64}, {Name: "d", Type: table.Float64}, {Name: "lower", Type: table.Float64}, {Name: "upper", Type: table.Float64}}
		b, truth := table.NewBatch(fields, 0), table.NewBatch([]table.Field{fields[0], {Name: "label", Type: table.Float64}}, 0)
		pred := &Predictions{columns: map[string]metric.Column{}}
		label := &Truth{}
		for ; len(raw) >= 32 && b.Rows < 50; raw = raw[32:] {
			key := fmt.Sprintf("row-%02d", b.Rows)
			b.Cols[0].AppendStr(key)
			truth.Cols[0].AppendStr(key)
			for k := range 4 {
				v := math.Float64frombits(binary.LittleEndian.Uint64(raw[8*k:]))
				if math.Abs(v) > most {
					v = math.Copysign(most, v)
				} else if v != 0 && math.Abs(v) < 1/most {
					v = math.Copysign(1/most, v)
				}
				b.Cols[k+1].AppendFlt(v)
			}
			y := float64(1 + b.Rows%3)
			truth.Cols[1].AppendFlt(y)
			label.Keys, label.Label.Flt = append(label.Keys, key), append(label.Label.Flt, y)
			b.Rows, truth.Rows, pred.rows = b.Rows+1, truth.Rows+1, pred.rows+1
		}
		if b.Rows == 0 {
			return
		}
		path := writeParquet(t, b)
		_, faults, err := CheckPredictions(t.Context(), spec, path, mustIDs(t, label.Keys...))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Scoring{Plan: plan, Key: "id", Dir: t.TempDir()}.Run(t.Context(), writeParquet(t, truth), path)
		if d := cmp.Diff(faults, got.Faults); d != "" || err != nil {
			t.Errorf("%v, faults checked (-) and scored (+): %s", err, d)
		}
		for k, c := range b.Cols[1:] {
			pred.columns[fields[k+1].Name] = metric.Column{Flt: c.Flt}
		}
		values, err := plan.Score(t.Context(), label, pred)
		if err != nil {
			t.Fatal(err)
		}
		faulty := func(code string, m scenarios.Metric) bool {
			return slices.ContainsFunc(faults, func(f aihub.Fault) bool {
				return f.Code == code && strings.HasSuffix(f.Where, "column "+m.Prediction)
			})
		}
		for i, v := range values {
			m := spec.Metrics[i]
			bounds := scenarios.KnownMetrics[m.Use].Domain == scenarios.Ordered
			refused := faulty(metric.OutOfDomain, m) || bounds && faulty(metric.Crossed, m)
			if (refused && v.Status != aihub.MetricUndefined) || v.Status == aihub.MetricUndefined && len(faults) == 0 {
				t.Errorf("%s is %s (%s), faults %v", m.Use, v.Status, v.Reason, faults)
			}
		}
	})
}
