package risk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub/internal/table"
)

// Rows that come as indices make the same report, and the same rows stay, as
// those that come as values.
func TestCodedRowsAreRows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 9))
		fields := []table.Field{{Name: "a", Type: table.String}, {Name: "b", Type: table.Int64}, {Name: "s", Type: table.Date}}
		p := Policy{Quasi: []string{"b", "a"}, K: 3, MaxSuppression: 0.5, Sensitive: []string{"s"}, L: 2, T: at(0.9), Distance: "ordered", Population: 5000}
		plain, coded := NewMeter(p, fields), NewMeter(p, fields)
		var batches []*table.Batch
		var blocks [][]Coded
		for range 4 {
			b := table.NewBatch(fields, 0)
			for range 1 + rng.IntN(300) {
				if rng.IntN(9) == 0 {
					b.Cols[0].AppendNull()
				} else {
					b.Cols[0].AppendStr(fmt.Sprint("v", rng.IntN(40)))
				}
				b.Cols[1].AppendInt(int64(rng.ExpFloat64() * 3))
				b.Cols[2].AppendInt(int64(rng.IntN(5)))
				b.Rows++
			}
			block := make([]Coded, 3)
			for i, at := range plain.Columns() {
				c := &b.Cols[at]
				dict := table.NewColumn(c.Field, 0)
				dict.AppendFrom(c, rng.IntN(b.Rows)) // perhaps a value of no other row
				for r := range b.Rows {
					dict.AppendFrom(c, r)
					block[i].Index = append(block[i].Index, uint32(dict.Len()-1))
				}
				block[i].Dict = &dict
			}
			batches, blocks = append(batches, b), append(blocks, block)
			if err := plain.Add(b, nil, nil, nil); err != nil {
				t.Fatal(err)
			}
			half := func(from, to int) []Coded {
				out := make([]Coded, 3)
				for i := range block {
					out[i] = NewCoded(block[i].Dict, block[i].Index[from:to], nil)
				}
				return out
			}
			first, second := half(0, b.Rows/2), half(b.Rows/2, b.Rows)
			if err := coded.AddCoded(first); err != nil {
				t.Fatal(err)
			}
			for i := range second {
				second[i] = NewCoded(second[i].Dict, second[i].Index, &first[i])
			}
			if err := coded.AddCoded(second); err != nil {
				t.Fatal(err)
			}
		}
		want, err1 := plain.Gate(context.Background(), nil)
		got, err2 := coded.Gate(context.Background(), nil)
		if d := cmp.Diff(want, got); d != "" || fmt.Sprint(err1) != fmt.Sprint(err2) {
			t.Fatal(d, err1, err2)
		}
		if plain.Full() != (want.Suppressed == 0) {
			t.Error("Full is wrong")
		}
		for i, b := range batches {
			keep := make([]bool, b.Rows)
			coded.KeepCoded(blocks[i], keep)
			if d := cmp.Diff(plain.Keep(b, nil), keep); d != "" {
				t.Fatal(d)
			}
		}
	}
}
