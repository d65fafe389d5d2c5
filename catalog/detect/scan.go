package detect

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is a sort of identifier.
type Kind string

// The kinds that Scan finds.
const (
	KindResident   Kind = "resident"    // 公民身份号码, check digit right
	KindResident15 Kind = "resident_15" // the form before 1999, which has none
	KindMobile     Kind = "mobile"      // mainland mobile number
	KindLandline   Kind = "landline"    // area code and local number
	KindCard       Kind = "bank_card"   // issuer and Luhn digit right
	KindUSCC       Kind = "uscc"        // 统一社会信用代码, check character right
	KindEmail      Kind = "email"
	KindPlate      Kind = "plate"       // vehicle plate (GA 36)
	KindPassport   Kind = "passport"    // of mainland China, by its form
	KindIP         Kind = "ip"          // IPv4 or IPv6 address
	KindPlace      Kind = "coordinates" // a latitude and a longitude with four decimals or more
	KindName       Kind = "name"        // in text only beside a cue
	KindAddress    Kind = "address"     // down to a house, building or room
)

// Match is one identifier in a text, as byte offsets.
type Match struct {
	Kind       Kind
	Start, End int
}

// Scan returns the identifiers in s, in order and apart from one another.
func Scan(s string) []Match { return AppendScan(nil, s) }

// AppendScan appends what Scan returns to ms[:0] and returns it: for a caller
// that keeps the memory.
func AppendScan(ms []Match, s string) []Match {
	if unseen(s) >= 0 {
		return scanSeen(s, ms[:0])
	}
	return apart(s, scan(s, ms[:0]))
}

// What a byte of a text can begin.
const (
	plain  = iota // nothing
	small         // a lower-case letter: nothing unless a digit is in its run
	letter        // a capital
	digit
	at     // @
	colon  // :
	threes // a character of three bytes: Han, or full-width
)

var classOf = func() (t [256]uint8) {
	for c := range 256 {
		switch {
		case isDigit(byte(c)):
			t[c] = digit
		case c >= 'A' && c <= 'Z':
			t[c] = letter
		case c >= 'a' && c <= 'z':
			t[c] = small
		case c == '@':
			t[c] = at
		case c == ':':
			t[c] = colon
		case c >= 0xe2 && c <= 0xef:
			t[c] = threes
		}
	}
	return t
}()

// scan goes once over s. Runs of letters and digits are looked at as a whole;
// of Han characters only those that a cue, an address or a plate has at its
// place.
func scan(s string, ms []Match) []Match {
	done := 0 // where the last run ended
	for i := 0; i < len(s); {
		switch classOf[s[i]] {
		case threes:
			if i+2 >= len(s) {
				return ms
			}
			r := rune(s[i]&15)<<12 | rune(s[i+1]&63)<<6 | rune(s[i+2]&63)
			switch f := marks[r]; f {
			case 0:
			case markWide:
				var next int
				if ms, next = scanWide(s, i, ms); next > i {
					i = next
					continue
				}
			case markAt:
				ms = scanEmail(s, i, 3, ms)
			default:
				ms = scanMark(s, i, &marked[f], ms)
			}
			i += 3
		case digit, letter:
			for i > done && isAlpha(s[i-1]) {
				i--
			}
			j, digits := i, 0
			for ; j < len(s); j++ {
				if k := classOf[s[j]]; k == digit {
					digits++
				} else if k != letter && k != small {
					break
				}
			}
			switch {
			case j+2 < len(s) && s[j] == 0xef && digits > 0 && classOf[wide(s[j:])]-small <= digit-small:
				var next int
				if ms, next = scanWide(s, i, ms); next > j {
					j = next
				}
			case digits > 0:
				ms, j = scanRun(s, i, j, ms)
			case s[i] <= 'Z':
				ms = scanLatin(s, i, j, ms)
			}
			i, done = j, j
		case at:
			ms = scanEmail(s, i, 1, ms)
			i++
		case colon:
			ms, i = scanIPv6(s, i, ms)
		default:
			for i++; i < len(s) && classOf[s[i]] <= small; i++ {
			}
		}
	}
	return ms
}

