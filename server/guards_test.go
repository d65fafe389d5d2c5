package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/server/client"
	"aihub/server/wire"
)

func TestEveryAnswerIsGuarded(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/signin", "/nothing", "/api/v1/scenarios", "/api/v1/nothing", "/openapi.json", "/healthz", "/static/app.css"} {
		resp, _ := w.do("GET", path, "", nil)
		h := resp.Header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" {
			t.Errorf("%s: headers %v", path, h)
		}
		for _, gone := range []string{"Etag", "Last-Modified", "Server", "X-Powered-By"} {
			if h.Get(gone) != "" {
				t.Errorf("%s: header %s: %s", path, gone, h.Get(gone))
			}
		}
	}
	answers := func(path, want string) {
		t.Helper()
		if resp, body := w.do("GET", path, "", nil); resp.StatusCode != 200 || body != want {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
	}
	answers("/healthz", "ok\n")
	answers("/readyz", "ready, but no sandbox: runs stay queued\n")
	if err := w.db.Report(t.Context(), "worker-1", 2); err != nil {
		t.Fatal(err)
	}
	answers("/readyz", "ready\n")
	for _, path := range []string{"/debug/pprof/", "/metrics", "/docs"} {
		if resp, _ := w.do("GET", path, "", nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %d", path, resp.StatusCode)
		}
	}
}

// TestSignIn: what is wrong looks the same; too many tries are stopped; a token
// ends when it is signed out.
func TestSignIn(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c := client.New(w.http.URL, "")
	_, wrong := c.SignIn(ctx, wire.SignIn{User: "vendor", Password: "not this one"})
	_, nobody := c.SignIn(ctx, wire.SignIn{User: "nobody-at-all", Password: "not this one"})
	_, never := c.SignIn(ctx, wire.SignIn{User: "No Such Name!", Password: "not this one"})
	w.want(aihub.Unauthenticated, wrong)
	if wrong.Error() != nobody.Error() || wrong.Error() != never.Error() {
		t.Errorf("a wrong password and an unknown name differ:\n%v\n%v\n%v", wrong, nobody, never)
	}
	vendor := w.as("vendor")
	w.must(vendor.SignOut(ctx))
	_, err := vendor.Me(ctx)
	w.want(aihub.Unauthenticated, err)
	for range 5 {
		_, err = c.SignIn(ctx, wire.SignIn{User: "rival", Password: "guess"})
	}
	w.want(aihub.Unauthenticated, err)
	_, err = c.SignIn(ctx, wire.SignIn{User: "rival", Password: password})
	w.want(aihub.Quota, err)
	w.pass(16 * time.Minute)
	if _, err = c.SignIn(ctx, wire.SignIn{User: "rival", Password: password}); err != nil {
		t.Errorf("still locked after the window: %v", err)
	}
	// An address that goes through names is stopped as well.
	for i := range 31 {
		_, err = c.SignIn(ctx, wire.SignIn{User: aihub.UserID(fmt.Sprintf("name-%d", i)), Password: "guess"})
	}
	w.want(aihub.Quota, err)
	w.pass(16 * time.Minute)

	token := w.as("steward")
	w.pass(31 * 24 * time.Hour)
	_, err = token.Me(ctx)
	w.want(aihub.Unauthenticated, err)
	if s := w.logs.String(); strings.Contains(s, token.token) || strings.Contains(s, password) {
		t.Error("a secret is in the log")
	}
}

// TestOpenAPI: the document is there in both forms, is of version 3.1, and every
// operation says what it does and how it fails.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t)
	resp, body := w.do("GET", "/openapi.json", "", nil)
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string                     `json:"operationId"`
			Summary     string                     `json:"summary"`
			Responses   map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
	}
	w.must(json.Unmarshal([]byte(body), &doc))
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || resp.Header.Get("Content-Type") != "application/openapi+json" {
		t.Errorf("version %q as %s", doc.OpenAPI, resp.Header.Get("Content-Type"))
	}
	n := 0
	for path, ops := range doc.Paths {
		for method, op := range ops {
			n++
			if op.OperationID == "" || len(op.Summary) < 10 {
				t.Errorf("%s %s: id %q, summary %q", method, path, op.OperationID, op.Summary)
			}
			for _, status := range []string{"401", "403", "404", "422", "429", "500"} {
				if !strings.Contains(string(op.Responses[status]), "Problem") {
					t.Errorf("%s %s: status %s is %s", method, path, status, op.Responses[status])
				}
			}
		}
	}
	if n < 35 {
		t.Errorf("only %d operations", n)
	}
	if _, yml := w.do("GET", "/openapi.yaml", "", nil); !strings.Contains(yml, "openapi: 3.1") {
		t.Errorf("YAML begins %.60q", yml)
	}
}

// TestCrossSiteForm: a form on another site's page does nothing, even with a session.
func TestCrossSiteForm(t *testing.T) {
	w := newWorld(t)
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "http://evil.example"},
		{"Origin", "null"},
	} {
		resp, _ := w.do("POST", "/signout", "", nil, header...)
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%v: status %d", header, resp.StatusCode)
		}
	}
	if resp, _ := w.do("POST", "/signout", "", nil, "Origin", w.http.URL); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("our own form: status %d", resp.StatusCode)
	}
}
