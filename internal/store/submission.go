package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"aihub"
	"aihub/policies"
	"aihub/policies/sharing"
)

const submissionCols = `id, scenario, round, org, user_id, name, image, smoke, baseline, state, fault_owner, fault_reason, fault_detail,
	nonce, created_at, visible_at, bits, refund, settled, rerun_of, COALESCE(train, 0), model, COALESCE(workspace, 0)`

// submissionRow is a submission with what the store keeps of its charge.
type submissionRow struct {
	aihub.Submission
	bits    int64 // reserved or spent
	refund  bool  // the attempt is given back when settled
	settled bool  // the charge is final
}

func scanSubmission(s scanner) (r submissionRow, err error) {
	err = s.Scan(&r.ID, ref{&r.Scenario}, &r.Round, &r.Org, &r.User, &r.Name, &r.Image, &r.Smoke, &r.Baseline, &r.State,
		&r.Fault.Owner, &r.Fault.Reason, &r.Fault.Detail, &r.Nonce, at{&r.CreatedAt}, at{&r.VisibleAt}, &r.bits, &r.refund, &r.settled, null[aihub.SubmissionID]{&r.RerunOf},
		&r.Train, null[aihub.Digest]{&r.Model}, &r.Workspace)
	return r, err
}

func noSubmission(id aihub.SubmissionID) error { return notFound("submission", "提交", string(id)) }

func (t *tx) submission(id aihub.SubmissionID) (submissionRow, error) {
	s, ok, err := one(t, scanSubmission, "SELECT "+submissionCols+" FROM submissions WHERE id = ?", id)
	if err == nil && !ok {
		err = noSubmission(id)
	}
	return s, err
}

// Submit enters sub: in one transaction it checks the enrolment (approved, not
// expired, uses left), the round's window, the image link, reserves one attempt
// and bits of the leak budget, and queues its first run (infer, train or smoke).
// A smoke submission reserves nothing, and a training one of the scenario's
// training runs. Model may be a model's digest, or the training that made it. Repeating a nonce returns the first one.
// The scenario's own organisation needs no enrolment: it enters a baseline.
// SubmissionCreate (of a workspace WorkspaceOpen), ID = scenario ref
func (db *DB) Submit(ctx context.Context, p policies.Permit, sub aihub.Submission, bits float64) (aihub.Submission, error) {
	action := policies.SubmissionCreate
	if sub.Workspace {
		action, sub.Smoke = policies.WorkspaceOpen, true
	}
	if err := p.Check(action, sub.Scenario.String()); err != nil {
		return aihub.Submission{}, err
	}
	if err := own(p, &sub.User, &sub.Org); err != nil {
		return aihub.Submission{}, err
	}
	if err := bounded(200, "name", sub.Name, "nonce", sub.Nonce, "round", sub.Round, "model", string(sub.Model)); err != nil {
		return aihub.Submission{}, err
	}
	price, err := toMicro(bits)
	if err != nil {
		return aihub.Submission{}, err
	}
	if sub.Nonce == "" {
		sub.Nonce = aihub.NewID("once")
	}
	var entered aihub.Submission
	err = db.write(ctx, func(t *tx) error {
		first, again, err := one(t, scanSubmission, "SELECT "+submissionCols+" FROM submissions WHERE org = ? AND nonce = ?", sub.Org, sub.Nonce)
		if err != nil {
			return err
		}
		if again {
			if first.Scenario != sub.Scenario || first.Image != sub.Image || first.Smoke != sub.Smoke || first.Train != sub.Train || first.Workspace != sub.Workspace || first.Round != sub.Round {
				return conflict("this nonce was used for another submission", "该幂等键已用于另一提交").
					WithHint(aihub.Text{EN: "use a new nonce for a new submission", ZH: "新的提交请使用新的幂等键"})
			}
			entered = redactSubmission(policies.ScopeOf(p.Actor()), first, t.now)
			return nil
		}
		entered, err = t.enter(p, sub, price)
		return err
	})
	if err != nil {
		return aihub.Submission{}, err
	}
	return entered, nil
}

