package metric

import (
	"math"
	"math/big"

	"aihub"
)

func init() {
	register("mae@1", func(s Setup, a args) Metric { return mean(s, a, absError) })
	register("mse@1", squared(false))
	register("rmse@1", squared(true))

	// Of the three published variants this is M4's: 200·|y-f|/(|y|+|f|), 0 for
	// 0/0, so values are in [0, 200].
	register("smape@1", func(s Setup, a args) Metric {
		return mean(s, a, func(b *Block, lo, hi int, out []float64) {
			pred := b.Pred[0].Flt[lo:hi]
			for i, y := range b.Truth.Flt[lo:hi] {
				f := pred[i]
				e, d := math.Abs(y-f), math.Abs(y)+math.Abs(f)
				if d > math.MaxFloat64 { // halves do not overflow
					e, d = math.Abs(y/2-f/2), math.Abs(y)/2+math.Abs(f)/2
				}
				out[i] = 0
				if d != 0 {
					out[i] = 200 * (e / d)
				}
			}
		})
	})

	// Sum of |y-f| over sum of |y|.
	register("wape@1", func(s Setup, a args) Metric {
		return &additive{
			signed: a.signed, boot: s.Boot, sums: 2,
			terms: []term{{rows: absError}, {sum: 1, rows: func(b *Block, lo, hi int, out []float64) {
				for i, y := range b.Truth.Flt[lo:hi] {
					out[i] = math.Abs(y)
				}
			}}},
			value: func(s *stats) Result {
				den := s.sums[1].big()
				if den.Sign() == 0 {
					return undefined(s.n, ZeroTruth)
				}
				v, _ := ratio(s.sums[0].big(), den, 0).Float64()
				return Result{Value: v}
			},
		}
	})

	// 1 - SSE/SST. SST is n·Σy² - (Σy)² over exact sums, so a large offset of y
	// costs nothing. Undefined when all y are equal, where scikit-learn returns
	// 1 or 0.
	register("r2@1", func(s Setup, a args) Metric {
		truth := func(b *Block, lo, hi int, out []float64) { copy(out, b.Truth.Flt[lo:hi]) }
		return &additive{
			signed: a.signed, boot: s.Boot, sums: 3,
			terms: []term{{sum: 0, square: true, rows: diff}, {sum: 1, rows: truth}, {sum: 2, square: true, rows: truth}},
			value: func(s *stats) Result {
				n := big.NewInt(s.n)
				y := s.sums[1].big()
				// sst is n·SST in units of 2^(2·unitExp).
				sst := s.sums[2].big()
				sst.Mul(sst, n).Lsh(sst, -unitExp)
				sst.Sub(sst, new(big.Int).Mul(y, y))
				if sst.Sign() <= 0 {
					return undefined(s.n, ConstantTruth)
				}
				sse := s.sums[0].big()
				sse.Mul(sse, n).Lsh(sse, -unitExp)
				v, _ := ratio(sse.Sub(sst, sse), sst, 0).Float64()
				return Result{Value: v}
			},
		}
	})

	register("medae@1", func(s Setup, a args) Metric { return medae{a.signed} })
}

// diff writes y-f, rounded once.
func diff(b *Block, lo, hi int, out []float64) {
	pred := b.Pred[0].Flt[lo:hi]
	for i, y := range b.Truth.Flt[lo:hi] {
		out[i] = y - pred[i]
	}
}

func absError(b *Block, lo, hi int, out []float64) {
	diff(b, lo, hi, out)
	for i, e := range out {
		out[i] = math.Abs(e)
	}
}

func squared(root bool) func(Setup, args) Metric {
	return func(s Setup, a args) Metric {
		return &additive{
			signed: a.signed, boot: s.Boot, sums: 1,
			terms: []term{{square: true, rows: diff}},
			value: func(s *stats) Result {
				v := s.sums[0].Mean(s.n)
				if root {
					v = math.Sqrt(v)
				}
				return Result{Value: v}
			},
		}
	}
}

// medae keeps every absolute error: 8 bytes a row.
type medae struct{ signed }

func (m medae) New() Accumulator { return &medaeRows{} }

type medaeRows struct{ bits []uint64 } // of non-negative floats: they sort as integers

func (m *medaeRows) Add(b *Block) {
	pred := b.Pred[0].Flt[:b.Rows]
	for i, y := range b.Truth.Flt[:b.Rows] {
		m.bits = append(m.bits, math.Float64bits(math.Abs(y-pred[i])))
	}
}

func (m *medaeRows) Merge(o Accumulator) { m.bits = append(m.bits, o.(*medaeRows).bits...) }

func (m *medaeRows) Result() Result {
	n := len(m.bits)
	if n == 0 {
		return undefined(0, NoRows)
	}
	m.bits = radixSort(m.bits)
	if !(math.Float64frombits(m.bits[n-1]) <= math.MaxFloat64) { // NaN sorts last of all
		return undefined(int64(n), NotFinite)
	}
	lo, hi := math.Float64frombits(m.bits[(n-1)/2]), math.Float64frombits(m.bits[n/2])
	return Result{Value: lo + (hi-lo)/2, N: int64(n), Status: aihub.MetricOK}
}
