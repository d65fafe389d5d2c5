package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
)

// view is every byte that the store gives an actor about sub, asked in every
// way: with the ids that she has, and with those that she can only guess.
func view(w *world, a aihub.Actor, sub aihub.Submission) string {
	w.Helper()
	s := w.scope(a)
	out := map[string]any{}
	put := func(name string, v any, err error) {
		if err != nil {
			v = err.Error()
		}
		out[name] = v
	}
	v1, err := w.DB.Submission(w.ctx, s, sub.ID)
	put("submission", v1, err)
	v2, err := w.Submissions(w.ctx, s, SubmissionFilter{})
	put("submissions", v2, err)
	v3, err := w.Runs(w.ctx, s, sub.ID)
	put("runs", v3, err)
	for after := range int64(4) {
		v4, err := w.Events(w.ctx, s, sub.ID, after)
		put(fmt.Sprint("events after ", after), v4, err)
	}
	v5, err := w.Budget(w.ctx, s, sub.Scenario, sub.Round, sub.Org)
	put("budget", v5, err)
	v6, err := w.DB.Score(w.ctx, s, sub.ID)
	put("score", v6, err)
	v7, err := w.Scores(w.ctx, s, sub.Scenario, sub.Round)
	put("scores", v7, err)
	v8, err := w.Releases(w.ctx, s, "")
	put("releases", v8, err)
	v9, err := w.Board(w.ctx, sub.Scenario, sub.Round)
	put("board", v9, err)
	v10, err := w.Receipt(w.ctx, s, sub.ID)
	put("receipt", string(v10), err)
	v11, err := w.Checkpoint(w.ctx)
	put("checkpoint", v11, err)
	// Entering it again returns the first one.
	if a.Org == sub.Org {
		v12, err := w.Submit(w.ctx, w.submitPermit(a, sub.Scenario), sub, 0)
		put("submit again", v12, err)
	}
	// Ids of things that she has not been told of.
	told := fmt.Sprint(out)
	for table, get := range map[string]func(id string) (any, error){
		"runs":     func(id string) (any, error) { return w.Run(w.ctx, s, aihub.RunID(id)) },
		"releases": func(id string) (any, error) { return w.Release(w.ctx, s, aihub.ReleaseID(id)) },
	} {
		w.must(w.read(w.ctx, func(t *tx) error {
			ids, err := all(t, value[string], "SELECT id FROM "+table+" WHERE submission = ?", sub.ID)
			for _, id := range ids {
				v, err := get(id)
				if strings.Contains(told, id) {
					put(table+" "+id, v, err)
				} else if aihub.KindOf(err) != aihub.NotFound {
					w.Errorf("%s %s, which nobody was told of: %v %v", table, id, v, err)
				}
			}
			return err
		}))
	}
	b, err := json.MarshalIndent(out, "", " ")
	w.must(err)
	return string(b)
}

