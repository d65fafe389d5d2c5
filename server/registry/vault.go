package registry

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"

	"aihub"
	"aihub/internal/store"
	"aihub/policies"
)

// Content lies in the blob store as 16 random bytes and then AES-256-CTR of the
// content, under a key of the organisation. The blob store checks on each read
// that the bytes are those that were written; the key keeps organisations apart
// where the storage is read by others, and the random bytes give each copy a
// name that nothing else in the store has.

var errDigest = errors.New("the content has another digest")

func hashOf(digest string) hash.Hash {
	if strings.HasPrefix(digest, "sha512:") {
		return sha512.New()
	}
	return sha256.New()
}

func (g *Registry) stream(org aihub.OrgID, nonce []byte) (cipher.Stream, error) {
	block, err := aes.NewCipher(g.Keys.Derive("registry-content", string(org)))
	if err != nil {
		return nil, err
	}
	return cipher.NewCTR(block, nonce), nil
}

// put keeps what r holds, unless its digest is another one (errDigest). Before any
// of it is in the blob store, note is told what it will be there, and may refuse.
func (g *Registry) put(ctx context.Context, org aihub.OrgID, digest string, r io.Reader, note func(store.Pushed) error) error {
	nonce := make([]byte, aes.BlockSize)
	rand.Read(nonce)
	key, err := g.stream(org, nonce)
	if err != nil {
		return err
	}
	_, _, err = g.Blobs.Put(ctx, &sealed{r: r, key: key, head: nonce, sum: hashOf(digest), stored: sha256.New(), want: digest, note: note})
	return err
}

// sealed encrypts what is read through it, and ends well only when the digest
// of what it read is want and note takes it.
type sealed struct {
	r      io.Reader
	key    cipher.Stream
	head   []byte
	sum    hash.Hash
	stored hash.Hash // of what comes out
	want   string
	n      int64
	note   func(store.Pushed) error
}

func (s *sealed) Read(p []byte) (int, error) {
	if len(s.head) > 0 {
		n := copy(p, s.head)
		s.stored.Write(p[:n])
		s.head = s.head[n:]
		return n, nil
	}
	n, err := s.r.Read(p)
	s.sum.Write(p[:n])
	s.key.XORKeyStream(p[:n], p[:n])
	s.stored.Write(p[:n])
	s.n += int64(n)
	if err != io.EOF {
		return n, err
	}
	if algorithm, sum, _ := strings.Cut(s.want, ":"); algorithm == "" || hex.EncodeToString(s.sum.Sum(nil)) != sum {
		return n, errDigest
	}
	stored := aihub.Digest("sha256:" + hex.EncodeToString(s.stored.Sum(nil)))
	if err := s.note(store.Pushed{Digest: s.want, Stored: stored, Size: s.n}); err != nil {
		return n, err
	}
	return n, io.EOF
}

// open returns the content of b from a byte on.
func (g *Registry) open(ctx context.Context, org aihub.OrgID, b store.Pushed, from int64) (io.ReadCloser, error) {
	r, err := g.Blobs.Open(ctx, b.Stored)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aes.BlockSize)
	_, err = io.ReadFull(r, nonce)
	var key cipher.Stream
	if err == nil {
		key, err = g.stream(org, nonce)
	}
	out := struct {
		io.Reader
		io.Closer
	}{cipher.StreamReader{S: key, R: r}, r}
	if err == nil {
		_, err = io.CopyN(io.Discard, out, from)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return out, nil
}

// pushed is a repository as package oci reads it.
type pushed struct {
	*Registry
	scope policies.Scope
	repo  store.Repo
}

func (p *pushed) Manifest(ctx context.Context, digest string) ([]byte, error) {
	m, err := p.DB.Manifest(ctx, p.scope, p.repo, digest)
	return m.Content, err
}

func (p *pushed) Blob(ctx context.Context, digest string) (int64, error) {
	b, err := p.DB.PushedBlob(ctx, p.scope, p.repo, digest)
	return b.Size, err
}

func (p *pushed) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	b, err := p.DB.PushedBlob(ctx, p.scope, p.repo, digest)
	if err != nil {
		return nil, err
	}
	return p.open(ctx, p.repo.Org(), b, 0)
}
