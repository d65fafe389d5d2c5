package stat

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"aihub/evaluator/metric"
)

// Timing is one request: when it began and ended in seconds, how much audio or
// video it was about, and its place among the requests of its worker, from 0.
// Unit of latency@1, throughput@1 and rtf@1. The clock is the platform's: a
// vendor's own figures are no timings.
type Timing struct {
	Start, End float64
	Media      float64
	Place      int64
}

func init() {
	metric.RegisterUnits("latency@1", func(p metric.Params) (metric.Measure, string) {
		return Latency(p.Num("q"), int64(p.Int("warmup"))), "latency"
	})
	for use, value := range map[string]string{"throughput@1": "throughput", "rtf@1": "rtf"} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return Latency(0.5, int64(p.Int("warmup"))), value })
	}
}

// Latency is the measure of *Timing without the first warmup requests of each
// worker. Values: latency, Percentile q of the seconds that requests took;
// throughput, requests a second from the first start to the last end; rtf, the
// seconds that requests took over those of their media. There are no intervals.
func Latency(q float64, warmup int64) metric.Measure { return latency{q, warmup} }

type latency struct {
	q      float64
	warmup int64
}

func (l latency) Key() string {
	return "stat.latency " + metric.Number(l.q) + " " + metric.Number(float64(l.warmup))
}
func (l latency) New(*metric.Bootstrap) metric.Gather { return &timings{l: l} }

type timings struct {
	l           latency
	n           int64
	bad         bool
	took        []float64
	busy, media metric.Sum
	first, last float64
}

func (g *timings) Add(unit any, _ uint16) {
	u := unit.(*Timing)
	g.n++
	switch d := u.End - u.Start; {
	case !(d >= 0) || d-d != 0 || !(u.Media >= 0):
		g.bad = true
	case u.Place >= g.l.warmup:
		if len(g.took) == 0 {
			g.first, g.last = u.Start, u.End
		}
		g.first, g.last = min(g.first, u.Start), max(g.last, u.End)
		g.took = append(g.took, d)
		g.busy.Add(d)
		g.media.Add(u.Media)
	}
}

func (g *timings) Merge(o metric.Gather) {
	x := o.(*timings)
	switch {
	case len(g.took) == 0:
		g.first, g.last = x.first, x.last
	case len(x.took) > 0:
		g.first, g.last = min(g.first, x.first), max(g.last, x.last)
	}
	g.n, g.bad = g.n+x.n, g.bad || x.bad
	g.took = append(g.took, x.took...)
	g.busy.Merge(&x.busy)
	g.media.Merge(&x.media)
}

func (g *timings) Result(name string) metric.Result {
	switch {
	case g.n == 0:
		return metric.Undefined(0, metric.NoRows)
	case g.bad:
		return metric.Undefined(g.n, metric.OutOfDomain)
	case len(g.took) == 0:
		return metric.Undefined(g.n, metric.Nothing)
	}
	switch name {
	case "latency":
		return metric.OK(Percentile(g.took, g.l.q), g.n)
	case "throughput":
		if d := g.last - g.first; d > 0 {
			return metric.OK(float64(len(g.took))/d, g.n)
		}
	default:
		if m := g.media.Float(); m > 0 {
			return metric.OK(g.busy.Float()/m, g.n)
		}
	}
	return metric.Undefined(g.n, metric.NoReference)
}

// Slice is a value of one thing that belongs to a slice: an error, 0 or 1 for
// right, a price; which of them, the parameter value says. Unit of worst_slice_max@1, worst_slice_min@1 and slice_gap@1.
// Slices come from the truth.
type Slice struct {
	Name  string
	Value float64
}

func init() {
	for use, value := range map[string]string{"worst_slice_max@1": "least", "worst_slice_min@1": "most", "slice_gap@1": "gap"} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) {
			return Slices(int64(p.Int("min_n")), p.Str("value")), value
		})
	}
}

// Slices is the measure of *Slice, of these values, by the mean of each slice: least, most and the
// gap between them. Slices below minN things are left out, not counted as 0; the
// gap needs two that are left. There are no intervals.
func Slices(minN int64, value string) metric.Measure { return bySlice{minN, value} }

type bySlice struct {
	minN  int64
	value string
}

func (b bySlice) Key() string { return "stat.slices " + metric.Number(float64(b.minN)) + " " + b.value }
func (b bySlice) New(*metric.Bootstrap) metric.Gather {
	return &sliced{minN: b.minN, of: map[string]*sliceSum{}}
}

type sliceSum struct {
	n   int64
	sum metric.Sum
}

type sliced struct {
	minN int64
	of   map[string]*sliceSum
}

func (g *sliced) slice(name string) *sliceSum {
	s := g.of[name]
	if s == nil {
		s = &sliceSum{}
		g.of[strings.Clone(name)] = s
	}
	return s
}

func (g *sliced) Add(unit any, _ uint16) {
	u := unit.(*Slice)
	s := g.slice(u.Name)
	s.n++
	s.sum.Add(u.Value)
}

func (g *sliced) Merge(o metric.Gather) {
	for name, x := range o.(*sliced).of {
		s := g.slice(name)
		s.n += x.n
		s.sum.Merge(&x.sum)
	}
}

func (g *sliced) Result(name string) metric.Result {
	var n int64
	least, most, left := math.Inf(1), math.Inf(-1), 0
	for _, key := range slices.SortedFunc(maps.Keys(g.of), cmp.Compare[string]) {
		s := g.of[key]
		n += s.n
		if !s.sum.Finite() {
			return metric.Undefined(n, metric.NotFinite)
		}
		if s.n >= g.minN {
			v := s.sum.Mean(s.n)
			least, most, left = min(least, v), max(most, v), left+1
		}
	}
	switch {
	case n == 0:
		return metric.Undefined(0, metric.NoRows)
	case left == 0 || left == 1 && name == "gap":
		return metric.Undefined(n, SmallGroups)
	case name == "least":
		return metric.OK(least, n)
	case name == "most":
		return metric.OK(most, n)
	}
	return metric.OK(most-least, n)
}