// What a hidden run does, how long it takes, how it fails, how often its worker
// dies and whether it is scored changes no byte of what its vendor can read
// before the tick; and at the tick, no byte but succeeded or whose fault.
func TestHiddenRunsTellNothing(t *testing.T) {
	t.Parallel()
	fail := func(o aihub.FaultOwner, r aihub.Reason, usage int64) func(w *world) {
		return func(w *world) {
			l := w.claim(aihub.RunInfer)
			w.clock.pass(time.Duration(usage) * time.Second)
			w.must(w.Advance(w.ctx, l, aihub.RunPreparing))
			w.must(w.Finish(w.ctx, l, Outcome{Failure: aihub.Failure{Owner: o, Reason: r, Detail: "canary"}, Usage: aihub.Usage{WallMS: usage}, Log: digest("l")}))
		}
	}
	lose := func(w *world, kind aihub.RunKind) {
		w.claim(kind)
		w.clock.pass(2 * time.Minute)
		if n, err := w.Reap(w.ctx); err != nil || n != 1 {
			w.Fatalf("reaped %d: %v", n, err)
		}
	}
	judged := func(r aihub.Reason) func(w *world) {
		return func(w *world) {
			w.infer()
			w.must(w.Finish(w.ctx, w.claim(aihub.RunScore), Outcome{Failure: aihub.Failure{Owner: aihub.FaultScenario, Reason: r, Detail: "canary"}}))
		}
	}
	scored := func(w *world) { w.infer(); w.clock.pass(9 * time.Second); w.score() }
	groups := map[string]map[string]func(w *world){
		"scored": {
			"at once":    scored,
			"after loss": func(w *world) { lose(w, aihub.RunInfer); scored(w) },
			"after loss of the score run": func(w *world) {
				w.infer()
				lose(w, aihub.RunScore)
				lose(w, aihub.RunScore)
				w.score()
			},
		},
		"vendor failed": {
			"exit":    fail(aihub.FaultVendor, aihub.ReasonExit, 1),
			"memory":  fail(aihub.FaultVendor, aihub.ReasonMemory, 50),
			"timeout": func(w *world) { lose(w, aihub.RunInfer); fail(aihub.FaultVendor, aihub.ReasonTimeout, 55)(w) },
			"bad predictions": func(w *world) {
				w.infer()
				w.must(w.Finish(w.ctx, w.claim(aihub.RunScore), Outcome{Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonPrediction, Detail: "row 7"}}))
			},
		},
		"platform failed": {
			"data": fail(aihub.FaultData, aihub.ReasonData, 5),
			"lost": func(w *world) {
				for range maxLost {
					lose(w, aihub.RunInfer)
				}
			},
			"scoring lost": func(w *world) {
				w.infer()
				for range maxLost {
					lose(w, aihub.RunScore)
				}
			},
		},
		// What came after the labels were read is paid for, which shows.
		"scoring failed": {
			"scorer":    judged(aihub.ReasonScorer),
			"undefined": judged(aihub.ReasonUndefined),
		},
		"still running": {
			"claimed": func(w *world) { w.claim(aihub.RunInfer) },
			// Those who see runs whole see how far it is.
			"scoring": func(w *world) {
				w.infer()
				l := w.claim(aihub.RunScore)
				l.Report(3, 10)
				_, err := w.Heartbeat(w.ctx, l, time.Minute)
				w.must(err)
				if r, err := w.Run(w.ctx, w.scope(w.reviewer), l.Run().ID); err != nil || r.Done != 3 || r.Goal != 10 || r.Percent() != 30 {
					w.Errorf("the reviewer reads %+v, %v", r, err)
				}
			},
		},
	}
	var mu = make(chan struct{}, 1)
	outcomes := map[string]map[string]string{} // group -> normalised view at the tick -> history
	for group, histories := range groups {
		for name, play := range histories {
			t.Run(group+"/"+name, func(t *testing.T) {
				w, sc := entered(t, 9, 64, "policy")
				before := w.smoke(w.alice, sc) // a submission that may be looked at while the other runs
				w.clock.pass(time.Second)      // listed before the other
				sub := w.submit(w.alice, sc, 5)
				want := view(w, w.alice, sub)
				if !strings.Contains(want, `"state": "queued"`) {
					t.Fatal(want)
				}
				start := w.clock.now()
				play(w)
				if got := view(w, w.alice, sub); got != want {
					t.Errorf("before the tick the vendor's view changed:\n%s", diff(want, got))
				}
				if _, err := w.Receipt(w.ctx, w.scope(w.alice), before.ID); err != nil {
					t.Error(err)
				}
				w.clock.pass(w.nextTick().Sub(w.clock.now()))
				if w.clock.now().Sub(start) > tick {
					t.Fatal("the history outlasts its tick")
				}
				_, err := w.Reap(w.ctx)
				w.must(err)
				w.releaseDue()
				got := view(w, w.alice, sub)
				if strings.Contains(got, "canary") || strings.Contains(got, "worker-1") || strings.Contains(got, "0.8312345") {
					t.Errorf("the view carries what is hidden:\n%s", got)
				}
				w.sound()
				mu <- struct{}{}
				if outcomes[group] == nil {
					outcomes[group] = map[string]string{}
				}
				outcomes[group][normal(w, got)] = name
				<-mu
			})
		}
	}
	for group, views := range outcomes {
		if len(views) != 1 {
			vs := slices.Collect(maps.Keys(views))
			t.Errorf("%s: %d different views at the tick:\n%s", group, len(views), diff(vs[0], vs[1]))
		}
	}
}

