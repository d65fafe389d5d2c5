package server_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aihub"
	"aihub/catalog"
	"aihub/internal/blob"
	"aihub/internal/keys"
	"aihub/internal/oci"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/policies/sharing"
	"aihub/sandbox"
	"aihub/sandbox/gvisor"
	"aihub/scenarios"
	"aihub/scenarios/packs"
	"aihub/server"
	"aihub/server/auth"
	"aihub/server/client"
	"aihub/server/wire"
)

// world is a whole platform but for its workers, which the tests play through
// the store's worker API. Its clock is the real one plus an offset.
type world struct {
	keys      *keys.Ring
	t         *testing.T
	db        *store.DB
	blobs     blob.Store
	http      *httptest.Server
	handler   http.Handler
	offset    atomic.Int64
	logs      *logs
	terminals *sandbox.Workspaces
	tmp       string // where the server keeps files under way
}

func TestMain(m *testing.M) {
	gvisor.Dispatch() // a sandbox executes this program again
	m.Run()
}

const password = "four random words 四个词"

// The people, by what they are. Both vendors, and both reviewers, are of
// organisations of their own.
var people = []struct {
	id   aihub.UserID
	org  aihub.OrgID
	role aihub.Role
}{
	{"steward", "city-data", aihub.Steward},
	{"vendor", "acme", aihub.Vendor},
	{"rival", "globex", aihub.Vendor},
	{"reviewer", "board-one", aihub.Reviewer},
	{"second", "board-two", aihub.Reviewer},
}

var orgNames = map[aihub.OrgID]aihub.Text{
	"city-data": {ZH: "福田区政务服务数据管理局", EN: "Futian data bureau"},
	"acme":      {ZH: "深圳云脑科技", EN: "Acme Brains"},
	"globex":    {ZH: "环球智算", EN: "Globex Compute"},
	"board-one": {ZH: "评审委员会", EN: "Review board"},
	"board-two": {ZH: "复核委员会", EN: "Second board"},
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	ctx := t.Context()
	w := &world{t: t, logs: &logs{}, terminals: &sandbox.Workspaces{}}
	ring, err := keys.Open(filepath.Join(dir, "keys", "root.key"))
	w.must(err)
	w.keys = ring
	engine, err := policies.New()
	w.must(err)
	engine.Now = w.now
	w.blobs, err = blob.Open(filepath.Join(dir, "blobs"))
	w.must(err)
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	w.must(err)
	w.db, err = store.Open(ctx, store.Options{DSN: filepath.Join(dir, "aihub.db"), Signer: signer, Now: w.now})
	w.must(err)
	t.Cleanup(func() { w.db.Close() })
	vault := &blob.Vault{Store: w.blobs, Find: w.db.SealOf, Key: ring.Derive("vault", "")}
	w.blobs = vault
	hash, err := auth.HashPassword(password)
	w.must(err)
	w.must(w.db.Bootstrap(ctx, aihub.Org{ID: "platform", Name: aihub.Text{ZH: "平台", EN: "Platform"}},
		aihub.User{ID: "operator", Org: "platform", Name: "Operator", Roles: []aihub.Role{aihub.Operator}}, hash))
	w.tmp = filepath.Join(dir, "tmp")
	w.handler, err = server.New(server.Deps{
		DB: w.db, Policies: engine, Blobs: w.blobs, Dir: dir, Terminals: w.terminals, Now: w.now, Log: slog.New(slog.NewTextHandler(w.logs, nil)),
		Catalog: &catalog.Catalog{DB: w.db, Policies: engine, Blobs: vault, Keys: ring, Dir: filepath.Join(dir, "tmp"), Now: w.now},
	})
	w.must(err)
	w.http = httptest.NewServer(w.handler)
	t.Cleanup(w.http.Close)
	op := w.as("operator")
	for _, p := range people {
		w.must(op.CreateOrg(ctx, aihub.Org{ID: p.org, Name: orgNames[p.org]}))
		w.must(op.CreateUser(ctx, wire.NewUser{User: aihub.User{ID: p.id, Org: p.org, Name: string(p.id), Roles: []aihub.Role{p.role}}, Password: password}))
	}
	return w
}

