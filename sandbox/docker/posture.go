package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/mount"

	"aihub"
	"aihub/sandbox"
	"aihub/sandbox/inside"
)

// Posture is the isolation that a run really had: what the engine says that it
// set, read back, and, where the engine is this machine, what the kernel says
// about the container's first process.
type Posture struct {
	Runner   string   `json:"runner"`
	Engine   string   `json:"engine"`  // version
	Runtime  string   `json:"runtime"` // as the engine knows it
	Family   string   `json:"family"`  // runc, runsc, kata
	Kernel   string   `json:"kernel"`  // of the engine's machine
	Security []string `json:"security"`

	User         string            `json:"user"`
	ReadOnlyRoot bool              `json:"read_only_root"`
	CapAdd       []string          `json:"cap_add,omitempty"`
	CapDrop      []string          `json:"cap_drop"`
	NoNewPrivs   bool              `json:"no_new_privs"`
	Seccomp      string            `json:"seccomp"` // sha256 of the filter, or its name
	Network      string            `json:"network"` // none, disabled, or what it is
	Namespaces   map[string]string `json:"namespaces"`
	Mounts       []string          `json:"mounts"` // type:dir:ro
	Devices      int               `json:"devices"`
	Memory       int64             `json:"memory"`
	MemorySwap   int64             `json:"memory_swap"`
	NanoCPUs     int64             `json:"nano_cpus"`
	Cores        string            `json:"cores,omitempty"`
	Pids         int64             `json:"pids"`
	Limits       map[string]int64  `json:"limits"`
	Tmpfs        map[string]string `json:"tmpfs"`
	Shm          int64             `json:"shm"`
	Output       string            `json:"output"` // options of the volume

	Inside  inside.Seen `json:"inside"`            // before the guest started
	Process *Process    `json:"process,omitempty"` // nil: another machine
}

// Process is what the kernel says about a process.
type Process struct {
	UID        int      `json:"uid"`
	CapEff     string   `json:"cap_eff"`
	CapBnd     string   `json:"cap_bnd"`
	NoNewPrivs bool     `json:"no_new_privs"`
	Seccomp    string   `json:"seccomp"` // none, strict, filter
	Shared     []string `json:"shared"`  // namespaces that are the machine's
	Devices    []string `json:"devices"` // network devices
	// Unseen is what this process may not look at; another user's namespaces, without root.
	Unseen []string `json:"unseen,omitempty"`
}

var namespaces = []string{"mnt", "pid", "net", "ipc", "uts"}

// measure reads back what the engine has set before the guest starts, and
// refuses what falls short of the contract.
func (r *Runner) measure(ctx context.Context, j sandbox.Job) (Posture, error) {
	n := namesOf(j.ID)
	got, err := r.api.ContainerInspect(ctx, n.guest)
	if err != nil {
		return Posture{}, platform("measuring", err)
	}
	out, err := r.api.VolumeInspect(ctx, n.output)
	if err != nil {
		return Posture{}, platform("measuring", err)
	}
	h := got.HostConfig
	p := Posture{
		Runner: "docker", Engine: r.info.ServerVersion, Runtime: h.Runtime, Family: string(r.family), Kernel: r.info.KernelVersion, Security: r.info.SecurityOptions,
		User: got.Config.User, ReadOnlyRoot: h.ReadonlyRootfs, CapAdd: h.CapAdd, CapDrop: h.CapDrop, Network: string(h.NetworkMode),
		Namespaces: map[string]string{"ipc": string(h.IpcMode), "pid": string(h.PidMode), "uts": string(h.UTSMode), "user": string(h.UsernsMode), "cgroup": string(h.CgroupnsMode)},
		Devices:    len(h.Devices) + len(h.DeviceRequests) + len(h.DeviceCgroupRules),
		Memory:     h.Memory, MemorySwap: h.MemorySwap, NanoCPUs: h.NanoCPUs, Cores: h.CpusetCpus,
		Limits: map[string]int64{}, Tmpfs: h.Tmpfs, Shm: h.ShmSize, Output: out.Options["o"],
	}
	if h.Privileged {
		p.CapAdd = append(p.CapAdd, "privileged")
	}
	if h.PidsLimit != nil {
		p.Pids = *h.PidsLimit
	}
	for _, u := range h.Ulimits {
		p.Limits[u.Name] = u.Hard
	}
	for _, o := range h.SecurityOpt {
		if s, ok := strings.CutPrefix(o, "seccomp="); ok {
			sum := sha256.Sum256([]byte(s))
			p.Seccomp = hex.EncodeToString(sum[:8])
			continue
		}
		p.NoNewPrivs = p.NoNewPrivs || strings.HasPrefix(o, "no-new-privileges") && !strings.HasSuffix(o, "false")
	}
	if s := got.NetworkSettings; s != nil {
		for name := range s.Networks {
			if name != "none" {
				p.Network = name
			}
		}
	}
	for _, m := range got.Mounts {
		mode := "rw"
		if !m.RW {
			mode = "ro"
		}
		p.Mounts = append(p.Mounts, fmt.Sprintf("%s:%s:%s", m.Type, m.Destination, mode))
	}
	slices.Sort(p.Mounts)
	if d := p.Drift(r, j); len(d) > 0 && !r.blind {
		return p, sandbox.Drifted(d)
	}
	return p, nil
}

