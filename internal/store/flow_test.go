package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/policies"
	"aihub/policies/sharing"
)

// The main job, as its people: from a published dataset to a board and a receipt.
func TestFromDatasetToBoard(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 3, 64, "policy")
	sub := w.submit(w.alice, sc, 5)
	if sub.State != aihub.SubmissionQueued || sub.Org != "acme" || sub.User != "alice" || sub.Baseline {
		t.Fatalf("entered %+v", sub)
	}
	if b := w.budgetOf(w.steward, sc, "acme"); b.Attempts != 1 || b.Reserved != 5 || b.Bits != 0 || b.Quota != 3 || b.Total != 64 {
		t.Fatalf("budget %+v", b)
	}
	l := w.infer()
	if l.Run().Submission != sub.ID || len(l.Run().RowKey) != aihub.RowKeySize || l.Run().Part != aihub.Test {
		t.Fatalf("claimed %+v", l.Run())
	}
	score := w.claim(aihub.RunScore)
	spec, ds, infer, err := w.RunInputs(w.ctx, score)
	w.must(err)
	if len(spec.Spec) == 0 || ds.Raw == "" || infer.ID != l.Run().ID || string(infer.RowKey) != string(l.Run().RowKey) || infer.Output != digest("predictions") {
		t.Fatalf("inputs: %v %v %+v", spec.Ref, ds.Ref, infer)
	}
	due := w.nextTick()
	w.must(w.FinishScore(w.ctx, score, sealedValues, due))
	if b := w.budgetOf(w.steward, sc, "acme"); b.Attempts != 1 || b.Reserved != 5 || b.Bits != 0 {
		t.Fatalf("held until the answer: %+v", b)
	}
	if n := w.releaseDue(); n != 0 {
		t.Fatal("released before its tick")
	}
	if es, err := w.Board(w.ctx, sc, "main"); err != nil || len(es) != 0 {
		t.Fatalf("board before the tick: %v %v", es, err)
	}
	w.toTick()
	w.price = 2.5
	if n := w.releaseDue(); n != 1 {
		t.Fatalf("%d releases are due", n)
	}
	if b := w.budgetOf(w.steward, sc, "acme"); b.Attempts != 1 || b.Reserved != 0 || b.Bits != 2.5 || b.Own != 2.5 || b.Answers != 1 {
		t.Fatalf("after the answer: %+v", b)
	}
	es, err := w.Board(w.ctx, sc, "main")
	w.must(err)
	if len(es) != 1 || es[0].Score.Released[0].Value != 0.83 || es[0].Score.Sealed != nil || es[0].Org.ID != "acme" || es[0].Name != sub.Name || !es[0].At.Equal(sub.CreatedAt) {
		t.Fatalf("board %+v", es)
	}
	got, err := w.Submission(w.ctx, w.scope(w.alice), sub.ID)
	w.must(err)
	if got.State != aihub.SubmissionScored || !got.VisibleAt.Equal(due) {
		t.Fatalf("alice sees %+v", got)
	}
	rep := w.sound()
	if rep.Leaves < 20 || rep.Rows < 20 {
		t.Fatalf("report %+v", rep)
	}
	// Everything is still there after a restart.
	w.must(w.DB.Close())
	w.open()
	w.sound()
	if es, err := w.Board(w.ctx, sc, "main"); err != nil || len(es) != 1 {
		t.Fatalf("after a restart: %v %v", es, err)
	}
}

