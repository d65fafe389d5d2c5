package store

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"aihub"
	"aihub/policies"
)

// A heart that beats keeps a run up to the deadline of its state and not longer.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		states []aihub.RunState
		within time.Duration
	}{
		{nil, patience.Preparing},
		{[]aihub.RunState{aihub.RunPreparing}, patience.Preparing},
		{[]aihub.RunState{aihub.RunPreparing, aihub.RunRunning}, 2*3*time.Minute + patience.Running}, // the scenario's limit is 3 minutes, twice
		{[]aihub.RunState{aihub.RunPreparing, aihub.RunRunning, aihub.RunCollecting}, patience.Collecting},
	} {
		w, sc := entered(t, 9, 64, "policy")
		sub := w.submit(w.alice, sc, 1)
		l := w.claim(aihub.RunInfer)
		state := aihub.RunLeased
		for _, s := range c.states {
			w.must(w.Advance(w.ctx, l, s))
			state = s
		}
		beats := int(c.within / (30 * time.Second))
		for i := range beats {
			if _, err := w.Heartbeat(w.ctx, l, time.Minute); err != nil {
				t.Fatalf("%s: lost at beat %d of %d: %v", state, i, beats, err)
			}
			if n, err := w.Reap(w.ctx); n != 0 || err != nil {
				t.Fatalf("%s: reaped after beat %d of %d: %v", state, i, beats, err)
			}
			w.clock.pass(30 * time.Second)
		}
		_, err := w.Heartbeat(w.ctx, l, time.Minute)
		w.want(aihub.Conflict, err)
		if n, err := w.Reap(w.ctx); n != 1 || err != nil {
			t.Fatalf("%s: reaped %d: %v", state, n, err)
		}
		all, err := w.Runs(w.ctx, w.scope(w.steward), sub.ID)
		w.must(err)
		if len(all) != 2 || all[0].State != aihub.RunLost || !strings.Contains(all[0].Fault.Detail, "it was "+string(state)) || all[1].State != aihub.RunQueued {
			t.Errorf("%s: %+v", state, all)
		}
		w.sound()
	}
}

// A run that stands still costs so many attempts and no more, and none of them is the
// vendor's; a score run has a time of its own.
func TestStuckRunsEnd(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 1, 64, "policy")
	sub := w.submit(w.alice, sc, 1)
	for i := range maxAttempts {
		l, err := w.Claim(w.ctx, "w", 2*patience.Preparing, aihub.RunInfer) // its heart would beat on
		w.must(err)
		if l == nil {
			t.Fatalf("there is no attempt %d", i+1)
		}
		w.clock.pass(patience.Preparing)
		if n, err := w.Reap(w.ctx); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if l, err := w.Claim(w.ctx, "w", time.Minute, aihub.RunInfer); l != nil || err != nil {
		t.Fatal("one more attempt", l, err)
	}
	w.toTick()
	got, err := w.DB.Submission(w.ctx, w.scope(w.steward), sub.ID)
	w.must(err)
	if got.State != aihub.SubmissionFailed || got.Fault.Owner != aihub.FaultPlatform {
		t.Errorf("%+v", got)
	}
	w.submit(w.alice, sc, 1) // it was not the vendor's
	w.infer()
	_, err = w.Claim(w.ctx, "w", 2*patience.Scoring, aihub.RunScore)
	w.must(err)
	for _, c := range []struct {
		after time.Duration
		lost  int
	}{{patience.Scoring - time.Second, 0}, {time.Second, 1}} {
		w.clock.pass(c.after)
		if n, err := w.Reap(w.ctx); n != c.lost || err != nil {
			t.Errorf("%s later %d score runs are lost (%v), want %d", c.after, n, err, c.lost)
		}
	}
	w.sound()
}

// An outage that lasts longer than a run may is not the run's failure.
func TestLongOutage(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	sub := w.submit(w.alice, sc, 1)
	l := w.claim(aihub.RunInfer)
	w.clock.pass(24 * time.Hour)
	if n, err := w.Reap(w.ctx); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	all, err := w.Runs(w.ctx, w.scope(w.steward), sub.ID)
	w.must(err)
	if len(all) != 2 || all[0].ID != l.Run().ID || all[0].Fault.Detail != wentSilent || all[1].State != aihub.RunQueued {
		t.Errorf("%+v", all)
	}
	w.sound()
}

