package graph

import (
	"math/big"
	"slices"
	"strings"

	"aihub"
	"aihub/evaluator/metric"
)

// Item is one thing that was put in a cluster: the true one's name, and the
// predicted one's; names mean nothing else. An item with Hyp "" is alone in a
// cluster of its own. Unit of the cluster metrics.
type Item struct {
	Ref, Hyp string
}

func init() {
	for use, value := range map[string]string{
		"er_pairwise_f1@1": "pair_f1", "er_pairwise_precision@1": "pair_p", "er_pairwise_recall@1": "pair_r",
		"b_cubed_f1@1": "b3_f1", "ceaf_e_f1@1": "ceaf_f1", "muc_f1@1": "muc_f1", "conll_f1@1": "conll_f1",
		"ari@1": "ari", "nmi@1": "nmi", "ami@1": "ami", "v_measure@1": "v", "homogeneity@1": "homogeneity", "completeness@1": "completeness",
	} {
		metric.RegisterUnits(use, func(p metric.Params) (metric.Measure, string) { return clusters{}, value })
	}
}

// Clusters is the measure of *Item. Values: pair_p, pair_r, pair_f1 (of pairs
// in one cluster), b3_*, ceaf_* (entity based), muc_*, conll_f1 (the mean of
// muc_f1, b3_f1 and ceaf_f1), ari, nmi, ami (both with
// the arithmetic mean), v, homogeneity, completeness. There are no intervals:
// drawing items again breaks clusters.
func Clusters() metric.Measure { return clusters{} }

type clusters struct{}

func (clusters) Key() string                         { return "graph.clusters" }
func (clusters) New(*metric.Bootstrap) metric.Gather { return &table{cells: map[Item]int64{}} }

// table counts the items of each pair of clusters.
type table struct {
	cells map[Item]int64
	alone map[string]int64 // items of this true cluster that are alone in their own
}

func (t *table) Add(unit any, _ uint16) {
	i := unit.(*Item)
	if i.Hyp == "" {
		if t.alone == nil {
			t.alone = map[string]int64{}
		}
		t.alone[strings.Clone(i.Ref)]++
		return
	}
	t.cells[*i]++
}

func (t *table) Merge(o metric.Gather) {
	x := o.(*table)
	for k, n := range x.cells {
		t.cells[k] += n
	}
	for k, n := range x.alone {
		if t.alone == nil {
			t.alone = map[string]int64{}
		}
		t.alone[k] += n
	}
}

// contingency is the table in a fixed order.
type contingency struct {
	n        int64
	ref, hyp []int64 // sizes
	cell     []cell
}

type cell struct {
	r, h int
	n    int64
}

func (t *table) fixed() *contingency {
	keys := make([]Item, 0, len(t.cells))
	for k := range t.cells {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Item) int {
		if c := strings.Compare(a.Ref, b.Ref); c != 0 {
			return c
		}
		return strings.Compare(a.Hyp, b.Hyp)
	})
	c := &contingency{}
	refs, hyps := map[string]int{}, map[string]int{}
	number := func(m map[string]int, name string, sizes *[]int64) int {
		i, ok := m[name]
		if !ok {
			i = len(*sizes)
			m[name] = i
			*sizes = append(*sizes, 0)
		}
		return i
	}
	add := func(r, h int, n int64) {
		c.cell = append(c.cell, cell{r, h, n})
		c.ref[r] += n
		c.hyp[h] += n
		c.n += n
	}
	for _, k := range keys {
		add(number(refs, k.Ref, &c.ref), number(hyps, k.Hyp, &c.hyp), t.cells[k])
	}
	alone := make([]string, 0, len(t.alone))
	for k := range t.alone {
		alone = append(alone, k)
	}
	slices.Sort(alone)
	for _, k := range alone {
		r := number(refs, k, &c.ref)
		for range t.alone[k] {
			c.hyp = append(c.hyp, 0)
			add(r, len(c.hyp)-1, 1)
		}
	}
	return c
}

