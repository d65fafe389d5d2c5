package sandbox_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aihub"
	"aihub/internal/store"
	"aihub/internal/table"
	"aihub/policies"
	"aihub/sandbox"
	"aihub/scenarios"
)

// A smoke run sees the sample without labels, its log is live, and it has no score.
func TestSmoke(t *testing.T) {
	w := newWorld(t, nil)
	s := w.submit(true, "hello", "sorting")
	r := w.finish(s)
	if r.State != aihub.RunSucceeded || r.Kind != aihub.RunSmoke || r.Attempt != 1 {
		t.Fatalf("%+v", r)
	}
	events, err := w.db.Events(t.Context(), policies.ScopeOf(w.vendor), s.ID, 0)
	w.must(err)
	var log string
	for _, e := range events {
		log += e.Text
	}
	if kept := w.blob(r.Log); log != kept || !strings.Contains(log, "hello sorting\n") {
		t.Errorf("the live log differs from the kept one, or is not what the algorithm wrote:\n%s\n---\n%s", log, kept)
	}
	// The guest prints its inputs, quoted.
	task := `"columns": [ { "name": "x", "type": "int64" } ]`
	plain := strings.Join(strings.Fields(strings.NewReplacer(`\n`, " ", `\"`, `"`).Replace(log)), " ")
	if !strings.Contains(plain, task) || !strings.Contains(log, `/input/things.csv: "id,x\n`) {
		t.Errorf("the algorithm saw:\n%s", log)
	}
	for _, never := range []string{secret, "k001", "value"} { // label, true key, a column that the spec does not name
		if strings.Contains(log, never) {
			t.Errorf("the algorithm saw %q:\n%s", never, log)
		}
	}
	got, err := w.db.Submission(t.Context(), policies.ScopeOf(w.vendor), s.ID)
	w.must(err)
	if got.State != aihub.SubmissionTried || len(w.runs(s)) != 1 {
		t.Errorf("submission %+v with %d runs, want tried and one run", got, len(w.runs(s)))
	}
}

// A trial whose predictions a hidden run would fail with fails with the reasons.
func TestSmokeIsChecked(t *testing.T) {
	w := newWorld(t, nil)
	s := w.submit(true, "hello", "sorting")
	o := w.orchestrator("worker-1")
	o.Check = func(_ context.Context, p sandbox.Predicted) ([]aihub.Fault, error) {
		b, err := os.ReadFile(p.Path)
		if err != nil || len(b) == 0 || len(p.IDs) == 0 || len(p.IDs[0]) != 32 {
			t.Errorf("it was given %+v (%v)", p, err)
		}
		faults := make([]aihub.Fault, 12)
		for i := range faults {
			faults[i] = aihub.Fault{Code: "missing_ids", Where: fmt.Sprint("row ", i), Message: aihub.Text{EN: "is not there", ZH: "缺失"}}
		}
		return faults, nil
	}
	w.work(o, func() bool { return w.run(s).State.Terminal() })
	r := w.run(s)
	if r.Fault.Reason != aihub.ReasonPrediction || r.Fault.Owner != aihub.FaultVendor || !strings.Contains(r.Fault.Detail, "row 0 missing_ids: is not there") || !strings.Contains(r.Fault.Detail, "and 2 more") {
		t.Errorf("%+v", r.Fault)
	}
	if r.Log == "" {
		t.Error("its log is gone")
	}
}

// A hidden run keeps its output and queues scoring; its log is not an event.
func TestHidden(t *testing.T) {
	w := newWorld(t, nil)
	s := w.submit(false, "read", secret)
	r := w.finish(s)
	if r.State != aihub.RunSucceeded || r.Kind != aihub.RunInfer {
		t.Fatalf("%+v", r)
	}
	rows, err := csv.NewReader(strings.NewReader(w.blob(r.Output))).ReadAll()
	if err != nil || len(rows) != 21 || !slices.Equal(rows[0], []string{"id", "label"}) || len(rows[1][0]) != 32 {
		t.Errorf("predictions: %v %v", rows, err)
	}
	log := w.blob(r.Log)
	if strings.Contains(log, "FOUND") || strings.Contains(log, secret) || strings.Contains(log, "k001") || !strings.Contains(log, "found 0 secrets") {
		t.Errorf("log:\n%s", log)
	}
	if r.Usage.WallMS <= 0 || r.Usage.PeakBytes <= 0 || len(r.Posture) < 100 {
		t.Errorf("usage %+v, posture %s", r.Usage, r.Posture)
	}
	events, err := w.db.Events(t.Context(), everything, s.ID, 0)
	w.must(err)
	for _, e := range events {
		if e.Type == "log" || e.Text != "" {
			t.Errorf("an event tells of the log: %+v", e)
		}
	}
	all := w.runs(s)
	if last := all[len(all)-1]; len(all) != 2 || last.Kind != aihub.RunScore || last.State != aihub.RunQueued {
		t.Errorf("runs %+v, want the infer run and a score run that is queued", all)
	}
}

