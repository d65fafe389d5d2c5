package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"aihub"
	"aihub/policies"
)

// Repo names a repository of the registry: "organisation/name".
type Repo string

// Org returns whose repository it is.
func (r Repo) Org() aihub.OrgID {
	org, _, _ := strings.Cut(string(r), "/")
	return aihub.OrgID(org)
}

// Pushed is content that a repository has.
type Pushed struct {
	Digest string       // as pushed: sha256:… or sha512:…
	Stored aihub.Digest // the blob that holds it
	Size   int64        // bytes as pushed
}

// PushedManifest is a manifest of a repository.
type PushedManifest struct {
	Digest       string
	MediaType    string
	ArtifactType string
	Subject      string   // digest of the manifest that this one is about, or ""
	Descriptor   string   // JSON: how a list of referrers names it
	Content      []byte   //
	Blobs        []Part   // content that must be there
	Manifests    []string // manifests that must be there
}

// Part is one piece of content that a manifest names.
type Part struct {
	Digest string
	Size   int64
}

// Bounds of one organisation in the registry.
const (
	maxUploads   = 64      // under way at once
	maxManifests = 100_000 //
	maxTags      = 10_000  // of one repository
)

func noContent(digest string) error { return notFound("content", "内容", digest) }

// mine checks that the scope's own organisation has the repository. Another
// organisation's and one that does not exist look the same.
func mine(s policies.Scope, r Repo) error {
	if org := s.Actor().Org; org == "" || org != r.Org() {
		return notFound("repository", "镜像仓库", string(r))
	}
	return nil
}

// mayPush checks a permit of ImagePush, whose ID is the organisation.
func mayPush(p policies.Permit, r Repo) error {
	if err := p.Check(policies.ImagePush, string(r.Org())); err != nil {
		return err
	}
	return mine(policies.ScopeOf(p.Actor()), r)
}

const pushedCols = "b.digest, b.stored, b.size"

func scanPushed(s scanner) (b Pushed, err error) {
	err = s.Scan(&b.Digest, &b.Stored, &b.Size)
	return b, err
}

// PushedBlob returns content of a repository, or NotFound.
func (db *DB) PushedBlob(ctx context.Context, s policies.Scope, r Repo, digest string) (b Pushed, err error) {
	if err := mine(s, r); err != nil {
		return b, err
	}
	err = db.read(ctx, func(t *tx) error {
		var ok bool
		b, ok, err = one(t, scanPushed, "SELECT "+pushedCols+" FROM pushed_links l JOIN pushed_blobs b ON b.org = l.org AND b.digest = l.digest WHERE l.repo = ? AND l.digest = ?", r, digest)
		if err == nil && !ok {
			err = noContent(digest)
		}
		return err
	})
	return b, err
}

// PushedBytes returns how much the actor's own organisation keeps or is about to, in
// the registry and as images to be submitted, and the ids of its uploads whose bytes are not in that yet.
func (db *DB) PushedBytes(ctx context.Context, s policies.Scope) (bytes int64, uploads []string, err error) {
	err = db.read(ctx, func(t *tx) error {
		org := s.Actor().Org
		if bytes, err = t.pushedBytes(org); err != nil {
			return err
		}
		uploads, err = all(t, value[string], "SELECT id FROM pushed_uploads WHERE org = ? AND id NOT IN (SELECT upload FROM pushed_pending WHERE org = ?)", org, org)
		return err
	})
	return bytes, uploads, err
}

func (t *tx) pushedBytes(org aihub.OrgID) (bytes int64, err error) {
	for _, table := range []string{"pushed_blobs", "pushed_manifests", "pushed_pending", "image_blobs"} {
		n, _, err := one(t, value[int64], "SELECT COALESCE(CAST(sum(size) AS BIGINT), 0) FROM "+table+" WHERE org = ?", org)
		if err != nil {
			return 0, err
		}
		bytes += n
	}
	return bytes, nil
}

// OpenUpload begins an upload that only its user may go on with, and that every one of
// its organisation who may push may cancel.
// ImagePush, ID = org
func (db *DB) OpenUpload(ctx context.Context, p policies.Permit, r Repo, id string) error {
	if err := mayPush(p, r); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		n, _, err := one(t, value[int64], "SELECT count(*) FROM pushed_uploads WHERE org = ?", r.Org())
		if err != nil {
			return err
		}
		if n >= maxUploads {
			idle, err := t.idleUpload(r.Org(), "")
			if err != nil {
				return err
			}
			return aihub.Errorf(aihub.Quota, aihub.Text{
				EN: fmt.Sprintf("your organisation has %d uploads under way", n), ZH: fmt.Sprintf("贵机构有 %d 个上传尚未完成", n),
			}).WithHint(aihub.Text{
				EN: "let some end, or cancel them, longest without a byte first: DELETE " + idle + "; each ends a day after its last byte",
				ZH: "请等待或取消部分上传，闲置最久的为 DELETE " + idle + "；每个上传在最后一个字节到达一天后自动取消",
			})
		}
		return t.insert("pushed_uploads", "id, repo, org, user_id, touched_at", id, r, r.Org(), p.Actor().User, us(t.wall))
	})
}

