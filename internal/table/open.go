package table

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"aihub"
)

// Formats that Open reads.
const (
	FormatParquet = "parquet"
	FormatArrow   = "arrow" // Arrow IPC, file or stream
	FormatJSONL   = "jsonl"
	FormatCSV     = "csv" // or TSV
)

// Formats lists them.
var Formats = []string{FormatCSV, FormatJSONL, FormatParquet, FormatArrow}

// Options says what is known about a file of any format beforehand.
type Options struct {
	CSVOptions        // types hold for JSON Lines too
	Format     string // one of Formats; "": found out from the first bytes

	// Unread says that a column is dropped in any case: one that cannot be read as
	// a column of a flat table is then nulls instead of an error. It is asked of
	// such columns alone, and of bytes in Parquet that nothing calls text.
	Unread func(column string) bool
}

// FormatOf finds out the format of the file at path by its first bytes. Text
// that does not begin with { is CSV; one that begins with [{ is JSON, which
// OpenJSONL refuses in its own words.
func FormatOf(path string) (string, error) {
	b, err := headOf(path)
	if err != nil {
		return "", err
	}
	return formatOf(b), nil
}

// headOf returns the first bytes of a file, up to 512.
func headOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, 512)
	n, err := io.ReadFull(f, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	return b[:n], nil
}

func formatOf(head []byte) string {
	has := func(s string) bool { return len(head) >= len(s) && string(head[:len(s)]) == s }
	switch {
	case has("PAR1"), has("PARE"):
		return FormatParquet
	case has("ARROW1"), has("\xff\xff\xff\xff"):
		return FormatArrow
	}
	array := false
	for _, c := range head {
		switch c {
		case 0xef, 0xbb, 0xbf, 0xff, 0xfe, 0, ' ', '\t', '\r', '\n': // a mark, UTF-16, white space
		case '{':
			return FormatJSONL
		case '[':
			if array {
				return FormatCSV
			}
			array = true
		default:
			return FormatCSV
		}
	}
	return FormatCSV
}

// Open reads the table in the file at path, whatever its format.
func Open(path string, o Options) (Reader, error) {
	if o.Format == "" {
		var err error
		if o.Format, err = FormatOf(path); err != nil {
			return nil, err
		}
	}
	switch o.Format {
	case FormatParquet:
		r, err := openParquet(path, nil, o.Unread)
		if err == nil && len(o.Missing) > 0 {
			return withMissing(r, o.Missing), nil
		}
		return r, err
	case FormatArrow, FormatJSONL:
	case FormatCSV:
		head, err := headOf(path)
		if err == nil {
			err = noTable(head)
		}
		if err != nil {
			return nil, err
		}
	default:
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: fmt.Sprintf("%q is not a file format", clip(o.Format)), ZH: fmt.Sprintf("%q 不是文件格式", clip(o.Format))})
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	var r Reader
	switch o.Format {
	case FormatArrow:
		if r, err = OpenArrow(f, o); err == nil && len(o.Missing) > 0 {
			r = withMissing(r, o.Missing)
		}
	case FormatJSONL:
		r, err = OpenJSONL(f, o)
	default:
		r, err = OpenCSV(f, o.CSVOptions)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return fileReader{r, f}, nil
}

// fileReader closes the file below a reader with it.
type fileReader struct {
	Reader
	f *os.File
}

// Rows implements Counted; 0 is unknown.
func (r fileReader) Rows() int64 {
	if c, ok := r.Reader.(Counted); ok {
		return c.Rows()
	}
	return 0
}

func (r fileReader) Close() error { return errors.Join(r.Reader.Close(), r.f.Close()) }

// checkDeclared reports declared types of columns that are not there, and types
// that are none.
func checkDeclared(types map[string]Type, has func(name string) bool, f *faults) {
	names := make([]string, 0, len(types))
	for name := range types {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !has(name) {
			f.add("missing_column", "line 1", aihub.Text{EN: fmt.Sprintf("there is no column %q", clip(name)), ZH: fmt.Sprintf("缺少列 %q", clip(name))})
		} else if t := types[name]; !t.Known() {
			f.add("type", "line 1", aihub.Text{EN: fmt.Sprintf("column %q is declared %q, which is no type", clip(name), clip(string(t))), ZH: fmt.Sprintf("列 %q 声明的类型 %q 不存在", clip(name), clip(string(t)))})
		}
	}
}
