package speech

import (
	"math"
	"slices"

	"aihub/evaluator/metric"
)

// Trial is one comparison of two voices, or one window that may hold a keyword:
// Target says whether it is what was sought, and Score how sure the algorithm
// is. Unit of eer@1, min_dcf@1 and kws_frr@1. Hours is how much audio the trial
// stands for; only kws_frr@1 reads it.
type Trial struct {
	Target bool
	Score  float64
	Hours  float64
}

func init() {
	metric.RegisterUnits("eer@1", func(p metric.Params) (metric.Measure, string) { return trials{}, "eer" })
	metric.RegisterUnits("min_dcf@1", func(p metric.Params) (metric.Measure, string) {
		return trials{p: p.Num("p_target"), miss: p.Num("c_miss"), alarm: p.Num("c_fa")}, "dcf"
	})
	metric.RegisterUnits("kws_frr@1", func(p metric.Params) (metric.Measure, string) {
		return trials{perHour: p.Num("fa_per_hour")}, "frr"
	})
}

type trials struct{ p, miss, alarm, perHour float64 }

func (t trials) Key() string {
	return "speech.trials " + metric.Number(t.p) + " " + metric.Number(t.miss) + " " + metric.Number(t.alarm) + " " + metric.Number(t.perHour)
}

// New ignores intervals: an error rate at a threshold has none that is simple.
func (t trials) New(*metric.Bootstrap) metric.Gather { return &trialRows{t: t} }

type trialRows struct {
	t         trials
	pos, neg  []float64
	hours     metric.Sum
	notFinite bool
}

func (r *trialRows) Add(unit any, _ uint16) {
	t := unit.(*Trial)
	r.hours.Add(t.Hours)
	switch {
	case t.Score-t.Score != 0:
		r.notFinite = true
	case t.Target:
		r.pos = append(r.pos, t.Score)
	default:
		r.neg = append(r.neg, t.Score)
	}
}

func (r *trialRows) Merge(o metric.Gather) {
	x := o.(*trialRows)
	r.pos, r.neg = append(r.pos, x.pos...), append(r.neg, x.neg...)
	r.hours.Merge(&x.hours)
	r.notFinite = r.notFinite || x.notFinite
}

func (r *trialRows) Result(name string) metric.Result {
	n := int64(len(r.pos) + len(r.neg))
	switch {
	case r.notFinite:
		return metric.Undefined(n, metric.NotFinite)
	case n == 0:
		return metric.Undefined(0, metric.NoRows)
	case len(r.pos) == 0 || len(r.neg) == 0:
		return metric.Undefined(n, metric.OneClass)
	}
	slices.Sort(r.pos)
	slices.Sort(r.neg)
	switch name {
	case "eer":
		return metric.OK(r.eer(), n)
	case "frr":
		h := r.hours.Float()
		if !(h > 0) {
			return metric.Undefined(n, metric.OutOfDomain)
		}
		allowed := math.Floor(float64(r.t.perHour * h))
		best := 1.0
		r.sweep(func(miss, alarm int64) {
			if float64(alarm) <= allowed {
				best = min(best, metric.Quo(miss, int64(len(r.pos))))
			}
		})
		return metric.OK(best, n)
	}
	best := math.Inf(1)
	r.sweep(func(miss, alarm int64) {
		c := float64(r.t.miss*r.t.p*metric.Quo(miss, int64(len(r.pos)))) + float64(r.t.alarm*(1-r.t.p)*metric.Quo(alarm, int64(len(r.neg))))
		best = min(best, c)
	})
	return metric.OK(best/min(float64(r.t.miss*r.t.p), float64(r.t.alarm*(1-r.t.p))), n)
}

// sweep calls yield with the misses and false alarms of every threshold that
// differs: accept all, reject the lowest score, …, reject all.
func (r *trialRows) sweep(yield func(miss, alarm int64)) {
	i, j := 0, 0
	yield(0, int64(len(r.neg)))
	for i < len(r.pos) || j < len(r.neg) {
		v := math.Inf(1)
		if i < len(r.pos) {
			v = r.pos[i]
		}
		if j < len(r.neg) {
			v = min(v, r.neg[j])
		}
		for i < len(r.pos) && r.pos[i] == v {
			i++
		}
		for j < len(r.neg) && r.neg[j] == v {
			j++
		}
		yield(int64(i), int64(len(r.neg)-j))
	}
}

// eer is where the miss rate and the false alarm rate meet, on the straight
// line between the two thresholds on either side.
func (r *trialRows) eer() float64 {
	out, found := 0.0, false
	px, py := 0.0, 1.0 // miss rate, false alarm rate
	p, n := int64(len(r.pos)), int64(len(r.neg))
	r.sweep(func(miss, alarm int64) {
		x, y := metric.Quo(miss, p), metric.Quo(alarm, n)
		if !found && x >= y {
			found = true
			if d := (x - y) + (py - px); d == 0 {
				out = x
			} else {
				out = px + float64((x-px)*((py-px)/d))
			}
		}
		px, py = x, y
	})
	return out
}
