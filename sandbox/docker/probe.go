package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/sandbox/tiny"
	"aihub/scenarios"
)

// probeLimits are those of a probe.
var probeLimits = scenarios.Limits{
	CPUs: 1, Memory: 96 << 20, Pids: 16, Files: 64, Wall: scenarios.Duration(time.Minute),
	Output: 1 << 20, Inodes: 16, Tmp: 1 << 20, Log: 64 << 10,
}

// Probe runs a container for a moment and says what the engine keeps. The answer
// is kept if it is a good one: a failure may have been of that moment.
func (r *Runner) Probe(ctx context.Context) sandbox.Capabilities {
	r.probing.Lock()
	defer r.probing.Unlock()
	if r.probed != nil {
		return *r.probed
	}
	c := sandbox.Capabilities{Root: true, Platform: string(cmpFamily(r.opt.Runtime))}
	var unseen []string
	engine := "Docker"
	err := r.connect(ctx)
	if err == nil {
		engine += " " + r.info.ServerVersion
		c.Platform = string(r.family)
		c.Root = !strings.Contains(strings.Join(r.info.SecurityOptions, " "), "rootless")
		unseen, err = r.tryout(ctx)
	}
	if ctx.Err() != nil {
		return c // asked to stop: nothing was learnt
	}
	c.Available = err == nil
	start := sandbox.Capability{Name: "start", Enforced: err == nil, By: same(engine)}
	if err != nil {
		start.Why = why(err)
		c.Checks = []sandbox.Capability{start}
	} else {
		if len(unseen) > 0 {
			what := strings.Join(unseen, ", ")
			start.Why = aihub.Text{
				EN: "from outside this process may not look at a container's " + what + ": what the engine says is taken for it; as root it would be measured",
				ZH: "本进程无权从外部查看容器的 " + what + "，以引擎所述为准；以 root 运行即可测量",
			}
		}
		c.Checks = append([]sandbox.Capability{start}, r.checks()...)
	}
	if c.CanRunHidden() {
		r.probed = &c
	}
	return c
}

func cmpFamily(name string) family {
	if name == "" {
		return runc
	}
	return familyOf(name)
}

func same(s string) aihub.Text { return aihub.Text{EN: s, ZH: s} }

func why(err error) aihub.Text {
	t := same(err.Error())
	var e *aihub.Error
	if errors.As(err, &e) {
		t = e.Text
		for _, f := range e.Faults {
			t.EN += "; " + f.Message.EN
			t.ZH += "；" + f.Message.ZH
		}
	}
	return t
}