func (t *tx) enter(p policies.Permit, sub aihub.Submission, price int64) (aihub.Submission, error) {
	sc, err := t.scenario(sub.Scenario)
	if err != nil {
		return sub, err
	}
	if sc.State == aihub.ScenarioWithdrawn {
		return sub, noScenario(sub.Scenario.String())
	}
	if err := sameFacts(p, policies.Object{Org: sc.Org, For: sub.Org}); err != nil {
		return sub, err
	}
	if sc.State != aihub.ScenarioOpen {
		return sub, refused(fmt.Sprintf("scenario %s is closed", sub.Scenario), fmt.Sprintf("应用场景 %s 已关闭", sub.Scenario))
	}
	v, err := t.dataset(sc.Dataset)
	if err != nil {
		return sub, err
	}
	if v.State != aihub.DatasetPublished {
		return sub, refused(fmt.Sprintf("dataset %s was withdrawn: nothing runs on it", sc.Dataset), fmt.Sprintf("数据集 %s 已撤回，不能再运行", sc.Dataset))
	}
	rounds, err := t.rounds(sub.Scenario)
	if err != nil {
		return sub, err
	}
	round, err := pickRound(rounds, sub, t.now)
	if err != nil {
		return sub, err
	}
	enrolment, err := t.mayEnter(sc, sub)
	if err != nil {
		return sub, err
	}
	if ok, err := t.hasImage(sub.Org, sub.Image); err != nil {
		return sub, err
	} else if !ok {
		return sub, notFound("image of your organisation", "属于贵机构的镜像", string(sub.Image))
	}

	due, err := all(t, value[aihub.SubmissionID],
		"SELECT id FROM submissions WHERE org = ? AND settled = 0 AND visible_at > 0 AND visible_at <= ? LIMIT 1000", sub.Org, us(t.now))
	if err != nil {
		return sub, err
	}
	if err := t.settleDue(due...); err != nil { // hours come back with it, and what failed may be run again
		return sub, err
	}
	if err := t.mount(&sub); err != nil {
		return sub, err
	}
	if sub.RerunOf != "" {
		if err := t.mayRepeat(sub); err != nil {
			return sub, err
		}
	}
	if sub.Workspace {
		if err := t.mayOpen(sc, sub); err != nil {
			return sub, err
		}
	}
	if sub.Train {
		if err := t.mayTrain(sc, sub); err != nil {
			return sub, err
		}
	}
	cpu, err := t.holdHours(sc, sub)
	if err != nil {
		return sub, err
	}
	kind, part := aihub.RunInfer, round.Part
	if sub.Workspace {
		kind, part, price = aihub.RunWorkspace, aihub.Train, 0
	} else if sub.Smoke {
		kind, part, price = aihub.RunSmoke, aihub.Sample, 0
	} else if sub.Train {
		kind, part, price = aihub.RunTrain, aihub.Train, 0
	} else if price, err = t.reserve(sc, round, rounds, sub.Org, price); err != nil {
		return sub, err
	}
	wait, err := t.estimate(line(kind), sub.Org, sub.Scenario, t.now, true)
	if err != nil {
		return sub, err
	}
	wait.Entered = true
	waits, err := toJSON(wait)
	if err != nil {
		return sub, err
	}
	sub.ID = aihub.SubmissionID(aihub.NewID("sub"))
	sub.Baseline = sub.Org == sc.Org
	sub.State, sub.Fault, sub.CreatedAt, sub.VisibleAt = aihub.SubmissionQueued, aihub.Failure{}, t.now, time.Time{}
	t.touch("submissions", string(sub.ID))
	if err := t.insert("submissions", `id, scenario, round, org, user_id, enrolment, name, image, smoke, baseline, state,
		fault_owner, fault_reason, fault_detail, nonce, bits, refund, settled, created_at, visible_at, rerun_of, waits, cpu, train, model, workspace`,
		sub.ID, sub.Scenario.String(), sub.Round, sub.Org, sub.User, orNull(enrolment), sub.Name, sub.Image, bit(sub.Smoke), bit(sub.Baseline),
		sub.State, "", "", "", sub.Nonce, price, 0, bit(sub.Smoke), us(t.now), 0,
		orNull(sub.RerunOf), waits, cpu, bit(sub.Train), orNull(sub.Model), orZero(sub.Workspace)); err != nil {
		return sub, err
	}
	if err := t.queue(aihub.Run{
		Submission: sub.ID, Scenario: sub.Scenario, Org: sub.Org, Kind: kind, Part: part, Attempt: 1, Image: sub.Image,
	}, "", t.now, time.Time{}); err != nil {
		return sub, err
	}
	if err := t.event(sub.ID, "", "submitted", string(sub.State), "", time.Time{}); err != nil {
		return sub, err
	}
	facts := map[string]any{
		"submission": sub.ID, "scenario": sub.Scenario, "round": sub.Round, "org": sub.Org, "image": sub.Image, "smoke": sub.Smoke,
	}
	if sub.Train {
		facts["train"] = true
	}
	if sub.Model != "" {
		facts["model"] = sub.Model
	}
	return sub, t.record(acts, string(p.Decision().Action), string(sub.ID), permitted(p), facts)
}

