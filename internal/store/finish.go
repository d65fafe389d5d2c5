package store

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"aihub"
	"aihub/policies/sharing"
)

// Outcome is what a sandbox run left.
type Outcome struct {
	Output  aihub.Digest // collected prediction file; zero for a failed run
	Log     aihub.Digest
	Usage   aihub.Usage
	Posture []byte
	Model   Sealed        // of a training that ended well, or the files that a workspace left
	Failure aihub.Failure // zero when it ended well
}

func (o Outcome) check(kind aihub.RunKind) error {
	owners := []aihub.FaultOwner{aihub.FaultVendor, aihub.FaultScenario, aihub.FaultData, aihub.FaultPlatform, aihub.FaultPolicy}
	if o.Failure != (aihub.Failure{}) {
		if !slices.Contains(owners, o.Failure.Owner) || o.Failure.Reason == "" {
			return fmt.Errorf("store: a failure needs an owner and a reason, not %q and %q", o.Failure.Owner, o.Failure.Reason)
		}
		return bounded(64<<10, "detail", o.Failure.Detail)
	}
	if kind == aihub.RunScore {
		return fmt.Errorf("store: a score run that ended well has values: use FinishScore")
	}
	if o.Model == (Sealed{}) && kind == aihub.RunTrain {
		return fmt.Errorf("store: a training that ended well has a model")
	}
	if o.Model != (Sealed{}) && (kind == aihub.RunInfer || kind == aihub.RunScore) {
		return fmt.Errorf("store: a %s run leaves nothing sealed", kind)
	}
	if _, err := aihub.ParseDigest(string(o.Output)); err != nil && kind == aihub.RunInfer {
		return fmt.Errorf("store: an infer run that ended well has an output: %w", err)
	}
	return nil
}

// Finish ends a smoke, train or infer run, or a score run that failed. A good
// infer run queues the score run. What the platform failed is tried again, up to
// three times in all, each time after a longer pause (attempts that were lost to
// the death of a worker do not count); after that, and when
// anybody else is at fault, the submission ends: a vendor's failure costs the
// attempt, any other refunds it. The vendor may see a failure from the scenario's next tick
// on (read from its spec: sharing.score.tick).
//
// When the submission was cancelled meanwhile, the run ends as cancelled and
// nothing else changes.
func (db *DB) Finish(ctx context.Context, l *Lease, o Outcome) error {
	if err := o.check(l.run.Kind); err != nil {
		return err
	}
	usage, err := toJSON(o.Usage)
	if err != nil {
		return err
	}
	if err := bounded(1<<20, "posture", string(o.Posture)); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		s, err := t.letGo(l, o.Failure)
		if err != nil {
			return err
		}
		if err := t.swap("UPDATE runs SET output = ?, log = ?, usage_json = ?, posture = ? WHERE id = ?",
			o.Output, o.Log, usage, string(o.Posture), l.run.ID); err != nil {
			return err
		}
		if err := t.exec("DELETE FROM sealing WHERE run = ? AND digest IN (?, ?)", l.run.ID, o.Output, o.Log); err != nil {
			return err
		}
		lost, err := t.silent(l.run)
		if err != nil {
			return err
		}
		switch tries := l.run.Attempt - lost; {
		case s.State.Terminal():
			err = t.stopped(s)
		case o.Failure.Owner == aihub.FaultPlatform && tries < maxAttempts && l.run.Kind != aihub.RunWorkspace:
			err = t.retry(l.run.ID, t.db.patience.pause(tries))
		case o.Failure != (aihub.Failure{}):
			visible := t.now
			if !s.Smoke {
				if visible, err = t.tickOf(s.Scenario); err != nil {
					return err
				}
			}
			refund := o.Failure.Owner != aihub.FaultVendor
			if refund && !s.Smoke && o.Failure.Judged() { // a final part is asked once, and this was an answer
				r, err := t.round(s.Scenario, s.Round)
				if err != nil {
					return err
				}
				refund = r.Part != aihub.Final
			}
			err = t.end(s, aihub.SubmissionFailed, o.Failure, refund, visible)
		case l.run.Kind == aihub.RunInfer:
			if err = s.State.Next(aihub.SubmissionScoring); err != nil {
				return err
			}
			t.touch("submissions", string(s.ID))
			if err = t.swap("UPDATE submissions SET state = ? WHERE id = ? AND state = ?", aihub.SubmissionScoring, s.ID, s.State); err == nil {
				err = t.queue(aihub.Run{
					Submission: s.ID, Scenario: s.Scenario, Org: s.Org, Kind: aihub.RunScore, Part: l.run.Part, Attempt: 1, Image: s.Image,
				}, l.run.ID, t.now, time.Time{})
			}
		default:
			err = t.tried(s, l.run, o.Model)
		}
		if err != nil {
			return err
		}
		if err := t.record(runs, "run.finish", string(s.ID), leased(l), nil); err != nil {
			return err
		}
		return t.settleDue(s.ID)
	})
}

