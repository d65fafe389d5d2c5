package store

import (
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
)

// left opens a workspace that leaves files.
func (w *world) left(sc aihub.Ref, nonce string) aihub.SubmissionID {
	w.Helper()
	sub, err := w.openWorkspace(w.alice, sc, nonce)
	w.must(err)
	l := w.claim(aihub.RunWorkspace)
	w.must(w.Seal(w.ctx, l, digest(nonce)))
	w.must(w.Finish(w.ctx, l, Outcome{Log: digest("cast"), Model: Sealed{Digest: digest(nonce), Bytes: 9, Files: 2}}))
	return sub.ID
}

func (w *world) askFiles(id aihub.SubmissionID, found ...aihub.Found) (aihub.FileRelease, error) {
	w.Helper()
	p := w.permit(w.alice, policies.FilesRequest, policies.Object{ID: string(id), Org: "acme"})
	return w.RequestFiles(w.ctx, p, aihub.FileRelease{
		Workspace: id, Purpose: "a chart for the paper", Found: &aihub.Search{Keys: 9, Of: 9, Found: found},
		Files: []aihub.ReleasedFile{{Path: "a/report.md", Bytes: 3, Digest: digest("abc")}},
	})
}

func (w *world) voteFiles(a aihub.Actor, id aihub.FileReleaseID, approve bool, reason string) error {
	w.Helper()
	return w.VoteFiles(w.ctx, w.permit(a, policies.FilesVote, policies.Object{ID: string(id), Org: "acme"}), id, approve, reason)
}

// Files leave when two reviewers of other organisations say so, each move is on
// the ledger, and its organisation learns neither what was found nor how the
// vote stands.
func TestFilesLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sc := w.workspaces("shells")
	id := w.left(sc, "one")
	fetch := func(r aihub.FileReleaseID) error {
		_, archive, err := w.FetchFiles(w.ctx, w.permit(w.alice, policies.FilesFetch, policies.Object{ID: string(r), Org: "acme"}), r)
		if err == nil && archive != digest("one") {
			t.Errorf("archive %s", archive)
		}
		return err
	}
	r, err := w.askFiles(id)
	w.must(err)
	if r.State != aihub.ReleaseReview1 || r.Found != nil {
		t.Errorf("its author reads %+v", r)
	}
	w.want(aihub.Pending, fetch(r.ID))
	w.must(w.voteFiles(w.reviewer, r.ID, true, ""))
	w.want(aihub.Conflict, w.voteFiles(w.reviewer, r.ID, true, ""))
	for who, want := range map[*aihub.Actor]int{&w.alice: 0, &w.reviewer2: 0, &w.reviewer: 1} { // the second votes blind
		v, err := w.FileRelease(w.ctx, w.scope(*who), r.ID)
		w.must(err)
		if len(v.Votes) != want || (v.Found == nil) != (who == &w.alice) || who == &w.alice && v.State != aihub.ReleaseReview1 {
			t.Errorf("%s reads %+v", who.User, v)
		}
	}
	_, err = w.FileRelease(w.ctx, w.scope(w.bob), r.ID)
	w.want(aihub.NotFound, err)
	if list, err := w.FileReleases(w.ctx, w.scope(w.bob), id); err != nil || len(list) != 0 {
		t.Errorf("another organisation reads %+v %v", list, err)
	}
	w.must(w.voteFiles(w.reviewer2, r.ID, true, "nothing of the data"))
	w.must(fetch(r.ID))
	w.must(fetch(r.ID))
	if v, err := w.FileRelease(w.ctx, w.scope(w.alice), r.ID); err != nil || v.State != aihub.ReleaseReleased || v.Fetched != 2 || v.Votes[0].By != "" {
		t.Errorf("%+v %v", v, err)
	}
	w.want(aihub.Conflict, w.voteFiles(w.reviewer3, r.ID, false, "late"))

	no, err := w.askFiles(id)
	w.must(err)
	w.want(aihub.Invalid, w.voteFiles(w.reviewer, no.ID, false, " "))
	w.must(w.voteFiles(w.reviewer, no.ID, false, "a table of people"))
	w.must(w.voteFiles(w.reviewer2, no.ID, true, ""))
	w.must(w.voteFiles(w.reviewer3, no.ID, false, "as said"))
	w.want(aihub.Refused, fetch(no.ID))
	if v, err := w.FileRelease(w.ctx, w.scope(w.alice), no.ID); err != nil || v.State != aihub.ReleaseRejected || v.Votes[0].Reason != "a table of people" {
		t.Errorf("%+v %v", v, err)
	}
	// What holds keys of rows is approved by nobody.
	bad, err := w.askFiles(id, aihub.Found{Path: "a/report.md", What: aihub.FoundRow, Count: 3})
	w.must(err)
	w.want(aihub.Refused, w.voteFiles(w.reviewer, bad.ID, true, ""))
	w.must(w.voteFiles(w.reviewer, bad.ID, false, "rows"))
	for i := 3; i < maxAsked; i++ {
		_, err := w.askFiles(id)
		w.must(err)
	}
	_, err = w.askFiles(id)
	w.want(aihub.Quota, err)

	// After thirty days the files are gone, and what was released of them too.
	w.clock.pass(keptFiles)
	list, err := w.Unsealed(w.ctx)
	w.must(err)
	if len(list) != 1 || list[0] != digest("one") {
		t.Fatalf("to delete: %v", list)
	}
	w.must(w.Forget(w.ctx, list[0]))
	w.want(aihub.Refused, fetch(r.ID))
	w.sound()
}

