package table

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"aihub"
)

// leafReader reads one flat column, row group after row group.
type leafReader struct {
	field Field
	leaf  int // index among the schema's leaves
	descr *schema.Column
	chunk file.ColumnChunkReader // of the open row group

	ofInt   func(int64) (int64, error)  // from INT32 or INT64
	ofFloat func(int64) float64         // from a decimal INT32 or INT64
	ofBytes func([]byte, *Column) error // from BYTE_ARRAY or FIXED_LEN_BYTE_ARRAY
	err     error                       // why it cannot be read: then it is all nulls, or refused

	defs []int16
	i32  []int32
	i64  []int64
	i96  []parquet.Int96
	f32  []float32
	f64  []float64
	bits []bool
	strs []parquet.ByteArray
	fixs []parquet.FixedLenByteArray
}

// flatten adds a leafReader for every leaf below node, named by its path. A leaf
// that cannot be read has err; so has a repeated group as a whole.
func flatten(sc *schema.Schema, node schema.Node, name string, depth int, out *[]leafReader) {
	if len(*out) > maxColumns {
		return // refused by the caller
	}
	if g, ok := node.(*schema.GroupNode); ok {
		switch g.ConvertedType() {
		case schema.ConvertedTypes.List, schema.ConvertedTypes.Map, schema.ConvertedTypes.MapKeyValue:
			*out = append(*out, leafReader{field: Field{name, String}, err: errors.New(strings.ToLower(g.ConvertedType().String()))})
			return
		}
		if g.RepetitionType() != parquet.Repetitions.Repeated && depth < maxFlat && g.NumFields() > 0 {
			for i := range g.NumFields() {
				flatten(sc, g.Field(i), name+"."+g.Field(i).Name(), depth+1, out)
			}
			return
		}
		*out = append(*out, leafReader{field: Field{name, String}, err: errors.New("nested")})
		return
	}
	l := leafReader{leaf: sc.ColumnIndexByNode(node)}
	t := String
	if l.leaf < 0 {
		l.err = errors.New("not a column")
	} else if l.descr = sc.Column(l.leaf); l.descr.MaxRepetitionLevel() > 0 {
		l.err = errors.New("repeated")
	} else {
		t, l.err = l.plan()
	}
	if l.err != nil {
		t = String
	}
	l.field = Field{name, t}
	*out = append(*out, l)
}

func (l *leafReader) plan() (Type, error) {
	logical := l.descr.LogicalType()
	unsupported := fmt.Errorf("%s %s", l.descr.PhysicalType(), logical)
	if logical == nil {
		unsupported = errors.New(l.descr.PhysicalType().String())
		logical = schema.NoLogicalType{}
	}
	same := func(v int64) (int64, error) { return v, nil }
	switch l.descr.PhysicalType() {
	case parquet.Types.Boolean:
		return Bool, nil
	case parquet.Types.Float, parquet.Types.Double:
		return Float64, nil
	case parquet.Types.Int96:
		return Timestamp, nil
	case parquet.Types.Int32, parquet.Types.Int64:
		l.ofInt = same
		switch t := logical.(type) {
		case schema.NoLogicalType, schema.UnknownLogicalType, schema.NullLogicalType:
			return Int64, nil
		case schema.IntLogicalType:
			if !t.IsSigned() {
				l.ofInt = unsigned(t.BitWidth())
			}
			return Int64, nil
		case schema.DateLogicalType:
			return Date, nil
		case schema.TimestampLogicalType:
			l.ofInt = instant(t.TimeUnit())
			return Timestamp, nil
		case schema.DecimalLogicalType:
			if t.Scale() == 0 {
				return Int64, nil
			}
			l.ofFloat = func(v int64) float64 { return scaledInt(v, int(t.Scale())) }
			return Float64, nil
		}
	case parquet.Types.ByteArray, parquet.Types.FixedLenByteArray:
		fixed := l.descr.PhysicalType() == parquet.Types.FixedLenByteArray
		switch t := logical.(type) {
		case schema.DecimalLogicalType:
			l.ofBytes = func(b []byte, c *Column) error { return decimal(twos(b), int(t.Scale()), c) }
			if t.Scale() == 0 && t.Precision() <= 18 {
				return Int64, nil
			}
			return Float64, nil
		case schema.NoLogicalType, schema.StringLogicalType, schema.EnumLogicalType, schema.JSONLogicalType:
			if !fixed {
				l.ofBytes = text
				return String, nil
			}
		case schema.UUIDLogicalType:
			l.ofBytes = uuid
			return String, nil
		case schema.Float16LogicalType:
			l.ofBytes = half
			return Float64, nil
		}
	}
	return "", unsupported
}

