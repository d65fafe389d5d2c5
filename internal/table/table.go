// Package table reads and writes columns of data: Parquet, CSV, JSONL. It is
// the only importer of Arrow, and the one place where the rows of a run get
// their random ids. Rooms above see Batches of typed Go slices.
//
// Every file is foreign: readers bound what they hold in memory, turn a panic
// of the library below into an error, and report the defects of a file as
// aihub.Faults with their place, never with the value that stands there.
package table

import (
	"fmt"
	"io"
	"slices"

	"aihub"
)

// Type is the type of a column.
type Type string

// The types. Dates are days, timestamps microseconds, since 1970-01-01 UTC.
const (
	String    Type = "string"
	Int64     Type = "int64"
	Float64   Type = "float64"
	Bool      Type = "bool"
	Date      Type = "date"
	Timestamp Type = "timestamp"
)

// Types lists every type.
var Types = []Type{String, Int64, Float64, Bool, Date, Timestamp}

// Known reports whether t is one of Types.
func (t Type) Known() bool { return slices.Contains(Types, t) }

// Field names a column.
type Field struct {
	Name string
	Type Type
}

// Column is one column of a batch. Exactly one value slice is used: Str for
// String, Int for Int64, Date and Timestamp, Flt for Float64, Bool for Bool.
// Valid is nil when no value is null; a null's value is the zero value.
type Column struct {
	Field
	Valid []bool
	Str   []string
	Int   []int64
	Flt   []float64
	Bool  []bool
}

// NewColumn returns an empty column with room for n values.
func NewColumn(f Field, n int) Column {
	c := Column{Field: f}
	switch f.Type {
	case String:
		c.Str = make([]string, 0, n)
	case Float64:
		c.Flt = make([]float64, 0, n)
	case Bool:
		c.Bool = make([]bool, 0, n)
	default:
		c.Int = make([]int64, 0, n)
	}
	return c
}

// Len returns how many values c holds.
func (c *Column) Len() int {
	switch c.Type {
	case String:
		return len(c.Str)
	case Float64:
		return len(c.Flt)
	case Bool:
		return len(c.Bool)
	default:
		return len(c.Int)
	}
}

// Null reports whether value i is null.
func (c *Column) Null(i int) bool { return c.Valid != nil && !c.Valid[i] }

// AppendNull adds a null.
func (c *Column) AppendNull() {
	c.needValid()
	c.Valid = append(c.Valid, false)
	switch c.Type {
	case String:
		c.Str = append(c.Str, "")
	case Float64:
		c.Flt = append(c.Flt, 0)
	case Bool:
		c.Bool = append(c.Bool, false)
	default:
		c.Int = append(c.Int, 0)
	}
}

// AppendFrom adds value i of src, a column of the same type.
func (c *Column) AppendFrom(src *Column, i int) {
	if src.Null(i) {
		c.AppendNull()
		return
	}
	switch c.Type {
	case String:
		c.AppendStr(src.Str[i])
	case Float64:
		c.AppendFlt(src.Flt[i])
	case Bool:
		c.AppendBool(src.Bool[i])
	default:
		c.AppendInt(src.Int[i])
	}
}

// AppendStr adds v to a String column.
func (c *Column) AppendStr(v string) { c.Str = append(c.Str, v); c.valid() }

// AppendInt adds v to an Int64, Date or Timestamp column.
func (c *Column) AppendInt(v int64) { c.Int = append(c.Int, v); c.valid() }

// AppendFlt adds v to a Float64 column.
func (c *Column) AppendFlt(v float64) { c.Flt = append(c.Flt, v); c.valid() }

// AppendBool adds v to a Bool column.
func (c *Column) AppendBool(v bool) { c.Bool = append(c.Bool, v); c.valid() }

func (c *Column) valid() {
	if c.Valid != nil {
		c.Valid = append(c.Valid, true)
	}
}

// needValid makes Valid, all true so far.
func (c *Column) needValid() {
	if c.Valid != nil {
		return
	}
	c.Valid = make([]bool, c.Len(), c.Len()+1)
	for i := range c.Valid {
		c.Valid[i] = true
	}
}

// Reset empties c and keeps its memory.
func (c *Column) Reset() {
	c.Valid, c.Str, c.Int, c.Flt, c.Bool = nil, c.Str[:0], c.Int[:0], c.Flt[:0], c.Bool[:0]
}

// Batch is a run of rows: Cols all have Rows values.
type Batch struct {
	Cols []Column
	Rows int

	// Numbers say which of the file's rows these are, from 1; nil: those that
	// follow the ones before.
	Numbers []int64
}

