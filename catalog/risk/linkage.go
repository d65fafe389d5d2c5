package risk

import (
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
	linkWork = 2e8   // comparisons
)

// Link measures how many rows of raw are nearest to their own row of masked,
// over the columns that both have by these names. Row i of one is row i of the
// other.
//
// The likeness of two rows is probabilistic record linkage's sum of weights
// (Fellegi and Sunter, 1969): for a column the logarithm of how much oftener its
// two values meet in a row than by chance, learnt from all rows but the one that
// is looked for. Two columns of numbers have instead the logarithm of a normal
// density of their difference, whose width is that of the masking's noise.
func Link(raw, masked *table.Batch, columns []string) (l Linkage) {
	n := raw.Rows
	l.Among = int64(n)
	if n == 0 || len(columns) == 0 {
		return l
	}
	l.Baseline = 1 / float64(n)
	weights := make([]weigher, len(columns))
	var d []uint64
	var cols [][]uint32
	for i, name := range columns {
		w := newWeigher(raw.Col(name), masked.Col(name))
		weights[i] = w
		d, cols = append(d, uint64(w.values)), append(cols, w.masked)
	}
	g := group(n, d, cols) // equal masked rows are looked at once
	first := make([]int, len(g.Size))
	for r := n - 1; r >= 0; r-- {
		first[g.Of[r]] = r
	}
	want := min(n, linkRows, max(100, int(linkWork/float64(len(g.Size)*len(columns)))))
	l.Rows = int64(want)
	score := make([][]float64, len(columns))
	for i := range want {
		r := i * n / want
		for c := range weights {
			score[c] = weights[c].scores(r, score[c][:0])
		}
		sum := func(row int) (s float64) {
			for c := range weights {
				s += score[c][weights[c].masked[row]]
			}
			return s
		}
		mine, own := sum(r), int(g.Of[r])
		ties, best := int64(0), true
		for id, row := range first {
			s := mine
			if id != own {
				s = sum(row)
			}
			if s > mine+1e-9 {
				best = false
				break
			}
			if s >= mine-1e-9 {
				ties += g.Size[id]
			}
		}
		if best {
			l.Linked += 1 / float64(ties) / float64(want)
		}
	}
	return l
}

// weigher weighs a raw value against every masked value of a column.
type weigher struct {
	raw, masked []uint32
	values      int // distinct masked ones
	together    map[uint64]float64
	rawN, maskN []float64
	met         [][]uint32 // masked values that a raw one has been seen with

	numeric bool
	x, y    []float64 // of rows; of masked values
	width   float64
}

func newWeigher(raw, masked *table.Column) weigher {
	w := weigher{together: map[uint64]float64{}}
	var n int
	w.raw, n = codes(raw)
	w.masked, w.values = codes(masked)
	if x, y, ok := numbers(raw, masked); ok {
		w.numeric, w.x, w.y = true, x, make([]float64, w.values)
		var sum, squares float64
		for i, v := range y {
			w.y[w.masked[i]] = v
			e := v - x[i]
			sum += e
			squares += e * e
		}
		m := float64(len(x))
		w.width = math.Sqrt(max(0, squares/m-(sum/m)*(sum/m)))
		if w.width == 0 {
			w.width = 1e-9 * max(1, slices.Max(x)-slices.Min(x))
		}
		return w
	}
	w.rawN, w.maskN, w.met = make([]float64, n), make([]float64, w.values), make([][]uint32, n)
	for i, v := range w.raw {
		m := w.masked[i]
		w.rawN[v]++
		w.maskN[m]++
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
	n, rows := w.rawN[v]-1, float64(len(w.raw)-1)
	// Half a row is added to what is counted, so that nothing is impossible; a
	// raw value not seen elsewhere says nothing.
	weight := func(together, of float64) float64 {
		if n <= 0 || rows <= 0 {
			return 0
		}
		return math.Log((together + 0.5) * (rows + 1) / ((n + 1) * (of + 0.5)))
	}
	for m := range w.values {
		out = append(out, weight(0, w.maskN[m]-float64(btoi(uint32(m) == own))))
	}
	for _, m := range w.met[v] {
		self := float64(btoi(m == own))
		out[m] = weight(w.together[uint64(v)<<32|uint64(m)]-self, w.maskN[m]-self)
	}
	return out
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
