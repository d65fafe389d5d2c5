package store

import (
	"context"
	"fmt"

	"aihub"
	"aihub/policies"
)

// RequestEnrolment asks for an organisation to take up a scenario. An
// organisation has at most one that is requested or approved. An empty ID is
// filled in; use Enrolments to read it back.
// EnrolmentRequest, ID = scenario ref
func (db *DB) RequestEnrolment(ctx context.Context, p policies.Permit, e aihub.Enrolment) error {
	if err := p.Check(policies.EnrolmentRequest, e.Scenario.String()); err != nil {
		return err
	}
	if err := own(p, &e.User, &e.Org); err != nil {
		return err
	}
	if err := bounded(4000, "purpose", e.Purpose); err != nil {
		return err
	}
	if e.MaxUses < 0 {
		return invalid("the number of uses is negative", "使用次数为负数")
	}
	if e.ID == "" {
		e.ID = aihub.EnrolmentID(aihub.NewID("enr"))
	}
	return db.write(ctx, func(t *tx) error {
		sc, err := t.scenario(e.Scenario)
		if err != nil {
			return err
		}
		if sc.State != aihub.ScenarioOpen {
			return conflict(fmt.Sprintf("scenario %s is %s", e.Scenario, sc.State), fmt.Sprintf("应用场景 %s 处于 %s 状态", e.Scenario, sc.State))
		}
		if old, ok, err := t.liveEnrolment(e.Scenario, e.Org); err != nil {
			return err
		} else if ok {
			return conflict(fmt.Sprintf("your organisation's enrolment in %s is %s already", e.Scenario, old.State),
				fmt.Sprintf("贵机构在 %s 的揭榜已处于 %s 状态", e.Scenario, old.State)).
				WithHint(aihub.Text{EN: "how it stands: aihub enrol list", ZH: "查看进度：aihub enrol list"})
		}
		t.touch("enrolments", string(e.ID))
		if err := t.insert("enrolments", "id, scenario, org, user_id, purpose, agreement, expires_at, max_uses, state, decided_by, reason, created_at, decided_at",
			e.ID, e.Scenario.String(), e.Org, e.User, e.Purpose, e.Agreement, us(e.Expires), e.MaxUses, aihub.EnrolmentRequested, nil, "", us(t.now), 0); err != nil {
			return err
		}
		return t.record(acts, string(policies.EnrolmentRequest), string(e.ID), permitted(p),
			map[string]any{"scenario": e.Scenario, "org": e.Org, "agreement": e.Agreement})
	})
}

const enrolmentCols = "id, scenario, org, user_id, purpose, agreement, expires_at, max_uses, state, decided_by, reason, created_at, decided_at"

func scanEnrolment(s scanner) (e aihub.Enrolment, err error) {
	err = s.Scan(&e.ID, ref{&e.Scenario}, &e.Org, &e.User, &e.Purpose, &e.Agreement, at{&e.Expires}, &e.MaxUses, &e.State,
		null[aihub.UserID]{&e.DecidedBy}, &e.Reason, at{&e.CreatedAt}, at{&e.DecidedAt})
	return e, err
}

func (t *tx) liveEnrolment(sc aihub.Ref, org aihub.OrgID) (aihub.Enrolment, bool, error) {
	return one(t, scanEnrolment, "SELECT "+enrolmentCols+" FROM enrolments WHERE scenario = ? AND org = ? AND state IN (?, ?)",
		sc.String(), org, aihub.EnrolmentRequested, aihub.EnrolmentApproved)
}

func (t *tx) enrolment(id aihub.EnrolmentID) (aihub.Enrolment, error) {
	e, ok, err := one(t, scanEnrolment, "SELECT "+enrolmentCols+" FROM enrolments WHERE id = ?", id)
	if err == nil && !ok {
		err = noEnrolment(id)
	}
	return e, err
}

func noEnrolment(id aihub.EnrolmentID) error { return notFound("enrolment", "揭榜", string(id)) }

