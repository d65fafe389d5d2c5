package table

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"aihub"
)

// Bounds of a CSV file. A record is at most maxRecord bytes whatever its fields.
const (
	maxField   = 1 << 20
	maxRecord  = 16 << 20
	maxColumns = 2000
	maxName    = 200 // bytes of a column's name
	sniffBytes = 64 << 10
)

// scanner reads records of RFC 4180 text. It goes on after a defect, so that
// one reading finds them all; faults is nil in the second reading.
type scanner struct {
	r     *bufio.Reader
	delim byte
	line  int64 // of the next byte, from 1
	col   int   // characters before the next byte on its line

	rec    []byte // all fields of the record, one after another; delimiters may stand between them
	own    []byte // memory of rec where it is not a line in r's buffer
	clean  int    // bytes of r's buffer in which there is no quote, no CR and no NUL
	streak int    // plain lines without another in between
	fields []span
	start  int64 // line on which the record began
	faults *faults
}

// span is one field of scanner.rec and where it began.
type span struct {
	from, to int
	line     int64
	col      int // -1: see scanner.column
	quoted   bool
}

func newScanner(r *bufio.Reader, delim byte, f *faults) *scanner {
	return &scanner{r: r, delim: delim, line: 1, faults: f}
}

func (s *scanner) field(i int) []byte { return s.rec[s.fields[i].from:s.fields[i].to] }

func (s *scanner) fault(code string, line int64, col int, en, zh string) {
	if s.faults != nil {
		s.faults.add(code, fmt.Sprintf("line %d, column %d", line, col+1), aihub.Text{EN: en, ZH: zh})
	}
}

// States of a field.
const (
	atStart  = iota // nothing read of the field
	plain           // in a field without quotes
	inQuotes        // between quotes
	afterEnd        // behind the closing quote
)

// next reads the next record that is not an empty line; io.EOF at the end.
func (s *scanner) next() error {
	for {
		if s.plainLine() {
			if len(s.rec) > 0 {
				return nil
			}
			continue
		}
		err := s.record()
		if err != nil || len(s.fields) > 1 || s.fields[0].quoted || s.fields[0].to > 0 {
			return err
		}
	}
}

// plainLine is record for the usual one: a line without quotes that lies whole in
// the buffer, where rec then is. It reports false, and has read nothing, when it is another.
func (s *scanner) plainLine() bool {
	head, _ := s.r.Peek(s.r.Buffered())
	n := bytes.IndexByte(head, '\n')
	if n < 0 || n > maxField || s.col > 0 {
		return false
	}
	line := head[:n]
	if n >= s.clean {
		// Behind some plain lines, what is in the buffer is looked through at once.
		look := head[:n]
		if s.streak >= 32 {
			look = head
		}
		for _, b := range [...]byte{'\r', '"', 0} {
			if i := bytes.IndexByte(look, b); i >= 0 {
				look = look[:i]
			}
		}
		s.clean = max(len(look), n)
		if n > len(look) {
			if n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			if bytes.IndexByte(line, '"') >= 0 || bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
				s.clean, s.streak = 0, 0
				return false
			}
		}
	}
	s.rec, s.fields, s.start = line, s.fields[:0], s.line
	from := 0
	for i, b := range line {
		if b == s.delim {
			if len(s.fields) == maxColumns {
				s.clean, s.streak = 0, 0
				return false
			}
			s.fields = append(s.fields, span{from: from, to: i, line: s.line, col: -1})
			from = i + 1
		}
	}
	if len(s.fields) == maxColumns {
		s.clean, s.streak = 0, 0
		return false
	}
	s.fields = append(s.fields, span{from: from, to: len(line), line: s.line, col: -1})
	s.r.Discard(n + 1)
	s.clean = max(0, s.clean-n-1)
	s.streak++
	s.line++
	return true
}

// column is where field i begins, in characters of its line.
func (s *scanner) column(i int) int {
	f := s.fields[i]
	if f.col >= 0 {
		return f.col
	}
	n := 0
	for _, b := range s.rec[:f.from] {
		if b&0xc0 != 0x80 {
			n++
		}
	}
	return n
}

