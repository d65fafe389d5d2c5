package table

import (
	"bufio"
	"io"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type scanned struct {
	fields []string
	line   []int64
	column []int
}

// scanAll scans text through a buffer of some bytes, which decides how many
// lines lie whole in it.
func scanAll(text string, buffer int) (rows []scanned, f faults) {
	d, _ := newDecoder(strings.NewReader(text), UTF8)
	s := newScanner(bufio.NewReaderSize(d, buffer), ',', &f)
	for s.next() != io.EOF {
		var r scanned
		for i := range s.fields {
			r.fields = append(r.fields, string(s.field(i)))
			r.line = append(r.line, s.fields[i].line)
			r.column = append(r.column, s.column(i))
		}
		s.checkText(d)
		rows = append(rows, r)
	}
	return rows, f
}

// Lines that lie whole in the buffer are read as others are: fields, places, faults.
func TestPlainLines(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("a,b\n", 40)
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for range rapid.IntRange(0, 60).Draw(t, "pieces") {
			b.WriteString(rapid.SampledFrom([]string{"a", "bc", "区", ",", ",", "\n", "\n", "\r\n", "\r", "\"", "\x00", "\xff", " ", many}).Draw(t, "piece"))
		}
		whole, faults := scanAll(b.String(), 64<<10)
		cut, want := scanAll(b.String(), 16)
		if !reflect.DeepEqual(whole, cut) || !reflect.DeepEqual(faults, want) {
			t.Fatalf("%q: %+v %+v, want %+v %+v", b.String(), whole, faults, cut, want)
		}
	})
}
