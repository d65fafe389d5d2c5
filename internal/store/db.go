package store

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/pressly/goose/v3"

	"aihub"
	"aihub/policies/ledger"
)

// Options says where the database is and how its ledger is signed.
type Options struct {
	Driver     string             // "sqlite" (default) or "postgres"
	DSN        string             // SQLite: file path, or ":memory:"; PostgreSQL: postgres://USER:PASSWORD@HOST:PORT/DATABASE
	Signer     ed25519.PrivateKey // signs ledger checkpoints; required
	Checkpoint string             // file that keeps the newest checkpoint outside the database; "" for none
	Now        func() time.Time   // default time.Now
	Queue      Queue              // how runs share the workers
	Patience   Patience           // how long a run may stay in a state
}

// DB is an open store. It is safe for concurrent use, and several processes may
// open one database.
type DB struct {
	d      dialect
	rw, ro *sql.DB
	signer ed25519.PrivateKey
	wall   func() time.Time
	keep   *keeper // of the checkpoint files; nil for none

	queue    Queue
	patience Patience

	mu     sync.Mutex
	fronts map[string]ledger.Frontier // of the newest heads, to save reading them

	telling sync.Mutex
	queued  chan struct{} // closed when a run is queued here; nil: nobody waits

	making sync.Mutex
	made   []string // the schema of a new database, once it was asked for
}

//go:embed migrations/*.sql
var migrations embed.FS

// Open migrates and opens the store. It refuses a database whose ledger is
// behind its checkpoint file, or was signed with another key.
func Open(ctx context.Context, o Options) (*DB, error) {
	d, ok := dialects[o.Driver]
	if !ok {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("there is no database driver %q: use sqlite or postgres", o.Driver),
			ZH: fmt.Sprintf("没有数据库驱动 %q：请使用 sqlite 或 postgres", o.Driver),
		})
	}
	if len(o.Signer) != ed25519.PrivateKeySize {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: "the ledger's signing key is missing", ZH: "缺少存证签名密钥",
		})
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	rw, ro, err := d.open(o.DSN)
	if err != nil {
		return nil, cannotOpen(place(o.DSN), err)
	}
	db := &DB{d: d, rw: rw, ro: ro, signer: o.Signer, wall: o.Now, fronts: map[string]ledger.Frontier{}, queue: o.Queue, patience: o.Patience.or(patience)}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(cannotOpen(place(o.DSN), err), db.Close())
	}
	if err := db.checkHeads(ctx, o.Checkpoint); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := db.reindex(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if o.Checkpoint != "" {
		if db.keep, err = db.newKeeper(ctx, o.Checkpoint); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

// Close writes the newest checkpoint and closes the database.
func (db *DB) Close() error {
	var err error
	if db.keep != nil {
		err = db.keep.close()
	}
	err = errors.Join(err, db.rw.Close())
	if db.ro != db.rw {
		err = errors.Join(err, db.ro.Close())
	}
	return err
}

// migrate brings the schema up to date. Two processes may start at once: the
// loser of the race tries again and finds the work done.
func (db *DB) migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		p, err := goose.NewProvider(db.d.goose, db.rw, dir, goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(moreAttempts(db.d)))
		if err != nil {
			return err
		}
		if _, err = p.Up(ctx); err == nil || try == 5 || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(try) * 50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func cannotOpen(dsn string, err error) error {
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: fmt.Sprintf("the database %s cannot be opened: %v", dsn, err),
		ZH: fmt.Sprintf("无法打开数据库 %s：%v", dsn, err),
	}).WithHint(aihub.Text{
		EN: "SQLite: the directory must exist and be writable, and the file be a database of aihub; PostgreSQL: the server must run, and let the user in and create tables",
		ZH: "SQLite：目录须存在且可写，文件须为 aihub 的数据库；PostgreSQL：服务须在运行，且允许该用户登录并建表",
	}).Because(err)
}