func TestWhoIsToBlame(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		spec   func(*scenarios.Spec)
		break_ func(*world)
		owner  aihub.FaultOwner
		reason aihub.Reason
	}{
		"exit":             {args: []string{"exit", "3"}, owner: aihub.FaultVendor, reason: aihub.ReasonExit},
		"no output":        {args: []string{"exit", "0"}, owner: aihub.FaultVendor, reason: aihub.ReasonNoOutput},
		"link as output":   {args: []string{"make", "symlink"}, owner: aihub.FaultVendor, reason: aihub.ReasonOutput},
		"memory":           {args: []string{"memory"}, owner: aihub.FaultVendor, reason: aihub.ReasonMemory},
		"time":             {args: []string{"stubborn"}, spec: func(s *scenarios.Spec) { s.Limits.Wall = scenarios.Duration(time.Second) }, owner: aihub.FaultVendor, reason: aihub.ReasonTimeout},
		"a part is gone":   {args: []string{"hello"}, break_: (*world).losePart, owner: aihub.FaultData, reason: aihub.ReasonData},
		"a part is broken": {args: []string{"hello"}, break_: (*world).damagePart, owner: aihub.FaultData, reason: aihub.ReasonData},
		"truth as input":   {args: []string{"hello"}, spec: func(s *scenarios.Spec) { s.Input.Columns = []string{"x", "label"} }, owner: aihub.FaultScenario, reason: aihub.ReasonStart},
		"no such column":   {args: []string{"hello"}, spec: func(s *scenarios.Spec) { s.Input.Columns = []string{"z"} }, owner: aihub.FaultScenario, reason: aihub.ReasonStart},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.spec)
			s := w.submit(false, c.args...)
			if c.break_ != nil {
				c.break_(w)
			}
			r := w.finish(s)
			if r.State != aihub.RunFailedState || r.Fault.Owner != c.owner || r.Fault.Reason != c.reason {
				t.Errorf("state %s, fault %+v", r.State, r.Fault)
			}
			if len(w.runs(s)) != 1 {
				t.Errorf("%d runs: a failure for good is not tried again", len(w.runs(s)))
			}
		})
	}
}

func (w *world) losePart() {
	p, _ := w.data.File(aihub.Test)
	w.must(w.blobs.Delete(w.Context(), p.Input))
}

func (w *world) damagePart() {
	p, _ := w.data.File(aihub.Test)
	found := false
	w.must(filepath.WalkDir(filepath.Join(w.dir, "blobs"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(strings.ReplaceAll(path, "/", ""), p.Input.Hex()) {
			found = true
			b, err := os.ReadFile(path)
			w.must(err)
			b[len(b)/2] ^= 1
			w.must(os.Chmod(path, 0o600))
			return os.WriteFile(path, b, 0o600)
		}
		return err
	}))
	if !found {
		w.Fatal("the part's blob was not found on disk")
	}
}

// failing is a runner that cannot do its work.
type failing struct {
	sandbox.Runner
	runs int
}

func (f *failing) Run(context.Context, sandbox.Job) (sandbox.Result, error) {
	f.runs++
	return sandbox.Result{}, errors.New("the disk is on fire")
}

