package forecast

import (
	"math"
	"slices"
	"strconv"
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
	case slices.ContainsFunc(g.all, func(s *Series) bool { return !s.sound() || len(s.Truth) != len(g.all[0].Truth) }):
		return metric.Undefined(g.n, metric.NotFinite)
	}
	var levels metric.Sum
	for _, ids := range g.h.levels {
		groups, ok := grouped(g.all, ids)
		if !ok {
			return metric.Undefined(g.n, metric.NoReference)
		}
		r := g.h.level(groups)
		if r.Status == aihub.MetricUndefined {
			return metric.Undefined(g.n, r.Reason)
		}
		levels.Add(r.Value)
	}
	return metric.OK(levels.Mean(int64(len(g.h.levels))), g.n)
}

// level is the weighted mean over groups of the root of mean e² over the mean squared
// step of the past from its first sum that is not 0, of sums over each group.
func (h *hierarchy) level(groups []group) metric.Result {
	var sum, weights metric.Sum
	var some bool
	n := int64(len(groups))
	for _, g := range groups {
		past := 0
		for _, s := range g {
			past = max(past, len(s.Past))
		}
		at := func(s *Series, t int) float64 { // of the past; t counts from the longest one's first
			if t += len(s.Past) - past; t >= 0 && t < len(s.Past) {
				return s.Past[t]
			}
			return 0
		}
		first := 0
		for first < past && g.sums(1, func(s *Series, _ int) (float64, float64) { return at(s, first), 0 })[0] == 0 {
			first++
		}
		steps := g.sums(max(0, past-first-1), func(s *Series, t int) (float64, float64) { return at(s, first+t+1), at(s, first+t) })
		square := meanOf(len(steps), func(i int) float64 { return steps[i] * steps[i] })
		if !(square > 0) {
			if !h.skip {
				return metric.Undefined(n, metric.ConstantTruth)
			}
			continue
		}
		some = true
		e := g.sums(len(g[0].Truth), func(s *Series, t int) (float64, float64) { return s.Truth[t], s.Pred[t] })
		r := math.Sqrt(meanOf(len(e), func(i int) float64 { return e[i] * e[i] }) / square)
		w := g.sums(1, func(s *Series, _ int) (float64, float64) { return s.Weight, 0 })[0]
		weights.Add(w)
		sum.Add(w * r)
	}
	w := weights.Float()
	switch {
	case !some:
		return metric.Undefined(n, metric.ConstantTruth)
	case w == 0:
		return metric.Undefined(n, metric.ZeroTruth)
	}
	return metric.OK(sum.Float()/w, n)
}

// group is series that are summed up.
type group []*Series

// sums are Σ a - Σ b over the group at each of n times, rounded once: were the sums
// themselves rounded, what is left of large ones would lose its digits.
func (g group) sums(n int, of func(s *Series, t int) (a, b float64)) []float64 {
	out := make([]float64, n)
	if len(g) == 1 {
		for t := range out {
			a, b := of(g[0], t)
			out[t] = a - b
		}
		return out
	}
	// Sums of whole numbers below 2^53, as of things sold, need no care.
	whole, most := true, 0.0
	for _, s := range g {
		large := 0.0
		for t := range out {
			a, b := of(s, t)
			out[t] += a - b
			whole = whole && a == math.Trunc(a) && b == math.Trunc(b)
			large = max(large, math.Abs(a), math.Abs(b))
		}
		most += 2 * large
	}
	if whole && most < 1<<53 {
		return out
	}
	all := make([]metric.Sum, n)
	for _, s := range g {
		for t := range all {
			a, b := of(s, t)
			all[t].Add(a)
			all[t].Add(-b)
		}
	}
	for t := range all {
		out[t] = all[t].Float()
	}
	return out
}

// grouped puts series that have the same ids together; false when one has no such id.
func grouped(all []*Series, ids []string) (out []group, ok bool) {
	at := map[string]int{}
	for _, s := range all {
		key := ""
		for _, id := range ids {
			name, has := s.IDs[id]
			if !has && id != "total" && id != "series" {
				return nil, false
			}
			key += strconv.Quote(name)
		}
		i, known := at[key]
		if !known || ids[0] == "series" {
			i = len(out)
			at[key], out = i, append(out, nil)
		}
		out[i] = append(out[i], s)
	}
	return out, true
}
