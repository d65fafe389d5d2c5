package client

import "context"

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
