package sandbox_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/scenarios"
)

// training opens a spec to training.
func training(s *scenarios.Spec) {
	s.Train = &scenarios.Train{Labels: "labels.csv", Limits: limits, Quota: 3}
	s.Train.Limits.Inodes, s.Train.Limits.Output = 256, 4<<20
	s.Truth.Classes = nil
}

// train enters a training of the guest with args; model is what it finds.
func (w *world) train(smoke bool, model aihub.Digest, args ...string) (aihub.Submission, error) {
	w.Helper()
	return w.enter(aihub.Submission{Smoke: smoke, Train: true, Model: model}, args...)
}

func (w *world) enter(sub aihub.Submission, args ...string) (aihub.Submission, error) {
	w.Helper()
	sub.Scenario, sub.Image, sub.Name, sub.Nonce = w.sc, w.image(args...), "entry", aihub.NewID("n")
	bits := 0.0
	if !sub.Train && !sub.Smoke {
		sub.Round, bits = "main", 1
	}
	return w.db.Submit(w.Context(), w.permit(w.vendor, policies.SubmissionCreate, policies.Object{ID: w.sc.String(), Org: "city", For: "acme"}), sub, bits)
}

// models are those that the vendor may know of.
func (w *world) models() []aihub.Model {
	w.Helper()
	list, err := w.db.Models(w.Context(), policies.ScopeOf(w.vendor), store.ModelFilter{Scenario: w.sc})
	w.must(err)
	return list
}

// tick waits until the outcome of a submission may be seen.
func (w *world) tick(s aihub.Submission) aihub.Submission {
	w.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		_, err := w.db.Reap(w.Context()) // settles what is due, as a worker would: a failure is shown after that
		w.must(err)
		got, err := w.db.Submission(w.Context(), policies.ScopeOf(w.vendor), s.ID)
		w.must(err)
		if got.State.Terminal() {
			return got
		}
		if time.Now().After(end) {
			w.Fatalf("no outcome after a minute: %+v", got)
		}
	}
}

// archive returns the files of a model.
func (w *world) archive(d aihub.Digest) map[string]string {
	w.Helper()
	files := map[string]string{}
	t := tar.NewReader(strings.NewReader(w.blob(d)[32:]))
	for {
		h, err := t.Next()
		if err == io.EOF {
			return files
		}
		w.must(err)
		b, err := io.ReadAll(t)
		w.must(err)
		files[h.Name] = string(b)
	}
}

