package evaluator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"aihub"
	"aihub/evaluator/intake"
	"aihub/evaluator/metric"
	"aihub/internal/table"
	"aihub/scenarios"
)

// Predictions are what an algorithm wrote, after every check, in the order of
// the ids.
type Predictions struct {
	rows    int
	columns map[string]metric.Column // by name; texts that no metric reads are not kept
}

// maxExamples is how many examples a fault shows.
const maxExamples = 20

// CheckPredictions reads the prediction file at path against the output schema
// of a complete spec and the row ids, and returns the predictions in the order
// of ids, or every fault of the file. It knows nothing but those two and the
// file, so that no message can depend on a label.
//
// The order of rows does not matter. Bytes are bounded by spec.Limits.Output
// and rows by twice the number of ids and some. An error means that the file
// could not be read at all (or ctx ended), not that it is at fault.
//
// Codes: bad_file, empty_file, too_large, too_many_rows (the file as a whole;
// also those of package table for CSV, such as ragged), missing_column,
// wrong_header, extra_column, bad_type, empty_value, not_finite, out_of_range,
// out_of_domain, unknown_class, text_too_long, bad_cell, sums_to_one, crossed, duplicate_ids, conflicting_ids, extra_ids,
// missing_ids.
func CheckPredictions(ctx context.Context, spec scenarios.Spec, path string, ids *IDs) (*Predictions, []aihub.Fault, error) {
	maxRows := 2*int64(ids.Len()) + 10_000
	r, faults, err := openPredictions(spec, path, maxRows)
	if err != nil || faults != nil {
		return nil, faults, err
	}
	defer r.Close()
	c := newCheck(spec, int64(ids.Len()), r.Schema(), false)
	c.begin(ids)
	if faults, err := c.read(ctx, r, maxRows); err != nil || faults != nil {
		return nil, faults, err
	}
	c.end()
	if faults := c.report(); len(faults) > 0 {
		return nil, faults, nil
	}
	p := &Predictions{rows: ids.Len(), columns: map[string]metric.Column{}}
	for _, k := range c.columns {
		p.columns[k.Name] = metric.Column{Class: k.class, Flt: k.flt, Str: k.str}
	}
	return p, nil, nil
}

// read checks every row of r. Faults that it returns end the reading: those of
// values are in c otherwise.
func (c *check) read(ctx context.Context, r table.Reader, maxRows int64) ([]aihub.Fault, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if errors.Is(err, table.ErrLeftOut) { // the others were all read
			if c.broken, err = fileFaults(err); err != nil {
				return nil, err
			}
			break
		}
		if err != nil {
			faults, err := fileFaults(err)
			return append(c.report(), faults...), err
		}
		if c.rows+int64(b.Rows) > maxRows {
			return append(c.report(), tooManyRows(c.want)), nil
		}
		if err := c.batch(b); err != nil {
			return nil, err
		}
	}
	if c.rows == 0 && c.want > 0 && c.broken == nil {
		return append(c.columnFaults, aihub.Fault{Code: "empty_file", Message: aihub.Text{
			EN: fmt.Sprintf("the file has a header but no rows; %d are expected", c.want),
			ZH: fmt.Sprintf("文件只有表头没有数据行，应有 %d 行", c.want),
		}}), nil
	}
	return nil, nil
}

// openPredictions opens the file in the declared format. Cells of CSV and JSON
// Lines are read as text, so that their types are judged here, all of them.
func openPredictions(spec scenarios.Spec, path string, maxRows int64) (table.Reader, []aihub.Fault, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read predictions: %w", err)
	}
	defer f.Close()
	fail := func(faults []aihub.Fault, err error) (table.Reader, []aihub.Fault, error) { return nil, faults, err }
	one := func(code, en, zh string) (table.Reader, []aihub.Fault, error) {
		return fail([]aihub.Fault{{Code: code, Message: aihub.Text{EN: en, ZH: zh}}}, nil)
	}
	st, err := f.Stat()
	switch {
	case err != nil:
		return fail(nil, fmt.Errorf("read predictions: %w", err))
	case !st.Mode().IsRegular():
		return one("bad_file", "not a regular file", "不是普通文件")
	case st.Size() == 0:
		return one("empty_file", "the file has no bytes", "文件为空")
	case spec.Limits.Output > 0 && st.Size() > int64(spec.Limits.Output):
		return one("too_large", fmt.Sprintf("the file has %d bytes; limits.output is %s", st.Size(), spec.Limits.Output),
			fmt.Sprintf("文件有 %d 字节；limits.output 为 %s", st.Size(), spec.Limits.Output))
	}
	want := spec.Output.Format
	if _, mixed := scenarios.UnitFormats[want]; mixed {
		r, err := intake.Open(path, want, spec.Input.Key, spec.Output.Columns[0].Name, int(maxRows))
		if err != nil {
			faults, err := fileFaults(err)
			return nil, faults, err
		}
		return r, nil, nil
	}
	is, err := table.FormatOf(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read predictions: %w", err)
	}
	// The first byte of a text file is no proof: its own parser says more.
	if text := map[string]bool{table.FormatCSV: true, table.FormatJSONL: true}; is != want && !(text[is] && text[want]) {
		return nil, []aihub.Fault{{Code: "bad_file", Message: aihub.Text{
			EN: fmt.Sprintf("the file looks like %s; output.format is %s", is, want),
			ZH: fmt.Sprintf("文件看起来是 %s；output.format 为 %s", is, want)}}}, nil
	}
	r, err := table.Open(path, table.Options{Format: want, CSVOptions: table.CSVOptions{Text: true, MaxRows: maxRows, Partial: true}})
	if err != nil {
		faults, err := fileFaults(err)
		return nil, faults, err
	}
	return r, nil, nil
}

