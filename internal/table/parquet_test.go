package table

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"aihub"
)

// foreign writes JSON rows as Parquet through Arrow, the way other tools do.
func foreign(t testing.TB, fields []arrow.Field, jsonRows string, opts ...parquet.WriterProperty) string {
	t.Helper()
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader(jsonRows))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "f.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	tbl := array.NewTableFromRecords(rec.Schema(), []arrow.RecordBatch{rec})
	err = pqarrow.WriteTable(tbl, f, 3, parquet.NewWriterProperties(opts...), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParquetForeignTypes(t *testing.T) {
	t.Parallel()
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	for _, c := range []struct {
		typ  arrow.DataType
		in   string // JSON values
		want Type
		text []string
	}{
		{arrow.PrimitiveTypes.Int8, `-128, null, 5`, Int64, []string{"-128", "∅", "5"}},
		{arrow.PrimitiveTypes.Uint8, `255, 0`, Int64, []string{"255", "0"}},
		{arrow.PrimitiveTypes.Int16, `-7`, Int64, []string{"-7"}},
		{arrow.PrimitiveTypes.Uint32, `4294967295, 1`, Int64, []string{"4294967295", "1"}},
		{arrow.PrimitiveTypes.Uint64, `9223372036854775807`, Int64, []string{"9223372036854775807"}},
		{arrow.PrimitiveTypes.Float32, `0.5, null`, Float64, []string{"0.5", "∅"}},
		{arrow.FixedWidthTypes.Float16, `-1.5, 65504, 0.00006103515625`, Float64, []string{"-1.5", "65504", "6.103515625e-05"}},
		{arrow.FixedWidthTypes.Boolean, `true, null, false`, Bool, []string{"true", "∅", "false"}},
		{arrow.BinaryTypes.LargeString, `"中", ""`, String, []string{"中", ""}},
		{dict, `"a", "b", "a", null`, String, []string{"a", "b", "a", "∅"}},
		{arrow.FixedWidthTypes.Date32, `"2024-02-29"`, Date, []string{"2024-02-29"}},
		{arrow.FixedWidthTypes.Date64, `"1969-12-31"`, Date, []string{"1969-12-31"}},
		{arrow.FixedWidthTypes.Timestamp_s, `"2024-01-01 00:00:01Z"`, Timestamp, []string{"2024-01-01T00:00:01Z"}},
		{arrow.FixedWidthTypes.Timestamp_ms, `"1969-12-31 23:59:59.999Z"`, Timestamp, []string{"1969-12-31T23:59:59.999Z"}},
		{arrow.FixedWidthTypes.Timestamp_ns, `"1969-12-31 23:59:59.999999999Z"`, Timestamp, []string{"1969-12-31T23:59:59.999999Z"}},
		{&arrow.Decimal128Type{Precision: 9, Scale: 2}, `"-12.34"`, Float64, []string{"-12.34"}},
		{&arrow.Decimal128Type{Precision: 38, Scale: 3}, `"123456789012.345", "-0.001"`, Float64, []string{"1.23456789012345e+11", "-0.001"}},
	} {
		t.Run(c.typ.String(), func(t *testing.T) {
			var js []string
			for _, v := range strings.Split(c.in, ", ") {
				js = append(js, `{"c":`+v+`}`)
			}
			for _, o := range [][]parquet.WriterProperty{
				nil,
				{parquet.WithDictionaryDefault(false), parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithCompression(compress.Codecs.Snappy)},
				{parquet.WithCompression(compress.Codecs.Gzip)},
				{parquet.WithCompression(compress.Codecs.Lz4Raw), parquet.WithDataPageVersion(parquet.DataPageV2)},
				{parquet.WithCompression(compress.Codecs.Brotli)},
			} {
				r, err := OpenParquet(foreign(t, []arrow.Field{{Name: "c", Type: c.typ, Nullable: true}}, "["+strings.Join(js, ",")+"]", o...), nil)
				b := readAll(t, r, err)
				var got []string
				for _, row := range rows(b) {
					got = append(got, row[0])
				}
				if b.Cols[0].Type != c.want || !cmp.Equal(got, c.text) {
					t.Errorf("%s %q, want %s %q", b.Cols[0].Type, got, c.want, c.text)
				}
			}
		})
	}
}

func TestParquetDeltaEncodings(t *testing.T) {
	t.Parallel()
	var js []string
	for i := range 5000 {
		js = append(js, fmt.Sprintf(`{"n":%d,"m":%d,"s":"key-%05d","l":"v%d","x":%g}`, i*i-1000, i%3, i, i%17, float64(i)/4))
	}
	for _, v := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
		for _, nullable := range []bool{true, false} {
			path := foreign(t, []arrow.Field{
				{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: nullable}, {Name: "m", Type: arrow.PrimitiveTypes.Int32, Nullable: nullable},
				{Name: "s", Type: arrow.BinaryTypes.String, Nullable: nullable}, {Name: "l", Type: arrow.BinaryTypes.String, Nullable: nullable},
				{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: nullable},
			}, "["+strings.Join(js, ",")+"]", parquet.WithDictionaryDefault(false), parquet.WithDataPageVersion(v), parquet.WithDataPageSize(2000),
				parquet.WithEncodingFor("n", parquet.Encodings.DeltaBinaryPacked), parquet.WithEncodingFor("m", parquet.Encodings.DeltaBinaryPacked),
				parquet.WithEncodingFor("s", parquet.Encodings.DeltaByteArray), parquet.WithEncodingFor("l", parquet.Encodings.DeltaLengthByteArray),
				parquet.WithEncodingFor("x", parquet.Encodings.ByteStreamSplit))
			r, err := OpenParquet(path, nil)
			b := readAll(t, r, err)
			for i := range 5000 {
				if b.Cols[0].Int[i] != int64(i*i-1000) || b.Cols[1].Int[i] != int64(i%3) || b.Cols[2].Str[i] != fmt.Sprintf("key-%05d", i) ||
					b.Cols[3].Str[i] != fmt.Sprintf("v%d", i%17) || b.Cols[4].Flt[i] != float64(i)/4 {
					t.Fatalf("page version %v, row %d: %v", v, i, b.Cols[0].Int[i])
				}
			}
		}
	}
}

