package evaluator

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aihub"
	"aihub/evaluator/board"
	"aihub/evaluator/metric"
	"aihub/internal/blob"
	"aihub/internal/store"
	"aihub/internal/table"
	"aihub/policies"
	"aihub/policies/sharing"
	"aihub/scenarios"

	"github.com/google/go-cmp/cmp"
)

const specYAML = `apiVersion: aihub/v1
kind: Scenario
name: colours
title: {zh: 颜色, en: Colours}
summary: {zh: 判断颜色, en: Tell the colour}
description: {zh: 判断每一行的颜色, en: Tell the colour of every row}
field: big-data
area: governance
agency: {zh: 市, en: City}
dataset: colours@1
input: {key: id, columns: [x]}
output:
  columns:
    - {name: label, type: string}
    - {name: p, type: float64}
truth: {column: label, classes: [red, blue]}
metrics:
  - {use: accuracy@1, primary: true}
  - {use: roc_auc@1, prediction: p, on_undefined: ONUNDEFINED}
sharing:
  score: {release: RELEASE, step: 0.05, tick: 1h}
rounds:
  - {name: main, quota: 20, bits: 500}
agreement: {zh: 同意, en: agreed}
`

// hub is a platform with a city, two vendors, and one scenario that both took
// up, on a real database, blob store and policy engine.
type hub struct {
	testing.TB
	ctx  context.Context
	db   *store.DB
	eng  *policies.Engine
	blob blob.Store
	w    *Worker
	ref  aihub.Ref
	keys []string

	mu  sync.Mutex
	now time.Time

	steward, alice, bob aihub.Actor
	reviewers           []aihub.Actor
	n                   int
	usage               aihub.Usage // of the runs that are played
}

func (h *hub) clock() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now }

func (h *hub) toTick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Truncate(time.Hour).Add(time.Hour)
}

func (h *hub) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatalf("%v (%s)", err, aihub.KindOf(err))
	}
}

func (h *hub) permit(a aihub.Actor, act policies.Action, o policies.Object) policies.Permit {
	h.Helper()
	o.Kind, _, _ = strings.Cut(string(act), ".")
	p, err := h.eng.Authorize(h.ctx, a, act, o)
	h.must(err)
	return p
}

func (h *hub) put(b []byte) aihub.Digest {
	h.Helper()
	d, _, err := h.blob.Put(h.ctx, bytes.NewReader(b))
	h.must(err)
	return d
}

// setup of a hub; zero fields are the usual ones.
type setup struct {
	release, onUndefined string
	truth                []string // labels of the test part; "red", "blue" in turn by default
	broken               func(d aihub.Digest) aihub.Digest
	edit                 []string // of the spec: old, new, …
}

