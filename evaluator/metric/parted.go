package metric

import (
	"math"
	"slices"

	"aihub"
)

// Some metrics are no formula over sums: a median, a rank correlation, the average
// precision of rows or of boxes. Drawn and DrawnUnits give them what the others
// have, from a delete-a-group jackknife (Shao and Wu, Annals of Statistics 17
// (1989) 1176): the value without each of 64 groups of buckets, what a group adds to
// it, and each group weighted as a draw of the bootstrap says. It costs 64
// evaluations, so that only a primary metric is worth it.

const (
	drawnGroups = 64
	leastGroups = 20      // with units in them: of fewer the spread is not known
	drawnRows   = 1 << 18 // at most, so that 64 evaluations take seconds
)

// Drawn returns m with a Sampler for its Accumulators, and with an interval inside
// span where it had none. By units (clustered) rows of one bucket belong together,
// and an AUC has the interval of that. What is additive is mostly drawn already, and
// comes back as it is.
func Drawn(m Metric, boot *Bootstrap, span [2]float64, clustered bool) Metric {
	switch m := m.(type) {
	case *additive:
		if m.boot != nil {
			return m
		}
	case *auc:
		d := *m
		d.boot, d.clustered = boot, clustered
		return &d
	case *curveMetric:
		if m.gini || m.precision {
			d := *m
			d.boot, d.clustered = boot, clustered
			return &d
		}
	}
	return &parted{m, boot, span}
}

// ByRows reports whether the interval of m takes every row for independent,
// whatever bucket it is in.
func ByRows(m Metric) bool {
	switch m := m.(type) {
	case *auc:
		return !m.clustered
	case *curveMetric:
		return m.gini && !m.clustered
	}
	return false
}

type parted struct {
	Metric
	boot *Bootstrap
	span [2]float64
}

func (p *parted) New() Accumulator {
	rows := partedRows{p: p, all: p.Metric.New()}
	if s, ok := rows.all.(Spiller); ok {
		return &partedSpiller{&rows, s}
	}
	return &rows
}

type partedSpiller struct {
	*partedRows
	Spiller
}

// partedRows has the rows of each group beside the metric's own accumulator.
type partedRows struct {
	p      *parted
	all    Accumulator
	group  [drawnGroups]Block
	rows   int
	off    bool
	sample []float64
}

func (a *partedRows) Add(b *Block) {
	a.all.Add(b)
	if a.off = a.off || a.rows+b.Rows > drawnRows || len(b.Bucket) < b.Rows; a.off {
		a.group = [drawnGroups]Block{}
		return
	}
	a.rows += b.Rows
	for i, bucket := range b.Bucket[:b.Rows] {
		g := &a.group[bucket%drawnGroups]
		g.Rows++
		g.Truth.append(b.Truth, i)
		for len(g.Pred) < len(b.Pred) {
			g.Pred = append(g.Pred, Column{})
		}
		for j, c := range b.Pred {
			g.Pred[j].append(c, i)
		}
	}
}

// append takes value i of o.
func (c *Column) append(o Column, i int) {
	if o.Class != nil {
		c.Class = append(c.Class, o.Class[i])
	}
	if o.Flt != nil {
		c.Flt = append(c.Flt, o.Flt[i])
	}
	if o.Str != nil {
		c.Str = append(c.Str, o.Str[i])
	}
}

func (a *partedRows) Merge(o Accumulator) {
	x, ok := o.(*partedRows)
	if !ok {
		x = o.(*partedSpiller).partedRows
	}
	a.all.Merge(x.all)
	if a.off = a.off || x.off || a.rows+x.rows > drawnRows; a.off {
		a.group = [drawnGroups]Block{}
		return
	}
	a.rows += x.rows
	for g := range x.group {
		for i := range x.group[g].Rows {
			a.group[g].Truth.append(x.group[g].Truth, i)
			for len(a.group[g].Pred) < len(x.group[g].Pred) {
				a.group[g].Pred = append(a.group[g].Pred, Column{})
			}
			for j, c := range x.group[g].Pred {
				a.group[g].Pred[j].append(c, i)
			}
		}
		a.group[g].Rows += x.group[g].Rows
	}
}