func TestParquetUnsupported(t *testing.T) {
	t.Parallel()
	path := foreign(t, []arrow.Field{
		{Name: "ok", Type: arrow.PrimitiveTypes.Int64},
		{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64)},
		{Name: "struct", Type: arrow.StructOf(arrow.Field{Name: "a", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64)})},
		{Name: "time", Type: arrow.FixedWidthTypes.Time32ms},
		{Name: "raw", Type: &arrow.FixedSizeBinaryType{ByteWidth: 2}},
	}, `[{"ok":1,"list":[1],"struct":{"a":[1]},"time":"01:02:03","raw":"AAA="}]`)
	_, err := OpenParquet(path, nil)
	for _, c := range []string{"list", "struct.a", "time", "raw"} {
		wantFault(t, err, "unsupported_column", "column "+c)
	}
	r, err := OpenParquet(path, []string{"ok"}) // the others are not in the way
	if b := readAll(t, r, err); b.Cols[0].Int[0] != 1 {
		t.Fatal(b)
	}
}

func TestParquetNotUTF8(t *testing.T) {
	t.Parallel()
	path := foreign(t, []arrow.Field{{Name: "s", Type: arrow.BinaryTypes.Binary}}, `[{"s":"1tA="}]`)
	r, err := OpenParquet(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = r.Next()
	wantFault(t, err, "encoding", "row group 1, column s")
}

func TestParquetDamaged(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(writeParquet(t, mixed(100)))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty":     nil,
		"text":      []byte("a,b\n1,2\n and more than twelve bytes"),
		"cut":       good[:len(good)/2],
		"footer":    append(bytes.Clone(good[:len(good)-8]), 0xff, 0xff, 0xff, 0x7f, 'P', 'A', 'R', '1'),
		"encrypted": append(bytes.Clone(good[:len(good)-4]), "PARE"...),
	} {
		path := filepath.Join(t.TempDir(), "x")
		os.WriteFile(path, data, 0o600)
		if _, err := OpenParquet(path, nil); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenParquet("/nowhere/x", nil); err == nil || aihub.KindOf(err) != aihub.Internal {
		t.Errorf("a missing file is not the file's fault: %v", err)
	}
}

// A schema nested a million levels deep would overflow the stack of the
// library, which no recover catches.
func TestParquetDeepSchema(t *testing.T) {
	t.Parallel()
	footer := []byte{0x15, 0x02, 0x19, 0xfc} // version 1; list of structs, long form
	footer = binary.AppendUvarint(footer, 1_000_000)
	elem := []byte{0x48, 0x01, 'a', 0x15, 0x02, 0x00} // name "a", one child
	footer = append(footer, bytes.Repeat(elem, 1_000_000)...)
	data := append([]byte("PAR1"), footer...)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(footer)))
	data = append(data, "PAR1"...)
	path := filepath.Join(t.TempDir(), "x")
	os.WriteFile(path, data, 0o600)
	_, err := OpenParquet(path, nil)
	wantFault(t, err, "too_large", "schema")
}

