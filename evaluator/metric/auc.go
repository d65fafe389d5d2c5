package metric

import (
	"math"
	"math/big"
	"math/bits"

	"aihub"
)

func init() {
	// P(score of a positive > score of a negative) + ½ P(equal), exactly: twice
	// the numerator is an integer. The interval is DeLong's (1988), from the same
	// sorted scores.
	register("roc_auc@1", func(s Setup, a args) Metric {
		return &auc{a.signed, int32(a.one), s.Boot != nil}
	})
}

type auc struct {
	signed
	positive int32
	interval bool
}

func (m *auc) New() Accumulator { return &aucRows{m: m} }

// aucRows keeps every score as a sortable integer: 8 bytes a row.
type aucRows struct {
	m        *auc
	pos, neg []uint64
	bad      int64 // scores that are not finite
}

func (a *aucRows) Add(b *Block) {
	score := b.Pred[0].Flt[:b.Rows]
	for i, t := range b.Truth.Class[:b.Rows] {
		v := score[i]
		if v-v != 0 {
			a.bad++
			continue
		}
		k := sortable(v)
		if t == a.m.positive {
			a.pos = append(a.pos, k)
		} else {
			a.neg = append(a.neg, k)
		}
	}
}

func (a *aucRows) Merge(o Accumulator) {
	x := o.(*aucRows)
	a.pos = append(a.pos, x.pos...)
	a.neg = append(a.neg, x.neg...)
	a.bad += x.bad
}

func (a *aucRows) Result() Result {
	p, n := uint64(len(a.pos)), uint64(len(a.neg))
	rows := int64(p+n) + a.bad
	switch {
	case rows == 0:
		return undefined(0, NoRows)
	case a.bad > 0:
		return undefined(rows, NotFinite)
	case p == 0 || n == 0:
		return undefined(rows, OneClass)
	}
	a.pos, a.neg = radixSort(a.pos), radixSort(a.neg)

	// Walk groups of equal scores. A positive of the group beats 2·below+equal
	// half-negatives; a negative is beaten by 2·above+equal half-positives.
	var u, sqPos, sqNeg u128
	var i, j uint64
	for i < p || j < n {
		var k uint64
		if j == n || i < p && a.pos[i] <= a.neg[j] {
			k = a.pos[i]
		} else {
			k = a.neg[j]
		}
		i0, j0 := i, j
		for i < p && a.pos[i] == k {
			i++
		}
		for j < n && a.neg[j] == k {
			j++
		}
		eqPos, eqNeg := i-i0, j-j0
		v := 2*j0 + eqNeg
		u.add(eqPos, v)
		if a.m.interval {
			w := 2*(p-i) + eqPos
			sqPos.addSquare(eqPos, v)
			sqNeg.addSquare(eqNeg, w)
		}
	}
	pn := new(big.Int).Mul(big.NewInt(int64(p)), big.NewInt(int64(n)))
	v, _ := ratio(u.big(), pn.Lsh(pn, 1), 0).Float64()
	r := Result{Value: v, N: rows, Status: aihub.MetricOK}
	if a.m.interval && p > 1 && n > 1 {
		se := math.Sqrt(placementVariance(sqPos, u, p, n) + placementVariance(sqNeg, u, n, p))
		r.Lo, r.Hi = max(0, v-float64(1.959963984540054*se)), min(1, v+float64(1.959963984540054*se))
	}
	return r
}

// placementVariance is the variance of the k placements (each an integer over
// 2·other, squares summed to sq, themselves to sum) divided by k.
func placementVariance(sq, sum u128, k, other uint64) float64 {
	// (k·sq - sum²) / (k·(k-1)) / (2·other)² / k
	bk := new(big.Int).SetUint64(k)
	num := new(big.Int).Mul(sq.big(), bk)
	s := sum.big()
	num.Sub(num, s.Mul(s, s))
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

func (u u128) big() *big.Int {
	b := new(big.Int).SetUint64(u.hi)
	return b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(u.lo))
}
