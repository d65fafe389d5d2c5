// Command patch makes our copy of gVisor for build.sh: patch MODULE OUT GOMOD
// copies the module in the directory MODULE to OUT with our edits, and adds to the
// file GOMOD that the build should take it from there.
package main

import (
	"bytes"
	"fmt"
	"os"

	"aihub/internal/embedded/patched"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: patch MODULE OUT GOMOD")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "patch:", err)
		os.Exit(1)
	}
}

func run(module, out, gomod string) error {
	if err := patched.Make(module, out, patched.Edits); err != nil {
		return err
	}
	b, err := os.ReadFile(gomod)
	if err != nil {
		return err
	}
	return os.WriteFile(gomod, fmt.Appendf(bytes.TrimSpace(b), "\n\nreplace gvisor.dev/gvisor => ./%s\n", out), 0o644)
}
