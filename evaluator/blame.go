package evaluator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

// onUndefined is what a signature says of a metric's undefined values, when that
// changes the number.
func onUndefined(m scenarios.Metric) string {
	if _, number := m.Stand(); number || m.OnUndefined == scenarios.UndefinedSkip {
		return "|on_undefined=" + m.OnUndefined
	}
	return ""
}

// stand puts the number that the spec declares in the place of an undefined value; the
// reason stays.
func (p *Plan) stand(values []aihub.MetricValue) {
	for i, m := range p.all.Metrics {
		if v, number := m.Stand(); number && values[i].Status == aihub.MetricUndefined {
			values[i].Value, values[i].Status = v, aihub.MetricDegenerate
		}
	}
}

// stoodIn reports whether v, a value of m without draws, is what stand put there.
func stoodIn(m scenarios.Metric, v aihub.MetricValue) bool {
	number, ok := m.Stand()
	return ok && v.Status == aihub.MetricDegenerate && v.Value == number
}

// undefined ends the run when a metric that must be defined is not. It is the
// scenario's fault when that metric is undefined for perfect predictions, too, and
// the vendor's otherwise: whoever could have answered so that there is a value did
// not. Perfect predictions get no value either when the output schema refuses them.
//
// A scorer's metrics were defined for perfect predictions when the scenario was
// published, which is asked of it: they are the vendor's.
//
// Whose fault it is can depend on labels, and is seen: the two failures are two
// symbols of the code that answers are priced by (see package sharing), and cost
// what an answer does.
//
// perfect scores perfect predictions by the metrics of a spec; nil values say that
// there can be none. It is called only when somebody is to blame.
func undefined(ctx context.Context, spec scenarios.Spec, values []aihub.MetricValue, perfect func(context.Context, scenarios.Spec) ([]aihub.MetricValue, error)) error {
	why, asked := map[string]string{}, spec.Builtin()
	first := "" // the metric that is named, unless the scenario is to blame
	for i, v := range values {
		if v.Status == aihub.MetricUndefined && spec.Metrics[i].OnUndefined == scenarios.UndefinedError {
			if why[v.ID] = v.Reason; first == "" {
				first = v.ID
			}
		}
	}
	if first == "" {
		return nil
	}
	owner := aihub.FaultVendor
	asked.Metrics = slices.DeleteFunc(slices.Clone(asked.Metrics), func(m scenarios.Metric) bool { _, ok := why[m.ID]; return !ok })
	if len(asked.Metrics) > 0 {
		right, err := perfect(ctx, asked)
		if err != nil {
			return err
		}
		for i, m := range asked.Metrics {
			if right == nil || right[i].Status == aihub.MetricUndefined {
				owner, first = aihub.FaultScenario, m.ID
				break
			}
		}
	}
	return fail(owner, aihub.ReasonUndefined, fmt.Errorf("metric %s is undefined: %s", first, why[first]))
}

// perfect scores the truth at path against itself by the metrics of a spec, by way of
// a file in dir and in the memory that a vendor's predictions take. It returns nil
// when the output schema refuses perfect predictions.
func perfect(ctx context.Context, spec scenarios.Spec, path, key, dir string) (_ []aihub.MetricValue, err error) {
	spec.Slices, spec.Unit, spec.Limits.Output = nil, "", 0
	spec.Output.Format = table.FormatParquet // cells of a unit are cells in any format
	plan, err := NewPlan(spec, "")
	if err != nil {
		return nil, err
	}
	answers := filepath.Join(dir, "perfect")
	defer os.Remove(answers)
	if err := writePerfect(ctx, plan, path, key, answers); err != nil {
		return nil, err
	}
	got, err := Scoring{Plan: plan, Key: key, Dir: dir}.Run(ctx, path, answers)
	if err != nil || len(got.Faults) > 0 {
		return nil, err
	}
	return got.Values, nil
}

// writePerfect writes what SelfTest calls perfect predictions, some rows at a time.
func writePerfect(ctx context.Context, plan *Plan, path, key, to string) (err error) {
	r, err := openLabelled(path, key, plan.spec, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("evaluator: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s := &selfTest{plan: plan, spec: plan.spec, truth: new(Truth)}
	w, err := table.NewWriter(f, table.FormatParquet, s.batch().Schema())
	if err != nil {
		return err
	}
	t, size := s.truth, 0
	flush := func() error {
		all := make([]int, len(t.Keys))
		for i := range all {
			all[i] = i
		}
		b := s.answers(s.truth.Label, all)
		s.name(b)
		*t, size = Truth{}, 0
		return w.Write(b)
	}
	classes, texts := len(plan.spec.Truth.Classes) > 0, ofTexts(plan.spec)
	err = scanTruth(ctx, r, key, plan.spec, nil, func(k string, v label) error {
		t.Keys = append(t.Keys, strings.Clone(k))
		switch {
		case classes:
			t.Label.Class = append(t.Label.Class, v.class)
		case texts:
			t.Label.Str = append(t.Label.Str, strings.Clone(v.str))
			size += len(v.str)
		default:
			t.Label.Flt = append(t.Label.Flt, v.flt)
		}
		if len(t.Keys) < pileRows && size < maxPerfect {
			return nil
		}
		return flush()
	})
	if err == nil && len(t.Keys) > 0 {
		err = flush()
	}
	return errors.Join(err, w.Close())
}

// maxPerfect bounds the texts that are written at once, but for the last.
const maxPerfect = 1 << 24
