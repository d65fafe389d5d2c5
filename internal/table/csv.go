package table

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unsafe"

	"aihub"
)

// CSVOptions says what is known about a CSV file beforehand.
type CSVOptions struct {
	Delimiter byte            // 0: found out among , ; tab |
	Encoding  string          // one of Encodings; "": UTF-8
	Types     map[string]Type // declared types; other columns' are inferred
	Text      bool            // columns without a declared type are strings: nothing is inferred
	Missing   Missing         // texts that stand for no value
	MaxRows   int64           // more are refused; 0: no limit

	// Partial reads a text file although rows of it are at fault: they are left out,
	// Batch.Numbers tell, and their faults are the error that ends the reading, whose
	// cause is ErrLeftOut.
	Partial bool

	// Watch is called while the whole file is checked, with the bytes read so far;
	// an error ends the reading. It may be nil.
	Watch func(bytes int64) error
}

// watched is a file whose reading is watched.
type watched struct {
	r    io.Reader
	f    func(bytes int64) error
	read int64
}

func (w *watched) Read(p []byte) (int, error) {
	if w.f != nil {
		if err := w.f(w.read); err != nil {
			return 0, err
		}
	}
	n, err := w.r.Read(p)
	w.read += int64(n)
	return n, err
}

// Rows of a batch, and the bytes of text that end one early.
const (
	batchRows  = 4096
	batchBytes = 4 << 20
)

// OpenCSV reads a table with a header line from r. The whole file is
// checked first: every defect is in the one Contract error it returns, the
// first 20 of each code with their place. Then the rows are read again, from r
// itself when it can seek, else from an unlinked temporary copy.
//
// An empty field is null. A column whose type is not declared gets the
// narrowest type that all its values have: int64, float64, bool, date,
// timestamp, or string. Numbers with leading zeros are strings.
func OpenCSV(r io.Reader, o CSVOptions) (Reader, error) {
	src, done, err := rewindable(r)
	if err != nil {
		return nil, err
	}
	c := &csvReader{src: src, done: done}
	if err := c.check(o); err != nil {
		done()
		return nil, err
	}
	if err := c.rewind(); err != nil {
		done()
		return nil, err
	}
	return c, nil
}

type csvReader struct {
	src     io.ReadSeeker
	origin  int64 // offset in src at which the file begins
	done    func() error
	delim   byte
	named   bool // line 1 is Excel's sep=, which names the delimiter
	enc     string
	schema  []Field
	missing [][]string // by column: texts that stand for no value
	scan    *scanner
	ring    ring
	rows    int64 // found by check
	read    int64
	texts   []byte // of rows: see keep
	out     leftOut
}

// rewindable returns r if it can seek, else a copy of it in a file that has no
// name any more: nothing of it outlives the process.
func rewindable(r io.Reader) (io.ReadSeeker, func() error, error) {
	if s, ok := r.(io.ReadSeeker); ok {
		if _, err := s.Seek(0, io.SeekCurrent); err == nil {
			return s, func() error { return nil }, nil
		}
	}
	f, err := os.CreateTemp("", "aihub-csv-*")
	if err != nil {
		return nil, nil, fmt.Errorf("copy a CSV: %w", err)
	}
	err = os.Remove(f.Name())
	if err == nil {
		_, err = io.Copy(f, r)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("copy a CSV: %w", err)
	}
	return f, f.Close, nil
}

