package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"aihub"
	"aihub/policies"
	"aihub/policies/sharing"
)

// A submission holds one attempt of its organisation, and the most that its
// answer can cost of the leak budget of the hidden part, from Submit on. When its
// tick has come, the answer is charged, and only then shown. What is held for a
// submission without an answer is settled when its outcome may be seen, not
// before: what comes back early would tell that the run is over.

func budgetID(sc aihub.Ref, round string, org aihub.OrgID) string {
	return sc.String() + "/" + round + "/" + string(org)
}

// budgetRow is what one organisation has used in a round, in millionths of a bit.
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

// partRow is the account of a hidden part.
type partRow struct {
	id string
	sharing.Account
	kept bool // there is a row
}

// partOf returns the account of a part. Versions of a dataset that were made from
// the same bytes have one account: publishing them again gives no new budget.
// A part that earlier versions of the platform have answered about begins with
// what was spent then.
func (t *tx) partOf(dataset aihub.Ref, part aihub.Part) (partRow, error) {
	first, ok, err := one(t, value[string], `SELECT o.id FROM datasets o JOIN datasets d ON d.raw = o.raw AND d.org = o.org
		WHERE d.id = ? AND d.raw <> '' ORDER BY o.created_at, o.id LIMIT 1`, dataset.String())
	if err != nil {
		return partRow{}, err
	}
	if !ok {
		first = dataset.String()
	}
	p := partRow{id: first + "/" + string(part)}
	p.Account, p.kept, err = one(t, func(s scanner) (a sharing.Account, err error) {
		err = s.Scan(&a.Total, &a.Spent, &a.Reserved, &a.Answers)
		return a, err
	}, "SELECT total, spent, reserved, answers FROM parts WHERE id = ?", p.id)
	if err != nil || p.kept {
		return p, err
	}
	_, _, err = one(t, func(s scanner) (struct{}, error) {
		return struct{}{}, s.Scan(&p.Total, &p.Spent, &p.Reserved)
	}, `SELECT COALESCE(MAX(r.budget), 0), COALESCE(SUM(b.spent), 0), COALESCE(SUM(b.reserved), 0)
		FROM rounds r JOIN scenarios c ON c.id = r.scenario LEFT JOIN budgets b ON b.scenario = r.scenario AND b.round = r.name
		WHERE c.dataset = ? AND r.part = ?`, first, part)
	p.Total = max(p.Total, p.Spent+p.Reserved)
	return p, err
}

// keep writes an account.
func (t *tx) keep(p partRow) error {
	t.touch("parts", p.id)
	if p.kept {
		return t.swap("UPDATE parts SET total = ?, spent = ?, reserved = ?, answers = ? WHERE id = ?", p.Total, p.Spent, p.Reserved, p.Answers, p.id)
	}
	i := strings.LastIndexByte(p.id, '/')
	return t.insert("parts", "id, dataset, part, total, spent, reserved, answers", p.id, p.id[:i], p.id[i+1:], p.Total, p.Spent, p.Reserved, p.Answers)
}

// openPart lets a new round of a scenario use a hidden part: it gets what is left
// of the part's budget and never more than that. A final part is asked once.
func (t *tx) openPart(scenario string, dataset aihub.Ref, r aihub.Round) error {
	if r.Part == aihub.Final {
		return t.finalOnce(dataset, scenario+"/"+r.Name, false)
	}
	p, err := t.partOf(dataset, r.Part)
	if err != nil {
		return err
	}
	want, err := toMicro(r.BudgetBits)
	if err != nil {
		return err
	}
	if !p.kept && p.Total == 0 { // nothing was ever said about it
		p.Total = want
	}
	if want > p.Total {
		return aihub.Errorf(aihub.Conflict, aihub.Text{
			EN: fmt.Sprintf("round %s asks for %g bits, but the leak budget of part %s is %g bits, of which %g are spent: a hidden part has one budget, whichever scenario uses it",
				r.Name, r.BudgetBits, p.id, float64(p.Total)/1e6, float64(p.Spent)/1e6),
			ZH: fmt.Sprintf("轮次 %s 申请 %g 比特，但分区 %s 的泄露预算为 %g 比特，已用 %g 比特：无论哪个场景使用，一个隐藏分区只有一份预算",
				r.Name, r.BudgetBits, p.id, float64(p.Total)/1e6, float64(p.Spent)/1e6),
		}).WithHint(aihub.Text{EN: "ask for that much at most, or publish a dataset version with new rows", ZH: "请不超过该额度，或发布含新数据的数据集版本"})
	}
	return t.keep(p)
}