// walk takes the steps to collecting that the worker did not announce, so that
// every run that ended well went through all of them.
func (t *tx) walk(l *Lease, phase aihub.RunState) error {
	order := []aihub.RunState{aihub.RunLeased, aihub.RunPreparing, aihub.RunRunning, aihub.RunCollecting}
	for _, next := range order[slices.Index(order, phase)+1:] {
		if err := t.advance(l, phase, next); err != nil {
			return err
		}
		phase = next
	}
	return nil
}

// tried ends a submission that ended well and is not scored: a smoke run's, or a
// training, which leaves a model.
func (t *tx) tried(s submissionRow, run aihub.Run, m Sealed) (err error) {
	if s.Train {
		err = t.keepModel(s, run, m)
	} else if s.Workspace && m.Digest != "" {
		err = t.keepFiles(s, run, m)
	}
	if err != nil {
		return err
	}
	visible := t.now
	if !s.Smoke {
		if visible, err = t.tickOf(s.Scenario); err != nil {
			return err
		}
	}
	return t.end(s, aihub.SubmissionTried, aihub.Failure{}, false, visible)
}

// letGo ends a run that is held under l: succeeded, failed for the reason given,
// or cancelled with its submission. It returns the submission as it was.
func (t *tx) letGo(l *Lease, why aihub.Failure) (submissionRow, error) {
	phase, err := t.hold(l)
	if err != nil {
		return submissionRow{}, err
	}
	s, err := t.submission(l.run.Submission)
	if err != nil {
		return s, err
	}
	to := aihub.RunSucceeded
	switch {
	case s.State.Terminal():
		to, why = aihub.RunCancelled, s.Fault
	case why != (aihub.Failure{}):
		to = aihub.RunFailedState
	default:
		if err := t.walk(l, phase); err != nil {
			return s, err
		}
		phase = aihub.RunCollecting
	}
	if err := phase.Next(to); err != nil {
		return s, err
	}
	t.touch("runs", string(l.run.ID))
	if err := t.swap(`UPDATE runs SET state = ?, fault_owner = ?, fault_reason = ?, fault_detail = ?, finished_at = ?
		WHERE id = ? AND fence = ? AND state = ?`, to, why.Owner, why.Reason, why.Detail, us(t.now), l.run.ID, l.fence, aihub.RunLeased); err != nil {
		return s, err
	}
	if err := t.swap("DELETE FROM leases WHERE run = ? AND fence = ?", l.run.ID, l.fence); err != nil {
		return s, err
	}
	return s, t.event(s.ID, l.run.ID, "run", string(to), "", time.Time{})
}

// FinishScore ends a score run well: the score is sealed, and its Release is
// submitted, due at the given time; of a final part, when its round has closed.
// In a scenario whose scores are released by review it goes on to review_1. The
// sample is the primary metric under each of the round's bootstrap draws, none
// when there are none: paired comparisons are made with it.
func (db *DB) FinishScore(ctx context.Context, l *Lease, values []aihub.MetricValue, due time.Time, sample ...float64) error {
	if l.run.Kind != aihub.RunScore {
		return fmt.Errorf("store: FinishScore of a %s run", l.run.Kind)
	}
	if len(values) == 0 || due.IsZero() {
		return fmt.Errorf("store: a score needs values and a time when it is due")
	}
	for _, v := range values {
		for _, x := range []float64{v.Value, v.Lo, v.Hi} {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("store: metric %s is not a number: give it a status instead", v.ID)
			}
		}
	}
	sealed, err := toJSON(values)
	if err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		s, err := t.letGo(l, aihub.Failure{})
		if err != nil {
			return err
		}
		if !s.State.Terminal() {
			if err := t.score(s, l.run, sealed, sample, clean(due)); err != nil {
				return err
			}
		}
		if err := t.record(runs, "run.score", string(s.ID), leased(l), nil); err != nil {
			return err
		}
		return t.settleDue(s.ID)
	})
}

