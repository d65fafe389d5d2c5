package docker

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"aihub"
	"aihub/sandbox/runnertest"
)

// An engine under load now and then says that a start failed: before it did
// anything, or although the container runs. The run is begun again, a few times.
func TestStartAgain(t *testing.T) {
	socket := strings.TrimPrefix(engine(t), "unix://")
	rootfs := filepath.Join(t.TempDir(), "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	for _, c := range []struct {
		what    string
		fails   func(start int64) bool // counts from 1; a run starts two containers
		after   bool
		started int64
		failed  string
	}{
		{"the carrier, once", func(n int64) bool { return n == 1 }, false, 3, ""},
		{"the guest, once", func(n int64) bool { return n == 2 }, false, 4, ""},
		{"the carrier, which runs", func(n int64) bool { return n == 1 }, true, 3, ""},
		{"the guest, which runs", func(n int64) bool { return n == 2 }, true, 4, ""},
		{"always", func(int64) bool { return true }, false, 3, "starting the carrier"},
	} {
		t.Run(c.what, func(t *testing.T) {
			var n atomic.Int64
			proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "engine"})
			proxy.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", socket)
			}}
			proxy.FlushInterval = -1
			proxy.ModifyResponse = func(res *http.Response) error {
				if strings.HasSuffix(res.Request.URL.Path, "/start") && c.after && c.fails(n.Load()) {
					res.StatusCode = http.StatusInternalServerError
				}
				return nil
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/start") && c.fails(n.Add(1)) && !c.after {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(http.StatusInternalServerError)
					_, _ = w.Write([]byte(`{"message":"OCI runtime start failed: cannot start an already running container: unknown"}`))
					return
				}
				proxy.ServeHTTP(w, r)
			})}
			go func() { _ = server.Serve(l) }()
			defer server.Close()
			r := New(Options{Dir: t.TempDir(), Host: "tcp://" + l.Addr().String()})
			if err := r.connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			j, _ := sleeper(t, t.TempDir(), rootfs, strings.ToLower(aihub.NewID("start")))
			j.Args, j.Log = []string{"/guest", "hello"}, nil
			res, err := r.Run(t.Context(), j)
			switch {
			case c.failed == "" && (err != nil || res.Failure.Reason != ""):
				t.Errorf("%+v %v", res, err)
			case c.failed != "" && (aihub.KindOf(err) != aihub.Unavailable || !strings.Contains(err.Error(), c.failed)):
				t.Errorf("%v", err)
			}
			if got := n.Load(); got != c.started {
				t.Errorf("%d starts, want %d", got, c.started)
			}
			for _, left := range r.left(t) {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

// A runner whose engine was down when its first run came runs the next, hidden
// data included, when it is up.
func TestEngineComesLater(t *testing.T) {
	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	j, _ := sleeper(t, dir, rootfs, strings.ToLower(aihub.NewID("late")))
	j.Args, j.Log, j.Hidden = []string{"/guest", "hello"}, nil, true
	r := New(Options{Dir: filepath.Join(dir, "runner"), Host: "unix://" + filepath.Join(dir, "s")})
	if _, err := r.Run(t.Context(), j); aihub.KindOf(err) != aihub.Unavailable {
		t.Errorf("without an engine: %v", err)
	}
	if c := r.Probe(t.Context()); c.Available {
		t.Errorf("without an engine: %+v", c)
	}
	if err := os.Symlink(strings.TrimPrefix(engine(t), "unix://"), filepath.Join(dir, "s")); err != nil {
		t.Fatal(err)
	}
	if res, err := r.Run(t.Context(), j); err != nil || res.Failure.Reason != "" {
		t.Errorf("with an engine: %+v %v", res, err)
	}
	for _, left := range r.left(t) {
		t.Errorf("left behind: %s", left)
	}
}
