package classes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"sync"
)

// A sparse counter scatters codes into partitions, by a hash or, when they are
// below MaxDense, by their top bits. A partition's codes are
// kept in chunks; over the memory bound, full chunks go to one temporary file.
const (
	partitionBits = 10
	partitions    = 1 << partitionBits
	chunk         = 512 // codes

	// Of codes below MaxDense, fewer: 256 unfinished chunks fit the cache while
	// codes are dealt to them, and so does a megabyte of counts afterwards.
	narrowBits  = 8
	narrowParts = 1 << narrowBits
)

type sparse struct {
	bits    uint // of a code below a partition's number, where codes are not scattered (they are narrow); 0: they are
	workers int
	memory  int64
	dir     string

	mu    sync.Mutex
	parts [partitions][][]uint64  // chunks in memory
	thin  [narrowParts][][]uint32 // of narrow codes
	held  int64                   // bytes of them
	spill [partitions][]int64     // offsets of full chunks in file
	file  *os.File
	size  int64
	buf   []byte
}

func newSparse(o Options) *sparse {
	return &sparse{workers: o.Workers, memory: o.Memory, dir: o.Dir}
}

// scatter is a bijection of the 64-bit numbers other than 0: two codes with one
// hash are one code. Its top bits choose the partition and the place in a table.
func scatter(code uint64) uint64 {
	x := (code + 1) * 0x9e3779b97f4a7c15
	x ^= x >> 32
	return x * 0xd6e8feb86659fd93
}

func (s *sparse) worker() worker {
	if s.bits > 0 {
		return &narrowWorker{s: s}
	}
	return &sparseWorker{s: s, tails: make([]uint64, partitions*chunk)}
}

type sparseWorker struct {
	s     *sparse
	tails []uint64 // one unfinished chunk a partition
	n     [partitions]uint32
}

func (w *sparseWorker) add(codes []uint64) error {
	for _, h := range codes {
		h = scatter(h)
		p := uint32(h>>(64-partitionBits)) & (partitions - 1)
		at := w.n[p]
		w.tails[p*chunk+at&(chunk-1)] = h
		if at++; at == chunk {
			if err := w.s.take(p, w.tails[p*chunk:(p+1)*chunk]); err != nil {
				return err
			}
			at = 0
		}
		w.n[p] = at
	}
	return nil
}

func (w *sparseWorker) flush() error {
	for p := range uint32(partitions) {
		if n := w.n[p]; n > 0 {
			if err := w.s.take(p, w.tails[p*chunk:p*chunk+n]); err != nil {
				return err
			}
			w.n[p] = 0
		}
	}
	return nil
}

// narrowWorker scatters codes below MaxDense. A chunk that is full is handed over
// as it is.
type narrowWorker struct {
	s     *sparse
	tails [narrowParts]*[chunk]uint32
	n     [narrowParts]uint32
	fresh []uint32 // for tails
}

func (w *narrowWorker) add(codes []uint64) error {
	shift := w.s.bits & 63
	for _, c := range codes {
		p := uint32(c>>shift) & (narrowParts - 1)
		at := w.n[p]
		if at == 0 && w.tails[p] == nil {
			w.tails[p] = w.tail()
		}
		w.tails[p][at&(chunk-1)] = uint32(c)
		if at++; at == chunk {
			if err := w.s.takeThin(p, w.tails[p][:]); err != nil {
				return err
			}
			w.tails[p], at = nil, 0
		}
		w.n[p] = at
	}
	return nil
}

func (w *narrowWorker) tail() *[chunk]uint32 {
	if len(w.fresh) == 0 {
		w.fresh = make([]uint32, chunk<<8)
	}
	t := (*[chunk]uint32)(w.fresh)
	w.fresh = w.fresh[chunk:]
	return t
}

func (w *narrowWorker) flush() error {
	for p, n := range w.n {
		if n > 0 {
			if err := w.s.takeThin(uint32(p), w.tails[p][:n]); err != nil {
				return err
			}
			w.tails[p], w.n[p] = nil, 0
		}
	}
	return nil
}

// takeThin keeps a chunk of narrow codes, which the caller gives away.
func (s *sparse) takeThin(p uint32, codes []uint32) error {
	s.mu.Lock()
	if s.held < s.memory || len(codes) < chunk {
		s.thin[p] = append(s.thin[p], codes)
		s.held += 4 * chunk
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	wide := make([]uint64, len(codes))
	for i, c := range codes {
		wide[i] = uint64(c)
	}
	return s.take(p, wide)
}

// take keeps a copy of a chunk, in memory or, when that is full and the chunk is
// whole, in the file.
func (s *sparse) take(p uint32, codes []uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held < s.memory || len(codes) < chunk {
		s.parts[p] = append(s.parts[p], append(make([]uint64, 0, len(codes)), codes...))
		s.held += int64(8 * len(codes))
		return nil
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "classes-*")
		if err != nil {
			return err
		}
		// Without a name, nothing of it outlives the process.
		if err := os.Remove(f.Name()); err != nil {
			return errors.Join(err, f.Close())
		}
		s.file = f
	}
	const flushAt = 1 << 20
	s.spill[p] = append(s.spill[p], s.size+int64(len(s.buf)))
	for _, c := range codes {
		s.buf = binary.LittleEndian.AppendUint64(s.buf, c)
	}
	if len(s.buf) >= flushAt {
		return s.write()
	}
	return nil
}