func (t *tx) score(s submissionRow, run aihub.Run, sealed string, sample []float64, due time.Time) error {
	sc, err := t.scenario(s.Scenario)
	if err != nil {
		return err
	}
	if r, err := t.round(s.Scenario, s.Round); err != nil {
		return err
	} else if r.Part == aihub.Final && r.Closes.After(due) {
		due = sharing.NextTick(r.Closes.Add(-time.Microsecond), sc.tick)
	}
	score, rel := aihub.NewID("sco"), aihub.NewID("rel")
	t.touch("scores", score)
	if err := t.insert("scores", "id, submission, run, scenario, round, org, sealed, bits, scored_at, sample",
		score, s.ID, run.ID, s.Scenario.String(), s.Round, s.Org, sealed, 0, us(t.now), orNull(packed(sample))); err != nil {
		return err
	}
	state, err := release(aihub.ReleaseDraft, aihub.ReleaseSubmitted)
	if err == nil && sc.review {
		state, err = release(state, aihub.ReleaseScanning, aihub.ReleaseReview1)
	}
	if err != nil {
		return err
	}
	t.touch("releases", rel)
	if err := t.insert("releases", "id, score, submission, scenario, org, content, state, due_at, shown, note, created_at, decided_at, released_at",
		rel, score, s.ID, s.Scenario.String(), s.Org, aihub.DigestOf([]byte(sealed)), state, us(due), "", "", us(t.now), 0, 0); err != nil {
		return err
	}
	return t.end(s, aihub.SubmissionScored, aihub.Failure{}, false, due)
}

// Reap turns runs whose lease ran out, or that stayed in one state beyond its
// deadline, into lost and queues their successor, or fails the submission
// (platform's fault) after 3 attempts, or 10 that were lost to the death of a
// worker. It returns how many. A run that nobody
// took up for Patience.Queued ends its submission the same way.
// It also settles what submissions hold whose outcome may be seen by now; call
// it at least once a tick.
func (db *DB) Reap(ctx context.Context) (int, error) {
	var late []aihub.RunID
	err := db.read(ctx, func(t *tx) (err error) {
		late, err = all(t, value[aihub.RunID], "SELECT run FROM leases WHERE expires_at <= ? ORDER BY expires_at, run LIMIT 1000", us(t.wall))
		return err
	})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, id := range late {
		if err := db.write(ctx, func(t *tx) error {
			done, err := t.reap(id)
			if done {
				n++
			}
			return err
		}); err != nil {
			return n, err
		}
	}
	if err := db.giveUp(ctx); err != nil {
		return n, err
	}
	return n, db.settleAll(ctx)
}

