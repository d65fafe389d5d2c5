package table

import (
	"bufio"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
)

// NewCSVWriter writes RFC 4180 text to w: a header, commas, LF, UTF-8 without a
// byte order mark. A null is an empty field. Close flushes; it does not close w.
func NewCSVWriter(w io.Writer, schema []Field) Writer {
	c := &csvWriter{w: bufio.NewWriterSize(w, 64<<10), schema: schema}
	for i, f := range schema {
		c.put(i, f.Name)
	}
	c.w.WriteByte('\n') // bufio keeps its first error for Flush
	return c
}

type csvWriter struct {
	w      *bufio.Writer
	schema []Field
}

func (c *csvWriter) put(i int, v string) {
	if i > 0 {
		c.w.WriteByte(',')
	}
	if v == "" && len(c.schema) == 1 {
		c.w.WriteString(`""`) // an empty line would be no row
		return
	}
	if !strings.ContainsAny(v, "\",\r\n") {
		c.w.WriteString(v)
		return
	}
	c.w.WriteByte('"')
	c.w.WriteString(strings.ReplaceAll(v, `"`, `""`))
	c.w.WriteByte('"')
}

func (c *csvWriter) Write(b *Batch) error {
	if err := checkBatch(c.schema, b); err != nil {
		return err
	}
	for r := range b.Rows {
		for i := range b.Cols {
			v, _ := b.Cols[i].Text(r)
			c.put(i, v)
		}
		if err := c.w.WriteByte('\n'); err != nil {
			return err
		}
	}
	return nil
}

func (c *csvWriter) Close() error { return c.w.Flush() }

// NewJSONLWriter writes one JSON object a row to w, its keys in the order of
// the schema; dates and timestamps are strings; a null, NaN or infinity is
// null. Close flushes; it does not close w.
func NewJSONLWriter(w io.Writer, schema []Field) Writer {
	j := &jsonlWriter{w: bufio.NewWriterSize(w, 64<<10), schema: schema}
	for _, f := range schema {
		j.keys = append(j.keys, string(quote(f.Name))+":")
	}
	return j
}

type jsonlWriter struct {
	w      *bufio.Writer
	schema []Field
	keys   []string
}

func (j *jsonlWriter) Write(b *Batch) error {
	if err := checkBatch(j.schema, b); err != nil {
		return err
	}
	for r := range b.Rows {
		sep := byte('{')
		for i := range b.Cols {
			j.w.WriteByte(sep)
			j.w.WriteString(j.keys[i])
			j.value(&b.Cols[i], r)
			sep = ','
		}
		if _, err := j.w.WriteString("}\n"); err != nil {
			return err
		}
	}
	return nil
}

func (j *jsonlWriter) value(c *Column, r int) {
	v, ok := c.Text(r)
	switch {
	case !ok, c.Type == Float64 && (math.IsNaN(c.Flt[r]) || math.IsInf(c.Flt[r], 0)):
		j.w.WriteString("null")
	case c.Type == String, c.Type == Date, c.Type == Timestamp:
		j.w.Write(quote(v))
	case c.Type == Float64:
		j.w.WriteString(strconv.FormatFloat(c.Flt[r], 'g', -1, 64))
	default:
		j.w.WriteString(v)
	}
}

func (j *jsonlWriter) Close() error { return j.w.Flush() }

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return b
}