// Whose files, of what, and when.
func TestWhoMayAskForFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sc := w.workspaces("shells")
	open, err := w.openWorkspace(w.alice, sc, "open")
	w.must(err)
	_, err = w.askFiles(open.ID)
	w.want(aihub.Pending, err)
	l := w.claim(aihub.RunWorkspace)
	w.must(w.Seal(w.ctx, l, digest("unkept")))
	w.must(w.CancelSubmission(w.ctx, w.permit(w.alice, policies.SubmissionCancel, policies.Object{ID: string(open.ID), Org: "acme"}), open.ID))
	w.must(w.Finish(w.ctx, l, Outcome{Log: digest("cast"), Model: Sealed{Digest: digest("unkept"), Bytes: 9, Files: 1}}))
	_, err = w.askFiles(open.ID) // cancelled: nothing is kept
	w.want(aihub.Refused, err)
	if list, err := w.Unsealed(w.ctx); err != nil || len(list) != 1 {
		t.Errorf("what it stored is not deleted: %v %v", list, err)
	}
	id := w.left(sc, "one")
	theirs := w.permit(w.bob, policies.FilesRequest, policies.Object{ID: string(id), Org: "bits"}) // a permit on other facts
	_, err = w.LeftFiles(w.ctx, theirs, id)
	w.want(aihub.Refused, err)
	for what, r := range map[string]aihub.FileRelease{
		"no purpose": {Purpose: " ", Files: []aihub.ReleasedFile{{Path: "x"}}},
		"no file":    {Purpose: "p"},
		"many files": {Purpose: "p", Files: make([]aihub.ReleasedFile, maxOut+1)},
		"long":       {Purpose: strings.Repeat("x", 4001), Files: []aihub.ReleasedFile{{Path: "x"}}},
	} {
		r.Workspace, r.Found = id, &aihub.Search{}
		if _, err := w.RequestFiles(w.ctx, w.permit(w.alice, policies.FilesRequest, policies.Object{ID: string(id), Org: "acme"}), r); aihub.KindOf(err) != aihub.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	asked, err := w.askFiles(id)
	w.must(err)
	w.must(w.voteFiles(w.reviewer, asked.ID, true, ""))
	out, err := w.askFiles(id)
	w.must(err)
	w.must(w.voteFiles(w.reviewer, out.ID, true, ""))
	w.must(w.voteFiles(w.reviewer2, out.ID, true, ""))
	e, err := w.Enrolments(w.ctx, w.scope(w.alice), sc)
	w.must(err)
	w.must(w.RevokeEnrolment(w.ctx, w.permit(w.steward, policies.EnrolmentRevoke, policies.Object{ID: string(e[0].ID), Org: "city"}), e[0].ID, "misuse"))
	_, err = w.askFiles(id)
	w.want(aihub.Refused, err)
	w.want(aihub.Refused, w.voteFiles(w.reviewer2, asked.ID, true, "")) // what is asked is not approved any more,
	w.must(w.voteFiles(w.reviewer2, asked.ID, false, "they are out"))
	_, _, err = w.FetchFiles(w.ctx, w.permit(w.alice, policies.FilesFetch, policies.Object{ID: string(out.ID), Org: "acme"}), out.ID)
	w.want(aihub.Refused, err) // and what was released does not leave
	w.sound()
}

// A model is deleted by its organisation, when nothing needs it as far as that
// may know.
func TestDeleteModel(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	_, err := w.train(w.alice, sc, false)
	w.must(err)
	w.trained(aihub.RunTrain, "model", 10)
	del := func(a aihub.Actor) error {
		return w.DeleteModel(w.ctx, w.permit(a, policies.ModelDelete, policies.Object{ID: string(digest("model")), Org: a.Org}), digest("model"))
	}
	w.want(aihub.NotFound, del(w.alice)) // there is none before the tick
	w.toTick()
	w.want(aihub.Refused, del(w.bob))
	use := func(nonce string) error {
		_, err := w.Submit(w.ctx, w.submitPermit(w.alice, sc), aihub.Submission{
			Scenario: sc, Round: "main", Image: w.image(w.alice, "an image of acme"), Model: digest("model"), Nonce: nonce}, 1)
		return err
	}
	w.must(use("a"))
	w.want(aihub.Conflict, del(w.alice))
	w.infer()
	w.want(aihub.Conflict, del(w.alice))
	w.score() // it is over, and nobody may know
	w.want(aihub.Conflict, del(w.alice))
	w.toTick()
	w.must(del(w.alice))
	w.want(aihub.Conflict, del(w.alice))
	w.want(aihub.Refused, use("b"))
	if list, err := w.Models(w.ctx, w.scope(w.alice), ModelFilter{}); err != nil || len(list) != 1 || list[0].DeletedAt.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
	if list, err := w.Unsealed(w.ctx); err != nil || len(list) != 1 || list[0] != digest("model") {
		t.Errorf("its archive is not deleted: %v %v", list, err)
	}
	w.must(w.Forget(w.ctx, digest("model")))
	w.clock.pass(time.Minute)
	w.sound()
}
