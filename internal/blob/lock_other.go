//go:build !unix

package blob

import "os"

// tryAlone never has f alone: servers run on Linux, this system is a client's,
// whose stores are temporary directories of its own.
func tryAlone(*os.File) bool { return false }

func share(*os.File) error { return nil }