// reserve holds one attempt in a round and the price of its answer, or returns
// Quota. It returns what it holds.
func (t *tx) reserve(sc scenarioRow, round aihub.Round, rounds []aihub.Round, org aihub.OrgID, price int64) (int64, error) {
	// What may be seen by now is settled first, so that nobody is refused for what
	// has come back.
	due, err := all(t, value[aihub.SubmissionID], `SELECT s.id FROM submissions s JOIN scenarios c ON c.id = s.scenario
		WHERE c.dataset = ? AND s.settled = 0 AND s.visible_at > 0 AND s.visible_at <= ? ORDER BY s.visible_at, s.id LIMIT 1000`, sc.Dataset.String(), us(t.now))
	if err != nil {
		return 0, err
	}
	if err := t.settleDue(due...); err != nil {
		return 0, err
	}
	id := budgetID(sc.Ref, round.Name, org)
	b, ok, err := t.budget(id)
	if err != nil {
		return 0, err
	}
	if b.attempts >= round.Quota {
		return 0, noAttempts(round, rounds, t.now)
	}
	if round.Part == aihub.Final {
		price = 0 // asked once
		if err := t.finalOnce(sc.Dataset, sc.Ref.String()+"/"+round.Name, true); err != nil {
			return 0, err
		}
	} else if err := t.reserveBits(sc, round, rounds, org, b, price); err != nil {
		return 0, err
	}
	t.touch("budgets", id)
	if !ok {
		return price, t.insert("budgets", "id, scenario, round, org, attempts, spent, reserved", id, sc.Ref.String(), round.Name, org, 1, 0, price)
	}
	return price, t.swap("UPDATE budgets SET attempts = attempts + 1, reserved = reserved + ? WHERE id = ?", price, id)
}

func (t *tx) reserveBits(sc scenarioRow, round aihub.Round, rounds []aihub.Round, org aihub.OrgID, b budgetRow, price int64) error {
	ceiling, err := toMicro(round.BudgetBits)
	if err != nil {
		return err
	}
	share, err := toMicro(round.OrgBits)
	if err != nil {
		return err
	}
	p, err := t.partOf(sc.Dataset, round.Part)
	if err != nil {
		return err
	}
	if own := b.spent + b.reserved; share > 0 && org != sc.Org && price > share-own {
		return aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("this submission may cost %g bits, and your organisation has %g left of its share of %g in round %s", bits(price), bits(max(0, share-own)), bits(share), round.Name),
			ZH: fmt.Sprintf("本次提交最多需要 %g 比特，而贵机构在轮次 %[4]s 的份额 %[3]g 比特中仅剩 %[2]g 比特", bits(price), bits(max(0, share-own)), bits(share), round.Name),
		}).WithHint(heldOrGone(b.reserved, rounds, t.now))
	}
	if !p.Reserve(price, ceiling) {
		return aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("this submission may cost %g bits of the leak budget of part %s, and %g of %g are left for everyone together", bits(price), p.id, bits(p.Left(ceiling)), bits(min(p.Total, ceiling))),
			ZH: fmt.Sprintf("本次提交最多需要分区 %s 泄露预算中的 %g 比特，而所有机构共用的 %g 比特中仅剩 %g 比特", p.id, bits(price), bits(min(p.Total, ceiling)), bits(p.Left(ceiling))),
		}).WithHint(heldOrGone(p.Reserved, rounds, t.now))
	}
	return t.keep(p)
}

func bits(micro int64) float64 { return float64(micro) / 1e6 }

