package media

import "math"

// shift moves the pitch by a factor and keeps the length: the recording is
// stretched by overlapping grains whose waves fit (WSOLA), then played faster or
// slower by as much.
func (w *wav) shift(factor float64) {
	n, ch := w.frames(), w.channels
	grain := w.rate / 25 // 40 ms: two periods of the deepest voice
	hop := grain / 2
	if hop < 8 || n < 2*grain {
		return // shorter than two grains: nobody speaks in it
	}
	in := make([]float32, n*ch)
	for i := range in {
		in[i] = w.sample(i)
	}
	mono := make([]float32, n)
	for i := range mono {
		for c := range ch {
			mono[i] += in[i*ch+c]
		}
	}
	// out is the stretched recording, as long as reading it at the factor takes.
	long := int(float64(n)*factor) + grain
	out := make([]float32, long*ch)
	follow := 0 // where the last grain's natural continuation begins
	for at := 0; at < long; at += hop {
		from := int(float64(at) / factor)
		if at > 0 {
			from = bestFit(mono, from, follow, hop, hop/2)
		}
		from = min(max(from, 0), n-1)
		for i := 0; i < grain && at+i < long && from+i < n; i++ {
			// Half a cosine in, half out: neighbours add up to one.
			g := float32(0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(grain)))
			if at == 0 && i < hop {
				g = 1
			}
			for c := range ch {
				out[(at+i)*ch+c] += g * in[(from+i)*ch+c]
			}
		}
		follow = from + hop
	}
	for i := range n {
		at := float64(i) * factor
		k := int(at)
		f := float32(at - float64(k))
		k1 := min(k+1, long-1)
		for c := range ch {
			w.setSample(i*ch+c, out[k*ch+c]*(1-f)+out[k1*ch+c]*f)
		}
	}
}

// bestFit returns the place within reach of from where the wave is most like
// that at follow, over hop samples, every fourth looked at.
func bestFit(x []float32, from, follow, hop, reach int) int {
	best, most := from, float32(math.Inf(-1))
	for d := -reach; d <= reach; d += 2 {
		p := from + d
		if p < 0 || p+hop > len(x) || follow+hop > len(x) {
			continue
		}
		dot, energy := float32(0), float32(1e-9)
		for i := 0; i < hop; i += 4 {
			dot += x[p+i] * x[follow+i]
			energy += x[p+i] * x[p+i]
		}
		if fit := dot / float32(math.Sqrt(float64(energy))); fit > most {
			best, most = p, fit
		}
	}
	return best
}
