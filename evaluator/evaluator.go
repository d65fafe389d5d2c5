// Package evaluator scores predictions against truth that nobody else sees.
//
// A Plan is the metrics of a scenario with every parameter fixed. Predictions
// are what an algorithm wrote, checked row by row against the output schema and
// the row ids, and laid in the order of the ids; the check has no handle on
// truth, so that nothing it says can depend on a label. Truth is the key and
// label of every row of a part. Score puts the three together.
//
// A Worker does this for score runs that it claims from the store: the score is
// sealed, and released at its tick with as many digits as package sharing
// allows. Package metric computes the numbers, package board ranks what was
// released.
package evaluator

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/scenarios"
)

// Plan is what is computed for a scenario.
type Plan struct {
	all     scenarios.Spec
	timed   map[int]*metric.UnitMetric // those of all that read what a run took, by their place
	spec    scenarios.Spec             // all without them
	metrics []metric.Metric            // in the order of spec.Metrics
	sliced  []metric.Metric            // the same for groups of rows; nil without slices
	boot    *metric.Bootstrap
}

// NewPlan binds the metrics of a complete spec; those of a scorer only of
// Spec.OfUnits. A seed, the same for all
// submissions of a round, adds 95 % intervals; "" computes none. What does not
// fit is a Contract error with every fault.
func NewPlan(spec scenarios.Spec, seed string) (*Plan, error) {
	p := &Plan{all: spec, spec: spec.Untimed(), timed: map[int]*metric.UnitMetric{}}
	if seed != "" {
		if p.boot = metric.NewBootstrap(seed); spec.Unit != "" {
			p.boot = p.boot.ByUnits()
		}
	}
	faults := spec.ShapeFaults()
	misshapen := len(faults)
	for i, m := range spec.Metrics {
		if slices.ContainsFunc(faults[:misshapen], func(f aihub.Fault) bool { return strings.HasPrefix(f.Where, fmt.Sprintf("metrics[%d].", i)) }) {
			continue
		}
		if scenarios.KnownMetrics[m.Use].Needs.Timed() {
			b, bad := metric.BindUnits(m.Use, m.Params)
			for _, f := range bad {
				f.Where = fmt.Sprintf("metrics[%d].%s", i, cmp.Or(f.Where, "use"))
				faults = append(faults, f)
			}
			p.timed[i] = b
			continue
		}
		b, bad := bind(spec, m, p.boot)
		for _, f := range bad {
			f.Where = fmt.Sprintf("metrics[%d].%s", i, cmp.Or(f.Where, "use"))
			faults = append(faults, f)
		}
		p.metrics = append(p.metrics, b)
		if bad != nil {
			continue
		}
		if len(spec.Slices) > 0 {
			var boot *metric.Bootstrap
			if m.Primary && p.boot != nil {
				boot = p.boot.Coarse()
			}
			b, _ := bind(spec, m, boot)
			if spec.Unit != "" && boot != nil && metric.ByRows(b) {
				b, _ = bind(spec, m, nil) // the interval would be of rows
			}
			p.sliced = append(p.sliced, b)
		}
		for _, name := range b.Columns() {
			if c := slices.IndexFunc(spec.Output.Columns, func(c scenarios.OutputColumn) bool { return c.Name == name }); c < 0 ||
				!fits(scenarios.KnownMetrics[m.Use].Needs, spec.Output.Columns[c]) {
				faults = append(faults, aihub.Fault{Code: "bad_metric", Where: fmt.Sprintf("metrics[%d].prediction", i), Message: aihub.Text{
					EN: fmt.Sprintf("%s cannot score the output column %q", m.Use, clip(name)),
					ZH: fmt.Sprintf("%s 无法对输出列 %q 评分", m.Use, clip(name)),
				}})
			}
		}
	}
	if len(faults) == 0 && p.boot != nil {
		p.draw()
	}
	if len(faults) > 0 {
		return nil, aihub.Errorf(aihub.Contract, aihub.Text{
			EN: "the metrics of this scenario cannot be computed", ZH: "无法计算该场景的指标",
		}).WithFaults(faults).WithHint(aihub.Text{EN: "mend the spec and publish a new version", ZH: "请修正场景规范并发布新版本"})
	}
	return p, nil
}

// bind fixes the parameters of one metric.
func bind(spec scenarios.Spec, m scenarios.Metric, boot *metric.Bootstrap) (metric.Metric, []aihub.Fault) {
	column, group := spec.Scored(m)
	switch needs := scenarios.KnownMetrics[m.Use].Needs; {
	case needs == scenarios.NeedsUnitColumn:
		return metric.UnitMean(m.Prediction, boot), nil
	case needs.Texts():
		return bindTexts(m, needs, spec, column.Name, boot)
	}
	return metric.Bind(m.Use, metric.Setup{Classes: spec.Truth.Classes, Column: column.Name, Group: group, Params: m.Params, Boot: boot, Skip: m.OnUndefined == scenarios.UndefinedSkip, Sliced: len(spec.Slices) > 0})
}

