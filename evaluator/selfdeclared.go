package evaluator

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/scenarios"
)

// best is what m must give perfect predictions, NaN when that depends on the truth.
func (s *selfTest) best(m scenarios.Metric) float64 {
	if v, ok := s.spec.ScorerValue(m); ok && scenarios.KnownMetrics[m.Use].Needs.Scorer() {
		return v.Best()
	}
	i := slices.IndexFunc(s.plan.spec.Metrics, func(x scenarios.Metric) bool { return x.ID == m.ID })
	return s.plan.metrics[i].Perfect()
}

// perfect judges what a metric gave perfect predictions.
func (s *selfTest) perfect(m scenarios.Metric, v aihub.MetricValue) {
	best := s.best(m)
	r := aihub.SelfTest{Predictions: aihub.TrialPerfect, Metric: m.ID, Declared: aihub.DeclaredDefined, Passed: v.Status != aihub.MetricUndefined}
	if !math.IsNaN(best) {
		r.Declared, r.Lo, r.Hi = aihub.DeclaredValue, best, best
		r.Passed = r.Passed && math.Abs(v.Value-best) <= 1e-9
	}
	s.result(r, v)
	switch {
	case r.Passed:
	case v.Status == aihub.MetricUndefined:
		s.fault(aihub.TrialPerfect, m.ID+" is undefined for perfect predictions: "+v.Reason, m.ID+" 对完美预测无定义："+v.Reason)
	case v.Reason == metric.AbsentClass:
		s.fault(aihub.TrialPerfect, fmt.Sprintf("%s is %.4g for perfect predictions, not %v: a class has no row in this part and counts as zero_division; write params: {zero_division: 1}, or declare only classes with enough rows", m.ID, v.Value, best),
			fmt.Sprintf("%s 对完美预测为 %.4g，而非 %v：有类别在此分区中没有行，按 zero_division 计；请写 params: {zero_division: 1}，或只声明行数足够的类别", m.ID, v.Value, best))
	default:
		s.fault(aihub.TrialPerfect, strings.TrimSpace(fmt.Sprintf("%s is %v for perfect predictions, not %v %s", m.ID, v.Value, best, v.Reason)),
			strings.TrimSpace(fmt.Sprintf("%s 对完美预测为 %v，而非 %v %s", m.ID, v.Value, best, v.Reason)))
	}
}

// declared is what m must give predictions that are not right; nil where nothing can be said.
func (s *selfTest) declared(m scenarios.Metric, o tried, lot metric.Trial) *metric.Declared {
	info := scenarios.KnownMetrics[m.Use]
	switch {
	case !o.wrong:
		return nil
	case info.Needs.Scorer():
		v, _ := s.spec.ScorerValue(m)
		if band := v.Declared(o.name); len(band) == 2 {
			return &metric.Declared{Lo: band[0] - 1e-9, Hi: band[1] + 1e-9}
		}
		return nil
	case info.Needs.Texts() && o.name == aihub.TrialConstant:
		return metric.Alike(m.Use)
	case info.Needs.Texts() && o.name == aihub.TrialBlank && !s.blankTruth():
		return metric.Blank(m.Use, m.Params)
	case info.Needs.Texts():
		return nil
	}
	column, group := s.plan.spec.Scored(m)
	setup := metric.Setup{Classes: s.spec.Truth.Classes, Column: column.Name, Group: group, Params: m.Params, Skip: m.OnUndefined == scenarios.UndefinedSkip}
	if o.name == aihub.TrialConstant {
		return metric.Constant(m.Use, setup, lot)
	}
	return metric.Chance(m.Use, setup, lot)
}

// blankTruth reports whether to find nothing is right of some row.
func (s *selfTest) blankTruth() bool {
	nothing := ""
	kind := cellsOf(s.plan.spec)
	if kind != nil {
		nothing = kind.Empty
	}
	return slices.ContainsFunc(s.truth.Label.Str, func(t string) bool {
		if kind != nil {
			return kind.Answer(t) == nothing
		}
		return slices.Contains(s.spec.Truth.Golds(t), nothing)
	})
}

// other judges what a metric gave predictions that need not be right.
func (s *selfTest) other(m scenarios.Metric, o tried, d *metric.Declared, v, perfect aihub.MetricValue) {
	r := aihub.SelfTest{Predictions: o.name, Metric: m.ID, Declared: aihub.DeclaredNothing, Passed: true}
	switch {
	case d != nil && d.Reason != "":
		r.Declared, r.Code, r.Passed = aihub.DeclaredUndefined, d.Reason, d.Keeps(v)
	case d != nil:
		r.Declared, r.Lo, r.Hi = aihub.DeclaredValue, d.Lo, d.Hi
		// Where the truth leaves perfect predictions without a value, too, that is said of them.
		r.Passed = d.Keeps(v) || v.Status == aihub.MetricUndefined && perfect.Status == aihub.MetricUndefined && v.Reason == perfect.Reason
	default: // nothing but what holds for whatever is predicted
		info, _ := s.spec.Info(m)
		lo, hi := info.Range[0], info.Range[1]
		if r.Passed = v.Status == aihub.MetricUndefined || v.Value >= lo-1e-9*max(1, math.Abs(lo)) && v.Value <= hi+1e-9*max(1, math.Abs(hi)); !r.Passed {
			r.Declared, r.Lo, r.Hi = aihub.DeclaredValue, max(lo, -math.MaxFloat64), min(hi, math.MaxFloat64)
		}
	}
	if !r.Passed {
		s.fault(o.name, fmt.Sprintf("%s is %s for such predictions, and must be %s", m.ID, shown(v), r.Wanted()),
			fmt.Sprintf("%s 对此类预测为 %s，应为 %s", m.ID, shown(v), r.Wanted()))
	}
	if m.Primary && o.wrong {
		if r.Declared == aihub.DeclaredNothing {
			r.Declared = aihub.DeclaredWorse
		}
		number, stands := m.Stand() // which is what the worker makes of no value
		switch {
		case v.Status != aihub.MetricUndefined && v.Value == perfect.Value:
			r.Passed = false
			s.fault(o.name, m.ID+" is as good for such predictions as for perfect ones", m.ID+" 对此类预测与完美预测一样好")
		case v.Status == aihub.MetricUndefined && stands && (number == perfect.Value || (number > perfect.Value) == (m.Direction == "max")):
			r.Passed = false
			s.fault(o.name, fmt.Sprintf("%s is undefined for such predictions, counts as %g, and is as good as for perfect ones: choose a worse on_undefined", m.ID, number),
				fmt.Sprintf("%s 对此类预测无定义，按 %g 计，与完美预测一样好：请为 on_undefined 选较差的值", m.ID, number))
		}
	}
	s.result(r, v)
}

func shown(v aihub.MetricValue) string {
	if v.Status == aihub.MetricUndefined {
		return v.Reason
	}
	return fmt.Sprintf("%.6g", v.Value)
}

// result notes what v came to.
func (s *selfTest) result(r aihub.SelfTest, v aihub.MetricValue) {
	r.Value, r.Status, r.Reason = v.Value, v.Status, v.Reason
	s.results = append(s.results, r)
}
