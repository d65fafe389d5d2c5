package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"aihub"
	"aihub/policies"
)

// The queues that one sandbox after another takes from, each with places of its
// own, so that none waits for another. A vendor sees when its trial begins: if it
// waited for a hidden run's place, that would tell when the hidden run ended.
var (
	Hidden = []aihub.RunKind{aihub.RunInfer, aihub.RunTrain, aihub.RunScorer}
	Trials = []aihub.RunKind{aihub.RunSmoke}
	Seats  = []aihub.RunKind{aihub.RunWorkspace}
)

// Places is how a worker with so many sandboxes divides them: a quarter is for
// trials, and at least one for each. Seats come on top.
func Places(sandboxes int) (hidden, trials int) {
	trials = max(1, sandboxes/4)
	return max(1, sandboxes-trials), trials
}

// line is the queue that a run of a kind waits in.
func line(k aihub.RunKind) []aihub.RunKind {
	switch k {
	case aihub.RunWorkspace:
		return Seats
	case aihub.RunSmoke:
		return Trials
	}
	return Hidden
}

// workers is how many places of a line there are.
func (t *tx) workers(kinds []aihub.RunKind) (n int, err error) {
	list, err := all(t, value[int], "SELECT slots FROM workers WHERE seen_at > ?", us(t.wall.Add(-silentFor)))
	for _, slots := range list {
		switch hidden, trials := Places(slots); class(kinds[0]) {
		case "trial":
			n += trials
		case "run":
			n += hidden
		default:
			n += slots
		}
	}
	return n, err
}

const (
	countUpTo  = 500            // queued runs that are counted: beyond it is "or more"
	silentFor  = time.Minute    // after which a worker does not count
	fewest     = 5              // runs that an estimate needs
	recentRuns = 40             // that it looks at
	forgotten  = 24 * time.Hour // after which a worker's row goes
)

// Report says that a worker process is there, with so many sandboxes; 0: it stops.
func (db *DB) Report(ctx context.Context, w aihub.WorkerID, slots int) error {
	return db.write(ctx, func(t *tx) error {
		if slots <= 0 {
			return t.exec("DELETE FROM workers WHERE id = ? OR seen_at < ?", w, us(t.wall.Add(-forgotten)))
		}
		return t.exec("INSERT INTO workers (id, slots, seen_at) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET slots = excluded.slots, seen_at = excluded.seen_at",
			w, slots, us(t.wall))
	})
}

// Workers is how many sandboxes the workers have that reported of late.
func (db *DB) Workers(ctx context.Context) (n int, err error) {
	err = db.read(ctx, func(t *tx) error {
		n, _, err = one(t, value[int], "SELECT COALESCE(sum(slots), 0) FROM workers WHERE seen_at > ?", us(t.wall.Add(-silentFor)))
		return err
	})
	return n, err
}

// Abandon ends the leases of a worker process that is known to be dead: its runs
// are lost at the next Reap.
func (db *DB) Abandon(ctx context.Context, w aihub.WorkerID) error {
	return db.write(ctx, func(t *tx) error {
		if err := t.exec("DELETE FROM workers WHERE id = ?", w); err != nil {
			return err
		}
		return t.exec("UPDATE leases SET expires_at = ? WHERE worker = ? AND expires_at > ?", us(t.wall), w, us(t.wall))
	})
}

// Wait returns what the scope may know of how long a submission waits, nil when
// it does not wait.
func (db *DB) Wait(ctx context.Context, s policies.Scope, id aihub.SubmissionID) (w *aihub.Wait, err error) {
	err = db.read(ctx, func(t *tx) error {
		sub, err := t.seenSubmission(s, id)
		if err != nil {
			return err
		}
		w, err = t.waitOf(s, sub)
		return err
	})
	return w, err
}

