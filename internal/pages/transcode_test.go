package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

func pseudonym(v []byte) string {
	s := sha256.Sum256(v)
	return hex.EncodeToString(s[:8])
}

// masks are the maps of the tests: an injective one, one that joins values, one
// that changes the type and makes nulls, one of integers.
func masks(f *File) []Column {
	cols := make([]Column, len(f.leaves))
	for i, l := range f.leaves {
		switch l.Path[0] {
		case "u", "n":
			cols[i] = Column{Op: Map, New: func() MapFunc {
				return func(in *Values, out *Builder) error {
					for k := range in.Len() {
						out.Bytes([]byte(pseudonym(in.Bytes(k))))
					}
					return nil
				}
			}}
		case "s":
			cols[i] = Column{Op: Map, New: func() MapFunc {
				return func(in *Values, out *Builder) error {
					for k := range in.Len() {
						b := in.Bytes(k)
						out.Bytes([]byte("bucket" + string('0'+b[len(b)-1]%2)))
					}
					return nil
				}
			}}
		case "l":
			cols[i] = Column{Op: Map, Type: ByteArray, Logical: String, Nullable: true, New: func() MapFunc {
				return func(in *Values, out *Builder) error {
					for _, v := range in.Int64s() {
						if v < 0 {
							out.Null()
						} else {
							out.Bytes(fmt.Appendf(nil, "L%d", v%10))
						}
					}
					return nil
				}
			}}
		case "i":
			cols[i] = Column{Op: Map, Nullable: true, New: func() MapFunc {
				return func(in *Values, out *Builder) error {
					for _, v := range in.Int32s() {
						if v%2 == 0 {
							out.Null()
						} else {
							out.Int32(v / 100)
						}
					}
					return nil
				}
			}}
		case "d":
			cols[i] = Column{Op: Drop}
		}
	}
	return cols
}

// maskedRow is what masks makes of rowOf.
func maskedRow(name string, i int) any {
	v := rowOf(name, i)
	switch name {
	case "u":
		return pseudonym([]byte(v.(string)))
	case "s":
		if s, ok := v.(string); ok {
			return "bucket" + string('0'+s[len(s)-1]%2)
		}
	case "l":
		if n := v.(int64); n >= 0 {
			return fmt.Sprintf("L%d", n%10)
		}
		return nil
	case "i":
		if n, ok := v.(int32); ok && n%2 != 0 {
			return n / 100
		}
		return nil
	}
	return v
}

// secrets are the raw values of the masked columns.
func secrets() (out [][]byte) {
	for i := range goldenRows {
		out = append(out, []byte(rowOf("u", i).(string)))
		if s, ok := rowOf("s", i).(string); ok {
			out = append(out, []byte(s))
		}
	}
	return append(out, []byte("item-0"), []byte("item-1"), []byte("item-2"))
}

