package vision

import (
	"math"
	"slices"

	"aihub/evaluator/metric"
)

// Shape is one image or volume with a class for each pixel or voxel, the truth
// and the prediction. Size is depth, height and width, depth 1 of an image; the
// last runs fastest. Spacing is how far neighbours are apart, 0 meaning 1. Unit of
// hausdorff95@1, assd@1 and boundary_iou@1.
type Shape struct {
	Truth, Pred []int32
	Size        [3]int
	Spacing     [3]float64
}

func init() {
	for use, value := range map[string]string{"hausdorff95@1": "hd95", "assd@1": "assd"} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) {
			return Surfaces(p.Int("class"), p.Num("missing")), value
		})
	}
	metric.RegisterUnits("boundary_iou@1", func(p metric.Params) (metric.Measure, string) {
		return BoundaryIoU(p.Int("class"), p.Num("ratio")), "iou"
	})
}

// Surfaces is the measure of *Shape by distances between surfaces, a mean over
// the cases that hold the class on either side. Where one side alone holds it,
// the distance is missing. hd95 is the larger of the two directions' 95th
// percentiles (interpolated); assd the mean of all distances of both. A surface
// is what has a neighbour, by a face, outside; the outside of the image is one.
func Surfaces(class int, missing float64) metric.Measure {
	const cases, bad = 0, 1
	mean := func(sum int) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			switch {
			case s.Counts[bad] > 0:
				return metric.Undefined(s.N, metric.OutOfDomain)
			case s.Counts[cases] == 0:
				return metric.Undefined(s.N, metric.Nothing)
			}
			return metric.OK(s.Sums[sum].Mean(s.Counts[cases]), s.N)
		}
	}
	return &metric.Additive[*Shape]{
		ID: "vision.surfaces " + metric.Number(float64(class)) + " " + metric.Number(missing), Counts: 2, Sums: 2,
		Of: func(u *Shape, s *metric.Stats) {
			if !u.fits() {
				s.Counts[bad]++
				return
			}
			t, p := u.surface(u.Truth, class), u.surface(u.Pred, class)
			switch {
			case len(t)+len(p) == 0:
				return
			case len(t) == 0 || len(p) == 0:
				s.Sums[0].Add(missing)
				s.Sums[1].Add(missing)
			default:
				a, b := u.distances(t, p), u.distances(p, t)
				s.Sums[0].Add(max(percentile95(a), percentile95(b)))
				var sum metric.Sum
				for _, v := range append(a, b...) {
					sum.Add(v)
				}
				s.Sums[1].Add(sum.Mean(int64(len(a) + len(b))))
			}
			s.Counts[cases]++
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"hd95": mean(0), "assd": mean(1)},
	}
}

func (u *Shape) fits() bool {
	n := 1
	for i, k := range u.Size {
		if k < 1 || k > maxPixels/n || !(u.Spacing[i] >= 0 && u.Spacing[i] < 1e9) {
			return false
		}
		n *= k
	}
	return len(u.Truth) == n && len(u.Pred) == n
}

// surface lists the places of a class's surface.
func (u *Shape) surface(of []int32, class int) (at []int) {
	d, h, w := u.Size[0], u.Size[1], u.Size[2]
	is := func(z, y, x int) bool {
		return z >= 0 && z < d && y >= 0 && y < h && x >= 0 && x < w && int(of[(z*h+y)*w+x]) == class
	}
	for z := range d {
		for y := range h {
			for x := range w {
				if is(z, y, x) && !(is(z, y-1, x) && is(z, y+1, x) && is(z, y, x-1) && is(z, y, x+1) && (d == 1 || is(z-1, y, x) && is(z+1, y, x))) {
					at = append(at, (z*h+y)*w+x)
				}
			}
		}
	}
	return at
}

// distances are those from each place to the nearest of others, by an exact
// distance transform (Felzenszwalb and Huttenlocher, 2012).
func (u *Shape) distances(from, others []int) []float64 {
	d, h, w := u.Size[0], u.Size[1], u.Size[2]
	grid := make([]float64, d*h*w)
	for i := range grid {
		grid[i] = math.Inf(1)
	}
	for _, i := range others {
		grid[i] = 0
	}
	var e envelope
	for axis, a := range [3]struct{ n, step int }{{d, h * w}, {h, w}, {w, 1}} {
		if a.n == 1 {
			continue
		}
		space := u.Spacing[axis]
		if space == 0 {
			space = 1
		}
		for i := range grid {
			if i/a.step%a.n == 0 {
				e.line(grid[i:], a.n, a.step, space)
			}
		}
	}
	out := make([]float64, len(from))
	for i, at := range from {
		out[i] = math.Sqrt(grid[at])
	}
	return out
}

