package evaluator

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strings"
	"sync"
	"time"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/internal/table"
)

// Scoring scores one file of predictions against one file of truth in memory
// that does not grow with their rows, beyond what a metric keeps.
//
// A part of many rows is dealt to piles by its row ids, in a file in Dir. Rows
// of predictions find their truth pile by pile. Inputs are sorted by row id, and
// piles are ranges of it: predictions in the order of the input need one pile
// after the other, and are not written anywhere. Others are dealt to piles in a
// file, too. Nothing that comes out depends on the way taken.
type Scoring struct {
	Plan   *Plan
	Key    string // the key column of the truth
	Input  string // the part's input, for the columns of slices that its truth does not have; "": none
	RowKey []byte // of the run; nil when the input kept its keys
	Dir    string // scratch

	// Took is how long the run was that made the predictions, by the platform's clock; 0:
	// that is not known.
	Took time.Duration

	// Progress, when set, is called now and then, by one goroutine at a time, with how far it is, of
	// how much: in rows of truth that were read, of predictions that were, and of
	// texts and units that were compared and whose values were computed.
	Progress func(done, of int64)

	pile      int64 // default pileRows
	quickRows int64 // default quickRows
}

// Scored is what a Scoring gives: values in the order of the spec, and the
// primary metric's under each draw of the bootstrap, or every fault of the
// predictions.
type Scored struct {
	Values []aihub.MetricValue
	Sample []float64
	Faults []aihub.Fault
	Rows   int64 // of the truth
}

// A part of more than wholeRows rows is dealt to piles of about pileRows, which
// the cache holds while rows are looked up, and to maxPiles at most.
// Texts take more memory than numbers: of them, a pile holds pileTexts rows.
const (
	wholeRows = 1 << 16
	pileRows  = 1 << 14
	pileTexts = 1 << 14
	maxPiles  = 4096
)

// errOrder says that a row came after its pile was done with.
var errOrder = errors.New("evaluator: rows are in another order")

// Run reads both files. An error means that truth cannot be scored against (a
// Contract error), or that something failed.
func (s Scoring) Run(ctx context.Context, truthPath, predictionsPath string) (Scored, error) {
	s.Progress = rising(s.Progress)
	out, ok, err := s.aligned(ctx, truthPath, predictionsPath)
	if !ok && err == nil {
		out, err = s.joined(ctx, truthPath, predictionsPath)
	}
	if err == nil && out.Faults == nil {
		if out.Values, err = s.timed(ctx, truthPath, out.Rows, out.Values); err == nil {
			s.Plan.stand(out.Values)
		}
	}
	return out, err
}

// joined is Run for rows in any order.
func (s Scoring) joined(ctx context.Context, truthPath, predictionsPath string) (Scored, error) {
	p, err := s.piles(ctx, truthPath)
	if err != nil {
		return Scored{}, err
	}
	defer p.Close()
	// Piles by hash are in no order that predictions could have.
	out, err := Scored{}, errOrder
	if p.n == 1 || s.RowKey != nil {
		out, err = p.join(ctx, predictionsPath, true)
	}
	if err == errOrder {
		out, err = p.join(ctx, predictionsPath, false)
	}
	out.Rows = p.rows
	return out, err
}

// piles is truth, dealt.
type piles struct {
	Scoring
	n    int // piles
	bits uint
	rows int64
	of   int64 // rows to read, for progress
	seed maphash.Seed
	file *spill // nil when one pile holds all
	all  pile
	work pile // the pile in memory, and what it is made of
	ids  IDs
	text []byte
	ends []int
	by   *grouping  // nil: no slices and no units
	unit *unitCount // nil: every row is a unit
	only bool       // classes, not numbers
	str  bool       // texts
	keys bool       // and what the dataset calls their rows
}

// pile is some rows of truth.
type pile struct {
	ids    []string
	label  metric.Column
	bucket []uint16
	groups [][]uint16 // of each slice
}

func (p *piles) Close() {
	p.by.Close()
	if p.file != nil {
		p.file.Close()
	}
}

