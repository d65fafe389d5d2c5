package desk

import (
	"context"

	"aihub"
	"aihub/policies"
	"aihub/server/wire"
)

// ProposeScorer asks for an image of the actor's organisation to be approved as
// a scorer.
func (d *Desk) ProposeScorer(ctx context.Context, a aihub.Actor, in wire.NewScorer) (aihub.Scorer, error) {
	p, err := d.permit(ctx, a, policies.ScorerPropose, policies.Object{ID: string(in.Image), Org: a.Org, Author: a.User})
	if err != nil {
		return aihub.Scorer{}, err
	}
	if _, err := aihub.ParseDigest(string(in.Image)); err != nil {
		return aihub.Scorer{}, err
	}
	if err := name("name", in.Name); err != nil {
		return aihub.Scorer{}, err
	}
	return d.DB.ProposeScorer(ctx, p, in.Image, in.Name)
}

// Scorers lists those in scope.
func (d *Desk) Scorers(ctx context.Context, a aihub.Actor) ([]aihub.Scorer, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	return d.DB.Scorers(ctx, policies.ScopeOf(a))
}

// DecideScorer approves or rejects one; never its author.
func (d *Desk) DecideScorer(ctx context.Context, a aihub.Actor, id aihub.ScorerID, in wire.Decide) error {
	if err := signedIn(a); err != nil {
		return err
	}
	v, err := d.DB.Scorer(ctx, policies.ScopeOf(a), id)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.ScorerApprove, policies.Object{ID: string(id), Org: v.Org, Author: v.Author})
	if err != nil {
		return err
	}
	return d.DB.DecideScorer(ctx, p, id, in.Approve, in.Reason)
}
