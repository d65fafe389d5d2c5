package store

import (
	"strconv"
	"testing"

	"aihub"
	"aihub/internal/blob"
	"aihub/policies"
)

func (w *world) deleteImage(a aihub.Actor, d aihub.Digest) error {
	w.Helper()
	return w.DeleteImage(w.ctx, w.permit(a, policies.ImageDelete, policies.Object{ID: imageID(a.Org, d), Org: a.Org}), a.Org, d)
}

// An image is deleted when nothing needs it, as far as its organisation may know.
func TestDeleteImage(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	d := w.image(w.alice, "an image of acme")
	w.image(w.bob, "an image of bits")
	w.want(aihub.NotFound, w.deleteImage(w.bob, d))
	first := w.submit(w.alice, sc, 1)
	w.want(aihub.Conflict, w.deleteImage(w.alice, d))
	w.infer()
	w.want(aihub.Conflict, w.deleteImage(w.alice, d))
	w.score() // it is over, and nobody may know
	w.want(aihub.Conflict, w.deleteImage(w.alice, d))
	w.toTick()
	w.must(w.deleteImage(w.alice, d))
	w.want(aihub.NotFound, w.deleteImage(w.alice, d))
	_, err := w.Submit(w.ctx, w.submitPermit(w.alice, sc), aihub.Submission{Scenario: sc, Round: "main", Image: d, Nonce: "n"}, 1)
	w.want(aihub.NotFound, err)
	if _, err := w.Receipt(w.ctx, w.scope(w.alice), first.ID); err != nil {
		t.Errorf("the receipt of what used it: %v", err)
	}
	w.submit(w.alice, sc, 1) // which sends it again
	w.want(aihub.Conflict, w.deleteImage(w.alice, d))
	if list, err := w.Images(w.ctx, w.scope(w.alice)); err != nil || len(list) != 1 || list[0].Digest != d {
		t.Errorf("%+v %v", list, err)
	}

	for i := range 1000 { // the list ends, the count does not
		w.image(w.bob, strconv.Itoa(i))
	}
	list, err := w.Images(w.ctx, w.scope(w.bob))
	w.must(err)
	if n, err := w.CountImages(w.ctx, w.scope(w.bob)); err != nil || n != 1001 || len(list) != 1000 {
		t.Errorf("%d images are listed and %d counted, of 1001: %v", len(list), n, err)
	}

	tool := w.image(w.steward, "scorer")
	v, err := w.ProposeScorer(w.ctx, w.permit(w.steward, policies.ScorerPropose, policies.Object{ID: string(tool), Org: "city"}), tool, "distance")
	w.must(err)
	w.want(aihub.Conflict, w.deleteImage(w.steward, tool))
	w.must(w.DecideScorer(w.ctx, w.permit(w.reviewer, policies.ScorerApprove, policies.Object{ID: string(v.ID), Author: w.steward.User}), v.ID, false, "no"))
	w.must(w.deleteImage(w.steward, tool))
	w.sound()
}

// The blobs of images: what is noted and taken is found, counted and freed with the
// last image of its organisation that has it; what was there before they were sealed stays.
func TestImageBlobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.permit(w.alice, policies.ImagePush, policies.Object{ID: "acme", Org: "acme"})
	seal := func(content, stored string) blob.Seal {
		return blob.Seal{Content: digest(content), Stored: digest(stored), Wrapped: "key", Size: 10}
	}
	pend := func(s blob.Seal, most int64) error { return w.PendImage(w.ctx, p, s, most) }
	add := func(image string, parts ...blob.Seal) error {
		return w.RegisterImage(w.ctx, p, "acme", digest(image), 10, parts...)
	}
	used := func(want int64) {
		t.Helper()
		if n, _, err := w.PushedBytes(w.ctx, w.scope(w.alice)); err != nil || n != want {
			t.Errorf("%d bytes are kept, want %d: %v", n, want, err)
		}
	}
	a, b, again := seal("a", "a1"), seal("b", "b1"), seal("a", "a2")
	w.must(pend(a, 25))
	w.must(pend(b, 25))
	w.want(aihub.Quota, pend(again, 25))
	used(20)
	w.must(add("one", a, b))
	w.must(pend(again, 30))
	used(30)
	w.want(aihub.Conflict, add("two", again, blob.Seal{Content: digest("c")})) // nobody has c
	w.must(add("two", again, blob.Seal{Content: digest("b")}))
	used(20)
	if s, err := w.SealOf(w.ctx, digest("a")); err != nil || s != a {
		t.Errorf("%+v %v", s, err)
	}
	if got, err := w.Garbage(w.ctx); err != nil || len(got) != 1 || got[0] != again.Stored {
		t.Errorf("the second copy: %v %v", got, err)
	}
	w.must(w.ForgetGarbage(w.ctx, again.Stored))
	w.must(w.deleteImage(w.alice, digest("one")))
	used(20)
	w.must(w.deleteImage(w.alice, digest("two")))
	used(0)
	if got, err := w.Garbage(w.ctx); err != nil || len(got) != 2 {
		t.Errorf("what was freed: %v %v", got, err)
	}
	_, err := w.SealOf(w.ctx, digest("a"))
	w.want(aihub.NotFound, err)

	_, err = w.rw.Exec("INSERT INTO image_blobs (org, digest) VALUES ('acme', '" + string(digest("old")) + "')")
	w.must(err)
	w.must(add("three", blob.Seal{Content: digest("old")}))
	w.must(w.deleteImage(w.alice, digest("three")))
	if ok, err := w.HasImageBlob(w.ctx, w.scope(w.alice), digest("old")); err != nil || !ok {
		t.Errorf("what was there before: %v %v", ok, err)
	}
	w.sound()
}
