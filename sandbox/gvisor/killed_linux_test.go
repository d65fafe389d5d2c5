package gvisor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/sandbox/gvisor/stage"
	"aihub/sandbox/runnertest"
)

// sleeper prepares a job that runs until it is killed, and a channel that is
// closed when it is there.
func sleeper(t testing.TB, dir, rootfs, id string) (sandbox.Job, <-chan struct{}) {
	t.Helper()
	here := &signalWriter{c: make(chan struct{})}
	j := sandbox.Job{
		ID: id, Rootfs: rootfs, Input: filepath.Join(dir, "input"), Output: filepath.Join(dir, "output"),
		Args: []string{"/guest", "stubborn", "0"}, Limits: runnertest.Limits, Log: here,
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
	if bytes.Contains(p, []byte("stubborn 0")) {
		close(s.c)
	}
	return len(p), nil
}

const victimVar = "AIHUB_TEST_VICTIM" // dir:rootfs:id

// TestVictim is the process that TestKilledRunner kills.
func TestVictim(t *testing.T) {
	dir, rest, ok := strings.Cut(os.Getenv(victimVar), ":")
	if !ok {
		t.Skip("is started by TestKilledRunner")
	}
	rootfs, id, _ := strings.Cut(rest, ":")
	j, here := sleeper(t, dir, rootfs, id)
	go func() {
		<-here
		fmt.Println("here")
	}()
	_, err := New(dir).Run(context.Background(), j)
	t.Fatal("it ended by itself: ", err)
}

// A runner that is killed takes its container with it; what the kernel does not
// clear away, the next Sweep does.
func TestKilledRunner(t *testing.T) {
	dir, id := t.TempDir(), strings.ToLower(aihub.NewID("victim"))
	rootfs := filepath.Join(dir, "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	cmd := exec.Command(os.Args[0], "-test.run", "^TestVictim$")
	cmd.Env = append(os.Environ(), victimVar+"="+dir+":"+rootfs+":"+id)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if b := make([]byte, 500); true {
		if n, err := out.Read(b); string(b[:n]) != "here\n" {
			t.Fatalf("%q %v", b[:n], err)
		}
	}
	// The container speaks before the launcher has told of all its processes.
	var pids []stage.Pid
	for deadline := time.Now().Add(20 * time.Second); len(pids) != 3 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		pids = recorded(t, filepath.Join(dir, "run", id))
	}
	if len(pids) != 3 {
		t.Fatalf("recorded %v, want launcher, sandbox and gofer", pids)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// Before any sweep: death travels from parent to child.
	for _, p := range pids {
		for deadline := time.Now().Add(20 * time.Second); p.Alive(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d outlived its runner", p.Pid)
			}
		}
	}
	r := New(dir)
	if err := r.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "run", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := r.setup(); err != nil {
		t.Fatal(err)
	}
	if place, _ := r.state.cgroups(); place != nil {
		for _, d := range place.Group(id).Dirs {
			if _, err := os.Stat(d); err == nil {
				t.Errorf("cgroup %s is left behind", d)
			}
		}
	}
	if err := r.Sweep(t.Context()); err != nil {
		t.Errorf("sweeping once more: %v", err)
	}
}

// recorded reads the processes in a record; the victim has written it by now.
func recorded(t *testing.T, dir string) []stage.Pid {
	t.Helper()
	var tr traces
	b, err := os.ReadFile(filepath.Join(dir, "record"))
	if err == nil {
		err = json.Unmarshal(b, &tr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tr.Pids
}

// A process that only has the number of a recorded one is not killed.
func TestSweepSparesAnotherProcess(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	p, ok := stage.PidOf(cmd.Process.Pid)
	if !ok {
		t.Fatal("no such process")
	}
	r := New(t.TempDir())
	dir := filepath.Join(r.dir, "run", "old")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.Start++
	b, _ := json.Marshal(traces{Pids: []stage.Pid{p}})
	if err := os.WriteFile(filepath.Join(dir, "record"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Start--; !p.Alive() {
		t.Error("it was killed")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory is left behind")
	}
}

// When a part of the machinery dies, that is never the vendor's fault.
func TestMachineryDies(t *testing.T) {
	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	for i, what := range []string{"launcher", "sandbox"} {
		r := newRunner(t, false)
		id := strings.ToLower(aihub.NewID(what))
		j, here := sleeper(t, filepath.Join(dir, what), rootfs, id)
		go func() {
			<-here
			_ = syscall.Kill(recorded(t, filepath.Join(r.dir, "run", id))[i].Pid, syscall.SIGKILL)
		}()
		res, err := r.Run(t.Context(), j)
		if aihub.KindOf(err) != aihub.Unavailable {
			t.Errorf("%s killed: %+v, %v; want an error of kind unavailable", what, res, err)
		}
	}
}

func TestRefusesHidden(t *testing.T) {
	r := newRunner(t, false)
	r.state.probedIn, _ = r.state.cgroups()
	r.state.probed = &sandbox.Capabilities{Available: true, Checks: []sandbox.Capability{
		{Name: "memory", Why: aihub.Text{EN: "no cgroup", ZH: "没有 cgroup"}},
	}}
	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	j, _ := sleeper(t, dir, rootfs, "hidden")
	j.Args, j.Hidden = []string{"/guest", "hello"}, true
	_, err := r.Run(t.Context(), j)
	if aihub.KindOf(err) != aihub.Unavailable || !strings.Contains(err.Error(), "aihub doctor") || !strings.Contains(err.Error(), "no cgroup") {
		t.Errorf("error %v", err)
	}
	j.Hidden = false
	if _, err := r.Run(t.Context(), j); err != nil {
		t.Errorf("an open run is allowed: %v", err)
	}
}

// What the least memory that a scenario may give does not suffice for is told as
// that, and not as the platform's fault: not what starts the sandbox is killed.
func TestLeastMemory(t *testing.T) {
	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	r := newRunner(t, false)
	for i := range 3 {
		j, _ := sleeper(t, filepath.Join(dir, fmt.Sprint(i)), rootfs, strings.ToLower(aihub.NewID("least")))
		j.Args, j.Log, j.Limits.Memory = []string{"/guest", "hello"}, nil, 16<<20
		res, err := r.Run(t.Context(), j)
		if err != nil || res.Failure.Reason != "" && res.Failure.Reason != aihub.ReasonMemory {
			t.Errorf("%+v, %v", res.Failure, err)
		}
	}
}
