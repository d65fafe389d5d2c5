package evaluator

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/internal/store"
	"aihub/internal/table"
	"aihub/policies"
	"aihub/scenarios"
)

// aGroupedRow is one row of truth and predictions, and what it is grouped by.
type aGroupedRow struct {
	key, label, answer string
	p                  float64
	district, kind     string
}

// textTable writes a table of texts; a number is one where the schema says so.
func textTable(t testing.TB, format string, fields []table.Field, rows [][]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "table."+format)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	b := table.NewBatch(fields, 0)
	for _, r := range rows {
		for j, v := range r {
			if v == "" {
				b.Cols[j].AppendNull()
			} else if !b.Cols[j].ParseText(v) {
				t.Fatalf("%q is no %s", v, fields[j].Type)
			}
		}
		b.Rows++
	}
	if err := writeTable(f, format, b); err != nil {
		t.Fatal(err)
	}
	return path
}

func groupedFiles(t testing.TB, rows []aGroupedRow, inTruth bool) (truth, input, predictions string) {
	t.Helper()
	var a, b, c [][]string
	for _, r := range rows {
		line := []string{r.key, r.label}
		if inTruth {
			line = append(line, r.kind)
		}
		a = append(a, line)
		b = append(b, []string{r.key, r.district, r.kind})
		c = append(c, []string{r.key, r.answer, fmt.Sprint(r.p)})
	}
	text := func(names ...string) (out []table.Field) {
		for _, n := range names {
			out = append(out, table.Field{Name: n, Type: table.String})
		}
		return out
	}
	labels := text("id", "said")
	if inTruth {
		labels = text("id", "said", "kind")
	}
	return textTable(t, "parquet", labels, a), textTable(t, "parquet", text("id", "district", "kind"), b),
		textTable(t, "csv", []table.Field{{Name: "id", Type: table.String}, {Name: "heard", Type: table.String}, {Name: "sure", Type: table.Float64}}, c)
}

