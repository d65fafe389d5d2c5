// Package server is the platform's front door: one http.Handler with the JSON
// API (package api), the pages (package web), sign-in (package auth) and the
// container registry (package registry). What they do for a person is package
// desk's; the shapes on the wire are package wire's, and package client speaks
// them. Nothing here decides who may do what.
package server

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/catalog"
	"aihub/evaluator"
	"aihub/internal/blob"
	"aihub/internal/oci"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/sandbox"
	"aihub/server/api"
	"aihub/server/auth"
	"aihub/server/desk"
	"aihub/server/registry"
	"aihub/server/web"
)

// Deps is what the front door stands before.
type Deps struct {
	DB        *store.DB
	Policies  *policies.Engine
	Blobs     blob.Store
	Catalog   *catalog.Catalog
	Judge     evaluator.Judge     // runs a scenario's scorer in its self-test; nil: nothing here can
	Terminals *sandbox.Workspaces // of workspaces that are open in this process; nil: none are
	Images    oci.Limits          // of an uploaded image; zero fields take oci's defaults
	Machine   func() string       // architecture that images must be built for; "" while the sandbox has not answered. Default this program's
	Data      int64               // bytes of an uploaded data file; default 16 GiB
	Dir       string              // data directory: uploads under way lie in its tmp
	Secure    bool                // served over TLS: cookies say so
	Now       func() time.Time    // default time.Now
	Log       *slog.Logger        // default slog.Default()
}

// Bounds of a request that no handler lifts.
const (
	readWithin  = 30 * time.Second
	writeWithin = 60 * time.Second
)

// New wires the front door.
func New(d Deps) (http.Handler, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Data == 0 {
		d.Data = 16 << 30
	}
	tmp := filepath.Join(d.Dir, "tmp")
	if d.Images.Temp == "" {
		d.Images.Temp = tmp
	}
	if d.Machine == nil {
		own := cmp.Or(d.Images.Machine, runtime.GOARCH)
		d.Machine = func() string { return own }
	}
	people := auth.New(d.DB, d.Policies, d.Secure, d.Now)
	images := &registry.Registry{
		DB: d.DB, Policies: d.Policies, Blobs: d.Blobs, Keys: d.Catalog.Keys, Auth: people,
		Dir: filepath.Join(d.Dir, "pushed"), Secure: d.Secure, Now: d.Now, Log: d.Log,
	}
	front := &desk.Desk{
		DB: d.DB, Policies: d.Policies, Blobs: d.Blobs, Catalog: d.Catalog, Judge: d.Judge, Registry: images, Terminals: d.Terminals,
		Images: d.Images, Machine: d.Machine, Data: d.Data, Dir: tmp, Now: d.Now, Searcher: &evaluator.Searcher{Blobs: d.Blobs, Dir: tmp},
	}
	if err := errors.Join(front.Prepare(), d.Catalog.Forget()); err != nil {
		return nil, err
	}

	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	if err := r.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	r.HandleMethodNotAllowed = false // what is not there is not there
	r.RedirectTrailingSlash = false
	r.MaxMultipartMemory = 1 << 20

	json := &api.API{Desk: front, Auth: people, Log: d.Log, Now: d.Now, Secure: d.Secure}
	pages := &web.Site{Desk: front, Auth: people, Log: d.Log, Now: d.Now, Secure: d.Secure}
	refuse := func(w http.ResponseWriter, req *http.Request, err error) { api.WriteError(w, req, d.Log, err) }

	r.Use(headers(d.Secure), logged(d.Log), recovered(d.Log), deadlines)
	health(r, d)
	pushes := func(c *gin.Context) { // it knows other sign-ins than the rest
		c.Request.Body = io.NopCloser(api.Slowly(c.Writer, c.Request))
		images.ServeHTTP(c.Writer, c.Request)
	}
	r.Any("/v2", pushes)
	r.Any("/v2/*path", pushes)
	r.Use(identified(people, pages, d.Log))
	if err := json.Mount(r); err != nil {
		return nil, err
	}
	pages.Mount(r)
	r.NoRoute(func(c *gin.Context) {
		if strings.HasPrefix(c.Request.URL.Path, "/api/") {
			api.WriteError(c.Writer, c.Request, d.Log, desk.NotFound())
			return
		}
		pages.NotFound(c)
	})
	return auth.CrossOrigin(headed(r), refuse), nil
}

