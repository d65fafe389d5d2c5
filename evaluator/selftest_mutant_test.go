package evaluator

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"

	"aihub/evaluator/metric"
	"aihub/scenarios"
)

// mutant is a metric that is computed wrong.
type mutant struct {
	metric.Metric
	wrong  func(metric.Result) metric.Result
	differ func(*metric.Block) *metric.Block
}

func (m mutant) New() metric.Accumulator { return &mutated{m, m.Metric.New()} }

type mutated struct {
	m mutant
	metric.Accumulator
}

func (a *mutated) Add(b *metric.Block) {
	if a.m.differ != nil {
		b = a.m.differ(b)
	}
	a.Accumulator.Add(b)
}
func (a *mutated) Merge(o metric.Accumulator) { a.Accumulator.Merge(o.(*mutated).Accumulator) }
func (a *mutated) Result() metric.Result {
	r := a.Accumulator.Result()
	if a.m.wrong != nil {
		r = a.m.wrong(r)
	}
	return r
}

func value(f func(float64) float64) func(metric.Result) metric.Result {
	return func(r metric.Result) metric.Result { r.Value = f(r.Value); return r }
}

// Each of these mistakes is one that perfect predictions do not show, or only they do.
func TestSelfTestFindsMutants(t *testing.T) {
	t.Parallel()
	// Ties count for the positive rows: their scores are a little higher.
	tiesWon := func(b *metric.Block) *metric.Block {
		c := *b
		p := append([]float64(nil), b.Pred[0].Flt...)
		for i := range p {
			p[i] += 1e-9 * float64(b.Truth.Class[i])
		}
		c.Pred = []metric.Column{{Flt: p}}
		return &c
	}
	for _, c := range []struct {
		name, use string
		m         mutant
		want      string // of the first fault; "": none
	}{
		{"accuracy", "accuracy@1", mutant{}, ""},
		{"its sign flipped", "accuracy@1", mutant{wrong: value(func(v float64) float64 { return -v })}, "perfect"},
		{"errors for accuracy", "accuracy@1", mutant{wrong: value(func(v float64) float64 { return 1 - v })}, "perfect"},
		{"squared", "accuracy@1", mutant{wrong: value(func(v float64) float64 { return v * v })}, "constant"},
		{"AUC", "roc_auc@1", mutant{}, ""},
		{"its sign flipped", "roc_auc@1", mutant{wrong: value(func(v float64) float64 { return 1 - v })}, "perfect"},
		{"never below one half", "roc_auc@1", mutant{wrong: value(func(v float64) float64 { return max(v, 1-v) })}, ""},
		{"ties are won", "roc_auc@1", mutant{differ: tiesWon}, "constant"},
		{"macro F1", "f1@1", mutant{}, ""},
		{"macro F1 of the wrong mean", "f1@1", mutant{wrong: value(math.Sqrt)}, "constant"},
		{"R²", "r2@1", mutant{}, ""},
		{"R² of what is left", "r2@1", mutant{wrong: value(func(v float64) float64 { return 1 - math.Abs(1-v)/2 })}, "constant"},
		{"MSE", "mse@1", mutant{}, ""},
		{"its root", "mse@1", mutant{wrong: value(math.Sqrt)}, "constant"},
		{"half of it", "mse@1", mutant{wrong: value(func(v float64) float64 { return v / 2 })}, "constant"},
		{"Spearman", "spearman@1", mutant{}, ""},
		{"a constant correlates", "spearman@1", mutant{wrong: func(r metric.Result) metric.Result { return metric.Result{N: r.N, Value: max(r.Value, 0.5)} }}, "constant"},
		{"CER", "cer@1", mutant{}, ""},
		{"no CER of silence", "cer@1", mutant{wrong: func(r metric.Result) metric.Result {
			if r.Value == 1 {
				return metric.Undefined(r.N, metric.Nothing)
			}
			return r
		}}, "blank"},
		{"CER by what was said", "cer@1", mutant{wrong: value(func(v float64) float64 { return v / (1 + v) })}, "blank"},
	} {
		spec, ok := anySpec(t, c.use)
		if !ok {
			t.Fatal(c.use)
		}
		plan, err := NewPlan(spec, "")
		if err != nil {
			t.Fatal(err)
		}
		truth := anyTruth(spec, scenarios.KnownMetrics[c.use])
		c.m.Metric = plan.metrics[0]
		plan.metrics[0] = c.m
		results, faults, err := selfTestOf(t.Context(), spec, plan, truth, t.TempDir(), nil)
		got := ""
		if len(faults) > 0 {
			got = faults[0].Where
		}
		failed := false
		for _, r := range results {
			failed = failed || !r.Passed
		}
		if err != nil || got != c.want || failed != (got != "") {
			t.Errorf("%s, %s: the first fault is of %q, want %q: %v %v", c.use, c.name, got, c.want, lines(t, faults), err)
		}
	}
}

