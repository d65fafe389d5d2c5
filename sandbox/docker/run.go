package docker

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"

	"aihub"
	"aihub/sandbox"
	"aihub/sandbox/inside"
)

// patience is how long the engine may take over one step that is not the guest's.
const patience = time.Minute

// noticeWait is how long the notice that memory ran out may come after the end.
const noticeWait = 3 * time.Second

// errTime ends the wait for a guest that is over its wall clock limit.
var errTime = errors.New("the wall clock limit")

// run carries out j, whose form is checked.
func (r *Runner) run(ctx context.Context, j sandbox.Job, term *sandbox.Terminal) (sandbox.Result, error) {
	lock, err := r.claim(j.ID)
	if err != nil {
		return sandbox.Result{}, err
	}
	defer lock.release()
	return r.claimed(ctx, j, term)
}

// claimed carries out j, of which the caller has the lock.
func (r *Runner) claimed(ctx context.Context, j sandbox.Job, term *sandbox.Terminal) (res sandbox.Result, err error) {
	for _, name := range j.Collect {
		if !sandbox.Plain(name) {
			return res, platform("preparing", fmt.Errorf("%q is not a plain file name", name))
		}
	}
	program, why, err := j.Program()
	if err != nil {
		return res, err
	}
	if why != "" {
		return vendor(res, 127, aihub.ReasonStart, "%s", why), nil
	}
	// Of a worker that was killed under the same id: the lock is ours, so it is dead.
	if err := r.remove(ctx, j.ID); err != nil {
		return res, ended(ctx, err)
	}
	image, done, err := r.image(ctx, j)
	if err != nil {
		return res, ended(ctx, err)
	}
	defer done()
	defer func() {
		if rm := r.remove(context.WithoutCancel(ctx), j.ID); rm != nil {
			err = errors.Join(err, rm)
		}
	}()
	for try := 1; ; try++ {
		res, err = r.contain(ctx, j, image, program, term)
		var u unstarted
		if try == starts || ctx.Err() != nil || !errors.As(err, &u) {
			return res, ended(ctx, err)
		}
		if err := r.remove(ctx, j.ID); err != nil {
			return res, ended(ctx, err)
		}
	}
}

// starts is how often a run is begun. An engine under load now and then fails a
// start for no fault of anybody's: runc says that a container which nobody has
// started is running already, or that its process is dead.
const starts = 3

// unstarted is a start that failed before the guest was heard of: what there is
// of the run can be removed, and the run begun again.
type unstarted struct{ error }

func (u unstarted) Unwrap() error { return u.error }

// ended turns an error into ctx's, if ctx ended.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// contain makes the two containers of j, runs the guest to its end and collects
// what it left. What it makes is removed by its caller.
func (r *Runner) contain(ctx context.Context, j sandbox.Job, image, program string, term *sandbox.Terminal) (res sandbox.Result, err error) {
	n := namesOf(j.ID)
	if err := r.lay(ctx, j); err != nil {
		return res, err
	}
	c, h := r.guestOf(j, image, program, term)
	if r.bend != nil {
		r.bend(c, h)
	}
	if _, err := r.api.ContainerCreate(ctx, c, h, nil, nil, n.guest); err != nil {
		return res, platform("making the container", err)
	}
	posture, err := r.measure(ctx, j)
	if err != nil {
		return res, err
	}
	stream, err := r.api.ContainerAttach(ctx, n.guest, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return res, platform("attaching", err)
	}
	defer stream.Close()
	log := &logger{to: j.Log, most: int64(j.Limits.Log)}
	drained := make(chan error, 1)
	talk := newTalk(term, stream, log)
	g, err := r.openGate(stream)
	if err != nil {
		return res, err
	}
	defer g.close()
	go func() {
		if term != nil {
			drained <- errors.Join(talk.show(g), g.flush())
			return
		}
		_, err := stdcopy.StdCopy(g.to(log), log, stream.Reader)
		drained <- errors.Join(err, g.flush())
	}()
	waiting, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	exit, broken := r.api.ContainerWait(waiting, n.guest, container.WaitConditionNextExit)
	if err := r.api.ContainerStart(ctx, n.guest, container.StartOptions{}); err != nil {
		stream.Close()
		g.close() // it may run, and its report would wait for a reader
		<-drained
		return r.notStarted(ctx, res, err, log)
	}
	meter := r.meter(waiting, n.guest)
	// The probe waits: nothing of the vendor's has run yet.
	if posture.Inside, err = g.report(ctx); err != nil {
		return res, unstarted{err}
	}
	if posture.Process, err = r.process(ctx, n.guest); err != nil {
		return res, err
	}
	d := r.contract(j, term).Drift(posture.Inside)
	if !r.blind {
		d = append(posture.Drift(r, j), d...)
	}
	if len(d) > 0 {
		return res, sandbox.Drifted(d)
	}
	if res.Posture, err = json.Marshal(posture); err != nil {
		return res, err
	}
	if err := g.open(term == nil); err != nil {
		return res, platform("starting the guest", err)
	}
	if term != nil {
		defer talk.end()
		talk.begin(waiting, func(s sandbox.Size) { r.resize(waiting, n.guest, s) })
	}

	timer := time.NewTimer(time.Duration(j.Limits.Wall))
	defer timer.Stop()
	var status int64
	var cause error
	for over := false; !over; {
		select {
		case w := <-exit:
			status, over = w.StatusCode, true
		case err := <-broken:
			return res, platform("waiting for the container", err)
		case <-timer.C:
			if cause != nil {
				return res, platform("ending the container", errors.New("it does not die"))
			}
			cause = errTime
			r.kill(ctx, n.guest)
			timer.Reset(patience)
		case <-talk.left(cause):
			cause = errLeft
			r.kill(ctx, n.guest)
			timer.Reset(patience)
		case <-done(ctx, cause):
			cause = ctx.Err()
			r.kill(ctx, n.guest)
			timer.Reset(patience)
		}
	}
	if ctx.Err() != nil {
		return res, ctx.Err()
	}
	select {
	case err := <-drained:
		if err != nil {
			return res, platform("reading the log", err)
		}
	case <-time.After(patience):
		return res, platform("reading the log", errors.New("it does not end"))
	}
	if log.err != nil {
		return res, platform("writing the log", log.err)
	}
	stop()
	m := <-meter
	res.Usage = aihub.Usage{CPUMS: m.cpu.Milliseconds(), PeakBytes: m.peak, LogBytes: log.n}
	if res, err = r.classify(ctx, res, j, status, cause); err != nil {
		return res, err
	}
	if why, failed := g.failed(); failed && cause == nil {
		res = vendor(res, 127, aihub.ReasonStart, "%s", inside.Reason(program, why))
	}
	if term != nil && slices.Contains(left, res.Failure.Reason) {
		res.Failure = aihub.Failure{}
	}
	if res.Failure.Reason != "" && (term == nil || res.Failure.Reason == aihub.ReasonStart) {
		return res, nil
	}
	var failure *aihub.Failure
	if res.Usage.OutBytes, failure, err = r.collect(ctx, j); err != nil {
		return res, platform("collecting /output", err)
	}
	if failure != nil && res.Failure.Reason == "" {
		res.Failure = *failure
	}
	return res, nil
}