// What the platform failed is tried again, three times in all, and then it is
// the platform's fault and costs no attempt.
func TestPlatformFails(t *testing.T) {
	w := newWorld(t, nil)
	f := &failing{Runner: w.runner}
	s := w.submit(false, "hello")
	o := w.orchestrator("worker-1")
	o.Runner, o.TTL = f, 200*time.Millisecond
	w.work(o, func() bool {
		got, err := w.db.Submission(t.Context(), everything, s.ID)
		w.must(err)
		return got.State.Terminal()
	})
	var states []aihub.RunState
	for _, r := range w.runs(s) {
		states = append(states, r.State)
	}
	if want := []aihub.RunState{aihub.RunFailedState, aihub.RunFailedState, aihub.RunFailedState}; !slices.Equal(states, want) || f.runs != 3 {
		t.Errorf("states %v after %d runs, want %v", states, f.runs, want)
	}
	if r := w.run(s); r.Fault.Owner != aihub.FaultPlatform || r.Fault.Reason != aihub.ReasonPlatform || !strings.Contains(r.Fault.Detail, "on fire") {
		t.Errorf("fault %+v", r.Fault)
	}
}

// down is a runner that can be used now and then.
type down struct {
	sandbox.Runner
	up    atomic.Bool
	lost  atomic.Bool // the next run ends it
	asked atomic.Int32
}

var errDown = aihub.Errorf(aihub.Unavailable, aihub.Text{EN: "it is down", ZH: "无法使用"})

func (d *down) Machine(ctx context.Context) (string, error) {
	d.asked.Add(1)
	if !d.up.Load() {
		return "", errDown
	}
	return d.Runner.Machine(ctx)
}

func (d *down) Sweep(ctx context.Context) error {
	if !d.up.Load() {
		return errDown
	}
	return d.Runner.Sweep(ctx)
}

func (d *down) Run(ctx context.Context, j sandbox.Job) (sandbox.Result, error) {
	if d.lost.Swap(false) {
		d.up.Store(false)
	}
	if !d.up.Load() {
		return sandbox.Result{}, errDown
	}
	return d.Runner.Run(ctx, j)
}

// While the runner cannot be used, at the start or later, runs stay queued and cost
// nothing, the queue says that no worker is there, and they go on by themselves.
func TestRunnerIsDown(t *testing.T) {
	w := newWorld(t, nil)
	w.open(store.Patience{Pause: time.Millisecond})
	d := &down{Runner: w.runner}
	var found atomic.Value
	o := w.orchestrator("worker-1")
	o.Runner, o.Found = d, func(machine string) { found.Store(machine) }
	waits := func(since int32) bool { // and the runner was asked some times since
		n, err := w.db.Workers(t.Context())
		w.must(err)
		return n == 0 && d.asked.Load() >= since+2
	}
	first := w.submit(false, "hello")
	untouched := func(s aihub.Submission) {
		t.Helper()
		if r := w.runs(s); r[len(r)-1].State != aihub.RunQueued {
			t.Errorf("%+v", r[len(r)-1])
		}
	}
	infers := func(s aihub.Submission) (n int) {
		for _, r := range w.runs(s) {
			if r.Kind == aihub.RunInfer {
				n++
			}
		}
		return n
	}
	ran := func(s aihub.Submission) bool {
		return slices.ContainsFunc(w.runs(s), func(r aihub.Run) bool { return r.State == aihub.RunSucceeded })
	}
	step, since := 0, int32(0)
	var second, third aihub.Submission
	w.work(o, func() bool {
		switch step {
		case 0: // down at the start
			if !waits(0) {
				return false
			}
			untouched(first)
			if found.Load() != nil {
				t.Error("what it runs was told before it answered")
			}
			d.up.Store(true)
		case 1: // up
			if n, err := w.db.Workers(t.Context()); err != nil || n == 0 || !ran(first) {
				return false
			}
			if infers(first) != 1 || found.Load() != runtime.GOARCH {
				t.Errorf("%d runs, of %v", infers(first), found.Load())
			}
			d.lost.Store(true)
			second = w.submit(false, "hello")
		case 2: // down under a run: that one is tried again, and not at once
			if infers(second) < 2 {
				return false
			}
			since = d.asked.Load()
			third = w.submit(false, "hello")
		case 3:
			if !waits(since) {
				return false
			}
			untouched(second)
			untouched(third)
			d.up.Store(true)
		case 4:
			return ran(second) && ran(third)
		}
		step++
		return false
	})
	if n := infers(third); n > 2 { // one may have been about to be claimed
		t.Errorf("%d runs of what was submitted while it was down", n)
	}
}

// hanging is a runner whose first run neither ends nor fails, whatever its limits.
type hanging struct {
	sandbox.Runner
	runs atomic.Int32
}