// What the platform failed is tried again after a pause; the third time the
// submission fails and nothing is charged.
func TestPlatformFaultIsTriedAgain(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 1, 64, "policy")
	sub := w.submit(w.alice, sc, 1)
	for attempt := 1; attempt <= maxAttempts; attempt++ {
		l := w.claim(aihub.RunInfer)
		if l.Run().Attempt != attempt {
			t.Fatalf("attempt %d, want %d", l.Run().Attempt, attempt)
		}
		w.must(w.Finish(w.ctx, l, Outcome{Failure: aihub.Failure{Owner: aihub.FaultPlatform, Reason: aihub.ReasonPlatform, Detail: "the disk is full"}}))
		if attempt == maxAttempts {
			break
		}
		if l, err := w.Claim(w.ctx, "w", time.Minute, aihub.RunInfer); l != nil || err != nil {
			t.Fatalf("tried again without a pause: %v %v", l, err)
		}
		wait, err := w.Wait(w.ctx, w.scope(w.steward), sub.ID)
		w.must(err)
		if wait == nil || wait.Reason != aihub.WaitPause || !wait.Until.After(w.clock.now()) {
			t.Errorf("wait %+v", wait)
		}
		w.clock.pass(patience.pause(attempt))
	}
	w.toTick()
	_, err := w.Reap(w.ctx)
	w.must(err)
	got, err := w.DB.Submission(w.ctx, w.scope(w.steward), sub.ID)
	w.must(err)
	if b := w.budgetOf(w.steward, sc, "acme"); got.State != aihub.SubmissionFailed || got.Fault.Owner != aihub.FaultPlatform || b.Attempts != 0 {
		t.Errorf("%+v, budget %+v", got, b)
	}
	w.sound()
}

// What nobody takes up for long ends, and costs nothing.
func TestQueuedTooLong(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	sub, trial := w.submit(w.alice, sc, 1), w.smoke(w.bob, sc)
	w.clock.pass(patience.Queued - time.Minute)
	_, err := w.Reap(w.ctx)
	w.must(err)
	if got, err := w.DB.Submission(w.ctx, w.scope(w.steward), sub.ID); err != nil || got.State != aihub.SubmissionQueued {
		t.Fatal(got.State, err)
	}
	w.clock.pass(2 * time.Minute)
	_, err = w.Reap(w.ctx)
	w.must(err)
	w.toTick()
	_, err = w.Reap(w.ctx)
	w.must(err)
	for _, id := range []aihub.SubmissionID{sub.ID, trial.ID} {
		got, err := w.DB.Submission(w.ctx, w.scope(w.steward), id)
		w.must(err)
		if got.State != aihub.SubmissionFailed || got.Fault.Owner != aihub.FaultPlatform {
			t.Errorf("%+v", got)
		}
	}
	for _, org := range []aihub.OrgID{"acme", "bits"} {
		if h, err := w.Hours(w.ctx, w.scope(w.steward), org); err != nil || h.Used != 0 || h.Reserved != 0 {
			t.Errorf("hours of %s %+v %v", org, h, err)
		}
	}
	if b := w.budgetOf(w.steward, sc, "acme"); b.Attempts != 0 {
		t.Errorf("budget %+v", b)
	}
	w.sound()
}

