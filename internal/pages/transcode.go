package pages

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	j := &job{f: src, p: &plan, deals: plan.Deal != nil || plan.Shuffle != nil}
	if err := j.check(); err != nil {
		return err
	}
	for _, o := range outs {
		w := &output{Output: o, has: make([]bool, len(src.leaves)), end: 4}
		for i := range w.has {
			w.has[i] = plan.Columns[i].Op != Drop && (o.Leaves == nil || slices.Contains(o.Leaves, i))
		}
		if !slices.Contains(w.has, true) {
			return fmt.Errorf("pages: an output without columns")
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
	a := &assembler{j: j}
	a.cond.L = &a.mu
	if err := a.resume(); err != nil {
		return err
	}
	err := a.run(ctx)
	if a.journal != nil {
		err = errors.Join(err, a.journal.Close())
	}
	if err != nil {
		return err
	}
	for _, o := range j.outs {
		if err := j.close(o); err != nil {
			return err
		}
	}
	return nil
}

// assembler gives out the work, one chunk at a time, and finds the finished
// chunks their place. A chunk's place is known when all before it are finished;
// whoever finishes the one that others wait for writes those too.
type assembler struct {
	j       *job
	mu      sync.Mutex
	cond    sync.Cond
	next    int // task to give out
	placed  int // tasks whose chunks have their place
	first   int // task that the work began with
	results map[int][]result
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
	a.results = map[int][]result{}
	workers := min(a.j.p.workers(), max(total-a.next, 1))
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			k := &worker{j: a.j, funcs: map[int]MapFunc{}}
			for {
				a.mu.Lock()
				// The window bounds what is held for its place.
				for a.err == nil && a.next < total && a.next >= a.placed+2*workers {
					a.cond.Wait()
				}
				if a.err != nil || a.next >= total {
					a.mu.Unlock()
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
					a.mu.Lock()
					if a.err == nil {
						a.err = err
					}
					a.cond.Broadcast()
					a.mu.Unlock()
					cancel()
					return
				}
			}
		})
	}
	wg.Wait()
	return a.err
}

var bodies = sync.Pool{New: func() any { return new([]byte) }}

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
			w, err = k.mapChunk(ctx, u.From, leaf, *bodies.Get().(*[]byte))
		case c.Strip:
			w, err = k.copyChunk(u.From, leaf, true, *bodies.Get().(*[]byte))
		default:
			w, err = k.copyChunk(u.From, leaf, false, nil)
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
	codec := Codec(k.j.f.meta.groups[u.From].chunks[leaf].codec)
	made := map[uint8]written{}
	for i, o := range k.j.outs {
		if !o.has[leaf] || len(parts[o.Part]) == 0 {
			continue
		}
		w, ok := made[o.Part]
		if !ok {
			if w, err = k.dealt(leaf, parts[o.Part], codec, *bodies.Get().(*[]byte)); err != nil {
				return nil, err
			}
			made[o.Part] = w
		}
		rs = append(rs, result{out: i, chunk: w})
	}
	return rs, nil
}

