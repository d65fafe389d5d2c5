package store

import (
	"context"
	"strings"

	"aihub"
	"aihub/policies"
)

// MaskKey returns which generation of its key a mask scope ("org/scope") is at,
// from 1 on.
func (db *DB) MaskKey(ctx context.Context, scope string) (n int, err error) {
	err = db.read(ctx, func(t *tx) error { n, err = t.maskKey(scope); return err })
	return n, err
}

func (t *tx) maskKey(scope string) (int, error) {
	n, ok, err := one(t, value[int], "SELECT generation FROM mask_keys WHERE id = ?", scope)
	if err == nil && !ok {
		n = 1
	}
	return n, err
}

// RotateMaskKey gives a mask scope a new key: what is published in it from then
// on has other pseudonyms. Old versions keep the id of theirs.
// KeyRotate, ID = org/scope
func (db *DB) RotateMaskKey(ctx context.Context, p policies.Permit, scope, reason string) (generation int, err error) {
	if err := p.Check(policies.KeyRotate, scope); err != nil {
		return 0, err
	}
	if err := bounded(4000, "reason", reason); err != nil {
		return 0, err
	}
	org, name, ok := strings.Cut(scope, "/")
	if !ok || aihub.OrgID(org) != p.Actor().Org || len(name) == 0 || len(name) > 128 {
		return 0, refused("a mask scope is rotated by its own organisation", "脱敏作用域只能由所属机构轮换")
	}
	err = db.write(ctx, func(t *tx) error {
		n, err := t.maskKey(scope)
		if err != nil {
			return err
		}
		generation = n + 1
		t.touch("mask_keys", scope)
		if err := t.exec(`INSERT INTO mask_keys (id, org, generation, reason, rotated_by, rotated_at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, reason = excluded.reason, rotated_by = excluded.rotated_by, rotated_at = excluded.rotated_at`,
			scope, org, generation, reason, p.Actor().User, us(t.now)); err != nil {
			return err
		}
		return t.record(acts, string(policies.KeyRotate), scope, permitted(p), map[string]any{"generation": generation})
	})
	return generation, err
}
