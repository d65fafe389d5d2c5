package sharing

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"aihub"
)

// NoImprovement is the note of an answer that shows nothing new.
const NoImprovement = "no_improvement"

// Note returns the text of a note of an Answer; of "" it is empty.
func Note(note string) aihub.Text {
	if note != NoImprovement {
		return aihub.Text{}
	}
	return aihub.Text{
		EN: "no significant improvement: the best score shown before stays",
		ZH: "无显著提升：沿用此前公布的最好成绩",
	}
}

// UndefinedReason is the one reason that an undefined metric is shown with; the
// metric's own reason could tell about labels and stays sealed.
const UndefinedReason = "undefined_on_hidden_part"

// A gain counts when it is at least Noise standard errors above what was shown,
// and a paired one-sided test at about 5 % finds it: Significant standard errors
// above the sealed score that was shown.
const (
	Noise       = 1.0
	Significant = 1.645
)

// Question is what an answer depends on.
type Question struct {
	Sealed []aihub.MetricValue // at full precision
	Best   []aihub.MetricValue // last shown to the same organisation in the same round; nil when nothing was
	Leader *Paired             // compares the sealed primary values of this and of what Best was shown of; nil: not known
	Every  bool                // each is shown as it is: entered by the owner of the truth, or in a round that counts the last
}

// Paired compares two scores of the same rows.
type Paired struct {
	Gain float64 // how much better than the other, in the metric's units; negative when worse
	SE   float64 // its standard error
}

// Answer is what is shown, and what it costs.
type Answer struct {
	Values []aihub.MetricValue `json:"values"`
	Note   string              `json:"note,omitempty"`
	Bits   float64             `json:"bits"`
}

// Answer returns what is shown of a sealed score: the primary metric first, then
// the others in the order of the terms.
//
//   - The primary value is limited to the grid's ends. It improves when nothing
//     (or only an undefined value) was shown before, or when it beats the best
//     shown by at least max(step, Noise·SE), and the paired test finds the gain.
//     Then every metric is shown, rounded to the nearest multiple of its step, a
//     tie to the larger one.
//   - Otherwise Best is returned, with the note NoImprovement.
//   - An undefined metric stays undefined, with UndefinedReason. An undefined
//     primary never improves; as a first answer it is shown alone.
//
// Shown values carry id, signature, value and status, and nothing else. They
// are exact decimals: 0.835 and never 0.8350000001. An error means that the
// caller mixed up scores or terms, and nothing may be shown.
func (t Terms) Answer(q Question) (Answer, error) {
	grids, err := t.grids()
	if err != nil {
		return Answer{}, err
	}
	primary, code := t.Primary(), t.code(grids, q)
	value, err := find(q.Sealed, primary.ID)
	if err != nil {
		return Answer{}, err
	}
	best := q.Best
	if q.Every {
		best = nil
	}
	improved, err := grids[primary.ID].improves(primary, value, best, q.Leader)
	if err != nil {
		return Answer{}, err
	}
	from, a := q.Sealed, Answer{Bits: code.new}
	if !improved && len(best) > 0 {
		from, a = best, Answer{Note: NoImprovement, Bits: code.old} // already on the grid: showing it again changes nothing
	}
	for _, m := range append([]Metric{primary}, t.Metrics...) {
		if m.Primary && len(a.Values) > 0 || len(a.Values) > 0 && a.Values[0].Status == aihub.MetricUndefined {
			continue
		}
		v, err := find(from, m.ID)
		if err != nil {
			return Answer{}, err
		}
		s, err := grids[m.ID].show(v)
		if err != nil {
			return Answer{}, err
		}
		a.Values = append(a.Values, s)
	}
	return a, nil
}

// Final returns what is shown of a score of a final part, which is asked once:
// everything, in the order of the terms, primary first. How long the run took is
// rounded to its grid all the same.
func (t Terms) Final(sealed []aihub.MetricValue) (Answer, error) {
	grids, err := t.grids()
	if err != nil {
		return Answer{}, err
	}
	var a Answer
	for _, first := range []bool{true, false} {
		for _, m := range t.Metrics {
			if m.Primary != first {
				continue
			}
			v, err := find(sealed, m.ID)
			if err != nil {
				return Answer{}, err
			}
			if v.Status == aihub.MetricUndefined {
				v = aihub.MetricValue{ID: v.ID, Signature: v.Signature, Status: aihub.MetricUndefined, Reason: UndefinedReason}
			} else if m.Timed {
				if v, err = grids[m.ID].show(v); err != nil {
					return Answer{}, err
				}
			}
			a.Values = append(a.Values, v)
		}
	}
	return a, nil
}