func (w *world) now() time.Time             { return time.Now().Add(time.Duration(w.offset.Load())) }
func (w *world) pass(d time.Duration)       { w.offset.Add(int64(d)) }
func (w *world) must(err error)             { w.t.Helper(); mustT(w.t, err) }
func (w *world) want(k aihub.Kind, e error) { w.t.Helper(); wantT(w.t, k, e) }

func mustT(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantT(t *testing.T, k aihub.Kind, err error) {
	t.Helper()
	if aihub.KindOf(err) != k {
		t.Fatalf("got %v (%s), want an error of kind %s", err, aihub.KindOf(err), k)
	}
}

// logs collects what the server logs; nothing unknown may happen unseen.
type logs struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// person is someone signed in.
type person struct {
	*client.Client
	w     *world
	id    aihub.UserID
	token string
}

// as signs a person in; "" is a visitor.
func (w *world) as(id aihub.UserID) person {
	w.t.Helper()
	if id == "" {
		return person{Client: client.New(w.http.URL, ""), w: w}
	}
	in, err := client.New(w.http.URL, "").SignIn(w.t.Context(), wire.SignIn{User: id, Password: password, Name: "test"})
	w.must(err)
	return person{Client: client.New(w.http.URL, in.Token), w: w, id: id, token: in.Token}
}

// dataset publishes a pack's dataset through the front door: the steward
// proposes, the reviewer approves.
func (w *world) dataset(pack string) aihub.DatasetVersion {
	w.t.Helper()
	p, ok := packs.Get(pack)
	if !ok {
		w.t.Fatalf("there is no pack %q", pack)
	}
	var raw bytes.Buffer
	w.must(p.Generate(&raw, 7, p.Rows))
	v := w.publish(w.as("steward"), p.Manifest, raw.Bytes(), nil)
	w.must(w.as("reviewer").DecideDataset(w.t.Context(), v.Ref.String(), wire.Decide{Approve: true, Reason: "risk is low"}))
	return v
}

// scenario publishes a pack's scenario, its spec changed by pairs of old and new.
func (w *world) scenario(pack string, changes ...string) aihub.Scenario {
	w.t.Helper()
	p, _ := packs.Get(pack)
	spec := strings.NewReplacer(changes...).Replace(string(p.Spec))
	sc, err := w.as("steward").PublishScenario(w.t.Context(), wire.NewScenario{Spec: spec})
	w.must(err)
	return sc
}

// enrol takes a scenario up and has it approved.
func (p person) enrol(sc aihub.Scenario) aihub.Enrolment {
	p.w.t.Helper()
	ctx := p.w.t.Context()
	v, err := p.Scenario(ctx, sc.Ref.String())
	p.w.must(err)
	spec, err := scenarios.ParseCanonical(v.Spec)
	p.w.must(err)
	e, err := p.Enrol(ctx, sc.Ref.String(), wire.Enrol{Purpose: "naive Bayes over characters", Agreement: scenarios.AgreementDigest(spec)})
	p.w.must(err)
	p.w.must(p.w.as("steward").DecideEnrolment(ctx, string(e.ID), wire.Decide{Approve: true, Reason: "welcome"}))
	return e
}

// image is a small image archive, different for every salt.
func (w *world) image(salt string) []byte {
	w.t.Helper()
	var b bytes.Buffer
	w.must(oci.Build(&b, oci.Config{Entrypoint: []string{"/run"}}, []oci.File{{Name: "run", Mode: 0o755, Content: []byte("#!" + salt)}}))
	return b.Bytes()
}

// submit uploads an image and enters it.
func (p person) submit(sc aihub.Scenario, name string, smoke bool) aihub.Submission {
	p.w.t.Helper()
	img, err := p.UploadImage(p.w.t.Context(), bytes.NewReader(p.w.image(string(p.id)+name)), nil)
	p.w.must(err)
	sub, err := p.Submit(p.w.t.Context(), sc.Ref.String(), wire.NewSubmission{Image: img.Digest, Name: name, Smoke: smoke, Nonce: rand.Text()})
	p.w.must(err)
	return sub
}

// claim leases the run of a submission, as a worker does.
func (w *world) claim(kind aihub.RunKind, id aihub.SubmissionID) *store.Lease {
	w.t.Helper()
	l, err := w.db.Claim(w.t.Context(), "worker", time.Hour, kind)
	w.must(err)
	if l == nil || l.Run().Submission != id {
		w.t.Fatalf("no %s run of %s to claim: %+v", kind, id, l)
	}
	return l
}

// start takes a run as far as running.
func (w *world) start(l *store.Lease) {
	w.t.Helper()
	for _, s := range []aihub.RunState{aihub.RunPreparing, aihub.RunRunning} {
		w.must(w.db.Advance(w.t.Context(), l, s))
	}
}

// put keeps content as a blob.
func (w *world) put(content string) aihub.Digest {
	w.t.Helper()
	d, _, err := w.blobs.Put(w.t.Context(), strings.NewReader(content))
	w.must(err)
	return d
}

// infer plays the sandbox: it runs a submission and leaves an outcome.
func (w *world) infer(id aihub.SubmissionID, o store.Outcome) {
	w.t.Helper()
	l := w.claim(aihub.RunInfer, id)
	w.start(l)
	w.must(w.db.Advance(w.t.Context(), l, aihub.RunCollecting))
	w.must(w.db.Finish(w.t.Context(), l, o))
}

// score plays the evaluator: it seals a score, due at the next tick.
func (w *world) score(sc aihub.Scenario, id aihub.SubmissionID, values ...aihub.MetricValue) {
	w.t.Helper()
	l := w.claim(aihub.RunScore, id)
	w.must(w.db.FinishScore(w.t.Context(), l, values, sharing.NextTick(w.now(), w.tick(sc))))
}

func (w *world) tick(sc aihub.Scenario) time.Duration {
	w.t.Helper()
	v, err := w.as("").Scenario(w.t.Context(), sc.Ref.String())
	w.must(err)
	spec, err := scenarios.ParseCanonical(v.Spec)
	w.must(err)
	return time.Duration(spec.Sharing.Score.Tick)
}

// release plays the evaluator's release loop once.
func (w *world) release() {
	w.t.Helper()
	ctx := context.Background()
	platform := policies.ScopeOf(policies.Platform())
	engine, err := policies.New()
	w.must(err)
	due, err := w.db.DueReleases(ctx)
	w.must(err)
	for _, r := range due {
		sc, err := w.db.Scenario(ctx, platform, r.Scenario)
		w.must(err)
		terms, err := sharing.TermsOf(sc.Spec)
		w.must(err)
		s, err := w.db.Score(ctx, platform, r.Submission)
		w.must(err)
		a, err := terms.Answer(sharing.Question{Sealed: s.Sealed})
		w.must(err)
		b, err := w.db.PartBudget(ctx, r.Scenario, s.Round)
		w.must(err)
		p, err := engine.Authorize(ctx, policies.Platform(), policies.ReleaseScore, policies.Object{Kind: "release", ID: string(r.ID)})
		w.must(err)
		w.must(w.db.ChargeScore(ctx, p, r.ID, b.Answers, terms, a))
		w.must(w.db.ReleaseScore(ctx, p, r.ID))
	}
}

// enter takes a submission all the way to a released score.
func (w *world) enter(p person, sc aihub.Scenario, name string, accuracy, f1 float64) aihub.Submission {
	w.t.Helper()
	sub := p.submit(sc, name, false)
	w.infer(sub.ID, store.Outcome{Output: w.put("predictions " + name), Log: w.put("log " + name), Usage: aihub.Usage{WallMS: 1234, PeakBytes: 9 << 20}})
	w.score(sc, sub.ID, metric("accuracy", accuracy), metric("f1", f1))
	return sub
}

func metric(id string, v float64) aihub.MetricValue {
	return aihub.MetricValue{ID: id, Signature: id + "@1", Value: v, N: 2700, Status: aihub.MetricOK}
}

// do sends a plain request with a token, as no client of ours would.
func (w *world) do(method, path, token string, body io.Reader, header ...string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+path, body)
	w.must(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	w.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	w.must(err)
	return resp, string(b)
}
