package forecast

import (
	"cmp"
	"slices"
	"strings"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/scenarios"
)

// Levels of aggregation: M5 scores sums of series too, of every state, store and so
// on, each level weighing alike.

// MaxNumbers is how many numbers wrmsse@1 with levels keeps; of more it is undefined.
const MaxNumbers = 1 << 26

// Hierarchy is the measure of *Series that are the lowest level: wrmsse is the mean
// over levels of that of Competition over the sums of series that have the same ids,
// whose weight is the sum of theirs. Pasts end at one time; what is before the first
// number of a shorter one counts as 0. It keeps every series, and has no intervals of
// its own.
func Hierarchy(groups string, skip bool) metric.Measure {
	return &hierarchy{groups: groups, levels: scenarios.Groups(groups), skip: skip}
}

type hierarchy struct {
	groups string
	levels [][]string
	skip   bool
}

func (h *hierarchy) Key() string {
	if h.skip {
		return "forecast.hierarchy skip " + h.groups
	}
	return "forecast.hierarchy " + h.groups
}
func (h *hierarchy) New(*metric.Bootstrap) metric.Gather { return &kept{h: h} }

type kept struct {
	h       *hierarchy
	n       int64
	numbers int
	all     []*Series
}

func (g *kept) Add(unit any, _ uint16) {
	u := unit.(*Series)
	g.n++
	if g.numbers += len(u.Past) + len(u.Truth) + len(u.Pred); g.numbers <= MaxNumbers {
		c := *u
		c.Past, c.Truth, c.Pred = slices.Clone(u.Past), slices.Clone(u.Truth), slices.Clone(u.Pred)
		c.IDs = map[string]string{}
		for k, v := range u.IDs {
			c.IDs[k] = strings.Clone(v)
		}
		g.all = append(g.all, &c)
	}
}

func (g *kept) Merge(o metric.Gather) {
	x := o.(*kept)
	g.n, g.numbers, g.all = g.n+x.n, g.numbers+x.numbers, append(g.all, x.all...)
}

func (g *kept) Result(string) metric.Result {
	switch {
	case g.n == 0:
		return metric.Undefined(0, metric.NoRows)
	case g.numbers > MaxNumbers:
		return metric.Undefined(g.n, metric.TooManyRows)
	}
	// Sums are of series in one order, whatever order they came in.
	slices.SortFunc(g.all, func(a, b *Series) int {
		return cmp.Or(slices.Compare(a.Past, b.Past), slices.Compare(a.Truth, b.Truth), slices.Compare(a.Pred, b.Pred), cmp.Compare(a.Weight, b.Weight))
	})
	var sum metric.Sum
	for _, level := range g.h.levels {
		one := Competition(1, g.h.skip).New(nil)
		groups := map[string]*Series{}
		var order []string
		for _, s := range g.all {
			if level[0] == "series" {
				one.Add(s, 0)
				continue
			}
			key := ""
			for _, id := range level {
				name, has := s.IDs[id]
				if !has && id != "total" {
					return metric.Undefined(g.n, metric.NoReference)
				}
				key += name + "\n"
			}
			to := groups[key]
			if to == nil {
				to = &Series{}
				groups[key], order = to, append(order, key)
			}
			to.Weight += s.Weight
			to.Past = behind(to.Past, s.Past)
			to.Truth, to.Pred = behind(to.Truth, s.Truth), behind(to.Pred, s.Pred)
		}
		for _, key := range order {
			one.Add(groups[key], 0)
		}
		r := one.Result("wrmsse")
		if r.Status == aihub.MetricUndefined {
			return metric.Undefined(g.n, r.Reason)
		}
		sum.Add(r.Value)
	}
	return metric.OK(sum.Mean(int64(len(g.h.levels))), g.n)
}

// behind adds b to a; both end at one time.
func behind(a, b []float64) []float64 {
	if len(a) < len(b) {
		a = append(make([]float64, len(b)-len(a)), a...)
	}
	for i, v := range b {
		a[len(a)-len(b)+i] += v
	}
	return a
}