// mayRepeat checks that sub enters again what its organisation knows to be over.
func (t *tx) mayRepeat(sub aihub.Submission) error {
	old, err := t.submission(sub.RerunOf)
	if err != nil {
		return err
	}
	switch {
	case old.Org != sub.Org:
		return noSubmission(sub.RerunOf)
	case old.Scenario != sub.Scenario || old.Image != sub.Image || old.Smoke != sub.Smoke || old.Train != sub.Train || old.Model != sub.Model || old.Workspace:
		return conflict("this is not what was entered then", "与原提交的内容不一致")
	case old.Smoke && !old.State.Terminal(), !old.Smoke && !old.shown(t.now):
		return aihub.Errorf(aihub.Pending, aihub.Text{
			EN: "submission " + string(old.ID) + " has no outcome yet", ZH: "提交 " + string(old.ID) + " 尚无结果",
		}).WithHint(aihub.Text{EN: "wait for it: aihub runs watch " + string(old.ID), ZH: "请等待结果：aihub runs watch " + string(old.ID)})
	}
	return nil
}

// pickRound finds the round of sub and checks its window. A smoke run counts in
// no round and may name none; a training has none.
func pickRound(rounds []aihub.Round, sub aihub.Submission, now time.Time) (aihub.Round, error) {
	if sub.Train && sub.Round != "" {
		return aihub.Round{}, invalid("a training is entered in no round", "训练不属于任何轮次")
	}
	if (sub.Smoke || sub.Train) && sub.Round == "" {
		return aihub.Round{}, nil
	}
	for _, r := range rounds {
		if r.Name != sub.Round {
			continue
		}
		if sub.Smoke || r.IsOpen(now) {
			return r, nil
		}
		if now.Before(r.Opens) {
			return r, refused(fmt.Sprintf("round %s opens at %s", r.Name, r.Opens.Format(time.RFC3339)), fmt.Sprintf("轮次 %s 将于 %s 开放", r.Name, r.Opens.Format(time.RFC3339)))
		}
		return r, refused(fmt.Sprintf("round %s closed at %s", r.Name, r.Closes.Format(time.RFC3339)), fmt.Sprintf("轮次 %s 已于 %s 截止", r.Name, r.Closes.Format(time.RFC3339)))
	}
	return aihub.Round{}, notFound("round", "轮次", sub.Round)
}

// mayEnter returns the enrolment that lets sub in, "" for a baseline.
func (t *tx) mayEnter(sc scenarioRow, sub aihub.Submission) (aihub.EnrolmentID, error) {
	if sub.Org == sc.Org {
		return "", nil
	}
	e, ok, err := t.liveEnrolment(sub.Scenario, sub.Org)
	if err != nil {
		return "", err
	}
	how := aihub.Text{
		EN: "enrol first: aihub enrol " + sub.Scenario.String(),
		ZH: "请先揭榜：aihub enrol " + sub.Scenario.String(),
	}
	switch {
	case !ok:
		return "", refused("your organisation is not enrolled in "+sub.Scenario.String(), "贵机构未揭榜 "+sub.Scenario.String()).WithHint(how)
	case e.State == aihub.EnrolmentRequested:
		return "", aihub.Errorf(aihub.Pending, aihub.Text{EN: "your organisation's enrolment waits for approval", ZH: "贵机构的揭榜申请正在等待审批"})
	case !e.Expires.IsZero() && !t.now.Before(e.Expires):
		return "", refused("your organisation's enrolment ended at "+e.Expires.Format(time.RFC3339), "贵机构的揭榜已于 "+e.Expires.Format(time.RFC3339)+" 到期")
	case e.MaxUses == 0 || sub.Smoke:
		return e.ID, nil
	}
	used, _, err := one(t, value[int], "SELECT count(*) FROM submissions WHERE enrolment = ? AND smoke = 0 AND NOT (refund = 1 AND settled = 1)", e.ID)
	if err == nil && used >= e.MaxUses {
		err = aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("the enrolment allows %d hidden runs, and all are used", e.MaxUses),
			ZH: fmt.Sprintf("揭榜合约允许 %d 次隐藏运行，已全部用完", e.MaxUses),
		})
	}
	return e.ID, err
}

