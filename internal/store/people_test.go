package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"aihub"
	"aihub/policies"
)

var _ scs.CtxStore = (*SessionStore)(nil)

func TestPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(aihub.Conflict, w.Bootstrap(w.ctx, aihub.Org{ID: "late"}, aihub.User{ID: "late", Roles: aihub.Roles}, "h"))
	org := func(id string) error {
		return w.CreateOrg(w.ctx, w.permit(w.operator, policies.OrgCreate, policies.Object{ID: id}), aihub.Org{ID: aihub.OrgID(id)})
	}
	w.want(aihub.Conflict, org("acme"))
	w.want(aihub.Invalid, org("No Slug"))
	user := func(u aihub.User, hash string) error {
		return w.CreateUser(w.ctx, w.permit(w.operator, policies.UserCreate, policies.Object{ID: string(u.ID)}), u, hash)
	}
	vendor := []aihub.Role{aihub.Vendor}
	w.want(aihub.Conflict, user(aihub.User{ID: "alice", Org: "acme", Roles: vendor}, "h"))
	w.want(aihub.NotFound, user(aihub.User{ID: "carl", Org: "nowhere", Roles: vendor}, "h"))
	w.want(aihub.Invalid, user(aihub.User{ID: "carl", Org: "acme"}, "h"))
	w.want(aihub.Invalid, user(aihub.User{ID: "carl", Org: "acme", Roles: []aihub.Role{"king"}}, "h"))
	w.want(aihub.Invalid, user(aihub.User{ID: "carl", Org: "acme", Roles: vendor}, ""))
	w.want(aihub.Invalid, user(aihub.User{ID: "aihub:platform", Org: "acme", Roles: vendor}, "h"))
	w.want(aihub.Invalid, user(aihub.User{ID: "carl", Org: "acme", Roles: vendor, Name: "nul\x00"}, "h"))
	w.must(user(aihub.User{ID: "carl", Org: "acme", Roles: []aihub.Role{aihub.Vendor, aihub.Vendor, aihub.Reviewer}}, "argon"))

	u, hash, err := w.Credential(w.ctx, "carl")
	w.must(err)
	if hash != "argon" || len(u.Roles) != 2 || u.Org != "acme" || !u.CreatedAt.Equal(w.clock.now()) {
		t.Errorf("%+v %q", u, hash)
	}
	_, _, err = w.Credential(w.ctx, "nobody")
	w.want(aihub.NotFound, err)
	a, err := w.ActorOf(w.ctx, "carl")
	if err != nil || !a.Has(aihub.Reviewer) || a.User != "carl" {
		t.Errorf("%+v %v", a, err)
	}
	for who, n := range map[string]int{"alice": 2, "ops": 8, "stella": 8, "": 0} {
		actor, _ := w.ActorOf(w.ctx, aihub.UserID(who))
		list, err := w.Users(w.ctx, w.scope(actor))
		w.must(err)
		if len(list) != n {
			t.Errorf("%q sees %d users, want %d", who, len(list), n)
		}
	}
	if orgs, err := w.Orgs(w.ctx); err != nil || len(orgs) != 4 || orgs[3].Name.ZH != "平台" {
		t.Errorf("%+v %v", orgs, err)
	}
	w.sound()
}

