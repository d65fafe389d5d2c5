package client

import (
	"context"

	"aihub"
	"aihub/server/wire"
)

// Scorers lists the scoring programs in scope.
func (c *Client) Scorers(ctx context.Context) ([]aihub.Scorer, error) {
	return call[[]aihub.Scorer](ctx, c, get("scorers"))
}

// ProposeScorer proposes an image of the organisation as a scoring program.
func (c *Client) ProposeScorer(ctx context.Context, n wire.NewScorer) (aihub.Scorer, error) {
	return send[aihub.Scorer](ctx, c, n, "scorers")
}

// DecideScorer approves or rejects one.
func (c *Client) DecideScorer(ctx context.Context, id string, d wire.Decide) error {
	return c.command(ctx, d, "scorers", id, "decision")
}

// ScoreAgain has a submission scored again; the new score is added.
func (c *Client) ScoreAgain(ctx context.Context, id aihub.SubmissionID, n wire.ScoreAgain) (aihub.Rescore, error) {
	return send[aihub.Rescore](ctx, c, n, "submissions", string(id), "rescores")
}

// Rescores lists what was scored again of a submission.
func (c *Client) Rescores(ctx context.Context, id aihub.SubmissionID) ([]aihub.Rescore, error) {
	return call[[]aihub.Rescore](ctx, c, get("submissions", string(id), "rescores"))
}
