//go:build !unix

package docker

import (
	"errors"
	"os"
)

var errHeld = errors.New("held by a process")

// lockFile only creates the file: workers run on Linux, this system is a client's.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
