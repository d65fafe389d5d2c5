package metric

import (
	"math"
	"math/big"
	"slices"

	"aihub"
)

func init() {
	// |y-f| / max(|y|, eps), a fraction. With eps 0 a true 0 makes it undefined;
	// scikit-learn takes the smallest eps there is, and gives 2e15.
	register("mape@1", func(s Setup, a args) Metric {
		eps := a.num["eps"]
		return inDomain(mean(s, a, func(b *Block, lo, hi int, out []float64) {
			absError(b, lo, hi, out)
			for i, y := range b.Truth.Flt[lo:hi] {
				if d := max(math.Abs(y), eps); d > 0 {
					out[i] /= d
				} else {
					out[i] = 0
				}
			}
		}), ZeroTruth, func(y, f float64) bool { return y != 0 || eps > 0 })
	})
	logs := func(root bool) func(Setup, args) Metric {
		return func(s Setup, a args) Metric {
			makeLn()
			m := &additive{signed: a.signed, boot: s.Boot, sums: 1}
			m.terms = []term{{square: true, rows: func(b *Block, lo, hi int, out []float64) {
				pred := b.Pred[0].Flt[lo:hi]
				for i, y := range b.Truth.Flt[lo:hi] {
					out[i] = ln1p(max(0, y)) - ln1p(max(0, pred[i]))
				}
			}}}
			m.value = func(s *stats) Result {
				v := s.sums[0].Mean(s.n)
				if root {
					v = math.Sqrt(v)
				}
				return Result{Value: v}
			}
			return inDomain(m, OutOfDomain, func(y, f float64) bool { return y >= 0 && f >= 0 })
		}
	}
	register("msle@1", logs(false))
	register("rmsle@1", logs(true))

	// MAE and RMSE over a scale that the spec declares: the error of the
	// seasonal-naive forecast on the training series.
	register("mase@1", func(s Setup, a args) Metric {
		m := mean(s, a, absError)
		m.value = func(s *stats) Result { return Result{Value: s.sums[0].Mean(s.n) / a.num["scale"]} }
		return m
	})
	register("rmsse@1", func(s Setup, a args) Metric {
		m := squared(true)(s, a).(*additive)
		rmse := m.value
		m.value = func(s *stats) Result { return Result{Value: rmse(s).Value / a.num["scale"]} }
		return m
	})
	register("pinball@1", func(s Setup, a args) Metric {
		q := a.num["quantile"]
		return mean(s, a, func(b *Block, lo, hi int, out []float64) {
			diff(b, lo, hi, out)
			for i, e := range out {
				out[i] = max(float64(q*e), float64((q-1)*e))
				if e != e {
					out[i] = e
				}
			}
		})
	})

	// Of an interval [column, upper]; 1-alpha is its declared level.
	interval := func(use string, of func(a args) func(y, lo, hi float64) float64) {
		register(use, func(s Setup, a args) Metric {
			f := of(a)
			m := mean(s, a, func(b *Block, lo, hi int, out []float64) {
				l, u := b.Pred[0].Flt[lo:hi], b.Pred[1].Flt[lo:hi]
				for i, y := range b.Truth.Flt[lo:hi] {
					if out[i] = f(y, l[i], u[i]); l[i]-l[i] != 0 || u[i]-u[i] != 0 {
						out[i] = math.NaN()
					}
				}
			})
			m.counts = 1
			m.count = func(b *Block, cell []uint16, counts []int64) {
				l, u := b.Pred[0].Flt[:b.Rows], b.Pred[1].Flt[:b.Rows]
				for i, v := range l {
					if v > u[i] {
						counts[cellOf(cell, i)]++
					}
				}
			}
			value := m.value
			m.value = func(s *stats) Result {
				if s.counts[0] > 0 {
					return undefined(s.n, Crossed)
				}
				return value(s)
			}
			return m
		})
	}
	interval("interval_coverage@1", func(a args) func(y, lo, hi float64) float64 {
		return func(y, lo, hi float64) float64 {
			if lo <= y && y <= hi {
				return 1
			}
			return 0
		}
	})
	interval("interval_width@1", func(a args) func(y, lo, hi float64) float64 {
		return func(y, lo, hi float64) float64 { return hi - lo }
	})
	interval("winkler@1", func(a args) func(y, lo, hi float64) float64 {
		c := 2 / a.num["alpha"]
		return func(y, lo, hi float64) float64 {
			w := hi - lo
			if y < lo {
				w += float64(c * (lo - y))
			} else if y > hi {
				w += float64(c * (y - hi))
			}
			return w
		}
	})

	// 1 - Var(y-f)/Var(y): unlike R², a constant error costs nothing.
	register("explained_variance@1", func(s Setup, a args) Metric {
		truth := func(b *Block, lo, hi int, out []float64) { copy(out, b.Truth.Flt[lo:hi]) }
		return &additive{
			signed: a.signed, boot: s.Boot, sums: 4,
			terms: []term{{sum: 0, rows: diff}, {sum: 1, square: true, rows: diff}, {sum: 2, rows: truth}, {sum: 3, square: true, rows: truth}},
			value: func(s *stats) Result {
				vy := variance(s, 2, 3)
				if vy.Sign() <= 0 {
					return undefined(s.n, ConstantTruth)
				}
				ve := variance(s, 0, 1)
				v, _ := ratio(ve.Sub(vy, ve), vy, 0).Float64()
				return Result{Value: v}
			},
		}
	})
	register("pearson@1", func(s Setup, a args) Metric {
		truth := func(b *Block, lo, hi int, out []float64) { copy(out, b.Truth.Flt[lo:hi]) }
		pred := func(b *Block, lo, hi int, out []float64) { copy(out, b.Pred[0].Flt[lo:hi]) }
		m := &additive{
			signed: a.signed, boot: s.Boot, sums: 5,
			terms: []term{{sum: 0, rows: truth}, {sum: 1, square: true, rows: truth}, {sum: 2, rows: pred}, {sum: 3, square: true, rows: pred}},
		}
		m.each = func(b *Block, cell []uint16, counts []int64, sums []Sum) {
			f := b.Pred[0].Flt[:b.Rows]
			for i, y := range b.Truth.Flt[:b.Rows] {
				at := cellOf(cell, i)*5 + 4
				p := float64(y * f[i])
				sums[at].Add(p)
				sums[at].Add(fmaErr(y, f[i], p))
			}
		}
		m.value = func(s *stats) Result {
			vy, vf := variance(s, 0, 1), variance(s, 2, 3)
			if vy.Sign() <= 0 {
				return undefined(s.n, ConstantTruth)
			}
			if vf.Sign() <= 0 {
				return undefined(s.n, ConstantPredictions)
			}
			cov := s.sums[4].big()
			cov.Mul(cov, big.NewInt(s.n)).Lsh(cov, -unitExp)
			cov.Sub(cov, new(big.Int).Mul(s.sums[0].big(), s.sums[2].big()))
			return Result{Value: correlation(cov, vy, vf)}
		}
		return m
	})
	register("spearman@1", func(s Setup, a args) Metric { return pairs{a.signed, spearman} })
	register("kendall@1", func(s Setup, a args) Metric { return pairs{a.signed, kendall} })
	register("max_error@1", func(s Setup, a args) Metric {
		return pairs{a.signed, func(y, f []float64) Result {
			var most float64
			for i, v := range y {
				most = max(most, math.Abs(v-f[i]))
			}
			return Result{Value: most}
		}}
	})
}

