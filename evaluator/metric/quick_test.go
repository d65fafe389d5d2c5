package metric

import (
	"cmp"
	"math"
	"slices"
	"testing"
)

// What a quick holds is, to the last bit, what Sum.Add would have made of it.
func TestQuick(t *testing.T) {
	t.Parallel()
	r := splitmix(11)
	edge := []float64{0, math.Copysign(0, -1), 1, -1, 2, -2, math.Nextafter(2, 3), 4, 0x1p-40, math.Nextafter(0x1p-40, 0), 0x1p12, math.Nextafter(0x1p12, 0),
		0x1p-53, 0x1p-54, math.SmallestNonzeroFloat64, math.MaxFloat64 / 1e200, 1 - 0x1p-53, 0.1, 36.04365338911715}
	for round := range 200 {
		var q quick
		var sq square
		var fast, slow, fastSq, slowSq, all, allSq Sum
		var xs []float64
		var rows int64
		for i := range 3*maxQuick + round {
			x := edge[int(r.next()%uint64(len(edge)))]
			switch i % 4 {
			case 0:
				x = r.unit()
			case 1:
				x = float64(float32(r.unit())) * 30
			case 2:
				x = math.Ldexp(r.unit()-0.5, int(r.next()%120)-90)
			}
			if math.Abs(x) < 1e100 {
				xs = append(xs, x)
			}
			q.add(&fast, x, &rows)
			slow.Add(x)
			if math.Abs(x) < 1e100 {
				if m, ok := wholeOf(x); !ok {
					fastSq.AddSquare(x)
				} else if sq.add(m) {
					sq.flush(&fastSq)
				}
				slowSq.AddSquare(x)
			}
		}
		q.flush(&fast)
		sq.flush(&fastSq)
		for at := 0; at < len(xs); at += maxQuick {
			part := xs[at:min(at+maxQuick, len(xs))]
			allSq.addSquaresQuick(part)
			all.addQuick(part)
		}
		var left Sum
		for _, x := range xs {
			left.Add(x)
		}
		// By cells: each value goes to the sum of its own.
		var hi, lo [maxQuick]uint64
		qs, sums, want := make([]quick, 8), make([]Sum, 16), make([]Sum, 8)
		qsSq, sumsSq, wantSq := make([]square, 8), make([]Sum, 8), make([]Sum, 8)
		full := [2][]int64{make([]int64, 8), make([]int64, 8)}
		var over [maxQuick]uint16
		fine := newFineSquares(8)
		squared := squareCells{qsSq, sumsSq, 1, full[1], fine, &over}
		for at := 0; at < len(xs); at += maxQuick {
			part := xs[at:min(at+maxQuick, len(xs))]
			cell := make([]uint16, len(part))
			for i, x := range part {
				cell[i] = uint16(r.next() % uint64(1+round%8))
				want[cell[i]].Add(x)
				wantSq[cell[i]].AddSquare(x)
			}
			plain := cells{qs, sums, 2, full[0]}
			plain.add(cell, part, &hi, &lo)
			squared.add(cell, part, &hi)
		}
		fine.flush(&squared)
		for c := range qs {
			if full[0][c]+int64(qs[c].n) != full[1][c]+int64(qsSq[c].hi/squareOne) {
				t.Fatalf("round %d: cell %d has %d values and %d squares", round, c, full[0][c]+int64(qs[c].n), full[1][c]+int64(qsSq[c].hi/squareOne))
			}
			qs[c].flush(&sums[2*c])
			if sums[2*c].big().Cmp(want[c].big()) != 0 {
				t.Fatalf("round %d: cell %d is %v, want %v", round, c, sums[2*c].Float(), want[c].Float())
			}
			qsSq[c].flush(&sumsSq[c])
			if sumsSq[c].big().Cmp(wantSq[c].big()) != 0 {
				t.Fatalf("round %d: squares of cell %d are %v, want %v", round, c, sumsSq[c].Float(), wantSq[c].Float())
			}
		}
		if all.big().Cmp(left.big()) != 0 || allSq.big().Cmp(slowSq.big()) != 0 {
			t.Fatalf("round %d: blocks give %v, want %v; squares %v, want %v", round, all.Float(), left.Float(), allSq.Float(), slowSq.Float())
		}
		if fast.big().Cmp(slow.big()) != 0 || fastSq.big().Cmp(slowSq.big()) != 0 {
			t.Fatalf("round %d: %v, want %v; squares %v, want %v", round, fast.Float(), slow.Float(), fastSq.Float(), slowSq.Float())
		}
	}
}

