package metric

import (
	"math"
	"math/bits"
	"slices"
)

// marks are the scores of rows with the bucket and the class of each, from which
// the placements of an AUC are summed by bucket. DeLong's variance (Biometrics 44
// (1988) 837) is that of the placements; their sums by bucket, under the same draws
// for all submissions, give it for clusters and for differences, too.
//
// While all scores are float32 numbers and not negative, and not too many, marks are
// all that is kept of rows: the number's bits stand in them whole.
type marks struct {
	keys   []uint64   // the score, 12 bits of the bucket, 1 for a positive
	more   [][]uint64 // that came since
	n      int        // all of them
	off    bool       // there were more than maxMarks
	beside bool       // rows are kept elsewhere, too, and of sortable the 51 highest bits are here
	sorted bool
}

// maxMarks bounds the memory: 32 MiB, and as much to sort them. Beyond it nothing
// is drawn.
var maxMarks = 1 << 22

const markBits = 13 // of the bucket and the class

// add takes rows, or reports that they do not fit.
func (m *marks) add(b *Block, positive Code) bool {
	if m.off = m.off || m.n+b.Rows > maxMarks || len(b.Bucket) < b.Rows; m.off {
		if m.beside {
			m.keys, m.more, m.n = nil, nil, 0
		}
		return m.beside
	}
	m.sorted = false
	if last := len(m.more) - 1; last < 0 || cap(m.more[last])-len(m.more[last]) < b.Rows {
		m.more = append(m.more, make([]uint64, 0, max(1<<16, b.Rows)))
	}
	last := &m.more[len(m.more)-1]
	keys, truth, bucket := (*last)[len(*last):][:b.Rows], b.Truth.Class[:b.Rows], b.Bucket[:b.Rows]
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
	*last = (*last)[:len(*last)+b.Rows]
	m.n += b.Rows
	return true
}

// whole has all keys in one place.
func (m *marks) whole() {
	m.keys = slices.Grow(m.keys, m.n-len(m.keys))
	for _, keys := range m.more {
		m.keys = append(m.keys, keys...)
	}
	m.more = nil
}

// alone reports whether nothing but marks is kept of rows.
func (m *marks) alone() bool { return !m.beside }

// sort sorts keys by score. Those of marks alone are dealt to bins first, as narrow
// does, and sorted in the cache.
func (m *marks) sort() {
	if m.sorted {
		return
	}
	m.sorted = true
	if m.beside || m.n < narrowBins {
		m.whole()
		m.keys = radixSortAbove(m.keys, markBits)
		return
	}
	parts := append([][]uint64{m.keys}, m.more...)
	var some []uint32
	for _, keys := range parts {
		for i := 0; i < len(keys); i += 1 + m.n>>12 {
			some = append(some, uint32(keys[i]>>markBits<<1))
		}
	}
	scale := narrowScale(some)
	bins := make([]uint16, 0, m.n)
	var end [narrowBins + 1]int
	for _, keys := range parts {
		for _, k := range keys {
			bin := narrowBin(uint32(k>>markBits<<1), scale)
			bins = append(bins, uint16(bin))
			end[bin+1]++
		}
	}
	longest := 0
	for i := range narrowBins {
		longest = max(longest, end[i+1])
		end[i+1] += end[i]
	}
	sorted, at := make([]uint64, m.n), end
	for _, keys := range parts {
		of := bins[:len(keys)]
		bins = bins[len(keys):]
		for i, k := range keys {
			bin := of[i] % narrowBins
			sorted[at[bin]] = k
			at[bin]++
		}
	}
	tmp := make([]uint64, longest)
	for i := range narrowBins {
		sortMarks(sorted[end[i]:end[i+1]], tmp[:end[i+1]-end[i]])
	}
	m.keys, m.more = sorted, nil
}

