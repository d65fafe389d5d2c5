package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aihub/evaluator/metric"
)

// goldens are what the references said, by family.
func goldens(t *testing.T) map[string]*Report {
	files, err := filepath.Glob("testdata/*.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*Report{}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Check(z)
		if err != nil {
			t.Fatal(path, err)
		}
		out[strings.TrimSuffix(filepath.Base(path), ".jsonl.gz")] = r
	}
	return out
}

// TestReferences compares every metric with what its reference, and what is
// written out, said about 60 cases of each family. make crosscheck compares many
// more.
func TestReferences(t *testing.T) {
	reports := goldens(t)
	for family := range families {
		t.Run(family, func(t *testing.T) {
			r := reports[family]
			if r == nil {
				r = &Report{Metrics: map[string]*Deviation{}}
				reports[family] = r
				if definitions[family] == nil {
					t.Fatal("nobody says what is right")
				}
			} else if r.Missing != "" || r.Cases < 40 {
				t.Errorf("%d cases, missing %q", r.Cases, r.Missing)
			}
			if err := checkWritten(r, family, "golden", 60); err != nil {
				t.Fatal(err)
			}
			for _, d := range r.Failures {
				t.Error(d)
			}
		})
	}
	compared := map[string]bool{}
	for _, r := range reports {
		for _, m := range r.sorted() {
			compared[m] = true
		}
	}
	for _, d := range append(metric.All(), metric.AllUnits()...) {
		if !compared[d.Use] {
			t.Errorf("%s is compared with nothing", d.Use)
		}
	}
}

// TestWrittenOutWhole: a definition answers every key that it draws, for each of
// its cases, and no case comes twice: shifted copies of one stream would.
func TestWrittenOutWhole(t *testing.T) {
	for family, d := range definitions {
		seen := map[string]int{}
		for i := range 60 {
			in, keys := d.draw(newRNG(family, "1", i))
			b, err := json.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			want, err := d.want(b)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range keys {
				if _, ok := want(key); !ok {
					t.Errorf("%s: %s is drawn, but not written out", family, key)
				}
			}
			if len(b) > 300 {
				seen[string(b)]++
			}
		}
		for c, n := range seen {
			if n > 1 {
				t.Errorf("%s draws a case %d times: %s", family, n, c)
			}
		}
	}
}

// TestDocs: the list of metrics in the documentation is the registry's.
func TestDocs(t *testing.T) {
	for _, lang := range []string{"en", "zh-CN"} {
		page, err := os.ReadFile(filepath.Join("..", "..", "docs", lang, "metrics.md"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(page, list(lang)) {
			t.Errorf("docs/%s/metrics.md lists other metrics: run go run ./evaluator/crosscheck -family none -docs docs", lang)
		}
	}
}
