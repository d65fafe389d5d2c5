package catalog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
)

const searchManifest = `
name: visits
title: {zh: 就诊, en: Visits}
description: {zh: 测试数据, en: Test data}
license: CC-BY-4.0
key: row
key_from: rows
types: {age: int64}
truth: [ill]
split: {sample: 0.3, train: 0.3, test: 0.4}
mask:
  columns:
    age: {use: clip, max: 1}
    area:
      use: hierarchy
      level: 1
      hierarchy: |
        Futian;in;*
        Luohu;in;*
        Baoan;out;*
    sex: {use: hierarchy, level: 1, hierarchy: "F;*\nM;*"}
    ill: {use: keep}
risk: {quasi: [sex, age, area], k: 3}
`

// The levels found are those that a person can check by hand: sexes are mixed in
// each area, so that raw areas must go to in and out before sexes are given up.
func TestSearchLevels(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("age,area,sex,ill\n")
	for i := range 24 {
		fmt.Fprintf(&b, "%d,%s,%s,%s\n", 20+i, []string{"Futian", "Luohu", "Baoan", "Baoan"}[i%4], []string{"F", "M"}[i/4%2], []string{"flu", "none"}[i%2])
	}
	b.WriteString("30,Luohu,F,none\n")
	path := filepath.Join(t.TempDir(), "visits.csv")
	search := func(manifest, data string) (Search, error) {
		t.Helper()
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return SearchLevels(context.Background(), []byte(manifest), path, 2, nil)
	}
	s, err := search(searchManifest, b.String())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"sex keep,level 1", "age clip", "area keep,level 1,level 2"} {
		if got := steps(s.Columns[i]); got != want {
			t.Errorf("column %d is %q, not %q", i, got, want)
		}
	}
	if s.Rows != 25 || s.Nodes != 6 || len(s.Best) != 2 {
		t.Fatalf("%+v", s)
	}
	// Futian, F: 3 rows; Luohu, F: 4; Baoan, F: 6; and as many M: raw values will do for k = 3.
	if d := cmp.Diff([]int{0, 0, 0}, s.Best[0].Levels); d != "" || s.Best[0].Loss != 0 {
		t.Error(d, s.Best[0])
	}
	if s, err = search(strings.Replace(searchManifest, "k: 3", "k: 5", 1), b.String()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]int{0, 0, 1}, s.Best[0].Levels); d != "" || s.Best[0].K != 6 || s.Best[0].Classes != 4 {
		t.Error(d, s.Best[0])
	}
	// No class of one illness alone: all illnesses stand in every class of the best node.
	s, err = search(strings.Replace(searchManifest, "k: 3", "k: 3, l: 2, sensitive: [ill]", 1), b.String())
	if err != nil || cmp.Diff([]int{0, 0, 1}, s.Best[0].Levels) != "" {
		t.Error(err, s.Best)
	}

	for name, c := range map[string]struct{ manifest, data, want string }{
		"unknown value": {searchManifest, "age,area,sex,ill\n30,Bantian,F,flu\n", "hierarchy"},
		"bad hierarchy": {strings.Replace(searchManifest, "Luohu;in;*", "Luohu;in", 1), b.String(), "hierarchy"},
		"no hierarchy":  {strings.ReplaceAll(searchManifest, "quasi: [sex, age, area]", "quasi: [age]"), b.String(), "risk"},
	} {
		_, err := search(c.manifest, c.data)
		e, ok := err.(*aihub.Error)
		if !ok || aihub.KindOf(err) != aihub.Contract || len(e.Faults) == 0 || e.Faults[0].Code != c.want || e.Faults[0].Message.ZH == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
