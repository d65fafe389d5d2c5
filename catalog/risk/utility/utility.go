// Package utility measures what masking leaves of a table's use, on pairs of a
// raw row and its masked one: how far each column's distribution moved, how much
// of a column's information is left, how the dependence between columns changed,
// and what a simple learner scores with the inputs before and after.
package utility

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"aihub/internal/table"
)

// Report is what was measured on Rows pairs of rows.
type Report struct {
	Rows     int        `json:"rows"`
	Columns  []Column   `json:"columns"`
	Relation *Relation  `json:"relation,omitempty"` // of at least two columns
	Baseline []Baseline `json:"baseline,omitempty"` // of truth columns with 2 to maxLabels values
}

// Column compares a column before and after.
type Column struct {
	Name string  `json:"name"`
	Kept float64 `json:"kept"` // mutual information of raw and masked value, as a share of the raw entropy; 1 for a constant
	// How far the distribution moved, of columns whose values can be compared: those
	// of one type, and generalised ones, whose values are spread first (Spread).
	// Numbers are put into the deciles of the raw values. TV and JS are 0 for equal
	// distributions and 1 for disjoint ones.
	Same   bool    `json:"same_type"`
	Spread bool    `json:"spread,omitempty"`
	TV     float64 `json:"total_variation"`
	JS     float64 `json:"jensen_shannon"` // divergence with base-2 logarithms
	// Wasserstein is the mean distance between the sorted values of two columns of
	// numbers, in standard deviations of the raw one; 0 for others.
	Wasserstein float64 `json:"wasserstein,omitempty"`
	Bins        []Bin   `json:"bins,omitempty"` // of columns whose type stayed the same
}

// Relation compares the dependence between columns: Cramér's V of each pair,
// numbers in their deciles and texts in their commonest values.
type Relation struct {
	Pairs   int     `json:"pairs"`
	Change  float64 `json:"change"` // root mean square of the differences of V
	Largest float64 `json:"largest"`
	A       string  `json:"a"` // the pair that changed most
	B       string  `json:"b"`
}

// Baseline is the accuracy of a naive Bayes classifier by cross-validation over
// Folds folds, with the raw inputs and with the masked ones.
type Baseline struct {
	Truth    string  `json:"truth"`
	Folds    int     `json:"folds"`
	Majority float64 `json:"majority"` // share of the commonest label
	Before   float64 `json:"before"`
	After    float64 `json:"after"`
}

const (
	folds     = 5
	maxLabels = 50
	maxPaired = 12 // columns of Relation
	common    = 50 // texts that are told apart
)

// Options say how to measure.
type Options struct {
	Truth []string // labels, which are inputs of no baseline
	Seed  uint64   // deals the folds

	// General are the columns whose masked values are classes of raw ones (20-29 of
	// ages, a city of districts). Raw and masked values share no symbol there: what
	// is compared with the raw distribution is what a reader can make of the masked
	// one, each class spread evenly over its raw values. That is the estimate of
	// greatest entropy (Kifer and Gehrke, "Injecting Utility into Anonymized
	// Datasets", 2006). A class of numbers is spread over their span, a class of
	// texts over its different values; both are learnt from the pairs.
	General []string

	// Whole has the raw columns of all rows, those too that are not published: what
	// leaving them out changes is part of a distribution's change. Nil: raw.
	Whole *table.Batch
}

