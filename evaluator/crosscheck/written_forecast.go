package main

import (
	"math"
	"slices"
	"strings"

	"aihub/evaluator/metric/forecast"
)

type seriesCase struct{ Series []forecast.Series }

func series(c *seriesCase) (out []*forecast.Series) {
	for i := range c.Series {
		out = append(out, &c.Series[i])
	}
	return out
}

func drawSeries(r *rng) (*seriesCase, []string) {
	c := &seriesCase{}
	style := pick(r, 0, 1, 1, 2)
	list := func(n int) []float64 {
		x := []float64{}
		for range n {
			x = append(x, r.value(style))
		}
		return x
	}
	for range pick(r, 1, 1, 2, 3) {
		h := pick(r, 1, 2, 4)
		past := list(pick(r, 3, 6, 9))
		if r.chance(0.2) {
			past = append([]float64{0, 0}, past...)
		}
		if r.chance(0.05) {
			past = []float64{7, 7, 7}
		}
		s := forecast.Series{Weight: pick(r, 0, 1, r.Float64()), Past: past, Truth: list(h), Pred: list(h), Naive2: list(h), Levels: []float64{0.1, 0.5, 0.9}, Quantiles: [][]float64{list(h), list(h), list(h)}}
		if r.chance(0.3) {
			s.Pred = s.Truth
		}
		c.Series = append(c.Series, s)
	}
	period := " period=" + pick(r, "1", "2")
	return c, []string{"series_mase@1" + period, "owa@1" + period, "series_smape@1", "series_rmsse@1", "wrmsse@1", "wspl@1"}
}

func wantSeries(c *seriesCase, key string) (float64, bool) {
	use, p := params(key)
	period := 1
	if v, ok := p["period"].(float64); ok {
		period = int(v)
	}
	var mase, mase2, smape, smape2, rmsse, spl, weight []float64
	for _, s := range c.Series {
		symmetric := func(pred []float64) float64 {
			var v []float64
			for i, y := range s.Truth {
				if d := math.Abs(y) + math.Abs(pred[i]); d > 0 {
					v = append(v, 200*math.Abs(y-pred[i])/d)
				} else {
					v = append(v, 0)
				}
			}
			return meanOver(v)
		}
		absolute := func(pred []float64) float64 {
			var v []float64
			for i, y := range s.Truth {
				v = append(v, math.Abs(y-pred[i]))
			}
			return meanOver(v)
		}
		var season, day, square, err []float64
		for i := period; i < len(s.Past); i++ {
			season = append(season, math.Abs(s.Past[i]-s.Past[i-period]))
		}
		from := 0
		for from < len(s.Past) && s.Past[from] == 0 {
			from++
		}
		for i := from + 1; i < len(s.Past); i++ {
			d := s.Past[i] - s.Past[i-1]
			day, square = append(day, math.Abs(d)), append(square, d*d)
		}
		for i, y := range s.Truth {
			err = append(err, (y-s.Pred[i])*(y-s.Pred[i]))
		}
		var loss []float64
		for k, q := range s.Levels {
			for i, y := range s.Truth {
				if e := y - s.Quantiles[k][i]; e > 0 {
					loss = append(loss, q*e)
				} else {
					loss = append(loss, (q-1)*e)
				}
			}
		}
		scale := over(sum(season), float64(len(season)))
		mase, mase2 = append(mase, over(absolute(s.Pred), scale)), append(mase2, over(absolute(s.Naive2), scale))
		smape, smape2 = append(smape, symmetric(s.Pred)), append(smape2, symmetric(s.Naive2))
		rmsse = append(rmsse, math.Sqrt(over(meanOver(err), meanOver(square))))
		spl = append(spl, over(meanOver(loss), meanOver(day)))
		weight = append(weight, s.Weight)
	}
	weighted := func(x []float64) float64 {
		var s float64
		for i, v := range x {
			s += weight[i] * v
		}
		return over(s, sum(weight))
	}
	switch use {
	case "series_mase@1":
		return meanOver(mase), true
	case "series_smape@1":
		return meanOver(smape), true
	case "series_rmsse@1":
		return meanOver(rmsse), true
	case "owa@1":
		return (over(meanOver(mase), meanOver(mase2)) + over(meanOver(smape), meanOver(smape2))) / 2, true
	case "wrmsse@1":
		return weighted(rmsse), true
	}
	return weighted(spl), true
}

type distributionCase struct{ Of []forecast.Distribution }

func distributions(c *distributionCase) (out []*forecast.Distribution) {
	for i := range c.Of {
		out = append(out, &c.Of[i])
	}
	return out
}

