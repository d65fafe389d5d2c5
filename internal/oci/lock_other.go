//go:build !unix

package oci

import (
	"context"
	"os"
)

// lock only creates the file: servers run on Linux, this system is a client's,
// whose caches are temporary directories of its own.
func lock(_ context.Context, root *os.Root, name string, _ bool) (*os.File, error) {
	return tryLock(root, name, true)
}

func tryLock(root *os.Root, name string, _ bool) (*os.File, error) {
	return root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
}
