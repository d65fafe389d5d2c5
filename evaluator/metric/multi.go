package metric

import (
	"math"
	"math/big"

	"aihub"
)

func init() {
	// The truth among the k best, with the expected value under random order of
	// equal scores: scikit-learn takes the order of the columns.
	register("top_k@1", func(s Setup, a args) Metric {
		k, p := int(a.num["k"]), scoresOf(s, a)
		return mean(s, a, func(b *Block, lo, hi int, out []float64) {
			for i := lo; i < hi; i++ {
				row, t := p(b, i)
				own := row[t]
				above, equal, bad := 0, 0, false
				for _, v := range row {
					bad = bad || v != v
					if v > own {
						above++
					} else if v == own {
						equal++
					}
				}
				switch {
				case bad:
					out[i-lo] = math.NaN()
				case above+equal <= k:
					out[i-lo] = 1
				case above >= k:
					out[i-lo] = 0
				default:
					out[i-lo] = float64(k-above) / float64(equal)
				}
			}
		})
	})
	calibration := func(use string, of func(n, rows int64, gap float64) float64, most bool) {
		register(use, func(s Setup, a args) Metric { return calibrated(s, a, of, most) })
	}
	calibration("ece@1", func(n, rows int64, gap float64) float64 { return gap / float64(rows) }, false)
	calibration("mce@1", func(n, rows int64, gap float64) float64 { return gap / float64(n) }, true)

	register("roc_auc_multi@1", func(s Setup, a args) Metric {
		k := len(a.cols)
		if k == 1 {
			k = 2
		}
		return &multiAUC{a.signed, k, a.str["average"], scoresOf(s, a)}
	})
}

// scoresOf gives the scores of row i, one for each class, and its class. With
// one column there are two classes: the rest, and the positive one. The slice
// is the callee's, until the next call.
func scoresOf(s Setup, a args) func(b *Block, i int) ([]float64, int) {
	if len(a.cols) > 1 {
		return func(b *Block, i int) ([]float64, int) {
			row := make([]float64, len(b.Pred), 16)
			for j := range row {
				row[j] = b.Pred[j].Flt[i]
			}
			return row, int(b.Truth.Class[i])
		}
	}
	one := Code(a.one)
	return func(b *Block, i int) ([]float64, int) {
		p := b.Pred[0].Flt[i]
		if b.Truth.Class[i] == one {
			return []float64{1 - p, p}, 1
		}
		return []float64{1 - p, p}, 0
	}
}

// calibrated compares confidence with how often it is right, in bins of equal
// width ((a, b], the first with its lower end). With kind top_label confidence
// is the largest probability, and right is the share of the truth among equal
// largest ones; with kind positive it is the positive class's own. Empty bins
// weigh nothing.
func calibrated(s Setup, a args, of func(n, rows int64, gap float64) float64, most bool) Metric {
	bins := int(a.num["bins"])
	p := scoresOf(s, a)
	positive := a.str["kind"] == "positive" && len(a.cols) == 1
	m := &additive{signed: a.signed, boot: s.Boot, counts: bins, sums: bins}
	if bins > maxCellClasses {
		m.boot = nil
	}
	m.each = func(b *Block, cell []uint16, counts []int64, sums []Sum) {
		for i := range b.Rows {
			row, t := p(b, i)
			conf, right := confidence(row, t, positive)
			at := widthBin(conf, bins)
			if cell != nil {
				at += int(cell[i]) * bins
			}
			counts[at]++
			sums[at].Add(conf - right)
		}
	}
	m.value = func(st *stats) Result {
		var sum float64
		for i, n := range st.counts {
			if n == 0 {
				continue
			}
			v := of(n, st.n, math.Abs(st.sums[i].Float()))
			if most {
				sum = max(sum, v)
			} else {
				sum += v
			}
		}
		return Result{Value: sum}
	}
	return m
}

// multiAUC averages AUCs of several classes: of each against the rest (ovr), or
// of each pair, both ways (ovo; Hand and Till, 2001), plain or weighted by rows.
type multiAUC struct {
	signed
	k       int
	average string
	scores  func(b *Block, i int) ([]float64, int)
}

func (m *multiAUC) New() Accumulator {
	r := &multiRows{m: m, keys: make([][][]uint64, m.k)}
	for t := range r.keys {
		r.keys[t] = make([][]uint64, m.k)
	}
	return r
}

// multiRows keeps, for each class of the truth, the scores in each column.
type multiRows struct {
	m    *multiAUC
	keys [][][]uint64
	n    int64
	bad  bool
}

func (r *multiRows) Add(b *Block) {
	r.n += int64(b.Rows)
	for i := range b.Rows {
		row, t := r.m.scores(b, i)
		for j, v := range row {
			r.bad = r.bad || v-v != 0
			r.keys[t][j] = append(r.keys[t][j], sortable(v))
		}
	}
}

func (r *multiRows) Merge(o Accumulator) {
	x := o.(*multiRows)
	r.n += x.n
	r.bad = r.bad || x.bad
	for t := range r.keys {
		for j := range r.keys[t] {
			r.keys[t][j] = append(r.keys[t][j], x.keys[t][j]...)
		}
	}
}

func (r *multiRows) Result() Result {
	switch {
	case r.n == 0:
		return undefined(0, NoRows)
	case r.bad:
		return undefined(r.n, NotFinite)
	}
	rows := make([]int64, r.m.k)
	for t := range r.keys {
		rows[t] = int64(len(r.keys[t][0]))
		if rows[t] == 0 {
			return undefined(r.n, AbsentFromTruth)
		}
		for j := range r.keys[t] {
			r.keys[t][j] = radixSort(r.keys[t][j])
		}
	}
	var sum, weights float64
	add := func(auc float64, n int64) {
		w := 1.0
		if r.m.average == "ovr_weighted" || r.m.average == "ovo_weighted" {
			w = quo(n, r.n)
		}
		sum += float64(w * auc)
		weights += w
	}
	for i := range r.m.k {
		if r.m.average == "ovr_macro" || r.m.average == "ovr_weighted" {
			var rest []uint64
			for t := range r.keys {
				if t != i {
					rest = append(rest, r.keys[t][i]...)
				}
			}
			add(aucOf(r.keys[i][i], radixSort(rest)), rows[i])
			continue
		}
		for j := range i {
			add((aucOf(r.keys[i][i], r.keys[j][i])+aucOf(r.keys[j][j], r.keys[i][j]))/2, rows[i]+rows[j])
		}
	}
	return Result{Value: min(1, sum/weights), N: r.n, Status: aihub.MetricOK}
}

// sortable orders as v does; -0 ties with 0.
func sortable(v float64) uint64 {
	if v == 0 {
		v = 0
	}
	k := math.Float64bits(v)
	return k ^ (uint64(int64(k)>>63) | 1<<63)
}

// aucOf is P(pos > neg) + ½ P(pos = neg), both sorted.
func aucOf(pos, neg []uint64) float64 {
	var u u128
	lo, hi := 0, 0
	for _, k := range pos {
		for lo < len(neg) && neg[lo] < k {
			lo++
		}
		for hi < len(neg) && neg[hi] <= k {
			hi++
		}
		u.add(1, uint64(lo+hi))
	}
	den := new(big.Int).Mul(big.NewInt(int64(len(pos))), big.NewInt(2*int64(len(neg))))
	v, _ := ratio(u.big(), den, 0).Float64()
	return v
}
