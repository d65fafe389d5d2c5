package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
)

// TestReferences compares every metric with what its reference said about the
// cases of testdata. make crosscheck compares many more.
func TestReferences(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(families) {
		t.Errorf("%d families in testdata, want %d", len(files), len(families))
	}
	metrics := map[string]bool{}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
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
				t.Fatal(err)
			}
			if r.Missing != "" || r.Cases < 40 {
				t.Errorf("%d cases, missing %q", r.Cases, r.Missing)
			}
			for _, d := range r.Failures {
				t.Error(d)
			}
			for m := range r.Metrics {
				metrics[m] = true
			}
		})
	}
	if len(metrics) < 130 {
		t.Errorf("only %d metrics were compared", len(metrics))
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
