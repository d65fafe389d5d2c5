package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync"
)

// output is a file being written.
type output struct {
	Output
	has    []bool // by leaf
	end    int64  // where the next chunk goes
	groups []outGroup
}

type outGroup struct {
	Rows   int64
	Start  int64
	Chunks []chunkMeta
}

// Transcode writes the outputs from src as the plan says. Row groups are worked
// on in parallel; the bytes written do not depend on how many workers there are,
// and a call that was killed or cancelled goes on where it was when Plan.Journal
// names the same file. Without one, an output's former content is replaced.
//
// Errors about the source are of kind aihub.Contract; ErrUnsupported is in their
// chain where the general reader may help. Those of functions are returned as
// they are.
func Transcode(ctx context.Context, src *File, plan Plan, outs ...Output) error {
	a, err := newAssembler(src, &plan, outs)
	if err != nil {
		return err
	}
	if err := a.resume(); err != nil {
		return err
	}
	err = a.run(ctx)
	if a.journal != nil {
		err = errors.Join(err, a.journal.Close())
	}
	if err != nil {
		return err
	}
	for _, o := range a.j.outs {
		if err := a.j.close(o); err != nil {
			return err
		}
	}
	return nil
}

// newAssembler checks the plan and cuts the work into units.
func newAssembler(src *File, plan *Plan, outs []Output) (*assembler, error) {
	j := &job{f: src, p: plan, deals: plan.Deal != nil || plan.Shuffle != nil}
	if err := j.check(); err != nil {
		return nil, err
	}
	for _, o := range outs {
		w := &output{Output: o, has: make([]bool, len(src.leaves)), end: 4}
		for i := range w.has {
			w.has[i] = plan.Columns[i].Op != Drop && (o.Leaves == nil || slices.Contains(o.Leaves, i))
		}
		if !slices.Contains(w.has, true) {
			return nil, fmt.Errorf("pages: an output without columns")
		}
		j.outs = append(j.outs, w)
	}
	for i := range src.leaves {
		if slices.ContainsFunc(j.outs, func(o *output) bool { return o.has[i] }) {
			j.leaf = append(j.leaf, i)
		}
	}
	j.plan()
	j.state = make([]unitState, len(j.units))
	a := &assembler{j: j, tasks: aheadTasks, bytes: aheadBytes, results: map[int][]result{},
		queue: make([][]toWrite, len(j.outs)), writing: make([]bool, len(j.outs))}
	a.cond.L = &a.mu
	return a, nil
}

// assembler gives out the work, one chunk at a time, and finds the finished
// chunks their place. A chunk's place is known when all before it are finished.
// One worker at a time writes an output's chunks that have their place, for the
// kernel writes a file once at a time, too; the others leave theirs to it and go on.
type assembler struct {
	j       *job
	mu      sync.Mutex
	cond    sync.Cond
	next    int // task to give out
	placed  int // tasks whose chunks have their place
	first   int // task that the work began with
	results map[int][]result
	queue   [][]toWrite   // by output: chunks that have their place
	queued  int           // tasks with a chunk in a queue, or being written
	writing []bool        // by output: a worker is at its queue
	held    int64         // bytes of chunks not yet written
	tasks   int           // a worker is at most so many tasks
	bytes   int64         // and bytes ahead
	units   []*unitResult // from first on
	noted   int           // units in the journal
	journal *os.File
	rows    int64
	err     error
}

// result is a chunk for one output.
type result struct {
	out   int
	chunk written
	at    int64
}

// toWrite is a chunk with its place.
type toWrite struct {
	*result
	unit *unitResult
	left *int // chunks of its task that are not yet written
}

// Workers are ahead of what is written by at most so many chunks each, and so many
// bytes of them: chunks differ by far in what they cost.
const (
	aheadTasks = 16
	aheadBytes = 16 << 20
)

