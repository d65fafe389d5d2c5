package catalog

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"aihub"
	"aihub/catalog/mask"
)

// CanReveal returns nil when masked values of a column of v can be turned back.
func (c *Catalog) CanReveal(ctx context.Context, v aihub.DatasetVersion, column string) error {
	p, err := c.plan(ctx, v)
	if err != nil {
		return err
	}
	return p.CanReveal(column)
}

// Reveal turns masked values of a column of v back under the key that v was
// masked with, "" where that cannot be. Who may ask is decided before.
func (c *Catalog) Reveal(ctx context.Context, v aihub.DatasetVersion, column string, masked []string) ([]string, error) {
	p, err := c.plan(ctx, v)
	if err != nil {
		return nil, err
	}
	cut := max(0, strings.LastIndexByte(v.MaskKey, '#')) // a scope of before had any name
	scope := v.MaskKey[:cut]
	generation, err := strconv.Atoi(strings.TrimPrefix(v.MaskKey[cut:], "#"))
	if scope == "" || err != nil {
		return nil, fmt.Errorf("catalog: %s has the mask key %q", v.Ref, v.MaskKey)
	}
	return p.Reveal(c.maskKey(scope, generation), column, masked)
}

// plan reads the mask plan of v.
func (c *Catalog) plan(ctx context.Context, v aihub.DatasetVersion) (mask.Plan, error) {
	r, err := c.Blobs.Open(ctx, v.Plan)
	if err != nil {
		return mask.Plan{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 64<<20))
	if err != nil {
		return mask.Plan{}, err
	}
	return mask.ParsePlan(b)
}