// variance is n·Σx² - (Σx)² in units of 2^(2·unitExp), of two sums of s.
func variance(s *stats, sum, square int) *big.Int {
	v := s.sums[square].big()
	v.Mul(v, big.NewInt(s.n)).Lsh(v, -unitExp)
	x := s.sums[sum].big()
	return v.Sub(v, x.Mul(x, x))
}

// correlation is cov/√(a·b), rounded from 128 bits.
func correlation(cov, a, b *big.Int) float64 {
	if cov.Sign() == 0 {
		return 0
	}
	f := func(x *big.Int) *big.Float { return new(big.Float).SetPrec(160).SetInt(x) }
	den := f(new(big.Int).Mul(a, b))
	v, _ := new(big.Float).SetPrec(160).Quo(f(cov), den.Sqrt(den)).Float64()
	return max(-1, min(1, v))
}

// inDomain makes m undefined for reason when a row is outside its domain.
func inDomain(m *additive, reason string, ok func(y, f float64) bool) *additive {
	m.counts = 1
	m.count = func(b *Block, cell []uint16, counts []int64) {
		f := b.Pred[0].Flt[:b.Rows]
		for i, y := range b.Truth.Flt[:b.Rows] {
			if !ok(y, f[i]) {
				counts[cellOf(cell, i)]++
			}
		}
	}
	value := m.value
	m.value = func(s *stats) Result {
		if s.counts[0] > 0 {
			return undefined(s.n, reason)
		}
		return value(s)
	}
	return m
}

func cellOf(cell []uint16, i int) int {
	if cell == nil {
		return 0
	}
	return int(cell[i])
}

var nan = math.NaN()

// fmaErr is x·y - p, exactly unless it underflows; 0 when p is not finite,
// which the sum of p then reports.
func fmaErr(x, y, p float64) float64 {
	if p-p != 0 {
		return 0
	}
	return math.FMA(x, y, -p)
}

// pairs keeps both numbers of every row.
type pairs struct {
	signed
	value func(y, f []float64) Result
}

func (m pairs) New() Accumulator { return &pairRows{m: m} }

type pairRows struct {
	m    pairs
	y, f []float64
}

func (p *pairRows) Add(b *Block) {
	p.y = append(p.y, b.Truth.Flt[:b.Rows]...)
	p.f = append(p.f, b.Pred[0].Flt[:b.Rows]...)
}

