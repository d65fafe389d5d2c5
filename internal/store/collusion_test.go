package store

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
)

// Threat A3: a dozen organisations, two people each, who share what they are told
// spend no more of a part than its one budget: asking at once, in turns, over two
// scenarios, after every crash, with the clock turned back and forth, and from a
// copy of the database that was made before.
func TestCollusion(t *testing.T) {
	t.Parallel()
	const orgs = 12
	total, held, price := 20.0, 3.0, 2.0 // bits: of the part, that a submission holds, that an answer costs
	w := newWorld(t)
	w.price = price
	ds := w.dataset("events")
	var scs []aihub.Ref
	for _, name := range []string{"one", "two"} {
		sc, err := w.on(name, ds, aihub.Round{Part: aihub.Test, Quota: 50, BudgetBits: total})
		w.must(err)
		scs = append(scs, sc)
	}
	var people []aihub.Actor
	for i := range orgs {
		org := aihub.OrgID(fmt.Sprintf("org%d", i))
		w.must(w.CreateOrg(w.ctx, w.permit(w.operator, policies.OrgCreate, policies.Object{ID: string(org)}), aihub.Org{ID: org}))
		for _, who := range []string{"a", "b"} {
			people = append(people, w.person(aihub.UserID(who+"-"+string(org)), org, aihub.Vendor))
		}
		for _, sc := range scs {
			w.enrol(people[2*i], sc, aihub.Enrolment{})
		}
		w.image(people[2*i], "an image of "+string(org))
	}
	submit := func(i, n int) error {
		a := people[i%len(people)]
		sc := scs[i%2]
		_, err := w.Submit(w.ctx, w.submitPermit(a, sc), aihub.Submission{Scenario: sc, Round: "main", Image: digest("an image of " + string(a.Org)), Nonce: fmt.Sprint(i, " ", n)}, held)
		return err
	}
	var restore func()
	taken, answered := 0, 0
	for round := range 5 {
		// Everybody at once: what is held and what is spent is never more than there is.
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i := range people {
			wg.Go(func() {
				err := submit(i, round)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					taken++
				} else if aihub.KindOf(err) != aihub.Quota {
					t.Errorf("%v", err)
				}
			})
		}
		wg.Wait()
		if open := float64(taken - answered); price*float64(answered)+held*open > total {
			t.Fatalf("round %d: %g more submissions were taken after %d answers of %g bits, for a budget of %g", round, open, answered, price, total)
		}
		if round == 0 {
			w.must(w.DB.Close())
			restore = w.copied()
			w.open()
		}
		for count(w, "SELECT count(*) FROM runs WHERE state = 'queued'") > 0 {
			w.infer()
			w.score()
		}
		w.toTick()
		answered += w.releaseDue()
		w.must(w.DB.Close()) // and two days back, as far as the machine's clock says
		w.clock.pass(-48 * time.Hour)
		w.open()
		if b := w.budgetOf(people[0], scs[0], people[0].Org); b.Bits != price*float64(answered) {
			t.Errorf("round %d: with the clock turned back %+v, after %d answers", round, b, answered)
		}
		w.clock.pass(72 * time.Hour)
	}
	if answered != 9 || taken != answered { // 18 bits are spent, and 2 do not hold one more
		t.Errorf("%d answers, %d taken", answered, taken)
	}
	b := w.budgetOf(people[0], scs[1], people[0].Org)
	if b.Bits != price*float64(answered) || b.Bits > total || b.Answers != int64(answered) || b.Reserved != 0 {
		t.Errorf("%+v", b)
	}
	w.sound()

	// A part about which nothing can be said any more is not opened anew by the copy of
	// before: more was shown since than it knows.
	w.must(w.DB.Close())
	restore()
	_, err := Open(w.ctx, w.options())
	w.want(aihub.Unavailable, err)
}

// copied copies the world's closed database, and returns what puts the copy in its place.
func (w *world) copied() (restore func()) {
	w.Helper()
	if onPostgres() {
		name := databaseOf(w.dir)
		w.must(onServer("CREATE DATABASE " + name + "_copy TEMPLATE " + name))
		w.Cleanup(func() { w.must(onServer("DROP DATABASE " + name + "_copy")) })
		return func() {
			w.must(onServer("DROP DATABASE " + name))
			w.must(onServer("CREATE DATABASE " + name + " TEMPLATE " + name + "_copy"))
		}
	}
	file := filepath.Join(w.dir, "aihub.db")
	b, err := os.ReadFile(file)
	w.must(err)
	return func() {
		w.must(os.WriteFile(file, b, 0o600))
		for _, suffix := range []string{"-wal", "-shm"} {
			os.Remove(file + suffix)
		}
	}
}
