package sandbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

// inputs is what is needed to lay out /input.
type inputs struct {
	ref     aihub.Ref
	spec    scenarios.Spec
	columns []aihub.Column // of the dataset
	part    string         // Parquet file
	files   string         // archive of the rows' files; "" for a table alone
	labels  string         // Parquet file with the part's truth; "" except where an algorithm trains
	rowKey  []byte
}

// prepare makes dir/input and dir/output. The files are readable for everybody,
// because the algorithm is another user; dir is not.
func prepare(ctx context.Context, dir string, in inputs) error {
	if err := in.check(); err != nil {
		return err
	}
	for _, d := range []string{"input", "output"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	newTask := scenarios.NewTask
	if in.labels != "" {
		newTask = scenarios.NewTrainTask
	}
	task, err := newTask(in.ref, in.spec, in.columns)
	if err != nil {
		return broken(err)
	}
	b, err := task.JSON()
	if err != nil {
		return err
	}
	input := filepath.Join(dir, "input")
	if err := os.WriteFile(filepath.Join(input, "task.json"), b, 0o644); err != nil {
		return err
	}
	dst := filepath.Join(input, in.spec.Input.File)
	if err := table.Shuffle(ctx, in.part, dst, in.spec.Input.Format, in.spec.Input.Key, in.spec.Input.Columns, in.rowKey); err != nil {
		return unreadable(err)
	}
	if err := in.layFiles(ctx, input); err != nil {
		return err
	}
	files := []string{filepath.Join(input, "task.json"), dst}
	if in.labels != "" {
		// Sorted by the same ids, so that it is row for row the input's.
		dst := filepath.Join(input, in.spec.Train.Labels)
		if err := table.Shuffle(ctx, in.labels, dst, in.spec.Input.Format, in.spec.Input.Key, []string{in.spec.Truth.Column}, in.rowKey); err != nil {
			return unreadable(err)
		}
		files = append(files, dst)
	}
	// Whatever our umask says.
	for _, p := range []string{input, filepath.Join(dir, "output")} {
		if err := os.Chmod(p, 0o755); err != nil {
			return err
		}
	}
	for _, p := range files {
		if err := os.Chmod(p, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// check refuses an input that would hold truth, however that came about.
func (in inputs) check() error {
	for _, c := range in.columns {
		if c.Truth && (slices.Contains(in.spec.Input.Columns, c.Name) || c.Name == in.spec.Input.Key) {
			return broken(fmt.Errorf("input column %q is truth", c.Name))
		}
	}
	names := []string{in.spec.Input.File, in.spec.Output.File}
	if in.labels != "" {
		if in.spec.Train == nil {
			return broken(errors.New("it offers no training"))
		}
		names = append(names, in.spec.Train.Labels)
	}
	for _, name := range names {
		if name == "" || name != filepath.Base(name) || name == "." || name == ".." || name == "task.json" {
			return broken(fmt.Errorf("%q is not a plain file name", name))
		}
	}
	return nil
}

// job puts together what does not depend on where it runs.
func job(dir string, spec scenarios.Spec) Job {
	j := Job{
		Input: filepath.Join(dir, "input"), Output: filepath.Join(dir, "output"),
		Collect: []string{spec.Output.File}, Limits: spec.Limits,
	}
	for _, k := range slices.Sorted(maps.Keys(spec.Environment)) {
		j.Env = append(j.Env, k+"="+spec.Environment[k])
	}
	return j
}

// failure is an error that ends a run for good, with whose fault it is.
type failure struct {
	aihub.Failure
	err error
}

func (f *failure) Error() string { return fmt.Sprintf("%s/%s: %v", f.Owner, f.Reason, f.err) }
func (f *failure) Unwrap() error { return f.err }

func fail(owner aihub.FaultOwner, reason aihub.Reason, err error) error {
	return &failure{aihub.Failure{Owner: owner, Reason: reason, Detail: detail(err)}, err}
}

// broken blames the scenario: its spec cannot be carried out.
func broken(err error) error { return fail(aihub.FaultScenario, aihub.ReasonStart, err) }

// detail bounds what the steward reads of an error.
func detail(err error) string {
	const most = 4 << 10
	s := []rune(err.Error())
	if len(s) > most {
		return string(s[:most]) + "…"
	}
	return string(s)
}
