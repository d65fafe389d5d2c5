package catalog

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"
	"sync"

	"aihub"
	"aihub/catalog/mask"
	"aihub/internal/pages"
	"aihub/internal/table"
)

// pageColumn is a leaf of a Parquet file with what the plan does to it.
type pageColumn struct {
	leaf   int
	field  table.Field // opaque columns say String: they are kept or dropped
	opaque bool        // not a flat column of a type that techniques take
	rule   mask.Rule
	kernel mask.Kernel
	kept   bool // its pages are copied
	toDays bool // the values are days
	micros int64
	shown  func(v []byte) string // a value as the detectors look at it, where the type does not say
}

// pageFields are the columns of f as techniques see them.
func pageFields(f *pages.File) (cols []pageColumn, schema []table.Field) {
	for i, l := range f.Leaves() {
		c := pageColumn{leaf: i, field: table.Field{Name: l.Name(), Type: table.String}, micros: 1}
		switch {
		case !l.Flat() || l.Unsigned:
			c.opaque = true
		case l.Type == pages.ByteArray && (l.Text || l.Annotation == ""):
		case l.Type == pages.Boolean:
			c.field.Type = table.Bool
		case (l.Type == pages.Float || l.Type == pages.Double) && l.Annotation == "":
			c.field.Type = table.Float64
		case l.Type == pages.Int32 && l.Annotation == "date":
			c.field.Type, c.toDays = table.Date, true
		case l.Type == pages.Int64 && l.Annotation == "timestamp" && l.Micros > 0:
			c.field.Type, c.micros = table.Timestamp, l.Micros
		case (l.Type == pages.Int32 || l.Type == pages.Int64) && (l.Annotation == "" || l.Annotation == "integer"):
			c.field.Type = table.Int64
		default:
			c.opaque = true
		}
		cols, schema = append(cols, c), append(schema, c.field)
	}
	return cols, schema
}

// looked is c as the detectors look at it, if it can hold an identifier: texts and
// numbers, those too that no technique takes (nested, unsigned, an enum, a decimal,
// texts of one length).
func (c *pageColumn) looked(l *pages.Leaf) (pageColumn, bool) {
	as := *c
	switch {
	case !c.opaque:
		return as, c.field.Type == table.String || c.field.Type == table.Int64 || c.field.Type == table.Float64
	case l.Annotation == "decimal":
		as.field.Type, as.shown = table.String, func(v []byte) string { return decimalText(l.Type, v, l.Scale) }
	case l.Type == pages.Fixed && l.Annotation == "":
		as.field.Type, as.shown = table.String, func(v []byte) string { return strings.TrimRight(string(v), " \x00") }
	case (l.Type == pages.Float || l.Type == pages.Double) && l.Annotation == "":
		as.field.Type = table.Float64
	case l.Type == pages.ByteArray:
		as.field.Type = table.String
	case (l.Type == pages.Int32 || l.Type == pages.Int64) && (l.Annotation == "" || l.Annotation == "integer"):
		as.field.Type, as.micros = table.Int64, 1
	default:
		return as, false
	}
	return as, true
}

// lintPages returns the faults of a plan that pages cannot be rewritten by.
func (m *Manifest) lintPages(cols []pageColumn, masking *mask.Masking) []aihub.Fault {
	l := &linter{doc: m.doc}
	if len(m.Risk.Cells) > 0 {
		l.add("page_technique", "risk.cells", "suppressing cells looks at several columns of a row, which pages do not show: publish the raw table with aihub dataset publish",
			"隐藏单元格需要同时参考一行的多列，无法按页处理：请用 aihub dataset publish 直接发布原始表")
	}
	for i := range cols {
		c := &cols[i]
		c.rule, _ = m.Mask.Of(c.field.Name)
		c.kept = c.rule.Use == "keep"
		if c.kept || c.rule.Use == "drop" {
			continue
		}
		where := "mask.columns." + c.field.Name
		c.kernel, _ = masking.Kernel(c.field.Name)
		switch {
		case c.opaque:
			l.add("page_column", where, fmt.Sprintf("column %q is nested, or of a type that no technique takes: keep or drop it", c.field.Name),
				fmt.Sprintf("列 %q 为嵌套列或类型不受脱敏技术支持：只能 keep 或 drop", c.field.Name))
		case !c.kernel.PerValue:
			l.add("page_technique", where+".use", fmt.Sprintf("%s looks at other values than the one it masks, which pages do not show: publish the raw table with aihub dataset publish", c.rule.Use),
				fmt.Sprintf("%s 需要参考其他取值，无法按页处理：请用 aihub dataset publish 直接发布原始表", c.rule.Use))
		}
	}
	return l.fs
}

