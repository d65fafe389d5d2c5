package inside

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"aihub"
)

// Guest is the user and group id of every guest, Hostname the name of its
// machine.
const (
	Guest    = 65532
	Hostname = "sandbox"
)

// Contract is what a sandbox has to be from inside.
type Contract struct {
	OwnKernel bool    // not the machine's: its filters are outside, its devices are its own
	Model     bool    // there is a /model
	Terminal  bool    // somebody sits at one
	Files     []int   // open descriptors beside the three usual ones
	Engine    bool    // an engine mounts files of its own
	Apart     bool    // /input and /model are mounts, and no part of the root
	Clock     int64   // seconds since 1970 at which its wall clock began; 0: the machine's
	Memory    int64   // bytes that the kernel may say it has; 0: bounded outside alone
	CPUs      float64 // processors that it may say it has; 0: bounded outside alone
	Pids      int     // processes; 0: bounded outside
	Open      int     // files
	Output    int64
	Inodes    int
	Tmp       int64
}

// The directories that may be mounts, with the options that each has to have. In a
// kernel of its own nodev is not asked for: there are no devices but its own.
var mounts = map[string][]string{
	"/": {"ro"}, "/proc": nil, "/sys": {"ro", "nosuid", "nodev", "noexec"}, "/input": {"ro"}, "/model": {"ro"},
	"/dev": {"nosuid"}, "/dev/pts": nil, "/dev/shm": {"nosuid", "nodev", "noexec"}, "/dev/mqueue": {"ro", "nosuid", "nodev", "noexec"},
	"/tmp": {"nosuid", "nodev"}, "/output": {"nosuid", "nodev", "noexec"},
}

// needed are the directories that have to be mounts.
var needed = []string{"/", "/proc", "/dev/shm", "/tmp", "/output"}

// nodes are the names that /dev may have, ownNodes those beside them that a kernel
// of its own may offer: devices that it makes up.
var (
	nodes    = strings.Fields("core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero")
	ownNodes = strings.Fields("fuse net")
)

// Drift says in what s falls short of c; empty when in nothing.
func (c Contract) Drift(s Seen) []aihub.Fault {
	var d []aihub.Fault
	no := func(bad bool, code, en, zh string, args ...any) {
		if bad {
			d = append(d, aihub.Fault{Code: "inside_" + code, Where: code, Message: aihub.Text{
				EN: "inside, " + fmt.Sprintf(en, args...), ZH: "沙箱内部：" + fmt.Sprintf(zh, args...),
			}})
		}
	}
	other := func(ids []int) bool {
		return len(ids) != 3 || slices.ContainsFunc(ids, func(id int) bool { return id != Guest })
	}
	no(other(s.UID), "user", "the user is %v", "用户为 %v", s.UID)
	no(other(s.GID) || slices.ContainsFunc(s.Groups, func(g int) bool { return g != Guest }), "group", "the groups are %v and %v", "用户组为 %v 与 %v", s.GID, s.Groups)
	no(s.PID != 1, "pid", "the first process has the number %d", "首个进程的编号为 %d", s.PID)
	late := s.Clock - c.Clock // a start takes its time
	no(c.Clock != 0 && (late < 0 || late > 60), "clock", "the clock says %s", "时钟为 %s", time.Unix(s.Clock, 0).UTC().Format(time.RFC3339))
	no(s.Hostname != Hostname, "hostname", "the machine is called %q", "主机名为 %q", s.Hostname)
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd"} {
		no(s.Caps[set] == "" || strings.Trim(s.Caps[set], "0") != "", "capabilities", "it holds capabilities: %s %s", "持有特权能力：%s %s", set, s.Caps[set])
	}
	no(strings.Trim(s.Caps["CapAmb"], "0") != "", "capabilities", "it holds capabilities: CapAmb %s", "持有特权能力：CapAmb %s", s.Caps["CapAmb"])
	no(!s.NoNewPrivs, "new_privileges", "it may gain privileges", "可获得新特权")
	no(!c.OwnKernel && s.Seccomp != "filter", "seccomp", "it has no system call filter but %q", "没有系统调用过滤器（%q）", s.Seccomp)
	for _, dev := range s.Devices {
		no(dev != "lo", "network", "it has the network device %s", "有网络设备 %s", dev)
	}
	for _, n := range s.Nodes {
		ok := slices.Contains(nodes, n) || c.OwnKernel && slices.Contains(ownNodes, n) || c.Terminal && n == "console"
		no(!ok, "devices", "/dev has %s", "/dev 中有 %s", n)
	}
	want := append([]int{0, 1, 2}, c.Files...)
	no(!slices.Equal(s.Files, want), "files", "the open files are %v, not %v", "打开的文件为 %v，应为 %v", s.Files, want)
	c.mounts(s, no)

	limit := func(name string, most uint64) {
		no(s.Limits[name] > most, "limits", "the limit %s is %d, above %d", "限制 %s 为 %d，超过 %d", name, s.Limits[name], most)
	}
	limit("core", 0)
	limit("nofile", uint64(c.Open))
	limit("fsize", uint64(max(c.Output, c.Tmp)))
	if c.Pids > 0 {
		limit("nproc", uint64(c.Pids))
	}
	no(c.Memory > 0 && s.Memory > uint64(c.Memory), "memory", "there are %d bytes of memory", "内存为 %d 字节", s.Memory)
	no(c.CPUs > 0 && float64(s.CPUs) > math.Ceil(c.CPUs), "cpu", "there are %d processors", "处理器为 %d 个", s.CPUs)
	const page = 64 << 10 // the largest
	for _, x := range []struct {
		dir   string
		bytes int64
	}{{"/output", c.Output}, {"/tmp", c.Tmp}, {"/dev/shm", c.Tmp}} {
		r := s.Rooms[x.dir]
		no(r.Bytes == 0 || r.Bytes > uint64(x.bytes)+page, "room", "%s holds %d bytes", "%s 可容纳 %d 字节", x.dir, r.Bytes)
	}
	n := s.Rooms["/output"].Inodes
	no(n == 0 || n > uint64(c.Inodes)+1, "room", "/output holds %d files", "/output 可容纳 %d 个文件", n)
	return d
}

