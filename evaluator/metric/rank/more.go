package rank

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"aihub/evaluator/metric"
)

func init() {
	metric.RegisterUnits("err@1", func(p metric.Params) (metric.Measure, string) {
		return Reader(p.Int("k"), p.Int("max_grade"), 0), "err"
	})
	metric.RegisterUnits("rbp@1", func(p metric.Params) (metric.Measure, string) {
		return Reader(math.MaxInt32, 30, p.Num("persistence")), "rbp"
	})
	metric.RegisterUnits("label_map@1", func(metric.Params) (metric.Measure, string) { return LabelAP(), "map" })
	metric.RegisterUnits("cmc@1", func(p metric.Params) (metric.Measure, string) { return Identification(p.Int("k")), "cmc" })
	metric.RegisterUnits("minp@1", func(metric.Params) (metric.Measure, string) { return Identification(1), "minp" })
	metric.RegisterUnits("reid_map@1", func(metric.Params) (metric.Measure, string) { return Identification(1), "map" })
}

// Reader is the measure of *Query by how far a reader goes, documents ordered as
// everywhere here. err (Chapelle et al., 2009): a document of grade g stops the
// reader with chance (2^g - 1)/2^most, and the first k count; rbp (Moffat and
// Zobel, 2008): (1-p)·Σ p^(rank-1) over the relevant documents. A query without
// a relevant document counts 0; without any it is undefined, and so is a grade
// above most.
func Reader(k, most int, persistence float64) metric.Measure {
	const relevant, bad, grade = 0, 1, 2
	value := func(sum int) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			switch {
			case s.Counts[bad] > 0:
				return metric.Undefined(s.N, metric.NotFinite)
			case sum == 0 && s.Counts[grade] > 0:
				return metric.Undefined(s.N, metric.OutOfDomain)
			case s.Counts[relevant] == 0:
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(s.Sums[sum].Mean(s.N), s.N)
		}
	}
	return &metric.Additive[*Query]{
		ID: "rank.reader " + metric.Number(float64(k)) + " " + metric.Number(float64(most)) + " " + metric.Number(persistence), Counts: 3, Sums: 2,
		Of: func(q *Query, s *metric.Stats) {
			for _, d := range q.Docs {
				if d.Score-d.Score != 0 {
					s.Counts[bad]++
					return
				}
			}
			some := false
			for _, r := range q.Rel {
				some = some || r > 0
				if r > most {
					s.Counts[grade]++
					return
				}
			}
			if some {
				s.Counts[relevant]++
			}
			docs := slices.Clone(q.Docs)
			slices.SortFunc(docs, func(a, b Doc) int {
				return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(b.ID, a.ID))
			})
			var stops, biased metric.Sum
			on, weight := 1.0, 1-persistence
			for i, d := range docs {
				r := q.Rel[d.ID]
				if r > 0 {
					biased.Add(weight)
					if i < k {
						stop := math.Ldexp(math.Ldexp(1, r)-1, -most)
						stops.Add(on * stop / float64(i+1))
						on *= 1 - stop
					}
				}
				weight *= persistence
			}
			s.Sums[0].Add(stops.Float())
			s.Sums[1].Add(biased.Float())
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"err": value(0), "rbp": value(1)},
	}
}

// LabelAP is the measure of *Labels whose value is the mean, over the labels
// that some thing has, of the average precision of their scores; a label without
// a positive is not averaged. There are no intervals.
func LabelAP() metric.Measure { return labelAP{} }

type labelAP struct{}

func (labelAP) Key() string                         { return "rank.labels map" }
func (labelAP) New(*metric.Bootstrap) metric.Gather { return &labelScores{} }

type labelScores struct {
	n        int64
	bad      bool
	pos, neg [][]float64 // of each label
}

func (g *labelScores) Add(unit any, _ uint16) {
	l := unit.(*Labels)
	g.n++
	if len(l.Score) != len(l.Truth) {
		g.bad = true
		return
	}
	g.grow(len(l.Truth))
	for i, t := range l.Truth {
		v := l.Score[i] + 0 // no -0
		if v-v != 0 {
			g.bad = true
			return
		}
		if t {
			g.pos[i] = append(g.pos[i], v)
		} else {
			g.neg[i] = append(g.neg[i], v)
		}
	}
}

func (g *labelScores) grow(n int) {
	for len(g.pos) < n {
		g.pos, g.neg = append(g.pos, nil), append(g.neg, nil)
	}
}

