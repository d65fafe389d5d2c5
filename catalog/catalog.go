// Package catalog publishes datasets and scenarios. A Manifest (数据清单) says how
// a raw table becomes a dataset version (数据集版本): which columns are masked and
// how (mask), what the rows must have in common to hide among each other (risk),
// which part (数据分区) a row goes to, and which columns are truth (真值). Publish
// reads the raw file once, looks for what identifies people (detect), and refuses
// to go on while a column that does would be kept. What is stored is masked,
// cut, put in an order that says nothing, and named by its digest; the raw file
// never becomes a blob. A second person approves it before anyone sees it.
//
// A table may have any number of rows: it is read and masked batch by batch, its
// masked rows wait in a scratch file (scratch), are read back in their final
// order and written to the files of the parts. Memory does not grow with them.
package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/keys"
	"aihub/internal/store"
	"aihub/policies"
)

// maxRows bounds what works on a table in memory: the search for levels.
const maxRows = 20_000_000

// Catalog publishes. It is safe for concurrent use.
type Catalog struct {
	DB       *store.DB
	Policies *policies.Engine
	Blobs    *blob.Vault
	Keys     *keys.Ring
	Dir      string           // for temporary files, which hold masked data only
	Now      func() time.Time // default time.Now

	held    int        // bytes of scratch in memory; 0: spillBytes
	storing sync.Mutex // held from the first blob of a version to its row in the store
}

func (c *Catalog) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// temp makes a directory that only its owner may read.
func (c *Catalog) temp() (string, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return "", err
	}
	return os.MkdirTemp(c.Dir, "catalog-*")
}

// namesake refuses a name that another organisation's dataset has.
func (c *Catalog) namesake(ctx context.Context, name string, org aihub.OrgID) error {
	vs, err := c.DB.Datasets(ctx, policies.ScopeOf(policies.Platform()))
	if err != nil {
		return err
	}
	for _, v := range vs {
		if v.Ref.Name == name && v.Org != org {
			return taken(name)
		}
	}
	return nil
}

func taken(name string) error {
	return aihub.Errorf(aihub.Refused, aihub.Text{
		EN: fmt.Sprintf("the name %q belongs to another organisation", name), ZH: fmt.Sprintf("名称 %q 属于其他机构", name),
	}).WithHint(aihub.Text{EN: "choose another name", ZH: "请更换名称"})
}

// blobs puts content and remembers what was not there before, so that a publish
// that fails leaves nothing.
type blobs struct {
	store *blob.Vault
	added []aihub.Digest
	seals []blob.Seal // of what was put sealed
}

// seal stores what r holds under a key of its own, unless it is stored so
// already.
func (b *blobs) seal(ctx context.Context, r io.ReadSeeker) (aihub.Digest, int64, error) {
	d, n, err := digested(r)
	if err != nil {
		return "", 0, err
	}
	if _, err := b.store.Stat(ctx, d); err == nil {
		return d, n, nil
	} else if aihub.KindOf(err) != aihub.NotFound {
		return "", 0, err
	}
	s, err := b.store.PutSealed(ctx, r, nil)
	if err != nil {
		return "", 0, err
	}
	b.added, b.seals = append(b.added, s.Stored), append(b.seals, s)
	return s.Content, s.Size, nil
}

// digested reads r to its end and goes back to its beginning.
func digested(r io.ReadSeeker) (aihub.Digest, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err == nil {
		_, err = r.Seek(0, io.SeekStart)
	}
	return aihub.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))), n, err
}

// put stores what r holds, from its beginning to its end.
func (b *blobs) put(ctx context.Context, r io.ReadSeeker) (aihub.Digest, int64, error) {
	d, _, err := digested(r)
	if err != nil {
		return "", 0, err
	}
	_, err = b.store.Stat(ctx, d)
	if err != nil && aihub.KindOf(err) != aihub.NotFound {
		return "", 0, err
	}
	if err != nil {
		b.added = append(b.added, d) // before Put: it may fail half way
	}
	return b.store.Put(ctx, r)
}

// undo removes what this publish added. It goes on when the request is cancelled.
func (b *blobs) undo(ctx context.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer stop()
	var errs []error
	for _, d := range b.added {
		errs = append(errs, b.store.Delete(ctx, d))
	}
	return errors.Join(errs...)
}
