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
	if err := os.WriteFile(f, []byte("listen: 127.0.0.1:9000\nworkers: 3\nqueue:\n  per_organisation: 2\n  organisations: {acme: 4}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(f, env("AIHUB_HOME", "/srv/a", "AIHUB_LISTEN", "0.0.0.0:80"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Home != "/srv/a" || c.Listen != "0.0.0.0:80" || c.Workers != 3 || c.URL != "http://0.0.0.0:80" ||
		c.Queue.PerOrganisation != 2 || c.Queue.Organisations["acme"] != 4 {
		t.Errorf("got %+v", c)
	}
}

func TestEveryFaultAtOnce(t *testing.T) {
	f := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(f, []byte("lisen: x\nworkers: -1\nurl: ftp://x\ndatabase: mysql://x\nqueue:\n  cpu_hours: -1\n  scenarios: {dispatch: 0}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(f, env("AIHUB_HOME", "relative"))
	var e *aihub.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"lisen", "workers", "url", "database", "home", "queue.cpu_hours", "queue.scenarios.dispatch"} {
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

func TestSandbox(t *testing.T) {
	for settings, want := range map[string]string{
		"": "",
		"sandbox: {runner: docker, runtime: runsc}":    "",
		"sandbox: {runner: docker, host: 'tcp://h:1'}": "",
		"sandbox: {runner: kvm}":                       "sandbox.runner",
		"sandbox: {runtime: runc}":                     "runner docker",
		"sandbox: {runner: docker, host: 'ssh://h'}":   "sandbox.host",
	} {
		f := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(f, []byte(settings+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(f, env("AIHUB_HOME", "/srv/a"))
		if want == "" && (err != nil || c.Sandbox.Runner == "") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %+v, %v", settings, c.Sandbox, err)
		}
	}
	if c, err := Load("", env("AIHUB_HOME", "/srv/a", "AIHUB_RUNNER", "docker", "AIHUB_DOCKER", "unix:///s")); err != nil || c.Sandbox != (Sandbox{Runner: "docker", Host: "unix:///s"}) {
		t.Errorf("%+v, %v", c.Sandbox, err)
	}
}