// Every write refuses a permit for something else, before it looks at anything.
func TestPermitsAreChecked(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 3, 64, "policy")
	var none policies.Permit
	other := w.permit(w.operator, policies.OrgCreate, policies.Object{ID: "else"})
	for _, p := range []policies.Permit{none, other} {
		for name, f := range map[string]func() error{
			"CreateOrg":   func() error { return w.CreateOrg(w.ctx, p, aihub.Org{ID: "evil"}) },
			"CreateUser":  func() error { return w.CreateUser(w.ctx, p, aihub.User{ID: "evil"}, "h") },
			"CreateToken": func() error { return w.CreateToken(w.ctx, p, Token{ID: "t", User: "alice", Hash: digest("t")}) },
			"DeleteToken": func() error { return w.DeleteToken(w.ctx, p, "t") },
			"ProposeDataset": func() error {
				return w.ProposeDataset(w.ctx, p, aihub.DatasetVersion{Ref: aihub.Ref{Name: "dd", Version: 1}, Content: digest("c")}, w.cleared(digest("c")), nil, nil)
			},
			"DecideDataset": func() error {
				return w.DecideDataset(w.ctx, p, aihub.Ref{Name: "dispatch-data", Version: 1}, true, false, "")
			},
			"WithdrawDataset": func() error { return w.WithdrawDataset(w.ctx, p, aihub.Ref{Name: "dispatch-data", Version: 1}, "") },
			"EraseDataset": func() error {
				_, err := w.EraseDataset(w.ctx, p, aihub.Ref{Name: "dispatch-data", Version: 1}, "")
				return err
			},
			"RotateMaskKey": func() error { _, err := w.RotateMaskKey(w.ctx, p, "city/dispatch-data", ""); return err },
			"RequestReidentification": func() error {
				_, err := w.RequestReidentification(w.ctx, p, aihub.Reidentification{Dataset: aihub.Ref{Name: "dispatch-data", Version: 1}})
				return err
			},
			"DecideReidentification": func() error { return w.DecideReidentification(w.ctx, p, "rid_x", true, "") },
			"ReadReidentification":   func() error { _, err := w.ReadReidentification(w.ctx, p, "rid_x"); return err },
			"PublishAggregate": func() error {
				return w.PublishAggregate(w.ctx, p, 0, aihub.Aggregate{Dataset: aihub.Ref{Name: "dispatch-data", Version: 1}})
			},
			"PublishScenario":  func() error { return w.PublishScenario(w.ctx, p, aihub.Scenario{Ref: sc}, nil) },
			"CloseScenario":    func() error { return w.CloseScenario(w.ctx, p, sc) },
			"WithdrawScenario": func() error { return w.WithdrawScenario(w.ctx, p, sc, "") },
			"RequestEnrolment": func() error { return w.RequestEnrolment(w.ctx, p, aihub.Enrolment{Scenario: sc}) },
			"DecideEnrolment":  func() error { return w.DecideEnrolment(w.ctx, p, "enr_x", true, "") },
			"RevokeEnrolment":  func() error { return w.RevokeEnrolment(w.ctx, p, "enr_x", "") },
			"RegisterImage":    func() error { return w.RegisterImage(w.ctx, p, "acme", digest("i"), 1) },
			"PendImage":        func() error { return w.PendImage(w.ctx, p, blob.Seal{Stored: digest("i")}, 9) },
			"DeleteImage":      func() error { return w.DeleteImage(w.ctx, p, "acme", digest("i")) },
			"Submit":           func() error { _, err := w.Submit(w.ctx, p, aihub.Submission{Scenario: sc}, 0); return err },
			"CancelSubmission": func() error { return w.CancelSubmission(w.ctx, p, "sub_x") },
			"ReleaseScore":     func() error { return w.ReleaseScore(w.ctx, p, "rel_x") },
			"ChargeScore":      func() error { return w.ChargeScore(w.ctx, p, "rel_x", 0, testTerms, sharing.Answer{}) },
			"ProposeScorer":    func() error { _, err := w.ProposeScorer(w.ctx, p, digest("i"), "x"); return err },
			"DecideScorer":     func() error { return w.DecideScorer(w.ctx, p, "scr_x", true, "") },
			"ScoreInputs":      func() error { _, err := w.ScoreInputs(w.ctx, p, "sub_x", aihub.Ref{}); return err },
			"AddRescore":       func() error { _, err := w.AddRescore(w.ctx, p, ScoreInputs{}, nil, ""); return err },
			"Vote":             func() error { return w.Vote(w.ctx, p, "rel_x", true, "") },
		} {
			if err := f(); aihub.KindOf(err) != aihub.Refused {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	w.sound()
}

// A permit that was given on facts that are not so is worth nothing.
func TestPermitOnOtherFacts(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 3, 64, "review")
	w.submit(w.alice, sc, 1)
	w.infer()
	w.score()
	rels, err := w.Releases(w.ctx, w.scope(w.reviewer), aihub.ReleaseReview1)
	w.must(err)
	traitor := w.person("tom", "acme", aihub.Reviewer)
	p := w.permit(traitor, policies.ReleaseVote, policies.Object{ID: string(rels[0].ID), Org: "bits"}) // it is acme's
	w.want(aihub.Refused, w.Vote(w.ctx, p, rels[0].ID, true, ""))

	ds := aihub.Ref{Name: "second", Version: 1}
	both := w.person("bo", "city", aihub.Steward, aihub.Reviewer)
	w.must(w.ProposeDataset(w.ctx, w.permit(both, policies.DatasetPropose, policies.Object{ID: "second", Org: "city"}), aihub.DatasetVersion{Ref: ds, Content: digest("c")}, w.cleared(digest("c")), nil, nil))
	p = w.permit(both, policies.DatasetApprove, policies.Object{ID: ds.String(), Author: "stella"}) // it is bo's
	w.want(aihub.Refused, w.DecideDataset(w.ctx, p, ds, true, false, ""))
	his := w.submit(w.bob, sc, 1)
	p = w.permit(w.alice, policies.SubmissionCancel, policies.Object{ID: string(his.ID), Org: "acme"}) // it is bits'
	w.want(aihub.Refused, w.CancelSubmission(w.ctx, p, his.ID))
	p = w.permit(w.alice, policies.SubmissionCreate, policies.Object{ID: sc.String(), Org: "acme", For: "acme"}) // it is the city's
	_, err = w.Submit(w.ctx, p, aihub.Submission{Scenario: sc, Round: "main", Image: w.image(w.alice, "i")}, 1)
	w.want(aihub.Refused, err)
	// Nor in another's name, nor in another organisation's namespace.
	p = w.permit(w.alice, policies.EnrolmentRequest, policies.Object{ID: sc.String(), For: "acme"})
	w.want(aihub.Refused, w.RequestEnrolment(w.ctx, p, aihub.Enrolment{Scenario: sc, Org: "bits"}))
	away := w.person("sam", "bits", aihub.Steward)
	p = w.permit(away, policies.DatasetPropose, policies.Object{ID: "second", Org: "bits"})
	w.want(aihub.Refused, w.ProposeDataset(w.ctx, p, aihub.DatasetVersion{Ref: aihub.Ref{Name: "second", Version: 2}, Content: digest("c")}, w.cleared(digest("c")), nil, nil))
}

// The rules of four eyes and own organisation hold for direct SQL too.
func TestConstraintsOfTheDatabase(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 3, 64, "review")
	sub := w.submit(w.alice, sc, 1)
	w.infer()
	w.score()
	traitor := w.person("tom", "acme", aihub.Reviewer)
	rels, err := w.Releases(w.ctx, w.scope(w.reviewer), "")
	w.must(err)
	for name, q := range map[string]string{
		"author approves own dataset":    "UPDATE datasets SET approver = author",
		"published without approver":     "UPDATE datasets SET approver = NULL",
		"signer decides own enrolment":   "UPDATE enrolments SET decided_by = user_id",
		"approved by nobody":             "UPDATE enrolments SET decided_by = NULL",
		"two live enrolments":            "INSERT INTO enrolments SELECT 'x', scenario, org, user_id, purpose, agreement, expires_at, max_uses, state, decided_by, reason, created_at, decided_at FROM enrolments WHERE org = 'acme'",
		"vote by own organisation":       "INSERT INTO votes VALUES ('v', '" + string(rels[0].ID) + "', 'acme', 'tom', 'acme', 1, '', 1, 5)",
		"vote in another's name":         "INSERT INTO votes VALUES ('v', '" + string(rels[0].ID) + "', 'acme', 'tom', 'city', 1, '', 1, 5)",
		"vote about another org's":       "INSERT INTO votes VALUES ('v', '" + string(rels[0].ID) + "', 'bits', 'tom', 'acme', 1, '', 1, 5)",
		"same nonce twice":               "INSERT INTO submissions SELECT 'x', scenario, round, org, user_id, enrolment, name, image, smoke, baseline, state, fault_owner, fault_reason, fault_detail, nonce, bits, refund, settled, created_at, visible_at FROM submissions",
		"same attempt twice":             "INSERT INTO runs SELECT 'x', submission, scenario, org, kind, part, attempt, scores, state, fault_owner, fault_reason, fault_detail, worker, fence, image, row_key, output, log, usage_json, posture, created_at, queued_at, started_at, finished_at FROM runs WHERE kind = 'infer'",
		"a second score":                 "INSERT INTO scores SELECT 'x', submission, run, scenario, round, org, sealed, bits, scored_at, NULL, NULL FROM scores",
		"a submission without agreement": "UPDATE submissions SET enrolment = NULL",
		"an image of another":            "UPDATE submissions SET org = 'bits', user_id = 'bob'",
		"negative budget":                "UPDATE budgets SET reserved = -1",
		"failed without fault":           "UPDATE submissions SET state = 'failed'",
		"released before due":            "UPDATE releases SET released_at = 1",
		"user moves organisation":        "UPDATE users SET org = 'bits' WHERE id = 'alice'",
	} {
		if _, err := w.rw.Exec(q); err == nil {
			t.Errorf("%s: the database took it", name)
		} else if strings.Contains(err.Error(), "syntax") || strings.Contains(err.Error(), "no such") || strings.Contains(err.Error(), "values for") {
			t.Errorf("%s: the test's SQL is wrong: %v", name, err)
		}
	}
	_, _ = sub, traitor
	w.sound()
}

