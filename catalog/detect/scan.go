package detect

import (
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
			if f := marks[r]; f != 0 {
				if f == markWide {
					var next int
					if ms, next = scanWide(s, i, ms); next > i {
						i = next
						continue
					}
				} else {
					ms = scanMark(s, i, &marked[f], ms)
				}
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
			ms = scanEmail(s, i, ms)
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

// scanRun looks for a number in the run s[i:j] of letters and digits: alone,
// behind letters as in tel138…, or cut into groups as in 138-1234-5678. It
// returns where the scan goes on.
func scanRun(s string, i, j int, ms []Match) ([]Match, int) {
	switch run := s[i:j]; {
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
	for i < j && isAlpha(s[i]) {
		i++
	}
	run := s[i:j]
	if len(run) == 18 && Resident(run) {
		return append(ms, Match{KindResident, i, j}), j
	}
	if !digits(run) {
		return ms, j
	}
	if j < len(s) && s[j] == '.' {
		if m, next := scanDots(s, i, j); next > j {
			if m.Kind != "" {
				ms = append(ms, m)
			}
			return ms, next
		}
	}
	switch n := len(run); {
	case n < 2:
		return ms, j
	case n == 11 && Mobile(run):
		return append(ms, Match{KindMobile, i, j}), j
	case n == 13 && run[:2] == "86" && Mobile(run[2:]):
		return append(ms, Match{KindMobile, i + 2, j}), j
	case n == 15 && run[:4] == "0086" && Mobile(run[4:]):
		return append(ms, Match{KindMobile, i + 4, j}), j
	case n >= 15 && BankCard(run):
		return append(ms, Match{KindCard, i, j}), j
	case n == 15 && Resident15(run):
		return append(ms, Match{KindResident15, i, j}), j
	case landline(run):
		return append(ms, Match{KindLandline, i, j}), j
	case n > 4 || j == len(s):
		return ms, j // no first group of a number
	}
	return scanGroups(s, i, j, ms)
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

// scanGroups reads the number that begins with the group s[i:j] and goes on
// behind single separators.
func scanGroups(s string, i, j int, ms []Match) ([]Match, int) {
	var number [32]byte
	var ends, upTo [7]int // of the groups: in s, in number
	total := copy(number[:], s[i:j])
	ends[0], upTo[0] = j, total
	n := 1
	for k := j; total <= 19 && n < 6; n++ {
		w := separator(s[k:])
		from := k + w
		k = from
		for k < len(s) && isDigit(s[k]) {
			k++
		}
		if w == 0 || k == from || k-from > 12 || k < len(s) && isAlpha(s[k]) {
			break
		}
		total += copy(number[total:], s[from:k])
		ends[n], upTo[n] = k, total
	}
	first := j - i
	for ; n > 1; n-- { // the longest number first
		whole := number[:upTo[n-1]]
		kind := Kind("")
		switch {
		case first == 3 && len(whole) == 11 && Mobile(string(whole)):
			kind = KindMobile
		case first == 2 && len(whole) == 13 && string(whole[:2]) == "86" && Mobile(string(whole[2:])):
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
	case 0xe2, 0xef:
		for _, p := range []string{"）", "－", "—"} {
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
		if end-i <= 15 && (k == len(s) || !isAlpha(s[k])) {
			if a, err := netip.ParseAddr(s[i:end]); err == nil && a.Is4() {
				return Match{KindIP, i, end}, end
			}
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

// scanEmail looks for an address around the @ at s[at].
func scanEmail(s string, at int, ms []Match) []Match {
	i, j := at, at+1
	for i > 0 && (isDigit(s[i-1]) || isAlpha(s[i-1]) || strings.IndexByte("._%+-", s[i-1]) >= 0) {
		i--
	}
	for j < len(s) && (isDigit(s[j]) || isAlpha(s[j]) || s[j] == '.' || s[j] == '-') {
		j++
	}
	for j > at+1 && (s[j-1] == '.' || s[j-1] == '-') {
		j--
	}
	domain := s[at+1 : j]
	if dot := strings.LastIndexByte(domain, '.'); i < at && dot > 0 && len(domain)-dot > 2 && isAlpha(domain[dot+1]) {
		ms = append(ms, Match{KindEmail, i, j})
	}
	return ms
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
		if k := classOf[c]; k == plain && c != '-' && c != '.' && c != ' ' && c != '+' || k == colon {
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
