package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"aihub"
)

// Local keeps blobs as files below one directory: ab/cdef… for the digest
// abcdef…, files 0600 and directories 0700. A blob is written to tmp/, flushed,
// and renamed to its place, so that a crash leaves either nothing or all of it.
// Nothing outside the directory is reached, and no link is followed.
type Local struct {
	root *os.Root
	lock *os.File // shared while the store is open: see sweep
}

const tmpDir = "tmp"

// OpenLocal opens or creates the store in dir and removes what a crash left
// unfinished. Any number of processes may have it open.
func OpenLocal(dir string) (*Local, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	l := &Local{root: root}
	if err := l.sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("blob: %s: %w", dir, err), l.Close())
	}
	return l, nil
}

// Close releases the directory. Blobs that are being read stay readable.
func (l *Local) Close() error {
	var err error
	if l.lock != nil {
		err = l.lock.Close()
	}
	return errors.Join(err, l.root.Close())
}

// sweep empties tmp/ when no other process or Local has the store open: its
// files are then leftovers of a crash, and never somebody's Put under way.
func (l *Local) sweep() (err error) {
	if err := l.root.Mkdir(tmpDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if l.lock, err = l.root.OpenFile("lock", os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if tryAlone(l.lock) {
		left, err := fs.ReadDir(l.root.FS(), tmpDir)
		if err != nil {
			return err
		}
		for _, e := range left {
			if err := l.root.RemoveAll(path.Join(tmpDir, e.Name())); err != nil {
				return err
			}
		}
	}
	return share(l.lock) // waits for a sweep elsewhere
}

// Put implements Store.
func (l *Local) Put(ctx context.Context, r io.Reader) (_ aihub.Digest, _ int64, err error) {
	name := path.Join(tmpDir, rand.Text())
	f, err := l.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, fmt.Errorf("blob: put: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			l.root.Remove(name)
		}
	}()
	src := newSource(ctx, r, 0)
	if _, err := io.Copy(f, src); err != nil {
		if src.err != nil {
			return "", 0, src.err
		}
		return "", 0, fmt.Errorf("blob: put: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return "", 0, fmt.Errorf("blob: put: %w", err)
	}
	d := src.digest()
	dir, file := place(d)
	if err := l.makeDir(dir); err != nil {
		return "", 0, fmt.Errorf("blob: put %s: %w", d.Short(), err)
	}
	if err := l.root.Rename(name, file); err != nil {
		return "", 0, fmt.Errorf("blob: put %s: %w", d.Short(), err)
	}
	return d, src.size, l.syncDir(dir)
}

// Open implements Store.
func (l *Local) Open(ctx context.Context, d aihub.Digest) (io.ReadCloser, error) {
	if _, err := l.stat(ctx, d); err != nil {
		return nil, err
	}
	_, file := place(d)
	f, err := l.root.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(d)
	}
	if err != nil {
		return nil, fmt.Errorf("blob: open %s: %w", d.Short(), err)
	}
	return verify(ctx, d, f, func(err error) error { return fmt.Errorf("blob: read %s: %w", d.Short(), err) }), nil
}

// Stat implements Store.
func (l *Local) Stat(ctx context.Context, d aihub.Digest) (int64, error) {
	info, err := l.stat(ctx, d)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// stat looks at the file of d without following links or opening it.
func (l *Local) stat(ctx context.Context, d aihub.Digest) (fs.FileInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := aihub.ParseDigest(string(d)); err != nil {
		return nil, err
	}
	dir, file := place(d)
	info, err := l.root.Lstat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", dir)
	}
	if err == nil {
		info, err = l.root.Lstat(file)
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(d)
	}
	if err != nil {
		return nil, fmt.Errorf("blob: %s: %w", d.Short(), err)
	}
	return info, nil
}

// Delete implements Store.
func (l *Local) Delete(ctx context.Context, d aihub.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := aihub.ParseDigest(string(d)); err != nil {
		return err
	}
	dir, file := place(d)
	err := l.root.Remove(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("blob: delete %s: %w", d.Short(), err)
	}
	return l.syncDir(dir)
}

// Walk implements Store.
func (l *Local) Walk(ctx context.Context, f func(aihub.Digest, int64) error) error {
	dirs, err := fs.ReadDir(l.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("blob: walk: %w", err)
	}
	for _, dir := range dirs {
		if !dir.IsDir() || len(dir.Name()) != 2 {
			continue
		}
		files, err := fs.ReadDir(l.root.FS(), dir.Name())
		if err != nil {
			return fmt.Errorf("blob: walk: %w", err)
		}
		for _, e := range files {
			if err := ctx.Err(); err != nil {
				return err
			}
			d, err := aihub.ParseDigest("sha256:" + dir.Name() + e.Name())
			if err != nil || !e.Type().IsRegular() {
				continue // not ours
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted meanwhile
			}
			if err != nil {
				return fmt.Errorf("blob: walk: %w", err)
			}
			if err := f(d, info.Size()); err != nil {
				return err
			}
		}
	}
	return nil
}

// place returns the directory and the file of a well-formed digest.
func place(d aihub.Digest) (dir, file string) {
	h := d.Hex()
	return h[:2], h[:2] + "/" + h[2:]
}

// makeDir creates dir and makes it last; a link in its place is refused.
func (l *Local) makeDir(dir string) error {
	err := l.root.Mkdir(dir, 0o700)
	if err == nil {
		return l.syncDir(".")
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := l.root.Lstat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", dir)
	}
	return err
}

func (l *Local) syncDir(dir string) error {
	f, err := l.root.Open(dir)
	if err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	return flush(f)
}
