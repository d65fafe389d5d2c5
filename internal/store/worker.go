package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"aihub"
)

// maxAttempts is how often a run is tried before its submission fails, and maxLost
// how often it may be lost beside that to the death of its worker's process, the
// last of which ends it as well: a server that is started anew some times in a row
// costs nobody a run, and an image that kills workers comes to an end.
const (
	maxAttempts = 3
	maxLost     = 10
)

// Lease is a worker's claim on one run until it expires or ends. It can only
// come from Claim. Its fence is larger than that of every lease before it.
type Lease struct {
	run    aihub.Run
	worker aihub.WorkerID
	fence  int64
	noted  []aihub.Digest // by Seal
	far    *far           // by Report
}

// far is how far a run has come, in rows.
type far struct{ done, goal atomic.Int64 }

// Report notes how far the run has come, in rows; the next heartbeat stores it.
func (l *Lease) Report(done, goal int64) { l.far.done.Store(done); l.far.goal.Store(goal) }

// Run returns the run as it was claimed, row key included.
func (l *Lease) Run() aihub.Run { return l.run }

// Queued returns a channel that is closed when this process next queues a run.
// Take it before Claim, so that nothing comes between. What another process
// queues, or what becomes ready by the clock, is found by looking again.
func (db *DB) Queued() <-chan struct{} {
	db.telling.Lock()
	defer db.telling.Unlock()
	if db.queued == nil {
		db.queued = make(chan struct{})
	}
	return db.queued
}

// tell wakes everyone who waits for a queued run.
func (db *DB) tell() {
	db.telling.Lock()
	defer db.telling.Unlock()
	if db.queued != nil {
		close(db.queued)
		db.queued = nil
	}
}

