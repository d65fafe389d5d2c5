package attack

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/scenarios"
)

// row is one line of the threat model. Without show, why says where it is shown.
type row struct {
	id   string
	what aihub.Text
	show func(context.Context, *Suite) ([]string, error)
	why  aihub.Text
}

func text(en, zh string) aihub.Text { return aihub.Text{EN: en, ZH: zh} }

// by names the tests that show what needs a platform.
func by(tests string) aihub.Text {
	return text("needs the platform: shown by "+tests, "需要整个平台：由 "+tests+" 证明")
}

var rows = []row{
	{"V1", text("connect out by TCP, UDP or other sockets", "通过 TCP、UDP 或其他套接字外连"), network, aihub.Text{}},
	{"V2", text("tunnel through DNS", "DNS 隧道"), dns, aihub.Text{}},
	{"V3", text("cloud metadata addresses", "云元数据地址"), addresses("169.254.169.254", "fd00:ec2::254", "100.100.100.200"), aihub.Text{}},
	{"V4", text("the host, its networks, the platform", "主机、局域网与平台"), addresses("10.0.0.1", "172.17.0.1", "192.168.0.1"), aihub.Text{}},
	{"V5", text("print secrets in a hidden run", "在隐藏运行中打印机密"), nil, by("TestHiddenRunsTellNothing, TestHiddenLogIsForTheSteward, aihub demo")},
	{"V6", text("exit code as a symbol", "以退出码传递信息"), nil, by("TestHiddenFailuresCollapse; measured by aihub attack --channels")},
	{"V7", text("kind of crash as a symbol", "以崩溃方式传递信息"), nil, by("TestHiddenRunsTellNothing; measured by aihub attack --channels")},
	{"V8", text("duration", "运行时长"), nil, by("TestNextTick; measured by aihub attack --channels")},
	{"V9", text("order of endings, ETag, times", "结束顺序、ETag 与时间"), nil, by("TestNoOrderWithinATick; measured by aihub attack --channels")},
	{"V10", text("size and number of outputs", "输出的大小与数量"), nil, by("TestHiddenRunsTellNothing; measured by aihub attack --channels")},
	{"V11", text("names, modes, attributes of outputs", "输出文件的名称、权限与属性"), metadata, aihub.Text{}},
	{"V12", text("hide data inside predictions", "在预测值中夹带数据"), nil, by("TestNothingElseLeaves, TestOnlyTheSymbolLeaves")},
	{"V13", text("make the scorer quote a label", "诱使评分程序引用标签"), nil, by("TestScenarioHidesLabels, FuzzCheckPredictions")},
	{"V14", text("modulate processor or memory use", "调制 CPU 或内存用量"), nil, by("TestHiddenRunsTellNothing, TestScopes; measured by aihub attack --channels")},
	{"V15", text("progress or live status", "进度或实时状态"), nil, by("TestHiddenRunsTellNothing; measured by aihub attack --channels")},
	{"V16", text("weights that remember rows", "记忆数据行的权重"), nil, by("TestTrain, TestTrainingsTellNothing, TestModelDigestSaysNothing and aihub demo: models do not leave")},
	{"V17", text("leave data for a later run", "为之后的运行留下数据"), remains, aihub.Text{}},
	{"V18", text("shared caches and IPC", "共享缓存与进程间通信"), together, aihub.Text{}},
	{"V19", text("covert channel over load and cache", "通过负载与缓存的隐蔽信道"), nil, text("runs share a machine: a residual channel, bounded by fixed cores and quotas, closed by one organisation a machine", "运行共享同一台机器：属残余信道，由固定核心与配额限制，一机一机构可消除")},
	{"V20", text("GPU residues", "GPU 残留"), nil, text("no GPU reaches a container", "容器无法访问 GPU")},
	{"V21", text("output is a link to a host file", "输出是指向主机文件的链接"), links, aihub.Text{}},
	{"V22", text("swap the file while it is collected", "收集时替换文件"), swap, aihub.Text{}},
	{"V23", text("hard link, FIFO, device, socket, sparse file", "硬链接、管道、设备、套接字、稀疏文件"), kinds, aihub.Text{}},
	{"V24", text("strange file names", "异常文件名"), names, aihub.Text{}},
	{"V25", text("climb out of the image", "从镜像层逃出目录"), climb, aihub.Text{}},
	{"V26", text("decompression bombs, many entries", "解压炸弹与海量条目"), bombs, aihub.Text{}},
	{"V27", text("lying manifests", "伪造的清单"), lying, aihub.Text{}},
	{"V28", text("USER, ENV, VOLUME, WORKDIR of the image", "镜像中的 USER、ENV、VOLUME、WORKDIR"), directives, aihub.Text{}},
	{"V29", text("known faults of the runtime", "运行时的已知漏洞"), kernel, aihub.Text{}},
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
	{"V41", text("attack the scorer with the prediction file", "用预测文件攻击评分程序"), nil, by("TestParquetMutants, TestParquetMemory, FuzzParquet, TestWorkerSurvivesPanic")},
	{"V42", text("recognise rows over runs", "跨运行识别数据行"), nil, by("TestShuffle, TestRowID, TestLostLease")},
	{"V43", text("tell a hidden run from a smoke run", "区分隐藏运行与试运行"), alike, aihub.Text{}},
}

