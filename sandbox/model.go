package sandbox

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/store"
)

// What a training or a workspace leaves in /output becomes one archive: random bytes, and then
// a tar of its regular files in order of their names, with no owner, mode or
// time. The digest of a model is shown to its vendor; without the random bytes it
// would confirm a guess at what the model remembers.
const (
	sealBytes = 32
	maxPath   = 1024 // bytes of a file's path below /output
)

// seal keeps what was collected in dir as a model. Without files, or with names
// that no model may have, it is the vendor's failure.
func (o *Orchestrator) seal(ctx context.Context, l *store.Lease, dir string) (store.Sealed, error) {
	files, err := modelFiles(dir)
	if err != nil {
		return store.Sealed{}, err
	}
	nonce := make([]byte, sealBytes)
	_, _ = rand.Read(nonce) // never fails
	// Hashed first, so that the store knows what to delete before it is kept.
	h := sha256.New()
	if err := writeModel(ctx, h, nonce, dir, files); err != nil {
		return store.Sealed{}, err
	}
	d := aihub.Digest(fmt.Sprintf("sha256:%x", h.Sum(nil)))
	if err := o.DB.Seal(ctx, l, d); err != nil {
		return store.Sealed{}, err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(writeModel(ctx, w, nonce, dir, files)) }()
	got, n, err := o.Blobs.Put(ctx, r)
	r.CloseWithError(errors.New("the model is no longer read"))
	if err == nil && got != d {
		err = fmt.Errorf("a model changed while it was sealed: %s became %s", d, got)
	}
	return store.Sealed{Digest: d, Bytes: n, Files: int64(len(files))}, err
}

// unsealed deletes archives whose run ended without a model.
func (o *Orchestrator) unsealed(ctx context.Context) error {
	list, err := o.DB.Unsealed(ctx)
	for _, d := range list {
		if err := o.Blobs.Delete(ctx, d); err != nil {
			return err
		}
		if err := o.DB.Forget(ctx, d); err != nil {
			return err
		}
	}
	return err
}

// modelFiles lists the files below dir, by their paths with slashes, in order.
func modelFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if why := badPath(name); why != "" {
			return fail(aihub.FaultVendor, aihub.ReasonOutput, fmt.Errorf("/output/%q %s", name, why))
		}
		if e.IsDir() {
			return nil
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("%q was collected and is no regular file", name)
		}
		files = append(files, name)
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fail(aihub.FaultVendor, aihub.ReasonNoOutput, errors.New("there is no file in /output"))
	}
	return files, err
}

// badPath says what is wrong with the path of a model's file, "" when nothing is.
func badPath(name string) string {
	switch {
	case len(name) > maxPath:
		return fmt.Sprintf("has a path longer than %d bytes", maxPath)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return "has a name with characters that cannot be shown"
	case !fs.ValidPath(name) || name == "." || strings.Contains(name, `\`):
		return "has no plain path"
	case strings.Count(name, "/") >= MaxDepth:
		return "lies deeper than its limit"
	}
	return ""
}

func writeModel(ctx context.Context, w io.Writer, nonce []byte, dir string, files []string) error {
	if _, err := w.Write(nonce); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	t := tar.NewWriter(w)
	for _, name := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := addFile(t, root, name); err != nil {
			return err
		}
	}
	return t.Close()
}

func addFile(t *tar.Writer, root *os.Root, name string) error {
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o444, Size: fi.Size(), ModTime: time.Unix(0, 0), Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, fi.Size())
	return err
}

// unseal lays out a model below the new directory dir, readable for everybody.
func unseal(ctx context.Context, blobs blob.Store, d aihub.Digest, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return EachFile(ctx, blobs, d, func(name string, _ int64, r io.Reader) error { return lay(root, name, r) })
}

// EachFile calls f for every file of an archive that was sealed, with its path
// below /output and its size.
func EachFile(ctx context.Context, blobs blob.Store, d aihub.Digest, f func(name string, size int64, r io.Reader) error) (err error) {
	size, err := blobs.Stat(ctx, d)
	if err != nil {
		return err
	}
	r, err := blobs.Open(ctx, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := readModel(r, size, f); err != nil {
		return err
	}
	// Only the end of the blob says that it was whole.
	_, err = io.Copy(io.Discard, r)
	return err
}

// readModel reads an archive of size bytes: nothing but regular files with paths
// that a model may have, and no more than the archive holds.
func readModel(r io.Reader, size int64, f func(name string, size int64, r io.Reader) error) error {
	if _, err := io.CopyN(io.Discard, r, sealBytes); err != nil {
		return fmt.Errorf("reading a model: %w", err)
	}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a model: %w", err)
		}
		if why := badPath(h.Name); why != "" || h.Typeflag != tar.TypeReg {
			return fmt.Errorf("reading a model: %q is no file of one (%s)", h.Name, why)
		}
		if size -= h.Size; size < 0 {
			return fmt.Errorf("reading a model: %q is larger than its archive", h.Name)
		}
		if err := f(h.Name, h.Size, t); err != nil {
			return fmt.Errorf("reading a model: %w", err)
		}
	}
}

// atZero is the time of every file that a guest finds.
var atZero = time.Unix(0, 0)

// lay writes one file below root, and the directories above it.
func lay(root *os.Root, name string, r io.Reader) error {
	for i, c := range name {
		if c != '/' {
			continue
		}
		switch err := root.Mkdir(name[:i], 0o755); {
		case err == nil:
			if err := root.Chmod(name[:i], 0o755); err != nil { // whatever our umask says
				return err
			}
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	f, err := root.OpenFile(path.Clean(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	// Their times would tell the order in which they were written, which is that of
	// the table.
	return errors.Join(err, f.Chmod(0o644), f.Close(), root.Chtimes(path.Clean(name), atZero, atZero))
}
