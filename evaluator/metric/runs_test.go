package metric

import (
	"errors"
	"io"
	"math"
	"testing"

	"aihub"
)

// memory is a Scratch in memory that fails after some bytes.
type memory struct {
	b    []byte
	most int
}

func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	if m.most > 0 && int(at)+len(p) > m.most {
		return 0, errors.New("no space")
	}
	m.b = append(m.b[:at], p...)
	return len(p), nil
}

func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > int64(len(m.b)) {
		return 0, io.ErrUnexpectedEOF
	}
	return copy(p, m.b[at:]), nil
}

// scored makes rows of scores with ties; wide ones are no numbers of float32.
func scored(r *splitmix, n int, wide bool) *Block {
	b := &Block{Rows: n, Truth: Column{Class: make([]Code, n)}, Pred: []Column{{Flt: make([]float64, n)}}}
	for i := range n {
		b.Truth.Class[i] = Code(r.next() % 3 / 2)
		b.Pred[0].Flt[i] = float64(float32(r.next()%700) / 512)
		if wide {
			b.Pred[0].Flt[i] = -b.Pred[0].Flt[i] / 3
		}
	}
	return b
}

// What ranks rows gives the same bits from sorted runs on disk as from memory,
// in one accumulator and in shards, some of which never wrote.
func TestRuns(t *testing.T) {
	defer func(n, w int) { narrowKeys, wideKeys = n, w }(narrowKeys, wideKeys)
	for _, use := range []string{"roc_auc@1", "gini@1", "average_precision@1", "ks@1", "partial_auc@1", "precision_at@1", "recall_at@1", "lift@1"} {
		m := bind(t, use, Setup{Classes: names(2), Column: "p", Boot: NewBootstrap("runs")})
		for _, shape := range []string{"narrow", "wide", "narrow, then wide"} {
			r := splitmix(7)
			narrowKeys, wideKeys = 3000, 2000
			plain, one, a, b := m.New(), m.New(), m.New(), m.New()
			files := 0
			open := func() (Scratch, error) { files++; return &memory{}, nil }
			one.(Spiller).Spill(open, new(Memory))
			a.(Spiller).Spill(open, new(Memory))
			b.(Spiller).Spill(open, new(Memory))
			for i := range 30 {
				x := scored(&r, 1000, shape == "wide" || shape != "narrow" && i > 20)
				plain.Add(x)
				one.Add(x)
				if i < 25 {
					a.Add(x)
				} else if i < 27 {
					b.Add(x)
				} else {
					a.Add(x)
				}
			}
			a.Merge(b)
			want := plain.Result()
			if got := one.Result(); got != want || files == 0 {
				t.Errorf("%s, %s: from runs %+v, want %+v (%d files)", use, shape, got, want, files)
			}
			if got := a.Result(); got != want {
				t.Errorf("%s, %s: shards %+v, want %+v", use, shape, got, want)
			}
			for _, x := range []Accumulator{one, a} {
				if err := x.(Spiller).Err(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// A full disk is an error, not a value.
func TestRunsFull(t *testing.T) {
	defer func(n int) { narrowKeys = n }(narrowKeys)
	narrowKeys = 1000
	r := splitmix(9)
	a := bind(t, "roc_auc@1", Setup{Classes: names(2), Column: "p"}).New()
	a.(Spiller).Spill(func() (Scratch, error) { return &memory{most: 10_000}, nil }, new(Memory))
	for range 10 {
		a.Add(scored(&r, 1000, false))
	}
	a.Result()
	if a.(Spiller).Err() == nil {
		t.Error("no error of a full disk")
	}
}

// The exact value lies in the bounds, whatever the scores are, and the bounds
// are as narrow as promised for scores in [0, 1].
func TestAUCBounds(t *testing.T) {
	t.Parallel()
	r := splitmix(5)
	float := func() float64 { return float64(r.next()>>11) / (1 << 53) }
	shapes := map[string]func() float64{
		"uniform":  float,
		"near 0":   func() float64 { return float() * 1e-9 },
		"any bits": func() float64 { return math.Float64frombits(r.next()) },
		"signs":    func() float64 { return 4*float() - 2 },
		"logits":   func() float64 { return -math.Log(1/float() - 1) },
		"large":    func() float64 { return 1e6 + 1e9*float() },
		"constant": func() float64 { return 0.25 },
		"ends":     func() float64 { return float64(r.next() % 2) },
	}
	const n = 20_000
	for shape, next := range shapes {
		b := &Block{Rows: n, Truth: Column{Class: make([]Code, n)}, Pred: []Column{{Flt: make([]float64, n)}}}
		for i := range n {
			b.Truth.Class[i] = Code(r.next() & 1)
			for b.Pred[0].Flt[i] = next(); b.Pred[0].Flt[i]-b.Pred[0].Flt[i] != 0; {
				b.Pred[0].Flt[i] = next()
			}
		}
		exact := bind(t, "roc_auc@1", Setup{Classes: names(2), Column: "p"}).New()
		exact.Add(b)
		v := exact.Result().Value
		whole, half := NewAUCBounds(1), NewAUCBounds(1)
		whole.Add(b.Truth.Class[:n/3], b.Pred[0].Flt[:n/3])
		half.Add(b.Truth.Class[n/3:], b.Pred[0].Flt[n/3:])
		whole.Merge(half)
		lo, hi, ok := whole.Bounds()
		if !ok || v < lo || v > hi {
			t.Errorf("%s: %v is outside [%v, %v] (%v)", shape, v, lo, hi, ok)
		}
		if most := map[string]float64{"uniform": 2e-6, "near 0": 0.02, "signs": 0.01, "logits": 0.004, "large": 0.02}[shape]; most > 0 && hi-lo > most {
			t.Errorf("%s: a width of %g", shape, hi-lo)
		}
	}
	// Equal scores are counted beyond what a byte holds.
	many := NewAUCBounds(1)
	for range 3 {
		many.Add(make([]Code, 300), make([]float64, 300))
	}
	many.Bounds()
	if k := 2 * aucBin(0); many.count[k] != 900 || many.count[k+1] != 0 {
		t.Errorf("%d negatives and %d positives of 900 negatives", many.count[k], many.count[k+1])
	}
	if _, _, ok := NewAUCBounds(1).Bounds(); ok {
		t.Error("no rows have bounds")
	}
	one := NewAUCBounds(1)
	one.Add([]Code{1, 1}, []float64{0.1, 0.2})
	if _, _, ok := one.Bounds(); ok {
		t.Error("one class has bounds")
	}
	nan := NewAUCBounds(1)
	nan.Add([]Code{1, 0}, []float64{0.1, math.NaN()})
	if _, _, ok := nan.Bounds(); ok {
		t.Error("NaN has bounds")
	}
	for lo, hi := -3.0, -3.0; lo < 3; lo = hi {
		if hi = lo + 0.001; aucBin(lo) > aucBin(hi) {
			t.Fatalf("the bin falls between %v and %v", lo, hi)
		}
	}
	last := uint32(0)
	for _, v := range []float64{-math.MaxFloat64, -1, -5e-324, 0, math.Copysign(0, -1), 5e-324, math.Nextafter(aucLinear, 0), aucLinear, math.Nextafter(aucLinear, 1), math.Nextafter(1, 0), 1, math.Nextafter(1, 2), 2, math.MaxFloat64} {
		k := aucBin(v)
		if k < last || k >= aucInner+aucOuter || v == 0 && k != aucBin(0) {
			t.Fatalf("%v is in bin %d, after %d", v, k, last)
		}
		last = k
	}
}

// A metric that keeps every row keeps none of too many, in however many shards.
func TestTooManyRows(t *testing.T) {
	t.Parallel()
	m := bind(t, "ece_mass@1", Setup{Classes: names(2), Column: "p", Params: map[string]any{"kind": "positive"}})
	m.(*massError).most = 100
	r := splitmix(3)
	block := func(n int) *Block {
		b := scored(&r, n, false)
		for i, v := range b.Pred[0].Flt {
			b.Pred[0].Flt[i] = v / 2
		}
		return b
	}
	a, b := m.New(), m.New()
	a.Add(block(60))
	b.Add(block(40))
	a.Merge(b)
	if got := a.Result(); got.N != 100 || got.Status == aihub.MetricUndefined {
		t.Errorf("%+v", got)
	}
	if n := cap(a.(*massRows).rows); n != 100 {
		t.Errorf("room for %d rows, of 100", n)
	}
	c := m.New()
	c.Add(block(1))
	for _, x := range []Accumulator{a, c} {
		if x == a {
			x.Merge(c)
		} else {
			x.Add(block(100))
		}
		if got := x.Result(); got.N != 101 || got.Reason != TooManyRows || x.(*massRows).rows != nil {
			t.Errorf("%+v", got)
		}
	}
}
