package vision

import (
	"math"
	"slices"
)

// Polygon draws a polygon into a mask of h by w pixels as pycocotools does
// (rleFrPoly of its maskApi.c): the boundary is walked in fifths of a pixel, and a
// pixel is inside when an odd number of crossings lies above it in its column. xy
// is x, y of each corner; see PolygonSteps for what it costs.
func Polygon(h, w int, xy []float64) RLE {
	const scale = 5
	k := len(xy) / 2
	at := func(i int) (x, y int) {
		i %= k
		return int(float64(scale*xy[2*i]) + .5), int(float64(scale*xy[2*i+1]) + .5)
	}
	var cross []int // places of the boundary in the columns, one below the other
	first := true
	var lastU, lastV int
	point := func(u, v int) {
		if !first && u != lastU {
			x := float64(u)
			if u > lastU {
				x = float64(u - 1)
			}
			x = (x+.5)/scale - .5
			if math.Floor(x) == x && x >= 0 && x <= float64(w-1) {
				y := (float64(min(v, lastV))+.5)/scale - .5
				cross = append(cross, int(x)*h+int(math.Ceil(min(max(y, 0), float64(h)))))
			}
		}
		lastU, lastV, first = u, v, false
	}
	for j := range k {
		xs, ys := at(j)
		xe, ye := at(j + 1)
		dx, dy := abs(xe-xs), abs(ye-ys)
		flip := dx >= dy && xs > xe || dx < dy && ys > ye
		if flip {
			xs, xe, ys, ye = xe, xs, ye, ys
		}
		n := max(dx, dy)
		for d := range n + 1 {
			t := d
			if flip {
				t = n - d
			}
			switch {
			case n == 0:
				point(xs, ys)
			case dx >= dy:
				s := float64(ye-ys) / float64(dx)
				point(t+xs, int(float64(ys)+float64(s*float64(t))+.5))
			default:
				s := float64(xe-xs) / float64(dy)
				point(int(float64(xs)+float64(s*float64(t))+.5), t+ys)
			}
		}
	}
	cross = append(cross, h*w)
	slices.Sort(cross)
	m := RLE{H: h, W: w}
	last := 0
	for _, c := range cross {
		m.Counts = append(m.Counts, uint32(c-last)) // two at one place: an empty run
		last = c
	}
	return m
}

// PolygonSteps is how many points of a boundary Polygon walks, or -1 when xy is
// no polygon near an image of h by w pixels: three corners at least, none farther
// from it than its size.
func PolygonSteps(h, w int, xy []float64) int64 {
	if len(xy) < 6 || len(xy)%2 != 0 || h < 1 || w < 1 || h > maxPixels/w {
		return -1
	}
	var n int64
	for i := 0; i < len(xy); i += 2 {
		x, y := xy[i], xy[i+1]
		if !(x >= -float64(w) && x <= 2*float64(w) && y >= -float64(h) && y <= 2*float64(h)) {
			return -1
		}
		j := (i + 2) % len(xy)
		n += int64(5*max(math.Abs(x-xy[j]), math.Abs(y-xy[j+1]))) + 2
	}
	return n
}

// Union is the mask of what is in either; both have the same size.
func Union(a, b RLE) RLE {
	out := RLE{H: a.H, W: a.W}
	var i, j int
	var left, right uint32
	if len(a.Counts) > 0 {
		left = a.Counts[0]
	}
	if len(b.Counts) > 0 {
		right = b.Counts[0]
	}
	var run uint32
	in := false
	for i < len(a.Counts) || j < len(b.Counts) {
		if i < len(a.Counts) && left == 0 {
			if i++; i < len(a.Counts) {
				left = a.Counts[i]
			}
			continue
		}
		if j < len(b.Counts) && right == 0 {
			if j++; j < len(b.Counts) {
				right = b.Counts[j]
			}
			continue
		}
		now := i&1 == 1 && i < len(a.Counts) || j&1 == 1 && j < len(b.Counts)
		if now != in {
			out.Counts = append(out.Counts, run)
			run, in = 0, now
		}
		n := left
		if i >= len(a.Counts) || j < len(b.Counts) && right < left {
			n = right
		}
		run += n
		if i < len(a.Counts) {
			left -= n
		}
		if j < len(b.Counts) {
			right -= n
		}
	}
	out.Counts = append(out.Counts, run)
	return out
}

// FromRuns makes a mask of uncompressed runs, and reports whether they fill it.
func FromRuns(h, w int, counts []uint32) (RLE, bool) {
	var n uint64
	for _, c := range counts {
		n += uint64(c)
	}
	ok := h > 0 && w > 0 && h <= maxPixels/w && n == uint64(h)*uint64(w)
	return RLE{H: h, W: w, Counts: counts}, ok
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}
