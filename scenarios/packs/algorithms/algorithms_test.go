package algorithms

import (
	"bytes"
	"encoding/csv"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aihub"
	"aihub/scenarios"
	"aihub/scenarios/packs"
)

// stage prepares a run of a pack's algorithm as the sandbox would, on a fifth of
// the rows as public sample and the rest as input. It returns the program and
// the truth by row id.
func stage(t *testing.T, name string) (program, map[string]string) {
	t.Helper()
	pack, ok := packs.Get(name)
	if !ok {
		t.Fatalf("no pack %s", name)
	}
	spec, _, err := scenarios.Parse(name, pack.Spec)
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if err := pack.Generate(&raw, 7, 5000); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&raw).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	header, rows := rows[0], rows[1:]
	at := func(name string) int {
		k := slices.Index(header, name)
		if k < 0 {
			t.Fatalf("the raw file has no column %s", name)
		}
		return k
	}

	dir := t.TempDir()
	p := program{input: dir + "/input", output: dir + "/output", sample: dir + "/sample.csv", stderr: &bytes.Buffer{}}
	for _, d := range []string{p.input, p.output} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var columns []aihub.Column
	for _, c := range spec.Input.Columns {
		columns = append(columns, aihub.Column{Name: c, Type: "string"})
	}
	task, err := scenarios.NewTask(aihub.Ref{Name: name, Version: 1}, spec, columns)
	if err != nil {
		t.Fatal(err)
	}
	j, err := task.JSON()
	if err != nil {
		t.Fatal(err)
	}
	put(t, p.input+"/task.json", j)

	want := append([]string{spec.Input.Key}, spec.Input.Columns...)
	truth := map[string]string{}
	sample, input := [][]string{append(want, spec.Truth.Column)}, [][]string{want}
	for i, r := range rows {
		var out []string
		for _, c := range want {
			out = append(out, r[at(c)])
		}
		if label := r[at(spec.Truth.Column)]; i%5 == 0 {
			sample = append(sample, append(out, label))
		} else {
			input = append(input, out)
			truth[out[0]] = label
		}
	}
	put(t, p.sample, csvBytes(t, sample))
	put(t, p.input+"/"+spec.Input.File, csvBytes(t, input))
	return p, truth
}

