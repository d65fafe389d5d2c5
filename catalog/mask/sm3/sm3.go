// Package sm3 is the hash of GB/T 32905-2016, 256 bits wide, for plans that ask
// for the algorithms of the national standards.
package sm3

import (
	"encoding/binary"
	"hash"
	"math/bits"
)

// Sizes of a digest and of a block, in bytes.
const (
	Size      = 32
	BlockSize = 64
)

var start = [8]uint32{0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e}

type digest struct {
	v    [8]uint32
	buf  [BlockSize]byte // buf[:n] waits for more
	n    int
	size uint64 // bytes so far
}

// New returns an empty SM3.
func New() hash.Hash { return &digest{v: start} }

// Sum returns the digest of p.
func Sum(p []byte) (out [Size]byte) {
	d := digest{v: start}
	d.Write(p)
	d.Sum(out[:0])
	return out
}

func (d *digest) Size() int      { return Size }
func (d *digest) BlockSize() int { return BlockSize }
func (d *digest) Reset()         { *d = digest{v: start} }

func (d *digest) Write(p []byte) (int, error) {
	n := len(p)
	d.size += uint64(n)
	for len(p) > 0 {
		if d.n == 0 && len(p) >= BlockSize {
			d.compress(p[:BlockSize])
			p = p[BlockSize:]
			continue
		}
		k := copy(d.buf[d.n:], p)
		d.n, p = d.n+k, p[k:]
		if d.n == BlockSize {
			d.compress(d.buf[:])
			d.n = 0
		}
	}
	return n, nil
}

// Sum appends the digest of what was written to b; d stays as it was.
func (d *digest) Sum(b []byte) []byte {
	e := *d
	pad := [BlockSize + 8]byte{0x80}
	k := (BlockSize+56-1-e.n)%BlockSize + 1 // 1 to 64 bytes, so that 8 are left in the block
	binary.BigEndian.PutUint64(pad[k:], d.size*8)
	e.Write(pad[:k+8])
	for _, v := range e.v {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// compress is CF of the standard, section 5.3; its names are the standard's.
func (d *digest) compress(p []byte) {
	var w [68]uint32
	for j := range 16 {
		w[j] = binary.BigEndian.Uint32(p[4*j:])
	}
	for j := 16; j < 68; j++ {
		x := w[j-16] ^ w[j-9] ^ bits.RotateLeft32(w[j-3], 15)
		w[j] = x ^ bits.RotateLeft32(x, 15) ^ bits.RotateLeft32(x, 23) ^ bits.RotateLeft32(w[j-13], 7) ^ w[j-6]
	}
	a, b, c, dd, e, f, g, h := d.v[0], d.v[1], d.v[2], d.v[3], d.v[4], d.v[5], d.v[6], d.v[7]
	for j := range 64 {
		t, ff, gg := uint32(0x79cc4519), a^b^c, e^f^g
		if j >= 16 {
			t, ff, gg = 0x7a879d8a, a&b|a&c|b&c, e&f|^e&g
		}
		a12 := bits.RotateLeft32(a, 12)
		ss1 := bits.RotateLeft32(a12+e+bits.RotateLeft32(t, j), 7)
		tt1 := ff + dd + (ss1 ^ a12) + (w[j] ^ w[j+4])
		tt2 := gg + h + ss1 + w[j]
		dd, c, b, a = c, bits.RotateLeft32(b, 9), a, tt1
		h, g, f, e = g, bits.RotateLeft32(f, 19), e, tt2^bits.RotateLeft32(tt2, 9)^bits.RotateLeft32(tt2, 17)
	}
	for i, x := range [8]uint32{a, b, c, dd, e, f, g, h} {
		d.v[i] ^= x
	}
}
