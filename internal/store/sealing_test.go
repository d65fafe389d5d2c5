package store

import (
	"context"
	"slices"
	"testing"
	"time"

	"aihub"
)

// What runs store is deleted when nothing names it, and never while something does or
// may come to; nobody stores what is just being deleted.
func TestRunBlobs(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	goes := func(when string, want ...string) {
		t.Helper()
		got, err := w.Unsealed(w.ctx)
		w.must(err)
		var digests []aihub.Digest
		for _, s := range want {
			digests = append(digests, digest(s))
		}
		slices.Sort(digests)
		if !slices.Equal(got, digests) {
			t.Errorf("%s: to delete: %v, want %v", when, got, want)
		}
	}
	notes := func(want int) {
		t.Helper()
		var n int
		w.must(w.rw.QueryRow("SELECT count(*) FROM sealing").Scan(&n))
		if n != want {
			t.Errorf("%d notes, want %d", n, want)
		}
	}
	lose := func() {
		t.Helper()
		w.clock.pass(2 * time.Minute)
		_, err := w.Reap(w.ctx)
		w.must(err)
	}

	// Killed with its output and log stored: nothing goes before it is known to be lost.
	w.smoke(w.alice, sc)
	first := w.claim(aihub.RunSmoke)
	for _, s := range []string{"output", "log", "log"} { // twice the same is one
		w.must(w.Seal(w.ctx, first, digest(s)))
	}
	goes("while it runs")
	lose()
	goes("lost", "log", "output")

	// The next attempt leaves the same bytes. It waits until they are gone.
	second := w.claim(aihub.RunSmoke)
	short, cancel := context.WithTimeout(w.ctx, 50*time.Millisecond)
	defer cancel()
	if err := w.Seal(short, second, digest("output")); err == nil {
		t.Error("stored what is being deleted")
	}
	goes("a deletion that was broken off is taken up", "log", "output")
	w.must(w.Forget(w.ctx, digest("output")))
	w.must(w.Forget(w.ctx, digest("log")))
	for _, s := range []string{"output", "log", "half"} {
		w.must(w.Seal(w.ctx, second, digest(s)))
	}

	// The first worker was only slow: it stores them now, and finds its run lost.
	w.want(aihub.Conflict, w.Finish(w.ctx, first, Outcome{Output: digest("output"), Log: digest("log")}))
	w.must(w.Disown(w.ctx, first))
	goes("another run is about to name them")
	w.must(w.Finish(w.ctx, second, Outcome{Output: digest("output"), Log: digest("log")}))
	goes("named by the second", "half")
	w.must(w.Forget(w.ctx, digest("half")))
	notes(0)

	// What a version of a dataset names in the open stays, whoever else had the same bytes.
	w.smoke(w.alice, sc)
	third := w.claim(aihub.RunSmoke)
	var card aihub.Digest
	w.must(w.rw.QueryRow("SELECT card FROM datasets LIMIT 1").Scan(&card))
	w.must(w.Seal(w.ctx, third, card))
	lose()
	goes("a dataset's")
	notes(0)
	w.sound()
}
