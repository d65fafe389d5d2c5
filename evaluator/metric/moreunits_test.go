package metric_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"aihub/evaluator/metric/forecast"
	"aihub/evaluator/metric/rank"
	"aihub/evaluator/metric/speech"
	"aihub/evaluator/metric/stat"
	"aihub/evaluator/metric/text"
	"aihub/evaluator/metric/vision"
	"aihub/scenarios"
)

// moreUnits draws a unit of the rarer kinds.
func moreUnits(r *rand.Rand, kind scenarios.Needs) any {
	list := func(n int) (x []float64) {
		for range n {
			x = append(x, float64(r.IntN(9))+r.Float64())
		}
		return x
	}
	switch kind {
	case scenarios.NeedsSeries:
		return &forecast.Series{Weight: r.Float64(), Past: append([]float64{0}, list(8)...), Truth: list(3), Pred: list(3), Naive2: list(3), Levels: []float64{0.1, 0.5}, Quantiles: [][]float64{list(3), list(3)}}
	case scenarios.NeedsDistributions:
		return &forecast.Distribution{Truth: r.Float64(), Members: list(1 + r.IntN(5)), Levels: []float64{0.1, 0.9}, Quantiles: list(2), Mean: r.Float64(), SD: r.Float64()}
	case scenarios.NeedsSurvival:
		return &forecast.Survivor{Time: float64(r.IntN(9)), Event: r.IntN(3) > 0, Risk: float64(r.IntN(9))}
	case scenarios.NeedsShapes:
		s := &vision.Shape{Size: [3]int{1, 5, 6}}
		for range 30 {
			s.Truth, s.Pred = append(s.Truth, int32(r.IntN(3))), append(s.Pred, int32(r.IntN(3)))
		}
		return s
	case scenarios.NeedsPictures:
		return &vision.Picture{H: 8, W: 9, Channels: 2, Truth: list(144), Pred: list(144)}
	case scenarios.NeedsProbes:
		p := &rank.Probe{Score: list(5)}
		for range 5 {
			p.Match = append(p.Match, r.IntN(2) == 0)
		}
		return p
	case scenarios.NeedsGenerated:
		var w []string
		for range r.IntN(12) {
			w = append(w, []string{"一", "cat", "三", "b"}[r.IntN(4)])
		}
		return &text.Generated{Text: strings.Join(w, " ")}
	case scenarios.NeedsWords:
		w := &text.Words{}
		for range r.IntN(5) {
			w.Ref = append(w.Ref, []string{"北京", "大学", "生"}[r.IntN(3)])
			w.Unknown = append(w.Unknown, r.IntN(2) == 0)
		}
		for _, c := range strings.Join(w.Ref, "") {
			if len(w.Hyp) == 0 || r.IntN(2) == 0 {
				w.Hyp = append(w.Hyp, "")
			}
			w.Hyp[len(w.Hyp)-1] += string(c)
		}
		return w
	case scenarios.NeedsLikelihoods:
		return &text.Likely{Nats: 9 * r.Float64(), Bytes: int64(1 + r.IntN(9)), Tokens: int64(1 + r.IntN(9))}
	case scenarios.NeedsTerms:
		return &speech.Term{Keyword: fmt.Sprint(r.IntN(3)), True: r.IntN(2) == 0, Found: r.IntN(3) > 0, Yes: r.IntN(2) == 0, Score: float64(r.IntN(9)) / 9, Seconds: 60}
	case scenarios.NeedsSignals:
		return &speech.Signal{Ref: list(9), Hyp: list(9)}
	case scenarios.NeedsTimings:
		a := 9 * r.Float64()
		return &stat.Timing{Start: a, End: a + r.Float64(), Media: r.Float64(), Place: int64(r.IntN(9))}
	case scenarios.NeedsRatings:
		return &stat.Rated{Ratings: []float64{float64(r.IntN(2)), float64(r.IntN(2)), float64(r.IntN(2))}}
	case scenarios.NeedsSlices:
		return &stat.Slice{Name: fmt.Sprint(r.IntN(3)), Value: r.Float64()}
	}
	return nil
}

// perfectMore makes the prediction of a unit the truth.
func perfectMore(unit any) {
	switch u := unit.(type) {
	case *forecast.Series:
		u.Pred, u.Quantiles = u.Truth, [][]float64{u.Truth, u.Truth}
	case *forecast.Distribution:
		u.Members, u.Quantiles = []float64{u.Truth}, []float64{u.Truth, u.Truth}
	case *forecast.Survivor:
		if u.Risk = -2 * u.Time; u.Event {
			u.Risk++
		}
	case *vision.Shape:
		u.Pred = u.Truth
	case *vision.Picture:
		u.Pred = u.Truth
	case *rank.Probe:
		for i, yes := range u.Match {
			if yes {
				u.Score[i] = 100
			}
		}
	case *text.Words:
		u.Hyp = u.Ref
	case *text.Likely:
		u.Nats = 0
	case *speech.Term:
		u.Found, u.Yes = u.True, true
	case *speech.Signal:
		u.Hyp = u.Ref
	}
}
