package scenarios

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"aihub"
)

// What a part must hold before it may be asked many times.
const (
	fewRows      = 2000 // below, a round answers at most rows/rowsAttempt attempts of an organisation
	rowsAttempt  = 100
	priorImprove = 0.01 // the chance of an improvement that the price is made for: policies/sharing.Prior
	deltaProof   = 0.05 // the chance that a certificate is wrong: policies/sharing.Delta
	maxDeviation = 0.25 // of a score of width 1; a certificate that says less than that says nothing
)

// Grid returns how a metric is shown: the primary one as sharing.score says,
// another one as it says itself.
func (s Spec) Grid(m Metric) (step float64, span []float64) {
	if m.Primary || m.Step == 0 || m.Range == nil {
		return s.Sharing.Score.Step, s.Sharing.Score.Range
	}
	return m.Step, m.Range
}

// levels counts the multiples of the step inside the range. The tolerance keeps
// the binary dust of a decimal step from losing one.
func levels(step float64, span []float64) (float64, bool) {
	if len(span) != 2 || step <= 0 {
		return 0, false
	}
	g := math.Floor(span[1]/step+1e-9) - math.Ceil(span[0]/step-1e-9) + 1
	return g, g >= 2 && g <= 1e6
}

// ReleaseBits is the most that one release can cost, which a submission
// reserves: the improbability of an improvement, and for each metric log2(levels
// + 2), the symbols it can show. It is what policies/sharing charges; false when
// the spec does not say enough.
func (s Spec) ReleaseBits() (float64, bool) {
	bits := -math.Log2(priorImprove)
	for _, m := range s.Metrics {
		g, ok := levels(s.Grid(m))
		if !ok {
			return 0, false
		}
		bits += math.Log2(g + 2)
	}
	return bits, len(s.Metrics) > 0
}

// fillGrids gives every other metric the grid that it does not declare: its own
// range when that is bounded, else that of the primary one, and as many levels; of
// timings 51 at most.
func (s *Spec) fillGrids(has func(string) bool) {
	score := s.Sharing.Score
	if len(score.Range) != 2 || !(score.Range[1] > score.Range[0]) || score.Step <= 0 {
		return
	}
	for i := range s.Metrics {
		m, p := &s.Metrics[i], fmt.Sprintf("metrics[%d].", i)
		info, known := s.Info(*m)
		if m.Primary || !known {
			continue
		}
		if !has(p + "range") {
			m.Range = slices.Clone(score.Range)
			if info.Bounded() {
				m.Range = []float64{info.Range[0], info.Range[1]}
			}
		}
		if !has(p+"step") && len(m.Range) == 2 {
			x := score.Step * (m.Range[1] - m.Range[0]) / (score.Range[1] - score.Range[0])
			if n, _ := levels(x, m.Range); info.Needs.Timed() && n > timedLevels {
				x = (m.Range[1] - m.Range[0]) / 50
			}
			m.Step, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64) // a short decimal
		}
	}
}

// metricGrid checks what a metric says of its own grid.
func (l *linter) metricGrid(s Spec, p string, m Metric, info MetricInfo) {
	if m.Primary {
		for _, f := range []struct {
			name string
			set  bool
		}{{"step", m.Step != 0}, {"range", m.Range != nil}} {
			if f.set {
				l.add("bad_value", p+f.name, "the primary metric is shown as sharing.score says: write it there", "主指标按 sharing.score 公布：请写在那里")
			}
		}
		return
	}
	if m.Range == nil && m.Step == 0 {
		return // sharing.score is not complete, which is said there
	}
	if !bounded(l, p+"step", m.Step, 1e-9, 1e9) || !l.interval(p+"range", m.Range) {
		return
	}
	if g, ok := levels(m.Step, m.Range); !ok {
		l.add("out_of_range", p+"step", fmt.Sprintf("the range holds %.0f multiples of the step; 2 to 1000000 are needed", g), fmt.Sprintf("range 内有 %.0f 个 step 的倍数；应为 2 至 1000000 个", g))
	}
	if r := info.Range; m.Range[0] < r[0] || m.Range[1] > r[1] {
		l.add("out_of_range", p+"range", fmt.Sprintf("must lie within the values of %s, %g to %g", m.Use, r[0], r[1]), fmt.Sprintf("须在 %s 的取值 %g 至 %g 之内", m.Use, r[0], r[1]))
	}
}

