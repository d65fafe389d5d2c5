package main

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"

	"aihub/evaluator/metric/stat"
)

func drawDecisions(r *rng) (*decisionCase, []string) {
	n, k := pick(r, 1, 5, 12, 24), pick(r, 1, 2, 3)
	c := &decisionCase{}
	for range n {
		t := r.IntN(2)
		p := t
		if r.chance(0.3) {
			p = 1 - t
		}
		c.Group, c.Truth, c.Pred = append(c.Group, r.IntN(k)), append(c.Truth, t), append(c.Pred, p)
	}
	suffix := "@1 min_n=" + pick(r, "1", "1", "3")
	var keys []string
	for _, m := range []string{"parity_difference", "parity_ratio", "equalized_odds", "equalized_odds_mean", "equal_opportunity", "worst_group_accuracy"} {
		keys = append(keys, m+suffix)
	}
	return c, keys
}

func wantDecisions(c *decisionCase, key string) (float64, bool) {
	use, p := params(key)
	var selected, right, recall, alarm []float64
	for g, n := range counts(c.Group) {
		if float64(n) < p["min_n"].(float64) {
			continue
		}
		var yes, ok, pos, hit, neg, wrong float64
		for i, x := range c.Group {
			if x != g {
				continue
			}
			yes += float64(c.Pred[i])
			if c.Truth[i] == c.Pred[i] {
				ok++
			}
			if c.Truth[i] == 1 {
				pos++
				hit += float64(c.Pred[i])
			} else {
				neg++
				wrong += float64(c.Pred[i])
			}
		}
		selected, right = append(selected, yes/float64(n)), append(right, ok/float64(n))
		if pos > 0 {
			recall = append(recall, hit/pos)
		}
		if neg > 0 {
			alarm = append(alarm, wrong/neg)
		}
	}
	if len(selected) < 2 {
		return none, true
	}
	spread := func(x []float64) float64 {
		if len(x) < 2 {
			return none
		}
		return slices.Max(x) - slices.Min(x)
	}
	switch use {
	case "parity_difference@1":
		return spread(selected), true
	case "parity_ratio@1":
		if slices.Max(selected) == 0 {
			return 1, true
		}
		return slices.Min(selected) / slices.Max(selected), true
	case "worst_group_accuracy@1":
		return slices.Min(right), true
	case "equal_opportunity@1":
		return spread(recall), true
	case "equalized_odds_mean@1":
		return (spread(recall) + spread(alarm)) / 2, true
	case "equalized_odds@1":
		return max(spread(recall), spread(alarm)), true // of NaN and a number, NaN
	}
	return 0, false
}

type testCase struct {
	B, C int64
	P, D []float64
	S    [][]float64
}

func drawTests(r *rng) (*testCase, []string) {
	c := &testCase{B: int64(r.IntN(20)), C: int64(r.IntN(20))}
	for range pick(r, 1, 2, 5, 8) {
		c.P = append(c.P, pick(r, r.Float64(), 0.04, math.Pow(r.Float64(), 4)))
	}
	for range pick(r, 1, 3, 6, 9) {
		c.D = append(c.D, pick(r, r.Float64()-0.4, float64(r.IntN(6)-2)))
	}
	k := pick(r, 2, 3, 4, 6)
	for range pick(r, 2, 5, 8) {
		var row []float64
		for range k {
			row = append(row, pick(r, r.Float64(), float64(r.IntN(3))))
		}
		c.S = append(c.S, row)
	}
	keys := []string{"mcnemar", "mcnemar_mid", "wilcoxon_w", "wilcoxon_p", "sign_test", "friedman", "kendall_w@1", "nemenyi"}
	for i := range c.P {
		keys = append(keys, fmt.Sprint("holm ", i), fmt.Sprint("benjamini_hochberg ", i))
	}
	return c, keys
}

