package main

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"aihub/evaluator/metric/rank"
)

func drawLabels(r *rng) (*labelCase, []string) {
	n, k := pick(r, 1, 2, 5, 8), pick(r, 2, 3, 5)
	grain := pick(r, 3, 1<<20)
	c := &labelCase{}
	for range n {
		var t, p []int
		var s []float64
		for range k {
			y := r.IntN(5) / 3
			t, p = append(t, y), append(p, y)
			if r.chance(0.3) {
				p[len(p)-1] = 1 - y
			}
			s = append(s, float64(r.IntN(grain))/float64(grain))
		}
		c.Truth, c.Pred, c.Score = append(c.Truth, t), append(c.Pred, p), append(c.Score, s)
	}
	return c, strings.Fields("hamming_loss@1 subset_accuracy@1 multilabel_jaccard@1 lrap@1 coverage_error@1 label_ranking_loss@1 label_map@1")
}

func wantLabels(c *labelCase, key string) (float64, bool) {
	use, _ := params(key)
	var v []float64
	if use == "label_map@1" {
		for k := range c.Truth[0] {
			var ap, positives float64
			for i, t := range c.Truth {
				if t[k] == 0 {
					continue
				}
				positives++
				var hits, above float64
				for j, u := range c.Truth {
					if c.Score[j][k] >= c.Score[i][k] {
						above++
						hits += float64(u[k])
					}
				}
				ap += hits / above
			}
			if positives > 0 {
				v = append(v, ap/positives)
			}
		}
		return meanOver(v), true
	}
	for i, t := range c.Truth {
		p, s := c.Pred[i], c.Score[i]
		var wrong, both, either, relevant float64
		for k := range t {
			if t[k] != p[k] {
				wrong++
			}
			both += float64(t[k] & p[k])
			either += float64(t[k] | p[k])
			relevant += float64(t[k])
		}
		irrelevant := float64(len(t)) - relevant
		x := 0.0
		switch use {
		case "hamming_loss@1":
			x = wrong / float64(len(t))
		case "subset_accuracy@1":
			if wrong == 0 {
				x = 1
			}
		case "multilabel_jaccard@1":
			if x = 1; either > 0 {
				x = both / either
			}
		case "lrap@1":
			if x = 1; relevant > 0 && irrelevant > 0 {
				x = 0
				for k := range t {
					if t[k] == 0 {
						continue
					}
					var own, all float64
					for j := range t {
						if s[j] >= s[k] {
							all++
							own += float64(t[j])
						}
					}
					x += own / all / relevant
				}
			}
		case "coverage_error@1":
			for k := range t {
				if t[k] == 1 {
					var all float64
					for j := range t {
						if s[j] >= s[k] {
							all++
						}
					}
					x = max(x, all)
				}
			}
		case "label_ranking_loss@1":
			if relevant > 0 && irrelevant > 0 {
				for k := range t {
					for j := range t {
						if t[k] == 1 && t[j] == 0 && s[j] >= s[k] {
							x += 1 / (relevant * irrelevant)
						}
					}
				}
			}
		default:
			return 0, false
		}
		v = append(v, x)
	}
	return meanOver(v), true
}

func drawLinks(r *rng) (*linkCase, []string) {
	c := &linkCase{}
	grain := pick(r, 1, 3, 1<<20)
	score := func() float64 { return float64(r.IntN(grain)) / float64(grain) }
	for range pick(r, 1, 2, 5, 8) {
		s := score()
		others := []float64{}
		for range pick(r, 0, 1, 5, 12) {
			others = append(others, score())
		}
		c.True, c.Others, c.Stratum = append(c.True, &s), append(c.Others, others), append(c.Stratum, pick(r, "1-1", "1-N", "N-1"))
	}
	if r.chance(0.05) {
		c.True[0] = nil
	}
	suffix := "@1 k=3 ties=" + pick(r, "realistic", "optimistic", "pessimistic")
	var keys []string
	for _, m := range strings.Fields("mrr mr hits gmr amri amr median_rank adjusted_hits adjusted_mrr mrr_strata hits_strata") {
		keys = append(keys, "link_"+m+suffix)
	}
	return c, keys
}

