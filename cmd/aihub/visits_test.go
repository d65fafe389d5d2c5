package main

import (
	"math/rand/v2"
	"os"
	"strconv"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/rogpeppe/go-internal/testscript"
)

// visits FILE GROUPS sorted|mixed: a Parquet file of so many row groups of 262,144
// visits, written as other tools do, with statistics: a number, a day and a score.
// Days rise over the whole file, or are mixed.
func cmdVisits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: visits FILE GROUPS sorted|mixed")
	}
	groups, err := strconv.Atoi(args[1])
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	root, err := schema.NewGroupNode("schema", pq.Repetitions.Required, schema.FieldList{
		schema.NewInt64Node("id", pq.Repetitions.Required, -1),
		schema.Must(schema.NewPrimitiveNodeLogical("day", pq.Repetitions.Required, schema.DateLogicalType{}, pq.Types.Int32, 0, -1)),
		schema.NewInt64Node("score", pq.Repetitions.Required, -1),
	}, -1)
	ts.Check(err)
	w := file.NewParquetWriter(f, root)
	const rows = 1 << 18
	rng := rand.New(rand.NewPCG(1, 7))
	for g := range groups {
		ids, days, scores := make([]int64, rows), make([]int32, rows), make([]int64, rows)
		for i := range rows {
			ids[i], scores[i] = int64(uint32(g*rows+i)*2654435761), rng.Int64N(100) // numbers that no two share, in no order
			if days[i] = int32((g*rows + i) / 100); args[2] == "mixed" {
				days[i] = rng.Int32N(10_000)
			}
		}
		rg := w.AppendRowGroup()
		write := func(do func(file.ColumnChunkWriter) error) {
			c, err := rg.NextColumn()
			ts.Check(err)
			ts.Check(do(c))
			ts.Check(c.Close())
		}
		for _, values := range [][]int64{ids, nil, scores} {
			write(func(c file.ColumnChunkWriter) (err error) {
				switch c := c.(type) {
				case *file.Int64ColumnChunkWriter:
					_, err = c.WriteBatch(values, nil, nil)
				case *file.Int32ColumnChunkWriter:
					_, err = c.WriteBatch(days, nil, nil)
				}
				return err
			})
		}
		ts.Check(rg.Close())
	}
	ts.Check(w.Close()) // and the file
}