// done is ctx's end, until something else has ended the run.
func done(ctx context.Context, cause error) <-chan struct{} {
	if cause != nil {
		return nil
	}
	return ctx.Done()
}

// lay makes the volumes and the carrier, and fills /input and /model.
func (r *Runner) lay(ctx context.Context, j sandbox.Job) error {
	image, err := r.carrier(ctx)
	if err != nil {
		return err
	}
	for _, v := range r.volumes(j) {
		if _, err := r.api.VolumeCreate(ctx, v); err != nil {
			return platform("making a volume", err)
		}
	}
	n := namesOf(j.ID)
	c, h := r.carrierOf(j, image)
	if _, err := r.api.ContainerCreate(ctx, c, h, nil, nil, n.carrier); err != nil {
		return platform("making the carrier", err)
	}
	if err := r.copyIn(ctx, n.carrier, "/input", j.Input); err != nil {
		return err
	}
	if j.Model != "" {
		if err := r.copyIn(ctx, n.carrier, "/model", j.Model); err != nil {
			return err
		}
	}
	if err := r.api.ContainerStart(ctx, n.carrier, container.StartOptions{}); err != nil {
		return unstarted{platform("starting the carrier", err)}
	}
	return nil
}

// copyIn copies the regular files and directories below from into dir. They are
// root's there, readable for everybody.
func (r *Runner) copyIn(ctx context.Context, name, dir, from string) error {
	root, err := os.OpenRoot(from)
	if err != nil {
		return platform("reading its input", err)
	}
	defer root.Close()
	in, out := io.Pipe()
	filled := make(chan error, 1)
	go func() {
		w := tar.NewWriter(out)
		err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || name == "." || !d.IsDir() && !d.Type().IsRegular() {
				return err
			}
			fi, err := d.Info()
			if err != nil {
				return err
			}
			if d.IsDir() {
				return w.WriteHeader(&tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o755})
			}
			if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o444, Size: fi.Size()}); err != nil {
				return err
			}
			f, err := root.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.CopyN(w, f, fi.Size())
			return err
		})
		if err == nil {
			err = w.Close()
		}
		filled <- err
		out.CloseWithError(err)
	}()
	err = r.api.CopyToContainer(ctx, name, dir, in, container.CopyToContainerOptions{})
	in.Close()
	if mine := <-filled; mine != nil && !errors.Is(mine, io.ErrClosedPipe) {
		err = mine
	}
	if err != nil {
		return platform("handing over "+dir, err)
	}
	return nil
}

func (r *Runner) kill(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_ = r.api.ContainerKill(ctx, name, "KILL") // it may be dead already; who waits finds out
}

