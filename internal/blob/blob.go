// Package blob keeps content by digest: a blob is written once, named by the
// sha256 of its bytes, verified on every read, and never half-visible. Two
// stores hold blobs, local files and any S3; both pass the conformance suite in
// package blobtest.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"aihub"
)

// Store keeps blobs. It is safe for concurrent use. A digest that is malformed
// is refused with kind Invalid by every method.
type Store interface {
	// Put reads r to its end and keeps its content. It is idempotent. Nothing is
	// visible before all of it is. An error of r is returned and nothing is kept.
	// Putting does not spare what is there, so that its time does not tell whether it
	// was; nor does it mend it: a damaged blob is deleted first.
	Put(ctx context.Context, r io.Reader) (aihub.Digest, int64, error)

	// Open returns the content of d. The last Read returns an error of kind
	// Internal instead of io.EOF when the bytes do not match d: believe nothing
	// before io.EOF. A blob that is not there is NotFound. Cancelling ctx ends
	// the reading.
	Open(ctx context.Context, d aihub.Digest) (io.ReadCloser, error)

	// Stat returns the size of d, or NotFound.
	Stat(ctx context.Context, d aihub.Digest) (int64, error)

	// Delete removes d. Removing what is not there is no error.
	Delete(ctx context.Context, d aihub.Digest) error

	// Walk calls f for every blob, in no order, until f fails.
	Walk(ctx context.Context, f func(d aihub.Digest, size int64) error) error
}

// Fetch writes a verified copy of d to path (mode 0600), replacing what is
// there. The path holds the whole content or what it held before.
func Fetch(ctx context.Context, s Store, d aihub.Digest, path string) (err error) {
	r, err := s.Open(ctx, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".fetch-*")
	if err != nil {
		return fmt.Errorf("blob: fetch %s: %w", d.Short(), err)
	}
	defer func() {
		if err != nil {
			f.Close() // twice does no harm
			os.Remove(f.Name())
		}
	}()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("blob: fetch %s: %w", d.Short(), err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("blob: fetch %s: %w", d.Short(), err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	return flush(d)
}

// flush makes the entries of a directory last, and closes it. Windows refuses to
// flush a directory: it writes the entries with the files.
func flush(d *os.File) error {
	if runtime.GOOS == "windows" {
		return d.Close()
	}
	return errors.Join(d.Sync(), d.Close())
}

// source reads the content of a Put: it hashes and counts what passes, stops
// when ctx ends, and remembers an error of the reader, to tell it from one of
// the disk.
type source struct {
	ctx  context.Context
	r    io.Reader
	hash hash.Hash
	size int64
	max  int64 // 0: no bound
	err  error
}

func newSource(ctx context.Context, r io.Reader, max int64) *source {
	return &source{ctx: ctx, r: r, hash: sha256.New(), max: max}
}

func (s *source) Read(p []byte) (int, error) {
	if s.err = s.ctx.Err(); s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.hash.Write(p[:n])
	s.size += int64(n)
	if s.max > 0 && s.size > s.max {
		err = aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("the content is larger than %d bytes", s.max),
			ZH: fmt.Sprintf("内容超过 %d 字节", s.max),
		})
	}
	if err != io.EOF {
		s.err = err
	}
	return n, err
}

func (s *source) digest() aihub.Digest {
	return aihub.Digest("sha256:" + hex.EncodeToString(s.hash.Sum(nil)))
}

// verified reads a stored blob and refuses to end well when its bytes are not
// those of its digest.
type verified struct {
	ctx  context.Context
	r    io.ReadCloser
	want aihub.Digest
	hash hash.Hash
	wrap func(error) error // names an error of the storage
	err  error             // sticky
}

func verify(ctx context.Context, d aihub.Digest, r io.ReadCloser, wrap func(error) error) io.ReadCloser {
	return &verified{ctx: ctx, r: r, want: d, hash: sha256.New(), wrap: wrap}
}

func (v *verified) Read(p []byte) (int, error) {
	if v.err == nil {
		v.err = v.ctx.Err()
	}
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	switch {
	case err == io.EOF:
		v.err = io.EOF
		if got := hex.EncodeToString(v.hash.Sum(nil)); got != v.want.Hex() {
			v.err = aihub.Errorf(aihub.Internal, aihub.Text{
				EN: fmt.Sprintf("stored content %s is damaged: its bytes have another digest", v.want.Short()),
				ZH: fmt.Sprintf("存储内容 %s 已损坏：其字节摘要不符", v.want.Short()),
			}).WithHint(aihub.Text{
				EN: "restore it from a backup, or delete it and publish or upload it again",
				ZH: "请从备份恢复，或删除后重新发布或上传",
			})
		}
	case err != nil:
		v.err = v.wrap(err)
	}
	return n, v.err
}

func (v *verified) Close() error { return v.r.Close() }

func notFound(d aihub.Digest) error {
	return aihub.Errorf(aihub.NotFound, aihub.Text{
		EN: fmt.Sprintf("there is no content %s", d.Short()),
		ZH: fmt.Sprintf("没有内容 %s", d.Short()),
	})
}
