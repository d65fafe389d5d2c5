package client

import (
	"context"
	"strconv"

	"aihub"
	"aihub/catalog"
	"aihub/internal/store"
	"aihub/server/wire"
)

// DatasetMetadata returns a dataset version as croissant, dcat or datapackage.
func (c *Client) DatasetMetadata(ctx context.Context, ref, format string) ([]byte, error) {
	r := get("datasets", ref, "metadata").with("format", format)
	r.accept = "*/*"
	return c.bytes(ctx, r)
}

// ScenarioMetadata returns a scenario as a task.
func (c *Client) ScenarioMetadata(ctx context.Context, ref string) ([]byte, error) {
	r := get("scenarios", ref, "metadata")
	r.accept = "*/*"
	return c.bytes(ctx, r)
}

// BoardMetadata returns the ranking of a round as solutions of a task.
func (c *Client) BoardMetadata(ctx context.Context, ref, round string) ([]byte, error) {
	r := get("scenarios", ref, "board", "metadata").with("round", round)
	r.accept = "*/*"
	return c.bytes(ctx, r)
}

// SubmissionMetadata returns a submission as a solution of a task.
func (c *Client) SubmissionMetadata(ctx context.Context, id aihub.SubmissionID) ([]byte, error) {
	r := get("submissions", string(id), "metadata")
	r.accept = "*/*"
	return c.bytes(ctx, r)
}

// Search looks through scenarios and dataset versions.
func (c *Client) Search(ctx context.Context, q store.CatalogueQuery) (store.CataloguePage, error) {
	r := get("search").with("q", q.Words).with("kind", q.Kind).with("org", string(q.Org)).with("field", q.Field).with("area", q.Area).
		with("license", q.License).with("state", q.State)
	if q.Offset > 0 {
		r = r.with("offset", strconv.Itoa(q.Offset))
	}
	if q.Limit > 0 {
		r = r.with("limit", strconv.Itoa(q.Limit))
	}
	return call[store.CataloguePage](ctx, c, r)
}

// DatasetDiff lists what differs from version ref to version to.
func (c *Client) DatasetDiff(ctx context.Context, ref, to string) ([]catalog.Change, error) {
	return call[[]catalog.Change](ctx, c, get("datasets", ref, "diff").with("to", to))
}

// WithdrawDataset takes a version out of use.
func (c *Client) WithdrawDataset(ctx context.Context, ref string, in wire.Withdraw) error {
	return c.command(ctx, in, "datasets", ref, "withdraw")
}

// WithdrawScenario takes a scenario out of sight.
func (c *Client) WithdrawScenario(ctx context.Context, ref string, in wire.Withdraw) error {
	return c.command(ctx, in, "scenarios", ref, "withdraw")
}
