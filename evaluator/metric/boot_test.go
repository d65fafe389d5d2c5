package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Draws have the mean and variance of Poisson(1), and depend on the seed alone.
func TestBootstrapDraws(t *testing.T) {
	b := NewBootstrap("dispatch@1 public")
	var n, sum, square float64
	for _, w := range b.weight {
		n++
		sum += float64(w)
		square += float64(w) * float64(w)
	}
	mean := sum / n
	if v := square/n - mean*mean; math.Abs(mean-1) > 0.003 || math.Abs(v-1) > 0.006 {
		t.Errorf("mean %v, variance %v, want 1 and 1", mean, v)
	}
	if c := NewBootstrap("dispatch@1 public"); c.seed != b.seed || string(c.weight) != string(b.weight) {
		t.Error("the same seed gave other draws")
	}
	if c := NewBootstrap("dispatch@1 final"); string(c.weight) == string(b.weight) {
		t.Error("another seed gave the same draws")
	}
	var count [Buckets]int
	for i := range 100 * Buckets {
		count[b.Bucket(fmt.Sprint(i))]++
	}
	var chi float64
	for _, c := range count {
		chi += float64(c-100) * float64(c-100) / 100
	}
	if dof := float64(Buckets - 1); math.Abs(chi-dof) > 5*math.Sqrt(2*dof) {
		t.Errorf("rows are not spread evenly over buckets: chi² %v for %v degrees of freedom", chi, dof)
	}
}

// The table of counts agrees with the distribution's own steps, also at their edges.
func TestPoissonTop(t *testing.T) {
	look := func(u uint64) {
		if k := poissonTop[u>>52]; k != several && k != poisson(u) {
			t.Fatalf("%#x: %d by the table, %d by the steps", u, k, poisson(u))
		}
	}
	for _, edge := range poissonCDF {
		look(edge - 1)
		look(edge)
		look(edge + 1)
	}
	rng, decided := rand.New(rand.NewPCG(1, 2)), 0
	for range 1 << 20 {
		u := rng.Uint64()
		look(u)
		if poissonTop[u>>52] != several {
			decided++
		}
	}
	if decided < 99*(1<<20)/100 {
		t.Errorf("the table decides %d of %d", decided, 1<<20)
	}
}

// The 95 % interval covers the true value about 95 times in 100: for a mean of
// skewed losses, for counts, for AUC (DeLong).
func TestIntervalCoverage(t *testing.T) {
	t.Parallel()
	boot := NewBootstrap("coverage")
	rng := rand.New(rand.NewPCG(5, 6))
	const n, trials = 2000, 60
	bucket := make([]uint16, n)
	for i := range bucket {
		bucket[i] = boot.Bucket(fmt.Sprint("row", i))
	}
	classes := Setup{Classes: names(2), Column: "p", Boot: boot}
	for _, c := range []struct {
		use  string
		s    Setup
		want float64
		make func(b *Block, i int)
	}{
		{"accuracy@1", classes, 0.9, func(b *Block, i int) {
			b.Truth.Class[i] = Code(i & 1)
			b.Pred[0].Class[i] = Code(i&1) ^ b2i(rng.Float64() < 0.1)
		}},
		{"mae@1", Setup{Column: "p", Boot: boot}, math.Exp(0.5), func(b *Block, i int) { // lognormal
			b.Truth.Flt[i], b.Pred[0].Flt[i] = 0, math.Exp(rng.NormFloat64())
		}},
		{"roc_auc@1", classes, 0.7602499389065233, func(b *Block, i int) { // normal scores, one apart
			b.Truth.Class[i] = Code(i & 1)
			b.Pred[0].Flt[i] = rng.NormFloat64() + float64(i&1)
		}},
	} {
		m := bind(t, c.use, c.s)
		b := &Block{Rows: n, Bucket: bucket, Truth: Column{Class: make([]Code, n), Flt: make([]float64, n)},
			Pred: []Column{{Class: make([]Code, n), Flt: make([]float64, n)}}}
		covered := 0
		for range trials {
			for i := range n {
				c.make(b, i)
			}
			acc := m.New()
			acc.Add(b)
			r := acc.Result()
			if !(r.Lo <= r.Value && r.Value <= r.Hi && r.Lo < r.Hi) {
				t.Fatalf("%s: interval [%v, %v] around %v", c.use, r.Lo, r.Hi, r.Value)
			}
			if r.Lo <= c.want && c.want <= r.Hi {
				covered++
			}
		}
		if share := float64(covered) / trials; share < 0.88 || share > 0.99 {
			t.Errorf("%s: the 95 %% interval covered %.3f of %d samples", c.use, share, trials)
		} else {
			t.Logf("%s: covered %.3f", c.use, share)
		}
	}
}

func b2i(b bool) Code {
	if b {
		return 1
	}
	return 0
}

