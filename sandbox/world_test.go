package sandbox_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/oci"
	"aihub/internal/store"
	"aihub/internal/table"
	"aihub/policies"
	"aihub/sandbox"
	"aihub/sandbox/gvisor"
	"aihub/sandbox/runnertest"
	"aihub/scenarios"
)

func TestMain(m *testing.M) {
	gvisor.Dispatch()
	os.Exit(m.Run())
}

// world is a platform on real files with one scenario, one vendor who takes it
// up, and sandboxes.
type world struct {
	testing.TB
	dir    string
	db     *store.DB
	blobs  blob.Store
	runner sandbox.Runner
	queue  store.Queue
	eng    *policies.Engine
	spec   scenarios.Spec
	sc     aihub.Ref
	data   aihub.DatasetVersion
	others int // workers of other processes that are alive

	steward, reviewer, vendor aihub.Actor
}

var limits = scenarios.Limits{
	CPUs: 1, Memory: 128 << 20, Pids: 64, Files: 128, Wall: scenarios.Duration(time.Minute),
	Output: 1 << 20, Inodes: 32, Tmp: 1 << 20, Log: 64 << 10,
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%v (%s)", err, aihub.KindOf(err))
	}
}

// newWorld makes the platform; change may alter the spec before it is published.
func newWorld(t testing.TB, change func(*scenarios.Spec)) *world {
	t.Helper()
	return newWorldOf(t, 20, change)
}

// newWorldOf makes a platform with so many rows in the hidden part.
func newWorldOf(t testing.TB, hidden int, change func(*scenarios.Spec)) *world {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("sandboxes run on Linux only")
	}
	w := openWorld(t, t.TempDir())
	w.people()
	w.dataset(hidden)
	w.scenario(change)
	return w
}

// openWorld opens the platform in dir.
func openWorld(t testing.TB, dir string) *world {
	t.Helper()
	w := &world{TB: t, dir: dir, runner: gvisor.New(filepath.Join(dir, "run"))}
	if c := w.runner.Probe(t.Context()); !c.CanRunHidden() {
		if os.Getenv("CI") != "" {
			t.Fatalf("this machine cannot run sandboxes: %+v", c)
		}
		t.Skipf("this machine cannot run sandboxes: %+v", c)
	}
	w.open(store.Patience{})
	t.Cleanup(func() { w.db.Close() })
	var err error
	w.blobs, err = blob.Open(filepath.Join(dir, "blobs"))
	w.must(err)
	w.eng, err = policies.New()
	w.must(err)
	return w
}

// open opens the store, again if need be.
func (w *world) open(p store.Patience) {
	w.Helper()
	if w.db != nil {
		w.must(w.db.Close())
	}
	if p.Pause == 0 {
		p.Pause = 50 * time.Millisecond
	}
	seed := sha256.Sum256([]byte("a test's signing key"))
	var err error
	w.db, err = store.Open(w.Context(), store.Options{
		Queue: w.queue,
		DSN:   filepath.Join(w.dir, "aihub.db"), Signer: ed25519.NewKeyFromSeed(seed[:]), Checkpoint: filepath.Join(w.dir, "checkpoint"), Patience: p,
	})
	w.must(err)
}

func (w *world) permit(a aihub.Actor, act policies.Action, o policies.Object) policies.Permit {
	w.Helper()
	for i := range act {
		if act[i] == '.' {
			o.Kind = string(act[:i])
		}
	}
	p, err := w.eng.Authorize(w.Context(), a, act, o)
	w.must(err)
	return p
}

func (w *world) people() {
	ctx := w.Context()
	ops := aihub.Actor{User: "ops", Org: "platform", Roles: []aihub.Role{aihub.Operator}}
	w.must(w.db.Bootstrap(ctx, aihub.Org{ID: "platform"}, aihub.User{ID: "ops", Name: "Ops", Roles: ops.Roles}, "hash"))
	for _, id := range []aihub.OrgID{"city", "acme"} {
		w.must(w.db.CreateOrg(ctx, w.permit(ops, policies.OrgCreate, policies.Object{ID: string(id)}), aihub.Org{ID: id}))
	}
	person := func(id aihub.UserID, org aihub.OrgID, role aihub.Role) aihub.Actor {
		w.must(w.db.CreateUser(ctx, w.permit(ops, policies.UserCreate, policies.Object{ID: string(id)}), aihub.User{ID: id, Org: org, Name: string(id), Roles: []aihub.Role{role}}, "hash"))
		return aihub.Actor{User: id, Org: org, Roles: []aihub.Role{role}}
	}
	w.steward, w.reviewer, w.vendor = person("stella", "city", aihub.Steward), person("rita", "city", aihub.Reviewer), person("alice", "acme", aihub.Vendor)
}

