package mask

import (
	"encoding/binary"
	"math"
	"time"

	"aihub/internal/table"
)

// mapNumbers masks an Int64, Float64, Date or Timestamp column number by number
// into one of the same type. A result of false is bad.
func mapNumbers(c *table.Column, ints func(i int, v int64) (int64, bool), floats func(i int, v float64) (float64, bool)) (out table.Column, bad []int) {
	n := c.Len()
	out = table.NewColumn(table.Field{Type: c.Type}, n)
	for i := range n {
		if c.Null(i) {
			out.AppendNull()
			continue
		}
		ok := false
		if c.Type == table.Float64 {
			var v float64
			if v, ok = floats(i, c.Flt[i]); ok {
				out.AppendFlt(v)
			}
		} else {
			var v int64
			if v, ok = ints(i, c.Int[i]); ok {
				out.AppendInt(v)
			}
		}
		if !ok {
			bad = append(bad, i)
			out.AppendNull()
		}
	}
	return out, bad
}

// round replaces a number by the nearest multiple of a width; a half goes up.
type round struct {
	t table.Type
	steps
}

func (r round) Type() table.Type { return r.t }

func (r round) Mask(c *table.Column, _ *table.Batch) (table.Column, []int) {
	w := int64(r.width)
	return mapNumbers(c, func(_ int, v int64) (int64, bool) {
		rest := v % w
		if rest < 0 {
			rest += w
		}
		lower := v - rest
		if rest >= w-rest {
			return lower + w, lower+w > lower && lower <= v
		}
		return lower, lower <= v
	}, func(_ int, v float64) (float64, bool) {
		return r.steps.at(math.Floor(v/r.width + 0.5)), true
	})
}

// clip is top and bottom coding: what lies beyond an end becomes the end.
type clip struct {
	t        table.Type
	min, max *float64
}

func (r clip) Type() table.Type { return r.t }

func (r clip) Mask(c *table.Column, _ *table.Batch) (table.Column, []int) {
	return mapNumbers(c, func(_ int, v int64) (int64, bool) {
		if r.min != nil {
			v = max(v, int64(*r.min))
		}
		if r.max != nil {
			v = min(v, int64(*r.max))
		}
		return v, true
	}, func(_ int, v float64) (float64, bool) {
		if r.min != nil && v < *r.min {
			v = *r.min
		}
		if r.max != nil && v > *r.max {
			v = *r.max
		}
		return v, true
	})
}

// bySubject draws 128 bits for every row from the value of another raw column:
// rows of one subject draw alike, in every run.
type bySubject struct {
	prf *prf
	by  int // raw column
}

// draws calls f with the bits of row i for every row of raw whose subject is
// known; the others are left out.
func (s bySubject) draws(raw *table.Batch, f func(i int, bits *[16]byte)) {
	c := &raw.Cols[s.by]
	var sums [lanes * 16]byte
	src, rows := make([][]byte, 0, lanes), make([]int, 0, lanes)
	flush := func() {
		s.prf.sum(&sums, src)
		for k, i := range rows {
			f(i, (*[16]byte)(sums[k*16:]))
		}
		src, rows = src[:0], rows[:0]
	}
	for i := range c.Len() {
		if v, ok := c.Text(i); ok {
			src, rows = append(src, view(v)), append(rows, i)
			if len(src) == lanes {
				flush()
			}
		}
	}
	flush()
}

// shift moves a date by as many days as its subject draws, from -days to days
// and never 0: what happened to one subject stays as far apart as it was. A row
// without a subject is bad.
type shift struct {
	bySubject
	t    table.Type
	days int
}

func (s shift) Type() table.Type { return s.t }

func (s shift) Mask(c *table.Column, raw *table.Batch) (table.Column, []int) {
	by := make([]int64, c.Len())
	s.draws(raw, func(i int, bits *[16]byte) {
		// 2^64 against 2·days ≤ 7320: the remainder is even but for 1 in 10^15.
		d := int64(binary.BigEndian.Uint64(bits[:])%uint64(2*s.days)) - int64(s.days)
		if d >= 0 {
			d++
		}
		if s.t == table.Timestamp {
			d *= 86400 * 1e6
		}
		by[i] = d
	})
	return mapNumbers(c, func(i int, v int64) (int64, bool) {
		w := v + by[i]
		return w, by[i] != 0 && s.inCalendar(w) && s.inCalendar(v)
	}, nil)
}

func (s shift) inCalendar(v int64) bool {
	if s.t == table.Timestamp {
		v /= 86400 * 1e6
	}
	return v >= minDay && v <= maxDay
}

// The days of the years 1 to 9999.
var (
	minDay = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 86400
	maxDay = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).Unix() / 86400
)

// noise adds to a number what its row draws: a sum of eight uniform numbers of
// 16 bits, scaled to a mean of 0 and a standard deviation of scale. It is nearly
// normal, ends at 4.9 deviations, and comes out alike on every machine, as the
// logarithms of other methods do not. It alone gives no differential privacy:
// package dp does. A row without a subject is bad, and so is a number so large
// that the error is lost in its last digit.
//
// The error is one of 2^19 known multiples of a known unit. A float is therefore
// rounded to that unit before: with its own last digits it would say which
// multiple was added, since all but one would leave a rest of no two decimals.
type noise struct {
	bySubject
	t     table.Type
	scale float64
}

func (s noise) Type() table.Type { return s.t }

// noiseUnit is the standard deviation of the sum: 8 times (2^32-1)/12.
var noiseUnit = math.Sqrt(8.0 * (1<<32 - 1) / 12)

func (s noise) Mask(c *table.Column, raw *table.Batch) (table.Column, []int) {
	add := make([]int, c.Len()) // units
	known := make([]bool, c.Len())
	s.draws(raw, func(i int, bits *[16]byte) {
		sum := 0
		for k := 0; k < 16; k += 2 {
			sum += int(binary.BigEndian.Uint16(bits[k:]))
		}
		add[i], known[i] = sum-4*math.MaxUint16, true
	})
	unit := s.scale / noiseUnit
	return mapNumbers(c, func(i int, v int64) (int64, bool) {
		by := math.Round(float64(float64(add[i]) / noiseUnit * s.scale))
		w := v + int64(by)
		return w, known[i] && (w > v) == (by > 0)
	}, func(i int, v float64) (float64, bool) {
		n := math.Round(v / unit)
		return float64((n + float64(add[i])) * unit), known[i] && !(math.Abs(n) > 1<<52) // a NaN stays one
	})
}
