package evaluator

import (
	"context"
	"fmt"

	"aihub"
	"aihub/scenarios"
)

// CheckTrial checks what a trial predicted for rows of these ids, as the
// predictions of a hidden run are checked before they are scored, and returns
// their faults. A trial is a run on the public sample, or on the slice that a
// hidden run tries first.
func CheckTrial(ctx context.Context, spec scenarios.Spec, ids []string, predictions string) ([]aihub.Fault, error) {
	set, err := NewIDs(ids)
	if err != nil {
		return nil, fmt.Errorf("checking a trial: %w", err)
	}
	_, faults, err := CheckPredictions(ctx, spec, predictions, set)
	return faults, err
}
