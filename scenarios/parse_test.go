package scenarios

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aihub"
)

var update = flag.Bool("update", false, "rewrite the expected part of testdata/*.txt")

// TestGolden runs testdata/*.txt: a spec, a line "-- result --", and either the
// canonical form or every fault in both languages.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no cases in testdata")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := strings.Cut(string(raw), "-- result --\n")
			if !ok {
				t.Fatal("no separator")
			}
			var got string
			_, canonical, err := Parse("spec.yaml", []byte(input))
			var e *aihub.Error
			switch {
			case err == nil:
				got = string(canonical) + "\n"
			case errors.As(err, &e):
				got = e.In(aihub.EN) + "\n" + e.In(aihub.ZH) + "\n"
			default:
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, []byte(input+"-- result --\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// good returns the spec of testdata/minimal.txt.
func good(t testing.TB) string {
	raw, err := os.ReadFile("testdata/minimal.txt")
	if err != nil {
		t.Fatal(err)
	}
	input, _, _ := strings.Cut(string(raw), "-- result --\n")
	return input
}

func parseGood(t testing.TB) (Spec, []byte) {
	spec, canonical, err := Parse("spec.yaml", []byte(good(t)))
	if err != nil {
		t.Fatal(err)
	}
	return spec, canonical
}

// broken is one mistake in an otherwise good spec, and the only fault it gives.
var broken = []struct {
	name, old, new string
	code, where    string
	schema         bool // the JSON Schema sees it, too
}{
	{"apiVersion", "aihub/v1", "aihub/v9", "bad_value", "line 1, column 13", true},
	{"unknown key", "area: governance", "area: governance\nareas: x", "unknown_key", "line 13, column 1", true},
	{"duplicate key", "area: governance", "area: governance\narea: education", "duplicate_key", "line 13, column 1", false},
	{"name", "name: street-lights", "name: Street Lights", "bad_value", "line 3, column 7", true},
	{"one language", "title: {zh: 路灯故障识别, en: Street light faults}", "title: {zh: 路灯}", "missing", "line 4, column 1", true},
	{"field", "field: big-data", "field: bigdata", "bad_value", "line 11, column 8", true},
	{"dataset without version", "dataset: street-lights@1", "dataset: street-lights", "bad_value", "line 14, column 10", true},
	{"no dataset", "dataset: street-lights@1\n", "", "missing", "line 1, column 1", true},
	{"key among columns", "[amps, hours, 路段]", "[amps, lamp_id]", "key_in_columns", "line 17, column 19", false},
	{"truth among columns", "[amps, hours, 路段]", "[amps, state]", "truth_in_input", "line 17, column 19", false},
	{"column twice", "[amps, hours, 路段]", "[amps, amps]", "duplicate", "line 17, column 19", true},
	{"no columns", "[amps, hours, 路段]", "[]", "missing", "line 17, column 3", true},
	{"input format", "  key: lamp_id", "  key: lamp_id\n  format: xlsx", "bad_value", "line 17, column 11", true},
	{"input file", "  key: lamp_id", "  key: lamp_id\n  file: ../x.csv", "bad_value", "line 17, column 9", true},
	{"task.json", "  key: lamp_id", "  key: lamp_id\n  file: task.json", "bad_value", "line 17, column 9", true},
	{"output type", "type: string", "type: varchar", "bad_value", "line 20, column 27", true},
	{"classes differ", "type: string", "type: string, classes: [ok, bad]", "metric_misfit", "line 25, column 5", false},
	{"class twice", "[ok, broken]", "[ok, broken, ok]", "duplicate", "", true},
	{"one class", "[ok, broken]", "[ok]", "out_of_range", "", true},
	{"no classes", "  classes: [ok, broken]\n", "", "metric_misfit", "line 24, column 10", false},
	{"number for class metric", "type: string", "type: float64", "metric_misfit", "line 25, column 5", false},
	{"unknown metric", "use: f1@1", "use: f1", "unknown_metric", "line 25, column 10", true},
	{"metric with parameter", "use: f1@1", "use: accuracy@1\n    params: {beta: 2}", "bad_param", "line 26, column 20", false},
	{"bad parameter", "use: f1@1", "use: f1@1\n    params: {average: best}", "bad_param", "line 26, column 23", false},
	{"wrong direction", "use: f1@1", "use: f1@1\n    direction: min", "bad_value", "line 26, column 16", false},
	{"two primaries", "use: f1@1", "{use: f1@1, primary: true}\n  - {use: accuracy@1, primary: true}", "primary_metric", "line 24, column 1", false},
	{"no primary", "use: f1@1", "{use: f1@1}\n  - {use: accuracy@1}", "primary_metric", "line 24, column 1", false},
	{"same id", "use: f1@1", "{use: f1@1, primary: true}\n  - {use: accuracy@1, id: f1}", "duplicate", "line 26, column 27", false},
	{"regression on classes", "use: f1@1", "{use: f1@1, primary: true}\n  - {use: mae@1}", "metric_misfit", "", false},
	{"memory", "metrics:", "limits: {memory: 1GB}\nmetrics:", "bad_value", "line 24, column 18", true},
	{"cpus", "metrics:", "limits: {cpus: 65}\nmetrics:", "out_of_range", "line 24, column 16", true},
	{"wall", "metrics:", "limits: {wall: 25h}\nmetrics:", "out_of_range", "line 24, column 16", false},
	{"written zero", "metrics:", "limits: {pids: 0}\nmetrics:", "out_of_range", "line 24, column 16", true},
	{"model", "metrics:", "train: {limits: {output: 65GiB}}\nmetrics:", "out_of_range", "line 24, column 26", false},
	{"labels over the input", "metrics:", "train: {labels: input.csv}\nmetrics:", "bad_value", "line 24, column 17", false},
	{"labels elsewhere", "metrics:", "train: {labels: ../labels}\nmetrics:", "bad_value", "line 24, column 17", true},
	{"no training runs", "metrics:", "train: {quota: 0}\nmetrics:", "out_of_range", "line 24, column 16", true},
	{"workspace alone", "metrics:", "workspace: {}\nmetrics:", "no_train", "line 24, column 1", false},
	{"workspace too long", "metrics:", "train: {}\nworkspace: {wall: 13h}\nmetrics:", "out_of_range", "line 25, column 19", false},
	{"workspace idle for long", "metrics:", "train: {}\nworkspace: {wall: 5m, idle: 6m}\nmetrics:", "out_of_range", "line 25, column 29", false},
	{"environment", "metrics:", "environment: {PATH: /bin}\nmetrics:", "bad_environment", "line 24, column 21", true},
	{"no step", "    step: 0.02", "    tick: 5s", "missing", "line 27, column 3", true},
	{"step too large", "step: 0.02", "step: 3", "out_of_range", "line 28, column 11", false},
	{"negative step", "step: 0.02", "step: -0.1", "out_of_range", "line 28, column 11", true},
	{"tick", "step: 0.02", "step: 0.02\n    tick: 25h", "out_of_range", "line 29, column 11", false},
	{"release", "step: 0.02", "step: 0.02\n    release: always", "bad_value", "line 29, column 14", true},
	{"range misses the best", "step: 0.02", "step: 0.02\n    range: [0, 0.9]", "out_of_range", "line 29, column 5", false},
	{"range of one", "step: 0.02", "step: 0.02\n    range: [0]", "bad_value", "line 29, column 5", true},
	{"hidden logs", "  score:", "  logs: {hidden: open}\n  score:", "bad_value", "line 27, column 18", true},
	{"no rounds", "rounds:\n  - name: spring\n", "rounds: []\n", "missing", "line 29, column 1", true},
	{"round twice", "- name: spring", "- name: spring\n  - {name: spring, part: final, closes: 2026-12-31T00:00:00Z}", "duplicate", "line 31, column 12", false},
	{"part twice", "- name: spring", "- name: spring\n  - name: autumn", "shared_part", "line 31, column 5", false},
	{"part", "- name: spring", "- {name: spring, part: train}", "bad_value", "line 30, column 26", true},
	{"quota", "- name: spring", "- {name: spring, quota: 101}", "out_of_range", "line 30, column 27", true},
	{"final more than once", "- name: spring", "- {name: spring, part: final, quota: 2, closes: 2026-12-31T00:00:00Z}", "out_of_range", "line 30, column 40", false},
	{"budget", "- name: spring", "- {name: spring, bits: 3}", "budget_too_small", "line 30, column 26", false},
	{"closes before it opens", "- name: spring", "- {name: spring, opens: 2026-02-01T00:00:00Z, closes: 2026-01-01T00:00:00Z}", "bad_value", "line 30, column 57", false},
	{"no agreement", "agreement: {zh: 仅用于本场景。, en: For this scenario only.}", "", "missing", "", true},
}

func TestOneFault(t *testing.T) {
	src := good(t)
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(src, c.old) {
				t.Fatalf("the good spec has no %q", c.old)
			}
			_, _, err := Parse("spec.yaml", []byte(strings.Replace(src, c.old, c.new, 1)))
			var e *aihub.Error
			if !errors.As(err, &e) {
				t.Fatal("no fault was found")
			}
			if e.Kind != aihub.Contract || e.Hint.IsZero() {
				t.Errorf("kind %s, hint %+v", e.Kind, e.Hint)
			}
			codes := []string{}
			for _, f := range e.Faults {
				codes = append(codes, f.Code)
				if f.Message.ZH == "" || f.Message.EN == "" || f.Message.ZH == f.Message.EN {
					t.Errorf("message in one language: %+v", f.Message)
				}
			}
			if !slices.Contains(codes, c.code) || len(slices.Compact(codes)) != 1 {
				t.Fatalf("faults %v, want only %s", e.Faults, c.code)
			}
			if c.where != "" && e.Faults[0].Where != c.where {
				t.Errorf("at %s, want %s: %v", e.Faults[0].Where, c.where, e.Faults)
			}
		})
	}
}

