package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pierrec/lz4/v4"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"aihub"
)

// logical is the table that testdata/make_formats.py writes in every format.
func logical() (want [][]string) {
	t0 := time.Date(2021, 12, 31, 23, 59, 58, 0, time.UTC)
	at := func(d time.Duration) string { return FormatTimestamp(t0.Add(d).UnixMicro()) }
	day, _ := ParseDate("2020-02-28")
	for i := range 300 {
		wide := "0.125"
		if i > 0 {
			v, _ := strconv.ParseFloat(fmt.Sprintf("%d00000000000000000000.125", i), 64)
			wide = FormatFloat(v)
		}
		row := []string{
			fmt.Sprintf("值%d", i%5), fmt.Sprint((i - 150) * 1e12), fmt.Sprint(i * 14000000), FormatFloat(float64(i)/8 - 3),
			fmt.Sprint(i%3 == 0), FormatDate(day + int64(i)), at(time.Duration(i) * time.Millisecond), at(time.Duration(i) * time.Microsecond),
			at(time.Duration(i) * time.Second), FormatFloat(float64(i*37-5000) / 100), wide, fmt.Sprint(i - 9),
			strings.Repeat("x", i%40), fmt.Sprintf("k%d", i%3), fmt.Sprint(i), fmt.Sprintf("c%d", i),
		}
		for k := range row {
			if i%7 == 3 && k < 15 || i%11 == 5 && k >= 14 {
				row[k] = "∅"
			}
		}
		want = append(want, row)
	}
	return want
}

const logicalSchema = "s string,n int64,u int64,f float64,b bool,d date,ms timestamp,us timestamp,ns timestamp,price float64," +
	"wide float64,whole int64,large string,dict string,st.a int64,st.in.c string"

