package metric

import (
	"math"
	"math/big"

	"aihub"
)

// AUCBounds bounds the ROC AUC of any number of rows in 15 MiB: it counts
// positives and negatives by a key that never falls where the score rises. Within
// a bin the order is unknown, so that the value lies in [Lo, Hi], no matter what
// the scores are; Hi - Lo is the sum over bins of pos·neg, over all pairs.
type AUCBounds struct {
	positive Code
	few      []uint8  // of each bin, its negatives and its positives: what count has not got yet
	count    []uint32 // the same, in steps of 256: few is what every row touches, and fits a near cache
	rows     int64
	bad      int64
}

// aucInner is how many bins the scores from aucLinear to 1 have: any smooth distribution
// leaves a width of about 10^-6. All others, logits and scores that are next to 0 among
// them, have a bin for each sign, exponent and seven bits more: 128 for each power of two.
const (
	aucInner  = 1 << 20
	aucOuter  = 1 << aucBits
	aucBits   = 19
	aucLinear = 0x1p-10
	aucBelow  = 1<<(aucBits-1) + (1023-10)<<(aucBits-12) // outer bins below it
)

// maxBounded is how many rows the counters of AUCBounds can take.
const maxBounded = math.MaxUint32

// NewAUCBounds makes one for the class that is positive.
func NewAUCBounds(positive Code) *AUCBounds {
	const n = 2 * (aucInner + aucOuter)
	return &AUCBounds{positive: positive, few: make([]uint8, n), count: make([]uint32, n)}
}

// aucBin never falls where v rises.
func aucBin(v float64) uint32 {
	if v >= aucLinear && v <= 1 {
		return aucBelow + uint32(v*(aucInner-1))
	}
	k := uint32(sortable(v) >> (64 - aucBits))
	if v < aucLinear {
		return k
	}
	return aucInner + k
}

// Add adds rows. Scores must be finite: a part with others has no bounds.
func (a *AUCBounds) Add(truth []Code, score []float64) {
	score = score[:len(truth)]
	a.rows += int64(len(truth))
	for i, t := range truth {
		v := score[i]
		if v-v != 0 {
			a.bad++
			continue
		}
		other := t ^ a.positive
		one := 1 &^ (uint32(other|-other) >> 31) // 1 when they are the same, without a branch
		k := 2*aucBin(v) + one
		if a.few[k]++; a.few[k] == 0 {
			a.count[k] += 1 << 8
		}
	}
}

// settle hands on what few has.
func (a *AUCBounds) settle() {
	for i, n := range a.few {
		a.count[i] += uint32(n)
	}
	clear(a.few)
}

// Merge adds what o has seen.
func (a *AUCBounds) Merge(o *AUCBounds) {
	o.settle()
	for i, n := range o.count {
		a.count[i] += n
	}
	a.rows += o.rows
	a.bad += o.bad
}

// Bounds returns the least and the greatest value that the AUC can have. It is
// false where the AUC is undefined, or rows were more than can be counted.
func (a *AUCBounds) Bounds() (lo, hi float64, ok bool) {
	a.settle()
	var p, n uint64
	for i := 0; i < len(a.count); i += 2 {
		n += uint64(a.count[i])
		p += uint64(a.count[i+1])
	}
	if p == 0 || n == 0 || a.bad > 0 || a.rows > maxBounded {
		return 0, 0, false
	}
	var u, width u128 // twice the pairs won at least; the pairs in doubt
	below := uint64(0)
	for i := 0; i < len(a.count); i += 2 {
		neg, pos := uint64(a.count[i]), uint64(a.count[i+1])
		u.add(pos, 2*below)
		width.add(pos, 2*neg)
		below += neg
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

// Bounded is the reason of a Result whose value is the middle of bounds, Lo and Hi.
const Bounded = "bounds"

// Quick returns a Metric for the same rows in less memory and time: of the ROC
// AUC, one whose Result is Bounded, or undefined where there are no bounds. Any
// other it returns as it is.
func Quick(m Metric) Metric {
	if a, ok := m.(*auc); ok {
		return &quickAUC{a}
	}
	return m
}

type quickAUC struct{ *auc }

func (m *quickAUC) New() Accumulator { return boundedRows{NewAUCBounds(m.positive)} }

type boundedRows struct{ *AUCBounds }

func (b boundedRows) Add(x *Block)        { b.AUCBounds.Add(x.Truth.Class[:x.Rows], x.Pred[0].Flt[:x.Rows]) }
func (b boundedRows) Merge(o Accumulator) { b.AUCBounds.Merge(o.(boundedRows).AUCBounds) }

func (b boundedRows) Result() Result {
	lo, hi, ok := b.Bounds()
	if !ok {
		return undefined(b.rows, Bounded)
	}
	return Result{Value: lo + (hi-lo)/2, N: b.rows, Status: aihub.MetricOK, Reason: Bounded, Lo: lo, Hi: hi}
}
