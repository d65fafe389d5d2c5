package api

import (
	"context"
	"net/http"

	"aihub"
	"aihub/server/wire"
)

func (a *API) scorers() {
	const tag = "scorers"
	again := op(http.MethodPost, "/submissions/{id}/rescores", "score-again", tag, "Score a submission again; the new score is added, nothing changes", 201)
	handle(a, again,
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByID
			Body wire.ScoreAgain
		}) (*body[aihub.Rescore], error) {
			return answer(a.Desk.ScoreAgain(ctx, who, aihub.SubmissionID(in.ID), in.Body))
		})
	handle(a, op(http.MethodGet, "/submissions/{id}/rescores", "list-rescores", tag, "What was scored again of a submission", 200),
		func(ctx context.Context, who aihub.Actor, in *ByID) (*body[[]aihub.Rescore], error) {
			return list(a.Desk.Rescores(ctx, who, aihub.SubmissionID(in.ID)))
		})
	handle(a, op(http.MethodGet, "/scorers", "list-scorers", tag, "List scoring programs, for stewards and reviewers", 200),
		func(ctx context.Context, who aihub.Actor, _ *struct{}) (*body[[]aihub.Scorer], error) {
			return list(a.Desk.Scorers(ctx, who))
		})
	handle(a, op(http.MethodPost, "/scorers", "propose-scorer", tag, "Propose an image as a scoring program; a second person approves it", 201),
		func(ctx context.Context, who aihub.Actor, in *struct{ Body wire.NewScorer }) (*body[aihub.Scorer], error) {
			return answer(a.Desk.ProposeScorer(ctx, who, in.Body))
		})
	handle(a, op(http.MethodPost, "/scorers/{id}/decision", "decide-scorer", tag, "Approve or reject a scoring program; never by who proposed it", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByID
			Body wire.Decide
		}) (*none, error) {
			return nil, a.Desk.DecideScorer(ctx, who, aihub.ScorerID(in.ID), in.Body)
		})
}
