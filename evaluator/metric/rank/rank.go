// Package rank measures ranked lists: what a search returned for a query
// (trec_eval's measures), and which labels of many a thing was given.
package rank

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"aihub/evaluator/metric"
)

// Query is one query: its judgements (0 not relevant, above: how much, below: in
// the pool and never judged, which bpref skips and all others take for not
// relevant, as trec_eval does), and what was returned. Unit of ndcg@1, map@1, mrr@1, precision_at_k@1,
// recall_at_k@1, r_precision@1, bpref@1 and success_at_k@1. Averages are over
// the judged queries: a reader gives each of them, with no Docs when nothing
// was returned.
type Query struct {
	Rel  map[string]int
	Docs []Doc
}

// Doc is one returned document. Its place in the list, and any rank that a file
// states, mean nothing: documents are ordered by score from the highest, equal
// scores by id from the last in byte order, as trec_eval orders them.
type Doc struct {
	ID    string
	Score float64
}

func init() {
	for use, value := range map[string]string{"map@1": "map", "mrr@1": "mrr", "r_precision@1": "rprec", "bpref@1": "bpref"} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return Ranking(math.MaxInt32, false), value })
	}
	for use, value := range map[string]string{"precision_at_k@1": "p", "recall_at_k@1": "r", "success_at_k@1": "success"} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return Ranking(p.Int("k"), false), value })
	}
	metric.RegisterUnits("ndcg@1", func(p metric.Params) (metric.Measure, string) {
		k := p.Int("k")
		if k == 0 {
			k = math.MaxInt32
		}
		return Ranking(k, p.Str("gain") == "exponential"), "ndcg"
	})
}

// Ranking is the measure of *Query. Values: map, mrr, rprec and bpref of the
// whole list; p, r, success and ndcg of its first k. A query without a relevant
// document counts 0, as in trec_eval; without any it is undefined.
func Ranking(k int, exponential bool) metric.Measure {
	names := []string{"map", "mrr", "rprec", "bpref", "p", "r", "success", "ndcg"}
	m := &metric.Additive[*Query]{
		ID: "rank " + metric.Number(float64(k)), Counts: 2, Sums: len(names),
		Values: map[string]func(s *metric.Stats) metric.Result{},
	}
	if exponential {
		m.ID += " exponential"
	}
	for i, name := range names {
		m.Values[name] = func(s *metric.Stats) metric.Result {
			switch {
			case s.Counts[1] > 0:
				return metric.Undefined(s.N, metric.NotFinite)
			case s.Counts[0] == 0:
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(s.Sums[i].Mean(s.N), s.N)
		}
	}
	m.Of = func(q *Query, s *metric.Stats) {
		for _, d := range q.Docs {
			if d.Score-d.Score != 0 {
				s.Counts[1]++
				return
			}
		}
		v, relevant := measure(q, k, exponential)
		if relevant {
			s.Counts[0]++
		}
		for i, x := range v {
			s.Sums[i].Add(x)
		}
	}
	return m
}

func measure(q *Query, k int, exponential bool) (v [8]float64, relevant bool) {
	docs := slices.Clone(q.Docs)
	slices.SortFunc(docs, func(a, b Doc) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(b.ID, a.ID))
	})
	var ideal []int
	var none int64
	for _, r := range q.Rel {
		if r > 0 {
			ideal = append(ideal, r)
		} else if r == 0 {
			none++
		}
	}
	all := int64(len(ideal))
	if all == 0 {
		return v, false
	}
	slices.SortFunc(ideal, func(a, b int) int { return b - a })
	gain := func(r int) float64 {
		if exponential {
			return math.Ldexp(1, min(r, 1000)) - 1
		}
		return float64(r)
	}
	var hits, above, inK int64
	var ap, bp, dcg metric.Sum
	for i, d := range docs {
		r, judged := q.Rel[d.ID]
		if r <= 0 {
			if judged && r == 0 {
				above++
			}
			continue
		}
		hits++
		if hits == 1 {
			v[1] = metric.Quo(1, int64(i+1))
		}
		ap.Add(metric.Quo(hits, int64(i+1)))
		if above > 0 {
			bp.Add(1 - metric.Quo(min(above, all), min(none, all)))
		} else {
			bp.Add(1)
		}
		if int64(i) < all {
			v[2] += 1
		}
		if i < k {
			inK++
			dcg.Add(gain(r) / log2(i+2))
		}
	}
	var best metric.Sum
	for i, r := range ideal[:min(len(ideal), k)] {
		best.Add(gain(r) / log2(i+2))
	}
	v[0] = ap.Mean(all)
	v[2] = v[2] / float64(all)
	v[3] = bp.Mean(all)
	v[4] = metric.Quo(inK, int64(min(k, math.MaxInt32)))
	v[5] = metric.Quo(inK, all)
	v[6] = float64(min(inK, 1))
	v[7] = dcg.Float() / best.Float()
	return v, true
}

func log2(n int) float64 { return metric.Ln(float64(n)) / math.Ln2 }
