package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aihub"
)

func env(kv ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return func(k string) string { return m[k] }
}

func TestEnvironmentOverlaysFile(t *testing.T) {
	f := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(f, []byte("listen: 127.0.0.1:9000\nworkers: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(f, env("AIHUB_HOME", "/srv/a", "AIHUB_LISTEN", "0.0.0.0:80"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Home != "/srv/a" || c.Listen != "0.0.0.0:80" || c.Workers != 3 || c.URL != "http://0.0.0.0:80" {
		t.Errorf("got %+v", c)
	}
}

func TestEveryFaultAtOnce(t *testing.T) {
	f := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(f, []byte("lisen: x\nworkers: -1\nurl: ftp://x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(f, env("AIHUB_HOME", "relative"))
	var e *aihub.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"lisen", "workers", "url", "home"} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("no fault about %s in:\n%v", want, e)
		}
	}
}

func TestMissingFileIsNamed(t *testing.T) {
	_, err := Load("/does/not/exist.yaml", env())
	if aihub.KindOf(err) != aihub.Invalid || !strings.Contains(err.Error(), "/does/not/exist.yaml") {
		t.Errorf("got %v", err)
	}
}
