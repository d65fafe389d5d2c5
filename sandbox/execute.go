package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/oci"
	"aihub/internal/store"
	"aihub/internal/table"
	"aihub/scenarios"
)

// execute prepares, runs and collects one run. An error means that the platform
// or the data failed; what the algorithm did wrong is in the Outcome.
func (o *Orchestrator) execute(ctx context.Context, l *store.Lease) (store.Outcome, error) {
	r := l.Run()
	if err := o.DB.Advance(ctx, l, aihub.RunPreparing); err != nil {
		return store.Outcome{}, err
	}
	sc, v, _, err := o.DB.RunInputs(ctx, l)
	if err != nil {
		return store.Outcome{}, err
	}
	spec, err := scenarios.ParseCanonical(sc.Spec)
	if err != nil {
		return store.Outcome{}, err
	}
	dir, err := os.MkdirTemp(o.Dir, string(r.ID)+"-")
	if err != nil {
		return store.Outcome{}, err
	}
	defer os.RemoveAll(dir)

	part, ok := v.File(r.Part)
	if !ok {
		return store.Outcome{}, dataError{fmt.Errorf("dataset %s has no part %q", v.Ref, r.Part)}
	}
	whole := filepath.Join(dir, "part.parquet")
	if err := blob.Fetch(ctx, o.Blobs, part.Input, whole); err != nil {
		return store.Outcome{}, dataError{err}
	}
	task, err := scenarios.NewTask(sc.Ref, spec, v.Columns)
	if err != nil {
		return store.Outcome{}, dataError{err}
	}
	job, err := prepare(ctx, dir, whole, spec, task, r.RowKey)
	if err != nil {
		return store.Outcome{}, dataError{err}
	}
	if err := os.Remove(whole); err != nil {
		return store.Outcome{}, err
	}
	img, err := oci.Load(ctx, o.Blobs, r.Image)
	if err != nil {
		return store.Outcome{}, err
	}
	root, release, err := o.Images.Rootfs(ctx, o.Blobs, img)
	if err != nil {
		return store.Outcome{}, err
	}
	defer release()

	logs := &runLog{limit: int64(spec.Limits.Log)}
	if !r.Kind.Hidden() {
		logs.live = func(s string) error { return o.DB.AppendLog(ctx, l, s) }
	}
	job.ID, job.Rootfs, job.Args, job.Dir = string(r.ID), root, img.Args(), img.WorkingDir
	job.Env = declared(spec, img.Env)
	job.Log, job.Hidden = logs, r.Kind.Hidden()
	if err := o.DB.Advance(ctx, l, aihub.RunRunning); err != nil {
		return store.Outcome{}, err
	}
	stop := logs.flushEvery()
	res, err := o.Runner.Run(ctx, job)
	stop()
	if err != nil {
		return store.Outcome{}, err
	}
	if err := o.DB.Advance(ctx, l, aihub.RunCollecting); err != nil {
		return store.Outcome{}, err
	}
	out := store.Outcome{Usage: res.Usage, Posture: res.Posture, Failure: res.Failure}
	if out.Log, _, err = o.Blobs.Put(ctx, bytes.NewReader(logs.kept())); err != nil {
		return store.Outcome{}, err
	}
	if res.Failure != (aihub.Failure{}) {
		return out, nil
	}
	f, err := os.Open(filepath.Join(job.Output, spec.Output.File))
	if err != nil {
		return store.Outcome{}, err
	}
	defer f.Close()
	if out.Output, _, err = o.Blobs.Put(ctx, f); err != nil {
		return store.Outcome{}, err
	}
	return out, nil
}

// prepare lays out what the contract promises an algorithm, below dir: /input
// with the shuffled table and task.json, and an empty /output. Only the columns
// that the spec names are copied, so that a label has no way in. It is the same
// for smoke, hidden and local runs.
func prepare(ctx context.Context, dir, part string, spec scenarios.Spec, task scenarios.Task, rowKey []byte) (Job, error) {
	j := Job{
		Input: filepath.Join(dir, "input"), Output: filepath.Join(dir, "output"),
		Collect: []string{spec.Output.File}, Limits: spec.Limits,
	}
	// The parent is private; the guest reads these through its mount.
	for _, d := range []string{j.Input, j.Output} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return j, err
		}
	}
	err := table.Shuffle(ctx, part, filepath.Join(j.Input, spec.Input.File), spec.Input.Format, spec.Input.Key, spec.Input.Columns, rowKey)
	if err != nil {
		return j, err
	}
	b, err := task.JSON()
	if err != nil {
		return j, err
	}
	return j, os.WriteFile(filepath.Join(j.Input, "task.json"), b, 0o644)
}

// declared is the image's own PATH and what the spec declares.
func declared(spec scenarios.Spec, image []string) []string {
	env := slices.Clone(image)
	for _, k := range slices.Sorted(maps.Keys(spec.Environment)) {
		env = append(env, k+"="+spec.Environment[k])
	}
	return env
}
