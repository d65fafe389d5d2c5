package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
)

// told is every byte that the vendor can read of a training.
func told(w *world, sub aihub.Submission) string {
	w.Helper()
	models, err := w.Models(w.ctx, w.scope(w.alice), ModelFilter{})
	w.must(err)
	h, err := w.Hours(w.ctx, w.scope(w.alice), "acme")
	w.must(err)
	b, err := json.MarshalIndent(map[string]any{"models": models, "hours": h}, "", " ")
	w.must(err)
	return view(w, w.alice, sub) + string(b)
}

// What a training does, how long it takes, how it fails and what it leaves
// changes no byte before the tick; and at the tick, none but whether there is a
// model, or whose fault it was.
func TestTrainingsTellNothing(t *testing.T) {
	t.Parallel()
	fail := func(o aihub.FaultOwner, r aihub.Reason, after time.Duration) func(w *world) {
		return func(w *world) {
			l := w.claim(aihub.RunTrain)
			w.clock.pass(after)
			w.must(w.Finish(w.ctx, l, Outcome{Failure: aihub.Failure{Owner: o, Reason: r, Detail: "canary"}, Usage: aihub.Usage{WallMS: int64(after)}, Log: digest("l")}))
		}
	}
	lose := func(w *world) {
		w.claim(aihub.RunTrain)
		w.clock.pass(2 * time.Minute)
		_, err := w.Reap(w.ctx)
		w.must(err)
	}
	groups := map[string]map[string]func(w *world){
		"a model": {
			"small":      func(w *world) { w.trained(aihub.RunTrain, "small", 10) },
			"large":      func(w *world) { w.clock.pass(time.Minute); w.trained(aihub.RunTrain, "large", 10_001) },
			"after loss": func(w *world) { lose(w); w.trained(aihub.RunTrain, "second", 10) },
		},
		"vendor failed": {
			"exit":      fail(aihub.FaultVendor, aihub.ReasonExit, 0),
			"no output": fail(aihub.FaultVendor, aihub.ReasonNoOutput, 30*time.Second),
		},
		"not the vendor's": {
			"data": fail(aihub.FaultData, aihub.ReasonData, time.Second),
			"lost": func(w *world) {
				for range maxLost {
					lose(w)
				}
			},
		},
	}
	for group, histories := range groups {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			at := map[string]string{} // what is told at the tick -> history
			for name, play := range histories {
				w, sc := entered(t, 9, 64, "policy")
				sub, err := w.train(w.alice, sc, false)
				w.must(err)
				want := told(w, sub)
				play(w)
				if got := told(w, sub); got != want {
					t.Errorf("%s: before the tick the vendor's view changed:\n%s", name, diff(want, got))
				}
				w.toTick()
				_, err = w.Reap(w.ctx)
				w.must(err)
				got := told(w, sub)
				if strings.Contains(got, "canary") {
					t.Errorf("%s: the view carries what is hidden:\n%s", name, got)
				}
				models, err := w.Models(w.ctx, w.scope(w.alice), ModelFilter{Scenario: sc})
				w.must(err)
				if (len(models) == 1) != (group == "a model") {
					t.Errorf("%s: models %+v", name, models)
				}
				for _, m := range models {
					got = strings.ReplaceAll(got, string(m.Digest), "model")
				}
				if others, err := w.Models(w.ctx, w.scope(w.bob), ModelFilter{}); err != nil || len(others) > 0 {
					t.Errorf("%s: another organisation sees %+v %v", name, others, err)
				}
				at[normal(w, got)] = name
				w.sound()
			}
			if len(at) != 1 {
				t.Errorf("%d different views at the tick: %v", len(at), at)
			}
		})
	}
}

// A training costs its own hours and one of the scenario's training runs, and
// gives both back when the vendor is not at fault; its receipt names the model.
func TestTrainingIsCharged(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	hours := func() aihub.Hours {
		h, err := w.Hours(w.ctx, w.scope(w.alice), "acme")
		w.must(err)
		return h
	}
	const held = 2.0 / 60 // one core for two minutes
	first, err := w.train(w.alice, sc, false)
	w.must(err)
	if h := hours(); h.Reserved != held || h.Used != 0 {
		t.Fatalf("%+v", h)
	}
	w.trained(aihub.RunTrain, "model", 31_000) // more than one quarter
	w.toTick()
	_, err = w.Reap(w.ctx)
	w.must(err)
	if h := hours(); h.Reserved != 0 || h.Used != held/2 {
		t.Errorf("%+v", h)
	}
	raw, err := w.Receipt(w.ctx, w.scope(w.alice), first.ID)
	w.must(err)
	proven, err := VerifyReceipt(raw, w.PublicKey())
	w.must(err)
	if n := len(proven.Steps); n != 2 || !strings.Contains(string(proven.Steps[0].Facts), `"train":true`) || !strings.Contains(string(proven.Steps[1].Facts), string(digest("model"))) {
		t.Errorf("receipt: %s", raw)
	}
	// A fault of the data gives the second run back.
	_, err = w.train(w.alice, sc, false)
	w.must(err)
	_, err = w.train(w.alice, sc, false)
	w.want(aihub.Quota, err)
	w.must(w.Finish(w.ctx, w.claim(aihub.RunTrain), Outcome{Failure: aihub.Failure{Owner: aihub.FaultData, Reason: aihub.ReasonData}}))
	w.toTick()
	_, err = w.Reap(w.ctx)
	w.must(err)
	if h := hours(); h.Reserved != 0 || h.Used != held/2 {
		t.Errorf("%+v", h)
	}
	_, err = w.train(w.alice, sc, false)
	w.must(err)
	w.must(w.Finish(w.ctx, w.claim(aihub.RunTrain), Outcome{Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonExit}}))
	w.toTick()
	_, err = w.train(w.alice, sc, false)
	w.want(aihub.Quota, err)
	if b := w.budgetOf(w.alice, sc, "acme"); b.Attempts != 0 || b.Bits != 0 || b.Reserved != 0 {
		t.Errorf("a training cost something of the hidden part: %+v", b)
	}
	w.sound()
}

