package evaluator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aihub"
	"aihub/evaluator/intake"
	"aihub/evaluator/metric"
	"aihub/internal/table"
	"aihub/scenarios"
)

// SelfTest tries the scoring of a spec on the truth of a part before anyone
// submits: predictions that are perfect, constant, random, shuffled, empty and
// NaN are written to files in dir, a directory of the caller, checked and
// scored like a vendor's. It returns what each came to beside what is declared for
// it, and a fault for each that does not come out as it must:
//
//   - perfect predictions pass the check, and every metric is defined and has
//     its best value
//   - the same rows in another order have the same value, to the last bit
//   - constant predictions (the most frequent class, with probability 1; the mean), random ones (the truth
//     of another row) and, of texts and lists, blank ones pass, have the value or the band that
//     the metric declares where the truth's distribution says it (metric.Constant, Chance,
//     Blank), and are not as good as perfect ones by the primary metric, unless they happen to be right
//   - a file without rows, and NaN in a float64 column or in the place of a number
//     within cells, are faults
//
// Whatever such predictions come to lies within the metric's range.
//
// Of a spec with a scorer, judge runs it on each of these files, and what perfect,
// constant, random and blank predictions must score is what the spec declares of the
// scorer's value. Without judge such a spec does not pass.
//
// Faults name rules of the spec, no label. An error means that a file could not
// be written or read, or ctx ended.
func SelfTest(ctx context.Context, spec scenarios.Spec, t *Truth, dir string, judge *selfJudge) ([]aihub.SelfTest, []aihub.Fault, error) {
	if spec.Scorer != nil {
		if judge == nil {
			return nil, []aihub.Fault{selfFault("scorer", "nothing here can run the scorer: publish on a machine that runs sandboxes", "此处无法运行评分程序：请在可运行沙箱的机器上发布")}, nil
		}
		t = &Truth{Keys: t.RowIDs(judge.rowKey), Label: t.Label}
	}
	spec = spec.Untimed() // nothing runs here
	plan, err := NewPlan(spec.Builtin(), "")
	if err != nil {
		return nil, nil, err
	}
	return selfTestOf(ctx, spec, plan, t, dir, judge)
}

// selfTestOf is SelfTest with the metrics of a plan.
func selfTestOf(ctx context.Context, spec scenarios.Spec, plan *Plan, t *Truth, dir string, judge *selfJudge) ([]aihub.SelfTest, []aihub.Fault, error) {
	ids, err := NewIDs(t.Keys)
	if err != nil {
		return nil, nil, err
	}
	if len(t.Keys) == 0 {
		return nil, []aihub.Fault{selfFault(aihub.TrialPerfect, "the part has no rows", "该数据分区没有数据行")}, nil
	}
	s := &selfTest{ctx: ctx, spec: spec, plan: plan, judge: judge, truth: t, ids: ids, dir: dir}
	n := len(t.Keys)
	same := make([]int, n)
	for i := range same {
		same[i] = i
	}
	order := rand.New(rand.NewPCG(1, uint64(n))).Perm(n)
	one, lot := s.usual()

	perfect := s.score(aihub.TrialPerfect, s.answers(t.Label, same), same)
	shuffled := s.score(aihub.TrialShuffled, s.answers(t.Label, same), order)
	others := []tried{
		{aihub.TrialConstant, s.wrong(one, make([]int, n)), s.score(aihub.TrialConstant, s.answers(one, make([]int, n)), same)},
		{aihub.TrialRandom, s.wrong(t.Label, order), s.score(aihub.TrialRandom, s.answers(t.Label, order), same)},
	}
	// No PNG is blank, and in a format that lists what was found blank is empty.
	if _, mixed := scenarios.UnitFormats[spec.Output.Format]; t.Label.Str != nil && !mixed {
		others = append(others, tried{aihub.TrialBlank, slices.ContainsFunc(t.Label.Str, func(s string) bool { return s != "" }),
			s.score(aihub.TrialBlank, s.blank(s.answers(t.Label, same)), same)})
	}
	s.refused(aihub.TrialEmpty, s.answers(t.Label, nil), nil, "missing_ids", "empty_file")
	if b := s.answers(t.Label, same); s.spoil(b) {
		s.refused(aihub.TrialNaN, b, same, "not_finite", "empty_value") // JSON has no NaN, only null
	}
	s.spoiled(t.Label, same)
	if s.err != nil || perfect == nil {
		return s.results, s.faults, s.err
	}
	for i, m := range spec.Metrics {
		s.perfect(m, perfect[i])
		if shuffled != nil {
			ok := shuffled[i].Equal(perfect[i])
			s.result(aihub.SelfTest{Predictions: aihub.TrialShuffled, Metric: m.ID, Declared: aihub.DeclaredSame, Passed: ok}, shuffled[i])
			if !ok {
				s.fault(aihub.TrialShuffled, m.ID+" depends on the order of rows", m.ID+" 与行顺序有关")
			}
		}
		for _, o := range others {
			if o.values != nil {
				s.other(m, o, s.declared(m, o, lot), o.values[i], perfect[i])
			}
		}
	}
	return s.results, s.faults, nil
}