// deliver places the chunks of a task and all that waited for it, and writes
// them.
func (a *assembler) deliver(k *worker, task int, rs []result) error {
	var mine []*result
	var unit []*unitResult
	a.mu.Lock()
	a.results[task] = rs
	for {
		rs, ok := a.results[a.placed]
		if !ok {
			break
		}
		delete(a.results, a.placed)
		u := a.unit(a.placed / len(a.j.leaf))
		for i := range rs {
			r := &rs[i]
			o := a.j.outs[r.out]
			r.at = o.end
			o.end += r.chunk.size()
			g := &u.groups[r.out]
			g.Chunks = append(g.Chunks, r.chunk.meta)
			u.left++
			mine, unit = append(mine, r), append(unit, u)
		}
		a.placed++
		if a.placed%len(a.j.leaf) == 0 {
			u.placed = true
			for i, o := range a.j.outs {
				u.ends[i] = o.end
			}
			if u.left == 0 {
				mine, unit = append(mine, nil), append(unit, u)
				u.left++
			}
		}
	}
	a.cond.Broadcast()
	a.mu.Unlock()
	for i, r := range mine {
		var crc uint32
		var err error
		if r != nil {
			if crc, err = a.write(k, r); err != nil {
				return err
			}
		}
		a.mu.Lock()
		if r != nil && a.journal != nil {
			g := &unit[i].groups[r.out]
			for n := range g.Chunks { // the chunk that was placed here
				if at := g.Start + offsetOf(g.Chunks[:n]); at == r.at {
					g.Chunks[n].CRC = crc
				}
			}
		}
		unit[i].left--
		err = a.settle()
		a.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
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
	f := a.j.outs[r.out].File
	if r.chunk.raw.n > 0 {
		return k.copyRaw(f, r.at, r.chunk.raw, a.journal != nil)
	}
	at := r.at
	for _, b := range [][]byte{r.chunk.head, r.chunk.body} {
		if len(b) == 0 {
			continue
		}
		if _, err := f.WriteAt(b, at); err != nil {
			return 0, err
		}
		at += int64(len(b))
	}
	if a.journal != nil {
		crc = checksum(r.chunk.head, r.chunk.body)
	}
	if len(a.j.outs) == 1 && cap(r.chunk.body) <= 32<<20 {
		b := r.chunk.body[:0]
		bodies.Put(&b)
	}
	r.chunk.body = nil
	return crc, nil
}

// copyRaw copies bytes of the source.
func (k *worker) copyRaw(f *os.File, at int64, s span, sum bool) (crc uint32, err error) {
	k.r.pager.buf = resize(k.r.pager.buf, 1<<20)
	for s.n > 0 {
		b := k.r.pager.buf[:min(s.n, 1<<20)]
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

// journalUnit is a line of the journal.
type journalUnit struct {
	Unit   int
	Groups []outGroup
	Ends   []int64
}

// identity tells whether a journal belongs to this work.
func (j *job) identity() string {
	h := sha256.New()
	fmt.Fprintf(h, "pages 1\n%q %d %d\n", j.p.ID, j.f.size, len(j.units))
	h.Write(j.f.foot)
	h.Write(binary.LittleEndian.AppendUint64(j.p.Shuffle, uint64(len(j.p.Shuffle))))
	for _, c := range j.p.Columns {
		fmt.Fprintf(h, "%d %v %d %d %d %v\n", c.Op, c.Strip, c.Type, c.Width, c.Logical, c.Nullable)
	}
	for _, o := range j.outs {
		fmt.Fprintf(h, "%d %v\n", o.Part, o.has)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// resume takes over what a journal says is finished and still stands in the
// outputs, and prepares them for the rest.
func (a *assembler) resume() error {
	good := int64(0)
	if a.j.p.Journal != "" {
		f, err := os.OpenFile(a.j.p.Journal, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		a.journal = f
		in := bufio.NewReader(f)
		id := a.j.identity()
		if line, err := in.ReadString('\n'); err == nil && line == id+"\n" {
			good = int64(len(line))
			for a.first < len(a.j.units) {
				line, err := in.ReadBytes('\n')
				var u journalUnit
				if err != nil || json.Unmarshal(line, &u) != nil || u.Unit != a.first || len(u.Ends) != len(a.j.outs) || len(u.Groups) != len(a.j.outs) || !a.stands(&u) {
					break
				}
				good += int64(len(line))
				for i, o := range a.j.outs {
					o.end = u.Ends[i]
				}
				a.accept(a.first, u.Groups)
				a.first++
			}
		}
		if err := f.Truncate(good); err != nil {
			return err
		}
		if _, err := f.Seek(good, io.SeekStart); err != nil {
			return err
		}
		if good == 0 {
			if _, err := f.WriteString(id + "\n"); err != nil {
				return err
			}
		}
	}
	a.next = a.first * len(a.j.leaf)
	a.placed = a.next
	for _, o := range a.j.outs {
		if a.first > 0 {
			if err := o.File.Truncate(o.end); err != nil {
				return err
			}
			continue
		}
		o.end = 4
		if err := o.File.Truncate(0); err != nil {
			return err
		}
		if _, err := o.File.WriteAt([]byte("PAR1"), 0); err != nil {
			return err
		}
	}
	return nil
}

// stands says whether the bytes of a noted unit are in the outputs.
func (a *assembler) stands(u *journalUnit) bool {
	buf := make([]byte, 1<<20)
	for i, g := range u.Groups {
		at := g.Start
		if at != a.j.outs[i].end || g.Rows < 0 || at+offsetOf(g.Chunks) != u.Ends[i] {
			return false
		}
		for _, c := range g.Chunks {
			crc := uint32(0)
			for n := c.Size; n > 0; {
				b := buf[:min(n, int64(len(buf)))]
				if readFull(a.j.outs[i].File, b, at) != nil {
					return false
				}
				crc = updateSum(crc, b)
				at, n = at+int64(len(b)), n-int64(len(b))
			}
			if crc != c.CRC {
				return false
			}
		}
	}
	return true
}
