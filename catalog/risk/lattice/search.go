package lattice

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"aihub"
)

// Problem is a table and the limits that its generalisation must keep.
type Problem struct {
	Dims  []*Hierarchy
	Codes [][]uint32 // of each dimension: the raw value of each row

	K              int     // least size of a class
	MaxSuppression float64 // share of rows in classes that break a limit
	Arithmetic     bool    // the arithmetic mean instead of the geometric

	// Sensitive are columns whose values in a class are judged too, when it is
	// large enough.
	Sensitive []Sensitive

	Keep     int                      // how many of the best nodes to return; default 10
	Progress func(done, total uint64) // nodes; may be nil
}

// Sensitive is a column whose values must be diverse in every class.
type Sensitive struct {
	Codes []uint32 // of each row, below N
	N     int
	Fails func(counts []uint32) bool // whether a class with so many rows of each value breaks the limit
}

// Node is one level for each dimension.
type Node struct {
	Levels     []int   `json:"levels"`
	Loss       float64 `json:"loss"`
	Suppressed int64   `json:"suppressed"` // rows
	Rows       int64   `json:"rows"`       // left
	Classes    int64   `json:"classes"`    // left
	K          int64   `json:"k"`          // size of the smallest class left
	Largest    int64   `json:"largest"`
}

// Result is what a search found.
type Result struct {
	Best    []Node `json:"best"`    // least loss first; equal losses in the order of their levels
	Nodes   uint64 `json:"nodes"`   // of the lattice
	Checked uint64 `json:"checked"` // nodes whose classes were counted; the others cannot be among the best
}

// MaxNodes bounds a lattice.
const MaxNodes = 10_000_000

// Search looks at every node that can be among the best. The result is exact:
// a node is left out only when its generalisation alone, suppression not
// counted, loses more than the worst that is kept. Best is empty when no node is
// allowed.
func Search(ctx context.Context, p Problem) (Result, error) {
	s, err := newSearch(ctx, p)
	if err != nil {
		return Result{}, err
	}
	if err := s.descend(0, s.ground); err != nil {
		return Result{}, err
	}
	for i := range s.best {
		s.best[i].Levels = s.inOrder(s.best[i].Levels)
	}
	return Result{Best: s.best, Nodes: s.total, Checked: s.checked}, nil
}

type search struct {
	Problem
	ctx      context.Context
	order    []int // dimensions as they are searched
	dims     []*Hierarchy
	shift    []uint      // of a dimension's field
	mask     []uint64    // of its bits, unshifted
	width    int         // sensitive values of a tuple
	loss     [][]float64 // Σ share over all rows, by dimension and level
	rows     int64
	allowed  int64
	ground   *tuples
	top      tuples
	spare    [][2]*tuples // by depth
	levels   []int
	best     []Node // unsorted; worst is its greatest loss when it is full
	worst    float64
	total    uint64
	passed   uint64
	checked  uint64
	subtree  []uint64 // nodes below a prefix of so many dimensions
	monotone bool     // merging classes never makes rows fail that did not
}

func newSearch(ctx context.Context, p Problem) (*search, error) {
	if len(p.Dims) == 0 || len(p.Dims) != len(p.Codes) {
		return nil, fmt.Errorf("lattice: %d hierarchies for %d columns", len(p.Dims), len(p.Codes))
	}
	if p.Keep <= 0 {
		p.Keep = 10
	}
	s := &search{Problem: p, ctx: ctx, rows: int64(len(p.Codes[0])), total: 1, worst: math.Inf(1), monotone: len(p.Sensitive) == 0}
	s.allowed = int64(p.MaxSuppression * float64(s.rows))
	// Dimensions with many levels come first: the tables that the inner loops
	// roll up are then small.
	for d := range p.Dims {
		s.order = append(s.order, d)
	}
	slices.SortStableFunc(s.order, func(a, b int) int { return len(p.Dims[b].values[0]) - len(p.Dims[a].values[0]) })
	width := uint(0)
	for _, d := range s.order {
		h := p.Dims[d]
		s.dims = append(s.dims, h)
		field := uint(bits.Len(uint(len(h.values[0]) - 1)))
		s.shift, s.mask = append(s.shift, width), append(s.mask, 1<<field-1)
		width += field
		if s.total *= uint64(h.Levels()); s.total > MaxNodes || width > 64 || d >= 64 {
			return nil, aihub.Errorf(aihub.Contract, aihub.Text{
				EN: "the hierarchies have too many levels or values together to search", ZH: "各层级的级数或取值合计过多，无法搜索",
			}).WithHint(aihub.Text{EN: "leave a quasi-identifier at a level that you choose", ZH: "请为部分准标识符直接指定层级"})
		}
	}
	s.subtree = make([]uint64, len(s.dims)+1)
	s.subtree[len(s.dims)] = 1
	for d := len(s.dims) - 1; d >= 0; d-- {
		s.subtree[d] = s.subtree[d+1] * uint64(s.dims[d].Levels())
	}
	for _, c := range p.Sensitive {
		s.width += c.N
	}
	s.levels, s.spare = make([]int, len(s.dims)), make([][2]*tuples, len(s.dims))
	for d := range s.spare {
		s.spare[d] = [2]*tuples{{}, {}}
	}
	return s, s.count()
}

