// Package text measures what algorithms write: translations and summaries
// (BLEU, chrF, ROUGE), answers to questions, and spans found in a text.
//
// Every metric cuts text into tokens by a named tokenizer, which is part of its
// signature: scores by different tokenizers do not compare, and a tokenizer for
// English gives Chinese a BLEU of 0.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The tokenizers.
const (
	Tok13a   = "13a"   // mteval-v13a, as sacrebleu
	TokZh    = "zh"    // as sacrebleu, with its ranges: characters beyond U+FFFF are not split
	TokHan   = "han"   // every Han character, and runs of other letters and digits, lower case; the rest is dropped
	TokSpace = "space" // runs without white space
	TokChar  = "char"  // code points without white space
	TokWord  = "word"  // runs of a-z and 0-9 after lower-casing, as rouge_score: nothing of a Chinese text
)

// Tokenize cuts text by a tokenizer of the list.
func Tokenize(tok, s string) []string {
	switch tok {
	case Tok13a:
		return tok13a(s)
	case TokZh:
		return tokZh(s)
	case TokHan:
		return tokHan(s)
	case TokChar:
		var out []string
		for _, c := range s {
			if !unicode.IsSpace(c) {
				out = append(out, string(c))
			}
		}
		return out
	case TokWord:
		return strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') })
	}
	return strings.Fields(s)
}

func tok13a(s string) []string {
	s = strings.TrimRightFunc(s, space)
	s = strings.ReplaceAll(s, "<skipped>", "")
	s = strings.ReplaceAll(s, "-\n", "")
	s = strings.ReplaceAll(s, "\n", " ")
	if strings.Contains(s, "&") {
		s = strings.ReplaceAll(s, "&quot;", `"`)
		s = strings.ReplaceAll(s, "&amp;", "&")
		s = strings.ReplaceAll(s, "&lt;", "<")
		s = strings.ReplaceAll(s, "&gt;", ">")
	}
	return western(" " + s + " ")
}

// zhRanges are those of sacrebleu 2. It writes '\u20000', which is U+2000 and a
// zero: so the last two ranges are what a comparison of strings makes of that,
// and Extension B is not split.
var zhRanges = [][2]rune{
	{0x3400, 0x4db5}, {0x4e00, 0x9fa5}, {0x9fa6, 0x9fbb}, {0xf900, 0xfa2d}, {0xfa30, 0xfa6a}, {0xfa70, 0xfad9},
	{0xff00, 0xffef}, {0x2e80, 0x2eff}, {0x3000, 0x303f}, {0x31c0, 0x31ef}, {0x2f00, 0x2fdf}, {0x2ff0, 0x2fff},
	{0x3100, 0x312f}, {0x31a0, 0x31bf}, {0xfe10, 0xfe1f}, {0xfe30, 0xfe4f}, {0x2600, 0x26ff}, {0x2700, 0x27bf},
	{0x3200, 0x32ff}, {0x3300, 0x33ff}, {0x2001, 0x2a6d}, {0x2f81, 0x2fa1},
}

func tokZh(s string) []string {
	var b strings.Builder
	for _, c := range strings.TrimFunc(s, space) {
		han := false
		for _, r := range zhRanges {
			if han = c >= r[0] && c <= r[1]; han {
				break
			}
		}
		if han {
			b.WriteByte(' ')
			b.WriteRune(c)
			b.WriteByte(' ')
		} else {
			b.WriteRune(c)
		}
	}
	return western(b.String())
}

// western parts punctuation of mteval's list; stops and commas stay inside
// numbers, a hyphen leaves a number.
func western(s string) []string {
	var b strings.Builder
	for _, c := range s {
		if c >= '{' && c <= '~' || c >= '[' && c <= '`' || c >= ' ' && c <= '&' || c >= '(' && c <= '+' || c >= ':' && c <= '@' || c == '/' {
			b.WriteByte(' ')
			b.WriteRune(c)
			b.WriteByte(' ')
		} else {
			b.WriteRune(c)
		}
	}
	digit := func(c rune) bool { return c >= '0' && c <= '9' }
	stop := func(c rune) bool { return c == '.' || c == ',' }
	s = pairs(b.String(), func(x, y rune) bool { return !digit(x) && stop(y) }, false)
	s = pairs(s, func(x, y rune) bool { return stop(x) && !digit(y) }, true)
	s = pairs(s, func(x, y rune) bool { return digit(x) && y == '-' }, false)
	return strings.FieldsFunc(s, space)
}

// pairs rewrites, from the left, pairs of characters that match and do not
// overlap: "xy" becomes "x y ", or " x y" when first.
func pairs(s string, match func(x, y rune) bool, first bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		x, n := utf8.DecodeRuneInString(s[i:])
		y, m := utf8.DecodeRuneInString(s[i+n:])
		switch {
		case m == 0 || !match(x, y):
			b.WriteString(s[i : i+n])
			i += n
			continue
		case first:
			b.WriteByte(' ')
			b.WriteString(s[i : i+n])
			b.WriteByte(' ')
			b.WriteString(s[i+n : i+n+m])
		default:
			b.WriteString(s[i : i+n])
			b.WriteByte(' ')
			b.WriteString(s[i+n : i+n+m])
			b.WriteByte(' ')
		}
		i += n + m
	}
	return b.String()
}

// space is what Python's str.split takes for white space.
func space(c rune) bool { return unicode.IsSpace(c) || c >= 0x1c && c <= 0x1f }

func tokHan(s string) []string {
	var out []string
	start := -1
	s = strings.ToLower(s)
	for i, c := range s + " " {
		han := unicode.Is(unicode.Han, c)
		word := !han && (unicode.IsLetter(c) || unicode.IsNumber(c) || unicode.IsMark(c))
		if start >= 0 && !word {
			out = append(out, s[start:i])
			start = -1
		}
		switch {
		case han:
			out = append(out, string(c))
		case word && start < 0:
			start = i
		}
	}
	return out
}

// Grams counts the n-grams of tokens.
func Grams(tokens []string, n int) map[string]int64 {
	m := map[string]int64{}
	for i := 0; i+n <= len(tokens); i++ {
		m[strings.Join(tokens[i:i+n], "\x00")]++
	}
	return m
}
