package desk

import (
	"context"
	"strings"

	"aihub"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/server/wire"
)

// Search looks through scenarios and dataset versions in the actor's scope.
func (d *Desk) Search(ctx context.Context, a aihub.Actor, q store.CatalogueQuery) (store.CataloguePage, error) {
	return d.DB.Search(ctx, policies.ScopeOf(a), q)
}

// WithdrawDataset takes a version out of use: nothing new pins it, the rounds on
// it take no submissions, and its sample is served no more.
func (d *Desk) WithdrawDataset(ctx context.Context, a aihub.Actor, ref string, in wire.Withdraw) error {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.DatasetWithdraw, policies.Object{ID: v.Ref.String(), Org: v.Org, Author: v.Author})
	if err != nil {
		return err
	}
	if err := reasoned(in.Reason); err != nil {
		return err
	}
	return d.DB.WithdrawDataset(ctx, p, v.Ref, in.Reason)
}

// WithdrawScenario takes a scenario out of sight.
func (d *Desk) WithdrawScenario(ctx context.Context, a aihub.Actor, ref string, in wire.Withdraw) error {
	sc, err := d.scenario(ctx, a, ref)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.ScenarioWithdraw, policies.Object{ID: sc.Ref.String(), Org: sc.Org, Author: sc.Author})
	if err != nil {
		return err
	}
	if err := reasoned(in.Reason); err != nil {
		return err
	}
	return d.DB.WithdrawScenario(ctx, p, sc.Ref, in.Reason)
}

func reasoned(reason string) error {
	if strings.TrimSpace(reason) == "" {
		return invalid("say why it is withdrawn", "请说明撤回的理由")
	}
	return nil
}
