package store

import (
	"aihub/policies/sharing"
	"bufio"
	"fmt"
	"math"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
	"aihub/policies/ledger"
)

// on publishes a scenario over a dataset, with one round on a part.
func (w *world) on(name string, ds aihub.Ref, r aihub.Round) (aihub.Ref, error) {
	w.Helper()
	n, err := w.NextScenarioVersion(w.ctx, name)
	w.must(err)
	ref := aihub.Ref{Name: name, Version: n}
	r.Name = "main"
	sc := aihub.Scenario{Ref: ref, Dataset: ds, Spec: fmt.Appendf(nil, `{"sharing":{"score":{"release":"policy","tick":%q}}}`, tick)}
	err = w.PublishScenario(w.ctx, w.permit(w.steward, policies.ScenarioPublish, policies.Object{ID: name, Org: "city"}), sc, []aihub.Round{r})
	if err == nil {
		w.enrol(w.alice, ref, aihub.Enrolment{})
		w.enrol(w.bob, ref, aihub.Enrolment{})
	}
	return ref, err
}

// answer takes a submission to an answer of price bits.
func (w *world) answer(a aihub.Actor, sc aihub.Ref, held, price float64) aihub.Submission {
	w.Helper()
	s := w.submit(a, sc, held)
	w.infer()
	w.score()
	w.toTick()
	w.price = price
	if n := w.releaseDue(); n != 1 {
		w.Fatalf("%d answers", n)
	}
	return s
}

// Threats A3 and S3: one hidden part has one budget, whoever asks and in whichever
// scenario, round or version; publishing again gives no new one.
func TestOneBudgetForAPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ds := w.dataset("events")
	round := func(bits float64) aihub.Round { return aihub.Round{Part: aihub.Test, Quota: 9, BudgetBits: bits} }
	one, err := w.on("one", ds, round(20))
	w.must(err)
	_, err = w.on("more", ds, round(20.5))
	w.want(aihub.Conflict, err)
	two, err := w.on("two", ds, round(20))
	w.must(err)
	w.answer(w.alice, one, 12, 12)
	_, err = w.trySubmit(w.bob, two, 9) // another organisation, another scenario
	w.want(aihub.Quota, err)
	if !strings.Contains(err.Error(), "8 of 20 are left for everyone together") {
		t.Errorf("%v", err)
	}
	w.must(w.CloseScenario(w.ctx, w.permit(w.steward, policies.ScenarioClose, policies.Object{ID: one.String(), Org: "city"}), one))
	again, err := w.on("one", ds, round(20))
	w.must(err)
	_, err = w.trySubmit(w.alice, again, 9)
	w.want(aihub.Quota, err)
	w.answer(w.bob, again, 8, 0.0145)
	for _, sc := range []aihub.Ref{two, again} {
		if b := w.budgetOf(w.bob, sc, "bits"); b.Bits != 12.0145 || b.Total != 20 || b.Answers != 2 || b.Part != "events@1/test" {
			t.Errorf("%s: %+v", sc, b)
		}
	}
	// A version of the dataset from the same bytes is the same part; new rows are not.
	v2 := w.sameRaw("events", ds)
	three, err := w.on("three", v2, round(20))
	w.must(err)
	if b := w.budgetOf(w.bob, three, "bits"); b.Bits != 12.0145 || b.Part != "events@1/test" {
		t.Errorf("the same bytes again: %+v", b)
	}
	four, err := w.on("four", w.dataset("events"), round(30))
	w.must(err)
	if b := w.budgetOf(w.bob, four, "bits"); b.Bits != 0 || b.Total != 30 {
		t.Errorf("new rows: %+v", b)
	}
	w.sound()
}

// sameRaw publishes the next version of a dataset from the bytes of another.
func (w *world) sameRaw(name string, of aihub.Ref) aihub.Ref {
	w.Helper()
	v, err := w.Dataset(w.ctx, w.scope(policies.Platform()), of)
	w.must(err)
	n, err := w.NextDatasetVersion(w.ctx, name)
	w.must(err)
	v.Ref.Version, v.Approver, v.DecidedAt, v.State = n, "", time.Time{}, aihub.DatasetProposed
	w.must(w.ProposeDataset(w.ctx, w.permit(w.steward, policies.DatasetPropose, policies.Object{ID: name, Org: "city"}), v, w.cleared(v.Content), nil, nil))
	w.must(w.DecideDataset(w.ctx, w.approval(v.Ref), v.Ref, true, false, ""))
	return v.Ref
}

