package table

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// NewArrowWriter writes an Arrow IPC stream, one record batch for each Batch.
func NewArrowWriter(w io.Writer, fields []Field) (Writer, error) {
	types := map[Type]arrow.DataType{
		String: arrow.BinaryTypes.String, Int64: arrow.PrimitiveTypes.Int64, Float64: arrow.PrimitiveTypes.Float64,
		Bool: arrow.FixedWidthTypes.Boolean, Date: arrow.FixedWidthTypes.Date32, Timestamp: arrow.FixedWidthTypes.Timestamp_us,
	}
	var list []arrow.Field
	for _, f := range fields {
		t := types[f.Type]
		if t == nil {
			return nil, fmt.Errorf("table: column %s of type %q", f.Name, f.Type)
		}
		list = append(list, arrow.Field{Name: f.Name, Type: t, Nullable: true})
	}
	sc := arrow.NewSchema(list, nil)
	return &arrowWriter{
		w: ipc.NewWriter(w, ipc.WithSchema(sc)), b: array.NewRecordBuilder(memory.NewGoAllocator(), sc), fields: fields,
	}, nil
}

type arrowWriter struct {
	w      *ipc.Writer
	b      *array.RecordBuilder
	fields []Field
}

func (a *arrowWriter) Write(b *Batch) error {
	if err := checkBatch(a.fields, b); err != nil {
		return err
	}
	for i := range b.Cols {
		c := &b.Cols[i]
		switch f := a.b.Field(i).(type) {
		case *array.StringBuilder:
			f.AppendValues(c.Str, c.Valid)
		case *array.Int64Builder:
			f.AppendValues(c.Int, c.Valid)
		case *array.Float64Builder:
			f.AppendValues(c.Flt, c.Valid)
		case *array.BooleanBuilder:
			f.AppendValues(c.Bool, c.Valid)
		case *array.Date32Builder:
			for r, v := range c.Int {
				if f.Append(arrow.Date32(v)); c.Null(r) {
					f.SetNull(r)
				}
			}
		case *array.TimestampBuilder:
			for r, v := range c.Int {
				if f.Append(arrow.Timestamp(v)); c.Null(r) {
					f.SetNull(r)
				}
			}
		}
	}
	rec := a.b.NewRecordBatch()
	defer rec.Release()
	return a.w.Write(rec)
}

func (a *arrowWriter) Close() error { return a.w.Close() }