// Hours are held from entry on; what a hidden run used is told at its tick, in
// quarters; a trial's at its end; a fault of others costs nothing.
func TestHours(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 20, 640, "policy")
	const held = 2 * 3.0 / 60 // two processors for three minutes
	w.queue.HoursOf = map[aihub.OrgID]float64{"acme": 3 * held}
	check := func(what string, used, reserved float64) {
		t.Helper()
		h, err := w.Hours(w.ctx, w.scope(w.alice), "acme")
		w.must(err)
		if near := func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }; !near(h.Used, used) || !near(h.Reserved, reserved) || !near(h.Limit, 3*held) {
			t.Errorf("%s: %+v, want %g used and %g held", what, h, used, reserved)
		}
	}
	w.submit(w.alice, sc, 1)
	check("entered", 0, held)
	w.must(w.Finish(w.ctx, w.claim(aihub.RunInfer), Outcome{Output: digest("o"), Usage: aihub.Usage{CPUMS: 1000}}))
	w.score()
	check("scored, not shown", 0, held)
	w.submit(w.alice, sc, 1)
	w.must(w.Finish(w.ctx, w.claim(aihub.RunInfer), Outcome{Failure: aihub.Failure{Owner: aihub.FaultData, Reason: aihub.ReasonData}, Usage: aihub.Usage{CPUMS: 99999}}))
	w.smoke(w.alice, sc)
	check("three under way", 0, 3*held)
	_, err := w.trySubmit(w.alice, sc, 1)
	w.want(aihub.Quota, err)
	if !strings.Contains(err.Error(), "has used 0.0 of 0.3 processor hours this month, 0.3 are held") {
		t.Errorf("%v", err)
	}
	w.must(w.Finish(w.ctx, w.claim(aihub.RunSmoke), Outcome{Usage: aihub.Usage{CPUMS: 3_600}}))
	check("the trial is over", 0.001, 2*held)
	w.toTick()
	w.submit(w.alice, sc, 1) // settles what is due on its way
	check("the tick has come", 0.001+held/4, held)
	w.smoke(w.alice, sc)
	w.must(w.Finish(w.ctx, w.claim(aihub.RunSmoke), Outcome{Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonExit}, Usage: aihub.Usage{CPUMS: 7_200}}))
	check("a trial that failed by itself", 0.003+held/4, held)
	w.smoke(w.alice, sc)
	w.must(w.Finish(w.ctx, w.claim(aihub.RunSmoke), Outcome{Failure: aihub.Failure{Owner: aihub.FaultPlatform, Reason: aihub.ReasonPlatform}, Usage: aihub.Usage{CPUMS: 99999}}))
	w.clock.pass(patience.Pause)
	w.must(w.Finish(w.ctx, w.claim(aihub.RunSmoke), Outcome{Usage: aihub.Usage{CPUMS: 3_600}}))
	check("a trial that the platform failed once", 0.004+held/4, held)
	w.smoke(w.bob, sc)
	if h, err := w.Hours(w.ctx, w.scope(w.bob), "bits"); err != nil || h.Limit != 0 || h.Reserved == 0 {
		t.Errorf("%+v %v", h, err)
	}
	_, err = w.Hours(w.ctx, w.scope(w.bob), "acme")
	w.want(aihub.NotFound, err)
	w.sound()
}

// Cancelling before the end gives nothing away: what ran until then is charged as
// if it had kept its processors busy, once the sandbox is gone.
func TestHoursOfCancelled(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 20, 640, "policy")
	const held = 2 * 3.0 / 60 // two processors for three minutes
	used := 0.0
	check := func(what string, more, reserved float64) {
		t.Helper()
		used += more
		h, err := w.Hours(w.ctx, w.scope(w.alice), "acme")
		w.must(err)
		if near := func(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }; !near(h.Used, used) || !near(h.Reserved, reserved) {
			t.Errorf("%s: %+v, want %g used and %g held", what, h, used, reserved)
		}
	}
	cancel := func(sub aihub.Submission) {
		t.Helper()
		w.must(w.CancelSubmission(w.ctx, w.permit(w.alice, policies.SubmissionCancel, policies.Object{ID: string(sub.ID), Org: "acme"}), sub.ID))
	}
	run := func(kind aihub.RunKind, ran time.Duration) *Lease {
		t.Helper()
		l := w.claim(kind)
		w.must(w.Advance(w.ctx, l, aihub.RunPreparing))
		w.clock.pass(20 * time.Second) // its image is unpacked: the platform's time
		if ran > 0 {
			w.must(w.Advance(w.ctx, l, aihub.RunRunning))
			_, err := w.Heartbeat(w.ctx, l, time.Minute)
			w.must(err)
			w.clock.pass(ran)
		}
		return l
	}
	stop := func(l *Lease) {
		t.Helper()
		w.must(w.Finish(w.ctx, l, Outcome{Failure: aihub.Failure{Owner: aihub.FaultPolicy, Reason: aihub.ReasonCancelled}, Usage: aihub.Usage{WallMS: 1000, CPUMS: 1000}}))
	}

	cancel(w.smoke(w.alice, sc))
	check("a trial that did not begin", 0, 0)
	trial := w.smoke(w.alice, sc)
	l := run(aihub.RunSmoke, 0)
	cancel(trial)
	stop(l)
	check("a trial that was being prepared", 0, 0)
	trial = w.smoke(w.alice, sc)
	l = run(aihub.RunSmoke, 36*time.Second)
	cancel(trial)
	check("a trial that has not stopped yet", 0, held)
	w.clock.pass(9 * time.Second)
	stop(l)
	check("a trial cancelled after 45 seconds on two processors", 0.025, 0)
	trial = w.smoke(w.alice, sc)
	run(aihub.RunSmoke, 36*time.Second)
	cancel(trial)
	w.clock.pass(2 * time.Minute) // its worker is gone
	_, err := w.Reap(w.ctx)
	w.must(err)
	check("a cancelled trial whose worker died", 0, 0)

	hidden := w.submit(w.alice, sc, 1)
	l = run(aihub.RunInfer, 50*time.Second) // more than one quarter
	cancel(hidden)
	stop(l)
	w.toTick()
	_, err = w.Reap(w.ctx)
	w.must(err)
	check("a cancelled hidden run, at its tick", held/2, 0)
	w.sound()
}

