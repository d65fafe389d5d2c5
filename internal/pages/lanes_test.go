package pages

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Several values at a time give what one at a time gives, for every length.
func TestLanes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 9))
	odd := []float32{0, float32(math.Copysign(0, -1)), 1, -1, float32(math.NaN()), float32(math.Inf(1)), math.SmallestNonzeroFloat32}
	for n := range 80 {
		xs := make([]int64, n)
		for i := range xs {
			xs[i] = int64(i) * 3
			if i > 0 {
				xs[i] = xs[i-1] + 1 + r.Int64N(1<<40)
			}
		}
		if !Rising(xs) {
			t.Fatalf("%d rising numbers do not rise", n)
		}
		for i := 1; i < n; i++ {
			was := xs[i]
			xs[i] = xs[i-1] - r.Int64N(2)
			if Rising(xs) {
				t.Fatalf("%d numbers, of which number %d does not rise, rise", n, i)
			}
			xs[i] = was
		}
		src, dst := make([]float32, n), make([]float64, n)
		want := uint32(0)
		for i := range src {
			if src[i] = r.Float32(); r.IntN(4) == 0 {
				src[i] = odd[r.IntN(len(odd))]
			}
			want = max(want, math.Float32bits(src[i]))
		}
		if got := Widen(dst, src); got != want {
			t.Fatalf("%d numbers: the greatest bits are %#x, want %#x", n, got, want)
		}
		for i, v := range src {
			if math.Float64bits(dst[i]) != math.Float64bits(float64(v)) && v == v {
				t.Fatalf("%v became %v", v, dst[i])
			}
		}
		index, out, table := make([]uint32, n), make([]int16, n), [8]int16{}
		for i := range table {
			table[i] = int16(r.IntN(1 << 16))
		}
		want = 0
		for i := range index {
			index[i] = r.Uint32() >> (24 + r.IntN(8))
			want = max(want, index[i])
		}
		if got := Look(index, &table, out); got != want {
			t.Fatalf("%d indices: the greatest is %d, want %d", n, got, want)
		}
		for i, x := range index {
			if out[i] != table[x%8] {
				t.Fatalf("%d became %d, want %d", x, out[i], table[x%8])
			}
		}
	}
}

// Every index gets its number, how ever many there are, and what lies behind them stays.
func TestRenumber(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 3))
	numbers := make([]uint32, 1000)
	for i := range numbers {
		numbers[i] = 1 + uint32(r.IntN(1<<30))
	}
	for n := range 70 {
		index, want := make([]uint32, n+20), make([]uint32, n+20)
		for i := range index {
			index[i] = uint32(r.IntN(len(numbers)))
			if want[i] = index[i]; i < n {
				want[i] = numbers[index[i]] - 1
			}
		}
		if renumber(index[:n], numbers); !slices.Equal(index, want) {
			t.Fatalf("%d indices became %d, want %d", n, index, want)
		}
	}
}

// Values of any width are unpacked as one at a time, whatever stands behind them, and
// in pieces as together.
func TestUnpack(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 9))
	for width := range 33 {
		for _, n := range []int{0, 1, 7, 8, 9, 63, 64, 65, 500} {
			want := make([]uint32, n)
			most := uint32(0)
			for i := range want {
				if want[i] = uint32(r.Uint64() & (1<<width - 1)); i/20%3 == 1 {
					want[i] = want[i/20*20] // runs
				}
				most = max(most, want[i])
			}
			packed := pack(nil, want, width)
			for _, behind := range []int{0, 1, 40} {
				got := make([]uint32, n)
				if width > 0 {
					if m := unpackMost(got, append(slices.Clone(packed), make([]byte, behind)...), width); m != most || !slices.Equal(got, want) {
						t.Fatalf("%d values of %d bits: %d, the greatest %d; want %d, %d", n, width, got, m, want, most)
					}
				}
			}
			// Written in pieces, and read in others.
			for _, piece := range []int{1, 5, 16, 100} {
				var b []byte
				var held []uint32
				for from := 0; from < n; from += piece {
					held = append(held, want[from:min(from+piece, n)]...)
					k := 0
					b, k = packSome(b, held, width, from+piece >= n)
					if held = held[k:]; len(held) > 7 {
						t.Fatalf("%d values are left of a piece", len(held))
					}
				}
				d := hybrid[uint32]{src: b, width: width}
				got := make([]uint32, n)
				for from := 0; from < n; from += piece + 3 {
					if err := d.fill(got[from:min(from+piece+3, n)]); err != nil {
						t.Fatalf("%d values of %d bits in pieces of %d: %v", n, width, piece, err)
					}
				}
				if d.most != most || !slices.Equal(got, want) {
					t.Fatalf("%d values of %d bits in pieces of %d: %d, the greatest %d; want %d, %d", n, width, piece, got, d.most, want, most)
				}
			}
		}
	}
}