// TestCanonicalRoundTrip shows that what the store keeps is what was parsed,
// and that neither key order nor spelled-out defaults change the digest.
func TestCanonicalRoundTrip(t *testing.T) {
	spec, canonical := parseGood(t)
	back, err := ParseCanonical(canonical)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spec, back); diff != "" {
		t.Errorf("-parsed +from canonical:\n%s", diff)
	}
	again, err := Canonical(back)
	if err != nil || string(again) != string(canonical) {
		t.Errorf("canonical form changed: %v\n%s\n%s", err, canonical, again)
	}
	same := strings.Replace(good(t), "metrics:", "limits: {memory: 536870912, wall: 300s}\nmetrics:", 1)
	same = strings.Replace(same, "  - use: f1@1", "  - {direction: max, params: {zero_division: 0, average: macro}, use: f1@1, primary: true}", 1)
	_, other, err := Parse("spec.yaml", []byte(same))
	if err != nil {
		t.Fatal(err)
	}
	if Digest(other) != Digest(canonical) {
		t.Errorf("spelled-out defaults change the digest:\n%s\n%s", canonical, other)
	}
	_, other, err = Parse("spec.yaml", []byte(strings.Replace(good(t), "step: 0.02", "step: 0.03", 1)))
	if err != nil || Digest(other) == Digest(canonical) {
		t.Errorf("another step must change the digest (%v)", err)
	}
}

