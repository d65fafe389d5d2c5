package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/scenarios"
)

const caseSpec = `apiVersion: aihub/v1
kind: Scenario
name: case-outcome
title: {zh: 诉求结果, en: Case outcome}
summary: {zh: 预测结果, en: Predict the outcome}
description: {zh: 说明, en: Description}
field: text
area: governance
agency: {zh: 某局, en: An agency}
dataset: cases@1
input:
  file: cases.csv
  key: case_no
  columns: [sex, income, note]
output:
  file: predictions.csv
  columns:
    - {name: outcome, type: string}
truth: {column: outcome, type: string, classes: [受理, 转办, 不予受理]}
metrics:
  - {use: accuracy@1, primary: true}
sharing:
  score: {release: policy, step: 0.1, tick: 60s, range: [0, 1]}
rounds:
  - {name: open, title: {zh: 公开, en: Open}, part: test, quota: 5, bits: 60}
agreement: {zh: 约定, en: Terms}
`

// published is a world with the people dataset approved.
func published(t *testing.T) (*world, aihub.DatasetVersion) {
	w := newWorld(t)
	v, err := w.publish(peopleManifest, people(2000, 11).csv)
	w.must(err)
	w.approve(v)
	return w, v
}

func TestPublishScenario(t *testing.T) {
	t.Parallel()
	w, v := published(t)
	sc, err := w.PublishScenario(w.ctx, w.steward, []byte(caseSpec), nil)
	w.must(err)
	if sc.Ref.String() != "case-outcome@1" || sc.Dataset != v.Ref || sc.Org != "futian" || sc.State != aihub.ScenarioOpen {
		t.Errorf("%+v", sc)
	}
	stored, err := w.DB.Scenario(w.ctx, policies.ScopeOf(w.vendor), sc.Ref)
	w.must(err)
	if stored.Digest != sc.Digest || scenarios.Digest(stored.Spec) != sc.Digest {
		t.Errorf("%+v", stored)
	}
	rounds, err := w.DB.Rounds(w.ctx, sc.Ref)
	w.must(err)
	if len(rounds) != 1 || rounds[0].Name != "open" || rounds[0].Part != aihub.Test || rounds[0].Quota != 5 {
		t.Errorf("%+v", rounds)
	}
	if sc, err = w.PublishScenario(w.ctx, w.steward, []byte(caseSpec), nil); err != nil || sc.Ref.Version != 2 {
		t.Errorf("%v %v", sc.Ref, err)
	}
}

// Every fault against the dataset comes at once, with its line in the YAML.
func TestScenarioAgainstDataset(t *testing.T) {
	t.Parallel()
	w, _ := published(t)
	for from, c := range map[string]struct {
		to   string
		says []string
	}{
		"columns: [sex, income, note]": {"columns: [sex, wage, name_, note]", []string{`no column "wage"`, `no column "name_"`, "line 14"}},
		"  key: case_no":               {"  key: case", []string{`the key of cases@1 is "case_no"`}},
		"truth: {column: outcome,":     {"truth: {column: born,", []string{`"born" is not a truth column`}},
		"受理, 转办, 不予受理":                 {"受理, 转办, 退回", []string{"unknown_class (line 19", "rows of the test part hold a label", "rows of the sample part", ": 不予受理"}},
		"dataset: cases@1":             {"dataset: cases@2", []string{"cases@2"}},
	} {
		_, err := w.PublishScenario(w.ctx, w.steward, []byte(strings.Replace(caseSpec, from, c.to, 1)), nil)
		for _, s := range c.says {
			if err == nil || !strings.Contains(err.Error(), s) {
				t.Errorf("%s: does not say %q: %v", c.to, s, err)
			}
		}
	}
	list, err := w.DB.Scenarios(w.ctx, policies.ScopeOf(policies.Platform()), store.ScenarioFilter{})
	w.must(err)
	if len(list) != 0 {
		t.Errorf("%d scenarios are left", len(list))
	}
	w.noTemp()
}