// What a scoring that failed tells of labels is charged before anybody sees it,
// and a platform that ends between the tick and the sweep changes nothing of that.
func TestFailuresAreChargedFirst(t *testing.T) {
	t.Parallel()
	for _, reason := range []aihub.Reason{aihub.ReasonScorer, aihub.ReasonUndefined, aihub.ReasonData} {
		t.Run(string(reason), func(t *testing.T) {
			w, sc := entered(t, 9, 64, "policy")
			sub := w.submit(w.alice, sc, 5)
			w.infer()
			before := view(w, w.alice, sub)
			f := aihub.Failure{Owner: aihub.FaultScenario, Reason: reason}
			w.must(w.Finish(w.ctx, w.claim(aihub.RunScore), Outcome{Failure: f}))
			w.toTick()
			w.must(w.DB.Close()) // killed before the sweep
			w.open()
			if got := view(w, w.alice, sub); got != before {
				t.Errorf("seen before its account is settled:\n%s", diff(before, got))
			}
			_, err := w.Reap(w.ctx)
			w.must(err)
			if got, err := w.Submission(w.ctx, w.scope(w.alice), sub.ID); err != nil || got.State != aihub.SubmissionFailed {
				t.Errorf("after the sweep: %+v, %v", got, err)
			}
			spent := 0.0
			if f.Judged() {
				spent = 5
			}
			if b := w.budgetOf(w.alice, sc, "acme"); b.Bits != spent || b.Reserved != 0 {
				t.Errorf("after the sweep: %+v", b)
			}
			w.sound()
		})
	}
}

// normal replaces what is random in every world: ids, salts, hashes, signatures,
// the place in the log.
func normal(w *world, v string) string {
	var out []string
	for _, line := range strings.Split(v, "\n") {
		if strings.Contains(line, `"receipt"`) || strings.Contains(line, `"checkpoint"`) {
			continue
		}
		out = append(out, line)
	}
	v = strings.Join(out, "\n")
	w.must(w.read(w.ctx, func(t *tx) error {
		for _, q := range []string{"SELECT id FROM submissions ORDER BY created_at, smoke DESC", "SELECT id FROM runs ORDER BY kind, attempt", "SELECT id FROM scores", "SELECT id FROM releases"} {
			ids, err := all(t, value[string], q)
			if err != nil {
				return err
			}
			for i, id := range ids {
				v = strings.ReplaceAll(v, id, fmt.Sprint("id-", i))
			}
		}
		return nil
	}))
	return v
}

func diff(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out []string
	for i := range max(len(x), len(y)) {
		var l, r string
		if i < len(x) {
			l = x[i]
		}
		if i < len(y) {
			r = y[i]
		}
		if l != r {
			out = append(out, "- "+l, "+ "+r)
		}
	}
	return strings.Join(out[:min(len(out), 40)], "\n")
}

// Trying to cancel tells nothing either: what is over reads as what is not.
func TestCancelTellsNothing(t *testing.T) {
	t.Parallel()
	cancel := func(w *world, s aihub.Submission) error {
		return w.CancelSubmission(w.ctx, w.permit(w.alice, policies.SubmissionCancel, policies.Object{ID: string(s.ID), Org: "acme"}), s.ID)
	}
	for name, play := range map[string]func(w *world){
		"running": func(w *world) { w.claim(aihub.RunInfer) },
		"over":    func(w *world) { w.infer(); w.score() },
	} {
		t.Run(name, func(t *testing.T) {
			w, sc := entered(t, 9, 64, "policy")
			sub := w.submit(w.alice, sc, 5)
			play(w)
			w.must(cancel(w, sub))
			want := fmt.Sprintf(`"attempts": 1,`)
			got := view(w, w.alice, sub)
			if !strings.Contains(got, want) || strings.Contains(got, "cancelled") || strings.Contains(got, "scored") {
				t.Errorf("after cancelling:\n%s", got)
			}
			w.toTick()
			s, err := w.DB.Submission(w.ctx, w.scope(w.alice), sub.ID)
			w.must(err)
			if want := map[string]aihub.SubmissionState{"running": aihub.SubmissionCancelled, "over": aihub.SubmissionScored}[name]; s.State != want {
				t.Errorf("at the tick it is %s, want %s", s.State, want)
			}
			w.want(aihub.Conflict, cancel(w, sub)) // now everyone knows
			_, err = w.Reap(w.ctx)
			w.must(err)
			if b := w.budgetOf(w.steward, sc, "acme"); b.Attempts != 1 {
				t.Errorf("the attempt was given back: %+v", b)
			}
			w.sound()
		})
	}
	t.Run("not begun", func(t *testing.T) {
		w, sc := entered(t, 9, 64, "policy")
		sub := w.submit(w.alice, sc, 5)
		w.must(cancel(w, sub))
		if b := w.budgetOf(w.alice, sc, "acme"); b.Attempts != 0 || b.Bits != 0 || b.Reserved != 0 {
			t.Errorf("budget %+v", b)
		}
		s, err := w.DB.Submission(w.ctx, w.scope(w.alice), sub.ID)
		w.must(err)
		if s.State != aihub.SubmissionCancelled {
			t.Errorf("state %s", s.State)
		}
		w.sound()
	})
}

