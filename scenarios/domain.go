package scenarios

import (
	"math"
	"slices"
)

// Domain is what a metric asks of predicted numbers besides that they are finite. It
// is about predictions alone, so that they are refused before a label is read.
type Domain int

const (
	AnyNumber   Domain = iota
	NotNegative        // 0 and above
	Positive           // above 0
	Ordered            // at most the value of the column that the parameter upper names
)

// asks marks a metric that takes only predictions of a domain.
func (m MetricInfo) asks(d Domain) MetricInfo { m.Domain = d; return m }

// Least is the least float64 that every metric of s takes in an output column, -Inf
// when there is none, and a metric that takes no less.
func (s Spec) Least(column string) (least float64, use string) {
	least = math.Inf(-1)
	for _, m := range s.Metrics {
		from := map[Domain]float64{NotNegative: 0, Positive: math.SmallestNonzeroFloat64}
		if v, ok := from[KnownMetrics[m.Use].Domain]; ok && m.Prediction == column && v > least {
			least, use = v, m.Use
		}
	}
	return least, use
}

// Intervals are the pairs of output columns that metrics take for the lower and the
// upper bound of intervals; of a spec that has faults, those that it declares.
func (s Spec) Intervals() (pairs [][2]string) {
	for _, m := range s.Metrics {
		upper, _ := m.Params[upperParam.Name].(string)
		p := [2]string{m.Prediction, upper}
		declared := func(name string) bool {
			return slices.ContainsFunc(s.Output.Columns, func(c OutputColumn) bool { return c.Name == name })
		}
		if KnownMetrics[m.Use].Domain == Ordered && declared(p[0]) && declared(p[1]) && !slices.Contains(pairs, p) {
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// LossWidth is how far the values of two rows or units can be apart in a metric that
// is their mean, 0 when it is none or there is no bound: only where it is known does
// the certificate of package sharing hold.
func (s Spec) LossWidth(m Metric) float64 {
	info, _ := s.Info(m)
	switch m.Use {
	case "log_loss@1":
		if eps, _ := m.Params["eps"].(float64); eps > 0 && eps < 1 {
			return -math.Log(eps)
		}
		return 0
	case "brier@1":
		list, _ := m.Params[columnsParam.Name].([]any)
		_, group := s.Scored(m)
		if len(list) == 1 || len(list) == 0 && len(group) <= 1 {
			return 1 // of one probability: the square of its distance to 0 or 1
		}
	case "dice_per_case@1":
		if m.Params["empty"] != "one" {
			return 0 // how many images count depends on what was predicted
		}
	}
	if !info.Mean || !info.Bounded() {
		return 0
	}
	return info.Range[1] - info.Range[0]
}
