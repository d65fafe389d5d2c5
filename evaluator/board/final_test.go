package board

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aihub"
	"aihub/evaluator/metric/stat"
)

func finalRow(id string, values ...float64) Row {
	r := Row{Entry: Entry{Submission: aihub.SubmissionID(id), Org: aihub.Org{ID: aihub.OrgID(id)}}}
	for _, v := range values {
		m := aihub.MetricValue{Value: v, Status: aihub.MetricOK}
		if math.IsNaN(v) {
			m = aihub.MetricValue{Status: aihub.MetricUndefined}
		}
		r.Values = append(r.Values, m)
	}
	return r
}

// Three algorithms over the same rows: two that err together, one that does not,
// and one without a value. Ties come from the tests, not from the values.
func TestFinal(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	common := make([]float64, 1000)
	for i := range common {
		common[i] = 0.01 * r.NormFloat64()
	}
	sample := func(value, own float64) []float64 {
		s := make([]float64, len(common))
		for i := range s {
			s[i] = value + common[i] + own*r.NormFloat64()
		}
		return s
	}
	rows := []Row{finalRow("a", 0.900, 0.5), finalRow("b", 0.897, 0.7), finalRow("c", 0.890, 0.6), finalRow("d", math.NaN(), 0.1)}
	measured := map[aihub.SubmissionID]Measured{
		"a": {sample(0.900, 0.002), 30, 30}, "b": {sample(0.897, 0.002), 3, 3}, "c": {sample(0.890, 0.0005), 3.5, 9}, "d": {Wall: 1, CPU: 1},
	}
	got, st := Final(rows, measured, 0, "max", []string{"max", "min"})
	var places [][2]any
	for _, g := range got {
		places = append(places, [2]any{string(g.Submission), g.Rank})
	}
	if d := cmp.Diff([][2]any{{"a", 1}, {"b", 1}, {"c", 3}, {"d", 4}}, places); d != "" {
		t.Error(d)
	}
	if !got[0].Tied || !got[1].Tied || got[2].Tied || rows[0].Rank != 0 {
		t.Errorf("%+v", got)
	}
	// The spread of each score alone (0.01) could not tell a from c; paired it can.
	if *st[1].P < Alpha || *st[2].P > 0.001 || st[0].P != nil || st[3].P != nil {
		t.Errorf("p of %v, %v, %v", st[0].P, *st[1].P, *st[2].P)
	}
	if *st[0].First < 0.7 || *st[0].First+*st[1].First+*st[2].First < 0.999 || st[3].First != nil || st[3].RankHi != 0 || st[0].RankLo != 1 || st[0].RankHi != 2 || st[2].RankLo != 3 || st[2].RankHi != 3 {
		t.Errorf("stability %+v", st)
	}
	if st[0].MeanRank != 1.5 || st[1].MeanRank != 3 || st[2].MeanRank != 3 || st[3].MeanRank != 2.5 {
		t.Errorf("mean ranks %+v", st)
	}
	// a is best, b is quicker; c is as slow as b by the coarse clock and worse; d has no score.
	if !st[0].Pareto || !st[1].Pareto || st[2].Pareto || st[3].Pareto || st[0].Wall != 32 || st[2].Wall != 4 || st[2].CPU != 16 {
		t.Errorf("pareto %+v", st)
	}
}

// What nobody knows is not cheap: a row whose processor time was not measured keeps
// no other off the front by it.
func TestParetoOfUnknownCost(t *testing.T) {
	rows := []Row{finalRow("a", 0.9), finalRow("b", 0.9)}
	_, st := Final(rows, map[aihub.SubmissionID]Measured{"a": {Wall: 4}, "b": {Wall: 4, CPU: 2}}, 0.01, "max", []string{"max"})
	if !st[0].Pareto || !st[1].Pareto {
		t.Errorf("%+v", st)
	}
}

