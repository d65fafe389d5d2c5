package detect

import (
	"net/netip"
	"strings"
)

// scanRun looks for numbers in the run s[i:j] of letters and digits: alone, between
// letters as in tel138…QQ, or cut into groups as in 138-1234-5678. It returns where
// the scan goes on.
func scanRun(s string, i, j int, ms []Match) ([]Match, int) {
	switch run := s[i:j]; {
	case len(run) == 11 && Mobile(run): // the most frequent
		if j+1 < len(s) && s[j] == '.' && isDigit(s[j+1]) {
			if end := amount(s, i, j); end > 0 {
				return ms, end
			}
		}
		return append(ms, Match{KindMobile, i, j}), j
	case len(run) == 18 && Resident(run):
		return append(ms, Match{KindResident, i, j}), j
	case len(run) == 18 && usccAnyCase(run):
		return append(ms, Match{KindUSCC, i, j}), j
	case len(run) == 9 && Passport(run) && (i == 0 || !isDigit(s[i-1])): // not of 1.5E12345678
		if !serialBefore(s[:i]) {
			ms = append(ms, Match{KindPassport, i, j})
		}
		return ms, j
	case (len(run) == 8 || len(run) == 4 || len(run) == 12) && (j < len(s) && s[j] == '-' || i > 0 && s[i-1] == '-'):
		if end := uuidAround(s, i, len(run)); end > 0 {
			return ms, end
		}
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
		if end == j && j < len(s) && (s[j] == 0xc2 || s[j] == 0xe5) {
			if m, next := scanArcs(s, i, j); next > j {
				return append(ms, m), next
			}
		}
		if end == j && j < len(s) && s[j] == '-' {
			if m := estateRooms(s, i, j); m.End > j {
				return append(ms, m), m.End
			}
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

// digest reports whether a run is the hex digits of a hash, or of an ObjectId of
// MongoDB: by chance some hold eleven digits in a row.
func digest(run string) bool {
	least := 1
	switch len(run) {
	case 32, 40, 56, 64, 96, 128:
	case 24:
		least = 3 // letters that stand apart: a number with a word behind it is none
	default:
		return false
	}
	apart := 0
	for i := range len(run) {
		if !isHex(run[i]) {
			return false
		}
		if isAlpha(run[i]) && (i == 0 || isDigit(run[i-1])) {
			apart++
		}
	}
	return apart >= least
}

// uuidAround returns the end of the UUID (8-4-4-4-12 hex digits, a letter among
// them) that the run of n letters and digits at s[i] is a group of, or 0.
func uuidAround(s string, i, n int) int {
	for _, k := range [...]int{0, 9, 14, 19, 24} {
		if from := i - k; from >= 0 && from+36 <= len(s) && (k == 0) == (n == 8) && (k == 24) == (n == 12) && isUUID(s[from:from+36]) &&
			(from == 0 || !isAlpha(s[from-1]) && !isDigit(s[from-1])) && (from+36 == len(s) || !isAlpha(s[from+36]) && !isDigit(s[from+36])) {
			return from + 36
		}
	}
	return 0
}

func isUUID(s string) bool {
	letter := false
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHex(s[i]) {
				return false
			}
			letter = letter || isAlpha(s[i])
		}
	}
	return letter
}

// units are what an amount of money or a quantity has behind it or before it.
var units = []string{"元", "万", "亿", "圆", "%", "％", "美元", "港元", "RMB", "CNY", "USD", "¥", "￥", "$"}

// amount returns the end of the number s[i:j] with the digits behind its dot, when
// that is no mobile number and a full stop: with two decimals, with a unit, or alone
// in its field. A number that a tool wrote as 13812345678.0 is none of these.
func amount(s string, i, j int) int {
	end := digitsFrom(s, j+1)
	if end < len(s) && (s[end] == '.' || isAlpha(s[end])) && !strings.HasPrefix(s[end:], "RMB") && !strings.HasPrefix(s[end:], "CNY") && !strings.HasPrefix(s[end:], "USD") {
		return 0
	}
	for _, u := range units {
		if strings.HasPrefix(strings.TrimPrefix(s[end:], " "), u) || strings.HasSuffix(strings.TrimSuffix(s[:i], " "), u) {
			return end
		}
	}
	if strings.Trim(s[j+1:end], "0") != "" && (end-j-1 == 2 || i == 0 && end == len(s)) {
		return end
	}
	return 0
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
	case permit(s[letters:j]) && permitBefore(s[:letters]):
		return Match{KindPassport, letters, j}
	case landline(run), abroad(run) && i > 0 && s[i-1] == '+', n <= 8 && local(run) && phoneBefore(s[:letters]):
		return Match{KindLandline, i, j}
	case i-letters <= 2 && (letters == 0 || !isDigit(s[letters-1])) && Passport(s[letters:j]) && !serialBefore(s[:letters]):
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
		case years(whole, upTo[:n]):
		case len(whole) == 11 && grouped(upTo[:n]) && Mobile(string(whole)):
			kind = KindMobile
		case len(whole) == 13 && (first == 2 || grouped(upTo[:n])) && string(whole[:2]) == "86" && Mobile(string(whole[2:])):
			kind = KindMobile
		case len(whole) == 15 && (first == 4 || first == 2 && upTo[1] == 4 || grouped(upTo[:n])) && string(whole[:4]) == "0086" && Mobile(string(whole[4:])):
			kind = KindMobile
		case first == 4 && upTo[1] == 8 && n >= 4 && BankCard(string(whole)):
			kind = KindCard
		case n <= 3 && first >= 3 && whole[0] == '0' && landline(string(whole)),
			n <= 4 && (first == 2 || first == 4) && abroad(string(whole)),
			n == 2 && first >= 3 && upTo[1]-first == 4 && local(string(whole)) && phoneBefore(s[:i]):
			kind = KindLandline
		}
		if kind != "" {
			return append(ms, Match{kind, i, ends[n-1]}), ends[n-1]
		}
	}
	return ms, j
}

