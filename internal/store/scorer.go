package store

import (
	"context"
	"fmt"
	"time"

	"aihub"
	"aihub/policies"
)

const scorerCols = "id, org, image, name, author, approver, state, reason, created_at, decided_at"

func scanScorer(s scanner) (v aihub.Scorer, err error) {
	err = s.Scan(&v.ID, &v.Org, &v.Image, &v.Name, &v.Author, null[aihub.UserID]{&v.Approver}, &v.State, &v.Reason, at{&v.CreatedAt}, at{&v.DecidedAt})
	return v, err
}

func noScorer(id string) error { return notFound("scorer", "评分程序", id) }

// ProposeScorer asks for an image of the actor's own organisation to be approved
// as a scorer. Proposing one again that waits or was approved returns it.
// ScorerPropose, ID = image
func (db *DB) ProposeScorer(ctx context.Context, p policies.Permit, image aihub.Digest, name string) (v aihub.Scorer, err error) {
	if err := p.Check(policies.ScorerPropose, string(image)); err != nil {
		return v, err
	}
	if err := bounded(200, "name", name); err != nil {
		return v, err
	}
	a := p.Actor()
	err = db.write(ctx, func(t *tx) error {
		old, again, err := one(t, scanScorer, "SELECT "+scorerCols+" FROM scorers WHERE org = ? AND image = ?", a.Org, image)
		switch {
		case err != nil:
			return err
		case again && old.State == aihub.ScorerRejected:
			return refused("this image was rejected as a scorer: "+old.Reason, "该镜像已被拒绝作为评分程序："+old.Reason)
		case again:
			v = old
			return nil
		}
		if ok, err := t.hasImage(a.Org, image); err != nil {
			return err
		} else if !ok {
			return notFound("image of your organisation", "属于贵机构的镜像", string(image))
		}
		v = aihub.Scorer{ID: aihub.ScorerID(aihub.NewID("scr")), Org: a.Org, Image: image, Name: name, Author: a.User, State: aihub.ScorerProposed, CreatedAt: t.now}
		t.touch("scorers", string(v.ID))
		if err := t.insert("scorers", scorerCols, v.ID, v.Org, v.Image, v.Name, v.Author, nil, v.State, "", us(t.now), 0); err != nil {
			return err
		}
		return t.record(acts, string(policies.ScorerPropose), string(v.ID), permitted(p), map[string]any{"image": image})
	})
	return v, err
}

// DecideScorer approves or rejects a proposed scorer. The approver is never its
// author: the engine refuses the permit, sameFacts one that was got with another
// author, and the database the row.
// ScorerApprove, ID = scorer
func (db *DB) DecideScorer(ctx context.Context, p policies.Permit, id aihub.ScorerID, approve bool, reason string) error {
	if err := p.Check(policies.ScorerApprove, string(id)); err != nil {
		return err
	}
	if err := bounded(4000, "reason", reason); err != nil {
		return err
	}
	to := aihub.ScorerRejected
	if approve {
		to = aihub.ScorerApproved
	}
	return db.write(ctx, func(t *tx) error {
		v, ok, err := one(t, scanScorer, "SELECT "+scorerCols+" FROM scorers WHERE id = ?", id)
		if err == nil && !ok {
			err = noScorer(string(id))
		}
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: v.Org, Author: v.Author}); err != nil {
			return err
		}
		if err := v.State.Next(to); err != nil {
			return err
		}
		t.touch("scorers", string(id))
		if err := t.swap("UPDATE scorers SET state = ?, approver = ?, reason = ?, decided_at = ? WHERE id = ? AND state = ?",
			to, p.Actor().User, reason, us(t.now), id, v.State); err != nil {
			return err
		}
		return t.record(acts, string(policies.ScorerApprove), string(id), permitted(p), map[string]any{"image": v.Image, "state": to})
	})
}

// Scorers lists those in scope, newest first: all of them for stewards and
// reviewers, none for anybody else.
func (db *DB) Scorers(ctx context.Context, s policies.Scope) ([]aihub.Scorer, error) {
	list := []aihub.Scorer{}
	if !s.All() {
		return list, nil
	}
	err := db.read(ctx, func(t *tx) error {
		rows, err := all(t, scanScorer, "SELECT "+scorerCols+" FROM scorers ORDER BY created_at DESC, id DESC")
		list = append(list, rows...)
		return err
	})
	return list, err
}

