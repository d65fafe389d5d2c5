package sandbox

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLivePassesWholeCharacters(t *testing.T) {
	var got []string
	l := &live{append: func(_ context.Context, s string) error { got = append(got, s); return nil }}
	text := strings.Repeat("市民上报，", 10_000) // three bytes a character, and longer than one excerpt
	for i := 0; i < len(text); i += 1000 {
		_, _ = l.Write([]byte(text[i:min(i+1000, len(text))]))
		if err := l.flush(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = l.Write([]byte("\xe5\xb8")) // cut off for good
	if err := l.flush(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for i, s := range got[:len(got)-1] {
		if !utf8.ValidString(s) {
			t.Fatalf("excerpt %d is cut inside a character", i)
		}
	}
	if joined := strings.Join(got, ""); joined != text+"\xe5\xb8" {
		t.Errorf("%d bytes were passed on, want %d", len(joined), len(text)+2)
	}
	for _, s := range got {
		if len(s) > excerpt {
			t.Errorf("an excerpt of %d bytes", len(s))
		}
	}
	if string(l.bytes()) != text+"\xe5\xb8" {
		t.Error("the kept log differs")
	}
}

func TestWhole(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "a市": 4, "a市"[:3]: 1, "a市"[:2]: 1, "\xff\xff": 2, "\x80\x80\x80\x80": 4, "😀"[:3]: 0, "a\xc3": 1,
	} {
		if got := whole([]byte(s)); got != want {
			t.Errorf("whole(%q) = %d, want %d", s, got, want)
		}
	}
}
