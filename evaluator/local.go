package evaluator

import (
	"context"
	"os"

	"aihub"
	"aihub/scenarios"
)

// NoScorer is the reason of a metric of the scorer's where there is none to run.
const NoScorer = "no_scorer"

// ScoreLocal checks and scores the predictions of a run on the public sample,
// as a hidden run is checked and scored, but with nothing to hide. The sample at
// samplePath (Parquet or CSV) has labels; rowKey is the run's, nil when the
// input kept its keys. Faults of the predictions are a Contract error. judge runs
// the scenario's scorer once they are found good; nil leaves its metrics
// undefined. notes is what the scorer said of units.
func ScoreLocal(ctx context.Context, spec scenarios.Spec, predictionsPath, samplePath string, rowKey []byte, judge func(context.Context) (packed string, err error)) (values []aihub.MetricValue, notes []aihub.Fault, err error) {
	const seed = "sample"
	plan, err := NewPlan(spec.Builtin(), seed)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "aihub-score-*")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	got, err := Scoring{Plan: plan, Key: spec.Input.Key, RowKey: rowKey, Dir: dir}.Run(ctx, samplePath, predictionsPath)
	if err != nil {
		return nil, nil, err
	}
	if len(got.Faults) > 0 {
		return nil, nil, BadPredictions(spec, got.Faults)
	}
	if spec.Scorer == nil {
		return got.Values, nil, nil
	}
	if judge == nil {
		var rows int64
		for _, x := range got.Values {
			rows = max(rows, x.N)
		}
		for _, m := range spec.Metrics {
			v := aihub.MetricValue{ID: m.ID, N: rows, Status: aihub.MetricUndefined, Reason: NoScorer}
			for _, x := range got.Values {
				if x.ID == m.ID {
					v = x
				}
			}
			values = append(values, v)
		}
		return values, nil, nil
	}
	packed, err := judge(ctx)
	if err != nil {
		return nil, nil, err
	}
	if got, err = (Custom{Spec: spec, Seed: seed, Key: spec.Input.Key, RowKey: rowKey, Dir: dir}).Run(ctx, samplePath, predictionsPath, packed); err != nil {
		return nil, nil, err
	}
	notes, err = ScorerMessages(spec, packed, dir)
	return got.Values, notes, err
}

// BadPredictions is the error for faults of CheckPredictions.
func BadPredictions(spec scenarios.Spec, faults []aihub.Fault) *aihub.Error {
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: spec.Output.File + " breaks the output schema",
		ZH: spec.Output.File + " 不符合输出格式",
	}).WithFaults(faults).WithHint(aihub.Text{
		EN: "task.json lists the file, its columns and their allowed values; write one row for each id of the input",
		ZH: "task.json 列出了文件、各列及其取值范围；输入中的每个行标识各写一行",
	})
}
