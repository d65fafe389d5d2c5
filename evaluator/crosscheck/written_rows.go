package main

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// rowCase is a case of the metrics of rows.
type rowCase struct {
	K           int
	Truth, Pred []float64
	Upper       []float64
	Rows        [][]float64
}

func drawClasses(r *rng) (*rowCase, []string) {
	n, k := r.size(), 2+r.IntN(6)
	kt, kp := 1+r.IntN(k), 1+r.IntN(k)
	noise := r.IntN(5)
	c := &rowCase{K: k}
	for range n {
		y := r.IntN(kt)
		c.Truth = append(c.Truth, float64(y))
		if r.IntN(4) < noise {
			y = r.IntN(kp)
		}
		c.Pred = append(c.Pred, float64(y))
	}
	var costs []string
	for i := range k {
		var row []string
		for j := range k {
			v := pick(r, "1", "0.3", "5")
			if i == j {
				v = "0"
			}
			row = append(row, v)
		}
		costs = append(costs, strings.Join(row, ","))
	}
	a := " average=" + pick(r, "macro", "micro", "weighted")
	keys := []string{
		"accuracy@1", "balanced_accuracy@1", "mcc@1", "f1@1" + a, "precision@1" + a, "recall@1" + a, "fbeta@1" + a, "jaccard@1" + a,
		"kappa@1 weights=" + pick(r, "none", "linear", "quadratic"), "cost@1 costs=" + strings.Join(costs, ";"),
	}
	for _, m := range []string{"sensitivity", "specificity", "fpr", "fnr", "positive_precision", "positive_f1"} {
		keys = append(keys, m+"@1 positive=c1")
	}
	return c, keys
}

// drawAbstain draws answers that may be none of the classes: K stands for those.
func drawAbstain(r *rng) (*rowCase, []string) {
	c, keys := drawClasses(r)
	for i := range c.Pred {
		if r.IntN(4) == 0 {
			c.Pred[i] = float64(c.K)
		}
	}
	for _, key := range keys {
		if costs, ok := strings.CutPrefix(key, "cost@1 "); ok {
			return c, []string{key, "abstain_cost@1 abstain=" + pick(r, "0.25", "0", "2") + " " + costs}
		}
	}
	return c, nil
}

// wantCost is the mean cost of the answers: one of no class is as bad as the worst,
// or abstains.
func wantCost(c *rowCase, key string) (float64, bool) {
	use, _ := params(key)
	n := float64(len(c.Truth))
	if n == 0 {
		return none, true
	}
	f := strings.Fields(key)
	rows := strings.Split(strings.TrimPrefix(f[len(f)-1], "costs="), ";")
	var s float64
	for i, t := range c.Truth {
		if c.Pred[i] < 0 || int(c.Pred[i]) == c.K {
			v, _ := strconv.ParseFloat(strings.TrimPrefix(f[1], "abstain="), 64)
			if use == "cost@1" {
				v = 0
				for x := range strings.SplitSeq(rows[int(t)], ",") {
					y, _ := strconv.ParseFloat(x, 64)
					v = max(v, y)
				}
			}
			s += v
			continue
		}
		v, _ := strconv.ParseFloat(strings.Split(rows[int(t)], ",")[int(c.Pred[i])], 64)
		s += v
	}
	return s / n, true
}