// Squares of numbers of which few are odd are, by cell, what Sum.AddSquare makes of them,
// and every row is counted once, also where a sum runs over and in between lie numbers
// of which most are odd.
func TestFineSquares(t *testing.T) {
	t.Parallel()
	r := splitmix(29)
	edge := []float64{0, 1, -1, 2, -2, math.Copysign(0, -1), 0x1p-30, 0x1p-31, 1 - 0x1p-30, math.NaN(), 3, 0x1p-60, 1e-9}
	for round := range 60 {
		cells := 1 << (round % 5)
		var full [maxQuick]uint16
		var scratch [maxQuick]uint64
		q := squareCells{make([]square, cells), make([]Sum, 2*cells), 2, make([]int64, cells), newFineSquares(cells), &full}
		want, rows := make([]Sum, cells), make([]int64, cells)
		for block := range 40 {
			xs := make([]float64, maxQuick)
			if block%7 == 6 {
				xs = xs[:r.next()%maxQuick]
			}
			cell := make([]uint16, len(xs))
			for i := range xs {
				xs[i] = math.Ldexp(float64(r.next()>>34), -30) // in [0, 1)
				switch {
				case r.next()%40 == 0:
					xs[i] = edge[r.next()%uint64(len(edge))]
				case block%5 == 4:
					xs[i] = r.unit()
				case round%2 == 1:
					xs[i]--
				}
				cell[i] = uint16(r.next() % uint64(cells))
				want[cell[i]].AddSquare(xs[i])
				rows[cell[i]]++
			}
			q.add(cell, xs, &scratch)
			if block%16 == 3 {
				q.fine.flush(&q)
			}
		}
		q.fine.flush(&q)
		for c := range cells {
			q.rows[c] += int64(q.q[c].hi / squareOne)
			q.q[c].flush(&q.sums[2*c])
			if got := &q.sums[2*c]; got.Finite() != want[c].Finite() || got.big().Cmp(want[c].big()) != 0 || q.rows[c] != rows[c] {
				t.Fatalf("round %d: cell %d is %v of %d rows, want %v of %d", round, c, got.Float(), q.rows[c], want[c].Float(), rows[c])
			}
		}
	}
}

// Scores that fit 32 bits give what they would give in 64, in shards of both.
func TestNarrowScores(t *testing.T) {
	t.Parallel()
	r := splitmix(3)
	m := bind(t, "roc_auc@1", Setup{Classes: names(2), Column: "p", Boot: NewBootstrap("narrow")})
	for _, n := range []int{50, 20_000} {
		b := &Block{Rows: n, Truth: Column{Class: make([]Code, n)}, Pred: []Column{{Flt: make([]float64, n)}}}
		for i := range n {
			b.Truth.Class[i] = Code(r.next() & 1)
			b.Pred[0].Flt[i] = float64(float32(r.next()%5000) / 4096)
			if i%9 == 0 {
				b.Pred[0].Flt[i] = math.Copysign(0, float64(i%2)-0.5)
			}
		}
		narrow, wide, mixed, half := m.New(), m.New(), m.New(), m.New()
		narrow.Add(b)
		wide.(*aucRows).widen()
		wide.Add(b)
		h := n / 2
		mixed.(*aucRows).widen()
		mixed.Add(&Block{Rows: h, Truth: Column{Class: b.Truth.Class[:h]}, Pred: []Column{{Flt: b.Pred[0].Flt[:h]}}})
		half.Add(&Block{Rows: n - h, Truth: Column{Class: b.Truth.Class[h:]}, Pred: []Column{{Flt: b.Pred[0].Flt[h:]}}})
		mixed.Merge(half)
		if narrow.(*aucRows).wide {
			t.Error("float32 scores are kept wide")
		}
		want := wide.Result()
		if got := narrow.Result(); got != want {
			t.Errorf("%d rows: narrow %+v, wide %+v", n, got, want)
		}
		if got := mixed.Result(); got != want {
			t.Errorf("%d rows: shards %+v, want %+v", n, got, want)
		}
	}
}

