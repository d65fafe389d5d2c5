package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	osexec "os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresEnv holds the address of the PostgreSQL that this process's tests use
// instead of SQLite.
const postgresEnv = "AIHUB_STORE_TEST_POSTGRES"

func onPostgres() bool { return os.Getenv(postgresEnv) != "" }

// needsSQLite skips what is about the file of SQLite.
func needsSQLite(t *testing.T) {
	t.Helper()
	if onPostgres() {
		t.Skip("is about SQLite's file")
	}
}

// postgresDSN is the address of the world that lies in dir: a database of its own.
func postgresDSN(dir string) string { return databaseDSN(databaseOf(dir)) }

func databaseOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return fmt.Sprintf("w%x", sum[:8])
}

func databaseDSN(name string) string {
	return strings.Replace(os.Getenv(postgresEnv), "/postgres?", "/"+name+"?", 1)
}

// migrated makes, once, the database of which those of the worlds are copies: a
// copy is made sooner than some thirty migrations.
var migrated = sync.OnceValue(func() error {
	if err := onServer("CREATE DATABASE migrated"); err != nil {
		return err
	}
	db := &DB{d: postgresDialect}
	var err error
	if db.rw, db.ro, err = db.d.open(databaseDSN("migrated")); err != nil {
		return err
	}
	return errors.Join(db.migrate(context.Background()), db.rw.Close(), db.ro.Close())
})

func onServer(statement string) error {
	db, other, err := postgresDialect.open(os.Getenv(postgresEnv))
	if err != nil {
		return err
	}
	_, err = db.Exec(statement)
	return errors.Join(err, db.Close(), other.Close())
}

// makeDatabase makes the database of a world, if there is none.
func (w *world) makeDatabase() {
	w.Helper()
	w.must(migrated())
	name := databaseOf(w.dir)
	err := onServer("CREATE DATABASE " + name + " TEMPLATE migrated")
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == "42P04" { // it exists
		return
	}
	w.must(err)
	w.Cleanup(func() {
		if err := onServer("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			w.Log(err)
		}
	})
}

// TestOnPostgres runs the tests of this package once more, on PostgreSQL; those
// of long histories only when AIHUB_POSTGRES_ALL is set (make test-postgres).
func TestOnPostgres(t *testing.T) {
	if onPostgres() {
		t.Skip("this is that run")
	}
	dsn := startPostgres(t)
	args := []string{"-test.timeout", "20m", "-test.v", "-rapid.checks", "5"}
	least := 80
	if os.Getenv("AIHUB_POSTGRES_ALL") == "" {
		args = append(args, "-test.skip", "TestAnyHistory|TestFairShares|TestKilled|TestDeadlines|TestVerifyFindsEditedLeaves|TestLeavesAreSalted|OfTwoProcesses|Proofs|Fuzz")
		least = 40
	}
	cmd := osexec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), postgresEnv+"="+dsn)
	out, err := cmd.CombinedOutput()
	passed, skipped := bytes.Count(out, []byte("--- PASS")), bytes.Count(out, []byte("--- SKIP"))
	t.Logf("on PostgreSQL: %d passed, %d skipped", passed, skipped)
	if err != nil || passed < least {
		var bad []string
		lines := strings.Split(string(out), "\n")
		for i, l := range lines {
			if strings.Contains(l, "--- FAIL") || strings.HasPrefix(l, "panic") {
				bad = append(bad, lines[i:min(len(lines), i+6)]...)
			}
		}
		t.Fatalf("%v\n%s", err, strings.Join(bad[:min(len(bad), 120)], "\n"))
	}
}

// startPostgres starts a server of Debian's packages in a directory of its own,
// as an ordinary user, and returns its address.
func startPostgres(t *testing.T) string {
	t.Helper()
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bins) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("PostgreSQL is missing: sh deploy/test-deps.sh")
		}
		t.Skip("PostgreSQL is missing: sh deploy/test-deps.sh")
	}
	slices.Sort(bins)
	bin := bins[len(bins)-1]
	dir, err := os.MkdirTemp("", "pg") // short: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	attr := &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // the server refuses to be root
		u, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) {
		t.Helper()
		c := osexec.Command(filepath.Join(bin, name), args...)
		c.SysProcAttr, c.Dir = attr, dir
		c.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "LC_ALL=C"}
		log, err := os.OpenFile(filepath.Join(dir, "out"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		c.Stdout, c.Stderr = log, log // a pipe would wait for the server
		if err := c.Run(); err != nil {
			b, _ := os.ReadFile(log.Name())
			t.Fatalf("%s: %v\n%s", name, err, b)
		}
	}
	data := filepath.Join(dir, "data")
	run("initdb", "-D", data, "-U", "aihub", "--auth=trust", "--locale=C", "--encoding=UTF8", "--no-sync")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	run("pg_ctl", "-D", data, "-w", "-t", "60", "-l", filepath.Join(dir, "log"), "-o",
		"-c listen_addresses=127.0.0.1 -c port="+port+" -c unix_socket_directories= -c fsync=off -c max_connections=300", "start")
	t.Cleanup(func() { run("pg_ctl", "-D", data, "-m", "fast", "-w", "stop") })
	return "postgres://aihub@127.0.0.1:" + port + "/postgres?sslmode=disable"
}

// The store says that it has no database, and not with which password it tried.
func TestPostgresOutOfReach(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, dsn := range []string{"postgres://me:secret-word@127.0.0.1:1/aihub?connect_timeout=2", "postgres://me:secret-word@:x/"} {
		_, err := Open(ctx, Options{Driver: "postgres", DSN: dsn, Signer: signer})
		if err == nil || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%v", err)
		}
	}
}

func TestNumbered(t *testing.T) {
	for q, want := range map[string]string{
		"SELECT 1": "SELECT 1", "a = ? AND b = '?' AND c > ?": "a = $1 AND b = '?' AND c > $2", `x LIKE ? ESCAPE '\'`: `x LIKE $1 ESCAPE '\'`,
	} {
		if got := numbered(q); got != want {
			t.Errorf("%s: %s", q, got)
		}
	}
}