func (t *table) Result(name string) metric.Result {
	c := t.fixed()
	if c.n == 0 {
		return metric.Undefined(0, metric.NoRows)
	}
	switch name {
	case "ari":
		return c.ari()
	case "nmi", "ami", "v", "homogeneity", "completeness":
		return c.information(name)
	}
	if name == "conll_f1" { // the mean of the shared tasks of 2011 and 2012
		var sum metric.Sum
		for _, f := range []string{"muc_f1", "b3_f1", "ceaf_f1"} {
			r := t.Result(f)
			if r.Status == aihub.MetricUndefined {
				return r
			}
			sum.Add(r.Value)
		}
		return metric.OK(sum.Mean(3), c.n)
	}
	family, part, _ := strings.Cut(name, "_")
	p, r, ok := map[string]func() (float64, float64, bool){"pair": c.pairs, "b3": c.bCubed, "ceaf": c.ceaf, "muc": c.muc}[family]()
	if !ok {
		return metric.Undefined(c.n, metric.Nothing)
	}
	switch part {
	case "p":
		return metric.OK(p, c.n)
	case "r":
		return metric.OK(r, c.n)
	}
	if p+r == 0 {
		return metric.OK(0, c.n)
	}
	return metric.OK(min(1, 2*float64(p*r)/(p+r)), c.n)
}

func two(n int64) int64 { return n * (n - 1) / 2 }

// pairs compares pairs of items in one cluster. Undefined when either side has
// none: all are alone.
func (c *contingency) pairs() (p, r float64, ok bool) {
	var both, ref, hyp int64
	for _, x := range c.cell {
		both += two(x.n)
	}
	for _, n := range c.ref {
		ref += two(n)
	}
	for _, n := range c.hyp {
		hyp += two(n)
	}
	if ref == 0 || hyp == 0 {
		return 0, 0, false
	}
	return metric.Quo(both, hyp), metric.Quo(both, ref), true
}

// bCubed is the mean over items (Bagga and Baldwin, 1998).
func (c *contingency) bCubed() (p, r float64, ok bool) {
	var sp, sr metric.Sum
	for _, x := range c.cell {
		sp.Add(metric.Quo(x.n*x.n, c.hyp[x.h]))
		sr.Add(metric.Quo(x.n*x.n, c.ref[x.r]))
	}
	return sp.Mean(c.n), sr.Mean(c.n), true
}

// muc counts links that are missing (Vilain et al., 1995). Undefined when all
// items of either side are alone.
func (c *contingency) muc() (p, r float64, ok bool) {
	parts := func(sizes []int64, of func(x cell) int) (num, den int64) {
		seen := make([]int64, len(sizes))
		for _, x := range c.cell {
			seen[of(x)]++
		}
		for i, n := range sizes {
			num += n - seen[i]
			den += n - 1
		}
		return num, den
	}
	rn, rd := parts(c.ref, func(x cell) int { return x.r })
	pn, pd := parts(c.hyp, func(x cell) int { return x.h })
	if rd == 0 || pd == 0 {
		return 0, 0, false
	}
	return metric.Quo(pn, pd), metric.Quo(rn, rd), true
}

// ceaf is CEAF-e (Luo, 2005): clusters are matched one to one so that the sum of
// 2|K∩R|/(|K|+|R|) is largest. Clusters that share no item never match, so each
// connected part of the table is its own problem.
func (c *contingency) ceaf() (p, r float64, ok bool) {
	root := make([]int, len(c.ref)+len(c.hyp))
	for i := range root {
		root[i] = i
	}
	var find func(i int) int
	find = func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for _, x := range c.cell {
		root[find(x.r)] = find(len(c.ref) + x.h)
	}
	group := map[int][]cell{}
	var order []int
	for _, x := range c.cell {
		g := find(x.r)
		if group[g] == nil {
			order = append(order, g)
		}
		group[g] = append(group[g], x)
	}
	var sum metric.Sum
	for _, g := range order {
		rows, cols := map[int]int{}, map[int]int{}
		for _, x := range group[g] {
			if _, ok := rows[x.r]; !ok {
				rows[x.r] = len(rows)
			}
			if _, ok := cols[x.h]; !ok {
				cols[x.h] = len(cols)
			}
		}
		w := make([][]float64, len(rows))
		for i := range w {
			w[i] = make([]float64, len(cols))
		}
		for _, x := range group[g] {
			w[rows[x.r]][cols[x.h]] = metric.Quo(2*x.n, c.ref[x.r]+c.hyp[x.h])
		}
		for i, j := range metric.Assign(w) {
			if j >= 0 {
				sum.Add(w[i][j])
			}
		}
	}
	return sum.Mean(int64(len(c.hyp))), sum.Mean(int64(len(c.ref))), true
}

