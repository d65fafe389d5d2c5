package metric

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"sync/atomic"
)

// Scratch is a file for what does not fit into memory. Whoever opened it closes it.
type Scratch interface {
	io.WriterAt
	io.ReaderAt
}

// Spiller is an Accumulator that would keep every row, unless it is told before
// its first Add where to put sorted runs of them. Results are the same bits.
type Spiller interface {
	Spill(open func() (Scratch, error), keys *Memory)
	Err() error // of the scratch file: a Result with one is worth nothing
}

// Memory counts the keys of accumulators that may spill. Once they are many, those
// that hold their share of them write theirs away, and nothing is written because one
// goroutine was faster than another. All together keep less than twice as many.
type Memory struct{ narrow, wide, accumulators atomic.Int64 }

// How many keys are in memory: 48 MiB of narrow ones, or 32 of wide ones and as many
// to sort them.
var (
	narrowKeys = 12 << 20
	wideKeys   = 4 << 20
)

// runs are sorted keys in scratch files.
type runs struct {
	open func() (Scratch, error)
	all  *Memory
	told [2]int // narrow and wide keys, counted in it
	file Scratch
	at   int64
	list []run
	err  error
}

// run is a sorted sequence of keys of one width: of 4 bytes, with 1 in the lowest
// bit for a positive, or of 8, all positive or all negative.
type run struct {
	file     Scratch
	at       int64
	n        int64
	narrow   bool
	positive bool // of 8 bytes
	pos      int64
}

// runChunk is the bytes of a run that are written or read at once.
const runChunk = 16 << 10

func (r *runs) Spill(open func() (Scratch, error), keys *Memory) {
	r.open, r.all = open, keys
	keys.accumulators.Add(1)
}

// full reports whether so many keys of a width are to be written away.
func (r *runs) full(narrow, wide int) bool {
	if r.open == nil {
		return false
	}
	n := r.all.narrow.Add(int64(narrow - r.told[0]))
	w := r.all.wide.Add(int64(wide - r.told[1]))
	r.told = [2]int{narrow, wide}
	share := int(r.all.accumulators.Load())
	return n >= int64(narrowKeys) && narrow >= narrowKeys/share || w >= int64(wideKeys) && wide >= wideKeys/share
}

func (r *runs) Err() error { return r.err }

// write puts a run of n keys behind the others; each gives them in order.
func (r *runs) write(x run, each func(yield func(key uint64))) {
	if r.err == nil && r.file == nil && x.n > 0 {
		r.file, r.err = r.open()
	}
	if r.err != nil || x.n == 0 {
		return
	}
	x.file, x.at = r.file, r.at
	buf := make([]byte, 0, runChunk)
	flush := func() {
		if r.err == nil {
			_, r.err = r.file.WriteAt(buf, r.at)
		}
		r.at += int64(len(buf))
		buf = buf[:0]
	}
	each(func(key uint64) {
		if x.narrow {
			buf = binary.LittleEndian.AppendUint32(buf, uint32(key))
		} else {
			buf = binary.LittleEndian.AppendUint64(buf, key)
		}
		if len(buf) == runChunk {
			flush()
		}
	})
	flush()
	r.list = append(r.list, x)
}

func (r *runs) writeNarrow(s *narrow) {
	r.write(run{n: int64(s.n), narrow: true, pos: int64(s.ones)}, func(yield func(uint64)) {
		s.each(func(keys []uint32) {
			for _, k := range keys {
				yield(uint64(k))
			}
		})
	})
}

func (r *runs) writeWide(keys []uint64, positive bool) {
	x := run{n: int64(len(keys)), positive: positive}
	if positive {
		x.pos = x.n
	}
	r.write(x, func(yield func(uint64)) {
		for _, k := range keys {
			yield(k)
		}
	})
}

// totals are the positives and negatives in all runs.
func (r *runs) totals() (pos, neg uint64) {
	for _, x := range r.list {
		pos += uint64(x.pos)
		neg += uint64(x.n - x.pos)
	}
	return pos, neg
}

// cursor reads a run, equal keys together.
type cursor struct {
	run
	read int64 // keys read
	raw  []byte
	keys []uint64
	one  []bool // whether each is a positive's
	i    int

	key      uint64 // as sortable makes it
	pos, neg uint64
}

// next moves to the next group of equal keys, and reports whether there is one.
func (c *cursor) next() (bool, error) {
	c.pos, c.neg = 0, 0
	for first := true; ; first = false {
		if c.i == len(c.keys) {
			if c.read == c.n {
				return !first, nil
			}
			if err := c.fill(); err != nil {
				return false, err
			}
		}
		if k := c.keys[c.i]; first {
			c.key = k
		} else if k != c.key {
			return true, nil
		}
		if c.one[c.i] {
			c.pos++
		} else {
			c.neg++
		}
		c.i++
	}
}

func (c *cursor) fill() error {
	width := 8
	if c.narrow {
		width = 4
	}
	n := int(min(c.n-c.read, int64(runChunk/width)))
	if c.raw == nil {
		c.raw, c.keys, c.one = make([]byte, runChunk), make([]uint64, 0, n), make([]bool, 0, n)
	}
	if _, err := c.file.ReadAt(c.raw[:n*width], c.at+c.read*int64(width)); err != nil {
		return fmt.Errorf("metric: sorted keys: %w", err)
	}
	c.read += int64(n)
	c.keys, c.one, c.i = c.keys[:0], c.one[:0], 0
	for i := range n {
		if c.narrow {
			k := binary.LittleEndian.Uint32(c.raw[4*i:])
			c.keys = append(c.keys, sortable(float64(math.Float32frombits(k>>1))))
			c.one = append(c.one, k&1 == 1)
		} else {
			c.keys = append(c.keys, binary.LittleEndian.Uint64(c.raw[8*i:]))
			c.one = append(c.one, c.positive)
		}
	}
	return nil
}

// merge calls yield for each group of equal keys over all runs, from the lowest:
// a heap of cursors.
func (r *runs) merge(yield func(pos, neg uint64)) error {
	var heap []*cursor
	for _, x := range r.list {
		c := &cursor{run: x}
		ok, err := c.next()
		if err != nil {
			return err
		}
		if ok {
			heap = append(heap, c)
		}
	}
	down := func(i int) {
		for {
			least := i
			for j := 2*i + 1; j <= 2*i+2 && j < len(heap); j++ {
				if heap[j].key < heap[least].key {
					least = j
				}
			}
			if least == i {
				return
			}
			heap[i], heap[least] = heap[least], heap[i]
			i = least
		}
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		down(i)
	}
	for len(heap) > 0 {
		key, pos, neg := heap[0].key, uint64(0), uint64(0)
		for len(heap) > 0 && heap[0].key == key {
			c := heap[0]
			pos, neg = pos+c.pos, neg+c.neg
			ok, err := c.next()
			if err != nil {
				return err
			}
			if !ok {
				heap[0] = heap[len(heap)-1]
				heap = heap[:len(heap)-1]
			}
			down(0)
		}
		yield(pos, neg)
	}
	return nil
}
