package metric

import (
	"math"
	"testing"
)

// What works on several rows at once gives the bits that one row at a time gives,
// for every length and wherever rows begin.
func TestLanes(t *testing.T) {
	t.Parallel()
	makeLn()
	r := splitmix(5)
	edge := []float64{0, math.Copysign(0, -1), 1, -1, 0.5, 0x1p-1022, math.SmallestNonzeroFloat64, 1e-15, 1 - 1e-15, 0.6875, math.Nextafter(0.6875, 0), 1.375,
		math.Nextafter(1, 0), math.Nextafter(1, 2), math.NaN(), math.Inf(1), math.Inf(-1), 1e300}
	for n := range 70 {
		for _, least := range []float64{1e-15, 1e-300, 0x1p-24} {
			from := int(r.next() % 4)
			x, truth := make([]float64, from+n)[from:], make([]Code, from+n)[from:]
			for i := range x {
				if x[i] = r.unit(); r.next()%3 == 0 {
					x[i] = edge[r.next()%uint64(len(edge))]
				} else if r.next()%3 == 0 {
					x[i] = math.Ldexp(x[i], -int(r.next()%900))
				}
				truth[i] = Code(r.next()%4) - 1
			}
			for _, other := range []bool{false, true} {
				out := make([]float64, n)
				either(truth, x, 1, other, out)
				for i, v := range out {
					want := x[i]
					if (truth[i] == 1) == other {
						want = 1 - x[i]
					}
					if math.Float64bits(v) != math.Float64bits(want) && !math.IsNaN(want) {
						t.Fatalf("%d rows: either(%d, %v, %v) is %v", n, truth[i], x[i], other, v)
					}
				}
			}
			out := append([]float64(nil), x...)
			minusLns(out, least, 1-least)
			for i, v := range out {
				want := -ln(max(least, min(1-least, x[i])))
				if math.Float64bits(v) != math.Float64bits(want) && !(math.IsNaN(want) && math.IsNaN(v)) {
					t.Fatalf("%d rows: -ln %v is %v, want %v", n, x[i], v, want)
				}
			}
			a, b, square := make([]Code, from+n)[from:], make([]Code, from+n)[from:], Sum{}
			var same int64
			for i := range a {
				a[i], b[i] = Code(r.next()%31), Code(r.next()%32)-1
				if a[i] == b[i] {
					same++
				}
				if math.Abs(x[i]) < 1e100 {
					square.AddSquare(x[i])
				} else {
					x[i] = 0
				}
			}
			if got := equalCodes(a, b); got != same {
				t.Fatalf("%d rows: %d codes are equal, want %d", n, got, same)
			}
			if got := equalFours(a, b); got != same {
				t.Fatalf("%d rows: %d codes are equal by fours, want %d", n, got, same)
			}
			few, want := make([]int64, 3*31+1), make([]int64, 3*31+1)
			fewCounts(31, a, b, few)
			for i, k := range a {
				p := int(b[i])
				if p < 0 {
					p = 31
				}
				want[31+int(k)]++
				want[62+p]++
				if p == int(k) {
					want[k]++
				}
			}
			for i := range few {
				if few[i] != want[i] {
					t.Fatalf("%d rows: counter %d is %d, want %d", n, i, few[i], want[i])
				}
			}
			var quickly Sum
			quickly.addSquaresQuick(x)
			if quickly.big().Cmp(square.big()) != 0 {
				t.Fatalf("%d rows: squares are %v, want %v", n, quickly.Float(), square.Float())
			}
		}
	}
	long := make([]Code, 1_200_003)
	if got, fours := equalCodes(long, long), equalFours(long, long); got != 1_200_003 || fours != got {
		t.Errorf("%d codes are equal, %d by fours", got, fours)
	}
}
