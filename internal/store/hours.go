package store

import (
	"context"
	"fmt"
	"time"

	"aihub"
	"aihub/policies"
)

// A submission holds the processor time that its scenario lets it use (cpus times
// wall limit) from its entry on. When it is settled, what its runs used is
// charged and the rest given back; a fault that is not the vendor's costs
// nothing. For a hidden submission that is at its tick, and in quarters of what
// was held: the exact time would tell what the run saw. A trial ends at once.
// What a vendor cancels while it runs is charged as if it had kept its processors
// busy from its start on: else whoever cancels in time would run for nothing. A
// workspace costs what it used, whether its shell ended or it was closed, since closing
// is how it ends; only where that was not measured it is charged like the others.

func hoursID(org aihub.OrgID, month string) string { return string(org) + "/" + month }

func monthOf(t time.Time) string { return t.UTC().Format("2006-01") }

const hour = int64(time.Hour / time.Millisecond)

func (q Queue) limit(org aihub.OrgID) int64 {
	h := q.Hours
	if v, ok := q.HoursOf[org]; ok {
		h = v
	}
	return int64(h * float64(hour))
}

type hoursRow struct{ used, reserved int64 }

func (t *tx) hours(id string) (hoursRow, bool, error) {
	return one(t, func(s scanner) (r hoursRow, err error) { err = s.Scan(&r.used, &r.reserved); return r, err },
		"SELECT used, reserved FROM hours WHERE id = ?", id)
}

// holdHours reserves what a run of the scenario may use, or returns Quota.
func (t *tx) holdHours(sc scenarioRow, sub aihub.Submission) (int64, error) {
	all, err := limitsOf(sc)
	if err != nil {
		return 0, err
	}
	l, org := all.of(sub), sub.Org
	price := int64(l.CPUs * float64(time.Duration(l.Wall).Milliseconds()))
	if price <= 0 {
		return 0, nil
	}
	month := monthOf(t.now)
	id := hoursID(org, month)
	h, ok, err := t.hours(id)
	if err != nil {
		return 0, err
	}
	if most := t.db.queue.limit(org); most > 0 && price > most-h.used-h.reserved {
		in := func(ms int64) string { return fmt.Sprintf("%.1f", float64(max(ms, 0))/float64(hour)) }
		return 0, aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("your organisation has used %s of %s processor hours this month, %s are held by what is under way, and this run may need %s", in(h.used), in(most), in(h.reserved), in(price)),
			ZH: fmt.Sprintf("贵机构本月已使用 %s / %s 核时，进行中的提交占用 %s 核时，本次运行最多需要 %s 核时", in(h.used), in(most), in(h.reserved), in(price)),
		}).WithHint(aihub.Text{
			EN: "what is held and not used comes back when its outcome is shown; the month begins anew on the 1st (UTC); an operator can raise the quota",
			ZH: "占用而未使用的部分在结果公布时退还；配额每月 1 日（UTC）重新计算；运营方可提高配额",
		})
	}
	t.touch("hours", id)
	if !ok {
		return price, t.insert("hours", "id, org, month, used, reserved", id, org, month, 0, price)
	}
	return price, t.swap("UPDATE hours SET reserved = reserved + ? WHERE id = ?", price, id)
}

// chargeHours settles what a submission held.
func (t *tx) chargeHours(s submissionRow, refund bool) error {
	held, _, err := one(t, value[int64], "SELECT COALESCE(cpu, 0) FROM submissions WHERE id = ?", s.ID)
	if err != nil || held == 0 {
		return err
	}
	used := int64(0)
	if !refund {
		if used, err = t.usedBy(s, held); err != nil {
			return err
		}
	}
	id := hoursID(s.Org, monthOf(s.CreatedAt))
	t.touch("hours", id)
	if err := t.swap("UPDATE hours SET used = used + ?, reserved = reserved - ? WHERE id = ?", used, held, id); err != nil {
		return err
	}
	t.touch("submissions", string(s.ID))
	return t.swap("UPDATE submissions SET cpu = ? WHERE id = ?", used, s.ID)
}

// usedBy is what is charged of the time that is held.
func (t *tx) usedBy(s submissionRow, held int64) (int64, error) {
	list, err := all(t, scanRun, "SELECT "+runCols+runFrom+" WHERE r.submission = ? AND r.kind <> 'score'", s.ID)
	if err != nil {
		return 0, err
	}
	used := int64(0)
	for _, r := range list {
		switch {
		case r.State == aihub.RunSucceeded, r.State == aihub.RunFailedState && r.Fault.Owner == aihub.FaultVendor,
			r.State == aihub.RunCancelled && s.Workspace && r.Usage.WallMS > 0:
			used += r.Usage.CPUMS
		case r.State == aihub.RunCancelled, !r.State.Terminal():
			n, err := t.busyFor(s, r.Run)
			if err != nil {
				return 0, err
			}
			used += n
		}
	}
	if !s.Smoke {
		quarter := (held + 3) / 4
		used = (used + quarter - 1) / quarter * quarter
	}
	return min(max(used, 0), held), nil
}

// busyFor is what a cancelled run could use at most, in milliseconds of processors:
// from when its program began, which is not while the platform prepared it.
func (t *tx) busyFor(s submissionRow, r aihub.Run) (int64, error) {
	began, ok, err := one(t, value[int64], "SELECT happened_at FROM events WHERE submission = ? AND run = ? AND type = 'run' AND state = ? ORDER BY seq LIMIT 1",
		s.ID, r.ID, aihub.RunRunning)
	if err != nil || !ok {
		return 0, err
	}
	sc, err := t.scenario(s.Scenario)
	if err != nil {
		return 0, err
	}
	all, err := limitsOf(sc)
	if err != nil {
		return 0, err
	}
	end := t.now
	if !r.FinishedAt.IsZero() {
		end = r.FinishedAt
	}
	return int64(all.of(s.Submission).CPUs * float64(end.Sub(fromUS(began)).Milliseconds())), nil
}

// stopped settles the hours of a trial that was cancelled while it ran, now that
// its run is over.
func (t *tx) stopped(s submissionRow) error {
	if !s.Smoke || !s.State.Terminal() {
		return nil
	}
	return t.chargeHours(s, s.refund)
}

// Hours returns the processor time of an organisation in this month.
func (db *DB) Hours(ctx context.Context, s policies.Scope, org aihub.OrgID) (h aihub.Hours, err error) {
	err = db.read(ctx, func(t *tx) error {
		if !sees(s, org) {
			return notFound("account of hours", "核时账户", string(org))
		}
		month := monthOf(t.now)
		r, _, err := t.hours(hoursID(org, month))
		in := func(ms int64) float64 { return float64(ms) / float64(hour) }
		h = aihub.Hours{Org: org, Month: month, Used: in(r.used), Reserved: in(r.reserved), Limit: in(db.queue.limit(org))}
		return err
	})
	return h, err
}
