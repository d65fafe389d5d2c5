package risk

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aihub"
	"aihub/catalog/risk/classes"
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

func numbers0(b *table.Batch, k int, quasi ...string) Numbers {
	return count(classes.Of(Group(b, quasi).Size), k)
}

func TestCount(t *testing.T) {
	t.Parallel()
	b := people("20 F", "20 F", "20 M", "30 M", "30 M", "30 M", "- M", "- M")
	want := Numbers{Rows: 8, Classes: 4, K: 1, Below: 5, Unique: 1, Largest: 3, Risk: 1, Average: 0.5}
	if d := cmp.Diff(want, numbers0(b, 3, "age", "sex")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]int32{0, 0, 1, 2, 2, 2, 3, 3}, Group(b, []string{"age", "sex"}).Of); d != "" {
		t.Error(d)
	}
	if n := numbers0(people(), 2, "age"); n.K != 0 || n.Risk != 0 {
		t.Error(n)
	}
}

// Values that join to the same text are different classes.
func TestCountKeepsColumnsApart(t *testing.T) {
	t.Parallel()
	if n := numbers0(people("1:2 3", "1 2:3", "- -"), 2, "age", "sex"); n.Classes != 3 {
		t.Error(n)
	}
}

// Columns whose values together outgrow a number are still told apart.
func TestGroupManyColumns(t *testing.T) {
	t.Parallel()
	const cols, rows = 12, 3000
	b := &table.Batch{Rows: rows}
	var names []string
	want := map[string]int64{}
	rng := rand.New(rand.NewPCG(1, 1))
	for c := range cols {
		names = append(names, fmt.Sprint("c", c))
		b.Cols = append(b.Cols, table.NewColumn(table.Field{Name: names[c], Type: table.Int64}, rows))
	}
	for r := range rows {
		seed := int64(r)
		if r%3 > 0 {
			seed = rng.Int64N(700)
		}
		key := ""
		for c := range cols {
			v := seed * int64(c+7)
			if c == cols-1 {
				v = int64(r % 2)
			}
			b.Cols[c].AppendInt(v)
			key += fmt.Sprint(v, " ")
		}
		want[key]++
	}
	g := Group(b, names)
	if len(g.Size) != len(want) {
		t.Fatal(len(g.Size), len(want))
	}
	var sizes []int64
	for _, n := range want {
		sizes = append(sizes, n)
	}
	if d := cmp.Diff(classes.Of(sizes), classes.Of(g.Size)); d != "" {
		t.Error(d)
	}
}

