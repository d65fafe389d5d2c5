package catalog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"aihub"
	"aihub/catalog/mask"
	"aihub/catalog/risk"
	"aihub/internal/table"
)

// Where the gate drops classes below k, one person can make k-1 others appear: the
// noise hides k rows for each of theirs.
func TestAggregateBehindTheGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manifest := replaceLine(t, peopleManifest, "name: cases", "name: cases\nprivacy: {total: \"10\", per_unit: 2}")
	margins := map[string]int64{}
	for name, gate := range map[string]string{"none": "", "refuse": "risk: {quasi: [sex], k: 9, action: refuse}\n", "drops": "risk: {quasi: [sex], k: 9, max_suppression: 0.2}\n"} {
		v, err := w.publish(manifest+gate, people(1000, 3).csv)
		w.must(err)
		w.approve(v)
		v.State = aihub.DatasetPublished
		a, err := w.Aggregate(w.ctx, w.steward, v, "sex", []string{"男", "女"}, "1")
		w.must(err)
		margins[name] = a.Cells[0].Margin
	}
	// 1.96 deviations of l/√2 and 1, rounded up: l is 2, and 2·9 behind the gate.
	if want := map[string]int64{"none": 4, "refuse": 4, "drops": 26}; fmt.Sprint(margins) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", margins, want)
	}
	for where, gate := range map[string]string{
		"risk.l":     "risk: {quasi: [sex], k: 9, max_suppression: 0.2, sensitive: [outcome], l: 2}\n",
		"risk.t":     "risk: {quasi: [sex], k: 9, max_suppression: 0.2, sensitive: [outcome], t: 0}\n",
		"risk.cells": "risk: {quasi: [sex], k: 9, cells: [sex], max_cells: 0.1}\n",
	} {
		var e *aihub.Error
		if _, err := ParseManifest([]byte(manifest + gate)); !errors.As(err, &e) || len(e.Faults) != 1 || e.Faults[0].Code != "privacy" {
			t.Errorf("%s: %v", where, err)
		}
	}
	for _, rule := range []string{"{use: aggregate, k: 5}", "{use: suppress, fewer_than: 5}"} {
		if _, err := ParseManifest([]byte(replaceLine(t, manifest, "income: {use: band", "    income: "+rule))); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%s: %v", rule, err)
		}
	}
	permuted := replaceLine(t, manifest, "income: {use: band", "    income: {use: permute}")
	if _, err := ParseManifest([]byte(permuted)); err != nil {
		t.Errorf("permuted, nothing dropped: %v", err)
	}
	if _, err := ParseManifest([]byte(permuted + "risk: {quasi: [sex], k: 9, max_suppression: 0.2}\n")); aihub.KindOf(err) != aihub.Contract {
		t.Errorf("permuted and dropped: %v", err)
	}
}

// One person's rows more or less change the published counts by no more than the
// noise is made for.
func TestReachIsABound(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 86))
	most := int64(0)
	for range 3000 {
		k, unit := 2+rng.IntN(6), 1+rng.IntN(3)
		p := risk.Policy{Quasi: []string{"q"}, K: k, MaxSuppression: 0.5}
		times, fs := reach(p, mask.Plan{}, false)
		if fs != nil {
			t.Fatal(fs)
		}
		count := func(rows [][2]string) map[string]int64 {
			b := table.NewBatch([]table.Field{{Name: "q", Type: table.String}, {Name: "v", Type: table.String}}, len(rows))
			for _, r := range rows {
				b.Cols[0].AppendStr(r[0])
				b.Cols[1].AppendStr(r[1])
				b.Rows++
			}
			_, keep, err := risk.Gate(b, p)
			if err != nil {
				return nil
			}
			n := map[string]int64{}
			for i, ok := range keep {
				if ok {
					n[rows[i][1]]++
				}
			}
			return n
		}
		var rows [][2]string
		for range 10 + rng.IntN(30) {
			rows = append(rows, [2]string{fmt.Sprint(rng.IntN(5)), fmt.Sprint(rng.IntN(3))})
		}
		with, without := count(rows), count(rows[unit:])
		if with == nil || without == nil {
			continue
		}
		change := int64(0)
		for _, v := range []string{"0", "1", "2"} {
			change += max(with[v]-without[v], without[v]-with[v])
		}
		if most = max(most, change-int64(unit)); change > int64(unit)*times {
			t.Fatalf("k %d, %d rows: the counts change by %d, more than %d", k, unit, change, int64(unit)*times)
		}
	}
	if most < 4 {
		t.Errorf("no class appeared or vanished: %d", most)
	}
}

// A scope is a slug: the number of its key stands behind a #, and two scopes must
// never share a key.
func TestScopeIsAName(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"cases#2", "a/b", "Cases", "城市"} {
		var e *aihub.Error
		_, err := ParseManifest([]byte(replaceLine(t, peopleManifest, "mask:", "mask:\n  scope: "+fmt.Sprintf("%q", scope))))
		if !errors.As(err, &e) || len(e.Faults) != 1 || e.Faults[0].Code != "scope" {
			t.Errorf("%s: %v", scope, err)
		}
	}
	// A version of before, of a scope with a # in its name, is still told back.
	w := newWorld(t)
	v, err := w.publish(peopleManifest, people(50, 3).csv)
	w.must(err)
	p, err := w.plan(w.ctx, v)
	w.must(err)
	masked, err := p.Compile([]table.Field{{Name: "case_no", Type: table.String}, {Name: "name", Type: table.String}, {Name: "id_card", Type: table.String}, {Name: "mobile", Type: table.String}, {Name: "address", Type: table.String},
		{Name: "born", Type: table.Date}, {Name: "sex", Type: table.String}, {Name: "income", Type: table.Int64}, {Name: "note", Type: table.String}, {Name: "outcome", Type: table.String}}, w.maskKey("org/cases#7", 2))
	w.must(err)
	k, _ := masked.Kernel("mobile")
	c := table.NewColumn(table.Field{Type: table.String}, 1)
	c.AppendStr("13812345678")
	out, _ := k.Mask(&c)
	v.MaskKey = "org/cases#7#2"
	back, err := w.Reveal(w.ctx, v, "mobile", out.Str)
	w.must(err)
	if back[0] != "13812345678" {
		t.Errorf("told back as %q", back[0])
	}
}