func (a *partedRows) Result() Result {
	r := a.all.Result()
	a.sample = nil
	if a.off || r.Status == aihub.MetricUndefined {
		return r
	}
	var used []int
	for g := range a.group {
		if a.group[g].Rows > 0 {
			used = append(used, g)
		}
	}
	a.sample = jackknifed(a.p.boot, &r, a.p.span, used, func(out int) Result {
		acc := a.p.Metric.New()
		for _, g := range used {
			if g != out {
				acc.Add(&a.group[g])
			}
		}
		return acc.Result()
	})
	return r
}

func (a *partedRows) Sample() []float64 { return a.sample }

// jackknifed is r under the draws, nil where that is not known. It gives r an
// interval inside span when it has none. without evaluates all groups of used but one.
func jackknifed(boot *Bootstrap, r *Result, span [2]float64, used []int, without func(out int) Result) []float64 {
	if len(used) < leastGroups {
		return nil
	}
	part := make([]float64, drawnGroups)
	mean := 0.0
	for _, g := range used {
		x := without(g)
		if x.Status == aihub.MetricUndefined {
			return nil
		}
		part[g] = x.Value
		mean += x.Value / float64(len(used))
	}
	f := math.Sqrt(float64(len(used)-1) / float64(len(used)))
	for _, g := range used {
		part[g] = float64(f * (mean - part[g]))
	}
	sample, se := linear(boot, r.Value, part)
	if d := float64(1.959963984540054 * se); r.Lo == 0 && r.Hi == 0 {
		r.Lo, r.Hi = max(span[0], r.Value-d), min(span[1], r.Value+d)
	}
	return sample
}

// Leaver is a Gather that knows its values without each of those that were merged into
// it, in this order, sooner than they are merged anew; nil where it does not.
type Leaver interface {
	Without(name string, parts []Gather) []Result
}

// DrawnUnits is Drawn for the value of a Measure that name names; others of its
// values stay as they are. A Measure that is drawn already comes back.
func DrawnUnits(m Measure, name string, boot *Bootstrap, span [2]float64) Measure {
	if d, ok := m.(interface{ drawn() bool }); ok && d.drawn() {
		return m
	}
	return &partedMeasure{m, name, boot, span}
}

type partedMeasure struct {
	Measure
	name string
	boot *Bootstrap
	span [2]float64
}

func (m *partedMeasure) New(*Bootstrap) Gather { return &partedUnits{m: m} }

// partedUnits gathers the units of each group by themselves.
type partedUnits struct {
	m      *partedMeasure
	group  [drawnGroups]Gather
	all    Gather // of the last Result; nil: there were more units since
	sample []float64
}

func (g *partedUnits) at(i int) Gather {
	if g.group[i] == nil {
		g.group[i] = g.m.Measure.New(nil)
	}
	return g.group[i]
}

func (g *partedUnits) Add(unit any, bucket uint16) {
	g.all = nil
	g.at(int(bucket)%drawnGroups).Add(unit, 0)
}

func (g *partedUnits) Merge(o Gather) {
	g.all = nil
	for i, x := range o.(*partedUnits).group {
		if x != nil {
			g.at(i).Merge(x)
		}
	}
}

// without merges all groups but one.
func (g *partedUnits) without(out int) Gather {
	all := g.m.Measure.New(nil)
	for i, x := range g.group {
		if x != nil && i != out {
			all.Merge(x)
		}
	}
	return all
}

func (g *partedUnits) Result(name string) Result {
	if g.all == nil {
		g.all = g.without(-1)
	}
	r := g.all.Result(name)
	if g.sample = nil; name != g.m.name || r.Status == aihub.MetricUndefined {
		return r
	}
	var used []int
	for i, x := range g.group {
		if x != nil {
			used = append(used, i)
		}
	}
	without := func(out int) Result { return g.without(out).Result(name) }
	if l, ok := g.all.(Leaver); ok && len(used) >= leastGroups {
		var parts []Gather
		for _, i := range used {
			parts = append(parts, g.group[i])
		}
		if left := l.Without(name, parts); left != nil {
			without = func(out int) Result { return left[slices.Index(used, out)] }
		}
	}
	g.sample = jackknifed(g.m.boot, &r, g.m.span, used, without)
	return r
}

// Sample is that of the last Result.
func (g *partedUnits) Sample() []float64 { return g.sample }
