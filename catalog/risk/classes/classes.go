// Package classes counts equivalence classes (等价类): rows that agree on every
// quasi-identifier. A row comes as one number, its code, in which the columns'
// own codes are digits (see Domain). Counting is exact for any number of rows and
// never needs more memory than it was given:
//
//	dense   up to 2^28 possible codes: one byte a code, with a carry into a small
//	        table each 256th time. Workers collect codes by region and write a
//	        region's bytes while it is in the cache.
//	sparse  beyond 2^28, and beyond 2^25 where the rows fit the memory: codes are
//	        scattered into 1024 partitions (256 below 2^28), each then counted in a
//	        table that fits the cache. What does not fit the memory waits in a temporary file,
//	        eight bytes a row.
//
// What comes out is a Histogram: how many classes there are of each size. Every
// measure of re-identification risk is a function of it.
package classes

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

// MaxDense is the number of possible codes up to which a byte is kept for each.
const MaxDense = 1 << 28

// MaxDomain is the number of possible codes that a Counter takes.
const MaxDomain = 1 << 62

// Domain is the number of values that each column may have, most significant
// first. A row's code is the number whose digits are its columns' codes.
type Domain []uint64

// Size returns how many codes there are, and false when that is more than MaxDomain.
func (d Domain) Size() (uint64, bool) {
	n := uint64(1)
	for _, c := range d {
		hi, lo := bits.Mul64(n, max(c, 1))
		if hi != 0 || lo > MaxDomain {
			return 0, false
		}
		n = lo
	}
	return n, true
}

// Codes appends the codes of rows whose columns have the codes cols, all of one
// length and each below its domain.
func (d Domain) Codes(dst []uint64, cols ...[]uint32) []uint64 {
	n := len(cols[0])
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	out := dst[at:]
	// Several columns a pass: a pass costs more than its columns' digits.
	next := 1
	if len(cols) >= 4 {
		next = 4
		a, b, c, e := cols[0][:n], cols[1][:n], cols[2][:n], cols[3][:n]
		sb, sc, se := d[1], d[2], d[3]
		for i := range out {
			out[i] = ((uint64(a[i])*sb+uint64(b[i]))*sc+uint64(c[i]))*se + uint64(e[i])
		}
	} else {
		for i, v := range cols[0][:n] {
			out[i] = uint64(v)
		}
	}
	for ; next+1 < len(cols); next += 2 {
		a, b := cols[next][:n], cols[next+1][:n]
		sa, sb := d[next], d[next+1]
		for i := range out {
			out[i] = (out[i]*sa+uint64(a[i]))*sb + uint64(b[i])
		}
	}
	if next < len(cols) {
		size, col := d[next], cols[next][:n]
		for i := range out {
			out[i] = out[i]*size + uint64(col[i])
		}
	}
	return dst
}

// Histogram says how many classes there are of each size, smallest size first.
type Histogram []Bin

// Bin is a size of classes and how many have it.
type Bin struct {
	Size    int64 `json:"size"`
	Classes int64 `json:"classes"`
}

// Rows returns how many rows the classes have together.
func (h Histogram) Rows() (n int64) {
	for _, b := range h {
		n += b.Size * b.Classes
	}
	return n
}

// Classes returns how many classes there are.
func (h Histogram) Classes() (n int64) {
	for _, b := range h {
		n += b.Classes
	}
	return n
}

// Of returns how many classes have exactly size rows.
func (h Histogram) Of(size int64) int64 {
	if i, ok := slices.BinarySearchFunc(h, size, func(b Bin, s int64) int { return int(b.Size - s) }); ok {
		return h[i].Classes
	}
	return 0
}

// Below returns how many rows are in classes of fewer than k rows.
func (h Histogram) Below(k int64) (rows int64) {
	for _, b := range h {
		if b.Size < k {
			rows += b.Size * b.Classes
		}
	}
	return rows
}

// From returns the classes of at least k rows.
func (h Histogram) From(k int64) Histogram {
	i, _ := slices.BinarySearchFunc(h, k, func(b Bin, s int64) int { return int(b.Size - s) })
	return h[i:]
}