// TestFormats reads one table in every format, codec and encoding.
func TestFormats(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/formats/*_*")
	if err != nil || len(files) < 24 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			r, err := Open(f, Options{})
			b := readAll(t, r, err)
			if got := schemaText(b); got != logicalSchema {
				t.Errorf("schema %s\nwant   %s", got, logicalSchema)
			}
			if d := cmp.Diff(logical(), rows(b)); d != "" {
				t.Error(d)
			}
		})
	}
}

func faultsOf(err error) []aihub.Fault {
	var e *aihub.Error
	if !errors.As(err, &e) {
		return nil
	}
	return e.Faults
}

func schemaText(b *Batch) string {
	var s []string
	for _, f := range b.Schema() {
		s = append(s, f.Name+" "+string(f.Type))
	}
	return strings.Join(s, ",")
}

// TestColumnsThatAreNot: what is no column of a flat table is refused by name,
// all at once, and may be left unread.
func TestColumnsThatAreNot(t *testing.T) {
	t.Parallel()
	for _, f := range []string{"testdata/formats/lists.parquet", "testdata/formats/lists.arrow"} {
		_, err := Open(f, Options{})
		var where []string
		for _, f := range faultsOf(err) {
			where = append(where, f.Where)
		}
		if got := strings.Join(where, ","); !strings.HasPrefix(got, "column tags,column m,column at") {
			t.Errorf("%s: %s (%v)", f, got, err)
		}
		r, err := Open(f, Options{Unread: func(name string) bool { return name != "k" }})
		b := readAll(t, r, err)
		if d := cmp.Diff([]string{"2", "∅", "∅", "∅", "∅"}, rows(b)[1]); d != "" {
			t.Error(f, d)
		}
	}
}

// TestOddVtable: a head whose vtable has an odd size claims billions of metadata
// entries (found by make fuzz-data); it is refused before room is made for them.
func TestOddVtable(t *testing.T) {
	t.Parallel()
	if _, err := Open("testdata/odd_vtable.arrow", Options{}); aihub.KindOf(err) != aihub.Contract {
		t.Error(err)
	}
}

// TestHadoopLZ4 decodes the frames of the codec LZ4, and refuses lies.
func TestHadoopLZ4(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("中文 and text. ", 400))
	frame := func(b []byte) []byte {
		var c lz4.Compressor
		out := make([]byte, lz4.CompressBlockBound(len(b)))
		n, err := c.CompressBlock(b, out)
		if err != nil {
			t.Fatal(err)
		}
		head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(len(b))), uint32(n))
		return append(head, out[:n]...)
	}
	two := append(frame(text[:1000]), frame(text[1000:])...)
	for name, src := range map[string][]byte{"frames": two, "block": frame(text)[8:]} {
		got, err := hadoopLZ4(make([]byte, len(text)), src)
		if err != nil || string(got) != string(text) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for name, src := range map[string][]byte{"cut": two[:len(two)-9], "long": append([]byte{0xff, 0xff, 0xff, 0xff}, two[4:]...), "short": two[:5]} {
		if got, err := hadoopLZ4(make([]byte, len(text)), src); err == nil && string(got) == string(text) {
			t.Errorf("%s: no error", name)
		}
	}
}

const chinese = "姓名,城市,备注\n张三,深圳市,喜欢读书与写作\n李四,广州市,㐂𠮷\n"

func TestEncodings(t *testing.T) {
	t.Parallel()
	enc := func(e string) string {
		var s string
		var err error
		switch e {
		case GB18030:
			s, err = simplifiedchinese.GB18030.NewEncoder().String(chinese)
		case UTF16LE:
			s, err = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(chinese)
		case UTF16BE:
			s, err = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String(chinese)
		default:
			s = chinese
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct{ in, enc string }{
		"UTF-8":                 {enc(UTF8), Auto},
		"UTF-8, marked":         {"\xef\xbb\xbf" + enc(UTF8), Auto},
		"UTF-8, said":           {"\xef\xbb\xbf" + enc(UTF8), UTF8},
		"GB18030":               {enc(GB18030), Auto},
		"GB18030, said":         {enc(GB18030), GB18030},
		"UTF-16LE, marked":      {"\xff\xfe" + enc(UTF16LE), Auto},
		"UTF-16LE, said":        {enc(UTF16LE), UTF16LE},
		"UTF-16LE, marked+said": {"\xff\xfe" + enc(UTF16LE), UTF16LE},
		"UTF-16BE, marked":      {"\xfe\xff" + enc(UTF16BE), Auto},
	} {
		r, err := openCSV(c.in, CSVOptions{Encoding: c.enc})
		b := readAll(t, r, err)
		if d := cmp.Diff([][]string{{"张三", "深圳市", "喜欢读书与写作"}, {"李四", "广州市", "㐂𠮷"}}, rows(b)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	// The first byte above ASCII may stand behind any window.
	gb, err := simplifiedchinese.GB18030.NewEncoder().String("a,b\n" + strings.Repeat("1,x\n", 100_000) + "2,深圳市南山区科技园\n")
	if err != nil {
		t.Fatal(err)
	}
	r, err := openCSV(gb, CSVOptions{Encoding: Auto})
	if b := readAll(t, r, err); b.Cols[1].Str[100_000] != "深圳市南山区科技园" {
		t.Errorf("%q", b.Cols[1].Str[100_000])
	}
}

func TestEncodingFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, enc, where string }{
		"Latin-1 is no GB18030":     {"a\ncaf\xe9 cr\xe8me br\xfbl\xe9e\n", Auto, "line 2, column 1"},
		"Latin-1, two at a time":    {"a\nna\xefve \xe9t\xe9\n", Auto, "line 2, column 1"},
		"one broken place in UTF-8": {"a,b\n深圳市南山区,1\n广\xe5州,2\n", Auto, "line 3, column 1"},
		"said GB18030, is not":      {"a,b\n深圳市\xff,1\n", GB18030, "line 2, column 1"},
		"UTF-16 without a mark":     {"a\x00,\x00b\x00\n\x00", Auto, "line 1"},
	} {
		_, err := openCSV(c.in, CSVOptions{Encoding: c.enc})
		fs := faultsOf(err)
		if err == nil || len(fs) == 0 || !strings.HasPrefix(fs[0].Where, c.where) {
			t.Errorf("%s: %v %v", name, err, fs)
		}
	}
}

func openJSONL(s string, o Options) (Reader, error) { return OpenJSONL(strings.NewReader(s), o) }

func TestJSONLRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in, schema string
		o          Options
		rows       [][]string
	}{
		"types": {in: `{"n":1,"f":1.5,"s":"x","b":true,"d":"2024-02-29","t":"2024-01-01T08:00:00+08:00"}` + "\n" + `{"n":-2,"f":3,"s":"","b":false,"d":null}`,
			schema: "n int64,f float64,s string,b bool,d date,t timestamp",
			rows:   [][]string{{"1", "1.5", "x", "true", "2024-02-29", "2024-01-01T00:00:00Z"}, {"-2", "3", "", "false", "∅", "∅"}}},
		"nested":        {in: "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}}}\n\n{\"a\":{}}\n{\"e\":2}\n", schema: "a.b int64,a.c.d string,e int64", rows: [][]string{{"1", "x", "∅"}, {"∅", "∅", "∅"}, {"∅", "∅", "2"}}},
		"digits quoted": {in: `{"a":"1"}` + "\n" + `{"a":"2"}`, schema: "a string", rows: [][]string{{"1"}, {"2"}}},
		"mixed kinds":   {in: `{"a":1}` + "\n" + `{"a":"x"}` + "\n" + `{"a":true}`, schema: "a string", rows: [][]string{{"1"}, {"x"}, {"true"}}},
		"escapes":       {in: `{"a":"\"\\\/\b\f\n\r\té\ud83d\ude00中"}`, schema: "a string", rows: [][]string{{"\"\\/\b\f\n\r\té😀中"}}},
		"mark and CRLF": {in: "\ufeff{\"a\":1}\r\n{\"a\":2}\r\n", schema: "a int64", rows: [][]string{{"1"}, {"2"}}},
		"big integers":  {in: `{"a":9007199254740993}` + "\n" + `{"a":0.5}`, schema: "a string", rows: [][]string{{"9007199254740993"}, {"0.5"}}},
		"declared":      {in: `{"a":1,"b":"007"}`, o: Options{CSVOptions: CSVOptions{Types: map[string]Type{"a": Float64, "b": Int64}}}, schema: "a float64,b int64", rows: [][]string{{"1", "7"}}},
		"array kept":    {in: `{"a":[1,{"b":"]"}]}`, o: Options{CSVOptions: CSVOptions{Types: map[string]Type{"a": String}}}, schema: "a string", rows: [][]string{{`[1,{"b":"]"}]`}}},
		"array dropped": {in: `{"a":[1],"n":2}`, o: Options{Unread: func(c string) bool { return c == "a" }}, schema: "a string,n int64", rows: [][]string{{"∅", "2"}}},
	} {
		r, err := openJSONL(c.in, c.o)
		b := readAll(t, r, err)
		if got := schemaText(b); got != c.schema {
			t.Errorf("%s: schema %q, want %q", name, got, c.schema)
		}
		if d := cmp.Diff(c.rows, rows(b)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestJSONLFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, code, where string }{
		"empty":        {"\n \n", "empty", "line 1"},
		"an array":     {"[\n{\"a\":1},\n{\"a\":2}\n]\n", "json_array", "line 1"},
		"NaN":          {`{"a":NaN}`, "json", "line 1, column 6"},
		"not objects":  {"{\"a\":1}\n[1]\n", "json", "line 2, column 1"},
		"cut off":      {"{\"a\":1}\n{\"a\":\n", "json", "line 2, column 7"},
		"two on one":   {`{"a":1}{"a":2}`, "json", "line 1, column 8"},
		"name twice":   {`{"中":1,"中":2}`, "json", "line 1, column 12"},
		"leading zero": {`{"a":01}`, "json", "line 1, column 8"},
		"half a pair":  {`{"a":"\ud83d"}`, "json", "line 1"},
		"control":      {"{\"a\":\"\t\"}", "json", "line 1, column 7"},
		"array":        {`{"tags":[1]}`, "unsupported_column", "column tags"},
		"deep":         {`{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "json", "line 1"},
		"deep objects": {strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20), "json", "line 1"},
		"bad UTF-8":    {"{\"a\":\"\xff\xff\xff\"}", "json", "line 1"},
	} {
		_, err := openJSONL(c.in, Options{})
		fs := faultsOf(err)
		if aihub.KindOf(err) != aihub.Contract || len(fs) == 0 || fs[0].Code != c.code || !strings.HasPrefix(fs[0].Where, c.where) {
			t.Errorf("%s: %v %v", name, err, fs)
		}
	}
}

// TestFormatOf knows formats by their first bytes.
func TestFormatOf(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]string{
		"PAR1": FormatParquet, "ARROW1\x00\x00": FormatArrow, "\xff\xff\xff\xff\x10": FormatArrow, "{\"a\":1}": FormatJSONL,
		"\xef\xbb\xbf{": FormatJSONL, " \n{": FormatJSONL, "\xff\xfe{\x00": FormatJSONL, "a,b": FormatCSV, "[{": FormatJSONL, "[\n {\"a\":1}]": FormatJSONL, "[a],b": FormatCSV, "": FormatCSV, "\"{": FormatCSV,
	} {
		if got := formatOf([]byte(head)); got != want {
			t.Errorf("%q is %s, want %s", head, got, want)
		}
	}
}

// FuzzJSONL: no input ends the process, and what is read twice reads the same.
func FuzzJSONL(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":"\u00e9"}}` + "\n" + `{"a":null}`))
	f.Add([]byte(`{"a":[1,2]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		drain(t, func() (Reader, error) { return openJSONL(string(b), Options{}) })
	})
}

// FuzzArrow: no input ends the process.
func FuzzArrow(f *testing.F) {
	for _, name := range []string{"arrow_file_zstd.arrow", "arrow_stream_lz4.arrow", "lists.arrow"} {
		b, err := os.ReadFile("testdata/formats/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		drain(t, func() (Reader, error) { return OpenArrow(strings.NewReader(string(b)), Options{}) })
	})
}

// drain reads to the end; every error is one a person can act on.
func drain(t *testing.T, open func() (Reader, error)) {
	r, err := open()
	if err != nil {
		if k := aihub.KindOf(err); k != aihub.Contract {
			t.Fatalf("%s: %v", k, err)
		}
		return
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err != nil {
			return
		}
		if err := checkBatch(r.Schema(), b); err != nil {
			t.Fatal(err)
		}
	}
}