// count makes the classes of the raw rows and the loss of each level.
func (s *search) count() error {
	t := &tuples{}
	t.reset(int(min(s.rows, 1<<16)), s.width)
	for r := range int(s.rows) {
		key := uint64(0)
		for i, d := range s.order {
			key |= uint64(s.Codes[d][r]) << s.shift[i]
		}
		at := t.add(key, 1) * s.width
		for _, c := range s.Sensitive {
			t.value[at+int(c.Codes[r])]++
			at += c.N
		}
		if r%(1<<20) == 0 {
			if err := s.ctx.Err(); err != nil {
				return err
			}
		}
	}
	s.ground = t
	for i, h := range s.dims {
		n := make([]int64, len(h.values[0]))
		for k, key := range t.key {
			n[key>>s.shift[i]&s.mask[i]] += t.n[k]
		}
		var sums []float64
		for l := range h.Levels() {
			sum := 0.0
			for v, rows := range n {
				sum += float64(rows) * h.share[l][v]
			}
			sums = append(sums, sum)
			if l < len(h.up) {
				next := make([]int64, len(h.values[l+1]))
				for v, rows := range n {
					next[h.up[l][v]] += rows
				}
				n = next
			}
		}
		s.loss = append(s.loss, sums)
	}
	return nil
}

// aggregate is the loss of a node whose dimensions lose sum[d] over all rows.
func (s *search) aggregate(sum func(d int) float64) float64 {
	product, total, n := 1.0, 0.0, float64(s.rows)
	free := 0
	for _, h := range s.dims {
		free += min(h.Levels()-1, 1)
	}
	for d, h := range s.dims {
		if h.Levels() == 1 {
			continue // nothing to choose
		}
		least := n * h.share[0][0] // every raw value has one line
		v := 0.0
		if n > least {
			v = max(0, (sum(d)-least)/(n-least))
		}
		product *= math.Pow(1+v, 1/float64(free))
		total += v / float64(free)
	}
	if s.Arithmetic {
		return total
	}
	return product - 1
}

// bound is the least loss of the nodes whose first depth levels are those set
// and whose others are any.
func (s *search) bound(depth int) float64 {
	return s.aggregate(func(d int) float64 {
		if d >= depth {
			return s.loss[d][0]
		}
		return s.loss[d][s.levels[d]]
	})
}

// descend looks at all nodes whose first depth levels are those set; t are the
// classes with the others at level 0.
func (s *search) descend(depth int, t *tuples) error {
	if depth == len(s.dims) {
		return s.check(t)
	}
	h := s.dims[depth]
	for l := range h.Levels() {
		if l > 0 {
			next := s.spare[depth][l%2]
			s.roll(next, t, depth, l)
			t = next
		}
		s.levels[depth] = l
		// Loss grows with every level: so do the bounds of the levels above.
		if s.bound(depth+1) > s.worst {
			s.pass(s.subtree[depth+1] * uint64(h.Levels()-l))
			break
		}
		if depth+1 < len(s.dims) && s.monotone && s.hopeless(depth+1, t) {
			s.pass(s.subtree[depth+1])
			continue
		}
		if err := s.descend(depth+1, t); err != nil {
			return err
		}
	}
	s.levels[depth] = 0
	return nil
}

func (s *search) pass(nodes uint64) {
	if was := s.passed; s.Progress != nil && was*100/s.total != (was+nodes)*100/s.total {
		defer func() { s.Progress(s.passed, s.total) }()
	}
	s.passed += nodes
}

// roll makes the classes of to from those of from, with dimension d one level
// up, at level l.
func (s *search) roll(to, from *tuples, d, l int) {
	to.reset(len(from.key), s.width)
	up, shift, mask := s.dims[d].up[l-1], s.shift[d], s.mask[d]
	for i, key := range from.key {
		v := key >> shift & mask
		at := to.add(key&^(mask<<shift)|uint64(up[v])<<shift, from.n[i])
		if s.width > 0 {
			a, b := to.value[at*s.width:(at+1)*s.width], from.value[i*s.width:]
			for k := range a {
				a[k] += b[k]
			}
		}
	}
}

