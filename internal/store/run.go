package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"aihub"
	"aihub/policies"
)

// A leased run's row, which the ledger covers, says "leased"; how far its worker
// has come is the lease's phase.
const (
	runCols = `r.id, r.submission, r.scenario, r.org, r.kind, r.part, r.attempt, COALESCE(l.phase, r.state), r.fault_owner, r.fault_reason,
	r.fault_detail, r.worker, r.image, r.row_key, r.output, r.log, r.usage_json, r.posture, r.created_at, r.started_at, r.finished_at,
	r.scores, r.queued_at, COALESCE(r.workspace, 0), COALESCE(r.stage, ''), COALESCE(l.done, 0), COALESCE(l.goal, 0)`
	runFrom = " FROM runs r LEFT JOIN leases l ON l.run = r.id"
)

// runRow is a run with what only the store needs.
type runRow struct {
	aihub.Run
	scores   aihub.RunID // of a score run: the infer run it scores
	queuedAt time.Time   // of the first attempt: a retry keeps its place
}

func scanRun(s scanner) (r runRow, err error) {
	var key, posture string
	var workspace bool
	err = s.Scan(&r.ID, &r.Submission, ref{&r.Scenario}, &r.Org, &r.Kind, &r.Part, &r.Attempt, &r.State, &r.Fault.Owner, &r.Fault.Reason,
		&r.Fault.Detail, &r.Worker, &r.Image, &key, &r.Output, &r.Log, js{&r.Usage}, &posture, at{&r.CreatedAt}, at{&r.StartedAt},
		at{&r.FinishedAt}, null[aihub.RunID]{&r.scores}, at{&r.queuedAt}, &workspace, &r.Stage, &r.Done, &r.Goal)
	if err != nil {
		return r, err
	}
	if workspace {
		r.Kind = aihub.RunWorkspace
	}
	if posture != "" {
		r.Posture = json.RawMessage(posture)
	}
	r.RowKey, err = hex.DecodeString(key)
	return r, err
}

func (t *tx) run(id aihub.RunID) (runRow, error) {
	r, ok, err := one(t, scanRun, "SELECT "+runCols+runFrom+" WHERE r.id = ?", id)
	if err == nil && !ok {
		err = noRun(id)
	}
	return r, err
}

func noRun(id aihub.RunID) error { return notFound("run", "运行", string(id)) }

// Run returns one in scope, as the scope may see it. Nobody but the worker that
// holds its lease gets a row key.
func (db *DB) Run(ctx context.Context, s policies.Scope, id aihub.RunID) (run aihub.Run, err error) {
	err = db.read(ctx, func(t *tx) error {
		row, err := t.run(id)
		if err != nil {
			return err
		}
		if !sees(s, row.Org) {
			return noRun(id)
		}
		sub, err := t.submission(row.Submission)
		if err != nil {
			return err
		}
		r, ok := redactRun(s, row.Run, sub, t.now)
		if !ok {
			return noRun(id)
		}
		run = r
		return nil
	})
	return run, err
}

// Runs lists the runs of a submission that the scope may see, oldest first.
func (db *DB) Runs(ctx context.Context, s policies.Scope, id aihub.SubmissionID) ([]aihub.Run, error) {
	list := []aihub.Run{}
	err := db.read(ctx, func(t *tx) error {
		sub, err := t.seenSubmission(s, id)
		if err != nil {
			return err
		}
		rows, err := all(t, scanRun, "SELECT "+runCols+runFrom+" WHERE r.submission = ? ORDER BY r.created_at, r.kind, r.attempt", id)
		for _, r := range rows {
			if v, ok := redactRun(s, r.Run, sub, t.now); ok {
				list = append(list, v)
			}
		}
		return err
	})
	return list, err
}

// Queue returns how many runs of each state there are. The counts tell when
// runs end: they are for operators, never for vendors.
func (db *DB) Queue(ctx context.Context) (map[aihub.RunState]int, error) {
	counts := map[aihub.RunState]int{}
	err := db.read(ctx, func(t *tx) error {
		type row struct {
			state aihub.RunState
			n     int
		}
		rows, err := all(t, func(s scanner) (r row, err error) { err = s.Scan(&r.state, &r.n); return r, err },
			`SELECT state, count(*) FROM runs WHERE state <> 'leased' GROUP BY state
			 UNION ALL SELECT phase, count(*) FROM leases GROUP BY phase`)
		for _, r := range rows {
			counts[r.state] += r.n
		}
		return err
	})
	return counts, err
}

// event is an aihub.Event with the time from which its vendor may see it.
type event struct {
	aihub.Event
	show time.Time // zero: at once
}

// event adds to what happened to a submission. Numbers grow by one within it.
func (t *tx) event(sub aihub.SubmissionID, run aihub.RunID, typ, state, text string, show time.Time) error {
	return t.exec(`INSERT INTO events (submission, seq, run, type, state, excerpt, happened_at, show_at)
		SELECT ?, COALESCE(MAX(seq), 0) + 1, ?, ?, ?, ?, ?, ? FROM events WHERE submission = ?`,
		sub, run, typ, state, text, us(t.now), us(show), sub)
}

// Events returns those after seq that the scope may see now, oldest first.
func (db *DB) Events(ctx context.Context, s policies.Scope, id aihub.SubmissionID, after int64) ([]aihub.Event, error) {
	list := []aihub.Event{}
	err := db.read(ctx, func(t *tx) error {
		sub, err := t.seenSubmission(s, id)
		if err != nil {
			return err
		}
		from := after
		if !whole(s, sub.Org) && !sub.Smoke {
			from = 0 // numbered anew from the first
		}
		rows, err := all(t, func(s scanner) (e event, err error) {
			err = s.Scan(&e.Submission, &e.Seq, &e.Run, &e.Type, &e.State, &e.Text, at{&e.At}, at{&e.show})
			return e, err
		}, "SELECT submission, seq, run, type, state, excerpt, happened_at, show_at FROM events WHERE submission = ? AND seq > ? ORDER BY seq", id, from)
		for _, e := range redactEvents(s, rows, sub, t.now) {
			if e.Seq > after {
				list = append(list, e)
			}
		}
		return err
	})
	return list, err
}
