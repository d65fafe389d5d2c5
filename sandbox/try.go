package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/internal/table"
	"aihub/sandbox/tiny"
	"aihub/scenarios"
)

// Trial is one run on the public sample outside of the platform: what happens
// behind `aihub test`.
type Trial struct {
	Runner  Runner
	Spec    scenarios.Spec
	Ref     aihub.Ref // the scenario as published
	Sample  string    // the labelled sample: a Parquet or CSV file
	Files   string    // archive of its rows' files; "" for a table alone
	Column  string    // of the sample that names them
	Rootfs  string    // unpacked image
	Machine string    // architecture of the image where it is not the runner's own
	Args    []string  // of the image, as the next two
	Dir     string
	Env     []string  // PATH
	Train   bool      // a training: the sample comes with its labels, and /output is a model
	Model   string    // directory that is /model, or ""
	Work    string    // empty directory; holds input and output afterwards
	Log     io.Writer // live stdout and stderr; may be nil
}

// Tried is what a trial left.
type Tried struct {
	Result Result
	Output string // path of the collected predictions; "" when the run failed or trained
	Model  string // directory with the files of a training's model, and what they are
	Files  []string
	Bytes  int64
	RowKey []byte // made the row ids: needed to score
	Sample string // the labelled sample as Parquet
}

// Try prepares the sample as the platform would (labels stripped, ids random,
// order shuffled), and runs the image on it. The run may have failed: see
// Tried.Result.Failure. An error means that it could not be carried out.
func Try(ctx context.Context, t Trial) (Tried, error) {
	part, columns, err := t.sample(ctx)
	if err != nil {
		return Tried{}, err
	}
	key := make([]byte, aihub.RowKeySize)
	_, _ = rand.Read(key) // never fails
	in := inputs{ref: t.Ref, spec: t.Spec, columns: columns, part: part, files: t.Files, rowKey: key}
	if t.Train {
		in.labels = part
	}
	err = prepare(ctx, t.Work, in)
	if f := new(failure); errors.As(err, &f) {
		if err = f.err; f.Owner == aihub.FaultScenario {
			err = aihub.Errorf(aihub.Contract, aihub.Text{
				EN: "the sample does not fit the scenario: " + err.Error(), ZH: "样例与场景不符：" + err.Error(),
			}).WithHint(aihub.Text{EN: "write the starter kit again: aihub init", ZH: "请重新生成入门套件：aihub init"})
		}
	}
	if err != nil {
		return Tried{}, err
	}
	j := job(t.Work, t.Spec)
	j.ID = strings.ToLower(aihub.NewID("try"))
	j.Rootfs, j.Args, j.Dir, j.Env, j.Log = t.Rootfs, t.Args, t.Dir, append(slices.Clone(t.Env), j.Env...), t.Log
	j.Model, j.Machine = t.Model, t.Machine
	if t.Train {
		j.Collect, j.Whole, j.Limits = nil, true, t.Spec.Train.Limits
	}
	res, err := t.Runner.Run(ctx, j)
	if err != nil {
		return Tried{}, err
	}
	got := Tried{Result: res, RowKey: key, Sample: part}
	switch {
	case res.Failure != (aihub.Failure{}):
	case t.Train:
		return got, got.made(j.Output)
	default:
		got.Output = filepath.Join(j.Output, t.Spec.Output.File)
	}
	return got, nil
}

// Emulates reports whether a runner executes programs for another machine than
// its own: it is given one that ends at once. Work is an empty directory.
func Emulates(ctx context.Context, r Runner, machine, work string) (bool, error) {
	program := tiny.Exit(machine)
	if program == nil {
		return false, nil
	}
	j := Job{
		ID: strings.ToLower(aihub.NewID("try")), Machine: machine, Args: []string{"/program"}, Limits: scenarios.Limits{
			CPUs: 1, Memory: 96 << 20, Pids: 16, Files: 64, Wall: scenarios.Duration(time.Minute), Output: 1 << 20, Inodes: 16, Tmp: 1 << 20, Log: 64 << 10,
		},
		Rootfs: filepath.Join(work, "root"), Input: filepath.Join(work, "in"), Output: filepath.Join(work, "out"),
	}
	for _, d := range []string{j.Rootfs, j.Input, j.Output} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return false, err
		}
	}
	if err := os.WriteFile(filepath.Join(j.Rootfs, "program"), program, 0o755); err != nil {
		return false, err
	}
	res, err := r.Run(ctx, j)
	return err == nil && res.Failure == (aihub.Failure{}), err
}

// made looks at what a training left as the platform would before it seals it.
func (t *Tried) made(dir string) (err error) {
	t.Files, err = modelFiles(dir)
	if f := new(failure); errors.As(err, &f) {
		t.Result.Failure = f.Failure
		return nil
	}
	for _, name := range t.Files {
		fi, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		t.Bytes += fi.Size()
	}
	t.Model = dir
	return err
}

// sample returns the sample as Parquet, and its columns, with the scenario's
// label marked as truth.
func (t Trial) sample(ctx context.Context) (string, []aihub.Column, error) {
	path := t.Sample
	ok, err := table.IsParquet(path)
	if err != nil {
		return "", nil, err
	}
	if !ok {
		if path, err = t.convert(ctx); err != nil {
			return "", nil, err
		}
	}
	r, err := table.OpenParquet(path, nil)
	if err != nil {
		return "", nil, err
	}
	defer r.Close()
	var columns []aihub.Column
	for _, f := range r.Schema() {
		columns = append(columns, aihub.Column{Name: f.Name, Type: string(f.Type), Truth: f.Name == t.Spec.Truth.Column, File: t.Column == f.Name})
	}
	return path, columns, nil
}

// convert writes a CSV sample as Parquet into the work directory.
func (t Trial) convert(ctx context.Context) (path string, err error) {
	src, err := os.Open(t.Sample)
	if err != nil {
		return "", err
	}
	defer src.Close()
	// Keys are text, whatever they look like: 007 is not 7.
	r, err := table.OpenCSV(src, table.CSVOptions{Types: map[string]table.Type{t.Spec.Input.Key: table.String}})
	if err != nil {
		return "", err
	}
	defer r.Close()
	path = filepath.Join(t.Work, "sample.parquet")
	dst, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	w, err := table.NewParquetWriter(dst, r.Schema())
	if err != nil {
		return "", err
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return path, w.Close()
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = w.Write(b)
		}
		if err != nil {
			return "", err
		}
	}
}
