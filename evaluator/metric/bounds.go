package metric

import (
	"math"
	"math/big"
)

// AUCBounds bounds the ROC AUC of any number of rows in 8 MiB: it counts
// positives and negatives by a key that never falls where the score rises. Within
// a bin the order is unknown, so that the value lies in [Lo, Hi], no matter what
// the scores are; Hi - Lo is the sum over bins of pos·neg, over all pairs.
type AUCBounds struct {
	positive int32
	pos, neg []uint32
	rows     int64
	bad      int64
}

// AUCBins is how many bins AUCBounds has: scores in [0, 1] of any smooth
// distribution leave a width of about 10^-6.
const AUCBins = 1 << 20

// maxBounded is how many rows the counters of AUCBounds can take.
const maxBounded = math.MaxUint32

// NewAUCBounds makes one for the class that is positive.
func NewAUCBounds(positive int32) *AUCBounds {
	return &AUCBounds{positive: positive, pos: make([]uint32, AUCBins), neg: make([]uint32, AUCBins)}
}

// aucBin is linear in [0, 1], where most scores are, and by the bits of the
// number outside.
func aucBin(v float64) uint32 {
	const inner = AUCBins - 1<<14 // bins of [0, 1]
	if v >= 0 && v <= 1 {
		return 1<<13 + uint32(v*(inner-1))
	}
	k := uint32(sortable(v) >> 51) // sign, exponent and a bit: 13 of them
	if v < 0 {
		return k // below 1<<12
	}
	return AUCBins - 1<<13 + k // at or above 1<<12
}

// Add adds rows. Scores must be finite: a part with others has no bounds.
func (a *AUCBounds) Add(truth []int32, score []float64) {
	score = score[:len(truth)]
	a.rows += int64(len(truth))
	count := [2][]uint32{a.neg, a.pos}
	for i, t := range truth {
		v := score[i]
		if v-v != 0 {
			a.bad++
			continue
		}
		one := 0
		if t == a.positive {
			one = 1
		}
		count[one][aucBin(v)]++
	}
}

// Merge adds what o has seen.
func (a *AUCBounds) Merge(o *AUCBounds) {
	for i, n := range o.pos {
		a.pos[i] += n
	}
	for i, n := range o.neg {
		a.neg[i] += n
	}
	a.rows += o.rows
	a.bad += o.bad
}

// Bounds returns the least and the greatest value that the AUC can have. It is
// false where the AUC is undefined, or rows were more than can be counted.
func (a *AUCBounds) Bounds() (lo, hi float64, ok bool) {
	var p, n uint64
	for i := range a.pos {
		p += uint64(a.pos[i])
		n += uint64(a.neg[i])
	}
	if p == 0 || n == 0 || a.bad > 0 || a.rows > maxBounded {
		return 0, 0, false
	}
	var u, width u128 // twice the pairs won at least; the pairs in doubt
	below := uint64(0)
	for i, q := range a.pos {
		u.add(uint64(q), 2*below)
		width.add(uint64(q), 2*uint64(a.neg[i]))
		below += uint64(a.neg[i])
	}
	pairs := new(big.Int).Mul(new(big.Int).SetUint64(p), new(big.Int).SetUint64(n))
	pairs.Lsh(pairs, 1)
	least, most := u.big(), u.big()
	most.Add(most, width.big())
	// Rounded outward: the exact value is between them in float64 too.
	lo, _ = new(big.Rat).SetFrac(least, pairs).Float64()
	hi, _ = new(big.Rat).SetFrac(most, pairs).Float64()
	return max(0, math.Nextafter(lo, 0)), min(1, math.Nextafter(hi, 1)), true
}
