package attack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/sandbox"
)

// row is one line of the threat model. Without show, why says why it cannot be
// shown; with both it is a residual channel, which is measured and does not fail.
type row struct {
	id   string
	what aihub.Text
	show func(context.Context, *Suite) ([]string, error)
	why  aihub.Text
}

func text(en, zh string) aihub.Text { return aihub.Text{EN: en, ZH: zh} }

// platform stands for what takes more than a runner: Suite.Platform shows it.
func platform(context.Context, *Suite) ([]string, error) {
	return nil, errors.New("there is no platform to show it on")
}

var rows = []row{
	{"V1", text("connect out by TCP, UDP or other sockets", "通过 TCP、UDP 或其他套接字外连"), network, aihub.Text{}},
	{"V2", text("tunnel through DNS", "DNS 隧道"), dns, aihub.Text{}},
	{"V3", text("cloud metadata addresses", "云元数据地址"), clouds, aihub.Text{}},
	{"V4", text("the host, its networks, the platform", "主机、局域网与平台"), addresses("10.0.0.1", "172.17.0.1", "192.168.0.1"), aihub.Text{}},
	{"V5", text("print secrets in a hidden run", "在隐藏运行中打印机密"), platform, aihub.Text{}},
	{"V6", text("exit code as a symbol", "以退出码传递信息"), platform, aihub.Text{}},
	{"V7", text("kind of crash as a symbol", "以崩溃方式传递信息"), platform, aihub.Text{}},
	{"V8", text("duration", "运行时长"), platform, aihub.Text{}},
	{"V9", text("order of endings, ETag, times", "结束顺序、ETag 与时间"), platform, aihub.Text{}},
	{"V10", text("size and number of outputs", "输出的大小与数量"), platform, aihub.Text{}},
	{"V11", text("names, modes, attributes of outputs", "输出文件的名称、权限与属性"), metadata, aihub.Text{}},
	{"V12", text("hide data inside predictions", "在预测值中夹带数据"), platform, aihub.Text{}},
	{"V13", text("make the scorer quote a label", "诱使评分程序引用标签"), platform, aihub.Text{}},
	{"V14", text("modulate processor or memory use", "调制 CPU 或内存用量"), platform, aihub.Text{}},
	{"V15", text("progress or live status", "进度或实时状态"), platform, aihub.Text{}},
	{"V16", text("weights that remember rows", "记忆数据行的权重"), platform, aihub.Text{}},
	{"V17", text("leave data for a later run", "为之后的运行留下数据"), remains, aihub.Text{}},
	{"V18", text("shared caches and IPC", "共享缓存与进程间通信"), together, aihub.Text{}},
	{"V19", text("covert channel over load and cache", "通过负载与缓存的隐蔽信道"), load, text("runs share a machine: bounded by fixed cores and quotas, closed by one organisation a machine", "运行共享同一台机器：由固定核心与配额限制，一机一机构可消除")},
	{"V20", text("GPU residues", "GPU 残留"), nil, text("no GPU reaches a container", "容器无法访问 GPU")},
	{"V21", text("output is a link to a host file", "输出是指向主机文件的链接"), links, aihub.Text{}},
	{"V22", text("swap the file while it is collected", "收集时替换文件"), swap, aihub.Text{}},
	{"V23", text("hard link, FIFO, device, socket, sparse file", "硬链接、管道、设备、套接字、稀疏文件"), kinds, aihub.Text{}},
	{"V24", text("strange file names", "异常文件名"), names, aihub.Text{}},
	{"V25", text("climb out of the image", "从镜像层逃出目录"), climb, aihub.Text{}},
	{"V26", text("decompression bombs, many entries", "解压炸弹与海量条目"), bombs, aihub.Text{}},
	{"V27", text("lying manifests", "伪造的清单"), lying, aihub.Text{}},
	{"V28", text("USER, ENV, VOLUME, WORKDIR of the image", "镜像中的 USER、ENV、VOLUME、WORKDIR"), directives, aihub.Text{}},
	{"V29", text("known faults of the runtime", "运行时的已知漏洞"), runtimes, aihub.Text{}},
	{"V30", text("engine sockets, cgroups, devices, processes", "引擎套接字、cgroup、设备与进程"), escape, aihub.Text{}},
	{"V31", text("set-user-id programs", "setuid 程序"), setuid, aihub.Text{}},
	{"V32", text("fork bomb", "fork 炸弹"), fork, aihub.Text{}},
	{"V33", text("take all memory", "占满内存"), memory, aihub.Text{}},
	{"V34", text("fill disk or inodes", "占满磁盘或 inode"), fill, aihub.Text{}},
	{"V35", text("flood the log", "日志洪泛"), flood, aihub.Text{}},
	{"V36", text("survive the deadline", "超过期限仍存活"), stubborn, aihub.Text{}},
	{"V37", text("change the clock", "修改时钟"), clock, aihub.Text{}},
	{"V38", text("dangerous system calls", "危险的系统调用"), calls, aihub.Text{}},
	{"V39", text("read secrets of the host", "读取主机机密"), secrets, aihub.Text{}},
	{"V40", text("find the labels", "寻找标签"), secrets, aihub.Text{}},
	{"V41", text("attack the scorer with the prediction file", "用预测文件攻击评分程序"), platform, aihub.Text{}},
	{"V42", text("recognise rows over runs", "跨运行识别数据行"), platform, aihub.Text{}},
	{"V43", text("tell a hidden run from a smoke run", "区分隐藏运行与试运行"), alike, aihub.Text{}},
}

