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
		cells = a.boot.buckets()
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
	hi, lo [maxQuick]uint64
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
				addCells(q, sums, k, cell[lo:hi], out, &t.hi, &t.lo)
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
	f := t.flatten()
	rep := stats{counts: make([]int64, t.m.counts), sums: make([]Sum, t.m.sums)}
	var values []float64
	for r := range Replicates {
		f.draw(t.m.boot.weight[r*Buckets:][:len(t.n)], &rep)
		if x := t.m.result(&rep); x.Status != aihub.MetricUndefined {
			values = append(values, x.Value)
		}
	}
	if len(values) == Replicates {
		t.sample = slices.Clone(values)
	}
	if t.rows() < fewRows && len(values) == Replicates {
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

// rows is how many there are.
func (t *tally) rows() (n int64) {
	for _, x := range t.n {
		n += x
	}
	return n
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
		f.draw(w, &rep)
		w[out] = 1
		if x := t.m.result(&rep); x.Status != aihub.MetricUndefined {
			values = append(values, x.Value)
		}
	}
	return values
}

// flat are the stats of all buckets, one behind the other: the rows, counts and
// those limbs of sums that are in use. Two counters share a word while no draw can
// carry from one to the other.
type flat struct {
	rows        []uint64
	width       int // words of a bucket
	packed      bool
	first, last int // limbs
	acc         []uint64
}

// maxWeight is more often than a draw counts any bucket.
const maxWeight = 16

func (t *tally) flatten() *flat {
	f := &flat{packed: true}
	f.first, f.last = limbRange(t.sums)
	counters := 1 + t.m.counts
	total := int64(0)
	for _, n := range t.n {
		total += n
	}
	most := total
	for j := range t.m.counts {
		sum := int64(0)
		for i := range t.n {
			c := t.counts[i*t.m.counts+j]
			sum += c
			f.packed = f.packed && c >= 0 && c < 1<<28
		}
		most = max(most, sum)
	}
	words := counters
	if f.packed = f.packed && most < (1<<32)/maxWeight; f.packed {
		words = (counters + 1) / 2
	}
	f.width = words + t.m.sums*(f.last-f.first+1)
	f.rows, f.acc = make([]uint64, len(t.n)*f.width), make([]uint64, f.width)
	for i, n := range t.n {
		row := f.rows[i*f.width:][:f.width]
		put := func(j int, c int64) {
			if f.packed {
				row[j/2] |= uint64(c) << (j % 2 * 32)
			} else {
				row[j] = uint64(c)
			}
		}
		put(0, n)
		for j, c := range t.counts[i*t.m.counts : (i+1)*t.m.counts] {
			put(1+j, c)
		}
		at := words
		for j := range t.m.sums {
			for _, v := range t.sums[i*t.m.sums+j].limb[f.first : f.last+1] {
				row[at] = uint64(v)
				at++
			}
		}
	}
	return f
}

// draw sets rep to what the buckets sum to, each counted as often as w says.
func (f *flat) draw(w []uint8, rep *stats) {
	acc := f.acc
	clear(acc)
	rows := f.rows
	for _, k := range w {
		row := rows[:len(acc)]
		rows = rows[len(acc):]
		for j, v := range row {
			acc[j] += uint64(k) * v
		}
	}
	get := func(j int) int64 {
		if f.packed {
			return int64(uint32(acc[j/2] >> (j % 2 * 32)))
		}
		return int64(acc[j])
	}
	rep.n = get(0)
	for j := range rep.counts {
		rep.counts[j] = get(1 + j)
	}
	at := len(acc) - len(rep.sums)*(f.last-f.first+1)
	for j := range rep.sums {
		s := &rep.sums[j]
		*s = Sum{}
		for l := f.first; l <= f.last; l++ {
			s.limb[l] = int64(acc[at])
			at++
		}
		s.carry()
	}
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
