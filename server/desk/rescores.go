package desk

import (
	"context"

	"aihub"
	"aihub/evaluator"
	"aihub/policies"
	"aihub/server/wire"
)

// ScoreAgain computes the score of a submission anew, by its own scenario's spec or
// that of another version, and adds it: nothing that was scored or shown changes.
func (d *Desk) ScoreAgain(ctx context.Context, a aihub.Actor, id aihub.SubmissionID, in wire.ScoreAgain) (aihub.Rescore, error) {
	if err := signedIn(a); err != nil {
		return aihub.Rescore{}, err
	}
	sub, err := d.DB.Submission(ctx, policies.ScopeOf(a), id)
	if err != nil {
		return aihub.Rescore{}, err
	}
	by := sub.Scenario
	if in.Scenario != "" {
		if by, err = aihub.ParseRef(in.Scenario); err != nil {
			return aihub.Rescore{}, err
		}
		if by.Name != sub.Scenario.Name {
			return aihub.Rescore{}, aihub.Errorf(aihub.Invalid, aihub.Text{
				EN: "it was entered in " + sub.Scenario.String() + ": name a version of that", ZH: "该提交属于 " + sub.Scenario.String() + "：请给出其某个版本",
			})
		}
	}
	sc, err := d.DB.Scenario(ctx, policies.ScopeOf(a), by)
	if err != nil {
		return aihub.Rescore{}, err
	}
	p, err := d.permit(ctx, a, policies.ScoreAgain, policies.Object{ID: string(id), Org: sc.Org, Author: sc.Author})
	if err != nil {
		return aihub.Rescore{}, err
	}
	inputs, err := d.DB.ScoreInputs(ctx, p, id, by)
	if err != nil {
		return aihub.Rescore{}, err
	}
	values, err := evaluator.Again(ctx, d.Blobs, inputs, d.Dir, d.Judge)
	if err != nil {
		return aihub.Rescore{}, err
	}
	return d.DB.AddRescore(ctx, p, inputs, values, in.Reason)
}

// Rescores lists what was computed again of a submission, as the actor may see it.
func (d *Desk) Rescores(ctx context.Context, a aihub.Actor, id aihub.SubmissionID) ([]aihub.Rescore, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	return d.DB.Rescores(ctx, policies.ScopeOf(a), id)
}