func (p *pairRows) Merge(o Accumulator) {
	x := o.(*pairRows)
	p.y, p.f = append(p.y, x.y...), append(p.f, x.f...)
}

func (p *pairRows) Result() Result {
	n := int64(len(p.y))
	if n == 0 {
		return undefined(0, NoRows)
	}
	for i, y := range p.y {
		if d := y - p.f[i]; d-d != 0 || y-y != 0 || p.f[i]-p.f[i] != 0 {
			return undefined(n, NotFinite)
		}
	}
	r := p.m.value(p.y, p.f)
	if r.Status == "" {
		r.Status = aihub.MetricOK
	}
	r.N = n
	return r
}

// byValue is the order of the rows of x.
func byValue(x []float64) []int {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case x[i] < x[j]:
			return -1
		case x[i] > x[j]:
			return 1
		}
		return 0
	})
	return order
}

// midranks gives twice the midrank of every value, from 2.
func midranks(x []float64) []int64 {
	order, out := byValue(x), make([]int64, len(x))
	for lo := 0; lo < len(order); {
		hi := lo
		for hi < len(order) && x[order[hi]] == x[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			out[i] = int64(lo + hi + 1)
		}
		lo = hi
	}
	return out
}

// spearman is the correlation of midranks, in integers.
func spearman(y, f []float64) Result {
	a, b := midranks(y), midranks(f)
	middle := int64(len(y) + 1) // twice the mean rank
	var ab, aa, bb u128i
	for i := range a {
		u, v := a[i]-middle, b[i]-middle
		ab.add(u, v)
		aa.add(u, u)
		bb.add(v, v)
	}
	switch {
	case aa.big().Sign() == 0:
		return Result{Status: aihub.MetricUndefined, Reason: ConstantTruth}
	case bb.big().Sign() == 0:
		return Result{Status: aihub.MetricUndefined, Reason: ConstantPredictions}
	}
	return Result{Value: correlation(ab.big(), aa.big(), bb.big())}
}

// u128i sums signed products.
type u128i struct{ plus, minus u128 }

func (s *u128i) add(a, b int64) {
	if (a < 0) != (b < 0) {
		s.minus.add(uint64(abs64(a)), uint64(abs64(b)))
	} else {
		s.plus.add(uint64(abs64(a)), uint64(abs64(b)))
	}
}

func (s *u128i) big() *big.Int { x := s.plus.big(); return x.Sub(x, s.minus.big()) }

func abs64(a int64) int64 {
	if a < 0 {
		return -a
	}
	return a
}

// kendall is tau-b: concordant less discordant pairs over the root of the pairs
// untied on either side. Discordant pairs are the exchanges of a merge sort
// (Knight, 1966).
func kendall(y, f []float64) Result {
	n := int64(len(y))
	order := byValue(y)
	var tiedY, tiedF, tiedBoth int64
	for lo := 0; lo < len(order); {
		hi := lo
		for hi < len(order) && y[order[hi]] == y[order[lo]] {
			hi++
		}
		tiedY += choose2(hi - lo)
		run := order[lo:hi]
		slices.SortFunc(run, func(i, j int) int {
			switch {
			case f[i] < f[j]:
				return -1
			case f[i] > f[j]:
				return 1
			}
			return 0
		})
		for a := 0; a < len(run); {
			b := a
			for b < len(run) && f[run[b]] == f[run[a]] {
				b++
			}
			tiedBoth += choose2(b - a)
			a = b
		}
		lo = hi
	}
	seq := make([]float64, len(order))
	for i, j := range order {
		seq[i] = f[j]
	}
	discordant := exchanges(seq, make([]float64, len(seq)))
	for lo := 0; lo < len(seq); { // now sorted
		hi := lo
		for hi < len(seq) && seq[hi] == seq[lo] {
			hi++
		}
		tiedF += choose2(hi - lo)
		lo = hi
	}
	all := n * (n - 1) / 2
	switch {
	case all == tiedY:
		return Result{Status: aihub.MetricUndefined, Reason: ConstantTruth}
	case all == tiedF:
		return Result{Status: aihub.MetricUndefined, Reason: ConstantPredictions}
	}
	net := all - tiedY - tiedF + tiedBoth - 2*discordant
	return Result{Value: correlation(big.NewInt(net), big.NewInt(all-tiedY), big.NewInt(all-tiedF))}
}

func choose2(n int) int64 { return int64(n) * int64(n-1) / 2 }

// exchanges sorts x and counts pairs that were strictly out of order.
func exchanges(x, tmp []float64) int64 {
	if len(x) < 2 {
		return 0
	}
	m := len(x) / 2
	n := exchanges(x[:m], tmp[:m]) + exchanges(x[m:], tmp[m:])
	copy(tmp, x)
	i, j := 0, m
	for k := range x {
		if i < m && (j == len(x) || tmp[i] <= tmp[j]) {
			x[k] = tmp[i]
			i++
		} else {
			x[k] = tmp[j]
			n += int64(m - i)
			j++
		}
	}
	return n
}
