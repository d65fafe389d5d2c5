package stage

import (
	"bytes"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// NoBarriers makes membarrier(2) unknown to this process and to all that it will
// start. Every start of gVisor's executable registers for it, and with more than
// one thread the kernel answers only after an RCU grace period, some 10 ms, six
// times a sandbox. A guest that asks is told that there is none and, as on
// kernels without it, does something else. The filter is one more that gVisor's
// own are laid on; the kernel keeps such constant answers in a bitmap.
//
// On a kernel that does not count filters nothing is done: there one of ours
// could be taken for gVisor's (see Posture.Drift).
func NoBarriers() error {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil || !bytes.Contains(b, []byte("\nSeccomp_filters:")) {
		return err
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_MEMBARRIER, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return fmt.Errorf("installing a filter: %w", errno)
	}
	return nil
}