// queue adds a run, behind everything that was queued before since, which starts
// at ready or later. The score run of an infer run carries its id in scores.
func (t *tx) queue(r aihub.Run, scores aihub.RunID, since, ready time.Time) error {
	key := make([]byte, aihub.RowKeySize)
	rand.Read(key)
	r.ID = aihub.RunID(aihub.NewID("run"))
	if r.Kind == aihub.RunScore {
		image, err := t.scorerOf(r.Scenario)
		if err != nil {
			return err
		}
		if r.Stage = ""; image != "" {
			r.Image, r.Stage = image, aihub.StageCheck
		}
	}
	kind, workspace := storedKind(r.Kind)
	t.touch("runs", string(r.ID))
	t.wakes = true
	return t.insert("runs", `id, submission, scenario, org, kind, part, attempt, scores, state, fault_owner, fault_reason, fault_detail,
		worker, fence, image, row_key, output, log, usage_json, posture, created_at, queued_at, started_at, finished_at, ready_at, workspace, stage`,
		r.ID, r.Submission, r.Scenario.String(), r.Org, kind, r.Part, r.Attempt, orNull(scores), aihub.RunQueued, "", "", "",
		"", 0, r.Image, hex.EncodeToString(key), "", "", "{}", "", us(t.now), us(since), 0, 0, orNever(ready), workspace, orNull(r.Stage))
}

// CancelSubmission withdraws a submission. What has not begun is given back. A
// hidden run that has begun keeps its attempt and reads as queued until its tick,
// and one that ended unseen stays as it ended: that a run is over is not to be
// learnt by trying to cancel it.
// SubmissionCancel, ID = submission
func (db *DB) CancelSubmission(ctx context.Context, p policies.Permit, id aihub.SubmissionID) error {
	if err := p.Check(policies.SubmissionCancel, string(id)); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		s, err := t.submission(id)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: s.Org}); err != nil {
			return err
		}
		if s.State.Terminal() {
			if s.Smoke || s.shown(t.now) || whole(policies.ScopeOf(p.Actor()), s.Org) {
				return isOver(s)
			}
		} else if err := t.cancel(s, aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonCancelled}); err != nil {
			return err
		}
		if err := t.record(acts, string(policies.SubmissionCancel), string(id), permitted(p), nil); err != nil {
			return err
		}
		return t.settleDue(id)
	})
}

func isOver(s submissionRow) error {
	return conflict(fmt.Sprintf("submission %s is over (%s): there is nothing to cancel", s.ID, s.State), fmt.Sprintf("提交 %s 已结束（%s），无可取消", s.ID, s.State))
}

// cancel ends s and its queued run. A run under way learns of it with its next
// heartbeat. The caller records and settles.
func (t *tx) cancel(s submissionRow, why aihub.Failure) error {
	queued, begun, err := t.runsOf(s.ID)
	if err != nil {
		return err
	}
	visible, refund := t.now, !begun || why.Owner != aihub.FaultVendor
	if begun && !s.Smoke {
		if visible, err = t.tickOf(s.Scenario); err != nil {
			return err
		}
	}
	for _, id := range queued {
		t.touch("runs", string(id))
		if err := t.swap("UPDATE runs SET state = ?, fault_owner = ?, fault_reason = ?, finished_at = ? WHERE id = ? AND state = ?",
			aihub.RunCancelled, why.Owner, why.Reason, us(t.now), id, aihub.RunQueued); err != nil {
			return err
		}
	}
	return t.end(s, aihub.SubmissionCancelled, why, refund, visible)
}