func drawDistributions(r *rng) (*distributionCase, []string) {
	c := &distributionCase{}
	style := r.IntN(3)
	for range pick(r, 1, 2, 4) {
		d := forecast.Distribution{Truth: r.value(style), Levels: []float64{0.1, 0.3, 0.5, 0.9}, Mean: r.value(style), SD: pick(r, 0.1, r.Float64()+1e-3, 3, 1e-6)}
		for range pick(r, 1, 2, 3, 8) {
			d.Members = append(d.Members, r.value(style))
		}
		for range d.Levels {
			d.Quantiles = append(d.Quantiles, r.value(style))
		}
		c.Of = append(c.Of, d)
	}
	return c, []string{"crps_ensemble@1 estimator=" + pick(r, "fair", "biased"), "crps_quantile@1", "crps_gaussian@1"}
}

func wantDistributions(c *distributionCase, key string) (float64, bool) {
	use, p := params(key)
	var v []float64
	for _, d := range c.Of {
		x := 0.0
		switch use {
		case "crps_ensemble@1":
			m := float64(len(d.Members))
			var near, apart float64
			for _, a := range d.Members {
				near += math.Abs(a-d.Truth) / m
				for _, b := range d.Members {
					apart += math.Abs(a - b)
				}
			}
			pairs := m * m
			if p["estimator"] == "fair" {
				pairs = max(1, m*(m-1))
			}
			x = near - apart/pairs/2
		case "crps_quantile@1":
			for i, q := range d.Levels {
				e := d.Truth - d.Quantiles[i]
				x += 2 * max(q*e, (q-1)*e) / float64(len(d.Levels))
			}
		default:
			z := (d.Truth - d.Mean) / d.SD
			x = d.SD * (z*math.Erf(z/math.Sqrt2) + 2*math.Exp(-z*z/2)/math.Sqrt(2*math.Pi) - 1/math.Sqrt(math.Pi))
		}
		v = append(v, x)
	}
	return meanOver(v), true
}

type survivalCase struct{ Of []forecast.Survivor }

func survivors(c *survivalCase) (out []*forecast.Survivor) {
	for i := range c.Of {
		out = append(out, &c.Of[i])
	}
	return out
}

func drawSurvival(r *rng) (*survivalCase, []string) {
	c := &survivalCase{}
	grain := pick(r, 2, 5, 1000)
	events := pick(r, 0.5, 0.9, 0.1)
	for range pick(r, 1, 2, 4, 9, 16) {
		c.Of = append(c.Of, forecast.Survivor{Time: float64(1 + r.IntN(grain)), Event: r.chance(events), Risk: float64(r.IntN(grain))})
	}
	return c, []string{"c_index@1"}
}

func wantSurvival(c *survivalCase, key string) (float64, bool) {
	var right, pairs float64
	for i, a := range c.Of {
		for j, b := range c.Of {
			// a is known to have ended first
			if i == j || !a.Event || !(a.Time < b.Time || a.Time == b.Time && !b.Event) {
				continue
			}
			pairs++
			if a.Risk > b.Risk {
				right++
			} else if a.Risk == b.Risk {
				right += 0.5
			}
		}
	}
	return over(right, pairs), true
}

// grids of few places: shapes and pictures.

func drawShapes(r *rng) (*shapeCase, []string) {
	c := &shapeCase{}
	flat := r.chance(0.7)
	for range pick(r, 1, 1, 2) {
		s := aShape{Size: [3]int{1, 1 + r.IntN(6), 1 + r.IntN(6)}, Spacing: [3]float64{1, pick(r, 1, 0.5), pick(r, 1.0, 2)}}
		if !flat {
			s.Size[0] = 2 + r.IntN(2)
		}
		n := s.Size[0] * s.Size[1] * s.Size[2]
		full, change := pick(r, 0.2, 0.6, 0.95), pick(r, 0.05, 0.3)
		for range n {
			y := int32(0)
			if r.chance(full) {
				y = 1
			}
			s.Truth, s.Pred = append(s.Truth, y), append(s.Pred, y)
			if r.chance(change) {
				s.Pred[len(s.Pred)-1] = int32(r.IntN(3))
			}
		}
		if r.chance(0.1) {
			clear(s.Pred)
		}
		if r.chance(0.05) {
			clear(s.Truth)
		}
		c.Shapes = append(c.Shapes, s)
	}
	keys := []string{"hausdorff95@1 class=1 missing=50", "assd@1 class=1 missing=50"}
	if flat {
		keys = append(keys, "boundary_iou@1 class=1 ratio="+pick(r, "0.02", "0.2"))
	}
	return c, keys
}

