package table

import (
	"fmt"
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
}

func (f *faults) add(code, where string, msg aihub.Text) {
	if f.count == nil {
		f.count = map[string]int64{}
	}
	if f.count[code] == 0 {
		f.codes = append(f.codes, code)
	}
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