// roundBudget checks bits and share of a round; p is its path.
func (l *linter) roundBudget(s Spec, p string, r Round) {
	if r.Part == string(aihub.Final) {
		if r.Closes.IsZero() {
			l.missing(p+"closes", "when the final part is scored: all submissions of it are answered at once, after that", " final 分区的评分时间：此后一次性公布全部成绩")
		}
		return // asked once: no budget
	}
	price, priced := s.ReleaseBits()
	enough := func(name string, bits float64) {
		if priced && bits < price {
			l.add("budget_too_small", p+name,
				fmt.Sprintf("%g bits do not pay for one release of these metrics with this step, which can cost %.1f: allow at least %.0f, or use a larger step or fewer metrics", bits, price, math.Ceil(price)),
				fmt.Sprintf("%g 比特不够公布一次：以此步长公布这些指标一次最多需 %.1f 比特；请至少给到 %.0f，或增大步长、减少指标", bits, price, math.Ceil(price)))
		}
	}
	if !bounded(l, p+"bits", r.Bits, 1, maxBits) {
		return
	}
	enough("bits", r.Bits)
	if r.Share > r.Bits {
		l.add("out_of_range", p+"share", fmt.Sprintf("%g is more than the %g bits of the round", r.Share, r.Bits), fmt.Sprintf("%g 超过该轮次的 %g 比特", r.Share, r.Bits))
	} else if bounded(l, p+"share", r.Share, 1, maxBits) && r.Bits >= price {
		enough("share", r.Share)
	}
}

// shareOf is the default of rounds[].share: half of the budget, so that no
// organisation can use it up alone, and enough for one release.
func (s *Spec) shareOf(bits float64) float64 {
	price, _ := s.ReleaseBits()
	return min(bits, max(bits/2, math.Ceil(price)))
}

// LintWithRows refuses a round whose hidden part is too small for what it
// promises to tell. With n rows
//
//   - the step must be at least 1.8 · (0.5/√n) · (hi - lo) of the released range:
//     below that step, hill-climbing on random labels gains (Blum and Hardt 2015,
//     the Ladder; the factor 1.8 held in simulations of 100 submissions)
//   - below 2,000 rows an organisation has at most n/100 attempts
//   - the bits must leave a certificate worth the name: with all of them spent,
//     an error of less than a quarter of the range
//
// A round that answers once, and one whose releases two reviewers decide, are
// exempt from the first two; a final part, which is asked once, from all.
func LintWithRows(spec Spec, rows map[aihub.Part]int64) []aihub.Fault {
	l := linter{where: func(path string) string { return path }, bad: func(string) bool { return false }}
	score := spec.Sharing.Score
	if len(score.Range) != 2 {
		return nil
	}
	for i, r := range spec.Rounds {
		n := rows[aihub.Part(r.Part)]
		if n == 0 || r.Part == string(aihub.Final) {
			continue
		}
		p := fmt.Sprintf("rounds[%d].", i)
		if r.Quota > 1 && score.Release != "review" {
			if least := SmallestStep(n, score.Range[1]-score.Range[0]); score.Step < least*(1-1e-9) {
				up := strconv.FormatFloat(roundUp(least), 'f', -1, 64)
				l.add("step_too_fine", "sharing.score.step",
					fmt.Sprintf("%g is too fine for the %d rows of the %s part: at least %s, or vendors could learn the hidden part from their scores; or a part of more rows, a quota of 1, or release: review", score.Step, n, r.Part, up),
					fmt.Sprintf("%g 对 %[3]s 分区的 %[2]d 行过细：至少 %[4]s，否则厂商可由成绩推知隐藏数据；也可增加行数、将 quota 设为 1，或采用 release: review", score.Step, n, r.Part, up))
			}
			if most := max(1, n/rowsAttempt); n < fewRows && int64(r.Quota) > most {
				l.add("too_few_rows", p+"quota",
					fmt.Sprintf("the %s part has %d rows, less than %d: at most %d attempts, or more rows, or release: review", r.Part, n, fewRows, most),
					fmt.Sprintf("%s 分区只有 %d 行，少于 %d：最多 %d 次机会；也可增加行数，或采用 release: review", r.Part, n, fewRows, most))
			}
		}
		if most := MostBits(n); r.Bits > most {
			l.tooMuch(spec, p, r.Bits, n, most)
		}
	}
	return l.faults
}

