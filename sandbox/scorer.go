package sandbox

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/store"
	"aihub/internal/table"
	"aihub/scenarios"
)

// Judging is one judgement by a scenario's scorer: two runs of it on the same
// files, in the sandbox that algorithms run in. It finds in /input
//
//	spec.json            the scenario, its spec, and the seed
//	predictions.<format> as the algorithm wrote them, checked
//	truth.<format>       the truth column, under the run's row ids (parquet for arrow)
//	input.<format>       what the algorithm read, when scorer.input says so
//
// and writes scores.json and per_unit.csv, as far as they are declared, to
// /output. It has no network. Its seed is fixed (AIHUB_SEED, PYTHONHASHSEED,
// SOURCE_DATE_EPOCH), and so is, in gVisor, the instant at which its clock begins
// (ScorerClock). An engine has no clock but the machine's: there a scorer that lets
// the time into its answer is found by the second run.
type Judging struct {
	Runner Runner
	ID     string // of the jobs, which get endings
	Ref    aihub.Ref
	Spec   scenarios.Spec

	Rootfs  string // unpacked image of the scorer; the next five are of it, too
	Image   aihub.Digest
	Machine string // see Job
	Args    []string
	Dir     string
	Env     []string

	Truth       string // Parquet, under the dataset's keys
	Input       string // Parquet, likewise; only read when the scorer wants it
	Predictions string
	RowKey      []byte // the run's: its row ids are those of the predictions
	Work        string // empty directory
	Log         io.Writer
	Hidden      bool // see Job
}

// ScorerClock is when the wall clock of a scorer begins, in each run of it.
var ScorerClock = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Judged is what a scorer left: one tar file with the declared files. Without a
// failure both runs wrote the same bytes.
type Judged struct {
	Result Result // its usage is that of both runs
	Packed string
}

// Judge carries out j. A scorer that fails, or that wrote two different things,
// is the scenario's fault, in Judged.Result; an error means the platform failed.
func Judge(ctx context.Context, j Judging) (Judged, error) {
	if j.Spec.Scorer == nil {
		return Judged{}, errors.New("sandbox: the scenario has no scorer")
	}
	if err := j.lay(ctx); err != nil {
		return Judged{}, err
	}
	var out Judged
	files := j.Spec.Scorer.Files()
	var dirs [2]string
	for i := range dirs {
		dir := filepath.Join(j.Work, fmt.Sprintf("output-%d", i+1))
		dirs[i] = dir
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
			return Judged{}, err
		}
		res, err := j.Runner.Run(ctx, j.job(i+1, dir))
		if err != nil {
			return Judged{}, err
		}
		res.Usage.CPUMS += out.Result.Usage.CPUMS
		res.Usage.WallMS += out.Result.Usage.WallMS
		if f := res.Failure; f != (aihub.Failure{}) && f.Owner != aihub.FaultPlatform {
			// Whatever an algorithm would have to answer for, the scorer's owner does.
			res.Failure = aihub.Failure{Owner: aihub.FaultScenario, Reason: aihub.ReasonScorer, Detail: fmt.Sprintf("the scorer: %s %s", f.Reason, f.Detail)}
		}
		if out.Result = res; res.Failure != (aihub.Failure{}) {
			return out, nil
		}
	}
	for _, name := range files {
		same, err := sameFile(filepath.Join(dirs[0], name), filepath.Join(dirs[1], name))
		if err != nil {
			return Judged{}, err
		}
		if !same {
			out.Result.Failure = aihub.Failure{Owner: aihub.FaultScenario, Reason: aihub.ReasonScorer,
				Detail: fmt.Sprintf("the scorer is not deterministic: two runs on the same files wrote different %s", name)}
			return out, nil
		}
	}
	out.Packed = filepath.Join(j.Work, "judged.tar")
	return out, pack(out.Packed, dirs[0], files)
}

// sameFile compares two files, which may be as large as the scorer's limit, piece by
// piece.
func sameFile(a, b string) (same bool, err error) {
	x, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer x.Close()
	y, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer y.Close()
	p, q := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(x, p)
		m, other := io.ReadFull(y, q)
		for _, err := range []error{err, other} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return false, err
			}
		}
		if !bytes.Equal(p[:n], q[:m]) {
			return false, nil
		}
		if err != nil {
			return true, nil // both ended here: as many bytes were read of each
		}
	}
}

func (j Judging) job(n int, output string) Job {
	sum := sha256.Sum256([]byte(j.Ref.String()))
	return Job{
		ID: fmt.Sprintf("%s-s%d", j.ID, n), Rootfs: j.Rootfs, Image: j.Image, Machine: j.Machine, Args: j.Args, Dir: j.Dir,
		Input: filepath.Join(j.Work, "input"), Output: output, Collect: j.Spec.Scorer.Files(), Limits: j.Spec.Scorer.Limits,
		Env: append(slices.Clone(j.Env), "AIHUB_SEED="+hex.EncodeToString(sum[:8]), "PYTHONHASHSEED=0", "SOURCE_DATE_EPOCH=0", "TZ=UTC"),
		Log: j.Log, Hidden: j.Hidden, Clock: ScorerClock,
	}
}

