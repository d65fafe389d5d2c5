package api

import (
	"context"
	"net/http"

	"aihub"
	"aihub/server/wire"
)

func (a *API) reviews() {
	const tag = "reviews"
	handle(a, op(http.MethodGet, "/releases", "list-releases", tag, "List the releases you may see", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			State string `query:"state" maxLength:"20" doc:"only in this state"`
		}) (*body[[]aihub.Release], error) {
			return list(a.Desk.Releases(ctx, who, aihub.ReleaseState(in.State)))
		})
	handle(a, op(http.MethodGet, "/releases/{id}", "get-release", tag, "One release", 200),
		func(ctx context.Context, who aihub.Actor, in *ByID) (*body[aihub.Release], error) {
			return answer(a.Desk.Release(ctx, who, aihub.ReleaseID(in.ID)))
		})
	handle(a, op(http.MethodPost, "/releases/{id}/votes", "vote", tag, "Vote on a release; never on one's own organisation's", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByID
			Body wire.Decide
		}) (*none, error) {
			return nil, a.Desk.Vote(ctx, who, aihub.ReleaseID(in.ID), in.Body)
		})
	handle(a, op(http.MethodGet, "/ledger/checkpoint", "get-checkpoint", "ledger", "The newest signed checkpoint; public", 200),
		func(ctx context.Context, _ aihub.Actor, _ *struct{}) (*body[wire.Checkpoint], error) {
			return answer(a.Desk.Checkpoint(ctx))
		})
	handle(a, op(http.MethodGet, "/ledger/verify", "verify-ledger", "ledger", "Recompute the ledger and compare every row with it", 200),
		func(ctx context.Context, who aihub.Actor, _ *struct{}) (*body[wire.LedgerReport], error) {
			return answer(a.Desk.VerifyLedger(ctx, who))
		})
	handle(a, op(http.MethodGet, "/queue", "get-queue", "operations", "How many runs of each state there are; not for vendors", 200),
		func(ctx context.Context, who aihub.Actor, _ *struct{}) (*body[map[aihub.RunState]int], error) {
			return answer(a.Desk.Queue(ctx, who))
		})
}
