package catalog

import (
	"errors"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/table"
)

// The figures of the gate travel with the version, and a limit that one is above
// ends the publish with its place, and nothing stored.
func TestPublishRiskLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := people(1500, 5)
	base := peopleManifest + "risk:\n  quasi: [sex, born]\n  k: 5\n  max_suppression: 0.2\n  sensitive: [outcome]\n  l: 2\n  t: 0.9\n  population: 1000000\n"
	for limit, where := range map[string]string{"max_linkage: 0.00001": "risk.max_linkage", "max_risk: 0.001": "risk.max_risk", "max_presence: 0.01": "risk.max_presence"} {
		_, err := w.publish(base+"  "+limit+"\n", c.csv)
		var e *aihub.Error
		if !errors.As(err, &e) || aihub.KindOf(err) != aihub.Refused || len(e.Faults) != 1 || !strings.Contains(e.Faults[0].Message.EN, ", the limit ") || e.Faults[0].Where == "" {
			t.Errorf("%s: %v", where, err)
		}
	}
	w.nothingLeft()
	v, err := w.publish(base+"  max_linkage: 0.5\n  max_risk: 0.2\n  max_presence: 0.9\n", c.csv)
	w.must(err)
	p := w.profile(v)
	r := p.Risk
	if r == nil || r.After.K < 5 || r.Attack == nil || r.Attack.Rows != p.Parts["sample"] || r.InTrain == nil || r.Uniques == nil || len(r.Sensitive) != 1 || len(r.Sizes) == 0 {
		t.Fatalf("%+v", r)
	}
	// Birth years in bands of five, and two sexes: twenty classes hide who is who.
	if l := r.Linkage; l == nil || l.Linked < l.Baseline || l.Linked > 0.05 || l.Among != int64(r.After.Rows) {
		t.Errorf("%+v", r.Linkage)
	}
	u := p.Utility
	if u == nil || u.Rows != r.After.Rows || len(u.Baseline) != 1 || u.Baseline[0].Truth != "outcome" || u.Relation == nil {
		t.Fatalf("%+v", u)
	}
	names := map[string]float64{}
	for _, col := range u.Columns {
		names[col.Name] = col.Kept
	}
	if names["sex"] != 1 || names["born"] <= 0.2 || names["born"] >= 0.9 || names["income"] >= names["sex"] {
		t.Error(names)
	}
	for _, secret := range []string{"name", "id_card", "mobile", "note"} {
		if _, ok := names[secret]; ok {
			t.Errorf("%s is compared", secret)
		}
	}
	card := string(w.blobs()[v.Card])
	for _, s := range []string{"Linkage test", "链接测试", "## Usefulness", "## 可用性", "| size of class |"} {
		if !strings.Contains(card, s) {
			t.Errorf("no %q in the card", s)
		}
	}
}

// The sample of pairs stays bounded, whatever comes, and its rows go together.
func TestPairSample(t *testing.T) {
	t.Parallel()
	m, err := ParseManifest([]byte(peopleManifest + "risk: {quasi: [sex], k: 2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	raw := smallBatch(5000)
	p := m.newPairSample(raw.Schema(), raw.Schema())
	order := make([]uint64, raw.Rows)
	x := uint64(1)
	for range 20 {
		for i := range order {
			x = x*6364136223846793005 + 1442695040888963407
			order[i] = x>>32 | x<<32
		}
		p.add(raw, raw, order)
	}
	if n := len(p.order); n > pairRows || n < pairRows/4 {
		t.Error(n)
	}
	for i := range p.raw.Cols {
		if p.raw.Cols[i].Len() != len(p.order) || p.masked.Cols[i].Len() != len(p.order) {
			t.Error(p.raw.Cols[i].Name, p.raw.Cols[i].Len())
		}
	}
	if p.raw.Cols[0].Name != "sex" || p.quasi != 1 || len(p.raw.Cols) != 2 {
		t.Errorf("%+v", p.raw.Schema())
	}
}

// smallBatch has a key, a sex and an income in n rows.
func smallBatch(n int) *table.Batch {
	b := table.NewBatch([]table.Field{{Name: "case_no", Type: table.String}, {Name: "sex", Type: table.String}, {Name: "income", Type: table.Int64}}, n)
	for i := range n {
		b.Cols[0].AppendStr("k")
		b.Cols[1].AppendStr([]string{"F", "M"}[i%2])
		b.Cols[2].AppendInt(int64(i % 7))
		b.Rows++
	}
	return b
}
