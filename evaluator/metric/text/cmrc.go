package text

import (
	"strings"
	"unicode"

	"aihub/evaluator/metric"
)

// cmrcMarks are what CMRC 2018's script takes out of answers.
const cmrcMarks = "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』"

// cmrcPlain is an answer as that script compares it whole.
func cmrcPlain(s string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(cmrcMarks, c) {
			return -1
		}
		return c
	}, strings.TrimSpace(strings.ToLower(s)))
}

// cmrcTokens are the Han characters of an answer, U+4E00 to U+9FA5, and between them
// words. The script has NLTK cut these; here white space and ASCII punctuation do, each
// mark a token but for a point or comma between digits and an apostrophe in a word.
func cmrcTokens(s string) (out []string) {
	runes := []rune(cmrcPlain(s))
	from := 0
	flush := func(to int) {
		if to > from {
			out = append(out, string(runes[from:to]))
		}
		from = to + 1
	}
	inside := func(i int, is func(rune) bool) bool {
		return i > from && i+1 < len(runes) && is(runes[i-1]) && is(runes[i+1])
	}
	for i, c := range runes {
		switch {
		case unicode.IsSpace(c):
			flush(i)
		case (c == '.' || c == ',') && inside(i, unicode.IsDigit), c == '\'' && inside(i, unicode.IsLetter):
		case c >= 0x4e00 && c <= 0x9fa5, c < 128 && strings.ContainsRune(ascii, c):
			flush(i)
			out = append(out, string(c))
		}
	}
	flush(len(runes))
	return out
}

// runF1 is the F1 of the longest run of tokens that both hold: 1 when both are empty.
func runF1(a, b []string) float64 {
	if len(a)+len(b) == 0 {
		return 1
	}
	longest := 0
	row := make([]int, len(b)+1)
	for _, x := range a {
		for j := len(b); j > 0; j-- {
			if row[j] = row[j-1] + 1; x != b[j-1] {
				row[j] = 0
			}
			longest = max(longest, row[j])
		}
	}
	return metric.Quo(2*int64(longest), int64(len(a)+len(b)))
}
