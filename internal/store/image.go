package store

import (
	"context"
	"fmt"

	"aihub"
	"aihub/internal/blob"
	"aihub/policies"
)

// maxImages is how many images one organisation may keep.
const maxImages = 10_000

// imageID names the image of an organisation in permits and in the ledger.
func imageID(org aihub.OrgID, d aihub.Digest) string { return string(org) + "/" + string(d) }

// PendImage notes content of an image that is about to be stored, so that it is
// deleted when RegisterImage never takes it. With it the organisation may have most
// bytes; over that it is of kind Quota.
// ImagePush, ID = org
func (db *DB) PendImage(ctx context.Context, p policies.Permit, s blob.Seal, most int64) error {
	org := p.Actor().Org
	if err := p.Check(policies.ImagePush, string(org)); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error { return t.pend(org, "", s.Stored, s.Size, most) })
}

// RegisterImage links an image that lies in the blob store to an organisation, with
// the blobs it is made of: those that PendImage noted, and by their content alone
// those that the organisation had. Linking it again changes nothing, but brings back
// what was deleted. Where a blob went in the meantime it is a Conflict.
// ImagePush, ID = org
func (db *DB) RegisterImage(ctx context.Context, p policies.Permit, org aihub.OrgID, d aihub.Digest, size int64, parts ...blob.Seal) error {
	if err := p.Check(policies.ImagePush, string(org)); err != nil {
		return err
	}
	if _, err := aihub.ParseDigest(string(d)); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		id := imageID(org, d)
		here, again, err := one(t, value[bool], "SELECT deleted_at IS NULL FROM images WHERE id = ?", id)
		if err != nil {
			return err
		}
		if !here {
			if err := t.roomForImage(org); err != nil {
				return err
			}
		}
		if !again {
			t.touch("images", id)
			if err := t.insert("images", "id, org, digest, size, created_at", id, org, d, size, us(t.now)); err != nil {
				return err
			}
		}
		for _, s := range parts {
			if err := t.takeBlob(org, s); err != nil {
				return err
			}
			if err := t.exec("INSERT INTO image_parts (org, image, digest) VALUES (?, ?, ?) ON CONFLICT (org, image, digest) DO NOTHING", org, d, s.Content); err != nil {
				return err
			}
		}
		if here {
			return nil
		}
		if again {
			t.touch("images", id)
			if err := t.swap("UPDATE images SET deleted_at = NULL WHERE id = ? AND deleted_at IS NOT NULL", id); err != nil {
				return err
			}
		}
		return t.record(acts, string(policies.ImagePush), id, permitted(p), nil)
	})
}

func (t *tx) roomForImage(org aihub.OrgID) error {
	n, _, err := one(t, value[int64], "SELECT count(*) FROM images WHERE org = ? AND deleted_at IS NULL", org)
	if err == nil && n >= maxImages {
		err = aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("your organisation keeps %d images; more are not taken", n), ZH: fmt.Sprintf("贵机构已保存 %d 个镜像，不再接收", n),
		}).WithHint(deleteImages)
	}
	return err
}

var deleteImages = aihub.Text{
	EN: "delete what is no longer needed: aihub image list, aihub image delete DIGEST, or what was pushed to the registry",
	ZH: "请删除不再需要的内容：aihub image list、aihub image delete 摘要，或删除推送到镜像仓库的内容",
}

// takeBlob makes one blob of an image the organisation's, unless it has it already.
func (t *tx) takeBlob(org aihub.OrgID, s blob.Seal) error {
	stored, has, err := one(t, value[*string], "SELECT stored FROM image_blobs WHERE org = ? AND digest = ?", org, s.Content)
	switch {
	case err != nil:
		return err
	case s.Stored == "" && has:
		return nil
	case s.Stored == "":
		return aihub.Errorf(aihub.Conflict, aihub.Text{
			EN: "another image that held the layer " + s.Content.Short() + " was deleted meanwhile", ZH: "包含层 " + s.Content.Short() + " 的另一镜像刚被删除",
		}).WithHint(aihub.Text{EN: "send the image again", ZH: "请重新发送镜像"})
	}
	if err := t.swap("DELETE FROM pushed_pending WHERE stored = ? AND org = ?", s.Stored, org); err != nil {
		return err
	}
	switch {
	case !has:
		return t.insert("image_blobs", "org, digest, stored, wrapped, size", org, s.Content, s.Stored, s.Wrapped, s.Size)
	case stored == nil: // taken in before blobs were sealed
		return t.exec("UPDATE image_blobs SET stored = ?, wrapped = ?, size = ? WHERE org = ? AND digest = ?", s.Stored, s.Wrapped, s.Size, org, s.Content)
	}
	return t.insert("pushed_garbage", "stored", s.Stored)
}

// HasImageBlob reports whether an image of the actor's own organisation is made of
// this blob, among others.
func (db *DB) HasImageBlob(ctx context.Context, s policies.Scope, d aihub.Digest) (ok bool, err error) {
	err = db.read(ctx, func(t *tx) error {
		n, _, err := one(t, value[int64], "SELECT count(*) FROM image_blobs WHERE org = ? AND digest = ?", s.Actor().Org, d)
		ok = n > 0
		return err
	})
	return ok, err
}

func (t *tx) hasImage(org aihub.OrgID, d aihub.Digest) (bool, error) {
	n, _, err := one(t, value[int64], "SELECT count(*) FROM images WHERE org = ? AND digest = ? AND deleted_at IS NULL", org, d)
	return n > 0, err
}

