package evaluator

import (
	"context"
	"io"
	"math"

	"aihub/evaluator/metric"
	"aihub/internal/pages"
	"aihub/internal/table"
)

// told is the truth of an alignment by its keys, which are whole numbers that rise and
// lie close together: the ids of the predictions say which key each row has, and
// nothing is dealt or sorted. That the ids rise shows that each stands once.
type told struct {
	a      *alignment
	rowKey []byte
	least  int64      // of the keys: place 0
	class  []uint8    // of each place, one more than the class; 0 where there is no row
	value  []float64  // when it is no class; NaN where there is no row
	groups [][]uint16 // of each slice
	bucket []uint16   // nil without intervals
}

// toldMost is how many bytes the truth may take in memory, toldSpread how many places
// there may be for each row, and toldClasses how many classes.
const (
	toldMost    = 64 << 20
	toldSpread  = 4
	toldClasses = 255
)

// tellTruth reads the truth. It is false where that is not as it should be, or too large.
func (a *alignment) tellTruth(ctx context.Context, rowKey []byte) (k *told, ok bool, err error) {
	if a.text || len(a.spec.Truth.Classes) > toldClasses || table.NewRowReader(rowKey) == nil || !a.rising() {
		return nil, false, nil
	}
	k = &told{a: a, rowKey: rowKey}
	s := a.stretch(nil, 0)
	left, err := again(&s.left, a.truth, 0, a.truth.RowGroups(), a.tl)
	if err != nil || !s.by.begin(0, a.truth.RowGroups()) {
		return nil, false, nil
	}
	each := int64(1 + 2*len(s.codes)) // bytes of a place
	if s.label.Flt != nil {
		each += 7
	}
	if a.plan.boot != nil {
		each += 2
	}
	if a.rows > toldMost/each {
		return nil, false, nil
	}
	// Places are made when the keys come to them, in the end for all of them.
	k.groups = make([][]uint16, len(s.codes))
	room, most := 0, min(toldSpread*a.rows, toldMost/each)
	var keys span
	numbers := make([]int64, blockRows)
	for {
		l, err := left.Next(blockRows)
		if err == io.EOF {
			s.by.end()
			return k, keys.some, nil
		}
		if err != nil || nulls(l[:2]) || !s.by.code(l) || !s.values(l[1], s.label, &a.class, nil) {
			return nil, false, nil
		}
		n := l[0].N
		numbers = numbers[:n]
		if whole := l[0].Values; !l[0].Coded && whole.Type == pages.Int64 {
			copy(numbers, whole.Int64s())
		} else {
			for i := range numbers {
				numbers[i] = number(l[0].Bytes(i))
			}
		}
		if !keys.number(numbers[0]) || !pages.Rising(numbers) {
			return nil, false, nil
		}
		k.least, keys.to = keys.from, numbers[n-1]
		if keys.from < 0 || keys.to > table.MostRead || keys.to-keys.from >= most {
			return nil, false, nil
		}
		if boot := a.plan.boot; boot != nil {
			boot.NumberBuckets(numbers, s.bucket[:n])
		}
		if need := int(keys.to-keys.from) + 1; need > room {
			room = max(need, min(int(most), max(int(a.rows), 2*room)))
			k.grow(room)
		}
		for i, v := range numbers {
			at := v - keys.from
			if s.label.Class != nil {
				k.class[at] = uint8(s.label.Class[i] + 1)
			} else {
				k.value[at] = s.label.Flt[i]
			}
			for g, codes := range s.codes {
				k.groups[g][at] = codes[i]
			}
			if k.bucket != nil {
				k.bucket[at] = s.bucket[i]
			}
		}
		a.tell(n)
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
	}
}

// grow makes so many places.
func (k *told) grow(room int) {
	if k.a.class.text != nil {
		k.class = longer(k.class, room)
	} else {
		had := len(k.value)
		k.value = longer(k.value, room)
		for i := had; i < room; i++ {
			k.value[i] = math.NaN()
		}
	}
	for g := range k.groups {
		k.groups[g] = longer(k.groups[g], room)
	}
	if k.a.plan.boot != nil {
		k.bucket = longer(k.bucket, room)
	}
}

