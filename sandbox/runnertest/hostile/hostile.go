// Package hostile is a program that attacks its sandbox from inside. Each mode
// tries one thing, says what it tried and what it saw, passes on whatever it
// could read (in the log, in several encodings, in names of files that nobody
// asked for), and then, if it still can, writes plausible predictions and exits
// with 0, as a vendor would who wants to look harmless.
//
// It uses the standard library alone and is linked into the demo's algorithm and
// into the guest of the conformance suite, which has quieter modes of its own:
// they report facts that the suite compares with the contract.
package hostile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Modes lists the attacks, in the order in which a demo shows them.
var Modes = []string{"network", "dns", "write", "read", "fork", "memory", "output"}

// Training lists what hostile vendors do with models: hoard is their training,
// and recall the algorithm that uses what it left.
var Training = []string{"hoard", "recall"}

// Mark is the form of the canaries that a demo and the attacks plant in data, by which
// hostile programs find them.
var Mark = regexp.MustCompile(`zq[a-z]{30}`)

// Load lists the two ends of a channel through the load of the machine: what one
// run does in slots of time, and what another measures in them.
var Load = []string{"beacon", "sense"}

// program is one execution.
type program struct {
	out  *bufio.Writer
	args []string
}

// Main runs the mode args[0] and returns the exit code.
func Main(args []string) int {
	p := &program{out: bufio.NewWriter(os.Stdout)}
	defer p.out.Flush()
	if len(args) > 0 {
		p.args = args[1:]
		if run, ok := attacks[args[0]]; ok {
			run(p)
			p.predict()
			return 0
		}
		if run, ok := facts[args[0]]; ok {
			return run(p)
		}
	}
	fmt.Fprintf(os.Stderr, "usage: hostile %s\n", strings.Join(Modes, "|"))
	return 2
}

// say prints one line at once: the next step may be the last.
func (p *program) say(format string, args ...any) {
	fmt.Fprintf(p.out, format+"\n", args...)
	p.out.Flush()
}

// tried prints the outcome of one attempt: "tried WHAT: ok" or the error.
func (p *program) tried(err error, what string, args ...any) {
	outcome := "ok"
	if err != nil {
		outcome = err.Error()
	}
	p.say("tried %s: %s", fmt.Sprintf(what, args...), outcome)
}

// smuggle passes b on in every way that a log and a file system offer.
func (p *program) smuggle(b []byte) {
	b = b[:min(len(b), 4<<10)]
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	reversed := slices.Clone(b)
	slices.Reverse(reversed)
	p.say("%s", b)
	p.say("%s", reversed)
	p.say("%s", hex.EncodeToString(b))
	p.say("%s", base64.StdEncoding.EncodeToString(b))
	p.say("%s", z.Bytes())
	fmt.Fprintf(os.Stderr, "%s\n", b)
	name := hex.EncodeToString(b[:min(len(b), 100)])
	_ = os.WriteFile("/output/"+name, b, 0o644)
	_ = os.Mkdir("/output/d"+name[:min(len(name), 60)], 0o755)
}

// task is what of /input/task.json the predictions need.
type task struct {
	Input  struct{ File, Format, Key string }
	Output struct {
		File, Format string
		Columns      []struct {
			Name, Type string
			Classes    []string
			Range      []float64
		}
	}
}

// predict writes the same answer for every row of a CSV input. Whatever is in
// its way, it gives up silently.
func (p *program) predict() {
	var t task
	b, err := os.ReadFile("/input/task.json")
	if err != nil || json.Unmarshal(b, &t) != nil || t.Input.Format != "csv" || t.Output.Format != "csv" {
		return
	}
	in, err := os.Open("/input/" + t.Input.File)
	if err != nil {
		return
	}
	defer in.Close()
	r := csv.NewReader(in)
	head, err := r.Read()
	key := slices.Index(head, t.Input.Key)
	if err != nil || key < 0 {
		return
	}
	names, answer := []string{t.Input.Key}, []string{}
	for _, c := range t.Output.Columns {
		names = append(names, c.Name)
		v := "0"
		switch {
		case len(c.Classes) > 0:
			v = c.Classes[0]
		case len(c.Range) == 2:
			v = fmt.Sprintf("%.0f", (c.Range[0]+c.Range[1])/2)
		}
		answer = append(answer, v)
	}
	out, err := os.Create("/output/" + t.Output.File)
	if err != nil {
		return
	}
	defer out.Close()
	w := csv.NewWriter(out)
	_ = w.Write(names)
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil || key >= len(row) {
			return
		}
		_ = w.Write(append([]string{row[key]}, answer...))
	}
	w.Flush()
	if w.Error() == nil {
		p.say("wrote plausible predictions")
	}
}
