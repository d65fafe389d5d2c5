package board

import (
	"fmt"
	"testing"

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