func (h *hanging) Run(ctx context.Context, j sandbox.Job) (sandbox.Result, error) {
	if h.runs.Add(1) == 1 {
		<-ctx.Done()
		return sandbox.Result{}, ctx.Err()
	}
	return h.Runner.Run(ctx, j)
}

// A worker whose heart beats while its work stands still loses the run.
func TestStuckRun(t *testing.T) {
	w := newWorld(t, func(s *scenarios.Spec) { s.Limits.Wall = scenarios.Duration(20 * time.Second) })
	w.open(store.Patience{Running: 200*time.Millisecond - 40*time.Second}) // the first is stuck after 200 ms
	s := w.submit(false, "hello")
	o := w.orchestrator("worker-1")
	o.Runner = &hanging{Runner: w.runner}
	w.work(o, func() bool { return len(w.runs(s)) > 1 })
	if r := w.runs(s)[0]; r.State != aihub.RunLost || !strings.Contains(r.Fault.Detail, "it was running longer") {
		t.Errorf("%s, %+v", r.State, r.Fault)
	}
	w.open(store.Patience{})
	if r := w.finish(s); r.State != aihub.RunSucceeded {
		t.Errorf("%s, %+v", r.State, r.Fault)
	}
	w.once(s)
}

// A run whose submission is cancelled is killed.
func TestCancelled(t *testing.T) {
	w := newWorld(t, nil)
	s := w.submit(true, "stubborn", "0")
	cancelled := false
	w.work(w.orchestrator("worker-1"), func() bool {
		events, err := w.db.Events(t.Context(), everything, s.ID, 0)
		w.must(err)
		if !cancelled && slices.ContainsFunc(events, func(e aihub.Event) bool { return strings.Contains(e.Text, "stubborn 0") }) {
			cancelled = true
			w.must(w.db.CancelSubmission(t.Context(), w.permit(w.vendor, policies.SubmissionCancel, policies.Object{ID: string(s.ID), Org: "acme"}), s.ID))
		}
		return w.run(s).State.Terminal()
	})
	if r := w.run(s); r.State != aihub.RunCancelled {
		t.Errorf("state %s, want cancelled", r.State)
	}
}

// A run whose enrolment is revoked is killed: its sandbox is gone by the next
// heartbeat, a quarter of the lease, and the kill.
func TestRevokedRunDies(t *testing.T) {
	w := newWorld(t, nil)
	s := w.submit(true, "stubborn", "0")
	o := w.orchestrator("worker-1")
	var revoked time.Time
	w.work(o, func() bool {
		events, err := w.db.Events(t.Context(), everything, s.ID, 0)
		w.must(err)
		if revoked.IsZero() && slices.ContainsFunc(events, func(e aihub.Event) bool { return strings.Contains(e.Text, "stubborn 0") }) {
			w.must(w.db.RevokeEnrolment(t.Context(), w.permit(w.steward, policies.EnrolmentRevoke, policies.Object{ID: "enr_1", Org: "city"}), "enr_1", "misuse"))
			revoked = time.Now()
		}
		return w.run(s).State.Terminal()
	})
	took := time.Since(revoked)
	if r := w.run(s); r.State != aihub.RunCancelled || r.Fault.Owner != aihub.FaultPolicy {
		t.Errorf("state %s, %+v, want cancelled by policy", r.State, r.Fault)
	}
	// The lease's length is the bound that the worker itself would have.
	if most := o.TTL + 30*time.Second; took > most {
		t.Errorf("it died %v after it was revoked, at most %v", took, most)
	}
	t.Logf("it was gone %v after it was revoked, with a heartbeat every %v", took.Round(time.Millisecond), o.TTL/4)
}

// waiting is a runner whose hidden runs do not end until they may.
type waiting struct {
	sandbox.Runner
	begun atomic.Int32
	end   chan struct{}
}

func (r *waiting) Run(ctx context.Context, j sandbox.Job) (sandbox.Result, error) {
	if j.Hidden {
		r.begun.Add(1)
		select {
		case <-r.end:
		case <-ctx.Done():
			return sandbox.Result{}, ctx.Err()
		}
	}
	return r.Runner.Run(ctx, j)
}

