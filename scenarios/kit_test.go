package scenarios

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/table"
)

// lightsSample is a labelled public sample: 6 of 10 lamps are ok.
const lightsSample = "\ufefflamp_id,amps,hours,路段,state,score\n" +
	"a,1.5,10,\"深南, 东\",ok,1.5\nb,,20,x,broken,2.5\nc,0.5,30,x,ok,2\nd,1,40,x,ok,2\ne,1,50,\"two\nlines\",broken,2\n" +
	"f,1,60,x,ok,2\ng,1,70,x,broken,2\nh,1,80,x,ok,2\ni,1,90,x,broken,2\nj,1,100,x,ok,2\n"

// kitCase is a scenario whose kit must run; check judges one row of predictions.
var kitCases = map[string]struct {
	edit  []string // of testdata/minimal.txt: old, new, …
	lang  aihub.Lang
	check func(row []string) bool
}{
	"classes": {nil, aihub.ZH, func(r []string) bool { return len(r) == 2 && r[1] == "ok" }},
	"probabilities from JSON lines": {[]string{
		"  key: lamp_id", "  key: lamp_id\n  format: jsonl",
		"    - {name: state, type: string}", "    - {name: p, type: float64, sums_to_one: [q]}\n    - {name: q, type: float64}\n    - {name: say 'hi' 你, type: string}",
		"use: f1@1", "{use: log_loss@1, params: {columns: [q, p]}}",
		"step: 0.02", "step: 0.1\n    range: [0, 5]",
	}, aihub.EN, func(r []string) bool { return len(r) == 4 && near(r[1], 0.4) && near(r[2], 0.6) && r[3] == "ok" }},
	"one probability": {[]string{
		"    - {name: state, type: string}", "    - {name: p, type: float64}",
		"use: f1@1", "{use: roc_auc@1, params: {positive: ok}}",
	}, aihub.ZH, func(r []string) bool { return len(r) == 2 && near(r[1], 0.6) }},
	"numbers in Parquet": {[]string{
		"  key: lamp_id", "  key: lamp_id\n  format: parquet",
		"output:\n", "output:\n  format: parquet\n",
		"    - {name: state, type: string}", "    - {name: score, type: float64, range: [0, 1.9]}\n    - {name: whole, type: int64}",
		"  column: state\n  classes: [ok, broken]", "  column: score\n  type: float64",
		"use: f1@1", "{use: mae@1, prediction: score}",
		"step: 0.02", "step: 1\n    range: [0, 100]",
	}, aihub.EN, func(r []string) bool { return len(r) == 3 && near(r[1], 1.9) && r[2] == "2" }},
}

func near(s string, want float64) bool {
	x, err := strconv.ParseFloat(s, 64)
	return err == nil && math.Abs(x-want) < 1e-9
}

func TestKit(t *testing.T) {
	for name, c := range kitCases {
		t.Run(name, func(t *testing.T) {
			src := good(t)
			for i := 0; i < len(c.edit); i += 2 {
				if !strings.Contains(src, c.edit[i]) {
					t.Fatalf("the good spec has no %q", c.edit[i])
				}
				src = strings.Replace(src, c.edit[i], c.edit[i+1], 1)
			}
			spec, _, err := Parse("spec.yaml", []byte(src))
			if err != nil {
				t.Fatal(err)
			}
			v := lights()
			files, err := Kit(aihub.Ref{Name: spec.Name, Version: 1}, spec, v.Columns, "amd64", strings.NewReader(lightsSample), c.lang)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			for _, f := range files {
				path := filepath.Join(dir, f.Path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, f.Data, f.Mode); err != nil {
					t.Fatal(err)
				}
			}
			checkReadme(t, dir, spec, c.lang)
			if spec.Input.Format == "parquet" {
				sampleParquet(t, filepath.Join(dir, "sample/input", spec.Input.File))
			}

			build := exec.Command("go", "build", "-o", "../algorithm", ".")
			build.Dir = filepath.Join(dir, "go")
			build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
			if spec.Input.Format == "parquet" {
				borrowModules(t, build.Dir)
			}
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			run(t, c.check, spec, dir, filepath.Join(dir, "algorithm"))
			python := []string{"python3", filepath.Join(dir, "python/main.py")}
			if err := exec.Command("python3", "-c", "import json"+map[bool]string{true: ", pyarrow"}[spec.Input.Format == "parquet"]).Run(); err != nil {
				if os.Getenv("CI") != "" && spec.Input.Format != "parquet" {
					t.Fatal("python3 is missing: apt-get install python3")
				}
				t.Log("the Python example was not run: install python3, and pyarrow for Parquet")
				return
			}
			run(t, c.check, spec, dir, python...)
		})
	}
}

// run runs an example on the kit's own sample and checks every row.
func run(t *testing.T, check func([]string) bool, spec Spec, dir string, command ...string) {
	t.Helper()
	out := t.TempDir()
	cmd := exec.Command(command[0], append(command[1:], "--input", dir+"/sample/input", "--output", out, "--sample", dir+"/sample.csv")...)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	rows := predictions(t, filepath.Join(out, spec.Output.File), spec)
	var ids []string
	for _, r := range rows {
		ids = append(ids, r[0])
		if !check(r) {
			t.Errorf("%s: row %q", command[0], r)
		}
	}
	if want := strings.Split("abcdefghij", ""); !slices.Equal(ids, want) {
		t.Errorf("%s: ids %v", command[0], ids)
	}
}

