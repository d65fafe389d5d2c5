package intake

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"aihub"
	"aihub/evaluator/metric/forecast"
)

// maxNumber bounds the numbers of which sums and products are made.
const maxNumber = 1e100

// Distribution says in which forms cells of distributions forecast a number: members
// of an ensemble, a quantile for each of Levels, a normal distribution.
type Distribution struct {
	Members bool
	Levels  []float64 // rising, in (0, 1); nil: no quantiles
	Normal  bool
}

// aDistribution is a predicted cell.
type aDistribution struct {
	Members   []float64 `json:"members,omitempty"`
	Quantiles []float64 `json:"quantiles,omitempty"`
	Mean      *float64  `json:"mean,omitempty"`
	SD        *float64  `json:"sd,omitempty"`
}

// DistributionsOf is the kind of distributions of this form. A true cell is the number
// that came; a predicted one an object of what the metrics read and nothing else:
// {"members": numbers, "quantiles": one for each level, "mean": number, "sd": number}.
func DistributionsOf(d Distribution) *Kind {
	return &Kind{
		Truth: bounded(func(s string) *aihub.Text {
			if y, ok := finite(strings.TrimSpace(s)); !ok || math.Abs(y) > maxNumber {
				return say("expected a finite number, at most 1e100", "应为绝对值不超过 1e100 的有限数")
			}
			return nil
		}),
		Predicted: bounded(func(s string) *aihub.Text { _, bad := d.predicted(s); return bad }),
		Unit: func(_, t, p string) any {
			u := &forecast.Distribution{Levels: d.Levels}
			u.Truth, _ = finite(strings.TrimSpace(t))
			x, _ := d.predicted(p)
			u.Members, u.Quantiles = x.Members, x.Quantiles
			if x.Mean != nil && x.SD != nil {
				u.Mean, u.SD = *x.Mean, *x.SD
			}
			return u
		},
		Answer: func(t string) string {
			y, _ := finite(strings.TrimSpace(t))
			return d.cell(y)
		},
		Empty: d.cell(0),
	}
}

// cell is the predicted cell that is sure of y.
func (d Distribution) cell(y float64) string {
	var x aDistribution
	if d.Members {
		x.Members = []float64{y}
	}
	for range d.Levels {
		x.Quantiles = append(x.Quantiles, y)
	}
	if d.Normal {
		x.Mean, x.SD = &y, new(float64)
	}
	b, _ := json.Marshal(x) // finite numbers always marshal
	return string(b)
}

func (d Distribution) predicted(s string) (x aDistribution, bad *aihub.Text) {
	var keys []string
	if d.Members {
		keys = append(keys, `"members": […]`)
	}
	if d.Levels != nil {
		keys = append(keys, `"quantiles": […]`)
	}
	if d.Normal {
		keys = append(keys, `"mean": …, "sd": …`)
	}
	form := "{" + strings.Join(keys, ", ") + "}"
	expected := say("expected "+form+", finite numbers", "应为 "+form+"，均为有限数")
	if err := strict(s, &x); err != nil {
		return x, because(err, expected)
	}
	if d.Members != (len(x.Members) > 0) || d.Levels == nil && x.Quantiles != nil || d.Normal != (x.Mean != nil) || d.Normal != (x.SD != nil) {
		return x, expected
	}
	if n := len(d.Levels); len(x.Quantiles) != n {
		return x, say(fmt.Sprintf("quantiles must hold %d numbers, one for each of params.levels", n), fmt.Sprintf("quantiles 须含 %d 个数，与 params.levels 一一对应", n))
	}
	if d.Normal && (*x.SD < 0 || *x.SD > maxNumber || math.Abs(*x.Mean) > maxNumber) {
		return x, say("sd must not be below 0, and no number beyond 1e100", "sd 不得小于 0，各数的绝对值不得超过 1e100")
	}
	for _, list := range [][]float64{x.Members, x.Quantiles} {
		for _, v := range list {
			if math.Abs(v) > maxNumber {
				return x, say("no number may be beyond 1e100", "各数的绝对值不得超过 1e100")
			}
		}
	}
	return x, nil
}