func wantTests(c *testCase, key string) (float64, bool) {
	name, at := title(key), 0
	if f := len(name) + 1; f < len(key) {
		at, _ = strconv.Atoi(key[f:])
	} else if name == "holm" || name == "benjamini_hochberg" {
		return 0, false // the whole list at once
	}
	tail := func(n, k int64) (s float64) { // P(X ≤ k) of n fair coins
		for i := int64(0); i <= k; i++ {
			s += choose(int(n), int(i)) * math.Pow(0.5, float64(n))
		}
		return s
	}
	switch name {
	case "mcnemar", "mcnemar_mid":
		n, k := c.B+c.C, min(c.B, c.C)
		if n == 0 {
			return 1, true
		}
		p := 2 * tail(n, k)
		if name == "mcnemar_mid" {
			p -= choose(int(n), int(k)) * math.Pow(0.5, float64(n))
		}
		return min(1, p), true
	case "sign_test":
		var plus, minus int64
		for _, d := range c.D {
			if d > 0 {
				plus++
			} else if d < 0 {
				minus++
			}
		}
		if plus+minus == 0 {
			return 1, true
		}
		return min(1, 2*tail(plus+minus, min(plus, minus))), true
	case "holm":
		// The largest, over those that are no larger, of their p times how many are not before them.
		v := 0.0
		for i, p := range c.P {
			if p > c.P[at] || p == c.P[at] && i > at {
				continue
			}
			before := 0
			for j, q := range c.P {
				if q < p || q == p && j < i {
					before++
				}
			}
			v = max(v, p*float64(len(c.P)-before))
		}
		return min(1, v), true
	case "benjamini_hochberg":
		v := 1.0
		for _, p := range c.P {
			if p < c.P[at] {
				continue
			}
			upTo := 0
			for _, q := range c.P {
				if q <= p {
					upTo++
				}
			}
			v = min(v, p*float64(len(c.P))/float64(upTo))
		}
		return v, true
	case "wilcoxon_w", "wilcoxon_p":
		var size []float64
		var sign []float64
		for _, d := range c.D {
			if d != 0 {
				size, sign = append(size, math.Abs(d)), append(sign, math.Copysign(1, d))
			}
		}
		var plus, minus, ties float64
		for i, x := range midranks(size) {
			if sign[i] > 0 {
				plus += x
			} else {
				minus += x
			}
		}
		for _, n := range counts(size) {
			ties += float64(n*n*n - n)
		}
		w, n := min(plus, minus), float64(len(size))
		if name == "wilcoxon_w" {
			return w, true
		}
		variance := n*(n+1)*(2*n+1)/24 - ties/48
		if variance == 0 {
			return 1, true
		}
		return min(1, math.Erfc((n*(n+1)/4-w)/math.Sqrt(2*variance))), true
	case "friedman", "kendall_w@1":
		n, k := float64(len(c.S)), float64(len(c.S[0]))
		sums := make([]float64, len(c.S[0]))
		var ties float64
		for _, row := range c.S {
			for j, x := range midranks(row) {
				sums[j] += x
			}
			for _, m := range counts(row) {
				ties += float64(m*m*m - m)
			}
		}
		var s float64
		for _, x := range sums {
			d := x - n*(k+1)/2
			s += d * d
		}
		d := n*n*(k*k*k-k) - n*ties
		if d == 0 {
			return none, true
		}
		w := 12 * s / d
		if name == "friedman" {
			return n * (k - 1) * w, true
		}
		return w, true
	case "nemenyi":
		k, n := float64(len(c.S[0])), float64(len(c.S))
		return []float64{1.960, 2.344, 2.569, 2.728, 2.850, 2.948, 3.031, 3.102, 3.164}[int(k)-2] * math.Sqrt(k*(k+1)/(6*n)), true
	}
	return 0, false
}

type agreementCase struct {
	X, Y   [][]float64
	Miss   [][]*float64
	Counts [][]int64
}

