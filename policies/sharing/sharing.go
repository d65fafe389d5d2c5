// Package sharing says what may leave a hidden run, and with how many digits.
// It is pure: what leaves is a function of its arguments, so that a transcript
// of releases can be replayed and checked.
//
// A hidden part has one leak budget, an Account, whoever asks and through
// whichever scenario: organisations may be one in truth. An Answer to a
// submission is a symbol of a prefix code that is fixed before anything is
// scored, and its length in bits is its price. The primary metric is shown on a
// grid, and only when it beats what the same organisation was shown before by a
// step and by more than the noise of the hidden part (the Ladder of Blum and
// Hardt, 2015, with a paired test); otherwise what was shown stays, with the note
// "no significant improvement", which costs next to nothing. What was spent so
// far gives the Certificate: how far a released score can be from the truth,
// however cleverly it was asked for.
//
// Outcomes become visible at a tick, so that durations say nothing, and a failed
// run leaves one reason class. Nothing else leaves while a part may be asked
// again: no interval, no row count, no reason text of a metric, no log. A final
// part is asked once, all at the same time, and answers with every digit, but for how
// long a run took.
package sharing

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"aihub"
)

// Terms are what a scenario promises about its scores: one metric is primary.
type Terms struct {
	Metrics []Metric
}

// Metric is one number that may be shown, on a grid of its own.
type Metric struct {
	ID      string
	Primary bool
	Min     bool    // smaller is better
	Step    float64 // > 0; decimal, in the metric's own units
	Lo, Hi  float64 // the range that is shown; what lies beyond is shown as its end
	Timed   bool    // how long the run took, which an algorithm sets as it likes: on the grid in a final part, too
	Loss    float64 // the width of one row's loss, when the metric is the mean of such; else 0
}

// timings are the metrics of how long a run took; scenarios.Needs.Timed says the same.
var timings = []string{"latency@1", "throughput@1", "rtf@1"}

// TermsOf reads the terms from the canonical form of a scenario's spec
// (aihub.Scenario.Spec): metrics and sharing.score declare them. A metric
// without a grid of its own is shown on that of the primary one. What the losses of
// rows are is not the spec's to say: Loss is left 0.
func TermsOf(spec []byte) (Terms, error) {
	var s struct {
		Metrics []struct {
			ID        string    `json:"id"`
			Use       string    `json:"use"`
			Primary   bool      `json:"primary"`
			Direction string    `json:"direction"`
			Step      float64   `json:"step"`
			Range     []float64 `json:"range"`
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
	score := s.Sharing.Score
	if len(score.Range) != 2 {
		return Terms{}, badTerms("sharing.score.range needs two numbers", "sharing.score.range 需要两个数")
	}
	t := Terms{}
	for _, m := range s.Metrics {
		if m.Direction != "max" && m.Direction != "min" {
			return Terms{}, badTerms(fmt.Sprintf("metric %q needs the direction max or min", m.ID), fmt.Sprintf("指标 %q 需要方向 max 或 min", m.ID))
		}
		v := Metric{ID: m.ID, Primary: m.Primary, Min: m.Direction == "min", Step: score.Step, Lo: score.Range[0], Hi: score.Range[1], Timed: slices.Contains(timings, m.Use)}
		if m.Step != 0 && len(m.Range) == 2 && !m.Primary {
			v.Step, v.Lo, v.Hi = m.Step, m.Range[0], m.Range[1]
		}
		t.Metrics = append(t.Metrics, v)
	}
	_, err := t.grids()
	return t, err
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

// levels is how many values are on the grid.
func (g grid) levels() int64 { return g.hi - g.lo + 1 }

// maxGrid bounds the grid points: finer is as good as unrounded.
const maxGrid = 1_000_000

// grids returns the grid of every metric, or says what is wrong with the terms.
func (t Terms) grids() (map[string]grid, error) {
	primaries, all := 0, map[string]grid{}
	for _, m := range t.Metrics {
		if m.Primary {
			primaries++
		}
		g, err := m.grid()
		if err != nil {
			return nil, err
		}
		all[m.ID] = g
	}
	if _, nameless := all[""]; primaries != 1 || len(all) != len(t.Metrics) || nameless {
		return nil, badTerms("metrics need distinct ids, and exactly one is primary", "指标需有不同的 id，且恰有一个主指标")
	}
	return all, nil
}

func (m Metric) grid() (grid, error) {
	for _, x := range []float64{m.Step, m.Lo, m.Hi} {
		if math.IsNaN(x) || math.Abs(x) > 1e12 {
			return grid{}, badTerms("step and range must be numbers up to 1e12", "step 与 range 必须是不超过 1e12 的数")
		}
	}
	if m.Step < 1e-9 {
		return grid{}, badTerms("the step must be at least 1e-9", "step 至少为 1e-9")
	}
	g := grid{step: exact(m.Step), digits: decimals(m.Step)}
	lo, hi := ceil(new(big.Rat).Quo(exact(m.Lo), g.step)), floor(new(big.Rat).Quo(exact(m.Hi), g.step))
	if n := new(big.Int).Sub(hi, lo); n.Sign() <= 0 || n.Cmp(big.NewInt(maxGrid)) >= 0 {
		return grid{}, badTerms(fmt.Sprintf("the range must hold at least 2 and at most %d multiples of the step", maxGrid),
			fmt.Sprintf("range 内应有 2 至 %d 个 step 的倍数", maxGrid))
	}
	g.lo, g.hi = lo.Int64(), hi.Int64()
	return g, nil
}

// Primary returns the metric that ranks.
func (t Terms) Primary() Metric {
	for _, m := range t.Metrics {
		if m.Primary {
			return m
		}
	}
	return Metric{}
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
