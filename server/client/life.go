package client

import (
	"context"
	"encoding/json"

	"aihub"
	"aihub/server/wire"
)

// EraseDataset destroys the keys of the parts of a version that is out of use.
func (c *Client) EraseDataset(ctx context.Context, ref string, in wire.Withdraw) error {
	return c.command(ctx, in, "datasets", ref, "erase")
}

// DatasetPlan returns the mask plan of a version, JSON.
func (c *Client) DatasetPlan(ctx context.Context, ref string) (json.RawMessage, error) {
	return c.bytes(ctx, get("datasets", ref, "plan"))
}

// RotateKey gives a mask scope a new key.
func (c *Client) RotateKey(ctx context.Context, scope string, in wire.Rotate) (wire.Rotated, error) {
	return send[wire.Rotated](ctx, c, in, "mask-keys", scope, "rotate")
}

// Privacy returns the privacy budget of a dataset with what was spent of it.
func (c *Client) Privacy(ctx context.Context, ref string) (aihub.PrivacyBudget, error) {
	return call[aihub.PrivacyBudget](ctx, c, get("datasets", ref, "privacy"))
}

// Count publishes a histogram with differential privacy.
func (c *Client) Count(ctx context.Context, ref string, in wire.Count) (aihub.Aggregate, error) {
	return send[aihub.Aggregate](ctx, c, in, "datasets", ref, "aggregates")
}

// Reidentify asks for leave to learn raw values.
func (c *Client) Reidentify(ctx context.Context, ref string, in wire.Reidentify) (aihub.Reidentification, error) {
	return send[aihub.Reidentification](ctx, c, in, "datasets", ref, "reidentifications")
}

// Reidentifications lists the requests in scope.
func (c *Client) Reidentifications(ctx context.Context) ([]aihub.Reidentification, error) {
	return call[[]aihub.Reidentification](ctx, c, get("reidentifications"))
}

// DecideReidentification grants or refuses a request.
func (c *Client) DecideReidentification(ctx context.Context, id string, in wire.Decide) error {
	return c.command(ctx, in, "reidentifications", id, "decision")
}

// Reveal returns the answer to a granted request of one's own.
func (c *Client) Reveal(ctx context.Context, id string) ([]wire.Revealed, error) {
	return send[[]wire.Revealed](ctx, c, struct{}{}, "reidentifications", id, "answer")
}
