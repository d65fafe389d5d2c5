package board

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"aihub"

	"github.com/google/go-cmp/cmp"
)

func TestLast(t *testing.T) {
	in := []Entry{entry("a", "good", 1, 0.9), entry("a", "late", 5, 0.4), entry("b", "x", 2, 0.5)}
	if d := cmp.Diff([]string{"1 b-x", "2 a-late"}, show(Rank(Last(in), []string{"f1"}, "max"))); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"1 a-good", "2 b-x"}, show(Rank(in, []string{"f1"}, "max"))); d != "" {
		t.Error(d)
	}
}

// Mean places: ties share theirs, baselines take none, who is absent is last.
func TestAggregate(t *testing.T) {
	base := entry("city", "baseline", 1, 0.95)
	base.Baseline = true
	one := Rank([]Entry{base, entry("a", "x", 1, 0.9), entry("b", "x", 2, 0.9), entry("c", "x", 3, 0.1)}, []string{"f1"}, "max")
	two := Rank([]Entry{entry("b", "y", 1, 0.8), entry("c", "y", 2, 0.7)}, []string{"f1"}, "max")
	var got []string
	for _, o := range Aggregate([][]Row{one, two}) {
		got = append(got, fmt.Sprintf("%d %s %v %v %d", o.Rank, o.Org.ID, o.Places, o.Mean, o.Tasks))
	}
	want := []string{"1 b [1.5 1] 1.25 2", "2 a [1.5 3] 2.25 1", "3 c [3 2] 2.5 2"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// Two who are absent share the last two places, as two who tie there would; each
	// board gives away the same sum of places.
	three := Rank([]Entry{entry("d", "y", 1, 0.8)}, []string{"f1"}, "max")
	sums := make([]float64, 3)
	got = nil
	for _, o := range Aggregate([][]Row{one, two, three}) {
		got = append(got, fmt.Sprintf("%d %s %v %d", o.Rank, o.Org.ID, o.Places, o.Tasks))
		for i, p := range o.Places {
			sums[i] += p
		}
	}
	want = []string{"1 b [1.5 1 3] 2", "2 a [1.5 3.5 3] 1", "2 c [3 2 3] 2", "4 d [4 3.5 1] 1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]float64{10, 10, 10}, sums); d != "" {
		t.Error(d)
	}
	if Aggregate(nil) != nil || Aggregate([][]Row{nil}) != nil {
		t.Error("nobody has a place")
	}
}

// Two organisations that take turns are not apart, three that always come in one order
// are on ten boards; the values are those of the formulas.
func TestApart(t *testing.T) {
	t.Parallel()
	places := func(boards [][]string) (out []Overall) {
		var tasks [][]Row
		for _, names := range boards {
			var rows []Row
			for i, n := range names {
				rows = append(rows, Row{Rank: i + 1, Entry: Entry{Org: aihub.Org{ID: aihub.OrgID(n)}}})
			}
			tasks = append(tasks, rows)
		}
		return Aggregate(tasks)
	}
	always := slices.Repeat([][]string{{"a", "b", "c"}}, 10)
	for _, c := range []struct {
		rows           []Overall
		chi2, critical float64
		ok             bool
	}{
		{places(always), 20, 2.344 * math.Sqrt(12.0/60), true},
		{places([][]string{{"a", "b"}, {"b", "a"}}), 0, 1.960 * math.Sqrt(6.0/12), true},
		{places(always[:1]), 0, 0, false},
		{places([][]string{{"a"}, {"a"}}), 0, 0, false},
		{places([][]string{{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}, {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}}), 20, 0, false},
		{nil, 0, 0, false},
	} {
		chi2, critical, ok := Apart(c.rows)
		if ok != c.ok || ok && (math.Abs(chi2-c.chi2) > 1e-12 || math.Abs(critical-c.critical) > 1e-12) {
			t.Errorf("%d organisations: %v %v %v, want %v %v %v", len(c.rows), chi2, critical, ok, c.chi2, c.critical, c.ok)
		}
	}
}
