package mask

import (
	"strings"
	"unicode/utf8"

	"aihub/catalog/detect"
	"aihub/catalog/mask/block"
)

// card keeps the six digits of the issuer and the length, permutes the account
// and computes the Luhn digit again. Class i is a number of 15+i digits.
type card struct{}

func newCard(c block.Cipher) (fpe, error) {
	f := fpe{scheme: card{}}
	for n := 15; n <= 19; n++ {
		w, err := radixWalker(c, 10, n-7, 6, nil)
		if err != nil {
			return fpe{}, err
		}
		f.walkers = append(f.walkers, w)
	}
	return f, nil
}

func (card) take(v string, s *slot) bool {
	if !s.compact(v) || !detect.BankCard(s.string()) {
		return false
	}
	s.class = s.n - 15
	copy(s.tweak[:], s.v[:6])
	half := 6 + (s.n-7)/2
	s.a, s.b = decimal(s.v[6:half]), decimal(s.v[half:s.n-1])
	return true
}

func (card) give(out []byte, s *slot) []byte {
	from, u := len(out), (s.n-7)/2
	out = appendDecimal(appendDecimal(append(out, s.v[:6]...), s.a, u), s.b, s.n-7-u)
	return append(out, detect.LuhnDigit(text(out[from:])))
}

// uscc keeps authority, kind and area of a unified social credit code, permutes
// the body of the organisation code in it, and computes both check characters
// again: that of GB 11714 behind the body and that of GB 32100 at the end.
// Codes whose inner check character is wrong, as some registers issued them, are
// permuted among one another.
type uscc struct{}

const (
	usccRadix = uint64(len(detect.USCCAlphabet))
	usccRight = 0 // class of codes with the right inner check character
	usccWrong = 1
)

func newUSCC(c block.Cipher) (fpe, error) {
	right, err := radixWalker(c, int(usccRadix), 8, 8, nil)
	if err != nil {
		return fpe{}, err
	}
	// Nine characters: four, then five with the inner check character last.
	wrong, err := radixWalker(c, int(usccRadix), 9, 8, func(a, b uint64) bool {
		var s [9]byte
		writeRadix(s[:4], a)
		writeRadix(s[4:], b)
		return detect.OrgCheck(text(s[:8])) != s[8]
	})
	return fpe{uscc{}, []walker{right, wrong}}, err
}

func (uscc) take(v string, s *slot) bool {
	if !s.compact(v) {
		return false
	}
	for i, b := range s.v[:s.n] {
		if b >= 'a' && b <= 'z' {
			s.v[i] = b - 'a' + 'A'
		}
	}
	if !detect.USCC(s.string()) {
		return false
	}
	copy(s.tweak[:], s.v[:8])
	s.class, s.a, s.b = usccRight, readRadix(s.v[8:12]), readRadix(s.v[12:16])
	if detect.OrgCheck(text(s.v[8:16])) != s.v[16] {
		s.class, s.b = usccWrong, readRadix(s.v[12:17])
	}
	return true
}

func (uscc) give(out []byte, s *slot) []byte {
	var v [18]byte
	copy(v[:8], s.v[:8])
	writeRadix(v[8:12], s.a)
	if s.class == usccRight {
		writeRadix(v[12:16], s.b)
		v[16] = detect.OrgCheck(text(v[8:16]))
	} else {
		writeRadix(v[12:17], s.b)
	}
	v[17], _ = detect.USCCCheck(text(v[:17]))
	return append(out, v[:]...)
}

// readRadix reads characters of the alphabet of unified social credit codes.
func readRadix(s []byte) (n uint64) {
	for _, c := range s {
		n = n*usccRadix + uint64(detect.USCCValue(c))
	}
	return n
}

func writeRadix(out []byte, n uint64) {
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = detect.USCCAlphabet[n%usccRadix]
		n /= usccRadix
	}
}

// plate keeps province, issuing city and kind of a vehicle's plate and permutes
// its serial within the strings that detect.Plate takes.
type plate struct{ low [6]uint64 } // by class: an index is a·low + b

// The alphabet of serials: no I, no O.
const plateAlphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"

const plateRadix = uint64(len(plateAlphabet))

var plateValue = func() (t [256]byte) {
	for i := range plateAlphabet {
		t[plateAlphabet[i]] = byte(i)
	}
	return t
}()

// Classes of plates: a serial of five characters; of four before a last
// character 学, 警, 挂 and the like; of new energy, small and large; of embassies; of
// the armed police.
const (
	plateFive = iota
	plateFour
	plateSmall
	plateLarge
	plateEmbassy
	plateArmed
)

