package sandbox

import (
	"slices"
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
