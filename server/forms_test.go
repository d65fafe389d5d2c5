package server_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/store"
)

// plainBrowser has cookies and no JavaScript.
type plainBrowser struct {
	w    *world
	http *http.Client
}

// browse opens a browser and signs a person in; "" is a visitor.
func (w *world) browse(who aihub.UserID) *plainBrowser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	w.must(err)
	b := &plainBrowser{w, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if who != "" {
		if status, to := b.post("/signin", "user", string(who), "password", password); status != http.StatusSeeOther {
			w.t.Fatalf("%s cannot sign in: %d %s", who, status, to)
		}
	}
	return b
}

func (b *plainBrowser) send(req *http.Request) (int, string, string) {
	b.w.t.Helper()
	req.Header.Set("Accept-Language", "en")
	if req.Method == http.MethodPost {
		req.Header.Set("Origin", b.w.http.URL)
	}
	resp, err := b.http.Do(req)
	b.w.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	b.w.must(err)
	return resp.StatusCode, resp.Header.Get("Location"), string(body)
}

func (b *plainBrowser) get(path string) (status int, body string) {
	b.w.t.Helper()
	req, err := http.NewRequest(http.MethodGet, b.w.http.URL+path, nil)
	b.w.must(err)
	status, _, body = b.send(req)
	return status, body
}

// post sends a form of name and value pairs; it returns where a redirect leads,
// or the page.
func (b *plainBrowser) post(path string, pairs ...string) (status int, where string) {
	b.w.t.Helper()
	f := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequest(http.MethodPost, b.w.http.URL+path, strings.NewReader(f.Encode()))
	b.w.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, to, body := b.send(req)
	if to != "" {
		return status, to
	}
	return status, body
}

// upload sends the form of the submit page, with an image that is kept if one is named.
func (b *plainBrowser) upload(path, kind, name string, file []byte, kept ...string) (status int, where string) {
	b.w.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	b.w.must(form.WriteField("nonce", "web_"+name+"-12345678"))
	b.w.must(form.WriteField("kind", kind))
	b.w.must(form.WriteField("name", name))
	for _, k := range kept {
		b.w.must(form.WriteField("kept", k))
	}
	fileName := "my-image.tar"
	if file == nil {
		fileName = ""
	}
	part, err := form.CreateFormFile("image", fileName)
	b.w.must(err)
	_, err = part.Write(file)
	b.w.must(err)
	b.w.must(form.Close())
	req, err := http.NewRequest(http.MethodPost, b.w.http.URL+path, &body)
	b.w.must(err)
	req.Header.Set("Content-Type", form.FormDataContentType())
	status, to, page := b.send(req)
	if to != "" {
		return status, to
	}
	return status, page
}