// IdleUpload returns where the upload of the actor's own organisation lies that got no
// byte for longest ("/v2/…"), of all but one; "" when there is none.
func (db *DB) IdleUpload(ctx context.Context, s policies.Scope, but string) (at string, err error) {
	err = db.read(ctx, func(t *tx) error {
		at, err = t.idleUpload(s.Actor().Org, but)
		return err
	})
	return at, err
}

func (t *tx) idleUpload(org aihub.OrgID, but string) (string, error) {
	at, _, err := one(t, value[string], "SELECT '/v2/' || repo || '/blobs/uploads/' || id FROM pushed_uploads WHERE org = ? AND id <> ? ORDER BY touched_at, id LIMIT 1", org, but)
	return at, err
}

// Upload is one under way.
type Upload struct {
	By      aihub.UserID // who began it
	Touched time.Time    // when it was last noted that bytes of it came (OpenUpload, TouchUpload)
}

// Upload returns an upload of a repository, or NotFound.
func (db *DB) Upload(ctx context.Context, s policies.Scope, r Repo, id string) (u Upload, err error) {
	if err := mine(s, r); err != nil {
		return u, err
	}
	err = db.read(ctx, func(t *tx) error {
		var ok bool
		u, ok, err = one(t, func(s scanner) (u Upload, err error) {
			var at int64
			err = s.Scan(&u.By, &at)
			u.Touched = fromUS(at)
			return u, err
		}, "SELECT user_id, touched_at FROM pushed_uploads WHERE id = ? AND repo = ?", id, r)
		if err == nil && !ok {
			err = notFound("upload", "上传", id)
		}
		return err
	})
	return u, err
}

// TouchUpload notes that bytes of an upload have come; when it is over, that is a Conflict.
// ImagePush, ID = org
func (db *DB) TouchUpload(ctx context.Context, p policies.Permit, r Repo, id string) error {
	if err := mayPush(p, r); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		return t.swap("UPDATE pushed_uploads SET touched_at = ? WHERE id = ? AND org = ?", us(t.wall), id, r.Org())
	})
}

// CloseUpload forgets an upload.
// ImagePush, ID = org
func (db *DB) CloseUpload(ctx context.Context, p policies.Permit, r Repo, id string) error {
	if err := mayPush(p, r); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		return t.exec("DELETE FROM pushed_uploads WHERE id = ? AND repo = ?", id, r)
	})
}

// PendBlob notes content that is about to be stored for an upload, so that it is
// deleted when AddBlob never takes it. With it the organisation may have most bytes;
// over that it is of kind Quota.
// ImagePush, ID = org
func (db *DB) PendBlob(ctx context.Context, p policies.Permit, r Repo, upload string, b Pushed, most int64) error {
	if err := mayPush(p, r); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error { return t.pend(r.Org(), upload, b.Stored, b.Size, most) })
}

// pend notes content that is about to be stored for an upload ("": an image).
func (t *tx) pend(org aihub.OrgID, upload string, stored aihub.Digest, size, most int64) error {
	used, err := t.pushedBytes(org)
	if err != nil {
		return err
	}
	if size > most-used {
		return aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("your organisation may keep %d bytes of images, pushed and taken in; it has %d", most, used),
			ZH: fmt.Sprintf("贵机构的镜像（含镜像仓库）最多保存 %d 字节，现有 %d 字节", most, used),
		}).WithHint(deleteImages)
	}
	return t.insert("pushed_pending", "stored, org, upload, size, created_at", stored, org, upload, size, us(t.wall))
}

// DropPending makes content garbage that PendBlob or PendImage noted and nothing has
// taken.
func (db *DB) DropPending(ctx context.Context, stored aihub.Digest) error {
	return db.write(ctx, func(t *tx) error { return t.dropPending("stored = ?", stored) })
}

func (t *tx) dropPending(which string, arg any) error {
	if err := t.exec("INSERT INTO pushed_garbage (stored) SELECT stored FROM pushed_pending WHERE "+which, arg); err != nil {
		return err
	}
	return t.exec("DELETE FROM pushed_pending WHERE "+which, arg)
}

