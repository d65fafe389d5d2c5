package risk

import (
	"cmp"

	"aihub/catalog/risk/classes"
	"aihub/internal/table"
)

// Groups are the classes of a table in memory: rows that agree on some columns.
type Groups struct {
	Of   []int32 // class of each row, numbered by first appearance
	Size []int64 // rows of each class
}

// Group returns the classes of b over the named columns, all of which it has.
// A null is a value like any other.
func Group(b *table.Batch, names []string) Groups {
	cols := make([][]uint32, len(names))
	d := make(classes.Domain, len(names))
	for i, n := range names {
		c, values := codes(b.Col(n))
		cols[i], d[i] = c, uint64(values)
	}
	return group(b.Rows, d, cols)
}

// group numbers the rows' tuples of codes.
func group(rows int, d classes.Domain, cols [][]uint32) Groups {
	g := Groups{Of: make([]int32, rows)}
	if rows == 0 {
		return g
	}
	acc := make([]uint64, rows)
	size := uint64(1)
	for i, c := range cols {
		// Before the codes outgrow a number, they are numbered anew: then there
		// are no more of them than rows.
		if n, ok := (classes.Domain{size, d[i]}).Size(); ok {
			size = n
		} else {
			size = number(acc, size, g.Of) * d[i]
			for r, id := range g.Of {
				acc[r] = uint64(id)
			}
		}
		for r, v := range c {
			acc[r] = acc[r]*d[i] + uint64(v)
		}
	}
	g.Size = make([]int64, number(acc, size, g.Of))
	for _, id := range g.Of {
		g.Size[id]++
	}
	return g
}

// number gives equal codes below size one number each, by first appearance, and
// returns how many there are.
func number(codes []uint64, size uint64, out []int32) uint64 {
	next := int32(0)
	if size <= 1<<20 || size <= uint64(len(codes)) {
		seen := make([]int32, size) // number + 1
		for r, c := range codes {
			if seen[c] == 0 {
				next++
				seen[c] = next
			}
			out[r] = seen[c] - 1
		}
		return uint64(next)
	}
	seen := make(map[uint64]int32, len(codes)/4)
	for r, c := range codes {
		id, ok := seen[c]
		if !ok {
			id = next
			next++
			seen[c] = id
		}
		out[r] = id
	}
	return uint64(next)
}

// codes numbers the values of c by first appearance; a null is one of them.
func codes(c *table.Column) ([]uint32, int) {
	out, d := make([]uint32, c.Len()), newDict(c.Field)
	for i := range out {
		out[i], _ = d.code(c, i, true)
	}
	return out, d.n
}

// ordered is codes in the order of the values; those below missing are none.
func ordered(c *table.Column) (out []uint32, n int, missing uint32) {
	d := newDict(c.Field)
	out = make([]uint32, c.Len())
	for i := range out {
		out[i], _ = d.code(c, i, true)
	}
	rank := d.ranks()
	for i, code := range out {
		out[i] = rank[code]
	}
	return out, d.n, d.missing()
}

func compareRows(c *table.Column, a, b int) int {
	if c.Null(a) || c.Null(b) {
		return btoi(c.Null(b)) - btoi(c.Null(a))
	}
	switch c.Type {
	case table.String:
		return cmp.Compare(c.Str[a], c.Str[b])
	case table.Float64:
		return cmp.Compare(c.Flt[a], c.Flt[b])
	case table.Bool:
		return btoi(c.Bool[a]) - btoi(c.Bool[b])
	}
	return cmp.Compare(c.Int[a], c.Int[b])
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
