package api

import (
	"context"
	"net/http"

	"aihub"
	"aihub/catalog"
	"aihub/internal/store"
	"aihub/server/wire"
)

// catalogue serves what is common to datasets and scenarios.
func (a *API) catalogue() {
	handle(a, op(http.MethodGet, "/search", "search", "datasets", "Full-text search over scenarios and dataset versions, in Chinese and English", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			Query   string `query:"q" maxLength:"200" doc:"every word must be found in name, title, description or columns"`
			Kind    string `query:"kind" enum:"scenario,dataset"`
			Org     string `query:"org" maxLength:"64" doc:"whose it is"`
			Field   string `query:"field" maxLength:"40" doc:"technical field of a scenario"`
			Area    string `query:"area" maxLength:"40" doc:"application area of a scenario"`
			License string `query:"license" maxLength:"100" doc:"of a dataset's public sample"`
			State   string `query:"state" enum:"open,closed,proposed,published,rejected,withdrawn"`
			Offset  int    `query:"offset" minimum:"0" maximum:"1000000" doc:"entries to leave out"`
			Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"entries to return"`
		}) (*body[store.CataloguePage], error) {
			return answer(a.Desk.Search(ctx, who, store.CatalogueQuery{
				Words: in.Query, Kind: in.Kind, Org: aihub.OrgID(in.Org), Field: in.Field, Area: in.Area, License: in.License, State: in.State,
				Offset: in.Offset, Limit: in.Limit,
			}))
		})
	handle(a, op(http.MethodGet, "/datasets/{ref}/diff", "diff-datasets", "datasets", "What differs from this version to another", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByRef
			To string `query:"to" required:"true" maxLength:"80" doc:"name@N of the other version"`
		}) (*body[[]catalog.Change], error) {
			return list(a.Desk.Diff(ctx, who, in.Ref, in.To))
		})
	handle(a, op(http.MethodPost, "/datasets/{ref}/withdraw", "withdraw-dataset", "datasets", "Take a version out of use: nothing new pins it or runs on it, and its sample is served no more", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByRef
			Body wire.Withdraw
		}) (*none, error) {
			return nil, a.Desk.WithdrawDataset(ctx, who, in.Ref, in.Body)
		})
	handle(a, op(http.MethodPost, "/scenarios/{ref}/withdraw", "withdraw-scenario", "scenarios", "Take a scenario out of sight, for good", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByScenario
			Body wire.Withdraw
		}) (*none, error) {
			return nil, a.Desk.WithdrawScenario(ctx, who, in.Ref, in.Body)
		})
}
