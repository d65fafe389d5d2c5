package sandbox

import (
	"context"
	"io"
	"os"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/store"
)

func (o *Orchestrator) put(ctx context.Context, l *store.Lease, path string) (aihub.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return o.store(ctx, l, f)
}

// store keeps what r holds for l. The database knows of it first, so that it is deleted
// when l's run does not come to name it.
func (o *Orchestrator) store(ctx context.Context, l *store.Lease, r io.Reader) (aihub.Digest, error) {
	d, _, err := o.Blobs.Put(ctx, blob.Noted(r, func(d aihub.Digest) error { return o.DB.Seal(ctx, l, d) }))
	return d, err
}

// disown has what was stored under a lost lease deleted.
func (o *Orchestrator) disown(ctx context.Context, l *store.Lease) {
	if err := o.DB.Disown(ctx, l); err != nil && ctx.Err() == nil {
		o.log().Error("what a lost run stored could not be noted", "run", l.Run().ID, "error", logged(err))
	}
}