// ari is the Rand index adjusted for chance (Hubert and Arabie, 1985), in
// integers. Equal trivial clusterings are 1.
func (c *contingency) ari() metric.Result {
	var both, ref, hyp int64
	for _, x := range c.cell {
		both += two(x.n)
	}
	for _, n := range c.ref {
		ref += two(n)
	}
	for _, n := range c.hyp {
		hyp += two(n)
	}
	// (both - ref·hyp/all) / (½(ref+hyp) - ref·hyp/all), times 2·all
	b := func(x int64) *big.Int { return big.NewInt(x) }
	all := b(two(c.n))
	chance := new(big.Int).Mul(b(ref), b(hyp))
	num := new(big.Int).Sub(new(big.Int).Mul(all, b(both)), chance)
	num.Lsh(num, 1)
	den := new(big.Int).Mul(all, new(big.Int).Add(b(ref), b(hyp)))
	den.Sub(den, chance.Lsh(chance, 1))
	if den.Sign() == 0 {
		return metric.OK(1, c.n)
	}
	v, _ := new(big.Rat).SetFrac(num, den).Float64()
	return metric.OK(v, c.n)
}

// information is nmi, ami, homogeneity, completeness or v, in natural units.
// The mean of the entropies is arithmetic; one cluster on both sides is 1.
func (c *contingency) information(name string) metric.Result {
	entropy := func(sizes []int64) float64 {
		if len(sizes) == 1 {
			return 0
		}
		var s metric.Sum
		for _, n := range sizes {
			s.Add(float64(n) * metric.Ln(metric.Quo(c.n, n)))
		}
		return s.Mean(c.n)
	}
	hr, hh := entropy(c.ref), entropy(c.hyp)
	var s metric.Sum
	if hr > 0 && hh > 0 {
		for _, x := range c.cell {
			// ln(n·N / (r·h)) by quotients near 1 where the table is independent
			s.Add(float64(x.n) * metric.Ln(metric.Quo(x.n, c.ref[x.r])*metric.Quo(c.n, c.hyp[x.h])))
		}
	}
	mi := max(0, s.Mean(c.n))
	part := func(h float64) float64 {
		if h == 0 {
			return 1
		}
		return min(1, mi/h)
	}
	trivial := len(c.ref) == len(c.hyp) && (len(c.ref) == 1 || int64(len(c.ref)) == c.n)
	switch name {
	case "homogeneity":
		return metric.OK(part(hr), c.n)
	case "completeness":
		return metric.OK(part(hh), c.n)
	case "ami":
		if trivial {
			return metric.OK(1, c.n)
		}
		e := c.expected()
		den := (hr+hh)/2 - e
		if den < 0 {
			den = min(den, -0x1p-52)
		} else {
			den = max(den, 0x1p-52)
		}
		num := mi - e
		if max(num, -num) < 1e-14 {
			num = 0
		}
		return metric.OK(num/den, c.n)
	}
	if hr+hh == 0 || trivial {
		return metric.OK(1, c.n)
	}
	return metric.OK(min(1, 2*mi/(hr+hh)), c.n)
}

// expected is the mutual information of chance (Vinh, Epps and Bailey, 2010):
// over the sizes of cells that two clusters of a and b items can share, by the
// hypergeometric law.
func (c *contingency) expected() float64 {
	lf := make([]float64, c.n+1) // ln k!
	var sum metric.Sum
	for k := int64(1); k <= c.n; k++ {
		sum.Add(metric.Ln(float64(k)))
		lf[k] = sum.Float()
	}
	count := func(sizes []int64) (out [][2]int64) { // equal sizes are alike
		m := map[int64]int64{}
		for _, s := range sizes {
			m[s]++
		}
		for s, k := range m {
			out = append(out, [2]int64{s, k})
		}
		slices.SortFunc(out, func(a, b [2]int64) int { return int(a[0] - b[0]) })
		return out
	}
	var e metric.Sum
	hyps := count(c.hyp)
	for _, ra := range count(c.ref) {
		for _, hb := range hyps {
			a, b, n := ra[0], hb[0], c.n
			for k := max(1, a+b-n); k <= min(a, b); k++ {
				l := lf[a] + lf[b] + lf[n-a] + lf[n-b] - lf[n] - lf[k] - lf[a-k] - lf[b-k] - lf[n-a-b+k]
				t := metric.Quo(k, n) * metric.Ln(metric.Quo(k, a)*metric.Quo(n, b)) * metric.Exp(l)
				e.Add(t * float64(ra[1]*hb[1]))
			}
		}
	}
	return e.Float()
}