// A delta stream may claim 2^32 values a miniblock in a dozen bytes.
func TestDeltaGuard(t *testing.T) {
	t.Parallel()
	stream := func(block, minis, total uint64) []byte {
		var b []byte
		for _, v := range []uint64{block, minis, total, 0, 0} {
			b = binary.AppendUvarint(b, v)
		}
		return append(b, make([]byte, 64)...)
	}
	for _, c := range []struct {
		block, minis, total uint64
		ok                  bool
	}{{128, 4, 100, true}, {1 << 31, 1, 100, false}, {128, 0, 1, false}, {0, 1, 1, false}, {128, 4, 1 << 40, false}, {1 << 40, 1 << 33, 2, false}} {
		d := delta{b: stream(c.block, c.minis, c.total)}
		if err := d.skip(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// What a reader holds is bounded over all its columns, and given back with each
// row group: a long file reads in little memory, a wide one ends in an error.
func TestParquetMemory(t *testing.T) { // not parallel: it lowers maxMemory
	defer func(n int64) { maxMemory = n }(maxMemory)
	maxMemory = 6 << 20
	long := NewBatch([]Field{{"s", String}, {"d", String}}, 0)
	for i := range 5 * groupRows {
		long.Cols[0].AppendStr(fmt.Sprintf("%012d", i))
		long.Cols[1].AppendStr([]string{"a", "b"}[i%2])
		long.Rows++
	}
	r, err := OpenParquet(writeParquet(t, long), nil)
	if b := readAll(t, r, err); b.Rows != 5*groupRows || b.Cols[0].Str[4*groupRows] != "000000262144" {
		t.Fatal(b.Rows)
	}
	wide := &Batch{Rows: groupRows}
	for i := range 20 {
		c := NewColumn(Field{fmt.Sprint("c", i), String}, 0)
		for k := range groupRows {
			c.AppendStr(long.Cols[0].Str[k])
		}
		wide.Cols = append(wide.Cols, c)
	}
	r, err = OpenParquet(writeParquet(t, wide), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = r.Next()
	wantFault(t, err, "parquet", "row group 1")
	if !strings.Contains(err.Error(), "6 MiB at once") {
		t.Error(err)
	}
}

// A page that unpacks to more than its header says is refused before it does.
func TestCodecBounds(t *testing.T) {
	t.Parallel()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb := enc.EncodeAll(make([]byte, 64<<20), nil)
	codec, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := compress.Decode(codec, make([]byte, 1000), bomb); err == nil {
		t.Fatalf("%d bytes from zstd", len(out))
	}
	huge := binary.AppendUvarint(nil, 1<<31)
	codec, err = compress.GetCodec(compress.Codecs.Snappy)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := compress.Decode(codec, make([]byte, 1000), huge); err == nil {
		t.Fatalf("%d bytes from snappy", len(out))
	}
}

// mutate flips, cuts, copies and overwrites bytes of a file.
func mutate(rng *rand.Rand, data []byte) []byte {
	d := bytes.Clone(data)
	for range 1 + rng.IntN(4) {
		i := rng.IntN(len(d))
		switch rng.IntN(6) {
		case 0:
			d[i] ^= 1 << rng.IntN(8)
		case 1:
			d[i] = byte(rng.IntN(256))
		case 2:
			copy(d[i:], []byte{0xff, 0xff, 0xff, 0xff, 0x0f})
		case 3:
			copy(d[i:], d[rng.IntN(len(d)):])
		case 4: // in the footer, where the lengths are
			d[len(d)-1-rng.IntN(min(len(d), 600))] = byte(rng.IntN(256))
		case 5:
			d = append(d[:i], d[min(len(d), i+1+rng.IntN(20)):]...)
		}
		if len(d) == 0 {
			return []byte{0}
		}
	}
	return d
}

// readMutant reads the file to its end, to an error, or to 2^20 rows.
func readMutant(t testing.TB, path string) {
	r, err := OpenParquet(path, nil)
	if err != nil {
		if aihub.KindOf(err) != aihub.Contract {
			t.Fatal(err)
		}
		return
	}
	defer r.Close()
	for n := 0; n < 1<<20; {
		b, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			if aihub.KindOf(err) != aihub.Contract {
				t.Fatal(err)
			}
			return
		}
		n += b.Rows
	}
}

// seeds are small files of every encoding and page version.
func seeds(t testing.TB) [][]byte {
	var out [][]byte
	add := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	add(writeParquet(t, mixed(20)))
	fields := []arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "s", Type: arrow.BinaryTypes.String}, {Name: "d", Type: &arrow.Decimal128Type{Precision: 30, Scale: 2}}}
	js := `[{"n":1,"s":"a","d":"1.50"},{"n":null,"s":"abc","d":"2.00"},{"n":300,"s":"abd","d":"-3.25"},{"n":5,"s":"","d":"0.01"}]`
	for _, v := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
		add(foreign(t, fields, js, parquet.WithDataPageVersion(v), parquet.WithDictionaryDefault(false),
			parquet.WithEncodingFor("n", parquet.Encodings.DeltaBinaryPacked), parquet.WithEncodingFor("s", parquet.Encodings.DeltaByteArray)))
		add(foreign(t, fields, js, parquet.WithDataPageVersion(v), parquet.WithCompression(compress.Codecs.Snappy)))
	}
	return out
}

