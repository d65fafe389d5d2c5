//go:build embed && linux

package embedded_test

import (
	"os/exec"
	"strings"
	"testing"

	"aihub/internal/embedded"
	"aihub/internal/embedded/patched"
)

// The sandbox program that aihub carries was made with the edits that are in the
// source now, and says so.
func TestRunscIsPatched(t *testing.T) {
	path, err := embedded.Runsc(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := patched.Label(patched.Edits); !strings.Contains(string(out), "runsc version "+want+"\n") {
		t.Errorf("it says\n%s\nnot %s: build it with sh internal/embedded/build.sh", out, want)
	}
}
