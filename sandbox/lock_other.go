//go:build !unix

package sandbox

import "os"

// flock only creates the file: workers run on Linux, this system is a client's.
func flock(path string, _ bool) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
