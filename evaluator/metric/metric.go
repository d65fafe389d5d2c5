// Package metric turns aligned truth and predictions into numbers about
// quality. It is pure: no files, no clock, no randomness of its own.
//
// A Def is a metric of the registry, name@version; a version's meaning never
// changes. Bind fixes a Def's parameters, all of them, and gives a Metric, whose
// Signature spells them out and is stored with every score. A Metric makes
// Accumulators; an Accumulator takes Blocks of rows, merges with others of the
// same Metric, and gives a Result, which is never NaN or infinite.
//
// A Result does not depend on the order of rows, on how they were cut in blocks
// or shards, on the number of threads, or on the processor: counts are
// integers, sums are exact (see Sum), sorted metrics sort bit patterns, products
// are never fused with sums, and the logarithm is our own. What is left is a
// fixed formula over those exact numbers.
//
// Where the reference implementations differ or fail, metrics here follow one
// rule: classes, the positive class and rows come from the spec and the truth,
// never from what was predicted; an undefined value says so and why.
package metric

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"aihub"
	"aihub/scenarios"
)

// Def is a metric of the registry. What a spec may say about it, and the range
// of its values, is scenarios.KnownMetrics'.
type Def struct {
	Use string // name@version, as a spec names it
	scenarios.MetricInfo
	build func(Setup, args) Metric
	check func(Setup, args) []aihub.Fault // of parameters together; nil: there is nothing to check
}

// Best and Worst are the better and the other end of Range.
func (d *Def) Best() float64  { return d.Range[d.end(true)] }
func (d *Def) Worst() float64 { return d.Range[d.end(false)] }

func (d *Def) end(best bool) int {
	if (d.Direction == "max") == best {
		return 1
	}
	return 0
}

// Setup is what a Def needs to become a Metric.
type Setup struct {
	Classes []string       // declared classes of the truth, in order; nil for numbers
	Column  string         // the output column that is scored
	Group   []string       // the columns that sum to one with it, itself included, in output order; nil when none
	Params  map[string]any // as the spec gives them; missing ones get their default
	Boot    *Bootstrap     // nil: no intervals
	Skip    bool           // parts of a mean that truth leaves undefined are left out
	Sliced  bool           // the spec has slices: each of many groups has an accumulator
}

// Metric is a Def with every parameter fixed.
type Metric interface {
	Signature() string // name@version|param=value|…, parameters sorted by name
	Columns() []string // the output columns it reads: Block.Pred, in this order
	Class(j int) int   // the class whose score or probability Columns()[j] holds; -1 when it holds none's
	Perfect() float64  // its value when every prediction is right; NaN when that depends on the truth
	New() Accumulator  // one that has seen no rows
}

// Accumulator gathers rows. It is not safe for concurrent use: give each
// goroutine its own, and Merge.
type Accumulator interface {
	Add(*Block)
	Merge(Accumulator) // of the same Metric
	Result() Result
}

// Sampler is an Accumulator that knows its Result under each draw of the
// bootstrap: values of the same rows are compared by it, draw by draw.
type Sampler interface {
	Sample() []float64 // after Result; nil unless every draw has a value
}

// Block is a run of aligned rows: row i of Truth belongs to row i of every Pred.
type Block struct {
	Rows   int
	Bucket []uint16 // Bootstrap.Bucket of each row's key; nil: no intervals
	Census *Census  // has these rows, and of all blocks that name it no others, when there is a Result; nil: metrics count by themselves
	Truth  Column
	Pred   []Column
}

// Code is a class as its index in Setup.Classes, or -1 for a prediction that is
// none of them. A scenario declares at most 1,000 classes, and half the memory is
// half the time of metrics that do little more than read.
type Code = int16

// Column is one column: Class for classes, Flt for numbers, Str for texts; Key, of
// texts of the truth, what the dataset calls their rows, where units stand in that
// order.
type Column struct {
	Class []Code
	Flt   []float64
	Str   []string
	Key   []string
}

// Result is the value of a metric. Value is finite, and 0 when undefined.
type Result struct {
	Value  float64
	N      int64 // rows
	Status aihub.MetricStatus
	Reason string  // a stable word: no_rows, one_class, …
	Lo, Hi float64 // 95 % interval; both 0 when there is none
}