func wantShapes(c *shapeCase, key string) (float64, bool) {
	use, p := params(key)
	var v []float64
	var both, either float64
	for _, s := range c.Shapes {
		d, h, w := s.Size[0], s.Size[1], s.Size[2]
		type place struct{ z, y, x int }
		var all []place
		for i := range d * h * w {
			all = append(all, place{i / (h * w), i / w % h, i % w})
		}
		is := func(of []int32, q place) bool {
			return q.z >= 0 && q.z < d && q.y >= 0 && q.y < h && q.x >= 0 && q.x < w && of[(q.z*h+q.y)*w+q.x] == 1
		}
		if use == "boundary_iou@1" {
			width := max(1, int(math.RoundToEven(p["ratio"].(float64)*math.Sqrt(float64(h*h+w*w)))))
			edge := func(of []int32, q place) bool {
				if !is(of, q) {
					return false
				}
				for y := -width; y <= width; y++ {
					for x := -width; x <= width; x++ {
						if !is(of, place{q.z, q.y + y, q.x + x}) {
							return true
						}
					}
				}
				return false
			}
			for _, q := range all {
				a, b := edge(s.Truth, q), edge(s.Pred, q)
				if a && b {
					both++
				}
				if a || b {
					either++
				}
			}
			continue
		}
		surface := func(of []int32) (out []place) {
			for _, q := range all {
				near := []place{{q.z, q.y - 1, q.x}, {q.z, q.y + 1, q.x}, {q.z, q.y, q.x - 1}, {q.z, q.y, q.x + 1}}
				if d > 1 {
					near = append(near, place{q.z - 1, q.y, q.x}, place{q.z + 1, q.y, q.x})
				}
				if is(of, q) && slices.ContainsFunc(near, func(n place) bool { return !is(of, n) }) {
					out = append(out, q)
				}
			}
			return out
		}
		t, q := surface(s.Truth), surface(s.Pred)
		if len(t)+len(q) == 0 {
			continue
		}
		if len(t) == 0 || len(q) == 0 {
			v = append(v, 50)
			continue
		}
		away := func(from, to []place) (out []float64) {
			for _, a := range from {
				least := math.Inf(1)
				for _, b := range to {
					dz, dy, dx := float64(a.z-b.z)*s.Spacing[0], float64(a.y-b.y)*s.Spacing[1], float64(a.x-b.x)*s.Spacing[2]
					least = min(least, math.Sqrt(dz*dz+dy*dy+dx*dx))
				}
				out = append(out, least)
			}
			slices.Sort(out)
			return out
		}
		a, b := away(t, q), away(q, t)
		percentile := func(x []float64) float64 {
			at := 0.95 * float64(len(x)-1)
			i := int(at)
			if i+1 >= len(x) {
				return x[len(x)-1]
			}
			return x[i] + (at-float64(i))*(x[i+1]-x[i])
		}
		if use == "assd@1" {
			v = append(v, meanOver(slices.Concat(a, b)))
		} else {
			v = append(v, max(percentile(a), percentile(b)))
		}
	}
	if use == "boundary_iou@1" {
		return over(both, either), true
	}
	return meanOver(v), true
}

func drawPictures(r *rng) (*pictureCase, []string) {
	c := &pictureCase{}
	for range pick(r, 1, 1, 2) {
		s := aPicture{H: 7 + r.IntN(3), W: 7 + r.IntN(2), Channels: pick(r, 1, 1, 3)}
		noise, constant := pick(r, 0, 0.01, 0.5), r.chance(0.1)
		for range s.H * s.W * s.Channels {
			y := r.Float64()
			if constant {
				y = 0.5
			}
			s.Truth, s.Pred = append(s.Truth, y), append(s.Pred, y+noise*(r.Float64()-0.5))
		}
		c.Pictures = append(c.Pictures, s)
	}
	return c, []string{"psnr@1 range=1 cap=100", "ssim@1 range=1"}
}

func wantPictures(c *pictureCase, key string) (float64, bool) {
	var v []float64
	for _, s := range c.Pictures {
		if strings.HasPrefix(key, "psnr") {
			var mse float64
			for i, y := range s.Truth {
				mse += (y - s.Pred[i]) * (y - s.Pred[i]) / float64(len(s.Truth))
			}
			if mse == 0 {
				v = append(v, 100)
			} else {
				v = append(v, min(100, -10*math.Log10(mse)))
			}
			continue
		}
		var all []float64
		for k := range s.Channels {
			for y := 0; y+7 <= s.H; y++ {
				for x := 0; x+7 <= s.W; x++ {
					var a, b []float64
					for i := range 49 {
						at := ((y+i/7)*s.W+x+i%7)*s.Channels + k
						a, b = append(a, s.Truth[at]), append(b, s.Pred[at])
					}
					ma, mb := meanOver(a), meanOver(b)
					var va, vb, vab float64
					for i := range a {
						va += (a[i] - ma) * (a[i] - ma) / 48
						vb += (b[i] - mb) * (b[i] - mb) / 48
						vab += (a[i] - ma) * (b[i] - mb) / 48
					}
					all = append(all, (2*ma*mb+1e-4)*(2*vab+9e-4)/((ma*ma+mb*mb+1e-4)*(va+vb+9e-4)))
				}
			}
		}
		v = append(v, meanOver(all))
	}
	return meanOver(v), true
}
