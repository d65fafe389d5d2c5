package desk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"aihub"
	"aihub/server/wire"
)

// Bounds of uploads in ranges.
const (
	maxUploads  = 4 // unfinished ones of one person
	uploadStays = 72 * time.Hour
)

// uploadNote says whose an upload is and what it is to become.
type uploadNote struct {
	User   aihub.UserID `json:"user"`
	Org    aihub.OrgID  `json:"org"`
	Size   int64        `json:"size"`
	Digest aihub.Digest `json:"digest"`
}

// uploadFiles are the note and the bytes of an upload. They outlive a restart.
func (d *Desk) uploadFiles(id string) (note, data string) {
	return filepath.Join(d.Dir, "upload-"+id+".json"), filepath.Join(d.Dir, "upload-"+id+".data")
}

// held are the uploads that were worked on: path -> *sync.Mutex.
var held sync.Map

// hold gives the caller an upload alone until it calls release.
func (d *Desk) hold(id string) (release func()) {
	v, _ := held.LoadOrStore(filepath.Join(d.Dir, id), &sync.Mutex{})
	mu := v.(*sync.Mutex)
	mu.Lock()
	return mu.Unlock
}

// BeginUpload starts an upload of a data file in ranges, or goes on with the one
// that the same person began for the same bytes.
func (d *Desk) BeginUpload(ctx context.Context, a aihub.Actor, in wire.NewUpload) (wire.Upload, error) {
	if err := d.CanPropose(ctx, a); err != nil {
		return wire.Upload{}, err
	}
	if _, err := aihub.ParseDigest(string(in.Digest)); err != nil {
		return wire.Upload{}, err
	}
	if in.Size < 1 {
		return wire.Upload{}, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "the file is empty", ZH: "文件为空"})
	}
	if in.Size > d.Data {
		return wire.Upload{}, tooLarge("data", d.Data)
	}
	defer d.hold("")() // one begins at a time: they are counted
	notes, err := filepath.Glob(filepath.Join(d.Dir, "upload-*.json"))
	if err != nil {
		return wire.Upload{}, err
	}
	mine := 0
	for _, path := range notes {
		id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "upload-"), ".json")
		n, err := d.note(id)
		if err != nil || n.User != a.User || n.Org != a.Org {
			continue
		}
		if _, data := d.uploadFiles(id); stale(data) {
			if err := d.dropUpload(id); err != nil {
				return wire.Upload{}, err
			}
			continue
		}
		if n.Digest == in.Digest && n.Size == in.Size {
			return d.upload(id, n)
		}
		mine++
	}
	if mine >= maxUploads {
		return wire.Upload{}, aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("%d of your uploads are unfinished", mine), ZH: fmt.Sprintf("您有 %d 个未完成的上传", mine),
		}).WithHint(aihub.Text{EN: "finish one, or wait: after three days without a byte they are removed", ZH: "请先完成其中一个；三天没有新数据的上传会被删除"})
	}
	id := strings.ToLower(rand.Text())[:16]
	n := uploadNote{a.User, a.Org, in.Size, in.Digest}
	b, err := json.Marshal(n)
	if err != nil {
		return wire.Upload{}, err
	}
	note, data := d.uploadFiles(id)
	if err := errors.Join(os.WriteFile(data, nil, 0o600), os.WriteFile(note, b, 0o600)); err != nil {
		return wire.Upload{}, errors.Join(err, d.dropUpload(id))
	}
	return d.upload(id, n)
}

func stale(data string) bool {
	st, err := os.Stat(data)
	return err != nil || time.Since(st.ModTime()) > uploadStays
}

func (d *Desk) note(id string) (n uploadNote, err error) {
	path, _ := d.uploadFiles(id)
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &n)
	}
	return n, err
}

// upload says how far an upload is.
func (d *Desk) upload(id string, n uploadNote) (wire.Upload, error) {
	_, data := d.uploadFiles(id)
	st, err := os.Stat(data)
	if err != nil {
		return wire.Upload{}, err
	}
	return wire.Upload{ID: id, Offset: st.Size(), Size: n.Size}, nil
}

