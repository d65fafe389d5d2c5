package media

import (
	"image"
	"math"
	"math/bits"
)

// Print is what a picture looks like or a recording sounds like, in few bits:
// files that people take for the same have prints that are Near, whatever their
// format, size, quality or loudness.
type Print struct {
	Hash   uint64    // of a picture: the difference hash of 9 × 8 grey means; of a recording: rises of loudness and pitch
	detail [48]uint8 // of a picture: 4 × 4 mean colours; of a recording: 24 loudnesses and 24 pitches
	sound  bool
	length float64 // of a recording, in seconds
}

// NearBits is how many bits of Hash two near prints may differ in.
const NearBits = 6

// Near reports whether a and b are of files that are nearly the same.
func (a Print) Near(b Print) bool {
	if a.sound != b.sound || bits.OnesCount64(a.Hash^b.Hash) > NearBits || math.Abs(a.length-b.length) > 0.02*max(a.length, b.length) {
		return false
	}
	sum := 0
	for i := range a.detail {
		d := int(a.detail[i]) - int(b.detail[i])
		sum += max(d, -d)
	}
	return sum <= 6*len(a.detail) // 6 of 255 on average
}

// pictureSteps is how many pixels along a side a mean is made of, at most.
const pictureSteps = 64

// mean returns the mean colour, as it is seen on black, of the cell (cx, cy) of
// nx × ny.
func mean(p *image.NRGBA, cx, cy, nx, ny int) (out [3]float64) {
	w, h := p.Rect.Dx(), p.Rect.Dy()
	x0, y0 := cx*w/nx, cy*h/ny
	x1, y1 := max((cx+1)*w/nx, x0+1), max((cy+1)*h/ny, y0+1)
	dx, dy := max(1, (x1-x0)/pictureSteps), max(1, (y1-y0)/pictureSteps)
	n := 0.0
	for y := y0; y < min(y1, h); y += dy {
		for x := x0; x < min(x1, w); x += dx {
			px := p.Pix[p.PixOffset(x, y):][:4]
			for k := range out {
				out[k] += float64(px[k]) * float64(px[3]) / 255
			}
			n++
		}
	}
	for k := range out {
		out[k] /= max(n, 1)
	}
	return out
}

// printOf looks at a picture.
func printOf(p *image.NRGBA) (out Print) {
	for y := range 8 {
		last := 0.0
		for x := range 9 {
			c := mean(p, x, y, 9, 8)
			grey := 0.299*c[0] + 0.587*c[1] + 0.114*c[2]
			if x > 0 && grey > last+0.5 { // less is noise of a flat field
				out.Hash |= 1 << (8*y + x - 1)
			}
			last = grey
		}
	}
	for i := range 16 {
		for k, v := range mean(p, i%4, i/4, 4, 4) {
			out.detail[3*i+k] = uint8(v + 0.5)
		}
	}
	return out
}

// print listens to a recording.
func (w *wav) print() (out Print) {
	out.sound = true
	n := w.frames()
	if n == 0 {
		return out
	}
	out.length = float64(n) / float64(w.rate)
	// loudness in octaves and upward crossings of zero a second, of parts of it
	hear := func(part, of int) (loud, pitch float64) {
		from, to := part*n/of, max((part+1)*n/of, part*n/of+1)
		sum, ups, below := 0.0, 0, false
		for i := from; i < min(to, n); i++ {
			v := float64(w.sample(i * w.channels))
			sum += v * v
			if v > 0 && below {
				ups++
			}
			below = v < 0 || v == 0 && below
		}
		count := float64(to - from)
		return math.Log2(math.Sqrt(sum/count) + 1.0/4096), float64(ups) / count * float64(w.rate)
	}
	lastLoud, lastPitch := 0.0, 0.0
	for i := range 33 {
		loud, pitch := hear(i, 33)
		if i > 0 && loud > lastLoud+0.1 {
			out.Hash |= 1 << (i - 1)
		}
		if i > 0 && pitch > lastPitch*1.02+1 {
			out.Hash |= 1 << (31 + i)
		}
		lastLoud, lastPitch = loud, pitch
	}
	for i := range 24 {
		loud, pitch := hear(i, 24)
		out.detail[i] = uint8(max(0, min(255, (loud+12)*20)))
		out.detail[24+i] = uint8(min(255, 32*math.Log2(1+pitch/20)))
	}
	return out
}
