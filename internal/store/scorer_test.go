package store

import (
	"fmt"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
)

// A scorer's image is approved by a second person before a scenario may name it;
// its score runs then go from the evaluator to a sandbox and back.
func TestScorer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.image(w.steward, "a scorer")
	propose := func(a aihub.Actor) policies.Permit {
		return w.permit(a, policies.ScorerPropose, policies.Object{ID: string(image), Org: "city"})
	}
	ds := w.dataset("judged-data")
	r := aihub.Ref{Name: "judged", Version: 1}
	spec := fmt.Sprintf(`{"limits":{"cpus":2,"wall":"3m0s"},"description":{"en":"x","zh":"x"},"scorer":{"image":%q,"limits":{"cpus":1,"wall":"24h0m0s"}},"sharing":{"score":{"release":"policy","tick":%q}}}`, image, tick)
	publish := func() error {
		return w.PublishScenario(w.ctx, w.permit(w.steward, policies.ScenarioPublish, policies.Object{ID: r.Name, Org: "city"}), aihub.Scenario{
			Ref: r, Title: aihub.Text{ZH: "评", EN: "Judged"}, Field: "text", Area: "governance", Dataset: ds, Spec: []byte(spec),
		}, []aihub.Round{{Name: "main", Part: aihub.Test, Quota: 9, BudgetBits: 64}})
	}
	w.want(aihub.NotFound, publish())
	v, err := w.ProposeScorer(w.ctx, propose(w.steward), image, "distance")
	w.must(err)
	w.want(aihub.Pending, publish())
	if again, err := w.ProposeScorer(w.ctx, propose(w.steward), image, "distance"); err != nil || again.ID != v.ID {
		t.Errorf("proposed twice: %+v %v", again, err)
	}
	both := w.person("both", "city", aihub.Steward, aihub.Reviewer)
	p := w.permit(both, policies.ScorerApprove, policies.Object{ID: string(v.ID), Org: "city", Author: "somebody"}) // it is stella's
	w.want(aihub.Refused, w.DecideScorer(w.ctx, p, v.ID, true, ""))
	if list, err := w.Scorers(w.ctx, w.scope(w.alice)); err != nil || len(list) != 0 {
		t.Errorf("a vendor sees %v %v", list, err)
	}
	approve := w.permit(w.reviewer, policies.ScorerApprove, policies.Object{ID: string(v.ID), Org: "city", Author: w.steward.User})
	w.must(w.DecideScorer(w.ctx, approve, v.ID, true, "read it"))
	w.want(aihub.Conflict, w.DecideScorer(w.ctx, approve, v.ID, false, "no"))
	w.must(publish())
	w.enrol(w.alice, r, aihub.Enrolment{Purpose: "to try", Agreement: digest("agreement")})

	sub := w.submit(w.alice, r, 1)
	w.infer()
	if l, err := w.Claim(w.ctx, "box", time.Minute, aihub.RunInfer, aihub.RunScorer); err != nil || l != nil {
		t.Fatalf("a sandbox got a run that nobody has checked: %+v %v", l, err)
	}
	l := w.claim(aihub.RunScore)
	if run := l.Run(); run.Stage != aihub.StageCheck || run.Image != image {
		t.Errorf("first: %+v", run)
	}
	if err := w.HandOn(w.ctx, l, aihub.StageRead, Outcome{}); err == nil {
		t.Error("a stage was left out")
	}
	w.must(w.HandOn(w.ctx, l, aihub.StageScorer, Outcome{}))
	w.want(aihub.Conflict, w.HandOn(w.ctx, l, aihub.StageScorer, Outcome{})) // the lease is gone
	if l, err := w.Claim(w.ctx, "w", time.Minute, aihub.RunScore); err != nil || l != nil {
		t.Fatalf("the evaluator got the scorer's turn: %+v %v", l, err)
	}
	box := w.claim(aihub.RunInfer, aihub.RunScorer)
	w.must(w.Advance(w.ctx, box, aihub.RunPreparing))
	w.must(w.Advance(w.ctx, box, aihub.RunRunning))
	for range 48 * 2 { // twice as long as one run of the scorer may take
		if _, err := w.Heartbeat(w.ctx, box, time.Hour); err != nil {
			t.Fatalf("a scorer within its limit is lost: %v", err)
		}
		w.clock.pass(30 * time.Minute)
		if n, err := w.Reap(w.ctx); n != 0 || err != nil {
			t.Fatalf("a scorer within its limit is reaped: %d %v", n, err)
		}
	}
	w.must(w.HandOn(w.ctx, box, aihub.StageRead, Outcome{Output: digest("judged"), Log: digest("words"), Posture: []byte("{}")}))
	first := l
	l = w.claim(aihub.RunScore)
	// The first stage's lease was of the same run and the same worker, and is not this one.
	if _, _, _, err := w.RunInputs(w.ctx, first); aihub.KindOf(err) != aihub.Conflict || first.worker != l.worker {
		t.Errorf("the lease of another stage: %v, of %s and %s", err, first.worker, l.worker)
	}
	w.want(aihub.Conflict, w.Finish(w.ctx, first, Outcome{Failure: aihub.Failure{Owner: aihub.FaultScenario, Reason: aihub.ReasonScorer}}))
	if run := l.Run(); run.Stage != aihub.StageRead || run.Output != digest("judged") {
		t.Errorf("last: %+v", run)
	}
	w.must(w.FinishScore(w.ctx, l, sealedValues, w.nextTick()))
	if runs, err := w.Runs(w.ctx, w.scope(w.alice), sub.ID); err != nil || len(runs) != 1 || runs[0].Kind != aihub.RunInfer {
		t.Errorf("a vendor sees %+v %v", runs, err)
	}

	// A scorer that fails is the scenario's fault, and gives the attempt back; one
	// that is cancelled meanwhile ends.
	sub = w.submit(w.alice, r, 1)
	w.infer()
	w.must(w.HandOn(w.ctx, w.claim(aihub.RunScore), aihub.StageScorer, Outcome{}))
	w.must(w.Finish(w.ctx, w.claim(aihub.RunScorer), Outcome{Failure: aihub.Failure{Owner: aihub.FaultScenario, Reason: aihub.ReasonScorer, Detail: "exit 3"}}))
	if s, err := w.DB.Submission(w.ctx, w.scope(policies.Platform()), sub.ID); err != nil || s.State != aihub.SubmissionFailed || s.Fault.Owner != aihub.FaultScenario {
		t.Errorf("%+v %v", s, err)
	}
	sub = w.submit(w.alice, r, 1)
	w.infer()
	l = w.claim(aihub.RunScore)
	w.must(w.CancelSubmission(w.ctx, w.permit(w.alice, policies.SubmissionCancel, policies.Object{ID: string(sub.ID), Org: "acme"}), sub.ID))
	w.must(w.HandOn(w.ctx, l, aihub.StageScorer, Outcome{}))
	if l, err := w.Claim(w.ctx, "box", time.Minute, aihub.RunScorer); err != nil || l != nil {
		t.Errorf("a cancelled submission is scored: %+v %v", l, err)
	}
	w.sound()
}