// longer is s with zeros behind it.
func longer[T any](s []T, n int) []T { return append(make([]T, 0, n), s...)[:n] }

// run reads the predictions.
func (k *told) run(ctx context.Context, t *tallies) (bool, error) {
	names := make([][2]table.RowName, k.a.pred.RowGroups()) // the first and the last of each row group
	shards := max(1, min(len(t.shards), len(names)))
	ok, err := k.a.eachGroup(shards, k.a.pred, func(i int) func(g int) (bool, error) {
		s, r := k.a.stretch(t, i), newTelling(k.rowKey)
		return func(g int) (ok bool, err error) {
			names[g], ok, err = k.read(ctx, s, r, g)
			return ok, err
		}
	})
	if !ok || err != nil {
		return false, err
	}
	var last table.RowName
	for g, name := range names {
		if k.a.pred.GroupRows(g) == 0 {
			continue
		}
		if g > 0 && last.Compare(name[0]) >= 0 {
			return false, nil
		}
		last = name[1]
	}
	return true, nil
}

// telling reads the ids of rows, some at once.
type telling struct {
	reader *table.RowReader
	text   [][table.RowIDSize]byte
	names  []table.RowName
	keys   []int64
}

func newTelling(rowKey []byte) *telling {
	return &telling{table.NewRowReader(rowKey), make([][table.RowIDSize]byte, table.ReadRows), make([]table.RowName, table.ReadRows), make([]int64, table.ReadRows)}
}

// read scores a row group of the predictions.
func (k *told) read(ctx context.Context, s *stretch, t *telling, g int) (names [2]table.RowName, ok bool, err error) {
	scan, err := again(&s.right, k.a.pred, g, g+1, k.a.pl)
	if err != nil {
		return names, false, nil
	}
	for begun := false; ; {
		r, err := scan.Next(blockRows)
		if err == io.EOF {
			return names, true, nil
		}
		if err != nil || nulls(r) {
			return names, false, nil
		}
		for lo := 0; lo < r[0].N; lo += table.ReadRows {
			n := min(table.ReadRows, r[0].N-lo)
			for i := range n {
				id := r[0].Bytes(lo + i)
				if len(id) != table.RowIDSize {
					return names, false, nil
				}
				t.text[i] = [table.RowIDSize]byte(id)
			}
			if !t.reader.Numbers(t.text[:n], t.names[:n], t.keys) {
				return names, false, nil
			}
			for _, name := range t.names[:n] {
				if begun && names[1].Compare(name) >= 0 {
					return names, false, nil
				}
				if !begun {
					begun, names[0] = true, name
				}
				names[1] = name
			}
			if !k.look(s, t.keys[:n], lo) {
				return names, false, nil
			}
		}
		if !s.predicted(r) {
			return names, false, nil
		}
		k.a.tell(r[0].N)
		if err := ctx.Err(); err != nil {
			return names, false, err
		}
	}
}

// look gives rows from lo on what the truth has of their keys. It is false when it does
// not have one of them.
func (k *told) look(s *stretch, keys []int64, lo int) bool {
	places := uint64(max(len(k.class), len(k.value)))
	for i, v := range keys {
		at := uint64(v - k.least)
		if at >= places {
			return false
		}
		keys[i] = int64(at)
	}
	ok := true
	if out := s.label.Class; out != nil {
		out, all := out[lo:][:len(keys)], metric.Code(0)
		for i, at := range keys {
			out[i] = metric.Code(k.class[at]) - 1
			all |= out[i]
		}
		ok = all >= 0
	} else {
		out := s.label.Flt[lo:][:len(keys)]
		for i, at := range keys {
			out[i] = k.value[at]
			ok = ok && out[i] == out[i] // a number
		}
	}
	if !ok {
		return false
	}
	for g, codes := range s.codes {
		taken(codes[lo:], k.groups[g], keys)
	}
	if s.bucket != nil {
		taken(s.bucket[lo:], k.bucket, keys)
	}
	return true
}

func taken(out, from []uint16, at []int64) {
	out = out[:len(at)]
	for i, x := range at {
		out[i] = from[x]
	}
}