// AddBlob gives a repository content that PendBlob noted and that is stored now,
// and forgets its upload. When the organisation has the content already, b.Stored
// becomes garbage. What was swept in the meantime is a Conflict.
// ImagePush, ID = org
func (db *DB) AddBlob(ctx context.Context, p policies.Permit, r Repo, upload string, b Pushed) error {
	if err := mayPush(p, r); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		if err := t.swap("DELETE FROM pushed_pending WHERE stored = ? AND org = ?", b.Stored, r.Org()); err != nil {
			return err
		}
		n, _, err := one(t, value[int64], "SELECT count(*) FROM pushed_blobs WHERE org = ? AND digest = ?", r.Org(), b.Digest)
		if err != nil {
			return err
		}
		if n > 0 {
			err = t.insert("pushed_garbage", "stored", b.Stored)
		} else {
			err = t.insert("pushed_blobs", "org, digest, stored, size", r.Org(), b.Digest, b.Stored, b.Size)
		}
		if err != nil {
			return err
		}
		if err := t.link(r, b.Digest); err != nil {
			return err
		}
		return t.exec("DELETE FROM pushed_uploads WHERE id = ?", upload)
	})
}

// link renews the age of a link that is there, so that an image whose push
// found all its layers is not swept before its manifest comes.
func (t *tx) link(r Repo, digest string) error {
	return t.exec(`INSERT INTO pushed_links (repo, digest, org, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (repo, digest) DO UPDATE SET created_at = excluded.created_at`, r, digest, r.Org(), us(t.wall))
}

// MountBlob gives r content that another repository of the same organisation
// has, or returns NotFound.
// ImagePush, ID = org
func (db *DB) MountBlob(ctx context.Context, p policies.Permit, r, from Repo, digest string) error {
	if err := mayPush(p, r); err != nil {
		return err
	}
	if from.Org() != r.Org() {
		return noContent(digest)
	}
	return db.write(ctx, func(t *tx) error {
		n, _, err := one(t, value[int64], "SELECT count(*) FROM pushed_links WHERE org = ? AND digest = ? AND repo = ?", r.Org(), digest, from)
		if err == nil && n == 0 {
			err = noContent(digest)
		}
		if err != nil {
			return err
		}
		return t.link(r, digest)
	})
}

// DeleteBlob takes content from a repository, or returns NotFound.
// ImagePush, ID = org
func (db *DB) DeleteBlob(ctx context.Context, p policies.Permit, r Repo, digest string) error {
	if err := mayPush(p, r); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		n, _, err := one(t, value[int64], "SELECT count(*) FROM pushed_links WHERE repo = ? AND digest = ?", r, digest)
		if err == nil && n == 0 {
			err = noContent(digest)
		}
		if err != nil {
			return err
		}
		if err := t.exec("DELETE FROM pushed_links WHERE repo = ? AND digest = ?", r, digest); err != nil {
			return err
		}
		return t.discard()
	})
}

// discard moves content that no repository has to the garbage.
func (t *tx) discard() error {
	const unused = "NOT EXISTS (SELECT 1 FROM pushed_links l WHERE l.org = pushed_blobs.org AND l.digest = pushed_blobs.digest)"
	if err := t.exec("INSERT INTO pushed_garbage (stored) SELECT stored FROM pushed_blobs WHERE " + unused); err != nil {
		return err
	}
	return t.exec("DELETE FROM pushed_blobs WHERE " + unused)
}

// SweepRegistry forgets the uploads of which no byte came since a time, what was being stored
// before and never was taken, and the content that no manifest of its repository has
// named since.
func (db *DB) SweepRegistry(ctx context.Context, before time.Time) error {
	return db.write(ctx, func(t *tx) error {
		if err := t.exec("DELETE FROM pushed_uploads WHERE touched_at < ?", us(before)); err != nil {
			return err
		}
		if err := t.dropPending("created_at < ?", us(before)); err != nil {
			return err
		}
		if err := t.exec(`DELETE FROM pushed_links WHERE created_at < ? AND NOT EXISTS
			(SELECT 1 FROM pushed_refs r WHERE r.repo = pushed_links.repo AND r.digest = pushed_links.digest)`, us(before)); err != nil {
			return err
		}
		return t.discard()
	})
}

// Garbage returns blobs that nothing names any more; delete them, then call
// ForgetGarbage.
func (db *DB) Garbage(ctx context.Context) (list []aihub.Digest, err error) {
	err = db.read(ctx, func(t *tx) error {
		list, err = all(t, value[aihub.Digest], "SELECT stored FROM pushed_garbage LIMIT 1000")
		return err
	})
	return list, err
}

// ForgetGarbage says that a blob is deleted.
func (db *DB) ForgetGarbage(ctx context.Context, d aihub.Digest) error {
	return db.write(ctx, func(t *tx) error { return t.exec("DELETE FROM pushed_garbage WHERE stored = ?", d) })
}
