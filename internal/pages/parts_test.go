package pages

import (
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// TestScanParts: pages longer than a part, of either kind, compressed and not, give
// the values that they hold, whatever number of rows is asked for.
func TestScanParts(t *testing.T) {
	for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
		for _, codec := range []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy} {
			t.Run(fmt.Sprint(version, codec), func(t *testing.T) {
				out := create(t)
				root, _ := schema.NewGroupNode("r", parquet.Repetitions.Required, schema.FieldList{
					schema.NewInt64Node("id", parquet.Repetitions.Required, -1),
					schema.NewInt32Node("y", parquet.Repetitions.Required, -1)}, -1)
				w := file.NewParquetWriter(keepOpen{out}, root, file.WithWriterProps(parquet.NewWriterProperties(parquet.WithDataPageVersion(version),
					parquet.WithCompression(codec), parquet.WithDictionaryDefault(false), parquet.WithDataPageSize(3*partBytes+40))))
				const n = 100_003
				ids, ys := make([]int64, n), make([]int32, n)
				for g := range 2 {
					for i := range n {
						ids[i], ys[i] = int64(g*n+i), int32(g*n+i)
					}
					rg := w.AppendRowGroup()
					c, _ := rg.NextColumn()
					c.(*file.Int64ColumnChunkWriter).WriteBatch(ids, nil, nil)
					c.Close()
					c, _ = rg.NextColumn()
					c.(*file.Int32ColumnChunkWriter).WriteBatch(ys, nil, nil)
					c.Close()
					rg.Close()
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				f := openFile(t, out)
				s, err := f.Scan(0, 1)
				if err != nil {
					t.Fatal(err)
				}
				s.KeepDict = true
				at, longest := 0, 0
				for k := 0; ; k++ {
					r, err := s.Next([]int{0, 1, 7777, 1 << 14}[k%4])
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					longest = max(longest, r[0].N)
					for i, v := range r[0].Values.Int64s() {
						if v != int64(at+i) || r[1].Values.Int32s()[i] != int32(at+i) {
							t.Fatalf("row %d has %d and %d", at+i, v, r[1].Values.Int32s()[i])
						}
					}
					at += r[0].N
				}
				if at != 2*n {
					t.Errorf("%d rows of %d", at, 2*n)
				}
				if parts := codec == compress.Codecs.Uncompressed; parts != (longest <= partBytes/8) {
					t.Errorf("%d rows at once", longest)
				}
			})
		}
	}
}

// keepOpen is a file that its writer does not close.
type keepOpen struct{ io.Writer }
