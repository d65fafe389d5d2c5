package table

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArrowWriter(t *testing.T) {
	t.Parallel()
	b := NewBatch([]Field{{"s", String}, {"i", Int64}, {"f", Float64}, {"b", Bool}, {"d", Date}, {"t", Timestamp}}, 0)
	for i := range 3 {
		if i == 1 {
			for j := range b.Cols {
				b.Cols[j].AppendNull()
			}
		} else {
			b.Cols[0].AppendStr("蓝")
			b.Cols[1].AppendInt(int64(-i))
			b.Cols[2].AppendFlt(0.5)
			b.Cols[3].AppendBool(true)
			b.Cols[4].AppendInt(20_000)
			b.Cols[5].AppendInt(1_700_000_000_000_001)
		}
		b.Rows++
	}
	path := filepath.Join(t.TempDir(), "a.arrow")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWriter(f, FormatArrow, b.Schema())
	for range 2 {
		if err == nil {
			err = w.Write(b)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if d := cmp.Diff(b.Schema(), r.Schema()); d != "" {
		t.Fatal(d)
	}
	rows := 0
	for {
		got, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Rows {
			for j := range b.Cols {
				want, ok := b.Cols[j].Text(rows % 3)
				if s, k := got.Cols[j].Text(i); s != want || k != ok {
					t.Errorf("row %d column %d: %q %v, want %q %v", rows, j, s, k, want, ok)
				}
			}
			rows++
		}
	}
	if rows != 6 {
		t.Errorf("%d rows", rows)
	}
	id := RowIDs([]byte("key"))
	for _, key := range []string{"a", "", "长"} {
		if got := string(id(nil, key)); got != RowID([]byte("key"), key) {
			t.Errorf("id of %q: %s", key, got)
		}
	}
}
