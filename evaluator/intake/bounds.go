package intake

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// textLines gives the lines of a file, without their ends. One of more than maxLine
// bytes is passed over, and is a fault.
type textLines struct {
	r    *bufio.Reader
	n    int // of the line returned last, from 1
	line []byte
}

func newTextLines(r io.Reader) *textLines { return &textLines{r: bufio.NewReaderSize(r, 1<<16)} }

// next returns a line and its place; io.EOF behind the last.
func (l *textLines) next(g *grouped) (line, where string, err error) {
	for {
		l.line, l.n = l.line[:0], l.n+1
		size, some := 0, false
		for more := true; more; {
			b, err := l.r.ReadSlice('\n')
			more = errors.Is(err, bufio.ErrBufferFull)
			if err != nil && !more && !errors.Is(err, io.EOF) {
				return "", "", fmt.Errorf("read line %d: %w", l.n, err)
			}
			some = some || len(b) > 0
			if size += len(b); size <= maxLine {
				l.line = append(l.line, b...)
			}
		}
		if !some {
			return "", "", io.EOF
		}
		where = "line " + strconv.Itoa(l.n)
		if size <= maxLine {
			return string(l.line), where, nil
		}
		g.fault("bad_line", where, "", fmt.Sprintf("the line has more than %d bytes", maxLine), fmt.Sprintf("该行超过 %d 字节", maxLine))
	}
}

// itemReader reads the items of a list, of which each has at most maxItem bytes and
// what the decoder reads ahead.
type itemReader struct {
	r    io.Reader
	left int
}

const maxItem = MaxCell + 1<<17

var errItem = errors.New("an item is too large")

func (i *itemReader) Read(p []byte) (int, error) {
	if i.left <= 0 {
		return 0, errItem
	}
	n, err := i.r.Read(p[:min(len(p), i.left)])
	i.left -= n
	return n, err
}

// full reports whether the file has more units than it may: the rest is not read.
func (g *grouped) full(where string) bool {
	if g.most == 0 || len(g.first) <= g.most {
		return false
	}
	g.broken = true
	g.fault("too_many_rows", where, "", "the file has far more ids than are expected; the rest was not read", "文件中的标识远超应有数目；其余部分未读取")
	return true
}
