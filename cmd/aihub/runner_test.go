package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"aihub/internal/config"
	"aihub/sandbox"
)

// swept is an engine that remembers whether it was swept.
type swept struct {
	sandbox.Runner
	times int
	err   error
}

func (s *swept) Sweep(context.Context) error { s.times++; return s.err }

// The trials of one person share a directory, so that one ends what another left
// running when it was killed; it stays when the trial is done.
func TestTrialsShareTheirDirectory(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, home)
	}
	dir, err := trialDir()
	if err != nil || !strings.HasPrefix(dir, home) {
		t.Fatal(dir, err)
	}
	for range 2 {
		r, done, err := lasting(config.Sandbox{Runner: "docker", Host: "unix://" + home + "/none"})
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Sweep(t.Context()) // there is no engine: it only makes its name
		done()
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 || names[0].Name() != "docker" {
		t.Fatal(names, err)
	}
	if b, err := os.ReadFile(dir + "/docker/engine-home"); err != nil || len(b) != 32 {
		t.Errorf("%q %v", b, err)
	}
}

// A trial sweeps first, and says when it cannot.
func TestTrialSweeps(t *testing.T) {
	var said strings.Builder
	p := &process{Err: &said}
	for _, s := range []*swept{{}, {err: errors.New("the engine is busy")}} {
		said.Reset()
		p.sweep(t.Context(), s)
		if s.times != 1 || strings.Contains(said.String(), "busy") != (s.err != nil) {
			t.Errorf("%d sweeps, said %q", s.times, said.String())
		}
	}
}