// The values of a slice are, to the last bit, those of each group scored alone;
// small groups together are one. It holds in one pile and in many, in any order of
// the predictions, for columns of the truth and of the input.
func TestSlicesEqualGroupsAlone(t *testing.T) {
	t.Parallel()
	classes := func() scenarios.Spec {
		s := textSpec(t, "csv", errorRates)
		s.Truth.Classes = []string{"a", "b", "c"}
		s.Output.Columns[0].Classes = s.Truth.Classes
		s.Output.Columns[1].Range = []float64{0, 1}
		s.Metrics = nil
		for i, use := range []string{"accuracy@1", "f1@1", "mcc@1", "kappa@1", "roc_auc@1", "average_precision@1", "log_loss@1"} {
			column, params := "heard", map[string]any(nil)
			if i >= 4 {
				column, params = "sure", map[string]any{"positive": "b"}
			}
			s.Metrics = append(s.Metrics, scenarios.Metric{ID: fmt.Sprint("m", i), Use: use, Prediction: column, Primary: i == 0, Params: params, OnUndefined: map[bool]string{true: "0.25", false: "worst"}[i == 4]}) // what stands for no value, in groups of one class
		}
		return s
	}()
	texts := textSpec(t, "csv", errorRates+", {use: bleu@1}")
	for name, spec := range map[string]scenarios.Spec{"classes": classes, "texts": texts} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				t.Parallel()
				rng := rand.New(rand.NewPCG(seed, 7))
				spec := spec
				spec.Slices = []scenarios.Slice{{By: []string{"district"}, Min: 30}, {By: []string{"kind"}, Min: 200}, {By: []string{"kind", "said"}, Min: 25}}
				var rows []aGroupedRow
				for i := range 900 {
					label := []string{"a", "b", "c"}[rng.IntN(3)]
					answer := label
					if rng.IntN(3) == 0 {
						answer = []string{"a", "b", "c"}[rng.IntN(3)]
					}
					if name == "texts" {
						answer += strings.Repeat("x", rng.IntN(3))
					}
					d := int(rng.ExpFloat64() * 4)
					district := fmt.Sprint("区", d)
					if d == 3 {
						district = "" // no value is a group, too
					}
					rows = append(rows, aGroupedRow{fmt.Sprintf("K%04d", i), label, answer, float64(rng.IntN(101)) / 100, district, []string{"x", "y"}[rng.IntN(7)/4]})
				}
				plan, err := NewPlan(spec, "round")
				if err != nil {
					t.Fatal(err)
				}
				score := func(p *Plan, rows []aGroupedRow, inTruth, shuffle bool, pile int64) []aihub.MetricValue {
					truth, input, predictions := groupedFiles(t, rows, inTruth)
					if shuffle {
						others := slices.Clone(rows)
						rng.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
						_, _, predictions = groupedFiles(t, others, inTruth)
					}
					if p.spec.Slices == nil {
						input = ""
					}
					got, err := Scoring{Plan: p, Key: "id", Input: input, Dir: t.TempDir(), pile: pile}.Run(t.Context(), truth, predictions)
					if err != nil || got.Faults != nil {
						t.Fatal(err, got.Faults)
					}
					return got.Values
				}
				whole := score(plan, rows, false, false, 1<<20)
				for _, v := range [][]aihub.MetricValue{score(plan, rows, true, true, 1<<20), score(plan, rows, false, true, 64), score(plan, rows, true, false, 64)} {
					if !slices.EqualFunc(whole, v, aihub.MetricValue.Equal) {
						t.Errorf("slices depend on the way the rows were read:\n%+v\n%+v", whole, v)
					}
				}
				plain := spec
				plain.Slices = nil
				alone, err := NewPlan(plain, "")
				if err != nil {
					t.Fatal(err)
				}
				of := func(r aGroupedRow, s scenarios.Slice) (out []string) {
					for _, c := range s.By {
						out = append(out, map[string]string{"district": r.district, "kind": r.kind, "said": r.label}[c])
					}
					return out
				}
				for k, s := range spec.Slices {
					sizes, seen := map[string]int{}, map[string]bool{}
					for _, r := range rows {
						sizes[strings.Join(of(r, s), "|")]++
					}
					total := 0
					for g, first := range whole[0].Slices[k].Groups {
						var part []aGroupedRow
						for _, r := range rows {
							in := slices.Equal(of(r, s), first.Of)
							if first.Of == nil { // the rest
								in = !slices.ContainsFunc(whole[0].Slices[k].Groups, func(o aihub.GroupValue) bool { return slices.Equal(of(r, s), o.Of) })
							}
							if in {
								part, seen[strings.Join(of(r, s), "|")] = append(part, r), true
							}
						}
						if len(part) < s.Min || int64(len(part)) != first.N {
							t.Errorf("group %v has %d rows, and shows %d", first.Of, len(part), first.N)
						}
						total += len(part)
						for i, v := range score(alone, part, false, false, 1<<20) {
							got := whole[i].Slices[k].Groups[g]
							if got.Value != v.Value || got.N != v.N || got.Status != v.Status || got.Reason != v.Reason {
								t.Errorf("%s of group %v: %+v, alone %+v", v.ID, got.Of, got, v)
							}
							if (got.Lo != 0 || got.Hi != 0) && (i != 0 || got.Lo > got.Value || got.Hi < got.Value) {
								t.Errorf("%s of group %v has the interval [%v, %v] around %v", v.ID, got.Of, got.Lo, got.Hi, got.Value)
							}
						}
						if i := slices.IndexFunc(whole, func(v aihub.MetricValue) bool { return v.Slices[k].Groups[g].Hi > 0 }); i != 0 && first.Value < 1 && first.Value > 0 {
							t.Errorf("group %v has no interval of the primary metric", first.Of)
						}
					}
					if total != 0 && total != len(rows) || total != 0 && len(seen) != len(sizes) {
						t.Errorf("slice %d shows %d of %d rows, %d of %d groups", k, total, len(rows), len(seen), len(sizes))
					}
				}
				if len(whole[0].Slices[0].Groups) < 3 || len(whole[0].Slices[1].Groups) != 2 {
					t.Errorf("too few groups to tell: %+v", whole[0].Slices)
				}
			})
		}
	}
}

// A group of too few rows is never shown by itself, and cannot be computed from
// what is shown: what is not named has as many rows, too.
func TestSmallGroupsStandTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rows []int64
		min  int64
		want string
	}{
		{[]int64{50, 60, 70}, 40, "[[0] [1] [2]]"},
		{[]int64{50, 5, 70, 60}, 40, "[[2] [3] [1 0]]"}, // 5 alone would be what is left of the whole
		{[]int64{30, 15, 70, 60}, 40, "[[2] [3] [1 0]]"},
		{[]int64{10, 20, 15, 90}, 40, "[[3] [0 2 1]]"},
		{[]int64{100, 5}, 40, "[]"},
		{[]int64{5, 5}, 40, "[]"},
		{[]int64{100}, 40, "[]"},
		{[]int64{40, 40}, 40, "[[0] [1]]"},
	} {
		s := slicing{rows: c.rows}
		for i := range c.rows {
			s.names = append(s.names, []string{fmt.Sprint("g", i)})
		}
		if got := fmt.Sprint(s.shown(c.min)); got != c.want {
			t.Errorf("%v: %s, want %s", c.rows, got, c.want)
		}
	}
}

