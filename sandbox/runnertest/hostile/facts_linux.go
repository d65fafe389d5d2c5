package hostile

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// facts are the quieter modes: each reports in lines "key: value" what a
// container is and has, or ends in a certain way.
var facts = map[string]func(*program) int{
	"hello":    (*program).hello,
	"exit":     (*program).exit,
	"segv":     (*program).segv,
	"env":      (*program).env,
	"id":       (*program).id,
	"places":   (*program).places,
	"listen":   (*program).listen,
	"files":    (*program).files,
	"huge":     (*program).huge,
	"flood":    (*program).flood,
	"stdout":   (*program).stdout,
	"stubborn": (*program).stubborn,
	"spin":     (*program).spin,
	"leave":    (*program).leave,
	"traces":   (*program).traces,
	"make":     (*program).make,
	"touch":    (*program).touch,
	"model":    (*program).model,
	"plant":    (*program).plant,
	"whoami":   (*program).whoami,
	"sleeper":  (*program).sleeper,
	"shell":    (*program).shell,
}

// hello copies its arguments and what it finds in /input to the log, and writes
// /output/predictions.csv.
func (p *program) hello() int {
	p.say("hello %s", strings.Join(p.args, " "))
	names, _ := filepath.Glob("/input/*")
	for _, n := range names {
		b, err := os.ReadFile(n)
		p.say("%s: %q %v", n, b, err)
	}
	if err := os.WriteFile("/output/predictions.csv", []byte("id,label\nr1,x\n"), 0o644); err != nil {
		p.say("%v", err)
		return 1
	}
	return 0
}

func (p *program) exit() int {
	n, _ := strconv.Atoi(p.args[0])
	return n
}

// segv dies of a signal that the kernel sends for a bad access: any other would
// not kill the first process of a container.
func (p *program) segv() int {
	var dfl [4]uintptr // SIG_DFL
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGSEGV), uintptr(unsafe.Pointer(&dfl)), 0, 8, 0, 0)
	*(*int)(nil) = 1 //nolint:all // the point
	return 0
}

func (p *program) env() int {
	all := os.Environ()
	slices.Sort(all)
	for _, e := range all {
		p.say("%s", e)
	}
	return 0
}

// id reports who it is, what it may, and what its limits are; then it tries to
// become more through a set-user-id program.
func (p *program) id() int {
	groups, _ := os.Getgroups()
	host, _ := os.Hostname()
	dir, _ := os.Getwd()
	p.say("uid: %d %d", os.Getuid(), os.Geteuid())
	p.say("gid: %d %d", os.Getgid(), os.Getegid())
	p.say("groups: %v", groups)
	p.say("hostname: %s", host)
	p.say("dir: %s", dir)
	p.say("pid: %d", os.Getpid())
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		if key, v, _ := strings.Cut(line, ":"); strings.HasPrefix(key, "Cap") || key == "NoNewPrivs" {
			p.say("%s: %s", key, strings.TrimSpace(v))
		}
	}
	nnp, _, _ := syscall.RawSyscall6(syscall.SYS_PRCTL, 39, 0, 0, 0, 0, 0)
	p.say("no_new_privs: %d", nnp)
	for name, which := range map[string]int{"nofile": syscall.RLIMIT_NOFILE, "fsize": syscall.RLIMIT_FSIZE, "core": syscall.RLIMIT_CORE, "nproc": 6} {
		var l syscall.Rlimit
		_ = syscall.Getrlimit(which, &l)
		p.say("%s: %d %d", name, l.Cur, l.Max)
	}
	p.say("cpus: %d", runtime.NumCPU())
	mem, _ := os.ReadFile("/proc/meminfo")
	first, _, _ := strings.Cut(string(mem), "\n")
	p.say("%s", first)
	var uts syscall.Utsname
	_ = syscall.Uname(&uts)
	out, err := exec.Command(suid(), append(self(), "whoami")...).CombinedOutput()
	p.say("suid: %s %v", strings.TrimSpace(string(out)), err)
	return 0
}

