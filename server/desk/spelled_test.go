package desk

import "testing"

// What a reader would not see is written out.
func TestSpelled(t *testing.T) {
	for in, want := range map[string]string{
		"表 a\tb\n":            "表 a\tb\n",
		"a\r\nb\r\n":          "a\nb\n",
		"a\r\nb\n":            "a⟨U+000D⟩\nb\n",
		"a \t\nb ":            "a⟨U+0020⟩⟨U+0009⟩\nb⟨U+0020⟩",
		"a\ufe00b\U000e0101c": "a⟨U+FE00⟩b⟨U+E0101⟩c",
		"\u034f\u115f\u3164":  "⟨U+034F⟩⟨U+115F⟩⟨U+3164⟩",
		"a\u200bb\u202ec":     "a⟨U+200B⟩b⟨U+202E⟩c",
		"":                    "",
	} {
		if got := spelled(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
