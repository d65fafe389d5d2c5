package mask

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"aihub/internal/table"
)

// What was masked comes back under the key of its scope, for every technique that
// is a permutation and both sets of algorithms; under another key nothing does.
func TestReveal(t *testing.T) {
	t.Parallel()
	rules := map[string]Rule{
		"pseudonym": {Use: "pseudonym"}, "phone": {Use: "phone"}, "resident": {Use: "resident"},
		"resident kept": {Use: "resident", Area: "keep", Domain: "d"}, "card": {Use: "card"}, "uscc": {Use: "uscc"}, "plate": {Use: "plate"},
	}
	for _, crypto := range []string{"aes", "sm"} {
		for name, r := range rules {
			rng := rand.New(rand.NewPCG(3, 4))
			col := table.NewColumn(table.Field{Name: "c", Type: table.String}, 0)
			for range 300 {
				lookAlike(rng, r, &col)
			}
			p := Plan{Crypto: crypto, Scope: "s", Columns: map[string]Rule{"c": r}}
			m, err := p.Compile([]table.Field{col.Field}, []byte("a key"))
			if err != nil {
				t.Fatal(err)
			}
			masked := m.Apply(&table.Batch{Rows: 300, Cols: []table.Column{col}})
			if err := m.Err(); err != nil {
				t.Fatal(err)
			}
			canonical, err := p.Canonical([]table.Field{col.Field})
			if err != nil {
				t.Fatal(err)
			}
			kept, err := ParsePlan(canonical)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := kept.Reveal([]byte("a key"), "c", masked.Cols[0].Str)
			if err != nil {
				t.Fatalf("%s %s: %v", crypto, name, err)
			}
			other, err := kept.Reveal([]byte("another key"), "c", masked.Cols[0].Str)
			if err != nil {
				t.Fatal(err)
			}
			same := 0
			for i, v := range col.Str {
				if raw[i] != v {
					t.Fatalf("%s %s: %q came back as %q", crypto, name, v, raw[i])
				}
				if other[i] == v {
					same++
				}
			}
			if same > 2 {
				t.Errorf("%s %s: %d values came back under another key", crypto, name, same)
			}
		}
	}
}

func TestRevealRefuses(t *testing.T) {
	t.Parallel()
	p := Plan{Columns: map[string]Rule{"n": {Use: "name"}, "city": {Use: "resident", Area: "city"}, "p": {Use: "pseudonym"}}}
	for _, c := range []string{"n", "city", "absent"} {
		if _, err := p.Reveal([]byte("k"), c, []string{"x"}); err == nil {
			t.Errorf("%s was turned back", c)
		}
	}
	// No pseudonym, and one of more than a block: a chain cannot be turned back.
	long := table.NewColumn(table.Field{Name: "p", Type: table.String}, 0)
	long.AppendStr(strings.Repeat("long", 5))
	m, err := Plan{Columns: map[string]Rule{"p": {Use: "pseudonym"}}}.Compile([]table.Field{long.Field}, []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	chained := m.Apply(&table.Batch{Rows: 1, Cols: []table.Column{long}}).Cols[0].Str[0]
	got, err := p.Reveal([]byte("k"), "p", []string{"", "zz", chained, fmt.Sprintf("%032x", 7)})
	if err != nil || strings.Join(got, "") != "" {
		t.Errorf("%q %v", got, err)
	}
}