// A training sees the train part with its labels, row for row; what it writes is
// a model that a later run reads and nobody else: the log, the output and the
// size of either stay inside, and the digest is no guess at the content.
func TestTrain(t *testing.T) {
	w := newWorld(t, training)
	s, err := w.train(false, "", "hoard")
	w.must(err)
	r := w.finish(s)
	if r.State != aihub.RunSucceeded || r.Kind != aihub.RunTrain || r.Part != aihub.Train || r.Output != "" {
		t.Fatalf("%+v", r)
	}
	if got := w.models(); len(got) != 0 {
		if v, _ := w.db.Submission(t.Context(), policies.ScopeOf(w.vendor), s.ID); !v.State.Terminal() {
			t.Errorf("a model before the tick: %+v", got)
		}
	}
	if got := w.tick(s); got.State != aihub.SubmissionTried || got.Fault != (aihub.Failure{}) {
		t.Fatalf("%+v", got)
	}
	models := w.models()
	if len(models) != 1 || models[0].Submission != s.ID || models[0].Bytes != 0 || models[0].Files != 0 || models[0].Part != aihub.Train {
		t.Fatalf("the vendor sees %+v", models)
	}
	model := models[0].Digest
	files := w.archive(model)
	input, labels := strings.Split(files["kept/input/things.csv"], "\n"), strings.Split(files["kept/input/labels.csv"], "\n")
	if len(input) != 10 || input[0] != "id,x" || labels[0] != "id,label" || len(labels) != len(input) {
		t.Fatalf("%q\n%q", input, labels)
	}
	for i := 1; i < 9; i++ {
		id, label, _ := strings.Cut(labels[i], ",")
		if !strings.HasPrefix(input[i], id+",") || label != secret || len(id) != 32 {
			t.Errorf("row %d is %q with label %q", i, input[i], labels[i])
		}
	}
	if !strings.Contains(files["kept/input/task.json"], `"file": "labels.csv"`) || strings.Contains(w.blob(model), "k001") {
		t.Errorf("%q", files["kept/input/task.json"])
	}

	// Read-only in a run on hidden data, which sees no labels.
	use, err := w.enter(aihub.Submission{Model: aihub.Digest(s.ID)}, "recall")
	w.must(err)
	if use.Model != model {
		t.Errorf("it uses %s, want %s", use.Model, model)
	}
	r = w.finish(use)
	log := w.blob(r.Log)
	if r.State != aihub.RunSucceeded || r.Kind != aihub.RunInfer || !strings.Contains(log, secret) || strings.Contains(log, "k001") {
		t.Fatalf("%+v\n%s", r, log)
	}
	for line := range strings.Lines(log) {
		if (strings.HasPrefix(line, "tried writing ") || strings.HasPrefix(line, "tried removing ")) && strings.HasSuffix(line, ": ok\n") {
			t.Error(line)
		}
	}

	// And in a further training, but never where the log is open.
	again, err := w.train(false, model, "recall")
	w.must(err)
	if r = w.finish(again); r.State != aihub.RunSucceeded || !strings.Contains(w.blob(r.Log), secret) {
		t.Errorf("%+v", r)
	}
	if _, err := w.enter(aihub.Submission{Smoke: true, Model: model}, "recall"); aihub.KindOf(err) != aihub.Refused {
		t.Errorf("a trial with an open log may use the model: %v", err)
	}
	if _, err := w.train(true, model, "recall"); aihub.KindOf(err) != aihub.Refused {
		t.Errorf("a trial with an open log may use the model: %v", err)
	}
	if events, err := w.db.Events(t.Context(), everything, again.ID, 0); err != nil || slices.ContainsFunc(events, func(e aihub.Event) bool { return e.Text != "" }) {
		t.Errorf("an event tells of the log: %+v %v", events, err)
	}
}

// The same output twice gives two digests: none confirms a guess.
func TestModelDigestSaysNothing(t *testing.T) {
	w := newWorld(t, training)
	var models []aihub.Digest
	for range 2 {
		s, err := w.train(true, "", "plant")
		w.must(err)
		if r := w.finish(s); r.State != aihub.RunSucceeded || r.Kind != aihub.RunSmoke || r.Part != aihub.Sample {
			t.Fatalf("%+v", r)
		}
		got := w.models()
		// Learned from what is public: nothing about it is secret.
		if len(got) != len(models)+1 || got[0].Files != 4 || got[0].Bytes == 0 || got[0].Part != aihub.Sample {
			t.Fatalf("%+v", got)
		}
		models = append(models, got[0].Digest)
	}
	if models[0] == models[1] || len(w.archive(models[0])) != 4 || w.blob(models[0])[32:] != w.blob(models[1])[32:] {
		t.Errorf("%v", models)
	}
	// And such a model may be tried in the open.
	s, err := w.enter(aihub.Submission{Smoke: true, Model: models[0]}, "recall")
	w.must(err)
	if r := w.finish(s); r.State != aihub.RunSucceeded || !strings.Contains(w.blob(r.Log), "deepest") {
		t.Errorf("%+v", r)
	}
}

