//go:build linux && !embed

package gvisor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"aihub/sandbox/gvisor/runsc"
)

var dispatches atomic.Bool

// Dispatch makes this process the sandbox program if it was started as one, and
// then does not return. It must be the first line of main, and of TestMain in
// tests that run sandboxes: without the build tag embed the running binary is
// the sandbox program.
func Dispatch() {
	// gVisor starts itself again under both kinds of names.
	if name := os.Args[0]; name == "/proc/self/exe" || strings.HasPrefix(filepath.Base(name), "runsc") {
		runsc.Main()
	}
	dispatches.Store(true)
}

// canDispatch refuses to start a binary as sandbox program that would take
// itself for something else.
func canDispatch() error {
	if dispatches.Load() {
		return nil
	}
	return errors.New("this binary does not begin with gvisor.Dispatch, so it cannot start sandboxes")
}
