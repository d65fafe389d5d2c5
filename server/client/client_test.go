package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/server/wire"
)

// serve answers with f and counts the calls.
func serve(t *testing.T, f func(w http.ResponseWriter, r *http.Request, call int)) (*Client, *int) {
	t.Helper()
	calls := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		f(w, r, calls)
	}))
	t.Cleanup(s.Close)
	return New(s.URL+"/", "secret"), &calls
}

func TestErrorsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"kind":"conflict","message":{"zh":"已变更","en":"it has changed"},"hint":{"en":"read it again"},"faults":[{"code":"x","where":"line 2","message":{"en":"bad"}}]}`)
	})
	_, err := c.Me(context.Background())
	var e *aihub.Error
	if !errors.As(err, &e) || e.Kind != aihub.Conflict || e.Text.ZH != "已变更" || e.Hint.EN != "read it again" || e.Faults[0].Where != "line 2" {
		t.Errorf("got %#v", err)
	}
}

func TestStrangeServers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		kind   aihub.Kind
	}{
		"a proxy's page":      {502, "<html>Bad gateway</html>", aihub.Unavailable},
		"another API":         {404, `{"error":"not found"}`, aihub.Invalid},
		"a redirect":          {302, "", aihub.Invalid},
		"not JSON":            {200, "<html>", aihub.Unavailable},
		"cut short":           {200, `{"user":"x`, aihub.Unavailable},
		"an error with a 200": {200, "", aihub.Unavailable},
	} {
		cl, _ := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			w.Header().Set("Location", "http://elsewhere.example/")
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		_, err := cl.Me(context.Background())
		if aihub.KindOf(err) != c.kind {
			t.Errorf("%s: %v (%s)", name, err, aihub.KindOf(err))
		}
		if strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%s: the token is in the error", name)
		}
	}
	_, err := New("http://127.0.0.1:1", "").Me(context.Background())
	if aihub.KindOf(err) != aihub.Unavailable || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("nobody there: %v", err)
	}
	if _, err = New("not an address\x7f", "").Me(context.Background()); aihub.KindOf(err) != aihub.Invalid {
		t.Errorf("no address: %v", err)
	}
}

// TestPathsAreEscaped: an id with a slash or a question mark is one element.
func TestPathsAreEscaped(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		fmt.Fprintf(w, `{"id":%q}`, r.URL.EscapedPath()+"?"+r.URL.RawQuery)
	})
	v, err := c.Submission(context.Background(), "../x?a=b/c")
	if err != nil || v.ID != "/api/v1/submissions/..%2Fx%3Fa=b%2Fc?" {
		t.Errorf("asked for %s, %v", v.ID, err)
	}
}

// TestEventsAreTakenUpAgain: a stream that breaks goes on after the last event
// seen; comments and the end are no events.
func TestEventsAreTakenUpAgain(t *testing.T) {
	t.Parallel()
	c, calls := serve(t, func(w http.ResponseWriter, r *http.Request, call int) {
		w.Header().Set("Content-Type", "text/event-stream")
		switch call {
		case 1:
			if r.URL.Query().Get("after") != "0" {
				t.Errorf("the first call asks after %q", r.URL.Query().Get("after"))
			}
			fmt.Fprint(w, ":\n\nid: 1\nevent: log\ndata: {\"seq\":1,\"type\":\"log\",\"text\":\"a\"}\n\nid: 2\nevent: log\ndata: {\"seq\":2,\n")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler) // in the middle of an event
		case 2:
			if r.URL.Query().Get("after") != "1" {
				t.Errorf("the second call asks after %q", r.URL.Query().Get("after"))
			}
			fmt.Fprint(w, "id: 2\nevent: log\ndata: {\"seq\":2,\"type\":\"log\",\"text\":\"b\"}\n\nevent: end\ndata: {}\n\n")
		}
	})
	var got []string
	if err := c.Events(context.Background(), "sub", 0, func(e aihub.Event) { got = append(got, e.Text) }); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, "") != "ab" || *calls != 2 {
		t.Errorf("got %v in %d calls", got, *calls)
	}
}

