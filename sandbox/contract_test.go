package sandbox

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	if got := Environment(nil); !slices.Equal(got, environment) {
		t.Errorf("%q", got)
	}
	got := Environment([]string{"PATH=/mine", "AIHUB_X=HOME=y"})
	if want := []string{"HOME=/tmp", "PATH=/mine", "AIHUB_X=HOME=y"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPlain(t *testing.T) {
	for name, want := range map[string]bool{
		"predictions.csv": true, "中.csv": true, "": false, ".": false, "..": false, "../x": false, "a/b": false, `a\b`: false, "a\x00b": false,
	} {
		if Plain(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// FuzzPlain: a name that may be that of a file in /output names one thing directly
// in its directory, whatever it is.
func FuzzPlain(f *testing.F) {
	for _, s := range []string{"predictions.csv", "..", ".", "", "a/b", "/etc/passwd", "a\x00b", "\\..\\x", "C:x", strings.Repeat("n", 256), "\u202efdp.csv", "a\nb", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !Plain(name) {
			return
		}
		if p := filepath.Join("/output", name); filepath.Dir(p) != "/output" || filepath.Base(p) != name {
			t.Errorf("%q is %q", name, p)
		}
	})
}
