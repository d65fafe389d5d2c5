package evaluator

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/internal/table"
	"aihub/scenarios"
)

// grouping numbers the groups that the rows of a part are in, of every slice of
// the spec, as they are met while truth is read, and says which unit a row is of. The columns stand in the truth,
// or in the input, whose rows are then the truth's, in the same order.
type grouping struct {
	spec  scenarios.Spec
	key   string
	input table.Reader // nil: all columns are in the truth
	own   []string     // columns of the truth
	cols  []string     // of the spec's slices and unit
	unit  int          // in cols; -1: every row is one
	batch *table.Batch // of input
	at    int
	of    []slicing
	code  []uint16 // of the row
	slot  int      // of the row's unit
	cell  []string // of the row, by column of the spec
	text  []byte
}

// slicing are the groups of one slice.
type slicing struct {
	cols   []int // in grouping.cell
	number map[string]uint16
	names  [][]string // of each group, a value for each column
	rows   []int64
	units  []unitMarks // where the spec has a unit
}

// newGrouping finds the columns of the spec's slices and unit in the files of a
// part; nil without any. own are the columns that truth has.
func newGrouping(spec scenarios.Spec, key, truth, input string) (g *grouping, err error) {
	columns := spec.GroupColumns()
	if len(columns) == 0 {
		return nil, nil
	}
	g = &grouping{spec: spec, key: key, cols: columns, unit: slices.Index(columns, spec.Unit), code: make([]uint16, len(spec.Slices)), cell: make([]string, len(columns))}
	for _, s := range spec.Slices {
		x := slicing{number: map[string]uint16{}}
		for _, c := range s.By {
			x.cols = append(x.cols, slices.Index(columns, c))
		}
		g.of = append(g.of, x)
	}
	has, err := columnsOf(truth)
	if err != nil {
		return nil, err
	}
	var rest []string
	for _, c := range columns {
		if slices.Contains(has, c) {
			g.own = append(g.own, c)
		} else {
			rest = append(rest, c)
		}
	}
	if len(rest) == 0 {
		return g, nil
	}
	if input != "" {
		if has, err = columnsOf(input); err != nil {
			return nil, err
		}
	}
	if at := slices.IndexFunc(rest, func(c string) bool { return !slices.Contains(has, c) }); at >= 0 || input == "" {
		name := clip(rest[max(at, 0)])
		return nil, badData(aihub.Fault{Code: "unknown_column", Where: map[bool]string{true: "unit", false: "slices"}[rest[max(at, 0)] == spec.Unit], Message: aihub.Text{
			EN: fmt.Sprintf("rows are grouped by column %q, which the truth does not have: give a file of keys, labels and that column", name),
			ZH: fmt.Sprintf("切片按列 %q 分组，但真值文件没有此列：请提供含主键、标签与该列的文件", name),
		}})
	}
	if g.input, err = openColumns(input, append([]string{key}, rest...), ""); err != nil {
		return nil, err
	}
	return g, nil
}

// groupedByInput reports whether rows are grouped by a column that only the input
// of a part has.
func groupedByInput(spec scenarios.Spec, columns []aihub.Column) bool {
	return slices.ContainsFunc(columns, func(c aihub.Column) bool { return !c.Truth && slices.Contains(spec.GroupColumns(), c.Name) })
}

// columnsOf lists the columns of a file.
func columnsOf(path string) ([]string, error) {
	r, err := openColumns(path, nil, "")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []string
	for _, f := range r.Schema() {
		out = append(out, f.Name)
	}
	return out, nil
}

func (g *grouping) Close() {
	if g != nil && g.input != nil {
		g.input.Close()
	}
}