// tryout runs a program that does nothing; Run itself compares what the
// container has with the contract. unseen is what was not measured of it from
// outside, for want of permission.
func (r *Runner) tryout(ctx context.Context) (unseen []string, err error) {
	program := tiny.Exit(architectures[r.info.Architecture])
	if program == nil {
		return nil, fmt.Errorf("there is no program to try on %s", r.info.Architecture)
	}
	id := strings.ToLower(strings.ReplaceAll(aihub.NewID("probe"), "_", "-"))
	lock, err := r.claim(id)
	if err != nil {
		return nil, err
	}
	defer lock.release()
	dir := filepath.Join(r.opt.Dir, id)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	j := sandbox.Job{
		ID: id, Args: []string{"/program"}, Limits: probeLimits,
		Rootfs: filepath.Join(dir, "root"), Input: filepath.Join(dir, "in"), Output: filepath.Join(dir, "out"),
	}
	if j.Rootfs, err = filepath.Abs(j.Rootfs); err != nil {
		return nil, err
	}
	for _, p := range []*string{&j.Rootfs, &j.Input, &j.Output} {
		if *p, err = filepath.Abs(*p); err != nil {
			return nil, err
		}
		if err := os.Mkdir(*p, 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(j.Rootfs, "program"), program, 0o755); err != nil {
		return nil, err
	}
	res, err := r.claimed(ctx, j, nil)
	if err == nil && res.Failure.Reason != "" {
		err = fmt.Errorf("a program that does nothing failed: %s %s", res.Failure.Reason, res.Failure.Detail)
	}
	var p Posture
	if err == nil {
		err = json.Unmarshal(res.Posture, &p)
	}
	if p.Process != nil {
		unseen = p.Process.Unseen
	}
	return unseen, err
}

// checks turns what the engine says about its machine into promises. That the
// limits are in force for a container was read back from one.
func (r *Runner) checks() []sandbox.Capability {
	i := r.info
	group := "cgroup v" + i.CgroupVersion
	if i.CgroupVersion == "" {
		group = "cgroup"
	}
	check := func(name string, ok bool, en, zh string) sandbox.Capability {
		c := sandbox.Capability{Name: name, Enforced: ok, By: aihub.Text{EN: en, ZH: zh}}
		if !ok {
			c.Why = aihub.Text{
				EN: "the engine says that its kernel cannot do this: see the warnings of docker info",
				ZH: "引擎表示其内核不支持：请查看 docker info 的警告",
			}
		}
		return c
	}
	pids := check("pids", i.PidsLimit, "pids of "+group, group+" 的进程数限制")
	if r.family != runc {
		pids = check("pids", true, "RLIMIT_NPROC in the sandbox's kernel", "沙箱内核中的 RLIMIT_NPROC")
	}
	return []sandbox.Capability{
		r.kernel(),
		check("memory", i.MemoryLimit && (i.SwapLimit || i.CgroupVersion == "2"), "memory of "+group+", no swap", group+" 的内存限制，无交换区"),
		pids,
		check("output", true, "volume in memory, of fixed bytes and inodes", "内存卷，字节数与文件数固定"),
		check("network", true, "network namespace with loopback alone", "只有回环设备的网络命名空间"),
		check("cpu", i.CPUCfsQuota && i.CPUSet, "quota of "+group+", pinned to cores", group+" 配额，并绑定到核心"),
		check("files", true, "RLIMIT_NOFILE and RLIMIT_FSIZE", "RLIMIT_NOFILE 与 RLIMIT_FSIZE"),
		check("wall", true, "clock of this machine; the engine kills; a scorer sees the machine's clock: an engine cannot set another", "由本机计时，引擎负责终止；评分程序看到的是主机时钟，引擎无法另设"),
		check("log", true, "reader that counts and drops; the engine keeps none", "读取端计数并丢弃超出部分，引擎不留存"),
	}
}

// kernel says whose kernel the guest meets. runc has had faults by which a
// container could leave it: an old one is refused, unless a distribution's name
// in its version says that it is mended there.
func (r *Runner) kernel() sandbox.Capability {
	switch r.family {
	case runsc:
		return sandbox.Capability{Name: "kernel", Enforced: true, By: aihub.Text{EN: "gVisor, through " + r.opt.Runtime, ZH: "gVisor（" + r.opt.Runtime + "）"}}
	case kata:
		return sandbox.Capability{Name: "kernel", Enforced: true, By: aihub.Text{EN: "virtual machine, through " + r.opt.Runtime, ZH: "虚拟机（" + r.opt.Runtime + "）"}}
	}
	v := r.runcVersion()
	c := sandbox.Capability{
		Name: "kernel", Enforced: true,
		By: aihub.Text{EN: "runc " + v + " with our system call filter", ZH: "runc " + v + " 与本平台的系统调用过滤器"},
		Why: aihub.Text{
			EN: "algorithms share this machine's kernel " + r.info.KernelVersion + "; the runner gvisor, or runtime runsc or Kata, gives them one of their own",
			ZH: "算法与主机共用内核 " + r.info.KernelVersion + "；使用 gvisor 执行器，或运行时 runsc、Kata，可提供独立内核",
		},
	}
	switch old, patched := oldRunc(v); {
	case old && !patched:
		c.Enforced = false
		c.Why = aihub.Text{
			EN: "runc " + v + " has known ways out (CVE-2024-21626, CVE-2025-31133, CVE-2025-52565, CVE-2025-52881): install 1.2.8, 1.3.3 or later",
			ZH: "runc " + v + " 存在已知逃逸漏洞（CVE-2024-21626、CVE-2025-31133、CVE-2025-52565、CVE-2025-52881）：请安装 1.2.8、1.3.3 或更高版本",
		}
	case old:
		c.Why.EN += ". runc " + v + " is older than the fixes of CVE-2024-21626 and CVE-2025-31133 (1.2.8, 1.3.3): keep your distribution's security updates on"
		c.Why.ZH += "。runc " + v + " 早于 CVE-2024-21626、CVE-2025-31133 的修复版本（1.2.8、1.3.3）：请保持发行版安全更新"
	}
	return c
}

// runcVersion asks the engine for the version of runc.
func (r *Runner) runcVersion() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	v, err := r.api.ServerVersion(ctx)
	if err == nil {
		for _, c := range v.Components {
			if c.Name == "runc" {
				return c.Version
			}
		}
	}
	return r.info.RuncCommit.ID
}

var runcNumber = regexp.MustCompile(`^v?(\d+)\.(\d+)\.(\d+)(.*)$`)

// oldRunc reports whether a version is before the fixes, and whether it is a
// distribution's own, which mends without counting up. What is no version, such
// as a commit, counts as old.
func oldRunc(v string) (old, patched bool) {
	m := runcNumber.FindStringSubmatch(v)
	if m == nil {
		return true, false
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	switch {
	case n[0] != 1:
		old = n[0] < 1
	case n[1] < 2:
		old = true
	case n[1] == 2:
		old = n[2] < 8
	case n[1] == 3:
		old = n[2] < 3
	}
	return old, strings.ContainsAny(m[4], "+~") || strings.Contains(m[4], "ubuntu")
}
