package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"aihub"
)

// tx is one transaction. In a write, now never goes back: it is the clock or the
// newest leaf of the ledger, whichever is later, so that turning the clock back
// revives no expired grant. Leases compare with wall instead.
type tx struct {
	*sql.Tx
	ctx     context.Context
	db      *DB
	now     time.Time
	wall    time.Time
	heads   map[string]*head
	touched []rowID // changed since the last leaf
	wakes   bool    // queues a run
}

// write runs f in a transaction that excludes other writers.
func (db *DB) write(ctx context.Context, f func(t *tx) error) error {
	if db.keep != nil {
		if err := db.keep.err(); err != nil {
			return err
		}
	}
	sqlTx, err := db.rw.BeginTx(ctx, nil)
	if err != nil {
		return db.broken(err)
	}
	defer sqlTx.Rollback() // nothing after a commit
	t := &tx{Tx: sqlTx, ctx: ctx, db: db, wall: clean(db.wall())}
	if db.d.exclusive != "" {
		if _, err := t.ExecContext(ctx, db.d.exclusive); err != nil {
			return db.broken(err)
		}
	}
	if err := t.loadHeads(); err != nil {
		return db.broken(err)
	}
	if err := f(t); err != nil {
		return db.broken(err)
	}
	notes, err := t.sealHeads()
	if err != nil {
		return db.broken(err)
	}
	if err := t.Commit(); err != nil {
		return db.broken(err)
	}
	if db.keep != nil {
		db.keep.put(notes)
	}
	if t.wakes {
		db.tell()
	}
	return nil
}

// read runs f on one snapshot of the database.
func (db *DB) read(ctx context.Context, f func(t *tx) error) error {
	sqlTx, err := db.ro.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: db.d.snapshot})
	if err != nil {
		return db.broken(err)
	}
	defer sqlTx.Rollback()
	now := clean(db.wall())
	return db.broken(f(&tx{Tx: sqlTx, ctx: ctx, db: db, now: now, wall: now}))
}

// broken turns what only a database says into an error of a kind.
func (db *DB) broken(err error) error {
	var e *aihub.Error
	switch {
	case err == nil || errors.As(err, &e) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case db.d.busy(err):
		return aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: "the database is busy with another process, or cannot be reached", ZH: "数据库正被其他进程占用，或无法连接",
		}).WithHint(aihub.Text{EN: "try again in a moment", ZH: "请稍后重试"}).Because(err)
	case db.d.taken(err):
		return aihub.Errorf(aihub.Conflict, aihub.Text{
			EN: "this exists already, or someone else was quicker", ZH: "该对象已存在，或他人已抢先操作",
		}).WithHint(aihub.Text{EN: "read it again", ZH: "请重新读取"}).Because(err)
	}
	return fmt.Errorf("store: %w", err)
}

func (t *tx) exec(q string, args ...any) error {
	_, err := t.ExecContext(t.ctx, t.db.d.rebind(q), args...)
	return err
}

// swap runs an update that must change exactly one row, or returns Conflict.
func (t *tx) swap(q string, args ...any) error {
	r, err := t.ExecContext(t.ctx, t.db.d.rebind(q), args...)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return aihub.Errorf(aihub.Conflict, aihub.Text{
		EN: "it has changed in the meantime", ZH: "该对象在此期间已变更",
	}).WithHint(aihub.Text{EN: "read it again", ZH: "请重新读取"})
}

// insert adds a row; cols are separated by commas.
func (t *tx) insert(table, cols string, vals ...any) error {
	n := strings.Count(cols, ",") + 1
	if n != len(vals) {
		return fmt.Errorf("store: %d columns and %d values for %s", n, len(vals), table)
	}
	return t.exec("INSERT INTO "+table+" ("+cols+") VALUES ("+strings.TrimSuffix(strings.Repeat("?, ", n), ", ")+")", vals...)
}

type scanner interface{ Scan(dest ...any) error }

// all returns every row of a query.
func all[T any](t *tx, scan func(scanner) (T, error), q string, args ...any) ([]T, error) {
	rows, err := t.QueryContext(t.ctx, t.db.d.rebind(q), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// one returns the row of a query, and whether there is one.
func one[T any](t *tx, scan func(scanner) (T, error), q string, args ...any) (T, bool, error) {
	v, err := scan(t.QueryRowContext(t.ctx, t.db.d.rebind(q), args...))
	if errors.Is(err, sql.ErrNoRows) {
		var zero T
		return zero, false, nil
	}
	return v, err == nil, err
}

// value scans a single column.
func value[T any](s scanner) (v T, err error) {
	err = s.Scan(&v)
	return v, err
}

// us is how a time is stored: Unix microseconds, 0 for the zero time.
func us(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromUS(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// clean rounds a time to what the database keeps.
func clean(t time.Time) time.Time { return fromUS(us(t)) }

// at scans a stored time.
type at struct{ *time.Time }

func (a at) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", src)
	}
	*a.Time = fromUS(n)
	return nil
}

// js scans a JSON column.
type js struct{ v any }

func (j js) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("JSON is stored as %T", src)
	}
	return json.Unmarshal([]byte(s), j.v)
}

func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// micro scans an amount of the leak budget, kept in millionths of a bit.
type micro struct{ *float64 }

func (m micro) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("an amount is stored as %T", src)
	}
	*m.float64 = float64(n) / 1e6
	return nil
}

// ref scans a name@N.
type ref struct{ *aihub.Ref }

func (r ref) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("a version is stored as %T", src)
	}
	return r.UnmarshalText([]byte(s))
}

// null scans a text that may be NULL, which reads as "".
type null[S ~string] struct{ p *S }

func (n null[S]) Scan(src any) error {
	var v sql.NullString
	err := v.Scan(src)
	*n.p = S(v.String)
	return err
}

// orNull stores "" as NULL, for columns that refer to another table.
func orNull[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// orNever stores the zero time as NULL, for columns that were added later.
func orNever(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return us(t)
}

// orNone stores 0 as NULL, for columns that were added later.
func orNone(n int) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

// orZero stores false as NULL, for columns that were added later.
func orZero(b bool) any {
	if !b {
		return nil
	}
	return 1
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
