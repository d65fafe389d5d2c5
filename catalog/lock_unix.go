//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package catalog

import (
	"errors"
	"os"
	"syscall"
)

const locks = true

// alone locks f for this process until it is closed; false when another has it.
func alone(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
