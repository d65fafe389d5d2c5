package table

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/klauspost/compress/zstd"
)

// A row group of the files we write ends at groupRows rows or groupBytes of
// text, wherever the batches end: the bytes depend on the rows alone.
const (
	groupRows  = 1 << 16
	groupBytes = 64 << 20
)

// RowsWriter is a Writer that can take some rows of a batch.
type RowsWriter interface {
	Writer
	WriteRows(b *Batch, idx []int) error
}

// NewParquetWriter writes Parquet to w: zstd, every column optional, no
// statistics, no key-value metadata, a constant created_by. The same rows give
// the same bytes however they are cut into batches. Close writes the footer; it
// does not close w.
func NewParquetWriter(w io.Writer, fields []Field) (RowsWriter, error) {
	nodes := make(schema.FieldList, len(fields))
	for i, f := range fields {
		n, err := leaf(f)
		if err != nil {
			return nil, fmt.Errorf("table: column %q: %w", f.Name, err)
		}
		nodes[i] = n
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, nodes, -1)
	if err != nil {
		return nil, fmt.Errorf("table: schema: %w", err)
	}
	return &parquetWriter{w: w, root: root, schema: fields, group: NewBatch(fields, 0), texts: make([]texts, len(fields))}, nil
}

// zstdPages compresses pages as the library does, with a window that is no larger than
// they are: each of the library's encoders keeps 16 MiB for one of 8 MiB, and there
// are more of them than processors.
type zstdPages struct{ bounded }

var pageEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithZeroFrames(true), zstd.WithAllLitEntropyCompression(true), zstd.WithWindowSize(2<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err)
	}
	return e
})

func (zstdPages) Encode(dst, src []byte) []byte { return pageEncoder().EncodeAll(src, dst[:0]) }

func (z zstdPages) EncodeLevel(dst, src []byte, level int) []byte {
	if level != compress.DefaultCompressionLevel {
		return z.bounded.EncodeLevel(dst, src, level)
	}
	return z.Encode(dst, src)
}

// begin starts the file, when its first row group is known: a column that hardly
// repeats there gets no dictionary. The others keep theirs whatever its size,
// for a column that changes its mind has its encodings listed in the order of a
// Go map, and so another digest each time.
func (p *parquetWriter) begin() error {
	if p.fw != nil {
		return nil
	}
	props := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd), // pure Go: the same bytes on every processor
		parquet.WithStats(false),
		parquet.WithCreatedBy("aihub version 1.0.0"),
		parquet.WithMaxRowGroupLength(groupRows),
		parquet.WithDictionaryPageSizeLimit(2 * groupBytes),
	}
	for i := range p.group.Cols {
		if c := &p.group.Cols[i]; !p.repeats(i) {
			props = append(props, parquet.WithDictionaryFor(c.Name, false))
		}
	}
	var err error
	p.fw, err = file.NewParquetWriterWithError(struct{ io.Writer }{p.w}, p.root, // hides Close, which is the caller's
		file.WithWriterProps(parquet.NewWriterProperties(props...)))
	if err != nil {
		return fmt.Errorf("table: parquet: %w", err)
	}
	return nil
}

// repeats reports whether at most half of the values of column i are different.
func (p *parquetWriter) repeats(i int) bool {
	switch c := &p.group.Cols[i]; c.Type {
	case String:
		values := make([]string, p.group.Rows)
		for r := range values {
			values[r] = string(p.texts[i].at(r))
		}
		return fewer(values)
	case Float64:
		return fewer(c.Flt)
	case Bool:
		return true
	default:
		return fewer(c.Int)
	}
}

func fewer[T comparable](values []T) bool {
	seen := make(map[T]struct{}, min(len(values), 1024))
	for _, v := range values {
		if seen[v] = struct{}{}; len(seen) > len(values)/2 && len(seen) > 16 {
			return false
		}
	}
	return true
}

