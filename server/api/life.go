package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/server/wire"
)

// ByReidentification names a request.
type ByReidentification struct {
	ID aihub.ReidentificationID `path:"id" maxLength:"40"`
}

// life serves what becomes of a dataset version after it was published.
func (a *API) life() {
	const tag = "datasets"
	handle(a, op(http.MethodPost, "/datasets/{ref}/erase", "erase-dataset", tag, "Destroy the keys of the parts of a version that is out of use: nobody can read them again", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByRef
			Body wire.Withdraw
		}) (*none, error) {
			return nil, a.Desk.EraseDataset(ctx, who, in.Ref, in.Body)
		})
	handle(a, op(http.MethodGet, "/datasets/{ref}/privacy", "get-privacy", tag, "The privacy budget of a dataset and the aggregates that were published against it", 200),
		func(ctx context.Context, who aihub.Actor, in *ByRef) (*body[aihub.PrivacyBudget], error) {
			return answer(a.Desk.Privacy(ctx, who, in.Ref))
		})
	handle(a, op(http.MethodPost, "/datasets/{ref}/aggregates", "publish-aggregate", tag, "Publish a histogram of a column with differential privacy, charged to the dataset's budget", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByRef
			Body wire.Count
		}) (*body[aihub.Aggregate], error) {
			return answer(a.Desk.Count(ctx, who, in.Ref, in.Body))
		})
	handle(a, op(http.MethodPost, "/mask-keys/{scope}/rotate", "rotate-key", tag, "Give a mask scope of your organisation a new key; published versions keep theirs", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			Scope string `path:"scope" maxLength:"128" doc:"mask.scope of the manifests; by default the dataset's name"`
			Body  wire.Rotate
		}) (*body[wire.Rotated], error) {
			return answer(a.Desk.RotateKey(ctx, who, in.Scope, in.Body))
		})
	handle(a, op(http.MethodPost, "/datasets/{ref}/reidentifications", "request-reidentification", tag, "Ask a second person for leave to learn the raw values behind masked ones", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByRef
			Body wire.Reidentify
		}) (*body[aihub.Reidentification], error) {
			return answer(a.Desk.Reidentify(ctx, who, in.Ref, in.Body))
		})
	handle(a, op(http.MethodGet, "/reidentifications", "list-reidentifications", tag, "Requests to learn raw values: of your organisation, or all for reviewers", 200),
		func(ctx context.Context, who aihub.Actor, _ *struct{}) (*body[[]aihub.Reidentification], error) {
			return list(a.Desk.Reidentifications(ctx, who))
		})
	handle(a, op(http.MethodPost, "/reidentifications/{id}/decision", "decide-reidentification", tag, "Grant or refuse a request; never by its author", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByReidentification
			Body wire.Decide
		}) (*none, error) {
			return nil, a.Desk.DecideReidentification(ctx, who, in.ID, in.Body)
		})
	handle(a, op(http.MethodPost, "/reidentifications/{id}/answer", "reveal", tag, "The answer to a granted request, for its author alone; each time is on the ledger", 200),
		func(ctx context.Context, who aihub.Actor, in *ByReidentification) (*body[[]wire.Revealed], error) {
			return list(a.Desk.Reveal(ctx, who, in.ID))
		})

	o := op(http.MethodGet, "/datasets/{ref}/plan", "get-plan", tag, "The mask plan of a version, for stewards and reviewers", 200)
	o.Parameters = []*huma.Param{param("path", "ref", "name@N")}
	o.Responses = content("The plan", "application/json")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		b, err := a.Desk.Plan(c.Request.Context(), who, c.Param("ref"))
		if err != nil {
			return err
		}
		c.Data(http.StatusOK, "application/json", b)
		return nil
	})
}
