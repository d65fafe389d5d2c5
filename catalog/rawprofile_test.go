package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"aihub"
	"aihub/catalog/detect"
	"aihub/internal/table"
)

// TestProfileFile: one reading says what the columns are, in an encoding of its
// own, and ends with a manifest that publishes.
func TestProfileFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw, err := simplifiedchinese.GB18030.NewEncoder().String(people(800, 3).csv)
	w.must(err)
	path := filepath.Join(t.TempDir(), "Case File.2026.csv")
	w.must(os.WriteFile(path, []byte(raw), 0o600))
	var last int64
	p, err := ProfileFile(w.ctx, path, func(done, total int64) {
		if last = done; total != 800 {
			t.Errorf("of %d", total)
		}
	})
	w.must(err)
	if p.Rows != 800 || last != 800 {
		t.Errorf("%d rows, %d reported", p.Rows, last)
	}
	mobile := p.column("mobile")
	if mobile == nil || mobile.Class != detect.Direct || mobile.Level < 3 || len(mobile.Top)+len(mobile.Quantiles) != 0 || mobile.Small != mobile.Distinct || mobile.Distinct != 800 {
		t.Errorf("%+v", mobile)
	}
	if born := p.column("born"); born.Type != table.Date || len(born.Quantiles) != 5 {
		t.Errorf("%+v", born)
	}
	m, err := ParseManifest([]byte(p.Manifest))
	w.must(err)
	if m.Name != "case-file" || m.Key != "case_no" {
		t.Errorf("name %q, key %q", m.Name, m.Key)
	}
	m2 := strings.Replace(p.Manifest, "max_suppression: 0.05", "max_suppression: 0.5", 1)
	m2 = strings.Replace(m2, "k: 5", "k: 2", 1)
	if _, err := w.Publish(w.ctx, w.steward, []byte(m2), path, nil); err != nil && !strings.Contains(err.Error(), "classes smaller than") {
		t.Errorf("%v\n%s", err, p.Manifest)
	}
}

// TestProposedKey: without a column that names each row the rows are numbered.
func TestProposedKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "数.csv")
	if err := os.WriteFile(path, []byte(numbers(600)), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := ProfileFile(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	// x is unique: it may be a key. Without it there is none.
	if p.keyColumn() != "x" || p.truthColumn() != "y" {
		t.Errorf("key %q, truth %q", p.keyColumn(), p.truthColumn())
	}
	p.column("x").Distinct--
	if m := p.propose(path, nil, nil, nil); !strings.Contains(m, "key: row_id\nkey_from: rows") || !strings.Contains(m, "name: dataset\n") {
		t.Error(m)
	}
	w := newWorld(t)
	if _, err := w.Publish(w.ctx, w.steward, []byte(p.Manifest), path, nil); err != nil {
		t.Errorf("%v\n%s", err, p.Manifest)
	}
}

// A column that is no flat one is proposed to be dropped, and no label: what is
// proposed for a file of another tool with lists can be published as it is.
func TestProposedForNestedColumns(t *testing.T) {
	t.Parallel()
	path := "../internal/pages/testdata/duckdb-v2-zstd.parquet"
	p, err := ProfileFile(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := p.column("n"); n == nil || !n.Unread || n.Use != "drop" || !strings.Contains(p.Manifest, `"n": {use: drop}`) {
		t.Errorf("%+v\n%s", n, p.Manifest)
	}
	w := newWorld(t)
	if v, err := w.Publish(w.ctx, w.steward, []byte(p.Manifest), path, nil); err != nil {
		t.Errorf("%v\n%s", err, p.Manifest)
	} else if slices.ContainsFunc(v.Columns, func(c aihub.Column) bool { return c.Name == "n" }) {
		t.Errorf("%+v", v.Columns)
	}
}

// TestColumnsThatNameBesides: columns that a detector of values cannot know are told
// by their names, by being unique, or by spanning lives.
func TestColumnsThatNameBesides(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("no,座机,XM,XB,badge,ward,csny,joined,lat,uuid,amount\n")
	for i := range 400 {
		fmt.Fprintf(&b, "%d,%d,%s,%d,%06d,%d,%d-01-02,2024-03-%02d,%.6f,%08x-0772-4339-9226-%012x,%d\n", i, 83000000+i*137, []string{"甲某", "乙某"}[i%2]+fmt.Sprint(i), i%2,
			(i*7919+31)%1000000, i%9, 1950+i%60, 1+i%28, 22+float64(i)/1117, 0xa0000000+i*7, i*i, i*31%90000)
	}
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := ProfileFile(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"座机": "direct 3 pseudonym column_name", "XM": "direct 3 pseudonym column_name", "XB": "quasi 2 band column_name", "badge": "quasi 2 pseudonym unique_code",
		"ward": "none 1 keep ", "csny": "quasi 2 date column_name", "joined": "none 1 keep ", "lat": "quasi 4 band coordinates", "uuid": "quasi 2 pseudonym unique_code", "amount": "none 1 keep ",
	} {
		c := p.column(name)
		if got := fmt.Sprintf("%s %d %s %s", c.Class, c.Level, c.Use, c.Evidence[0].Kind); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if strings.Contains(want, "unique") && len(c.Quantiles)+len(c.Top) > 0 {
			t.Errorf("%s: its values are shown", name)
		}
	}
	if strings.Contains(p.Manifest, `quasi: ["badge"`) || !strings.Contains(p.Manifest, `"badge": {use: pseudonym}`) {
		t.Error(p.Manifest)
	}
}
