package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"aihub"
)

// maxMessage bounds one record batch or dictionary of an Arrow file.
const maxMessage = 512 << 20

// OpenArrow reads an Arrow IPC stream or file (which is a stream between two
// marks), one record batch in memory. Types are read as OpenParquet reads them:
// structs give columns a.b, dictionaries what they hold; lists, maps, times of
// day and raw binary are refused by name.
func OpenArrow(r io.Reader, o Options) (_ Reader, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = badArrow("schema", fmt.Errorf("panic: %v", p))
		}
	}()
	mark := make([]byte, 8)
	if _, err := io.ReadFull(r, mark); err != nil {
		return nil, badArrow("begin", err)
	}
	if string(mark[:6]) != "ARROW1" {
		r = io.MultiReader(bytes.NewReader(mark), r)
	}
	a := &arrowReader{mem: &budget{mem: memory.NewGoAllocator()}}
	a.r, err = ipc.NewReader(&arrowGuard{r: r}, ipc.WithAllocator(a.mem), ipc.WithMetadataSizeLimit(maxFooter), ipc.WithBodySizeLimit(maxMessage))
	if err != nil {
		return nil, badArrow("schema", err)
	}
	var fs faults
	for i, f := range a.r.Schema().Fields() {
		a.flatten(f, f.Name, []int{i}, o, &fs)
	}
	if len(a.cols) > maxColumns {
		return nil, badArrow("schema", fmt.Errorf("more than %d columns", maxColumns))
	}
	seen := map[string]bool{}
	for _, c := range a.cols {
		if c.field.Name == "" || len(c.field.Name) > maxName || !utf8.ValidString(c.field.Name) || seen[c.field.Name] {
			fs.add("column_name", "schema", aihub.Text{
				EN: fmt.Sprintf("the name %q is empty, too long, not UTF-8 or used twice", clip(c.field.Name)),
				ZH: fmt.Sprintf("列名 %q 为空、过长、不是 UTF-8 或重复", clip(c.field.Name))})
		}
		seen[c.field.Name] = true
	}
	a.ring = newRing(a.Schema())
	return a, fs.err(aihub.Text{EN: "the Arrow file breaks its contract", ZH: "Arrow 文件不符合约定"}, flatHint)
}

var flatHint = aihub.Text{EN: "drop the columns named in the mask plan, or write the file as a flat table of strings, numbers, booleans, dates and timestamps",
	ZH: "请在脱敏方案中删除所列的列，或写成由字符串、数值、布尔、日期和时间戳组成的平面表"}

type arrowReader struct {
	r    *ipc.Reader
	mem  *budget
	cols []arrowLeaf
	ring ring
	rec  arrow.RecordBatch // being read
	at   int64             // of its rows, the next
	recs int
	err  error
}

// arrowLeaf is a column: where it is among the fields of the record, and the
// values of its dictionary, which many records share.
type arrowLeaf struct {
	field  Field
	path   []int
	unread bool
	dict   arrow.Array
	values Column
}

// flatten adds the columns of f.
func (a *arrowReader) flatten(f arrow.Field, name string, path []int, o Options, fs *faults) {
	if s, ok := f.Type.(*arrow.StructType); ok && len(path) < maxFlat {
		for i, sub := range s.Fields() {
			a.flatten(sub, name+"."+sub.Name, append(slices.Clone(path), i), o, fs)
		}
		return
	}
	t, err := arrowType(f.Type)
	unread := err != nil
	if unread {
		if t = String; o.Unread == nil || !o.Unread(name) {
			fs.add("unsupported_column", "column "+clip(name), aihub.Text{
				EN: "cannot be read as a column of a flat table: " + clip(err.Error()),
				ZH: "无法作为平面表的列读取：" + clip(err.Error())})
		}
	}
	a.cols = append(a.cols, arrowLeaf{field: Field{name, t}, path: path, unread: unread})
}

// arrowType says how a type is read.
func arrowType(dt arrow.DataType) (Type, error) {
	switch t := dt.(type) {
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType, *arrow.NullType:
		return String, nil
	case *arrow.BooleanType:
		return Bool, nil
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type, *arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type, *arrow.Uint64Type:
		return Int64, nil
	case *arrow.Float16Type, *arrow.Float32Type, *arrow.Float64Type:
		return Float64, nil
	case *arrow.Date32Type, *arrow.Date64Type:
		return Date, nil
	case *arrow.TimestampType:
		return Timestamp, nil
	case arrow.DecimalType:
		if t.GetScale() == 0 && t.GetPrecision() <= 18 {
			return Int64, nil
		}
		return Float64, nil
	case *arrow.DictionaryType:
		if _, nested := t.ValueType.(*arrow.DictionaryType); !nested {
			return arrowType(t.ValueType)
		}
	case arrow.ExtensionType:
		return arrowType(t.StorageType())
	}
	return "", errors.New(dt.Name())
}

