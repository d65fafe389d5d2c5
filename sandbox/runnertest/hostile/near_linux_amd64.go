package hostile

import (
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

func init() { facts["near"] = (*program).near }

// site is a system call as Go and glibc have them, which a kernel of the sandbox's
// own may replace while others are in it: a comparison follows, by which the caller
// tells failures from results.
var site = []byte{
	0x0f, 0x05, // syscall
	0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, // cmp $-4095,%rax
	0x0f, 0x93, 0xc1, // setae %cl
	0x0f, 0xb6, 0xc9, // movzx %cl,%ecx
	0xc3, // ret
}

// compared is where in a site the comparison is.
const compared = 2

// callSite calls a site, or the comparison in it, with nr in rax.
//
//go:noescape
func callSite(code, nr, a1, a2, a3 uintptr) (r, failed uintptr)

// near calls fresh sites from several threads at once, and reports every call that
// came out otherwise than by the processor's own instruction.
func (p *program) near() int {
	debug.SetGCPercent(-1) // it would wait for a thread that is in a site
	runtime.GOMAXPROCS(8)
	const sites, threads, gap, first = 16, 4, 509, 8 // nearer ones would share the room for what replaces them
	code, err := syscall.Mmap(-1, 0, first+(sites+1)*gap, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		p.say("near: %v", err)
		return 1
	}
	for i := range sites {
		copy(code[first+i*gap:], site)
	}
	loaded := code[first+sites*gap:] // mov $SYS_getppid,%eax before it, which gVisor itself replaces
	copy(loaded, append([]byte{0xb8, syscall.SYS_GETPPID, 0, 0, 0}, site...))
	if err := syscall.Mprotect(code, syscall.PROT_READ|syscall.PROT_EXEC); err != nil {
		p.say("near: %v", err)
		return 1
	}
	alarms := make(chan os.Signal, 1)
	signal.Notify(alarms, syscall.SIGALRM)
	every := syscall.Timeval{Usec: 500}
	timer := [2]syscall.Timeval{every, every}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETITIMER, 0, uintptr(unsafe.Pointer(&timer)), 0); errno != 0 {
		p.say("near: setitimer: %v", errno)
		return 1
	}
	var mu sync.Mutex
	wrong, replaced := 0, 0
	complain := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		wrong++
		p.say("near: "+format, args...)
	}
	expect := func(what string, at, nr, a1, a2, a3, r, failed uintptr) {
		if gotR, gotFailed := callSite(at, nr, a1, a2, a3); gotR != r || gotFailed != failed {
			complain("%s: %d %d, want %d %d", what, int(gotR), gotFailed, int(r), failed)
		}
	}
	parent, nosys := uintptr(os.Getppid()), ^uintptr(syscall.ENOSYS-1)
	for i := range sites {
		at := uintptr(unsafe.Pointer(&code[first+i*gap]))
		var here atomic.Int32
		var done sync.WaitGroup
		for t := range threads {
			done.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				var pipe [2]int
				if err := syscall.Pipe(pipe[:]); err != nil {
					complain("pipe: %v", err)
					here.Add(1)
					return
				}
				defer syscall.Close(pipe[0])
				defer syscall.Close(pipe[1])
				if t%2 == 0 { // a call that waits, and that signals break off and begin again
					go func() {
						time.Sleep(5 * time.Millisecond)
						_, _ = syscall.Write(pipe[1], []byte("x"))
					}()
				}
				b := make([]byte, 8)
				for here.Add(1); here.Load() < threads; {
				}
				if t%2 == 0 {
					expect("a read that waits", at, syscall.SYS_READ, uintptr(pipe[0]), uintptr(unsafe.Pointer(&b[0])), 8, 1, 0)
				}
				for range 20 {
					expect("getppid", at, syscall.SYS_GETPPID, 0, 0, 0, parent, 0)
					expect("no such call", at, 9999, 0, 0, 0, nosys, 1)
					expect("the comparison of a failure", at+compared, ^uintptr(0), 0, 0, 0, ^uintptr(0), 1)
					expect("the comparison of a result", at+compared, 7, 0, 0, 0, 7, 0)
				}
			})
		}
		done.Wait()
		if code[first+i*gap] != site[0] {
			replaced++
		}
	}
	at := uintptr(unsafe.Pointer(&loaded[0]))
	for range 3 { // who jumps past the number has another
		expect("no such call past a number", at+5, 9999, 0, 0, 0, nosys, 1)
		expect("getppid by its number", at, 9999, 0, 0, 0, parent, 0)
	}
	at = uintptr(unsafe.Pointer(&code[first]))
	if errno := refuseFrom(syscall.SYS_GETPPID, at+compared); errno != 0 {
		complain("filter: %v", errno)
	}
	expect("what the kernel takes for the place of the call", at, syscall.SYS_GETPPID, 0, 0, 0, ^uintptr(syscall.EDOM-1), 1)
	p.say("near: %d wrong, %d of %d sites replaced", wrong, replaced, sites)
	return 0
}

// refuseFrom lets the kernel answer EDOM to a system call that returns to ip, as
// far as its lower half says it.
func refuseFrom(nr uint32, ip uintptr) syscall.Errno {
	const (
		load, equal, ret         = 0x20, 0x15, 0x06 // of BPF
		setFilter, allThreads    = 1, 1             // of seccomp
		allow, fail, number, low = 0x7fff0000, 0x00050000, 0, 8
		seccomp                  = 317
	)
	filter := []syscall.SockFilter{
		{Code: load, K: number}, {Code: equal, Jf: 3, K: nr},
		{Code: load, K: low}, {Code: equal, Jf: 1, K: uint32(ip)},
		{Code: ret, K: fail | uint32(syscall.EDOM)}, {Code: ret, K: allow},
	}
	_, _, errno := syscall.Syscall(seccomp, setFilter, allThreads, uintptr(unsafe.Pointer(&syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})))
	return errno
}
