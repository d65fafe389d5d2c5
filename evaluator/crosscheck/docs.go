package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const begin, end = "<!-- crosscheck: begin -->", "<!-- crosscheck: end -->"

// writeDocs puts the measured deviations in the pages about metrics, in both
// languages, between two marks.
func writeDocs(dir string, kept map[string]*Report) error {
	var families []string
	for name := range kept {
		families = append(families, name)
	}
	slices.Sort(families)
	for lang, head := range map[string][4]string{
		"en":    {"metric", "reference", "values compared", "largest deviation"},
		"zh-CN": {"指标", "参考实现", "比较的数值", "最大偏差"},
	} {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s\n| %s |\n|---|---|---|---|\n", begin, strings.Join(head[:], " | "))
		for _, f := range families {
			r := kept[f]
			if r.Missing != "" {
				fmt.Fprintf(&b, "| %s | %s | 0 | |\n", f, r.Missing)
			}
			for _, m := range r.sorted() {
				if !strings.HasPrefix(m, "#") {
					fmt.Fprintf(&b, "| `%s` | %s | %d | %.1e |\n", m, strings.Join(r.References, ", "), r.Metrics[m].Values, r.Metrics[m].Worst)
				}
			}
		}
		b.WriteString(end)
		path := filepath.Join(dir, lang, "metrics.md")
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		i, j := bytes.Index(old, []byte(begin)), bytes.Index(old, []byte(end))
		if i < 0 || j < i {
			return fmt.Errorf("%s has no place for the table", path)
		}
		page := slices.Concat(old[:i], b.Bytes(), old[j+len(end):])
		if err := os.WriteFile(path, page, 0o644); err != nil {
			return err
		}
	}
	return nil
}