// next moves to the row of truth i of b, whose key is key, and returns the group
// it is in of each slice, valid until the next call.
func (g *grouping) next(b *table.Batch, i int, key string) ([]uint16, error) {
	if g == nil {
		return nil, nil
	}
	if g.input != nil {
		if err := g.advance(key); err != nil {
			return nil, err
		}
	}
	for j, name := range g.cols {
		from, at := b, i
		if !slices.Contains(g.own, name) {
			from, at = g.batch, g.at-1
		}
		c := from.Col(name)
		if c == nil {
			return nil, fmt.Errorf("evaluator: the columns of slices changed while they were read")
		}
		g.cell[j], _ = c.Text(at) // a null is ""
		if len(g.cell[j]) > maxGroupName {
			return nil, badData(aihub.Fault{Code: "too_long", Where: "column " + clip(name), Message: aihub.Text{
				EN: fmt.Sprintf("rows are grouped by this column, and a value has more than %d bytes", maxGroupName),
				ZH: fmt.Sprintf("切片按此列分组，但有值超过 %d 字节", maxGroupName),
			}})
		}
	}
	if g.unit >= 0 {
		g.slot = unitSlot(g.unitOf(key))
	}
	for k := range g.of {
		var err error
		if g.code[k], err = g.of[k].group(g, g.spec.Slices[k]); err != nil {
			return nil, err
		}
	}
	return g.code, nil
}

// unitOf is the unit of the row that g is at. A row whose unit is not known, and
// any row of a spec without, is one by itself.
func (g *grouping) unitOf(key string) string {
	if g == nil || g.unit < 0 || g.cell[g.unit] == "" {
		return key
	}
	return g.cell[g.unit]
}

// maxGroupName bounds the bytes of a value that rows are grouped by.
const maxGroupName = 200

// advance reads the row of the input that has this key.
func (g *grouping) advance(key string) error {
	for g.batch == nil || g.at == g.batch.Rows {
		b, err := g.input.Next()
		if err == io.EOF {
			return otherRows()
		}
		if err != nil {
			return err
		}
		g.batch, g.at = b, 0
	}
	keys := g.batch.Col(g.key)
	if keys == nil {
		return otherRows()
	}
	if k, _ := keys.Text(g.at); k != key {
		return otherRows()
	}
	g.at++
	return nil
}

func otherRows() error {
	return badData(aihub.Fault{Code: "other_rows", Where: "slices", Message: aihub.Text{
		EN: "rows are grouped by columns of the input, but its rows are not those of the truth, in the same order",
		ZH: "切片按输入的列分组，但输入的行与真值的行及顺序不一致",
	}})
}

// group counts the row that g is at, and returns the number of its group.
func (s *slicing) group(g *grouping, x scenarios.Slice) (uint16, error) {
	n, err := s.numbered(g, x)
	if err != nil {
		return 0, err
	}
	s.rows[n]++
	if g.unit >= 0 {
		if len(s.units) <= int(n) {
			s.units = append(s.units, nil)
		}
		s.units[n].add(g.slot)
	}
	return n, nil
}

// size is how many rows some groups have together, or, where the spec has a unit,
// units: ten rows of one patient are one.
func (s *slicing) size(set ...int) (n int64) {
	if s.units == nil {
		for _, i := range set {
			n += s.rows[i]
		}
		return n
	}
	var all unitMarks
	for _, i := range set {
		all.and(s.units[i])
	}
	return all.count()
}

// numbered returns the number of the group that the cells of g are of.
func (s *slicing) numbered(g *grouping, x scenarios.Slice) (uint16, error) {
	g.text = g.text[:0]
	for _, c := range s.cols {
		g.text = append(append(g.text, byte(len(g.cell[c]))), g.cell[c]...) // no two lists of values are alike
	}
	n, ok := s.number[string(g.text)]
	if !ok {
		if len(s.names) == scenarios.MaxGroups {
			return 0, badData(aihub.Fault{Code: "too_many_groups", Where: "slices", Message: aihub.Text{
				EN: fmt.Sprintf("there are more than %d groups by %s: group by a coarser column", scenarios.MaxGroups, clip(strings.Join(x.By, ", "))),
				ZH: fmt.Sprintf("按 %[2]s 分组超过 %[1]d 组：请改用更粗的列", scenarios.MaxGroups, clip(strings.Join(x.By, "、"))),
			}})
		}
		n = uint16(len(s.names))
		name := make([]string, len(s.cols))
		for i, c := range s.cols {
			name[i] = strings.Clone(g.cell[c])
		}
		s.number[string(g.text)] = n
		s.names, s.rows = append(s.names, name), append(s.rows, 0)
	}
	return n, nil
}

