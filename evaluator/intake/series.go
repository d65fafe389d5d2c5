package intake

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"aihub"
	"aihub/evaluator/metric/forecast"
)

// Forecast says what cells of series hold: Horizon numbers of the truth, and as
// many for the forecast itself (Mean) and for each of the quantiles. Naive2 says
// that truth needs the forecasts of M4's baseline.
type Forecast struct {
	Horizon int
	Levels  []float64 // rising, in (0, 1); nil: no quantiles
	Mean    bool
	Naive2  bool
	IDs     []string // that true cells must have
}

// ReadLevels reads the levels of quantiles, as a parameter lists them; nil when they
// do not rise within (0, 1).
func ReadLevels(list string) (out []float64) {
	last := 0.0
	for s := range strings.SplitSeq(list, ",") {
		v, ok := finite(strings.TrimSpace(s))
		if !ok || v <= last || v >= 1 {
			return nil
		}
		out, last = append(out, v), v
	}
	return out
}

// maxPast bounds the numbers that a series has before its forecast.
const maxPast = 1_000_000

// aSeries is a true cell.
type aSeries struct {
	Past   []float64 `json:"past"`
	Truth  []float64 `json:"truth"`
	Weight *float64  `json:"weight"`
	Naive2 []float64 `json:"naive2"`

	IDs map[string]string `json:"ids"`
}

// aForecast is a predicted cell. Without quantiles it is the list alone.
type aForecast struct {
	Mean      []float64   `json:"mean,omitempty"`
	Quantiles [][]float64 `json:"quantiles"`
}

// SeriesOf is the kind of series of this shape. A true cell is {"past": numbers in
// order of time, "truth": what came, "weight": of the weighted metrics, 1 by
// default, "naive2": of owa}; a predicted one a list of numbers, or, where quantiles
// are scored, {"mean": list, "quantiles": a list for each level}.
func SeriesOf(f Forecast) *Kind {
	return &Kind{
		Truth:     bounded(func(s string) *aihub.Text { _, bad := f.truth(s); return bad }),
		Predicted: bounded(func(s string) *aihub.Text { _, bad := f.predicted(s); return bad }),
		Unit: func(_, t, p string) any {
			truth, _ := f.truth(t)
			pred, _ := f.predicted(p)
			u := &forecast.Series{Weight: 1, Past: truth.Past, Truth: truth.Truth, Pred: pred.Mean, Naive2: truth.Naive2, IDs: truth.IDs, Levels: f.Levels, Quantiles: pred.Quantiles}
			if truth.Weight != nil {
				u.Weight = *truth.Weight
			}
			if !f.Mean { // no metric reads it
				u.Pred = make([]float64, len(u.Truth))
			}
			return u
		},
		Answer: func(t string) string {
			truth, _ := f.truth(t)
			return f.cell(truth.Truth)
		},
		Empty: f.cell(make([]float64, f.Horizon)),
	}
}

// cell is the predicted cell that says list throughout.
func (f Forecast) cell(list []float64) string {
	if f.Levels == nil {
		b, _ := json.Marshal(list) // finite numbers always marshal
		return string(b)
	}
	x := aForecast{Quantiles: make([][]float64, len(f.Levels))}
	if f.Mean {
		x.Mean = list
	}
	for i := range x.Quantiles {
		x.Quantiles[i] = list
	}
	b, _ := json.Marshal(x)
	return string(b)
}

