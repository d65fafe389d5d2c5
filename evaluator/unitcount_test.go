package evaluator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/scenarios"
)

// Rows of one unit are drawn together: when all rows of a district are right or wrong
// at once, intervals and the spread of a comparison are those of as many rows as
// there are districts. It holds for a column of the input or the truth, in one pile
// and in many; without a unit every row is one.
func TestRowsOfOneUnit(t *testing.T) {
	t.Parallel()
	const units, each = 120, 25
	r := rand.New(rand.NewPCG(8, 8))
	var rows []aGroupedRow
	for u := range units {
		label, right := []string{"a", "b"}[r.IntN(2)], r.IntN(5) > 0
		for i := range each {
			answer, p := label, 0.8
			if !right {
				answer, p = map[string]string{"a": "b", "b": "a"}[label], 0.3
			}
			if label == "a" {
				p = 1 - p
			}
			rows = append(rows, aGroupedRow{fmt.Sprintf("%05d", u*each+i), label, answer, p + 0.1*r.Float64(), fmt.Sprint("d", u), fmt.Sprint("d", u)})
		}
	}
	spec := textSpec(t, "csv", errorRates)
	spec.Truth.Classes = []string{"a", "b"}
	spec.Output.Columns[0].Classes = spec.Truth.Classes
	spec.Metrics = []scenarios.Metric{
		{ID: "accuracy", Use: "accuracy@1", Prediction: "heard", Primary: true},
		{ID: "auc", Use: "roc_auc@1", Prediction: "sure"},
	}
	run := func(unit string, primary int, inTruth bool, pile int64) Scored {
		t.Helper()
		s := spec
		s.Unit, s.Metrics = unit, slices.Clone(spec.Metrics)
		for i := range s.Metrics {
			s.Metrics[i].Primary = i == primary
		}
		plan, err := NewPlan(s, "units")
		if err != nil {
			t.Fatal(err)
		}
		truth, input, predictions := groupedFiles(t, rows, inTruth)
		got, err := Scoring{Plan: plan, Key: "id", Input: input, Dir: t.TempDir(), pile: pile}.Run(t.Context(), truth, predictions)
		if err != nil || got.Faults != nil {
			t.Fatal(err, got.Faults)
		}
		return got
	}
	width := func(v aihub.MetricValue) float64 { return v.Hi - v.Lo }
	for primary := range 2 {
		plain, by := run("", primary, false, 0), run("district", primary, false, 0)
		for i, v := range by.Values {
			w := plain.Values[i]
			if v.Value != w.Value || v.N != w.N || v.Units != units || w.Units != 0 {
				t.Errorf("%+v, by row %+v", v, w)
			}
			if x := width(v) / width(w); x < 3.5 || x > 6.5 { // about √25
				t.Errorf("%s: the interval of units [%v, %v] is %.2f times that of rows [%v, %v]", v.ID, v.Lo, v.Hi, x, w.Lo, w.Hi)
			}
		}
		if len(by.Sample) != metric.Replicates || slices.Equal(by.Sample, plain.Sample) {
			t.Errorf("%d draws", len(by.Sample))
		}
		if other := run("kind", primary, true, 64); !slices.Equal(other.Sample, by.Sample) || other.Values[0].Lo != by.Values[0].Lo {
			t.Errorf("by a column of the truth, in many piles: %+v, not %+v", other.Values, by.Values)
		}
	}
	// What a round may promise follows the units, before it opens.
	s := spec
	s.Unit = "district"
	truth, input, _ := groupedFiles(t, rows, false)
	if faults, n, err := countGroups(t.Context(), s, "id", truth, input); n != units || faults != nil || err != nil {
		t.Errorf("%d units, %v, %v", n, faults, err)
	}
	if _, err := (Scoring{Plan: &Plan{spec: s}, Key: "id", Dir: t.TempDir()}).Run(t.Context(), truth, truth); aihub.KindOf(err) != aihub.Contract || !strings.Contains(fmt.Sprint(err.(*aihub.Error).Faults), "unit") {
		t.Errorf("a unit that is in no file: %v", err)
	}
	if _, _, err := (&Plan{spec: s, boot: metric.NewBootstrap("x")}).ScoreSample(t.Context(), &Truth{}, &Predictions{}); err == nil {
		t.Error("rows were drawn one by one")
	}
}