// Claim leases the queued run of one of the kinds whose turn it is (see Queue)
// for ttl, or returns nil, nil. The kinds are of one line (Hidden, Trials, Seats) or
// RunScore: a worker of two would have one wait for the other.
func (db *DB) Claim(ctx context.Context, w aihub.WorkerID, ttl time.Duration, kinds ...aihub.RunKind) (*Lease, error) {
	if w == "" || len(kinds) == 0 || ttl <= 0 {
		return nil, fmt.Errorf("store: Claim needs a worker, a time and a kind of run")
	}
	if slices.ContainsFunc(kinds, func(k aihub.RunKind) bool { return class(k) != class(kinds[0]) }) {
		return nil, fmt.Errorf("store: Claim takes runs of one line, not of %v", kinds)
	}
	// An idle worker looks without taking the write lock.
	var waiting bool
	err := db.read(ctx, func(t *tx) error {
		_, ok, err := t.next(kinds)
		waiting = ok
		return err
	})
	if err != nil || !waiting {
		return nil, err
	}
	var l *Lease
	err = db.write(ctx, func(t *tx) error {
		p, ok, err := t.next(kinds)
		if err != nil || !ok {
			return err // another worker was quicker
		}
		r := p.run
		if err := r.State.Next(aihub.RunLeased); err != nil {
			return err
		}
		if err := t.take(p); err != nil {
			return err
		}
		h, err := t.appendTo(runs)
		if err != nil {
			return err
		}
		// The place of the claim in the ledger is the fence: it only grows.
		got := &Lease{far: new(far), run: r.Run, worker: w, fence: h.front.Size() + 1}
		got.run.State, got.run.Worker, got.run.StartedAt = aihub.RunLeased, w, t.now
		t.touch("runs", string(r.ID))
		if err := t.swap("UPDATE runs SET state = ?, worker = ?, fence = ?, started_at = ? WHERE id = ? AND state = ?",
			aihub.RunLeased, w, got.fence, us(t.now), r.ID, aihub.RunQueued); err != nil {
			return err
		}
		end, err := t.deadline(r.Run, aihub.RunLeased)
		if err != nil {
			return err
		}
		if err := t.insert("leases", "run, worker, fence, phase, expires_at, deadline_at", r.ID, w, got.fence, aihub.RunLeased,
			us(sooner(t.wall.Add(ttl), end)), us(end)); err != nil {
			return err
		}
		if err := t.event(r.Submission, r.ID, "run", string(aihub.RunLeased), "", time.Time{}); err != nil {
			return err
		}
		l = got
		return t.record(runs, "run.claim", string(r.Submission), leased(got), nil)
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// deadline returns until when a run may stay in a state that begins now. A
// worker whose heart beats on while its work stands still loses its run then.
func (t *tx) deadline(r aihub.Run, s aihub.RunState) (time.Time, error) {
	p := t.db.patience
	scorer := r.Stage == aihub.StageScorer && s == aihub.RunRunning
	switch {
	case r.Kind == aihub.RunScore && !scorer:
		return t.wall.Add(p.Scoring), nil
	case s == aihub.RunRunning:
		sc, err := t.scenario(r.Scenario)
		if err != nil {
			return time.Time{}, err
		}
		l, err := limitsOf(sc)
		if err != nil {
			return time.Time{}, err
		}
		if scorer { // it runs twice, and both must say the same
			return t.wall.Add(2*l.Scorer + p.Scoring), nil
		}
		sub, err := t.submission(r.Submission)
		return t.wall.Add(2*time.Duration(l.of(sub.Submission).Wall) + p.Running), err // a hidden run may try a slice first
	case s == aihub.RunCollecting:
		return t.wall.Add(p.Collecting), nil
	}
	return t.wall.Add(p.Preparing), nil
}

func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// hold returns the phase of a lease, or Conflict when it is lost.
func (t *tx) hold(l *Lease) (aihub.RunState, error) {
	phase, ok, err := one(t, value[aihub.RunState], "SELECT phase FROM leases WHERE run = ? AND worker = ? AND fence = ? AND expires_at > ?",
		l.run.ID, l.worker, l.fence, us(t.wall))
	if err == nil && !ok {
		err = conflict("the lease on this run is lost", "该运行的租约已失效").
			WithHint(aihub.Text{EN: "stop the work: another worker may have it", ZH: "请停止工作：可能已由其他执行器接手"})
	}
	return phase, err
}

// Heartbeat extends the lease, up to the deadline of the run's state, and stores what Report noted. Conflict means it is lost: stop the work at once.
// Cancelled reports that the run should stop because its submission was cancelled or revoked.
func (db *DB) Heartbeat(ctx context.Context, l *Lease, ttl time.Duration) (cancelled bool, err error) {
	err = db.write(ctx, func(t *tx) error {
		if _, err := t.hold(l); err != nil {
			return err
		}
		s, err := t.submission(l.run.Submission)
		if err != nil {
			return err
		}
		cancelled = s.State.Terminal()
		return t.swap("UPDATE leases SET expires_at = CASE WHEN deadline_at < ? THEN deadline_at ELSE ? END, done = ?, goal = ? WHERE run = ? AND fence = ?",
			us(t.wall.Add(ttl)), us(t.wall.Add(ttl)), l.far.done.Load(), l.far.goal.Load(), l.run.ID, l.fence)
	})
	return cancelled, err
}

// Advance moves the run to preparing, running or collecting.
func (db *DB) Advance(ctx context.Context, l *Lease, to aihub.RunState) error {
	return db.write(ctx, func(t *tx) error {
		phase, err := t.hold(l)
		if err != nil {
			return err
		}
		if to.Terminal() || to == aihub.RunQueued {
			return conflict(fmt.Sprintf("a worker does not move a run to %s by itself: it ends it", to), fmt.Sprintf("执行节点不能自行把运行改为 %s，应当结束该运行", to))
		}
		return t.advance(l, phase, to)
	})
}

func (t *tx) advance(l *Lease, from, to aihub.RunState) error {
	if err := from.Next(to); err != nil {
		return err
	}
	end, err := t.deadline(l.run, to)
	if err != nil {
		return err
	}
	if err := t.swap("UPDATE leases SET phase = ?, deadline_at = ? WHERE run = ? AND fence = ? AND phase = ?", to, us(end), l.run.ID, l.fence, from); err != nil {
		return err
	}
	return t.event(l.run.Submission, l.run.ID, "run", string(to), "", time.Time{})
}

// maxExcerpt bounds one call of AppendLog.
const maxExcerpt = 64 << 10

// AppendLog adds an event with a log excerpt (smoke runs only; at most 64 KiB a
// call). Bytes that are not UTF-8 text are replaced.
func (db *DB) AppendLog(ctx context.Context, l *Lease, text string) error {
	if l.run.Kind.Hidden() {
		return refused("a hidden run has no open log", "隐藏运行没有公开日志")
	}
	if len(text) > maxExcerpt {
		return invalid(fmt.Sprintf("a log excerpt has at most %d bytes", maxExcerpt), fmt.Sprintf("日志片段最多 %d 字节", maxExcerpt))
	}
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	return db.write(ctx, func(t *tx) error {
		if _, err := t.hold(l); err != nil {
			return err
		}
		return t.event(l.run.Submission, l.run.ID, "log", "", text, time.Time{})
	})
}

// RunInputs returns what a lease holder needs: the scenario (with its spec),
// the dataset version, and for a score run the infer run it scores.
func (db *DB) RunInputs(ctx context.Context, l *Lease) (sc aihub.Scenario, v aihub.DatasetVersion, infer aihub.Run, err error) {
	err = db.read(ctx, func(t *tx) error {
		if _, err := t.hold(l); err != nil {
			return err
		}
		r, err := t.run(l.run.ID)
		if err != nil {
			return err
		}
		row, err := t.scenario(r.Scenario)
		if err != nil {
			return err
		}
		sc = row.Scenario
		if v, err = t.dataset(sc.Dataset); err != nil || r.scores == "" {
			return err
		}
		from, err := t.run(r.scores)
		infer = from.Run
		return err
	})
	return sc, v, infer, err
}