func (p *program) whoami() int {
	p.say("%d", os.Geteuid())
	return 0
}

// places reports where it can write, and of what size the file systems are.
func (p *program) places() int {
	for _, dir := range []string{"/", "/etc", "/input", "/model", "/opt", "/usr", "/proc", "/sys", "/dev", "/tmp", "/dev/shm", "/output"} {
		err := os.WriteFile(dir+"/probe", []byte("x"), 0o644)
		if err == nil {
			_ = os.Remove(dir + "/probe")
			p.say("%s: writable", dir)
			continue
		}
		var errno syscall.Errno
		errors.As(err, &errno)
		p.say("%s: %s", dir, errno)
	}
	return 0
}

// listen shows that the sandbox has a loopback of its own.
func (p *program) listen() int {
	l, err := net.Listen("tcp", "127.0.0.1:"+p.args[0])
	if err != nil {
		p.say("listen: %v", err)
		return 1
	}
	defer l.Close()
	p.say("listen: ok")
	return 0
}

// files opens files until it cannot.
func (p *program) files() int {
	n := 0
	for ; n < 1<<20; n++ {
		if _, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0); err != nil {
			p.say("files: %d %v", n, err)
			return 0
		}
	}
	p.say("files: %d without end", n)
	return 0
}

// huge makes one sparse file of args[0] bytes in args[1].
func (p *program) huge() int {
	n, _ := strconv.ParseInt(p.args[0], 10, 64)
	signal.Ignore(syscall.SIGXFSZ)
	f, err := os.Create(p.args[1])
	if err == nil {
		err = f.Truncate(n)
	}
	p.say("huge: %v", err)
	return 0
}

// flood writes args[0] MiB to the log, without a newline, and reports the time
// at the end of it, which nobody will read.
func (p *program) flood() int {
	n, _ := strconv.Atoi(p.args[0])
	b := []byte(strings.Repeat("flood\x1b[2J\xff", 1<<20))[:1<<20]
	for i := 0; i < n; i++ {
		w := os.Stdout
		if i%2 == 1 {
			w = os.Stderr
		}
		if _, err := w.Write(b); err != nil {
			return 1
		}
	}
	return p.hello()
}

// stdout opens its standard output again by name, as scripts do.
func (p *program) stdout() int {
	for _, name := range []string{"/dev/stdout", "/dev/stderr", "/proc/self/fd/1"} {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			_, err = fmt.Fprintf(f, "through %s\n", name)
			f.Close()
		}
		p.say("%s: %v", name, err)
	}
	b, err := io.ReadAll(os.Stdin)
	p.say("stdin: %d bytes, %v", len(b), err)
	return 0
}

// stubborn ignores every signal it can, as do a child that left its session and
// that one's child, and stays.
func (p *program) stubborn() int {
	signal.Ignore()
	depth := 2
	if len(p.args) > 0 {
		depth, _ = strconv.Atoi(p.args[0])
	}
	if depth > 0 {
		c := exec.Command("/proc/self/exe", append(self(), "stubborn", strconv.Itoa(depth-1))...)
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		c.Stdout = os.Stdout // holds the log open
		if err := c.Start(); err != nil {
			p.say("%v", err)
		}
	}
	p.say("stubborn %d", depth)
	return stay()
}

// spin uses two cores until it is killed.
func (p *program) spin() int {
	p.say("spinning")
	go func() {
		for {
		}
	}()
	for {
	}
}

// leave starts children that outlive the first process of the container.
func (p *program) leave() int {
	for range 3 {
		c := exec.Command("/proc/self/exe", append(self(), "stubborn", "1")...)
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		c.Stdout = os.Stdout
		if err := c.Start(); err != nil {
			p.say("%v", err)
			return 1
		}
	}
	return p.hello()
}

