package gvisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"aihub"
	"aihub/internal/embedded"
	"aihub/sandbox"
	"aihub/sandbox/gvisor/stage"
)

// state is what a Runner finds out once.
type state struct {
	setting sync.Mutex
	set     bool // program and before are known, and stay as they are
	program string
	before  string       // what starts it, "": nothing
	place   *stage.Place // where cgroups are made, nil: not found so far

	noCgroups bool // tests: as if there were none

	probing  sync.Mutex
	probed   *sandbox.Capabilities // nil: not known, or not all that hidden runs need
	probedIn *stage.Place          // the place when probed was found out
}

// grace is how long beyond its wall clock limit a launcher may take to start,
// collect and end before it is taken for stuck.
const grace = 2 * time.Minute

// setup finds out what every run needs. What it found is kept; a failure (a full
// disk) is not, so that runs go on when its cause is gone.
func (r *Runner) setup() error {
	s := &r.state
	s.setting.Lock()
	defer s.setting.Unlock()
	if s.set {
		return nil
	}
	if err := canDispatch(); err != nil {
		return err
	}
	var err error
	if s.program, err = embedded.Runsc(filepath.Join(r.dir, "bin")); err != nil {
		return err
	}
	if embedded.Linked { // not /proc/self/exe, which would be the other program
		if s.before, err = stage.Before(filepath.Dir(s.program)); err != nil {
			return err
		}
	}
	s.set = true
	return nil
}

// cgroups returns where cgroups can be made, or nil and why nowhere. A place is
// kept; where there was none it is looked for again, since what was in the way
// (a limit on cgroups, a mount that came late) may be gone.
func (s *state) cgroups() (*stage.Place, error) {
	s.setting.Lock()
	defer s.setting.Unlock()
	if s.place != nil {
		return s.place, nil
	}
	if s.noCgroups {
		return nil, errors.New("not wanted")
	}
	p, err := stage.FindPlace()
	if err != nil {
		return nil, err
	}
	s.place = &p
	return s.place, nil
}

func platform(doing string, err error) error {
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: fmt.Sprintf("the sandbox failed while %s: %v", doing, err),
		ZH: fmt.Sprintf("沙箱故障（%s）：%v", doing, err),
	}).WithHint(aihub.Text{
		EN: "this is not the algorithm's fault; run aihub doctor",
		ZH: "这不是算法的问题；请运行 aihub doctor",
	}).Because(err)
}

func (r *Runner) run(ctx context.Context, j sandbox.Job, t *sandbox.Terminal) (res sandbox.Result, err error) {
	if err := ctx.Err(); err != nil {
		return sandbox.Result{}, err
	}
	if err := r.setup(); err != nil {
		return sandbox.Result{}, err
	}
	o := order(j)
	if t != nil {
		o.Window = (*stage.Window)(ptr(t.Size.Bounded()))
	}
	for _, p := range []*string{&o.Rootfs, &o.Input, &o.Model, &o.Output} {
		if *p == "" {
			continue
		}
		if *p, err = filepath.EvalSymlinks(*p); err != nil {
			return sandbox.Result{}, platform("looking for its directories", err)
		}
	}
	var fault string
	if o.Program, fault, err = j.Program(); err != nil || fault != "" {
		return result(stage.Report{Start: fault}, o.Limits, false), err
	}
	d, err := r.claim(j.ID)
	if err != nil {
		return sandbox.Result{}, err
	}
	defer func() { err = errors.Join(err, d.release()) }()
	o.Work = d.work()
	o.User = ordinary()
	if err := pack(ctx, &o, d.path); err != nil {
		return sandbox.Result{}, platform("packing its input", err)
	}
	if err := r.bound(&o); err != nil {
		return sandbox.Result{}, platform("making its cgroup", err)
	}
	defer cpus.give(o.CPUSet)
	if o.Cgroup != nil {
		defer func() {
			if rm := o.Cgroup.Remove(10 * time.Second); rm != nil {
				err = errors.Join(err, platform("removing its cgroup", rm))
			}
		}()
	}
	l := launch{program: r.state.program, before: r.state.before, order: o, dir: d, log: j.Log, maxLog: int64(j.Limits.Log), term: t, hung: make(chan struct{})}
	report, err := l.run(ctx)
	if err != nil {
		return sandbox.Result{}, err
	}
	res = result(report, o.Limits, t != nil)
	res.Usage.LogBytes = l.logged
	return res, nil
}

// bound chooses what bounds memory and processor time, and where it runs.
func (r *Runner) bound(o *stage.Order) (err error) {
	place, _ := r.state.cgroups()
	if place != nil {
		if o.Cgroup, err = place.New(o.ID, o.Limits); err != nil {
			return err
		}
	}
	// A guest with one processor hands each system call from one thread to another
	// and back: that is several times quicker where both have the same core, as no
	// sleeping one has to be woken. With a cgroup, more share the machine freely.
	if place == nil || o.Limits.CPUs <= 1 {
		o.CPUSet = cpus.take(o.Limits.CPUs)
	}
	return nil
}

