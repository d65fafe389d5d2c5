// Package detect finds what identifies people in columns of data: resident
// numbers, phones, bank cards, unified social credit codes, e-mail addresses,
// names and addresses, alone in a field or inside a longer text. An identifier
// with a check digit is only found when the digit is right; the rest go by form
// and by lists. What leaves this package is counts and shapes, never a value.
//
// A class says what a column is to a reader who wants to find a person: direct
// (names them by itself), quasi (does so together with others), sensitive
// (what they would learn), none.
package detect

import "strings"

// residentWeights are those of ISO 7064 MOD 11-2 as GB 11643-1999 uses it: the
// i-th is 2^(17-i) mod 11.
var residentWeights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}

// ResidentCheck returns the 18th character of a resident number (公民身份号码)
// that begins with the 17 digits s17.
func ResidentCheck(s17 string) byte {
	sum := 0
	for i := range 17 {
		sum += int(s17[i]-'0') * residentWeights[i]
	}
	return "10X98765432"[sum%11]
}

// Resident reports whether s is a resident number: an area of the form of GB/T
// 2260, a date that exists between 1900 and 2099, and the right check digit (x
// or X).
func Resident(s string) bool {
	return len(s) == 18 && digits(s[:17]) && AreaForm(s[:6]) && residentDate(s[6:14]) && upper(s[17]) == ResidentCheck(s[:17])
}

// Provinces are the first two digits of area codes (GB/T 2260), in order.
var Provinces = []string{"11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37",
	"41", "42", "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65", "71", "81", "82", "83"}

var isProvince = func() (is [100]bool) {
	for _, p := range Provinces {
		is[int(p[0]-'0')*10+int(p[1]-'0')] = true
	}
	return is
}()

// AreaForm reports whether six digits have the form of an area code: a
// province, a prefecture 00 to 70 or 90, a county. Codes come and go, and old
// numbers keep theirs, so no list of those in force today would do.
func AreaForm(s string) bool {
	if len(s) != 6 || !digits(s) || !isProvince[num(s[:2])] {
		return false
	}
	c := num(s[2:4])
	return c <= 70 || c == 90
}

func residentDate(s string) bool {
	y, m, d := num(s[:4]), num(s[4:6]), num(s[6:])
	if y < 1900 || y > 2099 || m < 1 || m > 12 || d < 1 || d > 31 {
		return false
	}
	last := 31
	switch m {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		if last = 28; y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			last = 29
		}
	}
	return d <= last
}

// Resident15 reports whether s is a resident number of the form before 1999: an
// area, a date of the years 1900 to 1999 without the century, and three digits.
// It has no check digit.
func Resident15(s string) bool {
	return len(s) == 15 && digits(s) && AreaForm(s[:6]) && residentDate("19"+s[6:12])
}

// USCCAlphabet is that of GB 32100-2015: no I, O, S, V, Z.
const USCCAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// usccValue is 1 + the place of a character in USCCAlphabet, 0 for another.
var usccValue = func() (t [256]byte) {
	for i := range USCCAlphabet {
		t[USCCAlphabet[i]] = byte(i + 1)
	}
	return t
}()

// USCCValue returns the place of c in USCCAlphabet, or -1.
func USCCValue(c byte) int { return int(usccValue[c]) - 1 }

// OrgCheck returns the check character of an organisation code (GB 11714-1997)
// of eight characters: C = 11 - sum of values and weights mod 11, X for ten and
// 0 for eleven.
func OrgCheck(s8 string) byte {
	sum := 0
	for i, w := range [8]int{3, 7, 9, 10, 5, 8, 4, 2} {
		v := int(s8[i] - '0')
		if s8[i] > '9' {
			v = int(s8[i]-'A') + 10
		}
		sum += v * w
	}
	return "0X987654321"[sum%11]
}

// USCCCheck returns the 18th character of a unified social credit code (统一社会
// 信用代码) that begins with s17, and false when s17 has a character it cannot.
func USCCCheck(s17 string) (byte, bool) {
	if len(s17) != 17 {
		return 0, false
	}
	sum, w := 0, 1 // the i-th weight is 3^i mod 31
	for i := range 17 {
		v := USCCValue(s17[i])
		if v < 0 {
			return 0, false
		}
		sum += v * w
		w = w * 3 % 31
	}
	return USCCAlphabet[(31-sum%31)%31], true
}