// Where rows belong together a group is as large as it has units, of which many rows
// of one are one: nothing is shown of fewer, nor can it be computed.
func TestGroupsOfUnits(t *testing.T) {
	t.Parallel()
	spec := textSpec(t, "csv", errorRates)
	spec.Truth.Classes = []string{"a", "b"}
	spec.Output.Columns[0].Classes = spec.Truth.Classes
	spec.Metrics = []scenarios.Metric{{ID: "accuracy", Use: "accuracy@1", Prediction: "heard", Primary: true}}
	spec.Slices = []scenarios.Slice{{By: []string{"kind"}, Min: 20}}
	var rows []aGroupedRow
	for kind, units := range map[string]int{"many": 100, "one": 1, "two": 60} {
		for i := range 300 {
			rows = append(rows, aGroupedRow{fmt.Sprintf("%s%03d", kind, i), []string{"a", "b"}[i%2], "a", 0.5, fmt.Sprint(kind, i%units), kind})
		}
	}
	slices.SortFunc(rows, func(a, b aGroupedRow) int { return strings.Compare(a.key, b.key) })
	truth, input, predictions := groupedFiles(t, rows, false)
	for unit, want := range map[string]string{"": "[many] 0 300, [one] 0 300, [two] 0 300", "district": "[many] 0 300, [] 2 600"} {
		spec.Unit = unit
		plan, err := NewPlan(spec, "units")
		if err != nil {
			t.Fatal(err)
		}
		got, err := Scoring{Plan: plan, Key: "id", Input: input, Dir: t.TempDir()}.Run(t.Context(), truth, predictions)
		if err != nil || got.Faults != nil {
			t.Fatal(err, got.Faults)
		}
		var groups []string
		for _, g := range got.Values[0].Slices[0].Groups {
			groups = append(groups, fmt.Sprint(g.Of, g.Merged, g.N))
		}
		if s := strings.Join(groups, ", "); s != want {
			t.Errorf("by unit %q: %s, want %s", unit, s, want)
		}
		if faults, _, err := countGroups(t.Context(), spec, "id", truth, input); err != nil || faults != nil {
			t.Errorf("by unit %q: %v %v", unit, faults, err)
		}
	}
	// Two slices are the same but for 25 rows, all of one unit.
	for i := range rows {
		rows[i].kind = rows[i].label
	}
	for i, n := 0, 0; n < 25; i++ {
		if rows[i].district == "one0" {
			rows[i].kind = "a"
			n += b2i(rows[i].label == "b")
		}
	}
	spec.Slices = append(spec.Slices, scenarios.Slice{By: []string{"said"}, Min: 20})
	truth, input, _ = groupedFiles(t, rows, false)
	for unit, want := range map[string]string{"": "", "district": "differ by 1 units"} { // 25 of its 300 rows: less than one
		spec.Unit = unit
		faults, _, err := countGroups(t.Context(), spec, "id", truth, input)
		if err != nil || want == "" && faults != nil || want != "" && (len(faults) != 1 || faults[0].Code != "nested_slices" || !strings.Contains(faults[0].Message.EN, want)) {
			t.Errorf("by unit %q: %v %v", unit, faults, err)
		}
	}
}

// Units of unequal size are worth fewer, and a row without a unit is one.
func TestUnitCountWorth(t *testing.T) {
	var u unitCount
	if u.worth() != 0 {
		t.Error(u.worth())
	}
	for i := range 90 {
		u.add("large")
		if i < 10 {
			u.add(fmt.Sprint("small ", i))
		}
	}
	if got := u.worth(); got != 1 { // 100²/(90² + 10)
		t.Errorf("one of 90 rows and ten of one are worth %d", got)
	}
	u = unitCount{}
	for i := range 10_000 {
		u.add(fmt.Sprint(i % 5000))
	}
	if got := u.worth(); got > 5000 || got < 4900 {
		t.Errorf("5000 units are counted as %d", got)
	}
	g := &grouping{unit: 0, cell: []string{""}}
	if g.unitOf("key") != "key" || (*grouping)(nil).unitOf("key") != "key" {
		t.Error("a row without a unit is not one by itself")
	}
}
