package patched

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gvisor is the directory of the module that go.mod requires.
func gvisor(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gvisor.dev/gvisor").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// touched copies the files that our edits touch to a module of its own.
func touched(t *testing.T) string {
	t.Helper()
	from, to := gvisor(t), t.TempDir()
	for _, e := range versioned(Edits) {
		name := filepath.Join(to, e.File)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if e.Old == "" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(from, e.File))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// The edits fit the gVisor that go.mod requires, and are all in the copy.
func TestMake(t *testing.T) {
	from, to := touched(t), filepath.Join(t.TempDir(), "gvisor")
	if err := Make(from, to, Edits); err != nil {
		t.Fatal(err)
	}
	for _, e := range versioned(Edits) {
		b, err := os.ReadFile(filepath.Join(to, e.File))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), e.New) {
			t.Errorf("%s was not edited", e.File)
		}
		if e.Why == "" {
			t.Errorf("the edit of %s has no reason", e.File)
		}
	}
	marked := filepath.Join(to, "mark")
	if err := os.WriteFile(marked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Make(from, to, Edits); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(marked); err != nil {
		t.Errorf("what was made of the same was made again: %v", err)
	}
	if err := Make(from, to, Edits[1:]); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(marked); err == nil {
		t.Error("other edits left the old copy as it was")
	}
}

// A gVisor that an edit does not fit is refused, and nothing is left of it.
func TestMakeRefuses(t *testing.T) {
	for what, spoil := range map[string]func(b string) string{
		"gone":  func(b string) string { return strings.Replace(b, Edits[0].Old, "*p = 1\n", 1) },
		"twice": func(b string) string { return b + Edits[0].Old },
	} {
		from, dir := touched(t), t.TempDir()
		name := filepath.Join(from, Edits[0].File)
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(spoil(string(b))), 0o644); err != nil {
			t.Fatal(err)
		}
		err = Make(from, filepath.Join(dir, "gvisor"), Edits)
		if err == nil || !strings.Contains(err.Error(), Edits[0].File) || !strings.Contains(err.Error(), "edits.go") {
			t.Errorf("%s: %v", what, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: it left %v", what, left)
		}
	}
	from := touched(t)
	there := Edit{File: Edits[0].File, New: "package systrap\n", Why: "a test"}
	if err := Make(from, filepath.Join(t.TempDir(), "gvisor"), []Edit{there}); err == nil {
		t.Error("a file that is there was added")
	}
}