// Scorer returns one in scope.
func (db *DB) Scorer(ctx context.Context, s policies.Scope, id aihub.ScorerID) (v aihub.Scorer, err error) {
	err = db.read(ctx, func(t *tx) error {
		var ok bool
		v, ok, err = one(t, scanScorer, "SELECT "+scorerCols+" FROM scorers WHERE id = ?", id)
		if err == nil && (!ok || !s.All()) {
			v, err = aihub.Scorer{}, noScorer(string(id))
		}
		return err
	})
	return v, err
}

// mayScore refuses an image that its organisation's second person has not
// approved as a scorer.
func (t *tx) mayScore(org aihub.OrgID, image aihub.Digest) error {
	v, ok, err := one(t, scanScorer, "SELECT "+scorerCols+" FROM scorers WHERE org = ? AND image = ?", org, image)
	how := aihub.Text{EN: "propose it with aihub scorer propose, and have a reviewer approve it", ZH: "请用 aihub scorer propose 提交，并由评审员批准"}
	switch {
	case err != nil:
		return err
	case !ok:
		return notFound("scorer of your organisation", "属于贵机构的评分程序", string(image))
	case v.State == aihub.ScorerProposed:
		return aihub.Errorf(aihub.Pending, aihub.Text{EN: "scorer " + string(v.ID) + " waits for a second person", ZH: "评分程序 " + string(v.ID) + " 等待另一人审批"}).WithHint(how)
	case v.State != aihub.ScorerApproved:
		return refused("scorer "+string(v.ID)+" was rejected", "评分程序 "+string(v.ID)+" 已被拒绝")
	}
	return nil
}

// MayScore reports whether an image is approved as a scorer of the actor's
// organisation: nil, or what to do first.
func (db *DB) MayScore(ctx context.Context, s policies.Scope, image aihub.Digest) error {
	return db.read(ctx, func(t *tx) error { return t.mayScore(s.Actor().Org, image) })
}

// HandOn ends one stage of a score run and queues it for the next. o is what a
// sandbox left, zero from the evaluator. When the submission was cancelled
// meanwhile, the run ends as cancelled.
func (db *DB) HandOn(ctx context.Context, l *Lease, to aihub.RunStage, o Outcome) error {
	if l.run.Kind != aihub.RunScore || o.Failure != (aihub.Failure{}) {
		return fmt.Errorf("store: HandOn of a %s run to %q", l.run.Kind, to)
	}
	next := map[aihub.RunStage]aihub.RunStage{aihub.StageCheck: aihub.StageScorer, aihub.StageScorer: aihub.StageRead}
	if to == "" || next[l.run.Stage] != to {
		return fmt.Errorf("store: a run at stage %q cannot go on to %q", l.run.Stage, to)
	}
	usage, err := toJSON(o.Usage)
	if err != nil {
		return err
	}
	if err := bounded(1<<20, "posture", string(o.Posture)); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		phase, err := t.hold(l)
		if err != nil {
			return err
		}
		s, err := t.submission(l.run.Submission)
		if err != nil {
			return err
		}
		if s.State.Terminal() {
			if _, err := t.letGo(l, aihub.Failure{}); err != nil {
				return err
			}
			return t.record(runs, "run.finish", string(s.ID), leased(l), nil)
		}
		if err := t.walk(l, phase); err != nil {
			return err
		}
		if err := aihub.RunCollecting.Next(aihub.RunQueued); err != nil {
			return err
		}
		t.touch("runs", string(l.run.ID))
		t.wakes = true
		if err := t.swap("UPDATE runs SET state = ?, stage = ?, output = ?, log = ?, usage_json = ?, posture = ? WHERE id = ? AND fence = ? AND state = ?",
			aihub.RunQueued, to, o.Output, o.Log, usage, string(o.Posture), l.run.ID, l.fence, aihub.RunLeased); err != nil {
			return err
		}
		if err := t.swap("DELETE FROM leases WHERE run = ? AND fence = ?", l.run.ID, l.fence); err != nil {
			return err
		}
		if err := t.event(s.ID, l.run.ID, "run", string(aihub.RunQueued), "", time.Time{}); err != nil {
			return err
		}
		return t.record(runs, "run.hand_on", string(s.ID), leased(l), nil)
	})
}
