package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"time"

	"aihub"
	"aihub/server/wire"
)

// A range of an upload, and how often one that fails is tried again.
const (
	uploadRange = 64 << 20
	uploadTries = 8
)

// PublishUpload is PublishDataset for a large file: it is sent in ranges, and a
// connection that breaks is taken up where the server stands, also by a later
// call with the same bytes. pause is how long to wait before the n-th attempt in
// a row; nil for twice as long each time, from a second on.
func (c *Client) PublishUpload(ctx context.Context, manifest []byte, data io.ReaderAt, size int64, pause func(n int) time.Duration, progress func(wire.Progress)) (aihub.DatasetVersion, error) {
	var none aihub.DatasetVersion
	if progress == nil {
		progress = func(wire.Progress) {}
	}
	if pause == nil {
		pause = func(n int) time.Duration { return time.Second << min(n-1, 5) }
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(data, 0, size)); err != nil {
		return none, err
	}
	u, err := send[wire.Upload](ctx, c, wire.NewUpload{Size: size, Digest: aihub.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))}, "uploads")
	if err != nil {
		return none, err
	}
	for failed := 0; u.Offset < size; {
		progress(wire.Progress{Stage: "upload", Done: u.Offset, Total: size})
		r := request{method: http.MethodPatch, path: []string{"uploads", u.ID}}.with("offset", strconv.FormatInt(u.Offset, 10))
		r.body, r.kind, r.upload = io.NewSectionReader(data, u.Offset, min(uploadRange, size-u.Offset)), "application/octet-stream", true
		next, err := call[wire.Upload](ctx, c, r)
		if err == nil {
			u, failed = next, 0
			continue
		}
		if k := aihub.KindOf(err); k != aihub.Unavailable && k != aihub.Conflict && k != aihub.Invalid && k != aihub.Internal {
			return none, err
		}
		if failed++; failed >= uploadTries {
			return none, err
		}
		select {
		case <-ctx.Done():
			return none, ctx.Err()
		case <-time.After(pause(failed)):
		}
		if at, gerr := call[wire.Upload](ctx, c, get("uploads", u.ID)); gerr == nil {
			u = at
		}
	}
	progress(wire.Progress{Stage: "upload", Done: size, Total: size})
	return c.propose(ctx, manifest, u.ID, progress)
}