// The reasons of results that are not plainly ok.
const (
	NoRows         = "no_rows"
	OneClass       = "one_class"        // the truth holds no positive or no negative row
	NotFinite      = "not_finite"       // a value was NaN or infinite, or a square overflowed
	ZeroTruth      = "zero_truth"       // the denominator, a sum over the truth, is 0
	ConstantTruth  = "constant_truth"   // all true values are equal
	AbsentClass    = "absent_class"     // a declared class is in no row and no prediction; it counts as zero_division
	ConstantEither = "constant_classes" // truth or predictions hold one class only; a value by convention

	AbsentFromTruth     = "absent_from_truth"    // a declared class is in no row of the truth
	NonePredicted       = "none_predicted"       // no row was predicted to be of the positive class
	ConstantPredictions = "constant_predictions" // all predicted values are equal
	OutOfDomain         = "out_of_domain"        // a value is outside what the metric is defined for
	NoReference         = "no_reference"         // the truth holds nothing to measure against
	Nothing             = "nothing"              // neither the truth nor the predictions hold anything
	TooManyRows         = "too_many_rows"        // the metric keeps every row, and there are more than it may
	Crossed             = "crossed"              // a lower bound is above its upper bound
)

func undefined(n int64, reason string) Result {
	return Result{N: n, Status: aihub.MetricUndefined, Reason: reason}
}

var registry = map[string]*Def{}

// register adds a metric that a spec can name; init functions call it.
func register(use string, build func(Setup, args) Metric) {
	info, ok := scenarios.KnownMetrics[use]
	if !ok || registry[use] != nil {
		panic("metric: " + use + " is not in scenarios.KnownMetrics, or registered twice")
	}
	info.Params = slices.SortedFunc(slices.Values(info.Params), func(a, b scenarios.ParamInfo) int { return cmp.Compare(a.Name, b.Name) })
	registry[use] = &Def{Use: use, MetricInfo: info, build: build}
}

// Lookup returns the metric that use (name@version) names, or nil.
func Lookup(use string) *Def { return registry[use] }

// All returns every metric, sorted by name.
func All() []*Def {
	return slices.SortedFunc(maps.Values(registry), func(a, b *Def) int { return cmp.Compare(a.Use, b.Use) })
}

// Bind fixes the parameters of the metric that use names, or returns a fault
// for each thing that does not fit. A fault's Where is the parameter at fault.
func Bind(use string, s Setup) (Metric, []aihub.Fault) {
	d := Lookup(use)
	if d == nil {
		return nil, []aihub.Fault{unknownMetric(use)}
	}
	var faults []aihub.Fault
	if d.Needs == scenarios.NeedsNumber && len(s.Classes) > 0 {
		faults = append(faults, paramFault("", aihub.Text{
			EN: d.Use + " compares numbers, but the truth has classes",
			ZH: d.Use + " 比较数值，但真值是类别",
		}))
	}
	if d.Needs != scenarios.NeedsNumber && len(s.Classes) < 2 {
		faults = append(faults, paramFault("", aihub.Text{
			EN: d.Use + " needs at least two declared classes in truth.classes",
			ZH: d.Use + " 需要在 truth.classes 中声明至少两个类别",
		}))
	}
	a, more := resolve(d, s)
	if faults = append(faults, more...); len(faults) > 0 {
		return nil, faults
	}
	if d.check != nil {
		if faults := d.check(s, a); len(faults) > 0 {
			return nil, faults
		}
	}
	return d.build(s, a), nil
}

func unknownMetric(use string) aihub.Fault {
	var names []string
	for _, d := range All() {
		names = append(names, d.Use)
	}
	list := strings.Join(names, ", ")
	return aihub.Fault{Code: "unknown_metric", Where: "use", Message: aihub.Text{
		EN: fmt.Sprintf("there is no metric %q; known: %s", clip(use), list),
		ZH: fmt.Sprintf("没有指标 %q；可用：%s", clip(use), list),
	}}
}

// signed is the part of a Metric that all share.
type signed struct {
	sig     string
	cols    []string
	needs   scenarios.Needs
	one     int // the positive class, when cols holds its score or probability alone
	perfect float64
}

func (s signed) Signature() string { return s.sig }
func (s signed) Columns() []string { return s.cols }
func (s signed) Perfect() float64  { return s.perfect }

func (s signed) Class(j int) int {
	switch {
	case s.needs != scenarios.NeedsScore && s.needs != scenarios.NeedsProbability:
		return -1
	case len(s.cols) > 1:
		return j
	}
	return s.one
}

// clip bounds a foreign string before it is quoted.
func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
