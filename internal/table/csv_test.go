package table

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
)

func openCSV(s string, o CSVOptions) (Reader, error) { return OpenCSV(strings.NewReader(s), o) }

func TestCSVRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in     string
		schema string
		rows   [][]string
	}{
		"comma":            {"a,b\n1,x\n", "a int64,b string", [][]string{{"1", "x"}}},
		"semicolon":        {"a;b,c;d\n1;x,y;2.5\n", "a int64,b,c string,d float64", [][]string{{"1", "x,y", "2.5"}}},
		"tab":              {"a\tb\n1\t\n", "a int64,b string", [][]string{{"1", "∅"}}},
		"pipe":             {"a|b\n1|2\n", "a int64,b int64", [][]string{{"1", "2"}}},
		"sep=":             {"sep=;\na;b\n1;x,y\n", "a int64,b string", [][]string{{"1", "x,y"}}},
		"SEP= CRLF":        {"\ufeffSEP=\t\r\na\tb,c\r\n1\tx\r\n", "a int64,b,c string", [][]string{{"1", "x"}}},
		"sep= a column":    {"sep=x\n1\n", "sep=x int64", [][]string{{"1"}}},
		"one column":       {"name\n张三\n李四\n", "name string", [][]string{{"张三"}, {"李四"}}},
		"BOM":              {"\ufeffa,b\n1,2\n", "a int64,b int64", [][]string{{"1", "2"}}},
		"BOM and quote":    {"\ufeff\"a\",b\n1,2\n", "a int64,b int64", [][]string{{"1", "2"}}},
		"CRLF":             {"a,b\r\n1,2\r\n3,4", "a int64,b int64", [][]string{{"1", "2"}, {"3", "4"}}},
		"old Mac":          {"a,b\r1,2\r", "a int64,b int64", [][]string{{"1", "2"}}},
		"quoted newline":   {"a,b\n\"x\ny\",\"say \"\"hi\"\"\"\n", "a string,b string", [][]string{{"x\ny", `say "hi"`}}},
		"empty lines":      {"\na,b\n\n1,2\n\n", "a int64,b int64", [][]string{{"1", "2"}}},
		"quoted empty":     {"a\n\"\"\n1\n", "a int64", [][]string{{"∅"}, {"1"}}},
		"leading zero":     {"a,b\n007,0\n1,10\n", "a string,b int64", [][]string{{"007", "0"}, {"1", "10"}}},
		"widen to string":  {"a\n1\n2\n12a\n", "a string", [][]string{{"1"}, {"2"}, {"12a"}}},
		"widen to float":   {"a\n1\n2.5\n", "a float64", [][]string{{"1"}, {"2.5"}}},
		"too big to float": {"a\n9007199254740993\n2.5\n", "a string", [][]string{{"9007199254740993"}, {"2.5"}}},
		"beyond int64":     {"a\n9223372036854775808\n", "a float64", [][]string{{"9.223372036854776e+18"}}},
		"dates":            {"a,b\n2024-02-29,2024/12/01\n,1999/01/31\n", "a date,b date", [][]string{{"2024-02-29", "2024-12-01"}, {"∅", "1999-01-31"}}},
		"no such day":      {"a\n2023-02-29\n", "a string", [][]string{{"2023-02-29"}}},
		"timestamps":       {"a\n2024-01-01T08:00:00+08:00\n2024-01-01 00:00:00.5\n2024-01-02\n", "a timestamp", [][]string{{"2024-01-01T00:00:00Z"}, {"2024-01-01T00:00:00.5Z"}, {"2024-01-02T00:00:00Z"}}},
		"half a minute":    {"a\n2024-01-01T12:3Z\n", "a string", [][]string{{"2024-01-01T12:3Z"}}},
		"bool":             {"a,b\ntrue,1\nFALSE,0\n", "a bool,b int64", [][]string{{"true", "1"}, {"false", "0"}}},
		"no rows":          {"a,b\n", "a string,b string", nil},
		"all null":         {"a,b\n,1\n,2\n", "a string,b int64", [][]string{{"∅", "1"}, {"∅", "2"}}},
		"NaN is text":      {"a\nNaN\n1.5\n", "a string", [][]string{{"NaN"}, {"1.5"}}},
		"negative zero":    {"a\n-0\n-5\n", "a int64", [][]string{{"0"}, {"-5"}}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := openCSV(c.in, CSVOptions{})
			b := readAll(t, r, err)
			var s []string
			for _, f := range b.Schema() {
				s = append(s, f.Name+" "+string(f.Type))
			}
			if got := strings.Join(s, ","); got != c.schema {
				t.Errorf("schema %q, want %q", got, c.schema)
			}
			if d := cmp.Diff(c.rows, rows(b)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestCSVFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in          string
		o           CSVOptions
		code, where string
	}{
		"empty":              {"", CSVOptions{}, "empty", "line 1"},
		"ragged short":       {"a,b\n1,2\n3\n4,5\n", CSVOptions{}, "ragged", "line 3"},
		"ragged long":        {"a,b\n1,2,3\n", CSVOptions{}, "ragged", "line 2"},
		"ragged behind text": {"a,b\n\"x\n\ny\",2\n3\n", CSVOptions{}, "ragged", "line 5"},
		"quote inside":       {"a,b\n1,5\" pipe\n", CSVOptions{}, "bad_quote", "line 2, column 4"},
		"text after quote":   {"a,b\n\"x\"y,2\n", CSVOptions{}, "bad_quote", "line 2, column 4"},
		"quote not closed":   {"a,b\n1,\"x\n3,4\n", CSVOptions{}, "open_quote", "line 2, column 3"},
		"not UTF-8":          {"a,b\n1,\xd6\xd0\n", CSVOptions{}, "encoding", "line 2, column 3"},
		"NUL":                {"a,b\n1,x\x00y\n", CSVOptions{}, "nul", "line 2, column 4"},
		"duplicate name":     {"a,b,a\n1,2,3\n", CSVOptions{}, "duplicate_column", "line 1, column 5"},
		"no name":            {"a,,b\n1,2,3\n", CSVOptions{}, "column_name", "line 1, column 3"},
		"declared, missing":  {"a\n1\n", CSVOptions{Types: map[string]Type{"b": Int64}}, "missing_column", ""},
		"no such type":       {"a\n1\n", CSVOptions{Types: map[string]Type{"a": "number"}}, "type", ""},
		"declared int":       {"a,b\n1,2\n3,12a\n", CSVOptions{Types: map[string]Type{"b": Int64}}, "type", "row 2 (line 3), column b"},
		"declared float NaN": {"a\n1\nNaN\n", CSVOptions{Types: map[string]Type{"a": Float64}}, "type", "row 2"},
		"declared float inf": {"a\n1e999\n", CSVOptions{Types: map[string]Type{"a": Float64}}, "type", "row 1"},
		"declared date":      {"a\n2023-02-30\n", CSVOptions{Types: map[string]Type{"a": Date}}, "type", "row 1"},
		"too many rows":      {"a\n1\n2\n3\n", CSVOptions{MaxRows: 2}, "too_many_rows", "line 4"},
		"field too long":     {"a\n" + strings.Repeat("x", maxField+1) + "\n", CSVOptions{}, "too_long", "line 2"},
		"too many columns":   {strings.Repeat("a,", maxColumns) + "a\n", CSVOptions{}, "duplicate_column", "line 1"},
		"far too many":       {strings.Repeat("a,", maxColumns+5) + "a\n", CSVOptions{}, "too_many_columns", "line 1"},
		"wrong delimiter":    {"a,b\n1,2,3\n", CSVOptions{Delimiter: ';', Types: map[string]Type{"a": Int64}}, "missing_column", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openCSV(c.in, c.o)
			wantFault(t, err, c.code, c.where)
		})
	}
	if _, err := openCSV("\xff\xfea\x00", CSVOptions{}); aihub.KindOf(err) != aihub.Contract {
		t.Errorf("UTF-16: %v", err)
	}
}

