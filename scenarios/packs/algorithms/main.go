// Package algorithms holds what the demo's vendors submit: a sensible baseline
// and a weak algorithm for each built-in scenario. They see what any vendor's
// algorithm sees and use nothing but the standard library: /input/task.json
// says what to read and write, and the public sample, with labels, is baked
// into their image at /opt/sample.csv.
//
// A baseline for event-dispatch is multinomial naive Bayes over the characters
// and character bigrams of the text; for school-places, ridge regression of the
// logarithm of the demand. The weak ones answer the same for every row: the
// most frequent department, the mean. "train event-dispatch" learns the same
// naive Bayes from the train part, and "trained event-dispatch" answers with it.
package algorithms

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// program is where an algorithm reads and writes.
type program struct {
	input, output, model string // directories
	sample               string // the public sample, CSV with labels
	stderr               io.Writer
}

// model predicts the output columns of rows; it was made from the sample.
type model func(t task, sample, rows table) ([][]string, error)

var models = map[string]model{
	"baseline event-dispatch": dispatchBaseline,
	"weak event-dispatch":     majority,
	"baseline school-places":  placesBaseline,
	"weak school-places":      mean,
}

// trainings leave or use a model; they need no sample.
var trainings = map[string]func(program) (int, error){
	"train event-dispatch":   program.trainDispatch,
	"trained event-dispatch": program.trainedDispatch,
}

// Main runs the algorithm that args name, e.g. "baseline event-dispatch", on
// /input, and returns the exit code: 0 done, 1 bad input, 2 usage.
func Main(args []string) int {
	p := program{input: "/input", output: "/output", model: "/model", sample: "/opt/sample.csv", stderr: os.Stderr}
	return p.main(args)
}

func (p program) main(args []string) int {
	run := trainings[strings.Join(args, " ")]
	if m, ok := models[strings.Join(args, " ")]; ok {
		run = func(p program) (int, error) { return p.run(m) }
	}
	if run == nil {
		fmt.Fprintf(p.stderr, "usage: algorithm %s\n", strings.Join(Names(), " | algorithm "))
		return 2
	}
	n, err := run(p)
	if err != nil {
		fmt.Fprintf(p.stderr, "algorithm: %v\n", err)
		return 1
	}
	did := "predicted"
	if args[0] == "train" {
		did = "learned from"
	}
	fmt.Fprintf(p.stderr, "%s %d rows\n", did, n)
	return 0
}

// Names lists the algorithms as Main takes them, sorted.
func Names() []string {
	var out []string
	for name := range models {
		out = append(out, name)
	}
	for name := range trainings {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func (p program) run(m model) (int, error) {
	t, err := readTask(p.input)
	if err != nil {
		return 0, err
	}
	rows, err := readTable(p.input + "/" + t.Input.File)
	if err != nil {
		return 0, err
	}
	if err := rows.need(t.Input.Key, "input"); err != nil {
		return 0, err
	}
	sample, err := readTable(p.sample)
	if err != nil {
		return 0, fmt.Errorf("the public sample belongs into the image: %w", err)
	}
	if len(sample.rows) == 0 {
		return 0, fmt.Errorf("%s has no rows to learn from", p.sample)
	}
	predicted, err := m(t, sample, rows)
	if err != nil {
		return 0, err
	}
	return len(predicted), write(p.output+"/"+t.Output.File, t, rows, predicted)
}
