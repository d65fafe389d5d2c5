// Package blobtest is the conformance suite of blob stores. Every store runs it
// against its real storage; a storage hook lets the suite damage what is stored
// and look for leftovers behind the store's back.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"aihub"
	"aihub/internal/blob"
)

// Storage is one empty store and what lies behind it.
type Storage struct {
	Store blob.Store
	// Damage replaces the stored bytes of d by f of them.
	Damage func(t testing.TB, d aihub.Digest, f func([]byte) []byte)
	// Files lists every file of the storage that holds or held content, so that
	// leftovers show.
	Files func(t testing.TB) []string
}

// Run runs the suite; open returns a new, empty storage. A blob of more than
// large bytes is stored in several parts where the store knows parts.
func Run(t *testing.T, large int, open func(t *testing.T) Storage) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Storage, large int)
	}{
		{"round trip", roundTrip},
		{"idempotent", idempotent},
		{"at once", atOnce},
		{"not there", notThere},
		{"bad digests", badDigests},
		{"invisible until whole", invisible},
		{"failing reader leaves nothing", failingReader},
		{"cancelled", cancelled},
		{"damage is detected", damage},
		{"delete", deleted},
		{"walk", walk},
		{"fetch", fetch},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t), large)
		})
	}
}

// Content returns n pseudo-random bytes of a seed.
func Content(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1})
	r.Read(b)
	return b
}

func put(t testing.TB, s blob.Store, b []byte) aihub.Digest {
	t.Helper()
	d, n, err := s.Put(t.Context(), bytes.NewReader(b))
	if err != nil || n != int64(len(b)) || d != aihub.DigestOf(b) {
		t.Fatalf("Put of %d bytes = %s, %d, %v; want %s", len(b), d, n, err, aihub.DigestOf(b))
	}
	return d
}

func read(t testing.TB, s blob.Store, d aihub.Digest) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), d)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	if cerr := r.Close(); cerr != nil {
		t.Errorf("Close: %v", cerr)
	}
	return b, err
}

func list(t testing.TB, s blob.Store) map[aihub.Digest]int64 {
	t.Helper()
	out := map[aihub.Digest]int64{}
	if err := s.Walk(t.Context(), func(d aihub.Digest, size int64) error {
		if _, twice := out[d]; twice {
			t.Errorf("Walk gives %s twice", d)
		}
		out[d] = size
		return nil
	}); err != nil {
		t.Fatalf("Walk: %v", err)
	}
	return out
}

func wantKind(t testing.TB, what string, err error, kind aihub.Kind) {
	t.Helper()
	if aihub.KindOf(err) != kind {
		t.Errorf("%s: kind %q (%v), want %q", what, aihub.KindOf(err), err, kind)
	}
}

func roundTrip(t *testing.T, s Storage, large int) {
	for i, n := range []int{0, 1, 4096, 10 << 20, large, large + 1, large + large/3} {
		want := Content(uint64(i), n)
		// A reader that gives one odd piece at a time, and its last bytes
		// together with io.EOF.
		d, size, err := s.Store.Put(t.Context(), iotest.DataErrReader(&pieces{b: want}))
		if err != nil || size != int64(n) || d != aihub.DigestOf(want) {
			t.Fatalf("%d bytes: Put = %s, %d, %v", n, d, size, err)
		}
		if size, err := s.Store.Stat(t.Context(), d); err != nil || size != int64(n) {
			t.Errorf("%d bytes: Stat = %d, %v", n, size, err)
		}
		got, err := read(t, s.Store, d)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: read %d back, %v", n, len(got), err)
		}
	}
}

// pieces reads b in pieces of uneven size.
type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	p.n++
	n := copy(to[:min(len(to), 1+p.n*7919%65536)], p.b)
	p.b = p.b[n:]
	return n, nil
}

func idempotent(t *testing.T, s Storage, large int) {
	for _, n := range []int{100, large + 1} {
		b := Content(uint64(n), n)
		d := put(t, s.Store, b)
		files := s.Files(t)
		if again := put(t, s.Store, b); again != d {
			t.Errorf("the same content got %s and %s", d, again)
		}
		if now := s.Files(t); !slices.Equal(files, now) {
			t.Errorf("putting again left %q, before %q", now, files)
		}
		if got, err := read(t, s.Store, d); err != nil || !bytes.Equal(got, b) {
			t.Errorf("after putting twice: %d bytes, %v", len(got), err)
		}
	}
	if got := list(t, s.Store); len(got) != 2 {
		t.Errorf("Walk lists %v", got)
	}
}