func TestEnrolment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sc := w.scenario("dispatch", 9, 64, "policy")
	_, err := w.trySubmit(w.alice, sc, 1)
	w.want(aihub.Refused, err)

	e := aihub.Enrolment{ID: "enr_1", Scenario: sc, Purpose: "p", MaxUses: 2, Expires: w.clock.now().Add(3 * time.Hour)}
	ask := w.permit(w.alice, policies.EnrolmentRequest, policies.Object{ID: sc.String(), For: "acme"})
	w.must(w.RequestEnrolment(w.ctx, ask, e))
	_, err = w.trySubmit(w.alice, sc, 1)
	w.want(aihub.Pending, err)
	again := e
	again.ID = "enr_2"
	w.want(aihub.Conflict, w.RequestEnrolment(w.ctx, ask, again))
	decide := w.permit(w.reviewer, policies.EnrolmentDecide, policies.Object{ID: "enr_1", Org: "city", For: "acme"})
	w.must(w.DecideEnrolment(w.ctx, decide, "enr_1", true, "fine"))
	w.want(aihub.Conflict, w.DecideEnrolment(w.ctx, decide, "enr_1", false, ""))

	// Uses count hidden submissions; a smoke run is none.
	w.smoke(w.alice, sc)
	first := w.submit(w.alice, sc, 1)
	w.submit(w.alice, sc, 1)
	_, err = w.trySubmit(w.alice, sc, 1)
	w.want(aihub.Quota, err)
	// One that had not begun is given back when cancelled.
	w.must(w.CancelSubmission(w.ctx, w.permit(w.alice, policies.SubmissionCancel, policies.Object{ID: string(first.ID), Org: "acme"}), first.ID))
	w.submit(w.alice, sc, 1)

	// Nobody else sees it; a foreign one and none look the same.
	_, err1 := w.Enrolment(w.ctx, w.scope(w.bob), "enr_1")
	_, err2 := w.Enrolment(w.ctx, w.scope(w.bob), "enr_9")
	w.want(aihub.NotFound, err1)
	if strings.ReplaceAll(err1.Error(), "enr_1", "enr_9") != err2.Error() {
		t.Errorf("%v differs from %v", err1, err2)
	}
	if list, err := w.Enrolments(w.ctx, w.scope(w.bob), sc); err != nil || len(list) != 0 {
		t.Errorf("bob lists %v %v", list, err)
	}
	if list, err := w.Enrolments(w.ctx, w.scope(w.reviewer), aihub.Ref{}); err != nil || len(list) != 1 {
		t.Errorf("the reviewer lists %v %v", list, err)
	}

	// An expired one lets nothing in, even when the clock is turned back.
	w.clock.pass(3 * time.Hour)
	_, err = w.trySubmit(w.alice, sc, 1)
	w.want(aihub.Refused, err)
	w.dataset("later") // a leaf of this time
	w.clock.pass(-2 * time.Hour)
	_, err = w.trySubmit(w.alice, sc, 1)
	w.want(aihub.Refused, err)
	w.sound()
}