// metadata is V11: nothing but the declared file, and of it nothing but bytes.
func metadata(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.run(ctx, nil, "make", "extra")
	if err != nil {
		return nil, err
	}
	bad := append(r.ended(""), r.only("predictions.csv")...)
	r, err = s.run(ctx, nil, "make", "setuid")
	if err != nil {
		return bad, err
	}
	if fi, err := os.Stat(filepath.Join(r.out, "predictions.csv")); err != nil || fi.Mode() != 0o600 {
		bad = append(bad, fmt.Sprintf("its mode was kept: %v", fi.Mode()))
	}
	return bad, nil
}

// only says what was collected beside want.
func (r *ran) only(want ...string) []string {
	if got := r.files(); !slices.Equal(got, want) {
		return []string{fmt.Sprintf("collected %q, want %q", got, want)}
	}
	return nil
}

func remains(ctx context.Context, s *Suite) ([]string, error) {
	var bad []string
	for range 2 {
		r, err := s.run(ctx, nil, "traces")
		if err != nil {
			return bad, err
		}
		bad = append(bad, r.unseen()...)
	}
	return bad, nil
}

// unseen says what of another run was seen by the mode traces.
func (r *ran) unseen() []string {
	bad := r.lines(func(l string) bool { return strings.Contains(l, "seen: true") })
	if !strings.Contains(r.log, "/tmp/trace seen: false") {
		bad = append(bad, "it did not look")
	}
	if n := r.value("processes"); n != "1" {
		bad = append(bad, "it sees "+n+" processes")
	}
	return bad
}

func together(ctx context.Context, s *Suite) ([]string, error) {
	type answer struct {
		r   *ran
		err error
	}
	first := make(chan answer, 1)
	j := s.n
	go func() {
		other := &Suite{Runner: s.Runner, Program: s.Program, Dir: filepath.Join(s.Dir, "other"), caps: s.caps, rootfs: s.rootfs, n: j}
		r, err := other.run(ctx, nil, "traces", "stay")
		first <- answer{r, err}
	}()
	r, err := s.run(ctx, nil, "traces", "stay")
	a := <-first
	if err == nil {
		err = a.err
	}
	if err != nil {
		return nil, err
	}
	return append(r.unseen(), a.r.unseen()...), nil
}

// links is V21. The secret lies on the host beside /output.
func links(ctx context.Context, s *Suite) ([]string, error) {
	secret := filepath.Join(s.Dir, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		return nil, err
	}
	var bad []string
	for _, kind := range []string{"symlink", "symlink-out", "chain", "parent"} {
		r, err := s.run(ctx, nil, "make", kind, secret)
		if err != nil {
			return bad, err
		}
		for _, b := range append(r.ended(aihub.ReasonOutput), r.only()...) {
			bad = append(bad, kind+": "+b)
		}
	}
	return bad, nil
}

// swap is V22: a child goes on swapping while the first process ends.
func swap(ctx context.Context, s *Suite) ([]string, error) {
	secret := filepath.Join(s.Dir, "secret")
	var bad []string
	for range 5 {
		r, err := s.run(ctx, nil, "swap", secret)
		if err != nil {
			return bad, err
		}
		for _, f := range r.files() {
			b, err := os.ReadFile(filepath.Join(r.out, f))
			if err != nil || f != "predictions.csv" || !strings.HasPrefix("id,label\nr1,x\n", string(b)) {
				bad = append(bad, fmt.Sprintf("collected %s: %q %v", f, b, err))
			}
		}
		bad = append(bad, r.ended("", aihub.ReasonOutput, aihub.ReasonNoOutput)...)
	}
	return bad, nil
}

