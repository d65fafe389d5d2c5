package catalog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/internal/table"
)

func steps(c SearchColumn) string {
	all := make([]string, c.Levels)
	for l := range all {
		all[l] = c.Step(l)
	}
	return c.Name + " " + strings.Join(all, ",")
}

// ladderManifest is one of a single quasi-identifier.
func ladderManifest(rule string, k int) string {
	return fmt.Sprintf(`
name: ladder
title: {zh: 梯, en: Ladder}
description: {zh: 测试数据, en: Test data}
license: CC-BY-4.0
key: row
key_from: rows
truth: [y]
split: {sample: 0.3, train: 0.3, test: 0.4}
mask:
  default: keep
  columns:
    q: %s # read me
risk: {quasi: [q], k: %d}
`, rule, k)
}

// What is kept and has too many values stays as it is, beside a column that can be
// searched; a label is neither dropped nor suppressed; a second reading of the key
// is another dealing.
func TestLaddersGiveWay(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("q,a,y\n")
	for i := range maxFine + 100 {
		fmt.Fprintf(&b, "%s%d,%d,%d\n", map[bool]string{true: "x", false: ""}[i > 0], i, 20+i%40, i%2)
	}
	path := filepath.Join(t.TempDir(), "data.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	manifest := strings.Replace(ladderManifest("{use: keep}", 2), "risk: {quasi: [q]", "    a: {use: band, width: 5}\n    y: {use: keep}\nrisk: {max_suppression: 0.5, quasi: [q, a, y]", 1)
	s, err := SearchLevels(context.Background(), []byte(manifest), path, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := []string{steps(s.Columns[0]), steps(s.Columns[1]), steps(s.Columns[2])}; got[0] != "q keep" || !strings.HasPrefix(got[1], "a keep,width 5") || got[2] != "y keep" {
		t.Errorf("%q", got)
	}
	m, err := ParseManifest([]byte(ladderManifest("{use: keep}", 2)))
	if err != nil {
		t.Fatal(err)
	}
	m.Key, m.KeyFrom = "q", ""
	text, err := m.dealing("s", []table.Field{{Name: "q", Type: table.String}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if number, err := m.dealing("s", []table.Field{{Name: "q", Type: table.Int64}}, nil); err != nil || number == text {
		t.Errorf("a key that is read as a number is dealt as the text: %v", err)
	}
}

// A band is widened, a date cut and a district given up for its city by the search,
// one rule after the other, and no further than the limits ask; what is written is
// the manifest with that rule. Each case can be checked by hand.
func TestSearchLadders(t *testing.T) {
	t.Parallel()
	column := func(n int, value func(i int) string) string {
		var b strings.Builder
		b.WriteString("q,y\n")
		for i := range n {
			fmt.Fprintf(&b, "%s,%d\n", value(i), i%2)
		}
		return b.String()
	}
	month := func(i int) string {
		return time.Date(2000, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	}
	for name, c := range map[string]struct {
		rule  string
		k     int
		data  string
		steps string
		best  int
		loss  float64
		write string
	}{
		// 40 ages: bands of 5 make classes of 5; each value's share of the ages is 5 of 40.
		"band": {"{use: band, width: 5, min: 20}", 5, column(40, func(i int) string { return fmt.Sprint(20 + i) }),
			"q keep,width 5,width 10,width 20,width 40", 1, (40*0.125 - 1) / 39, "q: {use: band, width: 5, min: 20} # read me"},
		"wider": {"{use: band, width: 5, min: 20}", 6, column(40, func(i int) string { return fmt.Sprint(20 + i) }),
			"q keep,width 5,width 10,width 20,width 40", 2, (40*0.25 - 1) / 39, "q: {use: band, width: 10, min: 20} # read me"},
		// 24 first days of months: to cut them to months changes nothing, so that no level is for it.
		"date": {"{use: date}", 3, column(24, month), "q keep,quarter,year,5years", 1, (24*0.125 - 1) / 23, "q: {use: date, to: quarter} # read me"},
		"raw":  {"{use: date}", 1, column(24, month), "", 0, 0, ""},
		"city": {"{use: address}", 4, column(24, func(i int) string {
			return []string{"深圳市福田区", "深圳市罗湖区", "广州市越秀区"}[i%3] + "路1号"
		}),
			"q district,city,drop", 0, 0, "q: {use: address, to: district} # read me"},
		"no city": {"{use: address}", 9, column(24, func(i int) string {
			return []string{"深圳市福田区", "深圳市罗湖区", "广州市越秀区"}[i%3] + "路1号"
		}),
			"q district,city,drop", 2, 1, "refused"},
		// One woman among 19 men is alone until the column is gone.
		"dropped": {"{use: keep}", 2, column(20, func(i int) string { return []string{"F", "M"}[min(i, 1)] }), "q keep,drop", 1, 1, "refused"},
		"missing": {"{use: band, width: 10}", 3, column(9, func(i int) string { return []string{"", "7", "8"}[i%3] }),
			"q keep,width 10", 0, 0, "q: {use: keep} # read me"},
		// 100 towns of a row each beside two of 50: those are suppressed, as many as are alike.
		"rare": {"{use: keep}", 5, column(200, func(i int) string {
			return []string{"东区", "西区", fmt.Sprint("村", i), fmt.Sprint("村", i)}[i%4]
		}),
			"q keep,≥2 rows,drop", 1, (10100.0/102 - 200.0/102) / (200 - 200.0/102), "q: {use: suppress, fewer_than: 2} # read me"},
		"decided": {"{use: keep, because: the challenge is about it}", 2, column(20, func(i int) string { return []string{"F", "M"}[i%2] }),
			"q keep", 0, 0, "q: {use: keep, because: the challenge is about it} # read me"},
		// More values than a search takes: the finest rule left is the one that is written.
		"fine": {"{use: band, width: 1000}", 5, column(maxFine+1, func(i int) string { return fmt.Sprint(i) }),
			"q width 1000,width 2000,width 4000,width 8000,width 16000,width 32000,width 64000", 0, 0, "q: {use: band, width: 1000} # read me"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "data.csv")
			if err := os.WriteFile(path, []byte(c.data), 0o600); err != nil {
				t.Fatal(err)
			}
			manifest := []byte(ladderManifest(c.rule, c.k))
			s, err := SearchLevels(context.Background(), manifest, path, 3, nil)
			if c.write == "" { // k = 1 is no limit
				if aihub.KindOf(err) != aihub.Contract {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := steps(s.Columns[0]); got != c.steps || len(s.Best) == 0 {
				t.Fatalf("%q, not %q; best %v", got, c.steps, s.Best)
			}
			b := s.Best[0]
			if b.Levels[0] != c.best || b.Loss < c.loss-1e-9 || b.Loss > c.loss+1e-9 || c.best < len(s.Columns[0].Rules) && b.K < int64(c.k) {
				t.Errorf("best %+v, want level %d of loss %g", b, c.best, c.loss)
			}
			out, err := s.Write(manifest, b)
			if dropped := s.Columns[0].Step(b.Levels[0]) == "drop"; dropped {
				if aihub.KindOf(err) != aihub.Refused { // a risk without any quasi-identifier is no manifest
					t.Errorf("%v\n%s", err, out)
				}
				return
			}
			if err != nil || !strings.Contains(string(out), c.write) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// What is proposed for a file is searched, and what is found masks it, page by page
// too, with no line written by hand; k holds.
func TestProposalRunsThrough(t *testing.T) {
	t.Parallel()
	path, _ := visits(t, 3000)
	p, err := ProfileFile(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := SearchLevels(t.Context(), []byte(p.Manifest), path, 1, nil)
	if err != nil || len(s.Best) == 0 {
		t.Fatalf("%v, best %v\n%s", err, s.Best, p.Manifest)
	}
	manifest, err := s.Write([]byte(p.Manifest), s.Best[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := PreviewFile(t.Context(), manifest, path, 3); err != nil {
		t.Error(err)
	}
	rec, err := maskTable(t, t.Context(), manifest, path, filepath.Join(t.TempDir(), "masked.parquet"), func(string, int64, int64) {})
	if err != nil {
		t.Fatalf("%v\n%s", err, manifest)
	}
	if rec.Risk == nil || rec.Risk.After.K < 5 || int64(rec.Risk.After.K) != s.Best[0].K {
		t.Errorf("k = %+v, the search found %d", rec.Risk, s.Best[0].K)
	}
}

// Widths and hierarchies of a proposal are what the values say; no value of few
// rows is in it, nor what a column of names has.
func TestProposedGeneralisation(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("age,birth_year,postcode,district_code,race,y\n")
	for i := range 2000 {
		post := fmt.Sprint(518000 + i%5*1000)
		if i%1000 == 7 {
			post = fmt.Sprint(519990 + i/1000)
		}
		fmt.Fprintf(&b, "%d,%d,%s,%04d,%s,%d\n", 20+i%50, 1950+i%50, post, 400+i%3, []string{"a", "b"}[i%2], i%2)
	}
	path := filepath.Join(t.TempDir(), "data.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := ProfileFile(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseManifest([]byte(p.Manifest))
	if err != nil {
		t.Fatalf("%v\n%s", err, p.Manifest)
	}
	for column, want := range map[string]string{
		"age": "band 5 20 70", "birth_year": "band 5 1950 2000", "race": "keep 0 - -", "postcode": "hierarchy 0 - -", "district_code": "hierarchy 0 - -",
	} {
		r := m.Mask.Columns[column]
		end := func(v *float64) string {
			if v == nil {
				return "-"
			}
			return fmt.Sprint(*v)
		}
		if got := fmt.Sprint(r.Use, " ", r.Width, " ", end(r.Min), " ", end(r.Max)); got != want {
			t.Errorf("%s: %s, not %s", column, got, want)
		}
	}
	// With names of more bytes than characters as well, and once more when it is written.
	wide := filepath.Join(t.TempDir(), "表.csv")
	if err := os.WriteFile(wide, []byte(strings.NewReplacer("postcode", "邮编", "age,", "年龄,", "race", "性别").Replace(b.String())), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := ProfileFile(t.Context(), wide, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := SearchLevels(t.Context(), []byte(w.Manifest), wide, 1, nil)
	if err != nil || len(s.Best) == 0 {
		t.Fatalf("%v\n%s", err, w.Manifest)
	}
	if _, err := s.Write([]byte(w.Manifest), s.Best[0]); err != nil {
		t.Errorf("%v\n%s", err, w.Manifest)
	}
	post := m.Mask.Columns["postcode"]
	if strings.Count(post.Hierarchy, "\n") != 5 || !strings.Contains(post.Hierarchy, "522000;5220**;52****;*\n") || post.OnInvalid != "missing" || strings.Contains(p.Manifest, "51999") {
		t.Errorf("%q %s", post.Hierarchy, post.OnInvalid)
	}
	if h := m.Mask.Columns["district_code"].Hierarchy; !strings.Contains(h, "0401;04**;*\n") {
		t.Errorf("%q", h)
	}
}

func TestNice(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]float64{0: 0, -3: 0, 0.3: 0.5, 1: 1, 1.01: 2, 4: 5, 5.1: 10, 62.5: 100, 0.02: 0.02} {
		if got := nice(x); got != want {
			t.Errorf("nice(%g) is %g, not %g", x, got, want)
		}
	}
}