// While a run goes on, its lease is renewed: without heartbeats another worker would
// have it after one lease.
func TestLeaseIsRenewed(t *testing.T) {
	w := newWorld(t, nil)
	s := w.submit(false, "hello")
	runner := &waiting{Runner: w.runner, end: make(chan struct{})}
	o := w.orchestrator("worker-1")
	o.Runner = runner
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "aihub.db")+"?_pragma=busy_timeout(60000)&_pragma=query_only(1)")
	w.must(err)
	defer db.Close()
	var first aihub.RunID // and until when it was leased when it was first looked at
	var until int64
	renewed := false
	w.work(o, func() bool {
		if renewed {
			return w.run(s).State.Terminal()
		}
		var id aihub.RunID
		var now int64
		switch err := db.QueryRow("SELECT run, expires_at FROM leases").Scan(&id, &now); {
		case errors.Is(err, sql.ErrNoRows): // not yet, or lost: then the next one counts
		case err != nil:
			t.Fatal(err)
		case id != first:
			first, until = id, now
		case now > until: // no other write than a heartbeat moves it
			renewed = true
			close(runner.end)
		}
		return false
	})
}

// A trial has a place of its own: when it begins tells nothing of when the hidden
// runs end that hold all the others, not even where organisations are capped.
func TestTrialsDoNotWaitForHiddenRuns(t *testing.T) {
	w := newWorld(t, nil)
	w.queue.PerOrg = 2
	w.open(store.Patience{})
	runner := &waiting{Runner: w.runner, end: make(chan struct{})}
	o := w.orchestrator("worker-1")
	o.Runner = runner
	places, _ := store.Places(o.Parallel)
	var hidden []aihub.Submission
	for range places + 1 {
		hidden = append(hidden, w.submit(false, "hello"))
	}
	var trial aihub.Submission
	ended := false
	w.work(o, func() bool {
		switch {
		case trial.ID == "":
			if int(runner.begun.Load()) == places {
				trial = w.submit(true, "hello")
			}
			return false
		case !ended && w.run(trial).State.Terminal():
			ended = true
			if r := w.run(trial); r.State != aihub.RunSucceeded {
				t.Errorf("the trial %s: %+v", r.State, r.Fault)
			}
			if n := int(runner.begun.Load()); n != places {
				t.Errorf("%d hidden runs began at once, in %d places", n, places)
			}
			close(runner.end)
		}
		return ended && !slices.ContainsFunc(hidden, func(s aihub.Submission) bool { return !w.run(s).State.Terminal() })
	})
}

func TestSeveralAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	var subs []aihub.Submission
	for range 5 {
		subs = append(subs, w.submit(false, "hello"))
	}
	w.work(w.orchestrator("worker-1"), func() bool {
		return !slices.ContainsFunc(subs, func(s aihub.Submission) bool { return !w.run(s).State.Terminal() })
	})
	for _, s := range subs {
		if r := w.run(s); r.State != aihub.RunSucceeded {
			t.Errorf("%s %+v", r.State, r.Fault)
		}
	}
}

const workerVar = "AIHUB_TEST_WORKER" // directory of the world

// TestWorkerProcess is the worker that others kill or stop. Whatever image it is
// given, it runs one that does not end.
func TestWorkerProcess(t *testing.T) {
	dir := os.Getenv(workerVar)
	if dir == "" {
		t.Skip("is started by TestKilledWorker and TestStoppedWorker")
	}
	w := openWorld(t, dir)
	o := w.orchestrator("worker-of-another-process")
	o.Runner, o.Log = endless{w.runner}, slog.New(slog.NewTextHandler(os.Stdout, nil))
	w.must(o.Work(context.Background()))
}

type endless struct{ sandbox.Runner }

func (e endless) Run(ctx context.Context, j sandbox.Job) (sandbox.Result, error) {
	j.Args, j.Log = []string{"/guest", "stubborn", "0"}, os.Stdout
	return e.Runner.Run(ctx, j)
}

// startWorker starts that process and waits until it runs something.
func startWorker(w *world) (*exec.Cmd, *bufio.Scanner) {
	w.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestWorkerProcess$", "-test.v")
	cmd.Env = append(os.Environ(), workerVar+"="+w.dir)
	out, err := cmd.StdoutPipe()
	w.must(err)
	cmd.Stderr = os.Stderr
	w.must(cmd.Start())
	lines := bufio.NewScanner(out)
	w.Cleanup(func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	waitFor(w, lines, "stubborn 0")
	return cmd, lines
}

func waitFor(w *world, lines *bufio.Scanner, want string) {
	w.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), want) {
			return
		}
		w.Log(lines.Text())
	}
	w.Fatalf("the other worker never said %q", want)
}

