package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
)

// Who waits for a run to be queued is told of a submission, of a score run and of
// nothing else.
func TestQueued(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	told := func(what string, want bool, f func()) {
		t.Helper()
		queued := w.Queued()
		f()
		select {
		case <-queued:
			if !want {
				t.Errorf("%s: told of a queued run", what)
			}
		default:
			if want {
				t.Errorf("%s: not told", what)
			}
		}
	}
	told("submission", true, func() { w.submit(w.alice, sc, 1) })
	var l *Lease
	told("claim", false, func() { l = w.claim(aihub.RunInfer) })
	told("heartbeat", false, func() {
		if _, err := w.Heartbeat(w.ctx, l, time.Minute); err != nil {
			t.Fatal(err)
		}
	})
	told("predictions to score", true, func() {
		if err := w.Finish(w.ctx, l, Outcome{Output: digest("o")}); err != nil {
			t.Fatal(err)
		}
	})
}

// A worker that lost its lease can write nothing, whatever it calls.
func TestLostLease(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	w.submit(w.alice, sc, 1)
	old := w.claim(aihub.RunInfer)
	dead := func(what string) {
		t.Helper()
		for name, f := range map[string]func() error{
			"Heartbeat": func() error { _, err := w.Heartbeat(w.ctx, old, time.Minute); return err },
			"Advance":   func() error { return w.Advance(w.ctx, old, aihub.RunPreparing) },
			"Finish":    func() error { return w.Finish(w.ctx, old, Outcome{Output: digest("o")}) },
			"RunInputs": func() error { _, _, _, err := w.RunInputs(w.ctx, old); return err },
			"FinishScore": func() error {
				l := *old
				l.run.Kind = aihub.RunScore
				return w.FinishScore(w.ctx, &l, sealedValues, w.nextTick())
			},
			"AppendLog": func() error { l := *old; l.run.Kind = aihub.RunSmoke; return w.AppendLog(w.ctx, &l, "x") },
		} {
			if err := f(); aihub.KindOf(err) != aihub.Conflict {
				t.Errorf("%s, %s: %v", what, name, err)
			}
		}
	}
	if stop, err := w.Heartbeat(w.ctx, old, time.Minute); err != nil || stop {
		t.Fatal(stop, err)
	}
	// Found late by who reaps, and back before it is ended: it stays.
	w.must(w.write(w.ctx, func(t *tx) error {
		done, err := t.reap(old.run.ID)
		if done {
			err = errors.New("a run whose worker is there is reaped")
		}
		return err
	}))
	w.clock.pass(time.Minute)
	dead("expired")
	if n, err := w.Reap(w.ctx); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	dead("reaped")
	if n, err := w.Reap(w.ctx); err != nil || n != 0 {
		t.Fatalf("reaped %d again: %v", n, err)
	}
	l := w.claim(aihub.RunInfer)
	if l.Run().ID == old.Run().ID || l.Run().Attempt != 2 || string(l.Run().RowKey) == string(old.Run().RowKey) || l.fence <= old.fence {
		t.Errorf("the successor is %+v with fence %d after %d", l.Run(), l.fence, old.fence)
	}
	dead("while another works")
	forged := *l
	forged.worker = "someone"
	w.want(aihub.Conflict, w.Finish(w.ctx, &forged, Outcome{Output: digest("o")}))
	w.must(w.Finish(w.ctx, l, Outcome{Output: digest("o")}))
	dead("after its end")
	w.want(aihub.Conflict, w.Finish(w.ctx, l, Outcome{Output: digest("twice")}))
	w.sound()
}

// Organisations take turns; within one, the run that waits longest goes first,
// and a retry keeps its place.
func TestClaimIsFair(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	var order []aihub.SubmissionID
	for range 3 {
		order = append(order, w.submit(w.alice, sc, 1).ID)
		w.clock.pass(time.Second)
	}
	order = append(order, w.submit(w.bob, sc, 1).ID)
	first := w.claim(aihub.RunInfer)
	if first.Run().Submission != order[0] {
		t.Fatal("the first did not go first")
	}
	w.clock.pass(time.Minute)
	if _, err := w.Reap(w.ctx); err != nil {
		t.Fatal(err)
	}
	for i, want := range []aihub.SubmissionID{order[3], order[0], order[1], order[2]} {
		if l := w.claim(aihub.RunInfer); l.Run().Submission != want {
			t.Errorf("claim %d is not in order", i)
		}
	}
	if l, err := w.claimAny("w", aihub.RunSmoke, aihub.RunInfer, aihub.RunScore); l != nil || err != nil {
		t.Errorf("claimed %v %v from an empty queue", l, err)
	}
	q, err := w.Queue(w.ctx)
	w.must(err)
	if q[aihub.RunLeased] != 4 || q[aihub.RunLost] != 1 || q[aihub.RunQueued] != 0 {
		t.Errorf("queue %v", q)
	}
}

