// Package api is the platform as JSON over HTTP: every route of package wire,
// its OpenAPI 3.1 document made from the Go types, errors as aihub.Error, and
// server-sent events. Handlers translate and nothing more: what a verb does is
// in package desk. Requests come in with their actor already in the context.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/server/auth"
	"aihub/server/desk"
)

// API holds the handlers.
type API struct {
	Desk *desk.Desk
	Auth *auth.Auth
	Log  *slog.Logger
	Now  func() time.Time

	Secure bool // people reach the server over TLS

	huma    huma.API
	router  gin.IRoutes // below Prefix
	streams *streams
}

// Prefix is where the API lies.
const Prefix = "/api/v1"

func init() {
	// huma keeps these in package variables; this package alone uses huma.
	huma.NewError = newError
	huma.ValidateStrictCasing = true
}

// Mount adds the routes and the document to r.
func (a *API) Mount(r *gin.Engine) error {
	cfg := huma.DefaultConfig("aihub", "1")
	cfg.Info.Description = "Publish challenges on masked data, submit algorithms as images, read released scores. " +
		"Sign in with POST /signin and send the token as Authorization: Bearer. " +
		"Every error is a Problem: its kind is stable, its message and hint are in Chinese and English."
	cfg.Servers = []*huma.Server{{URL: Prefix}}
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", ""
	cfg.CreateHooks = nil // no $schema links in bodies
	cfg.FieldsOptionalByDefault = true
	cfg.RejectUnknownQueryParameters = true
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: strictJSON}
	cfg.Formats = map[string]huma.Format{"application/json": format, "json": format}

	a.streams = newStreams()
	group := r.Group(Prefix)
	a.router, a.huma = group, humagin.NewWithGroup(r, group, cfg)
	a.people()
	a.datasets()
	a.uploads()
	a.metadata()
	a.scenarios()
	a.scorers()
	a.submissions()
	a.workspaces()
	a.takeout()
	a.reviews()

	doc, err := json.MarshalIndent(a.huma.OpenAPI(), "", " ")
	if err != nil {
		return fmt.Errorf("OpenAPI document: %w", err)
	}
	yml, err := a.huma.OpenAPI().YAML()
	if err != nil {
		return fmt.Errorf("OpenAPI document: %w", err)
	}
	r.GET("/openapi.json", func(c *gin.Context) { c.Data(http.StatusOK, "application/openapi+json", doc) })
	r.GET("/openapi.yaml", func(c *gin.Context) { c.Data(http.StatusOK, "application/openapi+yaml", yml) })
	return nil
}

// OpenAPI returns the document.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

// op describes an operation. verb is its id: "list-datasets".
func op(method, path, id, tag, summary string, status int) huma.Operation {
	return huma.Operation{
		Method: method, Path: path, OperationID: id, Tags: []string{tag}, Summary: summary, DefaultStatus: status,
		MaxBodyBytes: 1 << 20, BodyReadTimeout: 15 * time.Second,
		Security: []map[string][]string{{"token": {}}, {}},
		Errors:   []int{401, 403, 404, 409, 422, 429, 503},
	}
}

type writerKey struct{}

// WithWriter returns ctx with the response writer, whose deadlines a handler may lift.
func WithWriter(ctx context.Context, w http.ResponseWriter) context.Context {
	return context.WithValue(ctx, writerKey{}, w)
}

// body is an answer with a JSON body.
type body[T any] struct{ Body T }

// none is an answer without a body.
type none struct{}

// handle registers an endpoint: h gets the actor and the parsed input.
func handle[I, O any](a *API, o huma.Operation, h func(ctx context.Context, who aihub.Actor, in *I) (*O, error)) {
	huma.Register(a.huma, o, func(ctx context.Context, in *I) (*O, error) {
		if w, ok := ctx.Value(writerKey{}).(http.ResponseWriter); ok {
			Unbounded(w) // the body is in; the answer is small, but can take its time
			defer func() { _ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)) }()
		}
		out, err := h(ctx, auth.ActorOf(ctx), in)
		if err != nil {
			return nil, problem(Public(ctx, a.Log, err))
		}
		return out, nil
	})
}

// answer wraps what a desk verb returned.
func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}

// list is answer for slices: an empty one is [] and never null.
func list[T any](v []T, err error) (*body[[]T], error) {
	if v == nil {
		v = []T{}
	}
	return answer(v, err)
}

// raw registers an endpoint that reads or writes streams: h does both, or
// returns an error before it has written anything.
func (a *API) raw(o huma.Operation, h func(c *gin.Context, who aihub.Actor) error) {
	o.Responses = documented(o)
	a.huma.OpenAPI().AddOperation(&o)
	path := strings.NewReplacer("{", ":", "}", "").Replace(o.Path)
	a.router.Handle(o.Method, path, func(c *gin.Context) {
		sent := &touched{ReadCloser: c.Request.Body}
		c.Request.Body = sent
		if err := h(c, auth.ActorOf(c.Request.Context())); err != nil {
			sent.drain(c.Writer, c.Request)
			WriteError(c.Writer, c.Request, a.Log, err)
		}
	})
}

// documented adds the errors of o to its responses.
func documented(o huma.Operation) map[string]*huma.Response {
	out := o.Responses
	if out == nil {
		out = map[string]*huma.Response{}
	}
	for _, s := range append(o.Errors, 500) {
		out[fmt.Sprint(s)] = &huma.Response{Description: http.StatusText(s), Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}},
		}}
	}
	return out
}

// content describes a response that is not JSON of a Go type.
func content(description string, types ...string) map[string]*huma.Response {
	m := map[string]*huma.MediaType{}
	for _, t := range types {
		m[t] = &huma.MediaType{Schema: &huma.Schema{Type: "string"}}
	}
	return map[string]*huma.Response{"200": {Description: description, Content: m}}
}

func param(in, name, doc string) *huma.Param {
	return &huma.Param{Name: name, In: in, Required: in == "path", Description: doc, Schema: &huma.Schema{Type: "string"}}
}

// strictJSON is json.Unmarshal that refuses a key that stands twice in one
// object: two readers of such a body can disagree about what it says.
func strictJSON(data []byte, v any) error {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	if err := checkKeys(dec, 0); err != nil && err != io.EOF {
		return err
	}
	return json.Unmarshal(data, v)
}

var errDuplicate = fmt.Errorf("duplicate key")

func checkKeys(dec *json.Decoder, depth int) error {
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	d, ok := tok.(json.Delim)
	if !ok {
		return nil
	}
	if depth > 64 {
		return fmt.Errorf("nested too deeply")
	}
	seen := map[string]bool{}
	for dec.More() {
		if d == '{' {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			k, _ := key.(string)
			if seen[k] {
				return errDuplicate
			}
			seen[k] = true
		}
		if err := checkKeys(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token() // the closing delimiter
	return err
}