// improves compares v with what was shown, in exact decimals.
func (g grid) improves(m Metric, v aihub.MetricValue, best []aihub.MetricValue, leader *Paired) (bool, error) {
	if v.Status == aihub.MetricUndefined {
		return false, nil
	}
	x, err := g.limit(v)
	if err != nil || len(best) == 0 {
		return err == nil, err
	}
	b, err := find(best, m.ID)
	if err != nil {
		return false, err
	}
	if b.Status == aihub.MetricUndefined {
		return true, nil
	}
	if on := floor(new(big.Rat).Quo(exact(b.Value), g.step)); !on.IsInt64() || on.Int64() < g.lo || on.Int64() > g.hi || g.at(on.Int64()) != b.Value {
		return false, fmt.Errorf("sharing: %s was shown as %v, which these terms do not show", m.ID, b.Value)
	}
	gain := new(big.Rat).Sub(x, exact(b.Value))
	if m.Min {
		gain.Neg(gain)
	}
	if gain.Cmp(g.step) < 0 {
		return false, nil
	}
	if leader == nil {
		return true, nil
	}
	if bad := func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }; bad(leader.Gain) || bad(leader.SE) || leader.SE < 0 {
		return false, fmt.Errorf("sharing: %s has a gain of %v ± %v", m.ID, leader.Gain, leader.SE)
	}
	above, _ := gain.Float64()
	return above >= Noise*leader.SE && leader.Gain > Significant*leader.SE, nil
}

// show rounds v to the grid and strips everything else.
func (g grid) show(v aihub.MetricValue) (aihub.MetricValue, error) {
	out := aihub.MetricValue{ID: v.ID, Signature: v.Signature, Status: aihub.MetricOK}
	if v.Status == aihub.MetricUndefined {
		out.Status, out.Reason = aihub.MetricUndefined, UndefinedReason
		return out, nil
	}
	x, err := g.limit(v)
	if err != nil {
		return aihub.MetricValue{}, err
	}
	half := big.NewRat(1, 2)
	out.Value = g.at(floor(half.Add(half, x.Quo(x, g.step))).Int64())
	return out, nil
}

// limit returns the value of v as a decimal between the grid's ends. Fifteen
// significant digits drop the dust of binary arithmetic: the 0.8399999999999999
// of a mean of ten numbers is 0.84.
func (g grid) limit(v aihub.MetricValue) (*big.Rat, error) {
	if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) || v.Status != aihub.MetricOK && v.Status != aihub.MetricDegenerate {
		return nil, fmt.Errorf("sharing: metric %s has status %q and value %v", v.ID, v.Status, v.Value)
	}
	x, _ := new(big.Rat).SetString(strconv.FormatFloat(v.Value, 'g', 15, 64))
	if lo := g.multiple(g.lo); x.Cmp(lo) < 0 {
		return lo, nil
	}
	if hi := g.multiple(g.hi); x.Cmp(hi) > 0 {
		return hi, nil
	}
	return x, nil
}

// multiple returns k steps.
func (g grid) multiple(k int64) *big.Rat {
	return new(big.Rat).Mul(new(big.Rat).SetInt64(k), g.step)
}

// at returns k steps as the float64 nearest to the exact decimal, so that it
// prints as that decimal.
func (g grid) at(k int64) float64 {
	f, err := strconv.ParseFloat(g.multiple(k).FloatString(g.digits), 64)
	if err != nil {
		panic("sharing: " + err.Error()) // a decimal below 1e18 always parses
	}
	return f
}

func find(vs []aihub.MetricValue, id string) (aihub.MetricValue, error) {
	for _, v := range vs {
		if v.ID == id {
			return v, nil
		}
	}
	return aihub.MetricValue{}, fmt.Errorf("sharing: metric %s is missing", id)
}

// exact returns the decimal that x prints as.
func exact(x float64) *big.Rat {
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(x, 'f', -1, 64))
	return r
}

// decimals counts the digits of x behind the decimal point.
func decimals(x float64) int {
	_, frac, _ := strings.Cut(strconv.FormatFloat(x, 'f', -1, 64), ".")
	return len(frac)
}

func floor(r *big.Rat) *big.Int { return new(big.Int).Div(r.Num(), r.Denom()) } // Euclidean: Denom > 0

func ceil(r *big.Rat) *big.Int {
	return new(big.Int).Neg(floor(new(big.Rat).Neg(r)))
}
