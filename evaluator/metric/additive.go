package metric

import (
	"math"
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
	// beside is what counts rows that are in cells, if not count: it holds them in
	// less memory than the counters of all cells take.
	beside func(cells int) beside
	// rows is how many rows a cell's counters stand for, when they say: a sum of
	// some of them.
	rows func(counts []int64) int64
	// each adds rows to counters and sums of several cells at once, those of cell
	// i begin at counts[i*a.counts] and sums[i*a.sums].
	each func(b *Block, cell []uint16, counts []int64, sums []Sum)
	// terms gives, for each sum, the rows' terms.
	terms []term
	// value is the formula. s.n > 0 and every sum is finite.
	value func(s *stats) Result
}

// beside counts rows by itself, and gives them to the counters in the end, or
// before it would run over.
type beside interface {
	add(b *Block, cell []uint16, counts []int64)
	settle(counts []int64)
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
		cells = a.boot.buckets()
	}
	t := &tally{m: a, byRows: a.rows == nil && (cells == 1 || len(a.terms) == 0), n: make([]int64, cells), counts: make([]int64, cells*a.counts), sums: make([]Sum, cells*a.sums)}
	t.quick = make([][]quick, len(a.terms))
	t.square = make([][]square, len(a.terms))
	t.fine = make([]*fineSquares, len(a.terms))
	for i, x := range a.terms {
		if x.square {
			t.square[i], t.fine[i] = make([]square, cells), newFineSquares(cells)
		} else {
			t.quick[i] = make([]quick, cells)
		}
	}
	if len(a.terms) > 1 || len(a.terms) > 0 && !t.byTerm() {
		t.nowhere = make([]int64, cells)
	}
	if a.beside != nil && cells > 1 {
		t.beside = a.beside(cells)
	}
	return t
}

// tally holds the stats of every bucket (of one, without intervals).
type tally struct {
	m       *additive
	n       []int64
	counts  []int64
	sums    []Sum
	beside  beside    // what counts are still to get
	byRows  bool      // rows are counted by themselves: no term does, and no counters
	nowhere []int64   // takes rows that something else counts
	quick   [][]quick // of each term and cell: what sums are still to get
	square  [][]square
	fine    []*fineSquares // of squares
	buf     [maxQuick]float64
	hi, lo  [maxQuick]uint64
	full    [maxQuick]uint16
	sample  []float64 // of the last Result
}

func (t *tally) Sample() []float64 { return t.sample }

func (t *tally) Add(b *Block) {
	cell := b.Bucket
	if len(t.n) == 1 {
		cell = nil
	}
	switch {
	case cell == nil && t.m.rows == nil:
		t.n[0] += int64(b.Rows)
	case cell != nil && t.byRows:
		for _, c := range cell {
			t.n[c]++
		}
	}
	switch {
	case t.beside != nil && cell != nil:
		t.beside.add(b, cell, t.counts)
	case t.m.count != nil:
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
			sums := t.sums[x.sum:]
			switch {
			case cell == nil && x.square:
				sums[0].addSquaresQuick(out)
			case cell == nil:
				sums[0].addQuick(out)
			case x.square:
				t.squares(at).add(cell[lo:hi], out, &t.hi)
			default:
				(&cells{t.quick[at], sums, t.m.sums, t.termRows(at)}).add(cell[lo:hi], out, &t.hi, &t.lo)
			}
		}
	}
}

func (t *tally) squares(at int) *squareCells {
	return &squareCells{t.square[at], t.sums[t.m.terms[at].sum:], t.m.sums, t.termRows(at), t.fine[at], &t.full}
}

// termRows are where a term counts rows. The first counts them, unless something
// else does.
func (t *tally) termRows(at int) []int64 {
	if at > 0 || !t.byTerm() {
		return t.nowhere
	}
	return t.n
}

func (t *tally) byTerm() bool { return !t.byRows && t.m.rows == nil }

// settle gives the counts and the sums all that was added.
func (t *tally) settle() {
	if t.beside != nil {
		t.beside.settle(t.counts)
	}
	if t.m.rows != nil {
		for i := range t.n {
			t.n[i] = t.m.rows(t.counts[i*t.m.counts:][:t.m.counts])
		}
	}
	for at, x := range t.m.terms {
		rows := t.termRows(at)
		for c := range t.quick[at] {
			if q := &t.quick[at][c]; q.n > 0 {
				rows[c] += int64(q.n)
				q.flush(&t.sums[c*t.m.sums+x.sum])
			}
		}
		for c := range t.square[at] {
			if q := &t.square[at][c]; *q != (square{}) {
				rows[c] += int64(q.hi / squareOne)
				q.flush(&t.sums[c*t.m.sums+x.sum])
				*q = square{}
			}
		}
		if t.fine[at] != nil {
			t.fine[at].flush(t.squares(at))
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
	f := t.flatten()
	rep := stats{counts: make([]int64, t.m.counts), sums: make([]Sum, t.m.sums)}
	var values []float64
	draws := make([][]uint8, Replicates)
	for r := range draws {
		draws[r] = t.m.boot.weight[r*Buckets:][:len(t.n)]
	}
	f.draws(draws, &rep, func() {
		if x := t.m.result(&rep); x.Status != aihub.MetricUndefined {
			values = append(values, x.Value)
		}
	})
	if len(values) == Replicates {
		t.sample = slices.Clone(values)
	}
	if t.few() && len(values) == Replicates {
		if lo, hi, ok := bca(values, value, t.jackknife(f)); ok {
			return min(lo, value), max(hi, value)
		}
	}
	lo, hi = interval(values)
	if lo == 0 && hi == 0 {
		return 0, 0
	}
	return min(lo, value), max(hi, value)
}

// few reports whether there are fewer than fewRows rows, or units. Units are counted
// by the buckets that have rows: of u units in m buckets, m·(1 - e^(-u/m)) have one
// (linear counting; Whang et al., 1990).
func (t *tally) few() bool {
	var rows, used int64
	for _, x := range t.n {
		rows += x
		used += min(x, 1)
	}
	m := float64(len(t.n))
	return rows < fewRows || t.m.boot.units && float64(used) < m*-math.Expm1(-fewRows/m)
}

// jackknife is the value without each bucket that has rows; those that are then
// undefined are left out.
func (t *tally) jackknife(f *flat) (values []float64) {
	rep := stats{counts: make([]int64, t.m.counts), sums: make([]Sum, t.m.sums)}
	w := slices.Repeat([]uint8{1}, len(t.n))
	for out, rows := range t.n {
		if rows == 0 {
			continue
		}
		w[out] = 0
		f.draws([][]uint8{w}, &rep, func() {
			if x := t.m.result(&rep); x.Status != aihub.MetricUndefined {
				values = append(values, x.Value)
			}
		})
		w[out] = 1
	}
	return values
}
