package risk

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aihub"
	"aihub/internal/table"
)

// room is a temporary file.
func room(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "room"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// visits is a table of n rows of some people, each with an age, a town, a disease and
// a part; a person's rows are in several classes and parts, and the disease is the
// same in all of one class.
func visits(n, persons int, seed uint64) (b *table.Batch, who table.Column, part []uint8) {
	rng := rand.New(rand.NewPCG(seed, 7))
	b = table.NewBatch([]table.Field{{Name: "age", Type: table.Int64}, {Name: "town", Type: table.String}, {Name: "ill", Type: table.String}}, n)
	who = table.NewColumn(table.Field{Name: "id", Type: table.String}, n)
	for range n {
		p := int(rng.ExpFloat64() * float64(persons) / 3)
		age, town := 20+10*(p%3), (p/3+rng.IntN(2))%3
		b.Cols[0].AppendInt(int64(age))
		b.Cols[1].AppendStr(fmt.Sprint("t", town))
		b.Cols[2].AppendStr(fmt.Sprint("d", (p*7+town)%4))
		who.AppendStr(fmt.Sprintf("P%05d", p))
		part = append(part, uint8(rng.IntN(4)))
		b.Rows++
	}
	return b, who, part
}

// What a Meter says of people is what the same Meter says of the table in which each
// stands once in a class, found by hand; whether it all fits the memory or not.
func TestPeopleByHand(t *testing.T) {
	t.Parallel()
	at := func(v float64) *float64 { return &v }
	for seed := range uint64(30) {
		b, who, part := visits(200+int(seed)*40, 30+int(seed)*3, seed)
		p := Policy{Quasi: []string{"age", "town"}, K: 2 + int(seed)%6, MaxSuppression: 0.5, Subject: "id", Sensitive: []string{"ill"}, L: 1, T: at(1), MaxPresence: at(1)}
		m := NewMeter(p, b.Schema())
		m.Subjects(room(t), seed)
		for _, l := range m.people.lists {
			l.most = 4 + int(seed)*9
		}
		for from := 0; from < b.Rows; from += 64 { // in batches
			rows := []int{}
			for r := from; r < min(b.Rows, from+64); r++ {
				rows = append(rows, r)
			}
			if err := m.Add(b, rows, part, &who); err != nil {
				t.Fatal(err)
			}
		}
		rep, err := m.Gate(context.Background(), nil)

		// By hand: one row for each person of a class, and who is where.
		once := table.NewBatch(b.Schema(), 0)
		seen, rows, in := map[string]bool{}, map[string]int{}, map[string]map[string]bool{}
		var first []int
		for r := range b.Rows {
			class := fmt.Sprint(b.Cols[0].Int[r], b.Cols[1].Str[r])
			rows[class]++
			if k := class + who.Str[r]; !seen[k] {
				seen[k], first = true, append(first, r)
			}
			for _, key := range []string{class, fmt.Sprint(class, part[r])} {
				if in[key] == nil {
					in[key] = map[string]bool{}
				}
				in[key][who.Str[r]] = true
			}
		}
		once.AppendRows(b, first)
		q := p
		q.Subject, q.MaxPresence = "", nil
		q.MaxSuppression = 0.5
		want, keep, werr := Gate(once, q)
		below, kept, samples, train := 0, 0, []int64{}, []int64{}
		var all []int64
		for class, n := range rows {
			if len(in[class]) < p.K {
				below += n
				continue
			}
			kept += n
			all = append(all, int64(len(in[class])))
			samples = append(samples, int64(len(in[class+"0"])))
			train = append(train, int64(len(in[class+"1"])))
		}
		if share := float64(below) / float64(b.Rows); share > 0.5 || werr != nil {
			if (share > 0.5) != (err != nil) {
				t.Errorf("seed %d: %v, and %d of %d rows would go", seed, err, below, b.Rows)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if rep.Suppressed != below || rep.After.Rows != kept || rep.Before.Rows != b.Rows || rep.Before.Below != below || rep.After.People != want.After.Rows {
			t.Errorf("seed %d: %d rows of %d dropped, %d left of %d people; want %d, %d, %d", seed, rep.Suppressed, rep.Before.Rows, rep.After.Rows, rep.After.People, below, kept, want.After.Rows)
		}
		rowless := cmpopts.IgnoreFields(Numbers{}, "Rows", "Below", "People")
		near := cmpopts.EquateApprox(1e-9, 1e-9)
		if d := cmp.Diff(want.Before, rep.Before, rowless, near) + cmp.Diff(want.After, rep.After, rowless, near) + cmp.Diff(want.Sizes, rep.Sizes) + cmp.Diff(want.Sensitive, rep.Sensitive, near); d != "" {
			t.Errorf("seed %d: %s", seed, d)
		}
		a := attacks(samples, all)
		if d := cmp.Diff(a, *rep.Attack, near) + cmp.Diff(overlap(samples, train), *rep.InTrain); d != "" {
			t.Errorf("seed %d: %s", seed, d)
		}
		got := m.Keep(b, nil)
		for i, r := range first {
			if keep[i] != got[r] {
				t.Fatalf("seed %d: row %d", seed, r)
			}
		}
		if rep.Limits()[0].Measured != float64(slices.Min(all)) {
			t.Errorf("seed %d: k = %v, want %d", seed, rep.Limits()[0].Measured, slices.Min(all))
		}
	}
}

// The class of a thousand rows that are one person's hides nobody.
func TestOnePersonIsNoCrowd(t *testing.T) {
	t.Parallel()
	b := table.NewBatch([]table.Field{{Name: "age", Type: table.Int64}}, 0)
	who := table.NewColumn(table.Field{Name: "id", Type: table.Int64}, 0)
	for r := range 1000 {
		b.Cols[0].AppendInt(int64(r % 2))
		who.AppendInt(int64(r % 2 * r)) // age 0: one person; age 1: 500
		b.Rows++
	}
	m := NewMeter(Policy{Quasi: []string{"age"}, K: 5, Subject: "id", MaxSuppression: 0.4}, b.Schema())
	m.Subjects(room(t), 1)
	if err := m.Add(b, nil, nil, &who); err != nil {
		t.Fatal(err)
	}
	_, err := m.Gate(context.Background(), nil)
	if aihub.KindOf(err) != aihub.Refused || !strings.Contains(err.Error(), "500 of 1000 rows are in classes of fewer than 5 different id over age (1 are alone in one)") {
		t.Error(err)
	}
}

// What has no meaning for people is refused, not counted wrongly.
func TestPeopleRefused(t *testing.T) {
	t.Parallel()
	zero := 0.5
	for name, c := range map[string]struct {
		p    Policy
		rows [][3]string // age, illness, who
		says string
	}{
		"two values":        {Policy{Sensitive: []string{"ill"}, L: 1}, [][3]string{{"1", "a", "x"}, {"1", "b", "x"}, {"1", "a", "y"}}, "have different values of ill"},
		"a value and none":  {Policy{Sensitive: []string{"ill"}, L: 1}, [][3]string{{"1", "a", "x"}, {"1", "", "x"}, {"1", "a", "y"}}, "have different values of ill"},
		"values of nobody":  {Policy{Sensitive: []string{"ill"}, L: 1}, [][3]string{{"1", "a", "x"}, {"1", "a", "y"}, {"1", "a", ""}}, "1 rows have no id"},
		"nobody is present": {Policy{MaxPresence: &zero}, [][3]string{{"1", "a", "x"}, {"1", "a", "y"}, {"1", "a", ""}}, "1 rows have no id"},
		"in two classes":    {Policy{Population: 100}, [][3]string{{"1", "a", "x"}, {"1", "a", "y"}, {"2", "a", "x"}, {"2", "a", "y"}}, "2 people stand in 4 places"},
		"rows of nobody":    {Policy{}, [][3]string{{"1", "a", ""}, {"1", "a", ""}, {"1", "a", ""}}, "3 of 3 rows"},
		"one and nobody":    {Policy{}, [][3]string{{"1", "a", "x"}, {"1", "a", ""}, {"1", "a", ""}}, "3 of 3 rows"},
		"no fault":          {Policy{Population: 100, Sensitive: []string{"ill"}, L: 1}, [][3]string{{"1", "a", "x"}, {"1", "b", "y"}, {"1", "a", "x"}}, ""},
	} {
		b := table.NewBatch([]table.Field{{Name: "age", Type: table.String}, {Name: "ill", Type: table.String}}, 0)
		who := table.NewColumn(table.Field{Name: "id", Type: table.String}, 0)
		put := func(c *table.Column, v string) {
			if v == "" {
				c.AppendNull()
			} else {
				c.AppendStr(v)
			}
		}
		for _, r := range c.rows {
			put(&b.Cols[0], r[0])
			put(&b.Cols[1], r[1])
			put(&who, r[2])
			b.Rows++
		}
		c.p.Quasi, c.p.K, c.p.Subject = []string{"age"}, 2, "id"
		if fs := c.p.Lint([]string{"age", "ill"}); fs != nil {
			t.Errorf("%s: %v", name, fs)
		}
		m := NewMeter(c.p, b.Schema())
		m.Subjects(room(t), 1)
		if err := m.Add(b, nil, make([]uint8, b.Rows), &who); err != nil {
			t.Fatal(err)
		}
		rep, err := m.Gate(context.Background(), nil)
		if c.says == "" && (err != nil || rep.After.K != 2 || rep.After.People != 2 || rep.After.Rows != 3 || math.Abs(rep.After.Average-0.5) > 1e-9 || rep.Uniques == nil) {
			t.Errorf("%s: %v, %+v", name, err, rep.After)
		}
		if c.says != "" && (aihub.KindOf(err) != aihub.Refused || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for says, p := range map[string]Policy{
		"leave everybody alone":      {Quasi: []string{"age", "id"}},
		"no sensitive value":         {Sensitive: []string{"id"}, L: 2},
		"leave one of the two out":   {Cells: []string{"age"}, MaxCells: 0.1},
		"leave max_linkage out":      {MaxLinkage: &zero},
		"name the quasi-identifiers": {},
	} {
		p.K, p.Subject = 2, "id"
		if p.Quasi == nil && says != "name the quasi-identifiers" {
			p.Quasi = []string{"age"}
		}
		if fs := p.Lint([]string{"age", "id"}); !slices.ContainsFunc(fs, func(f aihub.Fault) bool { return strings.Contains(f.Message.EN, says) }) {
			t.Errorf("%s: %v", says, fs)
		}
	}
}

// A list gives back what it was given, each once and in order, however little of it
// fits the memory and however many runs that makes.
func TestListIsASet(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	end := new(int64)
	file := room(t)
	lists := []*list{{room: file, end: end, most: 8}, {room: file, end: end, most: 700}}
	want := make([]map[entry]bool, len(lists))
	for i := range want {
		want[i] = map[entry]bool{}
	}
	for range 20_000 {
		e := entry{rng.Uint64N(60), rng.Uint64N(200) << 38}
		i := rng.IntN(2)
		want[i][e] = true
		if err := lists[i].add(e); err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range lists {
		var got []entry
		if err := l.each(context.Background(), func(e entry) error { got = append(got, e); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want[i]) || !slices.IsSortedFunc(got, order) || len(l.runs) >= listRuns {
			t.Errorf("%d entries of %d, in %d runs", len(got), len(want[i]), len(l.runs))
		}
		for _, e := range got {
			if !want[i][e] {
				t.Fatal(e)
			}
		}
	}
}