// What is declared holds of any truth: few and many rows, rare classes, numbers
// with tails and with ties.
func TestDeclaredHolds(t *testing.T) {
	t.Parallel()
	seen := 0
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 5))
		rows := []int{3, 10, 60, 400, 2000}[seed%5]
		for _, use := range []string{"accuracy@1", "f1@1", "jaccard@1", "balanced_accuracy@1", "precision@1", "kappa@1", "mcc@1", "positive_f1@1", "specificity@1",
			"roc_auc@1", "average_precision@1", "gini@1", "ks@1", "log_loss@1", "brier@1", "ece@1", "lift@1",
			"mae@1", "mse@1", "rmse@1", "r2@1", "explained_variance@1", "pearson@1", "spearman@1", "kendall@1", "medae@1", "smape@1", "pinball@1"} {
			spec, ok := anySpec(t, use)
			if !ok {
				continue
			}
			if m := &spec.Metrics[0]; scenarios.KnownMetrics[use].Skips { // all ways to take the mean of classes
				m.Params = maps.Clone(m.Params)
				m.Params["average"] = []string{"macro", "weighted", "micro"}[seed/2%3]
				m.Params["zero_division"] = float64(seed / 5)
				if seed%2 == 0 {
					m.OnUndefined = scenarios.UndefinedSkip
				}
			}
			truth := &Truth{}
			skew := 1 + 4*r.Float64()
			for i := range rows {
				truth.Keys = append(truth.Keys, fmt.Sprint("row", i))
				if k := len(spec.Truth.Classes); k > 0 {
					truth.Label.Class = append(truth.Label.Class, metric.Code(float64(k)*math.Pow(r.Float64(), skew)))
				} else if seed%2 == 0 {
					truth.Label.Flt = append(truth.Label.Flt, min(1000, math.Exp(3*r.NormFloat64()))) // of the output's range
				} else {
					truth.Label.Flt = append(truth.Label.Flt, float64(r.IntN(4)))
				}
			}
			results, _, err := SelfTest(t.Context(), spec, truth, t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range results {
				if x.Predictions == "perfect" || x.Passed {
					seen++
				} else if x.Declared == "value" && x.Value >= x.Lo && x.Value <= x.Hi || use == "specificity@1" && x.Value == 1 {
					// as good as perfect predictions, by the value that is declared
				} else {
					t.Errorf("seed %d, %d rows, %s: of %s predictions %s is declared, and it is %s", seed, rows, use, x.Predictions, x.Wanted(), x.Got())
				}
			}
		}
	}
	if seen < 900 {
		t.Errorf("%d results", seen)
	}
}

// Large numbers that are near one another have fewer digits to tell them apart.
func TestDeclaredHoldsOfNearNumbers(t *testing.T) {
	t.Parallel()
	for _, use := range []string{"mae@1", "mse@1", "rmse@1", "r2@1", "explained_variance@1", "pearson@1", "spearman@1", "kendall@1", "medae@1", "max_error@1", "smape@1", "mape@1", "wape@1",
		"msle@1", "rmsle@1", "pinball@1", "winkler@1", "poisson_deviance@1"} {
		spec, ok := anySpec(t, use)
		if !ok {
			t.Fatal(use)
		}
		for i := range spec.Output.Columns {
			spec.Output.Columns[i].Range = []float64{0, 2e9}
		}
		truth := &Truth{}
		for i := range 700 {
			truth.Keys = append(truth.Keys, fmt.Sprint("row", i))
			truth.Label.Flt = append(truth.Label.Flt, 1e9+float64(i*i%11%7))
		}
		_, faults, err := SelfTest(t.Context(), spec, truth, t.TempDir(), nil)
		if err != nil || len(faults) > 0 {
			t.Errorf("%s: %v %v", use, lines(t, faults), err)
		}
	}
}