// draw has the primary metric drawn: what is compared by it is tested. Metrics that
// gather the same still do. With units, an interval is of these and not of rows.
func (p *Plan) draw() {
	for i, m := range p.metrics {
		if p.spec.Unit != "" && metric.ByRows(m) {
			p.metrics[i] = metric.Drawn(m, p.boot, [2]float64{}, true)
		}
	}
	at := slices.IndexFunc(p.spec.Metrics, func(m scenarios.Metric) bool { return m.Primary })
	if at < 0 {
		return
	}
	info, _ := p.spec.Info(p.spec.Metrics[at])
	t, ok := p.metrics[at].(*textMetric)
	if !ok {
		p.metrics[at] = metric.Drawn(p.metrics[at], p.boot, info.Range, p.spec.Unit != "")
		return
	}
	drawn := metric.DrawnUnits(t.Measure, t.Value, p.boot, info.Range)
	for i, m := range p.metrics {
		if x, ok := m.(*textMetric); ok && x.column == t.column && x.Measure.Key() == drawn.Key() {
			unit, m := *x.UnitMetric, *x
			unit.Measure, m.UnitMetric = drawn, &unit
			p.metrics[i] = &m
		}
	}
}

// quick is p with metric.Quick.
func (p *Plan) quick() *Plan {
	q := *p
	q.metrics = nil
	for _, m := range p.metrics {
		q.metrics = append(q.metrics, metric.Quick(m))
	}
	return &q
}

// fits reports whether a column holds what a metric reads.
func fits(n scenarios.Needs, c scenarios.OutputColumn) bool {
	if n.Texts() {
		return c.Type == "string" && len(c.Classes) == 0
	}
	switch n {
	case scenarios.NeedsUnitColumn:
		return c.Type == "float64"
	case scenarios.NeedsClass:
		return c.Type == "string" && len(c.Classes) > 0
	case scenarios.NeedsNumber:
		return c.Type == "int64" || c.Type == "float64"
	default:
		return c.Type == "float64"
	}
}

// blockRows is how many rows are scored between two looks at the context, and
// textRows how many when they hold texts.
const (
	blockRows = 1 << 14
	textRows  = 1 << 8
)

// Score computes every metric, in the order of the spec, at full precision.
// Predictions must have been checked against exactly the ids of t's rows.
func (p *Plan) Score(ctx context.Context, t *Truth, pred *Predictions) ([]aihub.MetricValue, error) {
	values, _, err := p.ScoreSample(ctx, t, pred)
	return values, err
}

// ScoreSample is Score with the primary metric's value under each draw of the
// round's bootstrap, nil when it has none. Rows of a spec with a unit are scored by
// a Scoring, which reads it.
func (p *Plan) ScoreSample(ctx context.Context, t *Truth, pred *Predictions) (values []aihub.MetricValue, sample []float64, err error) {
	if pred.rows != len(t.Keys) {
		return nil, nil, fmt.Errorf("evaluator: %d predictions for %d rows of truth", pred.rows, len(t.Keys))
	}
	var bucket []uint16
	if p.boot != nil && p.spec.Unit != "" {
		return nil, nil, fmt.Errorf("evaluator: it is not known which rows are of one %s", p.spec.Unit)
	}
	if p.boot != nil {
		bucket = make([]uint16, len(t.Keys))
		for i, key := range t.Keys {
			bucket[i] = p.boot.Bucket(key)
		}
	}
	s, label := p.tallies(nil), t.Label
	if kind := cellsOf(p.spec); kind != nil && kind.Keyed {
		label.Key = t.Keys
	}
	if err := s.add(ctx, label, bucket, nil, pred.columns); err != nil {
		return nil, nil, err
	}
	return s.results()
}

// tallies gathers rows for every metric of a plan, in several goroutines.
type tallies struct {
	p      *Plan
	shards [][]metric.Accumulator // of each goroutine, by metric
	census []*metric.Census       // of each goroutine, the rows it gave to them; nil: nobody asks
	groups *groupTallies          // nil: rows are in no groups
	files  []*os.File             // of accumulators that spill
	open   sync.Mutex
	told   atomic.Int64                     // rows that were compared
	tell   func(compared, computed float64) // rows, and the share of metrics that have a value; nil: nobody asks
}

// spill lets accumulators that keep every row put them into unnamed files in dir.
func (t *tallies) spill(dir string) {
	open := func() (metric.Scratch, error) {
		f, err := unnamed(dir)
		if err != nil {
			return nil, err
		}
		t.open.Lock()
		defer t.open.Unlock()
		t.files = append(t.files, f)
		return f, nil
	}
	for i := range t.p.metrics {
		keys := new(metric.Memory)
		for _, accs := range t.shards {
			if s, ok := accs[i].(metric.Spiller); ok {
				s.Spill(open, keys)
			}
		}
	}
	if t.groups != nil {
		t.groups.open = open
	}
}

func (t *tallies) Close() {
	for _, f := range t.files {
		f.Close()
	}
}

