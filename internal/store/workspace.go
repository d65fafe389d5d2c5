package store

import (
	"context"
	"fmt"

	"aihub"
	"aihub/policies"
)

// A workspace is a submission whose run is a person at a shell beside the train
// part. It counts in no round and its outcome is open, like a trial's; its log,
// which is all that was shown and typed, is the steward's, like a hidden run's.
// It is never tried again: nobody can go on where it was.

// maxWorkspaces is how many an organisation may have open.
const maxWorkspaces = 2

// mayOpen checks that the scenario offers workspaces, and that the organisation
// has not too many.
func (t *tx) mayOpen(sc scenarioRow, sub aihub.Submission) error {
	l, err := limitsOf(sc)
	if err != nil {
		return err
	}
	if l.Workspace == nil || l.Train == nil {
		return refused("scenario "+sub.Scenario.String()+" opens no workspaces", "应用场景 "+sub.Scenario.String()+" 不开放工作区").
			WithHint(aihub.Text{EN: "its owner opens them with the keys train and workspace of the spec", ZH: "场景方可在规范中用 train 与 workspace 键开放"})
	}
	n, _, err := one(t, value[int], "SELECT count(*) FROM submissions WHERE workspace = 1 AND state = ? AND org = ?", aihub.SubmissionQueued, sub.Org)
	if err == nil && n >= maxWorkspaces {
		err = aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("your organisation has %d workspaces open, the most at once", n), ZH: fmt.Sprintf("贵机构已打开 %d 个工作区，达到同时打开的上限", n),
		}).WithHint(aihub.Text{EN: "close one: aihub workspace list, aihub workspace close ID", ZH: "请关闭一个：aihub workspace list，aihub workspace close 编号"})
	}
	return err
}

// storedKind is a run's kind as a row has it, and whether it is a workspace.
func storedKind(k aihub.RunKind) (aihub.RunKind, any) {
	if k == aihub.RunWorkspace {
		return aihub.RunTrain, 1
	}
	return k, nil
}

// lane is the kind by which a run r is claimed. The index runs_turns has the
// same expression.
const lane = "(CASE WHEN r.workspace = 1 THEN 'workspace' WHEN r.stage = 'scorer' THEN 'scorer' ELSE r.kind END)"

// Workspaces lists the open ones that the scope may know of, oldest first. An
// operator knows of all: who keeps the machine may have to close one.
func (db *DB) Workspaces(ctx context.Context, s policies.Scope) ([]aihub.Submission, error) {
	list := []aihub.Submission{}
	err := db.read(ctx, func(t *tx) error {
		rows, err := all(t, scanSubmission, "SELECT "+submissionCols+" FROM submissions WHERE workspace = 1 AND state = ? ORDER BY created_at, id", aihub.SubmissionQueued)
		for _, r := range rows {
			if sees(s, r.Org) || s.Actor().Has(aihub.Operator) {
				list = append(list, redactSubmission(s, r, t.now))
			}
		}
		return err
	})
	return list, err
}

// Workspace returns an open or closed one for whoever Workspaces would list it for.
func (db *DB) Workspace(ctx context.Context, s policies.Scope, id aihub.SubmissionID) (sub aihub.Submission, err error) {
	err = db.read(ctx, func(t *tx) error {
		r, ok, err := one(t, scanSubmission, "SELECT "+submissionCols+" FROM submissions WHERE id = ?", id)
		if err != nil {
			return err
		}
		if !ok || !r.Workspace || !sees(s, r.Org) && !s.Actor().Has(aihub.Operator) {
			return notFound("workspace", "工作区", string(id))
		}
		sub = redactSubmission(s, r, t.now)
		return nil
	})
	return sub, err
}

// CloseWorkspace ends one that is not the actor's organisation's own, which
// withdraws its own with CancelSubmission. What it used is not charged.
// WorkspaceClose, ID = submission
func (db *DB) CloseWorkspace(ctx context.Context, p policies.Permit, id aihub.SubmissionID, reason string) error {
	if err := p.Check(policies.WorkspaceClose, string(id)); err != nil {
		return err
	}
	if err := bounded(4000, "reason", reason); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		s, err := t.submission(id)
		if err != nil {
			return err
		}
		if !s.Workspace {
			return notFound("workspace", "工作区", string(id))
		}
		sc, err := t.scenario(s.Scenario)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: sc.Org}); err != nil {
			return err
		}
		if s.State.Terminal() {
			return isOver(s)
		}
		if err := t.cancel(s, aihub.Failure{Owner: aihub.FaultPolicy, Reason: aihub.ReasonPolicy, Detail: reason}); err != nil {
			return err
		}
		return t.record(acts, string(policies.WorkspaceClose), string(id), permitted(p), map[string]any{"reason": reason})
	})
}
