package scenarios

import (
	"encoding/json"
	"fmt"

	"aihub"
)

// Task is /input/task.json: all that an algorithm is told about a run. It is
// the same in smoke and hidden runs. A task with labels is a training run's:
// everything in /output becomes the model, and Output is what the model is for.
type Task struct {
	Scenario string     `json:"scenario"`         // name@N
	Input    TaskTable  `json:"input"`            // in /input
	Labels   *TaskTable `json:"labels,omitempty"` // in /input of a training run: the ids of Input, in the same order
	Output   TaskTable  `json:"output"`           // to be written to /output
}

// TaskTable describes one file. Its first column is Key, the row id as text;
// Columns are those that follow.
type TaskTable struct {
	File    string       `json:"file"`
	Format  string       `json:"format"` // csv, jsonl, parquet
	Key     string       `json:"key"`
	Columns []TaskColumn `json:"columns"`
}

// TaskColumn is one column. Classes, Range and SumsToOne are those of the spec.
type TaskColumn struct {
	Name      string    `json:"name"`
	Type      string    `json:"type"` // string, int64, float64, bool, date, timestamp
	Classes   []string  `json:"classes,omitempty"`
	Range     []float64 `json:"range,omitempty"`
	SumsToOne []string  `json:"sums_to_one,omitempty"`
	File      bool      `json:"file,omitempty"` // of the input: its values are paths of the rows' files, below /input
}

// NewTask makes the task of spec, published as ref. Columns are those of the
// dataset, which give the input its types.
func NewTask(ref aihub.Ref, spec Spec, columns []aihub.Column) (Task, error) {
	types, files := map[string]string{}, map[string]bool{}
	for _, c := range columns {
		types[c.Name], files[c.Name] = c.Type, c.File
	}
	t := Task{
		Scenario: ref.String(),
		Input:    TaskTable{File: spec.Input.File, Format: spec.Input.Format, Key: spec.Input.Key},
		Output:   TaskTable{File: spec.Output.File, Format: spec.Output.Format, Key: spec.Input.Key},
	}
	for _, name := range spec.Input.Columns {
		if types[name] == "" {
			return Task{}, fmt.Errorf("dataset %s has no column %q of scenario %s", spec.Dataset, name, ref)
		}
		t.Input.Columns = append(t.Input.Columns, TaskColumn{Name: name, Type: types[name], File: files[name]})
	}
	for _, c := range spec.Output.Columns {
		t.Output.Columns = append(t.Output.Columns, TaskColumn{Name: c.Name, Type: c.Type, Classes: c.Classes, Range: c.Range, SumsToOne: c.SumsToOne})
	}
	return t, nil
}

// JSON returns the bytes of task.json, the same for equal tasks.
func (t Task) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("task.json: %w", err)
	}
	return append(b, '\n'), nil
}
