package mask

import (
	"aihub/catalog/detect"
	"aihub/catalog/mask/block"
)

// scheme is a format-preserving cipher of one sort of identifier: how a value
// is taken apart into numbers that FF1 permutes, and put together again.
type scheme interface {
	take(v string, s *slot) bool // false: v is no such identifier
	give(out []byte, s *slot) []byte
}

// slot is one value taken apart. a and b are the halves of what is permuted;
// the tweak is what stays.
type slot struct {
	class int // index of the scheme's walkers
	a, b  uint64
	tweak [8]byte
	v     [24]byte // the value without blanks, hyphens and prefixes
	n     int
}

// walker permutes numbers: FF1 again and again until the result is one that may
// be. Without may, every result may.
type walker struct {
	form *form
	may  func(a, b uint64) bool
}

// fpe masks by a scheme. A value it does not take is bad.
type fpe struct {
	scheme  scheme
	walkers []walker
}

func (f fpe) run(out *texts, src [][]byte) {
	var slots [lanes]slot
	var ok [lanes]bool
	for len(src) > 0 {
		n := min(lanes, len(src))
		classes := uint64(0)
		for i, v := range src[:n] {
			if ok[i] = f.scheme.take(text(v), &slots[i]); ok[i] {
				classes |= 1 << slots[i].class
			}
		}
		for class := range f.walkers {
			if classes>>class&1 == 1 {
				f.walkers[class].permute(slots[:n], ok[:n], class)
			}
		}
		for i := range n {
			if !ok[i] {
				out.fail()
				continue
			}
			out.data = f.scheme.give(out.data, &slots[i])
			out.end()
		}
		src = src[n:]
	}
}

// permute replaces the halves of the slots of a class.
func (w walker) permute(slots []slot, ok []bool, class int) {
	var a, b [lanes]uint64
	var at [lanes]int
	var tweaks [lanes * 8]byte
	n, t := 0, w.form.t
	for i := range slots {
		if ok[i] && slots[i].class == class {
			at[n], a[n], b[n] = i, slots[i].a, slots[i].b
			copy(tweaks[n*t:], slots[i].tweak[:t])
			n++
		}
	}
	for n > 0 {
		w.form.crypt(a[:n], b[:n], tweaks[:n*t], false)
		left := 0
		for i := range n {
			if w.may == nil || w.may(a[i], b[i]) {
				slots[at[i]].a, slots[at[i]].b = a[i], b[i]
				continue
			}
			at[left], a[left], b[left] = at[i], a[i], b[i]
			copy(tweaks[left*t:], tweaks[i*t:(i+1)*t])
			left++
		}
		n = left
	}
}

// indexWalker permutes the integers a·low + b below size.
func indexWalker(b block.Cipher, size uint64, t int) (w walker, low uint64, err error) {
	ix, err := newIndex(b, size, t)
	if err != nil {
		return walker{}, 0, err
	}
	low = ix.low
	return walker{ix.form, func(a, b uint64) bool { return a*low+b < size }}, low, nil
}

// radixWalker permutes strings of n numerals of a radix.
func radixWalker(c block.Cipher, radix, n, t int, may func(a, b uint64) bool) (walker, error) {
	f, err := newFF1(c, radix)
	if err != nil {
		return walker{}, err
	}
	w, err := f.form(n, t)
	return walker{w, may}, err
}

// compact puts v into s without blanks, hyphens and the first of the prefixes
// that leaves a mobile number, and with full-width characters as ASCII; false
// when there is no room for it.
func (s *slot) compact(v string, prefixes ...string) bool {
	s.n = 0
	for _, r := range v {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		switch {
		case r == ' ' || r == '-' || r == '\u3000':
		case r > 0x7e || s.n == len(s.v):
			return false
		default:
			s.v[s.n] = byte(r)
			s.n++
		}
	}
	for _, p := range prefixes {
		if s.n-len(p) == 11 && s.string()[:len(p)] == p {
			s.n = copy(s.v[:], s.v[len(p):s.n])
		}
	}
	return true
}

func (s *slot) string() string { return text(s.v[:s.n]) }

// resident permutes resident numbers. What is permuted is an index: of area,
// day of birth and sequence (any), or of day and sequence within one area. The
// result is a number that detect.Resident takes. A number of 15 digits counts as
// the one of 18 that its holder has today.
//
// any and keep are injective. city and province write zeros for the part of the
// area they hide, and so may give two people one number.
type resident struct {
	area string
	low  uint64 // the index is a·low + b
}

var (
	firstDay   = civil(1900, 1, 1)
	days       = uint64(civil(2100, 1, 1) - firstDay)
	prefecture = 72 // 00 to 70, and 90
	areas      = uint64(len(detect.Provinces) * prefecture * 100)
)

