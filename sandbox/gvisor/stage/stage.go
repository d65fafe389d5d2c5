// Package stage is what surrounds one container on the host: the private mount
// namespace in which its root, its inputs and its bounded /output are laid out,
// the cgroup or the watchdog that bounds its memory, and the collection of its
// files after its death. The runner (package gvisor) writes an Order, a launcher
// process (package runsc) carries it out and answers with Events.
//
// Everything that a container needs lives in mounts that only the launcher's
// mount namespace has. So when the launcher dies, however it dies, the kernel
// removes them, and what is left on the host is an empty directory and, as root,
// an empty cgroup.
package stage

import (
	"encoding/json"
	"math"
	"time"

	"aihub"
	"aihub/sandbox/inside"
)

// Guest is the user and group id of every algorithm.
const Guest = inside.Guest

// GVisor is the version of gVisor that is linked: date and commit, as in go.mod.
const GVisor = "20260527191743-a81fd9dd382e"

// Hostname is what every algorithm sees, in smoke and hidden runs alike.
const Hostname = inside.Hostname

// The file descriptors that the runner hands to the launcher.
const (
	OrderFD = 3 // JSON of an Order; with a Cgroup true follows, when the launcher was taken in
	EventFD = 4 // JSON of Events, one a line
	LogFD   = 5 // stdout and stderr of the container; with a Window a socket, through which its terminal's master is sent. The launcher's own stderr tells why it died
	// LastFD is OrderFD again. gVisor puts the guest's files at 256 and above, and
	// a table of files that has to grow costs a process with threads an RCU grace
	// period, some 10 ms: those that inherit from this one have a large one.
	LastFD = 300
)

// The file descriptors of the probe in the sandbox (see package inside).
const (
	ProbeIn  = 3
	ProbeOut = 4
)

// Command are the arguments of the sandbox program as a launcher: gVisor's flags
// and its command. The root directory is set by the launcher.
var Command = []string{
	"--root=/nonexistent",
	"--platform=systrap",
	"--network=none",
	"--host-uds=none",
	"--host-fifo=none",
	"--overlay2=none",
	"--directfs=false", // the sandbox process can open no file at all: the gofer does
	"--ignore-cgroups", // the launcher does that, so that memory can be watched in one way everywhere
	"--file-access=exclusive",
	"--host-settings=ignore",
	"launch",
}

// Processors is how many processors a guest sees that may use the time of cpus.
// With one, gVisor's kernel and the guest never wait for each other awake: on an
// idle machine a system call then costs two wake-ups, some 55 µs instead of 6. With
// two, a hundred sandboxes at once wait for one another awake, and are not all
// there after minutes instead of half of one.
func Processors(cpus float64) int { return max(1, int(math.Ceil(cpus))) }

// Order says what to run. All paths are absolute host paths.
type Order struct {
	ID      string   `json:"id"`
	Work    string   `json:"work"`    // empty directory; a private tmpfs is mounted on it
	Rootfs  string   `json:"rootfs"`  // unpacked image
	Input   string   `json:"input"`   // becomes /input: a directory, or the image of one (see Images)
	Model   string   `json:"model"`   // becomes /model; may be empty
	Images  bool     `json:"images"`  // Input and Model are EROFS images
	Output  string   `json:"output"`  // empty directory; collected files are copied into it
	Collect []string `json:"collect"` // plain names of files in /output
	Whole   bool     `json:"whole"`   // instead: all of /output
	Depth   int      `json:"depth"`   // of its directories, at most
	Program string   `json:"program"` // the path of the program, in the image
	Args    []string `json:"args"`
	Dir     string   `json:"dir"`
	Env     []string `json:"env"`
	Limits  Limits   `json:"limits"`
	Cgroup  *Cgroup  `json:"cgroup,omitempty"` // nil: the watchdog bounds memory
	CPUSet  []int    `json:"cpuset,omitempty"` // the only cores to run on; with a cgroup once it has started
	Clock   int64    `json:"clock,omitempty"`  // seconds since 1970 at which the guest's wall clock begins; 0: the machine's
	Window  *Window  `json:"window,omitempty"` // somebody sits at a terminal of this size
	User    bool     `json:"user"`             // the launcher is not root: it lives in a user namespace that maps Guest alone
}

// Window is the size of a terminal in characters.
type Window struct{ Cols, Rows uint16 }

// Cgroup is the control group of one container: one directory in version 2, one
// for each controller in version 1. The runner makes and removes it; the
// launcher puts the sandbox into it.
type Cgroup struct {
	Version int               `json:"version"`
	Dirs    map[string]string `json:"dirs"`  // controller -> directory; version 2: every controller the same
	Leave   []string          `json:"leave"` // cgroup.procs files that take the launcher back
}

// Limits bound a container. Sizes are bytes.
type Limits struct {
	CPUs   float64       `json:"cpus"`
	Memory int64         `json:"memory"`
	Pids   int           `json:"pids"`
	Files  int           `json:"files"`
	Wall   time.Duration `json:"wall"`
	Output int64         `json:"output"`
	Inodes int           `json:"inodes"`
	Tmp    int64         `json:"tmp"`
}

// Event is one line from the launcher. Exactly one field is set.
type Event struct {
	Here bool    `json:"here,omitempty"` // the launcher has started: it may be taken into the cgroup, which its start is not for
	Pids []Pid   `json:"pids,omitempty"` // processes that exist now, to be killed by Sweep if need be
	End  *Report `json:"end,omitempty"`  // the last event
}

// Pid names one process for good: a pid may be used again, a pid with a start
// time may not.
type Pid struct {
	Pid   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after boot, /proc/PID/stat field 22
}

// Report is how a container ended.
type Report struct {
	Platform  string          `json:"platform,omitempty"` // the platform failed: why
	Drift     []aihub.Fault   `json:"drift,omitempty"`    // the sandbox was not what the contract demands, and the guest was not started
	Start     string          `json:"start,omitempty"`    // the command could not be started: why
	Exited    bool            `json:"exited"`             // by itself, with Code
	Code      int             `json:"code"`
	Signal    int             `json:"signal,omitempty"`    // died of this signal, sent inside
	OOM       bool            `json:"oom,omitempty"`       // killed for memory
	TimedOut  bool            `json:"timed_out,omitempty"` // killed at the wall clock limit
	Cancelled bool            `json:"cancelled,omitempty"` // killed on request
	Output    *aihub.Failure  `json:"output,omitempty"`    // why the files could not be collected
	OutBytes  int64           `json:"out_bytes"`           // of collected files
	Wall      time.Duration   `json:"wall"`
	CPU       time.Duration   `json:"cpu"`
	Peak      int64           `json:"peak"` // bytes
	Posture   json.RawMessage `json:"posture,omitempty"`
}