// Ten silent workers, with what else the platform failed between them, are the
// platform's fault: the attempt comes back, once. So many servers may die in a row
// without costing a run, and what the platform fails itself counts apart from them.
func TestLostAttempts(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 1, 5, "policy")
	sub := w.submit(w.alice, sc, 5)
	for i := range maxLost {
		if i == 4 || i == 6 {
			l := w.claim(aihub.RunInfer)
			w.must(w.Finish(w.ctx, l, Outcome{Failure: aihub.Failure{Owner: aihub.FaultPlatform, Reason: aihub.ReasonPlatform, Detail: "the disk is full"}}))
			w.clock.pass(patience.pause(i/2 - 1))
		}
		w.claim(aihub.RunInfer)
		w.clock.pass(time.Minute)
		if n, err := w.Reap(w.ctx); err != nil || n != 1 {
			t.Fatal(n, err)
		}
	}
	if l, err := w.Claim(w.ctx, "w", time.Minute, aihub.RunInfer); l != nil || err != nil {
		t.Fatal("one more attempt", l, err)
	}
	_, err := w.trySubmit(w.alice, sc, 5) // held until the tick
	w.want(aihub.Quota, err)
	w.toTick()
	got, err := w.DB.Submission(w.ctx, w.scope(w.steward), sub.ID)
	w.must(err)
	if got.State != aihub.SubmissionFailed || got.Fault.Owner != aihub.FaultPlatform || !strings.HasPrefix(got.Fault.Detail, "12 attempts ") {
		t.Errorf("%+v", got)
	}
	w.submit(w.alice, sc, 5) // settled on the way, without anybody's help
	if b := w.budgetOf(w.steward, sc, "acme"); b.Attempts != 1 || b.Reserved != 5 {
		t.Errorf("budget %+v", b)
	}
	w.sound()
}

// Whose fault it is decides what is charged, when the tick has come.
func TestCharges(t *testing.T) {
	t.Parallel()
	for owner, attempts := range map[aihub.FaultOwner]int{
		aihub.FaultVendor: 1, aihub.FaultScenario: 0, aihub.FaultData: 0, aihub.FaultPolicy: 0,
	} {
		w, sc := entered(t, 2, 64, "policy")
		w.submit(w.alice, sc, 1.5)
		w.must(w.Finish(w.ctx, w.claim(aihub.RunInfer), Outcome{Failure: aihub.Failure{Owner: owner, Reason: aihub.ReasonExit}}))
		if b := w.budgetOf(w.steward, sc, "acme"); b.Attempts != 1 || b.Reserved != 1.5 {
			t.Errorf("%s: before the tick %+v", owner, b)
		}
		w.toTick()
		for range 2 { // settling again settles nothing
			if _, err := w.Reap(w.ctx); err != nil {
				t.Fatal(err)
			}
			if b := w.budgetOf(w.steward, sc, "acme"); b.Attempts != attempts || b.Reserved != 0 || b.Bits != 0 {
				t.Errorf("%s: after the tick %+v", owner, b)
			}
		}
		w.sound()
	}
}