// process looks at the container's first process, if it still runs, and on this
// machine.
func (r *Runner) process(ctx context.Context, name string) (*Process, error) {
	c, err := r.api.ContainerInspect(ctx, name)
	if err != nil {
		return nil, platform("measuring", err)
	}
	if c.State == nil || c.State.Pid <= 1 {
		return nil, nil
	}
	return processOf(c.State.Pid, c.ID), nil
}

func processOf(pid int, container string) *Process {
	dir := "/proc/" + strconv.Itoa(pid)
	group, err := os.ReadFile(dir + "/cgroup")
	if err != nil || !strings.Contains(string(group), container) {
		return nil // another machine's number
	}
	p := &Process{Shared: []string{}, Devices: []string{}}
	b, err := os.ReadFile(dir + "/status")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		key, v, _ := strings.Cut(line, ":")
		f := strings.Fields(v)
		if len(f) == 0 {
			continue
		}
		switch key {
		case "State":
			if f[0] == "Z" || f[0] == "X" {
				return nil
			}
		case "Uid":
			p.UID, _ = strconv.Atoi(f[0])
		case "CapEff":
			p.CapEff = f[0]
		case "CapBnd":
			p.CapBnd = f[0]
		case "NoNewPrivs":
			p.NoNewPrivs = f[0] == "1"
		case "Seccomp":
			p.Seccomp = map[string]string{"0": "none", "1": "strict", "2": "filter"}[f[0]]
		}
	}
	for _, ns := range namespaces {
		theirs, err1 := os.Readlink(dir + "/ns/" + ns)
		ours, err2 := os.Readlink("/proc/self/ns/" + ns)
		if errors.Is(err1, fs.ErrPermission) {
			p.Unseen = append(p.Unseen, ns)
			continue
		}
		if err := errors.Join(err1, err2); err != nil {
			return nil // it ended
		}
		if theirs == ours {
			p.Shared = append(p.Shared, ns)
		}
	}
	b, err = os.ReadFile(dir + "/net/dev")
	if errors.Is(err, fs.ErrPermission) {
		p.Unseen = append(p.Unseen, "devices")
	} else if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			p.Devices = append(p.Devices, strings.TrimSpace(name))
		}
	}
	return p
}

