package gvisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"aihub"
	"aihub/sandbox/gvisor/stage"
)

// runDir is dir/run/<id>, which exists while container id does. It is locked by
// the process that runs the container, so that another one can tell whether
// that process is still there; and it names what has to be killed if not.
type runDir struct {
	path string
	lock *os.File

	mu     sync.Mutex
	traces traces
}

// traces is the content of runDir's record file.
type traces struct {
	Pids   []stage.Pid   `json:"pids"`
	Cgroup *stage.Cgroup `json:"cgroup,omitempty"`
}

// claim makes and locks the run directory of id. Sweepers are held off between
// the two steps, so that none takes it for abandoned.
func (r *Runner) claim(id string) (*runDir, error) {
	all, err := r.lockAll(unix.LOCK_SH)
	if err != nil {
		return nil, platform("making its directory", err)
	}
	defer all.Close()
	d := &runDir{path: filepath.Join(r.dir, "run", id)}
	err = os.Mkdir(d.path, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil, aihub.Errorf(aihub.Conflict, aihub.Text{
			EN: "a container with the id " + id + " exists already", ZH: "编号为 " + id + " 的容器已存在",
		}).WithHint(aihub.Text{EN: "if it is not running, restart aihub: it sweeps at the start", ZH: "如果它并未运行，请重启 aihub，启动时会清理"})
	}
	if err != nil {
		return nil, platform("making its directory", err)
	}
	if d.lock, err = lock(d.path, os.O_CREATE); err == nil {
		err = os.Mkdir(d.work(), 0o700)
	}
	if err != nil {
		return nil, errors.Join(platform("making its directory", err), d.release())
	}
	return d, nil
}

// probeDir makes and locks a directory for a probe, which a sweeper removes when
// the process that probes is dead.
func (r *Runner) probeDir() (string, *os.File, error) {
	all, err := r.lockAll(unix.LOCK_SH)
	if err != nil {
		return "", nil, err
	}
	defer all.Close()
	dir, err := os.MkdirTemp(r.dir, "probe-")
	if err != nil {
		return "", nil, err
	}
	held, err := lock(dir, os.O_CREATE)
	return dir, held, err
}

// sweepProbes removes the directories of probes whose process is dead.
func (r *Runner) sweepProbes() error {
	left, err := filepath.Glob(filepath.Join(r.dir, "probe-*"))
	if err != nil || len(left) == 0 {
		return err
	}
	all, err := r.lockAll(unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer all.Close()
	var errs []error
	for _, dir := range left {
		held, err := lock(dir, 0)
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue // it probes
		}
		errs = append(errs, os.RemoveAll(dir))
		if err == nil {
			held.Close()
		}
	}
	return errors.Join(errs...)
}

// lockAll locks the directory of all run directories.
func (r *Runner) lockAll(how int) (*os.File, error) {
	dir := filepath.Join(r.dir, "run")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// work is where the launcher mounts its private tmpfs; on the host it stays empty.
func (d *runDir) work() string { return filepath.Join(d.path, "work") }

// lock takes the lock of a run directory, or fails when its owner is alive.
func lock(dir string, create int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|create, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (d *runDir) record(pids []stage.Pid, g *stage.Cgroup) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.traces = traces{Pids: pids, Cgroup: g}
	b, err := json.Marshal(d.traces)
	if err != nil {
		return err
	}
	tmp := filepath.Join(d.path, "record.tmp")
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(d.path, "record"))
}

// gone waits until none of the recorded processes is left.
func (d *runDir) gone(patience time.Duration) error {
	d.mu.Lock()
	pids := d.traces.Pids
	d.mu.Unlock()
	return gone(pids, patience)
}

func gone(pids []stage.Pid, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for _, p := range pids {
		for p.Alive() {
			if time.Now().After(deadline) {
				return fmt.Errorf("process %d does not die", p.Pid)
			}
			p.Kill()
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

func (d *runDir) release() error {
	err := os.RemoveAll(d.path)
	if d.lock != nil {
		d.lock.Close()
	}
	if err != nil {
		return platform("removing its directory", err)
	}
	return nil
}

func (r *Runner) sweep(ctx context.Context) error {
	if err := r.setup(); err != nil {
		return err
	}
	if place, _ := r.state.cgroups(); place != nil {
		if err := place.Sweep(abandoned); err != nil {
			return platform("sweeping cgroups", err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(r.dir, "run"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return platform("sweeping", err)
	}
	errs := []error{r.sweepProbes()}
	for _, e := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.reap(filepath.Join(r.dir, "run", e.Name())); err != nil {
			errs = append(errs, platform("sweeping "+e.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// abandoned is how old an empty cgroup must be before it is taken for left
// behind: a run joins its own within moments, also one of another runner.
const abandoned = time.Hour

// reap removes one run directory and what it names, if its owner is dead.
func (r *Runner) reap(path string) error {
	all, err := r.lockAll(unix.LOCK_EX)
	if err != nil {
		return err
	}
	d := &runDir{path: path}
	d.lock, err = lock(path, 0)
	all.Close()
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil // it runs
	case err != nil && !errors.Is(err, os.ErrNotExist): // without a lock it was being made or removed
		return err
	}
	var t traces
	if b, err := os.ReadFile(filepath.Join(path, "record")); err == nil {
		if err := json.Unmarshal(b, &t); err != nil {
			return fmt.Errorf("reading the record: %w", err)
		}
	}
	if err := gone(t.Pids, 10*time.Second); err != nil {
		return err
	}
	if t.Cgroup == nil {
		if place, _ := r.state.cgroups(); place != nil {
			t.Cgroup = place.Group(filepath.Base(path)) // made, and not recorded any more
		}
	}
	if t.Cgroup != nil {
		if err := t.Cgroup.Remove(10 * time.Second); err != nil {
			return err
		}
	}
	return d.release()
}
