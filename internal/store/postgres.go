package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3/database"

	"aihub"
)

// postgresDialect: writes take an advisory lock of the schema first, so that they
// run one after another across all servers and the ledger has one order; reads
// are repeatable and never wait. Tables lie in the first schema of the search path.
var postgresDialect = dialect{
	goose:    database.DialectPostgres,
	attempts: postgresAttempts,
	snapshot: sql.LevelRepeatableRead,
	open: func(dsn string) (*sql.DB, *sql.DB, error) {
		c, err := pgx.ParseConfig(dsn)
		if err != nil {
			return nil, nil, errors.New("the address is not one of PostgreSQL: write postgres://USER:PASSWORD@HOST:5432/DATABASE")
		}
		c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // right after a migration, too
		pool := func(n int) *sql.DB {
			db := stdlib.OpenDB(*c)
			db.SetMaxOpenConns(n)
			db.SetMaxIdleConns(n)
			db.SetConnMaxIdleTime(5 * time.Minute)
			return db
		}
		return pool(2), pool(8), nil
	},
	rebind:    numbered,
	exclusive: "SELECT pg_advisory_xact_lock(hashtext('aihub ' || current_schema()))",
	taken: func(err error) bool {
		var e *pgconn.PgError
		return errors.As(err, &e) && e.Code == "23505"
	},
	busy: func(err error) bool {
		var e *pgconn.PgError
		var c *pgconn.ConnectError
		if errors.As(err, &e) {
			switch e.Code {
			case "40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03":
				return true
			}
		}
		return errors.As(err, &c) || pgconn.SafeToRetry(err)
	},
	check: func(ctx context.Context, tx *sql.Tx) ([]string, error) {
		rows, err := tx.QueryContext(ctx, `SELECT conname FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND NOT convalidated`)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var bad []string
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return bad, err
			}
			bad = append(bad, "constraint "+name+" was never checked")
		}
		return bad, rows.Err()
	},
	schema: `SELECT 'column ' || table_name || '.' || column_name || ': ' || data_type || ' ' || is_nullable || ' ' || COALESCE(column_default, '') AS line
		FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'goose_db_version'
		UNION ALL SELECT 'constraint ' || r.relname || '.' || c.conname || ': ' || pg_get_constraintdef(c.oid, true)
		FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid WHERE c.connamespace = current_schema()::regnamespace AND r.relname <> 'goose_db_version'
		UNION ALL SELECT 'index ' || c.relname || ': ' || pg_get_indexdef(i.indexrelid, 0, true)
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = current_schema()::regnamespace AND c.relname NOT LIKE 'goose%'
		UNION ALL SELECT 'trigger ' || t.tgname || ': ' || pg_get_triggerdef(t.oid, true)
		FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
		UNION ALL SELECT 'rule ' || rulename || ': ' || definition FROM pg_rules WHERE schemaname = current_schema()
		UNION ALL SELECT 'view ' || viewname || ': ' || definition FROM pg_views WHERE schemaname = current_schema()
		ORDER BY 1`,
	scratch: func(ctx context.Context, db *DB) (*sql.DB, func() error, error) {
		name := aihub.NewID("scratch")
		if _, err := db.rw.ExecContext(ctx, "CREATE SCHEMA "+name); err != nil {
			return nil, nil, err
		}
		var c *pgx.ConnConfig
		conn, err := db.rw.Conn(ctx)
		if err == nil {
			err = conn.Raw(func(raw any) error { c = raw.(*stdlib.Conn).Conn().Config(); return nil })
			err = errors.Join(err, conn.Close())
		}
		drop := func() error {
			_, err := db.rw.ExecContext(context.WithoutCancel(ctx), "DROP SCHEMA "+name+" CASCADE")
			return err
		}
		if err != nil {
			return nil, nil, errors.Join(err, drop())
		}
		c.RuntimeParams["search_path"] = name
		fresh := stdlib.OpenDB(*c)
		return fresh, func() error { return errors.Join(fresh.Close(), drop()) }, nil
	},
}

// numbered turns ? into $1, $2, …, outside of quotes.
func numbered(q string) string {
	if !strings.Contains(q, "?") {
		return q
	}
	var b strings.Builder
	n, quoted := 0, false
	for _, r := range q {
		switch {
		case r == '\'':
			quoted = !quoted
			b.WriteRune(r)
		case r == '?' && !quoted:
			n++
			b.WriteString("$" + strconv.Itoa(n))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// place is how an address is shown: without its password.
func place(dsn string) string {
	if c, err := pgconn.ParseConfig(dsn); err == nil && strings.Contains(dsn, "://") {
		return fmt.Sprintf("%s at %s:%d", c.Database, c.Host, c.Port)
	}
	if strings.Contains(dsn, "://") {
		return "PostgreSQL"
	}
	return dsn
}