func create(t testing.TB) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "out.parquet"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func contents(t testing.TB, f *os.File) []byte {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// arrowLists reads a list column with another library, each row as text.
func arrowLists(t *testing.T, b []byte, name string) (out []string, rows int64) {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fr, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := fr.ReadTable(context.Background())
	if err != nil {
		t.Fatalf("another reader: %v", err)
	}
	defer tab.Release()
	at := tab.Schema().FieldIndices(name)
	if len(at) == 0 {
		return nil, tab.NumRows()
	}
	for _, c := range tab.Column(at[0]).Data().Chunks() {
		l := c.(*array.List)
		for i := range l.Len() {
			from, to := l.ValueOffsets(i)
			var s []string
			for k := from; k < to; k++ {
				s = append(s, l.ListValues().(*array.String).Value(int(k)))
			}
			out = append(out, strings.Join(s, ","))
		}
	}
	return out, tab.NumRows()
}

func listRow(i int) string {
	var s []string
	for k := range i % 4 {
		s = append(s, pseudonym(fmt.Appendf(nil, "item-%d", k)))
	}
	return strings.Join(s, ",")
}

func TestTranscodeMapsAndCopies(t *testing.T) {
	for _, path := range goldens(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			src := openBytes(t, b)
			out := create(t)
			if err := Transcode(t.Context(), src, Plan{Columns: masks(src)}, Output{File: out}); err != nil {
				t.Fatal(err)
			}
			got := contents(t, out)
			f := openBytes(t, got)
			if f.Leaf("d") >= 0 {
				t.Error("a dropped column is there")
			}
			for i, l := range f.Leaves() {
				if !l.Flat() {
					continue
				}
				vs, err := column(f, i, 0, false)
				if err != nil {
					t.Fatal(err)
				}
				for r, v := range vs {
					if want := maskedRow(l.Name(), r); v != want {
						t.Fatalf("%s row %d: got %v, want %v", l.Name(), r, v, want)
					}
				}
			}
			leaks, err := Audit(bytes.NewReader(got), int64(len(got)), secrets())
			if err != nil || len(leaks) > 0 {
				t.Errorf("raw values are left: %v, %v", leaks, err)
			}
			if strings.HasSuffix(path, "arrow-delta.parquet") {
				return // the other reader does not know RLE of booleans
			}
			lists, rows := arrowLists(t, got, "n")
			if rows != goldenRows {
				t.Errorf("another reader sees %d rows", rows)
			}
			for i, s := range lists {
				if s != listRow(i) {
					t.Fatalf("list %d: %q, want %q", i, s, listRow(i))
				}
			}
			if bytes.Contains(got, []byte("ARROW:schema")) {
				t.Error("metadata of the source is left")
			}
		})
	}
}

// The audit finds what is there: the source itself leaks.
func TestAuditFinds(t *testing.T) {
	b, err := os.ReadFile("testdata/arrow-v2-zstd.parquet")
	if err != nil {
		t.Fatal(err)
	}
	leaks, err := Audit(bytes.NewReader(b), int64(len(b)), secrets())
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]bool{}
	for _, l := range leaks {
		found[l.Value] = true
	}
	for i := range secrets() {
		if !found[i] {
			t.Fatalf("value %d of the raw file is not found", i)
		}
	}
}

// smallUnits lets every row group be a unit of its own.
func smallUnits(t *testing.T) {
	old := unitRows
	unitRows = 1
	t.Cleanup(func() { unitRows = old })
}

// dealPlan gives row i to part i%3, and suppresses every tenth.
func dealPlan(f *File) Plan {
	return Plan{Columns: masks(f), Shuffle: []byte("key"), Deal: func(u Unit, part []uint8) error {
		for i := range part {
			row := int(u.First) + i
			if part[i] = uint8(row % 3); row%10 == 0 {
				part[i] = Suppress
			}
		}
		return nil
	}}
}

func TestDealAndShuffle(t *testing.T) {
	t.Run("one unit", testDeal)
	t.Run("many units", func(t *testing.T) {
		smallUnits(t)
		testDeal(t)
	})
}

func testDeal(t *testing.T) {
	for _, path := range goldens(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			src := openBytes(t, b)
			outs := []Output{{File: create(t), Part: 0}, {File: create(t), Part: 1}, {File: create(t), Part: 2},
				{File: create(t), Part: 1, Leaves: []int{0, src.Leaf("u")}}}
			if err := Transcode(t.Context(), src, dealPlan(src), outs...); err != nil {
				t.Fatal(err)
			}
			for o, out := range outs {
				got := contents(t, out.File)
				f := openBytes(t, got)
				ids, err := column(f, f.Leaf("id"), 0, false)
				if err != nil {
					t.Fatal(err)
				}
				want := 0
				for i := range goldenRows {
					if i%10 != 0 && i%3 == int(out.Part) {
						want++
					}
				}
				if len(ids) != want {
					t.Fatalf("output %d: %d rows, want %d", o, len(ids), want)
				}
				if slices.IsSortedFunc(ids, func(a, b any) int { return int(a.(int64) - b.(int64)) }) {
					t.Error("rows are in their old order")
				}
				seen := map[int64]bool{}
				for _, id := range ids {
					if i := id.(int64); seen[i] || i%10 == 0 || int(i%3) != int(out.Part) {
						t.Fatalf("output %d has row %d", o, i)
					} else {
						seen[i] = true
					}
				}
				for i, l := range f.Leaves() {
					if !l.Flat() {
						continue
					}
					vs, err := column(f, i, 0, false)
					if err != nil {
						t.Fatal(err)
					}
					for r, v := range vs {
						if want := maskedRow(l.Name(), int(ids[r].(int64))); v != want {
							t.Fatalf("%s of row %d: got %v, want %v", l.Name(), ids[r], v, want)
						}
					}
				}
				if o == 3 {
					if len(f.Leaves()) != 2 {
						t.Errorf("%d columns", len(f.Leaves()))
					}
				}
				lists, _ := arrowLists(t, got, "n")
				for r, s := range lists {
					if want := listRow(int(ids[r].(int64))); s != want {
						t.Fatalf("list of row %d: %q, want %q", ids[r], s, want)
					}
				}
				// Nor may values of rows that went elsewhere be left.
				var gone [][]byte
				for i := range goldenRows {
					if !seen[int64(i)] {
						gone = append(gone, []byte(pseudonym([]byte(rowOf("u", i).(string)))))
					}
				}
				leaks, err := Audit(bytes.NewReader(got), int64(len(got)), append(gone, secrets()...))
				if err != nil || len(leaks) > 0 {
					t.Errorf("output %d: %v, %v", o, leaks, err)
				}
			}
		})
	}
}