func vendor(res sandbox.Result, exit int, reason aihub.Reason, format string, args ...any) sandbox.Result {
	res.Exit = exit
	res.Failure = aihub.Failure{Owner: aihub.FaultVendor, Reason: reason, Detail: fmt.Sprintf(format, args...)}
	return res
}

// executes finds, in what an engine says about a container that does not start,
// the part that is about the working directory: the program is the probe.
var executes = regexp.MustCompile(`(?s)(.*not a directory: unknown|chdir to cwd .*|failed to (?:create process|find initial) working directory .*)`)

// notStarted tells a working directory that cannot be entered from an engine that failed.
func (r *Runner) notStarted(ctx context.Context, res sandbox.Result, err error, log *logger) (sandbox.Result, error) {
	if why := executes.FindString(err.Error()); why != "" && ctx.Err() == nil {
		return vendor(res, 127, aihub.ReasonStart, "%s", clean(why)), nil
	}
	err = platform("starting the container", err)
	if log.n == 0 {
		err = unstarted{err}
	}
	return res, err
}

// classify says how the guest ended. What was done to it from outside counts
// before what it did by itself.
func (r *Runner) classify(ctx context.Context, res sandbox.Result, j sandbox.Job, status int64, cause error) (sandbox.Result, error) {
	res.Exit = int(status)
	state, err := r.state(ctx, j, status, cause)
	if err != nil {
		return res, err
	}
	if from, err := time.Parse(time.RFC3339Nano, state.StartedAt); err == nil {
		if to, err := time.Parse(time.RFC3339Nano, state.FinishedAt); err == nil {
			res.Usage.WallMS = max(0, to.Sub(from).Milliseconds())
		}
	}
	switch {
	case state.OOMKilled:
		res.Usage.PeakBytes = max(res.Usage.PeakBytes, int64(j.Limits.Memory))
		return vendor(res, 137, aihub.ReasonMemory, "more than %d bytes of memory", j.Limits.Memory), nil
	case cause == errLeft:
		return res, nil
	case cause != nil:
		return vendor(res, 137, aihub.ReasonTimeout, "longer than %v", time.Duration(j.Limits.Wall)), nil
	case status > 128 && status <= 128+64:
		return vendor(res, int(status), aihub.ReasonSignal, "signal %d, or exit code %d", status-128, status), nil
	case status != 0:
		return vendor(res, int(status), aihub.ReasonExit, "exit code %d", status), nil
	}
	return res, nil
}

// state asks how the container ended. The notice that memory ran out can come
// after that of the end, and then some engines (20.10) keep it in their events
// alone; so where it would explain the end, it is looked for there and waited for.
func (r *Runner) state(ctx context.Context, j sandbox.Job, status int64, cause error) (*container.State, error) {
	got, err := r.api.ContainerInspect(ctx, namesOf(j.ID).guest)
	if err != nil {
		return nil, platform("asking how it ended", err)
	}
	if got.State.OOMKilled || status != 137 || cause != nil {
		return got.State, nil
	}
	wait, stop := context.WithTimeout(ctx, noticeWait)
	defer stop()
	notices, errs := r.api.Events(wait, events.ListOptions{
		Since:   got.State.StartedAt, // the engine's clock
		Filters: filters.NewArgs(filters.Arg("container", got.ID), filters.Arg("event", "oom")),
	})
	select {
	case <-notices:
		got.State.OOMKilled = true
	case err := <-errs:
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if wait.Err() == nil {
			return nil, platform("asking why it was killed", err)
		}
	}
	return got.State, nil
}

// clean keeps a message to one line of bounded length.
func clean(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' {
			return ' '
		}
		return c
	}, s)
	return strings.ToValidUTF8(strings.TrimSpace(s[:min(len(s), 500)]), "")
}

// logger counts what a container writes and keeps the first bytes of it. It
// never makes the writer wait for more than the log itself.
type logger struct {
	mu   sync.Mutex
	to   io.Writer
	most int64
	n    int64
	err  error
}

func (l *logger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if keep := min(int64(len(p)), l.most-l.n); keep > 0 && l.to != nil && l.err == nil {
		_, l.err = l.to.Write(p[:keep])
	}
	l.n += int64(len(p))
	return len(p), nil
}

// metered is what was seen of a container's use.
type metered struct {
	peak int64
	cpu  time.Duration
}

// meter follows the engine's samples until ctx ends.
func (r *Runner) meter(ctx context.Context, name string) <-chan metered {
	out := make(chan metered, 1)
	go func() {
		var m metered
		defer func() { out <- m }()
		s, err := r.api.ContainerStats(ctx, name, true)
		if err != nil {
			return
		}
		defer s.Body.Close()
		for d := json.NewDecoder(s.Body); ; {
			var x container.StatsResponse
			if d.Decode(&x) != nil {
				return
			}
			m.peak = max(m.peak, int64(x.MemoryStats.MaxUsage), int64(x.MemoryStats.Usage))
			m.cpu = max(m.cpu, time.Duration(x.CPUStats.CPUUsage.TotalUsage))
		}
	}()
	return out
}
