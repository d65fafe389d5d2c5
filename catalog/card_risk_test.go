package catalog

import (
	"bytes"
	"strings"
	"testing"

	"aihub"
	"aihub/catalog/risk"
	"aihub/catalog/risk/utility"
)

func TestCardRisk(t *testing.T) {
	t.Parallel()
	r := &risk.Report{
		Policy: risk.Policy{Quasi: []string{"age", "sex"}, K: 5}, Suppressed: 30,
		Before: risk.Numbers{Rows: 1000, Unique: 12}, After: risk.Numbers{Rows: 970, K: 5, Largest: 40, Risk: 0.2, Average: 0.0832},
		Sizes:     []risk.Band{{From: 4, To: 7, Classes: 10, Rows: 55}, {From: 32, To: 63, Classes: 20, Rows: 915}},
		Sensitive: []risk.Diversity{{Column: "ill", Distinct: 3, Entropy: 2.345678, Equal: 0.31, Ordered: 0.12}},
		Uniques:   &risk.Uniqueness{Population: 17_000_000, Model: "pitman", Share: 0.00001},
		Attack:    &risk.Attack{Rows: 100, Population: 970, Prosecutor: 1, Journalist: 0.2, Marketer: 0.08, PresenceLeast: 0.05, PresenceMost: 0.4},
		Linkage:   &risk.Linkage{Rows: 970, Among: 970, Linked: 0.081, Baseline: 1. / 970}, InTrain: &risk.Share{Rows: 90, Certain: 3, Of: 100}, Cells: []risk.Cells{{Column: "age", Rows: 7}, {Column: "sex"}},
	}
	for lang, want := range map[aihub.Lang][]string{
		aihub.EN: {"k = 5", "30 of 1000 rows were dropped for this (3.0%)", "at most 20%, on average 8.3%", "`ill`: at least 3 values in every class (entropy 2.35)",
			"population of 17000000, an estimated <0.01%", "prosecutor names a row with a chance of at most 100%, a journalist 20%", "certainty of 5.0% to 40%",
			"Of 970"[3:] + " raw rows, 8.1% are nearest", "by pure chance 0.10%", "| 4–7 | 10 | 5.7% | █▌ |", "| 32–63 | 20 | 94.3% | ████████████████████████ |", "90.0% of the sample's rows", "of 3 rows that are alone", "12 rows (1.2%) were alone", "`age` was suppressed in 7 rows (0.7%)", "| k | ≥ 5 | 5 |"},
		aihub.ZH: {"k = 5", "检察官指认一行的概率最高 100%", "链接测试", "| 等价类大小 |"},
	} {
		var b bytes.Buffer
		(&cardWriter{&b, lang}).risk(r)
		for _, s := range want {
			if !strings.Contains(b.String(), s) {
				t.Errorf("no %q in\n%s", s, b.String())
			}
		}
	}
}

func TestCardUtility(t *testing.T) {
	t.Parallel()
	u := &utility.Report{Rows: 500, Columns: []utility.Column{{Name: "age", Kept: 0.345}, {Name: "born", Kept: 0.2, Spread: true, TV: 0.05}, {Name: "pay", Kept: 1, Same: true, TV: 0.123, Wasserstein: 0.136}},
		Relation: &utility.Relation{Pairs: 6, Change: 0.05, Largest: 0.1, A: "age", B: "ill"},
		Baseline: []utility.Baseline{{Truth: "ill", Folds: 5, Majority: 0.45, Before: 0.8, After: 0.7}}}
	var b bytes.Buffer
	(&cardWriter{&b, aihub.EN}).utility(u)
	for _, s := range []string{"on 500 rows", "| age | 34% | – | ████▏ |", "| born | 20% | 0.05 |", "spread evenly", "| pay | 100% | 0.12 (W₁ 0.14 σ) | ████████████ |", "most between `age` and `ill`: 0.10", "in 70% of the rows with masked inputs, 80% with raw ones, 45%"} {
		if !strings.Contains(b.String(), s) {
			t.Errorf("no %q in\n%s", s, b.String())
		}
	}
	b.Reset()
	(&cardWriter{&b, aihub.ZH}).utility(nil)
	if b.Len() != 0 {
		t.Error(b.String())
	}
}
