package evaluator

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"aihub/evaluator/metric"
	"aihub/internal/table"
)

// BenchmarkScore checks and scores a million rows in shuffled order, from a
// file to sealed values: one class column, two probabilities, one number;
// accuracy and log loss with intervals.
func BenchmarkScore(b *testing.B) {
	const rows = 1_000_000
	truth := &Truth{Keys: make([]string, rows), Label: metric.Column{Class: make([]metric.Code, rows)}}
	var csv bytes.Buffer
	csv.WriteString(header)
	batch := table.NewBatch([]table.Field{{Name: "id", Type: "string"}, {Name: "label", Type: "string"}, {Name: "p_red", Type: "float64"}, {Name: "p_blue", Type: "float64"}, {Name: "count", Type: "int64"}}, rows)
	for i := range rows {
		truth.Keys[i] = fmt.Sprintf("%032x", uint64(i)*0x9e3779b97f4a7c15)
		truth.Label.Class[i] = metric.Code(i & 1)
	}
	for i := range rows {
		k := i * 7919 % rows
		p := float64(k%1000) / 1000
		fmt.Fprintf(&csv, "%s,red,%v,%v,%d\n", truth.Keys[k], p, 1-p, k%100)
		batch.Cols[0].AppendStr(truth.Keys[k])
		batch.Cols[1].AppendStr("red")
		batch.Cols[2].AppendFlt(p)
		batch.Cols[3].AppendFlt(1 - p)
		batch.Cols[4].AppendInt(int64(k % 100))
	}
	batch.Rows = rows
	for format, path := range map[string]string{"csv": write(b, csv.String()), "parquet": writeParquet(b, batch)} {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				plan, err := NewPlan(outSpec(format), "bench")
				if err != nil {
					b.Fatal(err)
				}
				ids, err := NewIDs(truth.Keys)
				if err != nil {
					b.Fatal(err)
				}
				pred, faults, err := CheckPredictions(b.Context(), outSpec(format), path, ids)
				if err != nil || faults != nil {
					b.Fatal(faults, err)
				}
				if _, err := plan.Score(b.Context(), truth, pred); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// BenchmarkScoring is a run's scoring, with row ids and piles: predictions in
// the order of the input, and shuffled.
func BenchmarkScoring(b *testing.B) {
	const rows = 1_000_000
	key := []byte("0123456789abcdef0123456789abcdef")
	spec := outSpec("parquet")
	truth := table.NewBatch([]table.Field{{Name: "id", Type: "string"}, {Name: "label", Type: "string"}}, rows)
	shuffled := make([]string, rows)
	ids := table.RowIDs(key)
	for i := range rows {
		k := fmt.Sprintf("K%d", i)
		truth.Cols[0].AppendStr(k)
		truth.Cols[1].AppendStr("red")
		shuffled[i] = string(ids(nil, k))
	}
	truth.Rows = rows
	truthPath := writeParquet(b, truth)
	sorted := slices.Sorted(slices.Values(shuffled))
	for name, ids := range map[string][]string{"sorted": sorted, "shuffled": shuffled} {
		batch := table.NewBatch([]table.Field{{Name: "id", Type: "string"}, {Name: "label", Type: "string"}, {Name: "p_red", Type: "float64"}, {Name: "p_blue", Type: "float64"}, {Name: "count", Type: "int64"}}, rows)
		for i, id := range ids {
			p := float64(i%1000) / 1000
			batch.Cols[0].AppendStr(id)
			batch.Cols[1].AppendStr("red")
			batch.Cols[2].AppendFlt(p)
			batch.Cols[3].AppendFlt(1 - p)
			batch.Cols[4].AppendInt(int64(i % 100))
		}
		batch.Rows = rows
		path := writeParquet(b, batch)
		b.Run(name, func(b *testing.B) {
			plan, err := NewPlan(spec, "")
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				got, err := Scoring{Plan: plan, Key: "id", RowKey: key, Dir: b.TempDir(), pile: 1 << 16}.Run(b.Context(), truthPath, path)
				if err != nil || got.Faults != nil {
					b.Fatal(got.Faults, err)
				}
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
