package oci

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aihub"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func built(t testing.TB, cfg Config, files ...File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Build(&b, cfg, files); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sample() (Config, []File) {
	return Config{Entrypoint: []string{"/bin/solve", "--input", "/input"}, Cmd: []string{"-v"}, WorkingDir: "/srv/work", Env: []string{"PATH=/bin"}},
		[]File{
			{Name: "srv/模型.bin", Mode: 0o640, Size: 4, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("1234")), nil }},
			{Name: "bin/solve", Mode: 0o755 | fs.ModeSetuid, Content: []byte("ELF"), ModTime: time.Unix(1700000000, 5)},
			{Name: "bin/sh", Mode: fs.ModeSymlink, Link: "solve"},
			{Name: "bin-x", Mode: 0o644},
			{Name: "empty/", Mode: fs.ModeDir | 0o700},
		}
}

// An image that is built, taken in and unpacked is what it was built from.
func TestBuildRoundTrip(t *testing.T) {
	t.Parallel()
	cfg, files := sample()
	archive := built(t, cfg, files...)
	img, store, err := importing(t, archive, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/bin/solve", "--input", "/input", "-v"}, img.Args()); diff != "" || img.WorkingDir != "/srv/work" {
		t.Error(diff, img.WorkingDir)
	}
	if img.Notes != nil {
		t.Errorf("an image of our own needs no notes: %v", img.Notes)
	}
	root, release, err := (&Cache{Dir: t.TempDir()}).Rootfs(t.Context(), store, img, "")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	want := []string{"dr-xr-xr-x bin", "Lrwxrwxrwx bin/sh -> solve", `-r-xr-xr-x bin/solve "ELF"`, `-r--r--r-- bin-x ""`,
		"dr-xr-xr-x empty", "dr-xr-xr-x srv", "dr-xr-xr-x srv/work", `-r--r--r-- srv/模型.bin "1234"`}
	got := noMounts(treeOf(t, root))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if again := built(t, cfg, files...); !bytes.Equal(archive, again) {
		t.Error("the same files give other bytes")
	}
}

// The library that most tools are made with reads what Build writes, as a layout
// and as docker save.
func TestBuildIsStandard(t *testing.T) {
	t.Parallel()
	cfg, files := sample()
	archive := built(t, cfg, files...)
	img, _, err := importing(t, archive, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tr := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		p := filepath.Join(dir, h.Name)
		if h.Typeflag == tar.TypeDir {
			err = os.Mkdir(p, 0o755)
		} else {
			var b []byte
			if b, err = io.ReadAll(tr); err == nil {
				err = os.WriteFile(p, b, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ix, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(ix); err != nil {
		t.Error(err)
	}
	m, err := ix.IndexManifest()
	if err != nil || len(m.Manifests) != 1 || m.Manifests[0].Digest.String() != string(img.Digest) {
		t.Errorf("%+v, %v", m, err)
	}
	saved, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(saved); err != nil {
		t.Error(err)
	}
	if c, err := saved.ConfigName(); err != nil || c.String() != string(img.Config) {
		t.Errorf("%v, %v", c, err)
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	for name, files := range map[string][]File{
		"out":         {{Name: "../x"}},
		"absolute":    {{Name: "/x"}},
		"twice":       {{Name: "a"}, {Name: "./a"}},
		"whiteout":    {{Name: "a/.wh.b"}},
		"device":      {{Name: "a", Mode: fs.ModeDevice}},
		"below":       {{Name: "a"}, {Name: "a/b/c"}},
		"root":        {{Name: "."}},
		"short":       {{Name: "a", Size: 5, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("123")), nil }}},
		"no name":     {{}},
		"NUL in name": {{Name: "a\x00b"}},
	} {
		if err := Build(io.Discard, Config{}, files); aihub.KindOf(err) != aihub.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("broken")
	if err := Build(io.Discard, Config{}, []File{{Name: "a", Size: 1, Open: func() (io.ReadCloser, error) { return nil, broken }}}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestPackDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(p, body string, mode os.FileMode) {
		t.Helper()
		must(os.MkdirAll(filepath.Dir(filepath.Join(dir, p)), 0o755))
		must(os.WriteFile(filepath.Join(dir, p), []byte(body), mode))
	}
	write("app/run", "x", 0o755)
	write("app/a.py", "pass", 0o644)
	write("dev/null", "", 0o644)
	write("sys/x/y", "", 0o644)
	must(os.Symlink("/app/run", filepath.Join(dir, "run")))
	must(os.Symlink("../app", filepath.Join(dir, "app/self")))
	when := time.Unix(1600000000, 0)
	must(os.Chtimes(filepath.Join(dir, "app/a.py"), when, when))
	var b bytes.Buffer
	must(PackDir(&b, Config{Entrypoint: []string{"/run"}}, dir))
	img, store, err := importing(t, b.Bytes(), Limits{})
	must(err)
	root, release, err := (&Cache{Dir: t.TempDir()}).Rootfs(t.Context(), store, img, "")
	must(err)
	defer release()
	want := []string{"dr-xr-xr-x app", `-r--r--r-- app/a.py "pass"`, `-r-xr-xr-x app/run "x"`, "Lrwxrwxrwx app/self -> ../app", "Lrwxrwxrwx run -> /app/run"}
	if diff := cmp.Diff(want, noMounts(treeOf(t, root))); diff != "" {
		t.Error(diff)
	}
	if st, err := os.Stat(filepath.Join(root, "app/a.py")); err != nil || !st.ModTime().Equal(when) {
		t.Errorf("%v, %v", st, err)
	}

	must(os.Symlink("../../etc/passwd", filepath.Join(dir, "app/out")))
	must(syscall.Mkfifo(filepath.Join(dir, "app/fifo"), 0o644))
	write("app/.wh.x", "", 0o644)
	err = PackDir(&b, Config{}, dir)
	var codes []string
	for _, f := range faultsOf(t, err) {
		codes = append(codes, f.Code+" "+strings.TrimPrefix(f.Where, dir+": "))
	}
	if diff := cmp.Diff([]string{"whiteout app/.wh.x", "device app/fifo", "path app/out"}, codes); diff != "" {
		t.Error(diff)
	}
	if err := PackDir(&b, Config{}, filepath.Join(dir, "nowhere")); aihub.KindOf(err) != aihub.Invalid {
		t.Error(err)
	}
}
