// Command bench masks one table with the page engine and with DuckDB in one run
// and prints what each costs in processor time. `make bench-mask` runs it.
//
// The mixed table has nine columns: an id that no two rows share, a mobile
// number, a name, an address, a birth date, and four that stay as they are: an
// amount, a region's number, a short note and an instant. In
// the dictionary-encoded one 10,000 people have all the rows and a row group has
// a million, so that every chunk is indices behind a small dictionary. Rounds are
// interleaved, figures are medians.
package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"

	"aihub/catalog/mask"
	"aihub/internal/pages"
	"aihub/internal/table"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

var (
	rows    = flag.Int("rows", 2_000_000, "rows of each table")
	rounds  = flag.Int("rounds", 5, "interleaved rounds")
	codec   = flag.String("codec", "snappy", "snappy or zstd")
	only    = flag.String("only", "", "mixed, dictionary or parts: that table alone")
	profile = flag.String("profile", "", "write a processor profile of the page engine here")
)

func main() {
	flag.Parse()
	log.SetFlags(0)
	if src := os.Getenv(twin); src != "" {
		if err := serveTwin(src, os.Getenv(twin+"_OUT")); err != nil {
			log.Fatal(err)
		}
		return
	}
	dir, err := os.MkdirTemp("", "bench-mask")
	if err != nil {
		log.Fatal(err)
	}
	err = run(dir)
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var version string
	if err := db.QueryRow("SELECT version()").Scan(&version); err != nil {
		return err
	}
	fmt.Printf("%d rows, %s, DuckDB %s, %s, %d cores; million rows a processor-second, medians of %d interleaved rounds\n\n",
		*rows, *codec, version, runtime.Version(), runtime.NumCPU(), *rounds)
	bars := map[string]float64{"mixed": 5, "dictionary": 20}
	for _, kind := range []string{"mixed", "dictionary"} {
		if *only != "" && *only != kind {
			continue
		}
		src := filepath.Join(dir, kind+".parquet")
		if err := generate(db, kind, src, *rows); err != nil {
			return err
		}
		if err := measure(db, dir, kind, src, bars[kind]); err != nil {
			return err
		}
	}
	if !*parts || *only != "" && *only != "parts" {
		return nil
	}
	return measureParts()
}

// generate writes a raw table with DuckDB.
func generate(db *sql.DB, kind, path string, n int) error {
	person := "i"
	if kind == "dictionary" {
		person = "(hash(i) % 10000)"
	}
	q := fmt.Sprintf(`COPY (
		SELECT 'C' || lpad((p * 7919 %% 1000000007)::VARCHAR, 17, '0') AS id,
			'13' || lpad((hash(p, 1) %% 1000000000)::VARCHAR, 9, '0') AS phone,
			['王','李','张','刘','陈','杨','黄','赵','吴','周','徐','孙'][1 + (hash(p, 2) %% 12)::INT] ||
				['伟','芳','敏','静','磊','丽','建国','桂英','志强','海燕','晓东','文华','雨桐','子涵'][1 + (hash(p, 3) %% 14)::INT] ||
				chr((19968 + hash(p, 11) %% 3000)::INT) AS name,
			['广东省广州市天河区','广东省深圳市南山区','浙江省杭州市西湖区','四川省成都市武侯区','湖北省武汉市洪山区','江苏省南京市鼓楼区'][1 + (hash(p, 4) %% 6)::INT] ||
				'人民路' || (hash(p, 5) %% 2000)::VARCHAR || '号' || (hash(p, 6) %% 30)::VARCHAR || '栋' AS address,
			DATE '1940-01-01' + (hash(p, 7) %% 25000)::INT AS birth,
			%[2]s AS amount,
			(hash(i, 9) %% 400)::INT AS region,
			'窗口' || (hash(i, 12) %% 80)::VARCHAR || '受理，材料' || (hash(i, 13) %% %[8]d)::VARCHAR || '份已核验，待复核' AS note,
			TIMESTAMP '2024-01-01' + INTERVAL (%[3]s) SECOND AS seen
		FROM (SELECT i, %[4]s AS p FROM range(%[5]d) t(i)))
		TO '%[1]s' (FORMAT parquet, COMPRESSION %[6]s, ROW_GROUP_SIZE %[7]d)`, path,
		map[string]string{"mixed": "(hash(i, 8) % 1000000000)::DOUBLE / 100", "dictionary": "(hash(i, 8) % 5000)::DOUBLE / 100"}[kind],
		map[string]string{"mixed": "i", "dictionary": "(i % 10000)"}[kind], person, n, *codec,
		map[string]int{"mixed": 122_880, "dictionary": 1 << 20}[kind], map[string]int{"mixed": 1_000_000, "dictionary": 50}[kind])
	_, err := db.Exec(q)
	return err
}

