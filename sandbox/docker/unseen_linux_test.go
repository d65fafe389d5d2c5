package docker

import (
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

// Without root the namespaces of another user's process cannot be looked at. That
// is not the same as a process of another machine, of which nothing is known.
func TestUnseen(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	if p := processOf(os.Getpid(), ""); p == nil || len(p.Unseen) > 0 || !slices.Contains(p.Shared, "net") {
		t.Errorf("as root: %+v", p)
	}
	seen := make(chan *Process)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, 65534, 65534, 65534); e != 0 {
			t.Error(e)
		}
		seen <- processOf(os.Getppid(), "")
	}()
	if p := <-seen; p == nil || !slices.Equal(p.Unseen, namespaces) || len(p.Shared) > 0 {
		t.Errorf("as nobody: %+v", p)
	}
}