// USCC reports whether s is a unified social credit code: its registration
// authority and kind (first two characters), an area, and the check character.
func USCC(s string) bool {
	if len(s) != 18 || strings.IndexByte("123456789ANY", s[0]) < 0 || !digits(s[2:8]) || !(isProvince[num(s[2:4])] || s[2:4] == "10") {
		return false
	}
	c, ok := USCCCheck(s[:17])
	return ok && c == s[17]
}

// Luhn reports whether the digits s pass the check of ISO/IEC 7812-1.
func Luhn(s string) bool {
	sum := 0
	for i := range s {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return s != "" && sum%10 == 0
}

// LuhnDigit returns the digit that makes s pass Luhn.
func LuhnDigit(s string) byte {
	sum := 0
	for i := range s {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// BankCard reports whether s is a payment card number: 16 to 19 digits, an
// issuer of China UnionPay, Visa, Mastercard, JCB or American Express (15), and
// the Luhn digit.
func BankCard(s string) bool {
	if !digits(s) || !Luhn(s) {
		return false
	}
	switch n := len(s); {
	case n == 15:
		return s[:2] == "34" || s[:2] == "37"
	case n < 16 || n > 19:
		return false
	}
	p := num(s[:2])
	return p == 62 || p == 60 || p == 68 || p == 95 || p == 35 || s[0] == '4' || p >= 51 && p <= 55 || p >= 22 && p <= 27
}

// Mobile reports whether s is a mainland mobile number: 11 digits, 13 to 19 first.
func Mobile(s string) bool {
	if len(s) != 11 || s[0] != '1' || s[1] < '3' || s[1] > '9' {
		return false
	}
	for i := 2; i < 11; i++ {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}

// landline reports whether digits s are an area code (0 and two or three more)
// and a local number of seven or eight.
func landline(s string) bool {
	if len(s) < 10 || len(s) > 12 {
		return false
	}
	area := areaLen(s)
	if area == 0 {
		return false
	}
	local := s[area:]
	return (len(local) == 7 || len(local) == 8) && local[0] >= '2'
}

// areaLen returns how many of the digits s are the area code of a telephone, with
// its 0, or 0. There are three digits or more.
func areaLen(s string) int {
	switch {
	case s[0] != '0':
		return 0
	case s[:3] == "010" || s[1] == '2':
		return 3
	case s[1] < '3' || len(s) < 4:
		return 0
	}
	return 4 // 0755
}

// local reports whether digits s are a number without its area code.
func local(s string) bool { return (len(s) == 7 || len(s) == 8) && s[0] >= '2' && s[0] <= '8' }

// abroad reports whether digits s are a landline with the country before its area
// code, which then has its 0 or not.
func abroad(s string) bool {
	s = strings.TrimPrefix(s, "00")
	if !strings.HasPrefix(s, "86") || len(s) < 11 {
		return false
	}
	if s = s[2:]; s[0] == '0' {
		return landline(s)
	}
	return landline("0" + s)
}

func upper(c byte) byte {
	if c == 'x' {
		return 'X'
	}
	return c
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func num(s string) (n int) {
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// permit reports whether s has the form of the permit on which residents of Hong Kong
// and Macao (H or M, and 8 or 10 digits) or of Taiwan (8 digits) come to the mainland:
// as many things have, so that only a word before it makes it one.
func permit(s string) bool {
	if len(s) == 9 || len(s) == 11 {
		return (s[0]|0x20 == 'h' || s[0]|0x20 == 'm') && digits(s[1:])
	}
	return len(s) == 8 && digits(s)
}

// Passport reports whether s has the form of a passport of mainland China: E and
// 8 digits or a letter and 7; D, G, K, P or S and 8 digits; DE, PE or SE and 7.
// It has no check digit.
func Passport(s string) bool {
	if len(s) != 9 || !digits(s[2:]) {
		return false
	}
	switch s[0] {
	case 'E':
		return isDigit(s[1]) || s[1] >= 'A' && s[1] <= 'Z' && s[1] != 'I' && s[1] != 'O'
	case 'D', 'P', 'S':
		return isDigit(s[1]) || s[1] == 'E'
	case 'G', 'K':
		return isDigit(s[1])
	}
	return false
}