// runsOf returns the queued runs of a submission and whether any run has begun.
func (t *tx) runsOf(id aihub.SubmissionID) (queued []aihub.RunID, begun bool, err error) {
	type row struct {
		id    aihub.RunID
		state aihub.RunState
	}
	list, err := all(t, func(s scanner) (r row, err error) { err = s.Scan(&r.id, &r.state); return r, err },
		"SELECT id, state FROM runs WHERE submission = ?", id)
	for _, r := range list {
		if r.state == aihub.RunQueued {
			queued = append(queued, r.id)
		} else {
			begun = true
		}
	}
	return queued, begun, err
}

// end moves s to a terminal state that its vendor may see from visible on.
func (t *tx) end(s submissionRow, to aihub.SubmissionState, why aihub.Failure, refund bool, visible time.Time) error {
	if err := s.State.Next(to); err != nil {
		return err
	}
	t.touch("submissions", string(s.ID))
	if err := t.swap(`UPDATE submissions SET state = ?, fault_owner = ?, fault_reason = ?, fault_detail = ?, refund = ?, visible_at = ?
		WHERE id = ? AND state = ?`, to, why.Owner, why.Reason, why.Detail, bit(refund), us(visible), s.ID, s.State); err != nil {
		return err
	}
	if s.Smoke {
		going, _, err := one(t, value[int], "SELECT count(*) FROM runs WHERE submission = ? AND state = ?", s.ID, aihub.RunLeased)
		if err != nil {
			return err
		}
		s.State, s.Fault = to, why
		if going == 0 { // else when it has stopped
			if err := t.chargeHours(s, refund); err != nil {
				return err
			}
		}
	}
	return t.event(s.ID, "", string(to), string(to), "", visible)
}

// tickOf returns when an outcome of the scenario that is known now may be seen.
func (t *tx) tickOf(r aihub.Ref) (time.Time, error) {
	sc, err := t.scenario(r)
	return sharing.NextTick(t.now, sc.tick), err
}

// Submission returns one in scope, as the scope may see it.
func (db *DB) Submission(ctx context.Context, s policies.Scope, id aihub.SubmissionID) (sub aihub.Submission, err error) {
	err = db.read(ctx, func(t *tx) error {
		row, err := t.seenSubmission(s, id)
		if err == nil {
			sub = redactSubmission(s, row, t.now)
		}
		return err
	})
	return sub, err
}

// seenSubmission returns a submission, not yet redacted, that the scope may know of.
func (t *tx) seenSubmission(s policies.Scope, id aihub.SubmissionID) (submissionRow, error) {
	row, err := t.submission(id)
	if err == nil && !sees(s, row.Org) {
		return submissionRow{}, noSubmission(id)
	}
	return row, err
}

// SubmissionFilter narrows a listing; zero fields do not.
type SubmissionFilter struct {
	Scenario aihub.Ref
	Round    string
	Limit    int // default 200
}

// Submissions lists those in scope, newest first.
func (db *DB) Submissions(ctx context.Context, s policies.Scope, f SubmissionFilter) ([]aihub.Submission, error) {
	list := []aihub.Submission{}
	if !s.All() && !s.Actor().Has(aihub.Vendor) {
		return list, nil
	}
	q, args := "SELECT "+submissionCols+" FROM submissions WHERE 1 = 1", []any{}
	if !s.All() {
		q, args = q+" AND org = ?", append(args, s.Actor().Org)
	}
	if !f.Scenario.IsZero() {
		q, args = q+" AND scenario = ?", append(args, f.Scenario.String())
	}
	if f.Round != "" {
		q, args = q+" AND round = ?", append(args, f.Round)
	}
	if f.Limit <= 0 {
		f.Limit = 200
	}
	err := db.read(ctx, func(t *tx) error {
		rows, err := all(t, scanSubmission, q+" ORDER BY created_at DESC, id DESC LIMIT ?", append(args, f.Limit)...)
		for _, r := range rows {
			list = append(list, redactSubmission(s, r, t.now))
		}
		return err
	})
	return list, err
}