// What a vendor reads of the queue is a range, and of a hidden submission it
// never changes until the tick.
func TestWait(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 100, 640, "policy")
	wait := func(a aihub.Actor, id aihub.SubmissionID) *aihub.Wait {
		t.Helper()
		v, err := w.Wait(w.ctx, w.scope(a), id)
		w.must(err)
		return v
	}
	first := w.submit(w.alice, sc, 1)
	if v := wait(w.alice, first.ID); v.Reason != aihub.WaitWorkers || v.Known || v.AheadHigh != 0 || !v.Entered || v.Visible != w.nextTick() {
		t.Errorf("without a worker: %+v", v)
	}
	w.must(w.Report(w.ctx, "worker-1", 8)) // two for trials
	for range fewest + 2 {
		w.smoke(w.bob, sc)
		w.clock.pass(time.Second)
	}
	trial := w.smoke(w.bob, sc)
	if v := wait(w.bob, trial.ID); v.Known || v.AheadLow != 5 || v.AheadHigh != 19 || v.Reason != aihub.WaitTurn || v.Workers != 2 {
		t.Errorf("a trial behind seven: %+v", v)
	}
	if v := wait(w.steward, trial.ID); v.AheadLow != 7 || v.AheadHigh != 7 {
		t.Errorf("the steward reads %+v", v)
	}
	for range fewest {
		l := w.claim(aihub.RunSmoke)
		w.clock.pass(10 * time.Second)
		w.must(w.Finish(w.ctx, l, Outcome{}))
	}
	w.must(w.Report(w.ctx, "worker-1", 8))
	if v := wait(w.bob, trial.ID); !v.Known || v.AheadLow != 1 || v.AheadHigh != 4 || v.Low != 0 || v.High != 60 {
		t.Errorf("a trial behind two: %+v", v) // as many as four: 3 rounds of 10 s and one more
	}
	hidden := w.submit(w.alice, sc, 1)
	told := *wait(w.alice, hidden.ID)
	w.infer()
	w.infer()
	w.clock.pass(time.Minute)
	w.score()
	w.score()
	if v := wait(w.alice, hidden.ID); *v != told {
		t.Errorf("what a vendor reads of the queue changed with its run: %+v, was %+v", v, told)
	}
	next := w.submit(w.alice, sc, 1)
	if v := wait(w.alice, next.ID); v.AheadLow != 1 || v.AheadHigh != 4 {
		t.Errorf("its hidden runs that ended count as open until the tick: %+v", v)
	}
	w.toTick()
	if v := wait(w.alice, first.ID); v != nil {
		t.Errorf("after the tick: %+v", v)
	}
}