func (a *arrowReader) Schema() []Field {
	fs := make([]Field, len(a.cols))
	for i := range a.cols {
		fs[i] = a.cols[i].field
	}
	return fs
}

func (a *arrowReader) Next() (b *Batch, err error) {
	if a.err != nil {
		return nil, a.err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		var e *aihub.Error
		if err != nil && err != io.EOF && !errors.As(err, &e) {
			err = badArrow(fmt.Sprintf("record batch %d", a.recs), err)
		}
		if err != nil {
			b, a.err = nil, err
		}
	}()
	for a.rec == nil || a.at >= a.rec.NumRows() {
		a.recs++
		if !a.r.Next() {
			if err := a.r.Err(); err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
		a.rec, a.at = a.r.RecordBatch(), 0
	}
	out := a.ring.next()
	n := int(min(a.rec.NumRows()-a.at, batchRows))
	room := maxBatch
	for i := range a.cols {
		if err := a.cols[i].read(&out.Cols[i], a.rec, int(a.at), n, &room); err != nil {
			return nil, fmt.Errorf("column %s: %w", clip(a.cols[i].field.Name), err)
		}
	}
	out.Rows = n
	a.at += int64(n)
	return out, nil
}

// read appends rows from to from+n of the record to c.
func (l *arrowLeaf) read(c *Column, rec arrow.RecordBatch, from, n int, room *int) error {
	arr := rec.Column(l.path[0])
	above := []arrow.Array{arr} // a value is there when all above it are
	for _, k := range l.path[1:] {
		arr = arr.(*array.Struct).Field(k)
		above = append(above, arr)
	}
	null := func(i int) bool {
		return slices.ContainsFunc(above, func(a arrow.Array) bool { return a.IsNull(i) })
	}
	if arr.Len() < from+n {
		return errors.New("fewer values than rows")
	}
	if e, ok := arr.(array.ExtensionArray); ok {
		arr = e.Storage()
	}
	if _, all := arr.(*array.Null); all || l.unread {
		for range n {
			c.AppendNull()
		}
		return nil
	}
	if d, ok := arr.(*array.Dictionary); ok {
		return l.readDict(c, d, null, from, n, room)
	}
	value, err := arrowValue(arr, room)
	if err != nil {
		return err
	}
	for i := from; i < from+n; i++ {
		if null(i) {
			c.AppendNull()
		} else if err := value(c, i); err != nil {
			return err
		}
	}
	return nil
}

// readDict looks values up in the dictionary, which is converted once.
func (l *arrowLeaf) readDict(c *Column, d *array.Dictionary, null func(int) bool, from, n int, room *int) error {
	dict := d.Dictionary()
	if l.dict != dict {
		if dict.Len() > maxDict {
			return fmt.Errorf("a dictionary of %d values", dict.Len())
		}
		l.dict, l.values = dict, NewColumn(l.field, 0)
		if e, ok := dict.(array.ExtensionArray); ok {
			dict = e.Storage()
		}
		all := maxBatch
		value, err := arrowValue(dict, &all)
		if err != nil {
			return err
		}
		for i := range dict.Len() {
			if dict.IsNull(i) {
				l.values.AppendNull()
			} else if err := value(&l.values, i); err != nil {
				return err
			}
		}
	}
	for i := from; i < from+n; i++ {
		if null(i) {
			c.AppendNull()
			continue
		}
		k := d.GetValueIndex(i)
		if k < 0 || k >= l.values.Len() {
			return errors.New("an index beyond the dictionary")
		}
		if c.Type == String {
			if *room -= len(l.values.Str[k]); *room < 0 {
				return tooMuchText(c.Name)
			}
		}
		c.AppendFrom(&l.values, k)
	}
	return nil
}

// arrowValue returns what appends value i of arr to a column of its type.
func arrowValue(arr arrow.Array, room *int) (func(c *Column, i int) error, error) {
	ints := func(v func(i int) int64) func(*Column, int) error {
		return func(c *Column, i int) error { c.AppendInt(v(i)); return nil }
	}
	floats := func(v func(i int) float64) func(*Column, int) error {
		return func(c *Column, i int) error { c.AppendFlt(v(i)); return nil }
	}
	strs := func(v func(i int) string) func(*Column, int) error {
		return func(c *Column, i int) error {
			s := v(i)
			if *room -= len(s); *room < 0 {
				return tooMuchText(c.Name)
			}
			return text([]byte(s), c)
		}
	}
	decimals := func(scale int32, v func(i int) *big.Int) func(*Column, int) error {
		return func(c *Column, i int) error { return decimal(v(i), int(scale), c) }
	}
	switch a := arr.(type) {
	case *array.String:
		return strs(a.Value), nil
	case *array.LargeString:
		return strs(a.Value), nil
	case *array.StringView:
		return strs(a.Value), nil
	case *array.Boolean:
		return func(c *Column, i int) error { c.AppendBool(a.Value(i)); return nil }, nil
	case *array.Int8:
		return ints(func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Int16:
		return ints(func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Int32:
		return ints(func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Int64:
		return ints(a.Value), nil
	case *array.Uint8:
		return ints(func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Uint16:
		return ints(func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Uint32:
		return ints(func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Uint64:
		return func(c *Column, i int) error {
			v, err := unsigned(64)(int64(a.Value(i)))
			c.AppendInt(v)
			return err
		}, nil
	case *array.Float16:
		return floats(func(i int) float64 { return float64(float16.Num.Float32(a.Value(i))) }), nil
	case *array.Float32:
		return floats(func(i int) float64 { return float64(a.Value(i)) }), nil
	case *array.Float64:
		return floats(a.Value), nil
	case *array.Date32:
		return ints(func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Date64:
		return ints(func(i int) int64 { return floorDiv(int64(a.Value(i)), 86400_000) }), nil
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit
		return func(c *Column, i int) error {
			v, err := micros(int64(a.Value(i)), unit)
			c.AppendInt(v)
			return err
		}, nil
	case *array.Decimal32:
		return decimals(a.DataType().(arrow.DecimalType).GetScale(), func(i int) *big.Int { return big.NewInt(int64(a.Value(i))) }), nil
	case *array.Decimal64:
		return decimals(a.DataType().(arrow.DecimalType).GetScale(), func(i int) *big.Int { return big.NewInt(int64(a.Value(i))) }), nil
	case *array.Decimal128:
		return decimals(a.DataType().(arrow.DecimalType).GetScale(), func(i int) *big.Int { return a.Value(i).BigInt() }), nil
	case *array.Decimal256:
		return decimals(a.DataType().(arrow.DecimalType).GetScale(), func(i int) *big.Int { return a.Value(i).BigInt() }), nil
	}
	return nil, fmt.Errorf("no reader for %s", arr.DataType().Name())
}

// micros converts an instant.
func micros(v int64, u arrow.TimeUnit) (int64, error) {
	by := map[arrow.TimeUnit]int64{arrow.Second: 1e6, arrow.Millisecond: 1e3, arrow.Microsecond: 1}[u]
	if by == 0 {
		return floorDiv(v, 1000), nil
	}
	if v > math.MaxInt64/by || v < math.MinInt64/by {
		return 0, errors.New("a timestamp out of range")
	}
	return v * by, nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (a *arrowReader) Close() (err error) {
	defer func() {
		if r := recover(); r != nil { // of a batch left half read
			err = fmt.Errorf("close arrow: panic: %v", r)
		}
	}()
	a.r.Release()
	return nil
}

// badArrow is the error for a file that does not hold what it should.
func badArrow(where string, err error) error {
	if errors.Is(err, errUnsigned) {
		return beyondInt64(where + ", " + strings.TrimSuffix(err.Error(), ": "+errUnsigned.Error()))
	}
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "the Arrow file cannot be read", ZH: "无法读取 Arrow 文件"}).
		WithHint(aihub.Text{EN: "write the file again, and check that it was copied whole", ZH: "请重新生成文件，并确认文件完整"}).
		WithFaults([]aihub.Fault{{Code: "arrow", Where: where, Message: aihub.Text{
			EN: "damaged or too large (" + clip(err.Error()) + ")",
			ZH: "文件损坏或过大（" + clip(err.Error()) + "）"}}}).
		Because(err)
}

// tooMuchText is the error for a batch beyond maxBatch.
func tooMuchText(column string) error {
	return tooLarge("column "+clip(column), fmt.Sprintf("more than %d MiB of text in %d rows", maxBatch>>20, batchRows), fmt.Sprintf("%d 行内的文本超过 %d MiB", batchRows, maxBatch>>20))
}
