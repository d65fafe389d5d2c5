package evaluator

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"aihub/evaluator/metric"
	"aihub/internal/pages"
	"aihub/internal/table"
)

// ranked is the truth of an alignment in the order of its rows' ids in a run: dealt
// to piles that are ranges of ids, in a file when there are many, and sorted pile
// by pile. Of an id only the first half is kept, in which hardly ever two agree; of
// whole ids there is a sum of hashes, which tells when those of the predictions are
// others. Nobody who makes predictions knows the hash.
type ranked struct {
	a     *alignment
	bits  uint
	size  int      // of a record: half an id, the label, the groups of slices, the bucket
	by    int      // place of the groups
	files []*spill // of each goroutine that read truth
	start []int64  // rows before each pile, and all of them

	seed        uint64        // of the hash
	truth, pred atomic.Uint64 // sums of hashes
}

// hash is of a whole id.
func (k *ranked) hash(id table.RowName) uint64 { return mix(mix(id[0]^k.seed) ^ id[1]) }

// mix is the last step of splitmix64 (Steele, Lea and Flood, 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (k *ranked) Close() {
	for _, f := range k.files {
		f.Close()
	}
}

// rankedRow is a row of the truth.
type rankedRow struct {
	id     uint64 // the first half
	label  uint64 // a class, or the bits of a number
	groups uint32 // of each slice, in 6 bits
	bucket uint16
}

// rank reads the truth. It is false when predictions are not in the order of ids, as
// far as their first rows show, or the truth has a fault.
func (a *alignment) rank(ctx context.Context, rowKey []byte, dir string) (k *ranked, ok bool, err error) {
	if !a.rising() {
		return nil, false, nil
	}
	k = &ranked{a: a, size: 10, seed: rand.Uint64()}
	if a.class.text == nil {
		k.size += 6 // a number, not a class
	}
	if k.by = k.size; a.by != nil {
		k.size += 4
	}
	if a.plan.boot != nil {
		k.size += 2
	}
	for int64(pileRows)<<k.bits < a.rows && 1<<k.bits < maxPiles {
		k.bits++
	}
	defer func() {
		if !ok || err != nil {
			k.Close()
		}
	}()
	shards := min(runtime.GOMAXPROCS(0), maxShards, a.truth.RowGroups())
	for range max(1, shards) {
		f, err := newSpill(dir, 1<<k.bits)
		if err != nil {
			return nil, false, err
		}
		f.hold /= shards
		k.files = append(k.files, f)
	}
	if ok, err = a.eachGroup(len(k.files), a.truth, func(i int) func(g int) (bool, error) {
		s, n := a.stretch(nil, 0), newNaming(table.NewRowNamer(rowKey))
		return func(g int) (bool, error) { return k.deal(ctx, s, n, k.files[i], g) }
	}); !ok || err != nil {
		return k, ok, err
	}
	k.start = make([]int64, 1<<k.bits+1)
	for p := range 1 << k.bits {
		k.start[p+1] = k.start[p]
		for _, f := range k.files {
			k.start[p+1] += int64(f.count[p])
		}
	}
	return k, true, nil
}

// rising reports whether the first ids of the predictions rise.
func (a *alignment) rising() bool {
	scan, err := a.pred.Scan(a.pl[0])
	if err != nil {
		return false
	}
	r, err := scan.Next(blockRows)
	if err != nil || nulls(r) {
		return false
	}
	var s span
	for i := range r[0].N {
		if !s.text(r[0].Bytes(i)) {
			return false
		}
	}
	return true
}

// eachGroup has the row groups of a file done in several goroutines, each by a function
// of its own. It is false when one of them is, and ends then.
func (a *alignment) eachGroup(n int, f *pages.File, do func(i int) func(g int) (bool, error)) (bool, error) {
	var next atomic.Int64
	var wrong atomic.Bool
	errs := make([]error, n)
	var g sync.WaitGroup
	for i := range n {
		g.Go(func() {
			one := do(i)
			for !wrong.Load() {
				at := int(next.Add(1)) - 1
				if at >= f.RowGroups() {
					return
				}
				ok, err := one(at)
				if errs[i] = err; !ok || err != nil {
					wrong.Store(true)
				}
			}
		})
	}
	g.Wait()
	return !wrong.Load(), errors.Join(errs...)
}