// What a trial waits for is other trials: no turn, cap, place or reason of its
// wait changes with the hidden runs of its organisation or scenario.
func TestTrialsWaitForTrials(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 100, 640, "policy")
	w.queue = Queue{PerOrg: 1, PerScenario: 1}
	w.must(w.Report(w.ctx, "worker-1", 4))
	told := func(id aihub.SubmissionID) aihub.Wait {
		t.Helper()
		v, err := w.Wait(w.ctx, w.scope(w.alice), id)
		w.must(err)
		if v == nil {
			t.Fatal("it does not wait")
		}
		v.AsOf = time.Time{}
		return *v
	}
	first := w.smoke(w.alice, sc)
	w.clock.pass(time.Second)
	second := w.smoke(w.alice, sc)
	before, after := told(first.ID), told(second.ID)
	w.submit(w.alice, sc, 1)
	w.submit(w.alice, sc, 1)
	w.claim(Hidden...)
	if l, err := w.Claim(w.ctx, "w", time.Minute, Hidden...); l != nil || err != nil {
		t.Fatalf("a second hidden run beyond the cap: %v %v", l, err)
	}
	if got := told(first.ID); got != before {
		t.Errorf("beside a hidden run a trial waits %+v, before it %+v", got, before)
	}
	if got := told(second.ID); got != after {
		t.Errorf("beside a hidden run a trial waits %+v, before it %+v", got, after)
	}
	if l := w.claim(Trials...); l.Run().Submission != first.ID {
		t.Errorf("claimed %+v", l.Run())
	}
	if l, err := w.Claim(w.ctx, "w", time.Minute, Trials...); l != nil || err != nil {
		t.Fatalf("a second trial beyond the cap: %v %v", l, err)
	}
	w.sound()
}

// How long a hidden run took is nobody's to know but its owner's, however long ago
// it was shown: an estimate for a vendor is made of trials alone.
func TestWaitHidesLengths(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 100, 640, "policy")
	w.must(w.Report(w.ctx, "worker-1", 1))
	for range fewest {
		w.submit(w.alice, sc, 1)
		l := w.claim(aihub.RunInfer)
		w.clock.pass(50 * time.Second)
		w.must(w.Finish(w.ctx, l, Outcome{Output: digest("o")}))
		w.score()
	}
	w.toTick()
	_, err := w.Reap(w.ctx)
	w.must(err)
	w.must(w.Report(w.ctx, "worker-1", 1))
	trial := w.smoke(w.bob, sc)
	if v, err := w.Wait(w.ctx, w.scope(w.bob), trial.ID); err != nil || v == nil || v.Known || v.Low != 0 || v.High != 0 {
		t.Errorf("another organisation's hidden runs show in an estimate: %+v %v", v, err)
	}
	if v, err := w.Wait(w.ctx, w.scope(w.steward), trial.ID); err != nil || v == nil || !v.Known {
		t.Errorf("the steward reads %+v %v", v, err)
	}
	for range fewest {
		l := w.claim(aihub.RunSmoke)
		w.clock.pass(5 * time.Second)
		w.must(w.Finish(w.ctx, l, Outcome{}))
		trial = w.smoke(w.bob, sc)
	}
	w.must(w.Report(w.ctx, "worker-1", 1))
	if v, err := w.Wait(w.ctx, w.scope(w.bob), trial.ID); err != nil || v == nil || !v.Known || v.High > 10 {
		t.Errorf("after trials of 5 s: %+v %v", v, err)
	}
}

// A second entry of what failed is a new submission that names the first.
func TestRerun(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	first := w.submit(w.alice, sc, 1)
	again := func(a aihub.Actor) (aihub.Submission, error) {
		w.n++
		return w.Submit(w.ctx, w.submitPermit(a, sc), aihub.Submission{
			Scenario: sc, Round: "main", Image: first.Image, Nonce: fmt.Sprint("again", w.n), RerunOf: first.ID,
		}, 1)
	}
	_, err := again(w.alice)
	w.want(aihub.Pending, err)
	w.must(w.Finish(w.ctx, w.claim(aihub.RunInfer), Outcome{Failure: aihub.Failure{Owner: aihub.FaultData, Reason: aihub.ReasonData}}))
	_, err = again(w.alice)
	w.want(aihub.Pending, err) // unseen as yet
	w.toTick()
	w.image(w.bob, "an image of acme")
	_, err = again(w.bob)
	w.want(aihub.NotFound, err)
	s, err := again(w.alice)
	w.must(err)
	if b := w.budgetOf(w.steward, sc, "acme"); s.RerunOf != first.ID || b.Attempts != 1 {
		t.Errorf("%+v, budget %+v", s, b)
	}
	w.sound()
}