// column turns values of a leaf into a column of a table. A text shares no memory
// with v.
func (c *pageColumn) column(v *pages.Values) table.Column {
	out := table.NewColumn(c.field, v.Len())
	if c.shown != nil {
		for i := range v.Len() {
			out.Str = append(out.Str, c.shown(v.Bytes(i)))
		}
		return out
	}
	switch v.Type {
	case pages.ByteArray:
		for i := range v.Len() {
			out.Str = append(out.Str, string(v.Bytes(i)))
		}
	case pages.Int32:
		for _, x := range v.Int32s() {
			out.Int = append(out.Int, int64(x))
		}
	case pages.Int64:
		for _, x := range v.Int64s() {
			out.Int = append(out.Int, x*c.micros)
		}
	case pages.Float:
		for _, x := range v.Floats() {
			out.Flt = append(out.Flt, float64(x))
		}
	case pages.Double:
		out.Flt = append(out.Flt, v.Doubles()...)
	case pages.Boolean:
		out.Bool = append(out.Bool, v.Bools()...)
	}
	return out
}

// decimalText is a decimal in digits: the number v·10^-scale, without the point
// where nothing but zeros is behind it. An identifier that was stored as a number is
// one again. v is little-endian where the type is a number's, else big-endian.
func decimalText(t pages.Type, v []byte, scale int) string {
	n := new(big.Int)
	switch t {
	case pages.Int32:
		n.SetInt64(int64(int32(binary.LittleEndian.Uint32(v))))
	case pages.Int64:
		n.SetInt64(int64(binary.LittleEndian.Uint64(v)))
	default:
		v = v[:min(len(v), maxDecimal)]
		if n.SetBytes(v); len(v) > 0 && v[0]&0x80 != 0 { // two's complement
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v))))
		}
	}
	if scale <= 0 || scale > maxDecimal {
		return n.String()
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	whole, rest := new(big.Int).QuoRem(n, unit, new(big.Int))
	if rest.Sign() == 0 {
		return whole.String()
	}
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	return fmt.Sprintf("%s%s.%0*s", sign, whole.Abs(whole), scale, rest.Abs(rest).String())
}

// maxDecimal is how many bytes, and digits behind the point, of a decimal are shown:
// more than any writer's precision of 76 digits.
const maxDecimal = 80

// masked returns the masked values of raw, and an error for what the technique
// cannot take where the plan refuses that.
func (c *pageColumn) masked(raw *table.Column) (table.Column, error) {
	if c.kept {
		return *raw, nil
	}
	out, bad := c.kernel.Mask(raw)
	out.Field = table.Field{Name: c.field.Name, Type: c.kernel.Out}
	if len(bad) > 0 && c.refuses() {
		v, _ := raw.Text(bad[0])
		return out, c.refusal(v)
	}
	return out, nil
}

func (c *pageColumn) refuses() bool { return c.rule.OnInvalid != "missing" }

func (c *pageColumn) refusal(v string) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: fmt.Sprintf("column %s: %s cannot mask text that looks like %q", c.field.Name, c.rule.Use, table.Shape(v)),
		ZH: fmt.Sprintf("列 %s：%s 无法处理形如 %q 的内容", c.field.Name, c.rule.Use, table.Shape(v))}).
		WithHint(aihub.Text{EN: "mend the values, or write on_invalid: missing beside use: in the manifest to mask them as missing",
			ZH: "请修正这些值，或在清单的 use: 旁写 on_invalid: missing，使其成为缺失值"})
}