func wantLinks(c *linkCase, key string) (float64, bool) {
	use, p := params(key)
	var rank, chance, chanceHits, chanceMRR, reciprocal, hits, logs []float64
	strata := map[string][]int{}
	for i, t := range c.True {
		if t == nil {
			return none, true
		}
		var above, equal float64
		for _, o := range c.Others[i] {
			if o > *t {
				above++
			} else if o == *t {
				equal++
			}
		}
		x := map[any]float64{"realistic": 1 + above + equal/2, "optimistic": 1 + above, "pessimistic": 1 + above + equal}[p["ties"]]
		n := float64(len(c.Others[i]) + 1)
		rank, reciprocal, logs = append(rank, x), append(reciprocal, 1/x), append(logs, math.Log(x))
		hit := 0.0
		if x <= p["k"].(float64) {
			hit = 1
		}
		hits = append(hits, hit)
		chance, chanceHits = append(chance, (n+1)/2), append(chanceHits, min(1, p["k"].(float64)/n))
		var h float64
		for k := 1.0; k <= n; k++ {
			h += 1 / k
		}
		chanceMRR = append(chanceMRR, h/n)
		if c.Stratum != nil {
			strata[c.Stratum[i]] = append(strata[c.Stratum[i]], i)
		}
	}
	overStrata := func(x []float64) float64 {
		var v []float64
		for _, at := range strata {
			var s []float64
			for _, i := range at {
				s = append(s, x[i])
			}
			v = append(v, meanOver(s))
		}
		return meanOver(v)
	}
	beyond := func(v, e float64) float64 { // undefined when chance is always right
		if 1-e < 1e-12 {
			return none
		}
		return (v - e) / (1 - e)
	}
	switch use {
	case "link_mr@1":
		return meanOver(rank), true
	case "link_mrr@1":
		return meanOver(reciprocal), true
	case "link_hits@1":
		return meanOver(hits), true
	case "link_gmr@1":
		return math.Exp(meanOver(logs)), true
	case "link_amri@1":
		return 1 - over(meanOver(rank)-1, meanOver(chance)-1), true
	case "link_amr@1":
		return meanOver(rank) / meanOver(chance), true
	case "link_adjusted_hits@1":
		return beyond(meanOver(hits), meanOver(chanceHits)), true
	case "link_adjusted_mrr@1":
		return beyond(meanOver(reciprocal), meanOver(chanceMRR)), true
	case "link_median_rank@1":
		s := sortedDown(rank)
		return (s[len(s)/2] + s[(len(s)-1)/2]) / 2, true
	case "link_mrr_strata@1":
		return overStrata(reciprocal), true
	case "link_hits_strata@1":
		return overStrata(hits), true
	}
	return 0, false
}

func drawClusters(r *rng) (*clusterCase, []string) {
	n := pick(r, 1, 2, 3, 5, 8)
	c := &clusterCase{}
	ka, kb := pick(r, 1, 3, n), pick(r, 1, 3, n)
	mode := r.IntN(8)
	for i := range n {
		a := r.IntN(min(ka, 5))
		b := a
		if r.chance(0.4) {
			b = r.IntN(min(kb, 5))
		}
		if mode == 0 {
			b = a
		}
		if mode == 1 && n <= 5 {
			b = i
		}
		c.Ref, c.Hyp = append(c.Ref, a), append(c.Hyp, b)
	}
	return c, strings.Fields("ari@1 nmi@1 ami@1 v_measure@1 homogeneity@1 completeness@1 er_pairwise_precision@1 er_pairwise_recall@1 er_pairwise_f1@1 b_cubed_f1@1 muc_f1@1 ceaf_e_f1@1 conll_f1@1")
}