// apart orders matches, phone numbers with their extensions, and lets the longer of
// two that overlap stand; address matches that overlap are one address.
func apart(s string, ms []Match) []Match {
	for i := range ms {
		if k := ms[i].Kind; k == KindLandline || k == KindMobile {
			ms[i].End = Extension(s, ms[i].End)
		}
	}
	if len(ms) < 2 {
		return ms
	}
	slices.SortFunc(ms, func(a, b Match) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return b.End - a.End
	})
	out := ms[:1]
	for _, m := range ms[1:] {
		last := &out[len(out)-1]
		switch {
		case m.Start >= last.End:
			out = append(out, m)
		case m.Kind == last.Kind:
			last.End = max(last.End, m.End)
		case m.End-m.Start > last.End-last.Start:
			// What the shorter one covered alone is covered by the longer one.
			*last = Match{m.Kind, min(m.Start, last.Start), m.End}
		default:
			last.End = max(last.End, m.End)
		}
	}
	return out
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// scanIPv6 looks for an address that begins with the colon s[i], as in ::1, or
// with the letters before it. It returns where the scan goes on.
func scanIPv6(s string, i int, ms []Match) ([]Match, int) {
	from := i
	for from > 0 && i-from <= 4 && isHex(s[from-1]) {
		from--
	}
	if end := ipv6At(s, from); end > 0 {
		return append(ms, Match{KindIP, from, end}), end
	}
	return ms, i + 1
}

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// ipv6At returns the end of the IPv6 address that begins at s[i], or 0: groups
// that are all there, or :: and a digit somewhere, so that a::b of a program is
// none.
func ipv6At(s string, i int) int {
	if i > 0 && (isAlpha(s[i-1]) || isDigit(s[i-1]) || s[i-1] == ':') {
		return 0
	}
	j, colons, digits, double := i, 0, 0, false
	for ; j < len(s) && j < i+45 && (isHex(s[j]) || s[j] == ':' || s[j] == '.'); j++ {
		switch {
		case s[j] == ':':
			colons++
			double = double || j > i && s[j-1] == ':'
		case isDigit(s[j]):
			digits++
		}
	}
	if colons < 2 || digits == 0 || !double && colons != 7 && colons != 6 {
		return 0
	}
	for j > i && (s[j-1] == '.' || s[j-1] == ':' && (j < i+2 || s[j-2] != ':')) {
		j--
	}
	if j < len(s) && isAlpha(s[j]) {
		return 0
	}
	if a, err := netip.ParseAddr(s[i:j]); err != nil || !a.Is6() || a.IsUnspecified() {
		return 0
	}
	return j
}

// scanEmail looks for an address around the @ at s[at:at+w], which may be full-width
// as any character of the address.
func scanEmail(s string, at, w int, ms []Match) []Match {
	i, j := at, at+w
	for {
		c, w := foldLast(s[:i])
		if !isDigit(c) && !isAlpha(c) && (c == 0 || strings.IndexByte("._%+-", c) < 0) {
			break
		}
		i -= w
	}
	var buf [64]byte
	domain := buf[:0]
	for {
		c, w := fold(s[j:])
		if !isDigit(c) && !isAlpha(c) && c != '.' && c != '-' {
			break
		}
		domain = append(domain, c)
		j += w
	}
	for n := len(domain); n > 0 && (domain[n-1] == '.' || domain[n-1] == '-'); n-- {
		_, w := foldLast(s[:j])
		domain, j = domain[:n-1], j-w
	}
	if dot := bytes.LastIndexByte(domain, '.'); i < at && dot > 0 && len(domain)-dot > 2 && isAlpha(domain[dot+1]) {
		ms = append(ms, Match{KindEmail, i, j})
	}
	return ms
}

// fold returns the first character of s, a full-width one as ASCII, and its width;
// 0 for any other.
func fold(s string) (byte, int) {
	if s == "" {
		return 0, 0
	}
	if s[0] < utf8.RuneSelf {
		return s[0], 1
	}
	return wide(s), 3
}

// foldLast is fold of the last character.
func foldLast(s string) (byte, int) {
	switch n := len(s); {
	case n == 0:
		return 0, 0
	case s[n-1] < utf8.RuneSelf:
		return s[n-1], 1
	case n >= 3:
		return wide(s[n-3:]), 3
	}
	return 0, 0
}

// wide returns the ASCII character that s begins with in its full-width form, or 0.
func wide(s string) byte {
	if len(s) >= 3 && s[0] == 0xef && (s[1] == 0xbc && s[2] >= 0x81 && s[2] <= 0xbf || s[1] == 0xbd && s[2] >= 0x80 && s[2] <= 0x9e) {
		return byte(int(s[1])<<6+int(s[2])-(0xbc<<6+0x81)) + '!'
	}
	return 0
}

// scanWide looks at the characters from s[i] on, full-width ones as ASCII, up to
// the first that can be part of no number. It returns where the scan goes on.
func scanWide(s string, i int, ms []Match) ([]Match, int) {
	var folded [64]byte
	var from [65]int
	n, j := 0, i
	for n < len(folded) && j < len(s) {
		c, w := s[j], 1
		if c >= utf8.RuneSelf {
			if c, w = wide(s[j:]), 3; c == 0 {
				if w, _ = sign(s[j:]); w == 0 {
					break
				}
				c = ' ' // parts the groups of a number
				if strings.HasPrefix(s[j:], "—") || strings.HasPrefix(s[j:], "–") {
					c = '-'
				}
			}
		}
		if k := classOf[c]; k == plain && (c == 0 || strings.IndexByte("-. +_%()/", c) < 0) || k == colon {
			break
		}
		folded[n], from[n] = c, j
		n++
		j += w
	}
	from[n] = j
	if n == 0 {
		return ms, i
	}
	first, word := len(ms), ""
	switch { // what a word before the number says holds in either width
	case phoneBefore(s[:i]):
		word = "tel "
	case serialBefore(s[:i]):
		word = "sn "
	case permitBefore(s[:i]):
		word = permitWords[0]
	}
	ms = scan(word+string(folded[:n]), ms)
	for k := first; k < len(ms); k++ {
		ms[k].Start, ms[k].End = from[ms[k].Start-len(word)], from[ms[k].End-len(word)]
	}
	return ms, j
}
