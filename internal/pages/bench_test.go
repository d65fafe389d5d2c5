package pages

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// scoreFile is 4M rows of id int64, p float64, y int32 (dictionary).
func scoreFile(b *testing.B) string {
	path := filepath.Join(b.TempDir(), "f.parquet")
	out, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	root, _ := schema.NewGroupNode("r", parquet.Repetitions.Required, schema.FieldList{
		schema.NewInt64Node("id", parquet.Repetitions.Required, -1),
		schema.NewFloat64Node("p", parquet.Repetitions.Required, -1),
		schema.NewInt32Node("y", parquet.Repetitions.Required, -1)}, -1)
	w := file.NewParquetWriter(out, root, file.WithWriterProps(parquet.NewWriterProperties(
		parquet.WithCompression(compress.Codecs.Uncompressed), parquet.WithDictionaryDefault(false), parquet.WithDictionaryFor("y", true))))
	r := rand.New(rand.NewPCG(1, 1))
	const n = 1 << 20
	ids, ps, ys := make([]int64, n), make([]float64, n), make([]int32, n)
	for g := range 4 {
		for i := range n {
			ids[i], ps[i], ys[i] = int64(g*n+i), r.Float64(), int32(r.IntN(10))
		}
		rg := w.AppendRowGroup()
		c, _ := rg.NextColumn()
		c.(*file.Int64ColumnChunkWriter).WriteBatch(ids, nil, nil)
		c.Close()
		c, _ = rg.NextColumn()
		c.(*file.Float64ColumnChunkWriter).WriteBatch(ps, nil, nil)
		c.Close()
		c, _ = rg.NextColumn()
		c.(*file.Int32ColumnChunkWriter).WriteBatch(ys, nil, nil)
		c.Close()
		rg.Close()
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// Compare MB/s of the two: the scan's distance from reading alone.
func BenchmarkScan(b *testing.B) {
	path := scoreFile(b)
	in, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	st, _ := in.Stat()
	b.Run("pread", func(b *testing.B) {
		b.SetBytes(st.Size())
		buf := make([]byte, 1<<20)
		for range b.N {
			for at := int64(0); at < st.Size(); at += int64(len(buf)) {
				if _, err := in.ReadAt(buf, at); err != nil && err != io.EOF {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		b.SetBytes(st.Size())
		b.ReportAllocs()
		for range b.N {
			f, err := Open(in, st.Size())
			if err != nil {
				b.Fatal(err)
			}
			s, err := f.Scan(0, 1, 2)
			if err != nil {
				b.Fatal(err)
			}
			rows := 0
			for {
				runs, err := s.Next(1 << 16)
				if err == io.EOF {
					break
				}
				if err != nil {
					b.Fatal(err)
				}
				rows += runs[0].N
			}
			if rows != 4<<20 {
				b.Fatal(rows)
			}
		}
	})
}
