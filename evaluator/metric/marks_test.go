package metric

import (
	"math"
	"slices"
	"testing"
)

// Beyond its memory an AUC has no draws, whoever of the shards had too many rows,
// and the value that it has anyway.
func TestMarksAreBounded(t *testing.T) {
	defer func(was int) { maxMarks = was }(maxMarks)
	maxMarks = 100
	boot := NewBootstrap("marks")
	m, faults := Bind("roc_auc@1", Setup{Column: "p", Classes: []string{"no", "yes"}, Boot: boot})
	if faults != nil {
		t.Fatal(faults)
	}
	block := func(n int) *Block {
		b := &Block{Rows: n, Pred: []Column{{}}}
		for i := range n {
			b.Truth.Class = append(b.Truth.Class, Code(i&1))
			b.Pred[0].Flt = append(b.Pred[0].Flt, float64(i%7))
			b.Bucket = append(b.Bucket, boot.Bucket(Number(float64(i))))
		}
		return b
	}
	for _, c := range [][]int{{101}, {60, 60}, {101, 5}, {5, 101}, {50, 50}} {
		var all, plain Accumulator
		for _, n := range c {
			a, p := Drawn(m, boot, [2]float64{0, 1}, false).New(), m.New()
			a.Add(block(n))
			p.Add(block(n))
			if all == nil {
				all, plain = a, p
				continue
			}
			all.Merge(a)
			plain.Merge(p)
		}
		if got, want := all.Result(), plain.Result(); got != want {
			t.Errorf("%v rows: %+v, plainly %+v", c, got, want)
		}
		if s := all.(Sampler).Sample(); (s != nil) != (c[0] == 50) {
			t.Errorf("%v rows: %d draws", c, len(s))
		}
	}
}

// The draws of an average precision by derivatives are those of a jackknife, to first
// order; its value, its interval and its draws are the same bits for any order of rows
// and any shards, and where rows are kept beside the marks.
func TestDrawPrecision(t *testing.T) {
	t.Parallel()
	boot := NewBootstrap("precision")
	m, faults := Bind("average_precision@1", Setup{Column: "p", Classes: []string{"no", "yes"}, Boot: boot})
	if faults != nil {
		t.Fatal(faults)
	}
	const n = 30_000
	r := splitmix(7)
	all := &Block{Rows: n, Pred: []Column{{}}}
	for i := range n {
		y := Code(r.next() % 3 / 2)
		all.Truth.Class = append(all.Truth.Class, y)
		all.Pred[0].Flt = append(all.Pred[0].Flt, float64(r.next()%512+uint64(y)*200)/1024)
		all.Bucket = append(all.Bucket, boot.Bucket(Number(float64(i))))
	}
	d := Drawn(m, boot, [2]float64{0, 1}, false)
	a, old := d.New(), (&parted{m, boot, [2]float64{0, 1}}).New()
	a.Add(all)
	old.Add(all)
	got, want := a.Result(), old.Result()
	if got.Value != want.Value || math.Abs(got.Lo-want.Lo) > 0.02*(want.Hi-want.Lo) || math.Abs(got.Hi-want.Hi) > 0.02*(want.Hi-want.Lo) {
		t.Errorf("%+v, by leaving out groups %+v", got, want)
	}
	x, y := a.(Sampler).Sample(), old.(Sampler).Sample()
	for i := range x {
		if math.Abs(x[i]-y[i]) > 0.05*(want.Hi-want.Lo) {
			t.Fatalf("draw %d: %v, by leaving out groups %v", i, x[i], y[i])
		}
	}

	var parts []Accumulator
	for range 3 {
		parts = append(parts, d.New())
	}
	for i := n - 1; i >= 0; i-- {
		b := &Block{Rows: 1, Truth: Column{Class: all.Truth.Class[i:][:1]}, Pred: []Column{{Flt: all.Pred[0].Flt[i:][:1]}}, Bucket: all.Bucket[i:][:1]}
		parts[i%3].Add(b)
	}
	parts[1].(*curveRows).release()
	for _, p := range parts[1:] {
		parts[0].Merge(p)
	}
	if r := parts[0].Result(); r != got || !slices.Equal(parts[0].(Sampler).Sample(), x) {
		t.Errorf("in another order: %+v, want %+v", r, got)
	}
}

// An AUC that is drawn has the value and the interval of one that is not, and the same
// draws for any shards, and where rows are kept beside the marks: whether scores lie
// evenly in the bins, are the same, crowd in one slot, or do not fit half-way.
func TestMarksInBins(t *testing.T) {
	t.Parallel()
	boot := NewBootstrap("bins")
	m, faults := Bind("roc_auc@1", Setup{Column: "p", Classes: []string{"no", "yes"}, Boot: boot})
	if faults != nil {
		t.Fatal(faults)
	}
	d := Drawn(m, boot, [2]float64{0, 1}, false)
	r := splitmix(31)
	for name, score := range map[string]func(i int) float64{
		"even":           func(int) float64 { return float64(float32(r.unit())) },
		"ties":           func(int) float64 { return float64(r.next()%50) / 64 },
		"one":            func(int) float64 { return 0.25 },
		"all magnitudes": func(int) float64 { return math.Ldexp(1+float64(r.next()%4)/4, -int(r.next()%140)) },
		"crowded": func(i int) float64 {
			return float64(math.Float32frombits(1<<29 + uint32(r.next()%40)<<(14*uint(i%50/49))))
		},
		"not all fit": func(i int) float64 {
			if i == 7777 {
				return 1. / 3
			}
			return float64(float32(r.unit()))
		},
	} {
		const n = 12_000
		all := &Block{Rows: n, Pred: []Column{{}}}
		for i := range n {
			all.Truth.Class = append(all.Truth.Class, Code(r.next()%2))
			all.Pred[0].Flt = append(all.Pred[0].Flt, score(i))
			all.Bucket = append(all.Bucket, uint16(r.next()%Buckets))
		}
		plain, whole, beside := m.New(), d.New(), d.New().(*aucRows)
		plain.Add(all)
		whole.Add(all)
		beside.release()
		beside.Add(all)
		want, got := plain.Result(), whole.Result()
		if got != want || beside.Result() != want {
			t.Errorf("%s: %+v, and %+v beside rows; plainly %+v", name, got, beside.Result(), want)
		}
		draws := whole.(Sampler).Sample()
		if len(draws) != Replicates || name != "not all fit" && !slices.Equal(beside.Sample(), draws) {
			t.Errorf("%s: the %d draws differ beside rows", name, len(draws))
		}
		parts := []Accumulator{d.New(), d.New(), d.New()}
		for i, lo := 0, 0; lo < n; i++ {
			hi := min(n, lo+[]int{5000, 1, 513}[i%3])
			cut := &Block{Rows: hi - lo, Truth: Column{Class: all.Truth.Class[lo:hi]}, Pred: []Column{{Flt: all.Pred[0].Flt[lo:hi]}}, Bucket: all.Bucket[lo:hi]}
			parts[(i+i/7)%3].Add(cut)
			if lo = hi; i == 4 {
				parts[1].Result() // and more comes
			}
		}
		parts[2].Merge(parts[0])
		parts[2].Merge(parts[1])
		if got := parts[2].Result(); got != want || !slices.Equal(parts[2].(Sampler).Sample(), draws) {
			t.Errorf("%s: in parts %+v, want %+v", name, got, want)
		}
	}
}
