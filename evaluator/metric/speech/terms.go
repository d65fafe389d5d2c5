package speech

import (
	"cmp"
	"maps"
	"slices"

	"aihub/evaluator/metric"
)

// Term is one place of a keyword: one where it was said (True), one where it was
// found (Found), or both. Score is how sure the algorithm was, Yes whether it
// decided that the keyword is there; both mean nothing without Found. Seconds is
// how much speech the unit stands for: what is searched is their sum. A unit with
// an empty Keyword only adds seconds. Unit of atwv@1 and mtwv@1, as *Term, or as
// []Term of one recording.
type Term struct {
	Keyword          string
	True, Found, Yes bool
	Score            float64
	Seconds          float64
}

func init() {
	metric.RegisterUnits("atwv@1", func(p metric.Params) (metric.Measure, string) { return TermWeighted(p.Num("beta")), "actual" })
	metric.RegisterUnits("mtwv@1", func(p metric.Params) (metric.Measure, string) { return TermWeighted(p.Num("beta")), "most" })
}

// TermWeighted is the measure of *Term (NIST, STD 2006): one less the mean, over
// the keywords that were said, of misses/said + beta·false alarms/(seconds -
// said). Values: actual, by the algorithm's decisions; most, the largest over all
// thresholds of the score, none being 0. Keywords that were never said do not
// count. There are no intervals.
func TermWeighted(beta float64) metric.Measure { return termWeighted{beta} }

type termWeighted struct{ beta float64 }

func (t termWeighted) Key() string { return "speech.terms " + metric.Number(t.beta) }
func (t termWeighted) New(*metric.Bootstrap) metric.Gather {
	return &terms{t: t, of: map[string]*term{}}
}

type found struct {
	score float64
	right bool
}

type term struct {
	said, hits, alarms int64 // the last two by decision
	found              []found
}

type terms struct {
	t       termWeighted
	n       int64
	seconds metric.Sum
	bad     bool
	of      map[string]*term
}

func (g *terms) keyword(name string) *term {
	k := g.of[name]
	if k == nil {
		k = &term{}
		g.of[name] = k
	}
	return k
}

func (g *terms) Add(unit any, _ uint16) {
	g.n++
	switch u := unit.(type) {
	case *Term:
		g.add(u)
	case []Term:
		for i := range u {
			g.add(&u[i])
		}
	}
}

func (g *terms) add(u *Term) {
	g.seconds.Add(u.Seconds)
	if u.Keyword == "" {
		return
	}
	k := g.keyword(u.Keyword)
	if u.True {
		k.said++
	}
	if !u.Found {
		return
	}
	if u.Score-u.Score != 0 {
		g.bad = true
		return
	}
	k.found = append(k.found, found{u.Score + 0, u.True}) // no -0
	switch {
	case u.Yes && u.True:
		k.hits++
	case u.Yes:
		k.alarms++
	}
}

func (g *terms) Merge(o metric.Gather) {
	x := o.(*terms)
	g.n, g.bad = g.n+x.n, g.bad || x.bad
	g.seconds.Merge(&x.seconds)
	for name, y := range x.of {
		k := g.keyword(name)
		k.said, k.hits, k.alarms = k.said+y.said, k.hits+y.hits, k.alarms+y.alarms
		k.found = append(k.found, y.found...)
	}
}

func (g *terms) Result(name string) metric.Result {
	seconds := g.seconds.Float()
	var said []*term
	for _, key := range slices.Sorted(maps.Keys(g.of)) {
		if k := g.of[key]; k.said > 0 {
			said = append(said, k)
			if float64(k.said) >= seconds {
				return metric.Undefined(g.n, metric.OutOfDomain)
			}
		}
	}
	switch {
	case g.n == 0:
		return metric.Undefined(0, metric.NoRows)
	case g.bad || !g.seconds.Finite():
		return metric.Undefined(g.n, metric.NotFinite)
	case len(said) == 0:
		return metric.Undefined(g.n, metric.NoReference)
	}
	cost := func(k *term) float64 { return g.t.beta / (seconds - float64(k.said)) }
	if name == "actual" {
		var sum metric.Sum
		for _, k := range said {
			sum.Add(metric.Quo(k.hits, k.said))
			sum.Add(-(cost(k) * float64(k.alarms)))
		}
		return metric.OK(sum.Mean(int64(len(said))), g.n)
	}
	type step struct{ score, gain float64 }
	var steps []step
	for _, k := range said {
		for _, f := range k.found {
			gain := -cost(k)
			if f.right {
				gain = metric.Quo(1, k.said)
			}
			steps = append(steps, step{f.score, gain})
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(b.score, a.score) })
	var sum metric.Sum
	best := 0.0
	for i, s := range steps {
		sum.Add(s.gain)
		if i+1 == len(steps) || steps[i+1].score != s.score {
			best = max(best, sum.Mean(int64(len(said))))
		}
	}
	return metric.OK(min(1, best), g.n)
}
