package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"

	"aihub/catalog/mask/block"
	"aihub/catalog/mask/sm3"
)

// suite is a hash and a block cipher: what a plan's crypto names.
type suite struct {
	hash   func() hash.Hash
	cipher func(key []byte) (block.Cipher, error) // of the 32 bytes of a subkey
}

// suites are the values of Plan.Crypto.
var suites = map[string]suite{
	"aes": {sha256.New, block.NewAES},
	"sm":  {sm3.New, func(key []byte) (block.Cipher, error) { return block.NewSM4(key[:16]) }},
}

// subkey returns the key of one technique in one domain: the HMAC of both under
// the key of the scope.
func (s suite) subkey(key []byte, technique, domain string) []byte {
	h := hmac.New(s.hash, key)
	fmt.Fprintf(h, "%d:%s%s", len(technique), technique, domain)
	return h.Sum(nil)
}

// prf is CMAC (NIST SP 800-38B, RFC 4493): a keyed function of texts to 128
// bits. Texts of up to 15 bytes go through the cipher as one padded block, so no
// two of them share a result; longer ones collide with a chance of n²/2^127.
type prf struct {
	block  block.Cipher
	k1, k2 [16]byte // of a last block that is full, and of one that is padded
}

func newPRF(b block.Cipher) *prf {
	p := &prf{block: b}
	var l [16]byte
	b.Encrypt(l[:], l[:])
	p.k1 = double(l)
	p.k2 = double(p.k1)
	return p
}

// double multiplies by x in GF(2^128).
func double(x [16]byte) (y [16]byte) {
	hi, lo := binary.BigEndian.Uint64(x[:]), binary.BigEndian.Uint64(x[8:])
	binary.BigEndian.PutUint64(y[:], hi<<1|lo>>63)
	binary.BigEndian.PutUint64(y[8:], lo<<1^0x87&-(hi>>63))
	return y
}

// sum computes the results of up to lanes texts.
func (p *prf) sum(out *[lanes * 16]byte, src [][]byte) {
	buf := buffers.Get().(*[lanes * 16]byte)
	defer buffers.Put(buf)
	// Texts of one table are mostly of one length, or about: as many blocks.
	blocks := 0
	for _, v := range src {
		n := max((len(v)+15)/16, 1)
		if blocks > 0 && n != blocks {
			p.sumAny(out, buf, src)
			return
		}
		blocks = n
	}
	size := 16 * len(src)
	for from := 0; from < 16*(blocks-1); from += 16 {
		for i, v := range src {
			b := (*[16]byte)(buf[i*16:])
			if from == 0 {
				*b = [16]byte(v)
			} else {
				xor(b, b, (*[16]byte)(v[from:]))
			}
		}
		p.block.Encrypt(buf[:size], buf[:size])
	}
	for i, v := range src {
		b := (*[16]byte)(buf[i*16:])
		x, y := p.lastBlock(v, 16*(blocks-1))
		if blocks > 1 {
			x ^= binary.LittleEndian.Uint64(b[:8])
			y ^= binary.LittleEndian.Uint64(b[8:])
		}
		binary.LittleEndian.PutUint64(b[:8], x)
		binary.LittleEndian.PutUint64(b[8:], y)
	}
	p.block.Encrypt(out[:size], buf[:size])
}

// lastBlock is the last block of v, which begins at from, with its key, as two words
// whose first byte is the lowest.
func (p *prf) lastBlock(v []byte, from int) (x, y uint64) {
	rest, k := v[from:], &p.k2
	switch n := len(rest); {
	case n == 16:
		x, y, k = binary.LittleEndian.Uint64(rest), binary.LittleEndian.Uint64(rest[8:]), &p.k1
	case from > 0 && n < 8: // the block before has what is missing of a word
		x = binary.LittleEndian.Uint64(v[len(v)-8:])>>(8*(8-n)) | 0x80<<(8*n)
	default:
		x, y = padded(rest)
	}
	return x ^ binary.LittleEndian.Uint64(k[:8]), y ^ binary.LittleEndian.Uint64(k[8:])
}

