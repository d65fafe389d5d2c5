package store

import (
	"context"
	"encoding/json"
	"slices"

	"aihub"
	"aihub/policies"
)

// ScoreInputs are what a score was made from.
type ScoreInputs struct {
	Score      aihub.Score // sealed values included: for the evaluator alone
	Submission aihub.Submission
	Scenario   aihub.Scenario // by whose spec it is to be scored
	Dataset    aihub.DatasetVersion
	Infer      aihub.Run // with its row key: for the evaluator alone
}

// ScoreInputs returns what is needed to score a submission again, by the spec of
// the given version of its scenario (zero: its own).
// ScoreAgain, ID = submission
func (db *DB) ScoreInputs(ctx context.Context, p policies.Permit, id aihub.SubmissionID, by aihub.Ref) (in ScoreInputs, err error) {
	if err := p.Check(policies.ScoreAgain, string(id)); err != nil {
		return in, err
	}
	err = db.read(ctx, func(t *tx) error {
		row, ok, err := one(t, scanScore, scoreSelect+" WHERE c.submission = ?", id)
		if err == nil && !ok {
			err = notFound("score of submission", "成绩，提交", string(id))
		}
		if err != nil {
			return err
		}
		in.Score = row.Score
		sub, err := t.submission(id)
		if err != nil {
			return err
		}
		in.Submission = sub.Submission
		if by.IsZero() {
			by = sub.Scenario
		}
		sc, err := t.scenario(by)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: sc.Org}); err != nil {
			return err
		}
		in.Scenario = sc.Scenario
		if in.Dataset, err = t.dataset(sc.Dataset); err != nil {
			return err
		}
		run, err := t.run(row.Run)
		if err != nil {
			return err
		}
		infer, err := t.run(run.scores)
		in.Infer = infer.Run
		return err
	})
	return in, err
}

// AddRescore adds a score that was computed again; the first stays as it is.
// ScoreAgain, ID = submission
func (db *DB) AddRescore(ctx context.Context, p policies.Permit, in ScoreInputs, values []aihub.MetricValue, reason string) (r aihub.Rescore, err error) {
	if err := p.Check(policies.ScoreAgain, string(in.Submission.ID)); err != nil {
		return r, err
	}
	if err := bounded(4000, "reason", reason); err != nil {
		return r, err
	}
	sealed, err := toJSON(values)
	if err != nil {
		return r, err
	}
	err = db.write(ctx, func(t *tx) error {
		r = aihub.Rescore{
			ID: aihub.NewID("rsc"), Score: in.Score.ID, Submission: in.Submission.ID, Scenario: in.Scenario.Ref, By: p.Actor().User, Reason: reason,
			Same: slices.EqualFunc(values, in.Score.Sealed, aihub.MetricValue.Equal), ScoredAt: t.now,
		}
		t.touch("rescores", r.ID)
		if err := t.insert("rescores", "id, score, submission, org, scenario, by_user, reason, sealed, same, scored_at",
			r.ID, r.Score, r.Submission, in.Submission.Org, r.Scenario.String(), r.By, r.Reason, sealed, bit(r.Same), us(t.now)); err != nil {
			return err
		}
		return t.record(acts, string(policies.ScoreAgain), string(in.Submission.ID), permitted(p), map[string]any{"scenario": r.Scenario})
	})
	return r, err
}

// Rescores lists the scores that were computed again of a submission, oldest
// first: for stewards and reviewers who may see its runs; values for those who may
// see sealed ones.
func (db *DB) Rescores(ctx context.Context, s policies.Scope, id aihub.SubmissionID) ([]aihub.Rescore, error) {
	list := []aihub.Rescore{}
	err := db.read(ctx, func(t *tx) error {
		sub, err := t.seenSubmission(s, id)
		if err != nil || !whole(s, sub.Org) {
			return err
		}
		rows, err := all(t, func(s scanner) (r aihub.Rescore, err error) {
			var sealed string
			err = s.Scan(&r.ID, &r.Score, &r.Submission, ref{&r.Scenario}, &r.By, &r.Reason, &sealed, &r.Same, at{&r.ScoredAt})
			if err == nil {
				err = json.Unmarshal([]byte(sealed), &r.Sealed)
			}
			return r, err
		}, "SELECT id, score, submission, scenario, by_user, reason, sealed, same, scored_at FROM rescores WHERE submission = ? ORDER BY scored_at, id", id)
		for _, r := range rows {
			if !seesSealed(s, sub.Org) {
				r.Sealed = nil
			}
			list = append(list, r)
		}
		return err
	})
	return list, err
}
