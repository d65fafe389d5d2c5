package docker

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/docker/docker/client"

	"aihub/sandbox"
)

// The notice of a guest that ran out of memory can come after its end, at moments
// that no test can make a real engine choose. So here speaks a server of our own,
// with the answers that Docker 20.10 gave then: no flag, an event.
func TestLateNotice(t *testing.T) {
	for _, c := range []struct {
		name   string
		event  string
		status int64
		cause  error
		want   bool
	}{
		{"killed, and the engine says why in an event", `{"Type":"container","Action":"oom","id":"x"}`, 137, nil, true},
		{"killed by the wall clock", `{"Type":"container","Action":"oom","id":"x"}`, 137, errTime, false},
		{"an exit code like any other", `{"Type":"container","Action":"oom","id":"x"}`, 3, nil, false},
		{"killed, and no event", ``, 137, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				switch {
				case strings.HasSuffix(r.URL.Path, "/json"):
					_ = json.NewEncoder(w).Encode(map[string]any{"Id": "x", "State": map[string]any{
						"ExitCode": c.status, "StartedAt": "2026-01-02T03:04:05.000000006Z"}})
				case strings.HasSuffix(r.URL.Path, "/events"):
					if r.URL.Query().Get("since") == "" {
						t.Error("events of before the wait are not asked for")
					}
					_, _ = w.Write([]byte(c.event))
					w.(http.Flusher).Flush()
					<-r.Context().Done() // a stream that stays open
				default:
					t.Errorf("asked for %s", r.URL.Path)
				}
			}))
			defer engine.Close()
			api, err := client.NewClientWithOpts(client.WithHost("tcp://"+engine.Listener.Addr().String()), client.WithVersion("1.41"))
			if err != nil {
				t.Fatal(err)
			}
			state, err := (&Runner{api: api}).state(context.Background(), sandbox.Job{ID: "x"}, c.status, c.cause)
			if err != nil || state.OOMKilled != c.want {
				t.Errorf("%v, %v; want memory %v", state, err, c.want)
			}
		})
	}
}
