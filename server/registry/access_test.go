package registry_test

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
	"aihub/server/auth"
	"aihub/server/registry"
)

func digest(s string) string { return string(aihub.DigestOf([]byte(s))) }

// push uploads content to a repository at once.
func (p person) push(repo, content string) string {
	p.w.Helper()
	resp, body := p.ask("POST", "/v2/"+repo+"/blobs/uploads/?digest="+digest(content), content)
	if resp.StatusCode != http.StatusCreated {
		p.w.Fatalf("push: %d %s", resp.StatusCode, body)
	}
	return digest(content)
}

const imageType = "application/vnd.oci.image.manifest.v1+json"

// manifest is an image manifest of a config and layers, contents that are there.
func manifest(config string, layers ...string) string {
	part := func(t, s string) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, t, digest(s), len(s))
	}
	var list []string
	for _, l := range layers {
		list = append(list, part("application/vnd.oci.image.layer.v1.tar+gzip", l))
	}
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, imageType,
		part("application/vnd.oci.image.config.v1+json", config), strings.Join(list, ","))
}

// tag pushes an image of some content and names it.
func (p person) tag(repo, tag, content string) string {
	p.w.Helper()
	p.push(repo, content)
	m := manifest(content)
	resp, body := p.ask("PUT", "/v2/"+repo+"/manifests/"+tag, m, "Content-Type", imageType)
	if resp.StatusCode != http.StatusCreated {
		p.w.Fatalf("tag: %d %s", resp.StatusCode, body)
	}
	return digest(m)
}

// Rows A7 and A8: what another organisation has and what nobody has answer with
// the same bytes, on every verb, to a colleague of nobody and to a visitor.
func TestOthersAreNotThere(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.as("ann"), w.as("bob")
	secret := "the layer that only acme has"
	m := ann.tag("acme/solver", "v1", secret)
	d := digest(secret)
	none := digest("what nobody has")
	resp, _ := ann.ask("POST", "/v2/acme/solver/blobs/uploads/", "")
	session := filepath.Base(resp.Header.Get("Location"))

	for _, who := range []person{bob, {w: w}} {
		for _, c := range []struct{ method, path, body string }{
			{"GET", "/v2/REPO/blobs/DIGEST", ""},
			{"HEAD", "/v2/REPO/blobs/DIGEST", ""},
			{"DELETE", "/v2/REPO/blobs/DIGEST", ""},
			{"GET", "/v2/REPO/manifests/TAG", ""},
			{"HEAD", "/v2/REPO/manifests/TAG", ""},
			{"GET", "/v2/REPO/manifests/MANIFEST", ""},
			{"DELETE", "/v2/REPO/manifests/TAG", ""},
			{"PUT", "/v2/REPO/manifests/TAG", "{}"},
			{"GET", "/v2/REPO/tags/list", ""},
			{"GET", "/v2/REPO/referrers/MANIFEST", ""},
			{"POST", "/v2/REPO/blobs/uploads/", ""},
			{"POST", "/v2/REPO/blobs/uploads/?mount=DIGEST&from=globex/mine", ""},
			{"GET", "/v2/REPO/blobs/uploads/SESSION", ""},
			{"PATCH", "/v2/REPO/blobs/uploads/SESSION", "x"},
			{"PUT", "/v2/REPO/blobs/uploads/SESSION?digest=DIGEST", "x"},
			{"DELETE", "/v2/REPO/blobs/uploads/SESSION", ""},
		} {
			answer := func(repo, tag, manifest, digest, session string) string {
				path := strings.NewReplacer("REPO", repo, "TAG", tag, "MANIFEST", manifest, "DIGEST", digest, "SESSION", session).Replace(c.path)
				resp, body := who.ask(c.method, path, c.body)
				if resp.StatusCode != 404 && resp.StatusCode != 401 || who.id != "" && resp.StatusCode != 404 {
					t.Errorf("%q %s %s: %d %s", who.id, c.method, c.path, resp.StatusCode, body)
				}
				var head []string
				for k, v := range resp.Header {
					if k != "Date" {
						head = append(head, k+": "+strings.ReplaceAll(strings.Join(v, ","), repo, "REPO"))
					}
				}
				slices.Sort(head)
				return fmt.Sprint(resp.StatusCode, head, body)
			}
			others := answer("acme/solver", "v1", m, d, session)
			for _, nothing := range []string{
				answer("acme/nothing", "v1", m, d, session),
				answer("nobody/nothing", "v9", none, none, "up_aaaaaaaaaaaaaaaa"),
			} {
				if x, y := strings.ReplaceAll(others, "Content-Length", ""), strings.ReplaceAll(nothing, "Content-Length", ""); x != y {
					t.Errorf("%q %s %s tells them apart:\n%s\n%s", who.id, c.method, c.path, x, y)
				}
			}
		}
	}

	// Whoever takes a wrong name is told the right one.
	if _, body := bob.ask("GET", "/v2/acme/solver/tags/list", ""); !strings.Contains(body, "globex/NAME") {
		t.Errorf("not told what bob's repositories are called: %s", body)
	}
	if resp, body := (person{w: w}).ask("GET", "/v2/token", ""); resp.StatusCode != 401 || !strings.Contains(body, "docker login "+w.host) {
		t.Errorf("not told where to sign in: %d %s", resp.StatusCode, body)
	}

	// In one's own repository a digest of others is unknown too, and is no mount.
	for _, dig := range []string{d, none} {
		if resp, _ := bob.ask("HEAD", "/v2/globex/mine/blobs/"+dig, ""); resp.StatusCode != 404 {
			t.Errorf("HEAD of a foreign digest: %d", resp.StatusCode)
		}
		for _, from := range []string{"", "&from=acme/solver", "&from=acme/nothing", "&from=nobody/nothing", "&from=..%2Fx"} {
			resp, body := bob.ask("POST", "/v2/globex/mine/blobs/uploads/?mount="+dig+from, "")
			if resp.StatusCode != 202 || body != "" {
				t.Errorf("mount%s: %d %s", from, resp.StatusCode, body)
			}
		}
		// A manifest cannot pull it in either.
	}
	mine := manifest(secret)
	if resp, _ := bob.ask("PUT", "/v2/globex/mine/manifests/v1", mine, "Content-Type", imageType); resp.StatusCode != 400 {
		t.Errorf("a manifest of foreign content: %d", resp.StatusCode)
	}
	// Nor can a submission name it.
	for _, ref := range []string{"acme/solver:v1", "acme/solver@" + m, "acme/nothing:v1"} {
		_, err := bob.TakePushed(t.Context(), ref)
		if aihub.KindOf(err) != aihub.NotFound || strings.ReplaceAll(err.Error(), ref, "") != strings.ReplaceAll(missing(t, bob, "nobody/x:y"), "nobody/x:y", "") {
			t.Errorf("%s: %v", ref, err)
		}
	}
	// Content is kept under a name of its own for each organisation, and not in the clear.
	bob.push("globex/mine", secret)
	if _, err := w.blobs.Stat(t.Context(), aihub.Digest(d)); aihub.KindOf(err) != aihub.NotFound {
		t.Errorf("the content lies there under its own digest: %v", err)
	}
	n := 0
	w.must(filepath.WalkDir(filepath.Join(w.dir, "blobs"), func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			if len(b) == len(secret)+16 {
				n++
			}
			if strings.Contains(string(b), "only acme") {
				t.Errorf("%s is in the clear", p)
			}
		}
		return err
	}))
	if n != 2 {
		t.Errorf("%d copies of the content, want one for each organisation", n)
	}
}

