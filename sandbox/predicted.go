package sandbox

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

// Predicted is what a trial predicted.
type Predicted struct {
	Spec scenarios.Spec
	IDs  []string // of the rows that it got
	Path string   // of the file that it wrote
}

// faulty says what is wrong with the predictions of a trial. Of a hidden run's slice
// its vendor learns the class alone, as of every failure there.
func faulty(spec scenarios.Spec, faults []aihub.Fault) string {
	const most = 10
	lines := []string{spec.Output.File + " breaks the output schema: a hidden run would fail with this file"}
	for i, f := range faults {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more", len(faults)-most))
			break
		}
		lines = append(lines, strings.TrimSpace(f.Where+" "+f.Code+": "+f.Message.EN))
	}
	return detail(errors.New(strings.Join(lines, "\n")))
}

// idsOf are the ids of a part's rows in a run.
func (o *Orchestrator) idsOf(ctx context.Context, dir string, part aihub.PartFile, key string, rowKey []byte) ([]string, error) {
	name := filepath.Join(dir, "keys.parquet")
	if err := blob.Fetch(ctx, o.Blobs, part.Input, name); err != nil {
		return nil, unreadable(err)
	}
	defer os.Remove(name)
	ids, err := rowIDs(name, key, rowKey)
	return ids, unreadable(err)
}

// rowIDs are the ids that rowKey gives the rows of a Parquet file.
func rowIDs(name, key string, rowKey []byte) (ids []string, err error) {
	r, err := table.OpenParquet(name, []string{key})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	id := table.RowIDs(rowKey)
	for {
		b, err := r.Next()
		if err == io.EOF {
			return ids, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range b.Rows {
			if key, ok := b.Cols[0].Text(i); ok {
				ids = append(ids, string(id(nil, key)))
			}
		}
	}
}
