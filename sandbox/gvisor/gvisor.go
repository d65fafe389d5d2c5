// Package gvisor runs containers in gVisor, which answers a container's system
// calls from a kernel of its own (the sentry) in an ordinary process without
// privileges, and lets a second process (the gofer) open files for it. It needs
// no daemon and works as root and as an ordinary user.
//
// The Runner starts one launcher process for each run (see package stage for
// what that does, package runsc for the program). Memory, processor time and
// host processes are bounded by a cgroup where one can be made; elsewhere memory
// is bounded by a watchdog and processor time by pinning to cores. Probe starts
// a real sandbox and says what this machine keeps.
package gvisor

import (
	"context"
	"runtime"

	"aihub/sandbox"
)

// Runner runs containers in gVisor. Make one with New; any number of processes
// may share its directory.
type Runner struct {
	dir   string
	state state
}

// New returns a runner that keeps its own files in dir: the sandbox program in
// dir/bin, and dir/run/<id> while a container runs. It touches nothing yet.
func New(dir string) *Runner { return &Runner{dir: dir} }

var _ sandbox.Interactive = (*Runner)(nil)

// Name returns "gvisor".
func (*Runner) Name() string { return "gvisor" }

// Machine implements sandbox.Runner: the processor is the guest's, too.
func (r *Runner) Machine(context.Context) (string, error) { return runtime.GOARCH, r.setup() }

// Probe starts a sandbox for some milliseconds and measures what it really has.
// An answer that allows hidden runs is kept, until cgroups turn up where there
// were none.
func (r *Runner) Probe(ctx context.Context) sandbox.Capabilities { return r.probe(ctx) }

// Run implements sandbox.Runner. A job that is marked Hidden is refused on a
// machine that does not keep every promise of the contract. When ctx ends, the
// container is killed and the error is ctx's.
func (r *Runner) Run(ctx context.Context, j sandbox.Job) (sandbox.Result, error) {
	return r.start(ctx, j, nil)
}

// Interact implements sandbox.Interactive.
func (r *Runner) Interact(ctx context.Context, j sandbox.Job, t sandbox.Terminal) (sandbox.Result, error) {
	defer t.Keys.Close()
	return r.start(ctx, j, &t)
}

func (r *Runner) start(ctx context.Context, j sandbox.Job, t *sandbox.Terminal) (sandbox.Result, error) {
	if err := j.Check(); err != nil {
		return sandbox.Result{}, err
	}
	if j.Hidden {
		if c := r.Probe(ctx); !c.CanRunHidden() {
			if err := ctx.Err(); err != nil {
				return sandbox.Result{}, err
			}
			return sandbox.Result{}, c.Refuse()
		}
	}
	return r.run(ctx, j, t)
}

// Sweep removes what runners on dir left behind whose process is gone. It does
// not touch those of running ones.
func (r *Runner) Sweep(ctx context.Context) error { return r.sweep(ctx) }