// lay makes Work/input.
func (j Judging) lay(ctx context.Context) error {
	dir := filepath.Join(j.Work, "input")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(j.Ref.String()))
	canonical, err := scenarios.Canonical(j.Spec)
	if err != nil {
		return err
	}
	spec, err := json.Marshal(map[string]any{"scenario": j.Ref.String(), "spec": json.RawMessage(canonical), "seed": hex.EncodeToString(sum[:8])})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "spec.json"), spec, 0o644); err != nil {
		return err
	}
	format := j.Spec.Output.Format
	if err := copyFile(filepath.Join(dir, "predictions."+format), j.Predictions); err != nil {
		return err
	}
	if !slices.Contains([]string{table.FormatCSV, table.FormatJSONL}, format) {
		format = table.FormatParquet
	}
	if err := table.Shuffle(ctx, j.Truth, filepath.Join(dir, "truth."+format), format, j.Spec.Input.Key, []string{j.Spec.Truth.Column}, j.RowKey); err != nil {
		return unreadable(err)
	}
	if j.Spec.Scorer.Input {
		in := j.Spec.Input
		if err := table.Shuffle(ctx, j.Input, filepath.Join(dir, "input."+in.Format), in.Format, in.Key, in.Columns, j.RowKey); err != nil {
			return unreadable(err)
		}
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries { // whatever our umask says
		err = errors.Join(err, os.Chmod(filepath.Join(dir, e.Name()), 0o644))
	}
	return err
}

func copyFile(dst, src string) (err error) {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// pack writes the files of dir to one, the same bytes for the same files.
func pack(path, dir string, names []string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	for _, name := range names {
		if err := packFile(w, filepath.Join(dir, name), name); err != nil {
			return err
		}
	}
	return w.Close()
}

func packFile(w *tar.Writer, path, name string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: st.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return err
}

// ScorerOwner is who owns the unpacked scorer of a scenario: no vendor, so that
// nothing of it is shared with what vendors submit.
func ScorerOwner(sc aihub.Ref) string { return "scorer of " + sc.String() }

// judge carries out the scorer's stage of a score run.
func (o *Orchestrator) judge(ctx context.Context, l *store.Lease, home *scratch) (out store.Outcome, err error) {
	run := l.Run()
	if err := o.DB.Advance(ctx, l, aihub.RunPreparing); err != nil {
		return out, err
	}
	dir, err := home.dir(string(run.ID))
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	scenario, dataset, infer, err := o.DB.RunInputs(ctx, l)
	if err != nil {
		return out, err
	}
	spec, err := scenarios.ParseCanonical(scenario.Spec)
	if err != nil {
		return out, broken(err)
	}
	file, ok := dataset.File(infer.Part)
	if !ok || spec.Scorer == nil {
		return out, fail(aihub.FaultData, aihub.ReasonData, fmt.Errorf("dataset %s has no part %s, or the scenario no scorer", dataset.Ref, infer.Part))
	}
	j := Judging{
		Runner: o.Runner, ID: string(run.ID), Ref: run.Scenario, Spec: spec, RowKey: infer.RowKey, Image: run.Image,
		Truth: filepath.Join(dir, "truth"), Input: filepath.Join(dir, "part"), Predictions: filepath.Join(dir, "predictions"), Work: filepath.Join(dir, "work"), Hidden: true,
	}
	fetch := map[string]aihub.Digest{j.Truth: file.Truth, j.Predictions: infer.Output}
	if spec.Scorer.Input {
		fetch[j.Input] = file.Input
	}
	for path, d := range fetch {
		if err := blob.Fetch(ctx, o.Blobs, d, path); err != nil {
			return out, unreadable(err)
		}
	}
	if err := os.Mkdir(j.Work, 0o700); err != nil {
		return out, err
	}
	img, err := o.image(ctx, run.Image)
	if err != nil {
		return out, err
	}
	rootfs, release, err := o.Images.Rootfs(ctx, o.Blobs, img, ScorerOwner(run.Scenario))
	if err != nil {
		return out, err
	}
	defer release()
	j.Rootfs, j.Args, j.Dir, j.Env = rootfs, img.Args(), img.WorkingDir, img.Env
	var log bytes.Buffer // both runs'; each is bounded by the runner
	j.Log = &log
	if err := o.DB.Advance(ctx, l, aihub.RunRunning); err != nil {
		return out, err
	}
	got, err := Judge(ctx, j)
	if err != nil {
		return out, err
	}
	if err := o.DB.Advance(ctx, l, aihub.RunCollecting); err != nil {
		return out, err
	}
	out = store.Outcome{Usage: got.Result.Usage, Posture: got.Result.Posture, Failure: got.Result.Failure}
	if log.Len() > 0 {
		if out.Log, err = o.store(ctx, l, &log); err != nil {
			return store.Outcome{}, err
		}
	}
	if got.Packed != "" {
		if out.Output, err = o.put(ctx, l, got.Packed); err != nil {
			return store.Outcome{}, err
		}
	}
	return out, nil
}