// NewBatch returns an empty batch of the schema.
func NewBatch(schema []Field, n int) *Batch {
	b := &Batch{Cols: make([]Column, len(schema))}
	for i, f := range schema {
		b.Cols[i] = NewColumn(f, n)
	}
	return b
}

// Col returns the column of that name, or nil.
func (b *Batch) Col(name string) *Column {
	for i := range b.Cols {
		if b.Cols[i].Name == name {
			return &b.Cols[i]
		}
	}
	return nil
}

// Schema returns the fields of b.
func (b *Batch) Schema() []Field {
	fs := make([]Field, len(b.Cols))
	for i := range b.Cols {
		fs[i] = b.Cols[i].Field
	}
	return fs
}

// AppendRow adds row i of src, a batch of the same schema.
func (b *Batch) AppendRow(src *Batch, i int) {
	for k := range b.Cols {
		b.Cols[k].AppendFrom(&src.Cols[k], i)
	}
	b.Rows++
}

// AppendRows adds the rows of src, a batch of the same schema, that idx names.
func (b *Batch) AppendRows(src *Batch, idx []int) {
	for k := range b.Cols {
		b.Cols[k].AppendRows(&src.Cols[k], idx)
	}
	b.Rows += len(idx)
}

// AppendRows adds the values of src, a column of the same type, that idx names.
func (c *Column) AppendRows(src *Column, idx []int) {
	c.appendValid(src, idx)
	switch c.Type {
	case String:
		for _, i := range idx {
			c.Str = append(c.Str, src.Str[i])
		}
	case Float64:
		for _, i := range idx {
			c.Flt = append(c.Flt, src.Flt[i])
		}
	case Bool:
		for _, i := range idx {
			c.Bool = append(c.Bool, src.Bool[i])
		}
	default:
		for _, i := range idx {
			c.Int = append(c.Int, src.Int[i])
		}
	}
}

// appendValid says which of the values of src that idx names are null.
func (c *Column) appendValid(src *Column, idx []int) {
	if src.Valid != nil {
		c.needValid()
		for _, i := range idx {
			c.Valid = append(c.Valid, src.Valid[i])
		}
	} else if c.Valid != nil {
		for range idx {
			c.Valid = append(c.Valid, true)
		}
	}
}

// Reset empties b and keeps its memory.
func (b *Batch) Reset() {
	b.Numbers = b.Numbers[:0]
	for i := range b.Cols {
		b.Cols[i].Reset()
	}
	b.Rows = 0
}

// Reader yields batches, then io.EOF. A batch is valid for three further calls,
// so that reading can go on while batches before are worked on.
type Reader interface {
	Schema() []Field
	Next() (*Batch, error)
	Close() error
}

// Counted is a Reader that knows how many rows it will yield.
type Counted interface{ Rows() int64 }

// ring is the batches of a Reader, used in turn.
type ring struct {
	b [4]*Batch
	i int
}

func newRing(schema []Field) (r ring) {
	for i := range r.b {
		r.b[i] = NewBatch(schema, 0)
	}
	return r
}

// next returns the batch that was used longest ago, empty.
func (r *ring) next() *Batch {
	r.i = (r.i + 1) % len(r.b)
	r.b[r.i].Reset()
	return r.b[r.i]
}

// Writer takes batches of one schema. Nothing is complete before Close.
type Writer interface {
	Write(*Batch) error
	Close() error
}

// ReadAll reads the rest of r into one batch, or fails with a Contract error
// when there are more than maxRows rows. It does not close r.
func ReadAll(r Reader, maxRows int) (*Batch, error) {
	all := NewBatch(r.Schema(), 0)
	for {
		b, err := r.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if all.Rows+b.Rows > maxRows {
			return nil, aihub.Errorf(aihub.Contract, aihub.Text{
				EN: fmt.Sprintf("the table has more than %d rows", maxRows),
				ZH: fmt.Sprintf("表格超过 %d 行", maxRows),
			})
		}
		for i := range b.Rows {
			all.AppendRow(b, i)
		}
	}
}

// checkBatch returns an error when b is not of the schema: a defect of the caller.
func checkBatch(schema []Field, b *Batch) error {
	if !slices.Equal(schema, b.Schema()) {
		return fmt.Errorf("table: batch of %v written to a table of %v", b.Schema(), schema)
	}
	for i := range b.Cols {
		if c := &b.Cols[i]; c.Len() != b.Rows || c.Valid != nil && len(c.Valid) != b.Rows {
			return fmt.Errorf("table: column %s has %d values in a batch of %d rows", c.Name, c.Len(), b.Rows)
		}
	}
	return nil
}