func (s *sparse) write() error {
	n, err := s.file.Write(s.buf)
	s.size += int64(n)
	s.buf = s.buf[:0]
	return err
}

func (s *sparse) close() error {
	s.parts, s.thin = [partitions][][]uint64{}, [narrowParts][][]uint32{}
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

func (s *sparse) finish(ctx context.Context) (Histogram, error) {
	if s.file != nil && len(s.buf) > 0 {
		if err := s.write(); err != nil {
			return nil, err
		}
	}
	var wg sync.WaitGroup
	tallies, errs := make([]tally, s.workers), make([]error, s.workers)
	for w := range s.workers {
		wg.Go(func() {
			t, parts := counter1(&counts{}), partitions
			if s.bits > 0 {
				t, parts = &bytesOf{low: make([]uint8, 1<<s.bits)}, narrowParts
			}
			for p := w; p < parts && errs[w] == nil; p += s.workers {
				if errs[w] = ctx.Err(); errs[w] == nil {
					errs[w] = s.count(t, p, &tallies[w])
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for i := range tallies[1:] {
		tallies[0].merge(&tallies[i+1])
	}
	return tallies[0].histogram(), nil
}

// count counts one partition.
func (s *sparse) count(t counter1, p int, into *tally) error {
	rows := len(s.spill[p]) * chunk
	for _, c := range s.parts[p] {
		rows += len(c)
	}
	t.reset(rows)
	if b, ok := t.(*bytesOf); ok {
		for _, c := range s.thin[p] {
			addTo(b, c)
		}
		s.thin[p] = nil
	}
	for _, c := range s.parts[p] {
		t.add(c)
	}
	s.parts[p] = nil
	if len(s.spill[p]) == 0 {
		t.sizes(into)
		return nil
	}
	raw, codes := make([]byte, 8*chunk), make([]uint64, chunk)
	for _, at := range s.spill[p] {
		if _, err := s.file.ReadAt(raw, at); err != nil && err != io.EOF {
			return fmt.Errorf("classes: temporary file: %w", err)
		}
		for i := range codes {
			codes[i] = binary.LittleEndian.Uint64(raw[8*i:])
		}
		t.add(codes)
	}
	t.sizes(into)
	return nil
}

// counter1 counts the codes of one partition.
type counter1 interface {
	reset(rows int)
	add(codes []uint64)
	sizes(into *tally)
}

// bytesOf counts codes with a byte for each that a partition may have.
type bytesOf struct {
	low   []uint8 // count modulo 256
	up    [4][256]int64
	carry map[uint64]int64 // how often low went round
}

func (t *bytesOf) reset(int) {
	clear(t.low)
	*t = bytesOf{low: t.low}
}

func (t *bytesOf) add(codes []uint64) { addTo(t, codes) }

// addTo counts how often a count went up from each value: so many codes have more.
func addTo[T uint32 | uint64](t *bytesOf, codes []T) {
	mask := uint64(len(t.low) - 1)
	for i, code := range codes {
		c := uint64(code) & mask
		v := t.low[c]
		t.up[i&3][v]++
		if t.low[c] = v + 1; v == 255 {
			if t.carry == nil {
				t.carry = map[uint64]int64{}
			}
			t.carry[c]++
		}
	}
}

func (t *bytesOf) sizes(into *tally) {
	var up [257]int64
	for i := range t.up {
		for v, n := range t.up[i] {
			up[v] += n
		}
	}
	for c, rounds := range t.carry {
		last := int64(t.low[c])
		for v := range int64(256) {
			up[v] -= rounds
			if v < last {
				up[v]--
			}
		}
		into.add(rounds<<8+last, 1)
	}
	for v := range 256 {
		into.add(int64(v)+1, up[v]-up[v+1])
	}
}

// counts is an open hash table from a partition's hashes to counts.
type counts struct {
	key   []uint64 // 0 is free
	n     []int64
	used  int
	shift uint
}

// reset empties t and gives it room for rows keys, but no more than a start: a
// class may have many rows.
func (t *counts) reset(rows int) {
	size := 1 << bits.Len(uint(min(max(rows, 32), 1<<17)*3/2))
	if size == len(t.key) {
		clear(t.key)
	} else {
		t.key, t.n = make([]uint64, size), make([]int64, size)
	}
	t.used, t.shift = 0, uint(64-bits.Len(uint(size-1)))
}

func (t *counts) add(hashes []uint64) {
	if t.used+len(hashes) > len(t.key)*3/4 {
		t.grow(t.used + len(hashes))
	}
	for _, h := range hashes {
		t.put(h, 1)
	}
}

func (t *counts) sizes(into *tally) {
	for i, n := range t.n {
		if t.key[i] != 0 {
			into.add(n, 1)
		}
	}
}

func (t *counts) put(h uint64, n int64) {
	mask := uint64(len(t.key) - 1)
	for i := (h << partitionBits) >> (t.shift & 63); ; i++ {
		switch i &= mask; t.key[i] {
		case h:
			t.n[i] += n
			return
		case 0:
			t.key[i], t.n[i] = h, n
			t.used++
			return
		}
	}
}

func (t *counts) grow(want int) {
	size := len(t.key)
	for want > size*3/4 {
		size *= 2
	}
	old := *t
	t.key, t.n, t.used = make([]uint64, size), make([]int64, size), 0
	t.shift = uint(64 - bits.Len(uint(size-1)))
	for i, h := range old.key {
		if h != 0 {
			t.put(h, old.n[i])
		}
	}
}
