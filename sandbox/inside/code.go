package inside

// A program here is straight-line code: system calls with operands, whose results
// go into a buffer at a cursor. There is one loop nowhere and one branch alone,
// to the end.

// operand is an argument of a system call.
type operand struct {
	kind  kind
	value uint64
}

type kind int

const (
	number  kind = iota // value
	text                // the address of the string that follows the code at offset value
	result              // what the last call returned
	kept                // what keep kept
	room                // the address value and eight bytes behind the cursor
	length              // how many bytes of the report there are
	argv1               // the address of the first argument's text
	argv2               // the address of the list of arguments from the second on
	environ             // the address of the list of the environment
)

// assembler emits the instructions of one architecture.
type assembler interface {
	start(cursor uint64)
	call(number uint64, args []operand, report uint64)
	keep()
	put()                 // the result goes to the cursor, which moves behind it
	data()                // so many bytes that a call left behind a put are kept, none if it failed
	skip(n uint64)        // so many bytes that a call left behind a put are kept, in any case
	set(cursor uint64)    //
	unless(result uint64) // to the end
	end()
	code() []byte // with the place of end() filled in
	texts(at uint64)
}

// numbers of the system calls that are used.
var calls = map[string]map[string]uint64{
	"amd64": {
		"read": 0, "write": 1, "close": 3, "ioctl": 16, "getpid": 39, "execve": 59, "uname": 63, "clock_gettime": 228, "fcntl": 72, "sysinfo": 99, "getgroups": 115, "getresuid": 118,
		"getresgid": 120, "capget": 125, "statfs": 137, "prctl": 157, "sched_getaffinity": 204, "getdents64": 217, "exit_group": 231, "openat": 257,
		"readlinkat": 267, "prlimit64": 302, "seccomp": 317,
	},
	"arm64": {
		"read": 63, "write": 64, "close": 57, "ioctl": 29, "getpid": 172, "execve": 221, "uname": 160, "clock_gettime": 113, "fcntl": 25, "sysinfo": 179, "getgroups": 158, "getresuid": 148,
		"getresgid": 150, "capget": 90, "statfs": 43, "prctl": 167, "sched_getaffinity": 123, "getdents64": 61, "exit_group": 94, "openat": 56,
		"readlinkat": 78, "prlimit64": 261, "seccomp": 277,
	},
}

// place is where an instruction needs an address that is known later.
type place struct {
	at    int    // of the instruction
	value uint64 // offset among the texts
}
