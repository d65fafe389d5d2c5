package metric

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"aihub"
	"aihub/scenarios"
)

// Of classwise the memory is bounded: an exact sum of 568 bytes for each bin of each
// class, 9 MiB. With slices there are 250 groups at most, and of each 0.6 MiB.
const classwise = "ece_classwise@1"

// MaxMassRows is how many rows ece_mass@1 takes, those of each slice counted again:
// it keeps 16 bytes of each, 256 MiB, and takes up to 2.25 times that while it grows.
const MaxMassRows = 16 << 20

func init() {
	register("ece_mass@1", func(s Setup, a args) Metric {
		return &massError{a.signed, int64(a.num["bins"]), scoresOf(s, a), a.str["kind"] == "positive" && len(a.cols) == 1, MaxMassRows}
	})
	// The mean over the classes of the calibration error of each class's own
	// probability, in bins of equal width (Kull et al., 2019). Not drawn by
	// bucket, which would take a sum for each class, bin and bucket.
	register(classwise, func(s Setup, a args) Metric {
		bins, k := int(a.num["bins"]), max(2, len(a.cols))
		p := scoresOf(s, a)
		m := &additive{signed: a.signed, counts: bins * k, sums: bins * k}
		m.each = func(b *Block, _ []uint16, counts []int64, sums []Sum) {
			for i := range b.Rows {
				row, t := p(b, i)
				for j, v := range row {
					at := j*bins + widthBin(v, bins)
					counts[at]++
					if j == t {
						v--
					}
					sums[at].Add(v)
				}
			}
		}
		m.value = func(st *stats) Result {
			var sum float64
			for i := range st.sums {
				sum += math.Abs(st.sums[i].Float())
			}
			return Result{Value: sum / float64(st.n) / float64(k)}
		}
		return m
	})
	Lookup(classwise).check = func(s Setup, a args) []aihub.Fault {
		most, en, zh := scenarios.MaxClassBins, "", ""
		if s.Sliced {
			most, en, zh = scenarios.MaxSliceClassBins, " with slices", "使用切片时"
		}
		if n := int(a.num["bins"]) * max(2, len(a.cols)); n > most {
			return []aihub.Fault{paramFault("bins", aihub.Text{
				EN: fmt.Sprintf("bins times classes is %d, and at most %d%s: fewer bins, please", n, most, en),
				ZH: fmt.Sprintf("bins 与类别数之积为 %d，%s至多 %d：请减少 bins", n, zh, most),
			})}
		}
		return nil
	}
}

// widthBin is the bin of equal width (a, b] that v lies in, the first with its
// lower end.
func widthBin(v float64, bins int) int {
	if x := math.Ceil(float64(v*float64(bins))) - 1; x > 0 {
		return int(min(x, float64(bins-1)))
	}
	return 0
}

// confidence is the largest probability of a row, and the share of the truth among
// equal largest ones; or that of the positive class, and whether it is true.
func confidence(row []float64, t int, positive bool) (conf, right float64) {
	if positive {
		return row[1], float64(t)
	}
	conf = row[0]
	equal := 1
	for _, v := range row[1:] {
		switch {
		case v > conf || v != v:
			conf, equal = v, 1
		case v == conf:
			equal++
		}
	}
	if row[t] == conf {
		right = 1 / float64(equal)
	}
	return conf, right
}

// massError is the expected calibration error in bins of equally many rows, by
// confidence (Nixon et al., 2019): the distance of mean confidence and mean
// correctness in each bin. Rows of equal confidence that a border divides are
// in both bins in their share, so that their order does not matter.
type massError struct {
	signed
	bins     int64
	scores   func(b *Block, i int) ([]float64, int)
	positive bool
	most     int64 // rows that are kept
}

func (m *massError) New() Accumulator { return &massRows{m: m} }

// massRows keeps the confidence and correctness of every row.
type massRows struct {
	m    *massError
	n    int64
	rows [][2]float64 // none as soon as they are too many
	bad  bool
}

func (r *massRows) Add(b *Block) {
	if r.count(int64(b.Rows)) {
		return
	}
	for i := range b.Rows {
		row, t := r.m.scores(b, i)
		conf, right := confidence(row, t, r.m.positive)
		r.bad = r.bad || conf-conf != 0
		r.rows = append(r.rows, [2]float64{conf, right})
	}
}

// count counts n more rows, and reports whether they are too many to keep.
func (r *massRows) count(n int64) (over bool) {
	if r.n += n; r.n > r.m.most {
		r.rows = nil
	}
	return r.n > r.m.most
}

func (r *massRows) Merge(o Accumulator) {
	x := o.(*massRows)
	if r.count(x.n) {
		return
	}
	if int64(cap(r.rows)) < r.n { // append would take more than there will be
		r.rows = append(make([][2]float64, 0, r.n), r.rows...)
	}
	r.rows, r.bad = append(r.rows, x.rows...), r.bad || x.bad
}

func (r *massRows) Result() Result {
	n := r.n
	switch {
	case n == 0:
		return undefined(0, NoRows)
	case n > r.m.most:
		return undefined(n, TooManyRows)
	case r.bad:
		return undefined(n, NotFinite)
	}
	slices.SortFunc(r.rows, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) })
	// A row is as many parts as there are bins, and a bin as many parts as rows.
	var total, gap float64
	left := n
	for i := 0; i < len(r.rows); {
		j := i
		var s Sum
		for ; j < len(r.rows) && r.rows[j][0] == r.rows[i][0]; j++ {
			s.Add(r.rows[j][0] - r.rows[j][1])
		}
		parts := int64(j-i) * r.m.bins
		of := s.Float()
		for u := parts; u > 0; {
			take := min(u, left)
			gap += float64(of * (float64(take) / float64(parts)))
			u, left = u-take, left-take
			if left == 0 {
				total += math.Abs(gap)
				gap, left = 0, n
			}
		}
		i = j
	}
	return Result{Value: min(1, total/float64(n)), N: n, Status: aihub.MetricOK}
}
