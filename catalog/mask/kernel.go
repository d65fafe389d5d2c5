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
	ends []int
	bad  []int // indices of values that the technique cannot take; they are empty
}

// end ends a value whose bytes were appended to data; fail says that it has none.
func (t *texts) end() { t.ends = append(t.ends, len(t.data)) }

func (t *texts) fail() {
	t.bad = append(t.bad, len(t.ends))
	t.end()
}

// Kernel is what a rule does to values by themselves.
type Kernel struct {
	In, Out  table.Type
	PerValue bool // false: the technique needs the row, or other rows; use Masking.Apply

	// Bytes masks the text of values (table.Column.Text of the raw column) into
	// texts of the masked column: the i-th of src into the i-th of dst, which
	// point into one new stretch of memory. bad are the values that the technique
	// cannot take; their dst is nil. It is nil unless the masked column is of
	// type String and PerValue; safe for concurrent use.
	Bytes func(dst, src [][]byte) (bad []int)

	// Width is the length that every result of Into has, 0 when they differ or
	// Bytes is nil. Into writes result i to at[i*step:][:Width], and zeros for a
	// bad one: for a caller that lays out values itself.
	Width int
	Into  func(at []byte, step int, src [][]byte) (bad []int)

	// Raw writes the 16 bytes whose hex digits a pseudonym is; nil for any other
	// technique.
	Raw func(at []byte, step int, src [][]byte)

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
			k.Bytes = func(dst, src [][]byte) []int {
				out := texts{data: make([]byte, 0, 32*len(src)), ends: make([]int, 0, len(src))}
				t.kernel.run(&out, src)
				from := 0
				for i, to := range out.ends {
					dst[i] = out.data[from:to:to]
					from = to
				}
				for _, i := range out.bad {
					dst[i] = nil
				}
				return out.bad
			}
			k.Width = widthOf(t.kernel)
			if k.Width > 0 {
				k.Into = func(at []byte, step int, src [][]byte) []int { return into(t.kernel, k.Width, at, step, src) }
			}
			if p, ok := t.kernel.(pseudonym); ok {
				k.Raw = p.raw
			}
		}
		return k, true
	}
	return Kernel{}, false
}

// widthOf returns the length of all results of a kernel, or 0.
func widthOf(k kernel) int {
	switch k := k.(type) {
	case pseudonym:
		return 32
	case phone:
		return 11
	case fpe:
		switch k.scheme.(type) {
		case resident, uscc:
			return 18
		}
	}
	return 0
}

// into runs a kernel over a few values at a time, so that its own memory stays small.
func into(k kernel, width int, at []byte, step int, src [][]byte) (bad []int) {
	var buf [lanes * 32]byte
	var ends [lanes]int
	for from := 0; from < len(src); from += lanes {
		t := texts{data: buf[:0], ends: ends[:0]}
		k.run(&t, src[from:min(from+lanes, len(src))])
		start := 0
		for i, end := range t.ends {
			out := at[(from+i)*step:][:width]
			clear(out[copy(out, t.data[start:end]):])
			start = end
		}
		for _, i := range t.bad {
			bad = append(bad, from+i)
		}
	}
	return bad
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
		at, k, b := 0, 0, 0
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
