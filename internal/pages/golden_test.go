package pages

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goldenRows = 400

// rowOf is the value of a column of testdata/make.py in row i; nil is null.
func rowOf(name string, i int) any {
	switch name {
	case "id":
		return int64(i)
	case "b":
		if i%11 != 3 {
			return i%3 == 0
		}
	case "i":
		if i%5 != 0 {
			return int32((i*7919)%1000 - 500)
		}
	case "l":
		return int64(i*i*31 - 1000)
	case "f":
		return float32(i) / 4
	case "d":
		if i%7 != 0 {
			return float64(i)/8 - 3
		}
	case "s":
		if i%9 != 0 {
			return fmt.Sprintf("value-%05d", i%13)
		}
	case "u":
		return fmt.Sprintf("person-%d", i*37)
	case "x":
		return strings.Repeat(string([]byte{byte(i)}), 5)
	}
	return nil
}

func goldens(t testing.TB) []string {
	files, err := filepath.Glob("testdata/*.parquet")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	return files
}

func openBytes(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// valueAt returns value i as rowOf does.
func valueAt(v *Values, i int) any {
	b := v.Bytes(i)
	switch v.Type {
	case Boolean:
		return b[0] == 1
	case Int32:
		return int32(binary.LittleEndian.Uint32(b))
	case Int64:
		return int64(binary.LittleEndian.Uint64(b))
	case Float:
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	case Double:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return string(b)
}

// column reads a flat column whole.
func column(f *File, leaf, most int, keep bool) (out []any, err error) {
	s, err := f.Scan(leaf)
	if err != nil {
		return nil, err
	}
	s.KeepDict = keep
	for {
		runs, err := s.Next(most)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		k := 0
		for i := range runs[0].N {
			if runs[0].Valid != nil && runs[0].Valid[i] == 0 {
				out = append(out, nil)
				continue
			}
			if runs[0].Coded {
				out = append(out, valueAt(runs[0].Dict, int(runs[0].Index[k])))
			} else {
				out = append(out, valueAt(&runs[0].Values, k))
			}
			k++
		}
	}
}

func TestScanOfOtherToolsFiles(t *testing.T) {
	for _, path := range goldens(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f := openBytes(t, b)
			if f.Rows() != goldenRows {
				t.Fatalf("%d rows", f.Rows())
			}
			for i, l := range f.Leaves() {
				if !l.Flat() {
					if _, err := f.Scan(i); !errors.Is(err, ErrUnsupported) {
						t.Errorf("scan of nested %s: %v", l.Name(), err)
					}
					continue
				}
				for _, keep := range []bool{false, true} {
					for _, most := range []int{0, 7} {
						got, err := column(f, i, most, keep)
						if err != nil || len(got) != goldenRows {
							t.Fatalf("%s: %d rows, %v", l.Name(), len(got), err)
						}
						for r, v := range got {
							if want := rowOf(l.Name(), r); v != want {
								t.Fatalf("%s row %d: got %v, want %v", l.Name(), r, v, want)
							}
						}
					}
				}
			}
		})
	}
}

// Columns whose pages end at different rows are walked together.
func TestScanTogether(t *testing.T) {
	b, err := os.ReadFile("testdata/arrow-v1-snappy.parquet")
	if err != nil {
		t.Fatal(err)
	}
	f := openBytes(t, b)
	s, err := f.Scan(f.Leaf("u"), f.Leaf("id"), f.Leaf("s"))
	if err != nil {
		t.Fatal(err)
	}
	row := 0
	for {
		runs, err := s.Next(0)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		ids := runs[1].Values.Int64s()
		for i, id := range ids {
			if int(id) != row+i || string(runs[0].Values.Bytes(i)) != rowOf("u", row+i) {
				t.Fatalf("row %d: id %d, u %q", row+i, id, runs[0].Values.Bytes(i))
			}
		}
		if runs[0].N != runs[2].N || len(ids) != runs[0].N {
			t.Fatal("runs of different lengths")
		}
		row += runs[0].N
	}
	if row != goldenRows {
		t.Fatalf("%d rows", row)
	}
}
