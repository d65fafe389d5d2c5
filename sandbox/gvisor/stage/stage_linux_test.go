package stage

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aihub"
	"aihub/sandbox/inside"
)

// The version that is shown is the one that is linked.
func TestVersion(t *testing.T) {
	b, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "gvisor.dev/gvisor v0.0.0-"+GVisor+"\n") {
		t.Errorf("go.mod does not require gVisor %s", GVisor)
	}
}

func TestCollect(t *testing.T) {
	for name, c := range map[string]struct {
		make   func(dir string) error
		names  []string
		reason aihub.Reason
		total  int64
	}{
		"good": {func(d string) error { return os.WriteFile(d+"/a", []byte("12345"), 0o400) }, []string{"a"}, "", 5},
		"two": {func(d string) error {
			return cmpErr(os.WriteFile(d+"/a", []byte("12345"), 0o400), os.WriteFile(d+"/b", []byte("12345"), 0o400))
		}, []string{"a", "b"}, "", 10},
		"together": {func(d string) error {
			return cmpErr(os.WriteFile(d+"/a", []byte("1234567"), 0o400), os.WriteFile(d+"/b", []byte("12345"), 0o400))
		}, []string{"a", "b"}, aihub.ReasonOutput, 0},
		"large":     {func(d string) error { return os.WriteFile(d+"/a", []byte("12345678901"), 0o400) }, []string{"a"}, aihub.ReasonOutput, 0},
		"missing":   {func(string) error { return nil }, []string{"a"}, aihub.ReasonNoOutput, 0},
		"link":      {func(d string) error { return os.Symlink("/etc/hostname", d+"/a") }, []string{"a"}, aihub.ReasonOutput, 0},
		"dangling":  {func(d string) error { return os.Symlink("nothing", d+"/a") }, []string{"a"}, aihub.ReasonOutput, 0},
		"own link":  {func(d string) error { return cmpErr(os.WriteFile(d+"/b", nil, 0), os.Symlink("b", d+"/a")) }, []string{"a"}, aihub.ReasonOutput, 0},
		"hard link": {func(d string) error { return cmpErr(os.WriteFile(d+"/b", nil, 0), os.Link(d+"/b", d+"/a")) }, []string{"a"}, aihub.ReasonOutput, 0},
		"fifo":      {func(d string) error { return syscall.Mkfifo(d+"/a", 0o666) }, []string{"a"}, aihub.ReasonOutput, 0},
		"directory": {func(d string) error { return os.Mkdir(d+"/a", 0) }, []string{"a"}, aihub.ReasonOutput, 0},
		"socket": {func(d string) error {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Bind(fd, &unix.SockaddrUnix{Name: d + "/a"})
		}, []string{"a"}, aihub.ReasonOutput, 0},
		"sparse": {func(d string) error { return cmpErr(os.WriteFile(d+"/a", nil, 0o600), os.Truncate(d+"/a", 1<<40)) }, []string{"a"}, aihub.ReasonOutput, 0},
	} {
		from, to := t.TempDir(), t.TempDir()
		if err := c.make(from); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		total, f, err := Collect(from, to, c.names, 10)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var reason aihub.Reason
		if f != nil {
			reason = f.Reason
		}
		got, _ := os.ReadDir(to)
		if reason != c.reason || total != c.total || (c.reason != "") != (len(got) == 0) {
			t.Errorf("%s: reason %q, %d bytes, %d files; want %q, %d", name, reason, total, len(got), c.reason, c.total)
		}
	}
	for _, bad := range []string{"", ".", "..", "../a", "a/b", "/a", "a\x00", strings.Repeat("x", 300)} {
		if _, _, err := Collect(t.TempDir(), t.TempDir(), []string{bad}, 10); err == nil {
			t.Errorf("the name %q was taken", bad)
		}
	}
}

// /dev/zero never ends: it must not even be opened.
func TestCollectDevice(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mknod(dir+"/a", syscall.S_IFCHR|0o666, 1<<8|5); err != nil {
		t.Skipf("no device can be made here: %v", err)
	}
	_, f, err := Collect(dir, t.TempDir(), []string{"a"}, 10)
	if err != nil || f == nil || f.Reason != aihub.ReasonOutput {
		t.Errorf("%+v %v", f, err)
	}
}

