package gvisor

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The hand-written executable is one: the machine itself runs it.
func TestExitProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, exitProgram, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v %q", err, out)
	}
}