func (g *labelScores) Merge(o metric.Gather) {
	x := o.(*labelScores)
	g.n, g.bad = g.n+x.n, g.bad || x.bad
	g.grow(len(x.pos))
	for i := range x.pos {
		g.pos[i], g.neg[i] = append(g.pos[i], x.pos[i]...), append(g.neg[i], x.neg[i]...)
	}
}

func (g *labelScores) Result(string) metric.Result {
	switch {
	case g.n == 0:
		return metric.Undefined(0, metric.NoRows)
	case g.bad:
		return metric.Undefined(g.n, metric.NotFinite)
	}
	var sum metric.Sum
	var labels int64
	for i := range g.pos {
		if len(g.pos[i]) > 0 {
			sum.Add(average(g.pos[i], g.neg[i]))
			labels++
		}
	}
	if labels == 0 {
		return metric.Undefined(g.n, metric.NoReference)
	}
	return metric.OK(sum.Mean(labels), g.n)
}

// average is the average precision; equal scores are one step.
func average(pos, neg []float64) float64 {
	down := func(a, b float64) int { return cmp.Compare(b, a) }
	slices.SortFunc(pos, down)
	slices.SortFunc(neg, down)
	var sum metric.Sum
	j := 0
	for lo := 0; lo < len(pos); {
		hi := lo
		for hi < len(pos) && pos[hi] == pos[lo] {
			hi++
		}
		for j < len(neg) && neg[j] >= pos[lo] {
			j++
		}
		sum.Add(float64(int64(hi-lo)) * metric.Quo(int64(hi), int64(hi+j)))
		lo = hi
	}
	return sum.Mean(int64(len(pos)))
}

// Probe is one image whose identity is sought in a gallery: for each gallery
// image whether it is of that identity and how near it was found. A reader
// leaves out what does not count: images of the same identity from the same
// camera. Unit of cmc@1, minp@1 and reid_map@1.
type Probe struct {
	Match []bool
	Score []float64 // larger: nearer
}

// Identification is the measure of *Probe. Values: cmc, the share of probes with
// a match among the first k; minp, the mean of matches over the place of the last
// of them (Ye et al., 2021); map, the mean average precision. Of equal scores
// matches come last: a constant score wins nothing. Probes without a match in the
// gallery do not count.
func Identification(k int) metric.Measure {
	const within, probes, bad = 0, 1, 2
	guard := func(of func(s *metric.Stats, n int64) float64) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			switch {
			case s.Counts[bad] > 0:
				return metric.Undefined(s.N, metric.NotFinite)
			case s.Counts[probes] == 0:
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(of(s, s.Counts[probes]), s.N)
		}
	}
	return &metric.Additive[*Probe]{
		ID: "rank.probes " + metric.Number(float64(k)), Counts: 3, Sums: 2,
		Of: func(u *Probe, s *metric.Stats) {
			if len(u.Score) != len(u.Match) {
				s.Counts[bad]++
				return
			}
			order := make([]int, len(u.Match))
			all := int64(0)
			for i, v := range u.Score {
				if v-v != 0 {
					s.Counts[bad]++
					return
				}
				order[i] = i
				if u.Match[i] {
					all++
				}
			}
			if all == 0 {
				return
			}
			slices.SortFunc(order, func(i, j int) int {
				if c := cmp.Compare(u.Score[j], u.Score[i]); c != 0 || u.Match[i] == u.Match[j] {
					return c
				}
				if u.Match[i] {
					return 1
				}
				return -1
			})
			var hits, last int64
			var ap metric.Sum
			for place, i := range order {
				if !u.Match[i] {
					continue
				}
				if hits++; hits == 1 && place < k {
					s.Counts[within]++
				}
				last = int64(place + 1)
				ap.Add(metric.Quo(hits, last))
			}
			s.Counts[probes]++
			s.Sums[0].Add(metric.Quo(all, last))
			s.Sums[1].Add(ap.Mean(all))
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"cmc":  guard(func(s *metric.Stats, n int64) float64 { return metric.Quo(s.Counts[within], n) }),
			"minp": guard(func(s *metric.Stats, n int64) float64 { return s.Sums[0].Mean(n) }),
			"map":  guard(func(s *metric.Stats, n int64) float64 { return s.Sums[1].Mean(n) }),
		},
	}
}