// What cannot be grouped is said, in both languages, with a place.
func TestBadGroups(t *testing.T) {
	t.Parallel()
	spec := textSpec(t, "csv", errorRates)
	spec.Slices = []scenarios.Slice{{By: []string{"district"}, Min: 20}}
	rows := func(n, groups int) (out []aGroupedRow) {
		for i := range n {
			out = append(out, aGroupedRow{fmt.Sprintf("K%04d", i), "a", "a", 1, fmt.Sprint(i % groups), "x"})
		}
		return out
	}
	run := func(input string, rows []aGroupedRow) string {
		plan, err := NewPlan(spec, "")
		if err != nil {
			t.Fatal(err)
		}
		truth, own, predictions := groupedFiles(t, rows, true)
		_, err = Scoring{Plan: plan, Key: "id", Input: cmp.Or(input, own), Dir: t.TempDir()}.Run(t.Context(), truth, predictions)
		var codes []string
		for _, f := range faultsOf(err) {
			if f.Message.EN == "" || f.Message.ZH == "" {
				t.Errorf("%+v", f)
			}
			codes = append(codes, f.Code)
		}
		return strings.Join(codes, " ")
	}
	if got := run("", rows(120, 51)); got != "too_many_groups" {
		t.Error(got)
	}
	_, other, _ := groupedFiles(t, rows(119, 3), false)
	if got := run(other, rows(120, 3)); got != "other_rows" {
		t.Error(got)
	}
	_, _, nothing := groupedFiles(t, rows(120, 3), false)
	if got := run(nothing, rows(120, 3)); got != "unknown_column" {
		t.Error(got)
	}
	long := rows(120, 3)
	long[7].district = strings.Repeat("长", 100)
	if got := run("", long); got != "too_long" {
		t.Error(got)
	}
	truth, input, _ := groupedFiles(t, rows(60, 3), false)
	if faults, _, err := countGroups(t.Context(), spec, "id", truth, input); err != nil || faults != nil {
		t.Error(faults, err)
	}
	// A street lies in one district but for three rows: what is left of the district
	// without the street.
	near := rows(60, 3)
	for i := range near {
		near[i].kind = map[bool]string{true: "x", false: "y"}[near[i].district == "0" && i > 8]
	}
	truth2, input2, _ := groupedFiles(t, near, false)
	twice := spec
	twice.Slices = []scenarios.Slice{{By: []string{"district"}, Min: 10}, {By: []string{"kind"}, Min: 10}}
	if faults, _, err := countGroups(t.Context(), twice, "id", truth2, input2); err != nil || len(faults) != 1 || faults[0].Code != "nested_slices" || !strings.Contains(faults[0].Message.EN, "by 3 rows") {
		t.Error(faults, err)
	}
	for i := range near {
		near[i].kind = map[bool]string{true: "x", false: "y"}[i%2 == 0]
	}
	truth2, input2, _ = groupedFiles(t, near, false)
	if faults, _, err := countGroups(t.Context(), twice, "id", truth2, input2); err != nil || faults != nil {
		t.Error(faults, err)
	}
	spec.Slices[0].Min = 31
	if faults, _, err := countGroups(t.Context(), spec, "id", truth, input); err != nil || len(faults) != 1 || faults[0].Code != "too_few_rows" {
		t.Error(faults, err)
	}
}