func (t *tx) waitOf(s policies.Scope, sub submissionRow) (*aihub.Wait, error) {
	if !whole(s, sub.Org) && !sub.Smoke {
		text, ok, err := one(t, value[string], "SELECT COALESCE(waits, '') FROM submissions WHERE id = ?", sub.ID)
		if err != nil || !ok || text == "" || sub.shown(t.now) {
			return nil, err
		}
		var w aihub.Wait
		if err := json.Unmarshal([]byte(text), &w); err != nil {
			return nil, err
		}
		w.Visible, err = t.tickOf(sub.Scenario)
		return &w, err
	}
	r, ok, err := one(t, scanRun, "SELECT "+runCols+runFrom+" WHERE r.submission = ? AND r.state = 'queued' AND r.kind <> 'score'", sub.ID)
	if err != nil || !ok {
		return nil, err
	}
	w, err := t.estimate(line(r.Kind), r.Org, r.Scenario, r.queuedAt, !whole(s, sub.Org))
	if err != nil {
		return nil, err
	}
	ready, _, err := one(t, value[int64], "SELECT COALESCE(ready_at, 0) FROM runs WHERE id = ?", r.ID)
	if err != nil {
		return nil, err
	}
	if until := fromUS(ready); until.After(t.wall) {
		w.Reason, w.Until = aihub.WaitPause, until
		pause := int64(until.Sub(t.wall)/time.Second) + 1
		w.Low, w.High = max(w.Low, pause), max(w.High, 2*pause)
	} else if w.Reason != aihub.WaitWorkers && t.db.queue.PerOrg > 0 && r.Kind != aihub.RunWorkspace {
		busy, _, err := t.busy(class(r.Kind))
		if err != nil {
			return nil, err
		}
		if busy[string(r.Org)] >= t.db.queue.PerOrg {
			w.Reason = aihub.WaitCap
		}
	}
	return &w, nil
}

// estimate says how long a run that is in a line since then waits. For the
// vendor's eyes it counts its organisation's hidden submissions as waiting until
// their outcome may be seen, leaves their duration out of the estimate, and
// answers in ranges.
func (t *tx) estimate(kinds []aihub.RunKind, org aihub.OrgID, sc aihub.Ref, since time.Time, vendor bool) (aihub.Wait, error) {
	w := aihub.Wait{AsOf: t.now}
	own, err := t.ahead(kinds, org, since, vendor)
	if err != nil {
		return w, err
	}
	orgs, err := t.flows(kinds, "org", "", nil)
	if err != nil {
		return w, err
	}
	n := own
	for _, o := range orgs {
		if o == string(org) {
			continue
		}
		if n >= countUpTo {
			break // who waits for so many need not know for how many more
		}
		// While it waits for so many of its own, another gets so many turns.
		turns := (int64(own+1)*t.db.queue.orgWeight(aihub.OrgID(o)) + t.db.queue.orgWeight(org) - 1) / t.db.queue.orgWeight(org)
		q, err := t.queued(kinds, o, min(turns, int64(countUpTo-n)))
		if err != nil {
			return w, err
		}
		n += q
	}
	held, err := t.leases(kinds)
	if err != nil {
		return w, err
	}
	running := len(held)
	if w.Workers, err = t.workers(kinds); err != nil {
		return w, err
	}
	w.AheadLow, w.AheadHigh = n, n
	if n >= countUpTo {
		w.AheadHigh = -1
	}
	switch {
	case w.Workers == 0:
		w.Reason = aihub.WaitWorkers
	case n == 0:
		w.Reason = aihub.WaitNext
	default:
		w.Reason = aihub.WaitTurn
	}
	if vendor {
		w.AheadLow, w.AheadHigh = bucket(n)
	}
	if slices.Contains(kinds, aihub.RunWorkspace) {
		return w, nil // a seat is free when somebody leaves it
	}
	lengths, err := t.lengths(sc, vendor)
	if err != nil || w.Workers == 0 || len(lengths) < fewest || w.AheadHigh < 0 {
		return w, err
	}
	slices.Sort(lengths)
	short, long := lengths[len(lengths)/4], lengths[len(lengths)*3/4]
	rounds := func(n int) int64 { return int64(n / w.Workers) }
	w.Known = true
	if free := w.Workers - running; w.AheadLow >= free || vendor {
		w.Low = rounds(w.AheadLow) * short.Milliseconds() / 1000
		w.High = ((rounds(w.AheadHigh+w.Workers-1) + 1) * long.Milliseconds() / 1000) + 1
	} else {
		w.High = 2 // a sandbox is free
	}
	if vendor {
		w.Low, w.High = step(w.Low, false), step(w.High, true)
	}
	return w, nil
}

