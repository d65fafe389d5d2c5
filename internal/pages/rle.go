package pages

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
)

var errRLE = errors.New("levels or indices are cut off")

// unpackRLE fills dst from the RLE and bit-packed hybrid in src with values of
// width bits, at most 8 for levels and 32 for indices.
func unpackRLE[T uint8 | uint32](dst []T, src []byte, width int) error {
	if width == 0 {
		clear(dst)
		return nil
	}
	for len(dst) > 0 {
		head, n := binary.Uvarint(src)
		if n <= 0 {
			return errRLE
		}
		src = src[n:]
		if head&1 == 0 {
			count := head >> 1
			w := (width + 7) / 8
			if count == 0 || len(src) < w {
				return errRLE
			}
			var v uint32
			for i := range w {
				v |= uint32(src[i]) << (8 * i)
			}
			if src = src[w:]; uint64(v)>>width != 0 {
				return errRLE
			}
			run := dst[:min(count, uint64(len(dst)))]
			for i := range run {
				run[i] = T(v)
			}
			dst = dst[len(run):]
			continue
		}
		groups := head >> 1
		if groups == 0 || groups > uint64(len(src)) {
			return errRLE
		}
		n = len(dst)
		if groups*8 < uint64(n) {
			n = int(groups * 8)
		}
		if need := (n*width + 7) / 8; need > len(src) {
			return errRLE
		}
		unpack(dst[:n], src, width)
		dst = dst[n:]
		src = src[min(groups*uint64(width), uint64(len(src))):]
	}
	return nil
}

// unpack reads len(dst) values of width bits, least significant first. src holds
// at least as many bits.
func unpack[T uint8 | uint32 | uint64](dst []T, src []byte, width int) {
	if width == 0 {
		clear(dst)
		return
	}
	mask := uint64(1)<<width - 1
	if width == 64 {
		mask = ^uint64(0)
	}
	i := 0
	switch width {
	case 8:
		for i = range dst {
			dst[i] = T(src[i])
		}
		return
	case 16:
		for i = range dst {
			dst[i] = T(uint64(binary.LittleEndian.Uint16(src[2*i:])))
		}
		return
	}
	// Eight values are width bytes. Read them with as few loads as hold them,
	// while eight bytes may be read at each place.
	w := uint(width) & 63
	switch {
	case width <= 8:
		for ; i+8 <= len(dst) && len(src) >= 8; i += 8 {
			o := dst[i : i+8 : i+8]
			x := binary.LittleEndian.Uint64(src)
			o[0] = T(x & mask)
			x >>= w
			o[1] = T(x & mask)
			x >>= w
			o[2] = T(x & mask)
			x >>= w
			o[3] = T(x & mask)
			x >>= w
			o[4] = T(x & mask)
			x >>= w
			o[5] = T(x & mask)
			x >>= w
			o[6] = T(x & mask)
			x >>= w
			o[7] = T(x & mask)
			src = src[width:]
		}
	case width <= 16:
		half, odd := width/2, uint(width&1)*4 // where the fifth value begins
		for ; i+8 <= len(dst) && len(src) >= 16; i += 8 {
			o := dst[i : i+8 : i+8]
			x := binary.LittleEndian.Uint64(src)
			y := binary.LittleEndian.Uint64(src[half:]) >> odd
			o[0], o[4] = T(x&mask), T(y&mask)
			x, y = x>>w, y>>w
			o[1], o[5] = T(x&mask), T(y&mask)
			x, y = x>>w, y>>w
			o[2], o[6] = T(x&mask), T(y&mask)
			x, y = x>>w, y>>w
			o[3], o[7] = T(x&mask), T(y&mask)
			src = src[width:]
		}
	case width <= 56:
		for ; i+8 <= len(dst) && len(src) >= width+8; i += 8 {
			o := dst[i : i+8 : i+8]
			s := src[: width+8 : width+8]
			b := uint(0)
			for k := range o {
				o[k] = T(binary.LittleEndian.Uint64(s[b>>3:]) >> (b & 7) & mask)
				b += w
			}
			src = src[width:]
		}
	}
	for b := 0; i < len(dst); i, b = i+1, b+width {
		var v uint64
		for got := 0; got < width; {
			at := b + got
			take := min(8-at&7, width-got)
			v |= uint64(src[at>>3]>>(at&7)) & (1<<take - 1) << got
			got += take
		}
		dst[i] = T(v & mask)
	}
}

// packRLE appends v as the hybrid with width bits: runs of at least 16 equal
// values as runs, all else packed.
func packRLE[T uint8 | uint32](b []byte, v []T, width int) []byte {
	for i := 0; i < len(v); {
		// The run that begins here?
		j := i + 1
		for j < len(v) && v[j] == v[i] {
			j++
		}
		if j-i >= 16 || j == len(v) {
			b = binary.AppendUvarint(b, uint64(j-i)<<1)
			x := uint32(v[i])
			for range (width + 7) / 8 {
				b = append(b, byte(x))
				x >>= 8
			}
			i = j
			continue
		}
		// Packed groups of eight up to the next long run, which begins at a
		// multiple of eight from here.
		from := i
		for i < len(v) {
			i = min(i+8, len(v))
			if i+16 <= len(v) && v[i] == v[i+8] && v[i] == v[i+15] && same(v[i:i+16]) {
				break
			}
		}
		b = binary.AppendUvarint(b, uint64((i-from+7)/8)<<1|1)
		b = pack(b, v[from:i], width)
	}
	return b
}

func same[T comparable](v []T) bool {
	for _, x := range v[1:] {
		if x != v[0] {
			return false
		}
	}
	return true
}

// pack appends v in groups of eight, the last filled with zeros.
func pack[T uint8 | uint32](b []byte, v []T, width int) []byte {
	if width == 0 {
		return b
	}
	n := (len(v) + 7) / 8 * width
	at := len(b)
	const slack = 16 // what is written behind the last value
	b = slices.Grow(b, n+slack)[:at+n+slack]
	o := at
	if width < 16 {
		// Eight values are width bytes: two words of four, put together.
		w1 := uint(width) & 15
		w2, w3, w4 := 2*w1&63, 3*w1&63, 4*w1&63
		for ; len(v) >= 8; v = v[8:] {
			x := uint64(v[0]) | uint64(v[1])<<w1 | uint64(v[2])<<w2 | uint64(v[3])<<w3
			y := uint64(v[4]) | uint64(v[5])<<w1 | uint64(v[6])<<w2 | uint64(v[7])<<w3
			p := (*[slack]byte)(b[o:])
			binary.LittleEndian.PutUint64(p[:8], x|y<<w4)
			binary.LittleEndian.PutUint64(p[8:], y>>(64-w4))
			o += width
		}
	}
	var acc uint64
	have := 0
	for _, x := range v {
		acc |= uint64(x) << have
		if have += width; have >= 32 {
			binary.LittleEndian.PutUint32(b[o:], uint32(acc))
			o += 4
			acc >>= 32
			have -= 32
		}
	}
	for ; o < at+n; o++ {
		b[o] = byte(acc)
		acc >>= 8
	}
	return b[:at+n]
}

// bitsFor is the width that holds values up to most.
func bitsFor(most int) int { return bits.Len(uint(most)) }
