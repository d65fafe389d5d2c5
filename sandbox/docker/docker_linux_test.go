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

func TestPython(t *testing.T) { runnertest.Python(t, newRunner(t)) }
