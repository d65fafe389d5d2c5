package scenarios

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
)

// Threat S3: a part that is too small for what its round promises is refused,
// with what would do instead.
func TestSmallPartsAreRefused(t *testing.T) {
	spec, _ := parseGood(t)
	spec.Sharing.Score.Step = 0.5
	for name, c := range map[string]struct {
		rows    int64
		quota   int
		bits    float64
		release string
		want    []string
	}{
		"enough rows":           {2000, 100, 64, "policy", nil},
		"one row less":          {1999, 100, 64, "policy", []string{"too_few_rows@rounds[0].quota"}},
		"fewer attempts":        {1999, 19, 64, "policy", nil},
		"people decide":         {1999, 100, 64, "review", nil},
		"more than n can carry": {2000, 20, 400, "policy", []string{"budget_too_large@rounds[0].bits"}},
		"more rows for it":      {4000, 20, 400, "policy", nil},
		"review spends too":     {2000, 20, 400, "review", []string{"budget_too_large@rounds[0].bits"}},
		"a handful":             {100, 1, 16, "policy", []string{"too_few_rows@rounds[0].part"}},
	} {
		spec.Rounds[0].Quota, spec.Rounds[0].Bits, spec.Sharing.Score.Release = c.quota, c.bits, c.release
		var got []string
		for _, f := range LintWithRows(spec, map[aihub.Part]int64{aihub.Test: c.rows}) {
			got = append(got, f.Code+"@"+f.Where)
			if !strings.Contains(f.Message.EN, "rows") || !strings.Contains(f.Message.ZH, "行") && !strings.Contains(f.Message.ZH, "分区") {
				t.Errorf("%s: %v", name, f.Message)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A budget that is refused is told with its numbers, what is too many, and what would do.
func TestBudgetFaultsSayWhatWouldDo(t *testing.T) {
	spec, _ := parseGood(t)
	spec.Sharing.Score.Step = 0.5
	said := func(use string, bits float64, rows int64) aihub.Text {
		t.Helper()
		for i := range spec.Metrics {
			if spec.Metrics[i].Primary {
				spec.Metrics[i].Use = use
			}
		}
		spec.Rounds[0].Quota, spec.Rounds[0].Bits = 1, bits
		faults := LintWithRows(spec, map[aihub.Part]int64{aihub.Test: rows})
		if len(faults) != 1 {
			t.Fatalf("%s: %v", use, faults)
		}
		return faults[0].Message
	}
	for _, c := range []struct {
		use  string
		bits float64
		rows int64
		en   []string
		zh   string
	}{
		{"accuracy@1", 400, 2000, []string{"all 400 bits about 2000 rows", "the certificate would be ±0.269", "at most 342 bits, or a part of at least 2322 rows"}, "误差证书为 ±0.269"},
		{"f1@1", 400, 2000, []string{"400 bits about 2000 rows are too many", "has no certificate", "at most 342 bits, or a part of at least 2322 rows"}, "没有误差证书"},
		{"accuracy@1", 16, 100, []string{"100 rows are too few", "for 16 bits use a part of at least 192 rows"}, "至少 192 行"},
	} {
		m := said(c.use, c.bits, c.rows)
		for _, want := range c.en {
			if !strings.Contains(m.EN, want) {
				t.Errorf("%s: %q does not say %q", c.use, m.EN, want)
			}
		}
		if !strings.Contains(m.ZH, c.zh) || c.use == "f1@1" && (strings.Contains(m.EN, "±") || strings.Contains(m.ZH, "±")) {
			t.Errorf("%s: %q, %q", c.use, m.ZH, m.EN)
		}
		if rows := RowsFor(c.bits); MostBits(rows) < c.bits || MostBits(rows-1) >= c.bits {
			t.Errorf("%d rows for %g bits", rows, c.bits)
		}
	}
}

// Every other metric gets a grid of its own: its own range, and as many levels.
func TestGridsOfOtherMetrics(t *testing.T) {
	spec := Spec{
		Truth:   Truth{Type: "float64"},
		Metrics: []Metric{{Use: "rmse@1", Primary: true}, {Use: "mae@1"}, {Use: "smape@1"}, {Use: "r2@1", Step: 0.1, Range: []float64{-1, 1}}},
		Sharing: Sharing{Score: ScoreSharing{Step: 1, Range: []float64{0, 50}}},
	}
	spec.fillGrids(func(path string) bool { return strings.HasPrefix(path, "metrics[3]") })
	var got []Metric
	for _, m := range spec.Metrics {
		got = append(got, Metric{Step: m.Step, Range: m.Range})
	}
	want := []Metric{{}, {Step: 1, Range: []float64{0, 50}}, {Step: 4, Range: []float64{0, 200}}, {Step: 0.1, Range: []float64{-1, 1}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	bits, ok := spec.ReleaseBits()
	if want := math.Log2(100) + 3*math.Log2(53) + math.Log2(23); !ok || math.Abs(bits-want) > 1e-9 {
		t.Errorf("a release costs %v bits, want %v", bits, want)
	}
}