// Measure compares row i of raw with row i of masked, over the columns that both
// have.
func Measure(raw, masked *table.Batch, o Options) Report {
	truth, seed := o.Truth, o.Seed
	if o.Whole == nil {
		o.Whole = raw
	}
	rep := Report{Rows: raw.Rows}
	if raw.Rows == 0 {
		return rep
	}
	var before, after []coded
	var names []string
	for i := range masked.Cols {
		name := masked.Cols[i].Name
		x := raw.Col(name)
		if x == nil {
			continue
		}
		rep.Columns = append(rep.Columns, compare(o.Whole.Col(name), x, &masked.Cols[i], slices.Contains(o.General, name)))
		b, a := binned(x), binned(&masked.Cols[i])
		before, after, names = append(before, b), append(after, a), append(names, name)
	}
	rep.Relation = relate(before, after, names)
	for _, t := range truth {
		at := slices.Index(names, t)
		if at < 0 || before[at].n < 2 || before[at].n > maxLabels {
			continue
		}
		inputs := func(cols []coded) (in []coded) {
			for i, c := range cols {
				if !slices.Contains(truth, names[i]) {
					in = append(in, c)
				}
			}
			return in
		}
		label := before[at]
		rep.Baseline = append(rep.Baseline, Baseline{Truth: t, Folds: folds, Majority: slices.Max(label.shares()),
			Before: bayes(inputs(before), label, seed), After: bayes(inputs(after), label, seed)})
	}
	return rep
}

// coded is a column as codes below n.
type coded struct {
	code []uint32
	n    int
}

func (c coded) shares() []float64 {
	s := make([]float64, c.n)
	for _, v := range c.code {
		s[v] += 1 / float64(len(c.code))
	}
	return s
}

// texts codes a column by its values as text; a null is one of them.
func texts(c *table.Column, seen map[string]uint32) coded {
	out := coded{code: make([]uint32, c.Len())}
	for i := range out.code {
		v, ok := c.Text(i)
		if ok {
			v = "=" + v
		}
		id, known := seen[v]
		if !known {
			id = uint32(len(seen))
			seen[v] = id
		}
		out.code[i] = id
	}
	out.n = len(seen)
	return out
}

// values returns the numbers of a column, NaN for nulls; false for other types.
func values(c *table.Column) ([]float64, bool) {
	if c.Type == table.String || c.Type == table.Bool {
		return nil, false
	}
	out := make([]float64, c.Len())
	for i := range out {
		switch {
		case c.Null(i):
			out[i] = math.NaN()
		case c.Type == table.Float64:
			out[i] = c.Flt[i]
		default:
			out[i] = float64(c.Int[i])
		}
	}
	return out, true
}

// deciles returns the values at each tenth of the sorted numbers, each once.
func deciles(x []float64) []float64 {
	s := finite(x)
	slices.Sort(s)
	var cuts []float64
	for i := 1; i < 10 && len(s) > 0; i++ {
		if v := s[i*len(s)/10]; len(cuts) == 0 || v > cuts[len(cuts)-1] {
			cuts = append(cuts, v)
		}
	}
	return cuts
}

func finite(x []float64) (out []float64) {
	for _, v := range x {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out = append(out, v)
		}
	}
	return out
}

// cut codes numbers by how many cuts they reach; a null comes last.
func cut(x, cuts []float64) coded {
	out := coded{make([]uint32, len(x)), len(cuts) + 2}
	for i, v := range x {
		if math.IsNaN(v) {
			out.code[i] = uint32(len(cuts) + 1)
			continue
		}
		out.code[i] = uint32(sort.Search(len(cuts), func(k int) bool { return cuts[k] > v }))
	}
	return out
}

// binned codes a column for what needs few values: numbers with more than
// maxLabels values by their deciles, texts by their commonest values.
func binned(c *table.Column) coded {
	t := texts(c, map[string]uint32{})
	if t.n <= maxLabels {
		return t
	}
	if x, ok := values(c); ok {
		return cut(x, deciles(x))
	}
	rows := make([]int, t.n)
	for _, v := range t.code {
		rows[v]++
	}
	order := make([]int, t.n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rows[b], rows[a]) })
	place := make([]uint32, t.n)
	for i, v := range order {
		place[v] = uint32(min(i, common))
	}
	for i, v := range t.code {
		t.code[i] = place[v]
	}
	return coded{t.code, common + 1}
}

