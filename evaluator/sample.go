package evaluator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/table"
	"aihub/scenarios"
)

// CheckTrial checks what a trial on the public sample predicted, as the
// predictions of a hidden run are checked before they are scored, and returns
// their faults. rowKey made the ids of the trial; dir is for files under way.
func CheckTrial(ctx context.Context, blobs blob.Store, spec scenarios.Spec, sample aihub.PartFile, rowKey []byte, predictions, dir string) (faults []aihub.Fault, err error) {
	name := filepath.Join(dir, "sample.parquet")
	if err := blob.Fetch(ctx, blobs, sample.Input, name); err != nil {
		return nil, fmt.Errorf("checking a trial: %w", err)
	}
	defer os.Remove(name)
	r, err := table.OpenParquet(name, []string{spec.Input.Key})
	if err != nil {
		return nil, fmt.Errorf("checking a trial: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var ids []string
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("checking a trial: %w", err)
		}
		for i := range b.Rows {
			if key, ok := b.Cols[0].Text(i); ok {
				ids = append(ids, table.RowID(rowKey, strings.Clone(key)))
			}
		}
	}
	set, err := NewIDs(ids)
	if err != nil {
		return nil, fmt.Errorf("checking a trial: %w", err)
	}
	_, faults, err = CheckPredictions(ctx, spec, predictions, set)
	return faults, err
}
