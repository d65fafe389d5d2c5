package main

import (
	"strings"
	"testing"
)

// What a stranger's program wrote cannot talk to a terminal: no escape, bell,
// carriage return, C1 control or change of direction gets through.
func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"\x1b[2J\x1b]0;title\x07x": "·[2J·]0;title·x",
		"good\rbad\b\b":            "good·bad··",
		"\u009b31mred":             "·31mred",
		"a\u202etxt.exe\u2066b":    "a·txt.exe·b",
		"\x00\x7f":                 "··",
		"两行\n\t制表 é":               "两行\n\t制表 é",
		"bad \xff utf-8":           "bad \ufffd utf-8",
	} {
		if got := printable(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
	for c := range rune(0x3000) {
		got := printable(string(c))
		if strings.ContainsFunc(got, func(r rune) bool { return r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f }) {
			t.Errorf("%U gets through", c)
		}
	}
}