// Revoking stops what is queued or running and gives the attempts back.
func TestRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sc := w.scenario("dispatch", 9, 64, "policy")
	id := w.enrol(w.alice, sc, aihub.Enrolment{})
	running := w.submit(w.alice, sc, 1)
	l := w.claim(aihub.RunInfer)
	queued := w.submit(w.alice, sc, 1)
	w.must(w.RevokeEnrolment(w.ctx, w.permit(w.steward, policies.EnrolmentRevoke, policies.Object{ID: string(id), Org: "city"}), id, "misuse"))
	if stop, err := w.Heartbeat(w.ctx, l, time.Minute); err != nil || !stop {
		t.Fatalf("heartbeat after revoke: %v %v", stop, err)
	}
	w.must(w.Finish(w.ctx, l, Outcome{Output: digest("too late")}))
	if got, err := w.claimAny("w", aihub.RunInfer, aihub.RunScore); err != nil || got != nil {
		t.Fatalf("something is left to run: %v %v", got, err)
	}
	w.toTick()
	_, err := w.Reap(w.ctx)
	w.must(err)
	for _, s := range []aihub.SubmissionID{running.ID, queued.ID} {
		got, err := w.Submission(w.ctx, w.scope(w.alice), s)
		w.must(err)
		if got.State != aihub.SubmissionCancelled || got.Fault != (aihub.Failure{Owner: aihub.FaultPolicy, Reason: aihub.ReasonPolicy}) {
			t.Errorf("%+v", got)
		}
	}
	if b := w.budgetOf(w.steward, sc, "acme"); b.Attempts != 0 || b.Reserved != 0 || b.Bits != 0 {
		t.Errorf("budget %+v", b)
	}
	_, err = w.trySubmit(w.alice, sc, 1)
	w.want(aihub.Refused, err)
	w.sound()
}

