// Package speech measures speech recognition, keyword spotting, diarisation and
// speaker verification.
//
// An Utterance is a reference and a hypothesis text. Before they are compared,
// both go through a declared normalisation, and are cut into declared tokens;
// a rate without the two means nothing. Errors are those of a minimal alignment:
// S substitutions, D deletions (of the reference), I insertions.
package speech

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Rules say how a text is normalised and cut.
type Rules struct {
	NFKC  bool // compatibility forms, full width to half width among them
	Lower bool
	Strip bool // punctuation and symbols go; inside a word of letters an apostrophe stays
	Units string
}

// The units of Rules.
const (
	Chars = "chars" // code points, without white space
	Words = "words" // runs without white space
	Mixed = "mixed" // each Han character; other runs of letters, digits and marks are words
)

// Tokens normalises and cuts.
func (r Rules) Tokens(text string) []string {
	if r.NFKC {
		text = norm.NFKC.String(text)
	}
	if r.Lower {
		text = strings.ToLower(text)
	}
	if r.Strip {
		text = strip(text)
	}
	switch r.Units {
	case Words:
		return strings.Fields(text)
	case Mixed:
		return mixed(text)
	}
	out := make([]string, 0, len(text)/2)
	for i, c := range text {
		if !unicode.IsSpace(c) {
			out = append(out, text[i:i+runeLen(text[i:])])
		}
	}
	return out
}

// runeLen is the number of bytes of the first code point; 1 for a bad byte.
func runeLen(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}

// strip turns punctuation and symbols into blanks, so that what they parted
// stays parted.
func strip(text string) string {
	rs := []rune(text)
	letter := func(i int) bool { return i >= 0 && i < len(rs) && unicode.IsLetter(rs[i]) }
	for i, c := range rs {
		if (unicode.IsPunct(c) || unicode.IsSymbol(c)) && !((c == '\'' || c == '’') && letter(i-1) && letter(i+1)) {
			rs[i] = ' '
		}
	}
	return string(rs)
}

// mixed cuts each Han character off, and keeps other runs of letters, digits
// and marks whole; every other visible character is a token of its own.
func mixed(text string) []string {
	var out []string
	start := -1
	flush := func(i int) {
		if start >= 0 {
			out = append(out, text[start:i])
			start = -1
		}
	}
	for i, c := range text {
		switch {
		case unicode.IsSpace(c):
			flush(i)
		case unicode.Is(unicode.Han, c) || !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.IsMark(c) && c != '\'' && c != '’':
			flush(i)
			out = append(out, text[i:i+runeLen(text[i:])])
		case start < 0:
			start = i
		}
	}
	flush(len(text))
	return out
}