// Scores of 32 bits give the AUC and the interval that 64 bits give, however many
// they are, wherever they lie, and in whatever shards they came. Neither one that
// is far above all others nor scores that are small leave the bins empty.
func TestNarrowShards(t *testing.T) {
	t.Parallel()
	r := splitmix(17)
	m := bind(t, "roc_auc@1", Setup{Classes: names(2), Column: "p", Boot: NewBootstrap("narrow")})
	draw := map[string]func() float64{
		"uniform": r.unit,
		"small":   func() float64 { return r.unit() / 1000 },
		"ties":    func() float64 { return float64(r.next()%7) / 8 },
		"one":     func() float64 { return 0.25 },
		"odds":    func() float64 { return r.unit() / (1 - r.unit()) },
		"scales":  func() float64 { return math.Ldexp(r.unit(), -int(r.next()%160)) },
	}
	first := map[string]float64{"one outlier first": 0x1p100}
	draw["one outlier first"], draw["all < 1e-4"] = r.unit, func() float64 { return r.unit() * 1e-4 }
	for name, draw := range draw {
		for _, n := range []int{1, 300, 40_000, 1_000_000} {
			far := name == "one outlier first" || name == "all < 1e-4"
			if n > 40_000 && name != "uniform" && name != "scales" && name != "odds" && !far {
				continue
			}
			var parts []*Block
			for left := n; left > 0; {
				k := min(left, 1+int(r.next()%20_000))
				b := &Block{Rows: k, Truth: Column{Class: make([]Code, k)}, Pred: []Column{{Flt: make([]float64, k)}}}
				for i := range k {
					b.Truth.Class[i] = Code(r.next() % 3 / 2)
					b.Pred[0].Flt[i] = float64(float32(draw()))
				}
				if left == n {
					b.Pred[0].Flt[0] = cmp.Or(first[name], b.Pred[0].Flt[0])
				}
				parts, left = append(parts, b), left-k
			}
			wide := m.New()
			wide.(*aucRows).widen()
			shards := []Accumulator{m.New(), m.New(), m.New()}
			for i, b := range parts {
				wide.Add(b)
				shards[i%len(shards)].Add(b)
			}
			shards[1].Merge(shards[2])
			shards[0].Merge(shards[1])
			if s := &shards[0].(*aucRows).narrow; far && n > 3*narrowFew {
				if s.at == nil {
					t.Fatalf("%s, %d rows: no bins", name, n)
				}
				for bin := range narrowBins {
					if keys := s.bin(bin, nil); len(keys) > n/narrowBins*3 {
						t.Fatalf("%s, %d rows: bin %d has %d", name, n, bin, len(keys))
					}
				}
			}
			want := wide.Result()
			if got := shards[0].Result(); got != want {
				t.Errorf("%s, %d rows: %+v, want %+v", name, n, got, want)
			}
			if got := shards[0].Result(); got != want {
				t.Errorf("%s, %d rows: asked again: %+v, want %+v", name, n, got, want)
			}
			shards[0].(*aucRows).widen()
			if got := shards[0].Result(); got != want {
				t.Errorf("%s, %d rows: widened: %+v, want %+v", name, n, got, want)
			}
		}
	}
}