// Options bound a Counter.
type Options struct {
	Workers int    // goroutines that Finish may use; at least 1
	Rows    int64  // how many are expected, where known: for few, a byte a code costs more than it saves
	Memory  int64  // bytes of codes that a sparse Counter holds before it writes to Dir; default 256 MiB
	Dir     string // for the temporary file of a sparse Counter; "" is the system's
}

// Counter counts codes below a domain's size. Each goroutine that adds codes has
// a Worker of its own; Finish may be called once, when all are closed.
type Counter struct {
	size    uint64
	counter counter
	mu      sync.Mutex
	err     error
}

// counter is dense or sparse.
type counter interface {
	worker() worker
	finish(ctx context.Context) (Histogram, error)
	close() error
}

type worker interface {
	add(codes []uint64) error
	flush() error
}

// New returns a Counter of codes below size.
func New(size uint64, o Options) (*Counter, error) {
	if size == 0 || size > MaxDomain {
		return nil, fmt.Errorf("classes: a domain of %d codes", size)
	}
	o.Workers = max(o.Workers, 1)
	if o.Memory <= 0 {
		o.Memory = 256 << 20
	}
	c := &Counter{size: size}
	few := o.Rows > 0 && 8*o.Rows <= o.Memory
	switch {
	case size <= 1<<25 || size <= MaxDense && !few:
		c.counter = newDense(size)
	case size <= MaxDense:
		s := newSparse(o)
		s.bits = uint(bits.Len64(size-1)) - narrowBits
		c.counter = s
	default:
		c.counter = newSparse(o)
	}
	return c, nil
}

// Worker adds codes to a Counter. It is for one goroutine.
type Worker struct {
	c *Counter
	w worker
}

// Worker returns a new worker, which must be closed.
func (c *Counter) Worker() *Worker { return &Worker{c, c.counter.worker()} }

// Add counts codes. A code that is not below the size is an error of the
// caller, which Finish repeats.
func (w *Worker) Add(codes []uint64) error {
	top := uint64(0)
	for _, c := range codes {
		top = max(top, c)
	}
	if top >= w.c.size {
		return w.c.fail(fmt.Errorf("classes: code %d in a domain of %d", top, w.c.size))
	}
	return w.c.fail(w.w.add(codes))
}

// Close hands over what the worker still holds.
func (w *Worker) Close() error { return w.c.fail(w.w.flush()) }

func (c *Counter) fail(err error) error {
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err == nil {
			c.err = err
		}
	}
	return err
}

// Finish returns the histogram and frees what the counter holds. It also
// answers the first error that a worker met.
func (c *Counter) Finish(ctx context.Context) (Histogram, error) {
	defer c.counter.close()
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return c.counter.finish(ctx)
}

// Drop frees what the counter holds without a result.
func (c *Counter) Drop() error { return c.counter.close() }

// tally gathers class sizes; small ones are counted in an array.
type tally struct {
	small [1024]int64
	large map[int64]int64
}

func (t *tally) add(size, classes int64) {
	if size < int64(len(t.small)) {
		t.small[size] += classes
		return
	}
	if t.large == nil {
		t.large = map[int64]int64{}
	}
	t.large[size] += classes
}

func (t *tally) merge(o *tally) {
	for s, n := range o.small {
		t.small[s] += n
	}
	for s, n := range o.large {
		t.add(s, n)
	}
}

func (t *tally) histogram() Histogram {
	h := Histogram{}
	for s, n := range t.small {
		if s > 0 && n > 0 {
			h = append(h, Bin{int64(s), n})
		}
	}
	for s, n := range t.large {
		h = append(h, Bin{s, n})
	}
	slices.SortFunc(h, func(a, b Bin) int { return int(a.Size - b.Size) })
	return h
}

// Of returns the histogram of classes of the given sizes; zeros are none.
func Of(sizes []int64) Histogram {
	var t tally
	for _, s := range sizes {
		if s > 0 {
			t.add(s, 1)
		}
	}
	return t.histogram()
}
