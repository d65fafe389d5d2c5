package desk

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"aihub"
	"aihub/policies"
	"aihub/server/wire"
)

// EraseDataset destroys the keys of the parts of a version that is out of use.
func (d *Desk) EraseDataset(ctx context.Context, a aihub.Actor, ref string, in wire.Withdraw) error {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return err
	}
	if err := reasoned(in.Reason); err != nil {
		return err
	}
	return d.Catalog.Erase(ctx, a, v, in.Reason)
}

// Plan returns the canonical mask plan of a version, JSON: for those who decide
// about it.
func (d *Desk) Plan(ctx context.Context, a aihub.Actor, ref string) ([]byte, error) {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	if !policies.ScopeOf(a).All() {
		return nil, NotFound()
	}
	return d.small(ctx, v.Plan)
}

// RotateKey gives a mask scope of the actor's organisation a new key.
func (d *Desk) RotateKey(ctx context.Context, a aihub.Actor, scope string, in wire.Rotate) (wire.Rotated, error) {
	id := string(a.Org) + "/" + scope
	p, err := d.permit(ctx, a, policies.KeyRotate, policies.Object{ID: id, Org: a.Org})
	if err != nil {
		return wire.Rotated{}, err
	}
	if err := reasoned(in.Reason); err != nil {
		return wire.Rotated{}, err
	}
	if err := d.scopeUsed(ctx, a, id); err != nil {
		return wire.Rotated{}, err
	}
	n, err := d.DB.RotateMaskKey(ctx, p, id, in.Reason)
	return wire.Rotated{Scope: id, Generation: n}, err
}

// scopeUsed fails where no version was masked in a scope: a name with a slip of the pen
// would be rotated, and the scope that was meant would go on under its old key.
func (d *Desk) scopeUsed(ctx context.Context, a aihub.Actor, id string) error {
	all, err := d.DB.Datasets(ctx, policies.ScopeOf(a))
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, v := range all {
		if v.Org == a.Org && v.MaskKey != "" {
			scope, _, _ := strings.Cut(v.MaskKey, "#")
			known[scope] = true
		}
	}
	if known[id] {
		return nil
	}
	names := slices.Sorted(maps.Keys(known))
	for i, n := range names {
		_, names[i], _ = strings.Cut(n, "/")
	}
	list := strings.Join(names[:min(len(names), 20)], ", ")
	return aihub.Errorf(aihub.NotFound, aihub.Text{EN: id + ": no dataset was masked in this scope", ZH: id + "：没有数据集使用该脱敏作用域"}).
		WithHint(aihub.Text{EN: "the scopes of your organisation: " + cmp.Or(list, "none yet"), ZH: "本机构的作用域：" + cmp.Or(list, "尚无")})
}

// Reidentify asks a second person for leave to learn raw values.
func (d *Desk) Reidentify(ctx context.Context, a aihub.Actor, ref string, in wire.Reidentify) (aihub.Reidentification, error) {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return aihub.Reidentification{}, err
	}
	p, err := d.permit(ctx, a, policies.ReidentifyRequest, policies.Object{ID: v.Ref.String(), Org: v.Org, Author: v.Author})
	if err != nil {
		return aihub.Reidentification{}, err
	}
	if err := d.Catalog.CanReveal(ctx, v, in.Column); err != nil {
		return aihub.Reidentification{}, err
	}
	for i, m := range in.Masked {
		in.Masked[i] = strings.TrimSpace(m)
	}
	return d.DB.RequestReidentification(ctx, p, aihub.Reidentification{Dataset: v.Ref, Column: in.Column, Masked: in.Masked, Purpose: in.Purpose})
}

// Reidentifications lists the requests in scope.
func (d *Desk) Reidentifications(ctx context.Context, a aihub.Actor) ([]aihub.Reidentification, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	return d.DB.Reidentifications(ctx, policies.ScopeOf(a))
}

// DecideReidentification grants or refuses a request; never its author.
func (d *Desk) DecideReidentification(ctx context.Context, a aihub.Actor, id aihub.ReidentificationID, in wire.Decide) error {
	r, err := d.DB.Reidentification(ctx, policies.ScopeOf(a), id)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.ReidentifyApprove, policies.Object{ID: string(id), Org: r.Org, Author: r.Author})
	if err != nil {
		return err
	}
	return d.DB.DecideReidentification(ctx, p, id, in.Approve, in.Reason)
}

// Reveal gives the author of a granted request its answer. Each time is a leaf of
// the ledger, before the answer is made.
func (d *Desk) Reveal(ctx context.Context, a aihub.Actor, id aihub.ReidentificationID) ([]wire.Revealed, error) {
	r, err := d.DB.Reidentification(ctx, policies.ScopeOf(a), id)
	if err != nil {
		return nil, err
	}
	p, err := d.permit(ctx, a, policies.ReidentifyRead, policies.Object{ID: string(id), Org: r.Org, Author: r.Author})
	if err != nil {
		return nil, err
	}
	v, err := d.Dataset(ctx, a, r.Dataset.String())
	if err != nil {
		return nil, err
	}
	if r, err = d.DB.ReadReidentification(ctx, p, id); err != nil {
		return nil, err
	}
	raw, err := d.Catalog.Reveal(ctx, v, r.Column, r.Masked)
	if err != nil {
		return nil, err
	}
	out := make([]wire.Revealed, len(raw))
	for i, x := range raw {
		out[i] = wire.Revealed{Masked: r.Masked[i], Raw: x, Found: x != ""}
	}
	return out, nil
}

// Count publishes a histogram with differential privacy.
func (d *Desk) Count(ctx context.Context, a aihub.Actor, ref string, in wire.Count) (aihub.Aggregate, error) {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return aihub.Aggregate{}, err
	}
	return d.Catalog.Aggregate(ctx, a, v, in.Column, in.Cells, in.Cost)
}

// Privacy returns the privacy budget of a dataset with what was published against
// it: anyone's who may see the version.
func (d *Desk) Privacy(ctx context.Context, a aihub.Actor, ref string) (aihub.PrivacyBudget, error) {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return aihub.PrivacyBudget{}, err
	}
	return d.DB.Privacy(ctx, v.Ref.Name)
}