// maxShards is how many goroutines score: their accumulators take memory.
const maxShards = 4

// tallies are empty ones; of rows that are in groups, with g.
func (p *Plan) tallies(g *grouping) *tallies {
	t := &tallies{p: p, groups: p.groupTallies(g), shards: make([][]metric.Accumulator, min(runtime.GOMAXPROCS(0), maxShards))}
	t.census = make([]*metric.Census, len(t.shards))
	for s := range t.shards {
		t.shards[s] = accumulators(p.metrics)
		if classes := len(p.spec.Truth.Classes); p.boot != nil && classes <= metric.CensusClasses && slices.ContainsFunc(p.metrics, metric.ReadsCensus) {
			t.census[s] = metric.NewCensus(p.boot, classes)
		}
	}
	return t
}

// add takes rows: every metric sees a block of them before the next. groups holds
// the group of each row, of each slice.
func (t *tallies) add(ctx context.Context, truth metric.Column, bucket []uint16, groups [][]uint16, columns map[string]metric.Column) error {
	rows, step := max(len(truth.Class), len(truth.Flt), len(truth.Str)), blockRows
	if truth.Str != nil {
		step = textRows
	}
	pred := make([][]metric.Column, len(t.p.metrics))
	for i, m := range t.p.metrics {
		for _, name := range m.Columns() {
			pred[i] = append(pred[i], columns[name])
		}
	}
	var next atomic.Int64
	var g sync.WaitGroup
	var panicked atomic.Value
	for shard, accs := range t.shards[:max(1, min(len(t.shards), rows/step))] {
		census := t.census[shard]
		g.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					panicked.Store(fmt.Sprint(p))
				}
			}()
			var part metric.Block // of all columns
			var sorter sorter
			for ctx.Err() == nil {
				lo := int(next.Add(int64(step))) - step
				if lo >= rows {
					return
				}
				hi := min(lo+step, rows)
				if census != nil {
					census.Add(truth.Class[lo:hi], bucket[lo:hi])
				}
				for i, acc := range accs {
					b := &metric.Block{Rows: hi - lo, Truth: cut(truth, lo, hi), Census: census}
					if bucket != nil && t.p.boot != nil {
						b.Bucket = bucket[lo:hi]
					}
					for _, c := range pred[i] {
						b.Pred = append(b.Pred, cut(c, lo, hi))
					}
					acc.Add(b)
				}
				if t.tell != nil {
					t.tell(float64(t.told.Add(int64(hi-lo))), 0)
				}
				if t.groups != nil {
					part.Rows, part.Truth, part.Bucket, part.Pred = hi-lo, cut(truth, lo, hi), nil, part.Pred[:0]
					if bucket != nil && t.p.boot != nil {
						part.Bucket = bucket[lo:hi]
					}
					for _, c := range t.groups.columns {
						part.Pred = append(part.Pred, cut(columns[c], lo, hi))
					}
					t.groups.add(&part, groups, lo, &sorter)
				}
			}
		})
	}
	g.Wait()
	if p := panicked.Load(); p != nil {
		panic(p) // in the goroutine that knows what to do
	}
	return ctx.Err()
}

// results merges what the goroutines saw. It is the end of t.
func (t *tallies) results() (values []aihub.MetricValue, sample []float64, err error) {
	values = make([]aihub.MetricValue, len(t.p.metrics))
	for i, m := range t.p.metrics {
		acc := t.shards[0][i]
		for _, other := range t.shards[1:] {
			acc.Merge(other[i])
		}
		r := acc.Result()
		if s, ok := acc.(metric.Spiller); ok && s.Err() != nil {
			return nil, nil, fmt.Errorf("evaluator: %w", s.Err())
		}
		values[i] = aihub.MetricValue{
			ID: t.p.spec.Metrics[i].ID, Signature: m.Signature() + onUndefined(t.p.spec.Metrics[i]), Value: r.Value, N: r.N,
			Status: r.Status, Reason: r.Reason, Lo: r.Lo, Hi: r.Hi,
		}
		if s, ok := acc.(metric.Sampler); ok && t.p.spec.Metrics[i].Primary {
			sample = s.Sample()
		}
		if t.tell != nil {
			t.tell(float64(t.told.Load()), float64(i+1)/float64(len(t.p.metrics)))
		}
	}
	if t.groups != nil {
		if err := t.groups.results(values); err != nil {
			return nil, nil, err
		}
	}
	return values, sample, nil
}

func cut(c metric.Column, lo, hi int) metric.Column {
	if c.Class != nil {
		return metric.Column{Class: c.Class[lo:hi]}
	}
	if c.Key != nil {
		return metric.Column{Str: c.Str[lo:hi], Key: c.Key[lo:hi]}
	}
	if c.Str != nil {
		return metric.Column{Str: c.Str[lo:hi]}
	}
	return metric.Column{Flt: c.Flt[lo:hi]}
}

// clip bounds a foreign string before it is quoted.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
