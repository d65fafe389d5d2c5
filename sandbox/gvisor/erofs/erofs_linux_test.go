package erofs

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gvisor "gvisor.dev/gvisor/pkg/erofs"
	"gvisor.dev/gvisor/pkg/safemem"
)

// tree makes files below dir, the same for the same seed.
func tree(t testing.TB, dir string, seed uint64, n int) map[string]string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	want := map[string]string{}
	parents := []string{"."}
	for i := range n {
		name := filepath.Join(parents[r.IntN(len(parents))], []string{"", "!", "-", "市民", strings.Repeat("n", 200)}[r.IntN(5)]+fmt.Sprint(i))
		if r.IntN(6) == 0 {
			if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
				t.Fatal(err)
			}
			parents = append(parents, name)
			want[name] = "dir"
			continue
		}
		b := make([]byte, []int{0, 1, 4095, 4096, 4097, 20000}[r.IntN(6)])
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o640); err != nil {
			t.Fatal(err)
		}
		want[name] = string(b)
	}
	return want
}

// The reader that a sandbox uses finds each file by its name and in its directory's
// list, with its bytes, and nothing else.
func TestWrite(t *testing.T) {
	for seed, n := range []int{0, 1, 40, 700} {
		dir := t.TempDir()
		want := tree(t, dir, uint64(seed), n)
		path := filepath.Join(t.TempDir(), "image")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(t.Context(), f, dir); err != nil {
			t.Fatal(err)
		}
		img, err := gvisor.OpenImage(f)
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		got := map[string]string{}
		look(t, img, img.RootNid(), ".", got)
		if len(got) != len(want) {
			t.Errorf("%d things, want %d", len(got), len(want))
		}
		for name, content := range want {
			if got[name] != content {
				t.Errorf("%s has %d bytes, want %d", name, len(got[name]), len(content))
			}
		}
		if st, _ := os.Stat(path); st.Size()%block != 0 {
			t.Errorf("%d bytes are no whole blocks", st.Size())
		}
	}
}

// look reads a directory of an image as gVisor does.
func look(t *testing.T, img *gvisor.Image, nid uint64, at string, got map[string]string) {
	t.Helper()
	ino, err := img.Inode(nid)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	err = ino.IterDirents(func(name string, kind uint8, nid uint64) error {
		found, err := ino.Lookup(name)
		if err != nil || found != nid {
			t.Errorf("%s: %s is %d in the list and %d by its name: %v", at, name, nid, found, err)
		}
		if name == "." || name == ".." {
			return nil
		}
		child, err := img.Inode(nid)
		if err != nil {
			return err
		}
		p := filepath.Join(at, name)
		if child.IsDir() {
			if kind != folder || child.Mode() != modeDir {
				t.Errorf("%s: kind %d, mode %o", p, kind, child.Mode())
			}
			got[p] = "dir"
			look(t, img, nid, p, got)
			return nil
		}
		if kind != regular || child.Mode() != modeFile || child.UID() != 0 {
			t.Errorf("%s: kind %d, mode %o", p, kind, child.Mode())
		}
		if child.Size() > 0 {
			blocks, err := child.Data()
			if err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			b := make([]byte, child.Size())
			if _, err := safemem.CopySeq(safemem.BlockSeqOf(safemem.BlockFromSafeSlice(b)), blocks); err != nil {
				return err
			}
			got[p] = string(b)
		} else {
			got[p] = ""
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
}

// What is no file is refused, and nothing is followed.
func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(t.Context(), &bytes.Buffer{}, dir); !errors.Is(err, ErrKind) {
		t.Errorf("a pipe: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "pipe")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := Size(dir); !errors.Is(err, ErrKind) {
		t.Errorf("a link: %v", err)
	}
	if err := Write(t.Context(), &bytes.Buffer{}, filepath.Join(dir, "nothing")); err == nil {
		t.Error("a directory that is not there was written")
	}
}
