package sharing

import (
	"fmt"
	"math"

	"aihub"
)

// Prior is the chance of an improvement that the code is made for.
const Prior = 0.01

// Delta is the chance that a certificate may be wrong.
const Delta = 0.05

// code is the lengths in bits of the two kinds of symbol that a question can
// get, both functions of what was shown before, never of labels.
//
//	new values       log2(1/ρ) + Σ log2(G + 2), over the metrics
//	no improvement   log2(1/(1-ρ))
//
// G counts a metric's grid points; the two more are "undefined" and a reviewer's
// refusal. A scoring that fails after it has read labels is one of two symbols
// more, the vendor's failure and another's, that cost what new values cost: with
// several metrics they are combinations in which one is refused and another is
// not, which no answer is; a lone metric has 4 more instead of 2. ρ is the prior
// chance of an improvement: Prior, and 1 when nothing was shown before or everything
// is, for then there is always something new. The sum of 2^-length
// over all symbols is at most ρ + (1-ρ) = 1 (Kraft): it is a prefix code.
type code struct{ new, old float64 }

func (t Terms) code(grids map[string]grid, q Question) code {
	values, more := 0.0, 2.0
	if len(grids) == 1 {
		more = 4
	}
	for _, g := range grids {
		values += math.Log2(float64(g.levels()) + more)
	}
	if q.Every || len(q.Best) == 0 {
		return code{new: values}
	}
	return code{values - math.Log2(Prior), -math.Log2(1 - Prior)}
}

// Price returns the most bits that one answer can cost: what a submission
// reserves before it runs.
func Price(t Terms) (float64, error) {
	grids, err := t.grids()
	if err != nil {
		return 0, err
	}
	return t.code(grids, Question{Best: make([]aihub.MetricValue, 1)}).new, nil
}

// Account is the leak budget of one hidden part. Amounts are millionths of a
// bit. Spent never gets less, and Spent + Reserved never exceeds Total.
type Account struct {
	Total, Spent, Reserved int64
	Answers                int64 // how many were charged
}

// Left is what can still be reserved under a ceiling, which may be below Total.
func (a Account) Left(ceiling int64) int64 {
	return max(0, min(a.Total, ceiling)-a.Spent-a.Reserved)
}

// Reserve holds the price of an answer to come. It reports false, and changes
// nothing, when that much is not left.
func (a *Account) Reserve(price, ceiling int64) bool {
	if price < 0 || price > a.Left(ceiling) {
		return false
	}
	a.Reserved += price
	return true
}

// Free gives back what was reserved for an answer that will not be given.
func (a *Account) Free(reserved int64) error {
	if reserved < 0 || reserved > a.Reserved {
		return fmt.Errorf("sharing: %d µbit are freed of %d that are reserved", reserved, a.Reserved)
	}
	a.Reserved -= reserved
	return nil
}

// Charge spends price out of what was reserved for it, and counts the answer.
// It comes before the answer is shown.
func (a *Account) Charge(reserved, price int64) error {
	if price < 0 || price > reserved {
		return fmt.Errorf("sharing: an answer costs %d µbit and %d are reserved for it", price, reserved)
	}
	if err := a.Free(reserved); err != nil {
		return err
	}
	a.Spent += price
	a.Answers++
	return nil
}

// Certificate says how far a score that was shown can be from the truth. With
// probability 1-Delta, for all answers about the part at once, whoever asked and
// however each question followed from earlier answers:
//
//	|score on the part - expected score| <= width·√((s·ln 2 + ln(2t(t+1)/δ)) / 2n)
//
// s is the bits spent, t the answers given, n the rows, width that of a row's
// loss. For a fixed transcript the next submission does not depend on the
// sample, so that Hoeffding's bound holds with failure mass δ·2^-len/(t(t+1));
// the code is a prefix code, so that the masses of all transcripts of depth t sum
// to δ/(t(t+1)), and those of all depths to δ. (Dwork et al., Science 349 (2015)
// 636, by description length.) Rows must be independent: where they are not, n is
// what their units are worth (unit in a spec), and too large without one. Without a
// loss width, the bits are stated and no error is.
func (a Account) Certificate(t Terms, rows int64) aihub.Certificate {
	c := aihub.Certificate{
		Delta: Delta, Bits: float64(a.Spent) / 1e6, Total: float64(a.Total) / 1e6, Answers: a.Answers, Rows: rows,
	}
	if w := t.Primary().Loss; w > 0 && rows > 0 && a.Answers > 0 {
		c.Error = w * Deviation(c.Bits, a.Answers, rows)
	}
	return c
}

// FinalCertificate is that of a final part which answers count submissions at
// once, each fixed before any was scored: no transcript, a plain union bound.
func FinalCertificate(t Terms, count, rows int64) aihub.Certificate {
	c := aihub.Certificate{Delta: Delta, Answers: count, Rows: rows}
	if w := t.Primary().Loss; w > 0 && rows > 0 && count > 0 {
		c.Error = w * math.Sqrt(math.Log(2*float64(count)/Delta)/(2*float64(rows)))
	}
	return c
}

// Deviation is the error of a Certificate for a loss of width 1.
func Deviation(bits float64, answers, rows int64) float64 {
	t := float64(answers)
	return math.Sqrt((bits*math.Ln2 + math.Log(2*t*(t+1)/Delta)) / (2 * float64(rows)))
}