func missing(t *testing.T, p person, ref string) string {
	t.Helper()
	_, err := p.TakePushed(t.Context(), ref)
	return err.Error()
}

// Row O3: every verb needs a token that covers it; an upload is gone on with by the
// person who began it, and cancelled by colleagues too; ranges that do not fit are refused.
func TestUploads(t *testing.T) {
	w := newWorld(t)
	ann, abe, ada := w.as("ann"), w.as("abe"), w.as("ada")
	start := func(p person) string {
		t.Helper()
		resp, body := p.ask("POST", "/v2/acme/solver/blobs/uploads/", "")
		if resp.StatusCode != 202 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		return resp.Header.Get("Location")
	}
	want := func(status int, p person, method, path, body string, header ...string) *http.Response {
		t.Helper()
		resp, text := p.ask(method, path, body, header...)
		if resp.StatusCode != status {
			t.Errorf("%s %s: %d, want %d: %s", method, path, resp.StatusCode, status, text)
		}
		return resp
	}
	at := start(ann)
	want(202, ann, "PATCH", at, "hello ", "Content-Range", "0-5")
	for _, m := range []string{"GET", "PATCH", "PUT", "DELETE"} { // a visitor
		want(401, person{w: w}, m, at+"?digest="+digest("hello world"), "world")
	}
	for _, m := range []string{"PATCH", "PUT"} { // a colleague
		want(404, abe, m, at+"?digest="+digest("hello world"), "world")
	}
	if resp := want(204, abe, "GET", at, ""); resp.Header.Get("Range") != "0-5" {
		t.Errorf("a colleague sees Range %q", resp.Header.Get("Range"))
	}
	want(403, ada, "DELETE", at, "")                             // cancels no more than she begins
	want(403, ada, "POST", "/v2/acme/solver/blobs/uploads/", "") // of the organisation, but pushes nothing
	want(404, ann, "PATCH", strings.Replace(at, "solver", "other", 1), "world")
	for _, r := range []string{"0-4", "7-11", "6-5", "6-99", "5-10", "x", "-", "6-", "99999999999999999999-1", "-1-3"} {
		if resp := want(416, ann, "PATCH", at, "world", "Content-Range", r); resp.Header.Get("Range") != "0-5" {
			t.Errorf("%s: Range %q", r, resp.Header.Get("Range"))
		}
	}
	if resp := want(204, ann, "GET", at, ""); resp.Header.Get("Range") != "0-5" {
		t.Errorf("Range %q", resp.Header.Get("Range"))
	}
	want(400, ann, "PUT", at+"?digest=sha256:abc", "")
	want(400, ann, "PUT", at, "")
	want(202, ann, "PATCH", at, "world", "Content-Range", "6-10")
	resp := want(201, ann, "PUT", at+"?digest="+digest("hello world"), "")
	if _, body := ann.ask("GET", resp.Header.Get("Location"), ""); body != "hello world" {
		t.Errorf("%q", body)
	}
	want(404, ann, "PATCH", at, "more") // it is over
	at = start(ann)
	want(400, ann, "PUT", at+"?digest="+digest("other"), "hello")
	want(404, ann, "GET", at, "")
	at = start(ann)
	want(204, ann, "DELETE", at, "")
	want(404, ann, "PUT", at+"?digest="+digest(""), "")

	// sha512 is a name of its own.
	sum := sha512.Sum512([]byte("hello"))
	five := "sha512:" + hex.EncodeToString(sum[:])
	want(201, ann, "POST", "/v2/acme/solver/blobs/uploads/?digest="+five, "hello")
	want(200, ann, "HEAD", "/v2/acme/solver/blobs/"+five, "")
	want(404, ann, "HEAD", "/v2/acme/solver/blobs/"+digest("hello"), "")

	// Part of content.
	at = "/v2/acme/solver/blobs/" + digest("hello world")
	for r, part := range map[string]string{"bytes=0-4": "hello", "bytes=6-": "world", "bytes=-3": "rld", "bytes=6-99": "world"} {
		if resp, body := ann.ask("GET", at, "", "Range", r); resp.StatusCode != 206 || body != part {
			t.Errorf("%s: %d %q", r, resp.StatusCode, body)
		}
	}
	for _, r := range []string{"bytes=11-", "bytes=5-4", "bytes=-0", "lines=1-2", "bytes=0-1,3-4"} {
		want(416, ann, "GET", at, "", "Range", r)
	}

	// One at once that breaks off is over: nobody knows its id.
	for range 65 {
		c, err := net.Dial("tcp", w.host)
		w.must(err)
		_, err = fmt.Fprintf(c, "POST /v2/acme/solver/blobs/uploads/?digest=%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\nhel", digest("hello"), w.host, ann.bearer("repository:acme/solver:push,pull"))
		w.must(err)
		for i := 0; len(w.files("pushed")) == 0 && i < 500; i++ {
			time.Sleep(10 * time.Millisecond)
		}
		w.must(c.Close())
		for i := 0; len(w.files("pushed")) > 0; i++ {
			if i == 1000 {
				t.Fatalf("left of a broken upload: %q", w.files("pushed"))
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	want(204, ann, "DELETE", start(ann), "")

	// Uploads under way are bounded; a day later they are over, and their files gone.
	first := start(ann)
	for range 63 {
		start(ann)
	}
	want(429, ann, "POST", "/v2/acme/solver/blobs/uploads/", "")
	// What somebody left, her colleagues are told of and may cancel.
	_, body := abe.ask("POST", "/v2/acme/solver/blobs/uploads/", "")
	_, idle, _ := strings.Cut(body, "DELETE ")
	idle, _, _ = strings.Cut(idle, ";")
	if idle != first {
		t.Errorf("not told of %s: %s", first, body)
	}
	want(204, abe, "DELETE", idle, "")
	want(404, ann, "PATCH", first, "more")
	start(abe)
	w.offset.Store(int64(25 * time.Hour))
	for _, e := range w.files("pushed") {
		old := time.Now().Add(-time.Hour)
		w.must(os.Chtimes(e, old, old))
	}
	ann = w.as("ann")
	ann.push("acme/solver", "the first of a new day")
	if left := w.files("pushed"); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

// An upload is over a day after its last byte, whether its bytes come in requests of
// their own or in one that takes longer than a day.
func TestUploadsLiveWhileBytesCome(t *testing.T) {
	w := newWorld(t)
	start := func() string {
		t.Helper()
		resp, body := w.as("ann").ask("POST", "/v2/acme/solver/blobs/uploads/", "")
		if resp.StatusCode != 202 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		return resp.Header.Get("Location")
	}
	want := func(status int, method, at, body string) {
		t.Helper()
		if resp, text := w.as("ann").ask(method, at, body); resp.StatusCode != status {
			t.Errorf("%s: %d, want %d: %s", method, resp.StatusCode, status, text)
		}
	}
	hour := func(n int) { // sets the clock, and has the registry swept
		t.Helper()
		w.offset.Store(int64(n) * int64(time.Hour))
		w.as("bob").push("globex/any", "a sweep")
	}
	written := func(at string) { // gives the file the time that it would have
		t.Helper()
		w.must(os.Chtimes(filepath.Join(w.dir, "pushed", filepath.Base(at)), w.now(), w.now()))
	}
	pieces, left, one := start(), start(), start()
	r, out := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "PATCH", w.http.URL+one, r)
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+w.as("ann").bearer("repository:acme/solver:push,pull"))
	status := make(chan int, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	write := func(s string, size int64) {
		t.Helper()
		_, err := io.WriteString(out, s)
		w.must(err)
		for range 500 { // until the server has it
			st, err := os.Stat(filepath.Join(w.dir, "pushed", filepath.Base(one)))
			if err == nil && st.Size() == size {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("the server has not %q", s)
	}
	write("one", 3)
	hour(20)
	want(202, "PATCH", pieces, "one")
	written(pieces)
	write("two", 6)
	hour(30)
	want(404, "PATCH", left, "two")
	want(202, "PATCH", pieces, "two")
	written(pieces)
	out.Close()
	if s := <-status; s != 202 {
		t.Errorf("one request that takes a day: %d", s)
	}
	want(201, "PUT", one+"?digest="+digest("onetwo"), "")
	hour(50)
	want(204, "GET", pieces, "")
	hour(55)
	want(404, "GET", pieces, "")
}

// files lists the regular files below a directory of the platform.
func (w *world) files(dir string) (list []string) {
	w.Helper()
	w.must(filepath.WalkDir(filepath.Join(w.dir, dir), func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && e.Name() != "lock" {
			list = append(list, p)
		}
		return err
	}))
	return list
}

// settle waits until so many blobs lie in the store.
func (w *world) settle(when string, want int) {
	w.Helper()
	for range 500 {
		if len(w.files("blobs")) == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.Errorf("%s: %d blobs after ten seconds, want %d", when, len(w.files("blobs")), want)
}

// seenGone hangs up for the client of a request, and waits until the server sees it.
func (w *world) seenGone(hangUp func()) func(context.Context) {
	return func(ctx context.Context) {
		hangUp()
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			w.Error("the server does not see for ten seconds that its client is gone")
		}
	}
}

// Tokens: of what is asked for, what is allowed; forged, spent and revoked ones
// are none; a scope is not exceeded.
func TestTokens(t *testing.T) {
	w := newWorld(t)
	ann := w.as("ann")
	d := ann.push("acme/solver", "x")
	get := func(token, method, path string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, w.http.URL+path, nil)
		w.must(err)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		w.must(err)
		resp.Body.Close()
		return resp.StatusCode
	}
	pull := ann.bearer("repository:acme/solver:pull")
	other := ann.bearer("repository:acme/other:push,pull")
	at := "/v2/acme/solver/blobs/" + d
	for _, c := range []struct {
		token, method, path string
		want                int
	}{
		{pull, "GET", "/v2/", 200},
		{pull, "HEAD", at, 200},
		{pull, "DELETE", at, 401}, // ask for a token that covers it
		{pull, "POST", "/v2/acme/solver/blobs/uploads/", 401},
		{pull, "GET", "/v2/acme/other/tags/list", 401},
		{other, "POST", "/v2/acme/other/blobs/uploads/?mount=" + d + "&from=acme/solver", 401},
		{other, "POST", "/v2/acme/other/blobs/uploads/?mount=" + d, 202}, // not of a repository that the token does not name
		{other, "HEAD", "/v2/acme/other/blobs/" + d, 404},
		{ann.bearer("repository:acme/other:push,pull repository:acme/solver:pull"), "POST", "/v2/acme/other/blobs/uploads/?mount=" + d, 201},
		{pull, "GET", "/v2/globex/solver/tags/list", 404},
		{pull, "PUT", at, 401},
		{ann.bearer("repository:acme/solver:push,pull"), "PUT", at, 405},
		{ann.bearer("repository:globex/solver:push,pull"), "GET", "/v2/globex/solver/tags/list", 404},
		{ann.bearer("registry:catalog:*"), "GET", "/v2/_catalog", 404},
		{w.as("ada").bearer("repository:acme/solver:push,pull"), "HEAD", at, 200},
		{w.as("ada").bearer("repository:acme/solver:push,pull"), "POST", "/v2/acme/solver/blobs/uploads/", 403},
		{pull[:len(pull)-2] + "AA", "HEAD", at, 401},
		{"x" + pull, "HEAD", at, 401},
		{"." + pull, "HEAD", at, 401},
		{ann.token, "HEAD", at, 401}, // the token of the API is for the token endpoint
		{"", "HEAD", at, 401},
	} {
		if s := get(c.token, c.method, c.path); s != c.want {
			t.Errorf("%s %s with %.20s: %d, want %d", c.method, c.path, c.token, s, c.want)
		}
	}
	for _, c := range []struct {
		user, secret string
		want         int
	}{
		{"ann", password, 200}, {"ann", ann.token, 200}, {"bob", ann.token, 401}, {"ann", "wrong", 401}, {"nobody", password, 401},
		{"ann", "aihub_" + strings.Repeat("A", 43), 401},
	} {
		if s, _ := w.fetchToken(c.user, c.secret, ""); s != c.want {
			t.Errorf("%s with %.10s: %d, want %d", c.user, c.secret, s, c.want)
		}
	}
	w.must(ann.SignOut(t.Context())) // revokes the token that pull came from
	if s := get(pull, "HEAD", at); s != 401 {
		t.Errorf("after sign-out: %d", s)
	}
	_, fresh := w.fetchToken("ann", password, "repository:acme/solver:pull")
	if s := get(fresh, "HEAD", at); s != 200 {
		t.Errorf("by password: %d", s)
	}
	w.offset.Store(int64(21 * time.Minute))
	if s := get(fresh, "HEAD", at); s != 401 {
		t.Errorf("after 21 minutes: %d", s)
	}
	if strings.Contains(w.logs.String(), fresh) || strings.Contains(w.logs.String(), ann.token) {
		t.Error("a token is in the log")
	}
}

// Content that nobody names any more is deleted from the store; what is still
// named anywhere in the organisation stays.
func TestGarbage(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.as("ann"), w.as("bob")
	m := ann.tag("acme/one", "v1", "shared")
	ann.tag("acme/two", "v1", "shared")
	bob.tag("globex/one", "v1", "shared")
	ann.push("acme/one", "shared") // again: no second copy stays
	status := func(p person, method, path string) int {
		t.Helper()
		resp, _ := p.ask(method, path, "")
		return resp.StatusCode
	}
	expect := func(n int) {
		t.Helper()
		if got := len(w.files("blobs")); got != n {
			t.Errorf("%d blobs, want %d", got, n)
		}
	}
	d := digest("shared")
	if s := status(ann, "DELETE", "/v2/acme/one/manifests/"+m); s != 202 {
		t.Error(s)
	}
	if s := status(ann, "GET", "/v2/acme/one/manifests/v1"); s != 404 {
		t.Errorf("the tag outlives its manifest: %d", s)
	}
	for _, p := range []string{"one", "two"} {
		if s := status(ann, "DELETE", "/v2/acme/"+p+"/blobs/"+d); s != 202 {
			t.Error(s)
		}
		if s := status(ann, "DELETE", "/v2/acme/"+p+"/blobs/"+d); s != 404 {
			t.Error(s)
		}
		if p == "one" {
			expect(2)
		}
	}
	expect(1)
	if s := status(bob, "GET", "/v2/globex/one/blobs/"+d); s != 200 {
		t.Errorf("the other organisation's copy: %d", s)
	}
	// A push that never got its manifest is swept after a day; what a manifest names stays.
	bob.push("globex/one", "half a push")
	w.offset.Store(int64(25 * time.Hour))
	bob = w.as("bob")
	if s := status(bob, "POST", "/v2/globex/one/blobs/uploads/"); s != 202 {
		t.Error(s)
	}
	expect(1)
	if s := status(bob, "GET", "/v2/globex/one/blobs/"+d); s != 200 {
		t.Error(s)
	}
	rep, err := w.db.VerifyLedger(t.Context())
	w.must(err)
	if len(rep.Faults) > 0 {
		t.Errorf("%v", rep.Faults)
	}
	if _, err := w.db.Garbage(t.Context()); err != nil {
		t.Error(err)
	}
	if n, _, err := w.db.PushedBytes(t.Context(), policies.ScopeOf(aihub.Actor{User: "bob", Org: "globex"})); err != nil || n == 0 {
		t.Error(n, err)
	}
}

// An upload that ends between the blob store and the database leaves nothing: not
// when its client hangs up there, nor, after a day, when the server is killed.
func TestUploadsLeaveNothing(t *testing.T) {
	w := newWorld(t)
	ann := w.as("ann")
	ann.push("acme/solver", "what stays")
	finish := func(ctx context.Context, content string) {
		t.Helper()
		resp, body := ann.ask("POST", "/v2/acme/solver/blobs/uploads/", "")
		if resp.StatusCode != 202 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		at := resp.Header.Get("Location")
		if resp, body := ann.ask("PATCH", at, content); resp.StatusCode != 202 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		req, err := http.NewRequestWithContext(ctx, "PUT", w.http.URL+at+"?digest="+digest(content), nil)
		w.must(err)
		req.Header.Set("Authorization", "Bearer "+ann.bearer("repository:acme/solver:pull,push"))
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			t.Fatalf("the upload ended with %d", resp.StatusCode)
		}
	}
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	gone := w.seenGone(hangUp)
	w.puts.after.Store(&gone)
	finish(ctx, strings.Repeat("nobody waits ", 1000))
	w.settle("hung up", 1)

	killed := func(context.Context) { panic(http.ErrAbortHandler) }
	w.puts.after.Store(&killed)
	finish(t.Context(), strings.Repeat("nobody cleans up ", 1000))
	w.settle("killed", 2)
	usage := func() int64 {
		n, _, err := w.db.PushedBytes(t.Context(), policies.ScopeOf(aihub.Actor{User: "ann", Org: "acme"}))
		w.must(err)
		return n
	}
	if n := usage(); n < 17_000 {
		t.Errorf("what lies there does not count: %d bytes", n)
	}
	ann.tag("acme/solver", "v1", "what stays")
	w.offset.Store(int64(25 * time.Hour))
	ann = w.as("ann")
	ann.push("acme/solver", "the first of a new day")
	w.settle("a day later", 2)
	if n := usage(); n > 2000 {
		t.Errorf("what is gone still counts: %d bytes", n)
	}
}

// Uploads that grow at the same time keep the organisation's bound together.
func TestUploadsShareTheBound(t *testing.T) {
	w := newWorld(t)
	ann := w.as("ann")
	const piece = 18 << 20 // more than what is taken before it is asked again
	w.http = httptest.NewServer(&registry.Registry{
		DB: w.db, Policies: w.rules, Blobs: w.blobs, Keys: w.keys, Auth: auth.New(w.db, w.rules, false, w.now),
		Dir: filepath.Join(w.dir, "few"), Org: 3 * piece, Now: w.now, Log: slog.New(slog.NewTextHandler(w.logs, nil)),
	})
	t.Cleanup(w.http.Close)
	bearer := "Bearer " + ann.bearer("repository:acme/solver:pull,push")
	status := make(chan int, 2)
	var in [2]*io.PipeWriter
	for i := range in {
		resp, body := ann.ask("POST", "/v2/acme/solver/blobs/uploads/", "")
		if resp.StatusCode != 202 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		r, out := io.Pipe()
		in[i] = out
		req, err := http.NewRequestWithContext(t.Context(), "PATCH", w.http.URL+resp.Header.Get("Location"), r)
		w.must(err)
		req.Header.Set("Authorization", bearer)
		go func() {
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				status <- 0 // the server hung up on what it does not take
				return
			}
			resp.Body.Close()
			status <- resp.StatusCode
		}()
	}
	b := make([]byte, piece)
	for _, out := range in { // each begins where all is still free
		_, err := out.Write(b[:piece/2])
		w.must(err)
	}
	for _, out := range in { // and wants five sixths of it
		go func() {
			_, _ = out.Write(b) // taken or refused
			_, _ = out.Write(b)
			out.Close()
		}()
	}
	if first, second := <-status, <-status; first == 202 && second == 202 {
		t.Error("both were taken whole")
	}
	size := int64(0)
	for _, f := range w.files("few") {
		st, err := os.Stat(f)
		w.must(err)
		size += st.Size()
	}
	if size > 3*piece+2*(16<<20) {
		t.Errorf("%d bytes lie there", size)
	}
}

// While a request writes to an upload no other one does: neither goes on with it, ends
// or cancels it, and none takes it away.
func TestOneWriterAtOnce(t *testing.T) {
	w := newWorld(t)
	ann := w.as("ann")
	resp, body := ann.ask("POST", "/v2/acme/solver/blobs/uploads/", "")
	if resp.StatusCode != 202 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	at := resp.Header.Get("Location")
	r, out := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "PATCH", w.http.URL+at, r)
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+ann.bearer("repository:acme/solver:pull,push"))
	status := make(chan int, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	_, err = io.WriteString(out, "hello ")
	w.must(err)
	file := filepath.Join(w.dir, "pushed", filepath.Base(at))
	for i := 0; ; i++ { // until the server has it
		if b, err := os.ReadFile(file); err == nil && string(b) == "hello " {
			break
		}
		if i == 500 {
			t.Fatal("the server does not write for ten seconds")
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, c := range []struct{ method, path, body string }{
		{"PATCH", at, "twice "}, {"PUT", at + "?digest=" + digest("hello "), ""}, {"DELETE", at, ""},
	} {
		if resp, body := ann.ask(c.method, c.path, c.body); resp.StatusCode != 409 || !strings.Contains(body, "another request writes to this upload") {
			t.Errorf("%s meanwhile: %d %s", c.method, resp.StatusCode, body)
		}
	}
	_, err = io.WriteString(out, "world")
	w.must(err)
	w.must(out.Close())
	if s := <-status; s != 202 {
		t.Errorf("the first: %d", s)
	}
	if resp, body := ann.ask("PUT", at+"?digest="+digest("hello world"), ""); resp.StatusCode != 201 {
		t.Errorf("afterwards: %d %s", resp.StatusCode, body)
	}
}

// Who finds no room because of what a colleague left is told so, may cancel it, and has
// the room; another organisation is told of nothing.
func TestLeftUploadsGiveRoom(t *testing.T) {
	w := newWorld(t)
	ann, abe, bob := w.as("ann"), w.as("abe"), w.as("bob")
	w.http = httptest.NewServer(&registry.Registry{
		DB: w.db, Policies: w.rules, Blobs: w.blobs, Keys: w.keys, Auth: auth.New(w.db, w.rules, false, w.now),
		Dir: filepath.Join(w.dir, "few"), Org: 1000, Now: w.now, Log: slog.New(slog.NewTextHandler(w.logs, nil)),
	})
	t.Cleanup(w.http.Close)
	resp, body := ann.ask("POST", "/v2/acme/hers/blobs/uploads/", "")
	if resp.StatusCode != 202 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	left := resp.Header.Get("Location")
	if resp, body := ann.ask("PATCH", left, strings.Repeat("x", 800)); resp.StatusCode != 202 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	layer := strings.Repeat("y", 300)
	at := "/v2/acme/solver/blobs/uploads/?digest=" + digest(layer)
	if resp, body := abe.ask("POST", at, layer); resp.StatusCode != 413 || !strings.Contains(body, "DELETE "+left+" /") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	large := strings.Repeat("z", 1001)
	if resp, body := bob.ask("POST", "/v2/globex/x/blobs/uploads/?digest="+digest(large), large); resp.StatusCode != 413 || strings.Contains(body, "DELETE ") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, body := abe.ask("DELETE", left, ""); resp.StatusCode != 204 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, body := abe.ask("POST", at, layer); resp.StatusCode != 201 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// Manifests that two readers could understand differently, or that name what is
// not there, are refused with their reason.
func TestManifests(t *testing.T) {
	w := newWorld(t)
	ann := w.as("ann")
	ann.push("acme/solver", "config")
	good := manifest("config")
	edit := func(old, new string) string {
		s := strings.Replace(good, old, new, 1)
		if s == good {
			t.Fatalf("%q is not in %s", old, good)
		}
		return s
	}
	for name, c := range map[string]struct {
		ref, body, mediaType string
		status               int
		code                 string
	}{
		"good":              {"v1", good, imageType, 201, ""},
		"no content type":   {"v1", good, "", 201, ""},
		"by digest":         {digest(good), good, imageType, 201, ""},
		"another digest":    {digest("x"), good, imageType, 400, "DIGEST_INVALID"},
		"no digest":         {"sha256:x", good, imageType, 400, "DIGEST_INVALID"},
		"bad tag":           {"-v1", good, imageType, 400, "TAG_INVALID"},
		"another type":      {"v1", good, "application/vnd.oci.image.index.v1+json", 400, "MANIFEST_INVALID"},
		"unknown type":      {"v1", edit(imageType, "text/plain"), "", 400, "MANIFEST_INVALID"},
		"not JSON":          {"v1", "{", imageType, 400, "MANIFEST_INVALID"},
		"two documents":     {"v1", good + good, imageType, 400, "MANIFEST_INVALID"},
		"a key twice":       {"v1", edit(`"schemaVersion":2`, `"schemaVersion":2,"SchemaVersion":2`), imageType, 400, "MANIFEST_INVALID"},
		"old schema":        {"v1", edit(`"schemaVersion":2`, `"schemaVersion":1`), imageType, 400, "MANIFEST_INVALID"},
		"unknown content":   {"v1", manifest("other"), imageType, 400, "MANIFEST_BLOB_UNKNOWN"},
		"wrong size":        {"v1", edit(`"size":6`, `"size":7`), imageType, 400, "MANIFEST_INVALID"},
		"negative size":     {"v1", edit(`"size":6`, `"size":-1`), imageType, 400, "MANIFEST_INVALID"},
		"path for a digest": {"v1", edit(digest("config"), "../../etc/passwd"), imageType, 400, "MANIFEST_INVALID"},
		"deep":              {"v1", `{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, imageType, 400, "MANIFEST_INVALID"},
		"too large":         {"v1", `{"a":"` + strings.Repeat("x", 4<<20) + `"}`, imageType, 413, "MANIFEST_INVALID"},
		"index of nothing":  {"v1", `{"schemaVersion":2,"manifests":[{"mediaType":"` + imageType + `","digest":"` + digest("x") + `","size":1}]}`, "application/vnd.oci.image.index.v1+json", 400, "MANIFEST_BLOB_UNKNOWN"},
		"huge annotations": {"v1", edit(`"layers":[]`, `"layers":[],"subject":{"mediaType":"`+imageType+`","digest":"`+digest("x")+`","size":1},"annotations":{"a":"`+strings.Repeat("x", 70_000)+`"}`),
			imageType, 400, "MANIFEST_INVALID"},
	} {
		var header []string
		if c.mediaType != "" {
			header = []string{"Content-Type", c.mediaType}
		}
		resp, body := ann.ask("PUT", "/v2/acme/solver/manifests/"+c.ref, c.body, header...)
		if resp.StatusCode != c.status || !strings.Contains(body, c.code) {
			t.Errorf("%s: %d %.300s", name, resp.StatusCode, body)
		}
		if resp.StatusCode >= 400 && !strings.Contains(body, " / ") {
			t.Errorf("%s: not in both languages: %.300s", name, body)
		}
	}
	if resp, _ := ann.ask("GET", "/v2/acme/solver/tags/list?n=x", ""); resp.StatusCode != 400 {
		t.Error(resp.StatusCode)
	}
}

// What came of an upload is kept when the connection breaks and when the server is
// started anew: its client asks how far it is, and goes on.
func TestUploadsOutliveTheServer(t *testing.T) {
	w := newWorld(t)
	ann := w.as("ann")
	resp, body := ann.ask("POST", "/v2/acme/solver/blobs/uploads/", "")
	if resp.StatusCode != 202 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	at, bearer := resp.Header.Get("Location"), "Bearer "+ann.bearer("repository:acme/solver:pull,push")
	ask := func(method, path string, body io.Reader) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, w.http.URL+path, body)
		w.must(err)
		req.Header.Set("Authorization", bearer)
		return http.DefaultClient.Do(req)
	}
	conn, err := net.Dial("tcp", w.host)
	w.must(err)
	_, err = fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Length: 11\r\n\r\nhello ", at, w.host, bearer)
	w.must(err)
	w.must(conn.Close())
	for range 500 { // until the server has them
		if resp, err = ask("GET", at, nil); err == nil && resp.Header.Get("Range") == "0-5" {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.http.Close()
	w.http = httptest.NewServer(&registry.Registry{
		DB: w.db, Policies: w.rules, Blobs: w.blobs, Keys: w.keys, Auth: auth.New(w.db, w.rules, false, w.now),
		Dir: filepath.Join(w.dir, "pushed"), Now: w.now, Log: slog.New(slog.NewTextHandler(w.logs, nil)),
	})
	t.Cleanup(w.http.Close)
	resp, err = ask("GET", at, nil)
	w.must(err)
	if r := resp.Header.Get("Range"); resp.StatusCode != 204 || r != "0-5" {
		t.Fatalf("%d, Range %q", resp.StatusCode, r)
	}
	resp, err = ask("PUT", at+"?digest="+digest("hello world"), strings.NewReader("world"))
	w.must(err)
	if resp.StatusCode != 201 {
		t.Errorf("%d", resp.StatusCode)
	}
	resp, err = ask("GET", "/v2/acme/solver/blobs/"+digest("hello world"), nil)
	w.must(err)
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "hello world" {
		t.Errorf("%q, %v", b, err)
	}
}

// Who pulls content that is deleted meanwhile gets the whole of it.
func TestPullOutlivesDeletion(t *testing.T) {
	w := newWorld(t)
	ann := w.as("ann")
	content := strings.Repeat("0123456789abcdef", 2<<20)
	d := ann.push("acme/solver", content)
	req, err := http.NewRequestWithContext(t.Context(), "GET", w.http.URL+"/v2/acme/solver/blobs/"+d, nil)
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+ann.bearer("repository:acme/solver:pull"))
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	defer resp.Body.Close()
	_, err = io.ReadFull(resp.Body, make([]byte, 1))
	w.must(err)
	if resp, body := ann.ask("DELETE", "/v2/acme/solver/blobs/"+d, ""); resp.StatusCode != 202 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if n := len(w.files("blobs")); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != content[1:] {
		t.Errorf("got %d of %d bytes, %v", len(b)+1, len(content), err)
	}
	if resp, _ := ann.ask("GET", "/v2/acme/solver/blobs/"+d, ""); resp.StatusCode != 404 {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}