// width returns how many bytes each value has when all have as many.
func (l *leafReader) width() int {
	if l.descr.PhysicalType() == parquet.Types.FixedLenByteArray {
		return max(l.descr.TypeLength(), 0)
	}
	return 0
}

// read appends n rows of the open row group to c. room is the text that the
// batch may still hold.
func (l *leafReader) read(c *Column, n int, room *int) error {
	if l.err != nil {
		for range n {
			c.AppendNull()
		}
		return nil
	}
	full := l.descr.MaxDefinitionLevel() // of a value that is there, and all above it
	for n > 0 {
		// A page at a time: what byte arrays point at dies with its page.
		k := int64(min(n, 1024))
		l.defs = grow(l.defs, int(k))
		rows, vals, err := l.page(k)
		if err != nil {
			return err
		}
		if rows == 0 {
			if err := l.chunk.Err(); err != nil {
				return err
			}
			return errors.New("fewer values than rows")
		}
		if vals > int(rows) || full == 0 && vals != int(rows) {
			return errors.New("values and rows do not match")
		}
		v := 0
		for i := range int(rows) {
			if full > 0 && l.defs[i] < full {
				c.AppendNull()
				continue
			}
			if v >= vals {
				return errors.New("fewer values than rows")
			}
			if err := l.append(c, v, room); err != nil {
				return err
			}
			v++
		}
		n -= int(rows)
	}
	return nil
}

// page decodes up to k rows of the current page into the buffer of its type.
func (l *leafReader) page(k int64) (rows int64, vals int, err error) {
	switch r := l.chunk.(type) {
	case *file.Int32ColumnChunkReader:
		l.i32 = grow(l.i32, int(k))
		return r.ReadBatchInPage(k, l.i32, l.defs, nil)
	case *file.Int64ColumnChunkReader:
		l.i64 = grow(l.i64, int(k))
		return r.ReadBatchInPage(k, l.i64, l.defs, nil)
	case *file.Int96ColumnChunkReader:
		l.i96 = grow(l.i96, int(k))
		return r.ReadBatchInPage(k, l.i96, l.defs, nil)
	case *file.Float32ColumnChunkReader:
		l.f32 = grow(l.f32, int(k))
		return r.ReadBatchInPage(k, l.f32, l.defs, nil)
	case *file.Float64ColumnChunkReader:
		l.f64 = grow(l.f64, int(k))
		return r.ReadBatchInPage(k, l.f64, l.defs, nil)
	case *file.BooleanColumnChunkReader:
		l.bits = grow(l.bits, int(k))
		return r.ReadBatchInPage(k, l.bits, l.defs, nil)
	case *file.ByteArrayColumnChunkReader:
		l.strs = grow(l.strs, int(k))
		return r.ReadBatchInPage(k, l.strs, l.defs, nil)
	case *file.FixedLenByteArrayColumnChunkReader:
		l.fixs = grow(l.fixs, int(k))
		return r.ReadBatchInPage(k, l.fixs, l.defs, nil)
	}
	return 0, 0, fmt.Errorf("no reader for %s", l.descr.PhysicalType())
}

// append adds value v of the decoded page to c.
func (l *leafReader) append(c *Column, v int, room *int) error {
	switch l.chunk.(type) {
	case *file.Int32ColumnChunkReader:
		return l.integer(c, int64(l.i32[v]))
	case *file.Int64ColumnChunkReader:
		return l.integer(c, l.i64[v])
	case *file.Int96ColumnChunkReader:
		us := l.i96[v].ToTime().UnixMicro()
		c.AppendInt(us)
	case *file.Float32ColumnChunkReader:
		c.AppendFlt(float64(l.f32[v]))
	case *file.Float64ColumnChunkReader:
		c.AppendFlt(l.f64[v])
	case *file.BooleanColumnChunkReader:
		c.AppendBool(l.bits[v])
	case *file.ByteArrayColumnChunkReader:
		return l.bytes(c, l.strs[v], room)
	case *file.FixedLenByteArrayColumnChunkReader:
		return l.bytes(c, l.fixs[v], room)
	}
	return nil
}

