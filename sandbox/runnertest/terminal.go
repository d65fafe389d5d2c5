package runnertest

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/scenarios"
)

// terminalCases: a person in front of a run, for runners that are Interactive.
var terminalCases = []testcase{
	{"terminal", func(t *testing.T, s *suite) {
		v := s.sit(t, func(j *sandbox.Job) { j.Collect = []string{"kept.txt"} }, sandbox.Size{Cols: 101, Rows: 41})
		// An engine may set the first size a moment after the start.
		v.see("terminal 0: true", "terminal 1: true", "terminal 2: true", "ready ", "[41 101]")
		v.key("say 深圳 ö\n")
		v.see(`you said "深圳 ö"`)
		v.key("\x03")
		v.see("signal interrupt, window [41 101]")
		v.sizes <- sandbox.Size{Cols: 60, Rows: 20}
		v.see("signal window changed, window [20 60]")
		v.key("dial\n")
		v.see("tried the network: ")
		v.key("keep kept.txt\n")
		v.see("tried to keep kept.txt: ok")
		v.key("leave four\n")
		e := v.end()
		if e.Exit != 4 || e.Failure != (aihub.Failure{}) {
			t.Errorf("exit %d, failure %+v, want 4 and none", e.Exit, e.Failure)
		}
		if strings.Contains(e.Log, "tried the network: ok") {
			t.Errorf("there is a network:\n%s", e.Log)
		}
		if got := e.file(t, "kept.txt"); got != "kept\n" || len(e.Posture) < 100 {
			t.Errorf("kept %q, posture %s", got, e.Posture)
		}
	}},
	{"terminal hung up", func(t *testing.T, s *suite) {
		for what, hang := range map[string]func(*visit){
			"no more keys": func(v *visit) { v.keys.Close() },
			"no screen":    func(v *visit) { v.broken.Store(true); v.key("say x\n") },
		} {
			t.Run(what, func(t *testing.T) {
				v := s.sit(t, func(j *sandbox.Job) { j.Collect = []string{"kept.txt"} }, sandbox.Size{})
				v.see("ready ", "[24 80]")
				v.key("keep kept.txt\n")
				v.see("tried to keep kept.txt: ok")
				hang(v)
				if e := v.end(); e.Failure != (aihub.Failure{}) || e.file(t, "kept.txt") != "kept\n" {
					t.Errorf("failure %+v, want none and the file", e.Failure)
				}
			})
		}
	}},
	{"terminal at its limit", func(t *testing.T, s *suite) {
		v := s.sit(t, func(j *sandbox.Job) { j.Limits.Wall = scenarios.Duration(2 * time.Second) }, sandbox.Size{})
		v.end().failed(t, aihub.ReasonTimeout)
	}},
	{"terminal that floods", func(t *testing.T, s *suite) {
		v := s.sit(t, nil, sandbox.Size{})
		v.see("ready")
		v.slow.Store(true)
		v.key("flood\n")
		v.see("xxxx")
		// Whoever shows it takes its time, and the guest waits: it is not in memory.
		if n := len(v.log.String()); n > 1<<20 {
			t.Errorf("%d bytes came at once", n)
		}
		v.keys.Close()
		v.end()
	}},
	{"terminal cancelled", func(t *testing.T, s *suite) {
		v := s.sit(t, nil, sandbox.Size{})
		v.see("ready")
		v.cancel()
		<-v.done
		if !errors.Is(v.err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", v.err)
		}
		if _, err := v.keys.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("its keys are still read: %v", err)
		}
		nothingLeft(t, v.id)
	}},
}

// visit is somebody at the terminal of the guest's shell.
type visit struct {
	t      *testing.T
	id     string
	output string
	ctx    context.Context
	cancel context.CancelFunc
	keys   *io.PipeWriter
	sizes  chan sandbox.Size
	log    *record
	slow   atomic.Bool
	broken atomic.Bool

	done chan struct{} // then res and err are set
	res  sandbox.Result
	err  error
}

func (s *suite) sit(t *testing.T, change func(*sandbox.Job), size sandbox.Size) *visit {
	t.Helper()
	r, ok := s.runner.(sandbox.Interactive)
	if !ok {
		t.Skipf("%s has no terminals", s.runner.Name())
	}
	j, log := s.job(t, "shell")
	j.Env = []string{"TERM=xterm-256color"}
	if change != nil {
		change(&j)
	}
	keys, typed := io.Pipe()
	v := &visit{t: t, id: j.ID, output: j.Output, keys: typed, sizes: make(chan sandbox.Size), log: log, done: make(chan struct{})}
	v.ctx, v.cancel = context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(func() { v.cancel(); <-v.done })
	go func() {
		defer close(v.done)
		v.res, v.err = r.Interact(v.ctx, j, sandbox.Terminal{Keys: keys, Screen: v, Size: size, Sizes: v.sizes})
	}()
	return v
}

func (v *visit) Write(p []byte) (int, error) {
	if v.broken.Load() {
		return 0, io.ErrClosedPipe
	}
	if v.slow.Load() {
		time.Sleep(20 * time.Millisecond)
	}
	return v.log.Write(p)
}

func (v *visit) key(s string) {
	v.t.Helper()
	if _, err := v.keys.Write([]byte(s)); err != nil {
		v.t.Fatalf("typing %q: %v", s, err)
	}
}

// see waits until the screen has shown each of texts.
func (v *visit) see(texts ...string) {
	v.t.Helper()
	ctx, cancel := context.WithCancel(v.ctx)
	defer cancel()
	go func() { <-v.done; cancel() }()
	for _, s := range texts {
		if err := v.log.wait(ctx, s); err != nil && !strings.Contains(v.log.String(), s) {
			v.t.Fatalf("never shown: %q (%v, %+v, %v)\n%s", s, err, v.res, v.err, clip(v.log.String()))
		}
	}
}

// end waits for the end and checks that nothing is left.
func (v *visit) end() ended {
	v.t.Helper()
	<-v.done
	if v.err != nil {
		v.t.Fatalf("%v (%v)\n%s", v.err, errors.Unwrap(v.err), clip(v.log.String()))
	}
	nothingLeft(v.t, v.id)
	return ended{v.res, v.log.String(), v.output}
}