// headed answers HEAD about a page or file of ours, which monitors and checkers
// of links ask, as GET without the body, which net/http leaves out. The registry has answers of its own;
// the API keeps to what its description lists.
func headed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if r.Method == http.MethodHead && path != "/v2" && !strings.HasPrefix(path, "/v2/") && !strings.HasPrefix(path, api.Prefix) {
			get := *r // the server goes by its own
			get.Method = http.MethodGet
			r = &get
		}
		next.ServeHTTP(w, r)
	})
}

// headers are on every answer. The referrer stays within this site: without it
// a browser names no origin in a form's request, and over plain HTTP that is all
// there is to tell a form of ours from another site's.
func headers(secure bool) gin.HandlerFunc {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		if secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
		}
		if strings.HasPrefix(c.Request.URL.Path, api.Prefix) {
			h.Set("Cache-Control", "no-store")
			h.Set("Vary", "Authorization, Cookie")
		}
	}
}

// logged writes one line for each request: never a query, a header or a body,
// where secrets can be.
func logged(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		begin := time.Now()
		c.Next()
		log.DebugContext(c.Request.Context(), "request", "method", c.Request.Method, "route", c.FullPath(),
			"status", c.Writer.Status(), "took", time.Since(begin).Round(time.Millisecond))
	}
}

// recovered turns a panic into an internal error with an id; its stack goes to
// the log.
func recovered(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v) // net/http ends the connection
			}
			log.ErrorContext(c.Request.Context(), "panic", "route", c.FullPath(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			c.Abort()
			if !c.Writer.Written() {
				api.WriteError(c.Writer, c.Request, log, fmt.Errorf("panic in %s", c.FullPath()))
			}
		}()
		c.Next()
	}
}

// deadlines bounds how long a request may take to come in and to be answered;
// handlers of long ones lift it (api.Unbounded).
func deadlines(c *gin.Context) {
	rc := http.NewResponseController(c.Writer)
	now := time.Now()
	// A recorder in a test has no deadlines: errors do not matter.
	_ = rc.SetWriteDeadline(now.Add(writeWithin))
	if c.Request.ContentLength != 0 {
		_ = rc.SetReadDeadline(now.Add(readWithin))
	} else {
		_ = rc.SetReadDeadline(time.Time{})
	}
	c.Request = c.Request.WithContext(api.WithWriter(c.Request.Context(), c.Writer))
}

// identified puts who asks into the request's context.
func identified(people *auth.Auth, pages *web.Site, log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		if strings.HasPrefix(c.Request.URL.Path, "/static/") {
			return
		}
		r, err := people.Identify(c.Request)
		if err == nil {
			c.Request = r
			return
		}
		c.Abort()
		if aihub.KindOf(err) == aihub.Unauthenticated || strings.HasPrefix(c.Request.URL.Path, "/api/") {
			api.WriteError(c.Writer, c.Request, log, err)
			return
		}
		pages.Error(c, err)
	}
}

// health answers whether the process lives and whether it can do its work.
func health(r *gin.Engine, d Deps) {
	r.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	r.GET("/readyz", func(c *gin.Context) {
		if _, err := d.DB.Checkpoint(c.Request.Context()); err != nil {
			d.Log.WarnContext(c.Request.Context(), "not ready", "error", err)
			c.String(http.StatusServiceUnavailable, "the database does not answer\n")
			return
		}
		n, err := d.DB.Workers(c.Request.Context())
		switch {
		case err != nil:
			d.Log.WarnContext(c.Request.Context(), "not ready", "error", err)
			c.String(http.StatusServiceUnavailable, "the database does not answer\n")
		case n == 0:
			c.String(http.StatusOK, "ready, but no sandbox: runs stay queued\n")
		default:
			c.String(http.StatusOK, "ready\n")
		}
	})
}
