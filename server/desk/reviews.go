package desk

import (
	"context"
	"encoding/hex"

	"aihub"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/server/wire"
)

// Releases lists those in scope, in one state or ("") in any.
func (d *Desk) Releases(ctx context.Context, a aihub.Actor, state aihub.ReleaseState) ([]aihub.Release, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	return d.DB.Releases(ctx, policies.ScopeOf(a), state)
}

// Release returns one.
func (d *Desk) Release(ctx context.Context, a aihub.Actor, id aihub.ReleaseID) (aihub.Release, error) {
	if err := signedIn(a); err != nil {
		return aihub.Release{}, err
	}
	return d.DB.Release(ctx, policies.ScopeOf(a), id)
}

// Vote records a reviewer's decision on a release.
func (d *Desk) Vote(ctx context.Context, a aihub.Actor, id aihub.ReleaseID, in wire.Decide) error {
	r, err := d.Release(ctx, a, id)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.ReleaseVote, policies.Object{ID: string(id), Org: r.Org})
	if err != nil {
		return err
	}
	return d.DB.Vote(ctx, p, id, in.Approve, in.Reason)
}

// VerifyLedger recomputes the ledger and compares it with the database.
func (d *Desk) VerifyLedger(ctx context.Context, a aihub.Actor) (wire.LedgerReport, error) {
	if _, err := d.permit(ctx, a, policies.LedgerRead, policies.Object{ID: "ledger"}); err != nil {
		return wire.LedgerReport{}, err
	}
	r, err := d.DB.VerifyLedger(ctx)
	return LedgerReport(r), err
}

// LedgerReport puts what the store found on the wire.
func LedgerReport(r store.LedgerReport) wire.LedgerReport {
	out := wire.LedgerReport{Leaves: r.Leaves, Root: r.Root, Rows: r.Rows, Checkpoint: r.Checkpoint, Logs: []wire.LedgerLog{}, Faults: r.Faults}
	for _, l := range r.Logs {
		out.Logs = append(out.Logs, wire.LedgerLog(l))
	}
	return out
}

// Queue returns how many runs of each state there are. It is for those who run
// the platform or its scenarios: to a vendor the moment at which a count changes
// would tell how long a hidden run takes.
func (d *Desk) Queue(ctx context.Context, a aihub.Actor) (map[aihub.RunState]int, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	if !a.Has(aihub.Operator) && !a.Has(aihub.Steward) && !a.Has(aihub.Reviewer) {
		return nil, aihub.Errorf(aihub.Refused, aihub.Text{
			EN: "the queue is for operators, stewards and reviewers", ZH: "队列仅供运维人员、数据管理员与评审员查看",
		}).WithHint(aihub.Text{EN: "look at your own submissions instead", ZH: "请查看本机构的提交"})
	}
	return d.DB.Queue(ctx)
}

// Checkpoint returns the newest signed checkpoint of the ledger and the key that
// it is signed with; public.
func (d *Desk) Checkpoint(ctx context.Context) (wire.Checkpoint, error) {
	note, err := d.DB.Checkpoint(ctx)
	return wire.Checkpoint{Checkpoint: note, Key: hex.EncodeToString(d.DB.PublicKey())}, err
}