// once fails unless the submission's work had exactly one effect.
func (w *world) once(s aihub.Submission) {
	w.Helper()
	var inferred, scoring int
	for _, r := range w.runs(s) {
		switch {
		case r.Kind == aihub.RunScore:
			scoring++
		case r.State == aihub.RunSucceeded:
			inferred++
		case r.State != aihub.RunLost:
			w.Errorf("run %+v", r)
		}
	}
	b, err := w.db.Budget(w.Context(), everything, w.sc, "main", "acme")
	w.must(err)
	if inferred != 1 || scoring != 1 || b.Attempts != 1 {
		w.Errorf("%d runs succeeded, %d are to be scored, %d attempts are charged; want one each", inferred, scoring, b.Attempts)
	}
	if rep, err := w.db.VerifyLedger(w.Context()); err != nil || len(rep.Faults) > 0 {
		w.Errorf("ledger: %v %+v", err, rep.Faults)
	}
}

// A worker that is killed: another one completes its run, and clears up after it.
func TestKilledWorker(t *testing.T) {
	w := newWorld(t, nil)
	s := w.submit(false, "hello")
	other, _ := startWorker(w)
	lost := w.run(s)
	w.must(other.Process.Kill())
	r := w.finish(s)
	if r.State != aihub.RunSucceeded || r.Attempt != 2 || r.ID == lost.ID {
		t.Errorf("%+v", r)
	}
	w.once(s)
	if left, _ := filepath.Glob(filepath.Join(w.dir, "run", "run", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, ok := find(string(lost.ID)); ok {
		t.Error("a process of the killed worker's sandbox is left")
	}
}

// find looks for a process that has s in its command line.
func find(s string) (string, bool) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range all {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), s) {
			return f, true
		}
	}
	return "", false
}

// A worker that is stopped long enough to lose its lease and then goes on can
// write nothing any more.
func TestStoppedWorker(t *testing.T) {
	w := newWorld(t, nil)
	s := w.submit(false, "hello")
	other, lines := startWorker(w)
	w.must(other.Process.Signal(syscall.SIGSTOP))
	w.others = 1
	if r := w.finish(s); r.State != aihub.RunSucceeded || r.Attempt != 2 {
		t.Errorf("%+v", r)
	}
	w.must(other.Process.Signal(syscall.SIGCONT))
	waitFor(w, lines, "the lease was lost")
	w.once(s)
}

// Try strips labels and changes row ids as the platform does.
func TestTry(t *testing.T) {
	w := newWorld(t, nil)
	if guestPath == "" {
		w.image("hello")
	}
	rootfs := filepath.Join(t.TempDir(), "rootfs")
	w.must(os.Mkdir(rootfs, 0o755))
	program, err := guest()
	w.must(err)
	w.must(os.WriteFile(filepath.Join(rootfs, "guest"), program, 0o755))

	csvSample, parquetSample := filepath.Join(t.TempDir(), "sample.csv"), filepath.Join(t.TempDir(), "sample.parquet")
	w.must(os.WriteFile(csvSample, []byte("id,x,y,label\n007,1,v,"+secret+"\n008,2,v,"+secret+"\n"), 0o644))
	b := rows(2)
	f, err := os.Create(parquetSample)
	w.must(err)
	var fields []table.Field
	for _, c := range b.Cols {
		fields = append(fields, c.Field)
	}
	pw, err := table.NewParquetWriter(f, fields)
	w.must(err)
	w.must(pw.Write(b))
	w.must(errors.Join(pw.Close(), f.Close()))

	for sample, keys := range map[string][]string{csvSample: {"007", "008"}, parquetSample: {"k001", "k002"}} {
		var log strings.Builder
		got, err := sandbox.Try(t.Context(), sandbox.Trial{
			Runner: w.runner, Spec: w.spec, Ref: w.sc, Sample: sample, Rootfs: rootfs, Args: []string{"/guest", "read", secret}, Work: t.TempDir(), Log: &log,
		})
		w.must(err)
		if strings.Contains(log.String(), secret) || strings.Contains(log.String(), "FOUND") || strings.Contains(log.String(), keys[0]+",") {
			t.Errorf("the algorithm saw labels or keys:\n%s", log.String())
		}
		out, err := os.ReadFile(got.Output)
		w.must(err)
		for _, k := range keys {
			if id := table.RowID(got.RowKey, k); !strings.Contains(string(out), id+",a") {
				t.Errorf("no prediction for %s (%s):\n%s", k, id, out)
			}
		}
	}

	got, err := sandbox.Try(t.Context(), sandbox.Trial{
		Runner: w.runner, Spec: w.spec, Ref: w.sc, Sample: csvSample, Rootfs: rootfs, Args: []string{"/guest", "exit", "4"}, Work: t.TempDir(),
	})
	w.must(err)
	if got.Result.Failure.Reason != aihub.ReasonExit || got.Result.Exit != 4 || got.Output != "" {
		t.Errorf("%+v", got)
	}
	bad := w.spec
	bad.Input.Columns = []string{"nothing"}
	_, err = sandbox.Try(t.Context(), sandbox.Trial{Runner: w.runner, Spec: bad, Ref: w.sc, Sample: csvSample, Rootfs: rootfs, Args: []string{"/guest"}, Work: t.TempDir()})
	if aihub.KindOf(err) != aihub.Contract {
		t.Errorf("a sample without a column of the spec: %v", err)
	}
}

