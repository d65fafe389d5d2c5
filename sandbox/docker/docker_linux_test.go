package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"

	"aihub/sandbox"
	"aihub/sandbox/docker/enginetest"
	"aihub/sandbox/runnertest"
)

var background = context.Background()

var started struct {
	sync.Once
	engine *enginetest.Engine
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if started.engine != nil {
		if err := started.engine.Stop(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}

// engine starts the engine that the tests of this package share. With
// AIHUB_TEST_DOCKER one that runs already is taken.
func engine(t testing.TB) string {
	t.Helper()
	if host := os.Getenv("AIHUB_TEST_DOCKER"); host != "" {
		return host
	}
	started.Do(func() { started.engine, started.err = enginetest.Start(nil) })
	if errors.Is(started.err, enginetest.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(started.err)
	}
	if started.err != nil {
		t.Fatal(started.err)
	}
	return started.engine.Host
}

// newRunner returns a runner that must leave nothing on the engine.
func newRunner(t testing.TB) *Runner {
	t.Helper()
	r := New(Options{Dir: t.TempDir(), Host: engine(t)})
	if err := r.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, l := range r.left(t) {
			t.Errorf("left behind: %s", l)
		}
		if files, _ := filepath.Glob(filepath.Join(r.opt.Dir, "run", "*")); len(files) > 0 {
			t.Errorf("left behind: %v", files)
		}
	})
	return r
}

// left lists what of r is on the engine.
func (r *Runner) left(t testing.TB) []string {
	t.Helper()
	ctx, ours := t.Context(), filters.NewArgs(filters.Arg("label", labelHome+"="+r.home))
	if ctx.Err() != nil { // in a cleanup
		ctx = background
	}
	var all []string
	cs, err := r.api.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cs {
		all = append(all, "container "+c.Names[0])
	}
	vs, err := r.api.VolumeList(ctx, volume.ListOptions{Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vs.Volumes {
		all = append(all, "volume "+v.Name)
	}
	return all
}

// TestRunner is the conformance suite, hostile programs included, on a real
// engine with runc.
func TestRunner(t *testing.T) {
	r := newRunner(t)
	traits := runnertest.Traits{Engine: true, HostKernel: r.family == runc}
	runnertest.RunWith(t, traits, func(t *testing.T) sandbox.Runner { return r })
}

// TestRunnerRunsc is the suite with gVisor as the engine's runtime, where the program
// that runscVar names is one: of Debian's package runsc, or built from the module
// that go.mod names (go build gvisor.dev/gvisor/runsc).
func TestRunnerRunsc(t *testing.T) {
	program := os.Getenv(runscVar)
	if program == "" {
		t.Skip(runscVar + " names no runsc")
	}
	e, err := enginetest.Start(map[string]enginetest.Runtime{"runsc": {Path: program, Args: []string{"--network=none"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	}()
	r := New(Options{Dir: t.TempDir(), Host: e.Host, Runtime: "runsc"})
	if c := r.Probe(t.Context()); !c.Available {
		t.Fatalf("%+v\n%s", c, e.Log())
	}
	runnertest.RunWith(t, runnertest.Traits{Engine: true}, func(t *testing.T) sandbox.Runner { return r })
}

// runscVar names a gVisor for the engine.
const runscVar = "AIHUB_TEST_RUNSC"

func TestPython(t *testing.T) { runnertest.Python(t, newRunner(t)) }

// An engine runs programs of its own machine; whether it does those of another is
// tried and not guessed, and what it cannot do is no fault of the engine.
func TestEmulates(t *testing.T) {
	r := newRunner(t)
	own, err := r.Machine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := sandbox.Emulates(t.Context(), r, own, t.TempDir()); err != nil || !ok {
		t.Errorf("its own: %v %v", ok, err)
	}
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[own]
	ok, err := sandbox.Emulates(t.Context(), r, other, t.TempDir())
	if err != nil {
		t.Errorf("%s: %v", other, err)
	}
	t.Logf("%s runs %s: %v", own, other, ok)
	if ok, err := sandbox.Emulates(t.Context(), r, "pdp11", t.TempDir()); err != nil || ok {
		t.Errorf("what nobody makes programs for: %v %v", ok, err)
	}
}
