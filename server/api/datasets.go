package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/server/wire"
)

// ByRef names a dataset version.
type ByRef struct {
	Ref string `path:"ref" maxLength:"80" doc:"name@N" example:"events@1"`
}

func (a *API) datasets() {
	const tag = "datasets"
	handle(a, op(http.MethodGet, "/datasets", "list-datasets", tag, "List the dataset versions you may see", 200),
		func(ctx context.Context, who aihub.Actor, _ *struct{}) (*body[[]aihub.DatasetVersion], error) {
			return list(a.Desk.Datasets(ctx, who))
		})
	handle(a, op(http.MethodGet, "/datasets/{ref}", "get-dataset", tag, "One dataset version", 200),
		func(ctx context.Context, who aihub.Actor, in *ByRef) (*body[aihub.DatasetVersion], error) {
			return answer(a.Desk.Dataset(ctx, who, in.Ref))
		})
	handle(a, op(http.MethodPost, "/datasets/{ref}/decision", "decide-dataset", tag, "Publish or reject a proposed version; never by its author", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByRef
			Body wire.Decide
		}) (*none, error) {
			return nil, a.Desk.DecideDataset(ctx, who, in.Ref, in.Body)
		})

	o := op(http.MethodPost, "/datasets", "propose-dataset", tag, "Mask and cut a table; a second person publishes it", 200)
	o.Description = "Multipart form: first manifest (YAML), then data (a table; with a media section a tar of the folder). The answer is one JSON object a line (Progress); " +
		"the last one has the dataset or the error. Faults found before any work answer with their own status."
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {
		Schema: &huma.Schema{Type: "object", Required: []string{"manifest", "data"}, Properties: map[string]*huma.Schema{
			"manifest": {Type: "string", Format: "binary", Description: "YAML"},
			"data":     {Type: "string", Format: "binary", Description: "CSV, JSON Lines, Parquet, Arrow; a tar"},
		}}}}}
	o.Responses = content("One Progress a line", "application/x-ndjson")
	a.raw(o, a.proposeDataset)

	o = op(http.MethodPost, "/datasets/check", "check-manifest", tag, "Say what a publish would refuse whatever the data are, before they are sent", 204)
	o.Description = "The body is the manifest (YAML)."
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/yaml": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		manifest, err := a.Desk.Manifest(c.Request.Body)
		if err != nil {
			return err
		}
		if err := a.Desk.CheckManifest(c.Request.Context(), who, manifest); err != nil {
			return err
		}
		c.Status(http.StatusNoContent)
		return nil
	})
	o = op(http.MethodGet, "/datasets/{ref}/sample", "get-sample", tag, "The public sample, labels included", 200)
	o.Parameters = []*huma.Param{param("path", "ref", "name@N"), param("query", "format", "csv (default), parquet, or files: a tar of its pictures and recordings")}
	o.Responses = content("The sample", "text/csv", "application/vnd.apache.parquet", "application/x-tar")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		s, err := a.Desk.Sample(c.Request.Context(), who, c.Param("ref"), c.DefaultQuery("format", "csv"))
		if err != nil {
			return err
		}
		defer s.Close()
		return a.download(c, s.Name, s.Type, s)
	})
	o = op(http.MethodGet, "/datasets/{ref}/card", "get-card", tag, "The data card, Markdown", 200)
	o.Parameters = []*huma.Param{param("path", "ref", "name@N"), param("query", "lang", "zh (default) or en")}
	o.Responses = content("The card", "text/markdown")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		md, err := a.Desk.Card(c.Request.Context(), who, c.Param("ref"), aihub.Lang(c.DefaultQuery("lang", "zh")))
		if err != nil {
			return err
		}
		c.Data(http.StatusOK, "text/markdown; charset=utf-8", []byte(md))
		return nil
	})
	o = op(http.MethodGet, "/datasets/{ref}/profile", "get-profile", tag, "Profile, detector evidence and risk numbers, for stewards and reviewers", 200)
	o.Parameters = []*huma.Param{param("path", "ref", "name@N")}
	o.Responses = content("The profile", "application/json")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		b, err := a.Desk.Profile(c.Request.Context(), who, c.Param("ref"))
		if err != nil {
			return err
		}
		c.Data(http.StatusOK, "application/json", b)
		return nil
	})
}

// proposeDataset spools the upload, then answers line by line.
func (a *API) proposeDataset(c *gin.Context, who aihub.Actor) error {
	if err := a.Desk.CanPropose(c.Request.Context(), who); err != nil {
		return err
	}
	manifest, file, err := a.Desk.Spool(Slowly(c.Writer, c.Request), c.Request.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	defer file.Remove()
	a.proposing(c, func(line func(wire.Progress)) (aihub.DatasetVersion, error) {
		return a.Desk.Propose(c.Request.Context(), who, manifest, file.Path, line)
	})
	return nil
}

// proposing answers line by line while f works.
func (a *API) proposing(c *gin.Context, f func(line func(wire.Progress)) (aihub.DatasetVersion, error)) {
	Unbounded(c.Writer)
	c.Header("Content-Type", "application/x-ndjson")
	c.Header("X-Accel-Buffering", "no")
	enc := json.NewEncoder(c.Writer)
	line := func(p wire.Progress) {
		_ = enc.Encode(p) // a reader that left cancels the context of the work
		c.Writer.Flush()
	}
	v, err := f(line)
	if err != nil {
		line(wire.Progress{Error: Public(c.Request.Context(), a.Log, err)})
		return
	}
	line(wire.Progress{Dataset: &v})
}

// download streams r as an attachment.
func (a *API) download(c *gin.Context, name, contentType string, r io.Reader) error {
	Unbounded(c.Writer)
	c.Header("Content-Type", contentType)
	c.Header("Content-Disposition", `attachment; filename="`+name+`"`)
	c.Status(http.StatusOK)
	if _, err := io.Copy(c.Writer, r); err != nil {
		// The headers are gone: ending the connection is the only way to say so.
		a.Log.WarnContext(c.Request.Context(), "download broke off", "name", name, "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