// HasImage reports whether the actor's own organisation keeps the image.
func (db *DB) HasImage(ctx context.Context, s policies.Scope, d aihub.Digest) (ok bool, err error) {
	err = db.read(ctx, func(t *tx) error { ok, err = t.hasImage(s.Actor().Org, d); return err })
	return ok, err
}

// Images lists those that the actor's own organisation keeps, newest first, at most 1000.
func (db *DB) Images(ctx context.Context, s policies.Scope) (list []aihub.KeptImage, err error) {
	err = db.read(ctx, func(t *tx) error {
		list, err = all(t, func(s scanner) (v aihub.KeptImage, err error) {
			err = s.Scan(&v.Digest, &v.Org, &v.Bytes, at{&v.CreatedAt}, &v.Submissions, &v.Last)
			return v, err
		}, `SELECT i.digest, i.org, i.size, i.created_at, (SELECT count(*) FROM submissions u WHERE u.org = i.org AND u.image = i.digest),
			COALESCE((SELECT u.id FROM submissions u WHERE u.org = i.org AND u.image = i.digest ORDER BY u.created_at DESC, u.id DESC LIMIT 1), '')
			FROM images i WHERE i.org = ? AND i.deleted_at IS NULL ORDER BY i.created_at DESC, i.digest LIMIT 1000`, s.Actor().Org)
		for i, m := range list {
			needed := t.imageNeeded(m.Org, m.Digest)
			if list[i].Needed = aihub.KindOf(needed) == aihub.Conflict; needed != nil && !list[i].Needed {
				return needed
			}
		}
		return err
	})
	return list, err
}

// CountImages says how many images the actor's own organisation keeps.
func (db *DB) CountImages(ctx context.Context, s policies.Scope) (n int64, err error) {
	err = db.read(ctx, func(t *tx) error {
		n, _, err = one(t, value[int64], "SELECT count(*) FROM images WHERE org = ? AND deleted_at IS NULL", s.Actor().Org)
		return err
	})
	return n, err
}

// DeleteImage deletes an image of an organisation: what no other image of it is made
// of becomes garbage, and nothing new can use it; submissions stay as they are. It is
// refused while something that is not over needs it, as far as its organisation may
// know: that a hidden run is over is not to be learnt by trying to delete.
// ImageDelete, ID = org/digest
func (db *DB) DeleteImage(ctx context.Context, p policies.Permit, org aihub.OrgID, d aihub.Digest) error {
	id := imageID(org, d)
	if err := p.Check(policies.ImageDelete, id); err != nil {
		return err
	}
	if err := sameFacts(p, policies.Object{Org: org}); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		if ok, err := t.hasImage(org, d); err != nil {
			return err
		} else if !ok {
			return notFound("image", "镜像", string(d))
		}
		if err := t.imageNeeded(org, d); err != nil {
			return err
		}
		t.touch("images", id)
		if err := t.swap("UPDATE images SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL", us(t.now), id); err != nil {
			return err
		}
		if err := t.exec("DELETE FROM image_parts WHERE org = ? AND image = ?", org, d); err != nil {
			return err
		}
		const unused = "org = ? AND stored IS NOT NULL AND NOT EXISTS (SELECT 1 FROM image_parts p WHERE p.org = image_blobs.org AND p.digest = image_blobs.digest)"
		if err := t.exec("INSERT INTO pushed_garbage (stored) SELECT stored FROM image_blobs WHERE "+unused, org); err != nil {
			return err
		}
		if err := t.exec("DELETE FROM image_blobs WHERE "+unused, org); err != nil {
			return err
		}
		return t.record(acts, string(policies.ImageDelete), id, permitted(p), nil)
	})
}

// imageNeeded is a Conflict while a submission that is not over, or a scorer that was
// not rejected, names the image.
func (t *tx) imageNeeded(org aihub.OrgID, d aihub.Digest) error {
	users, err := all(t, scanSubmission, "SELECT "+submissionCols+" FROM submissions WHERE org = ? AND image = ? AND (settled = 0 OR visible_at > ?) ORDER BY created_at, id", org, d, us(t.now))
	if err != nil {
		return err
	}
	for _, s := range users {
		if over := s.State.Terminal() && (s.Smoke || s.shown(t.now)); !over {
			return aihub.Errorf(aihub.Conflict, aihub.Text{
				EN: "submission " + string(s.ID) + " needs this image", ZH: "提交 " + string(s.ID) + " 仍需要该镜像",
			}).WithHint(aihub.Text{EN: "wait for its outcome, or cancel it: aihub runs cancel " + string(s.ID), ZH: "请等待其结果，或取消：aihub runs cancel " + string(s.ID)})
		}
	}
	v, ok, err := one(t, scanScorer, "SELECT "+scorerCols+" FROM scorers WHERE org = ? AND image = ? AND state <> 'rejected'", org, d)
	if err == nil && ok {
		err = aihub.Errorf(aihub.Conflict, aihub.Text{
			EN: "scorer " + string(v.ID) + " is this image", ZH: "评分程序 " + string(v.ID) + " 使用该镜像",
		}).WithHint(aihub.Text{EN: "a scorer's image stays as long as it is proposed or approved", ZH: "评分程序处于待审或已批准状态时，其镜像会一直保留"})
	}
	return err
}