// A metric without draws and without an interval has no test: no difference is
// called certain, no rank stable. What is equal in multiples of the step ties.
func TestFinalUntested(t *testing.T) {
	rows := []Row{finalRow("a", 0.5000001), finalRow("b", 0.5), finalRow("c", 0.44), finalRow("d", math.NaN())}
	got, st := Final(rows, nil, 0.01, "max", []string{"max"})
	for i, want := range []int{1, 1, 3, 4} {
		if got[i].Rank != want || st[i].P != nil || st[i].First != nil || st[i].RankLo != 0 || st[i].RankHi != 0 {
			t.Errorf("%s: rank %d, %+v", got[i].Submission, got[i].Rank, st[i])
		}
	}
	if got, _ := Final(rows, nil, 0, "max", []string{"max"}); got[1].Rank != 2 {
		t.Errorf("without a step: %+v", got)
	}
	// Pairs that are not tested do not make the others' tests harder.
	tested := []Row{finalRow("a", 0.9), finalRow("b", 0.5), finalRow("c", 0.4)}
	for i := range tested[:2] {
		v := &tested[i].Values[0]
		v.Lo, v.Hi = v.Value-0.28, v.Value+0.28
	}
	got, st = Final(tested, nil, 0.01, "max", []string{"max"})
	if st[1].P == nil || math.Abs(*st[1].P-0.0477) > 0.001 || got[1].Rank != 2 || st[2].P != nil || got[2].Rank != 3 {
		t.Errorf("%+v, p of b %v", got, st[1].P)
	}
	// One of two without draws: ranks among the others would look better than they are.
	half := map[aihub.SubmissionID]Measured{"a": {Sample: []float64{0.9, 0.8}}, "b": {Sample: []float64{0.5, 0.4}}}
	if _, st = Final(tested, half, 0.01, "max", []string{"max"}); st[0].First != nil || st[1].RankLo != 0 {
		t.Errorf("%+v", st)
	}
}

// R: p.adjust(c(.01,.02,.03,.04), "holm") and a case of ties and of one above 1.
func TestHolm(t *testing.T) {
	for _, c := range []struct{ p, want []float64 }{
		{[]float64{.01, .02, .03, .04}, []float64{.04, .06, .06, .06}},
		{[]float64{.04, .01, .01}, []float64{.04, .03, .03}},
		{[]float64{.6, .7}, []float64{1, 1}},
		{nil, []float64{}},
	} {
		got := stat.Holm(c.p)
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 1e-12 {
				t.Errorf("Holm(%v) = %v", c.p, got)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOf(rapid.Float64Range(0, 1)).Draw(t, "p")
		for i, a := range stat.Holm(p) {
			if a < p[i] || a > 1 {
				t.Fatalf("%v adjusts to %v", p[i], a)
			}
			for j, b := range stat.Holm(p) {
				if p[i] < p[j] && a > b {
					t.Fatalf("%v and %v turn around: %v, %v", p[i], p[j], a, b)
				}
			}
		}
	})
}

// Under the null the family is wrong seldom: equal algorithms tie.
func TestEqualsTie(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	split := 0
	const rounds, n = 200, 5
	for range rounds {
		var rows []Row
		measured := map[aihub.SubmissionID]Measured{}
		for i := range n {
			v := 0.8 + 0.01*r.NormFloat64()
			s := make([]float64, 200)
			for j := range s {
				s[j] = v + 0.01*r.NormFloat64()
			}
			row := finalRow(string(rune('a'+i)), v)
			rows, measured[row.Submission] = append(rows, row), Measured{Sample: s}
		}
		got, _ := Final(rows, measured, 0, "max", []string{"max"})
		for _, g := range got {
			if g.Rank > 1 {
				split++
				break
			}
		}
	}
	if share := float64(split) / rounds; share > 0.1 {
		t.Errorf("equal algorithms are told apart in %.0f %% of rounds", 100*share)
	}
}

func TestCoarse(t *testing.T) {
	for x, want := range map[float64]float64{0: 0, -1: 0, 0.01: 0.25, 0.26: 0.5, 1: 1, 1.1: 2, 60: 64, math.Inf(1): 0} {
		if got := Coarse(x); got != want {
			t.Errorf("Coarse(%v) = %v, want %v", x, got, want)
		}
	}
}
