package detect

import (
	"strings"
	"unicode/utf8"
)

// Vehicle plates after GA 36-2018: the character of a province, the letter of a
// city, then a serial of five; or of four and a last character for a use; or,
// for new energy, of six that begins (small cars) or ends (large ones) with one
// of EnergyLetters. Those of embassies are six digits before or behind 使, those of the
// armed police WJ, a province, four digits and a last character.
const (
	// PlateProvinces have three bytes each; the last is that of embassies.
	PlateProvinces = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
	embassy        = "使"
	armedPolice    = "WJ"
	plateUses      = "学警挂港澳领超试"

	// EnergyLetters stand for battery (A to E) and other (F to K) electric cars.
	EnergyLetters = "DABCEFGHJK"
)

// Plate reports whether s is a plate, without a dot or blank in it.
func Plate(s string) bool {
	if EmbassyPlate(s) || ArmedPolicePlate(s) {
		return true
	}
	if len(s) < 9 || len(s) > 11 || !oneHan(PlateProvinces, s[:3]) || !plateChar(s[3]) || isDigit(s[3]) {
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

// EmbassyPlate reports whether s is the plate of an embassy.
func EmbassyPlate(s string) bool {
	return len(s) == 9 && (s[:3] == embassy && digits(s[3:]) || s[6:] == embassy && digits(s[:6]))
}

// ArmedPolicePlate reports whether s is a plate of the armed police.
func ArmedPolicePlate(s string) bool {
	return len(s) == 10 && s[:2] == armedPolice && oneHan(PlateProvinces, s[2:5]) && s[2:5] != embassy && digits(s[5:9]) && plateChar(s[9])
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

// officialPlate returns where the plate of an embassy or of the armed police begins
// and ends whose character of a province stands at s[i]; nothing where there is none.
// 使 is a common word: behind it six digits are a plate only where it begins or what
// stands before is no Han character but that of a cue.
func officialPlate(s string, i int) (from, to int) {
	if i >= 2 && i+8 <= len(s) && ArmedPolicePlate(s[i-2:i+8]) && (i == 2 || !isAlpha(s[i-3])) && (i+8 == len(s) || !plateChar(s[i+8])) {
		return i - 2, i + 8
	}
	if s[i:i+3] != embassy {
		return i, i
	}
	before, _ := lastRune(s[:i])
	if to = i + 9; to <= len(s) && EmbassyPlate(s[i:to]) && (to == len(s) || !isDigit(s[to])) && (!isHan(before) || strings.ContainsRune("车牌号为是", before)) {
		return i, to
	}
	after := ' '
	if i+3 < len(s) {
		after, _ = utf8.DecodeRuneInString(s[i+3:])
	}
	if from = i - 6; from >= 0 && EmbassyPlate(s[from:i+3]) && (from == 0 || !isDigit(s[from-1])) && !isHan(after) {
		return from, i + 3
	}
	return i, i
}