const sequences = 1000

func newResident(c block.Cipher, area string) (fpe, error) {
	size, t := days*sequences, 6
	if area == "any" {
		size, t = size*areas, 0
	}
	w, low, err := indexWalker(c, size, t)
	if err != nil {
		return fpe{}, err
	}
	return fpe{resident{area, low}, []walker{w}}, nil
}

func (r resident) take(v string, s *slot) bool {
	if len(v) == 18 && detect.Resident(v) {
		s.n = copy(s.v[:], v)
	} else {
		if !s.compact(v) {
			return false
		}
		if s.n == 15 && detect.Resident15(s.string()) {
			copy(s.v[8:], s.v[6:15])
			copy(s.v[6:], "19")
			s.v[17] = detect.ResidentCheck(text(s.v[:17]))
			s.n = 18
		} else if !detect.Resident(s.string()) {
			return false
		}
	}
	y, m, d := decimal(s.v[6:10]), decimal(s.v[10:12]), decimal(s.v[12:14])
	n := uint64(civil(int(y), int(m), int(d))-firstDay)*sequences + decimal(s.v[14:17])
	if r.area == "any" {
		n += areaIndex(text(s.v[:6])) * days * sequences
	} else {
		copy(s.tweak[:], s.v[:6])
	}
	s.class, s.a, s.b = 0, n/r.low, n%r.low
	return true
}

func (r resident) give(out []byte, s *slot) []byte {
	n := s.a*r.low + s.b
	from := len(out)
	switch r.area {
	case "any":
		out = appendArea(out, n/(days*sequences))
		n %= days * sequences
	case "city":
		out = append(append(out, s.v[:4]...), "00"...)
	case "province":
		out = append(append(out, s.v[:2]...), "0000"...)
	default:
		out = append(out, s.v[:6]...)
	}
	y, m, d := fromCivil(int64(n/sequences) + firstDay)
	out = appendDecimal(appendDecimal(appendDecimal(out, uint64(y), 4), uint64(m), 2), uint64(d), 2)
	out = appendDecimal(out, n%sequences, 3)
	return append(out, detect.ResidentCheck(text(out[from:])))
}

// areaIndex numbers the codes of the form of detect.AreaForm; areaAt is its inverse.
func areaIndex(a string) uint64 {
	city := min(decimal(a[2:4]), 71) // 90 comes behind 70
	return (provinceIndex[decimal(a[:2])]*uint64(prefecture)+city)*100 + decimal(a[4:])
}

// provinceIndex numbers the provinces by their two digits.
var provinceIndex = func() (t [100]uint64) {
	for i, p := range detect.Provinces {
		t[decimal(p)] = uint64(i)
	}
	return t
}()

func areaAt(n uint64) string { return string(appendArea(nil, n)) }

func appendArea(out []byte, n uint64) []byte {
	city := n / 100 % uint64(prefecture)
	if city == 71 {
		city = 90
	}
	out = append(out, detect.Provinces[n/100/uint64(prefecture)]...)
	return appendDecimal(appendDecimal(out, city, 2), n%100, 2)
}

// decimal reads digits.
func decimal[T string | []byte](s T) (n uint64) {
	for i := range len(s) {
		n = n*10 + uint64(s[i]-'0')
	}
	return n
}

// appendDecimal writes the last width ≤ 19 digits of v.
func appendDecimal(out []byte, v uint64, width int) []byte {
	n := len(out)
	out = append(out, "0000000000000000000"[:width]...)
	for i := len(out); i > n; {
		q := v / 100
		d := digitPairs[v-q*100]
		if i--; i >= n {
			out[i] = d[1]
		}
		if i--; i >= n {
			out[i] = d[0]
		}
		v = q
	}
	return out
}

// digitPairs are 00 to 99.
var digitPairs = func() (t [100][2]byte) {
	for i := range t {
		t[i] = [2]byte{byte('0' + i/10), byte('0' + i%10)}
	}
	return t
}()

// civil returns the days from 1970-01-01 to a date of the Gregorian calendar:
// years of 365 days from March on, a day more for every leap year gone.
func civil(y, m, d int) int64 {
	if m < 3 {
		y, m = y-1, m+12
	}
	return int64(365*y + y/4 - y/100 + y/400 + (153*m-457)/5 + d - 719469)
}

// fromCivil is the inverse of civil, for the years that resident numbers have.
func fromCivil(n int64) (y, m, d int) {
	y = 1900 + int((n-firstDay)/366)
	for civil(y+1, 1, 1) <= n {
		y++
	}
	m = 1 + int(n-civil(y, 1, 1))/31
	if m < 12 && civil(y, m+1, 1) <= n {
		m++
	}
	return y, m, int(n-civil(y, m, 1)) + 1
}
