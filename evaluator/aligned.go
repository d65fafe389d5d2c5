package evaluator

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"aihub/evaluator/metric"
	"aihub/internal/pages"
	"aihub/scenarios"
)

// aligned scores Parquet predictions whose rows have the truth's keys in the
// truth's order, straight from the pages of both files: no row is kept, joined or
// sorted. Keys must rise, which shows that each stands once. Under the ids of a run
// it is the predictions' ids that rise, as those of the input do, and the truth that
// is sorted. It reports false when anything at all is otherwise, a fault included:
// the general path says what.
func (s Scoring) aligned(ctx context.Context, truthPath, predictionsPath string) (Scored, bool, error) {
	spec := s.Plan.spec
	if spec.Output.Format != "parquet" || ofTexts(spec) || spec.Unit != "" {
		return Scored{}, false, nil
	}
	truth, _, done, err := openPages(truthPath)
	if truth == nil {
		return Scored{}, false, err
	}
	defer done()
	pred, size, done, err := openPages(predictionsPath)
	if pred == nil {
		return Scored{}, false, err
	}
	defer done()
	a := &alignment{spec: spec, plan: s.Plan, truth: truth, pred: pred, rows: truth.Rows()}
	if most := spec.Limits.Output; most > 0 && size > int64(most) || pred.Rows() != a.rows || a.rows == 0 || !a.match(s.Key, s.RowKey != nil) {
		return Scored{}, false, nil
	}
	by, err := newGrouping(spec, s.Key, truthPath, s.Input)
	if err != nil {
		return Scored{}, false, nil // the general path says it
	}
	defer by.Close()
	if by != nil {
		var input *pages.File
		if len(by.own) < len(by.cols) {
			var done func()
			if input, _, done, err = openPages(s.Input); input == nil {
				return Scored{}, false, err
			}
			defer done()
		}
		if !a.pageGroupsOf(by, s.Key, input) {
			return Scored{}, false, nil
		}
	}
	a.each = 2 // a row of the truth and one of the predictions, at once
	a.progress = func(done int64) {
		if s.Progress != nil {
			s.Progress(done, 2*a.rows)
		}
	}
	run := a.run
	if s.RowKey != nil {
		a.each = 1
		told, ok, err := a.tellTruth(ctx, s.RowKey)
		if err != nil {
			return Scored{}, false, err
		}
		if run = told.run; !ok {
			a.done.Store(0)
			under, ok, err := a.rank(ctx, s.RowKey, s.Dir)
			if !ok || err != nil {
				return Scored{}, false, cmp.Or(err, ctx.Err())
			}
			defer under.Close()
			run = under.run
		}
	}
	t := s.Plan.tallies(by)
	t.spill(s.Dir)
	defer t.Close()
	if ok, err := run(ctx, t); !ok || err != nil {
		return Scored{}, false, cmp.Or(err, ctx.Err())
	}
	values, sample, err := t.results()
	return Scored{Values: values, Sample: sample, Rows: a.rows}, true, err
}

// openPages opens a file, or returns nil when it is not Parquet that can be
// read page by page.
func openPages(path string) (p *pages.File, size int64, done func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, nil, err
	}
	st, err := f.Stat()
	if err == nil && st.Mode().IsRegular() {
		if p, bad := pages.Open(f, st.Size()); bad == nil {
			return p, st.Size(), func() { f.Close() }, nil
		}
	}
	f.Close()
	return nil, 0, nil, err
}

// alignment is one reading of two files side by side.
type alignment struct {
	spec        scenarios.Spec
	plan        *Plan
	truth, pred *pages.File
	rows        int64
	progress    func(done int64)
	done        atomic.Int64
	each        int // of a row that is read, how many are done

	tl, pl  []int // leaves: key, label; key, then the output columns
	columns []scenarios.OutputColumn
	groups  [][]int     // of columns that sum to one
	limits  [][]float64 // of each column: from and to; nil when it has none
	bounds  [][2]int    // columns of which the second is not below the first
	codes   []coder     // of columns with classes
	class   coder
	reads   [][]int // of each metric, the output columns
	text    bool    // keys
	by      *pageGroups
}

