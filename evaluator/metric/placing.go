package metric

import "math"

// placing are the placements of marks: twice their sums, the sums of their squares, and
// by bucket.
type placing struct {
	u    u128
	sq   [2]u128 // of the negatives, and the positives
	p, n uint64
	of   [2 * Buckets]struct{ sum, rows uint64 } // of half placements, and rows: of each bucket's negatives, then its positives
}

// place sums placements; squares of each row are wanted with squares.
func (m *marks) place(squares bool) *placing {
	s := new(placing)
	s.p, s.n = m.totals()
	var below, notAbove uint64 // negatives below a group of equal scores, and positives up to it
	m.inOrder(func(keys []uint64) {
		for i := 0; i < len(keys); {
			if k := keys[i]; i+1 == len(keys) || keys[i+1]>>markBits != k>>markBits { // of no other's score
				one := k >> bucketBits & 1
				notAbove += one
				v, w := 2*below+1-one, 2*(s.p-notAbove)+one
				half := w ^ (v^w)&-one // without a branch
				o := &s.of[k%(2*Buckets)]
				o.sum += half
				o.rows++
				if squares {
					s.sq[one].addSquare1(half)
				}
				below += 1 - one
				i++
				continue
			}
			j, pos, score := i, uint64(0), keys[i]>>markBits
			for ; j < len(keys) && keys[j]>>markBits == score; j++ {
				pos += keys[j] >> bucketBits & 1
			}
			neg := uint64(j-i) - pos
			notAbove += pos
			v, w := 2*below+neg, 2*(s.p-notAbove)+pos
			for _, k := range keys[i:j] {
				o := &s.of[k%(2*Buckets)]
				o.sum += w ^ (v^w)&-(k>>bucketBits&1)
				o.rows++
			}
			if squares {
				s.sq[1].addSquare(pos, v)
				s.sq[0].addSquare(neg, w)
			}
			below += neg
			i = j
		}
	})
	for _, o := range s.of[Buckets:] {
		s.u.add(1, o.sum)
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
	part := make([]float64, Buckets)
	fp, fn := float64(p), float64(n)
	up, un := math.Sqrt(fp/(fp-1))/fp, math.Sqrt(fn/(fn-1))/fn
	for b := range part {
		pos, neg := s.of[Buckets+b], s.of[b]
		v := float64(pos.sum)/(2*fn) - float64(float64(pos.rows)*auc)
		w := float64(neg.sum)/(2*fp) - float64(float64(neg.rows)*auc)
		part[b] = float64(up*v) + float64(un*w)
	}
	return linear(boot, auc, part)
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
			g, one := k&(drawnGroups-1), k>>bucketBits&1
			sum[one][g] += d[one]
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
	acc := make([]int32, atOnce*places)
	var wide []int16
	w := make([][]uint8, atOnce)
	for r := 0; r < Replicates; r += atOnce {
		for i := range w {
			w[i] = boot.weight[(r+i)*Buckets:][:n]
		}
		draw(digit, w, &wide, acc)
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
