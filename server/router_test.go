package server_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"aihub"
)

// target is what another organisation must not see, and what it would be told.
type target struct {
	path string
	mark string
}

// tricks are spellings of a path that a check of the text of an address takes for
// another place than the router does.
func tricks(p string) []string {
	all := []string{p, p + "/", p + "//", "/" + p, "//x" + p, p + ";x=1", p + "%20", p + ".", p + "%00", p + "%2f", p + "/.", p + "/x/..", p + "?x=/../", p + "%3fx", p + "#x", p + "\\", p + ".json", p + "~"}
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for i, part := range parts {
		with := func(s string) string {
			c := append([]string{}, parts...)
			c[i] = s
			return "/" + strings.Join(c, "/")
		}
		escaped := ""
		for _, c := range []byte(part) {
			escaped += fmt.Sprintf("%%%02x", c)
		}
		all = append(all, with(strings.ToUpper(part)), with(escaped), with("./"+part), with("/"+part), with("%2e/"+part), with("x/../"+part), with("x/%2e%2e/"+part),
			with("x%2f..%2f"+part), with(part+";jsessionid=1"), with("..;/"+part), with("x\\..\\"+part), with(part+"%252f"), with("\u202e"+part), with(url.PathEscape("\u0130")+part))
	}
	return all
}

// ask sends the handler a request line as it is, as the holder of token.
func (w *world) ask(method, path, token string, header ...string) (*httptest.ResponseRecorder, bool) {
	raw := method + " " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n"
	for i := 0; i+1 < len(header); i += 2 {
		raw += header[i] + ": " + header[i+1] + "\r\n"
	}
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw + "\r\n")))
	if err != nil {
		return nil, false // net/http refuses it
	}
	req.RemoteAddr = "192.0.2.7:1234"
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	return rec, true
}

// secrets is a submission of one organisation, with a run and a name that only it may see.
func (w *world) secrets() (targets []target) {
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch")
	vendor := w.as("vendor")
	vendor.enrol(sc)
	w.as("rival").enrol(sc)
	const mark = "MARK-of-the-vendor"
	sub := vendor.submit(sc, mark, true)
	l := w.claim(aihub.RunSmoke, sub.ID)
	w.start(l)
	w.must(w.db.AppendLog(w.t.Context(), l, mark))
	v, err := vendor.Submission(w.t.Context(), sub.ID)
	w.must(err)
	if len(v.Runs) == 0 {
		w.t.Fatal("the submission has no run")
	}
	for _, p := range []string{
		"/api/v1/submissions/" + string(sub.ID), "/api/v1/runs/" + string(v.Runs[0].ID), "/api/v1/runs/" + string(v.Runs[0].ID) + "/log",
		"/api/v1/submissions/" + string(sub.ID) + "/receipt", "/submissions/" + string(sub.ID),
	} {
		targets = append(targets, target{p, mark})
	}
	return targets
}

// However an address is spelt, another organisation's thing is not shown and the
// server does not break: what is asked for is decided on the object, not on the text.
func TestRouterTricks(t *testing.T) {
	w := newWorld(t)
	targets := w.secrets()
	vendor, rival := w.as("vendor").token, w.as("rival").token
	if rec, _ := w.ask("GET", targets[0].path, vendor); !strings.Contains(rec.Body.String(), targets[0].mark) {
		t.Fatalf("the vendor does not see its own: %d %s", rec.Code, rec.Body)
	}
	asked := 0
	for _, x := range targets {
		for _, p := range tricks(x.path) {
			for _, method := range []string{"GET", "HEAD", "POST", "get"} {
				for _, token := range []string{rival, "", "no-token"} {
					w.harmless(method, p, token, x.mark)
					asked++
				}
			}
		}
		for _, h := range []string{"X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-HTTP-Method-Override", "X-Forwarded-For", "Forwarded"} {
			w.harmless("GET", "/api/v1/scenarios", rival, x.mark, h, x.path)
			w.harmless("GET", x.path, rival, x.mark, h, "127.0.0.1")
		}
	}
	if asked < 1000 {
		t.Errorf("only %d addresses were asked for", asked)
	}
	// Spellings made of spellings, the same each time.
	r := rand.New(rand.NewPCG(19, 20261122))
	pieces := []string{"/", "//", "%2f", "..", "%2e%2e", ".", ";", "?", "#", "\\", "%5c", "%00", "api", "v1", "submissions", "runs", "API", "log", "%", "*", "{id}", "é"}
	for range 3000 {
		x := targets[r.IntN(len(targets))]
		p := x.path
		for range 1 + r.IntN(4) {
			at := r.IntN(len(p)) + 1
			p = p[:at] + pieces[r.IntN(len(pieces))] + p[at:]
		}
		w.harmless("GET", p, rival, x.mark)
	}
}

// harmless fails when an answer carries mark or is a fault of the server's own.
func (w *world) harmless(method, path, token, mark string, header ...string) {
	w.t.Helper()
	rec, ok := w.ask(method, path, token, header...)
	if !ok {
		return
	}
	body := rec.Body.String()
	for _, v := range rec.Header() {
		body += strings.Join(v, "\n")
	}
	if strings.Contains(body, mark) {
		w.t.Errorf("%s %q shows what is another's: %d", method, path, rec.Code)
	}
	if rec.Code >= 500 {
		w.t.Errorf("%s %q: %d %s", method, path, rec.Code, rec.Body)
	}
}

// HEAD about a page says what GET does, without the page.
func TestHead(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]int{"/": 200, "/datasets": 200, "/readyz": 200, "/datasets/nosuch@1": 404} {
		r, err := http.Head(w.http.URL + path)
		w.must(err)
		b, err := io.ReadAll(r.Body)
		w.must(err)
		w.must(r.Body.Close())
		if r.StatusCode != want || len(b) != 0 {
			t.Errorf("HEAD %s: %d with %d bytes, want %d with none", path, r.StatusCode, len(b), want)
		}
	}
}
