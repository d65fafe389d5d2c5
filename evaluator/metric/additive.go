package metric

import (
	"slices"

	"aihub"
)

// stats are sufficient statistics: rows, counts and exact sums, of one bucket
// or of all rows. Two stats of the same metric add up.
type stats struct {
	n      int64
	counts []int64
	sums   []Sum
}

// additive is a metric whose value is a formula over stats. Nearly every metric
// that is not about order is one; it gets shards and intervals for free.
type additive struct {
	signed
	boot   *Bootstrap
	counts int // how many counters
	sums   int // how many exact sums

	// count adds rows to counters: those of cell i begin at counts[i*a.counts].
	count func(b *Block, cell []uint16, counts []int64)
	// each adds rows to counters and sums of several cells at once, those of cell
	// i begin at counts[i*a.counts] and sums[i*a.sums].
	each func(b *Block, cell []uint16, counts []int64, sums []Sum)
	// terms gives, for each sum, the rows' terms.
	terms []term
	// value is the formula. s.n > 0 and every sum is finite.
	value func(s *stats) Result
}

// term writes one term per row of b[lo:hi] to out, to be added to sum number
// sum; square adds the exact square of what it wrote instead.
type term struct {
	sum    int
	square bool
	rows   func(b *Block, lo, hi int, out []float64)
}

func (a *additive) New() Accumulator {
	cells := 1
	if a.boot != nil {
		cells = Buckets
	}
	t := &tally{m: a, n: make([]int64, cells), counts: make([]int64, cells*a.counts), sums: make([]Sum, cells*a.sums)}
	t.quick = make([][]quick, len(a.terms))
	for i := range t.quick {
		t.quick[i] = make([]quick, cells)
	}
	return t
}

// tally holds the stats of every bucket (of one, without intervals).
type tally struct {
	m      *additive
	n      []int64
	counts []int64
	sums   []Sum
	quick  [][]quick // of each term and cell: what sums are still to get
	buf    [maxQuick]float64
	sample []float64 // of the last Result
}

func (t *tally) Sample() []float64 { return t.sample }

func (t *tally) Add(b *Block) {
	cell := b.Bucket
	if len(t.n) == 1 {
		cell = nil
	}
	if cell == nil {
		t.n[0] += int64(b.Rows)
	} else {
		for _, c := range cell {
			t.n[c]++
		}
	}
	if t.m.count != nil {
		t.m.count(b, cell, t.counts)
	}
	if t.m.each != nil {
		t.m.each(b, cell, t.counts, t.sums)
	}
	for at, x := range t.m.terms {
		for lo := 0; lo < b.Rows; lo += len(t.buf) {
			hi := min(lo+len(t.buf), b.Rows)
			out := t.buf[:hi-lo]
			x.rows(b, lo, hi, out)
			k, sums := t.m.sums, t.sums[x.sum:]
			q := t.quick[at]
			switch {
			case cell == nil && x.square:
				sums[0].addSquaresQuick(out)
			case cell == nil:
				sums[0].addQuick(out)
			case x.square:
				for i, v := range out {
					c := int(cell[lo+i])
					q[c].addSquare(&sums[c*k], v)
				}
			default:
				for i, v := range out {
					c := int(cell[lo+i])
					q[c].add(&sums[c*k], v)
				}
			}
		}
	}
}

// settle gives the sums all that was added.
func (t *tally) settle() {
	for at, x := range t.m.terms {
		for c := range t.quick[at] {
			q := &t.quick[at][c]
			switch s := &t.sums[c*t.m.sums+x.sum]; {
			case q.n == 0:
			case x.square:
				q.flushSquares(s)
			default:
				q.flush(s)
			}
		}
	}
}

func (t *tally) Merge(o Accumulator) {
	u := o.(*tally)
	t.settle()
	u.settle()
	for i, n := range u.n {
		t.n[i] += n
	}
	for i, c := range u.counts {
		t.counts[i] += c
	}
	for i := range u.sums {
		t.sums[i].Merge(&u.sums[i])
	}
}

func (t *tally) Result() Result {
	t.settle()
	all := stats{counts: make([]int64, t.m.counts), sums: make([]Sum, t.m.sums)}
	for i, n := range t.n {
		all.n += n
		for j := range all.counts {
			all.counts[j] += t.counts[i*t.m.counts+j]
		}
		for j := range all.sums {
			all.sums[j].Merge(&t.sums[i*t.m.sums+j])
		}
	}
	r := t.m.result(&all)
	if r.Status != aihub.MetricUndefined && len(t.n) > 1 {
		r.Lo, r.Hi = t.interval(r.Value)
	}
	return r
}

// result guards the formula: no rows, nothing infinite, nothing NaN.
func (a *additive) result(s *stats) Result {
	if s.n == 0 {
		return undefined(0, NoRows)
	}
	for i := range s.sums {
		if !s.sums[i].Finite() {
			return undefined(s.n, NotFinite)
		}
	}
	r := a.value(s)
	if r.Status == "" {
		r.Status = aihub.MetricOK
	}
	if r.Value-r.Value != 0 { // infinite or NaN: a mean of squares may overflow
		return undefined(s.n, NotFinite)
	}
	r.N = s.n
	return r
}

// interval draws the buckets again, Replicates times. The interval is widened
// to hold the value itself, which a skewed sample can leave outside.
func (t *tally) interval(value float64) (lo, hi float64) {
	first, last := limbRange(t.sums)
	rep := stats{counts: make([]int64, t.m.counts), sums: make([]Sum, t.m.sums)}
	var values []float64
	for r := range Replicates {
		w := t.m.boot.weight[r*Buckets : (r+1)*Buckets]
		rep.n = 0
		clear(rep.counts)
		for i, k := range w {
			if k == 0 || t.n[i] == 0 {
				continue
			}
			rep.n += int64(k) * t.n[i]
			for j, c := range t.counts[i*t.m.counts : (i+1)*t.m.counts] {
				rep.counts[j] += int64(k) * c
			}
		}
		for j := range rep.sums {
			rep.sums[j].weighted(t.sums[j:], t.m.sums, w, first, last)
		}
		if x := t.m.result(&rep); x.Status != aihub.MetricUndefined {
			values = append(values, x.Value)
		}
	}
	if len(values) == Replicates {
		t.sample = slices.Clone(values)
	}
	lo, hi = interval(values)
	if lo == 0 && hi == 0 {
		return 0, 0
	}
	return min(lo, value), max(hi, value)
}

// limbRange moves all carries and returns the first and last limb in use.
func limbRange(sums []Sum) (first, last int) {
	first, last = limbs-1, 0
	for i := range sums {
		sums[i].carry()
		for j, v := range sums[i].limb {
			if v != 0 {
				first, last = min(first, j), max(last, j)
			}
		}
	}
	return min(first, last), last
}