func TestFinishRefusesNonsense(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	w.submit(w.alice, sc, 1)
	l := w.claim(aihub.RunInfer)
	for name, err := range map[string]error{
		"no output":         w.Finish(w.ctx, l, Outcome{}),
		"a made-up owner":   w.Finish(w.ctx, l, Outcome{Failure: aihub.Failure{Owner: "nobody", Reason: "x"}}),
		"an infer score":    w.FinishScore(w.ctx, l, sealedValues, w.nextTick()),
		"advance to an end": w.Advance(w.ctx, l, aihub.RunSucceeded),
		"skip a step":       w.Advance(w.ctx, l, aihub.RunCollecting),
	} {
		if err == nil {
			t.Errorf("%s passed", name)
		}
	}
	for _, s := range []aihub.RunState{aihub.RunPreparing, aihub.RunRunning, aihub.RunCollecting} {
		w.must(w.Advance(w.ctx, l, s))
	}
	for _, s := range []aihub.RunState{aihub.RunSucceeded, aihub.RunFailedState, aihub.RunCancelled, aihub.RunLost, aihub.RunQueued} {
		w.want(aihub.Conflict, w.Advance(w.ctx, l, s)) // all of them follow on collecting, and none by Advance
	}
	w.must(w.Finish(w.ctx, l, Outcome{Output: digest("o")}))
	l = w.claim(aihub.RunScore)
	for name, err := range map[string]error{
		"a good score by Finish": w.Finish(w.ctx, l, Outcome{Output: digest("o")}),
		"no values":              w.FinishScore(w.ctx, l, nil, w.nextTick()),
		"no due time":            w.FinishScore(w.ctx, l, sealedValues, time.Time{}),
		"not a number":           w.FinishScore(w.ctx, l, []aihub.MetricValue{{ID: "f1", Value: math.NaN()}}, w.nextTick()),
	} {
		if err == nil {
			t.Errorf("%s passed", name)
		}
	}
	w.must(w.FinishScore(w.ctx, l, sealedValues, w.nextTick()))
	w.sound()
}

