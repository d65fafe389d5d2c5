package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"aihub"
)

func TestCreateAndReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "root.key")
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 || info.Size() != Size {
		t.Fatalf("%v, %v", info, err)
	}
	if d, err := os.Stat(filepath.Dir(path)); err != nil || d.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", d, err)
	}
	again, err := Open(path)
	if err != nil || *again != *r {
		t.Errorf("opening again gave another key (%v)", err)
	}
	other, err := Open(filepath.Join(t.TempDir(), "root.key"))
	if err != nil || *other == *r {
		t.Errorf("two platforms share a key (%v)", err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".new-key-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestCreateAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	var wg sync.WaitGroup
	rings := make([]*Ring, 16)
	for i := range rings {
		wg.Go(func() {
			r, err := Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			rings[i] = r
		})
	}
	wg.Wait()
	for _, r := range rings {
		if r != nil && *r != *rings[0] {
			t.Fatal("two openers got different keys")
		}
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, size int, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write("good", Size, 0o600), link); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{
		write("group", Size, 0o640), write("world", Size, 0o604), write("writable", Size, 0o620),
		write("short", Size-1, 0o600), write("long", Size+1, 0o600), write("empty", 0, 0o600),
		link, pipe,
	} {
		r, err := Open(p)
		if r != nil || aihub.KindOf(err) != aihub.Invalid {
			t.Errorf("%s: %v, %v", filepath.Base(p), r, err)
		}
	}
	if r, err := Open(dir); r != nil || err == nil {
		t.Error("a directory was opened as a key")
	}
	if _, err := Open(write("owner", Size, 0o400)); err != nil {
		t.Errorf("a read-only key: %v", err)
	}
}

func TestDerive(t *testing.T) {
	var r Ring
	for i := range r.root {
		r.root[i] = byte(i)
	}
	// Computed apart with Python's hmac: HKDF-SHA256, empty salt,
	// info = "aihub/v1\0" || uint32(4) || "mask" || "population@1".
	const want = "18472f408b06ae8004f32e9c3f2295356d8d77d3cd3123dec9b1c75d051dc631"
	got := r.Derive("mask", "population@1")
	if hex.EncodeToString(got) != want {
		t.Errorf("Derive = %x, want %s", got, want)
	}
	seen := map[string]string{}
	for _, c := range [][2]string{{"mask", "a"}, {"mask", "b"}, {"mas", "ka"}, {"maska", ""}, {"", "maska"}, {"ledger-signer", ""}} {
		k := string(r.Derive(c[0], c[1]))
		if len(k) != Size {
			t.Errorf("%q: %d bytes", c, len(k))
		}
		if first, ok := seen[k]; ok {
			t.Errorf("%q and %q have the same key", first, c)
		}
		seen[k] = fmt.Sprint(c)
	}
}

func TestSigner(t *testing.T) {
	r, err := Open(filepath.Join(t.TempDir(), "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	msg := []byte("checkpoint")
	if !ed25519.Verify(r.Public(), msg, ed25519.Sign(r.Signer(), msg)) {
		t.Error("Public does not verify what Signer signed")
	}
}

func TestNothingPrintsTheKey(t *testing.T) {
	r := &Ring{}
	copy(r.root[:], bytes.Repeat([]byte{0xAB}, Size))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, v := range []any{r, *r, struct{ R *Ring }{r}, struct{ R Ring }{*r}} {
			s := strings.ToLower(fmt.Sprintf(verb, v))
			if strings.Contains(s, "abab") || strings.Contains(s, "171") || strings.Contains(s, "0xab") {
				t.Errorf("%s of %T prints %s", verb, v, s)
			}
		}
	}
	if b, err := json.Marshal(r); err == nil {
		t.Errorf("JSON: %s", b)
	}
}
