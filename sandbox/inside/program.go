package inside

import "aihub/sandbox/tiny"

// Files of the probe: where it reads the word to go on, and where it reports.
type Files struct{ In, Out int }

// Where the probe keeps what it needs in its zeroed memory.
const (
	terminal = tiny.Data         // the settings of the terminal
	word     = tiny.Data + 0x100 // the word, and behind it the error of the start
	report   = tiny.Data + 0x1000
	memory   = 0x60000
)

const (
	most        = 8 << 10 // of one read, bytes
	closeOnExec = 0o2000000
	here        = ^uint64(99) // AT_FDCWD
)

// rlimits are the limits of the guest that are read, by Linux's number.
var rlimits = []struct {
	name   string
	number uint64
}{{"fsize", 1}, {"core", 4}, {"nproc", 6}, {"nofile", 7}}

// places are the directories whose file systems are measured.
var places = []string{"/", "/input", "/model", "/output", "/tmp", "/dev/shm"}

// kinds of namespaces as /proc/self/ns names them.
var kinds = []string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}

// files are read to their end, in so many reads.
var files = []struct {
	path  string
	reads int
}{{"/proc/self/status", 2}, {"/proc/self/mountinfo", 12}, {"/proc/net/dev", 2}}

// item is one result in a report: a number and, with size, so many bytes, with
// data as many as the number says.
type item struct {
	name string
	size int
	data bool
}

// program is a probe and what its report holds, in order.
type program struct {
	elf   []byte
	items []item
}

// builder writes a program.
type builder struct {
	asm   assembler
	calls map[string]uint64
	texts []byte
	items []item
}

func (b *builder) call(name string, args ...operand) { b.asm.call(b.calls[name], args, report) }

// text is the address of s and a NUL.
func (b *builder) text(s string) operand {
	o := operand{text, uint64(len(b.texts))}
	b.texts = append(append(b.texts, s...), 0)
	return o
}

func n(v uint64) operand { return operand{number, v} }

// value reports what a call returns.
func (b *builder) value(name, call string, args ...operand) {
	b.call(call, args...)
	b.asm.put()
	b.items = append(b.items, item{name: name})
}

// fixed reports what a call returns and size bytes that it wrote into room.
func (b *builder) fixed(name string, size uint64, call string, args ...operand) {
	b.call(call, args...)
	b.asm.put()
	b.asm.skip(size)
	b.items = append(b.items, item{name: name, size: int(size)})
}

// data reports what a call returns, which is how many bytes it wrote into room.
func (b *builder) data(name, call string, args ...operand) {
	b.call(call, args...)
	b.asm.put()
	b.asm.data()
	b.items = append(b.items, item{name: name, data: true})
}

// Sizes of the kernel's structures, in bytes.
const (
	sizeUname    = 6 * 65
	sizeTimespec = 16
	sizeSysinfo  = 112
	sizeStatfs   = 120
	sizeTermios  = 36
)

// raw are the settings of a terminal that changes nothing, and gives what is
// typed in pieces of WordSize bytes: eight bits, received; VMIN.
var raw = func() string {
	var b [sizeTermios]byte
	b[8], b[17+6] = 0xbf, WordSize
	return string(b[:])
}()

const (
	tcgets  = 0x5401
	tcsets  = 0x5402
	setFD   = 2  // F_SETFD
	onExec  = 1  // FD_CLOEXEC
	noNew   = 39 // PR_GET_NO_NEW_PRIVS
	seccomp = 21 // PR_GET_SECCOMP

	realtime = 0 // CLOCK_REALTIME

	maxGroups = 32
)

// build writes the probe for an architecture.
func build(arch string, f Files) (*program, error) {
	b, err := newBuilder(arch)
	if err != nil {
		return nil, err
	}
	in, out := n(uint64(f.In)), n(uint64(f.Out))
	b.asm.start(report)
	if f.In == 0 { // it may be a terminal
		b.call("ioctl", in, n(tcgets), n(terminal))
		b.call("ioctl", in, n(tcsets), b.text(raw))
	}
	b.measure()

	b.call("write", out, b.text(magic), n(uint64(len(magic))))
	b.call("write", out, n(report), operand{kind: length})
	b.call("read", in, n(word), n(WordSize))
	b.asm.unless(WordSize)
	if f.In == 0 {
		b.call("ioctl", in, n(tcsets), n(terminal))
	} else {
		b.call("close", in)
		b.call("fcntl", out, n(setFD), n(onExec))
	}
	b.call("execve", operand{kind: argv1}, operand{kind: argv2}, operand{kind: environ})
	b.asm.set(word + WordSize)
	b.asm.put()
	b.call("write", out, n(word), n(WordSize+8))
	b.asm.end()
	b.call("exit_group", n(127))

	b.asm.texts(tiny.Start + uint64(len(b.asm.code())))
	elf, err := tiny.ELF(arch, append(b.asm.code(), b.texts...), memory)
	return &program{elf, b.items}, err
}

// measure reports all there is.
func (b *builder) measure() {
	into := func(offset uint64) operand { return operand{room, offset} }
	b.fixed("uname", sizeUname, "uname", into(0))
	b.fixed("clock", sizeTimespec, "clock_gettime", n(realtime), into(0))
	b.value("pid", "getpid")
	b.fixed("uid", 12, "getresuid", into(0), into(4), into(8))
	b.fixed("gid", 12, "getresgid", into(0), into(4), into(8))
	b.fixed("groups", 4*maxGroups, "getgroups", n(maxGroups), into(0))
	b.value("no_new_privs", "prctl", n(noNew), n(0), n(0), n(0), n(0))
	b.value("seccomp", "prctl", n(seccomp), n(0), n(0), n(0), n(0))
	for _, l := range rlimits {
		b.fixed(l.name, 16, "prlimit64", n(0), n(l.number), n(0), into(0))
	}
	b.fixed("sysinfo", sizeSysinfo, "sysinfo", into(0))
	b.fixed("cpus", 128, "sched_getaffinity", n(0), n(128), into(0))
	for _, p := range places {
		b.fixed("statfs "+p, sizeStatfs, "statfs", b.text(p), into(0))
	}
	for _, k := range kinds {
		b.data("namespace "+k, "readlinkat", n(here), b.text("/proc/self/ns/"+k), into(0), n(64))
	}
	for _, f := range files {
		b.open(f.path)
		for range f.reads {
			b.data(f.path, "read", operand{kind: kept}, into(0), n(most))
		}
		b.call("close", operand{kind: kept})
	}
	for _, dir := range []string{"/dev", "/proc/self/fd"} {
		b.open(dir)
		for range 2 {
			b.data(dir, "getdents64", operand{kind: kept}, into(0), n(most))
		}
		b.call("close", operand{kind: kept})
	}
}

// open opens a file, reports its descriptor and keeps it.
func (b *builder) open(path string) {
	b.value("open "+path, "openat", n(here), b.text(path), n(closeOnExec), n(0))
	b.asm.keep()
}
