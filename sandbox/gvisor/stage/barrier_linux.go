package stage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"aihub/sandbox/inside"
)

// noBarriers makes membarrier(2) unknown to a process and to all that it will
// start. Every start of gVisor's executable registers for it, and with more than
// one thread the kernel answers only after an RCU grace period, some 10 ms, seven
// times a sandbox. A guest that asks is told that there is none and, as on
// kernels without it, does something else. The filter is one more that gVisor's
// own are laid on; the kernel keeps such constant answers in a bitmap.
var noBarriers = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_MEMBARRIER, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
}

// countsFilters reports whether the kernel does. Where it does not, none is laid:
// one of ours could be taken for gVisor's (see Posture.Drift).
func countsFilters() (bool, error) {
	b, err := os.ReadFile("/proc/self/status")
	return bytes.Contains(b, []byte("\nSeccomp_filters:")), err
}

// Before writes the program that starts gVisor's with noBarriers into dir and
// returns its path, "" where none may be laid. Its first argument is the path of
// gVisor's, the second its name.
func Before(dir string) (string, error) {
	if ok, err := countsFilters(); err != nil || !ok {
		return "", err
	}
	filter, err := binary.Append(nil, binary.LittleEndian, noBarriers)
	if err != nil {
		return "", err
	}
	program, err := inside.Filtered(runtime.GOARCH, filter)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(program)
	path := filepath.Join(dir, "runsc-before-"+hex.EncodeToString(sum[:8]))
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, program) {
		return path, nil
	}
	// A process that is started meanwhile would hold the file open for writing.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.CreateTemp(dir, ".runsc-before-")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(program)
	if err = errors.Join(err, f.Chmod(0o755), f.Close()); err != nil {
		return "", err
	}
	return path, os.Rename(f.Name(), path)
}

// NoBarriers lays noBarriers on this process if it was started without.
func NoBarriers() error {
	if _, _, e := unix.Syscall(unix.SYS_MEMBARRIER, 0, 0, 0); e == unix.ENOSYS { // MEMBARRIER_CMD_QUERY
		return nil
	}
	if ok, err := countsFilters(); err != nil || !ok {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(noBarriers)), Filter: &noBarriers[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return fmt.Errorf("installing a filter: %w", errno)
	}
	return nil
}
