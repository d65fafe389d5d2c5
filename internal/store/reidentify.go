package store

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"aihub"
	"aihub/policies"
)

// Bounds of a re-identification.
const (
	maxMasked     = 100            // values of one request
	maxMaskedText = 200            // characters of a value
	answerLife    = 24 * time.Hour // from the decision on
)

const reidentifyCols = "id, dataset, org, column_name, masked_json, purpose, author, approver, state, reason, reads, created_at, decided_at"

func scanReidentification(s scanner) (r aihub.Reidentification, err error) {
	err = s.Scan(&r.ID, ref{&r.Dataset}, &r.Org, &r.Column, js{&r.Masked}, &r.Purpose, &r.Author, null[aihub.UserID]{&r.Approver},
		&r.State, &r.Reason, &r.Reads, at{&r.CreatedAt}, at{&r.DecidedAt})
	return r, err
}

func (t *tx) reidentification(id aihub.ReidentificationID) (aihub.Reidentification, error) {
	r, ok, err := one(t, scanReidentification, "SELECT "+reidentifyCols+" FROM reidentifications WHERE id = ?", id)
	if err == nil && !ok {
		err = notFound("request", "申请", string(id))
	}
	return r, err
}

// RequestReidentification asks for the raw values behind up to 100 masked ones of
// a column. An empty ID is filled in.
// ReidentifyRequest, ID = name@N
func (db *DB) RequestReidentification(ctx context.Context, p policies.Permit, r aihub.Reidentification) (aihub.Reidentification, error) {
	if err := p.Check(policies.ReidentifyRequest, r.Dataset.String()); err != nil {
		return r, err
	}
	if err := own(p, &r.Author, &r.Org); err != nil {
		return r, err
	}
	if err := bounded(4000, "purpose", r.Purpose, "column", r.Column); err != nil {
		return r, err
	}
	if strings.TrimSpace(r.Purpose) == "" {
		return r, invalid("say what the names are needed for", "请说明重标识的目的")
	}
	if len(r.Masked) == 0 || len(r.Masked) > maxMasked {
		return r, invalid(fmt.Sprintf("a request names 1 to %d masked values", maxMasked), fmt.Sprintf("一次申请须列出 1 至 %d 个脱敏值", maxMasked))
	}
	for _, m := range r.Masked {
		if m == "" || utf8.RuneCountInString(m) > maxMaskedText {
			return r, invalid(fmt.Sprintf("a masked value has 1 to %d characters", maxMaskedText), fmt.Sprintf("脱敏值应为 1 至 %d 个字符", maxMaskedText))
		}
	}
	if r.ID == "" {
		r.ID = aihub.ReidentificationID(aihub.NewID("rid"))
	}
	r.State = aihub.ReidentificationRequested
	masked, err := toJSON(r.Masked)
	if err != nil {
		return r, err
	}
	return r, db.write(ctx, func(t *tx) error {
		v, err := t.dataset(r.Dataset)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: v.Org}); err != nil {
			return err
		}
		if v.Org != r.Org {
			return refused("it is another organisation's dataset", "该数据集属于其他机构")
		}
		r.CreatedAt = t.now
		t.touch("reidentifications", string(r.ID))
		if err := t.insert("reidentifications", reidentifyCols,
			r.ID, r.Dataset.String(), r.Org, r.Column, masked, r.Purpose, r.Author, nil, r.State, "", 0, us(t.now), 0); err != nil {
			return err
		}
		return t.record(acts, string(policies.ReidentifyRequest), string(r.ID), permitted(p),
			map[string]any{"dataset": r.Dataset, "column": r.Column, "values": len(r.Masked)})
	})
}