// A score that is computed again is added; the first stays as it is.
func TestRescore(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 3, 64, "policy")
	sub := w.submit(w.alice, sc, 1)
	infer := w.infer()
	w.score()
	again := w.permit(w.steward, policies.ScoreAgain, policies.Object{ID: string(sub.ID), Org: "city"})
	in, err := w.ScoreInputs(w.ctx, again, sub.ID, aihub.Ref{})
	w.must(err)
	if in.Infer.ID != infer.Run().ID || len(in.Infer.RowKey) == 0 || in.Infer.Output != digest("predictions") || in.Scenario.Ref != sc {
		t.Errorf("%+v", in)
	}
	r, err := w.AddRescore(w.ctx, again, in, sealedValues, "asked")
	w.must(err)
	other := append([]aihub.MetricValue{}, sealedValues...)
	other[0].Value = 0.5
	s, err := w.AddRescore(w.ctx, again, in, other, "other truth")
	w.must(err)
	if !r.Same || s.Same {
		t.Errorf("same: %v, %v", r.Same, s.Same)
	}
	score, err := w.Score(w.ctx, w.scope(policies.Platform()), sub.ID)
	w.must(err)
	if !score.Sealed[0].Equal(sealedValues[0]) {
		t.Errorf("the first score is %+v", score.Sealed[0])
	}
	for _, c := range []struct {
		who    aihub.Actor
		n      int
		sealed bool
	}{{w.alice, 0, false}, {w.steward, 2, false}, {policies.Platform(), 2, true}} {
		list, err := w.Rescores(w.ctx, w.scope(c.who), sub.ID)
		if err != nil || len(list) != c.n || c.n > 0 && (list[0].Sealed != nil) != c.sealed {
			t.Errorf("%s sees %+v %v", c.who.User, list, err)
		}
	}
	w.want(aihub.NotFound, func() error { _, err := w.Rescores(w.ctx, w.scope(w.bob), sub.ID); return err }())
	w.sound()
}
