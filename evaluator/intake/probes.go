package intake

import (
	"encoding/json"
	"slices"

	"aihub"
	"aihub/evaluator/metric/rank"
	"aihub/scenarios"
)

// A true cell of probes is {"matches": [images of the same identity], "junk": [images
// that do not count, as those from the same camera], "of": how many images of the
// gallery count}; a predicted one {image: score}, larger is nearer, all or the best.
// Images that are not listed stand last, matches behind the others.
var probes = Kind{
	Truth:     bounded(func(s string) *aihub.Text { _, bad := readProbe(s); return bad }),
	Predicted: bounded(func(s string) *aihub.Text { _, bad := readScores(s); return bad }),
	Unit: func(_, t, p string) any {
		probe, _ := readProbe(t)
		scores, _ := readScores(p)
		for _, k := range probe.Junk {
			delete(scores, k)
		}
		// The gallery is of the truth: names that are none of its images take no place
		// beyond those that it has. Scores become places from below, so that there is one
		// below all of them.
		var all []float64
		for _, v := range scores {
			all = append(all, v)
		}
		slices.Sort(all)
		all = slices.Compact(all)
		place := func(v float64) float64 { i, _ := slices.BinarySearch(all, v); return float64(i + 1) }
		u := &rank.Probe{Match: make([]bool, probe.Of), Score: make([]float64, probe.Of)}
		for i, k := range probe.Matches {
			u.Match[i] = true
			if v, listed := scores[k]; listed {
				u.Score[i] = place(v)
				delete(scores, k)
			}
		}
		var others []float64
		for _, v := range scores {
			others = append(others, place(v))
		}
		slices.SortFunc(others, func(a, b float64) int { return int(b - a) })
		copy(u.Score[len(probe.Matches):], others)
		return u
	},
	Answer: func(t string) string {
		probe, _ := readProbe(t)
		near := map[string]float64{}
		for _, k := range probe.Matches {
			near[k] = 1
		}
		b, _ := json.Marshal(near) // strings and numbers always marshal
		return string(b)
	},
	Empty: scenarios.NeedsProbes.EmptyCell(),
}

type probe struct {
	Matches []string `json:"matches"`
	Junk    []string `json:"junk"`
	Of      int      `json:"of"`
}

func readProbe(s string) (p probe, bad *aihub.Text) {
	expected := say(`expected {"matches": [images], "junk": [images], "of": images of the gallery}, different images`, `应为 {"matches": [图像], "junk": [图像], "of": 图库图像数}，图像互不相同`)
	if err := strict(s, &p); err != nil {
		return p, because(err, expected)
	}
	seen := map[string]bool{}
	for _, k := range slices.Concat(p.Matches, p.Junk) {
		if k == "" || seen[k] {
			return p, expected
		}
		seen[k] = true
	}
	if p.Of < max(1, len(p.Matches)) || p.Of > 1_000_000 {
		return p, expected
	}
	return p, nil
}
