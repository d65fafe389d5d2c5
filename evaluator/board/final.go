package board

import (
	"math"
	"slices"

	"aihub"
	"aihub/evaluator/metric/stat"
)

// A final part is asked once, so that everything about its scores may be said
// when its round is over: which differences are more than chance, how stable the
// ranks are, and what a better score costs to run.

// Alpha is the level of the tests: pairs with an adjusted p below it differ.
const Alpha = 0.05

// Measured is what is known of one submission of a final round.
type Measured struct {
	Sample []float64 // primary metric under the round's bootstrap draws; nil: none
	Wall   float64   // seconds of the run
	CPU    float64   // seconds of processor time
}

// Standing is what a final board says of one row beside its values.
type Standing struct {
	P        *float64 `json:"p,omitempty"`       // that it differs from the first row by chance alone; Holm over all tested pairs; nil: the first row, or not tested
	RankLo   int      `json:"rank_lo,omitempty"` // 95 % of the bootstrap draws rank it between these; 0: not known
	RankHi   int      `json:"rank_hi,omitempty"` //
	First    *float64 `json:"first,omitempty"`   // share of the draws in which nobody is better; nil: not known
	MeanRank float64  `json:"mean_rank"`         // over the board's metrics, each a task; ties share their mean place
	Wall     float64  `json:"wall,omitempty"`    // seconds of the run, rounded up to a power of two; 0: not known
	CPU      float64  `json:"cpu,omitempty"`     // seconds of processor time, likewise
	Pareto   bool     `json:"pareto"`            // nobody is as good, as quick and as cheap, and better in one
}

// Final ranks rows of a final round anew, in place of the order of values alone:
// a row joins the group above it when the paired test against the group's leader
// does not find a difference, by all pairs' Holm-adjusted p at level Alpha. Where
// nothing can be tested, as no spread of the values is known, it joins when the two
// are equal at the board's precision: as multiples of step, when that is above 0. It
// returns the rows and their standings in that order. better is that of the
// primary metric, directions those of all metrics. Rows come from Rank.
func Final(rows []Row, measured map[aihub.SubmissionID]Measured, step float64, better string, directions []string) ([]Row, []Standing) {
	rows = slices.Clone(rows)
	n := len(rows)
	p := pairs(rows, measured)
	for lead := 0; lead < n; {
		next := lead + 1
		for next < n && alike(rows, p, step, lead, next) {
			next++
		}
		for i := lead; i < next; i++ {
			rows[i].Rank, rows[i].Tied = lead+1, next-lead > 1
		}
		lead = next
	}
	out := make([]Standing, n)
	for i, r := range rows {
		m := measured[r.Submission]
		out[i] = Standing{Wall: Coarse(m.Wall), CPU: Coarse(m.CPU)}
		if i > 0 && !math.IsNaN(p[0][i]) {
			out[i].P = &p[0][i]
		}
	}
	stability(rows, measured, better, out)
	meanRanks(rows, directions, out)
	for i := range rows {
		out[i].Pareto = rows[i].Values[0].Status != aihub.MetricUndefined && out[i].Wall > 0
		for j := range rows {
			if out[i].Pareto && dominates(rows[j], out[j], rows[i], out[i], better) {
				out[i].Pareto = false
			}
		}
	}
	return rows, out
}

func alike(rows []Row, p [][]float64, step float64, lead, i int) bool {
	a, b := rows[lead].Values[0], rows[i].Values[0]
	switch {
	case a.Status == aihub.MetricUndefined || b.Status == aihub.MetricUndefined:
		return a.Status == b.Status
	case math.IsNaN(p[lead][i]):
		return a.Value == b.Value || step > 0 && math.Round(a.Value/step) == math.Round(b.Value/step)
	}
	return p[lead][i] >= Alpha
}