// The cap of a scenario holds whoever the runs are of, and that of an organisation
// wherever they run; who waits for it is told so.
func TestCaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.scenario("one", 100, 640, "policy"), w.scenario("two", 100, 640, "policy")
	for _, sc := range []aihub.Ref{one, two} {
		w.enrol(w.alice, sc, aihub.Enrolment{})
		w.enrol(w.bob, sc, aihub.Enrolment{})
	}
	none := func(what string) {
		t.Helper()
		if l, err := w.Claim(w.ctx, "w", time.Minute, aihub.RunInfer); l != nil || err != nil {
			t.Errorf("%s: claimed %v, %v", what, l, err)
		}
	}
	fails := Outcome{Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonExit}}

	w.queue = Queue{PerScenario: 1}
	w.submit(w.alice, one, 0)
	w.submit(w.bob, one, 0)
	first := w.claim(aihub.RunInfer)
	none("a second run in the scenario")
	w.submit(w.alice, two, 0)
	other := w.claim(aihub.RunInfer)
	if other.Run().Scenario != two {
		t.Errorf("the cap of one scenario let in %v", other.Run().Scenario)
	}
	w.must(w.Finish(w.ctx, first, fails))
	w.must(w.Finish(w.ctx, other, fails))
	w.must(w.Finish(w.ctx, w.claim(aihub.RunInfer), fails))

	w.queue = Queue{PerOrg: 1}
	w.must(w.Report(w.ctx, "worker-1", 8))
	w.smoke(w.alice, one)
	w.smoke(w.alice, one)
	w.clock.pass(time.Second)
	waits := w.smoke(w.alice, one)
	reads := func(when string, want aihub.WaitReason) {
		t.Helper()
		if v, err := w.Wait(w.ctx, w.scope(w.alice), waits.ID); err != nil || v.Reason != want {
			t.Errorf("%s: %+v, %v, want %s", when, v, err, want)
		}
	}
	l := w.claim(aihub.RunSmoke)
	reads("one runs, one goes before it", aihub.WaitCap)
	w.must(w.Finish(w.ctx, l, Outcome{}))
	reads("one goes before it", aihub.WaitTurn)
	l = w.claim(aihub.RunSmoke)
	reads("one runs, and it is next", aihub.WaitCap)
	w.must(w.Finish(w.ctx, l, Outcome{}))
	reads("it is next", aihub.WaitNext)
	w.sound()
}

