// Package patched makes the gVisor that the embedded sandbox program is built
// from: a copy of the module that go.mod requires, with a few edits of ours.
// edits.go lists them, each with its reason; docs/*/decisions.md says how to do
// without. An edit names the text that it replaces, and that text must be there
// exactly once: a gVisor in which it is not is refused, rather than built without.
//
// Every other build, of tests and of a plain aihub, uses the module as it is.
package patched

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// An Edit replaces text in one file of gVisor, or adds a file.
type Edit struct {
	File string // path in the module
	Old  string // what is there, exactly once; "" adds the file
	New  string
	Why  string
}

// Label names edits by their content. The program says it as its version.
func Label(edits []Edit) string {
	h := sha256.New()
	for _, e := range edits {
		fmt.Fprintf(h, "%q %q %q\n", e.File, e.Old, e.New)
	}
	return "aihub-" + hex.EncodeToString(h.Sum(nil)[:4])
}

// versioned adds the edit by which the program says its label.
func versioned(edits []Edit) []Edit {
	return append(edits[:len(edits):len(edits)], Edit{
		File: "runsc/version/version.go", Old: `var version = "` + Plain + `"`, New: fmt.Sprintf("var version = %q", Label(edits)),
		Why: "the program says by which edits it was made",
	})
}

// Plain is the version that gVisor says when nobody has edited it.
const Plain = "VERSION_MISSING"

// stamp is the file that says of a copy what it was made of.
const stamp = ".aihub"

// Make copies the module in from to the directory to and applies the edits. A
// copy that is there and was made of the same is left alone; an error leaves none.
func Make(from, to string, edits []Edit) error {
	edits = versioned(edits)
	made := []byte(from + " " + Label(edits) + "\n")
	if b, err := os.ReadFile(filepath.Join(to, stamp)); err == nil && bytes.Equal(b, made) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(to), filepath.Base(to)+".tmp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := copyModule(from, tmp); err != nil {
		return fmt.Errorf("copying gVisor: %w", err)
	}
	for _, e := range edits {
		if err := e.apply(tmp); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(tmp, stamp), made, 0o644); err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.Rename(tmp, to)
}

func (e Edit) apply(dir string) error {
	name := filepath.Join(dir, filepath.FromSlash(e.File))
	if e.Old == "" {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return e.refused(err.Error())
		}
		if _, err := f.WriteString(e.New); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return e.refused(err.Error())
	}
	if n := bytes.Count(b, []byte(e.Old)); n != 1 {
		return e.refused(fmt.Sprintf("the text to replace is there %d times, not once:\n%s", n, e.Old))
	}
	return os.WriteFile(name, bytes.Replace(b, []byte(e.Old), []byte(e.New), 1), 0o644)
}

func (e Edit) refused(why string) error {
	return fmt.Errorf("this gVisor cannot be edited as ours is: %s: %s\nThe edit is for this: %s\nWas another gVisor required in go.mod? Then adapt the edit in internal/embedded/patched/edits.go, or take it out if gVisor does it now", e.File, why, e.Why)
}

// copyModule copies what a build needs: the module in the cache is read-only, the
// copy is not, and its tests stay behind.
func copyModule(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is no regular file", path)
		case strings.HasSuffix(path, "_test.go"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o644)
	})
}