// A model is its organisation's, in its scenario, once it may know of it.
func TestWhoMayUseAModel(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	other := w.scenario("other", 9, 64, "policy")
	w.enrol(w.alice, other, aihub.Enrolment{Purpose: "to try", Agreement: digest("agreement")})
	training, err := w.train(w.alice, sc, false)
	w.must(err)
	use := func(a aihub.Actor, sc aihub.Ref, model any, smoke bool) (aihub.Submission, error) {
		w.n++
		s := aihub.Submission{Scenario: sc, Round: "main", Image: w.image(a, "an image of "+string(a.Org)), Nonce: fmt.Sprint("use", w.n), Smoke: smoke, Model: aihub.Digest(fmt.Sprint(model))}
		if smoke {
			s.Round = ""
		}
		return w.Submit(w.ctx, w.submitPermit(a, sc), s, 1)
	}
	_, err = use(w.alice, sc, training.ID, false)
	w.want(aihub.Pending, err)
	// That it is under way is told to nobody else, and of nothing else.
	hidden := w.submit(w.alice, other, 1)
	for what, f := range map[string]func() (aihub.Submission, error){
		"another organisation's training": func() (aihub.Submission, error) { return use(w.bob, sc, training.ID, false) },
		"another scenario's training":     func() (aihub.Submission, error) { return use(w.alice, other, training.ID, false) },
		"what is no training":             func() (aihub.Submission, error) { return use(w.alice, other, hidden.ID, false) },
	} {
		if _, err := f(); aihub.KindOf(err) != aihub.NotFound {
			t.Errorf("%s: %v, want not found", what, err)
		}
	}
	w.must(w.CancelSubmission(w.ctx, w.permit(w.alice, policies.SubmissionCancel, policies.Object{ID: string(hidden.ID), Org: "acme"}), hidden.ID))
	w.trained(aihub.RunTrain, "model", 10)
	_, err = use(w.alice, sc, training.ID, false)
	w.want(aihub.Pending, err)
	_, err = use(w.alice, sc, digest("model"), false)
	w.want(aihub.NotFound, err)
	w.toTick()
	for what, f := range map[string]func() (aihub.Submission, error){
		"another organisation":       func() (aihub.Submission, error) { return use(w.bob, sc, digest("model"), false) },
		"another organisation's":     func() (aihub.Submission, error) { return use(w.bob, sc, training.ID, false) },
		"another scenario":           func() (aihub.Submission, error) { return use(w.alice, other, digest("model"), false) },
		"another scenario's":         func() (aihub.Submission, error) { return use(w.alice, other, training.ID, false) },
		"what is no model":           func() (aihub.Submission, error) { return use(w.alice, sc, digest("an image of acme"), false) },
		"what does not exist":        func() (aihub.Submission, error) { return use(w.alice, sc, "sub_none", false) },
		"a name with a wildcard":     func() (aihub.Submission, error) { return use(w.alice, sc, "%", false) },
		"a digest that is cut":       func() (aihub.Submission, error) { return use(w.alice, sc, digest("model")[:20], false) },
		"another organisation tries": func() (aihub.Submission, error) { return use(w.bob, sc, digest("model"), true) },
	} {
		if _, err := f(); aihub.KindOf(err) != aihub.NotFound {
			t.Errorf("%s: %v, want not found", what, err)
		}
	}
	_, err = use(w.alice, sc, training.ID, true)
	w.want(aihub.Refused, err)
	s, err := use(w.alice, sc, training.ID, false)
	w.must(err)
	if s.Model != digest("model") {
		t.Errorf("%+v", s)
	}
	// Entering it again takes the same model.
	w.infer()
	w.score()
	w.toTick()
	again := s
	again.RerunOf, again.Nonce, again.Model = s.ID, "again", ""
	_, err = w.Submit(w.ctx, w.submitPermit(w.alice, sc), again, 1)
	w.want(aihub.Conflict, err)
	again.Model = s.Model
	_, err = w.Submit(w.ctx, w.submitPermit(w.alice, sc), again, 1)
	w.must(err)
	if _, err := w.Models(w.ctx, policies.Scope{}, ModelFilter{}); err != nil {
		t.Error(err)
	}
	w.sound()
}