// match finds the columns of both files, and reports whether they are all there
// are, of types that this path reads. The predictions have the truth's keys, or
// named ids.
func (a *alignment) match(key string, named bool) bool {
	kt, label := a.truth.Leaf(key), a.truth.Leaf(a.spec.Truth.Column)
	kp := a.pred.Leaf(a.spec.Input.Key)
	if kt < 0 || label < 0 || kp < 0 || len(a.pred.Leaves()) != 1+len(a.spec.Output.Columns) {
		return false
	}
	x, y := a.truth.Leaves()[kt], a.pred.Leaves()[kp]
	if !named && (x.Type != y.Type || x.Text != y.Text) || named && !isText(y) || !isKey(x) || !isKey(y) {
		return false
	}
	a.text = isText(x)
	l := a.truth.Leaves()[label]
	if len(a.spec.Truth.Classes) > 0 {
		a.class = newCoder(a.spec.Truth.Classes)
		if !isText(l) && !isWhole(l) {
			return false
		}
	} else if !isNumber(l) {
		return false
	}
	a.tl, a.pl = []int{kt, label}, []int{kp}
	a.columns = a.spec.Output.Columns
	for _, c := range a.columns {
		i := a.pred.Leaf(c.Name)
		if i < 0 {
			return false
		}
		l := a.pred.Leaves()[i]
		var code coder
		switch {
		case c.Type == "string" && len(c.Classes) > 0 && isText(l):
			code = newCoder(c.Classes)
		case c.Type == "float64" && isNumber(l), c.Type == "int64" && isWhole(l):
		default:
			return false
		}
		a.pl, a.codes = append(a.pl, i), append(a.codes, code)
		limits := c.Range
		if least, use := a.spec.Least(c.Name); use != "" {
			if limits = []float64{least, math.MaxFloat64}; len(c.Range) == 2 {
				limits = []float64{max(least, c.Range[0]), c.Range[1]}
			}
		}
		a.limits = append(a.limits, limits)
	}
	column := func(name string) int {
		return slices.IndexFunc(a.columns, func(c scenarios.OutputColumn) bool { return c.Name == name })
	}
	for _, p := range a.spec.Intervals() {
		a.bounds = append(a.bounds, [2]int{column(p[0]), column(p[1])})
	}
	for i, c := range a.columns {
		var group []int
		for j, o := range a.columns {
			if len(c.SumsToOne) > 0 && (i == j || slices.Contains(c.SumsToOne, o.Name)) {
				group = append(group, j)
			}
		}
		if group != nil && !slices.ContainsFunc(a.groups, func(g []int) bool { return slices.Equal(g, group) }) {
			a.groups = append(a.groups, group)
		}
	}
	for _, m := range a.plan.metrics {
		var reads []int
		for _, name := range m.Columns() {
			reads = append(reads, column(name))
		}
		a.reads = append(a.reads, reads)
	}
	return true
}

func isText(l pages.Leaf) bool { return l.Flat() && l.Type == pages.ByteArray && l.Text }
func isWhole(l pages.Leaf) bool {
	return l.Flat() && (l.Type == pages.Int64 || l.Type == pages.Int32) && l.Annotation == ""
}
func isKey(l pages.Leaf) bool { return isText(l) || isWhole(l) }

func isNumber(l pages.Leaf) bool {
	return isWhole(l) || l.Flat() && (l.Type == pages.Double || l.Type == pages.Float) && l.Annotation == ""
}

// span is the first and the last key of a stretch of rows: numbers or texts.
type span struct {
	some        bool
	from, to    int64
	first, last []byte
}

// add takes the next key, and reports whether it is above the last.
func (s *span) number(v int64) bool {
	if s.some && v <= s.to {
		return false
	}
	if !s.some {
		s.some, s.from = true, v
	}
	s.to = v
	return true
}

func (s *span) text(b []byte) bool {
	if s.some && bytes.Compare(s.last, b) >= 0 {
		return false
	}
	if !s.some {
		s.some, s.first = true, bytes.Clone(b)
	}
	s.last = append(s.last[:0], b...)
	return true
}

