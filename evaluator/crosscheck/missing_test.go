package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bare writes a Python that has nothing but its own library, and cannot install anything.
func bare(t *testing.T, path string) string {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no python3 here, and in CI it must be tested")
		}
		t.Skip("no python3 here")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n[ \"$2\" != pip ] || { echo 'ERROR: no distribution of it'; exit 1; }\nexec python3 -I -S -B \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// Where no reference is installed each family says which one is missing, is compared
// with what is written out alone, and that is no failure.
func TestNoReferenceHere(t *testing.T) {
	python := bare(t, filepath.Join(t.TempDir(), "python"))
	var out bytes.Buffer
	want := map[string]string{"classes": "numpy", "errors": "jiwer", "coco": "numpy", "keypoints": "numpy"}
	if err := run(&out, python, 5, 20, 0, "classes,errors,coco,keypoints", "", "1", ".", filepath.Join(t.TempDir(), "results"), "", false); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	family, said := "", map[string]string{}
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, " ") {
			family = strings.Fields(line)[0]
		}
		if s, ok := strings.CutPrefix(line, "  missing on this machine: "); ok {
			said[family] = s
		}
		if strings.HasPrefix(line, "  accuracy@1") && !strings.Contains(line, "written out 20 ") {
			t.Errorf("accuracy was not compared: %s", line)
		}
	}
	for f, module := range want {
		if !strings.Contains(said[f], module) {
			t.Errorf("%s: missing is said to be %q, and %s is\n%s", f, said[f], module, out.String())
		}
	}
}

// The script names every package that does not install, with pip's last words, and goes on.
func TestScriptNamesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	bare(t, filepath.Join(dir, "bin/crosscheck/venv/bin/python"))
	here := filepath.Join(dir, "evaluator/crosscheck")
	if err := os.MkdirAll(filepath.Join(here, "reference"), 0o755); err != nil {
		t.Fatal(err)
	}
	packages := []string{}
	for _, name := range []string{"crosscheck.sh", "reference/requirements.txt"} {
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(here, name), b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = strings.Split(strings.TrimSpace(string(b)), "\n")
	}
	cmd := exec.Command("sh", filepath.Join(here, "crosscheck.sh"), "20", "5")
	cmd.Env = append(os.Environ(), "GO=echo")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, p := range packages {
		if !strings.Contains(string(out), "not installed on this machine: "+p+" (ERROR: no distribution of it)\n") {
			t.Errorf("%s is not named in\n%s", p, out)
		}
	}
	if !strings.Contains(string(out), "run ./evaluator/crosscheck -python bin/crosscheck/venv/bin/python -written 20 -cases 5") || len(packages) < 20 {
		t.Errorf("it did not go on:\n%s", out)
	}
}
