package board

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"aihub"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func entry(org, name string, minute int, v float64, ci ...float64) Entry {
	m := aihub.MetricValue{ID: "f1", Value: v, Status: aihub.MetricOK}
	if len(ci) == 2 {
		m.Lo, m.Hi = ci[0], ci[1]
	}
	return Entry{
		Org: aihub.Org{ID: aihub.OrgID(org)}, Name: name, Submission: aihub.SubmissionID(org + "-" + name),
		At: t0.Add(time.Duration(minute) * time.Minute), Values: []aihub.MetricValue{m},
	}
}

func show(rows []Row) (s []string) {
	for _, r := range rows {
		x := fmt.Sprintf("%d %s", r.Rank, r.Submission)
		if r.Tied {
			x += " tied"
		}
		s = append(s, x)
	}
	return s
}

func TestRank(t *testing.T) {
	undef := func(org string, minute int, v float64) Entry {
		e := entry(org, "u", minute, v)
		e.Values[0].Status, e.Values[0].Reason = aihub.MetricUndefined, "one_class"
		return e
	}
	base := func(e Entry) Entry { e.Baseline = true; return e }
	unreleased := entry("f", "x", 1, 0)
	unreleased.Values = nil
	for _, c := range []struct {
		name   string
		better string
		in     []Entry
		want   []string
	}{
		{"best first", "max", []Entry{entry("a", "x", 1, 0.5), entry("b", "x", 2, 0.7)}, []string{"1 b-x", "2 a-x"}},
		{"smaller is better", "min", []Entry{entry("a", "x", 1, 0.5), entry("b", "x", 2, 0.7)}, []string{"1 a-x", "2 b-x"}},
		{"equal values share a rank, earlier first, the next rank is skipped", "max",
			[]Entry{entry("a", "x", 9, 0.5), entry("b", "x", 2, 0.5), entry("c", "x", 1, 0.4)}, []string{"1 b-x tied", "1 a-x tied", "3 c-x"}},
		{"same minute: by id", "max", []Entry{entry("b", "x", 1, 0.5), entry("a", "x", 1, 0.5)}, []string{"1 a-x tied", "1 b-x tied"}},
		{"inside the leader's interval", "max",
			[]Entry{entry("a", "x", 1, 0.80, 0.75, 0.85), entry("b", "x", 2, 0.76, 0.71, 0.81), entry("c", "x", 3, 0.72, 0.67, 0.77)},
			[]string{"1 a-x tied", "1 b-x tied", "3 c-x"}}, // c ties with b but not with the leader
		{"undefined last, tied, whatever its value", "min",
			[]Entry{undef("a", 1, -5), entry("b", "x", 2, 9), undef("c", 3, 0)}, []string{"1 b-x", "2 a-u tied", "2 c-u tied"}},
		{"NaN is undefined", "max", []Entry{entry("a", "x", 1, math.NaN()), entry("b", "x", 2, -3)}, []string{"1 b-x", "2 a-x"}},
		{"best of an organisation", "max",
			[]Entry{entry("a", "new", 3, 0.6), entry("a", "old", 1, 0.7), entry("a", "again", 4, 0.7), undef("a", 0, 1)}, []string{"1 a-old"}},
		{"each baseline has its row", "max",
			[]Entry{base(entry("city", "weak", 1, 0.2)), base(entry("city", "good", 2, 0.6)), base(entry("city", "good", 3, 0.5)), entry("city", "own", 4, 0.1), entry("a", "x", 5, 0.6)},
			[]string{"1 city-good tied", "1 a-x tied", "3 city-weak", "4 city-own"}},
		{"nothing released: no row", "max", []Entry{unreleased, entry("a", "x", 1, 0.5)}, []string{"1 a-x"}},
		{"empty", "max", nil, nil},
	} {
		if d := cmp.Diff(c.want, show(Rank(c.in, []string{"f1", "acc"}, c.better))); d != "" {
			t.Errorf("%s: -want +got\n%s", c.name, d)
		}
	}
}

func TestValuesInOrderOfMetrics(t *testing.T) {
	e := entry("a", "x", 1, 0.5)
	e.Values = append([]aihub.MetricValue{{ID: "other", Value: 3, Status: aihub.MetricOK}}, e.Values...)
	got := Rank([]Entry{e}, []string{"f1", "acc", "other"}, "max")[0].Values
	want := []aihub.MetricValue{
		{ID: "f1", Value: 0.5, Status: aihub.MetricOK},
		{ID: "acc", Status: aihub.MetricUndefined, Reason: NotReleased},
		{ID: "other", Value: 3, Status: aihub.MetricOK},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestRankProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		better := rapid.SampledFrom([]string{"max", "min"}).Draw(t, "better")
		var in []Entry
		for i := range rapid.IntRange(0, 25).Draw(t, "n") {
			v := float64(rapid.IntRange(-4, 4).Draw(t, "v")) / 4
			w := float64(rapid.IntRange(0, 3).Draw(t, "w")) / 4
			e := entry(string(rune('a'+rapid.IntRange(0, 9).Draw(t, "org"))), fmt.Sprint(i), rapid.IntRange(0, 5).Draw(t, "at"), v, v-w, v+w)
			e.Baseline = rapid.IntRange(0, 4).Draw(t, "baseline") == 0
			if rapid.IntRange(0, 9).Draw(t, "undefined") == 0 {
				e.Values[0].Status = aihub.MetricUndefined
			}
			in = append(in, e)
		}
		rows := Rank(in, []string{"f1"}, better)

		seed := rapid.Uint64().Draw(t, "seed")
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
		if d := cmp.Diff(rows, Rank(in, []string{"f1"}, better)); d != "" {
			t.Fatalf("the order of entries changed the board:\n%s", d)
		}
		lead := 0
		for i, r := range rows {
			v := r.Values[0]
			if i > 0 {
				prev := rows[i-1]
				if p := prev.Values[0]; p.Status == aihub.MetricUndefined && v.Status != aihub.MetricUndefined {
					t.Fatal("undefined is not last")
				} else if v.Status == p.Status && v.Value != p.Value && v.Status == aihub.MetricOK && (v.Value > p.Value) == (better == "max") {
					t.Fatal("a better value stands below")
				}
				if r.Rank != prev.Rank {
					lead = i
				}
			}
			if r.Rank != lead+1 {
				t.Fatalf("row %d has rank %d, its group begins at row %d", i, r.Rank, lead)
			}
			if !tied(rows[lead].Values[0], v) {
				t.Fatal("a row is in the group of a leader it does not tie with")
			}
			shares := i > lead || i+1 < len(rows) && rows[i+1].Rank == r.Rank
			if r.Tied != shares {
				t.Fatalf("row %d: tied = %v", i, r.Tied)
			}
			if lead == i && i > 0 && tied(rows[i-1].Values[0], v) && rows[i-1].Rank == i {
				t.Fatal("a row that ties with a lone leader has its own rank")
			}
		}
	})
}
