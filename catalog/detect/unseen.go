package detect

import "strings"

// unseen returns where the first character without width stands in s (U+200B to
// U+200D, U+2060), as text copied from web pages has them, or -1.
func unseen(s string) int {
	for at := 0; ; at++ {
		i := strings.IndexByte(s[at:], 0xe2)
		if i < 0 {
			return -1
		}
		if at += i; unseenAt(s[at:]) {
			return at
		}
	}
}

func unseenAt(s string) bool {
	return len(s) >= 3 && s[0] == 0xe2 && (s[1] == 0x80 && s[2] >= 0x8b && s[2] <= 0x8d || s[1] == 0x81 && s[2] == 0xa0)
}

// scanSeen finds in s what a reader sees in it, who sees no characters without width.
func scanSeen(s string, ms []Match) []Match {
	seen, from := make([]byte, 0, len(s)), make([]int, 0, len(s))
	for i := 0; i < len(s); {
		if unseenAt(s[i:]) {
			i += 3
			continue
		}
		seen, from = append(seen, s[i]), append(from, i)
		i++
	}
	ms = apart(string(seen), scan(string(seen), ms))
	for k, m := range ms {
		ms[k].Start, ms[k].End = from[m.Start], from[m.End-1]+1
	}
	return ms
}
