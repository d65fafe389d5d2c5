package table

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"aihub"
)

// separatorLine returns the delimiter that the first line of r names as Excel has it,
// sep=; for one, or 0. Nothing is read.
func separatorLine(r *bufio.Reader) (byte, error) {
	head, err := r.Peek(len("sep=;\r\n"))
	if err != nil && err != io.EOF {
		return 0, err
	}
	if len(head) < len("sep=;\n") || !strings.EqualFold(string(head[:4]), "sep=") || strings.IndexByte(",;\t|", head[4]) < 0 || head[5] != '\n' && string(head[5:]) != "\r\n" {
		return 0, nil
	}
	return head[4], nil
}

// title finds out whether the line that is read as the header is a title above it: a
// single text, alone or with empty fields behind it, where rows have several fields.
type title struct {
	line   int64
	single bool // one text
	padded int  // fields in all, the others empty
	fields int  // of the rows that are ragged
	rows   int64
	mixed  bool // they have not all as many
}

func newTitle(line int64, cols []guess) title {
	t := title{line: line, padded: len(cols), single: len(cols) > 0 && cols[0].name != ""}
	for _, c := range cols[min(1, len(cols)):] {
		t.single = t.single && c.name == ""
	}
	return t
}

// ragged counts a row of n fields, which are not as many as the first line has.
func (t *title) ragged(n int) {
	t.rows++
	t.mixed = t.mixed || t.rows > 1 && n != t.fields
	t.fields = n
}

// is reports whether the line is a title, above so many rows: where it stands alone,
// most of them have several fields, and all of those as many.
func (t *title) is(rows int64) bool {
	return t.single && (t.padded > 1 || t.rows > 1 && 2*t.rows >= rows && !t.mixed)
}

func (t *title) err() error {
	n := t.fields
	if t.padded > 1 {
		n = t.padded
	}
	return aihub.Errorf(aihub.Contract, notATable).
		WithHint(aihub.Text{EN: "delete what stands above the line with the column names, and try again", ZH: "请删除列名所在行以上的内容后重试"}).
		WithFaults([]aihub.Fault{{Code: "header", Where: fmt.Sprintf("line %d", t.line), Message: aihub.Text{
			EN: fmt.Sprintf("the header, the names of %d columns, is expected here; there is a single text, as a title is", n),
			ZH: fmt.Sprintf("此处应为表头（%d 个列名），实际只有一段文字，应是标题", n)}}})
}