// hopeless reports whether too many rows are in small classes even with all
// dimensions from depth on at their highest level: then they are at every other.
func (s *search) hopeless(depth int, t *tuples) bool {
	keep := uint64(0)
	for d := range depth {
		keep |= s.mask[d] << s.shift[d]
	}
	for d := depth; d < len(s.dims); d++ {
		switch h := s.dims[d]; {
		case h.Levels() == 1:
			keep |= s.mask[d] << s.shift[d]
		case len(h.values[h.Levels()-1]) > 1:
			return false // its top still tells rows apart: not worth the look
		}
	}
	top := &s.top
	top.reset(len(t.key), 0)
	for i, key := range t.key {
		top.add(key&keep, t.n[i])
	}
	small := int64(0)
	for _, n := range top.n {
		if n < int64(s.K) {
			small += n
		}
	}
	return small > s.allowed
}

// check judges the node that is set, whose classes are t.
func (s *search) check(t *tuples) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	s.checked++
	s.pass(1)
	node := Node{Classes: int64(len(t.key)), K: math.MaxInt64}
	var bad [64]float64 // what suppression adds, by dimension
	for i, n := range t.n {
		if n >= int64(s.K) && !s.fails(t, i) {
			node.K, node.Largest = min(node.K, n), max(node.Largest, n)
			continue
		}
		if node.Suppressed += n; node.Suppressed > s.allowed {
			return nil
		}
		node.Classes--
		for d, h := range s.dims {
			bad[d] += float64(n) * (1 - h.share[s.levels[d]][t.key[i]>>s.shift[d]&s.mask[d]])
		}
	}
	node.Rows = s.rows - node.Suppressed
	if node.Rows == 0 {
		node.K = 0
	}
	node.Loss = s.aggregate(func(d int) float64 { return s.loss[d][s.levels[d]] + bad[d] })
	node.Levels = slices.Clone(s.levels)
	s.best = append(s.best, node)
	slices.SortFunc(s.best, s.before)
	s.best = s.best[:min(len(s.best), s.Keep)]
	if len(s.best) == s.Keep {
		// A hair above: sums of other orders must not cut what is equal.
		s.worst = s.best[s.Keep-1].Loss + 1e-12
	}
	return nil
}

// before orders nodes by loss and then by their levels, in the caller's order of
// dimensions.
func (s *search) before(a, b Node) int {
	if a.Loss != b.Loss {
		if a.Loss < b.Loss {
			return -1
		}
		return 1
	}
	return slices.Compare(s.inOrder(a.Levels), s.inOrder(b.Levels))
}

// inOrder puts levels into the caller's order.
func (s *search) inOrder(levels []int) []int {
	out := make([]int, len(levels))
	for i, d := range s.order {
		out[d] = levels[i]
	}
	return out
}

func (s *search) fails(t *tuples, i int) bool {
	at := i * s.width
	for _, c := range s.Sensitive {
		if c.Fails(t.value[at : at+c.N]) {
			return true
		}
		at += c.N
	}
	return false
}

// tuples are the classes at one node: a key with one field of bits a dimension,
// how many rows have it, and how many of each sensitive value.
type tuples struct {
	key   []uint64
	n     []int64
	value []uint32
	width int
	slots []int32 // open hash table of index + 1
	shift uint
}

// reset empties t and gives it room for n tuples.
func (t *tuples) reset(n, width int) {
	t.key, t.n, t.value, t.width = t.key[:0], t.n[:0], t.value[:0], width
	t.room(n)
}

func (t *tuples) room(n int) {
	size := 1 << bits.Len(uint(max(n, 8)*3/2))
	if cap(t.slots) >= size {
		t.slots = t.slots[:size]
		clear(t.slots)
	} else {
		t.slots = make([]int32, size)
	}
	t.shift = uint(64 - bits.Len(uint(size-1)))
}

// add counts n rows of a key and returns its index.
func (t *tuples) add(key uint64, n int64) int {
	mask := uint64(len(t.slots) - 1)
	for i := (key ^ key>>32) * 0x9e3779b97f4a7c15 >> (t.shift & 63); ; i++ {
		i &= mask
		at := t.slots[i]
		if at == 0 {
			if len(t.key) >= len(t.slots)*3/4 {
				t.room(2 * len(t.key))
				for j, k := range t.key {
					t.place(k, int32(j+1))
				}
				return t.add(key, n)
			}
			t.key, t.n = append(t.key, key), append(t.n, n)
			if t.width > 0 {
				t.value = append(t.value, make([]uint32, t.width)...)
			}
			t.slots[i] = int32(len(t.key))
			return len(t.key) - 1
		}
		if t.key[at-1] == key {
			t.n[at-1] += n
			return int(at - 1)
		}
	}
}

func (t *tuples) place(key uint64, at int32) {
	mask := uint64(len(t.slots) - 1)
	for i := (key ^ key>>32) * 0x9e3779b97f4a7c15 >> (t.shift & 63); ; i++ {
		if i &= mask; t.slots[i] == 0 {
			t.slots[i] = at
			return
		}
	}
}
