package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
	"aihub/catalog/source/sourcetest"
	"aihub/internal/blob/s3test"
	"aihub/internal/table"
)

func read(t testing.TB, path string) *table.Batch {
	t.Helper()
	r, err := table.OpenParquet(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := table.ReadAll(r, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func texts(b *table.Batch) (out [][]string) {
	for r := range b.Rows {
		var row []string
		for i := range b.Cols {
			v, ok := b.Cols[i].Text(r)
			if !ok {
				v = "∅"
			}
			row = append(row, v)
		}
		out = append(out, row)
	}
	return out
}

func schema(b *table.Batch) string {
	var s []string
	for _, f := range b.Schema() {
		s = append(s, f.Name+" "+string(f.Type))
	}
	return strings.Join(s, ",")
}

// refused says that fetching fails so, that nothing is left, and that no message
// holds the password.
func refused(t testing.TB, address, query string, most int64, kind aihub.Kind, says string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	err := Fetch(t.Context(), address, path, Options{Query: query, MaxRows: most})
	if aihub.KindOf(err) != kind || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("%.60s: %v", query, err)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), "w0rd") {
			t.Errorf("the password is in %v", e)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("something is left")
	}
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	owner, address := sourcetest.Postgres(t)
	if _, err := owner.Exec(t.Context(), `
		CREATE TABLE people (id int PRIMARY KEY, big bigint, name text, tag varchar(9), fee numeric(9,2), w real, ok bool, born date, seen timestamp, at timestamptz, doc jsonb, pic bytea);
		CREATE TABLE numbers AS SELECT 110101199003074610::numeric(18) AS person, 12345678901234567890::numeric(20) AS wide, 1.5::numeric(15,2) AS fee, 0.1234567890123456789::numeric(30,19) AS fine, 110101199003074610::numeric AS free;
		INSERT INTO people VALUES
			(1, 9223372036854775807, '张三', 'a', 12.50, 0.5, true, '1999-02-28', '2024-01-02 03:04:05.678901', '2024-01-01 08:00:00+08', '{"a": 1}', '\x00'),
			(2, NULL, '', NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL);
		CREATE SEQUENCE s;
		CREATE TABLE many AS SELECT i AS id, i % 7 AS v FROM generate_series(1, 20000) i`); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "people")
	if err := Fetch(t.Context(), address, path, Options{Query: "SELECT id, big, name, tag, fee, w, ok, born, seen, at, doc FROM people ORDER BY id;"}); err != nil {
		t.Fatal(err)
	}
	b := read(t, path)
	if got, want := schema(b), "id int64,big int64,name string,tag string,fee float64,w float64,ok bool,born date,seen timestamp,at timestamp,doc string"; got != want {
		t.Errorf("%s\n%s", got, want)
	}
	if d := cmp.Diff([][]string{
		{"1", "9223372036854775807", "张三", "a", "12.5", "0.5", "true", "1999-02-28", "2024-01-02T03:04:05.678901Z", "2024-01-01T00:00:00Z", `{"a": 1}`},
		{"2", "∅", "", "∅", "∅", "∅", "false", "∅", "∅", "∅", "∅"},
	}, texts(b)); d != "" {
		t.Error(d)
	}
	// No digit of a number is lost: a float keeps 15 of them.
	numbers := filepath.Join(t.TempDir(), "numbers")
	if err := Fetch(t.Context(), address, numbers, Options{Query: "TABLE numbers"}); err != nil {
		t.Fatal(err)
	}
	b = read(t, numbers)
	if got, want := schema(b), "person int64,wide string,fee float64,fine string,free string"; got != want {
		t.Errorf("%s\n%s", got, want)
	}
	if d := cmp.Diff([][]string{{"110101199003074610", "12345678901234567890", "1.5", "0.1234567890123456789", "110101199003074610"}}, texts(b)); d != "" {
		t.Error(d)
	}
	var last int64
	many := filepath.Join(t.TempDir(), "many")
	if err := Fetch(t.Context(), address, many, Options{Query: "TABLE many", MaxRows: 20000, Report: func(done, _ int64) { last = done }}); err != nil || last != 20000 || read(t, many).Rows != 20000 {
		t.Error(last, err)
	}
	refused(t, address, "TABLE many", 19999, aihub.Quota, "more than 19999 rows")
	refused(t, address, "SELECT id, pic, id FROM people", 0, aihub.Contract, "bytea")
	refused(t, address, "SELECT 1 + 1", 0, aihub.Contract, "no name of its own")
	refused(t, address, "SELECT nobody FROM people", 0, aihub.Contract, "42703")
	refused(t, address, "DELETE FROM people", 0, aihub.Contract, "42601")
	refused(t, address, "SELECT 1 AS a) x; DROP TABLE people; SELECT * FROM (SELECT 1 AS a", 0, aihub.Contract, "4260")
	refused(t, address, "WITH d AS (INSERT INTO many VALUES (1, 2) RETURNING id) SELECT id FROM d", 0, aihub.Contract, "0A000")
	refused(t, address, "SELECT nextval('s') AS a", 0, aihub.Contract, "25006") // a function that writes
	refused(t, address, "SELECT 'infinity'::date AS d", 0, aihub.Contract, "row 1, column d")
	refused(t, address, "", 0, aihub.Invalid, "needs a query")
	refused(t, strings.Replace(address, "/postgres?", "/nowhere?", 1), "SELECT 1 AS a", 0, aihub.Contract, "3D000")
	refused(t, "postgres://u:w0rd@127.0.0.1:1/x?connect_timeout=2", "SELECT 1 AS a", 0, aihub.Unavailable, "cannot be reached")
	var n int
	if err := owner.QueryRow(t.Context(), "SELECT count(*) FROM people").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d people are left: %v", n, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	gone := filepath.Join(t.TempDir(), "gone")
	err := Fetch(ctx, address, gone, Options{Query: "SELECT i AS id FROM generate_series(1, 100000000) i", Report: func(int64, int64) { stop() }})
	if _, serr := os.Stat(gone); !errors.Is(err, context.Canceled) || !os.IsNotExist(serr) {
		t.Errorf("%v, %v", err, serr)
	}
}