func atOnce(t *testing.T, s Storage, large int) {
	for _, n := range []int{1 << 20, large + 1} {
		b := Content(uint64(n), n)
		want := aihub.DigestOf(b)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				d, size, err := s.Store.Put(t.Context(), bytes.NewReader(b))
				if err != nil || d != want || size != int64(n) {
					t.Errorf("Put = %s, %d, %v", d, size, err)
					return
				}
				// Whoever's Put has returned sees all of it, whatever the others do.
				if got, err := read(t, s.Store, d); err != nil || !bytes.Equal(got, b) {
					t.Errorf("read %d bytes, %v", len(got), err)
				}
			})
		}
		wg.Wait()
	}
	if got := list(t, s.Store); len(got) != 2 {
		t.Errorf("Walk lists %v", got)
	}
}

func notThere(t *testing.T, s Storage, _ int) {
	put(t, s.Store, []byte("something else"))
	d := aihub.DigestOf([]byte("never put"))
	_, err := s.Store.Open(t.Context(), d)
	wantKind(t, "Open", err, aihub.NotFound)
	_, err = s.Store.Stat(t.Context(), d)
	wantKind(t, "Stat", err, aihub.NotFound)
	if err := s.Store.Delete(t.Context(), d); err != nil {
		t.Errorf("Delete: %v", err)
	}
	path := filepath.Join(t.TempDir(), "x")
	wantKind(t, "Fetch", blob.Fetch(t.Context(), s.Store, d, path), aihub.NotFound)
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a failed Fetch left a file (%v)", err)
	}
}

func badDigests(t *testing.T, s Storage, _ int) {
	hex64 := hex.EncodeToString(make([]byte, 32))
	for _, d := range []aihub.Digest{
		"", "sha256:", "sha256:../../../../etc/passwd", "sha512:" + aihub.Digest(hex64), aihub.Digest(hex64),
		"sha256:" + aihub.Digest(hex64[:62]), "sha256:AA" + aihub.Digest(hex64[2:]), "sha256:zz" + aihub.Digest(hex64[2:]),
		"sha256:" + aihub.Digest(hex64) + "/x", "sha256:..\x00" + aihub.Digest(hex64[3:]),
	} {
		_, err := s.Store.Open(t.Context(), d)
		wantKind(t, "Open "+string(d), err, aihub.Invalid)
		_, err = s.Store.Stat(t.Context(), d)
		wantKind(t, "Stat "+string(d), err, aihub.Invalid)
		wantKind(t, "Delete "+string(d), s.Store.Delete(t.Context(), d), aihub.Invalid)
	}
}

