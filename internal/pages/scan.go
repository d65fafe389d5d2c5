package pages

import (
	"bytes"
	"io"
)

// Run is some rows of one column.
type Run struct {
	N int // rows

	// Valid tells which rows have a value: one byte a row, 1 or 0. It is nil when
	// all have one.
	Valid []byte

	// Values are those of the rows that have one, in order. With Coded set they
	// are empty.
	Values Values

	// Index and Dict stand for Values where the file has a dictionary and the
	// Scan was asked to keep it: the i-th value is Dict's value Index[i].
	Coded bool
	Index []uint32
	Dict  *Values
}

// Scan walks columns together from the first row to the last.
type Scan struct {
	f      *File
	cols   []*scanColumn
	runs   []Run
	g, end int   // row groups
	rows   int64 // left in the row group

	// KeepDict leaves dictionary-coded values as indices: see Run. Set it before
	// the first call of Next.
	KeepDict bool
}

type scanColumn struct {
	leaf   int
	r      chunkReader
	p      page
	at     int // entries of p already given
	vat    int // values of p already given
	gather gatherer
	index  []uint32
	valid  []byte
}

// maxGather bounds the bytes that dictionary values are written out into in one
// step of a Scan.
const maxGather = 64 << 20

// Scan returns a Scan of the columns, by index into Leaves. A nested one is
// ErrUnsupported.
func (f *File) Scan(leaves ...int) (*Scan, error) { return f.ScanGroups(0, f.RowGroups(), leaves...) }

// ScanGroups is a Scan of row groups [from, to).
func (f *File) ScanGroups(from, to int, leaves ...int) (*Scan, error) {
	s := &Scan{f: f, runs: make([]Run, len(leaves))}
	s.Groups(from, to)
	for _, l := range leaves {
		if !f.leaves[l].Flat() {
			return nil, unsupported("column "+clip(f.leaves[l].Name()), "nested, not flat")
		}
		s.cols = append(s.cols, &scanColumn{leaf: l})
	}
	return s, nil
}

// Groups begins anew at row groups [from, to), in the memory that s has.
func (s *Scan) Groups(from, to int) { s.g, s.end, s.rows = from-1, to, 0 }

// Next returns the next rows of every column, at most most of them (0: as many
// as the pages hold), in the order asked for. All runs have the same N. They are
// valid until the next call. At the end it returns io.EOF.
func (s *Scan) Next(most int) ([]Run, error) {
	for s.rows == 0 {
		if s.g++; s.g >= s.end {
			s.g = s.end
			return nil, io.EOF
		}
		s.rows = s.f.meta.groups[s.g].rows
		for _, c := range s.cols {
			c.p = page{}
			c.at, c.vat = 0, 0
			if err := c.r.reset(s.f, s.g, c.leaf); err != nil {
				return nil, err
			}
			willNeed(s.f.r, span{c.r.c.start(), c.r.c.size})
		}
	}
	n := int(min(s.rows, maxValues))
	if most > 0 {
		n = min(n, most)
	}
	for _, c := range s.cols {
		for c.at == c.p.entries {
			c.at, c.vat = 0, 0
			read := c.r.next
			if s.KeepDict {
				read = c.r.nextPart
			}
			if err := read(&c.p); err == io.EOF {
				return nil, damaged(c.r.where(), "fewer values than rows")
			} else if err != nil {
				c.p = page{}
				return nil, err
			}
		}
		n = min(n, c.p.entries-c.at)
		if c.p.coded && !s.KeepDict && c.r.dict.Type == ByteArray {
			n = min(n, c.fits(n))
		}
	}
	for i, c := range s.cols {
		run, err := c.take(n, s.KeepDict)
		if err != nil {
			c.p = page{}
			return nil, err
		}
		s.runs[i] = run
	}
	s.rows -= int64(n)
	return s.runs, nil
}