// Another organisation's thing and none at all are the same answer; operators
// see no submission, the public only what was released.
func TestScopes(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	sub := w.submit(w.alice, sc, 5)
	ghost := sub
	ghost.ID = "sub_ghost"
	w.infer()
	w.score()
	strangers := map[string]aihub.Actor{"bob": w.bob, "operator": w.operator, "anyone": {}, "operator of acme": w.person("olga", "acme", aihub.Operator)}
	same := func(who string, a aihub.Actor) {
		t.Helper()
		got, want := view(w, a, sub), view(w, a, ghost)
		got = strings.ReplaceAll(got, string(sub.ID), string(ghost.ID))
		if a.Org == sub.Org { // submitting again is refused for other reasons than sight
			return
		}
		if got != want {
			t.Errorf("%s can tell:\n%s", who, diff(want, got))
		}
	}
	for who, a := range strangers {
		if a.Org != sub.Org {
			same(who, a)
		}
		for name, err := range map[string]error{
			"Submission": second(w.DB.Submission(w.ctx, w.scope(a), sub.ID)),
			"Runs":       second(w.Runs(w.ctx, w.scope(a), sub.ID)),
			"Events":     second(w.Events(w.ctx, w.scope(a), sub.ID, 0)),
			"Receipt":    second(w.Receipt(w.ctx, w.scope(a), sub.ID)),
			"Budget":     second(w.Budget(w.ctx, w.scope(a), sc, "main", "acme")),
			"Score":      second(w.DB.Score(w.ctx, w.scope(a), sub.ID)),
		} {
			if aihub.KindOf(err) != aihub.NotFound {
				t.Errorf("%s asks for %s: %v", who, name, err)
			}
		}
		if l, err := w.Submissions(w.ctx, w.scope(a), SubmissionFilter{}); err != nil || len(l) != 0 {
			t.Errorf("%s lists %v %v", who, l, err)
		}
	}
	w.toTick()
	w.releaseDue()
	pub, err := w.DB.Score(w.ctx, policies.Scope{}, sub.ID)
	w.must(err)
	if len(pub.Released) != 1 || pub.Sealed != nil || pub.Run != "" || pub.Bits != 0 {
		t.Errorf("the public sees %+v", pub)
	}

	// Sealed values: reviewers of other organisations and the platform.
	own := w.person("rene", "acme", aihub.Reviewer)
	hats := w.person("hana", "acme", aihub.Vendor, aihub.Reviewer)
	for name, c := range map[string]struct {
		a      aihub.Actor
		sealed bool
	}{
		"reviewer": {w.reviewer, true}, "platform": {policies.Platform(), true}, "steward": {w.steward, false},
		"alice": {w.alice, false}, "reviewer of acme": {own, false}, "vendor and reviewer of acme": {hats, false},
	} {
		s, err := w.DB.Score(w.ctx, w.scope(c.a), sub.ID)
		w.must(err)
		if (s.Sealed != nil) != c.sealed || len(s.Released) != 1 {
			t.Errorf("%s sees %+v", name, s)
		}
	}
	runs, err := w.Runs(w.ctx, w.scope(hats), sub.ID)
	w.must(err)
	if len(runs) != 1 || runs[0].Usage != (aihub.Usage{}) || runs[0].Worker != "" {
		t.Errorf("a vendor with a reviewer's hat sees %+v", runs)
	}
	runs, err = w.Runs(w.ctx, w.scope(w.steward), sub.ID)
	w.must(err)
	if len(runs) != 2 || runs[0].Usage.WallMS != 1234 || runs[0].Worker == "" || runs[0].RowKey != nil {
		t.Errorf("the steward sees %+v", runs)
	}
}

func second[T any](_ T, err error) error { return err }

