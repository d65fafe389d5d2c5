package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
)

// fill queues n copies of the only submission behind it, without leaves, by turns
// for so many organisations of their own.
func (w *world) fill(n, orgs int) {
	w.Helper()
	_, err := w.rw.Exec("PRAGMA foreign_keys = 0") // they have neither people nor images of their own
	w.must(err)
	for _, q := range []string{
		`INSERT INTO orgs (id, name_zh, name_en, created_at) SELECT 'org' || i, '', '', 0 FROM n WHERE i < ` + fmt.Sprint(orgs),
		`INSERT INTO submissions (id, scenario, round, org, user_id, enrolment, name, image, smoke, baseline, state, fault_owner,
			fault_reason, fault_detail, nonce, bits, refund, settled, created_at, visible_at) SELECT 'sub_' || i, scenario, round, ORG, user_id, enrolment, name, image, smoke, baseline, state, fault_owner,
			fault_reason, fault_detail, 'nonce' || i, bits, refund, settled, created_at + i, visible_at FROM submissions, n`,
		`INSERT INTO runs (id, submission, scenario, org, kind, part, attempt, scores, state, fault_owner, fault_reason, fault_detail,
			worker, fence, image, row_key, output, log, usage_json, posture, created_at, queued_at, started_at, finished_at) SELECT 'run_' || i, 'sub_' || i, scenario, ORG, kind, part, attempt, scores, state, fault_owner, fault_reason, fault_detail,
			worker, fence, image, row_key, output, log, usage_json, posture, created_at + i, queued_at + i, started_at, finished_at FROM runs, n`,
	} {
		q = strings.ReplaceAll(q, "ORG", fmt.Sprintf("CASE WHEN i %% %d = 0 THEN org ELSE 'org' || (i %% %[1]d) END", orgs))
		_, err := w.rw.Exec("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < " + fmt.Sprint(n) + ") " + q)
		w.must(err)
	}
	_, err = w.rw.Exec(fmt.Sprintf("UPDATE budgets SET attempts = attempts + %d, reserved = reserved + 1000000 * %[1]d", n))
	w.must(err)
	_, err = w.rw.Exec("PRAGMA foreign_keys = 1; PRAGMA wal_checkpoint(TRUNCATE)") // what comes after does not pay for this
	w.must(err)
}

// One submission from entry to sealed score (five commits that reach the disk),
// and its steps, with so many queued behind it by one organisation or by fifty:
// the cost must not grow with the queue.
func BenchmarkSubmissionWithQueue(b *testing.B) {
	for _, c := range []struct {
		orgs  int
		sizes []int
	}{{1, []int{100, 10_000, 100_000}}, {50, []int{100, 1000, 10_000, 100_000}}} {
		orgs := c.orgs
		for _, queued := range c.sizes {
			b.Run(fmt.Sprintf("orgs=%d/queued=%d", orgs, queued), func(b *testing.B) {
				var w *world
				var sc aihub.Ref
				var p policies.Permit
				var img aihub.Digest
				var steps [5]time.Duration
				b.ResetTimer()
				for i := range b.N {
					// Anew before any of several has nothing queued: fifty stay fifty.
					if i == 0 || orgs > 1 && i%(queued-orgs) == 0 {
						b.StopTimer()
						w, sc = entered(b, 1<<30, 1e9, "policy")
						w.submit(w.bob, sc, 1)
						w.fill(queued, orgs)
						p, img = w.submitPermit(w.bob, sc), w.image(w.bob, "an image of bits")
						b.StartTimer()
					}
					at := time.Now()
					lap := func(step int) {
						steps[step] += time.Since(at)
						at = time.Now()
					}
					if _, err := w.Submit(w.ctx, p, aihub.Submission{Scenario: sc, Round: "main", Image: img, Nonce: fmt.Sprint(i)}, 1); err != nil {
						b.Fatal(err)
					}
					lap(0)
					l := w.claim(aihub.RunInfer)
					lap(1)
					w.must(w.Finish(w.ctx, l, Outcome{Output: digest("o")}))
					lap(2)
					l = w.claim(aihub.RunScore)
					lap(3)
					w.must(w.FinishScore(w.ctx, l, sealedValues, w.nextTick()))
					lap(4)
				}
				for i, step := range []string{"submit", "claim", "finish", "claim-score", "seal"} {
					b.ReportMetric(float64(steps[i].Microseconds())/1000/float64(b.N), "ms/"+step)
				}
			})
		}
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