// naming makes the ids of a block of rows.
type naming struct {
	namer *table.RowNamer
	ids   []table.RowName
}

func newNaming(n *table.RowNamer) *naming { return &naming{n, make([]table.RowName, blockRows)} }

// deal reads a row group of the truth.
func (k *ranked) deal(ctx context.Context, s *stretch, n *naming, to *spill, g int) (bool, error) {
	scan, err := again(&s.left, k.a.truth, g, g+1, k.a.tl)
	if err != nil || !s.by.begin(g, g+1) {
		return false, nil
	}
	boot := k.a.plan.boot
	var text [20]byte
	for {
		l, err := scan.Next(blockRows)
		if err == io.EOF {
			s.by.end()
			return true, nil
		}
		if err != nil || nulls(l[:2]) || !s.by.code(l) || !s.values(l[1], s.label, &k.a.class, nil) {
			return false, nil
		}
		key := func(dst []byte, i int) []byte {
			if b := l[0].Bytes(i); k.a.text {
				return append(dst, b...)
			} else {
				return strconv.AppendInt(dst, number(b), 10)
			}
		}
		rows := l[0].N
		n.namer.Names(n.ids[:rows], key)
		switch {
		case boot == nil:
		case !l[0].Coded && l[0].Values.Type == pages.Int64:
			boot.NumberBuckets(l[0].Values.Int64s(), s.bucket[:rows])
		default:
			for i := range rows {
				s.bucket[i] = boot.Bucket(string(key(text[:0], i)))
			}
		}
		sum := uint64(0)
		for i, id := range n.ids[:rows] {
			sum += k.hash(id)
			if k.a.text && len(l[0].Bytes(i)) == 0 {
				return false, nil
			}
			record, err := to.room(int(id[0]>>1>>(63-k.bits)), k.size)
			if err != nil {
				return false, err
			}
			binary.LittleEndian.PutUint64(record, id[0])
			if s.label.Class != nil {
				binary.LittleEndian.PutUint16(record[8:], uint16(s.label.Class[i]))
			} else {
				binary.LittleEndian.PutUint64(record[8:], math.Float64bits(s.label.Flt[i]))
			}
			if s.by != nil {
				groups := uint32(0)
				for k, codes := range s.codes {
					groups |= uint32(codes[i]) << (groupValueBits * k)
				}
				binary.LittleEndian.PutUint32(record[k.by:], groups)
			}
			if boot != nil {
				binary.LittleEndian.PutUint16(record[k.size-2:], s.bucket[i])
			}
		}
		k.truth.Add(sum)
		k.a.tell(rows)
		if err := ctx.Err(); err != nil {
			return false, err
		}
	}
}

// rankedPile is a pile, sorted.
type rankedPile struct {
	rows []rankedRow
	raw  []byte
	end  []int32
}

// row reads a record.
func (k *ranked) row(record []byte) (row rankedRow) {
	row.id = binary.LittleEndian.Uint64(record)
	if k.a.class.text != nil {
		row.label = uint64(binary.LittleEndian.Uint16(record[8:]))
	} else {
		row.label = binary.LittleEndian.Uint64(record[8:])
	}
	if k.a.by != nil {
		row.groups = binary.LittleEndian.Uint32(record[k.by:])
	}
	if k.a.plan.boot != nil {
		row.bucket = binary.LittleEndian.Uint16(record[k.size-2:])
	}
	return row
}

