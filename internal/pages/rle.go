package pages

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
)

var errRLE = errors.New("levels or indices are cut off")

// hybrid reads values of width bits, at most 8 for levels and 32 for indices, from
// the RLE and bit-packed hybrid in src, as many at a time as the caller has room for.
type hybrid[T uint8 | uint32] struct {
	src    []byte
	width  int
	run    int // values left of a run
	value  T   // its value
	packed int // values left of packed groups
	group  [8]T
	rest   []T    // of group: unpacked, not yet given out
	most   uint32 // the greatest value given out
}

// unpackRLE fills dst from src.
func unpackRLE[T uint8 | uint32](dst []T, src []byte, width int) error {
	d := hybrid[T]{src: src, width: width}
	return d.fill(dst)
}

// fill fills dst with the next values.
func (d *hybrid[T]) fill(dst []T) error {
	if d.width == 0 {
		clear(dst)
		return nil
	}
	for len(dst) > 0 {
		switch {
		case len(d.rest) > 0:
			n := copy(dst, d.rest)
			for _, v := range dst[:n] {
				d.most = max(d.most, uint32(v))
			}
			dst, d.rest = dst[n:], d.rest[n:]
		case d.run > 0:
			n := min(d.run, len(dst))
			for i := range dst[:n] {
				dst[i] = d.value
			}
			dst, d.run = dst[n:], d.run-n
		case d.packed > 0:
			n := min(d.packed, len(dst)) &^ 7
			if n*d.width/8 > len(d.src) {
				return errRLE
			}
			if n > 0 {
				d.most = max(d.most, unpackMost(dst[:n], d.src, d.width))
				dst = dst[n:]
			} else { // less than a group, of which the last may be cut off behind its last value
				if n = min(len(d.src)*8/d.width, 8); n < min(d.packed, len(dst)) {
					return errRLE
				}
				d.rest = d.group[:n]
				unpack(d.rest, d.src, d.width)
			}
			d.src = d.src[min((n+7)/8*d.width, len(d.src)):]
			d.packed -= n
		default:
			if err := d.header(); err != nil {
				return err
			}
		}
	}
	return nil
}

// tells reports whether there is more than the values read: bits that are no part of
// them and bytes behind them, where something else may stand.
func (d *hybrid[T]) tells() bool {
	if d.width == 0 && len(d.src) > 0 { // nothing was read: how many there are stands there, and no more
		_, n := binary.Uvarint(d.src)
		return n != len(d.src)
	}
	if d.packed > 0 || d.run > 0 || len(d.src) > 0 {
		return true
	}
	for _, v := range d.rest {
		if v != 0 {
			return true
		}
	}
	return false
}

// header reads what the next values are.
func (d *hybrid[T]) header() error {
	head, n := binary.Uvarint(d.src)
	if n <= 0 {
		return errRLE
	}
	d.src = d.src[n:]
	if head&1 == 1 {
		groups := head >> 1
		if groups == 0 || groups > uint64(len(d.src)) {
			return errRLE
		}
		d.packed = int(groups * 8)
		return nil
	}
	w := (d.width + 7) / 8
	if head>>1 == 0 || len(d.src) < w {
		return errRLE
	}
	var v uint32
	for i := range w {
		v |= uint32(d.src[i]) << (8 * i)
	}
	if d.src = d.src[w:]; uint64(v)>>d.width != 0 {
		return errRLE
	}
	d.run, d.value, d.most = int(min(head>>1, math.MaxInt32)), T(v), max(d.most, v)
	return nil
}

// unpackMost is unpack, and returns the greatest value.
func unpackMost[T uint8 | uint32](dst []T, src []byte, width int) (most uint32) {
	done := 0
	if wide, ok := any(dst).([]uint32); ok {
		done, most = unpackLanes(wide, src, width)
	}
	unpack(dst[done:], src[done*width/8:], width)
	for _, v := range dst[done:] {
		most = max(most, uint32(v))
	}
	return most
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
	b, _ = packSome(b, v, width, true)
	return b
}

// packSome is packRLE for some values, and returns how many of them it has written: of
// the last, all. Else fewer than eight are left, which no group holds yet.
func packSome[T uint8 | uint32](b []byte, v []T, width int, last bool) ([]byte, int) {
	for i := 0; i < len(v); {
		// The run that begins here?
		j := i + 1
		for j < len(v) && v[j] == v[i] {
			j++
		}
		if j-i >= 16 || j == len(v) && last {
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
		from, end := i, len(v)
		if !last {
			end -= (end - i) % 8
		}
		for i < end {
			i = min(i+8, end)
			if i+16 > len(v) {
				continue
			}
			// Four comparisons for one branch: where values are few, each of them would be guessed wrong often.
			if o := v[i : i+16 : i+16]; (o[0]^o[8])|(o[0]^o[15])|(o[1]^o[5])|(o[3]^o[12]) == 0 && same(o) {
				break
			}
		}
		if i == from {
			return b, i
		}
		b = binary.AppendUvarint(b, uint64((i-from+7)/8)<<1|1)
		b = pack(b, v[from:i], width)
	}
	return b, len(v)
}

func same[T comparable](v []T) bool {
	for _, x := range v[1:] {
		if x != v[0] {
			return false
		}
	}
	return true
}

// packSlack is how many bytes pack may write behind the last value.
const packSlack = 16

// pack appends v in groups of eight, the last filled with zeros.
func pack[T uint8 | uint32](b []byte, v []T, width int) []byte {
	if width == 0 {
		return b
	}
	n := (len(v) + 7) / 8 * width
	at := len(b)
	b = slices.Grow(b, n+packSlack)[:at+n+packSlack]
	o := at
	if indices, ok := any(v).([]uint32); ok {
		done := packLanes(b[o:], indices, width)
		v, o = v[done:], o+done/8*width
	}
	if width < 16 {
		// Eight values are width bytes: two words of four, put together.
		w1 := uint(width) & 15
		w2, w3, w4 := 2*w1&63, 3*w1&63, 4*w1&63
		for ; len(v) >= 8; v = v[8:] {
			x := uint64(v[0]) | uint64(v[1])<<w1 | uint64(v[2])<<w2 | uint64(v[3])<<w3
			y := uint64(v[4]) | uint64(v[5])<<w1 | uint64(v[6])<<w2 | uint64(v[7])<<w3
			p := (*[packSlack]byte)(b[o:])
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