// duck masks with SQL: what DuckDB has for each technique. It has no
// format-preserving encryption; a hash stands for it.
func duck(db *sql.DB, threads int, src, dst string) error {
	if _, err := db.Exec(fmt.Sprintf("SET threads = %d", threads)); err != nil {
		return err
	}
	_, err := db.Exec(fmt.Sprintf(`COPY (
		SELECT substr(sha256('key' || id), 1, 32) AS id,
			substr(phone, 1, 3) || lpad((hash(phone || 'key') %% 100000000)::VARCHAR, 8, '0') AS phone,
			['王','李','张','刘','陈','杨','黄','赵','吴','周','徐','孙','马','朱','胡','郭'][1 + (hash(name || 'k') %% 16)::INT] ||
				['建国','桂英','秀英','秀兰','玉兰','建华','志强','秀珍','建军','海燕','志明','丽华','国强','晓东','文华','秀芳'][1 + (hash(name || 'l') %% 16)::INT] AS name,
			substr(address, 1, instr(address, '区')) AS address,
			make_date(year(birth) - year(birth) %% 5, 1, 1) AS birth,
			amount, region, note, seen
		FROM '%s') TO '%s' (FORMAT parquet, COMPRESSION %s)`, src, dst, *codec))
	return err
}

// plan is the same with the techniques of catalog/mask.
func plan(f *pages.File, ids string, workers int) (pages.Plan, error) {
	fields := []table.Field{}
	for _, l := range f.Leaves() {
		t := table.String
		switch l.Annotation {
		case "date":
			t = table.Date
		case "timestamp":
			t = table.Timestamp
		case "integer":
			t = table.Int64
		case "":
			t = table.Int64
			if l.Type == pages.Double {
				t = table.Float64
			}
		}
		fields = append(fields, table.Field{Name: l.Name(), Type: t})
	}
	p := mask.Plan{Columns: map[string]mask.Rule{"id": {Use: "pseudonym"}, "phone": {Use: "phone", OnInvalid: "missing"}, "name": {Use: "name"}, "address": {Use: "address", To: "district", OnInvalid: "missing"},
		"birth": {Use: "date", To: "5years"}, "amount": {Use: "keep"}, "region": {Use: "keep"}, "note": {Use: "keep"}, "seen": {Use: "keep"}}}
	m, err := p.Compile(fields, []byte("a key of thirty-two bytes length"))
	if err != nil {
		return pages.Plan{}, err
	}
	out := pages.Plan{Columns: make([]pages.Column, len(fields)), Workers: workers}
	for i, c := range fields {
		k, ok := m.Kernel(c.Name)
		if !ok || p.Columns[c.Name].Use == "keep" {
			continue
		}
		switch {
		case c.Name == "id" && ids == "16":
			out.Columns[i] = pages.Column{Op: pages.Map, Type: pages.Fixed, Width: 16, Logical: pages.None, New: func() pages.MapFunc { return rawIDs(k) }}
		case k.Append != nil:
			out.Columns[i] = pages.Column{Op: pages.Map, Nullable: p.Columns[c.Name].OnInvalid == "missing", New: pages.Texts(k.Append, nil)}
			if k.Alike != nil {
				out.Columns[i].Alike = pages.AlikeOrFail(k.Alike, func([][]byte, []int) error { return nil })
			}
		case c.Name == "birth":
			out.Columns[i] = pages.Column{Op: pages.Map, New: func() pages.MapFunc { return births(k) }}
		default:
			return out, fmt.Errorf("no kernel for %s", c.Name)
		}
	}
	return out, nil
}