func TestEventsGiveUpOnARefusalAndOnCancel(t *testing.T) {
	t.Parallel()
	c, calls := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.WriteHeader(404)
		fmt.Fprint(w, `{"kind":"not_found","message":{"en":"there is no such thing"}}`)
	})
	err := c.Events(context.Background(), "sub", 0, func(aihub.Event) {})
	if aihub.KindOf(err) != aihub.NotFound || *calls != 1 {
		t.Errorf("%v after %d calls", err, *calls)
	}
	ctx, cancel := context.WithCancel(context.Background())
	open := make(chan bool)
	c, _ = serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.(http.Flusher).Flush()
		close(open)
		<-r.Context().Done()
	})
	go func() { <-open; cancel() }()
	if err := c.Events(ctx, "sub", 0, func(aihub.Event) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestPublishDataset reads progress line by line; an error in the last line is
// the server's, a missing last line is an answer that broke off, and a data file
// that cannot be read is its own error.
func TestPublishDataset(t *testing.T) {
	t.Parallel()
	var last string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		form, err := r.MultipartReader()
		if err != nil {
			t.Error(err)
			return
		}
		for _, want := range []string{"manifest=name: x", "data=a,b"} {
			p, err := form.NextPart()
			if err != nil {
				w.WriteHeader(422)
				return
			}
			b, _ := io.ReadAll(p)
			if got := p.FormName() + "=" + string(b); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		fmt.Fprint(w, `{"stage":"mask","done":1,"total":2}`+"\n"+last)
	})
	publish := func() (aihub.DatasetVersion, int, error) {
		n := 0
		v, err := c.PublishDataset(context.Background(), []byte("name: x"), strings.NewReader("a,b"), func(p wire.Progress) { n += int(p.Done) })
		return v, n, err
	}
	last = `{"dataset":{"ref":"events@1"}}`
	if v, n, err := publish(); err != nil || v.Ref.Name != "events" || n != 1 {
		t.Errorf("%v, %d, %v", v.Ref, n, err)
	}
	last = `{"error":{"kind":"contract","message":{"en":"ragged"}}}`
	if _, _, err := publish(); aihub.KindOf(err) != aihub.Contract {
		t.Errorf("an error in the last line: %v", err)
	}
	last = ""
	if _, _, err := publish(); aihub.KindOf(err) != aihub.Unavailable {
		t.Errorf("no last line: %v", err)
	}
	c, _ = serve(t, func(w http.ResponseWriter, r *http.Request, _ int) { io.Copy(io.Discard, r.Body) })
	broken := aihub.Errorf(aihub.Invalid, aihub.Text{EN: "the disk is gone"})
	_, err := c.PublishDataset(context.Background(), nil, io.MultiReader(strings.NewReader("a"), failing{broken}), nil)
	if !errors.Is(err, broken) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestUploadProgress(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, `{"digest":"sha256:x","bytes":%d}`, n)
	})
	var sent int64
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	img, err := c.UploadImage(ctx, strings.NewReader(strings.Repeat("x", 1<<20)), func(n int64) { sent = n })
	if err != nil || img.Bytes != 1<<20 || sent != 1<<20 {
		t.Errorf("%+v, %d sent, %v", img, sent, err)
	}
}

// FuzzEvents: no stream of bytes makes the reader panic or spin.
func FuzzEvents(f *testing.F) {
	f.Add("id: 1\nevent: log\ndata: {\"seq\":1}\n\nevent: end\n\n")
	f.Add(":\n:\n\n\ndata:\ndata: {\n\n")
	f.Fuzz(func(t *testing.T, body string) {
		c := New("http://server.example", "")
		c.http.Transport = answer(body)
		var after int64
		_, _ = c.events(context.Background(), "sub", &after, func(aihub.Event) {})
	})
}

type answer string

func (a answer) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(string(a))), Header: http.Header{}}, nil
}