// One organisation spends no more than its share; the part's owner may.
func TestShareOfAnOrganisation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sc, err := w.on("one", w.dataset("events"), aihub.Round{Part: aihub.Test, Quota: 9, BudgetBits: 20, OrgBits: 10})
	w.must(err)
	w.answer(w.alice, sc, 6, 6)
	_, err = w.trySubmit(w.alice, sc, 6)
	w.want(aihub.Quota, err)
	if !strings.Contains(err.Error(), "has 4 left of its share of 10") {
		t.Errorf("%v", err)
	}
	w.submit(w.bob, sc, 6)
	w.submit(w.alice, sc, 4)
	if b := w.budgetOf(w.alice, sc, "acme"); b.Own != 10 || b.Share != 10 || b.Bits != 6 || b.Reserved != 10 {
		t.Errorf("%+v", b)
	}
	w.sound()
}

// A certificate is of as many rows as the part's units are worth.
func TestCertificateOfUnits(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	for i, units := range []int64{0, 12} {
		s := w.submit(w.alice, sc, 8)
		w.infer()
		v := sealedValues[0]
		v.Units = units
		w.must(w.FinishScore(w.ctx, w.claim(aihub.RunScore), []aihub.MetricValue{v}, w.nextTick()))
		w.toTick()
		due, err := w.DueReleases(w.ctx)
		w.must(err)
		w.must(w.charge(due[0], 7, aihub.MetricValue{ID: "f1", Value: 0.83, Status: aihub.MetricOK}))
		w.must(w.ReleaseScore(w.ctx, w.permit(policies.Platform(), policies.ReleaseScore, policies.Object{ID: string(due[0].ID)}), due[0].ID))
		got, err := w.Score(w.ctx, w.scope(w.alice), s.ID)
		w.must(err)
		rows := []int64{100, 12}[i]
		if p := got.Proof; p == nil || p.Rows != rows || math.Abs(p.Error-sharing.Deviation(p.Bits, p.Answers, rows)) > 1e-12 || got.Released[0].Units != 0 {
			t.Errorf("%d units: %+v, %+v", units, p, got.Released)
		}
	}
	w.sound()
}

// Threats I3, I4 and I6: an answer is charged before it is shown, once, and stays
// charged after a crash, a restored copy and a turned clock.
func TestChargedForGood(t *testing.T) {
	t.Parallel()
	needsSQLite(t)
	w, sc := entered(t, 9, 20, "policy")
	s := w.submit(w.alice, sc, 8)
	w.infer()
	w.score()
	w.toTick()
	w.must(w.DB.Close())
	file := filepath.Join(w.dir, "aihub.db")
	old, err := os.ReadFile(file)
	w.must(err)
	w.open()
	due, err := w.DueReleases(w.ctx)
	w.must(err)
	w.must(w.charge(due[0], 7, aihub.MetricValue{ID: "f1", Value: 0.83, Status: aihub.MetricOK}))

	crash := func() {
		w.must(w.DB.Close())
		w.clock.pass(-48 * time.Hour)
		w.open()
		if b := w.budgetOf(w.alice, sc, "acme"); b.Bits != 7 || b.Answers != 1 {
			t.Errorf("two days ago: %+v", b)
		}
		w.clock.pass(48 * time.Hour)
	}
	crash()
	if es, err := w.Board(w.ctx, sc, "main"); err != nil || len(es) != 0 {
		t.Fatalf("shown before it is released: %v %v", es, err)
	}
	if got, err := w.Score(w.ctx, w.scope(w.alice), s.ID); err != nil || got.Released != nil || got.Proof != nil {
		t.Fatalf("alice sees %+v %v", got, err)
	}
	if b := w.budgetOf(w.alice, sc, "acme"); b.Bits != 7 || b.Reserved != 0 {
		t.Fatalf("after a crash: %+v", b)
	}
	if again, err := w.DueReleases(w.ctx); err != nil || len(again) != 1 || again[0].State != aihub.ReleaseReleasing {
		t.Fatalf("due after a crash: %+v %v", again, err)
	}
	w.want(aihub.Conflict, w.charge(due[0], 0, aihub.MetricValue{ID: "f1", Value: 0.99, Status: aihub.MetricOK}))

	p := w.permit(policies.Platform(), policies.ReleaseScore, policies.Object{ID: string(due[0].ID)})
	w.must(w.ReleaseScore(w.ctx, p, due[0].ID))
	note, err := os.ReadFile(filepath.Join(w.dir, "checkpoint"))
	w.must(err)
	c, err := ledger.Parse(note)
	w.must(err)
	if n := count(w, "SELECT seq FROM ledger WHERE body LIKE '%release.charge%'"); int64(n) >= c.Size {
		t.Errorf("shown while the charge, leaf %d, was not yet outside the database (%d leaves)", n, c.Size)
	}
	w.want(aihub.Conflict, w.ReleaseScore(w.ctx, p, due[0].ID))
	crash()
	if b := w.budgetOf(w.alice, sc, "acme"); b.Bits != 7 || b.Answers != 1 {
		t.Errorf("%+v", b)
	}
	if got, err := w.Score(w.ctx, w.scope(w.alice), s.ID); err != nil || got.Bits != 7 || got.Proof == nil || got.Proof.Bits != 7 || got.Proof.Rows != 100 {
		t.Errorf("released: %+v %v", got, err)
	}
	w.sound()

	// The copy from before the charge does not open.
	w.must(w.DB.Close())
	w.must(os.WriteFile(file, old, 0o600))
	for _, suffix := range []string{"-wal", "-shm"} {
		os.Remove(file + suffix)
	}
	_, err = Open(w.ctx, w.options())
	w.want(aihub.Unavailable, err)
}