func TestPid(t *testing.T) {
	if os.Getenv("AIHUB_TEST_SLEEPER") != "" {
		time.Sleep(time.Hour)
	}
	// A command name may hold what separates the fields.
	path := filepath.Join(t.TempDir(), ") R 1 (x")
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-test.run", "^TestPid$")
	cmd.Env = append(os.Environ(), "AIHUB_TEST_SLEEPER=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, ok := PidOf(cmd.Process.Pid)
	if !ok || !p.Alive() {
		t.Errorf("%+v: a process that runs is not found", p)
	}
	if d := Descendants(os.Getpid(), 1000); !slices.Contains(d, p) {
		t.Errorf("%+v is not among the descendants %v", p, d)
	}
	other := p
	other.Start++
	other.Kill()
	if !p.Alive() {
		t.Fatal("another process's name killed this one")
	}
	p.Kill()
	_ = cmd.Wait()
	if p.Alive() {
		t.Error("a process that was killed is alive")
	}
}

func TestParseCgroupMounts(t *testing.T) {
	m, err := parseCgroupMounts(strings.NewReader(`22 1 0:21 / /proc rw - proc proc rw
39 32 0:34 / /sys/fs/cgroup/memory rw,relatime shared:18 - cgroup cgroup rw,memory
40 32 0:35 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
41 32 0:36 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
broken line
`))
	if err != nil || m.v1["memory"] != "/sys/fs/cgroup/memory" || m.v1["cpu"] != "/sys/fs/cgroup/cpu,cpuacct" || m.v1["cpuacct"] != m.v1["cpu"] || m.v2 != "/sys/fs/cgroup/unified" {
		t.Errorf("%+v %v", m, err)
	}
}

func FuzzParseCgroupMounts(f *testing.F) {
	f.Add("39 32 0:34 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
	f.Fuzz(func(_ *testing.T, s string) { _, _ = parseCgroupMounts(strings.NewReader(s)) })
}

// Where no group can be made the error says what is in the way; where one can,
// its limits are read back and it can be removed.
func TestPlace(t *testing.T) {
	p, err := FindPlace()
	if err != nil {
		t.Skip(err)
	}
	l := Limits{CPUs: 0.5, Memory: 32 << 20, Pids: 10}
	g, err := p.New("stage-test", l)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Remove(0)
	v := g.Values()
	if v["memory"] != l.Memory || v["cpu_quota_us"]*2 != v["cpu_period_us"] || v["pids"] != int64(hostPids(10)) {
		t.Errorf("%v", v)
	}
	if err := g.Check(Limits{CPUs: 0.5, Memory: 1 << 20, Pids: 10}); err == nil {
		t.Error("a limit that is not kept was not noticed")
	}
	if n, err := g.OOMKills(); n != 0 || err != nil {
		t.Errorf("%d kills, %v", n, err)
	}
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, d := range g.dirs() {
		if err := write(d, "cgroup.procs", strconv.Itoa(cmd.Process.Pid)); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	if err := g.Remove(20 * time.Second); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("removing a group did not kill what was in it")
	}
	for _, d := range g.dirs() {
		if _, err := os.Stat(d); err == nil {
			t.Errorf("%s is left", d)
		}
	}
}

func TestNetDevices(t *testing.T) {
	got := netDevices("Inter-|   Receive\n face |bytes\n    lo:  0 0\n  eth0: 1 2\n")
	if !slices.Equal(got, []string{"lo", "eth0"}) {
		t.Errorf("%v", got)
	}
}

func TestDrift(t *testing.T) {
	o := Order{Cgroup: &Cgroup{Version: 1}, Limits: Limits{CPUs: 1.5, Memory: 1 << 20, Output: 1 << 20, Inodes: 8, Tmp: 1 << 20}}
	good := func() Posture {
		p := Posture{Filters: 1, Memory: Bound{Limit: 1 << 20}, CPU: Bound{Limit: 1.5}, Output: Bound{Limit: 1 << 20, Inodes: 9}, Devices: []string{"lo"}}
		for _, x := range []*Process{&p.Sandbox, &p.Gofer} {
			*x = Process{UID: 65534, CapEff: "0000000000000000", NoNewPrivs: true, Seccomp: "filter", Filters: 2, Namespaces: map[string]string{}}
			for _, ns := range namespaces {
				x.Namespaces[ns] = "1"
			}
		}
		p.Inside = inside.Kept(contract(o))
		return p
	}
	if p := good(); len(p.Drift(o)) > 0 {
		t.Errorf("%v", p.Drift(o))
	}
	for what, spoil := range map[string]func(*Posture){
		"seccomp":      func(p *Posture) { p.Sandbox.Seccomp = "none" },
		"inherited":    func(p *Posture) { p.Sandbox.Filters = 1 },
		"gofer":        func(p *Posture) { p.Gofer.Seccomp = "none" },
		"capabilities": func(p *Posture) { p.Sandbox.CapEff = "0000000000000002" },
		"root":         func(p *Posture) { p.Sandbox.UID = 0 },
		"privileges":   func(p *Posture) { p.Sandbox.NoNewPrivs = false },
		"network":      func(p *Posture) { p.Devices = append(p.Devices, "eth0") },
		"namespace":    func(p *Posture) { delete(p.Sandbox.Namespaces, "net") },
		"memory":       func(p *Posture) { p.Memory.Limit = -1 },
		"more memory":  func(p *Posture) { p.Memory.Limit *= 2 },
		"cpu":          func(p *Posture) { p.CPU.Limit = -1 },
		"more cpu":     func(p *Posture) { p.CPU.Limit = 1.6 },
		"output":       func(p *Posture) { p.Output.Limit *= 2 },
		"no output":    func(p *Posture) { p.Output.Limit = 0 },
		"inodes":       func(p *Posture) { p.Output.Inodes = 0 },
		"more inodes":  func(p *Posture) { p.Output.Inodes = 1 << 20 },
		"inside":       func(p *Posture) { p.Inside.Devices = append(p.Inside.Devices, "eth0") },
	} {
		p := good()
		spoil(&p)
		if d := p.Drift(o); len(d) != 1 {
			t.Errorf("%s: drift %v, want one", what, d)
		}
	}
	// Without a cgroup it is pinned to whole cores.
	o.Cgroup = nil
	for cores, ok := range map[float64]bool{0: false, 1: true, 2: true, 3: false} {
		p := good()
		if p.CPU.Limit = cores; (len(p.Drift(o)) == 0) != ok {
			t.Errorf("%g cores: drift %v", cores, p.Drift(o))
		}
	}
}

// Only what is empty and old is swept. The groups are made below one of our own,
// so that no other run of this machine is touched.
func TestSweepCgroups(t *testing.T) {
	place, err := FindPlace()
	if err != nil {
		t.Skip(err)
	}
	l := Limits{CPUs: 1, Memory: 64 << 20, Pids: 16}
	ours, err := place.New("sweep-"+strconv.Itoa(os.Getpid()), l)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ours.Remove(time.Second) }()
	p := Place{Version: place.Version, Parents: ours.Dirs, Leave: place.Leave}
	g, err := p.New("x", l)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Remove(time.Second) }()
	there := func() (n int) {
		for _, d := range g.dirs() {
			if _, err := os.Stat(d); err == nil {
				n++
			}
		}
		return n
	}
	c := exec.Command("sleep", "600")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() { _ = c.Process.Kill(); _ = c.Wait() }
	defer end()
	for _, d := range g.dirs() {
		if err := write(d, "cgroup.procs", strconv.Itoa(c.Process.Pid)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Sweep(0); err != nil || there() != len(g.dirs()) {
		t.Errorf("a group in use was swept: %v", err)
	}
	end()
	if err := p.Sweep(time.Hour); err != nil || there() != len(g.dirs()) {
		t.Errorf("a new group was swept: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); there() > 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if err := p.Sweep(0); err != nil {
			t.Fatal(err)
		}
	}
	if there() > 0 {
		t.Error("an abandoned group is still there")
	}
}