// Two slices are refused where unions of their groups differ by few rows, whichever
// comes first.
func TestNestedGroups(t *testing.T) {
	t.Parallel()
	in := func(lo, hi, i int) bool { return lo <= i && i < hi }
	for _, c := range []struct {
		name     string
		min, one int // of district and of kind
		kind     func(i int) string
		want     int64
	}{
		{"crossed", 10, 10, func(i int) string { return fmt.Sprint(i % 2) }, 0},
		{"crossed, another min", 10, 30, func(i int) string { return fmt.Sprint(i % 2) }, 0},
		{"a street in a district but for three rows", 10, 10, func(i int) string { return fmt.Sprint(i < 17) }, 3},
		{"a street around a district", 10, 10, func(i int) string { return fmt.Sprint(i < 26) }, 6},
		{"nearly equal", 10, 10, func(i int) string { return fmt.Sprint(in(3, 24, i)) }, 7},
		{"two districts but for five rows", 10, 10, func(i int) string { return fmt.Sprint(in(2, 37, i)) }, 5},
		{"two districts and what is no whole one", 10, 10, func(i int) string { return fmt.Sprint(in(3, 42, i)) }, 5},
		{"as many as may be shown", 6, 6, func(i int) string { return fmt.Sprint(i < 26) }, 0},
		{"the stricter min", 5, 10, func(i int) string { return fmt.Sprint(i < 26) }, 6},
		{"the same", 10, 10, func(i int) string { return fmt.Sprint("x", i/20) }, 0},
	} {
		for _, exchanged := range []bool{false, true} {
			spec := scenarios.Spec{Slices: []scenarios.Slice{{By: []string{"district"}, Min: c.min}, {By: []string{"kind"}, Min: c.one}}}
			g := &grouping{spec: spec, of: make([]slicing, 2), cell: make([]string, 2), unit: -1}
			at := [2]int{0, 1} // of district and kind
			if exchanged {
				at = [2]int{1, 0}
				slices.Reverse(spec.Slices)
			}
			g.of[at[0]], g.of[at[1]] = slicing{cols: []int{0}, number: map[string]uint16{}}, slicing{cols: []int{1}, number: map[string]uint16{}}
			both := newCrossing(2)
			for i := range 100 {
				g.cell[0], g.cell[1] = fmt.Sprint(i/20), c.kind(i)
				var code [2]uint16
				for k := range g.of {
					var err error
					if code[k], err = g.of[k].group(g, spec.Slices[k]); err != nil {
						t.Fatal(err)
					}
				}
				both.add(code[:], 1)
			}
			if got := both.difference(g, 0, 1); got != c.want {
				t.Errorf("%s, exchanged %v: %d rows, want %d", c.name, exchanged, got, c.want)
			}
		}
	}
}

// The least cut is that of all ways to cut.
func TestLeastCut(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		n := 1 + round%8
		w := make([][]int64, n)
		for i := range w {
			w[i] = make([]int64, n)
			for j := range i {
				w[i][j] = max(0, r.Int64N(9)-4)
				w[j][i] = w[i][j]
			}
		}
		want := int64(0)
		for side := range 1 << n {
			cut := int64(0)
			for i := range w {
				for j := range i {
					if side>>i&1 != side>>j&1 {
						cut += w[i][j]
					}
				}
			}
			if cut > 0 && (want == 0 || cut < want) {
				want = cut
			}
		}
		if got := leastCut(w); got != want {
			t.Fatalf("round %d: %d, want %d", round, got, want)
		}
	}
}

// Of a part that may be asked again, what a group scored is sealed: reviewers see
// it, an answer does not hold it, whoever asks. Of a final part it is shown.
func TestSlicesAreSealedUntilFinal(t *testing.T) {
	t.Parallel()
	var truth []string
	for i := range 120 {
		truth = append(truth, []string{"red", "blue"}[i%2])
	}
	h := newHub(t, setup{truth: truth, edit: []string{
		"sharing:\n", "slices: [{by: [x], min: 40}, {by: [label], min: 20}]\nsharing:\n",
		"rounds:\n", "rounds:\n  - {name: last, part: final, closes: 2026-05-02T00:00:00Z}\n",
	}})
	for _, round := range []string{"last", "main"} {
		open := round == "last"
		sub := h.enter(h.alice, round, h.right(90))
		h.score()
		for range 20 {
			h.toTick()
		}
		if n := h.release(); n != 1 {
			t.Fatalf("%s: %d releases", round, n)
		}
		groups := func(values []aihub.MetricValue) (n int) {
			for _, v := range values {
				for _, s := range v.Slices {
					n += len(s.Groups)
				}
			}
			return n
		}
		for who, scope := range map[string]policies.Scope{"public": {}, "alice": policies.ScopeOf(h.alice), "bob": policies.ScopeOf(h.bob), "steward": policies.ScopeOf(h.steward)} {
			s, err := h.db.Score(h.ctx, scope, sub.ID)
			h.must(err)
			if want := map[bool]int{true: 10}[open]; groups(s.Released) != want || len(s.Sealed) > 0 && who != "steward" {
				t.Errorf("%s: %s sees %d groups, want %d, and %d sealed values", round, who, groups(s.Released), want, len(s.Sealed))
			}
		}
		s, err := h.db.Score(h.ctx, policies.ScopeOf(h.reviewers[0]), sub.ID)
		h.must(err)
		if groups(s.Sealed) != 10 {
			t.Errorf("%s: a reviewer sees %d groups", round, groups(s.Sealed))
		}
		raw, err := h.db.Receipt(h.ctx, policies.ScopeOf(h.alice), sub.ID)
		h.must(err)
		if _, err := store.VerifyReceipt(raw, h.db.PublicKey()); err != nil {
			t.Errorf("%s: the receipt of a score by groups: %v", round, err)
		}
		x := s.Sealed[0].Slices[0]
		if worst, _ := x.WorstGroup(); len(x.Groups) != 3 || worst.N != 40 || worst.Lo >= worst.Hi || worst.Value > 0.75 {
			t.Errorf("%s: %+v", round, x)
		}
		got, err := h.db.Board(h.ctx, h.ref, round)
		h.must(err)
		if n := groups(got[0].Score.Released); n != map[bool]int{true: 10}[open] {
			t.Errorf("%s: the board shows %d groups", round, n)
		}
	}
}

