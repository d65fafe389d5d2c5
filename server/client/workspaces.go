package client

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"aihub"
	"aihub/server/wire"
)

// OpenWorkspace queues a workspace. Sending the same nonce again returns the first.
func (c *Client) OpenWorkspace(ctx context.Context, ref string, n wire.NewWorkspace) (aihub.Submission, error) {
	return send[aihub.Submission](ctx, c, n, "scenarios", ref, "workspaces")
}

// Workspaces lists those that are open.
func (c *Client) Workspaces(ctx context.Context) ([]aihub.Submission, error) {
	return call[[]aihub.Submission](ctx, c, get("workspaces"))
}

// CloseWorkspace ends one.
func (c *Client) CloseWorkspace(ctx context.Context, id aihub.SubmissionID, reason string) error {
	return c.command(ctx, wire.Close{Reason: reason}, "workspaces", string(id), "close")
}

// Type types into a workspace; at is how many bytes were typed before. It
// returns how many were typed by now.
func (c *Client) Type(ctx context.Context, id aihub.SubmissionID, at int64, keys []byte) (int64, error) {
	r := post("workspaces", string(id), "keys").with("at", strconv.FormatInt(at, 10))
	r.body, r.kind = bytes.NewReader(keys), "application/octet-stream"
	t, err := call[wire.Typed](ctx, c, r)
	return t.At, err
}

// ResizeWorkspace tells the size of the terminal.
func (c *Client) ResizeWorkspace(ctx context.Context, id aihub.SubmissionID, w wire.Window) error {
	return c.command(ctx, w, "workspaces", string(id), "window")
}

// Screen calls show for what a workspace shows and tell for the events around
// it, until it is over. A connection that breaks is taken up again where it was.
func (c *Client) Screen(ctx context.Context, id aihub.SubmissionID, show func([]byte) error, tell func(event string, s wire.Seat)) error {
	const tries = 20
	after := int64(0)
	for failed := 0; ; {
		ended, err := c.stream(ctx, get("workspaces", string(id), "screen").with("after", strconv.FormatInt(after, 10)), func(name, id, data string) (bool, error) {
			failed = 0
			if name != "screen" {
				var s wire.Seat
				if err := json.Unmarshal([]byte(data), &s); err != nil {
					return false, err
				}
				tell(name, s)
				return name == "end", nil
			}
			b, err := base64.StdEncoding.DecodeString(data)
			if err != nil {
				return false, err
			}
			if after, err = strconv.ParseInt(id, 10, 64); err != nil {
				return false, err
			}
			return false, show(b)
		})
		if ended || ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && aihub.KindOf(err) != aihub.Unavailable {
			return err
		}
		if failed++; failed > tries {
			if err == nil {
				err = c.broken(ctx, io.ErrUnexpectedEOF)
			}
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(time.Duration(failed)*300*time.Millisecond, 3*time.Second)):
		}
	}
}
