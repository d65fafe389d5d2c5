package table

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"aihub"
)

// maxShown is how many faults of one code are reported one by one.
const maxShown = 20

// faults collects the defects of one file: the first maxShown of each code and
// the total of each.
type faults struct {
	list  []aihub.Fault
	count map[string]int64
	codes []string
	total int64
}

// ErrLeftOut is the cause of the Contract error that ends a reading in which every
// row was given but those at fault, which the error names.
var ErrLeftOut = errors.New("rows at fault were left out")

// maxLeftOut is how many rows a partial reading leaves out. A file with more is
// refused before the first is read.
const maxLeftOut = 1 << 16

// leftOut are the rows of a text file that a partial reading leaves out, in order.
type leftOut struct {
	rows []int64
	read int   // of rows, by the second reading
	err  error // at the end; nil when no row is at fault
}

// next reports whether this row of the second reading is left out.
func (l *leftOut) next(row int64) bool {
	if l.read < len(l.rows) && l.rows[l.read] == row {
		l.read++
		return true
	}
	return false
}

// end is what ends the second reading.
func (l *leftOut) end() error { return cmp.Or(l.err, io.EOF) }

// partial makes the faults those of rows that are left out, and reports whether
// that will do: when it was said so, and nothing is wrong with the file as a whole.
func (l *leftOut) partial(o CSVOptions, f *faults, whole bool, what, hint aihub.Text) bool {
	if !o.Partial || whole || f.total == 0 || len(l.rows) > maxLeftOut {
		return false
	}
	l.err = f.err(what, hint)
	var e *aihub.Error
	if errors.As(l.err, &e) {
		l.err = e.Because(ErrLeftOut)
	}
	return true
}

func (f *faults) add(code, where string, msg aihub.Text) {
	if f.count == nil {
		f.count = map[string]int64{}
	}
	if f.count[code] == 0 {
		f.codes = append(f.codes, code)
	}
	f.total++
	f.count[code]++
	if f.count[code] <= maxShown {
		f.list = append(f.list, aihub.Fault{Code: code, Where: where, Message: msg})
	}
}

// err returns everything as one Contract error, or nil.
func (f *faults) err(what aihub.Text, hint aihub.Text) error {
	if len(f.list) == 0 {
		return nil
	}
	list := f.list
	for _, c := range f.codes {
		if n := f.count[c]; n > maxShown {
			list = append(list, aihub.Fault{Code: c, Count: n, Message: aihub.Text{
				EN: fmt.Sprintf("%d in all; the first %d are shown", n, maxShown),
				ZH: fmt.Sprintf("共 %d 处；以上为前 %d 处", n, maxShown),
			}})
		}
	}
	return aihub.Errorf(aihub.Contract, what).WithHint(hint).WithFaults(list)
}

// Shape renders what s looks like without saying what it is: digits become 9,
// letters a or A, Han characters 字, anything else above ASCII ·. It is cut at
// 24 characters.
func Shape(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > 24 {
			b.WriteString("…")
			break
		}
		switch {
		case r >= '0' && r <= '9':
			r = '9'
		case r >= 'a' && r <= 'z':
			r = 'a'
		case r >= 'A' && r <= 'Z':
			r = 'A'
		case r >= 0x3400 && r <= 0x9fff || r >= 0x20000 && r <= 0x323af:
			r = '字'
		case r < ' ' || r > '~':
			r = '·'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// clip bounds a foreign name before it is quoted in a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