// A smoke run is open to its organisation: logs live, faults in full.
func TestSmokeIsOpen(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 1, 1, "policy")
	sub := w.smoke(w.alice, sc)
	l := w.claim(aihub.RunSmoke)
	if l.Run().Part != aihub.Sample {
		t.Fatalf("a smoke run on %s", l.Run().Part)
	}
	w.must(w.AppendLog(w.ctx, l, "hello\x00\xff 世界"))
	w.want(aihub.Invalid, w.AppendLog(w.ctx, l, strings.Repeat("x", 64<<10+1)))
	es, err := w.Events(w.ctx, w.scope(w.alice), sub.ID, 0)
	w.must(err)
	if last := es[len(es)-1]; last.Type != "log" || last.Text != "hello\uFFFD\uFFFD 世界" {
		t.Errorf("%+v", last)
	}
	next, err := w.Events(w.ctx, w.scope(w.alice), sub.ID, es[len(es)-2].Seq)
	w.must(err)
	if len(next) != 1 || next[0] != es[len(es)-1] {
		t.Errorf("resumed with %+v", next)
	}
	fault := aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonExit, Detail: "exit code 3"}
	w.must(w.Finish(w.ctx, l, Outcome{Failure: fault, Log: digest("log"), Usage: aihub.Usage{WallMS: 7}}))
	got, err := w.DB.Submission(w.ctx, w.scope(w.alice), sub.ID)
	w.must(err)
	rs, err := w.Runs(w.ctx, w.scope(w.alice), sub.ID)
	w.must(err)
	if got.State != aihub.SubmissionFailed || got.Fault != fault || rs[0].Fault != fault || rs[0].Usage.WallMS != 7 || rs[0].Log == "" || rs[0].Worker != "" || rs[0].RowKey != nil {
		t.Errorf("%+v %+v", got, rs)
	}
	if b := w.budgetOf(w.alice, sc, "acme"); b.Attempts != 0 {
		t.Errorf("a smoke run was charged: %+v", b)
	}
	well := w.smoke(w.alice, sc)
	w.must(w.Finish(w.ctx, w.claim(aihub.RunSmoke), Outcome{}))
	if got, err := w.DB.Submission(w.ctx, w.scope(w.alice), well.ID); err != nil || got.State != aihub.SubmissionTried {
		t.Errorf("%+v %v", got, err)
	}
	l = func() *Lease { w.submit(w.alice, sc, 1); return w.claim(aihub.RunInfer) }()
	w.want(aihub.Refused, w.AppendLog(w.ctx, l, "from a hidden run"))
	w.sound()
}

func TestDatasetScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.dataset("events")
	waiting := aihub.Ref{Name: "events", Version: 2}
	w.must(w.ProposeDataset(w.ctx, w.permit(w.steward, policies.DatasetPropose, policies.Object{ID: "events", Org: "city"}), aihub.DatasetVersion{Ref: waiting, Content: digest("c")}, w.cleared(digest("c")), nil, nil))
	for _, a := range []aihub.Actor{w.alice, w.operator, {}} {
		v, err := w.DB.Dataset(w.ctx, w.scope(a), r)
		w.must(err)
		sample, _ := v.File(aihub.Sample)
		test, _ := v.File(aihub.Test)
		if v.Raw != "" || v.Reason != "" || v.Plan == "" || v.Content == "" || sample.Input == "" || sample.Truth == "" || test.Input != "" || test.Truth != "" || test.Rows != 100 {
			t.Errorf("%s sees %+v", a.User, v)
		}
		_, err = w.DB.Dataset(w.ctx, w.scope(a), waiting)
		w.want(aihub.NotFound, err)
		if l, err := w.Datasets(w.ctx, w.scope(a)); err != nil || len(l) != 1 {
			t.Errorf("%s lists %v %v", a.User, l, err)
		}
	}
	v, err := w.DB.Dataset(w.ctx, w.scope(w.reviewer), r)
	w.must(err)
	if test, _ := v.File(aihub.Test); test.Truth == "" || v.Raw == "" || v.Approver != "rita" {
		t.Errorf("the reviewer sees %+v", v)
	}
	if l, err := w.Datasets(w.ctx, w.scope(w.steward)); err != nil || len(l) != 2 {
		t.Errorf("the steward lists %v %v", l, err)
	}
	early := w.permit(w.steward, policies.ScenarioPublish, policies.Object{ID: "early", Org: "city"})
	w.want(aihub.Pending, w.PublishScenario(w.ctx, early, aihub.Scenario{Ref: aihub.Ref{Name: "early", Version: 1}, Dataset: waiting}, nil))
	// A version that was withdrawn is gone, and nothing new may pin it.
	w.must(w.WithdrawDataset(w.ctx, w.permit(w.steward, policies.DatasetWithdraw, policies.Object{ID: r.String(), Org: "city"}), r, "a mistake"))
	v, err = w.DB.Dataset(w.ctx, w.scope(w.reviewer), r)
	if err != nil || v.Reason != "a mistake" || v.DecidedAt.IsZero() {
		t.Errorf("the reviewer reads %+v %v", v, err)
	}
	_, err = w.DB.Dataset(w.ctx, w.scope(w.alice), r)
	w.want(aihub.NotFound, err)
	p := w.permit(w.steward, policies.ScenarioPublish, policies.Object{ID: "late", Org: "city"})
	w.want(aihub.Conflict, w.PublishScenario(w.ctx, p, aihub.Scenario{Ref: aihub.Ref{Name: "late", Version: 1}, Dataset: r}, nil))
	w.sound()
}
