package screen

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func show(in ...string) string {
	var f Filter
	var out []byte
	for _, s := range in {
		out = f.Append(out, []byte(s))
	}
	return string(out)
}

func TestPasses(t *testing.T) {
	for _, s := range []string{
		"plain\r\n\ttext", "深圳 données 😀", "\x1b[31;1mred\x1b[0m", "\x1b[38;2;1;2;3mx", "\x1b[4:3mwavy", "\x1b[2J\x1b[H\x1b[10;20H\x1b[K",
		"\x1b[?1049h\x1b[?25l\x1b[?2004h", "\x1b7\x1b8\x1bM\x1b(0lqk\x1b(B", "\x1b[3;20r", "\x1b[6n", "\x1b[5 q", "\x1b[!p", "\x1bc",
	} {
		if got := show(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// What writes, prints, asks or hides is gone; the text around it stays.
func TestGone(t *testing.T) {
	for _, s := range []string{
		"\x1b]52;c;cm0gLXJmIH4=\a",                 // the clipboard
		"\x1b]52;c;cm0gLXJmIH4=\x1b\\",             // ended otherwise
		"\x1b]0;a title\a",                         // which can be asked back into the keyboard
		"\x1b]8;;https://evil.example/\x1b\\",      // a link under other words
		"\x1b]1337;File=name=eA==;inline=0:eA==\a", // a file on the person's disk
		"\x1b]50;/bin/sh\a", "\x1b]9;notice\a", "\x1b]777;notify;a;b\a",
		"\x1bP$q\"p\x1b\\", "\x1bPtmux;\x1b\x1b]52;c;eA==\a\x1b\\", "\x1b_Gf=100;AAAA\x1b\\", "\x1b^private\x1b\\", "\x1bXany\x1b\\",
		"\x1b[21t", "\x1b[8;999;999t", "\x1b[c", "\x1b[>c", "\x1b[0x", "\x1b[5i", "\x1b[?5i", "\x1b[4i", // titles, sizes, answers, the printer
		"\x1b[?1000h", "\x1b[?1006h", "\x1b[?1003;1049h", "\x1b[>4;2m", "\x1b[?6n", "\x1b[=1u", "\x1b[<1u",
		"\x1b[999999999b", "\x1b[" + strings.Repeat("1;", 100) + "m",
		"\u009b31m"[:2], "\u009d52;c;eA=="[:2], "\u0090"[:2], "\x05", "\x00", "\x7f", "\u202e", "\u2066",
		"\x1bZ", "\x1b#3", "\x1b%G", "\x1b F",
	} {
		if got := show("before" + s + "after"); got != "beforeafter" {
			t.Errorf("%q leaves %q", s, got)
		}
	}
	// Not text at all.
	if got := show("a\x9b31mb\xff"); got != "a\ufffd31mb\ufffd" {
		t.Errorf("%q", got)
	}
	// A string that never ends shows nothing more, until another sequence begins.
	if got := show("a\x1b]52;c;", strings.Repeat("A", 1<<20), "\x1b[0mb"); got != "a\x1b[0mb" {
		t.Errorf("%d bytes", len(got))
	}
}

// However it is cut, the same comes out.
func FuzzFilter(f *testing.F) {
	f.Add([]byte("a\x1b[31m深\x1b]52;c;eA==\x07z\x1b[?1049h"), 3)
	f.Add([]byte("\xe6\xb7\x1b\x1b[[\x9b\x18"), 1)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		whole := show(string(b))
		cut = min(max(cut, 0), len(b))
		if parts := show(string(b[:cut]), string(b[cut:])); parts != whole {
			t.Errorf("%q in two gives %q, in one %q", b, parts, whole)
		}
		if !utf8.ValidString(whole) {
			t.Errorf("%q is no text", whole)
		}
		if again := show(whole); again != whole {
			t.Errorf("%q is not stable: %q", whole, again)
		}
		for _, bad := range []string{"\x1b]", "\x1bP", "\x1b_", "\x1b^", "\x1bX", "\u009d", "\u009b", "\x05"} {
			if bytes.Contains([]byte(whole), []byte(bad)) {
				t.Errorf("%q holds %q", whole, bad)
			}
		}
	})
}
