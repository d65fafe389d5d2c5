// Package sharing says what may leave a hidden run, and with how many digits.
// It is pure: what leaves is a function of its arguments, so that a transcript
// of releases can be replayed and checked.
//
// A sealed score leaves as one symbol a metric, and every symbol has a price.
// Values are shown on a grid, the multiples of a step inside a range, and only
// when the primary metric beats the best value shown before to the same
// organisation in the same round by at least a step (the Ladder of Blum and
// Hardt, 2015); otherwise what was shown stays, with the note "no significant
// improvement". Outcomes become visible at a tick, so that durations say
// nothing, and a failed run leaves one reason class. Nothing else leaves: no
// interval, no row count, no reason text of a metric, no log.
package sharing

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"time"

	"aihub"
)

// Terms are what a scenario promises about its scores.
type Terms struct {
	Metrics []Metric // one of them primary
	Step    float64  // > 0; decimal, in units of each metric
	Lo, Hi  float64  // the range that is shown; what lies beyond is shown as its end
}

// Metric is one number that may be shown.
type Metric struct {
	ID      string
	Primary bool
	Min     bool // smaller is better
}

// TermsOf reads the terms from the canonical form of a scenario's spec
// (aihub.Scenario.Spec), where metrics and sharing.score declare them.
func TermsOf(spec []byte) (Terms, error) {
	var s struct {
		Metrics []struct {
			ID        string `json:"id"`
			Primary   bool   `json:"primary"`
			Direction string `json:"direction"`
		} `json:"metrics"`
		Sharing struct {
			Score struct {
				Step  float64   `json:"step"`
				Range []float64 `json:"range"`
			} `json:"score"`
		} `json:"sharing"`
	}
	if err := json.Unmarshal(spec, &s); err != nil {
		return Terms{}, badTerms("the spec is not JSON", "规范不是 JSON").Because(err)
	}
	if len(s.Sharing.Score.Range) != 2 {
		return Terms{}, badTerms("sharing.score.range needs two numbers", "sharing.score.range 需要两个数")
	}
	t := Terms{Step: s.Sharing.Score.Step, Lo: s.Sharing.Score.Range[0], Hi: s.Sharing.Score.Range[1]}
	for _, m := range s.Metrics {
		if m.Direction != "max" && m.Direction != "min" {
			return Terms{}, badTerms(fmt.Sprintf("metric %q needs the direction max or min", m.ID), fmt.Sprintf("指标 %q 需要方向 max 或 min", m.ID))
		}
		t.Metrics = append(t.Metrics, Metric{m.ID, m.Primary, m.Direction == "min"})
	}
	_, err := t.grid()
	return t, err
}

// Price returns the bits that one release may carry: for each metric
//
//	log2(G + 2),  G = floor(hi/step) - ceil(lo/step) + 1 grid points,
//
// the logarithm of how many symbols it can show: a grid point, "undefined", or
// "no significant improvement" (everything stays). It bounds what one release
// tells about the hidden part whatever the algorithm is, because Apply can
// answer in no other way; and the bits of several releases add up, which is
// what a leak budget counts (description length, as in Dwork et al., Science 349
// (2015) 636). That a run failed is not priced here: it cannot depend on labels,
// which no run ever sees.
func Price(t Terms) (float64, error) {
	g, err := t.grid()
	if err != nil {
		return 0, err
	}
	return float64(len(t.Metrics)) * math.Log2(float64(g.hi-g.lo+1)+2), nil
}

// NextTick returns the first multiple of tick since the Unix epoch that lies
// strictly after now, in UTC. Without a tick that is now itself.
func NextTick(now time.Time, tick time.Duration) time.Time {
	if tick <= 0 {
		return now.UTC()
	}
	ns, t := now.UnixNano(), int64(tick)
	past := ns % t
	if past < 0 { // before 1970
		past += t
	}
	return time.Unix(0, ns-past+t).UTC()
}

// Failure returns what a vendor may learn of the failure of a run. Of a smoke
// run that is everything. Of a hidden run it is one reason class and who pays
// for it: the vendor, or the platform for every other owner.
func Failure(kind aihub.RunKind, f aihub.Failure) aihub.Failure {
	if !kind.Hidden() || f == (aihub.Failure{}) {
		return f
	}
	if f.Owner == aihub.FaultVendor {
		return aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonHidden}
	}
	return aihub.Failure{Owner: aihub.FaultPlatform, Reason: aihub.ReasonHidden}
}

// grid is the multiples lo … hi of step, all of them exact decimals.
type grid struct {
	step   *big.Rat
	digits int // behind the decimal point of step, and so of every multiple
	lo, hi int64
}

// maxGrid bounds the grid points: finer is as good as unrounded.
const maxGrid = 1_000_000

func (t Terms) grid() (grid, error) {
	for _, x := range []float64{t.Step, t.Lo, t.Hi} {
		if math.IsNaN(x) || math.Abs(x) > 1e12 {
			return grid{}, badTerms("step and range must be numbers up to 1e12", "step 与 range 必须是不超过 1e12 的数")
		}
	}
	if t.Step < 1e-9 {
		return grid{}, badTerms("the step must be at least 1e-9", "step 至少为 1e-9")
	}
	primaries, ids := 0, map[string]bool{}
	for _, m := range t.Metrics {
		if m.Primary {
			primaries++
		}
		ids[m.ID] = true
	}
	if primaries != 1 || len(ids) != len(t.Metrics) || ids[""] {
		return grid{}, badTerms("metrics need distinct ids, and exactly one is primary", "指标需有不同的 id，且恰有一个主指标")
	}
	g := grid{step: exact(t.Step), digits: decimals(t.Step)}
	lo, hi := ceil(new(big.Rat).Quo(exact(t.Lo), g.step)), floor(new(big.Rat).Quo(exact(t.Hi), g.step))
	if n := new(big.Int).Sub(hi, lo); n.Sign() <= 0 || n.Cmp(big.NewInt(maxGrid)) >= 0 {
		return grid{}, badTerms(fmt.Sprintf("the range must hold at least 2 and at most %d multiples of the step", maxGrid),
			fmt.Sprintf("range 内应有 2 至 %d 个 step 的倍数", maxGrid))
	}
	g.lo, g.hi = lo.Int64(), hi.Int64()
	return g, nil
}

func badTerms(en, zh string) *aihub.Error {
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: "the sharing terms cannot be used: " + en,
		ZH: "共享条款不可用：" + zh,
	}).WithHint(aihub.Text{
		EN: "mend metrics and sharing.score in the scenario's spec and publish a new version",
		ZH: "请修正场景规范中的 metrics 与 sharing.score，并发布新版本",
	})
}
