package registry_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/oci"
	"aihub/policies"
	"aihub/server/wire"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// archive is an image that the contract takes; say makes it one of its own.
func archive(t *testing.T, say string) string {
	t.Helper()
	var b bytes.Buffer
	err := oci.Build(&b, oci.Config{Entrypoint: []string{"/run"}}, []oci.File{
		{Name: "run", Mode: 0o755, Content: []byte("#!/bin/sh\necho " + say + "\n")},
		{Name: "weights", Mode: 0o644, Content: bytes.Repeat([]byte(say), 100_000)},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func load(t *testing.T, file string) v1.Image {
	t.Helper()
	img, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	// tarball makes Docker's manifest; the OCI's stays readable to skopeo too.
	return mutate.MediaType(mutate.ConfigMediaType(img, types.OCIConfigJSON), types.OCIManifestSchema1)
}

// Row A9: a submission pins what its tag named when it was taken; the tag may
// move and the image be deleted afterwards.
func TestTagMovesAfterSubmission(t *testing.T) {
	w := newWorld(t)
	ann := w.as("ann")
	opt := crane.WithAuth(&authn.Basic{Username: "ann", Password: ann.token})
	first, second := load(t, archive(t, "first")), load(t, archive(t, "second"))
	ref := w.host + "/acme/solver:v1"
	w.must(crane.Push(first, ref, opt))
	pinned, err := crane.Digest(ref, opt)
	w.must(err)
	taken, err := ann.TakePushed(t.Context(), "acme/solver:v1")
	w.must(err)
	if string(taken.Digest) != pinned {
		t.Errorf("took %s, the tag named %s", taken.Digest, pinned)
	}
	w.must(crane.Push(second, ref, opt))
	if moved, err := crane.Digest(ref, opt); err != nil || moved == pinned {
		t.Fatalf("the tag did not move: %s %v", moved, err)
	}
	later, err := ann.TakePushed(t.Context(), "acme/solver@"+pinned)
	w.must(err)
	if later.Digest != taken.Digest {
		t.Errorf("by digest: %s", later.Digest)
	}
	w.must(crane.Delete(w.host+"/acme/solver@"+pinned, opt))
	layers, err := first.Layers()
	w.must(err)
	for _, l := range layers {
		d, err := l.Digest()
		w.must(err)
		if resp, body := ann.ask("DELETE", "/v2/acme/solver/blobs/"+d.String(), ""); resp.StatusCode != 202 {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
	img, err := oci.Load(t.Context(), w.blobs, taken.Digest)
	w.must(err)
	root, done, err := (&oci.Cache{Dir: filepath.Join(t.TempDir(), "cache")}).Rootfs(t.Context(), w.blobs, img, "")
	w.must(err)
	defer done()
	b, err := os.ReadFile(filepath.Join(root, "run"))
	if err != nil || !strings.Contains(string(b), "echo first") {
		t.Errorf("runs %q, %v", b, err)
	}
	if ok, err := w.db.HasImage(t.Context(), policies.ScopeOf(aihub.Actor{User: "ann", Org: "acme"}), taken.Digest); err != nil || !ok {
		t.Errorf("%v %v", ok, err)
	}
}

// Taking an image that another organisation has writes all of it, like one that
// nobody has; the organisation's own is not written twice, nor are its layers.
func TestIntakeIsNoOracle(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.as("ann"), w.as("bob")
	file := archive(t, "secret")
	img := load(t, file)
	const seals = 3 * 16 // bytes beside the content of the layer, the config and the manifest
	for _, p := range []person{ann, bob} {
		org := map[aihub.UserID]string{"ann": "acme", "bob": "globex"}[p.id]
		w.must(crane.Push(img, w.host+"/"+org+"/solver:v1", crane.WithAuth(&authn.Basic{Username: string(p.id), Password: p.token})))
	}
	upload := func(p person) func() (wire.Image, error) {
		return func() (wire.Image, error) {
			f, err := os.Open(file)
			w.must(err)
			defer f.Close()
			return p.UploadImage(t.Context(), f, nil)
		}
	}
	push := func(p person, ref string) func() (wire.Image, error) {
		return func() (wire.Image, error) { return p.TakePushed(t.Context(), ref) }
	}
	for _, c := range []struct {
		name string
		take func() (wire.Image, error)
		all  bool // is written
	}{
		{"ann uploads", upload(ann), true},
		{"ann again", upload(ann), false},
		{"bob uploads what ann has", upload(bob), true},
		{"bob again", upload(bob), false},
		{"ann takes what she pushed", push(ann, "acme/solver:v1"), false},
		{"ann again", push(ann, "acme/solver:v1"), false},
	} {
		w.puts.bytes.Store(0)
		got, err := c.take()
		w.must(err)
		// Of what was pushed the manifest may be another one than the archive's.
		if n := w.puts.bytes.Load(); c.all && n != got.Bytes+seals || !c.all && n > 4096 {
			t.Errorf("%s: wrote %d of %d bytes", c.name, n, got.Bytes+seals)
		}
	}
	// What only the other organisation has taken is written when it is taken here.
	other := archive(t, "other")
	w.must(crane.Push(load(t, other), w.host+"/globex/solver:v2", crane.WithAuth(&authn.Basic{Username: "bob", Password: bob.token})))
	file = other
	if _, err := upload(ann)(); err != nil {
		t.Fatal(err)
	}
	w.puts.bytes.Store(0)
	got, err := bob.TakePushed(t.Context(), "globex/solver:v2")
	w.must(err)
	if n := w.puts.bytes.Load(); n != got.Bytes+seals {
		t.Errorf("bob takes what ann has: wrote %d of %d bytes", n, got.Bytes+seals)
	}
}

// What breaks the contract is kept by the registry and refused by a submission,
// with the same words as an uploaded archive.
func TestTakePushedChecks(t *testing.T) {
	w := newWorld(t)
	ann := w.as("ann")
	opt := crane.WithAuth(&authn.Basic{Username: "ann", Password: ann.token})
	good := load(t, archive(t, "good"))
	cf, err := good.ConfigFile()
	w.must(err)
	other := cf.DeepCopy()
	other.Architecture = map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	foreign, err := mutate.ConfigFile(good, other)
	w.must(err)
	bad, err := mutate.AppendLayers(good, static.NewLayer([]byte("no tar"), types.OCILayer))
	w.must(err)
	for tag, c := range map[string]struct {
		img  v1.Image
		code string
	}{"good": {good, ""}, "foreign": {foreign, "platform"}, "bad": {bad, "media_type"}} {
		w.must(crane.Push(c.img, w.host+"/acme/solver:"+tag, opt))
		_, err := ann.TakePushed(t.Context(), "acme/solver:"+tag)
		if c.code == "" {
			w.must(err)
		} else if aihub.KindOf(err) != aihub.Contract || !strings.Contains(err.Error(), c.code+" (") {
			t.Errorf("%s: %v", tag, err)
		}
	}
	// Of an index, the image for this machine.
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		mutate.IndexAddendum{Add: good, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: runtime.GOARCH}}},
		mutate.IndexAddendum{Add: foreign, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: other.Architecture}}})
	tag, err := name.NewTag(w.host + "/acme/solver:all")
	w.must(err)
	w.must(remote.WriteIndex(tag, index, remote.WithAuth(&authn.Basic{Username: "ann", Password: ann.token})))
	got, err := ann.TakePushed(t.Context(), "acme/solver:all")
	w.must(err)
	want, err := good.Digest()
	w.must(err)
	if string(got.Digest) != want.String() {
		t.Errorf("took %s, want %s", got.Digest, want)
	}
	for _, ref := range []string{"", "solver", "acme/solver", "acme/solver:", "acme/solver@sha256:x", "../x:y", "acme/a/b:v1", "acme/solver:none"} {
		if _, err := ann.TakePushed(t.Context(), ref); aihub.KindOf(err) != aihub.Invalid && aihub.KindOf(err) != aihub.NotFound && aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// without skips a test for want of something, and in CI fails it: why says what is
// missing and what gets it.
func without(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Real skopeo pushes, inspects, pulls and deletes.
func TestSkopeo(t *testing.T) {
	if _, err := exec.LookPath("skopeo"); err != nil {
		without(t, "skopeo is not here: make deps, as root, installs it")
	}
	w := newWorld(t)
	ann := w.as("ann")
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.json")
	w.must(os.WriteFile(policy, []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`), 0o600))
	skopeo := func(args ...string) (string, error) {
		cmd := exec.Command("skopeo", append([]string{"--policy", policy, "--tmpdir", dir}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+dir, "REGISTRY_AUTH_FILE="+filepath.Join(dir, "auth.json"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := skopeo(args...)
		if err != nil {
			t.Fatalf("skopeo %v: %v\n%s", args[0], err, out)
		}
		return out
	}
	at := "docker://" + w.host + "/acme/solver:v1"
	creds := "ann:" + ann.token
	run("copy", "--dest-tls-verify=false", "--dest-creds", creds, "docker-archive:"+archive(t, "skopeo"), at)
	if out := run("inspect", "--tls-verify=false", "--creds", creds, at); !strings.Contains(out, "linux") {
		t.Error(out)
	}
	run("copy", "--src-tls-verify=false", "--src-creds", creds, at, "oci:"+filepath.Join(dir, "back")+":v1")
	if _, err := ann.TakePushed(t.Context(), "acme/solver:v1"); err != nil {
		t.Error(err)
	}
	if out, err := skopeo("inspect", "--tls-verify=false", "--creds", "bob:"+w.as("bob").token, at); err == nil {
		t.Errorf("another organisation reads it: %s", out)
	}
	run("delete", "--tls-verify=false", "--creds", creds, at)
	if out, err := skopeo("inspect", "--tls-verify=false", "--creds", creds, at); err == nil {
		t.Errorf("still there: %s", out)
	}
}
