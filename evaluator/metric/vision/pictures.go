package vision

import (
	"math"

	"aihub/evaluator/metric"
)

// Picture is one restored or generated image and what it should be: values row
// by row, channels together. Unit of psnr@1 and ssim@1.
type Picture struct {
	H, W, Channels int
	Truth, Pred    []float64
}

func init() {
	metric.RegisterUnits("psnr@1", func(p metric.Params) (metric.Measure, string) { return Fidelity(p.Num("range"), p.Num("cap")), "psnr" })
	metric.RegisterUnits("ssim@1", func(p metric.Params) (metric.Measure, string) { return Fidelity(p.Num("range"), 0), "ssim" })
}

// Fidelity is the measure of *Picture, means over images, as scikit-image
// computes them. psnr is 10·log10(range²/mse) in decibels, at most most, which an
// equal image has. ssim is over windows of 7 by 7 that lie inside, with the
// sample covariance, K1 = .01 and K2 = .03, averaged over channels; an image with
// a side below 7 has none.
func Fidelity(span, most float64) metric.Measure {
	const psnr, ssim = 0, 1
	const bad, small = 0, 1
	guard := func(sum int, faults ...int) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			for _, f := range faults {
				if s.Counts[f] > 0 {
					return metric.Undefined(s.N, metric.OutOfDomain)
				}
			}
			return metric.OK(s.Sums[sum].Mean(s.N), s.N)
		}
	}
	return &metric.Additive[*Picture]{
		ID: "vision.fidelity " + metric.Number(span) + " " + metric.Number(most), Counts: 2, Sums: 2,
		Of: func(u *Picture, s *metric.Stats) {
			n := len(u.Truth)
			if u.H < 1 || u.W < 1 || u.Channels < 1 || u.H > maxPixels/u.W || u.Channels > maxPixels || n != u.H*u.W*u.Channels || len(u.Pred) != n {
				s.Counts[bad]++
				return
			}
			var square metric.Sum
			for i, t := range u.Truth {
				square.AddSquare(t - u.Pred[i])
			}
			if !square.Finite() {
				s.Counts[bad]++
				return
			}
			v := most
			if mse := square.Mean(int64(n)); mse > 0 {
				v = min(v, 10/math.Ln10*(2*metric.Ln(span)-metric.Ln(mse)))
			}
			s.Sums[psnr].Add(v)
			if u.H < window || u.W < window {
				s.Counts[small]++
				return
			}
			s.Sums[ssim].Add(similar(u, span))
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"psnr": guard(psnr, bad), "ssim": guard(ssim, bad, small)},
	}
}

const window = 7

// similar is the mean structural similarity of an image.
func similar(u *Picture, span float64) float64 {
	c1, c2 := 0.01*span, 0.03*span
	c1, c2 = float64(c1*c1), float64(c2*c2)
	const n = window * window
	var sum metric.Sum
	// Sums of x, y, x², y² and xy of a column of the window, for each column.
	column := make([][5]float64, u.W)
	for k := range u.Channels {
		for y := 0; y+window <= u.H; y++ {
			for x := range u.W {
				var c [5]float64
				for r := y; r < y+window; r++ {
					i := (r*u.W+x)*u.Channels + k
					a, b := u.Truth[i], u.Pred[i]
					for j, v := range [5]float64{a, b, float64(a * a), float64(b * b), float64(a * b)} {
						c[j] += v
					}
				}
				column[x] = c
			}
			for x := 0; x+window <= u.W; x++ {
				var c [5]float64
				for _, col := range column[x : x+window] {
					for j, v := range col {
						c[j] += v
					}
				}
				for j := range c {
					c[j] /= n
				}
				ux, uy := c[0], c[1]
				xx, yy, xy := float64(ux*ux), float64(uy*uy), float64(ux*uy)
				const unbiased = n / (n - 1.0)
				vx, vy, vxy := float64(unbiased*(c[2]-xx)), float64(unbiased*(c[3]-yy)), float64(unbiased*(c[4]-xy))
				sum.Add(float64((2*xy+c1)*(2*vxy+c2)) / float64((xx+yy+c1)*(vx+vy+c2)))
			}
		}
	}
	return sum.Mean(int64((u.H - window + 1) * (u.W - window + 1) * u.Channels))
}
