package evaluator

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aihub"
	"aihub/scenarios"
)

// The starter kit's examples write a file that passes the check, in every format.
func TestKitFormats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format, metric string
		build          bool // the Go example, too: formats of lines share its code
	}{
		{scenarios.FormatCOCO, "coco_ap@1", true},
		{scenarios.FormatRTTM, "der@1", false},
		{scenarios.FormatCTM, "cer@1", false},
		{scenarios.FormatTREC, "map@1", false},
		{scenarios.FormatMasks, "miou@1, params: {classes: 2}", true},
		{scenarios.FormatPictures, "ssim@1, params: {range: 255}", false},
		{"jsonl", "idf1@1", true},
		{"csv", "link_mrr@1", false},
	} {
		t.Run(c.format, func(t *testing.T) {
			t.Parallel()
			spec := unitSpec(t, c.format, "  - {use: "+c.metric+", primary: true}\n")
			files, err := scenarios.Kit(aihub.Ref{Name: "units", Version: 1}, spec, []aihub.Column{{Name: "x", Type: "string"}}, "amd64", strings.NewReader("id,x,label\nunit-0,1,a\nunit-1,2,b\n"), aihub.EN)
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
			ids, err := NewIDs([]string{"unit-0", "unit-1"})
			if err != nil {
				t.Fatal(err)
			}
			run := func(command ...string) {
				out := t.TempDir()
				cmd := exec.Command(command[0], append(command[1:], "--input", dir+"/sample/input", "--output", out, "--sample", dir+"/sample.csv")...)
				if b, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, b)
				}
				if _, faults, err := CheckPredictions(t.Context(), spec, filepath.Join(out, spec.Output.File), ids); err != nil || faults != nil {
					t.Errorf("%s: %v %+v", command[0], err, faults)
				}
			}
			if c.build {
				build := exec.Command("go", "build", "-o", "../algorithm", ".")
				build.Dir = filepath.Join(dir, "go")
				build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
				if b, err := build.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, b)
				}
				run(filepath.Join(dir, "algorithm"))
			}
			if _, err := exec.LookPath("python3"); err != nil {
				t.Log("the Python example was not run: install python3")
				return
			}
			run("python3", filepath.Join(dir, "python/main.py"))
		})
	}
}