// tooMuch says what so many bits about n rows would allow, and what would do.
func (l *linter) tooMuch(spec Spec, p string, asked float64, n int64, most float64) {
	width := 0.0
	for _, m := range spec.Metrics {
		if m.Primary {
			width = spec.LossWidth(m)
		}
	}
	rows := RowsFor(asked)
	if most < 1 {
		l.add("too_few_rows", p+"part",
			fmt.Sprintf("%d rows are too few to be asked about more than once: one bit about them allows what was answered to be off by more than a quarter of the range; for %g bits use a part of at least %d rows", n, asked, rows),
			fmt.Sprintf("%d 行不足以多次评测：一个比特即可使公布的成绩偏离超过范围的四分之一；%g 比特须使用至少 %d 行的分区", n, asked, rows))
		return
	}
	en := fmt.Sprintf("with all %g bits about %d rows spent, the certificate would be ±%.3g, more than a quarter of the width of a row's loss", asked, n, width*Deviation(asked, n))
	zh := fmt.Sprintf("%g 比特用尽后，%d 行数据的误差证书为 ±%.3g，超过单行损失宽度的四分之一", asked, n, width*Deviation(asked, n))
	if width == 0 {
		en = fmt.Sprintf("%g bits about %d rows are too many to be told adaptively: with all of them spent even a mean over these rows could be off by more than a quarter of its range (the primary metric is no such mean and has no certificate; its bits are bounded all the same)", asked, n)
		zh = fmt.Sprintf("对 %[2]d 行数据公布 %[1]g 比特过多：用尽后，即便是这些行的均值也可能偏离超过其范围的四分之一（主指标不是此类均值，没有误差证书，但比特数同样受限）", asked, n)
	}
	l.add("budget_too_large", p+"bits", en+fmt.Sprintf("; at most %.0f bits, or a part of at least %d rows", math.Floor(most), rows), zh+fmt.Sprintf("；最多 %.0f 比特，或使用至少 %d 行的分区", math.Floor(most), rows))
}

// SmallestStep is the finest step for n hidden rows and a released range of
// this width.
func SmallestStep(n int64, width float64) float64 { return 1.8 * 0.5 / math.Sqrt(float64(n)) * width }

// MostBits is how many bits may be said about n rows before the certificate of
// package sharing, after a hundred answers, allows an error of maxDeviation.
func MostBits(n int64) float64 {
	return (2*float64(n)*maxDeviation*maxDeviation - hundredAnswers) / math.Ln2
}

// RowsFor is the least number of rows about which so many bits may be said.
func RowsFor(bits float64) int64 {
	return int64(math.Ceil((bits*math.Ln2 + hundredAnswers) / (2 * maxDeviation * maxDeviation)))
}

// Deviation is the error of a certificate for a loss of width 1, after bits in a
// hundred answers about n rows.
func Deviation(bits float64, n int64) float64 {
	return math.Sqrt((bits*math.Ln2 + hundredAnswers) / (2 * float64(n)))
}

// hundredAnswers is what a hundred answers add to the exponent of a certificate.
var hundredAnswers = math.Log(2 * 100 * 101 / deltaProof)

// roundUp returns the next decimal with two significant digits.
func roundUp(x float64) float64 {
	e := math.Floor(math.Log10(x)) - 1
	scaled := math.Ceil(x/math.Pow(10, e) - 1e-9)
	v, _ := strconv.ParseFloat(fmt.Sprintf("%.0fe%.0f", scaled, e), 64)
	return v
}