// kinds is V23. A hard link is refused, or is a copy of the run's own bytes.
func kinds(ctx context.Context, s *Suite) ([]string, error) {
	var bad []string
	add := func(kind string, more []string) {
		for _, m := range more {
			bad = append(bad, kind+": "+m)
		}
	}
	for _, kind := range []string{"hardlink", "fifo", "socket", "directory", "device"} {
		r, err := s.run(ctx, nil, "make", kind)
		if err != nil {
			return bad, err
		}
		if b, err := os.ReadFile(filepath.Join(r.out, "predictions.csv")); kind == "hardlink" && err == nil && string(b) == "x" {
			continue
		}
		add(kind, append(r.ended(aihub.ReasonOutput, aihub.ReasonNoOutput, aihub.ReasonExit), r.only()...))
		if r.took > time.Minute {
			add(kind, []string{"it hung"})
		}
	}
	r, err := s.run(ctx, nil, "huge", fmt.Sprint(int64(1)<<40), "/output/predictions.csv")
	if err != nil {
		return bad, err
	}
	if !strings.Contains(r.log, "file too large") {
		add("a sparse file of 1 TiB", []string{r.log})
	}
	r, err = s.run(ctx, func(j *sandbox.Job) { j.Limits.Tmp = 1 << 30 }, "huge", fmt.Sprint(int64(limits.Output)+1), "/output/predictions.csv")
	if err != nil {
		return bad, err
	}
	add("a sparse file beyond the limit", append(r.ended(aihub.ReasonOutput), r.only()...))
	return bad, nil
}

func names(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.run(ctx, nil, "names")
	if err != nil {
		return nil, err
	}
	var made int
	_, _ = fmt.Sscan(r.value("names"), &made)
	bad := append(r.ended(""), r.only("predictions.csv")...)
	if made < 15 {
		bad = append(bad, fmt.Sprintf("only %d names were tried", made))
	}
	return bad, nil
}

// runtimes is V29: what the runner itself says about its runtime, and the shapes of
// known faults: a working directory that is an open file of the runtime
// (CVE-2024-21626), a program whose interpreter is the runtime's own executable and
// one that writes to it (CVE-2019-5736), settings of the kernel through masked or
// read-only paths (CVE-2025-31133, 52565, 52881).
func runtimes(ctx context.Context, s *Suite) ([]string, error) {
	bad := []string{"the runner does not say whose kernel it is"}
	for _, c := range s.caps.Checks {
		if c.Name == "kernel" {
			bad = nil
			if !c.Enforced {
				bad = []string{c.Why.EN}
			}
		}
	}
	for _, fd := range []string{"3", "7", "8", "9"} {
		r, err := s.run(ctx, func(j *sandbox.Job) { j.Dir = "/proc/self/fd/" + fd }, "id")
		if err != nil {
			return bad, err
		}
		if dir := r.value("dir"); r.Failure.Reason != aihub.ReasonStart && dir != "/" {
			bad = append(bad, fmt.Sprintf("it began in %q, which is descriptor %s", dir, fd))
		}
	}
	shell := filepath.Join(s.rootfs, "self")
	if err := os.WriteFile(shell, []byte("#!/proc/self/exe\n"), 0o755); err != nil {
		return bad, err
	}
	r, err := s.run(ctx, func(j *sandbox.Job) { j.Args, j.Image = []string{"/self"}, aihub.DigestOf([]byte("self")) }, "id")
	if err != nil {
		return bad, err
	}
	bad = append(bad, r.ended(aihub.ReasonStart, aihub.ReasonExit, aihub.ReasonSignal)...)
	w, err := s.once(ctx, "escape")
	if err != nil {
		return bad, err
	}
	return append(bad, w.succeeded(5, func(l string) bool { return strings.Contains(l, "writing ") && (s.hostKernel() || !own(l)) })...), nil
}

// escape is V30. What belongs to the sandbox itself is no way out.
func escape(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.once(ctx, "escape")
	if err != nil {
		return nil, err
	}
	bad := r.succeeded(50, func(l string) bool { return s.hostKernel() || !own(l) })
	if n := r.value("other processes"); n != "0" {
		bad = append(bad, "other processes: "+n)
	}
	bad = append(bad, r.lines(func(l string) bool {
		return strings.HasPrefix(l, "open file ") || strings.HasPrefix(l, "abstract socket ")
	})...)
	i, err := s.once(ctx, "id")
	if err != nil {
		return bad, err
	}
	for _, key := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd"} {
		if v := i.value(key); v == "" || strings.Trim(v, "0") != "" {
			bad = append(bad, key+" is "+v)
		}
	}
	return bad, nil
}