// check reads the file once: header, types, and every defect.
func (c *csvReader) check(o CSVOptions) error {
	var err error
	if c.origin, err = c.src.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	text, err := newDecoder(&watched{r: c.src, f: o.Watch}, o.Encoding)
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(text, sniffBytes)
	c.delim = o.Delimiter
	separator, err := separatorLine(r)
	if err != nil {
		return err
	}
	if c.named = separator != 0; c.named && c.delim == 0 {
		c.delim = separator
	}
	if c.delim == 0 {
		if c.delim, err = sniff(r); err != nil {
			return err
		}
	}
	var f faults
	s := newScanner(r, c.delim, &f)
	if c.named {
		if err := s.next(); err != nil {
			return err
		}
	}
	if err := s.next(); err == io.EOF {
		f.add("empty", "line 1", aihub.Text{EN: "the file is empty: a header line with column names is expected", ZH: "文件为空：需要一行列名"})
		return f.err(notATable, aihub.Text{})
	} else if err != nil {
		return err
	}
	s.checkText(text)
	cols := c.header(s, &f, o)
	title := newTitle(s.start, cols)
	whole := f.total > 0 // what is at fault is no row
	bad := func() {      // the row
		if n := len(c.out.rows); n <= maxLeftOut && (n == 0 || c.out.rows[n-1] != c.rows) {
			c.out.rows = append(c.out.rows, c.rows)
		}
	}
	for {
		before := f.total
		if err := s.next(); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		c.rows++
		if o.MaxRows > 0 && c.rows > o.MaxRows {
			f.add("too_many_rows", fmt.Sprintf("line %d", s.start), aihub.Text{
				EN: fmt.Sprintf("more than %d rows", o.MaxRows), ZH: fmt.Sprintf("超过 %d 行", o.MaxRows)})
			whole = true
			break
		}
		s.checkText(text)
		if len(s.fields) != len(cols) {
			title.ragged(len(s.fields))
			f.add("ragged", fmt.Sprintf("line %d", s.start), aihub.Text{
				EN: fmt.Sprintf("row %d has %d fields, the header has %d", c.rows, len(s.fields), len(cols)),
				ZH: fmt.Sprintf("第 %d 行数据有 %d 个字段，表头有 %d 个", c.rows, len(s.fields), len(cols))})
			bad()
			continue
		}
		for i := range cols {
			if cols[i].declared != String && !slices.Contains(cols[i].missing, view(s.field(i))) {
				cols[i].see(view(s.field(i)), c.rows, s.fields[i].line, &f)
			}
		}
		if f.total > before {
			bad()
		}
	}
	for i := range cols {
		c.schema = append(c.schema, Field{cols[i].name, cols[i].typ()})
		c.missing = append(c.missing, cols[i].missing)
	}
	c.enc = text.found()
	hint := aihub.Text{
		EN: fmt.Sprintf("the file was read as %s, its fields separated by %q; mend the places named and try again", c.enc, string(c.delim)),
		ZH: fmt.Sprintf("文件按 %s 编码读取，字段分隔符为 %q；请修正上述位置后重试", c.enc, string(c.delim)),
	}
	if !o.Partial && title.is(c.rows) {
		return title.err()
	}
	if c.out.partial(o, &f, whole, notATable, hint) {
		return nil
	}
	return f.err(notATable, hint)
}

var notATable = aihub.Text{EN: "the CSV file breaks its contract", ZH: "CSV 文件不符合约定"}

// header checks the column names and starts what is known of each column.
func (c *csvReader) header(s *scanner, f *faults, o CSVOptions) []guess {
	var cols []guess
	seen := map[string]int{}
	for i := range s.fields {
		name := strings.TrimSpace(string(s.field(i)))
		where := fmt.Sprintf("line %d, column %d", s.fields[i].line, s.column(i)+1)
		switch {
		case name == "":
			f.add("column_name", where, aihub.Text{EN: fmt.Sprintf("column %d has no name", i+1), ZH: fmt.Sprintf("第 %d 列没有列名", i+1)})
		case len(name) > maxName || strings.ContainsFunc(name, unicode.IsControl):
			f.add("column_name", where, aihub.Text{EN: fmt.Sprintf("the name of column %d is longer than %d bytes or has control characters", i+1, maxName), ZH: fmt.Sprintf("第 %d 列的列名超过 %d 字节或含控制字符", i+1, maxName)})
		case seen[name] > 0:
			f.add("duplicate_column", where, aihub.Text{EN: fmt.Sprintf("columns %d and %d are both named %q", seen[name], i+1, clip(name)), ZH: fmt.Sprintf("第 %d 列与第 %d 列同名：%q", seen[name], i+1, clip(name))})
		}
		seen[name] = i + 1
		declared := o.Types[name]
		if declared == "" && o.Text {
			declared = String
		}
		g := newGuess(name, declared)
		g.missing = o.Missing.Of(name)
		cols = append(cols, g)
	}
	checkDeclared(o.Types, func(name string) bool { return seen[name] > 0 }, f)
	return cols
}

// guess is what the values of a column have been so far.
type guess struct {
	name     string
	declared Type
	may      []Type // still possible, narrowest first
	big      bool   // an integer beyond 2^53: a float would not keep it
	some     bool
	missing  []string // texts that stand for no value
}

func newGuess(name string, declared Type) guess {
	g := guess{name: name, declared: declared}
	if declared == "" {
		g.may = []Type{Int64, Float64, Bool, Date, Timestamp}
	}
	return g
}

func (g *guess) see(v string, row, line int64, f *faults) {
	if v == "" {
		return
	}
	if g.declared != "" {
		if g.declared.Known() && !fits(g.declared, v) {
			f.add("type", fmt.Sprintf("row %d (line %d), column %s", row, line, clip(g.name)), aihub.Text{
				EN: fmt.Sprintf("expected %s, found text that looks like %q", g.declared, Shape(v)),
				ZH: fmt.Sprintf("应为 %s，实际内容形如 %q", g.declared, Shape(v)),
			})
		}
		return
	}
	g.some = true
	g.may = slices.DeleteFunc(g.may, func(t Type) (no bool) {
		ok := false
		switch t {
		case Int64:
			n, isInt := parseInt(v, false)
			ok = isInt
			g.big = g.big || isInt && (n > 1<<53 || n < -1<<53)
		case Float64:
			_, ok = parseFloat(v, false)
		case Bool:
			_, ok = parseBool(v)
		case Date:
			_, ok = ParseDate(v)
		case Timestamp:
			_, ok = parseTimestamp(v)
		}
		return !ok
	})
}

