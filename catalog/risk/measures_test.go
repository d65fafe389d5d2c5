package risk

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aihub"
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
		w := spreads(heldBy(b.Col(column), over), over.Size, l).worst(column, nil)
		if d := cmp.Diff(want, Diversity0{w.Distinct, w.Entropy, w.Recursive, w.Equal, w.Ordered}, near); d != "" {
			t.Error(column, d)
		}
	}
	diversity(g.Ill, "ill", people, 2)
	diversity(g.Income, "income", people, 3)
	diversity(g.IllBySex, "ill", Group(b, []string{"sex"}), 3)

	part := b.Col("part").Str
	parts := map[string][]int64{}
	for r, id := range people.Of {
		if parts[part[r]] == nil {
			parts[part[r]] = make([]int64, len(people.Size))
		}
		parts[part[r]][id]++
	}
	if d := cmp.Diff(g.Attack, attacks(parts["sample"], people.Size), near); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(g.Itself, attacks(parts["sample"], parts["sample"]), near); d != "" {
		t.Error(d)
	}
	if s := overlap(parts["sample"], parts["train"]); s.Rows != g.Overlap[0] || s.Certain != g.Overlap[1] || s.Of != g.Attack.Rows {
		t.Error(s, g.Overlap)
	}
}

// heldBy counts the values of a column over classes.
func heldBy(c *table.Column, g Groups) held {
	s := &sensitive{dict: newDict(c.Field), held: map[uint64]int64{}}
	for r, id := range g.Of {
		code, _ := s.code(c, r, true)
		s.held[uint64(id)<<32|uint64(code)]++
	}
	return s.ordered(g.Size)
}

// A meter that gets the rows in batches and parts reports what the reference
// says, and lets through the rows of the classes that it counts.
func TestMeter(t *testing.T) {
	t.Parallel()
	g, b := reference(t)
	p := Policy{Quasi: []string{"band", "sex", "area"}, K: 1, Sensitive: []string{"ill", "income"}, L: 1}
	m := NewMeter(p, b.Schema())
	part := make([]uint8, b.Rows)
	for r, v := range b.Col("part").Str {
		part[r] = uint8(slices.Index([]string{"sample", "train", "test"}, v))
	}
	var odd, even []int
	for r := range b.Rows {
		if r%2 == 0 {
			even = append(even, r)
		} else {
			odd = append(odd, r)
		}
	}
	for _, rows := range [][]int{odd, even} {
		if err := m.Add(b, rows, part, nil); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := m.Gate(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(g.Attack, *rep.Attack, near); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Share{g.Overlap[0], g.Overlap[1], g.Attack.Rows}, *rep.InTrain); d != "" {
		t.Error(d)
	}
	if d := rep.Sensitive[0]; math.Abs(d.Equal-g.Ill.Equal) > 1e-9 || d.Distinct != g.Ill.Distinct {
		t.Errorf("%+v", d)
	}
	rows := int64(0)
	for _, s := range rep.Sizes {
		rows += s.Rows
	}
	if rows != 240 || slices.Contains(m.Keep(b, nil), false) {
		t.Error(rows)
	}
	p.K, p.MaxSuppression = 3, 0.5
	m = NewMeter(p, b.Schema())
	if err := m.Add(b, nil, part, nil); err != nil {
		t.Fatal(err)
	}
	if rep, err = m.Gate(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	size := Group(b, p.Quasi)
	for r, ok := range m.Keep(b, nil) {
		if ok != (size.Size[size.Of[r]] >= 3) {
			t.Errorf("row %d", r)
		}
	}
	if rep.Suppressed != 6+9*2 || rep.Attack.Population != 240-24 {
		t.Errorf("%+v %+v", rep, rep.Attack)
	}
	// A row of a class that was never counted is not published.
	b.Cols[slices.Index([]string{"age", "band"}, "band")].Str[0] = "900-909"
	if m.Keep(b, []int{0})[0] {
		t.Error("an unknown row is published")
	}
}

// Rows are a sample of people: there cannot be fewer people than rows.
func TestPopulationHoldsTheRows(t *testing.T) {
	t.Parallel()
	for population, says := range map[int64]string{3: "4 rows are published", 4: ""} {
		b := table.NewBatch([]table.Field{{Name: "q", Type: table.String}}, 0)
		for range 4 {
			b.Cols[0].AppendStr("a")
			b.Rows++
		}
		m := NewMeter(Policy{Quasi: []string{"q"}, K: 2, Population: population}, b.Schema())
		if err := m.Add(b, nil, make([]uint8, b.Rows), nil); err != nil {
			t.Fatal(err)
		}
		_, err := m.Gate(t.Context(), nil)
		if (says == "") != (err == nil) || err != nil && (aihub.KindOf(err) != aihub.Refused || !strings.Contains(err.Error(), says)) {
			t.Errorf("%d: %v", population, err)
		}
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
		l := link(c.raw, c.masked, c.cols)
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
	if l := link(alone, alone, []string{"x"}); math.Abs(l.Linked-l.Baseline) > 1e-9 {
		t.Errorf("%+v", l)
	}
}

// The search judges a class from its counts as the gate does from its rows.
func TestJudge(t *testing.T) {
	t.Parallel()
	_, b := reference(t)
	g := Group(b, []string{"band", "sex", "area"})
	for _, column := range []string{"ill", "income"} {
		for _, p := range []Policy{{L: 2}, {L: 2.2, Diversity: "entropy"}, {L: 2, C: 2, Diversity: "recursive"}, {T: at(0.4)}, {T: at(0.2), Distance: "ordered"}} {
			codes, n, fails := p.Judge(b.Col(column))
			counts := make([][]uint32, len(g.Size))
			for r, id := range g.Of {
				if counts[id] == nil {
					counts[id] = make([]uint32, n)
				}
				counts[id][codes[r]]++
			}
			s := spreads(heldBy(b.Col(column), g), g.Size, int(p.L))
			failed := 0
			for id := range counts {
				if fails(counts[id]) != p.fails(s, id) {
					t.Errorf("%s %+v: class %d", column, p, id)
				}
				failed += btoi(p.fails(s, id))
			}
			if failed == 0 || failed == len(counts) {
				t.Errorf("%s %+v: %d of %d fail: nothing is tested", column, p, failed, len(counts))
			}
		}
	}
}

// link measures how many rows of raw are nearest to their own row of masked,
// over the columns that both have by these names. Row i of one is row i of the
// other.
func link(raw, masked *table.Batch, columns []string) Linkage {
	if raw.Rows == 0 || len(columns) == 0 {
		return Linkage{Among: int64(raw.Rows)}
	}
	m := NewMeter(Policy{Quasi: columns}, masked.Schema())
	if m.Add(masked, nil, nil, nil) != nil { // more classes than a batch has
		return Linkage{Among: int64(raw.Rows)}
	}
	l, _ := m.Link(context.Background(), raw, masked, nil) // ends early only with its context
	return l
}
