package main

import (
	"math"
	"slices"
	"strconv"

	"aihub/evaluator/metric/speech"
)

// aTurn is a turn of a case: speaker, start and end.
type aTurn struct {
	who      string
	from, to float64
}

func turnsOf(x [][3]any) (out []aTurn) {
	for _, t := range x {
		out = append(out, aTurn{t[0].(string), t[1].(float64), t[2].(float64)})
	}
	return out
}

func drawTurns(r *rng) (*turnCase, []string) {
	turns := func(names string) [][3]any {
		out := [][3]any{}
		at := 0.0
		part := func() float64 { return float64(r.IntN(1024)) / 1024 } // exact, so that no sliver is left between two turns
		end := map[string]float64{}
		for range r.IntN(5) {
			at = max(0, at+pick(r, 0, 0.5, 1, -1)+pick(r, 0, part()))
			d := pick(r, 0.5, 1, 3) + pick(r, 0, part())
			who := string(names[r.IntN(len(names))])
			if from := max(at, end[who]); at+d > from {
				out = append(out, [3]any{who, from, at + d})
				end[who] = at + d
			}
			at += d
		}
		return out
	}
	c := &turnCase{Ref: turns("ABC"), Hyp: turns("xyz")}
	suffix := "@1 collar=" + pick(r, "0", "0.25") + " overlap=" + pick(r, "score", "skip")
	return c, []string{"der" + suffix, "der_missed" + suffix, "der_false_alarm" + suffix, "der_confusion" + suffix, "jer" + suffix}
}

func wantTurns(c *turnCase, key string) (float64, bool) {
	use, p := params(key)
	collar := p["collar"].(float64)
	ref, hyp := turnsOf(c.Ref), turnsOf(c.Hyp)
	var cuts []float64
	for _, t := range ref {
		cuts = append(cuts, t.from, t.to, t.from-collar, t.from+collar, t.to-collar, t.to+collar)
	}
	for _, t := range hyp {
		cuts = append(cuts, t.from, t.to)
	}
	slices.Sort(cuts)
	names := func(turns []aTurn) (out []string) {
		for _, t := range turns {
			if !slices.Contains(out, t.who) {
				out = append(out, t.who)
			}
		}
		return out
	}
	who := func(turns []aTurn, at float64) (out []string) {
		for _, t := range turns {
			if t.from <= at && at < t.to {
				out = append(out, t.who)
			}
		}
		return out
	}
	type stretch struct {
		length float64
		r, h   []string
	}
	var scored []stretch
	for i := 1; i < len(cuts); i++ {
		mid := (cuts[i-1] + cuts[i]) / 2
		ok := cuts[i] > cuts[i-1]
		for _, t := range ref {
			ok = ok && (collar == 0 || math.Abs(mid-t.from) >= collar && math.Abs(mid-t.to) >= collar)
		}
		s := stretch{cuts[i] - cuts[i-1], who(ref, mid), who(hyp, mid)}
		if ok && !(p["overlap"] == "skip" && len(s.r) > 1) {
			scored = append(scored, s)
		}
	}
	R, H := names(ref), names(hyp)
	shared := func(a, b string) (s float64) {
		for _, x := range scored {
			if (a == "" || slices.Contains(x.r, a)) && (b == "" || slices.Contains(x.h, b)) {
				s += x.length
			}
		}
		return s
	}
	var total, missed, alarm, both float64
	for _, x := range scored {
		nr, nh := float64(len(x.r)), float64(len(x.h))
		total += x.length * nr
		missed += x.length * max(0, nr-nh)
		alarm += x.length * max(0, nh-nr)
		both += x.length * min(nr, nh)
	}
	if total < 1e-9 {
		return none, true
	}
	table := func(of func(a, b string) float64) (w [][]float64) {
		for _, a := range R {
			if shared(a, "") < 1e-12 {
				continue
			}
			var row []float64
			for _, b := range H {
				row = append(row, of(a, b))
			}
			w = append(w, row)
		}
		return w
	}
	switch use {
	case "der_missed@1":
		return missed / total, true
	case "der_false_alarm@1":
		return alarm / total, true
	case "der_confusion@1":
		return (both - best(table(shared))) / total, true
	case "der@1":
		return (missed + alarm + both - best(table(shared))) / total, true
	case "jer@1":
		w := table(func(a, b string) float64 {
			s := shared(a, b)
			return s / (shared(a, "") + shared("", b) - s)
		})
		return 1 - best(w)/float64(len(w)), true
	}
	return 0, false
}

func drawTrials(r *rng) (*trialCase, []string) {
	c := &trialCase{}
	lift := pick(r, 0, 0, 0.3, 3)
	for range pick(r, 1, 2, 5, 12) {
		y := r.chance(0.4)
		s := pick(r, r.Float64(), float64(r.IntN(4))/4, 8*r.Float64()-4)
		if y {
			s += lift
		}
		c.Target, c.Score = append(c.Target, y), append(c.Score, s)
	}
	return c, []string{"eer@1", "min_dcf@1", "kws_frr@1 fa_per_hour=2", "act_dcf@1 p_target=0.3", "cllr@1"}
}