func count(w *world, q string) (n int) {
	w.Helper()
	w.must(w.rw.QueryRow(q).Scan(&n))
	return n
}

// What reviewers refuse costs all that was held: they have seen the score.
func TestRefusalIsCharged(t *testing.T) {
	t.Parallel()
	w, r := inReview(t)
	for _, a := range []aihub.Actor{w.reviewer, w.reviewer2} {
		w.must(w.Vote(w.ctx, w.votePermit(a, r), r.ID, false, ""))
	}
	if b, err := w.PartBudget(w.ctx, r.Scenario, "main"); err != nil || b.Bits != 1 || b.Reserved != 0 || b.Answers != 1 {
		t.Errorf("%+v %v", b, err)
	}
	w.sound()
}

// A final part is asked once: all at the close of the round, with every digit, at
// no price; and a second round on it is refused.
func TestFinalPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ds := w.dataset("events")
	closes := w.clock.now().Add(36*time.Hour + time.Minute)
	final := aihub.Round{Part: aihub.Final, Quota: 1, Closes: closes}
	sc, err := w.on("one", ds, final)
	w.must(err)
	_, err = w.on("second", ds, final)
	w.want(aihub.Conflict, err)
	for _, a := range []aihub.Actor{w.alice, w.bob} {
		w.submit(a, sc, 1000)
		w.infer()
		w.score()
	}
	_, err = w.trySubmit(w.alice, sc, 0)
	w.want(aihub.Quota, err)
	w.toTick()
	if n := w.releaseDue(); n != 0 {
		t.Fatal("answered while the round was open")
	}
	w.clock.pass(closes.Sub(w.clock.now()))
	if n := w.releaseDue(); n != 0 {
		t.Fatal("answered before the tick")
	}
	w.toTick()
	if n := w.releaseDue(); n != 2 {
		t.Fatalf("%d answers", n)
	}
	es, err := w.Board(w.ctx, sc, "main")
	w.must(err)
	for _, e := range es {
		if p := e.Score.Proof; e.Score.Bits != 0 || p == nil || p.Answers != 2 || p.Bits != 0 {
			t.Errorf("%+v", e.Score)
		}
	}
	_, err = w.on("late", ds, final)
	w.want(aihub.Conflict, err)
	_, err = w.on("late", w.sameRaw("events", ds), final)
	w.want(aihub.Conflict, err)
	w.sound()
}

// Only a final part waits for its round to close: another answers at the tick.
func TestOpenRoundAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sc, err := w.on("one", w.dataset("events"), aihub.Round{Part: aihub.Test, Quota: 1, Closes: w.clock.now().Add(36 * time.Hour)})
	w.must(err)
	w.submit(w.alice, sc, 0)
	w.infer()
	w.score()
	w.toTick()
	if n := w.releaseDue(); n != 1 {
		t.Errorf("%d answers while the round is open", n)
	}
}

// A scoring that failed is an answer, too: of a final part it is the one there is.
// What failed before anybody read labels is given back.
func TestFailureIsAnAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		part aihub.Part
		why  aihub.Reason
		want aihub.Kind
	}{
		"final part, scorer":      {aihub.Final, aihub.ReasonScorer, aihub.Quota},
		"final part, undefined":   {aihub.Final, aihub.ReasonUndefined, aihub.Quota},
		"final part, unreadable":  {aihub.Final, aihub.ReasonData, ""},
		"another part, undefined": {aihub.Test, aihub.ReasonUndefined, ""},
	} {
		w := newWorld(t)
		sc, err := w.on("one", w.dataset("events"), aihub.Round{Part: c.part, Quota: 1, Closes: w.clock.now().Add(72 * time.Hour)})
		w.must(err)
		w.submit(w.alice, sc, 0)
		w.infer()
		w.must(w.Finish(w.ctx, w.claim(aihub.RunScore), Outcome{Failure: aihub.Failure{Owner: aihub.FaultScenario, Reason: c.why}}))
		w.toTick()
		if _, err := w.Reap(w.ctx); err != nil {
			t.Fatal(err)
		}
		if _, err = w.trySubmit(w.alice, sc, 0); aihub.KindOf(err) != c.want && (c.want != "" || err != nil) {
			t.Errorf("%s: entering again: %v", name, err)
		}
	}
}