// launch is one launcher process.
type launch struct {
	program string
	before  string
	order   stage.Order
	dir     *runDir
	log     io.Writer
	maxLog  int64
	logged  int64 // what the container wrote, kept or not
	term    *sandbox.Terminal
	hung    chan struct{} // closed when whoever is at the terminal has left
}

// run starts the launcher, waits for its end and returns its report.
func (l *launch) run(ctx context.Context) (stage.Report, error) {
	b, err := json.Marshal(l.order)
	if err != nil {
		return stage.Report{}, err
	}
	pipes, err := openPipes(l.term != nil)
	if err != nil {
		return stage.Report{}, platform("making pipes", err)
	}
	defer pipes.close()
	var stderr tail
	cmd := &exec.Cmd{Path: l.program, Args: append([]string{"runsc"}, stage.Command...)}
	if l.before != "" {
		cmd.Path, cmd.Args = l.before, append([]string{"before", l.program}, cmd.Args...)
	}
	cmd.Env = []string{"GOTRACEBACK=none"}
	cmd.Dir = "/"
	cmd.Stderr = &stderr
	cmd.WaitDelay = 10 * time.Second
	cmd.ExtraFiles = make([]*os.File, stage.LastFD-2)
	copy(cmd.ExtraFiles, []*os.File{pipes.order.r, pipes.events.w, pipes.log.w})
	cmd.ExtraFiles[stage.LastFD-3] = pipes.order.r
	cmd.SysProcAttr = attributes(l.order.User)

	// PDEATHSIG is sent when the thread that forked dies, so this goroutine stays
	// on its thread until the launcher is gone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return stage.Report{}, platform("starting", err)
	}
	if p, ok := stage.PidOf(cmd.Process.Pid); ok {
		_ = l.dir.record([]stage.Pid{p}, l.order.Cgroup)
	}
	pipes.childEnds()

	var wg sync.WaitGroup
	var report *stage.Report
	var logErr, takeErr error
	here, ended := make(chan struct{}), make(chan struct{})
	wg.Go(func() {
		defer pipes.order.w.Close()
		_, _ = pipes.order.w.Write(b) // a launcher that died says why in the end
		if l.order.Cgroup == nil {
			return
		}
		select {
		case <-here:
		case <-ended:
			return
		}
		if takeErr = l.order.Cgroup.Take(cmd.Process.Pid); takeErr != nil {
			_ = cmd.Process.Kill()
			return
		}
		_, _ = pipes.order.w.Write([]byte("true"))
	})
	wg.Go(func() { report = l.listen(pipes.events.r, here) })
	wg.Go(func() {
		if l.term != nil {
			logErr = l.converse(pipes.log.r, ended)
		} else {
			logErr = l.drain(pipes.log.r)
		}
	})

	wg.Go(func() { l.stop(ctx, cmd.Process, ended) })
	waitErr := cmd.Wait()
	close(ended)
	// Whoever still holds the other ends is dying: the launcher's death kills all.
	for _, p := range []*os.File{pipes.events.r, pipes.log.r} {
		_ = p.SetReadDeadline(time.Now().Add(10 * time.Second))
	}
	wg.Wait()

	gone := l.dir.gone(10 * time.Second)
	switch {
	case ctx.Err() != nil && (report == nil || report.Cancelled):
		return stage.Report{}, errors.Join(ctx.Err(), gone)
	case takeErr != nil && report == nil:
		return stage.Report{}, platform("starting", errors.Join(takeErr, gone))
	case (report == nil || report.Platform != "") && l.outOfMemory(): // while it started: launcher and sandbox share the cgroup
		return stage.Report{OOM: true, Peak: l.order.Cgroup.Peak()}, gone
	case report == nil:
		return stage.Report{}, platform("running", errors.Join(fmt.Errorf("the launcher died: %w: %s", waitErr, &stderr), gone))
	case report.Drift != nil:
		return stage.Report{}, errors.Join(sandbox.Drifted(report.Drift), gone)
	case report.Platform != "":
		return stage.Report{}, platform("running", errors.Join(errors.New(report.Platform), gone))
	case gone != nil:
		return stage.Report{}, platform("ending", gone)
	case logErr != nil:
		return stage.Report{}, platform("writing the log", logErr)
	}
	return *report, nil
}

// outOfMemory reports whether the kernel has killed for memory in the cgroup.
func (l *launch) outOfMemory() bool {
	if l.order.Cgroup == nil {
		return false
	}
	n, err := l.order.Cgroup.OOMKills()
	return err == nil && n > 0
}

