package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"
)

// moreAttempts is migration 27: what is lost to the death of workers counts apart,
// so that a run has up to maxLost - 1 attempts beside maxAttempts. The databases
// change a condition of a table each in its own way.
func moreAttempts(d dialect) *goose.Migration {
	return goose.NewGoMigration(27, &goose.GoFunc{RunTx: d.attempts}, nil)
}

const attemptsCheck = "CHECK (attempt BETWEEN 1 AND 12)"

// SQLite can only make a table anew, of which others hold references, or, where no
// row is written differently, change the text of its schema
// (https://www.sqlite.org/lang_altertable.html, section 7).
func sqliteAttempts(ctx context.Context, tx *sql.Tx) (err error) {
	defer func() { // also after a failure: it is the connection's, not the transaction's
		_, e := tx.ExecContext(ctx, "PRAGMA writable_schema = 0")
		err = errors.Join(err, e)
	}()
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "PRAGMA writable_schema = 1"); err != nil {
		return err
	}
	const old = "CHECK (attempt BETWEEN 1 AND 3)"
	r, err := tx.ExecContext(ctx, "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'runs' AND instr(sql, ?) > 0", old, attemptsCheck, old)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); n != 1 || err != nil {
		return errors.Join(fmt.Errorf("the table runs is not as it was made: %d", n), err)
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA schema_version = %d", version+1))
	return err
}

func postgresAttempts(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "ALTER TABLE runs DROP CONSTRAINT runs_attempt_check, ADD CONSTRAINT runs_attempt_check "+attemptsCheck)
	return err
}