// pairs returns the Holm-adjusted two-sided p of every pair of rows: the normal
// test of the difference over its paired standard error. Pairs of which that is
// not known are not tested: their p is NaN, and the others are adjusted without them.
func pairs(rows []Row, measured map[aihub.SubmissionID]Measured) [][]float64 {
	n := len(rows)
	out := make([][]float64, n)
	for i := range out {
		out[i] = slices.Repeat([]float64{math.NaN()}, n)
	}
	var raw []float64
	var of [][2]int
	for i := range n {
		for j := i + 1; j < n; j++ {
			a, b := rows[i].Values[0], rows[j].Values[0]
			if a.Status == aihub.MetricUndefined || b.Status == aihub.MetricUndefined {
				continue
			}
			se, known := PairedSE(a, b, measured[rows[i].Submission].Sample, measured[rows[j].Submission].Sample)
			if !known {
				continue
			}
			p := 1.0
			if d := math.Abs(a.Value - b.Value); d > 0 && se > 0 {
				p = math.Erfc(d / se / math.Sqrt2)
			} else if d > 0 {
				p = 0
			}
			raw, of = append(raw, p), append(of, [2]int{i, j})
		}
	}
	for k, p := range stat.Holm(raw) {
		i, j := of[k][0], of[k][1]
		out[i][j], out[j][i] = p, p
	}
	return out
}

// stability ranks the rows that have a value under each bootstrap draw, which are
// the same for all. Unless every one of them was drawn, nothing is known.
func stability(rows []Row, measured map[aihub.SubmissionID]Measured, better string, out []Standing) {
	var with []int
	for i, r := range rows {
		if r.Values[0].Status != aihub.MetricUndefined {
			with = append(with, i)
		}
	}
	if len(with) == 0 {
		return
	}
	draws := len(measured[rows[with[0]].Submission].Sample)
	for _, i := range with {
		if n := len(measured[rows[i].Submission].Sample); n == 0 || n != draws {
			return
		}
	}
	ranks, first := make([][]int, len(rows)), make([]int, len(rows))
	for d := range draws {
		for _, i := range with {
			x, rank := measured[rows[i].Submission].Sample[d], 1
			for _, j := range with {
				if y := measured[rows[j].Submission].Sample[d]; j != i && y != x && (y > x) == (better == "max") {
					rank++
				}
			}
			ranks[i] = append(ranks[i], rank)
			if rank == 1 {
				first[i]++
			}
		}
	}
	for _, i := range with {
		slices.Sort(ranks[i])
		share := float64(first[i]) / float64(draws)
		out[i].First, out[i].RankLo, out[i].RankHi = &share, ranks[i][(draws-1)*25/1000], ranks[i][((draws-1)*975+999)/1000]
	}
}

// meanRanks ranks by every metric and averages. An undefined value is last.
func meanRanks(rows []Row, directions []string, out []Standing) {
	for m, better := range directions {
		for i := range rows {
			rank := 1.0
			for j := range rows {
				if i == j {
					continue
				}
				switch a, b := rows[i].Values[m], rows[j].Values[m]; {
				case level(a, b):
					rank += 0.5
				case ahead(b, a, better):
					rank++
				}
			}
			out[i].MeanRank += rank / float64(len(directions))
		}
	}
}

func level(a, b aihub.MetricValue) bool {
	ua, ub := a.Status == aihub.MetricUndefined, b.Status == aihub.MetricUndefined
	return ua && ub || !ua && !ub && a.Value == b.Value
}

// ahead reports whether a is better than b.
func ahead(a, b aihub.MetricValue, better string) bool {
	if ua, ub := a.Status == aihub.MetricUndefined, b.Status == aihub.MetricUndefined; ua || ub {
		return !ua && ub
	}
	return a.Value != b.Value && (a.Value > b.Value) == (better == "max")
}

// dominates reports whether a is as good, as quick and as cheap as b, and better
// in one of them.
func dominates(a Row, sa Standing, b Row, sb Standing, better string) bool {
	if sa.Wall == 0 || sa.CPU == 0 && sb.CPU > 0 || ahead(b.Values[0], a.Values[0], better) || sa.Wall > sb.Wall || sa.CPU > sb.CPU {
		return false
	}
	return ahead(a.Values[0], b.Values[0], better) || sa.Wall < sb.Wall || sa.CPU < sb.CPU
}

// Coarse rounds seconds up to a power of two, from a quarter on; 0 stays 0. How
// long a run on hidden data took is told no more finely than that.
func Coarse(seconds float64) float64 {
	if !(seconds > 0) || math.IsInf(seconds, 0) {
		return 0
	}
	return math.Exp2(max(-2, math.Ceil(math.Log2(seconds))))
}
