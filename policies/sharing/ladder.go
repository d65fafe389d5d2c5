package sharing

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"aihub"
)

// NoImprovement is the note of a release that shows nothing new.
const NoImprovement = "no_improvement"

// Note returns the text of a note of Apply; of "" it is empty.
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

// Apply returns what is shown of a sealed score: the primary metric first, then
// the others in the order of the terms. best is what was last shown to the same
// organisation in the same round, nil when nothing was.
//
//   - The primary value is limited to the grid's ends. It improves when nothing
//     (or only an undefined value) was shown before, or when it beats the best
//     shown by at least a step. Then every metric is shown, rounded to the
//     nearest multiple of the step, a tie to the larger one.
//   - Otherwise best is returned, with the note NoImprovement.
//   - An undefined metric stays undefined, with UndefinedReason. An undefined
//     primary never improves; as a first answer it is shown alone.
//
// Shown values carry id, signature, value and status, and nothing else. They
// are exact decimals: 0.835 and never 0.8350000001. An error means that the
// caller mixed up scores or terms, and nothing may be shown.
func Apply(t Terms, sealed, best []aihub.MetricValue) (shown []aihub.MetricValue, note string, err error) {
	g, err := t.grid()
	if err != nil {
		return nil, "", err
	}
	var primary Metric
	for _, m := range t.Metrics {
		if m.Primary {
			primary = m
		}
	}
	value, err := find(sealed, primary.ID)
	if err != nil {
		return nil, "", err
	}
	improved, err := g.improves(primary, value, best)
	if err != nil {
		return nil, "", err
	}
	from := sealed
	if !improved && len(best) > 0 {
		from, note = best, NoImprovement // already on the grid: showing it again changes nothing
	}
	for _, m := range append([]Metric{primary}, t.Metrics...) {
		if m.Primary && len(shown) > 0 || len(shown) > 0 && shown[0].Status == aihub.MetricUndefined {
			continue
		}
		v, err := find(from, m.ID)
		if err != nil {
			return nil, "", err
		}
		s, err := g.show(v)
		if err != nil {
			return nil, "", err
		}
		shown = append(shown, s)
	}
	return shown, note, nil
}

// improves compares v with what was shown, in exact decimals.
func (g grid) improves(m Metric, v aihub.MetricValue, best []aihub.MetricValue) (bool, error) {
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
	return gain.Cmp(g.step) >= 0, nil
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
