package table

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"aihub"
)

// What is no table is named, with the next step, instead of a list of its bytes.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.csv")
	for head, want := range map[string]string{
		"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml\x00": "Excel", "PK\x03\x04\x14\x00\x00\x00cases.csv": "zip", "\xd0\xcf\x11\xe0\xa1\xb1": "Excel",
		"\x1f\x8b\x08\x00": "gunzip", "%PDF-1.7\n": "export", "\xff\xd8\xff\xe0\x00": "picture", "<HTML><table>": "web page", "SQLite format 3\x00": "database",
		"a,b\n1,2\n": "", "PK,b\n1,2\n": "", "ORC,b\n1,2\n": "",
	} {
		if err := os.WriteFile(path, []byte(head), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path, Options{CSVOptions: CSVOptions{Encoding: Auto}})
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", head, err)
			} else {
				r.Close()
			}
			continue
		}
		var e *aihub.Error
		if !errors.As(err, &e) || e.Kind != aihub.Contract || !strings.Contains(e.Text.EN+" "+e.Hint.EN, want) || e.Hint.ZH == "" || len(e.Faults) > 0 {
			t.Errorf("%q: %v", head, err)
		}
	}
}

// A number that no column holds is no damage of the file.
func TestUnsignedBeyondInt64(t *testing.T) {
	t.Parallel()
	b := array.NewUint64Builder(memory.DefaultAllocator)
	b.AppendValues([]uint64{1, 1 << 63}, nil)
	schema := arrow.NewSchema([]arrow.Field{{Name: "u", Type: arrow.PrimitiveTypes.Uint64}}, nil)
	rec := array.NewRecordBatch(schema, []arrow.Array{b.NewArray()}, 2)
	path := filepath.Join(t.TempDir(), "u.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(schema, f, nil, pqarrow.DefaultWriterProps())
	if err == nil {
		err = errors.Join(w.Write(rec), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, Options{})
	if err == nil {
		defer r.Close()
		_, err = r.Next()
	}
	if err == nil || aihub.KindOf(err) != aihub.Contract || !strings.Contains(err.Error(), "int64") || strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v", err)
	}
}
