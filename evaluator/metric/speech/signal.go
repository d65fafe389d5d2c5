package speech

import (
	"math"

	"aihub/evaluator/metric"
)

// Signal is one sound, sample by sample: what it should be and what was made.
// Unit of si_sdr@1.
type Signal struct {
	Ref, Hyp []float64 // of one length
}

func init() {
	metric.RegisterUnits("si_sdr@1", func(p metric.Params) (metric.Measure, string) {
		return SISDR(p.Num("cap"), p.Str("mean") == "zero"), "db"
	})
	metric.RegisterUnits("act_dcf@1", func(p metric.Params) (metric.Measure, string) {
		return Ratios(p.Num("p_target"), p.Num("c_miss"), p.Num("c_fa")), "dcf"
	})
	metric.RegisterUnits("cllr@1", func(metric.Params) (metric.Measure, string) { return Ratios(0.5, 1, 1), "cllr" })
}

// SISDR is the measure of *Signal: the mean over sounds of 10·log10(|a·r|² /
// |a·r - h|²), a = <r,h>/|r|² (Le Roux et al., 2019), within ±most decibels. With
// centre the mean is taken off both sides first. A silent reference has none:
// it does not count; a silent estimate has -most.
func SISDR(most float64, centre bool) metric.Measure {
	const bad, silent = 0, 1
	id := "speech.sisdr " + metric.Number(most)
	if centre {
		id += " centred"
	}
	return &metric.Additive[*Signal]{
		ID: id, Counts: 2, Sums: 1,
		Of: func(u *Signal, s *metric.Stats) {
			n := int64(len(u.Ref))
			var rm, hm metric.Sum
			for i, r := range u.Ref {
				if len(u.Hyp) != len(u.Ref) || r-r != 0 || u.Hyp[i]-u.Hyp[i] != 0 {
					s.Counts[bad]++
					return
				}
				rm.Add(r)
				hm.Add(u.Hyp[i])
			}
			var r0, h0 float64
			if centre && n > 0 {
				r0, h0 = rm.Mean(n), hm.Mean(n)
			}
			var rr, rh metric.Sum
			for i := range u.Ref {
				r, h := u.Ref[i]-r0, u.Hyp[i]-h0
				rr.AddSquare(r)
				rh.Add(r * h)
			}
			power := rr.Float()
			if power == 0 {
				s.Counts[silent]++
				return
			}
			a := rh.Float() / power
			var signal, noise metric.Sum
			for i := range u.Ref {
				x := float64(a * (u.Ref[i] - r0))
				signal.AddSquare(x)
				noise.AddSquare(x - (u.Hyp[i] - h0))
			}
			v := -most
			switch p, e := signal.Float(), noise.Float(); {
			case p-p != 0 || e-e != 0:
				s.Counts[bad]++
				return
			case p > 0 && e == 0:
				v = most
			case p > 0:
				v = min(most, max(-most, 10/math.Ln10*(metric.Ln(p)-metric.Ln(e))))
			}
			s.Sums[0].Add(v)
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"db": func(s *metric.Stats) metric.Result {
			switch {
			case s.Counts[bad] > 0:
				return metric.Undefined(s.N, metric.OutOfDomain)
			case s.Counts[silent] == s.N:
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(s.Sums[0].Mean(s.N-s.Counts[silent]), s.N)
		}},
	}
}

// Ratios is the measure of *Trial whose scores are natural logarithms of
// likelihood ratios. Values: dcf, the detection cost of deciding by them, over
// that of deciding without (a trial is accepted at the threshold of Bayes or
// above); cllr (Brümmer and du Preez, 2006), the cost in bits over all
// thresholds: 1 says nothing, more misleads.
func Ratios(target, miss, alarm float64) metric.Measure {
	const targets, misses, others, alarms, bad = 0, 1, 2, 3, 4
	threshold := metric.Ln(float64(alarm*(1-target)) / float64(miss*target))
	guard := func(of func(s *metric.Stats) float64) func(s *metric.Stats) metric.Result {
		return func(s *metric.Stats) metric.Result {
			switch {
			case s.Counts[bad] > 0:
				return metric.Undefined(s.N, metric.NotFinite)
			case s.Counts[targets] == 0 || s.Counts[others] == 0:
				return metric.Undefined(s.N, metric.OneClass)
			}
			return metric.OK(of(s), s.N)
		}
	}
	return &metric.Additive[*Trial]{
		ID: "speech.ratios " + metric.Number(target) + " " + metric.Number(miss) + " " + metric.Number(alarm), Counts: 5, Sums: 2,
		Of: func(u *Trial, s *metric.Stats) {
			v := u.Score
			if v-v != 0 {
				s.Counts[bad]++
				return
			}
			// ln(1 + e^-v), or e^v for the others
			soft := func(x float64) float64 { return max(0, x) + metric.Ln(1+metric.Exp(-math.Abs(x))) }
			if u.Target {
				s.Counts[targets]++
				s.Sums[0].Add(soft(-v))
				if v < threshold {
					s.Counts[misses]++
				}
				return
			}
			s.Counts[others]++
			s.Sums[1].Add(soft(v))
			if v >= threshold {
				s.Counts[alarms]++
			}
		},
		Values: map[string]func(s *metric.Stats) metric.Result{
			"cllr": guard(func(s *metric.Stats) float64 {
				return (s.Sums[0].Mean(s.Counts[targets]) + s.Sums[1].Mean(s.Counts[others])) / (2 * metric.Ln(2))
			}),
			"dcf": guard(func(s *metric.Stats) float64 {
				m, a := float64(miss*target), float64(alarm*(1-target))
				return (float64(m*metric.Quo(s.Counts[misses], s.Counts[targets])) + float64(a*metric.Quo(s.Counts[alarms], s.Counts[others]))) / min(m, a)
			}),
		},
	}
}
