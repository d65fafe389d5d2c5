package dp

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"aihub"
)

// Measure is how privacy loss is counted.
type Measure string

const (
	Pure Measure = "pure" // ε of pure differential privacy; noise is discrete Laplace
	ZCDP Measure = "zcdp" // ρ of zero-concentrated privacy; noise is discrete Gaussian
)

// Spending is one release as it is charged: enough to keep in a ledger.
type Spending struct {
	What string `json:"what"` // names the release
	Cost string `json:"cost"` // ε or ρ as a fraction
}

// Accountant holds the budget of one dataset. Costs of releases about the same
// units add up; of one histogram, whose cells share no unit, they do not. It is
// not safe for concurrent use.
type Accountant struct {
	measure Measure
	total   *big.Rat
	spent   *big.Rat
	list    []Spending
}

// NewAccountant gives a dataset a total of ε (Pure) or ρ (ZCDP), a decimal or
// fraction as 1/2 or 0.5. past are the releases made before.
func NewAccountant(m Measure, total string, past []Spending) (*Accountant, error) {
	if m != Pure && m != ZCDP {
		return nil, bad(fmt.Sprintf("%q is no measure of privacy: use pure or zcdp", m), fmt.Sprintf("%q 不是隐私度量：请用 pure 或 zcdp", m))
	}
	t, err := fraction(total)
	if err != nil {
		return nil, err
	}
	a := &Accountant{measure: m, total: t, spent: new(big.Rat)}
	for _, p := range past {
		c, err := fraction(p.Cost)
		if err != nil {
			return nil, err
		}
		a.spent.Add(a.spent, c)
		a.list = append(a.list, p)
	}
	return a, nil
}

// fraction reads a number above 0 and at most 1000, of few digits: a budget.
func fraction(s string) (*big.Rat, error) {
	r, ok := new(big.Rat), false
	if len(s) > 0 && len(s) <= 40 {
		ok = true
		for i := range len(s) { // no exponents: 1e999999 has a million digits
			ok = ok && (s[i] >= '0' && s[i] <= '9' || s[i] == '.' || s[i] == '/')
		}
	}
	if ok {
		_, ok = r.SetString(s)
	}
	if !ok || r.Sign() <= 0 || r.Cmp(big.NewRat(1000, 1)) > 0 {
		return nil, bad(fmt.Sprintf("%.40q is no budget: write a number above 0 and at most 1000, as 0.5 or 1/2", s), fmt.Sprintf("%.40q 不是合法预算：请写大于 0 且不超过 1000 的数，如 0.5 或 1/2", s))
	}
	return r, nil
}

func bad(en, zh string) error { return aihub.Errorf(aihub.Contract, aihub.Text{EN: en, ZH: zh}) }

// Measure returns how a counts.
func (a *Accountant) Measure() Measure { return a.measure }

// Left returns what may still be spent.
func (a *Accountant) Left() *big.Rat { return new(big.Rat).Sub(a.total, a.spent) }

// Left returns what a budget has left, as a decimal number of up to four digits; its
// spendings are costs of one measure.
func Left(total string, costs []string) (string, error) {
	var past []Spending
	for _, c := range costs {
		past = append(past, Spending{Cost: c})
	}
	a, err := NewAccountant(ZCDP, total, past)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimRight(a.Left().FloatString(4), "0"), "."), nil
}

// Spendings returns the releases so far, oldest first.
func (a *Accountant) Spendings() []Spending { return append([]Spending(nil), a.list...) }

// spend charges a release, or refuses it with a Quota error and charges nothing.
func (a *Accountant) spend(what string, cost *big.Rat) error {
	after := new(big.Rat).Add(a.spent, cost)
	if after.Cmp(a.total) > 0 {
		left, _ := a.Left().Float64()
		want, _ := cost.Float64()
		return aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("the release would cost %.6g of the dataset's privacy budget, and %.6g is left", want, left),
			ZH: fmt.Sprintf("本次发布需隐私预算 %.6g，数据集仅余 %.6g", want, left)}).
			WithHint(aihub.Text{EN: "publish fewer aggregates, or with a smaller cost each and so more noise; a spent budget does not come back", ZH: "请减少发布的统计量，或降低每项预算（噪声更大）；已用的预算不会恢复"})
	}
	a.spent = after
	a.list = append(a.list, Spending{what, cost.RatString()})
	return nil
}