// secret is the label of every row: it must never be seen by an algorithm.
const secret = "LABEL-7f3a9c"

// rows of the parts: key k1…, x, y and the label.
func rows(n int) *table.Batch {
	b := table.NewBatch([]table.Field{{Name: "id", Type: table.String}, {Name: "x", Type: table.Int64}, {Name: "y", Type: table.String}, {Name: "label", Type: table.String}}, n)
	for i := range n {
		b.Cols[0].AppendStr(fmt.Sprintf("k%03d", i+1))
		b.Cols[1].AppendInt(int64(i))
		b.Cols[2].AppendStr("value")
		b.Cols[3].AppendStr(secret)
		b.Rows++
	}
	return b
}

// parquet keeps columns of b as a blob.
func (w *world) parquet(b *table.Batch, columns ...int) aihub.Digest {
	w.Helper()
	var out bytes.Buffer
	part := &table.Batch{Rows: b.Rows}
	var fields []table.Field
	for _, c := range columns {
		part.Cols = append(part.Cols, b.Cols[c])
		fields = append(fields, b.Cols[c].Field)
	}
	pw, err := table.NewParquetWriter(&out, fields)
	w.must(err)
	w.must(pw.Write(part))
	w.must(pw.Close())
	d, _, err := w.blobs.Put(w.Context(), &out)
	w.must(err)
	return d
}

func (w *world) dataset(hidden int) {
	ctx := w.Context()
	ref := aihub.Ref{Name: "things", Version: 1}
	d := aihub.DigestOf([]byte("x"))
	w.data = aihub.DatasetVersion{
		Ref: ref, Title: aihub.Text{ZH: "物", EN: "Things"}, License: "internal", Key: "id",
		Columns: []aihub.Column{{Name: "id", Type: "string"}, {Name: "x", Type: "int64"}, {Name: "y", Type: "string"}, {Name: "label", Type: "string", Truth: true}},
		Content: d, Plan: d, Raw: d, Profile: d, Card: d,
	}
	for part, n := range map[aihub.Part]int{aihub.Sample: 5, aihub.Train: 8, aihub.Test: hidden} {
		b := rows(n)
		w.data.Parts = append(w.data.Parts, aihub.PartFile{Part: part, Rows: int64(n), Input: w.parquet(b, 0, 1, 2), Truth: w.parquet(b, 0, 3), Bytes: 1})
	}
	cleared, err := policies.Clear(aihub.RiskRecord{Content: w.data.Content})
	w.must(err)
	w.must(w.db.ProposeDataset(ctx, w.permit(w.steward, policies.DatasetPropose, policies.Object{ID: ref.Name, Org: "city"}), w.data, cleared, nil, nil))
	w.must(w.db.DecideDataset(ctx, w.permit(w.reviewer, policies.DatasetApprove, policies.Object{ID: ref.String(), Author: w.steward.User}), ref, true, false, "ok"))
}

func spec() scenarios.Spec {
	return scenarios.Spec{
		APIVersion: scenarios.APIVersion, Kind: "Scenario", Name: "sorting", Dataset: "things@1",
		Input:  scenarios.Input{File: "things.csv", Format: "csv", Key: "id", Columns: []string{"x"}},
		Output: scenarios.Output{File: "predictions.csv", Format: "csv", Columns: []scenarios.OutputColumn{{Name: "label", Type: "string", Classes: []string{"a", "b"}}}},
		Truth:  scenarios.Truth{Column: "label", Type: "string"},
		Limits: limits, Environment: map[string]string{"AIHUB_B": "2", "AIHUB_A": "1"},
		Sharing: scenarios.Sharing{Score: scenarios.ScoreSharing{Release: "policy", Tick: scenarios.Duration(time.Second)}},
	}
}

func (w *world) scenario(change func(*scenarios.Spec)) {
	ctx := w.Context()
	w.spec, w.sc = spec(), aihub.Ref{Name: "sorting", Version: 1}
	if change != nil {
		change(&w.spec)
	}
	canonical, err := scenarios.Canonical(w.spec)
	w.must(err)
	sc := aihub.Scenario{Ref: w.sc, Title: aihub.Text{ZH: "分拣", EN: "Sorting"}, Field: "text", Area: "governance", Dataset: w.data.Ref, Spec: canonical}
	rounds := []aihub.Round{{Name: "main", Part: aihub.Test, Quota: 100, BudgetBits: 1000}}
	w.must(w.db.PublishScenario(ctx, w.permit(w.steward, policies.ScenarioPublish, policies.Object{ID: w.sc.Name, Org: "city"}), sc, rounds))
	e := aihub.Enrolment{ID: "enr_1", Scenario: w.sc, Purpose: "to try", Agreement: aihub.DigestOf([]byte("agreement"))}
	w.must(w.db.RequestEnrolment(ctx, w.permit(w.vendor, policies.EnrolmentRequest, policies.Object{ID: w.sc.String(), For: "acme"}), e))
	w.must(w.db.DecideEnrolment(ctx, w.permit(w.reviewer, policies.EnrolmentDecide, policies.Object{ID: "enr_1", Org: "city", For: "acme"}), "enr_1", true, "ok"))
}

