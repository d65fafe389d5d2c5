package store

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
	"aihub/policies/sharing"
)

// clock is a Now that tests move by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

const tick = time.Hour

var openTime = time.Date(2026, 3, 1, 8, 30, 0, 0, time.UTC)

// world is a platform with a city, two vendors and reviewers, on a real file.
type world struct {
	testing.TB
	*DB
	ctx   context.Context
	dir   string
	clock *clock
	eng   *policies.Engine

	operator, steward, reviewer, reviewer2, reviewer3, alice, bob aihub.Actor

	price float64 // of an answer
	n     int     // makes names
}

var signer = func() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("a test's signing key"))
	return ed25519.NewKeyFromSeed(seed[:])
}()

func (w *world) options() Options {
	if onPostgres() {
		return Options{Driver: "postgres", DSN: postgresDSN(w.dir), Signer: signer, Checkpoint: filepath.Join(w.dir, "checkpoint"), Now: w.clock.now}
	}
	return Options{DSN: filepath.Join(w.dir, "aihub.db"), Signer: signer, Checkpoint: filepath.Join(w.dir, "checkpoint"), Now: w.clock.now}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldIn(t, t.TempDir())
}

func newWorldIn(t testing.TB, dir string) *world {
	w := &world{TB: t, ctx: context.Background(), dir: dir, clock: &clock{t: openTime}}
	var err error
	if w.eng, err = policies.New(); err != nil {
		t.Fatal(err)
	}
	w.eng.Now = w.clock.now
	if onPostgres() {
		w.makeDatabase()
	}
	w.open()
	t.Cleanup(func() { w.DB.Close() })

	w.operator = aihub.Actor{User: "ops", Org: "platform", Roles: []aihub.Role{aihub.Operator}}
	w.must(w.Bootstrap(w.ctx, aihub.Org{ID: "platform", Name: aihub.Text{ZH: "平台", EN: "Platform"}},
		aihub.User{ID: "ops", Name: "Ops", Roles: w.operator.Roles}, "hash"))
	for _, o := range []aihub.OrgID{"city", "acme", "bits"} {
		w.must(w.CreateOrg(w.ctx, w.permit(w.operator, policies.OrgCreate, policies.Object{ID: string(o)}), aihub.Org{ID: o}))
	}
	w.steward = w.person("stella", "city", aihub.Steward)
	w.reviewer = w.person("rita", "city", aihub.Reviewer)
	w.reviewer2 = w.person("rolf", "city", aihub.Reviewer)
	w.reviewer3 = w.person("rosa", "city", aihub.Reviewer)
	w.alice = w.person("alice", "acme", aihub.Vendor)
	w.bob = w.person("bob", "bits", aihub.Vendor)
	return w
}

func (w *world) open() {
	w.Helper()
	db, err := Open(w.ctx, w.options())
	w.must(err)
	w.DB = db
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%v (%s)", err, aihub.KindOf(err))
	}
}

// want fails unless err is of the kind.
func (w *world) want(k aihub.Kind, err error) {
	w.Helper()
	if aihub.KindOf(err) != k {
		w.Fatalf("got %q (%v), want %q", aihub.KindOf(err), err, k)
	}
}

func (w *world) person(id aihub.UserID, org aihub.OrgID, roles ...aihub.Role) aihub.Actor {
	w.Helper()
	p := w.permit(w.operator, policies.UserCreate, policies.Object{ID: string(id)})
	w.must(w.CreateUser(w.ctx, p, aihub.User{ID: id, Org: org, Name: string(id), Roles: roles}, "hash"))
	return aihub.Actor{User: id, Org: org, Roles: roles}
}

// permit asks the real engine, which must allow it. The object's kind is the action's.
func (w *world) permit(a aihub.Actor, act policies.Action, o policies.Object) policies.Permit {
	w.Helper()
	for i := range act {
		if act[i] == '.' {
			o.Kind = string(act[:i])
		}
	}
	p, err := w.eng.Authorize(w.ctx, a, act, o)
	w.must(err)
	return p
}

