package aihub

import (
	"fmt"
	"slices"
)

// moves lists the legal next states of each state; a state without an entry is
// terminal.
type moves[S ~string] map[S][]S

func (m moves[S]) check(noun string, from, to S) error {
	if slices.Contains(m[from], to) {
		return nil
	}
	return Errorf(Conflict, Text{
		EN: fmt.Sprintf("a %s that is %q cannot become %q", noun, from, to),
		ZH: fmt.Sprintf("%s 处于 %q 状态，不能变为 %q", noun, from, to),
	}).WithHint(Text{EN: "read it again: someone may have moved it", ZH: "请重新读取：可能已有人变更了它"})
}

func (m moves[S]) terminal(s S) bool { return len(m[s]) == 0 }
