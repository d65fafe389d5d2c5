package runsc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/version"

	"aihub/internal/embedded/patched"
	"aihub/sandbox/gvisor/stage"
	"aihub/sandbox/inside"
)

// launch is the command that carries out one order: it lays out the mounts,
// creates and starts the container, watches it, kills it at its limits, and
// collects its files when it is dead.
type launch struct{}

func (*launch) Name() string           { return "launch" }
func (*launch) Synopsis() string       { return "carry out an order of aihub" }
func (*launch) Usage() string          { return "launch\n" }
func (*launch) SetFlags(*flag.FlagSet) {}

// FetchSpec belongs to gVisor's command interface; the spec is made later.
func (*launch) FetchSpec(*config.Config, *flag.FlagSet) (string, *specs.Spec, error) {
	return "", nil, nil
}

// Execute runs the command. It always exits with 0 when it could send a report.
func (*launch) Execute(_ context.Context, _ *flag.FlagSet, args ...any) subcommands.ExitStatus {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM, unix.SIGINT)
	events := json.NewEncoder(os.NewFile(stage.EventFD, "events"))
	run := &run{conf: args[0].(*config.Config), events: events, stop: stop}
	report := run.all(os.NewFile(stage.OrderFD, "order"))
	if err := events.Encode(stage.Event{End: &report}); err != nil {
		return subcommands.ExitFailure
	}
	return subcommands.ExitSuccess
}

type run struct {
	conf   *config.Config
	events *json.Encoder
	stop   <-chan os.Signal

	orders  *json.Decoder
	order   stage.Order
	tree    stage.Tree
	posture stage.Posture
	report  stage.Report
	left    chan error // what came of leaving the cgroup
}

// all carries out the order in r and returns the report.
func (r *run) all(order io.Reader) stage.Report {
	if err := r.try(order); err != nil {
		r.report.Platform = err.Error()
	}
	return r.report
}

func (r *run) try(order io.Reader) error {
	// Nothing but the container may hold these.
	for _, fd := range []int{stage.OrderFD, stage.EventFD, stage.LogFD, stage.LastFD} {
		unix.CloseOnExec(fd)
	}
	if err := stage.NoBarriers(); err != nil {
		return err
	}
	if err := r.events.Encode(stage.Event{Here: true}); err != nil {
		return err
	}
	r.orders = json.NewDecoder(order)
	if err := r.orders.Decode(&r.order); err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	if version.Version() == patched.Plain {
		r.order.Clock = 0 // this gVisor has none but the machine's
	}
	if r.order.Cgroup == nil {
		if err := stage.Pin(r.order.CPUSet, os.Getpid()); err != nil {
			return err
		}
	}
	var err error
	if r.tree, err = stage.Lay(r.order); err != nil {
		if errors.Is(err, stage.ErrImage) {
			r.report.Start = err.Error()
			return nil
		}
		return err
	}
	if err := r.contain(); err != nil || r.report.Start != "" {
		return err
	}
	well := r.report.Exited && r.report.Code == 0 && !r.report.OOM && !r.report.TimedOut && !r.report.Cancelled
	switch {
	case !well && r.order.Window == nil:
	case r.order.Whole:
		r.report.OutBytes, r.report.Output, err = stage.CollectWhole(r.tree.Output, r.order.Output, r.order.Depth, r.order.Limits.Output)
	default:
		r.report.OutBytes, r.report.Output, err = stage.Collect(r.tree.Output, r.order.Output, r.order.Collect, r.order.Limits.Output)
	}
	return err
}