// refused keeps the first refusal of a column's functions, which run in workers.
type refused struct {
	once sync.Once
	err  error
}

func (r *refused) set(err error) error {
	r.once.Do(func() { r.err = err })
	return err
}

// plan is what the page engine does to the column.
func (c *pageColumn) plan(l *pages.Leaf, first *refused) pages.Column {
	switch {
	case c.rule.Use == "drop":
		return pages.Column{Op: pages.Drop}
	case c.kept:
		return pages.Column{Op: pages.Copy}
	}
	out := pages.Column{Op: pages.Map, Nullable: !c.refuses() || c.rule.Use == "suppress" || c.field.Type == table.Float64}
	switch {
	case c.kernel.Out == c.field.Type && l.Type != pages.ByteArray:
	case c.kernel.Out == table.String:
		out.Type, out.Logical = pages.ByteArray, pages.String
	case c.kernel.Out == table.Date:
		out.Type, out.Logical = pages.Int32, pages.Date
	}
	if c.kernel.Append != nil && l.Type == pages.ByteArray {
		shown := func(src [][]byte, bad []int) error {
			if len(bad) == 0 || !c.refuses() {
				return nil
			}
			return first.set(c.refusal(string(src[bad[0]])))
		}
		out.New = pages.TextsOrFail(c.kernel.Append, shown)
		if c.kernel.Alike != nil {
			out.Alike = pages.AlikeOrFail(c.kernel.Alike, shown)
		}
		return out
	}
	out.New = func() pages.MapFunc {
		return func(in *pages.Values, b *pages.Builder) error {
			raw := c.column(in)
			masked, err := c.masked(&raw)
			if err != nil {
				return first.set(err)
			}
			return c.build(&masked, l, b)
		}
	}
	return out
}

// build appends masked values to a page.
func (c *pageColumn) build(v *table.Column, l *pages.Leaf, b *pages.Builder) error {
	same := c.kernel.Out == c.field.Type
	if v.Type != table.String && v.Type != table.Bool && v.Type != table.Float64 && v.Valid == nil {
		return c.buildInts(v.Int, same && l.Type == pages.Int64, b)
	}
	for i := range v.Len() {
		switch {
		case v.Null(i):
			b.Null()
		case v.Type == table.String:
			b.Bytes([]byte(v.Str[i]))
		case v.Type == table.Bool:
			b.Bool(v.Bool[i])
		case v.Type == table.Float64 && l.Type == pages.Float:
			b.Float(float32(v.Flt[i]))
		case v.Type == table.Float64:
			b.Double(v.Flt[i])
		case same && l.Type == pages.Int64:
			b.Int64(v.Int[i] / c.micros)
		default:
			if v.Int[i] != int64(int32(v.Int[i])) {
				return c.tooLarge()
			}
			b.Int32(int32(v.Int[i]))
		}
	}
	return nil
}

// buildInts appends whole numbers, none of them null.
func (c *pageColumn) buildInts(v []int64, long bool, b *pages.Builder) error {
	if long {
		at := b.Extend(len(v), 8)
		for i, x := range v {
			binary.LittleEndian.PutUint64(at[8*i:], uint64(x/c.micros))
		}
		return nil
	}
	at := b.Extend(len(v), 4)
	for i, x := range v {
		if x != int64(int32(x)) {
			return c.tooLarge()
		}
		binary.LittleEndian.PutUint32(at[4*i:], uint32(x))
	}
	return nil
}

func (c *pageColumn) tooLarge() error {
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: fmt.Sprintf("column %s: a masked number does not fit the column's 32 bits", c.field.Name),
		ZH: fmt.Sprintf("列 %s：脱敏后的数超出该列的 32 位", c.field.Name)})
}
