package store

import (
	"fmt"
	"testing"

	"aihub"
)

// fill queues n copies of the only submission behind it, without leaves.
func (w *world) fill(n int) {
	w.Helper()
	for _, q := range []string{
		`INSERT INTO submissions (id, scenario, round, org, user_id, enrolment, name, image, smoke, baseline, state, fault_owner,
			fault_reason, fault_detail, nonce, bits, refund, settled, created_at, visible_at) SELECT 'sub_' || i, scenario, round, org, user_id, enrolment, name, image, smoke, baseline, state, fault_owner,
			fault_reason, fault_detail, 'nonce' || i, bits, refund, settled, created_at + i, visible_at FROM submissions, n`,
		`INSERT INTO runs (id, submission, scenario, org, kind, part, attempt, scores, state, fault_owner, fault_reason, fault_detail,
			worker, fence, image, row_key, output, log, usage_json, posture, created_at, queued_at, started_at, finished_at) SELECT 'run_' || i, 'sub_' || i, scenario, org, kind, part, attempt, scores, state, fault_owner, fault_reason, fault_detail,
			worker, fence, image, row_key, output, log, usage_json, posture, created_at + i, queued_at + i, started_at, finished_at FROM runs, n`,
	} {
		_, err := w.rw.Exec("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < " + fmt.Sprint(n) + ") " + q)
		w.must(err)
	}
	_, err := w.rw.Exec(fmt.Sprintf("UPDATE budgets SET attempts = attempts + %d, reserved = reserved + 1000000 * %[1]d", n))
	w.must(err)
	_, err = w.rw.Exec("PRAGMA wal_checkpoint(TRUNCATE)") // what comes after does not pay for this
	w.must(err)
}

// One submission from entry to sealed score (five commits that reach the disk),
// with so many queued behind it: the cost must not grow with the queue.
func BenchmarkSubmissionWithQueue(b *testing.B) {
	for _, queued := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(queued), func(b *testing.B) {
			w, sc := entered(b, 1<<30, 1e9, "policy")
			w.submit(w.bob, sc, 1)
			w.fill(queued)
			p, img := w.submitPermit(w.bob, sc), w.image(w.bob, "an image of bits")
			b.ResetTimer()
			for i := range b.N {
				if _, err := w.Submit(w.ctx, p, aihub.Submission{Scenario: sc, Round: "main", Image: img, Nonce: fmt.Sprint(i)}, 1); err != nil {
					b.Fatal(err)
				}
				w.must(w.Finish(w.ctx, w.claim(aihub.RunInfer), Outcome{Output: digest("o")}))
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