// load reads a pile. It is false when half an id stands in it twice.
func (k *ranked) load(p int, into *rankedPile) (bool, error) {
	n := int(k.start[p+1] - k.start[p])
	into.raw, into.rows = sized(into.raw, n*k.size)[:0], sized(into.rows, n)
	for _, f := range k.files {
		if err := f.chunks(p, k.size, func(b []byte) { into.raw = append(into.raw, b...) }); err != nil {
			return false, err
		}
	}
	// Ids are random: as many ranges of them as there are rows have one each, more
	// or less, and hardly anything is left to sort.
	width := uint(bits.Len(uint(n)))
	into.end = sized(into.end, 1<<width+1)
	clear(into.end)
	at := func(record []byte) uint64 {
		return binary.LittleEndian.Uint64(record) << k.bits >> (64 - width)
	}
	for raw := into.raw; len(raw) > 0; raw = raw[k.size:] {
		into.end[at(raw)+1]++
	}
	for i := range 1 << width {
		into.end[i+1] += into.end[i]
	}
	for raw := into.raw; len(raw) > 0; raw = raw[k.size:] {
		to := &into.end[at(raw)]
		into.rows[*to] = k.row(raw)
		*to++
	}
	for i := 1; i < n; i++ {
		for j := i; j > 0; j-- {
			if a, b := into.rows[j-1].id, into.rows[j].id; a == b {
				return false, nil
			} else if a < b {
				break
			}
			into.rows[j-1], into.rows[j] = into.rows[j], into.rows[j-1]
		}
	}
	return true, nil
}

// run reads the predictions: row i of them must have the i-th id.
func (k *ranked) run(ctx context.Context, t *tallies) (bool, error) {
	first := make([]int64, k.a.pred.RowGroups()+1) // rows before each row group
	for g := range k.a.pred.RowGroups() {
		first[g+1] = first[g] + k.a.pred.GroupRows(g)
	}
	shards := max(1, min(len(t.shards), k.a.pred.RowGroups()))
	ok, err := k.a.eachGroup(shards, k.a.pred, func(i int) func(g int) (bool, error) {
		s := k.a.stretch(t, i)
		return func(g int) (bool, error) { return k.read(ctx, s, g, first[g]) }
	})
	return ok && k.truth.Load() == k.pred.Load(), err
}

// read scores a row group of the predictions, which begins at row at of all.
func (k *ranked) read(ctx context.Context, s *stretch, g int, at int64) (bool, error) {
	scan, err := again(&s.right, k.a.pred, g, g+1, k.a.pl)
	if err != nil {
		return false, nil
	}
	pile, left := -1, s.ranked.rows[:0]
	for {
		r, err := scan.Next(blockRows)
		if err == io.EOF {
			return true, nil
		}
		if err != nil || nulls(r) {
			return false, nil
		}
		sum := uint64(0)
		for i := range r[0].N {
			for len(left) == 0 {
				if pile++; pile == 0 { // the last one that begins at the row, or before it
					pile = slices.IndexFunc(k.start, func(n int64) bool { return n > at }) - 1
				}
				if pile < 0 || pile >= len(k.start)-1 {
					return false, nil
				}
				if ok, err := k.load(pile, &s.ranked); !ok || err != nil {
					return false, err
				}
				left = s.ranked.rows[at-k.start[pile]:]
			}
			row := &left[0]
			id, ok := table.ParseRowName(r[0].Bytes(i))
			if !ok || id[0] != row.id {
				return false, nil
			}
			sum += k.hash(id)
			if s.label.Class != nil {
				s.label.Class[i] = metric.Code(row.label)
			} else {
				s.label.Flt[i] = math.Float64frombits(row.label)
			}
			for k, codes := range s.codes {
				codes[i] = uint16(row.groups >> (groupValueBits * k) & (groupValues - 1))
			}
			if s.bucket != nil {
				s.bucket[i] = row.bucket
			}
			left = left[1:]
			at++
		}
		if !s.predicted(r) {
			return false, nil
		}
		k.pred.Add(sum)
		k.a.tell(r[0].N)
		if err := ctx.Err(); err != nil {
			return false, err
		}
	}
}