func newPlate(c block.Cipher) (fpe, error) {
	f := fpe{}
	var p plate
	for n := 5; n >= 4; n-- {
		w, err := radixWalker(c, int(plateRadix), n, 4, func(a, b uint64) bool {
			var s [5]byte
			writeSerial(s[:n], a, b)
			return detect.PlateSerial(text(s[:n]))
		})
		if err != nil {
			return fpe{}, err
		}
		f.walkers = append(f.walkers, w)
	}
	energy, provinces := uint64(len(detect.EnergyLetters)), uint64(len(detect.PlateProvinces)/3-1) // without 使
	for _, size := range []uint64{energy * plateRadix * 10_000, energy * 100_000, 1_000_000, provinces * 10_000 * plateRadix} {
		w, low, err := indexWalker(c, size, 4)
		if err != nil {
			return fpe{}, err
		}
		p.low[len(f.walkers)] = low
		f.walkers = append(f.walkers, w)
	}
	f.scheme = p
	return f, nil
}

func (p plate) take(v string, s *slot) bool {
	kept := s.v[:0]
	for _, r := range v {
		if r >= '！' && r <= '～' { // full-width
			r -= '！' - '!'
		}
		switch {
		case r == '·' || r == '•' || r == ' ' || r == '-' || r == '.':
			continue
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		}
		if len(kept)+utf8.RuneLen(r) > len(s.v) || r == utf8.RuneError {
			return false
		}
		kept = utf8.AppendRune(kept, r)
	}
	s.n = len(kept)
	if !detect.Plate(s.string()) {
		return false
	}
	index := func(class int, n uint64) {
		s.class, s.a, s.b = class, n/p.low[class], n%p.low[class]
	}
	switch {
	case detect.EmbassyPlate(s.string()):
		at := 0 // of the digits
		if s.v[0] >= utf8.RuneSelf {
			at = 3
		}
		s.tweak[0] = byte(at)
		index(plateEmbassy, decimal(s.v[at:at+6]))
		return true
	case detect.ArmedPolicePlate(s.string()):
		// Those of one province are too few to hide in.
		n := uint64(strings.Index(detect.PlateProvinces, text(s.v[2:5]))/3)*10_000 + decimal(s.v[5:9])
		index(plateArmed, n*plateRadix+uint64(plateValue[s.v[9]]))
		return true
	}
	copy(s.tweak[:4], s.v[:4]) // the province has three bytes, the city's letter one
	switch serial := s.v[4:s.n]; {
	case len(serial) == 5:
		s.class, s.a, s.b = plateFive, readSerial(serial[:2]), readSerial(serial[2:])
	case serial[len(serial)-1] >= utf8.RuneSelf:
		s.class, s.a, s.b = plateFour, readSerial(serial[:2]), readSerial(serial[2:4])
	case serial[0] > '9':
		index(plateSmall, (energyIndex(serial[0])*plateRadix+uint64(plateValue[serial[1]]))*10_000+decimal(serial[2:]))
	default:
		index(plateLarge, energyIndex(serial[5])*100_000+decimal(serial[:5]))
	}
	return true
}

func (p plate) give(out []byte, s *slot) []byte {
	n := s.a*p.low[s.class] + s.b
	switch s.class {
	case plateEmbassy:
		at := int(s.tweak[0])
		return append(appendDecimal(append(out, s.v[:at]...), n, 6), s.v[at+6:s.n]...)
	case plateArmed:
		last := plateAlphabet[n%plateRadix]
		n /= plateRadix
		at := 3 * (n / 10_000)
		out = append(append(out, s.v[:2]...), detect.PlateProvinces[at:at+3]...)
		return append(appendDecimal(out, n%10_000, 4), last)
	}
	out = append(out, s.v[:4]...)
	var serial [5]byte
	switch s.class {
	case plateFive:
		writeSerial(serial[:5], s.a, s.b)
		return append(out, serial[:5]...)
	case plateFour:
		writeSerial(serial[:4], s.a, s.b)
		return append(append(out, serial[:4]...), s.v[8:s.n]...)
	case plateSmall:
		out = append(out, detect.EnergyLetters[n/10_000/plateRadix], plateAlphabet[n/10_000%plateRadix])
		return appendDecimal(out, n%10_000, 4)
	default:
		return append(appendDecimal(out, n%100_000, 5), detect.EnergyLetters[n/100_000])
	}
}

func readSerial(s []byte) (n uint64) {
	for _, c := range s {
		n = n*plateRadix + uint64(plateValue[c])
	}
	return n
}

func writeSerial(out []byte, a, b uint64) {
	for i := len(out) - 1; i >= 2; i-- {
		out[i] = plateAlphabet[b%plateRadix]
		b /= plateRadix
	}
	out[1], out[0] = plateAlphabet[a%plateRadix], plateAlphabet[a/plateRadix%plateRadix]
}

func energyIndex(c byte) uint64 {
	for i := range detect.EnergyLetters {
		if detect.EnergyLetters[i] == c {
			return uint64(i)
		}
	}
	return 0
}
