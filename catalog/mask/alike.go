package mask

import (
	"encoding/binary"
	"strings"
)

// alike is a kernel whose results are few, so that most are one that was made
// before: it tells which, and makes none twice.
type alike interface {
	kernel
	alike() func(out *choices, fresh bool, src [][]byte)
}

// choices are texts, and of each value which of them it becomes. Values that the
// technique cannot take have none.
type choices struct {
	texts
	refs  []uint32
	first int // of ends: before it are others
}

// choose ends a text, which is what the next value becomes, and returns its number.
func (c *choices) choose() (ref uint32) {
	ref = uint32(len(c.ends) - c.first)
	c.end()
	c.refs = append(c.refs, ref)
	return ref
}

func (n names) alike() func(out *choices, fresh bool, src [][]byte) {
	known := make([]uint32, nameCodes+1) // of each name, and of none: which of the texts it is, from 1
	var made []uint32                    // the names of which known tells
	var sums [lanes * 16]byte
	var trimmed [lanes][]byte
	return func(out *choices, fresh bool, src [][]byte) {
		if fresh {
			for _, code := range made {
				known[code] = 0
			}
			made = made[:0]
		}
		for len(src) > 0 {
			k := min(lanes, len(src))
			for i, v := range src[:k] {
				trimmed[i] = view(trim(text(v)))
			}
			n.prf.sum(&sums, trimmed[:k])
			for i, v := range trimmed[:k] {
				d := drawn{code: nameCodes}
				if len(v) > 0 {
					d = drawName(text(v), binary.BigEndian.Uint64(sums[i*16:]), binary.BigEndian.Uint64(sums[i*16+8:]))
				}
				if ref := known[d.code]; ref > 0 {
					out.refs = append(out.refs, ref-1)
					continue
				}
				if len(v) > 0 {
					var buf [mostName]byte
					out.data = append(out.data, buf[:d.put(&buf)]...)
				}
				known[d.code] = out.choose() + 1
				made = append(made, d.code)
			}
			src = src[k:]
		}
	}
}

// mostKnown bounds what is remembered of a column of addresses; what is not comes
// again as if it were new.
const mostKnown = 1 << 14

func (a address) alike() func(out *choices, fresh bool, src [][]byte) {
	type place struct {
		text string
		ref  uint32
	}
	var near [64]place           // see run
	known := map[string]uint32{} // of each text: which it is
	return func(out *choices, fresh bool, src [][]byte) {
		if fresh {
			clear(known)
			near = [64]place{}
		}
		for i, b := range src {
			v := text(b)
			var last *place
			if len(v) >= 12 {
				if last = &near[nearness(b)]; last.text != "" && strings.HasPrefix(v, last.text) {
					out.refs = append(out.refs, last.ref)
					continue
				}
			}
			cut, ok, certain := a.mask(v)
			if !ok {
				out.bad = append(out.bad, i)
				continue
			}
			ref, ok := known[cut]
			if ok {
				out.refs = append(out.refs, ref)
			} else {
				out.data = append(out.data, cut...)
				ref = out.choose()
				if len(known) < mostKnown {
					known[strings.Clone(cut)] = ref // nothing of src is kept
				}
			}
			if certain && last != nil && strings.HasPrefix(v, cut) {
				*last = place{strings.Clone(cut), ref}
			}
		}
	}
}

// nearness is the place of addresses that begin alike, of 12 bytes or more.
func nearness(b []byte) uint64 {
	return (binary.LittleEndian.Uint64(b[4:])*0x9e3779b97f4a7c15 + binary.LittleEndian.Uint64(b)) * 0x9e3779b97f4a7c15 >> 58
}