// What a self-test came to is of the labels: the public facts have no digest of it,
// which one could guess; the salted one of the row is enough.
func TestSelfTestIsNotAFact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := aihub.Ref{Name: "tried", Version: 1}
	w.must(w.PublishScenario(w.ctx, w.permit(w.steward, policies.ScenarioPublish, policies.Object{ID: ref.Name, Org: "city"}), aihub.Scenario{
		Ref: ref, Dataset: w.dataset("tried"), Spec: []byte(`{"sharing":{"score":{"release":"policy","tick":"1h"}}}`),
		SelfTest: []aihub.SelfTest{{Part: aihub.Test, Predictions: aihub.TrialConstant, Metric: "acc", Value: 0.5, Passed: true}},
	}, nil))
	var body string
	w.must(w.rw.QueryRowContext(w.ctx, "SELECT body FROM ledger WHERE subject = 'tried@1' AND body LIKE '%scenario.publish%'").Scan(&body))
	if !strings.Contains(body, "\"digest\"") || strings.Contains(body, "self_test") {
		t.Errorf("%s", body)
	}
	w.sound()
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	self := func(a aihub.Actor) policies.Permit {
		return w.permit(a, policies.TokenCreate, policies.Object{ID: string(a.User)})
	}
	w.must(w.CreateToken(w.ctx, self(w.alice), Token{ID: "t1", User: "alice", Hash: digest("one"), Expires: w.clock.now().Add(time.Hour)}))
	w.must(w.CreateToken(w.ctx, self(w.alice), Token{ID: "t2", User: "alice", Hash: digest("two")}))
	w.want(aihub.Conflict, w.CreateToken(w.ctx, self(w.bob), Token{ID: "t3", User: "bob", Hash: digest("two")}))
	w.want(aihub.Invalid, w.CreateToken(w.ctx, self(w.bob), Token{ID: "t3", User: "bob", Hash: "secret itself"}))
	a, err := w.TokenActor(w.ctx, digest("one"))
	if err != nil || a.User != "alice" || !a.Has(aihub.Vendor) {
		t.Errorf("%+v %v", a, err)
	}
	w.want(aihub.NotFound, w.DeleteToken(w.ctx, self(w.bob), "t2")) // not his
	w.must(w.DeleteToken(w.ctx, self(w.alice), "t2"))
	w.want(aihub.NotFound, w.DeleteToken(w.ctx, self(w.alice), "t2"))
	_, err = w.TokenActor(w.ctx, digest("two"))
	w.want(aihub.Unauthenticated, err)
	w.clock.pass(time.Hour)
	_, err = w.TokenActor(w.ctx, digest("one"))
	w.want(aihub.Unauthenticated, err)
	w.dataset("later") // a leaf of this time
	w.clock.pass(-2 * time.Hour)
	_, err = w.TokenActor(w.ctx, digest("one"))
	w.want(aihub.Unauthenticated, err) // a clock turned back revives nothing
	_, err = w.TokenActor(w.ctx, digest("never"))
	w.want(aihub.Unauthenticated, err)
	w.sound()
}

func TestSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.Sessions()
	end := w.clock.now().Add(time.Hour)
	w.must(s.Commit("secret-token", []byte{0, 1, 255}, end))
	w.must(s.Commit("secret-token", []byte{2, 0, 255}, end))
	b, ok, err := s.Find("secret-token")
	if err != nil || !ok || string(b) != "\x02\x00\xff" {
		t.Errorf("%v %v %v", b, ok, err)
	}
	w.must(w.DB.Close())
	for _, name := range []string{"aihub.db", "aihub.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(w.dir, name))
		if err == nil && strings.Contains(string(raw), "secret-token") {
			t.Error("the file holds the token itself")
		}
	}
	w.open()
	s = w.Sessions()
	w.clock.pass(time.Hour)
	if _, ok, err := s.Find("secret-token"); ok || err != nil {
		t.Errorf("an ended session: %v %v", ok, err)
	}
	w.must(s.Commit("other", nil, end.Add(time.Hour)))
	w.must(s.Delete("other"))
	w.must(s.Delete("other"))
	var n int
	w.must(w.rw.QueryRow("SELECT count(*) FROM sessions").Scan(&n))
	if n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// Words match in any order and case, in both languages; signs are found nowhere.
func TestSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.scenario("event-dispatch", 1, 1, "policy")
	w.scenario("school-places", 1, 1, "policy")
	w.scenario("event-dispatch", 1, 1, "policy")
	for q, n := range map[string]int{
		"": 3, "dispatch": 3, "event-dispatch": 3, "EVENT": 3, "分拨": 3, "居民 school": 1, "residents REPORTS": 3,
		"100%": 3, "10_%": 0, "%": 0, "_": 0, `\`: 0, "'": 0, "nothing": 0, "school nothing": 0,
	} {
		list, err := w.Scenarios(w.ctx, policies.Scope{}, ScenarioFilter{Query: q})
		w.must(err)
		if len(list) != n {
			t.Errorf("%q finds %d, want %d", q, len(list), n)
		}
	}
	w.must(w.CloseScenario(w.ctx, w.permit(w.steward, policies.ScenarioClose, policies.Object{ID: first.String(), Org: "city"}), first))
	for f, n := range map[ScenarioFilter]int{
		{Field: "text"}: 3, {Area: "health"}: 0, {State: aihub.ScenarioOpen}: 2, {Query: "event-dispatch", State: aihub.ScenarioClosed}: 1,
	} {
		if list, err := w.Scenarios(w.ctx, policies.Scope{}, f); err != nil || len(list) != n {
			t.Errorf("%+v finds %d, want %d (%v)", f, len(list), n, err)
		}
	}
	_, err := w.Scenarios(w.ctx, policies.Scope{}, ScenarioFilter{Query: strings.Repeat("x", 1000)})
	w.want(aihub.Invalid, err)
	sc, err := w.LatestScenario(w.ctx, policies.Scope{}, "event-dispatch")
	if err != nil || sc.Ref.Version != 2 || sc.Digest != aihub.DigestOf(sc.Spec) {
		t.Errorf("%+v %v", sc, err)
	}
	rounds, err := w.Rounds(w.ctx, sc.Ref)
	if err != nil || len(rounds) != 1 || rounds[0].Name != "main" || rounds[0].Scenario != sc.Ref {
		t.Errorf("%+v %v", rounds, err)
	}
	_, err = w.Rounds(w.ctx, aihub.Ref{Name: "none", Version: 1})
	w.want(aihub.NotFound, err)
	// A version that is not the next, and a digest that is not the spec's, are refused.
	p := w.permit(w.steward, policies.ScenarioPublish, policies.Object{ID: "event-dispatch", Org: "city"})
	w.want(aihub.Conflict, w.PublishScenario(w.ctx, p, aihub.Scenario{Ref: aihub.Ref{Name: "event-dispatch", Version: 7}, Dataset: sc.Dataset}, nil))
	w.want(aihub.Invalid, w.PublishScenario(w.ctx, p, aihub.Scenario{Ref: aihub.Ref{Name: "event-dispatch", Version: 3}, Dataset: sc.Dataset, Digest: digest("x")}, nil))
	w.sound()
}

func TestImages(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 9, "policy")
	d := w.image(w.alice, "algorithm")
	w.image(w.alice, "algorithm") // again: no leaf, no error
	for a, want := range map[*aihub.Actor]bool{&w.alice: true, &w.bob: false} {
		if ok, err := w.HasImage(w.ctx, w.scope(*a), d); err != nil || ok != want {
			t.Errorf("%s: %v %v", a.User, ok, err)
		}
	}
	// Knowing a digest is not having the image.
	_, err := w.Submit(w.ctx, w.submitPermit(w.bob, sc), aihub.Submission{Scenario: sc, Round: "main", Image: d, Nonce: "n"}, 0)
	w.want(aihub.NotFound, err)
	p := w.permit(w.bob, policies.ImagePush, policies.Object{ID: "bits", Org: "bits"})
	w.want(aihub.Refused, w.RegisterImage(w.ctx, p, "acme", d, 1))
	w.want(aihub.Invalid, w.RegisterImage(w.ctx, p, "bits", "sha256:no", 1))
	w.sound()
}

// Two processes that start at once on a new file both come up.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	errs := make(chan error, 4)
	for range 4 {
		go func() {
			db, err := Open(context.Background(), Options{DSN: filepath.Join(dir, "a b?#%中.db"), Signer: signer})
			if err == nil {
				_, err = db.Orgs(context.Background())
				db.Close()
			}
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "a b?#%中.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "not-a-database")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is a text\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"no key":      {DSN: filepath.Join(dir, "x.db")},
		"no driver":   {Driver: "paper", DSN: filepath.Join(dir, "x.db"), Signer: signer},
		"no folder":   {DSN: filepath.Join(dir, "none", "x.db"), Signer: signer},
		"not a store": {DSN: file, Signer: signer},
	} {
		if db, err := Open(context.Background(), o); err == nil {
			db.Close()
			t.Errorf("%s: opened", name)
		} else if k := aihub.KindOf(err); k != aihub.Invalid && k != aihub.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	db, err := Open(context.Background(), Options{DSN: ":memory:", Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Bootstrap(context.Background(), aihub.Org{ID: "oo"}, aihub.User{ID: "uu", Roles: aihub.Roles}, "h"); err != nil {
		t.Fatal(err)
	}
	rep, err := db.VerifyLedger(context.Background())
	if err != nil || len(rep.Faults) != 0 || rep.Rows != 2 {
		t.Error(fmt.Sprint(rep, err))
	}
}
