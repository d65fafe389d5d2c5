package gvisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/sandbox/gvisor/stage"
	"aihub/scenarios"
)

// probeLimits are those of a probe: small enough that a machine with any room
// at all keeps them, large enough for gVisor itself.
var probeLimits = scenarios.Limits{
	CPUs: 1, Memory: 96 << 20, Pids: 16, Files: 64, Wall: scenarios.Duration(20 * time.Second),
	Output: 1 << 20, Inodes: 16, Tmp: 1 << 20, Log: 4 << 10,
}

func (r *Runner) probe(ctx context.Context) sandbox.Capabilities {
	s := &r.state
	s.probing.Lock()
	defer s.probing.Unlock()
	place, none := s.cgroups()
	if s.probed != nil && s.probedIn == place {
		return *s.probed
	}
	c := sandbox.Capabilities{Root: !ordinary(), Platform: "systrap"}
	p, err := r.tryout(ctx)
	if ctx.Err() != nil {
		return c // asked to stop: nothing was learnt
	}
	c.Available = err == nil
	c.Checks = append(c.Checks, sandbox.Capability{Name: "start", Enforced: err == nil, By: playedBy})
	if err != nil {
		c.Checks[0].Why = whyNot(err)
	} else {
		c.Checks = append(c.Checks, r.checks(ctx, p, place, none)...)
	}
	if c.CanRunHidden() {
		s.probed, s.probedIn = &c, place // a failure may have been of that moment: it is asked again
	}
	return c
}

// tryout runs a program that does nothing and returns what isolation it had.
func (r *Runner) tryout(ctx context.Context) (stage.Posture, error) {
	res, err := r.probeRun(ctx, exitProgram)
	if err != nil {
		return stage.Posture{}, err
	}
	if res.Failure.Reason != "" {
		return stage.Posture{}, fmt.Errorf("a program that does nothing failed: %s %s", res.Failure.Reason, res.Failure.Detail)
	}
	var p stage.Posture
	return p, json.Unmarshal(res.Posture, &p)
}

func (r *Runner) probeRun(ctx context.Context, program []byte) (res sandbox.Result, err error) {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return res, err
	}
	dir, held, err := r.probeDir()
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir), held.Close()) }()
	j := sandbox.Job{
		ID: strings.ToLower(strings.ReplaceAll(aihub.NewID("probe"), "_", "-")), Args: []string{"/program"}, Limits: probeLimits, Clock: sandbox.ScorerClock,
		Rootfs: filepath.Join(dir, "root"), Input: filepath.Join(dir, "in"), Output: filepath.Join(dir, "out"),
	}
	for _, d := range []string{j.Rootfs, j.Input, j.Output} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return res, err
		}
	}
	if err := os.WriteFile(filepath.Join(j.Rootfs, "program"), program, 0o755); err != nil {
		return res, err
	}
	return r.run(ctx, j, nil)
}

// checks turns a posture, which the launcher has compared with the contract
// already, into promises.
func (r *Runner) checks(ctx context.Context, p stage.Posture, place *stage.Place, none error) []sandbox.Capability {
	yes := func(name, en, zh string, args ...any) sandbox.Capability {
		return sandbox.Capability{Name: name, Enforced: true, By: both(en, zh, args...)}
	}
	cpu := yes("cpu", "quota of %s", "%s 的配额", p.CPU.By)
	if place == nil {
		cpu = yes("cpu", "pinned to whole cores", "绑定到整个核心")
	}
	network := yes("network", "network namespace with no device", "没有任何设备的网络命名空间")
	if len(p.Devices) > 0 {
		d := strings.Join(p.Devices, ", ")
		network = yes("network", "network namespace with %s alone", "仅有 %s 的网络命名空间", d)
	}
	begin := sandbox.ScorerClock
	wall := yes("wall", "clock of the launcher; that of a scorer is the machine's: only the gVisor of make build can set it", "由启动器计时；评分程序的时钟为主机时钟（仅 make build 构建的 gVisor 可设定）")
	if late := p.Inside.Clock - begin.Unix(); late >= 0 && late <= 60 {
		at := begin.Format(time.RFC3339)
		wall = yes("wall", "clock of the launcher; that of a scorer begins at %s", "由启动器计时；评分程序的时钟从 %s 开始", at)
	}
	return []sandbox.Capability{
		yes("kernel", "gVisor %s, %s", "gVisor %s，%s", p.Version, p.Platform),
		r.memory(ctx, p, place, none),
		yes("pids", "RLIMIT_NPROC in the sandbox's kernel", "沙箱内核中的 RLIMIT_NPROC"),
		yes("output", "tmpfs of %.0f KiB and %d inodes", "%.0f KiB、%d 个文件的 tmpfs", p.Output.Limit/1024, p.Output.Inodes),
		network,
		cpu,
		yes("files", "RLIMIT_NOFILE and RLIMIT_FSIZE in the sandbox's kernel", "沙箱内核中的 RLIMIT_NOFILE 与 RLIMIT_FSIZE"),
		wall,
		yes("log", "reader that counts and drops", "读取端计数并丢弃超出部分"),
	}
}