// fits is how many of the next n rows may be written out: at least one.
func (c *scanColumn) fits(n int) int {
	d := &c.r.dict
	total := 0
	for i := range min(n, c.p.valid-c.vat) { // values are at most rows
		x := c.p.index[c.vat+i]
		if total += int(d.off[x+1] - d.off[x]); total > maxGather && i > 0 {
			return i
		}
	}
	return n
}

func (c *scanColumn) take(n int, keep bool) (Run, error) {
	run := Run{N: n}
	k := n
	if c.p.def != nil {
		most := byte(c.r.leaf.MaxDef)
		def := c.p.def[c.at : c.at+n]
		if k = bytes.Count(def, []byte{most}); k < n {
			if most > 1 {
				c.valid = resize(c.valid, n)
				for i, d := range def {
					c.valid[i] = 0
					if d == most {
						c.valid[i] = 1
					}
				}
				def = c.valid
			}
			run.Valid = def
		}
	}
	switch {
	case !c.p.coded:
		run.Values = c.p.values.slice(c.vat, c.vat+k)
	case keep: // indices are read as they are asked for, which the cache holds
		c.index = resize(c.index, k)
		if err := c.r.indices(&c.p, c.index); err != nil {
			return run, c.r.wrap(err)
		}
		run.Coded, run.Index, run.Dict = true, c.index, &c.r.dict
	default:
		run.Values = c.gather.gather(&c.r.dict, c.p.index[c.vat:c.vat+k])
	}
	c.at += n
	c.vat += k
	return run, nil
}

// Dictionary returns the dictionary of a chunk all of whose pages are indices
// into it, and nil for any other. Only the headers of those pages are read.
func (f *File) Dictionary(g, leaf int) (*Values, error) {
	r := new(chunkReader)
	if err := r.reset(f, g, leaf); err != nil {
		return nil, err
	}
	for left := r.c.values; left > 0; {
		h, err := r.pager.header()
		if err != nil {
			return nil, r.wrap(err)
		}
		switch {
		case h.kind == kindDict && !r.hasDict && left == r.c.values:
			r.hasDict = true
			b, err := r.pager.payload(&h)
			if err != nil {
				return nil, r.wrap(err)
			}
			if err := r.readDict(&h, b); err != nil {
				return nil, err
			}
			continue
		case (h.kind == kindV1 || h.kind == kindV2) && r.hasDict && (h.encoding == encDict || h.encoding == encPlainDict):
			left -= int64(h.values)
		default:
			return nil, nil
		}
		r.pager.skip(&h)
	}
	if !r.hasDict {
		return nil, nil
	}
	return &r.dict, nil
}

// ChunkValues gives do the values of a chunk as they come, of a nested column too:
// those of a dictionary once, however often pages name them, and no more than
// 65,536 at a time.
func (f *File) ChunkValues(g, leaf int, give func(*Values) error) error {
	do := func(v *Values) error {
		for i := 0; i < v.n; i += 1 << 16 {
			part := v.slice(i, min(v.n, i+1<<16))
			if err := give(&part); err != nil {
				return err
			}
		}
		return nil
	}
	dict, err := f.Dictionary(g, leaf)
	if err != nil {
		return err
	}
	if dict != nil {
		return do(dict)
	}
	c, p, told := new(chunkReader), new(page), false
	if err := c.reset(f, g, leaf); err != nil {
		return err
	}
	for {
		switch err := c.next(p); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		v := &p.values
		if p.coded {
			if told {
				continue
			}
			v, told = &c.dict, true
		}
		if err := do(v); err != nil {
			return err
		}
	}
}

// Part is rows [i, i+n) of a run in which all rows have a value.
func (r Run) Part(i, n int) Run {
	r.N = n
	if r.Coded {
		r.Index = r.Index[i : i+n]
	} else {
		r.Values = r.Values.slice(i, i+n)
	}
	return r
}

// Bytes returns the value of row i of a run in which all rows have one.
func (r *Run) Bytes(i int) []byte {
	if r.Coded {
		return r.Dict.Bytes(int(r.Index[i]))
	}
	return r.Values.Bytes(i)
}