func wantClasses(c *rowCase, key string) (float64, bool) {
	use, p := params(key)
	n := float64(len(c.Truth))
	if n == 0 {
		return none, true
	}
	// Of each class: right, in the truth, predicted.
	hit, truth, pred := make([]float64, c.K), make([]float64, c.K), make([]float64, c.K)
	for i, t := range c.Truth {
		truth[int(t)]++
		pred[int(c.Pred[i])]++
		if t == c.Pred[i] {
			hit[int(t)]++
		}
	}
	q := func(a, b float64) float64 {
		if b == 0 {
			return 0
		}
		return a / b
	}
	average := func(of func(tp, t, p float64) float64) float64 {
		switch p["average"] {
		case "micro":
			return of(sum(hit), n, n)
		case "weighted":
			var s float64
			for i := range hit {
				s += truth[i] * of(hit[i], truth[i], pred[i])
			}
			return s / n
		}
		var s float64
		for i := range hit {
			s += of(hit[i], truth[i], pred[i])
		}
		return s / float64(c.K)
	}
	tp, fn, fp := hit[1], truth[1]-hit[1], pred[1]-hit[1]
	tn := n - tp - fn - fp
	switch use {
	case "accuracy@1":
		return sum(hit) / n, true
	case "balanced_accuracy@1":
		var s, k float64
		for i := range hit {
			if truth[i] > 0 {
				s += hit[i] / truth[i]
				k++
			}
		}
		return s / k, true
	case "mcc@1":
		var tt, pp, tpd float64
		for i := range hit {
			tt += truth[i] * truth[i]
			pp += pred[i] * pred[i]
			tpd += truth[i] * pred[i]
		}
		return q(sum(hit)*n-tpd, math.Sqrt((n*n-tt)*(n*n-pp))), true
	case "precision@1":
		return average(func(tp, t, p float64) float64 { return q(tp, p) }), true
	case "recall@1":
		return average(func(tp, t, p float64) float64 { return q(tp, t) }), true
	case "f1@1":
		return average(func(tp, t, p float64) float64 { return q(2*tp, t+p) }), true
	case "fbeta@1":
		return average(func(tp, t, p float64) float64 { return q(5*tp, 4*t+p) }), true
	case "jaccard@1":
		return average(func(tp, t, p float64) float64 { return q(tp, t+p-tp) }), true
	case "kappa@1":
		w := func(i, j float64) float64 {
			switch p["weights"] {
			case "linear":
				return math.Abs(i - j)
			case "quadratic":
				return (i - j) * (i - j)
			}
			if i == j {
				return 0
			}
			return 1
		}
		var seen, chance float64
		for i, t := range c.Truth {
			seen += w(t, c.Pred[i])
			for _, u := range c.Pred {
				chance += w(t, u) / n
			}
		}
		if chance == 0 {
			return 1, true
		}
		return 1 - seen/chance, true
	case "cost@1", "abstain_cost@1":
		return wantCost(c, key)
	case "sensitivity@1":
		return over(tp, tp+fn), true
	case "specificity@1":
		return over(tn, tn+fp), true
	case "fpr@1":
		return over(fp, tn+fp), true
	case "fnr@1":
		return over(fn, tp+fn), true
	case "positive_precision@1":
		return over(tp, tp+fp), true
	case "positive_f1@1":
		return over(2*tp, 2*tp+fp+fn), true
	}
	return 0, false
}

func drawBinary(r *rng) (*rowCase, []string) {
	n, style, mode := r.size(), r.IntN(4), r.IntN(6)
	c := &rowCase{}
	for range n {
		y := mode
		if mode > 1 {
			y = r.IntN(2)
		}
		x := r.prob(style)
		if mode == 2 && y == 1 {
			x = max(x, r.prob(style))
		}
		c.Truth, c.Pred = append(c.Truth, float64(y)), append(c.Pred, x)
	}
	q, m := " q="+pick(r, "0.1", "0.3"), " max_fpr="+pick(r, "0.1", "0.5")
	kind := " kind=" + pick(r, "top_label", "positive")
	return c, []string{"roc_auc@1", "log_loss@1", "brier@1", "average_precision@1", "ks@1", "gini@1", "partial_auc@1" + m, "precision_at@1" + q, "recall_at@1" + q, "lift@1" + q, "ece@1" + kind, "mce@1" + kind, "ece_mass@1" + kind, "ece_classwise@1"}
}

// beats is how often a positive score is above a negative one; equal is half.
func beats(pos, neg []float64) float64 {
	var s float64
	for _, a := range pos {
		for _, b := range neg {
			if a > b {
				s++
			} else if a == b {
				s += 0.5
			}
		}
	}
	return over(s, float64(len(pos)*len(neg)))
}

