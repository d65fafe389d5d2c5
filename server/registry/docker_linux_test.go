package registry_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"aihub/sandbox/docker/enginetest"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
)

// Docker itself signs in, pushes, and pulls by tag and by digest what it pushed. It shows
// the platform's sentence to who has a wrong password, who is not signed in, and who is
// of another organisation.
func TestDocker(t *testing.T) {
	if _, err := exec.LookPath("docker"); err != nil {
		without(t, "no docker command is here: make deps, as root, installs it")
	}
	e, err := enginetest.Start(nil)
	if errors.Is(err, enginetest.ErrMissing) {
		without(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t)
	ann, bob := w.as("ann"), w.as("bob")
	docker := func(home, in string, args ...string) (string, error) {
		cmd := exec.Command("docker", append([]string{"--config", home, "--host", e.Host}, args...)...)
		cmd.Stdin = strings.NewReader(in)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	hers, his := t.TempDir(), t.TempDir()
	run := func(in string, args ...string) string {
		t.Helper()
		out, err := docker(hers, in, args...)
		if err != nil {
			t.Fatalf("docker %s: %v\n%s", args[0], err, out)
		}
		return out
	}
	fails := func(home, in, want string, args ...string) {
		t.Helper()
		if out, err := docker(home, in, args...); err == nil || !strings.Contains(out, want) {
			t.Errorf("docker %s: %v, without %q:\n%s", args[0], err, want, out)
		}
	}
	login := []string{"login", "--password-stdin", w.host, "--username"}
	ref := w.host + "/acme/solver:v1"
	_, id, ok := strings.Cut(run("", "load", "--input", archive(t, "docker")), "Loaded image ID: ")
	if !ok {
		t.Fatal("docker load names no image")
	}
	id = strings.TrimSpace(id)
	run("", "tag", id, ref)

	fails(hers, "wrong", "the name or the password is wrong: check both and try again", append(login, "ann")...)
	fails(hers, "", "docker login "+w.host, "push", ref)
	run(password, append(login, "ann")...)
	run(ann.token, append(login, "ann")...)
	run("", "push", ref)
	digest, err := crane.Digest(ref, crane.WithAuth(&authn.Basic{Username: "ann", Password: ann.token}))
	w.must(err)
	for _, from := range []string{ref, w.host + "/acme/solver@" + digest} {
		if out := run("", "image", "rm", "--force", id); !strings.Contains(out, "Deleted: "+id) {
			t.Fatalf("it is still there:\n%s", out)
		}
		run("", "pull", from)
		if got := strings.TrimSpace(run("", "image", "inspect", "--format", "{{.Id}}", from)); got != id {
			t.Errorf("pulled %s, pushed %s", got, id)
		}
	}
	run("", "tag", id, ref)
	run("", "push", ref) // all is there
	img, err := ann.TakePushed(t.Context(), "acme/solver:v1")
	w.must(err)
	if string(img.Digest) != digest || !w.runs(img.Digest) {
		t.Errorf("took %s, pushed %s", img.Digest, digest)
	}
	_, err = docker(his, bob.token, append(login, "bob")...)
	w.must(err)
	fails(his, "", "globex/NAME", "pull", ref)
	fails(his, "", "globex/NAME", "push", ref)
}