// traces leaves something in every place that could be shared with another run,
// and reports what another run left.
func (p *program) traces() int {
	for _, dir := range []string{"/tmp", "/dev/shm", "/output", "/dev", "/proc/sys/kernel", "/model", "/input", "/opt"} {
		name := dir + "/trace"
		_, err := os.Stat(name)
		p.say("%s seen: %v", name, err == nil)
		_ = os.WriteFile(name, []byte("trace"), 0o666)
	}
	id, _, errno := syscall.RawSyscall(syscall.SYS_SHMGET, 0x1234, 4096, 0o1600|0o2000) // IPC_CREAT|IPC_EXCL
	p.say("shm seen: %v (%d)", errno == syscall.EEXIST, id)
	l, err := net.Listen("unix", "@trace")
	p.say("socket seen: %v", err != nil)
	if l != nil {
		defer l.Close()
	}
	if c, err := net.Dial("unix", "@"+"other"); err == nil {
		c.Close()
		p.say("other seen: true")
	}
	pids, _ := filepath.Glob("/proc/[0-9]*")
	p.say("processes: %d", len(pids))
	if len(p.args) > 0 { // stay, so that two runs are there at once
		time.Sleep(500 * time.Millisecond)
	}
	return 0
}

// make puts things other than a plain file where the predictions should be.
func (p *program) make() int {
	const out = "/output/predictions.csv"
	var err error
	switch p.args[0] {
	case "symlink":
		err = os.Symlink("/etc/passwd", out)
	case "symlink-out":
		err = os.Symlink(p.args[1], out)
	case "chain":
		err = errors.Join(os.Symlink("../../../../../../etc", "/output/a"), os.Symlink("a/shadow", out))
	case "parent":
		err = os.Symlink("../../bundle/config.json", out)
	case "hardlink":
		err = errors.Join(os.WriteFile("/output/a", []byte("x"), 0o644), os.Link("/output/a", out))
	case "fifo":
		err = syscall.Mkfifo(out, 0o666)
	case "socket":
		var fd int
		if fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); err == nil {
			err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: out})
		}
	case "directory":
		err = os.Mkdir(out, 0o755)
	case "device":
		if err = syscall.Mknod(out, syscall.S_IFCHR|0o666, 1<<8|5); err != nil { // /dev/zero
			p.say("make: %v", err)
			return 0
		}
	case "unreadable":
		err = os.WriteFile(out, []byte("id,label\n"), 0)
	case "setuid":
		if err = os.WriteFile(out, []byte("id,label\n"), 0o644); err == nil {
			err = os.Chmod(out, 0o777|os.ModeSetuid|os.ModeSetgid|os.ModeSticky)
		}
	case "extra":
		err = errors.Join(os.WriteFile(out, []byte("id,label\n"), 0o644), os.WriteFile("/output/extra", []byte("x"), 0o644),
			os.Symlink("/etc/passwd", "/output/link"), syscall.Mkfifo("/output/fifo", 0o666), os.Mkdir("/output/dir", 0), os.WriteFile("/output/line\nbreak\u202e", nil, 0o644))
	case "nothing":
	}
	p.say("make: %v", err)
	if err != nil {
		return 1
	}
	return 0
}

// touch writes through a shared mapping, which gVisor must have passed on by the
// time the container is dead.
func (p *program) touch() int {
	f, err := os.Create("/output/predictions.csv")
	if err == nil {
		err = f.Truncate(4096)
	}
	if err != nil {
		p.say("%v", err)
		return 1
	}
	m, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		p.say("%v", err)
		return 1
	}
	copy(m, "mapped")
	return 0
}

// model reports what is in /model.
func (p *program) model() int {
	names, err := filepath.Glob("/model/*")
	if _, err := os.Stat("/model"); err != nil {
		p.say("model: none")
		return 0
	}
	for _, n := range names {
		b, _ := os.ReadFile(n)
		p.say("%s: %s", n, b)
	}
	p.say("model: %d %v", len(names), err)
	return 0
}

// sleeper says that it is there and waits to be killed.
func (p *program) sleeper() int {
	p.say("here")
	return stay()
}

func stay() int {
	for {
		time.Sleep(time.Hour) // an empty select is a deadlock to the runtime
	}
}
