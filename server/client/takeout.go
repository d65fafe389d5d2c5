package client

import (
	"context"
	"strconv"

	"aihub"
	"aihub/server/wire"
)

// AskFiles asks that files of a workspace that is over leave.
func (c *Client) AskFiles(ctx context.Context, id aihub.SubmissionID, in wire.AskFiles) (aihub.FileRelease, error) {
	return send[aihub.FileRelease](ctx, c, in, "workspaces", string(id), "file-releases")
}

// FileReleases lists those in scope, of one workspace or ("") of all.
func (c *Client) FileReleases(ctx context.Context, workspace aihub.SubmissionID) ([]aihub.FileRelease, error) {
	return call[[]aihub.FileRelease](ctx, c, get("file-releases").with("workspace", string(workspace)))
}

// FileRelease returns one.
func (c *Client) FileRelease(ctx context.Context, id string) (aihub.FileRelease, error) {
	return call[aihub.FileRelease](ctx, c, get("file-releases", id))
}

// VoteFiles records a reviewer's decision.
func (c *Client) VoteFiles(ctx context.Context, id string, d wire.Decide) error {
	return c.command(ctx, d, "file-releases", id, "votes")
}

// ViewFile returns a piece of a file, for a reviewer.
func (c *Client) ViewFile(ctx context.Context, id string, file int, from int64) (wire.FileView, error) {
	return call[wire.FileView](ctx, c, get("file-releases", id, "view").with("file", strconv.Itoa(file)).with("from", strconv.FormatInt(from, 10)))
}

// FetchFile returns a file that was released.
func (c *Client) FetchFile(ctx context.Context, id string, file int) ([]byte, error) {
	return c.bytes(ctx, get("file-releases", id, "files").with("file", strconv.Itoa(file)))
}