// Metrics that keep more than memory is sure to hold, and key points of two kinds,
// are refused with a place.
func TestBounds(t *testing.T) {
	t.Parallel()
	faults := keptRows(scenarios.Spec{Metrics: []scenarios.Metric{{Use: "ece@1"}, {Use: "ece_mass@1"}}}, aihub.PartFile{Part: "test", Rows: metric.MaxMassRows + 1})
	if len(faults) != 1 || faults[0].Code != metric.TooManyRows || faults[0].Where != "test: metrics[1].use" || faults[0].Message.ZH == "" {
		t.Errorf("%+v", faults)
	}
	sliced := scenarios.Spec{Metrics: []scenarios.Metric{{Use: "ece_mass@1"}}, Slices: make([]scenarios.Slice, 3)}
	for rows, want := range map[int64]int{metric.MaxMassRows / 4: 0, metric.MaxMassRows/4 + 1: 1} {
		if faults := keptRows(sliced, aihub.PartFile{Part: "test", Rows: rows}); len(faults) != want {
			t.Errorf("%d rows in three slices: %+v", rows, faults)
		}
	}
	// Two rounds on one part are one part.
	v := aihub.DatasetVersion{Parts: []aihub.PartFile{{Part: "test", Rows: metric.MaxMassRows + 1}}}
	twice := scenarios.Spec{Metrics: []scenarios.Metric{{Use: "ece_mass@1"}}, Rounds: []scenarios.Round{{Name: "a", Part: "test"}, {Name: "b", Part: "test"}}}
	if _, faults, err := Trial(t.Context(), nil, v, twice, t.TempDir(), nil); err != nil || len(faults) != 1 {
		t.Errorf("%v, %+v", err, faults)
	}
	classes := make([]string, 100)
	for i := range classes {
		classes[i] = fmt.Sprint("c", i)
	}
	classwise := func(bins float64, s ...scenarios.Slice) scenarios.Spec {
		spec := scenarios.Spec{Truth: scenarios.Truth{Classes: classes}, Slices: s, Metrics: []scenarios.Metric{{ID: "m", Use: "ece_classwise@1", Prediction: "c0", Params: map[string]any{"bins": bins}}}}
		spec.Metrics[0].Params["columns"] = classes
		for _, c := range classes {
			spec.Output.Columns = append(spec.Output.Columns, scenarios.OutputColumn{Name: c, Type: "float64", Range: []float64{0, 1}})
		}
		return spec
	}
	by := scenarios.Slice{By: []string{"x"}, Min: 100}
	for _, c := range []struct {
		spec scenarios.Spec
		want string
	}{
		{classwise(15), ""}, {classwise(163), ""}, {classwise(164), "at most 16384"}, {classwise(10, by), ""}, {classwise(11, by), "at most 1024 with slices"},
	} {
		_, err := NewPlan(c.spec, "")
		faults := faultsOf(err)
		if c.want == "" && err != nil || c.want != "" && (len(faults) != 1 || faults[0].Where != "metrics[0].params.bins" || !strings.Contains(faults[0].Message.EN, c.want) || faults[0].Message.ZH == "") {
			t.Errorf("%v with %d slices: %v %+v", c.spec.Metrics[0].Params["bins"], len(c.spec.Slices), err, faults)
		}
	}
	spec := scenarios.Spec{Metrics: []scenarios.Metric{{Use: "accuracy@1"}, {Use: "oks_ap@1"}, {Use: "oks_ar@1", Params: map[string]any{"sigmas": "0.1,0.2"}}}}
	if faults := spec.ShapeFaults(); len(faults) != 1 || faults[0].Where != "metrics[2].params.sigmas" || faults[0].Message.ZH == "" {
		t.Errorf("%+v", faults)
	}
	spec.Metrics[1].Params = map[string]any{"sigmas": "0.3,0.3"}
	if faults := spec.ShapeFaults(); faults != nil {
		t.Errorf("%+v", faults)
	}
}
