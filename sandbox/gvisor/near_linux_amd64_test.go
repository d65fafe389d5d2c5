package gvisor

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aihub/sandbox/runnertest"
	"aihub/scenarios"
)

// A system call that gVisor's kernel replaces by a jump does what it did, also for
// threads that are in it or come to it at that moment, and for other code that
// shares what follows it; and it is seen where it was: C++ unwinds from there when a
// thread is cancelled that reads.
func TestReplacedCalls(t *testing.T) {
	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	r := newRunner(t, false)
	for name, cpus := range map[string]float64{"one": 1, "two": 2} {
		j, _ := sleeper(t, filepath.Join(dir, name), rootfs, "near"+name)
		var log strings.Builder
		j.Args, j.Log = []string{"/guest", "near"}, &log
		j.Limits.CPUs, j.Limits.Wall, j.Limits.Pids = cpus, scenarios.Duration(5*time.Minute), 200
		res, err := r.Run(t.Context(), j)
		if err != nil || res.Failure.Reason != "" || log.String() != "near: 0 wrong, 16 of 16 sites replaced\n" {
			t.Errorf("%s: %+v, %v\n%s", name, res.Failure, err, log.String())
		}
	}
}