// network is V1. What is sent to this machine would be counted here.
func network(ctx context.Context, s *Suite) ([]string, error) {
	var arrived atomic.Int64
	var listening []string
	hosts := []string{"127.0.0.1"}
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			hosts = append(hosts, ip.IP.String())
		}
	}
	for _, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			continue
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				arrived.Add(1)
				c.Close()
			}
		}()
		listening = append(listening, l.Addr().String())
	}
	r, seen, err := s.captured(ctx, append([]string{"network"}, listening...)...)
	if err != nil {
		return nil, err
	}
	s.ran["network"] = r
	bad := append(seen, r.succeeded(2*(10+len(listening)), func(string) bool { return true })...)
	bad = append(bad, r.lines(func(l string) bool { return strings.HasPrefix(l, "interface ") && l != "interface lo" })...)
	if n := arrived.Load(); n > 0 {
		bad = append(bad, fmt.Sprintf("%d connections arrived", n))
	}
	o, err := s.once(ctx, "sockets")
	if err != nil {
		return bad, err
	}
	if !strings.Contains(o.log, "sockets: tried") {
		bad = append(bad, "not every family was tried")
	}
	return append(bad, o.lines(func(l string) bool { return strings.HasSuffix(l, ": ok") })...), nil
}

// captured runs a mode while every packet of this machine is searched for what
// the mode sends.
func (s *Suite) captured(ctx context.Context, args ...string) (*ran, []string, error) {
	c, err := startCapture("smuggled", "secret-0123456789")
	if err != nil {
		return nil, nil, err
	}
	s.blind = c == nil
	r, err := s.run(ctx, nil, args...)
	seen, failed := c.end()
	if err == nil {
		err = failed
	}
	return r, seen, err
}

func dns(ctx context.Context, s *Suite) ([]string, error) {
	r, seen, err := s.captured(ctx, "dns")
	if err != nil {
		return nil, err
	}
	bad := append(seen, r.succeeded(4, func(string) bool { return true })...)
	if !strings.Contains(r.log, "resolv.conf has 0 bytes") {
		bad = append(bad, "there is a resolver")
	}
	return bad, nil
}

