package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

// One case first: a hidden run on a large part tries a slice of it before the
// rest, so that a program that cannot work fails in seconds and not after the
// whole part. The slice is an input like any other, with row ids of its own, in
// a sandbox of its own; its predictions are checked, and thrown away. A failure
// there is the run's failure: its vendor learns the same class at the same tick.
const (
	firstRows  = 100  // at most, and at most one in a hundred, but one
	firstFrom  = 2000 // rows of a table: below it the whole is as quick
	firstFiles = 10   // rows with a file each, which may be a film
)

// triesFirst reports whether a run on file tries a slice first. A training does
// not: what it learns from a slice says little of whether it can learn.
func triesFirst(run aihub.Run, file aihub.PartFile) bool {
	return run.Kind == aihub.RunInfer && (file.Rows >= firstFrom || file.Files != "" && file.Rows >= firstFiles)
}

// layFirst lays out the slice below dir.
func layFirst(ctx context.Context, dir, part string, file aihub.PartFile, in inputs) error {
	at := firstDir(dir)
	if err := os.Mkdir(at, 0o700); err != nil {
		return err
	}
	in.part = filepath.Join(at, "part.parquet")
	if err := cut(ctx, part, in.part, int(max(1, min(firstRows, file.Rows/100)))); err != nil {
		return unreadable(err)
	}
	in.rowKey = make([]byte, 32)
	_, _ = rand.Read(in.rowKey) // never fails
	if err := prepare(ctx, at, in); err != nil {
		return err
	}
	ids, err := rowIDs(in.part, in.spec.Input.Key, in.rowKey)
	if err != nil {
		return unreadable(err)
	}
	// They are in the slice's input, too; the keys that they stand for go.
	if err := os.WriteFile(filepath.Join(at, "ids"), []byte(strings.Join(ids, "\n")), 0o600); err != nil {
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

// tryFirst runs j on the slice, and looks at what it predicts. A failure of the
// result is the run's.
func (o *Orchestrator) tryFirst(ctx context.Context, dir string, spec scenarios.Spec, j Job) (Result, error) {
	at := firstDir(dir)
	j.ID += "-first"
	small := job(at, spec)
	j.Input, j.Output = small.Input, small.Output
	res, err := o.Runner.Run(ctx, j)
	if err == nil && res.Failure == (aihub.Failure{}) && o.Check != nil {
		var b []byte
		var faults []aihub.Fault
		if b, err = os.ReadFile(filepath.Join(at, "ids")); err == nil {
			faults, err = o.Check(ctx, Predicted{Spec: spec, IDs: strings.Split(string(b), "\n"), Path: filepath.Join(j.Output, spec.Output.File)})
		}
		if len(faults) > 0 {
			res.Failure = aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonPrediction, Detail: faulty(spec, faults)}
		}
	}
	return res, errors.Join(err, os.RemoveAll(at))
}
