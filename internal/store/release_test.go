package store

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
)

func (w *world) votePermit(a aihub.Actor, r aihub.Release) policies.Permit {
	w.Helper()
	return w.permit(a, policies.ReleaseVote, policies.Object{ID: string(r.ID), Org: r.Org})
}

// inReview is a world with one release that waits for its first vote.
func inReview(t *testing.T) (*world, aihub.Release) {
	t.Helper()
	w, sc := entered(t, 9, 64, "review")
	w.submit(w.alice, sc, 1)
	w.infer()
	w.score()
	rels, err := w.Releases(w.ctx, w.scope(w.reviewer), aihub.ReleaseReview1)
	w.must(err)
	if len(rels) != 1 {
		t.Fatalf("releases %+v", rels)
	}
	return w, rels[0]
}

func TestReview(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		votes string // y, n
		want  aihub.ReleaseState
	}{
		{"y", aihub.ReleaseReview2}, {"yy", aihub.ReleaseApproved}, {"nn", aihub.ReleaseRejected},
		{"yn", aihub.ReleaseConflicted}, {"ny", aihub.ReleaseConflicted}, {"yny", aihub.ReleaseApproved}, {"ynn", aihub.ReleaseRejected},
	} {
		w, r := inReview(t)
		for i, v := range c.votes {
			a := []aihub.Actor{w.reviewer, w.reviewer2, w.reviewer3}[i]
			if i < 2 { // the first vote is blind: who has not voted does not see it
				got, err := w.Release(w.ctx, w.scope(a), r.ID)
				w.must(err)
				if len(got.Votes) != 0 {
					t.Errorf("%s: reviewer %d sees %+v before voting", c.votes, i+1, got.Votes)
				}
			}
			w.must(w.Vote(w.ctx, w.votePermit(a, r), r.ID, v == 'y', "because"))
			got, err := w.Release(w.ctx, w.scope(a), r.ID)
			w.must(err)
			if len(got.Votes) != i+1 {
				t.Errorf("%s: reviewer %d sees %d votes after voting", c.votes, i+1, len(got.Votes))
			}
			again := w.Vote(w.ctx, w.votePermit(a, r), r.ID, true, "again")
			w.want(aihub.Conflict, again)
			if !strings.Contains(again.Error(), "you have voted on this release already") {
				t.Errorf("%s: %v", c.votes, again)
			}
		}
		got, err := w.Release(w.ctx, w.scope(policies.Platform()), r.ID)
		w.must(err)
		if got.State != c.want {
			t.Errorf("%s: %s, want %s", c.votes, got.State, c.want)
		}
		w.toTick()
		released := w.releaseDue()
		if want := map[bool]int{true: 1}[c.want == aihub.ReleaseApproved]; released != want {
			t.Errorf("%s: %d released, want %d", c.votes, released, want)
		}
		mine, err := w.Releases(w.ctx, w.scope(w.alice), "")
		w.must(err)
		if len(mine) != 1 || mine[0].Votes != nil || mine[0].Content != "" || !mine[0].CreatedAt.Equal(mine[0].DueAt) {
			t.Errorf("%s: alice sees %+v", c.votes, mine)
		}
		proof, err := w.Receipt(w.ctx, w.scope(w.alice), r.Submission)
		w.must(err)
		if strings.Contains(string(proof), "rita") || strings.Contains(string(proof), string(policies.ReleaseVote)) {
			t.Errorf("%s: the receipt tells who voted", c.votes)
		}
		w.sound()
	}
}