func (f Forecast) truth(s string) (x aSeries, bad *aihub.Text) {
	expected := say(`expected {"past": […], "truth": […], "weight": number, "naive2": […]}, finite numbers`, `应为 {"past": […], "truth": […], "weight": 数, "naive2": […]}，均为有限数`)
	if err := strict(s, &x); err != nil {
		return x, because(err, expected)
	}
	switch {
	case len(x.Past) == 0 || len(x.Past) > maxPast:
		return x, say(fmt.Sprintf("past must hold 1 to %d numbers", maxPast), fmt.Sprintf("past 须含 1 至 %d 个数", maxPast))
	case len(x.Truth) != f.Horizon:
		return x, f.steps("truth")
	case slices.ContainsFunc(f.IDs, func(id string) bool { return x.IDs[id] == "" }):
		return x, say(`ids must name `+strings.Join(f.IDs, ", ")+`, as in {"ids": {"`+f.IDs[0]+`": "a"}}: params.by sums by them`, `ids 须含 `+strings.Join(f.IDs, "、")+`，例如 {"ids": {"`+f.IDs[0]+`": "a"}}：params.by 按其求和`)
	case x.Weight != nil && *x.Weight < 0:
		return x, say("weight must not be below 0", "weight 不得小于 0")
	case f.Naive2 && len(x.Naive2) != f.Horizon, x.Naive2 != nil && len(x.Naive2) != f.Horizon:
		return x, f.steps("naive2")
	}
	return x, nil
}

func (f Forecast) steps(what string) *aihub.Text {
	n := strconv.Itoa(f.Horizon)
	return say(what+" must hold "+n+" numbers, as params.horizon says", what+" 须含 "+n+" 个数，与 params.horizon 一致")
}

func (f Forecast) predicted(s string) (x aForecast, bad *aihub.Text) {
	if f.Levels == nil {
		expected := say("expected a list of finite numbers, one for each step", "应为有限数的列表，每步一个")
		if err := strict(s, &x.Mean); err != nil || x.Mean == nil {
			return x, because(err, expected)
		}
		if len(x.Mean) != f.Horizon {
			return x, f.steps("the forecast")
		}
		return x, nil
	}
	expected := say(`expected {"mean": […], "quantiles": [[…], …]}, finite numbers`, `应为 {"mean": […], "quantiles": [[…], …]}，均为有限数`)
	if !f.Mean {
		expected = say(`expected {"quantiles": [[…], …]}, finite numbers`, `应为 {"quantiles": [[…], …]}，均为有限数`)
	}
	if err := strict(s, &x); err != nil {
		return x, because(err, expected)
	}
	if f.Mean && len(x.Mean) != f.Horizon {
		return x, f.steps("mean")
	}
	if !f.Mean && x.Mean != nil {
		return x, expected
	}
	if n := len(f.Levels); len(x.Quantiles) != n {
		return x, say(fmt.Sprintf("quantiles must hold %d lists, one for each of params.levels", n), fmt.Sprintf("quantiles 须含 %d 个列表，与 params.levels 一一对应", n))
	}
	for _, q := range x.Quantiles {
		if len(q) != f.Horizon {
			return x, f.steps("each list of quantiles")
		}
	}
	return x, nil
}

// A true cell of survival is "time end", or "time lost" of one that was lost from
// sight; a predicted one a number: larger is sooner.
var survival = Kind{
	Truth:     bounded(func(s string) *aihub.Text { _, bad := readSurvivor(s); return bad }),
	Predicted: bounded(number),
	Unit: func(_, t, p string) any {
		u, _ := readSurvivor(t)
		u.Risk, _ = finite(strings.TrimSpace(p))
		return &u
	},
	Answer: func(t string) string {
		u, _ := readSurvivor(t)
		if !u.Event { // of equal times, it lasted longer
			u.Time = math.Nextafter(u.Time, math.Inf(1))
		}
		return strconv.FormatFloat(-u.Time, 'g', -1, 64)
	},
	Empty: "0",
}

func readSurvivor(s string) (u forecast.Survivor, bad *aihub.Text) {
	w := strings.Fields(s)
	if len(w) == 2 {
		v, ok := finite(w[0])
		if u.Time, u.Event = v, w[1] == "end"; ok && v >= 0 && (u.Event || w[1] == "lost") {
			return u, nil
		}
	}
	return u, say(`expected "time end" or "time lost", a time not below 0`, "应为 “时间 end” 或 “时间 lost”，时间不小于 0")
}

// number checks a cell that is one number.
func number(s string) *aihub.Text {
	if _, ok := finite(strings.TrimSpace(s)); !ok {
		return say("expected a finite number", "应为有限数")
	}
	return nil
}