// years reports whether the first two of three groups, or the last two behind an
// area code, are years that follow one another, as in 1998-2001-123 and
// 0755-2024-2025: those of a report or a file, no telephone.
func years(number []byte, upTo []int) bool {
	if len(upTo) != 3 {
		return false
	}
	year := func(from, to int) int {
		if to-from != 4 {
			return 0
		}
		return num(string(number[from:to]))
	}
	from, mid, to := 0, upTo[0], upTo[1]
	if number[0] == '0' {
		from, mid, to = upTo[0], upTo[1], upTo[2]
	}
	a, b := year(from, mid), year(mid, to)
	return a >= 1949 && a <= b && b <= 2050
}

// grouped reports whether the groups that end at upTo are those in which somebody
// writes a mobile number: two to four of three digits or more, as in 138 0013 8000,
// 1380 013 8000, 13800 138000. Shorter groups are those of dates and of counts.
func grouped(upTo []int) bool {
	from := 0
	for _, to := range upTo {
		if to-from < 3 {
			return false
		}
		from = to
	}
	return true
}

// separators stand between the groups of a number, beside a hyphen, a blank and a
// bracket: hyphens and dashes, dots in the middle, blanks of other widths and of none.
var separators = []string{"（", "）", "－", "—", "–", "‐", "‑", "·", "•", "\u00a0", "\u3000", "\u2009", "\u200b"}

// separator returns the width of what may part the groups of a number: one sign, and
// blanks around it.
func separator(s string) (width int) {
	signs := 0
	for width < len(s) {
		w, blank := sign(s[width:])
		if w == 0 || !blank && signs > 0 && !opens(s[width:]) {
			break
		}
		if width += w; !blank {
			signs++
		}
		if width > 9 {
			return 0
		}
	}
	return width
}

// opens reports whether s begins with a bracket that may stand behind another sign,
// as in +86-(138)0013 8000.
func opens(s string) bool { return s[0] == '(' || strings.HasPrefix(s, "（") }

// sign returns the width of one separator, and whether it is a blank.
func sign(s string) (width int, blank bool) {
	switch s[0] {
	case ' ':
		return 1, true
	case '-', ')', '(', '_', '/':
		return 1, false
	case 0xc2, 0xe2, 0xe3, 0xef:
		for _, p := range separators {
			if strings.HasPrefix(s, p) {
				return len(p), p >= "\u2000" && p < "\u2010" || p == "\u00a0" || p == "\u3000"
			}
		}
	}
	return 0, false
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
				if i > 0 && s[i-1]|0x20 == 'v' && (i == 1 || !isAlpha(s[i-2])) { // a version
					return Match{}, end
				}
				return Match{KindIP, i, end}, end
			}
		}
		if whole := strings.ReplaceAll(s[i:end], ".", ""); len(whole) <= 15 && dotted(s[i:end]) && Mobile(strings.TrimPrefix(strings.TrimPrefix(whole, "00"), "86")) {
			return Match{KindMobile, i, end}, end
		} else if fours(s[i:end]) && BankCard(whole) {
			return Match{KindCard, i, end}, end
		}
		return Match{}, end
	}
	if p := s[i:j]; (p == "86" || p == "0086") && Mobile(s[j+1:k]) {
		return Match{KindMobile, i, k}, k
	}
	a, ok := degrees(s[i:j], s[j+1:k])
	if !ok {
		return Match{}, k
	}
	p := between(s, k)
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

