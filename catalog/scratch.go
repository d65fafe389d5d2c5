package catalog

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/klauspost/compress/s2"

	"aihub"
	"aihub/internal/table"
)

// scratch holds the masked rows of a table of any size on disk, and gives them
// back in the order of a number that each row has. Rows go to buckets by the top
// bits of their number; a bucket is sorted when it is read. A table that fits
// the buffers never reaches the disk. The file has a name only where the work may be
// taken up again: nothing of it outlives the process otherwise.
type scratch struct {
	fields  []table.Field
	f       *os.File
	size    int64
	buckets []bucket
	flushes []flushed
	held    int // bytes in buffers
	rows    int64
	spill   int   // bytes held before they go to disk
	most    int64 // bytes of a bucket that are sorted at once
}

type bucket struct {
	buf   []byte
	rows  int
	bytes int64 // of all records, not compressed
}

// flushed is where the buckets' records stand in the file that were written together,
// one bucket behind the other, compressed: of 10^9 rows there are some 2,000 such
// stretches, of 2,048 buckets each.
type flushed struct {
	at   int64
	ends *[1 << bucketBits]uint32 // from at
}

// of is where the records of bucket i are; of none if n is 0.
func (f *flushed) of(i int) (at int64, n int) {
	from := uint32(0)
	if i > 0 {
		from = f.ends[i-1]
	}
	return f.at + int64(from), int(f.ends[i] - from)
}

const (
	bucketBits = 11
	spillBytes = 32 << 20
	sortBytes  = 16 << 20 // of 10^9 rows a bucket has some 55 MB
)

// room is where scratch goes: a directory, and how many bytes are held in memory
// before they go there.
type room struct {
	dir  string
	held int
	kept bool // under the name keptRows
}