// TestTrain shows that training is offered only by a scenario that says so, and
// what it then gets when it says no more.
func TestTrain(t *testing.T) {
	spec, canonical := parseGood(t)
	if spec.Train != nil || strings.Contains(string(canonical), "train") {
		t.Errorf("training is open by itself: %s", canonical)
	}
	open, _, err := Parse("spec.yaml", []byte(strings.Replace(good(t), "metrics:", "limits: {memory: 1GiB}\ntrain: {limits: {wall: 1h}}\nmetrics:", 1)))
	if err != nil {
		t.Fatal(err)
	}
	want := open.Limits
	want.Wall, want.Output, want.Inodes = Duration(time.Hour), 64*MiB, 1024
	if diff := cmp.Diff(&Train{Labels: "labels.csv", Quota: 20, Limits: want}, open.Train); diff != "" || want.Memory != GiB {
		t.Error(diff)
	}
	task, err := NewTrainTask(lights().Ref, open, lights().Columns)
	if err != nil || task.Labels == nil || task.Labels.File != "labels.csv" || task.Labels.Columns[0].Name != "state" {
		t.Errorf("%+v %v", task, err)
	}
	if task, err = NewTask(lights().Ref, open, lights().Columns); err != nil || task.Labels != nil {
		t.Errorf("the task of a hidden run tells of labels: %+v %v", task, err)
	}
	if _, err = NewTrainTask(lights().Ref, spec, lights().Columns); err == nil {
		t.Error("a task for a training that is not offered")
	}
}