// A training that fails, is cancelled, or whose platform fails leaves no model
// and no archive, and only the vendor's own fault costs it.
func TestTrainLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string
		owner aihub.FaultOwner
		why   aihub.Reason
		stop  bool
		blobs bool
	}{
		"fails":        {args: []string{"exit", "3"}, owner: aihub.FaultVendor, why: aihub.ReasonExit},
		"empty":        {args: []string{"exit", "0"}, owner: aihub.FaultVendor, why: aihub.ReasonNoOutput},
		"link":         {args: []string{"plant", "symlink"}, owner: aihub.FaultVendor, why: aihub.ReasonOutput},
		"name":         {args: []string{"make", "extra"}, owner: aihub.FaultVendor, why: aihub.ReasonOutput},
		"cancelled":    {args: []string{"sleeper"}, owner: aihub.FaultVendor, why: aihub.ReasonCancelled, stop: true},
		"cannot store": {args: []string{"plant"}, owner: aihub.FaultPlatform, why: aihub.ReasonPlatform, blobs: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, training)
			s, err := w.train(false, "", c.args...)
			w.must(err)
			kept := w.kept()
			o := w.orchestrator("worker-1")
			if c.blobs {
				o.Blobs = half{o.Blobs}
			}
			asked := false
			w.work(o, func() bool {
				r := w.run(s)
				if c.stop && !asked && r.State == aihub.RunRunning {
					asked = true
					w.must(w.db.CancelSubmission(t.Context(), w.permit(w.vendor, policies.SubmissionCancel, policies.Object{ID: string(s.ID), Org: "acme", Author: w.vendor.User}), s.ID))
				}
				left, err := w.db.Unsealed(t.Context())
				w.must(err)
				sub, err := w.db.Submission(t.Context(), everything, s.ID)
				w.must(err)
				return sub.State.Terminal() && r.State.Terminal() && len(left) == 0
			})
			sub, err := w.db.Submission(t.Context(), everything, s.ID)
			w.must(err)
			if sub.Fault.Owner != c.owner || sub.Fault.Reason != c.why {
				t.Errorf("%+v", sub.Fault)
			}
			if v := w.tick(s); c.why != aihub.ReasonCancelled && v.Fault != (aihub.Failure{Owner: c.owner, Reason: aihub.ReasonHidden}) && c.owner == aihub.FaultVendor || v.Fault.Detail != "" {
				t.Errorf("the vendor sees %+v", v.Fault)
			}
			if m := w.models(); len(m) > 0 {
				t.Errorf("it left %+v", m)
			}
			for _, d := range w.kept() {
				if !slices.Contains(kept, d) && strings.Contains(w.blob(d), "PaxHeaders") {
					t.Errorf("archive %s is left", d)
				}
			}
		})
	}
}

// Training is for whom the scenario offers it to, as often as it says, with
// models of its own organisation and scenario.
func TestWhoMayTrain(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := w.train(false, "", "plant"); aihub.KindOf(err) != aihub.Refused {
		t.Errorf("training where none is offered: %v", err)
	}
	w = newWorld(t, training)
	for _, model := range []aihub.Digest{aihub.DigestOf([]byte("x")), "sub_none", "x", w.data.Parts[0].Input} {
		if _, err := w.enter(aihub.Submission{Model: model}, "hello"); aihub.KindOf(err) != aihub.NotFound {
			t.Errorf("model %s: %v, want not found", model, err)
		}
	}
	for range 3 {
		_, err := w.train(false, "", "plant")
		w.must(err)
	}
	s, err := w.train(false, "", "plant")
	if aihub.KindOf(err) != aihub.Quota {
		t.Errorf("a fourth training: %+v %v", s, err)
	}
	first, err := w.db.Submissions(t.Context(), everything, store.SubmissionFilter{})
	w.must(err)
	if _, err := w.enter(aihub.Submission{Model: aihub.Digest(first[0].ID)}, "hello"); aihub.KindOf(err) != aihub.Pending {
		t.Errorf("a model that is being trained: %v", err)
	}
	if _, err := w.train(true, "", "plant"); err != nil {
		t.Errorf("training on the sample counts: %v", err)
	}
}

// half is a blob store that takes in a model and then fails.
type half struct{ blob.Store }

func (h half) Put(ctx context.Context, r io.Reader) (aihub.Digest, int64, error) {
	d, n, err := h.Store.Put(ctx, r)
	if err == nil && n > 4<<10 { // no log is so long
		err = errors.New("the disk is full")
	}
	return d, n, err
}

// kept lists the blobs.
func (w *world) kept() (list []aihub.Digest) {
	w.Helper()
	w.must(w.blobs.Walk(w.Context(), func(d aihub.Digest, _ int64) error { list = append(list, d); return nil }))
	return list
}