// Votes that race end in a legal state, each reviewer counted once.
func TestVotesRace(t *testing.T) {
	t.Parallel()
	w, r := inReview(t)
	var people []aihub.Actor
	for i := range 10 {
		people = append(people, w.person(aihub.UserID(fmt.Sprint("reviewer", i)), "city", aihub.Reviewer))
	}
	var counted atomic.Int64
	var wg sync.WaitGroup
	for i := range 100 {
		a := people[i%len(people)]
		p := w.votePermit(a, r)
		wg.Go(func() {
			switch err := w.Vote(w.ctx, p, r.ID, true, ""); aihub.KindOf(err) {
			case "":
				counted.Add(1)
			case aihub.Conflict:
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := w.Release(w.ctx, w.scope(policies.Platform()), r.ID)
	w.must(err)
	if counted.Load() != 2 || got.State != aihub.ReleaseApproved || len(got.Votes) != 2 {
		t.Errorf("%d votes counted: %+v", counted.Load(), got)
	}
	w.sound()
}

// Nothing leaves before its tick, without approval, or when it is no longer what
// was submitted.
func TestReleaseRefuses(t *testing.T) {
	t.Parallel()
	w, r := inReview(t)
	release := func(values ...aihub.MetricValue) error {
		if err := w.charge(r, 1, values...); err != nil {
			return err
		}
		return w.ReleaseScore(w.ctx, w.permit(policies.Platform(), policies.ReleaseScore, policies.Object{ID: string(r.ID)}), r.ID)
	}
	w.want(aihub.Pending, release())
	w.toTick()
	w.want(aihub.Conflict, release()) // nobody has voted
	for _, a := range []aihub.Actor{w.reviewer, w.reviewer2} {
		w.must(w.Vote(w.ctx, w.votePermit(a, r), r.ID, true, ""))
	}
	if err := release(aihub.MetricValue{ID: "never scored"}); err == nil {
		t.Error("an unknown metric was released")
	}
	exec(w, raw(w), "UPDATE scores SET sealed = replace(sealed, '0.83', '0.93')")
	w.want(aihub.Internal, release(aihub.MetricValue{ID: "f1"}))
	exec(w, raw(w), "UPDATE scores SET sealed = replace(sealed, '0.93', '0.83')")
	w.must(release(aihub.MetricValue{ID: "f1"}))
	w.want(aihub.Conflict, release(aihub.MetricValue{ID: "f1"})) // once
	w.sound()
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	good := w.submit(w.alice, sc, 1)
	early, err := w.Receipt(w.ctx, w.scope(w.alice), good.ID)
	w.must(err)
	p, err := VerifyReceipt(early, w.PublicKey())
	w.must(err)
	if len(p.Steps) != 1 || p.Steps[0].By != "alice" || !p.Steps[0].At.Equal(good.CreatedAt) {
		t.Errorf("%+v", p)
	}
	w.infer()
	w.score()
	bad := w.submit(w.alice, sc, 1)
	w.must(w.Finish(w.ctx, w.claim(aihub.RunInfer), Outcome{Posture: []byte(`{"runner":"test"}`), Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonMemory, Detail: "canary"}}))
	w.toTick()
	w.releaseDue()
	_, err = w.Reap(w.ctx)
	w.must(err)

	raw, err := w.Receipt(w.ctx, w.scope(w.alice), good.ID)
	w.must(err)
	p, err = VerifyReceipt(raw, w.PublicKey())
	w.must(err)
	facts, _ := json.Marshal(p.Steps)
	if len(p.Steps) != 4 || !strings.Contains(string(facts), `"certificate":{"error":0.14`) || !strings.Contains(string(facts), `"value":0.83,`) || !strings.Contains(string(facts), string(good.Image)) ||
		!strings.Contains(string(facts), `"isolation":{"runner":"test","inside":{"kernel":"K",`) || strings.Contains(string(facts), "net:[7]") {
		t.Errorf("the receipt proves %s", facts)
	}
	for _, secret := range []string{"canary", "worker-1", "0.8312345", "memory", "wall"} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("the receipt carries %q", secret)
		}
	}
	raw2, err := w.Receipt(w.ctx, w.scope(w.alice), bad.ID)
	w.must(err)
	p, err = VerifyReceipt(raw2, w.PublicKey())
	w.must(err)
	facts, _ = json.Marshal(p.Steps)
	if !strings.Contains(string(facts), `"reason":"run_failed"`) || !strings.Contains(string(facts), `"attempt_charged":true`) || strings.Contains(string(raw2), "memory") || strings.Contains(string(raw2), "isolation") {
		t.Errorf("the receipt proves %s", facts)
	}
	// A receipt says nothing of what happened since.
	w.submit(w.bob, sc, 1)
	again, err := w.Receipt(w.ctx, w.scope(w.alice), good.ID)
	w.must(err)
	if string(again) != string(raw) {
		t.Error("the receipt changed with what others did")
	}
	var pretty strings.Builder
	enc := json.NewEncoder(&pretty)
	enc.SetIndent("", "    ")
	w.must(enc.Encode(json.RawMessage(raw)))
	if _, err := VerifyReceipt([]byte(pretty.String()), w.PublicKey()); err != nil {
		t.Errorf("printed prettily it fails: %v", err)
	}
	// Any changed byte is found. What JSON reads the same is no change.
	found := 0
	for i := range raw {
		m := []byte(string(raw))
		m[i] ^= 1
		got, err := VerifyReceipt(m, w.PublicKey())
		if err != nil {
			found++
			continue
		}
		if a, _ := json.Marshal(got); string(a) != string(must(json.Marshal(must(VerifyReceipt(raw, w.PublicKey()))))) {
			t.Errorf("byte %d (%q for %q): proves something else", i, m[i], raw[i])
		}
	}
	if found < len(raw)*99/100 {
		t.Errorf("%d of %d changed bytes were found", found, len(raw))
	}
	if _, err := VerifyReceipt(raw, otherKey.Public().(ed25519.PublicKey)); err == nil {
		t.Error("it verifies with another key")
	}
	// One submission's receipt with another's leaf is refused.
	var a, b receipt
	w.must(json.Unmarshal(raw, &a))
	w.must(json.Unmarshal(raw2, &b))
	for name, m := range map[string]func(r *receipt){
		"another's leaf":     func(r *receipt) { r.Leaves[2] = b.Leaves[1] },
		"another submission": func(r *receipt) { r.Submission = b.Submission },
		"a leaf twice":       func(r *receipt) { r.Leaves = append(r.Leaves, r.Leaves[2]) },
		"without its start":  func(r *receipt) { r.Leaves = r.Leaves[1:] },
		"no leaves":          func(r *receipt) { r.Leaves = nil },
		"a proof cut":        func(r *receipt) { r.Leaves[0].Proof = r.Leaves[0].Proof[1:] },
		"another checkpoint": func(r *receipt) { r.Checkpoint = b.Checkpoint },
	} {
		c := a
		c.Leaves = append([]receiptLeaf{}, a.Leaves...)
		m(&c)
		if _, err := VerifyReceipt(must(json.Marshal(c)), w.PublicKey()); err == nil {
			t.Errorf("%s: verifies", name)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A release shows at the tick, not after the work of the tick's loop.
func TestReleasedEventTime(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	sub := w.submit(w.alice, sc, 1)
	w.infer()
	w.score()
	w.toTick()
	due := w.clock.now()
	w.clock.pass(3 * time.Second)
	w.releaseDue()
	es, err := w.Events(w.ctx, w.scope(w.alice), sub.ID, 0)
	w.must(err)
	var types []string
	for _, e := range es {
		types = append(types, fmt.Sprint(e.Seq, e.Type))
	}
	if fmt.Sprint(types) != "[1submitted 2scored 3released]" || !es[1].At.Equal(due) {
		t.Errorf("events %+v", es)
	}
}

// Within a tick, no list tells in which order runs ended.
func TestNoOrderWithinATick(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	for range 8 {
		w.submit(w.alice, sc, 1)
	}
	for range 8 {
		w.infer()
		w.clock.pass(time.Second)
		w.score()
	}
	w.toTick()
	w.releaseDue()
	scores, err := w.Scores(w.ctx, w.scope(w.alice), sc, "main")
	w.must(err)
	board, err := w.Board(w.ctx, sc, "main")
	w.must(err)
	rels, err := w.Releases(w.ctx, w.scope(w.alice), "")
	w.must(err)
	if len(scores) != 8 || len(board) != 8 || len(rels) != 8 ||
		!slices.IsSortedFunc(scores, func(a, b aihub.Score) int { return strings.Compare(string(a.ID), string(b.ID)) }) ||
		!slices.IsSortedFunc(board, func(a, b Entry) int {
			return strings.Compare(string(a.Score.Submission), string(b.Score.Submission))
		}) ||
		!slices.IsSortedFunc(rels, func(a, b aihub.Release) int { return strings.Compare(string(a.ID), string(b.ID)) }) {
		t.Error("the order is not that of random ids")
	}
}