func (s *scanner) record() error {
	s.rec, s.fields, s.start = s.own[:0], s.fields[:0], s.line
	defer func() { s.own, s.clean, s.streak = s.rec[:0], 0, 0 }()
	state := atStart
	f := span{line: s.line, col: s.col}
	tooLong, tooMany := false, false
	put := func(b byte) {
		if len(s.rec)-f.from < maxField && len(s.rec) < maxRecord {
			s.rec = append(s.rec, b)
			return
		}
		if !tooLong {
			tooLong = true
			s.fault("too_long", f.line, f.col,
				fmt.Sprintf("a field is longer than %d bytes, or its row longer than %d; is a quote missing?", maxField, maxRecord),
				fmt.Sprintf("字段超过 %d 字节，或该行超过 %d 字节；是否缺少引号？", maxField, maxRecord))
		}
	}
	end := func() {
		f.to = len(s.rec)
		if len(s.fields) < maxColumns+1 {
			s.fields = append(s.fields, f)
		} else if !tooMany {
			tooMany = true
			s.fault("too_many_columns", f.line, f.col, fmt.Sprintf("a row has more than %d fields", maxColumns), fmt.Sprintf("一行超过 %d 个字段", maxColumns))
		}
		f = span{from: len(s.rec), line: s.line, col: s.col}
		state, tooLong = atStart, false
	}
	for {
		b, err := s.r.ReadByte()
		if err != nil && err != io.EOF {
			return err
		}
		if err == io.EOF {
			if state == inQuotes {
				s.fault("open_quote", f.line, f.col, "the file ends inside this quoted field", "文件在此带引号字段内结束")
			}
			if state == atStart && len(s.fields) == 0 {
				return io.EOF
			}
			end()
			return nil
		}
		if b&0xc0 != 0x80 { // count characters, not bytes
			s.col++
		}
		if b == 0 {
			s.fault("nul", s.line, s.col-1, "a NUL byte: this is not a text file, or one in UTF-16 (say encoding: utf-16le)", "含 NUL 字节：这不是文本文件，或为 UTF-16 编码（请声明 encoding: utf-16le）")
			continue
		}
		if state == inQuotes {
			switch b {
			case '"':
				if n, _ := s.r.Peek(1); len(n) == 1 && n[0] == '"' {
					s.r.ReadByte()
					s.col++
					put('"')
				} else {
					state = afterEnd
				}
			case '\n':
				put(b)
				s.line, s.col = s.line+1, 0
			default:
				put(b)
			}
			continue
		}
		switch {
		case b == s.delim:
			end()
		case b == '\n' || b == '\r':
			if b == '\r' {
				if n, _ := s.r.Peek(1); len(n) == 1 && n[0] == '\n' {
					s.r.ReadByte()
				}
			}
			s.line, s.col = s.line+1, 0
			end()
			return nil
		case b == '"' && state == atStart:
			state, f.quoted = inQuotes, true
		case b == '"' && state == plain:
			s.fault("bad_quote", s.line, s.col-1,
				"a quote inside a field: put the field in quotes and double the quote inside it",
				"字段中间出现引号：请给整个字段加引号，并将其中的引号写两次")
			put(b)
		case state == afterEnd:
			s.fault("bad_quote", s.line, s.col-1,
				"text behind a closing quote: double a quote that belongs to the field",
				"右引号之后仍有内容：属于字段内容的引号请写两次")
			state = plain
			put(b)
		default:
			state = plain
			put(b)
		}
	}
}

// checkText reports fields that are not text in the file's encoding. A decoder
// other than UTF-8's puts U+FFFD for what it cannot read.
func (s *scanner) checkText(d *decoder) {
	if d.found() == UTF8 && s.fields[0].col < 0 && utf8.Valid(s.rec) {
		return // of a plain line: fields and delimiters
	}
	for i, f := range s.fields {
		switch v := s.field(i); {
		case !utf8.Valid(v):
			s.fault("encoding", f.line, s.column(i), "not UTF-8: save the file as UTF-8, or say encoding: gb18030", "不是 UTF-8 编码：请将文件另存为 UTF-8，或声明 encoding: gb18030")
		case d.found() != UTF8 && bytes.ContainsRune(v, utf8.RuneError):
			s.fault("encoding", f.line, s.column(i), "not "+d.found()+": save the file as UTF-8, or say which encoding it has", "不是 "+d.found()+" 编码：请将文件另存为 UTF-8，或声明其编码")
		}
	}
}

// sniff picks the delimiter that cuts the first records into the same number of
// fields, the most fields if several do; a comma when none does.
func sniff(r *bufio.Reader) (byte, error) {
	head, err := r.Peek(sniffBytes)
	if err != nil && err != io.EOF {
		return 0, err
	}
	complete := err == io.EOF
	best, bestFields, bestSame := byte(','), 1, false
	for _, d := range []byte{',', ';', '\t', '|'} {
		s := newScanner(bufio.NewReader(bytes.NewReader(head)), d, nil)
		n, same, rows := 0, true, 0
		for ; rows < 50; rows++ {
			if s.next() != nil {
				break
			}
			if _, more := s.r.Peek(1); more != nil && !complete && rows > 0 {
				break // the last record may be cut off
			}
			if rows == 0 {
				n = len(s.fields)
			}
			same = same && len(s.fields) == n
		}
		if n > 1 && (same && !bestSame || same == bestSame && n > bestFields) {
			best, bestFields, bestSame = d, n, same
		}
	}
	return best, nil
}
