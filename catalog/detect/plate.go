package detect

import "strings"

// Vehicle plates after GA 36-2018: the character of a province, the letter of a
// city, then a serial of five; or of four and a last character for a use; or,
// for new energy, of six that begins (small cars) or ends (large ones) with one
// of EnergyLetters.
const (
	plateProvinces = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
	plateUses      = "学警挂港澳领超试"

	// EnergyLetters stand for battery (A to E) and other (F to K) electric cars.
	EnergyLetters = "DABCEFGHJK"
)

// Plate reports whether s is a plate, without a dot or blank in it.
func Plate(s string) bool {
	if len(s) < 9 || len(s) > 11 || !oneHan(plateProvinces, s[:3]) || !plateChar(s[3]) || isDigit(s[3]) {
		return false
	}
	switch serial := s[4:]; len(serial) {
	case 5:
		return PlateSerial(serial)
	case 6:
		switch {
		case isEnergy(serial[0]):
			return plateChar(serial[1]) && digits(serial[2:])
		case isEnergy(serial[5]):
			return digits(serial[:5])
		}
	case 7:
		return oneHan(plateUses, serial[4:]) && PlateSerial(serial[:4])
	}
	return false
}

// PlateSerial reports whether s consists of digits and capitals other than I and
// O, at least two of them digits: a serial has two letters at most, in some
// cities three.
func PlateSerial(s string) bool {
	n := 0
	for i := range len(s) {
		if !plateChar(s[i]) {
			return false
		}
		if isDigit(s[i]) {
			n++
		}
	}
	return n >= 2
}

func plateChar(c byte) bool { return isDigit(c) || c >= 'A' && c <= 'Z' && c != 'I' && c != 'O' }
func isEnergy(c byte) bool  { return strings.IndexByte(EnergyLetters, c) >= 0 }

// oneHan reports whether the three bytes s are a character of list.
func oneHan(list, s string) bool { return s[0] >= 0xe0 && strings.Contains(list, s) }

// plateAt returns the length of the plate that s begins with, with a dot, blank or
// hyphen behind the city or not, or 0. Small letters and full-width ones count as
// capitals.
func plateAt(s string) int {
	var b [16]byte
	n := copy(b[:], s[:3])
	city, w := fold(s[3:])
	if !isAlpha(city) {
		return 0
	}
	b[n] = city &^ 0x20
	n++
	small := 8 // where the first small letter stands in the serial
	if city >= 'a' {
		small = 0
	}
	p := 3 + w
	switch {
	case strings.HasPrefix(s[p:], "·"), strings.HasPrefix(s[p:], "•"):
		p += len("·")
		if s[p-2] == 0xe2 {
			p++
		}
	case p < len(s) && (s[p] == ' ' || s[p] == '-'):
		p++
	}
	var ends [8]int // where each character of the serial ends
	k := 0
	for j := p; k < len(ends); k++ {
		c, w := fold(s[j:])
		if !isDigit(c) && !isAlpha(c) {
			break
		}
		if isAlpha(c) {
			if c >= 'a' {
				small = min(small, k)
			}
			c &^= 0x20
		}
		b[n+k] = c
		j += w
		ends[k] = j
	}
	if k == 4 { // and a last character for a use
		if end := ends[3]; end+3 <= len(s) && Plate(string(append(b[:n+4], s[end:end+3]...))) {
			return end + 3
		}
		return 0
	}
	for _, serial := range [2]int{6, 5} {
		if serial > k || serial < k && (small < serial || isDigit(b[n+serial-1]) && isDigit(b[n+serial])) {
			continue // another digit would be part of it; a letter may begin a word, but not among small ones
		}
		if Plate(string(b[:n+serial])) {
			return ends[serial-1]
		}
	}
	return 0
}
