package gvisor

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"aihub"
	"aihub/sandbox/gvisor/stage"
	"aihub/sandbox/runnertest"
)

// Whatever ends when, no core gets a run while another has fewer.
func TestCores(t *testing.T) {
	c := cores{have: []int{0, 3, 5, 8}, used: map[int]int{}}
	var out [][]int
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		if len(out) > 0 && rnd.IntN(2) == 0 {
			i := rnd.IntN(len(out))
			c.give(out[i])
			out = slices.Delete(out, i, i+1)
			continue
		}
		n := 1 + rnd.IntN(3)
		before := map[int]int{}
		for _, core := range c.have {
			before[core] = c.used[core]
		}
		set := c.take(float64(n) - 0.5)
		if len(set) != n || len(slices.Compact(slices.Sorted(slices.Values(set)))) != n {
			t.Fatalf("cores %v for %d", set, n)
		}
		for _, taken := range set {
			for core, used := range before {
				if !slices.Contains(set, core) && used < before[taken] {
					t.Fatalf("core %d with %d runs was taken, and %d has %d", taken, before[taken], core, used)
				}
			}
		}
		out = append(out, set)
	}
	if set := c.take(4); set != nil {
		t.Errorf("all four are %v", set)
	}
}

// A sandbox with one processor has come to one core when its guest begins, with
// all its threads; one with more has not.
func TestOneCore(t *testing.T) {
	if len(allowed()) < 2 {
		t.Skip("needs two cores")
	}
	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	r := newRunner(t, false)
	if err := r.setup(); err != nil {
		t.Fatal(err)
	}
	if place, _ := r.state.cgroups(); place == nil {
		t.Skip("needs cgroups: without, the cores are the bound, and TestRunnerWithoutCgroups looks at it")
	}
	for _, n := range []float64{1, 2} {
		id := strings.ToLower(aihub.NewID("core"))
		j, here := sleeper(t, filepath.Join(dir, id), rootfs, id)
		j.Limits.CPUs = n
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := r.Run(ctx, j)
			ended <- err
		}()
		<-here
		sandbox := recorded(t, filepath.Join(r.dir, "run", id))[1].Pid
		pids := []int{sandbox}
		for _, p := range stage.Descendants(sandbox, 100) {
			pids = append(pids, p.Pid)
		}
		if len(pids) < 2 {
			t.Errorf("processes %v: where is the guest's?", pids)
		}
		first, err := affinity(sandbox)
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range pids {
			tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*")
			if err != nil || len(tasks) == 0 {
				t.Fatal(tasks, err)
			}
			for _, task := range tasks {
				tid, err := strconv.Atoi(filepath.Base(task))
				if err != nil {
					t.Fatal(err)
				}
				set, err := affinity(tid)
				if errors.Is(err, unix.ESRCH) {
					continue
				}
				if err != nil || set != first || (set.Count() == 1) != (n == 1) {
					t.Errorf("%v processors: thread %s may use %d cores, %v", n, task, set.Count(), err)
				}
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	cpus.mu.Lock()
	defer cpus.mu.Unlock()
	for core, used := range cpus.used {
		if used != 0 {
			t.Errorf("core %d is in use by %d runs, and none runs", core, used)
		}
	}
}

func affinity(tid int) (set unix.CPUSet, err error) {
	err = unix.SchedGetaffinity(tid, &set)
	return set, err
}
