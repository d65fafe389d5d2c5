package runnertest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/scenarios"
)

// PythonVar names the directory of an unpacked image with Python and numpy, made
// of Debian's packages by deploy/python-root.sh; make test sets it.
const PythonVar = "AIHUB_TEST_PYTHON"

// sums reads its input with numpy, computes a little, tries to write where it may
// not, and leaves a prediction for each row.
const sums = `
import numpy as np, os, sys
rows = np.genfromtxt("/input/data.csv", delimiter=",", skip_header=1, dtype=None, encoding="utf-8")
a = np.arange(10000, dtype=np.float64).reshape(100, 100)
print("trace", int(np.trace(a @ a.T)), "uid", os.getuid(), "rows", rows.size)
try:
    open("/usr/x", "w")
except OSError as e:
    print("refused", e.errno)
np.savetxt("/output/predictions.csv", np.atleast_1d(rows["f1"]) * 2, fmt="%d", header="label", comments="")
`

// Python runs a real program of the kind that vendors send: an interpreter with
// shared libraries and thousands of files.
func Python(t *testing.T, r sandbox.Runner) {
	rootfs := os.Getenv(PythonVar)
	if rootfs == "" && os.Getenv("CI") == "" {
		t.Skip("needs an image with Python: make test, or make test-python")
	}
	if rootfs == "" {
		t.Fatal("the image with Python was not made: see what deploy/python-root.sh says")
	}
	s := &suite{runner: r, rootfs: rootfs, image: aihub.DigestOf([]byte(rootfs))}
	j, log := s.job(t)
	j.Args, j.Collect = []string{"/usr/bin/python3", "-c", sums}, []string{"predictions.csv"}
	j.Limits.Memory, j.Limits.Wall = 512<<20, scenarios.Duration(5*time.Minute)
	res, err := r.Run(context.Background(), j)
	if err != nil || res.Failure.Reason != "" {
		t.Fatalf("%+v, %v\n%s", res, err, log)
	}
	if want := "trace 333283335000 uid 65532 rows 1\n"; !strings.Contains(log.String(), want) || !strings.Contains(log.String(), "refused ") {
		t.Errorf("it said %q, want %q", log, want)
	}
	b, err := os.ReadFile(filepath.Join(j.Output, "predictions.csv"))
	if err != nil || string(b) != "label\n2\n" {
		t.Errorf("predictions %q, %v", b, err)
	}
	nothingLeft(t, j.ID)
}