// A title above the header is said once, as what it is.
func TestCSVTitle(t *testing.T) {
	t.Parallel()
	rows := strings.Repeat("Zhang,30,x\n", 30)
	for name, in := range map[string]string{
		"alone":        "路灯统计表\nname,age,note\n" + rows,
		"padded":       "路灯统计表,,\nname,age,note\n" + rows,
		"two lines":    "路灯统计表\n单位：盏\nname,age,note\n" + rows,
		"below a sep=": "sep=,\r\n路灯统计表\r\nname,age,note\r\n" + strings.ReplaceAll(rows, "\n", "\r\n"),
	} {
		_, err := openCSV(in, CSVOptions{Types: map[string]Type{"age": Int64}})
		var e *aihub.Error
		where := "line 1"
		if strings.HasPrefix(in, "sep") {
			where = "line 2"
		}
		if !errors.As(err, &e) || len(e.Faults) != 1 || e.Faults[0].Code != "header" || e.Faults[0].Where != where || !strings.Contains(e.Faults[0].Message.EN, "3 columns") || !strings.Contains(e.Hint.ZH, "删除") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, in := range map[string]string{
		"texts with commas": "text\na\nb\nc,d\ne,f,g\n",
		"one row":           "text\na,b\n",
		"two names":         "id,name\n1,2,3\n4,5,6\n",
	} {
		_, err := openCSV(in, CSVOptions{})
		wantFault(t, err, "ragged", "")
		if strings.Contains(err.Error(), "title") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A type declared is checked to the last row, and one inferred gives way there.
func TestCSVRow9000(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("id,n\n")
	for i := 1; i <= 9100; i++ {
		if i == 9000 {
			b.WriteString("x,12a\n")
		} else {
			fmt.Fprintf(&b, "x,%d\n", i)
		}
	}
	_, err := openCSV(b.String(), CSVOptions{Types: map[string]Type{"n": Int64}})
	f := wantFault(t, err, "type", "row 9000 (line 9001), column n")
	if strings.Contains(err.Error(), "12a") || !strings.Contains(f.Message.EN, `"99a"`) {
		t.Errorf("the message shows the value instead of its shape: %v", err)
	}
	r, err := openCSV(b.String(), CSVOptions{})
	got := readAll(t, r, err)
	if got.Cols[1].Type != String || got.Cols[1].Str[8999] != "12a" || got.Rows != 9100 {
		t.Errorf("%v %d rows", got.Schema(), got.Rows)
	}
}

// All faults come at once, 20 of each code and the total.
func TestCSVAllFaults(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a,b\n")
	for range 50 {
		b.WriteString("1\n")
	}
	b.WriteString("x,\"q\"q\n\xff,1\n")
	_, err := openCSV(b.String(), CSVOptions{Types: map[string]Type{"a": Int64}})
	for _, code := range []string{"ragged", "bad_quote", "encoding", "type"} {
		wantFault(t, err, code, "")
	}
	var e *aihub.Error
	errors.As(err, &e)
	n, total := 0, int64(0)
	for _, f := range e.Faults {
		if f.Code == "ragged" {
			n, total = n+1, max(total, f.Count)
		}
	}
	if n != maxShown+1 || total != 50 {
		t.Errorf("%d ragged faults, total %d", n, total)
	}
}

func TestCSVBeginsWhereReaderStands(t *testing.T) {
	t.Parallel()
	src := bytes.NewReader([]byte("garbage\na,b\n1,2\n"))
	src.Seek(8, 0)
	r, err := OpenCSV(src, CSVOptions{})
	if b := readAll(t, r, err); b.Cols[1].Int[0] != 2 {
		t.Fatal(b)
	}
}

func TestCSVChangedWhileRead(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/a.csv"
	os.WriteFile(path, []byte("a\n1\n2\n"), 0o600)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := OpenCSV(f, CSVOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// The header is buffered by now; the file is rewritten longer than a buffer.
	os.WriteFile(path, []byte("a\nx\n"), 0o600)
	r.(*csvReader).rewind()
	if _, err := r.Next(); aihub.KindOf(err) != aihub.Conflict {
		t.Fatal(err)
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a;b\n\"x\ny\";2\r\n", "\ufeffa\n007\n", "a,b\n1\n", "a\n\"", "a,a\n\x00,\xff\n", "t\n2024-01-01T00:00:00Z\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := OpenCSV(bytes.NewReader(data), CSVOptions{})
		if err != nil {
			if aihub.KindOf(err) != aihub.Contract {
				t.Fatal(err)
			}
			return
		}
		b, err := ReadAll(r, 1<<20)
		if err != nil {
			t.Fatal(err) // the check found no defect
		}
		// What was read, written and read again is the same.
		var buf bytes.Buffer
		w := NewCSVWriter(&buf, b.Schema())
		if err := errors.Join(w.Write(b), w.Close()); err != nil {
			t.Fatal(err)
		}
		types := map[string]Type{}
		for _, c := range b.Schema() {
			types[c.Name] = c.Type
		}
		again, err := OpenCSV(&buf, CSVOptions{Delimiter: ',', Types: types})
		if err != nil {
			t.Fatalf("%v\n%q", err, buf.String())
		}
		c, err := ReadAll(again, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(rows(b), rows(c)); d != "" {
			t.Fatal(d)
		}
	})
}