func (g *guess) typ() Type {
	if g.declared != "" {
		return g.declared
	}
	for _, t := range g.may {
		if g.some && !(t == Float64 && g.big) {
			return t
		}
	}
	return String
}

// view is b as a string, for as long as nobody writes to b.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// fits reports whether v can be read as a declared t.
func fits(t Type, v string) (ok bool) {
	switch t {
	case String:
		ok = true
	case Float64:
		_, ok = parseFloat(v, true)
	case Bool:
		_, ok = parseBool(v)
	default:
		_, ok = parseWhole(t, v)
	}
	return ok
}

// parseWhole reads a value that is kept as an integer: of Int64, Date, Timestamp.
func parseWhole(t Type, v string) (n int64, ok bool) {
	switch t {
	case Int64:
		return parseInt(v, true)
	case Date:
		return ParseDate(v)
	case Timestamp:
		return parseTimestamp(v)
	}
	return 0, false
}

// ParseText appends the value that v stands for, as a CSV file's field of a
// declared type is read; "" is null. It reports whether v can be read.
func (c *Column) ParseText(v string) bool { return c.parse(v) }

// parse appends the value that v stands for; "" is null.
func (c *Column) parse(v string) (ok bool) {
	if v == "" {
		c.AppendNull()
		return true
	}
	switch c.Type {
	case String:
		c.AppendStr(v)
		return true
	case Float64:
		var f float64
		if f, ok = parseFloat(v, true); ok {
			c.AppendFlt(f)
		}
	case Bool:
		var b bool
		if b, ok = parseBool(v); ok {
			c.AppendBool(b)
		}
	default:
		var n int64
		if n, ok = parseWhole(c.Type, v); ok {
			c.AppendInt(n)
		}
	}
	return ok
}

// rewind starts the second reading, behind the header.
func (c *csvReader) rewind() error {
	if _, err := c.src.Seek(c.origin, io.SeekStart); err != nil {
		return err
	}
	text, err := newDecoder(c.src, c.enc)
	if err != nil {
		return err
	}
	c.scan = newScanner(bufio.NewReaderSize(text, sniffBytes), c.delim, nil)
	c.ring = newRing(c.schema)
	if c.named {
		if err := c.scan.next(); err != nil {
			return changed(err)
		}
	}
	if err := c.scan.next(); err != nil {
		return changed(err)
	}
	return nil
}

func (c *csvReader) Schema() []Field { return c.schema }

// Rows implements Counted.
func (c *csvReader) Rows() int64 { return c.rows - int64(len(c.out.rows)) }

func (c *csvReader) Next() (*Batch, error) {
	b := c.ring.next()
	for n := 0; b.Rows < batchRows && n < batchBytes; {
		err := c.scan.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if c.read++; c.out.next(c.read) {
			continue
		}
		if len(c.scan.fields) != len(c.schema) || c.read > c.rows {
			return nil, changed(nil)
		}
		if c.out.err != nil {
			b.Numbers = append(b.Numbers, c.read)
		}
		row := c.keep(c.scan.rec)
		for i := range b.Cols {
			f := c.scan.fields[i]
			v := row[f.from:f.to]
			if slices.Contains(c.missing[i], v) {
				v = ""
			}
			if !b.Cols[i].parse(v) {
				return nil, changed(nil)
			}
		}
		b.Rows++
		n += len(c.scan.rec)
	}
	if b.Rows > 0 {
		return b, nil
	}
	if c.read != c.rows {
		return nil, changed(nil)
	}
	return nil, c.out.end()
}

// keep copies a record to where nothing is written again: one allocation serves
// the texts of many rows.
func (c *csvReader) keep(rec []byte) string {
	if len(rec) > cap(c.texts)-len(c.texts) {
		c.texts = make([]byte, 0, max(16<<10, len(rec)))
	}
	at := len(c.texts)
	c.texts = append(c.texts, rec...)
	return view(c.texts[at:])
}

func (c *csvReader) Close() error { return c.done() }

// changed is the error for a text file that was another one when it was checked.
func changed(err error) error {
	return aihub.Errorf(aihub.Conflict, aihub.Text{EN: "the file changed while it was read", ZH: "文件在读取过程中被改动"}).Because(err)
}
