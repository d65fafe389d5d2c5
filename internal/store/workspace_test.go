package store

import (
	"math"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
)

// workspaces publishes a scenario that opens some, and enrols alice.
func (w *world) workspaces(name string) aihub.Ref {
	w.Helper()
	ds := w.dataset(name + "-data")
	r := aihub.Ref{Name: name, Version: 1}
	sc := aihub.Scenario{
		Ref: r, Title: aihub.Text{ZH: "事件分拨", EN: "Event dispatch"}, Summary: aihub.Text{ZH: "按部门分拨", EN: "Route"}, Field: "text", Area: "governance", Dataset: ds,
		Spec: []byte(`{"limits":{"cpus":8,"wall":"9h0m0s"},"train":{"limits":{"cpus":2,"wall":"3m0s"},"quota":5},"workspace":{"wall":"30m0s","idle":"5m0s"},"sharing":{"score":{"release":"policy","tick":"1h0m0s"}}}`),
	}
	rounds := []aihub.Round{{Name: "main", Part: aihub.Test, Quota: 3, BudgetBits: 100}}
	w.must(w.PublishScenario(w.ctx, w.permit(w.steward, policies.ScenarioPublish, policies.Object{ID: name, Org: "city"}), sc, rounds))
	w.enrol(w.alice, r, aihub.Enrolment{})
	return r
}

func (w *world) openWorkspace(a aihub.Actor, sc aihub.Ref, nonce string) (aihub.Submission, error) {
	w.Helper()
	p := w.permit(a, policies.WorkspaceOpen, policies.Object{ID: sc.String(), Org: "city", For: a.Org})
	return w.Submit(w.ctx, p, aihub.Submission{Scenario: sc, Image: w.image(a, "a shell"), Workspace: true, Nonce: nonce}, 0)
}

// TestWorkspaceIsARun shows what a workspace has of a run, and what not.
func TestWorkspaceIsARun(t *testing.T) {
	w := newWorld(t)
	sc := w.workspaces("shells")
	// A permit to submit opens none, nor one to open a submission.
	_, err := w.Submit(w.ctx, w.submitPermit(w.alice, sc), aihub.Submission{Scenario: sc, Image: w.image(w.alice, "a shell"), Workspace: true, Nonce: "no"}, 0)
	w.want(aihub.Refused, err)
	_, err = w.Submit(w.ctx, w.permit(w.alice, policies.WorkspaceOpen, policies.Object{ID: sc.String(), Org: "city", For: "acme"}),
		aihub.Submission{Scenario: sc, Image: w.image(w.alice, "a shell"), Smoke: true, Nonce: "no"}, 0)
	w.want(aihub.Refused, err)
	_, err = w.openWorkspace(w.bob, sc, "b")
	w.want(aihub.Refused, err)
	other := w.scenario("shut", 3, 100, "policy")
	w.enrol(w.alice, other, aihub.Enrolment{})
	_, err = w.openWorkspace(w.alice, other, "c")
	w.want(aihub.Refused, err)

	sub, err := w.openWorkspace(w.alice, sc, "a")
	w.must(err)
	if h, err := w.Hours(w.ctx, policies.ScopeOf(w.alice), "acme"); err != nil || h.Reserved != 1 { // 2 processors, 30 minutes
		t.Errorf("hours %+v %v", h, err)
	}
	// Its receipt begins with its opening.
	raw, err := w.Receipt(w.ctx, policies.ScopeOf(w.alice), sub.ID)
	w.must(err)
	if proven, err := VerifyReceipt(raw, w.PublicKey()); err != nil || len(proven.Steps) != 1 || proven.Steps[0].Act != string(policies.WorkspaceOpen) {
		t.Errorf("the receipt proves %+v: %v", proven, err)
	}
	// Workers of other runs do not take it.
	for _, kinds := range [][]aihub.RunKind{Hidden, Trials, {aihub.RunScore}} {
		if l, err := w.Claim(w.ctx, "worker-1", time.Minute, kinds...); err != nil || l != nil {
			t.Fatalf("a worker of %v took a workspace: %v", kinds, err)
		}
	}
	if _, err := w.Claim(w.ctx, "worker-1", time.Minute, aihub.RunInfer, aihub.RunWorkspace); err == nil {
		t.Error("a worker takes runs of two lines")
	}
	l := w.claim(aihub.RunWorkspace)
	if run := l.Run(); run.Kind != aihub.RunWorkspace || run.Part != aihub.Train || !run.Kind.Hidden() {
		t.Errorf("run %+v", run)
	}
	w.want(aihub.Refused, w.AppendLog(w.ctx, l, "seen")) // its log is the steward's
	_, err = w.openWorkspace(w.alice, sc, "second")
	w.must(err)
	_, err = w.openWorkspace(w.alice, sc, "third")
	w.want(aihub.Quota, err)
	for who, want := range map[*aihub.Actor]int{&w.alice: 2, &w.bob: 0, &w.operator: 2, &w.steward: 2} {
		if list, err := w.Workspaces(w.ctx, policies.ScopeOf(*who)); err != nil || len(list) != want {
			t.Errorf("%s sees %d workspaces (%v), want %d", who.User, len(list), err, want)
		}
	}
	w.must(w.Finish(w.ctx, l, Outcome{Log: digest("cast"), Usage: aihub.Usage{CPUMS: 36_000}}))
	got, err := w.Submission(w.ctx, policies.ScopeOf(w.alice), sub.ID)
	w.must(err)
	if got.State != aihub.SubmissionTried {
		t.Errorf("state %s", got.State)
	}
	if h, err := w.Hours(w.ctx, policies.ScopeOf(w.alice), "acme"); err != nil || h.Used != 0.01 || h.Reserved != 1 {
		t.Errorf("hours %+v %v", h, err)
	}
	if b, err := w.Budget(w.ctx, policies.ScopeOf(w.alice), sc, "main", "acme"); err != nil || b.Attempts != 0 || b.Own != 0 {
		t.Errorf("budget %+v %v", b, err)
	}
	w.sound()
}

