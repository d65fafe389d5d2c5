package metric

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"aihub"
	"aihub/scenarios"
)

// Some metrics do not compare rows but units of another shape: an utterance, an
// image, a query, a sequence of frames. Their packages (speech, text, rank,
// graph, vision, track) say what a unit is and register metrics here.
//
// One Measure serves several metrics, as one evaluation of boxes gives the
// twelve numbers of COCO. A caller binds its metrics, makes one Gather for each
// different Measure.Key, shows every unit to each of them, merges shards, and
// asks every metric for its Result. The promises of package metric hold: no
// order, shard or thread changes a bit.

// Measure is what is gathered for a metric of units, with every parameter fixed.
type Measure interface {
	Key() string                // equal keys gather the same
	New(boot *Bootstrap) Gather // nil: no intervals
}

// Gather gathers units. It is not safe for concurrent use.
type Gather interface {
	// Add adds a unit, of the type that the package of the metric says; bucket is
	// Bootstrap.Bucket of its key, or 0 without intervals. The unit may be
	// changed by the caller afterwards.
	Add(unit any, bucket uint16)
	Merge(Gather)              // of a Measure with the same Key
	Result(name string) Result // one of the values that the Measure gives
}

// UnitMetric is a metric of units, bound.
type UnitMetric struct {
	*Def
	Measure Measure
	Value   string // its name in Gather.Result
	sig     string
}

// Signature spells out every parameter, as Metric.Signature does.
func (m *UnitMetric) Signature() string { return m.sig }

// Perfect is the value when every prediction is right; NaN when that depends on
// the truth.
func (m *UnitMetric) Perfect() float64 {
	if m.PerfectVaries {
		return nan
	}
	return m.Best()
}

// Result reads the metric's value.
func (m *UnitMetric) Result(g Gather) Result { return g.Result(m.Value) }

// Params are the parameters of a metric of units, every one given.
type Params struct{ a args }

// Num is a number, Str a text, Int a whole number.
func (p Params) Num(name string) float64 { return p.a.num[name] }
func (p Params) Int(name string) int     { return int(p.a.num[name]) }
func (p Params) Str(name string) string  { return p.a.str[name] }

// Skip says that units of which the metric is undefined are left out.
func (p Params) Skip() bool { return p.a.skip }

// Sig is the parameters as a signature shows them.
func (p Params) Sig() string { return p.a.sig }

var unitDefs = map[string]func(Params) (Measure, string){}
var units = map[string]*Def{}

// RegisterUnits adds a metric of scenarios.UnitMetrics; init functions call it.
// build gives the measure, and the name of the metric's value in it.
func RegisterUnits(use string, build func(Params) (Measure, string)) {
	info, ok := scenarios.UnitMetrics[use]
	if !ok || units[use] != nil {
		panic("metric: " + use + " is not in scenarios.UnitMetrics, or registered twice")
	}
	info.Params = slices.SortedFunc(slices.Values(info.Params), func(a, b scenarios.ParamInfo) int { return cmp.Compare(a.Name, b.Name) })
	units[use] = &Def{Use: use, MetricInfo: info}
	unitDefs[use] = build
}

// AllUnits returns every registered metric of units, sorted by name.
func AllUnits() []*Def {
	return slices.SortedFunc(maps.Values(units), func(a, b *Def) int { return cmp.Compare(a.Use, b.Use) })
}

// BindUnits fixes the parameters of a metric of units, or returns a fault for
// each that does not fit. Its package must be linked in.
func BindUnits(use string, params map[string]any) (*UnitMetric, []aihub.Fault) {
	return BindUnitsOf(use, Setup{Params: params})
}

// BindUnitsOf is BindUnits with Setup.Skip; of the rest it reads Params.
func BindUnitsOf(use string, s Setup) (*UnitMetric, []aihub.Fault) {
	d := units[use]
	if d == nil {
		return nil, []aihub.Fault{unknownMetric(use)}
	}
	a, faults := resolve(d, s)
	if len(faults) > 0 {
		return nil, faults
	}
	m, value := unitDefs[use](Params{a})
	return &UnitMetric{d, m, value, a.sig}, nil
}

// Stats are sufficient statistics of units: how many, counters, exact sums.
type Stats struct {
	N      int64
	Counts []int64
	Sums   []Sum
}

// Additive is a Measure whose values are formulas over Stats, which add up over
// units: it gets shards and intervals for free.
type Additive[U any] struct {
	ID     string
	Counts int
	Sums   int
	Plain  bool // without intervals
	// Of adds what one unit gives. It must not keep u, and not change N.
	Of     func(u U, s *Stats)
	Values map[string]func(s *Stats) Result
}

// Key is ID.
func (a *Additive[U]) Key() string { return a.ID }

func (a *Additive[U]) drawn() bool { return !a.Plain }

// New returns an empty Gather for units of type U.
func (a *Additive[U]) New(boot *Bootstrap) Gather {
	if a.Plain {
		boot = nil
	}
	m := &additive{boot: boot, counts: a.Counts, sums: a.Sums}
	return &additiveUnits[U]{a, m.New().(*tally)}
}

type additiveUnits[U any] struct {
	a *Additive[U]
	t *tally
}

func (g *additiveUnits[U]) Add(unit any, bucket uint16) {
	c := 0
	if len(g.t.n) > 1 {
		c = int(bucket)
	}
	k, s := g.a.Counts, g.a.Sums
	g.t.n[c]++
	g.a.Of(unit.(U), &Stats{1, g.t.counts[c*k : c*k+k : c*k+k], g.t.sums[c*s : c*s+s : c*s+s]})
}

// Sample is that of the last Result.
func (g *additiveUnits[U]) Sample() []float64 { return g.t.Sample() }

func (g *additiveUnits[U]) Merge(o Gather) { g.t.Merge(o.(*additiveUnits[U]).t) }

func (g *additiveUnits[U]) Result(name string) Result {
	value := g.a.Values[name]
	g.t.m.value = func(s *stats) Result { return value(&Stats{s.n, s.counts, s.sums}) }
	return g.t.Result()
}

// Undefined is a result without a value.
func Undefined(n int64, reason string) Result { return undefined(n, reason) }

// OK is a plain result; a value that is not finite is undefined.
func OK(v float64, n int64) Result {
	if v-v != 0 {
		return undefined(n, NotFinite)
	}
	return Result{Value: v, N: n, Status: aihub.MetricOK}
}

// Degenerate is a value by convention.
func Degenerate(v float64, n int64, reason string) Result {
	return Result{Value: v, N: n, Status: aihub.MetricDegenerate, Reason: reason}
}

// Quo is a/b of counts below 2^53.
func Quo(a, b int64) float64 { return quo(a, b) }

// Ln is the natural logarithm of x > 0, the same on every processor.
func Ln(x float64) float64 { makeLn(); return lnAny(x) }

// Exp is e^x, the same on every processor.
func Exp(x float64) float64 { return exp(x, 0) }

// Number shows a number as signatures do.
func Number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
