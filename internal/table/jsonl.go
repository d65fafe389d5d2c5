package table

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"aihub"
)

// OpenJSONL reads a table of one JSON object a line from r, twice as OpenCSV
// does. The columns are the names met, in that order; a name that a line does
// not have is null there. An object within an object gives the columns a.b and
// a.c. Numbers are int64 or float64, strings date, timestamp or string, by the
// narrowest type that all have; a column of different kinds is a string. An
// array is refused, unless its column is declared a string, which then holds
// its JSON text, or o.Unread says that the column is dropped anyway.
func OpenJSONL(r io.Reader, o Options) (Reader, error) {
	src, done, err := rewindable(r)
	if err != nil {
		return nil, err
	}
	j := &jsonlReader{src: src, done: done, index: map[string]int{}}
	if err := j.check(o); err != nil {
		done()
		return nil, err
	}
	if err := j.rewind(); err != nil {
		done()
		return nil, err
	}
	return j, nil
}

type jsonlReader struct {
	src     io.ReadSeeker
	done    func() error
	origin  int64
	enc     string
	lines   *lineReader
	line    jsonLine
	index   map[string]int // of a name among the columns
	schema  []Field
	unread  []bool
	missing [][]string // by column: texts that stand for no value
	ring    ring
	batch   *Batch // of it, being filled
	rows    int64  // found by check
	read    int64
	out     leftOut
}

// lineReader yields lines that are not blank, at most maxRecord bytes each; in place
// of a longer one errLongLine, and then those behind it.
type lineReader struct {
	r   *bufio.Reader
	buf []byte
	n   int64 // of the line returned last
}

var errLongLine = errors.New("line too long")

func (l *lineReader) next() ([]byte, error) {
	for {
		l.buf = l.buf[:0]
		l.n++
		long := false
		for {
			b, err := l.r.ReadSlice('\n')
			if long = long || len(l.buf)+len(b) > maxRecord; !long {
				l.buf = append(l.buf, b...)
			}
			if err == bufio.ErrBufferFull {
				continue
			}
			if err != nil && (err != io.EOF || len(l.buf) == 0 && !long) {
				return nil, err
			}
			break
		}
		if long {
			return nil, errLongLine
		}
		if len(bytes.TrimSpace(l.buf)) > 0 {
			return l.buf, nil
		}
	}
}

// jsonGuess is what the values of a column have been so far.
type jsonGuess struct {
	guess
	seen  int64 // row in which the name stood last
	array bool
}

func (g *jsonGuess) see(k jsonKind, v string, row, line int64, f *faults) {
	switch {
	case k == jsonNull, (k == jsonString || k == jsonNumber) && slices.Contains(g.missing, v):
		return
	case k == jsonArray:
		g.array = true
		return
	case k == jsonString && v == "":
		if g.declared == "" {
			g.may, g.some = nil, true
		}
		return
	case g.declared == "":
		// A string of digits is a string, and so is "true".
		g.may = slices.DeleteFunc(g.may, func(t Type) bool {
			return (t == Date || t == Timestamp) != (k == jsonString) || (t == Bool) != (k == jsonBool)
		})
	}
	g.guess.see(v, row, line, f)
}

var notJSONL = aihub.Text{EN: "the JSON Lines file breaks its contract", ZH: "JSON Lines 文件不符合约定"}

