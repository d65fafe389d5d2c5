package metric

import "math"

// marks are the scores of rows with the bucket and the class of each, from which
// the placements of an AUC are summed by bucket. DeLong's variance (Biometrics 44
// (1988) 837) is that of the placements; their sums by bucket, under the same draws
// for all submissions, give it for clusters and for differences, too.
type marks struct {
	keys []uint64 // the 51 highest bits of sortable, 12 of the bucket, 1 for a positive
	off  bool     // there were more than maxMarks
}

// maxMarks bounds the memory: 32 MiB, and as much to sort them. Beyond it nothing
// is drawn.
var maxMarks = 1 << 22

const markBits = 13 // of the bucket and the class

func (m *marks) add(b *Block, positive Code) {
	if m.off = m.off || len(m.keys)+b.Rows > maxMarks || len(b.Bucket) < b.Rows; m.off {
		m.keys = nil
		return
	}
	m.keys = room(m.keys, b.Rows)
	for i, v := range b.Pred[0].Flt[:b.Rows] {
		one := uint64(0)
		if b.Truth.Class[i] == positive {
			one = 1
		}
		m.keys = append(m.keys, sortable(v)&^(1<<markBits-1)|uint64(b.Bucket[i])<<1|one)
	}
}

func (m *marks) merge(o *marks) {
	if m.off = m.off || o.off || len(m.keys)+len(o.keys) > maxMarks; m.off {
		m.keys = nil
		return
	}
	m.keys = append(m.keys, o.keys...)
}

// draw returns the AUC under every draw, to first order, and its standard error:
//
//	auc + Σ_b w_b·a_b    a_b = (Σ V_i - p_b·auc)/p·√(p/(p-1)) + (Σ W_j - n_b·auc)/n·√(n/(n-1))
//
// where V is the share of negatives that a positive of bucket b is above (an equal
// one counts ½), W the share of positives that a negative is below, and w the
// bucket's weight. The root makes the variance that of samples, as DeLong's is.
func (m *marks) draw(boot *Bootstrap, auc float64) (sample []float64, se float64) {
	m.keys = radixSort(m.keys)
	var p, n uint64
	for _, k := range m.keys {
		p += k & 1
	}
	if n = uint64(len(m.keys)) - p; m.off || p < 2 || n < 2 {
		return nil, 0
	}
	var sum, count [2][Buckets]uint64 // of half placements, and rows; of negatives, and positives
	var below, notAbove uint64        // negatives below a group of equal scores, and positives up to it
	for i := 0; i < len(m.keys); {
		j, pos := i, uint64(0)
		for j < len(m.keys) && m.keys[j]>>markBits == m.keys[i]>>markBits {
			pos += m.keys[j] & 1
			j++
		}
		neg := uint64(j-i) - pos
		notAbove += pos
		half := [2]uint64{2*(p-notAbove) + pos, 2*below + neg}
		for _, k := range m.keys[i:j] {
			one, bucket := k&1, k>>1&(Buckets-1)
			sum[one][bucket] += half[one]
			count[one][bucket]++
		}
		below += neg
		i = j
	}
	part := make([]float64, Buckets)
	fp, fn := float64(p), float64(n)
	up, un := math.Sqrt(fp/(fp-1))/fp, math.Sqrt(fn/(fn-1))/fn
	for b := range part {
		v := float64(sum[1][b])/(2*fn) - float64(float64(count[1][b])*auc)
		w := float64(sum[0][b])/(2*fp) - float64(float64(count[0][b])*auc)
		part[b] = float64(up*v) + float64(un*w)
	}
	return linear(boot, auc, part)
}

// linear are the values under the draws of a statistic that each bucket, or group
// of them, adds a part to, and the standard error that follows. The parts sum to
// about 0.
func linear(boot *Bootstrap, value float64, part []float64) (sample []float64, se float64) {
	sample = make([]float64, Replicates)
	for r := range sample {
		x := 0.0
		for b, w := range boot.weight[r*Buckets:][:len(part)] {
			x += float64(float64(w) * part[b])
		}
		sample[r] = value + x
	}
	for _, x := range part {
		se += float64(x * x)
	}
	return sample, math.Sqrt(se)
}
