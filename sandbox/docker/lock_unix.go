//go:build unix

package docker

import (
	"errors"
	"os"
	"syscall"
)

var errHeld = errors.New("held by a process")

// lockFile creates and locks a file until it is closed or the process ends.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errHeld
		}
		if err != nil {
			f.Close()
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			return nil, err
		}
		// Its last holder may have removed it between the two steps.
		mine, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return f, nil
		}
		f.Close()
	}
}

// unlock lets go of the file and removes it, in the order in which nobody can lock a
// file that is gone.
func unlock(f *os.File) {
	_ = os.Remove(f.Name()) // else the next Sweep does
	f.Close()
}
