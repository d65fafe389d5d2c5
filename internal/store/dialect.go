package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pressly/goose/v3/database"
)

// dialect is all that differs between databases: SQLite here, PostgreSQL in
// postgres.go. Everything else is portable SQL with ? for parameters.
type dialect struct {
	goose database.Dialect

	// attempts is migration 27.
	attempts func(ctx context.Context, tx *sql.Tx) error

	// open returns a handle for writes, whose transactions run one after another
	// across all processes, and one for reads, which never wait for a write. They
	// may be the same.
	open func(dsn string) (rw, ro *sql.DB, err error)

	// rebind rewrites ? parameters.
	rebind func(query string) string

	// exclusive is run first in every write transaction ("" when begin already
	// excludes other writers), so that the ledger has one order.
	exclusive string

	// taken reports whether err says that a unique key exists already.
	taken func(err error) bool

	// busy reports whether err says that another process holds the database.
	busy func(err error) bool

	// check runs the database's own integrity check and returns its complaints.
	check func(ctx context.Context, tx *sql.Tx) ([]string, error)

	// schema describes every table, index, view and trigger. A scratch database
	// of the same dialect, migrated, must give the same list.
	schema  string
	scratch func(ctx context.Context, db *DB) (fresh *sql.DB, drop func() error, err error)

	snapshot sql.IsolationLevel // in which a reading transaction sees one state
}

var dialects = map[string]dialect{"": sqliteDialect, "sqlite": sqliteDialect, "postgres": postgresDialect}

// sqliteDialect: write-ahead log, every commit synced to disk (a charge that was
// acknowledged must survive a power cut), one writer connection a process whose
// transactions begin immediate, so that processes queue instead of failing.
var sqliteDialect = dialect{
	goose:    database.DialectSQLite3,
	attempts: sqliteAttempts,
	open: func(dsn string) (*sql.DB, *sql.DB, error) {
		const common = "_pragma=busy_timeout(60000)&_pragma=foreign_keys(1)&_pragma=trusted_schema(0)&_pragma=secure_delete(1)"
		if dsn == ":memory:" {
			db, err := sql.Open("sqlite", ":memory:?"+common+"&_txlock=immediate")
			if err != nil {
				return nil, nil, err
			}
			db.SetMaxOpenConns(1) // each connection would have a database of its own
			return db, db, nil
		}
		path, err := filepath.Abs(dsn)
		if err != nil {
			return nil, nil, err
		}
		// The file is made here so that only its owner may read it; SQLite gives
		// its log files the same mode.
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, nil, err
		}
		if err := f.Close(); err != nil {
			return nil, nil, err
		}
		uri := (&url.URL{Scheme: "file", Path: path}).String() + "?" + common
		rw, err := sql.Open("sqlite", uri+"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
		if err != nil {
			return nil, nil, err
		}
		rw.SetMaxOpenConns(1)
		ro, err := sql.Open("sqlite", uri+"&_pragma=query_only(1)")
		if err != nil {
			return nil, nil, errors.Join(err, rw.Close())
		}
		ro.SetMaxOpenConns(8)
		ro.SetMaxIdleConns(8)
		return rw, ro, nil
	},
	rebind: func(q string) string { return q },
	taken: func(err error) bool {
		var e *sqlite.Error
		return errors.As(err, &e) &&
			(e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
	},
	busy: func(err error) bool {
		var e *sqlite.Error
		return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
	},
	check: func(ctx context.Context, tx *sql.Tx) ([]string, error) {
		var bad []string
		for _, q := range []string{"PRAGMA integrity_check(20)", "PRAGMA foreign_key_check"} {
			rows, err := tx.QueryContext(ctx, q)
			if err != nil {
				return bad, err
			}
			cols, err := rows.Columns()
			if err != nil {
				return bad, errors.Join(err, rows.Close())
			}
			for rows.Next() {
				vals := make([]any, len(cols))
				for i := range vals {
					vals[i] = new(sql.NullString)
				}
				if err := rows.Scan(vals...); err != nil {
					return bad, errors.Join(err, rows.Close())
				}
				s := vals[0].(*sql.NullString).String
				if len(cols) > 1 { // foreign_key_check: table, rowid, parent, constraint
					s = "a row of " + s + " refers to a row that is not there"
				}
				if s != "ok" {
					bad = append(bad, s)
				}
			}
			if err := rows.Err(); err != nil {
				return bad, err
			}
		}
		return bad, nil
	},
	schema: "SELECT type || ' ' || name || ': ' || COALESCE(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY 1",
	scratch: func(context.Context, *DB) (*sql.DB, func() error, error) {
		db, err := sql.Open("sqlite", ":memory:")
		if err != nil {
			return nil, nil, err
		}
		db.SetMaxOpenConns(1) // each connection would have a database of its own
		return db, db.Close, nil
	},
}