// compare measures one column; whole is raw and what is not published.
func compare(whole, raw, masked *table.Column, general bool) Column {
	c := Column{Name: raw.Name, Same: raw.Type == masked.Type, Kept: 1}
	x, y := texts(raw, map[string]uint32{}), texts(masked, map[string]uint32{})
	if h := entropy(x.shares()); h > 0 {
		both := coded{make([]uint32, len(x.code)), 0}
		pairs := map[uint64]uint32{}
		for i := range x.code {
			k := uint64(x.code[i])<<32 | uint64(y.code[i])
			id, ok := pairs[k]
			if !ok {
				id = uint32(len(pairs))
				pairs[k] = id
			}
			both.code[i] = id
		}
		both.n = len(pairs)
		c.Kept = min(1, max(0, (h+entropy(y.shares())-entropy(both.shares()))/h))
	}
	if c.Spread = general; !c.Same && !general {
		return c
	}
	if c.Same {
		c.Bins = bins(raw, masked)
	}
	var p, q []float64
	if a, ok := values(whole); ok {
		b, _ := values(masked)
		if general {
			b = spanned(raw, masked)
		}
		cuts := deciles(a)
		p, q = cut(a, cuts).shares(), cut(b, cuts).shares()
		c.Wasserstein = wasserstein(finite(a), finite(b))
	} else {
		seen := map[string]uint32{}
		a := texts(whole, seen)
		b := texts(raw, seen) // its values, for those of masked to be spread over
		if !general {
			b = texts(masked, seen)
		}
		a.n, b.n = len(seen), len(seen)
		p, q = a.shares(), b.shares()
		if general {
			q = spread(b, masked, seen)
		}
	}
	p = append(p, make([]float64, len(q)-len(p))...) // a missing value that no raw row has
	for i := range p {
		c.TV += math.Abs(p[i]-q[i]) / 2
		m := (p[i] + q[i]) / 2
		for _, v := range []float64{p[i], q[i]} {
			if v > 0 {
				c.JS += v * math.Log2(v/m) / 2
			}
		}
	}
	return c
}

// spanned spreads the rows of each masked value evenly over the span of the raw
// numbers that became it: whole numbers over whole numbers. A missing masked value
// stays missing.
func spanned(raw, masked *table.Column) []float64 {
	x, _ := values(raw)
	m := texts(masked, map[string]uint32{})
	rows := make([][]int, m.n)
	for i, v := range m.code {
		rows[v] = append(rows[v], i)
	}
	out := make([]float64, len(x))
	for _, class := range rows {
		var in []float64
		for _, r := range class {
			in = append(in, x[r])
		}
		if in = finite(in); len(in) == 0 || masked.Null(class[0]) {
			for _, r := range class {
				out[r] = math.NaN()
			}
			continue
		}
		lo, hi := slices.Min(in), slices.Max(in)
		for i, r := range class {
			at := (float64(i) + 0.5) / float64(len(class))
			if raw.Type == table.Float64 {
				out[r] = lo + (hi-lo)*at
			} else {
				out[r] = lo + math.Floor((hi-lo+1)*at)
			}
		}
	}
	return out
}

// spread returns the shares of raw values, coded as in seen, when the rows of each
// masked value are spread evenly over the raw values that became it. A missing
// masked value stays missing.
func spread(raw coded, masked *table.Column, seen map[string]uint32) []float64 {
	m := texts(masked, map[string]uint32{})
	size, of := make([]float64, m.n), make([]map[uint32]bool, m.n)
	missing := -1
	for i, v := range m.code {
		if size[v]++; masked.Null(i) {
			missing = int(v)
		}
		if of[v] == nil {
			of[v] = map[uint32]bool{}
		}
		of[v][raw.code[i]] = true
	}
	null, known := seen[""]
	if missing >= 0 {
		if !known {
			null = uint32(len(seen))
		}
		of[missing] = map[uint32]bool{null: true}
	}
	out := make([]float64, max(raw.n, int(null)+1))
	for v, raws := range of {
		for r := range raws {
			out[r] += size[v] / float64(len(raws)) / float64(len(m.code))
		}
	}
	return out
}

func entropy(p []float64) (h float64) {
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log(v)
		}
	}
	return h
}

