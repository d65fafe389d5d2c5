package metric

import (
	"testing"
)

const benchRows = 10_000_000

var benchData struct {
	class, prob *Block
	boot        *Bootstrap
}

// benchBlocks are ten million rows: ten classes, and float32 probabilities.
func benchBlocks() {
	if benchData.class != nil {
		return
	}
	r := splitmix(42)
	n := benchRows
	c := &Block{Rows: n, Truth: Column{Class: make([]Code, n)}, Pred: []Column{{Class: make([]Code, n)}}}
	p := &Block{Rows: n, Truth: Column{Class: make([]Code, n)}, Pred: []Column{{Flt: make([]float64, n)}}}
	bucket := make([]uint16, n)
	for i := range n {
		x := r.next()
		c.Truth.Class[i] = Code(x % 10)
		c.Pred[0].Class[i] = Code(x % 10)
		if x>>32&3 == 0 {
			c.Pred[0].Class[i] = Code(x >> 40 % 10)
		}
		p.Truth.Class[i] = Code(x & 1)
		p.Pred[0].Flt[i] = float64(float32(0.3*float64(x&1) + 0.7*r.unit()))
		bucket[i] = uint16(x >> 20 % Buckets)
	}
	benchData.boot = NewBootstrap("bench")
	benchData.class, benchData.prob = c, p
	c.Bucket, p.Bucket = bucket, bucket
}

// BenchmarkMetric scores ten million rows in memory, in blocks of 64 Ki rows.
// With intervals it includes the 1,000 replicates.
func BenchmarkMetric(b *testing.B) {
	benchBlocks()
	for _, x := range []struct {
		use   string
		k     int
		block *Block
	}{
		{"accuracy@1", 10, benchData.class}, {"f1@1", 10, benchData.class},
		{"log_loss@1", 2, benchData.prob}, {"brier@1", 2, benchData.prob}, {"roc_auc@1", 2, benchData.prob},
	} {
		for _, boot := range []*Bootstrap{nil, benchData.boot} {
			name, bytes := x.use, int64(8)
			if x.block.Pred[0].Flt != nil {
				bytes = 12
			}
			if boot != nil {
				name += "/interval"
			}
			b.Run(name, func(b *testing.B) {
				m := bind(b, x.use, Setup{Classes: names(x.k), Column: "p", Boot: boot})
				b.SetBytes(bytes * benchRows)
				for b.Loop() {
					acc := m.New()
					for lo := 0; lo < benchRows; lo += 1 << 16 {
						acc.Add(slice(x.block, lo, min(lo+1<<16, benchRows)))
					}
					sink = acc.Result()
				}
				b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
			})
		}
	}
}

var sink Result

func slice(b *Block, lo, hi int) *Block {
	cut := func(c Column) Column {
		if c.Class != nil {
			return Column{Class: c.Class[lo:hi]}
		}
		return Column{Flt: c.Flt[lo:hi]}
	}
	return &Block{Rows: hi - lo, Bucket: b.Bucket[lo:hi], Truth: cut(b.Truth), Pred: []Column{cut(b.Pred[0])}}
}
