package detect

import "strings"

// extensions are what stands between a phone number and its extension; the longer
// ones first.
var extensions = []string{"转分机号", "转分机", "分机号", "分机", "内线", "转接", "转", "轉", "extension", "ext.", "ext", "x", "-", "－", "#", "＃"}

// extensionRunes begin them: behind most numbers stands something else.
var extensionRunes = runeSet("转轉分内eExX-－#＃")

// Extension returns where the phone number that ends at s[end] ends with its
// extension, as in 0755-12345678转801, -801, 分机：801 or ext. 801: one to six digits.
// Behind a word a number may be one of its own (转3次); it is hidden then, too.
func Extension(s string, end int) int {
	blank := func(i int) int {
		for i < len(s) && (s[i] == ' ' || s[i] == ':' || s[i] == '(' || s[i] == ')') {
			i++
		}
		if i+3 <= len(s) && s[i] == 0xef {
			switch s[i : i+3] {
			case "：", "（", "）", "，":
				return i + 3
			}
		}
		return i
	}
	from := blank(end)
	if from >= len(s) {
		return end
	}
	if r, _ := rune3(s[from:]); !extensionRunes.has(r) {
		return end
	}
	for _, w := range extensions {
		if len(s)-from <= len(w) || !strings.EqualFold(s[from:from+len(w)], w) {
			continue
		}
		if len(w) == 1 && from > end+1 { // a list, or a sum
			return end
		}
		i := from + len(w)
		if len(w) > 1 {
			i = blank(i)
		}
		to := digitsFrom(s, i)
		if to < len(s) && s[to] == '-' { // a date
			return end
		}
		if n := to - i; n >= 1 && n <= 6 && (to == len(s) || !isAlpha(s[to])) && (len(w) > 1 || n >= 2) {
			return to
		}
		return end
	}
	return end
}