// Threat I6: a process that is killed at any instruction between a score and its
// release charges every answer once, and shows none without its charge.
func TestKilledWhileReleasing(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 1000, 4000, "policy")
	w.image(w.alice, "an image of acme")
	shown := 0
	for round := range 5 {
		w.must(w.DB.Close())
		child := osexec.Command(os.Args[0], "-test.run", "^TestKilledWhileReleasingChild$")
		child.Env = append(os.Environ(), childEnv+"RELEASE="+w.dir, "ROUND="+fmt.Sprint(round), "SCENARIO="+sc.String())
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		w.must(err)
		w.must(child.Start())
		lines := bufio.NewScanner(out)
		for n := 0; n < 2+3*round && lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "shown ") {
				n++
				shown++
			}
		}
		w.must(child.Process.Kill())
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "shown ") {
				shown++
			}
		}
		child.Wait()
		w.open()
		w.sound()
		charged := count(w, "SELECT count(*) FROM scores WHERE proof IS NOT NULL")
		if n := count(w, "SELECT count(*) FROM releases WHERE state = 'released'"); n < shown || n > charged {
			t.Errorf("round %d: %d acknowledged, %d shown, %d charged", round, shown, n, charged)
		}
		if n := count(w, "SELECT answers FROM parts"); n != charged {
			t.Errorf("round %d: %d answers, %d charged scores", round, n, charged)
		}
		if n := count(w, "SELECT spent FROM parts"); n != charged*1_500_000 {
			t.Errorf("round %d: %d µbit spent on %d answers", round, n, charged)
		}
	}
}

// TestKilledWhileReleasingChild is the process that TestKilledWhileReleasing kills.
func TestKilledWhileReleasingChild(t *testing.T) {
	dir := os.Getenv(childEnv + "RELEASE")
	if dir == "" {
		t.Skip("is run by TestKilledWhileReleasing")
	}
	w := &world{TB: t, ctx: t.Context(), dir: dir, clock: &clock{t: openTime.Add(24 * time.Hour)}, price: 1.5}
	var err error
	w.eng, err = policies.New()
	w.must(err)
	w.open()
	w.alice, err = w.ActorOf(w.ctx, "alice")
	w.must(err)
	sc, err := aihub.ParseRef(os.Getenv("SCENARIO"))
	w.must(err)
	for i := 0; ; i++ {
		_, err := w.Submit(w.ctx, w.submitPermit(w.alice, sc), aihub.Submission{
			Scenario: sc, Round: "main", Image: digest("an image of acme"), Nonce: fmt.Sprint(os.Getenv("ROUND"), " ", i),
		}, 3)
		w.must(err)
		if l, err := w.Claim(w.ctx, "w", tick, aihub.RunInfer); err != nil {
			t.Fatal(err)
		} else if l != nil {
			w.must(w.Finish(w.ctx, l, Outcome{Output: digest("o")}))
		}
		if l, err := w.Claim(w.ctx, "w", tick, aihub.RunScore); err != nil {
			t.Fatal(err)
		} else if l != nil {
			w.must(w.FinishScore(w.ctx, l, sealedValues, w.nextTick()))
		}
		w.toTick()
		fmt.Println(strings.Repeat("shown once\n", w.releaseDue()))
	}
}

// Two rounds that earlier versions of the platform let share a final part: who is
// entered first has it, and the other can no longer be entered.
func TestFinalPartOfTwoRounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ds := w.dataset("events")
	final := aihub.Round{Part: aihub.Final, Quota: 1}
	one, err := w.on("one", ds, final)
	w.must(err)
	_, err = w.rw.Exec("UPDATE scenarios SET state = 'closed'")
	w.must(err)
	two, err := w.on("two", ds, final) // nobody entered the first
	w.must(err)
	_, err = w.rw.Exec("UPDATE scenarios SET state = 'open'")
	w.must(err)
	w.submit(w.alice, one, 0)
	_, err = w.trySubmit(w.bob, two, 0)
	w.want(aihub.Conflict, err)
	w.submit(w.bob, one, 0)
}
