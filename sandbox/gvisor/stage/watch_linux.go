package stage

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Watch bounds the memory of one sandbox from outside. With a cgroup the kernel
// does the bounding, and Watch only notices that it killed something, because
// gVisor could live on without one of its processes. Without a cgroup it adds up
// what the sandbox really holds, every few milliseconds:
//
//   - the blocks of the memfds that gVisor keeps the guest's memory and tmpfs in,
//   - the anonymous memory of gVisor's own processes,
//   - the blocks in use of the /output tmpfs.
//
// A guest can hold more than the limit for at most one tick and one kill: see
// Probe for the overshoot measured on the machine at hand.
type Watch struct {
	Cgroup *Cgroup // nil: measure
	Limit  int64
	Output string // the /output tmpfs
	Pids   []int  // the sandbox first, then the gofer

	memory []*os.File
	own    int64 // private memory of gVisor's two processes
	stubs  int64 // and of those below them
	peak   atomic.Int64
	over   atomic.Bool
}

const (
	tick       = 5 * time.Millisecond   // between two looks at the memfds
	slowTicks  = 4                      // private memory: every so many ticks
	walkTicks  = 100                    // private memory of all processes
	cgroupTick = 100 * time.Millisecond // between two looks at the OOM counter, each of which disturbs the guest
)

// Open takes hold of the memfds of the sandbox. It must be called when the
// sandbox has started and before the guest has.
func (w *Watch) Open() error {
	if w.Cgroup != nil {
		_, err := w.Cgroup.OOMKills()
		return err
	}
	dir := fmt.Sprintf("/proc/%d/fd", w.Pids[0])
	fds, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking for the sandbox's memory: %w", err)
	}
	for _, fd := range fds {
		link, err := os.Readlink(dir + "/" + fd.Name())
		if err != nil || !strings.HasPrefix(link, "/memfd:") {
			continue
		}
		f, err := os.OpenFile(dir+"/"+fd.Name(), os.O_RDONLY, 0)
		if err != nil {
			return fmt.Errorf("opening the sandbox's memory: %w", err)
		}
		w.memory = append(w.memory, f)
	}
	if len(w.memory) == 0 {
		return fmt.Errorf("the sandbox's memory was not found in %s", dir)
	}
	_, err = w.measure(0)
	return err
}

// Close lets go of the memfds, which would otherwise keep their memory.
func (w *Watch) Close() {
	for _, f := range w.memory {
		f.Close()
	}
}

// Run calls kill once when the sandbox is over its limit, and returns when ctx
// ends or after that.
func (w *Watch) Run(ctx context.Context, kill func()) {
	every := tick
	if w.Cgroup != nil {
		every = cgroupTick
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if w.look(n) {
			w.over.Store(true)
			kill()
			return
		}
	}
}

func (w *Watch) look(n int) bool {
	if w.Cgroup != nil {
		kills, err := w.Cgroup.OOMKills()
		return err == nil && kills > 0
	}
	used, err := w.measure(n)
	return err != nil || used > w.Limit
}

// Over reports whether the sandbox was killed for memory. It asks once more,
// for the kernel may have killed between two ticks.
func (w *Watch) Over() bool {
	if w.Cgroup != nil && !w.over.Load() {
		w.over.Store(w.look(0))
	}
	return w.over.Load()
}

// Peak returns the most memory seen, in bytes.
func (w *Watch) Peak() int64 {
	if w.Cgroup != nil {
		return w.Cgroup.Peak()
	}
	return w.peak.Load()
}

// measure adds up what the sandbox holds. The walk over all of its processes is
// made only now and then: those that gVisor starts for guest processes hold
// little of their own.
func (w *Watch) measure(n int) (int64, error) {
	var used int64
	for _, f := range w.memory {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			return 0, err
		}
		used += st.Blocks * 512
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(w.Output, &fs); err != nil {
		return 0, err
	}
	used += int64(fs.Blocks-fs.Bfree) * fs.Bsize
	if n%slowTicks == 0 {
		w.own = 0
		for _, pid := range w.Pids {
			w.own += anonymous(pid)
		}
	}
	if n%walkTicks == 0 {
		w.stubs = 0
		for _, p := range Descendants(w.Pids[0], 1<<16) {
			w.stubs += anonymous(p.Pid)
		}
	}
	used += w.own + w.stubs
	w.peak.Store(max(used, w.peak.Load()))
	return used, nil
}

// anonymous returns the bytes of private memory of a process, 0 when it is gone.
func anonymous(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	var size, resident, shared int64
	if _, err := fmt.Sscan(string(b), &size, &resident, &shared); err != nil {
		return 0
	}
	return (resident - shared) * int64(os.Getpagesize())
}
