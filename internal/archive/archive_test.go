package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aihub"
)

func kindOf(err error) aihub.Kind { return aihub.KindOf(err) }

// all reads an archive.
func all(r io.Reader) (map[string]string, error) {
	got := map[string]string{}
	err := Each(r, func(name string, size int64, r io.Reader) error {
		b, err := io.ReadAll(r)
		if err == nil && int64(len(b)) != size {
			err = fmt.Errorf("%s has %d bytes, not %d", name, len(b), size)
		}
		got[name] = string(b)
		return err
	})
	return got, err
}

// The same files give the same bytes whenever and wherever they were written, and
// come back as they were, in order or by name.
func TestPackAndRead(t *testing.T) {
	t.Parallel()
	want := map[string]string{"a.png": "A", "b/c.jpg": strings.Repeat("C", 3000), "声音.wav": "", "z": "z"}
	pack := func(names []string) []byte {
		dir := t.TempDir()
		for _, n := range names {
			p := filepath.Join(dir, filepath.FromSlash(n))
			if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(want[n]), 0o640)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(os.WriteFile(filepath.Join(dir, ".DS_Store"), []byte("x"), 0o600), os.MkdirAll(filepath.Join(dir, ".git", "x"), 0o700)); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if n, err := Pack(context.Background(), &b, dir); err != nil || n != len(want) {
			t.Fatal(n, err)
		}
		return b.Bytes()
	}
	names := slices.Sorted(maps.Keys(want))
	one := pack(names)
	slices.Reverse(names)
	if !bytes.Equal(one, pack(names)) {
		t.Error("the same folder gives other bytes")
	}
	got, err := all(bytes.NewReader(one))
	if err != nil || !maps.Equal(got, want) {
		t.Fatal(got, err)
	}
	file := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(file, one, 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for _, n := range names {
		r, ok := x.Get(n)
		b, err := io.ReadAll(r)
		if !ok || err != nil || string(b) != want[n] {
			t.Errorf("%s: %q, %v", n, b, err)
		}
	}
	if _, ok := x.Get("nothing"); ok || len(x.Names()) != len(want) {
		t.Error("names:", x.Names())
	}
}

func TestPackRefusesLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "face.jpg")); err != nil {
		t.Skip(err)
	}
	_, err := Pack(context.Background(), io.Discard, dir)
	if kindOf(err) != aihub.Invalid || !strings.Contains(err.Error(), "face.jpg") {
		t.Error(err)
	}
}

func TestHostileArchives(t *testing.T) {
	t.Parallel()
	build := func(hs ...tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range hs {
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(make([]byte, h.Size)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	good := build(tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 2000})
	for name, b := range map[string][]byte{
		"a link":      build(tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}),
		"a hard link": build(tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "b"}),
		"a device":    build(tar.Header{Name: "a", Typeflag: tar.TypeChar}),
		"a fifo":      build(tar.Header{Name: "a", Typeflag: tar.TypeFifo}),
		"climbs out":  build(tar.Header{Name: "../a", Typeflag: tar.TypeReg}),
		"absolute":    build(tar.Header{Name: "/a", Typeflag: tar.TypeReg}),
		"backslash":   build(tar.Header{Name: `..\a`, Typeflag: tar.TypeReg}),
		"control":     build(tar.Header{Name: "a\u202eb", Typeflag: tar.TypeReg}),
		"too deep":    build(tar.Header{Name: strings.Repeat("d/", 9) + "a", Typeflag: tar.TypeReg}),
		"too long":    build(tar.Header{Name: strings.Repeat("n", 241), Typeflag: tar.TypeReg}),
		"twice":       build(tar.Header{Name: "a", Typeflag: tar.TypeReg}, tar.Header{Name: "./a", Typeflag: tar.TypeReg}),
		"cut":         good[:1500],
		"no tar":      bytes.Repeat([]byte("PK\x03\x04"), 512),
	} {
		if _, err := all(bytes.NewReader(b)); kindOf(err) != aihub.Contract {
			t.Errorf("%s: %v", name, err)
		}
		file := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if x, err := Open(file); kindOf(err) != aihub.Contract {
			t.Errorf("%s opened: %v, %v", name, x, err)
		}
	}
	r, w := io.Pipe()
	go func() {
		out := NewWriter(w)
		for i := range MaxFiles + 1 {
			if out.Add(fmt.Sprint(i), 0, strings.NewReader("")) != nil {
				break
			}
		}
		w.CloseWithError(out.Close())
	}()
	_, err := all(r)
	r.Close()
	if kindOf(err) != aihub.Quota {
		t.Error("too many files:", err)
	}
}

// FuzzEach: whatever the bytes are, an archive is read or refused, and what is
// read has plain names and whole contents.
func FuzzEach(f *testing.F) {
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, n := range []string{"a.png", "d/b.wav"} {
		if err := w.Add(n, 3, strings.NewReader("abc")); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:1100])
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := all(bytes.NewReader(data))
		if err != nil && kindOf(err) != aihub.Contract {
			t.Fatal(err)
		}
		for n := range got {
			if !filepath.IsLocal(filepath.FromSlash(n)) {
				t.Fatalf("%q was read", n)
			}
		}
	})
}