// before reports whether all keys of s are below those of o.
func (s *span) before(o span) bool {
	if s.first != nil {
		return bytes.Compare(s.last, o.first) < 0
	}
	return s.to < o.from
}

// run reads everything, row group by row group in several goroutines where both
// files have the same.
func (a *alignment) run(ctx context.Context, t *tallies) (bool, error) {
	same := a.truth.RowGroups() == a.pred.RowGroups()
	for g := 0; same && g < a.truth.RowGroups(); g++ {
		same = a.truth.GroupRows(g) == a.pred.GroupRows(g)
	}
	if !same {
		_, ok, err := a.stretch(t, 0).read(ctx, 0, a.truth.RowGroups(), a.pred.RowGroups())
		return ok, err
	}
	keys := make([]span, a.truth.RowGroups())
	var next atomic.Int64
	var wrong atomic.Bool
	errs := make([]error, len(t.shards))
	var g sync.WaitGroup
	for i := range max(1, min(len(t.shards), len(keys))) {
		g.Go(func() {
			s := a.stretch(t, i)
			for !wrong.Load() {
				at := int(next.Add(1)) - 1
				if at >= len(keys) {
					return
				}
				var ok bool
				if keys[at], ok, errs[i] = s.read(ctx, at, at+1, at+1); !ok {
					wrong.Store(true)
				}
			}
		})
	}
	g.Wait()
	if err := errors.Join(errs...); err != nil || wrong.Load() {
		return false, err
	}
	keys = slices.DeleteFunc(keys, func(s span) bool { return !s.some }) // of no rows
	for i := 1; i < len(keys); i++ {
		if !keys[i-1].before(keys[i]) {
			return false, nil
		}
	}
	return true, nil
}

// stretch reads rows into buffers of blockRows, and those into accumulators.
type stretch struct {
	a      *alignment
	accs   []metric.Accumulator
	census *metric.Census
	keys   span
	by     *groupCoder // of rows of the truth
	codes  [][]uint16  // of each slice, the groups of rows, of which from is the first
	from   int
	tally  *groupTallies
	sorter sorter
	label  metric.Column
	cols   []metric.Column
	bucket []uint16
	dict   []metric.Code // the class of each value of a dictionary
	ranked rankedPile    // of truth, under the ids of a run

	left, right *pages.Scan // of the truth and of the predictions
}

// stretch gives rows to one goroutine's part of t, which is nil where there is none.
func (a *alignment) stretch(t *tallies, shard int) *stretch {
	column := func(c *coder) metric.Column {
		if c.text != nil {
			return metric.Column{Class: make([]metric.Code, blockRows)}
		}
		return metric.Column{Flt: make([]float64, blockRows)}
	}
	s := &stretch{a: a, label: column(&a.class)}
	if t != nil {
		s.accs, s.census, s.tally = t.shards[shard], t.census[shard], t.groups
	}
	if s.by = a.by.coder(); s.by != nil {
		s.codes = s.by.codes
	}
	for i := range a.codes {
		s.cols = append(s.cols, column(&a.codes[i]))
	}
	if a.plan.boot != nil {
		s.bucket = make([]uint16, blockRows)
	}
	return s
}

// read scores row groups [from, to) of the truth against [from, end) of the
// predictions, and returns the keys. It is false at the first thing that is not
// as it should be.
func (s *stretch) read(ctx context.Context, from, to, end int) (keys span, ok bool, err error) {
	s.keys = span{}
	left, err := again(&s.left, s.a.truth, from, to, s.a.tl)
	if err != nil {
		return keys, false, nil
	}
	right, err := again(&s.right, s.a.pred, from, end, s.a.pl)
	if err != nil || !s.by.begin(from, to) {
		return keys, false, nil
	}
	for {
		l, err := left.Next(blockRows)
		if err == io.EOF {
			_, err := right.Next(1)
			s.by.end()
			return s.keys, err == io.EOF, nil
		}
		if err != nil || nulls(l[:2]) || !s.by.code(l) {
			return keys, false, nil
		}
		for at := 0; at < l[0].N; {
			r, err := right.Next(l[0].N - at)
			if err != nil || nulls(r) || !s.rows(l, at, r) {
				return keys, false, nil
			}
			at += r[0].N
			s.a.tell(r[0].N)
			if err := ctx.Err(); err != nil {
				return keys, false, err
			}
		}
	}
}

