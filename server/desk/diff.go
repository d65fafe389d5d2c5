package desk

import (
	"context"
	"encoding/json"

	"aihub"
	"aihub/catalog"
	"aihub/policies"
)

// Diff lists what differs from version ref to version to. How columns are masked
// and what risk remains is told to those only who decide about datasets.
func (d *Desk) Diff(ctx context.Context, a aihub.Actor, ref, to string) ([]catalog.Change, error) {
	var versions [2]aihub.DatasetVersion
	var profiles [2]*catalog.Profile
	for i, r := range []string{ref, to} {
		v, err := d.Dataset(ctx, a, r)
		if err != nil {
			return nil, err
		}
		versions[i] = v
		if !policies.ScopeOf(a).All() {
			continue
		}
		b, err := d.small(ctx, v.Profile)
		if err != nil {
			return nil, err
		}
		profiles[i] = new(catalog.Profile)
		if err := json.Unmarshal(b, profiles[i]); err != nil {
			return nil, err
		}
	}
	return catalog.Diff(versions[0], versions[1], profiles[0], profiles[1]), nil
}