func leaf(f Field) (schema.Node, error) {
	node := func(l schema.LogicalType, p parquet.Type) (schema.Node, error) {
		return schema.NewPrimitiveNodeLogical(f.Name, parquet.Repetitions.Optional, l, p, 0, -1)
	}
	switch f.Type {
	case String:
		return node(schema.StringLogicalType{}, parquet.Types.ByteArray)
	case Int64:
		return node(schema.NoLogicalType{}, parquet.Types.Int64)
	case Float64:
		return node(schema.NoLogicalType{}, parquet.Types.Double)
	case Bool:
		return node(schema.NoLogicalType{}, parquet.Types.Boolean)
	case Date:
		return node(schema.DateLogicalType{}, parquet.Types.Int32)
	case Timestamp:
		return node(schema.NewTimestampLogicalType(true, schema.TimeUnitMicros), parquet.Types.Int64)
	}
	return nil, fmt.Errorf("no type %q", f.Type)
}

type parquetWriter struct {
	w      io.Writer
	root   *schema.GroupNode
	fw     *file.Writer // nil until the first row group is written
	schema []Field
	group  *Batch  // the row group being filled, but for its texts
	texts  []texts // by column
	bytes  int
	all    []int
	failed error // the first error: a writer that failed writes no footer
}

// chunkMaker is what a column chunk is made with. Many writers fill row groups side by
// side, and few write one: the makers are theirs in turn.
type chunkMaker struct {
	values []parquet.ByteArray
	defs   []int16
}

var chunkMakers = sync.Pool{New: func() any { return new(chunkMaker) }}

// texts are values one behind the other, and where each of them ends. Strings would
// each be memory of their own, and keep what they were cut out of.
type texts struct {
	data []byte
	ends []uint32
}

func (t *texts) append(c *Column, idx []int) {
	size := 0
	for _, i := range idx {
		if !c.Null(i) {
			size += len(c.Str[i])
		}
	}
	t.grow(size, len(idx))
	for _, i := range idx {
		if !c.Null(i) {
			t.data = append(t.data, c.Str[i]...)
		}
		t.ends = append(t.ends, uint32(len(t.data)))
	}
}

// grow makes room for n more values of size bytes: as soon as it is known about how
// long they are, for those of a whole row group and not much more.
func (t *texts) grow(size, n int) {
	rows, bytes := len(t.ends)+n, len(t.data)+size
	wantRows, wantBytes := max(rows, 2*cap(t.ends)), max(bytes, 2*cap(t.data))
	if rows > groupRows/16 {
		wantRows = max(rows, groupRows)
		wantBytes = max(bytes, min(bytes/rows*groupRows/32*33+groupRows, groupBytes))
	}
	if bytes > cap(t.data) {
		t.data = append(make([]byte, 0, wantBytes), t.data...)
	}
	if rows > cap(t.ends) {
		t.ends = append(make([]uint32, 0, wantRows), t.ends...)
	}
}

func (t *texts) at(i int) []byte {
	if i == 0 {
		return t.data[:t.ends[0]]
	}
	return t.data[t.ends[i-1]:t.ends[i]]
}

func (p *parquetWriter) Write(b *Batch) error {
	if p.failed != nil {
		return p.failed
	}
	if err := checkBatch(p.schema, b); err != nil {
		return err
	}
	p.all = p.all[:0]
	for r := range b.Rows {
		p.all = append(p.all, r)
	}
	return p.write(b, p.all)
}

// WriteRows writes the rows of b that idx names, as Write would.
func (p *parquetWriter) WriteRows(b *Batch, idx []int) error {
	if p.failed != nil {
		return p.failed
	}
	if err := checkBatch(p.schema, b); err != nil {
		return err
	}
	return p.write(b, idx)
}