// heldOrGone says whether waiting helps.
func heldOrGone(held int64, rounds []aihub.Round, now time.Time) aihub.Text {
	if held == 0 {
		return moreComes(rounds, now)
	}
	return aihub.Text{
		EN: fmt.Sprintf("%g bits are held by submissions under way; most of that comes back when they are answered: try again after the next tick", bits(held)),
		ZH: fmt.Sprintf("进行中的提交占用 %g 比特，答复后大部分会退还：请在下一公布时刻之后重试", bits(held)),
	}
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

// charge spends price out of what s holds, for an answer that is about to be
// shown, and returns the account of the part after it.
func (t *tx) charge(s submissionRow, part aihub.Part, price int64) (partRow, error) {
	sc, err := t.scenario(s.Scenario)
	if err != nil {
		return partRow{}, err
	}
	p, err := t.partOf(sc.Dataset, part)
	if err != nil {
		return p, err
	}
	held := s.bits
	if more := price - held; more > 0 && p.Reserve(more, p.Total) { // an earlier release held what its prices were
		held = price
		t.touch("submissions", string(s.ID))
		if err := t.swap("UPDATE submissions SET bits = ? WHERE id = ? AND bits = ?", held, s.ID, s.bits); err != nil {
			return p, err
		}
	}
	if err := p.Charge(held, price); err != nil {
		return p, err
	}
	if err := t.keep(p); err != nil {
		return p, err
	}
	id := budgetID(s.Scenario, s.Round, s.Org)
	t.touch("budgets", id)
	return p, t.swap("UPDATE budgets SET spent = spent + ?, reserved = reserved - ? WHERE id = ?", price, s.bits, id)
}

// settlePart spends so much of what s holds of the part's budget, and gives back
// the rest.
func (t *tx) settlePart(s submissionRow, spent int64) error {
	if s.bits == 0 {
		return nil
	}
	sc, err := t.scenario(s.Scenario)
	if err != nil {
		return err
	}
	r, err := t.round(s.Scenario, s.Round)
	if err != nil {
		return err
	}
	p, err := t.partOf(sc.Dataset, r.Part)
	if err != nil {
		return err
	}
	if spent > 0 {
		err = p.Charge(s.bits, spent)
	} else {
		err = p.Free(s.bits)
	}
	if err != nil {
		return err
	}
	return t.keep(p)
}

// round returns one round of a scenario.
func (t *tx) round(sc aihub.Ref, name string) (aihub.Round, error) {
	r, ok, err := one(t, scanRound, "SELECT "+roundCols+" FROM rounds WHERE scenario = ? AND name = ?", sc.String(), name)
	if err == nil && !ok {
		err = notFound("round", "轮次", sc.String()+"/"+name)
	}
	return r, err
}

// settleDue settles those of the submissions whose outcome may be seen by now.
// Each gets a leaf of its own, which says how it ended.
func (t *tx) settleDue(ids ...aihub.SubmissionID) error {
	for _, id := range ids {
		s, err := t.submission(id)
		if err != nil {
			return err
		}
		if s.settled || !s.due(t.now) {
			continue
		}
		spent := int64(0)
		if s.State != aihub.SubmissionScored && !s.Train { // a training holds nothing of a hidden part
			if s.State == aihub.SubmissionFailed && s.Fault.Judged() {
				spent = s.bits
			}
			b := budgetID(s.Scenario, s.Round, s.Org)
			t.touch("budgets", b)
			if err := t.swap("UPDATE budgets SET attempts = attempts - ?, reserved = reserved - ?, spent = spent + ? WHERE id = ?", bit(s.refund), s.bits, spent, b); err != nil {
				return err
			}
			if err := t.settlePart(s, spent); err != nil {
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
		if spent > 0 {
			facts["bits"] = float64(spent) / 1e6
		}
		if f := collapse(s.Fault); f != (aihub.Failure{}) {
			facts["fault"] = f
		}
		if s.Train && s.State == aihub.SubmissionTried {
			model, _, err := one(t, value[aihub.Digest], "SELECT id FROM models WHERE submission = ?", id)
			if err != nil {
				return err
			}
			facts["model"] = model
		}
		// Which kind of failure leaves a posture is not its vendor's to know.
		if s.State == aihub.SubmissionScored || s.State == aihub.SubmissionTried {
			if facts["isolation"], err = t.isolation(id); err != nil {
				return err
			}
		}
		if err := t.record(acts, "submission.settle", string(id), by{}, facts); err != nil {
			return err
		}
	}
	return nil
}

// isolation is what a receipt says of the sandbox that carried a submission out,
// and that refused to if it fell short of the contract. It holds what is the same
// for every run of a scenario on a runner: the whole posture, with the numbers of
// the host's namespaces, is the steward's, and the ledger covers it with the run.
type isolation struct {
	Runner   string  `json:"runner"`             // gvisor, docker
	Version  string  `json:"version,omitempty"`  // of gVisor, or of the engine
	Platform string  `json:"platform,omitempty"` // systrap; runc, runsc or kata
	Inside   *inside `json:"inside,omitempty"`   // measured in the sandbox before the vendor's first instruction
}

// inside is what a sandbox was from inside. Nothing of it can depend on the
// vendor's program, which had not run.
type inside struct {
	Kernel     string            `json:"kernel"`
	UID        []int             `json:"uid"` // real, effective, saved
	GID        []int             `json:"gid"`
	Caps       map[string]string `json:"caps"`
	NoNewPrivs bool              `json:"no_new_privs"`
	Seccomp    string            `json:"seccomp"`
	Mounts     json.RawMessage   `json:"mounts"`
	Devices    []string          `json:"devices"` // network devices
	Limits     map[string]uint64 `json:"limits"`
}

// isolation reads it from the vendor's run that succeeded.
func (t *tx) isolation(id aihub.SubmissionID) (in isolation, err error) {
	raw, ok, err := one(t, value[string], "SELECT posture FROM runs WHERE submission = ? AND kind <> ? AND state = ?", id, aihub.RunScore, aihub.RunSucceeded)
	if err != nil || !ok || raw == "" {
		return in, err
	}
	var p struct {
		Runner, Version, Platform, Engine, Family string
		Inside                                    *inside
	}
	if err := json.Unmarshal([]byte(raw), &p); err != nil {
		return in, damaged("a posture is not JSON", "隔离记录不是 JSON")
	}
	return isolation{Runner: p.Runner, Version: cmp.Or(p.Version, p.Engine), Platform: cmp.Or(p.Platform, p.Family), Inside: p.Inside}, nil
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

// Budget returns the leak budget of a round's hidden part, and what an
// organisation has used of it. What the part has spent and holds changes at ticks
// and when somebody enters, never when a run ends.
func (db *DB) Budget(ctx context.Context, s policies.Scope, sc aihub.Ref, round string, org aihub.OrgID) (b aihub.Budget, err error) {
	err = db.read(ctx, func(t *tx) error {
		if !sees(s, org) {
			return notFound("budget", "预算", budgetID(sc, round, org))
		}
		row, _, err := t.budget(budgetID(sc, round, org))
		if err != nil {
			return err
		}
		if b, err = t.partBudget(sc, round); err != nil {
			return err
		}
		b.Org, b.Attempts, b.Own = org, row.attempts, bits(row.spent+row.reserved)
		return nil
	})
	return b, err
}

// PartBudget is the leak budget of a round's hidden part, which everybody may see.
func (db *DB) PartBudget(ctx context.Context, sc aihub.Ref, round string) (b aihub.Budget, err error) {
	err = db.read(ctx, func(t *tx) error { b, err = t.partBudget(sc, round); return err })
	return b, err
}

func (t *tx) partBudget(sc aihub.Ref, round string) (aihub.Budget, error) {
	row, err := t.scenario(sc)
	if err != nil {
		return aihub.Budget{}, err
	}
	r, err := t.round(sc, round)
	if err != nil {
		return aihub.Budget{}, err
	}
	b := aihub.Budget{Scenario: sc, Round: round, Quota: r.Quota, Share: r.OrgBits}
	p, err := t.partOf(row.Dataset, r.Part)
	b.Part = p.id
	if err != nil || r.Part == aihub.Final {
		return b, err
	}
	b.Bits, b.Reserved, b.Answers = bits(p.Spent), bits(p.Reserved), p.Answers
	b.Total = min(bits(p.Total), r.BudgetBits)
	return b, nil
}
