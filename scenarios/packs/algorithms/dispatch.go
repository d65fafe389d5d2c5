package algorithms

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
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

// dispatcher is multinomial naive Bayes over features (each counts once a text):
// which characters and pairs of characters the texts of each department hold.
type dispatcher struct {
	Classes  []string             `json:"classes"`
	Prior    []float64            `json:"prior"`    // log probability of each class
	Features map[string][]float64 `json:"features"` // log probability given each class
}

func learnDispatch(texts, labels []string) dispatcher {
	d := dispatcher{Classes: slices.Compact(slices.Sorted(slices.Values(labels))), Features: map[string][]float64{}}
	seen := map[string]int{} // how many texts hold a feature
	of := make([][]string, len(texts))
	for i, s := range texts {
		of[i] = features(s)
		for _, f := range of[i] {
			seen[f]++
		}
	}
	d.Prior = make([]float64, len(d.Classes))
	total := make([]float64, len(d.Classes))
	for i, l := range labels {
		c, _ := slices.BinarySearch(d.Classes, l)
		d.Prior[c]++
		for _, f := range of[i] {
			if seen[f] < minCount {
				continue
			}
			if d.Features[f] == nil {
				d.Features[f] = make([]float64, len(d.Classes))
			}
			d.Features[f][c]++
			total[c]++
		}
	}
	for c := range d.Classes {
		norm := math.Log(total[c] + smoothing*float64(len(seen)))
		for _, count := range d.Features {
			count[c] = math.Log(count[c]+smoothing) - norm
		}
		d.Prior[c] = math.Log(d.Prior[c] / float64(len(labels)))
	}
	return d
}

// answer returns the likeliest department of each text.
func (d dispatcher) answer(texts []string) [][]string {
	out := make([][]string, len(texts))
	score := make([]float64, len(d.Classes))
	for i, s := range texts {
		copy(score, d.Prior)
		for _, f := range features(s) {
			for c, x := range d.Features[f] {
				score[c] += x
			}
		}
		best := 0
		for c := range score {
			if score[c] > score[best] {
				best = c
			}
		}
		out[i] = []string{d.Classes[best]}
	}
	return out
}

// dispatchBaseline learns from the sample in the image.
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
	return learnDispatch(texts, labels).answer(unknown), nil
}

// weights is the file of a trained dispatcher, in /output and then in /model.
const weights = "/dispatcher.json"

// trainDispatch learns from the input and its labels, and leaves a model.
func (p program) trainDispatch() (int, error) {
	t, err := readTask(p.input)
	if err != nil {
		return 0, err
	}
	if t.Labels == nil {
		return 0, errors.New("task.json: no labels; this is not a training run")
	}
	rows, err := readTable(p.input + "/" + t.Input.File)
	if err != nil {
		return 0, err
	}
	answers, err := readTable(p.input + "/" + t.Labels.File)
	if err != nil {
		return 0, err
	}
	texts, err := rows.text("text")
	if err != nil {
		return 0, err
	}
	labels, err := answers.text(t.Labels.Columns[0].Name)
	if err != nil {
		return 0, err
	}
	if len(texts) == 0 || len(labels) != len(texts) {
		return 0, fmt.Errorf("%d texts and %d labels", len(texts), len(labels))
	}
	b, err := json.Marshal(learnDispatch(texts, labels))
	if err != nil {
		return 0, err
	}
	return len(texts), os.WriteFile(p.output+weights, b, 0o644)
}

// trainedDispatch answers with the model that a training left.
func (p program) trainedDispatch() (int, error) {
	t, err := readTask(p.input)
	if err != nil {
		return 0, err
	}
	b, err := os.ReadFile(p.model + weights)
	if err != nil {
		return 0, err
	}
	var d dispatcher
	if err := json.Unmarshal(b, &d); err != nil {
		return 0, fmt.Errorf("%s: %w", weights, err)
	}
	rows, err := readTable(p.input + "/" + t.Input.File)
	if err != nil {
		return 0, err
	}
	if err := rows.need(t.Input.Key, "input"); err != nil {
		return 0, err
	}
	texts, err := rows.text("text")
	if err != nil {
		return 0, err
	}
	return len(texts), write(p.output+"/"+t.Output.File, t, rows, d.answer(texts))
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
