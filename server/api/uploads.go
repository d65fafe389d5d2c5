package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/server/wire"
)

// uploads are data files that arrive in ranges, so that a connection that breaks
// costs what was under way and no more.
func (a *API) uploads() {
	const tag = "datasets"
	handle(a, op(http.MethodPost, "/uploads", "begin-upload", tag, "Begin an upload in ranges, or go on with one of the same bytes", 200),
		func(ctx context.Context, who aihub.Actor, in *struct{ Body wire.NewUpload }) (*body[wire.Upload], error) {
			return answer(a.Desk.BeginUpload(ctx, who, in.Body))
		})
	handle(a, op(http.MethodGet, "/uploads/{id}", "get-upload", tag, "How far an upload is", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ID string `path:"id" maxLength:"40" doc:"upload"`
		}) (*body[wire.Upload], error) {
			return answer(a.Desk.Upload(ctx, who, in.ID))
		})

	o := op(http.MethodPatch, "/uploads/{id}", "append-upload", tag, "Add bytes at the offset where the upload stands", 200)
	o.Parameters = []*huma.Param{param("path", "id", "upload"), param("query", "offset", "how many bytes are there")}
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
	o.Responses = content("How far the upload is (Upload)", "application/json")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		offset, err := strconv.ParseInt(c.Query("offset"), 10, 64)
		if err != nil || offset < 0 {
			offset = -1 // of no upload: the answer is that of a wrong one
		}
		u, err := a.Desk.AppendUpload(c.Request.Context(), who, c.Param("id"), offset, Slowly(c.Writer, c.Request))
		if err != nil {
			return err
		}
		c.JSON(http.StatusOK, u)
		return nil
	})

	o = op(http.MethodPost, "/uploads/{id}/dataset", "propose-upload", tag, "Mask and cut an uploaded table; a second person publishes it", 200)
	o.Description = "The body is the manifest (YAML). The answer is that of POST /datasets. A refused manifest leaves the upload, to be tried again."
	o.Parameters = []*huma.Param{param("path", "id", "upload")}
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/yaml": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
	o.Responses = content("One Progress a line", "application/x-ndjson")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		if _, err := a.Desk.Upload(c.Request.Context(), who, c.Param("id")); err != nil {
			return err
		}
		manifest, err := a.Desk.Manifest(c.Request.Body)
		if err != nil {
			return err
		}
		a.proposing(c, func(line func(wire.Progress)) (aihub.DatasetVersion, error) {
			return a.Desk.ProposeUpload(c.Request.Context(), who, manifest, c.Param("id"), line)
		})
		return nil
	})
}
