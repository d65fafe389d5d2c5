package pages

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
)

// Op is what becomes of a column.
type Op uint8

const (
	Copy Op = iota // its chunks, untouched
	Drop           // nothing
	Map            // what a function makes of its values
)

// MapFunc appends to out one value, or null, for each value of in, in order.
// Nulls do not reach it and stay null. It must depend on the values alone: where
// the file has a dictionary it sees each value once, not each row. An error ends
// the work.
type MapFunc func(in *Values, out *Builder) error

// Column is what becomes of one leaf column.
type Column struct {
	Op Op

	// Strip leaves the minimum, maximum and page index of a copied column out.
	Strip bool

	// New makes the function of a mapped column; it is called once for each
	// worker, so that the function may keep buffers.
	New func() MapFunc

	// Alike makes a function that does the same where most results of a page are
	// alike, as AlikeOrFail makes one; nil has New do all.
	Alike func() MapFunc

	// Type, Width (of Fixed) and Logical describe the mapped column. Same keeps
	// them all.
	Type    Type
	Width   int
	Logical Logical

	// Nullable says that the function may make nulls.
	Nullable bool
}

// Logical is the annotation of a mapped column.
type Logical uint8

const (
	Same   Logical = iota // type and annotation of the source
	None                  // the bare type
	String                // UTF-8
	Date                  // Int32, days since 1970-01-01
	UUID                  // Fixed of 16 bytes
)

// Suppress is the part of a row that goes to no output.
const Suppress = 255

// Unit is a run of row groups that is dealt and shuffled together.
type Unit struct {
	From, To int   // row groups [From, To) of the source
	First    int64 // row of the source
	Rows     int
}

// Output is one file to write. Leaves are the columns it gets, ascending; nil is
// all that are not dropped.
type Output struct {
	File   *os.File // open for reading and writing; not truncated, if it is to be resumed
	Part   uint8    // the rows that Deal gives this number
	Leaves []int
}

// Plan is a whole transformation of one file.
type Plan struct {
	Columns []Column // one for each leaf of the source

	// Deal gives each row of a unit its part, or Suppress; part comes zeroed. Nil
	// gives all rows to part 0. It is called from several goroutines.
	Deal func(u Unit, part []uint8) error

	// Shuffle is a key: rows are put in a keyed random order within each unit,
	// and units too. Nil keeps the order.
	Shuffle []byte

	// Metadata are the keys of the source's key-value metadata to keep. Others
	// are dropped: ARROW:schema and pandas tell of masked columns.
	Metadata []string

	// Workers is how many cores to use; 0 is all. The result does not depend on
	// it.
	Workers int

	// Progress is called with rows, from one goroutine at a time. It may be nil.
	Progress func(done, total int64)

	// Journal is a file in which finished units are noted, so that the same call
	// after a kill goes on behind them. It stays at the end, for the caller to
	// remove when the outputs are where they belong. Empty keeps no journal. ID is what the plan is (a digest): a journal of another one, or
	// of another source, is not used.
	Journal string
	ID      string
}

// unitRows is how many rows a unit has at least, where row groups are smaller:
// fewer would leave parts of small shares in crumbs. Tests make it smaller.
var unitRows = 1 << 18

// job is a plan at work.
type job struct {
	f     *File
	p     *Plan
	units []Unit // in the order of output
	outs  []*output
	leaf  []int // the leaves that some output gets
	deals bool  // rows are dealt or shuffled
	state []unitState

	bodies bodies
}

func (j *job) check() error {
	if len(j.p.Columns) != len(j.f.leaves) {
		return fmt.Errorf("pages: a plan of %d columns for %d", len(j.p.Columns), len(j.f.leaves))
	}
	for i := range j.p.Columns {
		c, l := &j.p.Columns[i], &j.f.leaves[i]
		where := "column " + clip(l.Name())
		if c.Op != Map {
			continue
		}
		if c.New == nil {
			return fmt.Errorf("pages: %s: no function", where)
		}
		if c.Logical == Same {
			c.Type, c.Width = l.Type, l.Width
		}
		switch c.Type {
		case Int32, Float:
			c.Width = 4
		case Int64, Double:
			c.Width = 8
		case ByteArray:
			c.Width = 0
		case Boolean:
			c.Width = 1
		case Fixed:
			if c.Width <= 0 || c.Width > maxWidth {
				return fmt.Errorf("pages: %s: values of %d bytes", where, c.Width)
			}
		default:
			return fmt.Errorf("pages: %s: %s cannot be written", where, c.Type)
		}
		if e := j.f.meta.schema[l.element]; c.Nullable && e.rep == 2 {
			return unsupported(where, "nulls in a repeated value")
		}
	}
	return nil
}

// wider says that a mapped column that had no nulls may now have some.
func (j *job) wider(leaf int) bool {
	return j.p.Columns[leaf].Op == Map && j.p.Columns[leaf].Nullable && j.f.meta.schema[j.f.leaves[leaf].element].rep == 0
}

// units cuts the file into units: of row groups each, or of enough of them to deal.
func (f *File) units(deals bool) (us []Unit) {
	first := int64(0)
	for g := 0; g < len(f.meta.groups); {
		u := Unit{From: g, First: first}
		for g < len(f.meta.groups) {
			u.Rows += int(f.meta.groups[g].rows)
			if g++; !deals || u.Rows >= unitRows {
				break
			}
		}
		u.To = g
		first += int64(u.Rows)
		if u.Rows > 0 {
			us = append(us, u)
		}
	}
	return us
}

// plan cuts the source into units, in the order of output.
func (j *job) plan() {
	j.units = j.f.units(j.deals)
	if j.p.Shuffle != nil {
		r := keyed(j.p.Shuffle, "units", 0, 0)
		r.Shuffle(len(j.units), func(a, b int) { j.units[a], j.units[b] = j.units[b], j.units[a] })
	}
}

// keyed is a generator for one purpose.
func keyed(key []byte, what string, unit int64, part uint8) *rand.Rand {
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(key))))
	h.Write(key)
	h.Write(binary.LittleEndian.AppendUint64([]byte(what), uint64(unit)))
	h.Write([]byte{part})
	return rand.New(rand.NewChaCha8([32]byte(h.Sum(nil))))
}

func (p *Plan) workers() int {
	if p.Workers > 0 {
		return p.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// typeOf is the type of a column as it is written.
func (j *job) typeOf(leaf int) (Type, int) {
	l, c := &j.f.leaves[leaf], &j.p.Columns[leaf]
	t, w := l.Type, l.Width
	if c.Op == Map {
		t, w = c.Type, c.Width
	}
	if t == Boolean {
		w = 1
	}
	return t, w
}
