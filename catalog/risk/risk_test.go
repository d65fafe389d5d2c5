package risk

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aihub"
	"aihub/internal/table"
)

// people is a table of age band and sex; each line is one row, "age sex".
func people(lines ...string) *table.Batch {
	b := table.NewBatch([]table.Field{{Name: "age", Type: table.String}, {Name: "sex", Type: table.String}}, len(lines))
	for _, l := range lines {
		a, s, _ := strings.Cut(l, " ")
		for i, v := range []string{a, s} {
			if v == "-" {
				b.Cols[i].AppendNull()
			} else {
				b.Cols[i].AppendStr(v)
			}
		}
		b.Rows++
	}
	return b
}

func TestCount(t *testing.T) {
	t.Parallel()
	b := people("20 F", "20 F", "20 M", "30 M", "30 M", "30 M", "- M", "- M")
	n, sizes := Count(b, []string{"age", "sex"}, 3)
	want := Numbers{Rows: 8, Classes: 4, K: 1, Below: 5, Unique: 1, Largest: 3, Risk: 1}
	if d := cmp.Diff(want, n); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]int{2, 2, 1, 3, 3, 3, 2, 2}, sizes); d != "" {
		t.Error(d)
	}
	if n, _ := Count(people(), []string{"age"}, 2); n.K != 0 || n.Risk != 0 {
		t.Error(n)
	}
}

// Values that join to the same text are different classes.
func TestCountKeepsColumnsApart(t *testing.T) {
	t.Parallel()
	if n, _ := Count(people("1:2 3", "1 2:3", "- -"), []string{"age", "sex"}, 2); n.Classes != 3 {
		t.Error(n)
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	b := people("20 F", "20 F", "20 M", "30 M", "30 M", "30 M", "30 M", "30 M", "30 M", "30 M")
	p := Policy{Quasi: []string{"age", "sex"}, K: 2, MaxSuppression: 0.1}
	rep, keep, err := Gate(b, p)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Suppressed != 1 || keep[2] || !keep[0] || rep.After.K != 2 || rep.After.Rows != 9 || rep.After.Classes != 2 {
		t.Errorf("%+v %v", rep, keep)
	}
	if d := cmp.Diff(map[string]int{"age": 0, "sex": 0}, rep.Without); d != "" {
		t.Error(d) // without age: F 2, M 8; without sex: 20 3, 30 7
	}
	p.MaxSuppression = 0.05
	if _, _, err = Gate(b, p); aihub.KindOf(err) != aihub.Refused || !strings.Contains(err.Error(), "1 of 10 rows") || !strings.Contains(err.Error(), "without sex: 0") {
		t.Error(err)
	}
	p.MaxSuppression, p.Action = 0.5, "refuse"
	if _, _, err = Gate(b, p); aihub.KindOf(err) != aihub.Refused {
		t.Error(err)
	}
}

// What a gate lets through has classes of k at least, by another count.
func TestGateHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var lines []string
		for range rapid.IntRange(0, 60).Draw(t, "rows") {
			lines = append(lines, fmt.Sprintf("%d %d", rapid.IntRange(0, 5).Draw(t, "a"), rapid.IntRange(0, 2).Draw(t, "b")))
		}
		k := rapid.IntRange(2, 5).Draw(t, "k")
		b := people(lines...)
		rep, keep, err := Gate(b, Policy{Quasi: []string{"age", "sex"}, K: k, MaxSuppression: 0.5})
		if err != nil {
			if 2*rep.Before.Below <= len(lines) {
				t.Fatal(err)
			}
			return
		}
		var kept []string
		for i, l := range lines {
			if keep[i] {
				kept = append(kept, l)
			}
		}
		n, _ := Count(people(kept...), []string{"age", "sex"}, k)
		if n.Below != 0 || len(lines)-len(kept) != rep.Suppressed {
			t.Fatalf("%+v", n)
		}
		if d := cmp.Diff(n, rep.After); d != "" {
			t.Fatal(d)
		}
	})
}

func TestLint(t *testing.T) {
	t.Parallel()
	fs := Policy{Quasi: []string{"age", "age", "gone"}, K: 1, MaxSuppression: 2, Action: "hope"}.Lint([]string{"age"})
	var got []string
	for _, f := range fs {
		got = append(got, f.Where)
	}
	if d := cmp.Diff([]string{"quasi[1]", "quasi[2]", "k", "max_suppression", "action"}, got); d != "" {
		t.Error(d)
	}
	if fs := (Policy{}).Lint(nil); fs != nil {
		t.Error(fs)
	}
}