func newScratch(rm room, fields []table.Field) (*scratch, error) {
	var f *os.File
	var err error
	if rm.kept {
		f, err = os.OpenFile(filepath.Join(rm.dir, keptRows), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	} else {
		f, err = os.CreateTemp(rm.dir, "scratch-*")
	}
	if err != nil {
		return nil, err
	}
	if !rm.kept {
		if err := os.Remove(f.Name()); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return &scratch{fields: fields, f: f, buckets: make([]bucket, 1<<bucketBits), spill: rm.held, most: sortBytes}, nil
}

// close may be called again.
func (s *scratch) close() error {
	if err := s.f.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// add stores the rows of b: order is where each belongs, part which part it
// goes to, first the number of b's first row in the raw file.
func (s *scratch) add(b *table.Batch, order []uint64, part []uint8, first int64) error {
	var rec []byte
	for r := range b.Rows {
		rec = s.encode(rec[:0], b, r)
		k := &s.buckets[order[r]>>(64-bucketBits)]
		was := len(k.buf)
		k.buf = binary.BigEndian.AppendUint64(k.buf, order[r])
		k.buf = append(k.buf, part[r])
		k.buf = binary.AppendUvarint(k.buf, uint64(first)+uint64(r))
		k.buf = binary.AppendUvarint(k.buf, uint64(len(rec)))
		k.buf = append(k.buf, rec...)
		k.rows++
		k.bytes += int64(len(k.buf) - was)
		s.held += len(k.buf) - was
	}
	s.rows += int64(b.Rows)
	if s.held >= s.spill {
		return s.flush()
	}
	return nil
}

// flush writes what the buffers hold.
func (s *scratch) flush() error {
	var packed []byte
	to := flushed{s.size, new([1 << bucketBits]uint32)}
	for i := range s.buckets {
		if k := &s.buckets[i]; len(k.buf) > 0 {
			packed = s2.Encode(packed[:cap(packed)], k.buf)
			if _, err := s.f.WriteAt(packed, s.size); err != nil {
				return noRoom(err)
			}
			s.size += int64(len(packed))
			k.buf = k.buf[:0]
		}
		if s.size-to.at > math.MaxUint32 {
			return fmt.Errorf("catalog: %d bytes at once", s.size-to.at)
		}
		to.ends[i] = uint32(s.size - to.at)
	}
	if s.size > to.at {
		s.flushes = append(s.flushes, to)
	}
	s.held = 0
	return nil
}

// noRoom says what to do when the disk is full.
func noRoom(err error) error {
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: "the disk is full: a publish needs room for about twice the masked table", ZH: "磁盘已满：发布约需脱敏后数据两倍的空间"}).
		WithHint(aihub.Text{EN: "free space below the data directory and publish again; nothing was stored", ZH: "请清理数据目录所在磁盘后重新发布；未保存任何内容"}).Because(err)
}

// encode appends row r: a bit for each null, then the values that are there. A
// text of an even number of lower-case hexadecimal digits takes half its bytes.
func (s *scratch) encode(rec []byte, b *table.Batch, r int) []byte {
	nulls := len(rec)
	rec = append(rec, make([]byte, (len(b.Cols)+7)/8)...)
	for i := range b.Cols {
		c := &b.Cols[i]
		if c.Null(r) {
			rec[nulls+i/8] |= 1 << (i % 8)
			continue
		}
		switch c.Type {
		case table.String:
			v := c.Str[r]
			if len(v) >= 16 && isHex(v) {
				rec = binary.AppendUvarint(rec, uint64(len(v))|1)
				at := len(rec)
				rec = append(rec, v[:len(v)/2]...) // room; hex.Decode does not read what it writes over
				hex.Decode(rec[at:], []byte(v))
			} else {
				rec = binary.AppendUvarint(rec, uint64(len(v))<<1)
				rec = append(rec, v...)
			}
		case table.Float64:
			rec = binary.LittleEndian.AppendUint64(rec, math.Float64bits(c.Flt[r]))
		case table.Bool:
			if c.Bool[r] {
				rec = append(rec, 1)
			} else {
				rec = append(rec, 0)
			}
		default:
			rec = binary.AppendVarint(rec, c.Int[r])
		}
	}
	return rec
}

func isHex(v string) bool {
	for i := range len(v) {
		if c := v[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(v)%2 == 0
}

// shuffled is a stretch of rows in their final order.
type shuffled struct {
	*table.Batch
	part  []uint8
	row   []int64 // in the raw file
	order []uint64

	users atomic.Int32
	free  chan<- *shuffled // where it goes behind the last user
}

// keep adds users of the stretch, each of whom says done.
func (s *shuffled) keep(users int) { s.users.Add(int32(users)) }

func (s *shuffled) done() {
	if s.users.Add(-1) == 0 {
		s.free <- s
	}
}

// A stretch has at most so many rows, and so many stretches are about.
const (
	shuffledRows = 4096
	stretches    = 4
)

// read yields all rows in order, stretch by stretch. A stretch is f's until f
// returns, or what f kept it for is done. Equal numbers keep the order in which they were added.
func (s *scratch) read(ctx context.Context, f func(*shuffled) error) error {
	if s.size > 0 { // the buffers' memory is wanted for what comes
		if err := s.flush(); err != nil {
			return err
		}
		for i := range s.buckets {
			s.buckets[i].buf = nil
		}
	}
	ctx, stop := context.WithCancel(ctx)
	type item struct {
		rows *shuffled
		err  error
	}
	// The next stretch is made while f works on this one.
	ch, free := make(chan item), make(chan *shuffled, stretches)
	for range stretches {
		free <- &shuffled{Batch: table.NewBatch(s.fields, shuffledRows), free: free}
	}
	defer func() {
		stop()
		for range ch { // until nobody reads the buckets any more
		}
	}()
	go func() {
		defer close(ch)
		send := func(it item) bool {
			select {
			case ch <- it:
				return it.err == nil
			case <-ctx.Done():
				return false
			}
		}
		var load loader
		for next := (piece{}); next.bucket < len(s.buckets); next = next.after() {
			next.cut(s)
			recs, err := load.sorted(s, next)
			if err != nil {
				send(item{err: err})
				return
			}
			for len(recs) > 0 {
				var out *shuffled
				select {
				case out = <-free:
				case <-ctx.Done():
					return
				}
				take := recs[:min(len(recs), shuffledRows)]
				if err := out.fill(load.arena, take); err != nil {
					send(item{err: err})
					return
				}
				recs = recs[len(take):]
				if !send(item{rows: out}) {
					return
				}
			}
		}
	}()
	for it := range ch {
		if it.err != nil {
			return it.err
		}
		it.rows.keep(1)
		err := f(it.rows)
		it.rows.done()
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// piece is what is sorted at once: a bucket, or one of 2^bits ranges of its numbers
// where it is large.
type piece struct{ bucket, bits, n int }

// cut says in how many a bucket that begins is read.
func (t *piece) cut(s *scratch) {
	for t.n == 0 && t.bits < 16 && s.buckets[t.bucket].bytes>>t.bits > s.most {
		t.bits++
	}
}

func (t piece) after() piece {
	if t.n++; t.n < 1<<t.bits {
		return t
	}
	return piece{bucket: t.bucket + 1}
}

func (t piece) has(order uint64) bool {
	return t.bits == 0 || order<<bucketBits>>(64-t.bits) == uint64(t.n)
}

// loader reads buckets into memory that it uses again.
type loader struct {
	packed, plain, arena []byte
	recs                 []record
	rows                 int // of a bucket, so far
}

// record is where a row stands in the arena.
type record struct {
	order uint64
	at    uint32 // of the part, behind the number
}

var errScratch = errors.New("catalog: the scratch file does not hold what was written")

// sorted returns the records of a piece in order.
func (l *loader) sorted(s *scratch, t piece) ([]record, error) {
	k := &s.buckets[t.bucket]
	if l.arena = l.arena[:0]; t.bits == 0 {
		l.arena = slices.Grow(l.arena, int(k.bytes))
	}
	l.recs = l.recs[:0]
	if t.n == 0 {
		l.rows = 0
	}
	for i := range s.flushes {
		place, size := s.flushes[i].of(t.bucket)
		if size == 0 {
			continue
		}
		l.packed = slices.Grow(l.packed[:0], size)[:size]
		if _, err := s.f.ReadAt(l.packed, place); err != nil {
			return nil, err
		}
		n, err := s2.DecodedLen(l.packed)
		if err != nil || int64(n) > k.bytes {
			return nil, errScratch
		}
		if l.plain, err = s2.Decode(l.plain[:cap(l.plain)], l.packed); err != nil {
			return nil, errScratch
		}
		l.take(l.plain, t)
	}
	l.take(k.buf, t)
	l.rows += len(l.recs)
	if len(l.arena) > math.MaxUint32 {
		return nil, fmt.Errorf("catalog: %d bytes of one piece", len(l.arena))
	}
	if l.rows > k.rows || t.n == 1<<t.bits-1 && l.rows != k.rows {
		return nil, errScratch
	}
	slices.SortFunc(l.recs, func(a, b record) int {
		if c := cmp.Compare(a.order, b.order); c != 0 {
			return c
		}
		return cmp.Compare(a.at, b.at)
	})
	return l.recs, nil
}

// take adds those of records that are of a piece.
func (l *loader) take(records []byte, t piece) {
	for len(records) > 0 {
		order, at := binary.BigEndian.Uint64(records), 9
		_, n := binary.Uvarint(records[at:])
		at += n
		size, n := binary.Uvarint(records[at:])
		at += n + int(size)
		if t.has(order) {
			l.recs = append(l.recs, record{order, uint32(len(l.arena) + 8)})
			l.arena = append(l.arena, records[:at]...)
		}
		records = records[at:]
	}
}

// fill replaces the rows of out by records.
func (out *shuffled) fill(arena []byte, recs []record) error {
	out.Reset()
	out.part, out.row, out.order = out.part[:0], out.row[:0], out.order[:0]
	for _, rec := range recs {
		b := arena[rec.at:]
		out.order = append(out.order, rec.order)
		out.part = append(out.part, b[0])
		row, n := binary.Uvarint(b[1:])
		b = b[1+n:]
		out.row = append(out.row, int64(row))
		size, n := binary.Uvarint(b)
		if err := out.decode(b[n : n+int(size)]); err != nil {
			return err
		}
	}
	out.Rows = len(recs)
	return nil
}

// decode appends one row.
func (out *shuffled) decode(b []byte) error {
	nulls := b[:(len(out.Cols)+7)/8]
	b = b[len(nulls):]
	for i := range out.Cols {
		c := &out.Cols[i]
		if nulls[i/8]>>(i%8)&1 == 1 {
			c.AppendNull()
			continue
		}
		switch c.Type {
		case table.String:
			size, n := binary.Uvarint(b)
			b = b[n:]
			if size&1 == 1 { // hexadecimal: size is that of the text, and odd for it
				v := b[:(size&^1)/2]
				b = b[len(v):]
				c.AppendStr(hex.EncodeToString(v))
			} else {
				v := b[:size>>1]
				b = b[len(v):]
				c.AppendStr(string(v))
			}
		case table.Float64:
			c.AppendFlt(math.Float64frombits(binary.LittleEndian.Uint64(b)))
			b = b[8:]
		case table.Bool:
			c.AppendBool(b[0] == 1)
			b = b[1:]
		default:
			v, n := binary.Varint(b)
			b = b[n:]
			c.AppendInt(v)
		}
	}
	if len(b) != 0 {
		return errScratch
	}
	return nil
}