func (p *parquetWriter) write(b *Batch, idx []int) error {
	for len(idx) > 0 {
		n := 0
		for n < len(idx) && p.group.Rows+n < groupRows && p.bytes < groupBytes {
			for i := range b.Cols {
				if b.Cols[i].Type == String {
					p.bytes += len(b.Cols[i].Str[idx[n]])
				}
			}
			n++
		}
		for i := range b.Cols {
			if c := &p.group.Cols[i]; c.Type == String {
				if b.Cols[i].Valid != nil && c.Valid == nil { // the column itself does not know how many it has
					c.Valid = slices.Repeat([]bool{true}, p.group.Rows)
				}
				c.appendValid(&b.Cols[i], idx[:n])
				p.texts[i].append(&b.Cols[i], idx[:n])
			} else {
				c.AppendRows(&b.Cols[i], idx[:n])
			}
		}
		p.group.Rows += n
		idx = idx[n:]
		if p.group.Rows == groupRows || p.bytes >= groupBytes {
			if p.failed = p.flush(); p.failed != nil {
				return p.failed
			}
		}
	}
	return nil
}

func (p *parquetWriter) Close() error {
	if p.failed == nil {
		p.failed = p.flush()
	}
	if p.failed == nil {
		p.failed = p.begin() // of a file without rows
	}
	if p.failed != nil {
		return p.failed
	}
	p.failed = fmt.Errorf("table: the Parquet writer is closed")
	return p.fw.Close()
}

func (p *parquetWriter) flush() error {
	if p.group.Rows == 0 {
		return nil
	}
	if err := p.begin(); err != nil {
		return err
	}
	rg, err := p.fw.AppendRowGroupChecked()
	if err != nil {
		return fmt.Errorf("table: parquet: %w", err)
	}
	m := chunkMakers.Get().(*chunkMaker)
	defer func() {
		clear(m.values) // which hold our texts
		chunkMakers.Put(m)
	}()
	for i := range p.group.Cols {
		cw, err := rg.NextColumn()
		if err == nil {
			err = p.writeColumn(cw, i, m)
		}
		if err == nil {
			err = cw.Close()
		}
		if err != nil {
			return fmt.Errorf("table: parquet column %q: %w", p.group.Cols[i].Name, err)
		}
	}
	p.group.Reset()
	for i := range p.texts {
		p.texts[i].data, p.texts[i].ends = p.texts[i].data[:0], p.texts[i].ends[:0]
	}
	p.bytes = 0
	return rg.Close()
}

// writeColumn writes one column chunk: definition levels, and the values that
// are not null.
func (p *parquetWriter) writeColumn(cw file.ColumnChunkWriter, col int, m *chunkMaker) error {
	c := &p.group.Cols[col]
	m.defs = m.defs[:0]
	for i := range p.group.Rows {
		d := int16(1)
		if c.Null(i) {
			d = 0
		}
		m.defs = append(m.defs, d)
	}
	var err error
	switch w := cw.(type) {
	case *file.ByteArrayColumnChunkWriter:
		m.values = m.values[:0]
		for i := range p.group.Rows {
			if !c.Null(i) {
				m.values = append(m.values, p.texts[col].at(i))
			}
		}
		_, err = w.WriteBatch(m.values, m.defs, nil)
	case *file.Int64ColumnChunkWriter:
		_, err = w.WriteBatch(dense(c, c.Int, func(v int64) int64 { return v }), m.defs, nil)
	case *file.Int32ColumnChunkWriter:
		for i, v := range c.Int {
			if int64(int32(v)) != v {
				return fmt.Errorf("date of row %d is out of range", i+1)
			}
		}
		_, err = w.WriteBatch(dense(c, c.Int, func(v int64) int32 { return int32(v) }), m.defs, nil)
	case *file.Float64ColumnChunkWriter:
		_, err = w.WriteBatch(dense(c, c.Flt, func(v float64) float64 { return v }), m.defs, nil)
	case *file.BooleanColumnChunkWriter:
		_, err = w.WriteBatch(dense(c, c.Bool, func(v bool) bool { return v }), m.defs, nil)
	default:
		err = fmt.Errorf("no writer for %s", c.Type)
	}
	return err
}

// dense returns the values of c that are not null.
func dense[A, B any](c *Column, vals []A, conv func(A) B) []B {
	out := make([]B, 0, len(vals))
	for i, v := range vals {
		if !c.Null(i) {
			out = append(out, conv(v))
		}
	}
	return out
}
