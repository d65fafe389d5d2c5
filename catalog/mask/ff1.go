package mask

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// FF1 is the format-preserving cipher FF1 of NIST SP 800-38G (2016), in the
// domain bounds of its revision 1 (radix^length ≥ 10^6): a keyed permutation of
// the numeral strings of one length. It is safe for concurrent use.
type FF1 struct {
	block cipher.Block
	radix uint64
}

// minDomain is the smallest domain that SP 800-38G revision 1 allows.
const minDomain = 1_000_000

// NewFF1 returns FF1 over numerals 0 to radix-1 (2 ≤ radix ≤ 65536) under an AES
// key of 16, 24 or 32 bytes.
func NewFF1(key []byte, radix int) (*FF1, error) {
	if radix < 2 || radix > 1<<16 {
		return nil, fmt.Errorf("ff1: radix %d is not in 2..65536", radix)
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("ff1: %w", err)
	}
	return &FF1{b, uint64(radix)}, nil
}

// Encrypt returns the image of x, most significant numeral first.
func (f *FF1) Encrypt(x []uint16, tweak []byte) ([]uint16, error) { return f.rounds(x, tweak, false) }

// Decrypt returns the x that Encrypt made into y.
func (f *FF1) Decrypt(y []uint16, tweak []byte) ([]uint16, error) { return f.rounds(y, tweak, true) }

// rounds is algorithm 7 (or 8) of SP 800-38G; its names are the standard's.
// Half a string must stay below 2^63: more than an identifier needs.
func (f *FF1) rounds(x []uint16, tweak []byte, decrypt bool) ([]uint16, error) {
	n, t := len(x), len(tweak)
	if math.Pow(float64(f.radix), float64(n)) < minDomain {
		return nil, fmt.Errorf("ff1: %d numerals of radix %d are fewer than %d strings: too few to hide one", n, f.radix, minDomain)
	}
	u := n / 2
	v := n - u
	if float64(v)*math.Log2(float64(f.radix)) > 62.99 {
		return nil, fmt.Errorf("ff1: %d numerals of radix %d are too long", n, f.radix)
	}
	for _, d := range x {
		if uint64(d) >= f.radix {
			return nil, fmt.Errorf("ff1: numeral %d is not below the radix %d", d, f.radix)
		}
	}
	a, b := f.num(x[:u]), f.num(x[u:])
	modU, modV := f.pow(u), f.pow(v)
	bLen := (bits.Len64(modV-1) + 7) / 8 // ceil(ceil(v·log2 radix) / 8)
	d := 4*((bLen+3)/4) + 4

	var p [16]byte
	p[0], p[1], p[2] = 1, 2, 1
	p[3], p[4], p[5] = byte(f.radix>>16), byte(f.radix>>8), byte(f.radix)
	p[6], p[7] = 10, byte(u)
	binary.BigEndian.PutUint32(p[8:], uint32(n))
	binary.BigEndian.PutUint32(p[12:], uint32(t))
	var head [16]byte
	f.block.Encrypt(head[:], p[:])

	pad := (16 - (t+bLen+1)%16) % 16
	q := make([]byte, t+pad+1+bLen)
	copy(q, tweak)
	for k := range 10 {
		i := k
		if decrypt {
			i = 9 - k
			a, b = b, a
		}
		q[t+pad] = byte(i)
		for j, w := len(q)-1, b; j > t+pad; j, w = j-1, w>>8 {
			q[j] = byte(w)
		}
		m := modU
		if i%2 == 1 {
			m = modV
		}
		y := f.prf(head, q, d, m)
		if decrypt { // a is the standard's B here: undo C = (NUM(A)+y) mod m
			a = (a + m - y) % m
		} else {
			a, b = b, (a+y)%m
		}
	}
	out := make([]uint16, n)
	f.str(out[:u], a)
	f.str(out[u:], b)
	return out, nil
}

// prf returns NUM of the first d bytes of S, modulo m.
func (f *FF1) prf(r [16]byte, q []byte, d int, m uint64) uint64 {
	for ; len(q) > 0; q = q[16:] {
		for j := range 16 {
			r[j] ^= q[j]
		}
		f.block.Encrypt(r[:], r[:])
	}
	// Halves below 2^63 make d 8 or 12: S is its first block.
	if d == 8 {
		return binary.BigEndian.Uint64(r[:]) % m
	}
	_, y := bits.Div64(uint64(binary.BigEndian.Uint32(r[:]))%m, binary.BigEndian.Uint64(r[4:]), m)
	return y
}

func (f *FF1) pow(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= f.radix
	}
	return p
}

func (f *FF1) num(x []uint16) (v uint64) {
	for _, d := range x {
		v = v*f.radix + uint64(d)
	}
	return v
}

func (f *FF1) str(out []uint16, v uint64) {
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = uint16(v % f.radix)
		v /= f.radix
	}
}

// index is a keyed permutation of the integers below size, by FF1 over bits and
// cycle walking: encrypt again until the result is below size.
type index struct {
	ff1  *FF1
	size uint64
	bits int
}

func newIndex(key []byte, size uint64) (*index, error) {
	if size < minDomain {
		return nil, fmt.Errorf("ff1: a domain of %d is too small to hide in", size)
	}
	f, err := NewFF1(key, 2)
	if err != nil {
		return nil, err
	}
	return &index{f, size, bits.Len64(size - 1)}, nil
}

func (ix *index) permute(v uint64, tweak []byte, step func([]uint16, []byte) ([]uint16, error)) (uint64, error) {
	x := make([]uint16, ix.bits)
	for {
		ix.ff1.str(x, v)
		y, err := step(x, tweak)
		if err != nil {
			return 0, err
		}
		if v = ix.ff1.num(y); v < ix.size { // at most 2 steps are expected: size > 2^(bits-1)
			return v, nil
		}
	}
}

func (ix *index) encrypt(v uint64, tweak []byte) (uint64, error) {
	return ix.permute(v, tweak, ix.ff1.Encrypt)
}