func setuid(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.once(ctx, "id")
	if err != nil {
		return nil, err
	}
	var bad []string
	if v := r.value("suid"); v != "65532 <nil>" {
		bad = append(bad, "a set-user-id program ran as "+v)
	}
	if v := r.value("no_new_privs"); v != "1" {
		bad = append(bad, "no_new_privs is "+v)
	}
	return bad, nil
}

func clock(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.once(ctx, "write")
	if err != nil {
		return nil, err
	}
	bad := r.succeeded(1, func(l string) bool { return strings.Contains(l, "setting the clock") })
	c, err := s.once(ctx, "calls")
	if err != nil {
		return bad, err
	}
	return append(bad, c.lines(func(l string) bool {
		return (strings.HasPrefix(l, "call clock_settime") || strings.HasPrefix(l, "call adjtimex")) && !strings.Contains(l, ": refused")
	})...), nil
}

// own reports whether an attempt concerns only a kernel of the sandbox's own:
// devices that it makes up, its log, its namespaces and keys, and the program
// itself, which is process 1.
func own(line string) bool {
	for _, what := range []string{
		"opening /dev/fuse", "opening /dev/net/tun", "writing /proc/1/oom_score_adj",
		"call unshare ", "call keyctl", "call add_key", "call request_key", "call process_vm_readv", "call syslog",
	} {
		if strings.Contains(line, what) {
			return true
		}
	}
	return false
}

// calls is V38. On the machine's kernel none may even be reached. A kernel of the
// sandbox's own may look at them and may grant what stays inside of it, such as
// a namespace.
func calls(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.once(ctx, "calls")
	if err != nil {
		return nil, err
	}
	tries := 0
	bad := r.lines(func(l string) bool {
		if !strings.HasPrefix(l, "call ") {
			return false
		}
		tries++
		if s.hostKernel() {
			return !strings.Contains(l, ": refused")
		}
		return strings.HasSuffix(l, ": ok") && !own(l)
	})
	if tries < 30 {
		bad = append(bad, fmt.Sprintf("only %d calls were tried", tries))
	}
	return bad, nil
}

// secrets is V39 and V40: random strings lie in our environment and in files
// beside the run's own, one of them named like the truth.
func secrets(ctx context.Context, s *Suite) ([]string, error) {
	r := s.ran["secrets"]
	if r == nil {
		marks := []string{aihub.NewID("canaryenv"), aihub.NewID("canaryfile"), aihub.NewID("canaryoutput")}
		if err := os.Setenv("AIHUB_CANARY", marks[0]); err != nil {
			return nil, err
		}
		defer os.Unsetenv("AIHUB_CANARY")
		var planted error
		var err error
		r, err = s.run(ctx, func(j *sandbox.Job) {
			for i, p := range []string{filepath.Join(filepath.Dir(j.Input), "truth.csv"), filepath.Join(filepath.Dir(j.Output), "other.csv")} {
				if err := os.WriteFile(p, []byte(marks[i+1]), 0o644); err != nil {
					planted = err
				}
			}
		}, append([]string{"read"}, marks...)...)
		if err == nil {
			err = planted
		}
		if err != nil {
			return nil, err
		}
		s.ran["secrets"] = r
	}
	bad := r.lines(func(l string) bool {
		return strings.Contains(l, "FOUND") || strings.Contains(l, "suspicious name") || strings.Contains(l, "open directory")
	})
	if !strings.Contains(r.log, "found 0 secrets") {
		bad = append(bad, "the search did not end with nothing")
	}
	return bad, nil
}

// alike is V43.
func alike(ctx context.Context, s *Suite) ([]string, error) {
	var bad []string
	for _, mode := range []string{"env", "id", "places", "model"} {
		open, err := s.run(ctx, func(j *sandbox.Job) { j.Hidden = false }, mode)
		if err != nil {
			return bad, err
		}
		hidden, err := s.run(ctx, nil, mode)
		if err != nil {
			return bad, err
		}
		a, b := open.lines(func(string) bool { return true }), hidden.lines(func(string) bool { return true })
		slices.Sort(a)
		slices.Sort(b)
		if len(a) == 0 || !slices.Equal(a, b) {
			bad = append(bad, mode+" differs")
		}
	}
	return bad, nil
}
