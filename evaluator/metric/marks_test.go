package metric

import "testing"

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
