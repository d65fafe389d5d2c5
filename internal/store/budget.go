package store

import (
	"context"
	"fmt"
	"time"

	"aihub"
	"aihub/policies"
)

// A submission holds one attempt and its price from Submit on. A score spends
// the price at once, before anything can be shown. Any other end is settled when
// its outcome may be seen, not before: an attempt that comes back early would
// tell that the run is over.

func budgetID(sc aihub.Ref, round string, org aihub.OrgID) string {
	return sc.String() + "/" + round + "/" + string(org)
}

// budgetRow is in millionths of a bit.
type budgetRow struct {
	attempts        int
	spent, reserved int64
}

func (t *tx) budget(id string) (budgetRow, bool, error) {
	return one(t, func(s scanner) (b budgetRow, err error) {
		err = s.Scan(&b.attempts, &b.spent, &b.reserved)
		return b, err
	}, "SELECT attempts, spent, reserved FROM budgets WHERE id = ?", id)
}

// reserve holds one attempt and price in a round, or returns Quota.
func (t *tx) reserve(sc scenarioRow, round aihub.Round, rounds []aihub.Round, org aihub.OrgID, price int64) error {
	// What may be seen by now is settled first, so that nobody is refused for an
	// attempt that has come back.
	due, err := all(t, value[aihub.SubmissionID],
		"SELECT id FROM submissions WHERE scenario = ? AND round = ? AND org = ? AND settled = 0 AND visible_at > 0 AND visible_at <= ?",
		sc.Ref.String(), round.Name, org, us(t.now))
	if err != nil {
		return err
	}
	if err := t.settleDue(due...); err != nil {
		return err
	}
	id := budgetID(sc.Ref, round.Name, org)
	b, ok, err := t.budget(id)
	if err != nil {
		return err
	}
	total, err := toMicro(round.BudgetBits)
	if err != nil {
		return err
	}
	if b.attempts >= round.Quota {
		return noAttempts(round, rounds, t.now)
	}
	if left := total - b.spent - b.reserved; price > left {
		return aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("this submission costs %g bits of round %s's leak budget, and %g of %g are left", float64(price)/1e6, round.Name, float64(left)/1e6, round.BudgetBits),
			ZH: fmt.Sprintf("本次提交需要轮次 %s 泄露预算中的 %g 比特，而 %g 比特中仅剩 %g 比特", round.Name, float64(price)/1e6, round.BudgetBits, float64(left)/1e6),
		}).WithHint(moreComes(rounds, t.now))
	}
	t.touch("budgets", id)
	if !ok {
		return t.insert("budgets", "id, scenario, round, org, attempts, spent, reserved", id, sc.Ref.String(), round.Name, org, 1, 0, price)
	}
	return t.swap("UPDATE budgets SET attempts = attempts + 1, reserved = reserved + ? WHERE id = ?", price, id)
}

func noAttempts(round aihub.Round, rounds []aihub.Round, now time.Time) error {
	return aihub.Errorf(aihub.Quota, aihub.Text{
		EN: fmt.Sprintf("all %d attempts of your organisation in round %s are used or under way: 0 left", round.Quota, round.Name),
		ZH: fmt.Sprintf("贵机构在轮次 %s 的 %d 次机会已用完或正在进行：剩余 0 次", round.Name, round.Quota),
	}).WithHint(moreComes(rounds, now))
}

// moreComes says when an organisation can submit again.
func moreComes(rounds []aihub.Round, now time.Time) aihub.Text {
	var next *aihub.Round
	for i, r := range rounds {
		if r.Opens.After(now) && (next == nil || r.Opens.Before(next.Opens)) {
			next = &rounds[i]
		}
	}
	if next == nil {
		return aihub.Text{
			EN: "no later round is planned; an attempt comes back only when the platform was at fault. Smoke runs do not count: add --smoke",
			ZH: "没有后续轮次；仅当平台有过错时机会才会退还。试运行不计次数：请加 --smoke",
		}
	}
	when := next.Opens.Format(time.RFC3339)
	return aihub.Text{
		EN: fmt.Sprintf("round %s opens at %s with %d attempts", next.Name, when, next.Quota),
		ZH: fmt.Sprintf("轮次 %s 将于 %s 开放，有 %d 次机会", next.Name, when, next.Quota),
	}
}