// envelope is the lower envelope of parabolas.
type envelope struct {
	f, at []float64
	v     []int
}

// line replaces n values, step apart, by the least of value + squared distance.
func (e *envelope) line(grid []float64, n, step int, space float64) {
	e.f, e.v, e.at = e.f[:0], e.v[:0], e.at[:0]
	for i := range n {
		e.f = append(e.f, grid[i*step])
	}
	square := func(i int) float64 { x := float64(i) * space; return float64(x * x) }
	for q, f := range e.f {
		if math.IsInf(f, 1) {
			continue
		}
		for len(e.v) > 0 {
			p := e.v[len(e.v)-1]
			x := ((f + square(q)) - (e.f[p] + square(p))) / (2 * float64(q-p) * space * space)
			if len(e.v) > 1 && x <= e.at[len(e.at)-1] {
				e.v, e.at = e.v[:len(e.v)-1], e.at[:len(e.at)-1]
				continue
			}
			e.at = append(e.at, x)
			break
		}
		e.v = append(e.v, q)
	}
	if len(e.v) == 0 {
		return
	}
	k := 0
	for i := range n {
		for k < len(e.at) && e.at[k] < float64(i) {
			k++
		}
		best := math.Inf(1)
		for _, p := range e.v[max(0, k-1):min(len(e.v), k+2)] { // neighbours too: the crossing is rounded
			best = min(best, e.f[p]+square(i-p))
		}
		grid[i*step] = best
	}
}

// percentile95 sorts v and interpolates, as numpy does.
func percentile95(v []float64) float64 {
	slices.Sort(v)
	at := float64(len(v)-1) * 95
	i := int(math.Floor(at / 100))
	if i+1 >= len(v) {
		return v[len(v)-1]
	}
	return v[i] + float64((v[i+1]-v[i])*((at-float64(100*i))/100))
}

// BoundaryIoU is the measure of *Shape by the pixels near the edge (Cheng et al.,
// 2021): those of the class that are at most ratio times the diagonal, rounded
// and at least 1, rows or columns from what is not; the outside of the image is
// not. The ratio is of sums over all images; depth must be 1.
func BoundaryIoU(class int, ratio float64) metric.Measure {
	const both, either, bad = 0, 1, 2
	return &metric.Additive[*Shape]{
		ID: "vision.boundary " + metric.Number(float64(class)) + " " + metric.Number(ratio), Counts: 3,
		Of: func(u *Shape, s *metric.Stats) {
			if !u.fits() || u.Size[0] != 1 {
				s.Counts[bad]++
				return
			}
			h, w := u.Size[1], u.Size[2]
			width := max(1, int(math.RoundToEven(ratio*math.Sqrt(float64(h*h+w*w)))))
			t, p := edge(u.Truth, class, h, w, width), edge(u.Pred, class, h, w, width)
			for i := range t {
				if t[i] && p[i] {
					s.Counts[both]++
				}
				if t[i] || p[i] {
					s.Counts[either]++
				}
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"iou": func(s *metric.Stats) metric.Result {
			switch {
			case s.Counts[bad] > 0:
				return metric.Undefined(s.N, metric.OutOfDomain)
			case s.Counts[either] == 0:
				return metric.Undefined(s.N, metric.Nothing)
			}
			return metric.OK(metric.Quo(s.Counts[both], s.Counts[either]), s.N)
		}},
	}
}

// edge marks the pixels of a class that a square of 2·width+1 around them does
// not keep inside it, by a table of sums.
func edge(of []int32, class, h, w, width int) []bool {
	sum := make([]int64, (h+1)*(w+1))
	for y := range h {
		var row int64
		for x := range w {
			if int(of[y*w+x]) == class {
				row++
			}
			sum[(y+1)*(w+1)+x+1] = sum[y*(w+1)+x+1] + row
		}
	}
	out := make([]bool, h*w)
	full := int64(2*width+1) * int64(2*width+1)
	for y := range h {
		for x := range w {
			if int(of[y*w+x]) != class {
				continue
			}
			top, left, bottom, right := y-width, x-width, y+width+1, x+width+1
			inside := top >= 0 && left >= 0 && bottom <= h && right <= w &&
				sum[bottom*(w+1)+right]-sum[top*(w+1)+right]-sum[bottom*(w+1)+left]+sum[top*(w+1)+left] == full
			out[y*w+x] = !inside
		}
	}
	return out
}
