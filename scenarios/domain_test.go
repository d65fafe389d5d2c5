package scenarios

import (
	"math"
	"testing"
)

// Where the width of a row's loss is a matter of parameters and columns.
func TestLossWidth(t *testing.T) {
	s := Spec{Output: Output{Columns: []OutputColumn{
		{Name: "p", Type: "float64"}, {Name: "a", Type: "float64", SumsToOne: []string{"b"}}, {Name: "b", Type: "float64"},
	}}, Scorer: &Scorer{PerUnit: []ScorerValue{{Name: "points", Range: []float64{-1, 4}}}}}
	for _, c := range []struct {
		m    Metric
		want float64
	}{
		{Metric{Use: "accuracy@1"}, 1},
		{Metric{Use: "f1@1"}, 0},
		{Metric{Use: "mae@1"}, 0},
		{Metric{Use: "brier@1", Prediction: "p"}, 1},
		{Metric{Use: "brier@1", Prediction: "a"}, 2},
		{Metric{Use: "brier@1", Prediction: "p", Params: map[string]any{"columns": []any{"p"}}}, 1},
		{Metric{Use: "brier@1", Prediction: "p", Params: map[string]any{"columns": []any{"p", "b"}}}, 2},
		{Metric{Use: "log_loss@1", Params: map[string]any{"eps": 1e-3}}, -math.Log(1e-3)},
		{Metric{Use: "log_loss@1"}, 0},
		{Metric{Use: "dice_per_case@1", Params: map[string]any{"empty": "one"}}, 1},
		{Metric{Use: "dice_per_case@1", Params: map[string]any{"empty": "skip"}}, 0},
		{Metric{Use: "scorer_mean@1", Prediction: "points"}, 5},
		{Metric{Use: "scorer_mean@1", Prediction: "other"}, 0},
		{Metric{Use: "scorer_value@1", Prediction: "points"}, 0},
		{Metric{Use: "no_such@1"}, 0},
	} {
		if got := s.LossWidth(c.m); got != c.want {
			t.Errorf("%+v: %v, want %v", c.m, got, c.want)
		}
	}
}