// Whatever is entered while an enrolment is revoked is refused, or cancelled with
// the rest: nothing is left to run, and nothing is held.
func TestRevokeWhileEntering(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sc := w.workspaces("dispatch")
	e, err := w.Enrolments(w.ctx, w.scope(w.alice), sc)
	w.must(err)
	id, img := e[0].ID, w.image(w.alice, "an image of acme")
	w.submit(w.alice, sc, 1)
	seat, err := w.openWorkspace(w.alice, sc, "seat")
	w.must(err)
	l := w.claim(aihub.RunWorkspace)
	permit := w.submitPermit(w.alice, sc)
	revoke := w.permit(w.steward, policies.EnrolmentRevoke, policies.Object{ID: string(id), Org: "city", For: "acme"})
	var wg sync.WaitGroup
	entered, refused := make([]error, 8), error(nil)
	for i := range entered {
		wg.Go(func() {
			_, entered[i] = w.Submit(w.ctx, permit, aihub.Submission{Scenario: sc, Image: img, Smoke: i%2 == 0, Train: i%4 > 1, Nonce: fmt.Sprint("race", i), Round: map[bool]string{true: "main"}[i%4 == 1]}, 1)
		})
	}
	wg.Go(func() { refused = w.RevokeEnrolment(w.ctx, revoke, id, "misuse") })
	wg.Wait()
	w.must(refused)
	for i, err := range entered {
		if err != nil && aihub.KindOf(err) != aihub.Refused {
			t.Errorf("entry %d: %v", i, err)
		}
	}
	if stop, err := w.Heartbeat(w.ctx, l, time.Minute); err != nil || !stop {
		t.Errorf("whoever sits in %s is not sent away: %v %v", seat.ID, stop, err)
	}
	w.must(w.Finish(w.ctx, l, Outcome{Log: digest("cast")}))
	all := []aihub.RunKind{aihub.RunInfer, aihub.RunSmoke, aihub.RunTrain}
	if got, err := w.claimAny("w", all...); err != nil || got != nil {
		t.Fatalf("something is left to run: %v %v", got, err)
	}
	w.toTick()
	_, err = w.Reap(w.ctx)
	w.must(err)
	list, err := w.Submissions(w.ctx, w.scope(w.alice), SubmissionFilter{})
	w.must(err)
	for _, s := range list {
		if s.State != aihub.SubmissionCancelled || s.Fault.Owner != aihub.FaultPolicy {
			t.Errorf("%+v", s)
		}
	}
	if b := w.budgetOf(w.steward, sc, "acme"); b.Attempts != 0 || b.Reserved != 0 || b.Bits != 0 {
		t.Errorf("budget %+v", b)
	}
	if h, err := w.Hours(w.ctx, w.scope(w.alice), "acme"); err != nil || h.Reserved != 0 || h.Used != 0 {
		t.Errorf("hours %+v %v", h, err)
	}
	w.must(w.RequestEnrolment(w.ctx, w.permit(w.alice, policies.EnrolmentRequest, policies.Object{ID: sc.String(), Org: "city", For: "acme"}), aihub.Enrolment{Scenario: sc, Purpose: "again"}))
	w.sound()
}

// Who signed an enrolment does not end it either, even with the steward's hat.
func TestSignerDoesNotRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sc := w.scenario("dispatch", 9, 64, "policy")
	hats := w.person("hugo", "city", aihub.Vendor, aihub.Steward)
	e := aihub.Enrolment{ID: "enr_own", Scenario: sc}
	w.must(w.RequestEnrolment(w.ctx, w.permit(hats, policies.EnrolmentRequest, policies.Object{ID: sc.String(), For: "city"}), e))
	p := w.permit(hats, policies.EnrolmentRevoke, policies.Object{ID: "enr_own", Org: "city"})
	w.want(aihub.Refused, w.RevokeEnrolment(w.ctx, p, "enr_own", ""))
}