// wasserstein is the first distance between two samples over the deviation of
// the first: the area between their distribution functions.
func wasserstein(x, y []float64) float64 {
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	var sum, squares float64
	for _, v := range x {
		sum += v
	}
	mean := sum / float64(len(x))
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	sd := math.Sqrt(squares / float64(len(x)))
	if sd == 0 {
		return 0
	}
	slices.Sort(x)
	slices.Sort(y)
	area, i, j := 0.0, 0, 0
	last := min(x[0], y[0])
	for i < len(x) || j < len(y) {
		next := math.Inf(1)
		if i < len(x) {
			next = x[i]
		}
		if j < len(y) {
			next = min(next, y[j])
		}
		area += math.Abs(float64(i)/float64(len(x))-float64(j)/float64(len(y))) * (next - last)
		for last = next; i < len(x) && x[i] == next; i++ {
		}
		for ; j < len(y) && y[j] == next; j++ {
		}
	}
	return area / sd
}

// relate compares the dependence of the first columns.
func relate(before, after []coded, names []string) *Relation {
	n := min(len(names), maxPaired)
	r := &Relation{}
	for a := range n {
		for b := range a {
			change := math.Abs(cramer(after[a], after[b]) - cramer(before[a], before[b]))
			r.Pairs++
			r.Change += change * change
			if r.Pairs == 1 || change > r.Largest {
				r.Largest, r.A, r.B = change, names[b], names[a]
			}
		}
	}
	if r.Pairs == 0 {
		return nil
	}
	r.Change = math.Sqrt(r.Change / float64(r.Pairs))
	return r
}

// cramer is Cramér's V of two columns; 0 when one is constant.
func cramer(x, y coded) float64 {
	n := float64(len(x.code))
	table := make([]float64, x.n*y.n)
	for i := range x.code {
		table[int(x.code[i])*y.n+int(y.code[i])]++
	}
	p, q := x.shares(), y.shares()
	present := func(s []float64) (k int) {
		for _, v := range s {
			if v > 0 {
				k++
			}
		}
		return k
	}
	k := min(present(p), present(q))
	if k < 2 {
		return 0
	}
	chi := 0.0
	for a := range p {
		for b := range q {
			if e := p[a] * q[b] * n; e > 0 {
				d := table[a*y.n+b] - e
				chi += d * d / e
			}
		}
	}
	return math.Sqrt(chi / n / float64(k-1))
}

// bayes is the accuracy of naive Bayes with counts that start at one, each row
// judged by what was learnt from the other folds. Of labels with equal chances
// the first to appear wins.
func bayes(inputs []coded, label coded, seed uint64) float64 {
	fold := make([]int, len(label.code))
	for i := range fold {
		fold[i] = Fold(seed, i)
	}
	right := 0
	for f := range folds {
		prior := make([]float64, label.n)
		seen := make([][]float64, len(inputs)) // of each input, by label and value
		for k, in := range inputs {
			seen[k] = make([]float64, label.n*in.n)
		}
		for i, y := range label.code {
			if fold[i] != f {
				prior[y]++
				for k, in := range inputs {
					seen[k][int(y)*in.n+int(in.code[i])]++
				}
			}
		}
		for k, in := range inputs {
			for y, rows := range prior {
				for v := range in.n {
					at := &seen[k][y*in.n+v]
					*at = math.Log((*at + 1) / (rows + float64(in.n)))
				}
			}
		}
		for i, y := range label.code {
			if fold[i] != f {
				continue
			}
			best, found := math.Inf(-1), 0
			for c, rows := range prior {
				score := math.Log(rows + 1)
				for k, in := range inputs {
					score += seen[k][c*in.n+int(in.code[i])]
				}
				if score > best+1e-12 {
					best, found = score, c
				}
			}
			if found == int(y) {
				right++
			}
		}
	}
	return float64(right) / float64(len(label.code))
}

// Fold returns the fold, 0 to 4, of row i.
func Fold(seed uint64, i int) int {
	x := seed + uint64(i+1)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return int((x ^ x>>31) % folds)
}