// giveUp ends what has been queued too long.
func (db *DB) giveUp(ctx context.Context) error {
	var stale []aihub.RunID
	err := db.read(ctx, func(t *tx) error {
		for _, k := range []aihub.RunKind{aihub.RunSmoke, aihub.RunTrain, aihub.RunInfer, aihub.RunScore} {
			ids, err := all(t, value[aihub.RunID], "SELECT id FROM runs WHERE state = 'queued' AND kind = ? AND queued_at <= ? ORDER BY queued_at, id LIMIT 100",
				k, us(t.now.Add(-db.patience.Queued)))
			if err != nil {
				return err
			}
			stale = append(stale, ids...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range stale {
		if err := db.write(ctx, func(t *tx) error { return t.expire(id) }); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) expire(id aihub.RunID) error {
	r, err := t.run(id)
	if err != nil || r.State != aihub.RunQueued {
		return err
	}
	s, err := t.submission(r.Submission)
	if err != nil {
		return err
	}
	why := aihub.Failure{Owner: aihub.FaultPlatform, Reason: aihub.ReasonPlatform, Detail: fmt.Sprintf("nothing took it up for %s", t.db.patience.Queued)}
	visible := t.now
	if !s.Smoke {
		if visible, err = t.tickOf(s.Scenario); err != nil {
			return err
		}
	}
	if err := r.State.Next(aihub.RunCancelled); err != nil {
		return err
	}
	t.touch("runs", string(id))
	if err := t.swap("UPDATE runs SET state = ?, fault_owner = ?, fault_reason = ?, fault_detail = ?, finished_at = ? WHERE id = ? AND state = ?",
		aihub.RunCancelled, why.Owner, why.Reason, why.Detail, us(t.now), id, aihub.RunQueued); err != nil {
		return err
	}
	if err := t.end(s, aihub.SubmissionFailed, why, true, visible); err != nil {
		return err
	}
	if err := t.record(runs, "run.expire", string(s.ID), by{}, nil); err != nil {
		return err
	}
	return t.settleDue(s.ID)
}

// retry queues the successor of a run, not to start before a pause is over.
func (t *tx) retry(id aihub.RunID, pause time.Duration) error {
	r, err := t.run(id)
	if err != nil {
		return err
	}
	next := r.Run
	next.Attempt++
	var ready time.Time
	if pause > 0 {
		ready = t.wall.Add(pause)
	}
	return t.queue(next, r.scores, r.queuedAt, ready)
}

// wentSilent is the detail of a run that was lost to the death of its worker's
// process, and to nothing that the run itself was about. Rows are found by it: it
// may not change.
const wentSilent = "its worker went silent"

// silent counts the attempts at the work of r that were lost so.
func (t *tx) silent(r aihub.Run) (int, error) {
	n, _, err := one(t, value[int], "SELECT COUNT(*) FROM runs WHERE submission = ? AND kind = ? AND state = ? AND fault_detail = ?", r.Submission, r.Kind, aihub.RunLost, wentSilent)
	return n, err
}

// reap ends a run without a worker. It reports false when another process did so
// first, or the worker is back.
func (t *tx) reap(id aihub.RunID) (bool, error) {
	var deadline, expires int64
	fence, ok, err := one(t, func(s scanner) (fence int64, err error) { err = s.Scan(&fence, &deadline, &expires); return fence, err },
		"SELECT fence, COALESCE(deadline_at, expires_at + 1), expires_at FROM leases WHERE run = ? AND expires_at <= ?", id, us(t.wall))
	if err != nil || !ok {
		return false, err
	}
	r, err := t.run(id)
	if err != nil {
		return false, err
	}
	s, err := t.submission(r.Submission)
	if err != nil {
		return false, err
	}
	if err := r.State.Next(aihub.RunLost); err != nil {
		return false, err
	}
	lost := aihub.Failure{Owner: aihub.FaultPlatform, Reason: aihub.ReasonPlatform, Detail: wentSilent}
	if deadline <= expires { // its heart beat on to the end: nobody was away
		lost.Detail = fmt.Sprintf("it was %s longer than the platform waits", r.State)
	}
	t.touch("runs", string(id))
	if err := t.swap("UPDATE runs SET state = ?, fault_owner = ?, fault_reason = ?, fault_detail = ?, finished_at = ? WHERE id = ? AND fence = ? AND state = ?",
		aihub.RunLost, lost.Owner, lost.Reason, lost.Detail, us(t.now), id, fence, aihub.RunLeased); err != nil {
		return false, err
	}
	if err := t.swap("DELETE FROM leases WHERE run = ? AND fence = ?", id, fence); err != nil {
		return false, err
	}
	if err := t.event(s.ID, id, "run", string(aihub.RunLost), "", time.Time{}); err != nil {
		return false, err
	}
	silent, err := t.silent(r.Run) // with this one
	if err != nil {
		return false, err
	}
	switch {
	case s.State.Terminal():
		err = t.stopped(s)
	case r.Kind == aihub.RunWorkspace:
		err = t.end(s, aihub.SubmissionFailed, lost, true, t.now)
	case r.Attempt-silent < maxAttempts && silent < maxLost:
		err = t.retry(id, 0)
	default:
		visible := t.now
		if !s.Smoke {
			if visible, err = t.tickOf(s.Scenario); err != nil {
				return false, err
			}
		}
		lost.Detail = fmt.Sprintf("%d attempts came to nothing, the last one because %s", r.Attempt, lost.Detail)
		err = t.end(s, aihub.SubmissionFailed, lost, true, visible)
	}
	if err != nil {
		return false, err
	}
	if err := t.record(runs, "run.reap", string(s.ID), by{}, nil); err != nil {
		return false, err
	}
	return true, t.settleDue(s.ID)
}