// sortMarks sorts keys by score: by digits from the lowest, as few as what differs
// needs.
func sortMarks(keys, tmp []uint64) {
	if len(keys) < 2 {
		return
	}
	least, most := keys[0]>>markBits, keys[0]>>markBits
	for _, k := range keys {
		least, most = min(least, k>>markBits), max(most, k>>markBits)
	}
	width := bits.Len64(most - least)
	if width == 0 {
		return
	}
	if len(keys) < 24 {
		for i := 1; i < len(keys); i++ {
			k, j := keys[i], i
			for ; j > 0 && keys[j-1]>>markBits > k>>markBits; j-- {
				keys[j] = keys[j-1]
			}
			keys[j] = k
		}
		return
	}
	const digit = 9 // at most
	passes := (width + digit - 1) / digit
	shift := uint(width+passes-1) / uint(passes)
	mask := uint64(1)<<shift - 1
	from, to := keys, tmp
	for p := range passes {
		var c [1 << digit]uint32
		by := (uint(p)*shift + markBits) & 63
		for _, k := range from {
			c[(k-least<<markBits)>>by&mask&(1<<digit-1)]++
		}
		sum := uint32(0)
		for i, n := range c[:mask+1] {
			c[i] = sum
			sum += n
		}
		for _, k := range from {
			d := (k - least<<markBits) >> by & mask & (1<<digit - 1)
			to[c[d]] = k
			c[d]++
		}
		from, to = to, from
	}
	if passes&1 == 1 {
		copy(keys, tmp)
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
	m.whole()
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
	if a.narrow.n += m.n; m.off {
		m.keys, m.n = nil, 0
	}
}

// merge adds marks that are beside rows like those of m, or alone like them.
func (m *marks) merge(o *marks) {
	if m.off = m.off || o.off || m.n+o.n > maxMarks; m.off {
		m.keys, m.more, m.n = nil, nil, 0
		return
	}
	m.more, m.n, m.sorted = append(append(m.more, o.keys), o.more...), m.n+o.n, false
}

// placing are the placements of marks: twice their sums, the sums of their squares, and
// by bucket.
type placing struct {
	u, sqPos, sqNeg u128
	p, n            uint64
	sum, count      [2][Buckets]uint64 // of half placements, and rows; of negatives, and positives
}

// place sums placements; squares of each row are wanted with squares.
func (m *marks) place(squares bool) *placing {
	m.sort()
	s := new(placing)
	s.p, s.n = m.totals()
	var below, notAbove uint64 // negatives below a group of equal scores, and positives up to it
	for i := 0; i < len(m.keys); {
		j, pos, score := i, uint64(0), m.keys[i]>>markBits
		for ; j < len(m.keys) && m.keys[j]>>markBits == score; j++ {
			pos += m.keys[j] & 1
		}
		neg := uint64(j-i) - pos
		notAbove += pos
		half := [2]uint64{2*(s.p-notAbove) + pos, 2*below + neg}
		for _, k := range m.keys[i:j] {
			one, bucket := k&1, k>>1&(Buckets-1)
			s.sum[one][bucket] += half[one]
			s.count[one][bucket]++
		}
		if s.u.add(pos, half[1]); squares {
			s.sqPos.addSquare(pos, half[1])
			s.sqNeg.addSquare(neg, half[0])
		}
		below += neg
		i = j
	}
	return s
}

// draw returns the AUC under every draw, to first order, and its standard error:
//
//	auc + Σ_b w_b·a_b    a_b = (Σ V_i - p_b·auc)/p·√(p/(p-1)) + (Σ W_j - n_b·auc)/n·√(n/(n-1))
//
// where V is the share of negatives that a positive of bucket b is above (an equal
// one counts ½), W the share of positives that a negative is below, and w the
// bucket's weight. The root makes the variance that of samples, as DeLong's is.
func (s *placing) draw(boot *Bootstrap, auc float64) (sample []float64, se float64) {
	p, n := s.p, s.n
	if p < 2 || n < 2 {
		return nil, 0
	}
	sum, count := &s.sum, &s.count
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
	for _, keys := range append([][]uint64{m.keys}, m.more...) {
		for _, k := range keys {
			pos += k & 1
		}
	}
	return pos, uint64(m.n) - pos
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
// about 0. They are drawn as whole numbers, of 45 bits at most, so that no order of
// theirs matters.
func linear(boot *Bootstrap, value float64, part []float64) (sample []float64, se float64) {
	const digits, places = 3, 4
	most := 0.0
	for _, x := range part {
		se += float64(x * x)
		most = max(most, math.Abs(x))
	}
	_, exp := math.Frexp(most) // below 2^exp
	scale := digits*digitBits - exp
	n := len(part)
	digit := make([]int16, places*n)
	for b, x := range part {
		q := int64(math.Ldexp(x, scale))
		m := magnitude(q)
		for d := range digits {
			digit[d*n+b] = signed15(m>>(digitBits*d)&maxDigit, q < 0)
		}
	}
	sample = make([]float64, Replicates)
	wide, acc := make([]int16, atOnce*n), make([]int32, atOnce*places)
	w := make([][]uint8, atOnce)
	for r := 0; r < Replicates; r += atOnce {
		for i := range w {
			w[i] = boot.weight[(r+i)*Buckets:][:n]
		}
		draw(digit, w, wide, acc)
		for i := range w {
			x := int64(0)
			for d := range digits {
				x += int64(acc[i*places+d]) << (digitBits * d)
			}
			sample[r+i] = value + math.Ldexp(float64(x), -scale)
		}
	}
	return sample, math.Sqrt(se)
}