func wantClusters(c *clusterCase, key string) (float64, bool) {
	use, _ := params(key)
	n := len(c.Ref)
	group := func(x []int) (out [][]int) {
		for _, k := range slices.Compact(slices.Sorted(slices.Values(x))) {
			var at []int
			for i, v := range x {
				if v == k {
					at = append(at, i)
				}
			}
			out = append(out, at)
		}
		return out
	}
	A, B := group(c.Ref), group(c.Hyp)
	shared := func(a, b []int) (k float64) {
		for _, i := range a {
			if slices.Contains(b, i) {
				k++
			}
		}
		return k
	}
	f := func(p, q float64) float64 {
		if p+q == 0 {
			return 0
		}
		return 2 * p * q / (p + q)
	}
	// Pairs of items: together in both, in the truth, in the other.
	var both, ref, hyp, pairs float64
	for i := range n {
		for j := range i {
			a, b := c.Ref[i] == c.Ref[j], c.Hyp[i] == c.Hyp[j]
			pairs++
			if a {
				ref++
			}
			if b {
				hyp++
			}
			if a && b {
				both++
			}
		}
	}
	entropy := func(G [][]int) (h float64) {
		for _, g := range G {
			p := float64(len(g)) / float64(n)
			h -= p * math.Log(p)
		}
		return h
	}
	N := float64(n)
	var mi float64
	for _, a := range A {
		for _, b := range B {
			if s := shared(a, b); s > 0 {
				mi += s / N * math.Log(s*N/float64(len(a)*len(b)))
			}
		}
	}
	ha, hb := entropy(A), entropy(B)
	trivial := len(A) == len(B) && (len(A) == 1 || len(A) == n)
	share := func(h float64) float64 {
		if h < 1e-15 {
			return 1
		}
		return mi / h
	}
	muc := func(X, Y [][]int) float64 {
		var num, den float64
		for _, x := range X {
			parts := 0.0
			for _, y := range Y {
				if shared(x, y) > 0 {
					parts++
				}
			}
			num += float64(len(x)) - parts
			den += float64(len(x)) - 1
		}
		return over(num, den)
	}
	cubed := func(X, Y [][]int) (s float64) {
		for _, x := range X {
			for _, y := range Y {
				k := shared(x, y)
				s += k * k / float64(len(x)) / N
			}
		}
		return s
	}
	ceaf := func() float64 {
		var w [][]float64
		for _, a := range A {
			var row []float64
			for _, b := range B {
				row = append(row, 2*shared(a, b)/float64(len(a)+len(b)))
			}
			w = append(w, row)
		}
		s := best(w)
		return f(s/float64(len(B)), s/float64(len(A)))
	}
	if (use == "ceaf_e_f1@1" || use == "conll_f1@1") && (len(A) > 6 || len(B) > 6) {
		return 0, false // too many to try
	}
	mucF1 := func() float64 {
		p, q := muc(B, A), muc(A, B)
		if p != p || q != q {
			return none
		}
		return f(p, q)
	}
	switch use {
	case "er_pairwise_precision@1", "er_pairwise_recall@1", "er_pairwise_f1@1":
		if ref == 0 || hyp == 0 {
			return none, true
		}
		return map[string]float64{"er_pairwise_precision@1": both / hyp, "er_pairwise_recall@1": both / ref, "er_pairwise_f1@1": f(both/hyp, both/ref)}[use], true
	case "ari@1":
		if trivial {
			return 1, true
		}
		e := ref * hyp / pairs
		return (both - e) / ((ref+hyp)/2 - e), true
	case "homogeneity@1":
		return share(ha), true
	case "completeness@1":
		return share(hb), true
	case "v_measure@1":
		return f(share(ha), share(hb)), true
	case "nmi@1":
		if trivial || ha+hb < 1e-15 {
			return 1, true
		}
		return 2 * mi / (ha + hb), true
	case "ami@1":
		if trivial {
			return 1, true
		}
		if n > 12 {
			return 0, false // by the law of the library alone
		}
		var e float64
		for _, a := range A {
			for _, b := range B {
				x, y := len(a), len(b)
				for k := max(1, x+y-n); k <= min(x, y); k++ {
					e += float64(k) / N * math.Log(N*float64(k)/float64(x*y)) * choose(x, k) * choose(n-x, y-k) / choose(n, y)
				}
			}
		}
		d := (ha+hb)/2 - e
		if math.Abs(mi-e) < 1e-14 {
			return 0, true
		}
		return (mi - e) / d, true
	case "b_cubed_f1@1":
		return f(cubed(B, A), cubed(A, B)), true
	case "muc_f1@1":
		return mucF1(), true
	case "ceaf_e_f1@1":
		return ceaf(), true
	case "conll_f1@1":
		return (mucF1() + f(cubed(B, A), cubed(A, B)) + ceaf()) / 3, true
	}
	return 0, false
}

// choose is the binomial coefficient of small numbers.
func choose(n, k int) float64 {
	v := 1.0
	for i := range k {
		v = v * float64(n-i) / float64(i+1)
	}
	return v
}

func drawRuns(r *rng) (*runCase, []string) {
	c := &runCase{}
	for range pick(r, 1, 1, 2, 4) {
		rel, docs := map[string]int{}, map[string]float64{}
		grain := pick(r, 2, 8, 1<<20)
		n := pick(r, 1, 3, 6, 9)
		for i := range n {
			id := "d" + strconv.Itoa(i)
			if r.chance(0.7) || i == 0 {
				rel[id] = pick(r, -1, 0, 0, 1, 1, 2, 3)
			}
			if r.chance(0.9) {
				docs[id] = float64(r.IntN(grain)) / float64(grain)
			}
		}
		c.Rel, c.Docs = append(c.Rel, rel), append(c.Docs, docs)
	}
	return c, []string{"map@1", "mrr@1", "r_precision@1", "bpref@1", "ndcg@1 k=" + pick(r, "0", "3", "5") + " gain=" + pick(r, "linear", "exponential"),
		"precision_at_k@1 k=5", "recall_at_k@1 k=5", "success_at_k@1 k=5", "err@1 max_grade=3 k=5", "rbp@1 persistence=0.8"}
}