var guest = sync.OnceValues(func() ([]byte, error) { return os.ReadFile(guestPath) })

var guestPath string

// image pushes an image that runs the guest with args.
func (w *world) image(args ...string) aihub.Digest {
	w.Helper()
	if guestPath == "" {
		guestPath = runnertest.Guest(w)
	}
	program, err := guest()
	w.must(err)
	r, pw := io.Pipe()
	go func() {
		pw.CloseWithError(oci.Build(pw, oci.Config{Entrypoint: append([]string{"/guest"}, args...)}, []oci.File{{Name: "guest", Mode: 0o755, Content: program}}))
	}()
	img, err := oci.Import(w.Context(), w.blobs, r, oci.Limits{Temp: w.TempDir()})
	w.must(err)
	w.must(w.db.RegisterImage(w.Context(), w.permit(w.vendor, policies.ImagePush, policies.Object{ID: "acme", Org: "acme"}), "acme", img.Digest, img.Size))
	return img.Digest
}

// submit enters the guest with args.
func (w *world) submit(smoke bool, args ...string) aihub.Submission {
	w.Helper()
	sub := aihub.Submission{Scenario: w.sc, Round: "main", Image: w.image(args...), Name: "entry", Nonce: aihub.NewID("n"), Smoke: smoke}
	bits := 1.0
	if smoke {
		sub.Round, bits = "", 0
	}
	s, err := w.db.Submit(w.Context(), w.permit(w.vendor, policies.SubmissionCreate, policies.Object{ID: w.sc.String(), Org: "city", For: "acme"}), sub, bits)
	w.must(err)
	return s
}

func (w *world) orchestrator(worker aihub.WorkerID) *sandbox.Orchestrator {
	return &sandbox.Orchestrator{
		DB: w.db, Blobs: w.blobs, Images: &oci.Cache{Dir: filepath.Join(w.dir, "images")}, Runner: w.runner,
		Dir: filepath.Join(w.dir, "work"), Worker: worker, Parallel: 3, TTL: 2 * time.Second, Poll: time.Second,
		Log: slog.New(slog.NewTextHandler(logTo{w.TB}, nil)),
	}
}

type logTo struct{ testing.TB }

func (l logTo) Write(b []byte) (int, error) {
	l.Logf("%s", bytes.TrimSpace(b))
	return len(b), nil
}

// work lets o work until done says so, which is asked again and again.
func (w *world) work(o *sandbox.Orchestrator, done func() bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 2*time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- o.Work(ctx) }()
	for !done() {
		select {
		case err := <-ended:
			w.Fatalf("the orchestrator stopped by itself: %v", err)
		case <-ctx.Done():
			w.Fatal("not done after two minutes")
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	w.must(<-ended)
	if left, _ := filepath.Glob(filepath.Join(o.Dir, "worker-*")); len(left) > w.others {
		w.Errorf("left behind: %v", left)
	}
}

var everything = policies.ScopeOf(policies.Platform())

// run returns the newest sandbox run of a submission.
func (w *world) run(s aihub.Submission) aihub.Run {
	w.Helper()
	var last aihub.Run
	for _, r := range w.runs(s) {
		if r.Kind != aihub.RunScore {
			last = r
		}
	}
	return last
}

func (w *world) runs(s aihub.Submission) []aihub.Run {
	w.Helper()
	all, err := w.db.Runs(w.Context(), everything, s.ID)
	w.must(err)
	return all
}

// finish works until the submission's run is over, and returns it.
func (w *world) finish(s aihub.Submission) aihub.Run {
	w.Helper()
	w.work(w.orchestrator("worker-1"), func() bool { return w.run(s).State.Terminal() && w.run(s).State != aihub.RunLost })
	return w.run(s)
}

func (w *world) blob(d aihub.Digest) string {
	w.Helper()
	r, err := w.blobs.Open(w.Context(), d)
	w.must(err)
	defer r.Close()
	b, err := io.ReadAll(r)
	w.must(err)
	return string(b)
}
