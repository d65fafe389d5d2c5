package mask

import (
	"encoding/binary"
	"slices"

	"aihub/catalog/detect"
	"aihub/catalog/mask/block"
)

// phone keeps the three digits of the operator and permutes the other eight. It
// has a loop of its own: tables have more telephone numbers than anything else
// that FF1 masks.
type phone struct{ form *form }

func newPhone(c block.Cipher) (phone, error) {
	w, err := radixWalker(c, 10, 8, 3, nil)
	return phone{w.form}, err
}

func (p phone) run(out *texts, src [][]byte) {
	var a, b [lanes]uint64
	var tweaks [lanes * 3]byte
	var good [lanes]bool
	for len(src) > 0 {
		n := min(lanes, len(src))
		k := 0
		for i, v := range src[:n] {
			if len(v) == 11 && v[0] == '1' && v[1] >= '3' && v[1] <= '9' && v[2] >= '0' && v[2] <= '9' {
				if x := binary.LittleEndian.Uint64(v[3:]); allDigits(x) {
					good[i] = true
					*(*[3]byte)(tweaks[3*k:]) = [3]byte(v)
					a[k], b[k] = eightDigits(x)
					k++
					continue
				}
			}
			digits, ok := mobileDigits(v)
			if good[i] = ok; !ok {
				continue
			}
			*(*[3]byte)(tweaks[3*k:]) = [3]byte(digits[:3])
			a[k], b[k] = eightDigits(binary.LittleEndian.Uint64(digits[3:]))
			k++
		}
		p.form.crypt(a[:k], b[:k], tweaks[:3*k], false)
		at := len(out.data)
		out.data = slices.Grow(out.data, 11*k)[:at+11*k]
		for i, x := range a[:k] {
			v := (*[11]byte)(out.data[at+11*i:])
			*(*[3]byte)(v[:]) = [3]byte(tweaks[3*i:])
			put4(v[3:7], x)
			put4(v[7:], b[i])
		}
		ends := slices.Grow(out.ends, n)
		for _, ok := range good[:n] {
			if ok {
				at += 11
			} else {
				out.bad = append(out.bad, len(ends))
			}
			ends = append(ends, uint32(at))
		}
		out.ends = ends
		src = src[n:]
	}
}

// allDigits reports whether the eight bytes of x are digits.
func allDigits(x uint64) bool {
	const high, zero = 0xf0f0f0f0f0f0f0f0, 0x3030303030303030
	return x&high == zero && (x+0x0606060606060606)&high == zero
}

// mobileDigits returns the 11 digits of a mobile number written with blanks,
// hyphens, +86 or in full-width characters.
func mobileDigits(v []byte) (digits [11]byte, ok bool) {
	var s slot
	if !s.compact(text(v), "+86", "0086", "86") || !detect.Mobile(s.string()) {
		return digits, false
	}
	return [11]byte(s.v[:11]), true
}

// eightDigits returns the numbers that the first and the last four of eight
// digits are, all at once: pairs of neighbours, then pairs of pairs.
func eightDigits(x uint64) (a, b uint64) {
	x -= 0x3030303030303030
	x = x*10 + x>>8
	x &= 0x00ff00ff00ff00ff
	x = x*100 + x>>16
	return x & 0xffff, x >> 32 & 0xffff
}

// put4 writes four digits.
func put4(out []byte, v uint64) {
	q := v / 100
	h, l := digitPairs[q], digitPairs[v-q*100]
	out[0], out[1], out[2], out[3] = h[0], h[1], l[0], l[1]
}