// TestFormsWithoutJavaScript plays the pages' part of the line with nothing but
// forms: sign in, enrol, decide, submit, vote, cancel, sign out.
func TestFormsWithoutJavaScript(t *testing.T) {
	w := newWorld(t)
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch", "release: policy", "release: review")
	at := "/scenarios/" + sc.Ref.String()

	// Signing in: a wrong password comes back with the form and the words.
	visitor := w.browse("")
	if status, page := visitor.post("/signin", "user", "vendor", "password", "wrong"); status != 401 ||
		!strings.Contains(page, "The name or the password is wrong") || !strings.Contains(page, `value="vendor"`) || strings.Contains(page, `value="wrong"`) {
		t.Errorf("a wrong password: %d %.300s", status, page)
	}
	if status, to := visitor.post(at+"/enrol", "purpose", "x"); status != 401 {
		t.Errorf("a visitor enrols: %d %.100s", status, to)
	}
	if status, page := visitor.get("/submissions"); status != http.StatusSeeOther || page == "x" {
		t.Errorf("a visitor's submissions: %d", status)
	}

	// The vendor enrols with the digest that the page shows.
	vendor := w.browse("vendor")
	_, page := vendor.get(at)
	m := regexp.MustCompile(`name="agreement" value="(sha256:[0-9a-f]{64})"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page has no agreement to sign: %.500s", page)
	}
	if status, page := vendor.post(at+"/enrol", "purpose", "my <b>purpose</b>", "agreement", "sha256:0"); status != 409 || !strings.Contains(page, "my &lt;b&gt;purpose&lt;/b&gt;") {
		t.Errorf("another agreement: %d", status)
	}
	if status, to := vendor.post(at+"/enrol", "purpose", "character n-grams", "agreement", m[1]); status != http.StatusSeeOther || to != at+"?done=enrolled" {
		t.Fatalf("enrolling: %d %.300s", status, to)
	}
	if _, page = vendor.get(at + "?done=enrolled"); !strings.Contains(page, "Your enrolment was sent") || !strings.Contains(page, "Your enrolment waits for a decision") {
		t.Error("after enrolling the page does not say so")
	}
	if status, page := vendor.upload(at+"/submit", "round", "early", w.image("a")); status != 403 || !strings.Contains(page, "Enrol first") {
		t.Errorf("submitting before approval: %d", status)
	}

	// The reviewer decides on the worklist.
	reviewer := w.browse("reviewer")
	_, page = reviewer.get("/work")
	action := regexp.MustCompile(`/work/enrolments/enr_[a-z0-9]+`).FindString(page)
	if !strings.Contains(page, "character n-grams") || action == "" {
		t.Fatalf("the worklist does not show the enrolment: %.500s", page)
	}
	if status, to := vendor.post(action, "decision", "approve", "reason", "me"); status != 403 {
		t.Errorf("the vendor approves its own enrolment: %d %.200s", status, to)
	}
	if status, to := reviewer.post(action, "decision", "approve", "reason", "welcome"); status != http.StatusSeeOther || to != "/work?done=decided" {
		t.Fatalf("approving: %d %.300s", status, to)
	}
	if _, page = reviewer.get("/work"); !strings.Contains(page, "Nothing waits for you") {
		t.Error("the worklist is not empty")
	}

	// The vendor submits: what is wrong comes back in words, what is right runs.
	if _, page = vendor.get(at + "/submit"); !strings.Contains(page, "20 of 20 attempts left") {
		t.Error("the form does not say what is left")
	}
	if status, page := vendor.upload(at+"/submit", "round", "empty", nil); status != 422 || !strings.Contains(page, "Choose the file of your image") {
		t.Errorf("no file: %d", status)
	}
	if status, page := vendor.upload(at+"/submit", "round", "broken", []byte("not an image")); status != 422 || !strings.Contains(page, `role="alert"`) {
		t.Errorf("a broken image: %d", status)
	}
	const evil = `<img src=x onerror=alert(1)>`
	status, to := vendor.upload(at+"/submit", "round", evil, w.image("b"))
	if status != http.StatusSeeOther || !strings.HasPrefix(to, "/submissions/sub_") {
		t.Fatalf("submitting: %d %.500s", status, to)
	}
	path, _, _ := strings.Cut(to, "?")
	_, page = vendor.get(to)
	if strings.Contains(page, evil) || !strings.Contains(page, "&lt;img src=x onerror=alert(1)&gt;") {
		t.Error("a name is not escaped")
	}
	if !strings.Contains(page, "Your image was accepted") || !strings.Contains(page, "1 of 20 attempts") || !strings.Contains(page, `http-equiv="refresh"`) {
		t.Error("the page of the submission does not say where it stands")
	}
	id := aihub.SubmissionID(strings.TrimPrefix(path, "/submissions/"))
	w.infer(id, store.Outcome{Output: w.put("p")})
	w.score(sc, id, metric("accuracy", 0.85), metric("f1", 0.8))
	w.pass(w.tick(sc))
	if _, page = vendor.get(path); !strings.Contains(page, "waits for two reviewers") || strings.Contains(page, "0.85") {
		t.Error("the page does not say that the score waits, or shows it")
	}

	// Two reviewers vote; the score is there, and on the board.
	_, page = reviewer.get("/work")
	action = regexp.MustCompile(`/work/releases/rel_[a-z0-9]+`).FindString(page)
	for _, who := range []*plainBrowser{reviewer, w.browse("second")} {
		if status, to := who.post(action, "decision", "approve", "reason", "fine"); status != http.StatusSeeOther {
			t.Fatalf("voting: %d %.300s", status, to)
		}
	}
	w.release()
	if _, page = vendor.get(path); !strings.Contains(page, "0.86") || strings.Contains(page, "0.85") {
		t.Error("the released score is not on the page, or the sealed one is")
	}
	if _, page = visitor.get(at); !strings.Contains(page, "Acme Brains") || !strings.Contains(page, "0.86") || strings.Contains(page, evil) {
		t.Error("the board does not show the score, or shows markup")
	}

	// A second one is cancelled; then the vendor signs out and is nobody.
	_, to = vendor.upload(at+"/submit", "round", "second", w.image("c"))
	path, _, _ = strings.Cut(to, "?")
	if status, to := vendor.post(path + "/cancel"); status != http.StatusSeeOther || to != path+"?done=cancelled" {
		t.Errorf("cancelling: %d %.200s", status, to)
	}
	if status, _ := vendor.post("/signout"); status != http.StatusSeeOther {
		t.Errorf("signing out: %d", status)
	}
	if status, _ := vendor.get(path); status != http.StatusSeeOther {
		t.Errorf("after signing out the page answers %d", status)
	}
	noInternal(t, w)
}

// TestSession: the cookie is out of scripts' reach and of other sites', a planted
// session id is not taken over, and a copied cookie ends with signing out.
func TestSession(t *testing.T) {
	w := newWorld(t)
	form := func() *http.Request {
		req, err := http.NewRequest(http.MethodPost, w.http.URL+"/signin", strings.NewReader(url.Values{"user": {"vendor"}, "password": {password}}.Encode()))
		w.must(err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return req
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	session := func(req *http.Request) *http.Cookie {
		t.Helper()
		resp, err := c.Do(req)
		w.must(err)
		resp.Body.Close()
		for _, k := range resp.Cookies() {
			if k.Name == "aihub_session" {
				return k
			}
		}
		t.Fatalf("no session cookie: %d", resp.StatusCode)
		return nil
	}
	first := session(form())
	if !first.HttpOnly || first.SameSite != http.SameSiteStrictMode || first.Path != "/" {
		t.Errorf("the cookie is %+v", first)
	}
	planted := form()
	planted.AddCookie(first)
	second := session(planted)
	if second.Value == first.Value {
		t.Error("the session id of before was kept on signing in")
	}
	me := func(k *http.Cookie) int {
		req, err := http.NewRequest(http.MethodGet, w.http.URL+"/api/v1/me", nil)
		w.must(err)
		req.AddCookie(k)
		resp, err := c.Do(req)
		w.must(err)
		resp.Body.Close()
		return resp.StatusCode
	}
	if me(first) != 401 || me(second) != 200 {
		t.Errorf("old session %d, new session %d", me(first), me(second))
	}
	out, err := http.NewRequest(http.MethodPost, w.http.URL+"/signout", nil)
	w.must(err)
	out.AddCookie(second)
	resp, err := c.Do(out)
	w.must(err)
	resp.Body.Close()
	if me(second) != 401 {
		t.Error("a copied cookie works after signing out")
	}
}

// TestNoOpenRedirect: signing in leads to this site only.
func TestNoOpenRedirect(t *testing.T) {
	w := newWorld(t)
	for _, next := range []string{
		"//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "evil.example", "/\t/evil.example",
		"///evil.example", "\\\\evil.example", "//evil.example/%2f..", "/%0d%0aSet-Cookie:x", "http:/evil.example",
	} {
		_, to := w.browse("").post("/signin", "user", "vendor", "password", password, "next", next)
		if to != "/" && to != next || strings.HasPrefix(to, "//") || strings.Contains(to, "evil.example") && !strings.HasPrefix(to, "/%") {
			t.Errorf("next=%q leads to %q", next, to)
		}
	}
	if _, to := w.browse("").post("/signin", "user", "vendor", "password", password, "next", "/submissions?x=1"); to != "/submissions?x=1" {
		t.Errorf("our own page leads to %q", to)
	}
}

// TestLanguage: what the person chose, else what the browser asks for, else Chinese.
func TestLanguage(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ path, accept, cookie, want string }{
		{"/", "", "", "zh-CN"}, {"/", "en-US,en", "", "en"}, {"/", "en", "zh", "zh-CN"}, {"/?lang=en", "zh", "zh", "en"}, {"/?lang=xx", "", "", "zh-CN"},
	} {
		header := []string{"Accept-Language", c.accept}
		if c.cookie != "" {
			header = append(header, "Cookie", "aihub_lang="+c.cookie)
		}
		resp, body := w.do("GET", c.path, "", nil, header...)
		if !strings.Contains(body, `<html lang="`+c.want+`">`) || resp.Header.Get("Content-Language") != c.want {
			t.Errorf("%+v: %s %.60s", c, resp.Header.Get("Content-Language"), body)
		}
	}
}
