package vision

import (
	"fmt"

	"aihub"
)

// RLE is a mask by the lengths of its runs, first of background, then of
// foreground, and so on, down the columns from the left, as COCO has it.
type RLE struct {
	H, W   int
	Counts []uint32
}

// maxPixels bounds a mask that is read.
const maxPixels = 1 << 28

// ParseRLE reads COCO's compressed text form of a mask of h by w pixels.
func ParseRLE(h, w int, s string) (RLE, error) {
	bad := func(en, zh string) (RLE, error) {
		return RLE{}, aihub.Errorf(aihub.Contract, aihub.Text{EN: "this is no mask: " + en, ZH: "不是掩码：" + zh})
	}
	if h < 1 || w < 1 || h > maxPixels/w {
		return bad(fmt.Sprintf("its size is %d by %d", h, w), fmt.Sprintf("大小为 %d×%d", h, w))
	}
	m := RLE{H: h, W: w}
	var total int64
	for i := 0; i < len(s); {
		var x int64
		for k := 0; ; k++ {
			if i == len(s) || k > 6 {
				return bad("a run does not end", "游程不完整")
			}
			c := int64(s[i]) - 48
			if c < 0 || c > 63 {
				return bad(fmt.Sprintf("byte %d is not of the alphabet", i), fmt.Sprintf("第 %d 字节不在字母表内", i))
			}
			i++
			x |= (c & 31) << (5 * k)
			if c&32 == 0 {
				if c&16 != 0 {
					x |= -1 << (5 * (k + 1))
				}
				break
			}
		}
		if n := len(m.Counts); n > 2 {
			x += int64(m.Counts[n-2])
		}
		if total += x; x < 0 || total > int64(h)*int64(w) {
			return bad("its runs are longer than it", "游程总长超出掩码")
		}
		m.Counts = append(m.Counts, uint32(x))
	}
	if total != int64(h)*int64(w) {
		return bad("its runs are shorter than it", "游程总长不足")
	}
	return m, nil
}

// Encode makes the mask of h by w pixels, by rows.
func Encode(h, w int, pixels []bool) RLE {
	m := RLE{H: h, W: w}
	var run uint32
	last := false
	for x := range w {
		for y := range h {
			if p := pixels[y*w+x]; p != last {
				m.Counts = append(m.Counts, run)
				run, last = 0, p
			}
			run++
		}
	}
	m.Counts = append(m.Counts, run)
	return m
}

// Area is the number of foreground pixels.
func (m RLE) Area() (n int64) {
	for i := 1; i < len(m.Counts); i += 2 {
		n += int64(m.Counts[i])
	}
	return n
}

// box is left, top, right, bottom of the foreground, the last two beyond it.
func (m RLE) box() [4]float64 {
	left, top, right, bottom, at := m.W, m.H, 0, 0, 0
	for i, n := range m.Counts {
		if i&1 == 1 && n > 0 {
			end := at + int(n) - 1
			left, right = min(left, at/m.H), max(right, end/m.H+1)
			if at/m.H != end/m.H {
				top, bottom = 0, m.H
			} else {
				top, bottom = min(top, at%m.H), max(bottom, end%m.H+1)
			}
		}
		at += int(n)
	}
	if right == 0 {
		return [4]float64{}
	}
	return [4]float64{float64(left), float64(top), float64(right), float64(bottom)}
}

// iou is the overlap with o over the union, or over m alone when o is a crowd;
// 0 for masks of different size or without a pixel.
func (m RLE) iou(o RLE, crowd bool) float64 {
	if m.H != o.H || m.W != o.W {
		return 0
	}
	var both, i, j int
	var left, right uint32
	i, j = -1, -1
	for {
		for left == 0 {
			if i++; i == len(m.Counts) {
				break
			}
			left = m.Counts[i]
		}
		for right == 0 {
			if j++; j == len(o.Counts) {
				break
			}
			right = o.Counts[j]
		}
		if i >= len(m.Counts) || j >= len(o.Counts) {
			break
		}
		n := min(left, right)
		if i&1 == 1 && j&1 == 1 {
			both += int(n)
		}
		left -= n
		right -= n
	}
	union := m.Area()
	if !crowd {
		union += o.Area() - int64(both)
	}
	if union == 0 {
		return 0
	}
	return float64(both) / float64(union)
}
