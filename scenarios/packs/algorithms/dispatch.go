package algorithms

import (
	"math"
	"slices"
)

// majority answers the sample's most frequent label for every row.
func majority(t task, sample, rows table) ([][]string, error) {
	labels, err := sample.text(t.Output.Columns[0].Name)
	if err != nil {
		return nil, err
	}
	count, best := map[string]int{}, ""
	for _, l := range labels {
		count[l]++
		if n := count[l]; best == "" || n > count[best] || n == count[best] && l < best {
			best = l
		}
	}
	return slices.Repeat([][]string{{best}}, len(rows.rows)), nil
}

const (
	smoothing = 0.3 // Laplace's, for a few hundred texts a class
	minCount  = 2   // a feature seen once is noise, a typo most often
)

// dispatchBaseline learns which characters and pairs of characters the texts of
// each department hold, and answers the likeliest department (multinomial naive
// Bayes; every feature counts once a text).
func dispatchBaseline(t task, sample, rows table) ([][]string, error) {
	texts, err := sample.text("text")
	if err != nil {
		return nil, err
	}
	labels, err := sample.text(t.Output.Columns[0].Name)
	if err != nil {
		return nil, err
	}
	unknown, err := rows.text("text")
	if err != nil {
		return nil, err
	}

	classes := slices.Compact(slices.Sorted(slices.Values(labels)))
	ids := map[string]int{} // feature -> column
	var seen []int          // how many texts hold it
	rowsOf := make([][]int, len(texts))
	for i, s := range texts {
		for _, f := range features(s) {
			id, ok := ids[f]
			if !ok {
				id = len(seen)
				ids[f] = id
				seen = append(seen, 0)
			}
			seen[id]++
			rowsOf[i] = append(rowsOf[i], id)
		}
	}
	prior := make([]float64, len(classes))
	total := make([]float64, len(classes))
	count := make([][]float64, len(classes))
	for c := range count {
		count[c] = make([]float64, len(seen))
	}
	for i, l := range labels {
		c, _ := slices.BinarySearch(classes, l)
		prior[c]++
		for _, id := range rowsOf[i] {
			if seen[id] >= minCount {
				count[c][id]++
				total[c]++
			}
		}
	}
	for c := range count {
		norm := math.Log(total[c] + smoothing*float64(len(seen)))
		for id, n := range count[c] {
			count[c][id] = math.Log(n+smoothing) - norm
		}
		prior[c] = math.Log(prior[c] / float64(len(labels)))
	}

	out := make([][]string, len(unknown))
	score := make([]float64, len(classes))
	for i, s := range unknown {
		copy(score, prior)
		for _, f := range features(s) {
			if id, ok := ids[f]; ok && seen[id] >= minCount {
				for c := range score {
					score[c] += count[c][id]
				}
			}
		}
		best := 0
		for c := range score {
			if score[c] > score[best] {
				best = c
			}
		}
		out[i] = []string{classes[best]}
	}
	return out, nil
}

// features are the different characters and pairs of neighbours in s.
func features(s string) []string {
	r := []rune(s)
	out := make([]string, 0, 2*len(r))
	for i := range r {
		out = append(out, string(r[i]))
		if i > 0 {
			out = append(out, string(r[i-1:i+1]))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