// spend turns what s holds into spent.
func (t *tx) spend(s submissionRow) error {
	id := budgetID(s.Scenario, s.Round, s.Org)
	t.touch("budgets", id)
	return t.swap("UPDATE budgets SET spent = spent + ?, reserved = reserved - ? WHERE id = ?", s.bits, s.bits, id)
}

// settleDue settles those of the submissions whose outcome may be seen by now.
// Each gets a leaf of its own, which says how it ended.
func (t *tx) settleDue(ids ...aihub.SubmissionID) error {
	for _, id := range ids {
		s, err := t.submission(id)
		if err != nil {
			return err
		}
		if s.settled || !shown(s.Submission, t.now) {
			continue
		}
		if s.State != aihub.SubmissionScored {
			b := budgetID(s.Scenario, s.Round, s.Org)
			t.touch("budgets", b)
			if err := t.swap("UPDATE budgets SET attempts = attempts - ?, reserved = reserved - ? WHERE id = ?", bit(s.refund), s.bits, b); err != nil {
				return err
			}
		}
		if err := t.chargeHours(s, s.refund); err != nil {
			return err
		}
		t.touch("submissions", string(id))
		if err := t.swap("UPDATE submissions SET settled = 1 WHERE id = ? AND settled = 0", id); err != nil {
			return err
		}
		facts := map[string]any{"submission": id, "state": s.State, "attempt_charged": !s.refund}
		if f := collapse(s.Fault); f != (aihub.Failure{}) {
			facts["fault"] = f
		}
		if err := t.record(acts, "submission.settle", string(id), by{}, facts); err != nil {
			return err
		}
	}
	return nil
}

// settleAll settles everything that may be seen by now.
func (db *DB) settleAll(ctx context.Context) error {
	const q = "SELECT id FROM submissions WHERE settled = 0 AND visible_at > 0 AND visible_at <= ? ORDER BY visible_at, id LIMIT 100"
	for {
		var ids []aihub.SubmissionID
		err := db.read(ctx, func(t *tx) (err error) { ids, err = all(t, value[aihub.SubmissionID], q, us(t.now)); return err })
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := db.write(ctx, func(t *tx) error { return t.settleDue(ids...) }); err != nil {
			return err
		}
	}
}

// Budget returns what an organisation has used in a round. To its own people,
// what submissions hold whose outcome they may not know reads as reserved, even
// when it is spent.
func (db *DB) Budget(ctx context.Context, s policies.Scope, sc aihub.Ref, round string, org aihub.OrgID) (b aihub.Budget, err error) {
	err = db.read(ctx, func(t *tx) error {
		if !sees(s, org) {
			return notFound("budget", "预算", budgetID(sc, round, org))
		}
		rounds, err := t.rounds(sc)
		if err != nil {
			return err
		}
		for _, r := range rounds {
			if r.Name != round {
				continue
			}
			row, _, err := t.budget(budgetID(sc, round, org))
			if err != nil {
				return err
			}
			if !whole(s, org) {
				held, _, err := one(t, value[int64], `SELECT COALESCE(SUM(bits), 0) FROM submissions
					WHERE scenario = ? AND round = ? AND org = ? AND settled = 0`, sc.String(), round, org)
				if err != nil {
					return err
				}
				row.spent, row.reserved = row.spent+row.reserved-held, held
			}
			b = aihub.Budget{
				Scenario: sc, Round: round, Org: org, Attempts: row.attempts, Quota: r.Quota,
				Bits: float64(row.spent) / 1e6, Reserved: float64(row.reserved) / 1e6, Total: r.BudgetBits,
			}
			return nil
		}
		return notFound("round", "轮次", sc.String()+"/"+round)
	})
	return b, err
}
