package desk

import (
	"context"
	"time"

	"aihub"
	"aihub/policies"
	"aihub/sandbox"
	"aihub/server/wire"
)

// OpenWorkspace queues a workspace of an image in a scenario.
func (d *Desk) OpenWorkspace(ctx context.Context, a aihub.Actor, ref string, in wire.NewWorkspace) (aihub.Submission, error) {
	v, _, err := d.Scenario(ctx, a, ref)
	if err != nil {
		return aihub.Submission{}, err
	}
	p, err := d.permit(ctx, a, policies.WorkspaceOpen, policies.Object{ID: v.Ref.String(), Org: v.Org, For: a.Org})
	if err != nil {
		return aihub.Submission{}, err
	}
	image, err := aihub.ParseDigest(string(in.Image))
	if err != nil {
		return aihub.Submission{}, err
	}
	if err := name("name", "x"+in.Name); err != nil { // may be empty
		return aihub.Submission{}, err
	}
	return d.DB.Submit(ctx, p, aihub.Submission{
		Scenario: v.Ref, Org: a.Org, User: a.User, Name: in.Name, Image: image, Smoke: true, Workspace: true, Nonce: in.Nonce,
	}, 0)
}

// Workspaces lists the open ones that the actor may know of.
func (d *Desk) Workspaces(ctx context.Context, a aihub.Actor) ([]aihub.Submission, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	return d.DB.Workspaces(ctx, policies.ScopeOf(a))
}

// Workspace returns one.
func (d *Desk) Workspace(ctx context.Context, a aihub.Actor, id aihub.SubmissionID) (aihub.Submission, error) {
	if err := signedIn(a); err != nil {
		return aihub.Submission{}, err
	}
	return d.DB.Workspace(ctx, policies.ScopeOf(a), id)
}

// Seat returns the terminal of the actor's own workspace, to type and see: only
// whoever opened it sits there. It is nil while the workspace is not open yet.
func (d *Desk) Seat(ctx context.Context, a aihub.Actor, id aihub.SubmissionID) (*sandbox.Workspace, aihub.Submission, error) {
	sub, err := d.Workspace(ctx, a, id)
	if err != nil {
		return nil, sub, err
	}
	if sub.User != a.User {
		return nil, sub, aihub.Errorf(aihub.Refused, aihub.Text{
			EN: "only the person who opened a workspace sits at it", ZH: "只有打开工作区的人可以使用它",
		}).WithHint(aihub.Text{EN: "the steward of the scenario may watch it", ZH: "场景的数据管理员可以旁观"})
	}
	w, _ := d.Terminals.Find(id)
	return w, sub, nil
}

// Watch returns the terminal of a workspace for its own person, or, as a recorded
// decision, for the steward of the scenario, who only sees.
func (d *Desk) Watch(ctx context.Context, a aihub.Actor, id aihub.SubmissionID) (*sandbox.Workspace, aihub.Submission, error) {
	sub, err := d.Workspace(ctx, a, id)
	if err != nil || sub.User == a.User {
		w, _ := d.Terminals.Find(id)
		return w, sub, err
	}
	sc, err := d.DB.Scenario(ctx, policies.ScopeOf(a), sub.Scenario)
	if err != nil {
		return nil, sub, err
	}
	runs, err := d.DB.Runs(ctx, policies.ScopeOf(a), id)
	if err != nil || len(runs) == 0 {
		return nil, sub, err
	}
	p, err := d.permit(ctx, a, policies.LogRead, policies.Object{ID: string(runs[0].ID), Org: sc.Org, Author: sc.Author})
	if err != nil {
		return nil, sub, err
	}
	if err := d.DB.RecordLogRead(ctx, p, runs[0].ID); err != nil {
		return nil, sub, err
	}
	w, _ := d.Terminals.Find(id)
	return w, sub, nil
}

// CloseWorkspace ends one: its own organisation's people, the steward of the
// scenario, or an operator.
func (d *Desk) CloseWorkspace(ctx context.Context, a aihub.Actor, id aihub.SubmissionID, reason string) error {
	sub, err := d.Workspace(ctx, a, id)
	if err != nil {
		return err
	}
	if sub.Org == a.Org && (a.Has(aihub.Vendor) || a.Has(aihub.Steward)) {
		err = d.Cancel(ctx, a, id)
	} else {
		err = d.evict(ctx, a, sub, reason)
	}
	if w, ok := d.Terminals.Find(id); ok && err == nil {
		why := aihub.Text{EN: "the workspace was closed by " + string(a.User), ZH: "工作区已由 " + string(a.User) + " 关闭"}
		if reason != "" {
			why = aihub.Text{EN: why.EN + ": " + reason, ZH: why.ZH + "：" + reason}
		}
		w.Close(why)
	}
	return err
}

func (d *Desk) evict(ctx context.Context, a aihub.Actor, sub aihub.Submission, reason string) error {
	sc, err := d.DB.Scenario(ctx, policies.ScopeOf(a), sub.Scenario)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.WorkspaceClose, policies.Object{ID: string(sub.ID), Org: sc.Org, Author: sub.User})
	if err != nil {
		return err
	}
	return d.DB.CloseWorkspace(ctx, p, sub.ID, reason)
}

// Ended says how a workspace that is over ended, for its terminal.
func (d *Desk) Ended(sub aihub.Submission) aihub.Text {
	switch {
	case sub.State == aihub.SubmissionCancelled && sub.Fault.Owner == aihub.FaultPolicy:
		return aihub.Text{EN: "the workspace was closed, or the enrolment revoked", ZH: "工作区已被关闭，或揭榜已被撤销"}
	case sub.State == aihub.SubmissionFailed && sub.Fault.Owner == aihub.FaultPlatform:
		return aihub.Text{EN: "the platform was stopped or failed: open a new workspace; nothing is charged", ZH: "平台停止或发生故障：请打开新的工作区；不计费"}
	case sub.State == aihub.SubmissionFailed && sub.Fault.Detail != "":
		return aihub.Text{EN: sub.Fault.Detail, ZH: sub.Fault.Detail}
	case sub.State == aihub.SubmissionFailed:
		return aihub.Text{EN: "the workspace failed: " + string(sub.Fault.Reason), ZH: "工作区失败：" + string(sub.Fault.Reason)}
	}
	return aihub.Text{EN: "the workspace is over", ZH: "工作区已结束"}
}

// Notice is what whoever sits at a terminal is told first.
func Notice(a aihub.Actor, sub aihub.Submission, now time.Time) aihub.Text {
	who := string(a.User) + " · " + string(a.Org) + " · " + sub.Scenario.String() + " · " + string(sub.ID) + " · " + now.UTC().Format("2006-01-02 15:04 UTC")
	return aihub.Text{
		EN: who + " — what you see is for your eyes alone. Everything shown and typed is recorded, and the scenario's steward may watch. Nothing leaves but through a release: what is in /output when you exit is kept 30 days for one.",
		ZH: who + " — 所见内容仅限本人查看。显示与输入的全部内容都会被记录，场景的数据管理员可以旁观。除经出域审批外，任何内容不得带出：退出时 /output 中的内容保存 30 天，供申请出域。",
	}
}
