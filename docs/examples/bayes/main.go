// Command bayes is the algorithm of docs/*/bring-your-own-data.md: naive Bayes,
// learnt from /opt/sample.csv, over the values of a row or, where the input has
// one column, over the characters of a text and pairs of them.
package main

import (
	"encoding/csv"
	"encoding/json"
	"log"
	"math"
	"os"
	"slices"
)

// task is what it needs of /input/task.json.
type task struct {
	Input, Output struct {
		File, Key string
		Columns   []struct{ Name string }
	}
}

// features are what of a row counts.
func (t task) features(header, row []string) (fs []string) {
	for _, c := range t.Input.Columns {
		v := row[slices.Index(header, c.Name)]
		if len(t.Input.Columns) > 1 {
			fs = append(fs, c.Name+"="+v)
			continue
		}
		last := '^'
		for _, r := range v + "$" {
			fs = append(fs, string(r), string([]rune{last, r}))
			last = r
		}
	}
	return fs
}

// read returns the header and the rows of a CSV file.
func read(name string) (header []string, rows [][]string) {
	f, err := os.Open(name)
	if err != nil {
		log.Fatal(err)
	}
	all, err := csv.NewReader(f).ReadAll()
	if err != nil || len(all) == 0 {
		log.Fatalf("%s: no rows: %v", name, err)
	}
	return all[0], all[1:]
}

func main() {
	var t task
	b, err := os.ReadFile("/input/task.json")
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err != nil {
		log.Fatal(err)
	}
	label := t.Output.Columns[0].Name
	classes, totals := map[string]float64{}, map[string]float64{} // rows and features of a class
	counts, seen := map[[2]string]float64{}, map[string]bool{}    // a class's features; features of any
	header, rows := read("/opt/sample.csv")
	for _, row := range rows {
		c := row[slices.Index(header, label)]
		classes[c]++
		for _, f := range t.features(header, row) {
			counts[[2]string{c, f}]++
			totals[c]++
			seen[f] = true
		}
	}
	header, rows = read("/input/" + t.Input.File)
	out, err := os.Create("/output/" + t.Output.File)
	if err != nil {
		log.Fatal(err)
	}
	w := csv.NewWriter(out)
	_ = w.Write([]string{t.Output.Key, label}) // Flush keeps the error
	for _, row := range rows {
		best, most := "", math.Inf(-1)
		for c, n := range classes {
			p := math.Log(n)
			for _, f := range t.features(header, row) {
				p += math.Log((counts[[2]string{c, f}] + .1) / (totals[c] + .1*float64(len(seen))))
			}
			if p > most || p == most && c < best {
				best, most = c, p
			}
		}
		_ = w.Write([]string{row[slices.Index(header, t.Input.Key)], best})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		log.Fatal(err)
	}
}