func drawAgreement(r *rng) (*agreementCase, []string) {
	n, k := pick(r, 2, 4, 6), pick(r, 2, 3, 4)
	c := &agreementCase{}
	agree, categories := pick(r, 0, 0.7), pick(r, 2, 5)
	for range n {
		var x []float64
		for j := range k {
			v := float64(1 + r.IntN(categories))
			if j > 0 && r.chance(agree) {
				v = x[0]
			}
			x = append(x, v)
		}
		c.X = append(c.X, x)
		miss := []*float64{}
		count := make([]int64, categories)
		var y []float64
		for _, v := range x {
			if w := v; r.chance(0.9) {
				miss = append(miss, &w)
			} else {
				miss = append(miss, nil)
			}
			count[int(v)-1]++
			y = append(y, v+r.Float64())
		}
		c.Miss, c.Counts, c.Y = append(c.Miss, miss), append(c.Counts, count), append(c.Y, y)
	}
	keys := []string{fmt.Sprint("fleiss@1 categories=", categories), fmt.Sprint("gwet_ac1@1 categories=", categories)}
	for _, l := range []string{"nominal", "ordinal", "interval", "ratio"} {
		keys = append(keys, "krippendorff@1 level="+l)
	}
	for form := 1; form <= 3; form++ {
		keys = append(keys, fmt.Sprint("icc@1 form=", form, " average=no"), fmt.Sprint("icc@1 form=", form, " average=yes"))
	}
	return c, keys
}

func wantAgreement(c *agreementCase, key string) (float64, bool) {
	switch name := title(key); name {
	case "fleiss@1", "gwet_ac1@1":
		n, raters := float64(len(c.Counts)), 0.0
		for _, v := range c.Counts[0] {
			raters += float64(v)
		}
		share := make([]float64, len(c.Counts[0]))
		var p float64
		for _, row := range c.Counts {
			for j, v := range row {
				x := float64(v)
				share[j] += x / (n * raters)
				p += x * (x - 1) / (n * raters * (raters - 1))
			}
		}
		var e float64
		for _, q := range share {
			if name == "fleiss@1" {
				e += q * q
			} else {
				e += q * (1 - q) / float64(len(share)-1)
			}
		}
		if 1-e < 1e-12 {
			return none, true
		}
		return (p - e) / (1 - e), true
	case "icc@1":
		return wantICC(c.Y, key), true
	}
	level := key[len("krippendorff@1 level="):]
	// Observed against expected disagreement, pair by pair.
	var all []float64
	for _, row := range c.Miss {
		var u []float64
		for _, v := range row {
			if v != nil {
				u = append(u, *v)
			}
		}
		if len(u) > 1 {
			all = append(all, u...)
		}
	}
	distance := func(a, b float64) float64 {
		switch level {
		case "interval":
			return (a - b) * (a - b)
		case "ratio":
			if a+b == 0 {
				return 0
			}
			return (a - b) / (a + b) * (a - b) / (a + b)
		case "ordinal":
			s := 0.0
			lo, hi := min(a, b), max(a, b)
			for _, v := range all {
				if v >= lo && v <= hi {
					s++
				}
				if v == a {
					s -= 0.5
				}
				if v == b {
					s -= 0.5
				}
			}
			if a == b {
				return 0
			}
			return s * s
		}
		if a == b {
			return 0
		}
		return 1
	}
	var seen, chance float64
	for _, row := range c.Miss {
		var u []float64
		for _, v := range row {
			if v != nil {
				u = append(u, *v)
			}
		}
		for i, a := range u {
			for j, b := range u {
				if i != j {
					seen += distance(a, b) / float64(len(u)-1)
				}
			}
		}
	}
	for i, a := range all {
		for j, b := range all {
			if i != j {
				chance += distance(a, b)
			}
		}
	}
	if chance == 0 {
		return none, true
	}
	return 1 - seen*float64(len(all)-1)/chance, true
}