func TestParseCanonicalRefuses(t *testing.T) {
	_, canonical := parseGood(t)
	for name, data := range map[string]string{
		"unknown key": strings.Replace(string(canonical), `"area"`, `"arena":1,"area"`, 1),
		"two values":  string(canonical) + "{}",
		"cut off":     string(canonical[:len(canonical)/2]),
	} {
		if _, err := ParseCanonical([]byte(data)); aihub.KindOf(err) != aihub.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCanonicalJSON checks the spelling of RFC 8785, section 3.2 and appendix B.
func TestCanonicalJSON(t *testing.T) {
	spec, _ := parseGood(t)
	spec.Environment = map[string]string{"\u20ac": "", "\r": "", "1": "", "\U0001f600": "", "\u00f6": "", "\ufb33": ""}
	spec.Metrics[0].Params = map[string]any{"a": 333333333.33333329, "b": 1e30, "c": 4.5, "d": 2e-3, "e": 1e-27, "f": 1e21, "g": -0.0, "h": "\u20ac$\u000f\nA'B\"\\\\\"/<>&\u2028"}
	b, err := Canonical(spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"environment":{"\r":"","1":"","ö":"","€":"","😀":"","` + "\ufb33" + `":""}`,
		`"params":{"a":333333333.3333333,"b":1e+30,"c":4.5,"d":0.002,"e":1e-27,"f":1e+21,"g":0,"h":"€$\u000f\nA'B\"\\\\\"/<>&` + "\u2028" + `"}`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("missing %s in\n%s", want, b)
		}
	}
}

func TestAgreementDigest(t *testing.T) {
	spec, _ := parseGood(t)
	before := AgreementDigest(spec)
	spec.Title.EN = "other"
	if AgreementDigest(spec) != before {
		t.Error("the title is not part of the agreement")
	}
	spec.Agreement.ZH += "。"
	if AgreementDigest(spec) == before {
		t.Error("a changed agreement has the same digest")
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		raw, _ := os.ReadFile(file)
		input, _, _ := strings.Cut(string(raw), "-- result --\n")
		f.Add([]byte(input))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, canonical, err := Parse("spec.yaml", data)
		if err != nil {
			var e *aihub.Error
			if !errors.As(err, &e) || len(e.Faults) == 0 {
				t.Fatalf("refused without a fault: %v", err)
			}
			return
		}
		back, err := ParseCanonical(canonical)
		if err != nil {
			t.Fatalf("the canonical form does not parse: %v", err)
		}
		again, err := Canonical(back)
		if err != nil || string(again) != string(canonical) {
			t.Fatalf("the canonical form is not stable: %v", err)
		}
		if faults := Lint(spec); len(faults) > 0 {
			t.Fatalf("Parse accepted what Lint refuses: %v", faults)
		}
	})
}
