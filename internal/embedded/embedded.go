// Package embedded carries other programs inside the aihub binary: runsc, which
// starts sandboxes and must link little because each sandbox starts it several
// times, and algorithm, the static program of the demo's images. build.sh makes
// them, with the build tag embed they are linked in as compressed bytes.
//
// Without the tag (a plain go build or go test) the running binary plays both
// parts itself: started under the name of a program, it becomes that program, if
// its main begins with a dispatch (see gvisor.Dispatch).
package embedded

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"aihub"
)

// maxProgram bounds what a packed program may unpack to.
const maxProgram = 1 << 30

// Pack compresses a program. The first frame of the result is one that zstd
// skips; it holds the sha256 of the program.
func Pack(program []byte) ([]byte, error) {
	sum := sha256.Sum256(program)
	var b bytes.Buffer
	b.Write([]byte{0x50, 0x2a, 0x4d, 0x18, sha256.Size, 0, 0, 0})
	b.Write(sum[:])
	w, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// Sum returns the digest that a packed program says it has.
func Sum(packed []byte) ([sha256.Size]byte, error) {
	var sum [sha256.Size]byte
	if len(packed) < 8+sha256.Size || packed[4] != sha256.Size {
		return sum, errors.New("not a packed program")
	}
	copy(sum[:], packed[8:])
	return sum, nil
}

// Unpack returns the program, checked against its digest.
func Unpack(packed []byte) ([]byte, error) {
	want, err := Sum(packed)
	if err != nil {
		return nil, err
	}
	r, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	program, err := io.ReadAll(io.LimitReader(r, maxProgram))
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(program) != want {
		return nil, errors.New("the packed program does not match its digest")
	}
	return program, nil
}

// Extract writes a packed program into dir, unless it is there already with the
// right content, and returns its path. dir is made for its owner alone. The file
// has its digest in its name and appears whole or not at all.
func Extract(packed []byte, dir, name string) (string, error) {
	sum, err := Sum(packed)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+"-"+hex.EncodeToString(sum[:8]))
	if same(path, sum) {
		return path, nil
	}
	program, err := Unpack(packed)
	if err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(dir, "."+name+"-")
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(program)
	// The sandbox runs as another user, who must be able to execute the file;
	// the directory keeps everybody else out.
	err = errors.Join(err, tmp.Chmod(0o755), tmp.Close())
	if err != nil {
		return "", err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return "", err
	}
	return path, nil
}

func same(path string, want [sha256.Size]byte) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() || fi.Mode().Perm() != 0o755 {
		return false
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return false
	}
	return [sha256.Size]byte(h.Sum(nil)) == want
}

func unavailable(what string, err error) error {
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: fmt.Sprintf("the program %s inside aihub cannot be used: %v", what, err),
		ZH: fmt.Sprintf("无法使用 aihub 内置的程序 %s：%v", what, err),
	}).WithHint(aihub.Text{
		EN: "check that the data directory can be written and has 200 MB free, or build aihub again with make build",
		ZH: "请确认数据目录可写且有 200 MB 空闲空间，或用 make build 重新构建 aihub",
	}).Because(err)
}
