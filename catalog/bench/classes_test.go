package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"aihub/catalog/risk/classes"
)

// BenchmarkClasses counts the classes of the same rows with DuckDB's GROUP BY
// and with catalog/risk/classes, in turn, and compares the answers. Figures are
// nanoseconds of processor time a row; the last is DuckDB's over ours.
func BenchmarkClasses(b *testing.B) {
	const rows = 10_000_000
	for _, c := range []struct {
		name   string
		domain classes.Domain
	}{
		{"5.5e6", classes.Domain{100, 2, 55, 500}},
		{"2^28", classes.Domain{128, 2, 1024, 1024}},
		{"2e9", classes.Domain{100, 2, 10000, 1000}},
	} {
		b.Run(c.name, func(b *testing.B) {
			cols := make([][]uint32, 4)
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range cols {
				cols[i] = make([]uint32, rows)
				for r := range cols[i] {
					cols[i][r] = uint32(rng.Uint64N(c.domain[i]))
				}
			}
			db := load(b, cols)
			defer db.Close()
			var theirs, ours time.Duration
			for b.Loop() {
				at := settled()
				want := groupBy(b, db)
				theirs += processor() - at
				at = settled()
				got := ownCount(b, c.domain, cols)
				ours += processor() - at
				if fmt.Sprint(got) != fmt.Sprint(want) {
					b.Fatalf("%v, not %v", got, want)
				}
			}
			n := float64(b.N * rows)
			b.ReportMetric(float64(theirs.Nanoseconds())/n, "duckdb-ns/row")
			b.ReportMetric(float64(ours.Nanoseconds())/n, "ours-ns/row")
			b.ReportMetric(float64(theirs)/float64(ours), "times")
		})
	}
}

// load puts the columns into a table of DuckDB, in memory.
func load(b *testing.B, cols [][]uint32) *sql.DB {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		b.Fatal(err)
	}
	db := sql.OpenDB(connector)
	if _, err := db.Exec("CREATE TABLE t (a UINTEGER, b UINTEGER, c UINTEGER, d UINTEGER)"); err != nil {
		b.Fatal(err)
	}
	conn, err := connector.Connect(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	app, err := duckdb.NewAppenderFromConn(conn, "", "t")
	if err != nil {
		b.Fatal(err)
	}
	row := make([]driver.Value, len(cols))
	for r := range cols[0] {
		for i := range cols {
			row[i] = cols[i][r]
		}
		if err := app.AppendRow(row...); err != nil {
			b.Fatal(err)
		}
	}
	if err := app.Close(); err != nil {
		b.Fatal(err)
	}
	return db
}

func groupBy(b *testing.B, db *sql.DB) (h classes.Histogram) {
	rows, err := db.Query("SELECT n, count(*) FROM (SELECT count(*) n FROM t GROUP BY a, b, c, d) GROUP BY n ORDER BY n")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var bin classes.Bin
		if err := rows.Scan(&bin.Size, &bin.Classes); err != nil {
			b.Fatal(err)
		}
		h = append(h, bin)
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return h
}

func ownCount(b *testing.B, d classes.Domain, cols [][]uint32) classes.Histogram {
	size, _ := d.Size()
	n := len(cols[0])
	c, err := classes.New(size, classes.Options{Workers: 2, Rows: int64(n)})
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 2 {
		w := c.Worker()
		wg.Go(func() {
			var codes []uint64
			for at, end := i*n/2, (i+1)*n/2; at < end; at += 4096 {
				to := min(at+4096, end)
				codes = d.Codes(codes[:0], cols[0][at:to], cols[1][at:to], cols[2][at:to], cols[3][at:to])
				if err := w.Add(codes); err != nil {
					b.Error(err)
				}
			}
			if err := w.Close(); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	h, err := c.Finish(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	return h
}

// settled waits, for at most ten seconds, until this process does nothing, and
// returns its processor time so far: DuckDB gives the memory of a query back
// behind its end, and the collector may be at work, which is nobody's counting.
func settled() time.Duration {
	runtime.GC()
	at := processor()
	for range 200 {
		time.Sleep(50 * time.Millisecond)
		now := processor()
		if now-at < time.Millisecond {
			return now
		}
		at = now
	}
	return at
}

// processor is the processor time of this process so far.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
