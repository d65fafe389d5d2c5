package classes

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// byMap counts with a Go map.
func byMap(codes []uint64) Histogram {
	m := map[uint64]int64{}
	for _, c := range codes {
		m[c]++
	}
	sizes := make([]int64, 0, len(m))
	for _, n := range m {
		sizes = append(sizes, n)
	}
	return Of(sizes)
}

// count adds codes by several workers in batches.
func count(t testing.TB, size uint64, o Options, workers int, codes []uint64) Histogram {
	t.Helper()
	c, err := New(size, o)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	per := (len(codes) + workers - 1) / workers
	for i := range workers {
		part := codes[min(i*per, len(codes)):min((i+1)*per, len(codes))]
		w := c.Worker()
		wg.Go(func() {
			for len(part) > 0 {
				n := min(len(part), 1000)
				if err := w.Add(part[:n]); err != nil {
					t.Error(err)
				}
				part = part[n:]
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	h, err := c.Finish(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Every way to count agrees with a map: few codes that repeat beyond a byte,
// many, skewed ones, the ends of the domain.
func TestCountsAgreeWithAMap(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for name, size := range map[string]uint64{"one": 1, "few": 7, "page": 5000, "cache": 3 << 20, "narrow": 50_000_001, "dense": MaxDense, "sparse": MaxDense + 1, "large": 2e9, "largest": MaxDomain} {
		t.Run(name, func(t *testing.T) {
			codes := make([]uint64, 300_000)
			for i := range codes {
				switch c := rng.Uint64N(size); i % 4 {
				case 0, 1:
					codes[i] = c
				case 2:
					codes[i] = c % 97 % size
				default:
					codes[i] = size - 1 - c%(1+size/1000)
				}
			}
			want := byMap(codes)
			if want.Rows() != int64(len(codes)) {
				t.Fatal(want.Rows())
			}
			for _, workers := range []int{1, 3} {
				for _, rows := range []int64{0, 1} {
					if d := cmp.Diff(want, count(t, size, Options{Workers: workers, Rows: rows}, workers, codes)); d != "" {
						t.Error(rows, d)
					}
				}
			}
		})
	}
}

// A sparse counter without memory counts from its file and leaves none.
func TestSpill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	codes := make([]uint64, 2_000_000)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range codes {
		codes[i] = rng.Uint64N(1<<40) % (1 + rng.Uint64N(1<<40))
		if i%3 == 0 {
			codes[i] = 1 << 39 // a class far larger than a table
		}
	}
	o := Options{Workers: 2, Memory: 1 << 16, Dir: dir}
	c, _ := New(1<<40, o)
	w := c.Worker()
	if err := w.Add(codes); err != nil {
		t.Fatal(err)
	}
	if c.counter.(*sparse).file == nil {
		t.Fatal("nothing went to a file")
	}
	if err := c.Drop(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(byMap(codes), count(t, 1<<40, o, 2, codes)); d != "" {
		t.Error(d)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Error(left)
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var d Domain
		var cols [][]uint32
		for range rapid.IntRange(1, 7).Draw(t, "cols") {
			n := rapid.Uint32Range(1, 400).Draw(t, "size")
			d = append(d, uint64(n))
			cols = append(cols, []uint32{rapid.Uint32Range(0, n-1).Draw(t, "v"), n - 1, 0})
		}
		size, ok := d.Size()
		if !ok {
			t.Fatal("too large")
		}
		got := d.Codes(nil, cols...)
		if got[1] != size-1 || got[2] != 0 {
			t.Fatal(got, size)
		}
		rest := got[0]
		for i := len(d) - 1; i >= 0; i-- {
			if uint32(rest%d[i]) != cols[i][0] {
				t.Fatal(i, rest)
			}
			rest /= d[i]
		}
	})
	if _, ok := (Domain{1 << 40, 1 << 40}).Size(); ok {
		t.Error("2^80 codes were taken")
	}
}

func TestWrongCode(t *testing.T) {
	t.Parallel()
	c, err := New(10, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Worker().Add([]uint64{10}); err == nil {
		t.Error("a code beyond the domain was taken")
	}
	if _, err := c.Finish(context.Background()); err == nil {
		t.Error("the result of a failed count was given")
	}
	if _, err := New(0, Options{}); err == nil {
		t.Error("an empty domain was taken")
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	h := Of([]int64{1, 1, 4, 0, 5000, 4, 2})
	if d := cmp.Diff(Histogram{{1, 2}, {2, 1}, {4, 2}, {5000, 1}}, h); d != "" {
		t.Error(d)
	}
	if h.Rows() != 5012 || h.Classes() != 6 || h.Of(4) != 2 || h.Of(3) != 0 || h.Below(4) != 4 || h.From(3).Classes() != 3 {
		t.Error(h.Rows(), h.Classes(), h.Of(4), h.Below(4), h.From(3))
	}
}

func BenchmarkCount(b *testing.B) {
	for _, c := range []struct {
		name string
		size uint64
	}{{"5.5e6", 5_500_000}, {"2^28", MaxDense}, {"2e9", 2_000_000_000}} {
		rng := rand.New(rand.NewPCG(5, 6))
		codes := make([]uint64, 10_000_000)
		for i := range codes {
			codes[i] = rng.Uint64N(c.size)
		}
		for name, f := range map[string]func() Histogram{
			"map":     func() Histogram { return byMap(codes) },
			"one":     func() Histogram { return count(b, c.size, Options{Workers: 1, Rows: int64(len(codes))}, 1, codes) },
			"workers": func() Histogram { return count(b, c.size, Options{Workers: 2, Rows: int64(len(codes))}, 2, codes) },
		} {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(codes)), "ns/row")
			})
		}
	}
}

// The billion: 10^9 rows of four quasi-identifiers (age, sex, district,
// occupation), made while they are counted.
func BenchmarkBillion(b *testing.B) {
	const rows = 1_000_000_000
	for name, d := range map[string]Domain{"dense": {101, 2, 3000, 400}, "sparse": {36525, 2, 3000, 400}} {
		b.Run(name, func(b *testing.B) {
			size, _ := d.Size()
			for b.Loop() {
				c, err := New(size, Options{Workers: 2, Rows: rows, Dir: os.Getenv("AIHUB_BENCH_DIR")})
				if err != nil {
					b.Fatal(err)
				}
				var wg sync.WaitGroup
				for i := range uint64(2) {
					w := c.Worker()
					wg.Go(func() {
						cols := [4][]uint32{}
						for k := range cols {
							cols[k] = make([]uint32, 4096)
						}
						var codes []uint64
						x := i*0x9e3779b97f4a7c15 + 1
						for done := 0; done < rows/2; {
							n := min(4096, rows/2-done)
							for r := range n {
								x = x*6364136223846793005 + 1442695040888963407
								y := x ^ x>>29
								cols[0][r] = uint32(y & 0xffff * d[0] >> 16)
								cols[1][r] = uint32(y >> 16 & 1)
								cols[2][r] = uint32(y >> 20 & 0xffff * d[2] >> 16)
								cols[3][r] = uint32(y >> 40 & 0xffff * d[3] >> 16)
							}
							codes = d.Codes(codes[:0], cols[0][:n], cols[1][:n], cols[2][:n], cols[3][:n])
							if err := w.Add(codes); err != nil {
								b.Error(err)
								return
							}
							done += n
						}
						if err := w.Close(); err != nil {
							b.Error(err)
						}
					})
				}
				wg.Wait()
				h, err := c.Finish(context.Background())
				if err != nil || h.Rows() != rows {
					b.Fatal(err, h.Rows())
				}
				b.ReportMetric(float64(h.Classes()), "classes")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}