// tried are predictions that need not be right.
type tried struct {
	name   string
	wrong  bool // some row's truth is not what it says
	values []aihub.MetricValue
}

// usual is what constant predictions say, as a truth of one row: the most frequent
// class, the mean, the first text; and what is known of such.
func (s *selfTest) usual() (metric.Column, metric.Trial) {
	l, t := s.truth.Label, metric.Trial{Numbers: s.truth.Label.Flt}
	switch {
	case l.Class != nil:
		t.Classes = make([]int64, len(s.spec.Truth.Classes))
		for _, c := range l.Class {
			t.Classes[c]++
		}
		t.Class = slices.Index(t.Classes, slices.Max(t.Classes))
		return metric.Column{Class: []metric.Code{metric.Code(t.Class)}}, t
	case l.Flt != nil:
		var sum metric.Sum
		for _, y := range l.Flt {
			sum.Add(y)
		}
		t.Number = max(slices.Min(l.Flt), min(sum.Mean(int64(len(l.Flt))), slices.Max(l.Flt)))
		if s.whole() {
			t.Number = math.Round(t.Number)
		}
		return metric.Column{Flt: []float64{t.Number}}, t
	}
	return metric.Column{Str: l.Str[:1]}, t
}

// whole reports whether a metric reads a column of whole numbers.
func (s *selfTest) whole() bool {
	return slices.ContainsFunc(s.plan.spec.Output.Columns, func(c scenarios.OutputColumn) bool { return c.Type == "int64" })
}

// selfJudge scores a file of predictions by the scenario's scorer, under the row
// ids of rowKey: every metric of the spec, in its order.
type selfJudge struct {
	rowKey []byte
	score  func(ctx context.Context, predictions string) ([]aihub.MetricValue, error)
}

type selfTest struct {
	ctx     context.Context
	spec    scenarios.Spec
	plan    *Plan // of its metrics that are ours
	judge   *selfJudge
	truth   *Truth
	ids     *IDs
	dir     string
	results []aihub.SelfTest
	faults  []aihub.Fault
	err     error
	mar     func(file []byte) []byte // what becomes of a file before it is checked; nil: nothing
}

func selfFault(name, en, zh string) aihub.Fault {
	return aihub.Fault{Code: "self_test", Where: name, Message: aihub.Text{EN: en, ZH: zh}}
}

func (s *selfTest) fault(name, en, zh string) { s.faults = append(s.faults, selfFault(name, en, zh)) }

// wrong reports whether some row's truth is not that of row from[i] of said.
func (s *selfTest) wrong(said metric.Column, from []int) bool {
	l := s.truth.Label
	for i, j := range from {
		if l.Class != nil && l.Class[i] != said.Class[j] || l.Str != nil && l.Str[i] != said.Str[j] || l.Flt != nil && l.Flt[i] != said.Flt[j] {
			return true
		}
	}
	return false
}