// again is a scan of row groups in the memory of the one before.
func again(scan **pages.Scan, f *pages.File, from, to int, leaves []int) (*pages.Scan, error) {
	if *scan != nil {
		(*scan).Groups(from, to)
		return *scan, nil
	}
	s, err := f.ScanGroups(from, to, leaves...)
	if err == nil {
		s.KeepDict = true
		*scan = s
	}
	return s, err
}

// tell says that rows were read.
func (a *alignment) tell(rows int) { a.progress(a.done.Add(int64(a.each * rows))) }

func nulls(runs []pages.Run) bool {
	return slices.ContainsFunc(runs, func(r pages.Run) bool { return r.Valid != nil })
}

// rows takes the predictions r, which belong to the truth l from row at on.
func (s *stretch) rows(l []pages.Run, at int, r []pages.Run) bool {
	n := r[0].N
	s.from = at
	return s.match(l[0].Part(at, n), r[0]) && s.values(l[1].Part(at, n), s.label, &s.a.class, nil) && s.predicted(r)
}

// predicted takes predictions, of which the labels and the buckets are known.
func (s *stretch) predicted(r []pages.Run) bool {
	n := r[0].N
	for i, c := range s.cols {
		if !s.values(r[1+i], c, &s.a.codes[i], s.a.limits[i]) {
			return false
		}
	}
	for _, group := range s.a.groups {
		for row := range n {
			total := 0.0
			for _, i := range group {
				total += s.cols[i].Flt[row]
			}
			if math.Abs(total-1) > sumTolerance {
				return false
			}
		}
	}
	for _, p := range s.a.bounds {
		lower, upper := s.cols[p[0]].Flt[:n], s.cols[p[1]].Flt[:n]
		for row, v := range lower {
			if v > upper[row] {
				return false
			}
		}
	}
	b := metric.Block{Rows: n, Truth: cut(s.label, 0, n), Census: s.census}
	if s.bucket != nil {
		b.Bucket = s.bucket[:n]
	}
	if s.census != nil {
		s.census.Add(b.Truth.Class, b.Bucket)
	}
	for k, acc := range s.accs {
		b.Pred = b.Pred[:0]
		for _, i := range s.a.reads[k] {
			b.Pred = append(b.Pred, cut(s.cols[i], 0, n))
		}
		acc.Add(&b)
	}
	if s.tally != nil {
		b.Census, b.Pred = nil, b.Pred[:0]
		for _, name := range s.tally.columns {
			b.Pred = append(b.Pred, cut(s.cols[slices.IndexFunc(s.a.columns, func(c scenarios.OutputColumn) bool { return c.Name == name })], 0, n))
		}
		s.tally.add(&b, s.codes, s.from, &s.sorter)
	}
	return true
}

// match reports whether both runs hold the same keys, each above the one before.
func (s *stretch) match(x, y pages.Run) bool {
	boot := s.a.plan.boot
	if !x.Coded && !y.Coded && x.Values.Type == pages.Int64 {
		xs := x.Values.Int64s()
		if !slices.Equal(xs, y.Values.Int64s()) || !s.keys.number(xs[0]) {
			return false
		}
		rise := pages.Rising(xs)
		s.keys.to = xs[len(xs)-1]
		if boot != nil && rise {
			boot.NumberBuckets(xs, s.bucket[:len(xs)])
		}
		return rise
	}
	var text [20]byte
	for i := range x.N {
		k := x.Bytes(i)
		if !bytes.Equal(k, y.Bytes(i)) {
			return false
		}
		if s.a.text {
			if !s.keys.text(k) {
				return false
			}
		} else {
			v := number(k)
			if !s.keys.number(v) {
				return false
			}
			if boot != nil {
				k = strconv.AppendInt(text[:0], v, 10)
			}
		}
		if boot != nil {
			s.bucket[i] = boot.Bucket(string(k))
		}
	}
	return true
}
