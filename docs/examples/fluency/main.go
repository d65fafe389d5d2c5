// Command fluency is a scorer with a model of its own: how fluent each text is that an
// algorithm wrote, by a language model of characters that lies in the scorer's image.
//
//	fluency train CORPUS MODEL   counts the characters of a text, one sentence a line, into a model
//	fluency                      scores /input/predictions.csv by /model.tsv
//
// A text's fluency is its likelihood a character over that of the true text, at most 1:
// a model's own taste for long or rare words is then nobody's loss. It says nothing of
// what the text says, and should stand beside a metric that does, such as chrf@1.
package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// order is how many characters the model looks at, itself included, and trust how much
// each longer context says over the shorter one (Jelinek and Mercer 1980).
const (
	order = 3
	trust = 0.7
)

// model has how often each run of at most order characters was seen, and each context.
type model struct {
	seen, begun map[string]float64
	kinds       float64 // of characters, one for all that were never seen included
}

// bounds are what stands before and behind a sentence.
const before, behind = '\x02', '\x03'

// runs calls f with each character of a sentence and what stands before it.
func runs(sentence string, f func(context []rune, c rune)) {
	text := append([]rune{before, before}, append([]rune(sentence), behind)...)
	for i := order - 1; i < len(text); i++ {
		f(text[i-order+1:i], text[i])
	}
}

func (m *model) add(run string, n float64) {
	r := []rune(run)
	if m.seen[run] == 0 && len(r) == 1 {
		m.kinds++
	}
	m.seen[run] += n
	m.begun[string(r[:len(r)-1])] += n
}

// of is how likely c is behind a context.
func (m *model) of(context []rune, c rune) float64 {
	p := 1 / m.kinds
	for n := 0; n <= len(context); n++ {
		short := string(context[len(context)-n:])
		if total := m.begun[short]; total > 0 {
			p = trust*m.seen[short+string(c)]/total + (1-trust)*p
		}
	}
	return p
}

// mean is the logarithm of a text's likelihood, a character.
func (m *model) mean(text string) float64 {
	sum, n := 0.0, 0.0
	runs(text, func(context []rune, c rune) { sum, n = sum+math.Log(m.of(context, c)), n+1 })
	return sum / n
}

func train(corpus, to string) {
	f, err := os.Open(corpus)
	check(err)
	m := &model{map[string]float64{}, map[string]float64{}, 1}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		runs(lines.Text(), func(context []rune, c rune) {
			for n := range order {
				m.add(string(context[len(context)-n:])+string(c), 1)
			}
		})
	}
	check(lines.Err())
	out, err := os.Create(to)
	check(err)
	for _, run := range slices.Sorted(maps.Keys(m.seen)) {
		fmt.Fprintf(out, "%q\t%g\n", run, m.seen[run])
	}
	check(out.Close())
}

func load(path string) *model {
	f, err := os.Open(path)
	check(err)
	m := &model{map[string]float64{}, map[string]float64{}, 1}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		quoted, count, _ := strings.Cut(lines.Text(), "\t")
		run, err := strconv.Unquote(quoted)
		check(err)
		n, err := strconv.ParseFloat(count, 64)
		check(err)
		m.add(run, n)
	}
	check(lines.Err())
	return m
}

// column reads one column of a CSV file, by its key.
func column(path, key, name string) (ids []string, of map[string]string) {
	f, err := os.Open(path)
	check(err)
	r := csv.NewReader(f)
	header, err := r.Read()
	check(err)
	k, v := slices.Index(header, key), slices.Index(header, name)
	of = map[string]string{}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return ids, of
		}
		check(err)
		ids, of[row[k]] = append(ids, row[k]), row[v]
	}
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "train" {
		train(os.Args[2], os.Args[3])
		return
	}
	var in struct {
		Spec struct {
			Input  struct{ Key string }
			Truth  struct{ Column string }
			Output struct{ Columns []struct{ Name string } }
		}
	}
	b, err := os.ReadFile("/input/spec.json")
	check(err)
	check(json.Unmarshal(b, &in))
	m := load("/model.tsv")
	_, truth := column("/input/truth.csv", in.Spec.Input.Key, in.Spec.Truth.Column)
	ids, said := column("/input/predictions.csv", in.Spec.Input.Key, in.Spec.Output.Columns[0].Name)
	out, err := os.Create("/output/per_unit.csv")
	check(err)
	fmt.Fprintf(out, "%s,fluency\n", in.Spec.Input.Key)
	for _, id := range ids {
		fluency := 0.0
		if said[id] != "" {
			fluency = min(1, math.Exp(m.mean(said[id])-m.mean(truth[id])))
		}
		fmt.Fprintf(out, "%s,%v\n", id, fluency)
	}
	check(out.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
