package sandbox

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"aihub"
	"aihub/scenarios"
)

// Runner runs one container to its end in isolation. runnertest is its
// contract as a test suite; gvisor, docker and kubernetes pass it.
type Runner interface {
	// Name is "gvisor", "docker" or "kubernetes".
	Name() string

	// Probe says what this machine can enforce. It is cheap enough for doctor
	// and for start-up, and it measures instead of guessing.
	Probe(ctx context.Context) Capabilities

	// Machine is the architecture of the images that it runs without emulation, in
	// Go's words: amd64, arm64. An error says why nothing can be run now; it is not
	// kept: asked again, the runner looks again.
	Machine(ctx context.Context) (string, error)

	// Run starts j and waits for its end. It returns a Result also when the
	// algorithm failed; an error means the platform failed. When it returns,
	// nothing of the container is left: no process, mount, cgroup or file except
	// j.Output. Cancelling ctx kills the container.
	Run(ctx context.Context, j Job) (Result, error)

	// Sweep removes what a killed process of this runner left behind.
	Sweep(ctx context.Context) error
}

// Job is one container run, with everything on host paths already prepared.
type Job struct {
	ID      string           // unique; lower-case letters, digits, '_' and '-'
	Rootfs  string           // unpacked image; never written to
	Image   aihub.Digest     // what Rootfs was unpacked from: a runner may keep its own copy by it; "" keeps none
	Machine string           // architecture of the image where it is not the runner's own: only an engine that emulates runs it
	Input   string           // directory shown read-only as /input
	Model   string           // directory shown read-only as /model, or ""
	Output  string           // empty host directory; what is collected goes into it
	Collect []string         // plain file names expected in /output
	Whole   bool             // instead: all of /output, directories and regular files; anything else in it fails the run
	Args    []string         // command line
	Dir     string           // working directory, default "/"
	Env     []string         // KEY=value
	Clock   time.Time        // when the wall clock inside begins, where the runner can have one of its own (gvisor); zero: the machine's
	Limits  scenarios.Limits //
	Log     io.Writer        // stdout and stderr, at most Limits.Log bytes; may be nil
	Hidden  bool             // refuse to start when a limit cannot be enforced
}

// Result is how a container ended.
type Result struct {
	Exit    int           // exit code; 128+n for signal n
	Failure aihub.Failure // zero when it ended well and all declared files were collected
	Usage   aihub.Usage
	Posture json.RawMessage // what isolation the run really had
}

// Capabilities says what a runner can promise here.
type Capabilities struct {
	Available bool         `json:"available"`
	Root      bool         `json:"root"`
	Platform  string       `json:"platform"` // e.g. systrap
	Checks    []Capability `json:"checks"`
}

// Capability is one promise.
type Capability struct {
	Name     string     `json:"name"` // memory, pids, output, network, wall, cpu, files, log
	Enforced bool       `json:"enforced"`
	By       aihub.Text `json:"by"`  // mechanism
	Why      aihub.Text `json:"why"` // when not enforced: why, and what would help
}

// CanRunHidden reports whether every limit of the contract is enforced.
func (c Capabilities) CanRunHidden() bool {
	for _, x := range c.Checks {
		if !x.Enforced {
			return false
		}
	}
	return c.Available
}