// Bytes do not depend on the number of workers.
func TestSameBytesOnAnyCores(t *testing.T) {
	smallUnits(t)
	for _, name := range []string{"arrow-v2-zstd", "arrow-plain", "duckdb-v1-snappy"} {
		b, err := os.ReadFile("testdata/" + name + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		src := openBytes(t, b)
		for _, plan := range []Plan{{Columns: masks(src)}, dealPlan(src)} {
			var first []byte
			for _, plan.Workers = range []int{1, 2, 7} {
				out := create(t)
				if err := Transcode(t.Context(), src, plan, Output{File: out}); err != nil {
					t.Fatal(err)
				}
				got := contents(t, out)
				if first == nil {
					first = got
				}
				if !bytes.Equal(first, got) {
					t.Fatalf("%s: %d workers write other bytes", name, plan.Workers)
				}
			}
		}
	}
}

// A call that ended in the middle goes on where it was, and ends in the same
// bytes.
func TestResume(t *testing.T) {
	b, err := os.ReadFile("testdata/arrow-v1-zstd.parquet")
	if err != nil {
		t.Fatal(err)
	}
	smallUnits(t)
	src := openBytes(t, b)
	for _, c := range []struct{ damage, deal bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		damage := c.damage
		whole, out := create(t), create(t)
		plan := Plan{Columns: masks(src)}
		if c.deal {
			plan = dealPlan(src)
		}
		if err := Transcode(t.Context(), src, plan, Output{File: whole}); err != nil {
			t.Fatal(err)
		}
		journal := filepath.Join(t.TempDir(), "journal")
		stop := errors.New("stop")
		calls := 0
		counting := func(limit int) []Column {
			cols := masks(src)
			u := src.Leaf("u")
			inner := cols[u].New
			cols[u].New = func() MapFunc {
				f := inner()
				return func(in *Values, o *Builder) error {
					if calls++; calls > limit {
						return stop
					}
					return f(in, o)
				}
			}
			return cols
		}
		plan.Columns, plan.Workers, plan.Journal = counting(1<<30), 1, journal
		if err := Transcode(t.Context(), src, plan, Output{File: create(t)}); err != nil {
			t.Fatal(err)
		}
		all := calls
		calls = 0
		plan.Columns = counting(all * 2 / 3)
		if err := Transcode(t.Context(), src, plan, Output{File: out}); !errors.Is(err, stop) {
			t.Fatalf("no stop: %v", err)
		}
		if damage { // the first unit is not what the journal says
			if _, err := out.WriteAt([]byte{1, 2, 3}, 100); err != nil {
				t.Fatal(err)
			}
		}
		calls = 0
		plan.Columns = counting(1 << 30)
		if err := Transcode(t.Context(), src, plan, Output{File: out}); err != nil {
			t.Fatal(err)
		}
		if again := calls == all; again != damage {
			t.Errorf("damage %v: %d of %d calls again", damage, calls, all)
		}
		if !bytes.Equal(contents(t, out), contents(t, whole)) {
			t.Error("other bytes after a resume")
		}
		if _, err := os.Stat(journal); err != nil {
			t.Error("the journal is gone before the file is out")
		}
	}
}

func TestCancel(t *testing.T) {
	b, err := os.ReadFile("testdata/arrow-v1-zstd.parquet")
	if err != nil {
		t.Fatal(err)
	}
	src := openBytes(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	plan := Plan{Columns: masks(src), Workers: 1, Progress: func(int64, int64) { cancel() }}
	if err := Transcode(ctx, src, plan, Output{File: create(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Damaged sources end in errors or files, never in a panic or a hang.
func FuzzTranscode(f *testing.F) {
	for _, path := range goldens(f) {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true)
		f.Add(b, false)
	}
	out := create(f)
	f.Fuzz(func(t *testing.T, b []byte, deal bool) {
		src, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil || src.Rows() > 1<<20 {
			return
		}
		plan := Plan{Columns: make([]Column, len(src.Leaves())), Workers: 1}
		for i, l := range src.Leaves() {
			if l.Type == ByteArray {
				plan.Columns[i] = Column{Op: Map, New: func() MapFunc {
					return func(in *Values, out *Builder) error {
						for k := range in.Len() {
							out.Bytes(in.Bytes(k))
						}
						return nil
					}
				}}
			}
		}
		if deal {
			plan.Shuffle = []byte("k")
		}
		if err := Transcode(t.Context(), src, plan, Output{File: out}); err != nil {
			if strings.Contains(err.Error(), "goroutine") {
				t.Fatal(err)
			}
			return
		}
		b, err = io.ReadAll(io.NewSectionReader(out, 0, 1<<40))
		if err != nil {
			t.Fatal(err)
		}
		_ = drain(b)
	})
}

// The dictionary of a chunk is all of its values; a chunk that has pages of
// another kind has none.
func TestDictionary(t *testing.T) {
	with := 0
	for _, path := range goldens(t) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := openBytes(t, b)
		for i, l := range f.Leaves() {
			dict, err := f.Dictionary(0, i)
			if err != nil {
				t.Fatal(path, l.Name(), err)
			}
			if dict == nil || !l.Flat() {
				continue
			}
			with++
			known := map[string]bool{}
			for k := range dict.Len() {
				known[string(dict.Bytes(k))] = true
			}
			s, err := f.ScanGroups(0, 1, i)
			if err != nil {
				t.Fatal(err)
			}
			for {
				runs, err := s.Next(0)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				v := runs[0].Values
				for k := range v.Len() {
					if !known[string(v.Bytes(k))] {
						t.Fatalf("%s, %s: a value that is in no dictionary", path, l.Name())
					}
				}
			}
		}
	}
	if with < 20 {
		t.Errorf("%d dictionaries", with)
	}
}

// What waits to be written is counted with the room that its buffers have to spare,
// and buffers kept for later are bounded, however large single ones were.
func TestHeldAndKeptAreBounded(t *testing.T) {
	w := written{head: make([]byte, 1, 10), body: make([]byte, 0, 1<<20), raw: []raw{{data: make([]byte, 5, 20)}, {span: span{1, 1 << 30}}}}
	if w.held() != 1<<20+30 {
		t.Error(w.held())
	}
	var b bodies
	for range 5 {
		b.put(nil)
		b.put(make([]byte, 0, 100)) // too small to be worth a place
		b.put(make([]byte, 100, aheadBytes/3))
		b.put(make([]byte, 0, aheadBytes+1))
	}
	total := 0
	for n := range 10 {
		if len(b.free) == 0 {
			if n != 3 || b.size != 0 {
				t.Errorf("%d buffers were kept, %d bytes are counted", n, b.size)
			}
			break
		}
		body := b.make(100)
		if total += cap(body); len(body) != 0 {
			t.Error(len(body))
		}
	}
	if total == 0 || total > aheadBytes {
		t.Errorf("%d bytes were kept", total)
	}
}
