package store

import (
	"testing"
	"time"

	"aihub"
)

// Migration 27 changes a condition of a table that holds rows, that others refer to,
// and whose work is under way.
func TestMoreAttemptsWithRows(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	w.submit(w.alice, sc, 1)
	l := w.claim(aihub.RunInfer)
	exec := func(q string) error {
		_, err := w.rw.ExecContext(w.ctx, q)
		return err
	}
	// The database as it was before.
	if onPostgres() {
		w.must(exec("ALTER TABLE runs DROP CONSTRAINT runs_attempt_check, ADD CONSTRAINT runs_attempt_check CHECK (attempt BETWEEN 1 AND 3)"))
	} else {
		w.must(exec("PRAGMA writable_schema = 1"))
		w.must(exec("UPDATE sqlite_schema SET sql = replace(sql, 'attempt BETWEEN 1 AND 12', 'attempt BETWEEN 1 AND 3') WHERE name = 'runs'"))
		w.must(exec("PRAGMA writable_schema = 0"))
	}
	for _, table := range []string{"image_parts", "pushed_pending", "image_blobs"} { // what came later, newest first
		w.must(exec("DROP TABLE " + table))
	}
	w.must(exec("ALTER TABLE pushed_uploads RENAME COLUMN touched_at TO created_at"))
	w.must(exec("DROP INDEX submissions_by_image"))
	w.must(exec("ALTER TABLE images DROP COLUMN deleted_at"))
	for _, c := range []string{"split", "erase_reason"} {
		w.must(exec("ALTER TABLE datasets DROP COLUMN " + c))
	}
	for _, c := range []string{"ended_at", "reason", "self_test"} {
		w.must(exec("ALTER TABLE scenarios DROP COLUMN " + c))
	}
	for _, c := range []string{"done", "goal"} {
		w.must(exec("ALTER TABLE leases DROP COLUMN " + c))
	}
	w.must(exec("DELETE FROM goose_db_version WHERE version_id >= 27"))
	w.must(w.Close())
	if !onPostgres() { // where it is migrated by opening it; another connection sees what the schema was
		if db, _, err := dialects["sqlite"].open(w.options().DSN); err != nil {
			t.Fatal(err)
		} else {
			if _, err := db.ExecContext(w.ctx, "UPDATE runs SET attempt = 4"); err == nil {
				t.Fatal("the database is not as it was: a fourth attempt is taken")
			}
			w.must(db.Close())
		}
	}
	w.open()

	if err := exec("UPDATE runs SET attempt = 13"); err == nil {
		t.Error("a thirteenth attempt is taken")
	}
	if err := exec("UPDATE runs SET attempt = 12"); err != nil {
		t.Errorf("a twelfth attempt is refused: %v", err)
	}
	w.must(exec("UPDATE runs SET attempt = 1"))
	if _, err := w.Heartbeat(w.ctx, l, time.Minute); err != nil {
		t.Errorf("the lease of before: %v", err)
	}
	w.must(w.Finish(w.ctx, l, Outcome{Output: digest("o")}))
	if onPostgres() {
		return
	}
	for q, want := range map[string]string{"PRAGMA integrity_check": "ok", "SELECT count(*) FROM pragma_foreign_key_check": "0", "PRAGMA writable_schema": "0"} {
		var got string
		if err := w.rw.QueryRowContext(w.ctx, q).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v", q, got, err)
		}
	}
}