func digest(s string) aihub.Digest { return aihub.DigestOf([]byte(s)) }

// dataset proposes and publishes the next version of name.
func (w *world) dataset(name string) aihub.Ref {
	w.Helper()
	n, err := w.NextDatasetVersion(w.ctx, name)
	w.must(err)
	r := aihub.Ref{Name: name, Version: n}
	v := aihub.DatasetVersion{
		Ref: r, Title: aihub.Text{ZH: "事件", EN: "Events"}, License: "internal", Key: "id",
		Columns: []aihub.Column{{Name: "id", Type: "string"}, {Name: "label", Type: "string", Truth: true}},
		Parts: []aihub.PartFile{
			{Part: aihub.Sample, Rows: 10, Input: digest("sample"), Truth: digest("sample truth"), Bytes: 5},
			{Part: aihub.Test, Rows: 100, Input: digest("test"), Truth: digest("test truth"), Bytes: 50},
		},
		Content: digest("content"), Plan: digest("plan"), Raw: digest("raw of " + r.String()), Profile: digest("profile"), Card: digest("card"),
	}
	w.must(w.ProposeDataset(w.ctx, w.permit(w.steward, policies.DatasetPropose, policies.Object{ID: name, Org: "city"}), v, w.cleared(v.Content), nil, nil))
	w.must(w.DecideDataset(w.ctx, w.approval(r), r, true, false, "k = 12"))
	return r
}

// cleared is the risk gate's word about a content for which no limit is declared.
func (w *world) cleared(content aihub.Digest) policies.Clearance {
	w.Helper()
	c, err := policies.Clear(aihub.RiskRecord{Content: content})
	w.must(err)
	return c
}

func (w *world) approval(r aihub.Ref) policies.Permit {
	w.Helper()
	return w.permit(w.reviewer, policies.DatasetApprove, policies.Object{ID: r.String(), Author: w.steward.User})
}

// scenario publishes one with a single round "main". A spec of zero fields is
// filled in: policy release, tick of an hour.
func (w *world) scenario(name string, quota int, bits float64, release string) aihub.Ref {
	w.Helper()
	w.clock.pass(time.Second)
	ds := w.dataset(name + "-data")
	n, err := w.NextScenarioVersion(w.ctx, name)
	w.must(err)
	r := aihub.Ref{Name: name, Version: n}
	spec := fmt.Sprintf(`{"limits":{"cpus":2,"wall":"3m0s"},"train":{"limits":{"cpus":1,"wall":"2m0s"},"quota":2},"description":{"en":"Reports of residents","zh":"居民上报"},"sharing":{"score":{"release":%q,"tick":%q}}}`, release, tick)
	sc := aihub.Scenario{
		Ref: r, Title: aihub.Text{ZH: "事件分拨", EN: "Event dispatch"}, Summary: aihub.Text{ZH: "按部门分拨", EN: "Route 100% of reports"},
		Field: "text", Area: "governance", Dataset: ds, Spec: []byte(spec),
	}
	rounds := []aihub.Round{{Name: "main", Part: aihub.Test, Quota: quota, BudgetBits: bits}}
	w.must(w.PublishScenario(w.ctx, w.permit(w.steward, policies.ScenarioPublish, policies.Object{ID: name, Org: "city"}), sc, rounds))
	return r
}

// enrol lets the vendor's organisation into sc.
func (w *world) enrol(a aihub.Actor, sc aihub.Ref, e aihub.Enrolment) aihub.EnrolmentID {
	w.Helper()
	e.ID, e.Scenario = aihub.EnrolmentID(aihub.NewID("enr")), sc
	w.must(w.RequestEnrolment(w.ctx, w.permit(a, policies.EnrolmentRequest, policies.Object{ID: sc.String(), For: a.Org}), e))
	w.must(w.DecideEnrolment(w.ctx, w.permit(w.reviewer, policies.EnrolmentDecide, policies.Object{ID: string(e.ID), Org: "city", For: a.Org}), e.ID, true, "ok"))
	return e.ID
}

