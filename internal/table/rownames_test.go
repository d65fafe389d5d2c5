package table

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// Many rows are called what each alone is called, whatever the lengths of keys and
// of the row key.
func TestRowNames(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 32, 63, 64, 65, 200} {
		rowKey := make([]byte, size)
		for i := range rowKey {
			rowKey[i] = byte(r.Uint32())
		}
		namer := NewRowNamer(rowKey)
		for _, n := range []int{0, 1, 2, 3, 63, 64, 65, 300} {
			keys := make([]string, n)
			for i := range keys {
				keys[i] = strings.Repeat("键", r.IntN(22)) + strings.Repeat("x", r.IntN(4))
			}
			out := make([]RowName, n)
			namer.Names(out, func(dst []byte, i int) []byte { return append(dst, keys[i]...) })
			for i, key := range keys {
				want := RowID(rowKey, key)
				if got := string(out[i].Append(nil)); got != want {
					t.Fatalf("row key of %d bytes: %q is %s, want %s", size, key, got, want)
				}
				if back, ok := ParseRowName([]byte(want)); !ok || back != out[i] {
					t.Fatalf("%s is read as %x", want, back)
				}
				for _, bad := range []string{want[1:], want + "0", want[:31] + "g", "/" + want[1:], want[:7] + ":" + want[8:], want[:20] + "A" + want[21:], want[:9] + "\xe1" + want[10:]} {
					if _, ok := ParseRowName([]byte(bad)); ok {
						t.Fatalf("%q is read as an id", bad)
					}
				}
			}
		}
	}
	for _, v := range []uint32{0, 1, 0x9abcdef0, 0xffffffff, 0x0a0b0c0d} {
		if got := string(RowName{uint64(v) << 32, 0}.Append(nil)[:8]); got != fmt.Sprintf("%08x", v) {
			t.Errorf("%08x is written %s", v, got)
		}
	}
}

func BenchmarkRowNames(b *testing.B) {
	namer, out := NewRowNamer(make([]byte, 32)), make([]RowName, 1<<14)
	for b.Loop() {
		namer.Names(out, func(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(1_000_000+i), 10) })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(out)), "ns/row")
}
