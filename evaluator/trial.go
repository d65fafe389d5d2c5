package evaluator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"aihub"
	"aihub/evaluator/metric/forecast"
	"aihub/internal/blob"
	"aihub/scenarios"
)

// trialRows bounds the part that a Trial scores seven times; of a larger one the
// public sample stands in.
const trialRows = 2_000_000

// Trial is SelfTest on every hidden part that a round of the spec is scored on,
// before the round opens; it returns what came of it, and what must be mended. Files lie in dir while they are read. A fault says in
// which part. What cannot be tried, because spec and dataset do not fit, has no
// faults here: the linter names them. judge runs the scorer of a spec that has one.
func Trial(ctx context.Context, blobs blob.Store, v aihub.DatasetVersion, spec scenarios.Spec, dir string, judge Judge) (results []aihub.SelfTest, faults []aihub.Fault, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("evaluator: %w", err)
	}
	work, err := os.MkdirTemp(dir, "trial-")
	if err != nil {
		return nil, nil, fmt.Errorf("evaluator: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	var parts, tried []aihub.Part
	for _, r := range spec.Rounds {
		if slices.Contains(parts, aihub.Part(r.Part)) {
			continue // two rounds on one part
		}
		parts = append(parts, aihub.Part(r.Part))
		f, ok := v.File(aihub.Part(r.Part))
		if ok && len(spec.GroupColumns()) > 0 {
			found, err := trialGroups(ctx, blobs, v, spec, f, work)
			if err != nil {
				return nil, nil, err
			}
			faults = append(faults, found...)
		}
		if ok {
			found, err := keptNumbers(ctx, blobs, v, spec, f, work, forecast.MaxNumbers)
			if err != nil {
				return nil, nil, err
			}
			faults = append(append(faults, keptRows(spec, f)...), found...)
		}
		if f.Rows > trialRows {
			f, ok = v.File(aihub.Sample)
		}
		if !ok || slices.Contains(tried, f.Part) {
			continue
		}
		tried = append(tried, f.Part)
		path := filepath.Join(work, "truth-"+string(f.Part))
		if err := blob.Fetch(ctx, blobs, f.Truth, path); err != nil {
			return nil, nil, err
		}
		truth, err := ReadTruth(ctx, path, v.Key, spec)
		if err != nil {
			return nil, nil, err
		}
		inputPath := ""
		if spec.Scorer != nil && spec.Scorer.Input {
			inputPath = filepath.Join(work, "input")
			if err := blob.Fetch(ctx, blobs, f.Input, inputPath); err != nil {
				return nil, nil, err
			}
		}
		came, found, err := SelfTest(ctx, spec, truth, work, trialJudge(judge, spec, v.Key, path, inputPath, work))
		if err != nil {
			return nil, nil, err
		}
		for _, x := range came {
			x.Part = f.Part
			results = append(results, x)
		}
		for _, x := range found {
			x.Where = fmt.Sprintf("%s: %s", f.Part, x.Where)
			faults = append(faults, x)
		}
	}
	return results, faults, nil
}

// trialGroups counts the groups and units of a whole part, however large it is, and
// lints its round by the units.
func trialGroups(ctx context.Context, blobs blob.Store, v aihub.DatasetVersion, spec scenarios.Spec, f aihub.PartFile, dir string) (faults []aihub.Fault, err error) {
	truth, input := filepath.Join(dir, "groups-truth"), ""
	if err := blob.Fetch(ctx, blobs, f.Truth, truth); err != nil {
		return nil, err
	}
	defer os.Remove(truth)
	if groupedByInput(spec, v.Columns) {
		input = filepath.Join(dir, "groups-input")
		if err := blob.Fetch(ctx, blobs, f.Input, input); err != nil {
			return nil, err
		}
		defer os.Remove(input)
	}
	faults, units, err := countGroups(ctx, spec, v.Key, truth, input)
	for i := range faults {
		faults[i].Where = fmt.Sprintf("%s: %s", f.Part, faults[i].Where)
	}
	if spec.Unit != "" {
		faults = append(faults, scenarios.LintWithUnits(spec, map[aihub.Part]int64{f.Part: units})...)
	}
	return faults, err
}

// trialKey makes the row ids that a scorer meets in a self-test.
var trialKey = []byte("a self-test's row ids need no secret")

// trialJudge scores a file of predictions by the spec's scorer; nil without one.
func trialJudge(judge Judge, spec scenarios.Spec, key, truth, input, dir string) *selfJudge {
	if spec.Scorer == nil || judge == nil {
		return nil
	}
	return &selfJudge{rowKey: trialKey, score: func(ctx context.Context, predictions string) (values []aihub.MetricValue, err error) {
		at, err := os.MkdirTemp(dir, "scorer-")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(at)) }()
		jobs := filepath.Join(at, "jobs")
		if err := os.Mkdir(jobs, 0o700); err != nil {
			return nil, err
		}
		packed, err := judge(ctx, Judging{
			Ref: aihub.Ref{Name: spec.Name, Version: 1}, Spec: spec, Truth: truth, Input: input, Predictions: predictions, RowKey: trialKey, Dir: jobs,
		})
		if err != nil {
			return nil, err
		}
		plain := spec.Untimed()            // as in SelfTest, whose metrics have these places
		plain.Slices, plain.Unit = nil, "" // groups are counted by trialGroups
		got, err := Custom{Spec: plain, Key: key, RowKey: trialKey, Dir: at}.Run(ctx, truth, predictions, packed)
		return got.Values, err
	}}
}