func wantTrials(c *trialCase, key string) (float64, bool) {
	use, _ := params(key)
	var pos, neg []float64
	for i, s := range c.Score {
		if c.Target[i] {
			pos = append(pos, s)
		} else {
			neg = append(neg, s)
		}
	}
	if len(pos) == 0 || len(neg) == 0 {
		return none, true
	}
	rates := func(threshold float64) (miss, alarm float64) {
		for _, v := range pos {
			if v < threshold {
				miss += 1 / float64(len(pos))
			}
		}
		for _, v := range neg {
			if v >= threshold {
				alarm += 1 / float64(len(neg))
			}
		}
		return miss, alarm
	}
	thresholds := append(slices.Compact(slices.Sorted(slices.Values(c.Score))), math.Inf(1))
	switch use {
	case "cllr@1":
		var a, b float64
		for _, v := range pos {
			a += math.Log2(1 + math.Exp(-v))
		}
		for _, v := range neg {
			b += math.Log2(1 + math.Exp(v))
		}
		return (a/float64(len(pos)) + b/float64(len(neg))) / 2, true
	case "act_dcf@1":
		m, a := rates(math.Log(0.7 / 0.3))
		return (0.3*m + 0.7*a) / 0.3, true
	case "min_dcf@1":
		least := 1.0
		for _, t := range thresholds {
			m, a := rates(t)
			least = min(least, (0.01*m+0.99*a)/0.01)
		}
		return least, true
	case "kws_frr@1":
		least := 1.0
		for _, t := range thresholds {
			if m, a := rates(t); a*float64(len(neg)) <= 2+1e-9 {
				least = min(least, m)
			}
		}
		return least, true
	case "eer@1":
		x0, y0 := 0.0, 1.0
		for _, t := range thresholds {
			x, y := rates(t)
			if x >= y-1e-12 {
				if d := (x - y) + (y0 - x0); d > 1e-12 {
					return x0 + (x-x0)*(y0-x0)/d, true
				}
				return x, true
			}
			x0, y0 = x, y
		}
	}
	return 0, false
}

type termCase struct {
	Terms []struct {
		Keyword          string
		True, Found, Yes bool
		Score, Seconds   float64
	}
}

func terms(c *termCase) (out []*speech.Term) {
	for _, t := range c.Terms {
		out = append(out, &speech.Term{Keyword: t.Keyword, True: t.True, Found: t.Found, Yes: t.Yes, Score: t.Score, Seconds: t.Seconds})
	}
	return out
}

func drawTerms(r *rng) (*termCase, []string) {
	c := &termCase{}
	for range pick(r, 1, 2, 6, 12) {
		c.Terms = append(c.Terms, struct {
			Keyword          string
			True, Found, Yes bool
			Score, Seconds   float64
		}{strconv.Itoa(r.IntN(3)), r.chance(0.5), r.chance(0.7), r.chance(0.6), pick(r, r.Float64(), float64(r.IntN(4))/4), 10 + 50*r.Float64()})
	}
	return c, []string{"atwv@1 beta=" + pick(r, "999.9", "1"), "mtwv@1 beta=" + pick(r, "999.9", "1")}
}

func wantTerms(c *termCase, key string) (float64, bool) {
	use, p := params(key)
	beta, seconds := p["beta"].(float64), 0.0
	said := map[string]float64{}
	for _, t := range c.Terms {
		seconds += t.Seconds
		if t.True {
			said[t.Keyword]++
		}
	}
	if len(said) == 0 {
		return none, true
	}
	value := func(yes func(i int) bool) float64 {
		v := 0.0
		for k, n := range said {
			var hits, alarms float64
			for i, t := range c.Terms {
				if t.Keyword == k && t.Found && yes(i) {
					if t.True {
						hits++
					} else {
						alarms++
					}
				}
			}
			v += (1 - ((n-hits)/n + beta*alarms/(seconds-n))) / float64(len(said))
		}
		return v
	}
	if use == "atwv@1" {
		return value(func(i int) bool { return c.Terms[i].Yes }), true
	}
	most := 0.0
	for _, t := range c.Terms {
		most = max(most, value(func(i int) bool { return c.Terms[i].Score >= t.Score }))
	}
	return most, true
}

type signalCase struct{ Ref, Hyp [][]float64 }

func signals(c *signalCase) (out []*speech.Signal) {
	for i := range c.Ref {
		out = append(out, &speech.Signal{Ref: c.Ref[i], Hyp: c.Hyp[i]})
	}
	return out
}

func drawSignals(r *rng) (*signalCase, []string) {
	c := &signalCase{}
	for range pick(r, 1, 2, 3) {
		ref, hyp := []float64{}, []float64{}
		noise, quiet := pick(r, 0, 0.01, 1), r.chance(0.1)
		for range pick(r, 2, 5, 16) {
			v := 2*r.Float64() - 1
			if quiet {
				v = 0
			}
			ref = append(ref, v)
			hyp = append(hyp, 0.5*v+noise*(r.Float64()-0.5))
		}
		c.Ref, c.Hyp = append(c.Ref, ref), append(c.Hyp, hyp)
	}
	return c, []string{"si_sdr@1 cap=60 mean=" + pick(r, "zero", "keep")}
}

func wantSignals(c *signalCase, key string) (float64, bool) {
	_, p := params(key)
	var v []float64
	for i := range c.Ref {
		ref, hyp := slices.Clone(c.Ref[i]), slices.Clone(c.Hyp[i])
		if p["mean"] == "zero" {
			a, b := meanOver(ref), meanOver(hyp)
			for k := range ref {
				ref[k] -= a
				hyp[k] -= b
			}
		}
		var rr, rh, s, e float64
		for k := range ref {
			rr += ref[k] * ref[k]
			rh += ref[k] * hyp[k]
		}
		if rr == 0 {
			continue
		}
		for k := range ref {
			x := rh / rr * ref[k]
			s += x * x
			e += (x - hyp[k]) * (x - hyp[k])
		}
		if s == 0 {
			v = append(v, -60)
			continue
		}
		v = append(v, min(60, max(-60, 10*math.Log10(s/e))))
	}
	return meanOver(v), true
}