func newHub(t testing.TB, s setup) *hub {
	t.Helper()
	h := &hub{TB: t, ctx: t.Context(), now: time.Date(2026, 5, 1, 9, 20, 0, 0, time.UTC)}
	var err error
	h.eng, err = policies.New()
	h.must(err)
	h.eng.Now = h.clock
	dir := t.TempDir()
	_, key, err := ed25519.GenerateKey(nil)
	h.must(err)
	h.db, err = store.Open(h.ctx, store.Options{DSN: filepath.Join(dir, "aihub.db"), Signer: key, Now: h.clock})
	h.must(err)
	t.Cleanup(func() { h.db.Close() })
	h.blob, err = blob.OpenLocal(filepath.Join(dir, "blobs"))
	h.must(err)
	h.w = &Worker{
		DB: h.db, Blobs: h.blob, Policies: h.eng, Dir: filepath.Join(dir, "run"), Now: h.clock,
		TTL: time.Minute, Poll: time.Millisecond, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	h.must(h.w.sweep())

	ops := aihub.Actor{User: "ops", Org: "platform", Roles: []aihub.Role{aihub.Operator}}
	h.must(h.db.Bootstrap(h.ctx, aihub.Org{ID: "platform"}, aihub.User{ID: "ops", Name: "Ops", Roles: ops.Roles}, "hash"))
	for _, o := range []aihub.OrgID{"city", "acme", "bits"} {
		h.must(h.db.CreateOrg(h.ctx, h.permit(ops, policies.OrgCreate, policies.Object{ID: string(o)}), aihub.Org{ID: o}))
	}
	person := func(id aihub.UserID, org aihub.OrgID, role aihub.Role) aihub.Actor {
		u := aihub.User{ID: id, Org: org, Name: string(id), Roles: []aihub.Role{role}}
		h.must(h.db.CreateUser(h.ctx, h.permit(ops, policies.UserCreate, policies.Object{ID: string(id)}), u, "hash"))
		return aihub.Actor{User: id, Org: org, Roles: u.Roles}
	}
	h.steward = person("stella", "city", aihub.Steward)
	h.reviewers = []aihub.Actor{person("rita", "city", aihub.Reviewer), person("rolf", "city", aihub.Reviewer)}
	h.alice, h.bob = person("alice", "acme", aihub.Vendor), person("bob", "bits", aihub.Vendor)

	if s.truth == nil {
		for i := range 20 {
			s.truth = append(s.truth, []string{"red", "blue"}[i%2])
		}
	}
	b := table.NewBatch([]table.Field{{Name: "key", Type: "string"}, {Name: "label", Type: "string"}}, 0)
	for i, l := range s.truth {
		h.keys = append(h.keys, fmt.Sprint("case-", i))
		b.Cols[0].AppendStr(h.keys[i])
		b.Cols[1].AppendStr(l)
		b.Rows++
	}
	raw, err := os.ReadFile(writeParquet(t, b))
	h.must(err)
	truth := h.put(raw)
	if s.broken != nil {
		truth = s.broken(truth)
	}
	blank := h.put([]byte("input"))
	x := table.NewBatch([]table.Field{{Name: "key", Type: "string"}, {Name: "x", Type: "string"}, {Name: "seconds", Type: "int64"}}, 0)
	for i, k := range h.keys {
		x.Cols[0].AppendStr(k)
		x.Cols[1].AppendStr([]string{"north", "south", "west"}[i%3])
		x.Cols[2].AppendInt(int64(1 + 2*(i%2)))
		x.Rows++
	}
	raw, err = os.ReadFile(writeParquet(t, x))
	h.must(err)
	input := h.put(raw)
	ds := aihub.DatasetVersion{
		Ref: aihub.Ref{Name: "colours", Version: 1}, Title: aihub.Text{ZH: "颜色", EN: "Colours"}, License: "internal", Key: "key",
		Columns: []aihub.Column{{Name: "key", Type: "string"}, {Name: "x", Type: "string"}, {Name: "seconds", Type: "int64"}, {Name: "label", Type: "string", Truth: true}},
		Content: blank, Plan: blank, Raw: blank, Profile: blank, Card: blank,
	}
	for _, p := range []aihub.Part{aihub.Sample, aihub.Test, aihub.Final} {
		ds.Parts = append(ds.Parts, aihub.PartFile{Part: p, Rows: int64(len(s.truth)), Input: input, Truth: truth, Bytes: 10})
	}
	cleared, err := policies.Clear(aihub.RiskRecord{Content: ds.Content})
	h.must(err)
	h.must(h.db.ProposeDataset(h.ctx, h.permit(h.steward, policies.DatasetPropose, policies.Object{ID: "colours", Org: "city"}), ds, cleared, nil, nil))
	h.must(h.db.DecideDataset(h.ctx, h.permit(h.reviewers[0], policies.DatasetApprove, policies.Object{ID: "colours@1", Author: "stella"}), ds.Ref, true, false, "ok"))

	or := func(v, d string) string {
		if v == "" {
			return d
		}
		return v
	}
	yaml := strings.NewReplacer("RELEASE", or(s.release, "policy"), "ONUNDEFINED", or(s.onUndefined, "worst")).Replace(specYAML)
	yaml = strings.NewReplacer(s.edit...).Replace(yaml)
	spec, canonical, err := scenarios.Parse("colours.yaml", []byte(yaml))
	h.must(err)
	h.ref = aihub.Ref{Name: spec.Name, Version: 1}
	h.must(h.db.PublishScenario(h.ctx, h.permit(h.steward, policies.ScenarioPublish, policies.Object{ID: spec.Name, Org: "city"}), aihub.Scenario{
		Ref: h.ref, Title: spec.Title, Summary: spec.Summary, Field: spec.Field, Area: spec.Area, Dataset: ds.Ref, Spec: canonical,
	}, scenarios.RoundsOf(h.ref, spec)))
	for _, a := range []aihub.Actor{h.alice, h.bob} {
		e := aihub.Enrolment{ID: aihub.EnrolmentID(aihub.NewID("enr")), Scenario: h.ref, Purpose: "to try", Agreement: scenarios.AgreementDigest(spec)}
		h.must(h.db.RequestEnrolment(h.ctx, h.permit(a, policies.EnrolmentRequest, policies.Object{ID: h.ref.String(), For: a.Org}), e))
		h.must(h.db.DecideEnrolment(h.ctx, h.permit(h.reviewers[0], policies.EnrolmentDecide, policies.Object{ID: string(e.ID), Org: "city", For: a.Org}), e.ID, true, "ok"))
	}
	return h
}

// enter submits an image and plays its infer run, which leaves what rows gives
// for a row key.
func (h *hub) enter(a aihub.Actor, round string, rows func(id func(key string) string) string) aihub.Submission {
	h.Helper()
	h.n++
	image := aihub.DigestOf([]byte(a.Org))
	h.must(h.db.RegisterImage(h.ctx, h.permit(a, policies.ImagePush, policies.Object{ID: string(a.Org), Org: a.Org}), a.Org, image, 1))
	sub, err := h.db.Submit(h.ctx, h.permit(a, policies.SubmissionCreate, policies.Object{ID: h.ref.String(), Org: "city", For: a.Org}), aihub.Submission{
		Scenario: h.ref, Round: round, Image: image, Name: fmt.Sprint("entry-", h.n), Nonce: fmt.Sprint(h.n),
	}, 20)
	h.must(err)
	l, err := h.db.Claim(h.ctx, "sandbox", time.Minute, aihub.RunInfer)
	h.must(err)
	out := rows(func(key string) string { return table.RowID(l.Run().RowKey, key) })
	h.must(h.db.Finish(h.ctx, l, store.Outcome{Output: h.put([]byte(out)), Log: h.put(nil), Posture: []byte("{}"), Usage: h.usage}))
	return sub
}

// right answers the first n rows of the truth (red, blue in turn) rightly and
// the others wrongly.
func (h *hub) right(n int) func(func(string) string) string {
	return func(id func(string) string) string {
		out := "id,label,p\n"
		for i, k := range h.keys {
			blue := i%2 == 1
			if i >= n {
				blue = !blue
			}
			out += fmt.Sprintf("%s,%s,%d\n", id(k), map[bool]string{true: "blue", false: "red"}[blue], b2i(blue))
		}
		return out
	}
}

func (h *hub) score() {
	h.Helper()
	did, err := h.w.Score(h.ctx)
	h.must(err)
	if !did {
		h.Fatal("no score run was queued")
	}
	if left, _ := os.ReadDir(h.w.Dir); len(left) > 0 {
		h.Errorf("truth lies about: %s", left[0].Name())
	}
}

func (h *hub) release() int {
	h.Helper()
	n, err := h.w.Release(h.ctx)
	h.must(err)
	return n
}

func (h *hub) submission(a aihub.Actor, id aihub.SubmissionID) aihub.Submission {
	h.Helper()
	s, err := h.db.Submission(h.ctx, policies.ScopeOf(a), id)
	h.must(err)
	return s
}

// rows ranks what the public may see of the round.
func (h *hub) rows() []board.Row {
	h.Helper()
	entries, err := h.db.Board(h.ctx, h.ref, "main")
	h.must(err)
	return board.Rank(Entries(entries), []string{"accuracy", "roc_auc"}, "max")
}

func (h *hub) board() (s []string) {
	h.Helper()
	for _, r := range h.rows() {
		x := fmt.Sprintf("%d %s %s", r.Rank, r.Org.ID, r.Name)
		if r.Tied {
			x += " tied"
		}
		if r.Baseline {
			x += " baseline"
		}
		for _, v := range r.Values {
			x += fmt.Sprintf(" %v", v.Value)
			if v.Lo != 0 || v.Hi != 0 || v.N != 0 {
				h.Errorf("the board shows more than a value: %+v", v)
			}
		}
		s = append(s, x)
	}
	return s
}

func (h *hub) wantBoard(want ...string) {
	h.Helper()
	if d := cmp.Diff(want, h.board()); d != "" {
		h.Errorf("board: -want +got\n%s", d)
	}
}

// From predictions to a board: sealed at full precision, shown at the tick, on
// the grid, and afterwards only when a step better.
func TestWorkerScoresAndReleases(t *testing.T) {
	t.Parallel()
	h := newHub(t, setup{})
	if did, err := h.w.Score(h.ctx); did || err != nil {
		t.Fatalf("an empty queue: %v, %v", did, err)
	}
	a := h.enter(h.alice, "main", h.right(15))
	h.score()
	score, err := h.db.Score(h.ctx, policies.ScopeOf(policies.Platform()), a.ID)
	h.must(err)
	want := aihub.MetricValue{ID: "accuracy", Signature: "accuracy@1", Value: 0.75, N: 20, Status: aihub.MetricOK}
	got := score.Sealed[0]
	if !(got.Lo < 0.75 && 0.75 < got.Hi) {
		t.Errorf("interval [%v, %v]", got.Lo, got.Hi)
	}
	got.Lo, got.Hi = 0, 0
	if d := cmp.Diff(want, got); d != "" || len(score.Sealed) != 2 || score.Sealed[1].Signature != "roc_auc@1|positive=blue" {
		t.Errorf("sealed %+v\n%s", score.Sealed, d)
	}
	if h.release() != 0 {
		t.Error("released before the tick")
	}
	h.wantBoard()
	h.toTick()
	if h.release() != 1 || h.release() != 0 {
		t.Error("not released once, at the tick")
	}
	h.wantBoard("1 acme entry-1 0.75 0.75")

	// Bob is equal; alice's next is worse, then better by a step; a baseline of
	// the city is shown as it is, each one.
	h.enter(h.bob, "main", h.right(15))
	worse := h.enter(h.alice, "main", h.right(14))
	h.enter(h.alice, "main", h.right(20))
	h.enter(h.steward, "main", h.right(18))
	h.enter(h.steward, "main", h.right(2))
	for range 5 {
		h.score()
	}
	h.toTick()
	if n := h.release(); n != 5 {
		t.Errorf("%d released", n)
	}
	h.wantBoard("1 acme entry-4 1 1", "2 city entry-5 baseline 0.9 0.9", "3 bits entry-2 0.75 0.75", "4 city entry-6 baseline 0.1 0.1")
	score, err = h.db.Score(h.ctx, policies.ScopeOf(h.alice), worse.ID)
	h.must(err)
	if score.Sealed != nil || score.Note != "no_improvement" || score.Released[0].Value < 0.75 {
		t.Errorf("alice sees of her worse entry: %+v", score)
	}
	rep, err := h.db.VerifyLedger(h.ctx)
	h.must(err)
	if len(rep.Faults) > 0 {
		t.Errorf("ledger: %v", rep.Faults)
	}
}

// The same predictions have the same score whatever the run's row key and the
// order of rows were, interval included.
func TestWorkerIsRepeatable(t *testing.T) {
	t.Parallel()
	h := newHub(t, setup{})
	reversed := func(id func(string) string) string {
		lines := strings.Split(strings.TrimSpace(h.right(13)(id)), "\n")
		out := lines[0]
		for i := len(lines) - 1; i > 0; i-- {
			out += "\n" + lines[i]
		}
		return out + "\n"
	}
	a, b := h.enter(h.alice, "main", h.right(13)), h.enter(h.bob, "main", reversed)
	h.score()
	h.score()
	var sealed [2][]aihub.MetricValue
	for i, s := range []aihub.Submission{a, b} {
		score, err := h.db.Score(h.ctx, policies.ScopeOf(policies.Platform()), s.ID)
		h.must(err)
		sealed[i] = score.Sealed
	}
	if d := cmp.Diff(sealed[0], sealed[1]); d != "" {
		t.Error(d)
	}
}

func TestWorkerReviewedRelease(t *testing.T) {
	t.Parallel()
	h := newHub(t, setup{release: "review"})
	h.enter(h.alice, "main", h.right(20))
	h.score()
	h.toTick()
	if h.release() != 0 {
		t.Fatal("released without review")
	}
	rels, err := h.db.Releases(h.ctx, policies.ScopeOf(h.reviewers[0]), aihub.ReleaseReview1)
	h.must(err)
	for _, r := range h.reviewers {
		h.must(h.db.Vote(h.ctx, h.permit(r, policies.ReleaseVote, policies.Object{ID: string(rels[0].ID), Org: "acme"}), rels[0].ID, true, "fine"))
	}
	if h.release() != 1 {
		t.Fatal("not released after review")
	}
	h.wantBoard("1 acme entry-1 1 1")
}

// Who pays for what goes wrong.
func TestWorkerFailures(t *testing.T) {
	t.Parallel()
	good := func(h *hub) func(func(string) string) string { return h.right(20) }
	precise := []string{"{use: roc_auc@1, prediction: p, on_undefined: worst}", "{use: positive_precision@1, prediction: label, on_undefined: error}"}
	allRed := func(h *hub) func(func(string) string) string {
		return func(id func(string) string) string {
			out := "id,label,p\n"
			for _, k := range h.keys {
				out += id(k) + ",red,0\n"
			}
			return out
		}
	}
	for _, c := range []struct {
		name   string
		setup  setup
		rows   func(h *hub) func(func(string) string) string
		owner  aihub.FaultOwner
		reason aihub.Reason
		detail string
	}{
		{"bad predictions", setup{}, func(h *hub) func(func(string) string) string {
			return func(id func(string) string) string { return "id,label,p\n" + id("case-0") + ",green,2\n" }
		}, aihub.FaultVendor, aihub.ReasonPrediction, "missing_ids (column id): 19 of 20 ids have no row"},
		{"a label that no class names", setup{truth: []string{"red", "violet"}}, good, aihub.FaultData, aihub.ReasonData, "bad_label"},
		{"truth that is no Parquet", setup{broken: func(aihub.Digest) aihub.Digest { return aihub.DigestOf([]byte("input")) }}, good, aihub.FaultData, aihub.ReasonData, ""},
		{"truth that is gone", setup{broken: func(aihub.Digest) aihub.Digest { return aihub.DigestOf([]byte("gone")) }}, good, aihub.FaultData, aihub.ReasonData, ""},
		{"a metric that the truth leaves undefined", setup{truth: []string{"red", "red"}, onUndefined: "error"}, good, aihub.FaultScenario, aihub.ReasonUndefined, "roc_auc is undefined: one_class"},
		{"a metric that these predictions leave undefined", setup{edit: precise}, allRed, aihub.FaultVendor, aihub.ReasonUndefined, "positive_precision is undefined: none_predicted"},
		{"a metric that any right predictions leave undefined", setup{edit: precise, truth: []string{"red", "red"}}, allRed, aihub.FaultScenario, aihub.ReasonUndefined, "positive_precision is undefined: none_predicted"},
	} {
		h := newHub(t, c.setup)
		sub := h.enter(h.alice, "main", c.rows(h))
		h.score()
		got := h.submission(policies.Platform(), sub.ID)
		if got.State != aihub.SubmissionFailed || got.Fault.Owner != c.owner || got.Fault.Reason != c.reason || !strings.Contains(got.Fault.Detail, c.detail) {
			t.Errorf("%s: %s %+v", c.name, got.State, got.Fault)
		}
		if strings.Contains(got.Fault.Detail, "violet") {
			t.Errorf("%s: a label in %q", c.name, got.Fault.Detail)
		}
		h.toTick()
		h.toTick()
		paid := map[bool]int{true: 1, false: 0}[c.owner == aihub.FaultVendor]
		if _, err := h.db.Reap(h.ctx); err != nil {
			t.Fatal(err)
		}
		b, err := h.db.Budget(h.ctx, policies.ScopeOf(h.steward), h.ref, "main", "acme")
		h.must(err)
		if b.Attempts != paid {
			t.Errorf("%s: %d attempts charged, want %d", c.name, b.Attempts, paid)
		}
		// What failed after the labels were read told something, and costs what an answer does.
		if judged := c.reason == aihub.ReasonUndefined; (b.Bits > 0) != judged || b.Reserved != 0 || (b.Answers > 0) != judged {
			t.Errorf("%s: %g bits are spent on %d answers, %g held", c.name, b.Bits, b.Answers, b.Reserved)
		}
		if v := h.submission(h.alice, sub.ID); v.Fault.Detail != "" || v.Fault.Reason != aihub.ReasonHidden {
			t.Errorf("%s: alice sees %+v", c.name, v.Fault)
		}
	}
}

// A certificate is as wide as a row's loss of the primary metric: of one probability,
// half of what the Brier score of all classes has.
func TestWorkerCertifies(t *testing.T) {
	t.Parallel()
	h := newHub(t, setup{edit: []string{"{use: accuracy@1, primary: true}", "{use: brier@1, prediction: p, primary: true}"}})
	sub := h.enter(h.alice, "main", h.right(20))
	h.score()
	h.toTick()
	if h.release() != 1 {
		t.Fatal("not released")
	}
	score, err := h.db.Score(h.ctx, policies.ScopeOf(h.alice), sub.ID)
	h.must(err)
	c := score.Proof
	if want := sharing.Deviation(c.Bits, c.Answers, c.Rows); c.Rows != 20 || c.Answers != 1 || !(c.Error > 0) || c.Error != want {
		t.Errorf("certified %+v, want an error of %v", c, want)
	}
}

// Undefined with "worst" is sealed, shown without its reason, and stands last.
func TestWorkerUndefinedStandsLast(t *testing.T) {
	t.Parallel()
	h := newHub(t, setup{truth: []string{"red", "red"}})
	h.enter(h.alice, "main", h.right(1))
	h.score()
	h.toTick()
	h.release()
	if v := h.rows()[0].Values[1]; v.Status != aihub.MetricUndefined || strings.Contains(v.Reason, metric.OneClass) {
		t.Errorf("shown as %+v", v)
	}
}

// A submission that is cancelled while it is scored ends as cancelled; a lease
// that was lost writes nothing.
func TestWorkerCancelledAndLost(t *testing.T) {
	t.Parallel()
	h := newHub(t, setup{})
	sub := h.enter(h.alice, "main", h.right(20))
	cancel := &hooked{Store: h.blob, before: func() {
		p := h.permit(h.alice, policies.SubmissionCancel, policies.Object{ID: string(sub.ID), Org: "acme"})
		h.must(h.db.CancelSubmission(h.ctx, p, sub.ID))
	}}
	h.w.Blobs = cancel
	h.score()
	if s := h.submission(policies.Platform(), sub.ID); s.State != aihub.SubmissionCancelled {
		t.Errorf("cancelled, but %s", s.State)
	}
	if _, err := h.db.Score(h.ctx, policies.ScopeOf(policies.Platform()), sub.ID); aihub.KindOf(err) != aihub.NotFound {
		t.Errorf("a cancelled submission has a score: %v", err)
	}

	// The store is out of reach: the run is left to its lease, and tried again.
	sub = h.enter(h.bob, "main", h.right(20))
	h.w.Blobs = &hooked{Store: h.blob, err: aihub.Errorf(aihub.Unavailable, aihub.Text{EN: "down", ZH: "不可用"})}
	if did, err := h.w.Score(h.ctx); !did || aihub.KindOf(err) != aihub.Unavailable {
		t.Fatalf("with the blob store down: %v, %v", did, err)
	}
	if s := h.submission(policies.Platform(), sub.ID); s.State != aihub.SubmissionScoring {
		t.Errorf("after an outage: %s", s.State)
	}
	h.toTick() // the lease runs out
	n, err := h.db.Reap(h.ctx)
	if h.must(err); n != 1 {
		t.Fatalf("%d runs reaped", n)
	}
	h.w.Blobs = h.blob
	h.score()
	if s := h.submission(policies.Platform(), sub.ID); s.State != aihub.SubmissionScored {
		t.Errorf("after the outage: %s %+v", s.State, s.Fault)
	}

	// A worker that was too slow: its lease ran out while it worked.
	sub = h.enter(h.alice, "main", h.right(20))
	h.w.Blobs = &hooked{Store: h.blob, before: func() {
		h.toTick()
		_, err := h.db.Reap(h.ctx)
		h.must(err)
	}}
	if did, err := h.w.Score(h.ctx); !did || aihub.KindOf(err) != aihub.Conflict {
		t.Errorf("with the lease lost: %v, %v", did, err)
	}
	h.w.Blobs = h.blob
	h.score()
	if s := h.submission(policies.Platform(), sub.ID); s.State != aihub.SubmissionScored {
		t.Errorf("after a lost lease: %s", s.State)
	}
}

// hooked does something once, before the first read, or fails every one.
type hooked struct {
	blob.Store
	before func()
	err    error
	panics bool
}

func (s *hooked) Open(ctx context.Context, d aihub.Digest) (io.ReadCloser, error) {
	if f := s.before; f != nil {
		s.before = nil
		f()
	}
	if s.panics {
		panic("a bug")
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.Store.Open(ctx, d)
}

// A panic below ends the run by the platform's fault, not the worker; the run
// is tried again, and when it never works the submission ends.
func TestWorkerSurvivesPanic(t *testing.T) {
	t.Parallel()
	h := newHub(t, setup{})
	sub := h.enter(h.alice, "main", h.right(20))
	h.w.Blobs = &hooked{Store: h.blob, panics: true}
	tries := 0
	for ; !h.submission(policies.Platform(), sub.ID).State.Terminal() && tries < 10; tries++ {
		h.score()
		h.mu.Lock()
		h.now = h.now.Add(time.Hour) // past the pause between tries
		h.mu.Unlock()
	}
	if tries < 2 {
		t.Errorf("tried %d times", tries)
	}
	if s := h.submission(policies.Platform(), sub.ID); s.Fault.Owner != aihub.FaultPlatform || s.Fault.Reason != aihub.ReasonScorer || !strings.Contains(s.Fault.Detail, "a bug") {
		t.Errorf("got %+v", s.Fault)
	}
}

// A heartbeat keeps the lease, and tells of a cancelled submission.
func TestWorkerHeartbeat(t *testing.T) {
	t.Parallel()
	h := newHub(t, setup{})
	sub := h.enter(h.alice, "main", h.right(20))
	h.w.TTL = 30 * time.Millisecond // of the hub's clock, which stands; the ticker's is real
	h.w.Blobs = &hooked{Store: h.blob, before: func() {
		p := h.permit(h.alice, policies.SubmissionCancel, policies.Object{ID: string(sub.ID), Org: "acme"})
		h.must(h.db.CancelSubmission(h.ctx, p, sub.ID))
	}}
	h.w.Blobs.(*hooked).Store = waiting{h.blob}
	h.score()
	if s := h.submission(policies.Platform(), sub.ID); s.State != aihub.SubmissionCancelled {
		t.Errorf("cancelled, but %s", s.State)
	}
}

// waiting never answers before its context ends.
type waiting struct{ blob.Store }

func (w waiting) Open(ctx context.Context, d aihub.Digest) (io.ReadCloser, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Work does all of it by itself, sweeps what a killed worker left, and ends
// with its context.
func TestWork(t *testing.T) {
	t.Parallel()
	h := newHub(t, setup{})
	stale := filepath.Join(h.w.Dir, scratch+"stale")
	h.must(os.MkdirAll(stale, 0o700))
	ctx, cancel := context.WithCancel(h.ctx)
	done := make(chan error)
	go func() { done <- h.w.Work(ctx) }()
	sub := h.enter(h.alice, "main", h.right(20))
	wait := func(what string, f func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(2 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not within a minute", what)
			}
		}
	}
	wait("scored", func() bool { return h.submission(policies.Platform(), sub.ID).State == aihub.SubmissionScored })
	h.toTick()
	wait("released", func() bool { return len(h.board()) == 1 })
	cancel()
	h.must(<-done)
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("what a killed worker left is still there: %v", err)
	}
}
