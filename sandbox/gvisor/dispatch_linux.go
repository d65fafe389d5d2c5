//go:build linux && !embed

package gvisor

import (
	debugelf "debug/elf"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"aihub"
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

// playedBy says what starts sandboxes, for doctor.
var playedBy = aihub.Text{EN: "gVisor, played by this binary itself: make build makes a quicker one", ZH: "gVisor（由本程序自身充当；用 make build 构建可更快启动）"}

// canDispatch refuses to start a binary as sandbox program that would take
// itself for something else, or that needs libraries which a sandbox lacks.
func canDispatch() error {
	if !dispatches.Load() {
		return errors.New("this binary does not begin with gvisor.Dispatch, so it cannot start sandboxes")
	}
	f, err := debugelf.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == debugelf.PT_INTERP {
			return needsLibraries
		}
	}
	return nil
}

var needsLibraries = aihub.Errorf(aihub.Unavailable, aihub.Text{
	EN: "this aihub was built with cgo and without its sandbox program inside, so it cannot start sandboxes",
	ZH: "当前 aihub 以 cgo 构建且未内置沙箱程序，无法启动沙箱",
}).WithHint(aihub.Text{
	EN: "build it with make build, or with CGO_ENABLED=0", ZH: "请用 make build 构建，或设置 CGO_ENABLED=0",
})
