package metric

import "math"

// marks are the scores of rows with the bucket and the class of each, from which
// the placements of an AUC are summed by bucket. DeLong's variance (Biometrics 44
// (1988) 837) is that of the placements; their sums by bucket, under the same draws
// for all submissions, give it for clusters and for differences, too.
//
// While all scores are float32 numbers and not negative, and not too many, marks are
// all that is kept of rows: the number's bits stand in them whole.
type marks struct {
	keys   []uint64 // the score, 12 bits of the bucket, 1 for a positive
	off    bool     // there were more than maxMarks
	beside bool     // rows are kept elsewhere, too, and of sortable the 51 highest bits are here
	sorted bool
}

// maxMarks bounds the memory: 32 MiB, and as much to sort them. Beyond it nothing
// is drawn.
var maxMarks = 1 << 22

const markBits = 13 // of the bucket and the class

// add takes rows, or reports that they do not fit.
func (m *marks) add(b *Block, positive Code) bool {
	if m.off = m.off || len(m.keys)+b.Rows > maxMarks || len(b.Bucket) < b.Rows; m.off {
		if m.beside {
			m.keys = nil
		}
		return m.beside
	}
	m.sorted = false
	m.keys = room(m.keys, b.Rows)
	n := len(m.keys)
	keys, truth, bucket := m.keys[n:][:b.Rows], b.Truth.Class[:b.Rows], b.Bucket[:b.Rows]
	for i, v := range b.Pred[0].Flt[:b.Rows] {
		score := sortable(v) &^ (1<<markBits - 1)
		if !m.beside {
			f := float32(v)
			if !(v >= 0 && float64(f) == v && f <= math.MaxFloat32) {
				return false
			}
			score = uint64(math.Float32bits(f)&^(1<<31)) << markBits // -0 is 0
		}
		d := int32(truth[i] ^ positive)
		keys[i] = score | uint64(bucket[i])<<1 | uint64(1+(d|-d)>>31) // 1 for a positive, without a branch
	}
	m.keys = m.keys[:n+b.Rows]
	return true
}

// alone reports whether nothing but marks is kept of rows.
func (m *marks) alone() bool { return !m.beside }

// sort sorts keys by score.
func (m *marks) sort() {
	if !m.sorted {
		m.keys, m.sorted = radixSortAbove(m.keys, markBits), true
	}
}

// groups calls yield for each group of equal scores, from the lowest.
func (m *marks) groups(yield func(keys []uint64, pos, neg uint64)) {
	m.sort()
	for i := 0; i < len(m.keys); {
		j, pos := i, uint64(0)
		for j < len(m.keys) && m.keys[j]>>markBits == m.keys[i]>>markBits {
			pos += m.keys[j] & 1
			j++
		}
		yield(m.keys[i:j], pos, uint64(j-i)-pos)
		i = j
	}
}

// release gives what marks alone kept to the rows of a, and stays beside them.
func (a *aucRows) release() {
	m := &a.marks
	if m.beside {
		return
	}
	m.beside, m.sorted = true, false
	var keys [dealt]uint32
	for i, k := range m.keys {
		bits := uint32(k >> markBits)
		at := i % dealt
		keys[at] = bits<<1 | uint32(k&1)
		m.keys[i] = sortable(float64(math.Float32frombits(bits)))&^(1<<markBits-1) | k&(1<<markBits-1)
		if a.narrow.ones += int(k & 1); at == dealt-1 || i == len(m.keys)-1 {
			a.narrow.deal(keys[:at+1])
		}
	}
	if a.narrow.n += len(m.keys); m.off {
		m.keys = nil
	}
}

// merge adds marks that are beside rows like those of m, or alone like them.
func (m *marks) merge(o *marks) {
	if m.off = m.off || o.off || len(m.keys)+len(o.keys) > maxMarks; m.off {
		m.keys = nil
		return
	}
	m.keys, m.sorted = append(m.keys, o.keys...), false
}

// draw returns the AUC under every draw, to first order, and its standard error:
//
//	auc + Σ_b w_b·a_b    a_b = (Σ V_i - p_b·auc)/p·√(p/(p-1)) + (Σ W_j - n_b·auc)/n·√(n/(n-1))
//
// where V is the share of negatives that a positive of bucket b is above (an equal
// one counts ½), W the share of positives that a negative is below, and w the
// bucket's weight. The root makes the variance that of samples, as DeLong's is.
func (m *marks) draw(boot *Bootstrap, auc float64) (sample []float64, se float64) {
	p, n := m.totals()
	if m.off || p < 2 || n < 2 {
		return nil, 0
	}
	var sum, count [2][Buckets]uint64 // of half placements, and rows; of negatives, and positives
	var below, notAbove uint64        // negatives below a group of equal scores, and positives up to it
	m.groups(func(keys []uint64, pos, neg uint64) {
		notAbove += pos
		half := [2]uint64{2*(p-notAbove) + pos, 2*below + neg}
		for _, k := range keys {
			one, bucket := k&1, k>>1&(Buckets-1)
			sum[one][bucket] += half[one]
			count[one][bucket]++
		}
		below += neg
	})
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

// totals are the positives and the negatives.
func (m *marks) totals() (pos, neg uint64) {
	for _, k := range m.keys {
		pos += k & 1
	}
	return pos, uint64(len(m.keys)) - pos
}

// drawPrecision returns the average precision under every draw, to first order, and
// its standard error: each of 64 groups of buckets weighs as a draw says what the
// derivatives by the weights of its rows sum to (the infinitesimal jackknife; Efron,
// 1982), which is what a jackknife that leaves it out comes to. With T positives and F
// negatives at or above a score, of p positives,
//
//	p·d(positive) = T/(T+F) - ap + Σ F_i/(T_i+F_i)²    p·d(negative) = -Σ T_i/(T_i+F_i)²
//
// where i runs over the positives that are not above the row.
func (m *marks) drawPrecision(boot *Bootstrap, ap float64) (sample []float64, se float64) {
	p, n := m.totals()
	if m.off || p == 0 {
		return nil, 0
	}
	var sum [2][drawnGroups]float64 // negatives and positives apart: rows of equal scores add the same to a sum, in any order
	var rows [drawnGroups]int
	t, f, up, down := float64(p), float64(n), 0.0, 0.0
	m.groups(func(keys []uint64, pos, neg uint64) {
		all := t + f
		each := float64(pos) / float64(all*all)
		up += float64(each * f)
		down += float64(each * t)
		d := [2]float64{-down, t/all - ap + up}
		for _, k := range keys {
			g := k >> 1 & (drawnGroups - 1)
			sum[k&1][g] += d[k&1]
			rows[g]++
		}
		t, f = t-float64(pos), f-float64(neg)
	})
	used := 0
	for _, n := range rows {
		used += min(1, n)
	}
	if used < leastGroups {
		return nil, 0
	}
	root := math.Sqrt(float64(used)/float64(used-1)) / float64(p)
	part := make([]float64, drawnGroups)
	for g := range part {
		part[g] = float64(root * (sum[0][g] + sum[1][g]))
	}
	return linear(boot, ap, part)
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
