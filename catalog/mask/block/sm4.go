package block

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// NewSM4 returns SM4 (GB/T 32907-2016) under a key of 16 bytes.
func NewSM4(key []byte) (Cipher, error) {
	if len(key) != 16 {
		return nil, fmt.Errorf("block: an SM4 key has 16 bytes, not %d", len(key))
	}
	s := &sm4{}
	k := [4]uint32{}
	for i, fk := range [4]uint32{0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc} {
		k[i] = binary.BigEndian.Uint32(key[4*i:]) ^ fk
	}
	for i := range s.keys {
		ck := uint32(0)
		for j := range 4 {
			ck = ck<<8 | uint32(byte((4*i+j)*7))
		}
		t := sm4Sub(k[1] ^ k[2] ^ k[3] ^ ck)
		s.keys[i] = k[0] ^ t ^ bits.RotateLeft32(t, 13) ^ bits.RotateLeft32(t, 23)
		k = [4]uint32{k[1], k[2], k[3], s.keys[i]}
	}
	return s, nil
}

type sm4 struct{ keys [32]uint32 }

// Encrypt does two blocks at a time: their rounds overlap in the processor.
func (s *sm4) Encrypt(dst, src []byte) {
	check(dst, src)
	for ; len(src) >= 2*Size; dst, src = dst[2*Size:], src[2*Size:] {
		a, b, c, d := load(src)
		e, f, g, h := load(src[Size:])
		for i := 0; i < 32; i += 4 {
			a ^= sm4T(b ^ c ^ d ^ s.keys[i])
			e ^= sm4T(f ^ g ^ h ^ s.keys[i])
			b ^= sm4T(c ^ d ^ a ^ s.keys[i+1])
			f ^= sm4T(g ^ h ^ e ^ s.keys[i+1])
			c ^= sm4T(d ^ a ^ b ^ s.keys[i+2])
			g ^= sm4T(h ^ e ^ f ^ s.keys[i+2])
			d ^= sm4T(a ^ b ^ c ^ s.keys[i+3])
			h ^= sm4T(e ^ f ^ g ^ s.keys[i+3])
		}
		store(dst, d, c, b, a)
		store(dst[Size:], h, g, f, e)
	}
	if len(src) > 0 {
		a, b, c, d := load(src)
		for i := 0; i < 32; i += 4 {
			a ^= sm4T(b ^ c ^ d ^ s.keys[i])
			b ^= sm4T(c ^ d ^ a ^ s.keys[i+1])
			c ^= sm4T(d ^ a ^ b ^ s.keys[i+2])
			d ^= sm4T(a ^ b ^ c ^ s.keys[i+3])
		}
		store(dst, d, c, b, a)
	}
}

func load(p []byte) (a, b, c, d uint32) {
	_ = p[15]
	return binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:]), binary.BigEndian.Uint32(p[12:])
}

func store(p []byte, a, b, c, d uint32) {
	_ = p[15]
	binary.BigEndian.PutUint32(p, a)
	binary.BigEndian.PutUint32(p[4:], b)
	binary.BigEndian.PutUint32(p[8:], c)
	binary.BigEndian.PutUint32(p[12:], d)
}

// sm4T is the standard's T: the S-box on every byte, then the linear map L.
func sm4T(x uint32) uint32 {
	return sm4Table[0][x>>24] ^ sm4Table[1][x>>16&255] ^ sm4Table[2][x>>8&255] ^ sm4Table[3][x&255]
}

func sm4Sub(x uint32) uint32 {
	return uint32(sm4Box[x>>24])<<24 | uint32(sm4Box[x>>16&255])<<16 | uint32(sm4Box[x>>8&255])<<8 | uint32(sm4Box[x&255])
}

// sm4Box is the standard's S-box by its algebra: an affine map, the inverse in
// GF(2^8) modulo x^8+x^7+x^6+x^5+x^4+x^2+1, and the affine map again.
var sm4Box = func() (s [256]byte) {
	affine := func(x byte) (y byte) {
		for i := range 8 {
			row := bits.RotateLeft8(0xa7, i) // of a circulant matrix
			y |= byte(bits.OnesCount8(row&x)&1) << i
		}
		return y ^ 0xd3
	}
	for i := range s {
		s[i] = affine(inverse(affine(byte(i)), 0x1f5))
	}
	return s
}()

// sm4Table is T of one byte at each of the four places.
var sm4Table = func() (t [4][256]uint32) {
	for i, s := range sm4Box {
		b := uint32(s) << 24
		l := b ^ bits.RotateLeft32(b, 2) ^ bits.RotateLeft32(b, 10) ^ bits.RotateLeft32(b, 18) ^ bits.RotateLeft32(b, 24)
		for j := range t {
			t[j][i] = bits.RotateLeft32(l, -8*j)
		}
	}
	return t
}()
