package scenarios

import (
	"slices"
	"strings"
)

// Groups reads a list of levels, "total;state;store,category;series": each the
// ids by which series are summed up; total sums all, series
// none. It is nil when a level is empty, or stands twice in whatever order of its ids.
func Groups(list string) (out [][]string) {
	for level := range strings.SplitSeq(list, ";") {
		var ids []string
		for id := range strings.SplitSeq(level, ",") {
			if id = strings.TrimSpace(id); id == "" || slices.Contains(ids, id) {
				return nil
			}
			ids = append(ids, id)
		}
		sorted := slices.Sorted(slices.Values(ids))
		if len(ids) > 1 && (slices.Contains(ids, "total") || slices.Contains(ids, "series")) || slices.ContainsFunc(out, func(x []string) bool { return slices.Equal(slices.Sorted(slices.Values(x)), sorted) }) {
			return nil
		}
		out = append(out, ids)
	}
	return out
}

// Grouped are the ids that true cells of series must have, after the metrics.
func (s Spec) Grouped() (ids []string) {
	for i, m := range s.Metrics {
		if m.Use != "wrmsse@1" {
			continue
		}
		for _, level := range Groups(s.text(i, byParam)) {
			for _, id := range level {
				if id != "total" && id != "series" && !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids
}