// answers returns predictions in which row i answers as row from[i] of l, a truth: its class, probability 1 for it, its number, its text. Columns that no metric
// reads hold something that their range allows.
func (s *selfTest) answers(l metric.Column, from []int) *table.Batch {
	spec, kind := s.plan.spec, cellsOf(s.plan.spec)
	class := map[string]int{} // of the columns that are read: whose probability, or -1
	for _, m := range s.plan.metrics {
		for j, name := range m.Columns() {
			class[name] = m.Class(j)
		}
	}
	filler := map[string]float64{}
	for _, c := range spec.Output.Columns {
		if len(c.Range) == 2 {
			filler[c.Name] = max(c.Range[0], min(0, c.Range[1]))
		}
		if _, read := class[c.Name]; len(c.SumsToOne) > 0 && !read &&
			!slices.ContainsFunc(c.SumsToOne, func(o string) bool { return filler[o] == 1 }) {
			filler[c.Name] = 1
		}
	}
	b := s.batch()
	for k, c := range spec.Output.Columns {
		col := &b.Cols[k+1]
		one, read := class[c.Name]
		for _, i := range from {
			v := filler[c.Name]
			if s.judge != nil && !read && len(c.SumsToOne) == 0 { // the scorer may read it
				read = c.Type != "string" && l.Flt != nil || c.Type == "string" && l.Str != nil && len(c.Classes) == 0
			}
			if read && l.Flt != nil {
				v = l.Flt[i]
			} else if read && l.Class != nil {
				v = float64(b2i(int(l.Class[i]) == one))
			}
			switch {
			case c.Type == "int64":
				col.AppendInt(int64(math.Round(v)))
			case c.Type == "float64":
				col.AppendFlt(v)
			case l.Class != nil:
				col.AppendStr(spec.Truth.Classes[l.Class[i]])
			case read && kind != nil:
				col.AppendStr(kind.Answer(l.Str[i]))
			case read:
				col.AppendStr(spec.Truth.Golds(l.Str[i])[0])
			default:
				col.AppendStr("x")
			}
		}
	}
	b.Rows = len(from)
	return b
}

// spoiled checks predictions that are right but for NaN in the place of every number
// within a cell. Names and words may be NaN, and pictures cannot.
func (s *selfTest) spoiled(l metric.Column, same []int) {
	kind, format := cellsOf(s.plan.spec), s.plan.spec.Output.Format
	b, any := s.answers(l, same), false
	if _, mixed := scenarios.UnitFormats[format]; mixed {
		if format != scenarios.FormatMasks && format != scenarios.FormatPictures {
			s.mar = func(file []byte) []byte { return []byte(intake.Spoil(string(file))) }
			s.refused(aihub.TrialNaN, b, same, "bad_file", "bad_item", "bad_line", "bad_value")
			s.mar = nil
		}
		return
	}
	if kind == nil || kind.Words {
		return
	}
	for _, m := range s.plan.metrics {
		for _, name := range m.Columns() {
			for i, cell := range b.Col(name).Str {
				if bad := intake.Spoil(cell); bad != cell {
					b.Col(name).Str[i], any = bad, true
				}
			}
		}
	}
	if any {
		s.refused(aihub.TrialNaN, b, same, "bad_cell")
	}
}

// blank empties every text that a metric reads, or that a scorer may.
func (s *selfTest) blank(b *table.Batch) *table.Batch {
	nothing := ""
	if kind := cellsOf(s.plan.spec); kind != nil {
		nothing = kind.Empty
	}
	var names []string
	for _, m := range s.plan.metrics {
		names = append(names, m.Columns()...)
	}
	for _, c := range s.spec.Output.Columns {
		if s.judge != nil && len(c.Classes) == 0 {
			names = append(names, c.Name)
		}
	}
	for _, name := range names {
		for i := range b.Col(name).Str {
			b.Col(name).Str[i] = nothing
		}
	}
	return b
}

// spoil puts NaN in every float64 column, and reports whether there is one.
func (s *selfTest) spoil(b *table.Batch) (any bool) {
	for k := range b.Cols {
		for i := range b.Cols[k].Flt {
			b.Cols[k].Flt[i], any = math.NaN(), true
		}
	}
	return any
}

func (s *selfTest) batch() *table.Batch {
	schema := []table.Field{{Name: s.plan.spec.Input.Key, Type: table.String}}
	for _, c := range s.plan.spec.Output.Columns {
		schema = append(schema, table.Field{Name: c.Name, Type: table.Type(c.Type)})
	}
	return table.NewBatch(schema, 0)
}

