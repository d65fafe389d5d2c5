package policies

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aihub"
)

func engine(t testing.TB) *Engine {
	t.Helper()
	e, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func person(user aihub.UserID, org aihub.OrgID, roles ...aihub.Role) aihub.Actor {
	return aihub.Actor{User: user, Org: org, Roles: roles}
}

// The whole table, as people meet it. Every action appears, and every rule.
func TestWhoMayDoWhat(t *testing.T) {
	var (
		steward  = person("sun", "city", aihub.Steward)
		vendor   = person("wei", "acme", aihub.Vendor)
		reviewer = person("ren", "panel", aihub.Reviewer)
		operator = person("oda", "ops", aihub.Operator)
		nobody   = person("new", "acme")
		visitor  = aihub.Actor{}
		self     = Platform()
		both     = person("duo", "city", aihub.Steward, aihub.Reviewer)
	)
	type allow = []aihub.Actor
	obj := func(kind string, o Object) Object { o.Kind = kind; return o }
	everyone := allow{steward, vendor, reviewer, operator, nobody, visitor, self, both}
	cases := []struct {
		name   string
		action Action
		o      Object
		may    allow
	}{
		{"create an organisation", OrgCreate, Object{ID: "x1"}, allow{operator}},
		{"create a user", UserCreate, Object{ID: "x1"}, allow{operator}},
		{"a token for oneself", TokenCreate, Object{ID: "wei"}, allow{vendor}},
		{"a token for the platform", TokenCreate, Object{ID: string(system)}, nil},
		{"a token for nobody", TokenCreate, Object{}, nil},
		{"propose a dataset", DatasetPropose, Object{ID: "d", Org: "city"}, allow{steward, both}},
		{"propose under another's name", DatasetPropose, Object{ID: "d", Org: "town"}, nil},
		{"approve a dataset", DatasetApprove, Object{ID: "d@1", Org: "city", Author: "sun"}, allow{reviewer, both}},
		{"approve one's own dataset", DatasetApprove, Object{ID: "d@1", Org: "city", Author: "duo"}, allow{reviewer}},
		{"approve a dataset of unknown author", DatasetApprove, Object{ID: "d@1", Org: "city"}, nil},
		{"withdraw a dataset", DatasetWithdraw, Object{ID: "d@1", Org: "city"}, allow{steward, both}},
		{"withdraw another's dataset", DatasetWithdraw, Object{ID: "d@1", Org: "acme"}, nil},
		{"erase a dataset", DatasetErase, Object{ID: "d@1", Org: "city"}, allow{steward, self, both}},
		{"erase another's dataset", DatasetErase, Object{ID: "d@1", Org: "town"}, allow{self}},
		{"rotate a key", KeyRotate, Object{ID: "city/d", Org: "city"}, allow{steward, both}},
		{"rotate another's key", KeyRotate, Object{ID: "town/d", Org: "town"}, nil},
		{"ask who is behind a pseudonym", ReidentifyRequest, Object{ID: "d@1", Org: "city"}, allow{steward, both}},
		{"ask it of another's dataset", ReidentifyRequest, Object{ID: "d@1", Org: "town"}, nil},
		{"grant a re-identification", ReidentifyApprove, Object{ID: "r", Org: "city", Author: "sun"}, allow{reviewer, both}},
		{"grant one's own re-identification", ReidentifyApprove, Object{ID: "r", Org: "city", Author: "duo"}, allow{reviewer}},
		{"grant a re-identification of nobody", ReidentifyApprove, Object{ID: "r", Org: "city"}, nil},
		{"read its answer", ReidentifyRead, Object{ID: "r", Org: "city", Author: "sun"}, allow{steward}},
		{"read it after a move to another organisation", ReidentifyRead, Object{ID: "r", Org: "town", Author: "sun"}, nil},
		{"publish an aggregate", AggregatePublish, Object{ID: "d@1", Org: "city"}, allow{steward, both}},
		{"publish one of another's dataset", AggregatePublish, Object{ID: "d@1", Org: "town"}, nil},
		{"score again", ScoreAgain, Object{ID: "u", Org: "city"}, allow{steward, both}},
		{"score another's again", ScoreAgain, Object{ID: "u", Org: "town"}, nil},
		{"propose a scorer", ScorerPropose, Object{ID: "sha256:x", Org: "city"}, allow{steward, both}},
		{"propose another's image as a scorer", ScorerPropose, Object{ID: "sha256:x", Org: "acme"}, nil},
		{"approve a scorer", ScorerApprove, Object{ID: "scr", Org: "city", Author: "sun"}, allow{reviewer, both}},
		{"approve one's own scorer", ScorerApprove, Object{ID: "scr", Org: "city", Author: "duo"}, allow{reviewer}},
		{"publish a scenario", ScenarioPublish, Object{ID: "s", Org: "city"}, allow{steward, both}},
		{"close a scenario", ScenarioClose, Object{ID: "s@1", Org: "city"}, allow{steward, both}},
		{"withdraw a scenario", ScenarioWithdraw, Object{ID: "s@1", Org: "city"}, allow{steward, both}},
		{"withdraw another's scenario", ScenarioWithdraw, Object{ID: "s@1", Org: "town"}, nil},
		{"close another's scenario", ScenarioClose, Object{ID: "s@1", Org: "town"}, nil},
		{"enrol", EnrolmentRequest, Object{ID: "s@1", Org: "city", For: "acme"}, allow{vendor}},
		{"enrol another organisation", EnrolmentRequest, Object{ID: "s@1", Org: "city", For: "rival"}, nil},
		{"decide an enrolment", EnrolmentDecide, Object{ID: "e", Org: "city", For: "acme"}, allow{steward, reviewer, both}},
		{"decide on one's own organisation", EnrolmentDecide, Object{ID: "e", Org: "city", For: "city"}, allow{reviewer}},
		{"reviewers decide not on their own", EnrolmentDecide, Object{ID: "e", Org: "city", For: "panel"}, allow{steward, both}},
		{"decide on a scenario of another", EnrolmentDecide, Object{ID: "e", Org: "town", For: "acme"}, allow{reviewer, both}},
		{"decide for nobody", EnrolmentDecide, Object{ID: "e", Org: "city"}, nil},
		{"revoke an enrolment", EnrolmentRevoke, Object{ID: "e", Org: "city", For: "acme"}, allow{steward, both}},
		{"submit", SubmissionCreate, Object{ID: "s@1", Org: "city", For: "acme"}, allow{vendor}},
		{"submit for another", SubmissionCreate, Object{ID: "s@1", Org: "city", For: "rival"}, nil},
		{"submit a baseline", SubmissionCreate, Object{ID: "s@1", Org: "city", For: "city"}, allow{steward, both}},
		{"stewards submit nowhere else", SubmissionCreate, Object{ID: "s@1", Org: "town", For: "city"}, nil},
		{"cancel", SubmissionCancel, Object{ID: "u", Org: "acme"}, allow{vendor}},
		{"cancel a baseline", SubmissionCancel, Object{ID: "u", Org: "city"}, allow{steward, both}},
		{"open a workspace", WorkspaceOpen, Object{ID: "s@1", Org: "city", For: "acme"}, allow{vendor}},
		{"open a workspace for another", WorkspaceOpen, Object{ID: "s@1", Org: "city", For: "rival"}, nil},
		{"open a workspace in one's own scenario", WorkspaceOpen, Object{ID: "s@1", Org: "city", For: "city"}, allow{steward, both}},
		{"close a workspace", WorkspaceClose, Object{ID: "u", Org: "city"}, allow{steward, operator, both}},
		{"close a workspace of another's scenario", WorkspaceClose, Object{ID: "u", Org: "town"}, allow{operator}},
		{"ask for the release of files", FilesRequest, Object{ID: "u", Org: "acme"}, allow{vendor}},
		{"ask for those of a workspace in one's own scenario", FilesRequest, Object{ID: "u", Org: "city"}, allow{steward, both}},
		{"vote on files", FilesVote, Object{ID: "out", Org: "acme"}, allow{reviewer, both}},
		{"vote on one's own files", FilesVote, Object{ID: "out", Org: "city"}, allow{reviewer}},
		{"fetch files", FilesFetch, Object{ID: "out", Org: "acme"}, allow{vendor}},
		{"fetch one's own files", FilesFetch, Object{ID: "out", Org: "city"}, allow{steward, both}},
		{"delete a model", ModelDelete, Object{ID: "sha256:x", Org: "acme"}, allow{vendor}},
		{"delete a baseline's model", ModelDelete, Object{ID: "sha256:x", Org: "city"}, allow{steward, both}},
		{"vote on a release", ReleaseVote, Object{ID: "r", Org: "acme"}, allow{reviewer, both}},
		{"vote on one's own release", ReleaseVote, Object{ID: "r", Org: "city"}, allow{reviewer}},
		{"vote on nobody's release", ReleaseVote, Object{ID: "r"}, nil},
		{"release a score", ReleaseScore, Object{ID: "r", Org: "acme"}, allow{self}},
		{"delete an image", ImageDelete, Object{ID: "acme/sha256:x", Org: "acme"}, allow{vendor}},
		{"delete a baseline's image", ImageDelete, Object{ID: "city/sha256:x", Org: "city"}, allow{steward, both}},
		{"push an image", ImagePush, Object{ID: "acme", Org: "acme"}, allow{vendor}},
		{"push a baseline's image", ImagePush, Object{ID: "city", Org: "city"}, allow{steward, both}},
		{"read a hidden run's log", LogRead, Object{ID: "n", Org: "city"}, allow{steward, both}},
		{"read another's hidden run's log", LogRead, Object{ID: "n", Org: "town"}, nil},
		{"read the ledger", LedgerRead, Object{}, allow{reviewer, operator, both}},
		{"read a public sample", SampleRead, Object{ID: "d@1"}, everyone},
		{"read a proposed sample", SampleRead, Object{ID: "d@2", Org: "city"}, allow{steward, reviewer, both}},
	}
	e := engine(t)
	fixed := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	e.Now = func() time.Time { return fixed }
	usedRules, usedActions := map[string]bool{}, map[Action]bool{}
	for _, c := range cases {
		kind, _ := c.action.split()
		usedActions[c.action] = true
		for _, a := range everyone {
			o := obj(kind, c.o)
			want := slices.ContainsFunc(c.may, func(m aihub.Actor) bool { return m.User == a.User })
			if a.User == system && c.action == SampleRead {
				want = false // the platform does only what it is there for
			}
			p, err := e.Authorize(context.Background(), a, c.action, o)
			if got := err == nil; got != want {
				t.Errorf("%s: %q allowed = %v, want %v (%v)", c.name, a.User, got, want, err)
				continue
			}
			d := p.Decision()
			switch {
			case want && (!d.Allowed || d.Action != c.action || d.Object != o || d.Actor.User != a.User || d.Rule == "" || !d.At.Equal(fixed)):
				t.Errorf("%s: the permit says %+v", c.name, d)
			case want && (p.Check(c.action, o.ID) != nil || p.Check(c.action, o.ID+"x") == nil):
				t.Errorf("%s: the permit covers another object", c.name)
			case !want && (d.Allowed || p.Check(c.action, o.ID) == nil):
				t.Errorf("%s: a refusal came with a permit", c.name)
			case !want && a.Anonymous() && aihub.KindOf(err) != aihub.Unauthenticated,
				!want && !a.Anonymous() && aihub.KindOf(err) != aihub.Refused:
				t.Errorf("%s: kind %q", c.name, aihub.KindOf(err))
			}
			usedRules[d.Rule] = true
		}
	}
	for _, a := range Actions {
		if !usedActions[a] {
			t.Errorf("the table does not try %s", a)
		}
		for _, r := range e.rules[a] {
			if !usedRules[r.String()] {
				t.Errorf("no case of the table is allowed by %s", r)
			}
		}
	}
}

// Words of the policy cannot be smuggled in as words of an actor or an object.
func TestNoForgedWords(t *testing.T) {
	e := engine(t)
	forged := []aihub.Actor{
		person("eve", "acme", "platform"), person("eve", "acme", "*"), person("eve", "acme", "steward,reviewer"),
		person("eve", "acme", "Reviewer"), person("eve", "acme", ".*"),
		{Org: "city", Roles: aihub.Roles},               // roles without a user
		{User: system, Org: "city", Roles: aihub.Roles}, // the platform with a person's roles
	}
	for _, a := range forged {
		for _, action := range Actions {
			kind, _ := action.split()
			o := Object{Kind: kind, ID: "x", Org: "town", Author: "sun", For: "acme"}
			if (action == ReleaseScore || action == DatasetErase) && a.User == system {
				continue
			}
			if _, err := e.Authorize(context.Background(), a, action, o); err == nil {
				t.Errorf("%+v may %s", a, action)
			}
		}
	}
	// Threat A17: casbin's keyMatch took "/d/*/schema" to cover "/d/x/labels".
	all := person("sun", "city", aihub.Roles...)
	for _, c := range []struct {
		action Action
		kind   string
	}{
		{"sample.*", "sample"}, {"*", "sample"}, {"", ""}, {"sample", "sample"}, {"sample.read.labels", "sample"},
		{"/d/x/labels", "/d/x/labels"}, {"/d/*/schema", "/d/*/schema"}, {SampleRead, "sampl"}, {SampleRead, "sample*"},
		{SampleRead, ""}, {SampleRead, "score"}, {"SAMPLE.READ", "SAMPLE"}, {"sample.read ", "sample"}, {".read", ""},
	} {
		if _, err := e.Authorize(context.Background(), all, c.action, Object{Kind: c.kind, ID: "x"}); aihub.KindOf(err) != aihub.Refused {
			t.Errorf("%q on %q: %v", c.action, c.kind, err)
		}
	}
}

func TestRefusalSaysWhatItTakes(t *testing.T) {
	e := engine(t)
	say := func(a aihub.Actor, action Action, o Object) *aihub.Error {
		_, err := e.Authorize(context.Background(), a, action, o)
		ae, ok := err.(*aihub.Error)
		if !ok {
			t.Fatalf("%s: %v", action, err)
		}
		return ae
	}
	for _, c := range []struct {
		err    *aihub.Error
		en, zh string
	}{
		{say(person("wei", "acme", aihub.Vendor), DatasetApprove, Object{Kind: "dataset", ID: "d@1", Author: "sun"}),
			"dataset.approve takes a reviewer, when somebody else made it; you hold: vendor",
			"dataset.approve 需要：评审员 (reviewer)，且对象由他人提出；你的角色：vendor"},
		{say(person("ren", "panel", aihub.Reviewer), DatasetApprove, Object{Kind: "dataset", ID: "d@1", Author: "ren"}),
			"dataset.approve takes a reviewer, when somebody else made it: that is not so here",
			"dataset.approve 需要：评审员 (reviewer)，且对象由他人提出；此处条件不成立"},
		{say(aihub.Actor{}, OrgCreate, Object{Kind: "org"}),
			"sign in first: org.create takes an operator",
			"请先登录：org.create 需要：运维人员 (operator)"},
	} {
		if c.err.Text.EN != c.en || c.err.Text.ZH != c.zh || c.err.Hint.EN == "" || c.err.Hint.ZH == "" {
			t.Errorf("got  %q / %q\nwant %q / %q", c.err.Text.EN, c.err.Text.ZH, c.en, c.zh)
		}
	}
	// A refusal must not tell whether or whose a thing is.
	for _, org := range []aihub.OrgID{"secret-org", "town"} {
		err := say(person("ren", "acme", aihub.Vendor), SubmissionCancel, Object{Kind: "submission", ID: "sub_secret", Org: org})
		if s := err.In(aihub.EN) + err.In(aihub.ZH); strings.Contains(s, "secret") || strings.Contains(s, "town") {
			t.Errorf("the refusal names the object: %s", s)
		}
	}
}

func TestCancelledContextIsRefused(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := engine(t).Authorize(ctx, person("oda", "ops", aihub.Operator), OrgCreate, Object{Kind: "org"}); err == nil {
		t.Error("a permit was given after the request ended")
	}
}

func TestScopes(t *testing.T) {
	for _, c := range []struct {
		a    aihub.Actor
		all  bool
		sees bool // things of acme
	}{
		{aihub.Actor{}, false, false},
		{aihub.Actor{Org: "acme", Roles: aihub.Roles}, false, false},
		{person("wei", "acme", aihub.Vendor), false, true},
		{person("oda", "ops", aihub.Operator), false, false},
		{person("sun", "city", aihub.Steward), true, true},
		{person("ren", "panel", aihub.Reviewer), true, true},
		{Platform(), true, true},
	} {
		s := ScopeOf(c.a)
		if s.All() != c.all || s.Sees("acme") != c.sees || !s.All() && s.Sees("") {
			t.Errorf("%+v: all %v, sees %v", c.a, s.All(), s.Sees("acme"))
		}
	}
}

// --- against a reference

// reference is the access policy written down a second time, without casbin.
func reference(a aihub.Actor, action Action, o Object) bool {
	if kind, _, _ := strings.Cut(string(action), "."); kind != o.Kind {
		return false
	}
	if a.User == "aihub:platform" {
		return action == "release.score" || action == "dataset.erase"
	}
	if a.User == "" {
		return action == "sample.read" && o.Org == ""
	}
	var steward, vendor, reviewer, operator bool
	for _, r := range a.Roles {
		steward = steward || r == "steward"
		vendor = vendor || r == "vendor"
		reviewer = reviewer || r == "reviewer"
		operator = operator || r == "operator"
	}
	own := a.Org != "" && a.Org == o.Org
	forOwn := a.Org != "" && a.Org == o.For
	forOther := a.Org != "" && o.For != "" && a.Org != o.For
	switch action {
	case "org.create", "user.create":
		return operator
	case "token.create":
		return o.ID == string(a.User)
	case "reidentify.approve":
		return reviewer && o.Author != "" && o.Author != a.User
	case "reidentify.read":
		return steward && own && o.Author == a.User
	case "dataset.erase", "key.rotate", "reidentify.request", "aggregate.publish",
		"dataset.propose", "dataset.withdraw", "score.again", "scorer.propose", "scenario.publish", "scenario.close", "scenario.withdraw", "enrolment.revoke", "log.read":
		return steward && own
	case "dataset.approve", "scorer.approve":
		return reviewer && o.Author != "" && o.Author != a.User
	case "enrolment.request":
		return vendor && forOwn
	case "enrolment.decide":
		return forOther && (reviewer || steward && own)
	case "workspace.close":
		return operator || steward && own
	case "submission.create", "workspace.open":
		return forOwn && (vendor || steward && own)
	case "submission.cancel", "image.push", "files.request", "files.fetch", "model.delete", "image.delete":
		return own && (vendor || steward)
	case "release.vote", "files.vote":
		return reviewer && a.Org != "" && o.Org != "" && a.Org != o.Org
	case "ledger.read":
		return reviewer || operator
	case "sample.read":
		return o.Org == "" || reviewer || steward && own
	}
	return false
}

// question makes one from eight numbers: mostly plausible, at times not.
func question(n func(int) int) (aihub.Actor, Action, Object) {
	users := []aihub.UserID{"", "sun", "wei", "sun", system, "SUN"}
	orgs := []aihub.OrgID{"", "city", "acme", "city", "acm"}
	roles := append(slices.Clone(aihub.Roles), "platform", "anyone", "member", "*", "")
	a := aihub.Actor{User: users[n(len(users))], Org: orgs[n(len(orgs))]}
	for range n(4) {
		a.Roles = append(a.Roles, roles[n(len(roles))])
	}
	action := append(slices.Clone(Actions), "sample.*", "dataset", "release.unseal")[n(len(Actions)+3)]
	kind, _ := action.split()
	if n(20) == 0 {
		kind = []string{"", "*", "dataset", "score"}[n(4)]
	}
	return a, action, Object{Kind: kind, ID: []string{"", "sun", "wei", "x"}[n(4)],
		Org: orgs[n(len(orgs))], Author: users[n(len(users))], For: orgs[n(len(orgs))]}
}

func compare(t *testing.T, e *Engine, a aihub.Actor, action Action, o Object) (allowed bool) {
	p, err := e.Authorize(context.Background(), a, action, o)
	want := reference(a, action, o)
	if (err == nil) != want || p.Decision().Allowed != want {
		t.Errorf("Authorize(%+v, %q, %+v): %v; the reference says %v", a, action, o, err, want)
	}
	return want
}

// A million questions (threat A18), a tenth of them with -short.
func TestAgreesWithReference(t *testing.T) {
	t.Parallel()
	cases := 1_000_000
	if testing.Short() {
		cases = 100_000
	}
	e := engine(t)
	var wg sync.WaitGroup // at once, because the server asks at once
	allowed := make([]int, 2)
	for w := range allowed {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(2026, uint64(w)))
			for i := 0; i < cases/len(allowed) && !t.Failed(); i++ {
				a, action, o := question(rng.IntN)
				if compare(t, e, a, action, o) {
					allowed[w]++
				}
			}
		})
	}
	wg.Wait()
	n := allowed[0] + allowed[1]
	t.Logf("%d questions, %d allowed, 0 differences", cases, n)
	if n < cases/50 {
		t.Errorf("only %d of %d questions were allowed: the generator asks nothing worth asking", n, cases)
	}
}

func FuzzAuthorize(f *testing.F) {
	f.Add([]byte{1, 1, 2, 0, 2, 3, 1, 1, 1, 1, 1, 2})
	f.Add([]byte{1, 1, 1, 2, 4, 7, 1, 2, 2, 1})
	e, err := New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, action, o := question(func(n int) int {
			if len(b) == 0 {
				return 0
			}
			v := int(b[0]) % n
			b = b[1:]
			return v
		})
		if len(b) > 0 && b[0] > 250 { // and words no generator thinks of
			o.ID, o.Org, a.Roles = string(b), aihub.OrgID(b), append(a.Roles, aihub.Role(b))
		}
		compare(t, e, a, action, o)
	})
}
