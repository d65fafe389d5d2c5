package stage

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"aihub"
	"aihub/sandbox/inside"
)

// Posture is the isolation that a run really had, as measured on the host: what
// the kernel says about gVisor's processes and about the limits, not what was
// asked for.
type Posture struct {
	Runner   string           `json:"runner"`
	Version  string           `json:"version"` // of gVisor
	Platform string           `json:"platform"`
	Kernel   string           `json:"kernel"` // of the host
	Sandbox  Process          `json:"sandbox"`
	Gofer    Process          `json:"gofer"`
	Memory   Bound            `json:"memory"`
	CPU      Bound            `json:"cpu"`
	Output   Bound            `json:"output"`  // bytes and inodes of the /output file system
	Devices  []string         `json:"devices"` // network devices of the sandbox
	Filters  int              `json:"filters"` // seccomp filters that both processes were started under; their own come on top
	Cgroup   map[string]int64 `json:"cgroup,omitempty"`
	Inside   inside.Seen      `json:"inside"` // the same sandbox from inside, before the guest started
}

// Bound is one limit in force.
type Bound struct {
	By     string  `json:"by"`
	Limit  float64 `json:"limit"`
	Inodes int64   `json:"inodes,omitempty"`
}

// Process is what the kernel says about one process of gVisor.
type Process struct {
	UID        int               `json:"uid"` // as the host sees it
	GID        int               `json:"gid"`
	CapEff     string            `json:"cap_eff"`
	CapBnd     string            `json:"cap_bnd"`
	NoNewPrivs bool              `json:"no_new_privs"`
	Seccomp    string            `json:"seccomp"` // none, strict, filter
	Filters    int               `json:"filters"`
	UIDMap     string            `json:"uid_map"`
	Mounts     int               `json:"mounts"`
	Namespaces map[string]string `json:"namespaces"` // kind -> id, only those that are not the host's
}

var namespaces = []string{"user", "mnt", "pid", "net", "ipc", "uts"}

// MeasureNamespaces looks at what a process loses when it dies: its namespaces,
// mounts and network devices. It is called before the guest starts.
func (p *Posture) MeasureNamespaces(sandbox, gofer int) error {
	for _, x := range []struct {
		pid int
		to  *Process
	}{{sandbox, &p.Sandbox}, {gofer, &p.Gofer}} {
		dir := "/proc/" + strconv.Itoa(x.pid)
		x.to.Namespaces = map[string]string{}
		for _, ns := range namespaces {
			theirs, err := os.Readlink(dir + "/ns/" + ns)
			if err != nil {
				return fmt.Errorf("measuring the posture: %w", err)
			}
			ours, err := os.Readlink("/proc/self/ns/" + ns)
			if err != nil {
				return err
			}
			if theirs != ours {
				x.to.Namespaces[ns] = strings.Trim(strings.TrimPrefix(theirs, ns), ":[]")
			}
		}
		if b, err := os.ReadFile(dir + "/mountinfo"); err == nil {
			x.to.Mounts = strings.Count(string(b), "\n")
		}
		if b, err := os.ReadFile(dir + "/uid_map"); err == nil {
			x.to.UIDMap = strings.Join(strings.Fields(string(b)), " ")
		}
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(sandbox) + "/net/dev")
	if err != nil {
		return fmt.Errorf("measuring the posture: %w", err)
	}
	p.Devices = netDevices(string(b))
	return nil
}

// netDevices reads /proc/net/dev: two lines of heading, then "name: …".
func netDevices(s string) []string {
	devices := []string{}
	for line := range strings.Lines(s) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			devices = append(devices, strings.TrimSpace(name))
		}
	}
	return devices
}

// MeasureProcesses looks at credentials and filters. gVisor installs its filters
// just before the guest starts; a dead process that was not waited for yet still
// shows them.
func (p *Posture) MeasureProcesses(sandbox, gofer int) error {
	var own Process
	if err := own.status(os.Getpid()); err != nil {
		return err
	}
	p.Filters = own.Filters
	if err := p.Sandbox.status(sandbox); err != nil {
		return err
	}
	return p.Gofer.status(gofer)
}

func (p *Process) status(pid int) error {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return fmt.Errorf("measuring the posture: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		key, v, _ := strings.Cut(line, ":")
		f := strings.Fields(v)
		if len(f) == 0 {
			continue
		}
		switch key {
		case "Uid":
			p.UID, _ = strconv.Atoi(f[0])
		case "Gid":
			p.GID, _ = strconv.Atoi(f[0])
		case "CapEff":
			p.CapEff = f[0]
		case "CapBnd":
			p.CapBnd = f[0]
		case "NoNewPrivs":
			p.NoNewPrivs = f[0] == "1"
		case "Seccomp":
			p.Seccomp = map[string]string{"0": "none", "1": "strict", "2": "filter"}[f[0]]
		case "Seccomp_filters":
			p.Filters, _ = strconv.Atoi(f[0])
		}
	}
	return nil
}

