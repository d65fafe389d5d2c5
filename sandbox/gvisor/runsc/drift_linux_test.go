package runsc

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/config"

	"aihub/sandbox/gvisor/stage"
	"aihub/sandbox/runnertest"
)

// bends are sandboxes that are not as ordered, each with the faults that are found.
var bends = map[string]struct {
	bend  func(*config.Config, *specs.Spec)
	codes string
}{
	"as ordered": {func(*config.Config, *specs.Spec) {}, ""},
	"a mount": {func(_ *config.Config, s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/extra", Type: "tmpfs", Source: "tmpfs"})
	}, "inside_mounts"},
	"a mount over another": {func(_ *config.Config, s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs"})
	}, "inside_mounts"},
	"the host's network": {func(c *config.Config, _ *specs.Spec) { c.Network = config.NetworkHost }, "posture_namespace"},
	"a capability": {func(_ *config.Config, s *specs.Spec) {
		kill := []string{"CAP_KILL"}
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: kill, Effective: kill, Permitted: kill, Inheritable: kill}
	}, "inside_capabilities"},
	"root":          {func(_ *config.Config, s *specs.Spec) { s.Process.User.UID = 0 }, "inside_user"},
	"a group":       {func(_ *config.Config, s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{0} }, "inside_group"},
	"more files":    {func(_ *config.Config, s *specs.Spec) { s.Process.Rlimits[1].Hard *= 2 }, "inside_limits"},
	"a larger /tmp": {func(_ *config.Config, s *specs.Spec) { s.Mounts[4].Options = []string{"nosuid", "nodev"} }, "inside_room"},
	"more memory":   {func(_ *config.Config, s *specs.Spec) { *s.Linux.Resources.Memory.Limit *= 2 }, "inside_memory"},
	"a host's name": {func(_ *config.Config, s *specs.Spec) { s.Hostname = "host" }, "inside_hostname"},
}

const bendVar = "AIHUB_TEST_BEND"

// TestMain makes this binary the sandbox program, which bends what it makes.
func TestMain(m *testing.M) {
	if name := os.Args[0]; name == "/proc/self/exe" || strings.HasPrefix(filepath.Base(name), "runsc-") || name == "runsc" {
		bend = bends[os.Getenv(bendVar)].bend
		Main()
	}
	os.Exit(m.Run())
}

// A sandbox that is not what the contract demands is refused with what it is,
// before the guest has run.
func TestDrifted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: the launcher of an ordinary user is told by the runner's tests")
	}
	dir := t.TempDir()
	rootfs, input := filepath.Join(dir, "rootfs"), filepath.Join(dir, "input")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	if err := os.Mkdir(input, 0o755); err != nil {
		t.Fatal(err)
	}
	for what, b := range bends {
		t.Run(what, func(t *testing.T) {
			work, output := t.TempDir(), t.TempDir()
			report, log := launched(t, what, stage.Order{
				ID: "drift", Work: work, Rootfs: rootfs, Input: input, Output: output, Program: "/guest", Args: []string{"guest", "hello", "you"}, Dir: "/",
				Limits: stage.Limits{CPUs: float64(runtime.NumCPU()), Memory: 256 << 20, Pids: 32, Files: 64, Wall: time.Minute, Output: 1 << 20, Inodes: 16, Tmp: 1 << 20},
			})
			var codes []string
			for _, f := range report.Drift {
				if f.Message.EN == "" || f.Message.ZH == "" {
					t.Errorf("%+v is not said in both languages", f)
				}
				codes = append(codes, f.Code)
			}
			if report.Platform != "" || !strings.Contains(strings.Join(codes, " "), b.codes) || (b.codes == "") != (codes == nil) {
				t.Errorf("drift %v, want %q; the platform says %q", report.Drift, b.codes, report.Platform)
			}
			if ran := strings.Contains(log, "hello you"); ran != (b.codes == "") || ran != report.Exited {
				t.Errorf("the guest ran: %v, it exited: %v\n%s", ran, report.Exited, log)
			}
			if len(report.Posture) < 1000 {
				t.Errorf("posture %s", report.Posture)
			}
		})
	}
}

// launched carries out an order as the runner does, with this binary.
func launched(t *testing.T, bend string, o stage.Order) (stage.Report, string) {
	t.Helper()
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		return r, w
	}
	order, send := pipe()
	events, eventsIn := pipe()
	log, logIn := pipe()
	var stderr bytes.Buffer
	cmd := exec.Command("/proc/self/exe", stage.Command...)
	cmd.Args[0], cmd.Dir, cmd.Stderr = "runsc", "/", &stderr
	cmd.Env = []string{bendVar + "=" + bend}
	cmd.ExtraFiles = []*os.File{order, eventsIn, logIn}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL, Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{order, eventsIn, logIn} {
		f.Close()
	}
	if err := json.NewEncoder(send).Encode(o); err != nil {
		t.Fatal(err)
	}
	send.Close()
	said := make(chan string, 1)
	go func() { b, _ := io.ReadAll(log); said <- string(b) }()
	var end *stage.Report
	for d := json.NewDecoder(events); ; {
		var e stage.Event
		if err := d.Decode(&e); err != nil {
			break
		}
		end = e.End
	}
	if err := cmd.Wait(); err != nil || end == nil {
		t.Fatalf("the launcher: %v, it reported: %v\n%s", err, end != nil, &stderr)
	}
	return *end, <-said
}