// addresses looks at some of what network dialled.
func addresses(hosts ...string) func(context.Context, *Suite) ([]string, error) {
	return func(ctx context.Context, s *Suite) ([]string, error) {
		r, err := s.once(ctx, "network")
		if err != nil {
			return nil, err
		}
		return r.succeeded(2*len(hosts), func(l string) bool {
			return slices.ContainsFunc(hosts, func(h string) bool { return strings.Contains(l, h) })
		}), nil
	}
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

// kernel is V29: what the runner itself says about its runtime.
func kernel(_ context.Context, s *Suite) ([]string, error) {
	for _, c := range s.caps.Checks {
		if c.Name == "kernel" {
			if c.Enforced {
				return nil, nil
			}
			return []string{c.Why.EN}, nil
		}
	}
	return []string{"the runner does not say whose kernel it is"}, nil
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

func fork(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.run(ctx, nil, "fork")
	if err != nil {
		return nil, err
	}
	n := -1
	_, after, _ := strings.Cut(r.log, "a fork bomb after ")
	_, _ = fmt.Sscan(after, &n)
	if n < 0 || n > limits.Pids || !strings.Contains(r.log, "resource temporarily unavailable") {
		return []string{fmt.Sprintf("%d children with a limit of %d", n, limits.Pids)}, nil
	}
	return nil, nil
}

func memory(ctx context.Context, s *Suite) ([]string, error) {
	var bad []string
	for _, where := range []string{"", "shm", "tmp"} {
		r, err := s.run(ctx, func(j *sandbox.Job) { j.Limits.Memory, j.Limits.Tmp = 128<<20, 1<<30 }, "memory", where)
		if err != nil {
			return bad, err
		}
		bad = append(bad, r.ended(aihub.ReasonMemory)...)
		if strings.Contains(r.log, "has 256 MiB") {
			bad = append(bad, "it had 256 MiB with a limit of 128")
		}
	}
	return bad, nil
}

// fill is V34. While one run fills its places, another writes its prediction.
func fill(ctx context.Context, s *Suite) ([]string, error) {
	type answer struct {
		r   *ran
		err error
	}
	other := make(chan answer, 1)
	beside := &Suite{Runner: s.Runner, Program: s.Program, Dir: filepath.Join(s.Dir, "beside"), caps: s.caps, rootfs: s.rootfs}
	go func() {
		r, err := beside.run(ctx, nil, "make", "extra")
		other <- answer{r, err}
	}()
	r, err := s.run(ctx, nil, "output")
	a := <-other
	if err == nil {
		err = a.err
	}
	if err != nil {
		return nil, err
	}
	var bad []string
	for _, b := range append(a.r.ended(""), a.r.only("predictions.csv")...) {
		bad = append(bad, "a run beside it: "+b)
	}
	if strings.Count(r.log, "no space left on device") < 2 {
		bad = append(bad, "/output did not get full")
	}
	for _, where := range []string{"shm", "tmp"} {
		r, err := s.run(ctx, nil, "memory", where)
		if err != nil {
			return bad, err
		}
		if !strings.Contains(r.log, "tried filling memory after 16 MiB: ") {
			bad = append(bad, "/"+where+" did not get full at 16 MiB")
		}
	}
	return bad, nil
}

func flood(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.run(ctx, func(j *sandbox.Job) { j.Limits.Log = 10_000 }, "flood", "64")
	if err != nil {
		return nil, err
	}
	bad := r.ended("")
	if len(r.log) != 10_000 || r.Usage.LogBytes < 64<<20 {
		bad = append(bad, fmt.Sprintf("%d bytes kept, %d counted", len(r.log), r.Usage.LogBytes))
	}
	return bad, nil
}

func stubborn(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.run(ctx, func(j *sandbox.Job) { j.Limits.Wall = scenarios.Duration(4 * time.Second) }, "stubborn")
	if err != nil {
		return nil, err
	}
	bad := r.ended(aihub.ReasonTimeout)
	if over := r.Usage.WallMS - 4000; over > 5000 {
		bad = append(bad, fmt.Sprintf("it lived %d ms longer", over))
	}
	r, err = s.run(ctx, nil, "leave")
	if err != nil {
		return bad, err
	}
	return append(bad, r.ended("")...), nil
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
