// Package graph measures completed knowledge graphs (the ranks of true links)
// and clusterings (resolved entities).
package graph

import (
	"aihub/evaluator/metric"
)

// Candidates is one question, "which entity completes this triple": the score
// of the true one, and of all others that were asked about. Other true triples,
// of every part of the graph, must have been left out of Others by the reader
// (the filtered setting). Unit of the link_* metrics.
type Candidates struct {
	True    float64
	Others  []float64
	Stratum string // of the means over strata: the kind of relation, 1-1, 1-N, …
}

func init() {
	build := func(value string) func(p metric.Params) (metric.Measure, string) {
		return func(p metric.Params) (metric.Measure, string) { return Links(p.Int("k"), p.Str("ties")), value }
	}
	for use, value := range map[string]string{"link_mrr@1": "mrr", "link_hits@1": "hits", "link_mr@1": "mr", "link_amri@1": "amri", "link_gmr@1": "gmr"} {
		metric.RegisterUnits(use, build(value))
	}
}

// Links is the measure of *Candidates. A candidate that scores as the true one
// stands half above it (realistic, the default), wholly (pessimistic) or not at
// all (optimistic; then constant scores are perfect). A score that is not
// finite makes all of it undefined: NaN would win under every comparison. amri
// is 1 - (MR-1)/(E-1), E the mean rank of chance: 0 for chance, 1 for perfect.
func Links(k int, ties string) metric.Measure {
	const twice, within, chance, bad = 0, 1, 2, 3
	const reciprocal, logs = 0, 1
	guard := func(of func(s *metric.Stats) metric.Result) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			if s.Counts[bad] > 0 {
				return metric.Undefined(s.N, metric.NotFinite)
			}
			return of(s)
		}
	}
	return &metric.Additive[*Candidates]{
		ID: "graph.links " + metric.Number(float64(k)) + " " + ties, Counts: 4, Sums: 2,
		Of: func(c *Candidates, s *metric.Stats) {
			rank, ok := Rank2(c, ties)
			if !ok {
				s.Counts[bad]++
				return
			}
			s.Counts[twice] += rank
			s.Counts[chance] += int64(len(c.Others)) + 2 // twice (n+1)/2
			if rank <= 2*int64(k) {
				s.Counts[within]++
			}
			s.Sums[reciprocal].Add(metric.Quo(2, rank))
			s.Sums[logs].Add(metric.Ln(metric.Quo(rank, 2)))
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"mr":   guard(func(s *metric.Stats) metric.Result { return metric.OK(metric.Quo(s.Counts[twice], 2*s.N), s.N) }),
			"mrr":  guard(func(s *metric.Stats) metric.Result { return metric.OK(s.Sums[reciprocal].Mean(s.N), s.N) }),
			"hits": guard(func(s *metric.Stats) metric.Result { return metric.OK(metric.Quo(s.Counts[within], s.N), s.N) }),
			"gmr":  guard(func(s *metric.Stats) metric.Result { return metric.OK(metric.Exp(s.Sums[logs].Mean(s.N)), s.N) }),
			"amri": guard(func(s *metric.Stats) metric.Result {
				e := s.Counts[chance] - 2*s.N
				if e == 0 {
					return metric.Undefined(s.N, metric.Nothing) // no other candidate anywhere
				}
				return metric.OK(1-metric.Quo(s.Counts[twice]-2*s.N, e), s.N)
			}),
		},
	}
}

// Rank2 is twice the rank of the true one, from 2; false when a score is not
// finite.
func Rank2(c *Candidates, ties string) (int64, bool) {
	if c.True-c.True != 0 {
		return 0, false
	}
	var above, equal int64
	for _, v := range c.Others {
		switch {
		case v > c.True:
			above++
		case v == c.True:
			equal++
		}
		if v-v != 0 {
			return 0, false
		}
	}
	switch ties {
	case "optimistic":
		equal = 0
	case "pessimistic":
		equal *= 2
	}
	return 2*(above+1) + equal, true
}
