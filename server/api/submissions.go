package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/server/wire"
)

func (a *API) submissions() {
	const tag = "submissions"
	o := op(http.MethodPost, "/images", "upload-image", tag, "Upload an image: an OCI layout or docker save archive", 201)
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/x-tar": {Schema: &huma.Schema{Type: "string", Format: "binary"}},
	}}
	o.Responses = map[string]*huma.Response{"201": {Description: "Kept", Content: map[string]*huma.MediaType{
		"application/json": {Schema: huma.SchemaFromType(a.huma.OpenAPI().Components.Schemas, typeOf[wire.Image]())},
	}}}
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		if err := a.Desk.CanPush(c.Request.Context(), who); err != nil {
			return err
		}
		img, err := a.Desk.ImportImage(c.Request.Context(), who, Slowly(c.Writer, c.Request))
		if err != nil {
			return err
		}
		Unbounded(c.Writer)
		c.JSON(http.StatusCreated, img)
		return nil
	})
	handle(a, op(http.MethodPost, "/images/pushed", "take-pushed-image", tag, "Take an image that was pushed to the registry, as if it were uploaded", 201),
		func(ctx context.Context, who aihub.Actor, in *struct{ Body wire.PushedImage }) (*body[wire.Image], error) {
			return answer(a.Desk.TakePushed(ctx, who, in.Body))
		})
	handle(a, op(http.MethodGet, "/images", "list-images", tag, "List the images that your organisation keeps, and how much it may keep", 200),
		func(ctx context.Context, who aihub.Actor, _ *none) (*body[wire.Images], error) {
			return answer(a.Desk.Kept(ctx, who))
		})
	handle(a, op(http.MethodDelete, "/images/{id}", "delete-image", tag, "Delete an image of your organisation, once nothing that is not over needs it", 204),
		func(ctx context.Context, who aihub.Actor, in *ByID) (*none, error) {
			return nil, a.Desk.DeleteImage(ctx, who, in.ID)
		})
	handle(a, op(http.MethodPost, "/scenarios/{ref}/submissions", "submit", tag, "Enter an image in a round, try it on the sample, or train with it", 201),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByScenario
			Body wire.NewSubmission
		}) (*body[aihub.Submission], error) {
			return answer(a.Desk.Submit(ctx, who, in.Ref, in.Body))
		})
	handle(a, op(http.MethodGet, "/submissions", "list-submissions", tag, "List the submissions you may see", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			Scenario string `query:"scenario" maxLength:"80" doc:"only to this scenario"`
		}) (*body[[]aihub.Submission], error) {
			return list(a.Desk.Submissions(ctx, who, in.Scenario))
		})
	handle(a, op(http.MethodGet, "/models", "list-models", tag, "List what trainings left: models are used by digest, and never handed out", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			Scenario string `query:"scenario" maxLength:"80" doc:"only of this scenario"`
		}) (*body[[]aihub.Model], error) {
			return list(a.Desk.Models(ctx, who, in.Scenario))
		})
	handle(a, op(http.MethodDelete, "/models/{id}", "delete-model", tag, "Delete a model of your organisation, once nothing that is not over needs it", 204),
		func(ctx context.Context, who aihub.Actor, in *ByID) (*none, error) {
			return nil, a.Desk.DeleteModel(ctx, who, in.ID)
		})
	handle(a, op(http.MethodGet, "/submissions/{id}", "get-submission", tag, "One submission with its runs and what was released of its score", 200),
		func(ctx context.Context, who aihub.Actor, in *ByID) (*body[wire.SubmissionView], error) {
			return answer(a.Desk.Submission(ctx, who, aihub.SubmissionID(in.ID)))
		})
	handle(a, op(http.MethodPost, "/submissions/{id}/cancel", "cancel-submission", tag, "Withdraw a submission that has no outcome yet", 204),
		func(ctx context.Context, who aihub.Actor, in *ByID) (*none, error) {
			return nil, a.Desk.Cancel(ctx, who, aihub.SubmissionID(in.ID))
		})
	handle(a, op(http.MethodPost, "/submissions/{id}/rerun", "rerun-submission", tag, "Enter the same image again in the round that is open", 201),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByID
			Body wire.Rerun
		}) (*body[aihub.Submission], error) {
			return answer(a.Desk.Rerun(ctx, who, aihub.SubmissionID(in.ID), in.Body.Nonce))
		})
	handle(a, op(http.MethodGet, "/hours", "get-hours", tag, "Processor time that an organisation has used this month", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			Org string `query:"org" maxLength:"64" doc:"default: your own"`
		}) (*body[aihub.Hours], error) {
			return answer(a.Desk.Hours(ctx, who, aihub.OrgID(in.Org)))
		})

	o = op(http.MethodGet, "/submissions/{id}/events", "follow-submission", tag, "Follow a submission: server-sent events", 200)
	o.Parameters = []*huma.Param{param("path", "id", ""), param("query", "after", "only events after this sequence number; Last-Event-ID does the same")}
	o.Responses = content("id: sequence number, data: Event; at last an event named end", "text/event-stream")
	a.raw(o, a.events)

	o = op(http.MethodGet, "/submissions/{id}/receipt", "get-receipt", tag, "A proof of the submission, verifiable offline", 200)
	o.Parameters = []*huma.Param{param("path", "id", "")}
	o.Responses = content("The receipt", "application/json")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		b, err := a.Desk.Receipt(c.Request.Context(), who, aihub.SubmissionID(c.Param("id")))
		if err != nil {
			return err
		}
		c.Header("Content-Disposition", `attachment; filename="receipt.json"`)
		c.Data(http.StatusOK, "application/json", b)
		return nil
	})
	handle(a, op(http.MethodGet, "/runs/{id}", "get-run", tag, "One run, as you may see it", 200),
		func(ctx context.Context, who aihub.Actor, in *ByID) (*body[aihub.Run], error) {
			return answer(a.Desk.Run(ctx, who, aihub.RunID(in.ID)))
		})
	o = op(http.MethodGet, "/runs/{id}/log", "get-run-log", tag, "The log of a run: a smoke run's for its organisation, any other for the scenario's steward", 200)
	o.Parameters = []*huma.Param{param("path", "id", "")}
	o.Responses = content("The log", "text/plain")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		s, err := a.Desk.RunLog(c.Request.Context(), who, aihub.RunID(c.Param("id")))
		if err != nil {
			return err
		}
		c.Header("Content-Disposition", `attachment; filename="run.log"`)
		c.Data(http.StatusOK, "text/plain; charset=utf-8", []byte(s))
		return nil
	})
}