// piles reads truth.
func (s Scoring) piles(ctx context.Context, path string) (_ *piles, err error) {
	spec := s.Plan.spec
	by, err := newGrouping(spec, s.Key, path, s.Input)
	if err != nil {
		return nil, err
	}
	p := &piles{Scoring: s, n: 1, seed: maphash.MakeSeed(), by: by, only: len(spec.Truth.Classes) > 0, str: ofTexts(spec)}
	if kind := cellsOf(spec); kind != nil {
		p.keys = kind.Keyed
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	r, err := openLabelled(path, s.Key, spec, by)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if c, ok := r.(table.Counted); ok {
		p.of = p.steps(c.Rows())
		rows := cmp.Or(s.pile, pileRows)
		if p.str {
			rows = cmp.Or(s.pile, pileTexts)
		} else if s.pile == 0 && c.Rows() <= wholeRows {
			rows = wholeRows
		}
		for int64(p.n)*rows < c.Rows() && p.n < maxPiles {
			p.n *= 2
			p.bits++
		}
	}
	if spec.Unit != "" {
		p.unit = new(unitCount)
	}
	if p.n > 1 {
		if p.file, err = newSpill(s.Dir, p.n); err != nil {
			return nil, err
		}
	}
	name := func(dst []byte, key string) []byte { return append(dst, key...) }
	if s.RowKey != nil {
		name = table.RowIDs(s.RowKey)
	}
	var record, id []byte
	err = scanTruth(ctx, r, s.Key, spec, by, func(key string, v label) error {
		p.rows++
		p.progress(p.rows)
		bucket, unit := uint16(0), key
		if p.unit != nil {
			unit = by.unitOf(key)
			p.unit.add(unit)
		}
		if b := s.Plan.boot; b != nil {
			bucket = b.Bucket(unit)
		}
		id = name(id[:0], key)
		if p.file == nil {
			v.str = strings.Clone(v.str) // of a batch that is used again
			if p.keys {
				v.key = strings.Clone(key)
			}
			p.all.add(string(id), v, bucket, p)
			return nil
		}
		value := math.Float64bits(v.flt)
		switch {
		case p.only:
			value = uint64(v.class)
		case p.str:
			value = uint64(len(v.str))
		}
		record = binary.LittleEndian.AppendUint64(record[:0], value)
		record = binary.LittleEndian.AppendUint16(record, bucket)
		for _, g := range v.groups {
			record = binary.LittleEndian.AppendUint16(record, g)
		}
		if record = append(record, v.str...); p.keys {
			record = append(binary.LittleEndian.AppendUint32(record, uint32(len(key))), key...)
		}
		record = append(record, id...)
		return p.file.add(p.pileOf(id), record)
	})
	p.of = p.steps(p.rows)
	return p, err
}

// steps is how much there is to do about some rows: to read their truth and their
// predictions, and of texts and units to compare them and to compute values.
func (p *piles) steps(rows int64) int64 {
	if p.str {
		return 4 * rows
	}
	return 2 * rows
}

// often is how many rows, or texts, are read between two calls of Progress.
const (
	often      = 1 << 20
	oftenTexts = 1 << 8
)

func (p *piles) progress(done int64) {
	every := int64(often)
	if p.str {
		every = oftenTexts
	}
	if p.Progress != nil && done%every == 0 {
		p.Progress(done, p.of)
	}
}

// rising passes on what is more than before, and of that little more than 20 in a second.
func rising(f func(done, of int64)) func(done, of int64) {
	if f == nil {
		return nil
	}
	var mu sync.Mutex
	var most int64
	var last time.Time
	return func(done, of int64) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); done > most && (now.Sub(last) >= 50*time.Millisecond || done == of) {
			most, last = done, now
			f(done, of)
		}
	}
}

func (l *pile) add(id string, v label, bucket uint16, p *piles) {
	l.ids = append(l.ids, id)
	l.bucket = append(l.bucket, bucket)
	for len(l.groups) < len(v.groups) {
		l.groups = append(l.groups, nil)
	}
	for k, g := range v.groups {
		l.groups[k] = append(l.groups[k], g)
	}
	switch {
	case p.only:
		l.label.Class = append(l.label.Class, v.class)
	case p.str:
		if l.label.Str = append(l.label.Str, v.str); p.keys {
			l.label.Key = append(l.label.Key, v.key)
		}
	default:
		l.label.Flt = append(l.label.Flt, v.flt)
	}
}

// pileOf returns the pile of an id: a range of row ids, or a hash of other ids.
// An id spoiled by blanks or case is in the pile of the right one.
func (p *piles) pileOf(id []byte) int {
	if p.n == 1 {
		return 0
	}
	if p.RowKey != nil {
		if v, ok := leading(id); ok {
			return int(v >> (16 - p.bits))
		}
	}
	if isFolded(id) {
		return int(maphash.Bytes(p.seed, id) & uint64(p.n-1))
	}
	folded := strings.ToLower(strings.TrimSpace(string(id)))
	if p.RowKey != nil {
		if v, ok := leading([]byte(folded)); ok {
			return int(v >> (16 - p.bits))
		}
	}
	return int(maphash.String(p.seed, folded) & uint64(p.n-1))
}

