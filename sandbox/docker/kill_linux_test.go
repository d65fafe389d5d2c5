package docker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"aihub"
	"aihub/sandbox"
	"aihub/sandbox/runnertest"
)

// sleeper prepares a job that runs until it is killed, and a channel that is
// closed when it is there.
func sleeper(t testing.TB, dir, rootfs, id string) (sandbox.Job, <-chan struct{}) {
	t.Helper()
	here := &signalWriter{c: make(chan struct{})}
	j := sandbox.Job{
		ID: id, Rootfs: rootfs, Input: filepath.Join(dir, "input"), Output: filepath.Join(dir, "output"),
		Args: []string{"/guest", "sleeper"}, Limits: runnertest.Limits, Log: here,
	}
	for _, d := range []string{j.Input, j.Output} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return j, here.c
}

type signalWriter struct{ c chan struct{} }

func (s *signalWriter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("here")) {
		close(s.c)
	}
	return len(p), nil
}

const victimVar = "AIHUB_TEST_VICTIM" // host|dir|rootfs|id

// TestVictim is the process that TestKilledRunner kills.
func TestVictim(t *testing.T) {
	f := strings.Split(os.Getenv(victimVar), "|")
	if len(f) != 4 {
		t.Skip("is started by TestKilledRunner")
	}
	j, here := sleeper(t, f[1], f[2], f[3])
	go func() {
		<-here
		fmt.Println("here")
	}()
	_, err := New(Options{Dir: f[1], Host: f[0]}).Run(context.Background(), j)
	t.Fatal("it ended by itself: ", err)
}

