package detect

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is a sort of identifier.
type Kind string

// The kinds that Scan finds.
const (
	KindResident Kind = "resident"  // 公民身份号码, check digit right
	KindMobile   Kind = "mobile"    // mainland mobile number
	KindLandline Kind = "landline"  // area code and local number
	KindCard     Kind = "bank_card" // issuer and Luhn digit right
	KindUSCC     Kind = "uscc"      // 统一社会信用代码, check character right
	KindEmail    Kind = "email"
	KindPlate    Kind = "plate"       // vehicle plate (GA 36)
	KindPassport Kind = "passport"    // of mainland China, in text only beside a cue
	KindIP       Kind = "ip"          // IPv4 or IPv6 address
	KindPlace    Kind = "coordinates" // a latitude and a longitude with four decimals or more
	KindName     Kind = "name"        // in text only beside a cue
	KindAddress  Kind = "address"     // down to a house, building or room
)

// Match is one identifier in a text, as byte offsets.
type Match struct {
	Kind       Kind
	Start, End int
}

// Scan returns the identifiers in s, in order and apart from one another.
func Scan(s string) []Match {
	var ms []Match
	ascii, digit, at := true, false, false
	for i := range len(s) {
		c := s[i]
		ascii = ascii && c < utf8.RuneSelf
		digit = digit || c >= '0' && c <= '9'
		at = at || c == '@'
	}
	if digit {
		ms = scanNumbers(s, ms)
	}
	if at {
		ms = scanEmails(s, ms)
	}
	if !ascii {
		ms = scanHan(s, ms)
	}
	return apart(ms)
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

// scanNumbers looks at every run of ASCII letters and digits.
func scanNumbers(s string, ms []Match) []Match {
	for i := 0; i < len(s); {
		if !isDigit(s[i]) && !isAlpha(s[i]) {
			i++
			continue
		}
		j, digits := i, 0
		for j < len(s) && (isDigit(s[j]) || isAlpha(s[j])) {
			if isDigit(s[j]) {
				digits++
			}
			j++
		}
		switch {
		case digits == 0:
		case j-i == 18 && Resident(s[i:j]):
			ms = append(ms, Match{KindResident, i, j})
		case j-i == 18 && USCC(strings.ToUpper(s[i:j])):
			ms = append(ms, Match{KindUSCC, i, j})
		default:
			ms, j = scanRun(s, i, j, ms)
		}
		i = j
	}
	return ms
}

// scanRun looks for a number in the run s[i:j]: behind letters as in tel138…, or
// cut into groups as in 138-1234-5678. It returns where the scan goes on.
func scanRun(s string, i, j int, ms []Match) ([]Match, int) {
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
	for _, prefix := range []string{"", "86", "0086"} {
		if rest, ok := strings.CutPrefix(run, prefix); ok && Mobile(rest) {
			return append(ms, Match{KindMobile, i + len(prefix), j}), j
		}
	}
	switch {
	case BankCard(run):
		return append(ms, Match{KindCard, i, j}), j
	case landline(run):
		return append(ms, Match{KindLandline, i, j}), j
	}
	return scanGroups(s, i, j, ms)
}

// scanGroups reads the number that begins with the group s[i:j] and goes on
// behind single separators.
func scanGroups(s string, i, j int, ms []Match) ([]Match, int) {
	number, ends, sizes := s[i:j], []int{j}, []int{j - i}
	for k := j; len(number) <= 19 && len(ends) < 6; {
		w := separator(s[k:])
		from := k + w
		k = from
		for k < len(s) && isDigit(s[k]) {
			k++
		}
		if w == 0 || k == from || k < len(s) && isAlpha(s[k]) {
			break
		}
		number += s[from:k]
		ends, sizes = append(ends, k), append(sizes, k-from)
	}
	for n := len(ends); n > 1; n-- { // the longest number first
		total := 0
		for _, z := range sizes[:n] {
			total += z
		}
		whole := number[:total]
		kind := Kind("")
		switch {
		case sizes[0] == 3 && Mobile(whole):
			kind = KindMobile
		case sizes[0] == 2 && strings.HasPrefix(whole, "86") && Mobile(whole[2:]):
			kind = KindMobile
		case sizes[0] == 4 && sizes[1] == 4 && n >= 4 && BankCard(whole):
			kind = KindCard
		case n <= 3 && (sizes[0] == 3 || sizes[0] == 4) && landline(whole):
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
	for _, p := range []string{") ", "-", " ", ")", "）", "－", "—"} {
		if strings.HasPrefix(s, p) {
			return len(p)
		}
	}
	return 0
}

func scanEmails(s string, ms []Match) []Match {
	for at := strings.IndexByte(s, '@'); at >= 0; {
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
		next := strings.IndexByte(s[at+1:], '@')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return ms
}