// A draw of the flattened stats is the weighted sum of the buckets, whether
// counters are one digit or several, and below 0.
func TestFlatten(t *testing.T) {
	t.Parallel()
	r := splitmix(23)
	boot := NewBootstrap("flat")
	for _, large := range []int64{1, 1 << 20, 1 << 40} {
		m := &additive{boot: boot, counts: 3, sums: 2}
		x := m.New().(*tally)
		for i := range x.n {
			x.n[i] = int64(r.next() % 50)
			for j := range 3 {
				x.counts[3*i+j] = int64(r.next()%9) * large * int64(1-j%2*2)
			}
			for range 3 {
				x.sums[2*i].Add(r.unit() - 0.5)
				x.sums[2*i+1].Add(math.Ldexp(r.unit(), int(r.next()%80)-60))
			}
		}
		f := x.flatten()
		got := stats{counts: make([]int64, 3), sums: make([]Sum, 2)}
		var draws [][]uint8
		for i := range 21 {
			draws = append(draws, boot.weight[i*Buckets:][:Buckets])
		}
		draw := -1
		f.draws(draws, &got, func() {
			draw++
			w := draws[draw]
			want := stats{counts: make([]int64, 3), sums: make([]Sum, 2)}
			for i, k := range w {
				want.n += int64(k) * x.n[i]
				for j := range 3 {
					want.counts[j] += int64(k) * x.counts[3*i+j]
				}
				for j := range 2 {
					for range k {
						want.sums[j].Merge(&x.sums[2*i+j])
					}
				}
			}
			if got.n != want.n || !slices.Equal(got.counts, want.counts) || got.sums[0].big().Cmp(want.sums[0].big()) != 0 || got.sums[1].big().Cmp(want.sums[1].big()) != 0 {
				t.Fatalf("counters of %d, draw %d: %d %v, want %d %v", large, draw, got.n, got.counts, want.n, want.counts)
			}
		})
		if draw != 20 {
			t.Errorf("%d draws", draw+1)
		}
	}
	for draw := range Replicates {
		sum := 0
		for _, k := range boot.weight[draw*Buckets:][:Buckets] {
			sum += int(k)
		}
		if sum >= 1<<15 {
			t.Fatalf("a draw counts %d buckets", sum)
		}
	}
}

// Numbers have the buckets of their decimals.
func TestNumberBuckets(t *testing.T) {
	t.Parallel()
	r := splitmix(29)
	boot := NewBootstrap("numbers")
	keys := []int64{0, 7, -1, -100, -12345, 99, 100, 101, 999, 1000, math.MaxInt64, math.MinInt64}
	for range 2000 {
		keys = append(keys, int64(r.next())>>(r.next()%64), keys[len(keys)-1]+1)
	}
	out := make([]uint16, len(keys))
	boot.NumberBuckets(keys, out)
	for i, v := range keys {
		if want := boot.Bucket(fmt.Sprint(v)); out[i] != want {
			t.Fatalf("%d is in bucket %d, want %d", v, out[i], want)
		}
	}
}

// Many buckets at a time, and several draws, are drawn as one is.
func TestDraw(t *testing.T) {
	t.Parallel()
	r := splitmix(41)
	for _, n := range []int{1, 2, 7, 16, 32, 256} {
		for places := range 10 {
			for draws := 1; draws <= atOnce; draws++ {
				digits, wide := make([]int16, n*places), []int16(nil)
				for i := range digits {
					digits[i] = int16(r.next()%(2*maxDigit+1)) - maxDigit
				}
				var w [][]uint8
				for range draws {
					one := make([]uint8, n)
					for i := range one {
						one[i] = uint8(r.next() % 17)
					}
					w = append(w, one)
				}
				got, want := make([]int32, places*draws), make([]int32, places*draws)
				draw(digits, w, &wide, got)
				drawRows(digits, w, &wide, want)
				if !slices.Equal(got, want) {
					t.Fatalf("%d draws from %d buckets of %d digits: %v, want %v", draws, n, places, got, want)
				}
			}
		}
	}
}

// Rows that are counted beside the counters, several at a time, are counted as one
// is, whatever their number and wherever they begin; bytes run over.
func TestBeside(t *testing.T) {
	t.Parallel()
	r := splitmix(43)
	for _, k := range []int{2, 5, 10, 31, 256} {
		for _, cells := range []int{CoarseBuckets, Buckets} {
			right, classes := newBesideRight(cells), newBesideClasses(k, cells)
			shared := newCensus(cells, k)
			gotRight, wantRight := make([]int64, 2*cells), make([]int64, 2*cells)
			gotClasses, wantClasses := make([]int64, cells*(3*k+1)), make([]int64, cells*(3*k+1))
			for _, n := range []int{0, 1, 7, 8, 15, 16, 17, 511, 512, 530, 1041, 5000} {
				from := int(r.next() % 8)
				b := &Block{Rows: n, Truth: Column{Class: make([]Code, from+n)[from:]}, Pred: []Column{{Class: make([]Code, from+n)[from:]}}}
				cell := make([]uint16, from+n)[from:]
				for i := range n {
					y, p := Code(r.next()%uint64(k)), Code(r.next()%uint64(k+1))-1
					if r.next()%2 == 0 {
						p = y
					}
					if cell[i] = uint16(r.next() % uint64(cells)); n == 5000 { // in few places
						y, p, cell[i] = y%2, p%2, cell[i]%3
					}
					b.Truth.Class[i], b.Pred[0].Class[i] = y, p
					countClass(k, y, p, wantClasses[int(cell[i])*(3*k+1):])
					if wantRight[2*cell[i]]++; y == p {
						wantRight[2*cell[i]]--
						wantRight[2*cell[i]+1]++
					}
				}
				if n > 530 && n%2 == 1 { // some rows are counted for all
					b.Census = shared
					shared.Add(b.Truth.Class, cell)
				}
				right.add(b, cell, gotRight)
				classes.add(b, cell, gotClasses)
				if n == 530 { // settled in between
					right.settle(gotRight)
					classes.settle(gotClasses)
				}
			}
			right.settle(gotRight)
			classes.settle(gotClasses)
			if !slices.Equal(gotRight, wantRight) || !slices.Equal(gotClasses, wantClasses) {
				t.Fatalf("%d classes in %d cells: rows are counted otherwise", k, cells)
			}
		}
	}
}

func BenchmarkNumberBuckets(b *testing.B) {
	boot := NewBootstrap("numbers")
	keys, out := make([]int64, 1<<14), make([]uint16, 1<<14)
	for i := range keys {
		keys[i] = 1_234_567 + int64(i)
	}
	for b.Loop() {
		boot.NumberBuckets(keys, out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(keys)), "ns/row")
}