// TestWorkspaceIsNotTriedAgain shows its ends that nobody sitting there chose.
func TestWorkspaceIsNotTriedAgain(t *testing.T) {
	w := newWorld(t)
	sc := w.workspaces("shells")
	lost, err := w.openWorkspace(w.alice, sc, "lost")
	w.must(err)
	w.claim(aihub.RunWorkspace)
	w.clock.pass(2 * time.Minute) // its worker is silent
	if n, err := w.Reap(w.ctx); err != nil || n != 1 {
		t.Fatalf("%d %v", n, err)
	}
	closed, err := w.openWorkspace(w.alice, sc, "closed")
	w.must(err)
	l := w.claim(aihub.RunWorkspace)
	if l.Run().Submission != closed.ID {
		t.Fatal("the lost one was queued again")
	}
	w.must(w.CloseWorkspace(w.ctx, w.permit(w.operator, policies.WorkspaceClose, policies.Object{ID: string(closed.ID), Org: "city"}), closed.ID, "maintenance"))
	if stop, err := w.Heartbeat(w.ctx, l, time.Minute); err != nil || !stop {
		t.Errorf("its worker is not told: %v %v", stop, err)
	}
	w.must(w.Finish(w.ctx, l, Outcome{Log: digest("cast"), Failure: aihub.Failure{Owner: aihub.FaultPolicy, Reason: aihub.ReasonCancelled}}))
	broken, err := w.openWorkspace(w.alice, sc, "broken")
	w.must(err)
	w.must(w.Finish(w.ctx, w.claim(aihub.RunWorkspace), Outcome{Failure: aihub.Failure{Owner: aihub.FaultPlatform, Reason: aihub.ReasonPlatform}}))
	for id, want := range map[aihub.SubmissionID]aihub.SubmissionState{
		lost.ID: aihub.SubmissionFailed, closed.ID: aihub.SubmissionCancelled, broken.ID: aihub.SubmissionFailed,
	} {
		if got, err := w.Submission(w.ctx, policies.ScopeOf(w.alice), id); err != nil || got.State != want {
			t.Errorf("%s: %+v %v, want %s", id, got, err, want)
		}
	}
	got, err := w.Submission(w.ctx, policies.ScopeOf(w.alice), closed.ID)
	w.must(err)
	if !strings.Contains(got.Fault.Detail, "maintenance") {
		t.Errorf("no reason: %+v", got.Fault)
	}
	if h, err := w.Hours(w.ctx, policies.ScopeOf(w.alice), "acme"); err != nil || h.Used != 0 || h.Reserved != 0 {
		t.Errorf("what nobody chose is charged: %+v %v", h, err)
	}
	// What is no workspace is not closed as one.
	trial := w.smoke(w.alice, sc)
	w.want(aihub.NotFound, w.CloseWorkspace(w.ctx, w.permit(w.operator, policies.WorkspaceClose, policies.Object{ID: string(trial.ID), Org: "city"}), trial.ID, ""))
	w.sound()
}

// A workspace costs what it used, whether its shell ended or it was closed; where that
// is not known, its processors for as long as it was open.
func TestWorkspaceCosts(t *testing.T) {
	w := newWorld(t)
	sc := w.workspaces("shells")
	want := 0.0
	for _, c := range []struct {
		name   string
		closed bool
		usage  aihub.Usage
		hours  float64
	}{
		{"exit", false, aihub.Usage{CPUMS: 36_000, WallMS: 300_000}, 0.01},
		{"closed", true, aihub.Usage{CPUMS: 36_000, WallMS: 300_000}, 0.01},
		{"closed idle", true, aihub.Usage{WallMS: 300_000}, 0},
		{"not measured", true, aihub.Usage{}, 2 * 5.0 / 60},
	} {
		sub, err := w.openWorkspace(w.alice, sc, c.name)
		w.must(err)
		l := w.claim(aihub.RunWorkspace)
		for _, s := range []aihub.RunState{aihub.RunPreparing, aihub.RunRunning} {
			w.must(w.Advance(w.ctx, l, s))
		}
		for range 5 {
			w.clock.pass(59 * time.Second)
			_, err := w.Heartbeat(w.ctx, l, time.Minute)
			w.must(err)
		}
		w.clock.pass(5 * time.Second)
		o := Outcome{Log: digest("cast"), Usage: c.usage}
		if c.closed {
			w.must(w.CancelSubmission(w.ctx, w.permit(w.alice, policies.SubmissionCancel, policies.Object{ID: string(sub.ID), Org: "acme"}), sub.ID))
			o.Failure = aihub.Failure{Owner: aihub.FaultPolicy, Reason: aihub.ReasonCancelled}
		}
		w.must(w.Finish(w.ctx, l, o))
		want += c.hours
		if h, err := w.Hours(w.ctx, policies.ScopeOf(w.alice), "acme"); err != nil || math.Abs(h.Used-want) > 1e-4 || h.Reserved != 0 {
			t.Errorf("%s: %+v %v, want %.4f used", c.name, h, err, want)
		}
	}
	w.sound()
}
