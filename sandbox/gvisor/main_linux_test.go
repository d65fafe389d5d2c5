package gvisor

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"aihub"
	"aihub/internal/embedded"
	"aihub/sandbox"
	"aihub/sandbox/runnertest"
)

func TestMain(m *testing.M) {
	Dispatch()
	os.Exit(m.Run())
}

// nobody is the ordinary user that root's tests become.
const nobody = 65534

// newRunner returns a runner that must leave its directory empty.
func newRunner(t *testing.T, noCgroups bool) *Runner {
	t.Helper()
	r := New(t.TempDir())
	r.state.noCgroups = noCgroups
	t.Cleanup(func() {
		left, _ := filepath.Glob(filepath.Join(r.dir, "run", "*"))
		probes, _ := filepath.Glob(filepath.Join(r.dir, "probe-*"))
		if left = append(left, probes...); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return r
}

// TestRunner runs the conformance suite as the user it is started as, with
// cgroups and without.
func TestRunner(t *testing.T) {
	runnertest.Run(t, func(t *testing.T) sandbox.Runner { return newRunner(t, false) })
}

func TestRunnerWithoutCgroups(t *testing.T) {
	r := newRunner(t, false)
	if place, _ := r.state.cgroups(); place == nil {
		t.Skip("there are no cgroups here, so TestRunner ran without them")
	}
	runnertest.Run(t, func(t *testing.T) sandbox.Runner { return newRunner(t, true) })
}

// A start that failed, here for want of a directory, is tried again by the next run.
func TestSetupAgain(t *testing.T) {
	if !embedded.Linked {
		t.Skip("this build carries no program that could fail to be written")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bin"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := New(dir)
	for range 2 {
		if c := r.Probe(t.Context()); c.Available {
			t.Errorf("%+v", c)
		}
		if _, err := r.Machine(t.Context()); aihub.KindOf(err) != aihub.Unavailable {
			t.Errorf("%v", err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	if m, err := r.Machine(t.Context()); err != nil || m != runtime.GOARCH {
		t.Errorf("%q, %v", m, err)
	}
	if c := r.Probe(t.Context()); !c.Available {
		t.Errorf("%+v", c)
	}
}

// TestAsUser runs the other tests of this package again as an ordinary user.
func TestAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this is an ordinary user already")
	}
	asUser(t, "^Test(Runner|Probe|KilledRunner)$")
}

// asUser runs the tests that match pattern in a process of an ordinary user.
func asUser(t *testing.T, pattern string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "aihub-user-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "test")
	copyFile(t, "/proc/self/exe", program)
	guest := filepath.Join(dir, "guest")
	copyFile(t, runnertest.Guest(t), guest)
	cmd := exec.Command(program, "-test.run", pattern, "-test.v", "-test.timeout=10m")
	cmd.Dir = dir
	cmd.Env = []string{"TMPDIR=" + dir, "HOME=" + dir, "PATH=" + os.Getenv("PATH"), "CI=" + os.Getenv("CI"), runnertest.GuestVar + "=" + guest}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{}}}
	out, err := cmd.CombinedOutput()
	if err != nil || testing.Verbose() {
		t.Logf("as uid %d:\n%s", nobody, out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestRunner/hello") {
		t.Errorf("as uid %d: %v", nobody, err)
	}
}

// Root of a user namespace that has one id is an ordinary user.
func TestAsRootOfNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be sure that user namespaces are allowed")
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestProbe$", "-test.v")
	cmd.Env = append(os.Environ(), runnertest.GuestVar+"=none")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestProbe") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestMaps(t *testing.T) {
	for idMap, want := range map[string]bool{
		"         0          0 4294967295\n": true, "0 1000 1\n": false, "0 1000 1\n1 100000 65536\n": true, "65532 0 1\n": true, "": false, "x\n": false,
	} {
		if maps(idMap, 65532) != want {
			t.Errorf("%q", idMap)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(dst, src); err != nil {
		t.Fatal(err)
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestProbe(t *testing.T) {
	for _, none := range []bool{false, true} {
		r := newRunner(t, none)
		c := r.Probe(context.Background())
		if !c.CanRunHidden() || c.Root == ordinary() {
			t.Errorf("without cgroups %v: %+v", none, c)
		}
		by := map[string]string{}
		for _, x := range c.Checks {
			by[x.Name] = x.By.EN
			if x.By.ZH == "" {
				t.Errorf("%s is not explained in Chinese", x.Name)
			}
		}
		if none != strings.HasPrefix(by["memory"], "watchdog, overshoot ") && !ordinary() {
			t.Errorf("without cgroups %v, memory is bounded by %q", none, by["memory"])
		}
	}
}

// A probe that something stopped does not bar the runner for good.
func TestProbeAgain(t *testing.T) {
	r := newRunner(t, false)
	dir := r.dir
	r.dir = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(r.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c := r.Probe(t.Context()); c.CanRunHidden() {
		t.Fatal("it ran in a directory that is a file")
	}
	r.dir = dir
	if c := r.Probe(t.Context()); !c.CanRunHidden() {
		t.Errorf("asked again: %+v", c)
	}
}

// Cgroups that turn up later bound the next run, and the probe says so.
func TestCgroupsLater(t *testing.T) {
	r := newRunner(t, true)
	by := func() string {
		for _, x := range r.Probe(t.Context()).Checks {
			if x.Name == "memory" {
				return x.By.EN
			}
		}
		return ""
	}
	if b := by(); !strings.HasPrefix(b, "watchdog") {
		t.Fatalf("without cgroups memory is bounded by %q", b)
	}
	r.state.noCgroups = false
	if _, err := r.state.cgroups(); err != nil {
		t.Skip("there are no cgroups here: ", err)
	}
	if b := by(); !strings.HasPrefix(b, "cgroup") {
		t.Errorf("memory is bounded by %q", b)
	}
}

func TestPython(t *testing.T) { runnertest.Python(t, newRunner(t, false)) }
