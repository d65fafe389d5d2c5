package evaluator

import (
	"context"
	"os"

	"aihub"
	"aihub/scenarios"
)

// ScoreLocal checks and scores the predictions of a run on the public sample,
// as a hidden run is checked and scored, but with nothing to hide. The sample at
// samplePath (Parquet or CSV) has labels; rowKey is the run's, nil when the
// input kept its keys. Faults of the predictions are a Contract error.
func ScoreLocal(ctx context.Context, spec scenarios.Spec, predictionsPath, samplePath string, rowKey []byte) ([]aihub.MetricValue, error) {
	plan, err := NewPlan(spec, "sample")
	if err != nil {
		return nil, err
	}
	got, err := Scoring{Plan: plan, Key: spec.Input.Key, RowKey: rowKey, Dir: os.TempDir()}.Run(ctx, samplePath, predictionsPath)
	if err != nil {
		return nil, err
	}
	if len(got.Faults) > 0 {
		return nil, BadPredictions(spec, got.Faults)
	}
	return got.Values, nil
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
