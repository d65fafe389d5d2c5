package risk

import (
	"context"
	"math"
	"slices"

	"aihub/internal/table"
)

// Linkage is a test of what masking hides: an outsider who has the raw rows and
// knows how values tend to be masked looks for each row's masked one.
type Linkage struct {
	Rows     int64   `json:"rows"`     // raw rows looked for
	Among    int64   `json:"among"`    // masked rows looked through
	Linked   float64 `json:"linked"`   // expected share that finds its own row; among equals the choice is by chance
	Baseline float64 `json:"baseline"` // the same for pure chance
}

// Bounds of a linkage test.
const (
	linkRows = 2_000 // raw rows looked for
	linkWork = 1e9   // comparisons of a raw and a masked value
)

// Link is the linkage test of the whole table that the Meter has counted: each
// raw row is looked for among all rows that are published (all, before Gate), not
// only among those of masked, which are masked forms of the same rows of raw, a
// sample. Whoever shares a class with n others is one of n+1 wherever the sample
// ends, so on k-anonymous rows no more than 1/k are linked.
//
// The likeness of two rows is probabilistic record linkage's sum of weights
// (Fellegi and Sunter, 1969): for a column the logarithm of how much oftener its
// two values meet in a row than by chance, learnt from all rows of the sample but
// the one that is looked for and from one more row that is masked by chance. Two
// columns of numbers have instead the logarithm of a normal density of their
// difference, whose width is that of the masking's noise.
func (m *Meter) Link(ctx context.Context, raw, masked *table.Batch, told Told) (l Linkage, err error) {
	n := raw.Rows
	var crowd []int // classes
	for id, size := range m.size {
		if size > 0 && (m.good == nil || m.good[id]) {
			crowd = append(crowd, id)
			l.Among += m.rowsOf(id)
		}
	}
	var weights []weigher
	var code [][]uint32 // of each column by place in crowd
	for i, q := range m.p.Quasi {
		if x, y := raw.Col(q), masked.Col(q); x != nil && y != nil {
			weights = append(weights, m.newWeigher(x, y, i, crowd))
			f, at := m.field[i], make([]uint32, len(crowd))
			for c, id := range crowd {
				at[c] = uint32(m.key[id][f.word] >> f.shift & (1<<f.width - 1))
			}
			code = append(code, at)
		}
	}
	if n == 0 || len(weights) == 0 || l.Among == 0 {
		return l, nil
	}
	l.Baseline = 1 / float64(l.Among)
	want := min(n, linkRows, max(1, int(linkWork/float64(len(crowd)*len(weights)))))
	score := make([][]float64, len(weights))
	for i := range want {
		told.say("linkage", i, want)
		if err := ctx.Err(); err != nil {
			return l, err
		}
		r := i * n / want
		mine := 0.0
		for c := range weights {
			score[c] = weights[c].scores(r, score[c][:0])
			mine += score[c][weights[c].masked[r]]
		}
		ties, best := int64(0), true
		for at, id := range crowd {
			s := 0.0
			for c := range score {
				s += score[c][code[c][at]]
			}
			if s > mine+1e-9 {
				best = false
				break
			}
			if s >= mine-1e-9 {
				ties += m.rowsOf(id)
			}
		}
		if best && ties > 0 {
			l.Linked += 1 / float64(ties)
		}
		l.Rows++
	}
	l.Linked /= float64(l.Rows)
	return l, nil
}

// weigher weighs a raw value against every masked value of a column.
type weigher struct {
	raw, masked []uint32 // of the sample's rows; masked as the meter's codes
	together    map[uint64]float64
	rawN, rows  []float64  // rows of the sample by raw value; of the whole table by masked value
	all         float64    // rows of the whole table
	met         [][]uint32 // masked values that a raw one has been seen with

	numeric bool
	x, y    []float64 // of rows; of masked values
	width   float64
}

func (m *Meter) newWeigher(raw, masked *table.Column, quasi int, crowd []int) weigher {
	d, f := m.quasi[quasi], m.field[quasi]
	w := weigher{together: map[uint64]float64{}, masked: make([]uint32, masked.Len()), rows: make([]float64, d.n)}
	var n int
	w.raw, n = codes(raw)
	for i := range w.masked {
		w.masked[i], _ = d.code(masked, i, false)
	}
	if x, y, ok := numbers(raw, masked); ok {
		if w.y, ok = values(&d.first); ok {
			w.numeric, w.x = true, x
			var sum, squares float64
			for i, v := range y {
				e := v - x[i]
				sum += e
				squares += e * e
			}
			rows := float64(len(x))
			w.width = math.Sqrt(max(0, squares/rows-(sum/rows)*(sum/rows)))
			if w.width == 0 {
				w.width = 1e-9 * max(1, slices.Max(x)-slices.Min(x))
			}
			return w
		}
	}
	for _, id := range crowd {
		w.rows[m.key[id][f.word]>>f.shift&(1<<f.width-1)] += float64(m.rowsOf(id))
		w.all += float64(m.rowsOf(id))
	}
	w.rawN, w.met = make([]float64, n), make([][]uint32, n)
	for i, v := range w.raw {
		m := w.masked[i]
		w.rawN[v]++
		k := uint64(v)<<32 | uint64(m)
		if w.together[k] == 0 {
			w.met[v] = append(w.met[v], m)
		}
		w.together[k]++
	}
	return w
}

// scores appends the weight of row r's raw value against each masked value.
func (w *weigher) scores(r int, out []float64) []float64 {
	if w.numeric {
		for _, y := range w.y {
			e := (y - w.x[r]) / w.width
			out = append(out, -e*e/2)
		}
		return out
	}
	v, own := w.raw[r], w.masked[r]
	n := w.rawN[v] - 1
	never := math.Log(1 / (n + 1)) // 0 for a raw value that is not seen elsewhere: it says nothing
	for range w.rows {
		out = append(out, never)
	}
	for _, m := range w.met[v] {
		self := float64(btoi(m == own))
		together, chance := w.together[uint64(v)<<32|uint64(m)]-self, (w.rows[m]-self)/max(1, w.all-1)
		if together > 0 {
			out[m] = math.Log((together/chance + 1) / (n + 1))
		}
	}
	return out
}

// values returns the numbers of a column that has nothing else.
func values(c *table.Column) ([]float64, bool) {
	y, _, ok := numbers(c, c)
	return y, ok
}

// numbers returns the values of two columns of numbers of one type without nulls.
func numbers(a, b *table.Column) (x, y []float64, ok bool) {
	if a.Type != b.Type || a.Valid != nil || b.Valid != nil || a.Type == table.String || a.Type == table.Bool {
		return nil, nil, false
	}
	for i := range a.Len() {
		var p, q float64
		if a.Type == table.Float64 {
			p, q = a.Flt[i], b.Flt[i]
		} else {
			p, q = float64(a.Int[i]), float64(b.Int[i])
		}
		if math.IsNaN(p-q) || math.IsInf(p-q, 0) {
			return nil, nil, false
		}
		x, y = append(x, p), append(y, q)
	}
	return x, y, true
}