func TestMySQL(t *testing.T) {
	t.Parallel()
	mariadbd := sourcetest.Need(t, "mariadb-server-core", "mariadbd", "/usr/sbin/mariadbd")
	install := sourcetest.Need(t, "mariadb-server-core", "mariadb-install-db")
	dir, as := sourcetest.Home(t)
	data, p := filepath.Join(dir, "data"), sourcetest.Port(t)
	setup := filepath.Join(dir, "setup.sql")
	if err := os.WriteFile(setup, []byte(`
SET NAMES utf8mb4;
CREATE DATABASE city CHARACTER SET utf8mb4;
CREATE TABLE city.people (id int PRIMARY KEY, big bigint unsigned, name varchar(20), fee decimal(9,2), person decimal(18), wide decimal(20), w double, ok tinyint, born date, seen datetime(6), note text, pic blob) CHARACTER SET utf8mb4;
INSERT INTO city.people VALUES (1, 9223372036854775807, '张三', 12.50, 110101199003074610, 12345678901234567890, 0.5, 1, '1999-02-28', '2024-01-02 03:04:05.678901', 'n', 'x'), (2, NULL, '', NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL);
CREATE USER reader@'%' IDENTIFIED BY 'p@ss-w0rd';
GRANT ALL ON city.* TO reader@'%';
`), 0o644); err != nil {
		t.Fatal(err)
	}
	sourcetest.Run(t, sourcetest.Command(t, dir, as, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db"))
	address := "mysql://reader:p%40ss-w0rd@127.0.0.1:" + p + "/city"
	path := filepath.Join(t.TempDir(), "people")
	sourcetest.Serve(t, sourcetest.Command(t, dir, as, mariadbd, "--no-defaults", "--datadir="+data, "--port="+p, "--bind-address=127.0.0.1",
		"--socket="+filepath.Join(dir, "s"), "--pid-file="+filepath.Join(dir, "pid"), "--init-file="+setup, "--innodb-flush-log-at-trx-commit=0"), func() error {
		return Fetch(t.Context(), address, path, Options{Query: "SELECT id, big, name, fee, person, wide, w, ok, born, seen, note FROM people ORDER BY id"})
	})
	b := read(t, path)
	if got, want := schema(b), "id int64,big int64,name string,fee float64,person int64,wide string,w float64,ok int64,born date,seen timestamp,note string"; got != want {
		t.Errorf("%s\n%s", got, want)
	}
	if d := cmp.Diff([][]string{
		{"1", "9223372036854775807", "张三", "12.5", "110101199003074610", "12345678901234567890", "0.5", "1", "1999-02-28", "2024-01-02T03:04:05.678901Z", "n"},
		{"2", "∅", "", "∅", "∅", "∅", "∅", "0", "∅", "∅", "∅"},
	}, texts(b)); d != "" {
		t.Error(d)
	}
	refused(t, address, "SELECT id, pic FROM people", 0, aihub.Contract, "blob")
	refused(t, address, "DELETE FROM people", 0, aihub.Contract, "1064")
	refused(t, address, "SELECT id FROM people", 1, aihub.Quota, "more than 1 rows")
	refused(t, strings.Replace(address, "w0rd", "w0rdy", 1), "SELECT id FROM people", 0, aihub.Unavailable, "refuses the sign-in")
}

func TestObject(t *testing.T) {
	t.Parallel()
	s := s3test.Start(t)
	content := strings.Repeat("a,b\n1,2\n", 200_000)
	if err := os.MkdirAll(filepath.Join(s.Dir, "raw", "2026"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "raw", "2026", "cases 1.csv"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	address := func(key string) string { return strings.Replace(s.URL("raw"), "?", "/"+key+"?", 1) }
	path := filepath.Join(t.TempDir(), "cases")
	var done, total int64
	if err := Fetch(t.Context(), address("2026/cases%201.csv"), path, Options{Report: func(d, n int64) { done, total = d, n }}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != content || done != total || total != int64(len(content)) {
		t.Errorf("%d bytes, %d of %d reported, %v", len(got), done, total, err)
	}
	refused(t, address("2026/none.csv"), "", 0, aihub.NotFound, "no such object")
	refused(t, strings.Replace(s.URL("nowhere"), "?", "/a?", 1), "", 0, aihub.NotFound, "no such object")
	refused(t, s.URL("raw"), "", 0, aihub.Invalid, "bucket/object")
	refused(t, "ftp://host/file", "", 0, aihub.Invalid, "use s3://")
	if _, err := os.Stat(filepath.Join(s.Dir, "nowhere")); !os.IsNotExist(err) {
		t.Error("reading made a bucket")
	}
}