// What a killed process left on the engine the next Sweep removes, and a run of
// the same id can begin even before.
func TestKilledRunner(t *testing.T) {
	r := newRunner(t)
	rootfs := filepath.Join(t.TempDir(), "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	for _, how := range []string{"swept", "run again"} {
		id := strings.ToLower(aihub.NewID("victim"))
		cmd := exec.Command(os.Args[0], "-test.run", "^TestVictim$")
		cmd.Env = append(os.Environ(), victimVar+"="+strings.Join([]string{r.opt.Host, r.opt.Dir, rootfs, id}, "|"))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 500)
		if n, err := out.Read(b); string(b[:n]) != "here\n" {
			t.Fatalf("%q %v", b[:n], err)
		}
		if err := r.Sweep(t.Context()); err != nil || len(r.left(t)) != 4 {
			t.Errorf("while it lives: %v %v, want two containers and two volumes", r.left(t), err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if how == "swept" {
			for range 2 {
				if err := r.Sweep(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if left := r.left(t); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			continue
		}
		j, _ := sleeper(t, t.TempDir(), rootfs, id)
		j.Args, j.Log = []string{"/guest", "hello"}, nil
		if res, err := r.Run(t.Context(), j); err != nil || res.Failure.Reason != "" {
			t.Errorf("%+v %v", res, err)
		}
	}
}

// The files of a probe whose process was killed go with the next Sweep, those of one that
// is under way stay.
func TestKilledProbe(t *testing.T) {
	r := newRunner(t)
	for _, id := range []string{"probe-left", "probe-going"} {
		if err := os.MkdirAll(filepath.Join(r.opt.Dir, id, "root"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	going, err := r.claim("probe-going")
	if err != nil {
		t.Fatal(err)
	}
	defer going.release()
	if err := r.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(r.opt.Dir, "probe-*"))
	if len(left) != 1 || filepath.Base(left[0]) != "probe-going" {
		t.Errorf("after the sweep: %v", left)
	}
	if c := r.Probe(t.Context()); !c.Available {
		t.Errorf("%+v", c)
	}
	if after, _ := filepath.Glob(filepath.Join(r.opt.Dir, "probe-*")); len(after) != 1 {
		t.Errorf("a probe leaves %v", after)
	}
}

// When the container dies that holds /output, nothing of it can be collected: that is
// the platform's fault, whether the run's files or all of them are to be taken.
func TestKilledCarrier(t *testing.T) {
	r := newRunner(t)
	rootfs := filepath.Join(t.TempDir(), "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	for whole, files := range map[bool][]string{false: {"predictions.csv"}, true: nil} {
		j, _ := sleeper(t, t.TempDir(), rootfs, strings.ToLower(aihub.NewID("carrier")))
		j.Args, j.Log, j.Whole, j.Collect = []string{"/guest", "hello"}, nil, whole, files
		r.bend = func(*container.Config, *container.HostConfig) { // the guest is not made yet
			n := namesOf(j.ID).carrier
			exit, broken := r.api.ContainerWait(t.Context(), n, container.WaitConditionNotRunning)
			if err := r.api.ContainerKill(t.Context(), n, "KILL"); err != nil {
				t.Error(err)
			}
			select {
			case <-exit:
			case err := <-broken:
				t.Error(err)
			}
		}
		res, err := r.Run(t.Context(), j)
		if aihub.KindOf(err) != aihub.Unavailable || !strings.Contains(err.Error(), "collecting /output") {
			t.Errorf("whole %v: %+v, %v", whole, res.Failure, err)
		}
	}
}

// Each thing that falls short of the contract is named.
func TestDrift(t *testing.T) {
	r := newRunner(t)
	rootfs := filepath.Join(t.TempDir(), "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	j, here := sleeper(t, t.TempDir(), rootfs, strings.ToLower(aihub.NewID("drift")))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := r.Run(ctx, j); ended <- err }()
	select {
	case <-here:
	case err := <-ended:
		cancel()
		t.Fatal("it ended by itself: ", err)
	}
	defer func() { cancel(); <-ended }()
	good, err := r.measure(ctx, j)
	if err == nil {
		good.Process, err = r.process(ctx, namesOf(j.ID).guest)
	}
	if err != nil {
		t.Fatal(err)
	}
	if good.Process == nil || good.Process.Seccomp != "filter" || !slices.Equal(good.Process.Devices, []string{"lo"}) {
		t.Errorf("seen from outside: %+v", good.Process)
	}
	if d := good.Drift(r, j); len(d) > 0 {
		t.Errorf("%+v", d)
	}
	// Each case differs in one thing: what compares it has to tell, and nothing else does.
	process := func(change func(*Process)) func(*Posture) {
		return func(p *Posture) {
			q := *p.Process
			change(&q)
			p.Process = &q
		}
	}
	l := j.Limits
	for i, c := range []struct {
		code   string
		change func(*Posture)
	}{
		{"user", func(p *Posture) { p.User = "" }},
		{"user", process(func(p *Process) { p.UID = 0 })},
		{"root", func(p *Posture) { p.ReadOnlyRoot = false }},
		{"capabilities", func(p *Posture) { p.CapAdd = []string{"SYS_ADMIN"} }},
		{"capabilities", func(p *Posture) { p.CapDrop = []string{"SYS_ADMIN"} }},
		{"capabilities", process(func(p *Process) { p.CapEff = "0000000000000400" })},
		{"capabilities", process(func(p *Process) { p.CapBnd = "0000000000000400" })},
		{"new_privileges", func(p *Posture) { p.NoNewPrivs = false }},
		{"new_privileges", process(func(p *Process) { p.NoNewPrivs = false })},
		{"seccomp", func(p *Posture) { p.Seccomp = "unconfined" }},
		{"seccomp", process(func(p *Process) { p.Seccomp = "none" })},
		{"network", func(p *Posture) { p.Network = "bridge" }},
		{"network", process(func(p *Process) { p.Devices = []string{"lo", "eth0"} })},
		{"namespace", func(p *Posture) { p.Namespaces = map[string]string{"pid": "host"} }},
		{"namespace", func(p *Posture) { p.Namespaces = map[string]string{"ipc": "container:other"} }},
		{"namespace", process(func(p *Process) { p.Shared = []string{"net"} })},
		{"mounts", func(p *Posture) { p.Mounts = append(slices.Clone(p.Mounts), "bind:/host:rw") }},
		{"mounts", func(p *Posture) { p.Mounts = slices.Clone(p.Mounts)[:1] }},
		{"mounts", func(p *Posture) { p.Mounts = slices.Clone(p.Mounts)[1:] }},
		{"mounts", func(p *Posture) { p.Mounts = []string{"volume:/input:rw", "volume:/output:rw"} }},
		{"devices", func(p *Posture) { p.Devices = 1 }},
		{"memory", func(p *Posture) { p.MemorySwap = -1 }},
		{"memory", func(p *Posture) { p.Memory, p.MemorySwap = 0, 0 }},
		{"memory", func(p *Posture) { p.Memory, p.MemorySwap = int64(l.Memory)+1, int64(l.Memory)+1 }},
		{"pids", func(p *Posture) { p.Pids = 0 }},
		{"pids", func(p *Posture) { p.Pids = r.pids(l.Pids) + 1 }},
		{"cpu", func(p *Posture) { p.NanoCPUs = 0 }},
		{"cpu", func(p *Posture) { p.NanoCPUs = int64(l.CPUs*1e9) + 2 }},
		{"files", func(p *Posture) { p.Limits = nil }},
		{"files", func(p *Posture) { p.Limits = map[string]int64{"nofile": int64(l.Files) + 1} }},
		{"output", func(p *Posture) { p.Output = "" }},
		{"output", func(p *Posture) { p.Output = strings.Replace(p.Output, "size=", "size=1", 1) }},
	} {
		bad := good
		c.change(&bad)
		d := bad.Drift(r, j)
		if len(d) == 0 {
			t.Errorf("case %d, %s: nothing is told", i, c.code)
		}
		for _, f := range d {
			if f.Code != "posture_"+c.code || f.Message.ZH == "" {
				t.Errorf("case %d, %s: %+v", i, c.code, f)
			}
		}
	}
	with := j
	with.Model = t.TempDir()
	if d := good.Drift(r, with); len(d) != 1 || d[0].Code != "posture_mounts" {
		t.Errorf("without its model: %+v", d)
	}
}

func TestProbe(t *testing.T) {
	r := newRunner(t)
	c := r.Probe(t.Context())
	if !c.CanRunHidden() {
		t.Errorf("%+v", c)
	}
	for _, x := range c.Checks {
		if x.By.EN == "" || x.By.ZH == "" {
			t.Errorf("%s is not explained", x.Name)
		}
	}
	for what, o := range map[string]Options{
		"no engine":  {Dir: t.TempDir(), Host: "unix:///nonexistent/docker.sock"},
		"no runtime": {Dir: t.TempDir(), Host: r.opt.Host, Runtime: "moon"},
	} {
		bad := New(o)
		if c := bad.Probe(t.Context()); c.Available || c.CanRunHidden() || c.Checks[0].Why.ZH == "" {
			t.Errorf("%s: %+v", what, c)
		}
		j, _ := sleeper(t, t.TempDir(), "/", "x")
		if _, err := bad.Run(t.Context(), j); aihub.KindOf(err) != aihub.Unavailable {
			t.Errorf("%s: %v", what, err)
		}
	}
}
