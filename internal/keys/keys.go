// Package keys makes every secret of a platform from one: a root key of 32
// random bytes in a file that only its owner may read. A Ring derives from it,
// with HKDF-SHA256, a key for each purpose and id (the pseudonyms of a dataset,
// the signature of the ledger), so that two keys tell nothing about each other
// and one file is all there is to keep. Who has the file can unmask pseudonyms
// and sign checkpoints; who loses it can do neither again: back it up apart from
// the data.
package keys

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"aihub"
)

// Size is the length in bytes of the root key and of every derived key.
const Size = 32

// Ring derives keys. It is safe for concurrent use, and prints as "keys.Ring".
type Ring struct{ root [Size]byte }

// Open reads the root key file at path, or creates it (mode 0600, and its
// directory with 0700) when there is none. It refuses a file that is not a
// regular one, that anyone but its owner may touch, or whose size is wrong. When
// several processes create the file at once, all get the same key.
func Open(path string) (*Ring, error) {
	r, err := read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if err := create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keys: create %s: %w", path, err)
	}
	return read(path)
}

func read(path string) (*Ring, error) {
	// A link could lead to a file that others control; the size is checked on the
	// open file, so that nobody can swap it in between.
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if errors.Is(err, errLink) {
		return nil, bad(path, "it is a link", "它是一个链接")
	}
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, bad(path, "it is not a regular file", "它不是普通文件")
	case info.Mode().Perm()&0o077 != 0:
		return nil, bad(path, fmt.Sprintf("its mode is %#o: others may read or change it", info.Mode().Perm()),
			fmt.Sprintf("其权限为 %#o：他人可以读取或修改", info.Mode().Perm()))
	case info.Size() != Size:
		return nil, bad(path, fmt.Sprintf("it has %d bytes instead of %d", info.Size(), Size),
			fmt.Sprintf("其大小为 %d 字节，应为 %d 字节", info.Size(), Size))
	}
	r := new(Ring)
	if _, err := io.ReadFull(f, r.root[:]); err != nil {
		return nil, fmt.Errorf("keys: read %s: %w", path, err)
	}
	return r, nil
}

// create writes a new key beside path and links it there: link never replaces,
// so the first one wins and nobody sees half a key.
func create(path string) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-key-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.Remove(f.Name()))
	}()
	var root [Size]byte
	rand.Read(root[:])
	_, err = f.Write(root[:])
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Derive returns the 32-byte key of an id for a purpose, both at most 64 KiB.
// The same root, purpose and id give the same key for ever.
func (r *Ring) Derive(purpose, id string) []byte {
	// The length keeps ("a", "bc") apart from ("ab", "c").
	info := binary.BigEndian.AppendUint32([]byte("aihub/v1\x00"), uint32(len(purpose)))
	info = append(append(info, purpose...), id...)
	k, err := hkdf.Key(sha256.New, r.root[:], nil, string(info), Size)
	if err != nil {
		panic("keys: " + err.Error()) // only for a length that HKDF cannot give
	}
	return k
}

// Signer returns the key that signs ledger checkpoints.
func (r *Ring) Signer() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(r.Derive("ledger-signer", ""))
}

// Public returns the key that verifies what Signer signed.
func (r *Ring) Public() ed25519.PublicKey {
	return r.Signer().Public().(ed25519.PublicKey)
}

// Format keeps the root key out of logs, whatever the verb.
func (r Ring) Format(s fmt.State, _ rune) { io.WriteString(s, "keys.Ring") }

// MarshalText keeps it out of JSON and YAML.
func (r Ring) MarshalText() ([]byte, error) {
	return nil, errors.New("keys: a ring is never written out")
}

func bad(path, en, zh string) error {
	return aihub.Errorf(aihub.Invalid, aihub.Text{
		EN: fmt.Sprintf("the root key %s cannot be used: %s", path, en),
		ZH: fmt.Sprintf("根密钥 %s 不可用：%s", path, zh),
	}).WithHint(aihub.Text{
		EN: "restore it from its backup with mode 0600 (chmod 600); a new key would make existing pseudonyms and signatures unusable",
		ZH: "请从备份恢复并设为 0600 权限 (chmod 600)；换新密钥会使已有的假名与签名失效",
	})
}