func wantBinary(c *rowCase, key string) (float64, bool) {
	use, p := params(key)
	var pos, neg []float64
	for i, t := range c.Truth {
		if t == 1 {
			pos = append(pos, c.Pred[i])
		} else {
			neg = append(neg, c.Pred[i])
		}
	}
	n, P, N := float64(len(c.Truth)), float64(len(pos)), float64(len(neg))
	above := func(x []float64, v float64) (k float64) {
		for _, u := range x {
			if u >= v {
				k++
			}
		}
		return k
	}
	levels := slices.Compact(sortedDown(c.Pred))
	switch use {
	case "roc_auc@1":
		return beats(pos, neg), true
	case "gini@1":
		return 2*beats(pos, neg) - 1, true
	case "log_loss@1", "brier@1":
		var s float64
		for i, t := range c.Truth {
			x := c.Pred[i]
			if use == "brier@1" {
				s += (x - t) * (x - t)
				continue
			}
			if t == 0 {
				x = 1 - x
			}
			s -= math.Log(min(1-0x1p-52, max(0x1p-52, x)))
		}
		return over(s, n), true
	case "average_precision@1":
		var s, before float64
		for _, v := range levels {
			tp := above(pos, v)
			s += (tp - before) * tp / (tp + above(neg, v))
			before = tp
		}
		return over(s, P), true
	case "ks@1":
		if P == 0 || N == 0 {
			return none, true
		}
		var most float64
		for _, v := range levels {
			most = max(most, math.Abs(above(pos, v)/P-above(neg, v)/N))
		}
		return most, true
	case "partial_auc@1":
		if P == 0 || N == 0 {
			return none, true
		}
		limit := p["max_fpr"].(float64)
		var area, x0, y0 float64
		for _, v := range levels {
			x, y := above(neg, v)/N, above(pos, v)/P
			if x > limit {
				y = y0 + (y-y0)*(limit-x0)/(x-x0)
				x = limit
				area += (x - x0) * (y + y0) / 2
				break
			}
			area += (x - x0) * (y + y0) / 2
			x0, y0 = x, y
		}
		chance := limit * limit / 2
		return (1 + (area-chance)/(limit-chance)) / 2, true
	case "precision_at@1", "recall_at@1", "lift@1":
		if P == 0 {
			return none, true
		}
		m := min(n, max(1, math.Ceil(p["q"].(float64)*n)))
		var hits, seen float64
		for _, v := range levels {
			a := above(pos, v) - above(pos, math.Nextafter(v, 2))
			b := above(neg, v) - above(neg, math.Nextafter(v, 2))
			take := min(a+b, m-seen)
			hits += a * take / (a + b)
			seen += take
		}
		switch use {
		case "precision_at@1":
			return hits / m, true
		case "recall_at@1":
			return hits / P, true
		}
		return hits * n / (m * P), true
	case "ece@1", "mce@1":
		var rows [][]float64
		for _, x := range c.Pred {
			rows = append(rows, []float64{1 - x, x})
		}
		return gaps(c.Truth, rows, p["kind"] == "positive", use == "mce@1"), true
	case "ece_mass@1", "ece_classwise@1":
		var rows [][]float64
		for _, x := range c.Pred {
			rows = append(rows, []float64{1 - x, x})
		}
		if use == "ece_mass@1" {
			return massGaps(c.Truth, rows, p["kind"] == "positive"), true
		}
		return classGaps(c.Truth, rows), true
	}
	return 0, false
}

// confident is the confidence of a row and whether it is right.
func confident(row []float64, truth float64, positive bool) (conf, right float64) {
	if positive {
		return row[1], truth
	}
	conf = slices.Max(row)
	if row[int(truth)] == conf {
		equal := 0.0
		for _, v := range row {
			if v == conf {
				equal++
			}
		}
		right = 1 / equal
	}
	return conf, right
}

// massGaps is the calibration error over 15 bins of equally many rows: row i of
// those sorted by confidence is the stretch [i, i+1), a bin the stretch
// [b·n/15, (b+1)·n/15), and a row counts in a bin by how much of it lies there. Rows
// of one confidence are alike: each stands for their mean.
func massGaps(truth []float64, rows [][]float64, positive bool) float64 {
	n := len(rows)
	if n == 0 {
		return none
	}
	type pair struct{ conf, right float64 }
	var all []pair
	for i, row := range rows {
		c, r := confident(row, truth[i], positive)
		all = append(all, pair{c, r})
	}
	slices.SortFunc(all, func(a, b pair) int { return cmp.Compare(a.conf, b.conf) })
	var sum float64
	for b := range 15 {
		var gap float64
		for i, x := range all {
			// In fifteenths of a row.
			inside := min((i+1)*15, (b+1)*n) - max(i*15, b*n)
			if inside <= 0 {
				continue
			}
			var right, equal float64
			for _, y := range all {
				if y.conf == x.conf {
					right, equal = right+y.right, equal+1
				}
			}
			gap += (x.conf - right/equal) * float64(inside) / 15
		}
		sum += math.Abs(gap)
	}
	return sum / float64(n)
}

// classGaps is the mean over the classes of the calibration error of the class's
// own probability.
func classGaps(truth []float64, rows [][]float64) float64 {
	if len(rows) == 0 {
		return none
	}
	k := len(rows[0])
	var sum float64
	for c := range k {
		one, two := make([]float64, len(rows)), make([][]float64, len(rows))
		for i, row := range rows {
			if int(truth[i]) == c {
				one[i] = 1
			}
			two[i] = []float64{1 - row[c], row[c]}
		}
		sum += gaps(one, two, true, false)
	}
	return sum / float64(k)
}

