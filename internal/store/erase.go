package store

import (
	"context"
	"fmt"

	"aihub"
	"aihub/internal/blob"
	"aihub/policies"
)

func scanSeal(s scanner) (v blob.Seal, err error) {
	err = s.Scan(&v.Content, &v.Stored, &v.Wrapped, &v.Size)
	return v, err
}

// SealOf returns how a content is sealed; NotFound when it never was. A seal whose
// key was destroyed has none.
func (db *DB) SealOf(ctx context.Context, d aihub.Digest) (s blob.Seal, err error) {
	err = db.read(ctx, func(t *tx) error {
		if s, err = t.seal1(d); aihub.KindOf(err) != aihub.NotFound {
			return err
		}
		// Of several organisations that have it any will do.
		img, ok, e := one(t, scanSeal, "SELECT digest, stored, wrapped, size FROM image_blobs WHERE digest = ? AND stored IS NOT NULL LIMIT 1", d)
		if e != nil || ok {
			s, err = img, e
		}
		return err
	})
	return s, err
}

func (t *tx) seal1(d aihub.Digest) (blob.Seal, error) {
	s, ok, err := one(t, scanSeal, "SELECT id, stored, wrapped, size FROM seals WHERE id = ?", d)
	if err == nil && !ok {
		err = notFound("sealed content", "密封内容", d.Short())
	}
	return s, err
}

// seals keeps a seal. Content that has one already keeps it, unless it was erased.
func (t *tx) seals(s blob.Seal) error {
	old, err := t.seal1(s.Content)
	switch {
	case err == nil && old.Wrapped != "":
		return nil
	case err == nil:
		t.touch("seals", string(s.Content))
		return t.swap("UPDATE seals SET stored = ?, wrapped = ?, size = ?, erased_at = 0 WHERE id = ? AND wrapped = ''", s.Stored, s.Wrapped, s.Size, s.Content)
	case aihub.KindOf(err) == aihub.NotFound:
		t.touch("seals", string(s.Content))
		return t.insert("seals", "id, stored, wrapped, size, erased_at", s.Content, s.Stored, s.Wrapped, s.Size, 0)
	}
	return err
}

// DueErasures returns the versions whose time is over and that are not erased.
func (db *DB) DueErasures(ctx context.Context) (list []aihub.DatasetVersion, err error) {
	err = db.read(ctx, func(t *tx) error {
		list, err = all(t, scanDataset, "SELECT "+datasetCols+" FROM datasets WHERE retain_until <= ? AND erased_at IS NULL ORDER BY retain_until, id", us(t.now))
		return err
	})
	return list, err
}

// EraseDataset destroys the keys of a version's parts, but for files that another
// version has too: nobody can read them again, wherever copies of the blob store
// are. A version that is in use is withdrawn first, when its time is over; else
// it is refused. It returns what lies in the blob store for nothing now.
// DatasetErase, ID = name@N
func (db *DB) EraseDataset(ctx context.Context, p policies.Permit, r aihub.Ref, reason string) (garbage []aihub.Digest, err error) {
	if err := p.Check(policies.DatasetErase, r.String()); err != nil {
		return nil, err
	}
	if err := bounded(4000, "reason", reason); err != nil {
		return nil, err
	}
	err = db.write(ctx, func(t *tx) error {
		garbage = nil
		v, err := t.dataset(r)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: v.Org}); err != nil {
			return err
		}
		if !v.ErasedAt.IsZero() {
			return conflict(fmt.Sprintf("%s is erased already", r), fmt.Sprintf("%s 已被擦除", r))
		}
		over := !v.RetainUntil.IsZero() && !v.RetainUntil.After(t.now)
		state, why, decided := v.State, v.Reason, v.DecidedAt
		if state == aihub.DatasetProposed || state == aihub.DatasetPublished {
			if !over {
				return conflict(fmt.Sprintf("%s is %s: what is in use is not erased", r, v.State), fmt.Sprintf("%s 处于 %s 状态，使用中的数据不可擦除", r, v.State)).
					WithHint(aihub.Text{EN: "withdraw it first", ZH: "请先撤回"})
			}
			state, why, decided = aihub.DatasetWithdrawn, reason, t.now
			if err := t.restate("dataset", r.String(), string(v.State), string(state)); err != nil {
				return err
			}
		}
		t.touch("datasets", r.String())
		if err := t.swap("UPDATE datasets SET state = ?, reason = ?, decided_at = ?, erase_reason = ?, erased_at = ? WHERE id = ? AND state = ? AND erased_at IS NULL",
			state, why, us(decided), reason, us(t.now), r.String(), v.State); err != nil {
			return err
		}
		destroyed, shared := []aihub.Digest{}, []aihub.Digest{}
		for _, f := range v.Parts {
			for _, d := range []aihub.Digest{f.Input, f.Truth, f.Files} {
				if d == "" {
					continue // a table alone
				}
				kept, _, err := one(t, value[int64], "SELECT count(*) FROM datasets WHERE erased_at IS NULL AND parts_json LIKE ?", "%"+string(d)+"%")
				if err != nil {
					return err
				}
				if kept > 0 {
					shared = append(shared, d)
					continue
				}
				s, err := t.seal1(d)
				if aihub.KindOf(err) == aihub.NotFound { // stored before parts were sealed
					garbage, destroyed = append(garbage, d), append(destroyed, d)
					continue
				}
				if err != nil {
					return err
				}
				if s.Wrapped == "" {
					continue // two parts of one content
				}
				t.touch("seals", string(d))
				if err := t.swap("UPDATE seals SET wrapped = '', erased_at = ? WHERE id = ? AND wrapped <> ''", us(t.now), d); err != nil {
					return err
				}
				garbage, destroyed = append(garbage, s.Stored), append(destroyed, d)
			}
		}
		return t.record(acts, string(policies.DatasetErase), r.String(), permitted(p),
			map[string]any{"destroyed": destroyed, "kept_by_others": shared, "time_over": over})
	})
	if err != nil {
		return nil, err
	}
	return garbage, nil
}