func wantRuns(c *runCase, key string) (float64, bool) {
	use, p := params(key)
	k := math.MaxInt
	if v, ok := p["k"].(float64); ok && v > 0 {
		k = int(v)
	}
	var v []float64
	some := false
	for i, rel := range c.Rel {
		docs := c.Docs[i]
		var order []rank.Doc
		for id, s := range docs {
			order = append(order, rank.Doc{ID: id, Score: s})
		}
		slices.SortFunc(order, func(a, b rank.Doc) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.ID, a.ID)) })
		var grades []int
		R, nonrelevant := 0.0, 0.0
		for _, g := range rel {
			if g > 0 {
				grades = append(grades, g)
				R++
			} else if g == 0 { // below, nobody judged it
				nonrelevant++
			}
		}
		if R == 0 {
			v = append(v, 0)
			continue
		}
		some = true
		slices.SortFunc(grades, func(a, b int) int { return b - a })
		gain := func(g int) float64 {
			if p["gain"] == "exponential" {
				return math.Pow(2, float64(g)) - 1
			}
			return float64(g)
		}
		x, hits, before, on := 0.0, 0.0, 0.0, 1.0
		for at, d := range order {
			g, judged := rel[d.ID]
			place := float64(at + 1)
			if g <= 0 {
				if judged && g == 0 {
					before++
				}
				continue
			}
			hits++
			inside := at < k
			switch use {
			case "map@1":
				x += hits / place / R
			case "mrr@1":
				if hits == 1 {
					x = 1 / place
				}
			case "r_precision@1":
				if place <= R {
					x += 1 / R
				}
			case "bpref@1":
				if x += 1 / R; before > 0 {
					x -= min(before, R) / min(R, nonrelevant) / R
				}
			case "ndcg@1":
				if inside {
					x += gain(g) / math.Log2(place+1)
				}
			case "precision_at_k@1":
				if inside {
					x += 1 / float64(k)
				}
			case "recall_at_k@1":
				if inside {
					x += 1 / R
				}
			case "success_at_k@1":
				if inside {
					x = 1
				}
			case "err@1":
				if inside {
					stop := (math.Pow(2, float64(g)) - 1) / 8
					x += on * stop / place
					on *= 1 - stop
				}
			case "rbp@1":
				x += 0.2 * math.Pow(0.8, place-1)
			default:
				return 0, false
			}
		}
		if use == "ndcg@1" {
			ideal := 0.0
			for at, g := range grades {
				if at < k {
					ideal += gain(g) / math.Log2(float64(at+2))
				}
			}
			x /= ideal
		}
		v = append(v, x)
	}
	if !some {
		return none, true
	}
	return meanOver(v), true
}

type probeCase struct {
	Match [][]bool
	Score [][]float64
}

func probes(c *probeCase) (out []*rank.Probe) {
	for i := range c.Match {
		out = append(out, &rank.Probe{Match: c.Match[i], Score: c.Score[i]})
	}
	return out
}

func drawProbes(r *rng) (*probeCase, []string) {
	c := &probeCase{}
	for range pick(r, 1, 2, 4) {
		m, s := []bool{}, []float64{}
		grain := pick(r, 1, 4, 1<<20)
		for range pick(r, 0, 1, 4, 8) {
			m, s = append(m, r.chance(0.4)), append(s, float64(r.IntN(grain))/float64(grain))
		}
		c.Match, c.Score = append(c.Match, m), append(c.Score, s)
	}
	return c, []string{"cmc@1 k=" + pick(r, "1", "3"), "minp@1", "reid_map@1"}
}

func wantProbes(c *probeCase, key string) (float64, bool) {
	use, p := params(key)
	var v []float64
	for i, match := range c.Match {
		var places []float64 // of matches: those at least as near that are none, and the matches that are nearer or as near and listed before
		for a, yes := range match {
			if !yes {
				continue
			}
			place := 1.0
			for b, also := range match {
				s, t := c.Score[i][b], c.Score[i][a]
				if s > t || s == t && (!also || b < a) {
					place++
				}
			}
			places = append(places, place)
		}
		if len(places) == 0 {
			continue
		}
		slices.Sort(places)
		x := 0.0
		switch use {
		case "cmc@1":
			if places[0] <= p["k"].(float64) {
				x = 1
			}
		case "minp@1":
			x = float64(len(places)) / slices.Max(places)
		default:
			for k, place := range places {
				x += float64(k+1) / place / float64(len(places))
			}
		}
		v = append(v, x)
	}
	return meanOver(v), true
}