// Two processes with several workers each take every run exactly once.
func TestClaimsOfTwoProcesses(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 60, 1000, "policy")
	for range 30 {
		w.submit(w.alice, sc, 1)
		w.submit(w.bob, sc, 1)
	}
	other, err := Open(w.ctx, w.options())
	w.must(err)
	defer other.Close()
	var mu sync.Mutex
	taken := map[aihub.RunID]int{}
	fences := map[int64]int{}
	var wg sync.WaitGroup
	for i := range 8 {
		db := []*DB{w.DB, other}[i%2]
		wg.Go(func() {
			for {
				l, err := db.Claim(w.ctx, aihub.WorkerID(fmt.Sprint("w", i)), time.Minute, aihub.RunInfer)
				if err != nil {
					t.Error(err)
					return
				}
				if l == nil {
					return
				}
				mu.Lock()
				taken[l.Run().ID]++
				fences[l.fence]++
				mu.Unlock()
				if err := db.Finish(w.ctx, l, Outcome{Output: digest("o")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if len(taken) != 60 || len(fences) != 60 {
		t.Errorf("%d runs with %d fences were claimed, want 60", len(taken), len(fences))
	}
	for id, n := range taken {
		if n != 1 {
			t.Errorf("run %s was claimed %d times", id, n)
		}
	}
	w.sound()
}

// Reapers of two processes lose nothing and charge nothing twice.
func TestReapOfTwoProcesses(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 60, 1000, "policy")
	for range 20 {
		w.submit(w.alice, sc, 1)
		w.claim(aihub.RunInfer)
	}
	other, err := Open(w.ctx, w.options())
	w.must(err)
	defer other.Close()
	w.clock.pass(time.Minute)
	var n atomic.Int64
	var wg sync.WaitGroup
	for i := range 6 {
		db := []*DB{w.DB, other}[i%2]
		wg.Go(func() {
			k, err := db.Reap(w.ctx)
			n.Add(int64(k))
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n.Load() != 20 {
		t.Errorf("%d were reaped, want 20", n.Load())
	}
	q, err := w.Queue(w.ctx)
	w.must(err)
	if q[aihub.RunQueued] != 20 || q[aihub.RunLost] != 20 {
		t.Errorf("queue %v", q)
	}
	w.sound()
}

// 200 parallel submissions with a quota of 7 admit exactly 7.
func TestQuotaUnderParallelSubmits(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 7, 1000, "policy")
	p, img := w.submitPermit(w.alice, sc), w.image(w.alice, "i")
	enter := func(db *DB, nonce string, bits float64) error {
		_, err := db.Submit(w.ctx, p, aihub.Submission{Scenario: sc, Round: "main", Image: img, Nonce: nonce}, bits)
		return err
	}
	other, err := Open(w.ctx, w.options())
	w.must(err)
	defer other.Close()
	var in, out atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			switch err := enter([]*DB{w.DB, other}[i%2], fmt.Sprint(i), 1); aihub.KindOf(err) {
			case "":
				in.Add(1)
			case aihub.Quota:
				out.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if in.Load() != 7 || out.Load() != 193 {
		t.Errorf("%d in, %d out", in.Load(), out.Load())
	}
	if b := w.budgetOf(w.alice, sc, "acme"); b.Attempts != 7 || b.Reserved != 7 {
		t.Errorf("budget %+v", b)
	}
	w.sound()
}

// The leak budget bounds as the quota does, to the millionth; a nonce enters once.
func TestBudgetAndNonce(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 100, 1, "policy")
	for range 10 {
		w.submit(w.alice, sc, 0.1)
	}
	_, err := w.trySubmit(w.alice, sc, 0.000001)
	w.want(aihub.Quota, err)
	w.submit(w.alice, sc, 0)             // costs nothing
	_, err = w.trySubmit(w.bob, sc, 0.1) // the part's budget, whoever asks
	w.want(aihub.Quota, err)
	w.submit(w.bob, sc, 0)
	for _, bad := range []float64{-1, math.NaN(), math.Inf(1)} {
		_, err := w.trySubmit(w.alice, sc, bad)
		w.want(aihub.Invalid, err)
	}

	p, img := w.submitPermit(w.bob, sc), w.image(w.bob, "an image of bits")
	once := aihub.Submission{Scenario: sc, Round: "main", Image: img, Nonce: "once"}
	var wg sync.WaitGroup
	ids := make([]aihub.SubmissionID, 20)
	for i := range ids {
		wg.Go(func() {
			s, err := w.Submit(context.Background(), p, once, 0)
			if err != nil {
				t.Error(err)
			}
			ids[i] = s.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatal("one nonce, two submissions")
		}
	}
	once.Image = w.image(w.bob, "another")
	_, err = w.Submit(w.ctx, p, once, 0)
	w.want(aihub.Conflict, err)
	// The same nonce of another organisation is another nonce.
	_, err = w.Submit(w.ctx, w.submitPermit(w.alice, sc), aihub.Submission{Scenario: sc, Round: "main", Image: w.image(w.alice, "a"), Nonce: "once"}, 0)
	w.must(err)
	if b := w.budgetOf(w.bob, sc, "bits"); b.Attempts != 2 {
		t.Errorf("budget %+v", b)
	}
	w.sound()
}

// A round takes submissions in its window only, and the refusal says when more comes.
func TestRounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ds := w.dataset("d1")
	r := aihub.Ref{Name: "windows", Version: 1}
	day := w.clock.now().Add(24 * time.Hour)
	w.must(w.PublishScenario(w.ctx, w.permit(w.steward, policies.ScenarioPublish, policies.Object{ID: "windows", Org: "city"}),
		aihub.Scenario{Ref: r, Dataset: ds}, []aihub.Round{
			{Name: "public", Part: aihub.Test, Closes: day, Quota: 1, BudgetBits: 9},
			{Name: "final", Part: aihub.Final, Opens: day, Quota: 1, BudgetBits: 9},
		}))
	w.enrol(w.alice, r, aihub.Enrolment{})
	enter := func(round string) error {
		w.n++
		_, err := w.Submit(w.ctx, w.submitPermit(w.alice, r), aihub.Submission{Scenario: r, Round: round, Image: w.image(w.alice, "i"), Nonce: fmt.Sprint(w.n)}, 1)
		return err
	}
	w.want(aihub.NotFound, enter("none"))
	w.want(aihub.Refused, enter("final"))
	w.must(enter("public"))
	err := enter("public")
	w.want(aihub.Quota, err)
	if want := "round final opens at 2026-03-02T08:30:00Z"; !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
	w.clock.pass(24 * time.Hour)
	w.want(aihub.Refused, enter("public"))
	w.must(enter("final"))
	if l := w.claim(aihub.RunInfer); l.Run().Part != aihub.Test {
		t.Errorf("the first run is on %s", l.Run().Part)
	}
	if l := w.claim(aihub.RunInfer); l.Run().Part != aihub.Final {
		t.Errorf("the second run is on %s", l.Run().Part)
	}
	w.must(w.CloseScenario(w.ctx, w.permit(w.steward, policies.ScenarioClose, policies.Object{ID: r.String(), Org: "city"}), r))
	w.want(aihub.Refused, enter("final"))
	_, err = w.LatestScenario(w.ctx, w.scope(w.alice), "windows")
	w.want(aihub.NotFound, err)
	w.sound()
}