func (w *world) image(a aihub.Actor, content string) aihub.Digest {
	w.Helper()
	d := digest(content)
	w.must(w.RegisterImage(w.ctx, w.permit(a, policies.ImagePush, policies.Object{ID: string(a.Org), Org: a.Org}), a.Org, d, 100))
	return d
}

func (w *world) submitPermit(a aihub.Actor, sc aihub.Ref) policies.Permit {
	w.Helper()
	return w.permit(a, policies.SubmissionCreate, policies.Object{ID: sc.String(), Org: "city", For: a.Org})
}

// trySubmit enters a hidden submission of a new name.
func (w *world) trySubmit(a aihub.Actor, sc aihub.Ref, bits float64) (aihub.Submission, error) {
	w.Helper()
	w.n++
	name := fmt.Sprintf("entry-%d", w.n)
	return w.Submit(w.ctx, w.submitPermit(a, sc), aihub.Submission{
		Scenario: sc, Round: "main", Image: w.image(a, "an image of "+string(a.Org)), Name: name, Nonce: name,
	}, bits)
}

func (w *world) submit(a aihub.Actor, sc aihub.Ref, bits float64) aihub.Submission {
	w.Helper()
	s, err := w.trySubmit(a, sc, bits)
	w.must(err)
	return s
}

func (w *world) smoke(a aihub.Actor, sc aihub.Ref) aihub.Submission {
	w.Helper()
	w.n++
	s, err := w.Submit(w.ctx, w.submitPermit(a, sc), aihub.Submission{
		Scenario: sc, Image: w.image(a, "an image of "+string(a.Org)), Smoke: true, Nonce: fmt.Sprint("smoke", w.n),
	}, 0)
	w.must(err)
	return s
}

// claimAny claims a run of the first of the kinds that has one.
func (w *world) claimAny(worker aihub.WorkerID, kinds ...aihub.RunKind) (*Lease, error) {
	for _, k := range kinds {
		if l, err := w.Claim(w.ctx, worker, time.Minute, k); l != nil || err != nil {
			return l, err
		}
	}
	return nil, nil
}

func (w *world) claim(kinds ...aihub.RunKind) *Lease {
	w.Helper()
	l, err := w.Claim(w.ctx, "worker-1", time.Minute, kinds...)
	w.must(err)
	if l == nil {
		w.Fatalf("no %v run is queued", kinds)
	}
	return l
}

var sealedValues = []aihub.MetricValue{{ID: "f1", Signature: "f1@1", Value: 0.8312345, N: 100, Status: aihub.MetricOK, Lo: 0.8, Hi: 0.86}}

// infer runs the next infer run to a good end.
func (w *world) infer() *Lease {
	w.Helper()
	l := w.claim(aihub.RunInfer)
	for _, s := range []aihub.RunState{aihub.RunPreparing, aihub.RunRunning, aihub.RunCollecting} {
		w.must(w.Advance(w.ctx, l, s))
	}
	w.must(w.Finish(w.ctx, l, Outcome{Output: digest("predictions"), Log: digest("log"), Usage: aihub.Usage{WallMS: 1234}, Posture: []byte(`{"runner":"test","inside":{"kernel":"K","uid":[65532],"gid":[65532],"caps":null,"no_new_privs":true,"seccomp":"filter","namespaces":{"net":"net:[7]"},"mounts":[],"devices":["lo"],"limits":{"core":0}}}`)}))
	return l
}

// score runs the next score run to a good end, due at the next tick.
func (w *world) score() *Lease {
	w.Helper()
	l := w.claim(aihub.RunScore)
	w.must(w.FinishScore(w.ctx, l, sealedValues, w.nextTick()))
	return l
}

