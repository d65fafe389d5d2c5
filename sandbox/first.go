package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

// One case first: a hidden run on a large part tries a slice of it before the
// rest, so that a program that cannot work fails in seconds and not after the
// whole part. The slice is an input like any other, with row ids of its own, in
// a sandbox of its own; its predictions are thrown away. A failure there is the
// run's failure: its vendor learns the same class at the same tick.
const (
	firstRows = 100  // at most, and at most one in a hundred
	firstFrom = 2000 // rows: below it the whole is as quick
)

// triesFirst reports whether a run tries a slice first.
func triesFirst(run aihub.Run, rows int64) bool {
	return run.Kind == aihub.RunInfer && rows >= firstFrom
}

// layFirst lays out the slice below dir.
func layFirst(ctx context.Context, dir, part string, rows int64, in inputs) error {
	at := firstDir(dir)
	if err := os.Mkdir(at, 0o700); err != nil {
		return err
	}
	in.part = filepath.Join(at, "part.parquet")
	if err := cut(ctx, part, in.part, int(min(firstRows, rows/100))); err != nil {
		return unreadable(err)
	}
	in.rowKey = make([]byte, 32)
	_, _ = rand.Read(in.rowKey) // never fails
	if err := prepare(ctx, at, in); err != nil {
		return err
	}
	return os.Remove(in.part)
}

func firstDir(dir string) string { return filepath.Join(dir, "first") }

// cut copies the first n rows of a Parquet file.
func cut(ctx context.Context, src, dst string, n int) (err error) {
	r, err := table.OpenParquet(src, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w, err := table.NewParquetWriter(f, r.Schema())
	if err != nil {
		return err
	}
	for n > 0 && ctx.Err() == nil {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		some := b
		if b.Rows > n {
			some = table.NewBatch(r.Schema(), n)
			for i := range n {
				some.AppendRow(b, i)
			}
		}
		if err := w.Write(some); err != nil {
			return err
		}
		n -= some.Rows
	}
	return errors.Join(ctx.Err(), w.Close())
}

// tryFirst runs j on the slice. A failure of the result is the run's.
func (o *Orchestrator) tryFirst(ctx context.Context, dir string, spec scenarios.Spec, j Job) (Result, error) {
	j.ID += "-first"
	small := job(firstDir(dir), spec)
	j.Input, j.Output = small.Input, small.Output
	res, err := o.Runner.Run(ctx, j)
	return res, errors.Join(err, os.RemoveAll(firstDir(dir)))
}