// MeasureLimits reads the limits in force.
func (p *Posture) MeasureLimits(o Order, t Tree) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(t.Output, &fs); err != nil {
		return err
	}
	p.Output = Bound{By: "tmpfs", Limit: float64(int64(fs.Blocks) * fs.Bsize), Inodes: int64(fs.Files)}
	if o.Cgroup == nil {
		p.Memory = Bound{By: "watchdog", Limit: float64(o.Limits.Memory)}
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(0, &set); err != nil {
			return err
		}
		p.CPU = Bound{By: "affinity", Limit: float64(set.Count())}
		return nil
	}
	p.Cgroup = o.Cgroup.Values()
	by := fmt.Sprintf("cgroup v%d", o.Cgroup.Version)
	p.Memory = Bound{By: by, Limit: float64(p.Cgroup["memory"])}
	p.CPU = Bound{By: by, Limit: float64(p.Cgroup["cpu_quota_us"]) / float64(max(1, p.Cgroup["cpu_period_us"]))}
	return nil
}

// filtered reports whether q has a filter that it was not started under. Kernels
// before 5.9 do not count filters; there none of ours is inherited.
func (p *Posture) filtered(q Process) bool {
	return q.Seccomp == "filter" && (q.Filters == 0 || q.Filters > p.Filters)
}

// Drift says in what p falls short of the contract; empty when in nothing.
func (p *Posture) Drift(o Order) []aihub.Fault {
	var d []aihub.Fault
	no := func(bad bool, code, en, zh string, args ...any) {
		if bad {
			d = append(d, aihub.Fault{Code: "posture_" + code, Where: code, Message: aihub.Text{EN: fmt.Sprintf(en, args...), ZH: fmt.Sprintf(zh, args...)}})
		}
	}
	page := float64(os.Getpagesize())
	no(!p.filtered(p.Sandbox), "seccomp", "the sandbox runs without a system call filter", "沙箱进程没有系统调用过滤器")
	no(!p.filtered(p.Gofer), "seccomp", "the gofer runs without a system call filter", "gofer 进程没有系统调用过滤器")
	no(strings.Trim(p.Sandbox.CapEff, "0") != "", "capabilities", "the sandbox holds capabilities %s", "沙箱进程持有特权能力 %s", p.Sandbox.CapEff)
	no(p.Sandbox.UID == 0, "user", "the sandbox runs as root", "沙箱进程以 root 身份运行")
	no(!p.Sandbox.NoNewPrivs, "new_privileges", "the sandbox may gain privileges", "沙箱进程可获得新特权")
	for _, ns := range namespaces {
		no(p.Sandbox.Namespaces[ns] == "", "namespace", "the sandbox shares the host's %s namespace", "沙箱进程共享了主机的 %s 命名空间", ns)
	}
	for _, dev := range p.Devices {
		no(dev != "lo", "network", "the sandbox has the network device %s", "沙箱有网络设备 %s", dev)
	}
	no(p.Memory.Limit <= 0 || p.Memory.Limit > float64(o.Limits.Memory), "memory", "the memory limit is %.0f bytes", "内存上限为 %.0f 字节", p.Memory.Limit)
	cpus := max(0.01, o.Limits.CPUs) + 0.001 // what a quota of whole microseconds may be off
	if o.Cgroup == nil {
		cpus = math.Ceil(o.Limits.CPUs)
	}
	no(p.CPU.Limit <= 0 || p.CPU.Limit > cpus, "cpu", "the processor limit is %.3f", "处理器上限为 %.3f", p.CPU.Limit)
	no(p.Output.Limit <= 0 || p.Output.Limit > float64(o.Limits.Output)+page, "output", "/output holds %.0f bytes", "/output 可容纳 %.0f 字节", p.Output.Limit)
	no(p.Output.Inodes <= 0 || p.Output.Inodes > int64(o.Limits.Inodes)+1, "output", "/output holds %d inodes", "/output 可容纳 %d 个文件", p.Output.Inodes)
	return append(d, contract(o).Drift(p.Inside)...)
}

// contract is what the sandbox of o has to be from inside.
func contract(o Order) inside.Contract {
	l := o.Limits
	return inside.Contract{
		OwnKernel: true, Clock: o.Clock, Apart: o.Images, Model: o.Model != "", Terminal: o.Window != nil, Files: []int{ProbeIn, ProbeOut},
		Memory: l.Memory, CPUs: float64(Processors(l.CPUs)), Pids: l.Pids, Open: l.Files, Output: l.Output, Inodes: l.Inodes, Tmp: l.Tmp,
	}
}