// train enters a training of an image.
func (w *world) train(a aihub.Actor, sc aihub.Ref, smoke bool) (aihub.Submission, error) {
	w.Helper()
	w.n++
	return w.Submit(w.ctx, w.submitPermit(a, sc), aihub.Submission{
		Scenario: sc, Image: w.image(a, "an image of "+string(a.Org)), Train: true, Smoke: smoke, Name: "training", Nonce: fmt.Sprint("training", w.n),
	}, 0)
}

// trained runs the next training to a good end: it leaves the model.
func (w *world) trained(kind aihub.RunKind, model string, size int64) *Lease {
	w.Helper()
	l := w.claim(kind)
	w.must(w.Seal(w.ctx, l, digest(model)))
	w.must(w.Finish(w.ctx, l, Outcome{Model: Sealed{Digest: digest(model), Bytes: size, Files: size % 7}, Usage: aihub.Usage{WallMS: size, CPUMS: size}}))
	return l
}

func (w *world) nextTick() time.Time { return w.clock.now().Truncate(tick).Add(tick) }

func (w *world) toTick() { w.clock.pass(w.nextTick().Sub(w.clock.now())) }

// releaseDue does what the evaluator's loop does.
func (w *world) releaseDue() int {
	w.Helper()
	list, err := w.DueReleases(w.ctx)
	w.must(err)
	for _, r := range list {
		p := w.permit(policies.Platform(), policies.ReleaseScore, policies.Object{ID: string(r.ID)})
		if r.State != aihub.ReleaseReleasing {
			w.must(w.charge(r, w.price, aihub.MetricValue{ID: "f1", Value: 0.83, Status: aihub.MetricOK}))
		}
		w.must(w.ReleaseScore(w.ctx, p, r.ID))
	}
	return len(list)
}

// charge charges an answer of price bits.
func (w *world) charge(r aihub.Release, price float64, values ...aihub.MetricValue) error {
	w.Helper()
	s, err := w.DB.Submission(w.ctx, w.scope(policies.Platform()), r.Submission)
	w.must(err)
	b, err := w.PartBudget(w.ctx, s.Scenario, s.Round)
	w.must(err)
	p := w.permit(policies.Platform(), policies.ReleaseScore, policies.Object{ID: string(r.ID)})
	return w.ChargeScore(w.ctx, p, r.ID, b.Answers, testTerms, sharing.Answer{Values: values, Bits: price})
}

var testTerms = sharing.Terms{Metrics: []sharing.Metric{{ID: "f1", Primary: true, Step: 0.01, Hi: 1, Loss: 1}}}

// entered is a world with one scenario that acme and bits take up.
func entered(t testing.TB, quota int, bits float64, release string) (*world, aihub.Ref) {
	t.Helper()
	w := newWorld(t)
	sc := w.scenario("dispatch", quota, bits, release)
	w.enrol(w.alice, sc, aihub.Enrolment{Purpose: "to try", Agreement: digest("agreement")})
	w.enrol(w.bob, sc, aihub.Enrolment{Purpose: "to try", Agreement: digest("agreement")})
	return w, sc
}

func (w *world) scope(a aihub.Actor) policies.Scope { return policies.ScopeOf(a) }

func (w *world) budgetOf(a aihub.Actor, sc aihub.Ref, org aihub.OrgID) aihub.Budget {
	w.Helper()
	b, err := w.Budget(w.ctx, w.scope(a), sc, "main", org)
	w.must(err)
	return b
}

// sound fails unless the ledger verifies.
func (w *world) sound() LedgerReport {
	w.Helper()
	rep, err := w.VerifyLedger(w.ctx)
	w.must(err)
	for _, f := range rep.Faults {
		w.Errorf("ledger: %s", f.In(aihub.EN))
	}
	return rep
}
