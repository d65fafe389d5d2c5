//go:build unix

package blob

import (
	"os"
	"syscall"
)

// tryAlone locks f for one process alone, or reports false when others have it.
func tryAlone(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// share locks f together with others, and waits for one who has it alone.
func share(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_SH) }