// mine returns the note of an actor's own upload.
func (d *Desk) mine(ctx context.Context, a aihub.Actor, id string) (uploadNote, error) {
	if err := d.CanPropose(ctx, a); err != nil {
		return uploadNote{}, err
	}
	if strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" || len(id) != 16 {
		return uploadNote{}, NotFound()
	}
	n, err := d.note(id)
	if err != nil || n.User != a.User || n.Org != a.Org {
		return uploadNote{}, NotFound()
	}
	return n, nil
}

// Upload says how far an actor's upload is.
func (d *Desk) Upload(ctx context.Context, a aihub.Actor, id string) (wire.Upload, error) {
	n, err := d.mine(ctx, a, id)
	if err != nil {
		return wire.Upload{}, err
	}
	return d.upload(id, n)
}

// AppendUpload adds the bytes of body at an offset, which is how many are there.
// What arrived before body broke off stays.
func (d *Desk) AppendUpload(ctx context.Context, a aihub.Actor, id string, offset int64, body io.Reader) (wire.Upload, error) {
	n, err := d.mine(ctx, a, id)
	if err != nil {
		return wire.Upload{}, err
	}
	defer d.hold(id)()
	u, err := d.upload(id, n)
	if err != nil {
		return wire.Upload{}, err
	}
	if offset != u.Offset {
		return wire.Upload{}, aihub.Errorf(aihub.Conflict, aihub.Text{
			EN: fmt.Sprintf("the upload goes on at byte %d, not %d", u.Offset, offset), ZH: fmt.Sprintf("上传应从第 %d 字节继续，而非 %d", u.Offset, offset),
		}).WithHint(aihub.Text{EN: "ask how far it is, and send what follows", ZH: "请查询进度后发送其后的内容"})
	}
	_, data := d.uploadFiles(id)
	f, err := os.OpenFile(data, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return wire.Upload{}, err
	}
	written, err := io.Copy(f, io.LimitReader(body, n.Size-offset+1))
	if written > n.Size-offset {
		err = errors.Join(f.Truncate(n.Size), tooLarge("data", n.Size))
	} else if err != nil {
		err = badForm(err)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return wire.Upload{}, err
	}
	return d.upload(id, n)
}

// ProposeUpload is Propose for a whole upload, whose digest is checked first. The
// upload stays when the manifest is refused, and goes when the version is stored
// or the bytes are others.
func (d *Desk) ProposeUpload(ctx context.Context, a aihub.Actor, manifest []byte, id string, progress func(wire.Progress)) (aihub.DatasetVersion, error) {
	n, err := d.mine(ctx, a, id)
	if err != nil {
		return aihub.DatasetVersion{}, err
	}
	defer d.hold(id)()
	u, err := d.upload(id, n)
	if err != nil {
		return aihub.DatasetVersion{}, err
	}
	if u.Offset != u.Size {
		return aihub.DatasetVersion{}, aihub.Errorf(aihub.Conflict, aihub.Text{
			EN: fmt.Sprintf("the upload has %d of %d bytes", u.Offset, u.Size), ZH: fmt.Sprintf("上传仅有 %d / %d 字节", u.Offset, u.Size),
		}).WithHint(aihub.Text{EN: "send the rest first", ZH: "请先发送其余内容"})
	}
	_, data := d.uploadFiles(id)
	if err := checkUpload(ctx, data, n.Digest); err != nil {
		if aihub.KindOf(err) == aihub.Contract {
			err = errors.Join(err, d.dropUpload(id))
		}
		return aihub.DatasetVersion{}, err
	}
	v, err := d.Propose(ctx, a, manifest, data, progress)
	if err != nil {
		return aihub.DatasetVersion{}, err
	}
	return v, d.dropUpload(id)
}

func checkUpload(ctx context.Context, path string, want aihub.Digest) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	for {
		_, err := io.CopyN(h, f, 16<<20)
		if err == io.EOF {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	if got := aihub.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))); got != want {
		return aihub.Errorf(aihub.Contract, aihub.Text{EN: "what arrived is not the file that was announced", ZH: "收到的内容与声明的文件不符"}).
			WithHint(aihub.Text{EN: "the file changed while it was sent: send it again", ZH: "文件在上传期间被改动：请重新上传"})
	}
	return nil
}

// dropUpload removes an upload.
func (d *Desk) dropUpload(id string) error {
	note, data := d.uploadFiles(id)
	var errs []error
	for _, f := range []string{note, data} {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