// ordinary reports whether we have to work as an ordinary user: also a root of a
// user namespace that lacks the guest's id cannot hand files to it.
func ordinary() bool {
	if os.Geteuid() != 0 {
		return true
	}
	for _, f := range []string{"/proc/self/uid_map", "/proc/self/gid_map"} {
		b, err := os.ReadFile(f)
		if err == nil && !maps(string(b), stage.Guest) {
			return true
		}
	}
	return false
}

// maps reports whether an id map ("inside outside count" lines) has id inside.
func maps(idMap string, id int64) bool {
	for line := range strings.Lines(idMap) {
		var inside, outside, n int64
		if _, err := fmt.Sscan(line, &inside, &outside, &n); err == nil && inside <= id && id < inside+n {
			return true
		}
	}
	return false
}

// attributes puts the launcher in a mount namespace of its own, and for an
// ordinary user in a user namespace in which it may mount: there it is Guest,
// which is the only id that an ordinary user can have mapped.
func attributes(user bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS,
		Pdeathsig:  unix.SIGKILL,
		Setsid:     true, // a terminal's interrupt is for us to pass on
	}
	if !user {
		return a
	}
	a.Cloneflags |= unix.CLONE_NEWUSER
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: stage.Guest, HostID: os.Geteuid(), Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: stage.Guest, HostID: os.Getegid(), Size: 1}}
	a.AmbientCaps = []uintptr{
		unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT, unix.CAP_SYS_PTRACE, unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_SETPCAP,
		unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL,
	}
	return a
}

// stop asks the launcher to end when ctx does, and kills it when it does not or
// when it is stuck. Its death kills the sandbox.
func (l *launch) stop(ctx context.Context, p *os.Process, ended <-chan struct{}) {
	stuck := time.NewTimer(l.order.Limits.Wall + grace)
	defer stuck.Stop()
	select {
	case <-ended:
		return
	case <-stuck.C:
	case <-l.hung:
		_ = p.Signal(unix.SIGTERM)
		stuck.Reset(grace) // it collects
		select {
		case <-ended:
			return
		case <-stuck.C:
		case <-ctx.Done():
		}
	case <-ctx.Done():
		_ = p.Signal(unix.SIGTERM)
		stuck.Reset(5 * time.Second)
		select {
		case <-ended:
			return
		case <-stuck.C:
		}
	}
	_ = p.Kill()
}

// listen closes here when the launcher is, records the processes that it tells of,
// and returns its report, or nil when it sent none.
func (l *launch) listen(r io.Reader, here chan<- struct{}) *stage.Report {
	for d := json.NewDecoder(r); ; {
		var e stage.Event
		if err := d.Decode(&e); err != nil {
			return nil
		}
		if e.Here {
			close(here)
		}
		if e.Pids != nil {
			_ = l.dir.record(e.Pids, l.order.Cgroup)
		}
		if e.End != nil {
			return e.End
		}
	}
}

// drain reads what the container writes, to the end and as fast as it comes, so
// that a writer never waits. The first maxLog bytes go to the log.
func (l *launch) drain(r io.Reader) error {
	buf := make([]byte, 64<<10)
	var failed error
	for {
		n, err := r.Read(buf)
		if keep := min(int64(n), l.maxLog-l.logged); keep > 0 && l.log != nil && failed == nil {
			_, failed = l.log.Write(buf[:keep])
		}
		l.logged += int64(n)
		if err != nil {
			return failed
		}
	}
}

type pipe struct{ r, w *os.File }

type pipes struct{ order, events, log pipe }

// openPipes makes them. With a terminal the third is a socket, through which
// the launcher sends it.
func openPipes(terminal bool) (p *pipes, err error) {
	p = &pipes{}
	all := []*pipe{&p.order, &p.events, &p.log}
	if terminal {
		all = all[:2]
		if p.log.r, p.log.w, err = socketPair(); err != nil {
			return nil, err
		}
	}
	for _, x := range all {
		if x.r, x.w, err = os.Pipe(); err != nil {
			p.close()
			return nil, err
		}
	}
	if terminal {
		return p, nil
	}
	// A program may open its standard output again by name: /dev/stdout.
	return p, p.log.w.Chmod(0o666)
}

// childEnds closes what only the launcher uses.
func (p *pipes) childEnds() {
	p.order.r.Close()
	p.events.w.Close()
	p.log.w.Close()
}

func (p *pipes) close() {
	for _, x := range []pipe{p.order, p.events, p.log} {
		for _, f := range []*os.File{x.r, x.w} {
			if f != nil {
				f.Close()
			}
		}
	}
}

// tail keeps the last bytes written to it.
type tail struct{ b bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 10
	t.b.Write(p)
	if over := t.b.Len() - most; over > 0 {
		t.b.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(t.b.String()) }
