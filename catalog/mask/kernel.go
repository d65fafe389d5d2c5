package mask

import (
	"strconv"
	"unsafe"

	"aihub/internal/table"
)

// kernel masks texts, each by itself, many at a time: the i-th of src becomes
// the i-th of out. It is safe for concurrent use and keeps nothing of src.
type kernel interface {
	run(out *texts, src [][]byte)
}

// texts are values in one stretch of memory.
type texts struct {
	data []byte
	ends []uint32
	bad  []int // indices of values that the technique cannot take; they are empty
}

// end ends a value whose bytes were appended to data; fail says that it has none.
func (t *texts) end() { t.ends = append(t.ends, uint32(len(t.data))) }

func (t *texts) fail() {
	t.bad = append(t.bad, len(t.ends))
	t.end()
}

// Kernel is what a rule does to values by themselves.
type Kernel struct {
	In, Out  table.Type
	PerValue bool // false: the technique needs the row, or other rows; use Masking.Apply

	// Append masks the text of values (table.Column.Text of the raw column) into
	// texts of the masked column: it appends the results to data, one behind the
	// other, and where each ends in data to ends. bad are the values that the
	// technique cannot take; their results are empty. It is nil unless the masked
	// column is of type String and PerValue; safe for concurrent use. The whole of
	// data must stay below 4 GiB.
	Append func(data []byte, ends []uint32, src [][]byte) ([]byte, []uint32, []int)

	// Alike makes functions that do the same where most results are alike: they append
	// to data and ends what is not there yet, and to refs which of the texts each
	// value that is not bad becomes. With fresh, nothing is there. A function serves
	// one goroutine. Alike is nil for techniques whose results are many.
	Alike func() func(fresh bool, data []byte, ends, refs []uint32, src [][]byte) (d []byte, e, r []uint32, bad []int)

	// Raw appends the 16 bytes of each value whose hex digits a pseudonym is; nil
	// for any other technique.
	Raw func(data []byte, src [][]byte) []byte

	// Mask does the same for a column of values of any type; nulls stay nulls.
	// It is nil unless PerValue.
	Mask func(c *table.Column) (out table.Column, bad []int)
}

// Kernel returns what m does to a column of the raw table; false when the column
// is dropped or is none. A caller that does not go through Apply looks itself
// at bad values (Rule.OnInvalid).
func (m *Masking) Kernel(column string) (Kernel, bool) {
	for _, c := range m.cols {
		if c.name != column {
			continue
		}
		k := Kernel{In: c.typ, Out: c.masker.Type(), PerValue: !c.byRow()}
		if !k.PerValue {
			return k, true
		}
		k.Mask = func(col *table.Column) (table.Column, []int) { return c.masker.Mask(col, nil) }
		if t, ok := c.masker.(textMasker); ok {
			k.Append = func(data []byte, ends []uint32, src [][]byte) ([]byte, []uint32, []int) {
				out := texts{data, ends, nil}
				from := len(ends)
				t.kernel.run(&out, src)
				for i := range out.bad {
					out.bad[i] -= from
				}
				return out.data, out.ends, out.bad
			}
			if a, ok := t.kernel.(alike); ok {
				k.Alike = func() func(bool, []byte, []uint32, []uint32, [][]byte) ([]byte, []uint32, []uint32, []int) {
					f, first := a.alike(), 0
					return func(fresh bool, data []byte, ends, refs []uint32, src [][]byte) ([]byte, []uint32, []uint32, []int) {
						if fresh {
							first = len(ends)
						}
						out := choices{texts{data, ends, nil}, refs, first}
						f(&out, fresh, src)
						return out.data, out.ends, out.refs, out.bad
					}
				}
			}
			if p, ok := t.kernel.(pseudonym); ok {
				k.Raw = p.raw
			}
		}
		return k, true
	}
	return Kernel{}, false
}

// textMasker makes a kernel work on columns.
type textMasker struct{ kernel }

func (textMasker) Type() table.Type { return table.String }

// stretch is how many values share one stretch of memory.
const stretch = 4096

func (m textMasker) Mask(c *table.Column, _ *table.Batch) (out table.Column, bad []int) {
	n := c.Len()
	out = table.NewColumn(table.Field{Type: table.String}, n)
	var t texts
	src := make([][]byte, 0, min(n, stretch))
	var numbers []byte
	for from := 0; from < n; from += stretch {
		to := min(n, from+stretch)
		t.data, t.ends, t.bad = make([]byte, 0, max(20*(to-from), len(t.data)+len(t.data)/16)), t.ends[:0], t.bad[:0]
		src, numbers = src[:0], numbers[:0]
		for i := from; i < to; i++ {
			switch {
			case c.Null(i):
			case c.Type == table.String:
				src = append(src, view(c.Str[i]))
			case c.Type == table.Int64:
				if cap(numbers)-len(numbers) < 20 {
					numbers = make([]byte, 0, 20*stretch)
				}
				at := len(numbers)
				numbers = strconv.AppendInt(numbers, c.Int[i], 10)
				src = append(src, numbers[at:])
			default:
				v, _ := c.Text(i)
				src = append(src, []byte(v))
			}
		}
		m.kernel.run(&t, src)
		all := unsafe.String(unsafe.SliceData(t.data), len(t.data)) // t.data is not written again
		at, k, b := uint32(0), 0, 0
		for i := from; i < to; i++ {
			if c.Null(i) {
				out.AppendNull()
				continue
			}
			if b < len(t.bad) && t.bad[b] == k {
				b++
				bad = append(bad, i)
				out.AppendNull()
			} else {
				out.AppendStr(all[at:t.ends[k]])
			}
			at = t.ends[k]
			k++
		}
	}
	return out, bad
}

// view and text share the bytes of a value; nothing writes to them.
func view(s string) []byte {
	if s == "" {
		return []byte{}
	}
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// each is a kernel that goes value by value.
type each func(string) (string, bool)

func (f each) run(out *texts, src [][]byte) {
	for _, v := range src {
		w, ok := f(text(v))
		if !ok {
			out.fail()
			continue
		}
		out.data = append(out.data, w...)
		out.end()
	}
}
