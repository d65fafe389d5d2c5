package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"aihub/catalog/detect"
	"aihub/internal/table"
)

// pseudonym replaces a value by the first 128 bits of its HMAC-SHA256. Two
// values share one with a chance of n²/2^129: none, for any table that exists.
type pseudonym struct{ key []byte }

func (pseudonym) Type() table.Type { return table.String }

func (p pseudonym) Mask(c *table.Column, _ *table.Batch) (table.Column, []int) {
	h := hmac.New(sha256.New, p.key)
	var sum [32]byte
	return mapText(c, func(v string) (string, bool) {
		h.Reset()
		io.WriteString(h, v)
		return hex.EncodeToString(h.Sum(sum[:0])[:16]), true
	})
}

// phone keeps the three digits of the operator and permutes the other eight.
type phone struct{ ff1 *FF1 }

func newPhone(key []byte) (phone, error) {
	f, err := NewFF1(key, 10)
	return phone{f}, err
}

func (phone) Type() table.Type { return table.String }

func (p phone) Mask(c *table.Column, _ *table.Batch) (table.Column, []int) {
	x := make([]uint16, 8)
	return mapText(c, func(v string) (string, bool) {
		v = mobileDigits(v)
		if v == "" {
			return "", false
		}
		for i := range x {
			x[i] = uint16(v[3+i] - '0')
		}
		y, err := p.ff1.Encrypt(x, []byte(v[:3]))
		if err != nil {
			return "", false
		}
		out := []byte(v[:3])
		for _, d := range y {
			out = append(out, byte('0'+d))
		}
		return string(out), true
	})
}

// mobileDigits returns the 11 digits of a mobile number written with blanks,
// hyphens or +86, or "".
func mobileDigits(v string) string {
	if detect.Mobile(v) {
		return v
	}
	v = noGroups.Replace(v)
	for _, p := range []string{"", "+86", "0086", "86"} {
		if rest, ok := strings.CutPrefix(v, p); ok && detect.Mobile(rest) {
			return rest
		}
	}
	return ""
}

var noGroups = strings.NewReplacer(" ", "", "-", "")

// resident permutes resident numbers. What is permuted is an index: of area,
// day of birth and sequence (any), or of day and sequence within one area. The
// result is a number that detect.Resident takes.
//
// any and keep are injective. city and province write zeros for the part of the
// area they hide, and so may give two people one number.
type resident struct {
	index *index
	area  string
}

var (
	firstDay   = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	days       = uint64(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).Sub(firstDay).Hours() / 24)
	prefecture = 72 // 00 to 70, and 90
	areas      = uint64(len(detect.Provinces) * prefecture * 100)
)

const sequences = 1000

func newResident(key []byte, area string) (resident, error) {
	size := days * sequences
	if area == "any" {
		size *= areas
	}
	ix, err := newIndex(key, size)
	return resident{ix, area}, err
}

func (resident) Type() table.Type { return table.String }

func (r resident) Mask(c *table.Column, _ *table.Batch) (table.Column, []int) {
	return mapText(c, func(v string) (string, bool) {
		if !detect.Resident(v) {
			return "", false
		}
		day, err := time.Parse("20060102", v[6:14])
		if err != nil {
			return "", false
		}
		n := uint64(day.Sub(firstDay).Hours()/24)*sequences + number(v[14:17])
		tweak := v[:6]
		if r.area == "any" {
			n += areaIndex(v[:6]) * days * sequences
			tweak = ""
		}
		if n, err = r.index.encrypt(n, []byte(tweak)); err != nil {
			return "", false
		}
		area := v[:6]
		switch r.area {
		case "any":
			area = areaAt(n / (days * sequences))
			n %= days * sequences
		case "city":
			area = v[:4] + "00"
		case "province":
			area = v[:2] + "0000"
		}
		body := area + firstDay.AddDate(0, 0, int(n/sequences)).Format("20060102") + fmt.Sprintf("%03d", n%sequences)
		return body + string(detect.ResidentCheck(body)), true
	})
}

// areaIndex numbers the codes of the form of detect.AreaForm; areaAt is its inverse.
func areaIndex(a string) uint64 {
	p := 0
	for detect.Provinces[p] != a[:2] {
		p++
	}
	city := min(number(a[2:4]), 71) // 90 comes behind 70
	return (uint64(p)*uint64(prefecture)+city)*100 + number(a[4:])
}

func areaAt(n uint64) string {
	city := n / 100 % uint64(prefecture)
	if city == 71 {
		city = 90
	}
	return fmt.Sprintf("%s%02d%02d", detect.Provinces[n/100/uint64(prefecture)], city, n%100)
}

func number(s string) (n uint64) {
	for i := range len(s) {
		n = n*10 + uint64(s[i]-'0')
	}
	return n
}
