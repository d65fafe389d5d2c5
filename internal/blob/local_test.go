package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/blob/blobtest"
)

func openLocal(t testing.TB, dir string) *blob.Local {
	t.Helper()
	l, err := blob.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// filesIn lists the regular files below dir, without those that skip names.
func filesIn(t testing.TB, dir string, skip ...string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		for _, s := range skip {
			if rel == s {
				return nil
			}
		}
		out = append(out, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func damageFile(t testing.TB, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLocal(t *testing.T) {
	blobtest.Run(t, 1<<20, func(t *testing.T) blobtest.Storage {
		dir := filepath.Join(t.TempDir(), "deep", "blobs")
		return blobtest.Storage{
			Store: openLocal(t, dir),
			Damage: func(t testing.TB, d aihub.Digest, f func([]byte) []byte) {
				damageFile(t, filepath.Join(dir, d.Hex()[:2], d.Hex()[2:]), f)
			},
			Files: func(t testing.TB) []string { return filesIn(t, dir, "lock") },
		}
	})
}

func TestLocalModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	l := openLocal(t, dir)
	if _, _, err := l.Put(t.Context(), strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700 | fs.ModeDir
		}
		if err == nil && info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", p, info.Mode(), want)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestLocalReopens(t *testing.T) {
	dir := t.TempDir()
	l := openLocal(t, dir)
	d, _, err := l.Put(t.Context(), strings.NewReader("kept"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := openLocal(t, dir).Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != "kept" {
		t.Errorf("%q, %v", b, err)
	}
}

// What a crash left in tmp/ goes away at the next start, but never what another
// process is writing.
func TestLocalSweep(t *testing.T) {
	dir := t.TempDir()
	if err := openLocal(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "tmp", "LEFTOVER")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := openLocal(t, dir)
	if _, err := os.Lstat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the leftover is still there (%v)", err)
	}
	content := blobtest.Content(1, 100_000)
	opened := false
	d, _, err := l.Put(t.Context(), io.MultiReader(bytes.NewReader(content[:50_000]), readerFunc(func([]byte) (int, error) {
		if !opened { // in the middle of a Put
			opened = true
			openLocal(t, dir)
			if n := len(filesIn(t, filepath.Join(dir, "tmp"))); n != 1 {
				t.Errorf("%d files in tmp/ during a Put, want 1", n)
			}
		}
		return 0, io.EOF
	}), bytes.NewReader(content[50_000:])))
	if err != nil || d != aihub.DigestOf(content) {
		t.Errorf("a Put beside another opener: %s, %v", d, err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A process that is killed in the middle of a Put leaves nothing to be seen,
// and its rest is swept.
func TestLocalSurvivesKill(t *testing.T) {
	if dir := os.Getenv("AIHUB_TEST_KILL"); dir != "" {
		l, err := blob.OpenLocal(dir)
		if err != nil {
			t.Fatal(err)
		}
		l.Put(context.Background(), io.MultiReader(bytes.NewReader(blobtest.Content(2, 200_000)), readerFunc(func([]byte) (int, error) {
			return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
		})))
		t.Fatal("still alive")
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestLocalSurvivesKill$")
	cmd.Env = append(os.Environ(), "AIHUB_TEST_KILL="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
	if n := len(filesIn(t, filepath.Join(dir, "tmp"))); n != 1 {
		t.Fatalf("%d files in tmp/ after the kill, want the half-written one", n)
	}
	l := openLocal(t, dir)
	if got := filesIn(t, dir, "lock"); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
	if err := l.Walk(t.Context(), func(d aihub.Digest, _ int64) error { t.Errorf("visible: %s", d); return nil }); err != nil {
		t.Error(err)
	}
}

// Links and pipes that somebody puts into the directory are neither followed
// nor waited for.
func TestLocalFollowsNothing(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := aihub.DigestOf([]byte("secret"))
	ab, rest := d.Hex()[:2], d.Hex()[2:]
	for name, plant := range map[string]func(dir string) error{
		"a link out": func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, ab), 0o700), os.Symlink(secret, filepath.Join(dir, ab, rest)))
		},
		"a link inside": func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, ab), 0o700), os.WriteFile(filepath.Join(dir, "x"), []byte("secret"), 0o600),
				os.Symlink("../x", filepath.Join(dir, ab, rest)))
		},
		"a linked directory": func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "other"), 0o700), os.WriteFile(filepath.Join(dir, "other", rest), []byte("secret"), 0o600),
				os.Symlink("other", filepath.Join(dir, ab)))
		},
		"a pipe": func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, ab), 0o700), syscall.Mkfifo(filepath.Join(dir, ab, rest), 0o600))
		},
		"a directory": func(dir string) error { return os.MkdirAll(filepath.Join(dir, ab, rest), 0o700) },
	} {
		dir := t.TempDir()
		l := openLocal(t, dir)
		if err := plant(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Open(t.Context(), d); err == nil {
			t.Errorf("%s was opened", name)
		}
		if _, err := l.Stat(t.Context(), d); err == nil {
			t.Errorf("%s was measured", name)
		}
		if err := l.Walk(t.Context(), func(d aihub.Digest, _ int64) error { t.Errorf("%s is listed as %s", name, d); return nil }); err != nil {
			t.Errorf("%s: Walk: %v", name, err)
		}
	}
	// A link where tmp/ should be: nothing is swept or written outside.
	dir, out := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(out, "theirs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(dir, "tmp")); err != nil {
		t.Fatal(err)
	}
	if l, err := blob.OpenLocal(dir); err == nil {
		l.Close()
		t.Error("a store whose tmp/ leads outside was opened")
	}
	if got := filesIn(t, out); len(got) != 1 {
		t.Errorf("outside there is now %q", got)
	}
}
