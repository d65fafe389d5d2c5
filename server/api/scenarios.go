package api

import (
	"context"
	"net/http"
	"time"

	"aihub"
	"aihub/internal/store"
	"aihub/server/wire"
)

// ByScenario names a scenario.
type ByScenario struct {
	Ref string `path:"ref" maxLength:"80" doc:"name@N, or a bare name for its newest open version" example:"event-dispatch@1"`
}

// ByID names a thing by its id.
type ByID struct {
	ID string `path:"id" maxLength:"80"`
}

func (a *API) scenarios() {
	const tag = "scenarios"
	handle(a, op(http.MethodGet, "/scenarios", "list-scenarios", tag, "Search the scenarios", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			Query string `query:"q" maxLength:"200" doc:"words looked for in name, title, summary and description"`
			Field string `query:"field" maxLength:"40" doc:"technical field"`
			Area  string `query:"area" maxLength:"40" doc:"application area"`
			State string `query:"state" enum:"open,closed,withdrawn"`
		}) (*body[[]wire.ScenarioCard], error) {
			return list(a.Desk.Scenarios(ctx, who, store.ScenarioFilter{Query: in.Query, Field: in.Field, Area: in.Area, State: aihub.ScenarioState(in.State)}))
		})
	handle(a, op(http.MethodGet, "/scenarios/{ref}", "get-scenario", tag, "One scenario with its spec and rounds", 200),
		func(ctx context.Context, who aihub.Actor, in *ByScenario) (*body[wire.ScenarioView], error) {
			v, _, err := a.Desk.Scenario(ctx, who, in.Ref)
			return answer(v, err)
		})
	handle(a, op(http.MethodPost, "/scenarios", "publish-scenario", tag, "Publish a scenario from its YAML", 201),
		func(ctx context.Context, who aihub.Actor, in *struct{ Body wire.NewScenario }) (*body[aihub.Scenario], error) {
			return answer(a.Desk.PublishScenario(ctx, who, in.Body))
		})
	handle(a, op(http.MethodGet, "/scenarios/{ref}/self-test", "get-self-test", tag, "What the self-test of the scoring came to; for stewards of the scenario", 200),
		func(ctx context.Context, who aihub.Actor, in *ByScenario) (*body[[]aihub.SelfTest], error) {
			return list(a.Desk.SelfTest(ctx, who, in.Ref))
		})
	handle(a, op(http.MethodGet, "/scenarios/{ref}/probing", "get-probing", tag, "Which submissions of a round are nearly the same as an earlier one; for reviewers and stewards of the scenario", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByScenario
			Round string `query:"round" maxLength:"100" doc:"default: the round that is open"`
		}) (*body[aihub.Probing], error) {
			return answer(a.Desk.Probing(ctx, who, in.Ref, in.Round))
		})
	handle(a, op(http.MethodPost, "/scenarios/{ref}/close", "close-scenario", tag, "Take no more submissions", 204),
		func(ctx context.Context, who aihub.Actor, in *ByScenario) (*none, error) {
			return nil, a.Desk.CloseScenario(ctx, who, in.Ref)
		})
	handle(a, op(http.MethodGet, "/scenarios/{ref}/board", "get-board", tag, "The ranking of a round, from released scores", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByScenario
			Round string    `query:"round" maxLength:"100" doc:"default: the round that is open"`
			AsOf  time.Time `query:"as_of" doc:"the board as it stood then; default now"`
		}) (*body[wire.Board], error) {
			return answer(a.Desk.Board(ctx, who, in.Ref, in.Round, in.AsOf))
		})
	handle(a, op(http.MethodGet, "/overall", "get-overall", tag, "Organisations by their mean place over the boards of several scenarios", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			Tasks []string  `query:"task" minItems:"2" maxItems:"50" doc:"name@N or name@N/round, separated by commas"`
			AsOf  time.Time `query:"as_of" doc:"the boards as they stood then; default now"`
		}) (*body[wire.Overall], error) {
			return answer(a.Desk.Overall(ctx, who, in.Tasks, in.AsOf))
		})
	handle(a, op(http.MethodPost, "/scenarios/{ref}/enrolments", "enrol", tag, "Sign the agreement and ask to take part", 201),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByScenario
			Body wire.Enrol
		}) (*body[aihub.Enrolment], error) {
			return answer(a.Desk.Enrol(ctx, who, in.Ref, in.Body))
		})
	handle(a, op(http.MethodGet, "/enrolments", "list-enrolments", tag, "List the enrolments you may see", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			Scenario string `query:"scenario" maxLength:"80" doc:"only of this scenario"`
		}) (*body[[]aihub.Enrolment], error) {
			return list(a.Desk.Enrolments(ctx, who, in.Scenario))
		})
	handle(a, op(http.MethodPost, "/enrolments/{id}/decision", "decide-enrolment", tag, "Approve or reject an enrolment", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByID
			Body wire.Decide
		}) (*none, error) {
			return nil, a.Desk.DecideEnrolment(ctx, who, aihub.EnrolmentID(in.ID), in.Body)
		})
	handle(a, op(http.MethodPost, "/enrolments/{id}/revoke", "revoke-enrolment", tag, "End an approved enrolment: what waits or runs under it is cancelled and costs nothing", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByID
			Body wire.Withdraw
		}) (*none, error) {
			return nil, a.Desk.RevokeEnrolment(ctx, who, aihub.EnrolmentID(in.ID), in.Body)
		})
}
