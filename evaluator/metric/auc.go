package metric

import (
	"cmp"
	"math"
	"math/big"
	"math/bits"
	"slices"

	"aihub"
)

func init() {
	// P(score of a positive > score of a negative) + ½ P(equal), exactly: twice
	// the numerator is an integer. The interval is DeLong's (1988), from the same
	// sorted scores.
	register("roc_auc@1", func(s Setup, a args) Metric {
		return &auc{signed: a.signed, positive: Code(a.one), interval: s.Boot != nil}
	})
}

type auc struct {
	signed
	positive  Code
	interval  bool
	boot      *Bootstrap // Drawn: placements are summed by bucket
	clustered bool       // rows of a bucket belong together: the interval is of buckets, not of rows
}

func (m *auc) New() Accumulator { return newAUCRows(m) }

func newAUCRows(m *auc) *aucRows { return &aucRows{m: m, marks: marks{beside: m.boot == nil}} }

// aucRows keeps every score as a sortable integer: 4 bytes a row while all are
// numbers of float32 that are not negative, as most probabilities are, else 8.
// What is too much for the memory goes to sorted runs.
type aucRows struct {
	runs
	m        *auc
	narrow   narrow
	pos, neg []uint64 // once wide
	wide     bool
	bad      int64 // scores that are not finite
	marks    marks
	placed   *placing  // of marks, at the last Result
	sample   []float64 // of the last Result
}

func (a *aucRows) Add(b *Block) {
	if a.full(a.narrow.n, len(a.pos)+len(a.neg)) {
		a.flush()
	}
	from := 0
	if a.m.boot != nil {
		if a.marks.alone() {
			if from = a.marks.add(b, a.m.positive); from == b.Rows {
				return
			}
			a.release()
		}
		a.marks.addBeside(b, from, a.m.positive)
	}
	score, truth := b.Pred[0].Flt[from:b.Rows], b.Truth.Class[from:b.Rows]
	from = 0
	if !a.wide {
		if from = a.narrow.add(truth, score, a.m.positive); from == len(truth) {
			return
		}
		a.widen()
	}
	// Each key is written behind both, and counted for one: without a branch, which
	// a processor would guess wrong for every second row.
	truth, score = truth[from:], score[from:]
	a.pos, a.neg = room(a.pos, len(truth)), room(a.neg, len(truth))
	pos, neg := a.pos[len(a.pos):][:len(truth)], a.neg[len(a.neg):][:len(truth)]
	p, n := 0, 0
	for i, t := range truth {
		v := score[i]
		if v-v != 0 {
			a.bad++
			continue
		}
		k := sortable(v)
		pos[p], neg[n] = k, k
		d := int(t ^ a.m.positive)
		one := 1 + (d|-d)>>63
		p += one
		n += 1 - one
	}
	a.pos, a.neg = a.pos[:len(a.pos)+p], a.neg[:len(a.neg)+n]
}

// room makes room for n more keys; it doubles, where append would copy more often.
func room(keys []uint64, n int) []uint64 {
	if cap(keys)-len(keys) >= n {
		return keys
	}
	return slices.Grow(keys, max(n, len(keys)))
}

// widen moves to 8 bytes a row.
func (a *aucRows) widen() {
	a.narrow.each(func(keys []uint32) {
		for _, k := range keys {
			w := sortable(float64(math.Float32frombits(k >> 1)))
			if k&1 == 1 {
				a.pos = append(a.pos, w)
			} else {
				a.neg = append(a.neg, w)
			}
		}
	})
	a.narrow, a.wide = narrow{}, true
}

// flush sorts what is in memory and writes it away.
func (a *aucRows) flush() {
	a.pos, a.neg = radixSort(a.pos), radixSort(a.neg)
	a.writeNarrow(&a.narrow)
	a.writeWide(a.pos, true)
	a.writeWide(a.neg, false)
	a.narrow, a.pos, a.neg = narrow{}, a.pos[:0], a.neg[:0]
}

func (a *aucRows) Merge(o Accumulator) {
	x := o.(*aucRows)
	a.list = append(a.list, x.list...)
	a.err = cmp.Or(a.err, x.err)
	if a.marks.alone() && x.marks.alone() && a.marks.n+x.marks.n <= maxMarks {
		a.marks.merge(&x.marks)
		return
	}
	a.release()
	x.release()
	if a.wide != x.wide {
		a.widen()
		x.widen()
	}
	a.narrow.merge(&x.narrow)
	a.pos = append(a.pos, x.pos...)
	a.neg = append(a.neg, x.neg...)
	a.bad += x.bad
	a.marks.merge(&x.marks)
}

// Sample is the AUC under every draw.
func (a *aucRows) Sample() []float64 { return a.sample }

// groups calls yield for each group of equal scores, from the lowest, with the
// positives and negatives in it. Those in memory are sorted.
func (a *aucRows) groups(yield func(pos, neg uint64)) {
	if a.marks.alone() {
		a.marks.groups(func(_ []uint64, pos, neg uint64) { yield(pos, neg) })
		return
	}
	if len(a.list) > 0 {
		a.err = cmp.Or(a.err, a.merge(yield))
		return
	}
	if !a.wide {
		a.narrow.each(func(k []uint32) {
			for i := 0; i < len(k); {
				v, pos, from := k[i]>>1, uint64(0), i
				for i < len(k) && k[i]>>1 == v {
					pos += uint64(k[i] & 1)
					i++
				}
				yield(pos, uint64(i-from)-pos)
			}
		})
		return
	}
	p, n := a.pos, a.neg
	for i, j := 0, 0; i < len(p) || j < len(n); {
		var k uint64
		if j == len(n) || i < len(p) && p[i] <= n[j] {
			k = p[i]
		} else {
			k = n[j]
		}
		i0, j0 := i, j
		for i < len(p) && p[i] == k {
			i++
		}
		for j < len(n) && n[j] == k {
			j++
		}
		yield(uint64(i-i0), uint64(j-j0))
	}
}