// ahead counts what an organisation has in a line before a time.
func (t *tx) ahead(kinds []aihub.RunKind, org aihub.OrgID, since time.Time, vendor bool) (int, error) {
	n := 0
	if vendor && class(kinds[0]) == "run" {
		kinds = nil
		open, _, err := one(t, value[int], "SELECT count(*) FROM (SELECT 1 FROM submissions WHERE org = ? AND settled = 0 AND created_at < ? LIMIT ?) AS few",
			org, us(since), countUpTo)
		if err != nil {
			return 0, err
		}
		n = open
	}
	for _, k := range kinds {
		q, _, err := one(t, value[int], "SELECT count(*) FROM (SELECT 1 FROM runs r WHERE r.state = 'queued' AND "+lane+" = ? AND r.org = ? AND r.queued_at < ? LIMIT ?) AS few",
			k, org, us(since), countUpTo)
		if err != nil {
			return 0, err
		}
		n += q
	}
	return min(n, countUpTo), nil
}

// queued counts the queued runs of an organisation up to most.
func (t *tx) queued(kinds []aihub.RunKind, org string, most int64) (n int, err error) {
	for _, k := range kinds {
		q, _, err := one(t, value[int], "SELECT count(*) FROM (SELECT 1 FROM runs r WHERE r.state = 'queued' AND "+lane+" = ? AND r.org = ? LIMIT ?) AS few", k, org, most)
		if err != nil {
			return 0, err
		}
		n += q
	}
	return min(n, int(most)), nil
}

// lengths are how long the last runs of a scenario took. A vendor's view knows
// those of trials alone: that a hidden run's outcome is shown does not show how
// long it took, not even to others.
func (t *tx) lengths(sc aihub.Ref, vendor bool) ([]time.Duration, error) {
	q := `SELECT late.finished_at - late.started_at FROM (SELECT submission, kind, state, started_at, finished_at FROM runs
		WHERE scenario = ? AND finished_at > 0 ORDER BY finished_at DESC LIMIT 500) AS late JOIN submissions s ON s.id = late.submission
		WHERE late.started_at > 0 AND late.kind <> 'score' AND s.workspace IS NULL AND late.state IN ('succeeded', 'failed')`
	if vendor {
		q += " AND s.smoke = 1"
	}
	list, err := all(t, value[int64], q+" ORDER BY late.finished_at DESC LIMIT ?", sc.String(), recentRuns)
	out := make([]time.Duration, len(list))
	for i, n := range list {
		out[i] = time.Duration(n) * time.Microsecond
	}
	return out, err
}

// bucket is the range in which a vendor reads a number of runs.
func bucket(n int) (low, high int) {
	edges := []int{0, 1, 5, 20, 100, countUpTo}
	for i := len(edges) - 1; i > 0; i-- {
		if n >= edges[i] {
			if i == len(edges)-1 {
				return edges[i], -1
			}
			return edges[i], edges[i+1] - 1
		}
	}
	return 0, 0
}

// step rounds seconds down or up to 1, 2, 5, 10, 20, 30 seconds, the same in
// minutes, and whole hours.
func step(s int64, up bool) int64 {
	steps := []int64{0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600}
	if s > 3600 {
		if up {
			s += 3599
		}
		return s / 3600 * 3600
	}
	i, exact := slices.BinarySearch(steps, s)
	if !exact && !up {
		i--
	}
	return steps[i]
}
