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
// scored like a vendor's. It returns what does not come out as it must:
//
//   - perfect predictions pass the check, and every metric is defined and has
//     its best value
//   - the same rows in another order have the same value, to the last bit
//   - constant, random and, of texts, blank predictions pass, and are not as good as perfect ones
//     by the primary metric, unless they happen to be right
//   - a file without rows, and NaN in a float64 column, are faults
//
// Of a spec with a scorer, judge runs it on each of these files, and what perfect
// predictions must score is what the spec declares. Without judge such a spec
// does not pass.
//
// Faults name rules of the spec, no label. An error means that a file could not
// be written or read, or ctx ended.
func SelfTest(ctx context.Context, spec scenarios.Spec, t *Truth, dir string, judge *selfJudge) ([]aihub.Fault, error) {
	if spec.Scorer != nil {
		if judge == nil {
			return []aihub.Fault{selfFault("scorer", "nothing here can run the scorer: publish on a machine that runs sandboxes", "此处无法运行评分程序：请在可运行沙箱的机器上发布")}, nil
		}
		t = &Truth{Keys: t.RowIDs(judge.rowKey), Label: t.Label}
	}
	spec = spec.Untimed() // nothing runs here
	plan, err := NewPlan(spec.Builtin(), "")
	if err != nil {
		return nil, err
	}
	ids, err := NewIDs(t.Keys)
	if err != nil {
		return nil, err
	}
	if len(t.Keys) == 0 {
		return []aihub.Fault{selfFault("perfect", "the part has no rows", "该数据分区没有数据行")}, nil
	}
	s := &selfTest{ctx: ctx, spec: spec, plan: plan, judge: judge, truth: t, ids: ids, dir: dir}
	n := len(t.Keys)
	same, first := make([]int, n), make([]int, n)
	for i := range same {
		same[i] = i
	}
	order := rand.New(rand.NewPCG(1, uint64(n))).Perm(n)

	perfect := s.score("perfect", s.answers(same), same)
	shuffled := s.score("shuffled", s.answers(same), order)
	others := []tried{
		{"constant", first, s.score("constant", s.answers(first), same)},
		{"random", order, s.score("random", s.answers(order), same)},
	}
	// No PNG is blank, and in a format that lists what was found blank is empty.
	if _, mixed := scenarios.UnitFormats[spec.Output.Format]; t.Label.Str != nil && !mixed {
		others = append(others, tried{"blank", nil, s.score("blank", s.blank(s.answers(same)), same)})
	}
	s.refused("empty", s.answers(nil), nil)
	if b := s.answers(same); s.spoil(b) {
		s.refused("NaN", b, same)
	}
	if s.err != nil || perfect == nil {
		return s.faults, s.err
	}
	for i, m := range spec.Metrics {
		best, v := s.best(m), perfect[i]
		switch {
		case v.Status == aihub.MetricUndefined:
			s.fault("perfect", m.ID+" is undefined for perfect predictions: "+v.Reason, m.ID+" 对完美预测无定义："+v.Reason)
		case math.Abs(v.Value-best) > 1e-9 && v.Reason == metric.AbsentClass:
			s.fault("perfect", fmt.Sprintf("%s is %.4g for perfect predictions, not %v: a class has no row in this part and counts as zero_division; write params: {zero_division: 1}, or declare only classes with enough rows", m.ID, v.Value, best),
				fmt.Sprintf("%s 对完美预测为 %.4g，而非 %v：有类别在此分区中没有行，按 zero_division 计；请写 params: {zero_division: 1}，或只声明行数足够的类别", m.ID, v.Value, best))
		case math.Abs(v.Value-best) > 1e-9:
			s.fault("perfect", strings.TrimSpace(fmt.Sprintf("%s is %v for perfect predictions, not %v %s", m.ID, v.Value, best, v.Reason)),
				strings.TrimSpace(fmt.Sprintf("%s 对完美预测为 %v，而非 %v %s", m.ID, v.Value, best, v.Reason)))
		}
		if shuffled != nil && !shuffled[i].Equal(v) {
			s.fault("shuffled", m.ID+" depends on the order of rows", m.ID+" 与行顺序有关")
		}
		for _, o := range others {
			if m.Primary && o.values != nil && s.wrong(o.from) && o.values[i].Status != aihub.MetricUndefined && o.values[i].Value == v.Value {
				s.fault(o.name, m.ID+" is as good for such predictions as for perfect ones", m.ID+" 对此类预测与完美预测一样好")
			}
		}
	}
	return s.faults, nil
}

// tried are predictions that need not be right.
type tried struct {
	name   string
	from   []int // the rows whose truth they say; nil: nobody's
	values []aihub.MetricValue
}

// selfJudge scores a file of predictions by the scenario's scorer, under the row
// ids of rowKey: every metric of the spec, in its order.
type selfJudge struct {
	rowKey []byte
	score  func(ctx context.Context, predictions string) ([]aihub.MetricValue, error)
}

// best is what m must give perfect predictions, NaN when that depends on the truth.
func (s *selfTest) best(m scenarios.Metric) float64 {
	if v, ok := s.spec.ScorerValue(m); ok && scenarios.KnownMetrics[m.Use].Needs.Scorer() {
		return v.Best()
	}
	i := slices.IndexFunc(s.plan.spec.Metrics, func(x scenarios.Metric) bool { return x.ID == m.ID })
	return s.plan.metrics[i].Perfect()
}

type selfTest struct {
	ctx    context.Context
	spec   scenarios.Spec
	plan   *Plan // of its metrics that are ours
	judge  *selfJudge
	truth  *Truth
	ids    *IDs
	dir    string
	faults []aihub.Fault
	err    error
}

func selfFault(name, en, zh string) aihub.Fault {
	return aihub.Fault{Code: "self_test", Where: name, Message: aihub.Text{EN: en, ZH: zh}}
}

func (s *selfTest) fault(name, en, zh string) { s.faults = append(s.faults, selfFault(name, en, zh)) }

// wrong reports whether some row's truth is not that of row from[i].
func (s *selfTest) wrong(from []int) bool {
	l := s.truth.Label
	if from == nil {
		return slices.ContainsFunc(l.Str, func(s string) bool { return s != "" })
	}
	for i, j := range from {
		if l.Class != nil && l.Class[i] != l.Class[j] || l.Str != nil && l.Str[i] != l.Str[j] || l.Flt != nil && l.Flt[i] != l.Flt[j] {
			return true
		}
	}
	return false
}

// answers returns predictions in which row i answers as the truth of row
// from[i]: its class, probability 1 for it, its number, its text. Columns that no metric
// reads hold something that their range allows.
func (s *selfTest) answers(from []int) *table.Batch {
	spec, l, kind := s.plan.spec, s.truth.Label, cellsOf(s.plan.spec)
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

// blank empties every text that a metric reads.
func (s *selfTest) blank(b *table.Batch) *table.Batch {
	nothing := ""
	if kind := cellsOf(s.plan.spec); kind != nil {
		nothing = kind.Empty
	}
	for _, m := range s.plan.metrics {
		for _, name := range m.Columns() {
			for i := range b.Col(name).Str {
				b.Col(name).Str[i] = nothing
			}
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

// refused checks predictions that must not pass.
func (s *selfTest) refused(name string, b *table.Batch, order []int) {
	if _, faults := s.check(b, order, nil); s.err == nil && len(faults) == 0 {
		s.fault(name, "such predictions pass the check", "此类预测竟通过了检查")
	}
}