// Two thousand damaged files end in an error or in rows, never in a dead
// process. (FuzzParquet goes on for as long as it is let.)
func TestParquetMutants(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	files := seeds(t)
	path := filepath.Join(t.TempDir(), "m")
	for i := range 2000 {
		if err := os.WriteFile(path, mutate(rng, files[i%len(files)]), 0o600); err != nil {
			t.Fatal(err)
		}
		readMutant(t, path)
	}
}

func FuzzParquet(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		readMutant(t, path)
	})
}

func TestHalf(t *testing.T) {
	t.Parallel()
	for bits, want := range map[uint16]float64{0x3c00: 1, 0xc000: -2, 0x0001: math.Ldexp(1, -24), 0x7c00: math.Inf(1), 0x8000: 0} {
		c := Column{Field: Field{Type: Float64}}
		if err := half([]byte{byte(bits), byte(bits >> 8)}, &c); err != nil || c.Flt[0] != want {
			t.Errorf("%#x: %v %v", bits, c.Flt, err)
		}
	}
}

// TestParquetDigestOfManyValues: columns of all kinds, long enough that a
// dictionary would be given up half way, have the same bytes every time.
func TestParquetDigestOfManyValues(t *testing.T) {
	t.Parallel()
	b := NewBatch([]Field{{"unique", String}, {"late", String}, {"few", String}, {"n", Int64}}, 0)
	for i := range 70_000 {
		late := "same"
		if i >= 20_000 {
			late = fmt.Sprintf("a longer text that nobody else has, number %d", i)
		}
		b.Cols[0].AppendStr(fmt.Sprintf("%032x", i*7919))
		b.Cols[1].AppendStr(late)
		b.Cols[2].AppendStr(fmt.Sprint(i % 9))
		b.Cols[3].AppendInt(int64(i))
		b.Rows++
	}
	var want string
	for i := range 12 {
		var out bytes.Buffer
		w, err := NewParquetWriter(&out, b.Schema())
		if err == nil {
			err = errors.Join(w.Write(b), w.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%x", sha256.Sum256(out.Bytes()))
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("time %d: another digest", i+1)
		}
	}
}

// Texts of a row group may get their first null in any batch of it.
func TestParquetLateNulls(t *testing.T) {
	t.Parallel()
	fields := []Field{{"s", String}, {"n", Int64}}
	path := filepath.Join(t.TempDir(), "f.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewParquetWriter(f, fields)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for batch := range 3 {
		b := NewBatch(fields, 4)
		for i := range 4 {
			text := fmt.Sprintf("值-%d-%d", batch, i)
			if batch == 1 && i%2 == 0 {
				b.Cols[0].AppendNull()
				text = "∅"
			} else {
				b.Cols[0].AppendStr(text)
			}
			b.Cols[1].AppendInt(int64(i))
			b.Rows++
			if i != 1 { // of which not all are written
				want = append(want, text)
			}
		}
		if err := w.WriteRows(b, []int{0, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := OpenParquet(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, err := ReadAll(r, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range all.Rows {
		text, ok := all.Cols[0].Text(i)
		if !ok {
			text = "∅"
		}
		got = append(got, text)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// The texts of a row group that is being filled take little more room than they need,
// however they come.
func TestTextsRoom(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	for _, batch := range []int{1, 37, 4096, groupRows} {
		var x texts
		want := []string{}
		for len(x.ends) < groupRows {
			c, idx := NewColumn(Field{Name: "s", Type: String}, batch), []int{}
			for i := range min(batch, groupRows-len(x.ends)) {
				v := strings.Repeat("x", rng.IntN(60)) + fmt.Sprint(len(want))
				c.AppendStr(v)
				want, idx = append(want, v), append(idx, i)
			}
			x.append(&c, idx)
		}
		if n := len(x.data); cap(x.data) > n+n/16+2*groupRows || cap(x.ends) > groupRows+groupRows/16 {
			t.Errorf("batches of %d: room for %d bytes of %d, %d rows of %d", batch, cap(x.data), n, cap(x.ends), len(x.ends))
		}
		for i, v := range want {
			if string(x.at(i)) != v {
				t.Fatalf("batches of %d: text %d is %q, not %q", batch, i, x.at(i), v)
			}
		}
	}
}