// fileFaults turns package table's opinion of a file into faults of ours.
func fileFaults(err error) ([]aihub.Fault, error) {
	var e *aihub.Error
	if !errors.As(err, &e) || e.Kind != aihub.Contract {
		return nil, err
	}
	faults := slices.Clone(e.Faults)
	if len(faults) == 0 {
		faults = []aihub.Fault{{Code: "bad_file", Message: e.Text}}
	}
	for i := range faults {
		switch faults[i].Code {
		case "parquet":
			faults[i].Code = "bad_file"
		case "empty":
			faults[i].Code = "empty_file"
		}
	}
	return faults, nil
}

func tooManyRows(want int64) aihub.Fault {
	return aihub.Fault{Code: "too_many_rows", Message: aihub.Text{
		EN: fmt.Sprintf("the file has far more rows than the %d expected; the rest was not read", want),
		ZH: fmt.Sprintf("文件行数远超应有的 %d 行；其余部分未读取", want),
	}}
}

// check is the state of one reading.
type check struct {
	spec         scenarios.Spec
	want         int64  // rows that are expected
	key          string // the key column's name in the file; "" when it has none
	columns      []*checked
	groups       [][]*checked // that sum to one
	intervals    [][2]*checked
	columnFaults []aihub.Fault
	faults       map[faultKey]*tallied // of values
	broken       []aihub.Fault         // of rows that the reader left out
	rows         int64                 // rows read
	row          int64                 // the current row's number in the file
	noun         string                // what has that number

	// take takes the current row, which has this id. It is place, unless rows go
	// elsewhere first.
	take func(id string) error

	// Between begin and end, of the ids that rows are placed under:
	ids  *IDs
	seen []bool // those that had a row

	lost     int64 // ids that had none
	examples []string
}

// tallied is a fault with the rows of its examples, in order.
type tallied struct {
	aihub.Fault
	column string
	rows   []int64
}

// faultKey tells faults of values apart. Order is their column's place in the
// output schema, -1 for the key; near marks values that blanks or case spoil.
type faultKey struct {
	order int
	code  string
	near  bool
	what  string // is expected of a cell
}

// checked is one declared column and its accepted values.
type checked struct {
	scenarios.OutputColumn
	order  int
	file   string // its name in the file, which may differ in case
	in     *table.Column
	codes  map[string]metric.Code
	short  [256]metric.Code // of the classes of one byte; -1 is none
	class  []metric.Code    // a string column with classes
	flt    []float64        // a numeric column
	least  float64          // that every metric takes of it
	use    string           // a metric that takes no less
	cells  *intake.Kind     // what a text spells out; nil of a plain one
	text   int              // how long a text may be that a metric reads; 0 of other columns
	str    []string         // a column of such texts
	ok     bool             // of the current row
	newCls metric.Code
	newFlt float64
	newStr string
}

// newCheck makes the check of a file; kept says that the input kept its keys, which
// may then be numbers. The ids of a run are texts.
func newCheck(spec scenarios.Spec, want int64, schema []table.Field, kept bool) *check {
	c := &check{spec: spec, want: want, noun: "row", faults: map[faultKey]*tallied{}}
	if noun := intake.Nouns[spec.Output.Format]; noun != "" {
		c.noun = noun
	}
	c.take = func(id string) error { c.place(id); return nil }
	var names []string
	for _, f := range schema {
		names = append(names, f.Name)
	}
	used := map[string]bool{}
	c.key = c.locate(spec.Input.Key, names, used)
	for i, out := range spec.Output.Columns {
		k := &checked{OutputColumn: out, order: i, file: c.locate(out.Name, names, used)}
		k.least, k.use = spec.Least(out.Name)
		if out.Type == "string" {
			if len(out.Classes) > 0 {
				k.codes = map[string]metric.Code{}
				for j := range k.short {
					k.short[j] = -1
				}
				for j, v := range out.Classes {
					if k.codes[v] = metric.Code(j); len(v) == 1 {
						k.short[v[0]] = metric.Code(j)
					}
				}
			} else {
				k.text = textLimit(spec, out.Name)
				if spec.CellsOf(out.Name) != "" {
					k.cells = cellsOf(spec)
				}
			}
		}
		c.columns = append(c.columns, k)
	}
	for _, k := range c.columns {
		if len(k.SumsToOne) == 0 {
			continue
		}
		var group []*checked
		for _, o := range c.columns {
			if o == k || slices.Contains(k.SumsToOne, o.Name) {
				group = append(group, o)
			}
		}
		if !slices.ContainsFunc(c.groups, func(g []*checked) bool { return slices.Equal(g, group) }) {
			c.groups = append(c.groups, group)
		}
	}
	for _, names := range spec.Intervals() {
		var pair [2]*checked
		for i, name := range names {
			pair[i] = c.columns[slices.IndexFunc(c.columns, func(k *checked) bool { return k.Name == name })]
		}
		c.intervals = append(c.intervals, pair)
	}
	for _, f := range schema {
		if !used[f.Name] {
			c.columnFaults = append(c.columnFaults, aihub.Fault{Code: "extra_column", Where: "column " + clip(f.Name), Message: aihub.Text{
				EN: "the output schema has no such column: leave it out", ZH: "输出格式中没有这一列：请去掉",
			}})
		}
	}
	c.types(schema, kept)
	return c
}