// Scores of any sign and of 64 bits give the AUC of their order, which is counted here
// by sorting, also where others, in the same shard or in another, would fit 32 bits.
func TestScoresOfAnySign(t *testing.T) {
	t.Parallel()
	r := splitmix(23)
	m := bind(t, "roc_auc@1", Setup{Classes: names(2), Column: "p", Boot: NewBootstrap("signs")})
	draws := map[string]func() float64{
		"signs of 32 bits": func() float64 { return float64(float32(r.unit() - 0.5)) },
		"64 bits":          r.unit,
		"signs of 64 bits": func() float64 { return r.unit() - 0.5 },
		"all below 0":      func() float64 { return -float64(1+r.next()%50) / 16 },
		"one step apart":   func() float64 { return math.Float64frombits(math.Float64bits(0.3) + r.next()%9) },
		"all sizes":        func() float64 { return math.Ldexp(r.unit()-0.5, int(r.next()%2000)-1000) },
		"zeros":            func() float64 { return math.Copysign(float64(r.next()%2)*5e-324, r.unit()-0.5) },
	}
	for name, draw := range draws {
		for _, n := range []int{40, 3000, 50_000} {
			b := &Block{Rows: n, Truth: Column{Class: make([]Code, n)}, Pred: []Column{{Flt: make([]float64, n)}}}
			order := make([]int, n)
			for i := range n {
				b.Truth.Class[i] = Code(r.next() % 3 / 2)
				b.Pred[0].Flt[i] = draw()
				if i < n/3 { // fits 32 bits
					b.Pred[0].Flt[i] = float64(float32(math.Abs(draw())))
				}
				if x := b.Pred[0].Flt[i]; math.IsInf(x, 0) {
					b.Pred[0].Flt[i] = 1
				}
				order[i] = i
			}
			b.Truth.Class[0], b.Truth.Class[n-1] = 0, 1
			slices.SortFunc(order, func(i, j int) int { return cmp.Compare(b.Pred[0].Flt[i], b.Pred[0].Flt[j]) })
			var pos, neg, twice uint64 // twice what the positives are above
			for at := 0; at < n; {
				var p, q uint64
				for v := b.Pred[0].Flt[order[at]]; at < n && b.Pred[0].Flt[order[at]] == v; at++ {
					p += uint64(b.Truth.Class[order[at]])
					q += uint64(1 - b.Truth.Class[order[at]])
				}
				twice += p * (2*neg + q)
				pos, neg = pos+p, neg+q
			}
			want := float64(twice) / float64(2*pos*neg)
			part := func(lo, hi int) *Block {
				return &Block{Rows: hi - lo, Truth: Column{Class: b.Truth.Class[lo:hi]}, Pred: []Column{{Flt: b.Pred[0].Flt[lo:hi]}}}
			}
			whole, shards := m.New(), []Accumulator{m.New(), m.New()}
			for lo := 0; lo < n; lo += 1000 {
				whole.Add(part(lo, min(lo+1000, n)))
				shards[lo/1000%2].Add(part(lo, min(lo+1000, n)))
			}
			shards[1].Merge(shards[0])
			one, two := whole.Result(), shards[1].Result()
			if one != two {
				t.Errorf("%s, %d rows: %+v whole and %+v in shards", name, n, one, two)
			}
			if math.Abs(one.Value-want) > 1e-15 {
				t.Errorf("%s, %d rows: %v, not %v", name, n, one.Value, want)
			}
		}
	}
}

// Shards whose bins are of different widths are dealt anew, and nothing is held
// twice but a slab.
func TestNarrowMerge(t *testing.T) {
	t.Parallel()
	r := splitmix(19)
	var s, o narrow
	var want []uint32
	for i, to := range []*narrow{&s, &o} {
		n, most := narrowFew+70_000, []float64{1, 8}[i]
		truth, score := make([]Code, n), make([]float64, n)
		for i := range n {
			truth[i], score[i] = Code(r.next()&1), float64(float32(most*r.unit()))
			want = append(want, math.Float32bits(float32(score[i]))<<1|uint32(truth[i]))
		}
		to.add(truth, score, 1)
	}
	slabs := o.slabs
	if s.scale == o.scale || len(slabs) < 3 {
		t.Fatalf("scales %v and %v, %d slabs", s.scale, o.scale, len(slabs))
	}
	s.merge(&o)
	for i, slab := range slabs[:len(slabs)-1] {
		if slab != nil {
			t.Errorf("slab %d of %d is still held", i, len(slabs))
		}
	}
	var got []uint32
	s.each(func(keys []uint32) { got = append(got, keys...) })
	slices.Sort(want)
	if s.n != len(want) || !slices.Equal(got, want) {
		t.Errorf("%d keys (%d), want %d", len(got), s.n, len(want))
	}
}
