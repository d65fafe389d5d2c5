//go:build unix

package oci

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// tryLock locks a file in root, shared or exclusively, and returns it; closing it
// unlocks, and so does the end of the process. It returns nil when somebody else,
// in this process or another, has it.
func tryLock(root *os.Root, name string, exclusive bool) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, noRoom(err)
	}
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	switch err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); {
	case err == nil:
		return f, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		f.Close()
		return nil, nil
	default:
		f.Close()
		return nil, err
	}
}

// lock waits for tryLock. It asks again and again, because a wait in the kernel
// could not be cancelled; who waits here waits for seconds of unpacking.
func lock(ctx context.Context, root *os.Root, name string, exclusive bool) (*os.File, error) {
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		f, err := tryLock(root, name, exclusive)
		if f != nil || err != nil {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}
