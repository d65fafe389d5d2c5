package blob

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"aihub"
)

// Seal is how content lies encrypted in a Store: as 16 random bytes and then
// AES-256-CTR of it, under a key of its own. Whoever destroys the key has erased
// the content wherever copies of the storage are.
type Seal struct {
	Content aihub.Digest // of the plain content, by which it is asked for
	Stored  aihub.Digest // of what lies in the store
	Wrapped string       // the key, hex: AES-256-GCM under the vault's key; "" when it was destroyed
	Size    int64        // of the plain content
}

// Vault is a Store some of whose content is sealed. What was sealed is opened by
// the digest of its plain content, like everything else, as long as Find knows
// its key; both digests are checked on every read.
type Vault struct {
	Store
	// Find returns the seal of a content; its kind is NotFound when that was never
	// sealed.
	Find func(context.Context, aihub.Digest) (Seal, error)
	Key  []byte // 32 bytes, wraps the keys of the seals
}

// PutSealed keeps what r holds under a new key. It is not to be found before the
// seal is known to Find. Before any of it is in the store, note (nil: nobody) is told
// what it will be there, and may refuse.
func (v *Vault) PutSealed(ctx context.Context, r io.Reader, note func(Seal) error) (s Seal, err error) {
	key, head := make([]byte, 32), make([]byte, aes.BlockSize)
	rand.Read(key)
	rand.Read(head)
	stream, err := ctr(key, head)
	if err != nil {
		return Seal{}, err
	}
	gcm, err := v.gcm()
	if err != nil {
		return Seal{}, err
	}
	plain := newSource(ctx, r, 0)
	out := &ending{r: io.MultiReader(bytes.NewReader(head), cipher.StreamReader{S: stream, R: plain}), sum: sha256.New()}
	out.end = func(stored aihub.Digest) error {
		s = Seal{Content: plain.digest(), Stored: stored, Size: plain.size}
		nonce := make([]byte, gcm.NonceSize())
		rand.Read(nonce)
		s.Wrapped = hex.EncodeToString(gcm.Seal(nonce, nonce, key, []byte(s.Content)))
		if note == nil {
			return nil
		}
		return note(s)
	}
	if _, _, err := v.Put(ctx, out); err != nil {
		return Seal{}, err
	}
	return s, nil
}

// Noted is r. Before its reader learns that it is over, so before any of it is in a
// store, note is told the digest of all of it, and may refuse.
func Noted(r io.Reader, note func(aihub.Digest) error) io.Reader {
	return &ending{r: r, sum: sha256.New(), end: note}
}

// ending reads r, and says its digest before its reader learns that it is over.
type ending struct {
	r    io.Reader
	sum  hash.Hash
	end  func(aihub.Digest) error
	over bool
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.sum.Write(p[:n])
	if err == io.EOF && !e.over {
		e.over = true
		if bad := e.end(aihub.Digest("sha256:" + hex.EncodeToString(e.sum.Sum(nil)))); bad != nil {
			err = bad
		}
	}
	return n, err
}

// Open returns the content of d, sealed or not.
func (v *Vault) Open(ctx context.Context, d aihub.Digest) (io.ReadCloser, error) {
	s, err := v.find(ctx, d)
	if err != nil || s.Content == "" {
		if err == nil {
			return v.Store.Open(ctx, d)
		}
		return nil, err
	}
	gcm, err := v.gcm()
	if err != nil {
		return nil, err
	}
	wrapped, err := hex.DecodeString(s.Wrapped)
	if err == nil && len(wrapped) < gcm.NonceSize() {
		err = errors.New("it is too short")
	}
	var key []byte
	if err == nil {
		key, err = gcm.Open(nil, wrapped[:gcm.NonceSize()], wrapped[gcm.NonceSize():], []byte(d))
	}
	if err != nil {
		return nil, fmt.Errorf("blob: the key of %s cannot be unwrapped: %w", d.Short(), err)
	}
	r, err := v.Store.Open(ctx, s.Stored)
	if aihub.KindOf(err) == aihub.NotFound { // of two copies this one went meanwhile
		now, again := v.find(ctx, d)
		if again != nil || now.Stored == s.Stored {
			return nil, err
		}
		return v.Open(ctx, d)
	}
	if err != nil {
		return nil, err
	}
	head := make([]byte, aes.BlockSize)
	_, err = io.ReadFull(r, head)
	var stream cipher.Stream
	if err == nil {
		stream, err = ctr(key, head)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	plain := struct {
		io.Reader
		io.Closer
	}{cipher.StreamReader{S: stream, R: r}, r}
	return verify(ctx, d, plain, func(err error) error { return err }), nil
}

// Stat returns the size of d, sealed or not.
func (v *Vault) Stat(ctx context.Context, d aihub.Digest) (int64, error) {
	s, err := v.find(ctx, d)
	if err != nil {
		return 0, err
	}
	if s.Content == "" {
		return v.Store.Stat(ctx, d)
	}
	if _, err := v.Store.Stat(ctx, s.Stored); err != nil {
		return 0, err
	}
	return s.Size, nil
}

// find returns the seal of d, the zero Seal when it has none. What was erased is
// NotFound.
func (v *Vault) find(ctx context.Context, d aihub.Digest) (Seal, error) {
	s, err := v.Find(ctx, d)
	switch {
	case aihub.KindOf(err) == aihub.NotFound:
		return Seal{}, nil
	case err != nil:
		return Seal{}, err
	case s.Wrapped == "":
		return Seal{}, aihub.Errorf(aihub.NotFound, aihub.Text{
			EN: fmt.Sprintf("the content %s was erased: its key is destroyed", d.Short()),
			ZH: fmt.Sprintf("内容 %s 已被擦除：其密钥已销毁", d.Short()),
		})
	}
	return s, nil
}

func (v *Vault) gcm() (cipher.AEAD, error) {
	block, err := aes.NewCipher(v.Key)
	if err != nil {
		return nil, fmt.Errorf("blob: the vault's key: %w", err)
	}
	return cipher.NewGCM(block)
}

func ctr(key, head []byte) (cipher.Stream, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewCTR(block, head), nil
}
