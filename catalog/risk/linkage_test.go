package risk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"aihub/internal/table"
)

// people returns a raw table of n rows (an age and a place) and its masked form:
// ages in bands, places in regions.
func linkPeople(rng *rand.Rand, n, width, region int) (raw, masked *table.Batch) {
	raw = table.NewBatch([]table.Field{{Name: "age", Type: table.Int64}, {Name: "place", Type: table.String}}, n)
	masked = table.NewBatch([]table.Field{{Name: "age", Type: table.String}, {Name: "place", Type: table.String}}, n)
	for range n {
		age, place := rng.IntN(60), rng.IntN(12)
		if rng.IntN(3) == 0 {
			age = rng.IntN(10) // not all alike
		}
		raw.Cols[0].AppendInt(int64(age))
		raw.Cols[1].AppendStr(fmt.Sprint("p", place))
		masked.Cols[0].AppendStr(fmt.Sprint(age / width))
		masked.Cols[1].AppendStr(fmt.Sprint(place / region))
	}
	raw.Rows, masked.Rows = n, n
	return raw, masked
}

func rowsOf(b *table.Batch, rows []int) *table.Batch {
	out := &table.Batch{Rows: len(rows)}
	for i := range b.Cols {
		c := table.NewColumn(b.Cols[i].Field, len(rows))
		c.AppendRows(&b.Cols[i], rows)
		out.Cols = append(out.Cols, c)
	}
	return out
}

// Who is matched on the quasi-identifiers of a k-anonymous table is found with a
// chance of 1/k at most, however small the sample of pairs is that the outsider
// learns from. (A sample of 20,000 of 10^9 rows once read 0.345 at k = 18,136: it
// was looked through as if it were the table.) Where a raw value always becomes
// the same masked one, the rate is that of the classes' sizes.
func TestLinkageIsBoundedByK(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 500 + rng.IntN(20_000)
		raw, masked := linkPeople(rng, n, 5+rng.IntN(20), 1+rng.IntN(6))
		k := 2 + rng.IntN(40)
		m := NewMeter(Policy{Quasi: []string{"age", "place"}, K: k, MaxSuppression: 0.5}, masked.Schema())
		if err := m.Add(masked, nil, nil, nil); err != nil {
			t.Fatal(err)
		}
		rep, err := m.Gate(context.Background(), nil)
		if err != nil {
			continue // too many rows would go
		}
		keep := m.Keep(masked, nil)
		share := 1 + rng.IntN(50)
		var sample []int
		for r := range n {
			if keep[r] && r%share == 0 {
				sample = append(sample, r)
			}
		}
		if len(sample) == 0 {
			continue
		}
		x, y := rowsOf(raw, sample), rowsOf(masked, sample)
		l, _ := m.Link(context.Background(), x, y, nil)
		if l.Linked > 1/float64(rep.After.K)+1e-9 || l.Among != int64(rep.After.Rows) || l.Baseline != 1/float64(rep.After.Rows) {
			t.Errorf("seed %d: 1 of %d rows, k = %d: %+v", seed, share, rep.After.K, l)
		}
		// Brute force: with every row at hand, each is linked with one over its class.
		if share == 1 && len(sample) <= linkRows {
			want, g := 0.0, Group(y, []string{"age", "place"})
			for _, id := range g.Of {
				want += 1 / float64(g.Size[id]) / float64(len(g.Of))
			}
			if l.Linked > want+1e-9 {
				t.Errorf("seed %d: %g, the classes say %g", seed, l.Linked, want)
			}
		}
	}
	// Masking that hides nothing is found out, sampled or not.
	rng := rand.New(rand.NewPCG(7, 7))
	raw := table.NewBatch([]table.Field{{Name: "x", Type: table.Float64}}, 0)
	masked := table.NewBatch([]table.Field{{Name: "x", Type: table.Float64}}, 0)
	for range 20_000 {
		v := rng.Float64() * 1e6
		raw.Cols[0].AppendFlt(v)
		masked.Cols[0].AppendFlt(v + rng.NormFloat64())
	}
	raw.Rows, masked.Rows = 20_000, 20_000
	m := NewMeter(Policy{Quasi: []string{"x"}}, masked.Schema())
	if err := m.Add(masked, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	var tenth []int
	for r := 0; r < 20_000; r += 10 {
		tenth = append(tenth, r)
	}
	if l, _ := m.Link(context.Background(), rowsOf(raw, tenth), rowsOf(masked, tenth), nil); l.Linked < 0.9 || l.Rows != 2000 {
		t.Errorf("noise of one in a million: %+v", l)
	}
	// So is generalising that leaves a row alone: the sample's own twin is what counts.
	raw, masked = linkPeople(rng, 4000, 1, 1)
	m = NewMeter(Policy{Quasi: []string{"age", "place"}}, masked.Schema())
	if err := m.Add(masked, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if l, _ := m.Link(context.Background(), raw, masked, nil); l.Linked < 0.1 || l.Linked > 1.2*720/4000 {
		t.Errorf("nothing generalised, 720 classes of 4000 rows: %+v", l)
	}
}

// Local suppression and the linkage test say how far they are, and end with their
// context.
func TestGateAndLinkEndWithTheirContext(t *testing.T) {
	t.Parallel()
	raw, masked := linkPeople(rand.New(rand.NewPCG(1, 2)), 4000, 5, 2)
	for _, stage := range []string{"", "cells", "linkage"} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		said := map[string]int64{}
		told := func(s string, done, total int64) {
			if said[s] = done; s == stage {
				cancel()
			}
		}
		m := NewMeter(Policy{Quasi: []string{"age", "place"}, K: 30, MaxSuppression: 1, Cells: []string{"age", "place"}, MaxCells: 1}, masked.Schema())
		if err := m.Add(masked, nil, nil, nil); err != nil {
			t.Fatal(err)
		}
		_, err := m.Gate(ctx, told)
		if (err == context.Canceled) != (stage == "cells") {
			t.Fatalf("%q: %v, said %v", stage, err, said)
		}
		if err != nil {
			continue
		}
		if _, err = m.Link(ctx, raw, masked, told); (err == context.Canceled) != (stage == "linkage") {
			t.Fatalf("%q: %v, said %v", stage, err, said)
		}
		if _, ok := said["linkage"]; !ok {
			t.Errorf("%q: said %v", stage, said)
		}
	}
}