// mounts compares the mount table.
func (c Contract) mounts(s Seen, no func(bad bool, code, en, zh string, args ...any)) {
	seen := map[string]bool{}
	for _, m := range s.Mounts {
		no(seen[m.Dir], "mounts", "something is mounted over %s", "%s 上又挂载了其他内容", m.Dir)
		seen[m.Dir] = true
		flags, ok := mounts[m.Dir]
		switch {
		case m.Dir == "/input" && !c.Apart, m.Dir == "/model" && !(c.Apart && c.Model), !ok && !c.hidden(m):
			no(true, "mounts", "it sees %s (%s)", "可见挂载 %s（%s）", m.Dir, m.Type)
		case ok:
			for _, f := range flags {
				no(!slices.Contains(m.Options, f) && !c.moot(m.Dir, f), "mounts", "%s is not mounted %s", "%s 的挂载缺少 %s", m.Dir, f)
			}
		}
	}
	for _, dir := range needed {
		no(!seen[dir], "mounts", "%s is missing", "缺少挂载 %s", dir)
	}
	read := []string{"/", "/input"}
	if c.Model {
		read = append(read, "/model")
	}
	for _, dir := range read {
		r, ok := s.Rooms[dir]
		no(!ok || !r.ReadOnly, "mounts", "%s can be written to or is missing", "%s 可写或不存在", dir)
	}
}

// moot reports whether a mount of dir may lack the option flag: in a kernel of its
// own there are no devices but its own. And an engine hands no options of a volume
// to a runtime with one: there the guest may execute what it writes to /output, as
// it may in /tmp, and gains nothing by set-user-id, which the process has given up.
func (c Contract) moot(dir, flag string) bool {
	return c.OwnKernel && (flag == "nodev" || c.Engine && dir == "/output")
}

// hidden reports whether m shows nothing that matters: the terminal, the engine's
// name for the container, or a part of /proc or /sys that is read-only or covered
// by something empty.
func (c Contract) hidden(m Mount) bool {
	switch m.Dir {
	case "/dev/console":
		return c.Terminal
	case "/etc/hostname":
		return c.Engine && slices.Contains(m.Options, "ro")
	}
	if !strings.HasPrefix(m.Dir, "/proc/") && !strings.HasPrefix(m.Dir, "/sys/") {
		return false
	}
	switch m.Type {
	case "tmpfs":
		return true
	case "proc", "sysfs", "cgroup", "cgroup2", "devtmpfs": // a file of /proc or /sys itself, or /dev/null over it
		// A kernel of its own makes up its cgroups, and gives the guest none to write to.
		return slices.Contains(m.Options, "ro") || c.OwnKernel && m.Type == "cgroup"
	}
	return false
}

// Kept is what a sandbox shows that is exactly what c demands: what tests begin
// with.
func Kept(c Contract) Seen {
	s := Seen{
		Hostname: Hostname, Clock: c.Clock, PID: 1, UID: []int{Guest, Guest, Guest}, GID: []int{Guest, Guest, Guest}, Groups: []int{}, NoNewPrivs: true, Seccomp: "filter",
		Caps: map[string]string{}, Devices: []string{"lo"}, Nodes: slices.Clone(nodes), Files: append([]int{0, 1, 2}, c.Files...),
		Limits: map[string]uint64{"nofile": uint64(c.Open), "fsize": uint64(max(c.Output, c.Tmp)), "nproc": uint64(c.Pids)},
		Memory: uint64(c.Memory), CPUs: int(c.CPUs), Rooms: map[string]Room{
			"/": {ReadOnly: true}, "/input": {ReadOnly: true}, "/model": {ReadOnly: true}, "/output": {Bytes: uint64(c.Output), Inodes: uint64(c.Inodes)},
			"/tmp": {Bytes: uint64(c.Tmp)}, "/dev/shm": {Bytes: uint64(c.Tmp)},
		},
	}
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd"} {
		s.Caps[set] = strings.Repeat("0", 16)
	}
	for _, dir := range needed {
		s.Mounts = append(s.Mounts, Mount{Dir: dir, Type: "tmpfs", Options: mounts[dir]})
	}
	return s
}