// shown says which groups of a slice stand together: sets of groups, in the order
// in which they are shown. Groups of a size below min are merged, and when those
// are below min together, with the smallest of the others: whoever knows the
// value of all rows and of all groups shown then learns nothing of fewer rows, or
// units. One set alone is all rows, and none is returned.
func (s *slicing) shown(min int64) (sets [][]int) {
	order, size := make([]int, len(s.names)), make([]int64, len(s.names))
	for i := range order {
		order[i], size[i] = i, s.size(i)
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(size[a], size[b]), slices.Compare(s.names[a], s.names[b]))
	})
	var together []int
	for len(order) > 0 && (size[order[0]] < min || len(together) > 0 && s.size(together...) < min) {
		together, order = append(together, order[0]), order[1:]
	}
	slices.SortFunc(order, func(a, b int) int { return slices.Compare(s.names[a], s.names[b]) })
	for _, i := range order {
		sets = append(sets, []int{i})
	}
	if len(together) > 0 {
		sets = append(sets, together)
	}
	if len(sets) < 2 {
		return nil
	}
	return sets
}

// groupTallies gathers the rows of every group for every metric of a plan. Unlike
// those of all rows they are not one for each goroutine: there may be many.
type groupTallies struct {
	p       *Plan
	g       *grouping
	columns []string // that some metric reads
	reads   [][]int  // of each metric, in columns
	of      []groupTally
	open    func() (metric.Scratch, error)
}

type groupTally struct {
	sync.Mutex
	accs [][]metric.Accumulator // of each group, by metric
	keys []*metric.Memory       // of each metric
}

func (p *Plan) groupTallies(g *grouping) *groupTallies {
	if g == nil || len(g.of) == 0 {
		return nil
	}
	t := &groupTallies{p: p, g: g, of: make([]groupTally, len(g.of))}
	for _, m := range p.sliced {
		var reads []int
		for _, name := range m.Columns() {
			i := slices.Index(t.columns, name)
			if i < 0 {
				i, t.columns = len(t.columns), append(t.columns, name)
			}
			reads = append(reads, i)
		}
		t.reads = append(t.reads, reads)
	}
	return t
}

// sorter holds the rows of a block, group after group.
type sorter struct {
	order []int32
	block metric.Block
}

// add takes a block, whose first row is at lo of groups.
func (t *groupTallies) add(b *metric.Block, groups [][]uint16, lo int, s *sorter) {
	for k := range t.of {
		code, n := groups[k][lo:lo+b.Rows], 0
		for _, c := range code {
			n = max(n, int(c)+1)
		}
		end := make([]int32, n+1) // rows before the end of each group
		for _, c := range code {
			end[c+1]++
		}
		for i := range n {
			end[i+1] += end[i]
		}
		at := slices.Clone(end[:n])
		s.order = sized(s.order, b.Rows)
		for row, c := range code {
			s.order[at[c]] = int32(row)
			at[c]++
		}
		s.block.Truth = gather(s.block.Truth, b.Truth, s.order)
		s.block.Pred = sized(s.block.Pred, len(b.Pred))
		for i := range b.Pred {
			s.block.Pred[i] = gather(s.block.Pred[i], b.Pred[i], s.order)
		}
		s.block.Bucket = s.block.Bucket[:0]
		for _, row := range s.order {
			if b.Bucket != nil {
				s.block.Bucket = append(s.block.Bucket, metric.CoarseBucket(b.Bucket[row]))
			}
		}
		t.of[k].add(t, &s.block, end)
	}
}