// wantICC is from the mean squares of the analysis of variance.
func wantICC(y [][]float64, key string) float64 {
	n, k := float64(len(y)), float64(len(y[0]))
	var all []float64
	for _, row := range y {
		all = append(all, row...)
	}
	m := meanOver(all)
	var total, rows, cols float64
	for _, v := range all {
		total += (v - m) * (v - m)
	}
	for _, row := range y {
		d := meanOver(row) - m
		rows += k * d * d
	}
	for j := range y[0] {
		var col []float64
		for _, row := range y {
			col = append(col, row[j])
		}
		d := meanOver(col) - m
		cols += n * d * d
	}
	msr, msc := rows/(n-1), cols/(k-1)
	msw := (total - rows) / (n * (k - 1))
	mse := (total - rows - cols) / ((n - 1) * (k - 1))
	switch key {
	case "icc@1 form=1 average=no":
		return (msr - msw) / (msr + (k-1)*msw)
	case "icc@1 form=2 average=no":
		return (msr - mse) / (msr + (k-1)*mse + k*(msc-mse)/n)
	case "icc@1 form=3 average=no":
		return (msr - mse) / (msr + (k-1)*mse)
	case "icc@1 form=1 average=yes":
		return (msr - msw) / msr
	case "icc@1 form=2 average=yes":
		return (msr - mse) / (msr + (msc-mse)/n)
	}
	return (msr - mse) / msr
}

type timingCase struct{ Start, Took, Media []float64 }

func timings(c *timingCase) (out []*stat.Timing) {
	for i, s := range c.Start {
		out = append(out, &stat.Timing{Start: s, End: s + c.Took[i], Media: c.Media[i], Place: int64(i)})
	}
	return out
}

func drawTimings(r *rng) (*timingCase, []string) {
	c := &timingCase{}
	for range pick(r, 1, 2, 3, 10, 20) {
		c.Start, c.Took, c.Media = append(c.Start, float64(r.IntN(64))/4), append(c.Took, float64(r.IntN(64))/16), append(c.Media, float64(r.IntN(64))/8)
	}
	warm := " warmup=" + pick(r, "0", "2")
	return c, []string{"latency@1 q=" + pick(r, "0.5", "0.9", "0.95", "0.99", "1") + warm, "throughput@1" + warm, "rtf@1" + warm}
}

func wantTimings(c *timingCase, key string) (float64, bool) {
	use, p := params(key)
	from := min(len(c.Start), int(p["warmup"].(float64)))
	start, took, media := c.Start[from:], c.Took[from:], c.Media[from:]
	if len(took) == 0 {
		return none, true
	}
	switch use {
	case "latency@1":
		for _, v := range slices.Sorted(slices.Values(took)) {
			within := 0.0
			for _, w := range took {
				if w <= v {
					within++
				}
			}
			if within >= p["q"].(float64)*float64(len(took)) {
				return v, true
			}
		}
	case "throughput@1":
		last := 0.0
		for i, s := range start {
			last = max(last, s+took[i])
		}
		return over(float64(len(took)), last-slices.Min(start)), true
	case "rtf@1":
		return over(sum(took), sum(media)), true
	}
	return 0, false
}

type sliceCase struct {
	Name  []int
	Value []float64
}

func slicesOf(c *sliceCase) (out []*stat.Slice) {
	for i, n := range c.Name {
		out = append(out, &stat.Slice{Name: strconv.Itoa(n), Value: c.Value[i]})
	}
	return out
}

func drawSlices(r *rng) (*sliceCase, []string) {
	c := &sliceCase{}
	style := r.IntN(3)
	for range pick(r, 1, 3, 8, 16) {
		c.Name, c.Value = append(c.Name, r.IntN(4)), append(c.Value, r.value(style))
	}
	min := " min_n=" + pick(r, "1", "2", "4")
	return c, []string{"worst_slice_max@1" + min, "worst_slice_min@1" + min, "slice_gap@1" + min}
}

func wantSlices(c *sliceCase, key string) (float64, bool) {
	use, p := params(key)
	var means []float64
	for name := range counts(c.Name) {
		var v []float64
		for i, n := range c.Name {
			if n == name {
				v = append(v, c.Value[i])
			}
		}
		if float64(len(v)) >= p["min_n"].(float64) {
			m, _ := wideMean(len(v), func(i int) *big.Float { return wide(v[i]) }).Float64()
			means = append(means, m)
		}
	}
	switch {
	case len(means) == 0 || use == "slice_gap@1" && len(means) == 1:
		return none, true
	case use == "worst_slice_max@1":
		return slices.Min(means), true
	case use == "worst_slice_min@1":
		return slices.Max(means), true
	}
	return slices.Max(means) - slices.Min(means), true
}
