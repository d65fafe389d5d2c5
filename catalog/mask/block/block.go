// Package block encrypts 16-byte blocks, many at a time: AES (FIPS 197) by the
// instructions of the processor on eight blocks at once where it has them, on 32
// where it has AVX-512 with VAES, and SM4 (GB/T 32907). A table is masked value by value, and the values do not
// depend on one another: eight of them keep the cipher's pipeline full, one
// leaves it empty most of the time.
//
// AES runs in constant time with the instructions and as crypto/aes does
// without them. SM4 uses tables, so whoever shares the processor's cache could
// learn of its key: mask on a machine of your own.
package block

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
)

// Size is the length of a block.
const Size = 16

// Cipher is a permutation of blocks under a key. It is safe for concurrent use.
type Cipher interface {
	// Encrypt writes the image of every block of src to dst. Both have one
	// length, a multiple of Size, and may be the same memory.
	Encrypt(dst, src []byte)
}

// NewAES returns AES under a key of 16, 24 or 32 bytes.
func NewAES(key []byte) (Cipher, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("block: %w", err)
	}
	if hasAES {
		return newHardware(key), nil
	}
	return One(b), nil
}

// One encrypts with b, block by block.
func One(b cipher.Block) Cipher { return one{b} }

type one struct{ b cipher.Block }

func (o one) Encrypt(dst, src []byte) {
	check(dst, src)
	for ; len(src) > 0; dst, src = dst[Size:], src[Size:] {
		o.b.Encrypt(dst[:Size], src[:Size])
	}
}

func check(dst, src []byte) {
	if len(dst) != len(src) || len(src)%Size != 0 {
		panic("block: dst and src must be as long as one another, in whole blocks")
	}
}

// wide is how many blocks encryptVAES takes at once.
const wide = 32

// hardware is AES by the processor's instructions.
type hardware struct {
	keys   [15 * Size]byte // of all rounds, in the order of FIPS 197
	rounds int
}

func newHardware(key []byte) *hardware {
	h := &hardware{rounds: len(key)/4 + 6}
	expand(h.keys[:(h.rounds+1)*Size], key)
	return h
}

func (h *hardware) Encrypt(dst, src []byte) {
	check(dst, src)
	if n := len(src) / (wide * Size) * wide * Size; hasVAES && n > 0 {
		encryptVAES(&h.keys[0], h.rounds, &dst[0], &src[0], n/Size)
		dst, src = dst[n:], src[n:]
	}
	if len(src) > 0 {
		encryptAES(&h.keys[0], h.rounds, &dst[0], &src[0], len(src)/Size)
	}
}

// expand is the key expansion of FIPS 197, section 5.2, on bytes.
func expand(out, key []byte) {
	n := copy(out, key)
	rcon := byte(1)
	for i := n; i < len(out); i += 4 {
		t := [4]byte(out[i-4:])
		switch {
		case i%n == 0:
			t = [4]byte{sbox[t[1]] ^ rcon, sbox[t[2]], sbox[t[3]], sbox[t[0]]}
			rcon = times(rcon, 2, 0x11b)
		case n == 32 && i%n == 16:
			t = [4]byte{sbox[t[0]], sbox[t[1]], sbox[t[2]], sbox[t[3]]}
		}
		for j := range 4 {
			out[i+j] = out[i-n+j] ^ t[j]
		}
	}
}

// sbox is that of FIPS 197: the inverse in GF(2^8), then an affine map.
var sbox = func() (s [256]byte) {
	for i := range s {
		b := inverse(byte(i), 0x11b)
		s[i] = b ^ rotl(b, 1) ^ rotl(b, 2) ^ rotl(b, 3) ^ rotl(b, 4) ^ 0x63
	}
	return s
}()

func rotl(b byte, n int) byte { return b<<n | b>>(8-n) }

// times multiplies in GF(2^8) modulo a polynomial of degree 8.
func times(a, b byte, poly uint16) byte {
	p, x := uint16(0), uint16(a)
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			p ^= x
		}
		if x <<= 1; x&0x100 != 0 {
			x ^= poly
		}
	}
	return byte(p)
}

// inverse is a^254: 0 stays 0.
func inverse(a byte, poly uint16) byte {
	p := byte(1)
	for range 254 {
		p = times(p, a, poly)
	}
	return p
}