// Signs of degrees, minutes and seconds; the longest first.
var (
	degreeSigns = []string{"°", "º", "度"}
	minuteSigns = []string{"′", "＇", "’", "'", "分"}
	secondSigns = []string{"″", "＂", "”", "′′", "''", "\"", "秒"}
)

// scanArcs reads two angles of degrees, minutes and seconds, or of degrees and minutes
// with two decimals or more, one behind the other: a place. The degrees of the first
// are s[i:j]. It returns j where there are no two.
func scanArcs(s string, i, j int) (Match, int) {
	a, k := arc(s, i, j)
	if k == j {
		return Match{}, j
	}
	p := between(s, k)
	for _, word := range []string{"北", "南", "东", "西"} {
		if p+3 <= len(s) && s[p:p+3] == word { // 22°32′35″北 and the like
			p = between(s, p+3)
			break
		}
	}
	q := digitsFrom(s, p)
	b, e := arc(s, p, q)
	if q == p || e == q || a > 90 && b > 90 {
		return Match{}, j
	}
	return Match{KindPlace, i, e}, e
}

// arc reads the angle whose degrees are s[i:j], and returns them and where it ends; j
// for none.
func arc(s string, i, j int) (degrees, end int) {
	if j-i > 3 || j == i || num(s[i:j]) > 180 {
		return 0, j
	}
	part := func(at int, signs []string) (decimals, next int) {
		to := digitsFrom(s, at)
		if to == at || to > at+2 || num(s[at:to]) > 59 {
			return 0, at
		}
		if to < len(s) && s[to] == '.' {
			decimals = digitsFrom(s, to+1) - to - 1
			to += 1 + decimals
		}
		w := unitAt(s[to:], signs)
		if w == 0 {
			return 0, at
		}
		return decimals, to + w
	}
	w := unitAt(s[j:], degreeSigns)
	if w == 0 {
		return 0, j
	}
	at := skip(s, j+w, " ", 1)
	decimals, minutes := part(at, minuteSigns)
	if minutes == at {
		return 0, j
	}
	from := skip(s, minutes, " ", 1)
	if _, seconds := part(from, secondSigns); seconds > from {
		return num(s[i:j]), seconds
	}
	if decimals >= 2 {
		return num(s[i:j]), minutes
	}
	return 0, j
}

// axes are what may name the second of two coordinates.
var axes = []string{"latitude", "longitude", "lat", "lng", "lon", "纬度", "经度", "北纬", "南纬", "东经", "西经", "y", "x"}

// between returns where the second of two coordinates begins behind the first one,
// which ends at s[k]: signs, and the name of an axis among them. It is k where
// nothing parts them.
func between(s string, k int) int {
	p := skip(s, k, " ,;&/ENWS°\"'}", 6)
	if strings.HasPrefix(s[p:], "，") || strings.HasPrefix(s[p:], "、") {
		p += 3
	}
	for _, a := range axes {
		if len(s) >= p+len(a) && p > k && strings.EqualFold(s[p:p+len(a)], a) {
			q := skip(s, p+len(a), " \"':=", 5)
			if strings.HasPrefix(s[q:], "：") || strings.HasPrefix(s[q:], "为") {
				q += 3
			}
			return q
		}
	}
	return p
}

// skip goes on from s[i] over at most n of the bytes in set.
func skip(s string, i int, set string, n int) int {
	for k := i + n; i < len(s) && i < k && strings.IndexByte(set, s[i]) >= 0; i++ {
	}
	return i
}

// fours reports whether the groups between dots are of four digits, the last of four or
// fewer, as a card's.
func fours(s string) bool {
	for g := range strings.SplitSeq(s, ".") {
		if len(g) > 4 || len(g) < 4 && !strings.HasSuffix(s, "."+g) {
			return false
		}
	}
	return true
}

// dotted reports whether the groups between dots are those of a mobile number, with
// the country before it or without.
func dotted(s string) bool {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "00"), "86.")
	var upTo []int
	n := 0
	for g := range strings.SplitSeq(s, ".") {
		n += len(g)
		upTo = append(upTo, n)
	}
	return n == 11 && grouped(upTo)
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