// Drift says in what p falls short of the contract; empty when in nothing.
func (p Posture) Drift(r *Runner, j sandbox.Job) []aihub.Fault {
	var d []aihub.Fault
	no := func(bad bool, code, en, zh string, args ...any) {
		if bad {
			d = append(d, aihub.Fault{Code: "posture_" + code, Where: code, Message: aihub.Text{EN: fmt.Sprintf(en, args...), ZH: fmt.Sprintf(zh, args...)}})
		}
	}
	want := fmt.Sprintf("%d:%d", sandbox.Guest, sandbox.Guest)
	no(p.User != want, "user", "the user is %q", "用户为 %q", p.User)
	no(!p.ReadOnlyRoot, "root", "the root can be written to", "根文件系统可写")
	no(len(p.CapAdd) > 0 || !slices.Contains(p.CapDrop, "ALL"), "capabilities", "it holds capabilities: %v", "持有特权能力：%v", p.CapAdd)
	no(!p.NoNewPrivs, "new_privileges", "it may gain privileges", "可获得新特权")
	sum := sha256.Sum256([]byte(profile()))
	no(r.family == runc && p.Seccomp != hex.EncodeToString(sum[:8]), "seccomp", "the system call filter is %q", "系统调用过滤器为 %q", p.Seccomp)
	no(p.Network != "none", "network", "it has the network %q", "接入了网络 %q", p.Network)
	for ns, mode := range p.Namespaces {
		no(mode == "host" || strings.HasPrefix(mode, "container:"), "namespace", "it shares the %s namespace", "共享了 %s 命名空间", ns)
	}
	expected := []string{string(mount.TypeVolume) + ":/input:ro", string(mount.TypeVolume) + ":/output:rw"}
	if j.Model != "" {
		expected = append(expected, string(mount.TypeVolume)+":/model:ro")
	}
	for _, m := range p.Mounts {
		no(!slices.Contains(expected, m), "mounts", "it sees %s", "可见挂载 %s", m)
	}
	for _, m := range expected {
		no(!slices.Contains(p.Mounts, m), "mounts", "%s is missing", "缺少挂载 %s", m)
	}
	no(p.Devices > 0, "devices", "it has devices", "可访问设备")
	l := j.Limits
	no(p.Memory <= 0 || p.Memory > int64(l.Memory) || p.MemorySwap != p.Memory, "memory", "the memory limit is %d bytes, %d with swap", "内存上限为 %d 字节，含交换区 %d 字节", p.Memory, p.MemorySwap)
	no(p.Pids <= 0 || p.Pids > r.pids(l.Pids), "pids", "the limit of processes is %d", "进程数上限为 %d", p.Pids)
	no(p.NanoCPUs <= 0 || float64(p.NanoCPUs) > l.CPUs*1e9+1, "cpu", "the processor share is %d billionths", "处理器份额为十亿分之 %d", p.NanoCPUs)
	no(p.Limits["nofile"] != int64(l.Files), "files", "the limit of open files is %d", "打开文件数上限为 %d", p.Limits["nofile"])
	no(!strings.Contains(p.Output, fmt.Sprintf("size=%d,nr_inodes=%d", l.Output, l.Inodes+1)), "output", "/output is %q", "/output 为 %q", p.Output)
	if q := p.Process; q != nil {
		no(q.UID == 0 && r.family == runc, "user", "the process runs as root", "进程以 root 身份运行")
		for _, ns := range q.Shared {
			no(true, "namespace", "the process shares the machine's %s namespace", "进程共享了主机的 %s 命名空间", ns)
		}
		for _, dev := range q.Devices {
			no(dev != "lo", "network", "it has the network device %s", "有网络设备 %s", dev)
		}
		if r.family == runc {
			no(strings.Trim(q.CapEff+q.CapBnd, "0") != "", "capabilities", "the process holds capabilities %s of %s", "进程持有特权能力 %s / %s", q.CapEff, q.CapBnd)
			no(!q.NoNewPrivs, "new_privileges", "the process may gain privileges", "进程可获得新特权")
			no(q.Seccomp != "filter", "seccomp", "the process runs without a filter", "进程没有系统调用过滤器")
		}
	}
	return d
}