// contain runs the container to its end; when it returns, every process of it
// is dead and waited for.
func (r *run) contain() (err error) {
	spec, err := writeSpec(r.order, r.tree, r.conf)
	if err != nil {
		return err
	}
	r.conf.RootDir = r.tree.State
	g, err := openGate(r.tree)
	if err != nil {
		return err
	}
	defer g.close()
	if taken := false; r.order.Cgroup != nil {
		if err := r.orders.Decode(&taken); err != nil || !taken {
			return fmt.Errorf("it was not taken into its cgroup: %w", err)
		}
	}
	c, err := r.create(spec, g)
	if err != nil {
		return fmt.Errorf("creating the sandbox: %w", err)
	}
	defer func() {
		if c != nil {
			err = errors.Join(err, c.Destroy())
		}
	}()
	r.left = make(chan error, 1)
	go r.leave() // takes long, and the sandbox starts meanwhile
	sandbox, gofer := c.Sandbox.Pid.Load(), c.GoferPid.Load()
	r.posture.Runner, r.posture.Version, r.posture.Platform = "gvisor", stage.GVisor, r.conf.Platform
	if v := version.Version(); v != patched.Plain {
		r.posture.Version += "+" + v
	}
	if err := r.tell(sandbox, gofer); err != nil {
		return err
	}
	if err := r.posture.MeasureNamespaces(sandbox, gofer); err != nil {
		return err
	}
	if err := r.posture.MeasureLimits(r.order, r.tree); err != nil {
		return err
	}
	w := &stage.Watch{Cgroup: r.order.Cgroup, Limit: r.order.Limits.Memory, Output: r.tree.Output, Pids: []int{sandbox, gofer}}
	defer w.Close()
	if err := w.Open(); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	kill := func() { _ = unix.Kill(sandbox, unix.SIGKILL) }
	watching := make(chan struct{})
	go func() { defer close(watching); w.Run(ctx, kill) }()
	reported := make(chan error, 1)
	go func() { reported <- r.measured(c, g, sandbox, gofer) }()
	select {
	case err = <-reported:
	case <-r.stop:
		r.report.Cancelled = true
		kill()
		err = <-reported
	}
	// From here on the guest's time counts.
	began, before := time.Now(), r.cpu(sandbox, gofer)
	var o outcome
	switch {
	case errors.Is(err, errGone):
		o.err = err // of memory perhaps, or because we were asked to end it
	case err != nil || r.report.Start != "" || r.report.Drift != nil:
		return err
	default:
		timer := time.AfterFunc(r.order.Limits.Wall, kill)
		defer timer.Stop()
		ended := make(chan outcome, 1)
		go func() { ended <- r.begin(c, g) }()
		select {
		case o = <-ended:
		case <-r.stop:
			r.report.Cancelled = true
			kill()
			o = <-ended
		}
	}
	r.report.Wall = time.Since(began)
	cancel()
	<-watching
	r.report.OOM = w.Over()
	r.report.Peak = w.Peak()
	r.report.TimedOut = r.report.Wall >= r.order.Limits.Wall && o.err != nil && !r.report.OOM && !r.report.Cancelled
	destroyed := c.Destroy()
	c = nil
	r.report.CPU = max(0, r.cpu()-before)
	if r.report.Start = o.start; o.start != "" {
		return destroyed
	}
	if o.err == nil {
		r.report.Exited = o.status.Exited()
		if r.report.Exited {
			r.report.Code = o.status.ExitStatus()
		} else {
			r.report.Signal = int(o.status.Signal())
		}
	} else if !r.report.OOM && !r.report.TimedOut && !r.report.Cancelled {
		return errors.Join(fmt.Errorf("the sandbox died: %w", o.err), destroyed)
	}
	return destroyed
}

// leave takes this process out of the cgroup, in which the sandbox and its gofer
// stay: the guest's limits are not for us.
func (r *run) leave() {
	if r.order.Cgroup == nil {
		r.left <- nil
		return
	}
	r.left <- r.order.Cgroup.Back()
}

// measured starts the sandbox with the probe in it, which waits there, and
// compares what it is from outside and inside with the contract.
func (r *run) measured(c *container.Container, g *gate, sandbox, gofer int) error {
	if err := c.Start(r.conf); err != nil {
		// Of the vendor's can only the working directory be to blame so far.
		if r.report.Start = startFault(err.Error()); r.report.Start != "" {
			return nil
		}
		return errors.Join(errGone, err)
	}
	seen, err := g.report()
	if err != nil {
		return err
	}
	if err := <-r.left; err != nil {
		return err
	}
	r.gather()
	r.posture.Inside = seen
	return r.measure(sandbox, gofer)
}