// births maps days through the kernel for columns.
func births(k mask.Kernel) pages.MapFunc {
	in := table.NewColumn(table.Field{Name: "birth", Type: table.Date}, 0)
	return func(v *pages.Values, out *pages.Builder) error {
		in.Int = in.Int[:0]
		for _, d := range v.Int32s() {
			in.Int = append(in.Int, int64(d))
		}
		masked, bad := k.Mask(&in)
		if len(bad) > 0 {
			return errors.New("dates out of range")
		}
		at := out.Extend(len(masked.Int), 4)
		for i, d := range masked.Int {
			binary.LittleEndian.PutUint32(at[4*i:], uint32(d))
		}
		return nil
	}
}

// rawIDs are the 16 bytes of which a pseudonym shows the hex digits.
func rawIDs(k mask.Kernel) pages.MapFunc {
	var src [][]byte
	var sums []byte
	return func(in *pages.Values, out *pages.Builder) error {
		for from := 0; from < in.Len(); from += 1024 {
			src = src[:0]
			for i := from; i < min(from+1024, in.Len()); i++ {
				src = append(src, in.Bytes(i))
			}
			sums = k.Raw(sums[:0], src)
			copy(out.Extend(len(src), 16), sums)
		}
		return nil
	}
}

func ours(src, dst, ids string, workers int) error {
	defer pages.Room(int64(workers) * pages.WorkerBytes)() // as the command does
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	f, err := pages.Open(in, st.Size())
	if err != nil {
		return err
	}
	p, err := plan(f, ids, workers)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(dst, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	return pages.Transcode(context.Background(), f, p, pages.Output{File: out})
}

// floor decompresses and compresses again the pages of the masked columns, copies
// those of the others, and writes both to a file: what a tool pays that rewrites
// pages and masks nothing.
func floor(src, dst string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	f, err := pages.Open(in, st.Size())
	if err != nil {
		return err
	}
	out, err := os.OpenFile(dst, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		return err
	}
	defer dec.Close()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
	if err != nil {
		return err
	}
	var plain, packed []byte
	walk := f.Pages()
	for g := range f.RowGroups() {
		for i, l := range f.Leaves() {
			again := slices.Contains([]string{"id", "phone", "name", "address", "birth"}, l.Name())
			err := walk(g, i, func(b []byte, n int, codec pages.Codec) (err error) {
				page := b
				switch {
				case !again:
				case codec == pages.Snappy:
					if plain, err = s2.Decode(plain[:cap(plain)], b); err == nil {
						packed = s2.EncodeSnappy(packed[:cap(packed)], plain)
						page = packed
					}
				case codec == pages.Zstd:
					if plain, err = dec.DecodeAll(b, plain[:0]); err == nil {
						packed = enc.EncodeAll(plain, packed[:0])
						page = packed
					}
				}
				if err == nil {
					_, err = out.Write(page)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// least is what the engine must reach with ids of any form.
var least = map[string]float64{"mixed": 3.7, "dictionary": 20}

type cost struct{ cpu, wall float64 }

func timed(f func() error) (cost, error) {
	runtime.GC()
	var a, b syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &a); err != nil {
		return cost{}, err
	}
	start := time.Now()
	err := f()
	wall := time.Since(start).Seconds()
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &b); err != nil {
		return cost{}, err
	}
	sec := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return cost{sec(b.Utime) + sec(b.Stime) - sec(a.Utime) - sec(a.Stime), wall}, err
}

func measure(db *sql.DB, dir, kind, src string, bar float64) error {
	dst := filepath.Join(dir, "out.parquet")
	pipelines := []struct {
		name string
		do   func() error
	}{
		{"DuckDB: sha256, hash, no FPE", func() error { return duck(db, 1, src, dst) }},
		{"decompress and compress alone (floor)", func() error { return floor(src, dst) }},
		{"page engine, hex ids", func() error { return ours(src, dst, "hex", 1) }},
		{"page engine, 16-byte ids", func() error { return ours(src, dst, "16", 1) }},
		{"page engine, 16-byte ids, two workers", func() error { return ours(src, dst, "16", 2) }},
	}
	costs := make([][]cost, len(pipelines))
	for r := range *rounds + 1 {
		for i, p := range pipelines {
			if r == 1 && i == 3 && *profile != "" {
				f, err := os.Create(*profile + "." + kind)
				if err != nil {
					return err
				}
				if err := pprof.StartCPUProfile(f); err != nil {
					return err
				}
				for range 5 {
					if err := p.do(); err != nil {
						return err
					}
				}
				pprof.StopCPUProfile()
				f.Close()
			}
			if err := os.Remove(dst); err != nil && !os.IsNotExist(err) {
				return err // giving up the former file's pages is nobody's work
			}
			c, err := timed(p.do)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			if r > 0 { // the first round warms up
				costs[i] = append(costs[i], c)
			}
		}
	}
	median := func(cs []cost, f func(cost) float64) float64 {
		v := make([]float64, len(cs))
		for i, c := range cs {
			v[i] = f(c)
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	cpu := func(c cost) float64 { return c.cpu }
	base := median(costs[0], cpu)
	fmt.Printf("%-40s %12s %14s %10s\n", kind+" table", "Mrows/CPU-s", "CPU-s", "x DuckDB")
	for i, p := range pipelines {
		m := median(costs[i], cpu)
		note := ""
		switch i {
		case 2:
			note = fmt.Sprintf("   bar %gx: %s", least[kind], verdict(base/m >= least[kind]))
		case 3:
			note = fmt.Sprintf("   bar %gx: %s, not below the floor: %s", bar, verdict(base/m >= bar), verdict(m <= median(costs[1], cpu)))
		}
		fmt.Printf("%-40s %12.2f %14.3f %9.1fx%s\n", p.name, float64(*rows)/1e6/m, m, base/m, note)
	}
	if err := twoWorkers(db, dir, kind, src); err != nil {
		return err
	}
	// What the page engine wrote, another reader must agree with.
	if err := ours(src, dst, "16", 2); err != nil {
		return err
	}
	var n, ids, phones, names int
	if err := db.QueryRow(fmt.Sprintf("SELECT count(*), count(DISTINCT id), count(phone), count(name) FROM '%s'", dst)).Scan(&n, &ids, &phones, &names); err != nil {
		return err
	}
	var rawIDs int
	if err := db.QueryRow(fmt.Sprintf("SELECT count(DISTINCT id) FROM '%s'", src)).Scan(&rawIDs); err != nil {
		return err
	}
	if n != *rows || phones != n || names != n || ids != rawIDs {
		return fmt.Errorf("the masked %s table reads as %d rows, %d ids of %d, %d phones, %d names", kind, n, ids, rawIDs, phones, names)
	}
	above, err := peak(func() error { return ours(src, dst, "16", 2) })
	if err != nil {
		return err
	}
	fmt.Printf("heap of the page engine with two workers: %d MiB   bar 128 MiB: %s\n\n", above>>20, verdict(above <= 128<<20))
	return nil
}

// peak runs f and returns how far the heap grew, looked at often.
func peak(f func() error) (int64, error) {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	from := int64(m.HeapAlloc)
	done := make(chan error)
	go func() { done <- f() }()
	most := int64(0)
	for {
		select {
		case err := <-done:
			return most, err
		case <-time.After(2 * time.Millisecond):
			runtime.ReadMemStats(&m)
			most = max(most, int64(m.HeapAlloc)-from)
		}
	}
}

func verdict(ok bool) string {
	if ok {
		return "met"
	}
	return strings.ToUpper("missed")
}
