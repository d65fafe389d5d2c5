package registry_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aihub"
	"aihub/catalog"
	"aihub/internal/blob"
	"aihub/internal/keys"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/server"
	"aihub/server/auth"
	"aihub/server/client"
	"aihub/server/wire"
)

const password = "four random words"

// world is the front door with two vendors of organisations of their own, a
// colleague of the first, and a reviewer in the first one's organisation.
type world struct {
	*testing.T
	db     *store.DB
	rules  *policies.Engine
	keys   *keys.Ring
	blobs  blob.Store
	puts   *puts
	dir    string
	http   *httptest.Server
	host   string
	offset atomic.Int64
	logs   *logs
}

// puts counts the bytes that are put. A test may do something between a put and
// what follows on it.
type puts struct {
	blob.Store
	bytes atomic.Int64
	after atomic.Pointer[func(context.Context)]
}

func (p *puts) Put(ctx context.Context, r io.Reader) (aihub.Digest, int64, error) {
	d, n, err := p.Store.Put(ctx, r)
	p.bytes.Add(n)
	if f := p.after.Swap(nil); f != nil {
		(*f)(ctx)
	}
	return d, n, err
}

type logs struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), logs: &logs{}}
	ring, err := keys.Open(filepath.Join(w.dir, "keys", "root.key"))
	w.must(err)
	engine, err := policies.New()
	w.must(err)
	engine.Now = w.now
	w.rules, w.keys = engine, ring
	w.blobs, err = blob.Open(filepath.Join(w.dir, "blobs"))
	w.must(err)
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	w.must(err)
	w.db, err = store.Open(t.Context(), store.Options{DSN: filepath.Join(w.dir, "aihub.db"), Signer: signer, Now: w.now})
	w.must(err)
	t.Cleanup(func() { w.db.Close() })
	w.puts = &puts{Store: w.blobs}
	vault := &blob.Vault{Store: w.puts, Find: w.db.SealOf, Key: ring.Derive("vault", "")}
	w.blobs = vault
	hash, err := auth.HashPassword(password)
	w.must(err)
	w.must(w.db.Bootstrap(t.Context(), aihub.Org{ID: "platform"}, aihub.User{ID: "operator", Org: "platform", Roles: []aihub.Role{aihub.Operator}}, hash))
	h, err := server.New(server.Deps{
		DB: w.db, Policies: engine, Blobs: w.blobs, Dir: w.dir, Now: w.now, Log: slog.New(slog.NewTextHandler(w.logs, nil)),
		Catalog: &catalog.Catalog{DB: w.db, Policies: engine, Blobs: vault, Keys: ring, Dir: filepath.Join(w.dir, "tmp"), Now: w.now},
	})
	w.must(err)
	w.http = httptest.NewServer(h)
	t.Cleanup(w.http.Close)
	w.host = strings.TrimPrefix(w.http.URL, "http://")
	op := w.as("operator")
	for _, org := range []aihub.OrgID{"acme", "globex"} {
		w.must(op.CreateOrg(t.Context(), aihub.Org{ID: org, Name: aihub.Text{ZH: string(org), EN: string(org)}}))
	}
	for _, u := range []aihub.User{
		{ID: "ann", Org: "acme", Roles: []aihub.Role{aihub.Vendor}},
		{ID: "abe", Org: "acme", Roles: []aihub.Role{aihub.Vendor}},
		{ID: "ada", Org: "acme", Roles: []aihub.Role{aihub.Reviewer}},
		{ID: "bob", Org: "globex", Roles: []aihub.Role{aihub.Vendor}},
	} {
		u.Name = string(u.ID)
		w.must(op.CreateUser(t.Context(), wire.NewUser{User: u, Password: password}))
	}
	t.Cleanup(func() {
		if s := w.logs.String(); strings.Contains(s, "level=ERROR") {
			t.Errorf("the server logged errors:\n%s", s)
		}
	})
	return w
}

// person is somebody of the platform; API calls and registry requests are made
// in their name.
type person struct {
	*client.Client
	w     *world
	id    aihub.UserID
	token string // of aihub login
}

func (w *world) as(id aihub.UserID) person {
	w.Helper()
	in, err := client.New(w.http.URL, "").SignIn(w.Context(), wire.SignIn{User: id, Password: password, Name: "test"})
	w.must(err)
	return person{client.New(w.http.URL, in.Token), w, id, in.Token}
}

// ask sends one request to the registry; without a token in header it fetches
// one for what the answer asks for, as tools do.
func (p person) ask(method, path, body string, header ...string) (*http.Response, string) {
	p.w.Helper()
	send := func(bearer string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(p.w.Context(), method, p.w.http.URL+path, strings.NewReader(body))
		p.w.must(err)
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		if bearer != "" {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
		resp, err := http.DefaultClient.Do(req)
		p.w.must(err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		p.w.must(err)
		return resp, string(b)
	}
	resp, text := send("")
	if p.id == "" || resp.StatusCode != http.StatusUnauthorized {
		return resp, text
	}
	_, scope, _ := strings.Cut(resp.Header.Get("WWW-Authenticate"), `scope="`)
	return send(p.bearer(strings.TrimSuffix(scope, `"`)))
}

// bearer fetches a registry token with the token of aihub login.
func (p person) bearer(scope string) string {
	p.w.Helper()
	status, token := p.w.fetchToken(string(p.id), p.token, scope)
	if status != http.StatusOK {
		p.w.Fatalf("token for %s: %d", p.id, status)
	}
	return token
}