// A hidden label that is none of the classes is counted, not named.
func TestScenarioHidesLabels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The strange label is in the test part alone, which is chosen by sex.
	lines := strings.Split(people(2000, 12).csv, "\n")
	strange := 0
	for i, l := range lines {
		if strings.Contains(l, ",女,") && i%20 == 0 {
			lines[i] = l[:strings.LastIndexByte(l, ',')+1] + "绝密"
			strange++
		}
	}
	v, err := w.publish(replaceLine(t, peopleManifest, "split:", `split: {sample: 1, column: sex, values: {test: [女]}}`), strings.Join(lines, "\n"))
	w.must(err)
	w.approve(v)
	_, err = w.PublishScenario(w.ctx, w.steward, []byte(caseSpec), nil)
	if aihub.KindOf(err) != aihub.Contract || strings.Contains(err.Error(), "绝密") || !strings.Contains(err.Error(), fmt.Sprintf("[×%d]", strange)) {
		t.Errorf("%d rows: %v", strange, err)
	}
}

func TestWhoMayPublishScenarios(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v, err := w.publish(peopleManifest, people(2000, 13).csv)
	w.must(err)
	if _, err := w.PublishScenario(w.ctx, w.steward, []byte(caseSpec), nil); aihub.KindOf(err) != aihub.Pending {
		t.Errorf("on a dataset that nobody approved: %v", err)
	}
	w.approve(v)
	if _, err := w.PublishScenario(w.ctx, w.vendor, []byte(caseSpec), nil); aihub.KindOf(err) != aihub.Refused {
		t.Errorf("a vendor: %v", err)
	}
	if _, err := w.PublishScenario(w.ctx, w.other, []byte(caseSpec), nil); aihub.KindOf(err) != aihub.Refused {
		t.Errorf("a steward elsewhere, on this city's data: %v", err)
	}
	if _, err := w.PublishScenario(w.ctx, w.steward, []byte(caseSpec), nil); err != nil {
		t.Error(err)
	}
}

// The card has the same sections in both languages, each in its own half.
func TestCard(t *testing.T) {
	t.Parallel()
	w, v := published(t)
	card := string(w.blobs()[v.Card])
	zh, en := CardIn(card, aihub.ZH), CardIn(card, aihub.EN)
	headings := func(s string) (n int) {
		for _, l := range strings.Split(s, "\n") {
			if strings.HasPrefix(l, "## ") {
				n++
			}
		}
		return n
	}
	if headings(zh) != 6 || headings(en) != 6 {
		t.Errorf("%d and %d sections", headings(zh), headings(en))
	}
	for _, s := range []string{"# Cases", "## Parts", "| sample |", "| income | string | 0% | Income a month; interval of width 5000 |", "label", "CC-BY-4.0"} {
		if !strings.Contains(en, s) {
			t.Errorf("no %q in\n%s", s, en)
		}
	}
	for _, s := range []string{"# 诉求", "## 数据分区", "月收入（元）；宽度为 5000 的区间"} {
		if !strings.Contains(zh, s) {
			t.Errorf("no %q in\n%s", s, zh)
		}
	}
	if strings.Contains(en, "lang:") || strings.Contains(zh, "Parts") {
		t.Error("the halves are not apart")
	}
	if d := cmp.Diff("text without halves", CardIn("text without halves", aihub.EN)); d != "" {
		t.Error(d)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(peopleManifest))
	f.Add([]byte(numbersManifest + "split: {sample: 1, column: day, ranges: {test: {from: 2022-01-01}}}\nrisk: {quasi: [x], k: 2}\n"))
	schema := readCSV(f, people(3, 1).csv).Schema()
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			if aihub.KindOf(err) != aihub.Contract {
				t.Fatal(err)
			}
			return
		}
		m.check(schema)
	})
}