// counting is a runner that notes what it is given.
type counting struct {
	sandbox.Runner
	mu   sync.Mutex
	rows []int
	ids  []string
}

func (c *counting) Run(ctx context.Context, j sandbox.Job) (sandbox.Result, error) {
	b, err := os.ReadFile(filepath.Join(j.Input, "things.csv"))
	if err != nil {
		return sandbox.Result{}, err
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	id, _, _ := strings.Cut(lines[1], ",")
	c.mu.Lock()
	c.rows, c.ids = append(c.rows, len(lines)-1), append(c.ids, id)
	c.mu.Unlock()
	return c.Runner.Run(ctx, j)
}

// On a large part a hidden run tries a slice with row ids of its own; a program
// that fails there does not see the rest, and the outcome is the same.
func TestOneCaseFirst(t *testing.T) {
	w := newWorldOf(t, 5000, nil)
	c := &counting{Runner: w.runner}
	w.runner = c
	trial := w.submit(true, "hello")
	if w.finish(trial); !slices.Equal(c.rows, []int{5}) {
		t.Errorf("a trial ran on %v rows", c.rows)
	}
	c.rows, c.ids = nil, nil
	r := w.finish(w.submit(false, "read", secret))
	if r.State != aihub.RunSucceeded || !slices.Equal(c.rows, []int{50, 5000}) || c.ids[0] == c.ids[1] {
		t.Fatalf("%+v, on %v rows", r, c.rows)
	}
	if rows, err := csv.NewReader(strings.NewReader(w.blob(r.Output))).ReadAll(); err != nil || len(rows) != 5001 {
		t.Errorf("%d predictions, %v", len(rows), err)
	}
	if n := strings.Count(w.blob(r.Log), "found 0 secrets"); n != 1 {
		t.Errorf("the log speaks of %d runs", n)
	}
	c.rows = nil
	// What it predicts for the slice is looked at before the rest is tried.
	o, looked := w.orchestrator("worker-1"), 0
	o.Check = func(_ context.Context, p sandbox.Predicted) ([]aihub.Fault, error) {
		rows, err := os.ReadFile(p.Path)
		if looked++; err != nil || len(p.IDs) != 50 || !strings.Contains(string(rows), p.IDs[7]) {
			t.Errorf("%d ids (%s) of %.200s, %v", len(p.IDs), p.IDs[7], rows, err)
		}
		return []aihub.Fault{{Code: "unknown_label"}}, nil
	}
	bad := w.submit(false, "read", secret)
	w.work(o, func() bool { return w.run(bad).State.Terminal() })
	if r := w.run(bad); !slices.Equal(c.rows, []int{50}) || looked != 1 || r.Fault.Owner != aihub.FaultVendor || r.Fault.Reason != aihub.ReasonPrediction {
		t.Errorf("%+v after %d looks, on %v rows", r, looked, c.rows)
	}
	c.rows = nil
	if r := w.finish(w.submit(false, "exit", "3")); !slices.Equal(c.rows, []int{50}) || r.Fault.Owner != aihub.FaultVendor || r.Fault.Reason != aihub.ReasonExit {
		t.Errorf("%+v", r)
	}
}