// Epsilon returns the ε of (ε, δ)-privacy that all releases so far have together:
// the sum itself for Pure; for ZCDP ρ + 2·sqrt(ρ·ln(1/δ)) (Bun and Steinke 2016,
// proposition 1.3), rounded up in the sixth digit.
func (a *Accountant) Epsilon(delta float64) (float64, error) {
	spent, _ := a.spent.Float64()
	if a.measure == Pure || spent == 0 {
		return spent, nil
	}
	if !(delta > 0 && delta < 1) {
		return 0, bad("delta is between 0 and 1", "delta 须在 0 与 1 之间")
	}
	e := spent + 2*math.Sqrt(spent*math.Log(1/delta))
	return math.Ceil(e*1e6) / 1e6, nil
}

// Release draws aggregates against the budget of one dataset.
type Release struct {
	a *Accountant
	s *Sampler
}

// NewRelease publishes against a.
func NewRelease(a *Accountant) *Release { return &Release{a, NewSampler()} }

// Answer is a noisy aggregate. Margin is such that the noise is within ±Margin
// with a chance of at least 95 %.
type Answer struct {
	Value  int64 `json:"value"`
	Margin int64 `json:"margin"`
}

// Count publishes how many rows there are when one unit has at most perUnit of
// them.
func (r *Release) Count(what, cost string, rows, perUnit int64) (Answer, error) {
	out, err := r.vector(what, cost, []int64{rows}, perUnit, perUnit)
	if err != nil {
		return Answer{}, err
	}
	return out[0], nil
}

// Sum publishes a sum of values that were each cut to lo..hi before, when one
// unit has at most perUnit of them. It cuts them itself.
func (r *Release) Sum(what, cost string, values []int64, lo, hi, perUnit int64) (Answer, error) {
	most := max(hi, -lo)
	if lo > hi || lo < -1<<40 || hi > 1<<40 || perUnit < 1 || perUnit > 1<<20 || len(values) > 1<<22-1 {
		return Answer{}, bad("a sum needs bounds lo ≤ hi within ±2^40, perUnit of 1 to 2^20, and fewer than 2^22 values", "求和需要 ±2^40 以内的 lo ≤ hi、1 至 2^20 的 perUnit、少于 2^22 个值")
	}
	sum := int64(0)
	for _, v := range values {
		sum += min(max(v, lo), hi)
	}
	out, err := r.vector(what, cost, []int64{sum}, perUnit*max(most, 1), perUnit*max(most, 1))
	if err != nil {
		return Answer{}, err
	}
	return out[0], nil
}

// Histogram publishes the counts of cells that were fixed beforehand, those of 0
// as well: which cells exist must not come from the data. One unit stands in at
// most perUnit rows, wherever they are.
func (r *Release) Histogram(what, cost string, counts []int64, perUnit int64) ([]Answer, error) {
	// Its rows may all be in one cell: the change is at most perUnit in sum, and
	// in the root of the sum of squares.
	return r.vector(what, cost, counts, perUnit, perUnit)
}

// vector publishes numbers that one unit changes by at most l1 in sum and l2 in
// the root of the sum of squares.
func (r *Release) vector(what, cost string, values []int64, l1, l2 int64) ([]Answer, error) {
	c, err := fraction(cost)
	if err != nil {
		return nil, err
	}
	if l1 < 1 || l2 < 1 {
		return nil, bad("a unit has one row at least", "每个主体至少一行")
	}
	if len(values) == 0 || len(values) > 1<<20 {
		return nil, bad("a release has 1 to 1048576 numbers", "一次发布须有 1 至 1048576 个数")
	}
	if err := r.a.spend(what, c); err != nil {
		return nil, err
	}
	// Laplace of scale l1/ε is ε-private; Gaussian of variance l2²/2ρ is ρ-zCDP.
	var draw func() (*big.Int, error)
	margin := 0.0
	if r.a.measure == Pure {
		scale := new(big.Rat).Quo(new(big.Rat).SetInt64(l1), c)
		draw = func() (*big.Int, error) { return r.s.Laplace(scale) }
		f, _ := scale.Float64()
		margin = f * math.Log(20) // P(|x| > m) ≤ exp(-m/scale)
	} else {
		l := new(big.Rat).SetInt64(l2)
		variance := l.Quo(l.Mul(l, l), new(big.Rat).Mul(big.NewRat(2, 1), c))
		draw = func() (*big.Int, error) { return r.s.Gaussian(variance) }
		f, _ := variance.Float64()
		margin = 1.96*math.Sqrt(f) + 1
	}
	out := make([]Answer, len(values))
	for i, v := range values {
		x, err := draw()
		if err != nil {
			return nil, err
		}
		x.Add(x, big.NewInt(v))
		if !x.IsInt64() {
			return nil, bad("the noise is larger than a number can be: raise the cost or lower the bounds", "噪声超出整数范围：请提高预算或收紧上下界")
		}
		out[i] = Answer{x.Int64(), int64(math.Ceil(min(margin, 1<<62)))}
	}
	return out, nil
}