// DecideReidentification grants or refuses a request; never by its author: the
// engine refuses the permit, sameFacts one that was got with another author, and
// the database the row.
// ReidentifyApprove, ID = request
func (db *DB) DecideReidentification(ctx context.Context, p policies.Permit, id aihub.ReidentificationID, approve bool, reason string) error {
	if err := p.Check(policies.ReidentifyApprove, string(id)); err != nil {
		return err
	}
	if err := bounded(4000, "reason", reason); err != nil {
		return err
	}
	to := aihub.ReidentificationRejected
	if approve {
		to = aihub.ReidentificationApproved
	}
	return db.write(ctx, func(t *tx) error {
		r, err := t.reidentification(id)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: r.Org, Author: r.Author}); err != nil {
			return err
		}
		if err := r.State.Next(to); err != nil {
			return err
		}
		t.touch("reidentifications", string(id))
		if err := t.swap("UPDATE reidentifications SET state = ?, approver = ?, reason = ?, decided_at = ? WHERE id = ? AND state = ?",
			to, p.Actor().User, reason, us(t.now), id, r.State); err != nil {
			return err
		}
		return t.record(acts, string(policies.ReidentifyApprove), string(id), permitted(p), map[string]any{"state": to, "dataset": r.Dataset})
	})
}

// ReadReidentification notes that the author is given the answer, before she is.
// A grant holds for a day.
// ReidentifyRead, ID = request
func (db *DB) ReadReidentification(ctx context.Context, p policies.Permit, id aihub.ReidentificationID) (r aihub.Reidentification, err error) {
	if err := p.Check(policies.ReidentifyRead, string(id)); err != nil {
		return r, err
	}
	err = db.write(ctx, func(t *tx) error {
		if r, err = t.reidentification(id); err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: r.Org, Author: r.Author}); err != nil {
			return err
		}
		switch {
		case r.State == aihub.ReidentificationRequested:
			return aihub.Errorf(aihub.Pending, aihub.Text{EN: "a second person has not granted it yet", ZH: "尚待第二人批准"})
		case r.State != aihub.ReidentificationApproved:
			return refused("the request was rejected", "该申请已被驳回")
		case t.now.Sub(r.DecidedAt) > answerLife:
			return refused("the grant was for a day, and that is over", "批准有效期为一天，现已过期").
				WithHint(aihub.Text{EN: "ask again", ZH: "请重新申请"})
		}
		t.touch("reidentifications", string(id))
		if err := t.swap("UPDATE reidentifications SET reads = reads + 1 WHERE id = ? AND state = ? AND reads = ?", id, r.State, r.Reads); err != nil {
			return err
		}
		r.Reads++
		return t.record(acts, string(policies.ReidentifyRead), string(id), permitted(p), map[string]any{"dataset": r.Dataset, "read": r.Reads})
	})
	return r, err
}

// Reidentifications lists the requests, newest first: reviewers see all of them,
// stewards those of their organisation, nobody else any.
func (db *DB) Reidentifications(ctx context.Context, s policies.Scope) (list []aihub.Reidentification, err error) {
	err = db.read(ctx, func(t *tx) error {
		rs, err := all(t, scanReidentification, "SELECT "+reidentifyCols+" FROM reidentifications ORDER BY created_at DESC, id DESC LIMIT 1000")
		list = []aihub.Reidentification{}
		for _, r := range rs {
			if seesReidentification(s, r) {
				list = append(list, r)
			}
		}
		return err
	})
	return list, err
}

// Reidentification returns one request in scope.
func (db *DB) Reidentification(ctx context.Context, s policies.Scope, id aihub.ReidentificationID) (r aihub.Reidentification, err error) {
	err = db.read(ctx, func(t *tx) error {
		if r, err = t.reidentification(id); err == nil && !seesReidentification(s, r) {
			err = notFound("request", "申请", string(id))
		}
		return err
	})
	if err != nil {
		return aihub.Reidentification{}, err
	}
	return r, nil
}

func seesReidentification(s policies.Scope, r aihub.Reidentification) bool {
	a := s.Actor()
	return s.All() && (a.Has(aihub.Reviewer) || a.Has(aihub.Steward) && a.Org == r.Org)
}
