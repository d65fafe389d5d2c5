package classes

import (
	"context"
	"encoding/binary"
	"math/bits"
	"sync"
)

// A dense counter's codes are cut into at most this many regions, each with a
// lock. A worker keeps a run of codes for each region and counts them when the
// run is full, so that the region's bytes are in the cache while it does.
const (
	regions   = 256
	denseRun  = 1024
	minRegion = 12 // bits: no region is smaller than a page
)

type dense struct {
	low   []uint8 // count modulo 256, by code
	free  func() error
	shift uint // a code's region is code >> shift
	locks [regions]sync.Mutex
	carry [regions]map[uint32]int64 // by code: how often low went round
}

func newDense(size uint64) *dense {
	d := &dense{shift: minRegion}
	d.low, d.free = zeroed(size)
	if n := uint(bits.Len64(size - 1)); n > minRegion+8 {
		d.shift = n - 8
	}
	return d
}

func (d *dense) close() error {
	if d.low == nil {
		return nil
	}
	d.low = nil
	return d.free()
}

func (d *dense) worker() worker {
	return &denseWorker{d: d, runs: make([]uint32, regions*denseRun)}
}

type denseWorker struct {
	d    *dense
	runs []uint32 // one of denseRun codes a region
	n    [regions]uint32
}

func (w *denseWorker) add(codes []uint64) error {
	shift := w.d.shift & 63
	for _, c := range codes {
		r := (c >> shift) & (regions - 1)
		at := w.n[r]
		w.runs[uint32(r)*denseRun+at&(denseRun-1)] = uint32(c)
		if at++; at == denseRun {
			w.d.count(r, w.runs[r*denseRun:(r+1)*denseRun])
			at = 0
		}
		w.n[r] = at
	}
	return nil
}

func (w *denseWorker) flush() error {
	for r := range w.n {
		w.d.count(uint64(r), w.runs[r*denseRun:r*denseRun+int(w.n[r])])
		w.n[r] = 0
	}
	return nil
}

// count adds a run of codes of region r.
func (d *dense) count(r uint64, run []uint32) {
	d.locks[r].Lock()
	defer d.locks[r].Unlock()
	low := d.low
	for _, c := range run {
		v := low[c] + 1
		low[c] = v
		if v == 0 {
			if d.carry[r] == nil {
				d.carry[r] = map[uint32]int64{}
			}
			d.carry[r][c]++
		}
	}
}

func (d *dense) finish(ctx context.Context) (Histogram, error) {
	var t tally
	var small [256]int64 // small[0] means nothing: zero words are not counted
	var split [4][256]int64
	const step = 1 << 24
	for lo := 0; lo < len(d.low); lo += step {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// Eight codes at once: most words of a large domain are zero, and four
		// tables keep one count from waiting for the other.
		part := d.low[lo:min(lo+step, len(d.low))]
		for ; len(part) >= 8; part = part[8:] {
			x := binary.LittleEndian.Uint64(part)
			if x == 0 {
				continue
			}
			for i := range 4 {
				split[i][byte(x)]++
				split[i][byte(x>>8)]++
				x >>= 16
			}
		}
		for _, v := range part {
			small[v]++
		}
	}
	for i := range split {
		for s, n := range split[i] {
			small[s] += n
		}
	}
	for r := range d.carry {
		for c, rounds := range d.carry[r] {
			small[d.low[c]]--
			t.add(rounds<<8+int64(d.low[c]), 1)
		}
	}
	for s, n := range small[1:] {
		t.add(int64(s)+1, n)
	}
	return t.histogram(), nil
}
