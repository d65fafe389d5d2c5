package store

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"aihub"
	"aihub/policies"
)

// Random legal and illegal moves of everybody, with clocks that pass and stores
// that restart, keep every invariant.
func TestAnyHistory(t *testing.T) {
	t.Parallel()
	answers := 0
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp("", "store")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		w := newWorldIn(t, dir)
		defer w.DB.Close()
		quota := rapid.IntRange(1, 6).Draw(r, "quota")
		const total, dearest = 4.0, 0.000001 // bits; the second is what an answer costs at most
		sc := w.scenario("dispatch", quota, total, rapid.SampledFrom([]string{"policy", "review"}).Draw(r, "release"))
		enr := map[aihub.OrgID]aihub.EnrolmentID{}
		vendors := []aihub.Actor{w.alice, w.bob}
		for _, v := range vendors {
			enr[v.Org] = w.enrol(v, sc, aihub.Enrolment{MaxUses: rapid.IntRange(0, 5).Draw(r, "uses")})
		}
		var subs []aihub.Submission
		var leases []*Lease
		ended := map[aihub.RunID]int{} // effects of runs that workers were told had taken place
		legal := func(err error) {     // any refusal that a person can act on is an answer; nothing else is
			var e *aihub.Error
			if err != nil && (!errors.As(err, &e) || e.Kind == aihub.Internal || e.Kind == aihub.Unavailable) {
				r.Fatalf("%v", err)
			}
		}
		lease := func() *Lease {
			if len(leases) == 0 {
				r.Skip("no lease")
			}
			return rapid.SampledFrom(leases).Draw(r, "lease")
		}
		done := func(l *Lease, err error) {
			legal(err)
			if err == nil {
				if ended[l.run.ID]++; ended[l.run.ID] > 1 {
					r.Fatalf("run %s ended twice", l.run.ID)
				}
			}
		}
		finish := func(l *Lease) {
			if l.run.Kind == aihub.RunScore {
				done(l, w.FinishScore(w.ctx, l, sealedValues, w.nextTick()))
				return
			}
			done(l, w.Finish(w.ctx, l, Outcome{Output: digest("o")}))
		}
		submit := func(r *rapid.T) {
			// What is held is never less than the dearest answer, below.
			s, err := w.trySubmit(rapid.SampledFrom(vendors).Draw(r, "vendor"), sc, rapid.Float64Range(dearest, 2).Draw(r, "bits"))
			legal(err)
			if err == nil {
				subs = append(subs, s)
			}
		}
		work := func(r *rapid.T) { // runs go their whole way, which single moves seldom find
			for range rapid.IntRange(1, 6).Draw(r, "runs") {
				l, err := w.claimAny("w3", aihub.RunSmoke, aihub.RunInfer, aihub.RunScore)
				legal(err)
				if l == nil {
					return
				}
				leases = append(leases, l)
				for _, to := range []aihub.RunState{aihub.RunPreparing, aihub.RunRunning, aihub.RunCollecting} {
					legal(w.Advance(w.ctx, l, to))
				}
				finish(l)
			}
		}
		for range rapid.IntRange(0, 3).Draw(r, "earlier") {
			submit(r)
			work(r)
		}
		r.Repeat(map[string]func(*rapid.T){
			"submit": submit,
			"smoke": func(r *rapid.T) {
				v := rapid.SampledFrom(vendors).Draw(r, "vendor")
				w.n++
				s, err := w.Submit(w.ctx, w.submitPermit(v, sc), aihub.Submission{Scenario: sc, Image: w.image(v, "an image of "+string(v.Org)), Smoke: true, Nonce: fmt.Sprint(w.n)}, 9)
				legal(err)
				if err == nil {
					subs = append(subs, s)
				}
			},
			"cancel": func(r *rapid.T) {
				if len(subs) == 0 {
					r.Skip("no submission")
				}
				s := rapid.SampledFrom(subs).Draw(r, "submission")
				actor := map[aihub.OrgID]aihub.Actor{"acme": w.alice, "bits": w.bob}[s.Org]
				legal(w.CancelSubmission(w.ctx, w.permit(actor, policies.SubmissionCancel, policies.Object{ID: string(s.ID), Org: s.Org}), s.ID))
			},
			"revoke": func(r *rapid.T) {
				if rapid.IntRange(0, 9).Draw(r, "seldom") > 0 {
					r.Skip("seldom")
				}
				id := enr[rapid.SampledFrom(vendors).Draw(r, "vendor").Org]
				legal(w.RevokeEnrolment(w.ctx, w.permit(w.steward, policies.EnrolmentRevoke, policies.Object{ID: string(id), Org: "city"}), id, ""))
			},
			"claim": func(r *rapid.T) {
				l, err := w.claimAny(aihub.WorkerID(rapid.SampledFrom([]string{"w1", "w2"}).Draw(r, "worker")), aihub.RunSmoke, aihub.RunInfer, aihub.RunScore)
				legal(err)
				if l != nil {
					leases = append(leases, l)
				}
			},
			"advance": func(r *rapid.T) {
				legal(w.Advance(w.ctx, lease(), rapid.SampledFrom([]aihub.RunState{aihub.RunPreparing, aihub.RunRunning, aihub.RunCollecting, aihub.RunQueued}).Draw(r, "to")))
			},
			"work":      work,
			"heartbeat": func(r *rapid.T) { _, err := w.Heartbeat(w.ctx, lease(), time.Minute); legal(err) },
			"finish":    func(r *rapid.T) { finish(lease()) },
			"fail": func(r *rapid.T) {
				l := lease()
				owner := rapid.SampledFrom([]aihub.FaultOwner{aihub.FaultVendor, aihub.FaultScenario, aihub.FaultData, aihub.FaultPlatform, aihub.FaultPolicy}).Draw(r, "owner")
				reason := rapid.SampledFrom([]aihub.Reason{aihub.ReasonExit, aihub.ReasonScorer, aihub.ReasonUndefined}).Draw(r, "reason")
				done(l, w.Finish(w.ctx, l, Outcome{Failure: aihub.Failure{Owner: owner, Reason: reason}}))
			},
			"vote": func(r *rapid.T) {
				rels, err := w.Releases(w.ctx, w.scope(w.reviewer), "")
				legal(err)
				if len(rels) == 0 {
					r.Skip("no release")
				}
				rel := rapid.SampledFrom(rels).Draw(r, "release")
				a := rapid.SampledFrom([]aihub.Actor{w.reviewer, w.reviewer2, w.reviewer3}).Draw(r, "reviewer")
				legal(w.Vote(w.ctx, w.votePermit(a, rel), rel.ID, rapid.Bool().Draw(r, "approve"), ""))
			},
			"release": func(r *rapid.T) {
				if rapid.Bool().Draw(r, "at the tick") {
					w.toTick()
				}
				w.price = rapid.Float64Range(0, dearest).Draw(r, "price")
				answers += w.releaseDue()
			},
			"charge": func(r *rapid.T) { // and die before it is shown
				list, err := w.DueReleases(w.ctx)
				legal(err)
				if len(list) == 0 || list[0].State == aihub.ReleaseReleasing {
					r.Skip("nothing to charge")
				}
				legal(w.charge(list[0], 0))
			},
			"reap":     func(r *rapid.T) { _, err := w.Reap(w.ctx); legal(err) },
			"time":     func(r *rapid.T) { w.clock.pass(time.Duration(rapid.IntRange(1, 90).Draw(r, "seconds")) * time.Second) },
			"tick":     func(r *rapid.T) { w.toTick() },
			"backward": func(r *rapid.T) { w.clock.pass(-30 * time.Second) },
			"restart":  func(r *rapid.T) { w.must(w.DB.Close()); w.open() },
			"": func(r *rapid.T) {
				invariants(r, w, sc, quota, total)
			},
		})
		// Left alone, everything ends: workers die, reapers reap, ticks come.
		for range 12 {
			for {
				l, err := w.claimAny("last", aihub.RunSmoke, aihub.RunInfer, aihub.RunScore)
				w.must(err)
				if l == nil {
					break
				}
			}
			w.clock.pass(2 * time.Minute)
			_, err := w.Reap(w.ctx)
			w.must(err)
		}
		w.toTick()
		_, err = w.Reap(w.ctx)
		w.must(err)
		w.releaseDue()
		var open int
		w.must(w.rw.QueryRow("SELECT (SELECT count(*) FROM leases) + (SELECT count(*) FROM submissions WHERE state IN ('queued', 'scoring') OR settled = 0) + (SELECT count(*) FROM runs WHERE state IN ('queued', 'leased'))").Scan(&open))
		if open != 0 {
			r.Fatalf("%d things never ended", open)
		}
		invariants(r, w, sc, quota, total)
	})
	if answers == 0 {
		t.Error("no history came to an answer: they do not reach what they test")
	}
}

