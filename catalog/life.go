package catalog

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"aihub"
	"aihub/policies"
)

// Erase destroys the keys of the parts of a version that is out of use, and what
// lies under them. Data of its parts cannot be read again, from no copy of the
// blob store; that there was a version, its card, plan and risk record stay.
func (c *Catalog) Erase(ctx context.Context, actor aihub.Actor, v aihub.DatasetVersion, reason string) error {
	permit, err := c.Policies.Authorize(ctx, actor, policies.DatasetErase,
		policies.Object{Kind: "dataset", ID: v.Ref.String(), Org: v.Org, Author: v.Author})
	if err != nil {
		return err
	}
	garbage, err := c.DB.EraseDataset(ctx, permit, v.Ref, reason)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range garbage { // without its key it is noise: what fails here hurts nobody
		errs = append(errs, c.Blobs.Delete(context.WithoutCancel(ctx), d))
	}
	return errors.Join(errs...)
}

// Retire erases every version whose time is over.
func (c *Catalog) Retire(ctx context.Context) (n int, err error) {
	due, err := c.DB.DueErasures(ctx)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, v := range due {
		err := c.Erase(ctx, policies.Platform(), v, "its time is over / 保存期限届满")
		if err == nil {
			n++
		} else if aihub.KindOf(err) != aihub.Conflict { // another server was quicker
			errs = append(errs, err)
		}
	}
	return n, errors.Join(errs...)
}

// Work watches the clock of every version until ctx ends.
func (c *Catalog) Work(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if _, err := c.Retire(ctx); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "retention", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