// A float's zero, its negative and its missing values are classes as people see them.
func TestGroupFloats(t *testing.T) {
	t.Parallel()
	b := table.NewBatch([]table.Field{{Name: "x", Type: table.Float64}}, 0)
	for _, v := range []float64{0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(math.Float64bits(math.NaN()) | 1), 1} {
		b.Cols[0].AppendFlt(v)
		b.Rows++
	}
	if d := cmp.Diff([]int32{0, 0, 1, 1, 2}, Group(b, []string{"x"}).Of); d != "" {
		t.Error(d)
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
		n := numbers0(people(kept...), k, "age", "sex")
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

// Classes large enough whose sensitive values are alike are dropped too, by
// every kind of l and t.
func TestGateDiversity(t *testing.T) {
	t.Parallel()
	// class 20: a 9, b 1; class 30: a 5, b 5
	lines := []string{"20 b", "30 b", "30 b", "30 b", "30 b", "30 b", "30 a", "30 a", "30 a", "30 a", "30 a"}
	for range 9 {
		lines = append(lines, "20 a")
	}
	b := people(lines...)
	p := Policy{Quasi: []string{"age"}, K: 2, MaxSuppression: 0.5, Sensitive: []string{"sex"}}
	for name, c := range map[string]struct {
		change func(*Policy)
		drop   int
	}{
		"none":       {func(p *Policy) {}, 0},
		"distinct":   {func(p *Policy) { p.L = 2 }, 0},
		"entropy":    {func(p *Policy) { p.L, p.Diversity = 1.5, "entropy" }, 10},
		"recursive":  {func(p *Policy) { p.L, p.C, p.Diversity = 2, 9.5, "recursive" }, 0},
		"recursive9": {func(p *Policy) { p.L, p.C, p.Diversity = 2, 9, "recursive" }, 10},
		"t":          {func(p *Policy) { p.T = at(0.2) }, 0},
	} {
		q := p
		c.change(&q)
		if fs := q.Lint([]string{"age", "sex"}); fs != nil {
			t.Error(name, fs)
		}
		rep, keep, err := Gate(b, q)
		if err != nil {
			t.Fatal(name, err)
		}
		if rep.Suppressed != c.drop || rep.Diverse != c.drop || keep[0] != (c.drop == 0) || !keep[1] || len(rep.Sensitive) != 1 {
			t.Errorf("%s: %+v", name, rep)
		}
	}
	p.T = at(0.1) // both classes are 0.2 from the whole
	_, _, err := Gate(b, p)
	if aihub.KindOf(err) != aihub.Refused || !strings.Contains(err.Error(), "20 more in classes whose sex are too much alike") {
		t.Error(err)
	}
}

// An l above what the column has of values is out of reach of any generalisation:
// the hint says so, and what the column has.
func TestHintOfAnLOutOfReach(t *testing.T) {
	t.Parallel()
	b := table.NewBatch([]table.Field{{Name: "q", Type: table.String}, {Name: "ill", Type: table.String}}, 0)
	for i := range 40 {
		b.Cols[0].AppendStr([]string{"a", "b"}[i/20])
		if i%4 == 0 {
			b.Cols[1].AppendNull() // no value
		} else {
			b.Cols[1].AppendStr([]string{"flu", "cold", "gout"}[i%4-1])
		}
		b.Rows++
	}
	hint := func(p Policy) aihub.Text {
		p.Quasi, p.Sensitive = []string{"q"}, []string{"ill"}
		_, _, err := Gate(b, p)
		var e *aihub.Error
		if !errors.As(err, &e) || e.Kind != aihub.Refused {
			t.Fatalf("%+v: %v", p, err)
		}
		return e.Hint
	}
	for _, p := range []Policy{{K: 2, L: 4}, {K: 2, L: 3.5, Diversity: "entropy"}, {K: 2, L: 4, C: 9, Diversity: "recursive"}} {
		h := hint(p)
		if !strings.Contains(h.EN, "ill has 3 different values") || !strings.Contains(h.EN, "at most 3") || strings.Contains(h.EN, "generalise") ||
			!strings.Contains(h.ZH, "共有 3 个不同取值") || !strings.Contains(h.ZH, "不超过 3") || strings.Contains(h.ZH, "泛化") {
			t.Errorf("%+v: %+v", p, h)
		}
	}
	if h := hint(Policy{K: 30, L: 4}); !strings.Contains(h.EN, "at most 3; generalise") || !strings.Contains(h.ZH, "不超过 3；请进一步泛化") {
		t.Errorf("k too: %+v", h)
	}
	if h := hint(Policy{K: 2, L: 3, C: 0.5, Diversity: "recursive"}); !strings.HasPrefix(h.EN, "generalise") || strings.Contains(h.EN, "different values") {
		t.Errorf("within reach: %+v", h)
	}
}

func TestExceeded(t *testing.T) {
	t.Parallel()
	rep := Report{Policy: Policy{Quasi: []string{"age"}, K: 5, MaxSuppression: 0.1, MaxRisk: at(0.1), MaxUniques: at(0.01), MaxPresence: at(0.5), MaxLinkage: at(0.2)}, Before: Numbers{Rows: 100}, After: Numbers{Rows: 80, K: 4, Average: 0.2}, Suppressed: 20,
		Uniques: &Uniqueness{Share: 0.02}, Attack: &Attack{PresenceMost: 0.6}, Linkage: &Linkage{Linked: 0.3}}
	var got []string
	for _, f := range rep.Exceeded() {
		got = append(got, f.Where)
	}
	if d := cmp.Diff([]string{"k", "max_suppression", "max_risk", "max_uniques", "max_presence", "max_linkage"}, got); d != "" {
		t.Error(d)
	}
	rep.Policy = Policy{Quasi: []string{"age"}, K: 4, MaxSuppression: 0.2, MaxRisk: at(0.2), MaxUniques: at(0.02), MaxPresence: at(0.6), MaxLinkage: at(0.3)}
	if fs := rep.Exceeded(); fs != nil {
		t.Error(fs)
	}
	rep.Attack, rep.Linkage = nil, nil // a limit of what nobody measured is no limit that holds
	if fs := rep.Exceeded(); len(fs) != 2 || !strings.Contains(fs[0].Message.EN, "could not be measured") {
		t.Error(fs)
	}
	// Of l and t what the policy's own measure says.
	rep.Sensitive = []Diversity{{Column: "ill", Distinct: 3, Entropy: 2.5, Recursive: 2, Equal: 0.3, Ordered: 0.1}}
	for want, p := range map[string]Policy{
		"l >= 3 3": {L: 3}, "l >= 2 2.5": {L: 2, Diversity: "entropy"}, "c < 2 2": {L: 2, Diversity: "recursive", C: 2},
		"t <= 0.2 0.3": {T: at(0.2)}, "t <= 0.2 0.1": {T: at(0.2), Distance: "ordered"},
	} {
		p.Quasi, p.K = []string{"age"}, 4
		rep.Policy = p
		ls := rep.Limits()
		l := ls[len(ls)-1]
		if got := fmt.Sprintf("%s %s %g %g", l.Key, l.Rule, l.Limit, l.Measured); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func at(v float64) *float64 { return &v }

// A limit of 0 is the strictest, not none.
func TestLimitsOfZero(t *testing.T) {
	t.Parallel()
	rep := Report{Policy: Policy{Quasi: []string{"age"}, K: 2, MaxRisk: at(0), MaxUniques: at(0), MaxPresence: at(0), MaxLinkage: at(0)}, Before: Numbers{Rows: 100}, After: Numbers{Rows: 100, K: 4, Average: 0.2},
		Uniques: &Uniqueness{Share: 0.02}, Attack: &Attack{PresenceMost: 0.6}, Linkage: &Linkage{Linked: 0.3}}
	var got []string
	for _, f := range rep.Exceeded() {
		got = append(got, f.Where)
	}
	if d := cmp.Diff([]string{"max_risk", "max_uniques", "max_presence", "max_linkage"}, got); d != "" {
		t.Error(d)
	}
	if !(Policy{MaxLinkage: at(0)}).Declared() {
		t.Error("a limit of 0 is no policy")
	}
	b := table.NewBatch([]table.Field{{Name: "age", Type: table.String}, {Name: "ill", Type: table.String}}, 0)
	for i := range 12 {
		b.Cols[0].AppendStr([]string{"young", "old"}[i%2])
		b.Cols[1].AppendStr([]string{"a", "b", "c"}[i/2%3])
		b.Rows++
	}
	p := Policy{Quasi: []string{"age"}, K: 2, Sensitive: []string{"ill"}, T: at(0)}
	if rep, _, err := Gate(b, p); err != nil || rep.Limits()[2].Key != "t" {
		t.Errorf("classes like the whole: %v %+v", err, rep.Limits())
	}
	b.Cols[1].Str[0] = "b"
	if _, _, err := Gate(b, p); aihub.KindOf(err) != aihub.Refused {
		t.Errorf("a class unlike the whole passed t: 0: %v", err)
	}
}

// What is missing is no value that hides another: a class of one illness and a null
// tells the illness.
func TestDiversityOfWhatIsMissing(t *testing.T) {
	t.Parallel()
	fields := []table.Field{{Name: "age", Type: table.String}, {Name: "ill", Type: table.String}, {Name: "pay", Type: table.Float64}}
	b := table.NewBatch(fields, 0)
	add := func(age, ill string, pay float64) {
		b.Cols[0].AppendStr(age)
		if ill == "" {
			b.Cols[1].AppendNull()
		} else {
			b.Cols[1].AppendStr(ill)
		}
		b.Cols[2].AppendFlt(pay)
		b.Rows++
	}
	for i := range 4 {
		add("one", []string{"flu", ""}[i%2], []float64{1, math.NaN()}[i%2])
		add("two", []string{"flu", "cold"}[i%2], float64(i%2))
		add("none", "", math.NaN())
	}
	b.Cols[2].Flt[0] = 1
	for column, l := range map[string]Policy{
		"ill": {L: 2}, "pay": {L: 2}, "ill entropy": {L: 1.5, Diversity: "entropy"}, "pay recursive": {L: 2, C: 3, Diversity: "recursive"},
	} {
		l.Quasi, l.K, l.MaxSuppression, l.Sensitive = []string{"age"}, 2, 0.5, strings.Fields(column)[:1]
		l.Action = "refuse"
		if _, _, err := Gate(b, l); aihub.KindOf(err) != aihub.Refused || !strings.Contains(err.Error(), "8 more in classes") {
			t.Errorf("%s: %v", column, err)
		}
		codes, n, fails := l.Judge(b.Col(l.Sensitive[0]))
		counts := map[string][]uint32{}
		for r, c := range codes {
			age := b.Cols[0].Str[r]
			if counts[age] == nil {
				counts[age] = make([]uint32, n)
			}
			counts[age][c]++
		}
		if !fails(counts["one"]) || fails(counts["two"]) || !fails(counts["none"]) {
			t.Errorf("%s: the search judges otherwise", column)
		}
	}
	only := Policy{Quasi: []string{"age"}, K: 2, Sensitive: []string{"ill", "pay"}}
	rep, _, err := Gate(b, only)
	if err != nil || rep.Sensitive[0].Distinct != 0 || rep.Sensitive[0].Entropy != 0 {
		t.Errorf("%v %+v", err, rep.Sensitive)
	}
}

func TestLintLimits(t *testing.T) {
	t.Parallel()
	ok := Policy{Quasi: []string{"age"}, K: 2}
	for want, change := range map[string]func(*Policy){
		"diversity":    func(p *Policy) { p.L, p.Diversity = 2, "some" },
		"distance":     func(p *Policy) { p.Distance = "equal" },
		"l":            func(p *Policy) { p.L = 1.5 },
		"c":            func(p *Policy) { p.L, p.Diversity = 2, "recursive" },
		"t":            func(p *Policy) { p.T = at(1.5) },
		"population":   func(p *Policy) { p.MaxUniques = at(0.1) },
		"max_risk":     func(p *Policy) { p.MaxRisk = at(-1) },
		"max_linkage":  func(p *Policy) { p.MaxLinkage = at(2) },
		"max_presence": func(p *Policy) { p.MaxPresence = at(2) },
		"sensitive[0]": func(p *Policy) { p.Sensitive = []string{"age"} },
		"sensitive":    func(p *Policy) { p.Sensitive, p.T = nil, at(0.5) },
	} {
		p := ok
		p.Sensitive = []string{"ill"}
		change(&p)
		fs := p.Lint([]string{"age", "ill"})
		if len(fs) != 1 || fs[0].Where != want || fs[0].Message.ZH == "" {
			t.Errorf("%s: %+v", want, fs)
		}
	}
}

// A meter's keys are those of Group however many values its columns get, beyond
// the width that they began with and beyond one word.
func TestMeterWidens(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 9))
	b := &table.Batch{Rows: 20_000}
	var names []string
	for c, values := range []int64{3, 5000, 17, 900, 70_000, 12, 4000, 2} {
		f := table.Field{Name: fmt.Sprint("c", c), Type: table.Int64}
		col := table.NewColumn(f, b.Rows)
		for r := range b.Rows {
			col.AppendInt(rng.Int64N(1+values*int64(r)/int64(b.Rows)) * int64(r%2) * int64(c+1))
		}
		b.Cols, names = append(b.Cols, col), append(names, f.Name)
	}
	m := NewMeter(Policy{Quasi: names, K: 1}, b.Schema())
	if err := m.Add(b, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if m.field[len(m.field)-1].word != 1 {
		t.Fatal("one word was enough: nothing is tested")
	}
	if d := cmp.Diff(classes.Of(Group(b, names).Size), classes.Of(m.size)); d != "" {
		t.Error(d)
	}
}