// unitResult is a unit being written.
type unitResult struct {
	groups []outGroup // by output; Chunks nil: no rows
	ends   []int64
	left   int // chunks not yet written
	placed bool
}

func (a *assembler) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	total := len(a.j.units) * len(a.j.leaf)
	workers := min(a.j.p.workers(), max(total-a.next, 1))
	a.j.bodies.slab = make([]byte, min(int64(workers)*slabBytes, a.j.f.size))
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			k := newWorker(a.j)
			for {
				a.mu.Lock()
				for a.err == nil && a.next < total && (a.next >= a.placed-a.queued+a.tasks*workers || a.held > a.bytes*int64(workers)) {
					a.cond.Wait()
				}
				if a.err != nil || a.next >= total {
					err := a.help(k, total)
					a.mu.Unlock()
					a.fail(err, cancel)
					return
				}
				task := a.next
				a.next++
				a.mu.Unlock()
				rs, err := k.do(ctx, task)
				if err == nil {
					err = a.deliver(k, task, rs)
				}
				if err != nil {
					a.fail(err, cancel)
					return
				}
			}
		})
	}
	wg.Wait()
	return a.err
}

// fail ends the work with an error, if err is one.
func (a *assembler) fail(err error, cancel func()) {
	if err == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.err = err
	}
	a.cond.Broadcast()
	cancel()
}

// bodies are buffers of chunks that are written, of aheadBytes at most. A sync.Pool
// would lose them at each collection, of which a run has several. A nil one keeps none.
type bodies struct {
	mu   sync.Mutex
	free [][]byte
	size int    // bytes of free
	slab []byte // what is not yet cut into buffers
}

// slabBytes is the memory that buffers of a worker are cut from. Memory that grows
// buffer by buffer doubles four or five times before all are there, and the runtime
// collects garbage each time, for which it stops all workers: in a system call or
// in what is written in assembly they are not stopped at once. It is not all that a worker
// holds: a process that masks a second file clears the slab first.
const slabBytes = 5 << 20