// isFolded reports whether an id is plainly without blanks around it and capitals.
func isFolded(id []byte) bool {
	for _, c := range id {
		if c <= ' ' || c >= 0x7f || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return true
}

// leading returns the first 16 bits of a row id.
func leading(id []byte) (uint16, bool) {
	var b [2]byte
	if len(id) < 4 {
		return 0, false
	}
	if _, err := hex.Decode(b[:], id[:4]); err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint16(b[:]), true
}

// load reads a pile, into the memory of the one before.
func (p *piles) load(i int) (*pile, *IDs, error) {
	if p.file == nil {
		ids, err := p.ids.reset(p.all.ids)
		return &p.all, ids, err
	}
	n := p.file.count[i]
	l := &p.work
	l.ids, l.bucket = sized(l.ids, n)[:0], sized(l.bucket, n)[:0]
	l.label = metric.Column{Class: l.label.Class[:0], Flt: l.label.Flt[:0], Str: l.label.Str[:0], Key: l.label.Key[:0]}
	// Ids become views of one text: no allocation of each.
	p.text, p.ends = p.text[:0], p.ends[:0]
	var groups []uint16
	if p.by != nil {
		groups = make([]uint16, len(p.by.of))
	}
	for k := range l.groups {
		l.groups[k] = l.groups[k][:0]
	}
	head := 10 + 2*len(groups)
	err := p.file.each(i, func(r []byte) error {
		if len(r) < head {
			return fmt.Errorf("evaluator: the spilled truth is damaged")
		}
		for k := range groups {
			groups[k] = binary.LittleEndian.Uint16(r[10+2*k:])
		}
		v, id, str, key := binary.LittleEndian.Uint64(r), r[head:], "", ""
		if p.str {
			if v > uint64(len(id)) {
				return fmt.Errorf("evaluator: the spilled truth is damaged")
			}
			str, id = string(id[:v]), id[v:]
		}
		if p.keys {
			if len(id) < 4 || uint64(len(id)-4) < uint64(binary.LittleEndian.Uint32(id)) {
				return fmt.Errorf("evaluator: the spilled truth is damaged")
			}
			n := 4 + int(binary.LittleEndian.Uint32(id))
			key, id = string(id[4:n]), id[n:]
		}
		l.add("", label{metric.Code(v), math.Float64frombits(v), str, key, groups}, binary.LittleEndian.Uint16(r[8:]), p)
		p.text = append(p.text, id...)
		p.ends = append(p.ends, len(p.text))
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	all, from := view(p.text), 0 // until the next load
	for j, to := range p.ends {
		l.ids[j], from = all[from:to], to
	}
	ids, err := p.ids.reset(l.ids)
	return l, ids, err
}

// join reads predictions. With ordered, it gives up with errOrder when a row
// comes after its pile.
func (p *piles) join(ctx context.Context, path string, ordered bool) (Scored, error) {
	spec := p.Plan.spec
	maxRows := 2*p.rows + 10_000
	r, faults, err := openPredictions(spec, path, maxRows)
	if err != nil || faults != nil {
		return Scored{Faults: faults}, err
	}
	r = readAhead(r)
	defer r.Close()
	c := newCheck(spec, p.rows, r.Schema(), p.RowKey == nil)
	t := p.Plan.tallies(p.by)
	t.spill(p.Dir)
	defer t.Close()
	if p.Progress != nil && p.str {
		t.tell = func(compared, computed float64) {
			p.Progress(2*p.rows+int64(compared+computed*float64(p.rows)), p.of)
		}
	}
	var now *pile
	begin := func(i int) error {
		l, ids, err := p.load(i)
		if err == nil {
			now = l
			c.begin(ids)
		}
		return err
	}
	end := func() error {
		c.end()
		if len(c.faults) > 0 || len(c.columnFaults) > 0 || len(c.broken) > 0 || c.lost > 0 {
			return ctx.Err() // there will be no score
		}
		return t.add(ctx, now.label, now.bucket, now.groups, c.accepted())
	}
	if p.n == 1 || ordered {
		at := 0
		if err := begin(0); err != nil {
			return Scored{}, err
		}
		c.take = func(id string) error {
			p.progress(p.rows + c.rows)
			if p.n > 1 {
				i := p.pileOf([]byte(id))
				if i < at {
					return errOrder
				}
				for ; at < i; at++ {
					if err := end(); err != nil {
						return err
					}
					if err := begin(at + 1); err != nil {
						return err
					}
				}
			}
			c.place(id)
			return nil
		}
		faults, err := c.read(ctx, r, maxRows)
		if err != nil || faults != nil {
			return Scored{Faults: faults}, err
		}
		for ; ; at++ {
			if err := end(); err != nil {
				return Scored{}, err
			}
			if at == p.n-1 {
				break
			}
			if err := begin(at + 1); err != nil {
				return Scored{}, err
			}
		}
	} else {
		dealt, err := newSpill(p.Dir, p.n)
		if err != nil {
			return Scored{}, err
		}
		defer dealt.Close()
		var record []byte
		c.take = func(id string) error {
			p.progress(p.rows + c.rows)
			record = c.pack(record[:0], id)
			return dealt.add(p.pileOf([]byte(id)), record)
		}
		faults, err := c.read(ctx, r, maxRows)
		if err != nil || faults != nil {
			return Scored{Faults: faults}, err
		}
		for i := range p.n {
			if err := begin(i); err != nil {
				return Scored{}, err
			}
			err := dealt.each(i, func(r []byte) error { c.place(c.unpack(r)); return nil })
			if err == nil {
				err = end()
			}
			if err != nil {
				return Scored{}, err
			}
		}
	}
	if faults := c.report(); len(faults) > 0 {
		return Scored{Faults: faults}, nil
	}
	values, sample, err := t.results()
	if p.unit != nil {
		n := p.unit.worth()
		for i := range values {
			values[i].Units = n
		}
	}
	return Scored{Values: values, Sample: sample}, err
}
