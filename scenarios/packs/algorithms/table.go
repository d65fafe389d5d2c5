package algorithms

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
)

// task is what task.json says.
type task struct {
	Scenario string `json:"scenario"`
	Input    file   `json:"input"`
	Labels   *file  `json:"labels"` // of a training run
	Output   file   `json:"output"`
}

type file struct {
	File    string   `json:"file"`
	Format  string   `json:"format"`
	Key     string   `json:"key"`
	Columns []column `json:"columns"`
}

type column struct {
	Name    string    `json:"name"`
	Type    string    `json:"type"`
	Classes []string  `json:"classes"`
	Range   []float64 `json:"range"`
}

func readTask(dir string) (task, error) {
	var t task
	raw, err := os.ReadFile(dir + "/task.json")
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, fmt.Errorf("task.json: %w", err)
	}
	for _, f := range []file{t.Input, t.Output} {
		if f.Format != "csv" {
			return t, fmt.Errorf("task.json: format %q; this program reads and writes csv", f.Format)
		}
	}
	if len(t.Output.Columns) == 0 {
		return t, errors.New("task.json: no output column")
	}
	return t, nil
}

// table is a CSV file with a header, all of it in memory.
type table struct {
	name   string
	header []string
	rows   [][]string
}

func readTable(name string) (table, error) {
	t := table{name: name}
	raw, err := os.ReadFile(name)
	if err != nil {
		return t, err
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	r.ReuseRecord = false
	if t.header, err = r.Read(); err != nil {
		if err == io.EOF {
			err = errors.New("the file is empty")
		}
		return t, fmt.Errorf("%s: %w", name, err)
	}
	t.rows, err = r.ReadAll()
	if err != nil {
		return t, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// column returns where name stands in a row, or -1.
func (t table) column(name string) int { return slices.Index(t.header, name) }

func (t table) need(name, what string) error {
	if t.column(name) < 0 {
		return fmt.Errorf("%s: the %s has no column %q; it has %q", t.name, what, name, t.header)
	}
	return nil
}

// text returns a column as it is written.
func (t table) text(name string) ([]string, error) {
	if err := t.need(name, "table"); err != nil {
		return nil, err
	}
	k, out := t.column(name), make([]string, len(t.rows))
	for i, r := range t.rows {
		out[i] = r[k]
	}
	return out, nil
}

// numbers returns a column as numbers; empty ones become missing.
func (t table) numbers(name string, missing float64) ([]float64, error) {
	text, err := t.text(name)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(text))
	for i, s := range text {
		if s == "" {
			out[i] = missing
		} else if out[i], err = strconv.ParseFloat(s, 64); err != nil {
			return nil, fmt.Errorf("%s: row %d, column %s: %q is not a number", t.name, i+1, name, s)
		}
	}
	return out, nil
}

// write writes key and predictions, in the order of the input's rows.
func write(name string, t task, in table, predicted [][]string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	header := []string{t.Output.Key}
	for _, c := range t.Output.Columns {
		header = append(header, c.Name)
	}
	w.Write(header)
	key := in.column(t.Input.Key)
	for i, r := range in.rows {
		w.Write(append([]string{r[key]}, predicted[i]...))
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// number writes x as the column wants it: inside its range, whole when it is int64.
func (c column) number(x float64) string {
	if len(c.Range) == 2 {
		x = min(max(x, c.Range[0]), c.Range[1])
	}
	if c.Type == "int64" {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 12, 64)
}
