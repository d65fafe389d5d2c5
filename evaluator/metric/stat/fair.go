// Package stat has what is measured across all fields: fairness between groups,
// tests of differences, agreement of raters, percentiles of latencies.
package stat

import (
	"slices"
	"strings"

	"aihub/evaluator/metric"
)

// Decision is a yes or no about a member of a group. Unit of parity_difference@1,
// parity_ratio@1, equalized_odds@1, equalized_odds_mean@1, equal_opportunity@1 and
// worst_group_accuracy@1.
type Decision struct {
	Group       string
	Truth, Pred bool
}

func init() {
	for use, value := range map[string]string{
		"parity_difference@1": "dp", "parity_ratio@1": "ratio", "equalized_odds@1": "eo", "equalized_odds_mean@1": "eo_mean",
		"equal_opportunity@1": "opportunity", "worst_group_accuracy@1": "worst",
	} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return Fairness(int64(p.Int("min_n"))), value })
	}
}

// Fairness is the measure of *Decision, as fairlearn: dp, the largest less the
// smallest share of yes; ratio, the smallest over the largest; opportunity, the
// spread of recall; eo, the larger of the spreads of recall and of the false
// positive rate, eo_mean their mean; worst, the smallest accuracy. Groups below minN decisions are
// left out, not counted as 0; with fewer than two groups left it is undefined.
func Fairness(minN int64) metric.Measure { return fairness{minN} }

type fairness struct{ minN int64 }

func (f fairness) Key() string { return "stat.fairness " + metric.Number(float64(f.minN)) }
func (f fairness) New(*metric.Bootstrap) metric.Gather {
	return &groups{minN: f.minN, cells: map[string]*[4]int64{}}
}

// groups counts TN, FP, FN, TP of every group.
type groups struct {
	minN  int64
	cells map[string]*[4]int64
}

func (g *groups) of(name string) *[4]int64 {
	c := g.cells[name]
	if c == nil {
		c = new([4]int64)
		g.cells[strings.Clone(name)] = c
	}
	return c
}

func (g *groups) Add(unit any, _ uint16) {
	d := unit.(*Decision)
	i := 0
	if d.Truth {
		i = 2
	}
	if d.Pred {
		i++
	}
	g.of(d.Group)[i]++
}

func (g *groups) Merge(o metric.Gather) {
	for name, c := range o.(*groups).cells {
		m := g.of(name)
		for i, n := range c {
			m[i] += n
		}
	}
}

func (g *groups) Result(name string) metric.Result {
	var n int64
	var selected, recall, alarm, right []float64
	for _, c := range g.cells {
		all := c[0] + c[1] + c[2] + c[3]
		n += all
		if all < g.minN {
			continue
		}
		selected = append(selected, metric.Quo(c[1]+c[3], all))
		right = append(right, metric.Quo(c[0]+c[3], all))
		if c[2]+c[3] > 0 {
			recall = append(recall, metric.Quo(c[3], c[2]+c[3]))
		}
		if c[0]+c[1] > 0 {
			alarm = append(alarm, metric.Quo(c[1], c[0]+c[1]))
		}
	}
	if n == 0 {
		return metric.Undefined(0, metric.NoRows)
	}
	if len(selected) < 2 {
		return metric.Undefined(n, SmallGroups)
	}
	spread := func(x []float64) float64 { return slices.Max(x) - slices.Min(x) }
	switch name {
	case "dp":
		return metric.OK(spread(selected), n)
	case "worst":
		return metric.OK(slices.Min(right), n)
	case "ratio":
		if slices.Max(selected) == 0 {
			return metric.Degenerate(1, n, metric.NonePredicted)
		}
		return metric.OK(slices.Min(selected)/slices.Max(selected), n)
	}
	// A group without a yes (or a no) in the truth has no such rate.
	if len(recall) < 2 || name != "opportunity" && len(alarm) < 2 {
		return metric.Undefined(n, metric.OneClass)
	}
	switch name {
	case "eo":
		return metric.OK(max(spread(recall), spread(alarm)), n)
	case "eo_mean":
		return metric.OK((spread(recall)+spread(alarm))/2, n)
	}
	return metric.OK(spread(recall), n)
}

// SmallGroups is the reason when fewer than two groups are large enough.
const SmallGroups = "small_groups"