func invariants(r *rapid.T, w *world, sc aihub.Ref, quota int, total float64) {
	// What is charged is what submissions account for.
	for _, q := range []struct{ what, sql string }{
		{"attempts", `SELECT count(*) FROM budgets b WHERE attempts <> (SELECT count(*) FROM submissions s
			WHERE s.scenario = b.scenario AND s.round = b.round AND s.org = b.org AND s.smoke = 0 AND NOT (s.refund = 1 AND s.settled = 1))`},
		{"spent bits", `SELECT count(*) FROM budgets b WHERE spent <> (SELECT COALESCE(SUM(c.bits), 0) FROM scores c
			WHERE c.scenario = b.scenario AND c.round = b.round AND c.org = b.org) + (SELECT COALESCE(SUM(s.bits), 0) FROM submissions s
			WHERE s.scenario = b.scenario AND s.round = b.round AND s.org = b.org AND s.smoke = 0 AND s.settled = 1 AND s.state = 'failed' AND s.fault_reason IN ('scorer', 'undefined'))`},
		{"reserved bits", `SELECT count(*) FROM budgets b WHERE reserved <> (SELECT COALESCE(SUM(s.bits), 0) FROM submissions s
			LEFT JOIN releases r ON r.submission = s.id
			WHERE s.scenario = b.scenario AND s.round = b.round AND s.org = b.org AND s.smoke = 0
			AND (s.state = 'scored' AND r.state NOT IN ('releasing', 'released', 'rejected') OR s.state <> 'scored' AND s.settled = 0))`},
		{"a part that differs from its organisations", "SELECT count(*) FROM parts WHERE spent <> (SELECT SUM(spent) FROM budgets) OR reserved <> (SELECT SUM(reserved) FROM budgets)"},
		{"a part that gave more than it has", "SELECT count(*) FROM parts WHERE spent + reserved > total"},
		{"an answer without a charge", "SELECT count(*) FROM releases r JOIN scores c ON c.id = r.score WHERE r.state IN ('releasing', 'released') AND c.proof IS NULL"},
		{"a charged smoke run", "SELECT count(*) FROM submissions WHERE smoke = 1 AND (bits <> 0 OR settled = 0)"},
		{"a score without its charge", "SELECT count(*) FROM scores c JOIN submissions s ON s.id = c.submission WHERE s.state <> 'scored' OR s.bits < c.bits"},
		{"a scored submission without score", "SELECT count(*) FROM submissions s WHERE state = 'scored' AND NOT EXISTS (SELECT 1 FROM scores c WHERE c.submission = s.id)"},
		{"two runs of one submission at once", "SELECT count(*) FROM (SELECT submission FROM runs WHERE state IN ('queued', 'leased') GROUP BY submission HAVING count(*) > 1) AS many"},
		{"a lease without its run", "SELECT count(*) FROM leases l LEFT JOIN runs r ON r.id = l.run AND r.state = 'leased' AND r.fence = l.fence AND r.worker = l.worker WHERE r.id IS NULL"},
		{"a leased run without lease", "SELECT count(*) FROM runs r LEFT JOIN leases l ON l.run = r.id WHERE r.state = 'leased' AND l.run IS NULL"},
		{"something shown before its tick", "SELECT count(*) FROM releases WHERE shown <> '' AND state <> 'releasing' AND (state <> 'released' OR released_at < due_at)"},
		{"a release without two that agree", `SELECT count(*) FROM releases r JOIN scenarios c ON c.id = r.scenario WHERE c.review = 1 AND r.state = 'released'
			AND (SELECT SUM(approve) FROM votes v WHERE v.release_id = r.id) < 2`},
		{"an attempt beyond the bound", `SELECT count(*) FROM (SELECT 1 AS x FROM runs GROUP BY submission, kind HAVING SUM(CASE WHEN state = 'lost' AND fault_detail = 'its worker went silent' THEN 0 ELSE 1 END) > 3 OR SUM(CASE WHEN state = 'lost' AND fault_detail = 'its worker went silent' THEN 1 ELSE 0 END) > 10) AS y`},
	} {
		var n int
		if err := w.rw.QueryRow(q.sql).Scan(&n); err != nil {
			r.Fatal(err)
		}
		if n != 0 {
			r.Fatalf("%s: %d", q.what, n)
		}
	}
	for _, v := range []aihub.Actor{w.alice, w.bob} {
		whole, mine := w.budgetOf(w.steward, sc, v.Org), w.budgetOf(v, sc, v.Org)
		if whole.Attempts > quota || whole.Bits+whole.Reserved > total+1e-9 || whole.Own > whole.Bits+whole.Reserved+1e-9 {
			r.Fatalf("more than allowed: %+v", whole)
		}
		if mine != whole {
			r.Fatalf("the vendor's budget %+v differs from %+v", mine, whole)
		}
	}
	rep, err := w.VerifyLedger(w.ctx)
	if err != nil || len(rep.Faults) > 0 {
		r.Fatalf("ledger: %v %+v", err, rep.Faults)
	}
}