// gaps is the calibration error over 15 bins of equal width, (a, b]: expected or
// the largest. The largest probability may be that of several classes: each is
// right in its share.
func gaps(truth []float64, rows [][]float64, positive, largest bool) float64 {
	var sums, sizes [15]float64
	for i, row := range rows {
		conf, right := 0.0, 0.0
		if positive {
			conf, right = row[1], truth[i]
		} else {
			conf = slices.Max(row)
			equal := 0.0
			for _, v := range row {
				if v == conf {
					equal++
				}
			}
			if row[int(truth[i])] == conf {
				right = 1 / equal
			}
		}
		b := min(14, max(0, int(math.Ceil(conf*15))-1))
		sums[b] += conf - right
		sizes[b]++
	}
	var all, most float64
	for b := range sums {
		all += math.Abs(sums[b])
		if sizes[b] > 0 {
			most = max(most, math.Abs(sums[b])/sizes[b])
		}
	}
	switch {
	case len(rows) == 0:
		return none
	case largest:
		return most
	}
	return all / float64(len(rows))
}

func drawMulti(r *rng) (*rowCase, []string) {
	n, k := r.size(), 3+r.IntN(3)
	c := &rowCase{K: k}
	grain := pick(r, 4, 1<<20)
	for range n {
		c.Truth = append(c.Truth, float64(r.IntN(k)))
		left := grain
		var row []float64
		for range k - 1 {
			x := pick(r, 0, left, r.IntN(left+1), r.IntN(left+1))
			row = append(row, float64(x)/float64(grain))
			left -= x
		}
		c.Rows = append(c.Rows, append(row, float64(left)/float64(grain)))
	}
	if c.Rows == nil {
		c.Rows = [][]float64{}
	}
	return c, []string{"log_loss@1", "brier@1", "ece@1", "mce@1", "ece_mass@1", "ece_classwise@1", "top_k@1 k=" + pick(r, "1", "2"), "roc_auc_multi@1 average=" + pick(r, "ovr_macro", "ovr_weighted", "ovo_macro", "ovo_weighted")}
}

func wantMulti(c *rowCase, key string) (float64, bool) {
	use, p := params(key)
	n := float64(len(c.Truth))
	of := func(class, column int) (out []float64) {
		for i, t := range c.Truth {
			if int(t) == class {
				out = append(out, c.Rows[i][column])
			}
		}
		return out
	}
	switch use {
	case "log_loss@1", "brier@1":
		var s float64
		for i, t := range c.Truth {
			if use == "log_loss@1" {
				s -= math.Log(min(1-0x1p-52, max(0x1p-52, c.Rows[i][int(t)])))
				continue
			}
			for j, v := range c.Rows[i] {
				if j == int(t) {
					v -= 1
				}
				s += v * v
			}
		}
		return over(s, n), true
	case "ece@1", "mce@1":
		return gaps(c.Truth, c.Rows, false, use == "mce@1"), true
	case "ece_mass@1":
		return massGaps(c.Truth, c.Rows, false), true
	case "ece_classwise@1":
		return classGaps(c.Truth, c.Rows), true
	case "top_k@1":
		var s float64
		for i, t := range c.Truth {
			var more, equal float64
			for _, v := range c.Rows[i] {
				if v > c.Rows[i][int(t)] {
					more++
				} else if v == c.Rows[i][int(t)] {
					equal++
				}
			}
			s += min(1, max(0, (p["k"].(float64)-more)/equal))
		}
		return over(s, n), true
	case "roc_auc_multi@1":
		size := counts(c.Truth)
		if len(size) < c.K {
			return none, true
		}
		average := p["average"].(string)
		var s, weights float64
		for i := range c.K {
			if strings.HasPrefix(average, "ovr") {
				var rest []float64
				for j := range c.K {
					if j != i {
						rest = append(rest, of(j, i)...)
					}
				}
				w := 1.0
				if average == "ovr_weighted" {
					w = float64(size[float64(i)])
				}
				s += w * beats(of(i, i), rest)
				weights += w
				continue
			}
			for j := range i {
				w := 1.0
				if average == "ovo_weighted" {
					w = float64(size[float64(i)] + size[float64(j)])
				}
				s += w * (beats(of(i, i), of(j, i)) + beats(of(j, j), of(i, j))) / 2
				weights += w
			}
		}
		return s / weights, true
	}
	return 0, false
}