// predictions reads the rows of a prediction file, and checks its columns.
func predictions(t *testing.T, path string, spec Spec) [][]string {
	want := []string{spec.Input.Key}
	for _, c := range spec.Output.Columns {
		want = append(want, c.Name)
	}
	var names []string
	var rows [][]string
	if spec.Output.Format == "parquet" {
		r, err := table.OpenParquet(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		b, err := table.ReadAll(r, 100)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range b.Cols {
			names = append(names, c.Name)
			if i > 0 && string(c.Type) != spec.Output.Columns[i-1].Type {
				t.Errorf("column %s has type %s", c.Name, c.Type)
			}
		}
		for i := range b.Rows {
			var row []string
			for k := range b.Cols {
				s, _ := b.Cols[k].Text(i)
				row = append(row, s)
			}
			rows = append(rows, row)
		}
	} else {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		names, rows = all[0], all[1:]
	}
	if !slices.Equal(names, want) {
		t.Errorf("columns %q, want %q", names, want)
	}
	return rows
}

// sampleParquet writes what `aihub test` would put into /input.
func sampleParquet(t *testing.T, path string) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := table.NewBatch([]table.Field{{Name: "lamp_id", Type: table.String}, {Name: "amps", Type: table.Float64}}, 10)
	for i, id := range strings.Split("abcdefghij", "") {
		b.Cols[0].AppendStr(id)
		b.Cols[1].AppendFlt(float64(i))
	}
	b.Rows = 10
	w, err := table.NewParquetWriter(f, b.Schema())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// borrowModules lets the Parquet example build without a network, with the
// module versions of this repository, and holds the kit's pin to them.
func borrowModules(t *testing.T, dir string) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	pin := strings.TrimSpace(string(own[bytes.LastIndexByte(bytes.TrimSpace(own), '\n'):]))
	if pin = strings.TrimPrefix(pin, "require "); !strings.Contains(string(mod), pin) {
		t.Errorf("the kit pins %q, which this repository does not use", pin)
	}
	sum, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"go.mod": bytes.Replace(mod, []byte("module aihub"), []byte("module algorithm"), 1), "go.sum": sum} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func checkReadme(t *testing.T, dir string, spec Spec, lang aihub.Lang) {
	names := map[aihub.Lang]string{lang: "README.md", aihub.ZH: "README.zh.md", aihub.EN: "README.en.md"}
	names[lang] = "README.md"
	for l, name := range names {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{spec.Title.In(l), spec.Summary.In(l), spec.Input.File, spec.Output.File, spec.Metrics[0].Use, KnownMetrics[spec.Metrics[0].Use].Title.In(l), "512MiB"} {
			if !strings.Contains(string(raw), want) {
				t.Errorf("%s does not say %q", name, want)
			}
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "scenario.json"))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		t.Fatal(err)
	}
	if back, err := ParseCanonical(compact.Bytes()); err != nil || back.Name != spec.Name {
		t.Errorf("scenario.json: %v", err)
	}
}

// TestKitInput: what the kit shows as /input holds no label, in any format.
func TestKitInput(t *testing.T) {
	for format, want := range map[string]string{
		"csv":   "lamp_id,amps,hours,路段\na,1.5,10,\"深南, 东\"\nb,,20,x\n",
		"jsonl": "{\"lamp_id\":\"a\",\"amps\":1.5,\"hours\":10,\"路段\":\"深南, 东\"}\n{\"lamp_id\":\"b\",\"amps\":null,\"hours\":20,\"路段\":\"x\"}\n",
	} {
		spec, _, err := Parse("spec.yaml", []byte(strings.Replace(good(t), "  key: lamp_id", "  key: lamp_id\n  format: "+format, 1)))
		if err != nil {
			t.Fatal(err)
		}
		files, err := Kit(aihub.Ref{Name: spec.Name, Version: 1}, spec, lights().Columns, "amd64", strings.NewReader(lightsSample), aihub.ZH)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(files, func(f KitFile) bool { return f.Path == "sample/input/input."+format })
		if i < 0 || !strings.HasPrefix(string(files[i].Data), want) {
			t.Errorf("%s: %q", format, files[max(i, 0)].Data)
		}
	}
}

func TestKitRefusesBadSample(t *testing.T) {
	spec, _ := parseGood(t)
	for name, sample := range map[string]string{
		"empty":     "",
		"no column": "lamp_id,amps,hours\na,1,2\n",
		"ragged":    "lamp_id,amps,hours,路段,state\na,1\n",
	} {
		if _, err := Kit(aihub.Ref{Name: "x", Version: 1}, spec, lights().Columns, "amd64", strings.NewReader(sample), aihub.ZH); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Kit(aihub.Ref{Name: "x", Version: 1}, spec, lights().Columns, "amd64", brokenReader{}, aihub.ZH); err == nil {
		t.Error("a read error went unnoticed")
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, fmt.Errorf("connection lost") }