func csvBytes(t *testing.T, rows [][]string) []byte {
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func put(t *testing.T, name string, b []byte) {
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// predict runs p and returns what it answered by row id.
func predict(t *testing.T, p program, args ...string) map[string]string {
	t.Helper()
	if code := p.main(args); code != 0 {
		t.Fatalf("exit %d: %s", code, p.stderr)
	}
	raw, err := os.ReadFile(p.output + "/predictions.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range rows[1:] {
		out[r[0]] = r[1]
	}
	return out
}

func TestDispatch(t *testing.T) {
	p, truth := stage(t, "event-dispatch")
	accuracy := func(kind string) float64 {
		got, hits := predict(t, p, kind, "event-dispatch"), 0
		if len(got) != len(truth) {
			t.Fatalf("%s: %d predictions for %d rows", kind, len(got), len(truth))
		}
		for id, want := range truth {
			if got[id] == want {
				hits++
			}
		}
		return float64(hits) / float64(len(truth))
	}
	baseline, weak := accuracy("baseline"), accuracy("weak")
	t.Logf("accuracy: baseline %.3f, weak %.3f", baseline, weak)
	if baseline < 0.72 || baseline > 0.88 {
		t.Errorf("baseline %.3f: the task should be neither hopeless nor solved", baseline)
	}
	if weak < 0.15 || weak > 0.25 {
		t.Errorf("weak %.3f: the largest department should hold about a fifth", weak)
	}
}

// TestTrainDispatch trains on the input with its labels and answers with what
// that left, as two runs do; on the rows that it learned from it is good.
func TestTrainDispatch(t *testing.T) {
	p, truth := stage(t, "event-dispatch")
	p.model = p.output
	edit(t, p.input+"/task.json", `"output": {`, `"labels": {"file": "labels.csv", "format": "csv", "key": "event_id", "columns": [{"name": "department"}]}, "output": {`)
	in, err := readTable(p.input + "/events.csv")
	if err != nil {
		t.Fatal(err)
	}
	labels := [][]string{{"event_id", "department"}}
	for _, r := range in.rows {
		labels = append(labels, []string{r[0], truth[r[0]]})
	}
	put(t, p.input+"/labels.csv", csvBytes(t, labels))
	if code := p.main([]string{"train", "event-dispatch"}); code != 0 {
		t.Fatalf("exit %d: %s", code, p.stderr)
	}
	os.Remove(p.sample)
	hits := 0
	for id, got := range predict(t, p, "trained", "event-dispatch") {
		if got == truth[id] {
			hits++
		}
	}
	if accuracy := float64(hits) / float64(len(truth)); accuracy < 0.8 {
		t.Errorf("accuracy %.3f on what it learned from", accuracy)
	}
	put(t, p.input+"/labels.csv", csvBytes(t, labels[:9]))
	if code := p.main([]string{"train", "event-dispatch"}); code != 1 {
		t.Errorf("labels of other rows: exit %d", code)
	}
}

func TestPlaces(t *testing.T) {
	p, truth := stage(t, "school-places")
	rmse := func(kind string) float64 {
		got, sum := predict(t, p, kind, "school-places"), 0.0
		if len(got) != len(truth) {
			t.Fatalf("%s: %d predictions for %d rows", kind, len(got), len(truth))
		}
		for id, want := range truth {
			y, _ := strconv.ParseFloat(want, 64)
			f, err := strconv.ParseFloat(got[id], 64)
			if err != nil || f < 0 || f > 2000 {
				t.Fatalf("%s: prediction %q", kind, got[id])
			}
			sum += (y - f) * (y - f)
		}
		return math.Sqrt(sum / float64(len(truth)))
	}
	baseline, weak := rmse("baseline"), rmse("weak")
	t.Logf("rmse: baseline %.2f, weak %.2f", baseline, weak)
	if weak > 45 {
		t.Errorf("weak %.2f lies outside the range that is released", weak)
	}
	if baseline > 0.6*weak || baseline < 2 {
		t.Errorf("baseline %.2f, weak %.2f", baseline, weak)
	}
}

// TestBadInput expects exit 1 and a message that names file and place.
func TestBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(p program)
		want   string
	}{
		"no task":      {func(p program) { os.Remove(p.input + "/task.json") }, "task.json"},
		"task no JSON": {func(p program) { put(t, p.input+"/task.json", []byte("{")) }, "task.json"},
		"parquet":      {func(p program) { edit(t, p.input+"/task.json", `"format": "csv"`, `"format": "parquet"`) }, `format "parquet"`},
		"no sample":    {func(p program) { os.Remove(p.sample) }, "belongs into the image"},
		"empty sample": {func(p program) { put(t, p.sample, nil) }, "the file is empty"},
		"no rows":      {func(p program) { put(t, p.sample, []byte("record_id,demand\n")) }, "no rows"},
		"no key":       {func(p program) { edit(t, p.input+"/filings.csv", "record_id", "id") }, `no column "record_id"`},
		"no column":    {func(p program) { edit(t, p.input+"/filings.csv", "children", "kids") }, `no column "children"`},
		"no label":     {func(p program) { edit(t, p.sample, "demand", "wanted") }, `no column "demand"`},
		"ragged":       {func(p program) { edit(t, p.input+"/filings.csv", "福田区,", "") }, "record on line"},
		"not a number": {func(p program) { edit(t, p.input+"/filings.csv", ",2019,", ",MMXIX,") }, `"MMXIX" is not a number`},
		"no output":    {func(p program) { os.Remove(p.output) }, "predictions.csv"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := stage(t, "school-places")
			c.damage(p)
			if code := p.main([]string{"baseline", "school-places"}); code != 1 {
				t.Errorf("exit %d", code)
			}
			if msg := p.stderr.(*bytes.Buffer).String(); !strings.Contains(msg, c.want) {
				t.Errorf("message %q does not say %q", msg, c.want)
			}
		})
	}
}

func edit(t *testing.T, name, old, new string) {
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(raw, []byte(old)) {
		t.Fatalf("%s has no %q", name, old)
	}
	put(t, name, bytes.ReplaceAll(raw, []byte(old), []byte(new)))
}

func TestUsage(t *testing.T) {
	var b bytes.Buffer
	p := program{stderr: &b}
	if code := p.main([]string{"best", "event-dispatch"}); code != 2 || !strings.Contains(b.String(), "algorithm weak school-places") {
		t.Errorf("exit %d: %s", code, b.String())
	}
}

// TestStandardLibraryOnly: the program goes into images of a few megabytes and
// must show vendors that no library of ours is needed.
func TestStandardLibraryOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(out)); !slices.Equal(got, []string{"aihub/scenarios/packs/algorithms"}) {
		t.Errorf("depends on %v", got)
	}
}