// check reads the file once: columns, types, and every defect.
func (j *jsonlReader) check(o Options) error {
	var err error
	if j.origin, err = j.src.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	text, err := newDecoder(&watched{r: j.src, f: o.Watch}, o.Encoding)
	if err != nil {
		return err
	}
	j.lines = &lineReader{r: bufio.NewReaderSize(text, sniffBytes)}
	var f faults
	var cols []jsonGuess
	whole := false // what is at fault is no row
	j.line.emit = func(path []byte, k jsonKind, v []byte) error {
		i, ok := j.index[string(path)]
		if !ok {
			name := string(path)
			switch {
			case len(cols) >= maxColumns:
				return fmt.Errorf("more than %d different names", maxColumns)
			case name == "" || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
				return errors.New("a name that is empty or has control characters")
			}
			i = len(cols)
			j.index[name] = i
			declared := o.Types[name]
			if declared == "" && o.Text {
				declared = String
			}
			cols = append(cols, jsonGuess{guess: newGuess(name, declared)})
			cols[len(cols)-1].missing = o.Missing.Of(name)
		}
		c := &cols[i]
		if c.seen == j.rows {
			return fmt.Errorf("the name %q stands twice", clip(c.name))
		}
		c.seen = j.rows
		c.see(k, string(v), j.rows, j.lines.n, &f)
		return nil
	}
	for {
		b, err := j.lines.next()
		if err == io.EOF {
			break
		}
		if err != nil && err != errLongLine {
			return err
		}
		j.rows++
		if j.rows == 1 && err == nil && bytes.TrimSpace(b)[0] == '[' {
			f.add("json_array", fmt.Sprintf("line %d", j.lines.n), aihub.Text{
				EN: `the file is one JSON array; a table is JSON Lines, one object a line without commas between: jq -c '.[]' FILE > FILE.jsonl`,
				ZH: `文件是一个 JSON 数组；数据表应为 JSON Lines，每行一个对象，行间无逗号：jq -c '.[]' 文件 > 文件.jsonl`})
			whole = true
			break
		}
		if o.MaxRows > 0 && j.rows > o.MaxRows {
			f.add("too_many_rows", fmt.Sprintf("line %d", j.lines.n), aihub.Text{EN: fmt.Sprintf("more than %d rows", o.MaxRows), ZH: fmt.Sprintf("超过 %d 行", o.MaxRows)})
			whole = true
			break
		}
		before, known := f.total, len(cols)
		if err != nil {
			f.add("too_long", fmt.Sprintf("line %d", j.lines.n), aihub.Text{EN: fmt.Sprintf("the line is longer than %d bytes", maxRecord), ZH: fmt.Sprintf("该行超过 %d 字节", maxRecord)})
		} else if err := j.line.read(b); err != nil {
			for _, c := range cols[known:] { // names of a line that is none
				delete(j.index, c.name)
			}
			cols = cols[:known]
			at := min(j.line.at, len(b))
			f.add("json", fmt.Sprintf("line %d, column %d", j.lines.n, utf8.RuneCount(b[:at])+1), aihub.Text{EN: err.Error(), ZH: "不是合法的一行 JSON 对象（" + err.Error() + "）"})
		}
		if f.total > before && len(j.out.rows) <= maxLeftOut {
			j.out.rows = append(j.out.rows, j.rows)
		}
	}
	whole = whole || len(cols) == 0
	rows := f.total // faults of rows
	if j.rows == 0 {
		f.add("empty", "line 1", aihub.Text{EN: "the file has no rows: one JSON object a line is expected", ZH: "文件没有数据：每行应为一个 JSON 对象"})
	}
	for i := range cols {
		c := &cols[i]
		unread := c.array && c.declared != String
		if unread && (o.Unread == nil || !o.Unread(c.name)) {
			f.add("unsupported_column", "column "+clip(c.name), aihub.Text{
				EN: "holds arrays: drop it in the mask plan, or declare it under types as string to keep their JSON text",
				ZH: "含有数组：请在脱敏方案中删除该列，或在 types 中声明为 string 以保留其 JSON 文本"})
		}
		t := c.typ()
		if unread {
			t = String
		}
		j.schema = append(j.schema, Field{c.name, t})
		j.unread = append(j.unread, unread)
		j.missing = append(j.missing, c.missing)
	}
	checkDeclared(o.Types, func(name string) bool { _, ok := j.index[name]; return ok }, &f)
	j.enc = text.found()
	hint := aihub.Text{EN: "mend the places named and try again", ZH: "请修正上述位置后重试"}
	if whole = whole || f.total > rows; j.out.partial(o.CSVOptions, &f, whole, notJSONL, hint) {
		return nil
	}
	return f.err(notJSONL, hint)
}

// rewind starts the second reading.
func (j *jsonlReader) rewind() error {
	if _, err := j.src.Seek(j.origin, io.SeekStart); err != nil {
		return err
	}
	text, err := newDecoder(j.src, j.enc)
	if err != nil {
		return err
	}
	j.lines = &lineReader{r: bufio.NewReaderSize(text, sniffBytes)}
	j.ring = newRing(j.schema)
	j.line.emit = func(path []byte, k jsonKind, v []byte) error {
		i, ok := j.index[string(path)]
		if !ok || j.batch.Cols[i].Len() != j.batch.Rows {
			return changed(nil)
		}
		c := &j.batch.Cols[i]
		switch {
		case k == jsonNull || j.unread[i], (k == jsonString || k == jsonNumber) && slices.Contains(j.missing[i], view(v)):
			c.AppendNull()
		case c.Type == String:
			c.AppendStr(string(v))
		case !c.parse(string(v)):
			return changed(nil)
		}
		return nil
	}
	return nil
}

func (j *jsonlReader) Schema() []Field { return j.schema }

// Rows implements Counted.
func (j *jsonlReader) Rows() int64 { return j.rows - int64(len(j.out.rows)) }

func (j *jsonlReader) Next() (*Batch, error) {
	j.batch = j.ring.next()
	for n := 0; j.batch.Rows < batchRows && n < batchBytes; {
		b, err := j.lines.next()
		if err == io.EOF {
			break
		}
		if err == nil || err == errLongLine {
			if j.read++; j.out.next(j.read) {
				continue
			}
		}
		if err == nil {
			err = j.line.read(b)
		}
		if err != nil || j.read > j.rows {
			return nil, changed(err)
		}
		if j.out.err != nil {
			j.batch.Numbers = append(j.batch.Numbers, j.read)
		}
		j.batch.Rows++
		for i := range j.batch.Cols {
			if c := &j.batch.Cols[i]; c.Len() < j.batch.Rows {
				c.AppendNull()
			}
		}
		n += len(b)
	}
	if j.batch.Rows > 0 {
		return j.batch, nil
	}
	if j.read != j.rows {
		return nil, changed(nil)
	}
	return nil, j.out.end()
}

func (j *jsonlReader) Close() error { return j.done() }