// make returns an empty buffer with room for n bytes: the smallest kept, or a new one.
func (b *bodies) make(n int) []byte {
	n = max(n, 1)
	if n > rawLeast {
		n = (n-1)>>18<<18 + 1<<18 // chunks differ by little
	}
	if b == nil {
		return make([]byte, 0, n)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	best := -1
	for i, body := range b.free {
		if cap(body) >= n && (best < 0 || cap(body) < cap(b.free[best])) {
			best = i
		}
	}
	if best < 0 && n > rawLeast && n <= len(b.slab) {
		body := b.slab[:0:n]
		b.slab = b.slab[n:]
		return body
	}
	if best < 0 {
		return make([]byte, 0, n)
	}
	body := b.free[best]
	b.free = slices.Delete(b.free, best, best+1)
	b.size -= cap(body)
	return body
}

func (b *bodies) put(body []byte) {
	if b == nil || cap(body) < rawLeast { // what holds nothing would never be too much
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size+cap(body) > aheadBytes {
		return
	}
	b.size += cap(body)
	b.free = append(b.free, body[:0])
}

// do makes the chunks of a task: a leaf of a unit.
func (k *worker) do(ctx context.Context, task int) (rs []result, err error) {
	unit, leaf := task/len(k.j.leaf), k.j.leaf[task%len(k.j.leaf)]
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("pages: column %s: %v\n%s", clip(k.j.f.leaves[leaf].Name()), p, debug.Stack())
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	u, c := k.j.units[unit], k.j.p.Columns[leaf]
	if !k.j.deals {
		var w written
		switch {
		case c.Op == Map:
			w, err = k.mapChunk(ctx, u.From, leaf)
		case c.Strip:
			w, err = k.copyChunk(u.From, leaf, true)
		default:
			w, err = k.copyChunk(u.From, leaf, false)
		}
		if err != nil {
			return nil, err
		}
		for i, o := range k.j.outs {
			if o.has[leaf] && o.Part == 0 {
				rs = append(rs, result{out: i, chunk: w})
			}
		}
		return rs, nil
	}
	parts, err := k.j.deal(unit)
	if err != nil {
		return nil, err
	}
	if err := k.load(ctx, u, leaf); err != nil {
		return nil, err
	}
	codec, size := Codec(k.j.f.meta.groups[u.From].chunks[leaf].codec), int64(0)
	for _, g := range k.j.f.meta.groups[u.From:u.To] {
		size += g.chunks[leaf].size
	}
	made := map[uint8]written{}
	for i, o := range k.j.outs {
		if !o.has[leaf] || len(parts[o.Part]) == 0 {
			continue
		}
		w, ok := made[o.Part]
		if !ok {
			share := float64(len(parts[o.Part])) / float64(u.Rows)
			if w, err = k.dealt(leaf, parts[o.Part], codec, int64(share*float64(size))); err != nil {
				return nil, err
			}
			made[o.Part] = w
		}
		rs = append(rs, result{out: i, chunk: w})
	}
	return rs, nil
}

// deliver places the chunks of a task and all that waited for it, and writes
// what is to be written, if nobody else does.
func (a *assembler) deliver(k *worker, task int, rs []result) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.results[task] = rs
	for i := range rs {
		a.held += rs[i].chunk.held()
	}
	for {
		rs, ok := a.results[a.placed]
		if !ok {
			break
		}
		delete(a.results, a.placed)
		a.place(rs)
	}
	a.cond.Broadcast()
	for o := range a.queue {
		if err := a.drain(k, o); err != nil {
			return err
		}
	}
	return a.settle()
}

// help waits until the last of total tasks is done, and then writes with the others:
// nothing else is left to do meanwhile.
func (a *assembler) help(k *worker, total int) error {
	for a.err == nil && a.placed < total {
		a.cond.Wait()
	}
	for o := range a.queue {
		if err := a.writeAll(k, o); err != nil {
			return err
		}
	}
	return nil
}

// drain writes the queue of an output, unless somebody is at it.
func (a *assembler) drain(k *worker, out int) error {
	if a.writing[out] {
		return nil
	}
	return a.writeAll(k, out)
}

func (a *assembler) writeAll(k *worker, out int) error {
	a.writing[out] = true
	for len(a.queue[out]) > 0 && a.err == nil {
		next := a.queue[out][0]
		a.queue[out] = a.queue[out][1:]
		if err := a.put(k, &next); err != nil {
			return err // nobody writes any more
		}
	}
	a.writing[out] = false
	return nil
}

// place gives the chunks of the next task their place.
func (a *assembler) place(rs []result) {
	u, left := a.unit(a.placed/len(a.j.leaf)), len(rs)
	for i := range rs {
		r := &rs[i]
		o := a.j.outs[r.out]
		r.at = o.end
		o.end += r.chunk.size()
		g := &u.groups[r.out]
		g.Chunks = append(g.Chunks, r.chunk.meta)
		u.left++
		a.queue[r.out] = append(a.queue[r.out], toWrite{r, u, &left})
	}
	if len(rs) > 0 {
		a.queued++
	}
	a.placed++
	if a.placed%len(a.j.leaf) == 0 {
		u.placed = true
		for i, o := range a.j.outs {
			u.ends[i] = o.end
		}
	}
}

// put writes a chunk. It unlocks a while it does.
func (a *assembler) put(k *worker, t *toWrite) error {
	held := t.chunk.held()
	a.mu.Unlock()
	crc, err := a.write(k, t.result)
	a.mu.Lock()
	if err != nil {
		return err
	}
	a.held -= held
	if a.journal != nil {
		g := &t.unit.groups[t.out]
		for n := range g.Chunks { // the chunk that was placed here
			if at := g.Start + offsetOf(g.Chunks[:n]); at == t.at {
				g.Chunks[n].CRC = crc
			}
		}
	}
	if *t.left--; *t.left == 0 {
		a.queued--
		a.cond.Broadcast()
	}
	t.unit.left--
	return a.settle()
}

func offsetOf(chunks []chunkMeta) (n int64) {
	for i := range chunks {
		n += chunks[i].Size
	}
	return n
}

// unit returns the state of a unit, and begins it.
func (a *assembler) unit(i int) *unitResult {
	i -= a.first
	for len(a.units) <= i {
		u := &unitResult{groups: make([]outGroup, len(a.j.outs)), ends: make([]int64, len(a.j.outs))}
		for k, o := range a.j.outs {
			u.groups[k].Start = o.end
			rows := a.j.units[len(a.units)+a.first].Rows
			if a.j.deals {
				rows = len(a.j.state[len(a.units)+a.first].rows[o.Part])
			} else if o.Part != 0 {
				rows = 0
			}
			u.groups[k].Rows = int64(rows)
		}
		a.units = append(a.units, u)
	}
	return a.units[i]
}

// settle takes over the units that are written, in order.
func (a *assembler) settle() error {
	for a.noted < len(a.units) {
		u := a.units[a.noted]
		if u == nil || !u.placed || u.left > 0 {
			return nil
		}
		index := a.first + a.noted
		if a.journal != nil {
			line, err := json.Marshal(journalUnit{index, u.groups, u.ends})
			if err != nil {
				return err
			}
			if _, err := a.journal.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		a.accept(index, u.groups)
		a.units[a.noted] = nil
		a.noted++
		if a.j.p.Progress != nil {
			a.j.p.Progress(a.rows, a.j.f.meta.rows)
		}
	}
	return nil
}

func (a *assembler) accept(index int, groups []outGroup) {
	for i, g := range groups {
		if g.Rows > 0 {
			a.j.outs[i].groups = append(a.j.outs[i].groups, g)
		}
	}
	a.rows += int64(a.j.units[index].Rows)
	a.j.state[index].rows = nil
}

// write puts a chunk at its place and returns its checksum if a journal wants it.
func (a *assembler) write(k *worker, r *result) (crc uint32, err error) {
	f, at, sum := a.j.outs[r.out].File, r.at, a.journal != nil
	put := func(b []byte) error {
		if sum {
			crc = updateSum(crc, b)
		}
		err := writeFull(f, b, at)
		at += int64(len(b))
		return err
	}
	if err := put(r.chunk.head); err != nil {
		return 0, err
	}
	done := 0
	for _, s := range r.chunk.raw {
		if err := put(r.chunk.body[done:s.at]); err != nil {
			return 0, err
		}
		if done = s.at; s.data != nil {
			if err := put(s.data); err != nil {
				return 0, err
			}
			continue
		}
		if crc, err = k.copyRaw(f, at, s.span, crc, sum); err != nil {
			return 0, err
		}
		at += s.n
	}
	if err := put(r.chunk.body[done:]); err != nil {
		return 0, err
	}
	if len(a.j.outs) == 1 {
		k.j.bodies.put(r.chunk.body)
		for _, s := range r.chunk.raw {
			k.j.bodies.put(s.data)
		}
	}
	r.chunk.head, r.chunk.body, r.chunk.raw = nil, nil, nil
	return crc, nil
}

// copyRaw copies bytes of the source, and returns the checksum crc with theirs, if one
// is wanted.
func (k *worker) copyRaw(f *os.File, at int64, s span, crc uint32, sum bool) (uint32, error) {
	k.copied = resize(k.copied, callBytes)
	for s.n > 0 {
		b := k.copied[:untilEdge(s.n, at)]
		if err := readFull(k.j.f.r, b, s.off); err != nil {
			return 0, err
		}
		if sum {
			crc = updateSum(crc, b)
		}
		if _, err := f.WriteAt(b, at); err != nil {
			return 0, err
		}
		n := int64(len(b))
		s.off, s.n, at = s.off+n, s.n-n, at+n
	}
	return crc, nil
}
