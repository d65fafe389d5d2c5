package pages

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// sparkFiles are those of testdata/spark/make.py.
func sparkFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/spark/*.parquet")
	if err != nil || len(files) != 17 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

// sparkValue is the value of a flat column in row i as a text; nil is null.
func sparkValue(name string, i int) any {
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	switch name {
	case "x":
		return fmt.Sprintf("%x", rowOf("x", i))
	case "day":
		return begin.AddDate(0, 0, i).Format(time.DateOnly)
	case "time":
		if i%6 == 0 {
			return nil
		}
		return begin.Add(time.Duration(i) * time.Hour).Format(time.DateTime)
	case "dec9":
		return fmt.Sprint(i*101 - 5000)
	case "dec18":
		return fmt.Sprint(i * 10_000_019)
	case "dec38":
		return fmt.Sprint(i * 1_000_000_007)
	case "in.a":
		return fmt.Sprint(i % 7)
	case "in.b":
		return fmt.Sprint("inner-", i%5)
	}
	if v := rowOf(name, i); v != nil {
		return fmt.Sprint(v)
	}
	return nil
}

// sparkText is value i of v as such a text.
func sparkText(l *Leaf, v *Values, i int) string {
	b := v.Bytes(i)
	unscaled := func(b []byte) string { // big-endian two's complement
		n := new(big.Int).SetBytes(b)
		if len(b) > 0 && b[0] >= 128 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		return n.String()
	}
	switch {
	case l.Name() == "x":
		return fmt.Sprintf("%x", b)
	case l.Name() == "day":
		return time.Unix(int64(int32(binary.LittleEndian.Uint32(b)))*86400, 0).UTC().Format(time.DateOnly)
	case v.Type == Int96: // nanoseconds of a Julian day
		days := int64(binary.LittleEndian.Uint32(b[8:])) - 2440588
		return time.Unix(days*86400, int64(binary.LittleEndian.Uint64(b))).UTC().Format(time.DateTime)
	case l.Name() == "time":
		return time.UnixMicro(int64(binary.LittleEndian.Uint64(b)) * l.Micros).UTC().Format(time.DateTime)
	case v.Type == Fixed:
		return unscaled(b)
	}
	return fmt.Sprint(valueAt(v, i))
}

// What Spark writes is read: every codec it has, pages of both versions, its
// dictionaries and deltas, INT96, decimals in all three forms, structs, and lists
// and maps as chunks of values.
func TestSparkFiles(t *testing.T) {
	t.Parallel()
	for _, path := range sparkFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f := openBytes(t, b)
			nested := 0
			for at := range f.Leaves() {
				l := &f.Leaves()[at]
				if !l.Flat() {
					nested++
					continue
				}
				s, err := f.Scan(at)
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
						t.Fatalf("%s: %v", l.Name(), err)
					}
					k := 0
					for i := range runs[0].N {
						var got any
						if runs[0].Valid == nil || runs[0].Valid[i] == 1 {
							got = sparkText(l, &runs[0].Values, k)
							k++
						}
						if want := sparkValue(l.Name(), row); got != want {
							t.Fatalf("%s row %d: %v, want %v", l.Name(), row, got, want)
						}
						row++
					}
				}
				if row != goldenRows {
					t.Fatalf("%s: %d rows", l.Name(), row)
				}
			}
			if nested != 4 { // n, the map's two, phones
				t.Errorf("%d nested columns", nested)
			}
			// Nested values, a dictionary's once.
			for at := range f.Leaves() {
				if l := &f.Leaves()[at]; !l.Flat() && l.Name()[:3] == "pho" {
					seen := map[string]bool{}
					for g := range f.RowGroups() {
						err := f.ChunkValues(g, at, func(v *Values) error {
							for i := range v.Len() {
								seen[string(v.Bytes(i))] = true
							}
							return nil
						})
						if err != nil {
							t.Fatal(err)
						}
					}
					if len(seen) != goldenRows/2 || !seen[fmt.Sprintf("138%08d", 7*7919)] {
						t.Errorf("%d phones", len(seen))
					}
				}
			}
		})
	}
}