func (x *groupTally) add(t *groupTallies, b *metric.Block, end []int32) {
	x.Lock()
	defer x.Unlock()
	for len(x.accs) < len(end)-1 {
		x.accs = append(x.accs, nil)
	}
	var part metric.Block
	for group := range len(end) - 1 {
		lo, hi := int(end[group]), int(end[group+1])
		if lo == hi {
			continue
		}
		if x.accs[group] == nil {
			x.accs[group] = accumulators(t.p.sliced)
			for i, acc := range x.accs[group] {
				if len(x.keys) == i {
					x.keys = append(x.keys, new(metric.Memory))
				}
				if s, ok := acc.(metric.Spiller); ok && t.open != nil {
					s.Spill(t.open, x.keys[i])
				}
			}
		}
		part.Rows, part.Truth, part.Bucket = hi-lo, cut(b.Truth, lo, hi), nil
		if len(b.Bucket) > 0 {
			part.Bucket = b.Bucket[lo:hi]
		}
		for i, acc := range x.accs[group] {
			part.Pred = part.Pred[:0]
			for _, c := range t.reads[i] {
				part.Pred = append(part.Pred, cut(b.Pred[c], lo, hi))
			}
			acc.Add(&part)
		}
	}
}

// gather writes the values of from in this order, into the room of to.
func gather(to, from metric.Column, order []int32) metric.Column {
	switch {
	case from.Class != nil:
		to.Class = sized(to.Class, len(order))
		for i, row := range order {
			to.Class[i] = from.Class[row]
		}
	case from.Str != nil:
		to.Str = sized(to.Str, len(order))
		for i, row := range order {
			to.Str[i] = from.Str[row]
		}
		to.Key = to.Key[:0]
		for _, row := range order[:min(len(order), len(from.Key))] {
			to.Key = append(to.Key, from.Key[row])
		}
	default:
		to.Flt = sized(to.Flt, len(order))
		for i, row := range order {
			to.Flt[i] = from.Flt[row]
		}
	}
	return to
}

// results adds the slices to the values of all rows. It is the end of t.
func (t *groupTallies) results(values []aihub.MetricValue) error {
	for k := range t.of {
		s := &t.g.of[k]
		for i := range values {
			values[i].Slices = append(values[i].Slices, aihub.Slice{By: t.g.spec.Slices[k].By, Groups: []aihub.GroupValue{}, Worst: -1})
		}
		for _, set := range s.shown(int64(t.g.spec.Slices[k].Min)) {
			first := t.of[k].accs[set[0]]
			for i := range values {
				acc := first[i]
				for _, other := range set[1:] {
					acc.Merge(t.of[k].accs[other][i])
				}
				r := acc.Result()
				if s, ok := acc.(metric.Spiller); ok && s.Err() != nil {
					return fmt.Errorf("evaluator: %w", s.Err())
				}
				if number, stands := t.p.spec.Metrics[i].Stand(); stands && r.Status == aihub.MetricUndefined { // as of the group alone
					r.Value, r.Status = number, aihub.MetricDegenerate
				}
				g := aihub.GroupValue{Value: r.Value, N: r.N, Status: r.Status, Reason: r.Reason, Lo: r.Lo, Hi: r.Hi}
				if len(set) == 1 {
					g.Of = s.names[set[0]]
				} else {
					g.Merged = len(set)
				}
				out := &values[i].Slices[k]
				worst, some := out.WorstGroup()
				if min := t.p.spec.Metrics[i].Direction == "min"; g.Status != aihub.MetricUndefined && (!some || min && g.Value > worst.Value || !min && g.Value < worst.Value) {
					out.Worst = len(out.Groups)
				}
				out.Groups = append(out.Groups, g)
			}
		}
	}
	return nil
}

// faultsOr returns the faults of a Contract error; any other stays one.
func faultsOr(err error) ([]aihub.Fault, error) {
	var e *aihub.Error
	if errors.As(err, &e) && e.Kind == aihub.Contract {
		return e.Faults, nil
	}
	return nil, err
}
