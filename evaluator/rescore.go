package evaluator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/store"
	"aihub/scenarios"
)

// maxAgain bounds the part that is scored while somebody waits.
const maxAgain = 5_000_000

// Again scores what a submission predicted once more, by the spec and the truth of
// in. Files lie in dir while they are read; judge runs a scorer. Nothing is stored.
func Again(ctx context.Context, blobs blob.Store, in store.ScoreInputs, dir string, judge Judge) (values []aihub.MetricValue, err error) {
	spec, err := scenarios.ParseCanonical(in.Scenario.Spec)
	if err != nil {
		return nil, err
	}
	part, ok := in.Dataset.File(in.Infer.Part)
	if !ok || part.Rows > maxAgain {
		return nil, aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: fmt.Sprintf("part %s of %s has no rows, or more than %d", in.Infer.Part, in.Dataset.Ref, maxAgain),
			ZH: fmt.Sprintf("%[2]s 的 %[1]s 分区没有数据，或超过 %[3]d 行", in.Infer.Part, in.Dataset.Ref, maxAgain),
		})
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("evaluator: %w", err)
	}
	work, err := os.MkdirTemp(dir, "again-")
	if err != nil {
		return nil, fmt.Errorf("evaluator: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	at := func(name string) string { return filepath.Join(work, name) }
	fetch := map[string]aihub.Digest{at("truth"): part.Truth, at("predictions"): in.Infer.Output}
	input := ""
	if groupedByInput(spec, in.Dataset.Columns) || mediaOfInput(spec, in.Dataset.Columns) {
		input = at("input")
	}
	if spec.Scorer != nil && spec.Scorer.Input || input != "" {
		fetch[at("input")] = part.Input
	}
	for path, d := range fetch {
		if err := blob.Fetch(ctx, blobs, d, path); err != nil {
			return nil, err
		}
	}
	seed := in.Submission.Scenario.String() + " " + in.Submission.Round
	var got Scored
	if spec.Scorer != nil {
		if judge == nil {
			return nil, aihub.Errorf(aihub.Unavailable, aihub.Text{EN: "nothing here can run the scorer", ZH: "此处无法运行评分程序"})
		}
		if err := os.Mkdir(at("judge"), 0o700); err != nil {
			return nil, fmt.Errorf("evaluator: %w", err)
		}
		packed, err := judge(ctx, Judging{Ref: in.Scenario.Ref, Spec: spec, Truth: at("truth"), Input: at("input"), Predictions: at("predictions"), RowKey: in.Infer.RowKey, Dir: at("judge")})
		if err != nil {
			return nil, err
		}
		c := Custom{Spec: spec, Seed: seed, Key: in.Dataset.Key, Input: input, RowKey: in.Infer.RowKey, Dir: work, Took: took(in.Infer)}
		got, err = c.Run(ctx, at("truth"), at("predictions"), packed)
		if err != nil {
			return nil, err
		}
	} else {
		plan, err := NewPlan(spec, seed)
		if err != nil {
			return nil, err
		}
		if got, err = (Scoring{Plan: plan, Key: in.Dataset.Key, Input: input, RowKey: in.Infer.RowKey, Dir: work, Took: took(in.Infer)}).Run(ctx, at("truth"), at("predictions")); err != nil {
			return nil, err
		}
	}
	if len(got.Faults) > 0 {
		return nil, BadPredictions(spec, got.Faults)
	}
	return got.Values, nil
}
