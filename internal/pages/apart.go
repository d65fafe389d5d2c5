package pages

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

// Apart reports whether the runs of rows within which Plan.Shuffle permutes hold
// values of a leaf that do not overlap, by what the file says of its chunks: it is
// sorted by the leaf then, and a run tells about where a value lies, in whatever
// order its rows are. One run tells nothing.
func (f *File) Apart(leaf int) bool {
	type ends struct{ least, most []byte }
	l := &f.leaves[leaf]
	order := l.order()
	var runs []ends
	for _, u := range f.units(true) {
		var run ends
		for g := u.From; g < u.To; g++ {
			if f.meta.groups[g].rows == 0 {
				continue
			}
			least, most := endsOf(f.meta.groups[g].chunks[leaf].stats)
			if least == nil || most == nil || l.Width > 0 && (len(least) != l.Width || len(most) != l.Width) {
				return false
			}
			if run.least == nil || order(least, run.least) < 0 {
				run.least = least
			}
			if run.most == nil || order(most, run.most) > 0 {
				run.most = most
			}
		}
		runs = append(runs, run)
	}
	if len(runs) < 2 {
		return false
	}
	slices.SortFunc(runs, func(a, b ends) int { return cmp.Or(order(a.least, b.least), order(a.most, b.most)) })
	for i := 1; i < len(runs); i++ {
		if order(runs[i].least, runs[i-1].most) < 0 {
			return false
		}
	}
	return order(runs[0].least, runs[len(runs)-1].most) < 0
}

// Runs are the runs of rows within which Plan.Shuffle permutes, and how many rows the
// shortest has: rows of one stand together in the output, too.
func (f *File) Runs() (runs int, rows int64) {
	for _, u := range f.units(true) {
		if n := int64(u.Rows); runs == 0 || n < rows {
			rows = n
		}
		runs++
	}
	return runs, rows
}

// endsOf are the least and the greatest value that statistics tell of, as they are
// stored.
func endsOf(stats []byte) (least, most []byte) {
	d := decoder{b: stats}
	d.fields(func(id int16, typ byte) bool {
		if typ != ctBinary || id != 5 && id != 6 {
			return false
		}
		if v := []byte(d.string()); id == 5 {
			most = v
		} else {
			least = v
		}
		return true
	})
	if d.bad {
		return nil, nil
	}
	return least, most
}

// order compares values as they are stored.
func (l *Leaf) order() func(a, b []byte) int {
	u32, u64 := binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
	switch {
	case l.Type == Int32 && l.Unsigned:
		return func(a, b []byte) int { return cmp.Compare(u32(a), u32(b)) }
	case l.Type == Int32:
		return func(a, b []byte) int { return cmp.Compare(int32(u32(a)), int32(u32(b))) }
	case l.Type == Int64 && l.Unsigned:
		return func(a, b []byte) int { return cmp.Compare(u64(a), u64(b)) }
	case l.Type == Int64:
		return func(a, b []byte) int { return cmp.Compare(int64(u64(a)), int64(u64(b))) }
	case l.Type == Float:
		return func(a, b []byte) int {
			return cmp.Compare(math.Float32frombits(u32(a)), math.Float32frombits(u32(b)))
		}
	case l.Type == Double:
		return func(a, b []byte) int {
			return cmp.Compare(math.Float64frombits(u64(a)), math.Float64frombits(u64(b)))
		}
	}
	return bytes.Compare
}
