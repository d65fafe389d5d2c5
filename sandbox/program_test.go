package sandbox

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Links lead nowhere but to what the process would find.
func TestFind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs links")
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "usr/share"), 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"abs": "/usr", "up": "../../usr/share", "usr/loop": "loop", "usr/two": "../abs/share", "none": "/etc/shadow"} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, want := range map[string]bool{
		"/": true, "usr/share": true, "/abs/share": true, "up": true, "usr/two": true, "../../usr": true, "abs/../usr": true,
		"usr/loop": false, "none": false, "nothing": false, "usr/share/x": false,
	} {
		fi, err := find(root, name)
		if (err == nil && fi.IsDir()) != want {
			t.Errorf("%s: %v %v, want %v", name, fi, err, want)
		}
	}
}
