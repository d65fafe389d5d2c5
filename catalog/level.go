package catalog

import (
	"aihub/catalog/detect"
)

// levelFound is the level of general data (see detect.Level) that the evidence
// about the raw table gives the masked one: a column that is dropped has none,
// what is sensitive stays so however coarse it was made, and of a column that was
// masked nothing but what narrows people down is left.
func (m *Manifest) levelFound(in *ingested) int {
	of := map[string][]detect.Finding{}
	for _, f := range in.findings {
		of[f.Column] = append(of[f.Column], f)
	}
	level := 1
	for _, c := range in.schema {
		r, _ := m.Mask.Of(c.Name)
		found := detect.Level(of[c.Name])
		sensitive := false
		for _, f := range of[c.Name] {
			sensitive = sensitive || f.Class == detect.Sensitive
		}
		if r.Use != "keep" && !sensitive {
			found = min(found, 2)
		}
		level = max(level, found)
	}
	return level
}
