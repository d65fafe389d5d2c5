package desk

import (
	"context"
	"encoding/json"

	"aihub"
	"aihub/catalog"
	"aihub/policies"
)

// maxVersions bounds the other versions that are listed beside one.
const maxVersions = 20

// Versions are the other versions of a dataset that the actor may see, newest
// first: the last maxVersions.
func (d *Desk) Versions(ctx context.Context, a aihub.Actor, of aihub.Ref) (list []aihub.DatasetVersion, err error) {
	next, err := d.DB.NextDatasetVersion(ctx, of.Name)
	if err != nil {
		return nil, err
	}
	for n := next - 1; n >= 1 && n >= next-maxVersions; n-- {
		if n == of.Version {
			continue
		}
		v, err := d.DB.Dataset(ctx, policies.ScopeOf(a), aihub.Ref{Name: of.Name, Version: n})
		if aihub.KindOf(err) == aihub.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

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
