package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
)

// mixed is a batch with every type, nulls, and awkward text.
func mixed(rows int) *Batch {
	b := NewBatch([]Field{{"id", String}, {"n", Int64}, {"x", Float64}, {"ok", Bool}, {"day", Date}, {"at", Timestamp}, {"text", String}}, rows)
	for i := range rows {
		b.Cols[0].AppendStr(fmt.Sprintf("id%05d", i))
		if i%7 == 3 {
			for k := 1; k < 7; k++ {
				b.Cols[k].AppendNull()
			}
		} else {
			b.Cols[1].AppendInt(int64(i) - 50)
			b.Cols[2].AppendFlt(float64(i) / 8)
			b.Cols[3].AppendBool(i%2 == 0)
			b.Cols[4].AppendInt(int64(i) - 20000)
			b.Cols[5].AppendInt(int64(i)*1e9 + 123456)
			b.Cols[6].AppendStr([]string{"福田区", `say "hi"`, "a,b", "two\nlines", "ünï"}[i%5])
		}
		b.Rows++
	}
	return b
}

// rows renders every value as text, nulls as ∅.
func rows(b *Batch) [][]string {
	var out [][]string
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

func writeParquet(t testing.TB, b *Batch) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewParquetWriter(f, b.Schema())
	if err == nil {
		err = errors.Join(w.Write(b), w.Close(), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func readAll(t testing.TB, r Reader, err error) *Batch {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := ReadAll(r, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParquetRoundTrip(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, batchRows, groupRows + 5} {
		want := mixed(n)
		r, err := OpenParquet(writeParquet(t, want), nil)
		got := readAll(t, r, err)
		if d := cmp.Diff(rows(want), rows(got)); d != "" || !cmp.Equal(want.Schema(), got.Schema()) {
			t.Fatalf("%d rows: %v\n%s", n, got.Schema(), d)
		}
	}
}

func TestParquetProjection(t *testing.T) {
	t.Parallel()
	path := writeParquet(t, mixed(10))
	r, err := OpenParquet(path, []string{"text", "n"})
	got := readAll(t, r, err)
	if got.Cols[0].Name != "text" || got.Cols[1].Name != "n" || len(got.Cols) != 2 || got.Cols[1].Int[4] != -46 {
		t.Fatalf("%+v", got)
	}
	_, err = OpenParquet(path, []string{"n", "gone"})
	wantFault(t, err, "missing_column", "")
}

// The bytes depend on the rows, not on how they were cut into batches.
func TestParquetDeterministic(t *testing.T) {
	t.Parallel()
	all := mixed(groupRows + 1000)
	write := func(cut int) []byte {
		var buf bytes.Buffer
		w, err := NewParquetWriter(&buf, all.Schema())
		if err != nil {
			t.Fatal(err)
		}
		part := NewBatch(all.Schema(), cut)
		for i := range all.Rows {
			if part.AppendRow(all, i); part.Rows == cut || i == all.Rows-1 {
				if err := w.Write(part); err != nil {
					t.Fatal(err)
				}
				part.Reset()
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	if a, b := write(100), write(65537); !bytes.Equal(a, b) {
		t.Fatalf("%d and %d bytes differ", len(a), len(b))
	}
}

func TestCSVRoundTrip(t *testing.T) {
	t.Parallel()
	want := mixed(100)
	var buf bytes.Buffer
	w := NewCSVWriter(&buf, want.Schema())
	if err := errors.Join(w.Write(want), w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := OpenCSV(&buf, CSVOptions{}) // a bytes.Buffer cannot seek
	got := readAll(t, r, err)
	if d := cmp.Diff(rows(want), rows(got)); d != "" {
		t.Fatal(d)
	}
	if d := cmp.Diff(want.Schema(), got.Schema()); d != "" {
		t.Fatal(d)
	}
}

func TestJSONL(t *testing.T) {
	t.Parallel()
	b := NewBatch([]Field{{"名", String}, {"x", Float64}, {"d", Date}, {"b", Bool}}, 0)
	b.Cols[0].AppendStr("a\"b\n")
	b.Cols[1].AppendFlt(math.NaN())
	b.Cols[2].AppendInt(-1)
	b.Cols[3].AppendNull()
	b.Rows = 1
	var buf bytes.Buffer
	w := NewJSONLWriter(&buf, b.Schema())
	if err := errors.Join(w.Write(b), w.Close()); err != nil {
		t.Fatal(err)
	}
	if got, want := buf.String(), `{"名":"a\"b\n","x":null,"d":"1969-12-31","b":null}`+"\n"; got != want {
		t.Fatalf("%s", got)
	}
}

func TestReadAllBound(t *testing.T) {
	t.Parallel()
	r, err := OpenParquet(writeParquet(t, mixed(10)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := ReadAll(r, 9); aihub.KindOf(err) != aihub.Contract {
		t.Fatal(err)
	}
}

func TestWriterRefusesOtherSchema(t *testing.T) {
	t.Parallel()
	w := NewCSVWriter(io.Discard, []Field{{"a", Int64}})
	if err := w.Write(mixed(1)); err == nil {
		t.Fatal("written")
	}
}

// wantFault checks that err is a Contract error with a fault of that code whose
// place contains where.
func wantFault(t testing.TB, err error, code, where string) aihub.Fault {
	t.Helper()
	var e *aihub.Error
	if !errors.As(err, &e) || e.Kind != aihub.Contract {
		t.Fatalf("%v is no Contract error", err)
	}
	for _, f := range e.Faults {
		if f.Code == code && strings.Contains(f.Where, where) {
			if f.Message.EN == "" || f.Message.ZH == "" {
				t.Fatalf("message is not in both languages: %+v", f)
			}
			return f
		}
	}
	t.Fatalf("no fault %s at %q in %v", code, where, err)
	return aihub.Fault{}
}

// A partial reading gives the rows that are good with their numbers, and then every
// fault of the others.
func TestPartial(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, format, in, rows, codes string
	}{
		{"csv", FormatCSV, "id,v\na,1,9\nb,x\n\nc,1,2\nd,5\" pipe\nzz,nan\n", "2 b x, 5 zz nan", "ragged line 2, ragged line 5, bad_quote line 6, column 4"},
		{"csv, none", FormatCSV, "id,v\na,1\n", "1 a 1", ""},
		{"csv, all", FormatCSV, "id,v\na\n", "", "ragged line 2"},
		{"jsonl", FormatJSONL, "{\"id\":\"a\",\"v\":1}\n{\"id\":\"b\",\"w\":2,\"v\":}\n\n{\"id\":\"c\",\"v\":\"x\"}\n{\"id\":\"d\",\"id\":\"e\"}\n{\"id\":\"zz\",\"v\":1}\n",
			"1 a 1, 3 c x, 5 zz 1", "json line 2, column 21, json line 5, column 16"},
		{"jsonl, a line that is too long", FormatJSONL, "{\"id\":\"a\",\"v\":1}\n{\"id\":\"b\",\"v\":\"" + strings.Repeat("x", 2*maxRecord) + "\"}\n{\"id\":\"c\",\"v\":2}\n{\"id\"\n",
			"1 a 1, 3 c 2", "too_long line 2, json line 4, column 7"},
		{"jsonl, the last line is too long", FormatJSONL, "{\"id\":\"a\",\"v\":1}\n{\"id\":\"b\",\"v\":\"" + strings.Repeat("x", maxRecord), "1 a 1", "too_long line 2"},
		// What is wrong with the file as a whole ends it.
		{"csv, header", FormatCSV, "id,id\na\nb,1\n", "-", "duplicate_column line 1, column 4, ragged line 2"},
		{"jsonl, none good", FormatJSONL, "{\n", "-", "json line 1, column 3"},
	} {
		path := filepath.Join(t.TempDir(), "table")
		if err := os.WriteFile(path, []byte(c.in), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path, Options{Format: c.format, CSVOptions: CSVOptions{Text: true, Partial: true}})
		var rows, codes []string
		row := int64(0)
		for err == nil {
			var b *Batch
			if b, err = r.Next(); err != nil {
				break
			}
			for i := range b.Rows {
				if row++; len(b.Numbers) > 0 {
					row = b.Numbers[i]
				}
				id, _ := b.Cols[0].Text(i)
				v, _ := b.Cols[1].Text(i)
				rows = append(rows, fmt.Sprintf("%d %s %s", row, id, v))
			}
		}
		if r == nil {
			rows = []string{"-"}
		}
		var e *aihub.Error
		if errors.As(err, &e) {
			if errors.Is(err, ErrLeftOut) != (r != nil) {
				t.Errorf("%s: the cause of %v", c.name, err)
			}
			for _, f := range e.Faults {
				codes = append(codes, f.Code+" "+f.Where)
			}
		} else if err != io.EOF {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := strings.Join(rows, ", "); got != c.rows {
			t.Errorf("%s: rows %q, want %q", c.name, got, c.rows)
		}
		if got := strings.Join(codes, ", "); got != c.codes {
			t.Errorf("%s: faults %q, want %q", c.name, got, c.codes)
		}
	}
	// Without end, they are refused at once.
	path := filepath.Join(t.TempDir(), "table")
	if err := os.WriteFile(path, []byte("a,b\n"+strings.Repeat("1\n", maxLeftOut+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{Format: FormatCSV, CSVOptions: CSVOptions{Partial: true}}); aihub.KindOf(err) != aihub.Contract || errors.Is(err, ErrLeftOut) {
		t.Errorf("%v", err)
	}
}