// gather brings what has a cgroup to its cores now that it has started, which is
// quicker on all of them. Whoever may not is slower, and no less bounded.
func (r *run) gather() {
	if r.order.Cgroup != nil {
		_ = stage.Pin(r.order.CPUSet, r.order.Cgroup.Pids()...)
	}
}

// begin lets the guest start, and waits for its end.
func (r *run) begin(c *container.Container, g *gate) outcome {
	why, err := g.open()
	o := r.wait(c)
	switch {
	case err != nil:
		o.err = errors.Join(err, o.err)
	case why != 0:
		o.start = inside.Reason(r.order.Program, why)
	}
	return o
}

// startFault returns the part of gVisor's message that says why the program
// cannot be executed, or "" when that is not what went wrong.
func startFault(message string) string {
	for _, begin := range []string{"failed to create process working directory ", "failed to find initial working directory "} {
		if i := strings.Index(message, begin); i >= 0 {
			return clean(message[i:])
		}
	}
	return ""
}

// clean keeps a message to one line of bounded length.
func clean(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' {
			return ' '
		}
		return c
	}, s)
	return strings.ToValidUTF8(s[:min(len(s), 500)], "")
}

// create makes the sandbox and its gofer, inside the cgroup if there is one: there
// this process was taken to.
func (r *run) create(spec *specs.Spec, g *gate) (c *container.Container, err error) {
	// gVisor hands these to the container, and makes them its property: so not
	// this process's own, and no file that others use, such as /dev/null.
	log := os.NewFile(stage.LogFD, "log")
	var stdin *os.File
	if stdin, err = noInput(); err != nil {
		return nil, err
	}
	defer stdin.Close()
	ours := [...]*os.File{os.Stdin, os.Stdout, os.Stderr}
	os.Stdin, os.Stdout, os.Stderr = stdin, log, log
	defer func() { os.Stdin, os.Stdout, os.Stderr = ours[0], ours[1], ours[2] }()
	args := container.Args{ID: r.order.ID, Spec: spec, BundleDir: r.tree.Bundle, UserLog: r.userLog(), Attached: true}
	g.hand(&args)
	defer g.handed()
	if r.order.Window != nil {
		return r.withTerminal(args, log)
	}
	return container.New(r.conf, args)
}

// noInput returns a standard input that is at its end.
func noInput() (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return r, w.Close()
}

// tell sends the names of all processes, so that they can be found again
// should both this one and its parent be killed.
func (r *run) tell(sandbox, gofer int) error {
	var e stage.Event
	for _, pid := range []int{os.Getpid(), sandbox, gofer} {
		if p, ok := stage.PidOf(pid); ok {
			e.Pids = append(e.Pids, p)
		}
	}
	return r.events.Encode(e)
}

// measure completes the posture and refuses a run that has less than the contract.
func (r *run) measure(sandbox, gofer int) error {
	if err := r.posture.MeasureProcesses(sandbox, gofer); err != nil {
		return err
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		r.posture.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	var err error
	if r.report.Posture, err = json.Marshal(r.posture); err != nil {
		return err
	}
	r.report.Drift = r.posture.Drift(r.order)
	return nil
}

// cpu returns the processor time that the sandbox has used so far. What was
// waited for is in our own children's time, the living in theirs.
func (r *run) cpu(pids ...int) time.Duration {
	if r.order.Cgroup != nil {
		if t := r.order.Cgroup.CPU(); t > 0 {
			return t
		}
	}
	var t time.Duration
	for _, pid := range pids {
		t += stage.CPUTime(pid)
	}
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &u); err == nil {
		t += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return t
}

// outcome is how the guest's first process ended, or why nobody knows.
type outcome struct {
	status unix.WaitStatus
	start  string // why the guest could not be started
	err    error
}

// wait waits for the end of the sandbox process and reads what it wrote down of
// the guest's.
func (r *run) wait(c *container.Container) outcome {
	process, err := c.Wait()
	if err != nil {
		return outcome{err: err}
	}
	status, err := endStatus(r.userLog())
	if err != nil {
		err = fmt.Errorf("%w (exit code %d, signal %d)", err, process.ExitStatus(), process.Signal())
	}
	return outcome{status: status, err: err}
}

func (r *run) userLog() string { return filepath.Join(r.tree.State, "user.log") }
