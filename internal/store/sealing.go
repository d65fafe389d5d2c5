package store

import (
	"context"
	"fmt"
	"time"

	"aihub"
)

// goingFor bounds how long Seal waits for the same bytes to be deleted.
const goingFor = time.Minute

// Seal notes what is about to be stored for a run: a model's archive, an output, a log.
// What the run does not come to name is deleted when it is over: see Unsealed. While the
// same bytes are being deleted it waits.
func (db *DB) Seal(ctx context.Context, l *Lease, d aihub.Digest) error {
	if _, err := aihub.ParseDigest(string(d)); err != nil {
		return err
	}
	for end := time.Now().Add(goingFor); ; {
		going := false
		err := db.write(ctx, func(t *tx) (err error) {
			if _, err := t.hold(l); err != nil {
				return err
			}
			if _, going, err = one(t, value[int], "SELECT 1 FROM sealing WHERE digest = ? AND going = 1 LIMIT 1", d); err != nil || going {
				return err
			}
			return t.note(l.run.ID, d)
		})
		if err == nil && going && time.Now().After(end) {
			err = aihub.Errorf(aihub.Unavailable, aihub.Text{
				EN: "what an earlier run left could not be deleted in time: " + d.Short(), ZH: "较早的运行留下的内容未能及时删除：" + d.Short(),
			})
		}
		if err != nil {
			return err
		}
		if !going {
			l.noted = append(l.noted, d)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (t *tx) note(run aihub.RunID, d aihub.Digest) error {
	return t.exec("INSERT INTO sealing (run, digest) VALUES (?, ?) ON CONFLICT (run, digest) DO NOTHING", run, d)
}

// Disown notes again what was stored under a lease whose run could not be ended by it:
// it may have been looked for, and not found, before it was there.
func (db *DB) Disown(ctx context.Context, l *Lease) error {
	if len(l.noted) == 0 {
		return nil
	}
	return db.write(ctx, func(t *tx) error {
		for _, d := range l.noted {
			_, model, err := one(t, value[int], "SELECT 1 FROM models WHERE id = ? UNION SELECT 1 FROM left_files WHERE digest = ?", d, d)
			if err == nil && !model { // else it was ended all the same
				err = t.note(l.run.ID, d)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// most bounds what one call of Unsealed looks at.
const most = 100

// Unsealed returns what was stored for runs that are over and is named by nothing, and
// files of workspaces that ended long ago. Delete each and then Forget it: until then
// nobody stores the same bytes.
func (db *DB) Unsealed(ctx context.Context) (list []aihub.Digest, err error) {
	var over, old []aihub.Digest
	err = db.read(ctx, func(t *tx) error {
		if over, err = all(t, value[aihub.Digest], fmt.Sprintf(`SELECT DISTINCT few.digest FROM sealing few CROSS JOIN runs r WHERE r.id = few.run
			AND r.state NOT IN ('queued', 'leased') ORDER BY few.digest LIMIT %d`, most)); err != nil {
			return err
		}
		old, err = all(t, value[aihub.Digest], fmt.Sprintf("SELECT digest FROM left_files WHERE created_at <= ? ORDER BY created_at, digest LIMIT %d", most), us(t.now.Add(-keptFiles)))
		return err
	})
	if err != nil || len(over) == 0 {
		return old, err
	}
	err = db.write(ctx, func(t *tx) error {
		list = nil
		for _, d := range over {
			gone, err := t.goes(d)
			if err != nil {
				return err
			}
			if gone {
				list = append(list, d)
			}
		}
		return nil
	})
	return append(list, old...), err
}

// goes marks the notes of a content that is to be deleted, and drops those of one that
// stays because something names it. A run that is not over may still come to. Models and
// files of workspaces are not asked: nothing else has their bytes, and who names
// them has no note, or wants them deleted.
func (t *tx) goes(d aihub.Digest) (bool, error) {
	_, live, err := one(t, value[int], "SELECT 1 FROM sealing s JOIN runs r ON r.id = s.run WHERE s.digest = ? AND r.state IN ('queued', 'leased') LIMIT 1", d)
	if err != nil || live {
		return false, err
	}
	named := false
	for _, q := range []string{
		"SELECT 1 FROM sealing s JOIN runs r ON r.id = s.run WHERE s.digest = ? AND (r.output = s.digest OR r.log = s.digest) LIMIT 1",
		// Rare from here on: the worker was killed, or the run ended without what it had stored.
		"SELECT 1 FROM runs WHERE output = ? LIMIT 1",
		"SELECT 1 FROM runs WHERE log = ? LIMIT 1",
		"SELECT 1 FROM datasets WHERE plan = ? LIMIT 1",
		"SELECT 1 FROM datasets WHERE profile = ? LIMIT 1",
		"SELECT 1 FROM datasets WHERE card = ? LIMIT 1",
		"SELECT 1 FROM datasets WHERE parts_json LIKE '%' || ? || '%' LIMIT 1",
		"SELECT 1 FROM image_blobs WHERE digest = ? AND stored IS NULL LIMIT 1",
	} {
		if _, named, err = one(t, value[int], q, string(d)); err != nil {
			return false, err
		}
		if named {
			return false, t.exec("DELETE FROM sealing WHERE digest = ?", d)
		}
	}
	return true, t.exec("UPDATE sealing SET going = 1 WHERE digest = ?", d)
}

// Forget drops what the store knows of an archive, once it is deleted.
func (db *DB) Forget(ctx context.Context, d aihub.Digest) error {
	return db.write(ctx, func(t *tx) error {
		if err := t.exec("DELETE FROM sealing WHERE digest = ?", d); err != nil {
			return err
		}
		return t.exec("DELETE FROM left_files WHERE digest = ?", d)
	})
}