// DecideEnrolment approves or rejects a request.
// EnrolmentDecide, ID = enrolment
func (db *DB) DecideEnrolment(ctx context.Context, p policies.Permit, id aihub.EnrolmentID, approve bool, reason string) error {
	to := aihub.EnrolmentRejected
	if approve {
		to = aihub.EnrolmentApproved
	}
	return db.moveEnrolment(ctx, p, policies.EnrolmentDecide, id, to, reason, nil)
}

// RevokeEnrolment ends an approved enrolment and cancels what is queued or
// running under it; attempts are given back.
// EnrolmentRevoke, ID = enrolment
func (db *DB) RevokeEnrolment(ctx context.Context, p policies.Permit, id aihub.EnrolmentID, reason string) error {
	return db.moveEnrolment(ctx, p, policies.EnrolmentRevoke, id, aihub.EnrolmentRevoked, reason, func(t *tx) ([]aihub.SubmissionID, error) {
		subs, err := all(t, scanSubmission, "SELECT "+submissionCols+" FROM submissions WHERE enrolment = ? AND state IN (?, ?) ORDER BY created_at, id",
			id, aihub.SubmissionQueued, aihub.SubmissionScoring)
		if err != nil {
			return nil, err
		}
		var ids []aihub.SubmissionID
		for _, s := range subs {
			if err := t.cancel(s, aihub.Failure{Owner: aihub.FaultPolicy, Reason: aihub.ReasonPolicy}); err != nil {
				return nil, err
			}
			ids = append(ids, s.ID)
		}
		return ids, nil
	})
}

func (db *DB) moveEnrolment(ctx context.Context, p policies.Permit, a policies.Action, id aihub.EnrolmentID,
	to aihub.EnrolmentState, reason string, also func(t *tx) ([]aihub.SubmissionID, error)) error {
	if err := p.Check(a, string(id)); err != nil {
		return err
	}
	if err := bounded(4000, "reason", reason); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		e, err := t.enrolment(id)
		if err != nil {
			return err
		}
		sc, err := t.scenario(e.Scenario)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: sc.Org, For: e.Org}); err != nil {
			return err
		}
		if e.User == p.Actor().User {
			return refused("whoever signed an enrolment does not decide on it", "揭榜的签署人不得自行审批").
				WithHint(aihub.Text{EN: "ask a reviewer", ZH: "请由评审人员审批"})
		}
		if err := e.State.Next(to); err != nil {
			return err
		}
		t.touch("enrolments", string(id))
		if err := t.swap("UPDATE enrolments SET state = ?, decided_by = ?, reason = ?, decided_at = ? WHERE id = ? AND state = ?",
			to, p.Actor().User, reason, us(t.now), id, e.State); err != nil {
			return err
		}
		var ended []aihub.SubmissionID
		if also != nil {
			if ended, err = also(t); err != nil {
				return err
			}
		}
		if err := t.record(acts, string(a), string(id), permitted(p), map[string]any{"state": to}); err != nil {
			return err
		}
		return t.settleDue(ended...)
	})
}

// Enrolment returns one in scope.
func (db *DB) Enrolment(ctx context.Context, s policies.Scope, id aihub.EnrolmentID) (aihub.Enrolment, error) {
	var e aihub.Enrolment
	err := db.read(ctx, func(t *tx) error {
		got, err := t.enrolment(id)
		if err == nil && !sees(s, got.Org) {
			err = noEnrolment(id)
		}
		if err == nil {
			e = got
		}
		return err
	})
	return e, err
}

// Enrolments lists those in scope, newest first; a zero ref means of every scenario.
func (db *DB) Enrolments(ctx context.Context, s policies.Scope, sc aihub.Ref) ([]aihub.Enrolment, error) {
	q, args := "SELECT "+enrolmentCols+" FROM enrolments WHERE 1 = 1", []any{}
	if !sc.IsZero() {
		q, args = q+" AND scenario = ?", append(args, sc.String())
	}
	if !s.All() {
		q, args = q+" AND org = ?", append(args, s.Actor().Org)
	}
	list := []aihub.Enrolment{}
	err := db.read(ctx, func(t *tx) error {
		es, err := all(t, scanEnrolment, q+" ORDER BY created_at DESC, id", args...)
		for _, e := range es {
			if sees(s, e.Org) {
				list = append(list, e)
			}
		}
		return err
	})
	return list, err
}
