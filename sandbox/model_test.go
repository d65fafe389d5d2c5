package sandbox

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aihub"
)

// A model is laid out as it was sealed, and its directories and files are
// readable for everybody, whatever they were.
func TestModelRoundTrip(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	want := map[string]string{"weights": "42", "a/b/c": "deep", "a/empty": "", "名称/é": "text"}
	for name, content := range want {
		if err := os.MkdirAll(filepath.Join(from, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := modelFiles(from)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := writeModel(t.Context(), &b, make([]byte, sealBytes), from, files); err != nil {
		t.Fatal(err)
	}
	got := laid(t, to, b.Bytes())
	if len(got) != len(want) {
		t.Errorf("%q, want %q", got, want)
	}
	for name, content := range want {
		if got[name] != content {
			t.Errorf("%s holds %q, want %q", name, got[name], content)
		}
	}
	for name, mode := range map[string]fs.FileMode{"weights": 0o644, "a": fs.ModeDir | 0o755, "a/b/c": 0o644} {
		if fi, err := os.Stat(filepath.Join(to, name)); err != nil || fi.Mode() != mode {
			t.Errorf("%s: %v %v, want %v", name, fi, err, mode)
		}
	}
}

// What no model may hold is the vendor's failure, and names the file.
func TestModelFilesRefuses(t *testing.T) {
	for name, reason := range map[string]aihub.Reason{
		"":                             aihub.ReasonNoOutput,
		"a\nb":                         aihub.ReasonOutput,
		"a\u202eb":                     aihub.ReasonOutput,
		"a\xffb":                       aihub.ReasonOutput,
		`a\b`:                          aihub.ReasonOutput,
		strings.Repeat("d/", 32) + "e": aihub.ReasonOutput,
		strings.Repeat(strings.Repeat("d", 200)+"/", 6) + "e": aihub.ReasonOutput,
	} {
		dir := t.TempDir()
		if name != "" {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := modelFiles(dir)
		if f, ok := err.(*failure); !ok || f.Owner != aihub.FaultVendor || f.Reason != reason || strings.ContainsAny(f.Detail, "\n\u202e") {
			t.Errorf("%q: %v, want the vendor's failure %s", name, err, reason)
		}
	}
}

// laid unpacks an archive and returns what it left, or nil.
func laid(t testing.TB, dir string, archive []byte) map[string]string {
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := readModel(bytes.NewReader(archive), int64(len(archive)), func(name string, _ int64, r io.Reader) error { return lay(root, name, r) }); err != nil {
		return nil
	}
	got := map[string]string{}
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, p)
			b, err := os.ReadFile(p)
			if err != nil || !d.Type().IsRegular() {
				t.Errorf("%s: %v %v", name, d.Type(), err)
			}
			got[name] = string(b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// No archive leaves anything but plain files below its directory, or more bytes
// than it has.
func FuzzReadModel(f *testing.F) {
	for _, h := range []tar.Header{
		{Name: "a/b", Typeflag: tar.TypeReg, Size: 1},
		{Name: "../b", Typeflag: tar.TypeReg, Size: 1},
		{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc"},
		{Name: "b", Typeflag: tar.TypeReg, Size: 1, PAXRecords: map[string]string{"VENDOR.x": "y"}},
	} {
		var b bytes.Buffer
		b.Write(make([]byte, sealBytes))
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&h); err != nil {
			f.Fatal(err)
		}
		_, _ = w.Write([]byte("x")[:h.Size])
		_ = w.Close()
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "model")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		n := 0
		for name, content := range laid(t, dir, archive) {
			if why := badPath(filepath.ToSlash(name)); why != "" {
				t.Errorf("%q %s", name, why)
			}
			n += len(content)
		}
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 || n > len(archive) {
			t.Errorf("%v %v, %d bytes out of %d", entries, err, n, len(archive))
		}
	})
}