// Organisations and scenarios that always have something queued get turns by
// weight, within one turn of each; nobody starves, whatever others queue and
// whatever is capped.
func TestFairShares(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp("", "store")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		w := newWorldIn(t, dir)
		defer w.DB.Close()
		one, two := w.scenario("one", 1000, 1e6, "policy"), w.scenario("two", 1000, 1e6, "policy")
		vendors := []aihub.Actor{w.alice, w.bob}
		weight := map[aihub.OrgID]int{"acme": rapid.IntRange(1, 4).Draw(r, "acme"), "bits": rapid.IntRange(1, 4).Draw(r, "bits")}
		scWeight := map[string]int{"one": rapid.IntRange(1, 3).Draw(r, "one"), "two": rapid.IntRange(1, 3).Draw(r, "two")}
		perOrg := rapid.IntRange(0, 2).Draw(r, "cap")
		w.queue = Queue{OrgWeights: weight, ScenarioWeights: scWeight, PerOrg: perOrg}
		for _, v := range vendors {
			w.enrol(v, one, aihub.Enrolment{})
			w.enrol(v, two, aihub.Enrolment{})
		}
		// bits comes late: it gets its share from then on, and nothing for the past.
		late := rapid.IntRange(0, 6).Draw(r, "late")
		n := 24
		for range n {
			w.submit(w.alice, one, 0)
			w.submit(w.alice, two, 0)
		}
		finish := func(l *Lease) {
			w.must(w.Finish(context.Background(), l, Outcome{Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonExit}}))
		}
		for range late {
			finish(w.claim(aihub.RunInfer))
		}
		for range n {
			w.submit(w.bob, one, 0)
			w.submit(w.bob, two, 0)
		}
		turns := map[aihub.OrgID]float64{}
		within := map[string]float64{}
		for i := range n {
			l := w.claim(aihub.RunInfer)
			finish(l)
			run := l.Run()
			turns[run.Org]++
			within[string(run.Org)+run.Scenario.Name]++
			d := turns["acme"]/float64(weight["acme"]) - turns["bits"]/float64(weight["bits"])
			bound := 1/float64(weight["acme"]) + 1/float64(weight["bits"]) + 1e-6
			if d > bound || d < -bound {
				r.Fatalf("after %d turns acme has %g of weight %d, bits %g of weight %d", i+1, turns["acme"], weight["acme"], turns["bits"], weight["bits"])
			}
			bound = 1/float64(scWeight["one"]) + 1/float64(scWeight["two"]) + 1e-6
			if d := within["bitsone"]/float64(scWeight["one"]) - within["bitstwo"]/float64(scWeight["two"]); d > bound || d < -bound {
				r.Fatalf("after %d turns bits has %v of weights %v", i+1, within, scWeight)
			}
		}
		if perOrg > 0 { // the cap holds, and does not keep others out
			busy := map[aihub.OrgID]int{}
			for {
				l, err := w.Claim(w.ctx, "w", time.Minute, aihub.RunInfer)
				w.must(err)
				if l == nil {
					break
				}
				busy[l.Run().Org]++
			}
			if busy["acme"] != perOrg || busy["bits"] != perOrg {
				r.Fatalf("%v at once with a cap of %d", busy, perOrg)
			}
		}
	})
}

// A scenario that comes late within its organisation gets its turns from then on, and
// none for the time when it had nothing queued.
func TestLateScenario(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.scenario("one", 1000, 1e6, "policy"), w.scenario("two", 1000, 1e6, "policy")
	w.enrol(w.alice, one, aihub.Enrolment{})
	w.enrol(w.alice, two, aihub.Enrolment{})
	claim := func() string {
		l := w.claim(aihub.RunInfer)
		w.must(w.Finish(w.ctx, l, Outcome{Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonExit}}))
		return l.Run().Scenario.Name
	}
	for range 12 {
		w.submit(w.alice, one, 0)
	}
	for range 6 {
		claim()
	}
	for range 6 {
		w.submit(w.alice, two, 0)
	}
	turns := map[string]int{}
	for range 6 {
		turns[claim()]++
	}
	if turns["one"] < 2 || turns["two"] < 2 {
		t.Errorf("of six turns after the second came: %v", turns)
	}
}

// Nothing that a run waits for reads a table that grows with the queue or with
// what has ever been: each statement finds its rows by an index.
func TestQueueReadsNoWholeTable(t *testing.T) {
	if onPostgres() {
		t.Skip("PostgreSQL plans by how many rows there are")
	}
	t.Parallel()
	w, sc := entered(t, 9, 640, "policy")
	w.queue = Queue{PerOrg: 2, PerScenario: 2, Hours: 100}
	var mu sync.Mutex
	asked := map[string]bool{}
	w.d.rebind = func(q string) string {
		mu.Lock()
		defer mu.Unlock()
		asked[q] = true
		return q
	}
	hidden := w.submit(w.alice, sc, 1)
	w.smoke(w.bob, sc)
	_, err := w.train(w.alice, sc, false)
	w.must(err)
	w.must(w.Report(w.ctx, "worker-1", 2))
	for _, a := range []aihub.Actor{w.alice, w.steward} {
		_, err := w.Wait(w.ctx, w.scope(a), hidden.ID)
		w.must(err)
	}
	l := w.claim(aihub.RunInfer, aihub.RunScorer)
	w.must(w.Advance(w.ctx, l, aihub.RunPreparing))
	_, err = w.Heartbeat(w.ctx, l, time.Minute)
	w.must(err)
	_, _, _, err = w.RunInputs(w.ctx, l)
	w.must(err)
	w.must(w.Finish(w.ctx, l, Outcome{Output: digest("o")}))
	w.score()
	w.clock.pass(2 * time.Minute)
	w.claim(aihub.RunSmoke)
	w.clock.pass(2 * time.Minute)
	_, err = w.Reap(w.ctx)
	w.must(err)
	_, err = w.Unsealed(w.ctx)
	w.must(err)
	w.toTick()
	_, err = w.Reap(w.ctx)
	w.must(err)
	mu.Lock()
	defer mu.Unlock()
	if len(asked) < 30 {
		t.Fatalf("only %d statements were seen", len(asked))
	}
	grow := regexp.MustCompile(`^SCAN (runs|r|submissions|s|events|ledger|scores|c|releases|images|models|m)\b`)
	for q := range asked {
		if strings.HasPrefix(q, "PRAGMA") {
			continue
		}
		rows, err := w.ro.Query("EXPLAIN QUERY PLAN "+q, make([]any, strings.Count(q, "?"))...)
		w.must(err)
		for rows.Next() {
			var id, parent, unused int
			var step string
			w.must(rows.Scan(&id, &parent, &unused, &step))
			if grow.MatchString(step) {
				t.Errorf("%s:\n%s", step, q)
			}
		}
		w.must(rows.Close())
	}
}