// sumAny is sum for texts of any number of blocks each.
func (p *prf) sumAny(out, buf *[lanes * 16]byte, src [][]byte) {
	var at [lanes]int
	active := len(src)
	for i := range active {
		at[i] = i
	}
	for from := 0; active > 0; from += 16 {
		for k, i := range at[:active] {
			b := (*[16]byte)(buf[k*16:])
			switch rest := src[i][from:]; {
			case len(rest) > 16:
				*b = [16]byte(rest)
			case len(rest) == 16:
				xor(b, (*[16]byte)(rest), &p.k1)
			default:
				x, y := padded(rest)
				binary.LittleEndian.PutUint64(b[:8], x)
				binary.LittleEndian.PutUint64(b[8:], y)
				xor(b, b, &p.k2)
			}
			if from > 0 {
				xor(b, b, (*[16]byte)(out[i*16:]))
			}
		}
		p.block.Encrypt(buf[:active*16], buf[:active*16])
		left := 0
		for k, i := range at[:active] {
			*(*[16]byte)(out[i*16:]) = [16]byte(buf[k*16:])
			if len(src[i])-from > 16 {
				at[left] = i
				left++
			}
		}
		active = left
	}
}

// padded is a block of fewer than 16 bytes, the bit 1 and zeros, as two words
// whose first byte is the lowest.
func padded(v []byte) (x, y uint64) {
	n := len(v)
	switch {
	case n >= 8:
		x, y = binary.LittleEndian.Uint64(v), binary.LittleEndian.Uint64(v[n-8:])>>(8*(16-n))
		return x, y | 0x80<<(8*(n-8))
	case n >= 4:
		x = uint64(binary.LittleEndian.Uint32(v)) | uint64(binary.LittleEndian.Uint32(v[n-4:]))<<(8*(n-4))
	default:
		for i, c := range v {
			x |= uint64(c) << (8 * i)
		}
	}
	return x | 0x80<<(8*n), 0
}

func xor(dst, a, b *[16]byte) {
	x := binary.LittleEndian.Uint64(a[:]) ^ binary.LittleEndian.Uint64(b[:])
	y := binary.LittleEndian.Uint64(a[8:]) ^ binary.LittleEndian.Uint64(b[8:])
	binary.LittleEndian.PutUint64(dst[:], x)
	binary.LittleEndian.PutUint64(dst[8:], y)
}

// pseudonym replaces a value by the 32 hex digits of its CMAC.
type pseudonym struct{ prf *prf }

func (p pseudonym) run(out *texts, src [][]byte) {
	var sums [lanes * 16]byte
	data, ends := slices.Grow(out.data, 32*len(src)), slices.Grow(out.ends, len(src))
	for len(src) > 0 {
		n := min(lanes, len(src))
		p.prf.sum(&sums, src[:n])
		for i := range n {
			at := len(data)
			data = data[:at+32]
			putHex((*[32]byte)(data[at:]), (*[16]byte)(sums[i*16:]))
			ends = append(ends, uint32(at+32))
		}
		src = src[n:]
	}
	out.data, out.ends = data, ends
}

func (p pseudonym) raw(data []byte, src [][]byte) []byte {
	var sums [lanes * 16]byte
	for len(src) > 0 {
		n := min(lanes, len(src))
		p.prf.sum(&sums, src[:n])
		data = append(data, sums[:16*n]...)
		src = src[n:]
	}
	return data
}

// putHex writes the hex digits of x.
func putHex(out *[32]byte, x *[16]byte) {
	for i := range 4 {
		binary.LittleEndian.PutUint64(out[8*i:], hexDigits(binary.LittleEndian.Uint32(x[4*i:])))
	}
}

// hexDigits are the digits of four bytes, the first in the lowest byte.
func hexDigits(x uint32) uint64 {
	// One nibble a byte, in the order of the digits.
	v := uint64(x)
	v = (v | v<<16) & 0x0000ffff0000ffff
	v = (v | v<<8) & 0x00ff00ff00ff00ff
	v = v>>4&0x000f000f000f000f | v<<8&0x0f000f000f000f00
	// Ten and more lie 39 above '0' + 10: 'a'.
	letter := (v + 0x0606060606060606) >> 4 & 0x0101010101010101
	return v + 0x3030303030303030 + letter*39
}