func (l *leafReader) integer(c *Column, v int64) error {
	if l.ofFloat != nil {
		c.AppendFlt(l.ofFloat(v))
		return nil
	}
	v, err := l.ofInt(v)
	c.AppendInt(v)
	return err
}

func (l *leafReader) bytes(c *Column, b []byte, room *int) error {
	if *room -= len(b); *room < 0 {
		return tooMuchText(c.Name)
	}
	return l.ofBytes(b, c)
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// errNotText is that a column of bytes holds something else than text.
var errNotText = errors.New("bytes that are not UTF-8 text")

func text(b []byte, c *Column) error {
	if !utf8.Valid(b) {
		return errNotText
	}
	c.AppendStr(string(b))
	return nil
}

func uuid(b []byte, c *Column) error {
	if len(b) != 16 {
		return errors.New("a UUID that is not 16 bytes")
	}
	h := hex.EncodeToString(b)
	c.AppendStr(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
	return nil
}

// half reads an IEEE 754 binary16.
func half(b []byte, c *Column) error {
	if len(b) != 2 {
		return errors.New("a float16 that is not 2 bytes")
	}
	u := uint16(b[0]) | uint16(b[1])<<8
	exp, frac := int(u>>10&31), float64(u&1023)
	var v float64
	switch {
	case exp == 31 && frac != 0:
		v = math.NaN()
	case exp == 31:
		v = math.Inf(1)
	case exp == 0:
		v = math.Ldexp(frac, -24)
	default:
		v = math.Ldexp(1024+frac, exp-25)
	}
	if u>>15 == 1 {
		v = -v
	}
	c.AppendFlt(v)
	return nil
}

var errUnsigned = errors.New("an unsigned integer above 2^63-1")

// beyondInt64 is the error for a file that is whole, with a number no column holds.
func beyondInt64(where string) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "a number does not fit into int64", ZH: "有数值超出 int64 范围"}).
		WithHint(aihub.Text{EN: "write the column as text or as a decimal and give that file, or drop it in the mask plan", ZH: "请将该列写为文本或小数后再提供，或在脱敏方案中删除该列"}).
		WithFaults([]aihub.Fault{{Code: "range", Where: where, Message: aihub.Text{EN: "unsigned integers above 2^63-1", ZH: "大于 2^63-1 的无符号整数"}}}).
		Because(errUnsigned)
}

func unsigned(bits int8) func(int64) (int64, error) {
	return func(v int64) (int64, error) {
		if bits == 32 {
			return int64(uint32(v)), nil
		}
		if v < 0 { // only a 64-bit one has its top bit set
			return 0, errUnsigned
		}
		return v, nil
	}
}

func instant(u schema.TimeUnitType) func(int64) (int64, error) {
	return func(v int64) (int64, error) {
		switch u {
		case schema.TimeUnitMillis:
			if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
				return 0, errors.New("a timestamp out of range")
			}
			return v * 1000, nil
		case schema.TimeUnitNanos:
			us := v / 1000
			if v%1000 < 0 {
				us--
			}
			return us, nil
		}
		return v, nil
	}
}

// twos reads a big-endian two's complement integer.
func twos(b []byte) *big.Int {
	v := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return v
}

// decimal appends v·10^-scale to a Float64 column, or v to an Int64 one.
func decimal(v *big.Int, scale int, c *Column) error {
	switch {
	case c.Type == Int64 && v.IsInt64():
		c.AppendInt(v.Int64())
	case c.Type == Int64:
		return errors.New("a decimal beyond its precision")
	case v.IsInt64():
		c.AppendFlt(scaledInt(v.Int64(), scale))
	default:
		c.AppendFlt(scaled(v, scale))
	}
	return nil
}

// scaledInt is scaled for most decimals: both numbers are exact in a float64,
// and so their quotient is correctly rounded.
func scaledInt(v int64, scale int) float64 {
	if v > -1<<53 && v < 1<<53 && scale >= 0 && scale <= 22 {
		return float64(v) / math.Pow10(scale)
	}
	return scaled(big.NewInt(v), scale)
}

// scaled returns v·10^-scale, correctly rounded.
func scaled(v *big.Int, scale int) float64 {
	f, err := strconv.ParseFloat(v.String()+"e"+strconv.Itoa(-scale), 64)
	if err != nil {
		return math.NaN() // beyond float64; no decimal of 38 digits is
	}
	return f
}
