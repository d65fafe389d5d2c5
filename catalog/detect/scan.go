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
func Scan(s string) []Match { return apart(scan(s, nil)) }

// AppendScan appends what Scan returns to ms[:0] and returns it: for a caller
// that keeps the memory.
func AppendScan(ms []Match, s string) []Match { return apart(scan(s, ms[:0])) }

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

// apart orders matches and lets the longer of two that overlap stand; address
// matches that overlap are one address.
func apart(ms []Match) []Match {
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

// scanRun looks for numbers in the run s[i:j] of letters and digits: alone, between
// letters as in tel138…QQ, or cut into groups as in 138-1234-5678. It returns where
// the scan goes on.
func scanRun(s string, i, j int, ms []Match) ([]Match, int) {
	switch run := s[i:j]; {
	case len(run) == 11 && Mobile(run): // the most frequent
		return append(ms, Match{KindMobile, i, j}), j
	case len(run) == 18 && Resident(run):
		return append(ms, Match{KindResident, i, j}), j
	case len(run) == 18 && usccAnyCase(run):
		return append(ms, Match{KindUSCC, i, j}), j
	case len(run) == 9 && Passport(run):
		return append(ms, Match{KindPassport, i, j}), j
	}
	if j < len(s) && s[j] == ':' {
		if end := ipv6At(s, i); end > 0 {
			return append(ms, Match{KindIP, i, end}), end
		}
	}
	if digest(s[i:j]) {
		return ms, j
	}
	for i < j {
		letters := i
		for i < j && isAlpha(s[i]) {
			i++
		}
		end := i
		for end < j && isDigit(s[end]) {
			end++
		}
		if end == i {
			break
		}
		if end == j && j < len(s) && s[j] == '.' {
			if m, next := scanDots(s, i, j); next > j {
				if m.Kind != "" {
					ms = append(ms, m)
				}
				return ms, next
			}
		}
		switch m := stretch(s[:j], letters, i, end); {
		case m.Kind != "":
			ms, end = append(ms, m), max(end, m.End)
		case end == j && j < len(s) && end-i >= 2 && end-i <= maxGroup:
			return scanGroups(s, i, j, ms)
		}
		i = end
	}
	return ms, j
}

// digest reports whether a run is the hex digits of a hash: by chance some hold
// eleven digits in a row.
func digest(run string) bool {
	switch len(run) {
	case 32, 40, 56, 64, 96, 128:
	default:
		return false
	}
	letters := false
	for i := range len(run) {
		if !isHex(run[i]) {
			return false
		}
		letters = letters || isAlpha(run[i])
	}
	return letters
}

// stretch says what the digits s[i:j] are, which no other digit touches: alone,
// with the letters s[letters:i] before them, or with what follows.
func stretch(s string, letters, i, j int) Match {
	run, n := s[i:j], j-i
	switch {
	case n < 7:
	case n == 18 && Resident(run):
		return Match{KindResident, i, j}
	case n == 17 && j < len(s) && Resident(s[i:j+1]):
		return Match{KindResident, i, j + 1}
	case i-letters == 1 && usccAt(s, letters):
		return Match{KindUSCC, letters, letters + 18}
	case n >= 8 && usccAt(s, i):
		return Match{KindUSCC, i, i + 18}
	case n >= 15 && BankCard(run):
		return Match{KindCard, i, j}
	case n == 15 && Resident15(run):
		return Match{KindResident15, i, j}
	case n == 11 && Mobile(run):
		return Match{KindMobile, i, j}
	case n == 13 && run[:2] == "86" && Mobile(run[2:]):
		return Match{KindMobile, i + 2, j}
	case n == 15 && run[:4] == "0086" && Mobile(run[4:]):
		return Match{KindMobile, i + 4, j}
	case landline(run):
		return Match{KindLandline, i, j}
	case i-letters <= 2 && Passport(s[letters:j]):
		return Match{KindPassport, letters, j}
	}
	return Match{}
}

// usccAt reports whether a unified social credit code stands at s[i:i+18]; a digit
// behind its last one would be part of it.
func usccAt(s string, i int) bool {
	return i+18 <= len(s) && (i+18 == len(s) || !isDigit(s[i+17]) || !isDigit(s[i+18])) && usccAnyCase(s[i:i+18])
}

func usccAnyCase(s string) bool {
	if !isDigit(s[2]) || !isDigit(s[3]) {
		return false
	}
	var b [18]byte
	for i := range b {
		c := s[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		b[i] = c
	}
	return USCC(string(b[:]))
}

// maxGroup is how many digits stand in one group of a number at most.
const maxGroup = 14

// scanGroups reads the number that begins with the group s[i:j] and goes on
// behind single separators.
func scanGroups(s string, i, j int, ms []Match) ([]Match, int) {
	var number [32]byte
	var ends, upTo [7]int // of the groups: in s, in number
	total := copy(number[:], s[i:j])
	ends[0], upTo[0] = j, total
	n := 1
	for k := j; total <= 17 && n < 6 && (k == len(s) || !isAlpha(s[k])); n++ {
		w := separator(s[k:])
		from := k + w
		k = digitsFrom(s, from)
		if w == 0 || k == from || k-from > maxGroup {
			break
		}
		if total+k-from == 17 && k < len(s) && upper(s[k]) == 'X' {
			k++
		}
		total += copy(number[total:], s[from:k])
		ends[n], upTo[n] = k, total
	}
	first := j - i
	for ; n > 1; n-- { // the longest number first
		whole := number[:upTo[n-1]]
		kind := Kind("")
		switch {
		case len(whole) == 18 && Resident(string(whole)):
			kind = KindResident
		case (first == 3 || first == 7 && n == 2) && len(whole) == 11 && Mobile(string(whole)):
			kind = KindMobile
		case first == 2 && len(whole) == 13 && string(whole[:2]) == "86" && Mobile(string(whole[2:])):
			kind = KindMobile
		case first == 4 && len(whole) == 15 && string(whole[:4]) == "0086" && Mobile(string(whole[4:])):
			kind = KindMobile
		case first == 4 && upTo[1] == 8 && n >= 4 && BankCard(string(whole)):
			kind = KindCard
		case n <= 3 && first >= 3 && whole[0] == '0' && landline(string(whole)):
			kind = KindLandline
		}
		if kind != "" {
			return append(ms, Match{kind, i, ends[n-1]}), ends[n-1]
		}
	}
	return ms, j
}

// separators stand between the groups of a number, beside a hyphen, a blank and a
// closing bracket: hyphens and dashes, blanks of other widths and of none.
var separators = []string{"）", "－", "—", "–", "‐", "‑", "\u00a0", "\u3000", "\u2009", "\u200b"}

// separator returns the width of what may part the groups of a number.
func separator(s string) int {
	if s == "" {
		return 0
	}
	switch s[0] {
	case '-', ' ':
		return 1
	case ')':
		if strings.HasPrefix(s, ") ") {
			return 2
		}
		return 1
	case 0xc2, 0xe2, 0xe3, 0xef:
		for _, p := range separators {
			if strings.HasPrefix(s, p) {
				return len(p)
			}
		}
	}
	return 0
}

// scanDots reads the digits s[i:j] and what follows behind a dot: an IPv4
// address, or a decimal number that may be the first of a pair of coordinates.
// It returns where the scan goes on: j when there is nothing behind the dot.
func scanDots(s string, i, j int) (Match, int) {
	k := digitsFrom(s, j+1)
	if k == j+1 || i > 0 && s[i-1] == '.' {
		return Match{}, j
	}
	if k < len(s) && s[k] == '.' && digitsFrom(s, k+1) > k+1 {
		end := k
		for k < len(s) && s[k] == '.' && digitsFrom(s, k+1) > k+1 {
			k = digitsFrom(s, k+1)
			end = k
		}
		if end-i <= 15 {
			if a, err := netip.ParseAddr(s[i:end]); err == nil && a.Is4() {
				return Match{KindIP, i, end}, end
			}
		}
		if j == i+3 && k == j+10 && s[j+5] == '.' && Mobile(s[i:j]+s[j+1:j+5]+s[j+6:k]) {
			return Match{KindMobile, i, k}, k
		}
		return Match{}, end
	}
	a, ok := degrees(s[i:j], s[j+1:k])
	if !ok {
		return Match{}, k
	}
	p := k
	for p < len(s) && p < k+4 && strings.IndexByte(" ,;/EN", s[p]) >= 0 {
		p++
	}
	if strings.HasPrefix(s[p:], "，") || strings.HasPrefix(s[p:], "、") {
		p += 3
	}
	if p == k {
		return Match{}, k
	}
	if p < len(s) && s[p] == '-' {
		p++
	}
	q := digitsFrom(s, p)
	if q == p || q == len(s) || s[q] != '.' {
		return Match{}, k
	}
	e := digitsFrom(s, q+1)
	if b, ok := degrees(s[p:q], s[q+1:e]); !ok || a > 90 && b > 90 {
		return Match{}, k
	}
	if i > 0 && s[i-1] == '-' {
		i--
	}
	return Match{KindPlace, i, e}, e
}

// degrees returns the whole part of a number of degrees with four decimals or more.
func degrees(whole, decimals string) (int, bool) {
	if len(whole) > 3 || len(decimals) < 4 || len(decimals) > 15 {
		return 0, false
	}
	d := num(whole)
	return d, d < 180
}

func digitsFrom(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

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
				break
			}
		}
		if k := classOf[c]; k == plain && (c == 0 || strings.IndexByte("-. +_%", c) < 0) || k == colon {
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
	first := len(ms)
	ms = scan(string(folded[:n]), ms)
	for k := first; k < len(ms); k++ {
		ms[k].Start, ms[k].End = from[ms[k].Start], from[ms[k].End]
	}
	return ms, j
}