// name puts the keys of the truth's rows into b.
func (s *selfTest) name(b *table.Batch) {
	for i := range b.Rows {
		b.Cols[0].AppendStr(s.truth.Keys[i])
	}
}

// check writes rows of b in this order, with their keys, and checks the file.
// With then, it is called with the path of a good one.
func (s *selfTest) check(b *table.Batch, order []int, then func(path string)) (*Predictions, []aihub.Fault) {
	if s.err != nil {
		return nil, nil
	}
	s.name(b)
	out := table.NewBatch(b.Schema(), len(order))
	for _, i := range order {
		out.AppendRow(b, i)
	}
	path := filepath.Join(s.dir, "self-test")
	f, err := os.Create(path)
	if err == nil {
		err = writeTable(f, s.plan.spec.Output.Format, out)
	}
	if err == nil && s.mar != nil {
		var file []byte
		if file, err = os.ReadFile(path); err == nil {
			err = os.WriteFile(path, s.mar(file), 0o600)
		}
	}
	if err != nil {
		s.err = fmt.Errorf("self-test: %w", err)
		return nil, nil
	}
	defer os.Remove(path)
	spec := s.plan.spec
	spec.Limits.Output = 0 // the part may be larger than what a run may write
	p, faults, err := CheckPredictions(s.ctx, spec, path, s.ids)
	s.err = err
	if err == nil && faults == nil && then != nil {
		then(path)
	}
	return p, faults
}

func writeTable(f io.WriteCloser, format string, b *table.Batch) error {
	if _, mixed := scenarios.UnitFormats[format]; mixed {
		return errors.Join(intake.Write(f, format, b), f.Close())
	}
	w, err := table.NewWriter(f, format, b.Schema())
	if err == nil {
		if b.Rows > 0 {
			err = w.Write(b)
		}
		if e := w.Close(); err == nil {
			err = e
		}
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// score returns the values of predictions that must pass the check.
func (s *selfTest) score(name string, b *table.Batch, order []int) []aihub.MetricValue {
	var values []aihub.MetricValue
	var then func(string)
	if s.judge != nil && len(s.faults) > 0 {
		return nil // a scorer that failed once need not run again
	}
	if s.judge != nil {
		then = func(path string) {
			v, err := s.judge.score(s.ctx, path)
			if aihub.KindOf(err) == aihub.Contract {
				s.broken(name, err)
			} else if values = v; err != nil {
				s.err = err
			}
		}
	}
	p, faults := s.check(b, order, then)
	if s.err != nil {
		return nil
	}
	if len(faults) > 0 {
		s.fault(name, "the output schema refuses such predictions: "+faults[0].Code, "输出格式拒绝此类预测："+faults[0].Code)
		return nil
	}
	if s.judge != nil {
		return values
	}
	values, s.err = s.plan.Score(s.ctx, s.truth, p)
	return values
}

// broken notes why the scorer could not score such predictions.
func (s *selfTest) broken(name string, err error) {
	var e *aihub.Error
	if !errors.As(err, &e) {
		return
	}
	s.fault(name, "the scorer: "+e.Text.EN, "评分程序："+e.Text.ZH)
	for _, f := range e.Faults {
		f.Where = name + ": " + f.Where
		s.faults = append(s.faults, f)
	}
}

// refused checks predictions that must not pass: the first fault has one of codes.
func (s *selfTest) refused(name string, b *table.Batch, order []int, codes ...string) {
	_, faults := s.check(b, order, nil)
	if s.err != nil {
		return
	}
	r := aihub.SelfTest{Predictions: name, Declared: aihub.DeclaredFault, Code: strings.Join(codes, " | ")}
	for _, f := range faults {
		if r.Reason == "" || slices.Contains(codes, f.Code) && !r.Passed {
			r.Reason, r.Passed = f.Code, slices.Contains(codes, f.Code)
		}
	}
	if s.results = append(s.results, r); len(faults) == 0 {
		s.fault(name, "such predictions pass the check", "此类预测竟通过了检查")
	} else if !r.Passed {
		s.fault(name, "such predictions are refused as "+r.Reason+", and must be as "+r.Code, "此类预测被拒的原因为 "+r.Reason+"，应为 "+r.Code)
	}
}