func invisible(t *testing.T, s Storage, large int) {
	b := Content(3, large+1)
	d := aihub.DigestOf(b)
	at := 0
	// The reader looks at the store while the store reads from it.
	look := readerFunc(func(p []byte) (int, error) {
		if at == 0 || at > large {
			if _, err := s.Store.Stat(t.Context(), d); aihub.KindOf(err) != aihub.NotFound {
				t.Errorf("visible after %d of %d bytes (%v)", at, len(b), err)
			}
			if got := list(t, s.Store); len(got) != 0 {
				t.Errorf("Walk lists %v after %d bytes", got, at)
			}
		}
		if at == len(b) {
			return 0, io.EOF
		}
		n := copy(p, b[at:])
		at += n
		return n, nil
	})
	if got, _, err := s.Store.Put(t.Context(), look); err != nil || got != d {
		t.Fatalf("Put = %s, %v", got, err)
	}
	if _, err := s.Store.Stat(t.Context(), d); err != nil {
		t.Errorf("not visible after Put: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func failingReader(t *testing.T, s Storage, large int) {
	boom := aihub.Errorf(aihub.Quota, aihub.Text{EN: "too much", ZH: "过多"})
	for _, n := range []int{0, 1, 100_000, large + 1} {
		_, _, err := s.Store.Put(t.Context(), io.MultiReader(bytes.NewReader(Content(4, n)), iotest.ErrReader(boom)))
		if !errors.Is(err, boom) {
			t.Errorf("after %d bytes Put returned %v, want the reader's error", n, err)
		}
	}
	if got := list(t, s.Store); len(got) != 0 {
		t.Errorf("Walk lists %v", got)
	}
	if got := s.Files(t); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
}

func cancelled(t *testing.T, s Storage, large int) {
	ctx, cancel := context.WithCancel(t.Context())
	rest := Content(5, large+1)
	at := 0
	_, _, err := s.Store.Put(ctx, readerFunc(func(p []byte) (int, error) {
		if at > large/2 {
			cancel()
		}
		if at == len(rest) {
			return 0, io.EOF
		}
		n := copy(p, rest[at:])
		at += n
		return n, nil
	}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	if got := s.Files(t); len(got) != 0 || len(list(t, s.Store)) != 0 {
		t.Errorf("left behind: %q", got)
	}
	d := put(t, s.Store, rest)
	if _, err := s.Store.Stat(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("Stat: %v", err)
	}
	if _, err := s.Store.Open(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
	if err := s.Store.Delete(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("Delete: %v", err)
	}
	if err := s.Store.Walk(ctx, func(aihub.Digest, int64) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Walk: %v", err)
	}
	// In the middle of reading.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	r, err := s.Store.Open(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if n, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("read %d bytes more, %v", n, err)
	}
	if _, err := s.Store.Stat(t.Context(), d); err != nil {
		t.Errorf("the blob is gone: %v", err)
	}
}

func damage(t *testing.T, s Storage, large int) {
	for i, n := range []int{1, 5000, large + 1} {
		for name, f := range map[string]func([]byte) []byte{
			"first bit":  func(b []byte) []byte { b[0] ^= 1; return b },
			"last bit":   func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b },
			"shortened":  func(b []byte) []byte { return b[:len(b)-1] },
			"lengthened": func(b []byte) []byte { return append(b, 'x') },
			"emptied":    func([]byte) []byte { return nil },
		} {
			want := Content(uint64(100+i), n)
			d := put(t, s.Store, want)
			s.Damage(t, d, f)
			got, err := read(t, s.Store, d)
			wantKind(t, name, err, aihub.Internal)
			if bytes.Equal(got, want) {
				t.Errorf("%s: the hook damaged nothing", name)
			}
			path := filepath.Join(t.TempDir(), "copy")
			if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
				t.Fatal(err)
			}
			wantKind(t, name+": Fetch", blob.Fetch(t.Context(), s.Store, d, path), aihub.Internal)
			if b, err := os.ReadFile(path); err != nil || string(b) != "before" {
				t.Errorf("%s: a failed Fetch replaced the file (%v)", name, err)
			}
			if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
				t.Errorf("%s: a failed Fetch left %v", name, left)
			}
			// The way back: delete it and put it again.
			if err := s.Store.Delete(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			put(t, s.Store, want)
			if got, err := read(t, s.Store, d); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: after putting it again: %v", name, err)
			}
			if err := s.Store.Delete(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func deleted(t *testing.T, s Storage, _ int) {
	a, b := put(t, s.Store, []byte("a")), put(t, s.Store, []byte("b"))
	for range 2 { // the second time is no error
		if err := s.Store.Delete(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Store.Stat(t.Context(), a)
	wantKind(t, "Stat", err, aihub.NotFound)
	_, err = s.Store.Open(t.Context(), a)
	wantKind(t, "Open", err, aihub.NotFound)
	if got := list(t, s.Store); len(got) != 1 || got[b] != 1 {
		t.Errorf("Walk lists %v", got)
	}
}

func walk(t *testing.T, s Storage, _ int) {
	if got := list(t, s.Store); len(got) != 0 {
		t.Errorf("an empty store lists %v", got)
	}
	want := map[aihub.Digest]int64{}
	for i := range 40 {
		b := Content(uint64(1000+i), i)
		want[put(t, s.Store, b)] = int64(i)
	}
	got := list(t, s.Store)
	if len(got) != len(want) {
		t.Errorf("Walk lists %d blobs, want %d", len(got), len(want))
	}
	for d, size := range want {
		if n, ok := got[d]; !ok || n != size {
			t.Errorf("%s: %d, %v; want %d", d, n, ok, size)
		}
	}
	stop, n := errors.New("stop"), 0
	if err := s.Store.Walk(t.Context(), func(aihub.Digest, int64) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("Walk went on after an error: %d calls, %v", n, err)
	}
}

func fetch(t *testing.T, s Storage, large int) {
	b := Content(6, large+1)
	d := put(t, s.Store, b)
	dir := t.TempDir()
	path := filepath.Join(dir, "copy")
	for range 2 { // the second replaces the first
		if err := blob.Fetch(t.Context(), s.Store, d, path); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || sha256.Sum256(got) != sha256.Sum256(b) {
			t.Errorf("fetched %d bytes, %v", len(got), err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode: %v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("Fetch left %v", left)
	}
	if err := blob.Fetch(t.Context(), s.Store, d, filepath.Join(dir, "no", "such", "dir")); err == nil {
		t.Error("Fetch into a missing directory succeeded")
	}
}