// both fills two formats with the same values.
func both(en, zh string, args ...any) aihub.Text {
	return aihub.Text{EN: fmt.Sprintf(en, args...), ZH: fmt.Sprintf(zh, args...)}
}

// memory says how memory is bounded. The kernel's own accounting needs no proof
// beyond the limit read back; the watchdog has to catch a program that takes
// memory as fast as it can.
func (r *Runner) memory(ctx context.Context, p stage.Posture, place *stage.Place, none error) sandbox.Capability {
	c := sandbox.Capability{Name: "memory", By: both("%s", "%s", p.Memory.By)}
	if place != nil {
		c.Enforced = true
		return c
	}
	res, err := r.probeRun(ctx, bombProgram)
	limit := int64(probeLimits.Memory)
	switch {
	case err != nil:
		c.Why = whyNot(err)
	case res.Failure.Reason != aihub.ReasonMemory:
		c.Why = aihub.Text{
			EN: fmt.Sprintf("a program that takes all memory was not stopped (%s); cgroups would do it, but: %v", orNothing(res.Failure.Reason), none),
			ZH: fmt.Sprintf("未能阻止占满内存的程序（%s）；cgroup 可以做到，但：%v", orNothing(res.Failure.Reason), none),
		}
	default:
		c.Enforced = true
		over := max(0, res.Usage.PeakBytes-limit)
		c.By = both("watchdog, overshoot %d MiB", "看门狗，最多超出 %d MiB", (over+1<<20-1)>>20)
		c.Why = aihub.Text{
			EN: fmt.Sprintf("no cgroup: %v", none),
			ZH: fmt.Sprintf("没有可用的 cgroup：%v", none),
		}
	}
	return c
}

func orNothing(r aihub.Reason) string {
	if r == "" {
		return "nothing stopped it"
	}
	return string(r)
}

// whyNot says why no sandbox starts, with what helps in the cases we know.
func whyNot(err error) aihub.Text {
	t := aihub.Text{EN: err.Error(), ZH: err.Error()}
	var e *aihub.Error
	if errors.As(err, &e) {
		t = e.Text
	}
	if ordinary() && (strings.Contains(t.EN, "operation not permitted") || strings.Contains(t.EN, "permission denied") || strings.Contains(t.EN, "no space left on device")) {
		t.EN += ". An ordinary user needs user namespaces: see sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone and, on Ubuntu, kernel.apparmor_restrict_unprivileged_userns; or run aihub as root"
		t.ZH += "。普通用户需要用户命名空间：请检查 sysctl user.max_user_namespaces、kernel.unprivileged_userns_clone，Ubuntu 还需检查 kernel.apparmor_restrict_unprivileged_userns；或以 root 身份运行 aihub"
	} else if !ordinary() && strings.Contains(t.EN, "operation not permitted") {
		t.EN += ". Root needs CAP_SYS_ADMIN: in a container, run it with --privileged"
		t.ZH += "。root 需要 CAP_SYS_ADMIN：在容器中请使用 --privileged"
	}
	return t
}
