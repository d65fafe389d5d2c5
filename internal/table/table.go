// Package table reads and writes columns of data: Parquet, CSV, JSONL. It is
// the only importer of Arrow, and the one place where the rows of a run get
// their random ids. Rooms above see Batches of typed Go slices.
package table

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

// Batch is a run of rows: Cols all have Rows values.
type Batch struct {
	Cols []Column
	Rows int
}

// Reader yields batches, then io.EOF. A batch is valid until the next call.
type Reader interface {
	Schema() []Field
	Next() (*Batch, error)
	Close() error
}

// Writer takes batches of one schema. Nothing is complete before Close.
type Writer interface {
	Write(*Batch) error
	Close() error
}
