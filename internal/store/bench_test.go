package store

import (
	"fmt"
	"testing"

	"aihub"
)

// One submission from entry to sealed score, with so many queued behind it: the
// cost must not grow with the queue.
func BenchmarkSubmissionWithQueue(b *testing.B) {
	for _, queued := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(queued), func(b *testing.B) {
			w, sc := entered(b, 1<<30, 1e9, "policy")
			sync := func(mode string) {
				_, err := w.rw.Exec("PRAGMA synchronous = " + mode)
				w.must(err)
			}
			sync("OFF") // to fill the queue quickly
			p, img := w.submitPermit(w.bob, sc), w.image(w.bob, "i")
			enter := func(i int) {
				if _, err := w.Submit(w.ctx, p, aihub.Submission{Scenario: sc, Round: "main", Image: img, Nonce: fmt.Sprint(i)}, 1); err != nil {
					b.Fatal(err)
				}
			}
			for i := range queued {
				enter(i)
			}
			sync("FULL")
			b.ResetTimer()
			for i := range b.N {
				enter(queued + i)
				l := w.claim(aihub.RunInfer)
				w.must(w.Finish(w.ctx, l, Outcome{Output: digest("o")}))
				w.must(w.FinishScore(w.ctx, w.claim(aihub.RunScore), sealedValues, w.nextTick()))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "submissions/s")
		})
	}
}

func BenchmarkVerifyLedger(b *testing.B) {
	w, sc := entered(b, 1<<30, 1e9, "policy")
	for range 2000 {
		w.submit(w.alice, sc, 1)
	}
	b.ResetTimer()
	for b.Loop() {
		rep := w.sound()
		b.ReportMetric(float64(rep.Leaves), "leaves")
	}
}

func BenchmarkReceipt(b *testing.B) {
	w, sc := entered(b, 1<<30, 1e9, "policy")
	sub := w.submit(w.alice, sc, 1)
	for range 2000 {
		w.submit(w.alice, sc, 1)
	}
	b.ResetTimer()
	for b.Loop() {
		if _, err := w.Receipt(w.ctx, w.scope(w.alice), sub.ID); err != nil {
			b.Fatal(err)
		}
	}
}
