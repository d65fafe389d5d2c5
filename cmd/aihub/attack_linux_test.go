package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"aihub/internal/embedded"
	"aihub/sandbox/attack"
	"aihub/sandbox/docker/enginetest"
)

// TestAttack carries out the attacks of the threat model as aihub attack does: with
// gVisor, and with a Docker engine of its own. Every row is stopped, or known and
// measured, but the one that needs a device that there is not.
func TestAttack(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, runner := range []string{"gvisor", "docker"} {
		t.Run(runner, func(t *testing.T) {
			env := map[string]string{}
			if runner == "docker" {
				e, err := enginetest.Start(nil)
				if errors.Is(err, enginetest.ErrMissing) && os.Getenv("CI") == "" {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := e.Stop(); err != nil {
						t.Error(err)
					}
				}()
				env["AIHUB_RUNNER"], env["AIHUB_DOCKER"] = runner, e.Host
			}
			if (os.Geteuid() != 0 || !embedded.Linked) && os.Getenv("CI") == "" {
				t.Skip("needs root, and the embedded programs (make deps)")
			}
			var out bytes.Buffer
			p := &process{Out: &out, Err: io.Discard, Getenv: func(k string) string { return env[k] }, Now: time.Now, json: true}
			if err := p.attack(t.Context(), runner); err != nil {
				t.Error(err)
			}
			var got struct{ Findings []attack.Finding }
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatalf("%v: %s", err, out.Bytes())
			}
			if len(got.Findings) != 43 {
				t.Errorf("%d rows", len(got.Findings))
			}
			for _, f := range got.Findings {
				t.Logf("%s %s: %s", f.Row, f.Status, f.Why.EN)
				if f.Status == attack.Open || f.Status == attack.NotShown && f.Row != "V20" {
					t.Errorf("%s is %s: %q", f.Row, f.Status, f.Evidence)
				}
			}
		})
	}
}