// settle sorts the scores and counts the positives and negatives, or says why
// there is no ranking.
func (a *aucRows) settle() (p, n uint64, none *Result) {
	if len(a.list) > 0 {
		a.flush()
	}
	p, n = a.totals()
	a.pos, a.neg = radixSort(a.pos), radixSort(a.neg)
	one := uint64(a.narrow.ones)
	p, n = p+one+uint64(len(a.pos)), n+uint64(a.narrow.n)-one+uint64(len(a.neg))
	if a.marks.alone() {
		p, n = a.marks.totals()
	}
	rows := int64(p+n) + a.bad
	var r Result
	switch {
	case rows == 0:
		r = undefined(0, NoRows)
	case a.bad > 0:
		r = undefined(rows, NotFinite)
	default:
		return p, n, nil
	}
	return p, n, &r
}

func (a *aucRows) Result() Result {
	p, n, none := a.settle()
	if none != nil {
		return *none
	}
	return a.auc(p, n)
}

// auc is the value, of p positives and n negatives.
func (a *aucRows) auc(p, n uint64) Result {
	rows := int64(p + n)
	if p == 0 || n == 0 {
		return undefined(rows, OneClass)
	}
	// A positive of a group beats 2·below+equal half-negatives; a negative is
	// beaten by 2·above+equal half-positives.
	var u, sqPos, sqNeg u128
	var i, j uint64
	interval := a.m.interval
	if a.marks.alone() {
		a.placed = a.marks.place(interval && !a.m.clustered)
		s := a.placed
		return a.result(p, n, s.u.big(), s.sq[1].big(), s.sq[0].big())
	}
	if a.placed = nil; a.m.boot != nil && !a.marks.off {
		a.placed = a.marks.place(false)
	}
	if !a.wide && len(a.list) == 0 {
		u, sqPos, sqNeg := a.narrow.place(p, interval)
		return a.result(p, n, u, sqPos, sqNeg)
	}
	a.groups(func(eqPos, eqNeg uint64) {
		v := 2*j + eqNeg
		i += eqPos
		j += eqNeg
		u.add(eqPos, v)
		if interval {
			w := 2*(p-i) + eqPos
			sqPos.addSquare(eqPos, v)
			sqNeg.addSquare(eqNeg, w)
		}
	})
	return a.result(p, n, u.big(), sqPos.big(), sqNeg.big())
}

// result is the value from the sum of the positives' placements, and its interval
// from their squares and those of the negatives.
func (a *aucRows) result(p, n uint64, u, sqPos, sqNeg *big.Int) Result {
	pn := new(big.Int).Mul(big.NewInt(int64(p)), big.NewInt(int64(n)))
	v, _ := ratio(u, pn.Lsh(pn, 1), 0).Float64()
	r := Result{Value: v, N: int64(p + n), Status: aihub.MetricOK}
	a.sample = nil
	if a.placed != nil {
		var se float64
		if a.sample, se = a.placed.draw(a.m.boot, v); a.m.clustered && a.sample != nil {
			r.Lo, r.Hi = max(0, v-float64(1.959963984540054*se)), min(1, v+float64(1.959963984540054*se))
		}
	}
	if a.m.interval && !a.m.clustered && p > 1 && n > 1 {
		se := math.Sqrt(placementVariance(sqPos, u, p, n) + placementVariance(sqNeg, u, n, p))
		r.Lo, r.Hi = max(0, v-float64(1.959963984540054*se)), min(1, v+float64(1.959963984540054*se))
	}
	return r
}

// placementVariance is the variance of the k placements (each an integer over
// 2·other, squares summed to sq, themselves to sum) divided by k.
func placementVariance(sq, sum *big.Int, k, other uint64) float64 {
	// (k·sq - sum²) / (k·(k-1)) / (2·other)² / k
	bk := new(big.Int).SetUint64(k)
	num := new(big.Int).Mul(sq, bk)
	num.Sub(num, new(big.Int).Mul(sum, sum))
	den := new(big.Int).SetUint64(k - 1)
	den.Mul(den, bk).Mul(den, bk)
	o := new(big.Int).SetUint64(2 * other)
	den.Mul(den, o).Mul(den, o)
	v, _ := ratio(num, den, 0).Float64()
	return v
}

// u128 is an unsigned 128-bit counter: 10^9 rows give a numerator near 2^60
// and squares near 2^92.
type u128 struct{ hi, lo uint64 }

// add adds a·b.
func (u *u128) add(a, b uint64) {
	hi, lo := bits.Mul64(a, b)
	var c uint64
	u.lo, c = bits.Add64(u.lo, lo, 0)
	u.hi += hi + c
}

// addSquare adds k·v², for k·v below 2^64.
func (u *u128) addSquare(k, v uint64) { u.add(k*v, v) }

// addSquare1 adds v².
func (u *u128) addSquare1(v uint64) {
	hi, lo := bits.Mul64(v, v)
	var c uint64
	u.lo, c = bits.Add64(u.lo, lo, 0)
	u.hi += hi + c
}

func (u u128) big() *big.Int {
	b := new(big.Int).SetUint64(u.hi)
	return b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(u.lo))
}