// locate returns the file's name for a declared column: the same, or one that
// differs only in case, width and blanks, which is a fault of its own.
func (c *check) locate(want string, names []string, used map[string]bool) string {
	for _, name := range names {
		if name == want {
			used[name] = true
			return name
		}
	}
	for _, name := range names {
		if !used[name] && fold(name) == fold(want) && !slices.ContainsFunc(c.spec.Output.Columns, func(o scenarios.OutputColumn) bool { return o.Name == name }) {
			used[name] = true
			c.columnFaults = append(c.columnFaults, aihub.Fault{Code: "wrong_header", Where: "column " + clip(name), Message: aihub.Text{
				EN: fmt.Sprintf("the column must be named exactly %q", want), ZH: fmt.Sprintf("列名必须恰为 %q", want),
			}})
			return name
		}
	}
	list := clip(strings.Join(names, ", "))
	c.columnFaults = append(c.columnFaults, aihub.Fault{Code: "missing_column", Where: "column " + clip(want), Message: aihub.Text{
		EN: fmt.Sprintf("there is no column %q; the file has: %s", want, list), ZH: fmt.Sprintf("缺少列 %q；文件中有：%s", want, list),
	}})
	return ""
}

// fold drops what people get wrong in a column name.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		if unicode.IsSpace(r) || r == '_' || r == '-' || r == '\ufeff' {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// types checks the types of a file that has some; the columns of others are text.
func (c *check) types(schema []table.Field, kept bool) {
	if f := c.spec.Output.Format; f != table.FormatParquet && f != table.FormatArrow {
		return
	}
	for _, f := range schema {
		want := ""
		if f.Name == c.key && f.Type != table.String && !(kept && f.Type == table.Int64) {
			want, c.key = "string", ""
		}
		for _, k := range c.columns {
			if k.file == f.Name && string(f.Type) != k.Type && !(k.Type == "float64" && f.Type == table.Int64) {
				want, k.file = k.Type, ""
			}
		}
		if want != "" {
			c.columnFaults = append(c.columnFaults, aihub.Fault{Code: "bad_type", Where: "column " + clip(f.Name), Message: aihub.Text{
				EN: fmt.Sprintf("the column is %s; %s is expected", f.Type, want), ZH: fmt.Sprintf("该列类型为 %s，应为 %s", f.Type, want),
			}})
		}
	}
}

// batch checks the rows of b and keeps those whose id is expected.
func (c *check) batch(b *table.Batch) error {
	var key *table.Column
	if c.key != "" {
		key = b.Col(c.key)
	}
	for _, k := range c.columns {
		k.in = nil
		if k.file != "" {
			k.in = b.Col(k.file)
		}
	}
	for i := range b.Rows {
		if c.rows, c.row = c.rows+1, c.row+1; len(b.Numbers) > 0 {
			c.row = b.Numbers[i]
		}
		for _, k := range c.columns {
			if k.ok = k.in != nil; k.ok {
				k.ok = c.value(k, i)
			}
		}
		for _, g := range c.groups {
			c.sum(g)
		}
		for _, p := range c.intervals {
			c.interval(p[0], p[1])
		}
		if key == nil {
			continue
		}
		id, ok := key.Text(i)
		if !ok {
			c.keyFault("empty_value", false, "", "the row has no id", "该行没有行标识")
			continue
		}
		if err := c.take(id); err != nil {
			return err
		}
	}
	return nil
}

// begin makes room for rows under ids.
func (c *check) begin(ids *IDs) {
	c.ids = ids
	c.seen = sized(c.seen, ids.Len())
	clear(c.seen)
	for _, k := range c.columns {
		switch {
		case k.codes != nil:
			k.class = sized(k.class, ids.Len())
		case k.text > 0:
			k.str = sized(k.str, ids.Len())
		case k.Type != "string":
			k.flt = sized(k.flt, ids.Len())
		}
	}
}

// sized returns a slice of length n, of s's memory where it suffices.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