// Who sits in a workspace, or waits for one, is nobody's in the queue of runs,
// and the other way round; a scorer waits in it like a run.
func TestWaitKnowsItsLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sc := w.workspaces("shells")
	w.enrol(w.bob, sc, aihub.Enrolment{})
	wait := func(id aihub.SubmissionID) aihub.Wait {
		t.Helper()
		v, err := w.Wait(w.ctx, w.scope(w.steward), id)
		w.must(err)
		if v == nil {
			t.Fatalf("%s does not wait", id)
		}
		return *v
	}
	w.must(w.Report(w.ctx, "worker-1", 1))
	for i := range 2 {
		_, err := w.openWorkspace(w.alice, sc, fmt.Sprint("seat ", i))
		w.must(err)
		w.clock.pass(time.Second)
	}
	trial := w.smoke(w.bob, sc)
	if v := wait(trial.ID); v.AheadHigh != 0 || v.Reason != aihub.WaitNext {
		t.Errorf("a trial waits for workspaces: %+v", v)
	}
	w.smoke(w.alice, sc)
	seat, err := w.openWorkspace(w.bob, sc, "bob's")
	w.must(err)
	if v := wait(seat.ID); v.AheadLow != 1 || v.AheadHigh != 1 || v.Known {
		t.Errorf("a workspace's turn comes behind one of two of another organisation, not behind runs: %+v", v)
	}
	w.claim(aihub.RunWorkspace)
	if v := wait(trial.ID); v.AheadHigh != 1 || v.Workers != 1 { // the other organisation's turn
		t.Errorf("a trial waits for somebody who sits: %+v", v)
	}
}

// Beyond a bound, how many go first is "or more", whoever counts.
func TestWaitIsCountedUpTo(t *testing.T) {
	if onPostgres() {
		t.Skip("the queue is filled with SQLite's own SQL")
	}
	t.Parallel()
	w, sc := entered(t, 1<<30, 1e9, "policy")
	w.submit(w.bob, sc, 1)
	w.fill(2*countUpTo, 50)
	_, err := w.rw.Exec("UPDATE runs SET kind = ?", aihub.RunSmoke) // a trial waits for trials
	w.must(err)
	w.clock.pass(time.Minute)
	first, late := w.smoke(w.alice, sc), w.smoke(w.bob, sc)
	for _, c := range []struct {
		who       aihub.Actor
		id        aihub.SubmissionID
		low, high int
	}{
		{w.steward, first.ID, 50, 50}, // a turn of each of the others
		{w.alice, first.ID, 20, 99},
		{w.steward, late.ID, countUpTo, -1}, // behind twenty of its own, and as many of each
		{w.bob, late.ID, countUpTo, -1},
	} {
		if v, err := w.Wait(w.ctx, w.scope(c.who), c.id); err != nil || v.AheadLow != c.low || v.AheadHigh != c.high {
			t.Errorf("%s reads %+v (%v), want %d to %d", c.who.User, v, err, c.low, c.high)
		}
	}
}
