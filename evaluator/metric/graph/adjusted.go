package graph

import (
	"maps"
	"slices"

	"aihub/evaluator/metric"
)

func init() {
	for use, value := range map[string]string{
		"link_amr@1": "amr", "link_median_rank@1": "median", "link_adjusted_hits@1": "hits", "link_adjusted_mrr@1": "mrr",
		"link_mrr_strata@1": "strata_mrr", "link_hits_strata@1": "strata_hits",
	} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return Adjusted(p.Int("k"), p.Str("ties")), value })
	}
}

// Adjusted is the measure of *Candidates against chance, where each question has
// its own number of candidates (Berrendorf et al., 2020; Hoyt et al., 2022):
// amr, the mean rank over that of chance; hits and mrr, (value - chance)/(1 -
// chance), 0 for chance and 1 for perfect. Also median, the middle rank (the mean
// of two), and strata_mrr and strata_hits, means over the strata that the truth
// names. There are no intervals.
func Adjusted(k int, ties string) metric.Measure { return adjusted{int64(k), ties} }

type adjusted struct {
	k    int64
	ties string
}

func (a adjusted) Key() string {
	return "graph.adjusted " + metric.Number(float64(a.k)) + " " + a.ties
}

func (a adjusted) New(*metric.Bootstrap) metric.Gather {
	return &ranks{a: a, at: map[int64]int64{}, sizes: map[int64]int64{}, strata: map[string]*stratum{}}
}

type stratum struct {
	n, within  int64
	reciprocal metric.Sum
}

type ranks struct {
	a         adjusted
	n         int64
	bad       bool
	at, sizes map[int64]int64 // how often each rank, twice, and each number of candidates
	strata    map[string]*stratum
}

func (g *ranks) Add(unit any, _ uint16) {
	c := unit.(*Candidates)
	g.n++
	rank, ok := Rank2(c, g.a.ties)
	if !ok {
		g.bad = true
		return
	}
	g.at[rank]++
	g.sizes[int64(len(c.Others))+1]++
	s := g.of(c.Stratum)
	s.n++
	s.reciprocal.Add(metric.Quo(2, rank))
	if rank <= 2*g.a.k {
		s.within++
	}
}

func (g *ranks) of(name string) *stratum {
	s := g.strata[name]
	if s == nil {
		s = &stratum{}
		g.strata[name] = s
	}
	return s
}

func (g *ranks) Merge(o metric.Gather) {
	x := o.(*ranks)
	g.n, g.bad = g.n+x.n, g.bad || x.bad
	for r, n := range x.at {
		g.at[r] += n
	}
	for r, n := range x.sizes {
		g.sizes[r] += n
	}
	for name, t := range x.strata {
		s := g.of(name)
		s.n, s.within = s.n+t.n, s.within+t.within
		s.reciprocal.Merge(&t.reciprocal)
	}
}

func (g *ranks) Result(name string) metric.Result {
	switch {
	case g.n == 0:
		return metric.Undefined(0, metric.NoRows)
	case g.bad:
		return metric.Undefined(g.n, metric.NotFinite)
	}
	switch name {
	case "median":
		return metric.OK(g.median(), g.n)
	case "strata_mrr", "strata_hits":
		var sum metric.Sum
		for _, s := range g.strata {
			if name == "strata_mrr" {
				sum.Add(s.reciprocal.Mean(s.n))
			} else {
				sum.Add(metric.Quo(s.within, s.n))
			}
		}
		return metric.OK(sum.Mean(int64(len(g.strata))), g.n)
	}
	var twice, chance, within int64 // twice the ranks, and twice those of chance
	var all, random metric.Sum
	for r, n := range g.at {
		twice += r * n
		if r <= 2*g.a.k {
			within += n
		}
	}
	for _, s := range g.strata {
		all.Merge(&s.reciprocal)
	}
	var hits metric.Sum
	harmonic, done := metric.Sum{}, int64(0)
	for _, m := range slices.Sorted(maps.Keys(g.sizes)) {
		n := g.sizes[m]
		chance += (m + 1) * n
		hits.Add(float64(n) * metric.Quo(min(g.a.k, m), m))
		for done < m {
			done++
			harmonic.Add(metric.Quo(1, done))
		}
		random.Add(float64(n) * harmonic.Mean(m))
	}
	value, expected := 0.0, 0.0
	switch name {
	case "amr":
		return metric.OK(metric.Quo(twice, chance), g.n)
	case "hits":
		value, expected = metric.Quo(within, g.n), hits.Mean(g.n)
	case "mrr":
		value, expected = all.Mean(g.n), random.Mean(g.n)
	}
	if expected == 1 {
		return metric.Undefined(g.n, metric.Nothing) // chance is always right
	}
	return metric.OK((value-expected)/(1-expected), g.n)
}

func (g *ranks) median() float64 {
	var seen, low int64
	for _, r := range slices.Sorted(maps.Keys(g.at)) {
		before := seen
		seen += g.at[r]
		if at := (g.n + 1) / 2; before < at && seen >= at {
			low = r
		}
		if at := g.n/2 + 1; before < at && seen >= at {
			return metric.Quo(low+r, 4)
		}
	}
	return 0
}
