package risk

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aihub/catalog/risk/classes"
	"aihub/internal/table"
)

// golden is what testdata/reference.py computed by brute force over people.csv.
type golden struct {
	Sizes, Fine, Tail      map[string]int64
	Ill, Income            Diversity0
	IllBySex               Diversity0 `json:"ill_by_sex"`
	Attack, Itself         Attack
	Overlap                []int64
	Zayatz, Pitman         map[string]float64
	LinkClass, LinkChanged float64
	LinkNoise              float64
}

// Diversity0 has the reference's names.
type Diversity0 struct {
	Distinct                           int
	Entropy, Recursive, Equal, Ordered float64
}

func reference(t *testing.T) (golden, *table.Batch) {
	t.Helper()
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	var links struct {
		A float64 `json:"link_class"`
		B float64 `json:"link_changed"`
		C float64 `json:"link_noise"`
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &links); err != nil {
		t.Fatal(err)
	}
	g.LinkClass, g.LinkChanged, g.LinkNoise = links.A, links.B, links.C
	f, err := os.Open("testdata/people.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := table.OpenCSV(f, table.CSVOptions{Types: map[string]table.Type{"noisy": table.Float64, "exact": table.Float64, "age": table.Int64, "income": table.Int64}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := table.ReadAll(r, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return g, b
}

func histogram(m map[string]int64) classes.Histogram {
	var sizes []int64
	for s, n := range m {
		v, _ := strconv.ParseInt(s, 10, 64)
		for range n {
			sizes = append(sizes, v)
		}
	}
	return classes.Of(sizes)
}

var near = cmpopts.EquateApprox(1e-9, 1e-12)

func TestMeasuresAgreeWithTheReference(t *testing.T) {
	t.Parallel()
	g, b := reference(t)
	people := Group(b, []string{"band", "sex", "area"})
	if d := cmp.Diff(histogram(g.Sizes), classes.Of(people.Size)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(histogram(g.Fine), classes.Of(Group(b, []string{"age", "sex", "area"}).Size)); d != "" {
		t.Error(d)
	}
	diversity := func(want Diversity0, column string, over Groups, l int) {
		t.Helper()
		w := spreads(b.Col(column), over, l).worst(column, nil)
		if d := cmp.Diff(want, Diversity0{w.Distinct, w.Entropy, w.Recursive, w.Equal, w.Ordered}, near); d != "" {
			t.Error(column, d)
		}
	}
	diversity(g.Ill, "ill", people, 2)
	diversity(g.Income, "income", people, 3)
	diversity(g.IllBySex, "ill", Group(b, []string{"sex"}), 3)

	part := b.Col("part").Str
	all := func(int) bool { return true }
	inSample := func(r int) bool { return part[r] == "sample" }
	if d := cmp.Diff(g.Attack, Attacks(people, inSample, all), near); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(g.Itself, Attacks(people, inSample, inSample), near); d != "" {
		t.Error(d)
	}
	var sample, train []int
	for r, p := range part {
		switch p {
		case "sample":
			sample = append(sample, r)
		case "train":
			train = append(train, r)
		}
	}
	if shared, certain := Overlap(people, sample, train); shared != g.Overlap[0] || certain != g.Overlap[1] {
		t.Error(shared, certain, g.Overlap)
	}
}

func TestPopulationModels(t *testing.T) {
	t.Parallel()
	g, _ := reference(t)
	for n, want := range g.Zayatz {
		pop, _ := strconv.ParseInt(n, 10, 64)
		if got := zayatz(histogram(g.Fine), pop); math.Abs(got-want) > 1e-6*want {
			t.Errorf("zayatz %s: %g, not %g", n, got, want)
		}
	}
	for n, want := range g.Pitman {
		pop, _ := strconv.ParseFloat(n, 64)
		// The reference looks for the top of the likelihood, which is flat there.
		if got, ok := pitman(histogram(g.Tail), pop); !ok || math.Abs(got-want) > 1e-4*want {
			t.Errorf("pitman %s: %g, not %g", n, got, want)
		}
	}
	if u := PopulationUniques(histogram(g.Tail), 100_000); u.Model != "pitman" || u.Share <= 0 || u.Share > 1 {
		t.Errorf("%+v", u)
	}
	if u := PopulationUniques(histogram(g.Tail), 5000); u.Model != "zayatz" {
		t.Errorf("%+v", u)
	}
	if u := PopulationUniques(classes.Of([]int64{5, 6}), 1000); u.Uniques != 0 {
		t.Errorf("%+v", u)
	}
	if u := PopulationUniques(classes.Of([]int64{1, 1, 3}), 5); u.Uniques != 2 {
		t.Errorf("%+v: the sample is the population", u)
	}
}

func TestLinkage(t *testing.T) {
	t.Parallel()
	g, b := reference(t)
	pick := func(names ...string) *table.Batch {
		out := &table.Batch{Rows: b.Rows}
		for i := 0; i < len(names); i += 2 {
			c := *b.Col(names[i])
			c.Name = names[i+1]
			out.Cols = append(out.Cols, c)
		}
		return out
	}
	for _, c := range []struct {
		want        float64
		raw, masked *table.Batch
		cols        []string
	}{
		{g.LinkClass, b, b, []string{"band", "sex", "area"}},
		{g.LinkChanged, b, pick("band", "band", "shown", "area"), []string{"band", "area"}},
		{g.LinkNoise, pick("exact", "x", "sex", "sex"), pick("noisy", "x", "sex", "sex"), []string{"x", "sex"}},
	} {
		l := Link(c.raw, c.masked, c.cols)
		if math.Abs(l.Linked-c.want) > 1e-9 || l.Rows != 240 || l.Baseline != 1./240 {
			t.Errorf("%v: %+v, not %g", c.cols, l, c.want)
		}
	}
	// A column of names that no two rows share links nothing, however it is masked.
	alone := table.NewBatch([]table.Field{{Name: "x", Type: table.String}}, 0)
	for i := range 50 {
		alone.Cols[0].AppendStr(strconv.Itoa(i))
		alone.Rows++
	}
	if l := Link(alone, alone, []string{"x"}); math.Abs(l.Linked-l.Baseline) > 1e-9 {
		t.Errorf("%+v", l)
	}
}
