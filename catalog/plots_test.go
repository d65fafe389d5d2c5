package catalog

import (
	"fmt"
	"testing"

	"aihub/internal/table"
)

// What is drawn counts every row once, and no group of fewer than minGroup rows.
func TestPlots(t *testing.T) {
	t.Parallel()
	schema := []table.Field{{Name: "n", Type: table.Int64}, {Name: "f", Type: table.Float64}, {Name: "s", Type: table.String}, {Name: "d", Type: table.Date}}
	b := table.NewBatch(schema, 0)
	const n = 4000
	rows := make([]int, n)
	for i := range n {
		rows[i] = i
		b.Cols[0].AppendInt(int64(i % 1000))
		b.Cols[1].AppendFlt(float64(i%777) / 7)
		if i%100 == 0 {
			b.Cols[2].AppendNull()
		} else if i%500 == 1 {
			b.Cols[2].AppendStr(fmt.Sprint("rare ", i)) // 8 groups of one row
		} else {
			b.Cols[2].AppendStr(fmt.Sprint("v", i%7))
		}
		b.Cols[3].AppendInt(int64(10_000 + i%400))
	}
	b.Rows = n
	p := Profile{Columns: []ColumnProfile{{Name: "id"}}}
	for i := range schema {
		s := newColumnStats(schema[i])
		s.add(&b.Cols[i], rows)
		cp := ColumnProfile{Name: schema[i].Name, Type: schema[i].Type}
		s.profile(&cp)
		p.Columns = append(p.Columns, cp)
	}
	p.Columns = append(p.Columns, ColumnProfile{Name: "file", Use: "media", Top: []Group{{"files/a.png", 20}}})
	plots := p.Plots()
	if len(plots.Columns) != 4 {
		t.Fatalf("%+v", plots)
	}
	for _, c := range plots.Columns {
		total := c.Nulls + c.Other
		for i, bin := range c.Bins {
			total += bin.Rows
			if bin.Rows > 0 && bin.Rows < minGroup {
				t.Errorf("%s: %+v", c.Name, bin)
			}
			if i > 0 && bin.From != c.Bins[i-1].To || (bin.From == "") != (i == 0) || (bin.To == "") != (i == len(c.Bins)-1) {
				t.Errorf("%s: bin %d is %+v behind %+v", c.Name, i, bin, c.Bins[max(0, i-1)])
			}
		}
		for _, g := range c.Groups {
			total += g.Rows
			if g.Rows < minGroup {
				t.Errorf("%s shows %+v", c.Name, g)
			}
		}
		if total < n*98/100 || total > n*102/100 {
			t.Errorf("%s: %d of %d rows are drawn", c.Name, total, n)
		}
		if c.Name == "s" && (c.Other != 8 || c.Nulls != 40 || len(c.Groups) != 7) {
			t.Errorf("%+v", c)
		}
		if c.Name != "s" && len(c.Bins) != maxBins+2 {
			t.Errorf("%s has %d bins", c.Name, len(c.Bins))
		}
	}
}

// A bin of few rows is told as one of none.
func TestSmallBins(t *testing.T) {
	t.Parallel()
	s := newColumnStats(table.Field{Name: "x", Type: table.Int64})
	c := table.NewColumn(table.Field{Name: "x", Type: table.Int64}, 0)
	var rows []int
	for i := range 300 {
		rows = append(rows, i)
		c.AppendInt(int64(i % 50 * (i % 50))) // few large ones
	}
	s.add(&c, rows)
	var cp ColumnProfile
	s.profile(&cp)
	few := 0
	for _, b := range cp.Bins {
		if b.Rows == 0 {
			few++
		}
		if b.Rows != 0 && b.Rows < minGroup {
			t.Errorf("%+v", b)
		}
	}
	if few == 0 {
		t.Errorf("no bin is of few rows: %+v", cp.Bins)
	}
}

// A few different numbers have a bin each, in their order: months are not cut
// into stretches of a month and a half. A value of few rows is not named.
func TestSingleBins(t *testing.T) {
	t.Parallel()
	s := newColumnStats(table.Field{Name: "x", Type: table.Int64})
	c := table.NewColumn(table.Field{Name: "x", Type: table.Int64}, 0)
	var rows []int
	for i := range 403 {
		rows = append(rows, i)
		c.AppendInt(int64(i % 20 * 30))
	}
	for i := range 3 {
		rows = append(rows, 403+i)
		c.AppendInt(7)
	}
	s.add(&c, rows)
	var cp ColumnProfile
	s.profile(&cp)
	if len(cp.Bins) != 20 || cp.Bins[0] != (Bin{From: "0", To: "0", Rows: 21}) || cp.Bins[1].From != "30" || cp.Bins[19].Rows != 20 {
		t.Errorf("%+v", cp.Bins)
	}
}
