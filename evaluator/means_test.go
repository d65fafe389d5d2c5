package evaluator

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/scenarios"
)

// What the certificate takes for a mean of bounded losses is one: of any rows or
// units, the value is the mean of what each has alone (0 where that is undefined), and
// no two of these are further apart than the width. All others are no such mean, but
// for those that are listed.
func TestLossWidths(t *testing.T) {
	t.Parallel()
	unclaimed := map[string]bool{}
	for _, use := range slices.Sorted(maps.Keys(scenarios.KnownMetrics)) {
		if scenarios.KnownMetrics[use].Needs.Scorer() {
			continue
		}
		spec, ok := anySpec(t, use)
		if !ok {
			continue
		}
		plan, err := NewPlan(spec, "")
		if err != nil {
			t.Fatalf("%s: %v", use, err)
		}
		width, unit, isMean := spec.LossWidth(spec.Metrics[0]), scenarios.KnownMetrics[use], true
		for seed := range uint64(3) {
			truth, pred := someRows(spec, rand.New(rand.NewPCG(seed, 7)))
			whole := plan.value(t, truth, pred, 0, len(truth.Keys))
			var all metric.Sum
			lo, hi := math.Inf(1), math.Inf(-1)
			for i := range truth.Keys {
				v := plan.value(t, truth, pred, i, i+1).Value
				all.Add(v)
				lo, hi = min(lo, v), max(hi, v)
			}
			mean := all.Mean(int64(len(truth.Keys)))
			same := whole.Status != aihub.MetricUndefined && math.Abs(whole.Value-mean) <= 1e-9*max(1, math.Abs(mean))
			if isMean = isMean && same; width > 0 && (!same || hi-lo > width*(1+1e-12)) {
				t.Errorf("%s, seed %d: width %v, but %v (%s) of values from %v to %v, whose mean is %v", use, seed, width, whole.Value, whole.Reason, lo, hi, mean)
			}
		}
		if isMean && width == 0 && unit.Bounded() {
			unclaimed[use] = true
		}
	}
	// Ratios of sums, of rows whose parts are as many everywhere here, means over strata
	// or speakers, and means over units of which some may be left out: a part in which
	// that differs has another value.
	want := []string{"cmc@1", "hamming_loss@1", "idf1@1", "idp@1", "idr@1", "jer@1", "kws_frr@1", "link_amri@1", "link_hits_strata@1", "link_mrr_strata@1",
		"minp@1", "mostly_lost@1", "mostly_tracked@1", "partly_tracked@1", "pixel_accuracy@1", "reid_map@1", "segmentation_f1@1", "segmentation_iv_recall@1",
		"segmentation_oov_recall@1", "segmentation_precision@1", "segmentation_recall@1", "span_f1@1", "span_relaxed_f1@1"}
	if got := slices.Sorted(maps.Keys(unclaimed)); !slices.Equal(got, want) {
		t.Errorf("%v are bounded means without a width, want %v", got, want)
	}
}

// value scores rows from to to.
func (p *Plan) value(t *testing.T, truth *Truth, pred map[string]metric.Column, from, to int) aihub.MetricValue {
	t.Helper()
	part := &Predictions{rows: to - from, columns: map[string]metric.Column{}}
	for name, c := range pred {
		part.columns[name] = cut(c, from, to)
	}
	v, err := p.Score(t.Context(), &Truth{Keys: truth.Keys[from:to], Label: cut(truth.Label, from, to)}, part)
	if err != nil {
		t.Fatal(err)
	}
	return v[0]
}

// someRows are a few rows, and predictions of which some are right.
func someRows(spec scenarios.Spec, r *rand.Rand) (*Truth, map[string]metric.Column) {
	const n = 12
	needs, kind := scenarios.KnownMetrics[spec.Metrics[0].Use].Needs, cellsOf(spec)
	truth, pred := &Truth{}, map[string]metric.Column{}
	word := func() string { return strings.Repeat("天 of ", r.IntN(3)) + fmt.Sprint("w", r.IntN(4)) }
	var p, q metric.Column
	for i := range n {
		truth.Keys = append(truth.Keys, fmt.Sprint("row", i))
		switch k := len(spec.Truth.Classes); {
		case kind != nil:
			cell := someCell(needs, r.IntN(60))
			if needs == scenarios.NeedsRuns {
				cell = ""
				for d := range 6 {
					cell += fmt.Sprintf("d%d %d\n", d, max(-1, r.IntN(6)-3))
				}
			}
			truth.Label.Str = append(truth.Label.Str, cell)
		case needs.Texts():
			truth.Label.Str = append(truth.Label.Str, word())
		case k > 0:
			truth.Label.Class = append(truth.Label.Class, metric.Code(r.IntN(k)))
		default:
			truth.Label.Flt = append(truth.Label.Flt, float64(r.IntN(50)))
		}
	}
	for i := range n {
		switch k := len(spec.Truth.Classes); {
		case needs == scenarios.NeedsRuns:
			cell := ""
			for d := range r.IntN(9) {
				cell += fmt.Sprintf("d%d %d\n", (d*5+i)%9, r.IntN(4))
			}
			p.Str = append(p.Str, cell)
		case needs == scenarios.NeedsLabels:
			p.Str = append(p.Str, fmt.Sprint(r.IntN(3), " ", r.Float64(), " ", r.IntN(3)))
		case needs == scenarios.NeedsLinks && r.IntN(2) == 0:
			p.Str = append(p.Str, fmt.Sprintf(`{"Q%d":1,"Q%d":2,"Q%d":2,"Q1":3}`, 70, 2+r.IntN(20), 30+r.IntN(20)))
		case kind != nil:
			p.Str = append(p.Str, kind.Answer(truth.Label.Str[[]int{i, r.IntN(n)}[r.IntN(2)]]))
		case needs.Texts():
			p.Str = append(p.Str, []string{truth.Label.Str[i], word()}[r.IntN(2)])
		case needs == scenarios.NeedsClass:
			p.Class = append(p.Class, metric.Code(r.IntN(k)))
		case k > 0:
			p.Flt = append(p.Flt, min(1, max(0, 1.4*r.Float64()-0.2)))
		default:
			p.Flt = append(p.Flt, float64(r.IntN(60)))
			q.Flt = append(q.Flt, p.Flt[i]+float64(r.IntN(30)))
		}
	}
	if pred["p"] = p; q.Flt != nil {
		pred["q"] = q
	}
	return truth, pred
}
